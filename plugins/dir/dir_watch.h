/* SPDX-License-Identifier: Apache-2.0 */
/* What is watched for clients: inside of dir_watch.c and dir_watch_*.c. */
#pragma once

#include "dir_ear.h"
#include "dir_priv.h"

#define DIRFS_EYE_BUCKETS 4096u
#define DIRFS_OWN_ROWS 4096u         /* by hash; of more at once, some are told of twice */
#define DIRFS_DIRS_WATCHED_MAX 8192u /* below all trees together: inotify's own bounds are near */

/* One inotify watch. */
struct dirfs_eye {
    struct dirfs_eye *next;      /* in its bucket, by wd */
    struct dirfs_eye *next_file; /* likewise, by inode */
    struct dirfs_eye *next_judged;
    int wd;
    char *path;      /* of a directory, on the host, relative to the folder; NULL: a file */
    uint64_t set_at; /* when that was said, in the order of eyes->sets */
    /* a file */
    uint64_t dev;
    uint64_t ino;
    uint64_t file_id;
    uint64_t file_domain;
    struct dirfs_file *opens; /* that may be cached, by cached_next */
    int64_t set_ns;           /* when it was known to be watched last, CLOCK_REALTIME */
    int64_t own_end_ns;       /* when the server itself has changed it last, CLOCK_REALTIME */
    int64_t own_time_ns;      /* of the last write, as a client has set it: maybe one to come */
    bool is_judged;           /* it was changed; by whom is looked at soon */
};

/* A change of the server's own, that inotify is to tell of. */
struct dirfs_own_row {
    uint64_t hash; /* of the path; 0: unused */
    unsigned kind; /* DIRFS_OWN_* */
    unsigned count;
    uint64_t until_ms;
};

struct dirfs_eyes {
    struct dirfs_eyes *next_all; /* guarded by what dirfs_eyes_each holds */
    struct dirfs_ear *ear;       /* immutable */
    struct smbkit_host *host;    /* immutable */
    struct dirfs_volume *vol;    /* immutable */
    pthread_mutex_t lock;        /* of all below */
    bool has_told_limit;
    uint64_t sets;               /* paths that eyes have got */
    struct dirfs_file *watchers; /* directories that clients watch, by watch_next */
    struct dirfs_eye *buckets[DIRFS_EYE_BUCKETS];
    struct dirfs_eye *files[DIRFS_EYE_BUCKETS];
    struct dirfs_eye *judged;
    unsigned idle_count; /* of files that nobody has open any more */
    struct dirfs_own_row own[DIRFS_OWN_ROWS];
    /* of watches; also read without the lock, as a hint */
    atomic_uint dir_count;
    atomic_uint file_count;
};

/* Calls fn for the eyes of each share that has some: shares may lie in each other, and what is done
 * through one is the server's own doing for all. None comes or goes meanwhile; no lock of one is
 * held. */
bool dirfs_eyes_any(void); /* a hint */
void dirfs_eyes_each(void (*fn)(struct dirfs_eyes *eyes, void *arg), void *arg);
/* Among those from now on, and what they see is taken; or no more, and nothing is taken any longer.
 * False: that cannot be. */
bool dirfs_eyes_add(struct dirfs_eyes *eyes);
void dirfs_eyes_remove(struct dirfs_eyes *eyes);
/* On the thread for that. What was seen is told; where it may have been the server itself, it is
 * looked at soon, by dirfs_file_judge. */
struct dirfs_taken {
    bool any;
    bool others; /* something was done by others than the server, it seems */
    bool judges; /* something is to be looked at */
};
void dirfs_eyes_take(struct dirfs_eyes *eyes, struct dirfs_taken *taken);

struct dirfs_eye *dirfs_eye_find(struct dirfs_eyes *eyes, int wd);
/* NULL: no memory, or no such watch can be had. what: inotify's events. The path that an eye has
 * got after `until` (eyes->sets) stays. */
struct dirfs_eye *dirfs_eye_add(struct dirfs_eyes *eyes, int fd, const char *path, uint32_t what,
                                uint64_t until);
/* Is the file that this is open of watched by this eye, not one before it that had its number? */
bool dirfs_eye_is_of(const struct dirfs_eyes *eyes, const struct dirfs_eye *eye, int fd,
                     uint32_t what);
void dirfs_eye_drop(struct dirfs_eyes *eyes, struct dirfs_eye *eye);
/* The kernel has dropped it. */
void dirfs_eye_forget(struct dirfs_eyes *eyes, struct dirfs_eye *eye);
/* A line in the log, once. */
void dirfs_eyes_tell_limit(struct dirfs_eyes *eyes, int err);

/* Was that done by the server itself? A name's row is used up by it. */
bool dirfs_own_takes(struct dirfs_eyes *eyes, const char *path, unsigned kind);

#define DIRFS_JUDGE_MS 30u
/* inotify has told of a file. False: it may have been the server itself, and is looked at later. */
bool dirfs_file_event(struct dirfs_eyes *eyes, struct dirfs_eye *eye, uint32_t mask);
void dirfs_file_own_change(struct dirfs_eyes *eyes, const struct dirfs_file *file, bool sets_time);
/* What was to be looked at later. True: changes of the server's own are under way, and it has to be
 * looked again. */
bool dirfs_file_judge(struct dirfs_eyes *eyes);
bool dirfs_own_is_under_way(uint64_t dev, uint64_t ino);
/* The eye of a file goes away. */
void dirfs_file_forget(struct dirfs_eyes *eyes, const struct dirfs_eye *eye);
