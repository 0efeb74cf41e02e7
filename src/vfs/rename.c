/* SPDX-License-Identifier: Apache-2.0 */
/* [MS-FSA] 2.1.5.15.11 FileRenameInformation, 2.1.5.15.6 FileLinkInformation.
 *
 * That nobody has the file open without sharing DELETE follows from the share modes: the open that
 * renames has DELETE. */
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "vfs/claim.h"
#include "vfs/create.h"
#include "vfs/dirlease.h"
#include "vfs/journal.h"
#include "vfs/kept_time.h"
#include "vfs/names.h"
#include "vfs/names_short.h"
#include "vfs/notify_core.h"
#include "vfs/oplock_core.h"
#include "vfs/path.h"
#include "vfs/rename_target.h"
#include "vfs/rules.h"

#define RENAME_TRIES_MAX 16 /* turns lost to others who put files at the new name */

/* What rename and link ask of the open and of the new name. */
static smbkit_status check_common(const struct vfs_call *call, struct vfs_open *o,
                                  const char *new_path)
{
    smbkit_status st = open_check_writable(call, o);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (o->node->base) {
        return stream_refuse_path(call, o, new_path);
    }
    size_t units = utf16_len_bytes(path_leaf(new_path)) / 2;
    bool is_name = units > 0 && units <= o->volume->component_max;
    return is_name ? rules_check_path(o->volume, new_path) : SMBKIT_STATUS_OBJECT_NAME_INVALID;
}

/* One rename of a name at a time, and nobody opens it meanwhile. */
static smbkit_status source_hold(const struct vfs_call *call, struct vfs_open *o)
{
    struct vfs_node *n = o->node;
    SCOPED_LOCK(&n->lock);
    if (o->name->at == &o->volume->tree.root || o->is_root || o->name->of->delete_pending) {
        return SMBKIT_STATUS_ACCESS_DENIED; /* a root stays; what is going goes */
    }
    if (o->name->of->moving) {
        return node_wait_move_locked(call, n);
    }
    smbkit_status st = streams_check_closed(call, n);
    o->name->of->moving = SMBKIT_OK(st);
    return st;
}

static void source_let_go(struct vfs_open *o)
{
    SCOPED_LOCK(&o->node->lock);
    if (o->name) {
        o->name->of->moving = false;
    }
    wait_wake_all(o->node->waits, &o->node->move_waiters);
}

/* ---- rename ---- */

/* What was found out and is held for it; once it is at the plugin, until that has answered. */
struct move {
    const struct vfs_call *call; /* of this run */
    struct vfs_open *o;          /* a reference */
    char *old_path;              /* owned */
    struct rename_target to;
    struct name_claim *from;        /* of the old name, unless it is the same */
    struct names_change gone, came; /* of the directories */
    bool is_same_file;              /* only the letters' case changes */
    bool is_link;                   /* the old name stays */
    bool resumes;                   /* at the plugin's answer */
};

/* Its old name is held already, unless it is a link. */
static struct move *move_new(const struct vfs_call *call, struct vfs_open *o, bool is_link)
{
    struct move *m = mem_zalloc(sizeof(*m));
    char *old_path = vfs_open_path_known(o);
    if (!m || !old_path) {
        mem_free(old_path);
        mem_free(m);
        return NULL;
    }
    m->call = call;
    m->o = vfs_open_ref(o);
    m->old_path = old_path;
    m->is_link = is_link;
    return m;
}

/* What one turn has found and claimed. */
static void move_forget(struct move *m)
{
    rename_target_fini(&m->to, m->call);
    claim_give(&m->from, m->call);
}

static void move_free(struct move *m)
{
    move_forget(m);
    mem_free(m->gone.dir);
    mem_free(m->came.dir);
    if (!m->is_link) {
        source_let_go(m->o);
    }
    vfs_open_unref(m->o);
    mem_free(m->old_path);
    mem_free(m);
}

/* The journal is given up with it: nobody comes for the claims. */
static void move_undo(void *kept)
{
    static const struct vfs_call nobody;
    struct move *m = kept;
    m->call = &nobody;
    move_free(m);
}

static struct move *move_resume(const struct vfs_call *call)
{
    struct move *m = journal_take_kept(call);
    if (m) {
        m->call = call;
        m->resumes = true;
    }
    return m;
}

/* The end of a run. */
static smbkit_status move_leave(struct move *m, smbkit_status st)
{
    if (door_stops(st) && journal_acts(m->call)) {
        journal_keep(m->call, m, move_undo);
    } else {
        move_free(m);
    }
    return st;
}

/* The plugin's part. */
static smbkit_status move_do(struct move *m)
{
    const struct vfs_call *call = m->call;
    const struct door_file *f = &m->o->f;
    struct rename_target *to = &m->to;
    if (!to->existing || m->is_same_file) {
        return door_rename(call, f, to->path, false);
    }
    smbkit_status st = door_rename(call, f, to->existing, true);
    if (!SMBKIT_OK(st) || str_eq(to->existing, to->path)) {
        return st;
    }
    /* What was replaced had other letters, or was named by its short name. It is done; if the
     * letters cannot be changed, they stay. */
    const struct vfs_call may_wait = journal_on_the_spot(call);
    if (!SMBKIT_OK(door_rename(&may_wait, f, to->path, false))) {
        mem_free(to->path);
        to->path = to->existing;
        to->existing = NULL;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* Everything that goes by names learns of the new one. */
static void move_tell(struct move *m)
{
    struct vfs_open *o = m->o;
    struct vfs_volume *v = o->volume;
    const char *new_path = m->to.path;
    atomic_fetch_add(&v->nodes->removals, 1);
    node_name_set(o, m->old_path, new_path);
    bool is_id_of_path = node_renamed(o->node, v, m->old_path, new_path);
    if (o->is_directory && is_id_of_path) {
        names_moved(v, m->old_path); /* else by its id the index sees that another has its place */
    }
    if (o->is_directory) {
        notify_dir_moved(v, m->old_path, new_path);
    }
    notify_renamed(v, m->old_path, new_path, notify_name_filter(o->is_directory));
    dirlease_changed_by(o, m->old_path);
    dirlease_changed_by(o, new_path);
}

static smbkit_status move_run(struct move *m)
{
    struct vfs_volume *v = m->o->volume;
    CLEANUP_MEM char *replaced = m->to.existing ? str_dup(m->to.existing) : NULL;
    if (!m->resumes) {
        names_before(m->call, v, m->old_path, NULL, &m->gone);
        names_before(m->call, v, m->to.path, NULL, &m->came);
    }
    smbkit_status st = move_do(m);
    if (door_stops(st) && journal_acts(m->call)) {
        return st;
    }
    bool done = SMBKIT_OK(st);
    names_after(m->call, v, &m->gone, done ? NAMES_REMOVED : NAMES_NOTHING, m->old_path);
    if (done && replaced && !str_eq(replaced, m->to.path)) {
        names_after(m->call, v, &(struct names_change){0}, NAMES_REMOVED, replaced);
        if (!m->is_same_file && !utf8_ieq(path_leaf(replaced), path_leaf(m->to.path))) {
            notify_changed(v, replaced, NOTIFY_REMOVED, NOTIFY_CHANGE_FILE_NAME);
        }
    }
    names_after(m->call, v, &m->came, done ? NAMES_ADDED : NAMES_NOTHING, m->to.path);
    if (done) {
        names_tunnel_note(m->o, m->old_path);
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
        return door_misses(st) ? SMBKIT_STATUS_SUCCESS : st; /* moved behind the core's back */
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
    smbkit_status st = rename_target_claim(m->call, o, new_path, &m->to);
    if (SMBKIT_OK(st)) {
        st = source_claim(m);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    m->is_same_file = m->to.existing && utf8_ieq(m->to.existing, m->old_path);
    /* Before what is replaced is held by its name, which may lie below the directory itself. */
    st = node_check_below(m->call, o, m->old_path);
    if (SMBKIT_OK(st) && m->to.existing && !m->is_same_file) {
        st = rename_target_replace(m->call, o->volume, &m->to, replace);
    }
    return SMBKIT_OK(st) ? oplock_break_for(m->call, o, OPLOCK_OP_RENAME) : st;
}

typedef smbkit_status (*move_check_fn)(struct move *m, const char *new_path, bool replace);

/* Once more where what was to be replaced has gone, or come, since it was looked at. */
static smbkit_status move_turns(struct move *m, const char *new_path, bool replace,
                                move_check_fn check, smbkit_status (*run)(struct move *m))
{
    smbkit_status st = SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    bool again = true;
    for (unsigned i = 0; again && i < RENAME_TRIES_MAX; i++) {
        st = m->resumes ? SMBKIT_STATUS_SUCCESS : check(m, new_path, replace);
        bool checked = SMBKIT_OK(st);
        if (checked) {
            st = run(m);
        }
        if (door_stops(st)) {
            break; /* move_leave sees to what it has */
        }
        bool came = checked && replace && st == SMBKIT_STATUS_OBJECT_NAME_COLLISION;
        again = m->to.changed || came;
        m->resumes = false;
        move_forget(m);
    }
    return st;
}

static smbkit_status rename_run(struct move *m)
{
    return str_eq(m->to.path, m->old_path) ? SMBKIT_STATUS_SUCCESS : move_run(m);
}

static smbkit_status rename_held(struct move *m, const char *new_path, bool replace)
{
    return move_turns(m, new_path, replace, rename_check, rename_run);
}

/* The file has another name: its change time, unless the open keeps that. */
static smbkit_status move_done(const struct vfs_call *call, struct vfs_open *o, smbkit_status st)
{
    if (SMBKIT_OK(st)) {
        kept_time_meta_changed(call, o);
    }
    return st;
}

static smbkit_status rename_once(const struct vfs_call *call, struct vfs_open *o,
                                 const char *new_path, bool replace)
{
    OPEN_SCOPE(o, st);
    struct move *m = SMBKIT_OK(st) ? move_resume(call) : NULL;
    if (m) {
        return move_done(call, o, move_leave(m, rename_held(m, new_path, replace)));
    }
    if (SMBKIT_OK(st) && !open_may(o, SMBKIT_DELETE)) {
        st = SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (SMBKIT_OK(st)) {
        st = check_common(call, o, new_path);
    }
    if (SMBKIT_OK(st)) {
        st = kept_time_note(call, o, KEPT_BY_META);
    }
    if (SMBKIT_OK(st)) {
        st = source_hold(call, o);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    m = move_new(call, o, false);
    if (!m) {
        source_let_go(o);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    return move_done(call, o, move_leave(m, rename_held(m, new_path, replace)));
}

smbkit_status vfs_rename(struct vfs_call *call, struct vfs_open *o, const char *new_path,
                         bool replace)
{
    return WAIT_OUT(call, again, rename_once(again, o, new_path, replace));
}

/* ---- link ---- */

/* As in move_do: the link has the name, spelled otherwise, of what it replaced. */
static bool link_spell(const struct vfs_call *call, struct vfs_volume *v,
                       const struct rename_target *t)
{
    const struct door_open how = {
        .path = t->existing, .access = SMBKIT_DELETE, .flags = RENAME_ITSELF};
    const struct vfs_call may_wait = journal_on_the_spot(call);
    struct door_file f = {.volume = v};
    if (!SMBKIT_OK(door_open(&may_wait, &f, &how, NULL))) {
        return false;
    }
    smbkit_status st = door_rename(&may_wait, &f, t->path, false);
    door_close(&may_wait, &f);
    return SMBKIT_OK(st);
}

static void link_tell(struct vfs_open *o, const struct rename_target *t, const char *path)
{
    struct vfs_volume *v = o->volume;
    if (t->existing) {
        atomic_fetch_add(&v->nodes->removals, 1);
        notify_changed(v, t->existing, NOTIFY_REMOVED, NOTIFY_CHANGE_FILE_NAME);
    }
    notify_changed(v, path, NOTIFY_ADDED, NOTIFY_CHANGE_FILE_NAME);
    dirlease_changed_by(o, path);
}

static smbkit_status link_do(struct move *m)
{
    const struct vfs_call *call = m->call;
    struct vfs_volume *v = m->o->volume;
    const struct rename_target *t = &m->to;
    const char *path = t->existing ? t->existing : t->path;
    if (!m->resumes) {
        names_before(call, v, path, NULL, &m->came);
    }
    smbkit_status st = door_link(call, &m->o->f, path, t->existing != NULL);
    if (door_stops(st) && journal_acts(call)) {
        return st;
    }
    if (SMBKIT_OK(st) && !str_eq(path, t->path) && link_spell(call, v, t)) {
        names_after(call, v, &(struct names_change){0}, NAMES_REMOVED, path);
        path = t->path;
    }
    names_after(call, v, &m->came, SMBKIT_OK(st) ? NAMES_ADDED : NAMES_NOTHING, path);
    if (SMBKIT_OK(st)) {
        link_tell(m->o, t, path);
    }
    return st;
}

static smbkit_status link_check(struct move *m, const char *new_path, bool replace)
{
    smbkit_status st = rename_target_claim(m->call, m->o, new_path, &m->to);
    return SMBKIT_OK(st) && m->to.existing
               ? rename_target_replace(m->call, m->o->volume, &m->to, replace)
               : st;
}

static smbkit_status link_held(struct move *m, const char *new_path, bool replace)
{
    return move_turns(m, new_path, replace, link_check, link_do);
}

static smbkit_status link_once(const struct vfs_call *call, struct vfs_open *o,
                               const char *new_path, bool replace)
{
    OPEN_SCOPE(o, st);
    struct move *m = SMBKIT_OK(st) ? move_resume(call) : NULL;
    if (m) {
        return move_done(call, o, move_leave(m, link_held(m, new_path, replace)));
    }
    if (SMBKIT_OK(st)) {
        st = check_common(call, o, new_path);
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
    if (SMBKIT_OK(st)) {
        st = kept_time_note(call, o, KEPT_BY_META);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    m = move_new(call, o, true);
    if (!m) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    return move_done(call, o, move_leave(m, link_held(m, new_path, replace)));
}

smbkit_status vfs_link(struct vfs_call *call, struct vfs_open *o, const char *new_path,
                       bool replace)
{
    return WAIT_OUT(call, again, link_once(again, o, new_path, replace));
}
