/* SPDX-License-Identifier: Apache-2.0 */
/* Read, write, flush: [MS-FSA] 2.1.5.3, 2.1.5.4, 2.1.5.7. A plugin may answer later; the open
 * counts the transfer as in flight until then, so that close waits for it. The states are those of
 * layer.h. */
#include "vfs/io.h"

#include "base/log.h"
#include "vfs/core.h"
#include "vfs/info.h"
#include "vfs/notify_core.h"
#include "vfs/oplock_core.h"

#define LOG_MODULE LOG_VFS

void vfs_io_init(struct vfs_io *io)
{
    *io = (struct vfs_io){.fd = -1};
    op_core_init(&io->core, io);
    list_init(&io->waiters);
}

/* Memory that the plugin gave and nobody took over. */
static void io_release(struct vfs_io *io)
{
    void (*release)(void *) = io->release;
    io->release = NULL;
    if (release) {
        release(io->release_arg);
    }
    io->memory = NULL;
    io->fd = -1;
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
    io_release(io);
    io_drop(io);
    op_core_fini(&io->core);
}

bool vfs_io_is_busy(const struct vfs_io *io)
{
    struct vfs_op_core *core = &((struct vfs_io *)(uintptr_t)io)->core;
    SCOPED_LOCK(&core->lock);
    return core->state == OP_RUNNING || core->state == OP_COMPLETED || core->state == OP_PENDING;
}

void vfs_io_take_release(struct vfs_io *io, void (**release_r)(void *), void **arg_r)
{
    *release_r = io->release;
    *arg_r = io->release_arg;
    io->release = NULL;
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
    if (done > io->plugin_io.length) {
        return SMBKIT_STATUS_INTERNAL_ERROR;
    }
    if (io->fd >= 0) {
        /* The buffer was not filled; sent as it is, it would show the client old memory. */
        log_error(NULL, "plugin_gave_descriptor plugin=%s",
                  v->layers[v->layer_count - 1].plugin->name);
        return SMBKIT_STATUS_INTERNAL_ERROR;
    }
    io->done = done;
    vfs_open_position_set(o, io->plugin_io.offset + done);
    if (io->kind == DOOR_READ) {
        atomic_fetch_add_explicit(&v->bytes_read, done, memory_order_relaxed); /* a statistic */
        return done == 0 ? SMBKIT_STATUS_END_OF_FILE : st;
    }
    atomic_fetch_add_explicit(&v->bytes_written, done, memory_order_relaxed); /* a statistic */
    info_write_time_touched(o);
    notify_modified(o, NOTIFY_CHANGE_SIZE | NOTIFY_CHANGE_LAST_WRITE);
    return st;
}

void io_complete_locked(struct vfs_io *io, smbkit_status status)
{
    struct vfs_open *o = io->open;
    const struct layer *top = o->volume->layers;
    status = layer_status_check(top, &io->op, status);
    if (status == SMBKIT_STATUS_WOULD_BLOCK) {
        status = SMBKIT_STATUS_INTERNAL_ERROR; /* too late to say so */
    }
    io->core.status = io_account(io, o, status);
    io->core.state = OP_DONE;
    open_end(o);
    /* Last: with the lock that the caller holds, the owner cannot end io before that. */
    wait_wake_all(&o->volume->waits, &io->waiters);
}

/* The plugin said PENDING: WAIT, unless it has been completed in the meantime (then *st_r). */
static bool io_hand_up(const struct vfs_call *call, struct vfs_open *o, struct vfs_io *io,
                       smbkit_status *st_r)
{
    SCOPED_LOCK(&io->core.lock);
    if (io->core.state == OP_COMPLETED) {
        io->core.state = OP_IDLE;
        *st_r = layer_status_check(o->volume->layers, &io->op, io->core.status);
        return false;
    }
    io->core.state = OP_PENDING;
    io->open = vfs_open_ref(o);
    io->token = vfs_token_ref(call->token);
    wait_register(&o->volume->waits, &io->waiters, call->wait);
    return true;
}

/* *handed_up: the transfer goes on, and its completion ends the call on the open. */
static smbkit_status io_start(const struct vfs_call *call, struct vfs_open *o, struct vfs_io *io,
                              bool *handed_up)
{
    io_release(io);
    io->done = 0;
    mutex_lock(&io->core.lock);
    door_op_init(&io->op, &io->core, call);
    mutex_unlock(&io->core.lock);
    smbkit_status st = door_io(call, &o->f, io, (enum door_io_kind)io->kind);
    *handed_up = st == SMBKIT_STATUS_PENDING && io_hand_up(call, o, io, &st);
    if (*handed_up) {
        return SMBKIT_STATUS_WAIT;
    }
    mutex_lock(&io->core.lock);
    io->core.state = OP_IDLE;
    mutex_unlock(&io->core.lock);
    if (st == SMBKIT_STATUS_WOULD_BLOCK) {
        io_release(io);
        return st;
    }
    return io_account(io, o, st);
}

/* A transfer that was begun earlier: true, and *st_r is its answer so far. */
static bool io_is_begun(const struct vfs_call *call, struct vfs_open *o, struct vfs_io *io,
                        smbkit_status *st_r)
{
    mutex_lock(&io->core.lock);
    int state = io->core.state;
    if (state == OP_PENDING) {
        wait_register(&o->volume->waits, &io->waiters, call->wait);
        *st_r = SMBKIT_STATUS_WAIT;
    } else if (state == OP_DONE) {
        io->core.state = OP_IDLE;
        *st_r = io->core.status;
    }
    mutex_unlock(&io->core.lock);
    if (state == OP_DONE) {
        io_drop(io);
    }
    return state == OP_PENDING || state == OP_DONE;
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
    return brlock_io_conflicts(&o->node->locks, o, io->plugin_io.offset, io->length, is_write);
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
    return oplock_break_for(call, o, OPLOCK_OP_READ);
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
        io->plugin_io.offset = attr.size;
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
    smbkit_status st = volume_check_writable(o->volume);
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
    st = info_note_write_time(call, o);
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
    struct wait_scope scope;
    wait_scope_init(&scope, call);
    io->kind = (int)kind;
    smbkit_status st;
    do {
        st = io_once(&scope.call, o, io, check);
    } while (wait_scope_again(&scope, st));
    wait_scope_fini(&scope);
    return st;
}

smbkit_status vfs_read(struct vfs_call *call, struct vfs_open *o, struct vfs_io *io)
{
    return io_run(call, o, io, DOOR_READ, read_check);
}

smbkit_status vfs_write(struct vfs_call *call, struct vfs_open *o, struct vfs_io *io)
{
    smbkit_status st = io_run(call, o, io, DOOR_WRITE, write_check);
    if (SMBKIT_OK(st)) {
        (void)info_restore_write_time(call, o); /* if it cannot now, close does it */
    }
    return st;
}

smbkit_status vfs_flush(struct vfs_call *call, struct vfs_open *o, struct vfs_io *io)
{
    return io_run(call, o, io, DOOR_FLUSH, flush_check);
}
