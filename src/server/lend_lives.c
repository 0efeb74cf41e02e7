/* SPDX-License-Identifier: Apache-2.0 */
/* How long what is lent lives: until its plugin has freed it and its loop has forgotten it. */
#include "server/lend_priv.h"

#include "base/mem.h"

void lend_volume_unref(struct lend_volume *lv)
{
    if (refcount_put(&lv->refs)) {
        cond_fini(&lv->quiet);
        mutex_fini(&lv->lock);
        mem_free(lv);
    }
}

bool lent_init(struct lend_volume *lv, struct lent *l, void *whole, void *arg)
{
    unsigned turn = atomic_fetch_add_explicit(&lv->lend->next_loop, 1, memory_order_relaxed);
    l->lv = lv;
    l->loop = lv->lend->loops[turn % lv->lend->loop_count];
    l->whole = whole;
    l->arg = arg;
    l->is_kept = true;
    list_init(&l->link);
    SCOPED_LOCK(&lv->lock);
    if (lv->is_over) {
        return false;
    }
    refcount_get(&lv->refs);
    list_push_back(&lv->lents, &l->link);
    return true;
}

void lent_unlock(struct lent *l)
{
    struct lend_volume *lv = l->lv;
    bool is_gone = !l->is_kept && !l->on_loop;
    if (is_gone) {
        list_remove(&l->link);
    }
    mutex_unlock(&lv->lock);
    if (is_gone) {
        mem_free(l->whole);
        lend_volume_unref(lv);
    }
}

void lent_post_locked(struct lent *l)
{
    if (!l->is_posted) {
        l->is_posted = true;
        loop_post(l->loop, &l->job);
    }
}

void lent_end_locked(struct lent *l)
{
    if (l->is_over) {
        return;
    }
    l->is_over = true;
    if (l->watch) {
        int err = loop_watch_want(l->watch, 0);
        (void)err; /* the descriptor was closed before: it is out already */
    }
    if (l->on_loop) {
        lent_post_locked(l);
    }
}

bool lent_runs_elsewhere(const struct lent *l)
{
    return l->is_running && l->runner != thread_self();
}

void lent_free(struct lent *l)
{
    mutex_lock(&l->lv->lock);
    lent_end_locked(l);
    while (lent_runs_elsewhere(l)) {
        cond_wait(&l->lv->quiet, &l->lv->lock);
    }
    l->is_kept = false;
    lent_unlock(l);
}

void lent_run_begin(struct lent *l)
{
    l->is_running = true;
    l->runner = thread_self();
    mutex_unlock(&l->lv->lock);
}

void lent_run_end(struct lent *l)
{
    mutex_lock(&l->lv->lock);
    l->is_running = false;
    cond_broadcast(&l->lv->quiet);
}
