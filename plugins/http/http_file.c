/* SPDX-License-Identifier: Apache-2.0 */
/* Files. What is told of one is asked for by HEAD when it is opened, and the open sticks to that:
 * what is read later must be of the same object. Where no ranges are to be had, or nothing tells
 * one object from the next, it is fetched as a whole, up to a bound. */
#include <stdlib.h>
#include <string.h>

#include "http_priv.h"

/* ---- what is known ---- */

/* Lock held. */
static bool is_fresh(const struct http *h, const struct http_node *n)
{
    return n->is_known && web_now_ms() - n->known_ms < h->fresh.fresh_ms;
}

static void attr_fill(const struct http_node *n, struct smbkit_attr *attr)
{
    attr->size = n->size;
    if (n->time) {
        attr->create_time = n->time;
        attr->write_time = n->time;
        attr->change_time = n->time;
        attr->access_time = n->time;
    }
}

/* Lock held: a handle of what is known, or NULL with status. */
static struct http_handle *handle_new(struct http *h, struct http_node *n, struct web_block *block)
{
    struct http_handle *handle = calloc(1, sizeof(*handle));
    if (!handle) {
        return NULL;
    }
    if (n->is_whole) {
        handle->block =
            block ? web_block_ref(block) : web_cache_get(h->cache, n->object->key, HTTP_WHOLE);
    }
    if (n->is_whole && !handle->block) {
        free(handle);
        return NULL;
    }
    handle->object = web_object_ref(n->object);
    return handle;
}

static void handle_free(struct http_handle *handle)
{
    web_object_unref(handle->object);
    web_block_unref(handle->block);
    free(handle);
}

/* ---- asking ---- */

/* All that was to be known is. */
static void probe_end(struct http_job *job, smbkit_status st)
{
    struct http_node *n = job->node;
    struct http_handle *handle = NULL;
    pthread_mutex_lock(&n->lock);
    if (SMBKIT_OK(st) && job->attr) {
        attr_fill(n, job->attr);
    }
    if (SMBKIT_OK(st) && job->handle_r) {
        handle = n->object ? handle_new(job->h, n, job->block) : NULL;
        *job->handle_r = handle;
        st = handle ? st : SMBKIT_STATUS_NO_MEMORY;
    }
    pthread_mutex_unlock(&n->lock);
    if (job->need == HTTP_MADE) {
        http_made_end(job, st);
    } else {
        http_job_end(job, st);
    }
}

static void whole_done(void *arg, struct web_answer *a)
{
    struct http_job *job = arg;
    struct http_node *n = job->node;
    smbkit_status st = a->status;
    if (SMBKIT_OK(st) && a->code != 200) {
        st = SMBKIT_STATUS_DATA_ERROR;
    }
    if (SMBKIT_OK(st)) {
        a->has_length = true;
        a->length = a->body_len;
        a->takes_ranges = false;
        job->block = web_block_take(a);
        st = job->block ? st : SMBKIT_STATUS_NO_MEMORY;
    }
    if (SMBKIT_OK(st)) {
        http_node_learn(n, a);
        pthread_mutex_lock(&n->lock);
        struct web_object *o = n->object ? web_object_ref(n->object) : NULL;
        pthread_mutex_unlock(&n->lock);
        if (o) {
            web_cache_put(job->h->cache, o->key, HTTP_WHOLE, job->block);
        }
        web_object_unref(o);
    }
    probe_end(job, st);
}

void http_whole_ask(struct http_job *job)
{
    const struct web_ask ask = {.method = WEB_GET,
                                .url = job->node->url,
                                .body_max = job->h->whole_max,
                                .done = whole_done,
                                .arg = job};
    (void)http_job_ask(job, &ask);
}

/* Is the whole of it there, as it is now? */
static bool has_whole(struct http_job *job)
{
    struct http_node *n = job->node;
    pthread_mutex_lock(&n->lock);
    const struct web_object *o = n->object;
    bool may_be = o && (o->etag[0] || o->modified[0]);
    job->block = may_be ? web_cache_get(job->h->cache, o->key, HTTP_WHOLE) : NULL;
    pthread_mutex_unlock(&n->lock);
    return job->block != NULL;
}

static void head_done(void *arg, struct web_answer *a)
{
    struct http_job *job = arg;
    struct http_node *n = job->node;
    if (a->status == SMBKIT_STATUS_NOT_SUPPORTED) {
        http_whole_ask(job); /* it has no HEAD */
        return;
    }
    if (a->status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        http_made_gone(job->w.call, n);
    }
    if (!SMBKIT_OK(a->status)) {
        http_job_end(job, a->status);
        return;
    }
    http_node_learn(n, a);
    pthread_mutex_lock(&n->lock);
    bool wants_whole = n->is_whole && (job->need == HTTP_OPENED || !a->has_length);
    pthread_mutex_unlock(&n->lock);
    if (wants_whole && a->has_length && a->length > job->h->whole_max) {
        http_job_end(job, SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    } else if (wants_whole && !has_whole(job)) {
        http_whole_ask(job);
    } else {
        probe_end(job, SMBKIT_STATUS_SUCCESS);
    }
}

static void probe(struct http_job *job)
{
    const struct web_ask ask = {
        .method = WEB_HEAD, .url = job->node->url, .done = head_done, .arg = job};
    (void)http_job_ask(job, &ask);
}

/* ---- callbacks ---- */

/* http.c marks the requests that open a file for its data. */
static smbkit_status file_stat(struct smbkit_tree_call *c, struct smbkit_attr *attr)
{
    struct http *h = smbkit_tree_data(c->tree);
    struct http_node *n = http_shown_of(c);
    enum http_need need = c->op && c->op->plugin ? HTTP_OPENED : HTTP_LISTED;
    struct web_block *block = NULL;
    pthread_mutex_lock(&n->lock);
    bool is_done = is_fresh(h, n) && (need == HTTP_LISTED ? n->has_size : n->object != NULL);
    if (is_done && need == HTTP_OPENED && n->is_whole) {
        block = web_cache_get(h->cache, n->object->key, HTTP_WHOLE);
        is_done = block != NULL;
    }
    if (is_done) {
        attr_fill(n, attr);
    }
    pthread_mutex_unlock(&n->lock);
    web_block_unref(block);
    if (is_done) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct http_job *job = http_job_new(h, c, n);
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->need = need;
    job->attr = attr;
    probe(job);
    return SMBKIT_STATUS_PENDING;
}

static smbkit_status file_open(struct smbkit_tree_call *c, uint32_t access, void **handle_r)
{
    (void)access;
    struct http *h = smbkit_tree_data(c->tree);
    struct http_node *n = http_shown_of(c);
    pthread_mutex_lock(&n->lock);
    *handle_r = n->is_known && n->object ? handle_new(h, n, NULL) : NULL;
    pthread_mutex_unlock(&n->lock);
    if (*handle_r) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct http_job *job = http_job_new(h, c, n);
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->need = HTTP_OPENED;
    job->handle_r = handle_r;
    probe(job);
    return SMBKIT_STATUS_PENDING;
}

static void file_close(void *arg, void *handle)
{
    (void)arg;
    if (handle) {
        handle_free(handle);
    }
}

/* It is another one now: who opens it next is told what it is then. */
static void node_forget(struct http_job *job)
{
    pthread_mutex_lock(&job->node->lock);
    job->node->is_known = false;
    pthread_mutex_unlock(&job->node->lock);
    (void)smbkit_tree_changed(job->w.call->tree, job->w.call->id);
}

static void read_done(void *arg, smbkit_status st)
{
    struct http_job *job = arg;
    if (SMBKIT_OK(st)) {
        job->io->done = job->io_length;
    } else if (st == SMBKIT_STATUS_DATA_ERROR || st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        node_forget(job);
    }
    http_job_end(job, st);
}

static smbkit_status read_ranges(struct smbkit_tree_call *c, const struct http_handle *handle,
                                 struct smbkit_io *io, uint32_t length)
{
    struct http *h = smbkit_tree_data(c->tree);
    uint8_t *to = smbkit_io_buffer(io);
    struct http_job *job = to ? http_job_new(h, c, http_shown_of(c)) : NULL;
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->io = io;
    job->io_length = length;
    const struct web_read r = {.web = h->web,
                               .cache = h->cache,
                               .object = handle->object,
                               .offset = io->offset,
                               .length = length,
                               .to = to,
                               .done = read_done,
                               .arg = job};
    web_job_read(&job->w, &r);
    return SMBKIT_STATUS_PENDING;
}

static smbkit_status file_read(struct smbkit_tree_call *c, void *handle, struct smbkit_io *io)
{
    const struct http_handle *f = handle;
    uint64_t size = f->block ? f->block->size : f->object->size;
    uint32_t length = web_read_length(io, size);
    if (length == 0) {
        io->done = 0;
        return SMBKIT_STATUS_SUCCESS;
    }
    if (f->block) {
        return web_block_give(f->block, io, length);
    }
    return read_ranges(c, f, io, length);
}

const struct smbkit_tree_file http_file = {.struct_size = sizeof(http_file),
                                           .flags = SMBKIT_TREE_NEVER_BLOCKS,
                                           .stat = file_stat,
                                           .open = file_open,
                                           .read = file_read,
                                           .close = file_close};
