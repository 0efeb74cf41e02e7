/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/layer.h"

#include "base/log.h"

#define LOG_MODULE LOG_VFS

void op_core_init(struct vfs_op_core *core, struct vfs_io *io)
{
    *core = (struct vfs_op_core){.io = io, .state = OP_IDLE};
    mutex_init(&core->lock);
    cond_init(&core->cond);
}

void op_core_fini(struct vfs_op_core *core)
{
    cond_fini(&core->cond);
    mutex_fini(&core->lock);
}

/* Any function pointer of a plugin, only to see whether it is there. */
typedef void (*any_function)(void);

struct layer *layer_find(struct layer *from, size_t function_offset)
{
    struct layer *l = from;
    while (l && !*(const any_function *)((const char *)l->plugin + function_offset)) {
        l = l->below;
    }
    return l;
}

smbkit_status layer_enter(struct layer *l, const struct smbkit_op *op)
{
    bool nowait = op->flags & SMBKIT_OP_NOWAIT;
    uint32_t flags = l->plugin->flags;
    if (nowait && !(flags & (SMBKIT_NEVER_BLOCKS | SMBKIT_TRIES_NOWAIT))) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (l->plugin->thread_model == SMBKIT_SERIALIZE_ALL) {
        /* Who holds the lock of a plugin that never blocks lets it go at once. */
        if (nowait && !(flags & SMBKIT_NEVER_BLOCKS)) {
            if (!mutex_try(&l->serial)) {
                return SMBKIT_STATUS_WOULD_BLOCK;
            }
        } else {
            mutex_lock(&l->serial);
        }
    }
    /* relaxed: a statistic */
    atomic_fetch_add_explicit(l->calls, 1, memory_order_relaxed);
    return SMBKIT_STATUS_SUCCESS;
}

/* Wait for smbkit_complete of a call that answered PENDING. */
static smbkit_status op_await(struct vfs_op_core *core)
{
    SCOPED_LOCK(&core->lock);
    while (core->state != OP_COMPLETED) {
        cond_wait(&core->cond, &core->lock);
    }
    core->state = OP_RUNNING;
    return core->status;
}

smbkit_status layer_status_check(const struct layer *l, const struct smbkit_op *op,
                                 smbkit_status st)
{
    bool bad = st > 0 || st == SMBKIT_STATUS_WAIT ||
               (st == SMBKIT_STATUS_WOULD_BLOCK && !(op->flags & SMBKIT_OP_NOWAIT));
    if (!bad) {
        return st;
    }
    log_error(NULL, "plugin_bad_status plugin=%s status=0x%08x", l->plugin->name, (unsigned)st);
    return SMBKIT_STATUS_INTERNAL_ERROR;
}

smbkit_status layer_leave(struct layer *l, struct smbkit_op *op, smbkit_status st, bool may_pend)
{
    if (l->plugin->thread_model == SMBKIT_SERIALIZE_ALL) {
        mutex_unlock(&l->serial);
    }
    if (st == SMBKIT_STATUS_PENDING) {
        if (may_pend && !(op->flags & SMBKIT_OP_SYNC)) {
            return st;
        }
        st = op_await(op->core);
    }
    return layer_status_check(l, op, st);
}

smbkit_status layer_volume_info(struct layer *from, struct smbkit_op *op,
                                struct smbkit_volume_info *info)
{
    struct layer *l = LAYER_FIND(from, volume_info);
    if (!l) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = layer_leave(l, op, l->plugin->volume_info(l->volume, op, info), false);
    info->label[sizeof(info->label) - 1] = 0;
    info->fs_name[sizeof(info->fs_name) - 1] = 0;
    return st;
}

smbkit_status layer_create(struct layer *from, struct smbkit_op *op,
                           const struct smbkit_create *how, void **file_r, struct smbkit_attr *attr)
{
    struct layer *l = LAYER_FIND(from, create);
    ASSERT(how->disposition == SMBKIT_OPEN || how->disposition == SMBKIT_CREATE);
    smbkit_status st = layer_enter(l, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    void *file = NULL;
    struct smbkit_attr a = {0};
    st = layer_leave(l, op, l->plugin->create(l->volume, op, how, &file, &a), false);
    /* A plugin without state of its own may well have a file of NULL. */
    if (!SMBKIT_OK(st)) {
        if (file) {
            log_error(NULL, "plugin_file_with_error plugin=%s status=%s", l->plugin->name,
                      smbkit_status_name(st));
        }
        return st;
    }
    *file_r = file;
    *attr = a;
    return st;
}

void layer_close(struct layer *from, struct smbkit_op *op, void *file)
{
    struct layer *l = LAYER_FIND(from, close);
    ASSERT(!(op->flags & SMBKIT_OP_NOWAIT));
    smbkit_status st = layer_enter(l, op);
    ASSERT(SMBKIT_OK(st));
    l->plugin->close(l->volume, op, file);
    st = layer_leave(l, op, SMBKIT_STATUS_SUCCESS, false);
    ASSERT(SMBKIT_OK(st));
}

/* By name, without a file: open and close. */
static smbkit_status lookup_by_create(struct layer *from, struct smbkit_op *op, const char *path,
                                      struct smbkit_attr *attr)
{
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_OPEN,
                                .path = path,
                                .kind = SMBKIT_KIND_ANY,
                                .access = SMBKIT_READ_ATTRIBUTES};
    void *file = NULL;
    smbkit_status st = layer_create(from, op, &how, &file, attr);
    if (SMBKIT_OK(st)) {
        struct smbkit_op close_op = *op;
        close_op.flags &= ~SMBKIT_OP_NOWAIT;
        layer_close(from, &close_op, file);
    }
    return st;
}

smbkit_status layer_lookup(struct layer *from, struct smbkit_op *op, const char *path,
                           struct smbkit_attr *attr)
{
    /* A filter with create and without lookup may change what names mean: it must be asked, by
     * create. */
    struct layer *l = from;
    while (!l->plugin->lookup && !l->plugin->create) {
        l = l->below;
    }
    if (!l->plugin->lookup) {
        return lookup_by_create(l, op, path, attr);
    }
    smbkit_status st = layer_enter(l, op);
    return SMBKIT_OK(st) ? layer_leave(l, op, l->plugin->lookup(l->volume, op, path, attr), false)
                         : st;
}
