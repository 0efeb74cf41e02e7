/* SPDX-License-Identifier: Apache-2.0 */
/* SIDs to names and names to SIDs, many at once. [MS-LSAT] 3.1.4.5 to 3.1.4.11 */
#include "rpc/lsarpc.h"

#include "base/mem.h"
#include "rpc/accounts.h"
#include "rpc/ndr_name.h"

#define SIDS_MAX 20480u /* of one call. [MS-LSAT] 2.2.18 */
#define NAMES_MAX 1000u /* likewise. 3.1.4.5 */
/* Domains that a reply can refer to: the machine's, BUILTIN, the authorities. */
#define DOMAINS_MAX 8u
#define NO_DOMAIN UINT32_MAX
/* Of the whole call. [MS-ERREF] 2.3.1 */
#define SOME_NOT_MAPPED 0x00000107u
#define NONE_MAPPED 0xC0000073u
#define LEVEL_MAX 6u /* LSAP_LOOKUP_LEVEL; a machine without a domain looks in itself at each */

/* How one method asks and is answered. */
struct form {
    bool by_sid;    /* names are answered; else SIDs */
    bool has_flags; /* the later methods: each entry has flags, the call has options */
    bool has_sid;   /* LookupNames3: a whole SID instead of a rid */
};

struct lookup {
    struct rpc_call *call;
    const struct form *form;
    struct account domains[DOMAINS_MAX]; /* each by some account in it */
    uint32_t domain_count;
    struct ndr_rows rows; /* the entries */
    uint32_t mapped;
};

/* ---- the reply ---- */

/* The index of the account's domain in the list that the reply refers to. */
static uint32_t domain_index(struct lookup *l, const struct account *a)
{
    struct sid want = account_domain_sid(a);
    for (uint32_t i = 0; i < l->domain_count; i++) {
        struct sid has = account_domain_sid(&l->domains[i]);
        if (sid_eq(&has, &want)) {
            return i;
        }
    }
    if (l->domain_count == DOMAINS_MAX) {
        return NO_DOMAIN;
    }
    l->domains[l->domain_count] = *a;
    return l->domain_count++;
}

static void add_name(struct lookup *l, const struct account *a, const char *name, uint32_t domain)
{
    struct wr *w = &l->rows.fixed;
    wr_align(w, 0, 4);
    wr_u16(w, (uint16_t)(a ? a->use : ACCOUNT_UNKNOWN));
    ndr_push_name_head(w, &l->call->out, name);
    ndr_push_name(&l->rows.deferred, name);
    wr_u32(w, domain);
}

/* The last sub-authority; a domain has none to tell. [MS-LSAT] 2.2.15 */
static uint32_t rid_of(const struct account *a)
{
    bool has_rid = a->use != ACCOUNT_DOMAIN && a->sid.count > 0;
    return has_rid ? a->sid.sub[a->sid.count - 1] : UINT32_MAX;
}

static void add_sid(struct lookup *l, const struct account *a, uint32_t domain)
{
    struct wr *w = &l->rows.fixed;
    wr_align(w, 0, 4);
    wr_u16(w, (uint16_t)(a ? a->use : ACCOUNT_UNKNOWN));
    wr_align(w, 0, 4);
    if (l->form->has_sid) {
        wr_u32(w, ndr_next_ptr(&l->call->out, a != NULL));
        if (a) {
            ndr_push_sid(&l->rows.deferred, &a->sid);
        }
    } else {
        wr_u32(w, a ? rid_of(a) : 0);
    }
    wr_u32(w, domain);
}

/* The next entry; a: NULL: nobody whom this server knows. name: what is told for a SID. */
static void add(struct lookup *l, const struct account *a, const char *name)
{
    uint32_t domain = a ? domain_index(l, a) : NO_DOMAIN;
    if (l->form->by_sid) {
        add_name(l, a, name, domain);
    } else {
        add_sid(l, a, domain);
    }
    if (l->form->has_flags) {
        wr_u32(&l->rows.fixed, 0);
    }
    l->rows.count++;
    l->mapped += a != NULL;
}

/* LSAPR_REFERENCED_DOMAIN_LIST. [MS-LSAT] 2.2.12 */
static void push_domains(struct lookup *l)
{
    struct ndr_out *o = &l->call->out;
    struct ndr_rows rows = ndr_rows_new(RPC_REPLY_STUB_BYTES_MAX);
    ndr_push_ptr(o, true);
    ndr_push_u32(o, l->domain_count);
    ndr_push_ptr(o, l->domain_count > 0);
    ndr_push_u32(o, l->domain_count); /* MaxEntries */
    for (uint32_t i = 0; i < l->domain_count; i++) {
        struct sid sid = account_domain_sid(&l->domains[i]);
        ndr_push_name_head(&rows.fixed, o, l->domains[i].domain);
        wr_u32(&rows.fixed, ndr_next_ptr(o, true));
        ndr_push_name(&rows.deferred, l->domains[i].domain);
        ndr_push_sid(&rows.deferred, &sid);
    }
    if (l->domain_count > 0) {
        ndr_push_u32(o, l->domain_count);
        ndr_push_rows(o, &rows);
    }
    ndr_rows_fini(&rows);
}

static uint32_t verdict(const struct lookup *l)
{
    if (l->mapped == l->rows.count) {
        return SMBKIT_STATUS_SUCCESS;
    }
    return l->mapped > 0 ? SOME_NOT_MAPPED : NONE_MAPPED;
}

static void push_reply(struct lookup *l, smbkit_status status)
{
    struct ndr_out *o = &l->call->out;
    if (SMBKIT_OK(status)) {
        push_domains(l);
    } else {
        ndr_push_ptr(o, false);
    }
    ndr_push_u32(o, l->rows.count);
    ndr_push_ptr(o, l->rows.count > 0);
    if (l->rows.count > 0) {
        ndr_push_u32(o, l->rows.count);
        ndr_push_rows(o, &l->rows);
    }
    ndr_push_u32(o, l->mapped);
    ndr_push_u32(o, SMBKIT_OK(status) ? verdict(l) : (uint32_t)status);
}

/* ---- the request ---- */

/* What comes behind what is looked up: the reply's array, which must be empty in a request
 * (3.1.4.9: ignored), the level, a count, options and the client's revision. */
static bool pull_rest(struct lookup *l, uint16_t *level_r)
{
    struct cur *c = &l->call->in;
    (void)ndr_pull_u32(c); /* entries */
    if (ndr_pull_ptr(c) && ndr_pull_u32(c) != 0) {
        cur_fail(c);
    }
    *level_r = ndr_pull_u16(c);
    (void)ndr_pull_u32(c);
    if (l->form->has_flags) {
        (void)ndr_pull_u32(c);
        (void)ndr_pull_u32(c);
    }
    return cur_ok(c);
}

/* What the caller may learn: who has an account on the host is not for guests, who could count. */
static struct rpc_env env_of(const struct rpc_call *call)
{
    struct rpc_env env = *call->env;
    if (call->who->is_guest) {
        env.host_of_id = NULL;
        env.host_of_name = NULL;
    }
    return env;
}

static void look_up_sid(struct lookup *l, const struct sid *sid)
{
    struct account a;
    char text[SID_STR_MAX];
    const struct rpc_env env = env_of(l->call);
    if (account_of_sid(&env, sid, &a)) {
        add(l, &a, a.use == ACCOUNT_DOMAIN ? a.domain : a.name);
        return;
    }
    sid_to_str(sid, text);
    add(l, NULL, text);
}

/* LSAPR_SID_ENUM_BUFFER. [MS-LSAT] 2.2.18 */
static bool pull_sids(struct lookup *l)
{
    struct cur *c = &l->call->in;
    uint32_t count = ndr_pull_u32(c);
    bool is_there = ndr_pull_ptr(c);
    if (count > SIDS_MAX || is_there != (count > 0) || (is_there && ndr_pull_u32(c) != count)) {
        cur_fail(c);
    }
    struct cur pointers = cur_take(c, (size_t)count * 4);
    for (uint32_t i = 0; i < count && cur_ok(c); i++) {
        struct sid sid;
        if (cur_u32(&pointers) == 0) { /* [MS-LSAT] 2.2.17: there must be one */
            cur_fail(c);
        } else if (ndr_pull_sid(c, &sid)) {
            look_up_sid(l, &sid);
        }
    }
    return cur_ok(c);
}

static bool look_up_name(struct lookup *l, const struct ndr_str *name)
{
    struct account a;
    CLEANUP_MEM char *text = ndr_str_dup(name);
    if (!text) {
        l->rows.fixed.failed = true;
        return false;
    }
    const struct rpc_env env = env_of(l->call);
    add(l, account_of_name(&env, text, &a) ? &a : NULL, NULL);
    return true;
}

/* Count, and the array of RPC_UNICODE_STRINGs. */
static bool pull_names(struct lookup *l)
{
    struct cur *c = &l->call->in;
    uint32_t count = ndr_pull_u32(c);
    if (count > NAMES_MAX || ndr_pull_u32(c) != count) {
        cur_fail(c);
    }
    struct cur heads = cur_take(c, (size_t)count * 8);
    for (uint32_t i = 0; i < count && cur_ok(c); i++) {
        struct ndr_name head = ndr_pull_name_head(&heads);
        struct ndr_str name = ndr_pull_name(c, &head);
        if (!cur_ok(&heads)) {
            cur_fail(c);
        }
        if (cur_ok(c) && !look_up_name(l, &name)) {
            break; /* the reply has failed */
        }
    }
    return cur_ok(c);
}

static uint32_t look_up(struct rpc_call *call, const struct form *form)
{
    uint32_t number;
    uint16_t level = 0;
    struct lookup l = {.call = call, .form = form, .rows = ndr_rows_new(RPC_REPLY_STUB_BYTES_MAX)};
    uint32_t fault = rpc_handle_pull(call, &number);
    bool is_good =
        fault == 0 && (form->by_sid ? pull_sids(&l) : pull_names(&l)) && pull_rest(&l, &level);
    if (!wr_ok(&l.rows.fixed) || !wr_ok(&l.rows.deferred)) {
        fault = PDU_FAULT_NO_MEMORY;
    } else if (fault == 0 && !is_good) {
        fault = PDU_FAULT_NDR;
    }
    if (fault == 0 && (level == 0 || level > LEVEL_MAX)) {
        l.rows.count = l.mapped = 0;
        push_reply(&l, SMBKIT_STATUS_INVALID_PARAMETER);
    } else if (fault == 0) {
        push_reply(&l, SMBKIT_STATUS_SUCCESS);
    }
    ndr_rows_fini(&l.rows);
    return fault;
}

uint32_t lsarpc_lookup_names(struct rpc_call *call)
{
    return look_up(call, &(struct form){.by_sid = false});
}

uint32_t lsarpc_lookup_names2(struct rpc_call *call)
{
    return look_up(call, &(struct form){.has_flags = true});
}

uint32_t lsarpc_lookup_names3(struct rpc_call *call)
{
    return look_up(call, &(struct form){.has_flags = true, .has_sid = true});
}

uint32_t lsarpc_lookup_sids(struct rpc_call *call)
{
    return look_up(call, &(struct form){.by_sid = true});
}

uint32_t lsarpc_lookup_sids2(struct rpc_call *call)
{
    return look_up(call, &(struct form){.by_sid = true, .has_flags = true});
}
