/* SPDX-License-Identifier: Apache-2.0 */
/* [MS-FSA] 2.1.5.15.11 FileRenameInformation, 2.1.5.15.6 FileLinkInformation.
 *
 * That nobody has the file open without sharing DELETE follows from the share modes: the open that
 * renames has DELETE. */
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "vfs/access.h"
#include "vfs/create.h"
#include "vfs/journal.h"
#include "vfs/names.h"
#include "vfs/notify_core.h"
#include "vfs/oplock_core.h"
#include "vfs/path.h"

/* Where the file is to go. */
struct target {
    char *path;     /* owned: the directory as the volume spells it, the name as it was given */
    char *existing; /* owned: what is there already, as the volume spells it; NULL: nothing */
    struct smbkit_attr attr; /* of that */
    struct vfs_node *held;   /* its node, with held_name in it, while it is being replaced */
    struct node_name *held_name;
    bool changed; /* what is there is not what was found: look again */
};

#define RENAME_TRIES_MAX 16 /* turns lost to others who put files at the new name */

static void target_let_go(struct target *t);

static void target_fini(struct target *t)
{
    target_let_go(t);
    mem_free(t->path);
    mem_free(t->existing);
    *t = (struct target){0};
}

static bool is_missing(smbkit_status st)
{
    return st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND || st == SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
}

/* Nothing is there as it was spelled: in other letters? */
static smbkit_status target_find_nocase(const struct vfs_call *call, struct vfs_volume *v,
                                        const char *path, struct target *t)
{
    CLEANUP_MEM char *real = NULL;
    smbkit_status st = names_resolve(call, v, path, &real);
    if (!SMBKIT_OK(st) && st != SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        return st;
    }
    CLEANUP_MEM char *dir = path_parent(real);
    t->path = dir ? path_join(dir, path_leaf(path)) : NULL;
    if (!t->path) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        return SMBKIT_STATUS_SUCCESS;
    }
    st = door_lookup(call, v, real, &t->attr);
    if (SMBKIT_OK(st)) {
        t->existing = real;
        real = NULL;
    }
    return is_missing(st) ? SMBKIT_STATUS_SUCCESS : st;
}

static smbkit_status target_find(const struct vfs_call *call, struct vfs_volume *v,
                                 const char *path, struct target *t)
{
    smbkit_status st = door_lookup(call, v, path, &t->attr);
    if (is_missing(st) && v->names) {
        return target_find_nocase(call, v, path, t);
    }
    if (!SMBKIT_OK(st) && !is_missing(st)) {
        return st == SMBKIT_STATUS_NOT_A_DIRECTORY ? SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND : st;
    }
    t->path = str_dup(path);
    t->existing = SMBKIT_OK(st) ? str_dup(path) : NULL;
    bool no_memory = !t->path || (SMBKIT_OK(st) && !t->existing);
    if (no_memory) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    return st == SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND ? st : SMBKIT_STATUS_SUCCESS;
}

/* Under n->lock. A file that is in the way: is it open? Its client may let go of a handle that it
 * only caches. */
static smbkit_status check_replaced_locked(const struct vfs_call *call, struct vfs_node *n)
{
    if (!list_is_empty(&n->opens)) {
        const struct oplock_query q = {.op = OPLOCK_OP_RENAME};
        return oplock_break_locked(n, &q) ? oplock_wait_locked(call, n)
                                          : SMBKIT_STATUS_ACCESS_DENIED;
    }
    /* No open, but a name: another rename replaces it as well. */
    return list_is_empty(&n->names) ? SMBKIT_STATUS_SUCCESS : oplock_wait_locked(call, n);
}

/* Keep what is to be replaced from being opened until target_let_go. */
static smbkit_status target_hold(const struct vfs_call *call, struct vfs_volume *v,
                                 struct target *t)
{
    const struct node_key key = {.id = t->attr.file_id, .id_high = t->attr.file_id_high};
    struct node_name *name = name_new(t->existing);
    struct vfs_node *n = name ? node_get(v, &key) : NULL;
    if (!n) {
        name_free(name);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    name->moving = true;
    mutex_lock(&n->lock);
    smbkit_status st = check_replaced_locked(call, n);
    if (SMBKIT_OK(st)) {
        list_push_back(&n->names, &name->link);
    }
    mutex_unlock(&n->lock);
    if (!SMBKIT_OK(st)) {
        name_free(name);
        node_put(n);
        return st;
    }
    t->held = n;
    t->held_name = name;
    return st;
}

static void target_let_go(struct target *t)
{
    struct vfs_node *n = t->held;
    if (!n) {
        return;
    }
    mutex_lock(&n->lock);
    list_remove(&t->held_name->link);
    wait_wake_all(&n->volume->waits, &n->oplock_waiters);
    mutex_unlock(&n->lock);
    name_free(t->held_name);
    node_put(n);
    t->held = NULL;
}

static smbkit_status check_replace(const struct vfs_call *call, struct vfs_volume *v,
                                   struct target *t, bool replace)
{
    if (!replace) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    if (t->attr.attributes & (SMBKIT_ATTR_DIRECTORY | SMBKIT_ATTR_READONLY)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    smbkit_status st = access_check_path(call, v, t->existing, SMBKIT_DELETE);
    if (SMBKIT_OK(st)) {
        st = target_hold(call, v, t);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    /* From here on that file keeps its name. Had another taken its place before? */
    struct smbkit_attr now;
    st = journal_look(call, v, t->existing, &now);
    bool same = now.file_id == t->attr.file_id && now.file_id_high == t->attr.file_id_high;
    t->changed = is_missing(st) || (SMBKIT_OK(st) && !same);
    return t->changed ? SMBKIT_STATUS_OBJECT_NAME_COLLISION : st;
}

/* What rename and link ask of the open and of the new name. */
static smbkit_status check_common(struct vfs_open *o, const char *new_path)
{
    smbkit_status st = volume_check_writable(o->volume);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (o->node->stream) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    size_t units = utf16_len_bytes(path_leaf(new_path)) / 2;
    if (units == 0 || units > o->volume->component_max) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* One rename of a name at a time, and nobody opens it meanwhile. */
static smbkit_status source_hold(const struct vfs_call *call, struct vfs_open *o)
{
    struct vfs_node *n = o->node;
    SCOPED_LOCK(&n->lock);
    if (!o->name->path[0] || o->name->delete_pending) {
        return SMBKIT_STATUS_ACCESS_DENIED; /* the root stays; what is going goes */
    }
    if (o->name->moving) {
        return oplock_wait_locked(call, n);
    }
    o->name->moving = true;
    return SMBKIT_STATUS_SUCCESS;
}

static void source_let_go(struct vfs_open *o)
{
    SCOPED_LOCK(&o->node->lock);
    o->name->moving = false;
    wait_wake_all(&o->volume->waits, &o->node->oplock_waiters);
}

static smbkit_status check_target_dir(const struct vfs_call *call, struct vfs_open *o,
                                      const char *path)
{
    CLEANUP_MEM char *parent = path_parent(path);
    return parent ? access_check_destination(call, o->volume, parent, o->is_directory)
                  : SMBKIT_STATUS_NO_MEMORY;
}

/* A directory in which something is open stays where it is. */
static smbkit_status check_below(const struct vfs_call *call, struct vfs_open *o, const char *path)
{
    struct vfs_node *n = o->is_directory ? node_find_below(o->volume, path) : NULL;
    if (!n) {
        return SMBKIT_STATUS_SUCCESS;
    }
    mutex_lock(&n->lock);
    smbkit_status st = SMBKIT_STATUS_ACCESS_DENIED;
    const struct oplock_query q = {.op = OPLOCK_OP_RENAME};
    if (oplock_break_locked(n, &q)) {
        st = oplock_wait_locked(call, n);
    }
    mutex_unlock(&n->lock);
    node_put(n);
    return st;
}

/* ---- rename ---- */

struct move {
    const struct vfs_call *call;
    struct vfs_open *o;
    const char *old_path;
    struct target to;
    bool is_same_file; /* only the letters' case changes */
};

/* The plugin's part. */
static smbkit_status move_do(struct move *m)
{
    const struct vfs_call *call = m->call;
    const struct door_file *f = &m->o->f;
    struct target *to = &m->to;
    if (!to->existing || m->is_same_file) {
        return door_rename(call, f, to->path, false);
    }
    smbkit_status st = door_rename(call, f, to->existing, true);
    if (!SMBKIT_OK(st) || str_eq(to->existing, to->path) || !m->o->volume->names) {
        return st;
    }
    /* What was replaced had other letters. It is done; if the letters cannot be changed, they stay.
     */
    struct vfs_call may_wait = *call;
    may_wait.nowait = false;
    may_wait.journal = NULL;
    if (!SMBKIT_OK(door_rename(&may_wait, f, to->path, false))) {
        mem_free(to->path);
        to->path = to->existing;
        to->existing = NULL;
    }
    return SMBKIT_STATUS_SUCCESS;
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
        }
    }
    into->delete_pending |= from->delete_pending;
    into->moving = true;
    list_remove(&from->link);
    name_free(from);
}

/* The name that the opens go by. */
static void name_set(struct vfs_open *o, const char *new_path)
{
    char *copy = str_dup(new_path);
    SCOPED_LOCK(&o->node->lock);
    /* As on Windows, where the rename of a file counts as a change of its attributes. */
    o->node->notify_at_close |= o->is_directory ? 0 : NOTIFY_CHANGE_ATTRIBUTES;
    struct node_name *old = o->name;
    struct node_name *other = NULL;
    LIST_FOR_EACH (l, &o->node->names) {
        struct node_name *name = LIST_ENTRY(l, struct node_name, link);
        if (name != old && name->open_count > 0 && utf8_ieq(name->path, new_path)) {
            other = name;
        }
    }
    if (other) {
        name_merge(o->node, old, other);
        mem_free(copy);
    } else if (copy) {
        mem_free(old->path);
        old->path = copy;
    }
}

/* Everything that goes by names learns of the new one. */
static void move_tell(struct move *m)
{
    struct vfs_open *o = m->o;
    struct vfs_volume *v = o->volume;
    const char *new_path = m->to.path;
    atomic_fetch_add(&v->removals, 1);
    name_set(o, new_path);
    node_renamed(o->node, m->old_path, new_path);
    if (o->is_directory) {
        /* Opened below it while it moved: they follow. Without memory one keeps a name that is no
         * more, as after a move behind the core's back. */
        (void)node_names_moved(v, m->old_path, new_path);
        names_moved(v, m->old_path);
        notify_dir_moved(v, m->old_path, new_path);
    }
    notify_renamed(v, m->old_path, new_path, notify_name_filter(o->is_directory));
}

static smbkit_status move_run(struct move *m)
{
    struct vfs_volume *v = m->o->volume;
    CLEANUP_MEM char *replaced = m->to.existing ? str_dup(m->to.existing) : NULL;
    struct names_change from;
    struct names_change into;
    names_before(m->call, v, m->old_path, &from);
    names_before(m->call, v, m->to.path, &into);
    smbkit_status st = move_do(m);
    bool done = SMBKIT_OK(st);
    names_after(m->call, v, &from, done ? NAMES_REMOVED : NAMES_NOTHING, m->old_path);
    if (done && replaced && !str_eq(replaced, m->to.path)) {
        struct names_change none = {0};
        names_after(m->call, v, &none, NAMES_REMOVED, replaced);
    }
    names_after(m->call, v, &into, done ? NAMES_ADDED : NAMES_NOTHING, m->to.path);
    if (done) {
        move_tell(m);
    }
    return st;
}

static smbkit_status rename_check(struct move *m, const char *new_path, bool replace)
{
    struct vfs_open *o = m->o;
    if (o->is_directory && path_is_below_nocase(m->old_path, new_path)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status st = target_find(m->call, o->volume, new_path, &m->to);
    if (SMBKIT_OK(st)) {
        st = check_target_dir(m->call, o, m->to.path);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    m->is_same_file = m->to.existing && utf8_ieq(m->to.existing, m->old_path);
    if (m->to.existing && !m->is_same_file) {
        st = check_replace(m->call, o->volume, &m->to, replace);
    }
    if (SMBKIT_OK(st)) {
        st = check_below(m->call, o, m->old_path);
    }
    return SMBKIT_OK(st) ? oplock_break_for(m->call, o, OPLOCK_OP_RENAME) : st;
}

static smbkit_status rename_held(const struct vfs_call *call, struct vfs_open *o,
                                 const char *new_path, bool replace)
{
    CLEANUP_MEM char *old_path = open_path_copy(o);
    if (!old_path) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    struct move m = {.call = call, .o = o, .old_path = old_path};
    smbkit_status st = SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    bool again = true;
    for (unsigned i = 0; again && i < RENAME_TRIES_MAX; i++) {
        st = rename_check(&m, new_path, replace);
        bool checked = SMBKIT_OK(st);
        if (checked && !str_eq(m.to.path, old_path)) {
            st = move_run(&m);
        }
        bool came = checked && replace && st == SMBKIT_STATUS_OBJECT_NAME_COLLISION;
        again = m.to.changed || came;
        target_fini(&m.to);
    }
    return st;
}

static smbkit_status rename_once(const struct vfs_call *call, struct vfs_open *o,
                                 const char *new_path, bool replace)
{
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st) && !open_may(o, SMBKIT_DELETE)) {
        st = SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (SMBKIT_OK(st)) {
        st = check_common(o, new_path);
    }
    if (SMBKIT_OK(st)) {
        st = source_hold(call, o);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = rename_held(call, o, new_path, replace);
    source_let_go(o);
    return st;
}

smbkit_status vfs_rename(struct vfs_call *call, struct vfs_open *o, const char *new_path,
                         bool replace)
{
    struct wait_scope scope;
    wait_scope_init(&scope, call);
    smbkit_status st;
    do {
        st = rename_once(&scope.call, o, new_path, replace);
    } while (wait_scope_again(&scope, st));
    wait_scope_fini(&scope);
    return st;
}

/* ---- link ---- */

static smbkit_status link_do(const struct vfs_call *call, struct vfs_open *o, struct target *t)
{
    struct vfs_volume *v = o->volume;
    struct names_change change;
    const char *path = t->existing ? t->existing : t->path;
    names_before(call, v, path, &change);
    smbkit_status st = door_link(call, &o->f, path, t->existing != NULL);
    names_after(call, v, &change, SMBKIT_OK(st) ? NAMES_ADDED : NAMES_NOTHING, path);
    if (SMBKIT_OK(st)) {
        if (t->existing) {
            atomic_fetch_add(&v->removals, 1);
            notify_changed(v, path, NOTIFY_REMOVED, NOTIFY_CHANGE_FILE_NAME);
        }
        notify_changed(v, path, NOTIFY_ADDED, NOTIFY_CHANGE_FILE_NAME);
    }
    return st;
}

static smbkit_status link_once(const struct vfs_call *call, struct vfs_open *o,
                               const char *new_path, bool replace)
{
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st)) {
        st = check_common(o, new_path);
    }
    if (SMBKIT_OK(st) && o->is_directory) {
        st = SMBKIT_STATUS_FILE_IS_A_DIRECTORY;
    }
    if (SMBKIT_OK(st) && vfs_open_is_delete_pending(o)) {
        st = SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (SMBKIT_OK(st) && !(o->volume->features & SMBKIT_FEATURE_HARD_LINKS)) {
        st = SMBKIT_STATUS_NOT_SUPPORTED;
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct target t = {0};
    st = target_find(call, o->volume, new_path, &t);
    if (SMBKIT_OK(st)) {
        st = check_target_dir(call, o, t.path);
    }
    if (SMBKIT_OK(st) && t.existing) {
        st = check_replace(call, o->volume, &t, replace);
    }
    if (SMBKIT_OK(st)) {
        st = link_do(call, o, &t);
    }
    target_fini(&t);
    return st;
}

smbkit_status vfs_link(struct vfs_call *call, struct vfs_open *o, const char *new_path,
                       bool replace)
{
    struct wait_scope scope;
    wait_scope_init(&scope, call);
    smbkit_status st;
    do {
        st = link_once(&scope.call, o, new_path, replace);
    } while (wait_scope_again(&scope, st));
    wait_scope_fini(&scope);
    return st;
}
