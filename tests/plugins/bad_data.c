/* SPDX-License-Identifier: Apache-2.0 */
/* The filter bad: data, attributes, space, and what else a file has. */
#include "bad.h"

/* ---- data ---- */

smbkit_status bad_read(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io)
{
    struct bad *b = volume;
    smbkit_status st = smbkit_next_read(b->next, op, file, io);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (is(b, BREAKS_short_read) && io->done > 4096) {
        io->done -= 1;
    }
    if (is(b, BREAKS_overruns) && io->length == 7) { /* the kit's alone, which has room for it */
        io->buffer[io->length] = 0;
    }
    if (is(b, BREAKS_past_end) && io->done < io->length) {
        io->buffer[io->done++] = 0;
    }
    return st;
}

static smbkit_status lost_write(struct bad *b, struct smbkit_io *io)
{
    unsigned n = atomic_fetch_add(&b->calls, 1);
    if (n % 8 != 7) {
        return SMBKIT_STATUS_NOT_FOUND;
    }
    io->done = io->length;
    return SMBKIT_STATUS_SUCCESS;
}

/* Takes the segments over, and gives none back. */
static void keep_all(struct smbkit_io *io)
{
    for (uint32_t i = 0; i < io->seg_count; i++) {
        void (*release)(void *arg);
        void *arg;
        if (!SMBKIT_OK(smbkit_io_keep(io, i, &release, &arg))) {
            return;
        }
    }
}

smbkit_status bad_write(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io)
{
    struct bad *b = volume;
    if (is(b, BREAKS_lost_write) && SMBKIT_OK(lost_write(b, io))) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (is(b, BREAKS_append_at)) {
        io->flags &= ~SMBKIT_IO_APPEND;
    }
    if (is(b, BREAKS_keeps_writes)) {
        keep_all(io);
    }
    struct smbkit_attr before = {.struct_size = sizeof(before)};
    if (is(b, BREAKS_time_stands)) {
        op->flags |= SMBKIT_OP_SYNC;
        (void)smbkit_next_getattr(b->next, op, file, &before);
    }
    smbkit_status st = smbkit_next_write(b->next, op, file, io);
    if (SMBKIT_OK(st) && is(b, BREAKS_short_write) && io->done > 1) {
        io->done -= 1;
    }
    if (SMBKIT_OK(st) && is(b, BREAKS_time_stands)) {
        before.valid = SMBKIT_HAS_WRITE_TIME;
        st = smbkit_next_setattr(b->next, op, file, &before);
    }
    bool acts = is(b, BREAKS_nowait_acts) && (op->flags & SMBKIT_OP_NOWAIT);
    return acts && SMBKIT_OK(st) ? SMBKIT_STATUS_WOULD_BLOCK : st;
}

smbkit_status bad_set_size(void *volume, struct smbkit_op *op, void *file,
                           const struct smbkit_size *a)
{
    struct bad *b = volume;
    smbkit_status st = smbkit_next_set_size(b->next, op, file, a);
    if (SMBKIT_OK(st) && is(b, BREAKS_dirty_hole) && a->size > 70000) {
        const struct smbkit_segment seg = {(const uint8_t *)"dirt", 4};
        struct smbkit_io io = {.struct_size = sizeof(io),
                               .offset = a->size - 4,
                               .length = 4,
                               .segs = &seg,
                               .seg_count = 1};
        op->flags |= SMBKIT_OP_SYNC;
        st = smbkit_next_write(b->next, op, file, &io);
    }
    return st;
}

/* ---- attributes ---- */

void bad_spoil(struct bad *b, struct smbkit_attr *attr)
{
    switch (b->breaks) {
    case BREAKS_wrong_id:
        attr->file_id += 1;
        break;
    case BREAKS_one_id:
        attr->file_id = 7;
        break;
    case BREAKS_stale_size:
        attr->size = attr->size > 1000 ? 1000 : attr->size;
        break;
    case BREAKS_directory_bit:
        attr->attributes &= ~SMBKIT_ATTR_DIRECTORY;
        break;
    case BREAKS_time_rounded:
        attr->write_time -= attr->write_time % 10000000;
        break;
    default:
        break;
    }
}

smbkit_status bad_getattr(void *volume, struct smbkit_op *op, void *file, struct smbkit_attr *a)
{
    struct bad *b = volume;
    smbkit_status st = smbkit_next_getattr(b->next, op, file, a);
    if (SMBKIT_OK(st)) {
        bad_spoil(b, a);
    }
    if (is(b, BREAKS_attr_room)) {
        a->names_told = 5;
    }
    return is(b, BREAKS_bad_status) ? 0x103 - 2 : st;
}

smbkit_status bad_lookup(void *volume, struct smbkit_op *op, struct smbkit_lookup *a)
{
    struct bad *b = volume;
    smbkit_status st = smbkit_next_lookup(b->next, op, a);
    if (SMBKIT_OK(st) && b->breaks != BREAKS_wrong_id) {
        bad_spoil(b, a->attr);
    }
    return st;
}

smbkit_status bad_setattr(void *volume, struct smbkit_op *op, void *file,
                          const struct smbkit_attr *a)
{
    struct bad *b = volume;
    struct smbkit_attr all = *a;
    if (is(b, BREAKS_sets_all)) {
        all.valid |= SMBKIT_HAS_ATTRIBUTES | SMBKIT_HAS_CREATE_TIME;
    }
    return smbkit_next_setattr(b->next, op, file, &all);
}

/* ---- space, and what else a file has ---- */

/* A descriptor of something else. */
smbkit_status bad_file_fd(void *volume, struct smbkit_op *op, void *file, struct smbkit_file_fd *a)
{
    struct bad *b = volume;
    if (!is(b, BREAKS_wrong_fd)) {
        return smbkit_next_file_fd(b->next, op, file, a);
    }
    a->fd = b->null;
    a->flags = SMBKIT_FD_READ;
    return SMBKIT_STATUS_SUCCESS;
}

/* Says that it did, and did not. */
#define NOTHING_DONE(fault, name, type)                                                            \
    smbkit_status bad_##name(void *volume, struct smbkit_op *op, void *file, type *a)              \
    {                                                                                              \
        struct bad *b = volume;                                                                    \
        return is(b, BREAKS_##fault) ? SMBKIT_STATUS_SUCCESS                                       \
                                     : smbkit_next_##name(b->next, op, file, a);                   \
    }
NOTHING_DONE(keeps_bytes, zero_range, const struct smbkit_span)
NOTHING_DONE(sparse_lies, set_sparse, const struct smbkit_value)
NOTHING_DONE(lost_stream, streams, struct smbkit_sink)
NOTHING_DONE(lost_ea, set_ea, const struct smbkit_set_ea)
NOTHING_DONE(lost_security, set_security, const struct smbkit_set_security)
NOTHING_DONE(lost_reparse, set_reparse, const struct smbkit_set_reparse)
NOTHING_DONE(lost_object, object_id, struct smbkit_object_id)

smbkit_status bad_clone_range(void *volume, struct smbkit_op *op, void *file, struct smbkit_copy *a)
{
    struct bad *b = volume;
    if (!is(b, BREAKS_clone_lies)) {
        return smbkit_next_clone_range(b->next, op, file, a);
    }
    a->done = a->length;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status bad_copy_range(void *volume, struct smbkit_op *op, void *file, struct smbkit_copy *a)
{
    struct bad *b = volume;
    uint64_t length = a->length;
    a->length -= is(b, BREAKS_short_copy) && length > 1;
    smbkit_status st = smbkit_next_copy_range(b->next, op, file, a);
    a->length = length;
    a->done = is(b, BREAKS_short_copy) ? length : a->done;
    return st;
}

smbkit_status bad_trim(void *volume, struct smbkit_op *op, void *file, const struct smbkit_span *a)
{
    struct bad *b = volume;
    struct smbkit_span more = *a;
    if (is(b, BREAKS_trims_more)) {
        more.offset -= more.offset > 0;
        return smbkit_next_zero_range(b->next, op, file, &more);
    }
    return smbkit_next_trim(b->next, op, file, a);
}

smbkit_status bad_allocate(void *volume, struct smbkit_op *op, void *file,
                           const struct smbkit_size *a)
{
    struct bad *b = volume;
    return is(b, BREAKS_allocate_grows) ? smbkit_next_set_size(b->next, op, file, a)
                                        : smbkit_next_allocate(b->next, op, file, a);
}

smbkit_status bad_ranges(void *volume, struct smbkit_op *op, void *file, struct smbkit_ranges *a)
{
    struct bad *b = volume;
    smbkit_status st = smbkit_next_ranges(b->next, op, file, a);
    a->count -= is(b, BREAKS_lost_range) && a->count > 0;
    return st;
}

smbkit_status bad_get_compression(void *volume, struct smbkit_op *op, void *file,
                                  struct smbkit_value *a)
{
    struct bad *b = volume;
    smbkit_status st = smbkit_next_get_compression(b->next, op, file, a);
    a->value += is(b, BREAKS_compression_lies);
    return st;
}

/* The data alone. */
smbkit_status bad_overwrite(void *volume, struct smbkit_op *op, void *file,
                            struct smbkit_overwrite *a)
{
    struct bad *b = volume;
    const struct smbkit_size empty = {.struct_size = sizeof(empty)};
    const struct smbkit_attr plain = {
        .struct_size = sizeof(plain), .valid = SMBKIT_HAS_ATTRIBUTES, .attributes = a->attributes};
    if (!is(b, BREAKS_keeps_streams)) {
        return smbkit_next_overwrite(b->next, op, file, a);
    }
    op->flags |= SMBKIT_OP_SYNC;
    smbkit_status st = smbkit_next_set_size(b->next, op, file, &empty);
    st = SMBKIT_OK(st) ? smbkit_next_setattr(b->next, op, file, &plain) : st;
    return SMBKIT_OK(st) ? smbkit_next_getattr(b->next, op, file, a->attr) : st;
}
