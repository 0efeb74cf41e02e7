/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/token.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/wr.h"

#define RID_DOMAIN_USERS 513
#define RID_DOMAIN_GUESTS 514
#define RID_BUILTIN_USERS 545
#define RID_BUILTIN_GUESTS 546

static void add_group(struct vfs_token *t, struct sid sid)
{
    ASSERT(t->group_count < TOKEN_KNOWN_MAX + t->rid_count);
    t->groups[t->group_count++].sid = sid;
}

/* Who belongs to what is as Windows has it: a guest is no authenticated user, the anonymous logon
 * not even a guest. */
static void set_sids(struct vfs_token *t, const struct vfs_token_spec *spec)
{
    static const uint32_t no_machine[3] = {0};
    const uint32_t *machine = spec->machine_sid ? spec->machine_sid : no_machine;
    bool is_anonymous = (spec->flags & SMBKIT_WHO_ANONYMOUS) != 0;
    bool is_guest = (spec->flags & SMBKIT_WHO_GUEST) != 0;
    t->user = is_anonymous ? sid_anonymous() : sid_machine(machine, spec->rid);
    t->primary_group = is_anonymous
                           ? sid_anonymous()
                           : sid_machine(machine, is_guest ? RID_DOMAIN_GUESTS : RID_DOMAIN_USERS);
    add_group(t, t->primary_group);
    add_group(t, sid_everyone());
    add_group(t, sid_network());
    if (is_anonymous) {
        return;
    }
    add_group(t, sid_builtin(is_guest ? RID_BUILTIN_GUESTS : RID_BUILTIN_USERS));
    if (!is_guest) {
        add_group(t, sid_authenticated_users());
    }
    for (uint32_t i = 0; i < t->rid_count; i++) {
        add_group(t, sid_machine(machine, t->rids[i]));
    }
}

static bool make_room(struct vfs_token *t, const struct vfs_token_spec *spec)
{
    uint32_t rids = MIN(spec->group_rid_count, (uint32_t)VFS_TOKEN_GROUPS_MAX);
    t->rids = mem_calloc(rids + 1, sizeof(*t->rids));
    t->groups = mem_calloc(rids + TOKEN_KNOWN_MAX, sizeof(*t->groups));
    t->group_sids = mem_calloc(rids + TOKEN_KNOWN_MAX, sizeof(*t->group_sids));
    if (!t->rids || !t->groups || !t->group_sids) {
        return false;
    }
    t->rid_count = rids;
    if (rids > 0) {
        mem_copy(t->rids, spec->group_rids, rids * sizeof(*t->rids));
    }
    return true;
}

/* The groups as a plugin sees them: without the user itself, which is its own group when nobody has
 * logged on. */
static uint32_t format_groups(struct vfs_token *t)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->group_count; i++) {
        struct token_group *g = &t->groups[i];
        if (sid_eq(&g->sid, &t->user)) {
            continue;
        }
        struct wr w = wr_init(g->bytes, sizeof(g->bytes));
        sid_format(&w, &g->sid);
        ASSERT(wr_ok(&w));
        t->group_sids[count++] =
            (struct smbkit_bytes){.base = g->bytes, .len = (uint32_t)sid_len_bytes(&g->sid)};
    }
    return count;
}

static bool set_identity(struct vfs_token *t, const struct vfs_token_spec *spec)
{
    const char *texts[3] = {spec->user, spec->domain, spec->client_address};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        t->strings[i] = str_dup(texts[i] ? texts[i] : "");
        if (!t->strings[i]) {
            return false;
        }
    }
    struct wr w = wr_init(t->sid_bytes, sizeof(t->sid_bytes));
    sid_format(&w, &t->user);
    ASSERT(wr_ok(&w));
    t->identity = (struct smbkit_identity){
        .struct_size = sizeof(t->identity),
        .flags = spec->flags,
        .user = t->strings[0],
        .domain = t->strings[1],
        .client_address = t->strings[2],
        .sid = t->sid_bytes,
        .sid_len_bytes = (uint32_t)sid_len_bytes(&t->user),
        .rid = spec->rid,
        .groups = t->group_sids,
        .group_count = format_groups(t),
        .session_id = spec->session_id,
        .client_id = spec->client_id,
    };
    return true;
}

static void destroy(struct vfs_token *t)
{
    for (size_t i = 0; i < ARRAY_LEN(t->strings); i++) {
        mem_free(t->strings[i]);
    }
    mem_free(t->rids);
    mem_free(t->groups);
    mem_free(t->group_sids);
    mem_free(t);
}

struct vfs_token *vfs_token_new(const struct vfs_token_spec *spec)
{
    struct vfs_token *t = mem_zalloc(sizeof(*t));
    if (!t) {
        return NULL;
    }
    refcount_init(&t->refs);
    if (!make_room(t, spec)) {
        destroy(t);
        return NULL;
    }
    set_sids(t, spec);
    if (spec->flags & SMBKIT_WHO_ADMIN) {
        t->privileges = TOKEN_CAN_SECURITY | TOKEN_CAN_RESTORE;
    }
    if (!set_identity(t, spec)) {
        destroy(t);
        return NULL;
    }
    return t;
}

struct vfs_token *vfs_token_ref(struct vfs_token *t)
{
    refcount_get(&t->refs);
    return t;
}

void vfs_token_unref(struct vfs_token *t)
{
    if (t && refcount_put(&t->refs)) {
        destroy(t);
    }
}

const struct smbkit_identity *vfs_token_identity_get(const struct vfs_token *t)
{
    return &t->identity;
}

bool token_has_sid(const struct vfs_token *t, const struct sid *sid)
{
    if (sid_eq(&t->user, sid)) {
        return true;
    }
    for (uint32_t i = 0; i < t->group_count; i++) {
        if (sid_eq(&t->groups[i].sid, sid)) {
            return true;
        }
    }
    return false;
}

bool vfs_token_is_in_group(const struct vfs_token *t, uint32_t rid)
{
    for (uint32_t i = 0; i < t->rid_count; i++) {
        if (t->rids[i] == rid) {
            return true;
        }
    }
    return false;
}

bool vfs_token_has_groups(const struct vfs_token *t, const uint32_t *rids, uint32_t count)
{
    bool same = t->rid_count == MIN(count, (uint32_t)VFS_TOKEN_GROUPS_MAX);
    for (uint32_t i = 0; same && i < t->rid_count; i++) {
        same = vfs_token_is_in_group(t, rids[i]);
    }
    return same;
}
