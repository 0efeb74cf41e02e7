/* SPDX-License-Identifier: Apache-2.0 */
/* Directories that are watched (inotify), for two ends.
 *
 * The core is told which names come and go, so that what it knows of them stays true however fine
 * the directory's times are. A number stands for the time since which that was told by a path; the
 * core's own changes are told as well, since they cannot be told from others'.
 *
 * And listings are kept while nothing in the directory changes.
 * So an unchanged folder is listed again without a look at each of its files. What the kernel does
 * not tell is looked at all the same: subdirectories (their times change with what is in them),
 * files with more names than one (changed by another name), and what a link leads to.
 *
 * An event is there before the call that made the change has returned; it is read before a listing
 * is given out. */
#include "dir_ear.h"
#include "dir_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRS_MAX 64u
#define PATHS_MAX 4u /* that the core asks for one directory by */
#define RETRY_MS 1000u
#define DOUBTS_MAX 64u /* in one directory */
/* Of a volume: more than all that are kept usually take. */
#define LISTING_BYTES_MAX ((size_t)64 << 20)
#define EVENTS                                                                                     \
    (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |              \
     IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct told_path {
    char *path; /* the core's, or NULL */
    uint64_t number;
};

/* A name that went right after it had come. By mv b c it is gone. Where two names were exchanged
 * (RENAME_EXCHANGE: from a, to b, from b, to a) it is there: the kernel tells the same of both. */
struct doubt {
    struct doubt *next;
    char name[];
};

struct watched {
    int wd; /* 0: unused */
    uint64_t ino;
    int64_t btime;
    uint64_t used;    /* when, in the order of uses */
    uint64_t changes; /* that were told */
    struct dirfs_snap *snap;
    struct told_path paths[PATHS_MAX];
    unsigned next_path;
    char moved_here[NAME_MAX + 1]; /* by the last event of names; "": it was no move to here */
    struct doubt *doubts;          /* looked at when the directory is */
};

struct dirfs_snaps {
    pthread_mutex_t lock;
    struct dirfs_ear *ear;    /* NULL: none yet */
    struct smbkit_host *host; /* immutable */
    uint64_t numbers;         /* that were given */
    uint64_t failed_ms;       /* when a watch could not be had; 0: never */
    uint64_t uses;
    struct watched dirs[DIRS_MAX];
};

struct dirfs_snaps *dirfs_snaps_new(struct smbkit_host *host)
{
    struct dirfs_snaps *snaps = calloc(1, sizeof(*snaps));
    if (!snaps) {
        return NULL;
    }
    snaps->host = host;
    pthread_mutex_init(&snaps->lock, NULL);
    return snaps;
}

static void forget_doubts(struct watched *dir)
{
    while (dir->doubts) {
        struct doubt *doubt = dir->doubts;
        dir->doubts = doubt->next;
        free(doubt);
    }
}

/* What comes and goes there is told no more. */
static void forget_paths(struct watched *dir)
{
    forget_doubts(dir);
    for (unsigned i = 0; i < PATHS_MAX; i++) {
        free(dir->paths[i].path);
        dir->paths[i] = (struct told_path){0};
    }
}

void dirfs_snaps_free(struct dirfs_snaps *snaps)
{
    if (!snaps) {
        return;
    }
    for (unsigned i = 0; i < DIRS_MAX; i++) {
        dirfs_snap_unref(snaps->dirs[i].snap);
        forget_paths(&snaps->dirs[i]);
    }
    dirfs_ear_free(snaps->ear);
    pthread_mutex_destroy(&snaps->lock);
    free(snaps);
}

bool dirfs_hold(atomic_size_t *held, size_t bytes)
{
    /* relaxed: only a sum */
    if (atomic_fetch_add_explicit(held, bytes, memory_order_relaxed) + bytes > LISTING_BYTES_MAX) {
        dirfs_let_go(held, bytes);
        return false;
    }
    return true;
}

void dirfs_let_go(atomic_size_t *held, size_t bytes)
{
    atomic_fetch_sub_explicit(held, bytes, memory_order_relaxed);
}

struct dirfs_snap *dirfs_snap_new(atomic_size_t *held)
{
    struct dirfs_snap *snap = calloc(1, sizeof(*snap));
    if (snap) {
        snap->held = held;
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
        dirfs_let_go(snap->held, snap->rows_cap * sizeof(*snap->rows) + snap->names_cap);
        free(snap->rows);
        free(snap->names);
        free(snap);
    }
}

/* Room for need members of size bytes in what p points to, which has room for *cap. */
static bool reserve(atomic_size_t *held, void **p, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap) {
        return true;
    }
    size_t more = *cap * 2 > need ? *cap * 2 : need + 64;
    if (!dirfs_hold(held, (more - *cap) * size)) {
        return false;
    }
    void *longer = realloc(*p, more * size);
    if (!longer) {
        dirfs_let_go(held, (more - *cap) * size);
        return false;
    }
    *p = longer;
    *cap = more;
    return true;
}

bool dirfs_snap_add(struct dirfs_snap *snap, const char *host, const char *shown,
                    const struct dirfs_row *row)
{
    size_t host_len = strlen(host) + 1;
    size_t shown_len = strlen(shown) + 1;
    void *rows = snap->rows;
    void *names = snap->names;
    bool has_room =
        reserve(snap->held, &rows, &snap->rows_cap, snap->count + 1, sizeof(*row)) &&
        reserve(snap->held, &names, &snap->names_cap, snap->names_len + host_len + shown_len, 1);
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

/* name, as the host has it, came or went: SMBKIT_CHANGE_ADDED or _REMOVED. */
static void tell_name(struct dirfs_snaps *snaps, struct watched *dir, const char *name,
                      uint32_t what)
{
    char shown[DIRFS_SHOWN_MAX];
    if (!dirfs_name_from_host(name, shown)) {
        return; /* it is not listed either */
    }
    for (unsigned i = 0; i < PATHS_MAX && dir->paths[i].path; i++) {
        const char *parent = dir->paths[i].path;
        char *path = NULL;
        if (asprintf(&path, "%s%s%s", parent, parent[0] ? "/" : "", shown) < 0) {
            forget_paths(dir);
            return;
        }
        const struct smbkit_event told = {.struct_size = sizeof(told),
                                          .what = what,
                                          .path = path,
                                          .flags = SMBKIT_EVENT_NAME_ONLY};
        smbkit_tell(snaps->host, &told);
        free(path);
    }
}

/* false: too many, or no memory. */
static bool add_doubt(struct watched *dir, const char *name)
{
    unsigned count = 0;
    for (const struct doubt *each = dir->doubts; each; each = each->next) {
        if (strcmp(each->name, name) == 0) {
            return true;
        }
        count++;
    }
    size_t size = strlen(name) + 1;
    struct doubt *doubt = count < DOUBTS_MAX ? malloc(sizeof(*doubt) + size) : NULL;
    if (!doubt) {
        return false;
    }
    memcpy(doubt->name, name, size);
    doubt->next = dir->doubts;
    dir->doubts = doubt;
    return true;
}

/* Which of them are there. What changes after the look is told by its own events. fd: of the
 * directory, which was at work just now: no disk is waited for. */
static void settle_doubts(struct dirfs_snaps *snaps, struct watched *dir, int fd)
{
    struct statx stx;
    while (dir->doubts) {
        struct doubt *doubt = dir->doubts;
        dir->doubts = doubt->next;
        int err =
            statx(fd, doubt->name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &stx) ? errno : 0;
        if (err == ENOENT) {
            tell_name(snaps, dir, doubt->name, SMBKIT_CHANGE_REMOVED);
        }
        free(doubt);
        if (err && err != ENOENT) {
            forget_paths(dir);
        }
    }
}

static void take_name(struct dirfs_snaps *snaps, struct watched *dir,
                      const struct inotify_event *event)
{
    if (event->len == 0) {
        return; /* of the directory itself */
    }
    bool came = event->mask & (IN_CREATE | IN_MOVED_TO);
    bool is_doubtful = (event->mask & IN_MOVED_FROM) && strcmp(event->name, dir->moved_here) == 0;
    snprintf(dir->moved_here, sizeof(dir->moved_here), "%s",
             event->mask & IN_MOVED_TO ? event->name : "");
    if (!is_doubtful) {
        tell_name(snaps, dir, event->name, came ? SMBKIT_CHANGE_ADDED : SMBKIT_CHANGE_REMOVED);
    } else if (dir->paths[0].path && !add_doubt(dir, event->name)) {
        forget_paths(dir);
    }
}

static void take_event(struct dirfs_snaps *snaps, const struct inotify_event *event)
{
    for (unsigned i = 0; i < DIRS_MAX; i++) {
        struct watched *dir = &snaps->dirs[i];
        bool is_lost = event->mask & IN_Q_OVERFLOW;
        if (dir->wd != event->wd && !is_lost) {
            continue;
        }
        drop(dir);
        dir->changes++;
        if (event->mask & (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM)) {
            take_name(snaps, dir, event);
        }
        if (is_lost || (event->mask & IN_IGNORED)) {
            forget_paths(dir);
        }
        dir->wd = event->mask & IN_IGNORED ? 0 : dir->wd;
    }
}

/* False: it cannot be known what has changed. */
static bool take_events(struct dirfs_snaps *snaps)
{
    _Alignas(struct inotify_event) char buf[8192];
    ssize_t n = 0;
    bool is_full = true; /* else nothing was left */
    if (!snaps->ear) {
        return true; /* nothing is watched yet */
    }
    while (is_full && (n = dirfs_ear_read(snaps->ear, buf, sizeof(buf))) > 0) {
        is_full = sizeof(buf) - (size_t)n < sizeof(struct inotify_event) + NAME_MAX + 1;
        for (const char *at = buf; at < buf + n;) {
            const struct inotify_event *event = (const struct inotify_event *)at;
            take_event(snaps, event);
            at += sizeof(*event) + event->len;
        }
    }
    return n >= 0;
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
    /* Events can only take it away: none are looked at where there is nothing. */
    const struct watched *dir = find(snaps, seen);
    bool may_hold = dir && dir->snap && take_events(snaps);
    struct dirfs_snap *snap = may_hold && dir->snap ? dirfs_snap_ref(dir->snap) : NULL;
    pthread_mutex_unlock(&snaps->lock);
    return snap;
}

/* The place of the directory that was asked for the longest time ago. */
static struct watched *oldest(struct dirfs_snaps *snaps)
{
    struct watched *dir = &snaps->dirs[0];
    for (unsigned i = 1; i < DIRS_MAX; i++) {
        dir = snaps->dirs[i].used < dir->used ? &snaps->dirs[i] : dir;
    }
    drop(dir);
    forget_paths(dir);
    if (dir->wd > 0) {
        dirfs_ear_remove(snaps->ear, dir->wd);
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

static int add_watch(struct dirfs_snaps *snaps, int fd)
{
    char proc[DIRFS_PROC_MAX];
    if (!snaps->ear) {
        snaps->ear = dirfs_ear_new(false);
    }
    dirfs_proc_path(fd, proc);
    return snaps->ear ? dirfs_ear_add(snaps->ear, proc, EVENTS) : -1;
}

/* The place of a directory, which is watched from now on if it can be. fd: O_PATH will do. */
static struct watched *watch(struct dirfs_snaps *snaps, int fd, const struct dirfs_seen *seen)
{
    struct watched *dir = find(snaps, seen);
    if (dir) {
        return dir;
    }
    dir = oldest(snaps);
    int wd = add_watch(snaps, fd);
    snaps->failed_ms = wd > 0 ? snaps->failed_ms : dirfs_now_ms();
    dir->wd = wd > 0 ? wd : 0;
    dir->ino = seen->ino;
    dir->btime = seen->btime;
    return dir;
}

struct dirfs_watch dirfs_snap_watch(struct dirfs_snaps *snaps, int fd,
                                    const struct dirfs_seen *seen)
{
    pthread_mutex_lock(&snaps->lock);
    const struct watched *dir = watch(snaps, fd, seen);
    const struct dirfs_watch watch = {.wd = dir->wd, .changes = dir->changes};
    pthread_mutex_unlock(&snaps->lock);
    return watch;
}

/* The number that stands for the path, a new one if it was not told of. */
static uint64_t number_of(struct dirfs_snaps *snaps, struct watched *dir, const char *path)
{
    for (unsigned i = 0; i < PATHS_MAX && dir->paths[i].path; i++) {
        if (strcmp(dir->paths[i].path, path) == 0) {
            return dir->paths[i].number;
        }
    }
    char *copy = strdup(path);
    if (!copy) {
        return 0;
    }
    struct told_path *to = &dir->paths[dir->next_path++ % PATHS_MAX];
    free(to->path);
    *to = (struct told_path){.path = copy, .number = ++snaps->numbers};
    return to->number;
}

uint64_t dirfs_names_told(struct dirfs_snaps *snaps, int fd, const struct dirfs_seen *seen,
                          const char *path)
{
    uint64_t number = 0;
    pthread_mutex_lock(&snaps->lock);
    bool may_be_had = snaps->failed_ms == 0 || dirfs_now_ms() - snaps->failed_ms > RETRY_MS;
    if (take_events(snaps) && may_be_had) {
        struct watched *dir = watch(snaps, fd, seen);
        settle_doubts(snaps, dir, fd);
        number = dir->wd > 0 ? number_of(snaps, dir, path) : 0;
    }
    pthread_mutex_unlock(&snaps->lock);
    return number;
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
