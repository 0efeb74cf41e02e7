/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cur.h"

#include "base/mem.h"

void cur_copy(struct cur *c, void *dst, size_t n)
{
    const uint8_t *p = cur_bytes(c, n);
    if (p) {
        mem_copy(dst, p, n);
    } else {
        mem_zero(dst, n);
    }
}

void cur_align(struct cur *c, size_t align)
{
    size_t pos = cur_pos(c);
    cur_skip(c, align_up(pos, align) - pos);
}

struct cur cur_sub(struct cur *c, size_t offset, size_t len)
{
    size_t total = c->failed ? 0 : (size_t)(c->end - c->base);
    if (c->failed || offset > total || len > total - offset) {
        c->failed = true;
        return cur_bad();
    }
    return cur_init(c->base + offset, len);
}

struct cur cur_take(struct cur *c, size_t n)
{
    const uint8_t *p = cur_bytes(c, n);
    return p ? cur_init(p, n) : cur_bad();
}
