/* SPDX-License-Identifier: Apache-2.0 */
#include "smb/credits.h"

#include "base/mem.h"

#define SPAN_FIRST 128 /* a power of two, at least 64 */

bool credits_init(struct credits *c, uint32_t max)
{
    uint32_t span_max = SPAN_FIRST;
    while (span_max < 2 * max) {
        span_max *= 2;
    }
    *c = (struct credits){
        .max = max, .span = SPAN_FIRST, .span_max = span_max, .high = 1, .available = 1};
    c->used = mem_calloc(c->span / 64, sizeof(*c->used));
    return c->used != NULL;
}

void credits_max_set(struct credits *c, uint32_t max)
{
    c->max = max;
}

void credits_fini(struct credits *c)
{
    mem_free(c->used);
    c->used = NULL;
}

static bool is_used(const struct credits *c, uint64_t id)
{
    uint64_t bit = id & (c->span - 1);
    return (c->used[bit / 64] >> (bit % 64)) & 1;
}

static void mark(struct credits *c, uint64_t id, bool used)
{
    uint64_t bit = id & (c->span - 1);
    uint64_t mask = 1ull << (bit % 64);
    if (used) {
        c->used[bit / 64] |= mask;
    } else {
        c->used[bit / 64] &= ~mask;
    }
}

/* Make the map one of this many bits if it can be had. */
static void grow(struct credits *c, uint32_t span)
{
    struct credits old = *c;
    uint64_t *used = mem_calloc(span / 64, sizeof(*used));
    if (!used) {
        return;
    }
    c->used = used;
    c->span = span;
    for (uint64_t id = c->low; id < c->high; id++) {
        mark(c, id, is_used(&old, id));
    }
    mem_free(old.used);
}

static uint32_t span_for(const struct credits *c, uint64_t ids)
{
    uint32_t span = c->span;
    while (span < ids && span < c->span_max) {
        span *= 2;
    }
    return span;
}

bool credits_use(struct credits *c, uint64_t id, uint16_t charge)
{
    uint32_t count = charge ? charge : 1;
    if (id < c->low || id >= c->high || c->high - id < count) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (is_used(c, id + i)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        mark(c, id + i, true);
    }
    c->available -= count;
    c->pending += count;
    while (c->low < c->high && is_used(c, c->low)) {
        mark(c, c->low, false);
        c->low++;
    }
    return true;
}

uint16_t credits_grant(struct credits *c, uint16_t charge, uint16_t wanted)
{
    uint32_t count = charge ? charge : 1;
    ASSERT(c->pending >= count);
    c->pending -= count;
    uint32_t held = c->available + c->pending + c->promised;
    uint32_t room = held < c->max ? c->max - held : 0;
    uint32_t granted = MIN((uint32_t)(wanted ? wanted : 1), room);
    uint64_t ids = c->high - c->low + c->promised;
    uint32_t span = span_for(c, ids + granted);
    if (span > c->span) {
        grow(c, span);
    }
    granted = (uint32_t)MIN((uint64_t)granted, c->span - ids);
    c->promised += granted;
    return (uint16_t)granted;
}

void credits_sent(struct credits *c, uint32_t granted)
{
    ASSERT(granted <= c->promised);
    c->promised -= granted;
    c->high += granted;
    c->available += granted;
}
