/* SPDX-License-Identifier: Apache-2.0 */
/* Resilient handles: kept for their client whatever they cache, and whoever wants it. [MS-SMB2]
 * 3.3.5.15.9, 3.3.4.6, 3.3.7.1 */
#include "smb_durable.h"

#include "wire/ioctl.h"
#include "wire/lock.h"

static smbkit_status request(struct fake *f, struct smb2_file_id id, uint32_t timeout_ms,
                             size_t len)
{
    uint8_t in[16] = {0};
    struct wr b = wr_init(in, sizeof(in));
    wr_u32(&b, timeout_ms);
    const struct smb2_ioctl_req req = {.ctl_code = SMB2_FSCTL_LMR_REQUEST_RESILIENCY,
                                       .file_id = id,
                                       .flags = SMB2_0_IOCTL_IS_FSCTL,
                                       .input = {in, len}};
    struct wr w = fake_request(f, SMB2_IOCTL);
    smb2_ioctl_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    fake_reply_fini(&r);
    return r.status;
}

static const struct ask plain = {.disposition = SMBKIT_OPEN_IF};

/* f opens the file, makes it resilient, and comes back without it. */
static void lose_resilient(struct scene *s, const struct ask *a)
{
    CHECK_INT(create(&s->f, a, &s->rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_write(&s->f, s->rsp.file_id, 0, "hello", 5), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(request(&s->f, s->rsp.file_id, 10000, 8), SMBKIT_STATUS_SUCCESS);
    fake_disconnect(&s->f);
    CHECK_INT(kept(s), 1);
    fake_enter(&s->f, SMB2_DIALECT_311);
}

static void no_time(struct smb_config *c)
{
    c->durable_max_ms = 0;
}

static void test_request(void)
{
    static const struct {
        const char *name;
        uint16_t dialect;
        uint32_t timeout_ms;
        size_t len;
        void (*change)(struct smb_config *c);
        smbkit_status status;
        uint32_t kept_ms;
    } rows[] = {
        {"some time", SMB2_DIALECT_311, 5000, 8, NULL, SMBKIT_STATUS_SUCCESS, 5000},
        {"2.1", SMB2_DIALECT_210, 5000, 8, NULL, SMBKIT_STATUS_SUCCESS, 5000},
        {"no time named", SMB2_DIALECT_311, 0, 8, NULL, SMBKIT_STATUS_SUCCESS, 120000},
        {"all there is", SMB2_DIALECT_311, 300000, 8, NULL, SMBKIT_STATUS_SUCCESS, 300000},
        {"too long", SMB2_DIALECT_311, 300001, 8, NULL, SMBKIT_STATUS_INVALID_PARAMETER, 0},
        {"too short a request", SMB2_DIALECT_311, 1, 7, NULL, SMBKIT_STATUS_INVALID_PARAMETER, 0},
        {"2.0.2", SMB2_DIALECT_202, 5000, 8, NULL, SMBKIT_STATUS_INVALID_DEVICE_REQUEST, 0},
        {"nothing is kept", SMB2_DIALECT_311, 1, 8, no_time, SMBKIT_STATUS_NOT_SUPPORTED, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene s = {0};
        test_context("%s", rows[i].name);
        fake_init(&s.f);
        s.config = fake_config(&s.f);
        if (rows[i].change) {
            rows[i].change(&s.config);
        }
        fake_start(&s.f, &s.config);
        s.f.credits = 64;
        fake_enter(&s.f, rows[i].dialect);
        CHECK_INT(create(&s.f, &plain, &s.rsp), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(request(&s.f, s.rsp.file_id, rows[i].timeout_ms, rows[i].len), rows[i].status);
        fake_disconnect(&s.f);
        CHECK_INT(kept(&s), rows[i].kept_ms > 0);
        if (rows[i].kept_ms > 0) {
            fake_pass(&s.f, rows[i].kept_ms - 1000);
            CHECK_INT(kept(&s), 1);
            fake_pass(&s.f, 1000);
            fake_pass(&s.f, 1000);
            CHECK_INT(kept(&s), 0);
        }
        fake_stop(&s.f);
    }
}

/* By version 1, which is all that its client has; by nobody else. */
static void test_comes_back(void)
{
    struct scene s;
    struct smb2_create_rsp rsp = {0};
    begin(&s);
    lose_resilient(&s, &plain);
    const struct ask back = back_v1(&s);
    s.g.machine = 0x99;
    fake_enter_as(&s.g, SMB2_DIALECT_311, "j\xc3\xbcrgen", "p\xc3\xa4ss");
    CHECK(!SMBKIT_OK(create(&s.g, &back, &rsp)));
    fake_disconnect(&s.g);
    CHECK_INT(create(&s.f, &back, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(rsp.file_id.persistent, s.rsp.file_id.persistent);
    CHECK_INT(rsp.oplock_level, 0);
    CHECK_INT(fake_write(&s.f, rsp.file_id, 0, "HELLO", 5), SMBKIT_STATUS_SUCCESS);
    fake_disconnect(&s.f); /* and it stays so */
    CHECK_INT(kept(&s), 1);
    fake_enter(&s.f, SMB2_DIALECT_311);
    end(&s);
}

/* Whoever wants the file gets past its oplock, but not past the open. */
static void test_is_wanted(void)
{
    static const struct {
        const char *name;
        uint32_t share;
        smbkit_status status;
    } rows[] = {
        {"shared", 7, SMBKIT_STATUS_SUCCESS},
        {"not shared", 0, SMBKIT_STATUS_SHARING_VIOLATION},
    };
    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        struct scene s;
        struct smb2_create_rsp rsp = {0};
        bool has_lease = i % 2;
        test_context("%s, %s", rows[i / 2].name, has_lease ? "lease" : "oplock");
        begin(&s);
        struct ask a = has_lease ? (struct ask){.present = SMB2_CTX_RQLS,
                                                .oplock = SMB2_OPLOCK_LEVEL_LEASE,
                                                .key = 0x31}
                                 : (struct ask){.oplock = SMB2_OPLOCK_LEVEL_BATCH};
        a.disposition = SMBKIT_OPEN_IF;
        a.share = rows[i / 2].share;
        CHECK_INT(create(&s.f, &a, &s.rsp), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(request(&s.f, s.rsp.file_id, 10000, 8), SMBKIT_STATUS_SUCCESS);
        fake_disconnect(&s.f);
        s.g.machine = 0x99;
        fake_enter(&s.g, SMB2_DIALECT_311);
        struct ask want = {.disposition = SMBKIT_OPEN, .share = 7};
        struct wr w = create_of(&s.g, &want);
        struct fake_reply r = fake_ask(&s.g, &w);
        if (r.status == SMBKIT_STATUS_PENDING) {
            fake_reply_fini(&r);
            r = fake_take(&s.g);
        }
        CHECK_INT(fake_create_done(&r, &rsp), rows[i / 2].status);
        CHECK_INT(kept(&s), 1);
        fake_enter(&s.f, SMB2_DIALECT_311);
        struct ask back = back_v1(&s);
        back.present |= a.present;
        back.key = a.key;
        CHECK_INT(create(&s.f, &back, &rsp), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(rsp.file_id.persistent, s.rsp.file_id.persistent);
        CHECK(rsp.oplock_level != SMB2_OPLOCK_LEVEL_BATCH);
        CHECK(!(rsp.ctxs.lease.state & SMB2_LEASE_HANDLE_CACHING) || rows[i / 2].share);
        CHECK_INT(fake_write(&s.f, rsp.file_id, 0, "x", 1), SMBKIT_STATUS_SUCCESS);
        fake_disconnect(&s.g);
        end(&s);
    }
}

/* A break that was told, and not answered, when the connection was lost: who waits for it goes on.
 */
static void test_break_under_way(void)
{
    struct scene s;
    struct smb2_create_rsp rsp = {0};
    begin(&s);
    const struct ask a = {
        .oplock = SMB2_OPLOCK_LEVEL_BATCH, .disposition = SMBKIT_OPEN_IF, .share = 7};
    CHECK_INT(create(&s.f, &a, &s.rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(request(&s.f, s.rsp.file_id, 10000, 8), SMBKIT_STATUS_SUCCESS);
    s.g.machine = 0x99;
    fake_enter(&s.g, SMB2_DIALECT_311);
    const struct ask want = {.disposition = SMBKIT_OPEN, .share = 7};
    struct wr w = create_of(&s.g, &want);
    struct fake_reply r = fake_ask(&s.g, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_PENDING);
    fake_reply_fini(&r);
    fake_disconnect(&s.f);
    fake_pump(&s.g);
    r = fake_take(&s.g);
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(kept(&s), 1);
    fake_enter(&s.f, SMB2_DIALECT_311);
    const struct ask back = back_v1(&s);
    CHECK_INT(create(&s.f, &back, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(rsp.oplock_level, 0);
    CHECK(!fake_next(&s.f, &r)); /* the break is over */
    fake_disconnect(&s.g);
    end(&s);
}

static smbkit_status lock_numbered(struct fake *f, struct smb2_file_id id, uint8_t number)
{
    struct smb2_lock_req req = {
        .file_id = id,
        .count = 1,
        .lock_sequence_index = 1,
        .lock_sequence_number = number,
        .locks = {{0, 5, SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY}}};
    struct wr w = fake_request(f, SMB2_LOCK);
    smb2_lock_req_format(&w, &req);
    struct fake_reply r = fake_ask(f, &w);
    fake_reply_fini(&r);
    return r.status;
}

/* Its locks are numbered, and kept. [MS-SMB2] 3.3.5.14 */
static void test_locks(void)
{
    struct scene s;
    struct smb2_create_rsp rsp = {0};
    begin(&s);
    CHECK_INT(create(&s.f, &plain, &s.rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(request(&s.f, s.rsp.file_id, 10000, 8), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(lock_numbered(&s.f, s.rsp.file_id, 3), SMBKIT_STATUS_SUCCESS);
    fake_disconnect(&s.f);
    fake_enter(&s.f, SMB2_DIALECT_311);
    const struct ask back = back_v1(&s);
    CHECK_INT(create(&s.f, &back, &rsp), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(lock_numbered(&s.f, rsp.file_id, 3), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(lock_numbered(&s.f, rsp.file_id, 4), SMBKIT_STATUS_LOCK_NOT_GRANTED);
    end(&s);
}

static const struct test_case cases[] = {
    {"asked for", test_request},
    {"comes back", test_comes_back},
    {"somebody wants the file", test_is_wanted},
    {"a break under way", test_break_under_way},
    {"locks", test_locks},
};
TEST_MAIN(cases)
