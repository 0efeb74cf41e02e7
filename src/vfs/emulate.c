/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/emulate.h"

#include "base/mem.h"
#include "vfs/layer.h"

#define CHUNK_BYTES 65536u /* one read or write of an emulation */

/* One of the calls that an emulation is made of, to its end. */
static smbkit_status call_now(struct layer *from, uint32_t id, struct smbkit_op *op, void *file,
                              const void *args)
{
    uint32_t flags = op->flags;
    op->flags |= SMBKIT_OP_SYNC;
    smbkit_status st = layer_call(from, id, op, file, (void *)(uintptr_t)args);
    op->flags = flags;
    return st;
}

static bool all_never_block(const struct layer *from)
{
    for (const struct layer *l = from; l; l = l->below) {
        if (!(l->features & SMBKIT_FEATURE_NEVER_BLOCKS)) {
            return false;
        }
    }
    return true;
}

/* May calls be made of which a later one can no longer give up? */
static bool may_go_on(const struct layer *from, const struct smbkit_op *op)
{
    return !(op->flags & SMBKIT_OP_NOWAIT) || all_never_block(from);
}

static smbkit_status attr_get(struct layer *from, struct smbkit_op *op, void *file,
                              struct smbkit_attr *attr)
{
    *attr = (struct smbkit_attr){.struct_size = sizeof(*attr)};
    return call_now(from, SMBKIT_OP_getattr, op, file, attr);
}

/* By name, without a file: open and close. */
smbkit_status emulate_lookup(struct layer *from, struct smbkit_op *op, void *file, void *args)
{
    struct smbkit_lookup *a = args;
    (void)file;
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_OPEN,
                                .path = a->path,
                                .stream = a->stream,
                                .kind = SMBKIT_KIND_ANY,
                                .access = SMBKIT_READ_ATTRIBUTES,
                                .flags = a->flags,
                                .snapshot_time = a->snapshot_time,
                                .attr = a->attr,
                                .security_r = a->security_r};
    smbkit_status st = call_now(from, SMBKIT_OP_create, op, NULL, &how);
    if (SMBKIT_OK(st)) {
        a->security_none = how.security_none;
        uint32_t flags = op->flags;
        op->flags &= ~SMBKIT_OP_NOWAIT;
        layer_close(from, op, how.file);
        op->flags = flags;
    }
    return st;
}

/* The parts of it that there are. */
smbkit_status emulate_overwrite(struct layer *from, struct smbkit_op *op, void *file, void *args)
{
    struct smbkit_overwrite *a = args;
    if (!may_go_on(from, op)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    const struct smbkit_size empty = {.struct_size = sizeof(empty)};
    const struct smbkit_size alloc = {.struct_size = sizeof(alloc), .size = a->alloc_size};
    const struct smbkit_attr want = {
        .struct_size = sizeof(want), .valid = SMBKIT_HAS_ATTRIBUTES, .attributes = a->attributes};
    smbkit_status st = call_now(from, SMBKIT_OP_set_size, op, file, &empty);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    /* It is empty: what is wrong with the rest does not make that undone, and the attributes that
     * are told are as they are. */
    if (a->alloc_size > 0) {
        (void)!SMBKIT_OK(call_now(from, SMBKIT_OP_allocate, op, file, &alloc));
    }
    (void)!SMBKIT_OK(call_now(from, SMBKIT_OP_setattr, op, file, &want));
    return attr_get(from, op, file, a->attr);
}

/* Is there room at all? */
smbkit_status emulate_allocate(struct layer *from, struct smbkit_op *op, void *file, void *args)
{
    const struct smbkit_size *a = args;
    struct smbkit_volume_info info = {
        .struct_size = sizeof(info), .file = file, .available_bytes = UINT64_MAX};
    struct smbkit_attr attr;
    smbkit_status st = call_now(from, SMBKIT_OP_volume_info, op, NULL, &info);
    if (SMBKIT_OK(st)) {
        st = attr_get(from, op, file, &attr);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    uint64_t have = MAX(attr.alloc_size, attr.size);
    return a->size > have && a->size - have > info.available_bytes ? SMBKIT_STATUS_DISK_FULL
                                                                   : SMBKIT_STATUS_SUCCESS;
}

/* All of it, or why not. */
static smbkit_status write_all(struct layer *from, struct smbkit_op *op, void *file,
                               const struct smbkit_io *what)
{
    struct smbkit_segment seg = what->segs[0];
    struct smbkit_io io = *what;
    while (io.length > 0) {
        io.segs = &seg;
        io.done = 0;
        smbkit_status st = call_now(from, SMBKIT_OP_write, op, file, &io);
        if (!SMBKIT_OK(st)) {
            return st;
        }
        if (io.done == 0) {
            return SMBKIT_STATUS_DISK_FULL;
        }
        io.offset += io.done;
        io.length -= io.done;
        seg.base += io.done;
        seg.len -= io.done;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* Zeroes are written; up to the end of the file at most. */
smbkit_status emulate_zero_range(struct layer *from, struct smbkit_op *op, void *file, void *args)
{
    struct smbkit_span range = *(const struct smbkit_span *)args;
    if (op->flags & SMBKIT_OP_NOWAIT) {
        return SMBKIT_STATUS_WOULD_BLOCK; /* many writes: not on an event loop */
    }
    struct smbkit_attr attr;
    CLEANUP_MEM uint8_t *zeroes = mem_zalloc(CHUNK_BYTES);
    smbkit_status st = zeroes ? attr_get(from, op, file, &attr) : SMBKIT_STATUS_NO_MEMORY;
    if (SMBKIT_OK(st)) {
        uint64_t left = range.offset < attr.size ? attr.size - range.offset : 0;
        range.length = MIN(range.length, left);
    }
    while (SMBKIT_OK(st) && range.length > 0) {
        const struct smbkit_segment seg = {.base = zeroes, .len = MIN(range.length, CHUNK_BYTES)};
        const struct smbkit_io io = {.struct_size = sizeof(io),
                                     .offset = range.offset,
                                     .length = (uint32_t)seg.len,
                                     .segs = &seg,
                                     .seg_count = 1};
        st = write_all(from, op, file, &io);
        range.offset += seg.len;
        range.length -= seg.len;
    }
    return st;
}

/* The whole file is one. */
smbkit_status emulate_ranges(struct layer *from, struct smbkit_op *op, void *file, void *args)
{
    struct smbkit_ranges *r = args;
    struct smbkit_attr attr;
    smbkit_status st = attr_get(from, op, file, &attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    r->count = 0;
    if (r->length == 0 || r->offset >= attr.size) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (r->room == 0) {
        return SMBKIT_STATUS_BUFFER_OVERFLOW;
    }
    r->out[0].offset = r->offset;
    r->out[0].length = MIN(r->length, attr.size - r->offset);
    r->count = 1;
    return SMBKIT_STATUS_SUCCESS;
}

/* Read and written; ends early at the end of the source. */
smbkit_status emulate_copy_range(struct layer *from, struct smbkit_op *op, void *file, void *args)
{
    struct smbkit_copy *a = args;
    a->done = 0;
    if (op->flags & SMBKIT_OP_NOWAIT) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    CLEANUP_MEM uint8_t *buffer = mem_alloc(CHUNK_BYTES);
    if (!buffer) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    while (a->done < a->length) {
        struct smbkit_io in = {.struct_size = sizeof(in),
                               .offset = a->source_offset + a->done,
                               .length = (uint32_t)MIN(a->length - a->done, CHUNK_BYTES),
                               .buffer = buffer};
        smbkit_status st = call_now(from, SMBKIT_OP_read, op, a->source, &in);
        if (!SMBKIT_OK(st) || in.done == 0) {
            return st;
        }
        const struct smbkit_segment seg = {.base = buffer, .len = in.done};
        const struct smbkit_io out = {.struct_size = sizeof(out),
                                      .offset = a->offset + a->done,
                                      .length = in.done,
                                      .segs = &seg,
                                      .seg_count = 1};
        st = write_all(from, op, file, &out);
        if (!SMBKIT_OK(st)) {
            return st;
        }
        a->done += in.done;
    }
    return SMBKIT_STATUS_SUCCESS;
}
