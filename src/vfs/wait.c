/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/wait.h"

/* Lock order: domain lock -> vfs_wait.self. A waker calls wake under both, so that a canceller that
 * saw a place's `lock` unset (which it reads under self) knows that wake has returned, and that the
 * owner of w, who may free it once he was woken, cannot end it (vfs_wait_fini takes self) before
 * the waker has let go. */

void vfs_wait_init(struct vfs_wait *w, void (*wake)(struct vfs_wait *w))
{
    *w = (struct vfs_wait){.wake = wake};
    for (unsigned i = 0; i < VFS_WAIT_PLACES; i++) {
        w->places[i].wait = w;
        list_init(&w->places[i].link);
    }
    mutex_init(&w->self);
}

void vfs_wait_lock_init(struct vfs_wait *w, struct vfs_wait_lock *lock)
{
    *lock = (struct vfs_wait_lock){.wait = w};
    list_init(&lock->of_open);
    w->lock = lock;
}

void vfs_wait_fini(struct vfs_wait *w)
{
    (void)vfs_wait_cancel(w);
    lock_grant_return(w);
    mutex_fini(&w->self);
}

static struct vfs_wait_place *lock_place(struct vfs_wait *w)
{
    return w->lock && w->lock->has_place ? &w->places[w->lock->place] : NULL;
}

/* Out of its queue. Under the domain's lock. */
static void place_leave(struct vfs_wait_place *p)
{
    struct vfs_wait_lock *l = p->wait->lock;
    if (p == lock_place(p->wait) && l->waiters) {
        ranges_remove(l->waiters, &l->range);
        list_remove(&l->of_open);
        l->waiters = NULL;
    }
    list_remove(&p->link);
}

static bool place_cancel(struct vfs_wait_place *p)
{
    struct vfs_wait *w = p->wait;
    mutex_lock(&w->self);
    struct mutex *lock = p->lock;
    mutex_unlock(&w->self);
    if (!lock) {
        return false;
    }
    /* The volume, and so the lock, lives: w's owner holds what he registered on until he has
     * cancelled. */
    SCOPED_LOCK(lock);
    SCOPED_LOCK(&w->self);
    if (p->lock != lock) {
        return false;
    }
    place_leave(p);
    p->lock = NULL;
    return true;
}

bool vfs_wait_cancel(struct vfs_wait *w)
{
    bool was_registered = false;
    /* They are taken in order, and most requests take none. */
    for (unsigned i = 0; i < MIN(w->next, (unsigned)VFS_WAIT_PLACES); i++) {
        was_registered |= place_cancel(&w->places[i]);
    }
    return was_registered;
}

void wait_domain_init(struct wait_domain *d)
{
    *d = (struct wait_domain){0};
    mutex_init(&d->lock);
}

void wait_domain_fini(struct wait_domain *d)
{
    mutex_fini(&d->lock);
}

/* The place that w had in this queue before, or the one that was taken longest ago; out of whatever
 * it was in. */
static struct vfs_wait_place *place_take(struct vfs_wait *w, const void *queue)
{
    struct vfs_wait_place *p = NULL;
    for (unsigned i = 0; i < VFS_WAIT_PLACES && !p; i++) {
        p = w->places[i].queue == queue ? &w->places[i] : NULL;
    }
    if (!p) {
        p = &w->places[w->next++ % VFS_WAIT_PLACES];
    }
    (void)place_cancel(p);
    if (p->queue != queue) {
        p->queue = queue;
        p->ticket = 0;
        if (p == lock_place(w)) {
            w->lock->has_place = false;
        }
    }
    return p;
}

static void ticket_take(struct wait_domain *d, struct vfs_wait_place *p)
{
    if (p->ticket == 0) {
        p->ticket = ++d->tickets;
    }
}

void wait_register(struct wait_domain *d, struct list *waiters, struct vfs_wait *w)
{
    struct vfs_wait_place *p = place_take(w, waiters);
    SCOPED_LOCK(&d->lock);
    SCOPED_LOCK(&w->self);
    ticket_take(d, p);
    struct list *pos = waiters;
    while (pos->prev != waiters &&
           LIST_ENTRY(pos->prev, struct vfs_wait_place, link)->ticket > p->ticket) {
        pos = pos->prev;
    }
    list_insert_before(pos, &p->link);
    p->lock = &d->lock;
}

void wait_register_lock(struct wait_domain *d, const struct wait_lock *want, struct vfs_wait *w)
{
    struct vfs_wait_lock *l = w->lock;
    ASSERT(l);
    if (l->has_place) {
        (void)place_cancel(lock_place(w));
    }
    struct vfs_wait_place *p = place_take(w, want->waiters);
    SCOPED_LOCK(&d->lock);
    SCOPED_LOCK(&w->self);
    ticket_take(d, p);
    l->place = (uint8_t)(p - w->places);
    l->has_place = true;
    l->open = want->open;
    l->exclusive = want->exclusive;
    l->range = (struct range_link){
        .first = want->first, .last = want->last, .owner = want->open, .order = p->ticket};
    ranges_add(want->waiters, &l->range);
    list_push_back(want->of_open, &l->of_open);
    l->waiters = want->waiters;
    p->lock = &d->lock;
}

/* Under the domain's lock. */
static void wake_locked(struct vfs_wait_place *p)
{
    struct vfs_wait *w = p->wait;
    SCOPED_LOCK(&w->self);
    place_leave(p);
    p->lock = NULL;
    w->wake(w);
}

void wait_wake_all(struct wait_domain *d, struct list *waiters)
{
    SCOPED_LOCK(&d->lock);
    while (!list_is_empty(waiters)) {
        wake_locked(LIST_ENTRY(waiters->next, struct vfs_wait_place, link));
    }
}

void wait_wake_open(struct wait_domain *d, struct list *of_open)
{
    SCOPED_LOCK(&d->lock);
    while (!list_is_empty(of_open)) {
        wake_locked(lock_place(LIST_ENTRY(of_open->next, struct vfs_wait_lock, of_open)->wait));
    }
}

static struct vfs_wait *of_range(struct range_link *l)
{
    return CONTAINER_OF(l, struct vfs_wait_lock, range)->wait;
}

void wait_offer(struct wait_domain *d, struct ranges *waiters, const struct wait_offer *offer)
{
    struct list refused;
    list_init(&refused);
    enum wait_taken taken = WAIT_TAKEN_NOT;
    SCOPED_LOCK(&d->lock);
    for (struct range_link *l; taken != WAIT_TAKEN_ALL &&
                               (l = ranges_find_earliest(waiters, offer->first, offer->last));) {
        struct vfs_wait *w = of_range(l);
        taken = offer->take(offer->arg, w);
        if (taken == WAIT_TAKEN_NOT) {
            ranges_remove(waiters, l);
            list_push_back(&refused, &lock_place(w)->link);
        } else {
            wake_locked(lock_place(w));
        }
    }
    for (struct list *l; (l = list_pop_front(&refused));) {
        ranges_add(waiters, &LIST_ENTRY(l, struct vfs_wait_place, link)->wait->lock->range);
    }
}

static void scope_wake(struct vfs_wait *w)
{
    struct wait_scope *s = CONTAINER_OF(w, struct wait_scope, own);
    SCOPED_LOCK(&s->lock);
    s->woken = true;
    cond_signal(&s->cond);
}

void wait_scope_init(struct wait_scope *s, const struct vfs_call *call)
{
    s->call = *call;
    s->blocks = call->wait == NULL;
    s->woken = false;
    if (s->blocks) {
        s->call.journal = NULL; /* it can wait for the plugin on the spot */
        vfs_wait_init(&s->own, scope_wake);
        vfs_wait_lock_init(&s->own, &s->own_lock);
        mutex_init(&s->lock);
        cond_init(&s->cond);
        s->call.wait = &s->own;
    }
}

void wait_scope_fini(struct wait_scope *s)
{
    if (s->blocks) {
        vfs_wait_fini(&s->own);
        cond_fini(&s->cond);
        mutex_fini(&s->lock);
    }
}

bool wait_scope_again(struct wait_scope *s, smbkit_status answer)
{
    if (answer != SMBKIT_STATUS_WAIT || !s->blocks) {
        return false;
    }
    mutex_lock(&s->lock);
    while (!s->woken) {
        cond_wait(&s->cond, &s->lock);
    }
    mutex_unlock(&s->lock);
    (void)vfs_wait_cancel(&s->own);
    s->woken = false; /* nobody wakes it now */
    return true;
}
