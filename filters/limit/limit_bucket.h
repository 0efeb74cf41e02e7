/* SPDX-License-Identifier: Apache-2.0 */
/* How much may go, of whom, and in which order: the arithmetic of the filter limit, without time,
 * locks or calls of its own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum limit_kind { LIMIT_BYTES, LIMIT_READ, LIMIT_WRITE, LIMIT_OPS, LIMIT_KINDS };

/* What is allowed; 0: any amount. */
struct limit_rates {
    uint64_t per_second[LIMIT_KINDS];
    uint64_t burst_us; /* so much of it may go at once after a rest */
};

/* What a call takes of each. */
struct limit_cost {
    uint64_t of[LIMIT_KINDS];
};

/* One whose calls are counted together. due_us[k]: when all that went of it would be paid for. */
struct limit_bucket {
    uint64_t key; /* 0: free */
    uint64_t due_us[LIMIT_KINDS];
    uint64_t served; /* the order of the last call that waited and went */
    uint32_t waiting;
    uint32_t period;     /* counts the times since which somebody has been waiting */
    uint64_t blocked_in; /* the pass in which one of its calls had to stay */
};

/* One among whom a bucket is shared fairly. */
struct limit_flow {
    uint64_t key;    /* 0: free */
    uint64_t finish; /* of what it has asked for in this period of its bucket */
    uint64_t used;   /* when its last call came, of all that were counted */
    uint32_t period;
};

#define LIMIT_SLOTS 1024u /* of each; more of them at work at a time share some */
#define LIMIT_PROBES 16u
/* By how much a call puts off those after it at most: one that has waited for its turn, and one
 * that cannot wait. */
#define LIMIT_DEBT_US 3600000000u
#define LIMIT_DEBT_FORCED_US 10000000u

struct limit_table {
    struct limit_bucket buckets[LIMIT_SLOTS];
    struct limit_flow flows[LIMIT_SLOTS];
    uint64_t uses; /* of flows, counted */
};

/* That of the key, or a free or idle one for it, or else one that is shared. */
struct limit_bucket *limit_bucket_get(struct limit_table *t, uint64_t key, uint64_t now_us);
/* Where in the order a call of that client stands, of all that wait for the bucket: each client
 * gets its turn, however many calls another has there. The call counts as waiting from here on. */
uint64_t limit_order(struct limit_table *t, const struct limit_rates *r, struct limit_bucket *b,
                     uint64_t flow_key, const struct limit_cost *cost);
/* Does it take anything that is limited? */
bool limit_applies(const struct limit_rates *r, const struct limit_cost *cost);
/* Microseconds until it may go; 0: now. */
uint64_t limit_wait_us(const struct limit_rates *r, const struct limit_bucket *b,
                       const struct limit_cost *cost, uint64_t now_us);
void limit_charge(const struct limit_rates *r, struct limit_bucket *b,
                  const struct limit_cost *cost, uint64_t now_us, uint64_t debt_max_us);
/* It took less than it was charged for. */
void limit_refund(const struct limit_rates *r, struct limit_bucket *b,
                  const struct limit_cost *cost);
