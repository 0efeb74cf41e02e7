/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/dirlease.h"

#include "base/mem.h"
#include "vfs/oplock_core.h"
#include "vfs/overlap.h"
#include "vfs/path.h"

/* seq_cst: who gets a lease counts before he lists; who changes something looks after the change */
static bool is_on(const struct vfs_volume *v)
{
    return atomic_load(&v->nodes->dir_leases) > 0;
}

static void tell_node(struct vfs_node *n, const void *arg)
{
    const struct dirlease_cause *by = arg;
    SCOPED_LOCK(&n->lock);
    const struct oplock_query q = {
        .op = OPLOCK_OP_CHILD, .parent_key = by->parent, .client = by->client};
    (void)oplock_break_locked(n, &q);
}

static void tell_here(struct vfs_volume *v, const char *path, const struct dirlease_cause *by)
{
    if (!path[0]) {
        return; /* the root is nobody's entry */
    }
    CLEANUP_MEM char *dir = path_parent(path);
    /* Without memory for the path all directories are told: a break must not be lost. */
    names_each_open(v, dir ? dir : "", !dir, tell_node, by);
}

static void tell_there(struct vfs_volume *other, const struct overlap_event *e)
{
    tell_here(other, e->path, e->by);
}

void dirlease_changed(struct vfs_volume *v, const char *path, const struct dirlease_cause *by)
{
    if (is_on(v)) {
        const struct overlap_event e = {.path = path, .action = NOTIFY_MODIFIED, .by = by};
        tell_here(v, path, by);
        overlap_each(v, &e, tell_there);
    }
}

void dirlease_changed_by(struct vfs_open *o, const char *path)
{
    const struct dirlease_cause by = {.parent = o->has_parent ? o->parent : NULL};
    dirlease_changed(o->volume, path, &by);
}

void dirlease_modified(struct vfs_open *o)
{
    atomic_store_explicit(&o->is_modified, false, memory_order_relaxed); /* told herewith */
    if (!is_on(o->volume)) {
        return;
    }
    CLEANUP_MEM char *path = vfs_open_path_known(o);
    if (path) {
        dirlease_changed_by(o, path);
        return;
    }
    const struct dirlease_cause nobody = {0};
    names_each_open(o->volume, "", true, tell_node, &nobody); /* as above */
}

void dirlease_note(struct vfs_open *o)
{
    /* relaxed: an open ends when its calls have ended */
    atomic_store_explicit(&o->is_modified, true, memory_order_relaxed);
}

void dirlease_close(struct vfs_open *o, bool deletes)
{
    /* relaxed: as above */
    if (atomic_load_explicit(&o->is_modified, memory_order_relaxed) && !deletes) {
        dirlease_modified(o);
    }
}
