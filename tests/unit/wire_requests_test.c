/* SPDX-License-Identifier: Apache-2.0 */
/* Golden bytes of every request (but NEGOTIATE and CREATE, which have tests of their own): each is
 * parsed, written again by the client's side, and swept. */
#include "wire/cancel.h"
#include "wire/change_notify.h"
#include "wire/close.h"
#include "wire/echo.h"
#include "wire/flush.h"
#include "wire/ioctl.h"
#include "wire/lock.h"
#include "wire/logoff.h"
#include "wire/oplock_break.h"
#include "wire/query_directory.h"
#include "wire/query_info.h"
#include "wire/read.h"
#include "wire/session_setup.h"
#include "wire/set_info.h"
#include "wire/tree_connect.h"
#include "wire/tree_disconnect.h"
#include "wire/write.h"
#include "wire_util.h"

/* Parses, and when that works formats the same again into *again (NULL: does not). */
typedef enum wire_err (*again_fn)(struct cur *c, struct wr *again);

#define FID "1100000000000000 2200000000000000 "

#define AGAIN(cmd, ...)                                                                            \
    static enum wire_err cmd##_again(struct cur *c, struct wr *again)                              \
    {                                                                                              \
        struct smb2_##cmd##_req r;                                                                 \
        enum wire_err err = smb2_##cmd##_req_parse(c, &r);                                         \
        const struct wire_slice slices[] = {__VA_ARGS__};                                          \
        for (size_t i = 0; i < ARRAY_LEN(slices); i++) {                                           \
            wire_touch(slices[i]);                                                                 \
        }                                                                                          \
        if (err == WIRE_OK && again) {                                                             \
            smb2_##cmd##_req_format(again, &r);                                                    \
        }                                                                                          \
        return err;                                                                                \
    }                                                                                              \
    static enum wire_err cmd##_probe(struct cur *c)                                                \
    {                                                                                              \
        return cmd##_again(c, NULL);                                                               \
    }
#define NONE ((struct wire_slice){0})

AGAIN(session_setup, r.security)
AGAIN(close, NONE)
AGAIN(flush, NONE)
AGAIN(read, r.channel_info)
AGAIN(write, r.channel_info, r.data)
AGAIN(lock, NONE)
AGAIN(ioctl, r.input, r.output)
AGAIN(query_directory, r.pattern)
AGAIN(change_notify, NONE)
AGAIN(query_info, r.input)
AGAIN(set_info, r.buffer)

static enum wire_err tree_connect_again(struct cur *c, struct wr *again)
{
    struct smb2_tree_connect_req r;
    enum wire_err err = smb2_tree_connect_req_parse(c, true, &r);
    wire_touch(r.path);
    wire_touch(r.remoted_identity);
    if (err == WIRE_OK && again) {
        smb2_tree_connect_req_format(again, &r);
    }
    return err;
}

static enum wire_err tree_connect_probe(struct cur *c)
{
    return tree_connect_again(c, NULL);
}

static enum wire_err oplock_break_again(struct cur *c, struct wr *again)
{
    struct smb2_oplock_break r;
    enum wire_err err = smb2_oplock_break_req_parse(c, &r);
    if (err == WIRE_OK && again) {
        smb2_oplock_break_req_format(again, &r);
    }
    return err;
}

static enum wire_err oplock_break_probe(struct cur *c)
{
    return oplock_break_again(c, NULL);
}

static enum wire_err empty_again(struct cur *c, struct wr *again)
{
    enum wire_err err = smb2_empty_parse(c);
    if (err == WIRE_OK && again) {
        smb2_empty_format(again);
    }
    return err;
}

static enum wire_err empty_probe(struct cur *c)
{
    return empty_again(c, NULL);
}

/* size: of the fixed part; a prefix below size + data is refused. filler: bytes at the end that
 * mean nothing. */
static const struct row {
    const char *name;
    const char *hex;
    again_fn again;
    wire_probe probe;
    size_t filler;
} rows[] = {
    {"session_setup", "1900 01 02 01000000 00000000 5800 0400 8877665544332211 4e544c4d",
     session_setup_again, session_setup_probe, 0},
    {"tree_connect", "0900 0100 4800 0600 5c0061006200", tree_connect_again, tree_connect_probe, 0},
    {"logoff", "0400 0000", empty_again, empty_probe, 0},
    {"close", "1800 0100 00000000 " FID, close_again, close_probe, 0},
    {"flush", "1800 ffff 00000000 " FID, flush_again, flush_probe, 0},
    {"read", "3100 50 01 00000100 0010000000000000 " FID "01000000 00000000 00000000 0000 0000 00",
     read_again, read_probe, 1},
    {"read, RDMA",
     "3100 50 00 00000100 0010000000000000 " FID "01000000 01000000 00000000 7000 1000 "
     "000102030405060708090a0b0c0d0e0f",
     read_again, read_probe, 0},
    {"write",
     "3100 7000 05000000 0010000000000000 " FID "00000000 00000000 0000 0000 01000000 68656c6c6f",
     write_again, write_probe, 0},
    {"lock",
     "3000 0200 35000000 " FID "0000000000000000 0a00000000000000 12000000 00000000 "
     "6400000000000000 0100000000000000 04000000 00000000",
     lock_again, lock_probe, 0},
    {"ioctl",
     "3900 0000 17c01100 " FID "78000000 03000000 00000000 00000000 00000000 00040000 01000000 "
     "00000000 abcdef",
     ioctl_again, ioctl_probe, 0},
    {"query_directory", "2100 25 03 00000000 " FID "6000 0200 00000100 2a00", query_directory_again,
     query_directory_probe, 0},
    {"change_notify", "2000 0100 00100000 " FID "ff0f0000 00000000", change_notify_again,
     change_notify_probe, 0},
    {"query_info",
     "2900 01 0f 00100000 6800 0000 08000000 01000000 02000000 " FID "00000000 01 41 00 00",
     query_info_again, query_info_probe, 0},
    {"set_info", "2100 01 14 08000000 6000 0000 00000000 " FID "0010000000000000", set_info_again,
     set_info_probe, 0},
    {"oplock_break", "1800 01 00 00000000 " FID, oplock_break_again, oplock_break_probe, 0},
    {"lease_break", "2400 0000 00000000 000102030405060708090a0b0c0d0e0f 01000000 0000000000000000",
     oplock_break_again, oplock_break_probe, 0},
};

static void test_golden(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t raw[512] = {0};
        size_t len = 64 + test_hex(raw + 64, sizeof(raw) - 64, rows[i].hex);
        test_context("%s", rows[i].name);
        struct cur c = cur_init(raw, len);
        cur_skip(&c, 64);
        struct wr w = wire_msg();
        CHECK_INT(rows[i].again(&c, &w), WIRE_OK);
        CHECK_MEM(w.base, w.len, raw, len);
        wr_fini(&w);
        wire_sweep(rows[i].name, WIRE_BYTES(raw, len), 64, len - rows[i].filler, rows[i].probe);
    }
}

/* A StructureSize that is off by one is refused everywhere. */
static void test_structure_size(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t raw[512] = {0};
        size_t len = 64 + test_hex(raw + 64, sizeof(raw) - 64, rows[i].hex);
        test_context("%s", rows[i].name);
        raw[64] ^= 1;
        CHECK_INT(wire_probe_copy(raw, len, 64, rows[i].probe), WIRE_SIZE);
    }
}

static struct cur body(const uint8_t *raw, size_t len)
{
    struct cur c = cur_init(raw, len);
    cur_skip(&c, 64);
    return c;
}

static void test_fields(void)
{
    uint8_t raw[512] = {0};
    size_t len = 64 + test_hex(raw + 64, sizeof(raw) - 64, rows[0].hex);
    struct cur c = body(raw, len);
    struct smb2_session_setup_req s;
    CHECK_INT(smb2_session_setup_req_parse(&c, &s), WIRE_OK);
    CHECK_INT(s.flags, SMB2_SESSION_FLAG_BINDING);
    CHECK_INT(s.security_mode, SMB2_NEGOTIATE_SIGNING_REQUIRED);
    CHECK_INT(s.previous_session_id, 0x1122334455667788);
    CHECK_SLICE(s.security, "NTLM");

    len = 64 + test_hex(raw + 64, sizeof(raw) - 64, rows[7].hex);
    c = body(raw, len);
    struct smb2_write_req wq;
    CHECK_INT(smb2_write_req_parse(&c, &wq), WIRE_OK);
    CHECK_INT(wq.offset, 4096);
    CHECK_INT(wq.data_offset, 112);
    CHECK_INT(wq.length, 5);
    CHECK_INT(wq.flags, SMB2_WRITEFLAG_WRITE_THROUGH);
    CHECK_SLICE(wq.data, "hello");
    CHECK(wq.data.p == raw + 112);

    len = 64 + test_hex(raw + 64, sizeof(raw) - 64, rows[8].hex);
    c = body(raw, len);
    struct smb2_lock_req l;
    CHECK_INT(smb2_lock_req_parse(&c, &l), WIRE_OK);
    CHECK_INT(l.lock_sequence_number, 5);
    CHECK_INT(l.lock_sequence_index, 3);
    CHECK_INT(l.count, 2);
    CHECK_INT(l.locks[1].offset, 100);
    CHECK_INT(l.locks[0].flags, SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY);
    CHECK_INT(l.locks[1].flags, SMB2_LOCKFLAG_UNLOCK);

    len = 64 + test_hex(raw + 64, sizeof(raw) - 64, rows[12].hex);
    c = body(raw, len);
    struct smb2_query_info_req q;
    CHECK_INT(smb2_query_info_req_parse(&c, &q), WIRE_OK);
    CHECK_INT(q.info_class, SMB2_FILE_FULL_EA_INFO);
    CHECK_INT(q.additional, 1);
    CHECK_INT(q.flags, SMB2_SL_RETURN_SINGLE_ENTRY);
    CHECK_INT(q.input.len, 8);
    CHECK_INT(q.file_id.persistent, 0x11);
    CHECK_INT(q.file_id.volatile_id, 0x22);
}

/* A buffer must not start in the header or in the body's fixed part, nor end behind the message. */
static void test_ranges(void)
{
    static const struct {
        const char *name;
        size_t row;
        size_t at; /* of a 16-bit offset in the body */
        uint16_t value;
    } bad[] = {
        {"session_setup low", 0, 12, 0x57}, {"session_setup high", 0, 12, 0x59},
        {"tree_connect low", 1, 4, 0x47},   {"tree_connect high", 1, 4, 0x49},
        {"read channel low", 6, 44, 0x6f},  {"read channel high", 6, 44, 0x71},
        {"write low", 7, 2, 0x6f},          {"write high", 7, 2, 0x71},
        {"ioctl low", 9, 24, 0x77},         {"ioctl high", 9, 24, 0x79},
        {"directory low", 10, 24, 0x5f},    {"directory high", 10, 24, 0x61},
        {"query_info low", 12, 8, 0x67},    {"query_info high", 12, 8, 0x69},
        {"set_info low", 13, 8, 0x5f},      {"set_info high", 13, 8, 0x61},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint8_t raw[512] = {0};
        const struct row *row = &rows[bad[i].row];
        size_t len = 64 + test_hex(raw + 64, sizeof(raw) - 64, row->hex);
        raw[64 + bad[i].at] = (uint8_t)bad[i].value;
        test_context("%s", bad[i].name);
        CHECK_INT(wire_probe_copy(raw, len, 64, row->probe), WIRE_RANGE);
    }
}

static void test_lock_bound(void)
{
    static const unsigned counts[] = {0, 1, SMB2_LOCKS_MAX - 1, SMB2_LOCKS_MAX, SMB2_LOCKS_MAX + 1};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct wr w = wire_msg();
        wr_u16(&w, 48);
        wr_u16(&w, (uint16_t)counts[i]);
        wr_zero(&w, 20 + 24 * counts[i]);
        test_context("%u locks", counts[i]);
        bool good = counts[i] >= 1 && counts[i] <= SMB2_LOCKS_MAX;
        CHECK_INT(wire_probe_copy(w.base, w.len, 64, lock_probe), good ? WIRE_OK : WIRE_COUNT);
        wr_fini(&w);
    }
}

/* With the extension: 16 bytes, the path, and a remoted identity at offset 0x20 from the body. */
static const char tcon_ext_hex[] = "0900 0400 5800 0600 18000000 0100 00000000000000000000 "
                                   "5c0061006200 0000 0100 0300 00000000 aabbcc";

static void test_tree_connect_extension(void)
{
    uint8_t raw[256] = {0};
    size_t len = 64 + test_hex(raw + 64, sizeof(raw) - 64, tcon_ext_hex);
    raw[64 + 8] = 0x20;
    struct cur c = body(raw, len);
    struct smb2_tree_connect_req r;
    CHECK_INT(smb2_tree_connect_req_parse(&c, true, &r), WIRE_OK);
    CHECK_SLICE(r.path, "\\\0a\0b\0");
    CHECK(r.has_remoted_identity);
    CHECK_INT(r.ctx_count, 1);
    CHECK_SLICE(r.remoted_identity, "\xaa\xbb\xcc");
    wire_sweep("tree_connect extension", WIRE_BYTES(raw, len), 64, len, tree_connect_probe);
    /* An older dialect has no extension: the flag is a reserved bit. */
    c = body(raw, len);
    CHECK_INT(smb2_tree_connect_req_parse(&c, false, &r), WIRE_OK);
    CHECK(!r.has_remoted_identity);
    for (unsigned n = SMB2_TREE_CONNECT_CTXS_MAX - 1; n <= SMB2_TREE_CONNECT_CTXS_MAX + 1; n++) {
        struct wr w = wire_msg();
        wr_u16(&w, 9);
        wr_u16(&w, 4);
        wr_u32(&w, 0);
        wr_u32(&w, 24);
        wr_u16(&w, (uint16_t)n);
        wr_zero(&w, 10 + 8 * n);
        CHECK_INT(wire_probe_copy(w.base, w.len, 64, tree_connect_probe),
                  n <= SMB2_TREE_CONNECT_CTXS_MAX ? WIRE_OK : WIRE_COUNT);
        wr_fini(&w);
    }
}

/* An odd number of bytes is no UTF-16. */
static void test_odd_names(void)
{
    uint8_t raw[256] = {0};
    size_t len = 64 + test_hex(raw + 64, sizeof(raw) - 64, rows[1].hex);
    raw[64 + 6] = 5;
    CHECK_INT(wire_probe_copy(raw, len, 64, tree_connect_probe), WIRE_VALUE);
    len = 64 + test_hex(raw + 64, sizeof(raw) - 64, rows[10].hex);
    raw[64 + 26] = 1;
    CHECK_INT(wire_probe_copy(raw, len, 64, query_directory_probe), WIRE_VALUE);
}

/* The four-byte bodies are one parser under several names. */
static void test_empty(void)
{
    struct wr w = wire_msg();
    smb2_logoff_req_format(&w);
    smb2_tree_disconnect_req_format(&w);
    smb2_echo_req_format(&w);
    smb2_cancel_req_format(&w);
    smb2_lock_rsp_format(&w);
    smb2_flush_rsp_format(&w);
    struct cur c = wire_body(&w);
    CHECK_INT(smb2_logoff_req_parse(&c), WIRE_OK);
    CHECK_INT(smb2_tree_disconnect_req_parse(&c), WIRE_OK);
    CHECK_INT(smb2_echo_req_parse(&c), WIRE_OK);
    CHECK_INT(smb2_cancel_req_parse(&c), WIRE_OK);
    CHECK_INT(smb2_lock_rsp_parse(&c), WIRE_OK);
    CHECK_INT(smb2_flush_rsp_parse(&c), WIRE_OK);
    CHECK(cur_done(&c));
    wr_fini(&w);
}

static const struct test_case cases[] = {
    {"golden, both ways", test_golden},
    {"structure size", test_structure_size},
    {"fields", test_fields},
    {"buffer ranges", test_ranges},
    {"lock bound", test_lock_bound},
    {"tree connect extension", test_tree_connect_extension},
    {"odd names", test_odd_names},
    {"four-byte bodies", test_empty},
};
TEST_MAIN(cases)
