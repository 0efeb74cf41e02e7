/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing. */
#include "mem_priv.h"

#include <string.h>

void memfs_data_read(struct memfs_volume *vol, const struct memfs_data *data, uint64_t offset,
                     uint8_t *to, uint32_t len)
{
    while (len > 0) {
        uint32_t at = (uint32_t)(offset & (MEMFS_CHUNK - 1));
        uint32_t piece = MEMFS_CHUNK - at < len ? MEMFS_CHUNK - at : len;
        struct memfs_chunk *chunk = memfs_pages_get(&data->pages, offset >> MEMFS_CHUNK_BITS);
        uint32_t have = chunk && chunk->cap > at ? chunk->cap - at : 0;
        have = have < piece ? have : piece;
        if (have > 0) {
            memfs_chunk_read(vol, chunk, at, to, have);
        }
        memset(to + have, 0, piece - have);
        offset += piece;
        to += piece;
        len -= piece;
    }
}

smbkit_status memfs_read(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io)
{
    (void)op;
    struct memfs_node *node = memfs_data_of(file);
    if (node->dir) {
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    pthread_rwlock_rdlock(&node->lock);
    uint64_t size = node->data.size;
    uint64_t left = io->offset < size ? size - io->offset : 0;
    io->done = left < io->length ? (uint32_t)left : io->length;
    memfs_data_read(volume, &node->data, io->offset, io->buffer, io->done);
    pthread_rwlock_unlock(&node->lock);
    return SMBKIT_STATUS_SUCCESS;
}

void memfs_data_write(struct memfs_volume *vol, struct memfs_data *data, uint64_t offset,
                      const uint8_t *from, uint64_t len)
{
    while (len > 0) {
        uint32_t at = (uint32_t)(offset & (MEMFS_CHUNK - 1));
        uint64_t piece = MEMFS_CHUNK - at < len ? MEMFS_CHUNK - at : len;
        struct memfs_chunk *chunk = memfs_pages_get(&data->pages, offset >> MEMFS_CHUNK_BITS);
        memfs_chunk_write(vol, chunk, at, from, (uint32_t)piece);
        offset += piece;
        from += piece;
        len -= piece;
    }
}

static void copy_segments(struct memfs_volume *vol, struct memfs_data *data, uint64_t offset,
                          const struct smbkit_io *io)
{
    uint64_t left = io->length; /* what was backed, whatever the segments add up to */
    for (uint32_t i = 0; i < io->seg_count && left > 0; i++) {
        uint64_t len = io->segs[i].len < left ? io->segs[i].len : left;
        memfs_data_write(vol, data, offset, io->segs[i].base, len);
        offset += len;
        left -= len;
    }
}

smbkit_status memfs_write(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io)
{
    (void)op;
    struct memfs_open *open = file;
    struct memfs_node *node = memfs_data_of(open);
    if (node->dir) {
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    if (io->length == 0) {
        return SMBKIT_STATUS_SUCCESS; /* changes nothing, not even the size */
    }
    pthread_rwlock_wrlock(&node->lock);
    uint64_t offset = io->flags & SMBKIT_IO_APPEND ? node->data.size : io->offset;
    bool fits = offset <= MEMFS_SIZE_MAX && io->length <= MEMFS_SIZE_MAX - offset;
    smbkit_status status = fits ? memfs_data_back(volume, &node->data, offset, io->length)
                                : SMBKIT_STATUS_INVALID_PARAMETER;
    if (SMBKIT_OK(status)) {
        copy_segments(volume, &node->data, offset, io);
        uint64_t end = offset + io->length;
        node->data.size = end > node->data.size ? end : node->data.size;
        io->done = io->length;
        memfs_end_write(node, open);
        return status;
    }
    pthread_rwlock_unlock(&node->lock);
    return status;
}
