/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/short_name.h"

#include "base/str.h"
#include "base/utf.h"

#define BASE_MAX 8u
#define EXTENSION_MAX 3u
#define TILDE_AT 6u /* in what is made: a character, five digits, '~', a digit */
#define DIGITS 6u
#define RADIX 36u

#define FNV_BASIS 0xcbf29ce484222325ull
#define FNV_PRIME 0x100000001b3ull

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* [MS-FSCC] 2.1.5.2.1; other scripts are left out, so that every client can write it. */
static bool is_short_char(char c)
{
    return is_letter_or_digit(c) || (c && str_has_char("!#$%&'()-@^_`{}~", c));
}

static char upcase(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static size_t short_run(const char *s)
{
    size_t n = 0;
    while (is_short_char(s[n])) {
        n++;
    }
    return n;
}

bool short_name_is(const char *leaf)
{
    size_t base = short_run(leaf);
    if (base == 0 || base > BASE_MAX) {
        return false;
    }
    if (leaf[base] == '\0') {
        return true;
    }
    size_t extension = leaf[base] == '.' ? short_run(leaf + base + 1) : 0;
    return extension >= 1 && extension <= EXTENSION_MAX && leaf[base + 1 + extension] == '\0';
}

/* Of the name without regard to case: it must never change, clients keep short names in files. */
static uint64_t hash(const char *s)
{
    uint64_t h = FNV_BASIS;
    for (size_t left = str_len(s); left > 0;) {
        uint32_t cp;
        size_t n = utf8_decode(s, left, &cp);
        cp = n > 0 ? utf_upcase(cp) : (uint8_t)s[0];
        n = MAX(n, (size_t)1);
        for (unsigned i = 0; i < 4; i++) {
            h = (h ^ (cp >> (8 * i) & 0xff)) * FNV_PRIME;
        }
        s += n;
        left -= n;
    }
    return h ^ h >> 32;
}

/* What follows the last dot, but for dots that the name begins with; NULL: nothing. */
static const char *extension_of(const char *leaf)
{
    const char *found = NULL;
    while (*leaf == '.') {
        leaf++;
    }
    for (; *leaf; leaf++) {
        found = *leaf == '.' ? leaf + 1 : found;
    }
    return found;
}

static char first_char(const char *leaf)
{
    while (*leaf && !is_letter_or_digit(*leaf)) {
        leaf++;
    }
    return *leaf ? upcase(*leaf) : '_';
}

static size_t extension_make(const char *extension, char *out)
{
    size_t n = 0;
    for (; *extension && n < EXTENSION_MAX; extension++) {
        if (is_short_char(*extension)) {
            out[++n] = upcase(*extension);
        }
    }
    if (n == 0) {
        return 0;
    }
    out[0] = '.';
    return n + 1;
}

bool short_name_make(const char *leaf, char out[SHORT_NAME_MAX + 1])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (short_name_is(leaf)) {
        return false;
    }
    uint64_t h = hash(leaf);
    size_t n = 0;
    out[n++] = first_char(leaf);
    for (unsigned i = 0; i < DIGITS; i++) {
        if (n == TILDE_AT) {
            out[n++] = '~';
        }
        out[n++] = digits[h % RADIX];
        h /= RADIX;
    }
    const char *extension = extension_of(leaf);
    n += extension ? extension_make(extension, out + n) : 0;
    out[n] = '\0';
    return true;
}

static bool may_be(const char *s, size_t len)
{
    if (len < BASE_MAX || len > SHORT_NAME_MAX || len == BASE_MAX + 1 ||
        (s[0] != '_' && !is_letter_or_digit(s[0])) || s[TILDE_AT] != '~') {
        return false;
    }
    for (size_t i = 1; i < len; i++) {
        bool is_in_place = i == TILDE_AT || (i == BASE_MAX && s[i] == '.') ||
                           (i > BASE_MAX ? is_short_char(s[i]) : is_letter_or_digit(s[i]));
        if (!is_in_place) {
            return false;
        }
    }
    return true;
}

bool short_name_may_be(const char *leaf)
{
    return may_be(leaf, str_len(leaf));
}

bool short_name_may_be_in(const char *path)
{
    for (;;) {
        size_t n = 0;
        while (path[n] && path[n] != '/') {
            n++;
        }
        if (may_be(path, n)) {
            return true;
        }
        if (!path[n]) {
            return false;
        }
        path += n + 1;
    }
}
