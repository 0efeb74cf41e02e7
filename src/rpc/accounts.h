/* SPDX-License-Identifier: Apache-2.0 */
/* Who stands behind a SID, and which SID behind a name: the users of the server, and the names that
 * every Windows knows. [MS-LSAT] 3.1.1.1.1, [MS-DTYP] 2.4.2.4 */
#pragma once

#include "base/sid.h"
#include "rpc/rpc.h"

/* SID_NAME_USE. [MS-LSAT] 2.2.13 */
enum account_use {
    ACCOUNT_USER = 1,
    ACCOUNT_GROUP = 2,
    ACCOUNT_DOMAIN = 3,
    ACCOUNT_ALIAS = 4,
    ACCOUNT_WELL_KNOWN = 5,
    ACCOUNT_UNKNOWN = 8,
};

struct account {
    enum account_use use;
    struct sid sid;
    uint8_t domain_subs; /* so many sub-authorities of sid name its domain */
    char domain[RPC_NAME_SIZE];
    char name[RPC_NAME_SIZE]; /* "" for a domain */
};

/* The machine's own domain, without a rid. */
struct sid account_machine_sid(const struct rpc_env *env);
/* false: nobody whom this server knows. */
NODISCARD bool account_of_sid(const struct rpc_env *env, const struct sid *sid,
                              struct account *out);
/* name: DOMAIN\name, name@DOMAIN, a name alone or a domain; in any case of letters. */
NODISCARD bool account_of_name(const struct rpc_env *env, const char *name, struct account *out);
/* What speaks against a user or group of that name, in the words of a message: in any case of
 * letters it means somebody or a domain whom every machine knows, or is what a SID is written as.
 * NULL: nothing. */
const char *account_name_objection(const char *name);
/* The domain's SID. */
struct sid account_domain_sid(const struct account *a);
