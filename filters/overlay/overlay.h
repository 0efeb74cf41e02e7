/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the filter overlay.
 *
 * A file is the upper volume's when that has one at its path, else the lower one's; folders are
 * both. Paths of the lower volume that are hidden, with all below them, are not there. Who changes
 * anything holds `copying`; `lock` guards the files that are open, and is held for reading while
 * one of their handles is used. Every call holds `whole` for reading, and those that change
 * something `steady`: a commit has the one for writing while it copies, what is discarded the
 * other. Lock order: steady, whole, copying, lock. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <smbkit/filter.h>

#include "lines.h"

#define OVERLAY_META ".smbkit-overlay" /* a folder of the upper volume; clients do not see it */
#define OVERLAY_TMP OVERLAY_META "/tmp"
#define OVERLAY_LOG OVERLAY_META "/hidden"
#define OVERLAY_DISCARD OVERLAY_META "/discard" /* what was begun is ended at the next start */
/* Of the upper volume, which the overlay has too. */
#define OVERLAY_FEATURES                                                                           \
    (SMBKIT_FEATURE_SPARSE | SMBKIT_FEATURE_STREAMS | SMBKIT_FEATURE_EAS |                         \
     SMBKIT_FEATURE_SECURITY | SMBKIT_FEATURE_REPARSE)
#define OVERLAY_HIDDEN_MAX 1000000u /* paths */

struct hidden {
    char **keys; /* a hash table; as paths are compared */
    uint32_t count, room;
};

struct overlay {
    struct side lower, upper;
    struct smbkit_host *host;
    bool ignores_case;
    pthread_rwlock_t steady, whole;
    pthread_mutex_t copying;
    atomic_bool is_ready; /* what is hidden was read; set under copying */
    pthread_rwlock_t lock;
    /* guarded by lock */
    struct hidden hidden;
    struct ofile *files;
    uint64_t generation; /* counts what changes which volume a path is of */
    /* guarded by copying */
    struct lines log;
    uint64_t tmp_count;
    bool has_meta;
};

struct ofile {
    /* immutable */
    char *stream; /* NULL: the file itself */
    uint32_t access;
    bool is_folder;
    /* guarded by overlay.lock */
    char *path;
    void *lower, *upper;
    bool has_lower, has_upper, is_gone;
    smbkit_status lost; /* not 0: it was copied, and could not be opened there */
    struct ofile *next, *prev;
    struct names *listing; /* of one caller at a time, by the core */
};

/* Where a path is. Ends with where_fini. */
struct where {
    char *path[2]; /* as lower and upper spell it; owned */
    bool in_lower, in_upper, is_folder;
    struct smbkit_attr attr; /* of the upper one, else of the lower */
};

/* ---- overlay_find.c ---- */
bool overlay_is_meta(const char *path);
/* OBJECT_NAME_NOT_FOUND, OBJECT_PATH_NOT_FOUND: nowhere; w->path is filled all the same. */
smbkit_status overlay_find(struct overlay *o, struct smbkit_op *op, const char *path,
                           struct where *w);
void where_fini(struct where *w);
/* Is there something in the lower volume by that path that is not hidden? */
bool overlay_lower_shows(struct overlay *o, struct smbkit_op *op, const struct where *w,
                         const char *path);

/* ---- overlay_hidden.c; lock is held ---- */
bool hidden_has(const struct overlay *o, const char *path);
bool hidden_put(struct overlay *o, const char *path);
void hidden_fini(struct hidden *h);

/* ---- overlay_log.c; copying is held, but by who asks for overlay_ready ---- */
smbkit_status overlay_ready(struct overlay *o, struct smbkit_op *op);
smbkit_status overlay_meta(struct overlay *o, struct smbkit_op *op);
smbkit_status overlay_hide(struct overlay *o, struct smbkit_op *op, const char *path);

/* ---- overlay_copy.c; copying is held ---- */
/* The file or folder, without what is in it, is the upper volume's. overwrite: not with its data,
 * but overwritten so before anybody sees it; NULL: with its data. */
smbkit_status overlay_copy_up(struct overlay *o, struct smbkit_op *op, const char *path,
                              struct smbkit_overwrite *overwrite);
/* ... and all that is in it. */
smbkit_status overlay_copy_tree(struct overlay *o, struct smbkit_op *op, const char *path);

/* ---- overlay_list.c ---- */
/* What a client sees in a folder; path: its own. */
smbkit_status overlay_names(struct overlay *o, struct smbkit_op *op, const struct ofile *f,
                            bool attrs, struct names **names_r);
smbkit_status overlay_enumerate(struct overlay *o, struct smbkit_op *op, struct ofile *f,
                                struct smbkit_sink *sink);

/* ---- overlay_open.c ---- */
smbkit_status overlay_create(struct overlay *o, struct smbkit_op *op, struct smbkit_create *how);
/* Opened by no client: for what the filter does. */
smbkit_status overlay_open_path(struct overlay *o, struct smbkit_op *op, const char *path,
                                struct ofile **file_r);
void overlay_close_file(struct overlay *o, struct smbkit_op *op, struct ofile *f);
/* By its path, anew; it is gone when nothing is there. whole is held for writing. */
void overlay_reopen(struct overlay *o, struct smbkit_op *op, struct ofile *f);

/* ---- overlay_commit.c ---- */
/* Into the lower volume with all that is changed; *failed_r, owned: the path where it ended, or
 * NULL. What clients see is the same before, after, and when it fails. */
smbkit_status overlay_commit(struct overlay *o, struct smbkit_op *op, char **failed_r);
/* Away with all that is changed. When it fails a part is away. whole is held for writing. */
smbkit_status overlay_discard(struct overlay *o, struct smbkit_op *op, char **failed_r);
/* One that was begun before the start. copying is held. */
smbkit_status overlay_discard_rest(struct overlay *o, struct smbkit_op *op);

/* ---- overlay_say.c ---- */
smbkit_status overlay_control(struct overlay *o, struct smbkit_op *op, struct smbkit_control *a);

/* ---- overlay_change.c ---- */
smbkit_status overlay_remove(struct overlay *o, struct smbkit_op *op, struct ofile *f);
smbkit_status overlay_rename(struct overlay *o, struct smbkit_op *op, struct ofile *f,
                             const struct smbkit_rename *how);
char *overlay_path_dup(struct overlay *o, const struct ofile *f); /* owned */
