/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/lock.h"

static enum wire_err body_parse(struct cur *c, struct smb2_lock_req *r)
{
    uint16_t size = cur_u16(c);
    r->count = cur_u16(c);
    uint32_t sequence = cur_u32(c);
    r->lock_sequence_number = sequence & 0xf;
    r->lock_sequence_index = sequence >> 4;
    r->file_id = wire_file_id(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (size != 48) {
        return WIRE_SIZE;
    }
    if (r->count == 0 || r->count > SMB2_LOCKS_MAX) {
        return WIRE_COUNT;
    }
    for (uint16_t i = 0; i < r->count; i++) {
        r->locks[i].offset = cur_u64(c);
        r->locks[i].length = cur_u64(c);
        r->locks[i].flags = cur_u32(c);
        cur_skip(c, 4);
    }
    return cur_ok(c) ? WIRE_OK : WIRE_SHORT;
}

enum wire_err smb2_lock_req_parse(struct cur *c, struct smb2_lock_req *out)
{
    *out = (struct smb2_lock_req){0};
    enum wire_err err = body_parse(c, out);
    if (err != WIRE_OK) {
        *out = (struct smb2_lock_req){0};
    }
    return err;
}
