/* SPDX-License-Identifier: Apache-2.0 */
/* The log-in's course: SPNEGO around a mechanism, or a mechanism alone. RFC 4178 4, 5 */
#include "auth/auth.h"

#include "auth/ntlm.h"
#include "auth/spnego.h"
#include "base/mem.h"

/* The server's mechanisms, the preferred one first. */
static const struct auth_mech *const mechs[] = {&auth_mech_ntlm};

enum auth_state {
    AUTH_BEGIN,
    AUTH_RAW,    /* NTLM without SPNEGO */
    AUTH_SPNEGO, /* a mechanism is chosen */
    AUTH_MIC,    /* the mechanism is done, the client's MIC is outstanding */
    AUTH_DONE,
    AUTH_FAILED,
};

struct auth_session {
    struct auth_config cfg;
    enum auth_state state;
    const struct auth_mech *mech; /* NULL until chosen */
    void *mech_ctx;
    uint8_t *mech_list; /* the client's list as DER: what both MICs cover */
    size_t mech_list_len;
    bool is_first_reply;
    bool needs_mic; /* the client preferred something else: the choice must be proven. RFC 4178 5 */
    struct auth_login login;
};

struct auth_session *auth_new(const struct auth_config *cfg)
{
    struct auth_session *s = mem_zalloc(sizeof(*s));
    if (s) {
        s->cfg = *cfg;
        s->is_first_reply = true;
    }
    return s;
}

void auth_free(struct auth_session *s)
{
    if (!s) {
        return;
    }
    if (s->mech_ctx) {
        s->mech->close(s->mech_ctx);
    }
    mem_free(s->mech_list);
    mem_wipe(s, sizeof(*s));
    mem_free(s);
}

const struct auth_identity *auth_identity_get(const struct auth_session *s)
{
    return s->state == AUTH_DONE ? &s->login.id : NULL;
}

const char *auth_claimed_user_get(const struct auth_session *s)
{
    return s->login.claimed;
}

static smbkit_status mech_open(struct auth_session *s, const struct auth_mech *mech)
{
    s->mech_ctx = mech->open(&s->cfg, &s->login);
    if (!s->mech_ctx) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    s->mech = mech;
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status reply(struct auth_session *s, struct spnego_resp *resp, struct wr *out)
{
    if (s->is_first_reply) { /* supportedMech is for the first reply only. RFC 4178 4.2.2 */
        resp->mech = auth_slice_of(s->mech->oid, s->mech->oid_len);
        s->is_first_reply = false;
    }
    spnego_resp_format(out, resp);
    return wr_ok(out) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

static struct auth_slice written(const struct wr *w)
{
    return auth_slice_of(wr_pos(w) ? w->base : NULL, wr_pos(w));
}

/* The mechanism succeeded. Verify the client's MIC over the list, answer with the server's; when
 * one is needed and did not come, wait for it. RFC 4178 5 */
static smbkit_status mech_done(struct auth_session *s, struct auth_slice token,
                               struct auth_slice mic, struct wr *out)
{
    struct auth_slice list = auth_slice_of(s->mech_list, s->mech_list_len);
    struct spnego_resp resp = {.state = SPNEGO_ACCEPT_COMPLETED, .token = token};
    bool has_mic = s->mech->has_mic(s->mech_ctx); /* a guest's MIC cannot be verified, nor made */
    bool must_wait = has_mic && s->needs_mic && !mic.p;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (has_mic && mic.p) {
        status = s->mech->mic_check(s->mech_ctx, list, mic);
    }
    uint8_t buf[256]; /* NTLM's MIC has 16 bytes, Kerberos's 28 with AES */
    struct wr own = wr_init(buf, sizeof(buf));
    if (SMBKIT_OK(status) && has_mic && (mic.p || must_wait)) {
        status = s->mech->mic_make(s->mech_ctx, list, &own);
        resp.mic = written(&own);
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (must_wait) {
        resp.state = SPNEGO_ACCEPT_INCOMPLETE;
    }
    status = reply(s, &resp, out);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    s->state = must_wait ? AUTH_MIC : AUTH_DONE;
    return must_wait ? SMBKIT_STATUS_MORE_PROCESSING_REQUIRED : SMBKIT_STATUS_SUCCESS;
}

/* Give the mechanism its token, wrap what it says. */
static smbkit_status mech_step(struct auth_session *s, struct auth_slice token,
                               struct auth_slice mic, struct wr *out)
{
    struct wr answer = wr_new(AUTH_BLOB_MAX);
    smbkit_status status = s->mech->step(s->mech_ctx, token, &answer);
    if (!wr_ok(&answer)) {
        status = SMBKIT_STATUS_NO_MEMORY;
    } else if (status == SMBKIT_STATUS_SUCCESS) {
        status = mech_done(s, written(&answer), mic, out);
    } else if (status == SMBKIT_STATUS_MORE_PROCESSING_REQUIRED) {
        struct spnego_resp resp = {.state = SPNEGO_ACCEPT_INCOMPLETE, .token = written(&answer)};
        smbkit_status sent = reply(s, &resp, out);
        status = SMBKIT_OK(sent) ? status : sent;
    }
    wr_fini(&answer);
    return status;
}

/* The first of the client's mechanisms that the server has; its index in the client's list. */
static const struct auth_mech *choose(const struct spnego_init *init, size_t *index_r)
{
    for (size_t i = 0; i < init->mech_count; i++) {
        struct auth_slice oid = init->mechs[i];
        for (size_t k = 0; k < ARRAY_LEN(mechs); k++) {
            if (oid.len == mechs[k]->oid_len && mem_eq(oid.p, mechs[k]->oid, oid.len)) {
                *index_r = i;
                return mechs[k];
            }
        }
    }
    return NULL;
}

static smbkit_status init_step(struct auth_session *s, struct auth_slice in, struct wr *out)
{
    struct spnego_init init;
    size_t index = 0;
    if (!spnego_init_parse(in.p, in.len, &init)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    const struct auth_mech *mech = choose(&init, &index);
    if (!mech) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    s->mech_list = mem_dup(init.mech_list.p, init.mech_list.len);
    s->mech_list_len = init.mech_list.len;
    if (!s->mech_list) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status status = mech_open(s, mech);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    s->state = AUTH_SPNEGO;
    if (index == 0 && init.token.p) {
        return mech_step(s, init.token, auth_slice_of(NULL, 0), out);
    }
    /* The token, if any, was for a mechanism that is not to be. RFC 4178 4.2.2, 5 */
    s->needs_mic = index != 0;
    struct spnego_resp resp = {.state = index ? SPNEGO_REQUEST_MIC : SPNEGO_ACCEPT_INCOMPLETE};
    status = reply(s, &resp, out);
    return SMBKIT_OK(status) ? SMBKIT_STATUS_MORE_PROCESSING_REQUIRED : status;
}

static smbkit_status resp_step(struct auth_session *s, struct auth_slice in, struct wr *out)
{
    struct spnego_resp resp;
    if (!spnego_resp_parse(in.p, in.len, &resp)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (resp.state == SPNEGO_REJECT) {
        return SMBKIT_STATUS_LOGON_FAILURE;
    }
    if (s->state == AUTH_SPNEGO) {
        return mech_step(s, resp.token, resp.mic, out);
    }
    /* AUTH_MIC: the client's last word; nothing is left to say. RFC 4178 5 */
    if (!resp.mic.p || resp.token.p) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status =
        s->mech->mic_check(s->mech_ctx, auth_slice_of(s->mech_list, s->mech_list_len), resp.mic);
    if (SMBKIT_OK(status)) {
        s->state = AUTH_DONE;
    }
    return status;
}

static smbkit_status raw_step(struct auth_session *s, struct auth_slice in, struct wr *out)
{
    smbkit_status status = s->mech->step(s->mech_ctx, in, out);
    if (!wr_ok(out)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    s->state = status == SMBKIT_STATUS_SUCCESS ? AUTH_DONE : AUTH_RAW;
    return status;
}

static smbkit_status begin_step(struct auth_session *s, struct auth_slice in, struct wr *out)
{
    if (spnego_is_init(in.p, in.len)) {
        return init_step(s, in, out);
    }
    if (!ntlm_is_message(in.p, in.len)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status = mech_open(s, &auth_mech_ntlm);
    return SMBKIT_OK(status) ? raw_step(s, in, out) : status;
}

static smbkit_status dispatch(struct auth_session *s, struct auth_slice in, struct wr *out)
{
    if (in.len == 0 || in.len > AUTH_BLOB_MAX) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    switch (s->state) {
    case AUTH_BEGIN:
        return begin_step(s, in, out);
    case AUTH_RAW:
        return raw_step(s, in, out);
    case AUTH_SPNEGO:
    case AUTH_MIC:
        return resp_step(s, in, out);
    case AUTH_DONE:
    case AUTH_FAILED:
        break;
    }
    return SMBKIT_STATUS_INVALID_PARAMETER;
}

smbkit_status auth_step(struct auth_session *s, const uint8_t *in, size_t in_len, uint8_t **out,
                        size_t *out_len)
{
    struct wr w = wr_new(AUTH_BLOB_MAX);
    *out = NULL;
    *out_len = 0;
    if (s->state == AUTH_DONE) { /* the identity may be in use: leave it */
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status = dispatch(s, auth_slice_of(in, in_len), &w);
    bool is_good = SMBKIT_OK(status) || status == SMBKIT_STATUS_MORE_PROCESSING_REQUIRED;
    if (is_good && wr_pos(&w)) {
        *out = wr_take(&w, out_len);
        if (!*out) {
            status = SMBKIT_STATUS_NO_MEMORY;
            is_good = false;
        }
    }
    if (!is_good) {
        mem_wipe(&s->login.id, sizeof(s->login.id));
        s->state = AUTH_FAILED;
    }
    wr_fini(&w);
    return status;
}

smbkit_status auth_negotiate_blob(const struct auth_config *cfg, uint8_t **out, size_t *out_len)
{
    struct auth_slice oids[ARRAY_LEN(mechs)];
    struct wr w = wr_new(AUTH_BLOB_MAX);
    (void)cfg; /* NTLM is always offered */
    for (size_t i = 0; i < ARRAY_LEN(mechs); i++) {
        oids[i] = auth_slice_of(mechs[i]->oid, mechs[i]->oid_len);
    }
    spnego_init2_format(&w, oids, ARRAY_LEN(oids));
    *out = wr_take(&w, out_len);
    wr_fini(&w);
    return *out ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}
