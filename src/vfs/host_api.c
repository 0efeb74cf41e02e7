/* SPDX-License-Identifier: Apache-2.0 */
/* The table that plugins are handed: smbkit/host.h. */
#include "base/escape.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "tree/tree.h"
#include "vfs/beside.h"
#include "vfs/caching.h"
#include "vfs/core.h"
#include "vfs/event.h"
#include "vfs/plugin_args.h"

#define LOG_MODULE LOG_PLUGIN
#define LOG_LINE_MAX 1024 /* of one smbkit_log */

/* ---- the layer below ---- */

/* Does the filter want what is read in one piece? */
static bool joins(const struct smbkit_next *next, uint32_t id)
{
    return id == SMBKIT_OP_read && !(next->owner->plugin->flags & SMBKIT_SEES_SEGMENTS);
}

static NOINLINE smbkit_status next_any(struct smbkit_next *next, uint32_t id, struct smbkit_op *pub,
                                       void *file, void *args)
{
    struct op *op = op_of(pub);
    bool joined = joins(next, id);
    bool is_own_child = op->is_fresh; /* not that of a filter above, which this one passes on */
    if (is_own_child) {
        op->is_fresh = false;
        op->join = joined ? args : NULL;
        op_child_begin(op, next->owner);
    }
    bool stops = op_rows[id].asks_each && (id != SMBKIT_OP_control || op->root->stays);
    smbkit_status st = stops ? op_rows[id].absent : layer_call(next->layer, id, pub, file, args);
    if (st == SMBKIT_STATUS_PENDING && is_own_child) {
        op_hand_up(op, NULL, NULL, &st);
    }
    if (st == SMBKIT_STATUS_PENDING) {
        return st;
    }
    op_note_asked(&op_rows[id], next->owner, args);
    if (joined && SMBKIT_OK(st)) {
        st = layer_io_join(args);
    }
    if (is_own_child) {
        op_child_end(op);
        op_early_complete(op->parent);
        op_put(op);
    }
    return st;
}

static NOINLINE smbkit_status next_asked(struct smbkit_next *next, uint32_t id,
                                         struct smbkit_op *pub, void *file, void *args)
{
    smbkit_status st = layer_call(next->layer, id, pub, file, args);
    if (st != SMBKIT_STATUS_PENDING) {
        op_note_asked(&op_rows[id], next->owner, args);
    }
    return st;
}

/* Of most calls there is nothing to be done here: bench/filter. */
static smbkit_status api_next(struct smbkit_next *next, uint32_t id, struct smbkit_op *pub,
                              void *file, void *args)
{
    if (id >= SMBKIT_OP_COUNT) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    const struct op_row *row = &op_rows[id];
    if (op_of(pub)->is_fresh || row->asks_each || (row->notes_asked && joins(next, id))) {
        return next_any(next, id, pub, file, args);
    }
    return row->notes_asked ? next_asked(next, id, pub, file, args)
                            : layer_call(next->layer, id, pub, file, args);
}

static void api_next_close(struct smbkit_next *next, struct smbkit_op *op, void *file)
{
    /* A filter may close what it opened within a call that must not wait: close is short by
     * contract. */
    uint32_t flags = op->flags;
    op->flags &= ~SMBKIT_OP_NOWAIT;
    layer_close(next->layer, op, file);
    op->flags = flags;
}

/* ---- data ---- */

static uint8_t *api_io_buffer(struct smbkit_io *io)
{
    return io->buffer;
}

static smbkit_status refuse_give(const struct smbkit_io *io, const struct smbkit_segment *seg,
                                 void (*release)(void *arg), void *arg)
{
    const struct vfs_io *v = io->core;
    struct layer *l = v ? v->asked : NULL; /* NULL: a filter's own read, which only it knows of */
    unsigned times = l ? layer_fault(l, FAULT_GIVE) : 0;
    if (times > 0) {
        log_error(NULL, "plugin_gave_%s plugin=%s bytes=%llu done=%u length=%u times=%u",
                  seg->base ? "too_much" : "null", l->plugin->name, (unsigned long long)seg->len,
                  io->done, io->length, times);
    }
    if (release) {
        release(arg);
    }
    return SMBKIT_STATUS_INVALID_PARAMETER;
}

static bool may_give(const struct smbkit_io *io, const struct smbkit_segment *seg)
{
    const struct vfs_io *v = io->core;
    if (!seg->base || io->done > io->length || seg->len > io->length - io->done) {
        return false;
    }
    return v ? v->given && v->given_count < SMBKIT_IO_GIVE_MAX && io->done == vfs_io_given(v)
             : io->buffer != NULL;
}

static smbkit_status api_io_give(struct smbkit_io *io, const struct smbkit_segment *seg,
                                 void (*release)(void *arg), void *arg)
{
    struct vfs_io *v = io->core;
    if (v && io->seg_count == 0) {
        vfs_io_release(v); /* a filter answers anew, without what it was given */
    }
    if (seg->len == 0 && release) {
        release(arg); /* an empty piece takes no place */
    }
    if (seg->len == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (v && !v->given) {
        v->given = mem_alloc(sizeof(*v->given));
    }
    if (!may_give(io, seg)) {
        return refuse_give(io, seg, release, arg);
    }
    if (!v) {
        /* A filter reads into a buffer of its own. */
        mem_copy(io->buffer + io->done, seg->base, seg->len);
        if (release) {
            release(arg);
        }
    } else {
        v->given->segs[v->given_count] = *seg;
        v->given->releases[v->given_count].fn = release;
        v->given->releases[v->given_count++].arg = arg;
        io->segs = v->given->segs;
        io->seg_count = v->given_count;
    }
    io->done += (uint32_t)seg->len;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status layer_io_join(struct smbkit_io *io)
{
    struct vfs_io *v = io->core;
    if (!v || v->given_count == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (!io->buffer) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < v->given_count; i++) {
        mem_copy(io->buffer + at, v->given->segs[i].base, v->given->segs[i].len);
        at += (uint32_t)v->given->segs[i].len;
    }
    vfs_io_release(v);
    io->segs = NULL;
    io->seg_count = 0;
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status api_io_keep(struct smbkit_io *io, uint32_t index,
                                 void (**release_r)(void *arg), void **arg_r)
{
    struct vfs_io *v = io->core;
    if (!v || !v->keep || index >= io->seg_count || io->segs != v->segs) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    v->keep(v->keep_arg);
    *release_r = v->unkeep;
    *arg_r = v->keep_arg;
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- the rest ---- */

static void api_event(struct smbkit_host *host, const struct smbkit_event *event)
{
    if (host->beside) {
        beside_event(host->beside, event);
        return;
    }
    event_take(host->volume, event);
}

static smbkit_status api_cache_break(struct smbkit_host *host, uint64_t key, uint32_t state)
{
    return caching_break(host->volume, key, state);
}

static void api_log(uint32_t level, const char *fmt, va_list args)
{
    enum log_level at = (enum log_level)MIN(level, (uint32_t)LOG_TRACE);
    if (!log_is_on(LOG_MODULE, at)) {
        return;
    }
    char line[LOG_LINE_MAX];
    str_vformat(line, sizeof(line), fmt, args);
    log_write(at, LOG_MODULE, NULL, "%s", line);
}

/* ---- what the server lends ---- */

static struct smbkit_timer *api_timer_new(struct smbkit_host *host, void (*fn)(void *arg),
                                          void *arg)
{
    const struct vfs_services *s = host->volume->services;
    return s ? s->timer_new(s, fn, arg) : NULL;
}

static void api_timer_set(struct smbkit_timer *timer, uint64_t ms)
{
    timer->services->timer_set(timer, ms);
}

static void api_timer_free(struct smbkit_timer *timer)
{
    if (timer) {
        timer->services->timer_free(timer);
    }
}

static struct smbkit_fd_watch *api_fd_watch_new(struct smbkit_host *host, int64_t fd,
                                                void (*fn)(void *arg, uint32_t ready), void *arg)
{
    const struct vfs_services *s = host->volume->services;
    return s ? s->fd_watch_new(s, fd, fn, arg) : NULL;
}

static void api_fd_watch_set(struct smbkit_fd_watch *watch, uint32_t wanted)
{
    watch->services->fd_watch_set(watch, wanted);
}

static void api_fd_watch_free(struct smbkit_fd_watch *watch)
{
    if (watch) {
        watch->services->fd_watch_free(watch);
    }
}

static smbkit_status api_run(struct smbkit_host *host, void (*fn)(void *arg), void *arg)
{
    const struct vfs_services *s = host->volume->services;
    return s ? s->run(s, host->volume, fn, arg) : SMBKIT_STATUS_NOT_SUPPORTED;
}

static const struct smbkit_admin *api_admin(struct smbkit_host *host)
{
    return host->volume->admin;
}

const struct smbkit_host_table vfs_api = {
    .struct_size = sizeof(vfs_api),
    .version = SMBKIT_API_VERSION,
    .complete = op_complete,
    .is_cancelled = op_is_cancelled,
    .on_cancel = op_on_cancel,
    .child = op_child,
    .next = api_next,
    .next_close = api_next_close,
    .io_buffer = api_io_buffer,
    .io_give = api_io_give,
    .io_keep = api_io_keep,
    .event = api_event,
    .cache_break = api_cache_break,
    .log = api_log,
    .status_from_errno = (smbkit_status_from_errno),
    .status_name = (smbkit_status_name),
    .timer_new = api_timer_new,
    .timer_set = api_timer_set,
    .timer_free = api_timer_free,
    .fd_watch_new = api_fd_watch_new,
    .fd_watch_set = api_fd_watch_set,
    .fd_watch_free = api_fd_watch_free,
    .run = api_run,
    .admin = api_admin,
    .arg_take = plugin_arg_take,
    .args_take = plugin_args_take,
    .quote = escape_quote,
    .tree = &tree_table,
    .upcase = utf_upcase,
    .mount = beside_open,
    .unmount = beside_close,
};

/* The program's own, for what is linked in without a name. */
const struct smbkit_host_table *smbkit_api = &vfs_api;
