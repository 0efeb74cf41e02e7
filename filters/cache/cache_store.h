/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of files in memory: bounded, the one that was not asked for the longest goes first. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_BLOCK 65536u /* bytes; a shorter block ends the file */

/* Which file it is: an id in its domain. */
struct cache_key {
    uint64_t domain, id, id_high;
};

/* How a file looked when its blocks were good. */
struct cache_stamp {
    uint64_t size, create_time, write_time, change_time;
};

/* Bytes of a file. */
struct cache_want {
    uint64_t offset;
    uint32_t length;
};

struct cache_block;

/* A file that is open, or has blocks. Guarded by the store's lock. */
struct cache_node {
    struct cache_key key;
    struct cache_stamp stamp;
    uint64_t looked_ms; /* when the stamp was seen to be true */
    uint64_t turn;      /* counted up by each change: what was read before is not kept */
    uint64_t read_end;  /* where the last read ended */
    uint32_t opens;
    uint32_t changes; /* that are under way */
    bool is_stamped;
    struct cache_block *blocks;
    struct cache_node *next; /* in its slot */
};

struct cache_store {
    /* immutable after cache_store_init */
    uint64_t max; /* bytes */
    uint32_t slot_count;
    bool keeps_closed; /* blocks of files that nobody has open */
    pthread_mutex_t lock;
    /* guarded by lock */
    struct cache_node **nodes;   /* [slot_count] */
    struct cache_block **blocks; /* [slot_count] */
    struct cache_block *newest, *oldest;
    uint64_t bytes, count;
    uint64_t hits, misses, dropped;
};

/* false: no memory */
bool cache_store_init(struct cache_store *s, uint64_t max, bool keeps_closed);
void cache_store_fini(struct cache_store *s);

/* All below: locked. */

/* With one open more. NULL: no memory. */
struct cache_node *cache_open(struct cache_store *s, const struct cache_key *key);
void cache_close(struct cache_store *s, struct cache_node *n);
/* How it looks now: what does not fit goes. */
void cache_stamp_set(struct cache_store *s, struct cache_node *n, const struct cache_stamp *stamp,
                     uint64_t now_ms);
/* Its blocks go, and what is being read is not kept. */
void cache_drop(struct cache_store *s, struct cache_node *n);
void cache_drop_all(struct cache_store *s);
/* What is wanted into out. false: they are not all there. done_r: as a read
 * tells it. */
bool cache_get(struct cache_store *s, struct cache_node *n, const struct cache_want *want,
               uint8_t *out, uint32_t *done_r);
/* len bytes from a block's beginning on; the last block may be short where the file ends. Without
 * memory it is not kept. */
void cache_put(struct cache_store *s, struct cache_node *n, uint64_t offset, const uint8_t *data,
               size_t len);
