/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/overlap.h"

#include "base/mem.h"
#include "base/str.h"
#include "vfs/path.h"

static bool do_overlap(const struct vfs_volume *a, const struct vfs_volume *b)
{
    if (a == b || !a->location || !b->location) {
        return false;
    }
    return str_eq(a->location, b->location) || path_is_below(a->location, b->location) ||
           path_is_below(b->location, a->location);
}

/* Under volumes_lock. */
static void count_change(struct vfs_volume *v, int by)
{
    LIST_FOR_EACH (l, &v->nodes->volumes) {
        struct vfs_volume *other = LIST_ENTRY(l, struct vfs_volume, volumes_link);
        if (do_overlap(v, other)) {
            /* relaxed: a hint; what happens meanwhile may be told or not */
            atomic_fetch_add_explicit(&v->overlap_count, by, memory_order_relaxed);
            atomic_fetch_add_explicit(&other->overlap_count, by, memory_order_relaxed);
        }
    }
}

void overlap_join(struct vfs_volume *v)
{
    SCOPED_LOCK(&v->nodes->volumes_lock);
    count_change(v, 1);
    list_push_back(&v->nodes->volumes, &v->volumes_link);
}

void overlap_leave(struct vfs_volume *v)
{
    SCOPED_LOCK(&v->nodes->volumes_lock);
    if (!list_is_empty(&v->volumes_link)) {
        list_remove(&v->volumes_link);
        count_change(v, -1);
    }
}

char *overlap_map(const char *from, const char *path, const char *to)
{
    CLEANUP_MEM char *whole = path_join(from, path);
    if (!whole) {
        return NULL;
    }
    if (str_eq(whole, to)) {
        return str_dup("");
    }
    if (!path_is_below(to, whole)) {
        return NULL;
    }
    return str_dup(whole + str_len(to) + (*to ? 1 : 0));
}

static void tell(struct vfs_volume *v, struct vfs_volume *other, const struct overlap_event *e,
                 void (*fn)(struct vfs_volume *other, const struct overlap_event *there))
{
    CLEANUP_MEM char *path = overlap_map(v->location, e->path, other->location);
    CLEANUP_MEM char *new_path =
        e->new_path ? overlap_map(v->location, e->new_path, other->location) : NULL;
    struct overlap_event there = *e;
    there.path = path ? path : new_path;
    there.new_path = path ? new_path : NULL;
    if (e->new_path && !(path && new_path)) {
        there.action = path ? NOTIFY_REMOVED : NOTIFY_ADDED;
    }
    if (there.path && there.path[0]) { /* its own root has no name */
        fn(other, &there);
    }
}

void overlap_each(struct vfs_volume *v, const struct overlap_event *e,
                  void (*fn)(struct vfs_volume *other, const struct overlap_event *there))
{
    /* relaxed: as above */
    if (atomic_load_explicit(&v->overlap_count, memory_order_relaxed) == 0) {
        return;
    }
    SCOPED_LOCK(&v->nodes->volumes_lock);
    LIST_FOR_EACH (l, &v->nodes->volumes) {
        struct vfs_volume *other = LIST_ENTRY(l, struct vfs_volume, volumes_link);
        if (do_overlap(v, other)) {
            tell(v, other, e, fn);
        }
    }
}

static struct vfs_node *open_below_there(struct vfs_volume *other, const char *whole)
{
    const char *root = other->location;
    if (path_is_below(whole, root)) {
        return names_open_below(other, "", true);
    }
    CLEANUP_MEM char *path = overlap_map("", whole, root);
    return path ? names_open_below(other, path, false) : NULL;
}

struct vfs_node *overlap_open_below(struct vfs_volume *v, const char *path)
{
    struct vfs_node *found = names_open_below(v, path, false);
    CLEANUP_MEM char *whole = v->location ? path_join(v->location, path) : NULL;
    if (!whole) {
        return found;
    }
    SCOPED_LOCK(&v->nodes->volumes_lock);
    LIST_FOR_EACH (l, &v->nodes->volumes) {
        struct vfs_volume *other = LIST_ENTRY(l, struct vfs_volume, volumes_link);
        if (!found && do_overlap(v, other)) {
            found = open_below_there(other, whole);
        }
    }
    return found;
}
