/* SPDX-License-Identifier: Apache-2.0 */
#include "named.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "letters.h"

void named_init(struct named_table *t, uint32_t (*marks)(void *arg, const char *path), void *arg)
{
    *t = (struct named_table){.marks = marks, .arg = arg};
    pthread_mutex_init(&t->lock, NULL);
}

void named_fini(struct named_table *t)
{
    pthread_mutex_destroy(&t->lock);
}

static void mark_locked(struct named_table *t, struct named *f)
{
    if (t->marks) {
        atomic_store_explicit(&f->marks, t->marks(t->arg, f->path), memory_order_relaxed);
    }
}

void named_mark_all(struct named_table *t)
{
    pthread_mutex_lock(&t->lock);
    for (struct named *f = t->files; f; f = f->next) {
        mark_locked(t, f);
    }
    pthread_mutex_unlock(&t->lock);
}

static void named_free(struct named *f)
{
    free(f->path);
    free(f);
}

/* ---- create ---- */

struct creating {
    struct named_table *table;
    struct smbkit_create *how;
    struct named *file;
};

static smbkit_status create_end(void *arg, smbkit_status status)
{
    const struct creating c = *(struct creating *)arg;
    free(arg);
    if (!SMBKIT_OK(status)) {
        named_free(c.file);
        return status;
    }
    c.file->below = c.how->file;
    c.file->is_stream = c.how->stream != NULL;
    uint32_t kind = c.how->attr->attributes & (SMBKIT_ATTR_DIRECTORY | SMBKIT_ATTR_REPARSE_POINT);
    c.file->is_directory = kind == SMBKIT_ATTR_DIRECTORY && !c.how->stream;
    c.how->file = c.file;
    pthread_mutex_lock(&c.table->lock);
    mark_locked(c.table, c.file);
    c.file->next = c.table->files;
    if (c.file->next) {
        c.file->next->prev = c.file;
    }
    c.table->files = c.file;
    pthread_mutex_unlock(&c.table->lock);
    return status;
}

static smbkit_status pass_create(struct named_table *t, struct smbkit_next *next,
                                 const struct pass_call *c)
{
    struct smbkit_create *how = c->args;
    struct creating *x = malloc(sizeof(*x));
    struct named *f = calloc(1, sizeof(*f));
    char *path = strdup(how->path);
    if (!x || !f || !path) {
        free(x);
        free(f);
        free(path);
        return pass_ended(c, SMBKIT_STATUS_NO_MEMORY);
    }
    f->path = path;
    *x = (struct creating){.table = t, .how = how, .file = f};
    return pass_down(next, c, create_end, x);
}

void named_close(struct named_table *t, struct smbkit_next *next, struct smbkit_op *op, void *file)
{
    struct named *f = file;
    pthread_mutex_lock(&t->lock);
    *(f->prev ? &f->prev->next : &t->files) = f->next;
    if (f->next) {
        f->next->prev = f->prev;
    }
    pthread_mutex_unlock(&t->lock);
    smbkit_next_close(next, op, f->below);
    named_free(f);
}

void *named_file_below(void *volume, void *file)
{
    (void)volume;
    return ((struct named *)file)->below;
}

/* ---- rename ---- */

struct renaming {
    struct named_table *table;
    struct named *file;
    char *to;
};

/* What is at old, or below it, is at to by now. Without memory the old name stays. */
static void follow_locked(struct named_table *t, struct named *f, const char *old, const char *to)
{
    const char *rest = letters_below(f->path, old, t->ignores_case);
    if (!rest) {
        return;
    }
    size_t size = strlen(to) + strlen(rest) + 2;
    char *path = malloc(size);
    if (path) {
        snprintf(path, size, "%s%s%s", to, *rest ? "/" : "", rest);
        free(f->path);
        f->path = path;
        mark_locked(t, f);
    }
}

static smbkit_status rename_end(void *arg, smbkit_status status)
{
    struct renaming *r = arg;
    struct named_table *t = r->table;
    pthread_mutex_lock(&t->lock);
    char *old = SMBKIT_OK(status) ? strdup(r->file->path) : NULL;
    for (struct named *f = t->files; f && old; f = f->next) {
        follow_locked(t, f, old, r->to);
    }
    pthread_mutex_unlock(&t->lock);
    free(old);
    free(r->to);
    free(r);
    return status;
}

static smbkit_status pass_rename(struct named_table *t, struct smbkit_next *next,
                                 const struct pass_call *c, struct named *f)
{
    const struct smbkit_rename *a = c->args;
    struct renaming *r = malloc(sizeof(*r));
    char *to = strdup(a->new_path);
    if (!r || !to) {
        free(r);
        free(to);
        return pass_ended(c, SMBKIT_STATUS_NO_MEMORY);
    }
    *r = (struct renaming){.table = t, .file = f, .to = to};
    return pass_down(next, c, rename_end, r);
}

/* ---- calls that name another file ---- */

struct other {
    void **member;
    void *was;
};

static smbkit_status other_end(void *arg, smbkit_status status)
{
    const struct other o = *(struct other *)arg;
    free(arg);
    *o.member = o.was;
    return status;
}

static smbkit_status pass_other(struct smbkit_next *next, const struct pass_call *c, void **member)
{
    struct other *o = malloc(sizeof(*o));
    if (!o) {
        return pass_ended(c, SMBKIT_STATUS_NO_MEMORY);
    }
    *o = (struct other){.member = member, .was = *member};
    *member = ((struct named *)o->was)->below;
    return pass_down(next, c, other_end, o);
}

static void **other_member(const struct pass_call *c)
{
    switch (c->id) {
    case SMBKIT_OP_copy_range:
    case SMBKIT_OP_clone_range:
        return &((struct smbkit_copy *)c->args)->source;
    case SMBKIT_OP_volume_info:
        return &((struct smbkit_volume_info *)c->args)->file;
    default:
        return NULL;
    }
}

smbkit_status named_pass(struct named_table *t, struct smbkit_next *next, const struct pass_call *c)
{
    struct named *f = c->file;
    struct pass_call below = *c;
    below.file = f ? f->below : NULL;
    if (c->id == SMBKIT_OP_create) {
        return pass_create(t, next, &below);
    }
    if (c->id == SMBKIT_OP_rename && !((const struct smbkit_rename *)c->args)->new_stream) {
        return pass_rename(t, next, &below, f);
    }
    void **other = other_member(c);
    if (other && *other) {
        return pass_other(next, &below, other);
    }
    return c->drops || c->then ? pass_down(next, &below, NULL, NULL) : pass_next(next, &below);
}

char *named_path_dup(struct named_table *t, const struct named *f)
{
    pthread_mutex_lock(&t->lock);
    char *path = strdup(f->path);
    pthread_mutex_unlock(&t->lock);
    return path;
}

void named_path(struct named_table *t, const struct named *f, char *buf, size_t size)
{
    pthread_mutex_lock(&t->lock);
    snprintf(buf, size, "%s", f->path);
    pthread_mutex_unlock(&t->lock);
}
