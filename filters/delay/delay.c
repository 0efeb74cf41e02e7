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

#define OP_NAME(kind, name, type) #name,
static const char *const op_names[] = {SMBKIT_OPERATIONS(OP_NAME)};

struct delay {
    struct smbkit_next *next;
    uint32_t ms[SMBKIT_OP_COUNT];
};

/* Sleep as the operation is to. CANCELLED: the client has lost interest. */
static smbkit_status delay_sleep(const struct smbkit_op *op, uint32_t ms)
{
    if (ms > 0 && (op->flags & SMBKIT_OP_NOWAIT)) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    while (ms > 0) {
        if (smbkit_op_is_cancelled(op)) {
            return SMBKIT_STATUS_CANCELLED;
        }
        uint32_t slice = ms < SLICE_MS ? ms : SLICE_MS;
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

static bool parse_ms(const char *text, uint32_t *ms_r)
{
    uint32_t ms = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9' && ms <= DELAY_MAX_MS; p++) {
        ms = ms * 10 + (uint32_t)(*p - '0');
    }
    *ms_r = ms;
    return p > text && !*p && ms <= DELAY_MAX_MS;
}

/* Set what the key names, an operation or all of them. False: it names none. */
static bool set_delay(struct delay *d, const char *key, uint32_t ms)
{
    bool found = false;
    bool all = strcmp(key, "all") == 0;
    for (size_t i = 0; i < SMBKIT_OP_COUNT; i++) {
        if (all || strcmp(key, op_names[i]) == 0) {
            d->ms[i] = ms;
            found = true;
        }
    }
    return found;
}

static smbkit_status delay_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct delay *d = calloc(1, sizeof(*d));
    if (!d) {
        snprintf(args->error, args->error_size, "delay: no memory");
        return SMBKIT_STATUS_NO_MEMORY;
    }
    d->next = args->next;
    for (uint32_t i = 0; i < args->arg_count; i++) {
        const struct smbkit_arg *arg = &args->args[i];
        uint32_t ms;
        bool good = parse_ms(arg->value, &ms);
        if (!good) {
            snprintf(args->error, args->error_size,
                     "delay: %s=%s is not a number of milliseconds up to %u", arg->key, arg->value,
                     DELAY_MAX_MS);
        } else if (!set_delay(d, arg->key, ms)) {
            good = false;
            snprintf(args->error, args->error_size,
                     "delay: there is no operation '%s'; all, or such as create, read, write",
                     arg->key);
        }
        if (!good) {
            free(d);
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
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
    .config_help = "OPERATION=MS  milliseconds before each; read, write, create, enumerate, ...\n"
                   "all=MS        the same for every operation but close\n",
    .volume_open = delay_volume_open,
    .volume_close = delay_volume_close,
    .close = delay_close,
    SMBKIT_OPERATIONS(OP_MEMBER)};

SMBKIT_REGISTER(delay_filter)
