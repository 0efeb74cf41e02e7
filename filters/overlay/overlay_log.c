/* SPDX-License-Identifier: Apache-2.0 */
/* What is hidden, in a file of the upper volume: a line for each path, "CHECKSUM PATH", the first
 * line that is not so ends it. It is read before the first call, and written through before what
 * follows is done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay.h"

#define LOG_SIZE_MAX (256u << 20) /* bytes of the file */
#define SUM_LEN 8u

static uint32_t sum_of(const char *path, size_t len)
{
    uint32_t h = 0x811c9dc5u;
    for (size_t i = 0; i < len; i++) {
        h = (h ^ (unsigned char)path[i]) * 0x01000193u;
    }
    return h;
}

static smbkit_status open_up(struct overlay *o, struct smbkit_op *op, const char *path,
                             struct smbkit_create *a)
{
    a->struct_size = sizeof(*a);
    a->path = path;
    a->access = SMBKIT_ALL_ACCESS;
    *a->attr = (struct smbkit_attr){.struct_size = sizeof(*a->attr)};
    return smbkit_next_create(o->upper.next, op, a);
}

/* ---- reading ---- */

/* Bytes of the lines that are whole; their ends are overwritten. */
static uint64_t take_lines(struct overlay *o, char *text, uint64_t size, bool *no_memory)
{
    uint64_t at = 0;
    while (at < size) {
        char *line = text + at;
        char *end = memchr(line, '\n', size - at);
        size_t len = end ? (size_t)(end - line) : 0;
        char sum[SUM_LEN + 1];
        if (len < SUM_LEN + 2 || line[SUM_LEN] != ' ') {
            break;
        }
        snprintf(sum, sizeof(sum), "%08x", sum_of(line + SUM_LEN + 1, len - SUM_LEN - 1));
        if (memcmp(sum, line, SUM_LEN) != 0) {
            break;
        }
        *end = '\0';
        *no_memory = !hidden_put(o, line + SUM_LEN + 1);
        if (*no_memory) {
            break;
        }
        at += len + 1;
    }
    return at;
}

static smbkit_status read_all(struct overlay *o, struct smbkit_op *op, void *file, uint64_t size)
{
    bool no_memory = false;
    if (size > LOG_SIZE_MAX) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    uint8_t *text = malloc(size + 1);
    struct smbkit_io io = {.struct_size = sizeof(io), .length = (uint32_t)size, .buffer = text};
    smbkit_status st =
        text ? smbkit_next_read(o->upper.next, op, file, &io) : SMBKIT_STATUS_NO_MEMORY;
    if (SMBKIT_OK(st)) {
        pthread_rwlock_wrlock(&o->lock);
        o->log_size = take_lines(o, (char *)text, io.done, &no_memory);
        pthread_rwlock_unlock(&o->lock);
    }
    free(text);
    return no_memory ? SMBKIT_STATUS_NO_MEMORY : st;
}

static smbkit_status read_log(struct overlay *o, struct smbkit_op *op)
{
    struct smbkit_attr attr;
    struct smbkit_create a = {.disposition = SMBKIT_OPEN, .kind = SMBKIT_KIND_FILE, .attr = &attr};
    smbkit_status st = open_up(o, op, OVERLAY_LOG, &a);
    if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND || st == SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (SMBKIT_OK(st)) {
        st = read_all(o, op, a.file, attr.size);
        smbkit_next_close(o->upper.next, op, a.file);
    }
    return st;
}

smbkit_status overlay_ready(struct overlay *o, struct smbkit_op *op)
{
    if (atomic_load(&o->is_ready)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    /* By one caller: a second one would set log_size back to what it has read. */
    pthread_mutex_lock(&o->copying);
    smbkit_status st = atomic_load(&o->is_ready) ? SMBKIT_STATUS_SUCCESS : read_log(o, op);
    atomic_store(&o->is_ready, SMBKIT_OK(st));
    pthread_mutex_unlock(&o->copying);
    return st;
}

/* ---- the folder ---- */

static smbkit_status make(struct overlay *o, struct smbkit_op *op, const char *path)
{
    struct smbkit_attr attr;
    struct smbkit_create a = {.disposition = SMBKIT_CREATE,
                              .kind = SMBKIT_KIND_DIRECTORY,
                              .attributes = SMBKIT_ATTR_HIDDEN,
                              .attr = &attr};
    smbkit_status st = open_up(o, op, path, &a);
    if (SMBKIT_OK(st)) {
        smbkit_next_close(o->upper.next, op, a.file);
    }
    return st == SMBKIT_STATUS_OBJECT_NAME_COLLISION ? SMBKIT_STATUS_SUCCESS : st;
}

static void remove_up(struct overlay *o, struct smbkit_op *op, const char *path)
{
    struct smbkit_attr attr;
    const struct smbkit_remove how = {.struct_size = sizeof(how)};
    struct smbkit_create a = {
        .disposition = SMBKIT_OPEN, .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT, .attr = &attr};
    if (SMBKIT_OK(open_up(o, op, path, &a))) {
        (void)smbkit_next_remove(o->upper.next, op, a.file, &how);
        smbkit_next_close(o->upper.next, op, a.file);
    }
}

/* Copies that were not finished. */
static void clean(struct overlay *o, struct smbkit_op *op)
{
    struct smbkit_attr attr;
    struct names n = {0};
    struct smbkit_create a = {
        .disposition = SMBKIT_OPEN, .kind = SMBKIT_KIND_DIRECTORY, .attr = &attr};
    if (SMBKIT_OK(open_up(o, op, OVERLAY_TMP, &a))) {
        (void)side_names(&o->upper, op, SMBKIT_OP_enumerate, a.file, &n);
        smbkit_next_close(o->upper.next, op, a.file);
    }
    for (uint32_t i = 0; i < n.count; i++) {
        char *path = overlay_join(OVERLAY_TMP, n.list[i]);
        if (path) {
            remove_up(o, op, path);
        }
        free(path);
        free(n.list[i]);
    }
    free(n.list);
}

smbkit_status overlay_meta(struct overlay *o, struct smbkit_op *op)
{
    if (o->has_meta) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = make(o, op, OVERLAY_META);
    if (SMBKIT_OK(st)) {
        st = make(o, op, OVERLAY_TMP);
    }
    if (SMBKIT_OK(st)) {
        clean(o, op);
    }
    o->has_meta = SMBKIT_OK(st);
    return st;
}

/* ---- writing ---- */

static smbkit_status append(struct overlay *o, struct smbkit_op *op, void *file, const char *path)
{
    size_t len = SUM_LEN + 1 + strlen(path) + 1;
    char *line = malloc(len + 1);
    if (!line) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    snprintf(line, len + 1, "%08x %s\n", sum_of(path, strlen(path)), path);
    struct smbkit_segment seg = {.base = (const uint8_t *)line, .len = len};
    struct smbkit_io io = {.struct_size = sizeof(io),
                           .flags = SMBKIT_IO_WRITE_THROUGH,
                           .offset = o->log_size,
                           .length = (uint32_t)len,
                           .segs = &seg,
                           .seg_count = 1};
    smbkit_status st = smbkit_next_write(o->upper.next, op, file, &io);
    if (SMBKIT_OK(st) && io.done < len) {
        st = SMBKIT_STATUS_DISK_FULL;
    }
    if (SMBKIT_OK(st)) {
        o->log_size += len;
    }
    free(line);
    return st;
}

smbkit_status overlay_hide(struct overlay *o, struct smbkit_op *op, const char *path)
{
    struct smbkit_attr attr;
    struct smbkit_create a = {.disposition = SMBKIT_OPEN, .kind = SMBKIT_KIND_FILE, .attr = &attr};
    smbkit_status st = overlay_meta(o, op);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = open_up(o, op, OVERLAY_LOG, &a);
    if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        a.disposition = SMBKIT_CREATE;
        st = open_up(o, op, OVERLAY_LOG, &a);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = append(o, op, a.file, path);
    smbkit_next_close(o->upper.next, op, a.file);
    if (SMBKIT_OK(st)) {
        pthread_rwlock_wrlock(&o->lock);
        st = hidden_put(o, path) ? st : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
        o->generation++;
        pthread_rwlock_unlock(&o->lock);
    }
    return st;
}
