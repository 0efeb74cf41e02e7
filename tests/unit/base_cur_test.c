/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cur.h"

#include <stdlib.h>

#include "test.h"

static const uint8_t bytes[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static uint64_t read_u8(struct cur *c)
{
    return cur_u8(c);
}
static uint64_t read_u16(struct cur *c)
{
    return cur_u16(c);
}
static uint64_t read_u32(struct cur *c)
{
    return cur_u32(c);
}
static uint64_t read_u64(struct cur *c)
{
    return cur_u64(c);
}
static uint64_t read_u16be(struct cur *c)
{
    return cur_u16be(c);
}
static uint64_t read_u32be(struct cur *c)
{
    return cur_u32be(c);
}

static const struct {
    const char *name;
    uint64_t (*fn)(struct cur *);
    size_t size;
    uint64_t want;
} reads[] = {
    {"u8", read_u8, 1, 0x01},         {"u16", read_u16, 2, 0x0201},
    {"u32", read_u32, 4, 0x04030201}, {"u64", read_u64, 8, 0x0807060504030201},
    {"u16be", read_u16be, 2, 0x0102}, {"u32be", read_u32be, 4, 0x01020304},
};

/* With every length up to one more than needed, in a block of just that length (for ASan): right
 * when it fits, else zero, the position where it was, and failed for good. */
static void integers(void)
{
    for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
        for (size_t len = 0; len <= reads[i].size + 1; len++) {
            uint8_t *block = malloc(len ? len : 1);
            memcpy(block, bytes, len);
            struct cur c = cur_init(block, len);
            bool fits = len >= reads[i].size;
            test_context("%s of %zu bytes", reads[i].name, len);
            CHECK_INT(reads[i].fn(&c), fits ? reads[i].want : 0);
            CHECK_INT(cur_ok(&c), fits);
            CHECK_INT(cur_pos(&c), fits ? reads[i].size : 0);
            CHECK_INT(cur_left(&c), fits ? len - reads[i].size : 0);
            CHECK_INT(cur_done(&c), len == reads[i].size);
            free(block);
        }
    }
}

static void failure_sticks(void)
{
    struct cur c = cur_init(bytes, 3);
    uint8_t out[2] = {9, 9};
    CHECK_INT(cur_u32(&c), 0);
    for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
        test_context("%s", reads[i].name);
        CHECK_INT(reads[i].fn(&c), 0);
    }
    CHECK(cur_bytes(&c, 0) == NULL);
    cur_copy(&c, out, 2);
    CHECK_INT(out[0] | out[1], 0);
    cur_align(&c, 8);
    struct cur sub = cur_sub(&c, 0, 1);
    struct cur taken = cur_take(&c, 1);
    CHECK(!cur_ok(&sub) && !cur_ok(&taken) && !cur_ok(&c) && !cur_done(&c));
    CHECK_INT(cur_pos(&c), 0);
    CHECK_INT(cur_left(&c), 0);
}

static void borrowing(void)
{
    uint8_t out[4];
    struct cur c = cur_init(bytes, 16);
    CHECK(cur_bytes(&c, 0) == bytes);
    CHECK(cur_bytes(&c, 3) == bytes);
    cur_copy(&c, out, 4);
    CHECK_MEM(out, 4, bytes + 3, 4);
    cur_skip(&c, 9);
    CHECK(cur_done(&c));
    CHECK(cur_bytes(&c, 0) == bytes + 16);
    CHECK(cur_bytes(&c, SIZE_MAX) == NULL);
}

/* NULL is an empty message, with or without a length. */
static void null_input(void)
{
    struct cur c = cur_init(NULL, 5);
    CHECK(cur_ok(&c) && cur_done(&c));
    CHECK(cur_bytes(&c, 0) != NULL);
    struct cur sub = cur_sub(&c, 0, 0);
    CHECK(cur_done(&sub));
    CHECK_INT(cur_u8(&c), 0);
    CHECK(!cur_ok(&c));
    struct cur bad = cur_bad();
    CHECK_INT(cur_left(&bad) + cur_pos(&bad), 0);
    CHECK(!cur_ok(&bad));
}

static void alignment(void)
{
    static const struct {
        size_t len;
        size_t skip;
        size_t align;
        bool ok;
        size_t want;
    } cases[] = {
        {16, 0, 8, true, 0},  {16, 1, 8, true, 8},  {16, 7, 8, true, 8}, {16, 8, 8, true, 8},
        {16, 9, 8, true, 16}, {15, 9, 8, false, 9}, {16, 5, 1, true, 5}, {16, 5, 4, true, 8},
        {7, 7, 8, false, 7},  {8, 7, 8, true, 8},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cur c = cur_init(bytes, cases[i].len);
        test_context("row %zu", i);
        cur_skip(&c, cases[i].skip);
        cur_align(&c, cases[i].align);
        CHECK_INT(cur_ok(&c), cases[i].ok);
        CHECK_INT(cur_pos(&c), cases[i].want);
    }
}

static void sub_ranges(void)
{
    static const struct {
        const char *name;
        size_t offset;
        size_t len;
        bool ok;
    } cases[] = {
        {"all", 0, 10, true},
        {"empty at start", 0, 0, true},
        {"empty at end", 10, 0, true},
        {"last byte", 9, 1, true},
        {"one over", 9, 2, false},
        {"empty past", 11, 0, false},
        {"whole one over", 0, 11, false},
        {"len max", 1, SIZE_MAX, false},
        {"offset max", SIZE_MAX, 1, false},
        {"wraps", SIZE_MAX, 2, false},
        {"wraps into", SIZE_MAX - 1, 5, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cur c = cur_init(bytes, 10);
        test_context("%s", cases[i].name);
        cur_skip(&c, 4); /* no influence: offsets count from the base */
        struct cur s = cur_sub(&c, cases[i].offset, cases[i].len);
        CHECK_INT(cur_ok(&s), cases[i].ok);
        CHECK_INT(cur_ok(&c), cases[i].ok);
        CHECK_INT(cur_left(&s), cases[i].ok ? cases[i].len : 0);
        CHECK(!cases[i].ok || (s.base == bytes + cases[i].offset && cur_pos(&s) == 0));
        CHECK_INT(cur_pos(&c), 4);
    }
}

static void take(void)
{
    struct cur c = cur_init(bytes, 10);
    cur_skip(&c, 2);
    struct cur t = cur_take(&c, 8);
    CHECK_INT(cur_u8(&t), 3);
    CHECK_INT(cur_pos(&t), 1); /* its own base */
    CHECK_INT(cur_left(&t), 7);
    CHECK(cur_done(&c));
    struct cur empty = cur_take(&c, 0);
    CHECK(cur_done(&empty));
    struct cur over = cur_take(&c, 1);
    CHECK(!cur_ok(&over) && !cur_ok(&c));
}

static const struct test_case cases[] = {
    {"integers", integers},   {"failure_sticks", failure_sticks},
    {"borrowing", borrowing}, {"null_input", null_input},
    {"alignment", alignment}, {"sub_ranges", sub_ranges},
    {"take", take},
};
TEST_MAIN(cases)
