/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/oplock_core.h"

#include "vfs/caching.h"
#include "vfs/journal.h"
#include "vfs/lease_core.h"

static void tell_lease(struct lease *l)
{
    const struct lease_break b = lease_break_begins(l);
    l->ops->broken(l, &b);
}

void oplock_tell_locked(struct oplock_result *result)
{
    for (struct list *l; (l = list_pop_front(&result->breaks));) {
        struct oplock_holder *h = LIST_ENTRY(l, struct oplock_holder, break_link);
        if (h->kind == OPLOCK_OF_LEASE) {
            tell_lease(CONTAINER_OF(h, struct lease, holder));
            continue;
        }
        struct vfs_open *o = CONTAINER_OF(h, struct vfs_open, oplock);
        if (o->owner.oplock_break) {
            o->owner.oplock_break(o->owner.arg, oplock_level_of(h->break_to), h->tell_ack);
        }
    }
}

bool oplock_break_locked(struct vfs_node *n, const struct oplock_query *q)
{
    if (oplock_is_idle(&n->oplock)) {
        return false;
    }
    struct oplock_result result;
    oplock_check(&n->oplock, q, &result);
    oplock_tell_locked(&result);
    return result.wait;
}

smbkit_status oplock_wait_locked(const struct vfs_call *call, struct vfs_node *n)
{
    wait_register(n->waits, &n->oplock_waiters, call->wait);
    return SMBKIT_STATUS_WAIT;
}

/* Its time begins with the first that it asks. */
static bool has_time(const struct vfs_call *call, const struct vfs_nodes *nodes)
{
    struct vfs_wait *w = call->wait;
    uint64_t now = nodes->clock_us ? nodes->clock_us() : 0;
    if (w->asks_until_us == 0) {
        w->asks_until_us = now + (uint64_t)VFS_ASKS_MS * 1000;
    }
    return now < w->asks_until_us;
}

smbkit_status oplock_ask_locked(const struct vfs_call *call, struct vfs_node *n,
                                const struct oplock_query *q, smbkit_status otherwise)
{
    bool waits = oplock_break_locked(n, q) && has_time(call, n->nodes);
    return waits ? oplock_wait_locked(call, n) : otherwise;
}

smbkit_status oplock_break_for(const struct vfs_call *call, struct vfs_open *o, enum oplock_op op)
{
    struct vfs_node *n = o->node;
    SCOPED_LOCK(&n->lock);
    const struct oplock_query q = {.op = op, .by = o->holder};
    if (op == OPLOCK_OP_RENAME && !journal_acts(call)) {
        return oplock_ask_locked(call, n, &q, SMBKIT_STATUS_SUCCESS);
    }
    bool waits = oplock_break_locked(n, &q) && !journal_acts(call); /* else it is done already */
    return waits ? oplock_wait_locked(call, n) : SMBKIT_STATUS_SUCCESS;
}

void oplock_tell(struct vfs_open *o, enum oplock_op op)
{
    struct vfs_node *n = o->node;
    SCOPED_LOCK(&n->lock);
    const struct oplock_query q = {.op = op, .by = o->holder};
    (void)oplock_break_locked(n, &q);
}

uint8_t oplock_grant_locked(struct vfs_node *n, struct vfs_open *o, uint8_t level)
{
    const struct oplock_want want = {
        .level = level,
        .has_other_opens = n->busy_open_count > (o->is_stat ? 0u : 1u),
        .has_byte_locks = !brlock_is_empty(&n->locks),
        .is_directory = o->is_directory,
    };
    return oplock_request(&n->oplock, &o->oplock, &want);
}

void oplock_wake_locked(struct vfs_node *n)
{
    wait_wake_all(n->waits, &n->oplock_waiters);
    if (n->cache_asked > 0) {
        caching_given_up_locked(n);
    }
}

void oplock_end_locked(struct vfs_node *n, struct vfs_open *o)
{
    if (oplock_holder_gone(&n->oplock, &o->oplock)) {
        oplock_wake_locked(n);
    }
    lease_leave_locked(n, o);
}

void oplock_break_told(struct vfs_node *n, enum oplock_op op, uint64_t client)
{
    SCOPED_LOCK(&n->lock);
    const struct oplock_query q = {.op = op, .client = client};
    (void)oplock_break_locked(n, &q); /* what happened cannot wait */
}

smbkit_status vfs_oplock_ack(struct vfs_open *o, uint8_t level, uint8_t *level_r)
{
    *level_r = VFS_OPLOCK_NONE;
    OPEN_SCOPE(o, st);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    SCOPED_LOCK(&o->node->lock);
    st = oplock_ack(&o->node->oplock, &o->oplock, level, level_r);
    if (!o->oplock.breaking) {
        oplock_wake_locked(o->node); /* a wrong answer ends a break as well */
    }
    return st;
}

void vfs_oplock_timeout(struct vfs_open *o)
{
    OPEN_SCOPE(o, st);
    if (!SMBKIT_OK(st)) {
        return;
    }
    SCOPED_LOCK(&o->node->lock);
    if (oplock_timeout(&o->node->oplock, &o->oplock)) {
        oplock_wake_locked(o->node);
    }
}

uint8_t vfs_oplock_level(const struct vfs_open *o)
{
    SCOPED_LOCK(&o->node->lock);
    return oplock_holder_level(&o->oplock);
}

uint8_t vfs_open_caching(const struct vfs_open *o)
{
    SCOPED_LOCK(&o->node->lock);
    return o->holder->caching;
}

bool vfs_open_caches_handle(const struct vfs_open *o)
{
    SCOPED_LOCK(&o->node->lock);
    const struct oplock_holder *h = o->holder;
    return (h->caching & OPLOCK_H) && !h->breaking;
}

bool vfs_open_may_keep_locks(const struct vfs_open *o)
{
    SCOPED_LOCK(&o->node->lock);
    return o->locks.count == 0 || (o->holder->caching & OPLOCK_W);
}
