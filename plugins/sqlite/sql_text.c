/* SPDX-License-Identifier: Apache-2.0 */
/* Files that clients write: a row, a query. While one is open, all of its opens share its text;
 * FLUSH and CLOSE bring it to where it belongs, and their answer is what came of that. A new file
 * is a draft until then: it is in the share alone, and empty when nobody has it open. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql_text.h"

#define TEXTS_BYTES_MAX (UINT64_C(256) << 20) /* of all that are open */

const struct sql_store *sql_store_of(const char *path)
{
    return strncmp(path, "queries/", 8) == 0 ? &sql_queries : &sql_rows;
}

/* ---- life ---- */

/* Under v->lock. */
struct sql_text *sql_text_find(struct sql_volume *v, const char *path)
{
    struct sql_text *t = v->texts;
    while (t && strcmp(t->path, path) != 0) {
        t = t->next;
    }
    return t;
}

/* Under v->lock. */
void sql_text_list(struct sql_text *t)
{
    t->next = t->v->texts;
    t->v->texts = t;
    t->is_listed = 1;
}

/* Under v->lock: who opens its path does not get it any more. */
void sql_text_unlist(struct sql_text *t)
{
    struct sql_text **at = &t->v->texts;
    while (t->is_listed && *at != t) {
        at = &(*at)->next;
    }
    if (t->is_listed) {
        *at = t->next;
        t->is_listed = 0;
    }
}

/* One that nobody knows yet, with a reference; takes what o has. */
struct sql_text *sql_text_new(struct sql_volume *v, const char *path, struct sql_out *o)
{
    struct sql_text *t = calloc(1, sizeof(*t));
    char *own = strdup(path);
    if (!t || !own) {
        free(t);
        free(own);
        return NULL;
    }
    t->v = v;
    t->store = sql_store_of(path);
    t->path = own;
    t->refs = 1;
    pthread_mutex_init(&t->saving, NULL);
    pthread_mutex_init(&t->lock, NULL);
    if (o) {
        t->data = o->data;
        t->len = o->len;
        t->cap = o->cap;
        o->data = NULL;
    }
    return t;
}

void sql_text_free(struct sql_text *t)
{
    pthread_mutex_destroy(&t->saving);
    pthread_mutex_destroy(&t->lock);
    free(t->path);
    free(t->data);
    free(t);
}

/* Under v->lock, let go. */
void sql_text_unref_and_unlock(struct sql_text *t)
{
    struct sql_volume *v = t->v;
    int is_last = --t->refs == 0;
    if (is_last) {
        sql_text_unlist(t);
        v->text_bytes -= t->cap;
    }
    pthread_mutex_unlock(&v->lock);
    if (is_last) {
        sql_text_free(t);
    }
}

void sql_text_unref(struct sql_text *t)
{
    pthread_mutex_lock(&t->v->lock);
    sql_text_unref_and_unlock(t);
}

/* Under v->lock: it is what others may read, from now on; or nothing is any more. */
static void draft_end(struct sql_text *t)
{
    if (t->is_draft) {
        t->is_draft = 0;
        t->v->draft_count--;
        t->refs--; /* who calls has another */
    }
}

/* Under v->lock: what it was is not there any more. The caller has a reference. */
void sql_text_gone(struct sql_text *t)
{
    sql_text_unlist(t);
    t->is_gone = 1;
    draft_end(t);
}

/* The one of a path, referred to, or NULL. */
struct sql_text *sql_text_take(struct sql_volume *v, const char *path)
{
    pthread_mutex_lock(&v->lock);
    struct sql_text *t = sql_text_find(v, path);
    if (t) {
        t->refs++;
    }
    pthread_mutex_unlock(&v->lock);
    return t;
}

smbkit_status sql_text_path(struct smbkit_tree_call *c, smbkit_tree_id id, const char *name,
                            char path[SQL_PATH_MAX])
{
    smbkit_status status = smbkit_tree_path(c->tree, id, path, SQL_PATH_MAX);
    size_t len = SMBKIT_OK(status) ? strlen(path) : 0;
    if (SMBKIT_OK(status) && name &&
        snprintf(path + len, SQL_PATH_MAX - len, "/%s", name) >= (int)(SQL_PATH_MAX - len)) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    return status == SMBKIT_STATUS_NOT_FOUND ? SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND : status;
}

/* ---- opening ---- */

/* What was loaded is the file's text now, unless another was quicker. */
static smbkit_status share(struct sql_volume *v, const char *path, struct sql_out *o,
                           struct sql_text **t_r)
{
    struct sql_text *mine = sql_text_new(v, path, o);
    if (!mine) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    pthread_mutex_lock(&v->lock);
    struct sql_text *t = sql_text_find(v, path);
    int has_room = v->text_bytes + mine->cap <= TEXTS_BYTES_MAX;
    if (t) {
        t->refs++;
    } else if (has_room) {
        sql_text_list(mine);
        v->text_bytes += mine->cap;
        t = mine;
        mine = NULL;
    }
    pthread_mutex_unlock(&v->lock);
    if (mine) {
        sql_text_free(mine);
    }
    *t_r = t;
    return t ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
}

static smbkit_status text_open(struct smbkit_tree_call *c, uint32_t access, void **handle_r)
{
    struct sql_volume *v = smbkit_tree_data(c->tree);
    char path[SQL_PATH_MAX];
    smbkit_status status = sql_text_path(c, c->id, NULL, path);
    (void)access;
    struct sql_text *t = SMBKIT_OK(status) ? sql_text_take(v, path) : NULL;
    if (SMBKIT_OK(status) && !t) {
        struct sql_out o = {.max = v->size_max, .is_whole = 1};
        status = sql_store_of(path)->load(v, c, path, SQL_READ, &o);
        status = SMBKIT_OK(status) ? share(v, path, &o, &t) : status;
        sql_out_fini(&o);
    }
    if (t) {
        pthread_mutex_lock(&v->lock);
        t->id = c->id;
        pthread_mutex_unlock(&v->lock);
    }
    *handle_r = t;
    return status;
}

static void text_close(void *arg, void *handle)
{
    (void)arg;
    sql_text_unref(handle);
}

/* ---- data ---- */

static smbkit_status text_read(struct smbkit_tree_call *c, void *handle, struct smbkit_io *io)
{
    struct sql_text *t = handle;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    (void)c;
    pthread_mutex_lock(&t->lock);
    uint64_t left = io->offset < t->len ? t->len - io->offset : 0;
    uint32_t n = left < io->length ? (uint32_t)left : io->length;
    uint8_t *to = n ? smbkit_io_buffer(io) : NULL;
    if (to) {
        memcpy(to, t->data + io->offset, n);
        io->done = n;
    } else if (n) {
        status = SMBKIT_STATUS_NO_MEMORY;
    }
    pthread_mutex_unlock(&t->lock);
    return status;
}

/* Counts in what memory it takes; 0: there is no more. */
static int charge(struct sql_text *t, size_t cap)
{
    struct sql_volume *v = t->v;
    pthread_mutex_lock(&v->lock);
    int has_room = v->text_bytes - t->cap + cap <= TEXTS_BYTES_MAX;
    v->text_bytes += has_room ? cap - t->cap : 0;
    pthread_mutex_unlock(&v->lock);
    return has_room;
}

/* Under t->lock: it becomes len bytes long, with zeroes at its end, if it was shorter. */
static smbkit_status resize(struct sql_text *t, uint64_t len)
{
    if (len > t->v->size_max) {
        return SMBKIT_STATUS_DISK_FULL;
    }
    if (len > t->cap) {
        size_t cap = len < 128 ? 256 : (size_t)len * 2;
        char *data = charge(t, cap) ? realloc(t->data, cap) : NULL;
        if (!data) {
            return SMBKIT_STATUS_DISK_FULL;
        }
        t->data = data;
        t->cap = cap;
    }
    if (len > t->len) {
        memset(t->data + t->len, 0, (size_t)len - t->len);
    }
    t->len = (size_t)len;
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status text_write(struct smbkit_tree_call *c, void *handle, struct smbkit_io *io)
{
    struct sql_text *t = handle;
    (void)c;
    pthread_mutex_lock(&t->lock);
    uint64_t at = io->flags & SMBKIT_IO_APPEND ? t->len : io->offset;
    uint64_t end = at > UINT64_MAX - io->length ? UINT64_MAX : at + io->length;
    smbkit_status status = io->length && end > t->len ? resize(t, end) : SMBKIT_STATUS_SUCCESS;
    for (uint32_t i = 0; SMBKIT_OK(status) && i < io->seg_count; i++) {
        memcpy(t->data + at, io->segs[i].base, io->segs[i].len);
        at += io->segs[i].len;
    }
    if (SMBKIT_OK(status)) {
        io->done = io->length;
        t->written++;
    }
    pthread_mutex_unlock(&t->lock);
    return status;
}

static smbkit_status text_set_size(struct smbkit_tree_call *c, void *handle, uint64_t size)
{
    struct sql_text *t = handle;
    (void)c;
    pthread_mutex_lock(&t->lock);
    smbkit_status status = resize(t, size);
    t->written += SMBKIT_OK(status);
    pthread_mutex_unlock(&t->lock);
    return status;
}

/* The size of what is not open: of what an open would load. */
static smbkit_status load_size(struct smbkit_tree_call *c, const char *path, uint64_t *size)
{
    struct sql_volume *v = smbkit_tree_data(c->tree);
    struct sql_out o = {.max = v->size_max, .is_counting = 1};
    smbkit_status status = sql_store_of(path)->load(v, c, path, SQL_GLANCE, &o);
    *size = SMBKIT_OK(status) ? o.spilled : *size;
    sql_out_fini(&o);
    return status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND ? status : SMBKIT_STATUS_SUCCESS;
}

/* The row has gone: so does the file, and one of that name can be made. Who has it open is told
 * when he writes. */
static smbkit_status forget(struct smbkit_tree_call *c)
{
    struct smbkit_tree_info info;
    if (SMBKIT_OK(smbkit_tree_get(c->tree, c->id, &info)) && info.opens) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_tree_remove(c->tree, c->id, 0);
    return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
}

static smbkit_status text_stat(struct smbkit_tree_call *c, struct smbkit_attr *attr)
{
    struct sql_volume *v = smbkit_tree_data(c->tree);
    char path[SQL_PATH_MAX];
    smbkit_status status = sql_text_path(c, c->id, NULL, path);
    if (!SMBKIT_OK(status)) {
        return SMBKIT_STATUS_SUCCESS; /* deleted while it is open: as it was known */
    }
    struct sql_text *t = sql_text_take(v, path);
    if (t) {
        pthread_mutex_lock(&t->lock);
        attr->size = t->len;
        pthread_mutex_unlock(&t->lock);
        sql_text_unref(t);
    } else {
        status = load_size(c, path, &attr->size);
        status = status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND ? forget(c) : status;
    }
    uint64_t changed = sql_db_time(v);
    if (changed && sql_store_of(path) == &sql_rows) {
        attr->write_time = attr->change_time = changed;
    }
    return status;
}

/* ---- saving ---- */

/* What is to be saved: a copy, since others may write meanwhile. */
struct copy {
    char *path;
    char *data;
    size_t len;
    uint64_t written;
    int is_new;
};

/* FILE_DELETED; SUCCESS without data: there is nothing to save. */
static smbkit_status copy_take(struct sql_text *t, struct copy *c)
{
    *c = (struct copy){0};
    pthread_mutex_lock(&t->lock);
    c->written = t->written;
    c->len = t->len;
    int is_due = t->written != t->saved;
    c->data = is_due ? malloc(t->len + 1) : NULL;
    if (c->data) {
        memcpy(c->data, t->data ? t->data : "", t->len);
    }
    pthread_mutex_unlock(&t->lock);
    pthread_mutex_lock(&t->v->lock);
    c->path = is_due ? strdup(t->path) : NULL;
    c->is_new = t->is_draft;
    int is_gone = t->is_gone;
    pthread_mutex_unlock(&t->v->lock);
    if (!is_due) {
        return SMBKIT_STATUS_SUCCESS;
    }
    return is_gone              ? SMBKIT_STATUS_FILE_DELETED
           : c->data && c->path ? SMBKIT_STATUS_SUCCESS
                                : SMBKIT_STATUS_NO_MEMORY;
}

/* Others read it, too: what changed with it is asked for anew, once somebody looks. */
static void saved(struct sql_text *t, const struct copy *c)
{
    struct sql_volume *v = t->v;
    pthread_mutex_lock(&t->lock);
    t->saved = c->written;
    pthread_mutex_unlock(&t->lock);
    pthread_mutex_lock(&v->lock);
    draft_end(t);
    pthread_mutex_unlock(&v->lock);
    if (t->store == &sql_queries) {
        smbkit_tree_changed(v->tree, v->saved);
    }
}

static smbkit_status save(struct sql_text *t)
{
    struct copy c;
    pthread_mutex_lock(&t->saving);
    smbkit_status status = copy_take(t, &c);
    if (SMBKIT_OK(status) && c.data) {
        status = t->store->save(t->v, c.path, c.is_new, c.data, c.len);
        if (SMBKIT_OK(status)) {
            saved(t, &c);
        }
    }
    pthread_mutex_unlock(&t->saving);
    free(c.path);
    free(c.data);
    return status;
}

static smbkit_status text_flush(struct smbkit_tree_call *c, void *handle)
{
    (void)c;
    return save(handle);
}

/* What cannot be saved is not there: who opens the file from now on has what was saved last, and a
 * draft goes. */
static smbkit_status text_commit(struct smbkit_tree_call *c, void *handle,
                                 const struct smbkit_tree_commit *what)
{
    struct sql_text *t = handle;
    smbkit_status status = save(t);
    (void)what;
    if (SMBKIT_OK(status)) {
        return status;
    }
    pthread_mutex_lock(&t->v->lock);
    int was_draft = t->is_draft;
    if (was_draft) {
        sql_text_gone(t);
    } else {
        sql_text_unlist(t);
    }
    pthread_mutex_unlock(&t->v->lock);
    if (was_draft) {
        smbkit_tree_remove(c->tree, c->id, 0);
    }
    return status;
}

const struct smbkit_tree_file sql_text_file = {.struct_size = sizeof(sql_text_file),
                                               .stat = text_stat,
                                               .open = text_open,
                                               .read = text_read,
                                               .write = text_write,
                                               .set_size = text_set_size,
                                               .flush = text_flush,
                                               .commit = text_commit,
                                               .close = text_close};
const struct smbkit_tree_file sql_fixed_file = {.struct_size = sizeof(sql_fixed_file),
                                                .stat = text_stat,
                                                .open = text_open,
                                                .read = text_read,
                                                .close = text_close};
