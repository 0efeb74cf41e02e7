/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments. One whose server has ranges for it is read by them, and an open sticks to what it
 * was as it was opened; another is fetched as a whole, up to a bound. CouchDB has ranges for what
 * it does not keep compressed.
 * https://docs.couchdb.org/en/stable/api/document/attachments.html */
#include <stdlib.h>
#include <string.h>

#include "sofa_priv.h"

/* ---- opening ---- */

static void open_end(struct sofa_job *job)
{
    struct sofa_handle *h = calloc(1, sizeof(*h));
    if (!h) {
        sofa_job_end(job, SMBKIT_STATUS_NO_MEMORY);
        return;
    }
    h->object = web_object_ref(job->object);
    h->block = job->block ? web_block_ref(job->block) : NULL;
    sofa_handle_add(h, job->call);
    *job->handle_r = h;
    sofa_job_end(job, SMBKIT_STATUS_SUCCESS);
}

static void whole_answered(struct sofa_job *job, struct web_answer *a)
{
    smbkit_status st = a->status;
    if (SMBKIT_OK(st) && a->code != 200) {
        st = SMBKIT_STATUS_DATA_ERROR;
    }
    if (!SMBKIT_OK(st)) {
        sofa_job_end(job, st);
        return;
    }
    web_object_unref(job->object);
    job->object = web_object_new(job->url, a, a->body_len);
    job->block = web_block_take(a);
    if (!job->object || !job->block) {
        sofa_job_end(job, SMBKIT_STATUS_NO_MEMORY);
        return;
    }
    if (a->etag[0]) {
        web_cache_put(job->s->cache, job->object->key, SOFA_WHOLE, job->block);
    }
    open_end(job);
}

static void head_answered(struct sofa_job *job, struct web_answer *a)
{
    if (!SMBKIT_OK(a->status) && a->status != SMBKIT_STATUS_NOT_SUPPORTED) {
        sofa_job_end(job, a->status);
        return;
    }
    bool is_ranged = SMBKIT_OK(a->status) && a->takes_ranges && a->has_length && a->etag[0];
    job->object = web_object_new(job->url, a, a->has_length ? a->length : 0);
    if (!job->object) {
        sofa_job_end(job, SMBKIT_STATUS_NO_MEMORY);
        return;
    }
    if (is_ranged) {
        open_end(job);
        return;
    }
    job->block = a->etag[0] ? web_cache_get(job->s->cache, job->object->key, SOFA_WHOLE) : NULL;
    if (job->block) {
        open_end(job);
    } else if (a->has_length && a->length > job->s->whole_max) {
        sofa_job_end(job, SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    } else {
        sofa_job_ask(job, WEB_GET, strdup(job->node->url), whole_answered);
    }
}

static smbkit_status attachment_open(struct smbkit_tree_call *c, uint32_t access, void **handle_r)
{
    (void)access;
    struct sofa_node *n = sofa_shown_of(c->arg);
    struct sofa_job *job = sofa_job_new(n->db->s, c, c->id, n);
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->handle_r = handle_r;
    sofa_job_ask(job, WEB_HEAD, strdup(n->url), head_answered);
    return SMBKIT_STATUS_PENDING;
}

static void attachment_close(void *arg, void *handle)
{
    (void)arg;
    if (handle) {
        sofa_handle_remove(handle);
    }
}

/* ---- reading ---- */

static void range_read(struct sofa_job *job);

/* Ranges are not asked for by sofa_job_ask(): once more after a log-in. */
static void login_answered(struct sofa_job *job, struct web_answer *a)
{
    if (SMBKIT_OK(a->status)) {
        range_read(job);
    } else {
        sofa_job_end(job, a->status);
    }
}

static void read_done(void *arg, smbkit_status st)
{
    struct sofa_job *job = arg;
    if (st == SMBKIT_STATUS_ACCESS_DENIED && job->s->login && !job->is_second) {
        job->is_second = true; /* the cookie may have been too old: HEAD finds out, and logs in */
        sofa_job_ask(job, WEB_HEAD, strdup(job->node->url), login_answered);
        return;
    }
    if (SMBKIT_OK(st)) {
        job->io->done = job->io_length;
    } else if (st == SMBKIT_STATUS_DATA_ERROR || st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        (void)smbkit_tree_changed(job->s->tree, job->id);
    }
    sofa_job_end(job, st);
}

static void range_read(struct sofa_job *job)
{
    char *cookie = sofa_cookie_get(job->s);
    const char *const headers[] = {cookie, NULL};
    const struct web_read r = {.web = job->s->web,
                               .cache = job->s->cache,
                               .object = job->object,
                               .headers = headers,
                               .offset = job->io->offset,
                               .length = job->io_length,
                               .to = smbkit_io_buffer(job->io),
                               .done = read_done,
                               .arg = job};
    pthread_mutex_lock(&job->lock);
    smbkit_status st = job->is_cancelled ? SMBKIT_STATUS_CANCELLED
                       : !r.to           ? SMBKIT_STATUS_NO_MEMORY
                                         : web_read(&r, &job->ask_id);
    pthread_mutex_unlock(&job->lock);
    if (cookie) {
        explicit_bzero(cookie, strlen(cookie));
        free(cookie);
    }
    if (st != SMBKIT_STATUS_PENDING) {
        read_done(job, st);
    }
}

static smbkit_status attachment_read(struct smbkit_tree_call *c, void *handle, struct smbkit_io *io)
{
    const struct sofa_handle *h = handle;
    uint64_t size = h->block ? h->block->size : h->object->size;
    uint32_t length = web_read_length(io, size);
    if (length == 0) {
        io->done = 0;
        return SMBKIT_STATUS_SUCCESS;
    }
    if (h->block) {
        return web_block_give(h->block, io, length);
    }
    struct sofa_job *job = sofa_job_new(h->node->db->s, c, c->id, h->node);
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->io = io;
    job->io_length = length;
    job->object = web_object_ref(h->object);
    range_read(job);
    return SMBKIT_STATUS_PENDING;
}

const struct smbkit_tree_file sofa_attachment_file = {.struct_size = sizeof(sofa_attachment_file),
                                                      .flags = SMBKIT_TREE_NEVER_BLOCKS,
                                                      .open = attachment_open,
                                                      .read = attachment_read,
                                                      .close = attachment_close};
