/* SPDX-License-Identifier: Apache-2.0 */
/* A file system for the core's tests: in memory, minding the case of names, with knobs: calls that
 * would block, that pend, that fail at the Nth time; and it notices when it is called in a way that
 * its thread model forbids. */
#pragma once

#include "vfs_fake_store.h"

struct fake_late {
    struct smbkit_op *op;
    smbkit_status status;
};

static void *fake_late_run(void *arg)
{
    struct fake_late late = *(struct fake_late *)arg;
    free(arg);
    smbkit_complete(late.op, late.status);
    return NULL;
}

static bool fake_counts_down(atomic_uint_fast64_t *n)
{
    uint64_t left = atomic_load(n);
    if (left > 0) {
        atomic_store(n, left - 1);
    }
    return left == 1;
}

/* Before a call: is it to fail, or would it block? After it: pend, if that is wanted. */
static smbkit_status fake_enter(struct fake_volume *v, struct smbkit_op *op, enum fake_call call,
                                struct fake_file *n)
{
    atomic_fetch_add(&v->calls[call], 1);
    atomic_fetch_add(&v->total, 1);
    if (v->hook) {
        v->hook(v, call);
    }
    if (v->thread_model == SMBKIT_SERIALIZE_ALL && atomic_fetch_add(&v->in_volume, 1) != 0) {
        atomic_store(&v->overlap, true);
    }
    if (v->thread_model == SMBKIT_SERIALIZE_FILE && n && atomic_fetch_add(&n->in_call, 1) != 0) {
        atomic_store(&v->overlap, true);
    }
    pthread_mutex_lock(&v->lock);
    if ((op->flags & SMBKIT_OP_NOWAIT) && atomic_load(&v->blocks)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (call != FAKE_CLOSE && (op->flags & SMBKIT_OP_NOWAIT) && fake_counts_down(&v->block_at)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    uint64_t left = atomic_load(&v->fail_at);
    if (left > 0 && call != FAKE_CLOSE) {
        atomic_store(&v->fail_at, left - 1);
        if (left == 1) {
            return atomic_load(&v->fail_with);
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status fake_leave(struct fake_volume *v, struct smbkit_op *op, enum fake_call call,
                                struct fake_file *n, smbkit_status st)
{
    bool is_io = call == FAKE_READ || call == FAKE_WRITE || call == FAKE_FLUSH;
    int pend = is_io && st != SMBKIT_STATUS_WOULD_BLOCK && !(op->flags & SMBKIT_OP_SYNC)
                   ? atomic_load(&v->pend)
                   : 0;
    bool may_pend =
        call != FAKE_CLOSE && st != SMBKIT_STATUS_WOULD_BLOCK && !(op->flags & SMBKIT_OP_SYNC);
    if (may_pend && (fake_counts_down(&v->pend_at) || atomic_load(&v->pend_each))) {
        pend = 1;
    }
    if (pend == 1 && v->pending_count < FAKE_PENDING_MAX) {
        v->pending[v->pending_count] = op;
        v->pending_status[v->pending_count++] = st;
        st = SMBKIT_STATUS_PENDING;
    }
    pthread_mutex_unlock(&v->lock);
    if (v->thread_model == SMBKIT_SERIALIZE_FILE && n) {
        atomic_fetch_sub(&n->in_call, 1);
    }
    if (v->thread_model == SMBKIT_SERIALIZE_ALL) {
        atomic_fetch_sub(&v->in_volume, 1);
    }
    if (pend == 2) {
        smbkit_complete(op, st);
        return SMBKIT_STATUS_PENDING;
    }
    bool late = !is_io && call != FAKE_CLOSE && atomic_load(&v->pend_all) &&
                !(op->flags & SMBKIT_OP_SYNC) && st != SMBKIT_STATUS_WOULD_BLOCK;
    if (late) {
        struct fake_late *l = malloc(sizeof(*l));
        *l = (struct fake_late){op, st};
        pthread_t t;
        pthread_create(&t, NULL, fake_late_run, l);
        pthread_detach(t);
        return SMBKIT_STATUS_PENDING;
    }
    return st;
}

/* Complete the oldest pending transfer; false: there is none. */
static UNUSED bool fake_complete(struct fake_volume *v)
{
    pthread_mutex_lock(&v->lock);
    if (v->pending_count == 0) {
        pthread_mutex_unlock(&v->lock);
        return false;
    }
    struct smbkit_op *op = v->pending[0];
    smbkit_status st = v->pending_status[0];
    v->pending_count--;
    memmove(v->pending, v->pending + 1, (size_t)v->pending_count * sizeof(v->pending[0]));
    memmove(v->pending_status, v->pending_status + 1,
            (size_t)v->pending_count * sizeof(v->pending_status[0]));
    pthread_mutex_unlock(&v->lock);
    smbkit_complete(op, st);
    return true;
}

static smbkit_status fake_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct fake_volume *v = fake_next;
    *volume_r = v;
    if (v->location) {
        snprintf(args->location, args->location_size, "%s", v->location);
    }
    if (v->volumes++ > 0) {
        return SMBKIT_STATUS_SUCCESS; /* another volume of the same files */
    }
    pthread_mutex_init(&v->lock, NULL);
    v->buckets = calloc(FAKE_BUCKETS, sizeof(*v->buckets));
    v->root = fake_new(v, SMBKIT_ATTR_DIRECTORY);
    v->host = args->host;
    args->features = v->features | (v->no_nowait ? 0 : SMBKIT_FEATURE_TRIES_NOWAIT);
    return SMBKIT_STATUS_SUCCESS;
}

static void fake_volume_close(void *volume)
{
    struct fake_volume *v = volume;
    if (--v->volumes > 0) {
        return;
    }
    if (atomic_load(&v->files) != 0) {
        test_fail(__FILE__, __LINE__, "%d files are still open", atomic_load(&v->files));
    }
    if (atomic_load(&v->overlap)) {
        test_fail(__FILE__, __LINE__, "the thread model was not kept to");
    }
    fake_node_free(v->root);
    free(v->buckets);
    pthread_mutex_destroy(&v->lock);
}

static smbkit_status fake_info(void *volume, struct smbkit_op *op, struct smbkit_volume_info *info)
{
    struct fake_volume *v = volume;
    smbkit_status st = fake_enter(v, op, FAKE_INFO, NULL);
    v->info_file = info->file;
    if (v->available) {
        info->available_bytes = v->available;
    }
    return fake_leave(v, op, FAKE_INFO, NULL, st);
}

/* Its snapshot is the directory of that name. */
#define FAKE_SNAPSHOT 1000u
static void fake_path_in(const char *path, uint64_t snapshot_time, char *buf, size_t size)
{
    snprintf(buf, size, "%s%s%s", snapshot_time ? "snapshot" : "",
             snapshot_time && path[0] ? "/" : "", path);
}

static smbkit_status fake_snapshots(void *volume, struct smbkit_op *op, struct smbkit_snapshots *a)
{
    (void)volume;
    (void)op;
    a->total = 1;
    a->count = a->room > 0;
    if (a->count > 0) {
        a->times[0] = FAKE_SNAPSHOT;
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status fake_create_locked(struct fake_volume *v, const struct smbkit_create *how,
                                        struct fake_node **node_r)
{
    struct fake_node *dir, *base = NULL;
    const char *leaf;
    char path[1024];
    if (how->snapshot_time && how->snapshot_time != FAKE_SNAPSHOT) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    char whole[512];
    fake_path_in(how->path, how->snapshot_time, whole, sizeof(whole));
    snprintf(path, sizeof(path), "%s%s%s", whole, how->stream ? ":" : "",
             how->stream ? how->stream : "");
    smbkit_status st = fake_walk(v, whole, &dir, &leaf, &base);
    if (how->stream && !SMBKIT_OK(st)) {
        return st;
    }
    st = fake_walk(v, path, &dir, &leaf, node_r);
    if (how->disposition == SMBKIT_OPEN) {
        return st;
    }
    if (SMBKIT_OK(st)) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    if (st != SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        return st;
    }
    *node_r = fake_new(v, how->attributes);
    if (how->stream) {
        (*node_r)->id = base->id; /* a sibling in the fake's store, the same file to the core */
    }
    fake_attach(v, dir, *node_r, leaf);
    if (how->security.base) {
        (*node_r)->sd = malloc(how->security.len);
        memcpy((*node_r)->sd, how->security.base, how->security.len);
        (*node_r)->sd_len = how->security.len;
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status fake_create(void *volume, struct smbkit_op *op, struct smbkit_create *how)
{
    void **file_r = &how->file;
    struct smbkit_attr *attr = how->attr;
    struct fake_volume *v = volume;
    struct fake_node *n = NULL;
    smbkit_status st = fake_enter(v, op, FAKE_CREATE, NULL);
    if (SMBKIT_OK(st)) {
        st = fake_create_locked(v, how, &n);
    }
    if (SMBKIT_OK(st)) {
        n->opens++;
        atomic_fetch_add(&v->files, 1);
        fake_attr(v, n, attr);
        struct fake_file *file = calloc(1, sizeof(*file));
        file->node = n;
        *file_r = file;
    }
    st = fake_leave(v, op, FAKE_CREATE, NULL, st);
    void (**told)(void *arg) = how->disposition == SMBKIT_CREATE ? &v->made : &v->opened;
    void (*tell)(void *arg) = *told;
    if (SMBKIT_OK(st) && tell) {
        *told = NULL;
        tell(v->hook_arg);
    }
    return st;
}

static void fake_close(void *volume, struct smbkit_op *op, void *file)
{
    struct fake_volume *v = volume;
    struct fake_node *n = ((struct fake_file *)file)->node;
    (void)fake_enter(v, op, FAKE_CLOSE, NULL);
    atomic_fetch_sub(&v->files, 1);
    if (--n->opens == 0 && n->removed) {
        fake_node_free(n);
    }
    free(file);
    (void)fake_leave(v, op, FAKE_CLOSE, NULL, SMBKIT_STATUS_SUCCESS);
}

static smbkit_status fake_lookup(void *volume, struct smbkit_op *op, struct smbkit_lookup *a)
{
    char whole[512];
    char path[1024];
    struct smbkit_attr *attr = a->attr;
    struct fake_volume *v = volume;
    struct fake_node *dir, *n;
    fake_path_in(a->path, a->snapshot_time, whole, sizeof(whole));
    const char *leaf;
    snprintf(path, sizeof(path), "%s%s%s", whole, a->stream ? ":" : "", a->stream ? a->stream : "");
    smbkit_status st = fake_enter(v, op, FAKE_LOOKUP, NULL);
    if (SMBKIT_OK(st) && a->snapshot_time && a->snapshot_time != FAKE_SNAPSHOT) {
        st = SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (SMBKIT_OK(st)) {
        st = fake_walk(v, path, &dir, &leaf, &n);
    }
    if (SMBKIT_OK(st)) {
        fake_attr(v, n, attr);
        attr->struct_size = sizeof(*attr);
        attr->names_told = n->attributes & SMBKIT_ATTR_DIRECTORY ? v->names_told : 0;
    }
    return fake_leave(v, op, FAKE_LOOKUP, NULL, st);
}

static smbkit_status fake_enumerate(void *volume, struct smbkit_op *op, void *file,
                                    struct smbkit_sink *sink)
{
    uint64_t cookie = sink->cookie;
    struct fake_volume *v = volume;
    struct fake_node *n = ((struct fake_file *)file)->node;
    smbkit_status st = fake_enter(v, op, FAKE_ENUMERATE, file);
    for (size_t i = cookie; SMBKIT_OK(st) && i < n->child_count; i++) {
        if (!n->children[i]) {
            continue;
        }
        struct smbkit_entry e = {
            .struct_size = sizeof(e), .name = n->children[i]->name, .cookie = i + 1};
        struct smbkit_attr attr = {.struct_size = sizeof(attr)};
        fake_attr(v, n->children[i], &attr);
        e.attr = i % 3 != 0 ? &attr : NULL;
        v->listed++;
        if (!sink->entry(sink, &e)) {
            break;
        }
    }
    return fake_leave(v, op, FAKE_ENUMERATE, file, st);
}

static smbkit_status fake_rename(void *volume, struct smbkit_op *op, void *file,
                                 const struct smbkit_rename *a)
{
    const char *new_path = a->new_path;
    uint32_t replace = a->flags & SMBKIT_RENAME_REPLACE;
    struct fake_volume *v = volume;
    struct fake_node *n = ((struct fake_file *)file)->node, *dir = NULL, *old = NULL;
    const char *leaf = "";
    if (v->renaming) {
        v->renaming(v->hook_arg);
    }
    smbkit_status st = fake_enter(v, op, FAKE_RENAME, file);
    if (SMBKIT_OK(st)) {
        st = fake_walk(v, new_path, &dir, &leaf, &old);
        st = st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND ? SMBKIT_STATUS_SUCCESS : st;
    }
    if (SMBKIT_OK(st) && old && !replace) {
        st = SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    if (SMBKIT_OK(st)) {
        if (old) {
            fake_detach(v, old);
            old->removed = true;
            if (old->opens == 0) {
                fake_node_free(old);
            }
        }
        fake_detach(v, n);
        fake_attach(v, dir, n, leaf);
    }
    return fake_leave(v, op, FAKE_RENAME, file, st);
}

static smbkit_status fake_remove(void *volume, struct smbkit_op *op, void *file,
                                 const struct smbkit_remove *a)
{
    (void)a;
    struct fake_volume *v = volume;
    struct fake_node *n = ((struct fake_file *)file)->node;
    smbkit_status st = fake_enter(v, op, FAKE_REMOVE, file);
    if (SMBKIT_OK(st) && v->keeps) {
        st = v->keeps;
    } else if (SMBKIT_OK(st) && n->live_count > 0) {
        st = SMBKIT_STATUS_DIRECTORY_NOT_EMPTY;
    }
    if (SMBKIT_OK(st)) {
        fake_detach(v, n);
        n->removed = true;
    }
    return fake_leave(v, op, FAKE_REMOVE, file, st);
}

static smbkit_status fake_check_remove(void *volume, struct smbkit_op *op, void *file,
                                       const struct smbkit_remove *a)
{
    (void)a;
    struct fake_volume *v = volume;
    smbkit_status st = fake_enter(v, op, FAKE_CHECK_REMOVE, file);
    return fake_leave(v, op, FAKE_CHECK_REMOVE, file, SMBKIT_OK(st) ? v->keeps : st);
}

static smbkit_status fake_getattr(void *volume, struct smbkit_op *op, void *file,
                                  struct smbkit_attr *attr)
{
    struct fake_volume *v = volume;
    smbkit_status st = fake_enter(v, op, FAKE_GETATTR, file);
    fake_attr(v, ((struct fake_file *)file)->node, attr);
    return fake_leave(v, op, FAKE_GETATTR, file, st);
}

static smbkit_status fake_setattr(void *volume, struct smbkit_op *op, void *file,
                                  const struct smbkit_attr *attr)
{
    uint32_t mask = attr->valid;
    struct fake_volume *v = volume;
    struct fake_node *n = ((struct fake_file *)file)->node;
    smbkit_status st = fake_enter(v, op, FAKE_SETATTR, file);
    if (SMBKIT_OK(st)) {
        n->change_time = mask & SMBKIT_HAS_CHANGE_TIME ? attr->change_time : ++v->clock;
        n->create_time = mask & SMBKIT_HAS_CREATE_TIME ? attr->create_time : n->create_time;
        n->access_time = mask & SMBKIT_HAS_ACCESS_TIME ? attr->access_time : n->access_time;
        n->write_time = mask & SMBKIT_HAS_WRITE_TIME ? attr->write_time : n->write_time;
        n->attributes = mask & SMBKIT_HAS_ATTRIBUTES ? attr->attributes : n->attributes;
    }
    return fake_leave(v, op, FAKE_SETATTR, file, st);
}

static smbkit_status fake_get_sd(void *volume, struct smbkit_op *op, void *file,
                                 struct smbkit_get_security *a)
{
    uint8_t *buf = a->buffer.base;
    uint32_t cap = a->buffer.cap;
    uint32_t *needed_bytes = &a->buffer.len;
    struct fake_volume *v = volume;
    struct fake_node *n = ((struct fake_file *)file)->node;
    smbkit_status st = fake_enter(v, op, FAKE_GET_SD, file);
    *needed_bytes = n->sd_len;
    if (SMBKIT_OK(st) && !n->sd) {
        st = SMBKIT_STATUS_NOT_FOUND;
    } else if (SMBKIT_OK(st) && cap < n->sd_len) {
        st = SMBKIT_STATUS_BUFFER_TOO_SMALL;
    } else if (SMBKIT_OK(st)) {
        memcpy(buf, n->sd, n->sd_len);
    }
    return fake_leave(v, op, FAKE_GET_SD, file, st);
}

static smbkit_status fake_set_sd(void *volume, struct smbkit_op *op, void *file,
                                 const struct smbkit_set_security *a)
{
    const uint8_t *sd = a->security.base;
    uint32_t len = a->security.len;
    struct fake_volume *v = volume;
    struct fake_node *n = ((struct fake_file *)file)->node;
    smbkit_status st = fake_enter(v, op, FAKE_SET_SD, file);
    if (SMBKIT_OK(st)) {
        free(n->sd);
        n->sd = malloc(len);
        memcpy(n->sd, sd, len);
        n->sd_len = len;
        n->change_time = ++v->clock;
    }
    return fake_leave(v, op, FAKE_SET_SD, file, st);
}

static smbkit_status fake_read(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io)
{
    struct fake_volume *v = volume;
    struct fake_node *n = ((struct fake_file *)file)->node;
    smbkit_status st = fake_enter(v, op, FAKE_READ, file);
    io->done = 0;
    if (SMBKIT_OK(st) && io->offset < n->size) {
        uint64_t left = n->size - io->offset;
        io->done = (uint32_t)(left < io->length ? left : io->length);
        memcpy(io->buffer, n->data + io->offset, io->done);
        n->access_time = ++v->clock;
    }
    return fake_leave(v, op, FAKE_READ, file, st);
}

static void fake_resize(struct fake_node *n, uint64_t size)
{
    n->data = realloc(n->data, size ? size : 1);
    if (size > n->size) {
        memset(n->data + n->size, 0, size - n->size);
    }
    n->size = size;
}

static smbkit_status fake_write(void *volume, struct smbkit_op *op, void *file,
                                struct smbkit_io *io)
{
    struct fake_volume *v = volume;
    struct fake_node *n = ((struct fake_file *)file)->node;
    smbkit_status st = fake_enter(v, op, FAKE_WRITE, file);
    if (SMBKIT_OK(st)) {
        uint64_t at = io->flags & SMBKIT_IO_APPEND ? n->size : io->offset;
        uint64_t end = at + io->length;
        if (end > n->size) {
            fake_resize(n, end);
        }
        for (uint32_t i = 0; i < io->seg_count; i++) {
            memcpy(n->data + at, io->segs[i].base, io->segs[i].len);
            at += io->segs[i].len;
        }
        io->done = io->length;
        fake_touch(v, n);
    }
    return fake_leave(v, op, FAKE_WRITE, file, st);
}

static smbkit_status fake_flush(void *volume, struct smbkit_op *op, void *file,
                                const struct smbkit_flush *a)
{
    (void)a;
    struct fake_volume *v = volume;
    smbkit_status st = fake_enter(v, op, FAKE_FLUSH, file);
    return fake_leave(v, op, FAKE_FLUSH, file, st);
}

static smbkit_status fake_commit(void *volume, struct smbkit_op *op, void *file,
                                 const struct smbkit_flush *a)
{
    (void)a;
    struct fake_volume *v = volume;
    smbkit_status st = fake_enter(v, op, FAKE_COMMIT, file);
    return fake_leave(v, op, FAKE_COMMIT, file, st);
}

static smbkit_status fake_set_size(void *volume, struct smbkit_op *op, void *file,
                                   const struct smbkit_size *a)
{
    uint64_t size = a->size;
    struct fake_volume *v = volume;
    struct fake_node *n = ((struct fake_file *)file)->node;
    smbkit_status st = fake_enter(v, op, FAKE_SET_SIZE, file);
    if (SMBKIT_OK(st)) {
        fake_resize(n, size);
        fake_touch(v, n);
    }
    return fake_leave(v, op, FAKE_SET_SIZE, file, st);
}

static smbkit_status fake_lock(void *volume, struct smbkit_op *op, void *file,
                               const struct smbkit_lock *a)
{
    struct fake_volume *v = volume;
    smbkit_status st = fake_enter(v, op, FAKE_LOCK, file);
    if (SMBKIT_OK(st) && !(a->flags & SMBKIT_LOCK_UNLOCK) && v->lock_refused &&
        a->offset == v->lock_refused) {
        st = SMBKIT_STATUS_LOCK_NOT_GRANTED;
    } else if (SMBKIT_OK(st)) {
        atomic_fetch_add(&v->locks, a->flags & SMBKIT_LOCK_UNLOCK ? -1 : 1);
    }
    return fake_leave(v, op, FAKE_LOCK, file, st);
}

static const struct smbkit_plugin FAKE_PLUGIN = {
    .struct_size = sizeof(FAKE_PLUGIN),
    .api_version = SMBKIT_API_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .name = "fake",
    .volume_open = fake_volume_open,
    .volume_close = fake_volume_close,
    .volume_info = fake_info,
    .snapshots = fake_snapshots,
    .create = fake_create,
    .close = fake_close,
    .lookup = fake_lookup,
    .enumerate = fake_enumerate,
    .rename = fake_rename,
    .remove = fake_remove,
    .getattr = fake_getattr,
    .setattr = fake_setattr,
    .get_security = fake_get_sd,
    .set_security = fake_set_sd,
    .read = fake_read,
    .write = fake_write,
    .flush = fake_flush,
    .commit = fake_commit,
    .set_size = fake_set_size,
    .lock = fake_lock,
    .check_remove = fake_check_remove,
};
