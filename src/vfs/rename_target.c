/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/rename_target.h"

#include "base/mem.h"
#include "base/str.h"
#include "vfs/access.h"
#include "vfs/claim.h"
#include "vfs/create.h"
#include "vfs/journal.h"
#include "vfs/names.h"
#include "vfs/names_short.h"
#include "vfs/path.h"
#include "vfs/rules.h"

static void target_let_go(struct rename_target *t);

/* Forget what was found; a claim stays. */
static void target_forget(struct rename_target *t)
{
    target_let_go(t);
    mem_free(t->path);
    mem_free(t->existing);
    t->path = NULL;
    t->existing = NULL;
    t->changed = false;
}

void rename_target_fini(struct rename_target *t, const struct vfs_call *call)
{
    target_forget(t);
    claim_give(&t->claim, call);
}

/* Nothing is there as it was spelled: in other letters, or by a short name? */
static smbkit_status target_find_otherwise(const struct vfs_call *call, struct vfs_volume *v,
                                           const char *path, struct rename_target *t)
{
    CLEANUP_MEM char *real = NULL;
    smbkit_status st = names_resolve(call, v, path, &real, NULL);
    if (!SMBKIT_OK(st) && st != SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        return st;
    }
    CLEANUP_MEM char *dir = path_parent(real);
    t->path = dir ? path_join(dir, path_leaf(path)) : NULL;
    if (!t->path) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        names_tunnel_through(v, &t->path);
        return SMBKIT_STATUS_SUCCESS;
    }
    st = door_lookup(call, v, real, RENAME_ITSELF, &t->attr);
    if (SMBKIT_OK(st)) {
        t->existing = real;
        real = NULL;
    }
    return door_misses(st) ? SMBKIT_STATUS_SUCCESS : st;
}

static smbkit_status target_find(const struct vfs_call *call, struct vfs_volume *v,
                                 const char *path, struct rename_target *t)
{
    smbkit_status st = door_lookup(call, v, path, RENAME_ITSELF, &t->attr);
    if (door_misses(st) && names_may_resolve(v, path)) {
        st = target_find_otherwise(call, v, path, t);
        st = SMBKIT_OK(st) ? rules_check_path(v, t->path) : st; /* not what check_common saw */
        return SMBKIT_OK(st) && t->existing ? rules_check_path(v, t->existing) : st;
    }
    if (!SMBKIT_OK(st) && !door_misses(st)) {
        return st == SMBKIT_STATUS_NOT_A_DIRECTORY ? SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND : st;
    }
    t->path = str_dup(path);
    t->existing = SMBKIT_OK(st) ? str_dup(path) : NULL;
    if (!t->path || (SMBKIT_OK(st) && !t->existing)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    return st == SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND ? st : SMBKIT_STATUS_SUCCESS;
}

/* What a symbolic link leads to, and what is below that, may be open by the link's name. */
static smbkit_status check_through(const struct vfs_call *call, struct vfs_volume *v,
                                   const struct rename_target *t)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    bool more = t->attr.attributes & SMBKIT_ATTR_REPARSE_POINT;
    while (SMBKIT_OK(st) && more) { /* as in node_check_below */
        struct vfs_node *n = names_open_below(v, t->existing, true);
        more = n != NULL;
        st = node_check_open(call, n);
    }
    return st;
}

/* Keep what is to be replaced from being opened until target_let_go. */
static smbkit_status target_hold(const struct vfs_call *call, struct vfs_volume *v,
                                 struct rename_target *t)
{
    const struct node_key key = {.file = file_key_of(&t->attr)};
    struct node_name *name = node_name_new(v, t->existing);
    struct vfs_node *n = name ? node_get(v->nodes, &key) : NULL;
    if (!n) {
        node_name_free(name);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    name->of->moving = true;
    mutex_lock(&n->lock);
    smbkit_status st = node_check_replaced_locked(call, n);
    if (SMBKIT_OK(st)) {
        node_name_add(n, name);
    }
    mutex_unlock(&n->lock);
    if (!SMBKIT_OK(st)) {
        node_name_free(name);
        node_put(n);
        return st;
    }
    t->held = n;
    t->held_name = name;
    return st;
}

static void target_let_go(struct rename_target *t)
{
    struct vfs_node *n = t->held;
    if (!n) {
        return;
    }
    mutex_lock(&n->lock);
    node_name_free(t->held_name);
    wait_wake_all(n->waits, &n->move_waiters);
    mutex_unlock(&n->lock);
    node_put(n);
    t->held = NULL;
}

smbkit_status rename_target_replace(const struct vfs_call *call, struct vfs_volume *v,
                                    struct rename_target *t, bool replace)
{
    if (!replace) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    if (t->attr.attributes & (SMBKIT_ATTR_DIRECTORY | SMBKIT_ATTR_READONLY)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    smbkit_status st = access_check_path(call, v, t->existing, SMBKIT_DELETE);
    if (door_misses(st)) { /* somebody has removed it */
        t->changed = true;
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    if (SMBKIT_OK(st)) {
        st = check_through(call, v, t);
    }
    if (SMBKIT_OK(st)) {
        st = target_hold(call, v, t);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    /* From here on that file keeps its name. Had another taken its place before? */
    struct smbkit_attr now;
    st = journal_look(call, v, t->existing, RENAME_ITSELF, &now);
    struct file_key is = file_key_of(&now);
    struct file_key was = file_key_of(&t->attr);
    t->changed = door_misses(st) || (SMBKIT_OK(st) && !file_key_eq(&is, &was));
    return t->changed ? SMBKIT_STATUS_OBJECT_NAME_COLLISION : st;
}

/* Find what is at the new name, and claim the name: nobody makes it, in whatever letters, until
 * rename_target_fini. */
static smbkit_status target_take(const struct vfs_call *call, struct vfs_open *o, const char *path,
                                 struct rename_target *t)
{
    smbkit_status st = target_find(call, o->volume, path, t);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    CLEANUP_MEM char *parent = path_parent(t->path);
    struct smbkit_attr dir;
    st = parent ? access_check_destination(call, o->volume, parent, o->is_directory, &dir)
                : SMBKIT_STATUS_NO_MEMORY;
    if (!SMBKIT_OK(st)) {
        return st;
    }
    const struct file_key key = file_key_of(&dir);
    st = claim_take(&t->claim, call, o->volume->nodes, &key, path_leaf(t->path));
    if (SMBKIT_OK(st)) {
        target_forget(t); /* it may have come before the claim was taken */
        st = target_find(call, o->volume, path, t);
    }
    return st;
}

smbkit_status rename_target_claim(const struct vfs_call *call, struct vfs_open *o, const char *path,
                                  struct rename_target *t)
{
    smbkit_status st = target_take(call, o, path, t);
    /* On the way: only a create can tell a client of a link that he is to follow himself. */
    return st == SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED ? SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND
                                                          : st;
}
