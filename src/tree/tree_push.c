/* SPDX-License-Identifier: Apache-2.0 */
/* What a plugin calls on its tree, from any thread. */
#include "base/mem.h"
#include "base/str.h"
#include "tree/tree_priv.h"

#define LIST_BATCH 32u

/* A folder by its id, under the lock. */
static smbkit_status folder_get(const struct smbkit_tree *t, uint64_t id, struct tree_entry **e_r)
{
    *e_r = entry_by_id(t, id);
    if (!*e_r) {
        return SMBKIT_STATUS_NOT_FOUND;
    }
    return entry_is_folder(*e_r) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NOT_A_DIRECTORY;
}

smbkit_status tree_add(struct smbkit_tree *t, smbkit_tree_id folder,
                       const struct smbkit_tree_entry *entry, smbkit_tree_id *id_r)
{
    struct tree_made made;
    struct tree_later later = {0};
    struct tree_entry *f;
    uint64_t id = SMBKIT_TREE_NONE;
    smbkit_status st = made_init(t, entry, true, &made);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    made.in.flags &= ~TREE_UNTOLD;
    tree_enter(t);
    st = folder_get(t, folder, &f);
    if (SMBKIT_OK(st)) {
        st = tree_add_locked(t, f, &made, &id, &later);
    }
    tree_leave(t, &later);
    made_fini(&made, !SMBKIT_OK(st));
    if (id_r) {
        *id_r = id;
    }
    return st;
}

smbkit_status tree_update(struct smbkit_tree *t, smbkit_tree_id id,
                          const struct smbkit_tree_entry *entry)
{
    struct tree_made made;
    struct tree_later later = {0};
    smbkit_status st = made_init(t, entry, false, &made);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    made.in.flags &= ~TREE_UNTOLD;
    tree_enter(t);
    struct tree_entry *e = entry_by_id(t, id);
    if (e) { /* what is known of it says whether it is to be a folder */
        made.is_folder |= entry_is_folder(e) && !made.content && !made.in.file;
    }
    st = e ? tree_update_locked(t, e, &made, &later) : SMBKIT_STATUS_NOT_FOUND;
    tree_leave(t, &later);
    made_fini(&made, !SMBKIT_OK(st));
    return st;
}

smbkit_status tree_remove(struct smbkit_tree *t, smbkit_tree_id id, uint32_t flags)
{
    struct tree_later later = {0};
    tree_enter(t);
    struct tree_entry *e = entry_by_id(t, id);
    smbkit_status st = e && e->parent ? SMBKIT_STATUS_SUCCESS
                       : e            ? SMBKIT_STATUS_INVALID_PARAMETER
                                      : SMBKIT_STATUS_NOT_FOUND;
    if (SMBKIT_OK(st)) {
        tree_remove_told(t, e, flags, &later);
    }
    tree_leave(t, &later);
    return st;
}

/* Under the lock. */
static void clear(struct smbkit_tree *t, struct tree_entry *f, uint32_t flags,
                  struct tree_later *later)
{
    struct tree_dir *d = f->in.dir;
    bool is_many = d->live > TREE_CLEAR_TOLD_MAX;
    if (is_many) {
        const struct smbkit_event event = {.what = SMBKIT_CHANGE_OVERFLOW,
                                           .flags =
                                               flags & SMBKIT_TREE_QUIET ? SMBKIT_EVENT_QUIET : 0};
        tree_tell_path(t, tree_path(f), NULL, &event);
    }
    while (d->live > 0) {
        struct tree_entry *e = d->order[d->len - 1].entry;
        if (is_many) {
            entry_detach(t, e, later);
        } else {
            tree_remove_told(t, e, flags, later);
        }
    }
}

smbkit_status tree_clear(struct smbkit_tree *t, smbkit_tree_id folder, uint32_t flags)
{
    struct tree_later later = {0};
    struct tree_entry *f;
    tree_enter(t);
    smbkit_status st = folder_get(t, folder, &f);
    if (SMBKIT_OK(st)) {
        clear(t, f, flags, &later);
    }
    tree_leave(t, &later);
    return st;
}

/* Under the lock; shown is the new name as clients see it. */
static smbkit_status rename_locked(struct smbkit_tree *t, struct tree_entry *e,
                                   struct tree_entry *f, const char *shown)
{
    struct tree_entry *there = entry_find(t, f, shown, str_len(shown));
    if (!e->parent) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (there && there != e) {
        return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
    }
    char *from = tree_path(e);
    char *to = tree_path_in(f, shown);
    smbkit_status st = entry_move(t, e, f, shown);
    if (!SMBKIT_OK(st) || (from && to && str_eq(from, to))) {
        mem_free(from);
        mem_free(to);
        return st;
    }
    const struct smbkit_event event = {.what = SMBKIT_CHANGE_RENAMED_FROM | tree_name_filter(e),
                                       .file_id = e->id};
    tree_tell_path(t, from, to, &event);
    return st;
}

smbkit_status tree_rename(struct smbkit_tree *t, smbkit_tree_id id, smbkit_tree_id folder,
                          const char *name)
{
    struct tree_later later = {0};
    struct tree_entry *f;
    CLEANUP_MEM char *shown = tree_name_shown(t, name);
    if (!shown) {
        return SMBKIT_STATUS_OBJECT_NAME_INVALID;
    }
    tree_enter(t);
    struct tree_entry *e = entry_by_id(t, id);
    smbkit_status st = e ? folder_get(t, folder, &f) : SMBKIT_STATUS_NOT_FOUND;
    if (SMBKIT_OK(st)) {
        st = rename_locked(t, e, f, shown);
    }
    tree_leave(t, &later);
    return st;
}

/* ---- what is known no longer holds ---- */

/* Under the lock. */
static void drop(struct smbkit_tree *t, struct tree_entry *e, struct tree_later *later)
{
    if (entry_is_folder(e)) {
        e->in.dir->is_filled = false;
        if (e->in.dir->fill) {
            e->in.dir->fill->is_stale = true;
        }
        return;
    }
    if (e->extra && e->extra->load) {
        e->extra->load->is_stale = true;
    }
    if (TREE_HAS(e->ops.file, load) && e->in.content) {
        e->size = content_size(e->in.content);
        entry_set_content(t, e, NULL, later);
    }
}

static smbkit_status drop_and_tell(struct smbkit_tree *t, smbkit_tree_id id, bool tells)
{
    struct tree_later later = {0};
    tree_enter(t);
    struct tree_entry *e = entry_by_id(t, id);
    if (e) {
        drop(t, e, &later);
    }
    if (e && tells && entry_is_folder(e)) {
        const struct smbkit_event event = {.what = SMBKIT_CHANGE_OVERFLOW};
        tree_tell_path(t, tree_path(e), NULL, &event);
    } else if (e && tells) {
        e->write_time = e->change_time = os_time_now();
        tree_tell(t, e, SMBKIT_CHANGE_MODIFIED | SMBKIT_CHANGED_SIZE | SMBKIT_CHANGED_LAST_WRITE,
                  SMBKIT_EVENT_DATA);
    }
    tree_leave(t, &later);
    return e ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NOT_FOUND;
}

smbkit_status tree_drop(struct smbkit_tree *t, smbkit_tree_id id)
{
    return drop_and_tell(t, id, false);
}

smbkit_status tree_changed(struct smbkit_tree *t, smbkit_tree_id id)
{
    return drop_and_tell(t, id, true);
}

/* ---- questions ---- */

smbkit_status tree_find(struct smbkit_tree *t, smbkit_tree_id folder, const char *name,
                        smbkit_tree_id *id_r)
{
    struct tree_entry *f;
    *id_r = SMBKIT_TREE_NONE;
    CLEANUP_MEM char *shown = tree_name_shown(t, name);
    if (!shown) {
        return SMBKIT_STATUS_NOT_FOUND;
    }
    SCOPED_LOCK(&t->lock);
    smbkit_status st = folder_get(t, folder, &f);
    struct tree_entry *e = SMBKIT_OK(st) ? entry_find(t, f, shown, str_len(shown)) : NULL;
    *id_r = e ? e->id : SMBKIT_TREE_NONE;
    return e || !SMBKIT_OK(st) ? st : SMBKIT_STATUS_NOT_FOUND;
}

smbkit_status tree_at(struct smbkit_tree *t, const char *path, smbkit_tree_id *id_r)
{
    const char *at = path;
    const char *name;
    smbkit_tree_id id = SMBKIT_TREE_ROOT;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    for (size_t n = tree_path_next(&at, &name); n > 0 && SMBKIT_OK(st);
         n = tree_path_next(&at, &name)) {
        CLEANUP_MEM char *one = str_ndup(name, n);
        st = one ? tree_find(t, id, one, &id) : SMBKIT_STATUS_NO_MEMORY;
    }
    *id_r = SMBKIT_OK(st) ? id : SMBKIT_TREE_NONE;
    return st;
}

smbkit_status tree_path_get(struct smbkit_tree *t, smbkit_tree_id id, char *buf, uint32_t size)
{
    mutex_lock(&t->lock);
    struct tree_entry *e = entry_by_id(t, id);
    CLEANUP_MEM char *shown = e ? tree_path(e) : NULL;
    mutex_unlock(&t->lock);
    CLEANUP_MEM char *path = shown ? tree_name_stored(t, shown) : NULL;
    if (!path) {
        return e ? SMBKIT_STATUS_NO_MEMORY : SMBKIT_STATUS_NOT_FOUND;
    }
    return size > 0 && str_copy(buf, size, path) ? SMBKIT_STATUS_SUCCESS
                                                 : SMBKIT_STATUS_BUFFER_TOO_SMALL;
}

static void info_fill(struct tree_entry *e, struct smbkit_tree_info *info)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    entry_attr(e, &attr);
    *info = (struct smbkit_tree_info){.struct_size = sizeof(*info),
                                      .flags = e->flags,
                                      .id = e->id,
                                      .folder = e->parent ? e->parent->id : SMBKIT_TREE_NONE,
                                      .attributes = attr.attributes,
                                      .opens = e->opens,
                                      .size = attr.size,
                                      .create_time = e->create_time,
                                      .access_time = e->access_time,
                                      .write_time = e->write_time,
                                      .change_time = e->change_time,
                                      .arg = e->arg};
    if (entry_is_folder(e)) {
        info->flags |= SMBKIT_TREE_IS_FOLDER;
        info->count = e->in.dir->live;
    }
}

smbkit_status tree_get(struct smbkit_tree *t, smbkit_tree_id id, struct smbkit_tree_info *info)
{
    struct smbkit_tree_info all;
    uint32_t size = info->struct_size;
    SCOPED_LOCK(&t->lock);
    struct tree_entry *e = entry_by_id(t, id);
    if (!e) {
        return SMBKIT_STATUS_NOT_FOUND;
    }
    info_fill(e, &all);
    mem_copy(info, &all, MIN((size_t)size, sizeof(all)));
    info->struct_size = size;
    return SMBKIT_STATUS_SUCCESS;
}

struct list_batch {
    uint32_t count;
    uint64_t cookie;
    struct smbkit_tree_info infos[LIST_BATCH];
    char *names[LIST_BATCH]; /* owned */
};

static smbkit_status batch_take(struct smbkit_tree *t, smbkit_tree_id folder, struct list_batch *b)
{
    struct tree_entry *f;
    b->count = 0;
    SCOPED_LOCK(&t->lock);
    smbkit_status st = folder_get(t, folder, &f);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    const struct tree_dir *d = f->in.dir;
    for (uint32_t i = dir_after(d, b->cookie); i < d->len && b->count < LIST_BATCH; i++) {
        struct tree_entry *e = d->order[i].entry;
        if (e) {
            info_fill(e, &b->infos[b->count]);
            b->names[b->count++] = tree_name_stored(t, e->name);
            b->cookie = e->seq;
        }
    }
    return st;
}

smbkit_status tree_list(struct smbkit_tree *t, smbkit_tree_id folder,
                        int32_t (*fn)(void *arg, const struct smbkit_tree_info *info), void *arg)
{
    struct list_batch b = {0};
    bool goes_on = true;
    smbkit_status st = batch_take(t, folder, &b);
    while (SMBKIT_OK(st) && b.count > 0 && goes_on) {
        for (uint32_t i = 0; i < b.count; i++) {
            b.infos[i].name = b.names[i];
            st = b.names[i] ? st : SMBKIT_STATUS_NO_MEMORY;
            goes_on = goes_on && SMBKIT_OK(st) && fn(arg, &b.infos[i]) != 0;
            mem_free(b.names[i]);
        }
        st = goes_on ? batch_take(t, folder, &b) : st;
    }
    return st;
}
