/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/tree_connect.h"

#define REQ_FIXED_SIZE 8
#define EXTENSION_SIZE 16

/* The contexts, [MS-SMB2] 2.2.9.2; offset counts from the body, as 2.2.9.1 has it. */
static enum wire_err ctxs_parse(const struct cur *c, size_t offset, uint16_t count,
                                struct smb2_tree_connect_req *r)
{
    if (count > SMB2_TREE_CONNECT_CTXS_MAX) {
        return WIRE_COUNT;
    }
    if (count > 0 && offset < REQ_FIXED_SIZE + EXTENSION_SIZE) {
        return WIRE_RANGE;
    }
    struct cur list = *c;
    list.pos = list.base;
    cur_skip(&list, SMB2_HDR_SIZE);
    cur_skip(&list, offset);
    for (uint16_t i = 0; i < count; i++) {
        cur_align(&list, 8);
        uint16_t type = cur_u16(&list);
        uint16_t len = cur_u16(&list);
        cur_skip(&list, 4);
        struct cur data = cur_take(&list, len);
        if (!cur_ok(&data)) {
            return WIRE_RANGE;
        }
        if (type == SMB2_REMOTED_IDENTITY_TREE_CONNECT_CONTEXT_ID && !r->has_remoted_identity) {
            r->has_remoted_identity = true;
            r->remoted_identity = wire_rest(&data);
        }
    }
    r->ctx_count = count;
    return WIRE_OK;
}

/* The 16 bytes that come before the path. [MS-SMB2] 2.2.9.1 */
static enum wire_err extension_parse(struct cur *c, struct smb2_tree_connect_req *r)
{
    uint32_t offset = cur_u32(c);
    uint16_t count = cur_u16(c);
    cur_skip(c, 10);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    return count == 0 ? WIRE_OK : ctxs_parse(c, offset, count, r);
}

enum wire_err smb2_tree_connect_req_parse(struct cur *c, bool is_311,
                                          struct smb2_tree_connect_req *out)
{
    struct smb2_tree_connect_req r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    r.flags = cur_u16(c);
    uint16_t offset = cur_u16(c);
    uint16_t len = cur_u16(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != REQ_FIXED_SIZE + 1) {
        return WIRE_SIZE;
    }
    size_t offset_min = SMB2_HDR_SIZE + REQ_FIXED_SIZE;
    enum wire_err err = WIRE_OK;
    if (is_311 && (r.flags & SMB2_TREE_CONNECT_FLAG_EXTENSION_PRESENT)) {
        err = extension_parse(c, &r);
        offset_min += EXTENSION_SIZE;
    }
    if (err == WIRE_OK) {
        err = wire_buffer(c, offset, len, offset_min, &r.path);
    }
    if (err == WIRE_OK && len % 2 != 0) {
        err = WIRE_VALUE;
    }
    if (err == WIRE_OK) {
        *out = r;
    }
    return err;
}

void smb2_tree_connect_rsp_format(struct wr *w, const struct smb2_tree_connect_rsp *rsp)
{
    wr_u16(w, 16);
    wr_u8(w, rsp->share_type);
    wr_u8(w, 0);
    wr_u32(w, rsp->share_flags);
    wr_u32(w, rsp->capabilities);
    wr_u32(w, rsp->maximal_access);
}
