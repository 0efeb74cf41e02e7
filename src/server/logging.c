/* SPDX-License-Identifier: Apache-2.0 */
#include "server/logging.h"

#include <errno.h>

#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "os/os.h"
#include "os/process.h"
#include "server/log_queue.h"

#define LOG_MODULE LOG_SERVER
#define LINE_MAX_BYTES 16384u /* a longer line is dropped */
#define STDERR_FD 2

struct logging {
    enum config_log_format format;                           /* immutable after init */
    bool to_syslog;                                          /* immutable after init */
    void (*fn)(void *arg, uint32_t level, const char *line); /* immutable after init; or NULL */
    void *fn_arg;
    char *path;                         /* immutable after init; NULL: stderr or the system's log */
    struct log_queue *queue;            /* immutable after init */
    int fd;                             /* of the queue's thread */
    struct mutex lock;                  /* innermost: nothing is locked or logged under it */
    int next_fd;                        /* guarded by lock: takes the place of fd; -1: none */
    char *recent[LOGGING_RECENT_LINES]; /* guarded by lock; owned; NULL: none yet */
    size_t recent_at;                   /* guarded by lock: the next to be replaced */
};

static void format_ctx(struct wr *w, const struct log_ctx *ctx, const char *fmt)
{
    const struct {
        const char *name;
        uint64_t value;
    } ids[] = {{"conn", ctx->conn_id},
               {"session", ctx->session_id},
               {"tree", ctx->tree_id},
               {"message", ctx->message_id}};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        if (ids[i].value != 0 && *fmt == ',') {
            wr_printf(w, ",\"%s\":%llu", ids[i].name, (unsigned long long)ids[i].value);
        } else if (ids[i].value != 0) {
            wr_printf(w, " %s=%llu", ids[i].name, (unsigned long long)ids[i].value);
        }
    }
}

void logging_format_text(struct wr *w, const struct log_line *line)
{
    char when[32];
    os_time_format(line->now, when, sizeof(when));
    wr_printf(w, "%s %-5s %s ", when, log_level_name(line->level), log_module_name(line->module));
    wr_plain(w, line->text);
    if (line->ctx) {
        format_ctx(w, line->ctx, " ");
    }
    wr_u8(w, '\n');
}

void logging_format_json(struct wr *w, const struct log_line *line)
{
    char when[32];
    os_time_format(line->now, when, sizeof(when));
    wr_printf(w, "{\"time\":\"%s\",\"level\":\"%s\",\"module\":\"%s\",\"text\":\"", when,
              log_level_name(line->level), log_module_name(line->module));
    wr_escaped(w, line->text);
    wr_u8(w, '"');
    if (line->ctx) {
        format_ctx(w, line->ctx, ",");
    }
    wr_bytes(w, "}\n", 2);
}

/* The system's log adds time and name itself, a program what it likes; the line ends with a zero
 * byte. */
static void format_syslog(struct wr *w, const struct log_line *line)
{
    wr_plain(w, line->text);
    if (line->ctx) {
        format_ctx(w, line->ctx, " ");
    }
    wr_u8(w, 0);
}

static void format(const struct logging *l, struct wr *w, const struct log_line *line)
{
    if (l->to_syslog || l->fn) {
        format_syslog(w, line);
    } else if (l->format == CONFIG_LOG_JSON) {
        logging_format_json(w, line);
    } else {
        logging_format_text(w, line);
    }
}

static int severity_of(enum log_level level)
{
    static const int severities[] = {
        [LOG_ERROR] = 3, [LOG_WARN] = 4, [LOG_INFO] = 6, [LOG_DEBUG] = 7, [LOG_TRACE] = 7};
    return severities[level];
}

/* Without a line that memory is short for. */
static void recent_keep(struct logging *l, const char *line, size_t len)
{
    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\0')) {
        len--;
    }
    char *copy = str_ndup(line, len);
    if (!copy) {
        return;
    }
    mutex_lock(&l->lock);
    char *old = l->recent[l->recent_at];
    l->recent[l->recent_at] = copy;
    l->recent_at = (l->recent_at + 1) % LOGGING_RECENT_LINES;
    mutex_unlock(&l->lock);
    mem_free(old);
}

void logging_recent_each(struct logging *l, void (*fn)(void *arg, const char *line), void *arg)
{
    SCOPED_LOCK(&l->lock);
    for (size_t i = 0; i < LOGGING_RECENT_LINES; i++) {
        const char *line = l->recent[(l->recent_at + i) % LOGGING_RECENT_LINES];
        if (line) {
            fn(arg, line);
        }
    }
}

/* Any thread, which must not be held up: only puts the line into the queue. */
static void sink(void *arg, enum log_level level, enum log_module module, const struct log_ctx *ctx,
                 const char *text)
{
    struct logging *l = arg;
    const struct log_line line = {
        .now = os_time_now(), .level = level, .module = module, .ctx = ctx, .text = text};
    CLEANUP(wr_fini) struct wr w = wr_new(LINE_MAX_BYTES);
    format(l, &w, &line);
    if (wr_ok(&w)) {
        log_queue_put(l->queue, severity_of(level), w.base, wr_pos(&w));
        recent_keep(l, (const char *)w.base, wr_pos(&w));
    }
}

/* ---- the queue's thread ---- */

static void take_next_fd(struct logging *l)
{
    mutex_lock(&l->lock);
    int fd = l->next_fd;
    l->next_fd = -1;
    mutex_unlock(&l->lock);
    if (fd >= 0) {
        os_append_close(l->fd);
        l->fd = fd;
    }
}

static void write_line(void *arg, int severity, const void *line, size_t len)
{
    struct logging *l = arg;
    if (l->fn) {
        l->fn(l->fn_arg, severity <= 3 ? 0 : severity == 4 ? 1 : severity == 6 ? 2 : 3, line);
        return;
    }
    if (l->to_syslog) {
        os_syslog_write(severity, line);
        return;
    }
    take_next_fd(l);
    os_append_write(l->fd, line, len);
}

static void write_dropped(void *arg, uint64_t count)
{
    struct logging *l = arg;
    char text[64];
    str_format(text, sizeof(text), "log lines lost count=%llu", (unsigned long long)count);
    const struct log_line line = {
        .now = os_time_now(), .level = LOG_WARN, .module = LOG_SERVER, .text = text};
    CLEANUP(wr_fini) struct wr w = wr_new(LINE_MAX_BYTES);
    format(l, &w, &line);
    if (wr_ok(&w)) {
        write_line(l, severity_of(LOG_WARN), w.base, wr_pos(&w));
    }
}

static const struct log_queue_ops queue_ops = {.write = write_line, .dropped = write_dropped};

/* ---- begin and end ---- */

static void say_why(const char *target, int err, char text[256])
{
    char why[128];
    os_error_text(-err, why, sizeof(why));
    str_format(text, 256, "log file %s cannot be opened: %s", target,
               err == -ENXIO    ? "it is a pipe that nobody reads"
               : err == -ENOENT ? "its folder is not there; make it first"
                                : why);
}

bool logging_check(const char *target, char err[256])
{
    bool is_file = !str_ieq(target, "stderr") && !str_ieq(target, "syslog");
    int e = is_file ? os_append_check(target) : 0;
    say_why(target, e, err);
    return e == 0;
}

static bool open_target(struct logging *l, const char *target, char err[256])
{
    if (str_ieq(target, "stderr")) {
        return true;
    }
    if (str_ieq(target, "syslog")) {
        l->to_syslog = true;
        os_syslog_open("smbkit");
        return true;
    }
    l->path = str_dup(target);
    int fd = l->path ? os_append_open(target) : -ENOMEM;
    if (fd < 0) {
        say_why(target, fd, err);
        return false;
    }
    l->fd = fd;
    return true;
}

static void free_parts(struct logging *l)
{
    if (l->path && l->fd != STDERR_FD && l->fd >= 0) {
        os_append_close(l->fd);
    }
    for (size_t i = 0; i < LOGGING_RECENT_LINES; i++) {
        mem_free(l->recent[i]);
    }
    mutex_fini(&l->lock);
    mem_free(l->path);
    mem_free(l);
}

struct logging *logging_new(const struct config *c, char err[256])
{
    struct logging *l = mem_zalloc(sizeof(*l));
    if (!l) {
        str_copy(err, 256, "out of memory");
        return NULL;
    }
    l->fd = STDERR_FD;
    l->next_fd = -1;
    l->format = c->log_format;
    l->fn = c->log_fn;
    l->fn_arg = c->log_arg;
    mutex_init(&l->lock);
    if (!l->fn && !open_target(l, c->log_file, err)) {
        free_parts(l);
        return NULL;
    }
    l->queue = log_queue_new(&queue_ops, l);
    if (!l->queue) {
        str_copy(err, 256, "out of memory or of threads");
        free_parts(l);
        return NULL;
    }
    if (!log_levels_parse(c->log_level)) {
        log_warn(NULL, "log level ignored text=%s", c->log_level);
    }
    log_set_sink(sink, l);
    return l;
}

void logging_reopen(struct logging *l)
{
    if (!l->path) {
        return;
    }
    int fd = os_append_open(l->path);
    if (fd < 0) {
        log_error(NULL, "log file not reopened path=%s error=%d", l->path, -fd);
        return;
    }
    mutex_lock(&l->lock);
    int unused = l->next_fd;
    l->next_fd = fd;
    mutex_unlock(&l->lock);
    if (unused >= 0) {
        os_append_close(unused);
    }
}

void logging_free(struct logging *l)
{
    if (!l) {
        return;
    }
    log_set_sink(NULL, NULL);
    if (log_queue_close(l->queue)) {
        take_next_fd(l);
        free_parts(l);
    } /* else the process ends with a line that nobody takes */
}
