/* SPDX-License-Identifier: Apache-2.0 */
/* veto: names that are as if they were not there. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "every.h"
#include "leave_out.h"
#include "globs.h"
#include "named.h"
#include "veto_empty.h"

#define PATH_SIZE 4096 /* of a folder that is emptied; a longer one is not */

struct veto {
    struct smbkit_next *next;
    struct smbkit_host *host;
    /* immutable after volume_open */
    struct globs names;
    bool deletes;
    struct named_table files;
};

/* ---- paths ---- */

static bool is_vetoed_name(void *arg, const char *name)
{
    return globs_match_name(&((struct veto *)arg)->names, name);
}

/* SUCCESS: nothing in the path is vetoed. As Samba's: the last name is missing, or one before it.
 */
static smbkit_status check_path(const struct veto *v, const char *path)
{
    if (!globs_match(&v->names, path)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    const char *slash = strrchr(path, '/');
    char above[PATH_SIZE];
    int n = slash ? snprintf(above, sizeof(above), "%.*s", (int)(slash - path), path) : 0;
    bool is_above = n >= PATH_SIZE || (slash && globs_match(&v->names, above));
    return is_above ? SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
}

/* What is not there cannot be made either. */
static smbkit_status check_new_path(const struct veto *v, const char *path)
{
    smbkit_status st = check_path(v, path);
    return st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND ? SMBKIT_STATUS_ACCESS_DENIED : st;
}

static smbkit_status check_call(const struct veto *v, uint32_t id, const void *args)
{
    const struct smbkit_create *create = args;
    const struct smbkit_rename *rename = args;
    switch (id) {
    case SMBKIT_OP_create:
        return create->disposition == SMBKIT_CREATE ? check_new_path(v, create->path)
                                                    : check_path(v, create->path);
    case SMBKIT_OP_lookup:
        return check_path(v, ((const struct smbkit_lookup *)args)->path);
    case SMBKIT_OP_rename:
    case SMBKIT_OP_link:
        return rename->new_stream ? SMBKIT_STATUS_SUCCESS : check_new_path(v, rename->new_path);
    default:
        return SMBKIT_STATUS_SUCCESS;
    }
}

/* ---- listings ---- */

static smbkit_status veto_enumerate(struct veto *v, const struct pass_call *c)
{
    struct pass_call below = *c;
    below.file = ((struct named *)c->file)->below;
    return leave_out(v->next, &below, is_vetoed_name, v);
}

/* ---- folders that hold nothing else ---- */

/* To a client they are empty, so that only these two can tell. They are asked when a handle is to
 * be the last, or is closed, and may wait. What a client can see is the core's business. */
static smbkit_status veto_folder(struct veto *v, const struct pass_call *c)
{
    struct named *f = c->file;
    const struct veto_below below = {.next = v->next, .host = v->host, .op = c->op};
    smbkit_status st = veto_empty_check(&below, f->below, is_vetoed_name, v);
    if (st != SMBKIT_STATUS_DIRECTORY_NOT_EMPTY || !v->deletes) {
        return SMBKIT_OK(st) ? named_pass(&v->files, v->next, c) : st;
    }
    if (c->id == SMBKIT_OP_check_remove) {
        return named_pass(&v->files, v->next, c); /* whether others are there the core has seen */
    }
    char path[PATH_SIZE];
    named_path(&v->files, f, path, sizeof(path));
    if (strlen(path) + 1 == sizeof(path)) {
        return SMBKIT_STATUS_DIRECTORY_NOT_EMPTY;
    }
    st = veto_empty(&below, f->below, path, is_vetoed_name, v);
    return SMBKIT_OK(st) ? named_pass(&v->files, v->next, c) : st;
}

static bool is_of_folder(const struct pass_call *c)
{
    bool removes = c->id == SMBKIT_OP_remove || c->id == SMBKIT_OP_check_remove;
    return removes && ((const struct named *)c->file)->is_directory;
}

static smbkit_status every_call(void *volume, struct smbkit_op *op, uint32_t id, void *file,
                                void *args)
{
    struct veto *v = volume;
    const struct pass_call c = {.op = op, .id = id, .file = file, .args = args};
    if (id == SMBKIT_OP_enumerate) {
        return veto_enumerate(v, &c);
    }
    if (is_of_folder(&c)) {
        return op->flags & SMBKIT_OP_NOWAIT ? SMBKIT_STATUS_WOULD_BLOCK : veto_folder(v, &c);
    }
    smbkit_status status = check_call(v, id, args);
    return SMBKIT_OK(status) ? named_pass(&v->files, v->next, &c) : status;
}
SMBKIT_OPERATIONS(EVERY_DEFINE)

static void veto_close(void *volume, struct smbkit_op *op, void *file)
{
    struct veto *v = volume;
    named_close(&v->files, v->next, op, file);
}

/* ---- the volume ---- */

struct words {
    const char *files;
    uint32_t deletes;
};
static const struct smbkit_param params[] = {
    {.key = "files",
     .kind = SMBKIT_PARAM_TEXT,
     .offset = offsetof(struct words, files),
     .min = 1,
     .max = 4096,
     .flags = SMBKIT_PARAM_REQUIRED},
    {.key = "delete", .kind = SMBKIT_PARAM_FLAG, .offset = offsetof(struct words, deletes)},
    {.key = NULL}};

static void veto_volume_close(void *volume)
{
    struct veto *v = volume;
    named_fini(&v->files);
    globs_fini(&v->names);
    free(v);
}

static smbkit_status refuse(const struct smbkit_volume_args *args, const char *files,
                            const char *why)
{
    snprintf(args->error, args->error_size, "files=%.100s: %s", files, why);
    return SMBKIT_STATUS_INVALID_PARAMETER;
}

static smbkit_status take_args(struct veto *v, const struct smbkit_volume_args *args)
{
    struct words w = {0};
    smbkit_status st = smbkit_args_take(args, params, &w);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    enum globs_result result = globs_add(&v->names, w.files, '/');
    v->deletes = w.deletes;
    if (result != GLOBS_GOOD) {
        return refuse(args, w.files, globs_result_text(result));
    }
    return v->names.count > 0 ? st : refuse(args, w.files, "no name between the slashes");
}

static smbkit_status veto_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct veto *v = calloc(1, sizeof(*v));
    if (!v) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    v->next = args->next;
    v->host = args->host;
    named_init(&v->files, NULL, NULL);
    v->files.ignores_case = args->features & SMBKIT_FEATURE_IGNORES_CASE;
    smbkit_status st = take_args(v, args);
    if (!SMBKIT_OK(st)) {
        veto_volume_close(v);
        return st;
    }
    args->features &= ~SMBKIT_FEATURE_OPEN_BY_ID;       /* an id tells no name */
    if (args->features & SMBKIT_FEATURE_NEVER_BLOCKS) { /* remove does */
        args->features &= ~SMBKIT_FEATURE_NEVER_BLOCKS;
        args->features |= SMBKIT_FEATURE_TRIES_NOWAIT;
    }
    *volume_r = v;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_plugin veto_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING | SMBKIT_SEES_SEGMENTS,
    .name = "veto",
    .description = "keeps names from clients, as if they were not there",
    .version = "1",
    .config_help =
        "files=/NAME/...  which names, with * and ?; required\n"
        "delete=yes|no    a folder that holds nothing else goes with them; default: no\n",
    .volume_open = veto_volume_open,
    .volume_close = veto_volume_close,
    .close = veto_close,
    .file_below = named_file_below,
    SMBKIT_OPERATIONS(EVERY_MEMBER)};

SMBKIT_REGISTER(veto_filter)
