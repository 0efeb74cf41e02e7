/* SPDX-License-Identifier: Apache-2.0 */
/* An open's place in its node: the last step of a create. [MS-FSA] 2.1.5.1.2 */
#include "base/mem.h"
#include "base/str.h"
#include "vfs/create.h"
#include "vfs/lease_core.h"
#include "vfs/names.h"
#include "vfs/names_short.h"
#include "vfs/oplock_core.h"

#define NAME_QUESTIONS_MAX 64 /* names of one node that are looked at before an open comes in */

const struct vfs_lease_want *create_lease(const struct create *c)
{
    const struct vfs_lease_want *want = c->in->lease;
    bool is_directory = (c->attr.attributes & SMBKIT_ATTR_DIRECTORY) && !c->in->stream;
    return want && (want->on_directories || !is_directory) ? want : NULL;
}

/* May the open come in, by this name? Under n->lock. */
static smbkit_status enter_check(struct create *c, struct vfs_node *n, struct node_name *name,
                                 bool is_new)
{
    const struct vfs_lease_want *lease = create_lease(c);
    if (lease && !is_new && lease_is_elsewhere(lease->lease, n)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (name->of->delete_pending) {
        return SMBKIT_STATUS_DELETE_PENDING;
    }
    /* Then it may be another file's name. Whoever made the file has the name claimed: it moves when
     * he is done with it, and his open with it. */
    if (name->of->moving && !is_new) {
        return node_wait_move_locked(c->call, n);
    }
    if (c->in->takes_over && c->in->takes_over->node == n) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct oplock_query q = {.op = OPLOCK_OP_OPEN_BEFORE_SHARING,
                             .by = lease ? &lease->lease->holder : NULL,
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
    bool empties = c->overwrites && !is_new;
    uint32_t access = c->granted | (empties ? SMBKIT_WRITE_DATA : 0);
    if (!sharemode_is_allowed(&n->shares, access, c->share)) {
        q.op = OPLOCK_OP_OPEN_REFUSED;
        if (!goes_on) {
            return oplock_ask_locked(c->call, n, &q, SMBKIT_STATUS_SHARING_VIOLATION);
        }
        (void)oplock_break_locked(n, &q);
        return SMBKIT_STATUS_SHARING_VIOLATION;
    }
    if ((access & SMBKIT_DELETE) || empties) {
        smbkit_status st = streams_check_delete(c->call, n, goes_on);
        if (!SMBKIT_OK(st)) {
            return st;
        }
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

/* Under n->lock. */
static void enter_join(struct vfs_node *n, struct vfs_open *o, struct node_name *name)
{
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
    o->share_access = c->share;
    o->options = c->options;
    o->is_directory = (c->attr.attributes & SMBKIT_ATTR_DIRECTORY) && !c->in->stream;
    o->is_by_short = names_is_by_short(c->in->path, c->path);
    o->is_stat = oplock_is_stat_access(c->granted);
    o->is_root = c->in->is_root;
    o->delete_on_close = c->options & VFS_DELETE_ON_CLOSE;
    o->owner = c->in->owner;
    o->oplock.client = vfs_token_identity_get(c->call->token)->client_id;
    o->has_parent = c->has_parent;
    mem_copy(o->parent, c->parent_lease, sizeof(o->parent));
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

/* The way into a node, of an open, or of the hold that a stream's open has on its file. */
struct entry {
    struct create *c;
    struct vfs_node *n;
    struct vfs_open *o;      /* NULL: it is to be held */
    struct node_name *fresh; /* for when it is not open by that path */
    bool is_new;
};

/* One look at the node: *q tells when a name of it is to be asked about first. */
static smbkit_status entry_once(struct entry *e, struct name_question *q)
{
    struct vfs_node *n = e->n;
    struct create *c = e->c;
    SCOPED_LOCK(&n->lock);
    struct node_name *name = node_name_find(n, c->in->volume, c->path);
    if (!name) {
        if (!e->is_new && is_moving(n)) {
            return node_wait_move_locked(c->call, n);
        }
        name = e->fresh;
        if (!create_name_settle(c, n, name, q)) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
        if (q->what != ASK_NOTHING) {
            return SMBKIT_STATUS_SUCCESS;
        }
    }
    smbkit_status st =
        e->o ? enter_check(c, n, name, e->is_new) : stream_base_check(c, n, name, e->is_new);
    const struct vfs_lease_want *lease = e->o ? create_lease(c) : NULL;
    /* What was made just now comes in all the same, without the lease that another file got
     * meanwhile. */
    if (SMBKIT_OK(st) && lease && !lease_join_locked(n, e->o, lease) && !e->is_new) {
        st = SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (SMBKIT_OK(st) && name == e->fresh) {
        e->fresh = NULL;
        node_name_add(n, name);
    }
    if (SMBKIT_OK(st) && e->o) {
        enter_join(n, e->o, name);
    } else if (SMBKIT_OK(st)) {
        stream_base_join(c, n, name);
    }
    return st;
}

static smbkit_status entry_run(struct entry *e)
{
    struct create *c = e->c;
    e->fresh = node_name_new(c->in->volume, c->path);
    smbkit_status st = e->fresh ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    bool asked = true;
    for (unsigned i = 0; SMBKIT_OK(st) && asked && i < NAME_QUESTIONS_MAX; i++) {
        struct name_question q = {0};
        c->asks_no_more = e->is_new || i + 1 == NAME_QUESTIONS_MAX;
        st = entry_once(e, &q);
        asked = q.what != ASK_NOTHING;
        if (asked) {
            st = create_name_ask(c, e->n, &q);
        }
    }
    mutex_lock(&e->n->lock);
    node_name_free(e->fresh);
    mutex_unlock(&e->n->lock);
    return st;
}

smbkit_status create_base_hold(struct create *c, bool is_new)
{
    const struct node_key key = {.file = file_key_of(&c->attr)};
    struct entry e = {.c = c, .n = node_get(c->in->volume->nodes, &key), .is_new = is_new};
    smbkit_status st = e.n ? entry_run(&e) : SMBKIT_STATUS_NO_MEMORY;
    if (e.n && !SMBKIT_OK(st)) {
        node_put(e.n);
    }
    return st;
}

smbkit_status create_enter(struct create *c, bool is_new, struct vfs_open **open_r)
{
    struct vfs_volume *v = c->in->volume;
    const struct node_key key = {.file = file_key_of(&c->attr), .stream = c->in->stream};
    struct vfs_node *n = node_get(v->nodes, &key);
    struct vfs_open *o = n ? open_new(v, n) : NULL;
    if (!o) {
        if (n) {
            node_put(n);
        }
        return SMBKIT_STATUS_NO_MEMORY;
    }
    vfs_volume_ref(v);
    open_fill(o, c);
    struct entry e = {.c = c, .n = n, .o = o, .is_new = is_new};
    smbkit_status st = entry_run(&e);
    if (!SMBKIT_OK(st)) {
        vfs_open_unref(o);
        return st;
    }
    create_base_give(c, o);
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
    node_name_leave(o->name, o->leaves);
    o->name = NULL;
    mutex_unlock(&n->lock);
    stream_leave_base(o);
}
