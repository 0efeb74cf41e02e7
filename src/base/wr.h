/* SPDX-License-Identifier: Apache-2.0 */
/* A write cursor: little-endian integers, zero-filled gaps, offsets filled in later. The first
 * failure (no room, no memory) sticks. Either over a caller's fixed buffer or growing its own. */
#pragma once

#include "base/base.h"
#include "base/le.h"

struct wr {
    uint8_t *base;
    size_t len; /* bytes written */
    size_t cap; /* bytes at base */
    size_t max; /* a growing writer never exceeds this */
    bool grows; /* base is owned: wr_fini frees it */
    bool failed;
};

/* Over a caller's buffer of cap bytes. */
struct wr wr_init(void *buf, size_t cap);
/* Growing, up to max bytes. Allocates nothing until the first write. */
struct wr wr_new(size_t max);
/* Free an owned buffer; the writer may be used again as empty. */
void wr_fini(struct wr *w);
/* Take the owned buffer (freed with mem_free); NULL when failed or empty. */
NODISCARD uint8_t *wr_take(struct wr *w, size_t *len_r);

NODISCARD static inline bool wr_ok(const struct wr *w)
{
    return !w->failed;
}

static inline size_t wr_pos(const struct wr *w)
{
    return w->len;
}

/* wr_space, where there is not enough room yet. */
uint8_t *wr_space_grow(struct wr *w, size_t n);
/* n bytes of room at the end, uninitialised, counted as written; NULL on failure. The pointer is
 * good until the next write. n == 0 on a growing writer without a buffer gives NULL, no failure. */
static inline uint8_t *wr_space(struct wr *w, size_t n)
{
    if (w->failed || n == 0 || n > w->cap - w->len) {
        return wr_space_grow(w, n);
    }
    uint8_t *p = w->base + w->len;
    w->len += n;
    return p;
}
void wr_zero(struct wr *w, size_t n);
void wr_bytes(struct wr *w, const void *p, size_t n);
/* Inline, and without loops, so that each is one store. */
static inline void wr_u8(struct wr *w, uint8_t v)
{
    uint8_t *p = wr_space(w, 1);
    if (p) {
        p[0] = v;
    }
}
static inline void wr_u16(struct wr *w, uint16_t v)
{
    uint8_t *p = wr_space(w, 2);
    if (p) {
        le16_put(p, v);
    }
}
static inline void wr_u32(struct wr *w, uint32_t v)
{
    uint8_t *p = wr_space(w, 4);
    if (p) {
        le32_put(p, v);
    }
}
static inline void wr_u64(struct wr *w, uint64_t v)
{
    uint8_t *p = wr_space(w, 8);
    if (p) {
        le64_put(p, v);
    }
}
void wr_u16be(struct wr *w, uint16_t v);
void wr_u32be(struct wr *w, uint32_t v);
/* Zero-fill to a multiple of align (power of two) counted from `from` (a wr_pos value). */
void wr_align(struct wr *w, size_t from, size_t align);
/* Overwrite what was written before, at an absolute position. at + size must be <= len. */
void wr_put_u8(struct wr *w, size_t at, uint8_t v);
void wr_put_u16(struct wr *w, size_t at, uint16_t v);
void wr_put_u32(struct wr *w, size_t at, uint32_t v);
void wr_put_u64(struct wr *w, size_t at, uint64_t v);
/* Forget everything after position len. */
void wr_cut(struct wr *w, size_t len);

static inline UNUSED void wr_finip(struct wr *w)
{
    wr_fini(w);
}
