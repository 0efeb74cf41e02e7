/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wr.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "test.h"

static void write_all_kinds(struct wr *w)
{
    wr_u8(w, 0x01);
    wr_u16(w, 0x0302);
    wr_u32(w, 0x07060504);
    wr_u64(w, 0x0f0e0d0c0b0a0908);
    wr_u16be(w, 0x1011);
    wr_u32be(w, 0x12131415);
    wr_bytes(w, "\x16\x17", 2);
    wr_zero(w, 1);
    wr_align(w, 0, 8);
}

static const uint8_t all_kinds[24] = {1,    2,    3,    4,    5,    6,    7,    8,
                                      9,    10,   11,   12,   13,   14,   15,   0x10,
                                      0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0};

/* Into a buffer of every size up to one more than needed: what fits whole, then nothing. */
static void fixed(void)
{
    for (size_t cap = 0; cap <= sizeof(all_kinds) + 1; cap++) {
        uint8_t buf[32];
        memset(buf, 0xee, sizeof(buf));
        struct wr w = wr_init(buf, cap);
        test_context("cap %zu", cap);
        write_all_kinds(&w);
        CHECK_INT(wr_ok(&w), cap >= sizeof(all_kinds));
        CHECK(wr_pos(&w) <= cap);
        CHECK_MEM(buf, wr_pos(&w), all_kinds, wr_pos(&w));
        CHECK_INT(buf[cap], 0xee);
        CHECK(!wr_ok(&w) || wr_pos(&w) == sizeof(all_kinds));
    }
}

static void growing_to_max(void)
{
    for (size_t max = 0; max <= sizeof(all_kinds) + 1; max++) {
        struct wr w = wr_new(max);
        size_t len = 99;
        test_context("max %zu", max);
        write_all_kinds(&w);
        CHECK_INT(wr_ok(&w), max >= sizeof(all_kinds));
        CHECK(w.cap <= max);
        CLEANUP_MEM uint8_t *p = wr_take(&w, &len);
        CHECK_INT(p != NULL, max >= sizeof(all_kinds));
        CHECK_INT(len, p ? sizeof(all_kinds) : 0);
        if (p) {
            CHECK_MEM(p, len, all_kinds, sizeof(all_kinds));
        }
        wr_fini(&w);
    }
}

/* Many appends across several growths keep everything. */
static void growing_far(void)
{
    struct wr w = wr_new(1 << 20);
    for (uint32_t i = 0; i < 50000; i++) {
        wr_u32(&w, i);
    }
    REQUIRE(wr_ok(&w) && wr_pos(&w) == 200000);
    for (uint32_t i = 0; i < 50000; i++) {
        uint32_t v = (uint32_t)w.base[4 * i] | (uint32_t)w.base[4 * i + 1] << 8 |
                     (uint32_t)w.base[4 * i + 2] << 16;
        if (v != i) {
            CHECK_INT(v, i);
            break;
        }
    }
    wr_fini(&w);
    CHECK(w.base == NULL && wr_pos(&w) == 0);
    wr_u8(&w, 7);
    CHECK(wr_ok(&w) && w.base[0] == 7);
    wr_fini(&w);
}

static void failure_sticks(void)
{
    uint8_t buf[4] = {9, 9, 9, 9};
    struct wr w = wr_init(buf, 4);
    wr_u16(&w, 0x0101);
    wr_u32(&w, 0);
    CHECK(!wr_ok(&w));
    wr_u8(&w, 5);
    wr_align(&w, 0, 4);
    wr_put_u16(&w, 0, 0xffff);
    wr_cut(&w, 0);
    wr_printf(&w, "x");
    CHECK(wr_space(&w, 0) == NULL);
    CHECK_INT(wr_pos(&w), 2);
    CHECK_MEM(buf, 4, "\x01\x01\x09\x09", 4);
    wr_fini(&w);
    wr_u32(&w, 0x04030201);
    CHECK(wr_ok(&w));
    CHECK_MEM(buf, 4, "\x01\x02\x03\x04", 4);
}

static void huge_request(void)
{
    uint8_t buf[4];
    struct wr fixed_writer = wr_init(buf, 4);
    struct wr w = wr_new(SIZE_MAX);
    wr_u8(&fixed_writer, 1);
    CHECK(wr_space(&fixed_writer, SIZE_MAX) == NULL);
    wr_u8(&w, 1);
    CHECK(wr_space(&w, SIZE_MAX) == NULL);
    CHECK(!wr_ok(&w));
    wr_fini(&w);
}

static void no_memory(void)
{
    /* two allocations: the first bytes, and past them */
    for (unsigned nth = 1; nth <= 3; nth++) {
        struct wr w = wr_new(10000);
        test_context("nth %u", nth);
        mem_fail_nth(nth);
        wr_u8(&w, 1);
        wr_zero(&w, 5000);
        CHECK_INT(wr_ok(&w), nth == 3);
        CHECK_INT(wr_pos(&w), nth == 1 ? 0 : nth == 2 ? 1 : 5001);
        wr_fini(&w);
    }
    mem_fail_nth(0);
}

static void empty(void)
{
    struct wr w = wr_new(10);
    size_t len = 1;
    wr_zero(&w, 0);
    wr_bytes(&w, NULL, 0);
    wr_align(&w, 0, 8);
    CHECK(wr_ok(&w) && w.base == NULL);
    CHECK(wr_take(&w, &len) == NULL);
    CHECK_INT(len, 0);
    wr_fini(&w);
}

static void overwriting(void)
{
    uint8_t buf[16];
    struct wr w = wr_init(buf, sizeof(buf));
    wr_zero(&w, 15);
    wr_put_u8(&w, 0, 1);
    wr_put_u16(&w, 1, 0x0302);
    wr_put_u32(&w, 3, 0x07060504);
    wr_put_u64(&w, 7, 0x0f0e0d0c0b0a0908);
    CHECK_MEM(buf, 15, all_kinds, 15);
    CHECK_INT(wr_pos(&w), 15);
    wr_cut(&w, 3);
    wr_u8(&w, 0xaa);
    CHECK_MEM(buf, wr_pos(&w), "\x01\x02\x03\xaa", 4);
}

static void aligning(void)
{
    static const struct {
        size_t from;
        size_t len;
        size_t align;
        size_t want;
    } cases[] = {{0, 0, 8, 0},  {0, 1, 8, 8},   {0, 8, 8, 8}, {3, 3, 8, 3},
                 {3, 4, 8, 11}, {3, 11, 8, 11}, {2, 5, 4, 6}, {0, 5, 1, 5}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t buf[16];
        memset(buf, 0xee, sizeof(buf));
        struct wr w = wr_init(buf, sizeof(buf));
        test_context("row %zu", i);
        (void)wr_space(&w, cases[i].len);
        wr_align(&w, cases[i].from, cases[i].align);
        CHECK_INT(wr_pos(&w), cases[i].want);
        for (size_t j = cases[i].len; j < cases[i].want; j++) {
            CHECK_INT(buf[j], 0);
        }
    }
}

/* Around the size that is formatted on the stack, and around the writer's own limit. */
static void printing(void)
{
    for (int width = 250; width <= 260; width++) {
        struct wr w = wr_new(260);
        test_context("width %d", width);
        wr_printf(&w, "%*d", width, 7);
        REQUIRE(wr_ok(&w));
        CHECK_INT(wr_pos(&w), width);
        CHECK_INT(w.base[width - 1], '7');
        CHECK_INT(w.base[0], ' ');
        wr_fini(&w);
    }
    struct wr w = wr_new(260);
    wr_printf(&w, "%261d", 7);
    CHECK(!wr_ok(&w) && wr_pos(&w) == 0);
    wr_fini(&w);
    mem_fail_nth(1);
    wr_printf(&w, "%260d", 7);
    CHECK(!wr_ok(&w));
    wr_fini(&w);
    wr_printf(&w, "%s=%u", "a", 1u);
    wr_printf(&w, "%s", "");
    CHECK_MEM(w.base, wr_pos(&w), "a=1", 3);
    wr_fini(&w);
}

static const struct test_case cases[] = {
    {"fixed", fixed},
    {"growing_to_max", growing_to_max},
    {"growing_far", growing_far},
    {"failure_sticks", failure_sticks},
    {"huge_request", huge_request},
    {"no_memory", no_memory},
    {"empty", empty},
    {"overwriting", overwriting},
    {"aligning", aligning},
    {"printing", printing},
};
TEST_MAIN(cases)
