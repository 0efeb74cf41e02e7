/* SPDX-License-Identifier: Apache-2.0 */
/* Files that clients write, by their names: making, renaming, deleting them; what stays of a folder
 * that is filled anew, and what is another when the database is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql_text.h"

#define DRAFTS_MAX 1000

static void describe(const struct sql_volume *v, struct smbkit_tree_entry *e)
{
    e->file = v->is_read_only ? &sql_fixed_file : &sql_text_file;
    e->flags = v->is_read_only ? SMBKIT_TREE_FIXED : SMBKIT_TREE_WRITABLE;
}

/* Is what is called so in other letters there, from a fill before? */
static int is_taken(struct smbkit_tree_call *c, const char *name)
{
    smbkit_tree_id id;
    char path[SQL_PATH_MAX];
    if (!SMBKIT_OK(smbkit_tree_find(c->tree, c->id, name, &id)) ||
        !SMBKIT_OK(smbkit_tree_path(c->tree, id, path, sizeof(path)))) {
        return 0;
    }
    size_t len = strlen(path);
    size_t end = strlen(name);
    return len < end || strcmp(path + len - end, name) != 0;
}

smbkit_status sql_add(struct smbkit_tree_call *c, const struct smbkit_tree_entry *e)
{
    return is_taken(c, e->name) ? SMBKIT_STATUS_OBJECT_NAME_COLLISION
                                : smbkit_tree_add(c->tree, c->id, e, NULL);
}

smbkit_status sql_text_add(struct smbkit_tree_call *c, const char *name)
{
    struct smbkit_tree_entry e = smbkit_tree_entry_new(name);
    describe(smbkit_tree_data(c->tree), &e);
    return sql_add(c, &e);
}

static smbkit_status add_draft(struct sql_volume *v, const char *path)
{
    struct sql_text *t = sql_text_new(v, path, NULL);
    smbkit_status status = SMBKIT_STATUS_NO_MEMORY;
    pthread_mutex_lock(&v->lock);
    if (t && (sql_text_find(v, path) || v->draft_count >= DRAFTS_MAX)) {
        status =
            sql_text_find(v, path) ? SMBKIT_STATUS_OBJECT_NAME_COLLISION : SMBKIT_STATUS_DISK_FULL;
    } else if (t) {
        sql_text_list(t);
        t->is_draft = 1;
        v->draft_count++;
        t = NULL;
        status = SMBKIT_STATUS_SUCCESS;
    }
    pthread_mutex_unlock(&v->lock);
    if (t) {
        sql_text_free(t);
    }
    return status;
}

smbkit_status sql_text_create(struct smbkit_tree_call *c, struct smbkit_tree_create *how)
{
    struct sql_volume *v = smbkit_tree_data(c->tree);
    char path[SQL_PATH_MAX];
    if (how->kind != SMBKIT_KIND_FILE) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    smbkit_status status = sql_text_path(c, c->id, how->name, path);
    status = SMBKIT_OK(status) ? sql_store_of(path)->check(v, c, path) : status;
    status = SMBKIT_OK(status) ? add_draft(v, path) : status;
    describe(v, how->entry);
    return status;
}

/* The names of what is open, or a draft, change with the file's. Under v->lock. */
static void relabel(struct sql_volume *v, const char *from, char **to)
{
    struct sql_text *over = sql_text_find(v, *to);
    struct sql_text *t = sql_text_find(v, from);
    if (over && over != t) {
        over->refs++;
        sql_text_gone(over);
        over->refs--; /* an open has another, or it was a draft */
        if (over->refs == 0) {
            v->text_bytes -= over->cap;
            sql_text_free(over);
        }
    }
    if (t) {
        char *old = t->path;
        t->path = *to;
        *to = old;
    }
}

/* Is it a draft? Such a one has nowhere to be moved but its name. */
static int is_draft(struct sql_volume *v, const char *path)
{
    pthread_mutex_lock(&v->lock);
    const struct sql_text *t = sql_text_find(v, path);
    int is = t && t->is_draft;
    pthread_mutex_unlock(&v->lock);
    return is;
}

smbkit_status sql_text_rename(struct smbkit_tree_call *c, const struct smbkit_tree_move *how)
{
    struct sql_volume *v = smbkit_tree_data(c->tree);
    char from[SQL_PATH_MAX];
    char path[SQL_PATH_MAX];
    smbkit_status status = sql_text_path(c, how->from, how->from_name, from);
    status = SMBKIT_OK(status) ? sql_text_path(c, c->id, how->to_name, path) : status;
    if (!SMBKIT_OK(status) || (how->from == c->id && strcmp(from, path) == 0)) {
        return status;
    }
    int replaces = how->replaced != SMBKIT_TREE_NONE;
    if (how->from != c->id) {
        status = SMBKIT_STATUS_NOT_SAME_DEVICE;
    } else if (!is_draft(v, from)) {
        status = sql_store_of(path)->move(v, from, path, replaces);
    } else {
        status = replaces ? SMBKIT_STATUS_ACCESS_DENIED : sql_store_of(path)->check(v, c, path);
    }
    char *to = SMBKIT_OK(status) ? strdup(path) : NULL;
    if (to) {
        pthread_mutex_lock(&v->lock);
        relabel(v, from, &to);
        pthread_mutex_unlock(&v->lock);
    }
    free(to);
    return status;
}

smbkit_status sql_text_remove(struct smbkit_tree_call *c, smbkit_tree_id id, void *arg)
{
    struct sql_volume *v = smbkit_tree_data(c->tree);
    char path[SQL_PATH_MAX];
    smbkit_status status = sql_text_path(c, id, NULL, path);
    (void)arg;
    if (SMBKIT_OK(status) && !is_draft(v, path)) {
        status = sql_store_of(path)->remove(v, path);
    }
    struct sql_text *t = SMBKIT_OK(status) ? sql_text_take(v, path) : NULL;
    if (t) {
        pthread_mutex_lock(&v->lock);
        sql_text_gone(t);
        sql_text_unref_and_unlock(t);
    }
    return status;
}

/* ---- what stays, and what is another ---- */

/* Names that grow; malloc'd each. */
struct names {
    char **list;
    uint32_t count;
    int is_full; /* no memory */
};

static void names_add(struct names *n, const char *name)
{
    if ((n->count & (n->count - 1)) == 0) { /* full at powers of two */
        char **list = realloc(n->list, (n->count ? 2 * (size_t)n->count : 1) * sizeof(*list));
        n->is_full |= !list;
        n->list = list ? list : n->list;
    }
    char *own = n->is_full ? NULL : strdup(name);
    n->is_full |= !own;
    if (own) {
        n->list[n->count++] = own;
    }
}

static void names_fini(struct names *n)
{
    while (n->count) {
        free(n->list[--n->count]);
    }
    free(n->list);
}

static int32_t note_open(void *arg, const struct smbkit_tree_info *info)
{
    if (info->opens) {
        names_add(arg, info->name);
    }
    return 1;
}

/* Drafts of the folder. */
static void note_drafts(struct sql_volume *v, const char *folder, struct names *n)
{
    size_t len = strlen(folder);
    pthread_mutex_lock(&v->lock);
    for (const struct sql_text *t = v->texts; t; t = t->next) {
        if (t->is_draft && strncmp(t->path, folder, len) == 0 && t->path[len] == '/' &&
            !strchr(t->path + len + 1, '/')) {
            names_add(n, t->path + len + 1);
        }
    }
    pthread_mutex_unlock(&v->lock);
}

/* Has a file of that name a reason to be listed? If that cannot be told now, it stays. */
static int is_there(struct smbkit_tree_call *c, const char *folder, const char *name)
{
    struct sql_volume *v = smbkit_tree_data(c->tree);
    char path[SQL_PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path)) {
        return 0;
    }
    return is_draft(v, path) || (sql_store_of(path) == &sql_rows &&
                                 sql_row_find(v, c, path) != SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
}

smbkit_status sql_text_add_again(struct smbkit_tree_call *c)
{
    struct names n = {0};
    char folder[SQL_PATH_MAX];
    smbkit_status status = sql_text_path(c, c->id, NULL, folder);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    smbkit_tree_list(c->tree, c->id, note_open, &n);
    note_drafts(smbkit_tree_data(c->tree), folder, &n);
    for (uint32_t i = 0; i < n.count; i++) {
        if (is_there(c, folder, n.list[i])) {
            sql_text_add(c, n.list[i]); /* what was added already stays as it is */
        }
    }
    names_fini(&n);
    return n.is_full ? SMBKIT_STATUS_NO_MEMORY : status;
}

/* Is its text still that of the row? What a client has changed and not saved counts as such. */
static int is_same(struct sql_text *t, const struct sql_out *o)
{
    pthread_mutex_lock(&t->lock);
    int is = t->written != t->saved ||
             (t->len == o->len && (t->len == 0 || memcmp(t->data, o->data, t->len) == 0));
    pthread_mutex_unlock(&t->lock);
    return is;
}

static void check_text(struct sql_text *t)
{
    struct sql_volume *v = t->v;
    struct sql_out o = {.max = v->size_max, .is_whole = 1};
    char path[SQL_PATH_MAX];
    pthread_mutex_lock(&v->lock);
    int fits = snprintf(path, sizeof(path), "%s", t->path) < (int)sizeof(path) && !t->is_draft;
    smbkit_tree_id id = t->id;
    pthread_mutex_unlock(&v->lock);
    smbkit_status status =
        fits ? t->store->load(v, NULL, path, SQL_GLANCE, &o) : SMBKIT_STATUS_NOT_SUPPORTED;
    int is_gone = status == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    if (is_gone || (SMBKIT_OK(status) && !is_same(t, &o))) {
        pthread_mutex_lock(&v->lock);
        sql_text_unlist(t);
        pthread_mutex_unlock(&v->lock);
        smbkit_tree_changed(v->tree, id);
    }
    sql_out_fini(&o);
}

void sql_texts_changed(struct sql_volume *v)
{
    size_t count = 0;
    pthread_mutex_lock(&v->lock);
    for (struct sql_text *t = v->texts; t; t = t->next) {
        count++;
    }
    struct sql_text **all = calloc(count + 1, sizeof(*all));
    struct sql_text *t = all ? v->texts : NULL;
    for (size_t i = 0; t; t = t->next) {
        t->refs++;
        all[i++] = t;
    }
    pthread_mutex_unlock(&v->lock);
    for (size_t i = 0; all && all[i]; i++) {
        check_text(all[i]);
        sql_text_unref(all[i]);
    }
    free(all);
}

void sql_texts_fini(struct sql_volume *v)
{
    while (v->texts) {
        struct sql_text *t = v->texts;
        v->texts = t->next;
        sql_text_free(t);
    }
}
