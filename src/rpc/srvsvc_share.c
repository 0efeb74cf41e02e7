/* SPDX-License-Identifier: Apache-2.0 */
/* NetrShareEnum, NetrShareEnumSticky, NetrShareGetInfo. [MS-SRVS] 3.1.4.8, 3.1.4.9, 3.1.4.10 */
#include "rpc/srvsvc.h"

#include "base/mem.h"
#include "rpc/info.h"

/* shi2_max_uses without limit. [MS-SRVS] 2.2.4.24 */
#define SHARE_USES_UNLIMITED 0xFFFFFFFFu

#define LEVEL_FLAGS 501u

enum share_field {
    NAME,
    TYPE,
    REMARK,
    PERMISSIONS,
    USES_MAX,
    USES,
    PATH,
    PASSWORD,
    SERVER,
    SECURITY_LEN,
    SECURITY,
    FLAGS,
    SHARE_FIELDS
};

static const uint8_t share_kinds[SHARE_FIELDS] = {
    [NAME] = NDR_STR,     [TYPE] = NDR_U32,         [REMARK] = NDR_STR,     [PERMISSIONS] = NDR_U32,
    [USES_MAX] = NDR_U32, [USES] = NDR_U32,         [PATH] = NDR_STR,       [PASSWORD] = NDR_STR,
    [SERVER] = NDR_STR,   [SECURITY_LEN] = NDR_U32, [SECURITY] = NDR_BYTES, [FLAGS] = NDR_U32,
};

/* [MS-SRVS] 2.2.4.22 to 2.2.4.29. The arms of SHARE_ENUM_UNION come first; the rest are those that
 * SHARE_INFO has beside them. What shows paths and security descriptors is for administrators, as
 * on Windows ([MS-SRVS] appendix A on 3.1.4.8 and 3.1.4.10). */
static const struct ndr_level share_levels[] = {
    {0, false, 1, {NAME}},
    {1, false, 3, {NAME, TYPE, REMARK}},
    {2, true, 8, {NAME, TYPE, REMARK, PERMISSIONS, USES_MAX, USES, PATH, PASSWORD}},
    {501, false, 4, {NAME, TYPE, REMARK, FLAGS}},
    {502,
     true,
     10,
     {NAME, TYPE, REMARK, PERMISSIONS, USES_MAX, USES, PATH, PASSWORD, SECURITY_LEN, SECURITY}},
    {503,
     true,
     11,
     {NAME, TYPE, REMARK, PERMISSIONS, USES_MAX, USES, PATH, PASSWORD, SERVER, SECURITY_LEN,
      SECURITY}},
    {1005, false, 1, {FLAGS}},
    {1004, false, 0, {0}},
    {1006, false, 0, {0}},
    {1501, false, 0, {0}},
};
#define SHARE_ENUM_LEVELS 6u

static const struct ndr_class enum_class = {share_levels, SHARE_ENUM_LEVELS, share_kinds};
static const struct ndr_class info_class = {share_levels, ARRAY_LEN(share_levels), share_kinds};

static void share_values(const struct rpc_share *s, struct ndr_value out[SHARE_FIELDS])
{
    mem_zero(out, SHARE_FIELDS * sizeof(*out));
    out[NAME].str = rpc_text(s->name);
    out[TYPE].u32 = s->type;
    out[REMARK].str = rpc_text(s->comment);
    out[USES_MAX].u32 = s->max_uses ? s->max_uses : SHARE_USES_UNLIMITED;
    out[USES].u32 = s->current_uses;
    out[PATH].str = rpc_text(s->path);
    out[SERVER].str = "*"; /* no scoped names. [MS-SRVS] 2.2.4.27 */
    out[SECURITY].bytes = s->security;
    out[SECURITY].u32 = s->security ? s->security_len_bytes : 0;
    out[SECURITY_LEN].u32 = out[SECURITY].u32;
    out[FLAGS].u32 = s->flags;
}

static bool enum_cb(void *arg, const struct rpc_share *share)
{
    struct ndr_value values[SHARE_FIELDS];
    share_values(share, values);
    enum_add(arg, values);
    return true;
}

static uint32_t share_enum(struct rpc_call *call, bool is_sticky)
{
    struct enum_req req;
    srvsvc_skip_server_name(&call->in);
    if (!enum_req_parse(&call->in, &enum_class, &req)) {
        return PDU_FAULT_NDR;
    }
    uint32_t result = enum_check(call, &req);
    if (is_sticky && req.level == LEVEL_FLAGS) {
        result = RPC_INVALID_LEVEL;
    }
    if (result != RPC_OK) {
        enum_refuse(call, &req, result);
        return 0;
    }
    struct enum_walk walk = enum_walk_new(call, &req);
    if (call->env->shares_each) {
        call->env->shares_each(call->env->arg, call->who, enum_cb, &walk);
    }
    enum_reply(call, &walk);
    enum_walk_fini(&walk);
    return 0;
}

uint32_t srvsvc_share_enum(struct rpc_call *call)
{
    return share_enum(call, false);
}

/* All our shares are persistent; level 501 is none of this method. [MS-SRVS] 3.1.4.9 */
uint32_t srvsvc_share_enum_sticky(struct rpc_call *call)
{
    return share_enum(call, true);
}

struct share_get {
    struct rpc_call *call;
    uint32_t level;
};

static bool get_cb(void *arg, const struct rpc_share *share)
{
    struct share_get *get = arg;
    struct ndr_value values[SHARE_FIELDS];
    share_values(share, values);
    info_reply(get->call, &info_class, get->level, values, RPC_OK);
    return false;
}

uint32_t srvsvc_share_get_info(struct rpc_call *call)
{
    const struct rpc_env *env = call->env;
    srvsvc_skip_server_name(&call->in);
    struct ndr_str name = ndr_pull_str(&call->in);
    struct share_get get = {.call = call, .level = ndr_pull_u32(&call->in)};
    if (!cur_ok(&call->in)) {
        return PDU_FAULT_NDR;
    }
    uint32_t result = info_check(call, &info_class, get.level);
    if (result != RPC_OK) {
        info_reply(call, &info_class, get.level, NULL, result);
        return 0;
    }
    CLEANUP_MEM char *text = ndr_str_dup(&name);
    if (!text) {
        return PDU_FAULT_NO_MEMORY;
    }
    if (!env->share_get || !env->share_get(env->arg, call->who, text, get_cb, &get)) {
        info_reply(call, &info_class, get.level, NULL, RPC_SHARE_NOT_FOUND);
    }
    return 0;
}
