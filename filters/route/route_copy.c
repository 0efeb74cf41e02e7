/* SPDX-License-Identifier: Apache-2.0 */
/* Copies: within a volume they are its own, from one to another they are read and written. */
#include <stdlib.h>

#include "by_hand.h"
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

struct moving {
    const struct pass_call *c;
    const struct route_file *from, *to;
};

/* Answered here, whenever that is. */
static smbkit_status move(const struct moving *m, const struct route_file *f, void *file,
                          struct smbkit_io *io)
{
    struct smbkit_op *op = m->c->op;
    uint32_t id = io->segs ? SMBKIT_OP_write : SMBKIT_OP_read;
    if (op->flags & SMBKIT_OP_SYNC) {
        return smbkit_api->next(f->mount->next, id, op, file, io);
    }
    struct smbkit_op *child = smbkit_child(op, unused_done, NULL);
    if (!child) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    child->flags |= SMBKIT_OP_SYNC;
    return smbkit_api->next(f->mount->next, id, child, file, io);
}

static smbkit_status move_read(void *arg, struct smbkit_io *io)
{
    const struct moving *m = arg;
    return move(m, m->from, m->from->below, io);
}

static smbkit_status move_write(void *arg, struct smbkit_io *io)
{
    const struct moving *m = arg;
    return move(m, m->to, m->c->file, io);
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
    struct moving m = {c, from, f};
    const struct by_hand how = {move_read, move_write, &m, COPY_AT_ONCE};
    return copy_by_hand(c->op, c->args, &how);
}
