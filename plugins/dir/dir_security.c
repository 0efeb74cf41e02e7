/* SPDX-License-Identifier: Apache-2.0 */
/* Security descriptors, kept as they come in the xattr user.smbkit.sd (security.* is root's alone).
 */
#include "dir_priv.h"

#include <errno.h>
#include <sys/xattr.h>

#define SD_XATTR "user.smbkit.sd"
#define SD_MAX_BYTES 65536u /* what the kernel allows in an xattr */

int dirfs_keep_security(const struct dirfs_where *where, const uint8_t *security, uint32_t len)
{
    return len > SD_MAX_BYTES ? -E2BIG : dirfs_set_xattr(where, SD_XATTR, security, len);
}

/* Only what says that there is none means that: a descriptor that cannot be read (EACCES, EIO,
 * ENOMEM) may be one that denies, and whoever asks is refused. */
static bool means_none(int64_t err)
{
    return err == -ENODATA || err == -EOPNOTSUPP;
}

/* From the file system, and make it known. 0 or -errno; out->len is more than out->cap when the
 * room is too small. */
static int read_security(const struct dirfs_volume *vol, const struct dirfs_file *file,
                         const struct dirfs_seen *seen, struct dirfs_security *out)
{
    char proc[DIRFS_PROC_MAX];
    struct dirfs_where where = dirfs_where_file(file->fd, file->is_path, proc);
    uint64_t changes = dirfs_known_changes(vol);
    int64_t n = out->cap > 0 ? dirfs_get_xattr(&where, SD_XATTR, out->buf, out->cap) : -ERANGE;
    bool has_content = n != -ERANGE;
    if (!has_content) {
        n = dirfs_get_xattr(&where, SD_XATTR, NULL, 0);
        n = n >= 0 && n <= out->cap ? (int64_t)SD_MAX_BYTES : n; /* has just shrunk */
    }
    if (n < 0 && !means_none(n)) {
        return (int)n;
    }
    out->is_kept = n >= 0;
    out->len = n < 0 ? 0 : (uint32_t)n; /* kept and empty: nobody wrote that; the core refuses it */
    if (has_content || n < 0) {
        dirfs_know_security(vol, seen, changes, out);
    }
    return 0;
}

smbkit_status dirfs_get_security(void *volume, struct smbkit_op *op, void *file,
                                 struct smbkit_get_security *a)
{
    const struct dirfs_volume *vol = volume;
    struct dirfs_security out = {.buf = a->buffer.base, .cap = a->buffer.cap};
    struct dirfs_seen seen;
    a->buffer.len = 0;
    int err = dirfs_seen_now(file, &seen);
    if (!err && !dirfs_known_security(vol, &seen, &out)) {
        if (dirfs_is_nowait(op)) {
            return SMBKIT_STATUS_WOULD_BLOCK;
        }
        err = read_security(vol, file, &seen, &out);
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

static int drop_security(const struct dirfs_where *where)
{
    int r = where->fd >= 0 ? fremovexattr(where->fd, SD_XATTR) : removexattr(where->path, SD_XATTR);
    return r < 0 && errno != ENODATA ? -errno : 0;
}

smbkit_status dirfs_set_security(void *volume, struct smbkit_op *op, void *file,
                                 const struct smbkit_set_security *a)
{
    const uint8_t *security = a->security.base;
    uint32_t len_bytes = a->security.len;
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
    int err =
        len_bytes == 0 ? drop_security(&where) : dirfs_keep_security(&where, security, len_bytes);
    dirfs_known_forget(vol, f->seen.ino);
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}
