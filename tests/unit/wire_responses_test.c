/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/change_notify.h"
#include "wire/close.h"
#include "wire/error.h"
#include "wire/ioctl.h"
#include "wire/oplock_break.h"
#include "wire/output.h"
#include "wire/query_info.h"
#include "wire/read.h"
#include "wire/session_setup.h"
#include "wire/set_info.h"
#include "wire/tree_connect.h"
#include "wire/write.h"
#include "wire_util.h"

#define FID                                                                                        \
    {                                                                                              \
        .persistent = 0x11, .volatile_id = 0x22                                                    \
    }

#define PROBE(cmd, ...)                                                                            \
    static enum wire_err cmd##_probe(struct cur *c)                                                \
    {                                                                                              \
        struct smb2_##cmd##_rsp r = {0};                                                           \
        enum wire_err err = smb2_##cmd##_rsp_parse(c, &r);                                         \
        const struct wire_slice slices[] = {__VA_ARGS__};                                          \
        for (size_t i = 0; i < ARRAY_LEN(slices); i++) {                                           \
            wire_touch(slices[i]);                                                                 \
        }                                                                                          \
        return err;                                                                                \
    }
#define NONE ((struct wire_slice){0})
PROBE(session_setup, r.security)
PROBE(tree_connect, NONE)
PROBE(close, NONE)
PROBE(read, r.data)
PROBE(write, NONE)
PROBE(ioctl, r.input, r.output)
PROBE(query_info, r.output)

/* The golden bytes, and the sweep of the client's parser. */
#define CHECK_RSP(cmd, rsp, hex)                                                                   \
    do {                                                                                           \
        struct wr w_ = wire_msg();                                                                 \
        test_context("%s", #cmd);                                                                  \
        smb2_##cmd##_rsp_format(&w_, rsp);                                                         \
        CHECK_BODY(&w_, hex);                                                                      \
        wire_sweep(#cmd, WIRE_BYTES(w_.base, w_.len), 64, w_.len, cmd##_probe);                    \
        wr_fini(&w_);                                                                              \
    } while (0)

static void test_golden(void)
{
    const struct smb2_session_setup_rsp ss = {.session_flags = SMB2_SESSION_FLAG_IS_GUEST,
                                              .security = SLICE("xyz")};
    CHECK_RSP(session_setup, &ss, "0900 0100 4800 0300 78797a");
    const struct smb2_tree_connect_rsp tc = {.share_type = SMB2_SHARE_TYPE_DISK,
                                             .share_flags = SMB2_SHAREFLAG_NO_CACHING,
                                             .capabilities = SMB2_SHARE_CAP_DFS,
                                             .maximal_access = 0x1f01ff};
    CHECK_RSP(tree_connect, &tc, "1000 01 00 30000000 08000000 ff011f00");
    const struct smb2_close_rsp cl = {.flags = 1,
                                      .create_time = 1,
                                      .access_time = 2,
                                      .write_time = 3,
                                      .change_time = 4,
                                      .allocation_size = 5,
                                      .end_of_file = 6,
                                      .file_attributes = 0x80};
    CHECK_RSP(close, &cl,
              "3c00 0100 00000000 0100000000000000 0200000000000000 0300000000000000 "
              "0400000000000000 0500000000000000 0600000000000000 80000000");
    const struct smb2_read_rsp rd = {.data_len = 3, .data = SLICE("abc")};
    CHECK_RSP(read, &rd, "1100 50 00 03000000 00000000 00000000 616263");
    const struct smb2_write_rsp wt = {.count = 65536};
    CHECK_RSP(write, &wt, "1100 0000 00000100 00000000 0000 0000");
    const struct smb2_ioctl_rsp io = {
        .ctl_code = SMB2_FSCTL_PIPE_TRANSCEIVE, .file_id = FID, .output = SLICE("out"), .flags = 0};
    CHECK_RSP(ioctl, &io,
              "3100 0000 17c01100 1100000000000000 2200000000000000 70000000 00000000 "
              "70000000 03000000 00000000 00000000 6f7574");
    const struct smb2_ioctl_rsp both = {
        .ctl_code = 1, .input = SLICE("in"), .output = SLICE("out")};
    CHECK_RSP(ioctl, &both,
              "3100 0000 01000000 0000000000000000 0000000000000000 70000000 02000000 "
              "78000000 03000000 00000000 00000000 696e 000000000000 6f7574");
    const struct smb2_query_info_rsp qi = {.output = SLICE("data")};
    CHECK_RSP(query_info, &qi, "0900 4800 04000000 64617461");
    const struct smb2_query_info_rsp nothing = {0};
    CHECK_RSP(query_info, &nothing, "0900 0000 00000000");
}

static void test_set_info(void)
{
    struct wr w = wire_msg();
    smb2_set_info_rsp_format(&w);
    CHECK_BODY(&w, "0200");
    struct cur c = wire_body(&w);
    CHECK_INT(smb2_set_info_rsp_parse(&c), WIRE_OK);
    wr_fini(&w);
}

/* READ without the bytes: they come apart, and the length says how many. */
static void test_read_apart(void)
{
    struct wr w = wire_msg();
    smb2_read_rsp_format(&w, &(struct smb2_read_rsp){.data_len = 0x10000});
    CHECK_BODY(&w, "1100 50 00 00000100 00000000 00000000");
    CHECK_INT(w.len, SMB2_READ_RSP_DATA_OFFSET);
    wr_fini(&w);
}

static void test_output_in_place(void)
{
    struct wr w = wire_msg();
    size_t at = smb2_output_begin(&w);
    wr_u32(&w, 0x01020304);
    smb2_output_end(&w, at);
    CHECK_BODY(&w, "0900 4800 04000000 04030201");
    struct cur c = wire_body(&w);
    struct wire_slice out;
    CHECK_INT(smb2_output_parse(&c, &out), WIRE_OK);
    CHECK_INT(out.len, 4);
    wr_fini(&w);
}

static enum wire_err lease_break_probe(struct cur *c)
{
    struct smb2_lease_break_notify n;
    return smb2_lease_break_notify_parse(c, &n);
}

static void test_breaks(void)
{
    struct wr w = wire_msg();
    const struct smb2_oplock_break oplock = {.oplock_level = SMB2_OPLOCK_LEVEL_II, .file_id = FID};
    smb2_oplock_break_rsp_format(&w, &oplock);
    CHECK_BODY(&w, "1800 01 00 00000000 1100000000000000 2200000000000000");
    struct cur c = wire_body(&w);
    struct smb2_oplock_break back;
    CHECK_INT(smb2_oplock_break_rsp_parse(&c, &back), WIRE_OK);
    CHECK(!back.is_lease);
    CHECK_INT(back.oplock_level, 1);
    wr_fini(&w);

    w = wire_msg();
    const struct smb2_oplock_break lease = {
        .is_lease = true, .lease_key = {1, 2}, .lease_state = 3};
    smb2_oplock_break_rsp_format(&w, &lease);
    CHECK_BODY(&w, "2400 0000 00000000 01020000000000000000000000000000 03000000 0000000000000000");
    c = wire_body(&w);
    CHECK_INT(smb2_oplock_break_rsp_parse(&c, &back), WIRE_OK);
    CHECK(back.is_lease);
    CHECK_INT(back.lease_state, 3);
    CHECK_INT(back.lease_key[1], 2);
    wr_fini(&w);

    w = wire_msg();
    const struct smb2_lease_break_notify n = {.new_epoch = 2,
                                              .flags = SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED,
                                              .lease_key = {7},
                                              .current_state = 7,
                                              .new_state = 1};
    smb2_lease_break_notify_format(&w, &n);
    CHECK_BODY(&w, "2c00 0200 01000000 07000000000000000000000000000000 07000000 01000000 "
                   "00000000 00000000 00000000");
    c = wire_body(&w);
    struct smb2_lease_break_notify nb;
    CHECK_INT(smb2_lease_break_notify_parse(&c, &nb), WIRE_OK);
    CHECK_INT(nb.new_epoch, 2);
    CHECK_INT(nb.new_state, 1);
    wire_sweep("lease break", WIRE_BYTES(w.base, w.len), 64, w.len, lease_break_probe);
    wr_fini(&w);
}

static enum wire_err error_311_probe(struct cur *c)
{
    struct smb2_error e;
    enum wire_err err = smb2_error_parse(c, true, &e);
    wire_touch(e.data);
    return err;
}

static void test_errors(void)
{
    struct wr w = wire_msg();
    smb2_error_format(&w);
    CHECK_BODY(&w, "0900 00 00 00000000 00");
    wr_fini(&w);
    w = wire_msg();
    smb2_error_size_format(&w, false, 0x1234);
    CHECK_BODY(&w, "0900 00 00 04000000 34120000");
    wr_fini(&w);
    w = wire_msg();
    smb2_error_size_format(&w, true, 0x1234);
    CHECK_BODY(&w, "0900 01 00 0c000000 04000000 00000000 34120000");
    struct cur c = wire_body(&w);
    struct smb2_error e;
    CHECK_INT(smb2_error_parse(&c, true, &e), WIRE_OK);
    CHECK_SLICE(e.data, "\x34\x12\0\0");
    CHECK_INT(e.context_count, 1);
    wire_sweep("error", WIRE_BYTES(w.base, w.len), 64, w.len, error_311_probe);
    wr_fini(&w);
}

static void test_symlink(void)
{
    const struct smb2_error_symlink link = {.unparsed_path_len_bytes = 6,
                                            .substitute_name = "ab",
                                            .print_name = "c",
                                            .flags = SMB2_SYMLINK_FLAG_RELATIVE};
    struct wr w = wire_msg();
    smb2_error_symlink_format(&w, false, &link);
    CHECK_BODY(&w, "0900 00 00 22000000 1e000000 53594d4c 0c0000a0 1200 0600 0000 0400 0400 0200 "
                   "01000000 61006200 6300");
    wr_fini(&w);
    w = wire_msg();
    smb2_error_symlink_format(&w, true, &link);
    CHECK_BODY(&w,
               "0900 01 00 2a000000 22000000 00000000 1e000000 53594d4c 0c0000a0 1200 0600 0000 "
               "0400 0400 0200 01000000 61006200 6300");
    wr_fini(&w);
}

static enum wire_err notify_probe(struct cur *c)
{
    struct chain ch = chain_init((struct wire_slice){.p = c->pos, .len = cur_left(c)}, 4, 100);
    struct cur e;
    while (chain_next(&ch, &e)) {
        struct notify_record r;
        enum wire_err err = notify_record_parse(&e, &r);
        wire_touch(r.name);
        if (err != WIRE_OK) {
            return err;
        }
    }
    return ch.err;
}

static void test_notify(void)
{
    struct wr w = wr_new(4096);
    struct notify_writer nw = notify_writer_init(&w, 30);
    CHECK(notify_writer_add(&nw, SMB2_FILE_ACTION_ADDED, "a"));
    CHECK(!notify_writer_add(&nw, SMB2_FILE_ACTION_REMOVED, "too")); /* would end at 34 */
    CHECK(notify_writer_add(&nw, SMB2_FILE_ACTION_MODIFIED, "b"));   /* ends at exactly 30 */
    CHECK(!notify_writer_add(&nw, SMB2_FILE_ACTION_MODIFIED, ""));
    uint8_t want[64];
    CHECK_MEM(w.base, w.len, want,
              test_hex(want, sizeof(want),
                       "10000000 01000000 02000000 6100 0000 00000000 03000000 02000000 6200"));
    wire_sweep("notify", WIRE_BYTES(w.base, w.len), 0, 0, notify_probe);
    wr_fini(&w);
    w = wr_new(4096);
    nw = notify_writer_init(&w, 13);
    CHECK(!notify_writer_add(&nw, 1, "a"));
    CHECK_INT(w.len, 0);
    wr_fini(&w);
}

static const struct test_case cases[] = {
    {"golden", test_golden},
    {"set info", test_set_info},
    {"read without its data", test_read_apart},
    {"output in place", test_output_in_place},
    {"oplock and lease breaks", test_breaks},
    {"errors", test_errors},
    {"symbolic link error", test_symlink},
    {"notify records", test_notify},
};
TEST_MAIN(cases)
