/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/create.h"

#define REQ_FIXED_SIZE 56
#define RSP_FIXED_SIZE 88

struct req_places {
    uint16_t name_offset;
    uint16_t name_len;
    uint32_t ctxs_offset;
    uint32_t ctxs_len;
};

static enum wire_err req_fixed_parse(struct cur *c, struct smb2_create_req *r,
                                     struct req_places *at)
{
    uint16_t size = cur_u16(c);
    cur_skip(c, 1);
    r->oplock_level = cur_u8(c);
    r->impersonation_level = cur_u32(c);
    cur_skip(c, 16);
    r->desired_access = cur_u32(c);
    r->file_attributes = cur_u32(c);
    r->share_access = cur_u32(c);
    r->disposition = cur_u32(c);
    r->options = cur_u32(c);
    at->name_offset = cur_u16(c);
    at->name_len = cur_u16(c);
    at->ctxs_offset = cur_u32(c);
    at->ctxs_len = cur_u32(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    return size == REQ_FIXED_SIZE + 1 ? WIRE_OK : WIRE_SIZE;
}

static enum wire_err req_body_parse(struct cur *c, struct smb2_create_req *r)
{
    struct req_places at;
    enum wire_err err = req_fixed_parse(c, r, &at);
    if (err != WIRE_OK) {
        return err;
    }
    size_t offset_min = SMB2_HDR_SIZE + REQ_FIXED_SIZE;
    err = wire_buffer(c, at.name_offset, at.name_len, offset_min, &r->name);
    if (err != WIRE_OK) {
        return err;
    }
    if (at.name_len % 2 != 0) {
        return WIRE_VALUE;
    }
    err = wire_buffer(c, at.ctxs_offset, at.ctxs_len, offset_min, &r->ctxs_raw);
    if (err != WIRE_OK) {
        return err;
    }
    return smb2_create_ctxs_parse(r->ctxs_raw, &r->ctxs);
}

enum wire_err smb2_create_req_parse(struct cur *c, struct smb2_create_req *out)
{
    *out = (struct smb2_create_req){0};
    enum wire_err err = req_body_parse(c, out);
    if (err != WIRE_OK) {
        *out = (struct smb2_create_req){0};
    }
    return err;
}

void smb2_create_rsp_format(struct wr *w, const struct smb2_create_rsp *rsp)
{
    wr_u16(w, RSP_FIXED_SIZE + 1);
    wr_u8(w, rsp->oplock_level);
    wr_u8(w, rsp->flags);
    wr_u32(w, rsp->create_action);
    wr_u64(w, rsp->create_time);
    wr_u64(w, rsp->access_time);
    wr_u64(w, rsp->write_time);
    wr_u64(w, rsp->change_time);
    wr_u64(w, rsp->allocation_size);
    wr_u64(w, rsp->end_of_file);
    wr_u32(w, rsp->file_attributes);
    wr_u32(w, 0);
    wire_put_file_id(w, &rsp->file_id);
    size_t place = wr_pos(w);
    wr_u32(w, 0);
    wr_u32(w, 0);
    size_t ctxs = wr_pos(w);
    smb2_create_rsp_ctxs_format(w, &rsp->ctxs);
    if (wr_ok(w) && wr_pos(w) > ctxs) {
        wr_put_u32(w, place, SMB2_HDR_SIZE + RSP_FIXED_SIZE);
        wr_put_u32(w, place + 4, (uint32_t)(wr_pos(w) - ctxs));
    }
}
