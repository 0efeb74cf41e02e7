/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/wait.h"

/* Lock order: domain lock -> vfs_wait.self. A waker calls wake under both, so that a canceller that
 * saw `lock` unset (which it reads under self) knows that wake has returned, and that the owner of
 * w, who may free it once he was woken, cannot end it (vfs_wait_fini takes self) before the waker
 * has let go. */

void vfs_wait_init(struct vfs_wait *w, void (*wake)(struct vfs_wait *w))
{
    *w = (struct vfs_wait){.wake = wake};
    list_init(&w->link);
    mutex_init(&w->self);
}

void vfs_wait_fini(struct vfs_wait *w)
{
    (void)vfs_wait_cancel(w);
    mutex_fini(&w->self);
}

bool vfs_wait_cancel(struct vfs_wait *w)
{
    mutex_lock(&w->self);
    struct mutex *lock = w->lock;
    mutex_unlock(&w->self);
    if (!lock) {
        return false;
    }
    /* The volume, and so the lock, lives: w's owner holds what he registered on until he has
     * cancelled. */
    SCOPED_LOCK(lock);
    SCOPED_LOCK(&w->self);
    if (w->lock != lock) {
        return false;
    }
    list_remove(&w->link);
    w->lock = NULL;
    return true;
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

void wait_register(struct wait_domain *d, struct list *waiters, struct vfs_wait *w)
{
    SCOPED_LOCK(&d->lock);
    SCOPED_LOCK(&w->self);
    ASSERT(!w->lock || w->lock == &d->lock);
    list_remove(&w->link);
    if (w->ticket == 0) {
        w->ticket = ++d->tickets;
    }
    struct list *pos = waiters;
    while (pos->prev != waiters &&
           LIST_ENTRY(pos->prev, struct vfs_wait, link)->ticket > w->ticket) {
        pos = pos->prev;
    }
    list_insert_before(pos, &w->link);
    w->lock = &d->lock;
}

/* Under d->lock. */
static void wake_locked(struct vfs_wait *w)
{
    SCOPED_LOCK(&w->self);
    list_remove(&w->link);
    w->lock = NULL;
    w->wake(w);
}

void wait_wake_all(struct wait_domain *d, struct list *waiters)
{
    SCOPED_LOCK(&d->lock);
    while (!list_is_empty(waiters)) {
        wake_locked(LIST_ENTRY(waiters->next, struct vfs_wait, link));
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
        vfs_wait_init(&s->own, scope_wake);
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
    SCOPED_LOCK(&s->lock);
    while (!s->woken) {
        cond_wait(&s->cond, &s->lock);
    }
    s->woken = false;
    return true;
}
