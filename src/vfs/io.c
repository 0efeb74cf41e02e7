/* SPDX-License-Identifier: Apache-2.0 */
/* Read, write, flush: [MS-FSA] 2.1.5.3, 2.1.5.4, 2.1.5.7. A plugin may answer later; the open
 * counts the transfer as in flight until then, so that close waits for it. */
#include "base/mem.h"
#include "vfs/core.h"
#include "vfs/info.h"
#include "vfs/journal.h"
#include "vfs/kept_time.h"
#include "vfs/late_time.h"
#include "vfs/notify_core.h"
#include "vfs/oplock_core.h"

/* Of a transfer. DONE: it was handed up and has ended; its status is to be collected. */
enum { IO_IDLE, IO_RUNNING, IO_PENDING, IO_DONE };

void vfs_io_init(struct vfs_io *io)
{
    *io = (struct vfs_io){0};
    mutex_init(&io->lock);
    list_init(&io->waiters);
}

void vfs_io_release(struct vfs_io *io)
{
    uint32_t count = io->given_count;
    io->given_count = 0;
    io->memory = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (io->given->releases[i].fn) {
            io->given->releases[i].fn(io->given->releases[i].arg);
        }
    }
}

uint64_t vfs_io_given(const struct vfs_io *io)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < io->given_count; i++) {
        sum += io->given->segs[i].len;
    }
    return sum;
}

/* Let go of what a pending transfer held on to. */
static void io_drop(struct vfs_io *io)
{
    struct vfs_open *o = io->open;
    io->open = NULL;
    vfs_open_unref(o);
    if (io->token) {
        vfs_token_unref(io->token);
        io->token = NULL;
    }
}

void vfs_io_fini(struct vfs_io *io)
{
    ASSERT(!vfs_io_is_busy(io));
    vfs_io_release(io);
    if (io->op) {
        op_put(io->op); /* ended, and nobody came to collect it */
    }
    io_drop(io);
    mem_free(io->given);
    mutex_fini(&io->lock);
}

bool vfs_io_is_busy(const struct vfs_io *io)
{
    SCOPED_LOCK(&((struct vfs_io *)(uintptr_t)io)->lock);
    return io->state == IO_RUNNING || io->state == IO_PENDING;
}

void vfs_io_cancel(struct vfs_io *io)
{
    mutex_lock(&io->lock);
    struct op *op = io->state == IO_PENDING ? io->op : NULL;
    if (op) {
        op_ref(op);
    }
    mutex_unlock(&io->lock);
    if (op) {
        op_cancel(op);
        op_put(op);
    }
}

void vfs_io_take_release(struct vfs_io *io, void (**release_r)(void *), void **arg_r)
{
    ASSERT(io->given_count == 1);
    *release_r = io->given->releases[0].fn;
    *arg_r = io->given->releases[0].arg;
    io->given_count = 0;
}

/* What a transfer that has ended leaves behind, whoever collects it. No plugin call: it may run on
 * a plugin's thread. */
static smbkit_status io_account(struct vfs_io *io, struct vfs_open *o, smbkit_status st)
{
    struct vfs_volume *v = o->volume;
    if (io->kind == DOOR_FLUSH || !SMBKIT_OK(st)) {
        return st;
    }
    uint32_t done = io->plugin_io.done;
    if (io->given_count == 1) {
        io->memory = io->given->segs[0].base;
    } else {
        st = layer_io_join(&io->plugin_io); /* front ends send one piece */
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    io->done = done;
    vfs_open_position_set(o, io->plugin_io.offset + done);
    if (io->kind == DOOR_READ) {
        kept_time_touched(o, KEPT_BY_READ);
        atomic_fetch_add_explicit(&v->bytes_read, done, memory_order_relaxed); /* a statistic */
        return done == 0 ? SMBKIT_STATUS_END_OF_FILE : st;
    }
    atomic_fetch_add_explicit(&v->bytes_written, done, memory_order_relaxed); /* a statistic */
    info_data_touched(o);
    late_time_written(o);
    oplock_tell(o, OPLOCK_OP_WRITE); /* who has come to cache it since the first check */
    notify_modified(o, NOTIFY_CHANGE_SIZE | NOTIFY_CHANGE_LAST_WRITE);
    return st;
}

/* A transfer has ended, wherever. */
static smbkit_status io_ended(struct vfs_io *io, struct vfs_open *o, smbkit_status st)
{
    if (io->kind == DOOR_WRITE && !SMBKIT_OK(st)) {
        kept_time_touched(o, KEPT_BY_DATA); /* a part may have been written */
    }
    st = io_account(io, o, st);
    kept_time_transfer_end(o, (enum door_io_kind)io->kind);
    return st;
}

/* A transfer that was handed up has ended. */
static void io_finished(void *arg, smbkit_status status)
{
    struct vfs_io *io = arg;
    SCOPED_LOCK(&io->lock);
    struct vfs_open *o = io->open;
    io->status = io_ended(io, o, status);
    io->state = IO_DONE;
    open_end(o);
    /* Last: with the lock held, the owner cannot end io before that. */
    wait_wake_all(o->node->waits, &io->waiters);
}

static void io_state_set(struct vfs_io *io, int state)
{
    SCOPED_LOCK(&io->lock);
    io->state = state;
}

/* The call is over. */
static void io_op_put(struct vfs_io *io, int state)
{
    mutex_lock(&io->lock);
    struct op *op = io->op;
    io->op = NULL;
    io->state = state;
    mutex_unlock(&io->lock);
    op_put(op);
}

/* The plugin said PENDING: WAIT; or it has been completed in the meantime. */
static smbkit_status io_hand_up(const struct vfs_call *call, struct vfs_open *o, struct vfs_io *io)
{
    smbkit_status st;
    mutex_lock(&io->lock);
    io->state = IO_PENDING;
    io->open = vfs_open_ref(o);
    io->token = vfs_token_ref(call->token);
    wait_register(o->node->waits, &io->waiters, call->wait);
    mutex_unlock(&io->lock);
    op_hand_up(io->op, io_finished, io, &st);
    if (st == SMBKIT_STATUS_PENDING) {
        return SMBKIT_STATUS_WAIT;
    }
    (void)vfs_wait_cancel(call->wait);
    io_op_put(io, IO_RUNNING);
    io_drop(io);
    return st;
}

/* *handed_up: the transfer goes on, and its completion ends the call on the open. */
static smbkit_status io_start(const struct vfs_call *call, struct vfs_open *o, struct vfs_io *io,
                              bool *handed_up)
{
    vfs_io_release(io);
    io->done = 0;
    io_state_set(io, IO_RUNNING);
    kept_time_transfer_begin(o, (enum door_io_kind)io->kind);
    smbkit_status st = door_io(call, &o->f, io, (enum door_io_kind)io->kind);
    if (st == SMBKIT_STATUS_PENDING) {
        st = io_hand_up(call, o, io);
    }
    *handed_up = st == SMBKIT_STATUS_WAIT;
    if (*handed_up) {
        return st;
    }
    io_state_set(io, IO_IDLE);
    if (!SMBKIT_OK(st)) {
        vfs_io_release(io);
    }
    return io_ended(io, o, st);
}

/* A transfer that was begun earlier: true, and *st_r is its answer so far. One that has ended is
 * collected where times that it must leave alone can be put back. */
static bool io_is_begun(const struct vfs_call *call, struct vfs_open *o, struct vfs_io *io,
                        smbkit_status *st_r)
{
    mutex_lock(&io->lock);
    int state = io->state;
    bool stays = state == IO_DONE && call->nowait && kept_time_is_due(o);
    if (state == IO_PENDING) {
        wait_register(o->node->waits, &io->waiters, call->wait);
        *st_r = SMBKIT_STATUS_WAIT;
    } else if (state == IO_DONE) {
        *st_r = stays ? SMBKIT_STATUS_WOULD_BLOCK : io->status;
    }
    mutex_unlock(&io->lock);
    if (state == IO_DONE && !stays) {
        io_op_put(io, IO_IDLE);
        io_drop(io);
    }
    return state == IO_PENDING || state == IO_DONE;
}

typedef smbkit_status (*io_check_fn)(const struct vfs_call *call, struct vfs_open *o,
                                     struct vfs_io *io);

static smbkit_status io_once(const struct vfs_call *call, struct vfs_open *o, struct vfs_io *io,
                             io_check_fn check)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (io_is_begun(call, o, io, &st)) {
        return st;
    }
    st = open_begin(o);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    io->plugin_io = (struct smbkit_io){.struct_size = sizeof(io->plugin_io),
                                       .flags = io->flags,
                                       .offset = io->offset,
                                       .length = io->length,
                                       .buffer = io->buffer,
                                       .segs = io->segs,
                                       .seg_count = io->seg_count,
                                       .core = io};
    uint32_t options = vfs_open_options(o);
    io->plugin_io.flags |= options & VFS_WRITE_THROUGH ? SMBKIT_IO_WRITE_THROUGH : 0;
    io->plugin_io.flags |= options & VFS_NO_INTERMEDIATE_BUFFERING ? SMBKIT_IO_UNBUFFERED : 0;
    st = check(call, o, io);
    bool handed_up = false;
    if (SMBKIT_OK(st) && (io->length > 0 || io->kind == DOOR_FLUSH)) {
        st = io_start(call, o, io, &handed_up);
    } else if (SMBKIT_OK(st)) {
        io->done = 0; /* [MS-FSA] 2.1.5.3: a transfer of nothing is done */
    }
    if (!handed_up) {
        open_end(o);
    }
    return st;
}

/* The range is one of a file. [MS-FSA] 2.1.5.3: no negative offset, no end beyond 2^63 - 1. */
static bool range_is_good(uint64_t offset, uint64_t length)
{
    return offset <= INT64_MAX && length <= (uint64_t)INT64_MAX - offset;
}

static bool is_locked_against(struct vfs_open *o, const struct vfs_io *io, bool is_write)
{
    SCOPED_LOCK(&o->node->lock);
    return brlock_io_conflicts(&o->node->locks, &o->locks, io->plugin_io.offset, io->length,
                               is_write);
}

static smbkit_status read_check(const struct vfs_call *call, struct vfs_open *o, struct vfs_io *io)
{
    if (o->is_directory) {
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    if (!(o->granted_access & (SMBKIT_READ_DATA | SMBKIT_EXECUTE))) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (!range_is_good(io->offset, io->length)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (is_locked_against(o, io, false)) {
        return SMBKIT_STATUS_FILE_LOCK_CONFLICT;
    }
    smbkit_status st = kept_time_note(call, o, KEPT_BY_READ);
    return SMBKIT_OK(st) ? oplock_break_for(call, o, OPLOCK_OP_READ) : st;
}

/* Where does a write go? Who may only append writes at the end, or behind it. */
static smbkit_status write_place(const struct vfs_call *call, struct vfs_open *o, struct vfs_io *io)
{
    bool appends = io->offset == UINT64_MAX;
    bool may_write = o->granted_access & SMBKIT_WRITE_DATA;
    if (!appends && may_write) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct smbkit_attr attr;
    smbkit_status st = door_getattr(call, &o->f, &attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (appends) {
        io->plugin_io.offset = attr.size;        /* for locks, and to be told */
        io->plugin_io.flags |= SMBKIT_IO_APPEND; /* others may have written since */
    } else if (io->offset < attr.size) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status write_check(const struct vfs_call *call, struct vfs_open *o, struct vfs_io *io)
{
    if (o->is_directory) {
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    smbkit_status st = open_check_writable(call, o);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (!(o->granted_access & (SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA))) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    st = write_place(call, o, io);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (!range_is_good(io->plugin_io.offset, io->length)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (is_locked_against(o, io, true)) {
        return SMBKIT_STATUS_FILE_LOCK_CONFLICT;
    }
    st = kept_time_note(call, o, KEPT_BY_DATA);
    st = SMBKIT_OK(st) ? late_time_hold(call, o) : st;
    return SMBKIT_OK(st) ? oplock_break_for(call, o, OPLOCK_OP_WRITE) : st;
}

static smbkit_status flush_check(const struct vfs_call *call, struct vfs_open *o, struct vfs_io *io)
{
    (void)call;
    (void)io;
    /* [MS-SMB2] 3.3.5.11; the same bits are "add a file" and "add a subdirectory" for a directory.
     */
    return o->granted_access & (SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA)
               ? SMBKIT_STATUS_SUCCESS
               : SMBKIT_STATUS_ACCESS_DENIED;
}

static smbkit_status io_run(struct vfs_call *call, struct vfs_open *o, struct vfs_io *io,
                            enum door_io_kind kind, io_check_fn check)
{
    io->kind = (int)kind;
    return WAIT_OUT(call, again, io_once(again, o, io, check));
}

/* The transfer has ended; the answer does not depend on it. */
static void restore_times(const struct vfs_call *call, struct vfs_open *o)
{
    if (!kept_time_is_due(o)) {
        return;
    }
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st)) {
        (void)kept_time_restore(call, o);
    }
}

smbkit_status vfs_read(struct vfs_call *call, struct vfs_open *o, struct vfs_io *io)
{
    smbkit_status st = io_run(call, o, io, DOOR_READ, read_check);
    if (!door_stops(st)) {
        restore_times(call, o);
    }
    return st;
}

smbkit_status vfs_write(struct vfs_call *call, struct vfs_open *o, struct vfs_io *io)
{
    smbkit_status st = io_run(call, o, io, DOOR_WRITE, write_check);
    if (!door_stops(st)) {
        restore_times(call, o);
    }
    return st;
}

smbkit_status vfs_flush(struct vfs_call *call, struct vfs_open *o, struct vfs_io *io)
{
    late_time_show(o);
    return io_run(call, o, io, DOOR_FLUSH, flush_check);
}
