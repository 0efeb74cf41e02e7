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
static smbkit_status missing_status(int err)
{
    return err == ENODATA || err == EOPNOTSUPP ? SMBKIT_STATUS_NOT_FOUND
                                               : smbkit_status_from_errno(err);
}

smbkit_status dirfs_get_security(void *volume, struct smbkit_op *op, void *file,
                                 struct smbkit_get_security *a)
{
    uint8_t *buf = a->buffer.base;
    uint32_t cap = a->buffer.cap;
    uint32_t *needed_bytes = &a->buffer.len;
    (void)volume;
    struct dirfs_file *f = file;
    char proc[DIRFS_PROC_MAX];
    struct dirfs_where where = dirfs_where_file(f->fd, f->is_path, proc);
    *needed_bytes = 0;
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    int64_t n = dirfs_get_xattr(&where, SD_XATTR, buf, cap);
    if (n == -ERANGE || (n >= 0 && cap == 0)) {
        n = dirfs_get_xattr(&where, SD_XATTR, NULL, 0);
        *needed_bytes = n < 0 ? 0 : n < cap ? SD_MAX_BYTES : (uint32_t)n; /* has shrunk since */
        return n < 0 ? missing_status((int)-n) : SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    if (n < 0) {
        return missing_status((int)-n);
    }
    *needed_bytes = (uint32_t)n; /* 0: no descriptor that anybody wrote; the core refuses it */
    return SMBKIT_STATUS_SUCCESS;
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
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}
