/* SPDX-License-Identifier: Apache-2.0 */
/* readonly: a share, or what certain paths lead to, is not changed.
 *
 * All of a share: the core refuses (SMBKIT_FEATURE_READ_ONLY), and nothing comes here. By paths: an
 * open that would be granted something that changes the file is refused, and so is each change that
 * comes by another way. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "every.h"
#include "globs.h"
#include "named.h"

/* The rights by which a file is changed; a folder's are the same bits. */
#define WRITES                                                                                     \
    (SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA | SMBKIT_WRITE_EA | SMBKIT_DELETE_CHILD |              \
     SMBKIT_WRITE_ATTRIBUTES | SMBKIT_DELETE | SMBKIT_WRITE_DAC | SMBKIT_WRITE_OWNER)

#define MARK_READ_ONLY 0x1u
#define MARK_ABOVE 0x2u /* a pattern means something below it */

struct readonly {
    struct smbkit_next *next;
    /* immutable after volume_open */
    struct globs paths;
    struct named_table files;
};

static uint32_t marks_of(void *arg, const char *path)
{
    const struct readonly *r = arg;
    return (globs_match(&r->paths, path) ? MARK_READ_ONLY : 0) |
           (globs_match_below(&r->paths, path) ? MARK_ABOVE : 0);
}

/* What [MS-FSA] 2.1.5.1 has for volumes that are read-only: nothing is made there, and the rights
 * to change what is there are not granted. A client that asks for as much as there is gets the
 * rest. */
static smbkit_status check_create(const struct readonly *r, const struct smbkit_create *how)
{
    bool makes = how->disposition == SMBKIT_CREATE;
    if (!(makes || (how->access & WRITES)) || !globs_match(&r->paths, how->path)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    return makes ? SMBKIT_STATUS_MEDIA_WRITE_PROTECTED : SMBKIT_STATUS_ACCESS_DENIED;
}

/* A name goes, and another comes. */
static bool is_move_refused(const struct readonly *r, uint32_t marks, const struct smbkit_rename *a)
{
    return marks != 0 || (!a->new_stream && globs_match(&r->paths, a->new_path));
}

static bool changes(uint32_t id, const void *args)
{
    switch (id) {
    case SMBKIT_OP_object_id:
        return ((const struct smbkit_object_id *)args)->flags != SMBKIT_OBJECT_ID_GET;
    case SMBKIT_OP_remove:
    case SMBKIT_OP_check_remove:
    case SMBKIT_OP_setattr:
    case SMBKIT_OP_set_security:
    case SMBKIT_OP_write:
    case SMBKIT_OP_set_size:
    case SMBKIT_OP_overwrite:
    case SMBKIT_OP_allocate:
    case SMBKIT_OP_zero_range:
    case SMBKIT_OP_trim:
    case SMBKIT_OP_copy_range:
    case SMBKIT_OP_clone_range:
    case SMBKIT_OP_set_ea:
    case SMBKIT_OP_set_reparse:
    case SMBKIT_OP_set_sparse:
    case SMBKIT_OP_set_compression:
    case SMBKIT_OP_ioctl:
        return true;
    default:
        return false;
    }
}

static smbkit_status check_call(const struct readonly *r, uint32_t id, const struct named *f,
                                const void *args)
{
    if (id == SMBKIT_OP_create) {
        return check_create(r, args);
    }
    uint32_t marks = f ? named_marks(f) : 0;
    if (id == SMBKIT_OP_file_fd && marks != 0) {
        return SMBKIT_STATUS_NOT_SUPPORTED; /* it would be written by that */
    }
    bool is_refused = id == SMBKIT_OP_rename || id == SMBKIT_OP_link
                          ? is_move_refused(r, marks, args)
                          : (marks & MARK_READ_ONLY) && changes(id, args);
    return is_refused ? SMBKIT_STATUS_MEDIA_WRITE_PROTECTED : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status every_call(void *volume, struct smbkit_op *op, uint32_t id, void *file,
                                void *args)
{
    struct readonly *r = volume;
    smbkit_status status = check_call(r, id, file, args);
    const struct pass_call c = {.op = op, .id = id, .file = file, .args = args};
    return SMBKIT_OK(status) ? named_pass(&r->files, r->next, &c) : status;
}
SMBKIT_OPERATIONS(EVERY_DEFINE)

static void readonly_close(void *volume, struct smbkit_op *op, void *file)
{
    struct readonly *r = volume;
    named_close(&r->files, r->next, op, file);
}

/* ---- the volume ---- */

struct words {
    const char *paths;
};
static const struct smbkit_param params[] = {{.key = "paths",
                                              .kind = SMBKIT_PARAM_TEXT,
                                              .offset = offsetof(struct words, paths),
                                              .min = 1,
                                              .max = 4096},
                                             {.key = NULL}};

static void readonly_volume_close(void *volume)
{
    struct readonly *r = volume;
    named_fini(&r->files);
    globs_fini(&r->paths);
    free(r);
}

static smbkit_status take_args(struct readonly *r, const struct smbkit_volume_args *args)
{
    for (uint32_t i = 0; i < args->arg_count; i++) {
        struct words w = {0};
        if (smbkit_arg_take(args, i, params, &w) < 0) {
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
        enum globs_result result = globs_add(&r->paths, w.paths, '|');
        if (result != GLOBS_GOOD) {
            snprintf(args->error, args->error_size, "paths=%s: %s", w.paths,
                     globs_result_text(result));
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status readonly_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct readonly *r = calloc(1, sizeof(*r));
    if (!r) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    r->next = args->next;
    named_init(&r->files, marks_of, r);
    r->files.ignores_case = args->features & SMBKIT_FEATURE_IGNORES_CASE;
    smbkit_status status = take_args(r, args);
    if (SMBKIT_OK(status) && args->arg_count > 0 && r->paths.count == 0) {
        snprintf(args->error, args->error_size, "paths=: no pattern between the bars");
        status = SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!SMBKIT_OK(status)) {
        readonly_volume_close(r);
        return status;
    }
    args->features |= r->paths.count == 0 ? SMBKIT_FEATURE_READ_ONLY : 0;
    args->features &= ~SMBKIT_FEATURE_OPEN_BY_ID; /* files are known by the path they came by */
    *volume_r = r;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_plugin readonly_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING | SMBKIT_SEES_SEGMENTS,
    .name = "readonly",
    .description = "refuses every change, or those of certain paths",
    .version = "1",
    .config_help =
        "paths=PATTERN|...  only what lies there; may be repeated; default: everything\n",
    .volume_open = readonly_volume_open,
    .volume_close = readonly_volume_close,
    .close = readonly_close,
    .file_below = named_file_below,
    SMBKIT_OPERATIONS(EVERY_MEMBER)};

SMBKIT_REGISTER(readonly_filter)
