/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of NEGOTIATE: what tests and tools send and read. */
#include "base/mem.h"
#include "wire/negotiate.h"

#define REQ_FIXED_SIZE 36
#define RSP_FIXED_SIZE 64

void smb2_negotiate_req_format(struct wr *w, const struct smb2_negotiate_req *req)
{
    size_t body = wr_pos(w);
    wr_u16(w, REQ_FIXED_SIZE);
    wr_u16(w, req->dialect_count);
    wr_u16(w, req->security_mode);
    wr_u16(w, 0);
    wr_u32(w, req->capabilities);
    wr_bytes(w, req->client_guid, sizeof(req->client_guid));
    size_t place = wr_pos(w);
    wr_u64(w, 0);
    for (uint16_t i = 0; i < req->dialect_count; i++) {
        wr_u16(w, req->dialects[i]);
    }
    if (!req->has_ctxs || req->ctxs.present == 0) {
        return;
    }
    wr_align(w, body, 8);
    size_t ctx_at = wr_pos(w);
    uint16_t count = smb2_negotiate_ctxs_format(w, body, &req->ctxs);
    if (wr_ok(w)) {
        wr_put_u32(w, place, (uint32_t)(ctx_at - body + SMB2_HDR_SIZE));
        wr_put_u16(w, place + 4, count);
    }
}

struct rsp_places {
    uint16_t ctx_count;
    uint16_t security_offset;
    uint16_t security_len;
    uint32_t ctx_offset;
};

static enum wire_err rsp_fixed_parse(struct cur *c, struct smb2_negotiate_rsp *r,
                                     struct rsp_places *at)
{
    uint16_t size = cur_u16(c);
    r->security_mode = cur_u16(c);
    r->dialect = cur_u16(c);
    at->ctx_count = cur_u16(c);
    cur_copy(c, r->server_guid, sizeof(r->server_guid));
    r->capabilities = cur_u32(c);
    r->max_transact_size = cur_u32(c);
    r->max_read_size = cur_u32(c);
    r->max_write_size = cur_u32(c);
    r->system_time = cur_u64(c);
    r->server_start_time = cur_u64(c);
    at->security_offset = cur_u16(c);
    at->security_len = cur_u16(c);
    at->ctx_offset = cur_u32(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    return size == RSP_FIXED_SIZE + 1 ? WIRE_OK : WIRE_SIZE;
}

enum wire_err smb2_negotiate_rsp_parse(struct cur *c, struct smb2_negotiate_rsp *out)
{
    struct smb2_negotiate_rsp r = {0};
    *out = r;
    struct rsp_places at;
    enum wire_err err = rsp_fixed_parse(c, &r, &at);
    if (err != WIRE_OK) {
        return err;
    }
    size_t offset_min = SMB2_HDR_SIZE + RSP_FIXED_SIZE;
    err = wire_buffer(c, at.security_offset, at.security_len, offset_min, &r.security);
    if (err == WIRE_OK && r.dialect == SMB2_DIALECT_311) {
        bool is_inside = at.ctx_count > 0 && at.ctx_offset < offset_min;
        err = is_inside ? WIRE_RANGE
                        : smb2_negotiate_ctxs_parse(c, at.ctx_offset, at.ctx_count, &r.ctxs);
    }
    if (err == WIRE_OK) {
        *out = r;
    }
    return err;
}
