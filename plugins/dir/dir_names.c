/* SPDX-License-Identifier: Apache-2.0 */
/* Names. What SMB forbids in a name and the host allows stands in the private use area, for which
 * two tables are in use: that of Services for Macintosh (the Linux client unless told otherwise,
 * macOS) and that of Services for UNIX (Cygwin, the Linux client with mapchars). Both are
 * understood; where they differ (U+F020, U+F022) the first one holds, and it is the one that
 * clients are shown. Bytes 80-FF that are no UTF-8 stand as U+DC80-DCFF, and so do those of a
 * character that would not come back as it is: so every name of the host has one name for clients,
 * and no other name has that. Other lone surrogates are WTF-8 on both sides. */
#include "dir_priv.h"

#include <string.h>

#define PRIVATE_BASE 0xf000u
#define SFM_BASE 0x20u /* U+F020 stands for the first of SFM_CHARS */
#define ESCAPE_BASE 0xdc00u

static const char SFM_CHARS[] = "\"*:<>?\\| .";

static bool is_forbidden(uint8_t c)
{
    return c < 0x20 || (c < 0x80 && strchr("\"*:<>?\\|", c) != NULL);
}

static bool is_forbidden_last(uint8_t c)
{
    return c == '.' || c == ' ';
}

/* A three-byte sequence from p on, or 0. left: bytes there. */
static uint32_t three_bytes(const uint8_t *p, size_t left)
{
    if (left < 3 || (p[0] & 0xf0) != 0xe0 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80) {
        return 0;
    }
    return (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3fu);
}

static char *put_three(char *out, uint32_t cp)
{
    *out++ = (char)(0xe0 | cp >> 12);
    *out++ = (char)(0x80 | (cp >> 6 & 0x3f));
    *out++ = (char)(0x80 | (cp & 0x3f));
    return out;
}

/* What a code point of the private use area stands for, or 0: for itself. */
static uint8_t private_char(uint32_t cp)
{
    uint32_t c = cp - PRIVATE_BASE;
    if (c == 0 || c >= 0x80) {
        return 0;
    }
    if (c >= SFM_BASE && c < SFM_BASE + sizeof(SFM_CHARS) - 1) {
        return (uint8_t)SFM_CHARS[c - SFM_BASE];
    }
    return is_forbidden((uint8_t)c) || c == '.' ? (uint8_t)c : 0; /* Services for UNIX */
}

static uint32_t private_for(uint8_t c)
{
    if (c < 0x20) {
        return PRIVATE_BASE + c;
    }
    return PRIVATE_BASE + SFM_BASE + (uint32_t)(strchr(SFM_CHARS, c) - SFM_CHARS);
}

static bool is_escape(uint32_t cp)
{
    return cp >= ESCAPE_BASE + 0x80 && cp <= ESCAPE_BASE + 0xff;
}

/* One component of len bytes to out, which has room for as many; returns its length there. */
static size_t decode_component(const char *name, size_t len, char *out, bool *has_escape)
{
    size_t n = 0;
    *has_escape = false;
    for (size_t i = 0; i < len;) {
        uint32_t cp = three_bytes((const uint8_t *)name + i, len - i);
        uint8_t c = is_escape(cp) ? (uint8_t)(cp - ESCAPE_BASE) : private_char(cp);
        out[n++] = c ? (char)c : name[i];
        *has_escape |= is_escape(cp);
        i += c ? 3 : 1;
    }
    return n;
}

/* The next byte of a name, or what a private character stands for there. */
static uint8_t next_unit(const char **p, const char *end)
{
    uint8_t c = private_char(three_bytes((const uint8_t *)*p, (size_t)(end - *p)));
    uint8_t unit = c ? c : (uint8_t) * *p;
    *p += c ? 3 : 1;
    return unit;
}

/* Equal, whichever of the two tables was used? */
static bool is_same_name(const char *a, const char *b, size_t b_len)
{
    const char *a_end = a + strlen(a);
    const char *b_end = b + b_len;
    while (a < a_end && b < b_end) {
        if (next_unit(&a, a_end) != next_unit(&b, b_end)) {
            return false;
        }
    }
    return a == a_end && b == b_end;
}

/* Escapes must not spell what could be written without them: such a name would be listed as another
 * one. host: len bytes, has room for one more. */
static bool are_escapes_needed(char *host, size_t len, const char *name, size_t name_len)
{
    char shown[DIRFS_SHOWN_MAX];
    host[len] = '\0';
    return dirfs_name_from_host(host, shown) && is_same_name(shown, name, name_len);
}

static bool is_dots(const char *name, size_t len)
{
    return (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.');
}

smbkit_status dirfs_name_to_host(const char *path, char *host)
{
    size_t n = 0;
    while (*path) {
        bool has_escape;
        size_t len = strcspn(path, "/");
        if (len + 1 >= DIRFS_PATH_MAX - n) {
            return SMBKIT_STATUS_NAME_TOO_LONG;
        }
        size_t got = decode_component(path, len, host + n, &has_escape);
        if (is_dots(host + n, got) ||
            (has_escape && !are_escapes_needed(host + n, got, path, len))) {
            return SMBKIT_STATUS_OBJECT_NAME_INVALID;
        }
        n += got;
        path += len;
        if (*path == '/') {
            host[n++] = *path++;
        }
    }
    host[n] = '\0';
    return SMBKIT_STATUS_SUCCESS;
}

/* Bytes of the UTF-8 sequence at p, 0 when malformed. A lone surrogate passes. */
static size_t sequence_len(const uint8_t *p)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (p[0] < 0x80) {
        return 1;
    }
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4) {
        return 0;
    }
    uint32_t cp = p[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) { /* the terminator as well */
            return 0;
        }
        cp = cp << 6 | (p[i] & 0x3fu);
    }
    return cp >= least[len] && cp <= 0x10ffff ? len : 0;
}

static bool is_high_surrogate(uint32_t cp)
{
    return cp >= 0xd800 && cp < 0xdc00;
}

static bool is_low_surrogate(uint32_t cp)
{
    return cp >= 0xdc00 && cp < 0xe000;
}

/* Does what stands for the bytes at p begin with a low surrogate, be it an escape? */
static bool begins_low(const uint8_t *p)
{
    uint32_t cp = three_bytes(p, 3);
    while (is_high_surrogate(cp)) { /* it begins low if it is escaped: see must_escape */
        p += 3;
        cp = three_bytes(p, 3);
    }
    size_t len = sequence_len(p);
    return len == 0 || (len == 3 && (is_low_surrogate(cp) || private_char(cp)));
}

/* len: what sequence_len says of p. */
static bool must_escape(const uint8_t *p, size_t len)
{
    if (len != 3) {
        return len == 0;
    }
    uint32_t cp = three_bytes(p, 3);
    /* High and low together would be one character in UTF-16. */
    return private_char(cp) || is_escape(cp) || (is_high_surrogate(cp) && begins_low(p + 3));
}

bool dirfs_name_from_host(const char *host, char *shown)
{
    char *out = shown;
    for (const uint8_t *p = (const uint8_t *)host; *p;) {
        size_t len = sequence_len(p);
        if ((size_t)(out - shown) > DIRFS_SHOWN_MAX - 10) {
            return false;
        }
        if (must_escape(p, len)) {
            for (size_t left = len ? len : 1; left > 0; left--) {
                out = put_three(out, ESCAPE_BASE + *p++);
            }
            continue;
        }
        if (is_forbidden(*p) || (!p[1] && is_forbidden_last(*p))) {
            out = put_three(out, private_for(*p));
        } else {
            memcpy(out, p, len);
            out += len;
        }
        p += len;
    }
    *out = '\0';
    return true;
}
