/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/nameindex.h"

#include "base/hash.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "vfs/path.h"
#include "vfs/stand_in.h"

#define NAME_BYTES_MAX (PATH_COMPONENT_UNITS_MAX * 3u)
#define SLOT_EMPTY 0u
#define SLOT_GONE UINT32_MAX
#define SLOTS_FIRST 16
#define ARENA_FIRST 256
#define DIR_WEIGHT                                                                                 \
    16 /* what a directory costs besides its names, in names: empty ones count too                 \
        */
#define GARBAGE_MIN 4096 /* bytes of removed names that are not worth tidying up */

/* What happened to a directory while it was built. */
struct pending {
    char *name;
    bool insert;
};

struct nameindex_dir {
    struct hash_link link;
    struct list
        lru; /* in nameindex.lru (the front is the oldest), or while building in nameindex.builds */
    char *key;
    uint64_t stamp;
    struct nameindex_age age;
    uint64_t seed;
    size_t names_max;
    /* The names, each with its NUL, one after the other. */
    char *arena;
    size_t arena_len;
    size_t arena_cap;
    size_t garbage; /* bytes of removed names */
    /* Open addressing, linear: SLOT_EMPTY, SLOT_GONE or the offset in the arena plus one. */
    uint32_t *slots;
    size_t slot_count; /* a power of two, or 0 */
    size_t count;
    size_t gone;
    /* while building; guarded by the index's lock, unlike the rest */
    struct pending *pending;
    size_t pending_count;
    size_t pending_cap;
    bool spoilt;
};

struct nameindex {
    struct hash_table dirs;
    struct list lru;
    struct list builds;
    uint64_t seed;
    size_t names_max;
    size_t weight; /* of all directories in dirs */
    size_t names;
};

/* ---- one directory ---- */

static const char *name_at(const struct nameindex_dir *d, uint32_t slot)
{
    return d->arena + (slot - 1);
}

static size_t first_slot(const struct nameindex_dir *d, const char *name, size_t len)
{
    return utf8_ihash(d->seed, name, len) & (d->slot_count - 1);
}

/* The slot of exactly this name; slot_count when it is not there. */
static size_t find_exact(const struct nameindex_dir *d, const char *name)
{
    if (d->count == 0) {
        return d->slot_count;
    }
    size_t i = first_slot(d, name, str_len(name));
    while (d->slots[i] != SLOT_EMPTY) {
        if (d->slots[i] != SLOT_GONE && str_eq(name_at(d, d->slots[i]), name)) {
            return i;
        }
        i = (i + 1) & (d->slot_count - 1);
    }
    return d->slot_count;
}

static bool is_before(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (uint8_t)*a < (uint8_t)*b;
}

static const char *find_nocase(const struct nameindex_dir *d, const char *name)
{
    const char *best = NULL;
    for (size_t i = first_slot(d, name, str_len(name)); d->slots[i] != SLOT_EMPTY;
         i = (i + 1) & (d->slot_count - 1)) {
        if (d->slots[i] == SLOT_GONE) {
            continue;
        }
        const char *s = name_at(d, d->slots[i]);
        if (str_eq(s, name)) {
            return s;
        }
        if (utf8_ieq(s, name) && (!best || is_before(s, best))) {
            best = s;
        }
    }
    return best;
}

const char *nameindex_find(const struct nameindex_dir *d, const char *name)
{
    char plain[NAME_BYTES_MAX + 1];
    const char *found = d->count > 0 ? find_nocase(d, name) : NULL;
    if (found || d->count == 0 || str_len(name) > NAME_BYTES_MAX || !stand_in_plain(name, plain)) {
        return found;
    }
    return find_nocase(d, plain); /* a plugin that names it as it is */
}

static void put_slot(struct nameindex_dir *d, const char *name, size_t len, uint32_t offset)
{
    size_t i = first_slot(d, name, len);
    while (d->slots[i] != SLOT_EMPTY) {
        i = (i + 1) & (d->slot_count - 1);
    }
    d->slots[i] = offset + 1;
}

/* New slots, without the gone ones. The names stay where they are. */
static bool rebuild_slots(struct nameindex_dir *d, size_t slot_count)
{
    uint32_t *old = d->slots;
    size_t old_count = d->slot_count;
    uint32_t *slots = mem_calloc(slot_count, sizeof(*slots));
    if (!slots) {
        return false;
    }
    d->slots = slots;
    d->slot_count = slot_count;
    d->gone = 0;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i] != SLOT_EMPTY && old[i] != SLOT_GONE) {
            const char *name = name_at(d, old[i]);
            put_slot(d, name, str_len(name), old[i] - 1);
        }
    }
    mem_free(old);
    return true;
}

/* Room for one more slot, at most two thirds in use so that probing stays short. */
static bool reserve_slot(struct nameindex_dir *d)
{
    if ((d->count + d->gone + 1) * 3 <= d->slot_count * 2) {
        return true;
    }
    size_t slot_count = MAX(d->slot_count, (size_t)SLOTS_FIRST);
    while ((d->count + 1) * 2 > slot_count) {
        slot_count *= 2;
    }
    return rebuild_slots(d, slot_count);
}

static bool reserve_bytes(struct nameindex_dir *d, size_t n)
{
    if (n <= d->arena_cap - d->arena_len) {
        return true;
    }
    if (n > NAMEINDEX_ARENA_MAX - d->arena_len) {
        return false;
    }
    size_t cap = MAX(d->arena_cap + d->arena_cap / 2, d->arena_len + n);
    cap = MIN(MAX(cap, (size_t)ARENA_FIRST), (size_t)NAMEINDEX_ARENA_MAX);
    char *arena = mem_realloc(d->arena, cap);
    if (!arena) {
        return false;
    }
    d->arena = arena;
    d->arena_cap = cap;
    return true;
}

static bool dir_insert(struct nameindex_dir *d, const char *name)
{
    size_t len = str_len(name);
    if (find_exact(d, name) != d->slot_count) {
        return true;
    }
    if (d->count >= d->names_max || !reserve_slot(d) || !reserve_bytes(d, len + 1)) {
        return false;
    }
    mem_copy(d->arena + d->arena_len, name, len + 1);
    put_slot(d, name, len, (uint32_t)d->arena_len);
    d->arena_len += len + 1;
    d->count++;
    return true;
}

/* Names and slots anew, without what was removed. Without memory all stays as it is: it is right,
 * only large. */
static void tidy(struct nameindex_dir *d)
{
    struct nameindex_dir fresh = {.seed = d->seed, .names_max = d->names_max};
    bool ok = reserve_bytes(&fresh, d->arena_len - d->garbage + 1);
    for (size_t i = 0; ok && i < d->slot_count; i++) {
        if (d->slots[i] != SLOT_EMPTY && d->slots[i] != SLOT_GONE) {
            ok = dir_insert(&fresh, name_at(d, d->slots[i]));
        }
    }
    struct nameindex_dir *loser = ok ? d : &fresh;
    mem_free(loser->arena);
    mem_free(loser->slots);
    if (ok) {
        d->arena = fresh.arena;
        d->arena_len = fresh.arena_len;
        d->arena_cap = fresh.arena_cap;
        d->slots = fresh.slots;
        d->slot_count = fresh.slot_count;
        d->gone = 0;
        d->garbage = 0;
    }
}

static void dir_remove(struct nameindex_dir *d, const char *name)
{
    size_t i = find_exact(d, name);
    if (i == d->slot_count) {
        return;
    }
    d->garbage += str_len(name) + 1;
    d->slots[i] = SLOT_GONE;
    d->gone++;
    d->count--;
    if (d->garbage > GARBAGE_MIN && d->garbage > d->arena_len / 2) {
        tidy(d);
    }
}

static void dir_free(struct nameindex_dir *d)
{
    for (size_t i = 0; i < d->pending_count; i++) {
        mem_free(d->pending[i].name);
    }
    mem_free(d->pending);
    mem_free(d->arena);
    mem_free(d->slots);
    mem_free(d->key);
    mem_free(d);
}

/* ---- the index ---- */

static bool key_eq(const struct hash_link *link, const void *key)
{
    return str_eq(CONTAINER_OF(link, struct nameindex_dir, link)->key, key);
}

static uint64_t key_hash(const struct nameindex *ix, const char *key)
{
    return hash_bytes(ix->seed, key, str_len(key));
}

static struct nameindex_dir *lookup(const struct nameindex *ix, const char *key)
{
    struct hash_link *l = hash_table_get(&ix->dirs, key_hash(ix, key), key_eq, key);
    return l ? CONTAINER_OF(l, struct nameindex_dir, link) : NULL;
}

struct nameindex *nameindex_new(size_t max_names, uint64_t seed)
{
    struct nameindex *ix = mem_zalloc(sizeof(*ix));
    if (!ix) {
        return NULL;
    }
    hash_table_init(&ix->dirs);
    list_init(&ix->lru);
    list_init(&ix->builds);
    ix->seed = seed;
    ix->names_max = max_names;
    return ix;
}

static size_t weight_of(const struct nameindex_dir *d)
{
    return d->count + DIR_WEIGHT;
}

static void take_out(struct nameindex *ix, struct nameindex_dir *d)
{
    hash_table_remove(&ix->dirs, &d->link);
    list_remove(&d->lru);
    ix->weight -= weight_of(d);
    ix->names -= d->count;
    dir_free(d);
}

void nameindex_free(struct nameindex *ix)
{
    if (!ix) {
        return;
    }
    ASSERT(list_is_empty(&ix->builds));
    while (!list_is_empty(&ix->lru)) {
        take_out(ix, LIST_ENTRY(ix->lru.next, struct nameindex_dir, lru));
    }
    hash_table_fini(&ix->dirs);
    mem_free(ix);
}

/* Make room, the oldest first, but keep this one. */
static void evict(struct nameindex *ix, const struct nameindex_dir *keep)
{
    while (ix->weight > ix->names_max) {
        struct nameindex_dir *d = LIST_ENTRY(ix->lru.next, struct nameindex_dir, lru);
        if (d == keep) {
            return; /* the newest, so the only one left */
        }
        take_out(ix, d);
    }
}

static void use(struct nameindex *ix, struct nameindex_dir *d)
{
    list_remove(&d->lru);
    list_push_back(&ix->lru, &d->lru);
}

struct nameindex_dir *nameindex_get(struct nameindex *ix, const char *key)
{
    struct nameindex_dir *d = lookup(ix, key);
    if (d) {
        use(ix, d);
    }
    return d;
}

uint64_t nameindex_stamp(const struct nameindex_dir *d)
{
    return d->stamp;
}

void nameindex_stamp_set(struct nameindex_dir *d, uint64_t stamp)
{
    d->stamp = stamp;
}

struct nameindex_age *nameindex_age(struct nameindex_dir *d)
{
    return &d->age;
}

size_t nameindex_count(const struct nameindex_dir *d)
{
    return d->count;
}

/* ---- building ---- */

struct nameindex_dir *nameindex_begin(struct nameindex *ix, const char *key)
{
    struct nameindex_dir *d = mem_zalloc(sizeof(*d));
    char *copy = str_dup(key);
    if (!d || !copy) {
        mem_free(d);
        mem_free(copy);
        return NULL;
    }
    d->key = copy;
    d->seed = ix->seed;
    d->names_max = ix->names_max;
    list_push_back(&ix->builds, &d->lru);
    return d;
}

bool nameindex_add(struct nameindex_dir *d, const char *name)
{
    return dir_insert(d, name);
}

void nameindex_abandon(struct nameindex *ix, struct nameindex_dir *d)
{
    (void)ix;
    list_remove(&d->lru);
    dir_free(d);
}

static bool apply_pending(struct nameindex_dir *d)
{
    for (size_t i = 0; i < d->pending_count; i++) {
        struct pending *p = &d->pending[i];
        if (!p->insert) {
            dir_remove(d, p->name);
        } else if (!dir_insert(d, p->name)) {
            return false;
        }
    }
    for (size_t i = 0; i < d->pending_count; i++) {
        mem_free(d->pending[i].name);
    }
    mem_free(d->pending);
    d->pending = NULL;
    d->pending_count = 0;
    return true;
}

/* A growing arena has room to spare that a finished one does not need. */
static void trim_arena(struct nameindex_dir *d)
{
    char *arena = d->arena_len ? mem_realloc(d->arena, d->arena_len) : NULL;
    if (arena) {
        d->arena = arena;
        d->arena_cap = d->arena_len;
    }
}

struct nameindex_dir *nameindex_commit(struct nameindex *ix, struct nameindex_dir *d,
                                       uint64_t stamp)
{
    struct nameindex_dir *old = lookup(ix, d->key);
    if (old) {
        take_out(ix, old);
    }
    if (d->spoilt || !apply_pending(d) ||
        !hash_table_add(&ix->dirs, &d->link, key_hash(ix, d->key))) {
        nameindex_abandon(ix, d);
        return NULL;
    }
    trim_arena(d);
    d->stamp = stamp;
    ix->weight += weight_of(d);
    ix->names += d->count;
    use(ix, d);
    evict(ix, d);
    return d;
}

/* ---- changes ---- */

static bool remember(struct nameindex_dir *d, const char *name, bool insert)
{
    if (d->pending_count == NAMEINDEX_PENDING_MAX) {
        return false;
    }
    if (d->pending_count == d->pending_cap) {
        size_t cap = d->pending_cap ? d->pending_cap * 2 : 8;
        struct pending *p = mem_realloc(d->pending, cap * sizeof(*p));
        if (!p) {
            return false;
        }
        d->pending = p;
        d->pending_cap = cap;
    }
    char *copy = str_dup(name);
    if (!copy) {
        return false;
    }
    d->pending[d->pending_count++] = (struct pending){.name = copy, .insert = insert};
    return true;
}

static void tell_builds(struct nameindex *ix, const char *key, const char *name, bool insert)
{
    LIST_FOR_EACH (l, &ix->builds) {
        struct nameindex_dir *d = LIST_ENTRY(l, struct nameindex_dir, lru);
        if (!d->spoilt && str_eq(d->key, key) && !remember(d, name, insert)) {
            d->spoilt = true;
        }
    }
}

void nameindex_insert(struct nameindex *ix, const char *key, const char *name)
{
    struct nameindex_dir *d = lookup(ix, key);
    tell_builds(ix, key, name, true);
    if (!d) {
        return;
    }
    size_t before = d->count;
    if (!dir_insert(d, name)) {
        take_out(ix, d);
        return;
    }
    ix->weight += d->count - before;
    ix->names += d->count - before;
    use(ix, d);
    evict(ix, d);
}

void nameindex_remove(struct nameindex *ix, const char *key, const char *name)
{
    struct nameindex_dir *d = lookup(ix, key);
    tell_builds(ix, key, name, false);
    if (!d) {
        return;
    }
    size_t before = d->count;
    dir_remove(d, name);
    ix->weight -= before - d->count;
    ix->names -= before - d->count;
}

static bool is_meant(const struct nameindex_dir *d, const char *key, bool below)
{
    return str_eq(d->key, key) || (below && path_is_below(key, d->key));
}

void nameindex_drop(struct nameindex *ix, const char *key, bool below)
{
    LIST_FOR_EACH (l, &ix->builds) {
        struct nameindex_dir *d = LIST_ENTRY(l, struct nameindex_dir, lru);
        d->spoilt |= is_meant(d, key, below);
    }
    if (!below) {
        struct nameindex_dir *d = lookup(ix, key);
        if (d) {
            take_out(ix, d);
        }
        return;
    }
    LIST_FOR_EACH_SAFE (l, &ix->lru) {
        struct nameindex_dir *d = LIST_ENTRY(l, struct nameindex_dir, lru);
        if (is_meant(d, key, true)) {
            take_out(ix, d);
        }
    }
}

size_t nameindex_total_names(const struct nameindex *ix)
{
    return ix->names;
}

size_t nameindex_total_bytes(const struct nameindex *ix)
{
    size_t total = sizeof(*ix) + ix->dirs.bucket_count * sizeof(void *);
    LIST_FOR_EACH (l, &ix->lru) {
        const struct nameindex_dir *d = LIST_ENTRY(l, struct nameindex_dir, lru);
        total +=
            sizeof(*d) + str_len(d->key) + 1 + d->arena_cap + d->slot_count * sizeof(d->slots[0]);
    }
    return total;
}
