/* SPDX-License-Identifier: Apache-2.0 */
/* What every request must pass before its handler sees it: signature, session, encryption, tree.
 * [MS-SMB2] 3.3.5.2.4 to 3.3.5.2.11. The same for every element of a compound. */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "smb/command.h"
#include "smb/ioctl.h"
#include "smb/security.h"

/* Related requests take session and tree from the element before. [MS-SMB2] 3.3.5.2.7.2 */
static smbkit_status inherit(struct smb_request *r)
{
    struct smb_message *m = r->msg;
    r->index = (unsigned)(r - m->requests);
    if (!(r->hdr.flags & SMB2_FLAGS_RELATED_OPERATIONS)) {
        m->has_session = false;
        m->session_id = r->hdr.session_id;
        m->tree_id = r->hdr.tree_id;
        m->has_file_id = false;
        m->chain_status = SMBKIT_STATUS_SUCCESS;
        return SMBKIT_STATUS_SUCCESS;
    }
    if (r->index == 0 || !m->has_session) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    r->hdr.session_id = m->session_id;
    r->hdr.tree_id = m->tree_id;
    return SMBKIT_STATUS_SUCCESS;
}

static void find_session(struct smb_request *r)
{
    if (r->hdr.session_id == 0) {
        return;
    }
    r->channel = smb_channel_find(r->conn, r->hdr.session_id);
    r->session = r->channel ? smb_session_ref(r->channel->session) : NULL;
}

/* [MS-SMB2] 3.3.5.2.4 */
static smbkit_status check_signature(struct smb_request *r)
{
    struct smb_session *s = r->session;
    if (r->hdr.command == SMB2_NEGOTIATE) {
        return r->hdr.flags & SMB2_FLAGS_SIGNED ? SMBKIT_STATUS_INVALID_PARAMETER
                                                : SMBKIT_STATUS_SUCCESS;
    }
    if (r->msg->seal) {
        /* Authenticated as a whole, but only for the session that sealed it. 3.3.5.2.1.1 */
        return s == r->msg->seal || r->hdr.session_id == 0 ? SMBKIT_STATUS_SUCCESS
                                                           : SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (!s || smb_session_state_get(s) == SMB_SESSION_IN_PROGRESS || !smb_session_is_keyed(s)) {
        return SMBKIT_STATUS_SUCCESS; /* no key yet, or guest; check_session decides */
    }
    if (r->hdr.flags & SMB2_FLAGS_SIGNED) {
        r->signed_in = smb_signature_verify(r->channel, r->raw, r->raw_len, &r->hdr);
        r->sign_reply = true;
        if (!r->signed_in) {
            log_info(&r->conn->log, "bad signature mid=%llu",
                     (unsigned long long)r->hdr.message_id);
            return SMBKIT_STATUS_ACCESS_DENIED;
        }
        atomic_store_explicit(&s->seen_signed, true, memory_order_relaxed); /* only told */
        smb_nonce_asked(r);
        return SMBKIT_STATUS_SUCCESS;
    }
    if (s->signing_required && r->hdr.command != SMB2_CANCEL) {
        r->sign_reply = true;
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* [MS-SMB2] 3.3.5.2.9 */
static smbkit_status check_session(struct smb_request *r)
{
    struct smb_session *s = r->session;
    if (!s || smb_session_state_get(s) != SMB_SESSION_VALID) {
        return SMBKIT_STATUS_USER_SESSION_DELETED;
    }
    if (s->encrypt && !r->msg->seal) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    return smb_session_is_expired(s) && !(r->row->flags & SMB_CMD_EXPIRED)
               ? SMBKIT_STATUS_NETWORK_SESSION_EXPIRED
               : SMBKIT_STATUS_SUCCESS;
}

/* An ECHO of no session asks for nobody's. [MS-SMB2] 3.3.5.17 */
static bool needs_session(const struct smb_request *r)
{
    if (r->hdr.command == SMB2_ECHO) {
        return !r->msg->seal && (r->hdr.session_id != 0 || (r->hdr.flags & SMB2_FLAGS_SIGNED));
    }
    return r->row->flags & SMB_CMD_SESSION;
}

/* [MS-SMB2] 3.3.5.2.11 */
static smbkit_status check_tree(struct smb_request *r)
{
    r->tree = smb_tree_find(r->session, r->hdr.tree_id);
    if (!r->tree) {
        return SMBKIT_STATUS_NETWORK_NAME_DELETED;
    }
    if (smb_share_is_encrypted(r->tree->share) && !r->msg->seal) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    if ((r->row->flags & SMB_CMD_MUTATES) && smb_tree_is_read_only(r->tree)) {
        return SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status check(struct smb_request *r)
{
    struct smb_conn *c = r->conn;
    smbkit_status status = inherit(r);
    if (c->dialect == 0 && r->hdr.command != SMB2_NEGOTIATE) {
        r->no_reply = true;
        r->end_reason = "request before negotiate";
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    find_session(r); /* whatever is wrong: the reply is signed as the session wants it */
    if (SMBKIT_OK(status) && !r->row) {
        status = SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    status = check_signature(r);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (smb_ioctl_is_bare(r)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (needs_session(r)) {
        status = check_session(r);
        if (!SMBKIT_OK(status)) {
            return status;
        }
    }
    if (r->row->flags & SMB_CMD_TREE) {
        status = check_tree(r);
    }
    r->msg->has_session = SMBKIT_OK(status);
    return status;
}

smbkit_status smb_request_check(struct smb_request *r)
{
    /* Whatever is wrong with it: it has no MessageId to be answered by. [MS-SMB2] 3.3.5.16 */
    r->no_reply = r->hdr.command == SMB2_CANCEL;
    smbkit_status status = check(r);
    smb_tap_request(r);
    return status;
}
