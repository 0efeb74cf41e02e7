/* SPDX-License-Identifier: Apache-2.0 */
#include "web.h"

#include <stdlib.h>

struct web_budget *web_budget_new(uint64_t max)
{
    struct web_budget *b = calloc(1, sizeof(*b));
    if (b) {
        b->refs = 1;
        b->max = max;
    }
    return b;
}

struct web_budget *web_budget_ref(struct web_budget *b)
{
    __atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED); /* who has one may make one */
    return b;
}

void web_budget_unref(struct web_budget *b)
{
    /* What others did with it is over before it is freed. */
    if (b && __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        free(b);
    }
}

bool web_budget_take(struct web_budget *b, uint64_t bytes)
{
    /* Nothing else is told by the number: no order. */
    if (__atomic_add_fetch(&b->used, bytes, __ATOMIC_RELAXED) > b->max) {
        web_budget_give(b, bytes);
        return false;
    }
    return true;
}

void web_budget_give(struct web_budget *b, uint64_t bytes)
{
    if (b) {
        __atomic_sub_fetch(&b->used, bytes, __ATOMIC_RELAXED); /* as above */
    }
}
