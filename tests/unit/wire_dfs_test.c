/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/dfs.h"
#include "wire_util.h"

static struct dfs_referrals told;

static enum wire_err probe_req(struct cur *c, bool is_ex)
{
    struct dfs_referral_req r;
    enum wire_err err = dfs_referral_req_parse(wire_rest(c), is_ex, &r);
    wire_touch(r.path);
    wire_touch(r.site);
    return err;
}

static enum wire_err plain_probe(struct cur *c)
{
    return probe_req(c, false);
}

static enum wire_err ex_probe(struct cur *c)
{
    return probe_req(c, true);
}

static enum wire_err rsp_probe(struct cur *c)
{
    enum wire_err err = dfs_referral_rsp_parse(wire_rest(c), &told);
    for (uint16_t i = 0; i < told.count; i++) {
        wire_touch(told.entries[i].path);
        wire_touch(told.entries[i].target);
    }
    return err;
}

/* ---- requests ---- */

#define U_A_B "5c0061005c006200" /* \a\b */

static const struct {
    const char *name;
    bool is_ex;
    const char *hex;
    struct dfs_referral_req req;
} requests[] = {
    {"plain", false, "0400 " U_A_B " 0000", {.version_max = 4, .path = SLICE("\\\0a\0\\\0b\0")}},
    {"plain, about domains", false, "0300 0000", {.version_max = 3}},
    {"ex",
     true,
     "0400 0000 0a000000 0800 " U_A_B,
     {.version_max = 4, .path = SLICE("\\\0a\0\\\0b\0")}},
    {"ex with a site",
     true,
     "0400 0100 0e000000 0800 " U_A_B " 0200 7300",
     {.version_max = 4, .path = SLICE("\\\0a\0\\\0b\0"), .site = SLICE("s\0")}},
    {"ex, about domains", true, "0300 0000 02000000 0000", {.version_max = 3}},
};

static void test_requests(void)
{
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        uint8_t raw[64];
        size_t len = test_hex(raw, sizeof(raw), requests[i].hex);
        struct dfs_referral_req back;
        wire_sweep(requests[i].name, WIRE_BYTES(raw, len), 0, len,
                   requests[i].is_ex ? ex_probe : plain_probe);
        test_context("%s", requests[i].name);
        CHECK_INT(dfs_referral_req_parse(WIRE_BYTES(raw, len), requests[i].is_ex, &back), WIRE_OK);
        CHECK_INT(back.version_max, requests[i].req.version_max);
        CHECK_MEM(back.path.p, back.path.len, requests[i].req.path.p, requests[i].req.path.len);
        CHECK_MEM(back.site.p, back.site.len, requests[i].req.site.p, requests[i].req.site.len);
        struct wr w = wr_new(64);
        dfs_referral_req_format(&w, requests[i].is_ex, &requests[i].req);
        CHECK_MEM(w.base, w.len, raw, len);
        wr_fini(&w);
    }
}

static void test_odd_requests(void)
{
    static const struct {
        const char *name;
        bool is_ex;
        const char *hex;
        enum wire_err err;
    } rows[] = {
        {"nothing", false, "", WIRE_SHORT},
        {"no terminator", false, "0400 5c006100", WIRE_VALUE},
        {"half a terminator", false, "0400 5c006100 00", WIRE_VALUE},
        {"more behind it", false, "0400 5c000000 6100", WIRE_OK},
        {"ex: less than it says", true, "0400 0000 0a000000 0800 5c00", WIRE_SHORT},
        {"ex: a path longer than the data", true, "0400 0000 04000000 0400 5c006100", WIRE_SHORT},
        {"ex: an odd path", true, "0400 0000 05000000 0300 5c0061", WIRE_VALUE},
        {"ex: terminated all the same", true, "0400 0000 06000000 0400 5c000000", WIRE_OK},
        {"ex: a site that is not there", true, "0400 0100 04000000 0200 5c00", WIRE_SHORT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t raw[64];
        size_t len = test_hex(raw, sizeof(raw), rows[i].hex);
        struct dfs_referral_req back;
        test_context("%s", rows[i].name);
        CHECK_INT(dfs_referral_req_parse(WIRE_BYTES(raw, len), rows[i].is_ex, &back), rows[i].err);
        CHECK_INT(back.path.len, rows[i].err != WIRE_OK ? 0 : 2);
    }
}

static void test_longest_path(void)
{
    for (size_t len = DFS_PATH_BYTES_MAX - 2; len <= DFS_PATH_BYTES_MAX + 2; len += 2) {
        struct wr w = wr_new(1 << 17);
        wr_u16(&w, 4);
        for (size_t i = 0; i < len; i += 2) {
            wr_u16(&w, 'x');
        }
        wr_u16(&w, 0);
        CHECK_INT(wire_probe_copy(w.base, w.len, 0, plain_probe),
                  len <= DFS_PATH_BYTES_MAX ? WIRE_OK : WIRE_COUNT);
        wr_fini(&w);
    }
}

/* ---- responses ---- */

static const char *const targets[] = {"\\s\\t", "\\u\\v\\w"};
#define U_PATH "5c0061005c0062005c0063000000"   /* \a\b\c */
#define U_FIRST "5c0073005c0074000000"          /* \s\t */
#define U_SECOND "5c0075005c0076005c0077000000" /* \u\v\w */
#define GUID "00000000000000000000000000000000 "

/* Of a link, 12 bytes of whose path are consumed. */
static const struct {
    const char *name;
    uint16_t version;
    const char *hex;
} responses[] = {
    {"version 1", 1,
     "0c00 0200 02000000  0100 1200 0000 0000 " U_FIRST "  0100 1600 0000 0000 " U_SECOND},
    {"version 2", 2,
     "0c00 0200 02000000  0200 1600 0000 0000 00000000 58020000 2c00 2c00 3a00 "
     " 0200 1600 0000 0000 00000000 58020000 1600 1600 2e00 " U_PATH U_FIRST U_SECOND},
    {"version 3", 3,
     "0c00 0200 02000000  0300 2200 0000 0000 58020000 4400 4400 5200 " GUID
     " 0300 2200 0000 0000 58020000 2200 2200 3a00 " GUID U_PATH U_FIRST U_SECOND},
    {"version 4", 4,
     "0c00 0200 02000000  0400 2200 0000 0400 58020000 4400 4400 5200 " GUID
     " 0400 2200 0000 0000 58020000 2200 2200 3a00 " GUID U_PATH U_FIRST U_SECOND},
};

static struct dfs_referral_rsp link_rsp(uint16_t version)
{
    return (struct dfs_referral_rsp){.version = version,
                                     .path_consumed_bytes = 12,
                                     .ttl_sec = 600,
                                     .path = "\\a\\b\\c",
                                     .targets = targets,
                                     .count = ARRAY_LEN(targets)};
}

static void test_responses(void)
{
    for (size_t i = 0; i < ARRAY_LEN(responses); i++) {
        uint8_t raw[256];
        size_t len = test_hex(raw, sizeof(raw), responses[i].hex);
        wire_sweep(responses[i].name, WIRE_BYTES(raw, len), 0, len, rsp_probe);
        test_context("%s", responses[i].name);
        struct wr w = wr_new(256);
        const struct dfs_referral_rsp rsp = link_rsp(responses[i].version);
        CHECK_INT(dfs_referral_rsp_format(&w, &rsp, len), 2);
        CHECK_MEM(w.base, w.len, raw, len);
        CHECK_INT(dfs_referral_rsp_parse(WIRE_BYTES(w.base, w.len), &told), WIRE_OK);
        CHECK_INT(told.count, 2);
        CHECK_INT(told.path_consumed_bytes, 12);
        CHECK_INT(told.entries[1].ttl_sec, rsp.version > 1 ? 600 : 0);
        CHECK_INT(told.entries[0].flags, rsp.version == 4 ? DFS_ENTRY_TARGET_SET_BOUNDARY : 0);
        CHECK_INT(told.entries[1].flags, 0);
        CHECK_SLICE(told.entries[0].target, "\\\0s\0\\\0t\0");
        CHECK_SLICE(told.entries[1].target, "\\\0u\0\\\0v\0\\\0w\0");
        wr_fini(&w);
    }
}

static void test_root(void)
{
    for (uint16_t version = 1; version <= DFS_VERSION_MAX; version++) {
        struct dfs_referral_rsp rsp = link_rsp(version);
        struct wr w = wr_new(256);
        rsp.is_root = true;
        rsp.count = 1;
        CHECK_INT(dfs_referral_rsp_format(&w, &rsp, 256), 1);
        CHECK_INT(dfs_referral_rsp_parse(WIRE_BYTES(w.base, w.len), &told), WIRE_OK);
        CHECK_INT(told.header_flags, DFS_HEADER_REFERRAL_SERVERS | DFS_HEADER_STORAGE_SERVERS);
        CHECK_INT(told.entries[0].server_type, DFS_SERVER_TYPE_ROOT);
        wr_fini(&w);
    }
}

/* What does not fit is left out, but never a part of an entry. [MS-DFSC] 3.2.5.1 */
static void test_room(void)
{
    for (size_t i = 0; i < ARRAY_LEN(responses); i++) {
        uint8_t raw[256];
        size_t whole = test_hex(raw, sizeof(raw), responses[i].hex);
        const struct dfs_referral_rsp rsp = link_rsp(responses[i].version);
        size_t fewest[3] = {0}; /* bytes that so many targets need */
        for (size_t room = 0; room <= whole; room++) {
            struct wr w = wr_new(256);
            size_t n = dfs_referral_rsp_format(&w, &rsp, room);
            REQUIRE(n <= 2);
            CHECK(w.len <= room);
            CHECK_INT(w.len == 0, n == 0);
            fewest[n] = fewest[n] == 0 ? room : fewest[n];
            CHECK(n == 0 || w.len == fewest[n]);
            wr_fini(&w);
        }
        CHECK(fewest[1] > 0);
        CHECK_INT(fewest[2], whole);
    }
}

/* Offsets have 16 bits: what would need more does not fit, however much room there is. */
static void test_most(void)
{
    static char name[4001];
    const char *many[64];
    memset(name, 'x', sizeof(name) - 1);
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i] = name;
    }
    for (uint16_t version = 1; version <= DFS_VERSION_MAX; version++) {
        struct dfs_referral_rsp rsp = link_rsp(version);
        struct wr w = wr_new(1 << 20);
        rsp.targets = many;
        rsp.count = ARRAY_LEN(many);
        CHECK_INT(dfs_referral_rsp_format(&w, &rsp, 1 << 20), 8);
        CHECK(w.len <= DFS_RSP_BYTES_MAX);
        CHECK_INT(dfs_referral_rsp_parse(WIRE_BYTES(w.base, w.len), &told), WIRE_OK);
        CHECK_INT(told.entries[7].target.len, 8000);
        wr_fini(&w);
    }
}

static const struct test_case cases[] = {
    {"requests", test_requests},
    {"odd requests", test_odd_requests},
    {"a long path", test_longest_path},
    {"responses", test_responses},
    {"a root", test_root},
    {"little room", test_room},
    {"many targets", test_most},
};
TEST_MAIN(cases)
