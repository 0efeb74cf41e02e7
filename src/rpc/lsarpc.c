/* SPDX-License-Identifier: Apache-2.0 */
/* The local security authority, as far as clients ask a file server for names of accounts: the
 * Security tab of Explorer, rpcclient. Nothing can be changed through it. [MS-LSAD] */
#include "rpc/lsarpc.h"

#include "rpc/accounts.h"
#include "rpc/ndr_name.h"

/* ---- policy handles ---- */

/* LSAPR_OBJECT_ATTRIBUTES: only what a client may say to a server that knows no other objects.
 * false: malformed, or with members that must be absent. [MS-LSAD] 2.2.2.4 */
static bool skip_object_attributes(struct cur *c)
{
    (void)ndr_pull_u32(c); /* Length */
    bool has_root = ndr_pull_ptr(c);
    bool has_name = ndr_pull_ptr(c);
    (void)ndr_pull_u32(c); /* Attributes */
    bool has_descriptor = ndr_pull_ptr(c);
    bool has_quality = ndr_pull_ptr(c);
    if (has_root) {
        (void)cur_u8(c);
    }
    if (has_quality) { /* Length, ImpersonationLevel, ContextTrackingMode, EffectiveOnly */
        (void)ndr_pull_u32(c);
        cur_skip(c, 4);
    }
    return cur_ok(c) && !has_name && !has_descriptor;
}

static uint32_t open_policy(struct rpc_call *call)
{
    bool is_good = skip_object_attributes(&call->in);
    (void)ndr_pull_u32(&call->in); /* DesiredAccess: lookups need none that anybody lacks */
    if (!is_good || !cur_ok(&call->in)) {
        return PDU_FAULT_NDR;
    }
    if (call->who->is_anonymous) {
        rpc_handle_none(call);
        ndr_push_u32(&call->out, (uint32_t)SMBKIT_STATUS_ACCESS_DENIED);
        return 0;
    }
    bool has_room = rpc_handle_push(call);
    ndr_push_u32(&call->out, (uint32_t)(has_room ? SMBKIT_STATUS_SUCCESS
                                                 : SMBKIT_STATUS_INSUFFICIENT_RESOURCES));
    return 0;
}

/* LsarOpenPolicy: of the server's name only the first character is sent. [MS-LSAD] 3.1.4.4.2 */
static uint32_t lsarpc_open_policy(struct rpc_call *call)
{
    if (ndr_pull_ptr(&call->in)) {
        (void)ndr_pull_u16(&call->in);
    }
    return open_policy(call);
}

/* LsarOpenPolicy2. [MS-LSAD] 3.1.4.4.1 */
static uint32_t lsarpc_open_policy2(struct rpc_call *call)
{
    struct ndr_str name;
    (void)ndr_pull_str_ptr(&call->in, &name);
    return open_policy(call);
}

/* ---- what the machine is ---- */

/* POLICY_INFORMATION_CLASS. [MS-LSAD] 2.2.4.1 */
enum policy_class {
    POLICY_PRIMARY_DOMAIN = 3,
    POLICY_ACCOUNT_DOMAIN = 5,
    POLICY_SERVER_ROLE = 6,
    POLICY_DNS_DOMAIN = 12,
    POLICY_DNS_DOMAIN_INT = 13,
    POLICY_LOCAL_ACCOUNT_DOMAIN = 14,
};
#define SERVER_ROLE_PRIMARY 3u /* POLICY_LSA_SERVER_ROLE. [MS-LSAD] 2.2.4.9 */

/* Name and SID of a domain; sid: NULL: it has none. [MS-LSAD] 2.2.4.5, 2.2.4.6 */
static void push_domain(struct ndr_out *o, const char *name, const struct sid *sid)
{
    ndr_push_name_head(&o->w, o, name);
    ndr_push_ptr(o, sid != NULL);
    ndr_push_name(&o->w, name);
    if (sid) {
        ndr_push_sid(&o->w, sid);
    }
}

/* A machine that belongs to no domain has a work group's name and nothing else. [MS-LSAD] 2.2.4.14
 */
static void push_dns_domain(struct ndr_out *o, const char *name)
{
    const char *const names[] = {name, "", ""}; /* DnsDomainName, DnsForestName */
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        ndr_push_name_head(&o->w, o, names[i]);
    }
    wr_zero(&o->w, 16); /* DomainGuid */
    ndr_push_ptr(o, false);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        ndr_push_name(&o->w, names[i]);
    }
}

static void push_policy(struct rpc_call *call, uint16_t policy_class)
{
    struct sid machine = account_machine_sid(call->env);
    struct ndr_out *o = &call->out;
    ndr_push_ptr(o, true);
    ndr_push_u16(o, policy_class);
    wr_align(&o->w, 0, 4); /* every arm stands as the widest one must */
    switch (policy_class) {
    case POLICY_PRIMARY_DOMAIN:
        push_domain(o, rpc_text(call->env->domain), NULL);
        break;
    case POLICY_SERVER_ROLE:
        ndr_push_u16(o, SERVER_ROLE_PRIMARY);
        break;
    case POLICY_DNS_DOMAIN:
    case POLICY_DNS_DOMAIN_INT:
        push_dns_domain(o, rpc_text(call->env->domain));
        break;
    default:
        push_domain(o, rpc_text(call->env->server_name), &machine);
        break;
    }
}

static bool is_told(uint16_t policy_class)
{
    static const uint16_t told[] = {POLICY_PRIMARY_DOMAIN, POLICY_ACCOUNT_DOMAIN,
                                    POLICY_SERVER_ROLE,    POLICY_DNS_DOMAIN,
                                    POLICY_DNS_DOMAIN_INT, POLICY_LOCAL_ACCOUNT_DOMAIN};
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        if (told[i] == policy_class) {
            return true;
        }
    }
    return false;
}

/* LsarQueryInformationPolicy and its second form, which are alike. [MS-LSAD] 3.1.4.4.3, 3.1.4.4.4
 */
static uint32_t lsarpc_query_policy(struct rpc_call *call)
{
    uint32_t number;
    uint32_t fault = rpc_handle_pull(call, &number);
    uint16_t policy_class = ndr_pull_u16(&call->in);
    if (fault != 0 || !cur_ok(&call->in)) {
        return fault != 0 ? fault : PDU_FAULT_NDR;
    }
    bool told = is_told(policy_class);
    if (told) {
        push_policy(call, policy_class);
    } else {
        ndr_push_ptr(&call->out, false);
    }
    ndr_push_u32(&call->out,
                 (uint32_t)(told ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INVALID_PARAMETER));
    return 0;
}

/* ---- who asks ---- */

/* The referent of a pointer to an RPC_UNICODE_STRING, ignored. */
static void skip_name_ptr(struct cur *c)
{
    if (ndr_pull_ptr(c)) {
        struct ndr_name head = ndr_pull_name_head(c);
        (void)ndr_pull_name(c, &head);
    }
}

static void push_name_ptr(struct ndr_out *o, const char *text)
{
    ndr_push_ptr(o, true);
    ndr_push_name_head(&o->w, o, text);
    ndr_push_name(&o->w, text);
}

/* LsarGetUserName. [MS-LSAT] 3.1.4.2 */
static uint32_t lsarpc_get_user_name(struct rpc_call *call)
{
    static const char authority[] = "NT AUTHORITY";
    struct ndr_str name;
    (void)ndr_pull_str_ptr(&call->in, &name);
    skip_name_ptr(&call->in);
    bool wants_domain = ndr_pull_ptr(&call->in);
    if (wants_domain) {
        skip_name_ptr(&call->in);
    }
    if (!cur_ok(&call->in)) {
        return PDU_FAULT_NDR;
    }
    bool nameless = call->who->is_anonymous;
    push_name_ptr(&call->out, nameless ? "ANONYMOUS LOGON" : rpc_text(call->who->user));
    ndr_push_ptr(&call->out, wants_domain);
    if (wants_domain) {
        push_name_ptr(&call->out, nameless ? authority : rpc_text(call->env->server_name));
    }
    ndr_push_u32(&call->out, SMBKIT_STATUS_SUCCESS);
    return 0;
}

/* LsarLookupSids3 and LsarLookupNames4 know no handle: who asks is known by a secure channel alone,
 * which does not exist here. [MS-LSAT] 3.1.4.5, 3.1.4.9 */
static uint32_t lsarpc_by_channel(struct rpc_call *call)
{
    (void)call;
    return PDU_FAULT_ACCESS_DENIED;
}

static const rpc_method_fn methods[] = {
    [0] = rpc_method_close,      [6] = lsarpc_open_policy,    [7] = lsarpc_query_policy,
    [14] = lsarpc_lookup_names,  [15] = lsarpc_lookup_sids,   [44] = lsarpc_open_policy2,
    [45] = lsarpc_get_user_name, [46] = lsarpc_query_policy,  [57] = lsarpc_lookup_sids2,
    [58] = lsarpc_lookup_names2, [68] = lsarpc_lookup_names3, [76] = lsarpc_by_channel,
    [77] = lsarpc_by_channel,
};

const struct rpc_iface lsarpc_iface = {
    .pipe = "lsarpc",
    .address = "\\PIPE\\lsass",
    /* 12345778-1234-abcd-ef00-0123456789ab version 0.0. [MS-LSAT] 1.9 */
    .syntax = {.uuid = {0x78, 0x57, 0x34, 0x12, 0x34, 0x12, 0xcd, 0xab, 0xef, 0x00, 0x01, 0x23,
                        0x45, 0x67, 0x89, 0xab}},
    .methods = methods,
    .method_count = ARRAY_LEN(methods),
};
