/* SPDX-License-Identifier: Apache-2.0 */
/* overlay: changes go to an upper volume, the one below stays as it is. */
#include "overlay.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "by_hand.h"
#include "every.h"
#include "fair_lock.h"

/* ---- files ---- */

static smbkit_status call_side(const struct overlay *o, struct smbkit_op *op, uint32_t id,
                               const struct ofile *f, void *args)
{
    if (f->lost) {
        return f->lost;
    }
    return f->has_upper ? smbkit_api->next(o->upper.next, id, op, f->upper, args)
                        : smbkit_api->next(o->lower.next, id, op, f->lower, args);
}

static smbkit_status look(struct overlay *o, struct smbkit_op *op, uint32_t id,
                          const struct ofile *f, void *args)
{
    pthread_rwlock_rdlock(&o->lock);
    smbkit_status st = call_side(o, op, id, f, args);
    pthread_rwlock_unlock(&o->lock);
    return st;
}

static bool is_up(struct overlay *o, const struct ofile *f)
{
    pthread_rwlock_rdlock(&o->lock);
    bool is = f->has_upper;
    pthread_rwlock_unlock(&o->lock);
    return is;
}

/* Have the upper volume have it; *overwrite_r, if it is not NULL: overwritten so. It is NULL then
 * when that has been done. */
static smbkit_status raise(struct overlay *o, struct smbkit_op *op, const struct ofile *f,
                           struct smbkit_overwrite **overwrite_r)
{
    if (is_up(o, f)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    pthread_mutex_lock(&o->copying);
    smbkit_status st = f->is_gone ? SMBKIT_STATUS_FILE_DELETED : SMBKIT_STATUS_SUCCESS;
    if (SMBKIT_OK(st) && !is_up(o, f)) {
        char *path = overlay_path_dup(o, f);
        st = path ? overlay_copy_up(o, op, path, *overwrite_r) : SMBKIT_STATUS_NO_MEMORY;
        free(path);
        if (SMBKIT_OK(st) && !is_up(o, f)) {
            st = f->lost ? f->lost : SMBKIT_STATUS_INTERNAL_ERROR;
        }
        *overwrite_r = NULL;
    }
    pthread_mutex_unlock(&o->copying);
    return st;
}

static smbkit_status change(struct overlay *o, struct smbkit_op *op, uint32_t id,
                            const struct ofile *f, void *args)
{
    bool overwrites = id == SMBKIT_OP_overwrite && !f->stream;
    struct smbkit_overwrite *left = overwrites ? args : NULL;
    smbkit_status st = raise(o, op, f, &left);
    if (!SMBKIT_OK(st) || (overwrites && !left)) {
        return st; /* what was emptied came to its place so, or is as it was */
    }
    return look(o, op, id, f, args);
}

static void overlay_close(void *volume, struct smbkit_op *op, void *file)
{
    struct overlay *o = volume;
    pthread_rwlock_rdlock(&o->whole);
    overlay_close_file(o, op, file);
    pthread_rwlock_unlock(&o->whole);
}

static void *overlay_file_below(void *volume, void *file)
{
    (void)volume;
    return ((struct ofile *)file)->lower;
}

static smbkit_status get_path(struct overlay *o, const struct ofile *f, struct smbkit_buffer *b)
{
    pthread_rwlock_rdlock(&o->lock);
    b->len = (uint32_t)strlen(f->path);
    bool fits = b->len <= b->cap;
    if (fits) {
        memcpy(b->base, f->path, b->len);
    }
    pthread_rwlock_unlock(&o->lock);
    return fits ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_BUFFER_TOO_SMALL;
}

/* ---- copies on the server ---- */

#define COPY_AT_ONCE 65536u

struct copying {
    struct overlay *o;
    struct smbkit_op *op;
    const struct ofile *from, *to;
};

static smbkit_status copy_read(void *arg, struct smbkit_io *io)
{
    const struct copying *c = arg;
    return look(c->o, c->op, SMBKIT_OP_read, c->from, io);
}

static smbkit_status copy_write(void *arg, struct smbkit_io *io)
{
    const struct copying *c = arg;
    return look(c->o, c->op, SMBKIT_OP_write, c->to, io);
}

static smbkit_status copy_range(struct overlay *o, struct smbkit_op *op, const struct ofile *f,
                                struct smbkit_copy *c)
{
    const struct ofile *from = c->source;
    struct smbkit_overwrite *left = NULL;
    smbkit_status st = raise(o, op, f, &left);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    pthread_rwlock_rdlock(&o->lock);
    bool is_one = f->has_upper && from->has_upper;
    if (is_one) {
        struct smbkit_copy a = *c;
        a.source = from->upper;
        st = smbkit_next_copy_range(o->upper.next, op, f->upper, &a);
        c->done = a.done;
    }
    pthread_rwlock_unlock(&o->lock);
    struct copying x = {o, op, from, f};
    const struct by_hand how = {copy_read, copy_write, &x, COPY_AT_ONCE};
    return is_one ? st : copy_by_hand(op, c, &how);
}

/* ---- the volume ---- */

static smbkit_status lookup(struct overlay *o, struct smbkit_op *op, struct smbkit_lookup *a)
{
    struct smbkit_create c = side_create_of(a);
    smbkit_status st = overlay_create(o, op, &c);
    if (SMBKIT_OK(st)) {
        a->security_none = c.security_none;
        overlay_close_file(o, op, c.file);
    }
    return st;
}

/* The name and the number of the lower volume, the room of the upper one. */
static smbkit_status volume_info(struct overlay *o, struct smbkit_op *op,
                                 struct smbkit_volume_info *a)
{
    struct smbkit_volume_info up = *a;
    void *file = a->file;
    a->file = up.file = NULL;
    smbkit_status st = smbkit_next_volume_info(o->lower.next, op, a);
    st = SMBKIT_OK(st) ? smbkit_next_volume_info(o->upper.next, op, &up) : st;
    a->file = file;
    a->total_bytes = up.total_bytes;
    a->free_bytes = up.free_bytes;
    a->available_bytes = up.available_bytes;
    return st;
}

static smbkit_status of_volume(struct overlay *o, struct smbkit_op *op, uint32_t id, void *args)
{
    smbkit_status st = overlay_ready(o, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    switch (id) {
    case SMBKIT_OP_create:
        return overlay_create(o, op, args);
    case SMBKIT_OP_lookup:
        return lookup(o, op, args);
    case SMBKIT_OP_volume_info:
        return volume_info(o, op, args);
    case SMBKIT_OP_session_root:
        return smbkit_next_session_root(o->lower.next, op, args);
    case SMBKIT_OP_snapshots:
    case SMBKIT_OP_refused:
        return SMBKIT_STATUS_SUCCESS;
    default:
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
}

static smbkit_status of_name(struct overlay *o, struct smbkit_op *op, uint32_t id, struct ofile *f,
                             void *args)
{
    pthread_mutex_lock(&o->copying);
    smbkit_status st = SMBKIT_STATUS_FILE_DELETED;
    if (!f->is_gone) {
        st = id == SMBKIT_OP_remove ? overlay_remove(o, op, f) : overlay_rename(o, op, f, args);
    }
    pthread_mutex_unlock(&o->copying);
    return st;
}

static smbkit_status tell_attr(struct overlay *o, struct smbkit_op *op, uint32_t id,
                               const struct ofile *f, void *args)
{
    smbkit_status st =
        id == SMBKIT_OP_getattr ? look(o, op, id, f, args) : change(o, op, id, f, args);
    if (SMBKIT_OK(st)) {
        side_attr_settle(id == SMBKIT_OP_getattr ? args : ((struct smbkit_overwrite *)args)->attr);
    }
    return st;
}

/* What the overlay does not have, each with the answer that says so. */
static smbkit_status absent(uint32_t id)
{
    switch (id) {
    case SMBKIT_OP_watch:
    case SMBKIT_OP_lock:
    case SMBKIT_OP_cache_request:
    case SMBKIT_OP_cache_ack:
    case SMBKIT_OP_check_remove:
        return SMBKIT_STATUS_SUCCESS;
    case SMBKIT_OP_ioctl:
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    default: /* link, file_fd, clone_range, object_id, set_compression, access_check */
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
}

static smbkit_status of_file(struct overlay *o, struct smbkit_op *op, uint32_t id, struct ofile *f,
                             void *args)
{
    switch (id) {
    case SMBKIT_OP_read:
    case SMBKIT_OP_get_security:
    case SMBKIT_OP_get_ea:
    case SMBKIT_OP_streams:
    case SMBKIT_OP_ranges:
    case SMBKIT_OP_get_reparse:
    case SMBKIT_OP_get_compression:
        return look(o, op, id, f, args);
    case SMBKIT_OP_flush:
    case SMBKIT_OP_commit:
    case SMBKIT_OP_trim:
        return is_up(o, f) ? look(o, op, id, f, args) : SMBKIT_STATUS_SUCCESS;
    case SMBKIT_OP_write:
    case SMBKIT_OP_set_size:
    case SMBKIT_OP_allocate:
    case SMBKIT_OP_zero_range:
    case SMBKIT_OP_set_ea:
    case SMBKIT_OP_set_security:
    case SMBKIT_OP_setattr:
    case SMBKIT_OP_set_reparse:
    case SMBKIT_OP_set_sparse:
        return change(o, op, id, f, args);
    case SMBKIT_OP_getattr:
    case SMBKIT_OP_overwrite:
        return tell_attr(o, op, id, f, args);
    case SMBKIT_OP_enumerate:
        return overlay_enumerate(o, op, f, args);
    case SMBKIT_OP_get_path:
        return get_path(o, f, args);
    case SMBKIT_OP_rename:
    case SMBKIT_OP_remove:
        return of_name(o, op, id, f, args);
    case SMBKIT_OP_copy_range:
        return copy_range(o, op, f, args);
    default:
        return absent(id);
    }
}

/* ---- every call ---- */

/* What a commit has wait until it is done. */
static bool is_change(uint32_t id, const void *args)
{
    switch (id) {
    case SMBKIT_OP_create:
        return ((const struct smbkit_create *)args)->disposition == SMBKIT_CREATE;
    case SMBKIT_OP_trim:
    case SMBKIT_OP_write:
    case SMBKIT_OP_set_size:
    case SMBKIT_OP_allocate:
    case SMBKIT_OP_zero_range:
    case SMBKIT_OP_set_ea:
    case SMBKIT_OP_set_security:
    case SMBKIT_OP_setattr:
    case SMBKIT_OP_set_reparse:
    case SMBKIT_OP_set_sparse:
    case SMBKIT_OP_overwrite:
    case SMBKIT_OP_rename:
    case SMBKIT_OP_remove:
    case SMBKIT_OP_copy_range:
        return true;
    default:
        return false;
    }
}

static smbkit_status every_call(void *volume, struct smbkit_op *op, uint32_t id, void *file,
                                void *args)
{
    struct overlay *o = volume;
    if (id == SMBKIT_OP_control) {
        return overlay_control(o, op, args);
    }
    bool changes = is_change(id, args);
    if (changes) {
        pthread_rwlock_rdlock(&o->steady);
    }
    pthread_rwlock_rdlock(&o->whole);
    smbkit_status st = file ? of_file(o, op, id, file, args) : of_volume(o, op, id, args);
    pthread_rwlock_unlock(&o->whole);
    if (changes) {
        pthread_rwlock_unlock(&o->steady);
    }
    return st;
}
SMBKIT_OPERATIONS(EVERY_DEFINE)

struct words {
    const char *upper;
};
static const struct smbkit_param params[] = {{.key = "upper",
                                              .kind = SMBKIT_PARAM_TEXT,
                                              .offset = offsetof(struct words, upper),
                                              .min = 1,
                                              .max = 4096,
                                              .flags = SMBKIT_PARAM_REQUIRED},
                                             {.key = NULL}};

static void overlay_volume_close(void *volume)
{
    struct overlay *o = volume;
    smbkit_mount_close(o->upper.next);
    hidden_fini(&o->hidden);
    pthread_rwlock_destroy(&o->steady);
    pthread_rwlock_destroy(&o->whole);
    pthread_rwlock_destroy(&o->lock);
    pthread_mutex_destroy(&o->copying);
    free(o);
}

static smbkit_status overlay_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct words w = {0};
    struct smbkit_mount m = {.struct_size = sizeof(m)};
    smbkit_status st = smbkit_args_take(args, params, &w);
    struct overlay *o = SMBKIT_OK(st) ? calloc(1, sizeof(*o)) : NULL;
    if (!o) {
        return SMBKIT_OK(st) ? SMBKIT_STATUS_NO_MEMORY : st;
    }
    m.spec = w.upper;
    st = smbkit_mount_open(args, &m);
    if (SMBKIT_OK(st) && (m.features & SMBKIT_FEATURE_READ_ONLY)) {
        snprintf(args->error, args->error_size, "upper=%.100s takes no changes", w.upper);
        smbkit_mount_close(m.next);
        st = SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!SMBKIT_OK(st)) {
        free(o);
        return st;
    }
    o->lower = (struct side){args->next, args->features};
    o->upper = (struct side){m.next, m.features};
    o->log.side = &o->upper;
    o->host = args->host;
    o->ignores_case = (args->features | m.features) & SMBKIT_FEATURE_IGNORES_CASE;
    pthread_mutex_init(&o->copying, NULL);
    fair_lock_init(&o->lock);
    fair_lock_init(&o->steady);
    fair_lock_init(&o->whole);
    args->features = (m.features & OVERLAY_FEATURES) |
                     ((args->features | m.features) &
                      (SMBKIT_FEATURE_IGNORES_CASE | SMBKIT_FEATURE_DESCRIPTORS));
    args->location[0] = '\0';
    *volume_r = o;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_plugin overlay_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_SEGMENTS,
    .name = "overlay",
    .description = "keeps changes in another volume, the one below stays as it is",
    .version = "1",
    .config_help = "upper=PLUGIN:ARGS  where changes go: mem: or dir:path=FOLDER; of ARGS each "
                   "comma is written twice\n",
    .volume_open = overlay_volume_open,
    .volume_close = overlay_volume_close,
    .close = overlay_close,
    .file_below = overlay_file_below,
    SMBKIT_OPERATIONS(EVERY_MEMBER)};

SMBKIT_REGISTER(overlay_filter)
