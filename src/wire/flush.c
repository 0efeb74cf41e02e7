/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/flush.h"

enum wire_err smb2_flush_req_parse(struct cur *c, struct smb2_flush_req *out)
{
    struct smb2_flush_req r = {0};
    *out = r;
    uint16_t size = cur_u16(c);
    r.reserved1 = cur_u16(c);
    cur_skip(c, 4);
    r.file_id = wire_file_id(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != 24) {
        return WIRE_SIZE;
    }
    *out = r;
    return WIRE_OK;
}
