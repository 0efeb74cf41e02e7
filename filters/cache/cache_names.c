/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_names.h"

#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "letters.h"

#define SLOTS_MIN 256u
#define SLOTS_MAX 262144u
#define ENTRY_USUAL 512u /* bytes */

struct cache_entry {
    struct cache_entry *next;          /* in its slot */
    struct cache_entry *newer, *older; /* of all */
    uint64_t hash, bytes;
    struct cache_mark mark;
    struct cache_known known;
    enum cache_kind kind;
    uint32_t who_len;
    char key[]; /* who, then the path with its end */
};

bool cache_names_init(struct cache_names *n, uint64_t max, uint64_t ttl_ms, bool ignores_case)
{
    *n = (struct cache_names){.ttl_ms = ttl_ms, .max = max, .ignores_case = ignores_case};
    n->lists.one_max = max / 4;
    n->lists.all_max = 2 * max; /* what is kept is half of it at most */
    pthread_mutex_init(&n->lock, NULL);
    if (ttl_ms == 0) {
        return true;
    }
    uint64_t slots = max / ENTRY_USUAL;
    slots = slots < SLOTS_MIN ? SLOTS_MIN : slots;
    n->slot_count = (uint32_t)(slots > SLOTS_MAX ? SLOTS_MAX : slots);
    n->marks = calloc(CACHE_MARKS, sizeof(*n->marks));
    n->slots = calloc(n->slot_count, sizeof(struct cache_entry *));
    return n->marks && n->slots;
}

/* ---- marks ---- */

static uint64_t hash_bytes(uint64_t h, const void *data, size_t len)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++) {
        h = (h ^ p[i]) * 0x100000001b3u;
    }
    return h;
}

/* The mark of the first len bytes of a path, the same in any letters where the volume finds it so.
 */
static uint64_t *mark_at(const struct cache_names *n, const char *path, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u;
    const char *end = path + len;
    while (path < end) {
        uint32_t c = letters_next(&path);
        c = n->ignores_case ? smbkit_upcase(c) : c;
        h = hash_bytes(h, &c, sizeof(c));
    }
    return &n->marks[(h ^ h >> 32) % CACHE_MARKS];
}

static struct cache_mark mark_locked(const struct cache_names *n, const char *path)
{
    return (struct cache_mark){n->all, *mark_at(n, path, strlen(path)), cache_now_ms()};
}

static bool is_same(const struct cache_mark *a, const struct cache_mark *b)
{
    return a->all == b->all && a->path == b->path;
}

/* What was asked for at that mark. */
static bool is_good_still(const struct cache_names *n, const struct cache_mark *now,
                          const struct cache_mark *mark)
{
    return is_same(now, mark) && now->when_ms - mark->when_ms < n->ttl_ms;
}

struct cache_mark cache_names_mark(struct cache_names *n, const char *path)
{
    pthread_mutex_lock(&n->lock);
    struct cache_mark mark = mark_locked(n, path);
    pthread_mutex_unlock(&n->lock);
    return mark;
}

static void changed_locked(struct cache_names *n, const char *path, unsigned levels)
{
    size_t len = strlen(path);
    for (unsigned i = 0; i < levels; i++) {
        (*mark_at(n, path, len))++;
        if (len == 0) {
            return;
        }
        while (len > 0 && path[--len] != '/') {
        }
    }
}

void cache_names_changed(struct cache_names *n, const char *path, unsigned levels)
{
    pthread_mutex_lock(&n->lock);
    changed_locked(n, path, levels);
    pthread_mutex_unlock(&n->lock);
}

void cache_names_changed_all(struct cache_names *n)
{
    pthread_mutex_lock(&n->lock);
    n->all++;
    pthread_mutex_unlock(&n->lock);
}

/* ---- what is known ---- */

/* What tells users apart: the SID, or their names where there is none. */
struct who {
    const void *base[2];
    size_t len[2];
};

static struct who who_of(const struct smbkit_identity *i)
{
    if (i->sid_len_bytes > 0) {
        return (struct who){{i->sid, ""}, {i->sid_len_bytes, 0}};
    }
    return (struct who){{i->user, i->domain}, {strlen(i->user) + 1, strlen(i->domain) + 1}};
}

static uint64_t ask_hash(const struct who *who, const struct cache_ask *ask)
{
    uint64_t h = hash_bytes(0xcbf29ce484222325u + ask->kind, who->base[0], who->len[0]);
    h = hash_bytes(h, who->base[1], who->len[1]);
    return hash_bytes(h, ask->path, strlen(ask->path));
}

static bool is_of(const struct cache_entry *e, const struct who *who, const struct cache_ask *ask)
{
    return e->kind == ask->kind && e->who_len == who->len[0] + who->len[1] &&
           memcmp(e->key, who->base[0], who->len[0]) == 0 &&
           memcmp(e->key + who->len[0], who->base[1], who->len[1]) == 0 &&
           strcmp(e->key + e->who_len, ask->path) == 0;
}

static void order_leave(struct cache_names *n, struct cache_entry *e)
{
    *(e->newer ? &e->newer->older : &n->newest) = e->older;
    *(e->older ? &e->older->newer : &n->oldest) = e->newer;
}

static void order_enter(struct cache_names *n, struct cache_entry *e)
{
    e->newer = NULL;
    e->older = n->newest;
    *(n->newest ? &n->newest->newer : &n->oldest) = e;
    n->newest = e;
}

static void entry_free(struct cache_names *n, struct cache_entry *e)
{
    struct cache_entry **at = &n->slots[e->hash % n->slot_count];
    while (*at != e) {
        at = &(*at)->next;
    }
    *at = e->next;
    order_leave(n, e);
    n->bytes -= e->bytes;
    cache_list_unref(e->known.list);
    free(e);
}

static struct cache_entry *entry_find(const struct cache_names *n, const struct who *who,
                                      const struct cache_ask *ask, uint64_t hash)
{
    struct cache_entry *e = n->slots[hash % n->slot_count];
    while (e && (e->hash != hash || !is_of(e, who, ask))) {
        e = e->next;
    }
    return e;
}

/* One that is no good any more goes. */
static struct cache_entry *entry_good(struct cache_names *n, const struct cache_ask *ask)
{
    const struct who who = who_of(ask->who);
    struct cache_entry *e = entry_find(n, &who, ask, ask_hash(&who, ask));
    if (!e) {
        return NULL;
    }
    const struct cache_mark now = mark_locked(n, ask->path);
    if (!is_good_still(n, &now, &e->mark)) {
        entry_free(n, e);
        return NULL;
    }
    order_leave(n, e);
    order_enter(n, e);
    return e;
}

bool cache_names_get(struct cache_names *n, const struct cache_ask *ask, struct cache_known *out)
{
    pthread_mutex_lock(&n->lock);
    const struct cache_entry *e = entry_good(n, ask);
    if (e) {
        *out = e->known;
        cache_list_ref(out->list);
    }
    n->hits += e != NULL;
    n->misses += e == NULL;
    pthread_mutex_unlock(&n->lock);
    return e != NULL;
}

void cache_names_looked(struct cache_names *n, const struct cache_ask *ask,
                        const struct cache_times *times)
{
    pthread_mutex_lock(&n->lock);
    const struct who who = who_of(ask->who);
    struct cache_entry *e = entry_find(n, &who, ask, ask_hash(&who, ask));
    if (e && (e->known.times.write != times->write || e->known.times.change != times->change)) {
        entry_free(n, e);
    }
    pthread_mutex_unlock(&n->lock);
}

static struct cache_entry *entry_new(const struct cache_ask *ask, const struct cache_known *known)
{
    const struct who who = who_of(ask->who);
    size_t path_size = strlen(ask->path) + 1;
    size_t size = sizeof(struct cache_entry) + who.len[0] + who.len[1] + path_size;
    struct cache_entry *e = malloc(size);
    if (!e) {
        return NULL;
    }
    *e = (struct cache_entry){.hash = ask_hash(&who, ask),
                              .bytes = size + (known->list ? cache_list_bytes(known->list) : 0),
                              .known = *known,
                              .kind = ask->kind,
                              .who_len = (uint32_t)(who.len[0] + who.len[1])};
    memcpy(e->key, who.base[0], who.len[0]);
    memcpy(e->key + who.len[0], who.base[1], who.len[1]);
    memcpy(e->key + e->who_len, ask->path, path_size);
    cache_list_ref(e->known.list);
    return e;
}

static void entry_add(struct cache_names *n, const struct cache_ask *ask, struct cache_entry *e)
{
    const struct who who = who_of(ask->who);
    struct cache_entry *old = entry_find(n, &who, ask, e->hash);
    if (old) {
        entry_free(n, old);
    }
    while (n->oldest && n->bytes + e->bytes > n->max) {
        entry_free(n, n->oldest);
    }
    e->next = n->slots[e->hash % n->slot_count];
    n->slots[e->hash % n->slot_count] = e;
    order_enter(n, e);
    n->bytes += e->bytes;
}

void cache_names_put(struct cache_names *n, const struct cache_ask *ask,
                     const struct cache_mark *mark, const struct cache_known *known)
{
    struct cache_entry *e = entry_new(ask, known);
    if (!e) {
        return;
    }
    pthread_mutex_lock(&n->lock);
    const struct cache_mark now = mark_locked(n, ask->path);
    bool is_good = is_good_still(n, &now, mark) && e->bytes <= n->max;
    if (is_good) {
        e->mark = *mark;
        entry_add(n, ask, e);
    }
    pthread_mutex_unlock(&n->lock);
    if (!is_good) {
        cache_list_unref(e->known.list);
        free(e);
    }
}

void cache_names_drop(struct cache_names *n)
{
    pthread_mutex_lock(&n->lock);
    n->all++;
    while (n->oldest) {
        entry_free(n, n->oldest);
    }
    pthread_mutex_unlock(&n->lock);
}

void cache_names_fini(struct cache_names *n)
{
    if (n->slots) {
        cache_names_drop(n);
    }
    free(n->marks);
    free(n->slots);
    pthread_mutex_destroy(&n->lock);
}

void cache_names_count(struct cache_names *n, struct cache_names_counts *out)
{
    pthread_mutex_lock(&n->lock);
    *out = (struct cache_names_counts){n->hits, n->misses, n->bytes, atomic_load(&n->lists.all)};
    pthread_mutex_unlock(&n->lock);
}

/* ---- open files ---- */

void cache_file_begin(struct cache_names *n, struct cache_file *f, const char *path,
                      const struct cache_mark *mark)
{
    char *own = path ? strdup(path) : NULL;
    pthread_mutex_lock(&n->lock);
    if (mark->all == n->all) {
        f->path = own;
        own = NULL;
    }
    f->next = n->files;
    if (f->next) {
        f->next->prev = f;
    }
    n->files = f;
    pthread_mutex_unlock(&n->lock);
    free(own);
}

void cache_file_end(struct cache_names *n, struct cache_file *f)
{
    pthread_mutex_lock(&n->lock);
    *(f->prev ? &f->prev->next : &n->files) = f->next;
    if (f->next) {
        f->next->prev = f->prev;
    }
    pthread_mutex_unlock(&n->lock);
    cache_list_unref(f->given);
    cache_recording_free(f->recording);
    free(f->path);
}

void cache_file_changed(struct cache_names *n, struct cache_file *f, unsigned levels)
{
    pthread_mutex_lock(&n->lock);
    if (f->path) {
        changed_locked(n, f->path, levels);
    } else {
        n->all++;
    }
    f->is_changed = true;
    pthread_mutex_unlock(&n->lock);
}

bool cache_file_is_changed(struct cache_names *n, const struct cache_file *f)
{
    pthread_mutex_lock(&n->lock);
    bool is_changed = f->is_changed;
    pthread_mutex_unlock(&n->lock);
    return is_changed;
}

/* Of one whose path is not known nothing is kept: a mark that none is like. */
static struct cache_mark file_mark_locked(const struct cache_names *n, const struct cache_file *f)
{
    return f->path ? mark_locked(n, f->path) : (struct cache_mark){.all = UINT64_MAX};
}

struct cache_mark cache_file_mark(struct cache_names *n, const struct cache_file *f)
{
    pthread_mutex_lock(&n->lock);
    struct cache_mark mark = file_mark_locked(n, f);
    pthread_mutex_unlock(&n->lock);
    return mark;
}

bool cache_file_get(struct cache_names *n, struct cache_file *f, struct smbkit_attr *attr)
{
    pthread_mutex_lock(&n->lock);
    const struct cache_mark now = file_mark_locked(n, f);
    bool is_good = f->has_attr && f->path && is_good_still(n, &now, &f->mark);
    if (is_good) {
        cache_attr_copy(attr, &f->attr);
    }
    n->hits += is_good;
    n->misses += !is_good;
    pthread_mutex_unlock(&n->lock);
    return is_good;
}

void cache_file_put(struct cache_names *n, struct cache_file *f, const struct cache_mark *mark,
                    const struct smbkit_attr *attr)
{
    pthread_mutex_lock(&n->lock);
    const struct cache_mark now = file_mark_locked(n, f);
    f->has_attr = f->path && is_same(&now, mark) && cache_attr_is_kept(attr);
    if (f->has_attr) {
        f->attr = *attr;
        f->mark = *mark;
    }
    pthread_mutex_unlock(&n->lock);
}

char *cache_file_path(struct cache_names *n, const struct cache_file *f)
{
    pthread_mutex_lock(&n->lock);
    char *path = f->path ? strdup(f->path) : NULL;
    pthread_mutex_unlock(&n->lock);
    return path;
}

/* Without memory its path is not known any more. */
static void follow(struct cache_file *f, const char *rest, const char *to)
{
    size_t to_len = strlen(to);
    size_t rest_len = strlen(rest);
    char *path = malloc(to_len + rest_len + 2);
    if (path) {
        memcpy(path, to, to_len);
        path[to_len] = '/';
        memcpy(path + to_len + (rest_len > 0), rest, rest_len + 1);
    }
    free(f->path);
    f->path = path;
}

void cache_file_moved(struct cache_names *n, struct cache_file *f, const char *to)
{
    pthread_mutex_lock(&n->lock);
    char *old = f->path ? strdup(f->path) : NULL;
    for (struct cache_file *other = n->files; other; other = other->next) {
        if (!old) {
            free(other->path); /* any may be below it */
            other->path = NULL;
        }
        const char *rest = other->path ? letters_below(other->path, old, n->ignores_case) : NULL;
        if (rest) {
            follow(other, rest, to);
        }
    }
    n->all++;
    pthread_mutex_unlock(&n->lock);
    free(old);
}

/* ---- their listings ---- */

struct cache_list *cache_file_given(struct cache_names *n, struct cache_file *f,
                                    struct cache_list *list, bool is_set)
{
    pthread_mutex_lock(&n->lock);
    struct cache_list *given = f->given;
    if (is_set) {
        f->given = list;
    } else {
        cache_list_ref(given);
    }
    pthread_mutex_unlock(&n->lock);
    return given;
}

struct cache_recording *cache_file_recording_take(struct cache_names *n, struct cache_file *f,
                                                  struct cache_mark *mark_r)
{
    pthread_mutex_lock(&n->lock);
    struct cache_recording *r = f->recording;
    f->recording = NULL;
    *mark_r = f->recorded;
    pthread_mutex_unlock(&n->lock);
    return r;
}

void cache_file_recording_put(struct cache_names *n, struct cache_file *f,
                              struct cache_recording *r, const struct cache_mark *mark)
{
    pthread_mutex_lock(&n->lock);
    struct cache_recording *old = f->recording; /* of another call, at the same time */
    f->recording = r;
    f->recorded = *mark;
    pthread_mutex_unlock(&n->lock);
    cache_recording_free(old);
}

/* ---- attributes ---- */

void cache_attr_copy(struct smbkit_attr *to, const struct smbkit_attr *from)
{
    struct smbkit_attr a = *from;
    uint32_t size = to->struct_size;
    a.struct_size = size;
    a.names_told = 0;
    memcpy(to, &a, size < sizeof(a) ? size : sizeof(a));
}

bool cache_attr_is_kept(const struct smbkit_attr *a)
{
    return (a->attributes & SMBKIT_ATTR_DIRECTORY) || a->link_count <= 1;
}
