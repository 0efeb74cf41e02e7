/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of SESSION_SETUP and TREE_CONNECT. */
#include "wire/session_setup.h"
#include "wire/tree_connect.h"

void smb2_session_setup_req_format(struct wr *w, const struct smb2_session_setup_req *req)
{
    wr_u16(w, 25);
    wr_u8(w, req->flags);
    wr_u8(w, req->security_mode);
    wr_u32(w, req->capabilities);
    wr_u32(w, req->channel);
    wr_u16(w, SMB2_HDR_SIZE + 24);
    wr_u16(w, (uint16_t)req->security.len);
    wr_u64(w, req->previous_session_id);
    wire_put_slice(w, req->security);
}

enum wire_err smb2_session_setup_rsp_parse(struct cur *c, struct smb2_session_setup_rsp *out)
{
    struct smb2_session_setup_rsp r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    r.session_flags = cur_u16(c);
    uint16_t offset = cur_u16(c);
    uint16_t len = cur_u16(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != 9) {
        return WIRE_SIZE;
    }
    enum wire_err err = wire_buffer(c, offset, len, SMB2_HDR_SIZE + 8, &r.security);
    if (err == WIRE_OK) {
        *out = r;
    }
    return err;
}

void smb2_tree_connect_req_format(struct wr *w, const struct smb2_tree_connect_req *req)
{
    wr_u16(w, 9);
    wr_u16(w, req->flags & (uint16_t)~SMB2_TREE_CONNECT_FLAG_EXTENSION_PRESENT);
    wr_u16(w, SMB2_HDR_SIZE + 8);
    wr_u16(w, (uint16_t)req->path.len);
    wire_put_slice(w, req->path);
}

enum wire_err smb2_tree_connect_rsp_parse(struct cur *c, struct smb2_tree_connect_rsp *out)
{
    struct smb2_tree_connect_rsp r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    r.share_type = cur_u8(c);
    cur_skip(c, 1);
    r.share_flags = cur_u32(c);
    r.capabilities = cur_u32(c);
    r.maximal_access = cur_u32(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != 16) {
        return WIRE_SIZE;
    }
    *out = r;
    return WIRE_OK;
}
