/* SPDX-License-Identifier: Apache-2.0 */
/* Signing and sealing: no nonce twice, whatever is said in whatever order (smb_fake.h looks at
 * every message of every test; here are the conversations made for it), interim replies and CANCEL,
 * a refused binding, who may become whom, and who listens. */
#include "smb_fake_client.h"

#include "wire/cancel.h"
#include "wire/change_notify.h"
#include "wire/echo.h"
#include "wire/lock.h"
#include "wire/logoff.h"
#include "wire/oplock_break.h"

/* How a connection is protected. */
struct mode {
    const char *name;
    uint16_t dialect;
    uint16_t signing; /* offered in 3.1.1 */
    uint16_t cipher;  /* 0: signed */
};

static const struct mode modes[] = {
    {"2.0.2 HMAC", 0x0202, 0, 0},
    {"2.1 HMAC", 0x0210, 0, 0},
    {"3.0 CMAC", 0x0300, 0, 0},
    {"3.0.2 CMAC", 0x0302, 0, 0},
    {"3.1.1 HMAC", 0x0311, SMB2_SIGNING_HMAC_SHA256, 0},
    {"3.1.1 CMAC", 0x0311, SMB2_SIGNING_AES_CMAC, 0},
    {"3.1.1 GMAC", 0x0311, SMB2_SIGNING_AES_GMAC, 0},
    {"3.0 sealed", 0x0300, 0, SMB2_CIPHER_AES128_CCM},
    {"3.1.1 sealed CCM", 0x0311, SMB2_SIGNING_AES_GMAC, SMB2_CIPHER_AES128_CCM},
    {"3.1.1 sealed GCM", 0x0311, SMB2_SIGNING_AES_GMAC, SMB2_CIPHER_AES128_GCM},
    {"3.1.1 sealed 256 GCM", 0x0311, SMB2_SIGNING_AES_GMAC, SMB2_CIPHER_AES256_GCM},
};

static struct smb2_negotiate_req negotiate_as(const struct mode *m)
{
    struct smb2_negotiate_req req = fake_negotiate_req(m->dialect);
    req.ctxs.signings.ids[0] = m->signing;
    if (m->cipher) {
        req.ctxs.ciphers.ids[0] = m->cipher;
    }
    return req;
}

static void begin(struct fake *f, const struct smb_config *config)
{
    fake_start(f, config);
    f->credits = 100;
}

static void enter(struct fake *f, const struct mode *m)
{
    struct smb2_negotiate_req req = negotiate_as(m);
    fake_connect(f);
    CHECK_INT(fake_negotiate(f, &req), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_login(f, "Alice", "s3cret"), SMBKIT_STATUS_SUCCESS);
    CHECK(f->seals == (m->cipher != 0));
    CHECK_INT(fake_tree(f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
}

/* ---- requests ---- */

static struct smb2_file_id open_named(struct fake *f, const char *name, uint8_t oplock)
{
    struct smb2_create_rsp rsp = {0};
    struct wr w = fake_request(f, SMB2_CREATE);
    fake_create_format(&w, name, *name ? SMBKIT_OPEN_IF : SMBKIT_OPEN, oplock, 7);
    struct fake_reply r = fake_ask(f, &w);
    CHECK_INT(fake_create_done(&r, &rsp), SMBKIT_STATUS_SUCCESS);
    return rsp.file_id;
}

static struct wr notify_request(struct fake *f, struct smb2_file_id id)
{
    struct smb2_change_notify_req req = {
        .output_max = 1000, .file_id = id, .completion_filter = 0xfff};
    struct wr w = fake_request(f, SMB2_CHANGE_NOTIFY);
    smb2_change_notify_req_format(&w, &req);
    return w;
}

static struct wr lock_request(struct fake *f, struct smb2_file_id id, uint32_t flags)
{
    struct smb2_lock_req req = {
        .file_id = id, .count = 1, .locks = {{.offset = 0, .length = 1, .flags = flags}}};
    struct wr w = fake_request(f, SMB2_LOCK);
    smb2_lock_req_format(&w, &req);
    return w;
}

static struct wr echo_request(struct fake *f)
{
    struct wr w = fake_request(f, SMB2_ECHO);
    smb2_echo_req_format(&w);
    return w;
}

/* A CANCEL that bears the MessageId mid. */
static void cancel(struct fake *f, uint64_t mid, uint32_t flags, uint64_t session_id)
{
    struct wr w = wr_new(1000);
    struct smb2_hdr h = {
        .command = SMB2_CANCEL, .flags = flags, .session_id = session_id, .message_id = mid};
    smb2_hdr_format(&w, &h);
    smb2_cancel_req_format(&w);
    fake_submit(f, &w);
}

static struct fake_reply expect(struct fake *f, uint16_t command, smbkit_status status)
{
    struct fake_reply r = fake_take(f);
    CHECK_INT(r.hdr.command, command);
    CHECK_INT(r.status, status);
    return r;
}

static void expect_only(struct fake *f, uint16_t command, smbkit_status status)
{
    struct fake_reply r = expect(f, command, status);
    CHECK(status != SMBKIT_STATUS_PENDING || r.sealed || !(r.hdr.flags & SMB2_FLAGS_SIGNED));
    fake_reply_fini(&r);
}

/* ---- a mixed conversation ---- */

/* Interim and final reply of one request, and CANCELs of every kind of brokenness around them. */
static void talk_of_waiting(struct fake *f)
{
    struct smb2_file_id root = open_named(f, "", 0);
    struct wr w = notify_request(f, root);
    uint64_t mid = f->mid - 1;
    fake_submit(f, &w);
    expect_only(f, SMB2_CHANGE_NOTIFY, SMBKIT_STATUS_PENDING);
    bool signs = f->signs;
    for (unsigned i = 0; i < 3; i++) { /* never answered, so never signed */
        cancel(f, mid, SMB2_FLAGS_RELATED_OPERATIONS, f->session_id);
        cancel(f, mid + 1000, 0, f->session_id);
        f->signs = false;
        cancel(f, mid, SMB2_FLAGS_SIGNED | SMB2_FLAGS_RELATED_OPERATIONS, f->session_id);
        f->signs = signs;
    }
    CHECK_INT(f->sent_count, 0);
    cancel(f, mid, 0, f->session_id);
    expect_only(f, SMB2_CHANGE_NOTIFY, SMBKIT_STATUS_CANCELLED);
    CHECK_INT(fake_close_file(f, root), SMBKIT_STATUS_SUCCESS);
}

static void talk_of_locks(struct fake *f)
{
    struct smb2_file_id a = open_named(f, "locked", 0);
    struct smb2_file_id b = open_named(f, "locked", 0);
    struct wr w = lock_request(f, a, SMB2_LOCKFLAG_EXCLUSIVE_LOCK);
    fake_submit(f, &w);
    expect_only(f, SMB2_LOCK, SMBKIT_STATUS_SUCCESS);
    w = lock_request(f, b, SMB2_LOCKFLAG_EXCLUSIVE_LOCK);
    fake_submit(f, &w);
    expect_only(f, SMB2_LOCK, SMBKIT_STATUS_PENDING);
    w = lock_request(f, a, SMB2_LOCKFLAG_UNLOCK);
    fake_submit(f, &w);
    expect_only(f, SMB2_LOCK, SMBKIT_STATUS_SUCCESS);
    expect_only(f, SMB2_LOCK, SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(f, a), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(f, b), SMBKIT_STATUS_SUCCESS);
}

/* A break notification has no MessageId of its own: it is sealed or plain. [MS-SMB2] 3.3.4.6 */
static void talk_of_oplocks(struct fake *f)
{
    struct smb2_file_id id = open_named(f, "cached", SMB2_OPLOCK_LEVEL_BATCH);
    struct wr w = fake_request(f, SMB2_CREATE);
    struct smb2_create_rsp second = {0};
    struct fake_reply r;
    unsigned seen = 0;
    fake_create_format(&w, "cached", SMBKIT_OPEN, 0, 7);
    fake_submit(f, &w);
    while (fake_next(f, &r)) {
        CHECK_INT(r.sealed, f->seals);
        CHECK(!(r.hdr.flags & SMB2_FLAGS_SIGNED));
        seen |= 1u << r.hdr.command;
        fake_reply_fini(&r);
    }
    CHECK_INT(seen, 1u << SMB2_OPLOCK_BREAK | 1u << SMB2_CREATE);
    struct smb2_oplock_break ack = {.oplock_level = SMB2_OPLOCK_LEVEL_NONE, .file_id = id};
    w = fake_request(f, SMB2_OPLOCK_BREAK);
    smb2_oplock_break_req_format(&w, &ack);
    fake_submit(f, &w);
    seen = 0;
    while (fake_next(f, &r)) {
        CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
        seen |= 1u << r.hdr.command;
        if (r.hdr.command == SMB2_CREATE) {
            CHECK_INT(fake_create_done(&r, &second), SMBKIT_STATUS_SUCCESS);
        }
        fake_reply_fini(&r);
    }
    CHECK_INT(seen, 1u << SMB2_OPLOCK_BREAK | 1u << SMB2_CREATE);
    CHECK_INT(fake_close_file(f, second.file_id), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_close_file(f, id), SMBKIT_STATUS_SUCCESS);
}

/* An answer is in front of the interim one in the same frame; then the final one. */
static void talk_of_compounds(struct fake *f)
{
    struct smb2_file_id root = open_named(f, "", 0);
    struct wr w = echo_request(f);
    uint64_t mid = f->mid;
    struct wr second = notify_request(f, root);
    wr_align(&w, 0, 8);
    size_t at = wr_pos(&w);
    wr_put_u32(&w, SMB2_HDR_NEXT_OFFSET, (uint32_t)at);
    wr_bytes(&w, second.base, wr_pos(&second));
    wr_fini(&second);
    bool signs = f->signs;
    if (signs && !f->seals) {
        fake_sign(f, w.base, at);
        fake_sign(f, w.base + at, wr_pos(&w) - at);
    }
    f->signs = false;
    fake_submit(f, &w);
    struct fake_reply r;
    REQUIRE(fake_next(f, &r));
    CHECK_INT(r.hdr.command, SMB2_ECHO);
    struct cur c = cur_init(r.p + r.hdr.next_command, r.len - r.hdr.next_command);
    struct smb2_hdr h;
    CHECK_INT(smb2_hdr_parse(&c, &h), WIRE_OK);
    CHECK_INT((smbkit_status)h.status, SMBKIT_STATUS_PENDING);
    CHECK(!(h.flags & SMB2_FLAGS_SIGNED));
    fake_reply_fini(&r);
    f->signs = signs;
    cancel(f, mid, 0, f->session_id);
    expect_only(f, SMB2_CHANGE_NOTIFY, SMBKIT_STATUS_CANCELLED);
    CHECK_INT(fake_close_file(f, root), SMBKIT_STATUS_SUCCESS);
}

/* What is refused, signed wrongly or not at all, and a log-in of the same user again. */
static void talk_of_refusals(struct fake *f)
{
    bool signs = f->signs;
    bool seals = f->seals;
    f->signs = false;
    f->seals = false;
    struct wr w = fake_request(f, SMB2_LOGOFF);
    smb2_logoff_req_format(&w);
    fake_submit(f, &w);
    w = fake_request(f, SMB2_LOGOFF);
    smb2_logoff_req_format(&w);
    fake_sign(f, w.base, wr_pos(&w));
    w.base[50] ^= 1;
    fake_submit(f, &w);
    f->signs = signs;
    expect_only(f, SMB2_LOGOFF, SMBKIT_STATUS_ACCESS_DENIED);
    expect_only(f, SMB2_LOGOFF, SMBKIT_STATUS_ACCESS_DENIED);
    f->seals = seals;
    w = fake_request(f, 77); /* no such command */
    fake_submit(f, &w);
    expect_only(f, 77, SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_INT(fake_login(f, "Alice", "s3cret"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_tree(f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
}

static void no_change(struct smb_config *c)
{
    (void)c;
}

static void seal_all(struct smb_config *c)
{
    c->encryption = SMB_ENCRYPT_DESIRED;
}

static void test_mixed(void)
{
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct fake f;
        fake_init(&f);
        struct smb_config config = fake_config(&f);
        (modes[i].cipher ? seal_all : no_change)(&config);
        begin(&f, &config);
        test_context("%s", modes[i].name);
        enter(&f, &modes[i]);
        for (unsigned round = 0; round < 2; round++) {
            talk_of_waiting(&f);
            talk_of_locks(&f);
            talk_of_oplocks(&f);
            talk_of_compounds(&f);
            if (!f.seals) {
                talk_of_refusals(&f);
            }
        }
        /* the same frame again: the id is used, and nothing is signed for it a second time */
        struct wr w = echo_request(&f);
        fake_submit(&f, &w);
        expect_only(&f, SMB2_ECHO, SMBKIT_STATUS_SUCCESS);
        f.mid--;
        w = echo_request(&f);
        fake_submit(&f, &w);
        CHECK_INT(f.sent_count, 0);
        CHECK(f.closed);
        fake_disconnect(&f);
        fake_stop(&f);
    }
}

/* ---- bindings ---- */

static struct fake_reply bind_to(struct fake *g, const struct fake *f)
{
    static const uint8_t blob[] = "NTLMSSP";
    struct smb2_session_setup_req req = {.flags = SMB2_SESSION_FLAG_BINDING,
                                         .security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED,
                                         .security = {blob, sizeof(blob)}};
    g->session_id = f->session_id;
    struct wr w = fake_request(g, SMB2_SESSION_SETUP);
    smb2_session_setup_req_format(&w, &req);
    struct crypto_signer *own = g->signer;
    g->signer = f->signer;
    fake_sign(g, w.base, wr_pos(&w));
    fake_submit(g, &w);
    struct fake_reply r = expect(g, SMB2_SESSION_SETUP, SMBKIT_STATUS_REQUEST_NOT_ACCEPTED);
    if (r.hdr.flags & SMB2_FLAGS_SIGNED) {
        fake_check_signature(g, r.p, r.len, &r.hdr);
    }
    g->signer = own;
    return r;
}

/* The refusal is signed with the key of a session whose own connection uses the same MessageIds. */
static void test_refused_binding(void)
{
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct fake f;
        struct fake g;
        if (modes[i].cipher) {
            continue;
        }
        fake_init(&f);
        fake_init(&g);
        struct smb_config config = fake_config(&f);
        begin(&f, &config);
        test_context("%s", modes[i].name);
        enter(&f, &modes[i]);
        g.server = f.server;
        struct smb2_negotiate_req req = negotiate_as(&modes[i]);
        fake_connect(&g);
        CHECK_INT(fake_negotiate(&g, &req), SMBKIT_STATUS_SUCCESS);
        struct fake_reply r = bind_to(&g, &f);
        CHECK(r.hdr.flags & SMB2_FLAGS_SIGNED); /* with a MessageId that f has left unused */
        fake_reply_fini(&r);
        fake_disconnect(&g);
        fake_disconnect(&f);
        fake_stop(&f);
    }
}

/* ---- NEGOTIATE ---- */

/* [MS-SMB2] 3.3.5.2.4 */
static void test_signed_negotiate(void)
{
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct fake f;
        fake_init(&f);
        struct smb_config config = fake_config(&f);
        begin(&f, &config);
        test_context("%s", modes[i].name);
        struct smb2_negotiate_req req = negotiate_as(&modes[i]);
        fake_connect(&f);
        struct wr w = fake_request(&f, SMB2_NEGOTIATE);
        smb2_negotiate_req_format(&w, &req);
        w.base[SMB2_HDR_FLAGS_OFFSET] |= SMB2_FLAGS_SIGNED;
        struct fake_reply r = fake_ask(&f, &w);
        CHECK_INT(r.status, SMBKIT_STATUS_INVALID_PARAMETER);
        CHECK(!(r.hdr.flags & SMB2_FLAGS_SIGNED));
        fake_reply_fini(&r);
        CHECK_INT(fake_negotiate(&f, &req), SMBKIT_STATUS_SUCCESS); /* nothing was settled */
        fake_disconnect(&f);
        fake_stop(&f);
    }
}

/* ---- who may become whom ---- */

static smbkit_status log_in_again(struct fake *f, const char *user, const char *password)
{
    struct conv c = {.m = {.user = user, .password = password, .domain = "", .raw = true}};
    struct fake_reply r = fake_login_rounds(f, &c);
    fake_reply_fini(&r);
    return r.status;
}

static void let_all_in(struct smb_config *c)
{
    c->auth.allow_guest = true;
    c->auth.allow_anonymous = true;
}

/* Two log-ins on one session; the first may be unsigned, so the second can come from anybody. */
static void test_promotion(void)
{
    static const struct {
        const char *name;
        const char *first, *first_password;
        const char *second, *second_password;
        smbkit_status want;
    } rows[] = {
        {"guest to user", "mallory", "x", "Alice", "s3cret", SMBKIT_STATUS_ACCESS_DENIED},
        {"nobody to user", "", NULL, "Alice", "s3cret", SMBKIT_STATUS_ACCESS_DENIED},
        {"nobody to guest", "", NULL, "mallory", "x", SMBKIT_STATUS_SUCCESS},
        {"guest to nobody", "mallory", "x", "", NULL, SMBKIT_STATUS_SUCCESS},
        {"user again", "Alice", "s3cret", "alice", "s3cret", SMBKIT_STATUS_SUCCESS},
        {"user to another", "Alice", "s3cret", "bob", "", SMBKIT_STATUS_ACCESS_DENIED},
        {"user to nobody", "Alice", "s3cret", "", NULL, SMBKIT_STATUS_SUCCESS},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(modes); i++) {
        size_t row = i % ARRAY_LEN(rows);
        const struct mode *m = &modes[i / ARRAY_LEN(rows)];
        struct fake f;
        fake_init(&f);
        struct smb_config config = fake_config(&f);
        let_all_in(&config);
        (m->cipher ? seal_all : no_change)(&config);
        begin(&f, &config);
        struct smb2_negotiate_req req = negotiate_as(m);
        fake_connect(&f);
        test_context("%s, %s", m->name, rows[row].name);
        CHECK_INT(fake_negotiate(&f, &req), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_login(&f, rows[row].first, rows[row].first_password), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(log_in_again(&f, rows[row].second, rows[row].second_password), rows[row].want);
        test_context("%s, %s, afterwards", m->name, rows[row].name);
        /* who was refused has no session any more, nor an answer that it could sign */
        f.signs = f.signs && SMBKIT_OK(rows[row].want);
        f.seals = f.seals && SMBKIT_OK(rows[row].want);
        CHECK_INT(fake_tree(&f, "\\\\fake\\IPC$"), SMBKIT_OK(rows[row].want)
                                                       ? SMBKIT_STATUS_SUCCESS
                                                       : SMBKIT_STATUS_USER_SESSION_DELETED);
        fake_disconnect(&f);
        fake_stop(&f);
    }
}

/* A user goes on signing after a log-in as nobody, and after the one that brings him back. */
static void test_signing_stays(void)
{
    struct fake f;
    fake_init(&f);
    struct smb_config config = fake_config(&f);
    let_all_in(&config);
    begin(&f, &config);
    enter(&f, &modes[6]);
    for (unsigned i = 0; i < 3; i++) {
        struct wr w = echo_request(&f);
        f.signs = false;
        fake_submit(&f, &w);
        f.signs = true;
        expect_only(&f, SMB2_ECHO, SMBKIT_STATUS_ACCESS_DENIED);
        CHECK_INT(i % 2 ? log_in_again(&f, "ALICE", "s3cret") : log_in_again(&f, "", NULL),
                  SMBKIT_STATUS_SUCCESS);
    }
    fake_disconnect(&f);
    fake_stop(&f);
}

/* ---- who has no name ---- */

static void echo_is(struct fake *f, smbkit_status status, bool is_signed)
{
    struct wr w = echo_request(f);
    fake_submit(f, &w);
    struct fake_reply r = {0};
    CHECK(fake_next(f, &r));
    CHECK_INT(r.status, status);
    CHECK_INT((r.hdr.flags & SMB2_FLAGS_SIGNED) != 0, is_signed);
    if (is_signed && SMBKIT_OK(status)) {
        fake_check_signature(f, r.p, r.len, &r.hdr);
    }
    fake_reply_fini(&r);
}

/* He need not sign, and his log-in is not signed; what he signs is verified, and answered alike. */
static void test_nameless_signs(void)
{
    static const uint8_t other[16] = {1};
    for (size_t i = 0; i < ARRAY_LEN(modes) && !modes[i].cipher; i++) {
        struct fake f;
        struct conv c = {.m = {.user = "", .domain = "", .raw = true}};
        fake_init(&f);
        struct smb_config config = fake_config(&f);
        let_all_in(&config);
        begin(&f, &config);
        test_context("%s", modes[i].name);
        struct smb2_negotiate_req req = negotiate_as(&modes[i]);
        fake_connect(&f);
        CHECK_INT(fake_negotiate(&f, &req), SMBKIT_STATUS_SUCCESS);
        struct fake_reply r = fake_login_rounds(&f, &c);
        CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
        CHECK(!(r.hdr.flags & SMB2_FLAGS_SIGNED));
        fake_reply_fini(&r);
        echo_is(&f, SMBKIT_STATUS_SUCCESS, false);
        CHECK_INT(fake_tree(&f, "\\\\fake\\IPC$"), SMBKIT_STATUS_SUCCESS);
        memcpy(f.key, c.exported, sizeof(f.key));
        fake_keys(&f);
        CHECK_INT(fake_tree(&f, "\\\\fake\\IPC$"), SMBKIT_STATUS_SUCCESS);
        echo_is(&f, SMBKIT_STATUS_SUCCESS, true);
        struct crypto_signer *own = f.signer;
        f.signer = crypto_signer_new(f.sign_alg, other);
        echo_is(&f, SMBKIT_STATUS_ACCESS_DENIED, true);
        crypto_signer_free(f.signer);
        f.signer = own;
        f.signs = false;
        echo_is(&f, SMBKIT_STATUS_SUCCESS, false);
        fake_disconnect(&f);
        fake_stop(&f);
    }
}

/* ---- who listens ---- */

struct listener {
    unsigned requests, replies, sealed, signed_, interim, breaks;
    bool saw_secret;
};

static void listen_cb(void *arg, const struct smb_tap_message *m)
{
    struct listener *l = ((struct fake *)arg)->event_arg;
    struct cur c = cur_init(m->head, m->head_len);
    struct smb2_hdr h;
    CHECK_INT(smb2_hdr_parse(&c, &h), WIRE_OK);
    CHECK_INT(m->from_server, (h.flags & SMB2_FLAGS_SERVER_TO_REDIR) != 0);
    CHECK_INT(m->conn_id, 1);
    l->requests += !m->from_server;
    l->replies += m->from_server;
    l->sealed += m->sealed;
    l->signed_ += m->signed_;
    l->interim += m->from_server && (smbkit_status)h.status == SMBKIT_STATUS_PENDING;
    l->breaks += m->from_server && h.command == SMB2_OPLOCK_BREAK && h.message_id == UINT64_MAX;
    /* WRITE's data is in clear, and READ's */
    for (size_t i = 0; i + 6 <= m->head_len; i++) {
        l->saw_secret |= !m->from_server && memcmp(m->head + i, "secret", 6) == 0;
    }
    CHECK(m->payload_len == 0 || memcmp(m->payload, "secret", 6) == 0);
}

static void test_tap(void)
{
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct fake f;
        struct listener l = {0};
        fake_init(&f);
        f.event_arg = &l;
        struct smb_config config = fake_config(&f);
        config.env.tap = listen_cb;
        (modes[i].cipher ? seal_all : no_change)(&config);
        begin(&f, &config);
        test_context("%s", modes[i].name);
        enter(&f, &modes[i]);
        struct smb2_file_id id = open_named(&f, "plain", 0);
        CHECK_INT(fake_write(&f, id, 0, "secret", 6), SMBKIT_STATUS_SUCCESS);
        uint8_t back[6];
        size_t n = 0;
        CHECK_INT(fake_read(&f, id, 0, (struct crypto_span){back, 6}, &n), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_close_file(&f, id), SMBKIT_STATUS_SUCCESS);
        unsigned cancels = 0;
        CHECK(l.saw_secret);
        CHECK_INT(l.requests, l.replies + cancels);
        /* all but NEGOTIATE and the log-in's; of that the last reply is signed, or sealed */
        CHECK_INT(modes[i].cipher ? l.sealed : l.signed_, 2 * (l.requests - 3) + !modes[i].cipher);
        talk_of_oplocks(&f);
        CHECK_INT(l.breaks, 1);
        CHECK_INT(l.interim, 1);
        fake_disconnect(&f);
        fake_stop(&f);
    }
}

static const struct test_case cases[] = {
    {"no nonce twice in a mixed conversation", test_mixed},
    {"a refused binding", test_refused_binding},
    {"NEGOTIATE that claims to be signed", test_signed_negotiate},
    {"who may become whom", test_promotion},
    {"signing stays", test_signing_stays},
    {"who has no name may sign", test_nameless_signs},
    {"who listens", test_tap},
};
TEST_MAIN(cases)
