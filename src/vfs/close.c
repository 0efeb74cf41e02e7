/* SPDX-License-Identifier: Apache-2.0 */
/* [MS-FSA] 2.1.5.5 Server Requests Closing an Open */
#include "base/escape.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "vfs/caching.h"
#include "vfs/create.h"
#include "vfs/dirlease.h"
#include "vfs/info.h"
#include "vfs/journal.h"
#include "vfs/kept_time.h"
#include "vfs/late_time.h"
#include "vfs/move.h"
#include "vfs/names.h"
#include "vfs/names_short.h"
#include "vfs/notify_core.h"
#include "vfs/oplock_core.h"
#include "vfs/rules.h"

#define LOG_MODULE LOG_VFS

/* Calls on the open end, none begins. WAIT: some are still under way. */
static smbkit_status close_begin(const struct vfs_call *call, struct vfs_open *o)
{
    SCOPED_LOCK(&o->lock);
    ASSERT(o->state != OPEN_CLOSED);
    o->state = OPEN_CLOSING;
    if (o->in_flight > 0) {
        wait_register(o->node->waits, &o->close_waiters, call->wait);
        return SMBKIT_STATUS_WAIT;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* [MS-FSA] 2.1.5.5: a directory that is to go with this open but is not empty stays; nobody is
 * told. */
static smbkit_status directory_check(const struct vfs_call *call, struct vfs_open *o)
{
    mutex_lock(&o->node->lock);
    bool is_asked = o->is_directory && o->delete_on_close;
    mutex_unlock(&o->node->lock);
    if (!is_asked) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = disposition_check_empty(call, o);
    if (st == SMBKIT_STATUS_WOULD_BLOCK) {
        return st;
    }
    if (st == SMBKIT_STATUS_DIRECTORY_NOT_EMPTY) {
        SCOPED_LOCK(&o->node->lock);
        o->delete_on_close = false;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* What goes with an open. */
struct going {
    bool name;    /* its name; of a stream, the stream */
    bool base;    /* the file of a stream, which was to go when the last of its opens does */
    bool is_news; /* nobody had marked the name before */
};

/* Of all that keep the name, is this the last to decide? [MS-FSA] 2.1.5.5 */
static bool is_last(struct node_link *of, bool *leaves)
{
    of->leaving_count += *leaves ? 0 : 1;
    *leaves = true;
    return of->open_count == of->leaving_count;
}

/* Does the file of a stream go? */
static bool base_decide(struct vfs_open *o)
{
    struct vfs_node *base = o->node->base;
    if (!base) {
        return false;
    }
    SCOPED_LOCK(&base->lock);
    struct node_link *of = o->base_name->of;
    bool revoked = vfs_volume_is_read_only(o->volume);
    bool pending = of->delete_pending && (!revoked || of->is_shared);
    return is_last(of, &o->leaves_base) && pending;
}

/* Does the name go with this open? Then it is marked, so that nobody opens it any more. Nothing
 * goes from a volume that became read-only meanwhile. */
static smbkit_status delete_decide(const struct vfs_call *call, struct vfs_open *o,
                                   struct going *out)
{
    out->base = base_decide(o);
    SCOPED_LOCK(&o->node->lock);
    struct node_link *of = o->name->of;
    bool revoked = vfs_volume_is_read_only(o->volume);
    bool marks = o->delete_on_close && !revoked && !call->read_only;
    /* What was marked through another share, or by another user, goes all the same. */
    bool pending = marks || (of->delete_pending && (!revoked || of->is_shared));
    out->name = is_last(of, &o->leaves) && pending;
    if ((out->name || out->base) && call->nowait && !o->volume->never_blocks) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    out->is_news = pending && !of->delete_pending;
    of->delete_pending = pending;
    if (out->is_news) {
        of->has_deleter = o->has_parent;
        mem_copy(of->deleter, o->parent, sizeof(of->deleter));
    }
    if (out->is_news && !out->name) {
        /* As by FileDispositionInformation, [MS-FSA] 2.1.5.14.3; a close waits for nobody. */
        const struct oplock_query q = {.op = OPLOCK_OP_DELETE, .by = o->holder};
        (void)oplock_break_locked(o->node, &q);
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* What was kept for now. [MS-FSA] 2.1.4.1 */
static void report_late(struct vfs_open *o, bool deletes)
{
    mutex_lock(&o->node->lock);
    uint32_t filter = o->node->notify_at_close;
    o->node->notify_at_close = 0;
    mutex_unlock(&o->node->lock);
    if (filter && !deletes) {
        notify_modified(o, filter);
    }
}

/* The directory's lease is spared when both name it, who marked the entry and who closes it. */
static void delete_report_listing(struct vfs_open *o, const char *path)
{
    mutex_lock(&o->node->lock);
    const struct node_link *of = o->name->of;
    bool is_same =
        o->has_parent && of->has_deleter && mem_eq(of->deleter, o->parent, sizeof(o->parent));
    mutex_unlock(&o->node->lock);
    const struct dirlease_cause by = {.parent = is_same ? o->parent : NULL};
    dirlease_changed(o->volume, path, &by);
}

static void delete_report(struct vfs_open *o, const char *path)
{
    CLEANUP_MEM char *stream = node_stream_name(o->node);
    if (!o->node->base) {
        delete_report_listing(o, path);
        notify_changed(o->volume, path, NOTIFY_REMOVED, notify_name_filter(o->is_directory));
    } else if (stream) { /* without memory an event is lost, as in an overflow */
        notify_stream(o->volume, path, stream, NOTIFY_REMOVED_STREAM, NOTIFY_CHANGE_STREAM_NAME);
    }
}

/* It was promised when the file was marked; whoever closes it now is answered so as well, if
 * anybody asks for an answer. */
static void tell_not_deleted(const struct vfs_open *o, const char *path, smbkit_status st)
{
    log_warn(NULL, "file stays that was to be deleted plugin=%s path=%s status=%s",
             open_plugin_name(o), quoted(path).text, smbkit_status_name(st));
}

static smbkit_status delete_name(const struct vfs_call *nowait_call, struct vfs_open *o)
{
    struct vfs_volume *v = o->volume;
    /* delete_decide has seen to it that this may wait: it cannot be put off any more. */
    struct vfs_call may_wait = *nowait_call;
    may_wait.nowait = false;
    const struct vfs_call *call = &may_wait;
    CLEANUP_MEM char *path = vfs_open_path_known(o);
    if (!path) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    bool is_name = !o->node->base;
    struct names_change change;
    names_before(call, v, path, NULL, &change);
    smbkit_status st = door_remove(call, &o->f);
    bool gone = SMBKIT_OK(st);
    if (gone) {
        /* Before the open leaves the node: who opened the file meanwhile sees either the mark on
         * the name or this. */
        atomic_fetch_add(&v->nodes->removals, 1);
    }
    names_after(call, v, &change, gone && is_name ? NAMES_REMOVED : NAMES_NOTHING, path);
    if (gone && is_name) {
        names_tunnel_note(o, path);
    }
    if (gone) {
        delete_report(o, path);
    } else {
        tell_not_deleted(o, path, st);
    }
    return st;
}

/* The file of a stream, by a handle of its own. */
static smbkit_status base_remove(const struct vfs_call *call, struct vfs_open *o, const char *path)
{
    struct vfs_volume *v = o->volume;
    const struct door_open how = {.path = path,
                                  .access = SMBKIT_DELETE | SMBKIT_READ_ATTRIBUTES,
                                  .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT};
    struct door_file f = {.volume = v};
    struct smbkit_attr attr;
    smbkit_status st = door_open(call, &f, &how, &attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    const struct file_key is = file_key_of(&attr);
    const struct file_key was = node_file_key(o->node->base);
    if (!file_key_eq(&is, &was)) {
        door_close(call, &f); /* another has taken its place, behind the server's back */
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    struct names_change change;
    names_before(call, v, path, NULL, &change);
    st = door_remove(call, &f);
    if (SMBKIT_OK(st)) {
        atomic_fetch_add(&v->nodes->removals, 1); /* as in delete_name */
    }
    names_after(call, v, &change, SMBKIT_OK(st) ? NAMES_REMOVED : NAMES_NOTHING, path);
    if (SMBKIT_OK(st)) {
        bool is_directory = attr.attributes & SMBKIT_ATTR_DIRECTORY;
        const struct dirlease_cause nobody = {0};
        dirlease_changed(v, path, &nobody);
        notify_changed(v, path, NOTIFY_REMOVED, notify_name_filter(is_directory));
    }
    door_close(call, &f);
    return st;
}

static smbkit_status delete_base(const struct vfs_call *nowait_call, struct vfs_open *o)
{
    const struct vfs_call call = journal_on_the_spot(nowait_call);
    mutex_lock(&o->node->base->lock);
    CLEANUP_MEM char *path = node_name_path(o->base_name);
    mutex_unlock(&o->node->base->lock);
    smbkit_status st = path ? base_remove(&call, o, path) : SMBKIT_STATUS_NO_MEMORY;
    if (path && !SMBKIT_OK(st)) {
        tell_not_deleted(o, path, st);
    }
    return st;
}

static void close_end(const struct vfs_call *call, struct vfs_open *o)
{
    notify_end(call, o);
    open_leave_node(o);
    caching_end(call, o);
    door_close(call, &o->f);
    struct vfs_volume *v = o->volume;
    mutex_lock(&o->lock);
    o->state = OPEN_CLOSED;
    wait_wake_all(o->node->waits, &o->dir_waiters);
    mutex_unlock(&o->lock);
    atomic_fetch_sub_explicit(&v->opens_now, 1, memory_order_relaxed); /* a statistic */
}

/* What it leaves to be done to the file's times is done: those that it fixed, and of its writes.
 * WOULD_BLOCK: not all of it is. */
static smbkit_status settle_times(const struct vfs_call *call, struct vfs_open *o)
{
    bool stops = kept_time_restore(call, o) == SMBKIT_STATUS_WOULD_BLOCK ||
                 late_time_close(call, o) == SMBKIT_STATUS_WOULD_BLOCK;
    return stops ? SMBKIT_STATUS_WOULD_BLOCK : SMBKIT_STATUS_SUCCESS;
}

smbkit_status vfs_open_settle_times(struct vfs_call *call, struct vfs_open *o)
{
    OPEN_SCOPE(o, st);
    return SMBKIT_OK(st) ? settle_times(call, o) : st;
}

/* Does the file go with this close? Then there is nothing to be kept of it. As delete_decide. */
static bool is_going(const struct vfs_call *call, struct vfs_open *o)
{
    SCOPED_LOCK(&o->node->lock);
    struct node_link *of = o->name->of;
    bool revoked = vfs_volume_is_read_only(o->volume);
    bool marks = o->delete_on_close && !revoked && !call->read_only;
    bool pending = marks || (of->delete_pending && (!revoked || of->is_shared));
    return pending && of->open_count == of->leaving_count + (o->leaves ? 0 : 1);
}

/* The plugin finishes what was written: the close answers how that went. WOULD_BLOCK: again where
 * it may wait. */
static smbkit_status commit_written(const struct vfs_call *call, struct vfs_open *o)
{
    if (!atomic_load_explicit(&o->is_written, memory_order_relaxed)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = door_commit(call, &o->f);
    if (st == SMBKIT_STATUS_WOULD_BLOCK) {
        return st;
    }
    atomic_store_explicit(&o->is_written, false, memory_order_relaxed);
    o->committed = st;
    if (!SMBKIT_OK(st)) {
        CLEANUP_MEM char *path = vfs_open_path_known(o);
        log_warn(NULL, "file not committed plugin=%s path=%s status=%s", open_plugin_name(o),
                 quoted(path ? path : "").text, smbkit_status_name(st));
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status vfs_open_commit(struct vfs_call *call, struct vfs_open *o)
{
    OPEN_SCOPE(o, st);
    return SMBKIT_OK(st) ? commit_written(call, o) : st;
}

static smbkit_status commit(const struct vfs_call *call, struct vfs_open *o)
{
    return is_going(call, o) ? SMBKIT_STATUS_SUCCESS : commit_written(call, o);
}

static smbkit_status close_once(const struct vfs_call *call, struct vfs_open *o,
                                struct smbkit_attr *attr)
{
    smbkit_status st = close_begin(call, o);
    if (SMBKIT_OK(st) && caching_end_may_block(call, o)) {
        st = SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = settle_times(call, o);
    if (SMBKIT_OK(st)) {
        st = commit(call, o);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (attr) {
        st = door_getattr(call, &o->f, attr);
        if (st == SMBKIT_STATUS_WOULD_BLOCK) {
            return st;
        }
        if (SMBKIT_OK(st)) {
            rules_dress_open(o, attr);
            late_time_dress(o, attr);
        } else {
            *attr = (struct smbkit_attr){0};
        }
    }
    st = directory_check(call, o);
    struct going goes = {0};
    if (SMBKIT_OK(st)) {
        st = delete_decide(call, o, &goes);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (goes.is_news && o->is_directory) {
        notify_deleting(o->node); /* walks the node's opens: not at each of many closes */
    }
    dirlease_close(o, goes.name);
    report_late(o, goes.name);
    if (goes.base) {
        st = delete_base(call, o); /* and all its streams */
    } else if (goes.name) {
        st = delete_name(call, o);
    }
    if (!SMBKIT_OK(st)) { /* it stays after all */
        const struct vfs_call on_the_spot = journal_on_the_spot(call);
        (void)commit_written(&on_the_spot, o);
    }
    close_end(call, o);
    if (st == SMBKIT_STATUS_DIRECTORY_NOT_EMPTY) {
        st = SMBKIT_STATUS_SUCCESS; /* it came to hold something after it was found empty: as above
                                     */
    }
    return SMBKIT_OK(st) ? o->committed : st;
}

smbkit_status vfs_close(struct vfs_call *call, struct vfs_open *open, struct smbkit_attr *attr)
{
    struct vfs_call apart = journal_apart(call); /* from some point on it cannot be given up */
    smbkit_status st = WAIT_OUT(&apart, again, close_once(again, open, attr));
    if (st != SMBKIT_STATUS_WAIT && st != SMBKIT_STATUS_WOULD_BLOCK) {
        vfs_open_unref(open);
    }
    return st;
}
