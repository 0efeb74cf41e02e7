/* SPDX-License-Identifier: Apache-2.0 */
/* What every call of the core has around it: who asks, how it waits, which calls of plugins it has
 * made. A part of vfs/vfs.h. */
#pragma once

#include <stdatomic.h>

#include <smbkit/plugin.h>

#include "base/list.h"
#include "base/ranges.h"
#include "os/sync.h"

struct vfs_open;

/* ---- who asks ---- */

/* An identity with its SIDs; reference-counted, immutable. */
struct vfs_token;
struct vfs_token_spec {
    const char *user;
    const char *domain;
    const char *client_address;
    uint32_t rid;                /* of the virtual user; SID is S-1-5-21-<machine>-rid */
    uint32_t flags;              /* SMBKIT_WHO_* */
    const uint32_t *machine_sid; /* three sub-authorities */
    const uint32_t *group_rids;  /* of the machine's groups that the user is in; copied */
    uint32_t group_rid_count;    /* more than VFS_TOKEN_GROUPS_MAX are not heeded */
    uint64_t session_id;         /* 0: the server itself asks, as for the next */
    uint64_t client_id;          /* of the client machine: what it caches is told apart by it */
};
#define VFS_TOKEN_GROUPS_MAX 64 /* twice what the users file gives one user */
NODISCARD struct vfs_token *vfs_token_new(const struct vfs_token_spec *spec);
struct vfs_token *vfs_token_ref(struct vfs_token *t);
void vfs_token_unref(struct vfs_token *t);
const struct smbkit_identity *vfs_token_identity_get(const struct vfs_token *t);
/* Is it in exactly these of the machine's groups, in whatever order? */
bool vfs_token_has_groups(const struct vfs_token *t, const uint32_t *rids, uint32_t count);
bool vfs_token_is_in_group(const struct vfs_token *t, uint32_t rid);

/* ---- waiting ---- */

/* One thing that is waited for. vfs only. */
struct vfs_wait_place {
    struct vfs_wait *wait;
    struct list link;
    struct mutex *lock; /* the domain's lock while registered, else NULL; it guards link */
    /* The place in that queue, kept across registrations: */
    const void *queue; /* compared only: it may be gone */
    uint64_t ticket;
};

/* A byte-range lock that is waited for, at one place at most. vfs only. */
struct vfs_wait_lock {
    struct vfs_wait *wait;
    struct range_link range; /* its order is the ticket */
    struct ranges *waiters;  /* of which range is one while registered, else NULL; domain's lock */
    struct list of_open;     /* open->lock_waits; domain's lock */
    struct vfs_open *open;   /* who waits; while `granted` a reference */
    uint8_t place;           /* in places, if has_place */
    bool has_place;          /* that one is in such a queue or was in it last */
    bool exclusive;
    /* It was given the lock as it was woken: it takes that in the next call, or it goes back at the
     * end. The domain's lock until woken, then the owner. */
    bool granted;
};

/* Things waited for at once: oplocks or leases of a file and of its folder, a lock, a transfer.
 * When there are more, the first is forgotten: any of the others wakes, and then all is looked at
 * anew.
 */
#define VFS_WAIT_PLACES 4
/* For so long, from the first on, a call asks others to let go of handles that they only cache. As
 * long as a front end gives them to answer. */
#define VFS_ASKS_MS 35000u

/* A call that waits: for whichever comes first of what it was registered for. Its owner cancels it
 * before he makes the call again. */
struct vfs_wait {
    /* Set by the owner. Called once for each thing registered for, from any thread, possibly under
     * a core lock: it may only post a job. */
    void (*wake)(struct vfs_wait *w);
    /* vfs only */
    struct mutex self; /* innermost lock: guards each place's `lock` */
    struct vfs_wait_place places[VFS_WAIT_PLACES];
    unsigned next; /* whose call it is: how many places were taken; the next one is that modulo
                      VFS_WAIT_PLACES */
    /* Of handles in its way that are only cached (oplock_core.h). */
    bool has_asked_below;       /* for all below the directory that it moves */
    uint64_t asks_until_us;     /* by the nodes' clock; 0: it has not asked for one yet */
    struct vfs_wait_lock *lock; /* NULL: it is for no call of vfs_lock */
};
void vfs_wait_init(struct vfs_wait *w, void (*wake)(struct vfs_wait *w));
/* For calls of vfs_lock: with what only they need, which lives as long as w. */
void vfs_wait_lock_init(struct vfs_wait *w, struct vfs_wait_lock *lock);
void vfs_wait_fini(struct vfs_wait *w);
/* Deregister from everything. When it returns wake will not be called any more. True: it was still
 * registered for something. */
bool vfs_wait_cancel(struct vfs_wait *w);

/* The plugin calls of a request, so that it can be run again without making them twice; see
 * journal.h. Lives in the request; whoever runs the handler touches it. */
struct vfs_journal {
    struct list steps;  /* vfs only, all of it */
    struct list *at;    /* the next step to replay; &steps: none is left */
    bool resumes;       /* the handler was stopped by a plugin: the next run replays */
    struct list claims; /* names that a stopped handler keeps claimed; they end with the journal,
                           which is given up before the volumes of its request */
    void *kept;         /* by a handler that a plugin stopped while it acts; or NULL */
    void (*undo)(void *kept);
};
void vfs_journal_init(struct vfs_journal *j);
/* No step may be pending. Files of a handler that was stopped, and is not run again, are closed. */
void vfs_journal_fini(struct vfs_journal *j);
/* Before each run of the handler. */
void vfs_journal_begin(struct vfs_journal *j);
/* The handler answered WOULD_BLOCK, for whatever reason: its next run replays. */
void vfs_journal_would_block(struct vfs_journal *j);
/* Is a plugin call of it under way? Any thread that may touch it. */
bool vfs_journal_is_busy(const struct vfs_journal *j);
/* The same, where nothing is run any more: true: w is woken at that call's end. */
bool vfs_journal_await(struct vfs_journal *j, struct vfs_wait *w);
/* Was something given to a plugin that it cannot take back (a file to be made or emptied, a
 * rename)? Then the handler is run to its end, whoever has given the request up meanwhile: what it
 * answers is what has happened. Not while a run is under way elsewhere. */
bool vfs_journal_acts(const struct vfs_journal *j);
/* The client has given the request up: tell the plugin, if it asked to be told; but not when
 * something was done already and it is at what comes after. */
void vfs_journal_cancel(struct vfs_journal *j);

/* The surroundings of a call; on the caller's stack. */
struct vfs_call {
    struct vfs_journal *journal; /* NULL: plugins that answer PENDING are waited for on the spot */
    struct vfs_token *token;
    struct vfs_wait *wait;        /* NULL: block instead of answering WAIT (a worker thread only) */
    const atomic_bool *cancelled; /* what smbkit_op_is_cancelled tells; may be NULL */
    bool read_only;               /* who asks may change nothing, though the volume takes changes */
    bool nowait;                  /* on an event loop: answer WOULD_BLOCK rather than block */
    bool on_loop;                 /* likewise: answer WOULD_BLOCK rather than compute for long */
};
