/* SPDX-License-Identifier: Apache-2.0 */
/* The contexts of a CREATE response. [MS-SMB2] 2.2.14.2 */
#include "base/mem.h"
#include "wire/create_ctx.h"
#include "wire/create_ctx_priv.h"

static void mxac_parse(struct cur *d, struct smb2_create_rsp_ctxs *x)
{
    x->mxac_status = cur_u32(d);
    x->mxac_access = cur_u32(d);
}

static void mxac_format(struct wr *w, const struct smb2_create_rsp_ctxs *x)
{
    wr_u32(w, x->mxac_status);
    wr_u32(w, x->mxac_access);
}

static void qfid_parse(struct cur *d, struct smb2_create_rsp_ctxs *x)
{
    cur_copy(d, x->qfid, sizeof(x->qfid));
}

static void qfid_format(struct wr *w, const struct smb2_create_rsp_ctxs *x)
{
    wr_bytes(w, x->qfid, sizeof(x->qfid));
}

static void rqls_parse(struct cur *d, struct smb2_create_rsp_ctxs *x)
{
    smb2_lease_data_parse(d, &x->lease);
}

static void rqls_format(struct wr *w, const struct smb2_create_rsp_ctxs *x)
{
    smb2_lease_data_format(w, &x->lease);
}

static void dhnq_parse(struct cur *d, struct smb2_create_rsp_ctxs *x)
{
    (void)x;
    cur_skip(d, 8);
}

static void dhnq_format(struct wr *w, const struct smb2_create_rsp_ctxs *x)
{
    (void)x;
    wr_u64(w, 0);
}

static void dh2q_parse(struct cur *d, struct smb2_create_rsp_ctxs *x)
{
    x->dh2q_timeout_ms = cur_u32(d);
    x->dh2q_flags = cur_u32(d);
}

static void dh2q_format(struct wr *w, const struct smb2_create_rsp_ctxs *x)
{
    wr_u32(w, x->dh2q_timeout_ms);
    wr_u32(w, x->dh2q_flags);
}

static void aapl_parse(struct cur *d, struct smb2_create_rsp_ctxs *x)
{
    x->aapl = wire_rest(d);
}

static void aapl_format(struct wr *w, const struct smb2_create_rsp_ctxs *x)
{
    wire_put_slice(w, x->aapl);
}

static void posix_parse(struct cur *d, struct smb2_create_rsp_ctxs *x)
{
    x->posix = wire_rest(d);
}

static void posix_format(struct wr *w, const struct smb2_create_rsp_ctxs *x)
{
    wire_put_slice(w, x->posix);
}

static const struct rsp_kind {
    struct smb2_ctx_name name;
    void (*parse)(struct cur *d, struct smb2_create_rsp_ctxs *x);
    void (*format)(struct wr *w, const struct smb2_create_rsp_ctxs *x);
} rsp_kinds[] = {
    {{SMB2_CTX_MXAC, 4, "MxAc"}, mxac_parse, mxac_format},
    {{SMB2_CTX_QFID, 4, "QFid"}, qfid_parse, qfid_format},
    {{SMB2_CTX_RQLS, 4, "RqLs"}, rqls_parse, rqls_format},
    {{SMB2_CTX_DHNQ, 4, "DHnQ"}, dhnq_parse, dhnq_format},
    {{SMB2_CTX_DH2Q, 4, "DH2Q"}, dh2q_parse, dh2q_format},
    {{SMB2_CTX_AAPL, 4, "AAPL"}, aapl_parse, aapl_format},
    {{SMB2_CTX_POSIX, 16, SMB2_CTX_NAME_POSIX}, posix_parse, posix_format},
};

void smb2_create_rsp_ctxs_format(struct wr *w, const struct smb2_create_rsp_ctxs *ctxs)
{
    struct chain_wr cw = chain_wr_init(w, 8);
    for (size_t i = 0; i < ARRAY_LEN(rsp_kinds); i++) {
        if (ctxs->present & rsp_kinds[i].name.bit) {
            size_t data = smb2_ctx_begin(&cw, &rsp_kinds[i].name);
            rsp_kinds[i].format(w, ctxs);
            smb2_ctx_end(&cw, data);
        }
    }
}

static enum wire_err one_parse(struct cur *element, struct smb2_create_rsp_ctxs *x)
{
    struct wire_slice name;
    struct wire_slice data;
    enum wire_err err = smb2_ctx_parse(element, &name, &data);
    if (err != WIRE_OK) {
        return err;
    }
    for (size_t i = 0; i < ARRAY_LEN(rsp_kinds); i++) {
        const struct rsp_kind *kind = &rsp_kinds[i];
        if (smb2_ctx_name_is(&kind->name, name) && !(x->present & kind->name.bit)) {
            struct cur d = wire_slice_cur(data);
            kind->parse(&d, x);
            x->present |= kind->name.bit;
            return cur_ok(&d) ? WIRE_OK : WIRE_SIZE;
        }
    }
    return WIRE_OK;
}

enum wire_err smb2_create_rsp_ctxs_parse(struct wire_slice list, struct smb2_create_rsp_ctxs *out)
{
    struct smb2_create_rsp_ctxs x = {0};
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
