/* SPDX-License-Identifier: Apache-2.0 */
#include "net/backend.h"

#include <errno.h>

#include "base/mem.h"
#include "os/os.h"

struct loop {
    struct net_backend *backend;
    uint8_t *scratch;
    struct timer_heap timers; /* loop thread only */
    struct list deferred;     /* loop thread only */
    atomic_bool stopping;
    struct mutex lock;
    struct list posted; /* guarded by lock */
    bool is_awake;      /* guarded by lock: the loop will look at posted before it waits */
};

int loop_new(struct loop **out)
{
    *out = NULL;
    struct loop *l = mem_zalloc(sizeof(*l));
    if (!l) {
        return -ENOMEM;
    }
    l->scratch = mem_alloc_aligned(4096, STREAM_SCRATCH_BYTES);
    int err = l->scratch ? net_backend_new(&l->backend) : -ENOMEM;
    if (err != 0) {
        mem_free_aligned(l->scratch);
        mem_free(l);
        return err;
    }
    list_init(&l->deferred);
    list_init(&l->posted);
    mutex_init(&l->lock);
    atomic_init(&l->stopping, false);
    *out = l;
    return 0;
}

void loop_free(struct loop *l)
{
    if (!l) {
        return;
    }
    ASSERT(list_is_empty(&l->posted));
    net_backend_free(l->backend);
    mutex_fini(&l->lock);
    mem_free_aligned(l->scratch);
    mem_free(l);
}

struct net_backend *loop_backend_get(struct loop *l)
{
    return l->backend;
}

uint8_t *loop_scratch_get(struct loop *l)
{
    return l->scratch;
}

void loop_post(struct loop *l, struct job *job)
{
    bool wake;
    {
        SCOPED_LOCK(&l->lock);
        list_push_back(&l->posted, &job->link);
        wake = !l->is_awake;
        l->is_awake = true;
    }
    if (wake) {
        net_backend_wake(l->backend);
    }
}

void loop_defer(struct loop *l, struct job *job)
{
    list_push_back(&l->deferred, &job->link);
}

void loop_stop(struct loop *l)
{
    /* release: what the caller did before is seen by the loop when it sees the flag */
    atomic_store_explicit(&l->stopping, true, memory_order_release);
    net_backend_wake(l->backend);
}

void loop_timer_init(struct loop_timer *t, void (*fn)(struct loop_timer *t))
{
    *t = (struct loop_timer){.fn = fn};
}

void loop_timer_set(struct loop *l, struct loop_timer *t, uint32_t ms)
{
    loop_timer_cancel(l, t);
    /* One more, since the clock's current millisecond has partly passed already. */
    t->due_ms = os_monotonic_ms() + ms + 1;
    timer_heap_add(&l->timers, t);
}

void loop_timer_cancel(struct loop *l, struct loop_timer *t)
{
    if (t->is_set) {
        timer_heap_remove(&l->timers, t);
    }
}

void loop_watch_init(struct loop *l, struct loop_watch *w, int64_t fd,
                     void (*fn)(struct loop_watch *w, uint32_t ready))
{
    *w = (struct loop_watch){.fn = fn, .backend = l->backend, .fd = fd};
    net_watch_init(w);
}

int loop_watch_want(struct loop_watch *w, uint32_t wanted)
{
    if (w->wanted == wanted) {
        return 0;
    }
    int err = net_watch_want(w, wanted);
    if (err == 0) {
        w->wanted = wanted;
    }
    return err;
}

static void run_jobs(struct list *jobs)
{
    for (struct list *link = list_pop_front(jobs); link; link = list_pop_front(jobs)) {
        struct job *job = LIST_ENTRY(link, struct job, link);
        job->fn(job);
    }
}

/* What jobs defer is for the end of the round, but a long round does not hold it up. */
static void run_round(struct loop *l, struct list *jobs)
{
    unsigned n = 0;
    for (struct list *link = list_pop_front(jobs); link; link = list_pop_front(jobs)) {
        struct job *job = LIST_ENTRY(link, struct job, link);
        job->fn(job);
        if (++n % LOOP_DEFER_JOBS == 0) {
            run_jobs(&l->deferred);
        }
    }
}

static void run_posted(struct loop *l)
{
    struct list jobs;
    list_init(&jobs);
    {
        SCOPED_LOCK(&l->lock);
        list_splice_back(&jobs, &l->posted);
    }
    run_round(l, &jobs);
}

static void run_timers(struct loop *l)
{
    if (!l->timers.root) {
        return;
    }
    uint64_t now = os_monotonic_ms();
    while (l->timers.root && l->timers.root->due_ms <= now) {
        struct loop_timer *t = l->timers.root;
        timer_heap_remove(&l->timers, t);
        t->fn(t);
    }
}

static int timeout_ms(struct loop *l)
{
    SCOPED_LOCK(&l->lock);
    if (!list_is_empty(&l->posted)) {
        return 0;
    }
    /* From here on a post has to wake the loop. */
    l->is_awake = false;
    if (!l->timers.root) {
        return -1;
    }
    uint64_t now = os_monotonic_ms();
    uint64_t due = l->timers.root->due_ms;
    return due <= now ? 0 : (int)MIN(due - now, (uint64_t)INT32_MAX);
}

void loop_mark_awake(struct loop *l)
{
    SCOPED_LOCK(&l->lock);
    l->is_awake = true;
}

static bool is_finished(struct loop *l)
{
    if (!atomic_load_explicit(&l->stopping, memory_order_acquire) ||
        !net_backend_is_quiet(l->backend)) {
        return false;
    }
    SCOPED_LOCK(&l->lock);
    return list_is_empty(&l->posted);
}

int loop_turn(struct loop *l)
{
    net_backend_poll(l->backend, 0, l);
    run_timers(l);
    run_posted(l);
    run_jobs(&l->deferred);
    return timeout_ms(l);
}

int64_t loop_descriptor(const struct loop *l)
{
    return net_backend_descriptor(l->backend);
}

void loop_run(struct loop *l)
{
    while (!is_finished(l)) {
        net_backend_poll(l->backend, timeout_ms(l), l);
        run_timers(l);
        run_posted(l);
        run_jobs(&l->deferred);
    }
}
