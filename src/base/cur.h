/* SPDX-License-Identifier: Apache-2.0 */
/* A read cursor over bytes from a peer. Bounds-checked; the first failure sticks: from then on
 * every read gives zero or NULL and the position does not move. Check once, at the end. */
#pragma once

#include "base/base.h"
#include "base/le.h"

struct cur {
    const uint8_t *base; /* offsets (cur_sub, cur_align, cur_pos) count from here */
    const uint8_t *pos;
    const uint8_t *end;
    bool failed;
};

static inline struct cur cur_init(const void *base, size_t len)
{
    /* NULL is an empty input; a real address keeps NULL for failures and arithmetic defined */
    const uint8_t *b = base ? base : (const uint8_t *)"";
    return (struct cur){.base = b, .pos = b, .end = base ? b + len : b, .failed = false};
}

/* A cursor that has already failed. */
static inline struct cur cur_bad(void)
{
    return (struct cur){.failed = true};
}

NODISCARD static inline bool cur_ok(const struct cur *c)
{
    return !c->failed;
}

static inline void cur_fail(struct cur *c)
{
    c->failed = true;
}

static inline size_t cur_left(const struct cur *c)
{
    return c->failed ? 0 : (size_t)(c->end - c->pos);
}

/* Bytes from base to the position. */
static inline size_t cur_pos(const struct cur *c)
{
    return (size_t)(c->pos - c->base);
}

/* No failure and nothing left? */
NODISCARD static inline bool cur_done(const struct cur *c)
{
    return !c->failed && c->pos == c->end;
}

/* Borrow the next n bytes and step over them; NULL on failure. n == 0 gives the position. */
static inline const uint8_t *cur_bytes(struct cur *c, size_t n)
{
    if (c->failed || n > (size_t)(c->end - c->pos)) {
        c->failed = true;
        return NULL;
    }
    const uint8_t *p = c->pos;
    c->pos += n;
    return p;
}

static inline void cur_skip(struct cur *c, size_t n)
{
    (void)cur_bytes(c, n);
}

static inline uint8_t cur_u8(struct cur *c)
{
    const uint8_t *p = cur_bytes(c, 1);
    return p ? p[0] : 0;
}

/* Little endian. */
static inline uint16_t cur_u16(struct cur *c)
{
    const uint8_t *p = cur_bytes(c, 2);
    return p ? le16_get(p) : 0;
}

static inline uint32_t cur_u32(struct cur *c)
{
    const uint8_t *p = cur_bytes(c, 4);
    return p ? le32_get(p) : 0;
}

static inline uint64_t cur_u64(struct cur *c)
{
    const uint8_t *p = cur_bytes(c, 8);
    return p ? le64_get(p) : 0;
}

/* Big endian. */
static inline uint16_t cur_u16be(struct cur *c)
{
    const uint8_t *p = cur_bytes(c, 2);
    return p ? (uint16_t)((p[0] << 8) | p[1]) : 0;
}

static inline uint32_t cur_u32be(struct cur *c)
{
    return __builtin_bswap32(cur_u32(c));
}

/* Copy out n bytes; zeroes dst on failure. */
void cur_copy(struct cur *c, void *dst, size_t n);
/* Step to the next multiple of align (a power of two) from base; fails when that is past the end.
 */
void cur_align(struct cur *c, size_t align);
/* A cursor over [offset, offset + len) counted from c->base, whatever the position; its own base is
 * that offset. Failed (and fails c) when the range does not lie within c. The one place that adds a
 * wire offset. */
NODISCARD struct cur cur_sub(struct cur *c, size_t offset, size_t len);
/* The next n bytes as a cursor of its own, stepping over them. */
NODISCARD struct cur cur_take(struct cur *c, size_t n);
