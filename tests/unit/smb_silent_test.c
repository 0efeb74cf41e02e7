/* SPDX-License-Identifier: Apache-2.0 */
/* A break that is sent on a channel whose peer's TCP acknowledges nothing is told again on another
 * one. [MS-SMB2] 3.3.4.6, 3.3.4.7 */
#include "smb_durable.h"
#include "smb_fake_binding.h"

#include "wire/echo.h"
#include "wire/oplock_break.h"

/* f and g: two channels of a session that has the file; other wants it. Time is f's. */
struct silent {
    struct fake f;
    struct fake g;
    struct fake other;
    struct smb2_create_rsp made;
};

static struct wr want(struct silent *s)
{
    const struct ask a = {.disposition = SMBKIT_OPEN, .share = 7};
    return create_of(&s->other, &a);
}

static void pass(struct silent *s, uint64_t ms)
{
    for (; ms > 0; ms -= MIN(ms, 1000)) {
        s->g.now_ms = s->other.now_ms = s->f.now_ms + MIN(ms, 1000);
        fake_pass(&s->f, MIN(ms, 1000));
        for (struct fake *p = s->f.peer; p != &s->f; p = p->peer) {
            fake_pass(p, 0);
        }
    }
}

/* g is a channel too, if it joins; the file was opened by f, which was used last. */
static void begin_silent(struct silent *s, bool joins, bool has_lease)
{
    struct smb2_negotiate_req req = fake_negotiate_req(SMB2_DIALECT_311);
    *s = (struct silent){0};
    fake_init(&s->f);
    struct smb_config config = fake_config(&s->f);
    config.multichannel = true;
    fake_start(&s->f, &config);
    s->f.credits = 64;
    fake_enter(&s->f, SMB2_DIALECT_311);
    if (joins) {
        fake_join(&s->g, &s->f, NULL);
        CHECK_INT(fake_bind(&s->g, &s->f), SMBKIT_STATUS_SUCCESS);
    }
    memset(req.client_guid, 0x99, sizeof(req.client_guid));
    fake_join(&s->other, &s->f, &req);
    CHECK_INT(fake_login(&s->other, "Alice", "s3cret"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_tree(&s->other, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
    pass(s, 1000);
    struct ask a = {.disposition = SMBKIT_OPEN_IF, .share = 7, .oplock = 9, .key = 0x31};
    if (has_lease) {
        a.oplock = SMB2_OPLOCK_LEVEL_LEASE;
        a.present = SMB2_CTX_RQLS;
        a.writes = true;
    }
    CHECK_INT(create(&s->f, &a, &s->made), SMBKIT_STATUS_SUCCESS);
}

static void end_silent(struct silent *s, bool joins)
{
    fake_part(&s->other);
    if (joins) {
        fake_part(&s->g);
    }
    fake_disconnect(&s->f);
    fake_stop(&s->f);
}

static bool hears_break(struct fake *f)
{
    struct fake_reply r;
    if (!fake_next(f, &r)) {
        return false;
    }
    CHECK_INT(r.hdr.command, SMB2_OPLOCK_BREAK);
    CHECK_INT(r.hdr.message_id, UINT64_MAX);
    fake_reply_fini(&r);
    return true;
}

/* other's CREATE waits, and f is told. */
static void ask_for_it(struct silent *s)
{
    struct wr w = want(s);
    struct fake_reply r = fake_ask(&s->other, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_PENDING);
    fake_reply_fini(&r);
    CHECK(hears_break(&s->f));
}

static bool has_it(struct silent *s)
{
    struct smb2_create_rsp rsp = {0};
    struct fake_reply r;
    return fake_next(&s->other, &r) && SMBKIT_OK(fake_create_done(&r, &rsp));
}

static void acknowledge(struct silent *s, struct fake *by)
{
    const struct smb2_oplock_break ack = {.oplock_level = SMB2_OPLOCK_LEVEL_II,
                                          .file_id = s->made.file_id};
    struct wr w = fake_request(by, SMB2_OPLOCK_BREAK);
    smb2_oplock_break_req_format(&w, &ack);
    struct fake_reply r = fake_ask(by, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
    fake_reply_fini(&r);
}

static void test_told_again(void)
{
    struct silent s;
    begin_silent(&s, true, false);
    s.f.is_deaf = true;
    ask_for_it(&s);
    pass(&s, SMB_HEARD_TIME_MS - 1000);
    CHECK(!hears_break(&s.g));
    pass(&s, 1000);
    CHECK(hears_break(&s.g));
    acknowledge(&s, &s.g);
    CHECK(has_it(&s));
    pass(&s, SMB_OPLOCK_TIME_MS);
    CHECK(!hears_break(&s.f));
    CHECK(!hears_break(&s.g));
    CHECK(!s.f.closed); /* that is TCP's to say, as long as nobody needs it */
    end_silent(&s, true);
}

/* Who has heard it may take his time, and it is that of the first telling. */
static void test_time(void)
{
    for (unsigned i = 0; i < 4; i++) {
        struct silent s;
        bool is_deaf = i % 2;
        bool has_lease = i / 2;
        test_context("%s, %s", is_deaf ? "told twice" : "told once",
                     has_lease ? "lease" : "oplock");
        begin_silent(&s, true, has_lease);
        s.f.is_deaf = is_deaf;
        ask_for_it(&s);
        pass(&s, SMB_OPLOCK_TIME_MS - 1000);
        CHECK_INT(hears_break(&s.g), is_deaf);
        CHECK(!has_it(&s));
        pass(&s, 1000);
        CHECK(has_it(&s));
        CHECK(!hears_break(&s.f));
        CHECK(!hears_break(&s.g));
        CHECK(!s.f.closed && !s.g.closed);
        end_silent(&s, true);
    }
}

/* The next break goes to the other at once; until the first one is heard of again. */
static void test_next(void)
{
    struct silent s;
    begin_silent(&s, true, false);
    s.f.is_deaf = true;
    ask_for_it(&s);
    pass(&s, SMB_HEARD_TIME_MS);
    CHECK(hears_break(&s.g));
    CHECK(smb_conn_is_silent(s.f.conn));
    acknowledge(&s, &s.g);
    CHECK(has_it(&s));
    s.f.is_deaf = false;
    struct wr w = fake_request(&s.f, SMB2_ECHO);
    smb2_echo_req_format(&w);
    struct fake_reply r = fake_ask(&s.f, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
    fake_reply_fini(&r);
    CHECK(!smb_conn_is_silent(s.f.conn));
    end_silent(&s, true);
}

/* Nobody else is there to be told: the connection ends, and with it what it has open. */
static void test_only_channel(void)
{
    struct silent s;
    begin_silent(&s, false, false);
    s.f.is_deaf = true;
    ask_for_it(&s);
    pass(&s, SMB_SILENT_TIME_MS - 1000);
    CHECK(!s.f.closed);
    pass(&s, 1000);
    CHECK(s.f.closed);
    CHECK(!has_it(&s));
    fake_disconnect(&s.f);
    fake_pump(&s.other);
    CHECK(has_it(&s));
    fake_disconnect(&s.other);
    fake_stop(&s.f);
}

/* It takes ever more, but slowly, or sends something now and then: it is there, and has its time.
 */
static void test_slow(void)
{
    for (unsigned sends = 0; sends < 2; sends++) {
        struct silent s;
        test_context("%s", sends ? "sends" : "takes more");
        begin_silent(&s, false, false);
        s.f.is_deaf = true;
        ask_for_it(&s);
        for (uint64_t ms = SMB_HEARD_TIME_MS; ms < SMB_OPLOCK_TIME_MS; ms += SMB_HEARD_TIME_MS) {
            s.f.heard += !sends;
            pass(&s, SMB_HEARD_TIME_MS);
            CHECK(!s.f.closed && smb_conn_is_silent(s.f.conn));
            if (sends) {
                struct wr w = fake_request(&s.f, SMB2_ECHO);
                smb2_echo_req_format(&w);
                fake_submit(&s.f, &w);
            }
        }
        CHECK(!has_it(&s));
        pass(&s, SMB_HEARD_TIME_MS);
        CHECK(!s.f.closed);
        CHECK(has_it(&s));
        end_silent(&s, false);
    }
}

static const struct test_case cases[] = {
    {"told again", test_told_again},         {"its time", test_time}, {"the next break", test_next},
    {"the only channel", test_only_channel}, {"slow", test_slow},
};
TEST_MAIN(cases)
