/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/chain.h"
#include "wire/fscc_ea.h"
#include "wire/fscc_file.h"
#include "wire_util.h"

static void test_walk(void)
{
    static const struct {
        const char *name;
        const char *hex;
        size_t align;
        uint32_t max;
        unsigned count;
        enum wire_err err;
    } rows[] = {
        {"empty", "", 4, 4, 0, WIRE_OK},
        {"one", "00000000 aa", 4, 4, 1, WIRE_OK},
        {"two", "08000000 aaaaaaaa 00000000", 4, 4, 2, WIRE_OK},
        {"three, bound 3", "04000000 04000000 00000000", 4, 3, 3, WIRE_OK},
        {"three, bound 2", "04000000 04000000 00000000", 4, 2, 2, WIRE_COUNT},
        {"field cut", "000000", 4, 4, 0, WIRE_SHORT},
        {"second cut", "08000000 aaaaaaaa 0000", 4, 4, 1, WIRE_SHORT},
        {"ends where the next begins", "08000000 aaaaaaaa", 4, 4, 1, WIRE_SHORT},
        {"past the end", "0c000000 aaaaaaaa", 4, 4, 0, WIRE_RANGE},
        {"not aligned", "05000000 aa 00000000", 4, 4, 0, WIRE_RANGE},
        {"not aligned to 8", "0c000000 aaaaaaaa aaaaaaaa 00000000", 8, 4, 0, WIRE_RANGE},
        {"huge", "fcffffff aaaaaaaa", 4, 4, 0, WIRE_RANGE},
        {"into itself", "02000000 aaaaaaaa", 2, 4, 0, WIRE_RANGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t raw[64];
        size_t len = test_hex(raw, sizeof(raw), rows[i].hex);
        test_context("%s", rows[i].name);
        struct chain ch =
            chain_init((struct wire_slice){.p = raw, .len = len}, rows[i].align, rows[i].max);
        struct cur e;
        unsigned n = 0;
        while (chain_next(&ch, &e)) {
            CHECK_INT(cur_pos(&e), 4);
            n++;
        }
        CHECK_INT(n, rows[i].count);
        CHECK_INT(ch.err, rows[i].err);
        CHECK(!chain_next(&ch, &e));
    }
}

static void test_write(void)
{
    struct wr w = wr_new(256);
    wr_u8(&w, 0xee); /* the list need not start aligned */
    struct chain_wr cw = chain_wr_init(&w, 8);
    chain_wr_begin(&cw);
    wr_u8(&w, 0xaa);
    struct chain_wr before = cw;
    size_t len = wr_pos(&w);
    chain_wr_begin(&cw);
    wr_u32(&w, 0xbbbbbbbb);
    chain_wr_undo(&cw, len, before.last, before.any);
    uint8_t want[32];
    CHECK_MEM(w.base, w.len, want, test_hex(want, sizeof(want), "ee 00000000 aa"));
    chain_wr_begin(&cw);
    wr_u8(&w, 0xcc);
    CHECK_MEM(w.base, w.len, want,
              test_hex(want, sizeof(want), "ee 08000000 aa 000000 00000000 cc"));
    wr_fini(&w);
}

static const char ea_hex[] = "10000000 00 03 0300 414243 00 787978 00 00000000 80 01 0000 5a 00";

static enum wire_err ea_probe(struct cur *c)
{
    struct chain ch = fscc_ea_list((struct wire_slice){.p = c->pos, .len = cur_left(c)});
    struct fscc_ea ea;
    while (fscc_ea_next(&ch, &ea)) {
        wire_touch(ea.name);
        wire_touch(ea.value);
    }
    return ch.err;
}

static enum wire_err get_ea_probe(struct cur *c)
{
    struct chain ch = fscc_get_ea_list((struct wire_slice){.p = c->pos, .len = cur_left(c)});
    struct wire_slice name;
    while (fscc_get_ea_next(&ch, &name)) {
        wire_touch(name);
    }
    return ch.err;
}

static void test_eas(void)
{
    const struct fscc_ea eas[] = {{.name = SLICE("ABC"), .value = SLICE("xyx")},
                                  {.flags = SMB2_FILE_NEED_EA, .name = SLICE("Z")}};
    struct wr w = wr_new(4096);
    fscc_ea_list_format(&w, eas, 2);
    uint8_t want[64];
    size_t len = test_hex(want, sizeof(want), ea_hex);
    CHECK_MEM(w.base, w.len, want, len);
    CHECK_INT(fscc_ea_size(0, &eas[0]), 15);
    CHECK_INT(fscc_ea_size(15, &eas[1]) + 15, w.len);
    wr_fini(&w);
    struct chain ch = fscc_ea_list((struct wire_slice){.p = want, .len = len});
    struct fscc_ea ea;
    REQUIRE(fscc_ea_next(&ch, &ea));
    CHECK_SLICE(ea.name, "ABC");
    CHECK_SLICE(ea.value, "xyx");
    REQUIRE(fscc_ea_next(&ch, &ea));
    CHECK_SLICE(ea.name, "Z");
    CHECK_INT(ea.value.len, 0);
    CHECK_INT(ea.flags, 0x80);
    CHECK(!fscc_ea_next(&ch, &ea));
    CHECK_INT(ch.err, WIRE_OK);
    wire_sweep("ea list", WIRE_BYTES(want, len), 0, 0, ea_probe);
}

static void test_ea_errors(void)
{
    static const struct {
        const char *name;
        const char *hex;
        enum wire_err err;
    } rows[] = {
        {"empty name", "00000000 00 00 0000 00", WIRE_VALUE},
        {"name not terminated", "00000000 00 01 0000 41 42", WIRE_VALUE},
        {"NUL in the name", "00000000 00 02 0000 4100 00", WIRE_VALUE},
        {"name too long", "00000000 00 05 0000 41 00", WIRE_RANGE},
        {"value too long", "00000000 00 01 0200 41 00 aa", WIRE_RANGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t raw[32];
        size_t len = test_hex(raw, sizeof(raw), rows[i].hex);
        test_context("%s", rows[i].name);
        CHECK_INT(wire_probe_copy(raw, len, 0, ea_probe), rows[i].err);
    }
}

static void test_get_eas(void)
{
    const struct wire_slice names[] = {SLICE("ABC"), SLICE("D")};
    struct wr w = wr_new(4096);
    fscc_get_ea_list_format(&w, names, 2);
    uint8_t want[64];
    size_t len = test_hex(want, sizeof(want), "0c000000 03 414243 00 000000 00000000 01 44 00");
    CHECK_MEM(w.base, w.len, want, len);
    wr_fini(&w);
    struct chain ch = fscc_get_ea_list((struct wire_slice){.p = want, .len = len});
    struct wire_slice name;
    REQUIRE(fscc_get_ea_next(&ch, &name));
    CHECK_SLICE(name, "ABC");
    REQUIRE(fscc_get_ea_next(&ch, &name));
    CHECK_SLICE(name, "D");
    CHECK(!fscc_get_ea_next(&ch, &name));
    wire_sweep("get ea list", WIRE_BYTES(want, len), 0, 0, get_ea_probe);
}

static void test_list_cut(void)
{
    static const struct {
        size_t max;
        size_t kept;
        uint32_t next;
    } rows[] = {{0, 0, 16}, {15, 0, 16}, {16, 16, 0}, {25, 16, 0}, {26, 26, 16}, {99, 26, 16}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t raw[64];
        size_t len = test_hex(raw, sizeof(raw), ea_hex);
        test_context("max %zu", rows[i].max);
        CHECK_INT(len, 26);
        CHECK_INT(fscc_list_cut(raw, len, rows[i].max), rows[i].kept);
        CHECK_INT(raw[0], rows[i].next);
    }
}

static const struct test_case cases[] = {
    {"walk", test_walk},        {"write and undo", test_write},
    {"EA list", test_eas},      {"EA errors", test_ea_errors},
    {"EA names", test_get_eas}, {"cut between entries", test_list_cut},
};
TEST_MAIN(cases)
