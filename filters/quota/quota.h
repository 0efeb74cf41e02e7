/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the filter quota.
 *
 * Each file is counted for its owner and for the folders with an account that it lies below: the
 * bytes of its data and of its named streams. All is counted once, before the first change, with
 * `counting` held for writing; changes hold it for reading, and beside it one of `turns`, by the
 * file's number, so that a file's size is looked at and changed by one call at a time. Lock order:
 * counting, turns, keeping, lock. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <smbkit/filter.h>

#define QUOTA_USERS_MAX 4096u       /* owners; those beyond are not counted */
#define QUOTA_FOLDERS_MAX 64u       /* with accounts */
#define QUOTA_ENTRIES_MAX 10000000u /* files and folders that are counted */
#define QUOTA_LIMITS_MAX 4096u      /* users that a limit is said of by name */
#define QUOTA_SID_MAX 68u           /* bytes */
#define QUOTA_TURNS 64u
#define QUOTA_NONE UINT64_MAX

struct quota_account {
    uint8_t sid[QUOTA_SID_MAX]; /* of users */
    uint32_t sid_len;
    char *name; /* owned; of users NULL until one of that SID has come; of folders the path */
    uint64_t used, limit, threshold; /* bytes; QUOTA_NONE: no limit */
    bool has_own;                    /* limit is its own, not the default */
    bool is_set;                     /* of folders: as in quota_limit */
};

/* A limit of a user by name, or by SID as text. */
struct quota_limit {
    char *name; /* owned */
    uint64_t limit, threshold;
    bool is_set; /* by a command or a client: it is kept */
};

struct named_table;

struct quota {
    struct smbkit_next *next;
    struct named_table *files; /* owned; of filters/common/named.h */
    bool has_streams;          /* immutable after volume_open */
    pthread_rwlock_t counting;
    atomic_bool is_counted;
    char *keep; /* the file for limits that are set; owned; NULL: none */
    bool sets;  /* limits come from commands and clients by now, not from the arguments */
    atomic_uint owners_turn; /* counts changes of owners: what files remember of theirs is old */
    pthread_mutex_t turns[QUOTA_TURNS];
    pthread_mutex_t keeping; /* held while that file is written */
    pthread_mutex_t lock;
    /* guarded by lock */
    struct quota_account *users[QUOTA_USERS_MAX]; /* in the order in which they were met */
    uint32_t user_count;
    struct quota_account folders[QUOTA_FOLDERS_MAX];
    uint32_t folder_count;
    struct quota_limit limits[QUOTA_LIMITS_MAX];
    uint32_t limit_count;
    uint64_t default_limit, default_threshold;
    bool default_is_set;
    uint64_t refused; /* changes that there was no room for */
    uint64_t entries; /* that were counted at the start */
    uint64_t skipped; /* that could not be looked at */
};

/* Who a file is counted for. */
struct quota_places {
    struct quota_account *user; /* NULL: nobody known */
    uint64_t folders;           /* a bit for each */
};

/* ---- quota_accounts.c; all take the lock ---- */

/* The account of a SID. NULL: it is none, or there are too many. */
struct quota_account *quota_user_of(struct quota *q, const uint8_t *sid, uint32_t len);
/* So that user is called. */
void quota_user_named(struct quota *q, const struct smbkit_identity *who);
uint64_t quota_folders_of(struct quota *q, const char *path);
/* Does an account have that folder, or one below it? */
bool quota_has_folder_below(struct quota *q, const char *path);
/* DISK_FULL: one of them has no room for so many more; nothing was counted. */
smbkit_status quota_charge(struct quota *q, const struct quota_places *p, uint64_t bytes);
void quota_adjust(struct quota *q, const struct quota_places *p, int64_t bytes);
void quota_clear(struct quota *q); /* nothing is used */
/* What is left of the smallest folder of those, and its limit. false: none has a limit. */
bool quota_room(struct quota *q, uint64_t folders, uint64_t *limit_r, uint64_t *left_r);

/* false: too many, or no memory. */
bool quota_limit_user(struct quota *q, const char *name, uint64_t limit);
bool quota_limit_folder(struct quota *q, const char *path, uint64_t limit);
void quota_limit_default(struct quota *q, uint64_t limit);
/* ... and when to warn of it. */
bool quota_limit_user_at(struct quota *q, const char *name, uint64_t limit, uint64_t threshold);
void quota_limit_default_at(struct quota *q, uint64_t limit, uint64_t threshold);
/* lock is held. Is it that of a user who has come, or to whom something belongs? */
bool quota_limit_is_met(const struct quota *q, const struct quota_limit *l);
void quota_accounts_fini(struct quota *q);

#define QUOTA_TEXT_MAX 200u
/* "S-1-5-21-..." */
void quota_sid_text(const uint8_t *sid, uint32_t len, char out[QUOTA_TEXT_MAX]);
/* false: it is no size: 500, 64K, 20M, 1G, 2T, or none. */
bool quota_size_parse(const char *text, uint64_t *size_r);

smbkit_status quota_get(struct quota *q, struct smbkit_quota *a);
smbkit_status quota_set(struct quota *q, const struct smbkit_quota *a);

/* ---- quota_count.c ---- */

/* The account of who owns an open file; NULL in *user_r: nobody known. */
smbkit_status quota_owner(struct quota *q, struct smbkit_op *op, void *below,
                          struct quota_account **user_r);
/* Bytes in the named streams of what is open. */
smbkit_status quota_streams(struct quota *q, struct smbkit_op *op, void *below, uint64_t *bytes_r);
/* All is counted, if it has not been. */
smbkit_status quota_ready(struct quota *q, struct smbkit_op *op);
/* All is counted anew. */
smbkit_status quota_recount(struct quota *q, struct smbkit_op *op);

/* ---- quota_keep.c ---- */

/* The limits of the file q->keep, if there is one. false: what is wrong is said in args->error. */
bool quota_keep_read(struct quota *q, const struct smbkit_volume_args *args);
/* All limits that were set go into it, at once or not at all. */
smbkit_status quota_keep_write(struct quota *q);

/* ---- quota_words.c ---- */

/* Paths without slashes around them. false: no memory, or too many. */
bool quota_limit_path(struct quota *q, const char *path, uint64_t limit);

smbkit_status quota_control(struct quota *q, struct smbkit_op *op, struct smbkit_control *a);
/* user=NAME:SIZE and the like; what is wrong is said in args->error. */
smbkit_status quota_args(struct quota *q, const struct smbkit_volume_args *args);
