/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE. [MS-SMB2] 3.3.5.9 */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "smb/command.h"
#include "smb/reply.h"
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
    if (req->ctxs.present & (SMB2_CTX_TWRP)) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND; /* no snapshots: no file of that time */
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* Levels that exist. A lease asked of a server without leases is no oplock at all. 3.3.5.9.8 */
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
        .volume = r->tree->share->volume,
        .path = path->path,
        .stream = path->stream,
        .desired_access = req->desired_access,
        .access_cap = r->access_cap,
        .file_attributes = req->file_attributes,
        .share_access = req->share_access,
        .disposition = req->disposition,
        .options = req->options,
        .oplock_level = oplock_level(req),
        .want_max_access = ctxs->present & SMB2_CTX_MXAC,
        .means_directory = path->means_directory,
    };
    if (ctxs->present & SMB2_CTX_ALSI) {
        in->alloc_size = ctxs->alsi_allocation_size;
    }
    if (ctxs->present & SMB2_CTX_SECD) {
        in->security = ctxs->secd.p;
        in->security_len = ctxs->secd.len;
    }
    if (ctxs->present & SMB2_CTX_EXTA) {
        in->ea = ctxs->exta.p;
        in->ea_len = ctxs->exta.len;
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
        wr_u64(&w, r->tree->share->serial);
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
 * do so by himself (2.2.2.2.1.1). */
static smbkit_status stop(struct smb_request *r, const struct vfs_path *path)
{
    CLEANUP(wr_fini) struct wr reparse = wr_new(FSCTL_REPARSE_DATA_MAX);
    const struct vfs_stop_in in = {.volume = r->tree->share->volume, .path = path->path};
    struct vfs_stop_out out = {.reparse = &reparse};
    smbkit_status status = vfs_stop_find(&r->call, &in, &out);
    if (status == SMBKIT_STATUS_WAIT || status == SMBKIT_STATUS_WOULD_BLOCK) {
        return status;
    }
    return SMBKIT_OK(status) && write_stop(r, &reparse, out.rest)
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
    return smb_open_reserve(r->tree, SMB_OPEN_FILE, &r->reserved);
}

static void unreserve(struct smb_request *r)
{
    smb_open_drop(r->reserved);
    r->reserved = NULL;
}

static smbkit_status create_file(struct smb_request *r, const struct smb2_create_req *req,
                                 const struct vfs_path *path)
{
    struct vfs_create_in in;
    struct vfs_create_out out;
    smbkit_status status = reserve(r);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    fill_in(r, req, path, &in);
    in.owner = smb_open_owner(r->reserved);
    status = vfs_create(&r->call, &in, &out);
    if (!SMBKIT_OK(status)) {
        if (!r->journal.resumes) {
            unreserve(r);
        }
        bool stopped = status == SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED && !path->stream;
        return stopped ? stop(r, path) : status;
    }
    struct smb_open *o = r->reserved;
    r->reserved = NULL;
    o->file = vfs_open_ref(out.open);
    smb_open_show(o);
    r->open = o;
    write_reply(r, req, &out);
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- the command ---- */

static void remember(struct smb_request *r, smbkit_status status)
{
    struct smb_message *m = r->msg;
    m->has_file_id = SMBKIT_OK(status);
    m->chain_status = status;
    if (m->has_file_id) {
        m->file_id = (struct smb2_file_id){r->open->persistent_id, r->open->volatile_id};
    }
}

static smbkit_status create(struct smb_request *r)
{
    struct smb2_create_req req;
    struct cur in = r->body;
    if (smb2_create_req_parse(&in, &req) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status = check(&req);
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
    status = vfs_path_parse(name, &path);
    if (SMBKIT_OK(status)) {
        status = create_file(r, &req, &path);
        vfs_path_fini(&path);
    }
    return status;
}

smbkit_status cmd_create(struct smb_request *r)
{
    smbkit_status status = create(r);
    if (status != SMBKIT_STATUS_WAIT && status != SMBKIT_STATUS_WOULD_BLOCK) {
        remember(r, status);
    }
    return status;
}
