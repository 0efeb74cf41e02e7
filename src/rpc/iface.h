/* SPDX-License-Identifier: Apache-2.0 */
/* The interfaces that we serve, and what a call of one of their methods works with. */
#pragma once

#include "rpc/ndr.h"
#include "rpc/pdu.h"
#include "rpc/rpc.h"

/* Results of a method (NET_API_STATUS). [MS-ERREF] 2.2, [MS-SRVS] 2.2.2 */
enum rpc_result {
    RPC_OK = 0,
    RPC_ACCESS_DENIED = 5,
    RPC_INVALID_PARAMETER = 87,
    RPC_INVALID_LEVEL = 124,
    RPC_MORE_DATA = 234,
    RPC_BUF_TOO_SMALL = 2123,
    RPC_USER_NOT_FOUND = 2221,
    RPC_SHARE_NOT_FOUND = 2310,
    RPC_CLIENT_NOT_FOUND = 2312,
};

/* A call while its method runs. */
struct rpc_call {
    const struct rpc_env *env;
    const struct rpc_caller *who;
    struct cur in;      /* the request's stub */
    struct ndr_out out; /* the reply's, empty at first */
};

/* Returns 0, or the status of a fault (the reply is then dropped): PDU_FAULT_NDR for a malformed
 * stub, PDU_FAULT_NO_MEMORY. Running out of room in out needs no check: the dispatcher looks. */
typedef uint32_t (*rpc_method_fn)(struct rpc_call *call);

struct rpc_iface {
    const char *pipe;    /* lower case */
    const char *address; /* secondary address of a bind_ack */
    struct pdu_syntax syntax;
    const rpc_method_fn *methods; /* by opnum; NULL: not served */
    uint16_t method_count;
};

extern const struct rpc_iface srvsvc_iface;
extern const struct rpc_iface wkssvc_iface;

/* NULL: no such pipe. */
const struct rpc_iface *iface_get(const char *pipe);
/* Same UUID and major version, and a minor version that we have? */
bool iface_speaks(const struct rpc_iface *iface, const struct pdu_syntax *abstract);
/* NULL: opnum out of range. */
rpc_method_fn iface_method_get(const struct rpc_iface *iface, uint16_t opnum);

/* "" for NULL. */
static inline const char *rpc_text(const char *s)
{
    return s ? s : "";
}
