/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/pdu.h"

#include "base/mem.h"
#include "base/str.h"

#define DREP_LITTLE_ASCII 0x10u
#define DREP_FLOAT_IEEE 0x00u
#define FRAG_LEN_AT 8u
#define SYNTAX_BYTES 20u

const struct pdu_syntax pdu_ndr20 = {
    /* 8a885d04-1ceb-11c9-9fe8-08002b104860 */
    .uuid = {0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10,
             0x48, 0x60},
    .major = 2,
};

/* 6cb71c2c-9812-4540: the rest of the UUID is the mask. */
static const uint8_t features_prefix[8] = {0x2c, 0x1c, 0xb7, 0x6c, 0x12, 0x98, 0x40, 0x45};

bool pdu_header_parse(struct cur *c, struct pdu_header *out)
{
    *out = (struct pdu_header){0};
    out->version = cur_u8(c);
    out->version_minor = cur_u8(c);
    out->type = cur_u8(c);
    out->flags = cur_u8(c);
    uint8_t drep = cur_u8(c);
    uint8_t drep_float = cur_u8(c);
    cur_skip(c, 2);
    out->is_little = drep == DREP_LITTLE_ASCII && drep_float == DREP_FLOAT_IEEE;
    if ((drep & 0xf0) != 0) {
        out->frag_len_bytes = cur_u16(c);
        out->auth_len_bytes = cur_u16(c);
        out->call_id = cur_u32(c);
    } else {
        out->frag_len_bytes = cur_u16be(c);
        out->auth_len_bytes = cur_u16be(c);
        out->call_id = cur_u32be(c);
    }
    return cur_ok(c);
}

bool pdu_syntax_eq(const struct pdu_syntax *a, const struct pdu_syntax *b)
{
    return mem_eq(a->uuid, b->uuid, sizeof(a->uuid)) && a->major == b->major &&
           a->minor == b->minor;
}

bool pdu_syntax_is_features(const struct pdu_syntax *s, uint64_t *mask_r)
{
    struct cur c = cur_init(s->uuid + sizeof(features_prefix), sizeof(uint64_t));
    *mask_r = cur_u64(&c);
    return mem_eq(s->uuid, features_prefix, sizeof(features_prefix)) && s->major == 1 &&
           s->minor == 0;
}

bool pdu_bind_parse(struct cur *c, struct pdu_bind *out)
{
    *out = (struct pdu_bind){0};
    out->max_xmit_bytes = cur_u16(c);
    out->max_recv_bytes = cur_u16(c);
    out->assoc_group = cur_u32(c);
    out->context_count = cur_u8(c);
    cur_skip(c, 3);
    return cur_ok(c);
}

bool pdu_syntax_parse(struct cur *c, struct pdu_syntax *out)
{
    cur_copy(c, out->uuid, sizeof(out->uuid));
    out->major = cur_u16(c);
    out->minor = cur_u16(c);
    return cur_ok(c);
}

bool pdu_context_parse(struct cur *c, struct pdu_context *out)
{
    *out = (struct pdu_context){0};
    out->id = cur_u16(c);
    out->syntax_count = cur_u8(c);
    cur_skip(c, 1);
    (void)pdu_syntax_parse(c, &out->abstract);
    out->syntaxes = cur_take(c, (size_t)out->syntax_count * SYNTAX_BYTES);
    return cur_ok(c);
}

bool pdu_request_parse(struct cur *c, uint8_t flags, struct pdu_request *out)
{
    *out = (struct pdu_request){0};
    cur_skip(c, 4); /* the allocation hint: we gather without it */
    out->context_id = cur_u16(c);
    out->opnum = cur_u16(c);
    if (flags & PDU_OBJECT_UUID) {
        cur_skip(c, 16);
    }
    out->stub_len_bytes = cur_left(c);
    out->stub = cur_bytes(c, out->stub_len_bytes);
    return cur_ok(c);
}

void pdu_begin(struct wr *w, enum pdu_type type, uint8_t flags, uint32_t call_id)
{
    wr_u8(w, PDU_VERSION);
    wr_u8(w, 0);
    wr_u8(w, (uint8_t)type);
    wr_u8(w, flags);
    wr_u8(w, DREP_LITTLE_ASCII);
    wr_zero(w, 3);
    wr_u16(w, 0); /* fragment length: pdu_end */
    wr_u16(w, 0); /* no authentication trailer */
    wr_u32(w, call_id);
}

void pdu_end(struct wr *w)
{
    if (wr_ok(w)) {
        wr_put_u16(w, FRAG_LEN_AT, (uint16_t)wr_pos(w));
    }
}

void pdu_bind_ack_begin(struct wr *w, const struct pdu_bind_ack *ack)
{
    pdu_begin(w, ack->type, PDU_FIRST_FRAG | PDU_LAST_FRAG, ack->call_id);
    wr_u16(w, ack->max_xmit_bytes);
    wr_u16(w, ack->max_recv_bytes);
    wr_u32(w, ack->assoc_group);
    size_t addr_len = str_len(ack->sec_addr);
    if (addr_len > 0) {
        wr_u16(w, (uint16_t)(addr_len + 1));
        wr_bytes(w, ack->sec_addr, addr_len + 1);
    } else {
        wr_u16(w, 0);
    }
    wr_align(w, 0, 4);
    wr_u8(w, ack->result_count);
    wr_zero(w, 3);
}

void pdu_result_format(struct wr *w, uint16_t result, uint16_t reason,
                       const struct pdu_syntax *transfer)
{
    wr_u16(w, result);
    wr_u16(w, reason);
    if (!transfer) {
        wr_zero(w, SYNTAX_BYTES);
        return;
    }
    wr_bytes(w, transfer->uuid, sizeof(transfer->uuid));
    wr_u16(w, transfer->major);
    wr_u16(w, transfer->minor);
}

void pdu_bind_nak_format(struct wr *w, uint32_t call_id, uint16_t reason)
{
    pdu_begin(w, PDU_BIND_NAK, PDU_FIRST_FRAG | PDU_LAST_FRAG, call_id);
    wr_u16(w, reason);
    /* The versions that we do speak. [C706] 12.6.4.5 */
    wr_u8(w, 1);
    wr_u8(w, PDU_VERSION);
    wr_u8(w, 0);
    wr_align(w, 0, 4);
    pdu_end(w);
}

void pdu_fault_format(struct wr *w, uint32_t call_id, uint16_t context_id, uint8_t flags,
                      uint32_t status)
{
    pdu_begin(w, PDU_FAULT, (uint8_t)(PDU_FIRST_FRAG | PDU_LAST_FRAG | flags), call_id);
    wr_u32(w, 0); /* allocation hint: no stub */
    wr_u16(w, context_id);
    wr_zero(w, 2); /* cancel count, reserved */
    wr_u32(w, status);
    wr_u32(w, 0);
    pdu_end(w);
}

void pdu_response_format(struct wr *w, const struct pdu_response *r)
{
    pdu_begin(w, PDU_RESPONSE, r->flags, r->call_id);
    wr_u32(w, r->left_bytes);
    wr_u16(w, r->context_id);
    wr_zero(w, 2);
    wr_bytes(w, r->stub, r->stub_len_bytes);
    pdu_end(w);
}
