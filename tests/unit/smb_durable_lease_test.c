/* SPDX-License-Identifier: Apache-2.0 */
/* Durable handles with leases, and CREATEs that are sent again. */
#include "smb_durable.h"

#include "smb_fake_binding.h"
#include "smb_late.h"
#include "wire/oplock_break.h"

/* As durable_v2, with a lease; the way back to it. */
static struct ask leased_v2(void)
{
    struct ask a = durable_v2;
    a.oplock = SMB2_OPLOCK_LEVEL_LEASE;
    a.present |= SMB2_CTX_RQLS;
    a.key = 0x33;
    return a;
}

static struct ask back_leased_v2(const struct scene *s)
{
    struct ask back = back_v2(s);
    back.present |= SMB2_CTX_RQLS;
    back.key = 0x33;
    return back;
}

/* A lease is its client's alone, and names its file. */
static void test_lease(void)
{
    enum { GOOD, NO_LEASE, KEY, NAME, CLIENT, ROWS };
    static const char *const names[ROWS] = {"good", "no lease", "another key", "another name",
                                            "another client"};
    for (unsigned i = GOOD; i < ROWS; i++) {
        struct scene s;
        test_context("%s", names[i]);
        begin(&s);
        struct ask a = leased_v2();
        a.share = 7;
        lose(&s, &a);
        CHECK_INT(kept(&s), 1);
        struct ask back = back_leased_v2(&s);
        struct ask good = back;
        smbkit_status want =
            i == GOOD ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
        struct fake *by = &s.f;
        if (i == NO_LEASE) {
            back.present &= ~SMB2_CTX_RQLS;
        } else if (i == KEY) {
            back.key++;
        } else if (i == NAME) {
            back.name = "another";
            want = SMBKIT_STATUS_INVALID_PARAMETER;
        } else if (i == CLIENT) {
            by = &s.g;
            by->machine = 0x99;
            fake_enter(by, SMB2_DIALECT_311);
        }
        CHECK_INT(come_back(by, &back), want);
        if (by == &s.g) {
            fake_disconnect(by);
        }
        CHECK_INT(kept(&s), i == GOOD ? 0 : 1);
        if (i != GOOD) {
            CHECK_INT(come_back(&s.f, &good), SMBKIT_STATUS_SUCCESS);
        }
        end(&s);
    }
}

/* In the root of a namespace its client may name the file from the server on. [MS-SMB2] 3.3.5.9 */
static void test_lease_by_dfs_name(void)
{
    struct scene s;
    begin(&s);
    const struct smb_share_spec root = {.name = "mem", .volume = s.f.volume, .dfs_root = true};
    CHECK_INT(smb_server_share_set(s.f.server, &root), SMBKIT_STATUS_SUCCESS);
    struct ask a = leased_v2();
    a.name = "server\\mem\\file";
    a.flags = SMB2_FLAGS_DFS_OPERATIONS;
    lose(&s, &a);
    struct ask back = back_leased_v2(&s);
    back.flags = SMB2_FLAGS_DFS_OPERATIONS;
    back.name = "server\\mem\\another";
    CHECK_INT(come_back(&s.f, &back), SMBKIT_STATUS_INVALID_PARAMETER);
    back.name = a.name;
    back.flags = 0;
    CHECK_INT(come_back(&s.f, &back), SMBKIT_STATUS_INVALID_PARAMETER);
    back.flags = a.flags;
    CHECK_INT(come_back(&s.f, &back), SMBKIT_STATUS_SUCCESS);
    end(&s);
}

/* Somebody wants what a lease caches of which no client is there: it is closed. With another
 * session of the client it is told; what is kept is closed all the same where handles must go. */
static void test_lease_is_wanted(void)
{
    for (unsigned other_session = 0; other_session < 2; other_session++) {
        struct scene s;
        test_context("%s", other_session ? "its client is there" : "nobody is there");
        begin(&s);
        struct ask a = leased_v2();
        CHECK_INT(create(&s.f, &a, &s.rsp), SMBKIT_STATUS_SUCCESS);
        fake_disconnect(&s.f);
        if (other_session) {
            fake_enter(&s.f, SMB2_DIALECT_311);
        }
        CHECK_INT(kept(&s), 1);
        s.g.machine = 0x99;
        fake_enter(&s.g, SMB2_DIALECT_311);
        struct ask other = {.disposition = SMBKIT_OPEN, .share = 7};
        struct wr w = create_of(&s.g, &other);
        fake_submit(&s.g, &w);
        fake_pump(&s.g);
        CHECK_INT(kept(&s), 0);
        fake_pump(&s.g);
        struct fake_reply r = fake_take(&s.g);
        if (r.status == SMBKIT_STATUS_PENDING) {
            fake_reply_fini(&r);
            r = fake_take(&s.g);
        }
        struct smb2_create_rsp rsp = {0};
        CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
        fake_disconnect(&s.g);
        if (!other_session) {
            fake_enter(&s.f, SMB2_DIALECT_311);
        }
        end(&s);
    }
}

/* Somebody writes while its client is coming back: first it is told what it has, then of the break,
 * which it would take for one of before. */
static void test_break_on_the_way_back(void)
{
    struct scene s;
    struct smb2_create_rsp rsp = {0};
    late.at = 0;
    begin_over(&s, &late_filter);
    struct ask a = leased_v2();
    a.lease_v2 = true;
    a.share = 7;
    lose(&s, &a);
    s.g.machine = 0x99;
    fake_enter(&s.g, SMB2_DIALECT_311);
    struct ask other = {.disposition = SMBKIT_OPEN, .share = 7};
    CHECK_INT(create(&s.g, &other, &rsp), SMBKIT_STATUS_SUCCESS);
    struct ask back = back_leased_v2(&s);
    back.lease_v2 = true;
    late.at = 1;
    struct wr w = create_of(&s.f, &back);
    fake_submit(&s.f, &w);
    fake_pump(&s.f);
    REQUIRE(late.op);
    CHECK_INT(fake_write(&s.g, rsp.file_id, 0, "HELLO", 5), SMBKIT_STATUS_SUCCESS);
    fake_pump(&s.f);
    late_complete();
    fake_pump(&s.f);
    struct fake_reply r = fake_take(&s.f);
    if (r.status == SMBKIT_STATUS_PENDING) {
        fake_reply_fini(&r);
        r = fake_take(&s.f);
    }
    CHECK_INT(r.hdr.command, SMB2_CREATE);
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(rsp.ctxs.lease.state, SMB2_LEASE_READ_CACHING | SMB2_LEASE_HANDLE_CACHING);
    CHECK_INT(rsp.ctxs.lease.flags & SMB2_LEASE_FLAG_BREAK_IN_PROGRESS, 0);
    REQUIRE(fake_next(&s.f, &r));
    CHECK_INT(r.hdr.command, SMB2_OPLOCK_BREAK);
    struct smb2_lease_break_notify n;
    CHECK_INT(smb2_lease_break_notify_parse(&r.body, &n), WIRE_OK);
    CHECK_INT(n.current_state, rsp.ctxs.lease.state);
    CHECK_INT(n.new_state, 0);
    CHECK_INT(n.new_epoch, rsp.ctxs.lease.epoch + 1);
    fake_reply_fini(&r);
    fake_disconnect(&s.g);
    end(&s);
}

/* A break that has to wait for that leaves the client's other opens of the lease alone. */
static void test_two_on_the_way_back(void)
{
    struct scene s;
    struct smb2_create_rsp second = {0};
    late.at = 0;
    begin_over(&s, &late_filter);
    struct ask a = leased_v2();
    a.lease_v2 = a.writes = true;
    a.share = 7;
    struct ask b = a;
    b.guid = 0x78;
    CHECK_INT(create(&s.f, &b, &second), SMBKIT_STATUS_SUCCESS);
    lose(&s, &a);
    CHECK_INT(kept(&s), 2);
    struct ask back = back_leased_v2(&s);
    back.lease_v2 = true;
    late.at = 1;
    struct wr w = create_of(&s.f, &back);
    fake_submit(&s.f, &w);
    fake_pump(&s.f);
    REQUIRE(late.op);
    s.g.machine = 0x99;
    fake_enter(&s.g, SMB2_DIALECT_311);
    struct ask other = {.disposition = SMBKIT_OPEN, .share = 7};
    w = create_of(&s.g, &other);
    fake_submit(&s.g, &w);
    fake_pump(&s.g);
    fake_pump(&s.f);
    CHECK_INT(kept(&s), 1);
    late_complete();
    fake_pump(&s.f);
    struct fake_reply r;
    while (fake_next(&s.f, &r)) {
        fake_reply_fini(&r);
    }
    back.guid = 0x78;
    back.id = second.file_id;
    CHECK_INT(create(&s.f, &back, &second), SMBKIT_STATUS_SUCCESS);
    fake_disconnect(&s.g);
    end(&s);
}

/* ---- a CREATE that is sent again ---- */

/* [MS-SMB2] 3.3.5.9.10: once more the same answer, until the client has used the open. */
static void test_replay(void)
{
    struct scene s;
    struct smb2_create_rsp rsp = {0};
    begin(&s);
    struct ask a = durable_v2;
    CHECK_INT(create(&s.f, &a, &s.rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(create(&s.f, &a, &rsp), SMBKIT_STATUS_DUPLICATE_OBJECTID);
    a.flags = SMB2_FLAGS_REPLAY_OPERATION;
    CHECK_INT(create(&s.f, &a, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(rsp.file_id.persistent, s.rsp.file_id.persistent);
    CHECK_INT(rsp.file_id.volatile_id, s.rsp.file_id.volatile_id);
    CHECK_INT(rsp.create_action, SMB2_FILE_CREATED);
    CHECK_INT(rsp.ctxs.dh2q_timeout_ms, 20000);
    a.present |= SMB2_CTX_RQLS;
    a.oplock = SMB2_OPLOCK_LEVEL_LEASE;
    CHECK_INT(create(&s.f, &a, &rsp), SMBKIT_STATUS_ACCESS_DENIED);
    fake_enter(&s.g, SMB2_DIALECT_311); /* the same machine, another session */
    a = durable_v2;
    a.flags = SMB2_FLAGS_REPLAY_OPERATION;
    CHECK_INT(create(&s.g, &a, &rsp), SMBKIT_STATUS_DUPLICATE_OBJECTID);
    fake_disconnect(&s.g);
    CHECK_INT(fake_write(&s.f, s.rsp.file_id, 0, "x", 1), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(&s.f, s.rsp.file_id), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(create(&s.f, &a, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK(rsp.file_id.persistent != s.rsp.file_id.persistent);
    end(&s);
}

/* By another channel, whose ClientGuid may be another: it is the session's client's. */
static void test_replay_by_channel(void)
{
    struct fake f;
    struct fake g;
    struct smb2_create_rsp first = {0};
    struct smb2_create_rsp again = {0};
    struct smb2_negotiate_req req = fake_negotiate_req(SMB2_DIALECT_311);
    fake_init(&f);
    struct smb_config config = fake_config(&f);
    config.multichannel = true;
    fake_start(&f, &config);
    f.credits = 64;
    fake_enter(&f, SMB2_DIALECT_311);
    memset(req.client_guid, 0x99, sizeof(req.client_guid));
    fake_join(&g, &f, &req);
    CHECK_INT(fake_bind(&g, &f), SMBKIT_STATUS_SUCCESS);
    struct ask a = durable_v2;
    CHECK_INT(create(&f, &a, &first), SMBKIT_STATUS_SUCCESS);
    a.flags = SMB2_FLAGS_REPLAY_OPERATION;
    CHECK_INT(create(&g, &a, &again), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(again.file_id.persistent, first.file_id.persistent);
    fake_part(&g);
    fake_disconnect(&f);
    fake_stop(&f);
}

/* While the first one waits for an oplock of g's. */
static void test_replay_pending(void)
{
    struct scene s;
    struct smb2_create_rsp rsp = {0};
    begin(&s);
    s.g.machine = 0x99;
    fake_enter(&s.g, SMB2_DIALECT_311);
    struct ask other = {.disposition = SMBKIT_OPEN_IF, .share = 7, .oplock = 9};
    CHECK_INT(create(&s.g, &other, &rsp), SMBKIT_STATUS_SUCCESS);
    struct ask a = durable_v2;
    a.share = 7;
    struct wr w = create_of(&s.f, &a);
    fake_submit(&s.f, &w);
    fake_pump(&s.f);
    struct fake_reply r = fake_take(&s.f);
    CHECK_INT(r.status, SMBKIT_STATUS_PENDING);
    fake_reply_fini(&r);
    struct smb2_create_rsp again = {0};
    CHECK_INT(create(&s.f, &a, &again), SMBKIT_STATUS_DUPLICATE_OBJECTID);
    a.flags = SMB2_FLAGS_REPLAY_OPERATION;
    CHECK_INT(create(&s.f, &a, &again), SMBKIT_STATUS_FILE_NOT_AVAILABLE);
    fake_disconnect(&s.g); /* closes what was in the way */
    fake_pump(&s.f);
    r = fake_take(&s.f);
    CHECK_INT(fake_create_done(&r, &s.rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(create(&s.f, &a, &again), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(again.file_id.persistent, s.rsp.file_id.persistent);
    end(&s);
}

static const struct test_case cases[] = {
    {"sent again", test_replay},
    {"sent again by another channel", test_replay_by_channel},
    {"sent again while it waits", test_replay_pending},
    {"a lease", test_lease},
    {"lease, by a DFS name", test_lease_by_dfs_name},
    {"somebody wants a lease", test_lease_is_wanted},
    {"a break on the way back", test_break_on_the_way_back},
    {"two on the way back", test_two_on_the_way_back},
};
TEST_MAIN(cases)
