/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/change_notify.h"

#include "base/utf.h"
#include "wire/output.h"

enum wire_err smb2_change_notify_req_parse(struct cur *c, struct smb2_change_notify_req *out)
{
    struct smb2_change_notify_req r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    r.flags = cur_u16(c);
    r.output_max = cur_u32(c);
    r.file_id = wire_file_id(c);
    r.completion_filter = cur_u32(c);
    cur_skip(c, 4);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != 32) {
        return WIRE_SIZE;
    }
    *out = r;
    return WIRE_OK;
}

void smb2_change_notify_rsp_format(struct wr *w, const struct smb2_change_notify_rsp *rsp)
{
    smb2_output_format(w, rsp->output);
}

struct notify_writer notify_writer_init(struct wr *w, size_t limit)
{
    /* Records are 4-byte aligned, unlike directory entries. [MS-FSCC] 2.7.1 */
    return (struct notify_writer){.chain = chain_wr_init(w, 4), .limit = limit};
}

bool notify_writer_add(struct notify_writer *nw, uint32_t action, const char *name)
{
    struct wr *w = nw->chain.w;
    struct chain_wr before = nw->chain;
    size_t len = wr_pos(w);
    chain_wr_begin(&nw->chain);
    wr_u32(w, action);
    wr_u32(w, (uint32_t)utf16_len_bytes(name));
    wr_utf16(w, name);
    if (wr_ok(w) && wr_pos(w) - nw->chain.start <= nw->limit) {
        return true;
    }
    chain_wr_undo(&nw->chain, len, before.last, before.any);
    return false;
}
