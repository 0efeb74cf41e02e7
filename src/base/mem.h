/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: allocation that tests can make fail, copies, secrets. The only callers of malloc,
 * memcpy and their kin in src/. */
#pragma once

#include "base/base.h"

/* n bytes, or NULL when there is no memory. n == 0 gives a unique pointer. mem_zalloc zeroes. */
NODISCARD void *mem_alloc(size_t n);
NODISCARD void *mem_zalloc(size_t n);
/* count * size bytes zeroed; NULL also when the product overflows. */
NODISCARD void *mem_calloc(size_t count, size_t size);
/* As realloc(); on failure the old block stays. */
NODISCARD void *mem_realloc(void *p, size_t n);
NODISCARD void *mem_dup(const void *p, size_t n);
/* Page-aligned; freed with mem_free_aligned. */
NODISCARD void *mem_alloc_aligned(size_t align, size_t n);
void mem_free_aligned(void *p);
void mem_free(void *p);

/* A freed block that is kept for the next one of its size: where blocks that are too large for what
 * malloc does fast come and go one after the other. One thread at a time. Sanitizers see each block
 * come from malloc and go back. */
struct mem_spare {
    void *p;
    size_t n;
};
NODISCARD void *mem_spare_zalloc(struct mem_spare *s, size_t n);
/* p has n bytes, from mem_spare_zalloc. */
void mem_spare_free(struct mem_spare *s, void *p, size_t n);
void mem_spare_fini(struct mem_spare *s);

/* Copy n bytes; the areas must not overlap (mem_move: may). n == 0 allows NULL. */
void mem_copy(void *dst, const void *src, size_t n);
void mem_move(void *dst, const void *src, size_t n);
void mem_zero(void *dst, size_t n);
/* Equal bytes? mem_eq_ct takes the same time whatever the contents: use it for secrets. */
bool mem_eq(const void *a, const void *b, size_t n);
NODISCARD bool mem_eq_ct(const void *a, const void *b, size_t n);
/* Zero that the compiler cannot drop: for secrets. */
void mem_wipe(void *p, size_t n);

/* Test hook: the nth allocation from now on (1 = the next) fails once; 0 turns it off.
 * Process-wide. */
void mem_fail_nth(uint64_t nth);
/* Whether the planned failure has happened since mem_fail_nth. */
bool mem_fail_happened(void);

CLEANUP_DEFINE(mem_free, void *)
/* CLEANUP_MEM char *s = ...; frees s at the end of its scope. */
static inline UNUSED void mem_free_at(void *pp)
{
    mem_free(*(void **)pp);
}
#define CLEANUP_MEM __attribute__((cleanup(mem_free_at)))
