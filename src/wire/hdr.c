/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/hdr.h"

#include "base/mem.h"

#define MAGIC_SMB1 0x424d53ffu /* little endian: 0xff 'S' 'M' 'B' */
#define MAGIC_SMB2 0x424d53feu
#define MAGIC_TRANSFORM 0x424d53fdu
#define MAGIC_COMPRESSED 0x424d53fcu

enum smb2_protocol smb2_protocol_identify(const uint8_t *p, size_t len)
{
    struct cur c = cur_init(p, len);
    uint32_t magic = cur_u32(&c);
    if (!cur_ok(&c)) {
        return SMB2_PROTOCOL_UNKNOWN;
    }
    switch (magic) {
    case MAGIC_SMB1:
        return SMB2_PROTOCOL_SMB1;
    case MAGIC_SMB2:
        return SMB2_PROTOCOL_SMB2;
    case MAGIC_TRANSFORM:
        return SMB2_PROTOCOL_TRANSFORM;
    case MAGIC_COMPRESSED:
        return SMB2_PROTOCOL_COMPRESSED;
    default:
        return SMB2_PROTOCOL_UNKNOWN;
    }
}

enum wire_err smb2_hdr_parse(struct cur *c, struct smb2_hdr *out)
{
    struct smb2_hdr h = {0};
    *out = h;
    /* One check for all: the compiler sees that the rest lies within. */
    const uint8_t *p = cur_bytes(c, SMB2_HDR_SIZE);
    if (!p) {
        return WIRE_SHORT;
    }
    struct cur in = cur_init(p, SMB2_HDR_SIZE);
    uint32_t magic = cur_u32(&in);
    uint16_t size = cur_u16(&in);
    h.credit_charge = cur_u16(&in);
    h.status = cur_u32(&in);
    h.channel_sequence = (uint16_t)h.status;
    h.command = cur_u16(&in);
    h.credits = cur_u16(&in);
    h.flags = cur_u32(&in);
    h.next_command = cur_u32(&in);
    h.message_id = cur_u64(&in);
    if (h.flags & SMB2_FLAGS_ASYNC_COMMAND) {
        h.async_id = cur_u64(&in);
    } else {
        h.process_id = cur_u32(&in);
        h.tree_id = cur_u32(&in);
    }
    h.session_id = cur_u64(&in);
    mem_copy(h.signature, cur_bytes(&in, sizeof(h.signature)), sizeof(h.signature));
    if (magic != MAGIC_SMB2) {
        return WIRE_VALUE;
    }
    if (size != SMB2_HDR_SIZE) {
        return WIRE_SIZE;
    }
    *out = h;
    return WIRE_OK;
}

void smb2_hdr_format(struct wr *w, const struct smb2_hdr *hdr)
{
    wr_u32(w, MAGIC_SMB2);
    wr_u16(w, SMB2_HDR_SIZE);
    wr_u16(w, hdr->credit_charge);
    wr_u32(w, hdr->flags & SMB2_FLAGS_SERVER_TO_REDIR ? hdr->status : hdr->channel_sequence);
    wr_u16(w, hdr->command);
    wr_u16(w, hdr->credits);
    wr_u32(w, hdr->flags);
    wr_u32(w, hdr->next_command);
    wr_u64(w, hdr->message_id);
    if (hdr->flags & SMB2_FLAGS_ASYNC_COMMAND) {
        wr_u64(w, hdr->async_id);
    } else {
        wr_u32(w, hdr->process_id);
        wr_u32(w, hdr->tree_id);
    }
    wr_u64(w, hdr->session_id);
    wr_bytes(w, hdr->signature, sizeof(hdr->signature));
}

enum wire_err smb2_transform_parse(struct cur *c, struct smb2_transform *out)
{
    struct smb2_transform t = {0};
    *out = t;
    uint32_t magic = cur_u32(c);
    cur_copy(c, t.signature, sizeof(t.signature));
    cur_copy(c, t.nonce, sizeof(t.nonce));
    t.original_size = cur_u32(c);
    cur_skip(c, 2);
    t.flags = cur_u16(c);
    t.session_id = cur_u64(c);
    if (!cur_ok(c)) {
        return WIRE_SHORT;
    }
    if (magic != MAGIC_TRANSFORM) {
        return WIRE_VALUE;
    }
    *out = t;
    return WIRE_OK;
}

void smb2_transform_format(struct wr *w, const struct smb2_transform *t)
{
    wr_u32(w, MAGIC_TRANSFORM);
    wr_bytes(w, t->signature, sizeof(t->signature));
    wr_bytes(w, t->nonce, sizeof(t->nonce));
    wr_u32(w, t->original_size);
    wr_u16(w, 0);
    wr_u16(w, t->flags);
    wr_u64(w, t->session_id);
}
