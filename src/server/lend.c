/* SPDX-License-Identifier: Apache-2.0 */
#include "server/lend.h"

#include "base/log.h"
#include "base/mem.h"
#include "os/os.h"

#define LOG_MODULE LOG_PLUGIN
#define NEVER UINT64_MAX
#define STEP_MAX_MS (1u << 30) /* a loop's timer takes no more at a time */

_Static_assert(SMBKIT_FD_READABLE == LOOP_READABLE && SMBKIT_FD_WRITABLE == LOOP_WRITABLE &&
                   SMBKIT_FD_ERROR == LOOP_ERROR,
               "told as they are");

struct lend {
    /* immutable after init */
    struct workers *workers;
    struct loop **loops;
    unsigned loop_count;
    atomic_uint next_loop; /* relaxed: takes turns */

    struct mutex lock;
    struct list volumes; /* guarded by lock */
    bool is_over;        /* guarded by lock */
};

struct lend_volume {
    struct vfs_services pub; /* first */
    struct lend *lend;
    struct refcount refs; /* the volume's, and one for each of lents */

    struct list link; /* lend->volumes; guarded by lend->lock */
    bool is_ended;    /* by lend_end; guarded by lend->lock */

    struct mutex lock; /* guards what follows */
    struct cond quiet; /* a function has returned */
    struct list lents;
    bool is_over;
};

/* A timer or a watch. */
struct lent {
    /* immutable after init */
    struct lend_volume *lv; /* a reference */
    struct loop *loop;
    void *whole;              /* this allocation */
    struct loop_watch *watch; /* NULL: a timer */
    void *arg;

    struct job job; /* on the loop */

    /* guarded by lv->lock */
    struct list link; /* lv->lents */
    bool is_kept;     /* the plugin has not freed it */
    bool on_loop;     /* the loop may know it */
    bool is_posted;
    bool is_over;
    bool is_running;
    uintptr_t runner;
};

struct lent_timer {
    struct smbkit_timer pub; /* first */
    struct lent l;
    void (*fn)(void *arg);   /* immutable after init */
    struct loop_timer timer; /* loop thread */
    uint64_t due_ms;         /* guarded by lv->lock; NEVER: not set */
};

struct lent_watch {
    struct smbkit_fd_watch pub; /* first */
    struct lent l;
    void (*fn)(void *arg, uint32_t ready); /* immutable after init */
    struct loop_watch watch;               /* guarded by lv->lock */
};

static struct lend_volume *volume_of(const struct vfs_services *s)
{
    return (struct lend_volume *)(uintptr_t)s;
}

static void lend_volume_unref(struct lend_volume *lv)
{
    if (refcount_put(&lv->refs)) {
        cond_fini(&lv->quiet);
        mutex_fini(&lv->lock);
        mem_free(lv);
    }
}

/* ---- lives ---- */

static bool lent_init(struct lend_volume *lv, struct lent *l, void *whole, void *arg)
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

/* Unlocks; frees what nobody needs any more. */
static void lent_unlock(struct lent *l)
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

static void post_locked(struct lent *l)
{
    if (!l->is_posted) {
        l->is_posted = true;
        loop_post(l->loop, &l->job);
    }
}

static void end_locked(struct lent *l)
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
        post_locked(l);
    }
}

static bool runs_elsewhere(const struct lent *l)
{
    return l->is_running && l->runner != thread_self();
}

static void lent_free(struct lent *l)
{
    mutex_lock(&l->lv->lock);
    end_locked(l);
    while (runs_elsewhere(l)) {
        cond_wait(&l->lv->quiet, &l->lv->lock);
    }
    l->is_kept = false;
    lent_unlock(l);
}

/* Around a call of the plugin's function, on the loop's thread: with the lock held before and
 * after. */
static void run_begin(struct lent *l)
{
    l->is_running = true;
    l->runner = thread_self();
    mutex_unlock(&l->lv->lock);
}

static void run_end(struct lent *l)
{
    mutex_lock(&l->lv->lock);
    l->is_running = false;
    cond_broadcast(&l->lv->quiet);
}

/* ---- timers ---- */

static void timer_arm_locked(struct lent_timer *t)
{
    uint64_t now = os_monotonic_ms();
    if (t->due_ms == NEVER) {
        loop_timer_cancel(t->l.loop, &t->timer);
        return;
    }
    uint64_t ms = t->due_ms > now ? t->due_ms - now : 0;
    loop_timer_set(t->l.loop, &t->timer, (uint32_t)MIN(ms, (uint64_t)STEP_MAX_MS));
}

static void timer_job(struct job *job)
{
    struct lent_timer *t = CONTAINER_OF(job, struct lent_timer, l.job);
    mutex_lock(&t->l.lv->lock);
    t->l.is_posted = false;
    if (t->l.is_over) {
        loop_timer_cancel(t->l.loop, &t->timer);
        t->l.on_loop = false;
    } else {
        timer_arm_locked(t);
    }
    lent_unlock(&t->l);
}

static void timer_fired(struct loop_timer *timer)
{
    struct lent_timer *t = CONTAINER_OF(timer, struct lent_timer, timer);
    mutex_lock(&t->l.lv->lock);
    if (!t->l.is_over && t->due_ms <= os_monotonic_ms()) {
        t->due_ms = NEVER;
        run_begin(&t->l);
        t->fn(t->l.arg);
        run_end(&t->l);
    } else if (!t->l.is_over) {
        timer_arm_locked(t); /* put off meanwhile, or far away */
    }
    lent_unlock(&t->l);
}

static struct smbkit_timer *lend_timer_new(const struct vfs_services *s, void (*fn)(void *arg),
                                           void *arg)
{
    struct lent_timer *t = mem_zalloc(sizeof(*t));
    if (!t || !lent_init(volume_of(s), &t->l, t, arg)) {
        mem_free(t);
        return NULL;
    }
    t->pub.services = s;
    t->fn = fn;
    t->due_ms = NEVER;
    t->l.job.fn = timer_job;
    loop_timer_init(&t->timer, timer_fired);
    return &t->pub;
}

static void lend_timer_set(struct smbkit_timer *timer, uint64_t ms)
{
    struct lent_timer *t = CONTAINER_OF(timer, struct lent_timer, pub);
    uint64_t now = os_monotonic_ms();
    SCOPED_LOCK(&t->l.lv->lock);
    if (!t->l.is_over) {
        t->due_ms = ms < NEVER - now ? now + ms : NEVER;
        t->l.on_loop = true;
        post_locked(&t->l);
    }
}

static void lend_timer_free(struct smbkit_timer *timer)
{
    lent_free(&CONTAINER_OF(timer, struct lent_timer, pub)->l);
}

/* ---- watches ---- */

/* After the watch is over: no event of it is on its way any more. */
static void watch_job(struct job *job)
{
    struct lent *l = CONTAINER_OF(job, struct lent, job);
    mutex_lock(&l->lv->lock);
    l->is_posted = false;
    l->on_loop = false;
    lent_unlock(l);
}

static void watch_ready(struct loop_watch *watch, uint32_t ready)
{
    struct lent_watch *w = CONTAINER_OF(watch, struct lent_watch, watch);
    mutex_lock(&w->l.lv->lock);
    uint32_t told = ready & (w->watch.wanted | LOOP_ERROR);
    if (!w->l.is_over && w->watch.wanted != 0 && told != 0) {
        run_begin(&w->l);
        w->fn(w->l.arg, told);
        run_end(&w->l);
    }
    lent_unlock(&w->l);
}

static struct smbkit_fd_watch *lend_fd_watch_new(const struct vfs_services *s, int64_t fd,
                                                 void (*fn)(void *arg, uint32_t ready), void *arg)
{
    struct lent_watch *w = mem_zalloc(sizeof(*w));
    if (!w || !lent_init(volume_of(s), &w->l, w, arg)) {
        mem_free(w);
        return NULL;
    }
    w->pub.services = s;
    w->fn = fn;
    w->l.job.fn = watch_job;
    w->l.watch = &w->watch;
    loop_watch_init(w->l.loop, &w->watch, fd, watch_ready);
    return &w->pub;
}

static void lend_fd_watch_set(struct smbkit_fd_watch *watch, uint32_t wanted)
{
    struct lent_watch *w = CONTAINER_OF(watch, struct lent_watch, pub);
    SCOPED_LOCK(&w->l.lv->lock);
    if (w->l.is_over) {
        return;
    }
    int err = loop_watch_want(&w->watch, wanted & (SMBKIT_FD_READABLE | SMBKIT_FD_WRITABLE));
    if (err != 0) {
        log_error(NULL, "plugin_watch_refused fd=%lld error=%d", (long long)w->watch.fd, -err);
        return;
    }
    w->l.on_loop = true;
}

static void lend_fd_watch_free(struct smbkit_fd_watch *watch)
{
    lent_free(&CONTAINER_OF(watch, struct lent_watch, pub)->l);
}

/* ---- workers ---- */

struct lent_run {
    struct job job;
    struct vfs_volume *volume; /* a reference: it is not closed before */
    void (*fn)(void *arg);
    void *arg;
};

static void run_job(struct job *job)
{
    struct lent_run *r = CONTAINER_OF(job, struct lent_run, job);
    r->fn(r->arg);
    vfs_volume_unref(r->volume);
    mem_free(r);
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
    /* As a call of the volume: its quota is not to be got around. */
    const struct work_key key = {.kind = WORK_CALL, .volume = (uintptr_t)v};
    SCOPED_LOCK(&lv->lock); /* the workers do not end meanwhile */
    if (lv->is_over || !vfs_volume_ref_try(v)) {
        mem_free(r);
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    workers_post(lv->lend->workers, &key, &r->job);
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- the end of a volume ---- */

static bool any_runs_elsewhere(const struct lend_volume *lv)
{
    LIST_FOR_EACH (link, &lv->lents) {
        if (runs_elsewhere(LIST_ENTRY(link, struct lent, link))) {
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
        end_locked(LIST_ENTRY(link, struct lent, link));
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
