/* SPDX-License-Identifier: Apache-2.0 */
/* What comes of an attempt: success, a status, or another attempt after a while. And whether the
 * server is down: then one request a second finds out, the others fail at once. */
#include "web_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
    uint32_t code;
    smbkit_status status;
};

static const struct row codes[] = {
    {401, SMBKIT_STATUS_ACCESS_DENIED},
    {403, SMBKIT_STATUS_ACCESS_DENIED},
    {404, SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND},
    {407, SMBKIT_STATUS_ACCESS_DENIED},
    {405, SMBKIT_STATUS_NOT_SUPPORTED},
    {408, SMBKIT_STATUS_IO_TIMEOUT},
    {410, SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND},
    {412, SMBKIT_STATUS_DATA_ERROR},
    {416, SMBKIT_STATUS_DATA_ERROR},
    {429, SMBKIT_STATUS_SERVER_UNAVAILABLE},
    {451, SMBKIT_STATUS_ACCESS_DENIED},
    {501, SMBKIT_STATUS_NOT_SUPPORTED},
    {502, SMBKIT_STATUS_SERVER_UNAVAILABLE},
    {503, SMBKIT_STATUS_SERVER_UNAVAILABLE},
    {504, SMBKIT_STATUS_SERVER_UNAVAILABLE},
    {507, SMBKIT_STATUS_DISK_FULL},
};

static const struct row failures[] = {
    {CURLE_COULDNT_RESOLVE_HOST, SMBKIT_STATUS_SERVER_UNAVAILABLE},
    {CURLE_COULDNT_RESOLVE_PROXY, SMBKIT_STATUS_SERVER_UNAVAILABLE},
    {CURLE_COULDNT_CONNECT, SMBKIT_STATUS_SERVER_UNAVAILABLE},
    {CURLE_OPERATION_TIMEDOUT, SMBKIT_STATUS_IO_TIMEOUT},
    {CURLE_SSL_CONNECT_ERROR, SMBKIT_STATUS_SERVER_UNAVAILABLE},
    {CURLE_PEER_FAILED_VERIFICATION, SMBKIT_STATUS_NETWORK_ACCESS_DENIED},
    {CURLE_SSL_CACERT_BADFILE, SMBKIT_STATUS_NETWORK_ACCESS_DENIED},
    {CURLE_OUT_OF_MEMORY, SMBKIT_STATUS_NO_MEMORY},
};

static smbkit_status find(const struct row *rows, size_t count, uint32_t code)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].code == code) {
            return rows[i].status;
        }
    }
    return SMBKIT_STATUS_IO_DEVICE_ERROR;
}

static smbkit_status status_of(const struct web_request *r, CURLcode result)
{
    uint32_t code = r->answer.code;
    if (r->is_enough) {
        return SMBKIT_STATUS_CANCELLED;
    }
    if (r->answer.is_too_long) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    bool is_cut = result == CURLE_WRITE_ERROR && r->left_out > WEB_ERROR_BODY_MAX;
    if (result != CURLE_OK && !is_cut) {
        return find(failures, sizeof(failures) / sizeof(failures[0]), result);
    }
    if ((code >= 200 && code < 300) || code == 304) {
        return SMBKIT_STATUS_SUCCESS;
    }
    return find(codes, sizeof(codes) / sizeof(codes[0]), code);
}

/* The server was not there at all, as opposed to a connection that was lost in its midst. */
static bool is_absent(const struct web_request *r, CURLcode result)
{
    double connected = 0;
    curl_easy_getinfo(r->easy, CURLINFO_CONNECT_TIME, &connected);
    return result == CURLE_COULDNT_RESOLVE_HOST || result == CURLE_COULDNT_RESOLVE_PROXY ||
           result == CURLE_COULDNT_CONNECT ||
           (result == CURLE_OPERATION_TIMEDOUT && connected <= 0);
}

static bool is_worth_after(const struct web_request *r, uint32_t code)
{
    bool is_error = code == 500 || code == 502 || code == 504;
    return code == 429 || code == 503 || (is_error && r->web->repeats_errors && r->may_repeat);
}

/* Time-outs have been waited for long enough, and what is too long does not become shorter. What
 * may have been done is done again only if that makes no difference. */
static bool is_worth_another(const struct web_request *r, CURLcode result)
{
    if (r->answer.is_too_long || r->is_passed_on) {
        return false;
    }
    switch (result) {
    case CURLE_OK:
        return is_worth_after(r, r->answer.code);
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        return true;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return r->may_repeat;
    default:
        return false;
    }
}

/* ---- the pace ---- */

/* splitmix64 */
static uint64_t random_next(struct web *w)
{
    uint64_t z = (w->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Between half of the pause and all of it, so that those who failed together part. */
static uint64_t pause_ms(struct web_request *r)
{
    uint64_t ms = WEB_BACKOFF_MS;
    for (uint32_t i = 1; i < r->attempts && ms < WEB_BACKOFF_MAX_MS; i++) {
        ms *= 2;
    }
    ms = ms < WEB_BACKOFF_MAX_MS ? ms : WEB_BACKOFF_MAX_MS;
    ms = ms / 2 + random_next(r->web) % (ms / 2 + 1);
    uint64_t asked = r->answer.is_retry_set ? r->answer.retry_after_ms : 0;
    return asked > ms ? asked : ms;
}

/* ---- what is said of it ---- */

/* Scheme, host and port: what follows may be a secret. */
static void origin_of(const char *url, char *to, size_t room)
{
    const char *host = strstr(url, "://");
    size_t n = host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/?#") : 0;
    n = n < room ? n : room - 1;
    memcpy(to, url, n);
    to[n] = 0;
}

/* Lock held. One line when it begins, then one every WEB_LOG_MS at most. */
static void note_failure_locked(struct web_request *r, const char *error)
{
    struct web *w = r->web;
    uint64_t now = web_now_ms();
    w->is_failing = true;
    if (now < w->log_ms) {
        w->unlogged++;
        return;
    }
    char origin[256];
    char quoted[2][600];
    origin_of(r->url, origin, sizeof(origin));
    smbkit_log(1, "%s request failed server=%s error=%s unlogged=%u", w->name,
               smbkit_quote(origin, quoted[0], sizeof(quoted[0])),
               smbkit_quote(error, quoted[1], sizeof(quoted[1])), w->unlogged);
    w->unlogged = 0;
    w->log_ms = now + WEB_LOG_MS;
}

static void note_success_locked(struct web *w)
{
    if (w->is_down) {
        smbkit_log(2, "%s server answers again", w->name);
    }
    w->is_failing = false;
    w->is_down = false;
}

/* What the client is answered says enough of these. */
static bool is_quiet(const struct web_request *r, CURLcode result)
{
    return result == CURLE_OK && r->answer.code < 500 && r->answer.code != 429 &&
           r->answer.code != 401 && r->answer.code != 407;
}

static void note(struct web_request *r, CURLcode result, bool is_last)
{
    struct web *w = r->web;
    char code[32];
    snprintf(code, sizeof(code), "HTTP status %u", r->answer.code);
    const char *error = result == CURLE_OK      ? code
                        : r->answer.is_too_long ? "the answer is too long"
                        : r->error[0]           ? r->error
                                                : curl_easy_strerror(result);
    bool absent = is_absent(r, result);
    pthread_mutex_lock(&w->lock);
    if (absent && is_last) {
        w->is_down = true;
        w->probe_ms = web_now_ms() + WEB_DOWN_MS;
    }
    if (r->is_enough) {
        note_success_locked(w);
    } else if (is_last && !is_quiet(r, result)) {
        note_failure_locked(r, error);
    } else if (!absent && result == CURLE_OK) {
        note_success_locked(w);
    }
    pthread_mutex_unlock(&w->lock);
}

bool web_fate_may_start(struct web *w)
{
    uint64_t now = web_now_ms();
    if (!w->is_down) {
        return true;
    }
    if (now < w->probe_ms) {
        return false;
    }
    w->probe_ms = now + WEB_DOWN_MS;
    return true;
}

bool web_fate(struct web_request *r, CURLcode result)
{
    struct web *w = r->web;
    long code = 0;
    char *url = NULL;
    curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_getinfo(r->easy, CURLINFO_EFFECTIVE_URL, &url);
    r->answer.code = code > 0 ? (uint32_t)code : 0;
    r->answer.status = status_of(r, result);
    free(r->last_url);
    r->last_url = url && strcmp(url, r->url) != 0 ? strdup(url) : NULL;
    pthread_mutex_lock(&w->lock);
    bool is_down = w->is_down;
    pthread_mutex_unlock(&w->lock);
    bool is_again = is_worth_another(r, result) && r->attempts <= w->retries && !is_down &&
                    !(r->answer.is_retry_set && r->answer.retry_after_ms > WEB_RETRY_AFTER_MAX_MS);
    note(r, result, !is_again);
    if (is_again) {
        r->due_ms = web_now_ms() + pause_ms(r);
    }
    return is_again;
}
