/* SPDX-License-Identifier: Apache-2.0 */
/* Directories that clients watch (CHANGE_NOTIFY), by inotify: what is done on the host is told to
 * the core, with the paths that clients see. A tree is watched directory by directory; those that
 * come into it are added. What inotify loses (its queue is full) breaks everything: see
 * SMBKIT_CHANGE_OVERFLOW. A directory that cannot be watched, since the kernel has bounds
 * (fs.inotify.max_user_watches), is said to the log once; clients still see what other clients do
 * there.
 *
 * Events are taken on a thread for that (dir_watch_turn.c), which may look at the disk. */
#include "dir_watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define NAME_EVENTS (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define DIR_EVENTS                                                                                 \
    (NAME_EVENTS | IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define READ_BYTES 16384
#define DEPTH_MAX 64u

/* ---- which directories ---- */

/* Is path that directory, or below it? Both on the host, relative to the folder. */
static bool is_at_or_below(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    return len == 0 || (strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/'));
}

static bool covers(const struct dirfs_file *watcher, const char *path)
{
    return watcher->watches_tree ? is_at_or_below(path, watcher->watched)
                                 : strcmp(path, watcher->watched) == 0;
}

static bool is_covered(const struct dirfs_eyes *eyes, const char *path)
{
    for (const struct dirfs_file *f = eyes->watchers; f; f = f->watch_next) {
        if (covers(f, path)) {
            return true;
        }
    }
    return false;
}

static bool is_in_tree(const struct dirfs_eyes *eyes, const char *path)
{
    for (const struct dirfs_file *f = eyes->watchers; f; f = f->watch_next) {
        if (f->watches_tree && is_at_or_below(path, f->watched)) {
            return true;
        }
    }
    return false;
}

/* All eyes of directories below one; or of those that a watcher covered, which has left, and nobody
 * else does. */
static void drop_eyes(struct dirfs_eyes *eyes, const char *below, const struct dirfs_file *left)
{
    for (unsigned i = 0; i < DIRFS_EYE_BUCKETS; i++) {
        for (struct dirfs_eye *eye = eyes->buckets[i], *next; eye; eye = next) {
            next = eye->next;
            bool goes =
                eye->path && (below ? is_at_or_below(eye->path, below)
                                    : covers(left, eye->path) && !is_covered(eyes, eye->path));
            if (goes) {
                dirfs_eye_drop(eyes, eye);
            }
        }
    }
}

/* ---- telling ---- */

/* The path that clients see, SHOWN_PATH_MAX bytes; false: they see none. */
#define SHOWN_PATH_MAX (DIRFS_PATH_MAX * 3)
static bool show_path(const char *host, char *shown)
{
    char name[DIRFS_NAME_MAX];
    char one[DIRFS_SHOWN_MAX];
    size_t at = 0;
    shown[0] = '\0';
    while (*host) {
        size_t len = strcspn(host, "/");
        if (len >= sizeof(name)) {
            return false;
        }
        memcpy(name, host, len);
        name[len] = '\0';
        if (!dirfs_name_from_host(name, one) || at + strlen(one) + 2 > SHOWN_PATH_MAX) {
            return false;
        }
        at += (size_t)sprintf(shown + at, "%s%s", at > 0 ? "/" : "", one);
        host += len + (host[len] == '/');
    }
    return true;
}

static void tell(struct dirfs_eyes *eyes, const char *host, uint32_t what, uint32_t flags)
{
    char shown[SHOWN_PATH_MAX];
    if (show_path(host, shown)) {
        const struct smbkit_event told = {
            .struct_size = sizeof(told), .what = what, .path = shown, .flags = flags};
        smbkit_tell(eyes->host, &told);
    }
}

static void tell_lost(struct dirfs_eyes *eyes)
{
    const struct smbkit_event told = {
        .struct_size = sizeof(told), .what = SMBKIT_CHANGE_OVERFLOW, .path = ""};
    smbkit_tell(eyes->host, &told);
}

static uint32_t name_change(uint32_t what, bool is_dir)
{
    return what | (is_dir ? SMBKIT_CHANGED_DIR_NAME : SMBKIT_CHANGED_FILE_NAME);
}

/* ---- trees ---- */

/* A tree that is being added, without the lock: it takes as long as the disk does. */
struct tree {
    struct dirfs_eyes *eyes;
    uint64_t began; /* what events have told since then is newer than what is found */
    bool tells;     /* it came just now, and what is in it may have come before it was watched */
    unsigned depth;
};

static void add_dir(struct tree *t, int fd, const char *path);

static void add_entry(struct tree *t, int dir, const char *path, const char *name)
{
    char below[DIRFS_PATH_MAX];
    int n = snprintf(below, sizeof(below), "%s%s%s", path, path[0] ? "/" : "", name);
    if (n >= DIRFS_PATH_MAX) {
        return;
    }
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (t->tells) {
        pthread_mutex_lock(&t->eyes->lock);
        if (!dirfs_own_takes(t->eyes, below, DIRFS_OWN_ADDED)) {
            tell(t->eyes, below, name_change(SMBKIT_CHANGE_ADDED, fd >= 0), 0);
        }
        pthread_mutex_unlock(&t->eyes->lock);
    }
    if (fd >= 0) {
        t->depth++;
        add_dir(t, fd, below);
        t->depth--;
    }
}

static bool add_one(struct tree *t, int fd, const char *path)
{
    struct dirfs_eyes *eyes = t->eyes;
    pthread_mutex_lock(&eyes->lock);
    bool has_room =
        atomic_load_explicit(&eyes->dir_count, memory_order_relaxed) < DIRFS_DIRS_WATCHED_MAX;
    if (!has_room) {
        dirfs_eyes_tell_limit(eyes, ENOSPC);
    }
    bool is_added =
        has_room && t->depth <= DEPTH_MAX && dirfs_eye_add(eyes, fd, path, DIR_EVENTS, t->began);
    pthread_mutex_unlock(&eyes->lock);
    return is_added;
}

/* The directory, and what is below it. fd is taken over. */
static void add_dir(struct tree *t, int fd, const char *path)
{
    bool is_added = add_one(t, fd, path);
    DIR *dir = is_added ? fdopendir(fd) : NULL;
    if (!dir) {
        close(fd);
        return;
    }
    for (const struct dirent *e; (e = readdir(dir));) {
        bool is_dots = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
        bool may_be_dir = e->d_type == DT_DIR || e->d_type == DT_UNKNOWN;
        if (!is_dots && (may_be_dir || t->tells)) {
            add_entry(t, fd, path, e->d_name);
        }
    }
    closedir(dir);
}

/* One that came. The lock is let go of meanwhile. */
static void add_tree(struct dirfs_eyes *eyes, char *path, bool tells)
{
    struct tree t = {.eyes = eyes, .began = eyes->sets, .tells = tells};
    const struct dirfs_file left = {.watched = path, .watches_tree = true};
    pthread_mutex_unlock(&eyes->lock);
    int fd = dirfs_openat2_plain(eyes->vol, path, O_RDONLY | O_DIRECTORY);
    if (fd >= 0) {
        add_dir(&t, fd, path);
    }
    pthread_mutex_lock(&eyes->lock);
    if (!is_in_tree(eyes, path)) {
        drop_eyes(eyes, NULL, &left); /* who watched it has left */
    }
}

/* ---- events ---- */

/* A name that went away by a rename, until the next event tells where to. */
struct moved {
    uint32_t cookie; /* 0: none */
    bool is_dir;
    bool is_own;
    char path[DIRFS_PATH_MAX];
};

static void end_moved(struct dirfs_eyes *eyes, struct moved *moved)
{
    if (moved->cookie && !moved->is_own) {
        tell(eyes, moved->path, name_change(SMBKIT_CHANGE_REMOVED, moved->is_dir), 0);
    }
    moved->cookie = 0;
}

/* [MS-SMB2] 2.2.35 has one change for the two names. */
static void tell_renamed(struct dirfs_eyes *eyes, const struct moved *from, const char *to)
{
    char shown[SHOWN_PATH_MAX];
    char new_shown[SHOWN_PATH_MAX];
    if (show_path(from->path, shown) && show_path(to, new_shown)) {
        const struct smbkit_event told = {.struct_size = sizeof(told),
                                          .what =
                                              name_change(SMBKIT_CHANGE_RENAMED_FROM, from->is_dir),
                                          .path = shown,
                                          .new_path = new_shown};
        smbkit_tell(eyes->host, &told);
    }
}

static void came(struct dirfs_eyes *eyes, char *path, const struct inotify_event *event,
                 struct moved *moved)
{
    bool is_dir = event->mask & IN_ISDIR;
    bool is_own = dirfs_own_takes(eyes, path, DIRFS_OWN_ADDED);
    bool is_pair = moved->cookie && event->cookie == moved->cookie;
    if (is_pair && !moved->is_own && !is_own) {
        tell_renamed(eyes, moved, path);
    } else {
        end_moved(eyes, moved);
        if (!is_own) {
            tell(eyes, path, name_change(SMBKIT_CHANGE_ADDED, is_dir), 0);
        }
    }
    moved->cookie = 0;
    if (is_dir && is_in_tree(eyes, path)) {
        add_tree(eyes, path, (event->mask & IN_CREATE) != 0);
    }
}

static void went(struct dirfs_eyes *eyes, const char *path, const struct inotify_event *event,
                 struct moved *moved)
{
    bool is_dir = event->mask & IN_ISDIR;
    bool is_own = dirfs_own_takes(eyes, path, DIRFS_OWN_REMOVED);
    end_moved(eyes, moved);
    if (is_dir) {
        drop_eyes(eyes, path, NULL);
    }
    if (event->mask & IN_MOVED_FROM) {
        *moved = (struct moved){.cookie = event->cookie, .is_dir = is_dir, .is_own = is_own};
        strcpy(moved->path, path);
    } else if (!is_own) {
        tell(eyes, path, name_change(SMBKIT_CHANGE_REMOVED, is_dir), 0);
    }
}

static bool changed(struct dirfs_eyes *eyes, const char *path, uint32_t mask)
{
    if (dirfs_own_takes(eyes, path, DIRFS_OWN_CHANGE)) {
        return false;
    }
    if (mask & IN_MODIFY) {
        tell(eyes, path, SMBKIT_CHANGE_MODIFIED | SMBKIT_CHANGED_SIZE | SMBKIT_CHANGED_LAST_WRITE,
             SMBKIT_EVENT_METADATA); /* what is cached is watched by itself */
    } else {
        tell(eyes, path,
             SMBKIT_CHANGE_MODIFIED | SMBKIT_CHANGED_ATTRIBUTES | SMBKIT_CHANGED_LAST_WRITE |
                 SMBKIT_CHANGED_SECURITY,
             SMBKIT_EVENT_METADATA);
    }
    return true;
}

/* False: a change of the server's own. */
static bool dir_event(struct dirfs_eyes *eyes, const struct dirfs_eye *eye,
                      const struct inotify_event *event, struct moved *moved)
{
    char path[DIRFS_PATH_MAX];
    if (event->len == 0) {
        return true; /* the directory itself: the one that it is in tells */
    }
    int n = snprintf(path, sizeof(path), "%s%s%s", eye->path, eye->path[0] ? "/" : "", event->name);
    if (n >= DIRFS_PATH_MAX ||
        strncmp(event->name, DIRFS_MOMENTARY, sizeof(DIRFS_MOMENTARY) - 1) == 0) {
        return true;
    }
    if (event->mask & (IN_CREATE | IN_MOVED_TO)) {
        came(eyes, path, event, moved);
    } else if (event->mask & (IN_DELETE | IN_MOVED_FROM)) {
        went(eyes, path, event, moved);
    } else if (event->mask & (IN_MODIFY | IN_ATTRIB)) {
        end_moved(eyes, moved);
        return changed(eyes, path, event->mask);
    }
    return true;
}

/* False: the server itself has written, it seems. */
static bool take_event(struct dirfs_eyes *eyes, const struct inotify_event *event,
                       struct moved *moved)
{
    if (event->mask & IN_Q_OVERFLOW) {
        tell_lost(eyes);
        return true;
    }
    struct dirfs_eye *eye = dirfs_eye_find(eyes, event->wd);
    if (!eye) {
        return true; /* of a watch that has ended */
    }
    bool is_others =
        eye->path ? dir_event(eyes, eye, event, moved) : dirfs_file_event(eyes, eye, event->mask);
    if (event->mask & IN_IGNORED) {
        eye = dirfs_eye_find(eyes, event->wd);
        if (eye) {
            dirfs_eye_forget(eyes, eye);
        }
    }
    return is_others;
}

void dirfs_eyes_take(struct dirfs_eyes *eyes, struct dirfs_taken *taken)
{
    _Alignas(struct inotify_event) char buf[READ_BYTES];
    struct moved moved = {.cookie = 0};
    ssize_t n;
    bool is_full = true; /* else nothing was left */
    pthread_mutex_lock(&eyes->lock);
    while (is_full && (n = dirfs_ear_read(eyes->ear, buf, sizeof(buf))) > 0) {
        is_full = sizeof(buf) - (size_t)n < sizeof(struct inotify_event) + NAME_MAX + 1;
        for (const char *at = buf; at < buf + n;) {
            const struct inotify_event *event = (const struct inotify_event *)at;
            taken->others |= take_event(eyes, event, &moved);
            at += sizeof(*event) + event->len;
        }
        taken->any = true;
    }
    end_moved(eyes, &moved);
    taken->judges |= eyes->judged != NULL;
    pthread_mutex_unlock(&eyes->lock);
}

/* ---- beginning and end ---- */

static struct dirfs_eyes *eyes_new(struct dirfs_volume *vol, struct smbkit_host *host)
{
    struct dirfs_eyes *eyes = calloc(1, sizeof(*eyes));
    if (!eyes) {
        return NULL;
    }
    eyes->host = host;
    eyes->vol = vol;
    eyes->ear = dirfs_ear_new(true);
    pthread_mutex_init(&eyes->lock, NULL);
    if (!eyes->ear || !dirfs_eyes_add(eyes)) {
        dirfs_ear_free(eyes->ear);
        pthread_mutex_destroy(&eyes->lock);
        free(eyes);
        return NULL;
    }
    return eyes;
}

struct dirfs_eyes *dirfs_eyes_get(struct dirfs_volume *vol)
{
    struct dirfs_eyes *eyes = atomic_load_explicit(&vol->eyes, memory_order_acquire);
    if (eyes || !vol->tries_nowait) { /* else of another machine: nobody would tell */
        return eyes;
    }
    pthread_mutex_lock(&vol->eyes_lock);
    eyes = atomic_load_explicit(&vol->eyes, memory_order_relaxed);
    if (!eyes) {
        eyes = eyes_new(vol, vol->host);
        atomic_store_explicit(&vol->eyes, eyes, memory_order_release);
    }
    pthread_mutex_unlock(&vol->eyes_lock);
    return eyes;
}

bool dirfs_eyes_may_wait(const struct dirfs_volume *vol)
{
    return vol->tries_nowait && !atomic_load_explicit(&vol->eyes, memory_order_relaxed);
}

void dirfs_eyes_free(struct dirfs_eyes *eyes)
{
    if (!eyes) {
        return;
    }
    dirfs_eyes_remove(eyes);
    for (unsigned i = 0; i < DIRFS_EYE_BUCKETS; i++) {
        while (eyes->buckets[i]) {
            dirfs_eye_forget(eyes, eyes->buckets[i]);
        }
    }
    dirfs_ear_free(eyes->ear);
    pthread_mutex_destroy(&eyes->lock);
    free(eyes);
}

/* Under the lock. path is taken over. One that watched already goes on, its eyes too. */
static void watcher_set(struct dirfs_eyes *eyes, struct dirfs_file *file, char *path, bool tree)
{
    if (!file->watched) {
        file->watch_next = eyes->watchers;
        eyes->watchers = file;
    }
    free(file->watched);
    file->watched = path;
    file->watches_tree = tree;
}

/* INSUFFICIENT_RESOURCES: the directory itself is not watched. */
smbkit_status dirfs_watch_begin(struct dirfs_volume *vol, struct dirfs_file *file, bool tree)
{
    struct dirfs_eyes *eyes = dirfs_eyes_get(vol);
    int extra;
    int fd = dirfs_real_fd(file, false, &extra);
    if (fd < 0) {
        return smbkit_status_from_errno(-fd);
    }
    int own = extra >= 0 ? extra : openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pthread_mutex_lock(&file->lock);
    char *path = strdup(file->path);
    pthread_mutex_unlock(&file->lock);
    pthread_mutex_lock(&eyes->lock);
    bool is_watched = path && dirfs_eye_add(eyes, fd, path, DIR_EVENTS, UINT64_MAX);
    if (path) {
        watcher_set(eyes, file, path, tree);
    }
    struct tree t = {.eyes = eyes, .began = eyes->sets};
    pthread_mutex_unlock(&eyes->lock);
    if (path && tree && own >= 0) {
        add_dir(&t, own, path); /* the file has this path while it is in this call */
    } else if (own >= 0) {
        close(own);
    }
    return is_watched ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
}

void dirfs_watch_end(struct dirfs_volume *vol, struct dirfs_file *file)
{
    struct dirfs_eyes *eyes = atomic_load_explicit(&vol->eyes, memory_order_acquire);
    if (!eyes || !file->watched) {
        return;
    }
    pthread_mutex_lock(&eyes->lock);
    for (struct dirfs_file **at = &eyes->watchers; *at; at = &(*at)->watch_next) {
        if (*at == file) {
            *at = file->watch_next;
            break;
        }
    }
    drop_eyes(eyes, NULL, file);
    free(file->watched);
    file->watched = NULL;
    pthread_mutex_unlock(&eyes->lock);
}

smbkit_status dirfs_watch(void *volume, struct smbkit_op *op, void *file,
                          const struct smbkit_watch *a)
{
    struct dirfs_volume *vol = volume;
    struct dirfs_file *f = file;
    if (!a->on) {
        dirfs_watch_end(vol, f);
        return SMBKIT_STATUS_SUCCESS;
    }
    if (f->is_dir && dirfs_is_nowait(op) && vol->tries_nowait) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (!f->is_dir || !dirfs_eyes_get(vol)) {
        return SMBKIT_STATUS_SUCCESS; /* nothing is told, as the host has it */
    }
    smbkit_status status = dirfs_watch_begin(vol, f, a->recursive);
    return status == SMBKIT_STATUS_INSUFFICIENT_RESOURCES ? SMBKIT_STATUS_SUCCESS : status;
}
