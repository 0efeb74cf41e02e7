/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes, entries and handles as objects: making, counting, freeing. */
#include "mem_priv.h"

#include <stdlib.h>
#include <string.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

static bool charge_node(struct memfs_volume *vol)
{
    uint_fast64_t used = atomic_load_explicit(&vol->nodes_used, memory_order_relaxed);
    do {
        if (used >= vol->nodes_max) {
            return false;
        }
        /* Relaxed: a counter on its own, no other memory hangs off it. */
    } while (!atomic_compare_exchange_weak_explicit(&vol->nodes_used, &used, used + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

static void uncharge_node(struct memfs_volume *vol)
{
    atomic_fetch_sub_explicit(&vol->nodes_used, 1, memory_order_relaxed);
}

static struct memfs_node *node_alloc(bool is_dir)
{
    struct memfs_node *node = calloc(1, sizeof(*node));
    if (!node) {
        return NULL;
    }
    if (is_dir) {
        node->dir = memfs_dir_new();
        if (!node->dir) {
            free(node);
            return NULL;
        }
    }
    if (pthread_rwlock_init(&node->lock, NULL) != 0) {
        memfs_dir_free(node->dir);
        free(node);
        return NULL;
    }
    return node;
}

smbkit_status memfs_node_new(struct memfs_volume *vol, uint32_t attributes,
                             struct memfs_node **node_r)
{
    if (!charge_node(vol)) {
        return SMBKIT_STATUS_DISK_FULL;
    }
    struct memfs_node *node = node_alloc(attributes & SMBKIT_ATTR_DIRECTORY);
    if (!node) {
        uncharge_node(vol);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    uint64_t now = memfs_now();
    atomic_init(&node->refs, 1);
    node->id = atomic_fetch_add_explicit(&vol->id_last, 1, memory_order_relaxed) + 1;
    node->attributes = attributes;
    node->times = (struct memfs_times){now, now, now, now};
    *node_r = node;
    return SMBKIT_STATUS_SUCCESS;
}

void memfs_trim_heap(struct memfs_volume *vol)
{
    if (atomic_load_explicit(&vol->freed, memory_order_relaxed) < MEMFS_TRIM_BYTES) {
        return;
    }
    atomic_store_explicit(&vol->freed, 0, memory_order_relaxed);
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

void memfs_node_unref(struct memfs_volume *vol, struct memfs_node *node)
{
    /* Release on the way down, acquire on the last: the freeing thread sees what the others did. */
    if (atomic_fetch_sub_explicit(&node->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    memfs_streams_drop(vol, node); /* none of them is open: that would keep the file */
    memfs_data_resize(vol, &node->data, 0);
    (void)memfs_recharge(vol, &node->data, 0, 0);
    pthread_rwlock_destroy(&node->lock);
    memfs_dir_free(node->dir);
    (void)memfs_charge_aside(vol, node->security_len, 0);
    (void)memfs_charge_aside(vol, node->ea_len, 0);
    (void)memfs_charge_aside(vol, node->extra ? node->extra->reparse_len : 0, 0);
    free(node->security);
    memfs_extra_free(node->extra);
    free(node->ea);
    atomic_fetch_add_explicit(&vol->freed, sizeof(*node) + node->security_len,
                              memory_order_relaxed);
    free(node);
    uncharge_node(vol);
}

struct memfs_entry *memfs_entry_new(struct memfs_volume *vol, struct memfs_node **node,
                                    const char *name, size_t len)
{
    struct memfs_entry *entry = calloc(1, sizeof(*entry));
    if (!entry) {
        return NULL;
    }
    entry->name = malloc(len + 1);
    if (!entry->name) {
        free(entry);
        return NULL;
    }
    memcpy(entry->name, name, len);
    entry->name[len] = '\0';
    atomic_init(&entry->refs, 1);
    entry->hash = memfs_name_hash(vol->seed, name, len);
    entry->node = *node;
    *node = NULL;
    return entry;
}

struct memfs_entry *memfs_entry_ref(struct memfs_entry *entry)
{
    /* Relaxed: the caller already holds a reference or the tree lock. */
    atomic_fetch_add_explicit(&entry->refs, 1, memory_order_relaxed);
    return entry;
}

void memfs_entry_unref(struct memfs_volume *vol, struct memfs_entry *entry)
{
    if (atomic_fetch_sub_explicit(&entry->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    memfs_node_unref(vol, entry->node);
    atomic_fetch_add_explicit(&vol->freed, sizeof(*entry), memory_order_relaxed);
    free(entry->name);
    free(entry);
}

void memfs_node_opened(struct memfs_node *node)
{
    pthread_rwlock_wrlock(&node->lock);
    node->opens++;
    pthread_rwlock_unlock(&node->lock);
}

void memfs_node_closed(struct memfs_volume *vol, struct memfs_node *node)
{
    pthread_rwlock_wrlock(&node->lock);
    if (--node->opens == 0) {
        /* What was reserved and never written is not kept beyond the last handle, as NTFS does it.
         */
        (void)memfs_recharge(vol, &node->data, node->data.backed, 0);
    }
    pthread_rwlock_unlock(&node->lock);
}
