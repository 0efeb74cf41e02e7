/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/create.h"
#include "wire_util.h"

static enum wire_err req_probe(struct cur *c)
{
    struct smb2_create_req r;
    enum wire_err err = smb2_create_req_parse(c, &r);
    wire_touch(r.name);
    wire_touch(r.ctxs_raw);
    wire_touch(r.ctxs.exta);
    wire_touch(r.ctxs.secd);
    wire_touch(r.ctxs.aapl);
    wire_touch(r.ctxs.svhdx);
    return err;
}

/* Open "a" with MxAc and a version 2 lease. */
static const char req_hex[] =
    "3900 00 ff 02000000 0000000000000000 0000000000000000 89001200 80000000 07000000 01000000 "
    "40000000 7800 0200 80000000 64000000 "
    "6100 000000000000 "
    "18000000 1000 0400 0000 0000 00000000 4d784163 00000000 "
    "00000000 1000 0400 0000 1800 34000000 52714c73 00000000 "
    "000102030405060708090a0b0c0d0e0f 07000000 04000000 0000000000000000 "
    "101112131415161718191a1b1c1d1e1f 0500 0000";

static void test_req_golden(void)
{
    uint8_t raw[512] = {0};
    size_t len = 64 + test_hex(raw + 64, sizeof(raw) - 64, req_hex);
    struct cur c = cur_init(raw, len);
    cur_skip(&c, 64);
    struct smb2_create_req r;
    CHECK_INT(smb2_create_req_parse(&c, &r), WIRE_OK);
    CHECK_INT(r.oplock_level, SMB2_OPLOCK_LEVEL_LEASE);
    CHECK_INT(r.impersonation_level, SMB2_IMPERSONATION_IMPERSONATION);
    CHECK_INT(r.desired_access, 0x120089);
    CHECK_INT(r.share_access, 7);
    CHECK_INT(r.disposition, SMB2_FILE_OPEN);
    CHECK_INT(r.options, SMB2_FILE_NON_DIRECTORY_FILE);
    CHECK_SLICE(r.name, "a\0");
    CHECK_INT(r.ctxs.present, SMB2_CTX_MXAC | SMB2_CTX_RQLS);
    CHECK(!r.ctxs.mxac_has_timestamp);
    CHECK(r.ctxs.lease.is_v2);
    CHECK_INT(r.ctxs.lease.state, 7);
    CHECK_INT(r.ctxs.lease.flags, SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET);
    CHECK_INT(r.ctxs.lease.parent_key[0], 0x10);
    CHECK_INT(r.ctxs.lease.epoch, 5);
    struct wr w = wire_msg();
    smb2_create_req_format(&w, &r);
    CHECK_MEM(w.base, w.len, raw, len);
    wr_fini(&w);
    wire_sweep("create", raw, len, 64, len, req_probe);
}

static struct smb2_create_ctxs all_ctxs(void)
{
    return (struct smb2_create_ctxs){
        .present = 0xffff,
        .exta = SLICE("an EA list"),
        .secd = SLICE("a security descriptor"),
        .dhnc = {.persistent = 1, .volatile_id = 2},
        .mxac_has_timestamp = true,
        .mxac_timestamp = 3,
        .alsi_allocation_size = 4,
        .twrp_timestamp = 5,
        .lease = {.key = {6}, .state = 7, .flags = 8},
        .dh2q_timeout_ms = 9,
        .dh2q_flags = SMB2_DHANDLE_FLAG_PERSISTENT,
        .dh2q_create_guid = {10},
        .dh2c_file_id = {.persistent = 11, .volatile_id = 12},
        .dh2c_create_guid = {13},
        .dh2c_flags = 14,
        .app_instance_id = {15},
        .app_instance_version_high = 16,
        .app_instance_version_low = 17,
        .svhdx = SLICE("svhdx"),
        .aapl = SLICE("aapl"),
        .posix_mode = 0644,
    };
}

static void test_all_ctxs(void)
{
    struct smb2_create_req r = {.name = SLICE("a\0b\0"), .ctxs = all_ctxs()};
    struct wr w = wire_msg();
    smb2_create_req_format(&w, &r);
    struct cur c = wire_body(&w);
    struct smb2_create_req back;
    CHECK_INT(smb2_create_req_parse(&c, &back), WIRE_OK);
    const struct smb2_create_ctxs *x = &back.ctxs;
    CHECK_INT(x->present, 0xffff);
    CHECK_INT(x->duplicates, 0);
    CHECK_INT(x->unknown_count, 0);
    CHECK_SLICE(x->exta, "an EA list");
    CHECK_SLICE(x->secd, "a security descriptor");
    CHECK_INT(x->dhnc.persistent, 1);
    CHECK_INT(x->dhnc.volatile_id, 2);
    CHECK(x->mxac_has_timestamp);
    CHECK_INT(x->mxac_timestamp, 3);
    CHECK_INT(x->alsi_allocation_size, 4);
    CHECK_INT(x->twrp_timestamp, 5);
    CHECK_INT(x->lease.key[0], 6);
    CHECK_INT(x->lease.state, 7);
    CHECK_INT(x->lease.flags, 8);
    CHECK(!x->lease.is_v2);
    CHECK_INT(x->dh2q_timeout_ms, 9);
    CHECK_INT(x->dh2q_flags, 2);
    CHECK_INT(x->dh2q_create_guid[0], 10);
    CHECK_INT(x->dh2c_file_id.persistent, 11);
    CHECK_INT(x->dh2c_file_id.volatile_id, 12);
    CHECK_INT(x->dh2c_create_guid[0], 13);
    CHECK_INT(x->dh2c_flags, 14);
    CHECK_INT(x->app_instance_id[0], 15);
    CHECK_INT(x->app_instance_version_high, 16);
    CHECK_INT(x->app_instance_version_low, 17);
    CHECK_SLICE(x->svhdx, "svhdx");
    CHECK_SLICE(x->aapl, "aapl");
    CHECK_INT(x->posix_mode, 0644);
    wire_sweep("create, all contexts", w.base, w.len, 64, w.len, req_probe);
    wr_fini(&w);
}

static enum wire_err list_parse(const char *hex, struct smb2_create_ctxs *x)
{
    uint8_t raw[2048];
    size_t len = test_hex(raw, sizeof(raw), hex);
    return smb2_create_ctxs_parse((struct wire_slice){.p = raw, .len = len}, x);
}

static void test_ctx_errors(void)
{
    static const struct {
        const char *name;
        const char *hex;
        enum wire_err want;
    } rows[] = {
        {"QFid", "00000000 1000 0400 0000 0000 00000000 51466964", WIRE_OK},
        {"QFid with data", "00000000 1000 0400 0000 1800 04000000 51466964 00000000 00000000",
         WIRE_SIZE},
        {"AlSi", "00000000 1000 0400 0000 1800 08000000 416c5369 00000000 0100000000000000",
         WIRE_OK},
        {"AlSi of 4", "00000000 1000 0400 0000 1800 04000000 416c5369 00000000 01000000",
         WIRE_SIZE},
        {"AlSi empty", "00000000 1000 0400 0000 0000 00000000 416c5369", WIRE_SIZE},
        {"lease of 40",
         "00000000 1000 0400 0000 1800 28000000 52714c73 00000000 "
         "00000000000000000000000000000000000000000000000000000000000000000000000000000000",
         WIRE_SIZE},
        {"unknown", "00000000 1000 0400 0000 0000 00000000 5a5a5a5a", WIRE_OK},
        {"no name", "00000000 1000 0000 0000 0000 00000000", WIRE_SIZE},
        {"name outside", "00000000 1000 0500 0000 0000 00000000 5a5a5a5a", WIRE_RANGE},
        {"name in the fixed part", "00000000 0c00 0400 0000 0000 00000000 5a5a5a5a", WIRE_RANGE},
        {"data outside", "00000000 1000 0400 0000 1800 01000000 5a5a5a5a 00000000", WIRE_RANGE},
        {"data in the fixed part", "00000000 1000 0400 0000 0400 01000000 5a5a5a5a", WIRE_RANGE},
        {"cut", "00000000 1000 0400 0000 0000 0000", WIRE_SHORT},
        {"next not aligned",
         "14000000 1000 0400 0000 0000 00000000 51466964 00000000 1000 0400 0000 0000 00000000 "
         "51466964",
         WIRE_RANGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct smb2_create_ctxs x;
        test_context("%s", rows[i].name);
        CHECK_INT(list_parse(rows[i].hex, &x), rows[i].want);
        CHECK(rows[i].want == WIRE_OK || x.present == 0);
    }
}

static void test_ctx_duplicate(void)
{
    struct smb2_create_ctxs x;
    CHECK_INT(list_parse("20000000 1000 0400 0000 1800 08000000 54577270 00000000 0100000000000000 "
                         "00000000 1000 0400 0000 1800 08000000 54577270 00000000 0200000000000000",
                         &x),
              WIRE_OK);
    CHECK_INT(x.duplicates, SMB2_CTX_TWRP);
    CHECK_INT(x.twrp_timestamp, 1);
}

static void test_ctx_bound(void)
{
    for (unsigned n = SMB2_CREATE_CTXS_MAX - 1; n <= SMB2_CREATE_CTXS_MAX + 1; n++) {
        struct wr w = wr_new(4096);
        for (unsigned i = 1; i <= n; i++) {
            wr_u32(&w, i < n ? 24 : 0);
            wr_u16(&w, 16);
            wr_u16(&w, 4);
            wr_u64(&w, 0);
            wr_bytes(&w, "ZZZZ", 4);
            wr_u32(&w, 0);
        }
        struct smb2_create_ctxs x;
        test_context("%u contexts", n);
        CHECK_INT(smb2_create_ctxs_parse((struct wire_slice){.p = w.base, .len = w.len}, &x),
                  n <= SMB2_CREATE_CTXS_MAX ? WIRE_OK : WIRE_COUNT);
        wr_fini(&w);
    }
}

static void test_root_name(void)
{
    struct smb2_create_req r = {.disposition = SMB2_FILE_OPEN};
    struct wr w = wire_msg();
    smb2_create_req_format(&w, &r);
    CHECK_INT(w.len, 64 + 57);
    /* The last byte is filler and may be missing. */
    CHECK_INT(wire_probe_copy(w.base, 64 + 56, 64, req_probe), WIRE_OK);
    /* An odd name. */
    wr_put_u16(&w, 64 + 46, 1);
    CHECK_INT(wire_probe_copy(w.base, w.len, 64, req_probe), WIRE_VALUE);
    wr_fini(&w);
}

static enum wire_err rsp_probe(struct cur *c)
{
    struct smb2_create_rsp r;
    enum wire_err err = smb2_create_rsp_parse(c, &r);
    wire_touch(r.ctxs.aapl);
    wire_touch(r.ctxs.posix);
    return err;
}

static struct smb2_create_rsp rsp_sample(void)
{
    return (struct smb2_create_rsp){
        .oplock_level = SMB2_OPLOCK_LEVEL_LEASE,
        .create_action = SMB2_FILE_CREATED,
        .create_time = 1,
        .access_time = 2,
        .write_time = 3,
        .change_time = 4,
        .allocation_size = 4096,
        .end_of_file = 5,
        .file_attributes = 0x20,
        .file_id = {.persistent = 6, .volatile_id = 7},
    };
}

static void test_rsp_golden(void)
{
    struct smb2_create_rsp r = rsp_sample();
    struct wr w = wire_msg();
    smb2_create_rsp_format(&w, &r);
    CHECK_BODY(&w, "5900 ff 00 02000000 0100000000000000 0200000000000000 0300000000000000 "
                   "0400000000000000 0010000000000000 0500000000000000 20000000 00000000 "
                   "0600000000000000 0700000000000000 00000000 00000000");
    wr_fini(&w);
    r.ctxs.present = SMB2_CTX_MXAC | SMB2_CTX_DH2Q;
    r.ctxs.mxac_access = 0x1f01ff;
    r.ctxs.dh2q_timeout_ms = 60000;
    w = wire_msg();
    smb2_create_rsp_format(&w, &r);
    CHECK_BODY(&w, "5900 ff 00 02000000 0100000000000000 0200000000000000 0300000000000000 "
                   "0400000000000000 0010000000000000 0500000000000000 20000000 00000000 "
                   "0600000000000000 0700000000000000 98000000 40000000 "
                   "20000000 1000 0400 0000 1800 08000000 4d784163 00000000 00000000 ff011f00 "
                   "00000000 1000 0400 0000 1800 08000000 44483251 00000000 60ea0000 00000000");
    wr_fini(&w);
}

static void test_rsp_round_trip(void)
{
    struct smb2_create_rsp r = rsp_sample();
    r.ctxs = (struct smb2_create_rsp_ctxs){
        .present = SMB2_CTX_MXAC | SMB2_CTX_QFID | SMB2_CTX_RQLS | SMB2_CTX_DHNQ | SMB2_CTX_DH2Q |
                   SMB2_CTX_AAPL | SMB2_CTX_POSIX,
        .mxac_status = 0xc0000022,
        .mxac_access = 1,
        .qfid = {1, 2, 3},
        .lease = {.key = {9}, .state = 3, .is_v2 = true, .epoch = 2},
        .dh2q_timeout_ms = 1000,
        .dh2q_flags = 2,
        .aapl = SLICE("apple"),
        .posix = SLICE("posix"),
    };
    struct wr w = wire_msg();
    smb2_create_rsp_format(&w, &r);
    struct cur c = wire_body(&w);
    struct smb2_create_rsp back;
    CHECK_INT(smb2_create_rsp_parse(&c, &back), WIRE_OK);
    CHECK_INT(back.ctxs.present, r.ctxs.present);
    CHECK_INT(back.ctxs.mxac_status, 0xc0000022);
    CHECK_INT(back.ctxs.qfid[2], 3);
    CHECK_INT(back.ctxs.lease.epoch, 2);
    CHECK_INT(back.ctxs.dh2q_flags, 2);
    CHECK_SLICE(back.ctxs.aapl, "apple");
    CHECK_SLICE(back.ctxs.posix, "posix");
    CHECK_INT(back.file_id.volatile_id, 7);
    wire_sweep("create response", w.base, w.len, 64, w.len, rsp_probe);
    wr_fini(&w);
}

/* Running out of memory sticks in the writer and harms nothing. */
static void test_no_memory(void)
{
    struct smb2_create_req r = {.name = SLICE("a\0"), .ctxs = all_ctxs()};
    for (size_t max = 64; max < 900; max++) {
        struct wr w = wr_new(max);
        wr_zero(&w, 64);
        smb2_create_req_format(&w, &r);
        bool fits = wr_ok(&w);
        wr_fini(&w);
        if (fits) {
            return;
        }
    }
    CHECK(!"never fitted");
}

static const struct test_case cases[] = {
    {"request, golden", test_req_golden},  {"every context", test_all_ctxs},
    {"context errors", test_ctx_errors},   {"duplicate context", test_ctx_duplicate},
    {"context bound", test_ctx_bound},     {"name of the root", test_root_name},
    {"response, golden", test_rsp_golden}, {"response contexts", test_rsp_round_trip},
    {"writer too small", test_no_memory},
};
TEST_MAIN(cases)
