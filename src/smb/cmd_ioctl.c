/* SPDX-License-Identifier: Apache-2.0 */
/* IOCTL. [MS-SMB2] 3.3.5.15: one row a control code; a code without a row is NOT_SUPPORTED. */
#define LOG_MODULE LOG_SMB
#include "base/mem.h"
#include "base/utf.h"
#include "smb/command.h"
#include "smb/negotiate.h"
#include "smb/reply.h"
#include "wire/fsctl.h"
#include "wire/ioctl.h"

/* Writes the output buffer's bytes to w, at most req->max_output_response. */
typedef smbkit_status (*fsctl_fn)(struct smb_request *r, const struct smb2_ioctl_req *req,
                                  struct wr *w);

/* ---- the connection ---- */

/* [MS-SMB2] 3.3.5.15.12: a man in the middle changed the NEGOTIATE when these differ. */
static bool is_as_negotiated(const struct smb_conn *c,
                             const struct fsctl_validate_negotiate_req *in)
{
    return in->capabilities == c->client_capabilities &&
           mem_eq(in->guid, c->client_guid, sizeof(c->client_guid)) &&
           in->security_mode == c->client_security_mode &&
           smb_negotiate_dialect(c->server, in->dialects, in->dialect_count) == c->dialect;
}

static smbkit_status validate_negotiate(struct smb_request *r, const struct smb2_ioctl_req *req,
                                        struct wr *w)
{
    struct fsctl_validate_negotiate_req in;
    struct smb_conn *c = r->conn;
    if (fsctl_validate_negotiate_req_parse(req->input, &in) != WIRE_OK ||
        !is_as_negotiated(c, &in)) {
        r->end_reason = "negotiation was tampered with";
        r->no_reply = true;
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (req->max_output_response < FSCTL_VALIDATE_NEGOTIATE_RSP_SIZE) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    struct fsctl_validate_negotiate_rsp rsp = {
        .capabilities = c->capabilities,
        .security_mode = c->security_mode,
        .dialect = c->dialect,
    };
    mem_copy(rsp.guid, c->server->config.server_guid, sizeof(rsp.guid));
    fsctl_validate_negotiate_rsp_format(w, &rsp);
    return SMBKIT_STATUS_SUCCESS;
}

/* We are no DFS server. 3.3.5.15.2 */
static smbkit_status dfs_referrals(struct smb_request *r, const struct smb2_ioctl_req *req,
                                   struct wr *w)
{
    (void)r;
    (void)req;
    (void)w;
    return SMBKIT_STATUS_FS_DRIVER_REQUIRED;
}

/* ---- pipes ---- */

/* Write, then read the answer. 3.3.5.15.10 */
static smbkit_status pipe_transceive(struct smb_request *r, const struct smb2_ioctl_req *req,
                                     struct wr *w)
{
    smbkit_status status = smb_pipe_write(r->open, req->input.p, req->input.len);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    size_t got = 0;
    size_t start = wr_pos(w);
    uint8_t *room = wr_space(w, req->max_output_response);
    if (!room && req->max_output_response > 0) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    status = smb_pipe_read(r->open, NULL, room, req->max_output_response, &got);
    wr_cut(w, start + got);
    return status;
}

static smbkit_status pipe_peek(struct smb_request *r, const struct smb2_ioctl_req *req,
                               struct wr *w)
{
    if (req->max_output_response < FSCTL_PIPE_PEEK_FIXED_SIZE) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    struct rpc_pipe_peek peek = smb_pipe_peek(r->open);
    const struct fsctl_pipe_peek rsp = {
        .state = 3, /* connected */
        .read_data_available = (uint32_t)peek.available_bytes,
        .message_count = peek.messages,
        .message_length = (uint32_t)peek.message_bytes,
    };
    fsctl_pipe_peek_format(w, &rsp);
    return SMBKIT_STATUS_SUCCESS;
}

/* Every pipe that there is can be opened at once. 3.3.5.15.3 */
static smbkit_status pipe_wait(struct smb_request *r, const struct smb2_ioctl_req *req,
                               struct wr *w)
{
    struct fsctl_pipe_wait in;
    (void)w;
    if (r->tree->share->type != SMB_SHARE_IS_PIPE) {
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    }
    if (fsctl_pipe_wait_parse(req->input, &in) != WIRE_OK) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    CLEANUP_MEM char *name = utf16le_to_utf8(in.name.p, in.name.len);
    return name && rpc_pipe_exists(name) ? SMBKIT_STATUS_SUCCESS
                                         : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
}

/* ---- files ---- */

/* Explorer asks this of every file whose properties it shows. [MS-FSCC] 2.3.1: the file's id in the
 * volume makes its object id. */
static smbkit_status get_object_id(struct smb_request *r, const struct smb2_ioctl_req *req,
                                   struct wr *w)
{
    if (req->max_output_response < FSCTL_OBJECT_ID_SIZE) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    struct smbkit_attr attr;
    struct smbkit_volume_info info;
    smbkit_status status = vfs_getattr(&r->call, r->open->file, 0, &attr);
    if (SMBKIT_OK(status)) {
        status = vfs_open_volume_info(&r->call, r->open->file, &info);
    }
    if (!SMBKIT_OK(status)) {
        return status;
    }
    struct fsctl_object_id id = {0};
    struct wr out = wr_init(id.object_id, sizeof(id.object_id));
    wr_u64(&out, attr.file_id);
    wr_u64(&out, attr.file_id_high ^ info.serial);
    mem_copy(id.birth_volume_id, info.object_id, sizeof(id.birth_volume_id));
    mem_copy(id.birth_object_id, id.object_id, sizeof(id.birth_object_id));
    fsctl_object_id_format(w, &id);
    return SMBKIT_STATUS_SUCCESS;
}

#define REPARSE_HEADER_BYTES 8u /* [MS-FSCC] 2.1.2.2, without the data */

/* [MS-FSCC] 2.3.27, [MS-FSA] 2.1.5.10.14 */
static smbkit_status get_reparse_point(struct smb_request *r, const struct smb2_ioctl_req *req,
                                       struct wr *w)
{
    if (req->max_output_response < REPARSE_HEADER_BYTES) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    smbkit_status status = vfs_get_reparse(&r->call, r->open->file, w);
    if (SMBKIT_OK(status) && wr_pos(w) > req->max_output_response) {
        wr_cut(w, req->max_output_response);
        return SMBKIT_STATUS_BUFFER_OVERFLOW;
    }
    return status;
}

/* ---- the table ---- */

static const struct {
    uint32_t code;
    unsigned kinds; /* of open that it takes; 0: none, the FileId is not looked at */
    fsctl_fn fn;
} fsctls[] = {
    {SMB2_FSCTL_VALIDATE_NEGOTIATE_INFO, 0, validate_negotiate},
    {SMB2_FSCTL_DFS_GET_REFERRALS, 0, dfs_referrals},
    {SMB2_FSCTL_DFS_GET_REFERRALS_EX, 0, dfs_referrals},
    {SMB2_FSCTL_PIPE_WAIT, 0, pipe_wait},
    {SMB2_FSCTL_PIPE_TRANSCEIVE, SMB_OPEN_PIPE, pipe_transceive},
    {SMB2_FSCTL_PIPE_PEEK, SMB_OPEN_PIPE, pipe_peek},
    {SMB2_FSCTL_CREATE_OR_GET_OBJECT_ID, SMB_OPEN_FILE, get_object_id},
    {SMB2_FSCTL_GET_OBJECT_ID, SMB_OPEN_FILE, get_object_id},
    {SMB2_FSCTL_GET_REPARSE_POINT, SMB_OPEN_FILE, get_reparse_point},
};

static smbkit_status run(struct smb_request *r, const struct smb2_ioctl_req *req, unsigned kinds,
                         fsctl_fn fn)
{
    if (kinds) {
        smbkit_status status = smb_request_open(r, &req->file_id, kinds);
        if (!SMBKIT_OK(status)) {
            return status;
        }
    }
    struct wr out = wr_new(r->conn->transact_max);
    smbkit_status status = fn(r, req, &out);
    if (SMBKIT_OK(status) || status == SMBKIT_STATUS_BUFFER_OVERFLOW) {
        const struct smb2_ioctl_rsp rsp = {
            .ctl_code = req->ctl_code,
            .file_id = req->file_id,
            .output = {out.base, wr_pos(&out)},
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
    for (size_t i = 0; i < ARRAY_LEN(fsctls); i++) {
        if (fsctls[i].code == req.ctl_code) {
            return run(r, &req, fsctls[i].kinds, fsctls[i].fn);
        }
    }
    /* The file must be there all the same: a closed one is told apart from an unknown
     * code. 3.3.5.15 */
    if (!smb2_file_id_is_any(&req.file_id) || (r->hdr.flags & SMB2_FLAGS_RELATED_OPERATIONS)) {
        smbkit_status status = smb_request_open(r, &req.file_id, SMB_OPEN_FILE | SMB_OPEN_PIPE);
        if (!SMBKIT_OK(status)) {
            return status;
        }
    }
    return SMBKIT_STATUS_NOT_SUPPORTED;
}
