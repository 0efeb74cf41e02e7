/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of plugins and filters share: a stand-in for the core, and one-line calls of a
 * plugin.
 *
 * What base provides (smbkit_status_from_errno, smbkit_status_name) is the real thing. Included
 * once by each test program. */
#pragma once

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <smbkit/filter.h>

#include "test.h"
#include "base/escape.h"
#include "base/utf.h"
#include "vfs/plugin_args.h"

/* ------------------------------------------------------------------------------- the core */

/* The last line logged, and how many there were. */
static char fake_log_line[1024];
static atomic_uint fake_log_count;
static pthread_mutex_t fake_log_lock = PTHREAD_MUTEX_INITIALIZER;

static void pt_log(uint32_t level, const char *fmt, va_list args)
{
    (void)level;
    pthread_mutex_lock(&fake_log_lock);
    vsnprintf(fake_log_line, sizeof(fake_log_line), fmt, args);
    pthread_mutex_unlock(&fake_log_lock);
    fake_log_count++;
}

/* An op of the tests is cancelled when op->core points to a set flag. */
static int32_t pt_is_cancelled(const struct smbkit_op *op)
{
    return op->core && atomic_load((atomic_int *)op->core);
}

static void pt_complete(struct smbkit_op *op, smbkit_status status)
{
    (void)op;
    (void)status;
    test_fail(__FILE__, __LINE__, "no plugin under test answers PENDING");
}

/* Nothing is pending here, so a child is its parent. */
static struct smbkit_op *pt_child(struct smbkit_op *parent,
                                  void (*done)(void *arg, smbkit_status status), void *arg)
{
    (void)done;
    (void)arg;
    return parent;
}

static smbkit_status pt_on_cancel(struct smbkit_op *op, void (*fn)(void *arg), void *arg)
{
    (void)op;
    (void)fn;
    (void)arg;
    return SMBKIT_STATUS_SUCCESS;
}

/* Events as "what:path ". */
static char pt_events[512];

static void pt_event(struct smbkit_host *host, const struct smbkit_event *event)
{
    (void)host;
    size_t n = strlen(pt_events);
    snprintf(pt_events + n, sizeof(pt_events) - n, "%u:%s ", event->what, event->path);
}

static smbkit_status pt_io_give(struct smbkit_io *io, const struct smbkit_segment *seg,
                                void (*release)(void *arg), void *arg)
{
    memcpy(io->buffer + io->done, seg->base, seg->len);
    io->done += (uint32_t)seg->len;
    release(arg);
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status pt_io_keep(struct smbkit_io *io, uint32_t index, void (**release_r)(void *arg),
                                void **arg_r)
{
    (void)io;
    (void)index;
    (void)release_r;
    (void)arg_r;
    return SMBKIT_STATUS_NOT_SUPPORTED;
}

/* The layer below a filter under test: any plugin. */
struct smbkit_next {
    const struct smbkit_plugin *plugin;
    void *volume;
    uint32_t features; /* that the filter is told of */
};

static smbkit_status pt_next(struct smbkit_next *next, uint32_t id, struct smbkit_op *op,
                             void *file, void *args)
{
    (void)file;
    switch (id) {
#define PT_CASE(kind, name, type)                                                                  \
    case SMBKIT_OP_##name:                                                                         \
        return next->plugin->name                                                                  \
                   ? next->plugin->name(next->volume, op, SMBKIT_FILE_ARG_##kind(type *) args)     \
                   : SMBKIT_STATUS_SUCCESS;
        SMBKIT_OPERATIONS(PT_CASE)
#undef PT_CASE
    default:
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
}

static void pt_next_close(struct smbkit_next *next, struct smbkit_op *op, void *file)
{
    next->plugin->close(next->volume, op, file);
}

static const struct smbkit_host_table pt_api = {
    .struct_size = sizeof(pt_api),
    .version = SMBKIT_API_VERSION,
    .complete = pt_complete,
    .is_cancelled = pt_is_cancelled,
    .on_cancel = pt_on_cancel,
    .child = pt_child,
    .next = pt_next,
    .next_close = pt_next_close,
    .io_give = pt_io_give,
    .io_keep = pt_io_keep,
    .event = pt_event,
    .log = pt_log,
    .status_from_errno = (smbkit_status_from_errno),
    .status_name = (smbkit_status_name),
    .arg_take = plugin_arg_take,
    .args_take = plugin_args_take,
    .quote = escape_quote,
    .upcase = utf_upcase,
};
/* For the test program itself; weak, since the core may be linked in and has one. */
__attribute__((weak)) const struct smbkit_host_table *smbkit_api = &pt_api;

/* ------------------------------------------------------------------------- calls of a plugin */

static const struct smbkit_identity pt_who = {
    .struct_size = sizeof(struct smbkit_identity),
    .user = "tester",
    .domain = "",
    .client_address = "192.0.2.1",
};

/* A volume under test. */
struct pt {
    const struct smbkit_plugin *p;
    void *v;
    struct smbkit_op op;
    uint32_t features; /* that its volume_open said */
    char error[256];
};

#define PT_ARGS_MAX 8

/* args: "key=value" strings up to a NULL; next: for a filter. */
static inline smbkit_status pt_open_volume(struct pt *t, const struct smbkit_plugin *plugin,
                                           const char *const *args, struct smbkit_next *next)
{
    static char keys[PT_ARGS_MAX][64];
    struct smbkit_arg list[PT_ARGS_MAX];
    uint32_t count = 0;
    for (; args && args[count] && count < PT_ARGS_MAX; count++) {
        const char *eq = strchr(args[count], '=');
        snprintf(keys[count], sizeof(keys[count]), "%.*s", (int)(eq - args[count]), args[count]);
        list[count] = (struct smbkit_arg){keys[count], eq + 1};
    }
    *t = (struct pt){.p = plugin, .op = {sizeof(struct smbkit_op), 0, &pt_who, NULL, NULL}};
    struct smbkit_volume_args va = {.struct_size = sizeof(va),
                                    .arg_count = count,
                                    .args = list,
                                    .next = next,
                                    .features = next ? next->features : 0,
                                    .share_name = "test",
                                    .error = t->error,
                                    .error_size = sizeof(t->error)};
    smbkit_status status = plugin->volume_open(&va, &t->v);
    t->features = va.features;
    return status;
}

static inline void pt_close_volume(struct pt *t)
{
    t->p->volume_close(t->v);
}

static inline smbkit_status pt_create(struct pt *t, const struct smbkit_create *how, void **file_r,
                                      struct smbkit_attr *attr)
{
    struct smbkit_create a = *how;
    a.struct_size = sizeof(a);
    a.attr = attr;
    *attr = (struct smbkit_attr){.struct_size = sizeof(*attr)};
    smbkit_status status = t->p->create(t->v, &t->op, &a);
    *file_r = a.file;
    return status;
}

static inline smbkit_status pt_lookup(struct pt *t, const char *path, struct smbkit_attr *attr)
{
    struct smbkit_lookup a = {.struct_size = sizeof(a), .path = path, .attr = attr};
    *attr = (struct smbkit_attr){.struct_size = sizeof(*attr)};
    return t->p->lookup(t->v, &t->op, &a);
}

static inline smbkit_status pt_setattr(struct pt *t, void *file, uint32_t mask,
                                       const struct smbkit_attr *attr)
{
    struct smbkit_attr a = *attr;
    a.struct_size = sizeof(a);
    a.valid = mask;
    return t->p->setattr(t->v, &t->op, file, &a);
}

static inline smbkit_status pt_get_security(struct pt *t, void *file, uint8_t *buf, uint32_t cap,
                                            uint32_t *needed_bytes)
{
    struct smbkit_get_security a = {.struct_size = sizeof(a), .buffer = {.base = buf, .cap = cap}};
    smbkit_status status = t->p->get_security(t->v, &t->op, file, &a);
    *needed_bytes = a.buffer.len;
    return status;
}

static inline smbkit_status pt_set_security(struct pt *t, void *file, const uint8_t *sd,
                                            uint32_t len)
{
    struct smbkit_set_security a = {.struct_size = sizeof(a), .security = {.base = sd, .len = len}};
    return t->p->set_security(t->v, &t->op, file, &a);
}

static inline smbkit_status pt_flush(struct pt *t, void *file)
{
    struct smbkit_flush a = {.struct_size = sizeof(a)};
    return t->p->flush(t->v, &t->op, file, &a);
}

static inline smbkit_status pt_set_size(struct pt *t, void *file, uint64_t size)
{
    struct smbkit_size a = {.struct_size = sizeof(a), .size = size};
    return t->p->set_size(t->v, &t->op, file, &a);
}

static inline smbkit_status pt_allocate(struct pt *t, void *file, uint64_t size)
{
    struct smbkit_size a = {.struct_size = sizeof(a), .size = size};
    return t->p->allocate(t->v, &t->op, file, &a);
}

static inline smbkit_status pt_overwrite(struct pt *t, void *file, uint32_t attributes,
                                         uint64_t alloc_size, struct smbkit_attr *attr)
{
    struct smbkit_overwrite a = {
        .struct_size = sizeof(a), .attributes = attributes, .alloc_size = alloc_size, .attr = attr};
    *attr = (struct smbkit_attr){.struct_size = sizeof(*attr)};
    return t->p->overwrite(t->v, &t->op, file, &a);
}

static inline smbkit_status pt_zero_range(struct pt *t, void *file, uint64_t offset,
                                          uint64_t length)
{
    struct smbkit_span a = {.struct_size = sizeof(a), .offset = offset, .length = length};
    return t->p->zero_range(t->v, &t->op, file, &a);
}

/* *count_r in: room, out: filled. */
static inline smbkit_status pt_ranges(struct pt *t, void *file, struct smbkit_range within,
                                      struct smbkit_range *out, uint32_t *count_r)
{
    struct smbkit_ranges a = {.struct_size = sizeof(a),
                              .room = *count_r,
                              .offset = within.offset,
                              .length = within.length,
                              .out = out};
    smbkit_status status = t->p->ranges(t->v, &t->op, file, &a);
    *count_r = a.count;
    return status;
}

static inline smbkit_status pt_get_path(struct pt *t, void *file, char *buf, uint32_t cap)
{
    struct smbkit_buffer a = {.base = (uint8_t *)buf, .cap = cap};
    return t->p->get_path(t->v, &t->op, file, &a);
}

static inline smbkit_status pt_remove_file(struct pt *t, void *file)
{
    struct smbkit_remove a = {.struct_size = sizeof(a)};
    return t->p->remove(t->v, &t->op, file, &a);
}

static inline smbkit_status pt_rename_file(struct pt *t, void *file, const char *to,
                                           uint32_t replace)
{
    struct smbkit_rename a = {
        .struct_size = sizeof(a), .flags = replace ? SMBKIT_RENAME_REPLACE : 0, .new_path = to};
    return t->p->rename(t->v, &t->op, file, &a);
}

static inline smbkit_status pt_link_file(struct pt *t, void *file, const char *to, uint32_t replace)
{
    struct smbkit_rename a = {
        .struct_size = sizeof(a), .flags = replace ? SMBKIT_RENAME_REPLACE : 0, .new_path = to};
    return t->p->link(t->v, &t->op, file, &a);
}

static inline smbkit_status pt_create_kind(struct pt *t, const char *path, uint32_t disposition,
                                           uint32_t kind, void **file_r)
{
    struct smbkit_attr attr;
    struct smbkit_create how = {
        .disposition = disposition, .path = path, .kind = kind, .access = SMBKIT_ALL_ACCESS};
    return pt_create(t, &how, file_r, &attr);
}

/* An open file, or NULL with the test failed. */
static inline void *pt_file(struct pt *t, const char *path, uint32_t disposition, uint32_t kind)
{
    void *file = NULL;
    smbkit_status status = pt_create_kind(t, path, disposition, kind, &file);
    if (status != SMBKIT_STATUS_SUCCESS) {
        test_fail(__FILE__, __LINE__, "open %s: %s", path, smbkit_status_name(status));
        return NULL;
    }
    return file;
}

static inline void *pt_new(struct pt *t, const char *path)
{
    return pt_file(t, path, SMBKIT_CREATE, SMBKIT_KIND_FILE);
}

static inline void *pt_any(struct pt *t, const char *path)
{
    return pt_file(t, path, SMBKIT_OPEN, SMBKIT_KIND_ANY);
}

static inline void pt_close(struct pt *t, void *file)
{
    if (file) {
        t->p->close(t->v, &t->op, file);
    }
}

static inline void pt_mkdir(struct pt *t, const char *path)
{
    pt_close(t, pt_file(t, path, SMBKIT_CREATE, SMBKIT_KIND_DIRECTORY));
}

static inline smbkit_status pt_try(struct pt *t, const char *path)
{
    void *file = NULL;
    smbkit_status status = pt_create_kind(t, path, SMBKIT_OPEN, SMBKIT_KIND_ANY, &file);
    pt_close(t, file);
    return status;
}

static inline smbkit_status pt_write(struct pt *t, void *file, uint64_t offset, const void *data,
                                     uint32_t len)
{
    /* In two segments, so that joining them is tested everywhere. */
    struct smbkit_segment segs[2] = {{data, len / 3},
                                     {(const uint8_t *)data + len / 3, len - len / 3}};
    struct smbkit_io io = {
        .struct_size = sizeof(io), .offset = offset, .length = len, .segs = segs, .seg_count = 2};
    smbkit_status status = t->p->write(t->v, &t->op, file, &io);
    if (SMBKIT_OK(status)) {
        CHECK_INT(io.done, len);
    }
    return status;
}

/* Each goes to the end, whatever offset it names. */
static inline void pt_check_appends(struct pt *t, void *file)
{
    static const uint64_t offsets[] = {0, 1, 1u << 20, UINT64_MAX};
    for (unsigned i = 0; i < 4; i++) {
        const struct smbkit_segment seg = {(const uint8_t *)"abcd" + i, 1};
        struct smbkit_io io = {.struct_size = sizeof(io),
                               .flags = SMBKIT_IO_APPEND,
                               .offset = offsets[i],
                               .length = 1,
                               .segs = &seg,
                               .seg_count = 1};
        CHECK_INT(t->p->write(t->v, &t->op, file, &io), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(io.done, 1);
    }
    char buf[8];
    struct smbkit_io io = {
        .struct_size = sizeof(io), .length = sizeof(buf), .buffer = (uint8_t *)buf};
    CHECK_INT(t->p->read(t->v, &t->op, file, &io), SMBKIT_STATUS_SUCCESS);
    CHECK_MEM(buf, io.done, "abcd", 4);
}

/* Attributes in the room of an older server: nothing is written behind it. */
static inline void pt_check_attr_room(struct pt *t, void *file)
{
    const uint64_t untouched = 0xc5c5c5c5c5c5c5c5ull;
    struct smbkit_attr attr = {.struct_size = offsetof(struct smbkit_attr, names_told),
                               .names_told = untouched};
    CHECK_INT(t->p->getattr(t->v, &t->op, file, &attr), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(attr.struct_size, offsetof(struct smbkit_attr, names_told));
    CHECK(attr.names_told == untouched);
    CHECK(attr.write_time != 0);
}

/* Bytes read, or -1. */
static inline int64_t pt_read(struct pt *t, void *file, uint64_t offset, void *buf, uint32_t len)
{
    struct smbkit_io io = {
        .struct_size = sizeof(io), .offset = offset, .length = len, .buffer = buf};
    return SMBKIT_OK(t->p->read(t->v, &t->op, file, &io)) ? (int64_t)io.done : -1;
}

static inline struct smbkit_attr pt_attr(struct pt *t, void *file)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    CHECK_INT(t->p->getattr(t->v, &t->op, file, &attr), SMBKIT_STATUS_SUCCESS);
    return attr;
}

static inline smbkit_status pt_remove(struct pt *t, const char *path)
{
    void *file = NULL;
    smbkit_status status = pt_create_kind(t, path, SMBKIT_OPEN, SMBKIT_KIND_ANY, &file);
    if (SMBKIT_OK(status)) {
        status = pt_remove_file(t, file);
        pt_close(t, file);
    }
    return status;
}

static inline smbkit_status pt_rename(struct pt *t, const char *from, const char *to,
                                      uint32_t replace)
{
    void *file = NULL;
    smbkit_status status = pt_create_kind(t, from, SMBKIT_OPEN, SMBKIT_KIND_ANY, &file);
    if (SMBKIT_OK(status)) {
        status = pt_rename_file(t, file, to, replace);
        pt_close(t, file);
    }
    return status;
}

static inline uint64_t pt_free_bytes(struct pt *t)
{
    struct smbkit_volume_info info = {.struct_size = sizeof(info)};
    CHECK_INT(t->p->volume_info(t->v, &t->op, &info), SMBKIT_STATUS_SUCCESS);
    return info.free_bytes;
}

/* Names of a page of a directory. */
#define PT_NAMES_MAX 64
struct pt_page {
    struct smbkit_sink sink; /* first */
    uint32_t room;
    uint32_t count;
    uint64_t cookie; /* of the last entry taken */
    char names[PT_NAMES_MAX][256];
    struct smbkit_attr attrs[PT_NAMES_MAX];
};

static inline int32_t pt_page_entry(struct smbkit_sink *sink, const struct smbkit_entry *entry)
{
    struct pt_page *page = (struct pt_page *)sink;
    if (page->count == page->room) {
        return 0;
    }
    snprintf(page->names[page->count], sizeof(page->names[0]), "%s", entry->name);
    page->attrs[page->count] = entry->attr ? *entry->attr : (struct smbkit_attr){0};
    page->count++;
    page->cookie = entry->cookie;
    return 1;
}

/* Up to room (<= PT_NAMES_MAX) entries after page->cookie; returns their number. */
static inline uint32_t pt_list(struct pt *t, void *dir, struct pt_page *page, uint32_t room)
{
    page->sink = (struct smbkit_sink){.struct_size = sizeof(page->sink),
                                      .want = SMBKIT_WANT_ATTR,
                                      .cookie = page->cookie,
                                      .entry = pt_page_entry};
    page->room = room;
    page->count = 0;
    CHECK_INT(t->p->enumerate(t->v, &t->op, dir, &page->sink), SMBKIT_STATUS_SUCCESS);
    return page->count;
}

static inline bool pt_page_has(const struct pt_page *page, const char *name)
{
    for (uint32_t i = 0; i < page->count; i++) {
        if (strcmp(page->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- streams, states ---- */

static inline smbkit_status pt_stream_create(struct pt *t, const char *path, const char *stream,
                                             uint32_t disposition, void **file_r)
{
    const struct smbkit_create how = {.struct_size = sizeof(how),
                                      .disposition = disposition,
                                      .path = path,
                                      .stream = stream,
                                      .kind = SMBKIT_KIND_FILE,
                                      .access = SMBKIT_ALL_ACCESS};
    struct smbkit_attr attr;
    return pt_create(t, &how, file_r, &attr);
}

static inline void *pt_stream_new(struct pt *t, const char *path, const char *stream)
{
    void *file = NULL;
    CHECK_INT(pt_stream_create(t, path, stream, SMBKIT_CREATE, &file), 0);
    return file;
}

static inline smbkit_status pt_stream_rename(struct pt *t, void *file, const char *to,
                                             uint32_t flags)
{
    const struct smbkit_rename a = {
        .struct_size = sizeof(a), .flags = flags, .new_path = "f", .new_stream = to};
    return t->p->rename(t->v, &t->op, file, &a);
}

static inline uint32_t pt_list_streams(struct pt *t, void *file, struct pt_page *page)
{
    page->count = 0;
    page->room = 16;
    page->sink = (struct smbkit_sink){
        .struct_size = sizeof(page->sink), .want = SMBKIT_WANT_ATTR, .entry = pt_page_entry};
    CHECK_INT(t->p->streams(t->v, &t->op, file, &page->sink), 0);
    return page->count;
}

static inline smbkit_status pt_set_value(struct pt *t, void *file, uint64_t value,
                                         smbkit_status (*fn)(void *volume, struct smbkit_op *op,
                                                             void *file,
                                                             const struct smbkit_value *a))
{
    const struct smbkit_value a = {.struct_size = sizeof(a), .value = value};
    return fn(t->v, &t->op, file, &a);
}
