/* SPDX-License-Identifier: Apache-2.0 */
/* Names. What SMB forbids in a name and the host allows is shown as the private-use character
 * U+F000 + c, as Services for UNIX, Cygwin and the Linux client (mapchars) do; a dot or blank at
 * the end likewise. */
#include "dir_priv.h"

#include <string.h>

/* UTF-8 of U+F000 + c for c < 0x80 is EF 80 80+c or EF 81 80+c-0x40. */
#define PRIVATE_LEAD 0xefu

static bool is_forbidden(uint8_t c)
{
    return c < 0x20 || (c < 0x80 && strchr("\"*:<>?\\|", c) != NULL);
}

static bool is_forbidden_last(uint8_t c)
{
    return c == '.' || c == ' ';
}

/* The character that the three bytes at p stand for, or 0. left: bytes of the component at p. */
static uint8_t private_char(const uint8_t *p, size_t left)
{
    if (left < 3 || p[0] != PRIVATE_LEAD || (p[1] != 0x80 && p[1] != 0x81) ||
        (p[2] & 0xc0) != 0x80) {
        return 0;
    }
    uint8_t c = (uint8_t)((p[1] & 1) << 6 | (p[2] & 0x3f));
    bool means = c != 0 && (is_forbidden(c) || (left == 3 && is_forbidden_last(c)));
    return means ? c : 0;
}

/* One component of len bytes to out, which has room for as many; returns its length there. */
static size_t decode_component(const char *name, size_t len, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        uint8_t c = private_char((const uint8_t *)name + i, len - i);
        out[n++] = c ? (char)c : name[i];
        i += c ? 3 : 1;
    }
    return n;
}

static bool is_dots(const char *name, size_t len)
{
    return (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.');
}

smbkit_status dirfs_name_to_host(const char *path, char *host)
{
    size_t n = 0;
    while (*path) {
        size_t len = strcspn(path, "/");
        if (len + 1 >= DIRFS_PATH_MAX - n) {
            return SMBKIT_STATUS_NAME_TOO_LONG;
        }
        size_t got = decode_component(path, len, host + n);
        if (is_dots(host + n, got)) {
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

/* Bytes of the UTF-8 sequence at p, 0 when malformed. A lone surrogate passes, as everywhere in
 * smbkit. */
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

static bool is_surrogate_pair(const uint8_t *p)
{
    return p[0] == 0xed && p[1] >= 0xa0 && p[1] < 0xb0 && p[3] == 0xed && p[4] >= 0xb0;
}

bool dirfs_name_from_host(const char *host, char *shown)
{
    char *out = shown;
    for (const uint8_t *p = (const uint8_t *)host; *p;) {
        size_t len = sequence_len(p);
        if (len == 0 || is_surrogate_pair(p) || (size_t)(out - shown) > DIRFS_SHOWN_MAX - 5) {
            return false;
        }
        if (is_forbidden(*p) || (!p[1] && is_forbidden_last(*p))) {
            *out++ = (char)PRIVATE_LEAD;
            *out++ = (char)(0x80 | *p >> 6);
            *out++ = (char)(0x80 | (*p & 0x3f));
        } else {
            memcpy(out, p, len);
            out += len;
        }
        p += len;
    }
    *out = '\0';
    /* A name that has such a private character of its own would come back as another name. */
    char back[DIRFS_SHOWN_MAX];
    size_t len = decode_component(shown, (size_t)(out - shown), back);
    return len == strlen(host) && memcmp(back, host, len) == 0;
}
