/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/plugin_door.h"

#include "base/log.h"
#include "base/mem.h"
#include "vfs/core.h"

#define LOG_MODULE LOG_VFS

/* One call into the plugins that is awaited where it is made. */
struct door {
    struct smbkit_op op;
    struct vfs_op_core core;
    struct mutex *serial;
};

void door_op_init(struct smbkit_op *op, struct vfs_op_core *core, const struct vfs_call *call)
{
    *op = (struct smbkit_op){.struct_size = sizeof(*op),
                             .flags = call->nowait ? SMBKIT_OP_NOWAIT : 0,
                             .who = vfs_token_identity_get(call->token),
                             .core = core};
    core->cancelled = call->cancelled;
    core->state = OP_RUNNING;
}

/* Take an open's lock; false: that would wait and the call must not. */
static bool serial_take(const struct vfs_call *call, struct mutex *serial)
{
    if (!serial) {
        return true;
    }
    if (call->nowait) {
        return mutex_try(serial);
    }
    mutex_lock(serial);
    return true;
}

static smbkit_status door_enter(struct door *d, const struct vfs_call *call, struct mutex *serial)
{
    if (!serial_take(call, serial)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    d->serial = serial;
    op_core_init(&d->core, NULL);
    door_op_init(&d->op, &d->core, call);
    if (call->nowait) {
        d->op.flags |= SMBKIT_OP_SYNC; /* there is nobody to await it */
    }
    return SMBKIT_STATUS_SUCCESS;
}

static void door_leave(struct door *d)
{
    ASSERT(d->core.state == OP_RUNNING); /* completed what it had not called pending */
    op_core_fini(&d->core);
    if (d->serial) {
        mutex_unlock(d->serial);
    }
}

smbkit_status door_attr_settle(const struct vfs_volume *v, struct smbkit_attr *a)
{
    if (a->size > INT64_MAX || a->alloc_size > INT64_MAX) {
        log_error(NULL, "plugin_bad_size size=%llu", (unsigned long long)a->size);
        return SMBKIT_STATUS_INTERNAL_ERROR;
    }
    if (a->attributes != SMBKIT_ATTR_NORMAL) {
        a->attributes &= ~SMBKIT_ATTR_NORMAL;
    }
    if (a->attributes == 0) {
        a->attributes = SMBKIT_ATTR_NORMAL;
    }
    if (a->attributes & SMBKIT_ATTR_DIRECTORY) {
        a->size = 0;
        a->alloc_size = 0;
    } else if (a->alloc_size == 0 && a->size > 0) {
        uint64_t unit = v->cluster_size_bytes;
        a->alloc_size = (a->size + unit - 1) / unit * unit;
    }
    if (a->link_count == 0) {
        a->link_count = 1;
    }
    if (a->file_domain == 0) {
        a->file_domain = v->domain;
    }
    return SMBKIT_STATUS_SUCCESS;
}

static bool attr_has_id(const struct smbkit_attr *a)
{
    return a->file_id != 0 || a->file_id_high != 0;
}

void door_attr_id_by_path(const struct vfs_volume *v, const char *path, struct smbkit_attr *a)
{
    if (!attr_has_id(a)) {
        volume_path_id(v, path, &a->file_id, &a->file_id_high);
        a->file_domain = v->domain;
    }
}

/* The same of an open file, whose id is known. */
static smbkit_status file_attr_settle(const struct door_file *f, struct smbkit_attr *a)
{
    if (!attr_has_id(a)) {
        a->file_domain = f->domain;
        a->file_id = f->id;
        a->file_id_high = f->id_high;
        if (f->node) {
            node_id_get(f->node, &a->file_id, &a->file_id_high); /* renamed since */
        }
    }
    return door_attr_settle(f->volume, a);
}

smbkit_status door_volume_info(const struct vfs_call *call, struct vfs_volume *v,
                               struct smbkit_volume_info *info)
{
    struct door d;
    smbkit_status st = door_enter(&d, call, NULL);
    if (SMBKIT_OK(st)) {
        st = layer_volume_info(v->layers, &d.op, info);
        door_leave(&d);
    }
    return st;
}

smbkit_status door_create(const struct vfs_call *call, struct door_file *f,
                          const struct smbkit_create *how, struct smbkit_attr *attr)
{
    struct door d;
    smbkit_status st = door_enter(&d, call, NULL);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = layer_create(f->volume->layers, &d.op, how, &f->file, attr);
    door_leave(&d);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    door_attr_id_by_path(f->volume, how->path, attr);
    st = door_attr_settle(f->volume, attr);
    if (!SMBKIT_OK(st)) {
        door_close(call, f);
    }
    f->domain = attr->file_domain;
    f->id = attr->file_id;
    f->id_high = attr->file_id_high;
    return st;
}

void door_close(const struct vfs_call *call, const struct door_file *f)
{
    struct vfs_call may_wait = *call;
    may_wait.nowait = false; /* close is short by contract, and always possible */
    struct door d;
    smbkit_status st = door_enter(&d, &may_wait, f->serial);
    ASSERT(SMBKIT_OK(st));
    layer_close(f->volume->layers, &d.op, f->file);
    door_leave(&d);
}

smbkit_status door_lookup(const struct vfs_call *call, struct vfs_volume *v, const char *path,
                          struct smbkit_attr *attr)
{
    struct door d;
    smbkit_status st = door_enter(&d, call, NULL);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    *attr = (struct smbkit_attr){0};
    st = layer_lookup(v->layers, &d.op, path, attr);
    door_leave(&d);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    door_attr_id_by_path(v, path, attr);
    return door_attr_settle(v, attr);
}

smbkit_status door_getattr(const struct vfs_call *call, const struct door_file *f,
                           struct smbkit_attr *attr)
{
    struct door d;
    smbkit_status st = door_enter(&d, call, f->serial);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    *attr = (struct smbkit_attr){0};
    st = layer_getattr(f->volume->layers, &d.op, f->file, attr);
    door_leave(&d);
    return SMBKIT_OK(st) ? file_attr_settle(f, attr) : st;
}

smbkit_status door_overwrite(const struct vfs_call *call, const struct door_file *f,
                             uint32_t attributes, uint64_t alloc_size, struct smbkit_attr *attr)
{
    struct layer_overwrite how = {.attributes = attributes, .alloc_size = alloc_size, .attr = attr};
    struct door d;
    smbkit_status st = door_enter(&d, call, f->serial);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    *attr = (struct smbkit_attr){0};
    st = layer_overwrite(f->volume->layers, &d.op, f->file, &how);
    door_leave(&d);
    return SMBKIT_OK(st) ? file_attr_settle(f, attr) : st;
}

#define SECURITY_FIRST_BYTES 1024u /* most descriptors fit at once */
#define SECURITY_TRIES_MAX 4       /* it may grow between two questions */

smbkit_status door_get_security(const struct vfs_call *call, const struct door_file *f,
                                uint8_t **sd_r, size_t *len_r)
{
    *sd_r = NULL;
    *len_r = 0;
    struct layer_security_buf sd = {.needed_bytes = SECURITY_FIRST_BYTES};
    smbkit_status st = SMBKIT_STATUS_BUFFER_TOO_SMALL;
    for (unsigned i = 0; i < SECURITY_TRIES_MAX && st == SMBKIT_STATUS_BUFFER_TOO_SMALL; i++) {
        sd.cap = MIN(sd.needed_bytes, (uint32_t)SECURITY_BYTES_MAX);
        CLEANUP_MEM uint8_t *buf = mem_alloc(sd.cap);
        struct door d;
        st = buf ? door_enter(&d, call, f->serial) : SMBKIT_STATUS_NO_MEMORY;
        if (!SMBKIT_OK(st)) {
            return st;
        }
        sd.buf = buf;
        st = layer_get_security(f->volume->layers, &d.op, f->file, &sd);
        door_leave(&d);
        if (SMBKIT_OK(st)) {
            *sd_r = buf;
            *len_r = sd.needed_bytes;
            buf = NULL;
        }
    }
    return st == SMBKIT_STATUS_BUFFER_TOO_SMALL ? SMBKIT_STATUS_INTERNAL_ERROR : st;
}

/* The many that only pass their arguments on. */
#define DOOR_CALL(call, f, expression)                                                             \
    struct door d;                                                                                 \
    smbkit_status st = door_enter(&d, call, (f)->serial);                                          \
    if (SMBKIT_OK(st)) {                                                                           \
        struct layer *top = (f)->volume->layers;                                                   \
        struct smbkit_op *op = &d.op;                                                              \
        st = expression;                                                                           \
        door_leave(&d);                                                                            \
    }                                                                                              \
    return st

smbkit_status door_enumerate(const struct vfs_call *call, const struct door_file *f,
                             uint64_t cookie, struct smbkit_sink *sink)
{
    DOOR_CALL(call, f, layer_enumerate(top, op, f->file, cookie, sink));
}

smbkit_status door_get_path(const struct vfs_call *call, const struct door_file *f, char *buf,
                            uint32_t cap)
{
    DOOR_CALL(call, f, layer_get_path(top, op, f->file, buf, cap));
}

smbkit_status door_rename(const struct vfs_call *call, const struct door_file *f,
                          const char *new_path, bool replace)
{
    DOOR_CALL(call, f, layer_rename(top, op, f->file, new_path, replace));
}

smbkit_status door_link(const struct vfs_call *call, const struct door_file *f,
                        const char *new_path, bool replace)
{
    DOOR_CALL(call, f, layer_link(top, op, f->file, new_path, replace));
}

smbkit_status door_remove(const struct vfs_call *call, const struct door_file *f)
{
    DOOR_CALL(call, f, layer_remove(top, op, f->file));
}

smbkit_status door_setattr(const struct vfs_call *call, const struct door_file *f, uint32_t mask,
                           const struct smbkit_attr *attr)
{
    DOOR_CALL(call, f, layer_setattr(top, op, f->file, mask, attr));
}

smbkit_status door_set_security(const struct vfs_call *call, const struct door_file *f,
                                const uint8_t *sd, size_t len)
{
    DOOR_CALL(call, f, layer_set_security(top, op, f->file, sd, (uint32_t)len));
}

smbkit_status door_set_size(const struct vfs_call *call, const struct door_file *f, uint64_t size)
{
    DOOR_CALL(call, f, layer_set_size(top, op, f->file, size));
}

smbkit_status door_allocate(const struct vfs_call *call, const struct door_file *f,
                            uint64_t alloc_size)
{
    DOOR_CALL(call, f, layer_allocate(top, op, f->file, alloc_size));
}

smbkit_status door_zero_range(const struct vfs_call *call, const struct door_file *f,
                              uint64_t offset, uint64_t length)
{
    struct smbkit_range range = {.offset = offset, .length = length};
    DOOR_CALL(call, f, layer_zero_range(top, op, f->file, range));
}

smbkit_status door_ranges(const struct vfs_call *call, const struct door_file *f,
                          struct layer_ranges *r)
{
    DOOR_CALL(call, f, layer_ranges(top, op, f->file, r));
}

smbkit_status door_watch(const struct vfs_call *call, const struct door_file *f, bool on)
{
    DOOR_CALL(call, f, layer_watch(top, op, f->file, on));
}

smbkit_status door_io(const struct vfs_call *call, const struct door_file *f, struct vfs_io *io,
                      enum door_io_kind kind)
{
    if (!serial_take(call, f->serial)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    struct layer *top = f->volume->layers;
    smbkit_status st;
    if (kind == DOOR_READ) {
        st = layer_read(top, &io->op, f->file, &io->plugin_io);
    } else if (kind == DOOR_WRITE) {
        st = layer_write(top, &io->op, f->file, &io->plugin_io);
    } else {
        st = layer_flush(top, &io->op, f->file);
    }
    if (f->serial) {
        mutex_unlock(f->serial);
    }
    return st;
}
