/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/names.h"

#include "base/mem.h"
#include "base/str.h"
#include "vfs/journal.h"
#include "vfs/path.h"

/* A stamp that the next look at the directory replaces: the core changed it, and could not look at
 * once. */
#define STAMP_ADOPT 0u

static uint64_t stamp_of(const struct smbkit_attr *a)
{
    uint64_t h = hash_u64(a->change_time, a->write_time);
    h = hash_u64(h, a->file_id);
    return h == STAMP_ADOPT ? 1 : h;
}

/* Under names_lock: the index of a directory whose stamp is now this; NULL: none or stale. */
static struct nameindex_dir *index_get_valid(struct vfs_volume *v, const char *dir, uint64_t stamp)
{
    struct nameindex_dir *d = nameindex_get(v->names, dir);
    if (!d) {
        return NULL;
    }
    if (nameindex_stamp(d) == STAMP_ADOPT) {
        nameindex_stamp_set(d, stamp);
    }
    return nameindex_stamp(d) == stamp ? d : NULL;
}

struct build {
    struct nameindex_dir *dir;
    uint64_t cookie;
    uint64_t taken; /* in this call */
    bool failed;
};

static int32_t build_entry(struct smbkit_sink *sink, const struct smbkit_entry *e)
{
    struct build *b = sink->core;
    if (e->cookie == 0 || e->cookie == b->cookie || !nameindex_add(b->dir, e->name)) {
        b->failed = true;
        return 0;
    }
    b->cookie = e->cookie;
    b->taken++;
    return 1;
}

/* Read the whole directory. */
static smbkit_status build_scan(const struct vfs_call *call, const struct door_file *f,
                                struct build *b)
{
    struct smbkit_sink sink = {.struct_size = sizeof(sink), .entry = build_entry, .core = b};
    do {
        b->taken = 0;
        smbkit_status st = door_enumerate(call, f, b->cookie, &sink);
        if (!SMBKIT_OK(st)) {
            return st;
        }
    } while (b->taken > 0 && !b->failed);
    return b->failed ? SMBKIT_STATUS_INSUFFICIENT_RESOURCES : SMBKIT_STATUS_SUCCESS;
}

static smbkit_status index_build(const struct vfs_call *call, struct vfs_volume *v, const char *dir,
                                 uint64_t stamp)
{
    const struct smbkit_create how = {.struct_size = sizeof(how),
                                      .disposition = SMBKIT_OPEN,
                                      .path = dir,
                                      .kind = SMBKIT_KIND_DIRECTORY,
                                      .access = SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES};
    struct door_file f = {.volume = v};
    struct smbkit_attr attr;
    smbkit_status st = door_create(call, &f, &how, &attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    mutex_lock(&v->names_lock);
    struct build b = {.dir = nameindex_begin(v->names, dir)};
    mutex_unlock(&v->names_lock);
    st = b.dir ? build_scan(call, &f, &b) : SMBKIT_STATUS_NO_MEMORY;
    door_close(call, &f);
    if (!b.dir) {
        return st;
    }
    SCOPED_LOCK(&v->names_lock);
    if (!SMBKIT_OK(st)) {
        nameindex_abandon(v->names, b.dir);
        return st;
    }
    /* Spoilt by too many changes meanwhile: the caller looks again, and gives up after some turns.
     */
    (void)nameindex_commit(v->names, b.dir, stamp);
    return SMBKIT_STATUS_SUCCESS;
}

#define BUILD_TRIES_MAX                                                                            \
    3 /* a directory that changes faster than it is read is searched as it was */

/* The real spelling of leaf in dir; *real_r NULL: there is none. */
static smbkit_status index_find(const struct vfs_call *call, struct vfs_volume *v, const char *dir,
                                const char *leaf, char **real_r)
{
    *real_r = NULL;
    for (unsigned i = 0;; i++) {
        struct smbkit_attr attr;
        smbkit_status st = door_lookup(call, v, dir, &attr);
        if (!SMBKIT_OK(st)) {
            return st;
        }
        uint64_t stamp = stamp_of(&attr);
        mutex_lock(&v->names_lock);
        struct nameindex_dir *d = index_get_valid(v, dir, stamp);
        if (!d && i >= BUILD_TRIES_MAX) {
            d = nameindex_get(v->names, dir);
        }
        const char *found = d ? nameindex_find(d, leaf) : NULL;
        char *real = str_dup(found);
        mutex_unlock(&v->names_lock);
        if (d || i >= BUILD_TRIES_MAX) {
            *real_r = real;
            return found && !real ? SMBKIT_STATUS_NO_MEMORY : SMBKIT_STATUS_SUCCESS;
        }
        st = index_build(call, v, dir, stamp);
        if (!SMBKIT_OK(st)) {
            return st;
        }
    }
}

static bool is_missing(smbkit_status st)
{
    return st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND || st == SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
}

/* How much of the path, in bytes, is there as it is spelled. 0: only the root is sure. */
static smbkit_status exact_prefix(const struct vfs_call *call, struct vfs_volume *v,
                                  const char *path, size_t *len_r)
{
    CLEANUP_MEM char *prefix = path_parent(path);
    if (!prefix) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    for (;;) {
        size_t len = str_len(prefix);
        struct smbkit_attr attr;
        smbkit_status st = len > 0 ? door_lookup(call, v, prefix, &attr) : SMBKIT_STATUS_SUCCESS;
        if (SMBKIT_OK(st)) {
            *len_r = len;
            return st;
        }
        if (!is_missing(st)) {
            return st;
        }
        prefix[path_parent_len(prefix)] = 0;
    }
}

/* Append the component to *real, as the volume spells it. */
static smbkit_status resolve_one(const struct vfs_call *call, struct vfs_volume *v, char **real,
                                 const char *component)
{
    CLEANUP_MEM char *spelled = NULL;
    smbkit_status st = index_find(call, v, *real, component, &spelled);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    char *longer = path_join(*real, spelled ? spelled : component);
    if (!longer) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    mem_free(*real);
    *real = longer;
    return spelled ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
}

static smbkit_status resolve_path(const struct vfs_call *call, struct vfs_volume *v,
                                  const char *path, char **real_r)
{
    *real_r = NULL;
    size_t at = 0;
    smbkit_status st = exact_prefix(call, v, path, &at);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    CLEANUP_MEM char *real = str_ndup(path, at);
    if (!real) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    while (SMBKIT_OK(st) && path[at]) {
        const char *start = path + at + (path[at] == '/' ? 1 : 0);
        size_t len = 0;
        while (start[len] && start[len] != '/') {
            len++;
        }
        CLEANUP_MEM char *component = str_ndup(start, len);
        st = component ? resolve_one(call, v, &real, component) : SMBKIT_STATUS_NO_MEMORY;
        at = (size_t)(start - path) + len;
    }
    bool was_last = !path[at];
    if (is_missing(st) && !was_last) {
        return SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
    }
    if (st == SMBKIT_STATUS_NOT_A_DIRECTORY) {
        return SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND;
    }
    if (SMBKIT_OK(st) || st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        *real_r = real;
        real = NULL;
    }
    return st;
}

smbkit_status names_resolve(const struct vfs_call *call, struct vfs_volume *v, const char *path,
                            char **real_r)
{
    const struct journal_note *before = journal_recall(call, NOTE_NAME, path);
    if (before) {
        *real_r = str_dup(before->text);
        return before->text && !*real_r ? SMBKIT_STATUS_NO_MEMORY : before->status;
    }
    const struct vfs_call apart = journal_apart(call); /* a whole directory may be read for it */
    smbkit_status st = journal_stopped(call, resolve_path(&apart, v, path, real_r));
    if (!door_stops(st)) {
        const struct journal_note note = {.status = st, .text = *real_r};
        journal_note(call, NOTE_NAME, path, &note, false);
    }
    return st;
}

void names_forget(struct vfs_volume *v, const char *path)
{
    if (!v->names) {
        return;
    }
    CLEANUP_MEM char *dir = path_parent(path);
    if (dir) {
        SCOPED_LOCK(&v->names_lock);
        nameindex_drop(v->names, dir, false);
    }
}

void names_before(const struct vfs_call *call, struct vfs_volume *v, const char *path,
                  struct names_change *c)
{
    *c = (struct names_change){0};
    if (!v->names) {
        return;
    }
    CLEANUP_MEM char *dir = path_parent(path);
    if (!dir) {
        return;
    }
    mutex_lock(&v->names_lock);
    bool is_cached = nameindex_get(v->names, dir) != NULL;
    mutex_unlock(&v->names_lock);
    struct smbkit_attr attr;
    const struct vfs_call apart = journal_apart(call);
    if (!is_cached || !SMBKIT_OK(door_lookup(&apart, v, dir, &attr))) {
        return;
    }
    SCOPED_LOCK(&v->names_lock);
    if (index_get_valid(v, dir, stamp_of(&attr))) {
        c->stamp = stamp_of(&attr);
        c->dir = dir;
        dir = NULL;
    }
}

void names_after(const struct vfs_call *call, struct vfs_volume *v, struct names_change *c,
                 enum names_what what, const char *path)
{
    if (!v->names) {
        return;
    }
    CLEANUP_MEM char *dir = path_parent(path);
    mutex_lock(&v->names_lock);
    if (dir && what == NAMES_ADDED) {
        nameindex_insert(v->names, dir, path_leaf(path));
    } else if (dir && what == NAMES_REMOVED) {
        nameindex_remove(v->names, dir, path_leaf(path));
    }
    mutex_unlock(&v->names_lock);
    if (!c->dir || what == NAMES_NOTHING) {
        mem_free(c->dir);
        return;
    }
    struct smbkit_attr attr;
    const struct vfs_call apart = journal_apart(call);
    bool looked = SMBKIT_OK(door_lookup(&apart, v, c->dir, &attr));
    mutex_lock(&v->names_lock);
    struct nameindex_dir *d = nameindex_get(v->names, c->dir);
    if (d) {
        /* Another stamp than before: a concurrent change of the core's own. Who of the two looked
         * last is not known. */
        bool alone = looked && nameindex_stamp(d) == c->stamp;
        nameindex_stamp_set(d, alone ? stamp_of(&attr) : STAMP_ADOPT);
    }
    mutex_unlock(&v->names_lock);
    mem_free(c->dir);
}

void names_moved(struct vfs_volume *v, const char *old_path)
{
    if (v->names) {
        SCOPED_LOCK(&v->names_lock);
        nameindex_drop(v->names, old_path, true);
    }
}

void names_reported(struct vfs_volume *v, uint32_t change, const char *path)
{
    if (!v->names) {
        return;
    }
    CLEANUP_MEM char *dir = path_parent(path);
    SCOPED_LOCK(&v->names_lock);
    if (change == SMBKIT_CHANGE_OVERFLOW) {
        nameindex_drop(v->names, path, true);
    } else if (dir && (change == SMBKIT_CHANGE_ADDED || change == SMBKIT_CHANGE_RENAMED_TO)) {
        nameindex_insert(v->names, dir, path_leaf(path));
    } else if (dir && (change == SMBKIT_CHANGE_REMOVED || change == SMBKIT_CHANGE_RENAMED_FROM)) {
        nameindex_remove(v->names, dir, path_leaf(path));
        nameindex_drop(v->names, path, true);
    }
}
