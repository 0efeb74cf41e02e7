/* SPDX-License-Identifier: Apache-2.0 */
/* [MS-FSA] 2.1.5.11 Server Requests Change Notifications for a Directory */
#include "vfs/notify_core.h"

#include "base/mem.h"
#include "base/str.h"
#include "vfs/dirlease.h"
#include "vfs/journal.h"
#include "vfs/names.h"
#include "vfs/overlap.h"
#include "vfs/path.h"
#include "vfs/rules.h"

/* Under notify_lock: wake those whose queue got something. */
static void touched_wake(struct list *touched)
{
    for (struct list *l; (l = list_pop_front(touched));) {
        struct notify_watch *w = LIST_ENTRY(l, struct notify_watch, touched_link);
        struct vfs_open *o = CONTAINER_OF(w, struct vfs_open, watch);
        wait_wake_all(o->node->waits, &o->notify_waiters);
    }
}

static void report(struct vfs_volume *v, const struct notify_change *c)
{
    struct list touched;
    list_init(&touched);
    SCOPED_LOCK(&v->notify_lock);
    notify_report(&v->notify, c, &touched);
    touched_wake(&touched);
}

void notify_watchers(struct vfs_volume *v, const struct overlap_event *e)
{
    if (!notify_is_watched(v)) {
        return;
    }
    struct notify_change c = {
        .path = e->path, .action = e->action, .filter = e->filter, .new_path = e->new_path};
    bool tells_old = SMBKIT_OK(rules_check_path(v, e->path));
    bool tells_new = e->new_path && SMBKIT_OK(rules_check_path(v, e->new_path));
    if (e->new_path && !(tells_old && tells_new)) { /* for clients one of the names is not there */
        c.path = tells_old ? e->path : e->new_path;
        c.action = tells_old ? NOTIFY_REMOVED : NOTIFY_ADDED;
        c.new_path = NULL;
    }
    if (tells_old || tells_new) {
        report(v, &c);
    }
}

/* In a volume that lies in that one or around it, whose index of names must know it as well: the
 * directory's times may not tell, within a tick. */
static void tell_there(struct vfs_volume *other, const struct overlap_event *e)
{
    if (e->action == NOTIFY_ADDED) {
        names_reported(other, SMBKIT_CHANGE_ADDED, e->path);
    } else if (e->action == NOTIFY_REMOVED || e->action == NOTIFY_RENAMED_OLD) {
        names_reported(other, SMBKIT_CHANGE_REMOVED, e->path);
    }
    if (e->new_path) {
        names_reported(other, SMBKIT_CHANGE_ADDED, e->new_path);
    }
    notify_watchers(other, e);
}

static void tell(struct vfs_volume *v, const struct overlap_event *e)
{
    notify_watchers(v, e);
    overlap_each(v, e, tell_there);
}

void notify_overflow(struct vfs_volume *v, const char *path)
{
    struct list touched;
    list_init(&touched);
    SCOPED_LOCK(&v->notify_lock);
    notify_overflow_below(&v->notify, path, &touched);
    touched_wake(&touched);
}

void notify_changed(struct vfs_volume *v, const char *path, uint32_t action, uint32_t filter)
{
    const struct overlap_event e = {.path = path, .action = action, .filter = filter};
    tell(v, &e);
}

void notify_stream(struct vfs_volume *v, const char *path, const char *stream, uint32_t action,
                   uint32_t filter)
{
    CLEANUP_MEM char *name = notify_is_on(v) ? str_printf("%s:%s", path, stream) : NULL;
    if (name) { /* without memory an event is lost, as in an overflow */
        notify_changed(v, name, action, filter);
    }
}

void notify_renamed(struct vfs_volume *v, const char *old_path, const char *new_path,
                    uint32_t filter)
{
    const struct overlap_event e = {
        .path = old_path, .action = NOTIFY_RENAMED_OLD, .filter = filter, .new_path = new_path};
    tell(v, &e);
}

uint32_t notify_stream_filter(uint32_t filter)
{
    return (filter & NOTIFY_CHANGE_SIZE ? NOTIFY_CHANGE_STREAM_SIZE : 0) |
           (filter & NOTIFY_CHANGE_LAST_WRITE ? NOTIFY_CHANGE_STREAM_WRITE : 0) |
           (filter & ~(NOTIFY_CHANGE_SIZE | NOTIFY_CHANGE_LAST_WRITE));
}

void notify_modified(struct vfs_open *o, uint32_t filter)
{
    if (filter & ~(uint32_t)NOTIFY_CHANGE_SECURITY) { /* which is not listed */
        dirlease_note(o);
    }
    if (!notify_is_on(o->volume)) {
        return;
    }
    CLEANUP_MEM char *path = vfs_open_path_known(o);
    if (!path) {
        return; /* without memory an event is lost, as in an overflow */
    }
    uint32_t of_data = o->node->base ? filter & NOTIFY_CHANGES_DATA : 0;
    if (filter & ~of_data) { /* attributes are the file's */
        notify_changed(o->volume, path, NOTIFY_MODIFIED, filter & ~of_data);
    }
    CLEANUP_MEM char *stream = of_data ? node_stream_name(o->node) : NULL;
    if (stream) {
        notify_stream(o->volume, path, stream, NOTIFY_MODIFIED_STREAM,
                      notify_stream_filter(of_data));
    }
}

void notify_end(const struct vfs_call *call, struct vfs_open *o)
{
    struct vfs_volume *v = o->volume;
    mutex_lock(&v->notify_lock);
    if (o->watching) {
        notify_watch_remove(&v->notify, &o->watch);
        atomic_fetch_sub_explicit(&v->watch_count, 1, memory_order_relaxed); /* a hint */
        o->watching = false;
    }
    notify_queue_fini(&o->watch.queue); /* now: the open may outlive what it is charged to */
    bool plugin_watches = o->plugin_watches;
    o->plugin_watches = false;
    wait_wake_all(o->node->waits, &o->notify_waiters);
    mutex_unlock(&v->notify_lock);
    if (plugin_watches) {
        /* as short as the close that it goes with */
        const struct vfs_call may_wait = journal_on_the_spot(call);
        smbkit_status st = door_watch(&may_wait, &o->f, false, o->watch.tree);
        (void)st; /* the file is closed next; there is nothing else to do about it */
    }
}

void notify_deleting(struct vfs_node *n)
{
    SCOPED_LOCK(&n->lock);
    LIST_FOR_EACH (l, &n->opens) {
        struct vfs_open *o = LIST_ENTRY(l, struct vfs_open, node_link);
        if (o->name->of->delete_pending) {
            SCOPED_LOCK(&o->volume->notify_lock);
            o->watch_ended = true;
            wait_wake_all(n->waits, &o->notify_waiters);
        }
    }
}

/* The watches of a directory are where it is now. */
static void watches_follow(struct vfs_node *n, UNUSED const void *arg)
{
    SCOPED_LOCK(&n->lock);
    LIST_FOR_EACH (l, &n->opens) {
        struct vfs_open *o = LIST_ENTRY(l, struct vfs_open, node_link);
        CLEANUP_MEM char *path = o->is_directory ? node_name_path(o->name) : NULL;
        SCOPED_LOCK(&o->volume->notify_lock);
        if (path && o->watching) {
            smbkit_status st = notify_watch_move(&o->volume->notify, &o->watch, path);
            (void)st; /* without memory it stays at the old name, and ends with its open */
        }
    }
}

/* What is open by another volume's names is at other names now. */
static void follow_there(struct vfs_volume *other, const struct overlap_event *e)
{
    if (!e->new_path) {
        return; /* it left that volume, or came into it: nothing of it has a new name there */
    }
    mutex_lock(&other->tree_lock);
    struct name_entry *at = nametree_find(&other->tree, e->path);
    bool moved = at && nametree_move(&other->tree, at, e->new_path);
    mutex_unlock(&other->tree_lock);
    if (moved) { /* without memory it keeps the old name */
        names_each_open(other, e->new_path, true, watches_follow, NULL);
    }
}

void notify_dir_moved(struct vfs_volume *v, const char *old_path, const char *new_path)
{
    names_each_open(v, new_path, true, watches_follow, NULL);
    const struct overlap_event e = {
        .path = old_path, .action = NOTIFY_RENAMED_OLD, .new_path = new_path};
    overlap_each(v, &e, follow_there);
}

/* ---- vfs_notify ---- */

uint32_t vfs_volume_watches(struct vfs_volume *v)
{
    return (uint32_t)atomic_load_explicit(&v->watch_count, memory_order_relaxed); /* only told */
}

static smbkit_status watch_check(const struct vfs_open *o)
{
    if (!o->is_directory) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return open_may(o, SMBKIT_READ_DATA) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_ACCESS_DENIED;
}

/* The first query of an open starts its watch. */
static smbkit_status watch_start(struct vfs_open *o, const struct vfs_notify_query *q)
{
    struct vfs_volume *v = o->volume;
    SCOPED_LOCK(&o->node->lock);
    CLEANUP_MEM char *path = node_name_path(o->name);
    SCOPED_LOCK(&v->notify_lock);
    if (o->watching) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (o->name->of->delete_pending) {
        return SMBKIT_STATUS_DELETE_PENDING;
    }
    if (q->filter == 0) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    o->watch.filter = q->filter;
    o->watch.max_bytes = q->max_bytes;
    o->watch.tree = q->tree;
    o->watch.queue.budget = q->budget;
    smbkit_status st =
        path ? notify_watch_add(&v->notify, &o->watch, path) : SMBKIT_STATUS_NO_MEMORY;
    if (SMBKIT_OK(st)) {
        o->watching = true;
        atomic_fetch_add_explicit(&v->watch_count, 1, memory_order_relaxed); /* a hint */
    }
    return st;
}

static smbkit_status queue_give(struct notify_queue *queue, const struct vfs_notify_query *q)
{
    if (queue->overflow || queue->wire_bytes > q->max_bytes) {
        return SMBKIT_STATUS_NOTIFY_ENUM_DIR;
    }
    size_t at = 0;
    struct vfs_notify_event e;
    while (notify_queue_next(queue, &at, &e.action, &e.name)) {
        q->event(q->arg, &e);
    }
    return SMBKIT_STATUS_SUCCESS;
}

void vfs_notify_turn_init(struct vfs_notify_turn *t)
{
    list_init(&t->link);
    t->open = NULL;
}

/* Under notify_lock. */
static bool turn_is_first(const struct vfs_open *o, const struct vfs_notify_turn *t)
{
    return !t || o->notify_turns.next == &t->link;
}

void vfs_notify_turn_end(struct vfs_notify_turn *t)
{
    struct vfs_open *o = t->open;
    if (!o) {
        return;
    }
    t->open = NULL;
    mutex_lock(&o->volume->notify_lock);
    list_remove(&t->link);
    if (!notify_queue_is_empty(&o->watch.queue) || o->watch_ended || !o->plugin_watches) {
        wait_wake_all(o->node->waits, &o->notify_waiters); /* the next looks, or asks the plugin */
    }
    mutex_unlock(&o->volume->notify_lock);
    vfs_open_unref(o);
}

static void turn_take(struct vfs_open *o, struct vfs_notify_turn *t)
{
    if (!t || t->open == o) {
        return;
    }
    vfs_notify_turn_end(t); /* of an open whose place this one has taken */
    t->open = vfs_open_ref(o);
    SCOPED_LOCK(&o->volume->notify_lock);
    list_push_back(&o->notify_turns, &t->link);
}

/* Let the plugin report, once for an open: the earliest of its queries asks for it. */
static smbkit_status plugin_watch(const struct vfs_call *call, struct vfs_open *o,
                                  const struct vfs_notify_turn *turn)
{
    mutex_lock(&o->volume->notify_lock);
    bool asks = !o->plugin_watches && turn_is_first(o, turn);
    o->plugin_watches |= asks;
    mutex_unlock(&o->volume->notify_lock);
    if (!asks) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = door_watch(call, &o->f, true, o->watch.tree);
    if (!SMBKIT_OK(st)) {
        mutex_lock(&o->volume->notify_lock);
        o->plugin_watches = false;
        mutex_unlock(&o->volume->notify_lock);
    }
    /* The core's own changes are reported in any case. */
    return door_stops(st) ? st : SMBKIT_STATUS_SUCCESS;
}

/* What there is for the query: SUCCESS: in *queue; or how its watch has ended. WAIT: nothing yet;
 * if it registers it is woken when there may be. */
static smbkit_status look(const struct vfs_call *call, struct vfs_open *o,
                          const struct vfs_notify_query *q, bool registers,
                          struct notify_queue *queue)
{
    SCOPED_LOCK(&o->volume->notify_lock);
    bool is_empty = notify_queue_is_empty(&o->watch.queue);
    if (!is_empty && turn_is_first(o, q->turn)) {
        notify_watch_take(&o->watch, queue);
        return SMBKIT_STATUS_SUCCESS;
    }
    if (is_empty && o->watch_ended) {
        return SMBKIT_STATUS_DELETE_PENDING;
    }
    if (registers) {
        wait_register(o->node->waits, &o->notify_waiters, call->wait);
    }
    return SMBKIT_STATUS_WAIT;
}

/* What has happened is told at once, also while the plugin is at its watch: it is asked for that
 * again with the next query then. */
static smbkit_status look_or_watch(const struct vfs_call *call, struct vfs_open *o,
                                   const struct vfs_notify_query *q, struct notify_queue *queue)
{
    smbkit_status st = look(call, o, q, false, queue);
    if (st != SMBKIT_STATUS_WAIT) {
        return st;
    }
    st = plugin_watch(call, o, q->turn);
    return SMBKIT_OK(st) || st == SMBKIT_STATUS_WAIT ? look(call, o, q, true, queue) : st;
}

static smbkit_status notify_once(const struct vfs_call *call, struct vfs_open *o,
                                 const struct vfs_notify_query *q)
{
    OPEN_SCOPE(o, st);
    if (!SMBKIT_OK(st)) {
        return SMBKIT_STATUS_NOTIFY_CLEANUP;
    }
    st = volume_has(o->volume, VFS_NO_NOTIFY) ? SMBKIT_STATUS_NOT_IMPLEMENTED : watch_check(o);
    if (SMBKIT_OK(st)) {
        st = watch_start(o, q);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    turn_take(o, q->turn);
    struct notify_queue queue = {0};
    st = look_or_watch(call, o, q, &queue);
    if (SMBKIT_OK(st)) {
        st = queue_give(&queue, q);
        notify_queue_fini(&queue);
    }
    return st;
}

smbkit_status vfs_notify(struct vfs_call *call, struct vfs_open *o,
                         const struct vfs_notify_query *q)
{
    return WAIT_OUT(call, again, notify_once(again, o, q));
}

smbkit_status notify_move(struct vfs_open *from, struct vfs_open *to)
{
    mutex_lock(&from->volume->notify_lock);
    bool is_watching = from->watching;
    const struct vfs_notify_query q = {.filter = from->watch.filter,
                                       .tree = from->watch.tree,
                                       .max_bytes = (uint32_t)from->watch.max_bytes,
                                       .budget = from->watch.queue.budget};
    mutex_unlock(&from->volume->notify_lock);
    smbkit_status st = is_watching ? watch_start(to, &q) : SMBKIT_STATUS_SUCCESS;
    if (is_watching && SMBKIT_OK(st)) {
        SCOPED_LOCK(&to->volume->notify_lock);
        to->watch.queue.overflow = true;
    }
    return st;
}
