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

#define SNAP_ROWS_MAX 2048u /* larger directories are read piece by piece */
#define SNAP_FRESH_MS 100u  /* no look at what may have changed untold before that */

struct dirfs_list {
    int fd;                  /* the directory, its position behind the buffer's last entry */
    int extra;               /* to be closed, or -1 */
    struct dirfs_snap *snap; /* what is given out, or NULL: what the kernel gives */
    size_t row;              /* of snap, the next one */
    uint32_t at;             /* bytes of buf given out */
    uint32_t len;
    uint64_t cookie; /* of the last entry given out */
    bool is_used;    /* the position of fd is not at the beginning any more */
    _Alignas(8) char buf[LIST_BYTES];
};

void dirfs_list_free(struct dirfs_list *list)
{
    if (list) {
        if (list->extra >= 0) {
            close(list->extra);
        }
        dirfs_snap_unref(list->snap);
        free(list);
    }
}

/* One enumeration under way. */
struct walk {
    struct dirfs_volume *vol;
    struct dirfs_file *file;
    struct dirfs_list *list;
    struct smbkit_sink *sink;
    bool has_asked; /* for is_marked */
    bool is_marked; /* entries may have attributes of their own */
};

/* Has the entry surely no attributes of its own? A file with more than one name may have got them
 * by another one, in another directory. */
static bool is_bare(struct walk *w, const struct statx *stx)
{
    if (dirfs_dev(stx) != w->vol->root_dev || (S_ISREG(stx->stx_mode) && stx->stx_nlink > 1)) {
        return false;
    }
    if (!w->has_asked) {
        w->has_asked = true;
        w->is_marked = dirfs_may_have_marked(w->vol, w->file);
    }
    return !w->is_marked;
}

/* A folder that the host lets us read, but not search, would show empty: its entries are there, but
 * cannot be looked at. */
static bool is_searchable(int fd)
{
    return faccessat(fd, ".", X_OK, AT_EACCESS) == 0 || errno != EACCES;
}

static int list_new(struct dirfs_file *file)
{
    struct dirfs_list *list = malloc(sizeof(*list));
    if (!list) {
        return -ENOMEM;
    }
    memset(list, 0, offsetof(struct dirfs_list, buf));
    list->fd = dirfs_real_fd(file, false, &list->extra); /* nobody else uses its position */
    if (list->fd < 0) {
        int err = list->fd;
        free(list);
        return err;
    }
    if (!is_searchable(list->fd)) {
        dirfs_list_free(list);
        return -EACCES;
    }
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
    if (cookie == 0 && !list->is_used) {
        return 0;
    }
    return lseek(list->fd, (off_t)cookie, SEEK_SET) < 0 ? -errno : 0;
}

/* The next entry, or NULL with *err 0 at the end, else -errno. */
static const struct kernel_entry *peek(struct dirfs_list *list, int *err)
{
    *err = 0;
    if (list->at == list->len) {
        list->is_used = true;
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

/* The attributes of an entry, and whether they change untold. 0, or -errno when it is gone. */
static int entry_attr(struct walk *w, const char *name, struct dirfs_row *row)
{
    struct statx stx;
    char proc[DIRFS_PROC_MAX];
    char path[DIRFS_PROC_MAX + DIRFS_NAME_MAX];
    struct dirfs_where where = {.fd = -1, .is_entry = true, .path = path};
    if (statx(w->list->fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
              STATX_BASIC_STATS | STATX_BTIME, &stx) != 0) {
        return -errno;
    }
    row->has_links = S_ISREG(stx.stx_mode) && stx.stx_nlink > 1;
    row->looks_again = !S_ISREG(stx.stx_mode) || row->has_links;
    int fd = S_ISLNK(stx.stx_mode) ? follow_to_file(w, name, &stx) : -1;
    if (fd >= 0) {
        where = dirfs_where_file(fd, true, proc);
    } else {
        snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", w->list->fd, name);
        where.is_bare = is_bare(w, &stx);
    }
    (void)dirfs_fill_attr(w->vol, name, &stx, &where, &row->attr); /* rmdir counts it: it shows */
    if (fd >= 0) {
        close(fd);
    }
    return 0;
}

#define LOGGED_SIZE 512 /* bytes of a path in the log */

/* One line a directory, however many such names and however often it is opened and listed. */
static void log_odd_name(struct walk *w, const char *what)
{
    uint64_t ino = w->file->seen.ino;
    /* relaxed: only told */
    if (atomic_exchange_explicit(&w->vol->told[ino % DIRFS_TOLD], ino, memory_order_relaxed) !=
        ino) {
        char path[LOGGED_SIZE];
        smbkit_log(1, "dir: directory %s has names %s",
                   smbkit_quote(w->file->path, path, sizeof(path)), what);
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

/* The entry's name for clients, in DIRFS_SHOWN_MAX bytes. False: it is not shown. */
static bool show(struct walk *w, const char *host, char *shown)
{
    if (is_dots(host)) {
        return false;
    }
    if (!dirfs_name_from_host(host, shown)) {
        log_odd_name(w, "of more than 255 bytes: not shown");
        return false;
    }
    if (has_escapes(shown)) {
        log_odd_name(w, "that are not UTF-8: some clients (smbclient) then list nothing of it");
    }
    return true;
}

/* Give one entry to the core. False: it had no room. */
static bool give(struct walk *w, const struct kernel_entry *from)
{
    char shown[DIRFS_SHOWN_MAX];
    struct dirfs_row row = {.attr = {.struct_size = sizeof(row.attr)}};
    struct smbkit_entry entry = {
        .struct_size = sizeof(entry), .name = shown, .cookie = (uint64_t)from->d_off};
    if (!show(w, from->d_name, shown)) {
        return true;
    }
    if (w->sink->want & SMBKIT_WANT_ATTR) {
        if (entry_attr(w, from->d_name, &row) != 0) {
            return true;
        }
        entry.attr = &row.attr;
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

/* Read what the kernel gives into snap. -E2BIG: that is only the beginning. */
static int snap_fill(struct walk *w, const struct smbkit_op *op, struct dirfs_snap *snap)
{
    struct dirfs_list *list = w->list;
    const struct kernel_entry *entry;
    char shown[DIRFS_SHOWN_MAX];
    int err = seek_to(list, 0);
    while (!err && (entry = peek(list, &err)) != NULL) {
        struct dirfs_row row = {.cookie = (uint64_t)entry->d_off,
                                .attr = {.struct_size = sizeof(row.attr)}};
        if (snap->count == SNAP_ROWS_MAX) {
            return -E2BIG;
        }
        if (list->at == 0 && smbkit_op_is_cancelled(op)) {
            return -ECANCELED;
        }
        if (show(w, entry->d_name, shown) && entry_attr(w, entry->d_name, &row) == 0) {
            err = dirfs_snap_add(snap, entry->d_name, shown, &row) ? 0 : -ENOMEM;
        }
        list->cookie = row.cookie;
        list->at += entry->d_reclen;
    }
    return err;
}

static int snap_make(struct walk *w, const struct smbkit_op *op, const struct dirfs_seen *seen)
{
    struct dirfs_snap *snap = dirfs_snap_new();
    if (!snap) {
        return -ENOMEM;
    }
    struct dirfs_watch watch = dirfs_snap_watch(w->vol->snaps, w->list->fd, seen);
    int err = snap_fill(w, op, snap);
    snap->at_ms = dirfs_now_ms();
    snap->is_part = err == -E2BIG;
    if (err && !snap->is_part) {
        dirfs_snap_unref(snap);
        return err;
    }
    if (!snap->is_part) {
        dirfs_snap_keep(w->vol->snaps, &watch, snap);
    }
    w->list->snap = snap;
    return 0;
}

static bool is_stale(const struct dirfs_snap *snap)
{
    return dirfs_now_ms() - snap->at_ms > SNAP_FRESH_MS;
}

/* At the beginning of an enumeration: one that still holds, or a new one, or none. -EAGAIN: that
 * would wait. */
static int snap_take(struct walk *w, const struct smbkit_op *op)
{
    struct dirfs_list *list = w->list;
    const struct dirfs_seen *seen = &w->file->seen; /* who it is; how it is, its watch tells */
    dirfs_snap_unref(list->snap);
    list->snap = NULL;
    list->row = 0;
    if (!w->vol->snaps || !(w->sink->want & SMBKIT_WANT_ATTR) || seen->dev != w->vol->root_dev) {
        return 0;
    }
    list->snap = dirfs_snap_find(w->vol->snaps, seen);
    if (list->snap) {
        return 0;
    }
    return dirfs_is_nowait(op) ? -EAGAIN : snap_make(w, op, seen);
}

/* The row after that cookie. */
static size_t row_after(const struct dirfs_list *list, uint64_t cookie)
{
    const struct dirfs_snap *snap = list->snap;
    if (cookie == 0 || (list->row > 0 && snap->rows[list->row - 1].cookie == cookie)) {
        return cookie == 0 ? 0 : list->row;
    }
    size_t row = 0;
    while (row < snap->count && snap->rows[row].cookie != cookie) {
        row++;
    }
    return row < snap->count ? row + 1 : row;
}

/* False: the core had no room. */
static bool give_rows(struct walk *w)
{
    struct dirfs_list *list = w->list;
    const struct dirfs_snap *snap = list->snap;
    bool stale = is_stale(snap);
    for (; list->row < snap->count; list->row++) {
        struct dirfs_row row = snap->rows[list->row];
        const char *host = snap->names + row.host;
        bool looks = row.has_links || (stale && row.looks_again);
        const struct smbkit_entry entry = {.struct_size = sizeof(entry),
                                           .name = snap->names + row.shown,
                                           .cookie = row.cookie,
                                           .attr = &row.attr};
        if (looks && entry_attr(w, host, &row) != 0) {
            continue;
        }
        if (w->sink->entry(w->sink, &entry) == 0) {
            return false;
        }
    }
    return true;
}

static int list_rows(struct walk *w, const struct smbkit_op *op, uint64_t cookie)
{
    struct dirfs_list *list = w->list;
    const struct dirfs_snap *snap = list->snap;
    list->row = row_after(list, cookie);
    bool looks = snap->has_links || (snap->looks_again && is_stale(snap));
    if (dirfs_is_nowait(op) && (snap->is_part || looks)) {
        return -EAGAIN;
    }
    bool was_beyond = list->row == snap->count && snap->is_part;
    if (!give_rows(w) || !snap->is_part) {
        return 0;
    }
    return list_from(w, op, was_beyond ? cookie : snap->rows[snap->count - 1].cookie);
}

static int list_locked(struct dirfs_volume *vol, const struct smbkit_op *op,
                       struct dirfs_file *file, struct smbkit_sink *sink)
{
    uint64_t cookie = sink->cookie;
    int err = file->list ? 0 : list_new(file);
    if (err) {
        return err;
    }
    struct walk w = {.vol = vol, .file = file, .list = file->list, .sink = sink};
    if (cookie == 0) {
        err = snap_take(&w, op);
    }
    if (err) {
        return err;
    }
    if (w.list->snap) {
        return list_rows(&w, op, cookie);
    }
    return dirfs_is_nowait(op) ? -EAGAIN : list_from(&w, op, cookie);
}

smbkit_status dirfs_enumerate(void *volume, struct smbkit_op *op, void *file,
                              struct smbkit_sink *sink)
{
    struct dirfs_volume *vol = volume;
    struct dirfs_file *f = file;
    bool nowait = dirfs_is_nowait(op);
    if (nowait && (!vol->snaps || !f->is_dir || f->is_path)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (!f->is_dir) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (nowait ? pthread_mutex_trylock(&f->lock) != 0 : pthread_mutex_lock(&f->lock) != 0) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    int err = list_locked(vol, op, f, sink);
    pthread_mutex_unlock(&f->lock);
    if (err == -ECANCELED) {
        return SMBKIT_STATUS_CANCELLED;
    }
    if (err == -EAGAIN && nowait) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}
