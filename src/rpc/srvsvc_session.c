/* SPDX-License-Identifier: Apache-2.0 */
/* NetrSessionEnum. [MS-SRVS] 3.1.4.5 */
#include "rpc/srvsvc.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "rpc/info.h"

/* sesi1_user_flags. [MS-SRVS] 2.2.2.3 */
#define SESS_GUEST 1u

enum session_field { CLIENT, USER, OPENS, TIME, IDLE, FLAGS, CLIENT_TYPE, TRANSPORT, FIELDS };

static const uint8_t session_kinds[FIELDS] = {
    [CLIENT] = NDR_STR, [USER] = NDR_STR,  [OPENS] = NDR_U32,       [TIME] = NDR_U32,
    [IDLE] = NDR_U32,   [FLAGS] = NDR_U32, [CLIENT_TYPE] = NDR_STR, [TRANSPORT] = NDR_STR,
};

/* [MS-SRVS] 2.2.4.11 to 2.2.4.15. 1, 2 and 502 are for administrators as on Windows; at 0 and 10
 * others see their own sessions. */
static const struct ndr_level session_levels[] = {
    {0, false, 1, {CLIENT}},
    {1, true, 6, {CLIENT, USER, OPENS, TIME, IDLE, FLAGS}},
    {2, true, 7, {CLIENT, USER, OPENS, TIME, IDLE, FLAGS, CLIENT_TYPE}},
    {10, false, 4, {CLIENT, USER, TIME, IDLE}},
    {502, true, 8, {CLIENT, USER, OPENS, TIME, IDLE, FLAGS, CLIENT_TYPE, TRANSPORT}},
};
static const struct ndr_class session_class = {session_levels, ARRAY_LEN(session_levels),
                                               session_kinds};

struct session_filter {
    const struct rpc_caller *who;
    char *client; /* NULL: any; without backslashes */
    char *user;   /* NULL: any */
    bool has_client_met;
    bool has_user_met;
    struct enum_walk *walk;
};

static bool enum_cb(void *arg, const struct rpc_session *s)
{
    struct session_filter *f = arg;
    const char *client = rpc_text(s->client);
    const char *user = rpc_text(s->user);
    if (!f->who->is_admin && !utf8_ieq(user, rpc_text(f->who->user))) {
        return true;
    }
    bool is_client = !f->client || utf8_ieq(client, f->client);
    bool is_user = !f->user || utf8_ieq(user, f->user);
    f->has_client_met |= is_client;
    f->has_user_met |= is_user;
    if (!is_client || !is_user) {
        return true;
    }
    const struct ndr_value values[FIELDS] = {
        [CLIENT] = {.str = client},
        [USER] = {.str = user},
        [OPENS] = {.u32 = s->opens},
        [TIME] = {.u32 = s->connected_sec},
        [IDLE] = {.u32 = s->idle_sec},
        [FLAGS] = {.u32 = s->is_guest ? SESS_GUEST : 0},
        [CLIENT_TYPE] = {.str = rpc_text(s->client_os)},
        [TRANSPORT] = {.str = ""},
    };
    enum_add(f->walk, values);
    return true;
}

static void walk_sessions(struct rpc_call *call, const struct enum_req *req,
                          struct session_filter *f)
{
    struct enum_walk walk = enum_walk_new(call, req);
    f->walk = &walk;
    if (call->env->sessions_each) {
        call->env->sessions_each(call->env->arg, enum_cb, f);
    }
    if (f->client && !f->has_client_met) {
        enum_refuse(call, req, RPC_CLIENT_NOT_FOUND);
    } else if (f->user && !f->has_user_met) {
        enum_refuse(call, req, RPC_USER_NOT_FOUND);
    } else {
        enum_reply(call, &walk);
    }
    enum_walk_fini(&walk);
}

/* A name to look for; an empty one counts as none. false: no memory. */
static bool filter_name(const struct ndr_str *s, char **out)
{
    *out = NULL;
    if (s->len_bytes == 0) {
        return true;
    }
    *out = ndr_str_dup(s);
    return *out != NULL;
}

/* \\name -> name, in place; false when the backslashes are missing. */
static bool strip_unc(char *name)
{
    if (!str_has_prefix(name, "\\\\")) {
        return false;
    }
    mem_move(name, name + 2, str_len(name) - 1);
    return true;
}

static uint32_t run_filtered(struct rpc_call *call, const struct enum_req *req,
                             const struct ndr_str *client, const struct ndr_str *user)
{
    CLEANUP_MEM char *client_name = NULL;
    CLEANUP_MEM char *user_name = NULL;
    if (!filter_name(client, &client_name) || !filter_name(user, &user_name)) {
        return PDU_FAULT_NO_MEMORY;
    }
    if (client_name && !strip_unc(client_name)) {
        enum_refuse(call, req, RPC_CLIENT_NOT_FOUND);
        return 0;
    }
    struct session_filter f = {.who = call->who, .client = client_name, .user = user_name};
    walk_sessions(call, req, &f);
    return 0;
}

uint32_t srvsvc_session_enum(struct rpc_call *call)
{
    struct enum_req req;
    struct ndr_str client;
    struct ndr_str user;
    srvsvc_skip_server_name(&call->in);
    (void)ndr_pull_str_ptr(&call->in, &client);
    (void)ndr_pull_str_ptr(&call->in, &user);
    if (!enum_req_parse(&call->in, &session_class, &req)) {
        return PDU_FAULT_NDR;
    }
    uint32_t result = enum_check(call, &req);
    if (result == RPC_OK && (call->who->is_anonymous || call->who->is_guest)) {
        result = RPC_ACCESS_DENIED;
    }
    if (result != RPC_OK) {
        enum_refuse(call, &req, result);
        return 0;
    }
    return run_filtered(call, &req, &client, &user);
}
