/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/lease_core.h"

#include "base/mem.h"
#include "vfs/caching.h"
#include "vfs/oplock_core.h"

bool lease_is_elsewhere(struct lease *l, const struct vfs_node *n)
{
    SCOPED_LOCK(&l->lock);
    return l->node && l->node != n;
}

bool lease_join_locked(struct vfs_node *n, struct vfs_open *o, const struct vfs_lease_want *want)
{
    struct lease *l = want->lease;
    SCOPED_LOCK(&l->lock);
    if (l->node && l->node != n) {
        return false;
    }
    if (!l->node) {
        if (o->is_directory) {
            atomic_fetch_add(&n->nodes->dir_leases, 1);
        }
        l->node = n;
        l->term++;
        l->has_epoch = want->has_epoch;
        l->epoch = want->epoch;
        l->holder.client = o->oplock.client;
    }
    l->open_count++;
    l->busy_open_count += o->is_stat ? 0 : 1;
    l->ops->ref(l);
    o->lease = l;
    o->holder = &l->holder;
    return true;
}

void lease_leave_locked(struct vfs_node *n, struct vfs_open *o)
{
    struct lease *l = o->lease;
    if (!l || o->holder != &l->holder) {
        return;
    }
    o->holder = &o->oplock;
    l->busy_open_count -= o->is_stat ? 0 : 1;
    if (--l->open_count > 0) {
        if (o->cache_grant) {
            caching_leave_locked(o, l);
        }
        return;
    }
    if (oplock_holder_gone(&n->oplock, &l->holder)) {
        oplock_wake_locked(n); /* [MS-SMB2] 3.3.5.10: closing answers a break */
    }
    if (o->is_directory) {
        atomic_fetch_sub(&n->nodes->dir_leases, 1);
    }
    SCOPED_LOCK(&l->lock);
    l->node = NULL;
}

static void tell_locked(const struct lease *l, struct vfs_lease_got *out)
{
    out->is_shared = true;
    out->caching = l->holder.caching;
    out->is_breaking = l->holder.breaking;
    out->has_epoch = l->has_epoch;
    out->epoch = l->epoch;
    out->term = l->term;
}

void lease_grant_locked(struct vfs_node *n, struct vfs_open *o, const struct vfs_lease_want *want,
                        struct vfs_lease_got *out)
{
    struct lease *l = o->lease;
    const struct lease_want w = {
        .caching = want->caching,
        .has_other_opens = n->busy_open_count > l->busy_open_count,
        .has_byte_locks = !brlock_is_empty(&n->locks),
        .is_directory = o->is_directory,
    };
    (void)lease_request(&n->oplock, l, &w);
    tell_locked(l, out);
}

void vfs_open_lease_told(struct vfs_open *o, struct vfs_lease_got *out)
{
    SCOPED_LOCK(&o->node->lock);
    if (o->lease) {
        tell_locked(o->lease, out);
    }
}

/* The node that it is of; a reference, or NULL. */
static struct vfs_node *node_of(struct lease *l)
{
    SCOPED_LOCK(&l->lock);
    if (l->node) {
        node_ref(l->node); /* it lives while the lease has an open there */
    }
    return l->node;
}

uint8_t lease_caching_of(struct lease *l)
{
    struct vfs_node *n = node_of(l);
    if (!n) {
        return 0;
    }
    mutex_lock(&n->lock);
    uint8_t caching = lease_is_elsewhere(l, n) ? 0 : l->holder.caching;
    mutex_unlock(&n->lock);
    node_put(n);
    return caching;
}

smbkit_status vfs_lease_ack(struct lease *l, uint8_t caching, uint8_t *kept_r)
{
    struct vfs_node *n = node_of(l);
    smbkit_status st = SMBKIT_STATUS_UNSUCCESSFUL;
    *kept_r = 0;
    if (!n) {
        return st;
    }
    mutex_lock(&n->lock);
    if (!lease_is_elsewhere(l, n)) {
        struct oplock_result more;
        st = lease_ack(&n->oplock, l, caching, &more);
        *kept_r = caching;
        oplock_tell_locked(&more);
    }
    if (SMBKIT_OK(st)) {
        oplock_wake_locked(n);
    }
    mutex_unlock(&n->lock);
    node_put(n);
    return st;
}

void vfs_lease_timeout(struct lease *l)
{
    struct vfs_node *n = node_of(l);
    if (!n) {
        return;
    }
    mutex_lock(&n->lock);
    if (!lease_is_elsewhere(l, n) && oplock_timeout(&n->oplock, &l->holder)) {
        oplock_wake_locked(n);
    }
    mutex_unlock(&n->lock);
    node_put(n);
}
