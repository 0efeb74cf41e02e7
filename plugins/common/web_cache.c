/* SPDX-License-Identifier: Apache-2.0 */
#include "web_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024u

struct entry {
    struct entry *chain; /* of its bucket */
    struct entry *older;
    struct entry *newer;
    struct web_block *block;
    uint64_t hash;
    uint64_t index;
    size_t cost;
    char key[];
};

struct web_cache {
    uint64_t bytes_max;   /* immutable */
    pthread_mutex_t lock; /* guards what follows */
    uint64_t bytes;
    struct entry *oldest;
    struct entry *newest;
    struct entry *buckets[BUCKETS];
};

/* ---- blocks ---- */

struct web_block *web_block_new(uint8_t *data, size_t size)
{
    struct web_block *b = malloc(sizeof(*b));
    if (!b) {
        free(data);
        return NULL;
    }
    *b = (struct web_block){1, size, data, NULL};
    return b;
}

struct web_block *web_block_take(struct web_answer *a)
{
    size_t size = a->body_len;
    uint8_t *fitting = a->body && size ? realloc(a->body, size) : NULL;
    struct web_block *b = web_block_new(fitting ? fitting : a->body, size);
    a->body = NULL;
    if (b && a->budget && a->charged >= size) {
        b->budget = web_budget_ref(a->budget);
        a->charged -= size; /* the rest goes with the answer */
    }
    return b;
}

struct web_block *web_block_ref(struct web_block *b)
{
    __atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED); /* who has one may make one */
    return b;
}

void web_block_unref(struct web_block *b)
{
    /* What others did with it is over before it is freed. */
    if (b && __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        free(b->data);
        web_budget_give(b->budget, b->budget ? b->size : 0);
        web_budget_unref(b->budget);
        free(b);
    }
}

static void block_release(void *arg)
{
    web_block_unref(arg);
}

smbkit_status web_block_give(struct web_block *b, struct smbkit_io *io, uint32_t length)
{
    return smbkit_io_give(io, b->data + io->offset, length, block_release, web_block_ref(b));
}

/* ---- the cache ---- */

/* FNV-1a */
static uint64_t hash_of(const char *key, uint64_t index)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *key; key++) {
        h = (h ^ (uint8_t)*key) * UINT64_C(0x100000001b3);
    }
    h = (h ^ index) * UINT64_C(0x100000001b3);
    return h ^ (h >> 32);
}

struct web_cache *web_cache_new(uint64_t bytes_max)
{
    struct web_cache *c = calloc(1, sizeof(*c));
    if (c) {
        c->bytes_max = bytes_max;
        pthread_mutex_init(&c->lock, NULL);
    }
    return c;
}

static void age_take(struct web_cache *c, struct entry *e)
{
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
}

static void age_put(struct web_cache *c, struct entry *e)
{
    e->older = c->newest;
    e->newer = NULL;
    *(c->newest ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

static struct entry **find(struct web_cache *c, uint64_t hash, const char *key, uint64_t index)
{
    struct entry **at = &c->buckets[hash % BUCKETS];
    while (*at && !((*at)->hash == hash && (*at)->index == index && strcmp((*at)->key, key) == 0)) {
        at = &(*at)->chain;
    }
    return at;
}

static void drop(struct web_cache *c, struct entry **at)
{
    struct entry *e = *at;
    *at = e->chain;
    age_take(c, e);
    c->bytes -= e->cost;
    web_block_unref(e->block);
    free(e);
}

void web_cache_free(struct web_cache *c)
{
    if (!c) {
        return;
    }
    while (c->oldest) {
        drop(c, find(c, c->oldest->hash, c->oldest->key, c->oldest->index));
    }
    pthread_mutex_destroy(&c->lock);
    free(c);
}

struct web_block *web_cache_get(struct web_cache *c, const char *key, uint64_t index)
{
    struct web_block *b = NULL;
    pthread_mutex_lock(&c->lock);
    struct entry *e = *find(c, hash_of(key, index), key, index);
    if (e) {
        age_take(c, e);
        age_put(c, e);
        b = web_block_ref(e->block);
    }
    pthread_mutex_unlock(&c->lock);
    return b;
}

void web_cache_put(struct web_cache *c, const char *key, uint64_t index, struct web_block *b)
{
    size_t key_len = strlen(key) + 1;
    size_t cost = sizeof(struct entry) + sizeof(*b) + key_len + b->size;
    struct entry *e = cost <= c->bytes_max ? malloc(sizeof(*e) + key_len) : NULL;
    if (!e) {
        return;
    }
    *e = (struct entry){
        .block = web_block_ref(b), .hash = hash_of(key, index), .index = index, .cost = cost};
    memcpy(e->key, key, key_len);
    pthread_mutex_lock(&c->lock);
    struct entry **old = find(c, e->hash, key, index);
    if (*old) {
        drop(c, old);
    }
    while (c->oldest && c->bytes + cost > c->bytes_max) {
        drop(c, find(c, c->oldest->hash, c->oldest->key, c->oldest->index));
    }
    e->chain = c->buckets[e->hash % BUCKETS];
    c->buckets[e->hash % BUCKETS] = e;
    age_put(c, e);
    c->bytes += cost;
    pthread_mutex_unlock(&c->lock);
}
