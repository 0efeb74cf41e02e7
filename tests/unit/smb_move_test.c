/* SPDX-License-Identifier: Apache-2.0 */
/* A share gets another volume under live handles: what goes on there, and what ends. */
#include "smb_move.h"

static void test_goes_on(void)
{
    struct move m;
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new one");
    struct smb2_file_id id = open_it(&m.p.f, "a");
    check_reads(&m.p.f, id, "old");
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.moved, 1);
    CHECK_INT(m.out.closed, 0);
    check_reads(&m.p.f, id, "new one");
    CHECK_INT(fake_write(&m.p.f, id, 0, "NEW", 3), SMBKIT_STATUS_SUCCESS);
    struct smb2_file_id there = open_it(&m.p.g, "a");
    check_reads(&m.p.g, there, "NEW one");
    CHECK_INT(fake_close_file(&m.p.f, id), SMBKIT_STATUS_SUCCESS);
    check_reads(&m.p.f, open_it(&m.p.f, "a"), "NEW one");
    move_end(&m);
}

/* There and back, again and again: nothing of the volumes is left behind. */
static void test_back(void)
{
    struct move m;
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new one");
    struct smb2_file_id id = open_it(&m.p.f, "a");
    struct vfs_volume *volumes[] = {m.volume, m.p.f.volume};
    for (unsigned i = 0; i < 5; i++) {
        m.volume = volumes[i % 2];
        CHECK_INT(replace(&m, SMB_HANDLES_MOVE_ALL), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(m.out.moved, 1);
        check_reads(&m.p.f, id, i % 2 ? "old" : "new one");
        CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS); /* it is there */
        CHECK_INT(m.out.moved, 0);
    }
    m.volume = volumes[0];
    move_end(&m);
}

static void test_errors(void)
{
    struct move m;
    struct smb_moved out;
    move_begin(&m);
    struct smb_share_spec spec = {.name = "none", .volume = m.volume};
    CHECK_INT(smb_server_share_replace(m.p.f.server, &spec, SMB_HANDLES_MOVE, &out),
              SMBKIT_STATUS_BAD_NETWORK_NAME);
    spec.name = "IPC$";
    CHECK_INT(smb_server_share_replace(m.p.f.server, &spec, SMB_HANDLES_MOVE, &out),
              SMBKIT_STATUS_BAD_NETWORK_NAME);
    spec = (struct smb_share_spec){.name = "mem"};
    CHECK_INT(smb_server_share_replace(m.p.f.server, &spec, SMB_HANDLES_MOVE, &out),
              SMBKIT_STATUS_INVALID_PARAMETER);
    move_end(&m);
}

static void test_close(void)
{
    struct move m;
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    struct smb2_file_id id = open_it(&m.p.f, "a");
    CHECK_INT(replace(&m, SMB_HANDLES_CLOSE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.closed, 1);
    CHECK(smb_server_enforce(m.p.f.server));
    fake_pump(&m.p.f);
    CHECK_INT(read_status(&m.p.f, id), SMBKIT_STATUS_NETWORK_NAME_DELETED);
    CHECK_INT(fake_tree(&m.p.f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
    check_reads(&m.p.f, open_it(&m.p.f, "a"), "new");
    move_end(&m);
}

/* What is not there, or is another thing there, ends; the tree connect stays. */
static void test_others_end(void)
{
    struct move m;
    struct smb2_create_rsp rsp = {0};
    move_begin(&m);
    put(&m.p.f, "gone", "1");
    put(&m.p.f, "kind", "2");
    put(&m.p.f, "stays", "3");
    put(&m.p.g, "stays", "4");
    CHECK_INT(fake_create_dir(&m.p.g, "kind", &rsp), SMBKIT_STATUS_SUCCESS);
    struct smb2_file_id gone = open_it(&m.p.f, "gone");
    struct smb2_file_id kind = open_it(&m.p.f, "kind");
    struct smb2_file_id stays = open_it(&m.p.f, "stays");
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.moved, 1);
    CHECK_INT(m.out.closed, 2);
    CHECK_INT(read_status(&m.p.f, gone), SMBKIT_STATUS_FILE_CLOSED);
    CHECK_INT(read_status(&m.p.f, kind), SMBKIT_STATUS_FILE_CLOSED);
    CHECK_INT(fake_close_file(&m.p.f, kind), SMBKIT_STATUS_FILE_CLOSED);
    check_reads(&m.p.f, stays, "4");
    check_reads(&m.p.f, open_it(&m.p.f, "stays"), "4");
    CHECK_INT(fake_create(&m.p.f, "gone", SMBKIT_OPEN, &rsp), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    move_end(&m);
}

/* All or nothing. */
static void test_all(void)
{
    struct move m;
    struct smb2_create_rsp rsp = {0};
    struct fake_reply r;
    const struct smb2_lease lease = lease_of(1, RWH, 0);
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    put(&m.p.f, "gone", "1");
    CHECK_INT(open_leased(&m.p.f, "a", &lease, &rsp), SMBKIT_STATUS_SUCCESS);
    struct smb2_file_id gone = open_it(&m.p.f, "gone");
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE_ALL), SMBKIT_STATUS_SHARING_VIOLATION);
    CHECK_INT(m.out.moved, 0);
    CHECK_INT(m.out.closed, 1);
    CHECK(!fake_next(&m.p.f, &r)); /* no break */
    check_reads(&m.p.f, rsp.file_id, "old");
    check_reads(&m.p.f, gone, "1");
    CHECK_INT(fake_close_file(&m.p.f, gone), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(&m.p.f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
    struct smb2_file_id id = open_it(&m.p.f, "a");
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE_ALL), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.moved, 1);
    check_reads(&m.p.f, id, "new");
    move_end(&m);
}

/* What somebody has open in the new volume is in the way of what does not go with it. */
static void test_in_the_way(void)
{
    struct move m;
    struct smb2_create_rsp rsp = {0};
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    struct smb2_file_id id = open_it(&m.p.f, "a");
    struct wr w = fake_request(&m.p.g, SMB2_CREATE);
    fake_create_format(&w, "a", SMBKIT_OPEN, 0, 0);
    struct fake_reply r = fake_ask(&m.p.g, &w);
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE_ALL), SMBKIT_STATUS_SHARING_VIOLATION);
    check_reads(&m.p.f, id, "old");
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.closed, 1);
    CHECK_INT(read_status(&m.p.f, id), SMBKIT_STATUS_FILE_CLOSED);
    check_reads(&m.p.g, rsp.file_id, "new");
    move_end(&m);
}

/* Its share modes go with it. */
static void test_share_modes(void)
{
    struct move m;
    struct smb2_create_rsp rsp = {0};
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    struct wr w = fake_request(&m.p.f, SMB2_CREATE);
    fake_create_format(&w, "a", SMBKIT_OPEN, 0, 0);
    struct fake_reply r = fake_ask(&m.p.f, &w);
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    struct smb2_create_rsp other = {0};
    CHECK_INT(fake_create(&m.p.g, "a", SMBKIT_OPEN, &other), SMBKIT_STATUS_SHARING_VIOLATION);
    CHECK_INT(fake_close_file(&m.p.f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
    (void)open_it(&m.p.g, "a");
    move_end(&m);
}

static void test_streams(void)
{
    struct move m;
    move_begin(&m);
    put(&m.p.f, "a:s", "old");
    put(&m.p.f, "b:s", "old");
    put(&m.p.g, "a:s", "new");
    put(&m.p.g, "b", "new");
    struct smb2_file_id a = open_it(&m.p.f, "a:s");
    struct smb2_file_id b = open_it(&m.p.f, "b:s");
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.moved, 1);
    CHECK_INT(m.out.closed, 1);
    check_reads(&m.p.f, a, "new");
    CHECK_INT(read_status(&m.p.f, b), SMBKIT_STATUS_FILE_CLOSED);
    move_end(&m);
}

/* What is to be deleted with it is, where it was. */
static void test_delete_on_close(void)
{
    struct move m;
    struct smb2_create_rsp rsp = {0};
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    struct wr w = fake_request(&m.p.f, SMB2_CREATE);
    fake_create_format(&w, "a", SMBKIT_OPEN, 0, 7);
    wr_put_u32(&w, SMB2_HDR_SIZE + 40, VFS_DELETE_ON_CLOSE);
    struct fake_reply r = fake_ask(&m.p.f, &w);
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.closed, 1);
    check_reads(&m.p.g, open_it(&m.p.g, "a"), "new");
    struct vfs_volume *two = m.volume;
    m.volume = m.p.f.volume;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_create(&m.p.f, "a", SMBKIT_OPEN, &rsp), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    m.volume = two;
    move_end(&m);
}

/* ---- what it caches by ---- */

static void flush_and_ack(struct move *m)
{
    if (!m->is_over && m->p.f.taken < m->p.f.sent_count) {
        m->is_over = true;
        check_break(&m->p.f, 1, RWH, 0, 2);
        CHECK_INT(fake_write(&m->p.f, m->id, 0, "OLD", 3), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(ack(&m->p.f, 1, 0), SMBKIT_STATUS_SUCCESS);
    }
}

static void test_lease(void)
{
    struct move m;
    struct smb2_create_rsp rsp = {0};
    const struct smb2_lease lease = lease_of(1, RWH, 0);
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    CHECK_INT(open_leased(&m.p.f, "a", &lease, &rsp), SMBKIT_STATUS_SUCCESS);
    m.id = rsp.file_id;
    m.meanwhile = flush_and_ack;
    struct vfs_volume *two = m.volume;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK(m.is_over);
    CHECK_INT(m.out.moved, 1);
    check_reads(&m.p.f, m.id, "new");
    CHECK_INT(fake_close_file(&m.p.f, m.id), SMBKIT_STATUS_SUCCESS);
    /* The key is free for it in the new volume ... */
    CHECK_INT(open_leased(&m.p.f, "a", &lease, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(rsp.ctxs.lease.state, RWH);
    CHECK_INT(fake_close_file(&m.p.f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
    /* ... and what was flushed is in the old. */
    m.volume = m.p.f.volume;
    m.meanwhile = NULL;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    check_reads(&m.p.f, open_it(&m.p.f, "a"), "OLD");
    m.volume = two;
    move_end(&m);
}

static void others_go_on(struct move *m)
{
    struct smb2_create_rsp rsp = {0};
    const struct smb2_lease lease = lease_of(2, RWH, 0);
    if (!m->is_over && m->p.f.taken < m->p.f.sent_count) {
        m->is_over = true;
        CHECK(!gate_is_closed(m));
        check_break(&m->p.f, 1, RWH, 0, 2);
        CHECK_INT(open_leased(&m->p.f, "b", &lease, &rsp), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(rsp.ctxs.lease.state, 0); /* which would be broken at once */
        CHECK_INT(fake_close_file(&m->p.f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(ack(&m->p.f, 1, 0), SMBKIT_STATUS_SUCCESS);
    }
}

/* While somebody is waited for who caches, files are opened as ever. */
static void test_lease_holds_nobody_up(void)
{
    static const enum smb_handles how[] = {SMB_HANDLES_MOVE, SMB_HANDLES_MOVE_ALL};
    for (unsigned i = 0; i < ARRAY_LEN(how); i++) {
        struct move m;
        struct smb2_create_rsp rsp = {0};
        const struct smb2_lease lease = lease_of(1, RWH, 0);
        move_begin(&m);
        put(&m.p.f, "a", "old");
        put(&m.p.f, "b", "old");
        put(&m.p.g, "a", "new");
        CHECK_INT(open_leased(&m.p.f, "a", &lease, &rsp), SMBKIT_STATUS_SUCCESS);
        m.meanwhile = others_go_on;
        CHECK_INT(replace(&m, how[i]), SMBKIT_STATUS_SUCCESS);
        CHECK(m.is_over);
        CHECK_INT(m.out.moved, 1);
        check_reads(&m.p.f, rsp.file_id, "new");
        m.meanwhile = NULL;
        CHECK_INT(fake_close_file(&m.p.f, rsp.file_id), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(open_leased(&m.p.f, "a", &lease, &rsp), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(rsp.ctxs.lease.state, RWH);
        move_end(&m);
    }
}

/* Nobody answers: that takes as long as a break may. */
static void test_lease_unanswered(void)
{
    struct move m;
    struct smb2_create_rsp rsp = {0};
    const struct smb2_lease lease = lease_of(1, RWH, 0);
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    CHECK_INT(open_leased(&m.p.f, "a", &lease, &rsp), SMBKIT_STATUS_SUCCESS);
    m.step_ms = 1000;
    uint64_t before = m.p.f.now_ms;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK(m.p.f.now_ms - before >= SMB_OPLOCK_TIME_MS);
    CHECK(m.p.f.now_ms - before <= SMB_MOVE_BREAK_MS + 20000);
    CHECK_INT(m.out.moved, 1);
    check_break(&m.p.f, 1, RWH, 0, 2);
    check_reads(&m.p.f, rsp.file_id, "new");
    CHECK_INT(ack(&m.p.f, 1, 0), SMBKIT_STATUS_UNSUCCESSFUL);
    move_end(&m);
}

static void end_all(struct move *m)
{
    if (m->p.f.taken < m->p.f.sent_count) {
        smb_server_move_none(m->p.f.server);
    }
}

/* The server stops meanwhile: nobody is waited for. */
static void test_server_ends(void)
{
    struct move m;
    struct smb2_create_rsp rsp = {0};
    const struct smb2_lease lease = lease_of(1, RWH, 0);
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    CHECK_INT(open_leased(&m.p.f, "a", &lease, &rsp), SMBKIT_STATUS_SUCCESS);
    m.step_ms = 1000;
    m.meanwhile = end_all;
    uint64_t before = m.p.f.now_ms;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_CANCELLED);
    CHECK(m.p.f.now_ms - before < SMB_OPLOCK_TIME_MS);
    CHECK_INT(m.out.moved + m.out.closed, 0);
    check_break(&m.p.f, 1, RWH, 0, 2);
    check_reads(&m.p.f, rsp.file_id, "old");
    move_end(&m);
}

static void check_oplock_break(struct fake *f)
{
    struct fake_reply r = {0};
    REQUIRE(fake_next(f, &r));
    CHECK_INT(r.hdr.command, SMB2_OPLOCK_BREAK);
    CHECK_INT(r.hdr.message_id, UINT64_MAX);
    fake_reply_fini(&r);
}

static void close_for_break(struct move *m)
{
    if (!m->is_over && m->p.f.taken < m->p.f.sent_count) {
        check_oplock_break(&m->p.f);
        m->is_over = true;
        CHECK_INT(fake_close_file(&m->p.f, m->id), SMBKIT_STATUS_SUCCESS);
    }
}

/* CLOSE answers a break. */
static void test_oplock_closed(void)
{
    struct move m;
    struct smb2_create_rsp rsp = {0};
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    struct wr w = fake_request(&m.p.f, SMB2_CREATE);
    fake_create_format(&w, "a", SMBKIT_OPEN, SMB2_OPLOCK_LEVEL_BATCH, 7);
    struct fake_reply r = fake_ask(&m.p.f, &w);
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(rsp.oplock_level, SMB2_OPLOCK_LEVEL_BATCH);
    m.id = rsp.file_id;
    m.meanwhile = close_for_break;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK(m.is_over);
    CHECK_INT(m.out.moved + m.out.closed, 0);
    move_end(&m);
}

static void ack_oplock(struct move *m)
{
    if (!m->is_over && m->p.f.taken < m->p.f.sent_count) {
        check_oplock_break(&m->p.f);
        m->is_over = true;
        const struct smb2_oplock_break req = {.file_id = m->id};
        struct wr w = fake_request(&m->p.f, SMB2_OPLOCK_BREAK);
        smb2_oplock_break_req_format(&w, &req);
        CHECK_INT(ask_status(&m->p.f, &w), SMBKIT_STATUS_SUCCESS);
    }
}

static void test_oplock_answered(void)
{
    struct move m;
    struct smb2_create_rsp rsp = {0};
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    struct wr w = fake_request(&m.p.f, SMB2_CREATE);
    fake_create_format(&w, "a", SMBKIT_OPEN, SMB2_OPLOCK_LEVEL_EXCLUSIVE, 7);
    struct fake_reply r = fake_ask(&m.p.f, &w);
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    m.id = rsp.file_id;
    m.meanwhile = ack_oplock;
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK(m.is_over);
    CHECK_INT(m.out.moved, 1);
    check_reads(&m.p.f, m.id, "new");
    move_end(&m);
}

/* ---- locks ---- */

#define EXCLUSIVE SMB2_LOCKFLAG_EXCLUSIVE_LOCK
#define AT_ONCE SMB2_LOCKFLAG_FAIL_IMMEDIATELY

static void test_locks(void)
{
    struct move m;
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    struct smb2_file_id has = open_it(&m.p.f, "a");
    struct smb2_file_id waits = open_it(&m.p.f, "a");
    struct smb2_file_id other = open_it(&m.p.g, "a");
    struct wr w = lock_request(&m.p.f, has, EXCLUSIVE);
    CHECK_INT(ask_status(&m.p.f, &w), SMBKIT_STATUS_SUCCESS);
    w = lock_request(&m.p.f, waits, EXCLUSIVE);
    CHECK_INT(ask_status(&m.p.f, &w), SMBKIT_STATUS_PENDING);
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.moved, 2);
    CHECK_INT(next_status(&m.p.f), SMBKIT_STATUS_PENDING); /* it waits on */
    w = lock_request(&m.p.g, other, EXCLUSIVE | AT_ONCE);
    CHECK_INT(ask_status(&m.p.g, &w), SMBKIT_STATUS_LOCK_NOT_GRANTED);
    w = lock_request(&m.p.f, has, SMB2_LOCKFLAG_UNLOCK);
    fake_submit(&m.p.f, &w);
    CHECK_INT(next_status(&m.p.f), SMBKIT_STATUS_SUCCESS); /* of UNLOCK and of LOCK */
    CHECK_INT(next_status(&m.p.f), SMBKIT_STATUS_SUCCESS);
    w = lock_request(&m.p.g, other, EXCLUSIVE | AT_ONCE);
    CHECK_INT(ask_status(&m.p.g, &w), SMBKIT_STATUS_LOCK_NOT_GRANTED); /* who waited has it */
    w = lock_request(&m.p.f, waits, SMB2_LOCKFLAG_UNLOCK);
    CHECK_INT(ask_status(&m.p.f, &w), SMBKIT_STATUS_SUCCESS);
    w = lock_request(&m.p.g, other, EXCLUSIVE | AT_ONCE);
    CHECK_INT(ask_status(&m.p.g, &w), SMBKIT_STATUS_SUCCESS);
    move_end(&m);
}

/* A lock of somebody in the new volume is in the way. */
static void test_locks_in_the_way(void)
{
    struct move m;
    move_begin(&m);
    put(&m.p.f, "a", "old");
    put(&m.p.g, "a", "new");
    struct smb2_file_id has = open_it(&m.p.f, "a");
    struct smb2_file_id other = open_it(&m.p.g, "a");
    struct wr w = lock_request(&m.p.f, has, EXCLUSIVE);
    CHECK_INT(ask_status(&m.p.f, &w), SMBKIT_STATUS_SUCCESS);
    w = lock_request(&m.p.g, other, EXCLUSIVE);
    CHECK_INT(ask_status(&m.p.g, &w), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE_ALL), SMBKIT_STATUS_SHARING_VIOLATION);
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.closed, 1);
    CHECK_INT(read_status(&m.p.f, has), SMBKIT_STATUS_FILE_CLOSED);
    move_end(&m);
}

/* ---- notifications ---- */

static void test_notify(void)
{
    struct move m;
    struct smb2_create_rsp rsp = {0};
    move_begin(&m);
    CHECK_INT(fake_create_dir(&m.p.f, "d", &rsp), SMBKIT_STATUS_SUCCESS);
    struct smb2_file_id pending = open_it(&m.p.f, "d");
    struct smb2_file_id later = open_it(&m.p.f, "d");
    struct smb2_file_id never = open_it(&m.p.f, "d");
    CHECK_INT(fake_create_dir(&m.p.g, "d", &rsp), SMBKIT_STATUS_SUCCESS);
    struct wr w = notify_request(&m.p.f, later);
    CHECK_INT(ask_status(&m.p.f, &w), SMBKIT_STATUS_PENDING);
    put(&m.p.f, "d\\x", "1");
    CHECK_INT(next_status(&m.p.f), SMBKIT_STATUS_SUCCESS);
    w = notify_request(&m.p.f, pending);
    CHECK_INT(ask_status(&m.p.f, &w), SMBKIT_STATUS_PENDING);
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.moved, 4);
    CHECK_INT(next_status(&m.p.f), SMBKIT_STATUS_NOTIFY_ENUM_DIR);
    w = notify_request(&m.p.f, later);
    CHECK_INT(ask_status(&m.p.f, &w), SMBKIT_STATUS_NOTIFY_ENUM_DIR);
    /* Once. */
    w = notify_request(&m.p.f, pending);
    CHECK_INT(ask_status(&m.p.f, &w), SMBKIT_STATUS_PENDING);
    w = notify_request(&m.p.f, never);
    CHECK_INT(ask_status(&m.p.f, &w), SMBKIT_STATUS_PENDING);
    put(&m.p.g, "d\\y", "2");
    CHECK_INT(next_status(&m.p.f), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(next_status(&m.p.f), SMBKIT_STATUS_SUCCESS);
    move_end(&m);
}

/* The next answer that is final: whose it is. */
static void check_next(struct fake *f, uint64_t mid, smbkit_status status)
{
    struct fake_reply r = {.status = SMBKIT_STATUS_PENDING};
    fake_pump(f);
    while (r.status == SMBKIT_STATUS_PENDING && fake_next(f, &r)) {
        fake_reply_fini(&r);
    }
    CHECK_INT(r.hdr.message_id, mid);
    CHECK_INT(r.status, status);
}

/* Queries of one handle are answered there in the order in which they came here. */
static void test_notify_order(void)
{
    enum { QUERIES = 5 };
    struct move m;
    struct smb2_create_rsp rsp = {0};
    uint64_t mids[QUERIES];
    char name[] = "d\\a";
    move_begin(&m);
    CHECK_INT(fake_create_dir(&m.p.f, "d", &rsp), SMBKIT_STATUS_SUCCESS);
    struct smb2_file_id id = rsp.file_id;
    CHECK_INT(fake_create_dir(&m.p.g, "d", &rsp), SMBKIT_STATUS_SUCCESS);
    for (unsigned i = 0; i < QUERIES; i++) {
        struct wr w = notify_request(&m.p.f, id);
        mids[i] = m.p.f.mid - 1;
        CHECK_INT(ask_status(&m.p.f, &w), SMBKIT_STATUS_PENDING);
    }
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    check_next(&m.p.f, mids[0], SMBKIT_STATUS_NOTIFY_ENUM_DIR);
    for (unsigned i = 1; i < QUERIES; i++, name[2]++) {
        CHECK_INT(fake_create(&m.p.g, name, SMBKIT_CREATE, &rsp), SMBKIT_STATUS_SUCCESS);
        check_next(&m.p.f, mids[i], SMBKIT_STATUS_SUCCESS);
    }
    move_end(&m);
}

/* Of a directory that ends. */
static void test_notify_ends(void)
{
    struct move m;
    struct smb2_create_rsp rsp = {0};
    move_begin(&m);
    CHECK_INT(fake_create_dir(&m.p.f, "d", &rsp), SMBKIT_STATUS_SUCCESS);
    struct wr w = notify_request(&m.p.f, rsp.file_id);
    CHECK_INT(ask_status(&m.p.f, &w), SMBKIT_STATUS_PENDING);
    CHECK_INT(replace(&m, SMB_HANDLES_MOVE), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(m.out.closed, 1);
    CHECK_INT(next_status(&m.p.f), SMBKIT_STATUS_NOTIFY_CLEANUP);
    move_end(&m);
}

static const struct test_case cases[] = {
    {"goes on", test_goes_on},
    {"back", test_back},
    {"errors", test_errors},
    {"close", test_close},
    {"others end", test_others_end},
    {"all", test_all},
    {"in the way", test_in_the_way},
    {"share modes", test_share_modes},
    {"streams", test_streams},
    {"delete on close", test_delete_on_close},
    {"lease", test_lease},
    {"lease unanswered", test_lease_unanswered},
    {"a lease holds nobody up", test_lease_holds_nobody_up},
    {"the server ends", test_server_ends},
    {"oplock closed", test_oplock_closed},
    {"oplock answered", test_oplock_answered},
    {"locks", test_locks},
    {"locks in the way", test_locks_in_the_way},
    {"notify", test_notify},
    {"notify order", test_notify_order},
    {"notify ends", test_notify_ends},
};
TEST_MAIN(cases)
