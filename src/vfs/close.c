/* SPDX-License-Identifier: Apache-2.0 */
/* [MS-FSA] 2.1.5.5 Server Requests Closing an Open */
#include "base/escape.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "vfs/create.h"
#include "vfs/info.h"
#include "vfs/journal.h"
#include "vfs/names.h"
#include "vfs/notify_core.h"

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

/* Does the name go with this open? Then it is marked, so that nobody opens it any more. Nothing
 * goes from a volume that became read-only meanwhile. *is_news_r: nobody had marked it before. */
static smbkit_status delete_decide(const struct vfs_call *call, struct vfs_open *o, bool *delete_r,
                                   bool *is_news_r)
{
    SCOPED_LOCK(&o->node->lock);
    struct node_link *of = o->name->of;
    bool revoked = vfs_volume_is_read_only(o->volume);
    /* What was marked through another share goes all the same. */
    bool pending =
        (o->delete_on_close && !revoked) || (of->delete_pending && (!revoked || of->is_shared));
    *delete_r = pending && of->open_count == 1;
    if (*delete_r && call->nowait && !o->volume->never_blocks) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    *is_news_r = pending && !o->name->of->delete_pending;
    o->name->of->delete_pending = pending;
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

static void delete_report(struct vfs_open *o, const char *path)
{
    if (!o->node->stream) {
        notify_changed(o->volume, path, NOTIFY_REMOVED, notify_name_filter(o->is_directory));
        return;
    }
    notify_stream(o->volume, path, o->node->stream, NOTIFY_REMOVED_STREAM,
                  NOTIFY_CHANGE_STREAM_NAME);
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
    bool is_name = !o->node->stream;
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
    if (gone) {
        delete_report(o, path);
    } else {
        tell_not_deleted(o, path, st);
    }
    return st;
}

static void close_end(const struct vfs_call *call, struct vfs_open *o)
{
    notify_end(call, o);
    open_leave_node(o);
    door_close(call, &o->f);
    struct vfs_volume *v = o->volume;
    mutex_lock(&o->lock);
    o->state = OPEN_CLOSED;
    wait_wake_all(o->node->waits, &o->dir_waiters);
    mutex_unlock(&o->lock);
    atomic_fetch_sub_explicit(&v->opens_now, 1, memory_order_relaxed); /* a statistic */
}

static smbkit_status close_once(const struct vfs_call *call, struct vfs_open *o,
                                struct smbkit_attr *attr)
{
    smbkit_status st = close_begin(call, o);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (info_restore_write_time(call, o) == SMBKIT_STATUS_WOULD_BLOCK) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (attr) {
        st = door_getattr(call, &o->f, attr);
        if (st == SMBKIT_STATUS_WOULD_BLOCK) {
            return st;
        }
        if (!SMBKIT_OK(st)) {
            *attr = (struct smbkit_attr){0};
        }
    }
    st = directory_check(call, o);
    bool deletes = false;
    bool is_news = false;
    if (SMBKIT_OK(st)) {
        st = delete_decide(call, o, &deletes, &is_news);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (is_news && o->is_directory) {
        notify_deleting(o->node); /* walks the node's opens: not at each of many closes */
    }
    report_late(o, deletes);
    if (deletes) {
        st = delete_name(call, o);
    }
    close_end(call, o);
    /* It came to hold something after it was found empty: as above. */
    return st == SMBKIT_STATUS_DIRECTORY_NOT_EMPTY ? SMBKIT_STATUS_SUCCESS : st;
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
