/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "overlay.h"

#define READING                                                                                    \
    (SMBKIT_READ_DATA | SMBKIT_READ_EA | SMBKIT_EXECUTE | SMBKIT_READ_ATTRIBUTES |                 \
     SMBKIT_READ_CONTROL | SMBKIT_SYNCHRONIZE)
#define PATH_ROOM 98305u /* 3 bytes for each unit of the longest path */

/* ---- the handle of one volume ---- */

static smbkit_status open_in(const struct side *s, struct smbkit_op *op, const char *path,
                             const struct smbkit_create *how, void **file_r)
{
    struct smbkit_create a = *how;
    a.path = path;
    a.disposition = SMBKIT_OPEN;
    a.file = NULL;
    smbkit_status st = smbkit_next_create(s->next, op, &a);
    *file_r = a.file;
    return st;
}

/* The second one of a folder: nothing is told of it. */
static smbkit_status open_quietly(const struct side *s, struct smbkit_op *op, const char *path,
                                  const struct smbkit_create *how, void **file_r)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create a = *how;
    a.attr = &attr;
    a.security_r = NULL;
    a.access &= READING;
    return open_in(s, op, path, &a, file_r);
}

/* As the volume spells it; owned. */
static char *spelled(const struct side *s, struct smbkit_op *op, void *file, const char *path)
{
    if (!(s->features & SMBKIT_FEATURE_IGNORES_CASE)) {
        return strdup(path);
    }
    struct smbkit_buffer b = {.base = malloc(PATH_ROOM), .cap = PATH_ROOM - 1};
    if (!b.base) {
        return NULL;
    }
    bool ok = SMBKIT_OK(smbkit_next_get_path(s->next, op, file, &b)) && b.len < b.cap;
    char *own = ok ? strndup((const char *)b.base, b.len) : strdup(path);
    free(b.base);
    return own;
}

/* ---- files ---- */

static void free_file(struct ofile *f)
{
    side_names_free(f->listing);
    free(f->path);
    free(f->stream);
    free(f);
}

static void close_handles(struct overlay *o, struct smbkit_op *op, const struct ofile *f)
{
    if (f->has_upper) {
        smbkit_next_close(o->upper.next, op, f->upper);
    }
    if (f->has_lower) {
        smbkit_next_close(o->lower.next, op, f->lower);
    }
}

void overlay_close_file(struct overlay *o, struct smbkit_op *op, struct ofile *f)
{
    pthread_rwlock_wrlock(&o->lock);
    *(f->prev ? &f->prev->next : &o->files) = f->next;
    if (f->next) {
        f->next->prev = f->prev;
    }
    pthread_rwlock_unlock(&o->lock);
    close_handles(o, op, f);
    free_file(f);
}

/* false: what was found may be wrong by now. */
static bool enter(struct overlay *o, struct ofile *f, uint64_t generation)
{
    pthread_rwlock_wrlock(&o->lock);
    bool is_good = o->generation == generation;
    if (is_good) {
        f->next = o->files;
        if (f->next) {
            f->next->prev = f;
        }
        o->files = f;
    }
    pthread_rwlock_unlock(&o->lock);
    return is_good;
}

static uint64_t generation_of(struct overlay *o)
{
    pthread_rwlock_rdlock(&o->lock);
    uint64_t g = o->generation;
    pthread_rwlock_unlock(&o->lock);
    return g;
}

static struct ofile *file_new(const struct smbkit_create *how)
{
    struct ofile *f = calloc(1, sizeof(*f));
    if (f && how->stream) {
        f->stream = strdup(how->stream);
    }
    if (f && how->stream && !f->stream) {
        free(f);
        return NULL;
    }
    if (f) {
        f->access = how->access;
    }
    return f;
}

/* ---- open ---- */

static smbkit_status open_found(struct overlay *o, struct smbkit_op *op, struct smbkit_create *how,
                                const struct where *w, struct ofile *f)
{
    bool is_stream = how->stream != NULL;
    const struct side *s = w->in_upper ? &o->upper : &o->lower;
    const char *path = w->path[w->in_upper];
    struct smbkit_create a = *how;
    if (is_stream && !(s->features & SMBKIT_FEATURE_STREAMS)) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    a.access = w->in_upper ? how->access : (how->access & READING) | SMBKIT_READ_ATTRIBUTES;
    smbkit_status st = open_in(s, op, path, &a, w->in_upper ? &f->upper : &f->lower);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    *(w->in_upper ? &f->has_upper : &f->has_lower) = true;
    f->is_folder = w->is_folder && !is_stream;
    if (f->is_folder && w->in_upper && w->in_lower) {
        st = open_quietly(&o->lower, op, w->path[0], &a, &f->lower);
        f->has_lower = SMBKIT_OK(st);
    }
    f->path = spelled(s, op, w->in_upper ? f->upper : f->lower, path);
    return SMBKIT_OK(st) && !f->path ? SMBKIT_STATUS_NO_MEMORY : st;
}

static smbkit_status open_once(struct overlay *o, struct smbkit_op *op, struct smbkit_create *how,
                               bool *again_r)
{
    struct where w;
    uint64_t generation = generation_of(o);
    smbkit_status st = overlay_find(o, op, how->path, &w);
    struct ofile *f = SMBKIT_OK(st) ? file_new(how) : NULL;
    *again_r = false;
    if (f) {
        st = open_found(o, op, how, &w, f);
        *again_r = SMBKIT_OK(st) && !enter(o, f, generation);
        if (!SMBKIT_OK(st) || *again_r) {
            close_handles(o, op, f);
            free_file(f);
        }
    } else if (SMBKIT_OK(st)) {
        st = SMBKIT_STATUS_NO_MEMORY;
    }
    where_fini(&w);
    if (SMBKIT_OK(st) && !*again_r) {
        side_attr_settle(how->attr);
        how->file = f;
    }
    return st;
}

static smbkit_status open_it(struct overlay *o, struct smbkit_op *op, struct smbkit_create *how)
{
    bool again = true;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    while (SMBKIT_OK(st) && again) {
        st = open_once(o, op, how, &again);
    }
    return st;
}

smbkit_status overlay_open_path(struct overlay *o, struct smbkit_op *op, const char *path,
                                struct ofile **file_r)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .disposition = SMBKIT_OPEN,
                              .path = path,
                              .access = READING,
                              .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT,
                              .attr = &attr};
    smbkit_status st = open_it(o, op, &a);
    *file_r = a.file;
    return st;
}

void overlay_reopen(struct overlay *o, struct smbkit_op *op, struct ofile *f)
{
    struct where w;
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_OPEN,
                                .path = f->path,
                                .stream = f->stream,
                                .access = f->access,
                                .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT,
                                .attr = &attr};
    bool was_folder = f->is_folder;
    char *path = f->path;
    close_handles(o, op, f);
    f->has_upper = f->has_lower = false;
    smbkit_status st = overlay_find(o, op, path, &w);
    if (f->is_gone || (SMBKIT_OK(st) && w.is_folder != was_folder && !f->stream)) {
        st = SMBKIT_STATUS_FILE_DELETED;
    }
    st = SMBKIT_OK(st) ? open_found(o, op, &how, &w, f) : st;
    where_fini(&w);
    if (SMBKIT_OK(st)) {
        free(path);
        f->lost = SMBKIT_STATUS_SUCCESS;
        return;
    }
    if (f->path != path) {
        free(f->path);
    }
    f->path = path;
    f->is_folder = was_folder;
    f->is_gone = true;
    f->lost = side_is_missing(st) ? SMBKIT_STATUS_FILE_DELETED : st;
}

/* ---- create; copying is held ---- */

static smbkit_status make_at(struct overlay *o, struct smbkit_op *op, struct smbkit_create *how,
                             const char *path)
{
    struct smbkit_create a = *how;
    struct ofile *f = file_new(how);
    if (!f) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    a.path = path;
    smbkit_status st = smbkit_next_create(o->upper.next, op, &a);
    if (!SMBKIT_OK(st)) {
        free_file(f);
        return st;
    }
    f->upper = a.file;
    f->has_upper = true;
    f->is_folder = how->kind == SMBKIT_KIND_DIRECTORY && !how->stream;
    f->path = spelled(&o->upper, op, a.file, path);
    if (!f->path) {
        close_handles(o, op, f);
        free_file(f);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    (void)enter(o, f, generation_of(o)); /* who could change it waits for copying */
    side_attr_settle(how->attr);
    how->file = f;
    how->security_none = a.security_none;
    return st;
}

static smbkit_status make(struct overlay *o, struct smbkit_op *op, struct smbkit_create *how)
{
    struct where w;
    smbkit_status st = overlay_find(o, op, how->path, &w);
    where_fini(&w);
    if (overlay_is_meta(how->path)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (how->stream ? !SMBKIT_OK(st) : st != SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        return SMBKIT_OK(st) ? SMBKIT_STATUS_OBJECT_NAME_COLLISION : st;
    }
    char *parent = side_parent(how->path);
    st = parent ? overlay_copy_up(o, op, how->stream ? how->path : parent, NULL)
                : SMBKIT_STATUS_NO_MEMORY;
    free(parent);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = overlay_find(o, op, how->path, &w);
    if (SMBKIT_OK(st) || st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        st = make_at(o, op, how, w.path[1]);
    }
    where_fini(&w);
    return st;
}

smbkit_status overlay_create(struct overlay *o, struct smbkit_op *op, struct smbkit_create *how)
{
    if (how->disposition != SMBKIT_CREATE) {
        return open_it(o, op, how);
    }
    pthread_mutex_lock(&o->copying);
    smbkit_status st = make(o, op, how);
    pthread_mutex_unlock(&o->copying);
    return st;
}
