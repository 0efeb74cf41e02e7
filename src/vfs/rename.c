/* SPDX-License-Identifier: Apache-2.0 */
/* [MS-FSA] 2.1.5.15.11 FileRenameInformation, 2.1.5.15.6 FileLinkInformation.
 *
 * That nobody has the file open without sharing DELETE follows from the share modes: the open that
 * renames has DELETE.
 *
 * What is replaced is the link of the new name itself. Where that is a symbolic link, it goes, and
 * what it leads to stays. */
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "vfs/access.h"
#include "vfs/alias.h"
#include "vfs/claim.h"
#include "vfs/journal.h"
#include "vfs/names.h"
#include "vfs/notify_core.h"
#include "vfs/oplock_core.h"
#include "vfs/overlap.h"
#include "vfs/path.h"

/* Where the file is to go. */
struct target {
    char *path;     /* owned: the directory as the volume spells it, the name as it was given */
    char *existing; /* owned: what is there already, as the volume spells it; NULL: nothing */
    struct smbkit_attr attr; /* of that */
    struct vfs_node *held;   /* its node, with held_name in it, while it is being replaced */
    struct node_name *held_name;
    struct name_claim *claim;
    bool changed; /* what is there is not what was found: look again */
};

#define RENAME_TRIES_MAX 16 /* turns lost to others who put files at the new name */

/* How the new name is looked at. */
#define ITSELF SMBKIT_CREATE_OPEN_REPARSE_POINT

static void target_let_go(struct target *t);

/* Forget what was found; a claim stays. */
static void target_forget(struct target *t)
{
    target_let_go(t);
    mem_free(t->path);
    mem_free(t->existing);
    t->path = NULL;
    t->existing = NULL;
    t->changed = false;
}

static void target_fini(struct target *t, const struct vfs_call *call)
{
    target_forget(t);
    claim_give(&t->claim, call);
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
    st = door_lookup(call, v, real, ITSELF, &t->attr);
    if (SMBKIT_OK(st)) {
        t->existing = real;
        real = NULL;
    }
    return is_missing(st) ? SMBKIT_STATUS_SUCCESS : st;
}

static smbkit_status target_find(const struct vfs_call *call, struct vfs_volume *v,
                                 const char *path, struct target *t)
{
    smbkit_status st = door_lookup(call, v, path, ITSELF, &t->attr);
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

/* What is open stays where it is. n: a reference, which is taken over; NULL: nothing is. */
static smbkit_status check_open(const struct vfs_call *call, struct vfs_node *n)
{
    if (!n) {
        return SMBKIT_STATUS_SUCCESS;
    }
    mutex_lock(&n->lock);
    smbkit_status st = check_replaced_locked(call, n);
    mutex_unlock(&n->lock);
    node_put(n);
    return st;
}

/* What a symbolic link leads to, and what is below that, may be open by the link's name. */
static smbkit_status check_through(const struct vfs_call *call, struct vfs_volume *v,
                                   const struct target *t)
{
    bool is_link = t->attr.attributes & SMBKIT_ATTR_REPARSE_POINT;
    return check_open(call, is_link ? names_open_below(v, t->existing, true) : NULL);
}

/* Keep what is to be replaced from being opened until target_let_go. */
static smbkit_status target_hold(const struct vfs_call *call, struct vfs_volume *v,
                                 struct target *t)
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
    smbkit_status st = check_replaced_locked(call, n);
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

static void target_let_go(struct target *t)
{
    struct vfs_node *n = t->held;
    if (!n) {
        return;
    }
    mutex_lock(&n->lock);
    node_name_free(t->held_name);
    wait_wake_all(n->waits, &n->oplock_waiters);
    mutex_unlock(&n->lock);
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
    st = journal_look(call, v, t->existing, ITSELF, &now);
    struct file_key is = file_key_of(&now);
    struct file_key was = file_key_of(&t->attr);
    t->changed = is_missing(st) || (SMBKIT_OK(st) && !file_key_eq(&is, &was));
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
    if (o->name->at == &o->volume->tree.root || o->name->of->delete_pending) {
        return SMBKIT_STATUS_ACCESS_DENIED; /* the root stays; what is going goes */
    }
    if (o->name->of->moving) {
        return oplock_wait_locked(call, n);
    }
    o->name->of->moving = true;
    return SMBKIT_STATUS_SUCCESS;
}

static void source_let_go(struct vfs_open *o)
{
    SCOPED_LOCK(&o->node->lock);
    o->name->of->moving = false;
    wait_wake_all(o->node->waits, &o->node->oplock_waiters);
}

/* Find what is at the new name, and claim the name: nobody makes it, in whatever letters, until
 * target_fini. */
static smbkit_status target_take(const struct vfs_call *call, struct vfs_open *o, const char *path,
                                 struct target *t)
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

static smbkit_status target_claim(const struct vfs_call *call, struct vfs_open *o, const char *path,
                                  struct target *t)
{
    smbkit_status st = target_take(call, o, path, t);
    /* On the way: only a create can tell a client of a link that he is to follow himself. */
    return st == SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED ? SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND
                                                          : st;
}

/* A directory in which something is open stays where it is. */
static smbkit_status check_below(const struct vfs_call *call, struct vfs_open *o, const char *path)
{
    struct vfs_node *n = o->is_directory ? overlap_open_below(o->volume, path) : NULL;
    smbkit_status st =
        o->is_directory && !n ? alias_open_below(call, o, path, &n) : SMBKIT_STATUS_SUCCESS;
    return SMBKIT_OK(st) ? check_open(call, n) : st;
}

/* ---- rename ---- */

struct move {
    const struct vfs_call *call;
    struct vfs_open *o;
    const char *old_path;
    struct target to;
    struct name_claim *from; /* of the old name, unless it is the same */
    bool is_same_file;       /* only the letters' case changes */
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
    const struct vfs_call may_wait = journal_on_the_spot(call);
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
            into->of->open_count++;
            from->of->open_count--;
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

/* The name that the opens go by. */
static void name_set(struct vfs_open *o, const char *old_path, const char *new_path)
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

/* Everything that goes by names learns of the new one. */
static void move_tell(struct move *m)
{
    struct vfs_open *o = m->o;
    struct vfs_volume *v = o->volume;
    const char *new_path = m->to.path;
    atomic_fetch_add(&v->nodes->removals, 1);
    name_set(o, m->old_path, new_path);
    bool is_id_of_path = node_renamed(o->node, v, m->old_path, new_path);
    if (o->is_directory && is_id_of_path) {
        names_moved(v, m->old_path); /* else by its id the index sees that another has its place */
    }
    if (o->is_directory) {
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
    names_before(m->call, v, m->old_path, NULL, &from);
    names_before(m->call, v, m->to.path, NULL, &into);
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

/* The old name is claimed as well: a create of it that is under way is let in first. */
static smbkit_status source_claim(struct move *m)
{
    CLEANUP_MEM char *parent = path_parent(m->old_path);
    struct smbkit_attr dir;
    smbkit_status st =
        parent ? door_lookup(m->call, m->o->volume, parent, 0, &dir) : SMBKIT_STATUS_NO_MEMORY;
    if (!SMBKIT_OK(st)) {
        return is_missing(st) ? SMBKIT_STATUS_SUCCESS : st; /* moved behind the core's back */
    }
    const struct file_key key = file_key_of(&dir);
    const char *leaf = path_leaf(m->old_path);
    if (file_key_eq(&key, &m->to.claim->dir) && utf8_ieq(leaf, m->to.claim->leaf)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    /* WAIT gives the other claim back, so two renames that meet do not wait for each other. */
    return claim_take(&m->from, m->call, m->o->volume->nodes, &key, leaf);
}

static smbkit_status rename_check(struct move *m, const char *new_path, bool replace)
{
    struct vfs_open *o = m->o;
    if (o->is_directory && path_is_below_nocase(m->old_path, new_path)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status st = target_claim(m->call, o, new_path, &m->to);
    if (SMBKIT_OK(st)) {
        st = source_claim(m);
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
    CLEANUP_MEM char *old_path = vfs_open_path_known(o);
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
        target_fini(&m.to, call);
        claim_give(&m.from, call);
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
    return WAIT_OUT(call, again, rename_once(again, o, new_path, replace));
}

/* ---- link ---- */

/* The link took the place, and the name, of one in other letters. As in move_do: it is done, and if
 * the letters cannot be changed, they stay. */
static bool link_spell(const struct vfs_call *call, struct vfs_volume *v, const struct target *t)
{
    const struct door_open how = {.path = t->existing, .access = SMBKIT_DELETE, .flags = ITSELF};
    const struct vfs_call may_wait = journal_on_the_spot(call);
    struct door_file f = {.volume = v};
    if (!SMBKIT_OK(door_open(&may_wait, &f, &how, NULL))) {
        return false;
    }
    smbkit_status st = door_rename(&may_wait, &f, t->path, false);
    door_close(&may_wait, &f);
    return SMBKIT_OK(st);
}

static void link_tell(struct vfs_volume *v, const struct target *t, const char *path)
{
    if (t->existing) {
        atomic_fetch_add(&v->nodes->removals, 1);
        notify_changed(v, t->existing, NOTIFY_REMOVED, NOTIFY_CHANGE_FILE_NAME);
    }
    notify_changed(v, path, NOTIFY_ADDED, NOTIFY_CHANGE_FILE_NAME);
}

static smbkit_status link_do(const struct vfs_call *call, struct vfs_open *o, struct target *t)
{
    struct vfs_volume *v = o->volume;
    struct names_change change;
    const char *path = t->existing ? t->existing : t->path;
    names_before(call, v, path, NULL, &change);
    smbkit_status st = door_link(call, &o->f, path, t->existing != NULL);
    bool is_spelled = !v->names || str_eq(path, t->path);
    if (SMBKIT_OK(st) && !is_spelled && link_spell(call, v, t)) {
        struct names_change none = {0};
        names_after(call, v, &none, NAMES_REMOVED, path);
        path = t->path;
    }
    names_after(call, v, &change, SMBKIT_OK(st) ? NAMES_ADDED : NAMES_NOTHING, path);
    if (SMBKIT_OK(st)) {
        link_tell(v, t, path);
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
    st = target_claim(call, o, new_path, &t);
    if (SMBKIT_OK(st) && t.existing) {
        st = check_replace(call, o->volume, &t, replace);
    }
    if (SMBKIT_OK(st)) {
        st = link_do(call, o, &t);
    }
    target_fini(&t, call);
    return st;
}

smbkit_status vfs_link(struct vfs_call *call, struct vfs_open *o, const char *new_path,
                       bool replace)
{
    return WAIT_OUT(call, again, link_once(again, o, new_path, replace));
}
