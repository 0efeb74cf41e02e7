/* SPDX-License-Identifier: Apache-2.0 */
/* The memory that chunks lie in: slots of slabs, or blocks of the heap where a file is small. */
#include "mem_priv.h"

#include <stdlib.h>
#include <string.h>

/* So often a slot's data is moved by its file before it is mapped for good. */
#define MAP_AFTER 8u

static void bytes_free(struct memfs_volume *vol, uint8_t *bytes, uint32_t cap)
{
    if (cap == MEMFS_CHUNK) {
        memfs_slot_free(vol, bytes);
        return;
    }
    free(bytes);
    atomic_fetch_add_explicit(&vol->freed, cap, memory_order_relaxed);
}

struct memfs_chunk *memfs_chunk_new(struct memfs_volume *vol, uint32_t cap)
{
    struct memfs_chunk *chunk = malloc(sizeof(*chunk));
    if (!chunk) {
        return NULL;
    }
    chunk->bytes = cap == MEMFS_CHUNK ? memfs_slot_new(vol) : calloc(1, cap);
    chunk->cap = cap;
    atomic_init(&chunk->moves, 0);
    if (!chunk->bytes) {
        free(chunk);
        return NULL;
    }
    return chunk;
}

void memfs_chunk_free(struct memfs_volume *vol, struct memfs_chunk *chunk)
{
    bytes_free(vol, chunk->bytes, chunk->cap);
    free(chunk);
}

static bool goes_by_file(struct memfs_chunk *chunk)
{
    /* relaxed: either way is right at any time */
    return chunk->cap == MEMFS_CHUNK &&
           atomic_load_explicit(&chunk->moves, memory_order_relaxed) < MAP_AFTER &&
           atomic_fetch_add_explicit(&chunk->moves, 1, memory_order_relaxed) < MAP_AFTER;
}

void memfs_chunk_read(struct memfs_volume *vol, struct memfs_chunk *chunk, uint32_t at, uint8_t *to,
                      uint32_t len)
{
    if (!goes_by_file(chunk) || !memfs_slot_read(vol, chunk->bytes + at, to, len)) {
        memcpy(to, chunk->bytes + at, len);
    }
}

void memfs_chunk_write(struct memfs_volume *vol, struct memfs_chunk *chunk, uint32_t at,
                       const uint8_t *from, uint32_t len)
{
    if (!goes_by_file(chunk) || !memfs_slot_write(vol, chunk->bytes + at, from, len)) {
        memcpy(chunk->bytes + at, from, len);
    }
}

static bool resize_small(struct memfs_volume *vol, struct memfs_chunk *chunk, uint32_t cap)
{
    uint8_t *bytes = realloc(chunk->bytes, cap);
    if (!bytes) {
        return false;
    }
    if (cap > chunk->cap) {
        memset(bytes + chunk->cap, 0, cap - chunk->cap);
    } else {
        atomic_fetch_add_explicit(&vol->freed, chunk->cap - cap, memory_order_relaxed);
    }
    chunk->bytes = bytes;
    chunk->cap = cap;
    return true;
}

bool memfs_chunk_resize(struct memfs_volume *vol, struct memfs_chunk *chunk, uint32_t cap)
{
    if (cap == chunk->cap) {
        return true;
    }
    if (cap != MEMFS_CHUNK && chunk->cap != MEMFS_CHUNK) {
        return resize_small(vol, chunk, cap);
    }
    struct memfs_chunk old = {.bytes = chunk->bytes, .cap = chunk->cap};
    uint8_t *bytes = cap == MEMFS_CHUNK ? memfs_slot_new(vol) : malloc(cap);
    if (!bytes) {
        return false;
    }
    chunk->bytes = bytes;
    chunk->cap = cap;
    atomic_store_explicit(&chunk->moves, 0, memory_order_relaxed); /* as in goes_by_file */
    if (cap == MEMFS_CHUNK) {
        memfs_chunk_write(vol, chunk, 0, old.bytes, old.cap);
    } else {
        memfs_chunk_read(vol, &old, 0, bytes, cap);
    }
    bytes_free(vol, old.bytes, old.cap);
    return true;
}
