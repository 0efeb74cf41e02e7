/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of users that a configuration names: each with the names of its members. A group's rid
 * comes from its name (users.h), so that it is the same group as of that name in the users file.
 * Not locked. */
#pragma once

#include "base/names.h"

#define GROUPS_MAX 1024          /* of one configuration */
#define GROUPS_MEMBERS_MAX 65536 /* of one group */

struct group {
    char *name; /* owned */
    struct names members;
};
struct groups {
    struct group *items;
    size_t count;
};

/* Into that group, which is made if it is new. False: too many, or no memory. */
NODISCARD bool groups_add(struct groups *g, const char *group, const char *user);
/* *out becomes a copy. False without memory: *out is empty. */
NODISCARD bool groups_copy(struct groups *out, const struct groups *g);
void groups_fini(struct groups *g);
/* The names of the groups that the user is in, in any case of letters, appended but for those that
 * are there. False: no memory. */
NODISCARD bool groups_of(const struct groups *g, const char *user, struct names *out);
/* As it is spelled where it is first named; NULL: none. */
const char *groups_find_rid(const struct groups *g, uint32_t rid);
