/* SPDX-License-Identifier: Apache-2.0 */
/* Copies from file to file on the server. [MS-SMB2] 3.3.5.15.6, [MS-FSA] 2.1.5.10.4
 *
 * First come all checks and breaks, which may wait, then the work, which does not: its calls of the
 * plugin are awaited where they are made, on a worker unless it is little and nothing can block. */
#include "base/mem.h"
#include "vfs/core.h"
#include "vfs/fsctl.h"
#include "vfs/info.h"
#include "vfs/journal.h"
#include "vfs/kept_time.h"
#include "vfs/notify_core.h"
#include "vfs/oplock_core.h"

#define COPY_ON_LOOP_BYTES 65536u /* more is left to a worker */
#define PIECE_BYTES 65536u        /* what the core itself reads and writes at once */

/* One copy under way. */
struct copying {
    const struct vfs_call *call;
    struct vfs_open *source;
    struct vfs_open *target;
    uint8_t *buffer; /* PIECE_BYTES, once it is needed */
};

static bool is_given_up(const struct copying *x)
{
    return x->call->cancelled &&
           atomic_load_explicit(x->call->cancelled, memory_order_relaxed); /* a hint */
}

static smbkit_status check_rights(const struct vfs_call *call, const struct vfs_open *target,
                                  const struct vfs_open *source, uint32_t target_access)
{
    if (target->is_directory || source->is_directory) {
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    smbkit_status st = open_check_writable(call, target);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    bool may_read = source->granted_access & (SMBKIT_READ_DATA | SMBKIT_EXECUTE);
    bool may_write = target->granted_access & (SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA);
    return may_read && may_write && open_may(target, target_access) ? SMBKIT_STATUS_SUCCESS
                                                                    : SMBKIT_STATUS_ACCESS_DENIED;
}

/* Both files are let go of by who caches them. */
static smbkit_status break_both(const struct vfs_call *call, struct vfs_open *target,
                                struct vfs_open *source)
{
    smbkit_status st = kept_time_note(call, target, KEPT_BY_DATA);
    if (SMBKIT_OK(st)) {
        st = oplock_break_for(call, source, OPLOCK_OP_READ);
    }
    return SMBKIT_OK(st) ? oplock_break_for(call, target, OPLOCK_OP_WRITE) : st;
}

static bool is_locked(struct vfs_open *o, uint64_t offset, uint64_t length, bool is_write)
{
    SCOPED_LOCK(&o->node->lock);
    return brlock_io_conflicts(&o->node->locks, &o->locks, offset, length, is_write);
}

/* What holds for a chunk at the moment when its turn comes. */
static smbkit_status check_chunk(const struct copying *x, const struct vfs_copy_chunk *p)
{
    struct smbkit_attr attr;
    smbkit_status st = door_getattr(x->call, &x->source->f, &attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (p->source_offset > attr.size || p->length > attr.size - p->source_offset) {
        return SMBKIT_STATUS_INVALID_VIEW_SIZE; /* [MS-SMB2] 3.3.5.15.6.1 */
    }
    if (!(x->target->granted_access & SMBKIT_WRITE_DATA)) {
        st = door_getattr(x->call, &x->target->f, &attr);
        if (SMBKIT_OK(st) && p->offset < attr.size) {
            st = SMBKIT_STATUS_ACCESS_DENIED; /* it may only append */
        }
    }
    if (SMBKIT_OK(st) && (is_locked(x->source, p->source_offset, p->length, false) ||
                          is_locked(x->target, p->offset, p->length, true))) {
        st = SMBKIT_STATUS_FILE_LOCK_CONFLICT;
    }
    return st;
}

static bool overlap(const struct vfs_copy_chunk *p)
{
    return p->source_offset < p->offset + p->length && p->offset < p->source_offset + p->length;
}

/* Can the plugin do it by itself? A copy within one file that overlaps, or one that must be durable
 * before the answer, it is not asked for; nor for two files of which each has a lock of its own. */
static bool is_for_plugin(const struct copying *x, const struct vfs_copy_chunk *p)
{
    return x->source->volume == x->target->volume && !x->target->volume->serializes_files &&
           !(x->source->node == x->target->node && overlap(p)) &&
           !(vfs_open_options(x->target) & VFS_WRITE_THROUGH);
}

static smbkit_status copy_by_plugin(const struct copying *x, const struct vfs_copy_chunk *p,
                                    uint64_t *done_r)
{
    struct smbkit_copy a = {.struct_size = sizeof(a),
                            .source = x->source->f.file,
                            .source_offset = p->source_offset,
                            .offset = p->offset,
                            .length = p->length};
    smbkit_status st = door_copy(x->call, &x->target->f, SMBKIT_OP_copy_range, &a);
    *done_r = MIN(a.done, p->length);
    return st;
}

static smbkit_status write_all(const struct copying *x, uint64_t offset, uint32_t length)
{
    uint32_t done = 0;
    while (done < length) {
        const struct smbkit_segment seg = {.base = x->buffer + done, .len = length - done};
        struct smbkit_io io = {.struct_size = sizeof(io),
                               .offset = offset + done,
                               .length = length - done,
                               .segs = &seg,
                               .seg_count = 1};
        io.flags = vfs_open_options(x->target) & VFS_WRITE_THROUGH ? SMBKIT_IO_WRITE_THROUGH : 0;
        smbkit_status st = door_transfer(x->call, &x->target->f, &io, true);
        if (!SMBKIT_OK(st)) {
            return st;
        }
        if (io.done == 0) {
            return SMBKIT_STATUS_DISK_FULL;
        }
        done += io.done;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* p is PIECE_BYTES at most. */
static smbkit_status copy_piece(struct copying *x, const struct vfs_copy_chunk *p)
{
    uint32_t got = 0;
    while (got < p->length) {
        struct smbkit_io io = {.struct_size = sizeof(io),
                               .offset = p->source_offset + got,
                               .length = (uint32_t)p->length - got,
                               .buffer = x->buffer + got};
        smbkit_status st = door_transfer(x->call, &x->source->f, &io, false);
        if (!SMBKIT_OK(st) && st != SMBKIT_STATUS_END_OF_FILE) {
            return st;
        }
        if (io.done == 0) {
            return SMBKIT_STATUS_INVALID_VIEW_SIZE; /* it was cut meanwhile */
        }
        got += io.done;
    }
    return write_all(x, p->offset, got);
}

/* By reading and writing, from the end where the target would else be overwritten before it is
 * read. */
static smbkit_status copy_by_hand(struct copying *x, const struct vfs_copy_chunk *p,
                                  uint64_t *done_r)
{
    bool backwards =
        x->source->node == x->target->node && overlap(p) && p->offset > p->source_offset;
    x->buffer = x->buffer ? x->buffer : mem_alloc(PIECE_BYTES);
    smbkit_status st = x->buffer ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    for (*done_r = 0; SMBKIT_OK(st) && *done_r < p->length;) {
        uint64_t length = MIN(p->length - *done_r, PIECE_BYTES);
        uint64_t at = backwards ? p->length - *done_r - length : *done_r;
        const struct vfs_copy_chunk piece = {p->source_offset + at, p->offset + at, length};
        st = is_given_up(x) ? SMBKIT_STATUS_CANCELLED : copy_piece(x, &piece);
        *done_r += SMBKIT_OK(st) ? length : 0;
    }
    return st;
}

static smbkit_status copy_chunk(struct copying *x, const struct vfs_copy_chunk *p, uint64_t *done_r)
{
    *done_r = 0;
    smbkit_status st = check_chunk(x, p);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    oplock_tell(x->source, OPLOCK_OP_READ); /* who has come to cache it since the first check */
    oplock_tell(x->target, OPLOCK_OP_WRITE);
    if (!is_for_plugin(x, p)) {
        return copy_by_hand(x, p, done_r);
    }
    while (SMBKIT_OK(st) && *done_r < p->length) {
        uint64_t done = 0;
        const struct vfs_copy_chunk rest = {p->source_offset + *done_r, p->offset + *done_r,
                                            p->length - *done_r};
        st = is_given_up(x) ? SMBKIT_STATUS_CANCELLED : copy_by_plugin(x, &rest, &done);
        *done_r += done;
        if (SMBKIT_OK(st) && done == 0) {
            st = SMBKIT_STATUS_INVALID_VIEW_SIZE;
        }
    }
    return st;
}

static smbkit_status copy_all(struct copying *x, struct vfs_copy *c)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    kept_time_transfer_begin(x->target, DOOR_WRITE);
    for (uint32_t i = 0; SMBKIT_OK(st) && i < c->chunk_count; i++) {
        uint64_t done = 0;
        st = copy_chunk(x, &c->chunks[i], &done);
        c->total_bytes += done;
        c->chunks_done += SMBKIT_OK(st);
        c->chunk_bytes = SMBKIT_OK(st) ? 0 : done;
    }
    if (SMBKIT_OK(st) && c->zeroes.length > 0) {
        st = space_zero(x->call, x->target, c->zeroes);
    }
    mem_free(x->buffer);
    kept_time_transfer_end(x->target, DOOR_WRITE);
    if (c->total_bytes > 0) {
        /* relaxed: statistics */
        atomic_fetch_add_explicit(&x->source->volume->bytes_read, c->total_bytes,
                                  memory_order_relaxed);
        atomic_fetch_add_explicit(&x->target->volume->bytes_written, c->total_bytes,
                                  memory_order_relaxed);
        info_data_changed(x->call, x->target);
    }
    return st;
}

/* Is it to be done somewhere else than on this thread? */
static bool is_for_worker(const struct vfs_call *call, const struct vfs_open *target,
                          const struct vfs_open *source, uint64_t total)
{
    bool may_block = !target->volume->never_blocks || !source->volume->never_blocks;
    return (call->nowait || call->on_loop) && (may_block || total > COPY_ON_LOOP_BYTES);
}

static smbkit_status copy_begun(const struct vfs_call *call, struct vfs_open *target,
                                struct vfs_copy *c)
{
    uint64_t total = c->zeroes.length;
    for (uint32_t i = 0; i < c->chunk_count; i++) {
        total += c->chunks[i].length;
    }
    smbkit_status st = check_rights(call, target, c->source, c->target_access);
    if (SMBKIT_OK(st)) {
        st = break_both(call, target, c->source);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (is_for_worker(call, target, c->source, total)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    const struct vfs_call here = journal_on_the_spot(call);
    struct copying x = {.call = &here, .source = c->source, .target = target};
    return copy_all(&x, c);
}

/* With both opens held: neither is closed before it is over. */
static smbkit_status copy_once(const struct vfs_call *call, struct vfs_open *target,
                               struct vfs_copy *c)
{
    c->chunks_done = 0;
    c->chunk_bytes = c->total_bytes = 0;
    OPEN_SCOPE(target, st);
    if (SMBKIT_OK(st)) {
        st = SMBKIT_OK(open_begin(c->source)) ? st : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (SMBKIT_OK(st)) {
        st = copy_begun(call, target, c);
        open_end(c->source);
    }
    return st;
}

smbkit_status vfs_copy(struct vfs_call *call, struct vfs_open *target, struct vfs_copy *c)
{
    return WAIT_OUT(call, again, copy_once(again, target, c));
}

/* ---- clones ---- */

static smbkit_status check_clone_sizes(const struct smbkit_attr *target,
                                       const struct smbkit_attr *source,
                                       const struct vfs_copy_chunk *p)
{
    if ((source->attributes & SMBKIT_ATTR_SPARSE) && !(target->attributes & SMBKIT_ATTR_SPARSE)) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    uint64_t room = MAX(source->alloc_size, source->size);
    return p->source_offset > room || p->length > room - p->source_offset
               ? SMBKIT_STATUS_NOT_SUPPORTED
               : SMBKIT_STATUS_SUCCESS;
}

/* [MS-FSA] 2.1.5.10.4, [MS-FSCC] 2.3.8. Byte-range locks are not looked at. */
static smbkit_status check_clone(const struct vfs_call *call, struct vfs_open *target,
                                 struct vfs_open *source, const struct vfs_copy_chunk *p)
{
    if (target->volume != source->volume) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    uint64_t mask = target->volume->cluster_size_bytes - 1;
    if (((p->source_offset | p->offset | p->length) & mask) || p->length > INT64_MAX ||
        p->source_offset > INT64_MAX - p->length || p->offset > INT64_MAX - p->length) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (target->node == source->node && overlap(p)) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    struct smbkit_attr from, to;
    smbkit_status st = door_getattr(call, &source->f, &from);
    if (SMBKIT_OK(st)) {
        st = door_getattr(call, &target->f, &to);
    }
    return SMBKIT_OK(st) ? check_clone_sizes(&to, &from, p) : st;
}

static smbkit_status clone_begun(const struct vfs_call *call, struct vfs_open *target,
                                 struct vfs_open *source, const struct vfs_copy_chunk *p)
{
    smbkit_status st = check_rights(call, target, source, SMBKIT_WRITE_DATA);
    if (SMBKIT_OK(st) && !journal_acts(call)) {
        st = check_clone(call, target, source, p);
    }
    if (SMBKIT_OK(st)) {
        st = break_both(call, target, source);
    }
    if (!SMBKIT_OK(st) || p->length == 0) {
        return st;
    }
    if (call->on_loop && p->length > COPY_ON_LOOP_BYTES) {
        return SMBKIT_STATUS_WOULD_BLOCK; /* there are plugins that never block, but copy */
    }
    struct smbkit_copy a = {.struct_size = sizeof(a),
                            .source = source->f.file,
                            .source_offset = p->source_offset,
                            .offset = p->offset,
                            .length = p->length};
    st = door_copy(call, &target->f, SMBKIT_OP_clone_range, &a);
    if (SMBKIT_OK(st)) {
        info_data_changed(call, target);
    }
    return st;
}

static smbkit_status clone_once(const struct vfs_call *call, struct vfs_open *target,
                                struct vfs_open *source, const struct vfs_copy_chunk *p)
{
    OPEN_SCOPE(target, st);
    if (SMBKIT_OK(st)) {
        st = SMBKIT_OK(open_begin(source)) ? st : SMBKIT_STATUS_INVALID_HANDLE;
    }
    if (SMBKIT_OK(st)) {
        st = clone_begun(call, target, source, p);
        open_end(source);
    }
    return st;
}

smbkit_status vfs_clone(struct vfs_call *call, struct vfs_open *target, struct vfs_open *source,
                        const struct vfs_copy_chunk *what)
{
    return WAIT_OUT(call, again, clone_once(again, target, source, what));
}

/* ---- what is to be copied later ---- */

static smbkit_status look_once(const struct vfs_call *call, struct vfs_open *o,
                               struct smbkit_range range, struct vfs_data_stamp *out)
{
    struct smbkit_attr attr;
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st) && o->is_directory) {
        st = SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    if (SMBKIT_OK(st) && !open_may(o, SMBKIT_READ_DATA)) {
        st = SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (SMBKIT_OK(st)) {
        st = oplock_break_for(call, o, OPLOCK_OP_READ);
    }
    if (SMBKIT_OK(st) && is_locked(o, range.offset, range.length, false)) {
        st = SMBKIT_STATUS_FILE_LOCK_CONFLICT;
    }
    uint64_t changes = atomic_load(&o->node->data_changes); /* before what it counts is looked at */
    if (SMBKIT_OK(st)) {
        st = door_getattr(call, &o->f, &attr);
    }
    if (SMBKIT_OK(st)) {
        *out = (struct vfs_data_stamp){.changes = changes,
                                       .size = attr.size,
                                       .write_time = attr.write_time,
                                       .change_time = attr.change_time};
    }
    return st;
}

smbkit_status vfs_data_look(struct vfs_call *call, struct vfs_open *o, struct smbkit_range range,
                            struct vfs_data_stamp *out)
{
    return WAIT_OUT(call, again, look_once(again, o, range, out));
}

uint64_t vfs_data_changes(const struct vfs_open *o)
{
    return atomic_load(&o->node->data_changes);
}

bool vfs_data_is_same(const struct vfs_data_stamp *a, const struct vfs_data_stamp *b)
{
    return a->changes == b->changes && a->size == b->size && a->write_time == b->write_time &&
           a->change_time == b->change_time;
}

bool vfs_opens_share(const struct vfs_open *a, const struct vfs_open *b)
{
    return a->node == b->node;
}
