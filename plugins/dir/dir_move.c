/* SPDX-License-Identifier: Apache-2.0 */
/* Rename, hard links, removal: the operations that need a name again. The name's directory is
 * opened beneath the folder and the name must still lead to the inode that the handle has; the
 * system call then takes the directory's descriptor and one component, so that nothing outside the
 * folder can be meant. */
#include "dir_move.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEMPORARY_TRIES 16

/* Is that the file? As it is now: on some file systems (mergerfs, overlays) an inode gets another
 * number while it is open. */
bool dirfs_is_same(const struct statx *stx, const struct dirfs_file *file)
{
    struct statx own;
    return dirfs_stat_fd(file->fd, &own) == 0 && stx->stx_ino == own.stx_ino &&
           dirfs_dev(stx) == dirfs_dev(&own);
}

/* Does the name in the directory lead to the file? A symlink does when its target is the file. */
static bool leads_to(const struct dirfs_volume *vol, const struct dirfs_spot *spot,
                     const struct dirfs_file *file)
{
    struct statx stx;
    if (statx(spot->dir, spot->name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS,
              &stx) != 0) {
        return false;
    }
    if (file->is_link || !S_ISLNK(stx.stx_mode)) {
        return dirfs_is_same(&stx, file);
    }
    int fd = dirfs_openat2(vol, spot->path, O_PATH, false);
    if (fd < 0) {
        return false;
    }
    bool same = dirfs_stat_fd(fd, &stx) == 0 && dirfs_is_same(&stx, file);
    close(fd);
    return same;
}

static smbkit_status spot_open(const struct dirfs_volume *vol, struct dirfs_spot *spot)
{
    spot->dir = dirfs_open_parent(vol, spot->path, false, &spot->name);
    if (spot->dir < 0) {
        smbkit_status status = dirfs_lookup_status(-spot->dir);
        return status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND ? SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND
                                                             : status;
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status spot_at(const struct dirfs_volume *vol, const struct dirfs_file *file,
                             struct dirfs_spot *spot)
{
    if (!SMBKIT_OK(spot_open(vol, spot))) {
        return SMBKIT_STATUS_FILE_DELETED;
    }
    if (!leads_to(vol, spot, file)) {
        close(spot->dir);
        return SMBKIT_STATUS_FILE_DELETED;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* The absolute path of a descriptor, as the system follows it. */
static bool path_of_fd(int fd, char path[DIRFS_PATH_MAX])
{
    char proc[DIRFS_PROC_MAX];
    dirfs_proc_path(fd, proc);
    ssize_t n = readlink(proc, path, DIRFS_PATH_MAX - 1);
    if (n < 0) {
        return false;
    }
    path[n] = '\0';
    return n < DIRFS_PATH_MAX - 1 && path[0] == '/';
}

/* The path below the folder where the system says that the file is: it may have been moved by
 * another handle, or on the host. Only told; whoever uses it looks at what is there. */
static bool path_now(const struct dirfs_volume *vol, const struct dirfs_file *file,
                     char path[DIRFS_PATH_MAX])
{
    char root[DIRFS_PATH_MAX];
    if (!path_of_fd(vol->root, root) || !path_of_fd(file->fd, path)) {
        return false;
    }
    size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(path, root, len) != 0 || path[len] != '/' || !path[len + 1]) {
        return false;
    }
    memmove(path, path + len + 1, strlen(path + len + 1) + 1);
    return true;
}

/* Where the file is now. The caller holds its lock. FILE_DELETED: its name is gone or another
 * file's. */
static smbkit_status spot_of_file(const struct dirfs_volume *vol, struct dirfs_file *file,
                                  struct dirfs_spot *spot)
{
    strcpy(spot->path, file->path); /* fits: it came from such a buffer */
    if (!spot->path[0]) {
        return SMBKIT_STATUS_ACCESS_DENIED; /* the folder itself */
    }
    smbkit_status status = spot_at(vol, file, spot);
    if (status != SMBKIT_STATUS_FILE_DELETED || !path_now(vol, file, spot->path)) {
        return status;
    }
    status = spot_at(vol, file, spot);
    char *path = SMBKIT_OK(status) ? strdup(spot->path) : NULL;
    if (path) { /* without memory it is looked for again */
        free(file->path);
        file->path = path;
    }
    return status;
}

static smbkit_status spot_of_target(const struct dirfs_volume *vol, const char *path,
                                    struct dirfs_spot *spot)
{
    smbkit_status status = dirfs_name_to_host(path, spot->path);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    return spot->path[0] ? spot_open(vol, spot) : SMBKIT_STATUS_OBJECT_NAME_COLLISION;
}

static smbkit_status check_change(const struct dirfs_volume *vol, const struct smbkit_op *op)
{
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    return vol->is_readonly ? SMBKIT_STATUS_MEDIA_WRITE_PROTECTED : SMBKIT_STATUS_SUCCESS;
}

smbkit_status dirfs_at_spot(struct dirfs_volume *vol, const struct smbkit_op *op,
                            struct dirfs_file *f, dirfs_spot_fn *fn, const void *arg)
{
    struct dirfs_spot spot;
    smbkit_status status = check_change(vol, op);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    pthread_mutex_lock(&f->lock);
    status = spot_of_file(vol, f, &spot);
    if (SMBKIT_OK(status)) {
        status = fn(vol, f, &spot, arg);
        close(spot.dir);
    }
    pthread_mutex_unlock(&f->lock);
    return status;
}

static smbkit_status remove_spot(struct dirfs_volume *vol, struct dirfs_file *f,
                                 const struct dirfs_spot *spot, const void *arg)
{
    (void)arg;
    dirfs_own(vol, spot->path, DIRFS_OWN_REMOVED);
    dirfs_own(vol, spot->path, DIRFS_OWN_CHANGE); /* its number of names */
    int r = unlinkat(spot->dir, spot->name, f->is_dir ? AT_REMOVEDIR : 0);
    if (r != 0 && errno == ENOTDIR && f->is_dir) {
        /* a symlink to the directory: the name goes, not the directory */
        r = unlinkat(spot->dir, spot->name, 0);
    }
    if (r == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    int err = errno;
    dirfs_own_not(vol, spot->path, DIRFS_OWN_REMOVED);
    return err == EEXIST || err == ENOTEMPTY ? SMBKIT_STATUS_DIRECTORY_NOT_EMPTY
                                             : smbkit_status_from_errno(err);
}

smbkit_status dirfs_remove(void *volume, struct smbkit_op *op, void *file,
                           const struct smbkit_remove *a)
{
    (void)a;
    if (((struct dirfs_file *)file)->is_stream) {
        return dirfs_stream_remove(volume, op, file);
    }
    return dirfs_at_spot(volume, op, file, remove_spot, NULL);
}

/* What the kernel asks before it takes a name away. The directory first: it may be on a file system
 * that is read-only by now. */
static smbkit_status check_spot(struct dirfs_volume *vol, struct dirfs_file *f,
                                const struct dirfs_spot *spot, const void *arg)
{
    (void)f, (void)arg;
    struct statx dir;
    struct statx stx;
    char proc[DIRFS_PROC_MAX];
    dirfs_proc_path(spot->dir, proc);
    if (faccessat(AT_FDCWD, proc, W_OK | X_OK, AT_EACCESS) != 0 ||
        dirfs_stat_fd(spot->dir, &dir) != 0 ||
        statx(spot->dir, spot->name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS,
              &stx) != 0) {
        return smbkit_status_from_errno(errno);
    }
    if (stx.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_MOUNT_ROOT)) {
        return SMBKIT_STATUS_CANNOT_DELETE;
    }
    bool is_others = stx.stx_uid != vol->euid && dir.stx_uid != vol->euid && !vol->has_fowner;
    if ((dir.stx_attributes & STATX_ATTR_APPEND) || ((dir.stx_mode & S_ISVTX) && is_others)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status dirfs_check_remove(void *volume, struct smbkit_op *op, void *file,
                                 const struct smbkit_remove *a)
{
    (void)a;
    if (((struct dirfs_file *)file)->is_stream) {
        return check_change(volume, op);
    }
    return dirfs_at_spot(volume, op, file, check_spot, NULL);
}

/* renameat without replacing. File systems that do not know RENAME_NOREPLACE are asked first, which
 * leaves a moment. */
static int rename_keep(const struct dirfs_spot *from, const struct dirfs_spot *to)
{
    if (renameat2(from->dir, from->name, to->dir, to->name, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return -errno;
    }
    struct statx stx;
    if (statx(to->dir, to->name, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &stx) == 0) {
        return -EEXIST;
    }
    return renameat(from->dir, from->name, to->dir, to->name) == 0 ? 0 : -errno;
}

/* A directory in the place of a file, which the system does not do by itself: they change places,
 * then the file goes. */
static int rename_over_file(const struct dirfs_spot *from, const struct dirfs_spot *to)
{
    if (renameat2(from->dir, from->name, to->dir, to->name, RENAME_EXCHANGE) != 0) {
        return errno == EINVAL || errno == ENOSYS ? -EACCES : -errno; /* it cannot do that */
    }
    if (unlinkat(from->dir, from->name, 0) == 0) {
        return 0;
    }
    int err = -errno;
    (void)renameat2(from->dir, from->name, to->dir, to->name, RENAME_EXCHANGE);
    return err;
}

static int rename_replace(const struct dirfs_spot *from, const struct dirfs_spot *to,
                          const struct dirfs_file *file)
{
    struct statx stx;
    if (statx(to->dir, to->name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx) != 0) {
        return rename_keep(from, to);
    }
    if (S_ISDIR(stx.stx_mode)) {
        return -EACCES; /* a directory is never replaced */
    }
    if (renameat(from->dir, from->name, to->dir, to->name) != 0) {
        return errno == ENOTDIR && file->is_dir ? rename_over_file(from, to) : -errno;
    }
    if (dirfs_is_same(&stx, file)) {
        /* Two links to one file: POSIX has rename do nothing then. */
        return unlinkat(from->dir, from->name, 0) == 0 || errno == ENOENT ? 0 : -errno;
    }
    return 0;
}

static smbkit_status rename_status(int err, bool replace)
{
    switch (err) {
    case 0:
        return SMBKIT_STATUS_SUCCESS;
    case -EEXIST:
    case -ENOTEMPTY:
        return replace ? SMBKIT_STATUS_ACCESS_DENIED : SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    case -EINVAL: /* below itself */
        return SMBKIT_STATUS_ACCESS_DENIED;
    default:
        return smbkit_status_from_errno(-err);
    }
}

/* The file comes into another directory: that has one with attributes of its own then, if it has
 * any. 0 or -errno. */
static int mark_target(const struct dirfs_volume *vol, const struct dirfs_file *file,
                       const struct dirfs_spot *to)
{
    struct statx stx;
    struct dirfs_dos dos;
    char proc[DIRFS_PROC_MAX];
    struct dirfs_where where = dirfs_where_file(file->fd, file->is_path, proc);
    if (!vol->has_xattrs || file->is_link || dirfs_stat_fd(file->fd, &stx) != 0) {
        return 0;
    }
    return dirfs_dos_find(vol, &stx, &where, &dos) != 0 ? dirfs_mark(to->dir) : 0;
}

static bool is_same_dir(const struct dirfs_spot *a, const struct dirfs_spot *b)
{
    size_t len = (size_t)(a->name - a->path);
    return len == (size_t)(b->name - b->path) && memcmp(a->path, b->path, len) == 0;
}

static void own_rename(const struct dirfs_volume *vol, const struct dirfs_spot *from,
                       const struct dirfs_spot *to)
{
    dirfs_own(vol, from->path, DIRFS_OWN_REMOVED);
    dirfs_own(vol, to->path, DIRFS_OWN_ADDED);
    dirfs_own(vol, to->path, DIRFS_OWN_CHANGE); /* its change time */
}

/* The caller holds the file's lock. */
static smbkit_status rename_locked(const struct dirfs_volume *vol, struct dirfs_file *file,
                                   struct dirfs_spot *to, uint32_t replace)
{
    struct dirfs_spot from;
    smbkit_status status = spot_of_file(vol, file, &from);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    char *path = strdup(to->path);
    int err = -ENOMEM;
    if (path && strcmp(from.path, to->path) == 0) {
        err = 0; /* to where it is */
    } else if (path) {
        err = is_same_dir(&from, to) ? 0 : mark_target(vol, file, to);
        if (!err) {
            own_rename(vol, &from, to);
            err = replace ? rename_replace(&from, to, file) : rename_keep(&from, to);
        }
        if (err) {
            dirfs_own_not(vol, from.path, DIRFS_OWN_REMOVED);
            dirfs_own_not(vol, to->path, DIRFS_OWN_ADDED);
        }
    }
    close(from.dir);
    if (err) {
        free(path);
        return rename_status(err, replace);
    }
    free(file->path);
    file->path = path;
    dirfs_set_flag(file, DIRFS_NEW_NAME);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status dirfs_rename(void *volume, struct smbkit_op *op, void *file,
                           const struct smbkit_rename *a)
{
    const char *new_path = a->new_path;
    uint32_t replace = a->flags & SMBKIT_RENAME_REPLACE;
    struct dirfs_file *f = file;
    struct dirfs_spot to;
    if (f->is_stream) {
        return dirfs_stream_rename(volume, op, f, a);
    }
    smbkit_status status = check_change(volume, op);
    if (SMBKIT_OK(status)) {
        status = spot_of_target(volume, new_path, &to);
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    pthread_mutex_lock(&f->lock);
    status = rename_locked(volume, f, &to, replace);
    pthread_mutex_unlock(&f->lock);
    close(to.dir);
    return status;
}

static int link_at(const struct dirfs_file *file, int dir, const char *name)
{
    char proc[DIRFS_PROC_MAX];
    dirfs_proc_path(file->fd, proc);
    return linkat(AT_FDCWD, proc, dir, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : -errno;
}

/* Make the link under a name of its own, then move it over what is there: the name always leads to
 * a file. */
static int link_replace(const struct dirfs_file *file, const struct dirfs_spot *to)
{
    struct statx stx;
    if (statx(to->dir, to->name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx) != 0) {
        return -errno;
    }
    if (S_ISDIR(stx.stx_mode)) {
        return -EACCES;
    }
    if (dirfs_is_same(&stx, file)) {
        return 0;
    }
    char name[64];
    int err = -EEXIST;
    for (unsigned i = 0; i < TEMPORARY_TRIES && err == -EEXIST; i++) {
        snprintf(name, sizeof(name), DIRFS_MOMENTARY "%d-%u-%llx", file->fd, i,
                 (unsigned long long)file->seen.ino);
        err = link_at(file, to->dir, name);
    }
    if (err) {
        return err;
    }
    if (renameat(to->dir, name, to->dir, to->name) != 0) {
        err = -errno;
        (void)unlinkat(to->dir, name, 0);
    }
    return err;
}

smbkit_status dirfs_link(void *volume, struct smbkit_op *op, void *file,
                         const struct smbkit_rename *a)
{
    const char *new_path = a->new_path;
    uint32_t replace = a->flags & SMBKIT_RENAME_REPLACE;
    struct dirfs_file *f = file;
    struct dirfs_spot to;
    smbkit_status status = check_change(volume, op);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (f->is_dir || f->is_stream) {
        return f->is_dir ? SMBKIT_STATUS_FILE_IS_A_DIRECTORY : SMBKIT_STATUS_INVALID_PARAMETER;
    }
    status = spot_of_target(volume, new_path, &to);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    int err = mark_target(volume, f, &to);
    dirfs_own(volume, to.path, DIRFS_OWN_ADDED);
    dirfs_own_change(volume, f); /* its number of names */
    err = err ? err : link_at(f, to.dir, to.name);
    if (err == -EEXIST && replace) {
        err = link_replace(f, &to);
    }
    if (err) {
        dirfs_own_not(volume, to.path, DIRFS_OWN_ADDED);
    }
    dirfs_snaps_forget(((struct dirfs_volume *)volume)->snaps);
    close(to.dir);
    return rename_status(err, replace);
}
