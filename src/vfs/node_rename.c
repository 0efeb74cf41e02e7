/* SPDX-License-Identifier: Apache-2.0 */
/* What a rename asks of the names that nodes are open by, and does to them. */
#include "base/mem.h"
#include "base/str.h"
#include "vfs/alias.h"
#include "vfs/core.h"
#include "vfs/create.h"
#include "vfs/notify_core.h"
#include "vfs/oplock_core.h"
#include "vfs/overlap.h"
#include "vfs/path.h"

smbkit_status node_wait_move_locked(const struct vfs_call *call, struct vfs_node *n)
{
    wait_register(n->waits, &n->move_waiters, call->wait);
    return SMBKIT_STATUS_WAIT;
}

smbkit_status node_check_replaced_locked(const struct vfs_call *call, struct vfs_node *n)
{
    smbkit_status st = streams_check_closed(call, n);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (!list_is_empty(&n->opens)) {
        const struct oplock_query q = {.op = OPLOCK_OP_RENAME};
        return oplock_ask_locked(call, n, &q, SMBKIT_STATUS_ACCESS_DENIED);
    }
    /* No open, but a name: another rename replaces it as well, or a stream of it is being opened.
     */
    return list_is_empty(&n->names) ? SMBKIT_STATUS_SUCCESS : node_wait_move_locked(call, n);
}

smbkit_status node_check_open(const struct vfs_call *call, struct vfs_node *n)
{
    if (!n) {
        return SMBKIT_STATUS_SUCCESS;
    }
    mutex_lock(&n->lock);
    smbkit_status st = node_check_replaced_locked(call, n);
    mutex_unlock(&n->lock);
    node_put(n);
    return st;
}

/* By whatever path; *found_r: a reference, NULL: nothing. */
static smbkit_status open_below(const struct vfs_call *call, struct vfs_open *o, const char *path,
                                struct vfs_node **found_r)
{
    *found_r = overlap_open_below(o->volume, path);
    return *found_r ? SMBKIT_STATUS_SUCCESS : alias_open_below(call, o, path, found_r);
}

static void ask(struct vfs_node *n, const void *dir)
{
    const struct oplock_query q = {.op = OPLOCK_OP_RENAME};
    if (n != dir) {
        SCOPED_LOCK(&n->lock);
        (void)oplock_break_locked(n, &q);
    }
}

/* What was found may have been closed before it was looked at: then there may be more. [MS-FSA]
 * 2.1.4.2 */
smbkit_status node_check_below(const struct vfs_call *call, struct vfs_open *o, const char *path)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    bool more = o->is_directory;
    bool has_waited = call->wait->asks_until_us != 0;
    while (SMBKIT_OK(st) && more) {
        struct vfs_node *n = NULL;
        st = open_below(call, o, path, &n);
        more = n != NULL;
        st = SMBKIT_OK(st) ? node_check_open(call, n) : st;
    }
    /* One was let go of for it and there are more: then they are not waited for one by one. */
    if (st == SMBKIT_STATUS_WAIT && has_waited && !call->wait->has_asked_below) {
        call->wait->has_asked_below = true;
        names_each_open(o->volume, path, true, ask, o->node);
    }
    return st;
}

/* Under node->lock. A file with several names was moved over one of its own that is open: that name
 * takes the opens over. */
static void name_merge(struct vfs_node *n, struct node_name *from, struct node_name *into)
{
    LIST_FOR_EACH (l, &n->opens) {
        struct vfs_open *o = LIST_ENTRY(l, struct vfs_open, node_link);
        if (o->name == from) {
            o->name = into;
            into->open_count++;
            into->of->open_count++;
            from->of->open_count--;
            into->of->leaving_count += o->leaves ? 1 : 0;
            from->of->leaving_count -= o->leaves ? 1 : 0;
        }
    }
    into->of->delete_pending |= from->of->delete_pending;
    into->of->moving = true;
    node_name_free(from);
}

/* Under the node's lock. Other paths of the same link, through another share or a folder reached by
 * two: they differ from it in the folders, so a rename within one is told by the last component.
 * After other moves they are found wrong when they are met (create_names.c). */
static void aliases_rename(struct vfs_open *o, const char *old_path, const char *new_path)
{
    size_t dir = path_parent_len(old_path);
    if (dir != path_parent_len(new_path) || !mem_eq(old_path, new_path, dir)) {
        return;
    }
    LIST_FOR_EACH (l, &o->node->names) {
        struct node_name *name = LIST_ENTRY(l, struct node_name, link);
        if (name->of != o->name->of || name == o->name) {
            continue;
        }
        CLEANUP_MEM char *path = node_name_path(name);
        CLEANUP_MEM char *parent = path ? path_parent(path) : NULL;
        CLEANUP_MEM char *to = parent ? path_join(parent, path_leaf(new_path)) : NULL;
        if (to) {
            (void)node_name_move(name, to, o->is_directory);
        }
    }
}

void node_name_set(struct vfs_open *o, const char *old_path, const char *new_path)
{
    struct vfs_node *n = o->node;
    SCOPED_LOCK(&n->lock);
    /* As on Windows, where the rename of a file counts as a change of its attributes. */
    n->notify_at_close |= o->is_directory ? 0 : NOTIFY_CHANGE_ATTRIBUTES;
    aliases_rename(o, old_path, new_path);
    struct node_name *other = node_name_find(n, o->volume, new_path);
    if (other && other != o->name && other->open_count > 0) {
        name_merge(n, o->name, other);
    } else {
        /* Without memory one keeps a name that is no more, as after a move behind the core's
         * back. All that was opened below a directory while it moved follows it. */
        (void)node_name_move(o->name, new_path, o->is_directory);
    }
}
