/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/ndr.h"

#include "base/utf.h"

/* The ids that Windows gives out; any distinct non-zero numbers would do. [C706] 14.3.12.1 */
#define NDR_REFERENT_FIRST 0x00020000u
#define NDR_REFERENT_STEP 4u

uint32_t ndr_pull_u32(struct cur *c)
{
    cur_align(c, 4);
    return cur_u32(c);
}

bool ndr_pull_ptr(struct cur *c)
{
    return ndr_pull_u32(c) != 0;
}

size_t ndr_length_units(const uint8_t *p, size_t units)
{
    size_t n = 0;
    while (n < units && (p[2 * n] != 0 || p[2 * n + 1] != 0)) {
        n++;
    }
    return n;
}

struct ndr_str ndr_pull_str(struct cur *c)
{
    uint32_t max = ndr_pull_u32(c);
    uint32_t offset = cur_u32(c);
    uint32_t actual = cur_u32(c);
    if (offset != 0 || actual > max || actual > NDR_STRING_UNITS_MAX) {
        cur_fail(c);
    }
    const uint8_t *p = cur_bytes(c, (size_t)actual * 2);
    size_t len = p ? ndr_length_units(p, actual) : 0;
    if (!p || len == actual) {
        cur_fail(c);
        return (struct ndr_str){0};
    }
    return (struct ndr_str){.p = p, .len_bytes = len * 2};
}

bool ndr_pull_str_ptr(struct cur *c, struct ndr_str *out)
{
    *out = (struct ndr_str){0};
    if (!ndr_pull_ptr(c)) {
        return false;
    }
    *out = ndr_pull_str(c);
    return cur_ok(c);
}

char *ndr_str_dup(const struct ndr_str *s)
{
    return utf16le_to_utf8(s->p, s->len_bytes);
}

struct ndr_out ndr_out_new(size_t max_bytes)
{
    return (struct ndr_out){.w = wr_new(max_bytes)};
}

void ndr_out_fini(struct ndr_out *o)
{
    wr_fini(&o->w);
}

void ndr_push_u32(struct ndr_out *o, uint32_t v)
{
    wr_align(&o->w, 0, 4);
    wr_u32(&o->w, v);
}

uint32_t ndr_next_ptr(struct ndr_out *o, bool is_there)
{
    return is_there ? NDR_REFERENT_FIRST + NDR_REFERENT_STEP * o->pointers++ : 0;
}

void ndr_push_ptr(struct ndr_out *o, bool is_there)
{
    ndr_push_u32(o, ndr_next_ptr(o, is_there));
}

const struct ndr_level *ndr_level_get(const struct ndr_class *cls, uint32_t level)
{
    for (size_t i = 0; i < cls->level_count; i++) {
        if (cls->levels[i].level == level) {
            return &cls->levels[i];
        }
    }
    return NULL;
}

struct ndr_rows ndr_rows_new(size_t max_bytes)
{
    return (struct ndr_rows){.fixed = wr_new(max_bytes), .deferred = wr_new(max_bytes)};
}

void ndr_rows_fini(struct ndr_rows *r)
{
    wr_fini(&r->fixed);
    wr_fini(&r->deferred);
}

/* A string with its three counts and terminator, from a 4-aligned position. */
static size_t str_size(const char *s)
{
    return 12 + utf16_len_bytes(s) + 2;
}

static void put_str(struct wr *w, const char *s)
{
    uint32_t units = (uint32_t)(utf16_len_bytes(s) / 2 + 1);
    wr_u32(w, units);
    wr_u32(w, 0);
    wr_u32(w, units);
    wr_utf16(w, s);
    wr_u16(w, 0);
}

static void put_bytes(struct wr *w, const uint8_t *p, uint32_t len)
{
    wr_u32(w, len);
    wr_bytes(w, p, len);
}

static bool value_is_there(uint8_t kind, const struct ndr_value *v)
{
    return kind == NDR_STR ? v->str != NULL : v->bytes != NULL;
}

size_t ndr_row_size(const struct ndr_class *cls, const struct ndr_level *lvl,
                    const struct ndr_value *values)
{
    size_t size = (size_t)lvl->count * 4;
    for (unsigned i = 0; i < lvl->count; i++) {
        uint8_t field = lvl->fields[i];
        const struct ndr_value *v = &values[field];
        if (cls->kinds[field] == NDR_STR && v->str) {
            size += align_up(str_size(v->str), 4);
        } else if (cls->kinds[field] == NDR_BYTES && v->bytes) {
            size += align_up(4 + (size_t)v->u32, 4);
        }
    }
    return size;
}

static void add_field(struct ndr_rows *r, struct ndr_out *o, uint8_t kind,
                      const struct ndr_value *v)
{
    if (kind == NDR_U32) {
        wr_u32(&r->fixed, v->u32);
        return;
    }
    bool is_there = value_is_there(kind, v);
    wr_u32(&r->fixed, ndr_next_ptr(o, is_there));
    if (!is_there) {
        return;
    }
    if (kind == NDR_STR) {
        put_str(&r->deferred, v->str);
    } else {
        put_bytes(&r->deferred, v->bytes, v->u32);
    }
    wr_align(&r->deferred, 0, 4);
}

void ndr_rows_add(struct ndr_rows *r, struct ndr_out *o, const struct ndr_class *cls,
                  const struct ndr_level *lvl, const struct ndr_value *values)
{
    for (unsigned i = 0; i < lvl->count; i++) {
        uint8_t field = lvl->fields[i];
        add_field(r, o, cls->kinds[field], &values[field]);
    }
    r->count++;
}

void ndr_push_rows(struct ndr_out *o, const struct ndr_rows *r)
{
    if (!wr_ok(&r->fixed) || !wr_ok(&r->deferred)) {
        o->w.failed = true;
        return;
    }
    wr_align(&o->w, 0, 4);
    wr_bytes(&o->w, r->fixed.base, r->fixed.len);
    wr_bytes(&o->w, r->deferred.base, r->deferred.len);
}

static void skip_referent(struct cur *c, uint8_t kind)
{
    if (kind == NDR_STR) {
        (void)ndr_pull_str(c);
    } else {
        cur_skip(c, ndr_pull_u32(c));
    }
}

void ndr_skip_rows(struct cur *c, const struct ndr_class *cls, const struct ndr_level *lvl,
                   uint32_t count)
{
    size_t row_bytes = (size_t)lvl->count * 4;
    cur_align(c, 4);
    if (row_bytes == 0 || count > cur_left(c) / row_bytes) {
        cur_fail(c);
        return;
    }
    struct cur fixed = cur_take(c, row_bytes * count);
    /* count and fields are bounded by the stub's length, which cur_left has just proved. */
    for (uint32_t row = 0; row < count && cur_ok(c); row++) {
        for (unsigned i = 0; i < lvl->count; i++) {
            uint32_t word = cur_u32(&fixed);
            uint8_t kind = cls->kinds[lvl->fields[i]];
            if (kind != NDR_U32 && word != 0) {
                skip_referent(c, kind);
            }
        }
    }
}
