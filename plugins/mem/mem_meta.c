/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes, times, security descriptors. */
#include "mem_priv.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define UNIX_EPOCH_S 11644473600ull /* seconds from 1601-01-01 to 1970-01-01 */

uint64_t memfs_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return ((uint64_t)ts.tv_sec + UNIX_EPOCH_S) * 10000000u + (uint64_t)ts.tv_nsec / 100;
}

void memfs_note_change(struct memfs_node *node)
{
    node->times.change = memfs_now();
}

void memfs_note_write(struct memfs_node *node)
{
    uint64_t now = memfs_now();
    node->times.write = now;
    node->times.change = now;
    node->times.access = now;
    if (!node->dir) {
        node->attributes |= SMBKIT_ATTR_ARCHIVE;
    }
}

void memfs_fill_attr(struct memfs_node *node, struct smbkit_attr *attr)
{
    pthread_rwlock_rdlock(&node->lock);
    const struct memfs_data *data = &node->data;
    const struct smbkit_attr is = {
        .struct_size = attr->struct_size,
        .valid = SMBKIT_HAS_ALLOC_SIZE,
        .file_id = node->id,
        .size = data->size,
        .alloc_size = data->backed > data->reserve ? data->backed : data->reserve,
        .create_time = node->times.create,
        .access_time = node->times.access,
        .write_time = node->times.write,
        .change_time = node->times.change,
        .attributes = node->attributes ? node->attributes : SMBKIT_ATTR_NORMAL,
        .link_count = node->links,
        .reparse_tag = node->extra ? node->extra->reparse_tag : 0,
        .ea_size = node->ea_len,
    };
    pthread_rwlock_unlock(&node->lock);
    /* Of an older server the room is smaller. */
    memcpy(attr, &is, attr->struct_size < sizeof(is) ? attr->struct_size : sizeof(is));
}

void memfs_end_write(struct memfs_node *data, const struct memfs_open *open)
{
    struct memfs_node *file = memfs_file_of(open);
    if (data != file) {
        pthread_rwlock_unlock(&data->lock);
        pthread_rwlock_wrlock(&file->lock);
    }
    memfs_note_write(file);
    pthread_rwlock_unlock(&file->lock);
}

void memfs_fill_open(const struct memfs_open *open, struct smbkit_attr *attr)
{
    memfs_fill_attr(memfs_file_of(open), attr);
    if (open->stream) {
        struct smbkit_attr own = {.struct_size = sizeof(own)};
        memfs_fill_attr(open->stream->node, &own);
        attr->size = own.size;
        attr->alloc_size = own.alloc_size;
        attr->attributes &= ~SMBKIT_ATTR_DIRECTORY;
    }
}

smbkit_status memfs_getattr(void *volume, struct smbkit_op *op, void *file,
                            struct smbkit_attr *attr)
{
    (void)volume;
    (void)op;
    memfs_fill_open(file, attr);
    return SMBKIT_STATUS_SUCCESS;
}

static void set_times(struct memfs_times *times, uint32_t mask, const struct smbkit_attr *attr)
{
    if (mask & SMBKIT_HAS_CREATE_TIME) {
        times->create = attr->create_time;
    }
    if (mask & SMBKIT_HAS_ACCESS_TIME) {
        times->access = attr->access_time;
    }
    if (mask & SMBKIT_HAS_WRITE_TIME) {
        times->write = attr->write_time;
    }
    if (mask & SMBKIT_HAS_CHANGE_TIME) {
        times->change = attr->change_time;
    }
}

smbkit_status memfs_setattr(void *volume, struct smbkit_op *op, void *file,
                            const struct smbkit_attr *attr)
{
    uint32_t mask = attr->valid;
    (void)volume;
    (void)op;
    struct memfs_node *node = memfs_file_of(file);
    pthread_rwlock_wrlock(&node->lock);
    memfs_note_change(node);
    set_times(&node->times, mask, attr);
    if (mask & SMBKIT_HAS_ATTRIBUTES) {
        uint32_t kept = node->attributes & ~SMBKIT_ATTR_SETTABLE;
        /* SPARSE comes by way of FSCTL_SET_SPARSE, and stays. */
        node->attributes = kept | (attr->attributes & (SMBKIT_ATTR_SETTABLE | SMBKIT_ATTR_SPARSE));
    }
    pthread_rwlock_unlock(&node->lock);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status memfs_keep_security(struct memfs_volume *vol, struct memfs_node *node,
                                  const uint8_t *security, uint32_t len)
{
    if (len > MEMFS_SECURITY_MAX_BYTES) {
        return SMBKIT_STATUS_INVALID_SECURITY_DESCR;
    }
    uint8_t *copy = NULL;
    if (len > 0) {
        copy = malloc(len);
        if (!copy) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
        memcpy(copy, security, len);
    }
    if (!memfs_charge_aside(vol, node->security_len, len)) {
        free(copy);
        return SMBKIT_STATUS_DISK_FULL;
    }
    free(node->security);
    node->security = copy;
    node->security_len = len;
    memfs_data_give(&node->data, memfs_owner_of(vol, copy, len));
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status memfs_get_security(void *volume, struct smbkit_op *op, void *file,
                                 struct smbkit_get_security *a)
{
    uint8_t *buf = a->buffer.base;
    uint32_t cap = a->buffer.cap;
    uint32_t *needed_bytes = &a->buffer.len;
    (void)volume;
    (void)op;
    struct memfs_node *node = memfs_file_of(file);
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    pthread_rwlock_rdlock(&node->lock);
    *needed_bytes = node->security_len;
    if (node->security_len == 0) {
        status = SMBKIT_STATUS_NOT_FOUND;
    } else if (node->security_len > cap) {
        status = SMBKIT_STATUS_BUFFER_TOO_SMALL;
    } else {
        memcpy(buf, node->security, node->security_len);
    }
    pthread_rwlock_unlock(&node->lock);
    return status;
}

smbkit_status memfs_set_security(void *volume, struct smbkit_op *op, void *file,
                                 const struct smbkit_set_security *a)
{
    const uint8_t *security = a->security.base;
    uint32_t len_bytes = a->security.len;
    (void)op;
    struct memfs_open *open = file;
    struct memfs_node *node = memfs_file_of(open);
    struct memfs_volume *vol = volume;
    pthread_rwlock_rdlock(&vol->tree_lock); /* the streams are its owner's as well */
    pthread_rwlock_wrlock(&node->lock);
    smbkit_status status = memfs_keep_security(volume, node, security, len_bytes);
    struct memfs_owner *owner = node->data.owner;
    if (SMBKIT_OK(status)) {
        memfs_note_change(node);
    }
    pthread_rwlock_unlock(&node->lock);
    if (SMBKIT_OK(status)) {
        memfs_streams_give(node, owner);
    }
    pthread_rwlock_unlock(&vol->tree_lock);
    return status;
}
