/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/negotiate.h"
#include "wire_util.h"

/* Two dialects, 3.1.1 with preauth and encryption contexts at offset 0x68 + 64. */
static const char req_hex[] =
    "2400 0200 0100 0000 7f000000 000102030405060708090a0b0c0d0e0f 68000000 0200 0000 "
    "0203 1103 "
    "0100 0a00 00000000 0100 0400 0100 aabbccdd 000000000000 "
    "0200 0600 00000000 0200 0200 0100";

static enum wire_err req_probe(struct cur *c)
{
    struct smb2_negotiate_req r;
    enum wire_err err = smb2_negotiate_req_parse(c, &r);
    wire_touch(r.ctxs.salt);
    wire_touch(r.ctxs.netname);
    return err;
}

static size_t message(uint8_t *raw, size_t cap, const char *hex)
{
    memset(raw, 0, SMB2_HDR_SIZE);
    return SMB2_HDR_SIZE + test_hex(raw + SMB2_HDR_SIZE, cap - SMB2_HDR_SIZE, hex);
}

static void test_req_golden(void)
{
    uint8_t raw[256];
    size_t len = message(raw, sizeof(raw), req_hex);
    struct cur c = cur_init(raw, len);
    cur_skip(&c, SMB2_HDR_SIZE);
    struct smb2_negotiate_req r;
    CHECK_INT(smb2_negotiate_req_parse(&c, &r), WIRE_OK);
    CHECK_INT(r.security_mode, SMB2_NEGOTIATE_SIGNING_ENABLED);
    CHECK_INT(r.capabilities, 0x7f);
    CHECK_INT(r.client_guid[15], 15);
    CHECK_INT(r.dialect_count, 2);
    CHECK_INT(r.dialects[0], SMB2_DIALECT_302);
    CHECK_INT(r.dialects[1], SMB2_DIALECT_311);
    CHECK(r.has_ctxs);
    CHECK_INT(r.ctxs.present, SMB2_NEGCTX_PREAUTH | SMB2_NEGCTX_ENCRYPTION);
    CHECK_INT(r.ctxs.duplicates, 0);
    CHECK(smb2_alg_list_has(&r.ctxs.hashes, SMB2_PREAUTH_SHA512));
    CHECK_SLICE(r.ctxs.salt, "\xaa\xbb\xcc\xdd");
    CHECK_INT(r.ctxs.ciphers.count, 2);
    CHECK_INT(r.ctxs.ciphers.ids[0], SMB2_CIPHER_AES128_GCM);
    CHECK(!smb2_alg_list_has(&r.ctxs.ciphers, SMB2_CIPHER_AES256_GCM));
    wire_sweep("negotiate", WIRE_BYTES(raw, len), SMB2_HDR_SIZE, len, req_probe);
    struct wr w = wire_msg();
    smb2_negotiate_req_format(&w, &r);
    CHECK_MEM(w.base, w.len, raw, len);
    wr_fini(&w);
}

/* Every kind of context at once, both ways. */
static struct smb2_negotiate_ctxs all_ctxs(void)
{
    return (struct smb2_negotiate_ctxs){
        .present = 0xff,
        .hashes = {.count = 1, .ids = {SMB2_PREAUTH_SHA512}},
        .salt = SLICE("0123456789abcdef0123456789abcdef"),
        .ciphers = {.count = 3, .ids = {4, 2, 1}},
        .compressions = {.count = 2, .ids = {SMB2_COMPRESSION_LZ77, SMB2_COMPRESSION_LZNT1}},
        .compression_flags = SMB2_COMPRESSION_FLAG_CHAINED,
        .netname = SLICE("s\0r\0v\0"),
        .transport_flags = SMB2_ACCEPT_TRANSPORT_LEVEL_SECURITY,
        .rdma_transforms = {.count = 1, .ids = {1}},
        .signings = {.count = 3, .ids = {2, 1, 0}},
    };
}

static void test_req_round_trip(void)
{
    struct smb2_negotiate_req r = {.security_mode = 3, .capabilities = 0x77, .dialect_count = 5};
    static const uint16_t dialects[] = {0x0202, 0x0210, 0x0300, 0x0302, 0x0311};
    memcpy(r.dialects, dialects, sizeof(dialects));
    r.has_ctxs = true;
    r.ctxs = all_ctxs();
    struct wr w = wire_msg();
    smb2_negotiate_req_format(&w, &r);
    struct cur c = wire_body(&w);
    struct smb2_negotiate_req back;
    CHECK_INT(smb2_negotiate_req_parse(&c, &back), WIRE_OK);
    CHECK_INT(back.ctxs.present, 0xff);
    CHECK_INT(back.dialect_count, 5);
    CHECK_INT(back.dialects[4], 0x0311);
    CHECK_SLICE(back.ctxs.netname, "s\0r\0v\0");
    CHECK_INT(back.ctxs.salt.len, 32);
    CHECK_INT(back.ctxs.compressions.count, 2);
    CHECK_INT(back.ctxs.compression_flags, 1);
    CHECK_INT(back.ctxs.transport_flags, 1);
    CHECK_INT(back.ctxs.rdma_transforms.ids[0], 1);
    CHECK_INT(back.ctxs.signings.ids[0], SMB2_SIGNING_AES_GMAC);
    wire_sweep("negotiate, all contexts", WIRE_BYTES(w.base, w.len), SMB2_HDR_SIZE, w.len,
               req_probe);
    wr_fini(&w);
}

/* An unknown kind is skipped, the second of a kind is reported and does not count. */
static void test_unknown_and_duplicate(void)
{
    uint8_t raw[256];
    size_t len = message(raw, sizeof(raw),
                         "2400 0100 0100 0000 00000000 00000000000000000000000000000000 "
                         "68000000 0300 0000 1103 0000 "
                         "ee00 0300 00000000 010203 0000000000 "
                         "0800 0400 00000000 0100 0200 00000000 "
                         "0800 0400 00000000 0100 0100");
    struct cur c = cur_init(raw, len);
    cur_skip(&c, SMB2_HDR_SIZE);
    struct smb2_negotiate_req r;
    CHECK_INT(smb2_negotiate_req_parse(&c, &r), WIRE_OK);
    CHECK_INT(r.ctxs.unknown_count, 1);
    CHECK_INT(r.ctxs.present, SMB2_NEGCTX_SIGNING);
    CHECK_INT(r.ctxs.duplicates, SMB2_NEGCTX_SIGNING);
    CHECK_INT(r.ctxs.signings.ids[0], 2);
}

/* Before 3.1.1 the context fields are a time and mean nothing. */
static void test_no_ctxs_without_311(void)
{
    uint8_t raw[256];
    size_t len = message(raw, sizeof(raw),
                         "2400 0100 0100 0000 00000000 00000000000000000000000000000000 "
                         "ffffffffffffffff 0203");
    struct cur c = cur_init(raw, len);
    cur_skip(&c, SMB2_HDR_SIZE);
    struct smb2_negotiate_req r;
    CHECK_INT(smb2_negotiate_req_parse(&c, &r), WIRE_OK);
    CHECK(!r.has_ctxs);
}

static void test_req_errors(void)
{
    static const struct {
        const char *name;
        const char *hex;
        enum wire_err want;
    } cases[] = {
        {"structure size",
         "2500 0100 0100 0000 00000000 00000000000000000000000000000000 0000000000000000 0202",
         WIRE_SIZE},
        {"no dialect",
         "2400 0000 0100 0000 00000000 00000000000000000000000000000000 0000000000000000 0202",
         WIRE_COUNT},
        {"dialects missing",
         "2400 0200 0100 0000 00000000 00000000000000000000000000000000 0000000000000000 0202",
         WIRE_SHORT},
        {"contexts inside the fixed part",
         "2400 0100 0100 0000 00000000 00000000000000000000000000000000 4000000001000000 1103",
         WIRE_RANGE},
        {"contexts behind the end",
         "2400 0100 0100 0000 00000000 00000000000000000000000000000000 ff00000001000000 1103",
         WIRE_RANGE},
        {"too many contexts",
         "2400 0100 0100 0000 00000000 00000000000000000000000000000000 6800000041000000 1103 0000",
         WIRE_COUNT},
        {"no cipher",
         "2400 0100 0100 0000 00000000 00000000000000000000000000000000 6800000001000000 1103 0000 "
         "0200 0200 00000000 0000",
         WIRE_COUNT},
        {"cipher list too short",
         "2400 0100 0100 0000 00000000 00000000000000000000000000000000 6800000001000000 1103 0000 "
         "0200 0400 00000000 0200 0200",
         WIRE_SIZE},
        {"context longer than the message",
         "2400 0100 0100 0000 00000000 00000000000000000000000000000000 6800000001000000 1103 0000 "
         "0200 0500 00000000 0100 0200",
         WIRE_RANGE},
        {"salt too short",
         "2400 0100 0100 0000 00000000 00000000000000000000000000000000 6800000001000000 1103 0000 "
         "0100 0600 00000000 0100 0100 0100",
         WIRE_SIZE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t raw[256];
        size_t len = message(raw, sizeof(raw), cases[i].hex);
        test_context("%s", cases[i].name);
        CHECK_INT(wire_probe_copy(raw, len, SMB2_HDR_SIZE, req_probe), cases[i].want);
    }
}

static void test_dialect_bound(void)
{
    for (unsigned n = SMB2_DIALECTS_MAX - 1; n <= SMB2_DIALECTS_MAX + 1; n++) {
        struct wr w = wire_msg();
        wr_u16(&w, 36);
        wr_u16(&w, (uint16_t)n);
        wr_zero(&w, 32 + 2 * n);
        test_context("%u dialects", n);
        CHECK_INT(wire_probe_copy(w.base, w.len, SMB2_HDR_SIZE, req_probe),
                  n <= SMB2_DIALECTS_MAX ? WIRE_OK : WIRE_COUNT);
        wr_fini(&w);
    }
}

/* More algorithms than are kept: all are read, the first are kept. */
static void test_algorithm_bound(void)
{
    for (unsigned n = SMB2_NEGOTIATE_ALGS_MAX - 1; n <= SMB2_NEGOTIATE_ALGS_MAX + 1; n++) {
        struct wr w = wr_new(4096);
        wr_u16(&w, SMB2_ENCRYPTION_CAPABILITIES);
        wr_u16(&w, (uint16_t)(2 + 2 * n));
        wr_u32(&w, 0);
        wr_u16(&w, (uint16_t)n);
        for (unsigned i = 0; i < n; i++) {
            wr_u16(&w, (uint16_t)(100 + i));
        }
        struct cur c = cur_init(w.base, w.len);
        struct smb2_negotiate_ctxs ctxs;
        CHECK_INT(smb2_negotiate_ctxs_parse(&c, 0, 1, &ctxs), WIRE_OK);
        CHECK_INT(ctxs.ciphers.count, MIN(n, SMB2_NEGOTIATE_ALGS_MAX));
        CHECK(smb2_alg_list_has(&ctxs.ciphers, 100));
        CHECK_INT(smb2_alg_list_has(&ctxs.ciphers, (uint16_t)(100 + SMB2_NEGOTIATE_ALGS_MAX)), 0);
        wr_fini(&w);
    }
}

static enum wire_err rsp_probe(struct cur *c)
{
    struct smb2_negotiate_rsp r;
    enum wire_err err = smb2_negotiate_rsp_parse(c, &r);
    wire_touch(r.security);
    wire_touch(r.ctxs.salt);
    return err;
}

static void test_rsp(void)
{
    struct smb2_negotiate_rsp r = {
        .security_mode = 1,
        .dialect = SMB2_DIALECT_311,
        .server_guid = {1, 2, 3},
        .capabilities = 0x2f,
        .max_transact_size = 0x800000,
        .max_read_size = 0x800000,
        .max_write_size = 0x800000,
        .system_time = 0x01d8000000000000,
        .security = SLICE("spnego"),
        .ctxs = {.present = SMB2_NEGCTX_PREAUTH | SMB2_NEGCTX_SIGNING,
                 .hashes = {.count = 1, .ids = {1}},
                 .salt = SLICE("salt"),
                 .signings = {.count = 1, .ids = {2}}},
    };
    struct wr w = wire_msg();
    smb2_negotiate_rsp_format(&w, &r);
    CHECK_BODY(&w, "4100 0100 1103 0200 01020300000000000000000000000000 2f000000 00008000 "
                   "00008000 00008000 000000000000d801 0000000000000000 8000 0600 88000000 "
                   "73706e65676f 0000 "
                   "0100 0a00 00000000 0100 0400 0100 73616c74 000000000000 "
                   "0800 0400 00000000 0100 0200");
    struct cur c = wire_body(&w);
    struct smb2_negotiate_rsp back;
    CHECK_INT(smb2_negotiate_rsp_parse(&c, &back), WIRE_OK);
    CHECK_SLICE(back.security, "spnego");
    CHECK_INT(back.ctxs.present, r.ctxs.present);
    CHECK_INT(back.system_time, r.system_time);
    wire_sweep("negotiate response", WIRE_BYTES(w.base, w.len), SMB2_HDR_SIZE, w.len, rsp_probe);
    wr_fini(&w);
    /* Without 3.1.1 no contexts are written. */
    r.dialect = SMB2_DIALECT_302;
    w = wire_msg();
    smb2_negotiate_rsp_format(&w, &r);
    CHECK_INT(w.len, 64 + 64 + 6);
    wr_fini(&w);
}

static const struct test_case cases[] = {
    {"request, golden", test_req_golden},
    {"request with every context", test_req_round_trip},
    {"unknown and duplicate contexts", test_unknown_and_duplicate},
    {"no contexts before 3.1.1", test_no_ctxs_without_311},
    {"request errors", test_req_errors},
    {"dialect bound", test_dialect_bound},
    {"algorithm bound", test_algorithm_bound},
    {"response", test_rsp},
};
TEST_MAIN(cases)
