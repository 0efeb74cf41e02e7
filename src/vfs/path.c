/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/path.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "vfs/stand_in.h"
#include "vfs/vfs.h"

/* Where s ends or has c for the first time. */
static size_t find_char(const char *s, size_t len, char c)
{
    size_t i = 0;
    while (i < len && s[i] != c) {
        i++;
    }
    return i;
}

/* UTF-16 units of well-formed UTF-8: one for each code point, two for a four-byte one. */
static size_t count_units(const char *s, size_t len)
{
    size_t units = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t b = (uint8_t)s[i];
        units += (b & 0xc0) != 0x80;
        units += b >= 0xf0;
    }
    return units;
}

/* [MS-FSCC] 2.1.5.2: what a file name must not have. ':' and '\\' were split off before. */
static bool is_illegal_in_name(char c)
{
    static const char illegal[] = "\"*<>|?/:";
    return (uint8_t)c < 0x20 || illegal[find_char(illegal, sizeof(illegal) - 1, c)] != '\0';
}

static smbkit_status check_component(const char *s, size_t len)
{
    if (len == 0) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    if (s[0] == '.' && (len == 1 || (len == 2 && s[1] == '.'))) {
        return SMBKIT_STATUS_OBJECT_PATH_SYNTAX_BAD;
    }
    for (size_t i = 0; i < len; i++) {
        if (is_illegal_in_name(s[i])) {
            return SMBKIT_STATUS_OBJECT_NAME_INVALID;
        }
    }
    return count_units(s, len) > PATH_COMPONENT_UNITS_MAX ? SMBKIT_STATUS_OBJECT_NAME_INVALID
                                                          : SMBKIT_STATUS_SUCCESS;
}

static bool is_name(const char *s, size_t len)
{
    return utf8_is_valid(s, len) && find_char(s, len, '\\') == len &&
           SMBKIT_OK(check_component(s, len));
}

bool path_is_name(const char *s)
{
    return is_name(s, str_len(s));
}

bool path_is_good(const char *path)
{
    size_t len = str_len(path);
    size_t depth = 0;
    for (size_t at = 0; at < len;) {
        size_t n = find_char(path + at, len - at, '/');
        if (!is_name(path + at, n) || ++depth > PATH_DEPTH_MAX) {
            return false;
        }
        at += n;
        if (at < len && ++at == len) {
            return false;
        }
    }
    return true;
}

static smbkit_status check_components(const char *s, size_t len)
{
    size_t depth = 0;
    for (size_t at = 0; at < len || depth == 0;) {
        size_t n = find_char(s + at, len - at, '\\');
        smbkit_status st = check_component(s + at, n);
        if (!SMBKIT_OK(st)) {
            return st;
        }
        if (++depth > PATH_DEPTH_MAX) {
            return SMBKIT_STATUS_NAME_TOO_LONG;
        }
        at += n;
        if (at < len && ++at == len) {
            return SMBKIT_STATUS_OBJECT_NAME_INVALID;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

char *path_settle_name(const char *name)
{
    size_t len = str_len(name);
    char *out = mem_alloc(len + STAND_IN_MORE + 1);
    if (out) {
        out[stand_in_settle(name, len, out)] = '\0';
    }
    return out;
}

/* Owned: with '/' between the components, and each of them in its one spelling. */
static char *path_settle(const char *s, size_t len)
{
    size_t depth = 1;
    for (size_t i = 0; i < len; i++) {
        depth += s[i] == '\\';
    }
    char *path = mem_alloc(len + depth * STAND_IN_MORE + 1);
    size_t to = 0;
    for (size_t at = 0; path && at <= len; at++) {
        size_t n = find_char(s + at, len - at, '\\');
        to += stand_in_settle(s + at, n, path + to);
        at += n;
        path[to++] = at < len ? '/' : '\0';
    }
    return path;
}

static smbkit_status parse_file(const char *s, size_t len, struct vfs_path *out)
{
    smbkit_status st = len == 0 ? SMBKIT_STATUS_SUCCESS : check_components(s, len);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    out->path = path_settle(s, len);
    return out->path ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

static bool is_stream(const char *s, size_t len)
{
    return len > 0 && find_char(s, len, '/') == len && find_char(s, len, '\\') == len &&
           find_char(s, len, ':') == len && count_units(s, len) <= PATH_COMPONENT_UNITS_MAX;
}

bool path_is_stream(const char *s)
{
    return utf8_is_valid(s, str_len(s)) && is_stream(s, str_len(s));
}

/* "$DATA" or "$INDEX_ALLOCATION", [MS-FSCC] 2.1.5.4; others exist in NTFS but cannot be opened. */
static smbkit_status parse_stream_type(const char *type, size_t name_len, const char *name,
                                       struct vfs_path *out)
{
    if (str_ieq(type, "$DATA")) {
        out->means_data = true;
        return SMBKIT_STATUS_SUCCESS;
    }
    bool is_index = name_len == 0 || (name_len == 4 && path_eq_nocase(name, 4, "$I30", 4));
    if (!str_ieq(type, "$INDEX_ALLOCATION") || !is_index) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    out->is_directory_stream = true;
    return SMBKIT_STATUS_SUCCESS;
}

/* s: what follows the first ':'. [MS-FSCC] 2.1.5.3 */
static smbkit_status parse_stream(const char *s, struct vfs_path *out)
{
    size_t len = str_len(s);
    size_t n = find_char(s, len, ':');
    bool has_type = n < len;
    if (n == 0 ? !has_type : !is_stream(s, n)) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    if (has_type) {
        smbkit_status st = parse_stream_type(s + n + 1, n, s, out);
        if (!SMBKIT_OK(st)) {
            return st;
        }
    }
    if (n == 0 || out->is_directory_stream) {
        return SMBKIT_STATUS_SUCCESS;
    }
    out->means_data = false;
    out->stream = str_ndup(s, n);
    return out->stream ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

/* By which NTFS has its quotas opened; no stream of a file that is there. */
#define QUOTA_FILE "$Extend\\$Quota:$Q:$INDEX_ALLOCATION"

static smbkit_status parse(const char *name, struct vfs_path *out)
{
    out->means_quota = str_ieq(name, QUOTA_FILE);
    name = out->means_quota ? "" : name;
    size_t len = str_len(name);
    if (name[0] == '\\') {
        return SMBKIT_STATUS_INVALID_PARAMETER; /* [MS-SMB2] 3.3.5.9 */
    }
    if (!utf8_is_valid(name, len)) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    if (count_units(name, len) > PATH_UNITS_MAX) {
        return SMBKIT_STATUS_NAME_TOO_LONG;
    }
    size_t colon = find_char(name, len, ':');
    if (colon < len) {
        /* Only the last component has streams. */
        if (find_char(name + colon, len - colon, '\\') < len - colon) {
            return SMBKIT_STATUS_OBJECT_NAME_INVALID;
        }
        smbkit_status st = parse_stream(name + colon + 1, out);
        return SMBKIT_OK(st) ? parse_file(name, colon, out) : st;
    }
    /* [MS-FSA] 2.1.5.1: one '\\' at the end says that a directory is meant. */
    if (len > 1 && name[len - 1] == '\\') {
        len--;
        out->means_directory = true;
    }
    return parse_file(name, len, out);
}

smbkit_status vfs_path_parse(const char *name, struct vfs_path *out)
{
    *out = (struct vfs_path){0};
    smbkit_status st = parse(name, out);
    if (!SMBKIT_OK(st)) {
        vfs_path_fini(out);
    }
    return st;
}

/* Where so many components of a path end; its end if it has fewer. */
static size_t components_end(const char *path, size_t count)
{
    size_t at = 0;
    for (size_t seen = 0; path[at] && (path[at] != '/' || ++seen < count); at++) {
    }
    return at;
}

static size_t count_components(const char *path)
{
    size_t n = path[0] != 0;
    for (size_t i = 0; path[i]; i++) {
        n += path[i] == '/';
    }
    return n;
}

smbkit_status vfs_path_below(const char *root, struct vfs_path *p)
{
    if (!root[0]) {
        return SMBKIT_STATUS_SUCCESS;
    }
    CLEANUP_MEM char *path = str_printf("%s%s%s", root, p->path[0] ? "/" : "", p->path);
    if (!path) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (count_units(path, str_len(path)) > PATH_UNITS_MAX ||
        count_components(path) > PATH_DEPTH_MAX) {
        return SMBKIT_STATUS_NAME_TOO_LONG;
    }
    mem_free(p->path);
    p->path = path;
    path = NULL;
    return SMBKIT_STATUS_SUCCESS;
}

const char *vfs_path_behind(const char *root, const char *path)
{
    if (!root[0]) {
        return path;
    }
    /* A plugin may spell the folders otherwise than it has told the root. */
    size_t n = components_end(path, count_components(root));
    if (!path_eq_nocase(path, n, root, str_len(root))) {
        return path;
    }
    return path + n + (path[n] == '/' ? 1 : 0);
}

void vfs_path_fini(struct vfs_path *p)
{
    mem_free(p->path);
    mem_free(p->stream);
    *p = (struct vfs_path){0};
}

size_t path_parent_len(const char *path)
{
    size_t len = str_len(path);
    while (len > 0 && path[len - 1] != '/') {
        len--;
    }
    return len > 0 ? len - 1 : 0;
}

const char *path_leaf(const char *path)
{
    size_t n = path_parent_len(path);
    return path[n] == '/' ? path + n + 1 : path;
}

char *path_parent(const char *path)
{
    return str_ndup(path, path_parent_len(path));
}

char *path_join(const char *dir, const char *name)
{
    const char *separator = *dir && *name ? "/" : "";
    return str_printf("%s%s%s", dir, separator, name);
}

bool path_is_below(const char *ancestor, const char *path)
{
    size_t n = str_len(ancestor);
    if (n == 0) {
        return *path != '\0';
    }
    return str_has_prefix(path, ancestor) && path[n] == '/';
}

/* As utf8_decode; a malformed byte stands for itself, apart from every code point. */
static size_t decode_folded(const char *s, size_t left, uint32_t *cp)
{
    size_t n = utf8_decode(s, left, cp);
    if (n == 0) {
        *cp = 0x110000u + (uint8_t)s[0];
        return 1;
    }
    *cp = utf_upcase(*cp);
    return n;
}

/* Bytes of s that equal prefix without regard to case, all of prefix being used up; SIZE_MAX: they
 * differ. */
static size_t match_prefix(const char *prefix, size_t prefix_len, const char *s, size_t len)
{
    size_t at = 0;
    for (size_t i = 0; i < prefix_len;) {
        uint32_t a;
        uint32_t b;
        if (at == len) {
            return SIZE_MAX;
        }
        i += decode_folded(prefix + i, prefix_len - i, &a);
        at += decode_folded(s + at, len - at, &b);
        if (a != b) {
            return SIZE_MAX;
        }
    }
    return at;
}

bool path_eq_nocase(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return match_prefix(a, a_len, b, b_len) == b_len;
}

bool path_is_below_nocase(const char *ancestor, const char *path)
{
    if (*ancestor == '\0') {
        return *path != '\0';
    }
    size_t n = match_prefix(ancestor, str_len(ancestor), path, str_len(path));
    return n != SIZE_MAX && path[n] == '/';
}
