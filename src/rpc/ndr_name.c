/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/ndr_name.h"

#include "base/utf.h"

uint16_t ndr_pull_u16(struct cur *c)
{
    cur_align(c, 2);
    return cur_u16(c);
}

void ndr_push_u16(struct ndr_out *o, uint16_t v)
{
    wr_align(&o->w, 0, 2);
    wr_u16(&o->w, v);
}

struct ndr_name ndr_pull_name_head(struct cur *c)
{
    struct ndr_name head = {0};
    cur_align(c, 4);
    head.len_bytes = cur_u16(c);
    head.max_bytes = cur_u16(c);
    head.is_there = ndr_pull_ptr(c);
    if (head.len_bytes > head.max_bytes || head.len_bytes % 2 != 0 ||
        (!head.is_there && head.len_bytes > 0)) {
        cur_fail(c);
    }
    return head;
}

struct ndr_str ndr_pull_name(struct cur *c, const struct ndr_name *head)
{
    if (!head->is_there) {
        return (struct ndr_str){0};
    }
    uint32_t max = ndr_pull_u32(c);
    uint32_t offset = cur_u32(c);
    uint32_t actual = cur_u32(c);
    if (offset != 0 || max != head->max_bytes / 2 || actual != head->len_bytes / 2) {
        cur_fail(c);
    }
    const uint8_t *p = cur_bytes(c, (size_t)actual * 2);
    return (struct ndr_str){.p = p, .len_bytes = p ? ndr_length_units(p, actual) * 2 : 0};
}

/* NULL has none; more than the head can say fails w. */
static uint16_t length_of(struct wr *w, const char *text)
{
    size_t n = text ? utf16_len_bytes(text) : 0;
    if (n > UINT16_MAX) {
        w->failed = true;
        return 0;
    }
    return (uint16_t)n;
}

void ndr_push_name_head(struct wr *w, struct ndr_out *o, const char *text)
{
    uint16_t n = length_of(w, text);
    wr_align(w, 0, 4);
    wr_u16(w, n);
    wr_u16(w, n);
    wr_u32(w, ndr_next_ptr(o, text != NULL));
}

void ndr_push_name(struct wr *w, const char *text)
{
    if (text) {
        uint32_t units = length_of(w, text) / 2;
        wr_align(w, 0, 4);
        wr_u32(w, units);
        wr_u32(w, 0);
        wr_u32(w, units);
        (void)wr_utf16(w, text);
    }
}

bool ndr_pull_sid(struct cur *c, struct sid *out)
{
    uint32_t count = ndr_pull_u32(c);
    bool is_good = sid_parse(c, out);
    if (is_good && out->count != count) {
        cur_fail(c);
    }
    return cur_ok(c);
}

void ndr_push_sid(struct wr *w, const struct sid *s)
{
    wr_align(w, 0, 4);
    wr_u32(w, s->count);
    sid_format(w, s);
}
