/* SPDX-License-Identifier: Apache-2.0 */
/* The names in one directory. Enumeration goes by sequence number through an array that only grows
 * at its end; a removed entry leaves a gap, and the gaps are closed when they outnumber the
 * entries. So adding, removing and resuming cost O(log n) at most (amortised), however large the
 * directory, and a cookie never loses its meaning. */
#include "mem_priv.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 8u
#define BUCKETS_MAX (1u << 30)
#define ORDER_MIN 8u
#define GAPS_FREE 32u /* gaps that are never worth closing */

struct memfs_dir *memfs_dir_new(void)
{
    return calloc(1, sizeof(struct memfs_dir));
}

void memfs_dir_free(struct memfs_dir *dir)
{
    if (dir) {
        free(dir->buckets);
        free(dir->order);
        free(dir);
    }
}

struct memfs_entry *memfs_dir_find(const struct memfs_dir *dir, const char *name, size_t len,
                                   uint64_t hash)
{
    if (dir->bucket_count == 0) {
        return NULL;
    }
    struct memfs_entry *e = dir->buckets[hash & (dir->bucket_count - 1)];
    while (e && !(e->hash == hash && memfs_name_equal(name, len, e->name))) {
        e = e->chain;
    }
    return e;
}

static bool resize_buckets(struct memfs_dir *dir, uint32_t count)
{
    struct memfs_entry **buckets = calloc(count, sizeof(struct memfs_entry *));
    if (!buckets) {
        return false;
    }
    for (uint32_t i = 0; i < dir->order_len; i++) {
        struct memfs_entry *e = dir->order[i].entry;
        if (e) {
            struct memfs_entry **bucket = &buckets[e->hash & (count - 1)];
            e->chain = *bucket;
            *bucket = e;
        }
    }
    free(dir->buckets);
    dir->buckets = buckets;
    dir->bucket_count = count;
    return true;
}

static bool resize_order(struct memfs_dir *dir, uint32_t cap)
{
    struct memfs_order *order = realloc(dir->order, cap * sizeof(struct memfs_order));
    if (!order) {
        return false;
    }
    dir->order = order;
    dir->order_cap = cap;
    return true;
}

bool memfs_dir_reserve(struct memfs_dir *dir)
{
    if (dir->order_len == dir->order_cap) {
        if (dir->order_cap >= UINT32_MAX / 2 ||
            !resize_order(dir, dir->order_cap ? dir->order_cap * 2 : ORDER_MIN)) {
            return false;
        }
    }
    if (dir->bucket_count == 0) {
        return resize_buckets(dir, BUCKETS_MIN);
    }
    if (dir->count >= dir->bucket_count && dir->bucket_count < BUCKETS_MAX) {
        /* Without memory the chains just grow longer. */
        (void)resize_buckets(dir, dir->bucket_count * 2);
    }
    return true;
}

static void bucket_add(struct memfs_dir *dir, struct memfs_entry *entry)
{
    struct memfs_entry **bucket = &dir->buckets[entry->hash & (dir->bucket_count - 1)];
    entry->chain = *bucket;
    *bucket = entry;
}

static void bucket_remove(struct memfs_dir *dir, struct memfs_entry *entry)
{
    struct memfs_entry **at = &dir->buckets[entry->hash & (dir->bucket_count - 1)];
    while (*at != entry) {
        at = &(*at)->chain;
    }
    *at = entry->chain;
    entry->chain = NULL;
}

void memfs_dir_add(struct memfs_dir *dir, struct memfs_entry *entry)
{
    entry->seq = ++dir->seq_last;
    dir->order[dir->order_len++] = (struct memfs_order){entry->seq, entry};
    dir->count++;
    bucket_add(dir, entry);
}

uint32_t memfs_dir_after(const struct memfs_dir *dir, uint64_t seq)
{
    uint32_t low = 0;
    uint32_t high = dir->order_len;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (dir->order[mid].seq <= seq) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static void close_gaps(struct memfs_dir *dir)
{
    uint32_t to = 0;
    for (uint32_t i = 0; i < dir->order_len; i++) {
        if (dir->order[i].entry) {
            dir->order[to++] = dir->order[i];
        }
    }
    dir->order_len = to;
    if (dir->order_cap > ORDER_MIN && to < dir->order_cap / 4) {
        uint32_t cap = to * 2 > ORDER_MIN ? to * 2 : ORDER_MIN;
        (void)resize_order(dir, cap); /* giving back is best effort */
    }
}

void memfs_dir_remove(struct memfs_dir *dir, struct memfs_entry *entry)
{
    bucket_remove(dir, entry);
    dir->order[memfs_dir_after(dir, entry->seq - 1)].entry = NULL;
    dir->count--;
    if (dir->order_len - dir->count > dir->count + GAPS_FREE) {
        close_gaps(dir);
    }
    if (dir->bucket_count > BUCKETS_MIN && dir->count < dir->bucket_count / 8) {
        (void)resize_buckets(dir, dir->bucket_count / 2);
    }
}

void memfs_dir_rehash(struct memfs_dir *dir, struct memfs_entry *entry, uint64_t hash)
{
    bucket_remove(dir, entry);
    entry->hash = hash;
    bucket_add(dir, entry);
}
