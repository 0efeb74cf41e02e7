/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/close.h"

enum wire_err smb2_close_req_parse(struct cur *c, struct smb2_close_req *out)
{
    struct smb2_close_req r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    r.flags = cur_u16(c);
    cur_skip(c, 4);
    r.file_id = wire_file_id(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != 24) {
        return WIRE_SIZE;
    }
    *out = r;
    return WIRE_OK;
}

void smb2_close_rsp_format(struct wr *w, const struct smb2_close_rsp *rsp)
{
    wr_u16(w, 60);
    wr_u16(w, rsp->flags);
    wr_u32(w, 0);
    wr_u64(w, rsp->create_time);
    wr_u64(w, rsp->access_time);
    wr_u64(w, rsp->write_time);
    wr_u64(w, rsp->change_time);
    wr_u64(w, rsp->allocation_size);
    wr_u64(w, rsp->end_of_file);
    wr_u32(w, rsp->file_attributes);
}
