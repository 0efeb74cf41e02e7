/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of CREATE. */
#include "wire/create.h"

#define REQ_FIXED_SIZE 56
#define RSP_FIXED_SIZE 88

void smb2_create_req_format(struct wr *w, const struct smb2_create_req *req)
{
    size_t body = wr_pos(w);
    wr_u16(w, REQ_FIXED_SIZE + 1);
    wr_u8(w, 0);
    wr_u8(w, req->oplock_level);
    wr_u32(w, req->impersonation_level);
    wr_zero(w, 16);
    wr_u32(w, req->desired_access);
    wr_u32(w, req->file_attributes);
    wr_u32(w, req->share_access);
    wr_u32(w, req->disposition);
    wr_u32(w, req->options);
    wr_u16(w, SMB2_HDR_SIZE + REQ_FIXED_SIZE);
    wr_u16(w, (uint16_t)req->name.len);
    size_t place = wr_pos(w);
    wr_u64(w, 0);
    wire_put_slice(w, req->name);
    if (req->ctxs.present == 0) {
        /* Buffer must not be empty. [MS-SMB2] 2.2.13 */
        wr_zero(w, req->name.len == 0 ? 1 : 0);
        return;
    }
    wr_align(w, body, 8);
    size_t ctxs = wr_pos(w);
    smb2_create_ctxs_format(w, &req->ctxs);
    if (wr_ok(w)) {
        wr_put_u32(w, place, (uint32_t)(ctxs - body + SMB2_HDR_SIZE));
        wr_put_u32(w, place + 4, (uint32_t)(wr_pos(w) - ctxs));
    }
}

enum wire_err smb2_create_rsp_parse(struct cur *c, struct smb2_create_rsp *out)
{
    struct smb2_create_rsp r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    r.oplock_level = cur_u8(c);
    r.flags = cur_u8(c);
    r.create_action = cur_u32(c);
    r.create_time = cur_u64(c);
    r.access_time = cur_u64(c);
    r.write_time = cur_u64(c);
    r.change_time = cur_u64(c);
    r.allocation_size = cur_u64(c);
    r.end_of_file = cur_u64(c);
    r.file_attributes = cur_u32(c);
    cur_skip(c, 4);
    r.file_id = wire_file_id(c);
    uint32_t offset = cur_u32(c);
    uint32_t len = cur_u32(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != RSP_FIXED_SIZE + 1) {
        return WIRE_SIZE;
    }
    struct wire_slice list;
    enum wire_err err = wire_buffer(c, offset, len, SMB2_HDR_SIZE + RSP_FIXED_SIZE, &list);
    if (err == WIRE_OK) {
        err = smb2_create_rsp_ctxs_parse(list, &r.ctxs);
    }
    if (err == WIRE_OK) {
        *out = r;
    }
    return err;
}
