/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes, room, holes, copies. */
#include <stdlib.h>
#include <string.h>

#include "by_hand.h"
#include "encrypt.h"

#define COPY_AT_ONCE 65536u /* bytes */
#define RANGES_AT_ONCE 64u

/* ---- sizes; the node is locked ---- */

static smbkit_status head_sized(const struct encrypt_call *c, uint64_t size)
{
    struct encrypt_head *h = &c->f->node->head;
    h->size = size;
    h->whole = h->whole < encrypt_blocks(size) ? h->whole : encrypt_blocks(size);
    return encrypt_head_write(c);
}

/* The room is a hole. */
static smbkit_status grow(const struct encrypt_call *c, uint64_t size)
{
    struct encrypt_node *n = c->f->node;
    const struct smbkit_size below = {.struct_size = sizeof(below), .size = encrypt_stored(size)};
    smbkit_status st = encrypt_settle(c);
    st = SMBKIT_OK(st) ? encrypt_grow_tail(c, size) : st;
    st = SMBKIT_OK(st) ? smbkit_next_set_size(c->e->next, c->op, c->f->below, &below) : st;
    if (SMBKIT_OK(st)) {
        n->stored = below.size;
        st = head_sized(c, size);
    }
    return st;
}

/* The header first: what is cut off must not be missed. */
static smbkit_status shrink(const struct encrypt_call *c, uint64_t size)
{
    smbkit_status st = head_sized(c, size);
    return SMBKIT_OK(st) ? encrypt_settle(c) : st;
}

static smbkit_status size_locked(const struct encrypt_call *c, uint64_t size)
{
    uint64_t old = c->f->node->head.size;
    smbkit_status st = size < old ? shrink(c, size) : SMBKIT_STATUS_SUCCESS;
    st = size > old ? grow(c, size) : st;
    if (!SMBKIT_OK(st)) {
        encrypt_recover(c);
    }
    return st;
}

smbkit_status encrypt_set_size(const struct encrypt_call *c, uint64_t size)
{
    if (!c->f->node || size > ENCRYPT_SIZE_MAX) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (size == 0) { /* also where the header is damaged */
        encrypt_enter_anew(c);
        smbkit_status st = encrypt_renew(c);
        encrypt_leave(c);
        return st;
    }
    smbkit_status st = encrypt_enter(c, true);
    if (SMBKIT_OK(st)) {
        st = size_locked(c, size);
        encrypt_leave(c);
    }
    return st;
}

smbkit_status encrypt_allocate(const struct encrypt_call *c, const struct smbkit_size *a)
{
    if (!c->f->node || a->size > ENCRYPT_SIZE_MAX) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status st = encrypt_enter(c, true);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    const struct smbkit_size below = {.struct_size = sizeof(below),
                                      .size = encrypt_stored(a->size)};
    if (a->size < c->f->node->head.size) {
        st = size_locked(c, a->size);
    }
    st = SMBKIT_OK(st) ? smbkit_next_allocate(c->e->next, c->op, c->f->below, &below) : st;
    encrypt_leave(c);
    return st;
}

/* ---- zeroes ---- */

static smbkit_status zero_part(const struct encrypt_call *c, uint64_t from, uint64_t to)
{
    uint64_t done;
    struct encrypt_change ch = {.offset = from, .length = to - from, .size = c->f->node->head.size};
    return from < to ? encrypt_put(c, &ch, &done) : SMBKIT_STATUS_SUCCESS;
}

/* Whole blocks become holes: the header says first that they may be. */
static smbkit_status punch(const struct encrypt_call *c, uint64_t first, uint64_t end)
{
    struct encrypt_node *n = c->f->node;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    uint64_t stop = encrypt_place(end) < n->stored ? encrypt_place(end) : n->stored;
    const struct smbkit_span below = {.struct_size = sizeof(below),
                                      .offset = encrypt_place(first),
                                      .length = stop - encrypt_place(first)};
    if (n->head.whole > first) {
        n->head.whole = first;
        st = encrypt_head_write(c);
    }
    return SMBKIT_OK(st) ? smbkit_next_zero_range(c->e->next, c->op, c->f->below, &below) : st;
}

static smbkit_status zero_locked(const struct encrypt_call *c, uint64_t from, uint64_t to)
{
    uint64_t size = c->f->node->head.size;
    uint64_t first = encrypt_blocks(from);
    uint64_t end = to == size ? encrypt_blocks(to) : to / ENCRYPT_BLOCK;
    if (first >= end) {
        return zero_part(c, from, to);
    }
    smbkit_status st = zero_part(c, from, first * ENCRYPT_BLOCK);
    st = SMBKIT_OK(st) ? punch(c, first, end) : st;
    return SMBKIT_OK(st) && end * ENCRYPT_BLOCK < to ? zero_part(c, end * ENCRYPT_BLOCK, to) : st;
}

smbkit_status encrypt_zero(const struct encrypt_call *c, const struct smbkit_span *a)
{
    if (!c->f->node) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status st = encrypt_enter(c, true);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    uint64_t size = c->f->node->head.size;
    st = encrypt_settle(c);
    if (SMBKIT_OK(st) && a->offset < size && a->length > 0) {
        uint64_t left = size - a->offset;
        st = zero_locked(c, a->offset, a->offset + (a->length < left ? a->length : left));
    }
    if (!SMBKIT_OK(st)) {
        encrypt_recover(c);
    }
    encrypt_leave(c);
    return st;
}

/* ---- what is allocated ---- */

/* Add [from, to), which begins in no block before those that are there. false: no room. */
static bool range_add(struct smbkit_ranges *a, uint64_t from, uint64_t to)
{
    uint64_t stop = a->offset + a->length;
    from = from > a->offset ? from : a->offset;
    to = to < stop ? to : stop;
    if (from >= to) {
        return true;
    }
    struct smbkit_range *last = a->count > 0 ? &a->out[a->count - 1] : NULL;
    if (last && from <= last->offset + last->length) {
        last->length = to > last->offset + last->length ? to - last->offset : last->length;
        return true;
    }
    if (a->count == a->room) {
        return false;
    }
    a->out[a->count++] = (struct smbkit_range){from, to - from};
    return true;
}

/* Blocks of which the store has anything. The rest of one that it has not is zero there. */
static bool range_of(struct smbkit_ranges *a, const struct smbkit_range *below)
{
    uint64_t end = below->offset + below->length;
    if (end <= ENCRYPT_HEAD) {
        return true;
    }
    uint64_t begin = below->offset > ENCRYPT_HEAD ? below->offset - ENCRYPT_HEAD : 0;
    uint64_t first = begin / ENCRYPT_STORED_BLOCK;
    uint64_t last = (end - ENCRYPT_HEAD - 1) / ENCRYPT_STORED_BLOCK;
    return range_add(a, first * ENCRYPT_BLOCK, (last + 1) * ENCRYPT_BLOCK);
}

static smbkit_status ranges_locked(const struct encrypt_call *c, struct smbkit_ranges *a)
{
    struct smbkit_range found[RANGES_AT_ONCE];
    uint64_t pos = encrypt_place(a->offset / ENCRYPT_BLOCK);
    uint64_t stop = encrypt_place((a->offset + a->length - 1) / ENCRYPT_BLOCK + 1);
    bool fits = true;
    smbkit_status st = SMBKIT_STATUS_BUFFER_OVERFLOW;
    while (st == SMBKIT_STATUS_BUFFER_OVERFLOW && fits && pos < stop) {
        struct smbkit_ranges below = {.struct_size = sizeof(below),
                                      .room = RANGES_AT_ONCE,
                                      .offset = pos,
                                      .length = stop - pos,
                                      .out = found};
        st = smbkit_next_ranges(c->e->next, c->op, c->f->below, &below);
        bool is_told = SMBKIT_OK(st) || st == SMBKIT_STATUS_BUFFER_OVERFLOW;
        for (uint32_t i = 0; is_told && fits && i < below.count; i++) {
            fits = range_of(a, &found[i]);
            pos = found[i].offset + found[i].length;
        }
        pos = below.count > 0 ? pos : stop;
    }
    return fits && st == SMBKIT_STATUS_BUFFER_OVERFLOW ? SMBKIT_STATUS_SUCCESS
           : fits                                      ? st
                                                       : SMBKIT_STATUS_BUFFER_OVERFLOW;
}

smbkit_status encrypt_ranges(const struct encrypt_call *c, struct smbkit_ranges *a)
{
    a->count = 0;
    if (!c->f->node) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status st = encrypt_enter(c, false);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    uint64_t size = c->f->node->head.size;
    uint64_t left = a->offset < size ? size - a->offset : 0;
    struct smbkit_ranges within = *a;
    within.length = a->length < left ? a->length : left;
    if (within.length > 0) {
        st = ranges_locked(c, &within);
        a->count = within.count;
    }
    encrypt_leave(c);
    return st;
}

/* ---- copies: blocks are good in one place of one file, so each is made anew ---- */

struct copying {
    struct encrypt_call from, to;
};

static smbkit_status copy_read(void *arg, struct smbkit_io *io)
{
    return encrypt_read(&((const struct copying *)arg)->from, io);
}

static smbkit_status copy_write(void *arg, struct smbkit_io *io)
{
    return encrypt_write(&((const struct copying *)arg)->to, io);
}

smbkit_status encrypt_copy(const struct encrypt_call *c, struct smbkit_copy *a)
{
    struct copying x = {.from = {c->e, c->op, a->source}, .to = *c};
    const struct by_hand how = {copy_read, copy_write, &x, COPY_AT_ONCE};
    return copy_by_hand(c->op, a, &how);
}
