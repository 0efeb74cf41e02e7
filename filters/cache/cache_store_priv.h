/* SPDX-License-Identifier: Apache-2.0 */
/* Between the store and its thread. All of it: locked. */
#pragma once

#include "cache_store.h"

struct cache_block {
    struct cache_node *node;
    uint64_t index; /* of blocks from the file's beginning */
    uint32_t len;
    bool is_leaving;           /* is in s->leaving or s->writing, and in no order */
    struct cache_bytes *bytes; /* NULL: on disk only */
    struct cache_spot spot;    /* slot CACHE_NO_SLOT: in memory only */
    struct cache_block *next;  /* in its slot */
    struct cache_block *newer[CACHE_ORDERS], *older[CACHE_ORDERS];
    struct cache_block *node_next, *node_prev; /* of its file */
};

void cache_order_leave(struct cache_store *s, struct cache_block *b, unsigned order);
void cache_order_enter(struct cache_store *s, struct cache_block *b, unsigned order);
/* Wherever it is. Its node stays. */
void cache_block_free(struct cache_store *s, struct cache_block *b);
/* Does anybody need to know it any more? */
void cache_node_look(struct cache_store *s, struct cache_node *n);

/* ---- cache_spill.c ---- */

/* A block that has left the order of the memory goes to the disk. false: it cannot. */
bool cache_spill(struct cache_store *s, struct cache_block *b);
/* One that was on its way is gone. */
void cache_spill_forget(struct cache_store *s, struct cache_block *b);
/* What it has on disk goes. */
void cache_spot_free(struct cache_store *s, struct cache_block *b);
void cache_spill_end(struct cache_store *s); /* not locked; the thread ends */
