/* SPDX-License-Identifier: Apache-2.0 */
/* One call of an operation: what a smbkit_op is inside the core.
 *
 * Ops come from their volume's pool and are never freed before it, and one that is over is used
 * again only after OPS_RESTING others: a plugin that completes twice meets an op at rest, not freed
 * memory.
 *
 * An op is counted: by its owner and by its children. Its life: RUNNING (the plugin has not
 * returned)
 * -> over, or -> PENDING -> over; COMPLETED is the state of one that was completed before the
 * plugin returned. */
#pragma once

#include <smbkit/plugin.h>

#include "base/list.h"
#include "os/sync.h"

struct vfs_call;
struct vfs_volume;
struct layer;

/* What an op is about at this moment, for checks and messages. Set by the thread that makes the
 * call; read by others once it is pending. */
struct op_about {
    struct layer *layer;
    uint32_t id;
    void *args;
    /* The other file in args was exchanged for that of a layer below; NULL: it was not. */
    void **other;
    void *other_before;
};

enum op_state { OP_RESTING, OP_RUNNING, OP_COMPLETED, OP_PENDING };

struct op {
    struct smbkit_op pub; /* first: what the plugin sees */

    struct op_pool *pool; /* immutable; NULL: on the stack of a call that cannot pend (close) */

    /* immutable while it is in use */
    struct op *root;   /* itself, unless it is a filter's child */
    struct op *parent; /* NULL: this is a root */
    void (*child_done)(void *arg, smbkit_status status);
    void *child_arg;

    struct mutex lock; /* guards what follows; innermost but for that of a pending call's owner */
    struct cond cond;
    enum op_state state;
    smbkit_status status;
    struct op_about about;
    uint32_t children;         /* passed down and not over */
    struct layer *child_layer; /* which made the last of them */
    bool is_early;             /* completed before its children, with early_status */
    smbkit_status early_status;
    struct smbkit_io *join; /* a child's read whose pieces its filter wants joined */
    /* A root that was handed up: called once, under lock, with the checked status. */
    void (*finished)(void *arg, smbkit_status status);
    void *finished_arg;

    /* Something was registered, passed down or completed since it began: it has to be looked at
     * under the locks when a layer returns. relaxed: only a plugin that breaks the contract sets it
     * in another thread while its function returns, and then it may as well have been late. */
    atomic_bool touched;

    bool is_fresh;    /* caller's thread: a child that its maker has not passed down yet */
    bool pends_below; /* caller's thread: a layer was told PENDING by the one below it */

    /* roots: guarded by lock */
    bool cancel_seen;
    struct list cancels;          /* ops below this root that want to be told */
    struct op *cancelling;        /* whose function runs */
    uintptr_t canceller;          /* in which thread */
    const atomic_bool *cancelled; /* the caller's flag; may be NULL */
    bool stays; /* immutable while in use: a command for one layer, that goes to none below */
    /* guarded by root->lock */
    struct list cancel_link; /* root->cancels */
    void (*cancel_fn)(void *arg);
    void *cancel_arg;
    struct layer *cancel_layer; /* whose function it is */

    struct list pool_link; /* guarded by pool->lock */
    uint32_t refs;         /* guarded by pool->lock */
};

#define OPS_RESTING                                                                                \
    32u /* ops of a volume at rest before one is used again; each some 400 bytes                   \
         */

struct op_pool {
    struct mutex lock;
    struct list resting; /* guarded by lock: longest at rest first */
    uint32_t resting_count;
    uint32_t used_count;
};
NODISCARD bool op_pool_init(struct op_pool *p); /* false: no memory; op_pool_fini must follow */
void op_pool_fini(struct op_pool *p);

/* An op in state RUNNING; NULL: no memory. who and cancelled are the call's and must outlive it. */
NODISCARD struct op *op_new(struct op_pool *p, const struct vfs_call *call);
void op_ref(struct op *op);
void op_put(struct op *op);
/* One on the stack, for a call that must succeed without memory and cannot pend. */
void op_init_sync(struct op *op, const struct vfs_call *call);
void op_fini_sync(struct op *op);

static inline struct op *op_of(struct smbkit_op *pub)
{
    return pub->core;
}

/* The plugin said PENDING and the caller will come back: *st_r is PENDING, and finished(arg,
 * status) will be called once; or it has been completed already, and *st_r is that status. */
void op_hand_up(struct op *op, void (*finished)(void *arg, smbkit_status status), void *arg,
                smbkit_status *st_r);
/* The plugin said PENDING: wait for it here. */
NODISCARD smbkit_status op_await(struct op *op);
/* The layer returned something else than PENDING: what it registered is forgotten. Logs if it has
 * completed it all the same, and waits for what is still under way below. */
void op_returned_touched(struct op *op);
static inline void op_returned(struct op *op)
{
    if (op->pends_below || atomic_load_explicit(&op->touched, memory_order_relaxed)) {
        op_returned_touched(op);
    }
}
/* A child is passed down by a filter, and is over: before its parent is told. */
void op_child_begin(struct op *op, struct layer *filter);
void op_child_end(struct op *op);
/* It was completed while children were out: now, if they are over. No lock held. */
void op_early_complete(struct op *op);
/* The caller has lost interest: tell who asked to be told. Any thread, no lock held. */
void op_cancel(struct op *op);

/* smbkit_api's */
void op_complete(struct smbkit_op *pub, smbkit_status status);
int32_t op_is_cancelled(const struct smbkit_op *pub);
smbkit_status op_on_cancel(struct smbkit_op *pub, void (*fn)(void *arg), void *arg);
struct smbkit_op *op_child(struct smbkit_op *parent, void (*done)(void *arg, smbkit_status status),
                           void *arg);
