/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ioctl.h"

#define REQ_FIXED_SIZE 56

enum wire_err smb2_ioctl_req_parse(struct cur *c, struct smb2_ioctl_req *out)
{
    struct smb2_ioctl_req r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    cur_skip(c, 2);
    r.ctl_code = cur_u32(c);
    r.file_id = wire_file_id(c);
    uint32_t in_offset = cur_u32(c);
    uint32_t in_len = cur_u32(c);
    r.max_input_response = cur_u32(c);
    uint32_t out_offset = cur_u32(c);
    uint32_t out_len = cur_u32(c);
    r.max_output_response = cur_u32(c);
    r.flags = cur_u32(c);
    cur_skip(c, 4);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != REQ_FIXED_SIZE + 1) {
        return WIRE_SIZE;
    }
    size_t offset_min = SMB2_HDR_SIZE + REQ_FIXED_SIZE;
    enum wire_err err = wire_buffer(c, in_offset, in_len, offset_min, &r.input);
    if (err == WIRE_OK) {
        err = wire_buffer(c, out_offset, out_len, offset_min, &r.output);
    }
    if (err == WIRE_OK) {
        *out = r;
    }
    return err;
}

void smb2_ioctl_rsp_format(struct wr *w, const struct smb2_ioctl_rsp *rsp)
{
    /* The output starts on a multiple of 8 behind the input. [MS-SMB2] 2.2.32 */
    size_t in_offset = SMB2_HDR_SIZE + SMB2_IOCTL_RSP_FIXED_SIZE;
    size_t out_offset = align_up(in_offset + rsp->input.len, 8) + rsp->padding;
    size_t body = wr_pos(w);
    wr_u16(w, SMB2_IOCTL_RSP_FIXED_SIZE + 1);
    wr_u16(w, 0);
    wr_u32(w, rsp->ctl_code);
    wire_put_file_id(w, &rsp->file_id);
    wr_u32(w, (uint32_t)in_offset);
    wr_u32(w, (uint32_t)rsp->input.len);
    wr_u32(w, (uint32_t)out_offset);
    wr_u32(w, (uint32_t)rsp->output.len);
    wr_u32(w, rsp->flags);
    wr_u32(w, 0);
    wire_put_slice(w, rsp->input);
    if (rsp->output.len > 0) {
        wr_align(w, body, 8);
        wr_zero(w, rsp->padding);
        wire_put_slice(w, rsp->output);
    }
}
