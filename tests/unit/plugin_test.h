/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of plugins and filters share: a stand-in for the core, and one-line calls of a
 * plugin.
 *
 * The stand-in's functions are weak, so that linking with the real core works as well; what base
 * provides (smbkit_status_from_errno, smbkit_status_name) is the real thing. Included
 * once by each test program. */
#pragma once

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <smbkit/filter.h>

#include "test.h"

#define FAKE __attribute__((weak))

/* ------------------------------------------------------------------------------- the core */

/* The last line logged, and how many there were. */
static char fake_log_line[1024];
static atomic_uint fake_log_count;
static pthread_mutex_t fake_log_lock = PTHREAD_MUTEX_INITIALIZER;

FAKE void smbkit_log(uint32_t level, const char *fmt, ...)
{
    (void)level;
    va_list ap;
    va_start(ap, fmt);
    pthread_mutex_lock(&fake_log_lock);
    vsnprintf(fake_log_line, sizeof(fake_log_line), fmt, ap);
    pthread_mutex_unlock(&fake_log_lock);
    va_end(ap);
    fake_log_count++;
}

/* An op of the tests is cancelled when op->core points to a set flag. */
FAKE int32_t smbkit_op_is_cancelled(const struct smbkit_op *op)
{
    return op->core && atomic_load((atomic_int *)op->core);
}

FAKE void smbkit_complete(struct smbkit_op *op, smbkit_status status)
{
    (void)op;
    (void)status;
    test_fail(__FILE__, __LINE__, "no plugin under test answers PENDING");
}

FAKE void smbkit_changed(struct smbkit_host *host, const char *path, uint32_t what)
{
    (void)host;
    (void)path;
    (void)what;
}

FAKE void smbkit_io_give(struct smbkit_io *io, const void *memory, uint32_t length,
                         void (*release)(void *arg), void *arg)
{
    memcpy(io->buffer, memory, length);
    io->done = length;
    release(arg);
}

FAKE void smbkit_io_fd(struct smbkit_io *io, int64_t fd, uint64_t offset, uint32_t length)
{
    (void)fd;
    (void)offset;
    io->done = length;
}

/* The layer below a filter under test: any plugin, all of whose functions are there. */
struct smbkit_next {
    const struct smbkit_plugin *plugin;
    void *volume;
};
#define NEXT(name, ...) next->plugin->name(next->volume, op, __VA_ARGS__)

FAKE smbkit_status smbkit_next_volume_info(struct smbkit_next *next, struct smbkit_op *op,
                                           struct smbkit_volume_info *info)
{
    return NEXT(volume_info, info);
}
FAKE smbkit_status smbkit_next_create(struct smbkit_next *next, struct smbkit_op *op,
                                      const struct smbkit_create *how, void **file_r,
                                      struct smbkit_attr *attr)
{
    return NEXT(create, how, file_r, attr);
}
FAKE void smbkit_next_close(struct smbkit_next *next, struct smbkit_op *op, void *file)
{
    NEXT(close, file);
}
FAKE smbkit_status smbkit_next_lookup(struct smbkit_next *next, struct smbkit_op *op,
                                      const char *path, struct smbkit_attr *attr)
{
    return NEXT(lookup, path, attr);
}
FAKE smbkit_status smbkit_next_enumerate(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                         uint64_t cookie, struct smbkit_sink *sink)
{
    return NEXT(enumerate, file, cookie, sink);
}
FAKE smbkit_status smbkit_next_get_path(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                        char *buf, uint32_t cap)
{
    return NEXT(get_path, file, buf, cap);
}
FAKE smbkit_status smbkit_next_rename(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                      const char *new_path, uint32_t replace)
{
    return NEXT(rename, file, new_path, replace);
}
FAKE smbkit_status smbkit_next_link(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                    const char *new_path, uint32_t replace)
{
    return NEXT(link, file, new_path, replace);
}
FAKE smbkit_status smbkit_next_remove(struct smbkit_next *next, struct smbkit_op *op, void *file)
{
    return NEXT(remove, file);
}
FAKE smbkit_status smbkit_next_getattr(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                       struct smbkit_attr *attr)
{
    return NEXT(getattr, file, attr);
}
FAKE smbkit_status smbkit_next_setattr(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                       uint32_t mask, const struct smbkit_attr *attr)
{
    return NEXT(setattr, file, mask, attr);
}
FAKE smbkit_status smbkit_next_get_security(struct smbkit_next *next, struct smbkit_op *op,
                                            void *file, uint8_t *buf, uint32_t cap,
                                            uint32_t *needed_bytes)
{
    return NEXT(get_security, file, buf, cap, needed_bytes);
}
FAKE smbkit_status smbkit_next_set_security(struct smbkit_next *next, struct smbkit_op *op,
                                            void *file, const uint8_t *security, uint32_t len_bytes)
{
    return NEXT(set_security, file, security, len_bytes);
}
FAKE smbkit_status smbkit_next_read(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                    struct smbkit_io *io)
{
    return NEXT(read, file, io);
}
FAKE smbkit_status smbkit_next_write(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                     struct smbkit_io *io)
{
    return NEXT(write, file, io);
}
FAKE smbkit_status smbkit_next_flush(struct smbkit_next *next, struct smbkit_op *op, void *file)
{
    return next->plugin->flush ? NEXT(flush, file) : SMBKIT_STATUS_SUCCESS;
}
FAKE smbkit_status smbkit_next_set_size(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                        uint64_t size)
{
    return NEXT(set_size, file, size);
}
FAKE smbkit_status smbkit_next_overwrite(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                         uint32_t attributes, uint64_t alloc_size,
                                         struct smbkit_attr *attr)
{
    return NEXT(overwrite, file, attributes, alloc_size, attr);
}
FAKE smbkit_status smbkit_next_allocate(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                        uint64_t alloc_size)
{
    return NEXT(allocate, file, alloc_size);
}
FAKE smbkit_status smbkit_next_zero_range(struct smbkit_next *next, struct smbkit_op *op,
                                          void *file, uint64_t offset, uint64_t length)
{
    return NEXT(zero_range, file, offset, length);
}
FAKE smbkit_status smbkit_next_ranges(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                      uint64_t offset, uint64_t length, struct smbkit_range *out,
                                      uint32_t *count_r)
{
    return NEXT(ranges, file, offset, length, out, count_r);
}
FAKE smbkit_status smbkit_next_watch(struct smbkit_next *next, struct smbkit_op *op, void *file,
                                     uint32_t on)
{
    return next->plugin->watch ? NEXT(watch, file, on) : SMBKIT_STATUS_NOT_SUPPORTED;
}

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
    *t = (struct pt){.p = plugin, .op = {sizeof(struct smbkit_op), 0, &pt_who, NULL}};
    struct smbkit_volume_args va = {.struct_size = sizeof(va),
                                    .arg_count = count,
                                    .args = list,
                                    .next = next,
                                    .share_name = "test",
                                    .error = t->error,
                                    .error_size = sizeof(t->error)};
    return plugin->volume_open(&va, &t->v);
}

static inline void pt_close_volume(struct pt *t)
{
    t->p->volume_close(t->v);
}

static inline smbkit_status pt_create_kind(struct pt *t, const char *path, uint32_t disposition,
                                           uint32_t kind, void **file_r)
{
    struct smbkit_attr attr;
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = disposition,
                                .path = path,
                                .kind = kind,
                                .access = SMBKIT_ALL_ACCESS};
    return t->p->create(t->v, &t->op, &how, file_r, &attr);
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

/* Bytes read, or -1. */
static inline int64_t pt_read(struct pt *t, void *file, uint64_t offset, void *buf, uint32_t len)
{
    struct smbkit_io io = {
        .struct_size = sizeof(io), .offset = offset, .length = len, .buffer = buf};
    return SMBKIT_OK(t->p->read(t->v, &t->op, file, &io)) ? (int64_t)io.done : -1;
}

static inline struct smbkit_attr pt_attr(struct pt *t, void *file)
{
    struct smbkit_attr attr = {0};
    CHECK_INT(t->p->getattr(t->v, &t->op, file, &attr), SMBKIT_STATUS_SUCCESS);
    return attr;
}

static inline smbkit_status pt_remove(struct pt *t, const char *path)
{
    void *file = NULL;
    smbkit_status status = pt_create_kind(t, path, SMBKIT_OPEN, SMBKIT_KIND_ANY, &file);
    if (SMBKIT_OK(status)) {
        status = t->p->remove(t->v, &t->op, file);
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
        status = t->p->rename(t->v, &t->op, file, to, replace);
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
    page->attrs[page->count] = entry->attr;
    page->count++;
    page->cookie = entry->cookie;
    return 1;
}

/* Up to room (<= PT_NAMES_MAX) entries after page->cookie; returns their number. */
static inline uint32_t pt_list(struct pt *t, void *dir, struct pt_page *page, uint32_t room)
{
    page->sink = (struct smbkit_sink){sizeof(page->sink), 1, pt_page_entry, NULL};
    page->room = room;
    page->count = 0;
    CHECK_INT(t->p->enumerate(t->v, &t->op, dir, page->cookie, &page->sink), SMBKIT_STATUS_SUCCESS);
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
