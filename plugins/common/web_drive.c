/* SPDX-License-Identifier: Apache-2.0 */
/* The driver: libcurl is told of descriptors that are ready, of time that has passed and of new
 * requests, and asked what has ended. */
#include "web_priv.h"

#include <stdlib.h>

/* ---- what libcurl asks for ---- */

static void socket_ready(void *arg, uint32_t ready)
{
    struct web_socket *s = arg;
    struct web *w = s->web;
    pthread_mutex_lock(&w->lock);
    s->ready |= ready;
    if (!s->is_ready) {
        s->is_ready = true;
        s->next = w->ready;
        w->ready = s;
    }
    /* The driver is at something else: not told again until it was here. */
    bool is_parked = w->is_driving;
    s->is_parked |= is_parked;
    w->is_again = true;
    pthread_mutex_unlock(&w->lock);
    if (is_parked) {
        smbkit_fd_watch_set(s->watch, 0);
    }
    web_drive(w);
}

static void socket_free(struct web *w, struct web_socket *s)
{
    smbkit_fd_watch_free(s->watch);
    pthread_mutex_lock(&w->lock);
    for (struct web_socket **at = &w->ready; *at; at = &(*at)->next) {
        if (*at == s) {
            *at = s->next;
            break;
        }
    }
    pthread_mutex_unlock(&w->lock);
    free(s);
}

static struct web_socket *socket_new(struct web *w, curl_socket_t fd)
{
    struct web_socket *s = calloc(1, sizeof(*s));
    if (!s) {
        return NULL;
    }
    s->web = w;
    s->fd = fd;
    s->watch = smbkit_fd_watch_new(w->host, fd, socket_ready, s);
    if (!s->watch) {
        free(s);
        return NULL;
    }
    curl_multi_assign(w->multi, fd, s);
    return s;
}

/* Without memory nothing is watched, and the request ends by its time-out. */
int web_socket_cb(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket)
{
    (void)easy;
    struct web *w = arg;
    struct web_socket *s = socket;
    if (what == CURL_POLL_REMOVE) {
        if (s) {
            socket_free(w, s);
        }
        return 0;
    }
    s = s ? s : socket_new(w, fd);
    if (s) {
        s->wanted = (what & CURL_POLL_IN ? SMBKIT_FD_READABLE : 0) |
                    (what & CURL_POLL_OUT ? SMBKIT_FD_WRITABLE : 0);
        smbkit_fd_watch_set(s->watch, s->wanted);
    }
    return 0;
}

int web_timer_cb(CURLM *multi, long ms, void *arg)
{
    (void)multi;
    struct web *w = arg;
    w->curl_ms = ms < 0 ? UINT64_MAX : web_now_ms() + (uint64_t)ms;
    return 0;
}

/* ---- what is told to libcurl; with the lock held, and let go meanwhile ---- */

static void sockets_locked(struct web *w)
{
    int running;
    while (w->ready) {
        struct web_socket *s = w->ready;
        w->ready = s->next;
        uint32_t ready = s->ready;
        bool was_parked = s->is_parked;
        curl_socket_t fd = s->fd;
        s->ready = 0;
        s->is_ready = false;
        s->is_parked = false;
        int bits = (ready & SMBKIT_FD_READABLE ? CURL_CSELECT_IN : 0) |
                   (ready & SMBKIT_FD_WRITABLE ? CURL_CSELECT_OUT : 0) |
                   (ready & SMBKIT_FD_ERROR ? CURL_CSELECT_ERR : 0);
        pthread_mutex_unlock(&w->lock);
        if (was_parked) {
            smbkit_fd_watch_set(s->watch, s->wanted);
        }
        curl_multi_socket_action(w->multi, fd, bits, &running); /* s may be gone */
        pthread_mutex_lock(&w->lock);
    }
}

static void time_locked(struct web *w)
{
    if (w->curl_ms <= web_now_ms()) {
        int running;
        w->curl_ms = UINT64_MAX;
        pthread_mutex_unlock(&w->lock);
        curl_multi_socket_action(w->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        pthread_mutex_lock(&w->lock);
    }
}

static void end_locked(struct web *w, struct web_list *from, struct web_request *r,
                       smbkit_status st)
{
    web_list_take(from, r);
    r->answer.status = st;
    web_list_push(&w->ended, r);
}

static void cancels_locked(struct web *w, struct web_list *l)
{
    struct web_request *next;
    for (struct web_request *r = l->first; r; r = next) {
        next = r->next;
        if (!r->is_cancelled) {
            continue;
        }
        if (r->easy) {
            pthread_mutex_unlock(&w->lock);
            web_easy_stop(r);
            pthread_mutex_lock(&w->lock);
            next = l->first; /* others may have come meanwhile */
        }
        end_locked(w, l, r, SMBKIT_STATUS_CANCELLED);
        next = next == r ? l->first : next;
    }
}

static void due_locked(struct web *w)
{
    uint64_t now = web_now_ms();
    struct web_request *next;
    for (struct web_request *r = w->waiting.first; r; r = next) {
        next = r->next;
        if (r->due_ms <= now) {
            web_list_take(&w->waiting, r);
            web_list_push(&w->queued, r);
        }
    }
}

static void starts_locked(struct web *w)
{
    while (w->queued.first && w->flying.count < w->in_flight_max) {
        struct web_request *r = w->queued.first;
        if (!web_fate_may_start(w)) {
            end_locked(w, &w->queued, r, SMBKIT_STATUS_SERVER_UNAVAILABLE);
            continue;
        }
        web_list_take(&w->queued, r);
        web_list_push(&w->flying, r);
        pthread_mutex_unlock(&w->lock);
        bool ok = web_easy_start(r);
        pthread_mutex_lock(&w->lock);
        if (!ok) {
            end_locked(w, &w->flying, r, SMBKIT_STATUS_NO_MEMORY);
        }
    }
}

static void ends_locked(struct web *w)
{
    int left;
    for (;;) {
        pthread_mutex_unlock(&w->lock);
        CURLMsg *m = curl_multi_info_read(w->multi, &left);
        struct web_request *r = NULL;
        bool is_again = false;
        if (m && m->msg == CURLMSG_DONE) {
            CURLcode result = m->data.result;
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&r);
            is_again = web_fate(r, result);
            web_easy_stop(r);
        }
        pthread_mutex_lock(&w->lock);
        if (!m) {
            return;
        }
        if (!r) {
            continue;
        }
        web_list_take(&w->flying, r);
        web_list_push(is_again ? &w->waiting : &w->ended, r);
    }
}

/* ---- the driver ---- */

static void timer_locked(struct web *w)
{
    uint64_t due = w->curl_ms;
    for (struct web_request *r = w->waiting.first; r; r = r->next) {
        due = r->due_ms < due ? r->due_ms : due;
    }
    uint64_t now = web_now_ms();
    if (!w->is_over) {
        smbkit_timer_set(w->timer, due == UINT64_MAX ? due : due > now ? due - now : 0);
    }
}

/* Lock held, and let go. The last one, so that w may be gone afterwards. */
static void leave_locked(struct web *w)
{
    struct web_ending e = {.next = w->endings, .thread = pthread_self(), .left = w->ended};
    w->endings = &e;
    w->ended = (struct web_list){NULL, NULL, 0};
    w->is_driving = false;
    pthread_cond_broadcast(&w->quiet);
    pthread_mutex_unlock(&w->lock);
    web_list_end(&e.left);
    if (e.is_orphan) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    struct web_ending **at = &w->endings;
    while (*at != &e) {
        at = &(*at)->next;
    }
    *at = e.next;
    pthread_cond_broadcast(&w->quiet);
    pthread_mutex_unlock(&w->lock);
}

void web_drive(struct web *w)
{
    pthread_mutex_lock(&w->lock);
    w->is_again = true;
    if (w->is_driving) {
        pthread_mutex_unlock(&w->lock);
        return;
    }
    w->is_driving = true;
    while (w->is_again && !w->is_over) {
        w->is_again = false;
        sockets_locked(w);
        time_locked(w);
        cancels_locked(w, &w->flying);
        cancels_locked(w, &w->queued);
        cancels_locked(w, &w->waiting);
        due_locked(w);
        starts_locked(w);
        ends_locked(w);
        w->is_again |= w->queued.first && w->flying.count < w->in_flight_max;
    }
    timer_locked(w);
    leave_locked(w);
}
