/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE. [MS-SMB2] 3.3.5.9 */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "smb/command.h"
#include "smb/dfs.h"
#include "smb/ea.h"
#include "smb/ioctl.h"
#include "smb/lease.h"
#include "smb/quota.h"
#include "smb/reply.h"
#include "vfs/stop.h"
#include "wire/create.h"
#include "wire/error.h"
#include "wire/fsctl.h"

/* ---- checks ---- */

/* [MS-SMB2] 3.3.5.9: what is wrong whatever the file. The rest is the file system's. */
static smbkit_status check(const struct smb2_create_req *req)
{
    if (req->impersonation_level > SMB2_IMPERSONATION_DELEGATE) {
        return SMBKIT_STATUS_BAD_IMPERSONATION_LEVEL;
    }
    if (req->disposition > SMB2_FILE_OVERWRITE_IF) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* Levels that exist. A lease that is not well asked for is no oplock at all. 3.3.5.9.8 */
static uint8_t oplock_level(const struct smb2_create_req *req)
{
    switch (req->oplock_level) {
    case SMB2_OPLOCK_LEVEL_II:
    case SMB2_OPLOCK_LEVEL_EXCLUSIVE:
    case SMB2_OPLOCK_LEVEL_BATCH:
        return req->oplock_level;
    default:
        return SMB2_OPLOCK_LEVEL_NONE;
    }
}

/* The name as UTF-8. *out is owned. */
static smbkit_status take_name(const struct smb2_create_req *req, char **out)
{
    *out = utf16le_to_utf8(req->name.p, req->name.len);
    return *out ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_OBJECT_NAME_INVALID;
}

/* ---- pipes ---- */

static smbkit_status create_pipe(struct smb_request *r, const char *name)
{
    while (*name == '\\') {
        name++; /* [MS-SMB2] 3.3.5.9 allows none, Windows clients of old sent one */
    }
    if (!rpc_pipe_exists(name)) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    struct smb_open *o = NULL;
    smbkit_status status = smb_open_reserve(r->tree, SMB_OPEN_PIPE, &o);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    status = smb_pipe_init(o, name, r->conn->address);
    if (!SMBKIT_OK(status)) {
        smb_open_drop(o);
        return status;
    }
    smb_request_sequence_set(r, o);
    smb_open_show(o);
    r->open = o;
    struct smb2_create_rsp rsp = {
        .create_action = SMB2_FILE_OPENED,
        .allocation_size = 4096,
        .file_attributes = SMBKIT_ATTR_NORMAL,
        .file_id = {o->persistent_id, o->volatile_id},
    };
    smb2_create_rsp_format(smb_reply_begin(r), &rsp);
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- files ---- */

static void fill_in(struct smb_request *r, const struct smb2_create_req *req,
                    const struct vfs_path *path, struct vfs_create_in *in)
{
    const struct smb2_create_ctxs *ctxs = &req->ctxs;
    *in = (struct vfs_create_in){
        .volume = smb_request_volume(r),
        .path = path->path,
        .stream = path->stream,
        .desired_access = req->desired_access,
        .access_cap = r->access_cap,
        .file_attributes = req->file_attributes,
        .share_access = req->share_access,
        .disposition = req->disposition,
        .options = req->options,
        .oplock_level =
            smb_share_grants_none(r->tree->share) ? SMB2_OPLOCK_LEVEL_NONE : oplock_level(req),
        .want_max_access = ctxs->present & SMB2_CTX_MXAC,
        .means_directory = path->means_directory,
        .means_data = path->means_data,
        .is_root = smb_tree_is_root(r->tree, path),
    };
    if (ctxs->present & SMB2_CTX_TWRP) {
        in->snapshot_time = ctxs->twrp_timestamp;
    }
    if (ctxs->present & SMB2_CTX_ALSI) {
        in->alloc_size = ctxs->alsi_allocation_size;
    }
    if (ctxs->present & SMB2_CTX_SECD) {
        in->security = ctxs->secd.p;
        in->security_len = ctxs->secd.len;
    }
    if (path->is_directory_stream) {
        in->options |= VFS_DIRECTORY_FILE;
    }
}

/* [MS-SMB2] 3.3.5.9.5, 3.3.5.9.9 */
static void answer_contexts(struct smb_request *r, const struct smb2_create_req *req,
                            const struct vfs_create_out *out, struct smb2_create_rsp_ctxs *ctxs)
{
    if (req->ctxs.present & SMB2_CTX_MXAC) {
        ctxs->present |= SMB2_CTX_MXAC;
        bool unchanged =
            req->ctxs.mxac_has_timestamp && req->ctxs.mxac_timestamp == out->attr.write_time;
        ctxs->mxac_status = unchanged ? 0xC0000073u /* STATUS_NONE_MAPPED, 3.3.5.9.5 */
                                      : (uint32_t)out->max_access_status;
        ctxs->mxac_access = unchanged ? 0 : out->max_access;
    }
    if (req->ctxs.present & SMB2_CTX_QFID) {
        ctxs->present |= SMB2_CTX_QFID;
        struct wr w = wr_init(ctxs->qfid, sizeof(ctxs->qfid));
        wr_u64(&w, out->attr.file_id);
        wr_u64(&w, r->open->volume_serial);
    }
}

/* [MS-SMB2] 3.3.5.9.8, 3.3.5.9.11 */
static void answer_lease(const struct smb2_create_req *req, const struct vfs_create_out *out,
                         struct smb2_create_rsp *rsp)
{
    const struct smb2_lease *asked = &req->ctxs.lease;
    struct smb2_lease *lease = &rsp->ctxs.lease;
    rsp->oplock_level = SMB2_OPLOCK_LEVEL_LEASE;
    rsp->ctxs.present |= SMB2_CTX_RQLS;
    mem_copy(lease->key, asked->key, sizeof(lease->key));
    lease->state = out->lease.caching;
    lease->flags = out->lease.is_breaking ? SMB2_LEASE_FLAG_BREAK_IN_PROGRESS : 0;
    lease->is_v2 = out->lease.has_epoch;
    lease->epoch = out->lease.epoch;
    if (asked->is_v2 && (asked->flags & SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET)) {
        lease->flags |= SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET;
        mem_copy(lease->parent_key, asked->parent_key, sizeof(lease->parent_key));
    }
}

static void write_reply(struct smb_request *r, const struct smb2_create_req *req,
                        const struct vfs_create_out *out)
{
    const struct smbkit_attr *a = &out->attr;
    struct smb2_create_rsp rsp = {
        .oplock_level = out->oplock_level,
        .create_action = out->action,
        .create_time = a->create_time,
        .access_time = a->access_time,
        .write_time = a->write_time,
        .change_time = a->change_time,
        .allocation_size = a->alloc_size,
        .end_of_file = a->size,
        .file_attributes = a->attributes,
        .file_id = {r->open->persistent_id, r->open->volatile_id},
    };
    if (a->attributes & SMBKIT_ATTR_REPARSE_POINT) {
        rsp.flags |= SMB2_CREATE_FLAG_REPARSEPOINT;
    }
    answer_contexts(r, req, out, &rsp.ctxs);
    if (out->lease.is_shared) {
        answer_lease(req, out, &rsp);
    }
    smb_durable_answer(req, r->open, rsp.oplock_level, &rsp.ctxs);
    smb2_create_rsp_format(smb_reply_begin(r), &rsp);
}

static bool write_stop(struct smb_request *r, const struct wr *reparse, const char *rest)
{
    struct fsctl_reparse buffer;
    struct fsctl_symlink link;
    const struct wire_slice all = {.p = reparse->base, .len = wr_pos(reparse)};
    if (fsctl_reparse_parse(all, &buffer) != WIRE_OK || buffer.tag != SMB2_IO_REPARSE_TAG_SYMLINK ||
        fsctl_symlink_parse(buffer.data, &link) != WIRE_OK) {
        return false;
    }
    CLEANUP_MEM char *to = utf16le_to_utf8(link.substitute_name.p, link.substitute_name.len);
    CLEANUP_MEM char *shown = utf16le_to_utf8(link.print_name.p, link.print_name.len);
    if (!to || !shown) {
        return false;
    }
    const struct smb2_error_symlink stop = {.unparsed_path_len_bytes =
                                                (uint16_t)utf16_len_bytes(rest),
                                            .substitute_name = to,
                                            .print_name = shown,
                                            .flags = link.flags};
    smb2_error_symlink_format(smb_reply_begin(r), r->conn->dialect == SMB2_DIALECT_311, &stop);
    smb_reply_keep(r);
    return true;
}

/* [MS-SMB2] 3.3.5.9: a link on the way that the server does not follow is told the client, who may
 * do so by himself (2.2.2.2.1.1); or asks where it leads, [MS-DFSC] 3.2.4.1. */
static smbkit_status stop(struct smb_request *r, const struct vfs_path *path)
{
    CLEANUP(wr_fini) struct wr reparse = wr_new(FSCTL_REPARSE_DATA_MAX);
    const struct vfs_stop_in in = {.volume = smb_request_volume(r), .path = path->path};
    struct vfs_stop_out out = {.reparse = &reparse};
    smbkit_status status = vfs_stop_find(&r->call, &in, &out);
    if (!SMBKIT_OK(status)) {
        return vfs_stop_is_none(status) ? SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED : status;
    }
    status = smb_dfs_is_asked(r) ? smb_dfs_is_link(&reparse) : SMBKIT_STATUS_NOT_FOUND;
    if (status != SMBKIT_STATUS_NOT_FOUND) {
        return SMBKIT_OK(status) ? SMBKIT_STATUS_PATH_NOT_COVERED : status;
    }
    return !path->stream && write_stop(r, &reparse, out.rest)
               ? SMBKIT_STATUS_STOPPED_ON_SYMLINK
               : SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED;
}

/* A run that a plugin has stopped keeps it: the next one is not refused for what the session, the
 * tree, the share or the totals have become meanwhile. */
static smbkit_status reserve(struct smb_request *r)
{
    if (r->reserved) {
        return SMBKIT_STATUS_SUCCESS;
    }
    r->access_cap = smb_tree_access_max(r->tree);
    smbkit_status status = smb_open_reserve(r->tree, SMB_OPEN_FILE, &r->reserved);
    /* The paths of the tree are of the volume that its root was asked of. */
    if (SMBKIT_OK(status) && smb_volume_lane(r->reserved->volume) != atomic_load(&r->tree->lane)) {
        smb_open_drop(r->reserved);
        r->reserved = NULL;
        status = SMBKIT_STATUS_NETWORK_NAME_DELETED;
    }
    return status;
}

static void unreserve(struct smb_request *r)
{
    smb_open_drop(r->reserved);
    r->reserved = NULL;
}

static smbkit_status create_file(struct smb_request *r, const struct smb2_create_req *req,
                                 const struct vfs_path *path, uint64_t snapshot_time)
{
    struct vfs_create_in in;
    struct vfs_create_out out;
    CLEANUP(wr_fini) struct wr eas = {0};
    smbkit_status status = req->ctxs.present & SMB2_CTX_EXTA
                               ? smb_ea_list_take(req->ctxs.exta, &eas)
                               : SMBKIT_STATUS_SUCCESS;
    if (SMBKIT_OK(status)) {
        status = reserve(r);
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    fill_in(r, req, path, &in);
    in.snapshot_time = snapshot_time ? snapshot_time : in.snapshot_time;
    in.ea = eas.base;
    in.ea_len = wr_pos(&eas);
    in.owner = smb_open_owner(r->reserved);
    struct vfs_lease_want lease = {0};
    bool wants_lease = false;
    status = path->means_quota ? smb_quota_open_as(r, &in)
                               : smb_lease_want(r->reserved, req, &lease, &wants_lease);
    if (SMBKIT_OK(status)) {
        in.lease = wants_lease ? &lease : NULL;
        lease.caching = smb_share_grants_none(r->tree->share) ? 0 : lease.caching;
        smb_lease_create_begin(r->reserved);
        status = vfs_create(&r->call, &in, &out);
        smb_lease_create_end(r->reserved, SMBKIT_OK(status) && out.lease.is_shared);
    }
    if (!SMBKIT_OK(status)) {
        bool is_told = !path->stream || smb_dfs_is_asked(r);
        if (status == SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED && is_told) {
            status = stop(r, path);
        }
        if (!r->journal.resumes && status != SMBKIT_STATUS_WOULD_BLOCK) {
            unreserve(r); /* else what is in its journal is of that volume */
        }
        return status;
    }
    struct smb_open *o = r->reserved;
    r->reserved = NULL;
    if (!out.lease.is_shared) {
        smb_lease_unref(o->lease);
        o->lease = NULL;
    }
    smb_open_file_set(o, vfs_open_ref(out.open));
    o->is_quota = path->means_quota;
    if (o->is_quota) {
        smb_quota_attr(&out.attr);
    }
    vfs_open_locks_charge(o->file, &o->account->locks);
    smb_request_sequence_set(r, o);
    smb_durable_grant(r, req, o);
    smb_app_settle(r, req, path, o);
    smb_replay_settle(r, o, out.action);
    smb_open_show(o);
    smb_app_shown(o);
    r->open = o;
    write_reply(r, req, &out);
    return SMBKIT_STATUS_SUCCESS;
}

/* Of an open that was there before, as far as the request asks: WAIT, WOULD_BLOCK. */
static smbkit_status answer_open(struct smb_request *r, const struct smb2_create_req *req,
                                 struct vfs_create_out *out)
{
    if (req->ctxs.present & SMB2_CTX_MXAC) {
        out->max_access_status =
            vfs_max_access(&r->call, r->open->file, smb_tree_access_max(r->tree), &out->max_access);
    }
    if (out->max_access_status == SMBKIT_STATUS_WAIT ||
        out->max_access_status == SMBKIT_STATUS_WOULD_BLOCK) {
        return out->max_access_status;
    }
    write_reply(r, req, out);
    return SMBKIT_STATUS_SUCCESS;
}

/* [MS-SMB2] 3.3.5.9.7, 3.3.5.9.12: nothing is opened, and what else the request says of the open
 * does not matter. */
static smbkit_status reconnect(struct smb_request *r, const struct smb2_create_req *req)
{
    struct vfs_create_out out;
    smbkit_status status = smb_durable_reconnect(r, req, &out);
    return SMBKIT_OK(status) ? answer_open(r, req, &out) : status;
}

/* ---- the command ---- */

/* [MS-SMB2] 3.3.5.9.10: the client has not heard what became of it. */
static smbkit_status answer_again(struct smb_request *r, const struct smb2_create_req *req,
                                  uint32_t action)
{
    smbkit_status status = smb_request_work_begin(r);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct vfs_open *file = r->open->file;
    struct vfs_create_out out = {.open = file,
                                 .action = action,
                                 /* Who asks for less by now is told so, as by Windows; nobody is
                                    told of more than he has. */
                                 .oplock_level = MIN(vfs_oplock_level(file), oplock_level(req))};
    smb_lease_create_begin(r->open);
    smb_lease_told(r->open, &out.lease);
    status = vfs_getattr(&r->call, file, 0, &out.attr);
    return SMBKIT_OK(status) ? answer_open(r, req, &out) : status;
}

/* Once create_file has begun, who else of the application has come meanwhile stays: what was given
 * to the plugin goes on by the same calls. */
static smbkit_status begin_app(struct smb_request *r, const struct smb2_create_req *req,
                               const struct vfs_path *path)
{
    return r->reserved ? SMBKIT_STATUS_SUCCESS : smb_app_begin(r, req, path);
}

static smbkit_status create_at(struct smb_request *r, const struct smb2_create_req *req,
                               struct vfs_path *path)
{
    bool has_past = smb_request_ways(r) & SMB_WAY_HAS_PAST;
    uint64_t then = has_past ? smb_snapshot_take(path->path) : 0;
    uint32_t action = 0;
    smbkit_status status = begin_app(r, req, path); /* before DH2Q: 3.3.5.9.10 */
    if (SMBKIT_OK(status)) {
        status = smb_replay_begin(r, req, &action);
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    return r->open ? answer_again(r, req, action) : create_file(r, req, path, then);
}

static smbkit_status create_in_share(struct smb_request *r)
{
    struct smb2_create_req req;
    struct cur in = r->body;
    if (smb2_create_req_parse(&in, &req) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status = smb_durable_check(r, &req);
    if (SMBKIT_OK(status) && smb_durable_is_reconnect(r, &req)) {
        return reconnect(r, &req);
    }
    if (SMBKIT_OK(status)) {
        status = check(&req);
    }
    CLEANUP_MEM char *name = NULL;
    if (SMBKIT_OK(status)) {
        status = take_name(&req, &name);
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    if (r->tree->share->type == SMB_SHARE_IS_PIPE) {
        return create_pipe(r, name);
    }
    struct vfs_path path;
    status = smb_tree_path(r->tree, smb_dfs_name_in_share(r, name), &path);
    if (SMBKIT_OK(status)) {
        status = create_at(r, &req, &path);
        vfs_path_fini(&path);
    }
    return status;
}

smbkit_status cmd_create(struct smb_request *r)
{
    struct smb_share *share = r->tree->share;
    /* One that a plugin has stopped before it had a place may have its answers of a volume that is
     * not the share's any more. */
    bool goes_on = r->reserved || r->holds_close;
    if (!smb_share_enter(share, r->call.wait, goes_on)) {
        return SMBKIT_STATUS_WAIT;
    }
    smbkit_status status = create_in_share(r);
    smb_share_leave(share);
    return status;
}
