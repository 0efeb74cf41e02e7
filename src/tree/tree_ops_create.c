/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and making files, and looking at them by name. */
#include "base/mem.h"
#include "base/str.h"
#include "tree/tree_priv.h"

#define DATA_ACCESS (SMBKIT_READ_DATA | SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA | SMBKIT_EXECUTE)
#define WRITE_ACCESS (SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA)

/* ---- what is opened ---- */

static smbkit_status check_kind(const struct tree_entry *e, uint32_t kind)
{
    if (kind == SMBKIT_KIND_FILE && entry_is_folder(e)) {
        return SMBKIT_STATUS_FILE_IS_A_DIRECTORY;
    }
    return kind == SMBKIT_KIND_DIRECTORY && !entry_is_folder(e) ? SMBKIT_STATUS_NOT_A_DIRECTORY
                                                                : SMBKIT_STATUS_SUCCESS;
}

/* Under the lock. */
static bool may_write(const struct tree_entry *e)
{
    return (e->flags & SMBKIT_TREE_WRITABLE) || TREE_HAS(e->ops.file, write);
}

/* What an open is made of, before it is one. */
struct opening {
    const struct smbkit_create *how;
    struct tree_entry *entry; /* borrowed */
    const struct smbkit_tree_file *file;
    void *arg;
    struct tree_content *content; /* a reference */
    int64_t fd;
    bool wants_data;
};

/* Memory: the content that is there; files that clients may write have one in any case, which all
 * their opens share. */
static smbkit_status take_memory(struct tree_req *r, struct opening *o)
{
    struct tree_entry *e = o->entry;
    struct tree_bytes *none = NULL;
    SCOPED_LOCK(&r->tree->lock);
    if (!e->in.content && (e->flags & SMBKIT_TREE_WRITABLE)) {
        e->in.content = content_new(r->tree, &none);
        if (!e->in.content) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
        e->in.content->holder = e;
    }
    o->content = e->in.content ? content_ref(e->in.content) : NULL;
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status take_host(struct tree_req *r, struct opening *o)
{
    smbkit_status st = work_may_call(r, 0);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    int err = os_read_open(o->content->host_path, &o->fd);
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status take_handle(struct tree_req *r, struct opening *o)
{
    const struct tree_handle *h = &r->opened;
    bool is_done = r->open.id == o->entry->id;
    if (is_done && (!h->entry || (h->file == o->file && h->arg == o->arg))) {
        return r->open.status;
    }
    req_drop_opened(r); /* the path led to another file before, or it is another now */
    smbkit_status st = work_may_call(r, o->file->flags);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    mutex_lock(&r->tree->lock);
    struct tree_work *w = work_new(r, TREE_OPEN, o->entry);
    mutex_unlock(&r->tree->lock);
    if (!w) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    w->ops.file = o->file;
    w->call.arg = o->arg;
    w->access = o->how->access;
    return work_call(r, w);
}

static smbkit_status take_data(struct tree_req *r, struct opening *o)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (TREE_HAS(o->file, load)) {
        st = tree_load(r, o->entry);
        o->content = SMBKIT_OK(st) && r->loaded ? content_ref(r->loaded) : NULL;
    } else if (!TREE_HAS(o->file, read)) {
        st = take_memory(r, o);
    }
    if (SMBKIT_OK(st) && o->content && o->content->host_path) {
        st = take_host(r, o);
    }
    if (SMBKIT_OK(st) && TREE_HAS(o->file, open)) {
        st = take_handle(r, o);
    }
    return st;
}

static smbkit_status opening_check(struct tree_req *r, struct opening *o)
{
    struct tree_entry *e = o->entry;
    SCOPED_LOCK(&r->tree->lock);
    smbkit_status st = check_kind(e, o->how->kind);
    if (!SMBKIT_OK(st) || entry_is_folder(e)) {
        return st;
    }
    o->file = e->ops.file;
    o->arg = e->arg;
    o->wants_data = (o->how->access & DATA_ACCESS) != 0;
    return (o->how->access & WRITE_ACCESS) && !may_write(e) ? SMBKIT_STATUS_ACCESS_DENIED
                                                            : SMBKIT_STATUS_SUCCESS;
}

/* The open, of what was gathered for it. */
static struct tree_open *opening_end(struct tree_req *r, struct opening *o)
{
    struct tree_open *open = mem_zalloc(sizeof(*open));
    if (!open) {
        return NULL;
    }
    struct smbkit_tree *t = r->tree;
    struct tree_later later = {0};
    open->file = o->file;
    open->arg = o->arg;
    open->access = o->how->access;
    open->fd = o->fd;
    open->writer.keeps = TREE_HAS(o->file, commit);
    struct tree_handle *h = &r->opened;
    tree_enter(t);
    open->entry = entry_ref(o->entry);
    if (h->entry == o->entry && h->file == o->file && h->arg == o->arg) {
        open->has_handle = true; /* and the open's to close */
        open->handle = h->handle;
        entry_unref(h->entry, &later);
        *h = (struct tree_handle){0};
    }
    bool is_live = (o->entry->flags & SMBKIT_TREE_LIVE) && o->fd < 0;
    bool is_fresh = TREE_HAS(o->file, load) && (o->file->flags & SMBKIT_TREE_FRESH);
    if (is_fresh && o->content && !o->entry->in.content && o->file == o->entry->ops.file) {
        entry_set_content(t, o->entry, content_ref(o->content), &later); /* others may share it */
    }
    open->content = is_live ? NULL : o->content;
    o->content = is_live ? o->content : NULL;
    o->entry->opens++;
    entry_idle_update(t, o->entry, &later);
    tree_leave(t, &later);
    return open;
}

static smbkit_status open_entry(struct tree_req *r, struct tree_entry *e)
{
    struct smbkit_create *a = r->args;
    struct opening o = {.how = a, .entry = e, .fd = -1};
    smbkit_status st = opening_check(r, &o);
    if (SMBKIT_OK(st)) {
        st = tree_stat(r, e, NULL, a->attr);
    }
    if (SMBKIT_OK(st) && o.wants_data) {
        st = take_data(r, &o);
    }
    if (st == TREE_QUEUED) {
        os_read_close(o.fd);
        content_unref(o.content);
        return st;
    }
    struct tree_open *open = SMBKIT_OK(st) ? opening_end(r, &o) : NULL;
    if (SMBKIT_OK(st) && !open) {
        st = SMBKIT_STATUS_NO_MEMORY;
    }
    if (!open) {
        os_read_close(o.fd); /* what open gave goes with the request */
    } else if (open->content && open->fd < 0) {
        a->attr->size = content_size(open->content);
    }
    content_unref(o.content);
    a->file = open;
    return st;
}

/* ---- what is made ---- */

/* What the callback may change. */
static void made_propose(struct tree_work *w, const struct smbkit_create *a,
                         const struct tree_entry *folder)
{
    w->made = smbkit_tree_entry_new(w->name);
    w->kind_made = a->kind;
    w->made.attributes = a->attributes & ~(uint32_t)SMBKIT_ATTR_DIRECTORY;
    w->made.flags = SMBKIT_TREE_WRITABLE;
    if (a->kind == SMBKIT_KIND_DIRECTORY) {
        w->made.flags |= SMBKIT_TREE_IS_FOLDER;
        w->made.folder = folder->ops.folder;
        w->made.arg = folder->arg;
    }
}

/* Under the lock. */
static smbkit_status make_begin(struct tree_req *r, struct tree_entry *folder,
                                struct tree_work **w_r)
{
    if (!TREE_HAS(folder->ops.folder, create)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    smbkit_status st = work_may_call(r, folder->ops.folder->flags);
    if (SMBKIT_OK(st)) {
        *w_r = work_new(r, TREE_CREATE, folder);
        st = *w_r ? st : SMBKIT_STATUS_NO_MEMORY;
    }
    return st;
}

static smbkit_status make_ask(struct tree_req *r, struct tree_entry *folder, const char *leaf)
{
    struct smbkit_tree *t = r->tree;
    struct tree_work *w = NULL;
    if (r->act.id == folder->id) {
        return r->act.status;
    }
    req_drop_made(r); /* of the folder that was there before */
    mutex_lock(&t->lock);
    smbkit_status st = make_begin(r, folder, &w);
    if (w) {
        w->name = tree_name_stored(t, leaf);
        made_propose(w, r->args, folder);
    }
    mutex_unlock(&t->lock);
    if (w && !(w->name && tree_name_stays(w->name))) {
        st = w->name ? SMBKIT_STATUS_OBJECT_NAME_INVALID : SMBKIT_STATUS_NO_MEMORY;
        work_free(w);
        return st;
    }
    return w ? work_call(r, w) : st;
}

/* Allowed: it is added. */
static smbkit_status make_add(struct tree_req *r, struct tree_entry *folder, const char *leaf)
{
    struct smbkit_tree *t = r->tree;
    struct tree_later later = {0};
    struct tree_made made;
    CLEANUP_MEM char *stored = tree_name_stored(t, leaf);
    r->made.name = stored;
    r->made.flags &= ~(uint32_t)(SMBKIT_TREE_REPLACE | SMBKIT_TREE_NEWER);
    r->has_made = false;
    smbkit_status st = stored ? made_init(t, &r->made, true, &made) : SMBKIT_STATUS_NO_MEMORY;
    if (!stored && r->made.release) {
        r->made.release(r->made.arg);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    made.in.flags |= TREE_UNTOLD;
    tree_enter(t);
    st = tree_add_locked(t, folder, &made, &r->made_id, &later);
    tree_leave(t, &later);
    made_fini(&made, !SMBKIT_OK(st));
    r->has_acted = true;
    return st;
}

static smbkit_status make(struct tree_req *r, struct tree_entry *folder, const char *leaf)
{
    smbkit_status st = make_ask(r, folder, leaf);
    return SMBKIT_OK(st) ? make_add(r, folder, leaf) : st;
}

/* An entry by its id; a reference, or NULL. */
static struct tree_entry *entry_take(struct smbkit_tree *t, uint64_t id)
{
    SCOPED_LOCK(&t->lock);
    struct tree_entry *e = entry_by_id(t, id);
    return e ? entry_ref(e) : NULL;
}

static smbkit_status open_made(struct tree_req *r)
{
    struct smbkit_tree *t = r->tree;
    struct tree_found f = {.entry = entry_take(t, r->made_id)};
    smbkit_status st =
        f.entry ? open_entry(r, f.entry) : SMBKIT_STATUS_DELETE_PENDING; /* gone again */
    tree_found_fini(t, &f);
    return st;
}

smbkit_status tree_op_create(struct tree_req *r)
{
    struct smbkit_create *a = r->args;
    struct smbkit_tree *t = r->tree; /* r and a may be gone once it is queued */
    bool makes = a->disposition == SMBKIT_CREATE;
    struct tree_found f = {0};
    a->file = NULL;
    if (r->made_id != 0) {
        return open_made(r);
    }
    smbkit_status st = tree_resolve(r, a->path, &f);
    bool is_free = st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    if (makes && SMBKIT_OK(st)) {
        st = SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    } else if (makes && is_free && f.parent) {
        st = make(r, f.parent, f.leaf);
        st = SMBKIT_OK(st) ? open_made(r) : st;
    } else if (SMBKIT_OK(st)) {
        st = open_entry(r, f.entry);
    }
    tree_found_fini(t, &f);
    return st;
}

/* ---- by name, and the end ---- */

smbkit_status tree_op_lookup(struct tree_req *r)
{
    struct smbkit_lookup *a = r->args;
    struct smbkit_tree *t = r->tree;
    struct tree_found f = {0};
    smbkit_status st = tree_resolve(r, a->path, &f);
    if (SMBKIT_OK(st)) {
        st = tree_stat(r, f.entry, NULL, a->attr);
    }
    tree_found_fini(t, &f);
    return st;
}

void tree_close_file(void *volume, struct smbkit_op *op, void *file)
{
    struct smbkit_tree *t = volume;
    struct tree_open *open = file;
    struct tree_later later = {0};
    (void)op;
    if (open->has_handle && TREE_HAS(open->file, close)) {
        open->file->close(open->arg, open->handle);
    }
    os_read_close(open->fd);
    content_unref(open->content);
    tree_enter(t);
    open->entry->opens--;
    entry_idle_update(t, open->entry, &later);
    entry_unref(open->entry, &later);
    tree_leave(t, &later);
    mem_free(open);
}
