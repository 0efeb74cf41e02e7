/* SPDX-License-Identifier: Apache-2.0 */
/* An interval tree: ranges of 64-bit numbers, which may overlap, each with an owner and a place in
 * an order. Intrusive, not locked, no allocation. Expected costs are given for n ranges.
 *
 * A range is first to last, both included. An empty range at n > 0 is first = n, last = n - 1: it
 * overlaps what has both n - 1 and n. */
#pragma once

#include "base/base.h"

struct range_link {
    /* set before it is added, constant while it is in a tree; no two are equal in all four */
    uint64_t first, last;
    const void *owner; /* compared only, not NULL */
    uint64_t order;    /* 0 where none is needed */
    /* the tree's: a treap by these four, its heap order from a mix of the address */
    struct range_link *left, *right;
    /* of this one and all below */
    uint64_t last_max;
    uint64_t order_min;
    const void *owners; /* the one that has them all, else something that is no owner */
};

struct ranges {
    struct range_link *root;
};

static inline bool ranges_is_empty(const struct ranges *t)
{
    return !t->root;
}
/* O(log n) */
void ranges_add(struct ranges *t, struct range_link *l);
/* l is in t. O(log n) */
void ranges_remove(struct ranges *t, struct range_link *l);
/* The one that equals key in first, last, owner and order; or NULL. O(log n) */
struct range_link *ranges_get(const struct ranges *t, const struct range_link *key);
/* One that overlaps first to last and is not but's (NULL: anybody's); or NULL. O(log n) if but is
 * NULL or no two of the tree overlap. */
struct range_link *ranges_find(const struct ranges *t, uint64_t first, uint64_t last,
                               const void *but);
/* Of those that overlap first to last the first in order; or NULL. O(log n) where most of those
 * that overlap a part of it overlap all of it; O(n) at worst. */
struct range_link *ranges_find_earliest(const struct ranges *t, uint64_t first, uint64_t last);
/* Has one of them all of first to last? O(log n) */
bool ranges_cover(const struct ranges *t, uint64_t first, uint64_t last);
