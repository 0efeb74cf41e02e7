/* SPDX-License-Identifier: Apache-2.0 */
/* The accounts of the machine, as clients ask for them: the Security tab of Explorer, macOS,
 * rpcclient. Nothing can be changed through it, and nothing is told of passwords. [MS-SAMR] */
#pragma once

#include "rpc/accounts.h"
#include "rpc/iface.h"
#include "rpc/ndr_name.h"

/* [MS-ERREF] 2.3.1 */
#define SAMR_MORE_ENTRIES ((smbkit_status)0x00000105)
#define SAMR_NO_SUCH_DOMAIN ((smbkit_status)0xC00000DF)
#define SAMR_NO_SUCH_ALIAS ((smbkit_status)0xC0000151)

/* What a handle is of. */
enum samr_kind {
    SAMR_SERVER = 1,
    SAMR_DOMAIN,  /* the machine's own: users and groups */
    SAMR_BUILTIN, /* aliases that every Windows has */
    SAMR_USER,    /* rid */
    SAMR_ALIAS,   /* rid, of the machine's own domain */
};

/* A handle of the request, of one of these kinds (bits 1 << kind). 0, or the fault. *of_r: what it
 * is of; kind 0: of something else, which INVALID_HANDLE tells. */
NODISCARD uint32_t samr_pull(struct rpc_call *call, uint32_t kinds, struct rpc_object *of_r);
/* The end of a reply. */
static inline uint32_t samr_end(struct rpc_call *call, smbkit_status status)
{
    ndr_push_u32(&call->out, (uint32_t)status);
    return 0;
}
/* May the one who asks see everybody's accounts, or only know who he is himself? */
static inline bool samr_may_list(const struct rpc_call *call)
{
    return call->who->is_admin;
}

uint32_t samr_lookup_names(struct rpc_call *call);
uint32_t samr_lookup_rids(struct rpc_call *call);
uint32_t samr_enumerate_users(struct rpc_call *call);
uint32_t samr_enumerate_groups(struct rpc_call *call);
uint32_t samr_enumerate_aliases(struct rpc_call *call);
uint32_t samr_alias_membership(struct rpc_call *call);
uint32_t samr_groups_for_user(struct rpc_call *call);
uint32_t samr_query_user(struct rpc_call *call);
