/* SPDX-License-Identifier: Apache-2.0 */
#include "by_hand.h"

#include <stdbool.h>
#include <stdlib.h>

/* *ends_r: there is no more, or no more room. */
static smbkit_status copy_piece(struct smbkit_copy *c, const struct by_hand *how, uint8_t *buf,
                                bool *ends_r)
{
    uint64_t left = c->length - c->done;
    struct smbkit_io in = {.struct_size = sizeof(in),
                           .offset = c->source_offset + c->done,
                           .length = left < how->at_once ? (uint32_t)left : how->at_once,
                           .buffer = buf};
    smbkit_status st = how->read(how->arg, &in);
    *ends_r = in.done == 0;
    if (!SMBKIT_OK(st) || *ends_r) {
        return st;
    }
    const struct smbkit_segment seg = {.base = buf, .len = in.done};
    struct smbkit_io out = {.struct_size = sizeof(out),
                            .offset = c->offset + c->done,
                            .length = in.done,
                            .segs = &seg,
                            .seg_count = 1};
    st = how->write(how->arg, &out);
    c->done += SMBKIT_OK(st) ? out.done : 0;
    *ends_r = out.done < in.done;
    return st;
}

smbkit_status copy_by_hand(struct smbkit_op *op, struct smbkit_copy *c, const struct by_hand *how)
{
    uint8_t *buf = malloc(how->at_once);
    smbkit_status st = buf ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    bool ends = false;
    c->done = 0;
    while (SMBKIT_OK(st) && !ends && c->done < c->length) {
        st = copy_piece(c, how, buf, &ends);
        st = SMBKIT_OK(st) && smbkit_op_is_cancelled(op) ? SMBKIT_STATUS_CANCELLED : st;
    }
    free(buf);
    return st;
}
