/* SPDX-License-Identifier: Apache-2.0 */
#include "limit_bucket.h"

#include <stddef.h>

#define SECOND_US 1000000u
#define WHOLE_MAX 1000000u /* seconds: more than any debt */

/* What an amount takes of time; rounded up, so that nothing is free. */
static uint64_t time_of(uint64_t amount, uint64_t per_second)
{
    uint64_t whole = amount / per_second;
    uint64_t rest = amount % per_second;
    /* rest < per_second: below 2^44 a second nothing is lost, above it microseconds are */
    uint64_t part = rest < UINT64_MAX / SECOND_US ? (rest * SECOND_US + per_second - 1) / per_second
                                                  : rest / (per_second / SECOND_US);
    return whole > WHOLE_MAX ? (uint64_t)WHOLE_MAX * SECOND_US : whole * SECOND_US + part;
}

bool limit_applies(const struct limit_rates *r, const struct limit_cost *cost)
{
    for (int k = 0; k < LIMIT_KINDS; k++) {
        if (r->per_second[k] > 0 && cost->of[k] > 0) {
            return true;
        }
    }
    return false;
}

static bool is_idle(const struct limit_bucket *b, uint64_t now_us)
{
    for (int k = 0; k < LIMIT_KINDS; k++) {
        if (b->due_us[k] > now_us) {
            return false;
        }
    }
    return b->waiting == 0;
}

struct limit_bucket *limit_bucket_get(struct limit_table *t, uint64_t key, uint64_t now_us)
{
    struct limit_bucket *idle = NULL;
    uint64_t is = key ? key : 1; /* 0 is no key */
    for (unsigned i = 0; i < LIMIT_PROBES; i++) {
        struct limit_bucket *b = &t->buckets[(is + i) % LIMIT_SLOTS];
        if (b->key == is) {
            return b;
        }
        idle = !idle && is_idle(b, now_us) ? b : idle;
    }
    if (idle) {
        *idle = (struct limit_bucket){.key = is};
    }
    return idle ? idle : &t->buckets[is % LIMIT_SLOTS];
}

static struct limit_flow *flow_get(struct limit_table *t, uint64_t key)
{
    uint64_t is = key ? key : 1;
    struct limit_flow *oldest = &t->flows[is % LIMIT_SLOTS];
    for (unsigned i = 0; i < LIMIT_PROBES; i++) {
        struct limit_flow *f = &t->flows[(is + i) % LIMIT_SLOTS];
        if (f->key == is) {
            return f;
        }
        oldest = f->used < oldest->used ? f : oldest;
    }
    *oldest = (struct limit_flow){.key = is};
    return oldest;
}

/* Start-time fair queueing: what a client asks for stands behind what it has asked for before, and
 * not before what goes now. */
uint64_t limit_order(struct limit_table *t, const struct limit_rates *r, struct limit_bucket *b,
                     uint64_t flow_key, const struct limit_cost *cost)
{
    struct limit_flow *f = flow_get(t, flow_key ^ b->key * 0x9e3779b97f4a7c15u);
    b->period += b->waiting++ == 0;
    uint64_t behind = f->period == b->period ? f->finish : 0;
    uint64_t start = behind > b->served ? behind : b->served;
    uint64_t length = 0;
    for (int k = 0; k < LIMIT_KINDS; k++) {
        uint64_t takes = r->per_second[k] ? time_of(cost->of[k], r->per_second[k]) : 0;
        length = takes > length ? takes : length;
    }
    f->finish = start + length;
    f->period = b->period;
    f->used = ++t->uses;
    return start;
}

uint64_t limit_wait_us(const struct limit_rates *r, const struct limit_bucket *b,
                       const struct limit_cost *cost, uint64_t now_us)
{
    uint64_t wait = 0;
    for (int k = 0; k < LIMIT_KINDS; k++) {
        bool counts = r->per_second[k] > 0 && cost->of[k] > 0;
        uint64_t from = now_us + r->burst_us;
        uint64_t of = counts && b->due_us[k] > from ? b->due_us[k] - from : 0;
        wait = of > wait ? of : wait;
    }
    return wait;
}

void limit_charge(const struct limit_rates *r, struct limit_bucket *b,
                  const struct limit_cost *cost, uint64_t now_us, uint64_t debt_max_us)
{
    for (int k = 0; k < LIMIT_KINDS; k++) {
        if (r->per_second[k] == 0 || cost->of[k] == 0) {
            continue;
        }
        uint64_t from = b->due_us[k] > now_us ? b->due_us[k] : now_us;
        uint64_t most = now_us + r->burst_us + debt_max_us;
        uint64_t due = from + time_of(cost->of[k], r->per_second[k]);
        b->due_us[k] = due < most ? due : from > most ? from : most;
    }
}

void limit_refund(const struct limit_rates *r, struct limit_bucket *b,
                  const struct limit_cost *cost)
{
    for (int k = 0; k < LIMIT_KINDS; k++) {
        uint64_t back = r->per_second[k] ? time_of(cost->of[k], r->per_second[k]) : 0;
        b->due_us[k] -= back < b->due_us[k] ? back : b->due_us[k];
    }
}
