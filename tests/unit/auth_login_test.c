/* SPDX-License-Identifier: Apache-2.0 */
/* Whole log-ins against the client of auth_client.h. */
#include "auth_client.h"

#define OK 0x00000000u
#define LOGON_FAILURE 0xC000006Du
#define DISABLED 0xC0000072u
#define NOT_SUPPORTED 0xC00000BBu

static const struct {
    const char *name;
    struct manner m;
    uint32_t want;
    const char *user;
} login_cases[] = {
    {"SPNEGO", {.user = "alice", .password = "s3cret", .domain = "DOM"}, OK, "Alice"},
    {"raw", {.user = "ALICE", .password = "s3cret", .raw = true}, OK, "Alice"},
    {"empty password", {.user = "bob", .password = ""}, OK, "bob"},
    {"not ASCII", {.user = "J\xc3\x9cRGEN", .password = "p\xc3\xa4ss"}, OK, "j\xc3\xbcrgen"},
    {"no MIC", {.user = "alice", .password = "s3cret", .no_mic = true}, OK, "Alice"},
    {"no list MIC", {.user = "alice", .password = "s3cret", .no_list_mic = true}, OK, "Alice"},
    {"domain left out of the key",
     {.user = "alice", .password = "s3cret", .domain = "DOM", .nil_domain = true},
     OK,
     "Alice"},
    {"no key exchange",
     {.user = "alice", .password = "s3cret", .flags_off = NTLM_KEY_EXCH},
     OK,
     "Alice"},
    {"Kerberos preferred",
     {.user = "alice", .password = "s3cret", .kerberos_first = true},
     OK,
     "Alice"},
    {"wrong password", {.user = "alice", .password = "S3cret"}, LOGON_FAILURE, NULL},
    {"wrong password, raw", {.user = "alice", .password = "x", .raw = true}, LOGON_FAILURE, NULL},
    {"wrong password is no guest",
     {.user = "alice", .password = "x", .guest = true},
     LOGON_FAILURE,
     NULL},
    {"unknown user", {.user = "mallory", .password = "x"}, LOGON_FAILURE, NULL},
    {"unknown user, password of nothing", {.user = "mallory", .password = ""}, LOGON_FAILURE, NULL},
    {"guest", {.user = "mallory", .password = "x", .guest = true}, OK, "Guest"},
    {"guest, raw", {.user = "mallory", .password = "x", .guest = true, .raw = true}, OK, "Guest"},
    {"guest, Kerberos preferred",
     {.user = "mallory", .password = "x", .guest = true, .kerberos_first = true},
     OK,
     "Guest"},
    {"anonymous", {.user = "", .anonymous = true}, OK, ""},
    {"anonymous, raw", {.user = "", .anonymous = true, .raw = true}, OK, ""},
    {"anonymous, as smbclient does it",
     {.user = "", .anonymous = true, .strip_reply = NTLM_EXTENDED_SESSIONSECURITY},
     OK,
     ""},
    {"guest without a password", {.user = "guest", .password = "", .guest = true}, OK, "Guest"},
    {"guest without a password, tampered list MIC",
     {.user = "guest", .password = "", .guest = true, .tampered_list_mic = true},
     LOGON_FAILURE,
     NULL},
    {"guest without a password, Kerberos preferred",
     {.user = "guest", .password = "", .guest = true, .kerberos_first = true},
     OK,
     "Guest"},
    {"guest without a response, as smbclient -N",
     {.user = "mallory", .guest = true, .strip_reply = NTLM_EXTENDED_SESSIONSECURITY},
     OK,
     "Guest"},
    {"guest without a response", {.user = "mallory", .guest = true}, OK, "Guest"},
    {"user without a response is no guest", {.user = "alice", .guest = true}, LOGON_FAILURE, NULL},
    {"user without a response as smbclient -N is none",
     {.user = "alice", .guest = true, .strip_reply = NTLM_EXTENDED_SESSIONSECURITY},
     LOGON_FAILURE,
     NULL},
    {"user without a response as smbclient -N, guests are off",
     {.user = "alice", .strip_reply = NTLM_EXTENDED_SESSIONSECURITY},
     LOGON_FAILURE,
     NULL},
    {"nobody's name without a response as smbclient -N, guests are off",
     {.user = "mallory", .strip_reply = NTLM_EXTENDED_SESSIONSECURITY},
     LOGON_FAILURE,
     NULL},
    {"without a response, guests are off", {.user = "mallory"}, LOGON_FAILURE, NULL},
    {"anonymous is off", {.user = "", .guest = true}, LOGON_FAILURE, NULL},
    {"user without response", {.user = "alice", .anonymous = true}, LOGON_FAILURE, NULL},
    {"nobody with a response",
     {.user = "", .password = "", .anonymous = true},
     LOGON_FAILURE,
     NULL},
    {"disabled", {.user = "carol", .password = "c"}, DISABLED, NULL},
    {"disabled, wrong password", {.user = "carol", .password = "d"}, LOGON_FAILURE, NULL},
    {"tampered MIC",
     {.user = "alice", .password = "s3cret", .tampered_mic = true},
     LOGON_FAILURE,
     NULL},
    {"tampered list MIC",
     {.user = "alice", .password = "s3cret", .tampered_list_mic = true},
     LOGON_FAILURE,
     NULL},
    {"tampered list MIC, Kerberos preferred",
     {.user = "alice", .password = "s3cret", .kerberos_first = true, .tampered_list_mic = true},
     LOGON_FAILURE,
     NULL},
    {"version 1 response",
     {.user = "alice", .password = "s3cret", .v1 = true, .no_mic = true},
     LOGON_FAILURE,
     NULL},
    {"version 1 is no guest",
     {.user = "mallory", .password = "x", .v1 = true, .no_mic = true, .guest = true},
     LOGON_FAILURE,
     NULL},
    {"offer without signing, on the way",
     {.user = "alice", .password = "s3cret", .strip_offer = NTLM_SIGN | NTLM_SEAL},
     LOGON_FAILURE,
     NULL},
    {"offer without key exchange, on the way",
     {.user = "alice", .password = "s3cret", .strip_offer = NTLM_KEY_EXCH},
     LOGON_FAILURE,
     NULL},
    {"128 bits dropped",
     {.user = "alice", .password = "s3cret", .strip_reply = NTLM_128},
     NOT_SUPPORTED,
     NULL},
    {"extended security dropped",
     {.user = "alice", .password = "s3cret", .strip_reply = NTLM_EXTENDED_SESSIONSECURITY},
     NOT_SUPPORTED,
     NULL},
    {"extended security not asked for",
     {.user = "alice", .password = "s3cret", .flags_off = NTLM_EXTENDED_SESSIONSECURITY},
     NOT_SUPPORTED,
     NULL},
    {"no Unicode",
     {.user = "alice", .password = "s3cret", .flags_off = NTLM_UNICODE},
     NOT_SUPPORTED,
     NULL},
};

static void check_identity(const struct conv *c, const char *user)
{
    const struct auth_identity *id = auth_identity_get(c->session);
    uint8_t zero[16] = {0};
    REQUIRE(id);
    CHECK_STR(id->user, user);
    CHECK_STR(id->domain, c->m.domain ? c->m.domain : "");
    CHECK_STR(id->workstation, "PC");
    CHECK_INT(id->guest, str_eq(user, "Guest"));
    CHECK_INT(id->anonymous, user[0] == '\0');
    CHECK_INT(id->rid >= USERS_RID_FIRST, !id->guest && !id->anonymous);
    CHECK_MEM(id->session_key, 16, id->guest ? zero : c->exported, 16);
}

static void test_logins(void)
{
    for (size_t i = 0; i < ARRAY_LEN(login_cases); i++) {
        struct conv c;
        test_context("%s", login_cases[i].name);
        conv_run(&c, &login_cases[i].m);
        CHECK_INT((uint32_t)c.status, login_cases[i].want);
        if (login_cases[i].user) {
            check_identity(&c, login_cases[i].user);
        } else {
            CHECK(!auth_identity_get(c.session));
            CHECK(!c.blob && c.blob_len == 0);
        }
        if (c.auth_len) {
            CHECK_STR(auth_claimed_user_get(c.session), c.m.user);
        }
        /* an exchange that is over stays over */
        bool is_in = auth_identity_get(c.session) != NULL;
        send_blob(&c, c.auth, c.auth_len);
        CHECK_INT(c.status, SMBKIT_STATUS_INVALID_PARAMETER);
        CHECK_INT(auth_identity_get(c.session) != NULL, is_in);
        conv_end(&c);
    }
}

static const struct manner good = {.user = "alice", .password = "s3cret", .domain = "DOM"};

static void test_flags_echoed(void)
{
    struct conv c;
    conv_start(&c, &good);
    CHECK_INT(c.offered, FLAGS_NORMAL | NTLM_TARGET_INFO | NTLM_TARGET_TYPE_SERVER);
    conv_end(&c);
    struct manner few = good;
    few.flags_off = NTLM_SIGN | NTLM_SEAL | NTLM_KEY_EXCH | NTLM_REQUEST_TARGET | NTLM_56;
    conv_start(&c, &few);
    CHECK_INT(c.offered, (FLAGS_NORMAL & ~few.flags_off) | NTLM_TARGET_INFO);
    conv_end(&c);
}

static void test_server_mic(void)
{
    struct conv c;
    conv_run(&c, &good);
    struct spnego_resp resp = answer(&c);
    CHECK_INT(resp.state, SPNEGO_ACCEPT_COMPLETED);
    CHECK(!resp.mech.p && !resp.token.p);
    check_server_mic(&c, resp.mic);
    conv_end(&c);
    struct manner m = {.user = "mallory", .password = "x", .guest = true};
    conv_run(&c, &m);
    CHECK(!answer(&c).mic.p);
    conv_end(&c);
}

/* Kerberos was preferred and the client sent no MIC: the server sends its own and waits. */
static void test_late_mic(void)
{
    struct manner m = good;
    m.kerberos_first = true;
    m.no_list_mic = true;
    for (unsigned bad = 0; bad < 3; bad++) {
        struct conv c;
        uint8_t mac[16];
        test_context("variant %u", bad);
        conv_run(&c, &m);
        CHECK_INT(c.status, SMBKIT_STATUS_MORE_PROCESSING_REQUIRED);
        CHECK(!auth_identity_get(c.session));
        struct spnego_resp resp = answer(&c);
        CHECK_INT(resp.state, SPNEGO_ACCEPT_INCOMPLETE);
        check_server_mic(&c, resp.mic);
        CHECK(ntlm_mac(c.exported, c.offered, NTLM_CLIENT, auth_slice_of(c.list, c.list_len), mac));
        mac[4] ^= bad == 1;
        send_resp(&c, auth_slice_of(NULL, 0), auth_slice_of(bad == 2 ? NULL : mac, 16));
        static const uint32_t want[] = {OK, LOGON_FAILURE, 0xC000000Du};
        CHECK_INT((uint32_t)c.status, want[bad]);
        CHECK_INT(auth_identity_get(c.session) != NULL, bad == 0);
        conv_end(&c);
    }
}

static bool same_identity(const struct auth_identity *a, const struct auth_identity *b)
{
    return str_eq(a->user, b->user) && str_eq(a->domain, b->domain) &&
           str_eq(a->workstation, b->workstation) && a->rid == b->rid && a->guest == b->guest &&
           a->anonymous == b->anonymous && mem_eq(a->session_key, b->session_key, 16);
}

/* Whatever byte of AUTHENTICATE changes on the way, nobody else gets in: the MIC covers all. */
static void test_mutations(void)
{
    struct conv c;
    conv_run(&c, &good);
    CHECK_INT((uint32_t)c.status, OK);
    size_t len = c.auth_len;
    conv_end(&c);
    for (size_t i = 0; i < len * 3; i++) {
        static const uint8_t flips[] = {0x01, 0x20, 0xff};
        struct manner m = good;
        m.raw = true;
        m.anonymous = true; /* leave that door open to fall into */
        conv_start(&c, &m);
        authenticate_make(&c);
        c.auth[i / 3] ^= flips[i % 3];
        authenticate_send(&c);
        test_context("byte %zu flipped by %02x", i / 3, flips[i % 3]);
        CHECK((uint32_t)c.status != OK);
        conv_end(&c);
    }
}

/* The last blob as SPNEGO wraps it, captured by giving it to a session that fails. */
static size_t last_blob_make(struct conv *c, uint8_t *out)
{
    uint8_t mac[16];
    CHECK(ntlm_mac(c->exported, c->offered, NTLM_CLIENT, auth_slice_of(c->list, c->list_len), mac));
    struct wr w = wr_init(out, 4096);
    struct spnego_resp resp = {.state = SPNEGO_ACCEPT_INCOMPLETE,
                               .token = auth_slice_of(c->auth, c->auth_len),
                               .mic = auth_slice_of(mac, 16)};
    spnego_resp_format(&w, &resp);
    return wr_pos(&w);
}

static void test_wrapped_mutations(void)
{
    static uint8_t blob[4096];
    struct conv c;
    conv_run(&c, &good);
    struct auth_identity id = *auth_identity_get(c.session);
    size_t len = last_blob_make(&c, blob);
    conv_end(&c);
    for (size_t i = 0; i < len; i++) {
        for (unsigned cut = 0; cut < 2; cut++) {
            conv_start(&c, &good);
            blob[i] ^= cut ? 0 : 0x81;
            send_blob(&c, blob, cut ? i : len);
            blob[i] ^= cut ? 0 : 0x81;
            test_context("byte %zu %s", i, cut ? "cut" : "flipped");
            const struct auth_identity *got = auth_identity_get(c.session);
            CHECK(!got || (!cut && same_identity(got, &id)));
            conv_end(&c);
        }
    }
}

static void test_begin_errors(void)
{
    static const struct {
        const char *name;
        const char *hex;
        uint32_t want;
    } rows[] = {
        {"nothing", "", 0xC000000D},
        {"garbage", "0102030405060708090a", 0xC000000D},
        {"NTLM, cut", "4e544c4d5353500001000000", 0xC000000D},
        {"NTLM, out of turn", "4e544c4d5353500003000000 00000000 00000000", 0xC000000D},
        {"NegTokenResp first", "a10f300da0030a0100a306040461626364", 0xC000000D},
        {"Kerberos only", "601b 0606 2b0601050502 a011 300f a00d 300b 0609 2a864886f712010202",
         NOT_SUPPORTED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct auth_config cfg = {.user_lookup = lookup, .now = fixed_now, .random = fixed_random};
        struct conv c = {.session = auth_new(&cfg)};
        uint8_t buf[128];
        size_t n = test_hex(buf, sizeof(buf), rows[i].hex);
        test_context("%s", rows[i].name);
        send_blob(&c, buf, n);
        CHECK_INT((uint32_t)c.status, rows[i].want);
        CHECK(!c.blob);
        CHECK_STR(auth_claimed_user_get(c.session), "");
        conv_end(&c);
    }
}

static void test_negotiate_bound(void)
{
    for (size_t n = NTLM_NEGOTIATE_MAX - 1; n <= NTLM_NEGOTIATE_MAX + 1; n++) {
        struct manner m = good;
        struct conv c;
        uint8_t msg[NTLM_NEGOTIATE_MAX + 1] = {0};
        conv_start(&c, &m);
        memcpy(msg, c.negotiate, sizeof(c.negotiate));
        auth_free(c.session);
        c.session = auth_new(&c.cfg);
        send_blob(&c, msg, n);
        test_context("%zu bytes", n);
        CHECK_INT(c.status, n <= NTLM_NEGOTIATE_MAX ? SMBKIT_STATUS_MORE_PROCESSING_REQUIRED
                                                    : SMBKIT_STATUS_INVALID_PARAMETER);
        conv_end(&c);
    }
}

/* A name that is too long for any user is unknown, not an error that tells so. */
static void test_long_names(void)
{
    char name[AUTH_NAME_SIZE + 8];
    for (size_t n = AUTH_NAME_SIZE - 2; n <= AUTH_NAME_SIZE; n++) {
        memset(name, 'x', n);
        name[n] = '\0';
        struct manner m = {.user = "mallory", .password = "x", .domain = "D"};
        struct conv c;
        m.user = name;
        m.raw = true;
        conv_run(&c, &m);
        test_context("%zu characters", n);
        CHECK_INT((uint32_t)c.status, LOGON_FAILURE);
        CHECK_INT(strlen(auth_claimed_user_get(c.session)), n < AUTH_NAME_SIZE ? n : 0);
        conv_end(&c);
    }
}

/* Every allocation fails once: an error, no leak (ASan), and never an identity by mistake. */
static void test_no_memory(void)
{
    static const struct manner manners[] = {
        {.user = "alice", .password = "s3cret", .domain = "DOM", .kerberos_first = true},
        {.user = "alice", .password = "s3cret", .raw = true},
    };
    for (size_t i = 0; i < ARRAY_LEN(manners); i++) {
        bool failed = true;
        for (unsigned nth = 1; failed && nth < 200; nth++) {
            struct conv c;
            test_context("allocation %u", nth);
            conv_start(&c, &manners[i]);
            authenticate_make(&c);
            uint8_t blob[4096];
            size_t len = c.auth_len;
            if (manners[i].raw) {
                memcpy(blob, c.auth, len);
            } else {
                len = last_blob_make(&c, blob);
            }
            mem_free(c.blob);
            c.blob = NULL;
            mem_fail_nth(nth);
            c.status = auth_step(c.session, blob, len, &c.blob, &c.blob_len);
            failed = mem_fail_happened();
            mem_fail_nth(0);
            CHECK_INT(c.status, failed ? SMBKIT_STATUS_NO_MEMORY : SMBKIT_STATUS_SUCCESS);
            CHECK_INT(auth_identity_get(c.session) != NULL, !failed);
            conv_end(&c);
        }
        CHECK(!failed);
    }
}

static void test_no_memory_at_first(void)
{
    bool failed = true;
    struct conv c;
    conv_start(&c, &good);
    conv_end(&c);
    for (unsigned nth = 1; failed && nth < 200; nth++) {
        struct auth_session *s = auth_new(&c.cfg);
        uint8_t *out;
        size_t len;
        test_context("allocation %u", nth);
        mem_fail_nth(nth);
        smbkit_status status = auth_step(s, c.negotiate, sizeof(c.negotiate), &out, &len);
        failed = mem_fail_happened();
        mem_fail_nth(0);
        CHECK_INT(status,
                  failed ? SMBKIT_STATUS_NO_MEMORY : SMBKIT_STATUS_MORE_PROCESSING_REQUIRED);
        CHECK_INT(out != NULL, !failed);
        mem_free(out);
        auth_free(s);
    }
    CHECK(!failed);
}

static void test_negotiate_blob(void)
{
    struct auth_config cfg = {0};
    struct spnego_init init;
    uint8_t *out;
    size_t len;
    CHECK(SMBKIT_OK(auth_negotiate_blob(&cfg, &out, &len)));
    CHECK(spnego_init_parse(out, len, &init));
    CHECK_INT(init.mech_count, 1);
    mem_free(out);
}

static const struct test_case cases[] = {
    {"log-ins", test_logins},
    {"CHALLENGE echoes what was asked", test_flags_echoed},
    {"the server's MIC over the list", test_server_mic},
    {"a MIC that comes late", test_late_mic},
    {"AUTHENTICATE, each byte changed", test_mutations},
    {"the last blob cut and changed everywhere", test_wrapped_mutations},
    {"bad beginnings", test_begin_errors},
    {"bound of NEGOTIATE", test_negotiate_bound},
    {"long names", test_long_names},
    {"out of memory at the end", test_no_memory},
    {"out of memory at first", test_no_memory_at_first},
    {"NEGOTIATE response blob", test_negotiate_blob},
};

int main(int argc, char **argv)
{
    if (crypto_init() != 0) {
        return 1;
    }
    return test_main(argc, argv, cases, ARRAY_LEN(cases));
}
