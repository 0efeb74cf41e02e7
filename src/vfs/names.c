/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/names.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "vfs/journal.h"
#include "vfs/listing.h"
#include "vfs/names_short.h"
#include "vfs/path.h"
#include "vfs/short_name.h"

/* How long two changes of a directory may have the same time. */
#define TICK_FINE_US 20000u     /* a kernel's tick is 10 ms at most */
#define TICK_COARSE_US 2100000u /* FAT counts in two seconds */
/* A directory of which it is not known whether it changed is read anew after this many times what
 * reading it took: a twentieth of the work at most is spent so. */
#define AGE_COSTS 20u

#define FOLLOW_TRIES_MAX 4 /* looks at a directory that others change meanwhile */

static uint64_t stamp_of(const struct smbkit_attr *a)
{
    return hash_u64(a->change_time, a->write_time);
}

/* Does the plugin tell a time that changes with the directory's names? */
static bool keeps_times(const struct smbkit_attr *a)
{
    return a->valid & (SMBKIT_HAS_WRITE_TIME | SMBKIT_HAS_CHANGE_TIME);
}

static uint64_t tick_us(const struct smbkit_attr *a)
{
    bool coarse = a->change_time % FILETIME_PER_SEC == 0 && a->write_time % FILETIME_PER_SEC == 0;
    return coarse ? TICK_COARSE_US : TICK_FINE_US;
}

static uint64_t now_us(const struct vfs_volume *v)
{
    return v->nodes->clock_us ? v->nodes->clock_us() : 0;
}

/* Has the plugin told of every name that came since the index was read? */
static bool is_told(struct nameindex_dir *d, const struct smbkit_attr *a)
{
    return a->names_told != 0 && nameindex_age(d)->told == a->names_told;
}

/* Under names_lock: does the plugin tell what comes and goes there? Then it tells a removal too, in
 * the order of things; it may be there again by now. */
static bool is_by_told(struct vfs_volume *v, const char *dir)
{
    struct nameindex_dir *d = nameindex_get(v->names, dir);
    return d && nameindex_age(d)->told != 0;
}

/* Under names_lock: the index of a directory that is now so; NULL: none or stale. */
static struct nameindex_dir *index_get_valid(struct vfs_volume *v, const char *dir,
                                             const struct smbkit_attr *a)
{
    struct nameindex_dir *d = nameindex_get(v->names, dir);
    if (!d || nameindex_age(d)->file_id != a->file_id) {
        return NULL;
    }
    return is_told(d, a) || nameindex_stamp(d) == stamp_of(a) ? d : NULL;
}

/* Under names_lock: the directory has another stamp, by the core's own doing. */
static void stamp_change(struct vfs_volume *v, struct nameindex_dir *d, uint64_t stamp)
{
    nameindex_stamp_set(d, stamp);
    nameindex_age(d)->since_us = now_us(v);
    nameindex_age(d)->is_sure = false;
}

/* Its times are what they were: is it as it was? Something may have changed that no call of the
 * core's made, within a tick or in a volume that keeps no times for directories. */
static bool is_young(const struct vfs_volume *v, struct nameindex_dir *d,
                     const struct smbkit_attr *a)
{
    const struct nameindex_age *age = nameindex_age(d);
    if (age->is_sure || is_told(d, a) || (v->features & SMBKIT_FEATURE_REPORTS)) {
        return true;
    }
    uint64_t may_be_us = MAX(keeps_times(a) ? tick_us(a) : 0, AGE_COSTS * age->cost_us);
    return now_us(v) - age->built_us < may_be_us;
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
    bool is_bad = !entry_is_whole(e) || e->cookie == b->cookie;
    /* A name that SMB cannot carry is in no listing, and is not found either. */
    if (is_bad || (path_is_name(e->name) && !nameindex_add(b->dir, e->name))) {
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
        smbkit_status st = door_enumerate(call, f, b->cookie, LISTING_ALL, &sink);
        if (!SMBKIT_OK(st)) {
            return st;
        }
    } while (b->taken > 0 && !b->failed);
    return b->failed ? SMBKIT_STATUS_INSUFFICIENT_RESOURCES : SMBKIT_STATUS_SUCCESS;
}

/* Under names_lock: put the index in that was begun at built_us. */
static void index_commit(struct vfs_volume *v, struct nameindex_dir *fresh, const char *dir,
                         const struct smbkit_attr *a, uint64_t built_us)
{
    uint64_t stamp = stamp_of(a);
    struct nameindex_dir *old = nameindex_get(v->names, dir);
    bool same = old && nameindex_age(old)->file_id == a->file_id && nameindex_stamp(old) == stamp &&
                keeps_times(a);
    struct nameindex_age age = {.file_id = a->file_id,
                                .built_us = built_us,
                                .cost_us = now_us(v) - built_us,
                                .told = a->names_told};
    age.since_us = same ? nameindex_age(old)->since_us : built_us;
    age.is_sure = same && built_us - age.since_us >= tick_us(a);
    /* NULL: spoilt by too many changes meanwhile. The caller looks again, and gives up after some
     * turns. */
    struct nameindex_dir *d = nameindex_commit(v->names, fresh, stamp);
    if (d) {
        *nameindex_age(d) = age;
    }
}

static smbkit_status index_build(const struct vfs_call *call, struct vfs_volume *v, const char *dir,
                                 const struct smbkit_attr *dir_attr)
{
    uint64_t built_us = now_us(v);
    const struct door_open how = {.path = dir,
                                  .kind = SMBKIT_KIND_DIRECTORY,
                                  .access = SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES};
    struct door_file f = {.volume = v};
    smbkit_status st = door_open(call, &f, &how, NULL);
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
    index_commit(v, b.dir, dir, dir_attr, built_us);
    return SMBKIT_STATUS_SUCCESS;
}

/* A name that is looked for. */
struct spelling {
    const char *leaf;
    char *real; /* owned; NULL: there is none */
    smbkit_status status;
};

enum index_age { INDEX_ANY, INDEX_STAMPED, INDEX_YOUNG };

/* The real spelling of leaf in dir, by an index that is at least so good; *real_r NULL: there is no
 * such name. false: no such index. */
static bool index_look(struct vfs_volume *v, const char *dir, const struct smbkit_attr *a,
                       enum index_age want, struct spelling *s)
{
    SCOPED_LOCK(&v->names_lock);
    struct nameindex_dir *d =
        want == INDEX_ANY ? nameindex_get(v->names, dir) : index_get_valid(v, dir, a);
    if (!d || (want == INDEX_YOUNG && !is_young(v, d, a))) {
        return false;
    }
    const char *found = nameindex_find(d, s->leaf);
    s->real = str_dup(found);
    s->status = found && !s->real ? SMBKIT_STATUS_NO_MEMORY : SMBKIT_STATUS_SUCCESS;
    return true;
}

#define BUILD_TRIES_MAX                                                                            \
    3 /* a directory that changes faster than it is read is searched as it was */

/* known: attributes of dir that were read just now, or NULL. */
static smbkit_status index_find(const struct vfs_call *call, struct vfs_volume *v, const char *dir,
                                const struct smbkit_attr *known, struct spelling *s)
{
    if (known && index_look(v, dir, known, INDEX_YOUNG, s)) {
        return s->status;
    }
    for (unsigned i = 0;; i++) {
        struct smbkit_attr attr;
        smbkit_status st = door_lookup(call, v, dir, 0, &attr);
        if (!SMBKIT_OK(st)) {
            return st;
        }
        /* What was built just now is the best there is. */
        enum index_age want = i == 0                ? INDEX_YOUNG
                              : i < BUILD_TRIES_MAX ? INDEX_STAMPED
                                                    : INDEX_ANY;
        if (index_look(v, dir, &attr, want, s)) {
            return s->status;
        }
        if (i == BUILD_TRIES_MAX) {
            return SMBKIT_STATUS_SUCCESS;
        }
        st = index_build(call, v, dir, &attr);
        if (!SMBKIT_OK(st)) {
            return st;
        }
    }
}

/* That there was no such name then, and none was made since, is good enough; else the index tells.
 */
static smbkit_status look_free(const struct vfs_call *call, struct vfs_volume *v, const char *dir,
                               const char *leaf, uint64_t free_as_of)
{
    if (atomic_load(&v->nodes->additions) == free_as_of) {
        return SMBKIT_STATUS_SUCCESS;
    }
    const struct vfs_call apart = journal_apart(call); /* a whole directory may be read for it */
    struct spelling s = {.leaf = leaf};
    smbkit_status st = journal_stopped(call, index_find(&apart, v, dir, NULL, &s));
    st = s.real ? SMBKIT_STATUS_OBJECT_NAME_COLLISION : st;
    mem_free(s.real);
    return st;
}

smbkit_status names_check_free(const struct vfs_call *call, struct vfs_volume *v, const char *dir,
                               const char *leaf, uint64_t free_as_of)
{
    /* A resume finds what its first run made. */
    const struct journal_note *before = journal_recall(call, NOTE_FREE, leaf);
    if (before) {
        return before->status;
    }
    smbkit_status st = look_free(call, v, dir, leaf, free_as_of);
    if (!door_stops(st)) {
        const struct journal_note note = {.status = st};
        journal_note(call, NOTE_FREE, leaf, &note, false);
    }
    return st;
}

/* How much of the path, in bytes, is there as it is spelled, and what that is. 0: only the root is
 * sure; it is not asked for. */
static smbkit_status exact_prefix(const struct vfs_call *call, struct vfs_volume *v,
                                  const char *path, size_t *len_r, struct smbkit_attr *attr)
{
    CLEANUP_MEM char *prefix = path_parent(path);
    if (!prefix) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    for (;;) {
        size_t len = str_len(prefix);
        smbkit_status st = len > 0 ? door_lookup(call, v, prefix, 0, attr) : SMBKIT_STATUS_SUCCESS;
        if (SMBKIT_OK(st)) {
            *len_r = len;
            return st;
        }
        if (!door_misses(st)) {
            return st;
        }
        prefix[path_parent_len(prefix)] = 0;
    }
}

/* On a volume that ignores case: the name is there as it is spelled, or not. */
static smbkit_status plain_find(const struct vfs_call *call, struct vfs_volume *v, const char *dir,
                                struct spelling *s)
{
    CLEANUP_MEM char *path = path_join(dir, s->leaf);
    struct smbkit_attr attr;
    smbkit_status st = path ? door_lookup(call, v, path, 0, &attr) : SMBKIT_STATUS_NO_MEMORY;
    if (st == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND) {
        return SMBKIT_STATUS_SUCCESS;
    }
    s->real = SMBKIT_OK(st) ? str_dup(s->leaf) : NULL;
    return SMBKIT_OK(st) && !s->real ? SMBKIT_STATUS_NO_MEMORY : st;
}

/* In other letters, or else by its short name. */
static smbkit_status component_find(const struct vfs_call *call, struct vfs_volume *v,
                                    const char *dir, const struct smbkit_attr *dir_attr,
                                    struct spelling *s)
{
    smbkit_status st =
        v->names ? index_find(call, v, dir, dir_attr, s) : plain_find(call, v, dir, s);
    bool is_short = !s->real && names_has_short(v) && short_name_may_be(s->leaf);
    return SMBKIT_OK(st) && is_short ? names_short_find(call, v, dir, s->leaf, &s->real) : st;
}

/* Append the component to *real, as the volume spells it. */
static smbkit_status resolve_one(const struct vfs_call *call, struct vfs_volume *v, char **real,
                                 const struct smbkit_attr *dir_attr, const char *component)
{
    struct spelling s = {.leaf = component};
    smbkit_status st = component_find(call, v, *real, dir_attr, &s);
    CLEANUP_MEM char *spelled = s.real;
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
    struct smbkit_attr attr;
    smbkit_status st = exact_prefix(call, v, path, &at, &attr);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    CLEANUP_MEM char *real = str_ndup(path, at);
    if (!real) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    const struct smbkit_attr *known = at > 0 ? &attr : NULL;
    while (SMBKIT_OK(st) && path[at]) {
        const char *start = path + at + (path[at] == '/' ? 1 : 0);
        size_t len = 0;
        while (start[len] && start[len] != '/') {
            len++;
        }
        CLEANUP_MEM char *component = str_ndup(start, len);
        st = component ? resolve_one(call, v, &real, known, component) : SMBKIT_STATUS_NO_MEMORY;
        known = NULL;
        at = (size_t)(start - path) + len;
    }
    bool was_last = !path[at];
    if (door_misses(st) && !was_last) {
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
                            char **real_r, uint64_t *as_of_r)
{
    const struct journal_note *before = journal_recall(call, NOTE_NAME, path);
    uint64_t as_of = before ? before->number : atomic_load(&v->nodes->additions);
    if (as_of_r) {
        *as_of_r = as_of;
    }
    if (before) {
        *real_r = str_dup(before->text);
        return before->text && !*real_r ? SMBKIT_STATUS_NO_MEMORY : before->status;
    }
    const struct vfs_call apart = journal_apart(call); /* a whole directory may be read for it */
    smbkit_status st = journal_stopped(call, resolve_path(&apart, v, path, real_r));
    if (!door_stops(st)) {
        const struct journal_note note = {.number = as_of, .status = st, .text = *real_r};
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

/* The index of dir is good by these attributes: *c keeps it so. */
static bool change_begin(struct vfs_volume *v, const struct smbkit_attr *a, char **dir,
                         struct names_change *c)
{
    SCOPED_LOCK(&v->names_lock);
    if (!index_get_valid(v, *dir, a)) {
        return false;
    }
    c->dir = *dir;
    *dir = NULL;
    return true;
}

void names_before(const struct vfs_call *call, struct vfs_volume *v, const char *path,
                  const struct smbkit_attr *dir_attr, struct names_change *c)
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
    bool has_stamp = nameindex_get(v->names, dir) && !is_by_told(v, dir);
    mutex_unlock(&v->names_lock);
    if (!has_stamp || (dir_attr && change_begin(v, dir_attr, &dir, c))) {
        return;
    }
    struct smbkit_attr attr;
    const struct vfs_call apart = journal_apart(call);
    if (SMBKIT_OK(door_lookup(&apart, v, dir, 0, &attr))) {
        (void)change_begin(v, &attr, &dir, c);
    }
}

/* The core has changed the directory, whose index was good, and the index with it: whatever the
 * times are now, it is good. Two that change it at once may look in another order than they set the
 * stamp: who finds that somebody was quicker looks again. */
static void stamp_follow(const struct vfs_call *call, struct vfs_volume *v, const char *dir)
{
    const struct vfs_call apart = journal_apart(call);
    for (unsigned i = 0; i < FOLLOW_TRIES_MAX; i++) {
        struct smbkit_attr attr;
        mutex_lock(&v->names_lock);
        struct nameindex_dir *d = nameindex_get(v->names, dir);
        uint64_t before = d ? nameindex_stamp(d) : 0;
        mutex_unlock(&v->names_lock);
        if (!d || !SMBKIT_OK(door_lookup(&apart, v, dir, 0, &attr))) {
            break;
        }
        SCOPED_LOCK(&v->names_lock);
        d = nameindex_get(v->names, dir);
        if (d && nameindex_stamp(d) == before) {
            stamp_change(v, d, stamp_of(&attr));
            return;
        }
    }
    SCOPED_LOCK(&v->names_lock);
    nameindex_drop(v->names, dir, false);
}

static void index_change(const struct vfs_call *call, struct vfs_volume *v, struct names_change *c,
                         enum names_what what, const char *path)
{
    /* Without memory the stamp is not kept up with either: the index is read anew. */
    CLEANUP_MEM char *own = c->dir ? NULL : path_parent(path);
    const char *dir = c->dir ? c->dir : own;
    mutex_lock(&v->names_lock);
    if (dir && what == NAMES_ADDED) {
        nameindex_insert(v->names, dir, path_leaf(path));
    } else if (dir && what == NAMES_REMOVED && !is_by_told(v, dir)) {
        nameindex_remove(v->names, dir, path_leaf(path));
    }
    mutex_unlock(&v->names_lock);
    if (c->dir && what != NAMES_NOTHING) {
        stamp_follow(call, v, c->dir);
    }
    mem_free(c->dir);
    c->dir = NULL;
}

void names_after(const struct vfs_call *call, struct vfs_volume *v, struct names_change *c,
                 enum names_what what, const char *path)
{
    if (v->names) {
        index_change(call, v, c, what, path);
    }
    /* Last: who does not see it knows the name by its index. */
    if (what == NAMES_ADDED) {
        atomic_fetch_add(&v->nodes->additions, 1);
    }
}

void names_moved(struct vfs_volume *v, const char *old_path)
{
    if (v->names) {
        SCOPED_LOCK(&v->names_lock);
        nameindex_drop(v->names, old_path, true);
    }
}

void names_told(struct vfs_volume *v, const struct smbkit_event *event)
{
    CLEANUP_MEM char *dir = v->names && event->path ? path_parent(event->path) : NULL;
    if (!dir) {
        return; /* without memory: asked for in other letters the file is not found */
    }
    SCOPED_LOCK(&v->names_lock);
    if ((event->what & 0xffu) == SMBKIT_CHANGE_ADDED) {
        nameindex_insert(v->names, dir, path_leaf(event->path));
    } else if ((event->what & 0xffu) == SMBKIT_CHANGE_REMOVED) {
        nameindex_remove(v->names, dir, path_leaf(event->path));
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
        if (!is_by_told(v, dir)) {
            nameindex_remove(v->names, dir, path_leaf(path));
        }
        nameindex_drop(v->names, path, true);
    }
}
