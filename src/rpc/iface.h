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
    RPC_DEVICE_NOT_SHARED = 2311,
    RPC_CLIENT_NOT_FOUND = 2312,
    RPC_FILE_NOT_FOUND = 2314,
};

#define RPC_HANDLES_MAX 64u  /* context handles of one pipe */
#define RPC_HANDLE_BYTES 20u /* on the wire. [MS-RPCE] 2.2.2.6 */

/* The context handles of a pipe. A handle is known by its number in the pipe, which is never given
 * twice; behind it is no more than what it is of. */
struct rpc_handles {
    uint32_t open[RPC_HANDLES_MAX]; /* 0: free */
    struct rpc_object {
        uint32_t kind; /* the interface's own; 0: nothing in particular */
        uint32_t rid;
    } of[RPC_HANDLES_MAX];
    uint32_t last;
};

/* A call while its method runs. */
struct rpc_call {
    struct rpc_handles *handles;
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

/* Write a new handle to the reply; false: too many, and one of zeros is written. */
NODISCARD bool rpc_handle_push(struct rpc_call *call);
NODISCARD bool rpc_handle_push_of(struct rpc_call *call, struct rpc_object of);
/* Write one of zeros: none was opened. */
void rpc_handle_none(struct rpc_call *call);
/* A handle of the request. RPC_OK; or the fault: PDU_FAULT_NDR, or PDU_FAULT_CONTEXT (none of ours,
 * or closed). number_r: for rpc_handle_close. */
NODISCARD uint32_t rpc_handle_pull(struct rpc_call *call, uint32_t *number_r);
/* What an open one is of. */
struct rpc_object rpc_handle_of(const struct rpc_call *call, uint32_t number);
/* Close it and write one of zeros to the reply. */
void rpc_handle_close(struct rpc_call *call, uint32_t number);
/* The method that does so with the handle of its request: LsarClose, [MS-LSAD] 3.1.4.9.4;
 * SamrCloseHandle, [MS-SAMR] 3.1.5.13.1. */
uint32_t rpc_method_close(struct rpc_call *call);

extern const struct rpc_iface lsarpc_iface;
extern const struct rpc_iface samr_iface;
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
