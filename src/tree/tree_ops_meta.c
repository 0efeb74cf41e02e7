/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes, names and the volume: what clients ask of an entry beside its data, and renaming and
 * deleting it. */
#include "base/mem.h"
#include "base/str.h"
#include "tree/tree_priv.h"

/* ---- attributes ---- */

static void stat_keep(struct tree_req *r, struct tree_entry *e, const struct smbkit_attr *attr)
{
    SCOPED_LOCK(&r->tree->lock);
    e->size = attr->size;
    e->write_time = attr->write_time ? attr->write_time : e->write_time;
    e->create_time = attr->create_time ? attr->create_time : e->create_time;
    e->change_time = attr->change_time ? attr->change_time : e->change_time;
    e->access_time = attr->access_time ? attr->access_time : e->access_time;
}

/* Under the lock. *w_r NULL with SUCCESS: there is nothing to ask any more. */
static smbkit_status stat_begin(struct tree_req *r, struct tree_entry *e, struct tree_work **w_r)
{
    *w_r = NULL;
    if (!TREE_HAS(e->ops.file, stat)) {
        return SMBKIT_STATUS_SUCCESS;
    }
    smbkit_status st = work_may_call(r, e->ops.file->flags);
    *w_r = SMBKIT_OK(st) ? work_new(r, TREE_STAT, e) : NULL;
    return SMBKIT_OK(st) && !*w_r ? SMBKIT_STATUS_NO_MEMORY : st;
}

static smbkit_status stat_ask(struct tree_req *r, struct tree_entry *e, struct smbkit_attr *attr)
{
    smbkit_status st = r->stat.status;
    if (r->stat.id != e->id) {
        struct tree_work *w;
        mutex_lock(&r->tree->lock);
        st = stat_begin(r, e, &w);
        mutex_unlock(&r->tree->lock);
        if (!w) {
            return st;
        }
        w->attr = *attr;
        w->attr.struct_size = sizeof(w->attr);
        st = work_call(r, w);
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    uint64_t id = attr->file_id;
    stat_keep(r, e, &r->attr);
    mem_copy(attr, &r->attr, MIN((size_t)attr->struct_size, sizeof(*attr)));
    attr->file_id = id;
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status stat_host(struct tree_req *r, struct tree_entry *e, int64_t fd,
                               struct smbkit_attr *attr)
{
    struct os_file_info info;
    smbkit_status st = work_may_call(r, 0);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    mutex_lock(&r->tree->lock);
    struct tree_content *c = e->in.content ? content_ref(e->in.content) : NULL;
    mutex_unlock(&r->tree->lock);
    bool is_host = c && c->host_path;
    int err = fd >= 0 ? os_read_info(fd, &info) : is_host ? os_file_info(c->host_path, &info) : 0;
    if (err == 0 && (fd >= 0 || is_host)) {
        attr->size = info.size;
        attr->create_time = info.create_time;
        attr->access_time = info.access_time;
        attr->write_time = info.write_time;
        attr->change_time = info.change_time;
        stat_keep(r, e, attr);
    }
    content_unref(c);
    return err ? smbkit_status_from_errno(-err) : SMBKIT_STATUS_SUCCESS;
}

smbkit_status tree_stat(struct tree_req *r, struct tree_entry *e, struct tree_open *open,
                        struct smbkit_attr *attr)
{
    mutex_lock(&r->tree->lock);
    entry_attr(e, attr);
    int64_t fd = open ? open->fd : -1;
    bool is_file = !entry_is_folder(e);
    bool is_host = is_file && (fd >= 0 || (e->in.content && e->in.content->host_path));
    bool is_asked = is_file && TREE_HAS(e->ops.file, stat);
    mutex_unlock(&r->tree->lock);
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (is_asked) {
        st = stat_ask(r, e, attr);
    } else if (is_host) {
        st = stat_host(r, e, fd, attr);
    }
    if (SMBKIT_OK(st) && open && open->content && fd < 0) {
        attr->size = content_size(open->content); /* as it was opened */
    }
    return st;
}

smbkit_status tree_op_getattr(struct tree_req *r)
{
    struct tree_open *open = r->file;
    return tree_stat(r, open->entry, open, r->args);
}

static void attr_apply(struct tree_entry *e, const struct smbkit_attr *a)
{
    e->create_time = a->valid & SMBKIT_HAS_CREATE_TIME ? a->create_time : e->create_time;
    e->access_time = a->valid & SMBKIT_HAS_ACCESS_TIME ? a->access_time : e->access_time;
    e->write_time = a->valid & SMBKIT_HAS_WRITE_TIME ? a->write_time : e->write_time;
    e->change_time = a->valid & SMBKIT_HAS_CHANGE_TIME ? a->change_time : e->change_time;
    if (a->valid & SMBKIT_HAS_ATTRIBUTES) {
        e->attributes = (a->attributes & SMBKIT_ATTR_SETTABLE) |
                        (e->attributes & ~(uint32_t)SMBKIT_ATTR_SETTABLE);
    }
}

/* Under the lock. Who decides: *w_r; else SUCCESS or ACCESS_DENIED. */
static smbkit_status setattr_begin(struct tree_req *r, struct tree_entry *e, struct tree_work **w_r)
{
    struct tree_entry *folder = e->parent;
    if (!folder || !TREE_HAS(folder->ops.folder, setattr)) {
        return e->flags & SMBKIT_TREE_WRITABLE ? SMBKIT_STATUS_SUCCESS
                                               : SMBKIT_STATUS_ACCESS_DENIED;
    }
    smbkit_status st = work_may_call(r, folder->ops.folder->flags);
    *w_r = SMBKIT_OK(st) ? work_new(r, TREE_SETATTR, folder) : NULL;
    return SMBKIT_OK(st) && !*w_r ? SMBKIT_STATUS_NO_MEMORY : st;
}

smbkit_status tree_setattr_ask(struct tree_req *r, struct tree_entry *e,
                               const struct smbkit_attr *attr)
{
    struct tree_work *w = NULL;
    if (r->set.id != 0) {
        return r->set.status;
    }
    mutex_lock(&r->tree->lock);
    smbkit_status st = setattr_begin(r, e, &w);
    mutex_unlock(&r->tree->lock);
    if (!w) {
        return st;
    }
    w->number = e->id;
    w->attr = *attr;
    return work_call(r, w);
}

smbkit_status tree_op_setattr(struct tree_req *r)
{
    struct tree_open *open = r->file;
    struct tree_entry *e = open->entry;
    const struct smbkit_attr *a = r->args;
    smbkit_status st = tree_setattr_ask(r, e, a);
    if (SMBKIT_OK(st)) {
        SCOPED_LOCK(&r->tree->lock);
        attr_apply(e, a);
    }
    return st;
}

/* ---- names ---- */

smbkit_status tree_op_get_path(struct tree_req *r)
{
    const struct tree_open *open = r->file;
    struct smbkit_buffer *out = r->args;
    mutex_lock(&r->tree->lock);
    bool is_there = open->entry->parent || open->entry->id == SMBKIT_TREE_ROOT;
    CLEANUP_MEM char *path = is_there ? tree_path(open->entry) : NULL;
    mutex_unlock(&r->tree->lock);
    if (!path) {
        return is_there ? SMBKIT_STATUS_NO_MEMORY : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    size_t len = str_len(path);
    out->len = (uint32_t)len;
    if (len > out->cap) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    mem_copy(out->base, path, len);
    return SMBKIT_STATUS_SUCCESS;
}

/* May it go, as far as the tree knows? Under the lock. */
static smbkit_status remove_check(const struct tree_entry *e)
{
    if (!e->parent) {
        return e->id == SMBKIT_TREE_ROOT ? SMBKIT_STATUS_CANNOT_DELETE : SMBKIT_STATUS_SUCCESS;
    }
    if (e->flags & SMBKIT_TREE_FIXED) {
        return SMBKIT_STATUS_CANNOT_DELETE;
    }
    return TREE_HAS(e->parent->ops.folder, remove) ? SMBKIT_STATUS_SUCCESS
                                                   : SMBKIT_STATUS_ACCESS_DENIED;
}

smbkit_status tree_op_check_remove(struct tree_req *r)
{
    const struct tree_open *open = r->file;
    SCOPED_LOCK(&r->tree->lock);
    return remove_check(open->entry);
}

/* Under the lock. */
static smbkit_status remove_begin(struct tree_req *r, struct tree_entry *e, struct tree_work **w_r)
{
    smbkit_status st = remove_check(e);
    if (!SMBKIT_OK(st) || !e->parent) {
        return st;
    }
    if (entry_is_folder(e) && e->in.dir->live > 0) {
        return SMBKIT_STATUS_DIRECTORY_NOT_EMPTY;
    }
    st = work_may_call(r, e->parent->ops.folder->flags);
    *w_r = SMBKIT_OK(st) ? work_new(r, TREE_REMOVE, e->parent) : NULL;
    if (*w_r) {
        (*w_r)->number = e->id;
        (*w_r)->other_arg = e->arg;
    }
    return SMBKIT_OK(st) && !*w_r ? SMBKIT_STATUS_NO_MEMORY : st;
}

smbkit_status tree_op_remove(struct tree_req *r)
{
    struct smbkit_tree *t = r->tree;
    struct tree_open *open = r->file;
    smbkit_status st = r->act.status;
    if (r->act.id == 0) {
        struct tree_work *w = NULL;
        mutex_lock(&t->lock);
        st = remove_begin(r, open->entry, &w);
        mutex_unlock(&t->lock);
        st = w ? work_call(r, w) : st;
    }
    if (SMBKIT_OK(st)) {
        struct tree_later later = {0};
        tree_enter(t);
        if (open->entry->parent) {
            entry_detach(t, open->entry, &later);
        }
        tree_leave(t, &later);
    }
    return st;
}

/* ---- renaming ---- */

/* What is in the way goes, if it may; under the lock. */
static smbkit_status rename_check(struct tree_req *r, const struct tree_entry *e,
                                  const struct tree_found *f, struct tree_entry **over_r)
{
    const struct smbkit_rename *a = r->args;
    *over_r = NULL;
    if (!e->parent || (e->flags & SMBKIT_TREE_FIXED) || !f->parent || !f->parent->ops.folder) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (!entry_is_folder(f->parent) || (!f->parent->parent && f->parent != r->tree->root)) {
        return SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
    }
    /* Out of a folder that lets nothing be deleted goes nothing. */
    const struct smbkit_tree_folder *from = e->parent->ops.folder;
    if (e->parent != f->parent && !(from && TREE_HAS(from, remove))) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    smbkit_status fits = entry_fits(e, f->parent);
    struct tree_entry *over = entry_find(r->tree, f->parent, f->leaf, str_len(f->leaf));
    if (!SMBKIT_OK(fits) || !over || over == e) {
        return fits;
    }
    if (!(a->flags & SMBKIT_RENAME_REPLACE)) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    if (entry_is_folder(over) || (over->flags & SMBKIT_TREE_FIXED)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    *over_r = over;
    return SMBKIT_STATUS_SUCCESS;
}

/* Under the lock. */
static smbkit_status rename_begin(struct tree_req *r, struct tree_entry *e,
                                  const struct tree_found *f, struct tree_work **w_r)
{
    struct tree_entry *over;
    smbkit_status st = rename_check(r, e, f, &over);
    if (SMBKIT_OK(st) && !TREE_HAS(f->parent->ops.folder, rename)) {
        st = SMBKIT_STATUS_ACCESS_DENIED;
    }
    if (SMBKIT_OK(st)) {
        st = work_may_call(r, f->parent->ops.folder->flags);
    }
    struct tree_work *w = SMBKIT_OK(st) ? work_new(r, TREE_RENAME, f->parent) : NULL;
    if (!w) {
        return SMBKIT_OK(st) ? SMBKIT_STATUS_NO_MEMORY : st;
    }
    *w_r = w;
    w->number = e->id;
    w->other_arg = e->arg;
    w->from = e->parent->id;
    w->replaced = over ? over->id : SMBKIT_TREE_NONE;
    w->name = tree_name_stored(r->tree, f->leaf);
    w->other_name = tree_name_stored(r->tree, e->name);
    if (!w->name || !w->other_name) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    return tree_name_stays(w->name) ? st : SMBKIT_STATUS_OBJECT_NAME_INVALID;
}

static smbkit_status rename_end(struct tree_req *r, struct tree_entry *e,
                                const struct tree_found *f)
{
    struct smbkit_tree *t = r->tree;
    struct tree_later later = {0};
    struct tree_entry *over;
    tree_enter(t);
    smbkit_status st = rename_check(r, e, f, &over);
    if (SMBKIT_OK(st) && over) {
        entry_detach(t, over, &later);
    }
    if (SMBKIT_OK(st)) {
        st = entry_move(t, e, f->parent, f->leaf);
    }
    tree_leave(t, &later);
    return st;
}

static smbkit_status rename_ask(struct tree_req *r, struct tree_entry *e,
                                const struct tree_found *f)
{
    if (r->act.id == f->parent->id) {
        return r->act.status;
    }
    struct tree_work *w = NULL;
    mutex_lock(&r->tree->lock);
    smbkit_status st = rename_begin(r, e, f, &w);
    mutex_unlock(&r->tree->lock);
    if (w && !SMBKIT_OK(st)) {
        work_free(w);
        return st;
    }
    return w ? work_call(r, w) : st;
}

smbkit_status tree_op_rename(struct tree_req *r)
{
    const struct smbkit_rename *a = r->args;
    struct tree_open *open = r->file;
    struct smbkit_tree *t = r->tree;
    struct tree_found f = {0};
    smbkit_status st = tree_resolve(r, a->new_path, &f);
    if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND && f.parent) {
        st = SMBKIT_STATUS_SUCCESS;
    }
    if (SMBKIT_OK(st) && !f.parent) {
        st = SMBKIT_STATUS_ACCESS_DENIED; /* the root's own name */
    }
    if (SMBKIT_OK(st)) {
        st = rename_ask(r, open->entry, &f);
    }
    if (SMBKIT_OK(st)) {
        st = rename_end(r, open->entry, &f);
    }
    tree_found_fini(t, &f);
    return st;
}

/* ---- the volume, and caching ---- */

smbkit_status tree_op_cache_request(struct tree_req *r)
{
    struct smbkit_cache *a = r->args;
    const struct tree_open *open = r->file;
    SCOPED_LOCK(&r->tree->lock);
    const struct tree_entry *e = open->entry;
    bool is_fresh =
        entry_is_folder(e) && e->ops.folder && (e->ops.folder->flags & SMBKIT_TREE_FRESH);
    if (is_fresh || (e->flags & SMBKIT_TREE_NO_CACHE)) {
        a->state = 0;
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status tree_op_volume_info(struct tree_req *r)
{
    struct smbkit_volume_info *info = r->args;
    struct smbkit_tree *t = r->tree;
    void *file = info->file;
    /* relaxed: a count */
    uint64_t used = atomic_load_explicit(&t->account->used, memory_order_relaxed);
    info->create_time = t->opened_time;
    info->total_bytes = t->spec.write_max;
    info->free_bytes = t->spec.write_max - MIN(used, t->spec.write_max);
    info->available_bytes = info->free_bytes;
    if (TREE_HAS(&t->spec, info)) {
        info->file = NULL;
        t->spec.info(t->spec.arg, info);
        info->file = file;
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status root_ask(struct tree_req *r)
{
    struct smbkit_tree *t = r->tree;
    if (r->root.id != 0) {
        return r->root.status;
    }
    smbkit_status st = work_may_call(r, 0);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    mutex_lock(&t->lock);
    struct tree_work *w = work_new(r, TREE_USER_ROOT, t->root);
    mutex_unlock(&t->lock);
    if (!w) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    w->number = SMBKIT_TREE_ROOT;
    w->call.arg = t->spec.arg;
    return work_call(r, w);
}

smbkit_status tree_op_session_root(struct tree_req *r)
{
    struct smbkit_session_root *a = r->args;
    struct smbkit_tree *t = r->tree;
    if (!TREE_HAS(&t->spec, user_root)) {
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    smbkit_status st = root_ask(r);
    if (st == SMBKIT_STATUS_NOT_SUPPORTED) {
        return SMBKIT_STATUS_ACCESS_DENIED; /* else all of the volume were his */
    }
    if (!SMBKIT_OK(st)) {
        return st;
    }
    mutex_lock(&t->lock);
    struct tree_entry *e = entry_by_id(t, r->root_id);
    CLEANUP_MEM char *path = e && entry_is_folder(e) ? tree_path(e) : NULL;
    mutex_unlock(&t->lock);
    if (!path) {
        return SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
    }
    size_t len = str_len(path);
    a->path.len = (uint32_t)len + 1;
    if (len + 1 > a->path.cap) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    mem_copy(a->path.base, path, len + 1);
    return SMBKIT_STATUS_SUCCESS;
}
