/* SPDX-License-Identifier: Apache-2.0 */
/* What a filter calls to reach the layers below it: smbkit/filter.h. */
#include "vfs/layer.h"

smbkit_status smbkit_next_volume_info(struct smbkit_next *next, struct smbkit_op *op,
                                      struct smbkit_volume_info *info)
{
    return layer_volume_info(next->layer, op, info);
}

smbkit_status smbkit_next_create(struct smbkit_next *next, struct smbkit_op *op,
                                 const struct smbkit_create *how, void **file_r,
                                 struct smbkit_attr *attr)
{
    return layer_create(next->layer, op, how, file_r, attr);
}

void smbkit_next_close(struct smbkit_next *next, struct smbkit_op *op, void *file)
{
    /* A filter may close what it opened within a call that must not wait: close is short by
     * contract. */
    struct smbkit_op close_op = *op;
    close_op.flags &= ~SMBKIT_OP_NOWAIT;
    layer_close(next->layer, &close_op, file);
}

smbkit_status smbkit_next_lookup(struct smbkit_next *next, struct smbkit_op *op, const char *path,
                                 struct smbkit_attr *attr)
{
    return layer_lookup(next->layer, op, path, attr);
}

smbkit_status smbkit_next_enumerate(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                    uint64_t cookie, struct smbkit_sink *sink)
{
    return layer_enumerate(next->layer, op, file, cookie, sink);
}

smbkit_status smbkit_next_get_path(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                   char *buf, uint32_t cap)
{
    return layer_get_path(next->layer, op, file, buf, cap);
}

smbkit_status smbkit_next_rename(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                 const char *new_path, uint32_t replace)
{
    return layer_rename(next->layer, op, file, new_path, replace);
}

smbkit_status smbkit_next_link(struct smbkit_next *next, struct smbkit_op *op, void *file,
                               const char *new_path, uint32_t replace)
{
    return layer_link(next->layer, op, file, new_path, replace);
}

smbkit_status smbkit_next_remove(struct smbkit_next *next, struct smbkit_op *op, void *file)
{
    return layer_remove(next->layer, op, file);
}

smbkit_status smbkit_next_getattr(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                  struct smbkit_attr *attr)
{
    return layer_getattr(next->layer, op, file, attr);
}

smbkit_status smbkit_next_setattr(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                  uint32_t mask, const struct smbkit_attr *attr)
{
    return layer_setattr(next->layer, op, file, mask, attr);
}

smbkit_status smbkit_next_set_security(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                       const uint8_t *security, uint32_t len_bytes)
{
    return layer_set_security(next->layer, op, file, security, len_bytes);
}

smbkit_status smbkit_next_set_size(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                   uint64_t size)
{
    return layer_set_size(next->layer, op, file, size);
}

smbkit_status smbkit_next_flush(struct smbkit_next *next, struct smbkit_op *op, void *file)
{
    return layer_flush(next->layer, op, file);
}

smbkit_status smbkit_next_watch(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                uint32_t on)
{
    return layer_watch(next->layer, op, file, on);
}

smbkit_status smbkit_next_read(struct smbkit_next *next, struct smbkit_op *op, void *file,
                               struct smbkit_io *io)
{
    return layer_read(next->layer, op, file, io);
}

smbkit_status smbkit_next_write(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                struct smbkit_io *io)
{
    return layer_write(next->layer, op, file, io);
}

smbkit_status smbkit_next_allocate(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                   uint64_t alloc_size)
{
    return layer_allocate(next->layer, op, file, alloc_size);
}

smbkit_status smbkit_next_get_security(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                       uint8_t *buf, uint32_t cap, uint32_t *needed_bytes)
{
    struct layer_security_buf sd = {.buf = buf, .cap = cap};
    smbkit_status st = layer_get_security(next->layer, op, file, &sd);
    *needed_bytes = sd.needed_bytes;
    return st;
}

smbkit_status smbkit_next_overwrite(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                    uint32_t attributes, uint64_t alloc_size,
                                    struct smbkit_attr *attr)
{
    struct layer_overwrite how = {.attributes = attributes, .alloc_size = alloc_size, .attr = attr};
    return layer_overwrite(next->layer, op, file, &how);
}

smbkit_status smbkit_next_zero_range(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                     uint64_t offset, uint64_t length)
{
    return layer_zero_range(next->layer, op, file, (struct smbkit_range){offset, length});
}

smbkit_status smbkit_next_ranges(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                 uint64_t offset, uint64_t length, struct smbkit_range *out,
                                 uint32_t *count_r)
{
    struct layer_ranges r = {.within = {offset, length}, .out = out, .count = *count_r};
    smbkit_status st = layer_ranges(next->layer, op, file, &r);
    *count_r = r.count;
    return st;
}
