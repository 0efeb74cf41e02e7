/* SPDX-License-Identifier: Apache-2.0 */
/* Handles and domains. [MS-SAMR] 3.1.5.1, 3.1.5.11 */
#include "rpc/samr.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"

#define BUILTIN_NAME "Builtin"
#define RID_BUILTIN 32u

uint32_t samr_pull(struct rpc_call *call, uint32_t kinds, struct rpc_object *of_r)
{
    uint32_t number;
    uint32_t fault = rpc_handle_pull(call, &number);
    *of_r = fault == 0 ? rpc_handle_of(call, number) : (struct rpc_object){0};
    if (!(kinds & (1u << of_r->kind))) {
        of_r->kind = 0;
    }
    return fault;
}

/* A handle and the status, or none and why. */
static uint32_t answer_handle(struct rpc_call *call, struct rpc_object of, smbkit_status status)
{
    if (!SMBKIT_OK(status)) {
        rpc_handle_none(call);
        return samr_end(call, status);
    }
    bool has_room = rpc_handle_push_of(call, of);
    return samr_end(call, has_room ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
}

/* Who gives no name, or only a guest's, is told of no account: each rid in turn would be the list.
 */
static uint32_t connect(struct rpc_call *call)
{
    if (!cur_ok(&call->in)) {
        return PDU_FAULT_NDR;
    }
    bool is_somebody = !call->who->is_anonymous && !call->who->is_guest;
    return answer_handle(call, (struct rpc_object){.kind = SAMR_SERVER},
                         is_somebody ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_ACCESS_DENIED);
}

/* SamrConnect: of the server's name only the first character is sent. 3.1.5.1.4 */
static uint32_t samr_connect(struct rpc_call *call)
{
    if (ndr_pull_ptr(&call->in)) {
        (void)ndr_pull_u16(&call->in);
    }
    (void)ndr_pull_u32(&call->in); /* DesiredAccess: to read, which is all there is */
    return connect(call);
}

/* SamrConnect2. 3.1.5.1.3 */
static uint32_t samr_connect2(struct rpc_call *call)
{
    struct ndr_str name;
    (void)ndr_pull_str_ptr(&call->in, &name);
    (void)ndr_pull_u32(&call->in);
    return connect(call);
}

/* SamrConnect4: with the client's revision. 3.1.5.1.2 */
static uint32_t samr_connect4(struct rpc_call *call)
{
    struct ndr_str name;
    (void)ndr_pull_str_ptr(&call->in, &name);
    (void)ndr_pull_u32(&call->in);
    (void)ndr_pull_u32(&call->in);
    return connect(call);
}

/* SamrConnect5: both tell their revision, and what they can do. 3.1.5.1.1 */
static uint32_t samr_connect5(struct rpc_call *call)
{
    struct ndr_str name;
    (void)ndr_pull_str_ptr(&call->in, &name);
    (void)ndr_pull_u32(&call->in);
    uint32_t version = ndr_pull_u32(&call->in);
    uint32_t tag = ndr_pull_u32(&call->in);
    (void)ndr_pull_u32(&call->in);  /* Revision */
    (void)ndr_pull_u32(&call->in);  /* SupportedFeatures */
    if (version != 1 || tag != 1) { /* there is no other. 2.2.7.16 */
        cur_fail(&call->in);
    }
    ndr_push_u32(&call->out, 1);
    ndr_push_u32(&call->out, 1);
    ndr_push_u32(&call->out, 3);
    ndr_push_u32(&call->out, 0);
    return connect(call);
}

static struct sid builtin_sid(void)
{
    return sid_make(5, (const uint32_t[]){RID_BUILTIN}, 1);
}

/* SamrLookupDomainInSamServer. 3.1.5.11.1 */
static uint32_t samr_lookup_domain(struct rpc_call *call)
{
    struct rpc_object of;
    uint32_t fault = samr_pull(call, 1u << SAMR_SERVER, &of);
    struct ndr_name head = ndr_pull_name_head(&call->in);
    struct ndr_str name = ndr_pull_name(&call->in, &head);
    if (fault != 0 || !cur_ok(&call->in)) {
        return fault != 0 ? fault : PDU_FAULT_NDR;
    }
    CLEANUP_MEM char *text = ndr_str_dup(&name);
    if (!text) {
        return PDU_FAULT_NO_MEMORY;
    }
    bool is_builtin = utf8_ieq(text, BUILTIN_NAME);
    bool is_known = of.kind && (is_builtin || utf8_ieq(text, rpc_text(call->env->server_name)));
    ndr_push_ptr(&call->out, is_known);
    if (is_known) {
        struct sid sid = is_builtin ? builtin_sid() : account_machine_sid(call->env);
        ndr_push_sid(&call->out.w, &sid);
    }
    return samr_end(call, is_known  ? SMBKIT_STATUS_SUCCESS
                          : of.kind ? SAMR_NO_SUCH_DOMAIN
                                    : SMBKIT_STATUS_INVALID_HANDLE);
}

/* SamrEnumerateDomainsInSamServer: two, always. 3.1.5.2.1 */
static uint32_t samr_enumerate_domains(struct rpc_call *call)
{
    struct rpc_object of;
    uint32_t fault = samr_pull(call, 1u << SAMR_SERVER, &of);
    uint32_t from = ndr_pull_u32(&call->in);
    (void)ndr_pull_u32(&call->in); /* PreferedMaximumLength */
    if (fault != 0 || !cur_ok(&call->in)) {
        return fault != 0 ? fault : PDU_FAULT_NDR;
    }
    const char *const names[] = {rpc_text(call->env->server_name), BUILTIN_NAME};
    struct ndr_out *o = &call->out;
    uint32_t count = of.kind && from < ARRAY_LEN(names) ? (uint32_t)ARRAY_LEN(names) - from : 0;
    ndr_push_u32(o, count > 0 ? (uint32_t)ARRAY_LEN(names) : from);
    ndr_push_ptr(o, true);
    ndr_push_u32(o, count);
    ndr_push_ptr(o, count > 0);
    if (count > 0) {
        ndr_push_u32(o, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        ndr_push_u32(o, 0);
        ndr_push_name_head(&o->w, o, names[from + i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        ndr_push_name(&o->w, names[from + i]);
    }
    ndr_push_u32(o, count);
    return samr_end(call, of.kind ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INVALID_HANDLE);
}

/* SamrOpenDomain. 3.1.5.1.5 */
static uint32_t samr_open_domain(struct rpc_call *call)
{
    struct rpc_object of;
    struct sid sid;
    uint32_t fault = samr_pull(call, 1u << SAMR_SERVER, &of);
    (void)ndr_pull_u32(&call->in);
    if (fault != 0 || !ndr_pull_sid(&call->in, &sid)) {
        return fault != 0 ? fault : PDU_FAULT_NDR;
    }
    struct sid machine = account_machine_sid(call->env);
    struct sid builtin = builtin_sid();
    uint32_t kind = sid_eq(&sid, &machine)   ? SAMR_DOMAIN
                    : sid_eq(&sid, &builtin) ? SAMR_BUILTIN
                                             : 0;
    smbkit_status status = !of.kind ? SMBKIT_STATUS_INVALID_HANDLE
                           : !kind  ? SAMR_NO_SUCH_DOMAIN
                                    : SMBKIT_STATUS_SUCCESS;
    return answer_handle(call, (struct rpc_object){.kind = kind}, status);
}

/* What an account of that rid is, if the domain has one. */
static smbkit_status find(struct rpc_call *call, uint32_t rid, bool is_group)
{
    struct rpc_user user = {0};
    const struct rpc_env *env = call->env;
    bool is_there = env->user_of_rid && env->user_of_rid(env->arg, rid, &user);
    if (!is_there || user.is_group != is_group) {
        return is_group ? SAMR_NO_SUCH_ALIAS : SMBKIT_STATUS_NO_SUCH_USER;
    }
    bool is_self = utf8_ieq(user.name, rpc_text(call->who->user));
    return is_self || is_group || samr_may_list(call) ? SMBKIT_STATUS_SUCCESS
                                                      : SMBKIT_STATUS_ACCESS_DENIED;
}

/* SamrOpenUser. 3.1.5.1.9 */
static uint32_t samr_open_user(struct rpc_call *call)
{
    struct rpc_object of;
    uint32_t fault = samr_pull(call, 1u << SAMR_DOMAIN | 1u << SAMR_BUILTIN, &of);
    (void)ndr_pull_u32(&call->in);
    uint32_t rid = ndr_pull_u32(&call->in);
    if (fault != 0 || !cur_ok(&call->in)) {
        return fault != 0 ? fault : PDU_FAULT_NDR;
    }
    smbkit_status status = !of.kind                  ? SMBKIT_STATUS_INVALID_HANDLE
                           : of.kind == SAMR_BUILTIN ? SMBKIT_STATUS_NO_SUCH_USER
                                                     : find(call, rid, false);
    return answer_handle(call, (struct rpc_object){.kind = SAMR_USER, .rid = rid}, status);
}

static const rpc_method_fn methods[] = {
    [0] = samr_connect,           [1] = rpc_method_close,        [5] = samr_lookup_domain,
    [6] = samr_enumerate_domains, [7] = samr_open_domain,        [11] = samr_enumerate_groups,
    [13] = samr_enumerate_users,  [15] = samr_enumerate_aliases, [16] = samr_alias_membership,
    [17] = samr_lookup_names,     [18] = samr_lookup_rids,       [34] = samr_open_user,
    [36] = samr_query_user,       [39] = samr_groups_for_user,   [47] = samr_query_user,
    [57] = samr_connect2,         [62] = samr_connect4,          [64] = samr_connect5,
};

/* What is not here is answered as an opnum out of range. */
const struct rpc_iface samr_iface = {
    .pipe = "samr",
    .address = "\\PIPE\\lsass",
    /* 12345778-1234-abcd-ef00-0123456789ac version 1.0. [MS-SAMR] 1.9 */
    .syntax = {.uuid = {0x78, 0x57, 0x34, 0x12, 0x34, 0x12, 0xcd, 0xab, 0xef, 0x00, 0x01, 0x23,
                        0x45, 0x67, 0x89, 0xac},
               .major = 1},
    .methods = methods,
    .method_count = ARRAY_LEN(methods),
};
