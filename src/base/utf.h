/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 inside, UTF-16LE on the wire. A lone surrogate (legal in an NTFS name) is kept as its
 * three-byte form (WTF-8), so that every name makes the round trip. Case folding is the simple
 * upper-case mapping of the BMP, as NTFS does it. */
#pragma once

#include "base/base.h"
#include "base/wr.h"

/* Decode one code point at s (left > 0 bytes); returns its length, 0 when malformed. */
NODISCARD size_t utf8_decode(const char *s, size_t left, uint32_t *cp);
/* A code point up to U+10FFFF, lone surrogates too; returns the bytes written, without a
 * terminator. */
size_t utf8_encode(uint32_t cp, char out[4]);
/* Is s[0..len) well-formed (WTF-8, no NUL)? */
NODISCARD bool utf8_is_valid(const char *s, size_t len);
/* UTF-16LE bytes to an owned, terminated UTF-8 string. NULL: odd length, an embedded NUL or no
 * memory. */
NODISCARD char *utf16le_to_utf8(const uint8_t *p, size_t len_bytes);
/* Append s as UTF-16LE, no terminator; malformed bytes become U+FFFD. Returns bytes appended. */
size_t wr_utf16(struct wr *w, const char *s);
/* How many bytes wr_utf16 would append. */
size_t utf16_len_bytes(const char *s);
/* Simple upper case of a code point (BMP; others unchanged). */
uint32_t utf_upcase(uint32_t cp);
/* Equal or ordered without regard to case, code point by code point. */
bool utf8_ieq(const char *a, const char *b);
int utf8_icmp(const char *a, const char *b);
/* A keyed hash that is equal for names that are utf8_ieq. len bytes at s. */
uint64_t utf8_ihash(uint64_t seed, const char *s, size_t len);
