/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes held on somebody's behalf, charged against a bound before they are allocated: a
 * connection's, and with it its server's. Any thread. */
#pragma once

#include "base/list.h"
#include "os/sync.h"

struct budget {
    struct budget *parent; /* lock; NULL: the top */
    size_t free_bytes;     /* immutable: so much is never asked of the parent, so that everybody has
                              that in any case, and small charges touch nothing that is shared */
    struct mutex lock;     /* order: child, then parent */
    size_t limit;          /* lock */
    size_t used;           /* lock */
    struct list waiters;   /* lock: struct budget_wait, first come first served */
};

/* Somebody who waits for room; embedded. */
struct budget_wait {
    void (*wake)(struct budget_wait *w); /* under the budget's lock: may only post a job */
    /* the budget's */
    struct list link;
    struct budget *where; /* the owner's thread only: where it registered last */
    size_t need;
};

void budget_init(struct budget *b, struct budget *parent, size_t limit, size_t free_bytes);
/* Everything must have been given back. */
void budget_fini(struct budget *b);
void budget_limit_set(struct budget *b, size_t limit);
size_t budget_used(struct budget *b);
/* What b asks beyond its free bytes is asked of this parent from now on. */
void budget_move(struct budget *b, struct budget *parent);

void budget_wait_init(struct budget_wait *w, void (*wake)(struct budget_wait *w));
/* No wake comes after this. Harmless when it does not wait. */
void budget_wait_cancel(struct budget_wait *w);

/* Charge n bytes, to the parents too. False: nothing is charged, since it does not fit; then w (may
 * be NULL) waits, wherever it waited before, and is woken once when there may be room: try again
 * then. */
NODISCARD bool budget_take(struct budget *b, size_t n, struct budget_wait *w);
/* Charge what cannot be refused any more: small, and bounded by what was taken. */
void budget_force(struct budget *b, size_t n);
void budget_give(struct budget *b, size_t n);
