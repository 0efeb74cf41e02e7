/* SPDX-License-Identifier: Apache-2.0 */
/* Object ids and reparse points. */
#include "mem_priv.h"

#include <stdlib.h>
#include <string.h>

void memfs_extra_free(struct memfs_extra *extra)
{
    if (extra) {
        free(extra->reparse);
        free(extra);
    }
}

/* Under the node's lock, for writing. NULL: no memory. */
static struct memfs_extra *extra_of(struct memfs_node *node)
{
    if (!node->extra) {
        node->extra = calloc(1, sizeof(*node->extra));
    }
    return node->extra;
}

bool memfs_stops(struct memfs_volume *vol, struct memfs_node *node)
{
    if (!atomic_load_explicit(&vol->has_reparse_points, memory_order_relaxed)) {
        return false;
    }
    pthread_rwlock_rdlock(&node->lock);
    bool is_one = node->attributes & SMBKIT_ATTR_REPARSE_POINT;
    pthread_rwlock_unlock(&node->lock);
    return is_one;
}

static void object_id_get(const struct memfs_extra *extra, struct smbkit_object_id *a)
{
    memcpy(a->id, extra->object_id, sizeof(a->id));
    memcpy(a->birth, extra->birth, sizeof(a->birth));
}

static smbkit_status object_id_set(struct memfs_node *node, const struct smbkit_object_id *a)
{
    struct memfs_extra *extra = extra_of(node);
    if (!extra) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    extra->has_object_id = true;
    memcpy(extra->object_id, a->id, sizeof(a->id));
    memcpy(extra->birth, a->birth, sizeof(a->birth));
    memfs_note_change(node);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status memfs_object_id(void *volume, struct smbkit_op *op, void *file,
                              struct smbkit_object_id *a)
{
    struct memfs_node *node = memfs_file_of(file);
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    (void)volume;
    (void)op;
    pthread_rwlock_wrlock(&node->lock);
    bool has_one = node->extra && node->extra->has_object_id;
    if (a->flags == SMBKIT_OBJECT_ID_SET ||
        (a->flags == SMBKIT_OBJECT_ID_CREATE_OR_GET && !has_one)) {
        status = object_id_set(node, a);
    } else if (!has_one) {
        status = SMBKIT_STATUS_OBJECTID_NOT_FOUND;
    } else if (a->flags == SMBKIT_OBJECT_ID_DELETE) {
        node->extra->has_object_id = false;
        memfs_note_change(node);
    } else {
        object_id_get(node->extra, a);
    }
    pthread_rwlock_unlock(&node->lock);
    return status;
}

smbkit_status memfs_get_reparse(void *volume, struct smbkit_op *op, void *file,
                                struct smbkit_get_reparse *a)
{
    struct memfs_node *node = memfs_file_of(file);
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    (void)volume;
    (void)op;
    pthread_rwlock_rdlock(&node->lock);
    const struct memfs_extra *extra = node->extra;
    a->buffer.len = extra ? extra->reparse_len : 0;
    a->tag = extra ? extra->reparse_tag : 0;
    if (a->buffer.len == 0) {
        status = SMBKIT_STATUS_NOT_A_REPARSE_POINT;
    } else if (a->buffer.len > a->buffer.cap) {
        status = SMBKIT_STATUS_BUFFER_TOO_SMALL;
    } else {
        memcpy(a->buffer.base, extra->reparse, extra->reparse_len);
    }
    pthread_rwlock_unlock(&node->lock);
    return status;
}

/* Under the node's lock; data is taken over. */
static smbkit_status reparse_replace(struct memfs_volume *vol, struct memfs_node *node,
                                     const struct smbkit_set_reparse *a, uint8_t *data)
{
    struct memfs_extra *extra = extra_of(node);
    if (!extra) {
        free(data);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (!memfs_charge_aside(vol, extra->reparse_len, a->data.len)) {
        free(data);
        return SMBKIT_STATUS_DISK_FULL;
    }
    free(extra->reparse);
    extra->reparse = data;
    extra->reparse_len = a->data.len;
    extra->reparse_tag = data ? a->tag : 0;
    node->attributes &= ~SMBKIT_ATTR_REPARSE_POINT;
    node->attributes |= data ? SMBKIT_ATTR_REPARSE_POINT : 0;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status memfs_set_reparse(void *volume, struct smbkit_op *op, void *file,
                                const struct smbkit_set_reparse *a)
{
    struct memfs_node *node = memfs_file_of(file);
    uint8_t *data = NULL;
    (void)op;
    if (a->data.len > 0) {
        struct memfs_volume *vol = volume;
        atomic_store_explicit(&vol->has_reparse_points, true, memory_order_relaxed);
        data = malloc(a->data.len);
        if (!data) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
        memcpy(data, a->data.base, a->data.len);
    }
    pthread_rwlock_wrlock(&node->lock);
    smbkit_status status = reparse_replace(volume, node, a, data);
    if (SMBKIT_OK(status)) {
        memfs_note_change(node);
    }
    pthread_rwlock_unlock(&node->lock);
    return status;
}
