/* SPDX-License-Identifier: Apache-2.0 */
/* One call of an operation, through the door of the outermost layer, to its end. */
#include "kit/kit_priv.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "os/os.h"

bool kit_has(const struct kit *k, uint32_t id)
{
    for (uint32_t i = 0; i < k->volume->layer_count; i++) {
        if (op_row_has(&op_rows[id], k->volume->layers[i].plugin)) {
            return true;
        }
    }
    return false;
}

void kit_calling(struct kit_actor *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    SCOPED_LOCK(&a->lock);
    str_vformat(a->call, sizeof(a->call), fmt, ap);
    a->since_ms = os_monotonic_ms();
    va_end(ap);
}

void kit_called(struct kit_actor *a)
{
    SCOPED_LOCK(&a->lock);
    a->since_ms = 0;
}

/* ---- one that is pending ---- */

struct pending {
    struct mutex lock;
    struct cond cond;
    bool is_over; /* guarded by lock, as status */
    smbkit_status status;
};

static void finished(void *arg, smbkit_status status)
{
    struct pending *p = arg;
    SCOPED_LOCK(&p->lock);
    p->is_over = true;
    p->status = status;
    cond_signal(&p->cond);
}

/* The watch sees to what takes too long. */
static smbkit_status pending_wait(struct pending *p)
{
    SCOPED_LOCK(&p->lock);
    while (!p->is_over) {
        cond_wait(&p->cond, &p->lock);
    }
    return p->status;
}

smbkit_status kit_await(struct kit_actor *a, struct op *op, smbkit_status st)
{
    if (st != SMBKIT_STATUS_PENDING) {
        return st;
    }
    struct pending p = {.is_over = false};
    mutex_init(&p.lock);
    cond_init(&p.cond);
    atomic_fetch_add_explicit(&a->kit->pendings, 1, memory_order_relaxed); /* a statistic */
    op_hand_up(op, finished, &p, &st);
    if (st == SMBKIT_STATUS_PENDING) {
        st = pending_wait(&p);
    }
    cond_fini(&p.cond);
    mutex_fini(&p.lock);
    return st;
}

/* ---- calls ---- */

static struct vfs_call call_of(struct kit_actor *a, uint32_t flags)
{
    return (struct vfs_call){
        .token = a->kit->token, .cancelled = &a->cancelled, .nowait = flags & SMBKIT_OP_NOWAIT};
}

void kit_op_begin(struct kit_actor *a, struct op *op)
{
    SCOPED_LOCK(&a->lock);
    a->op = op;
    a->is_told = false;
}

/* Has it been cancelled by the watch? */
static bool op_end(struct kit_actor *a)
{
    SCOPED_LOCK(&a->lock);
    a->op = NULL;
    return a->is_told;
}

void kit_op_end(struct kit_actor *a)
{
    if (op_end(a)) {
        atomic_store(&a->cancelled, false);
        kit_fault(a, "nothing for %llu s; it came to an end only when cancelled",
                  (unsigned long long)(kit_patience_ms(a->kit) / 1000));
    }
}

/* One call, awaited. */
static smbkit_status run_op(struct kit_actor *a, const struct door_file *f, uint32_t id, void *args,
                            uint32_t flags)
{
    struct kit *k = a->kit;
    const struct vfs_call call = call_of(a, flags);
    struct op *op = op_new(&k->volume->ops, &call);
    if (!op) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    op->pub.flags |= flags | (call.nowait && k->volume->awaits ? SMBKIT_OP_SYNC : 0);
    kit_op_begin(a, op);
    smbkit_status st = kit_await(a, op, door_layer_call(&call, f, id, op, args));
    kit_op_end(a);
    op_put(op);
    if (st == SMBKIT_STATUS_WOULD_BLOCK) {
        atomic_fetch_add_explicit(&k->would_blocks, 1, memory_order_relaxed); /* a statistic */
    }
    return st;
}

/* As the server does it: what was written by an open, or made another size, is committed when that
 * is closed, unless it goes. */
static void note_change(struct kit_file *f, uint32_t id)
{
    static const uint32_t changes[] = {
        SMBKIT_OP_write,      SMBKIT_OP_set_size,   SMBKIT_OP_overwrite,  SMBKIT_OP_allocate,
        SMBKIT_OP_zero_range, SMBKIT_OP_copy_range, SMBKIT_OP_clone_range};
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        if (id == changes[i]) {
            atomic_store(&f->is_changed, true);
        }
    }
    if (id == SMBKIT_OP_remove) {
        atomic_store(&f->is_changed, false);
    }
}

smbkit_status kit_call_flags(struct kit_actor *a, struct kit_file *f, uint32_t id, void *args,
                             uint32_t flags)
{
    const struct door_file of_volume = {.volume = a->kit->volume};
    smbkit_status st = run_op(a, f ? &f->door : &of_volume, id, args, flags);
    if (f && SMBKIT_OK(st)) {
        note_change(f, id);
    }
    return st;
}

/* As a server does: first where it must not wait, if the volume takes such calls. By chance, so
 * that both ways are seen. */
static smbkit_status call_either_way(struct kit_actor *a, struct kit_file *f, uint32_t id,
                                     void *args)
{
    if (a->nowait_only) {
        return kit_call_flags(a, f, id, args, SMBKIT_OP_NOWAIT);
    }
    if (a->kit->tries_nowait && !a->must_wait && kit_below(a, 2) == 0) {
        smbkit_status st = kit_call_flags(a, f, id, args, SMBKIT_OP_NOWAIT);
        if (st != SMBKIT_STATUS_WOULD_BLOCK) {
            return st;
        }
    }
    return kit_call_flags(a, f, id, args, 0);
}

smbkit_status kit_call(struct kit_actor *a, struct kit_file *f, uint32_t id, void *args,
                       const char *what)
{
    if (f) {
        kit_calling(a, "%s(%s%s%s)", op_rows[id].name, quoted(f->path).text, what[0] ? ", " : "",
                    what);
    } else {
        kit_calling(a, "%s(%s)", op_rows[id].name, what);
    }
    smbkit_status st = call_either_way(a, f, id, args);
    kit_called(a);
    return st;
}

/* ---- data ---- */

/* The bytes of a write: a plugin may keep them for as long as it likes. */
struct lent {
    struct refcount refs;
    struct kit *kit;
    uint8_t bytes[];
};

static void lent_keep(void *arg)
{
    struct lent *l = arg;
    refcount_get(&l->refs);
    atomic_fetch_add_explicit(&l->kit->lent, 1, memory_order_relaxed); /* a count */
}

static void lent_put(struct lent *l)
{
    if (refcount_put(&l->refs)) {
        mem_free(l);
    }
}

static void lent_unkeep(void *arg)
{
    struct lent *l = arg;
    atomic_fetch_sub_explicit(&l->kit->lent, 1, memory_order_relaxed); /* a count */
    lent_put(l);
}

static smbkit_status io_once(struct kit_actor *a, struct kit_file *f, struct vfs_io *io,
                             uint32_t flags)
{
    io->plugin_io = (struct smbkit_io){.struct_size = sizeof(io->plugin_io),
                                       .flags = io->flags,
                                       .offset = io->offset,
                                       .length = io->length,
                                       .buffer = io->buffer,
                                       .segs = io->segs,
                                       .seg_count = io->seg_count,
                                       .core = io};
    uint32_t id = io->kind == DOOR_READ ? SMBKIT_OP_read : SMBKIT_OP_write;
    smbkit_status st = run_op(a, &f->door, id, &io->plugin_io, flags);
    if (SMBKIT_OK(st)) {
        note_change(f, id);
    }
    return st;
}

static smbkit_status io_either_way(struct kit_actor *a, struct kit_file *f, struct vfs_io *io)
{
    if (a->nowait_only) {
        return io_once(a, f, io, SMBKIT_OP_NOWAIT);
    }
    if (a->kit->tries_nowait && !a->must_wait && kit_below(a, 2) == 0) {
        smbkit_status st = io_once(a, f, io, SMBKIT_OP_NOWAIT);
        if (st != SMBKIT_STATUS_WOULD_BLOCK) {
            return st;
        }
        vfs_io_release(io);
    }
    return io_once(a, f, io, 0);
}

#define GUARD_BYTES 16u
#define GUARD 0xc5
/* Room for len bytes, with a guard behind it. NULL: no memory. */
static uint8_t *room_new(uint32_t len)
{
    uint8_t *room = mem_zalloc((size_t)len + GUARD_BYTES);
    for (uint32_t i = 0; room && i < GUARD_BYTES; i++) {
        room[len + i] = GUARD;
    }
    return room;
}

static bool room_is_whole(const uint8_t *room, uint32_t len)
{
    for (uint32_t i = 0; i < GUARD_BYTES; i++) {
        if (room[len + i] != GUARD) {
            return false;
        }
    }
    return true;
}

smbkit_status kit_read(struct kit_actor *a, struct kit_file *f, const struct smbkit_range *r,
                       void *buf, uint32_t *done_r)
{
    struct vfs_io io;
    uint32_t len = (uint32_t)r->length;
    CLEANUP_MEM uint8_t *room = room_new(len);
    *done_r = 0;
    if (!room) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    vfs_io_init(&io);
    io.kind = DOOR_READ;
    io.offset = r->offset;
    io.length = len;
    io.buffer = room;
    kit_calling(a, "read(%s, offset %llu, length %u)", quoted(f->path).text,
                (unsigned long long)io.offset, io.length);
    smbkit_status st = io_either_way(a, f, &io);
    kit_called(a);
    if (SMBKIT_OK(st)) {
        st = layer_io_join(&io.plugin_io);
    }
    if (!room_is_whole(room, len)) {
        kit_fault(a, "something was written behind the buffer of %u bytes", len);
    }
    if (SMBKIT_OK(st)) {
        *done_r = io.plugin_io.done;
        mem_copy(buf, room, *done_r);
    }
    vfs_io_fini(&io);
    return st;
}

#define SEGMENTS_MAX 4u
/* Cut by chance. */
static uint32_t cut(struct kit_actor *a, const uint8_t *data, uint32_t len,
                    struct smbkit_segment segs[SEGMENTS_MAX])
{
    uint32_t count = 0;
    while (len > 0) {
        bool is_last = count + 1 == SEGMENTS_MAX || kit_below(a, 2) == 0;
        uint32_t n = is_last ? len : 1 + kit_below(a, len);
        segs[count++] = (struct smbkit_segment){.base = data, .len = n};
        data += n;
        len -= n;
    }
    return count;
}

static smbkit_status write_lent(struct kit_actor *a, struct kit_file *f, struct vfs_io *io,
                                struct lent *l)
{
    struct smbkit_segment segs[SEGMENTS_MAX];
    io->segs = segs;
    io->seg_count = cut(a, l->bytes, io->length, segs);
    io->keep = lent_keep;
    io->unkeep = lent_unkeep;
    io->keep_arg = l;
    kit_calling(a, "write(%s, offset %llu, length %u in %u segments%s)", quoted(f->path).text,
                (unsigned long long)io->offset, io->length, io->seg_count,
                io->flags & SMBKIT_IO_APPEND ? ", APPEND" : "");
    smbkit_status st = io_either_way(a, f, io);
    kit_called(a);
    return st;
}

smbkit_status kit_write(struct kit_actor *a, struct kit_file *f, const struct smbkit_range *r,
                        const void *data, uint32_t flags)
{
    uint32_t len = (uint32_t)r->length;
    struct lent *l = mem_alloc(sizeof(*l) + len);
    if (!l) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    refcount_init(&l->refs);
    l->kit = a->kit;
    mem_copy(l->bytes, data, len);
    struct vfs_io io;
    vfs_io_init(&io);
    io.kind = DOOR_WRITE;
    io.offset = r->offset;
    io.length = len;
    io.flags = flags;
    smbkit_status st = write_lent(a, f, &io, l);
    if (SMBKIT_OK(st) && io.plugin_io.done != len) {
        kit_fault(a, "SUCCESS with %u bytes done; all %u were to be written", io.plugin_io.done,
                  len);
        st = SMBKIT_STATUS_INTERNAL_ERROR;
    }
    vfs_io_fini(&io);
    /* acquire: who gave it back is done with it */
    if (atomic_load_explicit(&l->refs.n, memory_order_acquire) == 1) {
        for (uint32_t i = 0; i < len; i++) {
            l->bytes[i] ^= 0xa5; /* a plugin that only borrowed them must not look again */
        }
    }
    lent_put(l);
    return st;
}
