/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a volume that something is open by, and the directories above them, as a tree.
 * Moving a directory moves one entry; a name is found in as many steps as it has components. A pure
 * structure: the caller holds the volume's tree lock for every call. */
#pragma once

#include "base/hash.h"
#include "base/list.h"

struct name_entry {
    struct hash_link hash;     /* by parent and text, the letters' case apart */
    struct name_entry *parent; /* holds a reference; NULL: the root */
    struct list children;
    struct list sibling;    /* in parent->children */
    struct list users;      /* the caller's: who is open by this name */
    uint32_t refs;          /* of the caller, and one for each entry below */
    bool is_detached;       /* another one has its place: no longer found, it only knows its path */
    struct name_leaf *leaf; /* while there are children; NULL: none, or no memory */
    struct list same_leaf;  /* leaf->members */
    char *text;             /* one component as the volume spells it */
};

/* The directories of one name, wherever they are; the letters' case does not count. */
struct name_leaf {
    struct hash_link hash;
    struct list members; /* name_entry.same_leaf; never empty */
};

struct nametree {
    struct hash_table entries;
    struct hash_table leaves; /* name_leaf: of the entries that have others below them */
    struct name_entry root;   /* always there */
    uint64_t seed;
    bool ignores_case;
};

void nametree_init(struct nametree *t, uint64_t seed, bool ignores_case);
void nametree_fini(struct nametree *t); /* nothing but the root is left */
/* The entry of a path, made with those above it; a reference. NULL: no memory. */
NODISCARD struct name_entry *nametree_get(struct nametree *t, const char *path);
/* Only if it is there; borrowed. */
struct name_entry *nametree_find(struct nametree *t, const char *path);
void nametree_put(struct nametree *t, struct name_entry *e);
/* Owned; NULL: no memory. */
NODISCARD char *nametree_path(const struct name_entry *e);
/* e, and with it all below, is at new_path from now on; what has that name already is detached.
 * Not the root; new_path is not below e. false: no memory, nothing is changed. */
NODISCARD bool nametree_move(struct nametree *t, struct name_entry *e, const char *new_path);
/* All directories of this name that have something below them; NULL: none. */
const struct name_leaf *nametree_named(const struct nametree *t, const char *leaf);
/* The entry after `at` in a walk of top and all below it, top itself first (at NULL). NULL: the
 * end. */
struct name_entry *nametree_next(struct name_entry *top, struct name_entry *at);
