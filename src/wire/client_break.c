/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of OPLOCK_BREAK and of ERROR. */
#include "wire/error.h"
#include "wire/oplock_break.h"

void smb2_oplock_break_req_format(struct wr *w, const struct smb2_oplock_break *req)
{
    smb2_oplock_break_rsp_format(w, req);
}

enum wire_err smb2_oplock_break_rsp_parse(struct cur *c, struct smb2_oplock_break *out)
{
    return smb2_oplock_break_req_parse(c, out);
}

enum wire_err smb2_lease_break_notify_parse(struct cur *c, struct smb2_lease_break_notify *out)
{
    struct smb2_lease_break_notify n = {0};
    *out = n;
    uint16_t size = cur_u16(c);
    n.new_epoch = cur_u16(c);
    n.flags = cur_u32(c);
    cur_copy(c, n.lease_key, sizeof(n.lease_key));
    n.current_state = cur_u32(c);
    n.new_state = cur_u32(c);
    cur_skip(c, 12);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != SMB2_LEASE_BREAK_NOTIFY_SIZE) {
        return WIRE_SIZE;
    }
    *out = n;
    return WIRE_OK;
}

enum wire_err smb2_error_parse(struct cur *c, bool is_311, struct smb2_error *out)
{
    struct smb2_error e = {0};
    *out = e;
    uint16_t size = cur_u16(c);
    e.context_count = cur_u8(c);
    cur_skip(c, 1);
    uint32_t len = cur_u32(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != 9) {
        return WIRE_SIZE;
    }
    struct cur data = cur_take(c, len);
    if (is_311 && e.context_count > 0) {
        uint32_t context_len = cur_u32(&data);
        e.error_id = cur_u32(&data);
        data = cur_take(&data, context_len);
    }
    if (!cur_ok(&data)) {
        return WIRE_RANGE;
    }
    e.data = wire_rest(&data);
    *out = e;
    return WIRE_OK;
}
