/* SPDX-License-Identifier: Apache-2.0 */
/* File classes: queried and set; quotas. */
#include "wire/fscc_file.h"
#include "wire/fscc_quota.h"
#include "wire/fscc_set.h"
#include "wire_util.h"

static const struct fscc_stream streams[] = {{"::$DATA", 5, 4096}, {":s:$DATA", 6, 8}};
static const struct fscc_hard_link links[] = {{0x55, "ab"}, {0x66, "c"}};
static const struct fscc_ea eas[] = {
    {.name = {(const uint8_t *)"EA", 2}, .value = {(const uint8_t *)"v", 1}}};

static const struct fscc_file_info sample = {
    .create_time = 0x11,
    .access_time = 0x12,
    .write_time = 0x13,
    .change_time = 0x14,
    .attributes = 0x20,
    .allocation_size = 0x1000,
    .end_of_file = 5,
    .link_count = 2,
    .link_count_total = 3,
    .is_delete_pending = true,
    .is_directory = false,
    .file_id = 0x21,
    .file_id_128 = {0x31, 0x32},
    .volume_serial = 0x41,
    .ea_size = 0x51,
    .access = 0x120089,
    .position = 0x61,
    .mode = 0x2,
    .alignment = 7,
    .name = "\\a",
    .normalized_name = "a",
    .alternate_name = "A~1",
    .reparse_tag = 0xa000000c,
    .streams = streams,
    .stream_count = ARRAY_LEN(streams),
    .hard_links = links,
    .hard_link_count = ARRAY_LEN(links),
    .eas = eas,
    .ea_count = ARRAY_LEN(eas),
    .compressed_size = 9,
    .compression_format = 2,
    .compression_unit_shift = 3,
    .chunk_shift = 4,
    .cluster_shift = 5,
    .pipe_read_mode = 1,
    .pipe_completion_mode = 0,
    .pipe_type = 1,
    .pipe_configuration = 2,
    .pipe_instances_max = 0xffffffff,
    .pipe_instances = 3,
    .pipe_inbound_quota = 4,
    .pipe_read_available = 5,
    .pipe_outbound_quota = 6,
    .pipe_write_quota = 7,
    .pipe_state = 3,
    .pipe_end = 1,
    .pipe_collect_time = 8,
    .pipe_collect_count_max = 9,
    .lx_flags = 1,
    .lx_uid = 1000,
    .lx_gid = 100,
    .lx_mode = 0100644,
};

#define TIMES "1100000000000000 1200000000000000 1300000000000000 1400000000000000 "
#define BASIC TIMES "20000000 00000000 "
#define STANDARD "0010000000000000 0500000000000000 02000000 01 00 0000 "
#define STAT                                                                                       \
    "2100000000000000 " TIMES "0010000000000000 0500000000000000 20000000 0c0000a0 02000000 "      \
    "89001200 "

static const struct {
    uint8_t info_class;
    uint16_t min;
    bool is_list;
    const char *hex;
} queries[] = {
    {SMB2_FILE_BASIC_INFO, 40, false, BASIC},
    {SMB2_FILE_STANDARD_INFO, 24, false, STANDARD},
    {SMB2_FILE_INTERNAL_INFO, 8, false, "2100000000000000"},
    {SMB2_FILE_EA_INFO, 4, false, "51000000"},
    {SMB2_FILE_ACCESS_INFO, 4, false, "89001200"},
    {SMB2_FILE_NAME_INFO, 8, false, "04000000 5c006100"},
    {SMB2_FILE_POSITION_INFO, 8, false, "6100000000000000"},
    {SMB2_FILE_FULL_EA_INFO, 8, true, "00000000 00 02 0100 4541 00 76"},
    {SMB2_FILE_MODE_INFO, 4, false, "02000000"},
    {SMB2_FILE_ALIGNMENT_INFO, 4, false, "07000000"},
    {SMB2_FILE_ALL_INFO, 104, false,
     BASIC STANDARD "2100000000000000 51000000 89001200 6100000000000000 02000000 07000000 "
                    "04000000 5c006100"},
    {SMB2_FILE_ALTERNATE_NAME_INFO, 8, false, "06000000 41007e003100"},
    {SMB2_FILE_STREAM_INFO, 32, true,
     "28000000 0e000000 0500000000000000 0010000000000000 3a003a00240044004100540041000000 "
     "00000000 10000000 0600000000000000 0800000000000000 3a0073003a002400440041005400 4100"},
    {SMB2_FILE_PIPE_INFO, 8, false, "01000000 00000000"},
    {SMB2_FILE_PIPE_LOCAL_INFO, 40, false,
     "01000000 02000000 ffffffff 03000000 04000000 05000000 06000000 07000000 03000000 01000000"},
    {SMB2_FILE_PIPE_REMOTE_INFO, 12, false, "0800000000000000 09000000"},
    {SMB2_FILE_COMPRESSION_INFO, 16, false, "0900000000000000 0200 03 04 05 000000"},
    {SMB2_FILE_NETWORK_OPEN_INFO, 56, false,
     TIMES "0010000000000000 0500000000000000 20000000 00000000"},
    {SMB2_FILE_ATTRIBUTE_TAG_INFO, 8, false, "20000000 0c0000a0"},
    {SMB2_FILE_HARD_LINK_INFO, 32, false,
     "36000000 02000000 18000000 00000000 5500000000000000 02000000 61006200 "
     "00000000 00000000 6600000000000000 01000000 6300"},
    {SMB2_FILE_NORMALIZED_NAME_INFO, 8, false, "02000000 6100"},
    {SMB2_FILE_STANDARD_LINK_INFO, 12, false, "02000000 03000000 01 00 0000"},
    {SMB2_FILE_ID_INFO, 24, false, "4100000000000000 31320000000000000000000000000000"},
    {SMB2_FILE_STAT_INFO, 72, false, STAT},
    {SMB2_FILE_STAT_LX_INFO, 96, false,
     STAT "01000000 e8030000 64000000 a4810000 00000000 00000000"},
};

static void test_query(void)
{
    unsigned known = 0;
    for (unsigned i = 0; i < 256; i++) {
        known += fscc_file_query_min_size((uint8_t)i) != 0;
    }
    CHECK_INT(known, ARRAY_LEN(queries));
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        const struct fscc_file_class *row = fscc_file_class_get(queries[i].info_class);
        REQUIRE(row);
        test_context("%s", row->name);
        CHECK_INT(row->size_min, queries[i].min);
        CHECK_INT(row->is_list, queries[i].is_list);
        struct wr w = wr_new(4096);
        CHECK_INT(fscc_file_query_format(&w, queries[i].info_class, &sample), WIRE_OK);
        uint8_t want[512];
        CHECK_MEM(w.base, w.len, want, test_hex(want, sizeof(want), queries[i].hex));
        CHECK(row->is_variable || w.len == row->size_min);
        wr_fini(&w);
    }
}

static void test_query_nothing(void)
{
    const struct fscc_file_info nothing = {0};
    for (unsigned i = 0; i < 256; i++) {
        struct wr w = wr_new(4096);
        enum wire_err want = fscc_file_query_min_size((uint8_t)i) ? WIRE_OK : WIRE_VALUE;
        test_context("class %u", i);
        CHECK_INT(fscc_file_query_format(&w, (uint8_t)i, &nothing), want);
        wr_fini(&w);
    }
    struct wr w = wr_new(64);
    CHECK_INT(fscc_file_query_format(&w, SMB2_FILE_ATTRIBUTE_TAG_INFO, &nothing), WIRE_OK);
    CHECK_INT(w.base[0], 0x80); /* FILE_ATTRIBUTE_NORMAL */
    wr_fini(&w);
}

static uint8_t probe_class;

static enum wire_err query_probe(struct cur *c)
{
    struct fscc_file_info info;
    struct fscc_file_names names;
    struct wire_slice in = wire_rest(c);
    enum wire_err err = fscc_file_query_parse(in, probe_class, &info, &names);
    wire_touch(names.name);
    return err;
}

static void test_query_parse(void)
{
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        uint8_t raw[512];
        size_t len = test_hex(raw, sizeof(raw), queries[i].hex);
        struct fscc_file_info info;
        struct fscc_file_names names;
        enum wire_err err = fscc_file_query_parse((struct wire_slice){.p = raw, .len = len},
                                                  queries[i].info_class, &info, &names);
        if (err == WIRE_VALUE) {
            continue; /* a class that the client's side does not read */
        }
        test_context("class %u", queries[i].info_class);
        CHECK_INT(err, WIRE_OK);
        probe_class = queries[i].info_class;
        wire_sweep("query parse", WIRE_BYTES(raw, len), 0, len, query_probe);
    }
    uint8_t raw[512];
    size_t len = test_hex(raw, sizeof(raw), queries[10].hex);
    struct fscc_file_info info;
    struct fscc_file_names names;
    CHECK_INT(fscc_file_query_parse((struct wire_slice){.p = raw, .len = len}, SMB2_FILE_ALL_INFO,
                                    &info, &names),
              WIRE_OK);
    CHECK_INT(info.change_time, 0x14);
    CHECK_INT(info.link_count, 2);
    CHECK(info.is_delete_pending);
    CHECK_INT(info.file_id, 0x21);
    CHECK_INT(info.alignment, 7);
    CHECK_SLICE(names.name, "\\\0a\0");
}

static enum wire_err stream_probe(struct cur *c)
{
    struct chain ch = chain_init(wire_rest(c), 8, 100);
    struct cur e;
    while (chain_next(&ch, &e)) {
        struct fscc_stream_raw s;
        enum wire_err err = fscc_stream_parse(&e, &s);
        wire_touch(s.name);
        if (err != WIRE_OK) {
            return err;
        }
    }
    return ch.err;
}

static void test_streams(void)
{
    struct wr w = wr_new(4096);
    CHECK_INT(fscc_file_query_format(&w, SMB2_FILE_STREAM_INFO, &sample), WIRE_OK);
    struct chain ch = chain_init((struct wire_slice){.p = w.base, .len = w.len}, 8, 100);
    struct cur e;
    struct fscc_stream_raw s;
    REQUIRE(chain_next(&ch, &e));
    CHECK_INT(fscc_stream_parse(&e, &s), WIRE_OK);
    CHECK_INT(s.size, 5);
    CHECK_INT(s.allocation_size, 4096);
    CHECK_INT(s.name.len, 14);
    REQUIRE(chain_next(&ch, &e));
    CHECK(!chain_next(&ch, &e));
    wire_sweep("streams", WIRE_BYTES(w.base, w.len), 0, 0, stream_probe);
    wr_fini(&w);
}

static enum wire_err set_probe(struct cur *c)
{
    struct fscc_set s;
    enum wire_err err = fscc_set_parse(wire_rest(c), probe_class, &s);
    if (err == WIRE_OK) {
        switch (probe_class) {
        case SMB2_FILE_RENAME_INFO:
        case SMB2_FILE_RENAME_INFO_EX:
        case SMB2_FILE_LINK_INFO:
        case SMB2_FILE_LINK_INFO_EX:
            wire_touch(s.rename.name);
            break;
        case SMB2_FILE_SHORT_NAME_INFO:
            wire_touch(s.short_name);
            break;
        case SMB2_FILE_FULL_EA_INFO:
            wire_touch(s.eas);
            break;
        }
    }
    return err;
}

static const struct {
    uint8_t info_class;
    uint16_t min;
    const char *hex;
} sets[] = {
    {SMB2_FILE_BASIC_INFO, 40,
     "0000000000000000 ffffffffffffffff feffffffffffffff "
     "1400000000000000 20000000 00000000"},
    {SMB2_FILE_RENAME_INFO, 20, "01000000 00000000 0000000000000000 04000000 61006200"},
    {SMB2_FILE_LINK_INFO, 20, "00000000 00000000 0000000000000000 04000000 61006200"},
    {SMB2_FILE_RENAME_INFO_EX, 20, "43000000 00000000 0000000000000000 04000000 61006200"},
    {SMB2_FILE_LINK_INFO_EX, 20, "02000000 00000000 0000000000000000 04000000 61006200"},
    {SMB2_FILE_DISPOSITION_INFO, 1, "01"},
    {SMB2_FILE_POSITION_INFO, 8, "1000000000000000"},
    {SMB2_FILE_FULL_EA_INFO, 8, "00000000 00 02 0100 4541 00 76"},
    {SMB2_FILE_MODE_INFO, 4, "02000000"},
    {SMB2_FILE_ALLOCATION_INFO, 8, "0010000000000000"},
    {SMB2_FILE_END_OF_FILE_INFO, 8, "0020000000000000"},
    {SMB2_FILE_PIPE_INFO, 8, "01000000 01000000"},
    {SMB2_FILE_VALID_DATA_LENGTH_INFO, 8, "0030000000000000"},
    {SMB2_FILE_SHORT_NAME_INFO, 4, "04000000 41004200"},
    {SMB2_FILE_DISPOSITION_INFO_EX, 4, "13000000"},
};

static void test_set(void)
{
    unsigned known = 0;
    for (unsigned i = 0; i < 256; i++) {
        known += fscc_set_is_known((uint8_t)i, NULL);
    }
    CHECK_INT(known, ARRAY_LEN(sets));
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        uint8_t raw[128];
        size_t len = test_hex(raw, sizeof(raw), sets[i].hex);
        uint16_t min = 0;
        test_context("set class %u", sets[i].info_class);
        CHECK(fscc_set_is_known(sets[i].info_class, &min));
        CHECK_INT(min, sets[i].min);
        struct fscc_set s;
        CHECK_INT(fscc_set_parse((struct wire_slice){.p = raw, .len = len}, sets[i].info_class, &s),
                  WIRE_OK);
        CHECK_INT(fscc_set_parse((struct wire_slice){.p = raw, .len = (size_t)min - 1},
                                 sets[i].info_class, &s),
                  WIRE_SHORT);
        CHECK_INT(fscc_set_parse((struct wire_slice){.p = raw, .len = len}, sets[i].info_class, &s),
                  WIRE_OK);
        struct wr w = wr_new(256);
        fscc_set_format(&w, &s);
        CHECK_MEM(w.base, w.len, raw, len);
        wr_fini(&w);
        probe_class = sets[i].info_class;
        wire_sweep("set", WIRE_BYTES(raw, len), 0, min, set_probe);
    }
}

static struct fscc_set set_of(size_t i)
{
    static uint8_t raw[128]; /* what the slices point to */
    size_t len = test_hex(raw, sizeof(raw), sets[i].hex);
    struct fscc_set s;
    CHECK_INT(fscc_set_parse((struct wire_slice){.p = raw, .len = len}, sets[i].info_class, &s),
              WIRE_OK);
    return s;
}

static void test_set_fields(void)
{
    struct fscc_set s = set_of(0);
    CHECK(s.basic.create_time == FSCC_TIME_KEEP);
    CHECK(s.basic.access_time == FSCC_TIME_FREEZE);
    CHECK(s.basic.write_time == FSCC_TIME_THAW);
    CHECK_INT(s.basic.change_time, 0x14);
    CHECK_INT(s.basic.attributes, 0x20);
    s = set_of(1);
    CHECK(s.rename.replace_if_exists);
    CHECK_SLICE(s.rename.name, "a\0b\0");
    s = set_of(2);
    CHECK(!s.rename.replace_if_exists);
    s = set_of(3);
    CHECK(s.rename.replace_if_exists);
    CHECK_INT(s.rename.flags, SMB2_FILE_RENAME_REPLACE_IF_EXISTS |
                                  SMB2_FILE_RENAME_POSIX_SEMANTICS |
                                  SMB2_FILE_RENAME_IGNORE_READONLY_ATTRIBUTE);
    CHECK_INT(set_of(5).disposition, 1);
    CHECK_INT(set_of(9).allocation_size, 0x1000);
    CHECK_INT(set_of(10).end_of_file, 0x2000);
    CHECK_INT(set_of(14).disposition, 0x13);
}

static void test_set_errors(void)
{
    static const struct {
        const char *name;
        uint8_t info_class;
        const char *hex;
        enum wire_err want;
    } rows[] = {
        {"unknown", SMB2_FILE_STANDARD_INFO, "00", WIRE_VALUE},
        {"rename to nothing", SMB2_FILE_RENAME_INFO,
         "00000000 00000000 0000000000000000 00000000 00000000", WIRE_VALUE},
        {"odd name", SMB2_FILE_RENAME_INFO, "00000000 00000000 0000000000000000 03000000 61006200",
         WIRE_VALUE},
        {"name too long", SMB2_FILE_RENAME_INFO,
         "00000000 00000000 0000000000000000 06000000 61006200", WIRE_RANGE},
        {"huge name", SMB2_FILE_RENAME_INFO, "00000000 00000000 0000000000000000 feffffff 61006200",
         WIRE_RANGE},
        {"name with bytes behind", SMB2_FILE_RENAME_INFO,
         "00000000 00000000 0000000000000000 02000000 61000000", WIRE_OK},
        {"empty disposition", SMB2_FILE_DISPOSITION_INFO, "", WIRE_SHORT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t raw[64];
        size_t len = test_hex(raw, sizeof(raw), rows[i].hex);
        struct fscc_set s;
        test_context("%s", rows[i].name);
        CHECK_INT(fscc_set_parse((struct wire_slice){.p = raw, .len = len}, rows[i].info_class, &s),
                  rows[i].want);
    }
}

static enum wire_err quota_probe(struct cur *c)
{
    struct smb2_query_quota q;
    enum wire_err err = smb2_query_quota_parse(wire_rest(c), &q);
    struct chain ch = fscc_get_quota_list(q.sids);
    struct wire_slice sid;
    while (fscc_get_quota_next(&ch, &sid)) {
        wire_touch(sid);
    }
    wire_touch(q.start_sid);
    return err;
}

static enum wire_err quota_list_probe(struct cur *c)
{
    struct chain ch = fscc_quota_list(wire_rest(c));
    struct fscc_quota q;
    while (fscc_quota_next(&ch, &q)) {
        wire_touch(q.sid);
    }
    return ch.err;
}

static void test_quota(void)
{
    uint8_t raw[128];
    size_t len = test_hex(raw, sizeof(raw),
                          "01 01 0000 14000000 08000000 14000000 "
                          "00000000 0c000000 0101000000000005 12000000 0100000000000001");
    struct smb2_query_quota q;
    CHECK_INT(smb2_query_quota_parse((struct wire_slice){.p = raw, .len = len}, &q), WIRE_OK);
    CHECK(q.return_single && q.restart_scan);
    CHECK_INT(q.start_sid.len, 8);
    struct chain ch = fscc_get_quota_list(q.sids);
    struct wire_slice sid;
    REQUIRE(fscc_get_quota_next(&ch, &sid));
    CHECK_INT(sid.len, 12);
    CHECK(!fscc_get_quota_next(&ch, &sid));
    CHECK_INT(ch.err, WIRE_OK);
    wire_sweep("query quota", WIRE_BYTES(raw, len), 0, len, quota_probe);

    struct wr w = wr_new(256);
    struct chain_wr cw = chain_wr_init(&w, 8);
    const struct fscc_quota one = {
        .change_time = 1, .used = 2, .threshold = -1, .limit = -2, .sid = {raw + 24, 12}};
    fscc_quota_format(&cw, &one);
    fscc_quota_format(&cw, &one);
    struct fscc_quota back;
    ch = fscc_quota_list((struct wire_slice){.p = w.base, .len = w.len});
    REQUIRE(fscc_quota_next(&ch, &back));
    REQUIRE(fscc_quota_next(&ch, &back));
    CHECK_INT(back.limit, -2);
    CHECK_INT(back.sid.len, 12);
    CHECK(!fscc_quota_next(&ch, &back));
    CHECK_INT(w.len, 56 + 52);
    wire_sweep("quota list", WIRE_BYTES(w.base, w.len), 0, 0, quota_list_probe);
    wr_fini(&w);
}

static const struct test_case cases[] = {
    {"query classes, golden", test_query},
    {"query with nothing known", test_query_nothing},
    {"query answers read back", test_query_parse},
    {"streams read back", test_streams},
    {"set classes, both ways", test_set},
    {"set fields", test_set_fields},
    {"set errors", test_set_errors},
    {"quotas", test_quota},
};
TEST_MAIN(cases)
