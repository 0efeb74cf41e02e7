/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/str.h"
#include "base/utf.h"
#include "vfs/core.h"

uint64_t file_key_hash(uint64_t seed, const struct file_key *k)
{
    struct hash_sip s;
    hash_seed_init(&s, seed);
    hash_sip_word(&s, k->domain);
    hash_sip_word(&s, k->id_high);
    return hash_sip_end(&s, k->id);
}

static uint64_t key_hash(const struct vfs_nodes *t, const struct node_key *key)
{
    uint64_t h = file_key_hash(t->seed, &key->file);
    return key->stream ? utf8_ihash(h, key->stream, str_len(key->stream)) : h;
}

static bool key_eq(const struct hash_link *link, const void *arg)
{
    const struct vfs_node *n = CONTAINER_OF(link, struct vfs_node, hash);
    const struct node_key *key = arg;
    if (!file_key_eq(&n->key, &key->file) || !n->stream != !key->stream) {
        return false;
    }
    return !n->stream || utf8_ieq(n->stream, key->stream);
}

static unsigned shard_index(uint64_t hash)
{
    return (unsigned)(hash >> 48) % NODE_SHARDS; /* the tables use the low bits */
}

struct node_shard *node_shard_of(struct vfs_nodes *t, uint64_t hash)
{
    return &t->shards[shard_index(hash)];
}

struct vfs_nodes *vfs_nodes_new(uint64_t seed, uint64_t (*clock_us)(void))
{
    struct vfs_nodes *t = mem_zalloc(sizeof(*t));
    if (!t) {
        return NULL;
    }
    refcount_init(&t->refs);
    t->seed = seed;
    t->clock_us = clock_us;
    mutex_init(&t->told_lock);
    mutex_init(&t->volumes_lock);
    list_init(&t->volumes);
    for (unsigned i = 0; i < NODE_SHARDS; i++) {
        mutex_init(&t->shards[i].lock);
        hash_table_init(&t->shards[i].nodes);
        hash_table_init(&t->shards[i].claims);
        wait_domain_init(&t->shards[i].waits);
    }
    return t;
}

struct vfs_nodes *vfs_nodes_ref(struct vfs_nodes *t)
{
    refcount_get(&t->refs);
    return t;
}

void vfs_nodes_unref(struct vfs_nodes *t)
{
    if (!t || !refcount_put(&t->refs)) {
        return;
    }
    for (unsigned i = 0; i < NODE_SHARDS; i++) {
        ASSERT(t->shards[i].nodes.count == 0 && t->shards[i].claims.count == 0);
        hash_table_fini(&t->shards[i].nodes);
        hash_table_fini(&t->shards[i].claims);
        wait_domain_fini(&t->shards[i].waits);
        mutex_fini(&t->shards[i].lock);
    }
    mutex_fini(&t->told_lock);
    mutex_fini(&t->volumes_lock);
    mem_free(t);
}

/* Lock the shard that the node is in. */
static struct node_shard *shard_lock(struct vfs_node *n)
{
    for (;;) {
        /* relaxed: looked at again under the lock, which orders it */
        unsigned i = atomic_load_explicit(&n->shard, memory_order_relaxed);
        struct node_shard *shard = &n->nodes->shards[i];
        mutex_lock(&shard->lock);
        if (atomic_load_explicit(&n->shard, memory_order_relaxed) == i) {
            return shard;
        }
        mutex_unlock(&shard->lock);
    }
}

static struct vfs_node *node_new(struct vfs_nodes *t, const struct node_key *key)
{
    struct vfs_node *n = mem_zalloc(sizeof(*n));
    char *stream = str_dup(key->stream);
    if (!n || (key->stream && !stream)) {
        mem_free(n);
        mem_free(stream);
        return NULL;
    }
    unsigned shard = shard_index(key_hash(t, key));
    n->refs = 1;
    n->nodes = t;
    n->waits = &t->shards[shard].waits;
    n->key = key->file;
    atomic_init(&n->shard, shard);
    n->stream = stream;
    list_init(&n->streams);
    list_init(&n->of_base);
    mutex_init(&n->lock);
    list_init(&n->told_link);
    list_init(&n->opens);
    list_init(&n->names);
    list_init(&n->oplock_waiters);
    list_init(&n->move_waiters);
    brlock_init(&n->locks);
    oplock_init(&n->oplock);
    return n;
}

/* A stream's node keeps its file's, which knows it. false: no memory. */
static bool node_base_get(struct vfs_node *n)
{
    const struct node_key key = {.file = n->key};
    n->base = n->stream ? node_get(n->nodes, &key) : NULL;
    if (!n->base) {
        return !n->stream;
    }
    SCOPED_LOCK(&n->base->lock);
    list_push_back(&n->base->streams, &n->of_base);
    return true;
}

static void node_base_put(struct vfs_node *n)
{
    if (n->base) {
        mutex_lock(&n->base->lock);
        list_remove(&n->of_base);
        mutex_unlock(&n->base->lock);
        node_put(n->base);
    }
}

static void node_free(struct vfs_node *n)
{
    node_base_put(n);
    ASSERT(list_is_empty(&n->opens) && list_is_empty(&n->names));
    ASSERT(ranges_is_empty(&n->lock_waiters));
    /* Nobody waits for a file that nobody has open; whoever still does asks again. */
    wait_wake_all(n->waits, &n->oplock_waiters);
    wait_wake_all(n->waits, &n->move_waiters);
    brlock_fini(&n->locks);
    mutex_fini(&n->lock);
    mem_free(n->stream);
    mem_free(n);
}

struct vfs_node *node_find(struct vfs_nodes *t, const struct node_key *key)
{
    uint64_t h = key_hash(t, key);
    struct node_shard *shard = node_shard_of(t, h);
    SCOPED_LOCK(&shard->lock);
    struct hash_link *link = hash_table_get(&shard->nodes, h, key_eq, key);
    if (!link) {
        return NULL;
    }
    struct vfs_node *n = CONTAINER_OF(link, struct vfs_node, hash);
    n->refs++;
    return n;
}

struct vfs_node *node_get(struct vfs_nodes *t, const struct node_key *key)
{
    struct vfs_node *n = node_find(t, key);
    if (n) {
        return n;
    }
    struct vfs_node *fresh = node_new(t, key);
    if (!fresh || !node_base_get(fresh)) {
        if (fresh) {
            node_free(fresh);
        }
        return NULL;
    }
    uint64_t h = key_hash(t, key);
    struct node_shard *shard = node_shard_of(t, h);
    mutex_lock(&shard->lock);
    struct hash_link *link = hash_table_get(&shard->nodes, h, key_eq, key);
    if (link) {
        n = CONTAINER_OF(link, struct vfs_node, hash);
        n->refs++;
    } else if (hash_table_add(&shard->nodes, &fresh->hash, h)) {
        n = fresh;
    }
    mutex_unlock(&shard->lock);
    if (n != fresh) {
        node_free(fresh);
    }
    return n;
}

void node_ref(struct vfs_node *n)
{
    struct node_shard *shard = shard_lock(n);
    n->refs++;
    mutex_unlock(&shard->lock);
}

void node_put(struct vfs_node *n)
{
    struct node_shard *shard = shard_lock(n);
    bool last = --n->refs == 0;
    if (last) {
        hash_table_remove(&shard->nodes, &n->hash);
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
    uint64_t h = key_hash(n->nodes, key);
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
    n->key = key->file;
    atomic_store_explicit(&n->shard, shard_index(h), memory_order_relaxed); /* see shard_lock */
}

/* Its id becomes `to` if it is `from`; true: it was. */
static bool node_rekey_from(struct vfs_node *n, const struct file_key *from,
                            const struct file_key *to)
{
    struct vfs_nodes *t = n->nodes;
    const struct node_key was = {.file = *from, .stream = n->stream};
    const struct node_key key = {.file = *to, .stream = n->stream};
    struct node_shard *new_shard = node_shard_of(t, key_hash(t, &key));
    struct node_shard *old_shard = node_shard_of(t, key_hash(t, &was));
    struct node_shard *first = MIN(old_shard, new_shard);
    struct node_shard *second = MAX(old_shard, new_shard);
    SCOPED_LOCK(&first->lock);
    if (second != first) {
        mutex_lock(&second->lock);
    }
    bool is_from = file_key_eq(&n->key, from);
    if (is_from) {
        node_move(n, old_shard, new_shard, &key);
    }
    if (second != first) {
        mutex_unlock(&second->lock);
    }
    return is_from;
}

bool node_renamed(struct vfs_node *n, const struct vfs_volume *v, const char *old_path,
                  const char *new_path)
{
    struct file_key was = {.domain = v->domain};
    struct file_key key = {.domain = v->domain};
    volume_path_id(v, old_path, &was.id, &was.id_high);
    volume_path_id(v, new_path, &key.id, &key.id_high);
    return node_rekey_from(n, &was, &key);
}

void node_rekey(struct vfs_node *n, const struct file_key *now)
{
    const struct file_key was = node_file_key(n);
    (void)node_rekey_from(n, &was, now); /* false: somebody else did it just now */
    if (n->base) {
        (void)node_rekey_from(n->base, &was, now);
    }
}

/* Under n->lock and the locks of both shards. */
static bool stream_move(struct vfs_node *n, struct node_shard *from, struct node_shard *to,
                        char **name)
{
    const struct node_key key = {.file = n->key, .stream = *name};
    uint64_t h = key_hash(n->nodes, &key);
    uint64_t old = n->hash.hash;
    struct hash_link *there = hash_table_get(&to->nodes, h, key_eq, &key);
    if (there && there != &n->hash) {
        return false;
    }
    hash_table_remove(&from->nodes, &n->hash);
    if (!hash_table_add(&to->nodes, &n->hash, h)) {
        bool back = hash_table_add(&from->nodes, &n->hash, old); /* there was room for it before */
        ASSERT(back);
        return false;
    }
    char *was = n->stream;
    n->stream = *name;
    *name = was;
    atomic_store_explicit(&n->shard, shard_index(h), memory_order_relaxed); /* see shard_lock */
    return true;
}

bool node_stream_rename(struct vfs_node *n, const char *name)
{
    CLEANUP_MEM char *copy = str_dup(name);
    SCOPED_LOCK(&n->lock); /* nobody else renames it */
    for (bool done = false; copy && !done;) {
        struct node_key key = {.file = node_file_key(n), .stream = copy};
        struct node_shard *to = node_shard_of(n->nodes, key_hash(n->nodes, &key));
        key.stream = n->stream;
        struct node_shard *from = node_shard_of(n->nodes, key_hash(n->nodes, &key));
        struct node_shard *first = MIN(from, to);
        struct node_shard *second = MAX(from, to);
        SCOPED_LOCK(&first->lock);
        if (second != first) {
            mutex_lock(&second->lock);
        }
        done = file_key_eq(&n->key, &key.file); /* else it got another id just now */
        bool moved = done && stream_move(n, from, to, &copy);
        if (second != first) {
            mutex_unlock(&second->lock);
        }
        if (done) {
            return moved;
        }
    }
    return false;
}

char *node_stream_name(struct vfs_node *n)
{
    struct node_shard *shard = shard_lock(n);
    char *name = n->stream ? str_dup(n->stream) : NULL;
    mutex_unlock(&shard->lock);
    return name;
}

bool node_is_stream(struct vfs_node *n, const char *name)
{
    struct node_shard *shard = shard_lock(n);
    bool is = n->stream && utf8_ieq(n->stream, name);
    mutex_unlock(&shard->lock);
    return is;
}

struct file_key node_file_key(struct vfs_node *n)
{
    struct node_shard *shard = shard_lock(n);
    struct file_key key = n->key;
    mutex_unlock(&shard->lock);
    return key;
}
