/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "encrypt.h"

#define CLUSTER 4096u

/* ---- attributes ---- */

/* What the store has reserved, as it would be for the plain data. */
static uint64_t plain_alloc(const struct smbkit_attr *a, uint64_t size)
{
    uint64_t alloc = encrypt_plain(a->alloc_size);
    uint64_t least = (size + CLUSTER - 1) / CLUSTER * CLUSTER;
    if (a->alloc_size < a->size) { /* holes */
        alloc = (alloc + CLUSTER - 1) / CLUSTER * CLUSTER;
        return alloc < least ? alloc : least;
    }
    alloc = alloc / CLUSTER * CLUSTER;
    return alloc > least ? alloc : least;
}

void encrypt_attr(struct smbkit_attr *a, bool has_data)
{
    a->file_domain = 0; /* it is not the file that a share without the filter shows */
    if (a->struct_size > offsetof(struct smbkit_attr, names_told)) {
        a->names_told = 0; /* they would be told as the layer below has them */
    }
    a->ea_size = encrypt_ea_size(a->ea_size);
    if (has_data) {
        uint64_t size = encrypt_plain(a->size);
        bool is_known = a->alloc_size != 0 || (a->valid & SMBKIT_HAS_ALLOC_SIZE);
        a->alloc_size = is_known ? plain_alloc(a, size) : 0;
        a->size = size;
    }
}

static bool has_data(const struct smbkit_attr *a, const char *stream)
{
    return stream || !(a->attributes & SMBKIT_ATTR_DIRECTORY);
}

/* ---- files ---- */

static void file_free(struct encrypt *e, struct encrypt_file *f)
{
    if (f->node) {
        encrypt_node_put(e, f->node);
    }
    free(f->path);
    free(f->stream);
    free(f);
}

void encrypt_file_close(struct encrypt *e, struct smbkit_op *op, struct encrypt_file *f)
{
    smbkit_next_close(e->next, op, f->below);
    atomic_fetch_sub(&e->opens, 1);
    file_free(e, f);
}

static struct encrypt_file *file_new(const char *path, char **stream)
{
    struct encrypt_file *f = calloc(1, sizeof(*f));
    char *copy = f ? strdup(path) : NULL;
    if (!copy) {
        free(f);
        return NULL;
    }
    f->path = copy;
    f->stream = *stream;
    *stream = NULL;
    return f;
}

/* The header was a write, but nobody has written to the new file. */
static smbkit_status times_back(const struct encrypt_call *c, struct smbkit_attr *attr)
{
    const struct smbkit_attr times = {.struct_size = sizeof(times),
                                      .valid = SMBKIT_HAS_WRITE_TIME | SMBKIT_HAS_ACCESS_TIME,
                                      .write_time = attr->write_time,
                                      .access_time = attr->access_time};
    if (attr->write_time != 0 && attr->access_time != 0) {
        (void)!SMBKIT_OK(smbkit_next_setattr(c->e->next, c->op, c->f->below, &times));
    }
    return smbkit_next_getattr(c->e->next, c->op, c->f->below, attr);
}

/* What is open below becomes a file. */
static smbkit_status file_begin(const struct encrypt_call *c, const struct smbkit_create *how)
{
    struct encrypt_file *f = c->f;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (!has_data(how->attr, f->stream)) {
        return st;
    }
    f->node = encrypt_node_get(c->e, how, f->stream);
    if (!f->node) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (how->disposition == SMBKIT_CREATE) {
        encrypt_enter_anew(c);
        st = encrypt_renew(c);
        encrypt_leave(c);
        st = SMBKIT_OK(st) ? times_back(c, how->attr) : st;
    }
    return st;
}

static void take_back(const struct encrypt_call *c, uint32_t disposition)
{
    const struct smbkit_remove gone = {.struct_size = sizeof(gone)};
    if (disposition == SMBKIT_CREATE) {
        (void)!SMBKIT_OK(smbkit_next_remove(c->e->next, c->op, c->f->below, &gone));
    }
    smbkit_next_close(c->e->next, c->op, c->f->below);
}

/* ---- streams ---- */

/* How the layer below has the stream, in whatever letters; *found_r NULL: it has none. */
static smbkit_status find_stream(const struct encrypt_call *c, const struct smbkit_create *how,
                                 const char *stream, char **found_r)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct encrypt_file file = {0};
    struct encrypt_call call = {c->e, c->op, &file};
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = SMBKIT_OPEN,
                              .path = how->path,
                              .access = SMBKIT_READ_ATTRIBUTES,
                              .flags = how->flags,
                              .snapshot_time = how->snapshot_time,
                              .file_id = how->file_id,
                              .file_id_high = how->file_id_high,
                              .attr = &attr};
    smbkit_status st = smbkit_next_create(c->e->next, c->op, &a);
    *found_r = NULL;
    if (SMBKIT_OK(st)) {
        file.below = a.file;
        st = encrypt_find_stream(&call, stream, found_r);
        smbkit_next_close(c->e->next, c->op, a.file);
    }
    return st;
}

/* The stream of a create or look-up as the layer below is to be asked for it; owned. */
static smbkit_status place_stream(const struct encrypt_call *c, const struct smbkit_create *how,
                                  const char *stream, char **out)
{
    char name[ENCRYPT_NAME_ROOM];
    *out = NULL;
    smbkit_status st = encrypt_name(&c->e->keys.names, ENCRYPT_OF_STREAM, stream, name);
    if (SMBKIT_OK(st)) {
        st = find_stream(c, how, stream, out);
    }
    if (SMBKIT_OK(st) && !*out) {
        *out = strdup(name);
        st = *out ? st : SMBKIT_STATUS_NO_MEMORY;
    } else if (SMBKIT_OK(st) && how->disposition == SMBKIT_CREATE) {
        free(*out);
        *out = NULL;
        st = SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    return st;
}

/* ---- create ---- */

#define CHANGING                                                                                   \
    (SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA) /* of which only whole blocks come to the store */

/* What the layer below is asked: a's strings are as there already. */
static smbkit_status ask(const struct encrypt_call *c, struct smbkit_create *a,
                         struct smbkit_create *how)
{
    struct smbkit_bytes sealed = {0};
    bool makes_data =
        how->disposition == SMBKIT_CREATE && (how->kind != SMBKIT_KIND_DIRECTORY || how->stream);
    if ((a->access & CHANGING) || makes_data) {
        a->access |= SMBKIT_READ_DATA | SMBKIT_WRITE_DATA;
    }
    if (a->alloc_size > 0) {
        a->alloc_size =
            a->alloc_size < ENCRYPT_SIZE_MAX ? encrypt_stored(a->alloc_size) : a->alloc_size;
    }
    if (a->ea.len > 0 && !encrypt_ea_seal(c->e, a->ea, &sealed)) {
        return SMBKIT_STATUS_EA_TOO_LARGE;
    }
    a->ea = sealed;
    smbkit_status st = smbkit_next_create(c->e->next, c->op, a);
    free((void *)(uintptr_t)sealed.base);
    return st;
}

/* a: with path and stream as below; the stream is taken. */
static smbkit_status open_below(struct encrypt_call *c, struct smbkit_create *a,
                                struct smbkit_create *how, char **stream)
{
    struct encrypt_file *f = file_new(how->path, stream);
    if (!f) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    c->f = f;
    a->stream = f->stream;
    smbkit_status st = ask(c, a, how);
    if (!SMBKIT_OK(st)) {
        file_free(c->e, f);
        return st;
    }
    f->below = a->file;
    st = file_begin(c, a);
    if (!SMBKIT_OK(st)) {
        take_back(c, a->disposition);
        file_free(c->e, f);
        return st;
    }
    atomic_fetch_add(&c->e->opens, 1);
    encrypt_attr(how->attr, f->node != NULL);
    how->security_none = a->security_none;
    how->file = f;
    return st;
}

/* A name that is too long is not there. */
static smbkit_status unmade(smbkit_status st, uint32_t disposition)
{
    return st == SMBKIT_STATUS_OBJECT_NAME_INVALID && disposition != SMBKIT_CREATE
               ? SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND
               : st;
}

smbkit_status encrypt_create(struct encrypt *e, struct smbkit_op *op, struct smbkit_create *how)
{
    struct encrypt_call c = {.e = e, .op = op};
    struct smbkit_create a = *how;
    char *path = NULL;
    char *stream = NULL;
    smbkit_status st = encrypt_ready(e, op, how->disposition == SMBKIT_CREATE);
    if (SMBKIT_OK(st)) {
        st = unmade(encrypt_path(&e->keys.names, how->path, &path), how->disposition);
    }
    a.path = path;
    a.file = NULL;
    if (SMBKIT_OK(st) && how->stream) {
        st = unmade(place_stream(&c, &a, how->stream, &stream), how->disposition);
    }
    if (SMBKIT_OK(st)) {
        st = open_below(&c, &a, how, &stream);
    }
    free(stream);
    free(path);
    return st;
}

smbkit_status encrypt_lookup(struct encrypt *e, struct smbkit_op *op, struct smbkit_lookup *a)
{
    struct encrypt_call c = {.e = e, .op = op};
    struct smbkit_lookup below = *a;
    char *path = NULL;
    char *stream = NULL;
    smbkit_status st = encrypt_ready(e, op, false);
    st = SMBKIT_OK(st) ? unmade(encrypt_path(&e->keys.names, a->path, &path), SMBKIT_OPEN) : st;
    if (SMBKIT_OK(st) && a->stream) {
        const struct smbkit_create how = {.disposition = SMBKIT_OPEN,
                                          .path = path,
                                          .flags = a->flags,
                                          .snapshot_time = a->snapshot_time};
        st = unmade(place_stream(&c, &how, a->stream, &stream), SMBKIT_OPEN);
    }
    below.path = path;
    below.stream = stream;
    st = SMBKIT_OK(st) ? smbkit_next_lookup(e->next, op, &below) : st;
    a->security_none = below.security_none;
    if (SMBKIT_OK(st)) {
        encrypt_attr(a->attr, has_data(a->attr, a->stream));
    }
    free(stream);
    free(path);
    return st;
}

/* ---- rename ---- */

/* Another stream of the file that is so called in other letters: it is in the way, or goes. */
static smbkit_status clear_way(const struct encrypt_call *c, const struct smbkit_rename *a,
                               const char *path)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    const struct smbkit_remove gone = {.struct_size = sizeof(gone)};
    struct smbkit_create other = {.struct_size = sizeof(other),
                                  .disposition = SMBKIT_OPEN,
                                  .path = path,
                                  .access = SMBKIT_DELETE | SMBKIT_READ_ATTRIBUTES,
                                  .attr = &attr};
    char *found;
    smbkit_status st = encrypt_find_stream(c, a->new_stream, &found);
    if (!SMBKIT_OK(st) || !found || encrypt_node_is(c->e, c->f->node, found)) {
        free(found);
        return st;
    }
    other.stream = found;
    /* Of a private node it is not known whether that is the stream itself, renamed by another. */
    bool may_go = (a->flags & SMBKIT_RENAME_REPLACE) && !c->f->node->is_private;
    st = may_go ? smbkit_next_create(c->e->next, c->op, &other)
                : SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    if (SMBKIT_OK(st)) {
        st = smbkit_next_remove(c->e->next, c->op, other.file, &gone);
        smbkit_next_close(c->e->next, c->op, other.file);
    }
    free(found);
    return st;
}

static smbkit_status rename_stream(const struct encrypt_call *c, struct smbkit_rename *below,
                                   const struct smbkit_rename *a)
{
    char name[ENCRYPT_NAME_ROOM];
    smbkit_status st = encrypt_name(&c->e->keys.names, ENCRYPT_OF_STREAM, a->new_stream, name);
    char *own = SMBKIT_OK(st) ? strdup(name) : NULL;
    st = SMBKIT_OK(st) && !own ? SMBKIT_STATUS_NO_MEMORY : st;
    st = SMBKIT_OK(st) ? clear_way(c, a, below->new_path) : st;
    below->new_stream = name;
    st = SMBKIT_OK(st) ? smbkit_next_rename(c->e->next, c->op, c->f->below, below) : st;
    if (SMBKIT_OK(st)) {
        encrypt_node_rename(c->e, c->f->node, &own);
    }
    free(own);
    return st;
}

smbkit_status encrypt_rename(const struct encrypt_call *c, uint32_t id,
                             const struct smbkit_rename *a)
{
    struct smbkit_rename below = *a;
    char *path;
    smbkit_status st = encrypt_path(&c->e->keys.names, a->new_path, &path);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    below.new_path = path;
    st = a->new_stream && c->f->stream
             ? rename_stream(c, &below, a)
             : smbkit_api->next(c->e->next, id, c->op, c->f->below, &below);
    free(path);
    return st;
}
