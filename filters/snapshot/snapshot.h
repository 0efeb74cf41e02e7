/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the filter snapshot.
 *
 * A snapshot costs nothing when it is taken: it is a moment. Whatever is changed for the first time
 * after it is copied before, into its folder in the store; of what did not exist a note is made
 * that it was not there. Only the newest snapshot gets either. A path in a snapshot is what the
 * oldest of it and all newer ones knows of it, and what is there today when none does.
 *
 * A change holds the gate while it is made, a new snapshot waits until nobody does. Lock order:
 * past.use, store_lock, gate_lock, busy_lock, log_lock, index. Calls below are made without
 * gate_lock and busy_lock; with index held for reading, files of snapshots are read of today's. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lines.h"
#include "named.h"

#define SNAP_LABEL_SIZE 25u      /* "@GMT-YYYY.MM.DD-HH.MM.SS", terminated */
#define SNAP_KEEP_DEFAULT 64u    /* snapshots */
#define SNAP_KEEP_MAX 1000u      /* likewise */
#define SNAP_NOTES_MAX 1000000u  /* what all of them know, paths */
#define SNAP_TAKE_WAIT_S 10      /* for the changes that are under way */
#define SNAP_RETRY_S 60          /* after one of the schedule could not be taken */
#define SNAP_RECLAIM_AT_ONCE 64u /* files that go within a client's call */
#define SNAP_SECOND 10000000u    /* of a FILETIME */

enum snap_kind { SNAP_FILE, SNAP_FOLDER, SNAP_ABSENT };

/* What a snapshot knows of a path. */
struct snap_note {
    char *path;
    uint64_t number; /* its copy's name; 0: SNAP_ABSENT */
    enum snap_kind kind;
    bool is_closed; /* of what lies below it, what is not known was not there */
    uint64_t hash, parent_hash;
    struct snap_note *next, *next_kid;
};

struct snap {
    uint64_t time; /* FILETIME, whole seconds */
    char label[SNAP_LABEL_SIZE];
    atomic_uint refs; /* files that are open in it; taken with index held */
    /* guarded by index */
    struct snap_note **by_path, **by_parent; /* [room] */
    uint32_t count, room;
    bool is_dropped; /* its folder has SNAP_DROPPED before its label */
    struct snap *newer;
    /* guarded by log_lock */
    struct lines log;
    uint64_t last_number;
};
#define SNAP_DROPPED "dropped-"
#define SNAP_LOG "index"

struct snap_busy;

struct snapshot {
    /* immutable after volume_open */
    struct side below, store;
    bool is_within; /* the store is a folder of the volume below, which clients do not see */
    bool ignores_case, drops_when_full;
    char *folder;
    uint32_t keep;
    uint64_t every_s;         /* 0: only by command */
    struct named_table files; /* of today */

    atomic_bool is_ready;       /* the store was read; set with store_lock held */
    atomic_uint_fast64_t epoch; /* counts snapshots; 0: there is none. Set with the gate closed */
    atomic_uint_fast64_t due;   /* FILETIME */

    pthread_mutex_t store_lock; /* which snapshots there are. Not waited for within the gate */
    uint64_t epochs;            /* how many there were; guarded by store_lock */
    pthread_mutex_t log_lock;
    pthread_mutex_t gate_lock;
    pthread_cond_t gate_cond;
    uint32_t inside; /* changes under way; guarded by gate_lock */
    bool is_closed;  /* likewise */

    pthread_mutex_t busy_lock;
    pthread_cond_t busy_cond;
    struct snap_busy *busy; /* paths that are being copied; guarded by busy_lock */

    pthread_rwlock_t index;
    struct snap *oldest, *newest; /* guarded by index; changed with store_lock held too */
    uint32_t notes;               /* of all; likewise */
};

/* Calls of the filter's own within op are waited for where they are made. */
static inline uint32_t snap_wait_begin(struct smbkit_op *op)
{
    uint32_t was = op->flags;
    op->flags |= SMBKIT_OP_SYNC;
    return was;
}
static inline void snap_wait_end(struct smbkit_op *op, uint32_t was)
{
    op->flags = was;
}

/* ---- snapshot_time.c ---- */
uint64_t snap_now(void); /* FILETIME, whole seconds */
void snap_label(uint64_t time, char label[SNAP_LABEL_SIZE]);
uint64_t snap_label_time(const char *label); /* 0: it is none */

/* ---- snapshot_index.c; index is held, for writing by who adds ---- */
const struct snap_note *snap_find(const struct snapshot *v, const struct snap *s, const char *path);
/* Does the snapshot say what was at the path, by itself or by a folder above? */
bool snap_covers(const struct snapshot *v, const struct snap *s, const char *path);
/* false: no memory, or SNAP_NOTES_MAX. path is copied. What is known already is only closed. */
bool snap_note_add(struct snapshot *v, struct snap *s, const char *path, enum snap_kind kind,
                   uint64_t number);
/* Is what is not known below that folder known not to have been there? */
bool snap_is_closed(const struct snapshot *v, const struct snap *s, const char *folder);
/* fn(arg, name, note) for all that it knows in that folder; false ends it. */
bool snap_kids(const struct snapshot *v, const struct snap *s, const char *folder,
               bool (*fn)(void *arg, const char *name, const struct snap_note *note), void *arg);
void snap_free(struct snapshot *v, struct snap *s);

/* ---- snapshot_store.c ---- */
/* Is it the store, or in it? */
bool snap_is_hidden(const struct snapshot *v, const char *path);
char *snap_path(const struct snapshot *v, const struct snap *s, const char *name);     /* owned */
char *snap_copy_path(const struct snapshot *v, const struct snap *s, uint64_t number); /* owned */
/* Read the store, if that has not been done. May wait; op is as snap_wait_begin made it, here and
 * below. */
smbkit_status snap_ready(struct snapshot *v, struct smbkit_op *op);
/* Take one. IO_TIMEOUT: changes were under way all the time. */
smbkit_status snap_take(struct snapshot *v, struct smbkit_op *op, char label[SNAP_LABEL_SIZE]);
/* The oldest one goes. NOT_FOUND: there is none, or its label is another. IO_TIMEOUT: as above.
 * SHARING_VIOLATION: it is the last one, and something is open in snapshots. */
smbkit_status snap_drop(struct snapshot *v, struct smbkit_op *op, const char *label);
/* ... unless it is the newest one, of which a change may be copying: NOT_FOUND. */
smbkit_status snap_drop_for_room(struct snapshot *v, struct smbkit_op *op);
/* Of what was dropped and nobody has open, that many files. */
void snap_reclaim(struct snapshot *v, struct smbkit_op *op, uint32_t most);
/* Within the gate, when there is one that is not dropped. */
struct snap *snap_newest(struct snapshot *v);
uint64_t snap_number(struct snapshot *v); /* of its next copy */
/* Note it, in the log first. */
smbkit_status snap_write(struct snapshot *v, struct smbkit_op *op, const char *path,
                         enum snap_kind kind, uint64_t number);
/* One of the schedule, if its time has come. */
void snap_look_at_clock(struct snapshot *v, struct smbkit_op *op);
static inline bool snap_is_due(struct snapshot *v)
{
    uint64_t now = snap_now();
    uint64_t due = atomic_load(&v->due);
    uint64_t wait_s = v->every_s > SNAP_RETRY_S ? v->every_s : SNAP_RETRY_S;
    /* No time that is reckoned here is further off: the clock was ahead then. */
    return v->every_s > 0 && (now >= due || due - now > wait_s * SNAP_SECOND);
}
/* Nobody is within the gate when it is true; false: not within SNAP_TAKE_WAIT_S. */
bool snap_gate_close(struct snapshot *v);
void snap_gate_open(struct snapshot *v);
/* may_wait false: false when it is closed. */
bool snap_gate_enter(struct snapshot *v, bool may_wait);
void snap_gate_leave(struct snapshot *v);

/* ---- snapshot_keep.c; within the gate ---- */
smbkit_status snap_keep(struct snapshot *v, struct smbkit_op *op, const char *path);
/* ... and all below it. */
smbkit_status snap_keep_tree(struct snapshot *v, struct smbkit_op *op, const char *path);
/* Something may come to be at the path. */
smbkit_status snap_keep_vacant(struct snapshot *v, struct smbkit_op *op, const char *path);

/* ---- snapshot_past.c ---- */
struct past;
/* NULL: it is one of today. */
struct past *snap_past_of(void *file);
/* NOT_FOUND: that is none of the filter's snapshots. */
smbkit_status snap_past_create(struct snapshot *v, struct smbkit_op *op, struct smbkit_create *how);
smbkit_status snap_past_lookup(struct snapshot *v, struct smbkit_op *op, struct smbkit_lookup *a);
void snap_past_close(struct snapshot *v, struct smbkit_op *op, struct past *p);
smbkit_status snap_past_call(struct snapshot *v, struct smbkit_op *op, uint32_t id, struct past *p,
                             void *args);
/* Into a file of today. */
smbkit_status snap_past_copy(struct snapshot *v, struct smbkit_op *op, void *to,
                             struct smbkit_copy *c);

/* ---- snapshot_list.c ---- */
/* What the folder had; index is held for reading. */
smbkit_status snap_names(struct snapshot *v, struct smbkit_op *op, const struct snap *s,
                         const char *folder, struct names *n);
/* A path in other letters becomes as the snapshot spells it, as far as it is there. false: it has
 * those letters, or there is no memory. Likewise. The core does that for files of today. */
bool snap_spell(struct snapshot *v, struct smbkit_op *op, const struct snap *s, char **path);

/* ---- snapshot_say.c ---- */
smbkit_status snap_control(struct snapshot *v, struct smbkit_op *op, struct smbkit_control *a);
