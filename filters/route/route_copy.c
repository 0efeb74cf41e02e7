/* SPDX-License-Identifier: Apache-2.0 */
/* Copies: within a volume they are its own, from one to another they are read and written. */
#include <stdlib.h>

#include "pass.h"
#include "route.h"

#define COPY_AT_ONCE 65536u /* bytes */

struct copying {
    struct smbkit_copy *how;
    void *source;
};

static smbkit_status copy_end(void *arg, smbkit_status status)
{
    const struct copying c = *(struct copying *)arg;
    free(arg);
    c.how->source = c.source;
    return status;
}

static smbkit_status copy_within(const struct route_file *f, const struct pass_call *c)
{
    struct smbkit_copy *how = c->args;
    struct copying *x = malloc(sizeof(*x));
    if (!x) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *x = (struct copying){.how = how, .source = how->source};
    how->source = ((struct route_file *)x->source)->below;
    return pass_down(f->mount->next, c, copy_end, x);
}

static void unused_done(void *arg, smbkit_status status)
{
    (void)arg;
    (void)status;
}

/* Answered here, whenever that is. */
static smbkit_status move(const struct pass_call *c, const struct route_mount *m, void *file,
                          struct smbkit_io *io)
{
    uint32_t id = io->segs ? SMBKIT_OP_write : SMBKIT_OP_read;
    if (c->op->flags & SMBKIT_OP_SYNC) {
        return smbkit_api->next(m->next, id, c->op, file, io);
    }
    struct smbkit_op *child = smbkit_child(c->op, unused_done, NULL);
    if (!child) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    child->flags |= SMBKIT_OP_SYNC;
    return smbkit_api->next(m->next, id, child, file, io);
}

static smbkit_status move_all(const struct route_file *f, const struct pass_call *c, uint8_t *buf)
{
    struct smbkit_copy *how = c->args;
    const struct route_file *from = how->source;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    bool is_end = false;
    how->done = 0;
    while (SMBKIT_OK(st) && !is_end && how->done < how->length) {
        uint64_t left = how->length - how->done;
        uint32_t wanted = left < COPY_AT_ONCE ? (uint32_t)left : COPY_AT_ONCE;
        struct smbkit_io in = {.struct_size = sizeof(in),
                               .offset = how->source_offset + how->done,
                               .length = wanted,
                               .buffer = buf};
        st = move(c, from->mount, from->below, &in);
        struct smbkit_segment seg = {.base = buf, .len = in.done};
        struct smbkit_io out = {.struct_size = sizeof(out),
                                .offset = how->offset + how->done,
                                .length = in.done,
                                .segs = &seg,
                                .seg_count = 1};
        is_end = in.done == 0;
        if (SMBKIT_OK(st) && !is_end) {
            st = move(c, f->mount, c->file, &out);
            how->done += SMBKIT_OK(st) ? out.done : 0;
            is_end = out.done < in.done;
        }
        if (SMBKIT_OK(st) && smbkit_op_is_cancelled(c->op)) {
            st = SMBKIT_STATUS_CANCELLED;
        }
    }
    return st;
}

smbkit_status route_copy(const struct route_file *f, const struct pass_call *c)
{
    const struct route_file *from = ((struct smbkit_copy *)c->args)->source;
    if (from->mount == f->mount) {
        return copy_within(f, c);
    }
    if (c->id == SMBKIT_OP_clone_range) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    if (c->op->flags & SMBKIT_OP_NOWAIT) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    uint8_t *buf = malloc(COPY_AT_ONCE);
    smbkit_status st = buf ? move_all(f, c, buf) : SMBKIT_STATUS_NO_MEMORY;
    free(buf);
    return st;
}
