/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/fsctl.h"
#include "wire_util.h"

#define CHECK_OUT(w, hex)                                                                          \
    do {                                                                                           \
        uint8_t want_[1024];                                                                       \
        CHECK(wr_ok(w));                                                                           \
        CHECK_MEM((w)->base, (w)->len, want_, test_hex(want_, sizeof(want_), hex));                \
        wr_fini(w);                                                                                \
    } while (0)

#define PROBE(name, type, call, ...)                                                               \
    static enum wire_err name##_probe(struct cur *c)                                               \
    {                                                                                              \
        type r;                                                                                    \
        memset(&r, 0, sizeof(r));                                                                  \
        struct wire_slice in = wire_rest(c);                                                       \
        enum wire_err err = call;                                                                  \
        const struct wire_slice slices[] = {__VA_ARGS__};                                          \
        for (size_t i = 0; i < ARRAY_LEN(slices); i++) {                                           \
            wire_touch(slices[i]);                                                                 \
        }                                                                                          \
        return err;                                                                                \
    }
#define NONE ((struct wire_slice){0})
PROBE(validate, struct fsctl_validate_negotiate_req, fsctl_validate_negotiate_req_parse(in, &r),
      NONE)
PROBE(validate_rsp, struct fsctl_validate_negotiate_rsp, fsctl_validate_negotiate_rsp_parse(in, &r),
      NONE)
PROBE(pipe_wait, struct fsctl_pipe_wait, fsctl_pipe_wait_parse(in, &r), r.name)
PROBE(copychunk, struct fsctl_copychunk_req, fsctl_copychunk_req_parse(in, &r), NONE)
PROBE(copychunk_rsp, struct fsctl_copychunk_rsp, fsctl_copychunk_rsp_parse(in, &r), NONE)
PROBE(resiliency, struct fsctl_resiliency, fsctl_resiliency_parse(in, &r), NONE)
PROBE(offload_read, struct fsctl_offload_read_req, fsctl_offload_read_req_parse(in, &r), NONE)
PROBE(offload_write, struct fsctl_offload_write_req, fsctl_offload_write_req_parse(in, &r), NONE)
PROBE(zero_data, struct fsctl_zero_data, fsctl_zero_data_parse(in, &r), NONE)
PROBE(range, struct fsctl_range, fsctl_range_parse(in, &r), NONE)
PROBE(trim, struct fsctl_trim, fsctl_trim_parse(in, &r), NONE)
PROBE(dup, struct fsctl_duplicate_extents, fsctl_duplicate_extents_parse(in, false, &r), NONE)
PROBE(dup_ex, struct fsctl_duplicate_extents, fsctl_duplicate_extents_parse(in, true, &r), NONE)
PROBE(compression, uint16_t, fsctl_compression_parse(in, &r), NONE)
PROBE(integrity, struct fsctl_integrity, fsctl_integrity_parse(in, &r), NONE)
PROBE(object_id, struct fsctl_object_id, fsctl_object_id_parse(in, &r), NONE)
PROBE(reparse, struct fsctl_reparse, fsctl_reparse_parse(in, &r), r.data)
PROBE(symlink, struct fsctl_symlink, fsctl_symlink_parse(in, &r), r.substitute_name, r.print_name)
PROBE(sparse, bool, fsctl_set_sparse_parse(in, &r), NONE)
PROBE(resume_key, struct fsctl_copychunk_req, fsctl_resume_key_parse(in, r.source_key), NONE)
PROBE(regions, struct fsctl_file_regions_req, fsctl_file_regions_req_parse(in, &r), NONE)

#define GUID "000102030405060708090a0b0c0d0e0f "
#define KEY "000102030405060708090a0b0c0d0e0f1011121314151617 "

/* min_ok: the shortest prefix that may parse. */
static void test_sweeps(void)
{
    static const struct {
        const char *name;
        const char *hex;
        wire_probe probe;
        size_t min_ok;
    } rows[] = {
        {"validate negotiate", "7f000000 " GUID "0100 0200 0202 1003", validate_probe, 28},
        {"validate negotiate response", "7f000000 " GUID "0100 0203", validate_rsp_probe, 24},
        {"pipe wait", "1000000000000000 06000000 01 00 610062006300", pipe_wait_probe, 20},
        {"copychunk", KEY "01000000 00000000 0000000000000000 0000100000000000 00000100 00000000",
         copychunk_probe, 56},
        {"copychunk response", "01000000 00000000 00000100", copychunk_rsp_probe, 12},
        {"resume key", KEY "00000000 00000000", resume_key_probe, 24},
        {"resiliency", "e8030000 00000000", resiliency_probe, 8},
        {"zero data", "0010000000000000 0020000000000000", zero_data_probe, 16},
        {"offload read", "20000000 00000000 e8030000 00000000 0010000000000000 0020000000000000",
         offload_read_probe, 32},
        {"range", "0010000000000000 0020000000000000", range_probe, 16},
        {"trim", "00000000 01000000 0010000000000000 0020000000000000", trim_probe, 24},
        {"duplicate extents",
         "0100000000000000 0200000000000000 0000000000000000 0010000000000000 0010000000000000",
         dup_probe, 40},
        {"duplicate extents ex",
         "3000000000000000 0100000000000000 0200000000000000 0000000000000000 0010000000000000 "
         "0010000000000000 01000000 00000000",
         dup_ex_probe, 56},
        {"compression", "0100", compression_probe, 2},
        {"integrity", "0200 0000 01000000", integrity_probe, 8},
        {"object id", GUID GUID GUID GUID, object_id_probe, 64},
        {"reparse", "0c0000a0 0400 0000 deadbeef", reparse_probe, 12},
        {"reparse with GUID", "0c000020 0400 0000 " GUID "deadbeef", reparse_probe, 28},
        {"symlink", "0000 0400 0400 0200 01000000 61006200 6300", symlink_probe, 18},
        {"sparse", "01", sparse_probe, 0},
        {"regions", "0000000000000000 0010000000000000 01000000 00000000", regions_probe, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t raw[512];
        size_t len = test_hex(raw, sizeof(raw), rows[i].hex);
        wire_sweep(rows[i].name, WIRE_BYTES(raw, len), 0, rows[i].min_ok, rows[i].probe);
    }
}

static void test_validate(void)
{
    const struct fsctl_validate_negotiate_req req = {.capabilities = 0x7f,
                                                     .guid = {1},
                                                     .security_mode = 1,
                                                     .dialect_count = 2,
                                                     .dialects = {0x0202, 0x0302}};
    struct wr w = wr_new(256);
    fsctl_validate_negotiate_req_format(&w, &req);
    struct fsctl_validate_negotiate_req back;
    struct wire_slice in = {.p = w.base, .len = w.len};
    CHECK_INT(fsctl_validate_negotiate_req_parse(in, &back), WIRE_OK);
    CHECK_INT(back.dialects[1], 0x0302);
    CHECK_INT(back.security_mode, 1);
    CHECK_OUT(&w, "7f000000 01000000000000000000000000000000 0100 0200 0202 0203");
    w = wr_new(256);
    const struct fsctl_validate_negotiate_rsp rsp = {
        .capabilities = 0x2f, .guid = {2}, .security_mode = 3, .dialect = 0x0302};
    fsctl_validate_negotiate_rsp_format(&w, &rsp);
    CHECK_INT(w.len, FSCTL_VALIDATE_NEGOTIATE_RSP_SIZE);
    CHECK_OUT(&w, "2f000000 02000000000000000000000000000000 0300 0203");
    for (unsigned n = 0; n <= FSCTL_VALIDATE_DIALECTS_MAX + 1; n++) {
        w = wr_new(1024);
        wr_zero(&w, 22);
        wr_u16(&w, (uint16_t)n);
        wr_zero(&w, 2 * n);
        bool good = n > 0 && n <= FSCTL_VALIDATE_DIALECTS_MAX;
        CHECK_INT(wire_probe_copy(w.base, w.len, 0, validate_probe), good ? WIRE_OK : WIRE_COUNT);
        wr_fini(&w);
    }
}

static void test_copychunk(void)
{
    static struct fsctl_copychunk_req req, back;
    req.count = 2;
    req.source_key[0] = 0xaa;
    req.chunks[1] = (struct fsctl_copychunk){.source_offset = 1, .target_offset = 2, .length = 3};
    struct wr w = wr_new(256);
    fsctl_copychunk_req_format(&w, &req);
    CHECK_INT(w.len, 32 + 48);
    CHECK_INT(fsctl_copychunk_req_parse((struct wire_slice){.p = w.base, .len = w.len}, &back),
              WIRE_OK);
    CHECK_INT(back.count, 2);
    CHECK_INT(back.source_key[0], 0xaa);
    CHECK_INT(back.chunks[1].length, 3);
    wr_fini(&w);
    for (uint32_t n = FSCTL_COPYCHUNKS_MAX - 1; n <= FSCTL_COPYCHUNKS_MAX + 1; n++) {
        w = wr_new(16384);
        wr_zero(&w, 24);
        wr_u32(&w, n);
        wr_zero(&w, 4 + 24 * (size_t)n);
        CHECK_INT(fsctl_copychunk_req_parse((struct wire_slice){.p = w.base, .len = w.len}, &back),
                  WIRE_OK);
        CHECK_INT(back.count_asked, n);
        CHECK_INT(back.count, n <= FSCTL_COPYCHUNKS_MAX ? n : 0);
        wr_fini(&w);
    }
    w = wr_new(64);
    fsctl_copychunk_rsp_format(&w, &(struct fsctl_copychunk_rsp){1, 2, 3});
    CHECK_OUT(&w, "01000000 02000000 03000000");
    w = wr_new(64);
    fsctl_resume_key_format(&w, req.source_key);
    CHECK_OUT(&w, "aa0000000000000000000000000000000000000000000000 00000000 00000000");
}

static void test_netifs(void)
{
    const struct fsctl_netif list[] = {
        {.if_index = 1, .capability = 1, .link_speed_bps = 10000000000, .address = {192, 0, 2, 1}},
        {.if_index = 2, .is_ipv6 = true, .address = {0x20, 1, 0xd, 0xb8}, .scope_id = 7},
    };
    struct wr w = wr_new(1024);
    fsctl_netifs_format(&w, list, 2);
    CHECK_INT(w.len, 2 * FSCTL_NETIF_SIZE);
    uint8_t want[512] = {0};
    test_hex(want, 40, "98000000 01000000 01000000 00000000 00e40b5402000000 0200 0000 c0000201");
    test_hex(want + 152, 60,
             "00000000 02000000 00000000 00000000 0000000000000000 1700 0000 "
             "00000000 20010db8000000000000000000000000 07000000");
    CHECK_MEM(w.base, w.len, want, 304);
    wr_fini(&w);
}

static void test_snapshots(void)
{
    static const char *const labels[] = {"@a", "@b"};
    static const size_t size = 14; /* two labels of 3 characters, and the last NUL */
    for (size_t max = 16; max < 40; max++) {
        struct wr w = wr_new(256);
        fsctl_snapshots_format(&w, labels, 2, max);
        test_context("max %zu", max);
        if (max >= 12 + size) {
            CHECK_OUT(&w, "02000000 02000000 0e000000 40006100 0000 40006200 0000 0000");
        } else {
            CHECK_OUT(&w, "02000000 00000000 0e000000 00000000");
        }
    }
    struct wr w = wr_new(256);
    fsctl_snapshots_format(&w, NULL, 0, 64);
    CHECK_OUT(&w, "00000000 00000000 02000000 0000");
}

static void test_files(void)
{
    struct wr w = wr_new(256);
    fsctl_range_format(&w, &(struct fsctl_range){4096, 8192});
    CHECK_OUT(&w, "0010000000000000 0020000000000000");
    w = wr_new(256);
    fsctl_trim_rsp_format(&w, 3);
    CHECK_OUT(&w, "03000000");
    w = wr_new(256);
    fsctl_compression_format(&w, 2);
    CHECK_OUT(&w, "0200");
    w = wr_new(256);
    fsctl_integrity_format(&w, &(struct fsctl_integrity){2, 1, 65536, 4096});
    CHECK_OUT(&w, "0200 0000 01000000 00000100 00100000");
    w = wr_new(256);
    fsctl_object_id_format(&w, &(struct fsctl_object_id){{1}, {2}, {3}, {4}});
    CHECK_INT(w.len, FSCTL_OBJECT_ID_SIZE);
    CHECK_INT(w.base[16], 2);
    wr_fini(&w);
    w = wr_new(256);
    fsctl_ntfs_volume_data_format(&w, &(struct fsctl_ntfs_volume_data){1, 2, 3, 4, 512, 4096});
    CHECK_INT(w.len, 96);
    CHECK_INT(w.base[41], 2);
    CHECK_INT(w.base[45], 0x10);
    wr_fini(&w);
    w = wr_new(256);
    fsctl_file_regions_format(&w, &(struct fsctl_range){0, 4096}, 1, 2, 1);
    CHECK_OUT(&w, "00000000 02000000 01000000 00000000 0000000000000000 0010000000000000 01000000 "
                  "00000000");
    w = wr_new(256);
    const struct fsctl_pipe_peek peek = {.state = 3,
                                         .read_data_available = 5,
                                         .message_count = 1,
                                         .message_length = 5,
                                         .data = SLICE("hello")};
    fsctl_pipe_peek_format(&w, &peek);
    CHECK_OUT(&w, "03000000 05000000 01000000 05000000 68656c6c6f");
}

static void test_fields(void)
{
    bool sparse = false;
    CHECK_INT(fsctl_set_sparse_parse((struct wire_slice){0}, &sparse), WIRE_OK);
    CHECK(sparse);
    CHECK_INT(fsctl_set_sparse_parse(SLICE("\0"), &sparse), WIRE_OK);
    CHECK(!sparse);
    struct fsctl_file_regions_req regions;
    CHECK_INT(fsctl_file_regions_req_parse((struct wire_slice){0}, &regions), WIRE_OK);
    CHECK(regions.is_empty);
    uint8_t raw[128];
    size_t len = test_hex(raw, sizeof(raw), "ffffffffffffffff fefffffffffffffF");
    struct fsctl_range range;
    CHECK_INT(fsctl_range_parse((struct wire_slice){.p = raw, .len = len}, &range), WIRE_OK);
    CHECK_INT(range.offset, -1);
    CHECK_INT(range.length, -2);
    len = test_hex(raw, sizeof(raw), "1000000000000000 06000000 01 00 610062006300");
    struct fsctl_pipe_wait wait;
    CHECK_INT(fsctl_pipe_wait_parse((struct wire_slice){.p = raw, .len = len}, &wait), WIRE_OK);
    CHECK_INT(wait.timeout_100ns, 16);
    CHECK(wait.has_timeout);
    CHECK_SLICE(wait.name, "a\0b\0c\0");
    len = test_hex(raw, sizeof(raw),
                   "3100000000000000 0100000000000000 0200000000000000 0000000000000000 "
                   "0010000000000000 0010000000000000 01000000 00000000");
    struct fsctl_duplicate_extents dup;
    struct wire_slice in = {.p = raw, .len = len};
    CHECK_INT(fsctl_duplicate_extents_parse(in, true, &dup), WIRE_SIZE);
    raw[0] = 0x30;
    CHECK_INT(fsctl_duplicate_extents_parse(in, true, &dup), WIRE_OK);
    CHECK_INT(dup.source.volatile_id, 2);
    CHECK_INT(dup.target_offset, 4096);
    CHECK_INT(dup.flags, FSCTL_DUPLICATE_EXTENTS_SOURCE_ATOMIC);
}

static void test_trim_bound(void)
{
    for (uint32_t n = 0; n <= FSCTL_TRIM_RANGES_MAX + 1; n++) {
        struct wr w = wr_new(8192);
        wr_u32(&w, 0);
        wr_u32(&w, n);
        wr_zero(&w, 16 * (size_t)n);
        bool good = n > 0 && n <= FSCTL_TRIM_RANGES_MAX;
        CHECK_INT(wire_probe_copy(w.base, w.len, 0, trim_probe), good ? WIRE_OK : WIRE_COUNT);
        wr_fini(&w);
    }
}

static void test_reparse(void)
{
    struct wr data = wr_new(256);
    fsctl_symlink_format(&data, "ab", "c", SMB2_SYMLINK_FLAG_RELATIVE);
    struct fsctl_symlink link;
    struct wire_slice in = {.p = data.base, .len = data.len};
    CHECK_INT(fsctl_symlink_parse(in, &link), WIRE_OK);
    CHECK_SLICE(link.substitute_name, "a\0b\0");
    CHECK_SLICE(link.print_name, "c\0");
    CHECK_INT(link.flags, 1);
    struct wr w = wr_new(256);
    fsctl_reparse_format(&w,
                         &(struct fsctl_reparse){.tag = SMB2_IO_REPARSE_TAG_SYMLINK, .data = in});
    struct fsctl_reparse r;
    CHECK_INT(fsctl_reparse_parse((struct wire_slice){.p = w.base, .len = w.len}, &r), WIRE_OK);
    CHECK_INT(r.tag, SMB2_IO_REPARSE_TAG_SYMLINK);
    CHECK(!r.has_guid);
    CHECK_OUT(&w, "0c0000a0 1200 0000 0000 0400 0400 0200 01000000 61006200 6300");
    wr_fini(&data);
    /* The length must fill the buffer, not more and not less. */
    uint8_t raw[16];
    size_t len = test_hex(raw, sizeof(raw), "0c0000a0 0400 0000 deadbeef");
    for (unsigned v = 0; v < 8; v++) {
        raw[4] = (uint8_t)v;
        CHECK_INT(wire_probe_copy(raw, len, 0, reparse_probe), v == 4 ? WIRE_OK : WIRE_SIZE);
    }
    for (size_t n = FSCTL_REPARSE_DATA_MAX - 1; n <= FSCTL_REPARSE_DATA_MAX + 1; n++) {
        w = wr_new(32768);
        wr_u32(&w, 0xa000000c);
        wr_u16(&w, (uint16_t)n);
        wr_zero(&w, 2 + n);
        CHECK_INT(wire_probe_copy(w.base, w.len, 0, reparse_probe),
                  n <= FSCTL_REPARSE_DATA_MAX ? WIRE_OK : WIRE_SIZE);
        wr_fini(&w);
    }
}

static void test_offload(void)
{
    uint8_t raw[600] = {0};
    size_t len = test_hex(raw, sizeof(raw),
                          "20020000 00000000 0010000000000000 0020000000000000 0002000000000000 "
                          "ffff0001 0000 01f8 aabb");
    struct fsctl_offload_write_req in;
    struct wire_slice all = {.p = raw, .len = 544};
    CHECK(len < all.len);
    CHECK_INT(fsctl_offload_write_req_parse(all, &in), WIRE_OK);
    CHECK_INT(in.file_offset, 0x1000);
    CHECK_INT(in.copy_length, 0x2000);
    CHECK_INT(in.transfer_offset, 0x200);
    CHECK_INT(in.token.type, FSCTL_OFFLOAD_TOKEN_ZERO_DATA);
    CHECK_INT(in.token.id_len, FSCTL_OFFLOAD_TOKEN_ID_SIZE);
    CHECK(in.token.id[0] == 0xaa && in.token.id[1] == 0xbb);
    for (size_t n = 0; n < all.len; n++) {
        CHECK_INT(wire_probe_copy(raw, n, 0, offload_write_probe), WIRE_SHORT);
    }
    raw[0]++;
    CHECK_INT(fsctl_offload_write_req_parse(all, &in), WIRE_SIZE);
    CHECK_INT(in.copy_length, 0);
    struct wr w = wr_new(1024);
    in.token.type = 0x01020304;
    in.token.id_len = 2;
    in.token.id[0] = 0xee;
    fsctl_offload_read_rsp_format(&w, 0x3000, &in.token);
    CHECK_INT(w.len, FSCTL_OFFLOAD_READ_RSP_SIZE);
    len = test_hex(raw, sizeof(raw), "10020000 00000000 0030000000000000 01020304 0000 0002 ee");
    CHECK(memcmp(w.base, raw, len) == 0);
    wr_cut(&w, 0);
    fsctl_offload_write_rsp_format(&w, 0x3000);
    len = test_hex(raw, sizeof(raw), "10000000 00000000 0030000000000000");
    CHECK_MEM(w.base, w.len, raw, len);
    wr_fini(&w);
}

static const struct test_case cases[] = {
    {"sweeps", test_sweeps},       {"validate negotiate", test_validate},
    {"copychunk", test_copychunk}, {"network interfaces", test_netifs},
    {"snapshots", test_snapshots}, {"file codes", test_files},
    {"fields", test_fields},       {"trim bound", test_trim_bound},
    {"reparse", test_reparse},     {"offload", test_offload},
};
TEST_MAIN(cases)
