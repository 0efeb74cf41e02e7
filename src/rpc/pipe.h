/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a pipe: pipe.c moves bytes and messages, assoc.c speaks the protocol. */
#pragma once

#include "base/list.h"
#include "rpc/iface.h"

/* Presentation contexts of one association; clients use one to three. */
#define PIPE_CONTEXTS_MAX 16u
/* PDUs that one write may carry: an honest client sends one, or the fragments of one. */
#define PIPE_PDUS_PER_WRITE_MAX 1024u

/* A reply message waiting to be read. */
struct pipe_message {
    struct list link;
    uint8_t *bytes;
    size_t len;
    size_t pos;     /* read so far */
    size_t charged; /* of the pipe's budget */
};

enum call_state {
    CALL_NONE,
    CALL_GATHERING, /* the first fragment came, the last did not */
    CALL_REFUSED,   /* a fault was sent; the rest of the fragments go by unread */
};

struct rpc_pipe {
    const struct rpc_iface *iface;
    const struct rpc_env *env; /* borrowed: outlives the pipe */
    struct rpc_caller who;
    bool is_broken;

    uint8_t *frag; /* the PDU being received: RPC_FRAG_BYTES_MAX; NULL between two of them */
    size_t frag_len;

    bool is_bound;
    uint16_t max_xmit_bytes; /* the client's limit on our fragments */
    uint16_t max_recv_bytes;
    uint32_t assoc_group;
    uint16_t contexts[PIPE_CONTEXTS_MAX]; /* accepted: all for iface in NDR 2.0 */
    unsigned context_count;

    enum call_state call_state;
    uint32_t call_id;
    uint16_t call_context;
    uint16_t call_opnum;
    bool call_is_maybe; /* wants no reply */
    struct wr call_stub;
    size_t call_charged; /* for it */

    struct rpc_handles handles;

    struct list replies; /* struct pipe_message */
    size_t replies_bytes;
    uint32_t replies_count;
};

/* Charge n bytes to the pipe's budget; false: there is no room. */
NODISCARD bool pipe_charge(struct rpc_pipe *p, size_t n);
void pipe_give(struct rpc_pipe *p, size_t n);
/* Queue a PDU as a message, taking w's buffer; w is empty afterwards in any case.
 * Errors: INSUFFICIENT_RESOURCES w has failed, or no memory. */
NODISCARD smbkit_status pipe_queue(struct rpc_pipe *p, struct wr *w);

/* Handle the whole PDU in p->frag. Not SUCCESS: the pipe is of no use any more (replies that were
 * queued to say so stay). PIPE_BROKEN: the client broke the protocol; INSUFFICIENT_RESOURCES. */
NODISCARD smbkit_status assoc_handle(struct rpc_pipe *p, const struct pdu_header *hdr);
/* The same when the header alone cannot be trusted: not our version or data representation, or a
 * length out of bounds. */
NODISCARD smbkit_status assoc_refuse_header(struct rpc_pipe *p, const struct pdu_header *hdr);
