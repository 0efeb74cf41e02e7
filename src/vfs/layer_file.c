/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on an open file: each finds its layer, calls it, and answers the documented default
 * when no layer has it. */
#include "vfs/layer.h"

#include "base/log.h"
#include "base/mem.h"

#define LOG_MODULE LOG_VFS

smbkit_status layer_enumerate(struct layer *from, struct smbkit_op *op, void *file, uint64_t cookie,
                              struct smbkit_sink *sink)
{
    struct layer *l = LAYER_FIND(from, enumerate);
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = l->plugin->enumerate(l->volume, op, file, cookie, sink);
    return layer_leave(l, op, st, false);
}

smbkit_status layer_get_path(struct layer *from, struct smbkit_op *op, void *file, char *buf,
                             uint32_t cap)
{
    struct layer *l = LAYER_FIND(from, get_path);
    if (!l) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = l->plugin->get_path(l->volume, op, file, buf, cap);
    return layer_leave(l, op, st, false);
}

smbkit_status layer_rename(struct layer *from, struct smbkit_op *op, void *file,
                           const char *new_path, uint32_t replace)
{
    struct layer *l = LAYER_FIND(from, rename);
    if (!l) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = l->plugin->rename(l->volume, op, file, new_path, replace);
    return layer_leave(l, op, st, false);
}

smbkit_status layer_link(struct layer *from, struct smbkit_op *op, void *file, const char *new_path,
                         uint32_t replace)
{
    struct layer *l = LAYER_FIND(from, link);
    if (!l) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = l->plugin->link(l->volume, op, file, new_path, replace);
    return layer_leave(l, op, st, false);
}

smbkit_status layer_remove(struct layer *from, struct smbkit_op *op, void *file)
{
    struct layer *l = LAYER_FIND(from, remove);
    if (!l) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = l->plugin->remove(l->volume, op, file);
    return layer_leave(l, op, st, false);
}

smbkit_status layer_getattr(struct layer *from, struct smbkit_op *op, void *file,
                            struct smbkit_attr *attr)
{
    struct layer *l = LAYER_FIND(from, getattr);
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = l->plugin->getattr(l->volume, op, file, attr);
    return layer_leave(l, op, st, false);
}

smbkit_status layer_setattr(struct layer *from, struct smbkit_op *op, void *file, uint32_t mask,
                            const struct smbkit_attr *attr)
{
    struct layer *l = LAYER_FIND(from, setattr);
    if (!l) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = l->plugin->setattr(l->volume, op, file, mask, attr);
    return layer_leave(l, op, st, false);
}

smbkit_status layer_set_security(struct layer *from, struct smbkit_op *op, void *file,
                                 const uint8_t *security, uint32_t len_bytes)
{
    struct layer *l = LAYER_FIND(from, set_security);
    if (!l) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = l->plugin->set_security(l->volume, op, file, security, len_bytes);
    return layer_leave(l, op, st, false);
}

smbkit_status layer_set_size(struct layer *from, struct smbkit_op *op, void *file, uint64_t size)
{
    struct layer *l = LAYER_FIND(from, set_size);
    if (!l) {
        return SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = l->plugin->set_size(l->volume, op, file, size);
    return layer_leave(l, op, st, false);
}

smbkit_status layer_flush(struct layer *from, struct smbkit_op *op, void *file)
{
    struct layer *l = LAYER_FIND(from, flush);
    if (!l) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = l->plugin->flush(l->volume, op, file);
    return layer_leave(l, op, st, true);
}

smbkit_status layer_watch(struct layer *from, struct smbkit_op *op, void *file, uint32_t on)
{
    struct layer *l = LAYER_FIND(from, watch);
    if (!l) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = l->plugin->watch(l->volume, op, file, on);
    return layer_leave(l, op, st, false);
}

smbkit_status layer_get_security(struct layer *from, struct smbkit_op *op, void *file,
                                 struct layer_security_buf *sd)
{
    struct layer *l = LAYER_FIND(from, get_security);
    if (!l) {
        return SMBKIT_STATUS_NOT_FOUND;
    }
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    sd->needed_bytes = 0;
    st = l->plugin->get_security(l->volume, op, file, sd->buf, sd->cap, &sd->needed_bytes);
    st = layer_leave(l, op, st, false);
    if (SMBKIT_OK(st) && sd->needed_bytes > sd->cap) {
        log_error(NULL, "plugin_security_too_long plugin=%s", l->plugin->name);
        return SMBKIT_STATUS_INTERNAL_ERROR;
    }
    return st;
}

/* The answer to a read or write is one that fits what was asked. */
static smbkit_status io_check(const struct layer *l, const struct smbkit_io *io, smbkit_status st)
{
    if (SMBKIT_OK(st) && st != SMBKIT_STATUS_PENDING && io->done > io->length) {
        log_error(NULL, "plugin_io_too_long plugin=%s done=%u length=%u", l->plugin->name, io->done,
                  io->length);
        return SMBKIT_STATUS_INTERNAL_ERROR;
    }
    return st;
}

smbkit_status layer_read(struct layer *from, struct smbkit_op *op, void *file, struct smbkit_io *io)
{
    struct layer *l = LAYER_FIND(from, read);
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = l->plugin->read(l->volume, op, file, io);
    return io_check(l, io, layer_leave(l, op, st, true));
}

smbkit_status layer_write(struct layer *from, struct smbkit_op *op, void *file,
                          struct smbkit_io *io)
{
    struct layer *l = LAYER_FIND(from, write);
    if (!l) {
        return SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = l->plugin->write(l->volume, op, file, io);
    return io_check(l, io, layer_leave(l, op, st, true));
}

/* Without overwrite: the parts of it that there are. */
static smbkit_status overwrite_by_parts(struct layer *from, struct smbkit_op *op, void *file,
                                        const struct layer_overwrite *how)
{
    struct smbkit_attr want = {.attributes = how->attributes};
    smbkit_status st = layer_set_size(from, op, file, 0);
    /* From here on something has changed: what would block does. */
    struct smbkit_op go_on = *op;
    go_on.flags &= ~SMBKIT_OP_NOWAIT;
    if (SMBKIT_OK(st) && how->alloc_size > 0) {
        st = layer_allocate(from, &go_on, file, how->alloc_size);
    }
    if (SMBKIT_OK(st) && LAYER_FIND(from, setattr)) {
        st = layer_setattr(from, &go_on, file, SMBKIT_SET_ATTRIBUTES, &want);
    }
    return SMBKIT_OK(st) ? layer_getattr(from, &go_on, file, how->attr) : st;
}

static bool all_never_block(const struct layer *from)
{
    for (const struct layer *l = from; l; l = l->below) {
        if (!(l->plugin->flags & SMBKIT_NEVER_BLOCKS)) {
            return false;
        }
    }
    return true;
}

smbkit_status layer_overwrite(struct layer *from, struct smbkit_op *op, void *file,
                              const struct layer_overwrite *how)
{
    struct layer *l = LAYER_FIND(from, overwrite);
    if (!l) {
        /* Several calls: a later one that would block could not take the earlier ones back. */
        bool nowait = op->flags & SMBKIT_OP_NOWAIT;
        return nowait && !all_never_block(from) ? SMBKIT_STATUS_WOULD_BLOCK
                                                : overwrite_by_parts(from, op, file, how);
    }
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = l->plugin->overwrite(l->volume, op, file, how->attributes, how->alloc_size, how->attr);
    return layer_leave(l, op, st, false);
}

/* Without allocate: is there room at all? */
static smbkit_status allocate_check(struct layer *from, struct smbkit_op *op, void *file,
                                    uint64_t alloc_size)
{
    struct smbkit_volume_info info = {.struct_size = sizeof(info), .available_bytes = UINT64_MAX};
    struct smbkit_attr attr = {0};
    smbkit_status st = layer_volume_info(from, op, &info);
    if (SMBKIT_OK(st)) {
        st = layer_getattr(from, op, file, &attr);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    uint64_t have = MAX(attr.alloc_size, attr.size);
    return alloc_size > have && alloc_size - have > info.available_bytes ? SMBKIT_STATUS_DISK_FULL
                                                                         : SMBKIT_STATUS_SUCCESS;
}

smbkit_status layer_allocate(struct layer *from, struct smbkit_op *op, void *file,
                             uint64_t alloc_size)
{
    struct layer *l = LAYER_FIND(from, allocate);
    if (!l) {
        return allocate_check(from, op, file, alloc_size);
    }
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = l->plugin->allocate(l->volume, op, file, alloc_size);
    return layer_leave(l, op, st, false);
}

#define ZERO_CHUNK_BYTES 65536u /* one write of the emulation */

/* Without zero_range: write zeroes, up to the end of the file at most. */
static smbkit_status zero_by_write(struct layer *from, struct smbkit_op *op, void *file,
                                   struct smbkit_range range)
{
    /* Many writes: not on an event loop, and each to its end. */
    if (op->flags & SMBKIT_OP_NOWAIT) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    struct smbkit_op sync = *op;
    sync.flags |= SMBKIT_OP_SYNC;
    CLEANUP_MEM uint8_t *zeroes = mem_zalloc(ZERO_CHUNK_BYTES);
    if (!zeroes) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    while (range.length > 0) {
        struct smbkit_segment seg = {.base = zeroes, .len = MIN(range.length, ZERO_CHUNK_BYTES)};
        struct smbkit_io io = {.struct_size = sizeof(io),
                               .offset = range.offset,
                               .length = (uint32_t)seg.len,
                               .segs = &seg,
                               .seg_count = 1};
        smbkit_status st = layer_write(from, &sync, file, &io);
        if (!SMBKIT_OK(st)) {
            return st;
        }
        if (io.done == 0) {
            return SMBKIT_STATUS_DISK_FULL;
        }
        range.offset += io.done;
        range.length -= io.done;
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status layer_zero_range(struct layer *from, struct smbkit_op *op, void *file,
                               struct smbkit_range range)
{
    struct layer *l = LAYER_FIND(from, zero_range);
    if (!l) {
        return zero_by_write(from, op, file, range);
    }
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = l->plugin->zero_range(l->volume, op, file, range.offset, range.length);
    return layer_leave(l, op, st, false);
}

/* Without ranges: the whole file is one. */
static smbkit_status ranges_whole(struct layer *from, struct smbkit_op *op, void *file,
                                  struct layer_ranges *r)
{
    struct smbkit_attr attr = {0};
    smbkit_status st = layer_getattr(from, op, file, &attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    uint32_t room = r->count;
    r->count = 0;
    if (r->within.length == 0 || r->within.offset >= attr.size) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (room == 0) {
        return SMBKIT_STATUS_BUFFER_OVERFLOW;
    }
    r->out[0].offset = r->within.offset;
    r->out[0].length = MIN(r->within.length, attr.size - r->within.offset);
    r->count = 1;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status layer_ranges(struct layer *from, struct smbkit_op *op, void *file,
                           struct layer_ranges *r)
{
    struct layer *l = LAYER_FIND(from, ranges);
    if (!l) {
        return ranges_whole(from, op, file, r);
    }
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    uint32_t room = r->count;
    st = l->plugin->ranges(l->volume, op, file, r->within.offset, r->within.length, r->out,
                           &r->count);
    st = layer_leave(l, op, st, false);
    if (r->count > room) {
        log_error(NULL, "plugin_ranges_too_many plugin=%s", l->plugin->name);
        r->count = 0;
        return SMBKIT_STATUS_INTERNAL_ERROR;
    }
    return st;
}
