/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of files: making them, and what they and their file have to do with each other.
 *
 * Each has a node of its own: share modes, locks and oplocks are a stream's. An open of a stream
 * holds its file by the name that it came by, as the file's own opens do: while it is open the file
 * is not renamed, and a file that was marked to be deleted goes with the last of them all. */
#include "base/mem.h"
#include "base/str.h"
#include "vfs/access.h"
#include "vfs/create.h"
#include "vfs/journal.h"
#include "vfs/notify_core.h"
#include "vfs/oplock_core.h"

static bool keeps_file(uint32_t access, uint32_t share)
{
    return !sharemode_is_exempt(access) && !(share & VFS_SHARE_DELETE);
}

/* ---- the hold ---- */

smbkit_status stream_base_check(const struct create *c, struct vfs_node *n,
                                const struct node_name *name, bool is_new)
{
    if (name->of->delete_pending) {
        return SMBKIT_STATUS_DELETE_PENDING;
    }
    /* What is made already cannot wait: it stays at a name that the file is losing just now. */
    bool waits = name->of->moving && !is_new && !journal_acts(c->call);
    return waits ? node_wait_move_locked(c->call, n) : SMBKIT_STATUS_SUCCESS;
}

void stream_base_join(struct create *c, struct vfs_node *n, struct node_name *name)
{
    name->open_count++;
    name->of->open_count++;
    n->stream_open_count++;
    n->stream_keep_count += keeps_file(c->granted, c->share) ? 1 : 0;
    c->base = n;
    c->base_name = name;
}

static void base_leave(struct vfs_node *n, struct node_name *name, bool keeps, bool leaves)
{
    SCOPED_LOCK(&n->lock);
    n->stream_open_count--;
    n->stream_keep_count -= keeps ? 1 : 0;
    node_name_leave(name, leaves);
    wait_wake_all(n->waits, &n->move_waiters); /* who would replace the file waits for the name */
}

void create_base_let_go(struct create *c)
{
    if (c->base) {
        base_leave(c->base, c->base_name, keeps_file(c->granted, c->share), false);
        node_put(c->base);
        c->base = NULL;
        c->base_name = NULL;
    }
}

void create_base_give(struct create *c, struct vfs_open *o)
{
    if (c->base) {
        ASSERT(o->node->base == c->base);
        o->base_name = c->base_name;
        mutex_lock(&c->base->lock);
        /* As in base_leave: now there is an open to be asked. */
        wait_wake_all(c->base->waits, &c->base->move_waiters);
        mutex_unlock(&c->base->lock);
        node_put(c->base);
        c->base = NULL;
        c->base_name = NULL;
    }
}

void stream_leave_base(struct vfs_open *o)
{
    if (o->base_name) {
        base_leave(o->node->base, o->base_name, keeps_file(o->granted_access, o->share_access),
                   o->leaves_base);
        o->base_name = NULL;
    }
}

/* ---- what the file asks of its streams ---- */

/* Whoever caches a handle of the stream may let go of it. SUCCESS: nobody is in the way. */
static smbkit_status stream_ask(const struct vfs_call *call, struct vfs_node *s, enum oplock_op op,
                                smbkit_status refusal)
{
    const struct oplock_query q = {.op = op, .access = SMBKIT_DELETE};
    return oplock_ask_locked(call, s, &q, refusal);
}

smbkit_status streams_check_delete(const struct vfs_call *call, struct vfs_node *n, bool goes_on)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    for (struct list *l = n->streams.next; n->stream_keep_count > 0 && l != &n->streams;
         l = l->next) {
        struct vfs_node *s = LIST_ENTRY(l, struct vfs_node, of_base);
        SCOPED_LOCK(&s->lock);
        if (s->shares.opens == s->shares.shares_delete) {
            continue;
        }
        st = stream_ask(call, s, OPLOCK_OP_OPEN_REFUSED, SMBKIT_STATUS_SHARING_VIOLATION);
        if (st != SMBKIT_STATUS_WAIT || goes_on) {
            return SMBKIT_STATUS_SHARING_VIOLATION;
        }
    }
    return st;
}

smbkit_status streams_check_closed(const struct vfs_call *call, struct vfs_node *n)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    for (struct list *l = n->streams.next; n->stream_open_count > 0 && l != &n->streams;
         l = l->next) {
        struct vfs_node *s = LIST_ENTRY(l, struct vfs_node, of_base);
        SCOPED_LOCK(&s->lock);
        if (list_is_empty(&s->opens)) {
            continue;
        }
        st = stream_ask(call, s, OPLOCK_OP_RENAME, SMBKIT_STATUS_ACCESS_DENIED);
        if (st != SMBKIT_STATUS_WAIT) {
            return st;
        }
    }
    return st;
}

/* ---- a new stream ---- */

/* The file as it is, opened to be looked at: c->f, c->attr. */
static smbkit_status file_open(struct create *c)
{
    const struct door_open how = {
        .path = c->path,
        .access = SMBKIT_READ_ATTRIBUTES | SMBKIT_READ_CONTROL,
        .flags = c->options & VFS_OPEN_REPARSE_POINT ? SMBKIT_CREATE_OPEN_REPARSE_POINT : 0};
    c->f = (struct door_file){.volume = c->in->volume};
    smbkit_status st = door_open(c->call, &c->f, &how, &c->attr);
    c->has_file = SMBKIT_OK(st);
    return st;
}

/* What an existing file says to another stream, and the hold on it. */
static smbkit_status file_check(struct create *c)
{
    smbkit_status st = create_check_delete_pending(c);
    if (SMBKIT_OK(st)) {
        st = create_check_existing(c);
    }
    if (SMBKIT_OK(st)) {
        st = create_access_existing(c);
    }
    return SMBKIT_OK(st) ? create_base_hold(c, false) : st;
}

/* Nobody else makes a stream of that name: a claim as of a name in a directory, but none of those.
 */
static smbkit_status stream_claim(struct create *c)
{
    CLEANUP_MEM char *leaf = str_printf(":%s", c->in->stream);
    const struct file_key key = file_key_of(&c->attr);
    return leaf ? claim_take(&c->claim, c->call, c->in->volume->nodes, &key, leaf)
                : SMBKIT_STATUS_NO_MEMORY;
}

/* Is what was made a stream of the file that was looked at, and is held? */
static bool is_of_file(const struct create *c, const struct smbkit_attr *stream)
{
    struct file_key is = file_key_of(stream);
    struct file_key was = file_key_of(&c->attr);
    return file_key_eq(&is, &was);
}

/* Another file had taken the name: it is to have no stream by that. */
static smbkit_status stream_undo(struct create *c, struct door_file *f)
{
    const struct vfs_call may_wait = journal_on_the_spot(c->call);
    (void)!door_remove(&may_wait, f); /* an empty one that stays harms nobody */
    door_close(c->call, f);
    c->again = true;
    return SMBKIT_STATUS_DELETE_PENDING; /* if that was the last turn */
}

/* The plugin's part. The file's handle is closed: c->f is the stream's. */
static smbkit_status plugin_create(struct create *c)
{
    const struct smbkit_create how = {
        .struct_size = sizeof(how),
        .disposition = SMBKIT_CREATE,
        .path = c->path,
        .stream = c->in->stream,
        .kind = SMBKIT_KIND_FILE,
        .access = c->granted,
        .flags = (c->options & VFS_WRITE_THROUGH ? SMBKIT_CREATE_WRITE_THROUGH : 0) |
                 (c->options & VFS_OPEN_REPARSE_POINT ? SMBKIT_CREATE_OPEN_REPARSE_POINT : 0),
        .alloc_size = c->in->alloc_size,
    };
    struct door_file f = {.volume = c->in->volume};
    struct smbkit_attr attr;
    smbkit_status st = door_create(c->call, &f, &how, &attr);
    if (SMBKIT_OK(st) && !is_of_file(c, &attr)) {
        return stream_undo(c, &f);
    }
    if (SMBKIT_OK(st)) {
        door_close(c->call, &c->f);
        c->f = f;
        c->attr = attr;
    }
    if (SMBKIT_OK(st) && journal_once(c->call)) {
        notify_stream(c->in->volume, c->path, c->in->stream, NOTIFY_ADDED_STREAM,
                      NOTIFY_CHANGE_STREAM_NAME);
    }
    return st;
}

/* In a file that was not there either. */
static smbkit_status create_both(struct create *c)
{
    smbkit_status st = create_new(c);
    if (SMBKIT_OK(st)) {
        st = create_base_hold(c, true);
    }
    if (SMBKIT_OK(st)) {
        st = plugin_create(c);
    }
    bool others = st == SMBKIT_STATUS_OBJECT_NAME_COLLISION; /* and the file with it */
    if (!SMBKIT_OK(st) && c->has_file && !door_stops(st) && !others) {
        create_undo(c);
    }
    return st;
}

smbkit_status create_stream(struct create *c, bool *file_is_new_r)
{
    if (c->in->snapshot_time) {
        *file_is_new_r = false;
        return create_refuse_past(c); /* file_open looks at what is there now */
    }
    smbkit_status st = file_open(c);
    *file_is_new_r = st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    if (*file_is_new_r) {
        return create_both(c);
    }
    c->makes_stream = true;
    if (SMBKIT_OK(st)) {
        st = file_check(c);
    }
    if (SMBKIT_OK(st)) {
        st = stream_claim(c);
    }
    return SMBKIT_OK(st) ? plugin_create(c) : st;
}
