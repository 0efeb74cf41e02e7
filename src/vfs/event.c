/* SPDX-License-Identifier: Apache-2.0 */
/* What an event breaks is what [MS-FSA] 2.1.4.12 lets the operation break that a client would have
 * made instead: a write, a removal, a rename. The setting of attributes, times or a descriptor
 * breaks nothing there, so metadata does not here. */
#include "vfs/event.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "vfs/dirlease.h"
#include "vfs/names.h"
#include "vfs/notify_core.h"
#include "vfs/oplock_core.h"
#include "vfs/path.h"

#define LOG_MODULE LOG_PLUGIN

#define NAME_FILTER (NOTIFY_CHANGE_FILE_NAME | NOTIFY_CHANGE_DIR_NAME)
#define DATA_FILTER (NOTIFY_CHANGE_SIZE | NOTIFY_CHANGE_LAST_WRITE)
#define STREAM_DATA_FILTER (NOTIFY_CHANGE_STREAM_SIZE | NOTIFY_CHANGE_STREAM_WRITE)
/* struct smbkit_event as it was first. */
#define EVENT_BYTES_MIN offsetof(struct smbkit_event, file_domain)

/* What is known of a file by a name, or of a stream. */
struct report {
    uint32_t action, stream_action;
    uint32_t filter, stream_filter; /* when the plugin does not say; 0: by the kind */
    enum oplock_op op;
    bool breaks;
    bool of_name; /* of all streams of the file */
};

static const struct report REPORTS[] = {
    /* Nobody caches what was not there, and who made it may hold it by now. */
    [SMBKIT_CHANGE_ADDED] = {NOTIFY_ADDED, NOTIFY_ADDED_STREAM, NAME_FILTER,
                             NOTIFY_CHANGE_STREAM_NAME},
    [SMBKIT_CHANGE_REMOVED] = {NOTIFY_REMOVED, NOTIFY_REMOVED_STREAM, NAME_FILTER,
                               NOTIFY_CHANGE_STREAM_NAME, OPLOCK_OP_DELETE, true, true},
    [SMBKIT_CHANGE_MODIFIED] = {NOTIFY_MODIFIED, NOTIFY_MODIFIED_STREAM, 0, 0,
                                OPLOCK_OP_CHANGED_BELOW, true, false},
    /* Two reports of one rename need not come together: each stands for itself. */
    [SMBKIT_CHANGE_RENAMED_FROM] = {NOTIFY_REMOVED, NOTIFY_REMOVED_STREAM, NAME_FILTER,
                                    NOTIFY_CHANGE_STREAM_NAME, OPLOCK_OP_RENAME, true, true},
    /* What had the name before has been replaced: by that name the content is another. */
    [SMBKIT_CHANGE_RENAMED_TO] = {NOTIFY_ADDED, NOTIFY_ADDED_STREAM, NAME_FILTER,
                                  NOTIFY_CHANGE_STREAM_NAME, OPLOCK_OP_CHANGED_BELOW, true, true},
};

struct told {
    const struct smbkit_event *event;
    const struct report *report;
    uint32_t change; /* SMBKIT_CHANGE_* */
    uint32_t filter; /* NOTIFY_CHANGE_*; 0: the plugin does not say */
    struct file_key key;
    const char *new_path; /* of a rename that is told as one; its second name is then not told */
    bool is_second;
    bool has_data, has_metadata;
};

static void break_all(struct vfs_node *n, const void *arg)
{
    const struct smbkit_event *event = arg;
    oplock_break_told(n, OPLOCK_OP_CHANGED_BELOW, event->client_id);
}

static void break_one(struct vfs_node *n, const void *arg)
{
    const struct told *t = arg;
    const char *stream = t->event->stream;
    bool is_it = stream ? node_is_stream(n, stream) : !n->base;
    bool is_meant = is_it || (t->report->of_name && !stream);
    if (is_meant && t->change == SMBKIT_CHANGE_RENAMED_TO && t->event->file_id != 0) {
        const struct file_key key = node_file_key(n);
        is_meant = !file_key_eq(&key, &t->key); /* that is what came, not what was replaced */
    }
    if (is_meant) {
        oplock_break_told(n, t->report->op, t->event->client_id);
    }
}

static void break_caching(struct vfs_volume *v, const struct told *t, struct vfs_node *by_id)
{
    if (!t->report->breaks || (t->change == SMBKIT_CHANGE_MODIFIED && !t->has_data)) {
        return;
    }
    if (t->event->path) {
        names_each_open(v, t->event->path, false, break_one, t);
    }
    if (by_id) {
        break_one(by_id, t);
    }
}

static uint32_t filter_of(const struct told *t)
{
    bool is_stream = t->event->stream != NULL;
    uint32_t filter = t->filter;
    if (filter == 0) {
        filter = is_stream ? t->report->stream_filter : t->report->filter;
    }
    if (filter == 0) {
        filter = (t->has_data ? DATA_FILTER : 0) |
                 (t->has_metadata ? (uint32_t)NOTIFY_CHANGE_ATTRIBUTES : 0);
    }
    return is_stream ? notify_stream_filter(filter) : filter;
}

/* To this volume's watchers: the plugins of those that lie in it report as well. */
static void tell_watchers(struct vfs_volume *v, const struct told *t)
{
    if (!notify_is_watched(v) || t->is_second || (t->event->flags & SMBKIT_EVENT_QUIET)) {
        return;
    }
    const char *stream = t->event->stream;
    CLEANUP_MEM char *name = stream ? str_printf("%s:%s", t->event->path, stream) : NULL;
    if (stream && !name) {
        return; /* without memory an event is lost, as in an overflow */
    }
    const struct overlap_event e = {.path = stream ? name : t->event->path,
                                    .action = stream        ? t->report->stream_action
                                              : t->new_path ? NOTIFY_RENAMED_OLD
                                                            : t->report->action,
                                    .filter = filter_of(t),
                                    .new_path = stream ? NULL : t->new_path};
    notify_watchers(v, &e);
}

/* One change of one file by one name, or by its id alone. */
static void tell(struct vfs_volume *v, const struct told *t, struct vfs_node *by_id)
{
    const char *path = t->event->path;
    const char *stream = t->event->stream;
    bool is_named = path && door_path_check(v, path) && (!stream || path_is_stream(stream));
    if (is_named && !stream) {
        names_reported(v, t->change, path);
    }
    break_caching(v, t, by_id);
    if (is_named) {
        const struct dirlease_cause by = {.client = t->event->client_id};
        dirlease_changed(v, path, &by);
        tell_watchers(v, t);
    }
}

/* A path in the volume that the node is open by; owned, or NULL. */
static char *path_of(struct vfs_volume *v, struct vfs_node *n)
{
    SCOPED_LOCK(&n->lock);
    LIST_FOR_EACH (l, &n->names) {
        const struct node_name *name = LIST_ENTRY(l, struct node_name, link);
        if (name->volume == v) {
            return node_name_path(name);
        }
    }
    return NULL;
}

static void kind_set(struct told *t)
{
    uint32_t kind = t->event->flags & (SMBKIT_EVENT_DATA | SMBKIT_EVENT_METADATA);
    t->has_data = kind & SMBKIT_EVENT_DATA;
    t->has_metadata = kind & SMBKIT_EVENT_METADATA;
    if (kind == 0) {
        t->has_data = t->filter == 0 || (t->filter & (DATA_FILTER | STREAM_DATA_FILTER));
        t->has_metadata = t->filter == 0 || (t->filter & ~(DATA_FILTER | STREAM_DATA_FILTER));
    }
}

/* Whatever is cached of what lies below may be wrong. */
static void overflow(struct vfs_volume *v, const struct smbkit_event *event)
{
    const char *path = event->path ? event->path : ""; /* somewhere */
    names_reported(v, SMBKIT_CHANGE_OVERFLOW, path);
    names_each_open(v, path, true, break_all, event);
    if (!(event->flags & SMBKIT_EVENT_QUIET)) {
        notify_overflow(v, path);
    }
}

static void take(struct vfs_volume *v, const struct smbkit_event *from, const char *new_path,
                 bool is_second)
{
    struct smbkit_event event = *from;
    struct told t = {.event = &event,
                     .change = event.what & 0xffu,
                     .filter = event.what >> 8,
                     .new_path = new_path,
                     .is_second = is_second};
    if (t.change == SMBKIT_CHANGE_OVERFLOW) {
        overflow(v, &event);
        return;
    }
    if (t.change == 0 || t.change >= ARRAY_LEN(REPORTS)) {
        return;
    }
    t.report = &REPORTS[t.change];
    t.key = (struct file_key){.domain = event.file_domain ? event.file_domain : v->domain,
                              .id = event.file_id,
                              .id_high = event.file_id_high};
    kind_set(&t);
    const struct node_key key = {.file = t.key, .stream = event.stream};
    struct vfs_node *n = event.file_id ? node_find(v->nodes, &key) : NULL;
    CLEANUP_MEM char *path = n && !event.path ? path_of(v, n) : NULL;
    event.path = event.path ? event.path : path;
    tell(v, &t, n);
    if (n) {
        node_put(n);
    }
}

void event_take(struct vfs_volume *v, const struct smbkit_event *event)
{
    if (!event || event->struct_size < EVENT_BYTES_MIN) {
        log_warn(NULL, "event ignored: struct_size=%u of a plugin", event ? event->struct_size : 0);
        return;
    }
    struct smbkit_event own = {0};
    mem_copy(&own, event, MIN((size_t)event->struct_size, sizeof(own)));
    if (own.flags & SMBKIT_EVENT_NAME_ONLY) {
        names_told(v, &own);
        return;
    }
    const char *to = (own.what & 0xffu) == SMBKIT_CHANGE_RENAMED_FROM ? own.new_path : NULL;
    bool is_one = to && own.path && !own.stream && door_path_check(v, to);
    take(v, &own, is_one ? to : NULL, false);
    if (to) {
        own.what = SMBKIT_CHANGE_RENAMED_TO | (own.what & ~0xffu);
        own.path = to;
        take(v, &own, NULL, is_one);
    }
}
