/* SPDX-License-Identifier: Apache-2.0 */
/* quota: how much users and folders may have. */
#include "quota.h"

#include <stdlib.h>
#include <string.h>

#include "every.h"
#include "fair_lock.h"
#include "letters.h"
#include "named.h"

/* ---- what a change is about ---- */

struct change {
    struct quota *q;
    struct smbkit_op *op;
    struct named *f;
    const struct pass_call *call;
    struct quota_places places;
    pthread_mutex_t *turn;
    uint64_t size; /* bytes before it */
};

/* Remembered in the file: sums[0] the account, sums[1] the turn of owners, plus one. */
static smbkit_status owner_of(struct change *c)
{
    uint64_t turn = atomic_load(&c->q->owners_turn) + (uint64_t)1;
    if (atomic_load(&c->f->sums[1]) == turn) {
        c->places.user = (struct quota_account *)(uintptr_t)atomic_load(&c->f->sums[0]);
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = quota_owner(c->q, c->op, c->f->below, &c->places.user);
    if (SMBKIT_OK(st)) {
        atomic_store(&c->f->sums[0], (uintptr_t)c->places.user);
        atomic_store(&c->f->sums[1], turn);
    }
    return st;
}

static smbkit_status folders_of(struct change *c)
{
    char *path = named_path_dup(c->q->files, c->f);
    c->places.folders = path ? quota_folders_of(c->q, path) : 0;
    free(path);
    return path ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

static smbkit_status size_of(const struct change *c, struct smbkit_attr *attr, uint64_t *size_r)
{
    *attr = (struct smbkit_attr){.struct_size = sizeof(*attr)};
    smbkit_status st = smbkit_next_getattr(c->q->next, c->op, c->f->below, attr);
    *size_r = SMBKIT_OK(st) && !c->f->is_directory ? attr->size : 0;
    return st;
}

/* Its turn is had, unless an error is answered. */
static smbkit_status begin(struct change *c, struct smbkit_attr *attr)
{
    uint64_t size;
    smbkit_status st = quota_ready(c->q, c->op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    pthread_rwlock_rdlock(&c->q->counting);
    st = size_of(c, attr, &size); /* for its number */
    c->turn = &c->q->turns[attr->file_id % QUOTA_TURNS];
    pthread_mutex_lock(c->turn);
    st = SMBKIT_OK(st) ? size_of(c, attr, &c->size) : st;
    st = SMBKIT_OK(st) ? owner_of(c) : st;
    st = SMBKIT_OK(st) ? folders_of(c) : st;
    if (!SMBKIT_OK(st)) {
        pthread_mutex_unlock(c->turn);
        pthread_rwlock_unlock(&c->q->counting);
    }
    return st;
}

static void end(const struct change *c)
{
    pthread_mutex_unlock(c->turn);
    pthread_rwlock_unlock(&c->q->counting);
}

static smbkit_status pass(const struct change *c)
{
    return named_pass(c->q->files, c->q->next, c->call);
}

/* ---- changes of data ---- */

/* How long the file may be after it; 0: not longer than it is. */
static uint64_t end_of(const struct pass_call *call, uint64_t size)
{
    const struct smbkit_io *io = call->args;
    const struct smbkit_copy *copy = call->args;
    switch (call->id) {
    case SMBKIT_OP_write:
        return (io->flags & SMBKIT_IO_APPEND ? size : io->offset) + io->length;
    case SMBKIT_OP_set_size:
        return ((const struct smbkit_size *)call->args)->size;
    case SMBKIT_OP_copy_range:
    case SMBKIT_OP_clone_range:
        return copy->offset + copy->length;
    default:
        return 0;
    }
}

static bool may_shrink(uint32_t id)
{
    return id != SMBKIT_OP_write && id != SMBKIT_OP_copy_range && id != SMBKIT_OP_clone_range;
}

static smbkit_status change_data(struct change *c)
{
    struct smbkit_attr attr;
    uint64_t after = 0;
    uint64_t streams = 0;
    uint64_t streams_after = 0;
    bool drops = c->call->id == SMBKIT_OP_overwrite && !c->f->is_stream;
    smbkit_status st = begin(c, &attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    uint64_t wanted = end_of(c->call, c->size);
    uint64_t more = wanted > c->size ? wanted - c->size : 0;
    if (more == 0 && !may_shrink(c->call->id)) {
        st = pass(c);
        end(c);
        return st;
    }
    st = drops ? quota_streams(c->q, c->op, c->f->below, &streams) : st;
    st = SMBKIT_OK(st) ? quota_charge(c->q, &c->places, more) : st;
    if (SMBKIT_OK(st)) {
        st = pass(c);
        bool is_known = SMBKIT_OK(size_of(c, &attr, &after));
        if (drops && is_known) {
            is_known = SMBKIT_OK(quota_streams(c->q, c->op, c->f->below, &streams_after));
        }
        int64_t grown = (int64_t)(after + streams_after - c->size - streams - more);
        if (is_known && grown != 0) {
            quota_adjust(c->q, &c->places, grown);
        }
    }
    end(c);
    return st;
}

/* ---- names ---- */

/* Bytes that go with the last name of what is open. */
static smbkit_status bytes_of(const struct change *c, const struct smbkit_attr *attr,
                              uint64_t *bytes_r)
{
    uint64_t streams = 0;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (!c->f->is_stream) {
        st = quota_streams(c->q, c->op, c->f->below, &streams);
    }
    bool stays = !c->f->is_stream && !c->f->is_directory && attr->link_count > 1;
    *bytes_r = stays ? 0 : c->size + streams;
    return st;
}

static smbkit_status change_remove(struct change *c)
{
    struct smbkit_attr attr;
    uint64_t bytes;
    smbkit_status st = begin(c, &attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = bytes_of(c, &attr, &bytes);
    st = SMBKIT_OK(st) ? pass(c) : st;
    if (SMBKIT_OK(st)) {
        quota_adjust(c->q, &c->places, -(int64_t)bytes);
    }
    end(c);
    return st;
}

/* Is what was found at a path the file itself, by other letters? */
static bool is_itself(const struct change *c, const struct smbkit_attr *found, const char *path)
{
    struct smbkit_attr own = {.struct_size = sizeof(own)};
    if (!SMBKIT_OK(smbkit_next_getattr(c->q->next, c->op, c->f->below, &own))) {
        return true; /* rather too much is counted than too little */
    }
    if (own.file_id != 0) {
        return own.file_id == found->file_id && own.file_id_high == found->file_id_high &&
               own.file_domain == found->file_domain;
    }
    char *from = named_path_dup(c->q->files, c->f);
    const char *rest = from ? letters_below(path, from, true) : "";
    bool is = !from || (rest && !*rest);
    free(from);
    return is;
}

/* What a rename or link replaces: its bytes, and who has them. */
static smbkit_status replaced(struct change *c, const struct smbkit_rename *a, uint64_t *bytes_r,
                              struct quota_places *p)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct named other = {0};
    struct change there = {.q = c->q, .op = c->op, .f = &other};
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_OPEN,
                                .path = a->new_path,
                                .access = SMBKIT_READ_ATTRIBUTES | SMBKIT_READ_CONTROL,
                                .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT,
                                .attr = &attr};
    *bytes_r = 0;
    if (!(a->flags & SMBKIT_RENAME_REPLACE) || a->new_stream) {
        return SMBKIT_STATUS_SUCCESS; /* what a stream replaces is empty */
    }
    smbkit_status st = smbkit_next_create(c->q->next, c->op, &how);
    if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    other.below = how.file;
    other.is_directory = attr.attributes & SMBKIT_ATTR_DIRECTORY;
    there.size = other.is_directory ? 0 : attr.size;
    if (!is_itself(c, &attr, a->new_path)) {
        st = bytes_of(&there, &attr, bytes_r);
        st = SMBKIT_OK(st) ? quota_owner(c->q, c->op, how.file, &p->user) : st;
    }
    p->folders = quota_folders_of(c->q, a->new_path);
    smbkit_next_close(c->q->next, c->op, how.file);
    return st;
}

/* Where folders have accounts nothing goes from one to another but by a copy, as from disk to disk.
 */
static smbkit_status check_way(struct quota *q, struct named *f, const char *to)
{
    char *from = named_path_dup(q->files, f);
    if (!from) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    bool stays = quota_folders_of(q, from) == quota_folders_of(q, to) &&
                 !quota_has_folder_below(q, from) && !quota_has_folder_below(q, to);
    free(from);
    return stays ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NOT_SAME_DEVICE;
}

static smbkit_status change_name(struct change *c)
{
    const struct smbkit_rename *a = c->call->args;
    struct quota_places p = {0};
    uint64_t bytes;
    smbkit_status st = quota_ready(c->q, c->op);
    st = SMBKIT_OK(st) && !a->new_stream ? check_way(c->q, c->f, a->new_path) : st;
    if (!SMBKIT_OK(st)) {
        return st;
    }
    pthread_rwlock_rdlock(&c->q->counting);
    st = replaced(c, a, &bytes, &p);
    st = SMBKIT_OK(st) ? pass(c) : st;
    if (SMBKIT_OK(st)) {
        quota_adjust(c->q, &p, -(int64_t)bytes);
    }
    pthread_rwlock_unlock(&c->q->counting);
    return st;
}

/* ---- owners ---- */

static smbkit_status change_owner(struct change *c)
{
    struct smbkit_attr attr;
    uint64_t streams;
    smbkit_status st = begin(c, &attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct quota_places before = {.user = c->places.user};
    /* Through a stream the file's own size is not seen, nor does its owner change so. */
    st = quota_streams(c->q, c->op, c->f->below, &streams);
    st = SMBKIT_OK(st) ? pass(c) : st;
    if (SMBKIT_OK(st)) {
        atomic_fetch_add(&c->q->owners_turn, 1);
    }
    if (SMBKIT_OK(st) && SMBKIT_OK(owner_of(c)) && c->places.user != before.user) {
        struct quota_places after = {.user = c->places.user};
        uint64_t bytes = streams + (c->f->is_stream ? 0 : c->size);
        quota_adjust(c->q, &before, -(int64_t)bytes);
        quota_adjust(c->q, &after, (int64_t)bytes);
    }
    end(c);
    return st;
}

/* ---- the volume ---- */

/* Of the folder that is asked about, or the whole share. */
static smbkit_status volume_info(struct quota *q, const struct pass_call *call)
{
    struct smbkit_volume_info *a = call->args;
    struct named *f = a->file;
    uint64_t limit;
    uint64_t left;
    smbkit_status st = named_pass(q->files, q->next, call);
    char *path = f ? named_path_dup(q->files, f) : strdup("");
    char *within = NULL;
    if (path) { /* a folder with an account is asked about as what lies in it */
        size_t len = strlen(path);
        within = malloc(len + 3);
    }
    if (within) {
        strcpy(within, path);
        strcat(within, f && f->is_directory && *path ? "/." : "");
    }
    if (SMBKIT_OK(st) && within && atomic_load(&q->is_counted) &&
        quota_room(q, quota_folders_of(q, within), &limit, &left)) {
        a->total_bytes = limit < a->total_bytes ? limit : a->total_bytes;
        a->free_bytes = left < a->free_bytes ? left : a->free_bytes;
        a->available_bytes = left < a->available_bytes ? left : a->available_bytes;
    }
    free(within);
    free(path);
    return st;
}

static smbkit_status of_volume(struct quota *q, const struct pass_call *call)
{
    smbkit_status st;
    switch (call->id) {
    case SMBKIT_OP_create:
        quota_user_named(q, call->op->who);
        return named_pass(q->files, q->next, call);
    case SMBKIT_OP_volume_info:
        return volume_info(q, call);
    case SMBKIT_OP_get_quota:
        st = quota_ready(q, call->op);
        return SMBKIT_OK(st) ? quota_get(q, call->args) : st;
    case SMBKIT_OP_set_quota:
        return quota_set(q, call->args);
    case SMBKIT_OP_control:
        return quota_control(q, call->op, call->args);
    case SMBKIT_OP_reconfigure:
        return SMBKIT_STATUS_NOT_SUPPORTED;
    default:
        return named_pass(q->files, q->next, call);
    }
}

static smbkit_status of_file(struct quota *q, const struct pass_call *call)
{
    struct change c = {.q = q, .op = call->op, .f = call->file, .call = call};
    switch (call->id) {
    case SMBKIT_OP_write:
    case SMBKIT_OP_set_size:
    case SMBKIT_OP_overwrite:
    case SMBKIT_OP_allocate:
    case SMBKIT_OP_copy_range:
    case SMBKIT_OP_clone_range:
        return change_data(&c);
    case SMBKIT_OP_remove:
        return change_remove(&c);
    case SMBKIT_OP_rename:
    case SMBKIT_OP_link:
        return change_name(&c);
    case SMBKIT_OP_set_security:
        return change_owner(&c);
    case SMBKIT_OP_file_fd: /* what goes by that is not counted */
        return SMBKIT_STATUS_NOT_SUPPORTED;
    default:
        return named_pass(q->files, q->next, call);
    }
}

static smbkit_status every_call(void *volume, struct smbkit_op *op, uint32_t id, void *file,
                                void *args)
{
    const struct pass_call call = {.op = op, .id = id, .file = file, .args = args};
    return file ? of_file(volume, &call) : of_volume(volume, &call);
}
SMBKIT_OPERATIONS(EVERY_DEFINE)

static void quota_close(void *volume, struct smbkit_op *op, void *file)
{
    struct quota *q = volume;
    named_close(q->files, q->next, op, file);
}

static void quota_volume_close(void *volume)
{
    struct quota *q = volume;
    quota_accounts_fini(q);
    free(q->keep);
    named_fini(q->files);
    free(q->files);
    pthread_rwlock_destroy(&q->counting);
    for (uint32_t i = 0; i < QUOTA_TURNS; i++) {
        pthread_mutex_destroy(&q->turns[i]);
    }
    pthread_mutex_destroy(&q->keeping);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

static smbkit_status quota_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct quota *q = calloc(1, sizeof(*q));
    struct named_table *files = malloc(sizeof(*files));
    if (!q || !files) {
        free(q);
        free(files);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    q->files = files;
    q->next = args->next;
    q->default_limit = q->default_threshold = QUOTA_NONE;
    q->has_streams = args->features & SMBKIT_FEATURE_STREAMS;
    named_init(q->files, NULL, NULL);
    q->files->ignores_case = args->features & SMBKIT_FEATURE_IGNORES_CASE;
    fair_lock_init(&q->counting);
    for (uint32_t i = 0; i < QUOTA_TURNS; i++) {
        pthread_mutex_init(&q->turns[i], NULL);
    }
    pthread_mutex_init(&q->keeping, NULL);
    pthread_mutex_init(&q->lock, NULL);
    smbkit_status st = quota_args(q, args);
    if (!SMBKIT_OK(st)) {
        quota_volume_close(q);
        return st;
    }
    /* Locks are held over calls below, so it answers on workers only. */
    args->features &=
        ~(SMBKIT_FEATURE_NEVER_BLOCKS | SMBKIT_FEATURE_TRIES_NOWAIT | SMBKIT_FEATURE_OPEN_BY_ID);
    args->features |= SMBKIT_FEATURE_QUOTA;
    *volume_r = q;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_plugin quota_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER,
    .name = "quota",
    .description = "bounds how much users and folders may have",
    .version = "1",
    .config_help =
        "user=NAME:SIZE    what files of that user (or SID) may take; may be repeated\n"
        "default=SIZE      what those of each other user may take; default: none\n"
        "folder=PATH:SIZE  what lies below that folder, / being the share; may be "
        "repeated\n"
        "keep=FILE         limits that are set by command or by clients are kept there\n",
    .volume_open = quota_volume_open,
    .volume_close = quota_volume_close,
    .close = quota_close,
    .file_below = named_file_below,
    SMBKIT_OPERATIONS(EVERY_MEMBER)};

SMBKIT_REGISTER(quota_filter)
