/* SPDX-License-Identifier: Apache-2.0 */
/* Enumeration: the kernel's own entries and cookies. A handle remembers the entries that the kernel
 * gave and the core had no room for, so that paging through a directory asks for each of them once.
 */
#include "dir_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LIST_BYTES 32768 /* what glibc's readdir asks for as well */

/* struct linux_dirent64, as the kernel documents it (getdents(2)) */
struct kernel_entry {
    uint64_t d_ino;
    int64_t d_off;
    uint16_t d_reclen;
    uint8_t d_type;
    char d_name[];
};

struct dirfs_list {
    int fd;      /* the directory, its position behind the buffer's last entry */
    uint32_t at; /* bytes of buf given out */
    uint32_t len;
    uint64_t cookie; /* of the last entry given out */
    _Alignas(8) char buf[LIST_BYTES];
};

void dirfs_list_free(struct dirfs_list *list)
{
    if (list) {
        close(list->fd);
        free(list);
    }
}

/* One enumeration under way. */
struct walk {
    const struct dirfs_volume *vol;
    struct dirfs_file *file;
    struct dirfs_list *list;
    struct smbkit_sink *sink;
};

static int list_new(struct dirfs_file *file)
{
    struct dirfs_list *list = malloc(sizeof(*list));
    if (!list) {
        return -ENOMEM;
    }
    char proc[DIRFS_PROC_MAX];
    dirfs_proc_path(file->fd, proc);
    list->fd = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* a position of its own */
    if (list->fd < 0) {
        int err = -errno;
        free(list);
        return err;
    }
    list->at = 0;
    list->len = 0;
    list->cookie = 0;
    file->list = list;
    return 0;
}

static int seek_to(struct dirfs_list *list, uint64_t cookie)
{
    if (cookie == list->cookie && cookie != 0) {
        return 0;
    }
    list->at = 0;
    list->len = 0;
    list->cookie = cookie;
    return lseek(list->fd, (off_t)cookie, SEEK_SET) < 0 ? -errno : 0;
}

/* The next entry, or NULL with *err 0 at the end, else -errno. */
static const struct kernel_entry *peek(struct dirfs_list *list, int *err)
{
    *err = 0;
    if (list->at == list->len) {
        long n = syscall(SYS_getdents64, list->fd, list->buf, LIST_BYTES);
        if (n <= 0) {
            /* ENOENT: the directory itself has been removed. */
            *err = n < 0 && errno != ENOENT ? -errno : 0;
            return NULL;
        }
        list->at = 0;
        list->len = (uint32_t)n;
    }
    return (const struct kernel_entry *)(list->buf + list->at);
}

/* statx of what a symlink leads to, if that is beneath the folder. The descriptor, or -errno. */
static int follow(const struct walk *w, const char *name, struct statx *stx)
{
    char path[DIRFS_PATH_MAX];
    int n =
        snprintf(path, sizeof(path), "%s%s%s", w->file->path, w->file->path[0] ? "/" : "", name);
    if (n >= DIRFS_PATH_MAX) {
        return -ENAMETOOLONG;
    }
    int fd = dirfs_openat2(w->vol, path, O_PATH, false);
    if (fd < 0) {
        return fd;
    }
    int err = dirfs_stat_fd(fd, stx);
    if (err) {
        close(fd);
        return err;
    }
    return fd;
}

/* What a link to a file leads to, which stands in its place: stx and where become that, and fd (to
 * be closed) is returned. -errno: it shows as itself. So do links to directories: who removes a
 * tree by what he finds listed would else empty the directory before he removes the link. */
static int follow_to_file(const struct walk *w, const char *name, struct statx *stx)
{
    struct statx target;
    int fd = follow(w, name, &target);
    if (fd >= 0 && S_ISDIR(target.stx_mode)) {
        close(fd);
        return -EISDIR;
    }
    if (fd >= 0) {
        *stx = target;
    }
    return fd;
}

/* The attributes of an entry. 0, or -errno when it is gone. */
static int entry_attr(const struct walk *w, const char *name, struct smbkit_attr *attr)
{
    struct statx stx;
    char proc[DIRFS_PROC_MAX];
    char path[DIRFS_PROC_MAX + DIRFS_NAME_MAX];
    struct dirfs_where where = {.fd = -1, .is_entry = true, .path = path};
    if (statx(w->list->fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
              STATX_BASIC_STATS | STATX_BTIME, &stx) != 0) {
        return -errno;
    }
    int fd = S_ISLNK(stx.stx_mode) ? follow_to_file(w, name, &stx) : -1;
    if (fd >= 0) {
        where = dirfs_where_file(fd, true, proc);
    } else {
        snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", w->list->fd, name);
    }
    (void)dirfs_fill_attr(w->vol, name, &stx, &where, attr); /* rmdir counts it: it shows */
    if (fd >= 0) {
        close(fd);
    }
    return 0;
}

/* One line a directory, however many such names and however often it is listed. */
static void log_odd_name(struct walk *w, const char *what)
{
    if (!w->file->has_logged) {
        w->file->has_logged = true;
        smbkit_log(1, "dir: directory \"%s\" has names %s", w->file->path, what);
    }
}

/* U+DC80 to U+DCFF */
static bool has_escapes(const char *shown)
{
    return strstr(shown, "\xed\xb2") || strstr(shown, "\xed\xb3");
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* Give one entry to the core. False: it had no room. */
static bool give(struct walk *w, const struct kernel_entry *from)
{
    char shown[DIRFS_SHOWN_MAX];
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_entry entry = {
        .struct_size = sizeof(entry), .name = shown, .cookie = (uint64_t)from->d_off};
    if (is_dots(from->d_name)) {
        return true;
    }
    if (!dirfs_name_from_host(from->d_name, shown)) {
        log_odd_name(w, "of more than 255 bytes: not shown");
        return true;
    }
    if (has_escapes(shown)) {
        log_odd_name(w, "that are not UTF-8: some clients (smbclient) then list nothing of it");
    }
    /* What a symlink is must be known even when the core wants no more than names. */
    if (w->sink->want || from->d_type == DT_LNK || from->d_type == DT_UNKNOWN) {
        if (entry_attr(w, from->d_name, &attr) != 0) {
            return true;
        }
        entry.attr = &attr;
    }
    return w->sink->entry(w->sink, &entry) != 0;
}

static int list_from(struct walk *w, const struct smbkit_op *op, uint64_t cookie)
{
    struct dirfs_list *list = w->list;
    int err = seek_to(list, cookie);
    if (err) {
        return err;
    }
    const struct kernel_entry *entry;
    while ((entry = peek(list, &err)) != NULL) {
        if (list->at == 0 && smbkit_op_is_cancelled(op)) {
            return -ECANCELED;
        }
        if (!give(w, entry)) {
            return 0;
        }
        list->cookie = (uint64_t)entry->d_off;
        list->at += entry->d_reclen;
    }
    return err;
}

smbkit_status dirfs_enumerate(void *volume, struct smbkit_op *op, void *file,
                              struct smbkit_sink *sink)
{
    uint64_t cookie = sink->cookie;
    struct dirfs_file *f = file;
    if (dirfs_is_nowait(op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (!f->is_dir) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    pthread_mutex_lock(&f->lock);
    int err = f->list ? 0 : list_new(f);
    if (!err) {
        struct walk w = {volume, f, f->list, sink};
        err = list_from(&w, op, cookie);
    }
    pthread_mutex_unlock(&f->lock);
    if (err == -ECANCELED) {
        return SMBKIT_STATUS_CANCELLED;
    }
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}
