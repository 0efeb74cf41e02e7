/* SPDX-License-Identifier: Apache-2.0 */
/* Folders that are filled when somebody looks, files that are loaded when somebody opens them: one
 * call at a time for each, for all who wait. */
#include "base/mem.h"
#include "base/str.h"
#include "tree/tree_priv.h"

/* ---- folders ---- */

static bool folder_is_fresh(const struct tree_entry *folder)
{
    return folder->ops.folder && (folder->ops.folder->flags & SMBKIT_TREE_FRESH);
}

/* The lock is held, and let go. */
static smbkit_status fill_begin(struct tree_req *r, struct tree_entry *folder)
{
    struct smbkit_tree *t = r->tree;
    struct tree_dir *d = folder->in.dir;
    smbkit_status st = work_may_call(r, folder->ops.folder->flags);
    struct tree_work *w = SMBKIT_OK(st) ? work_new(r, TREE_FILL, folder) : NULL;
    if (w) {
        w->is_first = d->fill_number == 0;
        d->fill_number++;
        d->fill = w;
    }
    mutex_unlock(&t->lock);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    return w ? work_call(r, w) : SMBKIT_STATUS_NO_MEMORY;
}

smbkit_status tree_fill(struct tree_req *r, struct tree_entry *folder, bool wants_fresh)
{
    struct smbkit_tree *t = r->tree;
    mutex_lock(&t->lock);
    struct tree_dir *d = folder->in.dir;
    bool is_done = r->fill.id == folder->id; /* in this request */
    bool wants = !d->is_filled || (wants_fresh && folder_is_fresh(folder));
    if (!TREE_HAS(folder->ops.folder, fill) || !wants || is_done) {
        mutex_unlock(&t->lock);
        return is_done ? r->fill.status : SMBKIT_STATUS_SUCCESS;
    }
    return d->fill ? work_join(r, d->fill) : fill_begin(r, folder);
}

void fill_leave(struct tree_work *w)
{
    struct tree_dir *d = w->entry->in.dir;
    d->fill = d->fill == w ? NULL : d->fill;
}

void load_leave(struct tree_work *w)
{
    struct tree_extra *extra = w->entry->extra;
    w->is_stale = true;
    extra->load = extra->load == w ? NULL : extra->load;
}

void fill_settle(struct tree_work *w, struct tree_later *later)
{
    struct smbkit_tree *t = w->tree;
    struct tree_dir *d = w->entry->in.dir;
    if (d->fill != w) { /* given up */
        return;
    }
    d->fill = NULL;
    d->is_filled = SMBKIT_OK(w->status) && !w->is_stale;
    if (!SMBKIT_OK(w->status) || w->is_first) {
        return;
    }
    for (uint32_t i = d->first; i < d->len; i++) {
        struct tree_entry *e = d->order[i].entry;
        if (e && e->mark < d->fill_number) {
            tree_remove_told(t, e, 0, later);
        }
    }
}

/* ---- files ---- */

static smbkit_status load_begin(struct tree_req *r, struct tree_entry *e)
{
    struct smbkit_tree *t = r->tree;
    smbkit_status st = work_may_call(r, e->ops.file->flags);
    struct tree_extra *extra = SMBKIT_OK(st) ? entry_extra(e) : NULL;
    struct tree_work *w = extra ? work_new(r, TREE_LOAD, e) : NULL;
    if (w) {
        extra->load = w;
    }
    mutex_unlock(&t->lock);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    return w ? work_call(r, w) : SMBKIT_STATUS_NO_MEMORY;
}

smbkit_status tree_load(struct tree_req *r, struct tree_entry *e)
{
    struct smbkit_tree *t = r->tree;
    bool is_done = r->load.id == e->id;
    if (!is_done) {
        req_drop_loaded(r); /* the path led to another file before */
    }
    mutex_lock(&t->lock);
    bool is_memory = !TREE_HAS(e->ops.file, load); /* since just now */
    bool is_fresh = !is_memory && (e->ops.file->flags & SMBKIT_TREE_FRESH);
    bool is_shared = e->opens > 0 && (e->flags & SMBKIT_TREE_WRITABLE); /* who writes is read */
    if (!is_done && (is_memory || (e->in.content && (!is_fresh || is_shared)))) {
        r->loaded = e->in.content ? content_ref(e->in.content) : NULL;
        r->load = (struct tree_memo){e->id, SMBKIT_STATUS_SUCCESS};
        is_done = true;
    }
    if (is_done) {
        mutex_unlock(&t->lock);
        return r->load.status;
    }
    struct tree_work *w = e->extra ? e->extra->load : NULL;
    return w ? work_join(r, w) : load_begin(r, e);
}

/* What the entry has, if it is the same; a reference. */
static struct tree_content *same_take(struct tree_work *w)
{
    struct tree_entry *e = w->entry;
    mutex_lock(&w->tree->lock);
    struct tree_content *c = e->in.content;
    c = c && !c->host_path ? content_ref(c) : NULL;
    mutex_unlock(&w->tree->lock);
    if (c && !content_is(c, w->load.data, w->load.size)) {
        content_unref(c);
        c = NULL;
    }
    return c;
}

smbkit_status load_take(struct tree_work *w)
{
    const struct smbkit_tree_load *l = &w->load;
    w->loaded = same_take(w);
    if (w->loaded) {
        if (l->release) {
            l->release(l->release_arg);
        }
        return SMBKIT_STATUS_SUCCESS;
    }
    struct tree_bytes *b = bytes_loaded(w->tree, l);
    w->loaded = b ? content_new(w->tree, &b) : NULL;
    bytes_unref(b);
    return w->loaded ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
}

void load_settle(struct tree_work *w, struct tree_later *later)
{
    struct tree_entry *e = w->entry;
    struct tree_content *c = w->loaded;
    e->extra->load = e->extra->load == w ? NULL : e->extra->load;
    if (!c || w->is_stale || e->ops.file != w->ops.file) {
        return;
    }
    if (c != e->in.content) {
        entry_set_content(w->tree, e, content_ref(c), later);
    }
    entry_idle_update(w->tree, e, later);
}

/* ---- paths ---- */

/* Under the lock. */
static smbkit_status lookup_begin(struct tree_req *r, struct tree_entry *folder,
                                  struct tree_work **w_r)
{
    if (!TREE_HAS(folder->ops.folder, lookup) || r->lookup.id == folder->id) {
        return r->lookup.id == folder->id ? r->lookup.status : SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = work_may_call(r, folder->ops.folder->flags);
    if (SMBKIT_OK(st)) {
        *w_r = work_new(r, TREE_LOOKUP, folder);
        st = *w_r ? st : SMBKIT_STATUS_NO_MEMORY;
    }
    return st;
}

static smbkit_status lookup_ask(struct tree_req *r, struct tree_entry *folder, const char *name,
                                size_t len)
{
    struct smbkit_tree *t = r->tree;
    struct tree_work *w = NULL;
    mutex_lock(&t->lock);
    smbkit_status st = lookup_begin(r, folder, &w);
    mutex_unlock(&t->lock);
    if (!w) {
        return st;
    }
    CLEANUP_MEM char *shown = str_ndup(name, len);
    w->name = shown ? tree_name_stored(t, shown) : NULL;
    if (!w->name || !tree_name_stays(w->name)) {
        st = w->name ? SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND : SMBKIT_STATUS_NO_MEMORY;
        work_free(w);
        return st;
    }
    return work_call(r, w);
}

/* An entry of a folder; a reference, or NULL. */
static struct tree_entry *look(struct smbkit_tree *t, struct tree_entry *folder, const char *name,
                               size_t len)
{
    SCOPED_LOCK(&t->lock);
    struct tree_entry *e = entry_find(t, folder, name, len);
    return e ? entry_ref(e) : NULL;
}

static void report_missed(struct smbkit_tree *t, const struct tree_entry *folder, const char *name,
                          size_t len)
{
    if (!TREE_HAS(&t->spec, missed)) {
        return;
    }
    CLEANUP_MEM char *shown = str_ndup(name, len);
    CLEANUP_MEM char *stored = shown ? tree_name_stored(t, shown) : NULL;
    if (stored) {
        t->spec.missed(t->spec.arg, folder->id, stored);
    }
}

/* One name of a path: what there is, what a fill brings, what a look-up makes. */
static smbkit_status step(struct tree_req *r, struct tree_entry *folder, const char *name,
                          size_t len, struct tree_entry **e_r)
{
    struct smbkit_tree *t = r->tree;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    *e_r = look(t, folder, name, len);
    if (!*e_r) {
        st = tree_fill(r, folder, true);
        *e_r = SMBKIT_OK(st) ? look(t, folder, name, len) : NULL;
    }
    if (!*e_r && SMBKIT_OK(st)) {
        st = lookup_ask(r, folder, name, len);
        *e_r = SMBKIT_OK(st) ? look(t, folder, name, len) : NULL;
    }
    if (SMBKIT_OK(st) && !*e_r) {
        st = SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        report_missed(t, folder, name, len);
    }
    return st;
}

static void unref(struct smbkit_tree *t, struct tree_entry **e)
{
    if (*e) {
        struct tree_later later = {0};
        tree_enter(t);
        entry_unref(*e, &later);
        tree_leave(t, &later);
    }
    *e = NULL;
}

void tree_found_fini(struct smbkit_tree *t, struct tree_found *f)
{
    unref(t, &f->entry);
    unref(t, &f->parent);
}

/* The name at *at, which is not the end, below f->entry. QUEUED: the path is gone with the request.
 */
static smbkit_status go_down(struct tree_req *r, const char **at, struct tree_found *f)
{
    struct smbkit_tree *t = r->tree;
    const char *name;
    size_t len = tree_path_next(at, &name);
    bool is_last = **at == 0;
    unref(t, &f->parent);
    f->parent = f->entry;
    f->entry = NULL;
    f->leaf = name;
    smbkit_status st = entry_is_folder(f->parent) ? step(r, f->parent, name, len, &f->entry)
                                                  : SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
    bool is_above = st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND && !is_last;
    return is_above ? SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND : st;
}

smbkit_status tree_resolve(struct tree_req *r, const char *path, struct tree_found *f)
{
    struct smbkit_tree *t = r->tree;
    const char *at = path;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    mutex_lock(&t->lock);
    *f = (struct tree_found){.entry = entry_ref(t->root), .leaf = ""};
    mutex_unlock(&t->lock);
    while (SMBKIT_OK(st) && *at) {
        st = go_down(r, &at, f);
    }
    return st;
}
