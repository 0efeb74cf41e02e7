/* SPDX-License-Identifier: Apache-2.0 */
/* [MS-FSA] 2.1.5.1 Server Requests an Open of a File.
 *
 * The plugin only ever opens what is there (which has no side effect) or creates what is not. So
 * every step up to the open's place in its node can be given up and done again, and WAIT and
 * WOULD_BLOCK keep nothing. */
#include "base/mem.h"
#include "base/str.h"
#include "vfs/access.h"
#include "vfs/create.h"
#include "vfs/journal.h"
#include "vfs/names.h"
#include "vfs/notify_core.h"
#include "vfs/oplock_core.h"

#define NAME_QUESTIONS_MAX 64 /* names of one node that are looked at before an open comes in */
#define CREATE_TRIES_MAX 32   /* turns lost to others who create and remove the same name */

static smbkit_status check_delete_pending(struct create *c)
{
    const struct node_key key = {.file = file_key_of(&c->attr)};
    struct vfs_node *n = node_find(c->in->volume->nodes, &key);
    if (!n) {
        smbkit_status st = create_identity_settle(c);
        n = SMBKIT_OK(st) ? node_find(c->in->volume->nodes, &key) : NULL;
        if (!n) {
            return st;
        }
    }
    mutex_lock(&n->lock);
    struct node_name *name = node_name_find(n, c->in->volume, c->path);
    bool pending = name && name->of->delete_pending;
    mutex_unlock(&n->lock);
    node_put(n);
    return pending ? SMBKIT_STATUS_DELETE_PENDING : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status access_existing(struct create *c)
{
    struct access_query q = {.path = c->path,
                             .is_directory = c->attr.attributes & SMBKIT_ATTR_DIRECTORY,
                             .desired = c->desired,
                             .cap = c->in->access_cap,
                             .want_max = c->in->want_max_access};
    /* [MS-FSA] 2.1.5.1.2: overwriting needs more than was asked for; it is not granted. */
    uint32_t extra = 0;
    if (c->overwrites) {
        extra = SMBKIT_WRITE_EA | SMBKIT_WRITE_ATTRIBUTES |
                (c->in->disposition == SMBKIT_SUPERSEDE ? SMBKIT_DELETE : SMBKIT_WRITE_DATA);
    }
    q.desired |= extra;
    smbkit_status st = access_check(c->call, &c->f, &q);
    c->granted = c->wants_max ? q.granted : q.granted & ~(extra & ~c->desired);
    c->max_access = q.max;
    if (c->wants_max && !(c->attr.attributes & SMBKIT_ATTR_DIRECTORY) &&
        (c->attr.attributes & SMBKIT_ATTR_READONLY)) {
        c->granted &= ~(SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA);
    }
    if (c->wants_max) {
        c->granted &= c->tried_access;
    }
    if (SMBKIT_OK(st) && (c->options & VFS_DELETE_ON_CLOSE) && !(c->granted & SMBKIT_DELETE)) {
        st = SMBKIT_STATUS_ACCESS_DENIED;
    }
    /* As vfs_set_disposition: what is promised here is kept. */
    return SMBKIT_OK(st) && (c->options & VFS_DELETE_ON_CLOSE) ? door_check_remove(c->call, &c->f)
                                                               : st;
}

/* May the open come in, by this name? Under n->lock. */
static smbkit_status enter_check(struct create *c, struct vfs_node *n, struct node_name *name,
                                 bool is_new)
{
    if (name->of->delete_pending) {
        return SMBKIT_STATUS_DELETE_PENDING;
    }
    /* Then it may be another file's name. Whoever made the file has the name claimed: it moves when
     * he is done with it, and his open with it. */
    if (name->of->moving && !is_new) {
        return oplock_wait_locked(c->call, n);
    }
    struct oplock_query q = {.op = OPLOCK_OP_OPEN_BEFORE_SHARING,
                             .access = c->granted,
                             .disposition = c->in->disposition};
    bool goes_on = c->options & VFS_COMPLETE_IF_OPLOCKED;
    /* What was made just now is not undone to wait for someone who was quicker to open it: he gets
     * his break. */
    goes_on |= is_new;
    if (oplock_break_locked(n, &q)) {
        c->breaking = true;
        if (!goes_on) {
            return oplock_wait_locked(c->call, n);
        }
    }
    uint32_t access = c->granted | (c->overwrites && !is_new ? SMBKIT_WRITE_DATA : 0);
    if (!sharemode_is_allowed(&n->shares, access, c->in->share_access)) {
        q.op = OPLOCK_OP_OPEN_REFUSED;
        return oplock_break_locked(n, &q) && !goes_on ? oplock_wait_locked(c->call, n)
                                                      : SMBKIT_STATUS_SHARING_VIOLATION;
    }
    q.op = OPLOCK_OP_OPEN;
    if (oplock_break_locked(n, &q)) {
        c->breaking = true;
        if (!goes_on) {
            return oplock_wait_locked(c->call, n);
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* Under n->lock. Takes *fresh if that is the name. */
static void enter_join(struct vfs_node *n, struct vfs_open *o, struct node_name *name,
                       struct node_name **fresh)
{
    if (name == *fresh) {
        *fresh = NULL;
        node_name_add(n, name);
    }
    name->open_count++;
    name->of->open_count++;
    o->name = name;
    list_push_back(&n->opens, &o->node_link);
    sharemode_add(&n->shares, o->granted_access, o->share_access);
    n->busy_open_count += o->is_stat ? 0 : 1;
}

static void open_fill(struct vfs_open *o, const struct create *c)
{
    o->f = c->f;
    o->f.node = o->node;
    o->f.open = o;
    o->f.serial = c->in->volume->serializes_files ? &o->serial : NULL;
    o->granted_access = c->granted;
    o->share_access = c->in->share_access;
    o->options = c->options;
    o->is_directory = (c->attr.attributes & SMBKIT_ATTR_DIRECTORY) && !c->in->stream;
    o->is_stat = oplock_is_stat_access(c->granted);
    o->delete_on_close = c->options & VFS_DELETE_ON_CLOSE;
    o->owner = c->in->owner;
    o->oplock.client = vfs_token_identity_get(c->call->token)->client_id;
}

/* A name of it is being renamed, perhaps to the one that the open came by. */
static bool is_moving(const struct vfs_node *n)
{
    LIST_FOR_EACH (l, &n->names) {
        if (LIST_ENTRY(l, struct node_name, link)->of->moving) {
            return true;
        }
    }
    return false;
}

/* One look at the node: *q tells when a name of it is to be asked about first. */
static smbkit_status enter_once(struct create *c, struct vfs_open *o, struct node_name **fresh,
                                bool is_new, struct name_question *q)
{
    struct vfs_node *n = o->node;
    SCOPED_LOCK(&n->lock);
    struct node_name *name = node_name_find(n, c->in->volume, c->path);
    if (!name) {
        if (!is_new && is_moving(n)) {
            return oplock_wait_locked(c->call, n);
        }
        name = *fresh;
        if (!create_name_settle(c, n, name, q)) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
        if (q->what != ASK_NOTHING) {
            return SMBKIT_STATUS_SUCCESS;
        }
    }
    smbkit_status st = enter_check(c, n, name, is_new);
    if (SMBKIT_OK(st)) {
        enter_join(n, o, name, fresh);
    }
    return st;
}

smbkit_status create_enter(struct create *c, bool is_new, struct vfs_open **open_r)
{
    struct vfs_volume *v = c->in->volume;
    const struct node_key key = {.file = file_key_of(&c->attr), .stream = c->in->stream};
    struct vfs_node *n = node_get(v->nodes, &key);
    struct vfs_open *o = n ? open_new(v, n) : NULL;
    struct node_name *fresh = o ? node_name_new(v, c->path) : NULL;
    if (!o) {
        if (n) {
            node_put(n);
        }
        return SMBKIT_STATUS_NO_MEMORY;
    }
    vfs_volume_ref(v);
    open_fill(o, c);
    smbkit_status st = fresh ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    bool asked = true;
    for (unsigned i = 0; SMBKIT_OK(st) && asked && i < NAME_QUESTIONS_MAX; i++) {
        struct name_question q = {0};
        c->asks_no_more = is_new || i + 1 == NAME_QUESTIONS_MAX;
        st = enter_once(c, o, &fresh, is_new, &q);
        asked = q.what != ASK_NOTHING;
        if (asked) {
            st = create_name_ask(c, n, &q);
        }
    }
    mutex_lock(&n->lock);
    node_name_free(fresh);
    mutex_unlock(&n->lock);
    if (!SMBKIT_OK(st)) {
        vfs_open_unref(o);
        return st;
    }
    c->has_file = false;
    *open_r = o;
    return st;
}

void open_leave_node(struct vfs_open *o)
{
    struct vfs_node *n = o->node;
    mutex_lock(&n->lock);
    list_remove(&o->node_link);
    sharemode_remove(&n->shares, o->granted_access, o->share_access);
    n->busy_open_count -= o->is_stat ? 0 : 1;
    lock_leave_locked(n, o);
    oplock_end_locked(n, o);
    o->name->of->open_count--;
    if (--o->name->open_count == 0) {
        node_name_free(o->name);
    }
    o->name = NULL;
    mutex_unlock(&n->lock);
}

/* The open is in its node, but it is not to be. */
static void enter_undo(const struct create *c, struct vfs_open *o)
{
    open_leave_node(o);
    door_close(c->call, &o->f);
    vfs_open_unref(o);
}

/* Somebody removed or moved a name between the plugin's open and the open's place in the node: is
 * it still this file? */
static smbkit_status check_still_there(struct create *c)
{
    if (atomic_load(&c->in->volume->nodes->removals) == c->removals || c->in->stream) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct smbkit_attr now;
    smbkit_status st = journal_look(c->call, c->in->volume, c->path, 0, &now);
    struct file_key is = file_key_of(&now);
    struct file_key was = file_key_of(&c->attr);
    if (SMBKIT_OK(st) && file_key_eq(&is, &was)) {
        return st;
    }
    if (door_stops(st)) {
        return st;
    }
    c->again = true;
    return SMBKIT_STATUS_DELETE_PENDING; /* if that was the last turn */
}

static uint32_t overwrite_attributes(const struct create *c)
{
    uint32_t attributes = create_attributes(c, false);
    if (c->in->disposition != SMBKIT_SUPERSEDE) {
        attributes |= c->attr.attributes & SMBKIT_ATTR_SETTABLE;
    }
    return attributes;
}

static smbkit_status overwrite(struct create *c, struct vfs_open *o, uint32_t attributes)
{
    OPEN_SCOPE(o, st);
    ASSERT(SMBKIT_OK(st)); /* nobody else knows it */
    st = door_overwrite(c->call, &o->f, attributes, c->in->alloc_size, &c->attr);
    if (SMBKIT_OK(st)) {
        notify_modified(o,
                        NOTIFY_CHANGE_SIZE | NOTIFY_CHANGE_LAST_WRITE | NOTIFY_CHANGE_ATTRIBUTES);
    }
    return st;
}

static void answer(struct create *c, struct vfs_open *o, bool is_new)
{
    struct vfs_create_out *out = c->out;
    *out = (struct vfs_create_out){.open = o, .attr = c->attr, .action = SMBKIT_OPENED};
    if (is_new) {
        out->action = SMBKIT_CREATED;
    } else if (c->overwrites) {
        out->action =
            c->in->disposition == SMBKIT_SUPERSEDE ? SMBKIT_SUPERSEDED : SMBKIT_OVERWRITTEN;
    }
    atomic_fetch_add_explicit(&o->volume->opens_total, 1, memory_order_relaxed); /* statistics */
    atomic_fetch_add_explicit(&o->volume->opens_now, 1, memory_order_relaxed);
    out->max_access_status = SMBKIT_STATUS_SUCCESS;
    out->max_access = c->max_access;
    if (c->in->oplock_level != VFS_OPLOCK_NONE && !o->is_directory) {
        SCOPED_LOCK(&o->node->lock);
        out->oplock_level = oplock_grant_locked(o->node, o, c->in->oplock_level);
    }
}

/* A break was begun and not waited for: the client is told. [MS-FSA] 2.1.5.1
 * FILE_COMPLETE_IF_OPLOCKED */
static smbkit_status answer_status(const struct create *c)
{
    bool tell = c->breaking && (c->options & VFS_COMPLETE_IF_OPLOCKED);
    return tell ? SMBKIT_STATUS_OPLOCK_BREAK_IN_PROGRESS : SMBKIT_STATUS_SUCCESS;
}

/* Its file is the journal's, and is closed with the rest of that. */
static void stopped_undo(void *kept)
{
    struct vfs_open *o = kept;
    open_leave_node(o);
    vfs_open_unref(o);
}

/* The last thing that a create does, and it cannot be taken back: the open stays in its node, so
 * that nobody comes in between, also while a plugin takes its time. */
static smbkit_status overwrite_and_answer(struct create *c, struct vfs_open *o, uint32_t attributes)
{
    smbkit_status st = overwrite(c, o, attributes);
    if (st == SMBKIT_STATUS_WAIT) {
        o->stopped = (struct stopped_overwrite){
            .attributes = attributes, .max_access = c->max_access, .breaking = c->breaking};
        journal_keep(c->call, o, stopped_undo);
        return st;
    }
    if (!SMBKIT_OK(st)) {
        enter_undo(c, o);
        return st;
    }
    answer(c, o, false);
    return answer_status(c);
}

static smbkit_status open_existing(struct create *c)
{
    smbkit_status st = check_delete_pending(c);
    if (SMBKIT_OK(st)) {
        st = create_check_existing(c);
    }
    if (SMBKIT_OK(st)) {
        st = access_existing(c);
    }
    struct vfs_open *o = NULL;
    if (SMBKIT_OK(st)) {
        st = create_enter(c, false, &o);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = check_still_there(c);
    if (SMBKIT_OK(st) && c->overwrites) {
        return overwrite_and_answer(c, o, overwrite_attributes(c));
    }
    if (!SMBKIT_OK(st)) {
        enter_undo(c, o);
        return st;
    }
    answer(c, o, false);
    return answer_status(c);
}

/* What was made cannot be opened for want of memory: it must not stay. */
static void create_undo(struct create *c)
{
    const struct vfs_call may_wait = journal_on_the_spot(c->call);
    struct names_change change;
    names_before(&may_wait, c->in->volume, c->path, NULL, &change);
    smbkit_status st = door_remove(&may_wait, &c->f);
    bool is_gone = SMBKIT_OK(st) && !c->in->stream;
    names_after(&may_wait, c->in->volume, &change, is_gone ? NAMES_REMOVED : NAMES_NOTHING,
                c->path);
}

static smbkit_status open_new_file(struct create *c)
{
    smbkit_status st = create_new(c);
    if (st == SMBKIT_STATUS_OBJECT_NAME_COLLISION && c->in->disposition != SMBKIT_CREATE) {
        c->again = true;
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct vfs_open *o = NULL;
    st = create_enter(c, true, &o);
    ASSERT(st != SMBKIT_STATUS_WAIT); /* when he comes again his own file would be in the way */
    if (!SMBKIT_OK(st)) {
        if (st == SMBKIT_STATUS_NO_MEMORY) {
            create_undo(c);
        }
        return st;
    }
    st = check_still_there(c);
    /* Without a journal the file could not be found again as one's own: then it is good enough. */
    bool stops = door_stops(st) && c->call->journal;
    if (stops || c->again) { /* else it was made, and nobody knows better */
        enter_undo(c, o);
        return st;
    }
    answer(c, o, true);
    return SMBKIT_STATUS_SUCCESS;
}

/* As it was when the first run began: the file that it opened may have lost its name since. */
static uint64_t removals_seen(const struct create *c)
{
    const struct journal_note *before = journal_recall(c->call, NOTE_REMOVALS, NULL);
    if (before) {
        return before->number;
    }
    const struct journal_note note = {.number = atomic_load(&c->in->volume->nodes->removals)};
    journal_note(c->call, NOTE_REMOVALS, NULL, &note, false);
    return note.number;
}

static smbkit_status attempt(struct create *c)
{
    c->again = false;
    c->breaking = false;
    c->knows_parent = false;
    c->look = 0;
    c->removals = removals_seen(c);
    smbkit_status st = create_resolve(c);
    if (SMBKIT_OK(st)) {
        st = open_existing(c);
    } else if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND && c->creates) {
        st = open_new_file(c);
    }
    if (c->has_file) {
        door_close(c->call, &c->f);
        c->has_file = false;
    }
    claim_give(&c->claim, c->call);
    return st;
}

static smbkit_status attempts(const struct vfs_call *call, struct create *c)
{
    smbkit_status st;
    unsigned turns = 0;
    struct vfs_open *kept = journal_take_kept(call);
    c->call = call;
    if (kept) {
        kept->owner = c->in->owner; /* the first run's is gone; nothing was granted to it */
        c->max_access = kept->stopped.max_access;
        c->breaking = kept->stopped.breaking;
        return overwrite_and_answer(c, kept, kept->stopped.attributes);
    }
    do {
        st = attempt(c);
    } while (c->again && ++turns < CREATE_TRIES_MAX);
    return st;
}

smbkit_status vfs_create(struct vfs_call *call, const struct vfs_create_in *in,
                         struct vfs_create_out *out)
{
    struct create c = {.call = call, .in = in, .out = out};
    *out = (struct vfs_create_out){0};
    smbkit_status st = create_check(&c);
    if (SMBKIT_OK(st)) {
        st = WAIT_OUT(call, again, attempts(again, &c));
    }
    mem_free(c.path);
    bool stops = call->journal && call->journal->resumes;
    if (!stops && st != SMBKIT_STATUS_WOULD_BLOCK) {
        journal_forget(call); /* decided, or to be decided anew: what it closed is closed now */
    }
    return st;
}
