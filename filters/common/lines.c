/* SPDX-License-Identifier: Apache-2.0 */
#include "lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_SIZE_MAX (256u << 20) /* bytes */
#define SUM_LEN 8u

static uint32_t sum_of(const char *text, size_t len)
{
    uint32_t h = 0x811c9dc5u;
    for (size_t i = 0; i < len; i++) {
        h = (h ^ (unsigned char)text[i]) * 0x01000193u;
    }
    return h;
}

/* ---- reading ---- */

/* Bytes of the lines that are whole; their ends are overwritten. */
static uint64_t take(char *text, uint64_t size, bool (*line)(void *arg, char *text), void *arg,
                     bool *no_memory)
{
    uint64_t at = 0;
    while (at < size) {
        char *start = text + at;
        char *end = memchr(start, '\n', size - at);
        size_t len = end ? (size_t)(end - start) : 0;
        char sum[SUM_LEN + 1];
        if (len < SUM_LEN + 2 || start[SUM_LEN] != ' ') {
            break;
        }
        snprintf(sum, sizeof(sum), "%08x", sum_of(start + SUM_LEN + 1, len - SUM_LEN - 1));
        if (memcmp(sum, start, SUM_LEN) != 0) {
            break;
        }
        *end = '\0';
        *no_memory = !line(arg, start + SUM_LEN + 1);
        if (*no_memory) {
            break;
        }
        at += len + 1;
    }
    return at;
}

smbkit_status lines_read(struct lines *l, struct smbkit_op *op, const char *path,
                         bool (*line)(void *arg, char *text), void *arg)
{
    struct smbkit_attr attr;
    struct smbkit_create a = {.disposition = SMBKIT_OPEN, .kind = SMBKIT_KIND_FILE, .attr = &attr};
    smbkit_status st = side_open(l->side, op, path, &a);
    l->size = 0;
    if (!SMBKIT_OK(st)) {
        return side_is_missing(st) ? SMBKIT_STATUS_SUCCESS : st;
    }
    bool no_memory = false;
    char *text = attr.size < FILE_SIZE_MAX ? malloc(attr.size + 1) : NULL;
    struct smbkit_io io = {
        .struct_size = sizeof(io), .length = (uint32_t)attr.size, .buffer = (uint8_t *)text};
    if (attr.size >= FILE_SIZE_MAX) {
        st = SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    } else {
        st = text ? smbkit_next_read(l->side->next, op, a.file, &io) : SMBKIT_STATUS_NO_MEMORY;
    }
    if (SMBKIT_OK(st)) {
        l->size = take(text, io.done, line, arg, &no_memory);
    }
    free(text);
    smbkit_next_close(l->side->next, op, a.file);
    return no_memory ? SMBKIT_STATUS_NO_MEMORY : st;
}

/* ---- writing ---- */

static smbkit_status append(struct lines *l, struct smbkit_op *op, void *file,
                            const struct smbkit_segment *seg, uint32_t flags)
{
    struct smbkit_io io = {.struct_size = sizeof(io),
                           .flags = flags,
                           .offset = l->size,
                           .length = (uint32_t)seg->len,
                           .segs = seg,
                           .seg_count = 1};
    smbkit_status st = smbkit_next_write(l->side->next, op, file, &io);
    if (SMBKIT_OK(st) && io.done < seg->len) {
        st = SMBKIT_STATUS_DISK_FULL;
    }
    if (SMBKIT_OK(st)) {
        l->size += seg->len;
    }
    return st;
}

smbkit_status lines_append(struct lines *l, struct smbkit_op *op, const char *path,
                           const char *text, uint32_t flags)
{
    struct smbkit_attr attr;
    struct smbkit_create a = {.disposition = SMBKIT_OPEN, .kind = SMBKIT_KIND_FILE, .attr = &attr};
    size_t len = SUM_LEN + 1 + strlen(text) + 1;
    char *line = malloc(len + 1);
    if (!line) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    snprintf(line, len + 1, "%08x %s\n", sum_of(text, strlen(text)), text);
    smbkit_status st = side_open(l->side, op, path, &a);
    if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        a.disposition = SMBKIT_CREATE;
        st = side_open(l->side, op, path, &a);
    }
    if (SMBKIT_OK(st)) {
        const struct smbkit_segment seg = {.base = (const uint8_t *)line, .len = len};
        st = append(l, op, a.file, &seg, flags);
        smbkit_next_close(l->side->next, op, a.file);
    }
    free(line);
    return st;
}
