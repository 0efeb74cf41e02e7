/* SPDX-License-Identifier: Apache-2.0 */
/* The client from the inside. Who calls libcurl is the driver: the one thread that found
 * is_driving false, in a timer's or a watch's function. Others leave word and go on: so nobody
 * holds a lock while libcurl runs, and a watch can be freed from within. */
#pragma once

#include <curl/curl.h>
#include <pthread.h>

#include "web.h"

struct web_request {
    struct web_request *next;
    uint64_t id;
    struct web *web;
    /* immutable after web_ask() */
    enum web_method method;
    bool has_range;
    char range[48];
    char *url;
    struct curl_slist *headers;
    uint64_t body_max;
    struct web_body body; /* data is a copy of its own; fd -1 and data NULL: none */
    bool may_repeat;
    uint64_t total_ms;
    const char *const *keep;
    bool (*data)(void *arg, const uint8_t *bytes, size_t len);
    void (*done)(void *arg, struct web_answer *a);
    void *arg;
    bool is_cancelled; /* guarded by web->lock */
    /* the driver's */
    CURL *easy;
    uint32_t attempts;
    uint32_t header_bytes;
    size_t body_room;
    uint64_t body_at;  /* bytes of its own body that libcurl has */
    uint64_t left_out; /* bytes of an error's body */
    bool is_passed_on; /* some of the answer, to data */
    bool is_enough;    /* data said so */
    uint64_t due_ms;   /* of the next attempt */
    struct web_answer answer;
    char *last_url;
    char error[CURL_ERROR_SIZE];
};

struct web_list {
    struct web_request *first;
    struct web_request *last;
    uint32_t count;
};
void web_list_push(struct web_list *l, struct web_request *r);
struct web_request *web_list_pop(struct web_list *l);
void web_list_take(struct web_list *l, struct web_request *r);

/* A driver that has let go of its part, and calls the functions of what has ended. */
struct web_ending {
    struct web_ending *next; /* guarded by web->lock */
    pthread_t thread;
    struct web_list left; /* its thread's */
    bool is_orphan;       /* its thread's: the client may be gone */
};
/* Calls them all. */
void web_list_end(struct web_list *l);

/* A descriptor of libcurl's. */
struct web_socket {
    struct web_socket *next; /* guarded by web->lock, as what follows */
    struct web *web;
    curl_socket_t fd;
    uint32_t ready;
    bool is_ready;   /* in web->ready */
    bool is_parked;  /* wants nothing until it was looked at */
    uint32_t wanted; /* the driver's */
    struct smbkit_fd_watch *watch;
};

struct web {
    /* immutable after web_new() */
    struct smbkit_host *host;
    char *name;
    char *ca_file;
    char *proxy;
    struct web_credentials credentials;
    char *sigv4;
    bool needs_tls;
    bool repeats_errors;
    struct web_budget *budget;
    uint32_t in_flight_max;
    uint32_t retries;
    uint64_t connect_ms;
    uint64_t idle_ms;
    struct smbkit_timer *timer;

    CURLM *multi;     /* the driver's, as what follows */
    uint64_t curl_ms; /* when libcurl wants to be called; UINT64_MAX: not */
    uint64_t random;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t quiet;
    bool is_driving;
    bool is_again; /* the driver is to look once more */
    bool is_over;
    uint64_t next_id;
    struct web_list queued; /* for their turn */
    struct web_list flying;
    struct web_list waiting; /* for another attempt */
    struct web_list ended;
    struct web_ending *endings;
    struct web_socket *ready;
    /* What fails: web_fate.c */
    bool is_failing;
    bool is_down;
    uint64_t probe_ms; /* when a server that is down is asked again */
    uint64_t log_ms;   /* before that, no line */
    uint32_t unlogged;
};

/* In a timer's or a watch's function. */
void web_drive(struct web *w);

/* The driver's. False: no memory. */
bool web_easy_start(struct web_request *r);
void web_easy_stop(struct web_request *r);
int web_socket_cb(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket);
int web_timer_cb(CURLM *multi, long ms, void *arg);

/* What comes of an attempt that has ended: true, and r->due_ms is set, if there is to be another.
 * Else r->answer.status is. */
bool web_fate(struct web_request *r, CURLcode result);
/* May it be tried at all? The server may be known to be down. */
bool web_fate_may_start(struct web *w);

void web_request_free(struct web_request *r);
