/* SPDX-License-Identifier: Apache-2.0 */
/* The names that nodes are open by: each is a place in its volume's tree. */
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "vfs/core.h"
#include "vfs/path.h"

struct node_name *node_name_new(struct vfs_volume *v, const char *path)
{
    struct node_name *name = mem_zalloc(sizeof(*name));
    struct node_link *of = mem_zalloc(sizeof(*of));
    if (!name || !of) {
        mem_free(name);
        mem_free(of);
        return NULL;
    }
    mutex_lock(&v->tree_lock);
    name->at = nametree_get(&v->tree, path);
    mutex_unlock(&v->tree_lock);
    if (!name->at) {
        mem_free(name);
        mem_free(of);
        return NULL;
    }
    of->name_count = 1;
    name->of = of;
    name->volume = v;
    list_init(&name->link);
    list_init(&name->user);
    return name;
}

static void link_put(struct node_link *of)
{
    if (--of->name_count == 0) {
        mem_free(of);
    }
}

void node_name_free(struct node_name *name)
{
    if (!name) {
        return;
    }
    struct vfs_volume *v = name->volume;
    list_remove(&name->link);
    mutex_lock(&v->tree_lock);
    if (name->node) {
        list_remove(&name->user);
        atomic_fetch_sub_explicit(&v->nodes_now, 1, memory_order_relaxed); /* a statistic */
    }
    nametree_put(&v->tree, name->at);
    mutex_unlock(&v->tree_lock);
    link_put(name->of);
    mem_free(name);
}

void node_name_add(struct vfs_node *n, struct node_name *name)
{
    struct vfs_volume *v = name->volume;
    list_push_back(&n->names, &name->link);
    SCOPED_LOCK(&v->tree_lock);
    name->node = n;
    list_push_back(&name->at->users, &name->user);
    atomic_fetch_add_explicit(&v->nodes_now, 1, memory_order_relaxed); /* a statistic */
}

void node_name_join(struct node_name *name, struct node_link *of)
{
    ASSERT(name->open_count == 0);
    of->name_count++;
    of->is_shared = true;
    link_put(name->of);
    name->of = of;
}

void node_name_leave(struct node_name *name, bool leaves)
{
    name->of->open_count--;
    name->of->leaving_count -= leaves ? 1 : 0;
    if (--name->open_count == 0) {
        node_name_free(name);
    }
}

static struct node_name *entry_name(const struct name_entry *e, const struct vfs_node *n)
{
    LIST_FOR_EACH (l, &e->users) {
        struct node_name *name = LIST_ENTRY(l, struct node_name, user);
        if (name->node == n) {
            return name;
        }
    }
    return NULL;
}

/* Another spelling of the last component: the plugin ignores case and has not said so. */
static bool is_spelled_otherwise(const struct node_name *name, const struct name_entry *parent,
                                 const char *leaf)
{
    return name->at->parent && name->at->parent == parent && utf8_ieq(name->at->text, leaf);
}

struct node_name *node_name_find(struct vfs_node *n, struct vfs_volume *v, const char *path)
{
    CLEANUP_MEM char *dir = path_parent(path);
    SCOPED_LOCK(&v->tree_lock);
    struct name_entry *e = nametree_find(&v->tree, path);
    struct node_name *found = e ? entry_name(e, n) : NULL;
    struct name_entry *parent = dir && !found ? nametree_find(&v->tree, dir) : NULL;
    if (found || !parent) {
        return found;
    }
    LIST_FOR_EACH (l, &n->names) {
        struct node_name *name = LIST_ENTRY(l, struct node_name, link);
        if (name->volume == v && is_spelled_otherwise(name, parent, path_leaf(path))) {
            return name;
        }
    }
    return NULL;
}

bool node_is_going(const struct vfs_node *n)
{
    LIST_FOR_EACH (l, &n->names) {
        if (LIST_ENTRY(l, struct node_name, link)->of->delete_pending) {
            return true;
        }
    }
    return false;
}

char *node_name_path(const struct node_name *name)
{
    SCOPED_LOCK(&name->volume->tree_lock);
    return nametree_path(name->at);
}

bool node_name_move(struct node_name *name, const char *new_path, bool with_below)
{
    struct vfs_volume *v = name->volume;
    name->knows_parent = false;
    SCOPED_LOCK(&v->tree_lock);
    if (with_below) {
        return nametree_move(&v->tree, name->at, new_path);
    }
    struct name_entry *at = nametree_get(&v->tree, new_path);
    if (!at) {
        return false;
    }
    if (name->node) {
        list_remove(&name->user);
        list_push_back(&at->users, &name->user);
    }
    nametree_put(&v->tree, name->at);
    name->at = at;
    return true;
}

struct vfs_node *names_open_below(struct vfs_volume *v, const char *path, bool itself)
{
    SCOPED_LOCK(&v->tree_lock);
    struct name_entry *top = nametree_find(&v->tree, path);
    struct name_entry *e = top ? nametree_next(top, itself ? NULL : top) : NULL;
    for (; e; e = nametree_next(top, e)) {
        if (!list_is_empty(&e->users)) {
            struct vfs_node *n = LIST_ENTRY(e->users.next, struct node_name, user)->node;
            node_ref(n); /* it lives: its name is there */
            return n;
        }
    }
    return NULL;
}

struct vfs_node *names_open_as(struct vfs_volume *v, const char *path, const struct node_key * not )
{
    SCOPED_LOCK(&v->tree_lock);
    struct name_entry *e = nametree_find(&v->tree, path);
    if (!e) {
        return NULL;
    }
    LIST_FOR_EACH (l, &e->users) {
        struct vfs_node *n = LIST_ENTRY(l, struct node_name, user)->node;
        const struct file_key key = node_file_key(n);
        bool same_stream =
            !n->base == !not ->stream && (!n->base || node_is_stream(n, not ->stream));
        if (same_stream && !file_key_eq(&key, &not ->file)) {
            node_ref(n); /* as above */
            return n;
        }
    }
    return NULL;
}

/* Under told_lock and tree_lock. */
static void gather(struct name_entry *e, struct list *told)
{
    LIST_FOR_EACH (l, &e->users) {
        struct vfs_node *n = LIST_ENTRY(l, struct node_name, user)->node;
        if (list_is_empty(&n->told_link)) {
            node_ref(n); /* as above */
            list_push_back(told, &n->told_link);
        }
    }
}

void names_each_open(struct vfs_volume *v, const char *path, bool below,
                     void (*fn)(struct vfs_node *n, const void *arg), const void *arg)
{
    struct list told;
    list_init(&told);
    SCOPED_LOCK(&v->nodes->told_lock);
    mutex_lock(&v->tree_lock);
    struct name_entry *top = nametree_find(&v->tree, path);
    for (struct name_entry *e = top; e; e = below ? nametree_next(top, e) : NULL) {
        gather(e, &told);
    }
    mutex_unlock(&v->tree_lock);
    for (struct list *l; (l = list_pop_front(&told));) {
        struct vfs_node *n = LIST_ENTRY(l, struct vfs_node, told_link);
        fn(n, arg);
        node_put(n);
    }
}
