/* SPDX-License-Identifier: Apache-2.0 */
/* log: one line in the server's log for each operation, when it is done: what it was, how it ended,
 * how long it took. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <smbkit/filter.h>

/* Bytes of names in a line, with their quotes and end; longer ones are cut. Together they leave
 * room for the rest of the server's 1024. */
#define SHARE_SIZE 100
#define USER_SIZE 100
#define PATH_SIZE 400
#define STREAM_SIZE 150
#define LINE_MAX_BYTES 1024

struct logger {
    struct smbkit_next *next;
    uint32_t level;
    char share[SHARE_SIZE]; /* quoted */
};

static uint64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000;
}

/* One operation under way. What its struct says goes into the line when it ends. */
struct entry {
    struct logger *l;
    struct smbkit_op *op;
    uint32_t id;
    void *file;
    const void *args;
    uint64_t start_us;
};

static const char *const op_names[] = {
#define OP_NAME(kind, name, type) #name,
    SMBKIT_OPERATIONS(OP_NAME)
#undef OP_NAME
};

/* ---- the arguments and results of each, "key=value key=value" ---- */

#define SAY(...) snprintf(text, LINE_MAX_BYTES, __VA_ARGS__)

static void say_create(const struct smbkit_create *a, bool ok, char *text)
{
    static const char *const kinds[] = {"any", "file", "directory"};
    char path[PATH_SIZE];
    char stream[STREAM_SIZE];
    SAY("path=%s stream=%s kind=%s how=%s access=0x%08x file=%p",
        smbkit_quote(a->path, path, sizeof(path)),
        a->stream ? smbkit_quote(a->stream, stream, sizeof(stream)) : "", kinds[a->kind % 3],
        a->disposition == SMBKIT_CREATE ? "create" : "open", a->access, ok ? a->file : NULL);
}

static void say_lookup(const struct smbkit_lookup *a, bool ok, char *text)
{
    char path[PATH_SIZE];
    (void)ok;
    SAY("path=%s", smbkit_quote(a->path, path, sizeof(path)));
}

static void say_enumerate(const struct smbkit_sink *a, bool ok, char *text)
{
    (void)ok;
    SAY("cookie=%" PRIu64 " attr=%u", a->cookie, a->want & SMBKIT_WANT_ATTR ? 1u : 0u);
}

static void say_get_path(const struct smbkit_buffer *a, bool ok, char *text)
{
    char path[PATH_SIZE];
    SAY("path=%s", smbkit_quote(ok ? (const char *)a->base : "", path, sizeof(path)));
}

static void say_rename(const struct smbkit_rename *a, bool ok, char *text)
{
    char path[PATH_SIZE];
    (void)ok;
    SAY("to=%s replace=%u", smbkit_quote(a->new_path, path, sizeof(path)),
        a->flags & SMBKIT_RENAME_REPLACE ? 1u : 0u);
}

static void say_getattr(const struct smbkit_attr *a, bool ok, char *text)
{
    SAY("size=%" PRIu64 " attributes=0x%x", ok ? a->size : 0, ok ? a->attributes : 0);
}

static void say_setattr(const struct smbkit_attr *a, bool ok, char *text)
{
    (void)ok;
    SAY("mask=0x%x attributes=0x%x created=%" PRIu64 " accessed=%" PRIu64 " written=%" PRIu64
        " changed=%" PRIu64,
        a->valid, a->attributes, a->create_time, a->access_time, a->write_time, a->change_time);
}

static void say_get_security(const struct smbkit_get_security *a, bool ok, char *text)
{
    (void)ok;
    SAY("room=%u needed=%u", a->buffer.cap, a->buffer.len);
}

static void say_set_security(const struct smbkit_set_security *a, bool ok, char *text)
{
    (void)ok;
    SAY("length=%u", a->security.len);
}

static void say_io(const struct smbkit_io *a, bool ok, char *text)
{
    SAY("offset=%" PRIu64 " length=%u done=%u", a->offset, a->length, ok ? a->done : 0);
}

static void say_size(const struct smbkit_size *a, bool ok, char *text)
{
    (void)ok;
    SAY("size=%" PRIu64, a->size);
}

static void say_allocate(const struct smbkit_size *a, bool ok, char *text)
{
    (void)ok;
    SAY("alloc_size=%" PRIu64, a->size);
}

static void say_overwrite(const struct smbkit_overwrite *a, bool ok, char *text)
{
    (void)ok;
    SAY("attributes=0x%x alloc_size=%" PRIu64, a->attributes, a->alloc_size);
}

static void say_span(const struct smbkit_span *a, bool ok, char *text)
{
    (void)ok;
    SAY("offset=%" PRIu64 " length=%" PRIu64, a->offset, a->length);
}

static void say_ranges(const struct smbkit_ranges *a, bool ok, char *text)
{
    SAY("offset=%" PRIu64 " length=%" PRIu64 " room=%u count=%u", a->offset, a->length, a->room,
        ok ? a->count : 0);
}

static void say_volume_info(const struct smbkit_volume_info *a, bool ok, char *text)
{
    (void)ok;
    SAY("total=%" PRIu64 " free=%" PRIu64, a->total_bytes, a->free_bytes);
}

static void say_args(const struct entry *e, bool ok, char *text)
{
#define CASE(op, fn)                                                                               \
    case SMBKIT_OP_##op:                                                                           \
        fn(e->args, ok, text);                                                                     \
        break
    switch (e->id) {
        CASE(create, say_create);
        CASE(lookup, say_lookup);
        CASE(enumerate, say_enumerate);
        CASE(get_path, say_get_path);
        CASE(rename, say_rename);
        CASE(link, say_rename);
        CASE(getattr, say_getattr);
        CASE(setattr, say_setattr);
        CASE(get_security, say_get_security);
        CASE(set_security, say_set_security);
        CASE(read, say_io);
        CASE(write, say_io);
        CASE(set_size, say_size);
        CASE(allocate, say_allocate);
        CASE(overwrite, say_overwrite);
        CASE(zero_range, say_span);
        CASE(trim, say_span);
        CASE(ranges, say_ranges);
        CASE(volume_info, say_volume_info);
    default:
        text[0] = '\0';
    }
#undef CASE
}

/* ---- lines ---- */

static void line(const struct entry *e, smbkit_status status)
{
    char text[LINE_MAX_BYTES];
    char file[32] = "";
    say_args(e, status == SMBKIT_STATUS_SUCCESS, text);
    if (e->file) {
        snprintf(file, sizeof(file), "file=%p ", e->file);
    }
    char user[USER_SIZE];
    smbkit_log(e->l->level, "share=%s user=%s op=%s %s%s%sstatus=%s us=%" PRIu64, e->l->share,
               smbkit_quote(e->op->who->user, user, sizeof(user)), op_names[e->id], file, text,
               text[0] ? " " : "", smbkit_status_name(status), now_us() - e->start_us);
}

/* The layer below has finished later. */
static void ended(void *arg, smbkit_status status)
{
    struct entry *e = arg;
    struct smbkit_op *op = e->op;
    line(e, status);
    free(e);
    smbkit_complete(op, status);
}

static smbkit_status pass(const struct entry *now,
                          smbkit_status (*next)(const struct entry *e, struct smbkit_op *op))
{
    struct entry *later = malloc(sizeof(*later));
    struct smbkit_op *child = later ? smbkit_child(now->op, ended, later) : NULL;
    if (!child) {
        free(later);
        smbkit_status status = next(now, now->op);
        line(now, status);
        return status;
    }
    *later = *now;
    smbkit_status status = next(now, child);
    if (status != SMBKIT_STATUS_PENDING) {
        line(now, status);
        free(later);
    }
    return status;
}

#define OP_FILE_VOLUME NULL
#define OP_FILE_FILE file
#define OP_WRAP(kind, name, type)                                                                  \
    static smbkit_status next_##name(const struct entry *e, struct smbkit_op *op)                  \
    {                                                                                              \
        void *file = e->file;                                                                      \
        (void)file;                                                                                \
        return smbkit_next_##name(e->l->next, op,                                                  \
                                  SMBKIT_FILE_ARG_##kind(type *)(uintptr_t) e->args);              \
    }                                                                                              \
    static smbkit_status log_##name(void *volume, struct smbkit_op *op,                            \
                                    SMBKIT_FILE_PARAM_##kind type *a)                              \
    {                                                                                              \
        const struct entry e = {.l = volume,                                                       \
                                .op = op,                                                          \
                                .id = SMBKIT_OP_##name,                                            \
                                .file = OP_FILE_##kind,                                            \
                                .args = a,                                                         \
                                .start_us = now_us()};                                             \
        return pass(&e, next_##name);                                                              \
    }
SMBKIT_OPERATIONS(OP_WRAP)

static void log_close(void *volume, struct smbkit_op *op, void *file)
{
    struct logger *l = volume;
    uint64_t start_us = now_us();
    char user[USER_SIZE];
    smbkit_next_close(l->next, op, file);
    smbkit_log(l->level, "share=%s user=%s op=close file=%p status=SUCCESS us=%" PRIu64, l->share,
               smbkit_quote(op->who->user, user, sizeof(user)), file, now_us() - start_us);
}

/* The words of --log-level, and what others write for warn. */
static const char *const levels[] = {"error", "warn", "info", "debug", "trace", "warning", NULL};
#define LEVEL_WARN 1u
#define LEVEL_WARNING 5u
static const struct smbkit_param params[] = {{.key = "level",
                                              .kind = SMBKIT_PARAM_CHOICE,
                                              .offset = offsetof(struct logger, level),
                                              .words = levels},
                                             {.key = NULL}};

static smbkit_status log_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct logger *l = calloc(1, sizeof(*l));
    if (!l) {
        snprintf(args->error, args->error_size, "no memory");
        return SMBKIT_STATUS_NO_MEMORY;
    }
    l->next = args->next;
    l->level = 2;
    (void)smbkit_quote(args->share_name, l->share, sizeof(l->share));
    smbkit_status status = smbkit_args_take(args, params, l);
    if (!SMBKIT_OK(status)) {
        free(l);
        return status;
    }
    l->level = l->level == LEVEL_WARNING ? LEVEL_WARN : l->level;
    *volume_r = l;
    return SMBKIT_STATUS_SUCCESS;
}

static void log_volume_close(void *volume)
{
    free(volume);
}

#define OP_MEMBER(kind, name, type) .name = log_##name,
static const struct smbkit_plugin log_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING | SMBKIT_SEES_SEGMENTS,
    .name = "log",
    .description = "logs each operation with its arguments, result and duration",
    .version = "1",
    .config_help = "level=LEVEL  error, warning, info (default) or debug\n",
    .volume_open = log_volume_open,
    .volume_close = log_volume_close,
    .close = log_close,
    SMBKIT_OPERATIONS(OP_MEMBER)};

SMBKIT_REGISTER(log_filter)
