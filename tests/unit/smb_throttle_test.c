/* SPDX-License-Identifier: Apache-2.0 */
/* Guessing passwords over whole conversations: verdicts wait in line, good ones too, on however
 * many connections; and what is held back leaves nothing when its connection goes. */
#include "smb_fake_client.h"

static void begin(struct fake *f)
{
    fake_init(f);
    struct smb_config config = fake_config(f);
    f->credits = 200;
    fake_start(f, &config);
}

static void join(struct fake *f)
{
    struct smb2_negotiate_req req = fake_negotiate_req(0x0302);
    fake_connect(f);
    CHECK_INT(fake_negotiate(f, &req), SMBKIT_STATUS_SUCCESS);
}

/* Each on a connection of its own; a further one is left. */
static void wrong_passwords(struct fake *f, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        CHECK_INT(fake_login(f, "Alice", "wrong"), SMBKIT_STATUS_LOGON_FAILURE);
        fake_disconnect(f);
        join(f);
    }
}

/* Both rounds; the last one's answer is not waited for. */
static void attempt(struct fake *f, const char *user, const char *password)
{
    struct conv c = {.m = {.user = user, .password = password, .domain = "", .raw = true}};
    struct smb2_session_setup_rsp rsp;
    struct wr n = wr_init(c.negotiate, sizeof(c.negotiate));
    wr_bytes(&n, "NTLMSSP\0\1\0\0\0", 12);
    wr_u32(&n, FLAGS_NORMAL);
    wr_zero(&n, 24);
    f->session_id = 0;
    struct smb2_session_setup_req req = {.security = {c.negotiate, sizeof(c.negotiate)}};
    struct wr w = fake_request(f, SMB2_SESSION_SETUP);
    smb2_session_setup_req_format(&w, &req);
    struct fake_reply r;
    unsigned held = f->sent_count - f->taken; /* answers of earlier attempts */
    CHECK_INT(held, 0);
    fake_submit(f, &w);
    REQUIRE(fake_next(f, &r));
    CHECK_INT(r.status, SMBKIT_STATUS_MORE_PROCESSING_REQUIRED);
    f->session_id = r.hdr.session_id;
    CHECK_INT(smb2_session_setup_rsp_parse(&r.body, &rsp), WIRE_OK);
    challenge_keep(&c, auth_slice_of(rsp.security.p, rsp.security.len));
    fake_reply_fini(&r);
    authenticate_make(&c);
    req.security = (struct wire_slice){c.auth, c.auth_len};
    w = fake_request(f, SMB2_SESSION_SETUP);
    smb2_session_setup_req_format(&w, &req);
    fake_submit(f, &w);
}

static unsigned answers(struct fake *f, smbkit_status status)
{
    struct fake_reply r;
    unsigned n = 0;
    while (fake_next(f, &r)) {
        n += r.status == status;
        fake_reply_fini(&r);
    }
    return n;
}

/* The right password is not told earlier than a wrong one would be, and opens nothing before. */
static void test_right_one_waits(void)
{
    struct fake f;
    begin(&f);
    join(&f);
    wrong_passwords(&f, 6);
    attempt(&f, "Alice", "s3cret");
    CHECK_INT(f.sent_count, 0);
    struct smb_server_stats stats;
    smb_server_stats(f.server, &stats);
    CHECK_INT(stats.logon_failures, 6);
    CHECK_INT(fake_tree(&f, "\\\\fake\\mem"), SMBKIT_STATUS_USER_SESSION_DELETED); /* not yet */
    fake_pass(&f, 900);
    CHECK_INT(f.sent_count, 0);
    fake_pass(&f, 200);
    CHECK_INT(answers(&f, SMBKIT_STATUS_SUCCESS), 1);
    fake_disconnect(&f);
    fake_stop(&f);
}

/* Forty, eight at once on each connection, the last two right: as many verdicts as one after the
 * other would get, and those are over. Another user there is let in at once. */
static void test_side_by_side(void)
{
    struct fake f;
    begin(&f);
    join(&f);
    unsigned told = 0;
    for (unsigned i = 0; i < 40; i++) {
        if (i % 8 == 0) {
            fake_disconnect(&f);
            join(&f);
        }
        attempt(&f, i == 39 ? "bob" : "Alice", i == 38 ? "s3cret" : i == 39 ? "" : "wrong");
        told += answers(&f, i == 39 ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_LOGON_FAILURE);
    }
    CHECK_INT(told, 4 + 1);
    fake_pass(&f, 18000);
    CHECK_INT(answers(&f, SMBKIT_STATUS_LOGON_FAILURE), 7); /* the right ones were not looked at */
    fake_disconnect(&f);
    fake_stop(&f);
}

/* Whoever guesses elsewhere does not lock a user out from where he has been before. */
static void test_known_places(void)
{
    static const char *const elsewhere[] = {"192.0.2.77", "2001:db8::1", "::ffff:192.0.2.78"};
    struct fake f;
    begin(&f);
    join(&f);
    CHECK_INT(fake_login(&f, "Alice", "s3cret"), SMBKIT_STATUS_SUCCESS);
    fake_disconnect(&f);
    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
        f.address = elsewhere[i];
        join(&f);
        wrong_passwords(&f, 12);
        fake_disconnect(&f);
    }
    f.address = NULL;
    uint64_t before = f.now_ms;
    join(&f);
    CHECK_INT(fake_login(&f, "alice", "s3cret"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(f.now_ms, before);
    fake_disconnect(&f);
    fake_stop(&f);
}

/* One /64 is one place; another is another. */
static void test_ipv6(void)
{
    struct fake f;
    begin(&f);
    for (unsigned i = 0; i < 8; i++) {
        char address[64];
        str_format(address, sizeof(address), "2001:db8::%x", i);
        f.address = address;
        join(&f);
        wrong_passwords(&f, 1);
        fake_disconnect(&f);
    }
    CHECK(f.now_ms > 0);
    uint64_t before = f.now_ms;
    f.address = "2001:db8:0:1::1";
    join(&f);
    CHECK_INT(fake_login(&f, "bob", ""), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(f.now_ms, before);
    fake_disconnect(&f);
    fake_stop(&f);
}

/* The connection goes, or the server stops, while verdicts are held back: nothing comes of them. */
static void test_end_while_held(void)
{
    for (unsigned drains = 0; drains < 2; drains++) {
        struct fake f;
        begin(&f);
        join(&f);
        for (unsigned i = 0; i < 8; i++) {
            attempt(&f, "Alice", i == 6 ? "s3cret" : "wrong");
            CHECK_INT(answers(&f, SMBKIT_STATUS_LOGON_FAILURE), i < 4);
        }
        if (drains) {
            smb_conn_shutdown(f.conn);
            fake_pump(&f);
            CHECK(f.closed);
            CHECK_INT(answers(&f, SMBKIT_STATUS_SUCCESS), 0);
        }
        fake_disconnect(&f);
        struct smb_server_stats stats;
        smb_server_stats(f.server, &stats);
        CHECK_INT(stats.sessions_now, 0);
        fake_stop(&f);
    }
}

static const struct test_case cases[] = {
    {"the right one waits too", test_right_one_waits},
    {"side by side", test_side_by_side},
    {"known places", test_known_places},
    {"IPv6", test_ipv6},
    {"the end while held back", test_end_while_held},
};
TEST_MAIN(cases)
