/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wr.h"

#include "base/mem.h"

#define WR_GROW_MIN 256u /* first allocation: most names and small bodies fit without a second */

struct wr wr_init(void *buf, size_t cap)
{
    return (struct wr){.base = buf, .cap = cap, .max = cap};
}

struct wr wr_new(size_t max)
{
    return (struct wr){.max = max, .grows = true};
}

void wr_fini(struct wr *w)
{
    if (w->grows) {
        mem_free(w->base);
        w->base = NULL;
        w->cap = 0;
    }
    w->len = 0;
    w->failed = false;
}

uint8_t *wr_take(struct wr *w, size_t *len_r)
{
    ASSERT(w->grows);
    *len_r = 0;
    if (w->failed || w->len == 0) {
        return NULL;
    }
    uint8_t *p = w->base;
    *len_r = w->len;
    w->base = NULL;
    w->len = 0;
    w->cap = 0;
    return p;
}

/* Make cap at least need (<= max), doubling so that n appends cost O(n). */
static bool wr_grow(struct wr *w, size_t need)
{
    size_t cap = w->cap > w->max / 2 ? w->max : w->cap * 2;
    cap = MIN(MAX(MAX(cap, need), WR_GROW_MIN), w->max);
    uint8_t *p = mem_realloc(w->base, cap);
    if (!p) {
        return false;
    }
    w->base = p;
    w->cap = cap;
    return true;
}

uint8_t *wr_space_grow(struct wr *w, size_t n)
{
    if (w->failed || n > w->max - w->len ||
        (n > w->cap - w->len && !(w->grows && wr_grow(w, w->len + n)))) {
        w->failed = true;
        return NULL;
    }
    if (n == 0) {
        return w->base ? w->base + w->len : NULL;
    }
    uint8_t *p = w->base + w->len;
    w->len += n;
    return p;
}

void wr_zero(struct wr *w, size_t n)
{
    uint8_t *p = wr_space(w, n);
    if (p) {
        mem_zero(p, n);
    }
}

void wr_bytes(struct wr *w, const void *p, size_t n)
{
    uint8_t *dst = wr_space(w, n);
    if (dst) {
        mem_copy(dst, p, n);
    }
}

static void put_le(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(v >> (8 * i));
    }
}

void wr_u16be(struct wr *w, uint16_t v)
{
    wr_u16(w, __builtin_bswap16(v));
}

void wr_u32be(struct wr *w, uint32_t v)
{
    wr_u32(w, __builtin_bswap32(v));
}

void wr_align(struct wr *w, size_t from, size_t align)
{
    if (w->failed) {
        return;
    }
    ASSERT(from <= w->len);
    size_t used = w->len - from;
    wr_zero(w, align_up(used, align) - used);
}

static inline void overwrite_le(struct wr *w, size_t at, uint64_t v, size_t n)
{
    if (w->failed) {
        return;
    }
    ASSERT(n <= w->len && at <= w->len - n);
    put_le(w->base + at, v, n);
}

void wr_put_u8(struct wr *w, size_t at, uint8_t v)
{
    overwrite_le(w, at, v, 1);
}

void wr_put_u16(struct wr *w, size_t at, uint16_t v)
{
    overwrite_le(w, at, v, 2);
}

void wr_put_u32(struct wr *w, size_t at, uint32_t v)
{
    overwrite_le(w, at, v, 4);
}

void wr_put_u64(struct wr *w, size_t at, uint64_t v)
{
    overwrite_le(w, at, v, 8);
}

void wr_cut(struct wr *w, size_t len)
{
    if (w->failed) {
        return;
    }
    ASSERT(len <= w->len);
    w->len = len;
}
