/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* The test hook's state: allocations still to succeed plus one, 0 = off. The only mutable globals
 * here; relaxed everywhere, since nothing else is published through them. */
static atomic_uint_fast64_t fail_in;
static atomic_bool fail_done;

void mem_fail_nth(uint64_t nth)
{
    atomic_store_explicit(&fail_done, false, memory_order_relaxed);
    atomic_store_explicit(&fail_in, nth, memory_order_relaxed);
}

bool mem_fail_happened(void)
{
    return atomic_load_explicit(&fail_done, memory_order_relaxed);
}

static bool must_fail(void)
{
    uint_fast64_t n = atomic_load_explicit(&fail_in, memory_order_relaxed);
    while (n != 0) {
        if (atomic_compare_exchange_weak_explicit(&fail_in, &n, n - 1, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            break;
        }
    }
    if (n != 1) {
        return false;
    }
    atomic_store_explicit(&fail_done, true, memory_order_relaxed);
    return true;
}

void *mem_alloc(size_t n)
{
    return must_fail() ? NULL : malloc(n ? n : 1);
}

void *mem_zalloc(size_t n)
{
    return mem_calloc(1, n);
}

void *mem_calloc(size_t count, size_t size)
{
    size_t total;
    if (must_fail() || __builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    return calloc(1, total ? total : 1);
}

void *mem_realloc(void *p, size_t n)
{
    return must_fail() ? NULL : realloc(p, n ? n : 1);
}

void *mem_dup(const void *p, size_t n)
{
    void *copy = mem_alloc(n);
    if (copy) {
        mem_copy(copy, p, n);
    }
    return copy;
}

/* Over-allocates and keeps malloc's pointer just below the aligned block: the one way that every
 * C library has. */
void *mem_alloc_aligned(size_t align, size_t n)
{
    size_t total;
    ASSERT(align >= sizeof(void *) && (align & (align - 1)) == 0);
    if (__builtin_add_overflow(n, align + sizeof(void *), &total)) {
        return NULL;
    }
    char *raw = mem_alloc(total);
    if (!raw) {
        return NULL;
    }
    size_t pad = align_up((uintptr_t)raw + sizeof(void *), align) - (uintptr_t)raw;
    void **block = (void **)(void *)(raw + pad);
    block[-1] = raw;
    return block;
}

void mem_free_aligned(void *p)
{
    if (p) {
        free(((void **)p)[-1]);
    }
}

void mem_free(void *p)
{
    free(p);
}

void *mem_spare_zalloc(struct mem_spare *s, size_t n)
{
    if (!s->p || s->n != n) {
        return mem_zalloc(n);
    }
    if (must_fail()) {
        return NULL;
    }
    void *p = s->p;
    s->p = NULL;
    mem_zero(p, n);
    return p;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SPARE_NOTHING
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SPARE_NOTHING
#endif
#endif

void mem_spare_free(struct mem_spare *s, void *p, size_t n)
{
#if !defined(SPARE_NOTHING)
    if (p && !s->p) {
        *s = (struct mem_spare){.p = p, .n = n};
        return;
    }
#endif
    mem_free(p);
}

void mem_spare_fini(struct mem_spare *s)
{
    mem_free(s->p);
    *s = (struct mem_spare){0};
}

void mem_copy(void *dst, const void *src, size_t n)
{
    if (n != 0) {
        memcpy(dst, src, n);
    }
}

void mem_move(void *dst, const void *src, size_t n)
{
    if (n != 0) {
        memmove(dst, src, n);
    }
}

void mem_zero(void *dst, size_t n)
{
    if (n != 0) {
        memset(dst, 0, n);
    }
}

bool mem_eq(const void *a, const void *b, size_t n)
{
    return n == 0 || memcmp(a, b, n) == 0;
}

bool mem_eq_ct(const void *a, const void *b, size_t n)
{
    /* volatile: the compiler may not stop at the first difference */
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t diff = 0;
    for (size_t i = 0; i < n; i++) {
        diff |= (uint8_t)(x[i] ^ y[i]);
    }
    return diff == 0;
}

void mem_wipe(void *p, size_t n)
{
    mem_zero(p, n);
    /* The compiler must assume that the zeros are read here, so the store stays. */
    __asm__ __volatile__("" : : "r"(p) : "memory");
}
