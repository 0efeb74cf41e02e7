/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/chain.h"

struct chain chain_init(struct wire_slice list, size_t align, uint32_t count_max)
{
    return (struct chain){
        .rest = wire_slice_cur(list),
        .align = align,
        .left = count_max,
        .done = list.len == 0,
        .err = WIRE_OK,
    };
}

static bool chain_stop(struct chain *ch, enum wire_err err)
{
    ch->err = err;
    ch->done = true;
    return false;
}

bool chain_next(struct chain *ch, struct cur *element)
{
    *element = cur_bad();
    if (ch->done) {
        return false;
    }
    if (ch->left == 0) {
        return chain_stop(ch, WIRE_COUNT);
    }
    ch->left--;
    struct cur peek = ch->rest;
    uint32_t distance = cur_u32(&peek);
    if (!cur_ok(&peek)) {
        return chain_stop(ch, WIRE_SHORT);
    }
    /* The last element has all that is left. A distance is never less than its own field, which
     * also makes every step go forward. */
    size_t len = distance == 0 ? cur_left(&ch->rest) : distance;
    if (len < 4 || (distance & (ch->align - 1)) != 0) {
        return chain_stop(ch, WIRE_RANGE);
    }
    struct cur e = cur_take(&ch->rest, len);
    if (!cur_ok(&e)) {
        return chain_stop(ch, WIRE_RANGE);
    }
    ch->done = distance == 0;
    cur_skip(&e, 4);
    *element = e;
    return true;
}

struct chain_wr chain_wr_init(struct wr *w, size_t align)
{
    return (struct chain_wr){.w = w, .start = wr_pos(w), .align = align};
}

void chain_wr_begin(struct chain_wr *cw)
{
    wr_align(cw->w, cw->start, cw->align);
    size_t at = wr_pos(cw->w);
    if (cw->any && wr_ok(cw->w)) {
        wr_put_u32(cw->w, cw->last, (uint32_t)(at - cw->last));
    }
    wr_u32(cw->w, 0);
    cw->last = at;
    cw->any = true;
}

void chain_wr_undo(struct chain_wr *cw, size_t len, size_t last, bool any)
{
    wr_cut(cw->w, len);
    cw->last = last;
    cw->any = any;
    if (any && wr_ok(cw->w)) {
        wr_put_u32(cw->w, last, 0);
    }
}
