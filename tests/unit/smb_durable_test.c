/* SPDX-License-Identifier: Apache-2.0 */
/* Durable handles: what is kept when a connection is lost, who gets it back, and what ends it. */
#include "smb_durable.h"

#include "wire/lock.h"
#include "wire/logoff.h"
#include "wire/tree_disconnect.h"

/* ---- what is granted ---- */

static void test_granted(void)
{
    static const struct {
        const char *name;
        struct ask ask;
        uint32_t granted;
        uint32_t timeout_ms;
        smbkit_status status;
    } rows[] = {
        {"v1, batch", {.present = SMB2_CTX_DHNQ, .oplock = 9}, SMB2_CTX_DHNQ, 0, 0},
        {"v1, exclusive", {.present = SMB2_CTX_DHNQ, .oplock = 8}, 0, 0, 0},
        {"v1, level II", {.present = SMB2_CTX_DHNQ, .oplock = 1}, 0, 0, 0},
        {"v1, none", {.present = SMB2_CTX_DHNQ}, 0, 0, 0},
        {"v2, batch", {.present = SMB2_CTX_DH2Q, .oplock = 9, .guid = 1}, SMB2_CTX_DH2Q, 60000, 0},
        {"v2, a second",
         {.present = SMB2_CTX_DH2Q, .oplock = 9, .guid = 1, .timeout_ms = 1000},
         SMB2_CTX_DH2Q,
         1000,
         0},
        {"v2, for ever",
         {.present = SMB2_CTX_DH2Q, .oplock = 9, .guid = 1, .timeout_ms = UINT32_MAX},
         SMB2_CTX_DH2Q,
         300000,
         0},
        {"v2, none", {.present = SMB2_CTX_DH2Q, .guid = 1}, 0, 0, 0},
        {"both",
         {.present = SMB2_CTX_DH2Q | SMB2_CTX_DHNQ, .oplock = 9, .guid = 1},
         0,
         0,
         SMBKIT_STATUS_INVALID_PARAMETER},
        {"v2 of either kind",
         {.present = SMB2_CTX_DH2Q | SMB2_CTX_DH2C, .oplock = 9, .guid = 1},
         0,
         0,
         SMBKIT_STATUS_INVALID_PARAMETER},
        {"v1 and back by v2",
         {.present = SMB2_CTX_DHNQ | SMB2_CTX_DH2C, .oplock = 9, .guid = 1},
         0,
         0,
         SMBKIT_STATUS_INVALID_PARAMETER},
        {"a directory",
         {.present = SMB2_CTX_DHNQ, .oplock = 9, .options = VFS_DIRECTORY_FILE},
         0,
         0,
         0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene s;
        struct smb2_create_rsp rsp = {0};
        struct ask ask = rows[i].ask;
        test_context("%s", rows[i].name);
        begin(&s);
        ask.disposition = SMBKIT_OPEN_IF;
        CHECK_INT(create(&s.f, &ask, &rsp), rows[i].status);
        CHECK_INT(rsp.ctxs.present, rows[i].granted);
        CHECK_INT(rsp.ctxs.dh2q_timeout_ms, rows[i].timeout_ms);
        fake_disconnect(&s.f);
        CHECK_INT(kept(&s), rows[i].granted ? 1 : 0);
        fake_enter(&s.f, SMB2_DIALECT_311);
        end(&s);
    }
}

/* Dialect 2.1 knows no version 2; a server that keeps nothing grants none. */
static void test_not_granted(void)
{
    struct scene s;
    begin(&s);
    fake_disconnect(&s.f);
    fake_enter(&s.f, SMB2_DIALECT_210);
    CHECK_INT(create(&s.f, &durable_v2, &s.rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(s.rsp.ctxs.present, 0);
    CHECK_INT(fake_close_file(&s.f, s.rsp.file_id), SMBKIT_STATUS_SUCCESS);
    s.config.durable_max_ms = 0;
    CHECK(smb_server_reconfigure(s.f.server, &s.config));
    CHECK_INT(create(&s.f, &durable_v1, &s.rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(s.rsp.ctxs.present, 0);
    end(&s);
}

/* ---- who gets it back ---- */

static void test_comes_back(void)
{
    for (unsigned v = 0; v < 3; v++) {
        struct scene s;
        test_context("%s", v == 0 ? "v1" : v == 1 ? "v2" : "v2, by v1");
        begin(&s);
        lose(&s, v == 0 ? &durable_v1 : &durable_v2);
        CHECK_INT(kept(&s), 1);
        CHECK_INT(fake_write(&s.f, s.rsp.file_id, 0, "x", 1), SMBKIT_STATUS_FILE_CLOSED);
        struct ask back = v == 1 ? back_v2(&s) : back_v1(&s);
        back.oplock = 0x78; /* nothing of it matters */
        back.disposition = 0x12345678;
        back.options = 0x12345678;
        CHECK_INT(come_back(&s.f, &back), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(kept(&s), 0);
        CHECK_INT(come_back(&s.f, &back), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND); /* it is there */
        fake_disconnect(&s.f); /* and once more: it is as durable as before */
        CHECK_INT(kept(&s), 1);
        fake_enter(&s.f, SMB2_DIALECT_311);
        CHECK_INT(come_back(&s.f, &back), SMBKIT_STATUS_SUCCESS);
        end(&s);
    }
}

/* Each check of [MS-SMB2] 3.3.5.9.7 and .12 alone. */
static void test_is_refused(void)
{
    enum { GOOD, ID, GUID, NO_GUID, LEASE, OTHER_USER, OTHER_SHARE, TIME, ROWS };
    static const char *const names[ROWS] = {"good",  "another id", "another guid", "no guid",
                                            "lease", "bob",        "share",        "time"};
    for (unsigned i = GOOD; i < ROWS; i++) {
        struct scene s;
        test_context("%s", names[i]);
        begin(&s);
        struct smb_share_spec other = {.name = "other", .volume = s.f.volume};
        CHECK_INT(smb_server_share_set(s.f.server, &other), SMBKIT_STATUS_SUCCESS);
        lose(&s, i == NO_GUID ? &durable_v1 : &durable_v2);
        struct ask back = back_v2(&s);
        struct ask good = i == NO_GUID ? back_v1(&s) : back;
        smbkit_status want =
            i == GOOD ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
        struct fake *by = &s.f;
        if (i == ID) {
            back.id.persistent++;
        } else if (i == GUID) {
            back.guid++;
        } else if (i == NO_GUID) {
            back.guid = 1;
        } else if (i == LEASE) {
            back.present |= SMB2_CTX_RQLS;
        } else if (i == OTHER_USER) {
            by = &s.g;
            fake_enter_as(by, SMB2_DIALECT_311, "j\xc3\xbcrgen", "p\xc3\xa4ss");
            want = SMBKIT_STATUS_ACCESS_DENIED;
        } else if (i == OTHER_SHARE) {
            by = &s.g;
            fake_enter(by, SMB2_DIALECT_311);
            CHECK_INT(fake_tree(by, "\\\\fake\\other"), SMBKIT_STATUS_SUCCESS);
        } else if (i == TIME) {
            s.f.now_ms += 20000; /* nobody has looked at the clock yet */
        }
        CHECK_INT(come_back(by, &back), want);
        if (by == &s.g) {
            fake_disconnect(by);
        }
        CHECK_INT(kept(&s), i == GOOD ? 0 : 1);
        if (i != GOOD && i != TIME) {
            CHECK_INT(come_back(&s.f, &good), SMBKIT_STATUS_SUCCESS);
        }
        end(&s);
    }
}

/* Before the server knows that the connection is lost, and before what it had is looked through. */
static void test_too_early(void)
{
    struct scene s;
    begin(&s);
    CHECK_INT(create(&s.f, &durable_v1, &s.rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_write(&s.f, s.rsp.file_id, 0, "hello", 5), SMBKIT_STATUS_SUCCESS);
    fake_enter(&s.g, SMB2_DIALECT_311);
    struct ask back = back_v1(&s);
    CHECK_INT(come_back(&s.g, &back), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(come_back(&s.f, &back), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    smb_conn_closed(s.f.conn); /* its jobs have not run */
    struct wr w = create_of(&s.g, &back);
    fake_submit(&s.g, &w);
    fake_pump(&s.g);
    struct fake_reply r;
    struct smb2_create_rsp rsp;
    do {
        r = fake_take(&s.g);
        if (r.status == SMBKIT_STATUS_PENDING) {
            fake_reply_fini(&r);
        }
    } while (r.status == SMBKIT_STATUS_PENDING);
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    fake_disconnect(&s.g);
    CHECK_INT(kept(&s), 1);
    CHECK(s.f.released);
    crypto_signer_free(s.f.signer);
    crypto_sealer_free(s.f.seal_in);
    crypto_sealer_free(s.f.seal_out);
    fake_stop(&s.f);
}

/* ---- what ends it ---- */

static void test_time_is_up(void)
{
    struct scene s;
    begin(&s);
    lose(&s, &durable_v2);
    fake_pass(&s.f, 19000);
    CHECK_INT(kept(&s), 1);
    fake_pass(&s.f, 1000);
    fake_pass(&s.f, 1000);
    CHECK_INT(kept(&s), 0);
    struct ask back = back_v2(&s);
    CHECK_INT(come_back(&s.f, &back), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    end(&s);
}

/* Many with times of their own, while the clock jumps: none ends early, none stays. */
static void test_many_times(void)
{
    enum { MANY = 252 };
    struct scene s;
    begin(&s);
    for (uint32_t i = 0; i < MANY; i++) {
        char name[16];
        str_format(name, sizeof(name), "f%u", i);
        struct ask a = durable_v2;
        a.name = name;
        a.guid = (uint8_t)i;
        a.timeout_ms = 1000 * (i + 1);
        CHECK_INT(create(&s.f, &a, &s.rsp), SMBKIT_STATUS_SUCCESS);
    }
    fake_disconnect(&s.f);
    CHECK_INT(kept(&s), MANY);
    for (uint32_t sec = 0; sec < MANY; sec += 7) {
        CHECK_INT(kept(&s), MANY - sec);
        fake_pass(&s.f, 7000);
    }
    fake_pass(&s.f, 7000);
    CHECK_INT(kept(&s), 0);
    CHECK_INT(s.f.tick_ms, 0); /* the server's clock rests */
    fake_enter(&s.f, SMB2_DIALECT_311);
    end(&s);
}

/* Somebody wants the file: nobody is there to be asked, so the other's open goes on at once. */
static void test_is_wanted(void)
{
    struct scene s;
    begin(&s);
    lose(&s, &durable_v1); /* shares nothing */
    fake_enter(&s.g, SMB2_DIALECT_311);
    struct ask other = {.disposition = SMBKIT_OPEN, .share = 7};
    struct wr w = create_of(&s.g, &other);
    fake_submit(&s.g, &w);
    fake_pump(&s.g);
    struct fake_reply r = fake_take(&s.g);
    if (r.status == SMBKIT_STATUS_PENDING) {
        fake_reply_fini(&r);
        r = fake_take(&s.g);
    }
    struct smb2_create_rsp rsp = {0};
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(kept(&s), 0);
    struct ask back = back_v1(&s);
    CHECK_INT(come_back(&s.f, &back), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    fake_disconnect(&s.g);
    end(&s);
}

/* A break that was under way when the connection was lost: what it was granted for is gone. */
static void test_break_under_way(void)
{
    struct scene s;
    begin(&s);
    CHECK_INT(create(&s.f, &durable_v1, &s.rsp), SMBKIT_STATUS_SUCCESS);
    fake_enter(&s.g, SMB2_DIALECT_311);
    struct ask other = {.disposition = SMBKIT_OPEN, .share = 7};
    struct wr w = create_of(&s.g, &other);
    fake_submit(&s.g, &w);
    fake_pump(&s.g);
    fake_disconnect(&s.f);
    fake_pump(&s.g);
    CHECK_INT(kept(&s), 0);
    fake_disconnect(&s.g);
    fake_enter(&s.f, SMB2_DIALECT_311);
    end(&s);
}

static void log_off(struct fake *f)
{
    struct wr w = fake_request(f, SMB2_LOGOFF);
    smb2_empty_format(&w);
    struct fake_reply r = fake_ask(f, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
    fake_reply_fini(&r);
}

static void leave_tree(struct fake *f)
{
    struct wr w = fake_request(f, SMB2_TREE_DISCONNECT);
    smb2_empty_format(&w);
    struct fake_reply r = fake_ask(f, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
    fake_reply_fini(&r);
}

/* [MS-SMB2] 3.3.5.6, 3.3.5.8, 3.3.5.10, 3.3.4.12: what ends it at once, and what does not. */
static void test_ends(void)
{
    enum { LOGOFF, TREE, CLOSE, ADMIN, ROWS };
    static const char *const names[ROWS] = {"logoff", "tree disconnect", "close", "administrator"};
    for (unsigned i = LOGOFF; i < ROWS; i++) {
        struct scene s;
        test_context("%s", names[i]);
        begin(&s);
        CHECK_INT(create(&s.f, &durable_v1, &s.rsp), SMBKIT_STATUS_SUCCESS);
        if (i == LOGOFF) {
            log_off(&s.f);
        } else if (i == TREE) {
            leave_tree(&s.f);
        } else if (i == CLOSE) {
            CHECK_INT(fake_close_file(&s.f, s.rsp.file_id), SMBKIT_STATUS_SUCCESS);
        } else {
            CHECK(smb_server_session_close(s.f.server, s.f.session_id));
            fake_pump(&s.f);
        }
        CHECK_INT(kept(&s), i == LOGOFF ? 1 : 0);
        end(&s);
    }
}

/* A reload that takes the user, or the share, away; also while what he had is looked through. */
static void revoked(bool early)
{
    for (unsigned i = 0; i < 4; i++) {
        struct scene s;
        test_context("%u%s", i, early ? ", early" : "");
        begin(&s);
        if (early) {
            CHECK_INT(create(&s.f, &durable_v2, &s.rsp), SMBKIT_STATUS_SUCCESS);
            smb_conn_closed(s.f.conn); /* its jobs have not run */
        } else {
            lose(&s, &durable_v2);
        }
        if (i == 1) {
            current_version = 1;
        } else if (i == 2) {
            CHECK(smb_server_share_remove(s.f.server, "mem"));
        } else if (i == 3) {
            const struct smb_admission nobody = {.has_valid = true};
            const struct smb_share_spec share = {
                .name = "mem", .volume = s.f.volume, .admission = &nobody};
            CHECK_INT(smb_server_share_set(s.f.server, &share), SMBKIT_STATUS_SUCCESS);
        }
        CHECK(smb_server_enforce(s.f.server));
        fake_pump(&s.f);
        CHECK_INT(kept(&s), i == 0 ? 1 : 0);
        if (early) {
            crypto_signer_free(s.f.signer);
            crypto_sealer_free(s.f.seal_in);
            crypto_sealer_free(s.f.seal_out);
            fake_stop(&s.f);
        } else {
            end(&s);
        }
    }
}

static void test_revoked(void)
{
    revoked(false);
    revoked(true);
}

/* What was to be deleted with the open is, when its time is up or the server stops. */
static void test_delete_on_close(void)
{
    struct scene s;
    struct smb2_create_rsp rsp = {0};
    begin(&s);
    struct ask a = durable_v2;
    a.options = VFS_DELETE_ON_CLOSE;
    lose(&s, &a);
    CHECK_INT(kept(&s), 1);
    fake_pass(&s.f, 20000);
    fake_pass(&s.f, 1000);
    CHECK_INT(kept(&s), 0);
    CHECK_INT(fake_create(&s.f, "file", SMBKIT_OPEN, &rsp), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    end(&s);
}

static smbkit_status lock(struct fake *f, struct smb2_file_id id, uint32_t flags)
{
    struct smb2_lock_req req = {.file_id = id, .count = 1, .locks = {{0, 5, flags}}};
    struct wr w = fake_request(f, SMB2_LOCK);
    smb2_lock_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    fake_reply_fini(&r);
    return r.status;
}

/* Locks are kept with it. */
static void test_locks(void)
{
    struct scene s;
    struct smb2_create_rsp rsp = {0};
    begin(&s);
    CHECK_INT(create(&s.f, &durable_v1, &s.rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_write(&s.f, s.rsp.file_id, 0, "hello", 5), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(lock(&s.f, s.rsp.file_id, SMB2_LOCKFLAG_EXCLUSIVE_LOCK), SMBKIT_STATUS_SUCCESS);
    fake_disconnect(&s.f);
    fake_enter(&s.f, SMB2_DIALECT_311);
    struct ask back = back_v1(&s);
    CHECK_INT(create(&s.f, &back, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(lock(&s.f, rsp.file_id, SMB2_LOCKFLAG_UNLOCK), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(lock(&s.f, rsp.file_id, SMB2_LOCKFLAG_UNLOCK), SMBKIT_STATUS_RANGE_NOT_LOCKED);
    end(&s);
}

/* Not where others may have the file open too, and would wait for them. */
static void test_locks_of_readers(void)
{
    for (unsigned locks = 0; locks < 2; locks++) {
        struct scene s;
        begin(&s);
        struct ask a = durable_v2;
        a.oplock = SMB2_OPLOCK_LEVEL_LEASE;
        a.present |= SMB2_CTX_RQLS;
        a.key = 0x33;
        CHECK_INT(create(&s.f, &a, &s.rsp), SMBKIT_STATUS_SUCCESS);
        if (locks) {
            CHECK_INT(lock(&s.f, s.rsp.file_id, SMB2_LOCKFLAG_EXCLUSIVE_LOCK),
                      SMBKIT_STATUS_SUCCESS);
        }
        fake_disconnect(&s.f);
        CHECK_INT(kept(&s), locks ? 0 : 1);
        fake_enter(&s.f, SMB2_DIALECT_311);
        end(&s);
    }
}

/* A LOCK that waits belongs to the session that asked, and is never done in another's name. */
static void test_waiting_lock(void)
{
    struct scene s;
    struct smb2_create_rsp rsp = {0};
    struct fake_reply r = {0};
    smbkit_status last = SMBKIT_STATUS_PENDING;
    begin(&s);
    CHECK_INT(create(&s.f, &durable_v1, &s.rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(lock(&s.f, s.rsp.file_id, SMB2_LOCKFLAG_EXCLUSIVE_LOCK), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(lock(&s.f, s.rsp.file_id, SMB2_LOCKFLAG_EXCLUSIVE_LOCK), SMBKIT_STATUS_PENDING);
    s.g.previous_session_id = s.f.session_id; /* whose connection is still there */
    fake_enter(&s.g, SMB2_DIALECT_311);
    while (fake_next(&s.f, &r)) {
        last = r.status;
        fake_reply_fini(&r);
    }
    CHECK_INT(last, SMBKIT_STATUS_CANCELLED);
    struct ask back = back_v1(&s);
    CHECK_INT(create(&s.g, &back, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(lock(&s.g, rsp.file_id, SMB2_LOCKFLAG_UNLOCK), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(
        lock(&s.g, rsp.file_id, SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY),
        SMBKIT_STATUS_SUCCESS);
    fake_disconnect(&s.g);
    end(&s);
}

static smbkit_status lock_numbered(struct fake *f, struct smb2_file_id id, uint32_t bucket,
                                   uint8_t number)
{
    struct smb2_lock_req req = {
        .file_id = id,
        .count = 1,
        .lock_sequence_index = bucket,
        .lock_sequence_number = number,
        .locks = {{0, 5, SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY}}};
    struct wr w = fake_request(f, SMB2_LOCK);
    smb2_lock_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    fake_reply_fini(&r);
    return r.status;
}

/* A LOCK that is sent again is not done again, in buckets 1 to 64, after a reconnect too. */
static void test_lock_sequence(void)
{
    static const struct {
        uint32_t bucket;
        bool counts;
    } rows[] = {{0, false}, {1, true}, {64, true}, {65, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene s;
        struct smb2_create_rsp rsp = {0};
        test_context("bucket %u", rows[i].bucket);
        begin(&s);
        CHECK_INT(create(&s.f, &durable_v1, &s.rsp), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(lock_numbered(&s.f, s.rsp.file_id, rows[i].bucket, 3), SMBKIT_STATUS_SUCCESS);
        fake_disconnect(&s.f);
        fake_enter(&s.f, SMB2_DIALECT_311);
        struct ask back = back_v1(&s);
        CHECK_INT(create(&s.f, &back, &rsp), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(lock_numbered(&s.f, rsp.file_id, rows[i].bucket, 3),
                  rows[i].counts ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_LOCK_NOT_GRANTED);
        CHECK_INT(lock_numbered(&s.f, rsp.file_id, rows[i].bucket, 4),
                  SMBKIT_STATUS_LOCK_NOT_GRANTED);
        CHECK_INT(lock_numbered(&s.f, rsp.file_id, rows[i].bucket, 3),
                  SMBKIT_STATUS_LOCK_NOT_GRANTED); /* the other number has emptied the bucket */
        end(&s);
    }
}

/* A client that leaves many has only so many. */
static void test_bound(void)
{
    struct scene s;
    begin(&s);
    struct smb_client *c = s.f.conn->client;
    atomic_fetch_add(&c->kept_opens, SMB_KEPT_PER_CLIENT - 1);
    (void)smb_client_ref(c);
    for (unsigned i = 0; i < 2; i++) {
        struct ask a = durable_v1;
        a.name = i ? "a" : "b";
        CHECK_INT(create(&s.f, &a, &s.rsp), SMBKIT_STATUS_SUCCESS);
    }
    fake_disconnect(&s.f);
    CHECK_INT(kept(&s), 1);
    atomic_fetch_sub(&c->kept_opens, SMB_KEPT_PER_CLIENT - 1);
    smb_client_unref(c);
    fake_enter(&s.f, SMB2_DIALECT_311);
    end(&s);
}

static void count_kept(void *arg, const struct smb_open_info *info)
{
    CHECK_STR(info->user, "Alice");
    CHECK_STR(info->share, "mem");
    CHECK_STR(info->path, "file");
    *(unsigned *)arg += info->session_id == 0;
}

/* Status tells of it, and of whose it is. */
static void test_told(void)
{
    struct scene s;
    unsigned n = 0;
    begin(&s);
    lose(&s, &durable_v1);
    smb_server_opens_each(s.f.server, count_kept, &n);
    CHECK_INT(n, 1);
    end(&s);
}

static const struct test_case cases[] = {
    {"what is granted", test_granted},
    {"what is not granted", test_not_granted},
    {"who comes back", test_comes_back},
    {"who is refused", test_is_refused},
    {"too early", test_too_early},
    {"time is up", test_time_is_up},
    {"many times", test_many_times},
    {"somebody wants the file", test_is_wanted},
    {"a break under way", test_break_under_way},
    {"what ends it", test_ends},
    {"revoked", test_revoked},
    {"delete on close", test_delete_on_close},
    {"locks", test_locks},
    {"locks of readers", test_locks_of_readers},
    {"a lock that waits", test_waiting_lock},
    {"lock sequences", test_lock_sequence},
    {"a bound", test_bound},
    {"told", test_told},
};
TEST_MAIN(cases)
