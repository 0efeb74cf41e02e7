/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of calls and histograms of how long they took, which threads add to without a lock. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* A time falls into one of four steps of each power of two, from 256 ns up: what is told of it is
 * no more than a quarter too much. */
#define STATS_FIRST_BITS 8u
#define STATS_STEPS 128u
#define STATS_SHARDS 4u /* of each counter: threads seldom meet */

enum stats_end { STATS_GOOD, STATS_MISSED, STATS_FAILED, STATS_ENDS };

/* All relaxed: numbers for people, each by itself. */
struct stats_shard {
    atomic_uint_fast64_t ends[STATS_ENDS];
    atomic_uint_fast64_t later; /* answered later, by whom nobody was told: not in the histogram */
    atomic_uint_fast64_t blocked; /* WOULD_BLOCK: they came again, and are counted then */
    atomic_uint_fast64_t bytes;
    atomic_uint_fast64_t ns;
    atomic_uint_fast64_t steps[STATS_STEPS];
};
struct stats_counter {
    struct stats_shard shards[STATS_SHARDS];
};

/* The sum of the shards. */
struct stats_sum {
    uint64_t ends[STATS_ENDS];
    uint64_t later, blocked, bytes, ns;
    uint64_t timed; /* those in steps */
    uint64_t steps[STATS_STEPS];
};

unsigned stats_step(uint64_t ns);
/* The longest time that falls into the step, in ns; UINT64_MAX for the last. */
uint64_t stats_step_end(unsigned step);

/* For this thread. */
struct stats_shard *stats_shard_get(struct stats_counter *c);
void stats_note(struct stats_shard *s, enum stats_end end, uint64_t ns, uint64_t bytes);
void stats_sum(const struct stats_counter *c, struct stats_sum *out);
void stats_reset(struct stats_counter *c);
/* So many of a hundred took no longer, in ns; 0: there are none. */
uint64_t stats_percentile(const struct stats_sum *s, unsigned percent);

static inline void stats_add(atomic_uint_fast64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}
