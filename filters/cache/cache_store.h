/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of files in memory, and on a disk beneath it: bounded, the one that was not asked for the
 * longest goes first. What has to leave the memory is written to the disk by a thread. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache_disk.h"

#define CACHE_BLOCK 65536u   /* bytes; a shorter block ends the file */
#define CACHE_PIECES_MAX 130 /* blocks of one read: 8 MiB, wherever it begins */
#define CACHE_LEAVING_MAX 32 /* blocks that wait for the disk, beside those that are bounded */

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

/* What a block holds; never changed, and there as long as somebody looks at it. */
struct cache_bytes {
    atomic_uint refs;
    uint32_t len;
    uint8_t at[];
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

struct cache_order {
    struct cache_block *newest, *oldest;
};
enum { CACHE_BY_MEMORY, CACHE_BY_DISK, CACHE_ORDERS };

/* A block on its way to the disk. */
struct cache_leaving {
    struct cache_block *block; /* NULL: it is gone meanwhile */
    struct cache_bytes *bytes; /* NULL: there is none */
};

enum cache_disk_state {
    CACHE_DISK_NONE,
    CACHE_DISK_GOOD,
    CACHE_DISK_FULL,    /* what it has is used */
    CACHE_DISK_MISSING, /* no file could be made */
    CACHE_DISK_UNWRITABLE,
    CACHE_DISK_UNREADABLE,
    CACHE_DISK_DAMAGED
};

struct cache_counts {
    uint64_t hits, misses, bytes, blocks;      /* blocks: in memory or on disk */
    uint64_t disk_hits, disk_bytes, disk_size; /* disk_size: what it may have at most */
    enum cache_disk_state disk;
};

struct cache_store {
    /* immutable after cache_store_init and cache_store_disk */
    uint64_t max; /* bytes of memory */
    uint32_t slot_count;
    bool keeps_closed; /* blocks of files that nobody has open */
    bool has_thread;
    pthread_t thread;
    pthread_mutex_t lock; /* a leaf */
    /* guarded by lock */
    pthread_cond_t wake, rest;   /* the thread has something to do; has nothing any more */
    struct cache_node **nodes;   /* [slot_count] */
    struct cache_block **blocks; /* [slot_count] */
    struct cache_order orders[CACHE_ORDERS];
    uint64_t bytes, count; /* of memory */
    uint64_t hits, misses, dropped;
    struct cache_disk disk; /* its data: as the turns of the slots tell */
    struct cache_leaving leaving[CACHE_LEAVING_MAX];
    uint32_t leaving_first, leaving_count;
    struct cache_leaving writing; /* that the thread has just now */
    uint64_t disk_count, disk_bytes, disk_hits;
    enum cache_disk_state disk_state;
    bool has_disk; /* in use */
    bool ends;
};

/* false: no memory */
bool cache_store_init(struct cache_store *s, uint64_t max, uint64_t disk_max, bool keeps_closed);
void cache_store_fini(struct cache_store *s);
/* Blocks go on to a file in folder. 0, or -errno: they do not. */
int cache_store_disk(struct cache_store *s, const char *folder, uint64_t max);
/* Nothing waits for the disk any more. For tests. */
void cache_store_rest(struct cache_store *s);
void cache_store_count(struct cache_store *s, struct cache_counts *out);

/* ---- all below: locked ---- */

/* With one open more. NULL: no memory. */
struct cache_node *cache_open(struct cache_store *s, const struct cache_key *key);
void cache_close(struct cache_store *s, struct cache_node *n);
/* How it looks now: what does not fit goes. */
void cache_stamp_set(struct cache_store *s, struct cache_node *n, const struct cache_stamp *stamp,
                     uint64_t now_ms);
/* Its blocks go, and what is being read is not kept. */
void cache_drop(struct cache_store *s, struct cache_node *n);
void cache_drop_all(struct cache_store *s);

/* A block, as it was found. */
struct cache_piece {
    struct cache_bytes *bytes; /* counted; NULL: it is on disk only */
    struct cache_spot spot;
    uint64_t index; /* of blocks from the file's beginning */
    uint32_t len;
};
/* All blocks that a read of want sees, up to CACHE_PIECES_MAX of them; 0: they are not all there.
 */
unsigned cache_take(struct cache_store *s, struct cache_node *n, const struct cache_want *want,
                    struct cache_piece *out);
/* Is what was read there what was written there? Else the spot may have been another's meanwhile.
 */
bool cache_disk_is(const struct cache_store *s, const struct cache_spot *spot);
/* A piece was read from disk: into memory with it, where it is what is there still. */
void cache_promote(struct cache_store *s, struct cache_node *n, const struct cache_piece *p,
                   struct cache_bytes *bytes);
/* Instead of what is there of that block. */
void cache_put(struct cache_store *s, struct cache_node *n, uint64_t index,
               struct cache_bytes *bytes);
/* The disk is not used any more. false: that was so before. */
bool cache_disk_end(struct cache_store *s, enum cache_disk_state why);

/* ---- not locked ---- */

/* With one reference; data NULL: to be filled. NULL: no memory. */
struct cache_bytes *cache_bytes_new(const uint8_t *data, uint32_t len);
void cache_bytes_unref(struct cache_bytes *b); /* NULL allowed */
/* What a read of want gives, of pieces whose bytes are all there; bytes of it. */
uint32_t cache_copy(const struct cache_piece *pieces, unsigned count, const struct cache_want *want,
                    uint8_t *out);
