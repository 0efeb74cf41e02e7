/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/iface.h"

#include "base/mem.h"

/* Attributes and a UUID, of which the first four bytes say which handle it is. [C706] 14.2.16.6 */
static void push(struct rpc_call *call, uint32_t number)
{
    ndr_push_u32(&call->out, 0);
    wr_u32(&call->out.w, number);
    wr_zero(&call->out.w, RPC_HANDLE_BYTES - 8);
}

/* The place of a number; RPC_HANDLES_MAX: it is not open. */
static size_t place_of(const struct rpc_handles *h, uint32_t number)
{
    size_t i = 0;
    while (i < RPC_HANDLES_MAX && h->open[i] != number) {
        i++;
    }
    return i;
}

bool rpc_handle_push(struct rpc_call *call)
{
    return rpc_handle_push_of(call, (struct rpc_object){0});
}

struct rpc_object rpc_handle_of(const struct rpc_call *call, uint32_t number)
{
    size_t i = place_of(call->handles, number);
    return i < RPC_HANDLES_MAX ? call->handles->of[i] : (struct rpc_object){0};
}

bool rpc_handle_push_of(struct rpc_call *call, struct rpc_object of)
{
    struct rpc_handles *h = call->handles;
    size_t i = place_of(h, 0);
    if (i == RPC_HANDLES_MAX || h->last == UINT32_MAX) {
        push(call, 0);
        return false;
    }
    h->open[i] = ++h->last;
    h->of[i] = of;
    push(call, h->last);
    return true;
}

void rpc_handle_none(struct rpc_call *call)
{
    push(call, 0);
}

uint32_t rpc_handle_pull(struct rpc_call *call, uint32_t *number_r)
{
    static const uint8_t zeros[RPC_HANDLE_BYTES];
    cur_align(&call->in, 4);
    const uint8_t *p = cur_bytes(&call->in, RPC_HANDLE_BYTES);
    if (!p) {
        return PDU_FAULT_NDR;
    }
    *number_r = le32_get(p + 4);
    bool is_ours = mem_eq(p, zeros, 4) && mem_eq(p + 8, zeros, RPC_HANDLE_BYTES - 8);
    if (!is_ours || *number_r == 0 || place_of(call->handles, *number_r) == RPC_HANDLES_MAX) {
        return PDU_FAULT_CONTEXT;
    }
    return RPC_OK;
}

void rpc_handle_close(struct rpc_call *call, uint32_t number)
{
    size_t i = place_of(call->handles, number);
    if (i < RPC_HANDLES_MAX) {
        call->handles->open[i] = 0;
    }
    push(call, 0);
}

uint32_t rpc_method_close(struct rpc_call *call)
{
    uint32_t number;
    uint32_t fault = rpc_handle_pull(call, &number);
    if (fault == 0) {
        rpc_handle_close(call, number);
        ndr_push_u32(&call->out, SMBKIT_STATUS_SUCCESS);
    }
    return fault;
}
