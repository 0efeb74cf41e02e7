/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of chunks. A small chunk is malloc'ed; a full one is a slot of a slab, a large mapping of
 * its own, so that the system has the memory back the moment the file is gone, whatever else the
 * heap holds. */
#include "mem_priv.h"

#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#include <windows.h>
#else
#include <sys/mman.h>
#endif

#if defined(_WIN32)

/* VirtualAlloc deals in 64 KiB already. */
static uint8_t *slot_new(struct memfs_volume *vol)
{
    (void)vol;
    return VirtualAlloc(NULL, MEMFS_CHUNK, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

static void slot_free(struct memfs_volume *vol, uint8_t *slot)
{
    (void)vol;
    VirtualFree(slot, 0, MEM_RELEASE);
}

void memfs_slabs_free(struct memfs_volume *vol)
{
    (void)vol;
}

#else

#define SLAB_SLOTS 64u
#define SLAB_BYTES ((size_t)SLAB_SLOTS * MEMFS_CHUNK)
#define SLAB_EMPTY                                                                                 \
    (~(uint64_t)1) /* all slots free but the first, which holds struct memfs_slab                  \
                    */

/* A volume that has so many slabs takes the next ones in pages as large as the system has: a fault
 * for 2 MiB instead of 512 of them, which cost more than the copying. A small volume does not
 * spend 2 MiB where 4 KiB do. */
#define SLABS_SMALL 8u

/* At the start of a mapping that is aligned to its own size, so that a slot finds its slab. Guarded
 * by slab_lock. */
struct memfs_slab {
    uint64_t free;           /* bit n: slot n is free, and zeroed */
    struct memfs_slab *next; /* with a free slot */
    struct memfs_slab *prev;
};

static struct memfs_slab *slab_of(const uint8_t *slot)
{
    return (struct memfs_slab *)((uintptr_t)slot & ~(uintptr_t)(SLAB_BYTES - 1));
}

static void use_large_pages(void *p, size_t len)
{
#ifdef MADV_HUGEPAGE
    (void)madvise(p, len, MADV_HUGEPAGE); /* a wish */
#else
    (void)p;
    (void)len;
#endif
}

/* Under slab_lock. */
static struct memfs_slab *slab_new(struct memfs_volume *vol)
{
    uint8_t *p = mmap(NULL, 2 * SLAB_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    uint8_t *start = (uint8_t *)slab_of(p + SLAB_BYTES - 1);
    if (start > p) {
        munmap(p, (size_t)(start - p));
    }
    munmap(start + SLAB_BYTES, (size_t)(p + SLAB_BYTES - start));
    if (vol->slab_count++ >= SLABS_SMALL) {
        use_large_pages(start, SLAB_BYTES);
    }
    struct memfs_slab *slab = (struct memfs_slab *)start;
    slab->free = SLAB_EMPTY;
    return slab;
}

static void list_add(struct memfs_volume *vol, struct memfs_slab *slab)
{
    slab->prev = NULL;
    slab->next = vol->slabs;
    if (slab->next) {
        slab->next->prev = slab;
    }
    vol->slabs = slab;
}

static void list_remove(struct memfs_volume *vol, struct memfs_slab *slab)
{
    if (slab->next) {
        slab->next->prev = slab->prev;
    }
    if (slab->prev) {
        slab->prev->next = slab->next;
    } else {
        vol->slabs = slab->next;
    }
}

static uint8_t *slot_new(struct memfs_volume *vol)
{
    uint8_t *slot = NULL;
    pthread_mutex_lock(&vol->slab_lock);
    if (!vol->slabs) {
        struct memfs_slab *slab = slab_new(vol);
        if (slab) {
            list_add(vol, slab);
        }
    }
    struct memfs_slab *slab = vol->slabs;
    if (slab) {
        int n = __builtin_ctzll(slab->free);
        slot = (uint8_t *)slab + (size_t)n * MEMFS_CHUNK;
        slab->free &= ~((uint64_t)1 << n);
        if (slab->free == 0) {
            list_remove(vol, slab);
        }
    }
    pthread_mutex_unlock(&vol->slab_lock);
    return slot;
}

static void slot_free(struct memfs_volume *vol, uint8_t *slot)
{
    struct memfs_slab *slab = slab_of(slot);
    uint32_t n = (uint32_t)((size_t)(slot - (uint8_t *)slab) / MEMFS_CHUNK);
    if (madvise(slot, MEMFS_CHUNK, MADV_DONTNEED) != 0) {
        memset(slot, 0, MEMFS_CHUNK); /* the next user counts on zeroes */
    }
    pthread_mutex_lock(&vol->slab_lock);
    if (slab->free == 0) {
        list_add(vol, slab);
    }
    slab->free |= (uint64_t)1 << n;
    bool is_empty = slab->free == SLAB_EMPTY;
    if (is_empty) {
        list_remove(vol, slab);
        vol->slab_count--;
    }
    pthread_mutex_unlock(&vol->slab_lock);
    if (is_empty) {
        munmap(slab, SLAB_BYTES);
    }
}

#endif

static void bytes_free(struct memfs_volume *vol, uint8_t *bytes, uint32_t cap)
{
    if (cap == MEMFS_CHUNK) {
        slot_free(vol, bytes);
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
    chunk->bytes = cap == MEMFS_CHUNK ? slot_new(vol) : calloc(1, cap);
    chunk->cap = cap;
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
    uint8_t *bytes = cap == MEMFS_CHUNK ? slot_new(vol) : malloc(cap);
    if (!bytes) {
        return false;
    }
    memcpy(bytes, chunk->bytes, cap < chunk->cap ? cap : chunk->cap);
    bytes_free(vol, chunk->bytes, chunk->cap);
    chunk->bytes = bytes;
    chunk->cap = cap;
    return true;
}

#if !defined(_WIN32)
void memfs_slabs_free(struct memfs_volume *vol)
{
    while (vol->slabs) {
        struct memfs_slab *slab = vol->slabs;
        list_remove(vol, slab);
        munmap(slab, SLAB_BYTES);
    }
}
#endif
