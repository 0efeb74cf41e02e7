/* SPDX-License-Identifier: Apache-2.0 */
#include "wire_util.h"

/* A TREE_CONNECT response of a Windows server: flags 1, one credit, message 3, tree 1. */
static const char sync_hex[] = "fe534d42 4000 0100 00000000 0300 2100 01000000 00000000 "
                               "0300000000000000 fffe0000 01000000 1100000000040000 "
                               "000102030405060708090a0b0c0d0e0f";
static const char async_hex[] = "fe534d42 4000 0000 03010000 0f00 0100 03000000 48000000 "
                                "0700000000000000 2a00000000000000 1100000000040000 "
                                "00000000000000000000000000000000";

static void test_sync(void)
{
    uint8_t raw[64];
    REQUIRE(test_hex(raw, sizeof(raw), sync_hex) == 64);
    struct cur c = cur_init(raw, sizeof(raw));
    struct smb2_hdr h;
    CHECK_INT(smb2_hdr_parse(&c, &h), WIRE_OK);
    CHECK_INT(cur_pos(&c), 64);
    CHECK_INT(h.credit_charge, 1);
    CHECK_INT(h.command, SMB2_TREE_CONNECT);
    CHECK_INT(h.credits, 0x21);
    CHECK_INT(h.flags, SMB2_FLAGS_SERVER_TO_REDIR);
    CHECK_INT(h.message_id, 3);
    CHECK_INT(h.process_id, 0xfeff);
    CHECK_INT(h.tree_id, 1);
    CHECK_INT(h.session_id, 0x40000000011);
    CHECK_INT(h.signature[15], 15);
    struct wr w = wr_new(4096);
    smb2_hdr_format(&w, &h);
    CHECK_MEM(w.base, w.len, raw, sizeof(raw));
    CHECK_MEM(w.base + SMB2_HDR_SIGNATURE_OFFSET, 16, h.signature, 16);
    wr_fini(&w);
}

static void test_async(void)
{
    uint8_t raw[64];
    REQUIRE(test_hex(raw, sizeof(raw), async_hex) == 64);
    struct cur c = cur_init(raw, sizeof(raw));
    struct smb2_hdr h;
    CHECK_INT(smb2_hdr_parse(&c, &h), WIRE_OK);
    CHECK_INT(h.async_id, 42);
    CHECK_INT(h.tree_id, 0);
    CHECK_INT(h.status, 0x103);
    CHECK_INT(h.next_command, 72);
    struct wr w = wr_new(4096);
    smb2_hdr_format(&w, &h);
    CHECK_MEM(w.base, w.len, raw, sizeof(raw));
    wr_fini(&w);
}

/* A request carries the channel sequence where a response has the status. */
static void test_channel_sequence(void)
{
    struct smb2_hdr h = {.command = SMB2_WRITE, .channel_sequence = 0x1234, .status = 0xc0000001};
    struct wr w = wr_new(4096);
    smb2_hdr_format(&w, &h);
    struct cur c = cur_init(w.base, w.len);
    struct smb2_hdr back;
    CHECK_INT(smb2_hdr_parse(&c, &back), WIRE_OK);
    CHECK_INT(back.channel_sequence, 0x1234);
    CHECK_INT(back.status, 0x1234);
    wr_fini(&w);
}

static enum wire_err hdr_probe(struct cur *c)
{
    struct smb2_hdr h;
    return smb2_hdr_parse(c, &h);
}

static enum wire_err transform_probe(struct cur *c)
{
    struct smb2_transform t;
    return smb2_transform_parse(c, &t);
}

static enum wire_err smb1_probe(struct cur *c)
{
    struct smb1_negotiate n;
    return smb1_negotiate_parse(c, &n);
}

static void test_hdr_errors(void)
{
    uint8_t raw[64];
    REQUIRE(test_hex(raw, sizeof(raw), sync_hex) == 64);
    wire_sweep("hdr", WIRE_BYTES(raw, 64), 0, 64, hdr_probe);
    raw[4] = 65;
    CHECK_INT(wire_probe_copy(raw, 64, 0, hdr_probe), WIRE_SIZE);
    raw[0] = 0xff;
    CHECK_INT(wire_probe_copy(raw, 64, 0, hdr_probe), WIRE_VALUE);
    CHECK_INT(wire_probe_copy(raw, 63, 0, hdr_probe), WIRE_SHORT);
}

static void test_transform(void)
{
    uint8_t raw[52];
    REQUIRE(test_hex(raw, sizeof(raw),
                     "fd534d42 000102030405060708090a0b0c0d0e0f "
                     "101112131415161718191a1b00000000 68000000 0000 0100 1100000000040000") == 52);
    struct cur c = cur_init(raw, sizeof(raw));
    struct smb2_transform t;
    CHECK_INT(smb2_transform_parse(&c, &t), WIRE_OK);
    CHECK_INT(t.signature[15], 15);
    CHECK_INT(t.nonce[0], 0x10);
    CHECK_INT(t.nonce[11], 0x1b);
    CHECK_INT(t.original_size, 0x68);
    CHECK_INT(t.flags, SMB2_TRANSFORM_ENCRYPTED);
    CHECK_INT(t.session_id, 0x40000000011);
    struct wr w = wr_new(4096);
    smb2_transform_format(&w, &t);
    CHECK_MEM(w.base, w.len, raw, sizeof(raw));
    CHECK_MEM(w.base + SMB2_TRANSFORM_AAD_OFFSET, SMB2_TRANSFORM_NONCE_SIZE, t.nonce, 16);
    CHECK_INT(SMB2_TRANSFORM_AAD_OFFSET + SMB2_TRANSFORM_AAD_SIZE, SMB2_TRANSFORM_SIZE);
    wr_fini(&w);
    wire_sweep("transform", WIRE_BYTES(raw, sizeof(raw)), 0, sizeof(raw), transform_probe);
}

static void test_identify(void)
{
    static const struct {
        const char *hex;
        enum smb2_protocol want;
    } cases[] = {
        {"ff534d42", SMB2_PROTOCOL_SMB1},      {"fe534d42", SMB2_PROTOCOL_SMB2},
        {"fd534d42", SMB2_PROTOCOL_TRANSFORM}, {"fc534d42", SMB2_PROTOCOL_COMPRESSED},
        {"fb534d42", SMB2_PROTOCOL_UNKNOWN},   {"fe534d", SMB2_PROTOCOL_UNKNOWN},
        {"", SMB2_PROTOCOL_UNKNOWN},           {"fe534d4300", SMB2_PROTOCOL_UNKNOWN},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t raw[8];
        size_t len = test_hex(raw, sizeof(raw), cases[i].hex);
        test_context("%s", cases[i].hex);
        CHECK_INT(smb2_protocol_identify(raw, len), cases[i].want);
    }
}

/* NT LM 0.12, SMB 2.002, SMB 2.???: what Windows 7 sends. */
static const char smb1_hex[] = "ff534d42 72 00000000 18 53c8 0000 0000000000000000 0000 0000 fffe "
                               "0000 0000 00 2200 024e54204c4d20302e313200 "
                               "02534d4220322e30303200 02534d4220322e3f3f3f00";

static void test_smb1(void)
{
    uint8_t raw[128];
    size_t len = test_hex(raw, sizeof(raw), smb1_hex);
    struct cur c = cur_init(raw, len);
    struct smb1_negotiate n;
    CHECK_INT(smb1_negotiate_parse(&c, &n), WIRE_OK);
    CHECK_INT(n.dialect_count, 3);
    CHECK(n.has_smb2_002);
    CHECK(n.has_smb2_wildcard);
    wire_sweep("smb1", WIRE_BYTES(raw, len), 0, len, smb1_probe);
    raw[4] = 0x73;
    CHECK_INT(wire_probe_copy(raw, len, 0, smb1_probe), WIRE_VALUE);
}

static void smb1_build(struct wr *w, unsigned count)
{
    wr_u32(w, 0x424d53ff);
    wr_u8(w, 0x72);
    wr_zero(w, 28);
    wr_u16(w, (uint16_t)(count * 3));
    for (unsigned i = 0; i < count; i++) {
        wr_u8(w, 2);
        wr_u8(w, 'x');
        wr_u8(w, 0);
    }
}

static void test_smb1_bound(void)
{
    static const struct {
        unsigned count;
        enum wire_err want;
    } cases[] = {{0, WIRE_OK},
                 {SMB1_DIALECTS_MAX - 1, WIRE_OK},
                 {SMB1_DIALECTS_MAX, WIRE_OK},
                 {SMB1_DIALECTS_MAX + 1, WIRE_COUNT}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct wr w = wr_new(4096);
        smb1_build(&w, cases[i].count);
        test_context("%u dialects", cases[i].count);
        CHECK_INT(wire_probe_copy(w.base, w.len, 0, smb1_probe), cases[i].want);
        wr_fini(&w);
    }
}

static const struct test_case cases[] = {
    {"sync header both ways", test_sync},
    {"async header both ways", test_async},
    {"channel sequence of a request", test_channel_sequence},
    {"header errors", test_hdr_errors},
    {"transform header", test_transform},
    {"protocol ids", test_identify},
    {"SMB1 dialects", test_smb1},
    {"SMB1 dialect bound", test_smb1_bound},
};
TEST_MAIN(cases)
