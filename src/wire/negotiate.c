/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/negotiate.h"

#define REQ_FIXED_SIZE 36
#define RSP_FIXED_SIZE 64

/* The fields up to the dialects; where and how many contexts there are goes to the last two. */
static void req_fixed_parse(struct cur *c, struct smb2_negotiate_req *n, uint32_t *ctx_offset_r,
                            uint16_t *ctx_count_r)
{
    n->dialect_count = cur_u16(c);
    n->security_mode = cur_u16(c);
    cur_skip(c, 2);
    n->capabilities = cur_u32(c);
    cur_copy(c, n->client_guid, sizeof(n->client_guid));
    *ctx_offset_r = cur_u32(c);
    *ctx_count_r = cur_u16(c);
    cur_skip(c, 2);
}

static enum wire_err req_body_parse(struct cur *c, struct smb2_negotiate_req *n)
{
    uint32_t ctx_offset;
    uint16_t ctx_count;
    uint16_t size = cur_u16(c);
    req_fixed_parse(c, n, &ctx_offset, &ctx_count);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != REQ_FIXED_SIZE) {
        return WIRE_SIZE;
    }
    if (n->dialect_count == 0 || n->dialect_count > SMB2_DIALECTS_MAX) {
        return WIRE_COUNT;
    }
    for (uint16_t i = 0; i < n->dialect_count; i++) {
        n->dialects[i] = cur_u16(c);
        n->has_ctxs |= n->dialects[i] == SMB2_DIALECT_311;
    }
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    /* Without 3.1.1 the same eight bytes are ClientStartTime, which says nothing. [MS-SMB2] 2.2.3
     */
    if (!n->has_ctxs) {
        return WIRE_OK;
    }
    if (ctx_count > 0 && ctx_offset < cur_pos(c)) {
        return WIRE_RANGE;
    }
    return smb2_negotiate_ctxs_parse(c, ctx_offset, ctx_count, &n->ctxs);
}

enum wire_err smb2_negotiate_req_parse(struct cur *c, struct smb2_negotiate_req *out)
{
    *out = (struct smb2_negotiate_req){0};
    enum wire_err err = req_body_parse(c, out);
    if (err != WIRE_OK) {
        *out = (struct smb2_negotiate_req){0};
    }
    return err;
}

void smb2_negotiate_rsp_format(struct wr *w, const struct smb2_negotiate_rsp *rsp)
{
    size_t body = wr_pos(w);
    wr_u16(w, 65);
    wr_u16(w, rsp->security_mode);
    wr_u16(w, rsp->dialect);
    size_t ctx_count_at = wr_pos(w);
    wr_u16(w, 0);
    wr_bytes(w, rsp->server_guid, sizeof(rsp->server_guid));
    wr_u32(w, rsp->capabilities);
    wr_u32(w, rsp->max_transact_size);
    wr_u32(w, rsp->max_read_size);
    wr_u32(w, rsp->max_write_size);
    wr_u64(w, rsp->system_time);
    wr_u64(w, rsp->server_start_time);
    wr_u16(w, SMB2_HDR_SIZE + RSP_FIXED_SIZE);
    wr_u16(w, (uint16_t)rsp->security.len);
    size_t ctx_offset_at = wr_pos(w);
    wr_u32(w, 0);
    wire_put_slice(w, rsp->security);
    if (rsp->dialect != SMB2_DIALECT_311 || rsp->ctxs.present == 0) {
        return;
    }
    /* The header is a multiple of 8 long, so aligning from the body aligns from the header. */
    wr_align(w, body, 8);
    size_t ctx_at = wr_pos(w);
    uint16_t count = smb2_negotiate_ctxs_format(w, body, &rsp->ctxs);
    if (wr_ok(w)) {
        wr_put_u16(w, ctx_count_at, count);
        wr_put_u32(w, ctx_offset_at, (uint32_t)(ctx_at - body + SMB2_HDR_SIZE));
    }
}
