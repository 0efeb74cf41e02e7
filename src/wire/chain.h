/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of elements that start with the distance to the next one: create contexts, EAs, quota
 * entries, directory entries, notify records. One walker to read them, one to write them. */
#pragma once

#include "wire/wire.h"

struct chain {
    struct cur rest; /* from the next element to the end */
    size_t align;    /* what a distance must be a multiple of */
    uint32_t left;   /* elements that may still come */
    bool done;
    enum wire_err err;
};

/* list: all the bytes. count_max: more elements end with WIRE_COUNT. An empty list has no element.
 */
struct chain chain_init(struct wire_slice list, size_t align, uint32_t count_max);
/* The next element in *element, from its NextEntryOffset field (the cursor's base) to the next
 * element, positioned behind that field. False: no more, or ch->err is set (WIRE_RANGE: a distance
 * that points backwards, outside, or not to a multiple of align; WIRE_SHORT: no room for the
 * field). */
NODISCARD bool chain_next(struct chain *ch, struct cur *element);

/* Writes a list: chain_begin before each element (it aligns, links the previous one and appends a
 * zero distance), then the element's other bytes. */
struct chain_wr {
    struct wr *w;
    size_t start; /* of the list */
    size_t last;  /* position of the last element's distance field */
    size_t align;
    bool any;
};
struct chain_wr chain_wr_init(struct wr *w, size_t align);
void chain_wr_begin(struct chain_wr *cw);
/* Take back the element begun last, with its padding and link: for one that did not fit. len:
 * wr_pos before its chain_wr_begin; last: cw->last and any: cw->any before it. */
void chain_wr_undo(struct chain_wr *cw, size_t len, size_t last, bool any);
