/* SPDX-License-Identifier: Apache-2.0 */
/* NetrConnectionEnum: who is connected to a share, or to what a client is. [MS-SRVS] 3.1.4.1 */
#include "rpc/srvsvc.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "rpc/info.h"

enum connection_field { ID, TYPE, OPENS, USERS, TIME, USER, NET_NAME, FIELDS };

static const uint8_t connection_kinds[FIELDS] = {
    [ID] = NDR_U32,   [TYPE] = NDR_U32, [OPENS] = NDR_U32,    [USERS] = NDR_U32,
    [TIME] = NDR_U32, [USER] = NDR_STR, [NET_NAME] = NDR_STR,
};

/* [MS-SRVS] 2.2.4.1, 2.2.4.2 */
static const struct ndr_level connection_levels[] = {
    {0, true, 1, {ID}},
    {1, true, 7, {ID, TYPE, OPENS, USERS, TIME, USER, NET_NAME}},
};
static const struct ndr_class connection_class = {connection_levels, ARRAY_LEN(connection_levels),
                                                  connection_kinds};

struct connection_filter {
    const char *share;  /* NULL: any */
    const char *client; /* NULL: any */
    struct enum_walk *walk;
};

static bool enum_cb(void *arg, const struct rpc_connection *c)
{
    const struct connection_filter *f = arg;
    bool is_asked_for = (!f->share || utf8_ieq(rpc_text(c->share), f->share)) &&
                        (!f->client || utf8_ieq(rpc_text(c->client), f->client));
    const struct ndr_value values[FIELDS] = {
        [ID] = {.u32 = c->id},
        [TYPE] = {.u32 = c->type},
        [OPENS] = {.u32 = c->opens},
        [USERS] = {.u32 = 1},
        [TIME] = {.u32 = c->connected_sec},
        [USER] = {.str = rpc_text(c->user)},
        /* The other one than what was asked for. */
        [NET_NAME] = {.str = rpc_text(f->share ? c->client : c->share)},
    };
    if (is_asked_for) {
        enum_add(f->walk, values);
    }
    return true;
}

uint32_t srvsvc_connection_enum(struct rpc_call *call)
{
    struct enum_req req;
    struct ndr_str qualifier;
    srvsvc_skip_server_name(&call->in);
    (void)ndr_pull_str_ptr(&call->in, &qualifier);
    if (!enum_req_parse(&call->in, &connection_class, &req)) {
        return PDU_FAULT_NDR;
    }
    uint32_t result = enum_check(call, &req);
    if (result == RPC_OK && qualifier.len_bytes == 0) {
        result = RPC_INVALID_PARAMETER;
    }
    if (result != RPC_OK) {
        enum_refuse(call, &req, result);
        return 0;
    }
    CLEANUP_MEM char *text = ndr_str_dup(&qualifier);
    if (!text) {
        return PDU_FAULT_NO_MEMORY;
    }
    bool is_client = str_has_prefix(text, "\\\\");
    struct enum_walk walk = enum_walk_new(call, &req);
    struct connection_filter f = {
        .share = is_client ? NULL : text, .client = is_client ? text + 2 : NULL, .walk = &walk};
    if (call->env->connections_each) {
        call->env->connections_each(call->env->arg, enum_cb, &f);
    }
    enum_reply(call, &walk);
    enum_walk_fini(&walk);
    return 0;
}
