/* SPDX-License-Identifier: Apache-2.0 */
/* What a link says, as [MS-FSCC] 2.1.2.4 has it. Names are those that clients see, separated by
 * backslashes. An absolute target is one of this machine's: below the folder it is told as the way
 * there from the link, else as it stands, which leads a client nowhere. */
#include "dir_reparse.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define HEADER_BYTES 8 /* tag, length, reserved */
#define FIXED_BYTES 12 /* two offsets, two lengths, flags */
#define SYMLINK_FLAG_RELATIVE 1u
#define UP "..\\"

/* UTF-16LE that is being written. */
struct text {
    uint8_t *base;
    uint32_t cap; /* bytes */
    uint32_t len;
};

static void put_unit(struct text *t, uint32_t unit)
{
    if (t->len + 2 <= t->cap) {
        t->base[t->len] = (uint8_t)unit;
        t->base[t->len + 1] = (uint8_t)(unit >> 8);
    }
    t->len += 2;
}

/* text: well-formed UTF-8, or WTF-8. */
static void put_text(struct text *t, const char *text)
{
    for (const uint8_t *p = (const uint8_t *)text; *p;) {
        unsigned more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
        uint32_t cp = *p++ & (more ? 0x3fu >> more : 0x7fu);
        for (; more > 0; more--) {
            cp = cp << 6 | (*p++ & 0x3fu);
        }
        if (cp >= 0x10000) {
            put_unit(t, 0xd7c0 + (cp >> 10));
            cp = 0xdc00 | (cp & 0x3ff);
        }
        put_unit(t, cp);
    }
}

/* One component of len bytes. False: longer than any name. */
static bool put_name(struct text *t, const char *name, size_t len)
{
    char host[DIRFS_NAME_MAX];
    char shown[DIRFS_SHOWN_MAX];
    if (len >= sizeof(host)) {
        return false;
    }
    memcpy(host, name, len);
    host[len] = '\0';
    bool is_dots = strcmp(host, ".") == 0 || strcmp(host, "..") == 0;
    if (!is_dots && !dirfs_name_from_host(host, shown)) {
        return false;
    }
    put_text(t, is_dots ? host : shown);
    return true;
}

/* Bytes that are shown at once: a component, or a piece of one that is longer than any name. That
 * leads nowhere, but may say something: DFS links of Samba's kind have many servers in it. */
static size_t piece_len(const char *path)
{
    size_t len = strcspn(path, "/");
    if (len < DIRFS_NAME_MAX) {
        return len;
    }
    len = DIRFS_NAME_MAX - 1;
    while (len > DIRFS_NAME_MAX - 4 && ((uint8_t)path[len] & 0xc0) == 0x80) {
        len--;
    }
    return len;
}

static bool put_path(struct text *t, const char *path)
{
    while (*path) {
        size_t len = piece_len(path);
        if (len > 0 && !put_name(t, path, len)) {
            return false;
        }
        path += len;
        if (*path == '/') {
            put_unit(t, '\\');
            path += strspn(path, "/");
        }
    }
    return true;
}

/* Where the link at that path of the folder leads, and whether that is said relative to it. */
static bool put_target(struct text *t, const struct dirfs_volume *vol, const char *link,
                       const char *target, bool *is_relative)
{
    const char *inside = target[0] == '/' ? dirfs_below_folder(vol, target) : NULL;
    *is_relative = target[0] != '/' || inside;
    if (!inside) {
        return put_path(t, target);
    }
    for (const char *slash = strchr(link, '/'); slash; slash = strchr(slash + 1, '/')) {
        put_text(t, UP);
    }
    inside += strspn(inside, "/");
    return put_path(t, *inside ? inside : ".");
}

static void put_le(uint8_t *p, uint32_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        p[i] = (uint8_t)(v >> 8 * i);
    }
}

/* In front of the path, which is both names. */
static void put_header(uint8_t *p, uint32_t path_len, bool is_relative)
{
    memset(p, 0, HEADER_BYTES + FIXED_BYTES);
    put_le(p, DIRFS_TAG_SYMLINK, 4);
    put_le(p + 4, FIXED_BYTES + path_len, 2);
    put_le(p + 10, path_len, 2); /* SubstituteNameLength */
    put_le(p + 14, path_len, 2); /* PrintNameLength */
    put_le(p + 16, is_relative ? SYMLINK_FLAG_RELATIVE : 0, 4);
}

static smbkit_status describe(const struct dirfs_volume *vol, struct dirfs_file *file,
                              const char *target, struct smbkit_buffer *out)
{
    uint32_t fixed = HEADER_BYTES + FIXED_BYTES;
    struct text t = {.base = out->base + fixed, .cap = out->cap > fixed ? out->cap - fixed : 0};
    bool is_relative;
    pthread_mutex_lock(&file->lock);
    bool is_good = put_target(&t, vol, file->path, target, &is_relative);
    pthread_mutex_unlock(&file->lock);
    if (!is_good) {
        return SMBKIT_STATUS_NAME_TOO_LONG;
    }
    out->len = fixed + t.len;
    if (out->len > out->cap) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    put_header(out->base, t.len, is_relative);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status dirfs_get_reparse(void *volume, struct smbkit_op *op, void *file,
                                struct smbkit_get_reparse *a)
{
    struct dirfs_file *f = file;
    char target[DIRFS_PATH_MAX];
    a->buffer.len = 0;
    if (!f->is_link) {
        return SMBKIT_STATUS_NOT_A_REPARSE_POINT;
    }
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    ssize_t n = readlinkat(f->fd, "", target, sizeof(target));
    if (n <= 0 || n == sizeof(target)) {
        return n < 0 ? smbkit_status_from_errno(errno) : SMBKIT_STATUS_NAME_TOO_LONG;
    }
    target[n] = '\0';
    a->tag = DIRFS_TAG_SYMLINK;
    return describe(volume, f, target, &a->buffer);
}
