/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a table of users: users.c has the table, users_text.c its text. */
#pragma once

#include "auth/users.h"
#include "base/hash.h"

struct users_entry {
    struct hash_link link; /* by name, without case */
    struct auth_user user;
    struct names groups;
};

/* A group that somebody is, or was, in. */
struct users_group {
    struct hash_link link; /* by rid */
    uint32_t rid;
    char *name; /* owned; as it was first spelled */
};

struct users {
    struct hash_table by_name;
    struct hash_table groups;
    struct users_entry **by_rid; /* ascending */
    size_t count;
    size_t cap;
    bool has_identity;
    uint8_t identity[USERS_IDENTITY_LEN];
};

/* NULL: none. */
struct users_entry *users_entry_find(const struct users *u, const char *name);
/* name and rid are new to the table; groups: copied, NULL: none. false: no memory. */
NODISCARD bool users_entry_add(struct users *u, const struct auth_user *user,
                               const struct names *groups);
