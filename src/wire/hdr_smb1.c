/* SPDX-License-Identifier: Apache-2.0 */
/* Just enough SMB1 to find out that the other side also speaks SMB2. [MS-CIFS] 2.2.3.1, 2.2.4.52.1
 */
#include "base/mem.h"
#include "wire/hdr.h"

#define SMB1_COM_NEGOTIATE 0x72
#define SMB1_HDR_REST 27 /* of the 32 header bytes, those behind the command */
#define SMB1_BUFFER_DIALECT 0x02

static bool slice_is(const uint8_t *p, size_t len, const char *want, size_t want_len)
{
    return len == want_len && mem_eq(p, want, want_len);
}

/* One "\x02 name \0". */
static void dialect_parse(struct cur *bytes, struct smb1_negotiate *n)
{
    static const char smb2_002[] = "SMB 2.002";
    static const char smb2_wild[] = "SMB 2.???";

    if (cur_u8(bytes) != SMB1_BUFFER_DIALECT) {
        cur_fail(bytes);
        return;
    }
    const uint8_t *name = bytes->pos;
    size_t len = 0;
    while (cur_u8(bytes) != 0) {
        len++;
    }
    if (!cur_ok(bytes)) {
        return;
    }
    n->dialect_count++;
    n->has_smb2_002 |= slice_is(name, len, smb2_002, sizeof(smb2_002) - 1);
    n->has_smb2_wildcard |= slice_is(name, len, smb2_wild, sizeof(smb2_wild) - 1);
}

enum wire_err smb1_negotiate_parse(struct cur *c, struct smb1_negotiate *out)
{
    struct smb1_negotiate n = {0};
    *out = n;
    const uint8_t *magic = cur_bytes(c, 4);
    uint8_t command = cur_u8(c);
    cur_skip(c, SMB1_HDR_REST);
    uint8_t word_count = cur_u8(c);
    uint16_t byte_count = cur_u16(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (smb2_protocol_identify(magic, 4) != SMB2_PROTOCOL_SMB1 || command != SMB1_COM_NEGOTIATE ||
        word_count != 0) {
        return WIRE_VALUE;
    }
    struct cur bytes = cur_take(c, byte_count);
    if (!cur_ok(&bytes)) {
        return WIRE_RANGE;
    }
    while (cur_left(&bytes) > 0) {
        if (n.dialect_count == SMB1_DIALECTS_MAX) {
            return WIRE_COUNT;
        }
        dialect_parse(&bytes, &n);
    }
    if (!cur_ok(&bytes)) {
        return WIRE_VALUE;
    }
    *out = n;
    return WIRE_OK;
}
