/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes, jobs, and folders that grow stale. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http_priv.h"

#define JOBS_IDLE_MIN 64u /* before one is used again: long after anybody could cancel it */

/* ---- nodes ---- */

struct http_node *http_node_new(const char *url, bool is_folder)
{
    struct http_node *n = calloc(1, sizeof(*n));
    if (!n) {
        return NULL;
    }
    n->refs = 1;
    n->is_folder = is_folder;
    n->url = strdup(url);
    pthread_mutex_init(&n->lock, NULL);
    if (!n->url) {
        http_node_unref(n);
        return NULL;
    }
    return n;
}

struct http_node *http_node_ref(struct http_node *n)
{
    __atomic_add_fetch(&n->refs, 1, __ATOMIC_RELAXED); /* who has one may make one */
    return n;
}

void http_node_unref(void *node)
{
    struct http_node *n = node;
    /* What others did with it is over before it is freed. */
    if (!n || __atomic_sub_fetch(&n->refs, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    for (uint32_t i = 0; i < n->child_count; i++) {
        http_node_unref(n->children[i]);
    }
    free(n->children);
    web_object_unref(n->object);
    pthread_mutex_destroy(&n->lock);
    free(n->url);
    free(n);
}

void http_node_learn(struct http_node *n, const struct web_answer *a)
{
    bool has_validator = a->etag[0] || a->modified[0];
    struct web_object *o = web_object_new(n->url, a, a->has_length ? a->length : 0);
    pthread_mutex_lock(&n->lock);
    struct web_object *old = n->object;
    n->object = o;
    n->is_whole = !(a->has_length && a->takes_ranges && has_validator);
    n->is_known = o != NULL;
    n->known_ms = web_now_ms();
    if (a->has_length) {
        n->has_size = true;
        n->size = a->length;
    }
    uint64_t time = web_time_parse(a->modified);
    n->time = time ? time : n->time;
    pthread_mutex_unlock(&n->lock);
    web_object_unref(old);
}

/* ---- jobs ---- */

static struct http_job *idle_take(struct http *h)
{
    struct http_job *job = NULL;
    pthread_mutex_lock(&h->lock);
    if (h->idle_count >= JOBS_IDLE_MIN) {
        job = h->idle;
        h->idle = job->next;
        h->idle_count--;
    }
    pthread_mutex_unlock(&h->lock);
    return job;
}

static void cancel(void *arg)
{
    struct http_job *job = arg;
    pthread_mutex_lock(&job->lock);
    job->is_cancelled = true;
    if (job->ask_id) {
        web_cancel(job->h->web, job->ask_id);
    }
    pthread_mutex_unlock(&job->lock);
}

struct http_job *http_job_new(struct http *h, struct smbkit_tree_call *c, struct http_node *n)
{
    struct http_job *job = idle_take(h);
    if (!job) {
        job = calloc(1, sizeof(*job));
        if (!job) {
            return NULL;
        }
        job->h = h;
        pthread_mutex_init(&job->lock, NULL);
    }
    job->next = NULL;
    job->call = c;
    job->node = http_node_ref(n);
    pthread_mutex_lock(&job->lock);
    job->ask_id = 0;
    job->is_cancelled = false;
    pthread_mutex_unlock(&job->lock);
    if (c->op && !SMBKIT_OK(smbkit_on_cancel(c->op, cancel, job))) {
        cancel(job);
    }
    return job;
}

static void clear(struct http_job *job)
{
    http_node_unref(job->node);
    web_object_unref(job->object);
    web_block_unref(job->block);
    http_index_fini(&job->index);
    free(job->base);
    job->base = NULL;
    job->call = NULL;
    job->node = NULL;
    job->object = NULL;
    job->block = NULL;
    job->attr = NULL;
    job->handle_r = NULL;
    job->io = NULL;
}

void http_job_end(struct http_job *job, smbkit_status st)
{
    struct http *h = job->h;
    struct smbkit_tree_call *c = job->call;
    pthread_mutex_lock(&job->lock);
    job->ask_id = 0;
    pthread_mutex_unlock(&job->lock);
    if (c->op) {
        (void)smbkit_on_cancel(c->op, NULL, NULL);
    }
    clear(job);
    pthread_mutex_lock(&h->lock);
    job->next = NULL;
    *(h->idle_count ? &h->idle_last->next : &h->idle) = job;
    h->idle_last = job;
    h->idle_count++;
    pthread_mutex_unlock(&h->lock);
    smbkit_tree_done(c, st); /* the last: the volume may be gone then */
}

bool http_job_ask(struct http_job *job, const struct web_ask *ask)
{
    pthread_mutex_lock(&job->lock);
    smbkit_status st =
        job->is_cancelled ? SMBKIT_STATUS_CANCELLED : web_ask(job->h->web, ask, &job->ask_id);
    pthread_mutex_unlock(&job->lock);
    if (!SMBKIT_OK(st)) {
        http_job_end(job, st);
        return false;
    }
    return true;
}

/* ---- folders that are no longer fresh ---- */

void http_stale_add(struct http *h, smbkit_tree_id id)
{
    struct http_stale *s = malloc(sizeof(*s));
    if (!s) {
        (void)smbkit_tree_drop(h->tree, id); /* not kept at all */
        return;
    }
    *s = (struct http_stale){NULL, id, web_now_ms() + h->fresh_ms};
    pthread_mutex_lock(&h->lock);
    bool is_first = !h->stale;
    *(is_first ? &h->stale : &h->stale_last->next) = s;
    h->stale_last = s;
    if (is_first && h->timer) {
        smbkit_timer_set(h->timer, h->fresh_ms);
    }
    pthread_mutex_unlock(&h->lock);
}

static struct http_stale *stale_take(struct http *h)
{
    struct http_stale *s = NULL;
    pthread_mutex_lock(&h->lock);
    uint64_t now = web_now_ms();
    if (h->stale && h->stale->due_ms <= now) {
        s = h->stale;
        h->stale = s->next;
    } else if (h->stale) {
        smbkit_timer_set(h->timer, h->stale->due_ms - now);
    }
    pthread_mutex_unlock(&h->lock);
    return s;
}

void http_stale_due(void *arg)
{
    struct http *h = arg;
    for (struct http_stale *s = stale_take(h); s; s = stale_take(h)) {
        (void)smbkit_tree_drop(h->tree, s->id); /* NOT_FOUND: it is gone */
        free(s);
    }
}
