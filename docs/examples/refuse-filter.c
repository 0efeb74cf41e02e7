/* SPDX-License-Identifier: Apache-2.0 */
/* A filter that gives no file a new name with a certain ending, as an example: smbkit-filter(3).
 * What it does not have passes by it. */
#include <smbkit/filter.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct refuse {
    struct smbkit_next *next;
    const char *ending; /* of the arguments, while they are taken; then a copy */
};

static const struct smbkit_param params[] = {{.key = "ending",
                                              .kind = SMBKIT_PARAM_TEXT,
                                              .offset = offsetof(struct refuse, ending),
                                              .min = 1,
                                              .max = 32,
                                              .flags = SMBKIT_PARAM_REQUIRED},
                                             {.key = NULL}};

static smbkit_status refuse_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct refuse *r = calloc(1, sizeof(*r));
    if (!r) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status status = smbkit_args_take(args, params, r);
    r->next = args->next;
    r->ending = SMBKIT_OK(status) ? strdup(r->ending) : NULL;
    if (!r->ending) {
        free(r);
        return SMBKIT_OK(status) ? SMBKIT_STATUS_NO_MEMORY : status;
    }
    *volume_r = r;
    return SMBKIT_STATUS_SUCCESS;
}

static void refuse_volume_close(void *volume)
{
    struct refuse *r = volume;
    free((void *)r->ending);
    free(r);
}

/* Upper and lower case are alike to clients. This knows the letters of ASCII; an ending of others
 * wants a library's case folding. */
static int is_refused(const struct refuse *r, const char *path)
{
    size_t len = strlen(path);
    size_t n = strlen(r->ending);
    return len >= n && strcasecmp(path + len - n, r->ending) == 0;
}

static smbkit_status refuse_create(void *volume, struct smbkit_op *op, struct smbkit_create *how)
{
    struct refuse *r = volume;
    if (how->disposition != SMBKIT_OPEN && is_refused(r, how->path)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    return smbkit_next_create(r->next, op, how);
}

static void refuse_close(void *volume, struct smbkit_op *op, void *file)
{
    struct refuse *r = volume;
    smbkit_next_close(r->next, op, file);
}

static smbkit_status refuse_rename(void *volume, struct smbkit_op *op, void *file,
                                   const struct smbkit_rename *a)
{
    struct refuse *r = volume;
    return is_refused(r, a->new_path) ? SMBKIT_STATUS_ACCESS_DENIED
                                      : smbkit_next_rename(r->next, op, file, a);
}

static smbkit_status refuse_link(void *volume, struct smbkit_op *op, void *file,
                                 const struct smbkit_rename *a)
{
    struct refuse *r = volume;
    return is_refused(r, a->new_path) ? SMBKIT_STATUS_ACCESS_DENIED
                                      : smbkit_next_link(r->next, op, file, a);
}

static const struct smbkit_plugin refuse = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING | SMBKIT_SEES_SEGMENTS,
    .name = "refuse",
    .description = "refuses new names with an ending",
    .version = "1",
    .config_help = "ending=TEXT  what no new name may end in, such as .exe; required\n",
    .volume_open = refuse_volume_open,
    .volume_close = refuse_volume_close,
    .create = refuse_create,
    .close = refuse_close,
    .rename = refuse_rename,
    .link = refuse_link,
};
SMBKIT_REGISTER(refuse)
