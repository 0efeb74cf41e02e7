/* SPDX-License-Identifier: Apache-2.0 */
/* Alternate data streams. [MS-FSA] 2.1.1.5: a file's, or a directory's, besides its data. */
#include "mem_priv.h"

#include <stdlib.h>
#include <string.h>

struct memfs_entry *memfs_stream_find(const struct memfs_volume *vol, const struct memfs_node *file,
                                      const char *name)
{
    size_t len = strlen(name);
    return file->streams
               ? memfs_dir_find(file->streams, name, len, memfs_name_hash(vol->seed, name, len))
               : NULL;
}

static bool make_room(struct memfs_node *file)
{
    if (!file->streams) {
        file->streams = memfs_dir_new();
    }
    return file->streams && memfs_dir_reserve(file->streams);
}

static smbkit_status make_node(struct memfs_volume *vol, struct memfs_node *file,
                               uint64_t alloc_size, struct memfs_node **node_r)
{
    smbkit_status status = memfs_node_new(vol, 0, node_r);
    if (SMBKIT_OK(status)) {
        pthread_rwlock_rdlock(&file->lock);
        (*node_r)->data.owner = file->data.owner;
        pthread_rwlock_unlock(&file->lock);
    }
    if (!SMBKIT_OK(status) || alloc_size == 0) {
        return status;
    }
    bool fits = alloc_size <= MEMFS_SIZE_MAX &&
                memfs_recharge(vol, &(*node_r)->data, 0, memfs_cluster_up(alloc_size));
    if (!fits) {
        memfs_node_unref(vol, *node_r);
        return SMBKIT_STATUS_DISK_FULL;
    }
    return status;
}

static void note_change(struct memfs_node *file)
{
    pthread_rwlock_wrlock(&file->lock);
    memfs_note_change(file);
    pthread_rwlock_unlock(&file->lock);
}

smbkit_status memfs_stream_create(struct memfs_volume *vol, struct memfs_node *file,
                                  const struct smbkit_create *how, struct memfs_entry **entry_r)
{
    size_t len = strlen(how->stream);
    if (len == 0 || len > MEMFS_NAME_MAX_BYTES) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    if (memfs_stream_find(vol, file, how->stream)) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    if (!make_room(file)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    struct memfs_node *node;
    smbkit_status status = make_node(vol, file, how->alloc_size, &node);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct memfs_entry *entry = memfs_entry_new(vol, &node, how->stream, len);
    if (!entry) {
        memfs_node_unref(vol, node);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    entry->parent = file;
    memfs_dir_add(file->streams, entry);
    note_change(file);
    *entry_r = memfs_entry_ref(entry);
    return SMBKIT_STATUS_SUCCESS;
}

static void drop(struct memfs_volume *vol, struct memfs_node *file, struct memfs_entry *entry)
{
    memfs_dir_remove(file->streams, entry);
    entry->parent = NULL;
    memfs_entry_unref(vol, entry);
}

void memfs_streams_drop(struct memfs_volume *vol, struct memfs_node *file)
{
    struct memfs_dir *dir = file->streams;
    for (uint32_t i = 0; dir && i < dir->order_len; i++) {
        struct memfs_entry *entry = dir->order[i].entry;
        if (entry) {
            entry->parent = NULL;
            memfs_entry_unref(vol, entry);
        }
    }
    memfs_dir_free(dir);
    file->streams = NULL;
}

void memfs_streams_give(struct memfs_node *file, struct memfs_owner *owner)
{
    struct memfs_dir *dir = file->streams;
    for (uint32_t i = 0; dir && i < dir->order_len; i++) {
        struct memfs_entry *entry = dir->order[i].entry;
        if (entry) {
            pthread_rwlock_wrlock(&entry->node->lock);
            memfs_data_give(&entry->node->data, owner);
            pthread_rwlock_unlock(&entry->node->lock);
        }
    }
}

smbkit_status memfs_stream_remove(struct memfs_volume *vol, struct memfs_open *open)
{
    struct memfs_node *file = memfs_file_of(open);
    if (!open->stream->parent) {
        return SMBKIT_STATUS_FILE_DELETED;
    }
    drop(vol, file, open->stream);
    note_change(file);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status memfs_stream_rename(struct memfs_volume *vol, struct memfs_open *open,
                                  const struct smbkit_rename *a)
{
    struct memfs_node *file = memfs_file_of(open);
    struct memfs_entry *entry = open->stream;
    size_t len = strlen(a->new_stream);
    if (!entry->parent) {
        return SMBKIT_STATUS_FILE_DELETED;
    }
    if (len == 0 || len > MEMFS_NAME_MAX_BYTES) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    struct memfs_entry *there = memfs_stream_find(vol, file, a->new_stream);
    if (there && there != entry && !(a->flags & SMBKIT_RENAME_REPLACE)) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    char *name = malloc(len + 1);
    if (!name) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    memcpy(name, a->new_stream, len + 1);
    if (there && there != entry) {
        drop(vol, file, there);
    }
    free(entry->name);
    entry->name = name;
    memfs_dir_rehash(file->streams, entry, memfs_name_hash(vol->seed, name, len));
    note_change(file);
    return SMBKIT_STATUS_SUCCESS;
}
