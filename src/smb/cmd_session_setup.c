/* SPDX-License-Identifier: Apache-2.0 */
/* SESSION_SETUP. [MS-SMB2] 3.3.5.5. Runs on a worker: the users file may be read. */
#define LOG_MODULE LOG_SMB
#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "smb/binding.h"
#include "smb/client.h"
#include "smb/command.h"
#include "smb/limits.h"
#include "smb/reply.h"
#include "smb/security.h"
#include "wire/session_setup.h"

static smbkit_status find_session(struct smb_request *r, const struct smb2_session_setup_req *req)
{
    if (req->flags & SMB2_SESSION_FLAG_BINDING) {
        return smb_binding_begin(r);
    }
    if (r->hdr.session_id != 0) {
        return r->session ? SMBKIT_STATUS_SUCCESS : smb_binding_refuse(r);
    }
    struct smb_channel *ch = smb_session_new(r->conn);
    if (!ch) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    smb_request_channel_set(r, &ch);
    return SMBKIT_STATUS_SUCCESS;
}

/* The session that the request is about: a new one, or the one it names; with setup_busy taken. */
static smbkit_status begin(struct smb_request *r, const struct smb2_session_setup_req *req)
{
    smbkit_status status = find_session(r, req);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct smb_session *s = r->session;
    SCOPED_LOCK(&s->lock);
    if (s->state == SMB_SESSION_DELETED) {
        return SMBKIT_STATUS_USER_SESSION_DELETED;
    }
    if (r->channel->setup_busy) {
        return SMBKIT_STATUS_REQUEST_NOT_ACCEPTED;
    }
    /* Until the reply is out: it goes into the preauthentication hash that the next one goes on
     * with. */
    r->channel->setup_busy = true;
    r->holds_setup = true;
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- the throttle ---- */

static struct auth_who who_tries(const struct smb_request *r)
{
    const char *user = auth_claimed_user_get(r->channel->auth);
    return (struct auth_who){
        .place = r->conn->place_hash,
        .user = utf8_ihash(r->conn->server->hash_seed, user, str_len(user)),
    };
}

/* Is the verdict about a password, which is what may be guessed? */
static bool is_about_password(const struct smb_channel *ch)
{
    const struct auth_identity *id = auth_identity_get(ch->auth);
    return ch->verdict == SMBKIT_STATUS_LOGON_FAILURE ||
           ch->verdict == SMBKIT_STATUS_ACCOUNT_DISABLED ||
           (SMBKIT_OK(ch->verdict) && id && !id->guest && !id->anonymous);
}

/* For how long to keep the verdict back, good or bad: what is not told in time needs no waiting
 * for. Too long a line refuses, whatever the verdict. */
static uint32_t hold_back_ms(struct smb_request *r)
{
    struct smb_server *server = r->conn->server;
    struct smb_channel *ch = r->channel;
    if (!ch->auth || !is_about_password(ch)) {
        return 0;
    }
    mutex_lock(&server->lock);
    uint32_t ms = auth_throttle_attempt(server->throttle, who_tries(r), SMBKIT_OK(ch->verdict),
                                        smb_server_monotonic_ms(server));
    mutex_unlock(&server->lock);
    if (ms == AUTH_THROTTLE_REFUSED) {
        log_info(&r->conn->log, "log-in not looked at: too many wait that failed from=%s",
                 r->conn->address);
        ch->verdict = SMBKIT_STATUS_LOGON_FAILURE;
        return AUTH_THROTTLE_WAIT_MAX_MS; /* so that asking again costs as much */
    }
    return ms;
}

static void tell_failure(struct smb_request *r, smbkit_status status)
{
    struct smb_server *server = r->conn->server;
    unsigned untold;
    if (smb_server_may_tell(server, &untold)) {
        log_warn(&r->conn->log, "log-in failed user=%s from=%s status=%s untold=%u",
                 quoted(auth_claimed_user_get(r->channel->auth)).text, r->conn->address,
                 smbkit_status_name(status), untold);
    }
    if (status == SMBKIT_STATUS_LOGON_FAILURE || status == SMBKIT_STATUS_ACCOUNT_DISABLED) {
        atomic_fetch_add_explicit(&r->conn->server->logon_failures, 1,
                                  memory_order_relaxed); /* only told */
    }
}

/* ---- success ---- */

static uint32_t who_flags(struct smb_server *server, const struct auth_identity *id)
{
    if (id->guest) {
        return SMBKIT_WHO_GUEST;
    }
    if (id->anonymous) {
        return SMBKIT_WHO_ANONYMOUS;
    }
    return smb_server_is_admin(server, id->user) ? SMBKIT_WHO_ADMIN : 0;
}

static struct vfs_token *make_token(struct smb_request *r, const struct auth_identity *id)
{
    struct smb_server *server = r->conn->server;
    uint32_t rids[VFS_TOKEN_GROUPS_MAX];
    uint32_t count = 0;
    bool is_named = !id->guest && !id->anonymous;
    if (is_named && !smb_server_groups_of(server, id->user, rids, ARRAY_LEN(rids), &count)) {
        return NULL;
    }
    const struct vfs_token_spec spec = {
        .group_rids = rids,
        .group_rid_count = count,
        .user = id->user,
        .domain = id->domain,
        .client_address = r->conn->address,
        .rid = id->rid,
        .flags = who_flags(server, id),
        .machine_sid = server->config.machine_sid,
        .session_id = r->session->id,
        .client_id = r->session->client->id,
    };
    return vfs_token_new(&spec);
}

/* Keys that prove nothing, and nothing has to be signed by; but what a client signs by them is
 * verified, and answered likewise, as by Windows. [MS-SMB2] 3.3.5.2.4 */
static smbkit_status key_nameless(struct smb_request *r, const struct auth_identity *id)
{
    smbkit_status status = smb_session_keys_init(r->channel, id->session_key, false);
    if (SMBKIT_OK(status)) {
        atomic_store_explicit(&r->session->keyed, true, memory_order_release); /* they are there */
    }
    return status;
}

/* [MS-SMB2] 3.3.5.5.3: signing and encryption of a new session. owner: whom id names. */
static smbkit_status settle_protection(struct smb_request *r, const struct auth_identity *id,
                                       const struct smb2_session_setup_req *req,
                                       struct vfs_token *owner)
{
    struct smb_session *s = r->session;
    const struct smb_conn *c = r->conn;
    struct smb_policy policy = smb_server_policy(c->server);
    bool has_key = !id->guest && !id->anonymous;
    if (!has_key && policy.encryption == SMB_ENCRYPT_REQUIRED) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (!has_key) {
        return id->anonymous ? key_nameless(r, id) : SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status status = smb_session_keys_init(r->channel, id->session_key, true);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    s->signing_required =
        policy.signing_required || (req->security_mode & SMB2_NEGOTIATE_SIGNING_REQUIRED);
    if (policy.encryption == SMB_ENCRYPT_REQUIRED && !s->keys.seal) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    s->encrypt = policy.encryption != SMB_ENCRYPT_OFF && s->keys.seal;
    s->keys.owner = vfs_token_ref(owner);
    atomic_store_explicit(&s->keyed, true, memory_order_release); /* all of the above is there */
    return SMBKIT_STATUS_SUCCESS;
}

static bool same_name(struct vfs_token *a, struct vfs_token *b)
{
    const struct smbkit_identity *ia = vfs_token_identity_get(a);
    const struct smbkit_identity *ib = vfs_token_identity_get(b);
    return ia->rid == ib->rid && utf8_ieq(ia->user, ib->user);
}

static bool same_user(struct vfs_token *a, struct vfs_token *b)
{
    return same_name(a, b) && vfs_token_identity_get(a)->flags == vfs_token_identity_get(b)->flags;
}

/* Logging in again changes who the session is, but neither its keys (3.3.5.5.2) nor what it must
 * sign. So nobody is raised by it: a session without a key never becomes a named one, and keys that
 * one user's log-in made never speak for another user, whose log-in may have been relayed to who
 * holds them. */
static bool may_become(const struct smb_session *s, const struct auth_identity *id,
                       struct vfs_token *token)
{
    bool is_named = !id->guest && !id->anonymous;
    return !is_named || (smb_session_is_owned(s) && same_name(s->keys.owner, token));
}

/* The client lost its connection and says which session was its own. 3.3.5.5.3 step 9 */
static void end_previous(struct smb_request *r, uint64_t id)
{
    if (id == 0 || id == r->session->id) {
        return;
    }
    struct smb_session *old = smb_session_find(r->conn->server, id);
    if (!old) {
        return;
    }
    struct vfs_token *a = smb_session_token(old);
    struct vfs_token *b = smb_session_token(r->session);
    if (a && b && same_user(a, b) && smb_session_end(old, NULL)) {
        r->previous = smb_session_ref(old); /* done before the client hears of its new session */
    }
    vfs_token_unref(a);
    vfs_token_unref(b);
    smb_session_unref(old);
}

/* The log-in made the session, or made it anew. */
static smbkit_status enter(struct smb_request *r, const struct smb2_session_setup_req *req,
                           const struct auth_identity *id)
{
    struct smb_session *s = r->session;
    bool is_new = smb_session_state_get(s) == SMB_SESSION_IN_PROGRESS;
    struct vfs_token *token = make_token(r, id);
    if (!token) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    struct smb_account *account = smb_account_get(s->server, id->user);
    if (!account) {
        vfs_token_unref(token);
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    smbkit_status status = is_new                     ? settle_protection(r, id, req, token)
                           : may_become(s, id, token) ? SMBKIT_STATUS_SUCCESS
                                                      : SMBKIT_STATUS_ACCESS_DENIED;
    if (!SMBKIT_OK(status)) {
        smb_account_unref(account);
        vfs_token_unref(token);
        return status;
    }
    smb_session_become(s, token, account, id->version);
    SCOPED_LOCK(&s->lock);
    if (s->state == SMB_SESSION_DELETED) {
        return SMBKIT_STATUS_USER_SESSION_DELETED;
    }
    s->state = SMB_SESSION_VALID;
    atomic_store_explicit(&s->expires_at, id->expires_at, memory_order_relaxed); /* a time */
    s->guest = id->guest;
    s->anonymous = id->anonymous;
    return SMBKIT_STATUS_SUCCESS;
}

/* It binds the session to its connection: as the user whose log-in made the session's keys, and as
 * nobody else. */
static smbkit_status bind(struct smb_request *r, const struct auth_identity *id)
{
    struct vfs_token *token = make_token(r, id);
    if (!token) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    bool is_owner = !id->guest && !id->anonymous && same_name(r->session->keys.owner, token);
    vfs_token_unref(token);
    /* Again: a reload that came before the channel was the session's did not see it there. */
    bool is_let_in = smb_server_admits(r->conn->server, r->conn->address);
    return is_owner && is_let_in ? smb_binding_end(r->channel, id->session_key)
                                 : SMBKIT_STATUS_ACCESS_DENIED;
}

static smbkit_status succeed(struct smb_request *r, const struct smb2_session_setup_req *req)
{
    struct smb_session *s = r->session;
    const struct auth_identity *id = auth_identity_get(r->channel->auth);
    bool binds = smb_channel_is_binding(r->channel);
    smbkit_status status = binds ? bind(r, id) : enter(r, req, id);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    /* A session that gets a channel smb_server_enforce finds in any case, and ends the whole. */
    if (!binds && smb_session_fault(s)) {
        return SMBKIT_STATUS_USER_SESSION_DELETED;
    }
    r->sign_reply = smb_session_is_owned(s);
    if (is_about_password(r->channel)) {
        SCOPED_LOCK(&r->conn->server->lock);
        auth_throttle_succeeded(r->conn->server->throttle, who_tries(r));
    }
    if (!binds) {
        end_previous(r, req->previous_session_id);
    }
    log_info(&r->conn->log, "%s user=%s from=%s session=%llu%s", binds ? "bound" : "logged in",
             quoted(id->user).text, r->conn->address, (unsigned long long)s->id,
             s->encrypt ? " encrypted" : "");
    return SMBKIT_STATUS_SUCCESS;
}

static uint16_t session_flags(struct smb_session *s)
{
    SCOPED_LOCK(&s->lock);
    return (uint16_t)((s->guest ? SMB2_SESSION_FLAG_IS_GUEST : 0) |
                      (s->anonymous ? SMB2_SESSION_FLAG_IS_NULL : 0) |
                      (s->encrypt ? SMB2_SESSION_FLAG_ENCRYPT_DATA : 0));
}

static void drop_answer(struct smb_channel *ch)
{
    mem_free(ch->answer);
    ch->answer = NULL;
    ch->answer_len = 0;
}

static void answer(struct smb_request *r, smbkit_status status)
{
    const struct smb_channel *ch = r->channel;
    struct smb2_session_setup_rsp rsp = {
        .session_flags = SMBKIT_OK(status) ? session_flags(r->session) : 0,
        .security = {ch->answer, ch->answer_len},
    };
    smb2_session_setup_rsp_format(smb_reply_begin(r), &rsp);
    smb_reply_keep(r);
    drop_answer(r->channel);
}

/* One round of the log-in; leaves what to answer in the channel. setup_busy is ours. */
static smbkit_status round_of(struct smb_request *r, const struct smb2_session_setup_req *req)
{
    struct smb_session *s = r->session;
    struct smb_channel *ch = r->channel;
    bool makes_key =
        smb_channel_is_binding(ch) || smb_session_state_get(s) == SMB_SESSION_IN_PROGRESS;
    if (makes_key && r->conn->dialect == SMB2_DIALECT_311) {
        struct crypto_span span = {(uint8_t *)(uintptr_t)r->raw, r->raw_len};
        crypto_sha512_extend(ch->preauth, &span, 1);
    }
    if (!ch->auth) {
        ch->rounds = 0;
        const struct auth_config auth = smb_server_auth(r->conn->server);
        ch->auth = auth_new(&auth);
    }
    if (!ch->auth || ++ch->rounds > SMB_LOGON_ROUNDS_MAX) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    drop_answer(ch);
    return auth_step(ch->auth, req->security.p, req->security.len, &ch->answer, &ch->answer_len);
}

/* The last round's verdict comes true. A log-in that fails takes a session that never was with it;
 * reauthentication that fails ends the session too. 3.3.5.5.3. A binding that fails harms none. */
static smbkit_status conclude(struct smb_request *r, const struct smb2_session_setup_req *req)
{
    struct smb_channel *ch = r->channel;
    bool was_binding = smb_channel_is_binding(ch);
    /* relaxed: the connection ended while the verdict was held back; nobody hears it any more */
    bool is_late = atomic_load_explicit(&r->cancelled, memory_order_relaxed);
    smbkit_status status = is_late ? SMBKIT_STATUS_CANCELLED : ch->verdict;
    if (SMBKIT_OK(status)) {
        status = succeed(r, req);
    }
    if (!SMBKIT_OK(status)) {
        if (ch->auth) {
            tell_failure(r, status);
        }
        if (was_binding) {
            smb_channel_drop(ch);
        } else {
            (void)smb_session_end(ch->session, NULL); /* false: somebody else did */
        }
        drop_answer(ch);
    }
    auth_free(ch->auth);
    ch->auth = NULL;
    return status;
}

static smbkit_status log_in(struct smb_request *r)
{
    struct smb2_session_setup_req req;
    struct cur in = r->body;
    if (smb2_session_setup_req_parse(&in, &req) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (r->holds_setup) {
        return conclude(r, &req); /* it was held back, and its time has come */
    }
    smbkit_status status = begin(r, &req);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    status = round_of(r, &req);
    if (status == SMBKIT_STATUS_MORE_PROCESSING_REQUIRED) {
        return status;
    }
    r->channel->verdict = status;
    r->hold_ms = hold_back_ms(r);
    return r->hold_ms ? SMBKIT_STATUS_WAIT : conclude(r, &req);
}

smbkit_status cmd_session_setup(struct smb_request *r)
{
    /* Has it waited for the session before to be closed? Then it has logged in. */
    smbkit_status status = r->previous ? SMBKIT_STATUS_SUCCESS : log_in(r);
    if (SMBKIT_OK(status) && r->previous) {
        status = smb_session_reaped(r->previous, r->call.wait);
    }
    if (SMBKIT_OK(status) || status == SMBKIT_STATUS_MORE_PROCESSING_REQUIRED) {
        answer(r, status);
    }
    return status;
}
