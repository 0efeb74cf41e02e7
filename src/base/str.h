/* SPDX-License-Identifier: Apache-2.0 */
/* C strings in UTF-8 and parsing of numbers. */
#pragma once

#include <stdarg.h>

#include "base/base.h"

size_t str_len(const char *s);
bool str_eq(const char *a, const char *b);
/* ASCII case only; for keywords, not for file names (base/utf.h does those). */
bool str_ieq(const char *a, const char *b);
bool str_has_prefix(const char *s, const char *prefix);
bool str_has_suffix(const char *s, const char *suffix);
/* Is c, not 0, one of the characters of s? */
bool str_has_char(const char *s, char c);
/* Owned copies, NULL without memory. str_dup(NULL) is NULL. */
NODISCARD char *str_dup(const char *s);
NODISCARD char *str_ndup(const char *s, size_t n);
NODISCARD char *str_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* As snprintf, always terminated; false when it did not fit (then cut). size >= 1. */
bool str_format(char *buf, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool str_vformat(char *buf, size_t size, const char *fmt, va_list ap);
/* Copy into a fixed buffer; false when cut. */
bool str_copy(char *buf, size_t size, const char *s);
/* The whole string is a decimal (or 0x hexadecimal) number <= max? */
NODISCARD bool str_to_u64(const char *s, uint64_t max, uint64_t *out);
/* "512", "64k", "1M", "2G", "1T" (powers of 1024, any case, optional B or iB) -> bytes. */
NODISCARD bool str_to_size(const char *s, uint64_t *out_bytes);
/* "250", "250ms", "2s", "5m", "1h", any case -> milliseconds. */
NODISCARD bool str_to_ms(const char *s, uint64_t *out_ms);
/* yes/true/on/1 and no/false/off/0, any case. */
NODISCARD bool str_to_bool(const char *s, bool *out);
/* How many letters were added, left out, mistaken or exchanged with the next between two short
 * strings (<= 63 bytes each; longer: 64), ASCII case ignored.
 * For "did you mean". */
unsigned str_distance(const char *a, const char *b);
/* The candidate that word is likely to mean: closest by str_distance, not too far; NULL: none.
 * next(arg, i) gives the i-th candidate, NULL at the end. */
const char *closest_word(const char *word, const char *(*next)(const void *arg, size_t i),
                         const void *arg);
