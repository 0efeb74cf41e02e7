/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/layer.h"

#include "base/log.h"
#include "base/mem.h"

#define LOG_MODULE LOG_PLUGIN

unsigned layer_fault(struct layer *l, enum layer_fault what)
{
    /* relaxed: a count */
    unsigned times =
        (unsigned)atomic_fetch_add_explicit(&l->faults[what], 1, memory_order_relaxed) + 1;
    return (times & (times - 1)) == 0 ? times : 0;
}

/* ---- before and after a call ---- */

/* SUCCESS: the call may be made, layer_leave must follow. WOULD_BLOCK. */
static smbkit_status layer_enter(struct layer *l, uint32_t id, const struct smbkit_op *op)
{
    bool nowait = op->flags & SMBKIT_OP_NOWAIT;
    /* What a filter says of itself does not wait for the plugin, whatever that promises. */
    bool is_own = id == SMBKIT_OP_control && l->below;
    bool tries = l->features & (SMBKIT_FEATURE_NEVER_BLOCKS | SMBKIT_FEATURE_TRIES_NOWAIT);
    if (nowait && !tries && !is_own) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (l->plugin->thread_model == SMBKIT_SERIALIZE_ALL) {
        /* Who holds the lock of a plugin that never blocks lets it go at once. */
        if (nowait && !(l->features & SMBKIT_FEATURE_NEVER_BLOCKS)) {
            if (!mutex_try(&l->serial)) {
                return SMBKIT_STATUS_WOULD_BLOCK;
            }
        } else {
            mutex_lock(&l->serial);
        }
    }
    /* relaxed: a statistic */
    atomic_fetch_add_explicit(&l->calls[id], 1, memory_order_relaxed);
    return SMBKIT_STATUS_SUCCESS;
}

/* The buffer that a pointer of an operation's struct stands for; NULL: it stands for none. */
static struct smbkit_buffer *buffer_of(const struct op_pointer *p, void *args)
{
    void *member = (char *)args + p->offset;
    switch (p->kind) {
    case OP_PTR_BUFFER:
        return member;
    case OP_PTR_BUFFER_PTR:
        return *(struct smbkit_buffer *const *)member;
    default:
        return NULL;
    }
}

/* A plugin that says that it filled its room and did not answers zeroes, and not what the memory
 * held before: that may have been another client's. */
static void room_clear(const struct op_row *row, void *args)
{
    for (const struct op_pointer *p = row->pointers; p->kind != OP_PTR_NONE; p++) {
        const struct smbkit_buffer *b = buffer_of(p, args);
        if (b && b->base) {
            mem_zero(b->base, b->cap);
        }
    }
    if (row->clear) {
        row->clear(args);
    }
}

/* An answer that stands behind its room. */
static bool answers_fit(const struct op_row *row, void *args)
{
    for (const struct op_pointer *p = row->pointers; p->kind != OP_PTR_NONE; p++) {
        const struct smbkit_buffer *b = buffer_of(p, args);
        if (b && b->len > b->cap) {
            return false;
        }
    }
    return true;
}

/* Is that what an operation may be answered with, once it is over? */
static bool is_answer(const struct op *op, const struct op_row *row, smbkit_status st)
{
    switch (st) {
    case SMBKIT_STATUS_SUCCESS:
        return true;
    case SMBKIT_STATUS_WOULD_BLOCK:
        return op->pub.flags & SMBKIT_OP_NOWAIT;
    case SMBKIT_STATUS_BUFFER_OVERFLOW:
        return row->overflows;
    default:
        return smbkit_status_is_answer(st);
    }
}

smbkit_status layer_answer_check(struct op *op, smbkit_status st)
{
    const struct op_row *row = &op_rows[op->about.id];
    struct layer *l = op->about.layer;
    if (op->about.other) {
        *op->about.other = op->about.other_before;
    }
    unsigned times;
    if (!is_answer(op, row, st)) {
        times = layer_fault(l, FAULT_STATUS);
        if (times > 0) {
            log_error(NULL, "plugin_bad_status plugin=%s op=%s status=0x%08x times=%u",
                      l->plugin->name, row->name, (unsigned)st, times);
        }
        return SMBKIT_STATUS_INTERNAL_ERROR;
    }
    if (SMBKIT_OK(st) && !answers_fit(row, op->about.args)) {
        times = layer_fault(l, FAULT_ROOM);
        if (times > 0) {
            log_error(NULL, "plugin_answer_too_long plugin=%s op=%s times=%u", l->plugin->name,
                      row->name, times);
        }
        return SMBKIT_STATUS_INTERNAL_ERROR;
    }
    return row->check ? row->check(l, op->about.args, st) : st;
}

static smbkit_status layer_leave(struct layer *l, struct op *op, smbkit_status st)
{
    if (l->plugin->thread_model == SMBKIT_SERIALIZE_ALL) {
        mutex_unlock(&l->serial);
    }
    if (st == SMBKIT_STATUS_PENDING) {
        if (!(op->pub.flags & SMBKIT_OP_SYNC) && !l->awaits) {
            op->pends_below = l->is_below;
            return st;
        }
        st = op_await(op);
    } else {
        op_returned(op);
    }
    return layer_answer_check(op, st);
}

/* ---- which layer ---- */

/* A call that passes by layers: their files are those of the layer below. */
struct passing {
    void *file;
    void **other; /* the member of args that names another file; NULL: it has none */
    void *other_before;
};

static void passing_init(struct passing *p, const struct op_row *row, void *file, void *args)
{
    *p = (struct passing){.file = file};
    if (row->other_file) {
        p->other = (void **)((char *)args + row->other_file);
        p->other_before = *p->other;
    }
}

static void passing_undo(const struct passing *p)
{
    if (p->other) {
        *p->other = p->other_before;
    }
}

static void pass_by(const struct layer *l, const struct op_row *row, struct passing *p)
{
    if (!l->plugin->file_below) {
        return;
    }
    if (row->of_file) {
        p->file = l->plugin->file_below(l->volume, p->file);
    }
    if (p->other && *p->other) {
        *p->other = l->plugin->file_below(l->volume, *p->other);
    }
}

static bool hides(const struct layer *l, const struct op_row *row)
{
    typedef void (*any_function)(void);
    return row->hidden_by &&
           *(const any_function *)((const char *)l->plugin + row->hidden_by) != NULL;
}

/* NULL: none has it, or it is hidden. */
static struct layer *find_layer(struct layer *from, const struct op_row *row, struct passing *p)
{
    struct layer *l = from;
    while (l && !op_row_has(row, l->plugin)) {
        if (hides(l, row)) {
            return NULL;
        }
        pass_by(l, row, p);
        l = l->below;
    }
    return l;
}

static smbkit_status call_in(struct layer *l, const struct op_about *about, struct op *op,
                             void *file)
{
    const struct op_row *row = &op_rows[about->id];
    smbkit_status st = layer_enter(l, about->id, &op->pub);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct op_about before = op->about;
    op->about = *about;
    op_note_asked(row, l, about->args);
    if (l->clears_room) {
        room_clear(row, about->args);
    }
    st = row->call(l->plugin, l->volume, &op->pub, file, about->args);
    st = layer_leave(l, op, st);
    if (st != SMBKIT_STATUS_PENDING && before.layer) {
        op->about = before; /* else it stays: should it be completed once more, we know by whom */
    }
    return st;
}

static NOINLINE smbkit_status call_any(struct layer *from, uint32_t id, struct op *op, void *file,
                                       void *args)
{
    const struct op_row *row = &op_rows[id];
    struct passing p;
    passing_init(&p, row, file, args);
    struct layer *l = find_layer(from, row, &p);
    if (!l) {
        passing_undo(&p);
        return row->emulate ? row->emulate(from, &op->pub, file, args) : row->absent;
    }
    const struct op_about about = {.layer = l, .id = id, .args = args};
    smbkit_status st = call_in(l, &about, op, p.file);
    if (st != SMBKIT_STATUS_PENDING) {
        passing_undo(&p);
    } else if (p.other) {
        /* When it is over; nobody looks at that before it was handed up or awaited. */
        op->about.other = p.other;
        op->about.other_before = p.other_before;
    }
    return st;
}

static NOINLINE smbkit_status leave_any(struct layer *l, struct op *op, smbkit_status st)
{
    return layer_leave(l, op, st); /* op->about may be of a layer below, which pends */
}

/* Most calls are of a layer that has the operation and needs nothing before it: what call_any would
 * do for those, in fewer instructions. bench/filter */
smbkit_status layer_call(struct layer *from, uint32_t id, struct smbkit_op *pub, void *file,
                         void *args)
{
    const struct op_row *row = &op_rows[id];
    struct op *op = op_of(pub);
    if (!from->is_quick || !op_row_has(row, from->plugin)) {
        return call_any(from, id, op, file, args);
    }
    struct layer *before = op->about.layer;
    uint32_t before_id = op->about.id;
    void *before_args = op->about.args;
    void **before_other = op->about.other;
    op->about.layer = from;
    op->about.id = id;
    op->about.args = args;
    op->about.other = NULL;
    /* relaxed: a statistic */
    atomic_fetch_add_explicit(&from->calls[id], 1, memory_order_relaxed);
    op_note_asked(row, from, args);
    smbkit_status st = row->call(from->plugin, from->volume, pub, file, args);
    if (st == SMBKIT_STATUS_SUCCESS && row->pointers[0].kind == OP_PTR_NONE) {
        op_returned(op);
        st = row->check ? row->check(from, args, st) : st;
    } else {
        st = leave_any(from, op, st);
    }
    if (st != SMBKIT_STATUS_PENDING && before) {
        op->about.layer = before;
        op->about.id = before_id;
        op->about.args = before_args;
        op->about.other = before_other;
    }
    return st;
}

void layer_close(struct layer *from, struct smbkit_op *op, void *file)
{
    struct layer *l = from;
    while (!l->plugin->close) {
        l = l->below;
    }
    if (l->plugin->thread_model == SMBKIT_SERIALIZE_ALL) {
        mutex_lock(&l->serial);
    }
    l->plugin->close(l->volume, op, file);
    if (l->plugin->thread_model == SMBKIT_SERIALIZE_ALL) {
        mutex_unlock(&l->serial);
    }
}
