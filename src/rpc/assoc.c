/* SPDX-License-Identifier: Apache-2.0 */
/* The association of one pipe: contexts are negotiated, requests gathered, methods run, replies cut
 * into fragments. Authentication is the SMB session's; none is accepted here. [C706] 12.6,
 * [MS-RPCE] 3.3.3 */
#include "rpc/pipe.h"

#include "base/log.h"

#define LOG_MODULE LOG_RPC

/* What every implementation must be able to receive: smaller offers are not believed.
 * [C706] 12.6.3.1 (MustRecvFragSize) */
#define FRAG_BYTES_MIN 1432u
/* One association group is like the other: context handles are good in their own pipe only. */
#define ASSOC_GROUP 0x000053F0u
/* Fragments but the last carry a multiple of this. [C706] 12.6.4.10 */
#define STUB_ALIGN 8u
/* KeepConnectionOnOrphanSupported. [MS-RPCE] 2.2.2.14 */
#define FEATURES_SUPPORTED 0x02u

static smbkit_status send_fault(struct rpc_pipe *p, uint32_t call_id, uint16_t context_id,
                                uint8_t flags, uint32_t fault)
{
    struct wr w = wr_new(RPC_FRAG_BYTES_MAX);
    log_debug(NULL, "rpc_fault pipe=%s call_id=%u fault=0x%08x", p->iface->pipe, call_id, fault);
    pdu_fault_format(&w, call_id, context_id, flags, fault);
    return pipe_queue(p, &w);
}

static smbkit_status send_nak(struct rpc_pipe *p, uint32_t call_id, uint16_t reason)
{
    struct wr w = wr_new(RPC_FRAG_BYTES_MAX);
    log_debug(NULL, "rpc_bind_nak pipe=%s call_id=%u reason=%u", p->iface->pipe, call_id, reason);
    pdu_bind_nak_format(&w, call_id, reason);
    return pipe_queue(p, &w);
}

/* A last word, then the end. */
static smbkit_status break_after(smbkit_status queued)
{
    return queued == SMBKIT_STATUS_SUCCESS ? SMBKIT_STATUS_PIPE_BROKEN : queued;
}

static smbkit_status protocol_error(struct rpc_pipe *p, const struct pdu_header *hdr)
{
    return break_after(send_fault(p, hdr->call_id, 0, PDU_DID_NOT_EXECUTE, PDU_FAULT_PROTOCOL));
}

smbkit_status assoc_refuse_header(struct rpc_pipe *p, const struct pdu_header *hdr)
{
    bool is_version = hdr->version == PDU_VERSION && hdr->version_minor <= PDU_VERSION_MINOR_MAX;
    if (hdr->type != PDU_BIND || p->is_bound) {
        return SMBKIT_STATUS_PIPE_BROKEN;
    }
    return break_after(
        send_nak(p, hdr->call_id, is_version ? PDU_NAK_NOT_SPECIFIED : PDU_NAK_VERSION));
}

/* --- bind and alter_context --- */

static bool has_context(const struct rpc_pipe *p, uint16_t id)
{
    for (unsigned i = 0; i < p->context_count; i++) {
        if (p->contexts[i] == id) {
            return true;
        }
    }
    return false;
}

/* false: PIPE_CONTEXTS_MAX reached. */
static bool add_context(struct rpc_pipe *p, uint16_t id)
{
    if (has_context(p, id)) {
        return true;
    }
    if (p->context_count == PIPE_CONTEXTS_MAX) {
        return false;
    }
    p->contexts[p->context_count++] = id;
    return true;
}

static bool offers_ndr20(struct cur syntaxes)
{
    struct pdu_syntax s;
    while (cur_left(&syntaxes) > 0 && pdu_syntax_parse(&syntaxes, &s)) {
        if (pdu_syntax_eq(&s, &pdu_ndr20)) {
            return true;
        }
    }
    return false;
}

/* The pseudo-context by which a client offers features: a bind only, and one syntax only.
 * [MS-RPCE] 3.3.1.5.3 */
static bool is_feature_offer(const struct pdu_context *ctx, uint64_t *mask_r)
{
    struct pdu_syntax s;
    struct cur c = ctx->syntaxes;
    return ctx->syntax_count == 1 && pdu_syntax_parse(&c, &s) && pdu_syntax_is_features(&s, mask_r);
}

static void answer_context(struct rpc_pipe *p, bool is_bind, const struct pdu_context *ctx,
                           struct wr *w)
{
    uint64_t mask = 0;
    if (is_bind && is_feature_offer(ctx, &mask)) {
        pdu_result_format(w, PDU_RESULT_NEGOTIATE_ACK, mask & FEATURES_SUPPORTED, NULL);
    } else if (!iface_speaks(p->iface, &ctx->abstract)) {
        pdu_result_format(w, PDU_RESULT_PROVIDER_REJECT, PDU_REASON_ABSTRACT_SYNTAX, NULL);
    } else if (!offers_ndr20(ctx->syntaxes)) {
        pdu_result_format(w, PDU_RESULT_PROVIDER_REJECT, PDU_REASON_TRANSFER_SYNTAX, NULL);
    } else if (!add_context(p, ctx->id)) {
        pdu_result_format(w, PDU_RESULT_PROVIDER_REJECT, PDU_REASON_LOCAL_LIMIT, NULL);
    } else {
        pdu_result_format(w, PDU_RESULT_ACCEPT, 0, &pdu_ndr20);
    }
}

static uint16_t clamp_frag(uint16_t offered)
{
    return (uint16_t)MIN(MAX(offered, FRAG_BYTES_MIN), RPC_FRAG_BYTES_MAX);
}

static void adopt_limits(struct rpc_pipe *p, const struct pdu_bind *bind)
{
    p->is_bound = true;
    p->max_xmit_bytes = clamp_frag(bind->max_recv_bytes);
    p->max_recv_bytes = clamp_frag(bind->max_xmit_bytes);
    p->assoc_group = bind->assoc_group ? bind->assoc_group : ASSOC_GROUP;
}

/* Answer every context of a bind or alter_context.
 * Errors: INVALID_PARAMETER the list is malformed, nothing was queued; INSUFFICIENT_RESOURCES */
static smbkit_status answer_contexts(struct rpc_pipe *p, const struct pdu_header *hdr,
                                     struct cur *c, uint8_t count)
{
    bool is_bind = hdr->type == PDU_BIND;
    struct wr w = wr_new(RPC_FRAG_BYTES_MAX);
    pdu_bind_ack_begin(&w, &(struct pdu_bind_ack){
                               .type = is_bind ? PDU_BIND_ACK : PDU_ALTER_CONTEXT_RESP,
                               .call_id = hdr->call_id,
                               .max_xmit_bytes = p->max_xmit_bytes,
                               .max_recv_bytes = p->max_recv_bytes,
                               .assoc_group = p->assoc_group,
                               .sec_addr = is_bind ? p->iface->address : "",
                               .result_count = count,
                           });
    for (unsigned i = 0; i < count; i++) {
        struct pdu_context ctx;
        if (!pdu_context_parse(c, &ctx)) {
            wr_fini(&w);
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
        answer_context(p, is_bind, &ctx, &w);
    }
    pdu_end(&w);
    return pipe_queue(p, &w);
}

static smbkit_status handle_bind(struct rpc_pipe *p, const struct pdu_header *hdr, struct cur *c)
{
    struct pdu_bind bind;
    if (p->is_bound || !pdu_bind_parse(c, &bind) || bind.context_count == 0) {
        return break_after(send_nak(p, hdr->call_id, PDU_NAK_NOT_SPECIFIED));
    }
    if (hdr->auth_len_bytes != 0) {
        return send_nak(p, hdr->call_id, PDU_NAK_AUTH_TYPE);
    }
    adopt_limits(p, &bind);
    smbkit_status status = answer_contexts(p, hdr, c, bind.context_count);
    if (status == SMBKIT_STATUS_INVALID_PARAMETER) {
        return break_after(send_nak(p, hdr->call_id, PDU_NAK_NOT_SPECIFIED));
    }
    return status;
}

static smbkit_status handle_alter(struct rpc_pipe *p, const struct pdu_header *hdr, struct cur *c)
{
    struct pdu_bind bind;
    if (!p->is_bound || !pdu_bind_parse(c, &bind) || bind.context_count == 0) {
        return protocol_error(p, hdr);
    }
    if (hdr->auth_len_bytes != 0) {
        return send_fault(p, hdr->call_id, 0, PDU_DID_NOT_EXECUTE, PDU_FAULT_ACCESS_DENIED);
    }
    smbkit_status status = answer_contexts(p, hdr, c, bind.context_count);
    return status == SMBKIT_STATUS_INVALID_PARAMETER ? protocol_error(p, hdr) : status;
}

/* --- request --- */

static void end_call(struct rpc_pipe *p)
{
    p->call_state = CALL_NONE;
    wr_fini(&p->call_stub);
    pipe_give(p, p->call_charged);
    p->call_charged = 0;
}

static smbkit_status send_response(struct rpc_pipe *p, const struct wr *stub)
{
    size_t room = p->max_xmit_bytes - PDU_RESPONSE_HEADER_BYTES;
    size_t pos = 0;
    room -= room % STUB_ALIGN;
    do {
        size_t n = MIN(room, stub->len - pos);
        struct wr w = wr_new(RPC_FRAG_BYTES_MAX);
        struct pdu_response r = {
            .flags = (uint8_t)((pos == 0 ? PDU_FIRST_FRAG : 0) |
                               (pos + n == stub->len ? PDU_LAST_FRAG : 0)),
            .call_id = p->call_id,
            .context_id = p->call_context,
            .left_bytes = (uint32_t)(stub->len - pos),
            .stub = stub->base + pos,
            .stub_len_bytes = n,
        };
        pdu_response_format(&w, &r);
        smbkit_status status = pipe_queue(p, &w);
        if (status != SMBKIT_STATUS_SUCCESS) {
            return status;
        }
        pos += n;
    } while (pos < stub->len);
    return SMBKIT_STATUS_SUCCESS;
}

/* Run the gathered call and answer it. */
static smbkit_status run_call(struct rpc_pipe *p)
{
    struct rpc_call call = {
        .env = p->env,
        .who = &p->who,
        .handles = &p->handles,
        .in = cur_init(p->call_stub.base, p->call_stub.len),
        .out = ndr_out_new(RPC_REPLY_STUB_BYTES_MAX),
    };
    rpc_method_fn method = iface_method_get(p->iface, p->call_opnum);
    uint32_t fault = method ? method(&call) : PDU_FAULT_OP_RANGE;
    if (fault == 0 && !wr_ok(&call.out.w)) {
        fault = PDU_FAULT_NO_MEMORY;
    }
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (p->call_is_maybe) {
        /* No reply of any kind. [C706] 12.6.3.1 */
    } else if (fault != 0) {
        status =
            send_fault(p, p->call_id, p->call_context, method ? 0 : PDU_DID_NOT_EXECUTE, fault);
    } else {
        status = send_response(p, &call.out.w);
    }
    ndr_out_fini(&call.out);
    end_call(p);
    return status;
}

/* Answer with a fault now, and let the call's remaining fragments pass. */
static smbkit_status refuse_call(struct rpc_pipe *p, bool is_last, uint32_t fault)
{
    end_call(p);
    p->call_state = is_last ? CALL_NONE : CALL_REFUSED;
    if (p->call_is_maybe) {
        return SMBKIT_STATUS_SUCCESS;
    }
    return send_fault(p, p->call_id, p->call_context, PDU_DID_NOT_EXECUTE, fault);
}

static void begin_call(struct rpc_pipe *p, const struct pdu_header *hdr,
                       const struct pdu_request *req)
{
    p->call_state = CALL_GATHERING;
    p->call_id = hdr->call_id;
    p->call_context = req->context_id;
    p->call_opnum = req->opnum;
    p->call_is_maybe = hdr->flags & PDU_MAYBE;
    p->call_stub = wr_new(RPC_STUB_BYTES_MAX);
}

/* Does this fragment belong where the association stands? Concurrent calls are not offered, so a
 * first fragment must not come amid another call. */
static bool fragment_fits(const struct rpc_pipe *p, const struct pdu_header *hdr)
{
    if (hdr->flags & PDU_FIRST_FRAG) {
        return p->call_state == CALL_NONE;
    }
    return p->call_state != CALL_NONE && p->call_id == hdr->call_id;
}

/* The writer grows to twice its contents at most. */
static bool gather_stub(struct rpc_pipe *p, const struct pdu_request *req)
{
    size_t charge = 2 * req->stub_len_bytes;
    if (!pipe_charge(p, charge)) {
        return false;
    }
    p->call_charged += charge;
    wr_bytes(&p->call_stub, req->stub, req->stub_len_bytes);
    return wr_ok(&p->call_stub);
}

static smbkit_status handle_request(struct rpc_pipe *p, const struct pdu_header *hdr, struct cur *c)
{
    struct pdu_request req;
    bool is_last = hdr->flags & PDU_LAST_FRAG;
    if (!p->is_bound || !fragment_fits(p, hdr) || !pdu_request_parse(c, hdr->flags, &req)) {
        return protocol_error(p, hdr);
    }
    if (p->call_state == CALL_REFUSED) {
        p->call_state = is_last ? CALL_NONE : CALL_REFUSED;
        return SMBKIT_STATUS_SUCCESS;
    }
    if (p->call_state == CALL_NONE) {
        begin_call(p, hdr, &req);
    }
    if (hdr->auth_len_bytes != 0) {
        return refuse_call(p, is_last, PDU_FAULT_ACCESS_DENIED);
    }
    if (!has_context(p, p->call_context)) {
        return refuse_call(p, is_last, PDU_FAULT_UNKNOWN_IF);
    }
    if (!gather_stub(p, &req)) {
        return refuse_call(p, is_last, PDU_FAULT_NO_MEMORY);
    }
    return is_last ? run_call(p) : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status handle_orphaned(struct rpc_pipe *p, const struct pdu_header *hdr)
{
    if (p->call_state != CALL_NONE && p->call_id == hdr->call_id) {
        end_call(p);
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status assoc_handle(struct rpc_pipe *p, const struct pdu_header *hdr)
{
    size_t body = hdr->frag_len_bytes - PDU_HEADER_BYTES;
    size_t trailer = hdr->auth_len_bytes ? hdr->auth_len_bytes + PDU_AUTH_TRAILER_BYTES : 0;
    if (trailer > body) {
        return SMBKIT_STATUS_PIPE_BROKEN;
    }
    struct cur c = cur_init(p->frag + PDU_HEADER_BYTES, body - trailer);
    switch (hdr->type) {
    case PDU_BIND:
        return handle_bind(p, hdr, &c);
    case PDU_ALTER_CONTEXT:
        return handle_alter(p, hdr, &c);
    case PDU_REQUEST:
        return handle_request(p, hdr, &c);
    case PDU_ORPHANED:
        return handle_orphaned(p, hdr);
    case PDU_CO_CANCEL: /* calls end before a cancel can arrive */
    case PDU_AUTH3:     /* there is nothing to authenticate */
        return SMBKIT_STATUS_SUCCESS;
    default:
        return protocol_error(p, hdr);
    }
}
