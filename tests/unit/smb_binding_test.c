/* SPDX-License-Identifier: Apache-2.0 */
/* Session binding: what is refused and how, which key signs what, what a session has on all of its
 * channels, and what the end of one takes with it. */
#include "smb_fake_binding.h"

#include "wire/echo.h"
#include "wire/logoff.h"
#include "wire/tree_disconnect.h"

/* How a connection is protected. */
struct mode {
    const char *name;
    uint16_t dialect;
    uint16_t signing;
    uint16_t cipher;
};

static const struct mode modes[] = {
    {"3.0", 0x0300, 0, 0},
    {"3.0.2", 0x0302, 0, 0},
    {"3.1.1 HMAC", 0x0311, SMB2_SIGNING_HMAC_SHA256, SMB2_CIPHER_AES128_GCM},
    {"3.1.1 CMAC", 0x0311, SMB2_SIGNING_AES_CMAC, SMB2_CIPHER_AES128_GCM},
    {"3.1.1 GMAC", 0x0311, SMB2_SIGNING_AES_GMAC, SMB2_CIPHER_AES128_GCM},
    {"3.1.1 CCM", 0x0311, SMB2_SIGNING_AES_CMAC, SMB2_CIPHER_AES128_CCM},
    {"2.1", 0x0210, 0, 0},
    {"2.0.2", 0x0202, 0, 0},
};
enum { M300, M302, MHMAC, MCMAC, MGMAC, MCCM, M210, M202 };

static struct smb2_negotiate_req as_mode(const struct mode *m)
{
    struct smb2_negotiate_req req = fake_negotiate_req(m->dialect);
    req.capabilities |= SMB2_GLOBAL_CAP_MULTI_CHANNEL;
    req.ctxs.signings.ids[0] = m->signing;
    req.ctxs.ciphers.ids[0] = m->cipher;
    return req;
}

/* f: a session with the share, as Alice, or as m says. */
static void start(struct fake *f, const struct mode *m, void (*change)(struct smb_config *c))
{
    fake_init(f);
    struct smb_config config = fake_config(f);
    config.multichannel = true;
    if (change) {
        change(&config);
    }
    fake_start(f, &config);
    f->credits = 100;
    struct smb2_negotiate_req req = as_mode(m);
    fake_connect(f);
    CHECK_INT(fake_negotiate(f, &req), SMBKIT_STATUS_SUCCESS);
}

static void enter(struct fake *f, const struct mode *m, void (*change)(struct smb_config *c))
{
    start(f, m, change);
    CHECK_INT(fake_login(f, "Alice", "s3cret"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_tree(f, "\\\\fake\\mem"), SMBKIT_STATUS_SUCCESS);
}

static void join(struct fake *g, struct fake *f, const struct mode *m)
{
    struct smb2_negotiate_req req = as_mode(m);
    fake_join(g, f, &req);
}

static smbkit_status echo(struct fake *f)
{
    struct wr w = fake_request(f, SMB2_ECHO);
    smb2_echo_req_format(&w);
    struct fake_reply r = fake_ask(f, &w);
    fake_reply_fini(&r);
    return r.status;
}

static void seal_all(struct smb_config *c)
{
    c->encryption = SMB_ENCRYPT_DESIRED;
}

/* With the channel's own key: it is found by that. */
static smbkit_status bind_again(struct fake *g)
{
    struct smb2_session_setup_req req = {.flags = SMB2_SESSION_FLAG_BINDING,
                                         .security = {(const uint8_t *)"NTLMSSP", 8}};
    struct wr w = fake_request(g, SMB2_SESSION_SETUP);
    smb2_session_setup_req_format(&w, &req);
    struct fake_reply r = fake_ask(g, &w);
    fake_reply_fini(&r);
    return r.status;
}

/* ---- it works ---- */

/* What one channel opens and writes the other reads and closes, each with its own key; sealed, with
 * the session's. */
static void test_two_channels(void)
{
    for (size_t i = 0; i < 2 * M210; i++) {
        const struct mode *m = &modes[i / 2];
        struct fake f;
        struct fake g;
        struct smb2_create_rsp made = {0};
        uint8_t back[4] = {0};
        size_t n = 0;
        test_context("%s%s", m->name, i % 2 ? ", sealed" : "");
        enter(&f, m, i % 2 ? seal_all : NULL);
        join(&g, &f, m);
        CHECK_INT(fake_bind(&g, &f), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(g.rounds_unsigned, 0);
        CHECK_INT(fake_create(&f, "both", SMBKIT_OPEN_IF, &made), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_write(&g, made.file_id, 0, "abcd", 4), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_read(&f, made.file_id, 0, (struct crypto_span){back, 4}, &n),
                  SMBKIT_STATUS_SUCCESS);
        CHECK_MEM(back, n, "abcd", 4);
        CHECK_INT(fake_close_file(&g, made.file_id), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_close_file(&f, made.file_id), SMBKIT_STATUS_FILE_CLOSED);
        CHECK_INT(bind_again(&g), SMBKIT_STATUS_REQUEST_NOT_ACCEPTED);
        CHECK_INT(echo(&g), SMBKIT_STATUS_SUCCESS);
        fake_part(&g);
        CHECK_INT(echo(&f), SMBKIT_STATUS_SUCCESS);
        fake_disconnect(&f);
        fake_stop(&f);
    }
    test_context("%s", "");
}

/* Before it is bound the session is not there. */
static void test_not_bound_yet(void)
{
    struct fake f;
    struct fake g;
    enter(&f, &modes[MCMAC], NULL);
    join(&g, &f, &modes[MCMAC]);
    struct conv c = {.m = {.user = "Alice", .password = "s3cret", .domain = "", .raw = true}};
    g.session_id = f.session_id;
    g.tree_id = f.tree_id;
    g.signer = f.signer;
    g.signs = true;
    g.binds = true;
    struct wr n = wr_init(c.negotiate, sizeof(c.negotiate));
    wr_bytes(&n, "NTLMSSP\0\1\0\0\0", 12);
    wr_u32(&n, FLAGS_NORMAL);
    wr_zero(&n, 24);
    struct fake_reply r = fake_setup_round(&g, c.negotiate, sizeof(c.negotiate));
    CHECK_INT(r.status, SMBKIT_STATUS_MORE_PROCESSING_REQUIRED);
    fake_reply_fini(&r);
    struct wr w = fake_request(&g, SMB2_TREE_DISCONNECT);
    smb2_tree_disconnect_req_format(&w);
    fake_submit(&g, &w);
    CHECK(fake_next(&g, &r));
    CHECK_INT(r.status, SMBKIT_STATUS_USER_SESSION_DELETED);
    fake_reply_fini(&r);
    /* The session ends meanwhile: the binding has nothing to go on with. */
    w = fake_request(&f, SMB2_LOGOFF);
    smb2_logoff_req_format(&w);
    r = fake_ask(&f, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
    fake_reply_fini(&r);
    r = fake_setup_round(&g, c.negotiate, sizeof(c.negotiate));
    CHECK_INT(r.status, SMBKIT_STATUS_USER_SESSION_DELETED);
    fake_reply_fini(&r);
    g.signer = NULL;
    fake_part(&g);
    fake_disconnect(&f);
    fake_stop(&f);
}

/* ---- what is refused ---- */

/* [MS-SMB2] 3.3.5.5 step 4 */
static void test_refusals(void)
{
    static const struct {
        unsigned session, conn; /* modes */
        smbkit_status want;
    } rows[] = {
        {M202, M202, SMBKIT_STATUS_REQUEST_NOT_ACCEPTED},
        {M210, M210, SMBKIT_STATUS_REQUEST_NOT_ACCEPTED},
        {M210, MCMAC, SMBKIT_STATUS_INVALID_PARAMETER},
        {MCMAC, M210, SMBKIT_STATUS_REQUEST_NOT_ACCEPTED},
        {M302, MCMAC, SMBKIT_STATUS_INVALID_PARAMETER},
        {M300, M302, SMBKIT_STATUS_INVALID_PARAMETER},
        {MCMAC, MCCM, SMBKIT_STATUS_INVALID_PARAMETER},
        {MCMAC, MHMAC, SMBKIT_STATUS_SUCCESS},
        {MHMAC, MCMAC, SMBKIT_STATUS_SUCCESS},
        {MCMAC, MGMAC, SMBKIT_STATUS_NOT_SUPPORTED},
        {M300, MGMAC, SMBKIT_STATUS_NOT_SUPPORTED},
        {M210, MGMAC, SMBKIT_STATUS_NOT_SUPPORTED},
        {MGMAC, MCMAC, SMBKIT_STATUS_REQUEST_OUT_OF_SEQUENCE},
        {MGMAC, MCCM, SMBKIT_STATUS_REQUEST_OUT_OF_SEQUENCE},
        {MGMAC, M300, SMBKIT_STATUS_REQUEST_OUT_OF_SEQUENCE},
        {MGMAC, M210, SMBKIT_STATUS_REQUEST_OUT_OF_SEQUENCE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake f;
        struct fake g;
        test_context("%s to %s", modes[rows[i].session].name, modes[rows[i].conn].name);
        enter(&f, &modes[rows[i].session], NULL);
        join(&g, &f, &modes[rows[i].conn]);
        CHECK_INT(fake_bind(&g, &f), rows[i].want);
        CHECK_INT(echo(&f), SMBKIT_STATUS_SUCCESS);
        fake_part(&g);
        fake_disconnect(&f);
        fake_stop(&f);
    }
    test_context("%s", "");
}

static void no_channels(struct smb_config *c)
{
    c->multichannel = false;
}

static void test_switched_off(void)
{
    struct fake f;
    struct fake g;
    enter(&f, &modes[MCMAC], no_channels);
    join(&g, &f, &modes[MCMAC]);
    CHECK_INT(fake_bind(&g, &f), SMBKIT_STATUS_REQUEST_NOT_ACCEPTED);
    fake_part(&g);
    fake_disconnect(&f);
    fake_stop(&f);
}

static struct fake_reply bare_bind(struct fake *g, uint64_t session_id,
                                   struct crypto_signer *signer)
{
    struct smb2_session_setup_req req = {.flags = SMB2_SESSION_FLAG_BINDING,
                                         .security = {(const uint8_t *)"NTLMSSP", 8}};
    g->session_id = session_id;
    struct wr w = fake_request(g, SMB2_SESSION_SETUP);
    smb2_session_setup_req_format(&w, &req);
    if (signer) {
        g->signer = signer;
        fake_sign(g, w.base, wr_pos(&w));
        g->signer = NULL;
    }
    fake_submit(g, &w);
    struct fake_reply r = {0};
    CHECK(fake_next(g, &r));
    return r;
}

static void let_all_in(struct smb_config *c)
{
    c->auth.allow_guest = true;
    c->auth.allow_anonymous = true;
}

/* Who has not proven to know the session's key is told nothing that bears it. */
static void test_unproven(void)
{
    static const uint8_t other[16] = {1};
    struct fake f;
    struct fake g;
    struct crypto_signer *stranger = crypto_signer_new(CRYPTO_SIGN_AES_CMAC, other);
    enter(&f, &modes[MCMAC], NULL);
    join(&g, &f, &modes[MCMAC]);
    const struct {
        const char *name;
        uint64_t id;
        struct crypto_signer *signer;
        smbkit_status want;
    } rows[] = {
        {"no such session", f.session_id ^ 1, stranger, SMBKIT_STATUS_USER_SESSION_DELETED},
        {"no session", 0, stranger, SMBKIT_STATUS_USER_SESSION_DELETED},
        {"unsigned", f.session_id, NULL, SMBKIT_STATUS_INVALID_PARAMETER},
        {"signed by a stranger", f.session_id, stranger, SMBKIT_STATUS_ACCESS_DENIED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("%s", rows[i].name);
        struct fake_reply r = bare_bind(&g, rows[i].id, rows[i].signer);
        CHECK_INT(r.status, rows[i].want);
        static const uint8_t none[16];
        CHECK_MEM(r.hdr.signature, 16, none, 16);
        fake_reply_fini(&r);
        CHECK_INT(echo(&f), SMBKIT_STATUS_SUCCESS);
    }
    test_context("%s", "");
    crypto_signer_free(stranger);
    fake_part(&g);
    fake_disconnect(&f);
    fake_stop(&f);
}

/* Sessions without a key, and those that are not yet. */
static void test_keyless(void)
{
    static const char *const users[][2] = {{"mallory", "x"}, {"", NULL}};
    static const uint8_t other[16] = {1};
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        struct fake f;
        struct fake g;
        struct crypto_signer *any = crypto_signer_new(CRYPTO_SIGN_AES_CMAC, other);
        test_context("user \"%s\"", users[i][0]);
        start(&f, &modes[MCMAC], let_all_in);
        CHECK_INT(fake_login(&f, users[i][0], users[i][1]), SMBKIT_STATUS_SUCCESS);
        join(&g, &f, &modes[MCMAC]);
        struct fake_reply r = bare_bind(&g, f.session_id, any);
        CHECK_INT(r.status, SMBKIT_STATUS_NOT_SUPPORTED);
        fake_reply_fini(&r);
        crypto_signer_free(any);
        fake_part(&g);
        fake_disconnect(&f);
        fake_stop(&f);
    }
    test_context("%s", "");
}

/* A log-in that fails, or is another's: the session and its channel go on, and so does who binds
 * rightly afterwards. */
static void test_failed_log_in(void)
{
    static const struct {
        const char *user, *password;
        smbkit_status want;
    } rows[] = {{"Alice", "wrong", SMBKIT_STATUS_LOGON_FAILURE},
                {"nobody here", "x", SMBKIT_STATUS_LOGON_FAILURE},
                {"bob", "", SMBKIT_STATUS_ACCESS_DENIED}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake f;
        struct fake g;
        bool is_signed = false;
        test_context("%s", rows[i].user);
        enter(&f, &modes[MCMAC], NULL);
        join(&g, &f, &modes[MCMAC]);
        CHECK_INT(fake_bind_as(&g, &f, rows[i].user, rows[i].password, &is_signed), rows[i].want);
        CHECK(is_signed);
        CHECK_INT(echo(&f), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(fake_bind_as(&g, &f, "alice", "s3cret", &is_signed), SMBKIT_STATUS_SUCCESS);
        CHECK(is_signed);
        CHECK_INT(echo(&g), SMBKIT_STATUS_SUCCESS);
        fake_part(&g);
        CHECK_INT(echo(&f), SMBKIT_STATUS_SUCCESS);
        fake_disconnect(&f);
        fake_stop(&f);
    }
    test_context("%s", "");
}

/* A binding names no session to be ended, nor ends one. */
static void test_previous(void)
{
    struct fake f;
    struct fake g;
    enter(&f, &modes[MCMAC], NULL);
    join(&g, &f, &modes[MCMAC]);
    g.previous_session_id = f.session_id;
    CHECK_INT(fake_bind(&g, &f), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(echo(&f), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(echo(&g), SMBKIT_STATUS_SUCCESS);
    fake_part(&g);
    fake_disconnect(&f);
    fake_stop(&f);
}

/* Not a binding, but a session of another connection: signed for who knows its key. */
static void test_not_its_session(void)
{
    struct fake f;
    struct fake g;
    enter(&f, &modes[MCMAC], NULL);
    join(&g, &f, &modes[MCMAC]);
    struct smb2_session_setup_req req = {.security = {(const uint8_t *)"NTLMSSP", 8}};
    g.session_id = f.session_id;
    g.signer = f.signer;
    g.signs = true;
    struct wr w = fake_request(&g, SMB2_SESSION_SETUP);
    smb2_session_setup_req_format(&w, &req);
    struct fake_reply r = fake_ask(&g, &w); /* looks at the signature */
    CHECK_INT(r.status, SMBKIT_STATUS_USER_SESSION_DELETED);
    fake_reply_fini(&r);
    g.signer = NULL;
    fake_part(&g);
    fake_disconnect(&f);
    fake_stop(&f);
}

/* ---- nonces ---- */

/* Under AES-GMAC the answers about bindings bear the first channel's key with MessageIds of their
 * own connections. One that it has answered with, or another binding, is good only where the client
 * has signed two requests with it as well: as of the second binding on. */
static void test_nonces(void)
{
    struct fake f;
    struct fake g[3];
    bool is_signed = false;
    enter(&f, &modes[MGMAC], NULL);
    for (unsigned i = 0; i < 3; i++) {
        join(&g[i], &f, &modes[MGMAC]);
        CHECK_INT(fake_bind_as(&g[i], &f, "Alice", "s3cret", &is_signed), SMBKIT_STATUS_SUCCESS);
        CHECK(is_signed); /* by its own key */
        CHECK_INT(g[i].rounds_unsigned, 0);
        CHECK_INT(echo(&g[i]), SMBKIT_STATUS_SUCCESS);
    }
    for (unsigned i = 0; i < 600; i++) {
        CHECK_INT(echo(&f), SMBKIT_STATUS_SUCCESS);
    }
    for (unsigned i = 0; i < 3; i++) {
        fake_part(&g[i]);
    }
    fake_disconnect(&f);
    fake_stop(&f);
}

/* The first channel's log-in was answered with MessageId 2, and no request was signed with it: what
 * is refused with that one goes unsigned, and so does what comes beyond those that are remembered.
 */
static void test_no_nonce(void)
{
    struct fake f;
    struct fake g;
    bool is_signed = false;
    enter(&f, &modes[MGMAC], NULL);
    join(&g, &f, &modes[MGMAC]);
    CHECK_INT(fake_bind_as(&g, &f, "Alice", "wrong", &is_signed), SMBKIT_STATUS_LOGON_FAILURE);
    CHECK(!is_signed);
    for (unsigned i = 0; i < 600; i++) {
        CHECK_INT(echo(&g), SMBKIT_STATUS_SUCCESS);
    }
    CHECK_INT(fake_bind_as(&g, &f, "Alice", "s3cret", &is_signed), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(g.rounds_unsigned, 1);
    CHECK_INT(echo(&f), SMBKIT_STATUS_SUCCESS);
    fake_part(&g);
    fake_disconnect(&f);
    fake_stop(&f);
}

/* A MessageId that was left out has answered a binding: a signed request with it is answered, as
 * the client repeats it; an unsigned one that must be answered signed costs the connection. */
static void test_nonce_lent(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct fake f;
        struct fake g;
        enter(&f, &modes[MGMAC], NULL);
        uint64_t left_out = f.mid++;
        CHECK_INT(echo(&f), SMBKIT_STATUS_SUCCESS);
        join(&g, &f, &modes[MGMAC]);
        for (g.mid = 1; g.mid < left_out;) {
            CHECK_INT(echo(&g), SMBKIT_STATUS_SUCCESS);
        }
        CHECK_INT(fake_bind(&g, &f), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(g.rounds_unsigned, 0);
        f.mid = left_out;
        f.signs = i == 0;
        struct wr w = fake_request(&f, SMB2_ECHO);
        smb2_echo_req_format(&w);
        fake_submit(&f, &w);
        CHECK_INT(f.sent_count, i == 0);
        CHECK(f.closed == (i == 1));
        fake_disconnect(&f);
        CHECK_INT(echo(&g), SMBKIT_STATUS_SUCCESS); /* the session lives on */
        fake_part(&g);
        fake_stop(&f);
    }
}

/* ---- the end ---- */

static void test_ends(void)
{
    struct fake f;
    struct fake g;
    struct smb2_create_rsp made = {0};
    enter(&f, &modes[MCMAC], NULL);
    join(&g, &f, &modes[MCMAC]);
    CHECK_INT(fake_bind(&g, &f), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(fake_create(&f, "kept", SMBKIT_OPEN_IF, &made), SMBKIT_STATUS_SUCCESS);
    fake_disconnect(&f); /* the first channel */
    CHECK_INT(fake_write(&g, made.file_id, 0, "x", 1), SMBKIT_STATUS_SUCCESS);
    struct fake h;
    join(&h, &g, &modes[MCMAC]);
    h.signer = NULL;
    /* What is proven is still the first channel's key, which g does not have any more. */
    struct fake_reply r = bare_bind(&h, g.session_id, g.signer);
    CHECK_INT(r.status, SMBKIT_STATUS_ACCESS_DENIED);
    fake_reply_fini(&r);
    struct wr w = fake_request(&g, SMB2_LOGOFF);
    smb2_logoff_req_format(&w);
    r = fake_ask(&g, &w);
    CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
    fake_reply_fini(&r);
    fake_part(&h);
    fake_part(&g);
    fake_stop(&f);
}

/* LOGOFF on one channel is the end on all of them; reauthentication that fails is as well. */
static void test_ends_on_all(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct fake f;
        struct fake g;
        struct fake_reply r;
        enter(&f, &modes[MCMAC], NULL);
        join(&g, &f, &modes[MCMAC]);
        CHECK_INT(fake_bind(&g, &f), SMBKIT_STATUS_SUCCESS);
        if (i == 0) {
            struct wr w = fake_request(&g, SMB2_LOGOFF);
            smb2_logoff_req_format(&w);
            r = fake_ask(&g, &w);
            CHECK_INT(r.status, SMBKIT_STATUS_SUCCESS);
        } else {
            struct conv c = {.m = {.user = "Alice", .password = "no", .domain = "", .raw = true}};
            r = fake_login_rounds(&g, &c);
            CHECK_INT(r.status, SMBKIT_STATUS_LOGON_FAILURE);
        }
        fake_reply_fini(&r);
        f.signs = false;
        struct wr w = fake_request(&f, SMB2_TREE_DISCONNECT);
        smb2_tree_disconnect_req_format(&w);
        r = fake_ask(&f, &w);
        CHECK_INT(r.status, SMBKIT_STATUS_USER_SESSION_DELETED);
        fake_reply_fini(&r);
        fake_part(&g);
        fake_disconnect(&f);
        fake_stop(&f);
    }
}

/* A session has a bound; who has too many is told. */
static void test_too_many(void)
{
    struct fake f;
    struct fake g[33];
    enter(&f, &modes[MCMAC], NULL);
    for (unsigned i = 0; i < 32; i++) {
        test_context("channel %u", i);
        join(&g[i], &f, &modes[MCMAC]);
        CHECK_INT(fake_bind(&g[i], &f),
                  i < 31 ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    }
    fake_part(&g[0]);
    join(&g[32], &f, &modes[MCMAC]);
    CHECK_INT(fake_bind(&g[32], &f), SMBKIT_STATUS_SUCCESS);
    for (unsigned i = 1; i < 33; i++) {
        fake_part(&g[i]);
    }
    test_context("%s", "");
    fake_disconnect(&f);
    fake_stop(&f);
}

static const struct test_case cases[] = {
    {"two channels", test_two_channels},
    {"not bound yet", test_not_bound_yet},
    {"refusals", test_refusals},
    {"switched off", test_switched_off},
    {"unproven", test_unproven},
    {"keyless", test_keyless},
    {"a log-in that fails", test_failed_log_in},
    {"a previous session", test_previous},
    {"not its session", test_not_its_session},
    {"nonces", test_nonces},
    {"no nonce", test_no_nonce},
    {"a nonce that was lent", test_nonce_lent},
    {"ends", test_ends},
    {"ends on all", test_ends_on_all},
    {"too many", test_too_many},
};
TEST_MAIN(cases)
