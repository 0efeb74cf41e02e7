/* SPDX-License-Identifier: Apache-2.0 */
/* A call that is passed down, with something to do when it is over, whenever that is. */
#pragma once

#include <smbkit/filter.h>

struct pass_call {
    struct smbkit_op *op; /* of the filter: it is answered */
    uint32_t id;          /* SMBKIT_OP_* */
    void *file;           /* NULL: an operation of the volume */
    void *args;
    uint32_t drops; /* SMBKIT_OP_* that the layer below is not to see. Not 0: op has pended */
    void *owned;    /* freed after op was completed; NULL: nothing */
    /* Called with the result after all else, once, in the thread that ends the call and before op
     * is completed; what it returns is the answer. NULL: nothing is to be done. */
    smbkit_status (*then)(void *arg, smbkit_status status);
    void *then_arg;
};

/* For calls that end before they are passed down. */
static inline smbkit_status pass_ended(const struct pass_call *c, smbkit_status status)
{
    return c->then ? c->then(c->then_arg, status) : status;
}

static inline smbkit_status pass_next(struct smbkit_next *next, const struct pass_call *c)
{
    return smbkit_api->next(next, c->id, c->op, c->file, c->args);
}

/* Pass it down, and have end(arg, status) called once when it is over: in here, or later in any
 * thread. What end returns is the answer: returned, or PENDING is and op is completed with it. Of
 * WOULD_BLOCK end hears too: nothing has happened then. NO_MEMORY as if the layer below said it.
 * end NULL: there is nothing to do. */
smbkit_status pass_down(struct smbkit_next *next, const struct pass_call *c,
                        smbkit_status (*end)(void *arg, smbkit_status status), void *arg);
