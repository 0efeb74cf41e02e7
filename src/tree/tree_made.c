/* SPDX-License-Identifier: Apache-2.0 */
/* Entries that are added and changed: by the plugin, and by what clients make. */
#include "base/mem.h"
#include "base/str.h"
#include "tree/tree_priv.h"

/* ---- what was given ---- */

static smbkit_status content_make(struct smbkit_tree *t, struct tree_made *made)
{
    const struct smbkit_tree_entry *in = &made->in;
    bool is_called = TREE_HAS(in->file, load) || TREE_HAS(in->file, read);
    if (in->host_path) {
        bool may = (t->spec.flags & SMBKIT_TREE_HOST_FILES) && !in->data && !is_called;
        made->content = may ? content_host(t, in->host_path) : NULL;
        return made->content ? SMBKIT_STATUS_SUCCESS
               : may         ? SMBKIT_STATUS_NO_MEMORY
                             : SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!in->data) {
        bool is_known = in->size == 0 || is_called || TREE_HAS(in->file, stat);
        return is_known ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (is_called || in->size > SMBKIT_TREE_FILE_MAX) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    bool is_lent = in->flags & SMBKIT_TREE_LENT;
    struct tree_bytes *b =
        is_lent ? bytes_lent(in->data, in->size, NULL, NULL) : bytes_copy(in->data, in->size);
    if (b) {
        b->is_lent = is_lent;
        made->content = content_new(t, &b);
    }
    bytes_unref(b);
    return made->content ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
}

smbkit_status made_init(struct smbkit_tree *t, const struct smbkit_tree_entry *in, bool has_name,
                        struct tree_made *made)
{
    *made = (struct tree_made){0};
    mem_copy(&made->in, in, MIN((size_t)in->struct_size, sizeof(made->in)));
    made->is_folder = made->in.folder || (made->in.flags & SMBKIT_TREE_IS_FOLDER);
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (has_name) {
        made->name = tree_name_shown(t, made->in.name);
        st = made->name ? st : SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    if (made->is_folder && (made->in.data || made->in.file || made->in.host_path)) {
        st = SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (SMBKIT_OK(st) && !made->is_folder) {
        st = content_make(t, made);
    }
    if (!SMBKIT_OK(st)) {
        made_fini(made, true);
    }
    return st;
}

void made_fini(struct tree_made *made, bool failed)
{
    mem_free(made->name);
    content_unref(made->content);
    if (failed && made->in.release) {
        made->in.release(made->in.arg);
    }
    made->in.release = NULL;
}

/* ---- a change ---- */

enum { CHANGED_DATA = 1, CHANGED_META = 2 };

static bool same_content(struct tree_content *a, struct tree_content *b)
{
    if (!a || !b) {
        return (!a || (!a->host_path && content_size(a) == 0)) &&
               (!b || (!b->host_path && content_size(b) == 0));
    }
    if (a->host_path || b->host_path) {
        return a->host_path && b->host_path && str_eq(a->host_path, b->host_path);
    }
    /* b is of this thread alone */
    return content_is(a, b->bytes ? b->bytes->data : NULL, b->size);
}

/* A loaded content is only what load gave before. */
static unsigned forget_loaded(struct smbkit_tree *t, struct tree_entry *e,
                              const struct smbkit_tree_entry *in, bool is_sure,
                              struct tree_later *later)
{
    bool differs = in->file != e->ops.file || (in->size && in->size != e->size) ||
                   (in->write_time && in->write_time != e->write_time);
    if (!is_sure && !differs) {
        return 0;
    }
    if (e->extra && e->extra->load) {
        e->extra->load->is_stale = true;
    }
    if (e->in.content) {
        entry_set_content(t, e, NULL, later);
    }
    e->size = in->size ? in->size : e->size;
    return CHANGED_DATA;
}

static unsigned apply_content(struct smbkit_tree *t, struct tree_entry *e, struct tree_made *made,
                              bool is_sure, struct tree_later *later)
{
    const struct smbkit_tree_entry *in = &made->in;
    if (TREE_HAS(in->file, load) || TREE_HAS(in->file, read)) {
        return forget_loaded(t, e, in, is_sure, later);
    }
    bool is_same = same_content(e->in.content, made->content);
    if (!is_same || (made->content && made->content->bytes && made->content->bytes->is_lent)) {
        entry_set_content(t, e, made->content, later); /* what was lent before may go */
        made->content = NULL;
    }
    e->size = in->size;
    return is_same ? 0 : CHANGED_DATA;
}

static unsigned apply_attributes(struct tree_entry *e, const struct smbkit_tree_entry *in,
                                 unsigned changed)
{
    uint32_t keeps = SMBKIT_ATTR_DIRECTORY;
    uint32_t attributes =
        (in->attributes & ~(keeps | SMBKIT_ATTR_NORMAL)) | (e->attributes & keeps);
    bool differs = attributes != e->attributes ||
                   (in->create_time && in->create_time != e->create_time) ||
                   (in->write_time && in->write_time != e->write_time);
    bool has_times = in->create_time | in->access_time | in->write_time | in->change_time;
    uint64_t now = has_times || !(changed & CHANGED_DATA) ? 0 : os_time_now();
    e->attributes = attributes;
    e->create_time = in->create_time ? in->create_time : e->create_time;
    e->access_time = in->access_time ? in->access_time : e->access_time;
    e->write_time = in->write_time ? in->write_time : now ? now : e->write_time;
    e->change_time = in->change_time ? in->change_time : now ? now : e->change_time;
    return changed | (differs ? CHANGED_META : 0);
}

static void tell_changed(struct smbkit_tree *t, struct tree_entry *e, unsigned changed,
                         uint32_t flags)
{
    uint32_t what = changed & CHANGED_DATA ? SMBKIT_CHANGED_SIZE | SMBKIT_CHANGED_LAST_WRITE : 0;
    what |= changed & CHANGED_META ? SMBKIT_CHANGED_ATTRIBUTES | SMBKIT_CHANGED_LAST_WRITE : 0;
    uint32_t how = changed & CHANGED_DATA ? SMBKIT_EVENT_DATA : SMBKIT_EVENT_METADATA;
    how |= flags & SMBKIT_TREE_QUIET ? SMBKIT_EVENT_QUIET : 0;
    if (changed && !(flags & TREE_UNTOLD)) {
        tree_tell(t, e, SMBKIT_CHANGE_MODIFIED | what, how);
    }
}

/* The entry becomes what was given. is_sure: it is another, even if that does not show. */
static smbkit_status apply(struct smbkit_tree *t, struct tree_entry *e, struct tree_made *made,
                           bool is_sure, struct tree_later *later)
{
    const uint32_t kept =
        SMBKIT_TREE_NO_CACHE | SMBKIT_TREE_FIXED | SMBKIT_TREE_WRITABLE | SMBKIT_TREE_LIVE;
    if (made->is_folder != entry_is_folder(e)) {
        return made->is_folder ? SMBKIT_STATUS_NOT_A_DIRECTORY : SMBKIT_STATUS_FILE_IS_A_DIRECTORY;
    }
    smbkit_status st = entry_set_arg(e, &made->in, later);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    made->in.release = NULL; /* the entry's now */
    unsigned changed = 0;
    e->flags = made->in.flags & kept;
    if (made->is_folder) {
        e->ops.folder = made->in.folder;
        e->in.dir->limit = made->in.limit;
    } else {
        changed = apply_content(t, e, made, is_sure, later);
        e->ops.file = made->in.file;
        entry_idle_update(t, e, later);
    }
    changed = apply_attributes(e, &made->in, changed);
    tell_changed(t, e, changed, made->in.flags);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status tree_update_locked(struct smbkit_tree *t, struct tree_entry *e,
                                 struct tree_made *made, struct tree_later *later)
{
    return apply(t, e, made, true, later);
}

/* ---- a new one ---- */

/* Is the folder being filled for the first time? Then nobody has seen it yet. */
static bool is_unseen(const struct tree_entry *folder)
{
    return folder->in.dir->fill && folder->in.dir->fill->is_first;
}

void tree_remove_told(struct smbkit_tree *t, struct tree_entry *e, uint32_t flags,
                      struct tree_later *later)
{
    if (e->parent && !is_unseen(e->parent)) {
        tree_tell(t, e, SMBKIT_CHANGE_REMOVED, flags & SMBKIT_TREE_QUIET ? SMBKIT_EVENT_QUIET : 0);
    }
    if (e->extra && e->extra->load) {
        e->extra->load->is_stale = true;
    }
    entry_detach(t, e, later);
}

static smbkit_status add_new(struct smbkit_tree *t, struct tree_entry *folder,
                             struct tree_made *made, uint64_t *id_r, struct tree_later *later)
{
    struct tree_dir *d = folder->in.dir;
    struct tree_entry *e = entry_new(t, made);
    if (!e) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    smbkit_status st = entry_link(t, folder, e);
    if (!SMBKIT_OK(st)) {
        e->release = NULL; /* made's still */
        entry_unref(e, later);
        return st;
    }
    made->in.release = NULL;
    *id_r = e->id;
    while (d->limit != 0 && d->live > d->limit) {
        tree_remove_told(t, d->order[d->first].entry, 0, later);
    }
    if (!is_unseen(folder) && !(made->in.flags & TREE_UNTOLD)) {
        tree_tell(t, e, SMBKIT_CHANGE_ADDED,
                  made->in.flags & SMBKIT_TREE_QUIET ? SMBKIT_EVENT_QUIET : 0);
    }
    return st;
}

/* There is one of that name. */
static smbkit_status add_again(struct smbkit_tree *t, struct tree_entry *e, struct tree_made *made,
                               struct tree_later *later)
{
    const struct tree_dir *d = e->parent->in.dir;
    bool is_refill = d->fill && e->mark < d->fill_number;
    bool replaces = made->in.flags & SMBKIT_TREE_REPLACE;
    if (!is_refill && !replaces && !(made->in.flags & SMBKIT_TREE_NEWER)) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    e->mark = d->fill_number;
    bool stays = !is_refill && !replaces && made->in.write_time <= e->write_time;
    if (!stays) {
        return apply(t, e, made, false, later);
    }
    if (made->in.release && made->in.arg != e->arg) {
        struct tree_arg *a = mem_zalloc(sizeof(*a));
        if (!a) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
        *a = (struct tree_arg){later->args, made->in.release, made->in.arg};
        later->args = a;
    }
    made->in.release = NULL;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status tree_add_locked(struct smbkit_tree *t, struct tree_entry *folder,
                              struct tree_made *made, uint64_t *id_r, struct tree_later *later)
{
    struct tree_entry *e = entry_find(t, folder, made->name, str_len(made->name));
    if (e && entry_is_folder(e) != made->is_folder && folder->in.dir->fill &&
        e->mark < folder->in.dir->fill_number) {
        tree_remove_told(t, e, 0, later); /* a file was filled in before, and it is a folder now */
        e = NULL;
    }
    if (!e) {
        return add_new(t, folder, made, id_r, later);
    }
    *id_r = e->id;
    return add_again(t, e, made, later);
}
