/* SPDX-License-Identifier: Apache-2.0 */
/* encrypt: what clients write, and what they call it, lies encrypted on the volume below. */
#include "encrypt.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "every.h"
#include "fair_lock.h"

#define PATH_ROOM 98305u /* 3 bytes for each unit of the longest path */

/* ---- files ---- */

static void encrypt_close(void *volume, struct smbkit_op *op, void *file)
{
    encrypt_file_close(volume, op, file);
}

static void *encrypt_file_below(void *volume, void *file)
{
    (void)volume;
    return ((struct encrypt_file *)file)->below;
}

static smbkit_status pass(const struct encrypt_call *c, uint32_t id, void *args)
{
    return smbkit_api->next(c->e->next, id, c->op, c->f->below, args);
}

static smbkit_status getattr(const struct encrypt_call *c, struct smbkit_attr *a)
{
    struct encrypt_node *n = c->f->node;
    bool is_shared = n && !n->is_private;
    if (is_shared) { /* a change that is under way shows as a whole */
        pthread_rwlock_rdlock(&n->lock);
    }
    smbkit_status st = pass(c, SMBKIT_OP_getattr, a);
    if (SMBKIT_OK(st)) {
        encrypt_attr(a, n != NULL);
    }
    if (is_shared) {
        if (SMBKIT_OK(st) && n->is_loaded) {
            a->size = n->head.size;
        }
        pthread_rwlock_unlock(&n->lock);
    }
    return st;
}

static smbkit_status overwrite(const struct encrypt_call *c, struct smbkit_overwrite *a)
{
    struct smbkit_overwrite below = *a;
    struct smbkit_bytes sealed = {0};
    if (!c->f->node) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (a->ea.len > 0 && !encrypt_ea_seal(c->e, a->ea, &sealed)) {
        return SMBKIT_STATUS_EA_TOO_LARGE;
    }
    below.ea = sealed;
    if (a->alloc_size > 0 && a->alloc_size < ENCRYPT_SIZE_MAX) {
        below.alloc_size = encrypt_stored(a->alloc_size);
    }
    encrypt_enter_anew(c);
    smbkit_status st = smbkit_next_overwrite(c->e->next, c->op, c->f->below, &below);
    if (SMBKIT_OK(st)) {
        st = encrypt_renew(c);
        st = SMBKIT_OK(st) ? pass(c, SMBKIT_OP_getattr, a->attr) : st;
        encrypt_attr(a->attr, true);
    }
    encrypt_leave(c);
    free((void *)(uintptr_t)sealed.base);
    return st;
}

/* The header is written before, if it knows of fewer blocks than there are. */
static smbkit_status flush(const struct encrypt_call *c, uint32_t id, void *args)
{
    struct encrypt_node *n = c->f->node;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (n && !n->is_private) {
        encrypt_enter_anew(c);
        if (n->is_loaded && n->is_dirty) {
            st = encrypt_head_write(c);
        }
        encrypt_leave(c);
    }
    return SMBKIT_OK(st) ? pass(c, id, args) : st;
}

static smbkit_status get_path(const struct encrypt_call *c, struct smbkit_buffer *b)
{
    struct smbkit_buffer below = {.base = malloc(PATH_ROOM), .cap = PATH_ROOM - 1};
    smbkit_status st = below.base ? pass(c, SMBKIT_OP_get_path, &below) : SMBKIT_STATUS_NO_MEMORY;
    char *path = NULL;
    if (SMBKIT_OK(st)) {
        below.base[below.len < below.cap ? below.len : below.cap] = '\0';
        path = encrypt_path_back(&c->e->keys.names, (const char *)below.base);
        st = path ? st : SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
    }
    if (path) {
        b->len = (uint32_t)strlen(path);
        st = b->len <= b->cap ? st : SMBKIT_STATUS_BUFFER_TOO_SMALL;
        if (SMBKIT_OK(st)) {
            memcpy(b->base, path, b->len);
        }
    }
    free(path);
    free(below.base);
    return st;
}

/* What is not had here, each with the answer that says so. */
static smbkit_status absent(uint32_t id)
{
    switch (id) {
    case SMBKIT_OP_trim: /* a hint */
    case SMBKIT_OP_watch:
    case SMBKIT_OP_lock:
    case SMBKIT_OP_cache_request:
    case SMBKIT_OP_cache_ack:
        return SMBKIT_STATUS_SUCCESS;
    case SMBKIT_OP_get_reparse:
        return SMBKIT_STATUS_NOT_A_REPARSE_POINT;
    case SMBKIT_OP_ioctl:
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    default: /* file_fd, clone_range, set_reparse */
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
}

static smbkit_status of_file(const struct encrypt_call *c, uint32_t id, void *args)
{
    switch (id) {
    case SMBKIT_OP_read:
        return encrypt_read(c, args);
    case SMBKIT_OP_write:
        return encrypt_write(c, args);
    case SMBKIT_OP_getattr:
        return getattr(c, args);
    case SMBKIT_OP_overwrite:
        return overwrite(c, args);
    case SMBKIT_OP_set_size:
        return encrypt_set_size(c, ((const struct smbkit_size *)args)->size);
    case SMBKIT_OP_allocate:
        return encrypt_allocate(c, args);
    case SMBKIT_OP_zero_range:
        return encrypt_zero(c, args);
    case SMBKIT_OP_ranges:
        return encrypt_ranges(c, args);
    case SMBKIT_OP_copy_range:
        return encrypt_copy(c, args);
    case SMBKIT_OP_flush:
    case SMBKIT_OP_commit:
        return flush(c, id, args);
    case SMBKIT_OP_enumerate:
    case SMBKIT_OP_streams:
        return encrypt_list(c, id, args);
    case SMBKIT_OP_get_path:
        return get_path(c, args);
    case SMBKIT_OP_rename:
    case SMBKIT_OP_link:
        return encrypt_rename(c, id, args);
    case SMBKIT_OP_get_ea:
        return encrypt_get_ea(c, args);
    case SMBKIT_OP_set_ea:
        return encrypt_set_ea(c, args);
    case SMBKIT_OP_remove:
    case SMBKIT_OP_check_remove:
    case SMBKIT_OP_setattr:
    case SMBKIT_OP_get_security:
    case SMBKIT_OP_set_security:
    case SMBKIT_OP_set_sparse:
    case SMBKIT_OP_get_compression:
    case SMBKIT_OP_set_compression:
    case SMBKIT_OP_object_id:
    case SMBKIT_OP_access_check:
        return pass(c, id, args);
    default:
        return absent(id);
    }
}

/* ---- the volume ---- */

static smbkit_status volume_info(struct encrypt *e, struct smbkit_op *op,
                                 struct smbkit_volume_info *a)
{
    void *file = a->file;
    a->file = file ? ((struct encrypt_file *)file)->below : NULL;
    smbkit_status st = smbkit_next_volume_info(e->next, op, a);
    a->file = file;
    a->component_max = encrypt_name_fits(a->component_max);
    return st;
}

/* A root that is not called by a name of ours could not be shown, and no other may be. */
static smbkit_status session_root(struct encrypt *e, struct smbkit_op *op,
                                  struct smbkit_session_root *a)
{
    struct smbkit_session_root below = *a;
    below.path = (struct smbkit_buffer){.base = malloc(PATH_ROOM), .cap = PATH_ROOM - 1};
    smbkit_status st = below.path.base ? encrypt_ready(e, op, false) : SMBKIT_STATUS_NO_MEMORY;
    st = SMBKIT_OK(st) ? smbkit_next_session_root(e->next, op, &below) : st;
    char *path = NULL;
    if (SMBKIT_OK(st)) {
        below.path.base[PATH_ROOM - 1] = '\0';
        path = encrypt_path_back(&e->keys.names, (const char *)below.path.base);
        st = path ? st : SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (path) {
        a->path.len = (uint32_t)strlen(path) + 1;
        st = a->path.len <= a->path.cap ? st : SMBKIT_STATUS_BUFFER_TOO_SMALL;
        if (SMBKIT_OK(st)) {
            memcpy(a->path.base, path, a->path.len);
        }
    }
    free(path);
    free(below.path.base);
    return st;
}

static smbkit_status refused(struct encrypt *e, struct smbkit_op *op,
                             const struct smbkit_refused *a)
{
    struct smbkit_refused below = *a;
    char name[ENCRYPT_NAME_ROOM] = "";
    char *path = NULL;
    smbkit_status st = encrypt_ready(e, op, false);
    st = SMBKIT_OK(st) ? encrypt_path(&e->keys.names, a->path, &path) : st;
    if (SMBKIT_OK(st) && a->stream) {
        st = encrypt_name(&e->keys.names, ENCRYPT_OF_STREAM, a->stream, name);
    }
    below.path = path;
    below.stream = a->stream ? name : NULL;
    st = SMBKIT_OK(st) ? smbkit_next_refused(e->next, op, &below) : st;
    free(path);
    return st;
}

static smbkit_status say_status(struct encrypt *e, struct smbkit_control *a, bool is_json)
{
    return answer(a,
                  is_json ? "{\"open\":%u,\"damaged\":%llu,\"key_fits\":%s}"
                          : "open=%u damaged=%llu key_fits=%s",
                  atomic_load(&e->opens), (unsigned long long)atomic_load(&e->damaged),
                  atomic_load(&e->is_bad) ? "false" : "true");
}

static smbkit_status control(struct encrypt *e, struct smbkit_op *op, struct smbkit_control *a)
{
    const char *path = answer_is(a, "key");
    bool is_json = strcmp(a->command, "status json") == 0;
    if (is_json || strcmp(a->command, "status") == 0) {
        return say_status(e, a, is_json);
    }
    if (path) {
        return *path ? encrypt_key_change(e, op, a, path)
                     : answer_wrong(a, "key FILE: of which file?");
    }
    return strcmp(a->command, "help") == 0
               ? answer(a, "key FILE  the volume opens with that key from now on\n"
                           "status    files that are open, and what was found to be damaged")
               : smbkit_next_control(e->next, op, a);
}

static smbkit_status of_volume(struct encrypt *e, struct smbkit_op *op, uint32_t id, void *args)
{
    switch (id) {
    case SMBKIT_OP_create:
        return encrypt_create(e, op, args);
    case SMBKIT_OP_lookup:
        return encrypt_lookup(e, op, args);
    case SMBKIT_OP_volume_info:
        return volume_info(e, op, args);
    case SMBKIT_OP_session_root:
        return session_root(e, op, args);
    case SMBKIT_OP_refused:
        return refused(e, op, args);
    case SMBKIT_OP_control:
        return control(e, op, args);
    case SMBKIT_OP_reconfigure:
        return SMBKIT_STATUS_NOT_SUPPORTED;
    default: /* snapshots, quotas */
        return smbkit_api->next(e->next, id, op, NULL, args);
    }
}

static smbkit_status every_call(void *volume, struct smbkit_op *op, uint32_t id, void *file,
                                void *args)
{
    const struct encrypt_call c = {volume, op, file};
    return file ? of_file(&c, id, args) : of_volume(volume, op, id, args);
}
SMBKIT_OPERATIONS(EVERY_DEFINE)

struct words {
    const char *key;
};
static const struct smbkit_param params[] = {{.key = "key",
                                              .kind = SMBKIT_PARAM_TEXT,
                                              .offset = offsetof(struct words, key),
                                              .min = 1,
                                              .max = 4096,
                                              .flags = SMBKIT_PARAM_REQUIRED},
                                             {.key = NULL}};

static void encrypt_volume_close(void *volume)
{
    struct encrypt *e = volume;
    explicit_bzero(&e->keys, sizeof(e->keys));
    explicit_bzero(e->key, sizeof(e->key));
    explicit_bzero(e->master, sizeof(e->master));
    pthread_rwlock_destroy(&e->common);
    pthread_mutex_destroy(&e->lock);
    pthread_mutex_destroy(&e->checking);
    free(e);
}

/* It answers on workers only; the core finds names in any letters, by listings. */
#define FEATURES_GONE                                                                              \
    (SMBKIT_FEATURE_NEVER_BLOCKS | SMBKIT_FEATURE_TRIES_NOWAIT | SMBKIT_FEATURE_IGNORES_CASE |     \
     SMBKIT_FEATURE_REPARSE | SMBKIT_FEATURE_CLONE | SMBKIT_FEATURE_REPORTS)

static smbkit_status encrypt_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct words w = {0};
    smbkit_status st = smbkit_args_take(args, params, &w);
    struct encrypt *e = SMBKIT_OK(st) ? calloc(1, sizeof(*e)) : NULL;
    if (!e) {
        return SMBKIT_OK(st) ? SMBKIT_STATUS_NO_MEMORY : st;
    }
    e->next = args->next;
    fair_lock_init(&e->common);
    pthread_mutex_init(&e->lock, NULL);
    pthread_mutex_init(&e->checking, NULL);
    if (!encrypt_init()) {
        snprintf(args->error, args->error_size, "libgcrypt has no AES-256 or HMAC-SHA-256");
        st = SMBKIT_STATUS_NOT_SUPPORTED;
    } else if (!encrypt_key_read(w.key, e->key, args->error, args->error_size)) {
        st = SMBKIT_STATUS_INVALID_PARAMETER;
    } else if (args->location[0] && encrypt_key_is_wrong(e->key, args->location)) {
        snprintf(args->error, args->error_size,
                 "key=%.150s is not the key of what is in the folder (" ENCRYPT_CHECK ")", w.key);
        st = SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!SMBKIT_OK(st)) {
        encrypt_volume_close(e);
        return st;
    }
    args->features &= ~FEATURES_GONE;
    args->location[0] = '\0';
    *volume_r = e;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_plugin encrypt_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER,
    .name = "encrypt",
    .description = "keeps data and names encrypted on the volume below",
    .version = "1",
    .config_help = "key=FILE  32 random bytes, which only the server's user may read\n",
    .volume_open = encrypt_volume_open,
    .volume_close = encrypt_volume_close,
    .close = encrypt_close,
    .file_below = encrypt_file_below,
    SMBKIT_OPERATIONS(EVERY_MEMBER)};

SMBKIT_REGISTER(encrypt_filter)
