/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin calls that a request has made, so that its handler can be run again without making
 * them twice.
 *
 * A handler that is stopped by a plugin (WOULD_BLOCK: to be run on a worker; PENDING: to be run
 * when that call completes) is run again from the top. In that run, a *resume*, each door_* call
 * that was made already answers what it answered, and the first new one goes to the plugin. A
 * handler that waits for the core itself (a break, a lock) is run *fresh*: it decides again,
 * nothing is replayed.
 *
 * A step owns copies of everything its call points to, since the stack of the run that made it is
 * gone when the plugin completes it. A file that was opened belongs to the journal while the
 * handler is stopped; when the journal is given up it is closed. So is one that a run has closed:
 * another run could ask for it, and then go another way. When the new run does not make the
 * calls of the old one (the core's own state has changed), the rest is given up and it goes on by
 * new calls. */
#pragma once

#include "vfs/plugin_door.h"

/* One call of an operation, or what stands for it in the journal. */
struct journal_step {
    struct list link;
    uint32_t id;  /* SMBKIT_OP_*, or STEP_* */
    uint64_t key; /* of what it was called with */
    void *file;
    struct vfs_volume *volume; /* a reference */
    struct vfs_open *held;     /* a call on it is under way: it must not be closed; no reference */
    struct vfs_token *token;   /* a reference */
    struct op *op;             /* NULL: over */
    bool owns_made; /* create: the file made is to be closed when the journal is given up */
    bool acts;      /* it was given to the plugin to change something, and has not failed */
    bool is_done;   /* the run has no more use for that file; another run may: it is closed with
                       the step */
    void *args;     /* within this allocation, with all that it points to */
    struct listing *listing; /* enumerate: the entries */
    bool fleeting;           /* STEP_NOTE */

    struct mutex lock; /* guards what follows */
    bool pending;
    smbkit_status status;
    struct list waiters; /* volume->waits */
};

/* Steps that are no operation: the kinds of notes. */
#define STEP_NOTE SMBKIT_OP_COUNT

/* Make the call, or tell what it answered. As door_call in plugin_door.c. */
NODISCARD smbkit_status journal_call(const struct vfs_call *call, const struct door_file *f,
                                     uint32_t id, void *args);
/* Entries of a directory, streams of a file (id): a page of them, not more than that, is collected
 * first, then given to sink. There may be more after it, from sink->cookie. */
struct journal_page {
    uint32_t id; /* SMBKIT_OP_enumerate, _streams */
    uint32_t most;
};
NODISCARD smbkit_status journal_enumerate(const struct vfs_call *call, const struct door_file *f,
                                          const struct journal_page *page,
                                          struct smbkit_sink *sink);
/* Is f to be closed now? false: when its step goes, since another run may come to it. */
NODISCARD bool journal_closes(const struct vfs_call *call, const struct door_file *f);
/* What a run has found out beside the calls, for the runs after it. */
struct journal_note {
    uint64_t number;
    smbkit_status status;
    struct smbkit_attr attr;
    const char *text; /* NULL, or terminated; the journal's own copy when it is recalled */
};
enum {
    NOTE_ONCE,
    NOTE_REMOVALS,
    NOTE_NAME,
    NOTE_FREE,
    NOTE_LOOK,
    NOTE_LOOK_ITSELF, /* a link */
    NOTE_LISTED,
    NOTE_TUNNEL,
    NOTE_LOCKED,
    NOTE_CACHE_KEY
};
/* The note of that kind and about that name that an earlier run made here; NULL: there is none. */
const struct journal_note *journal_recall(const struct vfs_call *call, unsigned kind,
                                          const char *about);
/* fleeting: it holds only while this run goes on: when the call behind it would block, which lets
 * go of what made it true, it is forgotten. false: nothing is noted, without memory. */
bool journal_note(const struct vfs_call *call, unsigned kind, const char *about,
                  const struct journal_note *note, bool fleeting);
/* For what is done beside the calls, and must not be done again by a resume: true the first time.
 */
NODISCARD bool journal_once(const struct vfs_call *call);
/* What is there by that name just now: asked of the plugin on the spot, since the answer must hold
 * until the next call. flags: as door_lookup has them. */
NODISCARD smbkit_status journal_look(const struct vfs_call *call, struct vfs_volume *v,
                                     const char *path, uint32_t flags, struct smbkit_attr *attr);
/* For calls that are too many to keep: make them with this, note their result, and pass their
 * answer through journal_stopped, so that what stands in the journal is kept. Plugins that answer
 * PENDING are waited for on the spot. */
static inline struct vfs_call journal_apart(const struct vfs_call *call)
{
    struct vfs_call apart = *call;
    apart.journal = NULL;
    return apart;
}
/* For what must be done to its end, and cannot be stopped: waited for on the spot, wherever that
 * is. */
static inline struct vfs_call journal_on_the_spot(const struct vfs_call *call)
{
    struct vfs_call apart = journal_apart(call);
    apart.nowait = false;
    return apart;
}
static inline smbkit_status journal_stopped(const struct vfs_call *call, smbkit_status st)
{
    if (st == SMBKIT_STATUS_WOULD_BLOCK && call->journal) {
        call->journal->resumes = true;
    }
    return st;
}
/* The run stops at the last call, which cannot be taken back, and what it has decided, holds and
 * has still to tell is the journal's: the next run goes on with that. undo: when the journal is
 * given up instead. */
void journal_keep(const struct vfs_call *call, void *kept, void (*undo)(void *kept));
/* In the next run, before any call; NULL: nothing was kept. The one call to make is the last. */
NODISCARD void *journal_take_kept(const struct vfs_call *call);
/* Something that cannot be taken back was given to the plugin: whatever was checked before it is
 * not decided anew. */
static inline bool journal_acts(const struct vfs_call *call)
{
    return call->journal && vfs_journal_acts(call->journal);
}
/* What was done has its result, which the caller keeps: the calls so far are not made again, and
 * the files that they opened are his. */
void journal_forget(const struct vfs_call *call);
