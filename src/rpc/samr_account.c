/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts of a domain: lists, names and rids, who is in what. [MS-SAMR] 3.1.5.2, 3.1.5.9, 3.1.5.11
 */
#include "rpc/samr.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"

#define NAMES_MAX 1000u /* of one call. [MS-SAMR] 2.2.7.5, 3.1.5.11.2 */
#define SIDS_MAX 1024u  /* likewise. 2.2.3.5 */
#define GROUPS_MAX 128u /* that a reply tells of one user */
#define SOME_NOT_MAPPED 0x00000107u
#define NONE_MAPPED 0xC0000073u
#define RID_NONE 513u         /* the group that all users of a machine without a domain have */
#define GROUP_ATTRIBUTES 0x7u /* mandatory, by default, enabled. [MS-SAMR] 2.2.1.10 */
#define DOMAINS (1u << SAMR_DOMAIN | 1u << SAMR_BUILTIN)
#define ALIAS_ADMINISTRATORS 544u
#define ALIAS_USERS 545u

/* What stands in BUILTIN. */
static const uint32_t builtin_rids[] = {ALIAS_ADMINISTRATORS, ALIAS_USERS, 546, 547, 551};

/* ---- lists ---- */

struct listing {
    struct rpc_call *call;
    struct ndr_rows rows;
    bool (*wants)(const struct rpc_user *user);
    uint32_t from, seen, room;
    bool is_full;
};

/* SAMPR_RID_ENUMERATION. 2.2.3.9 */
static void list_add(struct listing *l, uint32_t rid, const char *name)
{
    uint32_t size = 12 + 12 + 2 * (uint32_t)str_len(name);
    if (l->seen++ < l->from || l->is_full) {
        return;
    }
    if (l->rows.count > 0 && size > l->room) {
        l->is_full = true;
        return;
    }
    l->room -= MIN(size, l->room);
    wr_align(&l->rows.fixed, 0, 4);
    wr_u32(&l->rows.fixed, rid);
    ndr_push_name_head(&l->rows.fixed, &l->call->out, name);
    ndr_push_name(&l->rows.deferred, name);
    l->rows.count++;
}

static bool list_user(void *arg, const struct rpc_user *user)
{
    struct listing *l = arg;
    if (l->wants(user)) {
        list_add(l, user->rid, user->name);
    }
    return true;
}

static void list_builtin(struct listing *l)
{
    for (size_t i = 0; i < ARRAY_LEN(builtin_rids); i++) {
        struct sid sid = sid_builtin(builtin_rids[i]);
        struct account a;
        if (account_of_sid(l->call->env, &sid, &a)) {
            list_add(l, builtin_rids[i], a.name);
        }
    }
}

/* Context, the buffer, how many, and the status. */
static uint32_t list_end(struct listing *l, smbkit_status status)
{
    struct ndr_out *o = &l->call->out;
    uint32_t count = l->rows.count;
    ndr_push_u32(o, SMBKIT_OK(status) ? l->from + count : 0);
    ndr_push_ptr(o, SMBKIT_OK(status));
    if (SMBKIT_OK(status)) {
        ndr_push_u32(o, count);
        ndr_push_ptr(o, count > 0);
    }
    if (count > 0) {
        ndr_push_u32(o, count);
        ndr_push_rows(o, &l->rows);
    }
    ndr_push_u32(o, count);
    ndr_rows_fini(&l->rows);
    return samr_end(l->call, status);
}

/* has_control: a parameter of users alone. 3.1.5.2.5 */
static uint32_t enumerate(struct rpc_call *call, bool has_control,
                          bool (*wants)(const struct rpc_user *user), bool is_alias)
{
    struct rpc_object of;
    uint32_t fault = samr_pull(call, DOMAINS, &of);
    struct listing l = {.call = call, .wants = wants, .from = ndr_pull_u32(&call->in)};
    if (has_control) {
        (void)ndr_pull_u32(&call->in);
    }
    uint32_t asked_bytes = ndr_pull_u32(&call->in);
    l.room = MIN(asked_bytes, (uint32_t)RPC_REPLY_STUB_BYTES_MAX / 2);
    if (fault != 0 || !cur_ok(&call->in)) {
        return fault != 0 ? fault : PDU_FAULT_NDR;
    }
    l.rows = ndr_rows_new(RPC_REPLY_STUB_BYTES_MAX);
    if (!of.kind) {
        return list_end(&l, SMBKIT_STATUS_INVALID_HANDLE);
    }
    bool is_machine = of.kind == SAMR_DOMAIN;
    if (is_machine && !samr_may_list(call)) {
        return list_end(&l, SMBKIT_STATUS_ACCESS_DENIED);
    }
    if (is_machine && call->env->users_each) {
        call->env->users_each(call->env->arg, list_user, &l);
    } else if (!is_machine && is_alias) {
        list_builtin(&l);
    }
    return list_end(&l, l.is_full ? SAMR_MORE_ENTRIES : SMBKIT_STATUS_SUCCESS);
}

static bool is_user(const struct rpc_user *user)
{
    return !user->is_group;
}

static bool is_alias(const struct rpc_user *user)
{
    return user->is_group;
}

static bool is_nothing(const struct rpc_user *user)
{
    (void)user;
    return false;
}

uint32_t samr_enumerate_users(struct rpc_call *call)
{
    return enumerate(call, true, is_user, false);
}

/* Groups of the machine are aliases, as on Windows; "None", which it has besides, is not listed. */
uint32_t samr_enumerate_groups(struct rpc_call *call)
{
    return enumerate(call, false, is_nothing, false);
}

uint32_t samr_enumerate_aliases(struct rpc_call *call)
{
    return enumerate(call, false, is_alias, true);
}

/* ---- names and rids ---- */

/* In that domain? rid: of the account. */
static bool is_in_domain(struct rpc_call *call, uint32_t kind, const struct account *a)
{
    struct sid has = account_domain_sid(a);
    struct sid machine = account_machine_sid(call->env);
    struct sid builtin = sid_make(5, (const uint32_t[]){32}, 1);
    return a->use != ACCOUNT_DOMAIN && sid_eq(&has, kind == SAMR_DOMAIN ? &machine : &builtin);
}

static uint32_t rid_of(const struct account *a)
{
    return a->sid.sub[a->sid.count - 1];
}

/* SAMPR_ULONG_ARRAY. 2.2.7.7 */
static void push_numbers(struct ndr_out *o, const uint32_t *list, uint32_t count)
{
    ndr_push_u32(o, count);
    ndr_push_ptr(o, count > 0);
    if (count > 0) {
        ndr_push_u32(o, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        ndr_push_u32(o, list[i]);
    }
}

static smbkit_status verdict(uint32_t mapped, uint32_t count)
{
    return mapped == count ? SMBKIT_STATUS_SUCCESS
           : mapped > 0    ? (smbkit_status)SOME_NOT_MAPPED
                           : (smbkit_status)NONE_MAPPED;
}

/* The count, and a conformant varying array of as many. 0: malformed, or none. */
static uint32_t pull_count(struct cur *c)
{
    uint32_t count = ndr_pull_u32(c);
    uint32_t max = ndr_pull_u32(c);
    uint32_t offset = ndr_pull_u32(c);
    uint32_t actual = ndr_pull_u32(c);
    if (count > NAMES_MAX || max > NAMES_MAX || offset != 0 || actual != count || actual > max) {
        cur_fail(c);
    }
    return cur_ok(c) ? count : 0;
}

/* SamrLookupNamesInDomain. 3.1.5.11.2 */
uint32_t samr_lookup_names(struct rpc_call *call)
{
    struct rpc_object of;
    uint32_t rids[NAMES_MAX];
    uint32_t uses[NAMES_MAX];
    uint32_t mapped = 0;
    bool has_memory = true;
    uint32_t fault = samr_pull(call, DOMAINS, &of);
    uint32_t count = pull_count(&call->in);
    struct cur heads = cur_take(&call->in, (size_t)count * 8);
    for (uint32_t i = 0; i < count && cur_ok(&call->in); i++) {
        struct account a;
        struct ndr_name head = ndr_pull_name_head(&heads);
        struct ndr_str name = ndr_pull_name(&call->in, &head);
        CLEANUP_MEM char *text = ndr_str_dup(&name);
        has_memory = has_memory && text;
        bool is_found = text && of.kind && account_of_name(call->env, text, &a) &&
                        is_in_domain(call, of.kind, &a);
        rids[i] = is_found ? rid_of(&a) : 0;
        uses[i] = is_found ? (uint32_t)a.use : ACCOUNT_UNKNOWN;
        mapped += is_found;
    }
    if (fault != 0 || !cur_ok(&call->in) || !cur_ok(&heads)) {
        return fault != 0 ? fault : PDU_FAULT_NDR;
    }
    if (!has_memory) {
        return PDU_FAULT_NO_MEMORY;
    }
    count = mapped > 0 ? count : 0;
    push_numbers(&call->out, rids, count);
    push_numbers(&call->out, uses, count);
    return samr_end(call, of.kind ? mapped > 0 ? verdict(mapped, count) : (smbkit_status)NONE_MAPPED
                                  : SMBKIT_STATUS_INVALID_HANDLE);
}

/* SamrLookupIdsInDomain. 3.1.5.11.3 */
uint32_t samr_lookup_rids(struct rpc_call *call)
{
    struct rpc_object of;
    uint32_t uses[NAMES_MAX];
    uint32_t mapped = 0;
    uint32_t fault = samr_pull(call, DOMAINS, &of);
    uint32_t count = pull_count(&call->in);
    struct ndr_rows rows = ndr_rows_new(RPC_REPLY_STUB_BYTES_MAX);
    for (uint32_t i = 0; i < count && cur_ok(&call->in); i++) {
        struct account a;
        uint32_t rid = ndr_pull_u32(&call->in);
        struct sid sid =
            of.kind == SAMR_DOMAIN ? sid_machine(call->env->machine_sid, rid) : sid_builtin(rid);
        bool is_found = of.kind && account_of_sid(call->env, &sid, &a);
        ndr_push_name_head(&rows.fixed, &call->out, is_found ? a.name : NULL);
        ndr_push_name(&rows.deferred, is_found ? a.name : NULL);
        uses[i] = is_found ? (uint32_t)a.use : ACCOUNT_UNKNOWN;
        mapped += is_found;
    }
    if (fault != 0 || !cur_ok(&call->in)) {
        ndr_rows_fini(&rows);
        return fault != 0 ? fault : PDU_FAULT_NDR;
    }
    uint32_t told = mapped > 0 ? count : 0;
    ndr_push_u32(&call->out, told);
    ndr_push_ptr(&call->out, told > 0);
    if (told > 0) {
        ndr_push_u32(&call->out, told);
        ndr_push_rows(&call->out, &rows);
    }
    ndr_rows_fini(&rows);
    push_numbers(&call->out, uses, told);
    return samr_end(call, of.kind ? verdict(mapped, count) : SMBKIT_STATUS_INVALID_HANDLE);
}

/* ---- who is in what ---- */

/* The user's name; false: there is none, or it is a group. */
static bool user_name(const struct rpc_env *env, uint32_t rid, struct rpc_user *out)
{
    *out = (struct rpc_user){0};
    return env->user_of_rid && env->user_of_rid(env->arg, rid, out) && !out->is_group;
}

static void add_once(uint32_t *list, uint32_t *count, uint32_t rid)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (list[i] == rid) {
            return;
        }
    }
    if (*count < GROUPS_MAX) {
        list[(*count)++] = rid;
    }
}

/* The aliases of the domain that the SID's account is in. Of others only who may list is told. */
static void add_aliases(struct rpc_call *call, uint32_t kind, const struct sid *sid, uint32_t *list,
                        uint32_t *count)
{
    const struct rpc_env *env = call->env;
    uint32_t groups[GROUPS_MAX];
    uint32_t n = 0;
    struct rpc_user user;
    struct sid machine = account_machine_sid(env);
    struct sid domain = *sid;
    domain.count = sid->count > 0 ? (uint8_t)(sid->count - 1) : 0;
    if (!sid_eq(&domain, &machine) || !user_name(env, sid->sub[sid->count - 1], &user) ||
        (!samr_may_list(call) && !utf8_ieq(user.name, rpc_text(call->who->user)))) {
        return;
    }
    if (kind == SAMR_BUILTIN) {
        add_once(list, count, ALIAS_USERS);
        if (env->is_admin && env->is_admin(env->arg, user.name)) {
            add_once(list, count, ALIAS_ADMINISTRATORS);
        }
    } else if (env->groups_of && env->groups_of(env->arg, user.name, groups, GROUPS_MAX, &n)) {
        for (uint32_t i = 0; i < n; i++) {
            add_once(list, count, groups[i]);
        }
    }
}

/* SamrGetAliasMembership. 3.1.5.9.2; the list as of lsarpc. 2.2.3.5 */
uint32_t samr_alias_membership(struct rpc_call *call)
{
    struct rpc_object of;
    uint32_t rids[GROUPS_MAX];
    uint32_t n = 0;
    struct cur *c = &call->in;
    uint32_t fault = samr_pull(call, DOMAINS, &of);
    uint32_t count = ndr_pull_u32(c);
    bool is_there = ndr_pull_ptr(c);
    if (count > SIDS_MAX || is_there != (count > 0) || (is_there && ndr_pull_u32(c) != count)) {
        cur_fail(c);
    }
    struct cur pointers = cur_take(c, (size_t)count * 4);
    for (uint32_t i = 0; i < count && cur_ok(c); i++) {
        struct sid sid;
        if (cur_u32(&pointers) == 0) {
            cur_fail(c);
        } else if (ndr_pull_sid(c, &sid) && of.kind) {
            add_aliases(call, of.kind, &sid, rids, &n);
        }
    }
    if (fault != 0 || !cur_ok(c)) {
        return fault != 0 ? fault : PDU_FAULT_NDR;
    }
    push_numbers(&call->out, rids, n);
    return samr_end(call, of.kind ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INVALID_HANDLE);
}

/* SamrGetGroupsForUser: groups proper, of which a machine has one. 3.1.5.9.1 */
uint32_t samr_groups_for_user(struct rpc_call *call)
{
    struct rpc_object of;
    struct ndr_out *o = &call->out;
    uint32_t fault = samr_pull(call, 1u << SAMR_USER, &of);
    if (fault != 0) {
        return fault;
    }
    ndr_push_ptr(o, of.kind != 0);
    if (of.kind) {
        ndr_push_u32(o, 1);
        ndr_push_ptr(o, true);
        ndr_push_u32(o, 1);
        ndr_push_u32(o, RID_NONE);
        ndr_push_u32(o, GROUP_ATTRIBUTES);
    }
    return samr_end(call, of.kind ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INVALID_HANDLE);
}
