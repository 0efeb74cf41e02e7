/* SPDX-License-Identifier: Apache-2.0 */
#include "base/iobuf.h"

#include "base/budget.h"
#include "base/mem.h"

#define IOBUF_ALIGN 16u
#define IOBUF_PAGE 4096u
#define MALLOC_OVERHEAD 16u
#define IOBUF_PAGE_FROM 65536u /* payload-sized: page-aligned, for O_DIRECT and page moves */

/* Header and bytes are one block; base lies behind the header so that base + mark is a multiple
 * of align. */
static struct iobuf *iobuf_make(size_t len, size_t mark, size_t align)
{
    size_t total;
    ASSERT(mark <= len);
    if (__builtin_add_overflow(len, sizeof(struct iobuf) + align, &total)) {
        return NULL;
    }
    struct iobuf *b = mem_alloc(total);
    if (!b) {
        return NULL;
    }
    *b = (struct iobuf){.len = len};
    uintptr_t at = align_up((uintptr_t)(b + 1) + mark, align) - mark;
    b->base = (uint8_t *)b + (at - (uintptr_t)b);
    atomic_init(&b->refs, 1);
    return b;
}

struct iobuf *iobuf_new(size_t len)
{
    return iobuf_make(len, 0, len >= IOBUF_PAGE_FROM ? IOBUF_PAGE : IOBUF_ALIGN);
}

struct iobuf *iobuf_new_aligned_at(size_t len, size_t mark)
{
    return iobuf_make(len, mark, IOBUF_PAGE);
}

size_t iobuf_cost(size_t len)
{
    size_t align = len >= IOBUF_PAGE_FROM ? IOBUF_PAGE : IOBUF_ALIGN;
    return len + sizeof(struct iobuf) + align + MALLOC_OVERHEAD;
}

struct iobuf *iobuf_wrap(void *base, size_t len, void (*release)(void *), void *arg)
{
    struct iobuf *b = mem_alloc(sizeof(*b));
    if (!b) {
        return NULL;
    }
    *b = (struct iobuf){.base = base, .len = len, .release = release, .arg = arg};
    atomic_init(&b->refs, 1);
    return b;
}

struct iobuf *iobuf_wrap_arg(void *base, size_t len, void (*release)(void *), size_t arg_len)
{
    struct iobuf *b = mem_zalloc(sizeof(*b) + arg_len);
    if (!b) {
        return NULL;
    }
    *b = (struct iobuf){.base = base, .len = len, .release = release, .arg = b + 1};
    atomic_init(&b->refs, 1);
    return b;
}

void iobuf_charge(struct iobuf *b, struct budget *budget, size_t charged)
{
    ASSERT(!b->budget);
    b->budget = budget;
    b->charged = charged;
}

struct iobuf *iobuf_ref(struct iobuf *b)
{
    /* relaxed: the caller already holds a reference, so the buffer cannot go away meanwhile */
    unsigned old = atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    ASSERT(old != 0);
    return b;
}

void iobuf_unref(struct iobuf *b)
{
    if (!b) {
        return;
    }
    /* acq_rel: every use under any reference happens before the release */
    unsigned old = atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel);
    ASSERT(old != 0);
    if (old != 1) {
        return;
    }
    struct budget *budget = b->budget;
    size_t charged = b->charged;
    if (b->release) {
        b->release(b->arg);
    }
    mem_free(b);
    if (budget) {
        budget_give(budget, charged);
    }
}

size_t iochain_len(const struct iochain *c)
{
    size_t total = 0;
    for (unsigned i = 0; i < c->count; i++) {
        total += c->segs[i].len;
    }
    return total;
}

bool iochain_push(struct iochain *c, struct iobuf *buf, uint8_t *base, size_t len)
{
    if (c->count == IOCHAIN_SEGS_MAX) {
        return false;
    }
    ASSERT(base >= buf->base && len <= buf->len && base <= buf->base + (buf->len - len));
    c->segs[c->count++] = (struct iovec_ref){.buf = buf, .base = base, .len = len};
    return true;
}

void iochain_fini(struct iochain *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        iobuf_unref(c->segs[i].buf);
    }
    c->count = 0;
}

bool iochain_append(struct iochain *dst, struct iochain *src)
{
    if (src->count > IOCHAIN_SEGS_MAX - dst->count) {
        return false;
    }
    mem_copy(&dst->segs[dst->count], src->segs, src->count * sizeof(src->segs[0]));
    dst->count += src->count;
    src->count = 0;
    return true;
}
