/* SPDX-License-Identifier: Apache-2.0 */
#define LOG_MODULE LOG_SMB
#include "smb/binding.h"

#include "base/mem.h"
#include "smb/security.h"

void smb_request_channel_set(struct smb_request *r, struct smb_channel **ch)
{
    smb_session_unref(r->session);
    smb_channel_unref(r->channel);
    r->channel = *ch;
    r->session = smb_session_ref(r->channel->session);
    *ch = NULL;
}

/* A channel that is in no table, and signs with the session's key, for who has proven to know it.
 * NULL: he has not, or there is no key. [MS-SMB2] 3.3.5.2.4: Session.SigningKey */
static struct smb_channel *lend(const struct smb_request *r, struct smb_session *s)
{
    if (!smb_session_is_owned(s) || !(r->hdr.flags & SMB2_FLAGS_SIGNED)) {
        return NULL;
    }
    struct smb_channel *ch = smb_channel_new(s, r->conn);
    if (ch) {
        ch->lent = crypto_signer_new(s->keys.sign_alg, s->keys.sign_key);
        atomic_store_explicit(&ch->is_binding, true, memory_order_relaxed); /* ours alone yet */
    }
    if (ch && (!ch->lent || !smb_signature_verify(ch, r->raw, r->raw_len, &r->hdr))) {
        smb_channel_unref(ch);
        return NULL;
    }
    return ch;
}

static smbkit_status check_session(struct smb_session *s, const struct smb_request *r)
{
    SCOPED_LOCK(&s->lock);
    if (s->state != SMB_SESSION_VALID) {
        return s->state == SMB_SESSION_DELETED ? SMBKIT_STATUS_USER_SESSION_DELETED
                                               : SMBKIT_STATUS_REQUEST_NOT_ACCEPTED;
    }
    if (!(r->hdr.flags & SMB2_FLAGS_SIGNED)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (smb_session_is_expired(s)) {
        return SMBKIT_STATUS_NETWORK_SESSION_EXPIRED;
    }
    return s->guest || s->anonymous ? SMBKIT_STATUS_NOT_SUPPORTED : SMBKIT_STATUS_SUCCESS;
}

/* [MS-SMB2] 3.3.5.5 step 4. That the signing algorithms may differ, unless one is AES-GMAC, and how
 * that is refused before all else, is what Windows does; so is that the ClientGuid may differ. */
static smbkit_status check_conn(const struct smb_session *s, const struct smb_conn *c)
{
    bool session_gmac = s->keys.sign_alg == CRYPTO_SIGN_AES_GMAC;
    bool conn_gmac = c->sign_alg == CRYPTO_SIGN_AES_GMAC;
    if (session_gmac != conn_gmac) {
        return session_gmac ? SMBKIT_STATUS_REQUEST_OUT_OF_SEQUENCE : SMBKIT_STATUS_NOT_SUPPORTED;
    }
    if (!smb_conn_is_3x(c) || !c->server->config.multichannel) {
        return SMBKIT_STATUS_REQUEST_NOT_ACCEPTED;
    }
    return s->dialect == c->dialect && s->keys.cipher == c->cipher
               ? SMBKIT_STATUS_SUCCESS
               : SMBKIT_STATUS_INVALID_PARAMETER;
}

/* The first round. *ch_r: to sign with, owned; NULL: unsigned. */
static smbkit_status start(const struct smb_request *r, struct smb_channel **ch_r)
{
    struct smb_session *s = smb_session_find(r->conn->server, r->hdr.session_id);
    if (!s) {
        return SMBKIT_STATUS_USER_SESSION_DELETED;
    }
    *ch_r = lend(r, s);
    smbkit_status status = check_session(s, r);
    if (SMBKIT_OK(status)) {
        status = *ch_r ? check_conn(s, r->conn) : SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (SMBKIT_OK(status) && !smb_channel_add(*ch_r)) {
        status = SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    smb_session_unref(s);
    return status;
}

/* Its answer bears the session's key. */
static void sign_lent(struct smb_request *r, struct smb_channel **ch)
{
    smb_request_channel_set(r, ch);
    r->sign_reply = true;
    smb_nonce_asked(r);
}

smbkit_status smb_binding_begin(struct smb_request *r)
{
    if (r->channel) {
        return SMBKIT_STATUS_REQUEST_NOT_ACCEPTED; /* it is bound to this connection already */
    }
    struct smb_channel *ch = smb_channel_find_any(r->conn, r->hdr.session_id);
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (!ch) {
        status = start(r, &ch);
    } else if (!smb_signature_verify(ch, r->raw, r->raw_len, &r->hdr)) {
        status = SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (ch && status != SMBKIT_STATUS_ACCESS_DENIED) {
        sign_lent(r, &ch);
    }
    smb_channel_unref(ch);
    return status;
}

smbkit_status smb_binding_refuse(struct smb_request *r)
{
    struct smb_session *s = smb_session_find(r->conn->server, r->hdr.session_id);
    struct smb_channel *ch = s ? lend(r, s) : NULL;
    if (ch) {
        sign_lent(r, &ch);
    }
    smb_session_unref(s);
    return SMBKIT_STATUS_USER_SESSION_DELETED;
}

smbkit_status smb_binding_end(struct smb_channel *ch, const uint8_t session_key[16])
{
    struct smb_session *s = ch->session;
    uint8_t key[16];
    smbkit_status status = smb_channel_key_init(ch, session_key, key);
    mem_wipe(key, sizeof(key));
    if (!SMBKIT_OK(status)) {
        return status;
    }
    SCOPED_LOCK(&s->lock);
    if (s->state != SMB_SESSION_VALID || ch->gone) {
        return SMBKIT_STATUS_USER_SESSION_DELETED;
    }
    atomic_store_explicit(&ch->is_binding, false, memory_order_release); /* its signer is there */
    return SMBKIT_STATUS_SUCCESS;
}
