/* SPDX-License-Identifier: Apache-2.0 */
/* Which directories have entries with attributes of their own (user.smbkit.dos): those with the
 * xattr user.smbkit.dos-below. It is put there before the first such entry gets its attributes, or
 * comes to be there; so a listing of a directory without it need not ask each entry, which costs
 * as much as looking at it does.
 *
 * A file with such attributes can come into a directory by what is done on this machine, too. It is
 * listed without them until it is opened by a client once: then the directory is marked. Nothing
 * ever takes a mark away. */
#include "dir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MARK_XATTR "user.smbkit.dos-below"

static bool has_mark(int dir)
{
    char proc[DIRFS_PROC_MAX];
    struct dirfs_where where = dirfs_where_file(dir, true, proc);
    return dirfs_get_xattr(&where, MARK_XATTR, NULL, 0) >= 0;
}

int dirfs_mark(int dir)
{
    char proc[DIRFS_PROC_MAX];
    struct dirfs_where where = dirfs_where_file(dir, true, proc);
    if (has_mark(dir)) {
        return 0;
    }
    int err = dirfs_set_xattr(&where, MARK_XATTR, "1", 1);
    /* Where it may not be marked, no directory is believed to have no marks: can_be_marked. */
    bool may_not = err == -EPERM || err == -EACCES || err == -EOPNOTSUPP || err == -EROFS;
    return may_not ? 0 : err;
}

/* The directory that an open file is in now, whatever path it was opened by; O_PATH. -1: it is in
 * none of the folder's. */
static int parent_of(const struct dirfs_volume *vol, int fd)
{
    char proc[DIRFS_PROC_MAX];
    char path[DIRFS_PATH_MAX];
    dirfs_proc_path(fd, proc);
    ssize_t n = readlink(proc, path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    const char *inside = path[0] == '/' ? dirfs_below_folder(vol, path) : NULL;
    const char *slash = inside ? strrchr(inside, '/') : NULL;
    if (!slash) {
        return -1;
    }
    path[slash - path] = '\0';
    inside += strspn(inside, "/");
    int parent = dirfs_openat2_plain(vol, inside, O_PATH | O_DIRECTORY);
    return parent < 0 ? -1 : parent;
}

int dirfs_mark_parent(const struct dirfs_volume *vol, int fd)
{
    int parent = parent_of(vol, fd);
    if (parent < 0) {
        return 0;
    }
    int err = dirfs_mark(parent);
    close(parent);
    return err;
}

bool dirfs_is_parent_marked(const struct dirfs_volume *vol, int fd)
{
    int parent = parent_of(vol, fd);
    bool is_marked = parent < 0 || has_mark(parent);
    if (parent >= 0) {
        close(parent);
    }
    return is_marked;
}

/* Could the server have marked it? */
static bool can_be_marked(const struct dirfs_volume *vol, int dir)
{
    struct statx stx;
    if (dirfs_stat_fd(dir, &stx) != 0 || faccessat(dir, ".", W_OK, AT_EACCESS) != 0) {
        return false;
    }
    if (!(stx.stx_mode & S_ISVTX)) {
        return true;
    }
    return vol->euid == 0 || vol->euid == stx.stx_uid; /* there they are the owner's: xattr(7) */
}

bool dirfs_may_have_marked(const struct dirfs_volume *vol, const struct dirfs_file *dir)
{
    return !vol->known || has_mark(dir->fd) || !(dir->is_own || can_be_marked(vol, dir->fd));
}
