/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/stand_in.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"

#define PRIVATE_BASE 0xf000u
#define MAC_BASE 0xf020u

/* By Services for Macintosh U+F020 and on stand for these; control characters for themselves. */
static const char MAC_CHARS[] = "\"*:<>?\\| .";

/* Forbidden wherever it stands. */
static bool is_forbidden(uint32_t c)
{
    return c < 0x20 || (c < 0x80 && str_has_char("\"*:<>?\\|", (char)c));
}

/* What a code point stands for; 0: for itself. */
static char stands_for(uint32_t cp)
{
    uint32_t c = cp - PRIVATE_BASE;
    if (cp <= PRIVATE_BASE || c >= 0x80) {
        return 0;
    }
    if (cp >= MAC_BASE && cp < MAC_BASE + sizeof(MAC_CHARS) - 1) {
        return MAC_CHARS[cp - MAC_BASE];
    }
    return is_forbidden(c) || c == '.' ? (char)c : 0; /* Services for UNIX */
}

static uint32_t stand_in_of(char c)
{
    uint32_t at = 0;
    while (MAC_CHARS[at] && MAC_CHARS[at] != c) {
        at++;
    }
    return MAC_CHARS[at] ? MAC_BASE + at : PRIVATE_BASE + (uint8_t)c;
}

/* The code point at s; a byte that is none stands for itself. */
static size_t next(const char *s, size_t left, uint32_t *cp)
{
    size_t n = utf8_decode(s, left, cp);
    if (n == 0) {
        *cp = (uint8_t)s[0];
        return 1;
    }
    return n;
}

size_t stand_in_settle(const char *s, size_t len, char *out)
{
    size_t to = 0;
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t n = next(s + i, len - i, &cp);
        char c = stands_for(cp);
        char plain = c ? c : n == 1 ? s[i] : 0;
        bool is_bad_end = i + n == len && (plain == '.' || plain == ' ');
        if (is_bad_end || (c && is_forbidden((uint8_t)c))) {
            to += utf8_encode(stand_in_of(plain), out + to);
        } else if (c) {
            out[to++] = c;
        } else {
            mem_copy(out + to, s + i, n);
            to += n;
        }
        i += n;
    }
    return to;
}

bool stand_in_plain(const char *s, char *out)
{
    bool any = false;
    size_t len = str_len(s);
    size_t to = 0;
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t n = next(s + i, len - i, &cp);
        char c = stands_for(cp);
        if (c) {
            out[to++] = c;
            any = true;
        } else {
            mem_copy(out + to, s + i, n);
            to += n;
        }
        i += n;
    }
    out[to] = '\0';
    return any;
}
