/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that are held back: each has answered PENDING and waits, taking no thread, until it is let
 * go, its client gives it up, or the volume closes. They are let go in the order in which they
 * came, each on a worker of the server. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "pass.h"

#define HELD_LOOK_MS 100 /* how soon those end that are given up without anybody being told */

struct held;

/* What a filter knows of one that waits. */
struct held_tag {
    void *key;      /* the filter's own */
    uint64_t order; /* the smaller goes first; of the same, who came first */
};

/* One that waits. Read-only to filters. */
struct held_call {
    struct pass_call call;
    struct held *held;
    struct held_tag tag;
    /* guarded by held->lock */
    struct held_call *next, *prev;
    bool is_queued;
    bool is_cancelled;
    bool is_awaited;
    uint32_t place; /* of held->of_client */
};

#define HELD_CLIENTS 4096u /* counters; clients that have one in common share its part */
#define HELD_AWAITED_MAX 8u

struct held {
    /* immutable after held_init */
    struct smbkit_host *host;
    smbkit_status (*go)(void *arg, const struct pass_call *c); /* by pass_down */
    void *arg;
    /* May be set before the first call: held_max_set, left. max: how many wait at most; client_max:
     * of one client, by its address, which it cannot choose; left: one waits no more, for
     * whatever reason, called under lock; NULL: nobody wants to know. */
    uint32_t max, client_max;
    void (*left)(void *arg, const struct held_call *c);
    struct smbkit_timer *look; /* NULL: there are no timers */
    pthread_mutex_t lock;      /* before those of the filter; guards what follows */
    struct held_call *first, *last;
    uint32_t count;         /* that wait, or are about to */
    uint32_t awaited_count; /* of them: for each a thread of the server waits */
    uint32_t of_client[HELD_CLIENTS];
    uint64_t refused;
};

#define HELD_MAX_DEFAULT 10000u /* calls that wait at most, where nobody says how many */
#define HELD_MAX_MAX 1000000u

/* go passes a call down that was held; it may block. */
void held_init(struct held *h, struct smbkit_host *host,
               smbkit_status (*go)(void *arg, const struct pass_call *c), void *arg);
/* max of all, a quarter of them for one client. */
void held_max_set(struct held *h, uint32_t max);
/* Ends those that wait, as CANCELLED. */
void held_fini(struct held *h);
/* May it be held? Not what must not pend; of the calls that a thread of the server waits for only
 * those that move data, so that the ends of opens, and look-ups, go on; and not what tells of a
 * change that is made already. */
bool held_may(const struct smbkit_op *op, uint32_t id);
/* Hold it: PENDING. CANCELLED: its client has given it up. INSUFFICIENT_RESOURCES: h->max of them
 * wait already, or h->client_max of that client, or HELD_AWAITED_MAX of those that a thread of the
 * server waits for. NO_MEMORY. No lock of the filter's is held; the filter must not have answered
 * yet. tag NULL: all zero. */
smbkit_status held_add(struct held *h, const struct pass_call *c, const struct held_tag *tag);
/* Let go, in their order, those of which may_go(arg, call) says so; it is asked under h->lock.
 * NULL: all. Returns how many. Never blocks where the server lends workers. */
uint32_t held_release(struct held *h, bool (*may_go)(void *arg, const struct held_call *c),
                      void *arg);
uint32_t held_count(struct held *h);
