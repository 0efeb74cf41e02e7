/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include "test.h"

static void alloc_sizes(void)
{
    CLEANUP_MEM void *a = mem_alloc(0);
    CLEANUP_MEM void *b = mem_alloc(0);
    CLEANUP_MEM uint8_t *z = mem_calloc(3, 5);
    CLEANUP_MEM void *none = mem_zalloc(0);
    CHECK(a && b && a != b);
    CHECK(none != NULL);
    REQUIRE(z);
    for (int i = 0; i < 15; i++) {
        CHECK_INT(z[i], 0);
    }
}

static void calloc_overflow(void)
{
    static const struct {
        const char *name;
        size_t count;
        size_t size;
    } cases[] = {
        {"both huge", SIZE_MAX, SIZE_MAX},
        {"wraps to 0", (size_t)1 << 63, 2},
        {"wraps to small", SIZE_MAX / 2 + 2, 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_context("%s", cases[i].name);
        CLEANUP_MEM void *p = mem_calloc(cases[i].count, cases[i].size);
        CHECK(p == NULL);
    }
}

static void realloc_keeps(void)
{
    char *p = mem_dup("abc", 4);
    REQUIRE(p);
    mem_fail_nth(1);
    CHECK(mem_realloc(p, 100) == NULL);
    CHECK_STR(p, "abc");
    char *bigger = mem_realloc(p, 100);
    CHECK_STR(bigger, "abc");
    mem_free(bigger ? bigger : p);
}

static void aligned(void)
{
    for (size_t align = 16; align <= 65536; align *= 2) {
        for (size_t n = 0; n < 3; n++) {
            test_context("align %zu, %zu bytes", align, n);
            uint8_t *p = mem_alloc_aligned(align, n);
            REQUIRE(p);
            CHECK_INT((uintptr_t)p % align, 0);
            mem_zero(p, n);
            mem_free_aligned(p);
        }
    }
    CHECK(mem_alloc_aligned(4096, SIZE_MAX - 100) == NULL);
    mem_free_aligned(NULL);
}

static void copies(void)
{
    char a[8] = "0123456";
    mem_copy(NULL, NULL, 0);
    mem_move(NULL, NULL, 0);
    mem_zero(NULL, 0);
    mem_move(a + 1, a, 5);
    CHECK_STR(a, "0012346");
    mem_copy(a, "xy", 2);
    CHECK_STR(a, "xy12346");
    mem_wipe(a, 3);
    CHECK_MEM(a, sizeof(a), "\0\0\0\x32\x33\x34\x36\0", 8);
}

/* Every single-bit difference at every place is seen; none is not. */
static void equal(void)
{
    uint8_t a[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    uint8_t b[9];
    mem_copy(b, a, sizeof(a));
    CHECK(mem_eq(a, b, sizeof(a)));
    CHECK(mem_eq_ct(a, b, sizeof(a)));
    CHECK(mem_eq(NULL, NULL, 0));
    CHECK(mem_eq_ct(NULL, NULL, 0));
    for (unsigned bit = 0; bit < sizeof(a) * 8; bit++) {
        test_context("bit %u", bit);
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(!mem_eq(a, b, sizeof(a)));
        CHECK(!mem_eq_ct(a, b, sizeof(a)));
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* Exactly the nth allocation fails, once, whichever function makes it. */
static void fail_nth(void)
{
    for (unsigned nth = 0; nth <= 6; nth++) {
        test_context("nth %u", nth);
        mem_fail_nth(nth);
        void *p[5] = {mem_alloc(1), mem_zalloc(1), mem_calloc(1, 1), mem_dup("", 1),
                      mem_realloc(NULL, 1)};
        void *aligned_block = mem_alloc_aligned(64, 1);
        for (unsigned i = 0; i < 5; i++) {
            CHECK_INT(p[i] == NULL, nth == i + 1);
            mem_free(p[i]);
        }
        CHECK_INT(aligned_block == NULL, nth == 6);
        mem_free_aligned(aligned_block);
        CHECK_INT(mem_fail_happened(), nth != 0);
    }
    mem_fail_nth(2);
    CHECK(!mem_fail_happened());
    mem_fail_nth(0);
    CLEANUP_MEM void *a = mem_alloc(1);
    CLEANUP_MEM void *b = mem_alloc(1);
    CHECK(a && b);
}

static void spare(void)
{
    struct mem_spare s = {0};
    uint8_t *a = mem_spare_zalloc(&s, 100);
    uint8_t *b = mem_spare_zalloc(&s, 100);
    REQUIRE(a && b);
    a[99] = 1;
    mem_spare_free(&s, a, 100);
    mem_spare_free(&s, b, 100);
    mem_spare_free(&s, NULL, 0);
    uint8_t *other = mem_spare_zalloc(&s, 101);
    REQUIRE(other);
    other[100] = 1;
    uint8_t *c = mem_spare_zalloc(&s, 100); /* a, where one is kept */
    REQUIRE(c);
    CHECK_INT(c[99], 0);
    mem_spare_free(&s, c, 100);
    mem_fail_nth(1);
    CHECK(mem_spare_zalloc(&s, 100) == NULL);
    CHECK(mem_fail_happened());
    mem_spare_free(&s, other, 101);
    mem_spare_fini(&s);
    CHECK(s.p == NULL);
}

static const struct test_case cases[] = {
    {"alloc_sizes", alloc_sizes},
    {"calloc_overflow", calloc_overflow},
    {"realloc_keeps", realloc_keeps},
    {"aligned", aligned},
    {"copies", copies},
    {"equal", equal},
    {"fail_nth", fail_nth},
    {"spare", spare},
};
TEST_MAIN(cases)
