/* SPDX-License-Identifier: Apache-2.0 */
#include "base/iobuf.h"

#include "base/mem.h"
#include "test.h"

static unsigned released;

static void count_release(void *arg)
{
    CHECK(arg == &released);
    released++;
}

static struct iobuf *counted(uint8_t *base, size_t len)
{
    released = 0;
    return iobuf_wrap(base, len, count_release, &released);
}

static void alignment(void)
{
    static const struct {
        size_t len;
        size_t align;
    } cases[] = {{0, 16},       {1, 16},       {4096, 16},     {65535, 16},
                 {65536, 4096}, {65537, 4096}, {1 << 20, 4096}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct iobuf *b = iobuf_new(cases[i].len);
        test_context("%zu bytes", cases[i].len);
        REQUIRE(b);
        CHECK_INT(b->len, cases[i].len);
        CHECK_INT((uintptr_t)b->base % cases[i].align, 0);
        mem_zero(b->base, b->len); /* all of it is there: ASan would tell */
        iobuf_unref(b);
    }
}

static void aligned_at_mark(void)
{
    static const size_t marks[] = {0, 1, 4, 68, 136, 4095, 4096, 4097, 10000};
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        for (size_t extra = 0; extra <= 5000; extra += 5000) {
            struct iobuf *b = iobuf_new_aligned_at(marks[i] + extra, marks[i]);
            test_context("mark %zu of %zu", marks[i], marks[i] + extra);
            REQUIRE(b);
            CHECK_INT((uintptr_t)(b->base + marks[i]) % 4096, 0);
            mem_zero(b->base, b->len);
            iobuf_unref(b);
        }
    }
}

static void no_memory(void)
{
    mem_fail_nth(1);
    CHECK(iobuf_new(10) == NULL);
    mem_fail_nth(1);
    CHECK(iobuf_new_aligned_at(10, 5) == NULL);
    mem_fail_nth(1);
    CHECK(counted(NULL, 0) == NULL);
    CHECK_INT(released, 0);
    CHECK(iobuf_new(SIZE_MAX) == NULL);
    CHECK(iobuf_new(SIZE_MAX - sizeof(struct iobuf)) == NULL);
}

static void counting(void)
{
    uint8_t memory[4];
    struct iobuf *b = counted(memory, sizeof(memory));
    REQUIRE(b);
    CHECK(iobuf_ref(b) == b);
    iobuf_unref(b);
    CHECK_INT(released, 0);
    iobuf_unref(b);
    CHECK_INT(released, 1);
    iobuf_unref(NULL);
    struct iobuf *plain = iobuf_wrap(memory, sizeof(memory), NULL, NULL);
    iobuf_unref(plain);
}

/* One slot fewer, all, and one more. */
static void chain_bounds(void)
{
    uint8_t memory[64];
    struct iobuf *b = counted(memory, sizeof(memory));
    struct iochain c = {.count = 0};
    REQUIRE(b);
    for (unsigned i = 0; i < IOCHAIN_SEGS_MAX; i++) {
        CHECK(iochain_push(&c, iobuf_ref(b), memory + i, i));
    }
    CHECK_INT(iochain_len(&c), IOCHAIN_SEGS_MAX * (IOCHAIN_SEGS_MAX - 1) / 2);
    CHECK(!iochain_push(&c, b, memory, 1)); /* our reference is still ours */
    iochain_fini(&c);
    CHECK_INT(c.count, 0);
    CHECK_INT(iochain_len(&c), 0);
    CHECK_INT(released, 0);
    iobuf_unref(b);
    CHECK_INT(released, 1);
}

static void chain_append(void)
{
    uint8_t memory[8];
    struct iobuf *b = counted(memory, sizeof(memory));
    REQUIRE(b);
    for (unsigned left = IOCHAIN_SEGS_MAX - 1; left <= IOCHAIN_SEGS_MAX + 1; left++) {
        struct iochain dst = {.count = 0};
        struct iochain src = {.count = 0};
        unsigned moved = 5;
        test_context("%u segments", left);
        for (unsigned i = 0; i < left - moved; i++) {
            CHECK(iochain_push(&dst, iobuf_ref(b), memory, 1));
        }
        for (unsigned i = 0; i < moved; i++) {
            CHECK(iochain_push(&src, iobuf_ref(b), memory + i, 2));
        }
        bool fits = left <= IOCHAIN_SEGS_MAX;
        CHECK_INT(iochain_append(&dst, &src), fits);
        CHECK_INT(dst.count, fits ? left : left - moved);
        CHECK_INT(src.count, fits ? 0 : moved);
        CHECK(!fits || dst.segs[left - 1].base == memory + moved - 1);
        iochain_fini(&dst);
        iochain_fini(&src);
    }
    CHECK_INT(released, 0);
    iobuf_unref(b);
    CHECK_INT(released, 1);
}

static const struct test_case cases[] = {
    {"alignment", alignment}, {"aligned_at_mark", aligned_at_mark}, {"no_memory", no_memory},
    {"counting", counting},   {"chain_bounds", chain_bounds},       {"chain_append", chain_append},
};
TEST_MAIN(cases)
