/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/pipe.h"

#include "base/budget.h"
#include "base/mem.h"

bool rpc_pipe_exists(const char *name)
{
    return iface_get(name) != NULL;
}

smbkit_status rpc_pipe_new(const char *name, const struct rpc_env *env,
                           const struct rpc_caller *who, struct rpc_pipe **pipe_r)
{
    *pipe_r = NULL;
    const struct rpc_iface *iface = iface_get(name);
    if (!iface) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    struct rpc_pipe *p = mem_zalloc(sizeof(*p));
    if (!p) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    p->iface = iface;
    p->env = env;
    p->who = *who;
    p->call_stub = wr_new(RPC_STUB_BYTES_MAX);
    list_init(&p->replies);
    *pipe_r = p;
    return SMBKIT_STATUS_SUCCESS;
}

bool pipe_charge(struct rpc_pipe *p, size_t n)
{
    return !p->who.budget || budget_take(p->who.budget, n, NULL);
}

void pipe_give(struct rpc_pipe *p, size_t n)
{
    if (p->who.budget) {
        budget_give(p->who.budget, n);
    }
}

static bool frag_begin(struct rpc_pipe *p)
{
    if (!p->frag && pipe_charge(p, RPC_FRAG_BYTES_MAX)) {
        p->frag = mem_alloc(RPC_FRAG_BYTES_MAX);
        pipe_give(p, p->frag ? 0 : RPC_FRAG_BYTES_MAX);
    }
    return p->frag != NULL;
}

static void frag_end(struct rpc_pipe *p)
{
    if (p->frag) {
        mem_free(p->frag);
        p->frag = NULL;
        p->frag_len = 0;
        pipe_give(p, RPC_FRAG_BYTES_MAX);
    }
}

static void message_free(struct rpc_pipe *p, struct pipe_message *m)
{
    pipe_give(p, m->charged);
    mem_free(m->bytes);
    mem_free(m);
}

void rpc_pipe_free(struct rpc_pipe *p)
{
    if (!p) {
        return;
    }
    LIST_FOR_EACH_SAFE (l, &p->replies) {
        message_free(p, LIST_ENTRY(l, struct pipe_message, link));
    }
    frag_end(p);
    wr_fini(&p->call_stub);
    pipe_give(p, p->call_charged);
    mem_free(p);
}

smbkit_status pipe_queue(struct rpc_pipe *p, struct wr *w)
{
    size_t charged = sizeof(struct pipe_message) + w->cap;
    if (!pipe_charge(p, charged)) {
        wr_fini(w);
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    struct pipe_message *m = mem_zalloc(sizeof(*m));
    if (!m) {
        pipe_give(p, charged);
        wr_fini(w);
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    m->charged = charged;
    m->bytes = wr_take(w, &m->len);
    if (!m->bytes) {
        wr_fini(w);
        message_free(p, m);
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    list_push_back(&p->replies, &m->link);
    p->replies_bytes += m->len;
    p->replies_count++;
    return SMBKIT_STATUS_SUCCESS;
}

/* Move bytes of data into the fragment until it holds want; returns those taken. */
static size_t gather(struct rpc_pipe *p, const uint8_t *data, size_t n, size_t want)
{
    size_t take = MIN(n, want - p->frag_len);
    mem_copy(p->frag + p->frag_len, data, take);
    p->frag_len += take;
    return take;
}

static bool header_is_sane(const struct pdu_header *h)
{
    return h->version == PDU_VERSION && h->version_minor <= PDU_VERSION_MINOR_MAX && h->is_little &&
           h->frag_len_bytes >= PDU_HEADER_BYTES && h->frag_len_bytes <= RPC_FRAG_BYTES_MAX;
}

/* Take bytes up to the end of one PDU, and handle it when it is whole. */
static smbkit_status take_pdu(struct rpc_pipe *p, struct cur *in, unsigned *pdus)
{
    struct pdu_header hdr;
    cur_skip(in, gather(p, in->pos, cur_left(in), MAX(p->frag_len, PDU_HEADER_BYTES)));
    if (p->frag_len < PDU_HEADER_BYTES) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct cur c = cur_init(p->frag, PDU_HEADER_BYTES);
    if (!pdu_header_parse(&c, &hdr) || !header_is_sane(&hdr)) {
        return assoc_refuse_header(p, &hdr);
    }
    cur_skip(in, gather(p, in->pos, cur_left(in), hdr.frag_len_bytes));
    if (p->frag_len < hdr.frag_len_bytes) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (++*pdus > PIPE_PDUS_PER_WRITE_MAX || p->replies_bytes >= RPC_REPLIES_BYTES_MAX) {
        return SMBKIT_STATUS_PIPE_BROKEN;
    }
    smbkit_status status = assoc_handle(p, &hdr);
    p->frag_len = 0;
    return status;
}

smbkit_status rpc_pipe_write(struct rpc_pipe *p, const uint8_t *data, size_t n)
{
    unsigned pdus = 0;
    struct cur in = cur_init(data, n);
    if (p->is_broken) {
        return SMBKIT_STATUS_PIPE_BROKEN;
    }
    if (p->replies_bytes >= RPC_REPLIES_BYTES_MAX) {
        return SMBKIT_STATUS_PIPE_BUSY;
    }
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    while (cur_left(&in) > 0 && status == SMBKIT_STATUS_SUCCESS) {
        status = frag_begin(p) ? take_pdu(p, &in, &pdus) : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    p->is_broken = status != SMBKIT_STATUS_SUCCESS;
    if (p->is_broken || p->frag_len == 0) {
        frag_end(p);
    }
    return status;
}

smbkit_status rpc_pipe_read(struct rpc_pipe *p, uint8_t *buf, size_t max, size_t *n_r)
{
    *n_r = 0;
    if (list_is_empty(&p->replies)) {
        return p->is_broken ? SMBKIT_STATUS_PIPE_BROKEN : SMBKIT_STATUS_PIPE_EMPTY;
    }
    struct pipe_message *m = LIST_ENTRY(p->replies.next, struct pipe_message, link);
    size_t n = MIN(max, m->len - m->pos);
    mem_copy(buf, m->bytes + m->pos, n);
    m->pos += n;
    p->replies_bytes -= n;
    *n_r = n;
    if (m->pos < m->len) {
        return SMBKIT_STATUS_BUFFER_OVERFLOW;
    }
    list_remove(&m->link);
    p->replies_count--;
    message_free(p, m);
    return SMBKIT_STATUS_SUCCESS;
}

struct rpc_pipe_peek rpc_pipe_peek(const struct rpc_pipe *p)
{
    struct rpc_pipe_peek peek = {.available_bytes = p->replies_bytes, .messages = p->replies_count};
    if (p->replies_count > 0) {
        const struct pipe_message *m = LIST_ENTRY(p->replies.next, struct pipe_message, link);
        peek.message_bytes = m->len - m->pos;
    }
    return peek;
}

size_t rpc_pipe_available(const struct rpc_pipe *p)
{
    return p->replies_bytes;
}
