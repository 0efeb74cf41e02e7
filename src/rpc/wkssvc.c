/* SPDX-License-Identifier: Apache-2.0 */
/* The workstation service: what little a server without a workstation can tell. [MS-WKST] 3.2.4 */
#include "rpc/iface.h"

#include "rpc/info.h"

enum wksta_field { PLATFORM, NAME, GROUP, MAJOR, MINOR, LANROOT, USERS, WKSTA_FIELDS };

static const uint8_t wksta_kinds[WKSTA_FIELDS] = {
    [PLATFORM] = NDR_U32, [NAME] = NDR_STR,    [GROUP] = NDR_STR, [MAJOR] = NDR_U32,
    [MINOR] = NDR_U32,    [LANROOT] = NDR_STR, [USERS] = NDR_U32,
};

/* [MS-WKST] 2.2.5.1 to 2.2.5.3, and the other arms of WKSTA_INFO. 102 is for administrators, as on
 * Windows ([MS-WKST] 3.2.4.1). */
static const struct ndr_level wksta_levels[] = {
    {100, false, 5, {PLATFORM, NAME, GROUP, MAJOR, MINOR}},
    {101, false, 6, {PLATFORM, NAME, GROUP, MAJOR, MINOR, LANROOT}},
    {102, true, 7, {PLATFORM, NAME, GROUP, MAJOR, MINOR, LANROOT, USERS}},
    {502, false, 0, {0}},
    {1013, false, 0, {0}},
    {1018, false, 0, {0}},
    {1046, false, 0, {0}},
};
static const struct ndr_class wksta_class = {wksta_levels, ARRAY_LEN(wksta_levels), wksta_kinds};

static void skip_server_name(struct cur *c)
{
    struct ndr_str name;
    (void)ndr_pull_str_ptr(c, &name);
}

/* NetrWkstaGetInfo. [MS-WKST] 3.2.4.1 */
static uint32_t wksta_get_info(struct rpc_call *call)
{
    const struct rpc_env *env = call->env;
    skip_server_name(&call->in);
    uint32_t level = ndr_pull_u32(&call->in);
    if (!cur_ok(&call->in)) {
        return PDU_FAULT_NDR;
    }
    const struct ndr_value values[WKSTA_FIELDS] = {
        [PLATFORM] = {.u32 = env->platform ? env->platform : RPC_PLATFORM_NT},
        [NAME] = {.str = rpc_text(env->server_name)},
        [GROUP] = {.str = rpc_text(env->domain)},
        [MAJOR] = {.u32 = env->version_major},
        [MINOR] = {.u32 = env->version_minor},
        [LANROOT] = {.str = ""},
        [USERS] = {.u32 = 0}, /* nobody sits at this computer */
    };
    uint32_t result = info_check(call, &wksta_class, level);
    /* The anonymous may ask for level 100 only. */
    if (result == RPC_OK && level != 100 && call->who->is_anonymous) {
        result = RPC_ACCESS_DENIED;
    }
    info_reply(call, &wksta_class, level, result == RPC_OK ? values : NULL, result);
    return 0;
}

/* [MS-WKST] 2.2.5.9, 2.2.5.10: strings only. */
static const uint8_t user_kinds[] = {NDR_STR, NDR_STR, NDR_STR, NDR_STR};
static const struct ndr_level user_levels[] = {
    {0, true, 1, {0}},
    {1, true, 4, {0, 1, 2, 3}},
};
static const struct ndr_class user_class = {user_levels, ARRAY_LEN(user_levels), user_kinds};

/* NetrWkstaUserEnum: who is logged on to this computer itself. Nobody is; sessions are
 * NetrSessionEnum's. [MS-WKST] 3.2.4.3 */
static uint32_t wksta_user_enum(struct rpc_call *call)
{
    struct enum_req req;
    skip_server_name(&call->in);
    if (!enum_req_parse(&call->in, &user_class, &req)) {
        return PDU_FAULT_NDR;
    }
    uint32_t result = enum_check(call, &req);
    if (result != RPC_OK) {
        enum_refuse(call, &req, result);
        return 0;
    }
    struct enum_walk walk = enum_walk_new(call, &req);
    enum_reply(call, &walk);
    enum_walk_fini(&walk);
    return 0;
}

static const rpc_method_fn methods[] = {
    [0] = wksta_get_info,
    [2] = wksta_user_enum,
};

const struct rpc_iface wkssvc_iface = {
    .pipe = "wkssvc",
    .address = "\\PIPE\\wkssvc",
    /* 6bffd098-a112-3610-9833-46c3f87e345a version 1.0. [MS-WKST] 1.9 */
    .syntax = {.uuid = {0x98, 0xd0, 0xff, 0x6b, 0x12, 0xa1, 0x10, 0x36, 0x98, 0x33, 0x46, 0xc3,
                        0xf8, 0x7e, 0x34, 0x5a},
               .major = 1},
    .methods = methods,
    .method_count = ARRAY_LEN(methods),
};
