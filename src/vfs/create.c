/* SPDX-License-Identifier: Apache-2.0 */
/* [MS-FSA] 2.1.5.1 Server Requests an Open of a File.
 *
 * The plugin only ever opens what is there (which has no side effect) or creates what is not. So
 * every step up to the open's place in its node can be given up and done again, and WAIT and
 * WOULD_BLOCK keep nothing. */
#include "base/mem.h"
#include "base/str.h"
#include "vfs/access.h"
#include "vfs/caching.h"
#include "vfs/create.h"
#include "vfs/dirlease.h"
#include "vfs/journal.h"
#include "vfs/late_time.h"
#include "vfs/lease_core.h"
#include "vfs/names.h"
#include "vfs/notify_core.h"
#include "vfs/oplock_core.h"
#include "vfs/rules.h"

#define CREATE_TRIES_MAX 32 /* turns lost to others who create and remove the same name */

smbkit_status create_check_delete_pending(struct create *c)
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

smbkit_status create_access_existing(struct create *c)
{
    struct access_query q = {.path = c->in->snapshot_time ? "" : c->path,
                             .is_directory = c->attr.attributes & SMBKIT_ATTR_DIRECTORY,
                             .desired = c->desired,
                             .cap = c->in->access_cap,
                             .want_max = c->in->want_max_access};
    /* [MS-FSA] 2.1.5.1.2: overwriting needs more than was asked for; it is not granted. */
    uint32_t extra = 0;
    if (c->makes_stream) {
        extra = SMBKIT_WRITE_DATA; /* which a stream is added by */
    } else if (c->overwrites) {
        extra = SMBKIT_WRITE_EA | SMBKIT_WRITE_ATTRIBUTES |
                (c->in->disposition == SMBKIT_SUPERSEDE ? SMBKIT_DELETE : SMBKIT_WRITE_DATA);
    }
    q.desired |= extra;
    smbkit_status st = access_check(c->call, &c->f, &q);
    c->is_refused = st == SMBKIT_STATUS_ACCESS_DENIED;
    c->granted = c->wants_max ? q.granted : q.granted & ~(extra & ~c->desired);
    c->max_access = q.max;
    /* Who may not write keeps nobody from reading. [MS-FSA] 2.1.5.1.2.2, which looks at the
     * directory's descriptor; the file's is what Windows' IoCheckShareAccessEx is told of. */
    c->share = c->in->share_access | (q.max & SMBKIT_WRITE_DATA ? 0 : VFS_SHARE_READ);
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

/* The open is in its node, but it is not to be. */
static void enter_undo(const struct create *c, struct vfs_open *o)
{
    open_leave_node(o);
    door_close(c->call, &o->f);
    vfs_open_unref(o);
}

/* Somebody removed or moved a name between the plugin's open and the open's place in the node: is
 * it still this file? */
static smbkit_status check_still_there(struct create *c, const char *stream)
{
    if (atomic_load(&c->in->volume->nodes->removals) == c->removals || c->in->snapshot_time) {
        return SMBKIT_STATUS_SUCCESS;
    }
    uint32_t itself = c->options & VFS_OPEN_REPARSE_POINT ? SMBKIT_CREATE_OPEN_REPARSE_POINT : 0;
    struct smbkit_attr now;
    smbkit_status st = journal_look(c->call, c->in->volume, c->path, itself, &now);
    if (SMBKIT_OK(st) && stream) {
        const struct vfs_call apart = journal_apart(c->call);
        st = journal_stopped(c->call,
                             door_lookup_stream(&apart, c->in->volume, c->path, stream, &now));
    }
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
    if (c->in->stream) {
        return (c->attr.attributes & SMBKIT_ATTR_SETTABLE) | SMBKIT_ATTR_ARCHIVE;
    }
    if (c->in->disposition != SMBKIT_SUPERSEDE) {
        attributes |= c->attr.attributes & SMBKIT_ATTR_SETTABLE;
    }
    return attributes;
}

static smbkit_status overwrite(struct create *c, struct vfs_open *o, uint32_t attributes)
{
    OPEN_SCOPE(o, st);
    ASSERT(SMBKIT_OK(st)); /* nobody else knows it */
    const struct smbkit_overwrite how = {
        .attributes = attributes, .alloc_size = c->in->alloc_size, .ea = create_eas(c)};
    st = door_overwrite(c->call, &o->f, &how, &c->attr);
    if (SMBKIT_OK(st)) {
        atomic_fetch_add(&o->node->data_changes, 1);
        notify_modified(o,
                        NOTIFY_CHANGE_SIZE | NOTIFY_CHANGE_LAST_WRITE | NOTIFY_CHANGE_ATTRIBUTES);
        dirlease_modified(o);
        oplock_tell(o, OPLOCK_OP_SET_SIZE); /* as after a write */
    }
    return st;
}

/* Before the open is in its node: a plugin whose files are others' too may not be able to tell of
 * what they do. SMBKIT_CACHE_* are the bits of leases. */
static smbkit_status ask_caching(struct create *c)
{
    const struct vfs_lease_want *lease = create_lease(c);
    bool is_directory = (c->attr.attributes & SMBKIT_ATTR_DIRECTORY) && !c->in->stream;
    uint32_t wanted = lease          ? lease->caching
                      : is_directory ? 0
                                     : oplock_caching_of(c->in->oplock_level);
    c->may_cache = wanted;
    c->cache_key = 0;
    struct smbkit_cache a = {.struct_size = sizeof(a), .state = wanted};
    bool hears_acks = c->in->volume->hears_acks;
    if (hears_acks && lease) {
        a.state |= lease_caching_of(lease->lease); /* it shares that, whatever it wants */
    }
    if (a.state == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (hears_acks) {
        a.key = caching_key(c->call, c->in->volume);
    }
    const uint32_t asked = a.state;
    const uint64_t key = a.key;
    smbkit_status st = door_cache_request(c->call, &c->f, &a);
    c->may_cache = SMBKIT_OK(st) ? a.state & asked : 0;
    c->cache_key = key;
    return door_stops(st) && c->call->journal ? st : SMBKIT_STATUS_SUCCESS;
}

/* [MS-FSA] 2.1.5.18 */
static void grant(struct create *c, struct vfs_open *o)
{
    struct vfs_node *n = o->node;
    SCOPED_LOCK(&n->lock);
    if (c->cache_key) {
        c->may_cache = caching_begin_locked(o, c->cache_key, c->may_cache);
    }
    if (o->lease) {
        struct vfs_lease_want want = *c->in->lease;
        want.caching &= (uint8_t)c->may_cache;
        lease_grant_locked(n, o, &want, &c->out->lease);
    } else if (c->in->oplock_level != VFS_OPLOCK_NONE && c->may_cache != 0 && !o->is_directory) {
        uint8_t level = oplock_level_of(oplock_caching_of(c->in->oplock_level) & c->may_cache);
        c->out->oplock_level = oplock_grant_locked(n, o, level);
    }
}

static void answer(struct create *c, struct vfs_open *o, bool is_new)
{
    struct vfs_create_out *out = c->out;
    *out = (struct vfs_create_out){.open = o, .attr = c->attr, .action = SMBKIT_OPENED};
    rules_dress_open(o, &out->attr);
    late_time_dress(o, &out->attr);
    o->snapshot_time = c->in->snapshot_time;
    open_made(o);
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
    grant(c, o);
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
        o->stopped = (struct stopped_overwrite){.attributes = attributes,
                                                .max_access = c->max_access,
                                                .may_cache = c->may_cache,
                                                .cache_key = c->cache_key,
                                                .breaking = c->breaking};
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

/* A file that was on its way out when it was found is no reason to refuse: perhaps there is nothing
 * by that name any more. */
static smbkit_status check_refusal(struct create *c, smbkit_status st)
{
    if (SMBKIT_OK(st) || door_stops(st)) {
        return st;
    }
    smbkit_status now = check_still_there(c, c->makes_stream ? NULL : c->in->stream);
    return SMBKIT_OK(now) ? st : now;
}

static smbkit_status check_what_is_there(struct create *c)
{
    smbkit_status st = create_check_delete_pending(c);
    if (SMBKIT_OK(st)) {
        st = create_check_existing(c);
    }
    if (SMBKIT_OK(st)) {
        st = create_access_existing(c);
    }
    if (SMBKIT_OK(st)) {
        st = create_check_ea_knowledge(c);
    }
    return check_refusal(c, st);
}

static smbkit_status open_existing(struct create *c)
{
    smbkit_status st = check_what_is_there(c);
    struct vfs_open *o = NULL;
    if (SMBKIT_OK(st) && c->in->stream) {
        st = create_base_hold(c, false);
    }
    if (SMBKIT_OK(st)) {
        st = ask_caching(c);
    }
    if (SMBKIT_OK(st)) {
        st = create_enter(c, false, &o);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = check_still_there(c, c->in->stream);
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

static int32_t see_stream(struct smbkit_sink *sink, const struct smbkit_entry *e)
{
    (void)e;
    *(bool *)sink->core = true;
    return 0;
}

/* Is it as it was made? */
static bool is_untouched(const struct create *c, const struct vfs_call *may_wait)
{
    struct smbkit_attr now;
    bool has_streams = false;
    struct smbkit_sink sink = {
        .struct_size = sizeof(sink), .entry = see_stream, .core = &has_streams};
    smbkit_status st = door_getattr(may_wait, &c->f, &now);
    if (SMBKIT_OK(st) && (c->in->volume->features & SMBKIT_FEATURE_STREAMS)) {
        st = door_streams(may_wait, &c->f, 0, &sink);
    }
    return SMBKIT_OK(st) && !has_streams && now.size == c->attr.size &&
           now.write_time == c->attr.write_time && now.change_time == c->attr.change_time;
}

/* What was made is as it was made, and open to nobody else: then it stays so. */
static bool undo_begin(const struct create *c, const struct vfs_call *may_wait)
{
    if (!is_untouched(c, may_wait)) {
        return false;
    }
    const struct node_key key = {.file = file_key_of(&c->attr)};
    struct vfs_node *n = c->base ? c->base : node_find(c->in->volume->nodes, &key);
    if (!n) {
        return true;
    }
    mutex_lock(&n->lock);
    bool is_alone = list_is_empty(&n->opens) && n->stream_open_count <= (c->base ? 1u : 0u);
    if (is_alone && c->base) {
        c->base_name->of->delete_pending = true;
    }
    mutex_unlock(&n->lock);
    if (!c->base) {
        node_put(n);
    }
    return is_alone;
}

static void undo_failed(const struct create *c)
{
    if (c->base) {
        SCOPED_LOCK(&c->base->lock);
        c->base_name->of->delete_pending = false;
    }
}

void create_undo(struct create *c)
{
    const struct vfs_call may_wait = journal_on_the_spot(c->call);
    if (!undo_begin(c, &may_wait)) {
        return; /* it is somebody else's too by now */
    }
    struct names_change change;
    names_before(&may_wait, c->in->volume, c->path, NULL, &change);
    struct vfs_volume *v = c->in->volume;
    smbkit_status st = door_remove(&may_wait, &c->f);
    if (SMBKIT_OK(st)) {
        atomic_fetch_add(&v->nodes->removals, 1);
    } else {
        undo_failed(c);
    }
    names_after(&may_wait, v, &change, SMBKIT_OK(st) ? NAMES_REMOVED : NAMES_NOTHING, c->path);
    if (SMBKIT_OK(st)) { /* that it was made has been told */
        const struct dirlease_cause nobody = {0};
        dirlease_changed(v, c->path, &nobody);
        notify_changed(v, c->path, NOTIFY_REMOVED,
                       notify_name_filter(c->options & VFS_DIRECTORY_FILE));
    }
}

static smbkit_status open_new_file(struct create *c)
{
    /* A lease that has a file already is no new one's. In a resume the file may be made. */
    bool was_made = journal_acts(c->call);
    if (c->in->lease && !was_made && lease_is_elsewhere(c->in->lease->lease, NULL)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    bool file_is_new = true;
    smbkit_status st = c->in->stream ? create_stream(c, &file_is_new) : create_new(c);
    if (st == SMBKIT_STATUS_OBJECT_NAME_COLLISION && c->in->disposition != SMBKIT_CREATE) {
        c->again = true;
    }
    if (SMBKIT_OK(st)) {
        st = ask_caching(c); /* in a resume what was made is found in the journal */
    }
    if (!SMBKIT_OK(st)) {
        return c->makes_stream && !c->again ? check_refusal(c, st) : st;
    }
    struct vfs_open *o = NULL;
    st = create_enter(c, true, &o);
    ASSERT(st != SMBKIT_STATUS_WAIT); /* when he comes again his own file would be in the way */
    if (!SMBKIT_OK(st)) {
        if (st == SMBKIT_STATUS_NO_MEMORY && !c->in->stream) {
            create_undo(c);
        }
        return st;
    }
    st = check_still_there(c, c->in->stream);
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
    c->is_refused = false;
    c->breaking = false;
    c->share = c->in->share_access;
    c->knows_parent = false;
    c->look = 0;
    c->asks_no_more = c->in->snapshot_time;
    c->removals = removals_seen(c);
    smbkit_status st = create_resolve(c);
    if (SMBKIT_OK(st)) {
        st = open_existing(c);
    } else if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND && c->creates && !c->is_vetoed) {
        st = open_new_file(c);
    }
    if (c->has_file) {
        door_close(c->call, &c->f);
        c->has_file = false;
    }
    create_base_let_go(c);
    c->makes_stream = false;
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
        c->may_cache = kept->stopped.may_cache;
        c->cache_key = kept->stopped.cache_key;
        c->breaking = kept->stopped.breaking;
        return overwrite_and_answer(c, kept, kept->stopped.attributes);
    }
    do {
        st = attempt(c);
    } while (c->again && ++turns < CREATE_TRIES_MAX);
    return st;
}

/* Layers that want to know are told, once; WOULD_BLOCK: where they may wait. */
static smbkit_status tell_refused(const struct create *c, smbkit_status refusal)
{
    const struct vfs_create_in *in = c->in;
    const struct smbkit_refused a = {
        .struct_size = sizeof(a), .path = in->path, .stream = in->stream, .access = c->desired};
    bool is_told = c->is_refused && refusal == SMBKIT_STATUS_ACCESS_DENIED;
    if (!is_told || !in->volume->hears_refusals) {
        return refusal;
    }
    bool blocks = door_refused(c->call, in->volume, &a) == SMBKIT_STATUS_WOULD_BLOCK;
    return blocks && c->call->nowait ? SMBKIT_STATUS_WOULD_BLOCK : refusal;
}

smbkit_status vfs_create(struct vfs_call *call, const struct vfs_create_in *in,
                         struct vfs_create_out *out)
{
    struct vfs_create_in past;
    struct create c = {.call = call, .in = in, .out = out};
    c.has_parent = in->lease && in->lease->has_parent;
    if (c.has_parent) {
        mem_copy(c.parent_lease, in->lease->parent_key, sizeof(c.parent_lease));
    }
    *out = (struct vfs_create_out){0};
    if (in->snapshot_time) {
        past = snapshot_create_in(in);
        c.in = &past;
    }
    smbkit_status st = create_check(&c);
    if (SMBKIT_OK(st)) {
        st = WAIT_OUT(call, again, attempts(again, &c));
        c.call = call; /* the others are gone */
        st = tell_refused(&c, st);
    }
    mem_free(c.path);
    bool stops = call->journal && call->journal->resumes;
    if (!stops && st != SMBKIT_STATUS_WOULD_BLOCK) {
        journal_forget(call); /* decided, or to be decided anew: what it closed is closed now */
    }
    return st;
}
