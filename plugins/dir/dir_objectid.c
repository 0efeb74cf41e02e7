/* SPDX-License-Identifier: Apache-2.0 */
/* Object ids, in the xattr user.smbkit.objectid: the id and its birth, 64 bytes. */
#include "dir_priv.h"

#include <errno.h>
#include <string.h>

#define OBJECT_ID_XATTR "user.smbkit.objectid"
#define ID_BYTES 16
#define BIRTH_BYTES 48

static int write_id(const struct dirfs_where *where, const struct smbkit_object_id *a)
{
    uint8_t blob[ID_BYTES + BIRTH_BYTES];
    memcpy(blob, a->id, ID_BYTES);
    memcpy(blob + ID_BYTES, a->birth, BIRTH_BYTES);
    return dirfs_set_xattr(where, OBJECT_ID_XATTR, blob, sizeof(blob));
}

/* 1: read; 0: there is none; -errno. */
static int read_id(const struct dirfs_where *where, struct smbkit_object_id *a)
{
    uint8_t blob[ID_BYTES + BIRTH_BYTES];
    int64_t n = dirfs_get_xattr(where, OBJECT_ID_XATTR, blob, sizeof(blob));
    if (n == -ENODATA || n == -EOPNOTSUPP || n == -ERANGE || (n >= 0 && n != sizeof(blob))) {
        return 0; /* ERANGE and another length: not ours */
    }
    if (n < 0) {
        return (int)n;
    }
    memcpy(a->id, blob, ID_BYTES);
    memcpy(a->birth, blob + ID_BYTES, BIRTH_BYTES);
    return 1;
}

static smbkit_status change(struct dirfs_volume *vol, struct dirfs_file *file,
                            const struct dirfs_where *where, const struct smbkit_object_id *a)
{
    if (vol->is_readonly) {
        return SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
    bool drops = a->flags == SMBKIT_OBJECT_ID_DELETE;
    dirfs_own_change(vol, file);
    int err = drops ? dirfs_drop_xattr(where, OBJECT_ID_XATTR) : write_id(where, a);
    dirfs_known_forget(vol, file->seen.ino);
    if (drops && err == -ENODATA) {
        return SMBKIT_STATUS_OBJECTID_NOT_FOUND;
    }
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}

smbkit_status dirfs_object_id(void *volume, struct smbkit_op *op, void *file,
                              struct smbkit_object_id *a)
{
    char proc[DIRFS_PROC_MAX];
    struct dirfs_file *f = file;
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (f->is_link) {
        return SMBKIT_STATUS_OBJECTID_NOT_FOUND; /* user xattrs are for files and folders */
    }
    const struct dirfs_where where = dirfs_where_file(f->fd, f->is_path, proc);
    if (a->flags == SMBKIT_OBJECT_ID_SET || a->flags == SMBKIT_OBJECT_ID_DELETE) {
        return change(volume, f, &where, a);
    }
    struct smbkit_object_id is = *a;
    int found = read_id(&where, &is);
    if (found < 0) {
        return smbkit_status_from_errno(-found);
    }
    if (found > 0) {
        *a = is;
        return SMBKIT_STATUS_SUCCESS;
    }
    return a->flags == SMBKIT_OBJECT_ID_CREATE_OR_GET ? change(volume, f, &where, a)
                                                      : SMBKIT_STATUS_OBJECTID_NOT_FOUND;
}
