/* SPDX-License-Identifier: Apache-2.0 */
/* Size, reservation, holes, and what they are charged to the volume. */
#include "mem_priv.h"

#include <string.h>

static uint64_t charge_of(uint64_t backed, uint64_t reserve)
{
    return backed > reserve ? backed : reserve;
}

static bool charge_bytes(struct memfs_volume *vol, uint64_t bytes)
{
    uint_fast64_t used = atomic_load_explicit(&vol->bytes_used, memory_order_relaxed);
    do {
        if (bytes > vol->bytes_max - used) {
            return false;
        }
        /* Relaxed: a counter on its own, no other memory hangs off it. */
    } while (!atomic_compare_exchange_weak_explicit(&vol->bytes_used, &used, used + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

bool memfs_recharge(struct memfs_volume *vol, struct memfs_data *data, uint64_t backed,
                    uint64_t reserve)
{
    uint64_t before = charge_of(data->backed, data->reserve);
    uint64_t after = charge_of(backed, reserve);
    if (after > before && !memfs_owner_charge(vol, data->owner, after - before)) {
        return false;
    }
    if (after > before && !charge_bytes(vol, after - before)) {
        memfs_owner_uncharge(data->owner, after - before);
        return false;
    }
    if (after < before) {
        memfs_owner_uncharge(data->owner, before - after);
        atomic_fetch_sub_explicit(&vol->bytes_used, before - after, memory_order_relaxed);
    }
    data->backed = backed;
    data->reserve = reserve;
    return true;
}

/* Little of it is a part of what a node costs. */
static uint64_t aside_of(uint32_t len)
{
    return len < MEMFS_CLUSTER ? 0 : memfs_cluster_up(len);
}

bool memfs_charge_aside(struct memfs_volume *vol, uint32_t before, uint32_t after)
{
    uint64_t had = aside_of(before);
    uint64_t has = aside_of(after);
    if (has > had) {
        return charge_bytes(vol, has - had);
    }
    atomic_fetch_sub_explicit(&vol->bytes_used, had - has, memory_order_relaxed);
    return true;
}

static void drop_chunk(struct memfs_volume *vol, struct memfs_data *data, uint64_t index)
{
    struct memfs_chunk *chunk = memfs_pages_take(&data->pages, index);
    (void)memfs_recharge(vol, data, data->backed - chunk->cap, data->reserve);
    memfs_chunk_free(vol, chunk);
}

/* Zero what a chunk holds from at on, and give back the clusters behind. */
static void cut_chunk(struct memfs_volume *vol, struct memfs_data *data, uint64_t index,
                      uint32_t at)
{
    struct memfs_chunk *chunk = memfs_pages_get(&data->pages, index);
    if (!chunk || at >= chunk->cap) {
        return;
    }
    if (at == 0) {
        drop_chunk(vol, data, index);
        return;
    }
    memset(chunk->bytes + at, 0, chunk->cap - at);
    uint32_t before = chunk->cap;
    /* Without memory for the smaller copy, the larger one stays. */
    (void)memfs_chunk_resize(vol, chunk, (uint32_t)memfs_cluster_up(at));
    (void)memfs_recharge(vol, data, data->backed - (before - chunk->cap), data->reserve);
}

void memfs_data_resize(struct memfs_volume *vol, struct memfs_data *data, uint64_t size)
{
    uint64_t index = size >> MEMFS_CHUNK_BITS;
    cut_chunk(vol, data, index, (uint32_t)(size & (MEMFS_CHUNK - 1)));
    index += (size & (MEMFS_CHUNK - 1)) != 0;
    while (memfs_pages_next(&data->pages, &index)) {
        drop_chunk(vol, data, index);
    }
    data->size = size;
}

/* What chunk index must hold for bytes up to end. */
static uint32_t cap_for(uint64_t index, uint64_t end)
{
    uint64_t len = end - (index << MEMFS_CHUNK_BITS);
    return len >= MEMFS_CHUNK ? MEMFS_CHUNK : (uint32_t)memfs_cluster_up(len);
}

/* More than max is not counted: a hole may be of any size. */
static uint64_t missing_bytes(const struct memfs_data *data, uint64_t offset, uint64_t end,
                              uint64_t max)
{
    uint64_t missing = 0;
    for (uint64_t i = offset >> MEMFS_CHUNK_BITS; i << MEMFS_CHUNK_BITS < end && missing <= max;
         i++) {
        const struct memfs_chunk *chunk = memfs_pages_get(&data->pages, i);
        uint32_t have = chunk ? chunk->cap : 0;
        uint32_t want = cap_for(i, end);
        missing += want > have ? want - have : 0;
    }
    return missing;
}

/* Returns bytes gained; 0 with *failed set without memory. */
static uint32_t back_chunk(struct memfs_volume *vol, struct memfs_data *data, uint64_t index,
                           uint32_t cap, bool *failed)
{
    struct memfs_chunk *chunk = memfs_pages_get(&data->pages, index);
    if (chunk) {
        uint32_t before = chunk->cap;
        *failed = cap > before && !memfs_chunk_resize(vol, chunk, cap);
        return chunk->cap - before;
    }
    chunk = memfs_chunk_new(vol, cap);
    if (!chunk) {
        *failed = true;
        return 0;
    }
    if (!memfs_pages_put(&data->pages, index, chunk)) {
        memfs_chunk_free(vol, chunk);
        *failed = true;
        return 0;
    }
    return cap;
}

smbkit_status memfs_data_back(struct memfs_volume *vol, struct memfs_data *data, uint64_t offset,
                              uint64_t length)
{
    uint64_t end = offset + length;
    uint64_t backed = data->backed;
    uint64_t missing = missing_bytes(data, offset, end, vol->bytes_max);
    if (missing == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (!memfs_recharge(vol, data, backed + missing, data->reserve)) {
        return SMBKIT_STATUS_DISK_FULL;
    }
    bool failed = false;
    for (uint64_t i = offset >> MEMFS_CHUNK_BITS; i << MEMFS_CHUNK_BITS < end && !failed; i++) {
        backed += back_chunk(vol, data, i, cap_for(i, end), &failed);
    }
    (void)memfs_recharge(vol, data, backed, data->reserve); /* down to what there is */
    return failed ? SMBKIT_STATUS_NO_MEMORY : SMBKIT_STATUS_SUCCESS;
}

smbkit_status memfs_set_size(void *volume, struct smbkit_op *op, void *file,
                             const struct smbkit_size *a)
{
    uint64_t size = a->size;
    (void)op;
    struct memfs_open *open = file;
    struct memfs_node *node = memfs_data_of(open);
    if (node->dir || size > MEMFS_SIZE_MAX) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    pthread_rwlock_wrlock(&node->lock);
    if (size == node->data.size) {
        pthread_rwlock_unlock(&node->lock);
        return SMBKIT_STATUS_SUCCESS;
    }
    uint64_t reserve = memfs_cluster_up(size); /* cutting gives up what was reserved beyond */
    reserve = node->data.reserve < reserve ? node->data.reserve : reserve;
    (void)memfs_recharge(volume, &node->data, node->data.backed, reserve);
    memfs_data_resize(volume, &node->data, size);
    memfs_end_write(node, open);
    memfs_trim_heap(volume);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status memfs_overwrite(void *volume, struct smbkit_op *op, void *file,
                              struct smbkit_overwrite *a)
{
    uint32_t attributes = a->attributes;
    uint64_t alloc_size = a->alloc_size;
    struct smbkit_attr *attr = a->attr;
    (void)op;
    struct memfs_open *open = file;
    struct memfs_node *node = memfs_data_of(open);
    if (node->dir || alloc_size > MEMFS_SIZE_MAX) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    uint64_t reserve = memfs_cluster_up(alloc_size);
    pthread_rwlock_wrlock(&node->lock);
    /* The reservation comes first: when there is no room for it, the old data stays. */
    if (!memfs_recharge(volume, &node->data, node->data.backed, reserve)) {
        pthread_rwlock_unlock(&node->lock);
        return SMBKIT_STATUS_DISK_FULL;
    }
    smbkit_status status =
        open->stream ? SMBKIT_STATUS_SUCCESS : memfs_ea_replace(volume, node, &a->ea);
    if (!SMBKIT_OK(status)) {
        pthread_rwlock_unlock(&node->lock);
        return status;
    }
    memfs_data_resize(volume, &node->data, 0);
    (void)memfs_recharge(volume, &node->data, 0,
                         reserve); /* was within the old charge or granted */
    if (!open->stream) {
        node->attributes =
            (node->attributes & (SMBKIT_ATTR_COMPRESSED | SMBKIT_ATTR_REPARSE_POINT)) |
            (attributes & SMBKIT_ATTR_SETTABLE);
    }
    memfs_end_write(node, open);
    if (!open->stream) {
        pthread_rwlock_wrlock(&((struct memfs_volume *)volume)->tree_lock);
        memfs_streams_drop(volume, node);
        pthread_rwlock_unlock(&((struct memfs_volume *)volume)->tree_lock);
    }
    memfs_fill_open(open, attr);
    memfs_trim_heap(volume);
    return SMBKIT_STATUS_SUCCESS;
}

/* [MS-FSA] 2.1.5.15.1: a reservation below the size cuts the file. */
smbkit_status memfs_allocate(void *volume, struct smbkit_op *op, void *file,
                             const struct smbkit_size *a)
{
    uint64_t alloc_size = a->size;
    (void)op;
    struct memfs_open *open = file;
    struct memfs_node *node = memfs_data_of(open);
    if (node->dir || alloc_size > MEMFS_SIZE_MAX) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    pthread_rwlock_wrlock(&node->lock);
    if (alloc_size < node->data.size) {
        memfs_data_resize(volume, &node->data, alloc_size);
        (void)memfs_recharge(volume, &node->data, node->data.backed, 0);
        memfs_end_write(node, open);
        return status;
    }
    if (!memfs_recharge(volume, &node->data, node->data.backed, memfs_cluster_up(alloc_size))) {
        status = SMBKIT_STATUS_DISK_FULL;
    } else if (!open->stream) {
        memfs_note_change(node);
    }
    pthread_rwlock_unlock(&node->lock);
    return status;
}

/* The part of chunk index from byte at up to byte end (both within the chunk). */
static void zero_chunk(struct memfs_volume *vol, struct memfs_data *data, uint64_t index,
                       uint32_t at, uint32_t end)
{
    struct memfs_chunk *chunk = memfs_pages_get(&data->pages, index);
    if (end >= chunk->cap) {
        cut_chunk(vol, data, index, at);
    } else {
        memset(chunk->bytes + at, 0, end - at);
    }
}

void memfs_data_zero(struct memfs_volume *vol, struct memfs_data *data, uint64_t offset,
                     uint64_t length)
{
    uint64_t end = data->size;
    end = offset < end && length < end - offset ? offset + length : end;
    uint64_t index = offset >> MEMFS_CHUNK_BITS;
    for (; memfs_pages_next(&data->pages, &index) && index << MEMFS_CHUNK_BITS < end; index++) {
        uint64_t start = index << MEMFS_CHUNK_BITS;
        uint32_t from = offset > start ? (uint32_t)(offset - start) : 0;
        uint32_t to = end - start < MEMFS_CHUNK ? (uint32_t)(end - start) : MEMFS_CHUNK;
        if (end == data->size) {
            to = MEMFS_CHUNK; /* nothing lies beyond, so the last cluster can go as a whole */
        }
        if (from < to) {
            zero_chunk(vol, data, index, from, to);
        }
    }
}

smbkit_status memfs_zero_range(void *volume, struct smbkit_op *op, void *file,
                               const struct smbkit_span *a)
{
    (void)op;
    struct memfs_open *open = file;
    struct memfs_node *node = memfs_data_of(open);
    if (node->dir) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    pthread_rwlock_wrlock(&node->lock);
    memfs_data_zero(volume, &node->data, a->offset, a->length);
    memfs_end_write(node, open);
    memfs_trim_heap(volume);
    return SMBKIT_STATUS_SUCCESS;
}

/* What is not needed any more reads as zeroes. */
smbkit_status memfs_trim(void *volume, struct smbkit_op *op, void *file,
                         const struct smbkit_span *a)
{
    return memfs_zero_range(volume, op, file, a);
}

/* States of the file, whichever of its streams was opened. */
static void set_state(struct memfs_open *open, uint32_t attribute, bool on)
{
    struct memfs_node *node = memfs_file_of(open);
    pthread_rwlock_wrlock(&node->lock);
    node->attributes &= ~attribute;
    node->attributes |= on ? attribute : 0;
    memfs_note_change(node);
    pthread_rwlock_unlock(&node->lock);
}

/* A file that is sparse no more has memory for all of its size. [MS-FSA] 2.1.5.10.36 */
smbkit_status memfs_set_sparse(void *volume, struct smbkit_op *op, void *file,
                               const struct smbkit_value *a)
{
    (void)op;
    struct memfs_node *data = memfs_data_of(file);
    if (!a->value) {
        pthread_rwlock_wrlock(&data->lock);
        smbkit_status status = memfs_data_back(volume, &data->data, 0, data->data.size);
        pthread_rwlock_unlock(&data->lock);
        if (!SMBKIT_OK(status)) {
            return status;
        }
    }
    set_state(file, SMBKIT_ATTR_SPARSE, a->value);
    return SMBKIT_STATUS_SUCCESS;
}

#define COMPRESSION_LZNT1 2u /* [MS-FSCC] 2.3.9 */

smbkit_status memfs_get_compression(void *volume, struct smbkit_op *op, void *file,
                                    struct smbkit_value *a)
{
    struct memfs_node *node = memfs_file_of(file);
    (void)volume;
    (void)op;
    pthread_rwlock_rdlock(&node->lock);
    a->value = node->attributes & SMBKIT_ATTR_COMPRESSED ? COMPRESSION_LZNT1 : 0;
    pthread_rwlock_unlock(&node->lock);
    return SMBKIT_STATUS_SUCCESS;
}

/* A state that is kept and shown: memory is not compressed. */
smbkit_status memfs_set_compression(void *volume, struct smbkit_op *op, void *file,
                                    const struct smbkit_value *a)
{
    (void)volume;
    (void)op;
    set_state(file, SMBKIT_ATTR_COMPRESSED, a->value);
    return SMBKIT_STATUS_SUCCESS;
}

/* Append [from, to) to the ranges found, or to the last of them when it touches. False: no room. */
static bool add_range(struct smbkit_range *out, uint32_t *count, uint32_t room,
                      const struct smbkit_range *range)
{
    struct smbkit_range *last = *count > 0 ? &out[*count - 1] : NULL;
    if (last && last->offset + last->length == range->offset) {
        last->length += range->length;
        return true;
    }
    if (*count == room) {
        return false;
    }
    out[(*count)++] = *range;
    return true;
}

smbkit_status memfs_ranges(void *volume, struct smbkit_op *op, void *file, struct smbkit_ranges *a)
{
    uint64_t offset = a->offset;
    uint64_t length = a->length;
    struct smbkit_range *out = a->out;
    uint32_t *count_r = &a->count;
    *count_r = a->room;
    (void)volume;
    (void)op;
    struct memfs_node *node = memfs_data_of(file);
    uint32_t room = *count_r;
    *count_r = 0;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    pthread_rwlock_rdlock(&node->lock);
    const struct memfs_data *data = &node->data;
    uint64_t end = data->size;
    end = offset < end && length < end - offset ? offset + length : end;
    uint64_t index = offset >> MEMFS_CHUNK_BITS;
    /* The unit of a hole is a chunk, as it is on NTFS, however much of one is backed. */
    for (; memfs_pages_next(&data->pages, &index) != NULL; index++) {
        uint64_t start = index << MEMFS_CHUNK_BITS;
        if (start >= end) {
            break;
        }
        uint64_t from = start > offset ? start : offset;
        uint64_t to = start + MEMFS_CHUNK < end ? start + MEMFS_CHUNK : end;
        if (from < to && !add_range(out, count_r, room, &(struct smbkit_range){from, to - from})) {
            status = SMBKIT_STATUS_BUFFER_OVERFLOW;
            break;
        }
    }
    pthread_rwlock_unlock(&node->lock);
    return status;
}
