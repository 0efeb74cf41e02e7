/* SPDX-License-Identifier: Apache-2.0 */
/* Names as the store has them and as clients see them, and paths.
 *
 * What SMB cannot have in a name is shown by the table of Services for Macintosh, as the server
 * itself does it (vfs/stand_in.c), and '/', which that table lacks, as U+F02F. A name that has such
 * a character already means the same as the plain one. [MS-FSCC] 2.1.5.2 */
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "tree/tree_priv.h"

#define PRIVATE_BASE 0xf000u
#define MAC_BASE 0xf020u
#define SLASH 0xf02fu

static const char MAC_CHARS[] = "\"*:<>?\\| .";

static bool is_forbidden(uint32_t c)
{
    return c < 0x20 || (c < 0x80 && str_has_char("\"*:<>?\\|/", (char)c));
}

/* The plain character that cp stands for, or cp. */
static uint32_t plain_of(uint32_t cp)
{
    uint32_t c = cp - PRIVATE_BASE;
    if (cp <= PRIVATE_BASE || c >= 0x80) {
        return cp;
    }
    if (cp >= MAC_BASE && cp < MAC_BASE + sizeof(MAC_CHARS) - 1) {
        return (uint8_t)MAC_CHARS[cp - MAC_BASE];
    }
    return is_forbidden(c) || c == '.' ? c : cp;
}

static uint32_t stand_in_of(uint32_t c)
{
    for (uint32_t i = 0; MAC_CHARS[i]; i++) {
        if ((uint8_t)MAC_CHARS[i] == c) {
            return MAC_BASE + i;
        }
    }
    return c == '/' ? SLASH : PRIVATE_BASE + c;
}

/* Well-formed, of a length that SMB can have? */
static bool is_name(const char *name, size_t len)
{
    size_t units = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t b = (uint8_t)name[i];
        units += ((b & 0xc0) != 0x80) + (b >= 0xf0);
    }
    return len > 0 && units <= SMBKIT_TREE_NAME_MAX && utf8_is_valid(name, len);
}

static bool is_raw_name(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (is_forbidden((uint8_t)name[i])) {
            return false;
        }
    }
    return name[len - 1] != '.' && name[len - 1] != ' ';
}

char *tree_name_shown(const struct smbkit_tree *t, const char *name)
{
    size_t len = name ? str_len(name) : 0;
    if (!name || !is_name(name, len)) {
        return NULL;
    }
    if (t->spec.flags & SMBKIT_TREE_RAW_NAMES) {
        return is_raw_name(name, len) ? str_dup(name) : NULL;
    }
    char *out = mem_alloc(3 * len + 1); /* three bytes for each that is forbidden */
    size_t to = 0;
    for (size_t i = 0; out && i < len;) {
        uint32_t cp = 0;
        i += MAX(utf8_decode(name + i, len - i, &cp), 1u);
        uint32_t c = plain_of(cp);
        bool is_bad_end = i == len && (c == '.' || c == ' ');
        to += utf8_encode(is_bad_end || is_forbidden(c) ? stand_in_of(c) : c, out + to);
    }
    if (out) {
        out[to] = 0;
    }
    return out;
}

char *tree_name_stored(const struct smbkit_tree *t, const char *shown)
{
    if (t->spec.flags & SMBKIT_TREE_RAW_NAMES) {
        return str_dup(shown);
    }
    size_t len = str_len(shown);
    char *out = mem_alloc(len + 1);
    size_t to = 0;
    for (size_t i = 0; out && i < len;) {
        uint32_t cp = 0;
        i += MAX(utf8_decode(shown + i, len - i, &cp), 1u);
        to += utf8_encode(plain_of(cp), out + to);
    }
    if (out) {
        out[to] = 0;
    }
    return out;
}

bool tree_name_stays(const char *stored)
{
    return !str_eq(stored, ".") && !str_eq(stored, "..") && !str_has_char(stored, '/');
}

/* ---- paths ---- */

size_t tree_path_next(const char **at, const char **name_r)
{
    const char *s = *at;
    while (*s == '/') {
        s++;
    }
    *name_r = s;
    while (*s && *s != '/') {
        s++;
    }
    *at = s;
    return (size_t)(s - *name_r);
}

/* Written from its end: name, then the names of the folders above. */
static char *path_write(const struct tree_entry *folder, const char *name)
{
    size_t len = str_len(name);
    for (const struct tree_entry *e = folder; e->parent; e = e->parent) {
        len += str_len(e->name) + 1;
    }
    char *out = mem_alloc(len + 1);
    if (!out) {
        return NULL;
    }
    size_t at = len;
    out[at] = 0;
    const struct tree_entry *above = folder;
    for (const char *part = name; part; above = above->parent) {
        size_t n = str_len(part);
        at -= n;
        mem_copy(out + at, part, n);
        part = above->parent ? above->name : NULL;
        if (part) {
            out[--at] = '/';
        }
    }
    return out;
}

char *tree_path_in(const struct tree_entry *folder, const char *name)
{
    return path_write(folder, name);
}

char *tree_path(const struct tree_entry *e)
{
    if (e->id == SMBKIT_TREE_ROOT) {
        return str_dup("");
    }
    return e->parent ? path_write(e->parent, e->name) : NULL;
}
