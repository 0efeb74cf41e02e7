/* SPDX-License-Identifier: Apache-2.0 */
/* Making files and directories. */
#include "dir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* An errno of making a name: the last component is the one that must not exist. */
static smbkit_status make_status(int err)
{
    switch (err) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case EXDEV:
        return SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
    case EEXIST:
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    default:
        return smbkit_status_from_errno(err);
    }
}

static smbkit_status make_dir(const struct dirfs_volume *vol, const char *host, int *fd_r)
{
    const char *name;
    int parent = dirfs_open_parent(vol, host, false, &name);
    if (parent < 0) {
        return make_status(-parent);
    }
    dirfs_own(vol, host, DIRFS_OWN_ADDED);
    int err = mkdirat(parent, name, dirfs_mode_first(&vol->modes, true)) == 0 ? 0 : errno;
    if (err) {
        dirfs_own_not(vol, host, DIRFS_OWN_ADDED);
    }
    if (!err) {
        int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        err = fd < 0 ? errno : 0;
        *fd_r = fd;
    }
    close(parent);
    return err ? make_status(err) : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status make_file(const struct dirfs_volume *vol, const char *host, int *fd_r)
{
    dirfs_own(vol, host, DIRFS_OWN_ADDED);
    int fd = dirfs_openat2(vol, host, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, false);
    if (fd < 0) {
        dirfs_own_not(vol, host, DIRFS_OWN_ADDED);
        return make_status(-fd);
    }
    *fd_r = fd;
    return SMBKIT_STATUS_SUCCESS;
}

/* Is err a reason not to make the file? What the file system cannot keep at all is not. */
static bool is_fatal(int err)
{
    return err != 0 && err != -EOPNOTSUPP;
}

/* What a new file's xattr is for: ARCHIVE alone is what a file without it has, but no directory. */
static uint32_t kept_attributes(const struct smbkit_create *how)
{
    uint32_t implied = how->kind == SMBKIT_KIND_DIRECTORY ? 0 : SMBKIT_ATTR_ARCHIVE;
    uint32_t attributes = how->attributes & (SMBKIT_ATTR_SETTABLE | SMBKIT_ATTR_COMPRESSED);
    return attributes & ~implied ? attributes | implied : 0;
}

/* The creation time is with them, as Samba has it. 0 or -errno. */
static int put_attributes(const struct dirfs_where *where, uint32_t attributes)
{
    struct statx stx;
    int err = dirfs_stat_where(where, &stx);
    if (err) {
        return err;
    }
    const struct dirfs_dos dos = {.attributes = attributes, .create_time = dirfs_birth_time(&stx)};
    return dirfs_dos_write(where, &dos);
}

/* What the new file is to have. 0 or -errno. */
static int furnish(struct dirfs_volume *vol, const struct smbkit_create *how, int fd)
{
    struct dirfs_where where = {.fd = fd};
    uint32_t attributes = kept_attributes(how);
    int err = 0;
    if (attributes || how->ea.len > 0) {
        err = vol->has_xattrs ? dirfs_mark_parent(vol, fd) : 0;
    }
    if (!err && attributes) {
        err = put_attributes(&where, attributes);
    }
    if (!is_fatal(err) && how->security.base) {
        err = dirfs_keep_security(vol, &where, how->security.base, how->security.len);
    }
    if (!is_fatal(err) && how->kind == SMBKIT_KIND_FILE && how->alloc_size > 0) {
        err = dirfs_reserve(fd, how->alloc_size);
    }
    return is_fatal(err) ? err : 0;
}

/* Take back what was just made, if its name still leads to it. */
static void unmake(const struct dirfs_volume *vol, const char *host, int fd, bool is_dir)
{
    const char *name;
    struct statx made;
    struct statx found;
    int parent = dirfs_open_parent(vol, host, false, &name);
    if (parent < 0) {
        return;
    }
    if (dirfs_stat_fd(fd, &made) == 0 &&
        statx(parent, name, AT_SYMLINK_NOFOLLOW, STATX_INO, &found) == 0 &&
        made.stx_ino == found.stx_ino && dirfs_dev(&made) == dirfs_dev(&found)) {
        dirfs_own(vol, host, DIRFS_OWN_REMOVED);
        (void)unlinkat(parent, name, is_dir ? AT_REMOVEDIR : 0);
    }
    close(parent);
}

/* What is known of a file that was made just now. */
static void know_new(const struct dirfs_volume *vol, const struct smbkit_create *how,
                     const struct dirfs_opened *o)
{
    struct dirfs_seen seen = dirfs_seen(&o->stx);
    dirfs_known_forget(vol, seen.ino); /* another one's number until now, perhaps */
    const struct dirfs_security security = {.buf = (uint8_t *)(uintptr_t)how->security.base,
                                            .len = how->security.len,
                                            .is_kept = how->security.base != NULL};
    struct dirfs_dos none = {.descriptor = how->security.base && vol->has_xattrs
                                               ? dirfs_sd_kind_written(vol)
                                               : DIRFS_SD_NONE,
                             .takes_block = how->security.base && vol->has_xattrs};
    uint64_t changes = dirfs_known_changes(vol);
    if (vol->has_xattrs) {
        dirfs_know_security(vol, &seen, changes, &security);
    }
    if (!kept_attributes(how) && how->ea.len == 0) {
        dirfs_know_dos(vol, &seen, changes, 0, &none);
    }
}

smbkit_status dirfs_make(struct dirfs_volume *vol, const struct smbkit_create *how,
                         const char *host, struct dirfs_opened *o)
{
    if (vol->is_readonly) {
        return SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
    if (!host[0]) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION; /* the folder itself */
    }
    bool is_dir = how->kind == SMBKIT_KIND_DIRECTORY;
    *o = (struct dirfs_opened){.can_write = !is_dir};
    smbkit_status status = is_dir ? make_dir(vol, host, &o->fd) : make_file(vol, host, &o->fd);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    dirfs_own(vol, host, DIRFS_OWN_CHANGE);
    int err = dirfs_mode_settle(vol, host, o->fd, is_dir);
    err = err ? err : furnish(vol, how, o->fd);
    status = err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
    if (!err && how->ea.len > 0) {
        const struct dirfs_where where = {.fd = o->fd};
        status = dirfs_ea_apply(&where, &how->ea);
    }
    if (SMBKIT_OK(status)) {
        err = dirfs_stat_fd(o->fd, &o->stx);
        status = err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
    }
    if (!SMBKIT_OK(status)) {
        unmake(vol, host, o->fd, is_dir);
        close(o->fd);
        return status;
    }
    know_new(vol, how, o);
    return SMBKIT_STATUS_SUCCESS;
}
