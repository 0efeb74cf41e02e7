/* SPDX-License-Identifier: Apache-2.0 */
#include "net/backend.h"

static struct loop_timer *meld(struct loop_timer *a, struct loop_timer *b)
{
    if (!a || !b) {
        return a ? a : b;
    }
    if (b->due_ms < a->due_ms) {
        struct loop_timer *t = a;
        a = b;
        b = t;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child) {
        a->child->prev = b;
    }
    a->child = b;
    return a;
}

/* Meld a list of siblings in pairs, then the pairs from right to left: what makes the heap's
 * amortised cost logarithmic. The first pass stacks the pairs through next. */
static struct loop_timer *meld_siblings(struct loop_timer *first)
{
    struct loop_timer *pairs = NULL;
    while (first) {
        struct loop_timer *a = first;
        struct loop_timer *b = a->next;
        first = b ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b) {
            b->next = b->prev = NULL;
        }
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    struct loop_timer *root = NULL;
    while (pairs) {
        struct loop_timer *next = pairs->next;
        pairs->next = NULL;
        root = meld(root, pairs);
        pairs = next;
    }
    return root;
}

void timer_heap_add(struct timer_heap *h, struct loop_timer *t)
{
    ASSERT(!t->is_set);
    t->is_set = true;
    t->child = t->next = t->prev = NULL;
    h->root = meld(h->root, t);
}

static void unlink_from_parent(struct loop_timer *t)
{
    if (t->prev->child == t) {
        t->prev->child = t->next;
    } else {
        t->prev->next = t->next;
    }
    if (t->next) {
        t->next->prev = t->prev;
    }
}

void timer_heap_remove(struct timer_heap *h, struct loop_timer *t)
{
    ASSERT(t->is_set);
    struct loop_timer *children = meld_siblings(t->child);
    if (h->root == t) {
        h->root = children;
    } else {
        unlink_from_parent(t);
        h->root = meld(h->root, children);
    }
    t->child = t->next = t->prev = NULL;
    t->is_set = false;
}
