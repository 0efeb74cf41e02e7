/* SPDX-License-Identifier: Apache-2.0 */
/* NTLM's acceptor: NEGOTIATE in, CHALLENGE out, AUTHENTICATE in. [MS-NLMP] 3.2.5.1
 * Only version 2; LM and NTLM version 1 responses are refused whatever they prove. */
#include "auth/ntlm.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"

/* Without these nothing is negotiated: no OEM strings, no weak session keys (Windows requires 128
 * bits since version 7, too). */
#define FLAGS_REQUIRED (NTLM_UNICODE | NTLM_EXTENDED_SESSIONSECURITY | NTLM_128)
/* Given when asked for. A client that asked to sign or seal takes a missing flag for an attack. */
#define FLAGS_ECHOED                                                                               \
    (FLAGS_REQUIRED | NTLM_REQUEST_TARGET | NTLM_SIGN | NTLM_SEAL | NTLM_ALWAYS_SIGN |             \
     NTLM_VERSION | NTLM_KEY_EXCH | NTLM_56)

/* MD4 of no bytes: the NT hash of the empty password. RFC 1320 A.5 */
static const uint8_t hash_of_nothing[16] = {0x31, 0xd6, 0xcf, 0xe0, 0xd1, 0x6a, 0xe9, 0x31,
                                            0xb7, 0x3c, 0x59, 0xd7, 0xe0, 0xc0, 0x89, 0xc0};

enum acceptor_state {
    WANT_NEGOTIATE,
    WANT_AUTHENTICATE,
    DONE,
};

struct acceptor {
    const struct auth_config *cfg;
    struct auth_login *login;
    enum acceptor_state state;
    uint32_t flags; /* offered in CHALLENGE; later, agreed on */
    uint8_t server_challenge[NTLM_CHALLENGE_LEN];
    uint8_t *negotiate; /* the messages as they went over the wire, for the MIC */
    size_t negotiate_len;
    uint8_t *challenge;
    size_t challenge_len;
    uint8_t exported_key[NTLM_KEY_LEN];
    bool has_key;
};

static void *acceptor_open(const struct auth_config *cfg, struct auth_login *login)
{
    struct acceptor *a = mem_zalloc(sizeof(*a));
    if (a) {
        a->cfg = cfg;
        a->login = login;
    }
    return a;
}

static void acceptor_close(void *ctx)
{
    struct acceptor *a = ctx;
    mem_free(a->negotiate);
    mem_free(a->challenge);
    mem_wipe(a, sizeof(*a));
    mem_free(a);
}

static smbkit_status challenge_make(struct acceptor *a, uint32_t asked)
{
    const struct auth_config *cfg = a->cfg;
    a->flags = (asked & FLAGS_ECHOED) | NTLM_NTLM | NTLM_TARGET_INFO;
    if (asked & NTLM_REQUEST_TARGET) {
        a->flags |= NTLM_TARGET_TYPE_SERVER;
    }
    cfg->random(cfg->arg, a->server_challenge, sizeof(a->server_challenge));
    struct ntlm_challenge msg = {
        .flags = a->flags,
        .server_challenge = a->server_challenge,
        .time = cfg->now(cfg->arg),
        .target_name = cfg->target_name,
        .dns_name = cfg->dns_name[0] ? cfg->dns_name : cfg->target_name,
    };
    struct wr w = wr_new(AUTH_BLOB_MAX);
    ntlm_challenge_format(&w, &msg);
    a->challenge = wr_take(&w, &a->challenge_len);
    wr_fini(&w);
    return a->challenge ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

static smbkit_status negotiate_step(struct acceptor *a, struct auth_slice in, struct wr *out)
{
    struct ntlm_negotiate msg;
    if (in.len > NTLM_NEGOTIATE_MAX || !ntlm_negotiate_parse(in, &msg)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if ((msg.flags & FLAGS_REQUIRED) != FLAGS_REQUIRED) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    a->negotiate = mem_dup(in.p, in.len);
    a->negotiate_len = in.len;
    if (!a->negotiate) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status status = challenge_make(a, msg.flags);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    wr_bytes(out, a->challenge, a->challenge_len);
    a->state = WANT_AUTHENTICATE;
    return SMBKIT_STATUS_MORE_PROCESSING_REQUIRED;
}

static bool utf16_is_text(struct auth_slice s)
{
    if (s.len % 2) {
        return false;
    }
    for (size_t i = 0; i < s.len; i += 2) {
        if (!s.p[i] && !s.p[i + 1]) {
            return false;
        }
    }
    return true;
}

/* UTF-16LE to a name; one that does not fit becomes empty. */
static smbkit_status name_get(struct auth_slice s, char name[AUTH_NAME_SIZE])
{
    name[0] = '\0';
    if (!utf16_is_text(s)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (s.len == 0 || s.len / 2 >= AUTH_NAME_SIZE) {
        return SMBKIT_STATUS_SUCCESS;
    }
    CLEANUP_MEM char *utf8 = utf16le_to_utf8(s.p, s.len);
    if (!utf8) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (!str_copy(name, AUTH_NAME_SIZE, utf8)) {
        name[0] = '\0';
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status names_get(struct acceptor *a, const struct ntlm_authenticate *msg)
{
    struct auth_login *login = a->login;
    smbkit_status status = name_get(msg->user, login->claimed);
    if (SMBKIT_OK(status)) {
        status = name_get(msg->domain, login->id.domain);
    }
    return SMBKIT_OK(status) ? name_get(msg->workstation, login->id.workstation) : status;
}

/* No response (some clients send one zero byte of LM). */
static bool proves_nothing(const struct ntlm_authenticate *msg)
{
    return msg->nt.len == 0 && msg->lm.len <= 1;
}

/* Nor a name. [MS-NLMP] 3.2.5.1.2 */
static bool is_anonymous(const struct ntlm_authenticate *msg)
{
    return msg->user.len == 0 && proves_nothing(msg);
}

/* From the key exchange key to the session key that both sides use. [MS-NLMP] 3.2.5.1.2 */
static bool export_key(struct acceptor *a, const struct ntlm_authenticate *msg,
                       const uint8_t key_exchange_key[NTLM_KEY_LEN])
{
    /* without extended session security no MIC is defined that could be made here */
    a->has_key = a->flags & NTLM_EXTENDED_SESSIONSECURITY;
    if (!(a->flags & NTLM_KEY_EXCH) || msg->session_key.len == 0) {
        mem_copy(a->exported_key, key_exchange_key, NTLM_KEY_LEN);
        return true;
    }
    mem_copy(a->exported_key, msg->session_key.p, NTLM_KEY_LEN);
    return ntlm_rc4k(key_exchange_key, a->exported_key, NTLM_KEY_LEN);
}

static smbkit_status anonymous_accept(struct acceptor *a, const struct ntlm_authenticate *msg)
{
    static const uint8_t zero[NTLM_KEY_LEN];
    if (!a->cfg->allow_anonymous) {
        return SMBKIT_STATUS_LOGON_FAILURE;
    }
    if (!export_key(a, msg, zero)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    struct auth_identity *id = &a->login->id;
    id->anonymous = true;
    mem_copy(id->session_key, a->exported_key, NTLM_KEY_LEN);
    return SMBKIT_STATUS_SUCCESS;
}

/* Does the response prove the hash? Tried with the domain as sent and with none: clients exist that
 * leave it out of the key. [MS-NLMP] 3.2.5.1.2. Takes the same time whatever fails.
 * key_r: the session base key, when proven. */
static smbkit_status response_check(const struct acceptor *a, const struct ntlm_authenticate *msg,
                                    const struct ntlm_v2_response *resp, const uint8_t hash[16],
                                    uint8_t key_r[NTLM_KEY_LEN])
{
    const struct auth_slice domains[] = {msg->domain, auth_slice_of(NULL, 0)};
    smbkit_status status = SMBKIT_STATUS_LOGON_FAILURE;
    uint8_t key[NTLM_KEY_LEN];
    uint8_t proof[16];
    for (size_t i = 0; i < ARRAY_LEN(domains); i++) {
        uint8_t base_key[NTLM_KEY_LEN];
        bool ok = ntlm_v2_key(hash, msg->user, domains[i], key) &&
                  ntlm_v2_proof(key, a->server_challenge, resp->temp, proof) &&
                  ntlm_v2_session_key(key, proof, base_key);
        if (!ok) {
            status = SMBKIT_STATUS_NO_MEMORY;
            break;
        }
        if (mem_eq_ct(proof, resp->proof, sizeof(proof))) {
            mem_copy(key_r, base_key, NTLM_KEY_LEN);
            status = SMBKIT_STATUS_SUCCESS;
        }
        mem_wipe(base_key, sizeof(base_key));
    }
    mem_wipe(key, sizeof(key));
    mem_wipe(proof, sizeof(proof));
    return status;
}

static smbkit_status mic_verify(const struct acceptor *a, struct auth_slice in)
{
    uint8_t mic[NTLM_MIC_LEN];
    if (in.len < NTLM_MIC_OFFSET + NTLM_MIC_LEN) {
        return SMBKIT_STATUS_LOGON_FAILURE;
    }
    if (!ntlm_mic(a->exported_key, auth_slice_of(a->negotiate, a->negotiate_len),
                  auth_slice_of(a->challenge, a->challenge_len), in, mic)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    return mem_eq_ct(mic, in.p + NTLM_MIC_OFFSET, sizeof(mic)) ? SMBKIT_STATUS_SUCCESS
                                                               : SMBKIT_STATUS_LOGON_FAILURE;
}

/* Guests without a password prove that they have none, so that the key is known after all and the
 * MICs can be checked; of the others nothing is known. */
static smbkit_status guest_accept(struct acceptor *a, const struct ntlm_authenticate *msg,
                                  const uint8_t *key)
{
    if (key && !export_key(a, msg, key)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    struct auth_identity *id = &a->login->id;
    str_copy(id->user, sizeof(id->user), "Guest");
    id->rid = AUTH_RID_GUEST;
    id->guest = true;
    return SMBKIT_STATUS_SUCCESS;
}

/* Whoever gives a name that nobody has. */
static bool becomes_guest(const struct acceptor *a)
{
    if (!a->cfg->allow_guest) {
        return false;
    }
    struct auth_user user = {0};
    bool is_known = a->cfg->user_lookup(a->cfg->arg, a->login->claimed, &user);
    mem_wipe(&user, sizeof(user));
    return !is_known;
}

/* The response proved the password: check what else protects the exchange, and fill the identity.
 */
static smbkit_status user_accept(struct acceptor *a, const struct auth_user *user,
                                 struct auth_slice in, bool has_mic)
{
    if (has_mic) {
        smbkit_status status = mic_verify(a, in);
        if (!SMBKIT_OK(status)) {
            return status;
        }
    }
    if (user->disabled) {
        return SMBKIT_STATUS_ACCOUNT_DISABLED;
    }
    struct auth_identity *id = &a->login->id;
    str_copy(id->user, sizeof(id->user), user->name);
    id->rid = user->rid;
    id->version = user->version;
    mem_copy(id->session_key, a->exported_key, NTLM_KEY_LEN);
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status user_step(struct acceptor *a, const struct ntlm_authenticate *msg,
                               struct auth_slice in)
{
    struct ntlm_v2_response resp;
    struct auth_user user = {0};
    uint8_t key[NTLM_KEY_LEN] = {0};
    if (!ntlm_v2_response_parse(msg->nt, &resp)) {
        /* 24 bytes are version 1, which we refuse; more are a version 2 response that is malformed.
         */
        return msg->nt.len > NTLM_V1_RESPONSE_LEN ? SMBKIT_STATUS_INVALID_PARAMETER
                                                  : SMBKIT_STATUS_LOGON_FAILURE;
    }
    bool is_known =
        a->login->claimed[0] && a->cfg->user_lookup(a->cfg->arg, a->login->claimed, &user);
    if (!is_known) { /* hash all the same: the time must not tell who exists */
        mem_copy(user.nt_hash, hash_of_nothing, sizeof(user.nt_hash));
    }
    smbkit_status status = response_check(a, msg, &resp, user.nt_hash, key);
    if (!is_known && status != SMBKIT_STATUS_NO_MEMORY) {
        const uint8_t *known_key = SMBKIT_OK(status) ? key : NULL;
        status =
            a->cfg->allow_guest ? guest_accept(a, msg, known_key) : SMBKIT_STATUS_LOGON_FAILURE;
    } else if (SMBKIT_OK(status)) {
        status = export_key(a, msg, key) ? user_accept(a, &user, in, resp.has_mic)
                                         : SMBKIT_STATUS_NO_MEMORY;
    }
    mem_wipe(key, sizeof(key));
    mem_wipe(&user, sizeof(user));
    return status;
}

static smbkit_status authenticate_step(struct acceptor *a, struct auth_slice in)
{
    struct ntlm_authenticate msg;
    if (!ntlm_authenticate_parse(in, &msg)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    a->flags &= msg.flags;
    if (!(a->flags & NTLM_UNICODE)) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    smbkit_status status = names_get(a, &msg);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (is_anonymous(&msg)) { /* smbclient 4 drops extended session security here */
        return anonymous_accept(a, &msg);
    }
    if (proves_nothing(&msg)) { /* smbclient 4 -N: nor is it strong, as above */
        return becomes_guest(a) ? guest_accept(a, &msg, NULL) : SMBKIT_STATUS_LOGON_FAILURE;
    }
    if ((a->flags & FLAGS_REQUIRED) != FLAGS_REQUIRED) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    return user_step(a, &msg, in);
}

static smbkit_status acceptor_step(void *ctx, struct auth_slice in, struct wr *out)
{
    struct acceptor *a = ctx;
    switch (a->state) {
    case WANT_NEGOTIATE:
        return negotiate_step(a, in, out);
    case WANT_AUTHENTICATE:
        a->state = DONE; /* one guess a challenge */
        return authenticate_step(a, in);
    case DONE:
        break;
    }
    return SMBKIT_STATUS_INVALID_PARAMETER;
}

static bool acceptor_has_mic(const void *ctx)
{
    const struct acceptor *a = ctx;
    return a->has_key;
}

static smbkit_status acceptor_mic_make(void *ctx, struct auth_slice data, struct wr *out)
{
    const struct acceptor *a = ctx;
    uint8_t mac[NTLM_MAC_LEN];
    if (!ntlm_mac(a->exported_key, a->flags, NTLM_SERVER, data, mac)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    wr_bytes(out, mac, sizeof(mac));
    return wr_ok(out) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

static smbkit_status acceptor_mic_check(void *ctx, struct auth_slice data, struct auth_slice mic)
{
    const struct acceptor *a = ctx;
    uint8_t mac[NTLM_MAC_LEN];
    if (!ntlm_mac(a->exported_key, a->flags, NTLM_CLIENT, data, mac)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    bool ok = mic.len == sizeof(mac) && mem_eq_ct(mac, mic.p, sizeof(mac));
    return ok ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_LOGON_FAILURE;
}

const struct auth_mech auth_mech_ntlm = {
    .oid = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02,
            0x0a}, /* 1.3.6.1.4.1.311.2.2.10 */
    .oid_len = 10,
    .open = acceptor_open,
    .close = acceptor_close,
    .step = acceptor_step,
    .has_mic = acceptor_has_mic,
    .mic_make = acceptor_mic_make,
    .mic_check = acceptor_mic_check,
};
