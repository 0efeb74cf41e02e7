/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs, and the log-in that they may have to wait for. */
#include <stdlib.h>
#include <string.h>

#include "sofa_priv.h"

#define JOBS_IDLE_MIN 64u /* before one is used again: long after anybody could cancel it */

static const char *const keep_cookie[] = {"set-cookie", NULL};

/* ---- jobs ---- */

static struct sofa_job *idle_take(struct sofa *s)
{
    struct sofa_job *job = NULL;
    pthread_mutex_lock(&s->lock);
    if (s->idle_count >= JOBS_IDLE_MIN) {
        job = s->idle;
        s->idle = job->next;
        s->idle_count--;
    }
    pthread_mutex_unlock(&s->lock);
    return job;
}

static void cancel(void *arg)
{
    struct sofa_job *job = arg;
    pthread_mutex_lock(&job->lock);
    job->is_cancelled = true;
    if (job->ask_id) {
        web_cancel(job->s->web, job->ask_id);
    }
    pthread_mutex_unlock(&job->lock);
}

struct sofa_job *sofa_job_new(struct sofa *s, struct smbkit_tree_call *c, smbkit_tree_id id,
                              struct sofa_node *n)
{
    struct sofa_job *job = idle_take(s);
    if (!job) {
        job = calloc(1, sizeof(*job));
        if (!job) {
            return NULL;
        }
        job->s = s;
        pthread_mutex_init(&job->lock, NULL);
    }
    job->next = NULL;
    job->call = c;
    job->id = id;
    job->node = sofa_node_ref(n);
    pthread_mutex_lock(&job->lock);
    job->ask_id = 0;
    job->is_cancelled = false;
    pthread_mutex_unlock(&job->lock);
    if (c && c->op && !SMBKIT_OK(smbkit_on_cancel(c->op, cancel, job))) {
        cancel(job);
    }
    return job;
}

static void text_drop(struct sofa_job *job)
{
    free(job->text);
    job->text = NULL;
    job->text_len = 0;
}

static void clear(struct sofa_job *job)
{
    sofa_node_unref(job->node);
    web_object_unref(job->object);
    web_block_unref(job->block);
    sofa_items_fini(&job->items);
    sofa_query_fini(&job->query);
    sofa_views_unref(job->views);
    text_drop(job);
    free(job->url);
    free(job->body);
    free(job->seq);
    job->call = NULL;
    job->node = NULL;
    job->over = NULL;
    job->url = NULL;
    job->body = NULL;
    job->body_len = 0;
    job->views = NULL;
    job->rows = 0;
    job->seq = NULL;
    job->is_live = false;
    job->is_second = false;
    job->create = NULL;
    job->load = NULL;
    job->handle_r = NULL;
    job->handle = NULL;
    job->io = NULL;
    job->object = NULL;
    job->block = NULL;
}

void sofa_job_end(struct sofa_job *job, smbkit_status st)
{
    struct sofa *s = job->s;
    struct smbkit_tree_call *c = job->call;
    pthread_mutex_lock(&job->lock);
    job->ask_id = 0;
    pthread_mutex_unlock(&job->lock);
    if (c && c->op) {
        (void)smbkit_on_cancel(c->op, NULL, NULL);
    }
    if (job->over) {
        job->over(job, st);
    }
    clear(job);
    pthread_mutex_lock(&s->lock);
    job->next = NULL;
    *(s->idle_count ? &s->idle_last->next : &s->idle) = job;
    s->idle_last = job;
    s->idle_count++;
    pthread_mutex_unlock(&s->lock);
    if (c) {
        smbkit_tree_done(c, st); /* the last: the volume may be gone then */
    }
}

/* ---- asking ---- */

char *sofa_cookie_get(struct sofa *s)
{
    pthread_mutex_lock(&s->lock);
    char *cookie = s->cookie ? strdup(s->cookie) : NULL;
    pthread_mutex_unlock(&s->lock);
    return cookie;
}

static void done(void *arg, struct web_answer *a)
{
    struct sofa_job *job = arg;
    struct sofa *s = job->s;
    if (a->code == 401 && s->login && !job->has_logged_in) {
        job->has_logged_in = true; /* the cookie was too old */
        sofa_login(s, job);
        return;
    }
    job->answered(job, a);
}

static void ask_now(struct sofa_job *job)
{
    struct sofa *s = job->s;
    char *cookie = sofa_cookie_get(s);
    bool has_body = job->method == WEB_PUT;
    const char *headers[] = {"Accept: */*", NULL, NULL, NULL};
    uint32_t count = 1;
    if (has_body) {
        headers[count++] = "Content-Type: application/json";
    }
    headers[count] = cookie;
    const struct web_body body = {
        .data = job->body ? job->body : "", .length = job->body_len, .fd = -1};
    bool is_file = job->node && job->node->kind == SOFA_ATTACHMENT;
    /* Writing again what may have been written comes out as a conflict with oneself. */
    const struct web_ask ask = {.method = job->method,
                                .url = job->url,
                                .headers = headers,
                                .body_max = is_file ? s->whole_max : SOFA_ANSWER_MAX,
                                .body = has_body ? &body : NULL,
                                .repeat = job->method == WEB_GET || job->method == WEB_HEAD
                                              ? WEB_REPEAT_ALWAYS
                                              : WEB_REPEAT_NEVER,
                                .done = done,
                                .arg = job};
    pthread_mutex_lock(&job->lock);
    smbkit_status st =
        job->is_cancelled ? SMBKIT_STATUS_CANCELLED : web_ask(s->web, &ask, &job->ask_id);
    pthread_mutex_unlock(&job->lock);
    if (cookie) {
        explicit_bzero(cookie, strlen(cookie));
        free(cookie);
    }
    if (!SMBKIT_OK(st)) {
        sofa_job_end(job, st);
    }
}

void sofa_job_ask(struct sofa_job *job, enum web_method method, char *url,
                  void (*answered)(struct sofa_job *job, struct web_answer *a))
{
    free(job->url);
    job->url = url;
    job->method = method;
    job->answered = answered;
    job->has_logged_in = false;
    if (!url) {
        sofa_job_end(job, SMBKIT_STATUS_NO_MEMORY);
        return;
    }
    struct sofa *s = job->s;
    pthread_mutex_lock(&s->lock);
    bool wants_login = s->login && !s->cookie;
    pthread_mutex_unlock(&s->lock);
    if (wants_login) {
        job->has_logged_in = true;
        sofa_login(s, job);
    } else {
        ask_now(job);
    }
}

static void work_run(void *arg)
{
    struct sofa_job *job = arg;
    job->work(job);
}

void sofa_job_work(struct sofa_job *job, void (*work)(struct sofa_job *job))
{
    job->work = work;
    smbkit_status st = smbkit_run(smbkit_tree_host(job->s->tree), work_run, job);
    if (!SMBKIT_OK(st)) { /* the volume closes */
        sofa_job_end(job, st == SMBKIT_STATUS_NOT_SUPPORTED ? SMBKIT_STATUS_CANCELLED : st);
    }
}

static void got(struct sofa_job *job, struct web_answer *a)
{
    if (!SMBKIT_OK(a->status)) {
        sofa_job_end(job, a->status);
        return;
    }
    text_drop(job);
    job->text = a->body;
    job->text_len = a->body_len;
    a->body = NULL;
    sofa_job_work(job, job->work);
}

void sofa_job_get(struct sofa_job *job, char *url, void (*work)(struct sofa_job *job))
{
    job->work = work;
    sofa_job_ask(job, WEB_GET, url, got);
}

/* ---- the log-in ---- */

/* "AuthSession=...; Path=/; ...": what is before the first semicolon. */
static char *cookie_of(const struct web_answer *a)
{
    const char *line = a->kept[0];
    if (!line || strncmp(line, "AuthSession=", 12) != 0) {
        return NULL;
    }
    char *value = strndup(line, strcspn(line, ";\r\n"));
    char *cookie = sofa_text("Cookie: ", value, "", "");
    free(value);
    return cookie;
}

static void logged_in(void *arg, struct web_answer *a)
{
    struct sofa *s = arg;
    char *cookie = SMBKIT_OK(a->status) ? cookie_of(a) : NULL;
    smbkit_status st = cookie                 ? SMBKIT_STATUS_SUCCESS
                       : SMBKIT_OK(a->status) ? SMBKIT_STATUS_ACCESS_DENIED
                                              : a->status;
    pthread_mutex_lock(&s->lock);
    char *old = s->cookie;
    s->cookie = cookie;
    s->is_logging_in = false;
    struct sofa_job *waiting = s->waiting;
    s->waiting = NULL;
    pthread_mutex_unlock(&s->lock);
    free(old);
    if (!SMBKIT_OK(st)) {
        smbkit_log(1, "%s no log-in code=%u", s->name, a->code);
    }
    while (waiting) {
        struct sofa_job *job = waiting;
        waiting = job->next;
        job->next = NULL;
        if (SMBKIT_OK(st)) {
            ask_now(job);
        } else {
            sofa_job_end(job, st);
        }
    }
}

void sofa_login(struct sofa *s, struct sofa_job *job)
{
    pthread_mutex_lock(&s->lock);
    bool is_first = !s->is_logging_in;
    s->is_logging_in = true;
    if (job) {
        job->next = s->waiting;
        s->waiting = job;
    }
    pthread_mutex_unlock(&s->lock);
    if (!is_first) {
        return;
    }
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded",
                                          "Accept: application/json", NULL};
    const struct web_body body = {.data = s->login, .length = strlen(s->login), .fd = -1};
    char *url = sofa_text(s->url, "_session", "", "");
    const struct web_ask ask = {.method = WEB_POST,
                                .url = url,
                                .headers = headers,
                                .body = &body,
                                .repeat = WEB_REPEAT_ALWAYS,
                                .keep = keep_cookie,
                                .body_max = SOFA_LINE_MAX,
                                .done = logged_in,
                                .arg = s};
    uint64_t id;
    smbkit_status st = url ? web_ask(s->web, &ask, &id) : SMBKIT_STATUS_NO_MEMORY;
    free(url);
    if (!SMBKIT_OK(st)) {
        struct web_answer a = {.status = st};
        logged_in(s, &a);
    }
}
