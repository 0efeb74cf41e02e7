/* SPDX-License-Identifier: Apache-2.0 */
#include "base/budget.h"

void budget_init(struct budget *b, struct budget *parent, size_t limit, size_t free_bytes)
{
    *b = (struct budget){.parent = parent, .free_bytes = free_bytes, .limit = limit};
    mutex_init(&b->lock);
    list_init(&b->waiters);
}

void budget_fini(struct budget *b)
{
    ASSERT(b->used == 0 && list_is_empty(&b->waiters));
    mutex_fini(&b->lock);
}

size_t budget_used(struct budget *b)
{
    SCOPED_LOCK(&b->lock);
    return b->used;
}

/* Lock held. */
static void wake_who_fits(struct budget *b)
{
    while (!list_is_empty(&b->waiters)) {
        struct budget_wait *w = LIST_ENTRY(b->waiters.next, struct budget_wait, link);
        if (b->used > b->limit || w->need > b->limit - b->used) {
            return;
        }
        list_remove(&w->link);
        w->wake(w);
    }
}

void budget_limit_set(struct budget *b, size_t limit)
{
    SCOPED_LOCK(&b->lock);
    b->limit = limit;
    wake_who_fits(b);
}

/* ---- waiting ---- */

void budget_wait_init(struct budget_wait *w, void (*wake)(struct budget_wait *w))
{
    *w = (struct budget_wait){.wake = wake};
    list_init(&w->link);
}

void budget_wait_cancel(struct budget_wait *w)
{
    if (w->where) {
        SCOPED_LOCK(&w->where->lock);
        list_remove(&w->link);
    }
}

/* Lock of b held. */
static void wait_here(struct budget *b, size_t need, struct budget_wait *w)
{
    if (w) {
        w->where = b;
        w->need = need;
        list_push_back(&b->waiters, &w->link);
    }
}

/* ---- charging ---- */

/* What b asks of its parent when it holds `used`. */
static size_t share_of_parent(const struct budget *b, size_t used)
{
    return b->parent && used > b->free_bytes ? used - b->free_bytes : 0;
}

void budget_move(struct budget *b, struct budget *parent)
{
    SCOPED_LOCK(&b->lock);
    size_t n = share_of_parent(b, b->used);
    if (n > 0) {
        budget_give(b->parent, n);
        budget_force(parent, n);
    }
    b->parent = parent;
}

static bool take(struct budget *b, size_t n, struct budget_wait *w)
{
    SCOPED_LOCK(&b->lock);
    if (b->used > b->limit || n > b->limit - b->used) {
        wait_here(b, n, w);
        return false;
    }
    size_t more = share_of_parent(b, b->used + n) - share_of_parent(b, b->used);
    if (more > 0 && !take(b->parent, more, w)) {
        return false;
    }
    b->used += n;
    return true;
}

bool budget_take(struct budget *b, size_t n, struct budget_wait *w)
{
    if (w) {
        budget_wait_cancel(w);
    }
    return take(b, n, w);
}

void budget_force(struct budget *b, size_t n)
{
    SCOPED_LOCK(&b->lock);
    size_t more = share_of_parent(b, b->used + n) - share_of_parent(b, b->used);
    if (more > 0) {
        budget_force(b->parent, more);
    }
    b->used += n;
}

void budget_give(struct budget *b, size_t n)
{
    SCOPED_LOCK(&b->lock);
    ASSERT(n <= b->used);
    size_t less = share_of_parent(b, b->used) - share_of_parent(b, b->used - n);
    b->used -= n;
    if (less > 0) {
        budget_give(b->parent, less);
    }
    wake_who_fits(b);
}
