/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#include <errno.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/lanes.h"
#include "os/os.h"

#define LOG_MODULE LOG_NET

struct worker {
    struct os_thread *thread;
    struct workers *pool;
};

struct workers {
    unsigned threads_max; /* immutable after init */
    uint32_t idle_ms;     /* immutable after init */
    struct mutex lock;
    struct cond work;  /* a job came, or stopping */
    struct cond ended; /* a thread ended */
    /* guarded by lock */
    struct lanes lanes;
    unsigned thread_count; /* all that have not ended */
    unsigned live_count;   /* of these, those that will still look for a job */
    unsigned idle_count;
    unsigned called_count;       /* idle ones that were told of a job and have not woken yet */
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
        cond_init(&w->work);
        cond_init(&w->ended);
    }
    return w;
}

/* Wall-clock time: a jump of the clock only makes an idle thread end early or late. */
static bool wait_for_work(struct workers *w, const struct timespec *until)
{
    return pthread_cond_timedwait(&w->work.c, &w->lock.m, until) != ETIMEDOUT;
}

static struct timespec idle_end(const struct workers *w)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    t.tv_sec += w->idle_ms / 1000;
    t.tv_nsec += (long)(w->idle_ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* Lock held. The next job and its lane; NULL: this thread should end. */
static struct job *next_job(struct workers *w, struct lane **lane_r)
{
    struct timespec until = idle_end(w);
    while (!lanes_is_ready(&w->lanes)) {
        if (w->stopping) {
            return NULL;
        }
        w->idle_count++;
        bool in_time = wait_for_work(w, &until);
        w->idle_count--;
        w->called_count -= w->called_count > 0;
        if (!in_time && !lanes_is_ready(&w->lanes)) {
            return NULL;
        }
    }
    return lanes_pop(&w->lanes, lane_r);
}

static void join(struct worker *ended)
{
    if (ended) {
        os_thread_join(ended->thread);
        mem_free(ended);
    }
}

static void worker_main(void *arg)
{
    struct worker *self = arg;
    struct workers *w = self->pool;
    mutex_lock(&w->lock);
    struct lane *lane = NULL;
    for (struct job *job = next_job(w, &lane); job; job = next_job(w, &lane)) {
        mutex_unlock(&w->lock);
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
    if (os_thread_start(&self->thread, "smbkit-work", worker_main, self) != 0) {
        mem_free(self);
        return false;
    }
    w->thread_count++;
    w->live_count++;
    return true;
}

/* Lock held. Have a thread come for the job that was pushed, unless its lane must wait: then the
 * thread that makes room there takes it. False: no thread will ever take it. */
static bool call_worker(struct workers *w)
{
    if (!lanes_is_ready(&w->lanes)) {
        return true;
    }
    if (w->idle_count > w->called_count) {
        w->called_count++;
        cond_signal(&w->work);
        return true;
    }
    return w->live_count >= w->threads_max || start_worker(w) || w->live_count > 0;
}

void workers_post(struct workers *w, const struct work_key *key, struct job *job)
{
    struct lane *lane = NULL;
    {
        SCOPED_LOCK(&w->lock);
        lanes_push(&w->lanes, key, job);
        job = call_worker(w) ? NULL : lanes_pop(&w->lanes, &lane);
    }
    if (job) {
        /* No thread at all can be had: slow service is better than none. */
        log_warn(NULL, "no worker thread, job runs inline");
        job->fn(job);
        SCOPED_LOCK(&w->lock);
        lanes_done(&w->lanes, lane);
    }
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
    cond_broadcast(&w->work);
    while (w->thread_count > 0) {
        cond_wait(&w->ended, &w->lock);
    }
    mutex_unlock(&w->lock);
    join(w->ended_worker);
    lanes_fini(&w->lanes);
    cond_fini(&w->work);
    cond_fini(&w->ended);
    mutex_fini(&w->lock);
    mem_free(w);
}
