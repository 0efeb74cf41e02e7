/* SPDX-License-Identifier: Apache-2.0 */
/* What each context of a CREATE request holds: one row of the table, two short functions. */
#include "wire/create_ctx.h"

#include "base/mem.h"
#include "wire/create_ctx_priv.h"

static void exta_parse(struct cur *d, struct smb2_create_ctxs *x)
{
    x->exta = wire_rest(d);
}

static void exta_format(struct wr *w, const struct smb2_create_ctxs *x)
{
    wire_put_slice(w, x->exta);
}

static void secd_parse(struct cur *d, struct smb2_create_ctxs *x)
{
    x->secd = wire_rest(d);
}

static void secd_format(struct wr *w, const struct smb2_create_ctxs *x)
{
    wire_put_slice(w, x->secd);
}

static void none_parse(struct cur *d, struct smb2_create_ctxs *x)
{
    (void)d;
    (void)x;
}

static void none_format(struct wr *w, const struct smb2_create_ctxs *x)
{
    (void)w;
    (void)x;
}

static void dhnq_format(struct wr *w, const struct smb2_create_ctxs *x)
{
    (void)x;
    wr_zero(w, 16);
}

static void dhnc_parse(struct cur *d, struct smb2_create_ctxs *x)
{
    x->dhnc = wire_file_id(d);
}

static void dhnc_format(struct wr *w, const struct smb2_create_ctxs *x)
{
    wire_put_file_id(w, &x->dhnc);
}

/* With or without a timestamp. */
static void mxac_parse(struct cur *d, struct smb2_create_ctxs *x)
{
    x->mxac_has_timestamp = cur_left(d) > 0;
    if (x->mxac_has_timestamp) {
        x->mxac_timestamp = cur_u64(d);
    }
}

static void mxac_format(struct wr *w, const struct smb2_create_ctxs *x)
{
    if (x->mxac_has_timestamp) {
        wr_u64(w, x->mxac_timestamp);
    }
}

static void alsi_parse(struct cur *d, struct smb2_create_ctxs *x)
{
    x->alsi_allocation_size = cur_u64(d);
}

static void alsi_format(struct wr *w, const struct smb2_create_ctxs *x)
{
    wr_u64(w, x->alsi_allocation_size);
}

static void twrp_parse(struct cur *d, struct smb2_create_ctxs *x)
{
    x->twrp_timestamp = cur_u64(d);
}

static void twrp_format(struct wr *w, const struct smb2_create_ctxs *x)
{
    wr_u64(w, x->twrp_timestamp);
}

void smb2_lease_data_parse(struct cur *d, struct smb2_lease *lease)
{
    lease->is_v2 = cur_left(d) >= SMB2_LEASE_V2_SIZE;
    cur_copy(d, lease->key, sizeof(lease->key));
    lease->state = cur_u32(d);
    lease->flags = cur_u32(d);
    cur_skip(d, 8);
    if (lease->is_v2) {
        cur_copy(d, lease->parent_key, sizeof(lease->parent_key));
        lease->epoch = cur_u16(d);
        cur_skip(d, 2);
    }
}

void smb2_lease_data_format(struct wr *w, const struct smb2_lease *lease)
{
    wr_bytes(w, lease->key, sizeof(lease->key));
    wr_u32(w, lease->state);
    wr_u32(w, lease->flags);
    wr_u64(w, 0);
    if (lease->is_v2) {
        wr_bytes(w, lease->parent_key, sizeof(lease->parent_key));
        wr_u16(w, lease->epoch);
        wr_u16(w, 0);
    }
}

static void rqls_parse(struct cur *d, struct smb2_create_ctxs *x)
{
    smb2_lease_data_parse(d, &x->lease);
}

static void rqls_format(struct wr *w, const struct smb2_create_ctxs *x)
{
    smb2_lease_data_format(w, &x->lease);
}

static void dh2q_parse(struct cur *d, struct smb2_create_ctxs *x)
{
    x->dh2q_timeout_ms = cur_u32(d);
    x->dh2q_flags = cur_u32(d);
    cur_skip(d, 8);
    cur_copy(d, x->dh2q_create_guid, sizeof(x->dh2q_create_guid));
}

static void dh2q_format(struct wr *w, const struct smb2_create_ctxs *x)
{
    wr_u32(w, x->dh2q_timeout_ms);
    wr_u32(w, x->dh2q_flags);
    wr_u64(w, 0);
    wr_bytes(w, x->dh2q_create_guid, sizeof(x->dh2q_create_guid));
}

static void dh2c_parse(struct cur *d, struct smb2_create_ctxs *x)
{
    x->dh2c_file_id = wire_file_id(d);
    cur_copy(d, x->dh2c_create_guid, sizeof(x->dh2c_create_guid));
    x->dh2c_flags = cur_u32(d);
}

static void dh2c_format(struct wr *w, const struct smb2_create_ctxs *x)
{
    wire_put_file_id(w, &x->dh2c_file_id);
    wr_bytes(w, x->dh2c_create_guid, sizeof(x->dh2c_create_guid));
    wr_u32(w, x->dh2c_flags);
}

/* 20 bytes: StructureSize, reserved, the GUID. */
static void app_id_parse(struct cur *d, struct smb2_create_ctxs *x)
{
    cur_skip(d, 4);
    cur_copy(d, x->app_instance_id, sizeof(x->app_instance_id));
}

static void app_id_format(struct wr *w, const struct smb2_create_ctxs *x)
{
    wr_u16(w, 20);
    wr_u16(w, 0);
    wr_bytes(w, x->app_instance_id, sizeof(x->app_instance_id));
}

/* 24 bytes: StructureSize, reserved, padding, two halves. */
static void app_version_parse(struct cur *d, struct smb2_create_ctxs *x)
{
    cur_skip(d, 8);
    x->app_instance_version_high = cur_u64(d);
    x->app_instance_version_low = cur_u64(d);
}

static void app_version_format(struct wr *w, const struct smb2_create_ctxs *x)
{
    wr_u16(w, 24);
    wr_u16(w, 0);
    wr_u32(w, 0);
    wr_u64(w, x->app_instance_version_high);
    wr_u64(w, x->app_instance_version_low);
}

static void svhdx_parse(struct cur *d, struct smb2_create_ctxs *x)
{
    x->svhdx = wire_rest(d);
}

static void svhdx_format(struct wr *w, const struct smb2_create_ctxs *x)
{
    wire_put_slice(w, x->svhdx);
}

static void aapl_parse(struct cur *d, struct smb2_create_ctxs *x)
{
    x->aapl = wire_rest(d);
}

static void aapl_format(struct wr *w, const struct smb2_create_ctxs *x)
{
    wire_put_slice(w, x->aapl);
}

static void posix_parse(struct cur *d, struct smb2_create_ctxs *x)
{
    x->posix_mode = cur_u32(d);
}

static void posix_format(struct wr *w, const struct smb2_create_ctxs *x)
{
    wr_u32(w, x->posix_mode);
}

/* Data lengths: size, or alternatively size_alt; both 0 in a row with is_raw, which takes any
 * length. */
static const struct req_kind {
    struct smb2_ctx_name name;
    bool is_raw;
    uint16_t size;
    uint16_t size_alt;
    void (*parse)(struct cur *d, struct smb2_create_ctxs *x);
    void (*format)(struct wr *w, const struct smb2_create_ctxs *x);
} req_kinds[] = {
    {{SMB2_CTX_EXTA, 4, "ExtA"}, true, 0, 0, exta_parse, exta_format},
    {{SMB2_CTX_SECD, 4, "SecD"}, true, 0, 0, secd_parse, secd_format},
    {{SMB2_CTX_DHNQ, 4, "DHnQ"}, false, 16, 16, none_parse, dhnq_format},
    {{SMB2_CTX_DHNC, 4, "DHnC"}, false, 16, 16, dhnc_parse, dhnc_format},
    {{SMB2_CTX_MXAC, 4, "MxAc"}, false, 0, 8, mxac_parse, mxac_format},
    {{SMB2_CTX_ALSI, 4, "AlSi"}, false, 8, 8, alsi_parse, alsi_format},
    {{SMB2_CTX_TWRP, 4, "TWrp"}, false, 8, 8, twrp_parse, twrp_format},
    {{SMB2_CTX_RQLS, 4, "RqLs"}, false, 32, SMB2_LEASE_V2_SIZE, rqls_parse, rqls_format},
    {{SMB2_CTX_QFID, 4, "QFid"}, false, 0, 0, none_parse, none_format},
    {{SMB2_CTX_DH2Q, 4, "DH2Q"}, false, 32, 32, dh2q_parse, dh2q_format},
    {{SMB2_CTX_DH2C, 4, "DH2C"}, false, 36, 36, dh2c_parse, dh2c_format},
    {{SMB2_CTX_APP_INSTANCE_ID, 16, SMB2_CTX_NAME_APP_ID},
     false,
     20,
     20,
     app_id_parse,
     app_id_format},
    {{SMB2_CTX_SVHDX, 16, SMB2_CTX_NAME_SVHDX}, true, 0, 0, svhdx_parse, svhdx_format},
    {{SMB2_CTX_APP_INSTANCE_VERSION, 16, SMB2_CTX_NAME_APP_VERSION},
     false,
     24,
     24,
     app_version_parse,
     app_version_format},
    {{SMB2_CTX_AAPL, 4, "AAPL"}, true, 0, 0, aapl_parse, aapl_format},
    {{SMB2_CTX_POSIX, 16, SMB2_CTX_NAME_POSIX}, false, 4, 4, posix_parse, posix_format},
};

bool smb2_ctx_name_is(const struct smb2_ctx_name *name, struct wire_slice sent)
{
    return sent.len == name->len && mem_eq(sent.p, name->name, sent.len);
}

/* Name and data of one context. [MS-SMB2] 2.2.13.2 */
enum wire_err smb2_ctx_parse(struct cur *element, struct wire_slice *name, struct wire_slice *data)
{
    uint16_t name_offset = cur_u16(element);
    uint16_t name_len = cur_u16(element);
    cur_skip(element, 2);
    uint16_t data_offset = cur_u16(element);
    uint32_t data_len = cur_u32(element);
    if (!cur_ok(element)) {
        return WIRE_SHORT;
    }
    if (name_len < SMB2_CTX_NAME_MIN) {
        return WIRE_SIZE;
    }
    enum wire_err err = wire_buffer(element, name_offset, name_len, SMB2_CTX_FIXED_SIZE, name);
    if (err == WIRE_OK) {
        err = wire_buffer(element, data_offset, data_len, SMB2_CTX_FIXED_SIZE, data);
    }
    return err;
}

static enum wire_err one_parse(struct cur *element, struct smb2_create_ctxs *x)
{
    struct wire_slice name;
    struct wire_slice data;
    enum wire_err err = smb2_ctx_parse(element, &name, &data);
    if (err != WIRE_OK) {
        return err;
    }
    for (size_t i = 0; i < ARRAY_LEN(req_kinds); i++) {
        const struct req_kind *kind = &req_kinds[i];
        if (!smb2_ctx_name_is(&kind->name, name)) {
            continue;
        }
        if (x->present & kind->name.bit) {
            x->duplicates |= kind->name.bit;
            return WIRE_OK;
        }
        if (!kind->is_raw && data.len != kind->size && data.len != kind->size_alt) {
            return WIRE_SIZE;
        }
        struct cur d = wire_slice_cur(data);
        kind->parse(&d, x);
        x->present |= kind->name.bit;
        return cur_ok(&d) ? WIRE_OK : WIRE_SIZE;
    }
    x->unknown_count++;
    return WIRE_OK;
}

enum wire_err smb2_create_ctxs_parse(struct wire_slice list, struct smb2_create_ctxs *out)
{
    struct smb2_create_ctxs x = {0};
    *out = x;
    struct chain ch = chain_init(list, 8, SMB2_CREATE_CTXS_MAX);
    struct cur element;
    while (chain_next(&ch, &element)) {
        enum wire_err err = one_parse(&element, &x);
        if (err != WIRE_OK) {
            return err;
        }
    }
    if (ch.err == WIRE_OK) {
        *out = x;
    }
    return ch.err;
}

/* The fixed part and the name; data starts 8-byte aligned. Returns where the context begins. */
size_t smb2_ctx_begin(struct chain_wr *cw, const struct smb2_ctx_name *name)
{
    chain_wr_begin(cw);
    wr_u16(cw->w, SMB2_CTX_FIXED_SIZE);
    wr_u16(cw->w, name->len);
    wr_u16(cw->w, 0);
    wr_u16(cw->w, 0);
    wr_u32(cw->w, 0);
    wr_bytes(cw->w, name->name, name->len);
    wr_align(cw->w, cw->last, 8);
    return wr_pos(cw->w);
}

/* data: what smb2_ctx_begin returned. A context without data has DataOffset 0. */
void smb2_ctx_end(struct chain_wr *cw, size_t data)
{
    size_t len = wr_pos(cw->w) - data;
    if (wr_ok(cw->w) && len > 0) {
        wr_put_u16(cw->w, cw->last + 10, (uint16_t)(data - cw->last));
        wr_put_u32(cw->w, cw->last + 12, (uint32_t)len);
    }
}

void smb2_create_ctxs_format(struct wr *w, const struct smb2_create_ctxs *ctxs)
{
    struct chain_wr cw = chain_wr_init(w, 8);
    for (size_t i = 0; i < ARRAY_LEN(req_kinds); i++) {
        if (ctxs->present & req_kinds[i].name.bit) {
            size_t data = smb2_ctx_begin(&cw, &req_kinds[i].name);
            req_kinds[i].format(w, ctxs);
            smb2_ctx_end(&cw, data);
        }
    }
}
