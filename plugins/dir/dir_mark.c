/* SPDX-License-Identifier: Apache-2.0 */
/* Which directories have entries with attributes of their own (user.DOSATTRIB): those with the
 * xattr user.smbkit.dos-below. It is put there before the first such entry gets its attributes, or
 * comes to be there; so a listing of a directory without it need not ask each entry, which costs
 * as much as looking at it does.
 *
 * A file with such attributes can come into a directory by what is done on this machine, too. It is
 * listed without them until it is opened by a client once: then the directory is marked. Nothing
 * ever takes a mark away.
 *
 * Samba knows no marks. Where it has served the folder, entries with such attributes are in
 * directories without one: the first few entries of each such directory, and of the folder itself,
 * are looked at. From then on every entry is, everywhere; the folder remembers it by its own mark.
 */
#include "dir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MARK_XATTR "user.smbkit.dos-below"
#define EVERYWHERE "2" /* the mark of a folder that others have served */
#define ROOT_LOOKS 64u
#define ROOT_BYTES 8192u

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
    char path[DIRFS_PATH_MAX];
    const char *inside = dirfs_inside_now(vol, fd, path);
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
    return !vol->known || atomic_load_explicit(&vol->is_foreign, memory_order_relaxed) ||
           has_mark(dir->fd) || !(dir->is_own || can_be_marked(vol, dir->fd));
}

/* Has one of the entries attributes of its own? */
static bool finds_attributes(int dir, const char *entries, size_t len, unsigned looks)
{
    char path[DIRFS_PROC_MAX + DIRFS_NAME_MAX];
    const struct dirfs_where where = {.fd = -1, .is_entry = true, .path = path};
    for (size_t at = 0; at < len && looks > 0; looks--) {
        const struct dirfs_kernel_entry *entry = (const struct dirfs_kernel_entry *)(entries + at);
        snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, entry->d_name);
        if (entry->d_name[0] != '.' &&
            dirfs_get_xattr(&where, DIRFS_DOSATTRIB_XATTR, NULL, 0) >= 0) {
            return true;
        }
        at += entry->d_reclen;
    }
    return false;
}

bool dirfs_finds_foreign(struct dirfs_volume *vol, int dir, const char *entries, size_t len,
                         unsigned looks)
{
    if (!finds_attributes(dir, entries, len, looks)) {
        return false;
    }
    char proc[DIRFS_PROC_MAX];
    const struct dirfs_where where = dirfs_where_file(vol->root, true, proc);
    atomic_store_explicit(&vol->is_foreign, true, memory_order_relaxed);
    /* Where that may not be, it is found again. */
    (void)dirfs_set_xattr(&where, MARK_XATTR, EVERYWHERE, sizeof(EVERYWHERE) - 1);
    (void)dirfs_mark(dir);
    return true;
}

void dirfs_look_for_foreign(struct dirfs_volume *vol)
{
    _Alignas(8) char entries[ROOT_BYTES];
    char mark[2];
    char proc[DIRFS_PROC_MAX];
    const struct dirfs_where where = dirfs_where_file(vol->root, true, proc);
    int64_t n = dirfs_get_xattr(&where, MARK_XATTR, mark, sizeof(mark));
    if (n >= 0) {
        atomic_store_explicit(&vol->is_foreign, n == 1 && mark[0] == EVERYWHERE[0],
                              memory_order_relaxed);
        return;
    }
    int dir = openat(vol->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long len = dir < 0 ? -1 : syscall(SYS_getdents64, dir, entries, sizeof(entries));
    if (len > 0) {
        (void)dirfs_finds_foreign(vol, dir, entries, (size_t)len, ROOT_LOOKS);
    }
    if (dir >= 0) {
        close(dir);
    }
}
