/* SPDX-License-Identifier: Apache-2.0 */
/* Security descriptors, in Samba's form (dir_ntacl.c) and place: security.NTACL, which only root
 * may write, else user.NTACL. What earlier versions of this server kept, user.smbkit.sd, is read
 * where neither is there. */
#include "dir_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const xattrs[] = {
    [DIRFS_SD_ROOT] = "security.NTACL",
    [DIRFS_SD_USER] = "user.NTACL",
    [DIRFS_SD_OLD] = "user.smbkit.sd",
};

unsigned dirfs_sd_kind(const struct dirfs_volume *vol, const struct dirfs_xattrs *names)
{
    /* Which one this server would write is the newer one. */
    bool is_root = atomic_load_explicit(&vol->writes_ntacl, memory_order_relaxed);
    const unsigned order[] = {is_root ? DIRFS_SD_ROOT : DIRFS_SD_USER,
                              is_root ? DIRFS_SD_USER : DIRFS_SD_ROOT, DIRFS_SD_OLD};
    for (unsigned i = 0; i < 3; i++) {
        if (dirfs_xattrs_has(names, xattrs[order[i]])) {
            return order[i];
        }
    }
    return DIRFS_SD_NONE;
}

unsigned dirfs_sd_kind_written(const struct dirfs_volume *vol)
{
    return atomic_load_explicit(&vol->writes_ntacl, memory_order_relaxed) ? DIRFS_SD_ROOT
                                                                          : DIRFS_SD_USER;
}

int dirfs_keep_security(struct dirfs_volume *vol, const struct dirfs_where *where,
                        const uint8_t *security, uint32_t len)
{
    uint8_t *blob;
    if (!vol->has_xattrs) {
        return -EOPNOTSUPP;
    }
    if (len > DIRFS_XATTR_MAX - DIRFS_NTACL_HEAD) {
        return -E2BIG;
    }
    int err = dirfs_ntacl_format(where, security, len, &blob);
    if (err) {
        return err;
    }
    unsigned kind = dirfs_sd_kind_written(vol);
    err = dirfs_set_xattr(where, xattrs[kind], blob, DIRFS_NTACL_HEAD + (size_t)len);
    if (kind == DIRFS_SD_ROOT && (err == -EPERM || err == -EACCES || err == -EOPNOTSUPP)) {
        atomic_store_explicit(&vol->writes_ntacl, false, memory_order_relaxed);
        err = dirfs_set_xattr(where, xattrs[DIRFS_SD_USER], blob, DIRFS_NTACL_HEAD + (size_t)len);
    }
    free(blob);
    return err;
}

/* Only what says that there is none means that: a descriptor that cannot be read (EACCES, EIO,
 * ENOMEM) may be one that denies, and whoever asks is refused. */
static bool means_none(int64_t err)
{
    return err == -ENODATA || err == -EOPNOTSUPP;
}

/* The descriptor of that kind; *value_r is owned. -errno. */
static int64_t load(const struct dirfs_where *where, unsigned kind, uint8_t **value_r)
{
    int64_t n = dirfs_load_xattr(where, xattrs[kind], value_r);
    if (n >= 0 && kind != DIRFS_SD_OLD) {
        n = dirfs_ntacl_parse(*value_r, (size_t)n);
        if (n < 0) {
            free(*value_r);
            *value_r = NULL;
        }
    }
    return n;
}

int dirfs_load_security(const struct dirfs_volume *vol, const struct dirfs_where *where,
                        const struct dirfs_xattrs *names, struct dirfs_security *out)
{
    unsigned kind = dirfs_sd_kind(vol, names);
    *out = (struct dirfs_security){.is_kept = kind != DIRFS_SD_NONE};
    int64_t n = out->is_kept ? load(where, kind, &out->buf) : 0;
    out->len = n > 0 ? (uint32_t)n : 0;
    return n < 0 ? (int)n : 0;
}

/* From the file system, and make it known. 0 or -errno; out->len is more than out->cap when the
 * room is too small. */
static int read_security(const struct dirfs_volume *vol, const struct dirfs_file *file,
                         const struct dirfs_seen *seen, unsigned kind, struct dirfs_security *out)
{
    char proc[DIRFS_PROC_MAX];
    uint8_t *value = NULL;
    struct dirfs_where where = dirfs_where_file(file->fd, file->is_path, proc);
    uint64_t changes = dirfs_known_changes(vol);
    int64_t n = kind ? load(&where, kind, &value) : -ENODATA;
    if (n < 0 && !means_none(n)) {
        return (int)n;
    }
    const struct dirfs_security got = {
        .buf = value, .len = n < 0 ? 0 : (uint32_t)n, .is_kept = n >= 0};
    dirfs_know_security(vol, seen, changes, &got);
    out->is_kept = got.is_kept;
    out->len = got.len; /* kept and empty: nobody wrote that; the core refuses it */
    if (got.len > 0 && got.len <= out->cap) {
        memcpy(out->buf, value, got.len);
    }
    free(value);
    return 0;
}

/* Which descriptor the file keeps, a DIRFS_SD_*; -errno. -EAGAIN: that would wait. */
static int kind_of(struct dirfs_volume *vol, const struct dirfs_file *file,
                   const struct dirfs_seen *seen, bool nowait)
{
    int found;
    char proc[DIRFS_PROC_MAX];
    struct dirfs_dos dos = {0};
    if (file->is_link || dirfs_known_dos(vol, seen, &found, &dos)) {
        return (int)dos.descriptor;
    }
    if (nowait) {
        return -EAGAIN;
    }
    struct dirfs_where where = dirfs_where_file(file->fd, file->is_path, proc);
    struct dirfs_xattrs names;
    int err = dirfs_xattrs_read(&where, &names);
    if (err) {
        return means_none(err) ? 0 : err;
    }
    unsigned kind = dirfs_sd_kind(vol, &names);
    dirfs_xattrs_free(&names);
    return (int)kind;
}

static uint8_t *put_u32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        *p++ = (uint8_t)(v >> 8 * i);
    }
    return p;
}

/* S-1-22-kind-id, as Samba tells POSIX ids. [MS-DTYP] 2.4.2.2 */
static uint8_t *put_unix_sid(uint8_t *p, uint32_t kind, uint32_t id)
{
    static const uint8_t head[] = {1, 2, 0, 0, 0, 0, 0, 22};
    memcpy(p, head, sizeof(head));
    return put_u32(put_u32(p + sizeof(head), kind), id);
}

#define UNIX_SID_LEN 16u
#define STORE_OWNER_LEN (20u + 2 * UNIX_SID_LEN)

/* A self-relative descriptor of owner and group. [MS-DTYP] 2.4.6 */
static smbkit_status tell_store_owner(const struct dirfs_file *file, struct smbkit_buffer *out)
{
    struct statx stx;
    int err = dirfs_stat_fd(file->fd, &stx);
    if (err) {
        return smbkit_status_from_errno(-err);
    }
    out->len = STORE_OWNER_LEN;
    if (out->cap < STORE_OWNER_LEN) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    uint8_t *p = put_u32(out->base, 0x80000001u); /* revision 1, SELF_RELATIVE */
    p = put_u32(p, 20);
    p = put_u32(p, 20 + UNIX_SID_LEN);
    p = put_u32(put_u32(p, 0), 0);
    p = put_unix_sid(p, 1, stx.stx_uid);
    (void)put_unix_sid(p, 2, stx.stx_gid);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status dirfs_get_security(void *volume, struct smbkit_op *op, void *file,
                                 struct smbkit_get_security *a)
{
    struct dirfs_volume *vol = volume;
    bool nowait = dirfs_is_nowait(op);
    struct dirfs_security out = {.buf = a->buffer.base, .cap = a->buffer.cap};
    struct dirfs_seen seen;
    a->buffer.len = 0;
    if (a->flags & SMBKIT_SECURITY_STORE_OWNER) {
        return tell_store_owner(file, &a->buffer);
    }
    int err = dirfs_seen_now(file, &seen);
    if (!err && !dirfs_known_security(vol, &seen, &out)) {
        int kind = kind_of(vol, file, &seen, nowait);
        if (nowait && kind != DIRFS_SD_NONE) {
            return SMBKIT_STATUS_WOULD_BLOCK;
        }
        err = kind < 0 ? kind : read_security(vol, file, &seen, (unsigned)kind, &out);
    }
    if (err) {
        return smbkit_status_from_errno(-err);
    }
    a->buffer.len = out.len;
    if (!out.is_kept) {
        return SMBKIT_STATUS_NOT_FOUND;
    }
    return out.len > out.cap ? SMBKIT_STATUS_BUFFER_TOO_SMALL : SMBKIT_STATUS_SUCCESS;
}

/* All descriptors but that kind. 0 or -errno. */
static int drop_others(const struct dirfs_where *where, unsigned kept)
{
    for (unsigned kind = DIRFS_SD_ROOT; kind <= DIRFS_SD_OLD; kind++) {
        int err = kind == kept ? 0 : dirfs_drop_xattr(where, xattrs[kind]);
        /* Root's stays beside one that the server's user has written, which goes before it. */
        bool may_stay = kept == DIRFS_SD_USER && kind == DIRFS_SD_ROOT;
        if (err && !means_none(err) && !may_stay) {
            return err;
        }
    }
    return 0;
}

smbkit_status dirfs_set_security(void *volume, struct smbkit_op *op, void *file,
                                 const struct smbkit_set_security *a)
{
    struct dirfs_volume *vol = volume;
    struct dirfs_file *f = file;
    char proc[DIRFS_PROC_MAX];
    struct dirfs_where where = dirfs_where_file(f->fd, f->is_path, proc);
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (vol->is_readonly) {
        return SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
    dirfs_own_change(vol, f);
    int err = 0;
    if (a->security.len > 0) {
        err = dirfs_keep_security(vol, &where, a->security.base, a->security.len);
    }
    if (!err) {
        err = drop_others(&where, a->security.len > 0 ? dirfs_sd_kind_written(vol) : DIRFS_SD_NONE);
    }
    dirfs_known_forget(vol, f->seen.ino);
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}

void dirfs_renew_security(struct dirfs_volume *vol, const struct dirfs_where *where)
{
    struct dirfs_xattrs names;
    uint8_t *value = NULL;
    if (dirfs_xattrs_read(where, &names) != 0) {
        return;
    }
    unsigned kind = dirfs_sd_kind(vol, &names);
    dirfs_xattrs_free(&names);
    if (kind == DIRFS_SD_NONE || kind == DIRFS_SD_OLD) {
        return;
    }
    int64_t n = load(where, kind, &value);
    if (n > 0) {
        (void)dirfs_keep_security(vol, where, value, (uint32_t)n); /* it is kept in any case */
    }
    free(value);
}
