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

#define SHARE_MAX 80 /* bytes of the share's name in a line */
#define USER_MAX 63  /* bytes of the user's name in a line */
#define LINE_MAX_BYTES 1024
#define QUOTED_MAX 700 /* bytes of a path in a line; a longer one is cut */

struct logger {
    struct smbkit_next *next;
    uint32_t level;
    char share[SHARE_MAX + 1];
};

static uint64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000;
}

/* A path between quotes. What would break the line or the quotes becomes \xNN. */
static const char *quote(const char *path, char *buf)
{
    size_t n = 0;
    buf[n++] = '"';
    for (const char *p = path; *p && n < QUOTED_MAX - 6; p++) {
        uint8_t c = (uint8_t)*p;
        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f) {
            n += (size_t)snprintf(buf + n, QUOTED_MAX - n, "\\x%02x", c);
        } else {
            buf[n++] = *p;
        }
    }
    buf[n++] = '"';
    buf[n] = '\0';
    return buf;
}

/* As it is where it is one word, else between quotes. */
static const char *word(const char *s, char *buf)
{
    bool plain = true;
    for (const char *p = s; *p; p++) {
        plain = plain && (uint8_t)*p > 0x20 && *p != '"' && *p != '\\';
    }
    return plain ? s : quote(s, buf);
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
    char path[QUOTED_MAX];
    char stream[QUOTED_MAX];
    SAY("path=%s stream=%s kind=%s how=%s access=0x%08x file=%p", quote(a->path, path),
        a->stream ? quote(a->stream, stream) : "", kinds[a->kind % 3],
        a->disposition == SMBKIT_CREATE ? "create" : "open", a->access, ok ? a->file : NULL);
}

static void say_lookup(const struct smbkit_lookup *a, bool ok, char *text)
{
    char path[QUOTED_MAX];
    (void)ok;
    SAY("path=%s", quote(a->path, path));
}

static void say_enumerate(const struct smbkit_sink *a, bool ok, char *text)
{
    (void)ok;
    SAY("cookie=%" PRIu64 " attr=%u", a->cookie, a->want & SMBKIT_WANT_ATTR ? 1u : 0u);
}

static void say_get_path(const struct smbkit_buffer *a, bool ok, char *text)
{
    char path[QUOTED_MAX];
    SAY("path=%s", quote(ok ? (const char *)a->base : "", path));
}

static void say_rename(const struct smbkit_rename *a, bool ok, char *text)
{
    char path[QUOTED_MAX];
    (void)ok;
    SAY("to=%s replace=%u", quote(a->new_path, path), a->flags & SMBKIT_RENAME_REPLACE ? 1u : 0u);
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
    char user[QUOTED_MAX];
    smbkit_log(e->l->level, "share=%s user=%.*s op=%s %s%s%sstatus=%s us=%" PRIu64, e->l->share,
               USER_MAX, word(e->op->who->user, user), op_names[e->id], file, text,
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
    char user[QUOTED_MAX];
    smbkit_next_close(l->next, op, file);
    smbkit_log(l->level, "share=%s user=%.*s op=close file=%p status=SUCCESS us=%" PRIu64, l->share,
               USER_MAX, word(op->who->user, user), file, now_us() - start_us);
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
    snprintf(l->share, sizeof(l->share), "%s", args->share_name);
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
