/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/op.h"

#include "base/log.h"
#include "base/mem.h"
#include "vfs/layer.h"
#include "vfs/ops.h"
#include "vfs/token.h"

#define LOG_MODULE LOG_PLUGIN

/* ---- the pool ---- */

static struct op *op_alloc(void)
{
    struct op *op = mem_zalloc(sizeof(*op));
    if (op) {
        mutex_init(&op->lock);
        cond_init(&op->cond);
        list_init(&op->cancels);
        list_init(&op->cancel_link);
        list_init(&op->pool_link);
    }
    return op;
}

static void op_free(struct op *op)
{
    cond_fini(&op->cond);
    mutex_fini(&op->lock);
    mem_free(op);
}

bool op_pool_init(struct op_pool *p)
{
    *p = (struct op_pool){0};
    mutex_init(&p->lock);
    list_init(&p->resting);
    for (; p->resting_count < OPS_RESTING; p->resting_count++) {
        struct op *op = op_alloc();
        if (!op) {
            return false;
        }
        op->pool = p;
        list_push_back(&p->resting, &op->pool_link);
    }
    return true;
}

void op_pool_fini(struct op_pool *p)
{
    if (p->used_count > 0) {
        log_error(NULL, "plugin_ops_leaked count=%u", p->used_count); /* children never passed on */
    }
    LIST_FOR_EACH_SAFE (l, &p->resting) {
        op_free(LIST_ENTRY(l, struct op, pool_link));
    }
    mutex_fini(&p->lock);
}

static struct op *resting_take_locked(struct op_pool *p)
{
    struct list *l = list_pop_front(&p->resting);
    p->resting_count -= l ? 1 : 0;
    return l ? LIST_ENTRY(l, struct op, pool_link) : NULL;
}

static void use_locked(struct op_pool *p, struct op *op)
{
    if (op) {
        op->pool = p;
        op->refs = 1;
        p->used_count++;
    }
}

static struct op *pool_take(struct op_pool *p)
{
    mutex_lock(&p->lock);
    struct op *op = p->resting_count >= OPS_RESTING ? resting_take_locked(p) : NULL;
    use_locked(p, op);
    mutex_unlock(&p->lock);
    if (op) {
        return op;
    }
    op = op_alloc();
    SCOPED_LOCK(&p->lock);
    op = op ? op : resting_take_locked(p); /* better a short rest than none */
    use_locked(p, op);
    return op;
}

/* What a new use of it begins with; pub is filled by the caller. */
static void op_reset(struct op *op, struct op *root)
{
    SCOPED_LOCK(&op->lock);
    op->pub.struct_size = sizeof(op->pub);
    op->pub.core = op;
    op->pub.plugin = NULL;
    op->root = root;
    op->parent = NULL;
    op->child_done = NULL;
    op->state = OP_RUNNING;
    op->about = (struct op_about){0};
    op->children = 0;
    op->child_layer = NULL;
    op->is_early = false;
    op->join = NULL;
    op->finished = NULL;
    atomic_store_explicit(&op->touched, false, memory_order_relaxed);
    op->is_fresh = false;
    op->pends_below = false;
    op->cancel_seen = false;
    op->cancelled = NULL;
    op->stays = false;
    op->cancelling = NULL;
    op->cancel_fn = NULL;
}

static void op_touch(struct op *op)
{
    atomic_store_explicit(&op->touched, true, memory_order_relaxed);
}

static void op_fill(struct op *op, const struct vfs_call *call)
{
    op_reset(op, op);
    op->pub.flags = call->nowait ? SMBKIT_OP_NOWAIT : 0;
    op->pub.who = vfs_token_identity_get(call->token);
    op->cancelled = call->cancelled;
}

struct op *op_new(struct op_pool *p, const struct vfs_call *call)
{
    struct op *op = pool_take(p);
    if (op) {
        op_fill(op, call);
    }
    return op;
}

void op_init_sync(struct op *op, const struct vfs_call *call)
{
    *op = (struct op){0};
    mutex_init(&op->lock);
    cond_init(&op->cond);
    list_init(&op->cancels);
    list_init(&op->cancel_link);
    op_fill(op, call);
    op->pub.flags = SMBKIT_OP_SYNC;
}

void op_fini_sync(struct op *op)
{
    cond_fini(&op->cond);
    mutex_fini(&op->lock);
}

void op_ref(struct op *op)
{
    if (op->pool) {
        SCOPED_LOCK(&op->pool->lock);
        op->refs++;
    }
}

void op_put(struct op *op)
{
    struct op_pool *p = op->pool;
    if (!p) {
        return;
    }
    mutex_lock(&p->lock);
    bool is_over = --op->refs == 0;
    mutex_unlock(&p->lock);
    if (!is_over) {
        return;
    }
    mutex_lock(&op->lock);
    op->state = OP_RESTING;
    mutex_unlock(&op->lock);
    struct op *parent = op->parent;
    mutex_lock(&p->lock);
    list_push_back(&p->resting, &op->pool_link);
    p->resting_count++;
    p->used_count--;
    mutex_unlock(&p->lock);
    if (parent) {
        op_put(parent);
    }
}

/* ---- the end of a call ---- */

static const char *plugin_name(const struct op *op)
{
    return op->about.layer ? op->about.layer->plugin->name : "?";
}

static smbkit_status op_check(struct op *op, smbkit_status status)
{
    return op->about.layer ? layer_answer_check(op, status) : status;
}

/* A status that comes after the call has returned: too late to say that it would block. */
static smbkit_status late_check(struct op *op, smbkit_status status)
{
    if (status == SMBKIT_STATUS_WOULD_BLOCK || status == SMBKIT_STATUS_PENDING) {
        unsigned times = op->about.layer ? layer_fault(op->about.layer, FAULT_STATUS) : 1;
        if (times > 0) {
            log_error(NULL, "plugin_bad_status plugin=%s op=%s status=%s late=1 times=%u",
                      plugin_name(op), op_rows[op->about.id].name, smbkit_status_name(status),
                      times);
        }
        return SMBKIT_STATUS_INTERNAL_ERROR;
    }
    return op_check(op, status);
}

void op_hand_up(struct op *op, void (*finished)(void *arg, smbkit_status status), void *arg,
                smbkit_status *st_r)
{
    SCOPED_LOCK(&op->lock);
    if (op->state == OP_COMPLETED) {
        op->state = OP_RUNNING;
        *st_r = op_check(op, op->status);
        return;
    }
    op->state = OP_PENDING;
    op->finished = finished;
    op->finished_arg = arg;
    *st_r = SMBKIT_STATUS_PENDING;
}

smbkit_status op_await(struct op *op)
{
    SCOPED_LOCK(&op->lock);
    while (op->state != OP_COMPLETED) {
        cond_wait(&op->cond, &op->lock);
    }
    op->state = OP_RUNNING;
    return op->status;
}

static const char *const complaints[LAYER_FAULTS] = {
    [FAULT_DROPPED] = "plugin_dropped_pending",
    [FAULT_RETURNED_FIRST] = "plugin_returned_before_child",
    [FAULT_RETURNED_TOO] = "plugin_completed_and_returned",
    [FAULT_COMPLETED_TWICE] = "plugin_completed_twice",
    [FAULT_COMPLETED_FIRST] = "plugin_completed_before_child",
};

static void complain(const struct op *op, enum layer_fault what)
{
    unsigned times = op->about.layer ? layer_fault(op->about.layer, what) : 1;
    if (times > 0) {
        log_error(NULL, "%s plugin=%s op=%s times=%u", complaints[what], plugin_name(op),
                  op_rows[op->about.id].name, times);
    }
}

/* It is not to be told of a cancel any more, nor is it being told. layer: only if that is whose
 * function it is; NULL: whosever. */
static void cancel_forget(struct op *op, const struct layer *layer)
{
    struct op *root = op->root;
    SCOPED_LOCK(&root->lock);
    if (layer && op->cancel_layer != layer) {
        return;
    }
    list_remove(&op->cancel_link);
    op->cancel_fn = NULL;
    while (root->cancelling == op && root->canceller != thread_self()) {
        cond_wait(&root->cond, &root->lock);
    }
    op->cancel_layer = NULL;
}

void op_returned_touched(struct op *op)
{
    const struct layer *layer = op->about.layer;
    if (op->pends_below) {
        complain(op, FAULT_DROPPED);
        UNUSED smbkit_status lost = op_await(op);
        op->pends_below = false;
    }
    cancel_forget(op, layer);
    SCOPED_LOCK(&op->lock);
    if (op->children > 0 && op->child_layer == layer) {
        complain(op, FAULT_RETURNED_FIRST);
        while (op->children > 0) {
            cond_wait(&op->cond, &op->lock);
        }
    }
    if (op->state == OP_COMPLETED) {
        complain(op, FAULT_RETURNED_TOO);
        op->state = OP_RUNNING;
    }
}

void op_child_begin(struct op *op, struct layer *filter)
{
    op_touch(op->parent);
    SCOPED_LOCK(&op->parent->lock);
    op->parent->children++;
    op->parent->child_layer = filter;
}

void op_child_end(struct op *op)
{
    SCOPED_LOCK(&op->parent->lock);
    op->parent->children--;
    cond_broadcast(&op->parent->cond);
}

static void child_complete(struct op *op, smbkit_status status)
{
    if (op->join && SMBKIT_OK(status)) {
        status = layer_io_join(op->join);
    }
    void (*done)(void *, smbkit_status) = op->child_done;
    void *arg = op->child_arg;
    op_child_end(op);
    done(arg, status);
    op_early_complete(op->parent);
    op_put(op);
}

void op_early_complete(struct op *op)
{
    mutex_lock(&op->lock);
    bool is_due = op->is_early && op->children == 0;
    op->is_early &= !is_due;
    smbkit_status status = op->early_status;
    mutex_unlock(&op->lock);
    if (is_due) {
        op_complete(&op->pub, status);
    }
}

/* false: it is not in use. What has children ends with the last of them. */
static bool may_complete(struct op *op, smbkit_status status)
{
    SCOPED_LOCK(&op->lock);
    if (op->state != OP_RUNNING && op->state != OP_PENDING) {
        complain(op, FAULT_COMPLETED_TWICE);
        return false;
    }
    if (op->children > 0) {
        complain(op, FAULT_COMPLETED_FIRST);
        op->is_early = true;
        op->early_status = status;
        return false;
    }
    return true;
}

void op_complete(struct smbkit_op *pub, smbkit_status status)
{
    struct op *op = op_of(pub);
    op_touch(op);
    if (!may_complete(op, status)) {
        return;
    }
    cancel_forget(op, NULL);
    mutex_lock(&op->lock);
    if (op->state == OP_RUNNING) {
        op->status = status;
        op->state = OP_COMPLETED;
        cond_broadcast(&op->cond);
    } else if (op->state == OP_PENDING) {
        op->state = OP_RESTING;
        status = late_check(op, status);
        if (op->parent) {
            mutex_unlock(&op->lock);
            child_complete(op, status);
            return;
        }
        op->finished(op->finished_arg, status);
    } else {
        complain(op, FAULT_COMPLETED_TWICE); /* another thread, at the same time */
    }
    mutex_unlock(&op->lock);
}

/* ---- cancelling ---- */

int32_t op_is_cancelled(const struct smbkit_op *pub)
{
    const struct op *root = ((const struct op *)pub->core)->root;
    /* relaxed: a hint; nothing is published with it */
    return root->cancelled && atomic_load_explicit(root->cancelled, memory_order_relaxed);
}

smbkit_status op_on_cancel(struct smbkit_op *pub, void (*fn)(void *arg), void *arg)
{
    struct op *op = op_of(pub);
    op_touch(op);
    mutex_lock(&op->lock);
    bool in_use = op->state == OP_RUNNING || op->state == OP_PENDING;
    struct op *root = op->root;
    mutex_unlock(&op->lock);
    if (!in_use) {
        return SMBKIT_STATUS_CANCELLED; /* it is over: there is nothing to be told any more */
    }
    SCOPED_LOCK(&root->lock);
    list_remove(&op->cancel_link);
    op->cancel_fn = fn;
    op->cancel_arg = arg;
    op->cancel_layer = fn ? op->about.layer : NULL;
    if (!fn) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (root->cancel_seen || op_is_cancelled(pub)) {
        op->cancel_fn = NULL;
        return SMBKIT_STATUS_CANCELLED;
    }
    list_push_back(&root->cancels, &op->cancel_link);
    return SMBKIT_STATUS_SUCCESS;
}

void op_cancel(struct op *root)
{
    mutex_lock(&root->lock);
    root->cancel_seen = true;
    while (!list_is_empty(&root->cancels) && !root->cancelling) {
        struct op *op = LIST_ENTRY(list_pop_front(&root->cancels), struct op, cancel_link);
        void (*fn)(void *) = op->cancel_fn;
        void *arg = op->cancel_arg;
        op->cancel_fn = NULL;
        root->cancelling = op;
        root->canceller = thread_self();
        mutex_unlock(&root->lock);
        fn(arg);
        mutex_lock(&root->lock);
        root->cancelling = NULL;
        cond_broadcast(&root->cond);
    }
    mutex_unlock(&root->lock);
}

/* ---- children ---- */

struct smbkit_op *op_child(struct smbkit_op *parent_pub,
                           void (*done)(void *arg, smbkit_status status), void *arg)
{
    struct op *parent = op_of(parent_pub);
    if (!parent->pool) {
        return NULL;
    }
    struct op *op = pool_take(parent->pool);
    if (!op) {
        return NULL;
    }
    op_ref(parent);
    op_reset(op, parent->root);
    op->parent = parent;
    op->is_fresh = true;
    op->child_done = done;
    op->child_arg = arg;
    op->pub.flags = parent->pub.flags;
    op->pub.who = parent->pub.who;
    return &op->pub;
}
