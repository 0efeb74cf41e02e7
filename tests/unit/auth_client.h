/* SPDX-License-Identifier: Apache-2.0 */
/* An NTLM client with bad manners on request, and one conversation of it with auth/. */
#pragma once

#include "auth/auth.h"

#include "auth/ntlm.h"
#include "auth/spnego.h"
#include "auth/users.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "crypto/crypto.h"
#include "test.h"

#define FLAGS_NORMAL                                                                               \
    (NTLM_UNICODE | NTLM_REQUEST_TARGET | NTLM_SIGN | NTLM_SEAL | NTLM_NTLM | NTLM_ALWAYS_SIGN |   \
     NTLM_EXTENDED_SESSIONSECURITY | NTLM_VERSION | NTLM_128 | NTLM_KEY_EXCH | NTLM_56)
#define NAME_MAX_BYTES 1024
#define FIXED_LEN 88 /* of AUTHENTICATE, with version and MIC */

/* How the client behaves. */
struct manner {
    const char *user;
    const char *password; /* NULL: no response at all */
    const char *domain;
    bool raw;
    bool no_mic;
    bool no_list_mic;
    bool kerberos_first;
    bool nil_domain;   /* leaves the domain out of its key */
    bool tampered_mic; /* of the messages */
    bool tampered_list_mic;
    bool v1;              /* a 24-byte response */
    uint32_t flags_off;   /* not asked for */
    uint32_t strip_offer; /* someone in the middle takes these out of CHALLENGE */
    uint32_t strip_reply; /* the client takes these out of AUTHENTICATE */
    bool guest;           /* the server allows them */
    bool anonymous;
};

struct conv {
    struct manner m;
    struct auth_config cfg;
    struct auth_session *session;
    uint8_t list[64];
    size_t list_len;
    uint8_t negotiate[40];
    uint8_t challenge[1024];
    size_t challenge_len;
    uint32_t offered;
    uint8_t auth[2048];
    size_t auth_len;
    uint8_t exported[16];
    uint8_t *blob; /* the last one from the server */
    size_t blob_len;
    smbkit_status status;
};

static bool lookup(void *arg, const char *name, struct auth_user *out)
{
    static const struct {
        const char *name;
        const char *password;
        bool disabled;
    } users[] = {{"Alice", "s3cret", false},
                 {"bob", "", false},
                 {"carol", "c", true},
                 {"j\xc3\xbcrgen", "p\xc3\xa4ss", false}};
    (void)arg;
    for (uint32_t i = 0; i < ARRAY_LEN(users); i++) {
        if (utf8_ieq(users[i].name, name)) {
            str_copy(out->name, sizeof(out->name), users[i].name);
            CHECK(SMBKIT_OK(users_nt_hash_from_password(users[i].password, out->nt_hash)));
            out->rid = USERS_RID_FIRST + i;
            out->disabled = users[i].disabled;
            return true;
        }
    }
    return false;
}

static UNUSED uint64_t fixed_now(void *arg)
{
    (void)arg;
    return 133000000000000000ull;
}

static UNUSED void fixed_random(void *arg, void *p, size_t len)
{
    (void)arg;
    memset(p, 0x5a, len);
}

static UNUSED size_t utf16(uint8_t *out, const char *s)
{
    struct wr w = wr_init(out, NAME_MAX_BYTES);
    wr_utf16(&w, s);
    return wr_pos(&w);
}

static UNUSED size_t tlv(uint8_t *out, uint8_t tag, const void *p, size_t n)
{
    uint8_t copy[4096];
    ASSERT(n <= sizeof(copy));
    memcpy(copy, p, n);
    out[0] = tag;
    out[1] = 0x82;
    out[2] = (uint8_t)(n >> 8);
    out[3] = (uint8_t)n;
    memcpy(out + 4, copy, n);
    return n + 4;
}

static UNUSED void send_blob(struct conv *c, const uint8_t *p, size_t n)
{
    uint8_t *exact = mem_dup(p, n); /* so that ASan sees the end */
    mem_free(c->blob);
    c->status = auth_step(c->session, exact, n, &c->blob, &c->blob_len);
    mem_free(exact);
}

static UNUSED void send_init(struct conv *c)
{
    static const uint8_t krb5[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02};
    uint8_t a[1024];
    uint8_t b[1024];
    size_t n = c->m.kerberos_first ? tlv(a, 0x06, krb5, sizeof(krb5)) : 0;
    n += tlv(a + n, 0x06, auth_mech_ntlm.oid, auth_mech_ntlm.oid_len);
    c->list_len = tlv(c->list, 0x30, a, n);
    n = tlv(a, 0xa0, c->list, c->list_len);
    size_t t = c->m.kerberos_first ? tlv(b, 0x04, "kerberos", 8)
                                   : tlv(b, 0x04, c->negotiate, sizeof(c->negotiate));
    n += tlv(a + n, 0xa2, b, t);
    n = tlv(b, 0x30, a, n);
    n = tlv(b, 0xa0, b, n);
    size_t o = tlv(a, 0x06, "\x2b\x06\x01\x05\x05\x02", 6);
    memcpy(a + o, b, n);
    n = tlv(b, 0x60, a, o + n);
    send_blob(c, b, n);
}

static UNUSED void send_resp(struct conv *c, struct auth_slice token, struct auth_slice mic)
{
    struct wr w = wr_new(8192);
    struct spnego_resp resp = {.state = SPNEGO_ACCEPT_INCOMPLETE, .token = token, .mic = mic};
    spnego_resp_format(&w, &resp);
    send_blob(c, w.base, wr_pos(&w));
    wr_fini(&w);
}

/* The server's answer; absent parts when it did not parse. */
static UNUSED struct spnego_resp answer(const struct conv *c)
{
    struct spnego_resp resp;
    CHECK(spnego_resp_parse(c->blob, c->blob_len, &resp));
    return resp;
}

static UNUSED void challenge_keep(struct conv *c, struct auth_slice msg)
{
    ASSERT(msg.len >= 56 && msg.len <= sizeof(c->challenge));
    memcpy(c->challenge, msg.p, msg.len);
    c->challenge_len = msg.len;
    struct cur cur = cur_init(msg.p + 20, 4);
    c->offered = cur_u32(&cur) & ~c->m.strip_offer;
    struct wr w = wr_init(c->challenge, sizeof(c->challenge));
    w.len = msg.len;
    wr_put_u32(&w, 20, c->offered);
}

/* Up to the CHALLENGE. */
static UNUSED void conv_start(struct conv *c, const struct manner *m)
{
    *c = (struct conv){.m = *m};
    c->cfg = (struct auth_config){.user_lookup = lookup,
                                  .now = fixed_now,
                                  .random = fixed_random,
                                  .allow_guest = m->guest,
                                  .allow_anonymous = m->anonymous,
                                  .target_name = "SRV",
                                  .dns_name = "srv.example"};
    c->session = auth_new(&c->cfg);
    ASSERT(c->session);
    struct wr w = wr_init(c->negotiate, sizeof(c->negotiate));
    wr_bytes(&w, "NTLMSSP\0\1\0\0\0", 12);
    wr_u32(&w, FLAGS_NORMAL & ~m->flags_off);
    wr_zero(&w, 24);
    if (m->raw) {
        send_blob(c, c->negotiate, sizeof(c->negotiate));
    } else {
        send_init(c);
        if (c->status == SMBKIT_STATUS_MORE_PROCESSING_REQUIRED && m->kerberos_first) {
            struct spnego_resp resp = answer(c);
            CHECK_INT(resp.state, SPNEGO_REQUEST_MIC);
            CHECK_MEM(resp.mech.p, resp.mech.len, auth_mech_ntlm.oid, auth_mech_ntlm.oid_len);
            CHECK(!resp.token.p);
            send_resp(c, auth_slice_of(c->negotiate, sizeof(c->negotiate)), auth_slice_of(NULL, 0));
        }
    }
    if (c->status == SMBKIT_STATUS_MORE_PROCESSING_REQUIRED) {
        challenge_keep(c, m->raw ? auth_slice_of(c->blob, c->blob_len) : answer(c).token);
    }
}

static UNUSED void conv_end(struct conv *c)
{
    auth_free(c->session);
    mem_free(c->blob);
}

/* The part of an NTLMv2 response that the proof covers. */
static UNUSED size_t temp_make(const struct conv *c, uint8_t *out)
{
    struct cur field = cur_init(c->challenge + 40, 8);
    uint16_t info_len = cur_u16(&field);
    cur_skip(&field, 2);
    uint32_t info_at = cur_u32(&field);
    struct wr w = wr_init(out, 1024);
    wr_u32(&w, 0x00000101);
    wr_u32(&w, 0);
    wr_u64(&w, fixed_now(NULL));
    wr_u64(&w, 0xaaaaaaaaaaaaaaaaull);
    wr_u32(&w, 0);
    wr_bytes(&w, c->challenge + info_at, info_len - 4u);
    if (!c->m.no_mic) {
        wr_u16(&w, 6);
        wr_u16(&w, 4);
        wr_u32(&w, 2);
    }
    wr_u64(&w, 0);
    return wr_pos(&w);
}

struct payload {
    uint8_t nt[1200];
    size_t nt_len;
    uint8_t domain[NAME_MAX_BYTES];
    size_t domain_len;
    uint8_t user[NAME_MAX_BYTES];
    size_t user_len;
    uint8_t key[16];
    bool has_key;
};

/* Response and encrypted session key. */
static UNUSED void response_make(struct conv *c, struct payload *p)
{
    uint8_t hash[16];
    uint8_t key[16] = {0};
    uint8_t base[16] = {0};
    p->user_len = utf16(p->user, c->m.user);
    p->domain_len = utf16(p->domain, c->m.domain ? c->m.domain : "");
    if (c->m.password) {
        size_t n = temp_make(c, p->nt + 16);
        struct auth_slice temp = auth_slice_of(p->nt + 16, n);
        CHECK(SMBKIT_OK(users_nt_hash_from_password(c->m.password, hash)));
        CHECK(ntlm_v2_key(hash, auth_slice_of(p->user, p->user_len),
                          auth_slice_of(p->domain, c->m.nil_domain ? 0 : p->domain_len), key));
        CHECK(ntlm_v2_proof(key, c->challenge + 24, temp, p->nt));
        CHECK(ntlm_v2_session_key(key, p->nt, base));
        p->nt_len = c->m.v1 ? 24 : 16 + n;
    }
    memcpy(c->exported, base, 16);
    p->has_key = c->offered & NTLM_KEY_EXCH;
    if (p->has_key) {
        memset(c->exported, 0x33, 16);
        memset(p->key, 0x33, 16);
        CHECK(ntlm_rc4k(base, p->key, 16));
    }
}

static UNUSED void field(struct wr *w, size_t len, size_t *at)
{
    wr_u16(w, (uint16_t)len);
    wr_u16(w, (uint16_t)len);
    wr_u32(w, (uint32_t)*at);
    *at += len;
}

static UNUSED void authenticate_make(struct conv *c)
{
    struct payload p = {.nt_len = 0};
    size_t at = FIXED_LEN;
    response_make(c, &p);
    struct wr w = wr_init(c->auth, sizeof(c->auth));
    wr_bytes(&w, "NTLMSSP\0\3\0\0\0", 12);
    field(&w, 0, &at); /* LM */
    field(&w, p.nt_len, &at);
    field(&w, p.domain_len, &at);
    field(&w, p.user_len, &at);
    field(&w, 4, &at); /* workstation */
    field(&w, p.has_key ? 16 : 0, &at);
    wr_u32(&w, c->offered & ~c->m.strip_reply);
    wr_zero(&w, 8 + NTLM_MIC_LEN);
    wr_bytes(&w, p.nt, p.nt_len);
    wr_bytes(&w, p.domain, p.domain_len);
    wr_bytes(&w, p.user, p.user_len);
    wr_bytes(&w, "P\0C\0", 4);
    wr_bytes(&w, p.key, p.has_key ? 16 : 0);
    c->auth_len = wr_pos(&w);
    ASSERT(wr_ok(&w) && c->auth_len == at);
    if (!c->m.no_mic && c->m.password) {
        uint8_t mic[16];
        CHECK(ntlm_mic(c->exported, auth_slice_of(c->negotiate, sizeof(c->negotiate)),
                       auth_slice_of(c->challenge, c->challenge_len),
                       auth_slice_of(c->auth, c->auth_len), mic));
        mic[3] ^= c->m.tampered_mic;
        memcpy(c->auth + NTLM_MIC_OFFSET, mic, 16);
    }
}

static UNUSED void authenticate_send(struct conv *c)
{
    struct auth_slice token = auth_slice_of(c->auth, c->auth_len);
    uint8_t mac[16];
    if (c->m.raw) {
        send_blob(c, c->auth, c->auth_len);
        return;
    }
    CHECK(ntlm_mac(c->exported, c->offered, NTLM_CLIENT, auth_slice_of(c->list, c->list_len), mac));
    mac[5] ^= c->m.tampered_list_mic;
    send_resp(c, token, auth_slice_of(c->m.no_list_mic ? NULL : mac, sizeof(mac)));
}

/* The server's own MIC over the list, as it must be. */
static UNUSED void check_server_mic(const struct conv *c, struct auth_slice mic)
{
    uint8_t want[16];
    CHECK(
        ntlm_mac(c->exported, c->offered, NTLM_SERVER, auth_slice_of(c->list, c->list_len), want));
    CHECK_MEM(mic.p, mic.len, want, sizeof(want));
}

static UNUSED void conv_run(struct conv *c, const struct manner *m)
{
    conv_start(c, m);
    if (c->status == SMBKIT_STATUS_MORE_PROCESSING_REQUIRED) {
        authenticate_make(c);
        authenticate_send(c);
    }
}
