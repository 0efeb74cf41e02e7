/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes and jobs. */
#include <stdlib.h>
#include <string.h>

#include "http_priv.h"

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
    http_made_fini(n);
    http_place_free(n->place);
    free(n->name);
    pthread_mutex_destroy(&n->lock);
    free(n->url);
    free(n);
}

struct http_node *http_node_of_item(struct http_item *item, bool is_mapped)
{
    struct http_node *n = http_node_new(item->url, item->is_folder);
    char *name = n && is_mapped ? strdup(item->name) : NULL;
    if (n && is_mapped && !name) {
        http_node_unref(n);
        return NULL;
    }
    if (n) {
        n->name = name;
        n->place = item->place;
        item->place = NULL;
    }
    return n;
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

struct http_job *http_job_new(struct http *h, struct smbkit_tree_call *c, struct http_node *n)
{
    struct http_job *job = (struct http_job *)web_job_new(&h->jobs, c);
    if (job) {
        job->h = h;
        job->node = http_node_ref(n);
    }
    return job;
}

void http_job_end(struct http_job *job, smbkit_status st)
{
    http_node_unref(job->node);
    http_node_unref(job->folder);
    web_object_unref(job->object);
    web_block_unref(job->block);
    http_index_fini(&job->index);
    free(job->base);
    web_job_end(&job->w, st);
}

bool http_job_ask(struct http_job *job, const struct web_ask *ask)
{
    smbkit_status st = web_job_ask(&job->w, ask);
    if (!SMBKIT_OK(st)) {
        http_job_end(job, st);
        return false;
    }
    return true;
}
