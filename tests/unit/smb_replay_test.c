/* SPDX-License-Identifier: Apache-2.0 */
/* A CREATE that is under way when its channel is lost, and is sent again on another one of its
 * session. [MS-SMB2] 3.2.7.1, 3.3.5.9.10, 3.3.7.1 */
#include "smb_durable.h"
#include "smb_fake_binding.h"

#include "wire/empty.h"

/* f and g: two channels of one session; other: a machine that has the file open, with an oplock. */
struct lost {
    struct fake f;
    struct fake g;
    struct fake other;
    struct smb2_create_rsp theirs;
};

static void connect_all(struct lost *s)
{
    struct smb2_negotiate_req req = fake_negotiate_req(SMB2_DIALECT_311);
    *s = (struct lost){0};
    fake_init(&s->f);
    struct smb_config config = fake_config(&s->f);
    config.multichannel = true;
    fake_start(&s->f, &config);
    s->f.credits = 64;
    fake_enter(&s->f, SMB2_DIALECT_311);
    fake_join(&s->g, &s->f, NULL);
    CHECK_INT(fake_bind(&s->g, &s->f), SMBKIT_STATUS_SUCCESS);
    memset(req.client_guid, 0x99, sizeof(req.client_guid));
    fake_join(&s->other, &s->f, &req);
    CHECK_INT(fake_login(&s->other, "Alice", "s3cret"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_tree(&s->other, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
    const struct ask a = {.disposition = SMBKIT_OPEN_IF, .share = 7, .oplock = 9};
    CHECK_INT(create(&s->other, &a, &s->theirs), SMBKIT_STATUS_SUCCESS);
}

static struct smb_server_stats stats_now(struct lost *s)
{
    struct smb_server_stats stats;
    smb_server_stats(s->f.server, &stats);
    return stats;
}

static struct ask what_is_asked(uint8_t oplock)
{
    struct ask a = durable_v2;
    a.share = 7;
    a.oplock = oplock;
    if (oplock == SMB2_OPLOCK_LEVEL_LEASE) {
        a.present |= SMB2_CTX_RQLS;
        a.key = 0x31;
    }
    return a;
}

/* f's CREATE waits for the other machine. */
static void ask_and_wait(struct lost *s, const struct ask *a)
{
    struct wr w = create_of(&s->f, a);
    struct fake_reply r = fake_ask(&s->f, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_PENDING);
    fake_reply_fini(&r);
    CHECK(fake_next(&s->other, &r));
    CHECK_INT(r.hdr.command, SMB2_OPLOCK_BREAK);
    fake_reply_fini(&r);
    CHECK_INT(stats_now(s).waiting_now, 1);
}

/* Its channel is gone; not its connection, if the CREATE goes on. */
static void lose_channel(struct lost *s, bool goes_on)
{
    smb_conn_closed(s->f.conn);
    fake_pump(&s->f);
    CHECK_INT(s->f.released, !goes_on);
    CHECK_INT(stats_now(s).waiting_now, goes_on ? 1 : 0);
}

/* f has nothing left. */
static void leave_all(struct lost *s)
{
    CHECK(s->f.released);
    crypto_signer_free(s->f.signer);
    crypto_sealer_free(s->f.seal_in);
    crypto_sealer_free(s->f.seal_out);
    fake_stop(&s->f);
}

static smbkit_status again(struct lost *s, struct ask a, struct smb2_create_rsp *rsp)
{
    a.flags = SMB2_FLAGS_REPLAY_OPERATION;
    return create(&s->g, &a, rsp);
}

/* Who sends it again hears that it is under way, and then what became of it. */
static void test_goes_on(void)
{
    static const uint8_t levels[] = {SMB2_OPLOCK_LEVEL_NONE, SMB2_OPLOCK_LEVEL_BATCH,
                                     SMB2_OPLOCK_LEVEL_LEASE};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        struct lost s;
        struct smb2_create_rsp rsp = {0};
        test_context("level %u", levels[i]);
        connect_all(&s);
        const struct ask a = what_is_asked(levels[i]);
        ask_and_wait(&s, &a);
        lose_channel(&s, true);
        CHECK_INT(again(&s, a, &rsp), SMBKIT_STATUS_FILE_NOT_AVAILABLE);
        CHECK_INT(create(&s.g, &a, &rsp), SMBKIT_STATUS_DUPLICATE_OBJECTID);
        CHECK_INT(fake_close_file(&s.other, s.theirs.file_id), SMBKIT_STATUS_SUCCESS);
        CHECK(s.f.released);
        CHECK_INT(s.f.sent_count, 0);
        CHECK_INT(again(&s, a, &rsp), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(rsp.create_action, SMB2_FILE_OPENED);
        CHECK_INT(rsp.oplock_level, levels[i]);
        CHECK_INT(rsp.ctxs.dh2q_timeout_ms, levels[i] ? 20000 : 0);
        CHECK_INT(stats_now(&s).opens_now, 1);
        CHECK_INT(fake_write(&s.g, rsp.file_id, 0, "x", 1), SMBKIT_STATUS_SUCCESS);
        fake_part(&s.other);
        fake_part(&s.g);
        leave_all(&s);
    }
}

/* What ends it though: that it may be sent again to nobody. */
static void test_ends(void)
{
    enum { NO_GUID, NO_CHANNEL, CHANNEL, LOGOFF, TREE, ROWS };
    static const char *const names[ROWS] = {"no CreateGuid", "the only channel", "the last channel",
                                            "logoff", "tree disconnect"};
    for (unsigned i = 0; i < ROWS; i++) {
        struct lost s;
        test_context("%s", names[i]);
        connect_all(&s);
        struct ask a = what_is_asked(SMB2_OPLOCK_LEVEL_BATCH);
        a.present = i == NO_GUID ? 0 : a.present;
        if (i == NO_CHANNEL) {
            fake_part(&s.g);
        }
        ask_and_wait(&s, &a);
        lose_channel(&s, i > NO_CHANNEL);
        if (i == LOGOFF || i == TREE) {
            struct wr w = fake_request(&s.g, i == LOGOFF ? SMB2_LOGOFF : SMB2_TREE_DISCONNECT);
            smb2_empty_format(&w);
            struct fake_reply r = fake_ask(&s.g, &w);
            CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
            fake_reply_fini(&r);
            CHECK_INT(stats_now(&s).waiting_now, 0);
        }
        if (i != NO_CHANNEL) {
            fake_part(&s.g);
        }
        CHECK_INT(stats_now(&s).waiting_now, 0);
        fake_part(&s.other);
        leave_all(&s);
    }
}

/* Asked what the client may with the file, and which it is: the same as at first. */
static void check_told(const struct smb2_create_rsp *made, const struct smb2_create_rsp *again)
{
    CHECK_INT(again->ctxs.present & (SMB2_CTX_MXAC | SMB2_CTX_QFID), SMB2_CTX_MXAC | SMB2_CTX_QFID);
    CHECK_INT(again->ctxs.mxac_status, SMBKIT_STATUS_SUCCESS);
    CHECK_INT(again->ctxs.mxac_access, SMBKIT_ALL_ACCESS);
    CHECK_INT(again->ctxs.mxac_access, made->ctxs.mxac_access);
    CHECK_MEM(again->ctxs.qfid, 32, made->ctxs.qfid, 32);
}

static void test_contexts(void)
{
    struct scene s;
    struct smb2_create_rsp rsp = {0};
    begin(&s);
    struct ask a = durable_v2;
    a.present |= SMB2_CTX_MXAC | SMB2_CTX_QFID;
    CHECK_INT(create(&s.f, &a, &s.rsp), SMBKIT_STATUS_SUCCESS);
    a.flags = SMB2_FLAGS_REPLAY_OPERATION;
    CHECK_INT(create(&s.f, &a, &rsp), SMBKIT_STATUS_SUCCESS);
    check_told(&s.rsp, &rsp);
    fake_disconnect(&s.f);
    fake_enter(&s.f, SMB2_DIALECT_311);
    a = back_v2(&s);
    a.present |= SMB2_CTX_MXAC | SMB2_CTX_QFID;
    CHECK_INT(create(&s.f, &a, &rsp), SMBKIT_STATUS_SUCCESS);
    check_told(&s.rsp, &rsp);
    end(&s);
}

static const struct test_case cases[] = {
    {"contexts of the answer", test_contexts},
    {"goes on without its channel", test_goes_on},
    {"ends with what it would be told to", test_ends},
};
TEST_MAIN(cases)
