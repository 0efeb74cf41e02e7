/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/write.h"

enum wire_err smb2_write_req_parse(struct cur *c, struct smb2_write_req *out)
{
    struct smb2_write_req r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    r.data_offset = cur_u16(c);
    r.length = cur_u32(c);
    r.offset = cur_u64(c);
    r.file_id = wire_file_id(c);
    r.channel = cur_u32(c);
    r.remaining_bytes = cur_u32(c);
    uint16_t info_offset = cur_u16(c);
    uint16_t info_len = cur_u16(c);
    r.flags = cur_u32(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != SMB2_WRITE_REQ_FIXED_SIZE + 1) {
        return WIRE_SIZE;
    }
    size_t offset_min = SMB2_HDR_SIZE + SMB2_WRITE_REQ_FIXED_SIZE;
    enum wire_err err = wire_buffer(c, info_offset, info_len, offset_min, &r.channel_info);
    /* With an RDMA channel Length is 0 and RemainingBytes tells the size. [MS-SMB2] 2.2.21 */
    if (err == WIRE_OK) {
        err = wire_buffer(c, r.data_offset, r.length, offset_min, &r.data);
    }
    if (err == WIRE_OK) {
        *out = r;
    }
    return err;
}

void smb2_write_rsp_format(struct wr *w, const struct smb2_write_rsp *rsp)
{
    wr_u16(w, 17);
    wr_u16(w, 0);
    wr_u32(w, rsp->count);
    wr_u32(w, rsp->remaining);
    wr_u16(w, 0);
    wr_u16(w, 0);
}
