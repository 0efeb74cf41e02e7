/* SPDX-License-Identifier: Apache-2.0 */
/* The two shapes that the calls of srvsvc and wkssvc share: "tell all about one thing at level n"
 * and "enumerate, at level n, from a resume handle, so many bytes". [MS-SRVS] 3.1.4.8, 3.1.4.10 */
#pragma once

#include "rpc/iface.h"

/* Reply of a get-info call: the union of cls at level, then the result. values: one for each field
 * of the class; NULL unless result is RPC_OK. */
void info_reply(struct rpc_call *call, const struct ndr_class *cls, uint32_t level,
                const struct ndr_value *values, uint32_t result);
/* What a get-info call at this level has to be refused with, RPC_OK if nothing. */
uint32_t info_check(const struct rpc_call *call, const struct ndr_class *cls, uint32_t level);

/* The parameters that all enumerations end with. */
struct enum_req {
    const struct ndr_class *cls;
    uint32_t level;
    const struct ndr_level *lvl; /* NULL: unknown level; what follows was then not parsed */
    bool has_container;
    uint32_t bytes_max; /* PreferedMaximumLength */
    bool has_resume;
    uint32_t resume; /* elements to pass over */
};

/* An enumeration under way. */
struct enum_walk {
    const struct enum_req *req;
    struct ndr_out *out;
    struct ndr_rows rows;
    size_t room_bytes;
    uint32_t seen;  /* elements met */
    uint32_t total; /* of them, those behind the resume handle */
    bool is_full;
};

/* InfoStruct, PreferedMaximumLength, ResumeHandle. false: malformed. */
NODISCARD bool enum_req_parse(struct cur *c, const struct ndr_class *cls, struct enum_req *out);
/* What the enumeration has to be refused with, RPC_OK if nothing. */
uint32_t enum_check(const struct rpc_call *call, const struct enum_req *req);

struct enum_walk enum_walk_new(struct rpc_call *call, const struct enum_req *req);
void enum_walk_fini(struct enum_walk *walk);
/* The next element, in order. */
void enum_add(struct enum_walk *walk, const struct ndr_value *values);
/* Write the whole reply, with RPC_OK, RPC_MORE_DATA or RPC_BUF_TOO_SMALL. */
void enum_reply(struct rpc_call *call, const struct enum_walk *walk);
/* Write a reply without elements. */
void enum_refuse(struct rpc_call *call, const struct enum_req *req, uint32_t result);
