/* SPDX-License-Identifier: Apache-2.0 */
/* Runs go on threads of the share, and callbacks answer PENDING: a client that gives up is let go
 * at once, and no worker of the server waits for a program. */
#include "sh_priv.h"

#include "client.h"
#include "quiet_thread.h"

#include <stdlib.h>

/* ---- shares: of whatever there is, a client gets as much as is left for others ---- */

/* Listings have a share of their own: whoever opens something waits for one, and does so together
 * with who asked first, whose files may hang. */
static uint64_t client_of(const struct smbkit_tree_call *c, int is_listing)
{
    uint64_t h = client_number(c->who);
    return is_listing ? ~h : h;
}

/* Lock held. */
static int may_begin(const struct sh_volume *v, const struct sh_job *job)
{
    uint32_t mine = 0;
    for (uint32_t i = 0; i < v->running_count; i++) {
        mine += v->running[i]->client == job->client;
    }
    return mine < SH_THREADS_MAX - v->running_count;
}

/* Lock held. */
static int may_wait(const struct sh_volume *v, const struct sh_job *job)
{
    uint32_t mine = 0;
    for (const struct sh_job *j = v->first; j; j = j->next) {
        mine += j->client == job->client;
    }
    return mine < SH_QUEUE_MAX - v->queued;
}

int sh_may_say(struct sh_volume *v, struct sh_job *job, uint64_t size)
{
    uint64_t mine = size - job->out_size;
    uint64_t more = mine;
    pthread_mutex_lock(&v->lock);
    for (uint32_t i = 0; i < v->running_count; i++) {
        mine += v->running[i]->client == job->client ? v->running[i]->out_size : 0;
    }
    int may = mine <= SH_OUT_MAX - v->out_bytes;
    if (may) {
        job->out_size = size;
        v->out_bytes += more;
    }
    pthread_mutex_unlock(&v->lock);
    return may;
}

/* ---- threads ---- */

/* Lock held: the first one that may begin; all may when the share ends. NULL: none. */
static struct sh_job *take_locked(struct sh_volume *v)
{
    struct sh_job **at = &v->first;
    while (*at && !v->is_ending && !may_begin(v, *at)) {
        at = &(*at)->next;
    }
    struct sh_job *job = *at;
    if (job) {
        *at = job->next;
        v->last = *at ? v->last : at;
        v->queued--;
        v->running[v->running_count++] = job;
    }
    return job;
}

static struct sh_job *take(struct sh_volume *v)
{
    pthread_mutex_lock(&v->lock);
    v->idle_count++;
    struct sh_job *job = take_locked(v);
    while (!job && !v->is_ending) {
        pthread_cond_wait(&v->more, &v->lock);
        job = take_locked(v);
    }
    v->idle_count--;
    pthread_mutex_unlock(&v->lock);
    return job;
}

static void end(struct sh_volume *v, struct sh_job *job)
{
    uint32_t i = 0;
    pthread_mutex_lock(&v->lock);
    while (v->running[i] != job) {
        i++;
    }
    v->running[i] = v->running[--v->running_count];
    v->out_bytes -= job->out_size;
    if (v->first && v->idle_count > 0) {
        pthread_cond_signal(&v->more); /* what others have left may be enough for another one */
    }
    pthread_mutex_unlock(&v->lock);
    free(job);
}

static void *thread_main(void *arg)
{
    struct sh_volume *v = arg;
    for (struct sh_job *job = take(v); job; job = take(v)) {
        smbkit_tree_done(job->call, job->fn(job)); /* waits for a cancel that looks at the job */
        end(v, job);
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
    if (v->is_ending || !may_wait(v, job)) {
        return 0;
    }
    if (v->idle_count <= v->queued && /* those who are idle may not have come to what waits yet */
        v->thread_count < SH_THREADS_MAX && thread_start(v, &v->threads[v->thread_count]) == 0) {
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
    job->client = client_of(c, !args && !id); /* of a listing: it has neither */
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
