/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs, their requests and what is answered; acts, one at a time for a node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "s3_priv.h"

struct s3_job *s3_job_new(struct smbkit_tree_call *c, struct s3_node *n)
{
    struct s3 *s = smbkit_tree_data(c->tree);
    struct s3_job *job = (struct s3_job *)web_job_new(&s->jobs, c);
    if (job) {
        job->s = s;
        job->node = s3_node_ref(n);
    }
    return job;
}

void s3_job_end(struct s3_job *job, smbkit_status st)
{
    s3_node_unref(job->node);
    s3_node_unref(job->other);
    s3_stage_unref(job->stage);
    s3_page_free(job->page);
    s3_move_free(job->moving);
    free(job->path);
    free(job->token);
    free(job->body);
    web_job_end(&job->w, st);
}

/* ---- requests ---- */

static const char *const keep[] = {
    [S3_KEPT_MARK] = S3_MARK_HEADER, [S3_KEPT_DATE] = "date", [S3_KEPT_DATE + 1] = NULL};

static bool ask_fill(const struct s3 *s, const struct s3_ask *ask, char url[S3_URL_MAX],
                     struct web_ask *out)
{
    if (!s3_url(&s->place, ask->path, ask->query, url)) {
        return false;
    }
    *out = (struct web_ask){.method = ask->method,
                            .url = url,
                            .range = ask->range,
                            .headers = ask->headers,
                            .body = ask->body,
                            .body_max = ask->body_max ? ask->body_max : S3_ANSWER_MAX,
                            .repeat = ask->is_repeatable ? WEB_REPEAT_ALWAYS : WEB_REPEAT_BY_METHOD,
                            .total_ms = ask->is_long ? UINT64_MAX : S3_SMALL_MS,
                            .keep = keep};
    return true;
}

static void job_answered(void *arg, struct web_answer *a)
{
    struct s3_job *job = arg;
    job->answered(job, a);
}

smbkit_status s3_job_ask(struct s3_job *job, const struct s3_ask *ask,
                         void (*answered)(struct s3_job *job, struct web_answer *a))
{
    char url[S3_URL_MAX];
    struct web_ask out;
    if (!ask_fill(job->s, ask, url, &out)) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    job->answered = answered;
    out.done = job_answered;
    out.arg = job;
    return web_job_ask(&job->w, &out);
}

smbkit_status s3_ask_for(struct s3 *s, const struct s3_ask *ask,
                         void (*done)(void *arg, struct web_answer *a), void *arg)
{
    char url[S3_URL_MAX];
    struct web_ask out;
    uint64_t id;
    if (!ask_fill(s, ask, url, &out)) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    out.done = done;
    out.arg = arg;
    return web_ask(s->web, &out, &id);
}

/* Amazon S3, "Error responses". */
static const struct {
    const char *code;
    smbkit_status status;
} codes[] = {
    {"AccessDenied", SMBKIT_STATUS_ACCESS_DENIED},
    {"ConditionalRequestConflict", SMBKIT_STATUS_SHARING_VIOLATION},
    {"EntityTooLarge", SMBKIT_STATUS_DISK_FULL},
    {"InternalError", SMBKIT_STATUS_SERVER_UNAVAILABLE},
    {"KeyTooLongError", SMBKIT_STATUS_OBJECT_NAME_INVALID},
    {"NoSuchBucket", SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND},
    {"NoSuchKey", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND},
    {"NotImplemented", SMBKIT_STATUS_NOT_SUPPORTED},
    {"OperationAborted", SMBKIT_STATUS_SHARING_VIOLATION},
    {"PreconditionFailed", SMBKIT_STATUS_SHARING_VIOLATION},
    {"QuotaExceeded", SMBKIT_STATUS_DISK_FULL},
    {"ServiceUnavailable", SMBKIT_STATUS_SERVER_UNAVAILABLE},
    {"SlowDown", SMBKIT_STATUS_SERVER_UNAVAILABLE},
};

static smbkit_status status_of(const char *code, smbkit_status otherwise)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strcmp(code, codes[i].code) == 0) {
            return codes[i].status;
        }
    }
    return otherwise;
}

smbkit_status s3_answer(const struct web_answer *a, struct s3_page **page_r)
{
    smbkit_status st = a->status;
    bool is_told = a->code != 0 && a->body_len > 0;
    struct s3_page *p = is_told ? s3_page_parse(a->body, a->body_len) : NULL;
    if (a->code == 412 || a->code == 409) {
        st = SMBKIT_STATUS_SHARING_VIOLATION;
    }
    if (p && p->kind == S3_XML_ERROR) {
        st = status_of(p->code, SMBKIT_OK(st) ? SMBKIT_STATUS_IO_DEVICE_ERROR : st);
    } else if (is_told && !p) {
        st = SMBKIT_STATUS_NO_MEMORY;
    }
    if (page_r) {
        *page_r = p;
    } else {
        s3_page_free(p);
    }
    return st;
}

void s3_job_run(struct s3_job *job, void (*fn)(void *arg))
{
    if (!SMBKIT_OK(smbkit_run(job->s->host, fn, job))) {
        s3_job_end(job, SMBKIT_STATUS_CANCELLED); /* the volume closes */
    }
}

void s3_mark_new(char mark[S3_MARK_ROOM])
{
    uint8_t bytes[(S3_MARK_ROOM - 1) / 2];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        uint64_t now = web_now_ms();
        memset(bytes, 0, sizeof(bytes));
        memcpy(bytes, &now, sizeof(now));
    }
    for (size_t i = 0; i < sizeof(bytes); i++) {
        snprintf(mark + 2 * i, 3, "%02x", bytes[i]);
    }
}

/* ---- acts ---- */

/* The lock of the node is held. The next one, whose turn it is now; or NULL. */
static struct s3_job *act_pop_locked(struct s3_node *n)
{
    struct s3_job *job = n->acts;
    if (job) {
        n->acts = job->act_next;
        job->act_next = NULL;
    }
    n->is_acting = job != NULL;
    return job;
}

/* The job is over; who comes next has his turn, and keeps the node. */
static struct s3_job *act_leave(struct s3_job *job, smbkit_status st)
{
    struct s3_node *n = job->node;
    pthread_mutex_lock(&n->lock);
    struct s3_job *next = act_pop_locked(n);
    pthread_mutex_unlock(&n->lock);
    s3_job_end(job, st); /* without a next one the volume may be gone then */
    return next;
}

static void acts_run(void *arg)
{
    struct s3_job *job = arg;
    while (job) {
        bool is_cancelled = web_job_is_cancelled(&job->w);
        smbkit_status st = is_cancelled ? SMBKIT_STATUS_CANCELLED : job->act(job);
        if (st == SMBKIT_STATUS_PENDING) {
            return;
        }
        job = act_leave(job, st);
    }
}

smbkit_status s3_act(struct s3_job *job, smbkit_status (*act)(struct s3_job *job))
{
    struct s3_node *n = job->node;
    job->act = act;
    pthread_mutex_lock(&n->lock);
    bool is_ours = !n->is_acting;
    n->is_acting = true;
    if (!is_ours) {
        job->act_next = NULL;
        *(n->acts ? &n->acts_last->act_next : &n->acts) = job;
        n->acts_last = job;
    }
    pthread_mutex_unlock(&n->lock);
    if (is_ours) {
        acts_run(job);
    }
    return SMBKIT_STATUS_PENDING;
}

void s3_act_end(struct s3_job *job, smbkit_status st)
{
    struct s3_job *next = act_leave(job, st);
    while (next && !SMBKIT_OK(smbkit_run(next->s->host, acts_run, next))) {
        next = act_leave(next, SMBKIT_STATUS_CANCELLED); /* the volume closes */
    }
}
