/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt of a request, as libcurl sees it. */
#include "web_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_FIRST 16384u

static size_t header_cb(char *data, size_t size, size_t count, void *arg)
{
    struct web_request *r = arg;
    size_t n = size * count;
    if (n > WEB_HEADERS_MAX - r->header_bytes) {
        r->answer.is_too_long = true;
        return 0;
    }
    r->header_bytes += (uint32_t)n;
    web_header_take(&r->answer, data, n);
    return n;
}

static bool body_reserve(struct web_request *r, size_t more)
{
    size_t wanted = r->answer.body_len + more;
    size_t room = r->body_room ? r->body_room : BODY_FIRST;
    while (room < wanted) {
        room *= 2;
    }
    if (room == r->body_room) {
        return true;
    }
    if (!web_budget_take(r->web->budget, room - r->body_room)) {
        r->answer.is_too_long = true;
        return false;
    }
    r->answer.charged += room - r->body_room;
    uint8_t *body = realloc(r->answer.body, room);
    if (!body) {
        return false;
    }
    r->answer.body = body;
    r->body_room = room;
    return true;
}

static bool is_success(const struct web_request *r)
{
    long code = 0;
    curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &code);
    return code >= 200 && code < 300;
}

/* What a server says of an error is taken as far as there is room. */
static size_t error_body(struct web_request *r, const char *data, size_t n)
{
    size_t room = (size_t)(r->body_max - r->answer.body_len);
    size_t taken = n < room ? n : room;
    r->left_out += n - taken;
    if (r->left_out > WEB_ERROR_BODY_MAX || !body_reserve(r, taken)) {
        return 0;
    }
    memcpy(r->answer.body + r->answer.body_len, data, taken);
    r->answer.body_len += taken;
    return n;
}

static size_t body_cb(char *data, size_t size, size_t count, void *arg)
{
    struct web_request *r = arg;
    size_t n = size * count;
    if (!is_success(r)) {
        return error_body(r, data, n);
    }
    if (r->data) {
        r->is_passed_on = true;
        r->is_enough = !r->data(r->arg, (const uint8_t *)data, n);
        return r->is_enough ? 0 : n;
    }
    if (n > r->body_max - r->answer.body_len) {
        r->answer.is_too_long = true;
        return 0;
    }
    if (!body_reserve(r, n)) {
        return 0;
    }
    memcpy(r->answer.body + r->answer.body_len, data, n);
    r->answer.body_len += n;
    return n;
}

/* Of the request's own body; a file's, from the page cache of the host as a rule. */
static size_t read_cb(char *to, size_t size, size_t count, void *arg)
{
    struct web_request *r = arg;
    uint64_t left = r->body.length - r->body_at;
    size_t n = left < size * count ? (size_t)left : size * count;
    ssize_t got = n ? pread(r->body.fd, to, n, (off_t)(r->body.offset + r->body_at)) : 0;
    if (got < 0 || (got == 0 && n > 0)) {
        return CURL_READFUNC_ABORT;
    }
    r->body_at += (uint64_t)got;
    return (size_t)got;
}

static int seek_cb(void *arg, curl_off_t offset, int origin)
{
    struct web_request *r = arg;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > r->body.length) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    r->body_at = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static void set_bounds(struct web_request *r)
{
    const struct web *w = r->web;
    CURL *e = r->easy;
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* a look-up that was given up is not waited for */
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)w->connect_ms);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)((w->idle_ms + 999) / 1000));
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, r->total_ms == UINT64_MAX ? 0L : (long)r->total_ms);
    /* A signature is for one URL; and of the session's token libcurl does not know that it is a
     * secret, so it would go to whatever host the request is sent on to. */
    bool is_signed = w->sigv4 && w->credentials.user_password;
    bool may_follow = (r->method == WEB_GET || r->method == WEB_HEAD) && !is_signed;
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, may_follow ? 1L : 0L);
    curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)WEB_REDIRECTS_MAX);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, w->needs_tls ? "https" : "http,https");
}

/* Credentials go to the server of the URL alone: libcurl keeps them from where it is sent on. */
static void set_who(struct web_request *r)
{
    const struct web *w = r->web;
    CURL *e = r->easy;
    curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(e, CURLOPT_PROXY, w->proxy ? w->proxy : "");
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    if (w->ca_file) {
        curl_easy_setopt(e, CURLOPT_CAINFO, w->ca_file);
        curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    }
    if (w->credentials.user_password && w->sigv4) {
        curl_easy_setopt(e, CURLOPT_AWS_SIGV4, w->sigv4);
        curl_easy_setopt(e, CURLOPT_USERPWD, w->credentials.user_password);
    } else if (w->credentials.user_password) {
        curl_easy_setopt(e, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(e, CURLOPT_USERPWD, w->credentials.user_password);
    } else if (w->credentials.bearer) {
        curl_easy_setopt(e, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(e, CURLOPT_XOAUTH2_BEARER, w->credentials.bearer);
    }
}

static const char *const words[] = {
    [WEB_GET] = "GET",   [WEB_HEAD] = "HEAD",     [WEB_PUT] = "PUT",
    [WEB_POST] = "POST", [WEB_DELETE] = "DELETE",
};

/* The method, and what is sent. A body in memory goes as libcurl's POST whatever the method, so
 * that libcurl has all of it: to sign it, and to send it again on another connection. */
static void set_method(struct web_request *r)
{
    CURL *e = r->easy;
    bool has_body = r->method == WEB_PUT || r->method == WEB_POST;
    if (r->method == WEB_HEAD) {
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    } else if (has_body && r->body.fd >= 0) {
        r->body_at = 0;
        curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(e, CURLOPT_READFUNCTION, read_cb);
        curl_easy_setopt(e, CURLOPT_READDATA, r);
        curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, seek_cb);
        curl_easy_setopt(e, CURLOPT_SEEKDATA, r);
        curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->body.length);
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, words[r->method]);
    } else if (has_body) {
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.length);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body.data ? r->body.data : "");
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, words[r->method]);
    } else if (r->method != WEB_GET) {
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, words[r->method]);
    }
    if (!r->may_repeat) {
        /* On a connection that was open libcurl itself tries again when it turns out to be dead. */
        curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
    }
}

static void set_request(struct web_request *r)
{
    CURL *e = r->easy;
    curl_easy_setopt(e, CURLOPT_URL, r->url);
    curl_easy_setopt(e, CURLOPT_PRIVATE, r);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, r->error);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, header_cb);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, r);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, body_cb);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "smbkit");
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, r->headers);
    set_method(r);
    if (r->has_range) {
        curl_easy_setopt(e, CURLOPT_RANGE, r->range);
    }
}

bool web_easy_start(struct web_request *r)
{
    web_answer_fini(&r->answer);
    r->answer =
        (struct web_answer){.range_total = UINT64_MAX, .keep = r->keep, .budget = r->web->budget};
    r->body_room = 0;
    r->left_out = 0;
    r->header_bytes = 0;
    r->error[0] = 0;
    r->attempts++;
    r->easy = curl_easy_init();
    if (!r->easy) {
        return false;
    }
    set_request(r);
    set_bounds(r);
    set_who(r);
    if (curl_multi_add_handle(r->web->multi, r->easy) != CURLM_OK) {
        curl_easy_cleanup(r->easy);
        r->easy = NULL;
        return false;
    }
    return true;
}

void web_easy_stop(struct web_request *r)
{
    if (r->easy) {
        curl_multi_remove_handle(r->web->multi, r->easy);
        curl_easy_cleanup(r->easy);
        r->easy = NULL;
    }
}
