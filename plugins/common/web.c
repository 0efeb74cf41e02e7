/* SPDX-License-Identifier: Apache-2.0 */
/* The client and its requests, up to where the driver takes them and from where it leaves them. */
#include "web_priv.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

uint64_t web_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- lists ---- */

void web_list_push(struct web_list *l, struct web_request *r)
{
    r->next = NULL;
    if (l->last) {
        l->last->next = r;
    } else {
        l->first = r;
    }
    l->last = r;
    l->count++;
}

struct web_request *web_list_pop(struct web_list *l)
{
    struct web_request *r = l->first;
    if (r) {
        web_list_take(l, r);
    }
    return r;
}

void web_list_take(struct web_list *l, struct web_request *r)
{
    struct web_request *before = NULL;
    struct web_request *at = l->first;
    while (at && at != r) {
        before = at;
        at = at->next;
    }
    if (!at) {
        return;
    }
    if (before) {
        before->next = r->next;
    } else {
        l->first = r->next;
    }
    l->last = l->last == r ? before : l->last;
    l->count--;
    r->next = NULL;
}

/* ---- the client ---- */

static void timer_due(void *arg)
{
    web_drive(arg);
}

/* libcurl's resolver may still wait for an answer in a thread of its own when nobody wants that any
 * more, and libraries below it leave something for the end of the process: their code stays. */
static void keep_library(void)
{
    Dl_info info;
    if (dladdr((void *)(uintptr_t)curl_multi_init, &info) && info.dli_fname) {
        (void)dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
    }
}

static void global_init(void)
{
    keep_library();
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool multi_init(struct web *w)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, global_init);
    w->multi = curl_multi_init();
    if (!w->multi) {
        return false;
    }
    curl_multi_setopt(w->multi, CURLMOPT_SOCKETFUNCTION, web_socket_cb);
    curl_multi_setopt(w->multi, CURLMOPT_SOCKETDATA, w);
    curl_multi_setopt(w->multi, CURLMOPT_TIMERFUNCTION, web_timer_cb);
    curl_multi_setopt(w->multi, CURLMOPT_TIMERDATA, w);
    curl_multi_setopt(w->multi, CURLMOPT_MAXCONNECTS, (long)w->in_flight_max);
    return true;
}

static bool text_copy(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return *to || !from;
}

struct web *web_new(const struct web_spec *spec)
{
    struct web *w = calloc(1, sizeof(*w));
    if (!w) {
        return NULL;
    }
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->quiet, NULL);
    w->host = spec->host;
    w->needs_tls = spec->needs_tls;
    w->repeats_errors = spec->repeats_errors;
    w->in_flight_max = spec->in_flight_max;
    w->retries = spec->retries;
    w->connect_ms = spec->connect_ms;
    w->idle_ms = spec->idle_ms;
    w->budget = web_budget_new(spec->held_max ? spec->held_max : WEB_HELD);
    w->curl_ms = UINT64_MAX;
    w->random = web_now_ms() ^ (uintptr_t)w;
    if (!text_copy(&w->name, spec->name) || !text_copy(&w->ca_file, spec->ca_file) ||
        !text_copy(&w->proxy, spec->proxy) || !text_copy(&w->sigv4, spec->sigv4) || !w->budget ||
        !multi_init(w)) {
        web_free(w);
        return NULL;
    }
    if (spec->credentials) {
        w->credentials = *spec->credentials;
        *spec->credentials = (struct web_credentials){NULL, NULL, NULL};
    }
    w->timer = smbkit_timer_new(w->host, timer_due, w);
    return w;
}

static void all_cancelled(struct web *w, struct web_list *l)
{
    for (struct web_request *r = web_list_pop(l); r; r = web_list_pop(l)) {
        web_easy_stop(r);
        r->answer.status = SMBKIT_STATUS_CANCELLED;
        web_list_push(&w->ended, r);
    }
}

void web_list_end(struct web_list *l)
{
    for (struct web_request *r = web_list_pop(l); r; r = web_list_pop(l)) {
        r->answer.url = r->last_url ? r->last_url : r->url;
        r->done(r->arg, &r->answer);
        web_request_free(r);
    }
}

/* Lock held. The one within which this is called goes on by itself; what it has left is moved. */
static void own_ending_leave(struct web *w, struct web_list *left)
{
    for (struct web_ending **at = &w->endings; *at; at = &(*at)->next) {
        struct web_ending *e = *at;
        if (pthread_equal(e->thread, pthread_self())) {
            *at = e->next;
            e->is_orphan = true;
            *left = e->left;
            e->left = (struct web_list){NULL, NULL, 0};
            return;
        }
    }
}

/* Timers and watches begin nothing any more, but one may be at its end still: a watch that was
 * freed within its own function is not waited for by who frees the others. */
void web_stop(struct web *w)
{
    struct web_list left = {NULL, NULL, 0};
    pthread_mutex_lock(&w->lock);
    w->is_over = true;
    own_ending_leave(w, &left);
    while (w->is_driving || w->endings) {
        pthread_cond_wait(&w->quiet, &w->lock);
    }
    w->is_driving = true;
    pthread_mutex_unlock(&w->lock);
    web_list_end(&left);
    all_cancelled(w, &w->flying);
    all_cancelled(w, &w->queued);
    all_cancelled(w, &w->waiting);
    curl_multi_cleanup(w->multi);
    w->multi = NULL;
    if (w->timer) {
        smbkit_timer_free(w->timer);
        w->timer = NULL;
    }
    web_list_end(&w->ended);
}

void web_free(struct web *w)
{
    if (!w) {
        return;
    }
    if (w->multi) {
        curl_multi_cleanup(w->multi);
    }
    if (w->timer) {
        smbkit_timer_free(w->timer);
    }
    web_credentials_fini(&w->credentials);
    web_budget_unref(w->budget);
    pthread_cond_destroy(&w->quiet);
    pthread_mutex_destroy(&w->lock);
    free(w->name);
    free(w->ca_file);
    free(w->proxy);
    free(w->sigv4);
    free(w);
}

/* ---- requests ---- */

void web_request_free(struct web_request *r)
{
    if (r) {
        for (struct curl_slist *h = r->headers; h; h = h->next) {
            explicit_bzero(h->data, strlen(h->data)); /* there may be cookies among them */
        }
        curl_slist_free_all(r->headers);
        web_answer_fini(&r->answer);
        free((void *)(uintptr_t)r->body.data);
        free(r->last_url);
        free(r->url);
        free(r);
    }
}

static bool headers_copy(struct web_request *r, const char *const *headers)
{
    for (; headers && *headers; headers++) {
        struct curl_slist *more = curl_slist_append(r->headers, *headers);
        if (!more) {
            return false;
        }
        r->headers = more;
    }
    return true;
}

/* libcurl calls a body by itself a form. */
static bool type_add(struct web_request *r)
{
    static const char *const other[] = {"Content-Type: application/octet-stream", NULL};
    for (const struct curl_slist *h = r->headers; h; h = h->next) {
        if (strncasecmp(h->data, "content-type:", 13) == 0) {
            return true;
        }
    }
    return headers_copy(r, other);
}

static bool body_copy(struct web_request *r, const struct web_body *body)
{
    r->body = (struct web_body){.fd = -1};
    if (!body) {
        return true;
    }
    r->body = *body;
    if (body->data) {
        void *data = malloc(body->length + 1);
        if (data) {
            memcpy(data, body->data, body->length);
        }
        r->body.data = data;
        r->body.fd = -1;
    }
    return (r->body.data || r->body.fd >= 0) && type_add(r);
}

/* Before 8.1 libcurl does not say of what it signs the hash; it takes what stands here. A file is
 * read once, when it is sent: its hash is not known before. */
static bool hash_add(struct web_request *r)
{
    static const char *const none[] = {
        "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        NULL};
    static const char *const some[] = {"x-amz-content-sha256: UNSIGNED-PAYLOAD", NULL};
    return headers_copy(r, r->body.length ? some : none);
}

/* The session's token is signed as any header is. */
static bool session_add(struct web_request *r, const struct web *w)
{
    if (!w->credentials.session) {
        return true;
    }
    size_t room = strlen(w->credentials.session) + 32;
    char *line = malloc(room);
    if (!line) {
        return false;
    }
    snprintf(line, room, "x-amz-security-token: %s", w->credentials.session);
    const char *const headers[] = {line, NULL};
    bool ok = headers_copy(r, headers);
    explicit_bzero(line, room);
    free(line);
    return ok;
}

static struct web_request *request_new(struct web *w, const struct web_ask *ask)
{
    struct web_request *r = calloc(1, sizeof(*r));
    if (!r || !text_copy(&r->url, ask->url) || !headers_copy(r, ask->headers) ||
        !body_copy(r, ask->body) || (w->sigv4 && (!hash_add(r) || !session_add(r, w)))) {
        web_request_free(r);
        return NULL;
    }
    r->web = w;
    r->method = ask->method;
    r->may_repeat = ask->repeat == WEB_REPEAT_ALWAYS ||
                    (ask->repeat == WEB_REPEAT_BY_METHOD && ask->method != WEB_POST);
    r->total_ms = ask->total_ms ? ask->total_ms : WEB_TOTAL_MS;
    r->keep = ask->keep;
    r->data = ask->data;
    r->body_max = ask->body_max;
    r->done = ask->done;
    r->arg = ask->arg;
    if (ask->range) {
        r->has_range = true;
        snprintf(r->range, sizeof(r->range), "%llu-%llu", (unsigned long long)ask->range->first,
                 (unsigned long long)ask->range->last);
    }
    return r;
}

smbkit_status web_ask(struct web *w, const struct web_ask *ask, uint64_t *id_r)
{
    if (!w->timer) {
        return w->is_over ? SMBKIT_STATUS_CANCELLED : SMBKIT_STATUS_NOT_SUPPORTED;
    }
    struct web_request *r = request_new(w, ask);
    if (!r) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    pthread_mutex_lock(&w->lock);
    if (w->is_over || w->queued.count >= WEB_QUEUE_MAX) {
        st = w->is_over ? SMBKIT_STATUS_CANCELLED : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    } else {
        r->id = ++w->next_id;
        *id_r = r->id;
        web_list_push(&w->queued, r);
        w->is_again = true;
        smbkit_timer_set(w->timer, 0);
        r = NULL;
    }
    pthread_mutex_unlock(&w->lock);
    web_request_free(r);
    return st;
}

static bool cancel_in(struct web_list *l, uint64_t id)
{
    for (struct web_request *r = l->first; r; r = r->next) {
        if (r->id == id) {
            r->is_cancelled = true;
            return true;
        }
    }
    return false;
}

void web_cancel(struct web *w, uint64_t id)
{
    pthread_mutex_lock(&w->lock);
    bool is_there = !w->is_over && (cancel_in(&w->flying, id) || cancel_in(&w->queued, id) ||
                                    cancel_in(&w->waiting, id));
    if (is_there) {
        w->is_again = true;
        smbkit_timer_set(w->timer, 0);
    }
    pthread_mutex_unlock(&w->lock);
}
