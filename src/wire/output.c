/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/output.h"

#include "wire/smb2.h"

#define FIXED_SIZE 8

size_t smb2_output_begin(struct wr *w)
{
    size_t body = wr_pos(w);
    wr_u16(w, FIXED_SIZE + 1);
    wr_u16(w, 0);
    wr_u32(w, 0);
    return body;
}

void smb2_output_end(struct wr *w, size_t body)
{
    if (!wr_ok(w)) {
        return;
    }
    size_t len = wr_pos(w) - body - FIXED_SIZE;
    /* Offset and length are both 0 when there is nothing. [MS-SMB2] 2.2.36 */
    if (len > 0) {
        wr_put_u16(w, body + 2, SMB2_HDR_SIZE + FIXED_SIZE);
        wr_put_u32(w, body + 4, (uint32_t)len);
    }
}

void smb2_output_format(struct wr *w, struct wire_slice output)
{
    size_t body = smb2_output_begin(w);
    wire_put_slice(w, output);
    smb2_output_end(w, body);
}

enum wire_err smb2_output_parse(struct cur *c, struct wire_slice *out)
{
    *out = (struct wire_slice){0};
    uint16_t size = cur_u16(c);
    uint16_t offset = cur_u16(c);
    uint32_t len = cur_u32(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != FIXED_SIZE + 1) {
        return WIRE_SIZE;
    }
    return wire_buffer(c, offset, len, SMB2_HDR_SIZE + FIXED_SIZE, out);
}
