/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#include <errno.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
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
    struct list jobs;
    unsigned job_count;
    unsigned thread_count; /* all that have not ended */
    unsigned live_count;   /* of these, those that will still look for a job */
    unsigned idle_count;
    struct worker *ended_worker; /* the last that ended: joined by the next, or by workers_free */
    bool stopping;
};

struct workers *workers_new(unsigned threads_max, uint32_t idle_ms)
{
    struct workers *w = mem_zalloc(sizeof(*w));
    if (w) {
        w->threads_max = threads_max;
        w->idle_ms = idle_ms;
        mutex_init(&w->lock);
        cond_init(&w->work);
        cond_init(&w->ended);
        list_init(&w->jobs);
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

/* Lock held. The next job; NULL: this thread should end. */
static struct job *next_job(struct workers *w)
{
    struct timespec until = idle_end(w);
    while (list_is_empty(&w->jobs)) {
        if (w->stopping) {
            return NULL;
        }
        w->idle_count++;
        bool in_time = wait_for_work(w, &until);
        w->idle_count--;
        if (!in_time && list_is_empty(&w->jobs)) {
            return NULL;
        }
    }
    w->job_count--;
    return LIST_ENTRY(list_pop_front(&w->jobs), struct job, link);
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
    for (struct job *job = next_job(w); job; job = next_job(w)) {
        mutex_unlock(&w->lock);
        job->fn(job);
        mutex_lock(&w->lock);
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

/* Lock held. False: no thread will ever take the job. */
static bool ensure_worker(struct workers *w)
{
    if (w->idle_count >= w->job_count || w->live_count >= w->threads_max) {
        return true;
    }
    return start_worker(w) || w->live_count > 0;
}

void workers_post(struct workers *w, struct job *job)
{
    bool is_safe;
    {
        SCOPED_LOCK(&w->lock);
        list_push_back(&w->jobs, &job->link);
        w->job_count++;
        is_safe = ensure_worker(w);
        if (!is_safe) {
            list_remove(&job->link);
            w->job_count--;
        }
        cond_signal(&w->work);
    }
    if (!is_safe) {
        /* No thread at all can be had: slow service is better than none. */
        log_warn(NULL, "no worker thread, job runs inline");
        job->fn(job);
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
    cond_fini(&w->work);
    cond_fini(&w->ended);
    mutex_fini(&w->lock);
    mem_free(w);
}
