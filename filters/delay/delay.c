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

/* X(name, parameters, arguments): every operation that can be delayed. */
#define OPERATIONS(X)                                                                              \
    X(volume_info, (struct smbkit_volume_info * info), (info))                                     \
    X(create, (const struct smbkit_create *how, void **file_r, struct smbkit_attr *attr),          \
      (how, file_r, attr))                                                                         \
    X(lookup, (const char *path, struct smbkit_attr *attr), (path, attr))                          \
    X(enumerate, (void *file, uint64_t cookie, struct smbkit_sink *sink), (file, cookie, sink))    \
    X(get_path, (void *file, char *buf, uint32_t cap), (file, buf, cap))                           \
    X(rename, (void *file, const char *new_path, uint32_t replace), (file, new_path, replace))     \
    X(link, (void *file, const char *new_path, uint32_t replace), (file, new_path, replace))       \
    X(remove, (void *file), (file))                                                                \
    X(getattr, (void *file, struct smbkit_attr *attr), (file, attr))                               \
    X(setattr, (void *file, uint32_t mask, const struct smbkit_attr *attr), (file, mask, attr))    \
    X(get_security, (void *file, uint8_t *buf, uint32_t cap, uint32_t *needed_bytes),              \
      (file, buf, cap, needed_bytes))                                                              \
    X(set_security, (void *file, const uint8_t *security, uint32_t len_bytes),                     \
      (file, security, len_bytes))                                                                 \
    X(read, (void *file, struct smbkit_io *io), (file, io))                                        \
    X(write, (void *file, struct smbkit_io *io), (file, io))                                       \
    X(flush, (void *file), (file))                                                                 \
    X(set_size, (void *file, uint64_t size), (file, size))                                         \
    X(overwrite, (void *file, uint32_t attributes, uint64_t alloc_size, struct smbkit_attr *attr), \
      (file, attributes, alloc_size, attr))                                                        \
    X(allocate, (void *file, uint64_t alloc_size), (file, alloc_size))                             \
    X(zero_range, (void *file, uint64_t offset, uint64_t length), (file, offset, length))          \
    X(ranges,                                                                                      \
      (void *file, uint64_t offset, uint64_t length, struct smbkit_range *out, uint32_t *count_r), \
      (file, offset, length, out, count_r))

#define OP_NUMBER(name, params, args) OP_##name,
enum { OPERATIONS(OP_NUMBER) OP_COUNT };

#define OP_NAME(name, params, args) #name,
static const char *const op_names[] = {OPERATIONS(OP_NAME)};

struct delay {
    struct smbkit_next *next;
    uint32_t ms[OP_COUNT];
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

#define PLAIN(...) __VA_ARGS__
#define OP_WRAP(name, params, args)                                                                \
    static smbkit_status delay_##name(void *volume, struct smbkit_op *op, PLAIN params)            \
    {                                                                                              \
        struct delay *d = volume;                                                                  \
        smbkit_status status = delay_sleep(op, d->ms[OP_##name]);                                  \
        return SMBKIT_OK(status) ? smbkit_next_##name(d->next, op, PLAIN args) : status;           \
    }
OPERATIONS(OP_WRAP)

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
    for (size_t i = 0; i < OP_COUNT; i++) {
        if (all || strcmp(key, op_names[i]) == 0) {
            d->ms[i] = ms;
            found = true;
        }
    }
    return found;
}

static smbkit_status delay_volume_open(const struct smbkit_volume_args *args, void **volume_r)
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
    *volume_r = d;
    return SMBKIT_STATUS_SUCCESS;
}

static void delay_volume_close(void *volume)
{
    free(volume);
}

#define OP_MEMBER(name, params, args) .name = delay_##name,
static const struct smbkit_plugin delay_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_API_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_TRIES_NOWAIT,
    .name = "delay",
    .description = "makes operations take longer",
    .version = "1",
    .config_help = "OPERATION=MS  milliseconds before each; read, write, create, enumerate, ...\n"
                   "all=MS        the same for every operation but close\n",
    .volume_open = delay_volume_open,
    .volume_close = delay_volume_close,
    .close = delay_close,
    OPERATIONS(OP_MEMBER)};

SMBKIT_REGISTER(delay_filter)
