/* SPDX-License-Identifier: Apache-2.0 */
/* Byte-range locks: [MS-SMB2] 3.3.5.14, [MS-FSA] 2.1.5.8, 2.1.5.9 */
#include "vfs/core.h"
#include "vfs/oplock_core.h"

/* Under node->lock. Unlocks are done one by one, up to the first that fails. */
static smbkit_status unlock_all(struct vfs_open *o, const struct vfs_lock *locks, size_t count)
{
    struct vfs_node *n = o->node;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    for (size_t i = 0; i < count && SMBKIT_OK(st); i++) {
        st = brlock_unlock(&n->locks, o, locks[i].offset, locks[i].length);
    }
    /* In the order in which they came; each tries again. */
    wait_wake_all(n->waits, &n->lock_waiters);
    return st;
}

/* Under node->lock. All locks or none. */
static smbkit_status lock_all(struct vfs_open *o, const struct vfs_lock *locks, size_t count)
{
    struct vfs_node *n = o->node;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    size_t got = 0;
    for (; got < count; got++) {
        const struct vfs_lock *l = &locks[got];
        st = brlock_lock(&n->locks, o, l->offset, l->length, l->exclusive);
        if (!SMBKIT_OK(st)) {
            break;
        }
    }
    while (!SMBKIT_OK(st) && got-- > 0) {
        smbkit_status undone = brlock_unlock(&n->locks, o, locks[got].offset, locks[got].length);
        ASSERT(SMBKIT_OK(undone));
    }
    return st;
}

static smbkit_status lock_check(const struct vfs_open *o, const struct vfs_lock *locks,
                                size_t count)
{
    if (count == 0 || o->is_directory) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    /* [MS-FSA] 2.1.5.8 */
    if (!(o->granted_access & (SMBKIT_READ_DATA | SMBKIT_WRITE_DATA | SMBKIT_EXECUTE))) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    for (size_t i = 0; i < count; i++) {
        if (locks[i].unlock != locks[0].unlock) {
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status lock_once(const struct vfs_call *call, struct vfs_open *o,
                               const struct vfs_lock *locks, size_t count)
{
    OPEN_SCOPE(o, st);
    if (!SMBKIT_OK(st)) {
        return SMBKIT_STATUS_RANGE_NOT_LOCKED;
    }
    st = lock_check(o, locks, count);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct vfs_node *n = o->node;
    SCOPED_LOCK(&n->lock);
    if (locks[0].unlock) {
        return unlock_all(o, locks, count);
    }
    const struct oplock_query q = {.op = OPLOCK_OP_LOCK, .by = o->holder};
    if (oplock_break_locked(n, &q)) {
        return oplock_wait_locked(call, n);
    }
    st = lock_all(o, locks, count);
    bool may_wait = count == 1 && !locks[0].fail_immediately;
    if (st == SMBKIT_STATUS_LOCK_NOT_GRANTED && may_wait) {
        wait_register(n->waits, &n->lock_waiters, call->wait);
        return SMBKIT_STATUS_WAIT;
    }
    return st;
}

smbkit_status vfs_lock(struct vfs_call *call, struct vfs_open *o, const struct vfs_lock *locks,
                       size_t count)
{
    return WAIT_OUT(call, again, lock_once(again, o, locks, count));
}
