/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes of SMB are those of the host, as Samba has it: NAME is user.NAME, the value
 * is the same. What this server and Samba keep for themselves there is none. [MS-FSCC] 2.4.15 */
#include "dir_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define USER "user."
#define USER_LEN 5u
#define ENTRY_HEAD 8u       /* bytes before the name */
#define NAME_MAX_BYTES 255u /* with "user.", XATTR_NAME_MAX */
#define LIST_MAX 65535u     /* bytes of all, as SMB has them */

/* The EA's name, or NULL. */
static const char *ea_name(const char *xattr)
{
    static const char *const hidden[] = {"user.DOSATTRIB", "user.DosAttrib", "user.NTACL",
                                         "user.SAMBA_PAI", "user.SAMBA_STREAMS"};
    if (strncmp(xattr, USER, USER_LEN) != 0 || !xattr[USER_LEN] ||
        strncasecmp(xattr, DIRFS_STREAM_PREFIX, sizeof(DIRFS_STREAM_PREFIX) - 1) == 0 ||
        strncasecmp(xattr, "user.smbkit.", 12) == 0) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        if (strcasecmp(xattr, hidden[i]) == 0) {
            return NULL;
        }
    }
    for (const char *at = xattr + USER_LEN; *at; at++) {
        unsigned char c = (unsigned char)*at;
        if (c < 0x20 || strchr("\"*+,/:;<=>?[\\]|", c)) {
            return NULL; /* no name of an EA: [MS-FSCC] 2.4.15.1 */
        }
    }
    return xattr + USER_LEN;
}

/* Where an entry ends that begins at a multiple of four. */
static size_t entry_end(size_t at, const char *name, size_t value_len)
{
    return (at + 3) / 4 * 4 + ENTRY_HEAD + strlen(name) + 1 + value_len;
}

uint32_t dirfs_ea_size(const struct dirfs_where *where, const struct dirfs_xattrs *names)
{
    size_t size = 0;
    size_t at = 0;
    for (const char *xattr; (xattr = dirfs_xattrs_next(names, &at));) {
        const char *name = ea_name(xattr);
        int64_t n = name ? dirfs_get_xattr(where, xattr, NULL, 0) : -1;
        size_t end = n >= 0 ? entry_end(size, name, (size_t)n) : size;
        size = end <= LIST_MAX ? end : size;
    }
    return (uint32_t)size;
}

/* The EAs of a file as they are put together. */
struct ea_list {
    uint8_t *base; /* room for LIST_MAX bytes and more */
    size_t len;
    size_t last; /* where the last entry begins */
};

static void add(struct ea_list *list, const char *name, const uint8_t *value, size_t value_len)
{
    size_t from = (list->len + 3) / 4 * 4;
    size_t name_len = strlen(name);
    if (entry_end(list->len, name, value_len) > LIST_MAX) {
        return; /* SMB cannot carry it */
    }
    if (list->len > 0) {
        dirfs_put_le(list->base + list->last, from - list->last, 4);
    }
    memset(list->base + list->len, 0, from - list->len);
    uint8_t *entry = list->base + from;
    dirfs_put_le(entry, 0, 4);
    dirfs_put_le(entry + 4, 0, 1);
    dirfs_put_le(entry + 5, name_len, 1);
    dirfs_put_le(entry + 6, value_len, 2);
    memcpy(entry + ENTRY_HEAD, name, name_len + 1);
    memcpy(entry + ENTRY_HEAD + name_len + 1, value, value_len);
    list->last = from;
    list->len = from + ENTRY_HEAD + name_len + 1 + value_len;
}

static int read_all(const struct dirfs_where *where, struct ea_list *list)
{
    struct dirfs_xattrs names;
    int err = dirfs_xattrs_read(where, &names);
    if (err) {
        return err == -EOPNOTSUPP ? 0 : err;
    }
    size_t at = 0;
    for (const char *xattr; !err && (xattr = dirfs_xattrs_next(&names, &at));) {
        uint8_t *value = NULL;
        int64_t n = ea_name(xattr) ? dirfs_load_xattr(where, xattr, &value) : -ENODATA;
        if (n >= 0) {
            add(list, ea_name(xattr), value, (size_t)n);
        }
        err = n < 0 && n != -ENODATA ? (int)n : 0;
        free(value);
    }
    dirfs_xattrs_free(&names);
    return err;
}

smbkit_status dirfs_get_ea(void *volume, struct smbkit_op *op, void *file, struct smbkit_get_ea *a)
{
    (void)volume;
    const struct dirfs_file *f = file;
    char proc[DIRFS_PROC_MAX];
    const struct dirfs_where where = dirfs_where_file(f->fd, f->is_path, proc);
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    a->buffer.len = 0;
    struct ea_list list = {.base = malloc(LIST_MAX + 4)};
    if (!list.base) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    int err = f->is_link ? 0 : read_all(&where, &list);
    a->buffer.len = err ? 0 : (uint32_t)list.len;
    bool fits = list.len <= a->buffer.cap;
    if (!err && fits && list.len > 0) {
        memcpy(a->buffer.base, list.base, list.len);
    }
    free(list.base);
    if (err) {
        return smbkit_status_from_errno(-err);
    }
    return fits ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_BUFFER_TOO_SMALL;
}

static smbkit_status set_status(int err)
{
    switch (err) {
    case 0:
        return SMBKIT_STATUS_SUCCESS;
    case -ENOSPC: /* ext4: of one block for all */
    case -E2BIG:
    case -ERANGE:
        return SMBKIT_STATUS_EA_TOO_LARGE;
    case -EOPNOTSUPP:
        return SMBKIT_STATUS_EAS_NOT_SUPPORTED;
    default:
        return smbkit_status_from_errno(-err);
    }
}

/* Names ignore case: the xattr that is there already, or the one to be made. */
static void spell(const struct dirfs_xattrs *names, char *xattr)
{
    size_t at = 0;
    for (const char *have; (have = dirfs_xattrs_next(names, &at));) {
        if (strcasecmp(have, xattr) == 0) {
            strcpy(xattr, have); /* as long */
            return;
        }
    }
}

static smbkit_status apply_one(const struct dirfs_where *where, const struct dirfs_xattrs *names,
                               const uint8_t *entry)
{
    char xattr[NAME_MAX_BYTES + 1 + USER_LEN];
    size_t name_len = entry[5];
    size_t value_len = (size_t)dirfs_get_le(entry + 6, 2);
    memcpy(xattr, USER, USER_LEN);
    memcpy(xattr + USER_LEN, entry + ENTRY_HEAD, name_len);
    xattr[USER_LEN + name_len] = '\0';
    if (strlen(xattr) != USER_LEN + name_len || !ea_name(xattr)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    spell(names, xattr);
    if (value_len == 0) {
        int err = dirfs_drop_xattr(where, xattr);
        return set_status(err == -ENODATA ? 0 : err);
    }
    return set_status(dirfs_set_xattr(where, xattr, entry + ENTRY_HEAD + name_len + 1, value_len));
}

/* Does a whole entry begin at `at`? *next_r: 0 at the last. */
static bool is_entry(const struct smbkit_bytes *list, uint32_t at, uint32_t *next_r)
{
    if (at > list->len || list->len - at < ENTRY_HEAD + 1) {
        return false;
    }
    const uint8_t *entry = list->base + at;
    uint64_t size = ENTRY_HEAD + entry[5] + 1u + dirfs_get_le(entry + 6, 2);
    *next_r = (uint32_t)dirfs_get_le(entry, 4);
    return entry[5] > 0 && size <= list->len - at && (*next_r == 0 || *next_r >= size);
}

smbkit_status dirfs_ea_apply(const struct dirfs_where *where, const struct smbkit_bytes *list)
{
    struct dirfs_xattrs names;
    uint32_t next;
    int err = dirfs_xattrs_read(where, &names);
    smbkit_status status = set_status(err);
    for (uint32_t at = 0; SMBKIT_OK(status); at += next) {
        if (!is_entry(list, at, &next)) {
            status = SMBKIT_STATUS_EA_LIST_INCONSISTENT;
            break;
        }
        status = apply_one(where, &names, list->base + at);
        if (next == 0) {
            break;
        }
    }
    if (!err) {
        dirfs_xattrs_free(&names);
    }
    return status;
}

smbkit_status dirfs_set_ea(void *volume, struct smbkit_op *op, void *file,
                           const struct smbkit_set_ea *a)
{
    struct dirfs_volume *vol = volume;
    struct dirfs_file *f = file;
    char proc[DIRFS_PROC_MAX];
    const struct dirfs_where where = dirfs_where_file(f->fd, f->is_path, proc);
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (vol->is_readonly) {
        return SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
    if (!vol->has_xattrs || f->is_link) {
        return SMBKIT_STATUS_EAS_NOT_SUPPORTED;
    }
    dirfs_own_change(vol, f);
    int err = dirfs_mark_parent(vol, f->fd); /* listings tell their size */
    smbkit_status status = err ? set_status(err) : dirfs_ea_apply(&where, &a->ea);
    dirfs_known_forget(vol, f->seen.ino);
    return status;
}

static bool is_extra(const char *xattr)
{
    return strncmp(xattr, DIRFS_STREAM_PREFIX, sizeof(DIRFS_STREAM_PREFIX) - 1) == 0 ||
           ea_name(xattr);
}

bool dirfs_has_extras(const struct dirfs_xattrs *names)
{
    size_t at = 0;
    const char *xattr = dirfs_xattrs_next(names, &at);
    while (xattr && !is_extra(xattr)) {
        xattr = dirfs_xattrs_next(names, &at);
    }
    return xattr != NULL;
}

int dirfs_drop_extras(const struct dirfs_where *where)
{
    struct dirfs_xattrs names;
    int err = dirfs_xattrs_read(where, &names);
    if (err) {
        return err == -EOPNOTSUPP ? 0 : err;
    }
    size_t at = 0;
    for (const char *xattr; !err && (xattr = dirfs_xattrs_next(&names, &at));) {
        err = is_extra(xattr) ? dirfs_drop_xattr(where, xattr) : 0;
        err = err == -ENODATA ? 0 : err;
    }
    dirfs_xattrs_free(&names);
    return err;
}
