/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "side.h"

#define COPY_AT_ONCE (1u << 20) /* bytes */
#define RANGES_AT_ONCE 64
#define ROOM_MAX 65536u /* of a descriptor, of EAs, of a reparse point */

/* A copy under way. */
struct copy {
    const struct side_copy *c;
    struct smbkit_op *op;
    void *from, *to;
    uint8_t *buf;  /* COPY_AT_ONCE */
    uint8_t *room; /* ROOM_MAX */
};

static smbkit_status copy_piece(const struct copy *c, uint64_t offset, uint32_t length,
                                uint32_t *done_r)
{
    struct smbkit_io in = {
        .struct_size = sizeof(in), .offset = offset, .length = length, .buffer = c->buf};
    smbkit_status st = smbkit_next_read(c->c->from->next, c->op, c->from, &in);
    *done_r = in.done;
    if (!SMBKIT_OK(st) || in.done == 0) {
        return st;
    }
    struct smbkit_segment seg = {.base = c->buf, .len = in.done};
    struct smbkit_io out = {.struct_size = sizeof(out),
                            .offset = offset,
                            .length = in.done,
                            .segs = &seg,
                            .seg_count = 1};
    st = smbkit_next_write(c->c->to->next, c->op, c->to, &out);
    return SMBKIT_OK(st) && out.done < in.done ? SMBKIT_STATUS_DISK_FULL : st;
}

static smbkit_status copy_range(const struct copy *c, struct smbkit_range r)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    uint32_t done = 1;
    while (SMBKIT_OK(st) && r.length > 0 && done > 0) {
        st = copy_piece(c, r.offset, r.length < COPY_AT_ONCE ? (uint32_t)r.length : COPY_AT_ONCE,
                        &done);
        r.offset += done;
        r.length -= done;
        if (SMBKIT_OK(st) && smbkit_op_is_cancelled(c->op)) {
            st = SMBKIT_STATUS_CANCELLED;
        }
    }
    return st;
}

/* What is allocated; holes stay. */
static smbkit_status copy_data(const struct copy *c, uint64_t size)
{
    struct smbkit_range list[RANGES_AT_ONCE];
    const struct smbkit_size to = {.struct_size = sizeof(to), .size = size};
    smbkit_status st = smbkit_next_set_size(c->c->to->next, c->op, c->to, &to);
    uint64_t at = 0;
    while (SMBKIT_OK(st) && at < size) {
        struct smbkit_ranges r = {.struct_size = sizeof(r),
                                  .room = RANGES_AT_ONCE,
                                  .offset = at,
                                  .length = size - at,
                                  .out = list};
        smbkit_status more = smbkit_next_ranges(c->c->from->next, c->op, c->from, &r);
        if (!SMBKIT_OK(more) && more != SMBKIT_STATUS_BUFFER_OVERFLOW) {
            return more;
        }
        at = size;
        for (uint32_t i = 0; i < r.count && SMBKIT_OK(st); i++) {
            st = copy_range(c, list[i]);
        }
        if (more == SMBKIT_STATUS_BUFFER_OVERFLOW && r.count > 0) {
            at = list[r.count - 1].offset + list[r.count - 1].length;
        }
    }
    return st;
}

/* Shares the blocks where the volume can; else it is copied. */
static smbkit_status copy_all(const struct copy *c)
{
    uint64_t size = c->c->attr.size;
    if (c->c->from->next == c->c->to->next && (c->c->to->features & SMBKIT_FEATURE_CLONE)) {
        const struct smbkit_size to = {.struct_size = sizeof(to), .size = size};
        struct smbkit_copy a = {.struct_size = sizeof(a), .source = c->from, .length = size};
        smbkit_status st = smbkit_next_set_size(c->c->to->next, c->op, c->to, &to);
        st = SMBKIT_OK(st) && size > 0 ? smbkit_next_clone_range(c->c->to->next, c->op, c->to, &a)
                                       : st;
        if (SMBKIT_OK(st)) {
            return st;
        }
    }
    return copy_data(c, size);
}

/* ---- streams ---- */

static smbkit_status open_stream(const struct side *s, struct smbkit_op *op,
                                 struct smbkit_create *a, struct smbkit_attr *attr)
{
    *attr = (struct smbkit_attr){.struct_size = sizeof(*attr)};
    a->struct_size = sizeof(*a);
    a->kind = SMBKIT_KIND_FILE;
    a->attr = attr;
    return smbkit_next_create(s->next, op, a);
}

static smbkit_status copy_stream(const struct copy *c, const char *name)
{
    struct smbkit_attr attr, unused;
    struct smbkit_create in = {.disposition = SMBKIT_OPEN,
                               .path = c->c->from_path,
                               .stream = name,
                               .access = SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES};
    struct smbkit_create out = {.disposition = SMBKIT_CREATE,
                                .path = c->c->to_path,
                                .stream = name,
                                .access = SMBKIT_ALL_ACCESS};
    smbkit_status st = open_stream(c->c->from, c->op, &in, &attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = open_stream(c->c->to, c->op, &out, &unused);
    if (SMBKIT_OK(st)) {
        struct copy one = *c;
        one.from = in.file;
        one.to = out.file;
        st = copy_data(&one, attr.size);
        smbkit_next_close(c->c->to->next, c->op, out.file);
    }
    smbkit_next_close(c->c->from->next, c->op, in.file);
    return st;
}

static smbkit_status copy_streams(const struct copy *c)
{
    struct names *n = NULL;
    if (!(c->c->from->features & c->c->to->features & SMBKIT_FEATURE_STREAMS)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    n = calloc(1, sizeof(*n));
    smbkit_status st =
        n ? side_names(c->c->from, c->op, SMBKIT_OP_streams, c->from, n) : SMBKIT_STATUS_NO_MEMORY;
    for (uint32_t i = 0; n && i < n->count && SMBKIT_OK(st); i++) {
        st = copy_stream(c, n->list[i]);
    }
    side_names_free(n);
    return st;
}

/* ---- what else a file has ---- */

static smbkit_status copy_reparse(const struct copy *c)
{
    struct smbkit_get_reparse get = {.struct_size = sizeof(get),
                                     .buffer = {.base = c->room, .cap = ROOM_MAX}};
    smbkit_status st = smbkit_next_get_reparse(c->c->from->next, c->op, c->from, &get);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    const struct smbkit_set_reparse set = {
        .struct_size = sizeof(set), .tag = get.tag, .data = {c->room, get.buffer.len}};
    return smbkit_next_set_reparse(c->c->to->next, c->op, c->to, &set);
}

static smbkit_status copy_attributes(const struct copy *c)
{
    struct smbkit_attr a = c->c->attr;
    a.struct_size = sizeof(a);
    a.attributes &= SMBKIT_ATTR_SETTABLE;
    a.valid = SMBKIT_HAS_ATTRIBUTES | (a.create_time ? SMBKIT_HAS_CREATE_TIME : 0) |
              (a.access_time ? SMBKIT_HAS_ACCESS_TIME : 0) |
              (a.write_time ? SMBKIT_HAS_WRITE_TIME : 0) |
              (a.change_time ? SMBKIT_HAS_CHANGE_TIME : 0);
    a.attributes = a.attributes ? a.attributes : SMBKIT_ATTR_NORMAL;
    return smbkit_next_setattr(c->c->to->next, c->op, c->to, &a);
}

static smbkit_status copy_rest(const struct copy *c)
{
    static const struct smbkit_flush flush = {.struct_size = sizeof(flush)};
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    bool is_reparse = c->c->attr.attributes & SMBKIT_ATTR_REPARSE_POINT;
    bool is_file = !(c->c->attr.attributes & SMBKIT_ATTR_DIRECTORY) && !is_reparse;
    if ((c->c->attr.attributes & SMBKIT_ATTR_SPARSE) &&
        (c->c->to->features & SMBKIT_FEATURE_SPARSE)) {
        const struct smbkit_value on = {.struct_size = sizeof(on), .value = 1};
        st = smbkit_next_set_sparse(c->c->to->next, c->op, c->to, &on);
    }
    if (SMBKIT_OK(st) && is_file && !c->c->without_data) {
        st = copy_all(c);
    }
    if (SMBKIT_OK(st) && !c->c->without_data) {
        st = copy_streams(c);
    }
    if (SMBKIT_OK(st) && is_reparse) {
        st = copy_reparse(c);
    }
    if (SMBKIT_OK(st)) {
        st = copy_attributes(c);
    }
    return SMBKIT_OK(st) ? smbkit_next_flush(c->c->to->next, c->op, c->to, &flush) : st;
}

/* ---- the copy ---- */

static smbkit_status make_copy(struct copy *c)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = SMBKIT_CREATE,
                              .path = c->c->to_path,
                              .kind = c->c->attr.attributes & SMBKIT_ATTR_DIRECTORY
                                          ? SMBKIT_KIND_DIRECTORY
                                          : SMBKIT_KIND_FILE,
                              .access = SMBKIT_ALL_ACCESS,
                              .attr = &attr};
    struct smbkit_get_ea ea = {.struct_size = sizeof(ea),
                               .buffer = {.base = c->room, .cap = ROOM_MAX}};
    struct smbkit_get_security sd = {.struct_size = sizeof(sd),
                                     .buffer = {.base = c->buf, .cap = ROOM_MAX}};
    uint32_t both = c->c->from->features & c->c->to->features;
    if ((both & SMBKIT_FEATURE_EAS) &&
        SMBKIT_OK(smbkit_next_get_ea(c->c->from->next, c->op, c->from, &ea))) {
        a.ea = (struct smbkit_bytes){c->room, ea.buffer.len};
    }
    if (both & SMBKIT_FEATURE_SECURITY) {
        smbkit_status st = smbkit_next_get_security(c->c->from->next, c->op, c->from, &sd);
        if (!SMBKIT_OK(st) && st != SMBKIT_STATUS_NOT_FOUND) {
            return st; /* nobody is to get at more by a copy */
        }
        a.security = SMBKIT_OK(st) ? (struct smbkit_bytes){c->buf, sd.buffer.len} : a.security;
    }
    smbkit_status st = smbkit_next_create(c->c->to->next, c->op, &a);
    c->to = a.file;
    return st;
}

static smbkit_status copy_open(struct copy *c)
{
    static const struct smbkit_remove away = {.struct_size = sizeof(away)};
    smbkit_status st = make_copy(c);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = copy_rest(c);
    if (!SMBKIT_OK(st)) {
        (void)smbkit_next_remove(c->c->to->next, c->op, c->to, &away);
        smbkit_next_close(c->c->to->next, c->op, c->to);
    }
    return st;
}

smbkit_status side_copy(struct smbkit_op *op, struct side_copy *c)
{
    struct copy x = {.c = c, .op = op, .buf = malloc(COPY_AT_ONCE), .room = malloc(ROOM_MAX)};
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = SMBKIT_OPEN,
                              .path = c->from_path,
                              .access = SMBKIT_READ_DATA | SMBKIT_READ_EA | SMBKIT_READ_CONTROL |
                                        SMBKIT_READ_ATTRIBUTES,
                              .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT,
                              .attr = &c->attr};
    c->attr = (struct smbkit_attr){.struct_size = sizeof(c->attr)};
    smbkit_status st =
        x.buf && x.room ? smbkit_next_create(c->from->next, op, &a) : SMBKIT_STATUS_NO_MEMORY;
    if (SMBKIT_OK(st)) {
        x.from = a.file;
        st = copy_open(&x);
        c->file = x.to;
        smbkit_next_close(c->from->next, op, a.file);
    }
    free(x.buf);
    free(x.room);
    return st;
}

/* ---- what is there already ---- */

static smbkit_status drop_streams(const struct copy *c)
{
    static const struct smbkit_remove how = {.struct_size = sizeof(how)};
    struct names n = {0};
    smbkit_status st = side_names(c->c->to, c->op, SMBKIT_OP_streams, c->to, &n);
    for (uint32_t i = 0; i < n.count && SMBKIT_OK(st); i++) {
        struct smbkit_attr attr;
        struct smbkit_create a = {.disposition = SMBKIT_OPEN,
                                  .path = c->c->to_path,
                                  .stream = n.list[i],
                                  .access = SMBKIT_ALL_ACCESS};
        st = open_stream(c->c->to, c->op, &a, &attr);
        if (SMBKIT_OK(st)) {
            st = smbkit_next_remove(c->c->to->next, c->op, a.file, &how);
            smbkit_next_close(c->c->to->next, c->op, a.file);
        }
    }
    side_names_fini(&n);
    return st;
}

#define EA_HEADER 8u /* [MS-FSCC] 2.4.16: NextEntryOffset, Flags, EaNameLength, EaValueLength */

/* Values become empty, which removes them; names and places stay. */
static void empty_values(uint8_t *list, uint32_t len)
{
    for (uint32_t at = 0; len - at >= EA_HEADER;) {
        uint32_t next = list[at] | (uint32_t)list[at + 1] << 8 | (uint32_t)list[at + 2] << 16 |
                        (uint32_t)list[at + 3] << 24;
        list[at + 6] = list[at + 7] = 0;
        if (next == 0 || next > len - at) {
            return;
        }
        at += next;
    }
}

static smbkit_status dress_eas(const struct copy *c)
{
    struct smbkit_get_ea old = {.struct_size = sizeof(old),
                                .buffer = {.base = c->room, .cap = ROOM_MAX}};
    smbkit_status st = smbkit_next_get_ea(c->c->to->next, c->op, c->to, &old);
    if (SMBKIT_OK(st) && old.buffer.len > 0) {
        empty_values(c->room, old.buffer.len);
        const struct smbkit_set_ea none = {.struct_size = sizeof(none),
                                           .ea = {c->room, old.buffer.len}};
        st = smbkit_next_set_ea(c->c->to->next, c->op, c->to, &none);
    }
    struct smbkit_get_ea now = {.struct_size = sizeof(now),
                                .buffer = {.base = c->room, .cap = ROOM_MAX}};
    st = SMBKIT_OK(st) ? smbkit_next_get_ea(c->c->from->next, c->op, c->from, &now) : st;
    if (SMBKIT_OK(st) && now.buffer.len > 0) {
        const struct smbkit_set_ea set = {.struct_size = sizeof(set),
                                          .ea = {c->room, now.buffer.len}};
        st = smbkit_next_set_ea(c->c->to->next, c->op, c->to, &set);
    }
    return st;
}

static smbkit_status dress_security(const struct copy *c)
{
    struct smbkit_get_security sd = {.struct_size = sizeof(sd),
                                     .buffer = {.base = c->buf, .cap = ROOM_MAX}};
    smbkit_status st = smbkit_next_get_security(c->c->from->next, c->op, c->from, &sd);
    if (!SMBKIT_OK(st)) {
        return st == SMBKIT_STATUS_NOT_FOUND ? SMBKIT_STATUS_SUCCESS : st;
    }
    const struct smbkit_set_security set = {.struct_size = sizeof(set),
                                            .security = {c->buf, sd.buffer.len}};
    return smbkit_next_set_security(c->c->to->next, c->op, c->to, &set);
}

static smbkit_status dress(const struct copy *c)
{
    uint32_t both = c->c->from->features & c->c->to->features;
    smbkit_status st = both & SMBKIT_FEATURE_STREAMS ? drop_streams(c) : SMBKIT_STATUS_SUCCESS;
    st = SMBKIT_OK(st) ? copy_streams(c) : st;
    st = SMBKIT_OK(st) && (both & SMBKIT_FEATURE_EAS) ? dress_eas(c) : st;
    st = SMBKIT_OK(st) && (both & SMBKIT_FEATURE_SECURITY) ? dress_security(c) : st;
    return SMBKIT_OK(st) ? copy_attributes(c) : st;
}

smbkit_status side_dress(struct smbkit_op *op, struct side_copy *c)
{
    struct copy x = {.c = c, .op = op, .buf = malloc(COPY_AT_ONCE), .room = malloc(ROOM_MAX)};
    struct smbkit_attr unused;
    struct smbkit_create in = {
        .disposition = SMBKIT_OPEN, .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT, .attr = &c->attr};
    struct smbkit_create out = {
        .disposition = SMBKIT_OPEN, .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT, .attr = &unused};
    smbkit_status st =
        x.buf && x.room ? side_open(c->from, op, c->from_path, &in) : SMBKIT_STATUS_NO_MEMORY;
    if (SMBKIT_OK(st)) {
        x.from = in.file;
        st = side_open(c->to, op, c->to_path, &out);
        if (SMBKIT_OK(st)) {
            x.to = out.file;
            st = dress(&x);
            smbkit_next_close(c->to->next, op, out.file);
        }
        smbkit_next_close(c->from->next, op, in.file);
    }
    free(x.buf);
    free(x.room);
    return st;
}
