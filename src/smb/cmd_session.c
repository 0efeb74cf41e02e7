/* SPDX-License-Identifier: Apache-2.0 */
/* LOGOFF, TREE_CONNECT, TREE_DISCONNECT, ECHO and CANCEL.
 * [MS-SMB2] 3.3.5.6, 3.3.5.7, 3.3.5.8, 3.3.5.16, 3.3.5.17 */
#define LOG_MODULE LOG_SMB
#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "smb/command.h"
#include "smb/reply.h"
#include "wire/cancel.h"
#include "wire/echo.h"
#include "wire/logoff.h"
#include "wire/tree_connect.h"
#include "wire/tree_disconnect.h"

smbkit_status cmd_logoff(struct smb_request *r)
{
    struct cur in = r->body;
    if (smb2_logoff_req_parse(&in) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!r->detached && !smb_session_end(r->session, NULL)) {
        return SMBKIT_STATUS_USER_SESSION_DELETED;
    }
    r->detached = true;
    smbkit_status status = smb_session_reaped(r->session, r->call.wait);
    if (SMBKIT_OK(status)) {
        smb2_logoff_rsp_format(smb_reply_begin(r));
    }
    return status;
}

/* The share's name in \\server\share, owned. NULL: not of that form or no memory. */
static char *share_name(struct wire_slice path)
{
    CLEANUP_MEM char *text = utf16le_to_utf8(path.p, path.len);
    if (!text || text[0] != '\\' || text[1] != '\\') {
        return NULL;
    }
    const char *p = text + 2;
    while (*p && *p != '\\') {
        p++;
    }
    return *p ? str_dup(p + 1) : NULL;
}

static bool hides_unreadable(struct smb_share *share)
{
    struct vfs_volume *v = smb_share_volume_ref(share);
    bool hides = vfs_volume_habits(v) & VFS_HIDE_UNREADABLE;
    vfs_volume_unref(v);
    return hides;
}

/* 3.3.5.7 */
static uint32_t share_flags(const struct smb_tree *tree)
{
    struct smb_share *share = tree->share;
    if (share->type == SMB_SHARE_IS_PIPE) {
        return SMB2_SHAREFLAG_NO_CACHING;
    }
    return SMB2_SHAREFLAG_MANUAL_CACHING |
           (tree->told_to_encrypt ? SMB2_SHAREFLAG_ENCRYPT_DATA : 0) |
           (hides_unreadable(share) ? SMB2_SHAREFLAG_ACCESS_BASED_DIRECTORY_ENUM : 0) |
           (tree->told_of_dfs ? SMB2_SHAREFLAG_DFS | SMB2_SHAREFLAG_DFS_ROOT : 0);
}

static void write_tree_reply(struct smb_request *r, const struct smb_tree *tree)
{
    bool is_pipe = tree->share->type == SMB_SHARE_IS_PIPE;
    struct smb2_tree_connect_rsp rsp = {
        .share_type = is_pipe ? SMB2_SHARE_TYPE_PIPE : SMB2_SHARE_TYPE_DISK,
        .share_flags = share_flags(tree),
        .capabilities = tree->told_of_dfs ? SMB2_SHARE_CAP_DFS : 0,
        .maximal_access = smb_tree_access_max(tree) & SMBKIT_ALL_ACCESS,
    };
    smb2_tree_connect_rsp_format(smb_reply_begin(r), &rsp);
}

/* 3.1.1 wants this request proven, so that nobody in between can turn protection off. 3.3.5.7 */
static bool is_proven(const struct smb_request *r)
{
    const struct smb_session *s = r->session;
    return r->conn->dialect != SMB2_DIALECT_311 || !smb_session_is_owned(s) || r->signed_in ||
           r->msg->seal;
}

/* The root that the session has of the volume. A run that a plugin has stopped asks no other. */
static smbkit_status find_root(struct smb_request *r, struct vfs_volume *v, char **root_r)
{
    uint32_t lane = smb_volume_lane(v);
    if (r->journal.resumes && r->lane != lane) {
        return SMBKIT_STATUS_BAD_NETWORK_NAME;
    }
    r->lane = lane;
    return vfs_session_root(&r->call, v, root_r);
}

static smbkit_status connect_to(struct smb_request *r, struct smb_share *share,
                                struct vfs_volume *v)
{
    CLEANUP_MEM char *root = NULL;
    smbkit_status status = smb_share_check(share, r->session);
    if (SMBKIT_OK(status) && v) {
        status = find_root(r, v, &root);
    }
    if (SMBKIT_OK(status)) {
        status = smb_tree_new(r->session, share, &root, &r->tree);
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    /* Again: what was changed before the tree could be found by smb_server_enforce, or by who
     * replaces the volume, is seen here. */
    status = smb_tree_check(r->tree);
    if (SMBKIT_OK(status) && !smb_share_is_on(share, v)) {
        status = SMBKIT_STATUS_BAD_NETWORK_NAME;
    }
    if (!SMBKIT_OK(status)) {
        (void)smb_tree_end(r->tree); /* false: it has ended already */
        return status;
    }
    atomic_store(&r->tree->lane, smb_volume_lane(v));
    return status;
}

static smbkit_status connect_tree(struct smb_request *r, struct smb_share *share)
{
    if (!smb_share_enter(share, r->call.wait, r->journal.resumes)) {
        return SMBKIT_STATUS_WAIT;
    }
    struct vfs_volume *v = smb_share_volume_ref(share);
    smbkit_status status = connect_to(r, share, v);
    vfs_volume_unref(v);
    smb_share_leave(share);
    return status;
}

static void tell_refusal(const struct smb_request *r, const struct smb_share *share)
{
    unsigned untold;
    if (smb_server_may_tell(r->conn->server, &untold)) {
        log_warn(&r->conn->log, "share refused share=%s user=%s from=%s untold=%u",
                 quoted(share->name).text, quoted(vfs_token_identity_get(r->call.token)->user).text,
                 r->conn->address, untold);
    }
}

smbkit_status cmd_tree_connect(struct smb_request *r)
{
    struct smb2_tree_connect_req req;
    struct cur in = r->body;
    if (smb2_tree_connect_req_parse(&in, r->conn->dialect == SMB2_DIALECT_311, &req) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!is_proven(r)) {
        r->no_reply = true;
        r->end_reason = "tree connect without signature";
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    CLEANUP_MEM char *name = share_name(req.path);
    struct smb_share *share = name ? smb_server_share_find(r->conn->server, name) : NULL;
    if (!share) {
        return SMBKIT_STATUS_BAD_NETWORK_NAME;
    }
    smbkit_status status = connect_tree(r, share);
    if (status == SMBKIT_STATUS_ACCESS_DENIED) {
        tell_refusal(r, share);
    }
    smb_share_unref(share);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    r->hdr.tree_id = r->tree->id; /* the reply carries it, and so do related requests that follow */
    r->msg->tree_id = r->tree->id;
    write_tree_reply(r, r->tree);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status cmd_tree_disconnect(struct smb_request *r)
{
    struct cur in = r->body;
    if (smb2_tree_disconnect_req_parse(&in) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!r->detached && !smb_tree_end(r->tree)) {
        return SMBKIT_STATUS_NETWORK_NAME_DELETED;
    }
    r->detached = true;
    smbkit_status status = smb_tree_reaped(r->tree, r->call.wait);
    if (SMBKIT_OK(status)) {
        smb2_tree_disconnect_rsp_format(smb_reply_begin(r));
    }
    return status;
}

smbkit_status cmd_echo(struct smb_request *r)
{
    struct cur in = r->body;
    if (smb2_echo_req_parse(&in) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smb2_echo_rsp_format(smb_reply_begin(r));
    return SMBKIT_STATUS_SUCCESS;
}

/* Has no reply of its own: the cancelled request answers. By AsyncId once there is one. 3.3.5.16 */
smbkit_status cmd_cancel(struct smb_request *r)
{
    bool is_async = r->hdr.flags & SMB2_FLAGS_ASYNC_COMMAND;
    r->no_reply = true;
    struct smb_request *target =
        smb_request_find(r->conn, is_async, is_async ? r->hdr.async_id : r->hdr.message_id);
    if (target && target != r) {
        smb_request_cancel(target);
    }
    return SMBKIT_STATUS_SUCCESS;
}
