/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/plugin_door.h"

#include "base/escape.h"
#include "base/log.h"
#include "base/mem.h"
#include "vfs/attr.h"
#include "vfs/core.h"
#include "vfs/ea.h"
#include "vfs/journal.h"
#include "vfs/listing.h"
#include "vfs/path.h"

#define LOG_MODULE LOG_VFS

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

static void serial_give(struct mutex *serial)
{
    if (serial) {
        mutex_unlock(serial);
    }
}

/* What is written through an open is for its close to commit. */
static smbkit_status file_call(const struct door_file *f, uint32_t id, struct smbkit_op *op,
                               void *args)
{
    if (f->open && op_rows[id].writes) {
        atomic_store_explicit(&f->open->is_written, true, memory_order_relaxed);
    }
    return layer_call(f->volume->layers, id, op, f->file, args);
}

smbkit_status door_layer_call(const struct vfs_call *call, const struct door_file *f, uint32_t id,
                              struct op *op, void *args)
{
    struct vfs_volume *v = f->volume;
    if (!serial_take(call, f->serial)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    smbkit_status st = file_call(f, id, &op->pub, args);
    serial_give(f->serial);
    log_debug(NULL, "plugin_call op=%s plugin=%s status=%s", op_rows[id].name,
              v->layers[v->layer_count - 1].plugin->name, smbkit_status_name(st));
    return st;
}

/* A call that is awaited where it is made. */
static smbkit_status call_now(const struct vfs_call *call, const struct door_file *f, uint32_t id,
                              void *args)
{
    struct op *op = op_new(&f->volume->ops, call);
    if (!op) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    op->pub.flags |= SMBKIT_OP_AWAITED;
    if (call->nowait) {
        op->pub.flags |= SMBKIT_OP_SYNC; /* there is nobody to await it */
    }
    smbkit_status st = door_layer_call(call, f, id, op, args);
    if (st == SMBKIT_STATUS_PENDING) {
        st = op_await(op);
        st = layer_answer_check(op, st);
    }
    op_put(op);
    return st;
}

/* Nothing ever stops a call of a volume that never blocks, so there is nothing to replay. */
static bool is_journaled(const struct vfs_call *call, const struct vfs_volume *v)
{
    return call->journal && call->wait && !v->never_blocks;
}

smbkit_status door_call(const struct vfs_call *call, const struct door_file *f, uint32_t id,
                        void *args)
{
    return is_journaled(call, f->volume) ? journal_call(call, f, id, args)
                                         : call_now(call, f, id, args);
}

smbkit_status door_volume_info(const struct vfs_call *call, const struct door_file *f,
                               struct smbkit_volume_info *info)
{
    info->file = f->file;
    return door_call(call, f, SMBKIT_OP_volume_info, info);
}

static void attr_clear(struct smbkit_attr *attr)
{
    *attr = (struct smbkit_attr){.struct_size = sizeof(*attr)};
}

/* A directory has no data, a stream of it has. */
static void stream_settle(const char *stream, struct smbkit_attr *attr)
{
    attr->attributes &= stream ? ~SMBKIT_ATTR_DIRECTORY : ~0u;
}

smbkit_status door_create(const struct vfs_call *call, struct door_file *f,
                          const struct smbkit_create *how, struct smbkit_attr *attr)
{
    ASSERT(how->disposition == SMBKIT_OPEN || how->disposition == SMBKIT_CREATE);
    const struct door_file nobody_knows_it_yet = {.volume = f->volume};
    struct smbkit_create a = *how;
    a.attr = attr;
    attr_clear(attr);
    smbkit_status st = door_call(call, &nobody_knows_it_yet, SMBKIT_OP_create, &a);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    f->file = a.file;
    stream_settle(how->stream, attr);
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

smbkit_status door_open(const struct vfs_call *call, struct door_file *f,
                        const struct door_open *how, struct smbkit_attr *attr_r)
{
    struct smbkit_attr attr;
    const struct smbkit_create a = {.struct_size = sizeof(a),
                                    .disposition = SMBKIT_OPEN,
                                    .path = how->path,
                                    .stream = how->stream,
                                    .kind = how->kind,
                                    .access = how->access,
                                    .flags = how->flags | (how->file ? SMBKIT_CREATE_BY_ID : 0),
                                    .snapshot_time = how->snapshot_time,
                                    .file_id = how->file ? how->file->id : 0,
                                    .file_id_high = how->file ? how->file->id_high : 0};
    return door_create(call, f, &a, attr_r ? attr_r : &attr);
}

void door_close(const struct vfs_call *call, const struct door_file *f)
{
    struct vfs_volume *v = f->volume;
    if (is_journaled(call, v) && !journal_closes(call, f)) {
        return;
    }
    struct vfs_call may_wait = *call;
    may_wait.nowait = false; /* close is short by contract, and always possible */
    struct op op;
    op_init_sync(&op, &may_wait);
    (void)serial_take(&may_wait, f->serial);
    layer_close(v->layers, &op.pub, f->file);
    serial_give(f->serial);
    op_fini_sync(&op);
}

static smbkit_status lookup(const struct vfs_call *call, struct vfs_volume *v,
                            struct smbkit_lookup *a)
{
    const struct door_file f = {.volume = v};
    a->struct_size = sizeof(*a);
    attr_clear(a->attr);
    smbkit_status st = door_call(call, &f, SMBKIT_OP_lookup, a);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    stream_settle(a->stream, a->attr);
    door_attr_id_by_path(v, a->path, a->attr);
    return door_attr_settle(v, a->attr);
}

smbkit_status door_lookup(const struct vfs_call *call, struct vfs_volume *v, const char *path,
                          uint32_t flags, struct smbkit_attr *attr)
{
    struct smbkit_lookup a = {.flags = flags, .path = path, .attr = attr};
    return lookup(call, v, &a);
}

smbkit_status door_lookup_stream(const struct vfs_call *call, struct vfs_volume *v,
                                 const char *path, const char *stream, struct smbkit_attr *attr)
{
    struct smbkit_lookup a = {.path = path, .stream = stream, .attr = attr};
    return lookup(call, v, &a);
}

smbkit_status door_lookup_in(const struct vfs_call *call, struct vfs_volume *v, const char *path,
                             uint64_t snapshot_time, struct smbkit_attr *attr)
{
    struct smbkit_lookup a = {.path = path, .attr = attr, .snapshot_time = snapshot_time};
    return lookup(call, v, &a);
}

smbkit_status door_getattr(const struct vfs_call *call, const struct door_file *f,
                           struct smbkit_attr *attr)
{
    attr_clear(attr);
    smbkit_status st = door_call(call, f, SMBKIT_OP_getattr, attr);
    return SMBKIT_OK(st) ? door_file_attr_settle(f, attr) : st;
}

smbkit_status door_overwrite(const struct vfs_call *call, const struct door_file *f,
                             const struct smbkit_overwrite *how, struct smbkit_attr *attr)
{
    struct smbkit_overwrite a = *how;
    a.struct_size = sizeof(a);
    a.attr = attr;
    attr_clear(attr);
    smbkit_status st = door_call(call, f, SMBKIT_OP_overwrite, &a);
    return SMBKIT_OK(st) ? door_file_attr_settle(f, attr) : st;
}

#define ANSWER_FIRST_BYTES 1024u /* most descriptors, and lists of EAs, fit at once */
#define ANSWER_TRIES_MAX 4       /* it may grow between two questions */

/* An answer of any length up to max, into args' buffer. *answer_r is owned. */
static smbkit_status answer_get(const struct vfs_call *call, const struct door_file *f, uint32_t id,
                                struct smbkit_get_security *a, uint8_t **answer_r)
{
    uint32_t max = a->buffer.cap;
    smbkit_status st = SMBKIT_STATUS_BUFFER_TOO_SMALL;
    *answer_r = NULL;
    a->buffer.len = ANSWER_FIRST_BYTES;
    for (unsigned i = 0; i < ANSWER_TRIES_MAX && st == SMBKIT_STATUS_BUFFER_TOO_SMALL; i++) {
        a->buffer.cap = MIN(a->buffer.len, max);
        a->buffer.len = 0;
        CLEANUP_MEM uint8_t *buf = mem_alloc(a->buffer.cap);
        if (!buf) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
        a->buffer.base = buf;
        st = door_call(call, f, id, a);
        if (SMBKIT_OK(st)) {
            *answer_r = buf;
            buf = NULL;
        }
    }
    return st == SMBKIT_STATUS_BUFFER_TOO_SMALL ? SMBKIT_STATUS_INTERNAL_ERROR : st;
}

static smbkit_status get_security(const struct vfs_call *call, const struct door_file *f,
                                  uint32_t flags, uint8_t **sd_r, size_t *len_r)
{
    struct smbkit_get_security a = {
        .struct_size = sizeof(a), .flags = flags, .buffer = {.cap = SECURITY_BYTES_MAX}};
    smbkit_status st = answer_get(call, f, SMBKIT_OP_get_security, &a, sd_r);
    *len_r = SMBKIT_OK(st) ? a.buffer.len : 0;
    return st;
}

smbkit_status door_get_security(const struct vfs_call *call, const struct door_file *f,
                                uint8_t **sd_r, size_t *len_r)
{
    return get_security(call, f, 0, sd_r, len_r);
}

smbkit_status door_get_store_owner(const struct vfs_call *call, const struct door_file *f,
                                   uint8_t **sd_r, size_t *len_r)
{
    return get_security(call, f, SMBKIT_SECURITY_STORE_OWNER, sd_r, len_r);
}

smbkit_status door_get_ea(const struct vfs_call *call, const struct door_file *f, uint8_t **list_r,
                          size_t *len_r)
{
    _Static_assert(sizeof(struct smbkit_get_ea) == sizeof(struct smbkit_get_security) &&
                       offsetof(struct smbkit_get_ea, buffer) ==
                           offsetof(struct smbkit_get_security, buffer),
                   "one shape");
    struct smbkit_get_security a = {.struct_size = sizeof(a), .buffer = {.cap = VFS_EA_BYTES_MAX}};
    smbkit_status st = answer_get(call, f, SMBKIT_OP_get_ea, &a, list_r);
    *len_r = SMBKIT_OK(st) ? a.buffer.len : 0;
    return st;
}

smbkit_status door_set_ea(const struct vfs_call *call, const struct door_file *f,
                          struct smbkit_bytes list)
{
    struct smbkit_set_ea a = {.struct_size = sizeof(a), .ea = list};
    return door_call(call, f, SMBKIT_OP_set_ea, &a);
}

smbkit_status door_get_reparse(const struct vfs_call *call, const struct door_file *f,
                               struct smbkit_buffer *out)
{
    struct smbkit_get_reparse a = {.struct_size = sizeof(a), .buffer = *out};
    smbkit_status st = door_call(call, f, SMBKIT_OP_get_reparse, &a);
    out->len = a.buffer.len;
    return st;
}

static smbkit_status list(const struct vfs_call *call, const struct door_file *f,
                          const struct journal_page *page, struct smbkit_sink *sink)
{
    return is_journaled(call, f->volume) ? journal_enumerate(call, f, page, sink)
                                         : call_now(call, f, page->id, sink);
}

smbkit_status door_enumerate(const struct vfs_call *call, const struct door_file *f,
                             uint64_t cookie, uint32_t most, struct smbkit_sink *sink)
{
    const struct journal_page page = {.id = SMBKIT_OP_enumerate, .most = most};
    sink->cookie = cookie;
    return list(call, f, &page, sink);
}

smbkit_status door_streams(const struct vfs_call *call, const struct door_file *f, uint64_t cookie,
                           struct smbkit_sink *sink)
{
    const struct journal_page page = {.id = SMBKIT_OP_streams, .most = LISTING_ALL};
    sink->cookie = cookie;
    return list(call, f, &page, sink);
}

smbkit_status door_get_path(const struct vfs_call *call, const struct door_file *f, char *buf,
                            uint32_t cap)
{
    struct smbkit_buffer a = {.base = (uint8_t *)buf, .cap = cap};
    smbkit_status st = door_call(call, f, SMBKIT_OP_get_path, &a);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    buf[MIN(a.len, cap - 1)] = 0;
    return door_path_check(f->volume, buf) ? st : SMBKIT_STATUS_NOT_SUPPORTED;
}

bool door_path_check(const struct vfs_volume *v, const char *path)
{
    struct layer *l = &v->layers[v->layer_count - 1];
    bool is_good = path_is_good(path);
    unsigned times = is_good ? 0 : layer_fault(l, FAULT_PATH);
    if (times > 0) {
        log_warn(NULL, "plugin tells a path that SMB cannot carry plugin=%s path=%s times=%u",
                 l->plugin->name, quoted(path).text, times);
    }
    return is_good;
}

static smbkit_status rename_call(const struct vfs_call *call, const struct door_file *f,
                                 uint32_t id, struct smbkit_rename a)
{
    a.struct_size = sizeof(a);
    return door_call(call, f, id, &a);
}

smbkit_status door_rename(const struct vfs_call *call, const struct door_file *f,
                          const char *new_path, bool replace)
{
    return rename_call(
        call, f, SMBKIT_OP_rename,
        (struct smbkit_rename){.new_path = new_path, .flags = replace ? SMBKIT_RENAME_REPLACE : 0});
}

smbkit_status door_rename_stream(const struct vfs_call *call, const struct door_file *f,
                                 const struct smbkit_rename *how)
{
    return rename_call(call, f, SMBKIT_OP_rename, *how);
}

smbkit_status door_link(const struct vfs_call *call, const struct door_file *f,
                        const char *new_path, bool replace)
{
    return rename_call(
        call, f, SMBKIT_OP_link,
        (struct smbkit_rename){.new_path = new_path, .flags = replace ? SMBKIT_RENAME_REPLACE : 0});
}

smbkit_status door_remove(const struct vfs_call *call, const struct door_file *f)
{
    struct smbkit_remove a = {.struct_size = sizeof(a)};
    return door_call(call, f, SMBKIT_OP_remove, &a);
}

smbkit_status door_check_remove(const struct vfs_call *call, const struct door_file *f)
{
    struct smbkit_remove a = {.struct_size = sizeof(a)};
    return door_call(call, f, SMBKIT_OP_check_remove, &a);
}

smbkit_status door_setattr(const struct vfs_call *call, const struct door_file *f, uint32_t mask,
                           const struct smbkit_attr *attr)
{
    struct smbkit_attr a = *attr;
    a.struct_size = sizeof(a);
    a.valid = mask;
    return door_call(call, f, SMBKIT_OP_setattr, &a);
}

smbkit_status door_set_security(const struct vfs_call *call, const struct door_file *f,
                                const uint8_t *sd, size_t len)
{
    struct smbkit_set_security a = {.struct_size = sizeof(a),
                                    .security = {.base = sd, .len = (uint32_t)len}};
    return door_call(call, f, SMBKIT_OP_set_security, &a);
}

static smbkit_status size_call(const struct vfs_call *call, const struct door_file *f, uint32_t id,
                               uint64_t size)
{
    struct smbkit_size a = {.struct_size = sizeof(a), .size = size};
    return door_call(call, f, id, &a);
}

smbkit_status door_set_size(const struct vfs_call *call, const struct door_file *f, uint64_t size)
{
    return size_call(call, f, SMBKIT_OP_set_size, size);
}

smbkit_status door_allocate(const struct vfs_call *call, const struct door_file *f,
                            uint64_t alloc_size)
{
    return size_call(call, f, SMBKIT_OP_allocate, alloc_size);
}

smbkit_status door_zero_range(const struct vfs_call *call, const struct door_file *f,
                              uint64_t offset, uint64_t length)
{
    struct smbkit_span a = {.struct_size = sizeof(a), .offset = offset, .length = length};
    return door_call(call, f, SMBKIT_OP_zero_range, &a);
}

smbkit_status door_ranges(const struct vfs_call *call, const struct door_file *f,
                          struct smbkit_ranges *r)
{
    return door_call(call, f, SMBKIT_OP_ranges, r);
}

smbkit_status door_trim(const struct vfs_call *call, const struct door_file *f,
                        const struct smbkit_range *range)
{
    struct smbkit_span a = {
        .struct_size = sizeof(a), .offset = range->offset, .length = range->length};
    return door_call(call, f, SMBKIT_OP_trim, &a);
}

smbkit_status door_value(const struct vfs_call *call, const struct door_file *f, uint32_t id,
                         uint64_t *value)
{
    struct smbkit_value a = {.struct_size = sizeof(a), .value = *value};
    smbkit_status st = door_call(call, f, id, &a);
    *value = a.value;
    return st;
}

smbkit_status door_object_id(const struct vfs_call *call, const struct door_file *f,
                             struct smbkit_object_id *id)
{
    return door_call(call, f, SMBKIT_OP_object_id, id);
}

smbkit_status door_set_reparse(const struct vfs_call *call, const struct door_file *f, uint32_t tag,
                               struct smbkit_bytes data)
{
    struct smbkit_set_reparse a = {.struct_size = sizeof(a), .tag = tag, .data = data};
    return door_call(call, f, SMBKIT_OP_set_reparse, &a);
}

smbkit_status door_ioctl(const struct vfs_call *call, const struct door_file *f,
                         struct smbkit_ioctl *a)
{
    return door_call(call, f, SMBKIT_OP_ioctl, a);
}

smbkit_status door_transfer(const struct vfs_call *call, const struct door_file *f,
                            struct smbkit_io *io, bool is_write)
{
    return call_now(call, f, is_write ? SMBKIT_OP_write : SMBKIT_OP_read, io);
}

smbkit_status door_copy(const struct vfs_call *call, const struct door_file *f, uint32_t id,
                        struct smbkit_copy *c)
{
    return door_call(call, f, id, c);
}

smbkit_status door_commit(const struct vfs_call *call, const struct door_file *f)
{
    struct smbkit_flush a = {.struct_size = sizeof(a)};
    return door_call(call, f, SMBKIT_OP_commit, &a);
}

smbkit_status door_refused(const struct vfs_call *call, struct vfs_volume *v,
                           const struct smbkit_refused *a)
{
    return call_now(call, &(struct door_file){.volume = v}, SMBKIT_OP_refused,
                    (void *)(uintptr_t)a);
}

smbkit_status door_watch(const struct vfs_call *call, const struct door_file *f, bool on, bool tree)
{
    struct smbkit_watch a = {.struct_size = sizeof(a), .on = on, .recursive = tree};
    return door_call(call, f, SMBKIT_OP_watch, &a);
}

smbkit_status door_lock(const struct vfs_call *call, const struct door_file *f,
                        struct smbkit_lock *a)
{
    return door_call(call, f, SMBKIT_OP_lock, a);
}

smbkit_status door_access_check(const struct vfs_call *call, const struct door_file *f,
                                uint32_t desired, uint32_t *granted_r)
{
    uint32_t rights = desired & ~SMBKIT_MAXIMUM_ALLOWED;
    struct smbkit_access a = {.struct_size = sizeof(a), .desired = desired};
    smbkit_status st = f->volume->knows_rights ? door_call(call, f, SMBKIT_OP_access_check, &a)
                                               : SMBKIT_STATUS_NOT_SUPPORTED;
    if (SMBKIT_OK(st) && (rights & ~a.granted)) {
        st = SMBKIT_STATUS_ACCESS_DENIED;
    }
    *granted_r = !SMBKIT_OK(st)                       ? 0
                 : (desired & SMBKIT_MAXIMUM_ALLOWED) ? a.granted & SMBKIT_ALL_ACCESS
                                                      : rights;
    return st;
}

smbkit_status door_cache_request(const struct vfs_call *call, const struct door_file *f,
                                 struct smbkit_cache *a)
{
    return door_call(call, f, SMBKIT_OP_cache_request, a);
}

smbkit_status door_cache_ack(const struct vfs_call *call, const struct door_file *f,
                             struct smbkit_cache *a)
{
    return door_call(call, f, SMBKIT_OP_cache_ack, a);
}

static smbkit_status io_call(const struct door_file *f, struct vfs_io *io, enum door_io_kind kind,
                             struct smbkit_op *op)
{
    static const uint32_t ids[] = {SMBKIT_OP_read, SMBKIT_OP_write, SMBKIT_OP_flush};
    io->flush = (struct smbkit_flush){.struct_size = sizeof(io->flush)};
    void *args = kind == DOOR_FLUSH ? (void *)&io->flush : (void *)&io->plugin_io;
    return file_call(f, ids[kind], op, args);
}

smbkit_status door_io(const struct vfs_call *call, const struct door_file *f, struct vfs_io *io,
                      enum door_io_kind kind)
{
    io->op = op_new(&f->volume->ops, call);
    if (!io->op) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status st = SMBKIT_STATUS_WOULD_BLOCK;
    if (serial_take(call, f->serial)) {
        io->op->pub.flags |= (call->nowait && f->volume->awaits ? SMBKIT_OP_SYNC : 0) |
                             (call->wait ? 0 : SMBKIT_OP_AWAITED);
        st = io_call(f, io, kind, &io->op->pub);
        serial_give(f->serial);
    }
    if (st != SMBKIT_STATUS_PENDING) {
        op_put(io->op);
        io->op = NULL;
    }
    return st;
}
