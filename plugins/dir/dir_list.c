/* SPDX-License-Identifier: Apache-2.0 */
/* Enumeration: the kernel's own entries and cookies. A handle remembers the entries that the kernel
 * gave and the core had no room for, so that paging through a directory asks for each of them once.
 * What is given out is noted on the way: at the end of a directory that is not too large the notes
 * are kept as its listing (dir_snap.c). At the end a handle lets go of all that; what handles that
 * have not come there hold is bounded for the whole volume (dirfs_hold): beyond it they go on
 * without notes, and ask the kernel again. */
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

#define SNAP_ROWS_MAX 2048u /* listings of larger directories are not kept */
#define FOREIGN_LOOKS 8u    /* entries of a directory that nobody has marked */
#define SNAP_FRESH_MS 100u  /* no look at what may have changed untold before that */

struct dirfs_list {
    int fd;    /* the directory, its position behind the buffer's last entry */
    int extra; /* to be closed, or -1 */
    struct dirfs_volume *vol;
    struct dirfs_snap *snap;  /* what is given out, or NULL: what the kernel gives */
    bool is_noting;           /* snap goes as far as fd's position, and is nobody else's yet */
    struct dirfs_watch watch; /* since it was begun */
    size_t row;               /* of snap, the next one */
    uint64_t end;             /* cookie of the last row of what was given out as snap; or 0 */
    char *buf;                /* LIST_BYTES, or NULL: at == len */
    bool is_held;             /* buf is, in vol->listed */
    uint32_t at;              /* bytes of buf given out */
    uint32_t len;
    uint64_t cookie; /* of the last entry given out */
    bool is_used;    /* the position of fd is not at the beginning any more */
};

static void buf_drop(struct dirfs_list *list)
{
    if (list->is_held) {
        dirfs_let_go(list->vol->listed, LIST_BYTES);
    }
    free(list->buf);
    list->buf = NULL;
    list->is_held = false;
    list->at = list->len = 0;
}

/* Between two calls: what is in buf is held if there is room, else the kernel gives it again. */
static void buf_rest(struct dirfs_list *list)
{
    if (!list->buf || list->is_held) {
        return;
    }
    list->is_held = list->at < list->len && dirfs_hold(list->vol->listed, LIST_BYTES);
    if (!list->is_held &&
        (list->at == list->len || lseek(list->fd, (off_t)list->cookie, SEEK_SET) >= 0)) {
        buf_drop(list);
    }
}

void dirfs_list_free(struct dirfs_list *list)
{
    if (list) {
        if (list->extra >= 0) {
            close(list->extra);
        }
        dirfs_snap_unref(list->snap);
        buf_drop(list);
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
        const char *rest = w->list->buf ? w->list->buf + w->list->at : "";
        w->is_marked = dirfs_may_have_marked(w->vol, w->file) ||
                       dirfs_finds_foreign(w->vol, w->list->fd, rest, w->list->len - w->list->at,
                                           FOREIGN_LOOKS);
    }
    return !w->is_marked;
}

/* A folder that the host lets us read, but not search, would show empty: its entries are there, but
 * cannot be looked at. */
static bool is_searchable(int fd)
{
    return faccessat(fd, ".", X_OK, AT_EACCESS) == 0 || errno != EACCES;
}

static int list_new(struct dirfs_volume *vol, struct dirfs_file *file)
{
    struct dirfs_list *list = calloc(1, sizeof(*list));
    if (!list) {
        return -ENOMEM;
    }
    list->vol = vol;
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
static const struct dirfs_kernel_entry *peek(struct dirfs_list *list, int *err)
{
    *err = 0;
    if (list->at == list->len) {
        list->buf = list->buf ? list->buf : malloc(LIST_BYTES);
        if (!list->buf) {
            *err = -ENOMEM;
            return NULL;
        }
        list->is_used = true;
        long n = syscall(SYS_getdents64, list->fd, list->buf, LIST_BYTES);
        if (n <= 0) {
            /* ENOENT: the directory itself has been removed. */
            *err = n < 0 && errno != ENOENT ? -errno : 0;
            buf_drop(list);
            return NULL;
        }
        list->at = 0;
        list->len = (uint32_t)n;
    }
    return (const struct dirfs_kernel_entry *)(list->buf + list->at);
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
static bool give(struct walk *w, const struct dirfs_kernel_entry *from)
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
    const struct dirfs_kernel_entry *entry;
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

static void snap_drop(struct dirfs_list *list)
{
    dirfs_snap_unref(list->snap);
    list->snap = NULL;
    list->is_noting = false;
}

/* It has been given out to its end. */
static void snap_end(struct dirfs_list *list)
{
    const struct dirfs_snap *snap = list->snap;
    list->end = snap->count > 0 ? snap->rows[snap->count - 1].cookie : 0;
    snap_drop(list);
}

/* From here on what is given out is noted. */
static int snap_begin(struct walk *w)
{
    struct dirfs_list *list = w->list;
    list->snap = dirfs_snap_new(w->vol->listed);
    if (!list->snap) {
        return -ENOMEM;
    }
    list->snap->at_ms = dirfs_now_ms();
    list->watch = dirfs_snap_watch(w->vol->snaps, list->fd, &w->file->seen);
    list->is_noting = true;
    return seek_to(list, 0);
}

/* The kernel's next entry becomes a row, unless it is not shown or gone. False: there is no room
 * for it. */
static bool snap_note(struct walk *w, const struct dirfs_kernel_entry *entry)
{
    struct dirfs_list *list = w->list;
    char shown[DIRFS_SHOWN_MAX];
    struct dirfs_row row = {.cookie = (uint64_t)entry->d_off,
                            .attr = {.struct_size = sizeof(row.attr)}};
    if (show(w, entry->d_name, shown) && entry_attr(w, entry->d_name, &row) == 0 &&
        !dirfs_snap_add(list->snap, entry->d_name, shown, &row)) {
        return false;
    }
    list->cookie = row.cookie;
    list->at += entry->d_reclen;
    return true;
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
    snap_drop(list);
    list->row = 0;
    list->end = 0;
    if (!w->vol->snaps || !(w->sink->want & SMBKIT_WANT_ATTR) || seen->dev != w->vol->root_dev) {
        return 0;
    }
    list->snap = dirfs_snap_find(w->vol->snaps, seen);
    if (list->snap) {
        return 0;
    }
    return dirfs_is_nowait(op) ? -EAGAIN : snap_begin(w);
}

/* Of the row that was given out last; 0: none was. */
static uint64_t cookie_before(const struct dirfs_list *list)
{
    return list->row > 0 ? list->snap->rows[list->row - 1].cookie : 0;
}

/* The row after that cookie. */
static size_t row_after(const struct dirfs_list *list, uint64_t cookie)
{
    const struct dirfs_snap *snap = list->snap;
    if (cookie == 0 || cookie == cookie_before(list)) {
        return cookie == 0 ? 0 : list->row;
    }
    size_t row = 0;
    while (row < snap->count && snap->rows[row].cookie != cookie) {
        row++;
    }
    return row < snap->count ? row + 1 : row;
}

/* The next row; is_new: it was noted just now. False: the core had no room. */
static bool give_row(struct walk *w, bool is_new)
{
    struct dirfs_list *list = w->list;
    const struct dirfs_snap *snap = list->snap;
    struct dirfs_row row = snap->rows[list->row];
    bool looks = !is_new && (row.has_links || (row.looks_again && is_stale(snap)));
    const struct smbkit_entry entry = {.struct_size = sizeof(entry),
                                       .name = snap->names + row.shown,
                                       .cookie = row.cookie,
                                       .attr = &row.attr};
    bool is_there = !looks || entry_attr(w, snap->names + row.host, &row) == 0;
    if (is_there && w->sink->entry(w->sink, &entry) == 0) {
        return false;
    }
    list->row++;
    return true;
}

static bool give_rows(struct walk *w)
{
    bool has_room = true;
    while (has_room && w->list->row < w->list->snap->count) {
        has_room = give_row(w, false);
    }
    return has_room;
}

/* Go on where the notes end. */
static int list_noting(struct walk *w, const struct smbkit_op *op)
{
    struct dirfs_list *list = w->list;
    const struct dirfs_kernel_entry *entry;
    int err = 0;
    while ((entry = peek(list, &err)) != NULL) {
        if (list->at == 0 && smbkit_op_is_cancelled(op)) {
            return -ECANCELED;
        }
        if (list->snap->count == SNAP_ROWS_MAX || !snap_note(w, entry)) {
            snap_drop(list);
            return list_from(w, op, list->cookie);
        }
        if (list->row < list->snap->count && !give_row(w, true)) {
            return 0;
        }
    }
    if (!err) {
        dirfs_snap_keep(w->vol->snaps, &list->watch, list->snap);
        snap_end(list);
    }
    return err;
}

static int list_rows(struct walk *w, const struct smbkit_op *op, uint64_t cookie)
{
    struct dirfs_list *list = w->list;
    const struct dirfs_snap *snap = list->snap;
    list->row = row_after(list, cookie);
    if (list->is_noting && cookie != 0 && cookie != cookie_before(list)) {
        snap_drop(list); /* it is of another enumeration */
        return dirfs_is_nowait(op) ? -EAGAIN : list_from(w, op, cookie);
    }
    bool looks = snap->has_links || (snap->looks_again && is_stale(snap));
    if (dirfs_is_nowait(op) && (list->is_noting || looks)) {
        return -EAGAIN;
    }
    if (!give_rows(w)) {
        return 0;
    }
    if (list->is_noting) {
        return list_noting(w, op);
    }
    snap_end(list);
    return 0;
}

static int list_locked(struct dirfs_volume *vol, const struct smbkit_op *op,
                       struct dirfs_file *file, struct smbkit_sink *sink)
{
    uint64_t cookie = sink->cookie;
    int err = file->list ? 0 : list_new(vol, file);
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
    if (cookie != 0 && cookie == w.list->end) {
        return 0;
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
    if (f->list) {
        buf_rest(f->list);
    }
    pthread_mutex_unlock(&f->lock);
    if (err == -ECANCELED) {
        return SMBKIT_STATUS_CANCELLED;
    }
    if (err == -EAGAIN && nowait) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}
