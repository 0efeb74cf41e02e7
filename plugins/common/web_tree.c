/* SPDX-License-Identifier: Apache-2.0 */
#include "web_tree.h"

#include <stdlib.h>
#include <string.h>

#include "web_cache.h"

#define JOBS_IDLE_MIN 64u /* before one is used again: long after anybody could cancel it */

/* ---- jobs ---- */

void web_jobs_init(struct web_jobs *jobs, size_t size)
{
    *jobs = (struct web_jobs){.size = size};
    pthread_mutex_init(&jobs->lock, NULL);
}

void web_jobs_fini(struct web_jobs *jobs)
{
    for (; jobs->idle_count; jobs->idle_count--) {
        struct web_job *job = jobs->idle;
        jobs->idle = job->next;
        pthread_mutex_destroy(&job->lock);
        free(job);
    }
    pthread_mutex_destroy(&jobs->lock);
}

static struct web_job *idle_take(struct web_jobs *jobs)
{
    struct web_job *job = NULL;
    pthread_mutex_lock(&jobs->lock);
    if (jobs->idle_count >= JOBS_IDLE_MIN) {
        job = jobs->idle;
        jobs->idle = job->next;
        jobs->idle_count--;
    }
    pthread_mutex_unlock(&jobs->lock);
    return job;
}

static void cancel(void *arg)
{
    struct web_job *job = arg;
    pthread_mutex_lock(&job->lock);
    job->is_cancelled = true;
    if (job->ask_id) {
        web_cancel(job->jobs->web, job->ask_id);
    }
    pthread_mutex_unlock(&job->lock);
}

struct web_job *web_job_new(struct web_jobs *jobs, struct smbkit_tree_call *c)
{
    struct web_job *job = idle_take(jobs);
    if (!job) {
        job = calloc(1, jobs->size);
        if (!job) {
            return NULL;
        }
        job->jobs = jobs;
        pthread_mutex_init(&job->lock, NULL);
    }
    job->next = NULL;
    job->call = c;
    pthread_mutex_lock(&job->lock);
    job->ask_id = 0;
    job->is_cancelled = false;
    pthread_mutex_unlock(&job->lock);
    if (c->op && !SMBKIT_OK(smbkit_on_cancel(c->op, cancel, job))) {
        cancel(job);
    }
    return job;
}

void web_job_end(struct web_job *job, smbkit_status st)
{
    struct web_jobs *jobs = job->jobs;
    struct smbkit_tree_call *c = job->call;
    pthread_mutex_lock(&job->lock);
    job->ask_id = 0;
    pthread_mutex_unlock(&job->lock);
    if (c->op) {
        (void)smbkit_on_cancel(c->op, NULL, NULL);
    }
    job->call = NULL;
    memset((uint8_t *)job + sizeof(*job), 0, jobs->size - sizeof(*job));
    pthread_mutex_lock(&jobs->lock);
    job->next = NULL;
    *(jobs->idle_count ? &jobs->idle_last->next : &jobs->idle) = job;
    jobs->idle_last = job;
    jobs->idle_count++;
    pthread_mutex_unlock(&jobs->lock);
    smbkit_tree_done(c, st); /* the last: the volume may be gone then */
}

smbkit_status web_job_ask(struct web_job *job, const struct web_ask *ask)
{
    pthread_mutex_lock(&job->lock);
    smbkit_status st =
        job->is_cancelled ? SMBKIT_STATUS_CANCELLED : web_ask(job->jobs->web, ask, &job->ask_id);
    pthread_mutex_unlock(&job->lock);
    return st;
}

void web_job_read(struct web_job *job, const struct web_read *r)
{
    pthread_mutex_lock(&job->lock);
    smbkit_status st = job->is_cancelled ? SMBKIT_STATUS_CANCELLED : web_read(r, &job->ask_id);
    pthread_mutex_unlock(&job->lock);
    if (st != SMBKIT_STATUS_PENDING) {
        r->done(r->arg, st);
    }
}

bool web_job_is_cancelled(struct web_job *job)
{
    pthread_mutex_lock(&job->lock);
    bool is_cancelled = job->is_cancelled;
    pthread_mutex_unlock(&job->lock);
    return is_cancelled;
}

/* ---- folders that are no longer fresh ---- */

struct web_stale {
    struct web_stale *next;
    smbkit_tree_id id;
    uint64_t due_ms;
};

static struct web_stale *stale_take(struct web_fresh *f)
{
    struct web_stale *s = NULL;
    pthread_mutex_lock(&f->lock);
    uint64_t now = web_now_ms();
    if (f->first && f->first->due_ms <= now) {
        s = f->first;
        f->first = s->next;
    } else if (f->first) {
        smbkit_timer_set(f->timer, f->first->due_ms - now);
    }
    pthread_mutex_unlock(&f->lock);
    return s;
}

static void stale_due(void *arg)
{
    struct web_fresh *f = arg;
    for (struct web_stale *s = stale_take(f); s; s = stale_take(f)) {
        (void)smbkit_tree_drop(f->tree, s->id); /* NOT_FOUND: it is gone */
        free(s);
    }
}

void web_fresh_init(struct web_fresh *f, struct smbkit_host *host, uint64_t fresh_ms)
{
    *f = (struct web_fresh){.fresh_ms = fresh_ms, .timer = smbkit_timer_new(host, stale_due, f)};
    pthread_mutex_init(&f->lock, NULL);
}

void web_fresh_stop(struct web_fresh *f)
{
    if (f->timer) {
        smbkit_timer_free(f->timer);
        f->timer = NULL;
    }
}

void web_fresh_fini(struct web_fresh *f)
{
    web_fresh_stop(f);
    for (struct web_stale *s = f->first; s; s = f->first) {
        f->first = s->next;
        free(s);
    }
    pthread_mutex_destroy(&f->lock);
}

void web_fresh_add(struct web_fresh *f, smbkit_tree_id id)
{
    struct web_stale *s = malloc(sizeof(*s));
    if (!s) {
        (void)smbkit_tree_drop(f->tree, id); /* not kept at all */
        return;
    }
    *s = (struct web_stale){NULL, id, web_now_ms() + f->fresh_ms};
    pthread_mutex_lock(&f->lock);
    bool is_first = !f->first;
    *(is_first ? &f->first : &f->last->next) = s;
    f->last = s;
    if (is_first && f->timer) {
        smbkit_timer_set(f->timer, f->fresh_ms);
    }
    pthread_mutex_unlock(&f->lock);
}
