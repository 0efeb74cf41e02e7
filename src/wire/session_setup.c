/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/session_setup.h"

#define REQ_FIXED_SIZE 24
#define RSP_FIXED_SIZE 8

enum wire_err smb2_session_setup_req_parse(struct cur *c, struct smb2_session_setup_req *out)
{
    struct smb2_session_setup_req r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    r.flags = cur_u8(c);
    r.security_mode = cur_u8(c);
    r.capabilities = cur_u32(c);
    r.channel = cur_u32(c);
    uint16_t offset = cur_u16(c);
    uint16_t len = cur_u16(c);
    r.previous_session_id = cur_u64(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != REQ_FIXED_SIZE + 1) {
        return WIRE_SIZE;
    }
    enum wire_err err = wire_buffer(c, offset, len, SMB2_HDR_SIZE + REQ_FIXED_SIZE, &r.security);
    if (err == WIRE_OK) {
        *out = r;
    }
    return err;
}

void smb2_session_setup_rsp_format(struct wr *w, const struct smb2_session_setup_rsp *rsp)
{
    wr_u16(w, RSP_FIXED_SIZE + 1);
    wr_u16(w, rsp->session_flags);
    wr_u16(w, SMB2_HDR_SIZE + RSP_FIXED_SIZE);
    wr_u16(w, (uint16_t)rsp->security.len);
    wire_put_slice(w, rsp->security);
}
