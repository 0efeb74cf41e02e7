/* SPDX-License-Identifier: Apache-2.0 */
#include "shown.h"

#include <stdint.h>
#include <string.h>

#define PRIVATE_BASE 0xf000u
#define MAC_BASE 0xf020u
#define SLASH 0xf02fu
#define ESCAPE_BASE 0xdc00u /* and the byte: one that is no UTF-8 */

static const char MAC_CHARS[] = "\"*:<>?\\| .";

/* Bytes of the character at p, of left that are there; 0: it is not well-formed. */
static size_t char_len(const uint8_t *p, size_t left)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (n == 1) {
        return 1;
    }
    if (p[0] < 0xc2 || p[0] > 0xf4 || n > left) {
        return 0;
    }
    uint32_t cp = p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        cp = cp << 6 | (p[i] & 0x3fu);
    }
    int is_surrogate = cp >= 0xd800 && cp <= 0xdfff;
    return cp < least[n] || cp > 0x10ffff || is_surrogate ? 0 : n;
}

int shown_is_utf8(const char *name, size_t len)
{
    size_t n = 1;
    for (size_t i = 0; i < len && n; i += n) {
        n = char_len((const uint8_t *)name + i, len - i);
    }
    return n != 0;
}

/* What stands for a byte in a name, or 0: itself. */
static uint32_t stand_in(uint8_t c, int is_last)
{
    const char *at = c ? strchr(MAC_CHARS, c) : NULL;
    if (at && ((c != ' ' && c != '.') || is_last)) {
        return MAC_BASE + (uint32_t)(at - MAC_CHARS);
    }
    if (c == '/') {
        return SLASH;
    }
    return c < 0x20 ? PRIVATE_BASE + c : 0;
}

static size_t put_three(char *out, uint32_t cp)
{
    out[0] = (char)(0xe0 | cp >> 12);
    out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[2] = (char)(0x80 | (cp & 0x3f));
    return 3;
}

size_t shown_name(const char *name, size_t len, char out[SHOWN_ROOM])
{
    size_t to = 0;
    size_t units = 0;
    for (size_t i = 0; i < len;) {
        const uint8_t *p = (const uint8_t *)name + i;
        size_t n = char_len(p, len - i);
        uint32_t cp = n == 1 ? stand_in(*p, i + 1 == len) : n == 0 ? ESCAPE_BASE + *p : 0;
        units += n == 4 ? 2 : 1;
        if (units > SHOWN_UNITS_MAX) {
            return 0;
        }
        n = n ? n : 1;
        if (cp) {
            to += put_three(out + to, cp);
        } else {
            memcpy(out + to, p, n);
            to += n;
        }
        i += n;
    }
    out[to] = '\0';
    return to;
}

/* The byte that three stand for, or -1. */
static int original_of(const uint8_t *p)
{
    uint32_t cp = (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3fu);
    if (cp >= ESCAPE_BASE + 0x80 && cp <= ESCAPE_BASE + 0xff) {
        return (int)(cp - ESCAPE_BASE);
    }
    if (cp >= MAC_BASE && cp < MAC_BASE + sizeof(MAC_CHARS) - 1) {
        return (uint8_t)MAC_CHARS[cp - MAC_BASE];
    }
    if (cp == SLASH) {
        return '/';
    }
    return cp > PRIVATE_BASE && cp < PRIVATE_BASE + 0x20 ? (int)(cp - PRIVATE_BASE) : -1;
}

size_t shown_original(const char *shown, size_t len, char *out)
{
    size_t to = 0;
    for (size_t i = 0; i < len;) {
        const uint8_t *p = (const uint8_t *)shown + i;
        int is_three =
            (p[0] & 0xf0) == 0xe0 && len - i >= 3 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80;
        int c = is_three ? original_of(p) : -1;
        out[to++] = c >= 0 ? (char)c : shown[i];
        i += c >= 0 ? 3 : 1;
    }
    out[to] = '\0';
    return to;
}
