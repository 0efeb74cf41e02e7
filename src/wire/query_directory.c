/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/query_directory.h"

#include "wire/output.h"

#define REQ_FIXED_SIZE 32

enum wire_err smb2_query_directory_req_parse(struct cur *c, struct smb2_query_directory_req *out)
{
    struct smb2_query_directory_req r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    r.info_class = cur_u8(c);
    r.flags = cur_u8(c);
    r.file_index = cur_u32(c);
    r.file_id = wire_file_id(c);
    uint16_t offset = cur_u16(c);
    uint16_t len = cur_u16(c);
    r.output_max = cur_u32(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != REQ_FIXED_SIZE + 1) {
        return WIRE_SIZE;
    }
    enum wire_err err = wire_buffer(c, offset, len, SMB2_HDR_SIZE + REQ_FIXED_SIZE, &r.pattern);
    if (err == WIRE_OK && len % 2 != 0) {
        err = WIRE_VALUE;
    }
    if (err == WIRE_OK) {
        *out = r;
    }
    return err;
}

void smb2_query_directory_rsp_format(struct wr *w, const struct smb2_query_directory_rsp *rsp)
{
    smb2_output_format(w, rsp->output);
}
