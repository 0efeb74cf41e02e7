/* SPDX-License-Identifier: Apache-2.0 */
/* Files by their ids: a table of all nodes that have a name, and of each node its names. The root
 * has no name of its own and is not in it. */
#include "mem_priv.h"

#include <stdlib.h>

#define BUCKETS_MIN 64u
#define BUCKETS_MAX (1u << 30)

static struct memfs_node **bucket_of(struct memfs_node **ids, uint32_t size, uint64_t id)
{
    return &ids[id & (size - 1)]; /* ids count up: they spread by themselves */
}

static void rehash(const struct memfs_volume *vol, struct memfs_node **to, uint32_t size)
{
    for (uint32_t i = 0; i < vol->ids_size; i++) {
        struct memfs_node *next;
        for (struct memfs_node *n = vol->ids[i]; n; n = next) {
            struct memfs_node **bucket = bucket_of(to, size, n->id);
            next = n->id_chain;
            n->id_chain = *bucket;
            *bucket = n;
        }
    }
}

bool memfs_ids_reserve(struct memfs_volume *vol)
{
    if (vol->ids_count < vol->ids_size || vol->ids_size == BUCKETS_MAX) {
        return true;
    }
    uint32_t size = vol->ids_size ? vol->ids_size * 2 : BUCKETS_MIN;
    struct memfs_node **ids = calloc(size, sizeof(struct memfs_node *));
    if (!ids) {
        return vol->ids_size > 0; /* it gets slower only */
    }
    rehash(vol, ids, size);
    free(vol->ids);
    vol->ids = ids;
    vol->ids_size = size;
    return true;
}

void memfs_id_add(struct memfs_volume *vol, struct memfs_entry *entry)
{
    struct memfs_node *node = entry->node;
    if (!node->names) {
        struct memfs_node **bucket = bucket_of(vol->ids, vol->ids_size, node->id);
        node->id_chain = *bucket;
        *bucket = node;
        vol->ids_count++;
    }
    entry->name_chain = node->names;
    node->names = entry;
}

void memfs_id_remove(struct memfs_volume *vol, struct memfs_entry *entry)
{
    struct memfs_node *node = entry->node;
    struct memfs_entry **name = &node->names;
    while (*name != entry) {
        name = &(*name)->name_chain;
    }
    *name = entry->name_chain;
    if (node->names) {
        return;
    }
    struct memfs_node **at = bucket_of(vol->ids, vol->ids_size, node->id);
    while (*at != node) {
        at = &(*at)->id_chain;
    }
    *at = node->id_chain;
    vol->ids_count--;
}

struct memfs_entry *memfs_id_find(const struct memfs_volume *vol, uint64_t id)
{
    if (id == vol->root->node->id) {
        return vol->root;
    }
    struct memfs_node *n = vol->ids_size ? *bucket_of(vol->ids, vol->ids_size, id) : NULL;
    while (n && n->id != id) {
        n = n->id_chain;
    }
    return n ? n->names : NULL;
}
