/* SPDX-License-Identifier: Apache-2.0 */
/* Entries, and where they stand in their folders. All under tree->lock. */
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "tree/tree_priv.h"

#define ORDER_MIN 8u
/* Of an entry that is in the tree. */
#define FLAGS_KEPT                                                                                 \
    (SMBKIT_TREE_NO_CACHE | SMBKIT_TREE_FIXED | SMBKIT_TREE_WRITABLE | SMBKIT_TREE_LIVE)

/* ---- life ---- */

struct tree_entry *entry_new(struct smbkit_tree *t, struct tree_made *made)
{
    size_t len = str_len(made->name);
    struct tree_entry *e = mem_zalloc(sizeof(*e) + len + 1);
    struct tree_dir *dir = made->is_folder && e ? mem_zalloc(sizeof(*dir)) : NULL;
    if (!e || (made->is_folder && !dir)) {
        mem_free(e);
        return NULL;
    }
    const struct smbkit_tree_entry *in = &made->in;
    e->name = (char *)(e + 1);
    mem_copy(e->name, made->name, len);
    e->refs = 1;
    e->is_folder = made->is_folder;
    e->arg = in->arg;
    e->release = in->release;
    e->flags = in->flags & FLAGS_KEPT;
    e->attributes = in->attributes & ~(uint32_t)(SMBKIT_ATTR_DIRECTORY | SMBKIT_ATTR_NORMAL);
    uint64_t now = os_time_now();
    e->create_time = in->create_time ? in->create_time : now;
    e->write_time = in->write_time ? in->write_time : e->create_time;
    e->change_time = in->change_time ? in->change_time : e->write_time;
    e->access_time = in->access_time ? in->access_time : e->write_time;
    if (made->is_folder) {
        e->attributes |= SMBKIT_ATTR_DIRECTORY;
        e->ops.folder = in->folder;
        e->in.dir = dir;
        dir->limit = in->limit;
    } else {
        e->ops.file = in->file;
        e->in.content = made->content;
        e->size = in->size;
        made->content = NULL;
    }
    if (!made->is_folder && e->in.content) {
        e->in.content->holder = e;
    }
    e->id = ++t->last_id;
    return e;
}

void entry_free(struct tree_entry *e)
{
    if (e->release) {
        e->release(e->arg);
    }
    if (entry_is_folder(e)) {
        mem_free(e->in.dir->order);
        mem_free(e->in.dir);
    }
    mem_free(e->extra);
    if (e->name != (char *)(e + 1)) {
        mem_free(e->name);
    }
    mem_free(e);
}

static void args_old_free(struct tree_entry *e, struct tree_later *later)
{
    while (e->extra && e->extra->old) {
        struct tree_arg *a = e->extra->old;
        e->extra->old = a->next;
        a->next = later->args;
        later->args = a;
    }
}

void entry_unref(struct tree_entry *e, struct tree_later *later)
{
    ASSERT(e->refs > 0);
    e->refs--;
    bool is_in_tree = e->parent || e->id == SMBKIT_TREE_ROOT;
    if (e->refs == (is_in_tree ? 1 : 0)) {
        args_old_free(e, later); /* nobody but the tree has it */
    }
    if (e->refs > 0) {
        return;
    }
    if (!entry_is_folder(e) && e->in.content) {
        struct tree_content *c = e->in.content;
        e->in.content = NULL;
        c->holder = NULL;
        content_unref_later(c, later);
    }
    e->parent = later->entries; /* it has no folder any more */
    later->entries = e;
}

struct tree_extra *entry_extra(struct tree_entry *e)
{
    if (!e->extra) {
        e->extra = mem_zalloc(sizeof(*e->extra));
    }
    return e->extra;
}

smbkit_status entry_set_arg(struct tree_entry *e, const struct smbkit_tree_entry *in,
                            struct tree_later *later)
{
    if (in->arg == e->arg) {
        e->release = in->release ? in->release : e->release;
        return SMBKIT_STATUS_SUCCESS;
    }
    if (e->release) {
        struct tree_arg *old = mem_zalloc(sizeof(*old));
        if (!old || !entry_extra(e)) {
            mem_free(old);
            return SMBKIT_STATUS_NO_MEMORY;
        }
        old->arg = e->arg;
        old->release = e->release;
        old->next = e->extra->old;
        e->extra->old = old;
    }
    e->arg = in->arg;
    e->release = in->release;
    if (e->refs == 1) {
        args_old_free(e, later);
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- finding ---- */

static bool id_eq(const struct hash_link *link, const void *key)
{
    return CONTAINER_OF(link, struct tree_entry, by_id)->id == *(const uint64_t *)key;
}

struct tree_entry *entry_by_id(const struct smbkit_tree *t, uint64_t id)
{
    struct hash_link *l = hash_table_get(&t->by_id, hash_u64(t->seed, id), id_eq, &id);
    return l ? CONTAINER_OF(l, struct tree_entry, by_id) : NULL;
}

struct name_key {
    const struct tree_entry *folder;
    const char *name;
    size_t len;
};

/* Equal without regard to case; b is terminated. */
static bool name_eq(const char *a, size_t len, const char *b)
{
    size_t i = 0;
    while (i < len && *b) {
        uint32_t x = (uint8_t)a[i];
        uint32_t y = (uint8_t)*b;
        size_t n = x < 0x80 ? 1 : utf8_decode(a + i, len - i, &x);
        size_t m = y < 0x80 ? 1 : utf8_decode(b, str_len(b), &y);
        if (n == 0 || m == 0 || (x != y && utf_upcase(x) != utf_upcase(y))) {
            return false;
        }
        i += n;
        b += m;
    }
    return i == len && *b == 0;
}

static bool key_eq(const struct hash_link *link, const void *key)
{
    const struct tree_entry *e = CONTAINER_OF(link, struct tree_entry, by_name);
    const struct name_key *k = key;
    return e->parent == k->folder && name_eq(k->name, k->len, e->name);
}

static uint64_t name_hash(const struct smbkit_tree *t, const struct name_key *k)
{
    return utf8_ihash(t->seed ^ k->folder->id * UINT64_C(0x9e3779b97f4a7c15), k->name, k->len);
}

struct tree_entry *entry_find(const struct smbkit_tree *t, const struct tree_entry *folder,
                              const char *name, size_t len)
{
    const struct name_key k = {folder, name, len};
    struct hash_link *l = hash_table_get(&t->by_name, name_hash(t, &k), key_eq, &k);
    return l ? CONTAINER_OF(l, struct tree_entry, by_name) : NULL;
}

/* ---- the order of a folder ---- */

uint32_t dir_after(const struct tree_dir *d, uint64_t cookie)
{
    uint32_t low = d->first;
    uint32_t high = d->len;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (d->order[mid].seq <= cookie) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static void dir_compact(struct tree_dir *d)
{
    uint32_t to = 0;
    for (uint32_t i = d->first; i < d->len; i++) {
        if (d->order[i].entry) {
            d->order[to++] = d->order[i];
        }
    }
    d->len = to;
    d->first = 0;
}

/* Room for one more. */
static bool dir_reserve(struct tree_dir *d)
{
    if (d->len < d->cap) {
        return true;
    }
    if (d->cap > 0 && d->live <= d->cap - d->cap / 4) {
        dir_compact(d);
        return true;
    }
    uint32_t cap = d->cap ? d->cap + d->cap / 2 : ORDER_MIN;
    struct tree_place *order = mem_realloc(d->order, (size_t)cap * sizeof(*order));
    if (!order) {
        return false;
    }
    d->order = order;
    d->cap = cap;
    return true;
}

static void dir_append(struct smbkit_tree *t, struct tree_dir *d, struct tree_entry *e)
{
    e->seq = ++t->last_seq;
    d->order[d->len++] = (struct tree_place){e->seq, e};
    d->live++;
}

static void dir_take(struct tree_dir *d, const struct tree_entry *e)
{
    uint32_t i = dir_after(d, e->seq - 1);
    ASSERT(i < d->len && d->order[i].entry == e);
    d->order[i].entry = NULL;
    d->live--;
    while (d->first < d->len && !d->order[d->first].entry) {
        d->first++;
    }
    while (d->len > d->first && !d->order[d->len - 1].entry) {
        d->len--;
    }
    if (d->live == 0) {
        mem_free(d->order);
        d->order = NULL;
        d->len = d->cap = d->first = 0;
    }
}

/* ---- in and out of the tree ---- */

static uint32_t depth_of(const struct tree_entry *e)
{
    uint32_t depth = 0;
    for (; e->parent; e = e->parent) {
        depth++;
    }
    return depth;
}

static bool name_add(struct smbkit_tree *t, struct tree_entry *folder, struct tree_entry *e)
{
    const struct name_key k = {folder, e->name, str_len(e->name)};
    return hash_table_add(&t->by_name, &e->by_name, name_hash(t, &k));
}

smbkit_status entry_link(struct smbkit_tree *t, struct tree_entry *folder, struct tree_entry *e)
{
    if (depth_of(folder) >= SMBKIT_TREE_DEPTH_MAX) {
        return SMBKIT_STATUS_NAME_TOO_LONG;
    }
    if (t->by_id.count >= t->spec.entry_max) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    if (!dir_reserve(folder->in.dir) || !name_add(t, folder, e)) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (!hash_table_add(&t->by_id, &e->by_id, hash_u64(t->seed, e->id))) {
        hash_table_remove(&t->by_name, &e->by_name);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    e->parent = folder;
    e->mark = folder->in.dir->fill_number;
    dir_append(t, folder->in.dir, e);
    return SMBKIT_STATUS_SUCCESS;
}

static void detach_one(struct smbkit_tree *t, struct tree_entry *e, struct tree_later *later)
{
    dir_take(e->parent->in.dir, e);
    hash_table_remove(&t->by_name, &e->by_name);
    hash_table_remove(&t->by_id, &e->by_id);
    e->parent = NULL;
    if (!entry_is_folder(e) && e->in.content && !list_is_empty(&e->in.content->idle)) {
        list_remove(&e->in.content->idle);
        t->idle_bytes -= content_size(e->in.content);
    }
    entry_unref(e, later);
}

/* The deepest last one first, so that no recursion is as deep as a tree may be. */
void entry_detach(struct smbkit_tree *t, struct tree_entry *e, struct tree_later *later)
{
    struct tree_entry *at = e;
    for (;;) {
        while (entry_is_folder(at) && at->in.dir->live > 0) {
            at = at->in.dir->order[at->in.dir->len - 1].entry;
        }
        struct tree_entry *above = at->parent;
        bool is_last = at == e;
        if (at != e && at->opens > 0) {
            tree_tell(t, at, SMBKIT_CHANGE_REMOVED, SMBKIT_EVENT_QUIET);
        }
        detach_one(t, at, later);
        if (is_last) {
            return;
        }
        at = above;
    }
}

bool entry_is_below(const struct tree_entry *e, const struct tree_entry *folder)
{
    while (e && e != folder) {
        e = e->parent;
    }
    return e != NULL;
}

/* Of what is below it. */
static uint32_t height_of(const struct tree_entry *top)
{
    uint32_t height = 0;
    uint32_t depth = 0;
    uint64_t after = 0;
    for (const struct tree_entry *at = top;;) {
        const struct tree_dir *d = entry_is_folder(at) ? at->in.dir : NULL;
        uint32_t i = d ? dir_after(d, after) : 0;
        while (d && i < d->len && !(d->order[i].entry && entry_is_folder(d->order[i].entry))) {
            i++;
        }
        height = MAX(height, depth + (d && d->live > 0));
        if (d && i < d->len) {
            at = d->order[i].entry;
            after = 0;
            depth++;
        } else if (at == top) {
            return height;
        } else {
            after = at->seq;
            at = at->parent;
            depth--;
        }
    }
}

smbkit_status entry_fits(const struct tree_entry *e, const struct tree_entry *folder)
{
    uint32_t depth = depth_of(folder);
    bool is_no_deeper = e->parent && depth <= depth_of(e->parent);
    bool fits = is_no_deeper || depth + 1 + height_of(e) <= SMBKIT_TREE_DEPTH_MAX;
    return fits ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NAME_TOO_LONG;
}

smbkit_status entry_move(struct smbkit_tree *t, struct tree_entry *e, struct tree_entry *folder,
                         const char *name)
{
    if (entry_is_folder(e) && entry_is_below(folder, e)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_status st = entry_fits(e, folder);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    char *own = str_dup(name);
    bool is_same = e->parent == folder;
    if (!own || (!is_same && !dir_reserve(folder->in.dir))) {
        mem_free(own);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    hash_table_remove(&t->by_name, &e->by_name);
    if (e->name != (char *)(e + 1)) {
        mem_free(e->name);
    }
    e->name = own;
    if (!is_same) {
        dir_take(e->parent->in.dir, e);
        e->parent = folder;
        dir_append(t, folder->in.dir, e);
    }
    e->mark = folder->in.dir->fill_number;
    ASSERT(name_add(t, folder, e)); /* one was taken out: the table does not grow */
    return SMBKIT_STATUS_SUCCESS;
}

void entry_attr(struct tree_entry *e, struct smbkit_attr *attr)
{
    attr->file_id = e->id;
    attr->attributes = e->attributes ? e->attributes : SMBKIT_ATTR_NORMAL;
    attr->create_time = e->create_time;
    attr->access_time = e->access_time;
    attr->write_time = e->write_time;
    attr->change_time = e->change_time;
    attr->valid |= SMBKIT_HAS_SIZE | SMBKIT_HAS_ATTRIBUTES;
    attr->size = 0;
    if (!entry_is_folder(e)) {
        bool is_held = e->in.content && !e->in.content->host_path;
        attr->size = is_held ? content_size(e->in.content) : e->size;
    }
}
