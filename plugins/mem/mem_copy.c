/* SPDX-License-Identifier: Apache-2.0 */
/* Copies from file to file. What is a hole in the source becomes one in the target. */
#include "mem_priv.h"

#include <stdlib.h>
#include <string.h>

/* A part of one chunk of the source, on its way. */
struct piece {
    uint8_t *bytes; /* MEMFS_CHUNK */
    uint64_t len;   /* of a hole: any; else within MEMFS_CHUNK */
    bool is_hole;
};

/* What the source has at offset, up to the end of its chunk, or of a hole. len 0: nothing any more.
 */
static void take(struct memfs_volume *vol, struct memfs_node *source, uint64_t offset,
                 uint64_t length, struct piece *p)
{
    pthread_rwlock_rdlock(&source->lock);
    const struct memfs_data *data = &source->data;
    uint64_t left = offset < data->size ? data->size - offset : 0;
    uint64_t room = length < left ? length : left;
    uint64_t here = offset >> MEMFS_CHUNK_BITS;
    uint64_t index = here;
    bool is_last = !memfs_pages_next(&data->pages, &index);
    p->is_hole = is_last || index > here;
    uint64_t end = (p->is_hole ? index : here + 1) << MEMFS_CHUNK_BITS;
    p->len = is_last || room < end - offset ? room : end - offset;
    if (p->len > 0 && !p->is_hole) {
        memfs_data_read(vol, data, offset, p->bytes, (uint32_t)p->len);
    }
    pthread_rwlock_unlock(&source->lock);
}

static smbkit_status put(struct memfs_volume *vol, struct memfs_open *target, uint64_t offset,
                         const struct piece *p)
{
    struct memfs_node *node = memfs_data_of(target);
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    uint64_t end = offset + p->len;
    pthread_rwlock_wrlock(&node->lock);
    if (p->is_hole) {
        memfs_data_zero(vol, &node->data, offset, p->len);
    } else {
        status = memfs_data_back(vol, &node->data, offset, p->len);
    }
    if (SMBKIT_OK(status)) {
        if (!p->is_hole) {
            memfs_data_write(vol, &node->data, offset, p->bytes, (uint32_t)p->len);
        }
        node->data.size = end > node->data.size ? end : node->data.size;
        memfs_end_write(node, target);
        return status;
    }
    pthread_rwlock_unlock(&node->lock);
    return status;
}

/* Piece by piece: two nodes' locks are never held at once. */
smbkit_status memfs_copy_range(void *volume, struct smbkit_op *op, void *file,
                               struct smbkit_copy *a)
{
    struct memfs_open *target = file;
    struct memfs_node *source = memfs_data_of(a->source);
    (void)op;
    if (source->dir || memfs_data_of(target)->dir || a->offset > MEMFS_SIZE_MAX ||
        a->length > MEMFS_SIZE_MAX - a->offset) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    struct piece p = {.bytes = malloc(MEMFS_CHUNK)};
    smbkit_status status = p.bytes ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    while (SMBKIT_OK(status) && a->done < a->length) {
        take(volume, source, a->source_offset + a->done, a->length - a->done, &p);
        if (p.len == 0) {
            break;
        }
        status = put(volume, target, a->offset + a->done, &p);
        a->done += SMBKIT_OK(status) ? p.len : 0;
    }
    free(p.bytes);
    memfs_trim_heap(volume);
    return status;
}

/* As a whole or not at all is what the caller sees, but for want of room. [MS-FSA] 2.1.5.10.4: the
 * target becomes no longer by it. */
smbkit_status memfs_clone_range(void *volume, struct smbkit_op *op, void *file,
                                struct smbkit_copy *a)
{
    struct memfs_node *target = memfs_data_of(file);
    uint64_t length = a->length;
    pthread_rwlock_rdlock(&target->lock);
    uint64_t size = target->data.size;
    pthread_rwlock_unlock(&target->lock);
    uint64_t left = a->offset < size ? size - a->offset : 0;
    a->length = left < length ? left : length;
    smbkit_status status = memfs_copy_range(volume, op, file, a);
    a->length = length;
    return status;
}
