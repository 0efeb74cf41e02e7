/* SPDX-License-Identifier: Apache-2.0 */
/* Opens, and what is asked of names: from memory, or from below. */
#include <stdlib.h>

#include "cache.h"

static bool keeps_names(const struct cache *c)
{
    return c->names.ttl_ms > 0;
}

/* ---- changes ---- */

static void names_change(struct cache *c, struct file *f, unsigned what)
{
    if (what & CACHE_CHANGES_PATHS) {
        cache_names_changed_all(&c->names);
    }
    /* The times of a folder stand in the listing of the one that it is in. */
    cache_file_changed(&c->names, &f->names, what & CACHE_CHANGES_NAMES ? 3 : 2);
}

void cache_change(struct cache *c, struct file *f, unsigned what, bool begins)
{
    if (f->node && (what & CACHE_CHANGES_DATA)) {
        pthread_mutex_lock(&c->store.lock);
        f->node->changes += begins ? 1 : -1u;
        cache_drop(&c->store, f->node);
        pthread_mutex_unlock(&c->store.lock);
    }
    if (keeps_names(c)) {
        names_change(c, f, what);
    }
}

/* ---- opens ---- */

/* Streams are found in any letters, and snapshots have the ids of the present. Without times a
 * change of others would not show. */
static bool has_blocks(const struct smbkit_create *a)
{
    const struct smbkit_attr *t = a->attr;
    return !a->stream && a->snapshot_time == 0 && t->file_id != 0 && t->write_time != 0 &&
           !(t->attributes & (SMBKIT_ATTR_DIRECTORY | SMBKIT_ATTR_REPARSE_POINT));
}

static void blocks_begin(struct cache *c, struct file *f, const struct smbkit_create *a)
{
    const struct smbkit_attr *t = a->attr;
    const struct cache_key key = {t->file_domain, t->file_id, t->file_id_high};
    const struct cache_stamp stamp = {t->size, t->create_time, t->write_time, t->change_time};
    pthread_mutex_lock(&c->store.lock);
    f->node = cache_open(&c->store, &key);
    if (f->node && a->disposition == SMBKIT_CREATE) {
        cache_drop(&c->store, f->node); /* the id may have been another's */
    }
    if (f->node && f->node->changes == 0) {
        cache_stamp_set(&c->store, f->node, &stamp, cache_now_ms());
    }
    pthread_mutex_unlock(&c->store.lock);
}

/* A question that can be answered: of the present, by a path. */
static bool is_plain(const struct smbkit_create *a)
{
    return !a->stream && a->snapshot_time == 0 && !(a->flags & SMBKIT_CREATE_BY_ID);
}

static struct cache_ask ask_of(const struct smbkit_op *op, const char *path, uint32_t flags)
{
    return (struct cache_ask){
        op->who, flags & SMBKIT_CREATE_OPEN_REPARSE_POINT ? CACHE_LOOKUP_ITSELF : CACHE_LOOKUP,
        path};
}

/* attr: with success. */
static void learn(struct cache *c, const struct cache_ask *ask, const struct cache_mark *mark,
                  smbkit_status st, const struct smbkit_attr *attr)
{
    struct cache_known known = {.status = st};
    if (SMBKIT_OK(st) && cache_attr_is_kept(attr)) {
        known.attr.struct_size = sizeof(known.attr);
        cache_attr_copy(&known.attr, attr);
        cache_names_put(&c->names, ask, mark, &known);
    } else if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        cache_names_put(&c->names, ask, mark, &known);
    }
}

/* Is it known that nothing is there? */
static bool is_missing(struct cache *c, const struct cache_ask *ask)
{
    struct cache_known known;
    return cache_names_get(&c->names, ask, &known) && !SMBKIT_OK(known.status);
}

static smbkit_status create_plain(struct cache *c, struct smbkit_op *op, struct smbkit_create *a,
                                  struct file *f)
{
    const struct cache_ask ask = ask_of(op, a->path, a->flags);
    if (is_missing(c, &ask)) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    const struct cache_mark mark = cache_names_mark(&c->names, a->path);
    smbkit_status st = smbkit_next_create(c->next, op, a);
    learn(c, &ask, &mark, st, a->attr);
    if (SMBKIT_OK(st)) {
        cache_file_begin(&c->names, &f->names, a->path, &mark);
        cache_file_put(&c->names, &f->names, &mark, a->attr);
    }
    return st;
}

static smbkit_status create_other(struct cache *c, struct smbkit_op *op, struct smbkit_create *a,
                                  struct file *f)
{
    bool is_new = a->disposition == SMBKIT_CREATE;
    bool is_by_id = a->flags & SMBKIT_CREATE_BY_ID;
    const struct cache_mark mark = cache_names_mark(&c->names, is_by_id ? "" : a->path);
    if (is_new) {
        cache_names_changed(&c->names, a->path, 3);
    }
    smbkit_status st = smbkit_next_create(c->next, op, a);
    if (is_new) {
        cache_names_changed(&c->names, a->path, 3);
    }
    if (SMBKIT_OK(st)) {
        cache_file_begin(&c->names, &f->names, is_by_id ? NULL : a->path, &mark);
    }
    return st;
}

static smbkit_status create_below(struct cache *c, struct smbkit_op *op, struct smbkit_create *a,
                                  struct file *f)
{
    if (!keeps_names(c)) {
        return smbkit_next_create(c->next, op, a);
    }
    return a->disposition == SMBKIT_OPEN && is_plain(a) ? create_plain(c, op, a, f)
                                                        : create_other(c, op, a, f);
}

smbkit_status cache_create(void *volume, struct smbkit_op *op, struct smbkit_create *a)
{
    struct cache *c = volume;
    struct file *f = calloc(1, sizeof(*f));
    smbkit_status st = f ? create_below(c, op, a, f) : SMBKIT_STATUS_NO_MEMORY;
    if (!SMBKIT_OK(st)) {
        free(f);
        return st;
    }
    f->below = a->file;
    f->is_present = !a->stream && a->snapshot_time == 0;
    f->is_directory = a->attr->attributes & SMBKIT_ATTR_DIRECTORY;
    f->opened = (struct cache_times){a->attr->write_time, a->attr->change_time};
    if (keeps_names(c) && f->is_directory && f->is_present) {
        const struct cache_ask ask = {op->who, CACHE_LISTING, a->path};
        cache_names_looked(&c->names, &ask, &f->opened);
    }
    if (has_blocks(a)) {
        blocks_begin(c, f, a);
    }
    a->file = f;
    return st;
}

void cache_file_close(void *volume, struct smbkit_op *op, void *file)
{
    struct cache *c = volume;
    struct file *f = file;
    if (f->node) {
        pthread_mutex_lock(&c->store.lock);
        cache_close(&c->store, f->node);
        pthread_mutex_unlock(&c->store.lock);
    }
    smbkit_next_close(c->next, op, f->below);
    if (keeps_names(c)) {
        if (cache_file_is_changed(&c->names, &f->names)) {
            names_change(c, f, CACHE_CHANGES_META); /* some plugins finish what was written here */
        }
        cache_file_end(&c->names, &f->names);
    }
    free(f);
}

/* ---- attributes ---- */

smbkit_status cache_lookup(void *volume, struct smbkit_op *op, struct smbkit_lookup *a)
{
    struct cache *c = volume;
    if (!keeps_names(c) || a->stream || a->snapshot_time != 0) {
        return smbkit_next_lookup(c->next, op, a);
    }
    const struct cache_ask ask = ask_of(op, a->path, a->flags);
    struct cache_known known;
    if (cache_names_get(&c->names, &ask, &known)) {
        if (SMBKIT_OK(known.status)) {
            cache_attr_copy(a->attr, &known.attr);
        }
        return known.status;
    }
    const struct cache_mark mark = cache_names_mark(&c->names, a->path);
    smbkit_status st = smbkit_next_lookup(c->next, op, a);
    learn(c, &ask, &mark, st, a->attr);
    return st;
}

smbkit_status cache_getattr(void *volume, struct smbkit_op *op, void *file, struct smbkit_attr *a)
{
    struct cache *c = volume;
    struct file *f = file;
    if (!keeps_names(c) || !f->is_present) {
        return smbkit_next_getattr(c->next, op, f->below, a);
    }
    if (cache_file_get(&c->names, &f->names, a)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    const struct cache_mark mark = cache_file_mark(&c->names, &f->names);
    smbkit_status st = smbkit_next_getattr(c->next, op, f->below, a);
    if (SMBKIT_OK(st)) {
        cache_file_put(&c->names, &f->names, &mark, a);
    }
    return st;
}

smbkit_status cache_rename(void *volume, struct smbkit_op *op, void *file,
                           const struct smbkit_rename *a)
{
    struct cache *c = volume;
    struct file *f = file;
    cache_change(c, f, CACHE_CHANGES_PATHS, true);
    smbkit_status st = smbkit_next_rename(c->next, op, f->below, a);
    if (SMBKIT_OK(st) && keeps_names(c) && !a->new_stream) {
        cache_file_moved(&c->names, &f->names, a->new_path);
    }
    cache_change(c, f, CACHE_CHANGES_PATHS, false);
    return st;
}

/* ---- listings ---- */

/* From what is kept, as long as it is read: what others change meanwhile may show or not. */
static bool given_from_kept(struct cache *c, const struct smbkit_op *op, struct file *f,
                            struct smbkit_sink *sink)
{
    struct cache_known known = {0};
    struct cache_list *old = NULL;
    if (sink->cookie == 0) {
        char *path = cache_file_path(&c->names, &f->names);
        const struct cache_ask ask = {op->who, CACHE_LISTING, path};
        if (path && cache_names_get(&c->names, &ask, &known) &&
            !cache_list_has(known.list, sink->want)) {
            cache_list_unref(known.list);
            known.list = NULL;
        }
        free(path);
        cache_list_ref(known.list);
        old = cache_file_given(&c->names, &f->names, known.list, true);
    } else {
        known.list = cache_file_given(&c->names, &f->names, NULL, false);
    }
    bool is_given = known.list && cache_list_give(known.list, sink);
    cache_list_unref(known.list);
    cache_list_unref(old);
    return is_given;
}

static struct cache_recording *recording_begin(struct cache *c, struct file *f,
                                               const struct smbkit_sink *sink,
                                               struct cache_mark *mark)
{
    struct cache_recording *r = cache_file_recording_take(&c->names, &f->names, mark);
    if (r && cache_recording_goes_on(r, sink)) {
        return r;
    }
    cache_recording_free(r);
    *mark = cache_file_mark(&c->names, &f->names);
    bool begins = sink->cookie == 0 && !sink->pattern;
    return begins ? cache_recording_new(sink->want, &c->names.lists) : NULL;
}

static void recording_keep(struct cache *c, const struct smbkit_op *op, struct file *f,
                           struct cache_recording *r, const struct cache_mark *mark)
{
    struct cache_known known = {.list = cache_recording_end(r), .times = f->opened};
    char *path = known.list ? cache_file_path(&c->names, &f->names) : NULL;
    if (path) {
        const struct cache_ask ask = {op->who, CACHE_LISTING, path};
        cache_names_put(&c->names, &ask, mark, &known);
    }
    free(path);
    cache_list_unref(known.list);
}

smbkit_status cache_enumerate(void *volume, struct smbkit_op *op, void *file,
                              struct smbkit_sink *sink)
{
    struct cache *c = volume;
    struct file *f = file;
    /* Of names alone the core makes an index that outlives the time: it is to be true. */
    if (!keeps_names(c) || !f->is_present || !(sink->want & SMBKIT_WANT_ATTR)) {
        return smbkit_next_enumerate(c->next, op, f->below, sink);
    }
    if (given_from_kept(c, op, f, sink)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    struct cache_mark mark;
    struct cache_recording *r = recording_begin(c, f, sink, &mark);
    if (!r) {
        return smbkit_next_enumerate(c->next, op, f->below, sink);
    }
    smbkit_status st = cache_recording_ask(r, c->next, op, f->below, sink);
    if (cache_recording_is_over(r)) {
        recording_keep(c, op, f, r, &mark);
    } else {
        cache_file_recording_put(&c->names, &f->names, r, &mark);
    }
    return st;
}
