/* SPDX-License-Identifier: Apache-2.0 */
/* Stages: what clients write goes to a file of the host that has no name. Of an object that is not
 * overwritten as a whole all of it is fetched first, in pieces that must be of one object. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "s3_priv.h"

struct s3_stage *s3_stage_ref(struct s3_stage *stage)
{
    __atomic_add_fetch(&stage->refs, 1, __ATOMIC_RELAXED); /* who has one may make one */
    return stage;
}

void s3_stage_unref(struct s3_stage *stage)
{
    /* What others did with it is over before it is closed. */
    if (stage && __atomic_sub_fetch(&stage->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        close(stage->fd);
        free(stage);
    }
}

static int temp_open(const char *folder)
{
    char path[4096];
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) {
        return fd;
    }
    snprintf(path, sizeof(path), "%s/smbkit-s3-XXXXXX", folder);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) {
        unlink(path);
    }
    return fd;
}

/* Of the object as it is known; empty. */
static smbkit_status stage_new(struct s3_node *n, struct s3_stage **stage_r)
{
    struct s3_stage *stage = calloc(1, sizeof(*stage));
    if (!stage) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    stage->refs = 1;
    stage->fd = temp_open(n->s->temp);
    if (stage->fd < 0) {
        int err = errno;
        char text[600];
        smbkit_log(0, "%s no file in temp=%s error=%s", n->s->name,
                   smbkit_quote(n->s->temp, text, sizeof(text)), strerror(err));
        free(stage);
        return smbkit_status_from_errno(err);
    }
    pthread_mutex_lock(&n->lock);
    snprintf(stage->etag, sizeof(stage->etag), "%s", n->object ? n->object->etag : "");
    pthread_mutex_unlock(&n->lock);
    *stage_r = stage;
    return SMBKIT_STATUS_SUCCESS;
}

static void stage_put(struct s3_node *n, struct s3_stage **stage)
{
    pthread_mutex_lock(&n->lock);
    n->stage = *stage;
    pthread_mutex_unlock(&n->lock);
    *stage = NULL;
}

static smbkit_status write_all(int fd, const uint8_t *data, uint64_t len, uint64_t offset)
{
    while (len > 0) {
        size_t now = len < (1u << 30) ? (size_t)len : 1u << 30;
        ssize_t n = pwrite(fd, data, now, (off_t)offset);
        if (n <= 0) {
            return smbkit_status_from_errno(n < 0 ? errno : ENOSPC);
        }
        data += n;
        len -= (uint64_t)n;
        offset += (uint64_t)n;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- fetching ---- */

static void piece_ask(struct s3_job *job);

/* On a worker: the act begins anew, with the stage. */
static void fetched(struct s3_job *job)
{
    stage_put(job->node, &job->stage);
    smbkit_status st = job->act(job);
    if (st != SMBKIT_STATUS_PENDING) {
        s3_act_end(job, st);
    }
}

static void piece_run(void *arg)
{
    struct s3_job *job = arg;
    smbkit_status st = write_all(job->stage->fd, job->body, job->body_len, job->fetched);
    job->fetched += job->body_len;
    free(job->body);
    job->body = NULL;
    if (!SMBKIT_OK(st)) {
        s3_act_end(job, st);
    } else if (job->fetched < job->stage->size) {
        piece_ask(job);
    } else {
        fetched(job);
    }
}

static void piece_done(struct s3_job *job, struct web_answer *a)
{
    uint64_t left = job->stage->size - job->fetched;
    uint64_t wanted = left < S3_FETCH ? left : S3_FETCH;
    smbkit_status st = s3_answer(a, NULL);
    bool is_it = a->code == 206 && a->has_range && a->range.first == job->fetched &&
                 a->body_len == wanted && strcmp(a->etag, job->stage->etag) == 0;
    st = SMBKIT_OK(st) && !is_it ? SMBKIT_STATUS_DATA_ERROR : st;
    if (!SMBKIT_OK(st)) {
        s3_node_forget(job->node);
        s3_act_end(job, st);
        return;
    }
    job->body = a->body;
    job->body_len = a->body_len;
    a->body = NULL;
    if (!SMBKIT_OK(smbkit_run(job->s->host, piece_run, job))) {
        s3_act_end(job, SMBKIT_STATUS_CANCELLED); /* the volume closes */
    }
}

static void piece_ask(struct s3_job *job)
{
    char match[WEB_TAG_MAX + 16];
    uint64_t left = job->stage->size - job->fetched;
    const struct web_range range = {job->fetched,
                                    job->fetched + (left < S3_FETCH ? left : S3_FETCH) - 1};
    char *path = s3_node_path(job->node);
    snprintf(match, sizeof(match), "If-Match: %s", job->stage->etag);
    const struct s3_ask ask = {.method = WEB_GET,
                               .path = path,
                               .range = &range,
                               .headers = {job->stage->etag[0] ? match : NULL, NULL},
                               .body_max = S3_FETCH,
                               .is_long = true};
    smbkit_status st = path ? s3_job_ask(job, &ask, piece_done) : SMBKIT_STATUS_NO_MEMORY;
    free(path);
    if (!SMBKIT_OK(st)) {
        s3_act_end(job, st);
    }
}

smbkit_status s3_stage_need(struct s3_job *job, bool is_empty)
{
    struct s3_node *n = job->node;
    pthread_mutex_lock(&n->lock);
    bool has = n->stage != NULL;
    uint64_t size = n->size;
    pthread_mutex_unlock(&n->lock);
    if (has) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = stage_new(n, &job->stage);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (is_empty || size == 0) {
        stage_put(n, &job->stage);
        return SMBKIT_STATUS_SUCCESS;
    }
    job->stage->size = size;
    piece_ask(job);
    return SMBKIT_STATUS_PENDING;
}

/* ---- acts ---- */

smbkit_status s3_act_write(struct s3_job *job)
{
    struct s3_node *n = job->node;
    struct smbkit_io *io = job->io;
    smbkit_status st = s3_stage_need(job, false);
    if (!SMBKIT_OK(st) || st == SMBKIT_STATUS_PENDING) {
        return st;
    }
    struct s3_stage *stage = n->stage; /* no act but this one changes it, and its writer is open */
    uint64_t offset = io->flags & SMBKIT_IO_APPEND ? stage->size : io->offset;
    uint64_t at = offset;
    if (offset > S3_FILE_MAX - io->length) {
        return SMBKIT_STATUS_DISK_FULL;
    }
    for (uint32_t i = 0; i < io->seg_count && SMBKIT_OK(st); i++) {
        st = write_all(stage->fd, io->segs[i].base, io->segs[i].len, at);
        at += io->segs[i].len;
    }
    pthread_mutex_lock(&n->lock);
    stage->changes++;
    stage->size = SMBKIT_OK(st) && at > stage->size ? at : stage->size;
    pthread_mutex_unlock(&n->lock);
    io->done = SMBKIT_OK(st) ? io->length : 0;
    return st;
}

smbkit_status s3_act_set_size(struct s3_job *job)
{
    struct s3_node *n = job->node;
    pthread_mutex_lock(&n->lock);
    bool is_so = s3_node_size_locked(n) == job->size;
    pthread_mutex_unlock(&n->lock);
    if (is_so || job->size > S3_FILE_MAX) {
        return is_so ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_DISK_FULL;
    }
    smbkit_status st = s3_stage_need(job, job->size == 0);
    if (!SMBKIT_OK(st) || st == SMBKIT_STATUS_PENDING) {
        return st;
    }
    if (ftruncate(n->stage->fd, (off_t)job->size) != 0) {
        return smbkit_status_from_errno(errno);
    }
    pthread_mutex_lock(&n->lock);
    n->stage->size = job->size;
    n->stage->changes++;
    pthread_mutex_unlock(&n->lock);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status s3_act_store(struct s3_job *job)
{
    struct s3_node *n = job->node;
    pthread_mutex_lock(&n->lock);
    bool is_stored = n->is_gone || !n->stage || n->stage->changes == n->stage->stored;
    job->stage = is_stored ? NULL : s3_stage_ref(n->stage);
    pthread_mutex_unlock(&n->lock);
    if (is_stored) {
        return SMBKIT_STATUS_SUCCESS;
    }
    s3_upload_start(job);
    return SMBKIT_STATUS_PENDING;
}
