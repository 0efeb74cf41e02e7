/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side, the volumes, and calls on the workers. */
#include "server/lend_priv.h"

#include "base/log.h"
#include "base/mem.h"

#define LOG_MODULE LOG_PLUGIN

/* ---- workers ---- */

static void run_job(struct job *job)
{
    struct lent_run *r = CONTAINER_OF(job, struct lent_run, job);
    r->fn(r->arg);
    vfs_volume_unref(r->volume);
    mem_free(r);
}

/* It may be posted again as soon as fn is about to return. */
static void run_one_job(struct job *job)
{
    const struct lent_run r = *CONTAINER_OF(job, struct lent_run, job);
    r.fn(r.arg);
    vfs_volume_unref(r.volume);
}

/* lv->lock is held: the workers do not end meanwhile. */
static bool post_locked(struct lend_volume *lv, enum work_kind kind, struct lent_run *r)
{
    const struct work_key key = {.kind = kind, .volume = (uintptr_t)r->volume};
    return !lv->is_over && workers_try_post(lv->lend->workers, &key, &r->job);
}

static smbkit_status lend_run(const struct vfs_services *s, struct vfs_volume *v,
                              void (*fn)(void *arg), void *arg)
{
    struct lend_volume *lv = volume_of(s);
    struct lent_run *r = mem_alloc(sizeof(*r));
    if (!r) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *r = (struct lent_run){.job.fn = run_job, .volume = v, .fn = fn, .arg = arg};
    bool has_ref = vfs_volume_ref_try(v);
    mutex_lock(&lv->lock);
    /* As a call of the volume: its quota is not to be got around. */
    bool is_posted = has_ref && post_locked(lv, WORK_CALL, r);
    mutex_unlock(&lv->lock);
    if (is_posted) {
        return SMBKIT_STATUS_SUCCESS;
    }
    mem_free(r);
    vfs_volume_unref(has_ref ? v : NULL);
    return SMBKIT_STATUS_NOT_SUPPORTED;
}

static smbkit_status lend_run_one(const struct vfs_services *s, struct vfs_volume *v,
                                  void (*fn)(void *arg), void *arg)
{
    struct lend_volume *lv = volume_of(s);
    vfs_volume_ref(v);
    mutex_lock(&lv->lock);
    lv->one = (struct lent_run){.job.fn = run_one_job, .volume = v, .fn = fn, .arg = arg};
    bool is_posted = post_locked(lv, WORK_END, &lv->one);
    mutex_unlock(&lv->lock);
    if (!is_posted) {
        vfs_volume_unref(v); /* not the last */
    }
    return is_posted ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NOT_SUPPORTED;
}

/* ---- the end of a volume ---- */

static bool any_runs_elsewhere(const struct lend_volume *lv)
{
    LIST_FOR_EACH (link, &lv->lents) {
        if (lent_runs_elsewhere(LIST_ENTRY(link, struct lent, link))) {
            return true;
        }
    }
    return false;
}

static void lend_stop(const struct vfs_services *s)
{
    struct lend_volume *lv = volume_of(s);
    SCOPED_LOCK(&lv->lock);
    lv->is_over = true;
    LIST_FOR_EACH (link, &lv->lents) {
        lent_end_locked(LIST_ENTRY(link, struct lent, link));
    }
    while (any_runs_elsewhere(lv)) {
        cond_wait(&lv->quiet, &lv->lock);
    }
}

static struct lent *kept_get(const struct lend_volume *lv)
{
    LIST_FOR_EACH (link, &lv->lents) {
        struct lent *l = LIST_ENTRY(link, struct lent, link);
        if (l->is_kept) {
            return l;
        }
    }
    return NULL;
}

static void lend_release(const struct vfs_services *s)
{
    struct lend_volume *lv = volume_of(s);
    unsigned left = 0;
    mutex_lock(&lv->lock);
    for (struct lent *l = kept_get(lv); l; l = kept_get(lv)) {
        left++;
        l->is_kept = false;
        lent_unlock(l);
        mutex_lock(&lv->lock);
    }
    mutex_unlock(&lv->lock);
    if (left > 0) {
        log_error(NULL, "plugin_left_timers_or_watches count=%u", left);
    }
    mutex_lock(&lv->lend->lock);
    list_remove(&lv->link);
    mutex_unlock(&lv->lend->lock);
    lend_volume_unref(lv);
}

const struct vfs_services *lend_services_new(struct lend *l)
{
    struct lend_volume *lv = mem_zalloc(sizeof(*lv));
    if (!lv) {
        return NULL;
    }
    lv->pub = (struct vfs_services){.timer_new = lend_timer_new,
                                    .timer_set = lend_timer_set,
                                    .timer_free = lend_timer_free,
                                    .fd_watch_new = lend_fd_watch_new,
                                    .fd_watch_set = lend_fd_watch_set,
                                    .fd_watch_free = lend_fd_watch_free,
                                    .run = lend_run,
                                    .run_one = lend_run_one,
                                    .stop = lend_stop,
                                    .release = lend_release};
    lv->lend = l;
    refcount_init(&lv->refs);
    mutex_init(&lv->lock);
    cond_init(&lv->quiet);
    list_init(&lv->lents);
    list_init(&lv->link);
    SCOPED_LOCK(&l->lock);
    lv->is_over = l->is_over;
    lv->is_ended = l->is_over;
    list_push_back(&l->volumes, &lv->link);
    return &lv->pub;
}

/* ---- the server's side ---- */

struct lend *lend_new(const struct lend_spec *spec)
{
    struct lend *l = mem_zalloc(sizeof(*l));
    struct loop **loops = mem_calloc(spec->loop_count, sizeof(struct loop *));
    if (!l || !loops) {
        mem_free(l);
        mem_free(loops);
        return NULL;
    }
    for (unsigned i = 0; i < spec->loop_count; i++) {
        loops[i] = spec->loops[i];
    }
    l->loops = loops;
    l->loop_count = spec->loop_count;
    l->workers = spec->workers;
    mutex_init(&l->lock);
    list_init(&l->volumes);
    return l;
}

/* The next volume that was not told; a reference. */
static struct lend_volume *volume_to_end(struct lend *l)
{
    SCOPED_LOCK(&l->lock);
    l->is_over = true;
    LIST_FOR_EACH (link, &l->volumes) {
        struct lend_volume *lv = LIST_ENTRY(link, struct lend_volume, link);
        if (!lv->is_ended) {
            lv->is_ended = true;
            refcount_get(&lv->refs);
            return lv;
        }
    }
    return NULL;
}

void lend_end(struct lend *l)
{
    for (struct lend_volume *lv = volume_to_end(l); lv; lv = volume_to_end(l)) {
        lend_stop(&lv->pub);
        lend_volume_unref(lv);
    }
}

void lend_free(struct lend *l)
{
    if (l) {
        ASSERT(list_is_empty(&l->volumes));
        mutex_fini(&l->lock);
        mem_free(l->loops);
        mem_free(l);
    }
}
