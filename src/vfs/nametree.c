/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/nametree.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "vfs/path.h"

/* One component of a path. */
struct part {
    const char *text;
    size_t len;
};

/* The first component of *path, which then starts at the next one; false: there is none. */
static bool part_next(const char **path, struct part *p)
{
    const char *at = *path;
    *p = (struct part){.text = at};
    while (at[p->len] && at[p->len] != '/') {
        p->len++;
    }
    *path = at + p->len + (at[p->len] == '/' ? 1 : 0);
    return p->len > 0;
}

struct key {
    const struct nametree *tree;
    const struct name_entry *parent;
    struct part part;
};

static uint64_t key_hash(const struct key *k)
{
    return utf8_ihash(hash_u64(k->tree->seed, (uintptr_t)k->parent), k->part.text, k->part.len);
}

static bool key_eq(const struct hash_link *link, const void *arg)
{
    const struct name_entry *e = CONTAINER_OF(link, struct name_entry, hash);
    const struct key *k = arg;
    if (e->parent != k->parent) {
        return false;
    }
    size_t len = str_len(e->text);
    if (k->tree->ignores_case) {
        return path_eq_nocase(e->text, len, k->part.text, k->part.len);
    }
    return len == k->part.len && mem_eq(e->text, k->part.text, len);
}

/* ---- directories by their last component ---- */

static uint64_t leaf_hash(const struct nametree *t, const char *text)
{
    return utf8_ihash(t->seed, text, str_len(text));
}

static bool leaf_eq(const struct hash_link *link, const void *text)
{
    const struct name_leaf *leaf = CONTAINER_OF(link, struct name_leaf, hash);
    return utf8_ieq(LIST_ENTRY(leaf->members.next, struct name_entry, same_leaf)->text, text);
}

static struct name_leaf *leaf_find(const struct nametree *t, const char *text)
{
    struct hash_link *l = hash_table_get(&t->leaves, leaf_hash(t, text), leaf_eq, text);
    return l ? CONTAINER_OF(l, struct name_leaf, hash) : NULL;
}

static struct name_leaf *leaf_new(struct nametree *t, const char *text)
{
    struct name_leaf *leaf = mem_zalloc(sizeof(*leaf));
    if (leaf && !hash_table_add(&t->leaves, &leaf->hash, leaf_hash(t, text))) {
        mem_free(leaf);
        return NULL;
    }
    if (leaf) {
        list_init(&leaf->members);
    }
    return leaf;
}

/* Something is below e now. Without memory it is not found by its name alone. */
static void leaf_join(struct nametree *t, struct name_entry *e)
{
    if (e == &t->root || e->leaf) {
        return;
    }
    e->leaf = leaf_find(t, e->text);
    e->leaf = e->leaf ? e->leaf : leaf_new(t, e->text);
    if (e->leaf) {
        list_push_back(&e->leaf->members, &e->same_leaf);
    }
}

static void leaf_leave(struct nametree *t, struct name_entry *e)
{
    struct name_leaf *leaf = e->leaf;
    if (!leaf) {
        return;
    }
    e->leaf = NULL;
    list_remove(&e->same_leaf);
    if (list_is_empty(&leaf->members)) {
        hash_table_remove(&t->leaves, &leaf->hash);
        mem_free(leaf);
    }
}

const struct name_leaf *nametree_named(const struct nametree *t, const char *leaf)
{
    return leaf_find(t, leaf);
}

/* ---- entries ---- */

static struct name_entry *child_find(struct nametree *t, struct name_entry *parent, struct part p)
{
    const struct key key = {.tree = t, .parent = parent, .part = p};
    struct hash_link *link = hash_table_get(&t->entries, key_hash(&key), key_eq, &key);
    return link ? CONTAINER_OF(link, struct name_entry, hash) : NULL;
}

static void entry_init(struct name_entry *e)
{
    *e = (struct name_entry){0};
    list_init(&e->children);
    list_init(&e->sibling);
    list_init(&e->users);
    list_init(&e->same_leaf);
}

/* Put e, which is nowhere, below parent. */
static bool entry_attach(struct nametree *t, struct name_entry *e, struct name_entry *parent)
{
    const struct key key = {
        .tree = t, .parent = parent, .part = {.text = e->text, .len = str_len(e->text)}};
    if (!hash_table_add(&t->entries, &e->hash, key_hash(&key))) {
        return false;
    }
    e->parent = parent;
    parent->refs++;
    list_push_back(&parent->children, &e->sibling);
    leaf_join(t, parent);
    return true;
}

/* Nobody finds it any more; it still holds its parent. */
static void entry_detach(struct nametree *t, struct name_entry *e)
{
    if (!e->is_detached) {
        e->is_detached = true;
        hash_table_remove(&t->entries, &e->hash);
        list_remove(&e->sibling);
        if (list_is_empty(&e->parent->children)) {
            leaf_leave(t, e->parent);
        }
    }
}

static struct name_entry *child_get(struct nametree *t, struct name_entry *parent, struct part p)
{
    struct name_entry *e = child_find(t, parent, p);
    if (e) {
        e->refs++;
        return e;
    }
    e = mem_alloc(sizeof(*e));
    char *text = str_ndup(p.text, p.len);
    if (e) {
        entry_init(e);
        e->text = text;
        e->refs = 1;
    }
    if (!e || !text || !entry_attach(t, e, parent)) {
        mem_free(text);
        mem_free(e);
        return NULL;
    }
    return e;
}

void nametree_init(struct nametree *t, uint64_t seed, bool ignores_case)
{
    *t = (struct nametree){.seed = seed, .ignores_case = ignores_case};
    hash_table_init(&t->entries);
    hash_table_init(&t->leaves);
    entry_init(&t->root);
}

void nametree_fini(struct nametree *t)
{
    ASSERT(t->root.refs == 0 && t->entries.count == 0 && t->leaves.count == 0);
    hash_table_fini(&t->entries);
    hash_table_fini(&t->leaves);
}

struct name_entry *nametree_get(struct nametree *t, const char *path)
{
    struct name_entry *e = &t->root;
    struct part p;
    e->refs++;
    while (e && part_next(&path, &p)) {
        struct name_entry *parent = e;
        e = child_get(t, parent, p);
        nametree_put(t, parent); /* e holds it, if it is there */
    }
    return e;
}

struct name_entry *nametree_find(struct nametree *t, const char *path)
{
    struct name_entry *e = &t->root;
    struct part p;
    while (e && part_next(&path, &p)) {
        e = child_find(t, e, p);
    }
    return e;
}

void nametree_put(struct nametree *t, struct name_entry *e)
{
    while (e) {
        ASSERT(e->refs > 0);
        struct name_entry *parent = e->parent;
        if (--e->refs > 0 || e == &t->root) {
            return;
        }
        ASSERT(list_is_empty(&e->users) && list_is_empty(&e->children));
        entry_detach(t, e);
        mem_free(e->text);
        mem_free(e);
        e = parent;
    }
}

char *nametree_path(const struct name_entry *e)
{
    size_t len = 0;
    for (const struct name_entry *p = e; p->parent; p = p->parent) {
        len += str_len(p->text) + 1;
    }
    char *path = mem_zalloc(len + 1);
    for (const struct name_entry *p = e; path && p->parent; p = p->parent) {
        size_t n = str_len(p->text);
        len -= n + 1;
        mem_copy(path + len, p->text, n);
        path[len + n] = p == e ? '\0' : '/';
    }
    return path;
}

bool nametree_move(struct nametree *t, struct name_entry *e, const char *new_path)
{
    ASSERT(e->parent);
    CLEANUP_MEM char *dir = path_parent(new_path);
    char *text = str_dup(path_leaf(new_path));
    struct name_entry *parent = dir ? nametree_get(t, dir) : NULL;
    if (!text || !parent) {
        mem_free(text);
        nametree_put(t, parent);
        return false;
    }
    struct name_entry *old_parent = e->parent;
    entry_detach(t, e);
    struct name_entry *there =
        child_find(t, parent, (struct part){.text = text, .len = str_len(text)});
    if (there) {
        entry_detach(t, there);
    }
    leaf_leave(t, e);
    mem_free(e->text);
    e->text = text;
    if (!list_is_empty(&e->children)) {
        leaf_join(t, e);
    }
    e->is_detached = false;
    bool attached = entry_attach(t, e, parent);
    ASSERT(attached); /* there was room for it before */
    nametree_put(t, parent);
    nametree_put(t, old_parent);
    return true;
}

struct name_entry *nametree_next(struct name_entry *top, struct name_entry *at)
{
    if (!at) {
        return top;
    }
    if (!list_is_empty(&at->children)) {
        return LIST_ENTRY(at->children.next, struct name_entry, sibling);
    }
    while (at != top) {
        if (at->sibling.next != &at->parent->children) {
            return LIST_ENTRY(at->sibling.next, struct name_entry, sibling);
        }
        at = at->parent;
    }
    return NULL;
}
