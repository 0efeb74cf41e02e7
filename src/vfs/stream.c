/* SPDX-License-Identifier: Apache-2.0 */
/* The streams of an open file: FileStreamInformation, [MS-FSA] 2.1.5.12.29, and the renaming of
 * one, 2.1.5.15.11.1. */
#include "vfs/stream.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "vfs/access.h"
#include "vfs/attr.h"
#include "vfs/claim.h"
#include "vfs/create.h"
#include "vfs/journal.h"
#include "vfs/kept_time.h"
#include "vfs/listing.h"
#include "vfs/notify_core.h"
#include "vfs/oplock_core.h"
#include "vfs/path.h"

char *vfs_open_stream(struct vfs_open *o)
{
    return node_stream_name(o->node);
}

bool vfs_open_is_stream(const struct vfs_open *o)
{
    return o->node->base;
}

/* ---- list ---- */

smbkit_status vfs_stream_base_getattr(struct vfs_call *call, struct vfs_open *o,
                                      struct smbkit_attr *attr)
{
    OPEN_SCOPE(o, st);
    if (!SMBKIT_OK(st) || !o->node->base) {
        return SMBKIT_OK(st) ? door_getattr(call, &o->f, attr) : st;
    }
    CLEANUP_MEM char *path = vfs_open_path_known(o);
    return path ? door_lookup(call, o->volume, path, SMBKIT_CREATE_OPEN_REPARSE_POINT, attr)
                : SMBKIT_STATUS_NO_MEMORY;
}

struct list_query {
    struct vfs_open *o;
    vfs_stream_fn fn;
    void *arg;
    uint64_t cookie;
    bool full;
};

static int32_t list_entry(struct smbkit_sink *sink, const struct smbkit_entry *e)
{
    struct list_query *q = sink->core;
    struct smbkit_attr attr = {0};
    if (q->full || !entry_is_whole(e)) {
        return 0;
    }
    if (e->attr) {
        attr_copy(&attr, e->attr);
    }
    attr.attributes = 0; /* the file's are none of the stream's */
    bool is_good = path_is_stream(e->name) && attr_settle(q->o->volume, &attr);
    if (is_good && !q->fn(q->arg, e->name, &attr)) {
        q->full = true;
        return 0;
    }
    q->cookie = e->cookie;
    return 1;
}

smbkit_status vfs_streams(struct vfs_call *call, struct vfs_open *o, vfs_stream_fn fn, void *arg)
{
    OPEN_SCOPE(o, st);
    struct list_query q = {.o = o, .fn = fn, .arg = arg};
    struct smbkit_sink sink = {
        .struct_size = sizeof(sink), .want = SMBKIT_WANT_ATTR, .entry = list_entry, .core = &q};
    for (bool more = SMBKIT_OK(st); more;) {
        uint64_t before = q.cookie;
        st = door_streams(call, &o->f, before, &sink);
        more = SMBKIT_OK(st) && !q.full && q.cookie != before;
    }
    return st;
}

/* ---- rename ---- */

/* May what is there be replaced? Only what is empty, and open to nobody. */
static smbkit_status target_check(const struct vfs_call *call, struct vfs_open *o, const char *path,
                                  const struct vfs_stream_rename *a)
{
    struct smbkit_attr attr;
    smbkit_status st = door_lookup_stream(call, o->volume, path, a->name, &attr);
    if (door_misses(st)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (!a->replace) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    const struct node_key key = {.file = node_file_key(o->node), .stream = a->name};
    struct vfs_node *n = node_find(o->volume->nodes, &key);
    if (n) {
        node_put(n);
    }
    return n || attr.size > 0 ? SMBKIT_STATUS_INVALID_PARAMETER : SMBKIT_STATUS_SUCCESS;
}

static void rename_tell(struct vfs_open *o, const char *path, const char *was, const char *is)
{
    /* Whoever opened the new name between its making and this has a node of it: then this one is
     * known by its old name until it is closed. */
    (void)!node_stream_rename(o->node, is);
    notify_stream(o->volume, path, was, NOTIFY_REMOVED_STREAM, NOTIFY_CHANGE_STREAM_NAME);
    notify_stream(o->volume, path, is, NOTIFY_ADDED_STREAM, NOTIFY_CHANGE_STREAM_NAME);
}

static smbkit_status rename_claimed(const struct vfs_call *call, struct vfs_open *o,
                                    const struct vfs_stream_rename *a, const char *was)
{
    CLEANUP_MEM char *path = vfs_open_path_known(o);
    bool same = utf8_ieq(was, a->name);
    if (!path) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (!same) {
        st = target_check(call, o, path, a);
        st = journal_acts(call) && !door_stops(st) ? SMBKIT_STATUS_SUCCESS : st;
    }
    if (SMBKIT_OK(st)) {
        st = oplock_break_for(call, o, OPLOCK_OP_RENAME);
    }
    if (SMBKIT_OK(st)) {
        const struct smbkit_rename how = {.flags = a->replace ? SMBKIT_RENAME_REPLACE : 0,
                                          .new_path = path,
                                          .new_stream = a->name};
        st = door_rename_stream(call, &o->f, &how);
    }
    if (SMBKIT_OK(st)) {
        kept_time_meta_changed(call, o);
        rename_tell(o, path, was, a->name);
    }
    return st;
}

smbkit_status stream_refuse_path(const struct vfs_call *call, struct vfs_open *o,
                                 const char *new_path)
{
    CLEANUP_MEM char *parent = path_parent(new_path);
    struct smbkit_attr dir;
    smbkit_status st = parent ? access_check_destination(call, o->volume, parent, false, &dir)
                              : SMBKIT_STATUS_NO_MEMORY;
    return SMBKIT_OK(st) ? SMBKIT_STATUS_INVALID_PARAMETER : st;
}

static smbkit_status rename_check(const struct vfs_call *call, struct vfs_open *o,
                                  const struct vfs_stream_rename *a)
{
    smbkit_status st = open_check_writable(call, o);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (!open_may(o, SMBKIT_DELETE) || vfs_open_is_delete_pending(o)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    /* The file's own data is not made a stream, nor a stream the file's. */
    return o->node->base && a->name ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NOT_SUPPORTED;
}

static smbkit_status rename_once(const struct vfs_call *call, struct vfs_open *o,
                                 const struct vfs_stream_rename *a)
{
    OPEN_SCOPE(o, st);
    if (SMBKIT_OK(st)) {
        st = rename_check(call, o, a);
    }
    if (SMBKIT_OK(st)) {
        st = kept_time_note(call, o, KEPT_BY_META);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    CLEANUP_MEM char *was = node_stream_name(o->node);
    CLEANUP_MEM char *leaf = str_printf(":%s", a->name);
    if (!was || !leaf) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (str_eq(was, a->name)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct name_claim *claim = NULL;
    const struct file_key key = node_file_key(o->node);
    st = claim_take(&claim, call, o->volume->nodes, &key, leaf);
    if (SMBKIT_OK(st)) {
        st = rename_claimed(call, o, a, was);
    }
    claim_give(&claim, call);
    return st;
}

smbkit_status vfs_rename_stream(struct vfs_call *call, struct vfs_open *o,
                                const struct vfs_stream_rename *a)
{
    return WAIT_OUT(call, again, rename_once(again, o, a));
}
