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

/* One that waits. Read-only to filters, under the lock of held_each. */
struct held_call {
    struct pass_call call;
    struct held *held;
    uint64_t key;  /* the filter's own */
    uint64_t cost; /* likewise */
    /* guarded by held->lock */
    struct held_call *next, *prev;
    bool is_queued;
    bool is_cancelled;
};

struct held {
    /* immutable after held_init */
    struct smbkit_host *host;
    smbkit_status (*go)(void *arg, const struct pass_call *c); /* by pass_down */
    void *arg;
    struct smbkit_timer *look; /* NULL: there are no timers */
    pthread_mutex_t lock;      /* before those of the filter; guards what follows */
    struct held_call *first, *last;
    uint32_t count; /* that wait, or are about to */
    uint64_t refused;
};

/* go passes a call down that was held; it may block. */
void held_init(struct held *h, struct smbkit_host *host,
               smbkit_status (*go)(void *arg, const struct pass_call *c), void *arg);
/* Ends those that wait, as CANCELLED. */
void held_fini(struct held *h);
/* Hold it: PENDING. CANCELLED: its client has given it up. INSUFFICIENT_RESOURCES: max of them wait
 * already. NO_MEMORY. The op must not be SYNC. No lock of the filter's is needed; the filter must
 * not have answered yet. */
smbkit_status held_add(struct held *h, const struct pass_call *c, uint32_t max, uint64_t key,
                       uint64_t cost);
/* Let go, in their order, those of which may_go(arg, call) says so; it is asked under h->lock.
 * NULL: all. Returns how many. Never blocks where the server lends workers. */
uint32_t held_release(struct held *h, bool (*may_go)(void *arg, const struct held_call *c),
                      void *arg);
uint32_t held_count(struct held *h);
