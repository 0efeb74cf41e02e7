/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt of a request, as libcurl sees it. */
#include "web_priv.h"

#include <stdlib.h>
#include <string.h>

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
    uint8_t *body = realloc(r->answer.body, room);
    if (!body) {
        return false;
    }
    r->answer.body = body;
    r->body_room = room;
    return true;
}

static size_t body_cb(char *data, size_t size, size_t count, void *arg)
{
    struct web_request *r = arg;
    size_t n = size * count;
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

static void set_bounds(struct web_request *r)
{
    const struct web *w = r->web;
    CURL *e = r->easy;
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* a look-up that was given up is not waited for */
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)w->connect_ms);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)((w->idle_ms + 999) / 1000));
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)WEB_TOTAL_MS);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
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
    if (w->credentials.user_password) {
        curl_easy_setopt(e, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(e, CURLOPT_USERPWD, w->credentials.user_password);
    } else if (w->credentials.bearer) {
        curl_easy_setopt(e, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(e, CURLOPT_XOAUTH2_BEARER, w->credentials.bearer);
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
    if (r->method == WEB_HEAD) {
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    }
    if (r->has_range) {
        curl_easy_setopt(e, CURLOPT_RANGE, r->range);
    }
}

bool web_easy_start(struct web_request *r)
{
    free(r->answer.body);
    r->answer = (struct web_answer){.range_total = UINT64_MAX};
    r->body_room = 0;
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
