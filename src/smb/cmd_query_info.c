/* SPDX-License-Identifier: Apache-2.0 */
/* QUERY_INFO. [MS-SMB2] 3.3.5.20 */
#define LOG_MODULE LOG_SMB
#include "smb/command.h"
#include "smb/ea.h"
#include "smb/info.h"
#include "smb/limits.h"
#include "smb/quota.h"
#include "smb/reply.h"
#include "wire/error.h"
#include "wire/output.h"
#include "wire/query_info.h"

/* The output stands at the end of r->rsp: cut it to what the client takes. */
static smbkit_status cut(struct smb_request *r, size_t start, size_t max, bool is_list)
{
    size_t len = wr_pos(&r->rsp) - start;
    if (len <= max) {
        return SMBKIT_STATUS_SUCCESS;
    }
    size_t keep = is_list ? fscc_list_cut(r->rsp.base + start, len, max) : max;
    wr_cut(&r->rsp, start + keep);
    smb_reply_keep(r);
    return SMBKIT_STATUS_BUFFER_OVERFLOW;
}

static smbkit_status query_file(struct smb_request *r, const struct smb2_query_info_req *req)
{
    const struct fscc_file_class *class = fscc_file_class_get(req->info_class);
    if (!class) {
        return SMBKIT_STATUS_INVALID_INFO_CLASS;
    }
    if (req->info_class == SMB2_FILE_HARD_LINK_INFO) {
        return SMBKIT_STATUS_NOT_SUPPORTED; /* 3.3.5.20.1: not in 2.2.37; [MS-FSCC] 2.4: LOCAL */
    }
    if (req->info_class == SMB2_FILE_NORMALIZED_NAME_INFO && r->conn->dialect != SMB2_DIALECT_311) {
        return SMBKIT_STATUS_NOT_SUPPORTED; /* 3.3.5.20.1; 3.0, not named there, as in Windows */
    }
    if (req->output_max < class->size_min) {
        return SMBKIT_STATUS_INFO_LENGTH_MISMATCH;
    }
    if (req->info_class == SMB2_FILE_FULL_EA_INFO && r->open->kind == SMB_OPEN_FILE) {
        return smb_ea_query(r, req);
    }
    struct smb_file_info info;
    smbkit_status status = smb_file_info_get(r, req->info_class, req->output_max, &info);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct wr *w = smb_reply_begin(r);
    size_t body = smb2_output_begin(w);
    size_t start = wr_pos(w);
    class->format(w, &info.fscc);
    smb_file_info_fini(&info);
    status = wr_ok(w) ? cut(r, start, req->output_max, class->is_list)
                      : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    smb2_output_end(w, body);
    return status;
}

static smbkit_status query_volume(struct smb_request *r, const struct smb2_query_info_req *req)
{
    const struct fscc_fs_class *class = fscc_fs_class_get(req->info_class);
    if (!class || r->open->kind != SMB_OPEN_FILE) {
        return SMBKIT_STATUS_INVALID_INFO_CLASS;
    }
    if (req->output_max < class->size_min) {
        return SMBKIT_STATUS_INFO_LENGTH_MISMATCH;
    }
    struct smb_volume_info info;
    smbkit_status status = smb_volume_info_get(r, req->info_class, &info);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct wr *w = smb_reply_begin(r);
    size_t body = smb2_output_begin(w);
    size_t start = wr_pos(w);
    class->format(w, &info.fscc);
    status = cut(r, start, req->output_max, false);
    smb2_output_end(w, body);
    return status;
}

static smbkit_status query_security(struct smb_request *r, const struct smb2_query_info_req *req)
{
    if (r->open->kind != SMB_OPEN_FILE) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    struct wr *w = smb_reply_begin(r);
    size_t body = smb2_output_begin(w);
    size_t start = wr_pos(w);
    smbkit_status status = vfs_query_security(&r->call, r->open->file, req->additional, w);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    size_t len = wr_pos(w) - start;
    if (len > req->output_max) {
        /* No part of a descriptor is of use: say how much it takes. 3.3.5.20.3 */
        w = smb_reply_begin(r);
        smb2_error_size_format(w, r->conn->dialect == SMB2_DIALECT_311, (uint32_t)len);
        smb_reply_keep(r);
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    smb2_output_end(w, body);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status cmd_query_info(struct smb_request *r)
{
    struct smb2_query_info_req req;
    struct cur in = r->body;
    if (smb2_query_info_req_parse(&in, &req) != WIRE_OK || req.output_max > r->conn->transact_max ||
        !smb_request_charge_covers(r, MAX(req.output_max, req.input.len))) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status status = smb_request_open(r, &req.file_id, SMB_OPEN_FILE | SMB_OPEN_PIPE);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    switch (req.info_type) {
    case SMB2_0_INFO_FILE:
        return query_file(r, &req);
    case SMB2_0_INFO_FILESYSTEM:
        return query_volume(r, &req);
    case SMB2_0_INFO_SECURITY:
        return query_security(r, &req);
    case SMB2_0_INFO_QUOTA:
        return smb_quota_query(r, &req);
    default:
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
}
