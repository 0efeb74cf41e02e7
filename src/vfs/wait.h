/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of waiting calls. All links of a volume are guarded by its `waits` lock, which is innermost
 * but for vfs_wait.self: a list may be registered on and woken under any other lock of the core. */
#pragma once

#include "vfs/vfs.h"

/* What a volume has of it. */
struct wait_domain {
    struct mutex lock;
    uint64_t tickets; /* guarded by lock */
};
void wait_domain_init(struct wait_domain *d);
void wait_domain_fini(struct wait_domain *d);

/* Put w in the list too, in the order of first registration. The owner's thread. */
void wait_register(struct wait_domain *d, struct list *waiters, struct vfs_wait *w);
/* Wake all of the list in order. */
void wait_wake_all(struct wait_domain *d, struct list *waiters);

/* ---- for byte-range locks ---- */

struct wait_lock {
    struct ranges *waiters; /* the node's */
    struct list *of_open;   /* the open's */
    struct vfs_open *open;
    uint64_t first, last;
    bool exclusive;
};
/* As wait_register, in both queues. w is in one place of this kind at most. */
void wait_register_lock(struct wait_domain *d, const struct wait_lock *want, struct vfs_wait *w);
/* Wake all of the list of an open. */
void wait_wake_open(struct wait_domain *d, struct list *of_open);

enum wait_taken { WAIT_TAKEN_NOT, WAIT_TAKEN, WAIT_TAKEN_ALL /* no need to ask others */ };
struct wait_offer {
    uint64_t first, last;
    enum wait_taken (*take)(void *arg, struct vfs_wait *w); /* under the domain's lock */
    void *arg;
};
/* Ask those that wait for something in the range, in order; wake who takes. */
void wait_offer(struct wait_domain *d, struct ranges *waiters, const struct wait_offer *offer);
/* At the end of w: a lock that was given to it and not taken goes back. No lock held. */
void lock_grant_return(struct vfs_wait *w);

/* A call with somewhere to wait: the caller's own place, or, when it gave none, a condition here.
 */
struct wait_scope {
    struct vfs_call call; /* what the call is to be made with */
    struct vfs_wait own;
    struct vfs_wait_lock own_lock;
    struct mutex lock;
    struct cond cond;
    bool woken;  /* guarded by lock */
    bool blocks; /* own is used */
};
void wait_scope_init(struct wait_scope *s, const struct vfs_call *call);
void wait_scope_fini(struct wait_scope *s);
/* After an answer: true: it was WAIT, the wait is over, make the call again. */
NODISCARD bool wait_scope_again(struct wait_scope *s, smbkit_status answer);

/* The status of expression, a call that may answer WAIT, made with `inner` (the name that
 * expression gives a const struct vfs_call *). Where the caller of `outer` has no place to wait it
 * is waited for here, and expression evaluated again. */
#define WAIT_OUT(outer, inner, expression)                                                         \
    ({                                                                                             \
        struct wait_scope scope_;                                                                  \
        wait_scope_init(&scope_, outer);                                                           \
        const struct vfs_call *inner = &scope_.call;                                               \
        smbkit_status st_;                                                                         \
        do {                                                                                       \
            st_ = (expression);                                                                    \
        } while (wait_scope_again(&scope_, st_));                                                  \
        wait_scope_fini(&scope_);                                                                  \
        st_;                                                                                       \
    })
