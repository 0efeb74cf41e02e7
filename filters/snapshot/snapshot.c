/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot: what a volume was at earlier times, as previous versions. */
#include "snapshot.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "every.h"
#include "fair_lock.h"
#include "leave_out.h"

/* ---- changes ---- */

/* What has to be kept before a call. */
enum change {
    CHANGE_NONE,
    CHANGE_FILE,   /* the file */
    CHANGE_MAKE,   /* nothing was at the path */
    CHANGE_REMOVE, /* the file and its folder */
    CHANGE_RENAME, /* all that it is, and where it goes */
    CHANGE_LINK,
};

static enum change change_of(uint32_t id, const void *args)
{
    switch (id) {
    case SMBKIT_OP_create: {
        const struct smbkit_create *how = args;
        bool makes = how->disposition == SMBKIT_CREATE;
        return makes ? how->stream ? CHANGE_FILE : CHANGE_MAKE : CHANGE_NONE;
    }
    case SMBKIT_OP_rename:
        return ((const struct smbkit_rename *)args)->new_stream ? CHANGE_FILE : CHANGE_RENAME;
    case SMBKIT_OP_link:
        return CHANGE_LINK;
    case SMBKIT_OP_remove:
        return CHANGE_REMOVE;
    case SMBKIT_OP_object_id:
        return ((const struct smbkit_object_id *)args)->flags == SMBKIT_OBJECT_ID_GET ? CHANGE_NONE
                                                                                      : CHANGE_FILE;
    case SMBKIT_OP_write:
    case SMBKIT_OP_set_size:
    case SMBKIT_OP_overwrite:
    case SMBKIT_OP_allocate:
    case SMBKIT_OP_zero_range:
    case SMBKIT_OP_trim:
    case SMBKIT_OP_copy_range:
    case SMBKIT_OP_clone_range:
    case SMBKIT_OP_setattr:
    case SMBKIT_OP_set_security:
    case SMBKIT_OP_set_ea:
    case SMBKIT_OP_set_reparse:
    case SMBKIT_OP_set_sparse:
    case SMBKIT_OP_set_compression:
    case SMBKIT_OP_ioctl:
        return CHANGE_FILE;
    default:
        return CHANGE_NONE;
    }
}

static smbkit_status keep_target(struct snapshot *v, struct smbkit_op *op,
                                 const struct smbkit_rename *how)
{
    smbkit_status st = snap_keep(v, op, how->new_path);
    return SMBKIT_OK(st) ? snap_keep_vacant(v, op, how->new_path) : st;
}

static smbkit_status keep_for(struct snapshot *v, const struct pass_call *c, enum change change,
                              const char *path)
{
    struct smbkit_op *op = c->op;
    switch (change) {
    case CHANGE_MAKE:
        return snap_keep_vacant(v, op, ((const struct smbkit_create *)c->args)->path);
    case CHANGE_RENAME: {
        smbkit_status st = snap_keep_tree(v, op, path);
        return SMBKIT_OK(st) ? keep_target(v, op, c->args) : st;
    }
    case CHANGE_LINK: {
        smbkit_status st = snap_keep(v, op, path);
        return SMBKIT_OK(st) ? keep_target(v, op, c->args) : st;
    }
    default:
        return snap_keep(v, op, path);
    }
}

/* By the path that it has now; within the gate it is the same until the call is over, unless a
 * folder above it is renamed, for which all of it is kept. */
static smbkit_status keep(struct snapshot *v, const struct pass_call *c, enum change change)
{
    struct named *f = c->file;
    uint64_t epoch = atomic_load(&v->epoch);
    char *path = f ? named_path_dup(&v->files, f) : NULL;
    if (f && !path) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    const char *at = path ? path : ((const struct smbkit_create *)c->args)->path;
    uint32_t was = snap_wait_begin(c->op);
    smbkit_status st = keep_for(v, c, change, at);
    snap_wait_end(c->op, was);
    if (SMBKIT_OK(st) && f && change == CHANGE_FILE) {
        atomic_store(&f->sums[0], epoch);
    }
    free(path);
    return st;
}

static bool is_kept(struct snapshot *v, const struct pass_call *c, enum change change)
{
    const struct named *f = c->file;
    uint64_t epoch = atomic_load(&v->epoch);
    return epoch == 0 || (change == CHANGE_FILE && f && atomic_load(&f->sums[0]) == epoch);
}

static smbkit_status change_ended(void *arg, smbkit_status status)
{
    snap_gate_leave(arg);
    return status;
}

/* Files of snapshots as the source. */
static smbkit_status pass_change(struct snapshot *v, struct pass_call *c)
{
    if (c->id == SMBKIT_OP_copy_range || c->id == SMBKIT_OP_clone_range) {
        struct smbkit_copy *a = c->args;
        if (snap_past_of(a->source)) {
            uint32_t was = snap_wait_begin(c->op);
            smbkit_status st = c->id == SMBKIT_OP_clone_range
                                   ? SMBKIT_STATUS_NOT_SUPPORTED
                                   : snap_past_copy(v, c->op, ((struct named *)c->file)->below, a);
            snap_wait_end(c->op, was);
            return pass_ended(c, st);
        }
    }
    return named_pass(&v->files, v->below.next, c);
}

static smbkit_status change_call(struct snapshot *v, struct pass_call *c, enum change change)
{
    bool may_wait = !(c->op->flags & SMBKIT_OP_NOWAIT);
    if (!snap_gate_enter(v, may_wait)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (!is_kept(v, c, change)) {
        st = may_wait ? keep(v, c, change) : SMBKIT_STATUS_WOULD_BLOCK;
    }
    if (!SMBKIT_OK(st)) {
        snap_gate_leave(v);
        return st;
    }
    c->then = change_ended;
    c->then_arg = v;
    return pass_change(v, c);
}

/* The store is read before anything is changed, and what is due is taken. */
static smbkit_status prepare(struct snapshot *v, struct smbkit_op *op)
{
    bool is_ready = atomic_load(&v->is_ready);
    if (is_ready && !snap_is_due(v)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (op->flags & SMBKIT_OP_NOWAIT) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    uint32_t was = snap_wait_begin(op);
    smbkit_status st = snap_ready(v, op);
    if (SMBKIT_OK(st) && snap_is_due(v)) {
        snap_look_at_clock(v, op);
        snap_reclaim(v, op, SNAP_RECLAIM_AT_ONCE);
    }
    snap_wait_end(op, was);
    return st;
}

/* ---- what clients do not see ---- */

static bool is_store(void *arg, const char *name)
{
    return snap_is_hidden(arg, name);
}

static smbkit_status list_root(struct snapshot *v, const struct pass_call *c)
{
    struct pass_call below = *c;
    below.file = ((struct named *)c->file)->below;
    return leave_out(v->below.next, &below, is_store, v);
}

static bool is_root(struct snapshot *v, struct named *f)
{
    pthread_mutex_lock(&v->files.lock);
    bool is = f->path[0] == '\0' && !f->is_stream;
    pthread_mutex_unlock(&v->files.lock);
    return is;
}

static smbkit_status check_hidden(const struct snapshot *v, uint32_t id, const void *args)
{
    const struct smbkit_create *create = args;
    const struct smbkit_rename *rename = args;
    const char *path = NULL;
    bool makes = false;
    if (id == SMBKIT_OP_create) {
        path = create->path;
        makes = create->disposition == SMBKIT_CREATE;
    } else if (id == SMBKIT_OP_lookup) {
        path = ((const struct smbkit_lookup *)args)->path;
    } else if ((id == SMBKIT_OP_rename || id == SMBKIT_OP_link) && !rename->new_stream) {
        path = rename->new_path;
        makes = true;
    }
    if (!path || !snap_is_hidden(v, path)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    bool is_below = strchr(path, '/') != NULL;
    return is_below ? SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND
           : makes  ? SMBKIT_STATUS_ACCESS_DENIED
                    : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
}

/* ---- snapshots ---- */

/* Those of the layer below too. */
static int newest_first(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return (*x < *y) - (*x > *y);
}

static smbkit_status list_snapshots(struct snapshot *v, struct smbkit_op *op,
                                    struct smbkit_snapshots *a)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    a->count = a->total = 0;
    if (v->below.features & SMBKIT_FEATURE_SNAPSHOTS) {
        st = smbkit_next_snapshots(v->below.next, op, a);
    }
    pthread_rwlock_rdlock(&v->index);
    for (const struct snap *s = v->oldest; s && SMBKIT_OK(st); s = s->newer) {
        if (!s->is_dropped && a->count < a->room) {
            a->times[a->count++] = s->time;
        }
        a->total += !s->is_dropped;
    }
    pthread_rwlock_unlock(&v->index);
    if (SMBKIT_OK(st) && a->count > 1) {
        qsort(a->times, a->count, sizeof(*a->times), newest_first);
    }
    return st;
}

/* Of another time than now. */
static smbkit_status past_volume_call(struct snapshot *v, const struct pass_call *c)
{
    smbkit_status st = prepare(v, c->op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    if (c->op->flags & SMBKIT_OP_NOWAIT) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    uint32_t was = snap_wait_begin(c->op);
    if (c->id == SMBKIT_OP_snapshots) {
        st = list_snapshots(v, c->op, c->args);
    } else if (c->id == SMBKIT_OP_create) {
        st = snap_past_create(v, c->op, c->args);
    } else {
        st = snap_past_lookup(v, c->op, c->args);
    }
    snap_wait_end(c->op, was);
    if (st != SMBKIT_STATUS_NOT_FOUND) {
        return st;
    }
    return v->below.features & SMBKIT_FEATURE_SNAPSHOTS ? named_pass(&v->files, v->below.next, c)
                                                        : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
}

static bool is_past(uint32_t id, const void *args)
{
    switch (id) {
    case SMBKIT_OP_create:
        return ((const struct smbkit_create *)args)->snapshot_time != 0;
    case SMBKIT_OP_lookup:
        return ((const struct smbkit_lookup *)args)->snapshot_time != 0;
    default:
        return id == SMBKIT_OP_snapshots;
    }
}

static smbkit_status past_call(struct snapshot *v, const struct pass_call *c, struct past *p)
{
    if (c->op->flags & SMBKIT_OP_NOWAIT) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    uint32_t was = snap_wait_begin(c->op);
    smbkit_status st = snap_past_call(v, c->op, c->id, p, c->args);
    snap_wait_end(c->op, was);
    return st;
}

/* ---- every call ---- */

static smbkit_status volume_info(struct snapshot *v, const struct pass_call *c)
{
    struct smbkit_volume_info *a = c->args;
    void *file = a->file;
    if (!snap_past_of(file)) {
        return named_pass(&v->files, v->below.next, c);
    }
    uint32_t was = snap_wait_begin(c->op);
    a->file = NULL;
    smbkit_status st = smbkit_next_volume_info(v->below.next, c->op, a);
    a->file = file;
    snap_wait_end(c->op, was);
    return st;
}

/* What is written by a descriptor would not be kept before. */
static smbkit_status fd_ended(void *arg, smbkit_status status)
{
    struct smbkit_file_fd *a = arg;
    if (SMBKIT_OK(status)) {
        a->flags &= ~SMBKIT_FD_WRITE;
    }
    return SMBKIT_OK(status) && !(a->flags & SMBKIT_FD_READ) ? SMBKIT_STATUS_NOT_SUPPORTED : status;
}

/* Of today, and nothing is changed by it. */
static smbkit_status plain_call(struct snapshot *v, struct pass_call *c)
{
    switch (c->id) {
    case SMBKIT_OP_enumerate:
        return v->is_within && is_root(v, c->file) ? list_root(v, c)
                                                   : named_pass(&v->files, v->below.next, c);
    case SMBKIT_OP_volume_info:
        return volume_info(v, c);
    case SMBKIT_OP_file_fd:
        c->then = fd_ended;
        c->then_arg = c->args;
        return named_pass(&v->files, v->below.next, c);
    default:
        return named_pass(&v->files, v->below.next, c);
    }
}

static smbkit_status every_call(void *volume, struct smbkit_op *op, uint32_t id, void *file,
                                void *args)
{
    struct snapshot *v = volume;
    struct past *past = snap_past_of(file);
    struct pass_call c = {.op = op, .id = id, .file = file, .args = args};
    if (id == SMBKIT_OP_control) {
        return snap_control(v, op, args);
    }
    if (past) {
        return past_call(v, &c, past);
    }
    if (is_past(id, args)) {
        return past_volume_call(v, &c);
    }
    smbkit_status st = check_hidden(v, id, args);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    enum change change = change_of(id, args);
    if (change == CHANGE_NONE) {
        return plain_call(v, &c);
    }
    st = prepare(v, op);
    return SMBKIT_OK(st) ? change_call(v, &c, change) : st;
}
SMBKIT_OPERATIONS(EVERY_DEFINE)

static void snapshot_close(void *volume, struct smbkit_op *op, void *file)
{
    struct snapshot *v = volume;
    if (snap_past_of(file)) {
        snap_past_close(v, op, snap_past_of(file));
    } else {
        named_close(&v->files, v->below.next, op, file);
    }
}

static void *snapshot_file_below(void *volume, void *file)
{
    (void)volume;
    return ((struct named *)file)->below;
}

/* ---- the volume ---- */

struct words {
    const char *folder, *store;
    uint64_t every_ms, keep;
    uint32_t full;
};
static const char *const fulls[] = {"refuse", "drop", NULL};
static const struct smbkit_param params[] = {{.key = "every",
                                              .kind = SMBKIT_PARAM_MS,
                                              .offset = offsetof(struct words, every_ms),
                                              .min = 1000,
                                              .max = UINT64_C(31536000000)},
                                             {.key = "keep",
                                              .kind = SMBKIT_PARAM_NUMBER,
                                              .offset = offsetof(struct words, keep),
                                              .min = 1,
                                              .max = SNAP_KEEP_MAX},
                                             {.key = "folder",
                                              .kind = SMBKIT_PARAM_TEXT,
                                              .offset = offsetof(struct words, folder),
                                              .min = 1,
                                              .max = 200},
                                             {.key = "store",
                                              .kind = SMBKIT_PARAM_TEXT,
                                              .offset = offsetof(struct words, store),
                                              .min = 1,
                                              .max = 4096},
                                             {.key = "full",
                                              .kind = SMBKIT_PARAM_CHOICE,
                                              .offset = offsetof(struct words, full),
                                              .words = fulls},
                                             {.key = NULL}};

static smbkit_status take_words(const struct smbkit_volume_args *args, struct words *w)
{
    *w = (struct words){.folder = ".snapshots", .keep = SNAP_KEEP_DEFAULT};
    smbkit_status st = smbkit_args_take(args, params, w);
    if (SMBKIT_OK(st) && (strpbrk(w->folder, "/\\:*?\"<>|") || strcmp(w->folder, ".") == 0 ||
                          strcmp(w->folder, "..") == 0)) {
        snprintf(args->error, args->error_size, "folder=%.100s: it is one name, of the root",
                 w->folder);
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return st;
}

static smbkit_status open_store(struct snapshot *v, const struct smbkit_volume_args *args,
                                const char *spec)
{
    struct smbkit_mount m = {.struct_size = sizeof(m), .spec = spec};
    v->below = v->store = (struct side){args->next, args->features};
    v->is_within = !spec;
    smbkit_status st = spec ? smbkit_mount_open(args, &m) : SMBKIT_STATUS_SUCCESS;
    if (SMBKIT_OK(st) && spec) {
        v->store = (struct side){m.next, m.features};
    }
    if (SMBKIT_OK(st) && (v->store.features & SMBKIT_FEATURE_READ_ONLY)) {
        snprintf(args->error, args->error_size,
                 "what is kept has nowhere to go: %.100s takes no changes",
                 spec ? spec : "the volume");
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return st;
}

static void snapshot_volume_close(void *volume)
{
    struct snapshot *v = volume;
    if (!v->is_within && v->store.next != v->below.next) {
        smbkit_mount_close(v->store.next);
    }
    while (v->oldest) {
        struct snap *s = v->oldest;
        v->oldest = s->newer;
        snap_free(v, s);
    }
    named_fini(&v->files);
    pthread_mutex_destroy(&v->store_lock);
    pthread_mutex_destroy(&v->log_lock);
    pthread_mutex_destroy(&v->gate_lock);
    pthread_cond_destroy(&v->gate_cond);
    pthread_mutex_destroy(&v->busy_lock);
    pthread_cond_destroy(&v->busy_cond);
    pthread_rwlock_destroy(&v->index);
    free(v->folder);
    free(v);
}

static struct snapshot *snapshot_new(const struct words *w, uint32_t features)
{
    struct snapshot *v = calloc(1, sizeof(*v));
    char *folder = strdup(w->folder);
    if (!v || !folder) {
        free(v);
        free(folder);
        return NULL;
    }
    v->folder = folder;
    v->keep = (uint32_t)w->keep;
    v->every_s = (w->every_ms + 999) / 1000;
    v->drops_when_full = w->full == 1;
    v->ignores_case = features & SMBKIT_FEATURE_IGNORES_CASE;
    named_init(&v->files, NULL, NULL);
    v->files.ignores_case = v->ignores_case;
    pthread_mutex_init(&v->store_lock, NULL);
    pthread_mutex_init(&v->log_lock, NULL);
    pthread_mutex_init(&v->gate_lock, NULL);
    pthread_cond_init(&v->gate_cond, NULL);
    pthread_mutex_init(&v->busy_lock, NULL);
    pthread_cond_init(&v->busy_cond, NULL);
    fair_lock_init(&v->index);
    return v;
}

static smbkit_status snapshot_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct words w;
    smbkit_status st = take_words(args, &w);
    struct snapshot *v = SMBKIT_OK(st) ? snapshot_new(&w, args->features) : NULL;
    if (!v) {
        return SMBKIT_OK(st) ? SMBKIT_STATUS_NO_MEMORY : st;
    }
    st = open_store(v, args, w.store);
    if (!SMBKIT_OK(st)) {
        snapshot_volume_close(v);
        return st;
    }
    /* Files are known by the path they came by. */
    args->features &= ~(SMBKIT_FEATURE_OPEN_BY_ID | SMBKIT_FEATURE_NEVER_BLOCKS);
    args->features |= SMBKIT_FEATURE_SNAPSHOTS;
    if (v->below.features & SMBKIT_FEATURE_NEVER_BLOCKS) {
        args->features |= SMBKIT_FEATURE_TRIES_NOWAIT;
    }
    *volume_r = v;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_plugin snapshot_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING | SMBKIT_SEES_SEGMENTS,
    .name = "snapshot",
    .description = "keeps what was there before, as previous versions",
    .version = "1",
    .config_help = "every=TIME       by schedule: 15m, 1h, 24h; default: by command only\n"
                   "keep=N           how many there are at most, the oldest goes; default: 64\n"
                   "store=PLUGIN:ARGS  another volume for what is kept; of ARGS each comma is "
                   "written twice\n"
                   "folder=NAME      of the store, or of the share's own root, where clients do "
                   "not see it; default: .snapshots\n"
                   "full=refuse|drop  when there is no room to keep something: refuse the change, "
                   "or drop older snapshots first; default: refuse\n",
    .volume_open = snapshot_volume_open,
    .volume_close = snapshot_volume_close,
    .close = snapshot_close,
    .file_below = snapshot_file_below,
    SMBKIT_OPERATIONS(EVERY_MEMBER)};

SMBKIT_REGISTER(snapshot_filter)
