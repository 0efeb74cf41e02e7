/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes. What the host's file systems do not know (DOS attributes, a creation time that can be
 * set) is kept in extended attributes: dir_dosattrib.c. A file that nobody ever set any of it on
 * has none. */
#include "dir_reparse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNIX_EPOCH_S 11644473600ll /* seconds from 1601-01-01 to 1970-01-01 */

static uint64_t filetime(const struct statx_timestamp *t)
{
    int64_t s = t->tv_sec + UNIX_EPOCH_S;
    return s < 0 ? 0 : (uint64_t)s * 10000000u + t->tv_nsec / 100;
}

int dirfs_dos_find(const struct dirfs_volume *vol, const struct statx *stx,
                   const struct dirfs_where *where, struct dirfs_dos *dos)
{
    int found;
    struct dirfs_seen seen = dirfs_seen(stx);
    if (dirfs_known_dos(vol, &seen, &found, dos)) {
        return found;
    }
    if (where->is_bare) {
        return 0;
    }
    uint64_t changes = dirfs_known_changes(vol);
    found = dirfs_dos_read(vol, where, dos);
    dirfs_know_dos(vol, &seen, changes, found, dos);
    return found;
}

/* What a file without the xattr has. */
static uint32_t default_attributes(const struct dirfs_volume *vol, const char *name,
                                   const struct statx *stx)
{
    bool is_plain = !S_ISDIR(stx->stx_mode) && !S_ISLNK(stx->stx_mode);
    uint32_t attributes = is_plain ? SMBKIT_ATTR_ARCHIVE : 0;
    if (S_ISREG(stx->stx_mode) && !(stx->stx_mode & S_IWUSR)) {
        attributes |= SMBKIT_ATTR_READONLY;
    }
    if (vol->hides_dot_files && name[0] == '.') {
        attributes |= SMBKIT_ATTR_HIDDEN;
    }
    return attributes;
}

uint64_t dirfs_birth_time(const struct statx *stx)
{
    if (stx->stx_mask & STATX_BTIME) {
        return filetime(&stx->stx_btime);
    }
    uint64_t written = filetime(&stx->stx_mtime);
    uint64_t changed = filetime(&stx->stx_ctime);
    return written < changed ? written : changed;
}

/* What the data takes. What a file keeps in xattrs may take a block on ext4, which counts among
 * those of the file: an empty one has none. */
static uint64_t data_bytes(const struct dirfs_volume *vol, const struct statx *stx,
                           bool may_have_xattrs)
{
    uint64_t block = stx->stx_blksize;
    uint64_t taken = stx->stx_blocks * 512;
    uint64_t needed = block ? (stx->stx_size + block - 1) / block * block : 0;
    bool has_more = block && taken >= needed && taken - needed >= block;
    return vol->is_ext && may_have_xattrs && has_more ? taken - block : taken;
}

int dirfs_fill_attr(const struct dirfs_volume *vol, const char *name, const struct statx *stx,
                    const struct dirfs_where *where, struct smbkit_attr *attr)
{
    bool is_dir = S_ISDIR(stx->stx_mode);
    bool is_link = S_ISLNK(stx->stx_mode);
    struct dirfs_dos dos = {0};
    int found = is_dir || S_ISREG(stx->stx_mode) ? dirfs_dos_find(vol, stx, where, &dos) : 0;
    if (found <= 0) {
        dos.attributes = default_attributes(vol, name, stx);
    }
    struct smbkit_attr is = {
        .struct_size = attr->struct_size,
        /* A hole takes nothing. File systems of other machines may not know what they take. */
        .valid = vol->tries_nowait ? SMBKIT_HAS_ALLOC_SIZE : 0,
        .size = S_ISREG(stx->stx_mode) ? stx->stx_size : 0,
        .alloc_size =
            S_ISREG(stx->stx_mode) ? data_bytes(vol, stx, dos.takes_block || where->is_bare) : 0,
        .create_time = dos.create_time ? dos.create_time : dirfs_birth_time(stx),
        .access_time = filetime(&stx->stx_atime),
        .write_time = filetime(&stx->stx_mtime),
        .change_time = dirfs_change_time_holds(&dos, dirfs_seen(stx).ctime)
                           ? dos.change_time
                           : filetime(&stx->stx_ctime),
        .attributes = dos.attributes | (is_dir ? SMBKIT_ATTR_DIRECTORY : 0) |
                      (is_link ? SMBKIT_ATTR_REPARSE_POINT : 0),
        .reparse_tag = is_link ? DIRFS_TAG_SYMLINK : 0,
        .link_count = is_dir ? 1 : stx->stx_nlink,
        .ea_size = dos.ea_size,
    };
    dirfs_fill_id(vol, stx, where, &is);
    if (is.attributes == 0) {
        is.attributes = SMBKIT_ATTR_NORMAL;
    }
    /* Of an older server the room is smaller. */
    memcpy(attr, &is, attr->struct_size < sizeof(is) ? attr->struct_size : sizeof(is));
    /* EACCES: to look at them will do; what may be done is up to dirfs_get_security. */
    return found < 0 && found != -EACCES ? found : 0;
}

/* The last component of the file's path, into name. */
static void file_name(struct dirfs_file *file, char *name)
{
    pthread_mutex_lock(&file->lock);
    const char *slash = strrchr(file->path, '/');
    const char *last = slash ? slash + 1 : file->path;
    size_t len = strnlen(last, DIRFS_NAME_MAX - 1);
    memcpy(name, last, len);
    name[len] = '\0';
    pthread_mutex_unlock(&file->lock);
}

smbkit_status dirfs_file_attr(struct dirfs_volume *vol, struct dirfs_file *file,
                              struct smbkit_attr *attr)
{
    struct statx stx;
    int err = dirfs_stat_fd(file->fd, &stx);
    return err ? smbkit_status_from_errno(-err) : dirfs_file_attr_of(vol, file, &stx, attr);
}

smbkit_status dirfs_file_attr_of(struct dirfs_volume *vol, struct dirfs_file *file,
                                 const struct statx *stx, struct smbkit_attr *attr)
{
    char name[DIRFS_NAME_MAX];
    char proc[DIRFS_PROC_MAX];
    struct dirfs_where where = dirfs_where_file(file->fd, file->is_path, proc);
    file_name(file, name);
    int err = dirfs_fill_attr(vol, name, stx, &where, attr);
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}

smbkit_status dirfs_getattr(void *volume, struct smbkit_op *op, void *file,
                            struct smbkit_attr *attr)
{
    struct dirfs_volume *vol = volume;
    if (dirfs_is_nowait(op) && !vol->tries_nowait) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (((struct dirfs_file *)file)->is_stream) {
        return dirfs_is_nowait(op) ? SMBKIT_STATUS_WOULD_BLOCK
                                   : dirfs_stream_getattr(vol, file, attr);
    }
    return dirfs_file_attr(vol, file, attr);
}

int dirfs_current_dos(struct dirfs_volume *vol, struct dirfs_file *file, struct dirfs_dos *dos)
{
    char proc[DIRFS_PROC_MAX];
    char name[DIRFS_NAME_MAX];
    struct dirfs_where where = dirfs_where_file(file->fd, file->is_path, proc);
    *dos = (struct dirfs_dos){0};
    int found = dirfs_dos_read(vol, &where, dos);
    if (found != 0) {
        return found < 0 ? found : 0;
    }
    struct statx stx;
    int err = dirfs_stat_fd(file->fd, &stx);
    if (!err) {
        file_name(file, name);
        dos->attributes = default_attributes(vol, name, &stx);
    }
    return err;
}
