/* SPDX-License-Identifier: Apache-2.0 */
/* Whole conversations, from NEGOTIATE to the disconnect, on every dialect. */
#include <errno.h>

#include "smb_compound.h"

#include "wire/change_notify.h"
#include "wire/echo.h"
#include "wire/ioctl.h"
#include "wire/lock.h"
#include "wire/logoff.h"
#include "wire/oplock_break.h"
#include "wire/query_info.h"
#include "wire/set_info.h"

static const uint16_t all_dialects[] = {0x0202, 0x0210, 0x0300, 0x0302, 0x0311};

static void with_config(struct fake *f, void (*change)(struct smb_config *))
{
    fake_init(f);
    struct smb_config config = fake_config(f);
    if (change) {
        change(&config);
    }
    fake_start(f, &config);
}

static void test_round_trip(void)
{
    for (size_t i = 0; i < ARRAY_LEN(all_dialects); i++) {
        struct fake f;
        struct smb2_create_rsp rsp = {0};
        uint8_t buf[100];
        size_t len = 0;
        with_config(&f, NULL);
        fake_enter(&f, all_dialects[i]);
        CHECK_INT(fake_create(&f, "hello.txt", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_write(&f, rsp.file_id, 3, "hello", 5), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_write(&f, rsp.file_id, UINT64_MAX, "x", 1), SMBKIT_STATUS_INVALID_PARAMETER);
        CHECK_INT(fake_write(&f, rsp.file_id, INT64_MAX, "x", 1), SMBKIT_STATUS_INVALID_PARAMETER);
        CHECK_INT(fake_read(&f, rsp.file_id, 0, (struct crypto_span){buf, sizeof(buf)}, &len),
                  SMBKIT_STATUS_SUCCESS);
        CHECK_MEM(buf, len, "\0\0\0hello", 8);
        CHECK_INT(fake_read(&f, rsp.file_id, 8, (struct crypto_span){buf, 1}, &len),
                  SMBKIT_STATUS_END_OF_FILE);
        CHECK_INT(fake_close_file(&f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_close_file(&f, rsp.file_id), SMBKIT_STATUS_FILE_CLOSED);
        CHECK_INT(fake_create(&f, "HELLO.TXT", SMBKIT_CREATE, &rsp),
                  SMBKIT_STATUS_OBJECT_NAME_COLLISION);
        fake_disconnect(&f);
        fake_stop(&f);
    }
}

static void encrypt(struct smb_config *c)
{
    c->encryption = SMB_ENCRYPT_REQUIRED;
}

static void test_encrypted(void)
{
    for (size_t i = 2; i < ARRAY_LEN(all_dialects); i++) {
        struct fake f;
        struct smb2_create_rsp rsp = {0};
        uint8_t buf[8];
        size_t len = 0;
        with_config(&f, encrypt);
        fake_enter(&f, all_dialects[i]);
        CHECK(f.seals);
        CHECK_INT(fake_create(&f, "secret", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_write(&f, rsp.file_id, 0, "abc", 3), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_read(&f, rsp.file_id, 0, (struct crypto_span){buf, 3}, &len),
                  SMBKIT_STATUS_SUCCESS);
        CHECK_MEM(buf, len, "abc", 3);
        /* a plain message on an encrypted session is refused, and the refusal signed */
        f.seals = false;
        struct wr w = fake_request(&f, SMB2_LOGOFF);
        smb2_logoff_req_format(&w);
        struct fake_reply r = fake_ask(&f, &w);
        CHECK_INT(r.status, SMBKIT_STATUS_ACCESS_DENIED);
        fake_reply_fini(&r);
        fake_disconnect(&f);
        fake_stop(&f);
    }
}

/* A client that cannot encrypt does not get in where it must. */
static void test_encryption_impossible(void)
{
    struct fake f;
    struct smb2_negotiate_req req = fake_negotiate_req(0x0210);
    with_config(&f, encrypt);
    fake_connect(&f);
    CHECK_INT(fake_negotiate(&f, &req), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_login(&f, "Alice", "s3cret"), SMBKIT_STATUS_ACCESS_DENIED);
    fake_disconnect(&f);
    fake_stop(&f);
}

static void test_unsigned_refused(void)
{
    struct fake f;
    with_config(&f, NULL);
    fake_enter(&f, 0x0302);
    f.signs = false;
    struct wr w = fake_request(&f, SMB2_LOGOFF);
    smb2_logoff_req_format(&w);
    struct fake_reply r = fake_ask(&f, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_ACCESS_DENIED);
    fake_reply_fini(&r);
    w = fake_request(&f, SMB2_LOGOFF);
    smb2_logoff_req_format(&w);
    fake_sign(&f, w.base, wr_pos(&w));
    w.base[50] ^= 1;
    r = fake_ask(&f, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_ACCESS_DENIED);
    fake_reply_fini(&r);
    f.signs = true;
    CHECK_INT(fake_tree(&f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS); /* the session is unharmed */
    fake_disconnect(&f);
    fake_stop(&f);
}

static void test_login_failures(void)
{
    static const struct {
        const char *user;
        const char *password;
        smbkit_status want;
    } rows[] = {
        {"Alice", "wrong", SMBKIT_STATUS_LOGON_FAILURE},
        {"nobody", "x", SMBKIT_STATUS_LOGON_FAILURE},
        {"carol", "c", SMBKIT_STATUS_ACCOUNT_DISABLED},
        {"", NULL, SMBKIT_STATUS_LOGON_FAILURE},
    };
    struct fake f;
    struct smb2_negotiate_req req = fake_negotiate_req(0x0311);
    with_config(&f, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("%s", rows[i].user);
        fake_connect(&f);
        CHECK_INT(fake_negotiate(&f, &req), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_login(&f, rows[i].user, rows[i].password), rows[i].want);
        fake_disconnect(&f);
    }
    fake_stop(&f);
}

/* Failures cost the peer: after some the answer is held back, and time alone brings it. */
static void test_login_throttled(void)
{
    struct fake f;
    struct smb2_negotiate_req req = fake_negotiate_req(0x0311);
    with_config(&f, NULL);
    fake_connect(&f);
    CHECK_INT(fake_negotiate(&f, &req), SMBKIT_STATUS_SUCCESS);
    uint64_t before = f.now_ms;
    for (unsigned i = 0; i < 6; i++) {
        f.session_id = 0;
        CHECK_INT(fake_login(&f, "Alice", "wrong"), SMBKIT_STATUS_LOGON_FAILURE);
    }
    CHECK(f.now_ms > before);
    fake_disconnect(&f);
    fake_stop(&f);
}

/* ---- waiting ---- */

static struct wr notify_request(struct fake *f, struct smb2_file_id id)
{
    struct smb2_change_notify_req req = {
        .output_max = 1000, .file_id = id, .completion_filter = 0xfff};
    struct wr w = fake_request(f, SMB2_CHANGE_NOTIFY);
    smb2_change_notify_req_format(&w, &req);
    return w;
}

static struct smb2_file_id open_root(struct fake *f)
{
    struct smb2_create_rsp rsp = {0};
    CHECK_INT(fake_create(f, "", SMBKIT_OPEN, &rsp), SMBKIT_STATUS_SUCCESS);
    return rsp.file_id;
}

static uint64_t expect_pending(struct fake *f)
{
    struct fake_reply r = fake_take(f);
    CHECK_INT(r.status, SMBKIT_STATUS_PENDING);
    CHECK(r.hdr.flags & SMB2_FLAGS_ASYNC_COMMAND);
    CHECK(r.hdr.async_id != 0);
    uint64_t id = r.hdr.async_id;
    fake_reply_fini(&r);
    return id;
}

static void test_notify(void)
{
    struct fake f;
    struct smb2_create_rsp rsp = {0};
    with_config(&f, NULL);
    f.credits = 10;
    fake_enter(&f, 0x0311);
    struct smb2_file_id root = open_root(&f);
    struct wr w = notify_request(&f, root);
    fake_submit(&f, &w);
    uint64_t async_id = expect_pending(&f);
    w = fake_request(&f, SMB2_CREATE);
    fake_create_format(&w, "new", SMBKIT_CREATE, 0, 7);
    fake_submit(&f, &w);
    bool notified = false;
    bool created = false;
    for (unsigned i = 0; i < 2; i++) {
        struct fake_reply r = fake_take(&f);
        CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
        if (r.hdr.command == SMB2_CHANGE_NOTIFY) {
            struct smb2_change_notify_rsp n;
            CHECK_INT(r.hdr.async_id, async_id);
            CHECK_INT(r.hdr.credits, 0); /* the interim reply granted them */
            CHECK_INT(smb2_change_notify_rsp_parse(&r.body, &n), WIRE_OK);
            CHECK_MEM(n.output.p, n.output.len, "\0\0\0\0\1\0\0\0\6\0\0\0n\0e\0w\0", 18);
            notified = true;
        } else {
            CHECK_INT(smb2_create_rsp_parse(&r.body, &rsp), WIRE_OK);
            created = true;
        }
        fake_reply_fini(&r);
    }
    CHECK(notified && created);
    fake_disconnect(&f);
    fake_stop(&f);
}

static void test_cancel(void)
{
    struct fake f;
    with_config(&f, NULL);
    f.credits = 10;
    fake_enter(&f, 0x0311);
    struct smb2_file_id root = open_root(&f);
    for (unsigned by_async = 0; by_async < 2; by_async++) {
        struct wr w = notify_request(&f, root);
        uint64_t mid = f.mid - 1;
        fake_submit(&f, &w);
        uint64_t async_id = expect_pending(&f);
        fake_cancel(&f, by_async ? async_id + 7 : 0, mid + 7); /* nobody's id: nothing happens */
        CHECK_INT(f.sent_count, 0);
        fake_cancel(&f, by_async ? async_id : 0, by_async ? 0 : mid);
        struct fake_reply r = fake_take(&f);
        CHECK_INT(r.status, SMBKIT_STATUS_CANCELLED);
        CHECK_INT(r.hdr.message_id, mid);
        CHECK_INT(r.hdr.async_id, async_id);
        fake_reply_fini(&r);
    }
    fake_disconnect(&f);
    fake_stop(&f);
}

/* CLOSE ends what waits on the open; a lost connection ends everything. fake_stop checks that
 * nothing is left. */
static void test_close_while_waiting(void)
{
    struct fake f;
    with_config(&f, NULL);
    f.credits = 10;
    fake_enter(&f, 0x0311);
    struct smb2_file_id root = open_root(&f);
    struct wr w = notify_request(&f, root);
    fake_submit(&f, &w);
    (void)expect_pending(&f);
    struct smb2_close_req req = {.file_id = root};
    w = fake_request(&f, SMB2_CLOSE);
    smb2_close_req_format(&w, &req);
    fake_submit(&f, &w);
    unsigned seen = 0;
    struct fake_reply r;
    while (fake_next(&f, &r)) {
        CHECK_INT(r.status, r.hdr.command == SMB2_CLOSE ? SMBKIT_STATUS_SUCCESS
                                                        : SMBKIT_STATUS_NOTIFY_CLEANUP);
        seen |= 1u << r.hdr.command;
        fake_reply_fini(&r);
    }
    CHECK_INT(seen, 1u << SMB2_CLOSE | 1u << SMB2_CHANGE_NOTIFY);
    root = open_root(&f);
    w = notify_request(&f, root);
    fake_submit(&f, &w);
    (void)expect_pending(&f);
    fake_disconnect(&f);
    fake_stop(&f);
}

/* ---- oplocks ---- */

static void test_oplock_break(void)
{
    for (unsigned answered = 0; answered < 2; answered++) {
        struct fake f;
        struct smb2_create_rsp first = {0};
        struct smb2_create_rsp second = {0};
        with_config(&f, NULL);
        f.credits = 10;
        fake_enter(&f, 0x0311);
        struct wr w = fake_request(&f, SMB2_CREATE);
        fake_create_format(&w, "f", SMBKIT_CREATE, SMB2_OPLOCK_LEVEL_BATCH, 7);
        struct fake_reply r = fake_ask(&f, &w);
        CHECK_INT(fake_create_done(&r, &first), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(first.oplock_level, SMB2_OPLOCK_LEVEL_BATCH);
        w = fake_request(&f, SMB2_CREATE);
        fake_create_format(&w, "f", SMBKIT_OPEN, SMB2_OPLOCK_LEVEL_II, 7);
        fake_submit(&f, &w);
        bool broke = false;
        for (unsigned i = 0; i < 2; i++) {
            CHECK(fake_next(&f, &r));
            if (r.hdr.command == SMB2_OPLOCK_BREAK) {
                struct smb2_oplock_break b;
                CHECK_INT(r.hdr.message_id, UINT64_MAX);
                CHECK_INT(smb2_oplock_break_rsp_parse(&r.body, &b), WIRE_OK);
                CHECK_INT(b.oplock_level, SMB2_OPLOCK_LEVEL_II);
                CHECK(b.file_id.volatile_id == first.file_id.volatile_id);
                broke = true;
            } else {
                CHECK_INT(r.status, SMBKIT_STATUS_PENDING);
            }
            fake_reply_fini(&r);
        }
        CHECK(broke);
        if (answered) {
            struct smb2_oplock_break ack = {.oplock_level = SMB2_OPLOCK_LEVEL_II,
                                            .file_id = first.file_id};
            w = fake_request(&f, SMB2_OPLOCK_BREAK);
            smb2_oplock_break_req_format(&w, &ack);
            fake_submit(&f, &w);
        } else {
            fake_pass(&f, 36000);
        }
        while (fake_next(&f, &r)) {
            CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
            if (r.hdr.command == SMB2_CREATE) {
                CHECK_INT(fake_create_done(&r, &second), SMBKIT_STATUS_SUCCESS);
                CHECK_INT(second.oplock_level,
                          answered ? SMB2_OPLOCK_LEVEL_II : second.oplock_level);
            }
            fake_reply_fini(&r);
        }
        CHECK(second.file_id.volatile_id != 0);
        fake_disconnect(&f);
        fake_stop(&f);
    }
}

/* ---- compounds ---- */

/* Create, write and close in one frame; the three answers come in one frame too, each signed. */
static void test_compound(void)
{
    for (unsigned sealed = 0; sealed < 2; sealed++) {
        struct fake f;
        struct compound c = {.w = wr_new(1 << 20)};
        with_config(&f, sealed ? encrypt : NULL);
        f.credits = 10;
        fake_enter(&f, 0x0311);
        struct wr w = fake_request(&f, SMB2_CREATE);
        fake_create_format(&w, "c", SMBKIT_CREATE, 0, 7);
        compound_add(&f, &c, &w, false);
        struct smb2_write_req wq = {
            .length = 3, .file_id = any, .data = {(const uint8_t *)"xyz", 3}};
        w = fake_request(&f, SMB2_WRITE);
        smb2_write_req_format(&w, &wq);
        compound_add(&f, &c, &w, true);
        struct smb2_close_req cq = {.file_id = any, .flags = SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB};
        w = fake_request(&f, SMB2_CLOSE);
        smb2_close_req_format(&w, &cq);
        compound_add(&f, &c, &w, true);
        compound_send(&f, &c);
        struct fake_reply r;
        REQUIRE(fake_next(&f, &r));
        static const uint16_t commands[] = {SMB2_CREATE, SMB2_WRITE, SMB2_CLOSE};
        size_t at = 0;
        for (unsigned i = 0; i < 3; i++) {
            struct cur body = cur_init(r.p + at, r.len - at);
            struct smb2_hdr h;
            CHECK_INT(smb2_hdr_parse(&body, &h), WIRE_OK);
            CHECK_INT(h.command, commands[i]);
            CHECK_INT(h.status, 0);
            CHECK_INT(h.next_command == 0, i == 2);
            size_t len = h.next_command ? h.next_command : r.len - at;
            if (!sealed) {
                fake_check_signature(&f, r.p + at, len, &h);
            }
            if (i == 2) {
                struct smb2_close_rsp rsp;
                CHECK_INT(smb2_close_rsp_parse(&body, &rsp), WIRE_OK);
                CHECK_INT(rsp.end_of_file, 3);
            }
            at += len;
        }
        fake_reply_fini(&r);
        fake_disconnect(&f);
        fake_stop(&f);
    }
}

/* What needs the file of a CREATE that failed fails alike; a related request cannot come first. */
static void test_compound_failures(void)
{
    struct fake f;
    struct compound c = {.w = wr_new(1 << 20)};
    with_config(&f, NULL);
    f.credits = 10;
    fake_enter(&f, 0x0311);
    struct wr w = fake_request(&f, SMB2_CREATE);
    fake_create_format(&w, "missing", SMBKIT_OPEN, 0, 7);
    compound_add(&f, &c, &w, false);
    struct smb2_close_req cq = {.file_id = any};
    w = fake_request(&f, SMB2_CLOSE);
    smb2_close_req_format(&w, &cq);
    compound_add(&f, &c, &w, true);
    compound_send(&f, &c);
    struct fake_reply r;
    REQUIRE(fake_next(&f, &r));
    struct cur second = cur_init(r.p + r.hdr.next_command, r.len - r.hdr.next_command);
    struct smb2_hdr h;
    CHECK_INT(smb2_hdr_parse(&second, &h), WIRE_OK);
    CHECK_INT(r.status, SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT((smbkit_status)h.status, SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    fake_reply_fini(&r);
    w = fake_request(&f, SMB2_CLOSE);
    smb2_close_req_format(&w, &cq);
    w.base[16] |= SMB2_FLAGS_RELATED_OPERATIONS;
    r = fake_ask(&f, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_INVALID_PARAMETER);
    fake_reply_fini(&r);
    fake_disconnect(&f);
    fake_stop(&f);
}

/* ---- hostile frames ---- */

/* Any single byte of a request changed, any truncation: an answer or the end of the connection, and
 * nothing left behind. */
static void test_mutations(void)
{
    struct fake f;
    struct smb2_negotiate_req req = fake_negotiate_req(0x0210);
    with_config(&f, NULL);
    struct wr w = fake_request(&f, SMB2_NEGOTIATE);
    smb2_negotiate_req_format(&w, &req);
    for (size_t i = 0; i < wr_pos(&w) * 2; i++) {
        test_context("byte %zu", i);
        fake_connect(&f);
        if (i < wr_pos(&w)) {
            w.base[i] ^= 0xff;
            fake_deliver(&f, w.base, wr_pos(&w));
            w.base[i] ^= 0xff;
        } else {
            fake_deliver(&f, w.base, i - wr_pos(&w) + 1);
        }
        fake_disconnect(&f);
    }
    wr_fini(&w);
    fake_stop(&f);
}

/* The same after log-in for a CREATE; signing is off for it, so that the change gets past the
 * signature. */
static void no_signing(struct smb_config *c)
{
    c->signing_required = false;
}

static void test_mutated_create(void)
{
    struct fake f;
    with_config(&f, no_signing);
    fake_enter(&f, 0x0210);
    struct wr w = wr_new(1 << 16);
    for (size_t i = 0; i < 400; i++) {
        test_context("byte %zu", i);
        if (f.closed) {
            fake_disconnect(&f);
            fake_enter(&f, 0x0210);
        }
        f.signs = false;
        w = fake_request(&f, SMB2_CREATE);
        fake_create_format(&w, "mutant", SMBKIT_OPEN_IF, 0, 7);
        if (i < wr_pos(&w)) {
            w.base[i] ^= (uint8_t)(1u << (i % 8));
        }
        fake_submit(&f, &w);
        struct fake_reply r;
        while (fake_next(&f, &r)) {
            fake_reply_fini(&r);
        }
    }
    fake_disconnect(&f);
    fake_stop(&f);
}

/* Message ids outside the window end the connection; the limit on frames before log-in holds to the
 * byte. */
static void test_window(void)
{
    struct fake f;
    struct smb2_negotiate_req req = fake_negotiate_req(0x0210);
    with_config(&f, NULL);
    fake_connect(&f);
    f.mid = 5;
    struct wr w = fake_request(&f, SMB2_NEGOTIATE);
    smb2_negotiate_req_format(&w, &req);
    fake_submit(&f, &w);
    CHECK(f.closed);
    CHECK_INT(f.sent_count, 0);
    static const struct {
        uint32_t size;
        int want;
    } rows[] = {{50 * 1024 - 1, 0}, {50 * 1024, 0}, {50 * 1024 + 1, -EMSGSIZE}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t size = 0;
        uint8_t header[4] = {0, (uint8_t)(rows[i].size >> 16), (uint8_t)(rows[i].size >> 8),
                             (uint8_t)rows[i].size};
        CHECK_INT(smb_conn_frame_size(f.conn, header, &size), rows[i].want);
    }
    fake_disconnect(&f);
    fake_stop(&f);
}

/* [MS-FSCC] 2.4: FileHardLinkInformation is of local use, so [MS-SMB2] 2.2.37 does not list it and
 * 3.3.5.20.1 refuses it; 3.3.5.9 refuses the opening by a file's id, and two options more. */
static void test_local_only(void)
{
    static const struct {
        uint8_t info_class;
        smbkit_status want;
    } rows[] = {{SMB2_FILE_HARD_LINK_INFO, SMBKIT_STATUS_NOT_SUPPORTED},
                {SMB2_FILE_STANDARD_LINK_INFO, SMBKIT_STATUS_SUCCESS},
                {200, SMBKIT_STATUS_INVALID_INFO_CLASS}};
    static const uint32_t options[] = {SMB2_FILE_OPEN_BY_FILE_ID, SMB2_FILE_RESERVE_OPFILTER, 0x80};
    struct fake f;
    struct smb2_create_rsp rsp = {0};
    with_config(&f, NULL);
    fake_enter(&f, 0x0311);
    CHECK_INT(fake_create(&f, "f", SMBKIT_CREATE, &rsp), SMBKIT_STATUS_SUCCESS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct smb2_query_info_req req = {.info_type = SMB2_0_INFO_FILE,
                                                .info_class = rows[i].info_class,
                                                .output_max = 1024,
                                                .file_id = rsp.file_id};
        struct wr w = fake_request(&f, SMB2_QUERY_INFO);
        smb2_query_info_req_format(&w, &req);
        struct fake_reply r = fake_ask(&f, &w);
        CHECK_INT(r.status, rows[i].want);
        fake_reply_fini(&r);
    }
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        struct wr w = fake_request(&f, SMB2_CREATE);
        fake_create_format(&w, "f", SMBKIT_OPEN, 0, 7);
        wr_put_u32(&w, SMB2_HDR_SIZE + 40, options[i]); /* CreateOptions */
        struct fake_reply r = fake_ask(&f, &w);
        CHECK_INT(r.status, SMBKIT_STATUS_NOT_SUPPORTED);
        fake_reply_fini(&r);
    }
    fake_disconnect(&f);
    fake_stop(&f);
}

static const struct test_case cases[] = {
    {"round trip on every dialect", test_round_trip},
    {"encrypted", test_encrypted},
    {"encryption impossible", test_encryption_impossible},
    {"unsigned and wrongly signed refused", test_unsigned_refused},
    {"log-in failures", test_login_failures},
    {"log-in throttled", test_login_throttled},
    {"notify", test_notify},
    {"cancel", test_cancel},
    {"close while waiting", test_close_while_waiting},
    {"oplock break", test_oplock_break},
    {"compound", test_compound},
    {"compound failures", test_compound_failures},
    {"mutated negotiate", test_mutations},
    {"mutated create", test_mutated_create},
    {"window and frame bound", test_window},
    {"what is of local use only", test_local_only},
};
TEST_MAIN(cases)
