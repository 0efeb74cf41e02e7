/* SPDX-License-Identifier: Apache-2.0 */
#include "pass.h"

#include <stddef.h>
#include <stdlib.h>

struct passed {
    struct smbkit_op *op;
    smbkit_status (*end)(void *arg, smbkit_status status);
    void *arg;
    void *owned;
    smbkit_status (*then)(void *arg, smbkit_status status);
    void *then_arg;
};

static smbkit_status ended(const struct passed *p, smbkit_status status)
{
    smbkit_status st = p->end ? p->end(p->arg, status) : status;
    return p->then ? p->then(p->then_arg, st) : st;
}

static void passed_done(void *arg, smbkit_status status)
{
    const struct passed p = *(struct passed *)arg;
    free(arg);
    smbkit_complete(p.op, ended(&p, status));
    free(p.owned);
}

smbkit_status pass_down(struct smbkit_next *next, const struct pass_call *c,
                        smbkit_status (*end)(void *arg, smbkit_status status), void *arg)
{
    const struct passed p = {.op = c->op,
                             .end = end,
                             .arg = arg,
                             .owned = c->owned,
                             .then = c->then,
                             .then_arg = c->then_arg};
    if ((c->op->flags & SMBKIT_OP_SYNC) && c->drops == 0) {
        return ended(&p, pass_next(next, c)); /* it cannot pend, and may have no child */
    }
    struct passed *kept = malloc(sizeof(*kept));
    struct smbkit_op *child = kept ? smbkit_child(c->op, passed_done, kept) : NULL;
    if (!child) {
        free(kept);
        return ended(&p, SMBKIT_STATUS_NO_MEMORY);
    }
    *kept = p;
    child->flags &= ~c->drops;
    struct pass_call below = *c;
    below.op = child;
    smbkit_status status = pass_next(next, &below);
    if (status == SMBKIT_STATUS_PENDING) {
        return status; /* passed_done may have run already */
    }
    free(kept);
    return ended(&p, status);
}
