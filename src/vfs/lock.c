/* SPDX-License-Identifier: Apache-2.0 */
/* Byte-range locks: [MS-SMB2] 3.3.5.14, [MS-FSA] 2.1.5.8, 2.1.5.9 */
#include "vfs/core.h"
#include "vfs/journal.h"
#include "vfs/lock_below.h"
#include "vfs/move.h"
#include "vfs/oplock_core.h"

/* Each waiting call has its lock as soon as there is room for it, in the order in which they came:
 * an unlock wakes only those whose turn it is. No oplock can break here: there were locks all the
 * time since the call asked for that (2.1.5.8), and none is granted meanwhile. */

struct offer {
    struct vfs_node *node;
    const struct brlock_freed *freed;
};

static uint64_t length_of(const struct range_link *r)
{
    return r->last - r->first + 1;
}

/* Under the node's lock: is it given, and not taken yet? */
static void offer_set(struct vfs_open *o, const struct vfs_wait_lock *l, bool on)
{
    const struct brlock_offer offer = {l->range.first, length_of(&l->range), l->exclusive};
    brlock_offer_set(&o->node->locks, &o->locks, &offer, on);
}

/* Under node->lock and the domain's. */
static enum wait_taken take(void *arg, struct vfs_wait *w)
{
    const struct offer *offer = arg;
    struct vfs_wait_lock *l = w->lock;
    smbkit_status st = brlock_lock(&offer->node->locks, &l->open->locks, l->range.first,
                                   length_of(&l->range), l->exclusive);
    if (st == SMBKIT_STATUS_LOCK_NOT_GRANTED) {
        return WAIT_TAKEN_NOT;
    }
    if (!SMBKIT_OK(st)) {
        return WAIT_TAKEN; /* it asks again, and hears why not */
    }
    l->granted = true;
    offer_set(l->open, l, true);
    vfs_open_ref(l->open);
    const struct brlock_freed *f = offer->freed;
    bool all = l->exclusive && l->range.first <= f->first && l->range.last >= f->last;
    return all ? WAIT_TAKEN_ALL : WAIT_TAKEN;
}

/* Under node->lock. */
static void offer_freed(struct vfs_node *n, const struct brlock_freed *freed)
{
    if (freed->any) {
        struct offer offer = {n, freed};
        const struct wait_offer o = {freed->first, freed->last, take, &offer};
        wait_offer(n->waits, &n->lock_waiters, &o);
    }
}

_Static_assert(BRLOCK_BYTES == VFS_LOCK_BYTES, "one number");

void vfs_open_locks_charge(struct vfs_open *o, struct budget *budget)
{
    SCOPED_LOCK(&o->node->lock);
    if (!o->locks.budget) { /* a create that is answered again */
        o->locks.budget = budget;
    }
}

struct each {
    void (*fn)(void *arg, const struct vfs_lock *l);
    void *arg;
};

static void each_lock(void *arg, const struct range_link *r, bool exclusive)
{
    const struct each *to = arg;
    const struct vfs_lock l = {.offset = r->first,
                               .length = length_of(r),
                               .exclusive = exclusive,
                               .fail_immediately = true};
    to->fn(to->arg, &l);
}

void vfs_open_locks_each(struct vfs_open *o, void (*fn)(void *arg, const struct vfs_lock *l),
                         void *arg)
{
    struct each to = {fn, arg};
    SCOPED_LOCK(&o->node->lock);
    brlock_each(&o->locks, each_lock, &to);
}

void lock_leave_locked(struct vfs_node *n, struct vfs_open *o)
{
    struct brlock_freed freed = {0};
    wait_wake_open(n->waits, &o->lock_waits);
    brlock_release_owner(&n->locks, &o->locks, &freed);
    offer_freed(n, &freed);
}

/* The lock that w was given as it was woken; the open, with its reference, or NULL. */
static struct vfs_open *grant_take(struct vfs_wait *w)
{
    bool granted = w && w->lock && w->lock->granted;
    if (granted) {
        w->lock->granted = false;
    }
    return granted ? w->lock->open : NULL;
}

/* Takes the reference; that of what took its place, which has the lock too, or NULL. */
static struct vfs_open *give_back(struct vfs_open *o, const struct vfs_wait_lock *l)
{
    const struct range_link *r = &l->range;
    struct brlock_freed freed = {0};
    mutex_lock(&o->node->lock);
    offer_set(o, l, false);
    smbkit_status st = brlock_unlock(&o->node->locks, &o->locks, r->first, length_of(r), &freed);
    if (SMBKIT_OK(st)) { /* or the open was closed */
        offer_freed(o->node, &freed);
    }
    struct vfs_open *next = o->successor ? vfs_open_ref(o->successor) : NULL;
    mutex_unlock(&o->node->lock);
    vfs_open_unref(o);
    return next;
}

void lock_grant_return(struct vfs_wait *w)
{
    struct vfs_open *o = grant_take(w);
    while (o) {
        o = give_back(o, w->lock);
    }
}

/* ---- an open takes another's place ---- */

struct taking {
    struct vfs_open *to;
    smbkit_status status;
};

static void take_one(void *arg, const struct range_link *r, bool exclusive)
{
    struct taking *t = arg;
    if (SMBKIT_OK(t->status)) {
        t->status =
            brlock_lock(&t->to->node->locks, &t->to->locks, r->first, length_of(r), exclusive);
    }
}

/* Under both nodes' locks. They are charged once, to from. */
static smbkit_status take_all(struct vfs_open *from, struct vfs_open *to)
{
    struct taking t = {.to = to, .status = SMBKIT_STATUS_SUCCESS};
    if (from->node == to->node) {
        to->locks.budget = from->locks.budget;
        brlock_hand_over(&from->node->locks, &from->locks, &to->locks);
        return t.status;
    }
    if (from->locks.count > 0) {
        const struct oplock_query q = {.op = OPLOCK_OP_LOCK, .by = to->holder};
        (void)oplock_break_locked(to->node, &q);
    }
    brlock_each(&from->locks, take_one, &t);
    brlock_offers_copy(&from->locks, &to->node->locks, &to->locks);
    return t.status;
}

/* Both are files, or both streams, whose locks come after any file's: among themselves they are
 * taken by address. */
static void lock_both(struct vfs_node *a, struct vfs_node *b)
{
    bool is_first = (uintptr_t)a < (uintptr_t)b;
    mutex_lock(is_first ? &a->lock : &b->lock);
    if (a != b) {
        mutex_lock(is_first ? &b->lock : &a->lock);
    }
}

static void unlock_both(struct vfs_node *a, struct vfs_node *b)
{
    if (a != b) {
        mutex_unlock(&b->lock);
    }
    mutex_unlock(&a->lock);
}

smbkit_status lock_move_try(struct vfs_open *from, struct vfs_open *to)
{
    if (from->node == to->node) {
        return SMBKIT_STATUS_SUCCESS;
    }
    lock_both(from->node, to->node);
    smbkit_status st = take_all(from, to);
    unlock_both(from->node, to->node);
    return st;
}

void vfs_open_waits_end(struct vfs_open *o)
{
    SCOPED_LOCK(&o->node->lock);
    wait_wake_open(o->node->waits, &o->lock_waits);
}

smbkit_status lock_move(struct vfs_open *from, struct vfs_open *to)
{
    lock_both(from->node, to->node);
    smbkit_status st = take_all(from, to);
    if (SMBKIT_OK(st)) {
        ASSERT(from->node == to->node || from->locks.count == to->locks.count);
        to->locks.budget = from->locks.budget;
        from->locks.budget = NULL;
        from->successor = vfs_open_ref(to);
    }
    unlock_both(from->node, to->node);
    return st;
}

/* Under node->lock. Unlocks are done one by one, up to the first that fails. */
static smbkit_status unlock_all(struct vfs_open *o, const struct vfs_lock *locks, size_t count)
{
    struct vfs_node *n = o->node;
    struct brlock_freed freed = {0};
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    for (size_t i = 0; i < count && SMBKIT_OK(st); i++) {
        st = brlock_unlock(&n->locks, &o->locks, locks[i].offset, locks[i].length, &freed);
    }
    offer_freed(n, &freed);
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
        st = brlock_lock(&n->locks, &o->locks, l->offset, l->length, l->exclusive);
        if (!SMBKIT_OK(st)) {
            break;
        }
    }
    /* Nobody waits for these: who asks while they are there needs this lock. */
    while (!SMBKIT_OK(st) && got-- > 0) {
        smbkit_status undone =
            brlock_unlock(&n->locks, &o->locks, locks[got].offset, locks[got].length, NULL);
        ASSERT(SMBKIT_OK(undone));
    }
    return st;
}

static smbkit_status lock_wait(const struct vfs_call *call, struct vfs_open *o,
                               const struct vfs_lock *l)
{
    struct vfs_node *n = o->node;
    const struct wait_lock want = {.waiters = &n->lock_waiters,
                                   .of_open = &o->lock_waits,
                                   .open = o,
                                   .first = l->offset,
                                   .last = brlock_last(l->offset, l->length),
                                   .exclusive = l->exclusive};
    wait_register_lock(n->waits, &want, call->wait);
    return SMBKIT_STATUS_WAIT;
}

/* Is it the open, or one whose place that has taken since? */
static bool is_now(const struct vfs_open *was, const struct vfs_open *o)
{
    while (was && was != o) {
        was = was->successor; /* set before a call on that begins */
    }
    return was != NULL;
}

/* Did the call's wait end with this lock? */
static bool was_granted(const struct vfs_call *call, const struct vfs_open *o,
                        const struct vfs_lock *l)
{
    const struct vfs_wait_lock *got = call->wait ? call->wait->lock : NULL;
    return got && got->granted && is_now(got->open, o) && got->range.first == l->offset &&
           length_of(&got->range) == l->length && got->exclusive == l->exclusive;
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
        /* Before anybody's oplock is broken; unlocks are done up to the one that fails. */
        if (!locks[i].unlock && brlock_range_is_bad(locks[i].offset, locks[i].length)) {
            return SMBKIT_STATUS_INVALID_LOCK_RANGE;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* The locks among the server's clients. */
static smbkit_status lock_here(const struct vfs_call *call, struct vfs_open *o,
                               const struct vfs_lock *locks, size_t count)
{
    if (was_granted(call, o, &locks[0])) {
        mutex_lock(&o->node->lock);
        offer_set(o, call->wait->lock, false);
        mutex_unlock(&o->node->lock);
        vfs_open_unref(grant_take(call->wait));
        return SMBKIT_STATUS_SUCCESS;
    }
    struct vfs_node *n = o->node;
    SCOPED_LOCK(&n->lock);
    const struct oplock_query q = {.op = OPLOCK_OP_LOCK, .by = o->holder};
    if (oplock_break_locked(n, &q)) {
        return oplock_wait_locked(call, n);
    }
    smbkit_status st = lock_all(o, locks, count);
    bool may_wait = count == 1 && !locks[0].fail_immediately;
    if (st == SMBKIT_STATUS_LOCK_NOT_GRANTED && may_wait) {
        return lock_wait(call, o, &locks[0]);
    }
    return st;
}

static smbkit_status unlock_here(struct vfs_open *o, const struct vfs_lock *locks, size_t count)
{
    SCOPED_LOCK(&o->node->lock);
    return unlock_all(o, locks, count);
}

/* Here, and then below. What is refused below nobody has here either. */
static smbkit_status lock_both_ways(const struct vfs_call *call, struct vfs_open *o,
                                    const struct vfs_lock *locks, size_t count)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (!o->volume->hears_locks || !journal_recall(call, NOTE_LOCKED, NULL)) {
        st = lock_here(call, o, locks, count);
        if (!SMBKIT_OK(st) || !o->volume->hears_locks) {
            return st;
        }
        const struct journal_note note = {.status = st};
        st = journal_note(call, NOTE_LOCKED, NULL, &note, false) ? st : SMBKIT_STATUS_NO_MEMORY;
    }
    st = SMBKIT_OK(st) ? lock_below_take(call, o, locks, count) : st;
    if (!SMBKIT_OK(st) && !door_stops(st)) {
        smbkit_status undone = unlock_here(o, locks, count);
        (void)undone; /* the open may have been closed meanwhile */
    }
    return st;
}

/* Below, and then here, where others wait for them. */
static smbkit_status unlock_both_ways(const struct vfs_call *call, struct vfs_open *o,
                                      const struct vfs_lock *locks, size_t count)
{
    smbkit_status below = lock_below_give(call, o, locks, count);
    if (door_stops(below)) {
        return below;
    }
    smbkit_status st = unlock_here(o, locks, count);
    return SMBKIT_OK(st) ? below : st;
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
    return locks[0].unlock ? unlock_both_ways(call, o, locks, count)
                           : lock_both_ways(call, o, locks, count);
}

smbkit_status vfs_lock(struct vfs_call *call, struct vfs_open *o, const struct vfs_lock *locks,
                       size_t count)
{
    return WAIT_OUT(call, again, lock_once(again, o, locks, count));
}
