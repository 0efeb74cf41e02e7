/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/lanes.h"
#include "os/os.h"

#define LOG_MODULE LOG_NET

struct worker {
    struct os_thread *thread;
    struct workers *pool;
    struct list idle_link; /* guarded by pool->lock: in pool->idle while it may be called */
    struct bell bell;      /* rung once by who takes it out of there */
};

struct workers {
    unsigned threads_max; /* immutable after init */
    uint32_t idle_ms;     /* immutable after init */
    struct mutex lock;
    struct cond ended; /* a thread ended */
    /* guarded by lock */
    struct lanes lanes;
    unsigned thread_count;       /* all that have not ended */
    unsigned live_count;         /* of these, those that will still look for a job */
    struct list idle;            /* of struct worker; the last that came is called first */
    struct worker *ended_worker; /* the last that ended: joined by the next, or by workers_free */
    bool stopping;
};

struct workers *workers_new(const struct work_quota quota[WORK_KIND_COUNT], uint32_t idle_ms)
{
    struct workers *w = mem_zalloc(sizeof(*w));
    if (w) {
        uint64_t seed;
        os_random(&seed, sizeof(seed));
        lanes_init(&w->lanes, quota, seed);
        w->threads_max = w->lanes.root.max;
        w->idle_ms = idle_ms;
        mutex_init(&w->lock);
        list_init(&w->idle);
        cond_init(&w->ended);
    }
    return w;
}

/* Lock held, but not meanwhile. False: nobody called before the time was up. */
static bool wait_for_call(struct worker *self, const struct timespec *until)
{
    struct workers *w = self->pool;
    list_push_front(&w->idle, &self->idle_link);
    mutex_unlock(&w->lock);
    bool is_called = bell_wait_until(&self->bell, until);
    mutex_lock(&w->lock);
    if (!is_called && list_is_empty(&self->idle_link)) {
        mutex_unlock(&w->lock);
        bell_wait(&self->bell); /* he is about to */
        mutex_lock(&w->lock);
        return true;
    }
    list_remove(&self->idle_link);
    return is_called;
}

/* Lock held. The next job and its lane; NULL: this thread should end. */
static struct job *next_job(struct worker *self, struct lane **lane_r)
{
    struct workers *w = self->pool;
    if (!lanes_is_ready(&w->lanes)) {
        struct timespec until = sync_time_in(w->idle_ms);
        do {
            if (w->stopping) {
                return NULL;
            }
            if (!wait_for_call(self, &until) && !lanes_is_ready(&w->lanes)) {
                return NULL;
            }
        } while (!lanes_is_ready(&w->lanes));
    }
    return lanes_pop(&w->lanes, lane_r);
}

static void join(struct worker *ended)
{
    if (ended) {
        os_thread_join(ended->thread);
        bell_fini(&ended->bell);
        mem_free(ended);
    }
}

static bool call_worker(struct workers *w, struct worker **called_r);

static void worker_main(void *arg)
{
    struct worker *self = arg;
    struct workers *w = self->pool;
    mutex_lock(&w->lock);
    struct lane *lane = NULL;
    for (struct job *job = next_job(self, &lane); job; job = next_job(self, &lane)) {
        struct worker *called = NULL;
        if (lanes_has_spared(&w->lanes, lane)) {
            (void)call_worker(w, &called); /* false: the next one that is free takes it */
        }
        mutex_unlock(&w->lock);
        if (called) {
            bell_ring(&called->bell);
        }
        job->fn(job);
        mutex_lock(&w->lock);
        lanes_done(&w->lanes, lane);
    }
    w->live_count--;
    struct worker *before = w->ended_worker;
    w->ended_worker = self;
    mutex_unlock(&w->lock);
    join(before);
    /* Only now, since workers_free may free the pool as soon as nobody is left. */
    SCOPED_LOCK(&w->lock);
    w->thread_count--;
    cond_broadcast(&w->ended);
}

/* Lock held. A failure is harmless while there is a thread at all. */
static bool start_worker(struct workers *w)
{
    struct worker *self = mem_zalloc(sizeof(*self));
    if (!self) {
        return false;
    }
    self->pool = w;
    list_init(&self->idle_link);
    bell_init(&self->bell);
    if (os_thread_start(&self->thread, "smbkit-work", worker_main, self) != 0) {
        bell_fini(&self->bell);
        mem_free(self);
        return false;
    }
    w->thread_count++;
    w->live_count++;
    return true;
}

static struct worker *idle_take(struct workers *w)
{
    struct list *link = list_pop_front(&w->idle);
    return link ? LIST_ENTRY(link, struct worker, idle_link) : NULL;
}

/* Lock held. Have a thread come for the job that was pushed, unless its lane must wait: then the
 * thread that makes room there takes it. *called_r: whose bell is to be rung when the lock is given
 * back, so that he need not wait for it. False: no thread will ever take it. */
static bool call_worker(struct workers *w, struct worker **called_r)
{
    if (!lanes_is_ready(&w->lanes)) {
        return true;
    }
    *called_r = idle_take(w);
    if (*called_r) {
        return true;
    }
    return w->live_count >= w->threads_max || start_worker(w) || w->live_count > 0;
}

void workers_post(struct workers *w, const struct work_key *key, struct job *job)
{
    struct lane *lane = NULL;
    struct worker *called = NULL;
    {
        SCOPED_LOCK(&w->lock);
        lanes_push(&w->lanes, key, job);
        job = call_worker(w, &called) ? NULL : lanes_pop(&w->lanes, &lane);
    }
    if (called) {
        bell_ring(&called->bell);
    }
    if (job) {
        /* No thread at all can be had: slow service is better than none. */
        log_warn(NULL, "no worker thread, job runs inline");
        job->fn(job);
        SCOPED_LOCK(&w->lock);
        lanes_done(&w->lanes, lane);
    }
}

bool workers_try_post(struct workers *w, const struct work_key *key, struct job *job)
{
    struct worker *called = NULL;
    {
        SCOPED_LOCK(&w->lock);
        bool is_first = w->live_count == 0;
        if (is_first && !start_worker(w)) {
            return false;
        }
        lanes_push(&w->lanes, key, job);
        if (!is_first) { /* else that one looks for it when it begins */
            bool is_taken = call_worker(w, &called);
            ASSERT(is_taken); /* some thread lives */
        }
    }
    if (called) {
        bell_ring(&called->bell);
    }
    return true;
}

unsigned workers_thread_count(struct workers *w)
{
    SCOPED_LOCK(&w->lock);
    return w->thread_count;
}

void workers_free(struct workers *w)
{
    if (!w) {
        return;
    }
    mutex_lock(&w->lock);
    w->stopping = true;
    for (struct worker *idle = idle_take(w); idle; idle = idle_take(w)) {
        bell_ring(&idle->bell);
    }
    while (w->thread_count > 0) {
        cond_wait(&w->ended, &w->lock);
    }
    mutex_unlock(&w->lock);
    join(w->ended_worker);
    lanes_fini(&w->lanes);
    cond_fini(&w->ended);
    mutex_fini(&w->lock);
    mem_free(w);
}
