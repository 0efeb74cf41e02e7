/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ranges.h"

static const char several; /* its address is nobody's owner */

static int compare(const struct range_link *a, const struct range_link *b)
{
    if (a->first != b->first) {
        return a->first < b->first ? -1 : 1;
    }
    if (a->last != b->last) {
        return a->last < b->last ? -1 : 1;
    }
    if (a->owner != b->owner) {
        return (uintptr_t)a->owner < (uintptr_t)b->owner ? -1 : 1;
    }
    return a->order < b->order ? -1 : a->order > b->order;
}

/* Which of two is to be above in the tree: as good as random, and no peer's to choose. */
static uint64_t height(const struct range_link *l)
{
    uint64_t x = (uintptr_t)l;
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53;
    return x ^ (x >> 33);
}

static void sum_child(struct range_link *l, const struct range_link *child)
{
    if (child) {
        l->last_max = MAX(l->last_max, child->last_max);
        l->order_min = MIN(l->order_min, child->order_min);
        l->owners = l->owners == child->owners ? l->owners : &several;
    }
}

static struct range_link *summed(struct range_link *l)
{
    l->last_max = l->last;
    l->order_min = l->order;
    l->owners = l->owner;
    sum_child(l, l->left);
    sum_child(l, l->right);
    return l;
}

/* What is before l and what is after it. */
static void split(struct range_link *t, const struct range_link *l, struct range_link **before_r,
                  struct range_link **after_r)
{
    if (!t) {
        *before_r = NULL;
        *after_r = NULL;
        return;
    }
    if (compare(t, l) < 0) {
        split(t->right, l, &t->right, after_r);
        *before_r = summed(t);
    } else {
        split(t->left, l, before_r, &t->left);
        *after_r = summed(t);
    }
}

/* All of a is before all of b. */
static struct range_link *join(struct range_link *a, struct range_link *b)
{
    if (!a || !b) {
        return a ? a : b;
    }
    if (height(a) > height(b)) {
        a->right = join(a->right, b);
        return summed(a);
    }
    b->left = join(a, b->left);
    return summed(b);
}

static struct range_link *with(struct range_link *t, struct range_link *l)
{
    if (!t || height(l) > height(t)) {
        split(t, l, &l->left, &l->right);
        return summed(l);
    }
    struct range_link **side = compare(l, t) < 0 ? &t->left : &t->right;
    *side = with(*side, l);
    return summed(t);
}

static struct range_link *without(struct range_link *t, struct range_link *l)
{
    ASSERT(t);
    if (t == l) {
        return join(t->left, t->right);
    }
    struct range_link **side = compare(l, t) < 0 ? &t->left : &t->right;
    *side = without(*side, l);
    return summed(t);
}

void ranges_add(struct ranges *t, struct range_link *l)
{
    ASSERT(l->owner);
    t->root = with(t->root, l);
}

void ranges_remove(struct ranges *t, struct range_link *l)
{
    t->root = without(t->root, l);
}

struct range_link *ranges_get(const struct ranges *t, const struct range_link *key)
{
    struct range_link *l = t->root;
    while (l) {
        int c = compare(key, l);
        if (c == 0) {
            return l;
        }
        l = c < 0 ? l->left : l->right;
    }
    return NULL;
}

static bool overlaps(const struct range_link *l, uint64_t first, uint64_t last)
{
    return l->first <= last && l->last >= first;
}

/* When something on the left reaches `first` and does not overlap, it begins after `last`, and so
 * does all that is on its right: of two ways only one is ever gone to its end. */
static struct range_link *find(struct range_link *t, const struct range_link *q)
{
    if (!t || t->last_max < q->first || t->owners == q->owner) {
        return NULL;
    }
    struct range_link *l = find(t->left, q);
    if (l || t->first > q->last) {
        return l;
    }
    if (overlaps(t, q->first, q->last) && t->owner != q->owner) {
        return t;
    }
    return find(t->right, q);
}

struct range_link *ranges_find(const struct ranges *t, uint64_t first, uint64_t last,
                               const void *but)
{
    const struct range_link q = {.first = first, .last = last, .owner = but};
    return find(t->root, &q);
}

static struct range_link *earlier(struct range_link *t, const struct range_link *q,
                                  struct range_link *best)
{
    if (!t || t->last_max < q->first || (best && t->order_min > best->order)) {
        return best;
    }
    if (t->first > q->last) {
        return earlier(t->left, q, best);
    }
    if (overlaps(t, q->first, q->last) && (!best || t->order < best->order)) {
        best = t;
    }
    struct range_link *a = t->left;
    struct range_link *b = t->right;
    if (a && b && b->order_min < a->order_min) {
        SWAP(a, b);
    }
    return earlier(b, q, earlier(a, q, best));
}

struct range_link *ranges_find_earliest(const struct ranges *t, uint64_t first, uint64_t last)
{
    const struct range_link q = {.first = first, .last = last};
    return earlier(t->root, &q, NULL);
}

bool ranges_cover(const struct ranges *t, uint64_t first, uint64_t last)
{
    const struct range_link *l = t->root;
    while (l) {
        if (l->first > first) {
            l = l->left;
            continue;
        }
        /* So do all on its left begin in time. */
        if (l->last >= last || (l->left && l->left->last_max >= last)) {
            return true;
        }
        l = l->right;
    }
    return false;
}
