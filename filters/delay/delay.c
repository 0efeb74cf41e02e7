/* SPDX-License-Identifier: Apache-2.0 */
/* delay: makes operations take longer, to see what a slow disk or network does to clients, and to
 * have tests find what goes wrong when an operation is cancelled, or overtaken, half way. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <smbkit/filter.h>

#define DELAY_MAX_MS 3600000u /* an hour: longer is a mistake */
#define SLICE_MS 10u          /* how soon a cancelled operation ends */

struct delay {
    struct smbkit_next *next;
    uint64_t ms[SMBKIT_OP_COUNT];
    uint64_t all_ms;
};

/* Sleep as the operation is to. CANCELLED: the client has lost interest. */
static smbkit_status delay_sleep(const struct smbkit_op *op, uint64_t ms)
{
    if (ms > 0 && (op->flags & SMBKIT_OP_NOWAIT)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    while (ms > 0) {
        if (smbkit_op_is_cancelled(op)) {
            return SMBKIT_STATUS_CANCELLED;
        }
        uint64_t slice = ms < SLICE_MS ? ms : SLICE_MS;
        struct timespec ts = {.tv_nsec = (long)slice * 1000000};
        nanosleep(&ts, NULL); /* a signal may cut a slice short */
        ms -= slice;
    }
    return SMBKIT_STATUS_SUCCESS;
}

#define OP_WRAP(kind, name, type)                                                                  \
    static smbkit_status delay_##name(void *volume, struct smbkit_op *op,                          \
                                      SMBKIT_FILE_PARAM_##kind type *a)                            \
    {                                                                                              \
        struct delay *d = volume;                                                                  \
        smbkit_status status = delay_sleep(op, d->ms[SMBKIT_OP_##name]);                           \
        return SMBKIT_OK(status) ? smbkit_next_##name(d->next, op, SMBKIT_FILE_ARG_##kind a)       \
                                 : status;                                                         \
    }
SMBKIT_OPERATIONS(OP_WRAP)

static void delay_close(void *volume, struct smbkit_op *op, void *file)
{
    smbkit_next_close(((struct delay *)volume)->next, op, file);
}

#define PARAM(name_, member)                                                                       \
    {.key = name_,                                                                                 \
     .kind = SMBKIT_PARAM_MS,                                                                      \
     .offset = offsetof(struct delay, member),                                                     \
     .max = DELAY_MAX_MS},
#define OP_PARAM(kind, name, type) PARAM(#name, ms[SMBKIT_OP_##name])
#define ALL_ROW 0
static const struct smbkit_param params[] = {PARAM("all", all_ms)
                                                 SMBKIT_OPERATIONS(OP_PARAM){.key = NULL}};

/* In their order: all=50,read=0 spares read. */
static bool parse_args(struct delay *d, const struct smbkit_volume_args *args)
{
    for (uint32_t i = 0; i < args->arg_count; i++) {
        int32_t row = smbkit_arg_take(args, i, params, d);
        if (row < 0) {
            return false;
        }
        for (size_t op = 0; row == ALL_ROW && op < SMBKIT_OP_COUNT; op++) {
            d->ms[op] = d->all_ms;
        }
    }
    return true;
}

static smbkit_status delay_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct delay *d = calloc(1, sizeof(*d));
    if (!d) {
        snprintf(args->error, args->error_size, "no memory");
        return SMBKIT_STATUS_NO_MEMORY;
    }
    d->next = args->next;
    if (!parse_args(d, args)) {
        free(d);
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (args->features & SMBKIT_FEATURE_NEVER_BLOCKS) {
        args->features &= ~SMBKIT_FEATURE_NEVER_BLOCKS;
        args->features |= SMBKIT_FEATURE_TRIES_NOWAIT;
    }
    *volume_r = d;
    return SMBKIT_STATUS_SUCCESS;
}

static void delay_volume_close(void *volume)
{
    free(volume);
}

#define OP_MEMBER(kind, name, type) .name = delay_##name,
static const struct smbkit_plugin delay_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING | SMBKIT_SEES_SEGMENTS,
    .name = "delay",
    .description = "makes operations take longer",
    .version = "1",
    .config_help = "OPERATION=TIME  before each: 250ms, 2s; read, write, create, enumerate, ...\n"
                   "all=TIME        the same for every operation but close\n",
    .volume_open = delay_volume_open,
    .volume_close = delay_volume_close,
    .close = delay_close,
    SMBKIT_OPERATIONS(OP_MEMBER)};

SMBKIT_REGISTER(delay_filter)
