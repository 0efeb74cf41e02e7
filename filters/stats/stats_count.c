/* SPDX-License-Identifier: Apache-2.0 */
#include "stats_count.h"

#include <stddef.h>
#include <string.h>

#define STACK_BITS 16u /* threads' stacks lie farther apart than 64 KiB */

unsigned stats_step(uint64_t ns)
{
    if (ns < 1u << STATS_FIRST_BITS) {
        return 0;
    }
    unsigned bits = 63u - (unsigned)__builtin_clzll(ns);
    unsigned step = (bits - STATS_FIRST_BITS) * 4 + (unsigned)(ns >> (bits - 2) & 3) + 1;
    return step < STATS_STEPS ? step : STATS_STEPS - 1;
}

uint64_t stats_step_end(unsigned step)
{
    if (step == 0) {
        return (1u << STATS_FIRST_BITS) - 1;
    }
    if (step >= STATS_STEPS - 1) {
        return UINT64_MAX;
    }
    unsigned bits = (step - 1) / 4 + STATS_FIRST_BITS;
    return ((uint64_t)(4 + (step - 1) % 4 + 1) << (bits - 2)) - 1;
}

/* By where its stack is: nothing has to be asked for that. */
struct stats_shard *stats_shard_get(struct stats_counter *c)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0) >> STACK_BITS;
    return &c->shards[(here ^ here >> 4 ^ here >> 7) % STATS_SHARDS];
}

void stats_note(struct stats_shard *s, enum stats_end end, uint64_t ns, uint64_t bytes)
{
    stats_add(&s->ends[end], 1);
    stats_add(&s->ns, ns);
    stats_add(&s->steps[stats_step(ns)], 1);
    if (bytes > 0) {
        stats_add(&s->bytes, bytes);
    }
}

static uint64_t get(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void stats_sum(const struct stats_counter *c, struct stats_sum *out)
{
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < STATS_SHARDS; i++) {
        const struct stats_shard *s = &c->shards[i];
        for (size_t e = 0; e < STATS_ENDS; e++) {
            out->ends[e] += get(&s->ends[e]);
        }
        out->later += get(&s->later);
        out->blocked += get(&s->blocked);
        out->bytes += get(&s->bytes);
        out->ns += get(&s->ns);
        for (size_t k = 0; k < STATS_STEPS; k++) {
            uint64_t n = get(&s->steps[k]);
            out->steps[k] += n;
            out->timed += n;
        }
    }
}

static void zero(atomic_uint_fast64_t *counter)
{
    atomic_store_explicit(counter, 0, memory_order_relaxed);
}

void stats_reset(struct stats_counter *c)
{
    for (size_t i = 0; i < STATS_SHARDS; i++) {
        struct stats_shard *s = &c->shards[i];
        for (size_t e = 0; e < STATS_ENDS; e++) {
            zero(&s->ends[e]);
        }
        zero(&s->later);
        zero(&s->blocked);
        zero(&s->bytes);
        zero(&s->ns);
        for (size_t k = 0; k < STATS_STEPS; k++) {
            zero(&s->steps[k]);
        }
    }
}

uint64_t stats_percentile(const struct stats_sum *s, unsigned percent)
{
    uint64_t wanted = (s->timed * percent + 99) / 100;
    uint64_t seen = 0;
    for (unsigned k = 0; k < STATS_STEPS && s->timed > 0; k++) {
        seen += s->steps[k];
        if (seen >= wanted && seen > 0) {
            return stats_step_end(k);
        }
    }
    return 0;
}
