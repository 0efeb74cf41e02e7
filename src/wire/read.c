/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/read.h"

#define REQ_FIXED_SIZE 48

enum wire_err smb2_read_req_parse(struct cur *c, struct smb2_read_req *out)
{
    struct smb2_read_req r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    r.padding = cur_u8(c);
    r.flags = cur_u8(c);
    r.length = cur_u32(c);
    r.offset = cur_u64(c);
    r.file_id = wire_file_id(c);
    r.minimum_count = cur_u32(c);
    r.channel = cur_u32(c);
    r.remaining_bytes = cur_u32(c);
    uint16_t info_offset = cur_u16(c);
    uint16_t info_len = cur_u16(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != REQ_FIXED_SIZE + 1) {
        return WIRE_SIZE;
    }
    enum wire_err err =
        wire_buffer(c, info_offset, info_len, SMB2_HDR_SIZE + REQ_FIXED_SIZE, &r.channel_info);
    if (err == WIRE_OK) {
        *out = r;
    }
    return err;
}

void smb2_read_rsp_format(struct wr *w, const struct smb2_read_rsp *rsp)
{
    wr_u16(w, SMB2_READ_RSP_FIXED_SIZE + 1);
    wr_u8(w, (uint8_t)(SMB2_READ_RSP_DATA_OFFSET + rsp->padding));
    wr_u8(w, 0);
    wr_u32(w, rsp->data_len);
    wr_u32(w, rsp->data_remaining);
    wr_u32(w, 0);
    wr_zero(w, rsp->padding);
    wire_put_slice(w, rsp->data);
}
