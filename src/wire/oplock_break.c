/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/oplock_break.h"

static enum wire_err oplock_parse(struct cur *c, struct smb2_oplock_break *b)
{
    b->oplock_level = cur_u8(c);
    cur_skip(c, 5);
    b->file_id = wire_file_id(c);
    return cur_ok(c) ? WIRE_OK : WIRE_SHORT;
}

static enum wire_err lease_parse(struct cur *c, struct smb2_oplock_break *b)
{
    b->is_lease = true;
    cur_skip(c, 2);
    b->lease_flags = cur_u32(c);
    cur_copy(c, b->lease_key, sizeof(b->lease_key));
    b->lease_state = cur_u32(c);
    b->lease_duration = cur_u64(c);
    return cur_ok(c) ? WIRE_OK : WIRE_SHORT;
}

enum wire_err smb2_oplock_break_req_parse(struct cur *c, struct smb2_oplock_break *out)
{
    struct smb2_oplock_break b = {0};
    *out = b;
    uint16_t size = cur_u16(c);
    enum wire_err err = WIRE_SIZE;
    if (!cur_ok(c)) {
        err = WIRE_SHORT;
    } else if (size == SMB2_OPLOCK_BREAK_SIZE) {
        err = oplock_parse(c, &b);
    } else if (size == SMB2_LEASE_BREAK_ACK_SIZE) {
        err = lease_parse(c, &b);
    }
    if (err == WIRE_OK) {
        *out = b;
    }
    return err;
}

void smb2_oplock_break_rsp_format(struct wr *w, const struct smb2_oplock_break *rsp)
{
    if (!rsp->is_lease) {
        wr_u16(w, SMB2_OPLOCK_BREAK_SIZE);
        wr_u8(w, rsp->oplock_level);
        wr_zero(w, 5);
        wire_put_file_id(w, &rsp->file_id);
        return;
    }
    wr_u16(w, SMB2_LEASE_BREAK_ACK_SIZE);
    wr_u16(w, 0);
    wr_u32(w, rsp->lease_flags);
    wr_bytes(w, rsp->lease_key, sizeof(rsp->lease_key));
    wr_u32(w, rsp->lease_state);
    wr_u64(w, rsp->lease_duration);
}

void smb2_lease_break_notify_format(struct wr *w, const struct smb2_lease_break_notify *n)
{
    wr_u16(w, SMB2_LEASE_BREAK_NOTIFY_SIZE);
    wr_u16(w, n->new_epoch);
    wr_u32(w, n->flags);
    wr_bytes(w, n->lease_key, sizeof(n->lease_key));
    wr_u32(w, n->current_state);
    wr_u32(w, n->new_state);
    /* BreakReason, AccessMaskHint, ShareMaskHint: all reserved. */
    wr_zero(w, 12);
}
