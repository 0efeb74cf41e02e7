/* SPDX-License-Identifier: Apache-2.0 */
/* Runs go on threads of the share, and callbacks answer PENDING: a client that gives up is let go
 * at once, and no worker of the server waits for a program. */
#include "sh_priv.h"

#include "quiet_thread.h"

#include <stdlib.h>

static struct sh_job *take(struct sh_volume *v)
{
    pthread_mutex_lock(&v->lock);
    v->idle_count++;
    while (!v->first && !v->is_ending) {
        pthread_cond_wait(&v->more, &v->lock);
    }
    v->idle_count--;
    struct sh_job *job = v->first;
    if (job) {
        v->first = job->next;
        v->queued--;
        v->last = v->first ? v->last : &v->first;
    }
    pthread_mutex_unlock(&v->lock);
    return job;
}

static void *thread_main(void *arg)
{
    struct sh_volume *v = arg;
    for (struct sh_job *job = take(v); job; job = take(v)) {
        smbkit_tree_done(job->call, job->fn(job)); /* waits for a cancel that looks at the job */
        free(job);
    }
    return NULL;
}

/* The client has given up: the thread that sees to its run looks at it. */
static void cancel(void *arg)
{
    struct sh_job *job = arg;
    pthread_mutex_lock(&job->volume->lock);
    job->is_cancelled = 1;
    pthread_mutex_unlock(&job->volume->lock);
}

int sh_is_given_up(struct sh_volume *v, struct sh_job *job)
{
    pthread_mutex_lock(&v->lock);
    int is = v->is_ending || (job && job->is_cancelled);
    pthread_mutex_unlock(&v->lock);
    return is || (job && !smbkit_tree_is_wanted(job->call));
}

/* Signals of the process are for others, and a program that reads no more is an error of write().
 */
static int thread_start(struct sh_volume *v, pthread_t *thread)
{
    return quiet_thread_start(thread, thread_main, v);
}

/* Lock held. 0: there is nobody to do it. */
static int put_locked(struct sh_volume *v, struct sh_job *job)
{
    if (v->is_ending || v->queued >= SH_QUEUE_MAX) {
        return 0;
    }
    if (v->idle_count == 0 && v->thread_count < SH_THREADS_MAX &&
        thread_start(v, &v->threads[v->thread_count]) == 0) {
        v->thread_count++;
    }
    if (v->thread_count == 0) {
        return 0;
    }
    v->queued++;
    *v->last = job;
    v->last = &job->next;
    pthread_cond_signal(&v->more);
    return 1;
}

smbkit_status sh_later(struct smbkit_tree_call *c, smbkit_status (*fn)(struct sh_job *job),
                       const void *args, smbkit_tree_id id)
{
    struct sh_volume *v = smbkit_tree_data(c->tree);
    struct sh_job *job = calloc(1, sizeof(*job));
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->volume = v;
    job->call = c;
    job->fn = fn;
    job->args = (void *)(uintptr_t)args;
    job->id = id;
    if (c->op && !SMBKIT_OK(smbkit_on_cancel(c->op, cancel, job))) {
        free(job);
        return SMBKIT_STATUS_CANCELLED;
    }
    pthread_mutex_lock(&v->lock);
    int ok = put_locked(v, job);
    pthread_mutex_unlock(&v->lock);
    if (!ok) {
        smbkit_tree_done(c, SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
        free(job);
    }
    return SMBKIT_STATUS_PENDING;
}

void sh_stop(struct sh_volume *v)
{
    pthread_mutex_lock(&v->lock);
    v->is_ending = 1;
    pthread_cond_broadcast(&v->more);
    pthread_mutex_unlock(&v->lock);
    for (uint32_t i = 0; i < v->thread_count; i++) {
        pthread_join(v->threads[i], NULL);
    }
}
