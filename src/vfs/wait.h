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
/* A call with somewhere to wait: the caller's own place, or, when it gave none, a condition here.
 */
struct wait_scope {
    struct vfs_call call; /* what the call is to be made with */
    struct vfs_wait own;
    struct mutex lock;
    struct cond cond;
    bool woken;  /* guarded by lock */
    bool blocks; /* own is used */
};
void wait_scope_init(struct wait_scope *s, const struct vfs_call *call);
void wait_scope_fini(struct wait_scope *s);
/* After an answer: true: it was WAIT, the wait is over, make the call again. */
NODISCARD bool wait_scope_again(struct wait_scope *s, smbkit_status answer);
