/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/query_info.h"

#include "wire/output.h"

#define REQ_FIXED_SIZE 40

enum wire_err smb2_query_info_req_parse(struct cur *c, struct smb2_query_info_req *out)
{
    struct smb2_query_info_req r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    r.info_type = cur_u8(c);
    r.info_class = cur_u8(c);
    r.output_max = cur_u32(c);
    uint16_t offset = cur_u16(c);
    cur_skip(c, 2);
    uint32_t len = cur_u32(c);
    r.additional = cur_u32(c);
    r.flags = cur_u32(c);
    r.file_id = wire_file_id(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != REQ_FIXED_SIZE + 1) {
        return WIRE_SIZE;
    }
    enum wire_err err = wire_buffer(c, offset, len, SMB2_HDR_SIZE + REQ_FIXED_SIZE, &r.input);
    if (err == WIRE_OK) {
        *out = r;
    }
    return err;
}

void smb2_query_info_rsp_format(struct wr *w, const struct smb2_query_info_rsp *rsp)
{
    smb2_output_format(w, rsp->output);
}
