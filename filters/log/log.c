/* SPDX-License-Identifier: Apache-2.0 */
/* log: one line in the server's log for each operation, when it is done: what it was, how it ended,
 * how long it took. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <smbkit/filter.h>

#define SHARE_MAX 80 /* bytes of the share's name in a line */
#define USER_MAX 64  /* bytes of the user's name in a line, terminated */
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

/* One operation under way. */
struct entry {
    struct logger *l;
    const char *name;
    uint64_t start_us;
    char user[USER_MAX]; /* a copy: after PENDING, op may be gone */
};

static struct entry begin(void *volume, const struct smbkit_op *op, const char *name)
{
    struct entry e = {.l = volume, .name = name, .start_us = now_us()};
    snprintf(e.user, sizeof(e.user), "%s", op->who->user);
    return e;
}

/* The line; fmt and what follows are the arguments and results, "key=value key=value". Returns
 * status. */
__attribute__((format(printf, 3, 4))) static smbkit_status
end(const struct entry *e, smbkit_status status, const char *fmt, ...)
{
    char args[LINE_MAX_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(args, sizeof(args), fmt, ap);
    va_end(ap);
    char user[USER_MAX * 4 + 8];
    smbkit_log(e->l->level, "share=%s user=%s op=%s %s%sstatus=%s us=%" PRIu64, e->l->share,
               word(e->user, user), e->name, args, args[0] ? " " : "", smbkit_status_name(status),
               now_us() - e->start_us);
    return status;
}

static smbkit_status log_volume_info(void *volume, struct smbkit_op *op,
                                     struct smbkit_volume_info *info)
{
    struct entry e = begin(volume, op, "volume_info");
    smbkit_status status = smbkit_next_volume_info(e.l->next, op, info);
    return end(&e, status, "total=%" PRIu64 " free=%" PRIu64, info->total_bytes, info->free_bytes);
}

static smbkit_status log_create(void *volume, struct smbkit_op *op, const struct smbkit_create *how,
                                void **file_r, struct smbkit_attr *attr)
{
    static const char *const kinds[] = {"any", "file", "directory"};
    char path[QUOTED_MAX];
    struct entry e = begin(volume, op, "create");
    smbkit_status status = smbkit_next_create(e.l->next, op, how, file_r, attr);
    char stream[QUOTED_MAX] = "";
    return end(&e, status, "path=%s stream=%s kind=%s how=%s access=0x%08x file=%p",
               quote(how->path, path), how->stream ? quote(how->stream, stream) : "",
               kinds[how->kind % 3], how->disposition == SMBKIT_CREATE ? "create" : "open",
               how->access, SMBKIT_OK(status) ? *file_r : NULL);
}

static void log_close(void *volume, struct smbkit_op *op, void *file)
{
    struct entry e = begin(volume, op, "close");
    smbkit_next_close(e.l->next, op, file);
    (void)end(&e, SMBKIT_STATUS_SUCCESS, "file=%p", file);
}

static smbkit_status log_lookup(void *volume, struct smbkit_op *op, const char *path,
                                struct smbkit_attr *attr)
{
    char quoted[QUOTED_MAX];
    struct entry e = begin(volume, op, "lookup");
    smbkit_status status = smbkit_next_lookup(e.l->next, op, path, attr);
    return end(&e, status, "path=%s", quote(path, quoted));
}

static smbkit_status log_enumerate(void *volume, struct smbkit_op *op, void *file, uint64_t cookie,
                                   struct smbkit_sink *sink)
{
    struct entry e = begin(volume, op, "enumerate");
    uint32_t want_attr = sink->want_attr;
    smbkit_status status = smbkit_next_enumerate(e.l->next, op, file, cookie, sink);
    return end(&e, status, "file=%p cookie=%" PRIu64 " attr=%u", file, cookie, want_attr);
}

static smbkit_status log_get_path(void *volume, struct smbkit_op *op, void *file, char *buf,
                                  uint32_t cap)
{
    char quoted[QUOTED_MAX];
    struct entry e = begin(volume, op, "get_path");
    smbkit_status status = smbkit_next_get_path(e.l->next, op, file, buf, cap);
    return end(&e, status, "file=%p path=%s", file, quote(SMBKIT_OK(status) ? buf : "", quoted));
}

static smbkit_status log_rename(void *volume, struct smbkit_op *op, void *file,
                                const char *new_path, uint32_t replace)
{
    char path[QUOTED_MAX];
    struct entry e = begin(volume, op, "rename");
    smbkit_status status = smbkit_next_rename(e.l->next, op, file, new_path, replace);
    return end(&e, status, "file=%p to=%s replace=%u", file, quote(new_path, path), replace);
}

static smbkit_status log_link(void *volume, struct smbkit_op *op, void *file, const char *new_path,
                              uint32_t replace)
{
    char path[QUOTED_MAX];
    struct entry e = begin(volume, op, "link");
    smbkit_status status = smbkit_next_link(e.l->next, op, file, new_path, replace);
    return end(&e, status, "file=%p to=%s replace=%u", file, quote(new_path, path), replace);
}

static smbkit_status log_remove(void *volume, struct smbkit_op *op, void *file)
{
    struct entry e = begin(volume, op, "remove");
    return end(&e, smbkit_next_remove(e.l->next, op, file), "file=%p", file);
}

static smbkit_status log_getattr(void *volume, struct smbkit_op *op, void *file,
                                 struct smbkit_attr *attr)
{
    struct entry e = begin(volume, op, "getattr");
    smbkit_status status = smbkit_next_getattr(e.l->next, op, file, attr);
    return end(&e, status, "file=%p size=%" PRIu64 " attributes=0x%x", file,
               SMBKIT_OK(status) ? attr->size : 0, SMBKIT_OK(status) ? attr->attributes : 0);
}

static smbkit_status log_setattr(void *volume, struct smbkit_op *op, void *file, uint32_t mask,
                                 const struct smbkit_attr *attr)
{
    struct entry e = begin(volume, op, "setattr");
    smbkit_status status = smbkit_next_setattr(e.l->next, op, file, mask, attr);
    return end(&e, status,
               "file=%p mask=0x%x attributes=0x%x created=%" PRIu64 " accessed=%" PRIu64
               " written=%" PRIu64 " changed=%" PRIu64,
               file, mask, attr->attributes, attr->create_time, attr->access_time, attr->write_time,
               attr->change_time);
}

static smbkit_status log_get_security(void *volume, struct smbkit_op *op, void *file, uint8_t *buf,
                                      uint32_t cap, uint32_t *needed_bytes)
{
    struct entry e = begin(volume, op, "get_security");
    *needed_bytes = 0;
    smbkit_status status = smbkit_next_get_security(e.l->next, op, file, buf, cap, needed_bytes);
    return end(&e, status, "file=%p room=%u needed=%u", file, cap, *needed_bytes);
}

static smbkit_status log_set_security(void *volume, struct smbkit_op *op, void *file,
                                      const uint8_t *security, uint32_t len_bytes)
{
    struct entry e = begin(volume, op, "set_security");
    smbkit_status status = smbkit_next_set_security(e.l->next, op, file, security, len_bytes);
    return end(&e, status, "file=%p length=%u", file, len_bytes);
}

/* The bytes done; of an operation that goes on (PENDING) io is no longer ours to look at. */
static uint32_t done(smbkit_status status, const struct smbkit_io *io)
{
    return status == SMBKIT_STATUS_SUCCESS ? io->done : 0;
}

static smbkit_status log_read(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io)
{
    struct entry e = begin(volume, op, "read");
    uint64_t offset = io->offset;
    uint32_t length = io->length;
    smbkit_status status = smbkit_next_read(e.l->next, op, file, io);
    return end(&e, status, "file=%p offset=%" PRIu64 " length=%u done=%u", file, offset, length,
               done(status, io));
}

static smbkit_status log_write(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io)
{
    struct entry e = begin(volume, op, "write");
    uint64_t offset = io->offset;
    uint32_t length = io->length;
    smbkit_status status = smbkit_next_write(e.l->next, op, file, io);
    return end(&e, status, "file=%p offset=%" PRIu64 " length=%u done=%u", file, offset, length,
               done(status, io));
}

static smbkit_status log_flush(void *volume, struct smbkit_op *op, void *file)
{
    struct entry e = begin(volume, op, "flush");
    return end(&e, smbkit_next_flush(e.l->next, op, file), "file=%p", file);
}

static smbkit_status log_set_size(void *volume, struct smbkit_op *op, void *file, uint64_t size)
{
    struct entry e = begin(volume, op, "set_size");
    smbkit_status status = smbkit_next_set_size(e.l->next, op, file, size);
    return end(&e, status, "file=%p size=%" PRIu64, file, size);
}

static smbkit_status log_overwrite(void *volume, struct smbkit_op *op, void *file,
                                   uint32_t attributes, uint64_t alloc_size,
                                   struct smbkit_attr *attr)
{
    struct entry e = begin(volume, op, "overwrite");
    smbkit_status status = smbkit_next_overwrite(e.l->next, op, file, attributes, alloc_size, attr);
    return end(&e, status, "file=%p attributes=0x%x alloc_size=%" PRIu64, file, attributes,
               alloc_size);
}

static smbkit_status log_allocate(void *volume, struct smbkit_op *op, void *file,
                                  uint64_t alloc_size)
{
    struct entry e = begin(volume, op, "allocate");
    smbkit_status status = smbkit_next_allocate(e.l->next, op, file, alloc_size);
    return end(&e, status, "file=%p alloc_size=%" PRIu64, file, alloc_size);
}

static smbkit_status log_zero_range(void *volume, struct smbkit_op *op, void *file, uint64_t offset,
                                    uint64_t length)
{
    struct entry e = begin(volume, op, "zero_range");
    smbkit_status status = smbkit_next_zero_range(e.l->next, op, file, offset, length);
    return end(&e, status, "file=%p offset=%" PRIu64 " length=%" PRIu64, file, offset, length);
}

static smbkit_status log_ranges(void *volume, struct smbkit_op *op, void *file, uint64_t offset,
                                uint64_t length, struct smbkit_range *out, uint32_t *count_r)
{
    struct entry e = begin(volume, op, "ranges");
    uint32_t room = *count_r;
    smbkit_status status = smbkit_next_ranges(e.l->next, op, file, offset, length, out, count_r);
    return end(&e, status, "file=%p offset=%" PRIu64 " length=%" PRIu64 " room=%u count=%u", file,
               offset, length, room, *count_r);
}

static smbkit_status parse_args(struct logger *l, const struct smbkit_volume_args *args)
{
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    for (uint32_t i = 0; i < args->arg_count; i++) {
        const struct smbkit_arg *arg = &args->args[i];
        if (strcmp(arg->key, "level") != 0) {
            snprintf(args->error, args->error_size,
                     "log: unknown argument '%s'; it takes level=LEVEL", arg->key);
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
        uint32_t level = 0;
        while (level < 4 && strcmp(arg->value, levels[level]) != 0) {
            level++;
        }
        if (level == 4) {
            snprintf(args->error, args->error_size,
                     "log: level is error, warning, info or debug, not %s", arg->value);
            return SMBKIT_STATUS_INVALID_PARAMETER;
        }
        l->level = level;
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status log_volume_open(const struct smbkit_volume_args *args, void **volume_r)
{
    struct logger *l = calloc(1, sizeof(*l));
    if (!l) {
        snprintf(args->error, args->error_size, "log: no memory");
        return SMBKIT_STATUS_NO_MEMORY;
    }
    l->next = args->next;
    l->level = 2;
    snprintf(l->share, sizeof(l->share), "%s", args->share_name);
    smbkit_status status = parse_args(l, args);
    if (!SMBKIT_OK(status)) {
        free(l);
        return status;
    }
    *volume_r = l;
    return SMBKIT_STATUS_SUCCESS;
}

static void log_volume_close(void *volume)
{
    free(volume);
}

static const struct smbkit_plugin log_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_API_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_NEVER_BLOCKS | SMBKIT_TRIES_NOWAIT,
    .name = "log",
    .description = "logs each operation with its arguments, result and duration",
    .version = "1",
    .config_help = "level=LEVEL  error, warning, info (default) or debug\n",
    .volume_open = log_volume_open,
    .volume_close = log_volume_close,
    .volume_info = log_volume_info,
    .create = log_create,
    .close = log_close,
    .lookup = log_lookup,
    .enumerate = log_enumerate,
    .get_path = log_get_path,
    .rename = log_rename,
    .link = log_link,
    .remove = log_remove,
    .getattr = log_getattr,
    .setattr = log_setattr,
    .get_security = log_get_security,
    .set_security = log_set_security,
    .read = log_read,
    .write = log_write,
    .flush = log_flush,
    .set_size = log_set_size,
    .overwrite = log_overwrite,
    .allocate = log_allocate,
    .zero_range = log_zero_range,
    .ranges = log_ranges,
};

SMBKIT_REGISTER(log_filter)
