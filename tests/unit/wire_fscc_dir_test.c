/* SPDX-License-Identifier: Apache-2.0 */
/* Directory entries and volume classes. */
#include "wire/fscc_dir.h"
#include "wire/fscc_fs.h"
#include "wire_util.h"

static const struct fscc_dir_entry sample = {
    .file_index = 1,
    .create_time = 2,
    .access_time = 3,
    .write_time = 4,
    .change_time = 5,
    .end_of_file = 6,
    .allocation_size = 7,
    .attributes = 0x20,
    .ea_size = 8,
    .reparse_tag = 9,
    .file_id = 10,
    .file_id_128 = {11},
    .name = "ab",
    .short_name = "A~1",
};

#define HEAD                                                                                       \
    "00000000 01000000 0200000000000000 0300000000000000 0400000000000000 0500000000000000 "       \
    "0600000000000000 0700000000000000 20000000 04000000 "
#define SHORT "06 00 41007e003100 000000000000000000000000000000000000 "
#define ID "0a00000000000000 "
#define ID128 "0b000000000000000000000000000000 "
#define NAME "61006200"

static const struct {
    uint8_t info_class;
    uint16_t min;
    const char *hex;
} rows[] = {
    {SMB2_FILE_DIRECTORY_INFO, 64, HEAD NAME},
    {SMB2_FILE_FULL_DIRECTORY_INFO, 68, HEAD "08000000 " NAME},
    {SMB2_FILE_BOTH_DIRECTORY_INFO, 94, HEAD "08000000 " SHORT NAME},
    {SMB2_FILE_NAMES_INFO, 12, "00000000 01000000 04000000 " NAME},
    {SMB2_FILE_ID_BOTH_DIRECTORY_INFO, 104, HEAD "08000000 " SHORT "0000 " ID NAME},
    {SMB2_FILE_ID_FULL_DIRECTORY_INFO, 80, HEAD "08000000 00000000 " ID NAME},
    {SMB2_FILE_ID_EXTD_DIRECTORY_INFO, 88, HEAD "08000000 09000000 " ID128 NAME},
    {SMB2_FILE_ID_EXTD_BOTH_DIRECTORY_INFO, 114, HEAD "08000000 09000000 " ID128 SHORT NAME},
    {SMB2_FILE_ID_64_EXTD_DIRECTORY_INFO, 80, HEAD "08000000 09000000 " ID NAME},
    {SMB2_FILE_ID_64_EXTD_BOTH_DIRECTORY_INFO, 106, HEAD "08000000 09000000 " ID SHORT NAME},
    {SMB2_FILE_ID_ALL_EXTD_DIRECTORY_INFO, 96, HEAD "08000000 09000000 " ID ID128 NAME},
    {SMB2_FILE_ID_ALL_EXTD_BOTH_DIRECTORY_INFO, 122, HEAD "08000000 09000000 " ID ID128 SHORT NAME},
};

static uint8_t probe_class;

static enum wire_err dir_probe(struct cur *c)
{
    if (cur_left(c) == 0) {
        return WIRE_SHORT; /* an empty list is no error, but no entry either */
    }
    struct chain ch = chain_init(wire_rest(c), 8, 100);
    struct cur e;
    while (chain_next(&ch, &e)) {
        struct fscc_dir_raw r;
        enum wire_err err = fscc_dir_entry_parse(&e, probe_class, &r);
        wire_touch(r.name);
        wire_touch(r.short_name);
        if (err != WIRE_OK) {
            return err;
        }
    }
    return ch.err;
}

static void test_golden(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("%s", fscc_dir_class_name(rows[i].info_class));
        CHECK_INT(fscc_dir_min_size(rows[i].info_class), rows[i].min);
        struct wr w = wr_new(4096);
        struct fscc_dir_writer dw;
        CHECK_INT(fscc_dir_writer_init(&dw, &w, rows[i].info_class, 4096), WIRE_OK);
        CHECK(fscc_dir_entry_format(&dw, &sample));
        uint8_t want[256];
        CHECK_MEM(w.base, w.len, want, test_hex(want, sizeof(want), rows[i].hex));
        CHECK_INT(w.len, rows[i].min + 4);
        probe_class = rows[i].info_class;
        wire_sweep("dir entry", WIRE_BYTES(w.base, w.len), 0, w.len, dir_probe);
        wr_fini(&w);
    }
}

static void test_known(void)
{
    unsigned known = 0;
    for (unsigned i = 0; i < 256; i++) {
        struct wr w = wr_new(16);
        struct fscc_dir_writer dw;
        bool is_known = fscc_dir_min_size((uint8_t)i) != 0;
        CHECK_INT(fscc_dir_writer_init(&dw, &w, (uint8_t)i, 16), is_known ? WIRE_OK : WIRE_VALUE);
        CHECK_INT(fscc_dir_class_name((uint8_t)i) != NULL, is_known);
        known += is_known;
        wr_fini(&w);
    }
    CHECK_INT(known, ARRAY_LEN(rows));
}

/* The second entry starts 8-byte aligned; the first one's distance leads there; padding belongs to
 * the second. */
static void test_chaining(void)
{
    for (size_t limit = 0; limit < 60; limit++) {
        struct wr w = wr_new(4096);
        wr_u16(&w, 0xffff); /* alignment counts from the list's start */
        struct fscc_dir_writer dw;
        CHECK_INT(fscc_dir_writer_init(&dw, &w, SMB2_FILE_NAMES_INFO, limit), WIRE_OK);
        struct fscc_dir_entry e = sample;
        e.name = "abc"; /* 12 + 6 = 18, next at 24 */
        test_context("limit %zu", limit);
        CHECK_INT(fscc_dir_entry_format(&dw, &e), limit >= 18);
        CHECK_INT(fscc_dir_entry_format(&dw, &e), limit >= 42);
        CHECK_INT(dw.count, limit >= 42 ? 2 : limit >= 18);
        CHECK_INT(w.len - 2, limit >= 42 ? 42 : limit >= 18 ? 18 : 0);
        if (limit >= 18) {
            CHECK_INT(w.base[2], limit >= 42 ? 24 : 0);
        }
        wr_fini(&w);
    }
}

/* Classes without a field for it carry the tag where the EA size would be. */
static void test_reparse(void)
{
    struct fscc_dir_entry e = sample;
    e.attributes = 0x400;
    e.reparse_tag = SMB2_IO_REPARSE_TAG_SYMLINK;
    struct wr w = wr_new(4096);
    struct fscc_dir_writer dw;
    CHECK_INT(fscc_dir_writer_init(&dw, &w, SMB2_FILE_ID_BOTH_DIRECTORY_INFO, 4096), WIRE_OK);
    CHECK(fscc_dir_entry_format(&dw, &e));
    CHECK_MEM(w.base + 64, 4, "\x0c\0\0\xa0", 4);
    wr_fini(&w);
    w = wr_new(4096);
    CHECK_INT(fscc_dir_writer_init(&dw, &w, SMB2_FILE_ID_EXTD_DIRECTORY_INFO, 4096), WIRE_OK);
    CHECK(fscc_dir_entry_format(&dw, &e));
    CHECK_MEM(w.base + 64, 8, "\x08\0\0\0\x0c\0\0\xa0", 8);
    wr_fini(&w);
}

static void test_short_names(void)
{
    static const struct {
        const char *name;
        unsigned len;
    } cases[] = {{NULL, 0}, {"", 0}, {"ABCDEF~1.TXT", 24}, {"ABCDEFG~1.TXT", 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fscc_dir_entry e = sample;
        e.short_name = cases[i].name;
        struct wr w = wr_new(4096);
        struct fscc_dir_writer dw;
        CHECK_INT(fscc_dir_writer_init(&dw, &w, SMB2_FILE_BOTH_DIRECTORY_INFO, 4096), WIRE_OK);
        CHECK(fscc_dir_entry_format(&dw, &e));
        CHECK_INT(w.base[68], cases[i].len);
        CHECK_INT(w.len, 98);
        wr_fini(&w);
    }
}

static void test_read_back(void)
{
    uint8_t raw[256];
    size_t len = test_hex(raw, sizeof(raw), rows[11].hex);
    struct chain ch = chain_init((struct wire_slice){.p = raw, .len = len}, 8, 10);
    struct cur e;
    struct fscc_dir_raw r;
    REQUIRE(chain_next(&ch, &e));
    CHECK_INT(fscc_dir_entry_parse(&e, rows[11].info_class, &r), WIRE_OK);
    CHECK_INT(r.entry.allocation_size, 7);
    CHECK_INT(r.entry.ea_size, 8);
    CHECK_INT(r.entry.reparse_tag, 9);
    CHECK_INT(r.entry.file_id, 10);
    CHECK_INT(r.entry.file_id_128[0], 11);
    CHECK_SLICE(r.name, "a\0b\0");
    CHECK_SLICE(r.short_name, "A\0~\0001\0");
}

static const struct fscc_fs_info volume = {
    .create_time = 1,
    .serial = 0x12345678,
    .label = "vol",
    .total_units = 100,
    .available_units = 50,
    .free_units = 60,
    .sectors_per_unit = 8,
    .bytes_per_sector = 512,
    .device_type = SMB2_FILE_DEVICE_DISK,
    .device_characteristics = SMB2_FILE_DEVICE_IS_MOUNTED,
    .attributes = SMB2_FS_CASE_PRESERVED_NAMES | SMB2_FS_UNICODE_ON_DISK,
    .component_max = 255,
    .fs_name = "NTFS",
    .control = {.default_quota_limit = 9, .flags = 3},
    .object_id = {.object_id = {1}, .extended_info = {2}},
    .physical_sector_performance = 4096,
    .sector_flags = 3,
};

static const struct {
    uint8_t info_class;
    uint16_t min;
    const char *hex;
} fs_rows[] = {
    {SMB2_FS_VOLUME_INFO, 24, "0100000000000000 78563412 06000000 00 00 76006f006c00"},
    {SMB2_FS_SIZE_INFO, 24, "6400000000000000 3200000000000000 08000000 00020000"},
    {SMB2_FS_DEVICE_INFO, 8, "07000000 20000000"},
    {SMB2_FS_ATTRIBUTE_INFO, 16, "06000000 ff000000 08000000 4e00540046005300"},
    {SMB2_FS_CONTROL_INFO, 48,
     "0000000000000000 0000000000000000 0000000000000000 0000000000000000 0900000000000000 "
     "03000000 00000000"},
    {SMB2_FS_FULL_SIZE_INFO, 32,
     "6400000000000000 3200000000000000 3c00000000000000 08000000 00020000"},
    {SMB2_FS_OBJECT_ID_INFO, 64,
     "01000000000000000000000000000000 02000000000000000000000000000000 "
     "00000000000000000000000000000000 00000000000000000000000000000000"},
    {SMB2_FS_SECTOR_SIZE_INFO, 28,
     "00020000 00020000 00100000 00020000 03000000 00000000 00000000"},
};

static enum wire_err fs_probe(struct cur *c)
{
    struct fscc_fs_info info;
    struct wire_slice name;
    enum wire_err err = fscc_fs_query_parse(wire_rest(c), probe_class, &info, &name);
    wire_touch(name);
    return err;
}

static void test_volume(void)
{
    unsigned known = 0;
    for (unsigned i = 0; i < 256; i++) {
        known += fscc_fs_query_min_size((uint8_t)i) != 0;
    }
    CHECK_INT(known, ARRAY_LEN(fs_rows));
    for (size_t i = 0; i < ARRAY_LEN(fs_rows); i++) {
        const struct fscc_fs_class *row = fscc_fs_class_get(fs_rows[i].info_class);
        REQUIRE(row);
        test_context("%s", row->name);
        CHECK_INT(row->size_min, fs_rows[i].min);
        struct wr w = wr_new(256);
        CHECK_INT(fscc_fs_query_format(&w, fs_rows[i].info_class, &volume), WIRE_OK);
        uint8_t want[128];
        CHECK_MEM(w.base, w.len, want, test_hex(want, sizeof(want), fs_rows[i].hex));
        CHECK(row->is_variable || w.len == row->size_min);
        probe_class = fs_rows[i].info_class;
        wire_sweep("volume", WIRE_BYTES(w.base, w.len), 0, w.len, fs_probe);
        wr_fini(&w);
    }
    struct wr w = wr_new(256);
    CHECK_INT(fscc_fs_query_format(&w, SMB2_FS_LABEL_INFO, &volume), WIRE_VALUE);
    wr_fini(&w);
}

static enum wire_err fs_set_probe(struct cur *c)
{
    struct fscc_fs_set s;
    enum wire_err err = fscc_fs_set_parse(wire_rest(c), probe_class, &s);
    if (err == WIRE_OK && probe_class == SMB2_FS_LABEL_INFO) {
        wire_touch(s.label);
    }
    return err;
}

static void test_volume_set(void)
{
    static const struct {
        uint8_t info_class;
        uint16_t min;
        const char *hex;
    } sets[] = {
        {SMB2_FS_LABEL_INFO, 4, "04000000 61006200"},
        {SMB2_FS_CONTROL_INFO, 48,
         "0100000000000000 0200000000000000 0300000000000000 0400000000000000 0500000000000000 "
         "06000000 00000000"},
        {SMB2_FS_OBJECT_ID_INFO, 64,
         "01000000000000000000000000000000 02000000000000000000000000000000 "
         "00000000000000000000000000000000 00000000000000000000000000000000"},
    };
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        uint8_t raw[128];
        size_t len = test_hex(raw, sizeof(raw), sets[i].hex);
        uint16_t min = 0;
        test_context("set class %u", sets[i].info_class);
        CHECK(fscc_fs_set_is_known(sets[i].info_class, &min));
        CHECK_INT(min, sets[i].min);
        struct fscc_fs_set s;
        CHECK_INT(
            fscc_fs_set_parse((struct wire_slice){.p = raw, .len = len}, sets[i].info_class, &s),
            WIRE_OK);
        switch (i) {
        case 0:
            CHECK_SLICE(s.label, "a\0b\0");
            break;
        case 1:
            CHECK_INT(s.control.free_space_start_filtering, 1);
            CHECK_INT(s.control.default_quota_limit, 5);
            CHECK_INT(s.control.flags, 6);
            break;
        default:
            CHECK_INT(s.object_id.extended_info[0], 2);
        }
        probe_class = sets[i].info_class;
        wire_sweep("volume set", WIRE_BYTES(raw, len), 0, min, fs_set_probe);
    }
    CHECK(!fscc_fs_set_is_known(SMB2_FS_SIZE_INFO, NULL));
    struct fscc_fs_set s;
    CHECK_INT(fscc_fs_set_parse(SLICE("x"), SMB2_FS_SIZE_INFO, &s), WIRE_VALUE);
    /* An empty label is a label. */
    CHECK_INT(fscc_fs_set_parse(SLICE("\0\0\0\0"), SMB2_FS_LABEL_INFO, &s), WIRE_OK);
    CHECK_INT(fscc_fs_set_parse(SLICE("\1\0\0\0a"), SMB2_FS_LABEL_INFO, &s), WIRE_VALUE);
    CHECK_INT(fscc_fs_set_parse(SLICE("\2\0\0\0a"), SMB2_FS_LABEL_INFO, &s), WIRE_RANGE);
}

static const struct test_case cases[] = {
    {"entries, golden", test_golden},       {"known classes", test_known},
    {"chaining and limits", test_chaining}, {"reparse tag", test_reparse},
    {"short names", test_short_names},      {"read back", test_read_back},
    {"volume classes", test_volume},        {"volume set", test_volume_set},
};
TEST_MAIN(cases)
