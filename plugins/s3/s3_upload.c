/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads: in one request, or, of what is longer than a part, in parts that become the object all
 * at once. The store takes it only if the object is the one that was changed; an upload has a
 * number of its own, by which it is known again when the answer was lost. Amazon S3, PutObject,
 * CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3_priv.h"

struct s3_upload {
    struct s3_job *job;
    char *path;
    uint64_t size;
    uint64_t changes; /* of the stage, that are in it */
    uint64_t part;    /* bytes of each but the last one */
    uint32_t parts;
    char match[WEB_TAG_MAX + 16]; /* the condition; "": none */
    char mark[sizeof(S3_MARK_HEADER) + 2 + S3_MARK_ROOM];
    char id[3 * S3_TOKEN_MAX]; /* encoded; "": in one request */
    char (*etags)[WEB_TAG_MAX];
    smbkit_status failed; /* what is answered unless the store has it all the same */
    pthread_mutex_t lock; /* guards what follows */
    uint32_t next;
    uint32_t in_flight;
    smbkit_status status;
};

struct part {
    struct s3_upload *u;
    uint32_t index;
};

static void upload_free(struct s3_upload *u)
{
    pthread_mutex_destroy(&u->lock);
    free(u->etags);
    free(u->path);
    free(u);
}

static void upload_end(struct s3_job *job, smbkit_status st)
{
    struct s3_upload *u = job->upload;
    char text[600];
    if (st == SMBKIT_STATUS_SHARING_VIOLATION) {
        smbkit_log(1, "%s upload refused, somebody else has changed it path=%s", job->s->name,
                   smbkit_quote(u->path, text, sizeof(text)));
    }
    upload_free(u);
    job->upload = NULL;
    s3_act_end(job, st);
}

static void ask_or_end(struct s3_job *job, const struct s3_ask *ask,
                       void (*answered)(struct s3_job *job, struct web_answer *a))
{
    smbkit_status st = s3_job_ask(job, ask, answered);
    if (!SMBKIT_OK(st)) {
        upload_end(job, st);
    }
}

/* The store has it. */
static void stored(struct s3_job *job, const char *etag)
{
    struct s3_upload *u = job->upload;
    struct s3_node *n = job->node;
    pthread_mutex_lock(&n->lock);
    s3_node_stored_locked(n, u->path, etag, u->size);
    snprintf(job->stage->etag, sizeof(job->stage->etag), "%s", etag);
    job->stage->stored = u->changes;
    pthread_mutex_unlock(&n->lock);
    upload_end(job, SMBKIT_STATUS_SUCCESS);
}

/* ---- an answer that was lost ---- */

static void forgotten(void *arg, struct web_answer *a)
{
    (void)arg;
    (void)a;
}

/* What was sent of it would be kept, and paid for, for ever. */
static void abandon(struct s3_job *job)
{
    struct s3_upload *u = job->upload;
    char query[S3_URL_MAX * 2];
    snprintf(query, sizeof(query), "uploadId=%s", u->id);
    const struct s3_ask ask = {.method = WEB_DELETE, .path = u->path, .query = query};
    if (u->id[0]) {
        (void)s3_ask_for(job->s, &ask, forgotten, NULL);
    }
}

static void looked(struct s3_job *job, struct web_answer *a)
{
    struct s3_upload *u = job->upload;
    const char *mark = a->kept[S3_KEPT_MARK];
    const char *ours = u->mark + sizeof(S3_MARK_HEADER) + 1;
    if (SMBKIT_OK(a->status) && mark && strcmp(mark, ours) == 0) {
        stored(job, a->etag);
        return;
    }
    abandon(job);
    upload_end(job, u->failed);
}

/* It may have been taken, and asked for again: then the object is no longer the one that it was. */
static void failed(struct s3_job *job, const struct web_answer *a, smbkit_status st)
{
    struct s3_upload *u = job->upload;
    bool is_unsure =
        a->code == 0 || a->code == 404 || a->code == 409 || a->code == 412 || a->code >= 500;
    u->failed = st;
    if (!is_unsure || st == SMBKIT_STATUS_CANCELLED) {
        abandon(job);
        upload_end(job, st);
        return;
    }
    const struct s3_ask ask = {.method = WEB_HEAD, .path = u->path};
    ask_or_end(job, &ask, looked);
}

/* ---- in one request ---- */

static void put_done(struct s3_job *job, struct web_answer *a)
{
    smbkit_status st = s3_answer(a, NULL);
    if (SMBKIT_OK(st)) {
        stored(job, a->etag);
    } else {
        failed(job, a, st);
    }
}

static void put(struct s3_job *job)
{
    const struct s3_upload *u = job->upload;
    const struct web_body body = {.fd = job->stage->fd, .length = u->size};
    const struct s3_ask ask = {.method = WEB_PUT,
                               .path = u->path,
                               .headers = {u->mark, u->match[0] ? u->match : NULL, NULL},
                               .body = u->size ? &body : NULL,
                               .is_long = true};
    ask_or_end(job, &ask, put_done);
}

/* ---- in parts ---- */

static void part_over(struct s3_upload *u, smbkit_status st);

static void completed(struct s3_job *job, struct web_answer *a)
{
    struct s3_page *p = NULL;
    smbkit_status st = s3_answer(a, &p);
    if (SMBKIT_OK(st) && (!p || p->kind != S3_XML_COMPLETE)) {
        st = SMBKIT_STATUS_DATA_ERROR;
    }
    if (SMBKIT_OK(st)) {
        stored(job, p->etag);
    } else {
        failed(job, a, st);
    }
    s3_page_free(p);
}

/* The list of parts. Tags come from the store and go back as they were: of what XML needs written
 * in another way they have quotes at most, which may stand. */
static char *list_make(const struct s3_upload *u, size_t *len_r)
{
    static const char begin[] = "<CompleteMultipartUpload>";
    static const char end[] = "</CompleteMultipartUpload>";
    size_t room = sizeof(begin) + sizeof(end) + u->parts * (size_t)(WEB_TAG_MAX + 80);
    char *text = malloc(room);
    if (!text) {
        return NULL;
    }
    size_t n = (size_t)snprintf(text, room, "%s", begin);
    for (uint32_t i = 0; i < u->parts; i++) {
        n += (size_t)snprintf(text + n, room - n,
                              "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>", i + 1,
                              u->etags[i]);
    }
    *len_r = n + (size_t)snprintf(text + n, room - n, "%s", end);
    return text;
}

static void complete(struct s3_job *job)
{
    const struct s3_upload *u = job->upload;
    char query[S3_URL_MAX * 2];
    size_t len;
    char *list = list_make(u, &len);
    if (!list) {
        abandon(job);
        upload_end(job, SMBKIT_STATUS_NO_MEMORY);
        return;
    }
    snprintf(query, sizeof(query), "uploadId=%s", u->id);
    const struct web_body body = {.data = list, .length = len, .fd = -1};
    const struct s3_ask ask = {
        .method = WEB_POST,
        .path = u->path,
        .query = query,
        .headers = {"Content-Type: application/xml", u->match[0] ? u->match : NULL, NULL},
        .body = &body,
        .is_repeatable = true,
        .is_long = true};
    ask_or_end(job, &ask, completed);
    free(list);
}

static void parts_over(struct s3_upload *u)
{
    struct s3_job *job = u->job;
    if (SMBKIT_OK(u->status)) {
        complete(job);
    } else {
        abandon(job);
        upload_end(job, u->status);
    }
}

static bool is_tag(const char *etag)
{
    return etag[0] && !strpbrk(etag, "<>&");
}

static void part_done(void *arg, struct web_answer *a)
{
    struct part *part = arg;
    struct s3_upload *u = part->u;
    smbkit_status st = s3_answer(a, NULL);
    if (SMBKIT_OK(st) && !is_tag(a->etag)) {
        st = SMBKIT_STATUS_DATA_ERROR;
    }
    if (SMBKIT_OK(st)) {
        memcpy(u->etags[part->index], a->etag, sizeof(a->etag));
    }
    free(part);
    part_over(u, st);
}

static smbkit_status part_ask(struct s3_upload *u, uint32_t index)
{
    char query[S3_URL_MAX * 2];
    uint64_t offset = index * u->part;
    uint64_t left = u->size - offset;
    struct part *part = malloc(sizeof(*part));
    if (!part) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *part = (struct part){u, index};
    snprintf(query, sizeof(query), "partNumber=%u&uploadId=%s", index + 1, u->id);
    const struct web_body body = {
        .fd = u->job->stage->fd, .offset = offset, .length = left < u->part ? left : u->part};
    const struct s3_ask ask = {
        .method = WEB_PUT, .path = u->path, .query = query, .body = &body, .is_long = true};
    smbkit_status st = s3_ask_for(u->job->s, &ask, part_done, part);
    if (!SMBKIT_OK(st)) {
        free(part);
    }
    return st;
}

/* One is over: as many are begun as may be at once. Who sees that none is under way goes on. */
static void part_over(struct s3_upload *u, smbkit_status st)
{
    pthread_mutex_lock(&u->lock);
    u->status = SMBKIT_OK(u->status) ? st : u->status;
    u->in_flight--;
    while (SMBKIT_OK(u->status) && u->next < u->parts && u->in_flight < S3_PARTS_AT_ONCE) {
        u->status = part_ask(u, u->next++);
        u->in_flight += SMBKIT_OK(u->status);
    }
    bool is_over = u->in_flight == 0;
    pthread_mutex_unlock(&u->lock);
    if (is_over) {
        parts_over(u);
    }
}

static void created(struct s3_job *job, struct web_answer *a)
{
    struct s3_upload *u = job->upload;
    struct s3_page *p = NULL;
    smbkit_status st = s3_answer(a, &p);
    bool has_id = p && p->kind == S3_XML_UPLOAD && p->upload_id[0] &&
                  s3_encode(p->upload_id, false, u->id, sizeof(u->id));
    s3_page_free(p);
    if (!SMBKIT_OK(st) || !has_id) {
        upload_end(job, SMBKIT_OK(st) ? SMBKIT_STATUS_DATA_ERROR : st);
        return;
    }
    u->in_flight = 1; /* its own, until as many are begun as may be */
    part_over(u, SMBKIT_STATUS_SUCCESS);
}

static void create(struct s3_job *job)
{
    struct s3_upload *u = job->upload;
    u->part = job->s->part;
    if ((u->size + u->part - 1) / u->part > S3_PARTS_MAX) {
        u->part = (u->size + S3_PARTS_MAX - 1) / S3_PARTS_MAX;
    }
    u->parts = (uint32_t)((u->size + u->part - 1) / u->part);
    u->etags = calloc(u->parts, sizeof(u->etags[0]));
    if (!u->etags) {
        upload_end(job, SMBKIT_STATUS_NO_MEMORY);
        return;
    }
    const struct s3_ask ask = {
        .method = WEB_POST, .path = u->path, .query = "uploads=", .headers = {u->mark, NULL}};
    ask_or_end(job, &ask, created);
}

/* ---- the beginning ---- */

void s3_upload_start(struct s3_job *job)
{
    struct s3_node *n = job->node;
    struct s3_upload *u = calloc(1, sizeof(*u));
    char *path = u ? s3_node_path(n) : NULL;
    if (!path) {
        free(u);
        s3_act_end(job, SMBKIT_STATUS_NO_MEMORY);
        return;
    }
    pthread_mutex_init(&u->lock, NULL);
    u->job = job;
    u->path = path;
    job->upload = u;
    pthread_mutex_lock(&n->lock);
    u->size = job->stage->size;
    u->changes = job->stage->changes;
    if (job->s->is_conditional && job->stage->etag[0]) {
        snprintf(u->match, sizeof(u->match), "If-Match: %s", job->stage->etag);
    }
    pthread_mutex_unlock(&n->lock);
    s3_mark_new(job->mark);
    snprintf(u->mark, sizeof(u->mark), S3_MARK_HEADER ": %s", job->mark);
    if (u->size > job->s->part) {
        create(job);
    } else {
        put(job);
    }
}
