/* SPDX-License-Identifier: Apache-2.0 */
/* The list of negotiate contexts. [MS-SMB2] 2.2.3.1 and 2.2.4.1: one row of the table for each
 * kind. */
#include "base/mem.h"
#include "wire/negotiate.h"

bool smb2_alg_list_has(const struct smb2_alg_list *list, uint16_t id)
{
    for (uint16_t i = 0; i < list->count; i++) {
        if (list->ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* `count` ids at the position; those beyond our bound are read and dropped. */
static enum wire_err alg_list_parse(struct cur *d, uint16_t count, struct smb2_alg_list *list)
{
    for (uint16_t i = 0; i < count; i++) {
        uint16_t id = cur_u16(d);
        if (!cur_ok(d)) {
            return WIRE_SIZE;
        }
        if (list->count < SMB2_NEGOTIATE_ALGS_MAX) {
            list->ids[list->count++] = id;
        }
    }
    return count == 0 ? WIRE_COUNT : WIRE_OK;
}

static void alg_list_format(struct wr *w, const struct smb2_alg_list *list)
{
    for (uint16_t i = 0; i < list->count; i++) {
        wr_u16(w, list->ids[i]);
    }
}

/* 2.2.3.1.1 */
static enum wire_err preauth_parse(struct cur *d, struct smb2_negotiate_ctxs *out)
{
    uint16_t count = cur_u16(d);
    uint16_t salt_len = cur_u16(d);
    if (!cur_ok(d)) {
        return WIRE_SIZE;
    }
    enum wire_err err = alg_list_parse(d, count, &out->hashes);
    if (err != WIRE_OK) {
        return err;
    }
    out->salt.p = cur_bytes(d, salt_len);
    out->salt.len = salt_len;
    return cur_ok(d) ? WIRE_OK : WIRE_SIZE;
}

static void preauth_format(struct wr *w, const struct smb2_negotiate_ctxs *ctxs)
{
    wr_u16(w, ctxs->hashes.count);
    wr_u16(w, (uint16_t)ctxs->salt.len);
    alg_list_format(w, &ctxs->hashes);
    wire_put_slice(w, ctxs->salt);
}

/* 2.2.3.1.2 */
static enum wire_err encryption_parse(struct cur *d, struct smb2_negotiate_ctxs *out)
{
    uint16_t count = cur_u16(d);
    return cur_ok(d) ? alg_list_parse(d, count, &out->ciphers) : WIRE_SIZE;
}

static void encryption_format(struct wr *w, const struct smb2_negotiate_ctxs *ctxs)
{
    wr_u16(w, ctxs->ciphers.count);
    alg_list_format(w, &ctxs->ciphers);
}

/* 2.2.3.1.3 */
static enum wire_err compression_parse(struct cur *d, struct smb2_negotiate_ctxs *out)
{
    uint16_t count = cur_u16(d);
    cur_skip(d, 2);
    out->compression_flags = cur_u32(d);
    return cur_ok(d) ? alg_list_parse(d, count, &out->compressions) : WIRE_SIZE;
}

static void compression_format(struct wr *w, const struct smb2_negotiate_ctxs *ctxs)
{
    wr_u16(w, ctxs->compressions.count);
    wr_u16(w, 0);
    wr_u32(w, ctxs->compression_flags);
    alg_list_format(w, &ctxs->compressions);
}

/* 2.2.3.1.4 */
static enum wire_err netname_parse(struct cur *d, struct smb2_negotiate_ctxs *out)
{
    out->netname = wire_rest(d);
    return WIRE_OK;
}

static void netname_format(struct wr *w, const struct smb2_negotiate_ctxs *ctxs)
{
    wire_put_slice(w, ctxs->netname);
}

/* 2.2.3.1.5 */
static enum wire_err transport_parse(struct cur *d, struct smb2_negotiate_ctxs *out)
{
    out->transport_flags = cur_u32(d);
    return cur_ok(d) ? WIRE_OK : WIRE_SIZE;
}

static void transport_format(struct wr *w, const struct smb2_negotiate_ctxs *ctxs)
{
    wr_u32(w, ctxs->transport_flags);
}

/* 2.2.3.1.6 */
static enum wire_err rdma_parse(struct cur *d, struct smb2_negotiate_ctxs *out)
{
    uint16_t count = cur_u16(d);
    cur_skip(d, 6);
    return cur_ok(d) ? alg_list_parse(d, count, &out->rdma_transforms) : WIRE_SIZE;
}

static void rdma_format(struct wr *w, const struct smb2_negotiate_ctxs *ctxs)
{
    wr_u16(w, ctxs->rdma_transforms.count);
    wr_zero(w, 6);
    alg_list_format(w, &ctxs->rdma_transforms);
}

/* 2.2.3.1.7 */
static enum wire_err signing_parse(struct cur *d, struct smb2_negotiate_ctxs *out)
{
    uint16_t count = cur_u16(d);
    return cur_ok(d) ? alg_list_parse(d, count, &out->signings) : WIRE_SIZE;
}

static void signing_format(struct wr *w, const struct smb2_negotiate_ctxs *ctxs)
{
    wr_u16(w, ctxs->signings.count);
    alg_list_format(w, &ctxs->signings);
}

/* The 16 bytes name the version of the POSIX extensions; there is one. */
static const uint8_t posix_guid[16] = {0x93, 0xad, 0x25, 0x50, 0x9c, 0xb4, 0x11, 0xe7,
                                       0xb4, 0x23, 0x83, 0xde, 0x96, 0x8b, 0xcd, 0x7c};

static enum wire_err posix_parse(struct cur *d, struct smb2_negotiate_ctxs *out)
{
    cur_skip(d, sizeof(posix_guid));
    (void)out;
    return cur_ok(d) ? WIRE_OK : WIRE_SIZE;
}

static void posix_format(struct wr *w, const struct smb2_negotiate_ctxs *ctxs)
{
    (void)ctxs;
    wr_bytes(w, posix_guid, sizeof(posix_guid));
}

static const struct ctx_kind {
    uint16_t type;
    uint32_t bit;
    enum wire_err (*parse)(struct cur *data, struct smb2_negotiate_ctxs *out);
    void (*format)(struct wr *w, const struct smb2_negotiate_ctxs *ctxs);
} ctx_kinds[] = {
    {SMB2_PREAUTH_INTEGRITY_CAPABILITIES, SMB2_NEGCTX_PREAUTH, preauth_parse, preauth_format},
    {SMB2_ENCRYPTION_CAPABILITIES, SMB2_NEGCTX_ENCRYPTION, encryption_parse, encryption_format},
    {SMB2_COMPRESSION_CAPABILITIES, SMB2_NEGCTX_COMPRESSION, compression_parse, compression_format},
    {SMB2_NETNAME_NEGOTIATE_CONTEXT_ID, SMB2_NEGCTX_NETNAME, netname_parse, netname_format},
    {SMB2_TRANSPORT_CAPABILITIES, SMB2_NEGCTX_TRANSPORT, transport_parse, transport_format},
    {SMB2_RDMA_TRANSFORM_CAPABILITIES, SMB2_NEGCTX_RDMA_TRANSFORM, rdma_parse, rdma_format},
    {SMB2_SIGNING_CAPABILITIES, SMB2_NEGCTX_SIGNING, signing_parse, signing_format},
    {SMB2_POSIX_EXTENSIONS_AVAILABLE, SMB2_NEGCTX_POSIX, posix_parse, posix_format},
};

static const struct ctx_kind *ctx_kind_get(uint16_t type)
{
    for (size_t i = 0; i < ARRAY_LEN(ctx_kinds); i++) {
        if (ctx_kinds[i].type == type) {
            return &ctx_kinds[i];
        }
    }
    return NULL;
}

/* One context: type, length, reserved, data. */
static enum wire_err ctx_parse(struct cur *list, struct smb2_negotiate_ctxs *out)
{
    uint16_t type = cur_u16(list);
    uint16_t len = cur_u16(list);
    cur_skip(list, 4);
    if (!cur_ok(list)) {
        return WIRE_SHORT;
    }
    struct cur data = cur_take(list, len);
    if (!cur_ok(&data)) {
        return WIRE_RANGE;
    }
    const struct ctx_kind *kind = ctx_kind_get(type);
    if (!kind) {
        out->unknown_count++;
        return WIRE_OK;
    }
    if (out->present & kind->bit) {
        out->duplicates |= kind->bit;
        return WIRE_OK;
    }
    out->present |= kind->bit;
    return kind->parse(&data, out);
}

enum wire_err smb2_negotiate_ctxs_parse(const struct cur *c, size_t offset, size_t count,
                                        struct smb2_negotiate_ctxs *out)
{
    *out = (struct smb2_negotiate_ctxs){0};
    if (count > SMB2_NEGOTIATE_CTXS_MAX) {
        return WIRE_COUNT;
    }
    if (count == 0) {
        return WIRE_OK;
    }
    struct cur list = *c;
    list.pos = list.base;
    cur_skip(&list, offset);
    if (!cur_ok(&list)) {
        return WIRE_RANGE;
    }
    struct smb2_negotiate_ctxs ctxs = {0};
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            cur_align(&list, 8);
        }
        enum wire_err err = ctx_parse(&list, &ctxs);
        if (err != WIRE_OK) {
            return err;
        }
    }
    *out = ctxs;
    return WIRE_OK;
}

uint16_t smb2_negotiate_ctxs_format(struct wr *w, size_t hdr_pos,
                                    const struct smb2_negotiate_ctxs *ctxs)
{
    uint16_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(ctx_kinds); i++) {
        const struct ctx_kind *kind = &ctx_kinds[i];
        if (!(ctxs->present & kind->bit)) {
            continue;
        }
        wr_align(w, hdr_pos, 8);
        size_t at = wr_pos(w);
        wr_u16(w, kind->type);
        wr_u16(w, 0);
        wr_u32(w, 0);
        kind->format(w, ctxs);
        if (wr_ok(w)) {
            wr_put_u16(w, at + 2, (uint16_t)(wr_pos(w) - at - 8));
        }
        count++;
    }
    return count;
}
