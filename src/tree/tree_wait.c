/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that wait for a callback.
 *
 * The first run of an operation has its struct tree_req on the stack. When it meets a callback that
 * is under way it is copied to the heap and put on the list of that work, and the operation answers
 * PENDING. When the work is over its result is noted in each request that waits, which then runs
 * again from its top, and is completed or waits for the next one. smbkit_tree_done() itself calls
 * no callback: a run that needs one goes to a worker. */
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "tree/tree_priv.h"

#define LOG_MODULE LOG_PLUGIN

typedef smbkit_status (*op_fn)(struct tree_req *r);
static const op_fn OPS[SMBKIT_OP_COUNT] = {
#define ROW(kind, name, type) [SMBKIT_OP_##name] = tree_op_##name,
    SMBKIT_TREE_OPERATIONS(ROW)
#undef ROW
};

/* ---- a request ---- */

void req_drop_loaded(struct tree_req *r)
{
    content_unref(r->loaded);
    r->loaded = NULL;
    r->load = (struct tree_memo){0};
}

void req_drop_opened(struct tree_req *r)
{
    const struct tree_handle h = r->opened;
    r->opened = (struct tree_handle){0};
    r->open = (struct tree_memo){0};
    if (!h.entry) {
        return;
    }
    if (TREE_HAS(h.file, close)) {
        h.file->close(h.arg, h.handle);
    }
    struct tree_later later = {0};
    tree_enter(r->tree);
    entry_unref(h.entry, &later);
    tree_leave(r->tree, &later);
}

void req_drop_made(struct tree_req *r)
{
    if (r->has_made && r->made.release) {
        r->made.release(r->made.arg);
    }
    mem_free(r->made_data);
    mem_free(r->made_path);
    r->made_data = NULL;
    r->made_path = NULL;
    r->has_made = false;
}

void req_fini(struct tree_req *r)
{
    if (r->is_moved) {
        return;
    }
    req_drop_loaded(r);
    req_drop_opened(r);
    req_drop_made(r);
    bytes_unref(r->frozen.bytes);
}

/* NULL: no memory. */
static struct tree_req *req_heap(struct tree_req *r)
{
    if (r->is_heap) {
        return r;
    }
    struct tree_req *h = mem_dup(r, sizeof(*r));
    if (h) {
        h->is_heap = true;
        list_init(&h->link);
        r->is_moved = true;
    }
    return h;
}

static void req_end(struct tree_req *h, smbkit_status st)
{
    req_fini(h); /* the volume may be closed when it is complete */
    smbkit_complete(h->op, st);
    mem_free(h); /* a cancel that came meanwhile is over when smbkit_complete has returned */
}

static void req_on_worker(void *arg)
{
    struct tree_req *h = arg;
    h->is_strict = false;
    smbkit_status st = OPS[h->id](h);
    if (st != TREE_QUEUED) {
        req_end(h, st);
    }
}

static void req_go_on(struct tree_req *h)
{
    h->is_strict = true;
    smbkit_status st = OPS[h->id](h);
    if (st == TREE_QUEUED) {
        return;
    }
    if (st != SMBKIT_STATUS_WOULD_BLOCK) {
        req_end(h, st);
    } else if (!SMBKIT_OK(smbkit_run(h->tree->host, req_on_worker, h))) {
        req_on_worker(h);
    }
}

smbkit_status req_run(struct tree_req *r)
{
    if (r->id >= SMBKIT_OP_COUNT || !OPS[r->id]) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    smbkit_status st = OPS[r->id](r);
    if (st != SMBKIT_STATUS_WOULD_BLOCK || !r->has_acted) {
        return st == TREE_QUEUED ? SMBKIT_STATUS_PENDING : st;
    }
    /* Half of it is done, and the rest may block. */
    struct tree_req *h = req_heap(r);
    if (!h) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (!SMBKIT_OK(smbkit_run(h->tree->host, req_on_worker, h))) {
        req_on_worker(h);
    }
    return SMBKIT_STATUS_PENDING;
}

/* ---- waiting ---- */

static void req_cancel(void *arg)
{
    struct tree_req *h = arg;
    struct smbkit_tree *t = h->tree;
    mutex_lock(&t->lock);
    bool mine = h->is_for_all && !h->is_ready && !h->is_registering;
    h->is_cancelled = true;
    if (mine) {
        h->is_ready = true;
        list_remove(&h->link);
    }
    mutex_unlock(&t->lock);
    if (mine) {
        req_end(h, SMBKIT_STATUS_CANCELLED);
    }
}

/* Of a work that is for this request alone the callback sees to a cancel. Lock held. */
static void queue_locked(struct tree_req *h, struct tree_work *w, bool is_for_all)
{
    h->is_for_all = is_for_all;
    h->is_registering = is_for_all;
    h->is_ready = false;
    h->is_cancelled = false;
    list_push_back(&w->waiters, &h->link);
}

/* Others wait as well: a cancel takes this one out. No lock. */
static void queue_register(struct tree_req *h)
{
    struct smbkit_tree *t = h->tree;
    bool is_late = smbkit_on_cancel(h->op, req_cancel, h) == SMBKIT_STATUS_CANCELLED;
    mutex_lock(&t->lock);
    h->is_registering = false;
    bool goes_on = h->is_ready;
    bool ends = !goes_on && (is_late || h->is_cancelled);
    if (ends) {
        h->is_ready = true;
        list_remove(&h->link);
    }
    mutex_unlock(&t->lock);
    if (goes_on) {
        req_go_on(h);
    } else if (ends) {
        req_end(h, SMBKIT_STATUS_CANCELLED);
    }
}

/* Where nobody can be told later. Lock held; the caller has a reference. */
static smbkit_status wait_here(struct tree_req *r, struct tree_work *w)
{
    while (w->state != CALL_OVER) {
        cond_wait(&w->tree->changed, &w->tree->lock);
    }
    work_note(w, r);
    return w->status;
}

static void work_unref(struct tree_work *w)
{
    mutex_lock(&w->tree->lock);
    bool is_last = --w->refs == 0;
    mutex_unlock(&w->tree->lock);
    if (is_last) {
        work_free(w);
    }
}

static smbkit_status wait_or_queue(struct tree_req *r, struct tree_work *w)
{
    struct smbkit_tree *t = r->tree;
    bool is_for_all = w->who != NULL;
    struct tree_req *h = r->op->flags & SMBKIT_OP_SYNC ? NULL : req_heap(r);
    if (!h) {
        w->refs++;
        smbkit_status st = wait_here(r, w);
        mutex_unlock(&t->lock);
        work_unref(w);
        return st;
    }
    queue_locked(h, w, is_for_all);
    mutex_unlock(&t->lock);
    if (is_for_all) {
        queue_register(h);
    }
    return TREE_QUEUED;
}

smbkit_status work_join(struct tree_req *r, struct tree_work *w)
{
    bool blocks = (r->op->flags & SMBKIT_OP_SYNC) && (r->op->flags & SMBKIT_OP_NOWAIT);
    if (blocks && !r->is_heap) {
        mutex_unlock(&r->tree->lock);
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    return wait_or_queue(r, w);
}

/* ---- the end of a work ---- */

static void work_settle(struct tree_work *w, struct tree_later *later)
{
    if (w->kind == TREE_FILL) {
        fill_settle(w, later);
    } else if (w->kind == TREE_LOAD) {
        load_settle(w, later);
    }
}

/* All who wait go on. r: who has called it, and gets its result; or NULL. */
static void work_end(struct tree_work *w, smbkit_status st, struct tree_req *r)
{
    struct smbkit_tree *t = w->tree;
    struct tree_later later = {0};
    struct list ready;
    list_init(&ready);
    st = st == SMBKIT_STATUS_PENDING || st == SMBKIT_STATUS_WOULD_BLOCK
             ? SMBKIT_STATUS_INTERNAL_ERROR
             : st;
    st = w->kind == TREE_LOAD && SMBKIT_OK(st) ? load_take(w) : st;
    tree_enter(t);
    w->status = st;
    work_settle(w, &later);
    w->state = CALL_OVER;
    LIST_FOR_EACH_SAFE (l, &w->waiters) {
        struct tree_req *h = LIST_ENTRY(l, struct tree_req, link);
        work_note(w, h);
        h->is_ready = true;
        list_remove(&h->link);
        if (!h->is_registering) {
            list_push_back(&ready, &h->link);
        }
    }
    if (r) {
        work_note(w, r);
    }
    cond_broadcast(&t->changed);
    tree_leave(t, &later);
    for (struct list *l = list_pop_front(&ready); l; l = list_pop_front(&ready)) {
        req_go_on(LIST_ENTRY(l, struct tree_req, link));
    }
}

smbkit_status work_call(struct tree_req *r, struct tree_work *w)
{
    struct smbkit_tree *t = w->tree;
    smbkit_status st = work_invoke(w);
    mutex_lock(&t->lock);
    if (st == SMBKIT_STATUS_PENDING && !w->is_early) {
        w->state = CALL_PENDING; /* the reference is smbkit_tree_done()'s now */
        return wait_or_queue(r, w);
    }
    bool is_odd = st != SMBKIT_STATUS_PENDING && w->is_early;
    st = st == SMBKIT_STATUS_PENDING ? w->status : st;
    mutex_unlock(&t->lock);
    if (is_odd) {
        log_error(NULL, "tree callback returned and was done status=%s", smbkit_status_name(st));
    }
    work_end(w, st, r);
    st = w->status;
    work_unref(w);
    return st;
}

int32_t tree_is_wanted(struct smbkit_tree_call *call)
{
    struct tree_work *w = call->core;
    SCOPED_LOCK(&w->tree->lock);
    bool is_wanted = !w->who || w->state != CALL_PENDING || w->refs > 1 ||
                     !list_is_empty(&w->waiters); /* refs: who waits on a thread of its own */
    if (!is_wanted && w->kind == TREE_FILL) {
        fill_leave(w);
    } else if (!is_wanted) {
        load_leave(w);
    }
    return is_wanted;
}

static void *keep_data(const struct smbkit_tree_entry *e)
{
    void *data = mem_alloc((size_t)e->size + 1);
    if (data) {
        mem_copy(data, e->data, (size_t)e->size);
    }
    return data;
}

/* What a create points to: the plugin's only until it is done. False: no memory; what it has made
 * is released. */
static bool work_keep(struct tree_work *w)
{
    struct smbkit_tree_entry *e = &w->made;
    bool copies = e->data && !(e->flags & SMBKIT_TREE_LENT) && e->size <= SMBKIT_TREE_FILE_MAX;
    if (w->kept_data || w->kept_path) {
        return true;
    }
    w->kept_data = copies ? keep_data(e) : NULL;
    w->kept_path = e->host_path ? str_dup(e->host_path) : NULL;
    if ((copies && !w->kept_data) || (e->host_path && !w->kept_path)) {
        if (e->release) {
            e->release(e->arg);
        }
        return false;
    }
    e->data = copies ? w->kept_data : e->data;
    e->host_path = w->kept_path;
    return true;
}

void tree_done(struct smbkit_tree_call *call, smbkit_status status)
{
    struct tree_work *w = call->core;
    struct smbkit_tree *t = w->tree;
    if (w->kind == TREE_CREATE && SMBKIT_OK(status) && !work_keep(w)) {
        status = SMBKIT_STATUS_NO_MEMORY;
    }
    mutex_lock(&t->lock);
    bool is_early = w->state == CALL_RUNNING && !w->is_early;
    bool is_due = w->state == CALL_PENDING;
    if (is_early) {
        w->is_early = true;
        w->status = status;
    } else if (is_due) {
        w->state = CALL_ENDING;
    }
    mutex_unlock(&t->lock);
    if (is_due) {
        work_end(w, status, NULL);
        work_unref(w);
    } else if (!is_early) {
        log_error(NULL, "tree callback was done twice status=%s", smbkit_status_name(status));
    }
}
