/* SPDX-License-Identifier: Apache-2.0 */
/* audit: who opened, made, changed and removed what: a line of JSON for each. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer.h"
#include "audit_file.h"
#include "every.h"
#include "named.h"

#define QUEUE_DEFAULT (1u << 20) /* bytes of lines that wait for the disk */
#define QUEUE_MIN 4096u
#define QUEUE_MAX (1u << 30)
#define LOG_NAME_MAX 250 /* bytes of a name in the log, whose lines are short */
#define LOG_NAME_MIN 32  /* with that much of each the longest line fits */
#define LOG_LINE_MAX 1000
#define LINE_FIXED 1024 /* bytes of a line beside its names */

enum event {
    OPEN,
    MAKE,
    EMPTY,
    DELETE,
    RENAME,
    LINK,
    SECURITY,
    REFUSED,
    ATTRIBUTES,
    TRANSFER,
    EVENTS
};
static const char *const event_names[EVENTS + 1] = {"open",       "make",     "empty",    "delete",
                                                    "rename",     "link",     "security", "refused",
                                                    "attributes", "transfer", NULL};
#define BIT(event) (1u << (event))
#define EVENTS_DEFAULT (BIT(TRANSFER) - 1 - BIT(ATTRIBUTES))

/* The rights that an open is for, as words; those of others are look-ups. */
static const struct {
    uint32_t right;
    const char *word;
} rights[] = {
    {SMBKIT_READ_DATA, "read"},         {SMBKIT_WRITE_DATA, "write"},
    {SMBKIT_APPEND_DATA, "append"},     {SMBKIT_EXECUTE, "execute"},
    {SMBKIT_DELETE, "delete"},          {SMBKIT_DELETE_CHILD, "delete below"},
    {SMBKIT_WRITE_EA, "write EAs"},     {SMBKIT_WRITE_ATTRIBUTES, "write attributes"},
    {SMBKIT_WRITE_DAC, "write rights"}, {SMBKIT_WRITE_OWNER, "write owner"},
};
#define RIGHTS (sizeof(rights) / sizeof(rights[0]))

enum { SUM_READ, SUM_WRITTEN };

struct audit {
    struct smbkit_next *next;
    /* immutable after volume_open */
    char *share;
    uint32_t events; /* bits of enum event */
    bool has_folders;
    struct audit_file *file; /* NULL: to the log */
    struct named_table files;
};

/* ---- lines ---- */

/* What a line says. */
struct fact {
    const char *op;
    const struct smbkit_identity *who;
    const char *path;
    const char *stream;     /* NULL: none */
    const char *to;         /* NULL: none */
    const uint32_t *access; /* NULL: none */
    bool is_folder;
    const struct named *sums; /* NULL: none */
    smbkit_status status;
};

struct line {
    char *text;
    size_t len, size;
    size_t name_max; /* bytes of a name */
};

static void put(struct line *l, const char *fmt, ...) SMBKIT_PRINTF(2, 3);
static void put(struct line *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(l->text + l->len, l->size - l->len, fmt, ap);
    va_end(ap);
    if (n > 0 && (size_t)n < l->size - l->len) {
        l->len += (size_t)n;
    }
}

/* ,"key":"value", in which nothing ends the string or the line. */
static void put_name(struct line *l, const char *key, const char *value)
{
    if (!value) {
        return;
    }
    put(l, ",\"%s\":", key);
    size_t before = l->len;
    size_t room = l->size - l->len - 2;
    size_t most = l->name_max && l->name_max < room ? l->name_max : room;
    l->len += answer_json_string(value, l->text + l->len, most);
    if (l->name_max && l->len - before + 8 >= l->name_max) { /* 8: an escape that did not fit */
        put(l, ",\"cut\":true");
    }
}

static void put_access(struct line *l, uint32_t access)
{
    bool any = false;
    put(l, ",\"access\":[");
    for (size_t i = 0; i < RIGHTS; i++) {
        if (access & rights[i].right) {
            put(l, "%s\"%s\"", any ? "," : "", rights[i].word);
            any = true;
        }
    }
    put(l, "]");
}

static void put_time(struct line *l)
{
    struct timespec ts;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    put(l, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"", tm.tm_year + 1900, tm.tm_mon + 1,
        tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ts.tv_nsec / 1000000));
}

static uint64_t sum_get(const struct named *f, int which)
{
    return atomic_load_explicit(&f->sums[which], memory_order_relaxed);
}

static void put_fact(struct line *l, const struct audit *a, const struct fact *f)
{
    put_time(l);
    put(l, ",\"op\":\"%s\",\"result\":\"%s\"", f->op, smbkit_status_name(f->status));
    put_name(l, "user", f->who->user);
    put_name(l, "domain", f->who->domain);
    put_name(l, "address", f->who->client_address);
    put(l, ",\"session\":\"0x%016llx\"", (unsigned long long)f->who->session_id);
    put_name(l, "share", a->share);
    put_name(l, "path", f->path);
    put_name(l, "stream", f->stream);
    put_name(l, "to", f->to);
    if (f->access) {
        put_access(l, *f->access);
    }
    put(l, "%s", f->is_folder ? ",\"folder\":true" : "");
    if (f->sums) {
        put(l, ",\"read\":%llu,\"written\":%llu", (unsigned long long)sum_get(f->sums, SUM_READ),
            (unsigned long long)sum_get(f->sums, SUM_WRITTEN));
    }
    put(l, "}");
}

static size_t name_len(const char *s)
{
    return s ? 6 * strlen(s) : 0; /* each byte as it takes most */
}

static void tell(struct audit *a, const struct fact *f)
{
    struct line l = {.name_max = a->file ? 0 : LOG_NAME_MAX};
    l.size = LINE_FIXED + name_len(f->who->user) + name_len(f->who->domain) +
             name_len(f->who->client_address) + name_len(a->share) + name_len(f->path) +
             name_len(f->stream) + name_len(f->to);
    l.text = malloc(l.size);
    if (!l.text) {
        smbkit_log(0, "audit: a line is lost, no memory");
        return;
    }
    put_fact(&l, a, f);
    while (!a->file && l.len > LOG_LINE_MAX && l.name_max > LOG_NAME_MIN) {
        l.name_max -= 32; /* rather shorter names than a line without its end */
        l.len = 0;
        put_fact(&l, a, f);
    }
    if (a->file) {
        audit_file_add(a->file, l.text, l.len);
    } else {
        smbkit_log(2, "audit %s", l.text);
    }
    free(l.text);
}

/* ---- which calls ---- */

/* EVENTS: none. */
static enum event event_of(uint32_t id, const void *args)
{
    switch (id) {
    case SMBKIT_OP_create:
        return ((const struct smbkit_create *)args)->disposition == SMBKIT_CREATE ? MAKE : OPEN;
    case SMBKIT_OP_overwrite:
        return EMPTY;
    case SMBKIT_OP_set_size:
        return ((const struct smbkit_size *)args)->size == 0 ? EMPTY : EVENTS;
    case SMBKIT_OP_remove:
        return DELETE;
    case SMBKIT_OP_rename:
        return RENAME;
    case SMBKIT_OP_link:
        return LINK;
    case SMBKIT_OP_set_security:
        return SECURITY;
    case SMBKIT_OP_refused:
        return REFUSED;
    case SMBKIT_OP_setattr:
    case SMBKIT_OP_set_ea:
    case SMBKIT_OP_set_reparse:
        return ATTRIBUTES;
    default:
        return EVENTS;
    }
}

static uint32_t rights_of(uint32_t access)
{
    uint32_t all = 0;
    for (size_t i = 0; i < RIGHTS; i++) {
        all |= access & rights[i].right;
    }
    return all;
}

/* Is it worth a line? An open for no right that counts is a look-up, and what the server does for
 * itself has no session. */
static bool is_wanted(const struct audit *a, enum event e, const struct pass_call *c)
{
    if (e == EVENTS || !(a->events & BIT(e)) || c->op->who->session_id == 0) {
        return false;
    }
    const struct smbkit_create *how = c->args;
    return e != OPEN || rights_of(how->access) != 0;
}

/* Of an open that failed only a refusal counts: the server tries names that may not be there. */
static bool is_told(enum event e, smbkit_status status)
{
    if (SMBKIT_OK(status)) {
        return true;
    }
    switch (status) {
    case SMBKIT_STATUS_WOULD_BLOCK:
    case SMBKIT_STATUS_CANCELLED:
        return false;
    case SMBKIT_STATUS_ACCESS_DENIED:
    case SMBKIT_STATUS_MEDIA_WRITE_PROTECTED:
        return true;
    default:
        return e != OPEN && e != MAKE;
    }
}

/* ---- one call ---- */

struct note {
    struct audit *a;
    struct smbkit_op *op; /* lives until the call is over */
    const void *args;
    struct named *file;
    char *path; /* of a file, before the call */
    enum event event;
};

static void tell_create(const struct note *n, struct fact *f, const struct smbkit_create *how)
{
    uint32_t access = rights_of(how->access);
    f->path = how->path;
    f->stream = how->stream;
    f->access = &access;
    f->is_folder = SMBKIT_OK(f->status) && ((const struct named *)how->file)->is_directory;
    if (n->event == MAKE || !f->is_folder || n->a->has_folders) {
        tell(n->a, f);
    }
}

/* The server's own decision. */
static void tell_refused(const struct note *n, struct fact *f, const struct smbkit_refused *what)
{
    uint32_t access = rights_of(what->access);
    f->status = SMBKIT_STATUS_ACCESS_DENIED;
    f->path = what->path;
    f->stream = what->stream;
    f->access = &access;
    tell(n->a, f);
}

static smbkit_status note_end(void *arg, smbkit_status status)
{
    struct note *n = arg;
    struct fact f = {.op = event_names[n->event], .who = n->op->who, .status = status};
    if (!is_told(n->event, status)) {
        free(n->path);
        free(n);
        return status;
    }
    if (n->event == OPEN || n->event == MAKE) {
        tell_create(n, &f, n->args);
    } else if (n->event == REFUSED) {
        tell_refused(n, &f, n->args);
    } else {
        const struct smbkit_rename *rename = n->args;
        bool moves = n->event == RENAME || n->event == LINK;
        f.path = n->path ? n->path : "";
        f.to = !moves ? NULL : rename->new_stream ? rename->new_stream : rename->new_path;
        f.is_folder = n->file && n->file->is_directory;
        tell(n->a, &f);
    }
    free(n->path);
    free(n);
    return status;
}

/* NULL: no memory. */
static struct note *note_new(struct audit *a, const struct pass_call *c, enum event e)
{
    struct note *n = malloc(sizeof(*n));
    if (!n) {
        return NULL;
    }
    *n = (struct note){.a = a, .op = c->op, .args = c->args, .file = c->file, .event = e};
    n->path = c->file ? named_path_dup(&a->files, c->file) : NULL;
    if (c->file && !n->path) {
        free(n);
        return NULL;
    }
    return n;
}

/* ---- transfers ---- */

struct transfer {
    struct named *file;
    const struct smbkit_io *io;
    int which;
};

static smbkit_status transfer_end(void *arg, smbkit_status status)
{
    const struct transfer *t = arg;
    if (SMBKIT_OK(status)) {
        /* relaxed: read when the file is closed, and no call on it is under way */
        atomic_fetch_add_explicit(&t->file->sums[t->which], t->io->done, memory_order_relaxed);
    }
    free(arg);
    return status;
}

static smbkit_status pass_transfer(struct audit *a, struct pass_call *c)
{
    struct transfer *t = malloc(sizeof(*t));
    if (!t) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *t = (struct transfer){
        .file = c->file, .io = c->args, .which = c->id == SMBKIT_OP_read ? SUM_READ : SUM_WRITTEN};
    c->then = transfer_end;
    c->then_arg = t;
    return named_pass(&a->files, a->next, c);
}

static void audit_close(void *volume, struct smbkit_op *op, void *file)
{
    struct audit *a = volume;
    struct named *f = file;
    bool moved = sum_get(f, SUM_READ) > 0 || sum_get(f, SUM_WRITTEN) > 0;
    char *path = moved ? named_path_dup(&a->files, f) : NULL;
    if (moved) {
        const struct fact fact = {
            .op = event_names[TRANSFER], .who = op->who, .path = path ? path : "", .sums = f};
        tell(a, &fact);
    }
    free(path);
    named_close(&a->files, a->next, op, file);
}

/* ---- operations ---- */

static smbkit_status audit_control(struct audit *a, struct smbkit_op *op,
                                   struct smbkit_control *control);

static smbkit_status every_call(void *volume, struct smbkit_op *op, uint32_t id, void *file,
                                void *args)
{
    struct audit *a = volume;
    struct pass_call c = {.op = op, .id = id, .file = file, .args = args};
    if (id == SMBKIT_OP_control) {
        return audit_control(a, op, args);
    }
    if (id == SMBKIT_OP_file_fd && (a->events & BIT(TRANSFER))) {
        return SMBKIT_STATUS_NOT_SUPPORTED; /* what goes by that is not seen */
    }
    if (id == SMBKIT_OP_reconfigure && a->file) {
        audit_file_reopen(a->file); /* the server is told to read its configuration again */
        return SMBKIT_STATUS_SUCCESS;
    }
    if ((id == SMBKIT_OP_read || id == SMBKIT_OP_write) && (a->events & BIT(TRANSFER))) {
        return pass_transfer(a, &c);
    }
    enum event e = event_of(id, args);
    if (is_wanted(a, e, &c)) {
        c.then = note_end;
        c.then_arg = note_new(a, &c, e);
        if (!c.then_arg) {
            return SMBKIT_STATUS_NO_MEMORY; /* nothing goes by without a line */
        }
    }
    return named_pass(&a->files, a->next, &c);
}
SMBKIT_OPERATIONS(EVERY_DEFINE)

/* ---- commands ---- */

static smbkit_status say_status(struct audit *a, struct smbkit_control *control, bool is_json)
{
    struct audit_file_stats s = {0};
    if (!a->file) {
        return answer(control, is_json ? "{\"to\":\"log\"}" : "lines go to the server's log");
    }
    audit_file_stats(a->file, &s);
    return answer(control,
                  is_json ? "{\"to\":\"file\",\"written\":%llu,\"lost\":%llu,\"queued_bytes\":%llu}"
                          : "%llu lines written, %llu lost, %llu bytes wait for the disk",
                  (unsigned long long)s.written, (unsigned long long)s.lost,
                  (unsigned long long)s.queued_bytes);
}

static smbkit_status audit_control(struct audit *a, struct smbkit_op *op,
                                   struct smbkit_control *control)
{
    const char *command = control->command;
    if (strcmp(command, "status") == 0 || strcmp(command, "status json") == 0) {
        return say_status(a, control, command[6] != '\0');
    }
    if (strcmp(command, "reopen") == 0 && a->file) {
        audit_file_reopen(a->file);
        return answer(control, "the next line begins the file anew");
    }
    if (strcmp(command, "reopen") == 0) {
        return answer_wrong(control, "reopen: lines go to the server's log");
    }
    if (strcmp(command, "help") == 0) {
        return answer(control, "reopen  open the file anew: it has been moved away\n"
                               "status  how many lines were written, and lost");
    }
    return smbkit_next_control(a->next, op, control);
}

/* ---- the volume ---- */

struct words {
    const char *file;
    const char *events;
    uint64_t queue;
    uint32_t folders;
};
static const struct smbkit_param params[] = {
    {.key = "file",
     .kind = SMBKIT_PARAM_TEXT,
     .offset = offsetof(struct words, file),
     .min = 1,
     .max = 4000},
    {.key = "events",
     .kind = SMBKIT_PARAM_TEXT,
     .offset = offsetof(struct words, events),
     .min = 1,
     .max = 200},
    {.key = "folders", .kind = SMBKIT_PARAM_FLAG, .offset = offsetof(struct words, folders)},
    {.key = "queue",
     .kind = SMBKIT_PARAM_SIZE,
     .offset = offsetof(struct words, queue),
     .min = QUEUE_MIN,
     .max = QUEUE_MAX},
    {.key = NULL}};

/* The bits of "open|make"; 0: *bad_r is no event. */
static uint32_t events_parse(const char *text, const char **bad_r)
{
    uint32_t bits = 0;
    while (*text) {
        size_t len = strcspn(text, "|");
        uint32_t e = 0;
        while (e < EVENTS &&
               (strlen(event_names[e]) != len || strncmp(event_names[e], text, len) != 0)) {
            e++;
        }
        if (e == EVENTS) {
            *bad_r = text;
            return 0;
        }
        bits |= BIT(e);
        text += len + (text[len] == '|');
    }
    return bits;
}

static void audit_volume_close(void *volume)
{
    struct audit *a = volume;
    audit_file_free(a->file);
    named_fini(&a->files);
    free(a->share);
    free(a);
}

static smbkit_status take_file(struct audit *a, const struct smbkit_volume_args *args,
                               const struct words *w)
{
    int err = audit_file_check(w->file);
    if (err != 0) {
        snprintf(args->error, args->error_size, "file=%.100s cannot be written: %s", w->file,
                 err == EINVAL   ? "it is no regular file"
                 : err == ENOENT ? "its folder is not there"
                 : err == EACCES ? "no permission"
                                 : smbkit_status_name(smbkit_status_from_errno(err)));
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    a->file = audit_file_new(w->file, w->queue);
    return a->file ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

static smbkit_status take_args(struct audit *a, const struct smbkit_volume_args *args)
{
    struct words w = {.queue = QUEUE_DEFAULT};
    const char *bad = "";
    smbkit_status st = smbkit_args_take(args, params, &w);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    a->events = w.events ? events_parse(w.events, &bad) : EVENTS_DEFAULT;
    a->has_folders = w.folders;
    if (a->events == 0) {
        snprintf(args->error, args->error_size,
                 "events=: \"%.*s\" is none; there is open, make, empty, delete, rename, link, "
                 "security, refused, attributes and transfer",
                 (int)strcspn(bad, "|"), bad);
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    return w.file ? take_file(a, args, &w) : st;
}

static smbkit_status audit_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct audit *a = calloc(1, sizeof(*a));
    if (!a) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    a->next = args->next;
    named_init(&a->files, NULL, NULL);
    a->files.ignores_case = args->features & SMBKIT_FEATURE_IGNORES_CASE;
    a->share = strdup(args->share_name);
    smbkit_status st = a->share ? take_args(a, args) : SMBKIT_STATUS_NO_MEMORY;
    if (!SMBKIT_OK(st)) {
        audit_volume_close(a);
        return st;
    }
    args->features &= ~SMBKIT_FEATURE_OPEN_BY_ID; /* files are known by the path they came by */
    *volume_r = a;
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_plugin audit_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING | SMBKIT_SEES_SEGMENTS,
    .name = "audit",
    .description = "a line of JSON for each file that is opened, made, changed or removed",
    .version = "1",
    .config_help =
        "file=PATH         where lines are appended; default: the server's log\n"
        "events=EVENT|...  open, make, empty, delete, rename, link, security, refused (by an\n"
        "                  access list), attributes, transfer (what was read and written, at\n"
        "                  the close); default: all but attributes and transfer\n"
        "folders=yes|no    opens of folders, too; default: no\n"
        "queue=SIZE        lines that wait for the disk; more are lost; default: 1M\n",
    .volume_open = audit_volume_open,
    .volume_close = audit_volume_close,
    .close = audit_close,
    .file_below = named_file_below,
    SMBKIT_OPERATIONS(EVERY_MEMBER)};

SMBKIT_REGISTER(audit_filter)
