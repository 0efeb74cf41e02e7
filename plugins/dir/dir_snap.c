/* SPDX-License-Identifier: Apache-2.0 */
/* Listings that are kept while nothing in the directory changes, which the kernel tells (inotify).
 * So an unchanged folder is listed again without a look at each of its files. What the kernel does
 * not tell is looked at all the same: subdirectories (their times change with what is in them),
 * files with more names than one (changed by another name), and what a link leads to.
 *
 * An event is there before the call that made the change has returned; it is read before a listing
 * is given out. */
#include "dir_priv.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define DIRS_MAX 32u
#define EVENTS                                                                                     \
    (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |              \
     IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct watched {
    int wd; /* 0: unused */
    uint64_t ino;
    int64_t btime;
    uint64_t used;    /* when, in the order of uses */
    uint64_t changes; /* that were told */
    struct dirfs_snap *snap;
};

struct dirfs_snaps {
    pthread_mutex_t lock;
    int fd;
    uint64_t uses;
    struct watched dirs[DIRS_MAX];
};

struct dirfs_snaps *dirfs_snaps_new(void)
{
    struct dirfs_snaps *snaps = calloc(1, sizeof(*snaps));
    if (!snaps) {
        return NULL;
    }
    snaps->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (snaps->fd < 0) {
        free(snaps);
        return NULL;
    }
    pthread_mutex_init(&snaps->lock, NULL);
    return snaps;
}

void dirfs_snaps_free(struct dirfs_snaps *snaps)
{
    if (!snaps) {
        return;
    }
    for (unsigned i = 0; i < DIRS_MAX; i++) {
        dirfs_snap_unref(snaps->dirs[i].snap);
    }
    close(snaps->fd);
    pthread_mutex_destroy(&snaps->lock);
    free(snaps);
}

struct dirfs_snap *dirfs_snap_new(void)
{
    struct dirfs_snap *snap = calloc(1, sizeof(*snap));
    if (snap) {
        atomic_init(&snap->refs, 1);
    }
    return snap;
}

struct dirfs_snap *dirfs_snap_ref(struct dirfs_snap *snap)
{
    atomic_fetch_add_explicit(&snap->refs, 1, memory_order_relaxed);
    return snap;
}

void dirfs_snap_unref(struct dirfs_snap *snap)
{
    if (snap && atomic_fetch_sub_explicit(&snap->refs, 1, memory_order_acq_rel) == 1) {
        free(snap->rows);
        free(snap->names);
        free(snap);
    }
}

/* Room for need members of size bytes in what p points to, which has room for *cap. */
static bool reserve(void **p, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap) {
        return true;
    }
    size_t more = *cap * 2 > need ? *cap * 2 : need + 64;
    void *longer = realloc(*p, more * size);
    if (longer) {
        *p = longer;
        *cap = more;
    }
    return longer != NULL;
}

bool dirfs_snap_add(struct dirfs_snap *snap, const char *host, const char *shown,
                    const struct dirfs_row *row)
{
    size_t host_len = strlen(host) + 1;
    size_t shown_len = strlen(shown) + 1;
    void *rows = snap->rows;
    void *names = snap->names;
    bool has_room = reserve(&rows, &snap->rows_cap, snap->count + 1, sizeof(*row)) &&
                    reserve(&names, &snap->names_cap, snap->names_len + host_len + shown_len, 1);
    snap->rows = rows;
    snap->names = names;
    if (!has_room) {
        return false;
    }
    struct dirfs_row *to = &snap->rows[snap->count++];
    *to = *row;
    snap->looks_again |= row->looks_again;
    snap->has_links |= row->has_links;
    to->host = (uint32_t)snap->names_len;
    to->shown = (uint32_t)(snap->names_len + host_len);
    memcpy(snap->names + to->host, host, host_len);
    memcpy(snap->names + to->shown, shown, shown_len);
    snap->names_len += host_len + shown_len;
    return true;
}

static void drop(struct watched *dir)
{
    dirfs_snap_unref(dir->snap);
    dir->snap = NULL;
}

static void take_event(struct dirfs_snaps *snaps, const struct inotify_event *event)
{
    for (unsigned i = 0; i < DIRS_MAX; i++) {
        struct watched *dir = &snaps->dirs[i];
        if (dir->wd == event->wd || (event->mask & IN_Q_OVERFLOW)) {
            drop(dir);
            dir->changes++;
            dir->wd = event->mask & IN_IGNORED ? 0 : dir->wd;
        }
    }
}

/* False: it cannot be known what has changed. */
static bool take_events(struct dirfs_snaps *snaps)
{
    _Alignas(struct inotify_event) char buf[8192];
    ssize_t n;
    while ((n = read(snaps->fd, buf, sizeof(buf))) > 0) {
        for (const char *at = buf; at < buf + n;) {
            const struct inotify_event *event = (const struct inotify_event *)at;
            take_event(snaps, event);
            at += sizeof(*event) + event->len;
        }
    }
    return n < 0 && errno == EAGAIN;
}

static struct watched *find(struct dirfs_snaps *snaps, const struct dirfs_seen *seen)
{
    for (unsigned i = 0; i < DIRS_MAX; i++) {
        struct watched *dir = &snaps->dirs[i];
        if (dir->wd > 0 && dir->ino == seen->ino && dir->btime == seen->btime) {
            dir->used = ++snaps->uses;
            return dir;
        }
    }
    return NULL;
}

struct dirfs_snap *dirfs_snap_find(struct dirfs_snaps *snaps, const struct dirfs_seen *seen)
{
    pthread_mutex_lock(&snaps->lock);
    const struct watched *dir = take_events(snaps) ? find(snaps, seen) : NULL;
    struct dirfs_snap *snap = dir && dir->snap ? dirfs_snap_ref(dir->snap) : NULL;
    pthread_mutex_unlock(&snaps->lock);
    return snap;
}

/* The place of the directory that was listed the longest time ago. */
static struct watched *oldest(struct dirfs_snaps *snaps)
{
    struct watched *dir = &snaps->dirs[0];
    for (unsigned i = 1; i < DIRS_MAX; i++) {
        dir = snaps->dirs[i].used < dir->used ? &snaps->dirs[i] : dir;
    }
    drop(dir);
    if (dir->wd > 0) {
        (void)inotify_rm_watch(snaps->fd, dir->wd);
    }
    *dir = (struct watched){.used = ++snaps->uses};
    return dir;
}

void dirfs_snaps_forget(struct dirfs_snaps *snaps)
{
    if (!snaps) {
        return;
    }
    pthread_mutex_lock(&snaps->lock);
    for (unsigned i = 0; i < DIRS_MAX; i++) {
        snaps->dirs[i].changes++; /* nor is one kept that is being read */
        drop(&snaps->dirs[i]);
    }
    pthread_mutex_unlock(&snaps->lock);
}

struct dirfs_watch dirfs_snap_watch(struct dirfs_snaps *snaps, int fd,
                                    const struct dirfs_seen *seen)
{
    char proc[DIRFS_PROC_MAX];
    dirfs_proc_path(fd, proc);
    pthread_mutex_lock(&snaps->lock);
    struct watched *dir = find(snaps, seen);
    if (!dir) {
        dir = oldest(snaps);
        int wd = inotify_add_watch(snaps->fd, proc, EVENTS);
        dir->wd = wd > 0 ? wd : 0;
        dir->ino = seen->ino;
        dir->btime = seen->btime;
    }
    const struct dirfs_watch watch = {.wd = dir->wd, .changes = dir->changes};
    pthread_mutex_unlock(&snaps->lock);
    return watch;
}

void dirfs_snap_keep(struct dirfs_snaps *snaps, const struct dirfs_watch *watch,
                     struct dirfs_snap *snap)
{
    pthread_mutex_lock(&snaps->lock);
    bool is_told = take_events(snaps) && watch->wd > 0;
    for (unsigned i = 0; i < DIRS_MAX && is_told; i++) {
        struct watched *dir = &snaps->dirs[i];
        if (dir->wd == watch->wd && dir->changes == watch->changes) {
            drop(dir);
            dir->snap = dirfs_snap_ref(snap);
        }
    }
    pthread_mutex_unlock(&snaps->lock);
}
