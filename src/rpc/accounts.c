/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/accounts.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "rpc/iface.h"

#define RID_GUEST 501
#define RID_GUESTS 514 /* the one that guests have instead */
#define RID_NONE 513   /* the group that all users of a machine without a domain have */

#define NT 5
#define AUTHORITY_NAME "NT AUTHORITY"
#define BUILTIN_NAME "BUILTIN"
#define BUILTIN 32

/* What every machine knows. [MS-DTYP] 2.4.2.4 */
static const struct known {
    uint8_t authority;
    uint8_t count; /* of sub */
    uint16_t sub[2];
    enum account_use use;
    const char *domain;
    const char *name;
} known[] = {
    {0, 1, {0}, ACCOUNT_WELL_KNOWN, "", "NULL SID"},
    {1, 1, {0}, ACCOUNT_WELL_KNOWN, "", "Everyone"},
    {2, 1, {0}, ACCOUNT_WELL_KNOWN, "", "LOCAL"},
    {3, 1, {0}, ACCOUNT_WELL_KNOWN, "", "CREATOR OWNER"},
    {3, 1, {1}, ACCOUNT_WELL_KNOWN, "", "CREATOR GROUP"},
    {3, 1, {4}, ACCOUNT_WELL_KNOWN, "", "OWNER RIGHTS"},
    {NT, 0, {0}, ACCOUNT_DOMAIN, AUTHORITY_NAME, ""},
    {NT, 1, {1}, ACCOUNT_WELL_KNOWN, AUTHORITY_NAME, "DIALUP"},
    {NT, 1, {2}, ACCOUNT_WELL_KNOWN, AUTHORITY_NAME, "NETWORK"},
    {NT, 1, {3}, ACCOUNT_WELL_KNOWN, AUTHORITY_NAME, "BATCH"},
    {NT, 1, {4}, ACCOUNT_WELL_KNOWN, AUTHORITY_NAME, "INTERACTIVE"},
    {NT, 1, {6}, ACCOUNT_WELL_KNOWN, AUTHORITY_NAME, "SERVICE"},
    {NT, 1, {7}, ACCOUNT_WELL_KNOWN, AUTHORITY_NAME, "ANONYMOUS LOGON"},
    {NT, 1, {9}, ACCOUNT_WELL_KNOWN, AUTHORITY_NAME, "ENTERPRISE DOMAIN CONTROLLERS"},
    {NT, 1, {10}, ACCOUNT_WELL_KNOWN, AUTHORITY_NAME, "SELF"},
    {NT, 1, {11}, ACCOUNT_WELL_KNOWN, AUTHORITY_NAME, "Authenticated Users"},
    {NT, 1, {12}, ACCOUNT_WELL_KNOWN, AUTHORITY_NAME, "RESTRICTED"},
    {NT, 1, {13}, ACCOUNT_WELL_KNOWN, AUTHORITY_NAME, "TERMINAL SERVER USER"},
    {NT, 1, {14}, ACCOUNT_WELL_KNOWN, AUTHORITY_NAME, "REMOTE INTERACTIVE LOGON"},
    {NT, 1, {15}, ACCOUNT_WELL_KNOWN, AUTHORITY_NAME, "This Organization"},
    {NT, 1, {17}, ACCOUNT_WELL_KNOWN, AUTHORITY_NAME, "IUSR"},
    {NT, 1, {18}, ACCOUNT_WELL_KNOWN, AUTHORITY_NAME, "SYSTEM"},
    {NT, 1, {19}, ACCOUNT_WELL_KNOWN, AUTHORITY_NAME, "LOCAL SERVICE"},
    {NT, 1, {20}, ACCOUNT_WELL_KNOWN, AUTHORITY_NAME, "NETWORK SERVICE"},
    {NT, 1, {BUILTIN}, ACCOUNT_DOMAIN, BUILTIN_NAME, ""},
    {NT, 2, {BUILTIN, 544}, ACCOUNT_ALIAS, BUILTIN_NAME, "Administrators"},
    {NT, 2, {BUILTIN, 545}, ACCOUNT_ALIAS, BUILTIN_NAME, "Users"},
    {NT, 2, {BUILTIN, 546}, ACCOUNT_ALIAS, BUILTIN_NAME, "Guests"},
    {NT, 2, {BUILTIN, 547}, ACCOUNT_ALIAS, BUILTIN_NAME, "Power Users"},
    {NT, 2, {BUILTIN, 551}, ACCOUNT_ALIAS, BUILTIN_NAME, "Backup Operators"},
};

/* Accounts that the machine's own domain has besides users. */
static const struct {
    uint32_t rid;
    enum account_use use;
    const char *name;
} machine_accounts[] = {
    {RID_GUEST, ACCOUNT_USER, "Guest"},
    {RID_NONE, ACCOUNT_GROUP, "None"},
    {RID_GUESTS, ACCOUNT_GROUP, "Domain Guests"},
};

struct sid account_machine_sid(const struct rpc_env *env)
{
    struct sid s = sid_machine(env->machine_sid, 0);
    s.count--;
    return s;
}

struct sid account_domain_sid(const struct account *a)
{
    struct sid s = a->sid;
    s.count = a->domain_subs;
    return s;
}

static struct sid sid_of(const struct known *k)
{
    return sid_make(k->authority, (const uint32_t[]){k->sub[0], k->sub[1]}, k->count);
}

static bool told(struct account *out, const struct account *a, const char *domain, const char *name)
{
    *out = *a;
    return str_copy(out->domain, sizeof(out->domain), domain) &&
           str_copy(out->name, sizeof(out->name), name);
}

static bool tell_known(const struct known *k, struct account *out)
{
    struct account a = {.use = k->use, .sid = sid_of(k)};
    a.domain_subs = k->use == ACCOUNT_DOMAIN ? k->count : (uint8_t)(k->count - 1);
    return told(out, &a, k->domain, k->name);
}

static bool tell_machine(const struct rpc_env *env, struct account *out)
{
    struct account a = {.use = ACCOUNT_DOMAIN, .sid = account_machine_sid(env)};
    a.domain_subs = a.sid.count;
    return told(out, &a, rpc_text(env->server_name), "");
}

static bool tell_rid(const struct rpc_env *env, enum account_use use, uint32_t rid,
                     const char *name, struct account *out)
{
    struct account a = {.use = use, .sid = sid_machine(env->machine_sid, rid)};
    a.domain_subs = (uint8_t)(a.sid.count - 1);
    return told(out, &a, rpc_text(env->server_name), name);
}

static bool tell_user(const struct rpc_env *env, const struct rpc_user *user, struct account *out)
{
    /* A group of the machine's own domain is an alias, as on Windows. */
    enum account_use use = user->is_group ? ACCOUNT_ALIAS : ACCOUNT_USER;
    return tell_rid(env, use, user->rid, user->name, out);
}

/* ---- accounts of the host ---- */

/* Samba's SIDs and names for what POSIX knows by a number: S-1-22-1-uid, S-1-22-2-gid. */
#define UNIX 22
static const struct {
    uint32_t sub;
    enum account_use use;
    const char *domain;
} host_domains[] = {{1, ACCOUNT_USER, "Unix User"}, {2, ACCOUNT_GROUP, "Unix Group"}};

static bool tell_host(size_t domain, uint32_t id, const char *name, struct account *out)
{
    struct account a = {.use = host_domains[domain].use, .domain_subs = 1};
    a.sid = sid_make(UNIX, (const uint32_t[]){host_domains[domain].sub, id}, 2);
    return told(out, &a, host_domains[domain].domain, name);
}

/* Who has no name there is called by his number: he exists, his files say so. */
static bool host_sid(const struct rpc_env *env, const struct sid *sid, struct account *out)
{
    char name[RPC_NAME_SIZE];
    for (size_t i = 0; i < ARRAY_LEN(host_domains) && sid->count == 2; i++) {
        uint32_t id = sid->sub[1];
        struct sid s = sid_make(UNIX, (const uint32_t[]){host_domains[i].sub, id}, 2);
        if (sid_eq(&s, sid)) {
            if (!env->host_of_id || !env->host_of_id(i == 1, id, name, sizeof(name))) {
                (void)str_format(name, sizeof(name), "%u", id);
            }
            return tell_host(i, id, name, out);
        }
    }
    return false;
}

/* ---- by SID ---- */

static bool machine_rid(const struct rpc_env *env, uint32_t rid, struct account *out)
{
    struct rpc_user user = {0};
    for (size_t i = 0; i < ARRAY_LEN(machine_accounts); i++) {
        if (machine_accounts[i].rid == rid) {
            return tell_rid(env, machine_accounts[i].use, rid, machine_accounts[i].name, out);
        }
    }
    return env->user_of_rid && env->user_of_rid(env->arg, rid, &user) && tell_user(env, &user, out);
}

bool account_of_sid(const struct rpc_env *env, const struct sid *sid, struct account *out)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        struct sid s = sid_of(&known[i]);
        if (sid_eq(&s, sid)) {
            return tell_known(&known[i], out);
        }
    }
    struct sid machine = account_machine_sid(env);
    if (sid_eq(&machine, sid)) {
        return tell_machine(env, out);
    }
    struct sid domain = *sid;
    domain.count = sid->count > 0 ? (uint8_t)(sid->count - 1) : 0;
    bool is_own = sid->count > 0 && sid_eq(&machine, &domain);
    return is_own ? machine_rid(env, sid->sub[sid->count - 1], out) : host_sid(env, sid, out);
}

/* ---- by name ---- */

struct qualified {
    char domain[RPC_NAME_SIZE]; /* "": any */
    char name[RPC_NAME_SIZE];
};

static bool copy_part(char out[RPC_NAME_SIZE], const char *from, size_t len)
{
    if (len >= RPC_NAME_SIZE) {
        return false;
    }
    mem_copy(out, from, len);
    out[len] = '\0';
    return true;
}

/* Bytes before the first c; all of them where there is none. */
static size_t length_to(const char *s, char c)
{
    size_t n = 0;
    while (s[n] != '\0' && s[n] != c) {
        n++;
    }
    return n;
}

/* false: no name of an account. */
static bool split(const char *name, struct qualified *out)
{
    size_t len = str_len(name);
    size_t slash = length_to(name, '\\');
    size_t at = length_to(name, '@');
    if (slash < len) {
        return copy_part(out->domain, name, slash) &&
               copy_part(out->name, name + slash + 1, len - slash - 1);
    }
    if (at < len) {
        return copy_part(out->name, name, at) &&
               copy_part(out->domain, name + at + 1, len - at - 1);
    }
    out->domain[0] = '\0';
    return copy_part(out->name, name, len);
}

static bool is_in(const struct qualified *q, const char *domain)
{
    return q->domain[0] == '\0' || utf8_ieq(q->domain, domain);
}

/* A domain is named by its name alone, or with nothing behind it. */
static bool is_domain(const struct qualified *q, const char *domain)
{
    return q->domain[0] == '\0' ? utf8_ieq(q->name, domain)
                                : q->name[0] == '\0' && utf8_ieq(q->domain, domain);
}

static bool machine_name(const struct rpc_env *env, const struct qualified *q, struct account *out)
{
    struct rpc_user user = {0};
    if (!is_in(q, rpc_text(env->server_name))) {
        return false;
    }
    /* A user of such a name is who is meant: his files have his rid. */
    if (env->user_of_name && env->user_of_name(env->arg, q->name, &user)) {
        return tell_user(env, &user, out);
    }
    for (size_t i = 0; i < ARRAY_LEN(machine_accounts); i++) {
        if (utf8_ieq(machine_accounts[i].name, q->name)) {
            return tell_rid(env, machine_accounts[i].use, machine_accounts[i].rid,
                            machine_accounts[i].name, out);
        }
    }
    return false;
}

/* Only where its domain is named: a name alone is the server's own to tell. */
static bool host_name(const struct rpc_env *env, const struct qualified *q, struct account *out)
{
    for (size_t i = 0; i < ARRAY_LEN(host_domains); i++) {
        uint32_t id;
        if (utf8_ieq(q->domain, host_domains[i].domain)) {
            return env->host_of_name && env->host_of_name(i == 1, q->name, &id) &&
                   tell_host(i, id, q->name, out);
        }
    }
    return false;
}

static bool is_known_name(const char *name)
{
    bool is_known = false;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        bool is_domain_itself = known[i].use == ACCOUNT_DOMAIN;
        is_known |= utf8_ieq(is_domain_itself ? known[i].domain : known[i].name, name);
    }
    for (size_t i = 0; i < ARRAY_LEN(machine_accounts); i++) {
        is_known |= utf8_ieq(machine_accounts[i].name, name);
    }
    return is_known;
}

/* S-1-, numbers, and - between them. [MS-DTYP] 2.4.2.1 has more bounds, which no reader of such a
 * name is held to. */
static bool is_like_sid(const char *name)
{
    if ((name[0] != 'S' && name[0] != 's') || name[1] != '-' || name[2] != '1' || name[3] != '-') {
        return false;
    }
    for (const char *p = name + 4; *p; p++) {
        bool is_digit = *p >= '0' && *p <= '9';
        if (!is_digit && *p != '-') {
            return false;
        }
    }
    return name[4] != '\0';
}

const char *account_name_objection(const char *name)
{
    if (is_like_sid(name)) {
        return "it looks like a SID, and would be taken for one; choose another name";
    }
    return is_known_name(name) ? "every Windows knows somebody else by it, who would get what is "
                                 "given to this one; choose another name"
                               : NULL;
}

bool account_of_name(const struct rpc_env *env, const char *name, struct account *out)
{
    struct qualified q;
    if (name[0] == '\0') { /* as Windows answers */
        return account_of_name(env, BUILTIN_NAME, out);
    }
    if (!split(name, &q) || (q.name[0] == '\0' && q.domain[0] == '\0')) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        const struct known *k = &known[i];
        bool fits = k->use == ACCOUNT_DOMAIN ? is_domain(&q, k->domain)
                                             : is_in(&q, k->domain) && utf8_ieq(q.name, k->name);
        if (fits) {
            return tell_known(k, out);
        }
    }
    /* [MS-LSAT] 3.1.4.5: a name alone that is a domain's means the domain. */
    return is_domain(&q, rpc_text(env->server_name))
               ? tell_machine(env, out)
               : machine_name(env, &q, out) || host_name(env, &q, out);
}
