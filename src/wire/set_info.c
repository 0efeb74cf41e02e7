/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/set_info.h"

#define REQ_FIXED_SIZE 32

enum wire_err smb2_set_info_req_parse(struct cur *c, struct smb2_set_info_req *out)
{
    struct smb2_set_info_req r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    r.info_type = cur_u8(c);
    r.info_class = cur_u8(c);
    uint32_t len = cur_u32(c);
    uint16_t offset = cur_u16(c);
    cur_skip(c, 2);
    r.additional = cur_u32(c);
    r.file_id = wire_file_id(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != REQ_FIXED_SIZE + 1) {
        return WIRE_SIZE;
    }
    enum wire_err err = wire_buffer(c, offset, len, SMB2_HDR_SIZE + REQ_FIXED_SIZE, &r.buffer);
    if (err == WIRE_OK) {
        *out = r;
    }
    return err;
}

void smb2_set_info_rsp_format(struct wr *w)
{
    wr_u16(w, 2);
}
