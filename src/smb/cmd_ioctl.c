/* SPDX-License-Identifier: Apache-2.0 */
/* IOCTL. [MS-SMB2] 3.3.5.15: one row a control code; a code without a row is NOT_SUPPORTED. */
#include "smb/ioctl.h"

#define DEVICE_FILE_SYSTEM 9u /* whose code it is stands in its upper half */

#define CHANGES 0x1u      /* refused on a read-only share before it is looked at */
#define TELLS_ERRORS 0x2u /* what it wrote goes out with an error too */
#define IS_TEST 0x4u      /* there only where the configuration says so */
#define BARE 0x10u        /* it may come without a session */
#define PADS 0x8u         /* its output stands 8 bytes further down */

static const struct fsctl {
    uint32_t code;
    unsigned kinds; /* of open that it takes; 0: none, and the FileId says so */
    unsigned flags;
    fsctl_fn fn;
} fsctls[] = {
    {SMB2_FSCTL_VALIDATE_NEGOTIATE_INFO, 0, 0, fsctl_validate_negotiate},
    {SMB2_FSCTL_QUERY_NETWORK_INTERFACE_INFO, 0, 0, fsctl_interfaces},
    {SMB2_FSCTL_DFS_GET_REFERRALS, 0, 0, fsctl_dfs_referrals},
    {SMB2_FSCTL_DFS_GET_REFERRALS_EX, 0, 0, fsctl_dfs_referrals_ex},
    {SMB2_FSCTL_PIPE_WAIT, 0, 0, fsctl_pipe_wait},
    {SMB2_FSCTL_PIPE_TRANSCEIVE, SMB_OPEN_PIPE, 0, fsctl_pipe_transceive},
    {SMB2_FSCTL_PIPE_PEEK, SMB_OPEN_PIPE, 0, fsctl_pipe_peek},
    {SMB2_FSCTL_LMR_REQUEST_RESILIENCY, SMB_OPEN_FILE, 0, fsctl_request_resiliency},
    {SMB2_FSCTL_SRV_REQUEST_RESUME_KEY, SMB_OPEN_FILE, 0, fsctl_resume_key},
    {SMB2_FSCTL_SRV_COPYCHUNK, SMB_OPEN_FILE, CHANGES | TELLS_ERRORS, fsctl_copychunk},
    {SMB2_FSCTL_SRV_COPYCHUNK_WRITE, SMB_OPEN_FILE, CHANGES | TELLS_ERRORS, fsctl_copychunk_write},
    {SMB2_FSCTL_DUPLICATE_EXTENTS_TO_FILE, SMB_OPEN_FILE, CHANGES, fsctl_duplicate_extents},
    {SMB2_FSCTL_DUPLICATE_EXTENTS_TO_FILE_EX, SMB_OPEN_FILE, CHANGES, fsctl_duplicate_extents_ex},
    {SMB2_FSCTL_OFFLOAD_READ, SMB_OPEN_FILE, 0, fsctl_offload_read},
    {SMB2_FSCTL_OFFLOAD_WRITE, SMB_OPEN_FILE, CHANGES, fsctl_offload_write},
    {SMB2_FSCTL_SET_SPARSE, SMB_OPEN_FILE, CHANGES, fsctl_set_sparse},
    {SMB2_FSCTL_SET_ZERO_DATA, SMB_OPEN_FILE, CHANGES, fsctl_set_zero_data},
    {SMB2_FSCTL_QUERY_ALLOCATED_RANGES, SMB_OPEN_FILE, 0, fsctl_query_allocated_ranges},
    {SMB2_FSCTL_QUERY_FILE_REGIONS, SMB_OPEN_FILE, 0, fsctl_query_file_regions},
    {SMB2_FSCTL_FILE_LEVEL_TRIM, SMB_OPEN_FILE, CHANGES, fsctl_file_level_trim},
    {SMB2_FSCTL_GET_COMPRESSION, SMB_OPEN_FILE, 0, fsctl_get_compression},
    {SMB2_FSCTL_SET_COMPRESSION, SMB_OPEN_FILE, CHANGES, fsctl_set_compression},
    {SMB2_FSCTL_GET_NTFS_VOLUME_DATA, SMB_OPEN_FILE, 0, fsctl_get_ntfs_volume_data},
    {SMB2_FSCTL_SRV_ENUMERATE_SNAPSHOTS, SMB_OPEN_FILE, 0, fsctl_enumerate_snapshots},
    {SMB2_FSCTL_CREATE_OR_GET_OBJECT_ID, SMB_OPEN_FILE, 0, fsctl_create_or_get_object_id},
    {SMB2_FSCTL_GET_OBJECT_ID, SMB_OPEN_FILE, 0, fsctl_get_object_id},
    {SMB2_FSCTL_SMBTORTURE_IOCTL_PADDING8, 0, IS_TEST | PADS, fsctl_test_ioctl_padding},
    {SMB2_FSCTL_SMBTORTURE_READ_PADDING8, 0, IS_TEST, fsctl_test_read_padding},
    {SMB2_FSCTL_SMBTORTURE_FORCE_UNACKED_TIMEOUT, 0, IS_TEST | BARE, fsctl_test_unacked},
    {SMB2_FSCTL_SMBTORTURE_ASYNC_SLEEP, SMB_OPEN_FILE, IS_TEST, fsctl_test_sleep},
    {SMB2_FSCTL_SET_OBJECT_ID, SMB_OPEN_FILE, CHANGES, fsctl_set_object_id},
    {SMB2_FSCTL_SET_OBJECT_ID_EXTENDED, SMB_OPEN_FILE, CHANGES, fsctl_set_object_id_extended},
    {SMB2_FSCTL_DELETE_OBJECT_ID, SMB_OPEN_FILE, CHANGES, fsctl_delete_object_id},
    {SMB2_FSCTL_SET_REPARSE_POINT, SMB_OPEN_FILE, CHANGES, fsctl_set_reparse_point},
    {SMB2_FSCTL_DELETE_REPARSE_POINT, SMB_OPEN_FILE, CHANGES, fsctl_delete_reparse_point},
    {SMB2_FSCTL_GET_REPARSE_POINT, SMB_OPEN_FILE, 0, fsctl_get_reparse_point},
};

static const struct fsctl *find(const struct smb_conn *c, uint32_t code)
{
    for (size_t i = 0; i < ARRAY_LEN(fsctls); i++) {
        bool is_there = !(fsctls[i].flags & IS_TEST) || c->server->config.test_fsctls;
        if (fsctls[i].code == code && is_there) {
            return &fsctls[i];
        }
    }
    return NULL;
}

bool smb_ioctl_is_bare(const struct smb_request *r)
{
    struct cur in = r->body;
    cur_skip(&in, 4);
    uint32_t code = cur_u32(&in);
    const struct fsctl *f =
        r->hdr.command == SMB2_IOCTL && cur_ok(&in) ? find(r->conn, code) : NULL;
    return f && (f->flags & BARE) && r->hdr.session_id == 0;
}

static smbkit_status check(struct smb_request *r, const struct smb2_ioctl_req *req,
                           const struct fsctl *f)
{
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (f->kinds) {
        status = smb_request_open(r, &req->file_id, f->kinds);
    } else if (!smb2_file_id_is_any(&req->file_id)) {
        status = SMBKIT_STATUS_INVALID_PARAMETER; /* 3.3.5.15: those have no file */
    }
    if (SMBKIT_OK(status) && (f->flags & CHANGES) && smb_tree_is_read_only(r->tree)) {
        status = SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
    return status;
}

static bool is_told(smbkit_status status, const struct fsctl *f, const struct wr *out)
{
    bool is_over = status != SMBKIT_STATUS_WAIT && status != SMBKIT_STATUS_WOULD_BLOCK;
    return SMBKIT_OK(status) || status == SMBKIT_STATUS_BUFFER_OVERFLOW ||
           (is_over && (f->flags & TELLS_ERRORS) && wr_pos(out) > 0);
}

static smbkit_status run(struct smb_request *r, const struct smb2_ioctl_req *req,
                         const struct fsctl *f)
{
    smbkit_status status = check(r, req, f);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct wr out = wr_new(r->conn->transact_max);
    status = f->fn(r, req, &out);
    if (is_told(status, f, &out)) {
        const struct smb2_ioctl_rsp rsp = {
            .ctl_code = req->ctl_code,
            .file_id = req->file_id,
            .output = {out.base, wr_pos(&out)},
            .padding = f->flags & PADS ? 8 : 0,
        };
        smb2_ioctl_rsp_format(smb_reply_begin(r), &rsp);
        smb_reply_keep(r);
    }
    wr_fini(&out);
    return status;
}

smbkit_status cmd_ioctl(struct smb_request *r)
{
    struct smb2_ioctl_req req;
    struct cur in = r->body;
    if (smb2_ioctl_req_parse(&in, &req) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    uint64_t sent = (uint64_t)req.input.len + req.output.len;
    uint64_t wanted = (uint64_t)req.max_input_response + req.max_output_response;
    if (req.max_input_response > r->conn->transact_max ||
        req.max_output_response > r->conn->transact_max ||
        !smb_request_charge_covers(r, MAX(sent, wanted))) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!(req.flags & SMB2_0_IOCTL_IS_FSCTL)) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    const struct fsctl *f = find(r->conn, req.ctl_code);
    if (f) {
        return run(r, &req, f);
    }
    /* The file must be there all the same: a closed one is told apart from an unknown
     * code. 3.3.5.15 */
    if (!smb2_file_id_is_any(&req.file_id) || (r->hdr.flags & SMB2_FLAGS_RELATED_OPERATIONS)) {
        smbkit_status status = smb_request_open(r, &req.file_id, SMB_OPEN_FILE | SMB_OPEN_PIPE);
        if (!SMBKIT_OK(status)) {
            return status;
        }
    }
    /* What a file system need not have is this to it, [MS-FSA] 2.1.5.10. */
    return req.ctl_code >> 16 == DEVICE_FILE_SYSTEM ? SMBKIT_STATUS_INVALID_DEVICE_REQUEST
                                                    : SMBKIT_STATUS_NOT_SUPPORTED;
}
