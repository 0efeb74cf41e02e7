/* SPDX-License-Identifier: Apache-2.0 */
/* Files of snapshots. One that has not changed since is read where it is today, with index held, so
 * that nobody changes it meanwhile; once it was copied, its copy is opened instead. */
#include <stdlib.h>
#include <string.h>

#include "by_hand.h"
#include "snapshot.h"

#define READING                                                                                    \
    (SMBKIT_READ_DATA | SMBKIT_READ_EA | SMBKIT_EXECUTE | SMBKIT_READ_ATTRIBUTES |                 \
     SMBKIT_READ_CONTROL | SMBKIT_SYNCHRONIZE)
#define COPY_AT_ONCE (1u << 20) /* bytes */

struct past {
    struct named named; /* first; below is a file of side */
    struct snap *snap;
    char *stream; /* NULL: the file itself */
    uint32_t access, flags;
    pthread_mutex_t use; /* one call at a time, which may exchange: */
    const struct side *side;
    bool is_stored;
    struct names *listing;
};

struct past *snap_past_of(void *file)
{
    return file ? ((struct named *)file)->own : NULL;
}

/* ---- where it is; index is held for reading ---- */

/* The note that tells of it, NULL: none does, it is as today's. *holder_r: whose it is. */
static const struct snap_note *find_note(const struct snapshot *v, const struct snap *s,
                                         const char *path, const struct snap **holder_r)
{
    static const struct snap_note absent = {.kind = SNAP_ABSENT};
    for (; s; s = s->newer) {
        const struct snap_note *n = snap_find(v, s, path);
        *holder_r = s;
        if (n) {
            return n;
        }
        if (snap_covers(v, s, path)) {
            return &absent;
        }
    }
    return NULL;
}

/* What its folder is by then tells what is missing. */
static smbkit_status missing(struct snapshot *v, struct smbkit_op *op, const struct snap *s,
                             const char *path)
{
    const struct snap *holder;
    struct smbkit_attr attr;
    char *parent = side_parent(path);
    if (!parent) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    const struct snap_note *n = find_note(v, s, parent, &holder);
    bool is_there = n ? n->kind == SNAP_FOLDER
                      : SMBKIT_OK(side_lookup(&v->below, op, parent, &attr)) &&
                            (attr.attributes & SMBKIT_ATTR_DIRECTORY);
    free(parent);
    return is_there ? SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND : SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
}

static smbkit_status open_there(struct snapshot *v, struct smbkit_op *op, struct past *p,
                                struct smbkit_create *how)
{
    const struct snap *holder = NULL;
    const char *path = p->named.path;
    const struct snap_note *n = find_note(v, p->snap, path, &holder);
    if (snap_is_hidden(v, path) || (n && n->kind == SNAP_ABSENT)) {
        return missing(v, op, p->snap, path);
    }
    char *copy = n ? snap_copy_path(v, holder, n->number) : NULL;
    if (n && !copy) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    struct smbkit_create a = *how;
    a.struct_size = sizeof(a);
    a.disposition = SMBKIT_OPEN;
    a.path = copy ? copy : path;
    a.stream = p->stream;
    a.access = (p->access & READING) | SMBKIT_READ_ATTRIBUTES;
    a.flags = p->flags | (copy ? SMBKIT_CREATE_OPEN_REPARSE_POINT : 0);
    a.snapshot_time = 0;
    a.file = NULL;
    const struct side *side = copy ? &v->store : &v->below;
    bool has_stream = !p->stream || (side->features & SMBKIT_FEATURE_STREAMS);
    smbkit_status st =
        has_stream ? smbkit_next_create(side->next, op, &a) : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    free(copy);
    if (SMBKIT_OK(st)) {
        how->security_none = a.security_none;
        side_attr_settle(how->attr);
        p->named.below = a.file;
        p->side = side;
        p->is_stored = n != NULL;
    }
    return !n && side_is_missing(st) && !p->stream ? missing(v, op, p->snap, path) : st;
}

/* ---- open and close ---- */

static struct snap *find_snap(const struct snapshot *v, uint64_t time)
{
    struct snap *s = v->oldest;
    while (s && (s->time != time || s->is_dropped)) {
        s = s->newer;
    }
    return s;
}

static void past_free(struct past *p)
{
    if (p) {
        side_names_free(p->listing);
        pthread_mutex_destroy(&p->use);
        free(p->named.path);
        free(p->stream);
        free(p);
    }
}

static struct past *past_new(const struct smbkit_create *how)
{
    struct past *p = calloc(1, sizeof(*p));
    if (!p) {
        return NULL;
    }
    pthread_mutex_init(&p->use, NULL);
    p->named.own = p;
    p->named.path = strdup(how->path);
    p->stream = how->stream ? strdup(how->stream) : NULL;
    p->access = how->access;
    p->flags = how->flags & SMBKIT_CREATE_OPEN_REPARSE_POINT;
    if (!p->named.path || (how->stream && !p->stream)) {
        past_free(p);
        return NULL;
    }
    return p;
}

smbkit_status snap_past_create(struct snapshot *v, struct smbkit_op *op, struct smbkit_create *how)
{
    struct past *p = past_new(how);
    if (!p) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    pthread_rwlock_rdlock(&v->index);
    p->snap = find_snap(v, how->snapshot_time);
    smbkit_status st = p->snap ? open_there(v, op, p, how) : SMBKIT_STATUS_NOT_FOUND;
    if (side_is_missing(st) && !v->ignores_case && snap_spell(v, op, p->snap, &p->named.path)) {
        st = open_there(v, op, p, how);
    }
    if (SMBKIT_OK(st)) {
        atomic_fetch_add(&p->snap->refs, 1);
    }
    pthread_rwlock_unlock(&v->index);
    if (SMBKIT_OK(st)) {
        how->file = p;
    } else {
        past_free(p);
    }
    return st;
}

void snap_past_close(struct snapshot *v, struct smbkit_op *op, struct past *p)
{
    (void)v;
    smbkit_next_close(p->side->next, op, p->named.below);
    atomic_fetch_sub(&p->snap->refs, 1);
    past_free(p);
}

smbkit_status snap_past_lookup(struct snapshot *v, struct smbkit_op *op, struct smbkit_lookup *a)
{
    struct smbkit_create c = side_create_of(a);
    smbkit_status st = snap_past_create(v, op, &c);
    if (SMBKIT_OK(st)) {
        a->security_none = c.security_none;
        snap_past_close(v, op, c.file);
    }
    return st;
}

/* ---- calls; p->use is held ---- */

/* Its copy, if there is one by now. index is held for reading. */
static smbkit_status settle(struct snapshot *v, struct smbkit_op *op, struct past *p)
{
    const struct snap *holder;
    if (p->is_stored || !find_note(v, p->snap, p->named.path, &holder)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    const struct side *was = p->side;
    void *below = p->named.below;
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create a = {.struct_size = sizeof(a), .attr = &attr};
    smbkit_status st = open_there(v, op, p, &a);
    if (SMBKIT_OK(st)) {
        smbkit_next_close(was->next, op, below);
    }
    return st;
}

static smbkit_status enumerate(struct snapshot *v, struct smbkit_op *op, struct past *p,
                               struct smbkit_sink *sink)
{
    if (sink->cookie == 0) {
        side_names_free(p->listing);
        p->listing = calloc(1, sizeof(*p->listing));
        smbkit_status st = p->listing ? snap_names(v, op, p->snap, p->named.path, p->listing)
                                      : SMBKIT_STATUS_NO_MEMORY;
        if (!SMBKIT_OK(st)) {
            return st;
        }
    }
    for (uint64_t i = sink->cookie; p->listing && i < p->listing->count; i++) {
        const struct smbkit_entry e = {
            .struct_size = sizeof(e), .name = p->listing->list[i], .cookie = i + 1};
        if (!sink->entry(sink, &e)) {
            break;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status get_path(const struct past *p, struct smbkit_buffer *b)
{
    b->len = (uint32_t)strlen(p->named.path);
    if (b->len > b->cap) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    memcpy(b->base, p->named.path, b->len);
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status call_held(struct snapshot *v, struct smbkit_op *op, uint32_t id,
                               struct past *p, void *args)
{
    smbkit_status st = settle(v, op, p);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    switch (id) {
    case SMBKIT_OP_enumerate:
        return enumerate(v, op, p, args);
    case SMBKIT_OP_get_path:
        return get_path(p, args);
    default:
        st = smbkit_api->next(p->side->next, id, op, p->named.below, args);
        if (SMBKIT_OK(st) && id == SMBKIT_OP_getattr) {
            side_attr_settle(args);
        }
        return st;
    }
}

smbkit_status snap_past_call(struct snapshot *v, struct smbkit_op *op, uint32_t id, struct past *p,
                             void *args)
{
    switch (id) {
    case SMBKIT_OP_read:
    case SMBKIT_OP_getattr:
    case SMBKIT_OP_enumerate:
    case SMBKIT_OP_get_path:
    case SMBKIT_OP_get_security:
    case SMBKIT_OP_get_ea:
    case SMBKIT_OP_get_reparse:
    case SMBKIT_OP_get_compression:
    case SMBKIT_OP_streams:
    case SMBKIT_OP_ranges:
    case SMBKIT_OP_access_check: {
        pthread_mutex_lock(&p->use);
        pthread_rwlock_rdlock(&v->index);
        smbkit_status st = call_held(v, op, id, p, args);
        pthread_rwlock_unlock(&v->index);
        pthread_mutex_unlock(&p->use);
        return st;
    }
    case SMBKIT_OP_flush:
    case SMBKIT_OP_commit:
    case SMBKIT_OP_watch:
    case SMBKIT_OP_lock:
    case SMBKIT_OP_cache_request:
    case SMBKIT_OP_cache_ack:
        return SMBKIT_STATUS_SUCCESS;
    case SMBKIT_OP_file_fd:
    case SMBKIT_OP_object_id:
        return SMBKIT_STATUS_NOT_SUPPORTED;
    case SMBKIT_OP_ioctl:
        return SMBKIT_STATUS_INVALID_DEVICE_REQUEST;
    default:
        return SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    }
}

/* ---- copies on the server ---- */

struct copying {
    struct snapshot *v;
    struct smbkit_op *op;
    struct past *from;
    void *to;
};

static smbkit_status copy_read(void *arg, struct smbkit_io *io)
{
    const struct copying *c = arg;
    return snap_past_call(c->v, c->op, SMBKIT_OP_read, c->from, io);
}

static smbkit_status copy_write(void *arg, struct smbkit_io *io)
{
    const struct copying *c = arg;
    return smbkit_next_write(c->v->below.next, c->op, c->to, io);
}

smbkit_status snap_past_copy(struct snapshot *v, struct smbkit_op *op, void *to,
                             struct smbkit_copy *c)
{
    struct copying x = {v, op, snap_past_of(c->source), to};
    const struct by_hand how = {copy_read, copy_write, &x, COPY_AT_ONCE};
    return copy_by_hand(op, c, &how);
}
