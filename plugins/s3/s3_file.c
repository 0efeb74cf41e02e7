/* SPDX-License-Identifier: Apache-2.0 */
/* Open files: read by ranges of the object that was opened, or from the stage while somebody
 * writes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "s3_priv.h"

/* ---- what is known ---- */

/* Lock held. */
static void attr_fill(struct s3_node *n, struct smbkit_attr *attr)
{
    attr->size = s3_node_size_locked(n);
    if (n->is_news) { /* else the tree has its times, those that clients set among them */
        attr->create_time = n->time;
        attr->write_time = n->time;
        attr->change_time = n->time;
        attr->access_time = n->time;
        n->is_news = false;
    }
}

/* Lock held. */
static struct s3_handle *handle_new_locked(struct s3_node *n, bool is_writer)
{
    struct s3_handle *h = n->object ? malloc(sizeof(*h)) : NULL;
    if (h) {
        *h = (struct s3_handle){n->handles, n, web_object_ref(n->object), is_writer};
        n->handles = h;
        n->writers += is_writer;
        (void)s3_node_ref(n);
    }
    return h;
}

static void known(struct s3_job *job)
{
    struct s3_node *n = job->node;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    pthread_mutex_lock(&n->lock);
    if (job->attr) {
        attr_fill(n, job->attr);
    }
    if (job->handle_r) {
        *job->handle_r = handle_new_locked(n, job->is_writer);
        st = *job->handle_r ? st : SMBKIT_STATUS_NO_MEMORY;
    }
    pthread_mutex_unlock(&n->lock);
    s3_job_end(job, st);
}

/* The stage of one who writes is what the file is; an object of which a length is not told is none
 * that could be read. */
static void head_done(struct s3_job *job, struct web_answer *a)
{
    struct s3_node *n = job->node;
    smbkit_status st = s3_answer(a, NULL);
    if (SMBKIT_OK(st) && !a->has_length) {
        st = SMBKIT_STATUS_DATA_ERROR;
    }
    char *path = SMBKIT_OK(st) ? s3_node_path(n) : NULL;
    if (!path) {
        s3_job_end(job, SMBKIT_OK(st) ? SMBKIT_STATUS_NO_MEMORY : st);
        return;
    }
    pthread_mutex_lock(&n->lock);
    if (!n->stage) {
        s3_node_learn_locked(n, path, a);
    }
    pthread_mutex_unlock(&n->lock);
    free(path);
    known(job);
}

static void head_ask(struct s3_job *job)
{
    char *path = s3_node_path(job->node);
    const struct s3_ask ask = {.method = WEB_HEAD, .path = path};
    smbkit_status st = path ? s3_job_ask(job, &ask, head_done) : SMBKIT_STATUS_NO_MEMORY;
    free(path);
    if (!SMBKIT_OK(st)) {
        s3_job_end(job, st);
    }
}

/* ---- callbacks ---- */

static smbkit_status file_stat(struct smbkit_tree_call *c, struct smbkit_attr *attr)
{
    struct s3_node *n = s3_node_of(c);
    pthread_mutex_lock(&n->lock);
    bool is_done = n->stage || n->is_gone || s3_node_is_fresh_locked(n);
    if (is_done) {
        attr_fill(n, attr);
    }
    pthread_mutex_unlock(&n->lock);
    if (is_done) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct s3_job *job = s3_job_new(c, n);
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->attr = attr;
    head_ask(job);
    return SMBKIT_STATUS_PENDING;
}

static smbkit_status file_open(struct smbkit_tree_call *c, uint32_t access, void **handle_r)
{
    struct s3_node *n = s3_node_of(c);
    bool is_writer = (access & (SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA)) != 0;
    pthread_mutex_lock(&n->lock);
    bool is_known = n->stage || s3_node_is_fresh_locked(n);
    *handle_r = is_known ? handle_new_locked(n, is_writer) : NULL;
    pthread_mutex_unlock(&n->lock);
    if (*handle_r) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct s3_job *job = s3_job_new(c, n);
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->handle_r = handle_r;
    job->is_writer = is_writer;
    head_ask(job);
    return SMBKIT_STATUS_PENDING;
}

/* With who wrote last the stage goes. What is not in the store then could not be put there, which
 * he was told. */
static void file_close(void *arg, void *handle)
{
    (void)arg;
    struct s3_handle *h = handle;
    struct s3_node *n = h->node;
    struct s3_stage *stage = NULL;
    pthread_mutex_lock(&n->lock);
    struct s3_handle **at = &n->handles;
    while (*at != h) {
        at = &(*at)->next;
    }
    *at = h->next;
    n->writers -= h->is_writer;
    if (n->is_gone ? !n->handles : n->writers == 0) {
        stage = n->stage;
        n->stage = NULL;
        n->is_known &= !stage || stage->changes == stage->stored;
    }
    pthread_mutex_unlock(&n->lock);
    s3_stage_unref(stage);
    web_object_unref(h->object);
    s3_node_unref(n);
    free(h);
}

static smbkit_status stage_read(struct s3_stage *stage, uint64_t size, struct smbkit_io *io)
{
    uint32_t length = web_read_length(io, size);
    uint8_t *to = length ? smbkit_io_buffer(io) : NULL;
    io->done = 0;
    if (length && !to) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    while (io->done < length) {
        ssize_t n =
            pread(stage->fd, to + io->done, length - io->done, (off_t)(io->offset + io->done));
        if (n < 0) {
            return smbkit_status_from_errno(errno);
        }
        if (n == 0) {
            break; /* it is shorter since */
        }
        io->done += (uint32_t)n;
    }
    return SMBKIT_STATUS_SUCCESS;
}

static void read_done(void *arg, smbkit_status st)
{
    struct s3_job *job = arg;
    if (SMBKIT_OK(st)) {
        job->io->done = job->io_length;
    } else if (st == SMBKIT_STATUS_DATA_ERROR || st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        s3_node_forget(job->node); /* it is another one now */
        (void)smbkit_tree_changed(job->w.call->tree, job->w.call->id);
    }
    web_object_unref(job->object);
    s3_job_end(job, st);
}

static smbkit_status object_read(struct smbkit_tree_call *c, struct s3_node *n,
                                 struct web_object *o, struct smbkit_io *io)
{
    uint32_t length = web_read_length(io, o->size);
    io->done = 0;
    if (length == 0) {
        web_object_unref(o);
        return SMBKIT_STATUS_SUCCESS;
    }
    uint8_t *to = smbkit_io_buffer(io);
    struct s3_job *job = to ? s3_job_new(c, n) : NULL;
    if (!job) {
        web_object_unref(o);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->io = io;
    job->io_length = length;
    job->object = o;
    const struct web_read r = {.web = job->s->web,
                               .cache = job->s->cache,
                               .object = o,
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
    struct s3_handle *h = handle;
    struct s3_node *n = h->node;
    pthread_mutex_lock(&n->lock);
    struct s3_stage *stage = n->stage ? s3_stage_ref(n->stage) : NULL;
    uint64_t size = stage ? stage->size : 0;
    struct web_object *o = stage ? NULL : web_object_ref(h->object);
    pthread_mutex_unlock(&n->lock);
    if (!stage) {
        return object_read(c, n, o, io);
    }
    smbkit_status st = stage_read(stage, size, io);
    s3_stage_unref(stage);
    return st;
}

/* ---- what changes it ---- */

static smbkit_status file_write(struct smbkit_tree_call *c, void *handle, struct smbkit_io *io)
{
    struct s3_job *job = s3_job_new(c, ((struct s3_handle *)handle)->node);
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->io = io;
    return s3_act(job, s3_act_write);
}

static smbkit_status file_set_size(struct smbkit_tree_call *c, void *handle, uint64_t size)
{
    struct s3_job *job = s3_job_new(c, ((struct s3_handle *)handle)->node);
    if (!job) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    job->size = size;
    return s3_act(job, s3_act_set_size);
}

static smbkit_status file_flush(struct smbkit_tree_call *c, void *handle)
{
    struct s3_job *job = s3_job_new(c, ((struct s3_handle *)handle)->node);
    return job ? s3_act(job, s3_act_store) : SMBKIT_STATUS_NO_MEMORY;
}

static smbkit_status file_commit(struct smbkit_tree_call *c, void *handle,
                                 const struct smbkit_tree_commit *what)
{
    (void)what;
    return file_flush(c, handle);
}

const struct smbkit_tree_file s3_file = {.struct_size = sizeof(s3_file),
                                         .stat = file_stat,
                                         .open = file_open,
                                         .read = file_read,
                                         .write = file_write,
                                         .set_size = file_set_size,
                                         .flush = file_flush,
                                         .commit = file_commit,
                                         .close = file_close};
