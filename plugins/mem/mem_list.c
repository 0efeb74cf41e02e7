/* SPDX-License-Identifier: Apache-2.0 */
/* Enumeration: a batch of entries is copied under the lock and handed on without it, since what the
 * core's sink does is not ours to know. */
#include "mem_priv.h"

#include <string.h>

#define BATCH_ENTRIES 32u
#define BATCH_NAMES_BYTES 4096u /* room for at least five of the longest names */

struct batch {
    uint32_t count;
    uint32_t names_len;
    struct smbkit_entry entries[BATCH_ENTRIES];
    struct smbkit_attr attrs[BATCH_ENTRIES];
    char names[BATCH_NAMES_BYTES];
};

/* False: full. */
static bool add(struct batch *batch, const struct memfs_order *place, bool want_attr)
{
    size_t len = strlen(place->entry->name) + 1;
    if (batch->count == BATCH_ENTRIES || len > BATCH_NAMES_BYTES - batch->names_len) {
        return false;
    }
    char *name = batch->names + batch->names_len;
    memcpy(name, place->entry->name, len);
    batch->names_len += (uint32_t)len;
    struct smbkit_attr *attr = &batch->attrs[batch->count];
    struct smbkit_entry *entry = &batch->entries[batch->count++];
    *entry = (struct smbkit_entry){.struct_size = sizeof(*entry)};
    *attr = (struct smbkit_attr){.struct_size = sizeof(*attr)};
    entry->name = name;
    entry->cookie = place->seq;
    if (want_attr) {
        entry->attr = attr;
        memfs_fill_attr(place->entry->node, attr);
    }
    return true;
}

/* Entries after the cookie, as many as fit. */
static void collect(struct memfs_volume *vol, struct memfs_dir *const *dir_at, uint64_t cookie,
                    bool want_attr, struct batch *batch)
{
    batch->count = 0;
    batch->names_len = 0;
    pthread_rwlock_rdlock(&vol->tree_lock);
    const struct memfs_dir *dir = *dir_at;
    for (uint32_t i = dir ? memfs_dir_after(dir, cookie) : 0; dir && i < dir->order_len; i++) {
        if (dir->order[i].entry && !add(batch, &dir->order[i], want_attr)) {
            break;
        }
    }
    pthread_rwlock_unlock(&vol->tree_lock);
}

static smbkit_status list(struct memfs_volume *volume, struct memfs_dir *const *dir,
                          struct smbkit_sink *sink)
{
    uint64_t cookie = sink->cookie;
    struct batch batch;
    memset(&batch, 0, sizeof(batch));
    for (;;) {
        collect(volume, dir, cookie, sink->want != 0, &batch);
        if (batch.count == 0) {
            return SMBKIT_STATUS_SUCCESS;
        }
        for (uint32_t i = 0; i < batch.count; i++) {
            if (!sink->entry(sink, &batch.entries[i])) {
                return SMBKIT_STATUS_SUCCESS;
            }
        }
        cookie = batch.entries[batch.count - 1].cookie;
    }
}

smbkit_status memfs_enumerate(void *volume, struct smbkit_op *op, void *file,
                              struct smbkit_sink *sink)
{
    const struct memfs_open *open = file;
    (void)op;
    if (!memfs_data_of(open)->dir) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return list(volume, &memfs_file_of(open)->dir, sink);
}

smbkit_status memfs_streams(void *volume, struct smbkit_op *op, void *file,
                            struct smbkit_sink *sink)
{
    (void)op;
    return list(volume, &memfs_file_of(file)->streams, sink);
}
