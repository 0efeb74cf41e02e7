/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/users_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "crypto/crypto.h"

#define NAME_BAD_CHARS "\"/\\[]:;|=,+*?<>@"
#define RID_SEED 0x736d626b69742121ull   /* never to be changed: files keep SIDs */
#define GROUP_SEED 0x736d626b69742140ull /* likewise */

struct users *users_new(void)
{
    struct users *u = mem_zalloc(sizeof(*u));
    if (u) {
        hash_table_init(&u->by_name);
        hash_table_init(&u->groups);
    }
    return u;
}

static void entry_free(struct users_entry *e)
{
    names_fini(&e->groups);
    mem_wipe(e, sizeof(*e));
    mem_free(e);
}

static void groups_free(struct users *u)
{
    struct hash_link *l;
    while ((l = hash_table_next(&u->groups, NULL))) {
        struct users_group *g = CONTAINER_OF(l, struct users_group, link);
        hash_table_remove(&u->groups, l);
        mem_free(g->name);
        mem_free(g);
    }
    hash_table_fini(&u->groups);
}

void users_free(struct users *u)
{
    if (!u) {
        return;
    }
    groups_free(u);
    hash_table_fini(&u->by_name);
    for (size_t i = 0; i < u->count; i++) {
        entry_free(u->by_rid[i]);
    }
    mem_free(u->by_rid);
    mem_free(u);
}

/* Names come from the administrator, not from peers: no secret seed is needed. */
static uint64_t name_hash(const char *name)
{
    return utf8_ihash(0, name, str_len(name));
}

static bool entry_is(const struct hash_link *link, const void *key)
{
    return utf8_ieq(CONTAINER_OF(link, struct users_entry, link)->user.name, key);
}

struct users_entry *users_entry_find(const struct users *u, const char *name)
{
    struct hash_link *link = hash_table_get(&u->by_name, name_hash(name), entry_is, name);
    return link ? CONTAINER_OF(link, struct users_entry, link) : NULL;
}

const struct auth_user *users_find(const struct users *u, const char *name)
{
    const struct users_entry *e = users_entry_find(u, name);
    return e ? &e->user : NULL;
}

size_t users_count(const struct users *u)
{
    return u->count;
}

const struct auth_user *users_at(const struct users *u, size_t i)
{
    ASSERT(i < u->count);
    return &u->by_rid[i]->user;
}

static bool is_bad_char(uint8_t c)
{
    if (c < 0x20 || c == 0x7f) {
        return true;
    }
    for (const char *bad = NAME_BAD_CHARS; *bad; bad++) {
        if ((uint8_t)*bad == c) {
            return true;
        }
    }
    return false;
}

bool users_is_name(const char *name)
{
    size_t len = str_len(name);
    if (len == 0 || len > USERS_NAME_MAX || !utf8_is_valid(name, len)) {
        return false;
    }
    if (name[0] == '#' || name[0] == '!' || name[0] == ' ' || name[len - 1] == ' ') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (is_bad_char((uint8_t)name[i])) {
            return false;
        }
    }
    return true;
}

/* The first position whose rid is >= rid. */
static size_t rid_position(const struct users *u, uint32_t rid)
{
    size_t low = 0;
    size_t high = u->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (u->by_rid[mid]->user.rid < rid) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static bool reserve(struct users *u)
{
    if (u->count < u->cap) {
        return true;
    }
    size_t cap = u->cap ? u->cap * 2 : 16;
    struct users_entry **list = mem_realloc(u->by_rid, cap * sizeof(struct users_entry *));
    if (!list) {
        return false;
    }
    u->by_rid = list;
    u->cap = cap;
    return true;
}

uint32_t users_rid_of_group(const char *name)
{
    uint64_t hash = utf8_ihash(GROUP_SEED, name, str_len(name));
    return USERS_RID_GROUPS + (uint32_t)(hash % (USERS_RID_GROUPS_MAX - USERS_RID_GROUPS + 1));
}

static bool group_is(const struct hash_link *link, const void *key)
{
    return CONTAINER_OF(link, struct users_group, link)->rid == *(const uint32_t *)key;
}

static const struct users_group *group_find(const struct users *u, uint32_t rid)
{
    struct hash_link *l = hash_table_get(&u->groups, hash_u64(0, rid), group_is, &rid);
    return l ? CONTAINER_OF(l, struct users_group, link) : NULL;
}

static bool group_add(struct users *u, const char *name)
{
    uint32_t rid = users_rid_of_group(name);
    if (group_find(u, rid)) {
        return true;
    }
    struct users_group *g = mem_zalloc(sizeof(*g));
    char *own = str_dup(name);
    if (g && own) {
        g->rid = rid;
        g->name = own;
    }
    if (!g || !own || !hash_table_add(&u->groups, &g->link, hash_u64(0, rid))) {
        mem_free(own);
        mem_free(g);
        return false;
    }
    return true;
}

/* The user is in these; *out: owned copies. */
static bool groups_take(struct users *u, const struct names *groups, struct names *out)
{
    bool ok = names_copy(out, groups);
    for (size_t i = 0; ok && i < out->count; i++) {
        ok = group_add(u, out->items[i]);
    }
    if (!ok) {
        names_fini(out);
    }
    return ok;
}

bool users_entry_add(struct users *u, const struct auth_user *user, const struct names *groups)
{
    if (!reserve(u)) {
        return false;
    }
    struct users_entry *e = mem_zalloc(sizeof(*e));
    if (!e) {
        return false;
    }
    e->user = *user;
    if (!groups_take(u, groups, &e->groups) ||
        !hash_table_add(&u->by_name, &e->link, name_hash(user->name))) {
        entry_free(e);
        return false;
    }
    size_t at = rid_position(u, user->rid);
    mem_move(u->by_rid + at + 1, u->by_rid + at, (u->count - at) * sizeof(struct users_entry *));
    u->by_rid[at] = e;
    u->count++;
    return true;
}

void users_versions_take(struct users *u, const struct users *before, uint64_t *next)
{
    for (size_t i = 0; i < u->count; i++) {
        struct auth_user *now = &u->by_rid[i]->user;
        const struct auth_user *then = before ? users_find(before, now->name) : NULL;
        bool same = then && then->rid == now->rid && then->disabled == now->disabled &&
                    mem_eq_ct(then->nt_hash, now->nt_hash, sizeof(now->nt_hash));
        now->version = same ? then->version : ++*next;
    }
}

const uint8_t *users_identity_get(const struct users *u)
{
    return u->has_identity ? u->identity : NULL;
}

void users_identity_set(struct users *u, const uint8_t identity[USERS_IDENTITY_LEN])
{
    mem_copy(u->identity, identity, USERS_IDENTITY_LEN);
    u->has_identity = true;
}

uint32_t users_rid_of_name(const char *name)
{
    uint64_t hash = utf8_ihash(RID_SEED, name, str_len(name));
    return USERS_RID_NAMED + (uint32_t)(hash % (USERS_RID_MAX - USERS_RID_NAMED + 1));
}

const struct auth_user *users_find_rid(const struct users *u, uint32_t rid)
{
    size_t at = rid_position(u, rid);
    return at < u->count && u->by_rid[at]->user.rid == rid ? &u->by_rid[at]->user : NULL;
}

smbkit_status users_set(struct users *u, const char *name, const uint8_t nt_hash[16], bool disabled)
{
    if (!users_is_name(name)) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    struct users_entry *e = users_entry_find(u, name);
    if (e) {
        mem_copy(e->user.nt_hash, nt_hash, sizeof(e->user.nt_hash));
        e->user.disabled = disabled;
        return SMBKIT_STATUS_SUCCESS;
    }
    if (u->count >= USERS_COUNT_MAX) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    struct auth_user user = {.rid = users_rid_of_name(name), .disabled = disabled};
    if (users_find_rid(u, user.rid)) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    str_copy(user.name, sizeof(user.name), name);
    mem_copy(user.nt_hash, nt_hash, sizeof(user.nt_hash));
    bool added = users_entry_add(u, &user, NULL);
    mem_wipe(&user, sizeof(user));
    return added ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

const struct names *users_groups_get(const struct users *u, const char *name)
{
    const struct users_entry *e = users_entry_find(u, name);
    return e ? &e->groups : NULL;
}

smbkit_status users_groups_set(struct users *u, const char *name, const struct names *groups)
{
    struct users_entry *e = users_entry_find(u, name);
    struct names own;
    if (!e) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (groups->count > USERS_GROUPS_MAX) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    for (size_t i = 0; i < groups->count; i++) {
        if (!users_is_name(groups->items[i])) {
            return SMBKIT_STATUS_OBJECT_NAME_INVALID;
        }
    }
    if (!groups_take(u, groups, &own)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    names_fini(&e->groups);
    e->groups = own;
    return SMBKIT_STATUS_SUCCESS;
}

const char *users_group_find_rid(const struct users *u, uint32_t rid)
{
    const struct users_group *g = group_find(u, rid);
    return g ? g->name : NULL;
}

bool users_remove(struct users *u, const char *name)
{
    struct users_entry *e = users_entry_find(u, name);
    if (!e) {
        return false;
    }
    size_t at = rid_position(u, e->user.rid);
    hash_table_remove(&u->by_name, &e->link);
    u->count--;
    mem_move(u->by_rid + at, u->by_rid + at + 1, (u->count - at) * sizeof(struct users_entry *));
    entry_free(e);
    return true;
}

smbkit_status users_nt_hash_from_password(const char *password_utf8, uint8_t out[16])
{
    uint8_t utf16[2 * USERS_PASSWORD_MAX];
    struct wr w = wr_init(utf16, sizeof(utf16));
    if (!utf8_is_valid(password_utf8, str_len(password_utf8)) ||
        utf16_len_bytes(password_utf8) > sizeof(utf16)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    wr_utf16(&w, password_utf8);
    bool ok = crypto_md4(utf16, wr_pos(&w), out);
    mem_wipe(utf16, sizeof(utf16));
    return ok ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}
