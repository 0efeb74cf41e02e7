/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/groups.h"

#include "auth/users.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"

static struct group *group_get(struct groups *g, const char *name)
{
    for (size_t i = 0; i < g->count; i++) {
        if (utf8_ieq(g->items[i].name, name)) {
            return &g->items[i];
        }
    }
    struct group *items =
        g->count < GROUPS_MAX ? mem_realloc(g->items, (g->count + 1) * sizeof(*items)) : NULL;
    if (!items) {
        return NULL;
    }
    g->items = items;
    items[g->count] = (struct group){.name = str_dup(name)};
    return items[g->count].name ? &items[g->count++] : NULL;
}

bool groups_add(struct groups *g, const char *group, const char *user)
{
    struct group *to = group_get(g, group);
    return to && to->members.count < GROUPS_MEMBERS_MAX && names_add(&to->members, user);
}

bool groups_copy(struct groups *out, const struct groups *g)
{
    *out = (struct groups){0};
    for (size_t i = 0; i < g->count; i++) {
        struct group *to = group_get(out, g->items[i].name);
        if (!to || !names_copy(&to->members, &g->items[i].members)) {
            groups_fini(out);
            return false;
        }
    }
    return true;
}

void groups_fini(struct groups *g)
{
    for (size_t i = 0; i < g->count; i++) {
        names_fini(&g->items[i].members);
        mem_free(g->items[i].name);
    }
    mem_free(g->items);
    *g = (struct groups){0};
}

bool groups_of(const struct groups *g, const char *user, struct names *out)
{
    for (size_t i = 0; i < g->count; i++) {
        const struct group *in = &g->items[i];
        if (names_have(&in->members, user) && !names_have(out, in->name) &&
            !names_add(out, in->name)) {
            return false;
        }
    }
    return true;
}

const char *groups_find_rid(const struct groups *g, uint32_t rid)
{
    for (size_t i = 0; i < g->count; i++) {
        if (users_rid_of_group(g->items[i].name) == rid) {
            return g->items[i].name;
        }
    }
    return NULL;
}
