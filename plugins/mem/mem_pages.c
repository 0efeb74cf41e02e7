/* SPDX-License-Identifier: Apache-2.0 */
/* Chunk number -> chunk: a tree of 256 ways that is only as high as the largest number needs and
 * only as wide as there are chunks. 47 bits of chunk numbers make six levels at most. */
#include "mem_priv.h"

#include <stdlib.h>

#define FAN_BITS 8
#define FAN (1u << FAN_BITS)
#define HEIGHT_MAX 6u /* FAN^6 chunks are more than MEMFS_SIZE_MAX */

struct fan {
    uint32_t used;   /* slots that are not NULL */
    void *slot[FAN]; /* lower fans; chunks at the lowest level */
};

static uint32_t slot_at(uint64_t index, uint32_t height)
{
    return (index >> ((height - 1) * FAN_BITS)) & (FAN - 1);
}

static bool is_within(const struct memfs_pages *pages, uint64_t index)
{
    return pages->height >= HEIGHT_MAX || index >> (pages->height * FAN_BITS) == 0;
}

struct memfs_chunk *memfs_pages_get(const struct memfs_pages *pages, uint64_t index)
{
    if (!is_within(pages, index)) {
        return NULL;
    }
    void *at = pages->root;
    for (uint32_t h = pages->height; h > 0 && at; h--) {
        at = ((struct fan *)at)->slot[slot_at(index, h)];
    }
    return at;
}

/* The first chunk at or after *index_r below a fan of the height given. */
static struct memfs_chunk *next_below(void *at, uint32_t height, uint64_t *index_r)
{
    if (!at || height == 0) {
        return at;
    }
    uint64_t step = (uint64_t)1 << ((height - 1) * FAN_BITS);
    uint64_t base = *index_r & ~(step - 1); /* where slot i begins */
    for (uint32_t i = slot_at(*index_r, height); i < FAN; i++) {
        struct memfs_chunk *chunk = next_below(((struct fan *)at)->slot[i], height - 1, index_r);
        if (chunk) {
            return chunk;
        }
        base += step;
        *index_r = base;
    }
    return NULL;
}

struct memfs_chunk *memfs_pages_next(const struct memfs_pages *pages, uint64_t *index_r)
{
    return is_within(pages, *index_r) ? next_below(pages->root, pages->height, index_r) : NULL;
}

/* Put fans above the root until index lies within. */
static bool grow(struct memfs_pages *pages, uint64_t index)
{
    while (!is_within(pages, index)) {
        if (pages->root) {
            struct fan *fan = calloc(1, sizeof(*fan));
            if (!fan) {
                return false;
            }
            fan->slot[0] = pages->root;
            fan->used = 1;
            pages->root = fan;
        }
        pages->height++;
    }
    return true;
}

/* Free the fans on the way to index that have become empty. */
static void prune(void **at, uint32_t height, uint64_t index)
{
    struct fan *fan = *at;
    if (!fan || height == 0) {
        return;
    }
    void **slot = &fan->slot[slot_at(index, height)];
    bool was_set = *slot != NULL;
    prune(slot, height - 1, index);
    fan->used -= was_set && !*slot;
    if (fan->used == 0) {
        free(fan);
        *at = NULL;
    }
}

bool memfs_pages_put(struct memfs_pages *pages, uint64_t index, struct memfs_chunk *chunk)
{
    if (!grow(pages, index)) {
        return false;
    }
    void **at = &pages->root;
    struct fan *above = NULL;
    for (uint32_t h = pages->height; h > 0; h--) {
        if (!*at) {
            *at = calloc(1, sizeof(struct fan));
            if (!*at) {
                prune(&pages->root, pages->height, index);
                return false;
            }
            if (above) {
                above->used++;
            }
        }
        above = *at;
        at = &above->slot[slot_at(index, h)];
    }
    *at = chunk;
    if (above) {
        above->used++;
    }
    return true;
}

struct memfs_chunk *memfs_pages_take(struct memfs_pages *pages, uint64_t index)
{
    if (!is_within(pages, index)) {
        return NULL;
    }
    void **at = &pages->root;
    struct fan *above = NULL;
    for (uint32_t h = pages->height; h > 0 && *at; h--) {
        above = *at;
        at = &above->slot[slot_at(index, h)];
    }
    struct memfs_chunk *chunk = *at;
    if (!chunk) {
        return NULL;
    }
    *at = NULL;
    if (above) {
        above->used--;
        prune(&pages->root, pages->height, index);
    }
    if (!pages->root) {
        pages->height = 0;
    }
    return chunk;
}
