/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "vfs/core.h"
#include "vfs/path.h"

static uint64_t key_hash(const struct vfs_volume *v, const struct node_key *key)
{
    uint64_t h = hash_u64(v->hash_seed ^ key->id_high, key->id);
    return key->stream ? utf8_ihash(h, key->stream, str_len(key->stream)) : h;
}

static bool key_eq(const struct hash_link *link, const void *arg)
{
    const struct vfs_node *n = CONTAINER_OF(link, struct vfs_node, hash);
    const struct node_key *key = arg;
    if (n->id != key->id || n->id_high != key->id_high || !n->stream != !key->stream) {
        return false;
    }
    return !n->stream || utf8_ieq(n->stream, key->stream);
}

static unsigned shard_index(uint64_t hash)
{
    return (unsigned)(hash >> 48) % NODE_SHARDS; /* the table uses the low bits */
}

static struct node_shard *shard_of(struct vfs_volume *v, uint64_t hash)
{
    return &v->shards[shard_index(hash)];
}

/* Lock the shard that the node is in. */
static struct node_shard *shard_lock(struct vfs_node *n)
{
    for (;;) {
        /* relaxed: looked at again under the lock, which orders it */
        unsigned i = atomic_load_explicit(&n->shard, memory_order_relaxed);
        struct node_shard *shard = &n->volume->shards[i];
        mutex_lock(&shard->lock);
        if (atomic_load_explicit(&n->shard, memory_order_relaxed) == i) {
            return shard;
        }
        mutex_unlock(&shard->lock);
    }
}

static struct vfs_node *node_new(struct vfs_volume *v, const struct node_key *key)
{
    struct vfs_node *n = mem_zalloc(sizeof(*n));
    char *stream = str_dup(key->stream);
    if (!n || (key->stream && !stream)) {
        mem_free(n);
        mem_free(stream);
        return NULL;
    }
    n->refs = 1;
    n->volume = v;
    n->id = key->id;
    n->id_high = key->id_high;
    atomic_init(&n->shard, shard_index(key_hash(v, key)));
    n->stream = stream;
    mutex_init(&n->lock);
    list_init(&n->opens);
    list_init(&n->names);
    list_init(&n->oplock_waiters);
    list_init(&n->lock_waiters);
    brlock_init(&n->locks);
    oplock_init(&n->oplock);
    return n;
}

static void node_free(struct vfs_node *n)
{
    ASSERT(list_is_empty(&n->opens) && list_is_empty(&n->names));
    /* Nobody waits for a file that nobody has open; whoever still does asks again. */
    wait_wake_all(&n->volume->waits, &n->oplock_waiters);
    wait_wake_all(&n->volume->waits, &n->lock_waiters);
    brlock_fini(&n->locks);
    mutex_fini(&n->lock);
    mem_free(n->stream);
    mem_free(n);
}

struct vfs_node *node_find(struct vfs_volume *v, const struct node_key *key)
{
    uint64_t h = key_hash(v, key);
    struct node_shard *shard = shard_of(v, h);
    SCOPED_LOCK(&shard->lock);
    struct hash_link *link = hash_table_get(&shard->nodes, h, key_eq, key);
    if (!link) {
        return NULL;
    }
    struct vfs_node *n = CONTAINER_OF(link, struct vfs_node, hash);
    n->refs++;
    return n;
}

struct vfs_node *node_get(struct vfs_volume *v, const struct node_key *key)
{
    struct vfs_node *n = node_find(v, key);
    if (n) {
        return n;
    }
    struct vfs_node *fresh = node_new(v, key);
    if (!fresh) {
        return NULL;
    }
    uint64_t h = key_hash(v, key);
    struct node_shard *shard = shard_of(v, h);
    mutex_lock(&shard->lock);
    struct hash_link *link = hash_table_get(&shard->nodes, h, key_eq, key);
    if (link) {
        n = CONTAINER_OF(link, struct vfs_node, hash);
        n->refs++;
    } else if (hash_table_add(&shard->nodes, &fresh->hash, h)) {
        n = fresh;
        atomic_fetch_add_explicit(&v->nodes_now, 1, memory_order_relaxed); /* a statistic */
    }
    mutex_unlock(&shard->lock);
    if (n != fresh) {
        node_free(fresh);
    }
    return n;
}

void node_put(struct vfs_node *n)
{
    struct vfs_volume *v = n->volume;
    struct node_shard *shard = shard_lock(n);
    bool last = --n->refs == 0;
    if (last) {
        hash_table_remove(&shard->nodes, &n->hash);
        atomic_fetch_sub_explicit(&v->nodes_now, 1, memory_order_relaxed); /* a statistic */
    }
    mutex_unlock(&shard->lock);
    if (last) {
        node_free(n);
    }
}

/* Under both shards' locks. */
static void node_move(struct vfs_node *n, struct node_shard *from, struct node_shard *to,
                      const struct node_key *key)
{
    uint64_t h = key_hash(n->volume, key);
    if (hash_table_get(&to->nodes, h, key_eq, key)) {
        return; /* somebody opened the new path already: he has the name, this node keeps its old
                   one */
    }
    uint64_t old = n->hash.hash;
    hash_table_remove(&from->nodes, &n->hash);
    if (!hash_table_add(&to->nodes, &n->hash, h)) {
        /* There was room for it before. */
        bool back = hash_table_add(&from->nodes, &n->hash, old);
        ASSERT(back);
        return;
    }
    n->id = key->id;
    n->id_high = key->id_high;
    atomic_store_explicit(&n->shard, shard_index(h), memory_order_relaxed); /* see shard_lock */
}

void node_renamed(struct vfs_node *n, const char *old_path, const char *new_path)
{
    struct vfs_volume *v = n->volume;
    struct node_key was = {.stream = n->stream};
    struct node_key key = {.stream = n->stream};
    volume_path_id(v, old_path, &was.id, &was.id_high);
    volume_path_id(v, new_path, &key.id, &key.id_high);
    struct node_shard *to = shard_of(v, key_hash(v, &key));
    struct node_shard *from = shard_of(v, key_hash(v, &was));
    struct node_shard *first = MIN(from, to);
    struct node_shard *second = MAX(from, to);
    SCOPED_LOCK(&first->lock);
    if (second != first) {
        mutex_lock(&second->lock);
    }
    if (n->id == was.id && n->id_high == was.id_high) {
        node_move(n, from, to, &key);
    }
    if (second != first) {
        mutex_unlock(&second->lock);
    }
}

void node_id_get(struct vfs_node *n, uint64_t *id, uint64_t *id_high)
{
    struct node_shard *shard = shard_lock(n);
    *id = n->id;
    *id_high = n->id_high;
    mutex_unlock(&shard->lock);
}

struct node_name *node_name_find(struct vfs_node *n, const char *path)
{
    LIST_FOR_EACH (l, &n->names) {
        struct node_name *name = LIST_ENTRY(l, struct node_name, link);
        /* Without regard to case: no two files' names differ by that only. */
        if (utf8_ieq(name->path, path)) {
            return name;
        }
    }
    return NULL;
}

/* Calls fn for every node, under its lock, until it answers false. */
static bool node_each(struct vfs_volume *v, bool (*fn)(struct vfs_node *n, void *arg), void *arg)
{
    for (unsigned i = 0; i < NODE_SHARDS; i++) {
        struct node_shard *shard = &v->shards[i];
        SCOPED_LOCK(&shard->lock);
        struct hash_link *link = hash_table_next(&shard->nodes, NULL);
        for (; link; link = hash_table_next(&shard->nodes, link)) {
            struct vfs_node *n = CONTAINER_OF(link, struct vfs_node, hash);
            SCOPED_LOCK(&n->lock);
            if (!fn(n, arg)) {
                return false;
            }
        }
    }
    return true;
}

struct move {
    const char *old_path;
    const char *new_path;
};

static bool names_move(struct vfs_node *n, void *arg)
{
    const struct move *m = arg;
    LIST_FOR_EACH (l, &n->names) {
        struct node_name *name = LIST_ENTRY(l, struct node_name, link);
        if (path_is_below(m->old_path, name->path)) {
            char *moved = path_rebase(name->path, m->old_path, m->new_path);
            if (!moved) {
                return false;
            }
            mem_free(name->path);
            name->path = moved;
        }
    }
    return true;
}

bool node_names_moved(struct vfs_volume *v, const char *old_path, const char *new_path)
{
    struct move m = {.old_path = old_path, .new_path = new_path};
    return node_each(v, names_move, &m);
}

struct path_search {
    const char *path;
    struct vfs_node *found;
};

static bool is_not_named(struct vfs_node *n, void *arg)
{
    struct path_search *s = arg;
    if (!node_name_find(n, s->path) || n->stream) {
        return true;
    }
    n->refs++; /* the walk holds the shard's lock */
    s->found = n;
    return false;
}

static bool is_not_below(struct vfs_node *n, void *arg)
{
    struct path_search *s = arg;
    LIST_FOR_EACH (l, &n->names) {
        if (path_is_below_nocase(s->path, LIST_ENTRY(l, struct node_name, link)->path)) {
            n->refs++; /* as above */
            s->found = n;
            return false;
        }
    }
    return true;
}

struct vfs_node *node_find_below(struct vfs_volume *v, const char *path)
{
    struct path_search s = {.path = path};
    (void)node_each(v, is_not_below, &s);
    return s.found;
}

struct vfs_node *node_find_by_path(struct vfs_volume *v, const char *path)
{
    struct path_search s = {.path = path};
    (void)node_each(v, is_not_named, &s);
    return s.found;
}
