/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include "base/mem.h"

#define HASH_BUCKETS_MIN 16u

static inline uint64_t rotl(uint64_t v, unsigned n)
{
    return (v << n) | (v >> (64 - n));
}

static inline void sip_round(struct hash_sip *s)
{
    s->v[0] += s->v[1];
    s->v[2] += s->v[3];
    s->v[1] = rotl(s->v[1], 13) ^ s->v[0];
    s->v[3] = rotl(s->v[3], 16) ^ s->v[2];
    s->v[0] = rotl(s->v[0], 32) + s->v[3];
    s->v[2] += s->v[1];
    s->v[1] = rotl(s->v[1], 17) ^ s->v[2];
    s->v[3] = rotl(s->v[3], 21) ^ s->v[0];
    s->v[2] = rotl(s->v[2], 32);
}

/* The initial state is the key under "somepseudorandomlygeneratedbytes". */
void hash_sip_init(struct hash_sip *s, uint64_t k0, uint64_t k1)
{
    s->v[0] = k0 ^ 0x736f6d6570736575ull;
    s->v[1] = k1 ^ 0x646f72616e646f6dull;
    s->v[2] = k0 ^ 0x6c7967656e657261ull;
    s->v[3] = k1 ^ 0x7465646279746573ull;
}

void hash_sip_word(struct hash_sip *s, uint64_t word)
{
    s->v[3] ^= word;
    sip_round(s);
    s->v[0] ^= word;
}

uint64_t hash_sip_end(struct hash_sip *s, uint64_t last)
{
    hash_sip_word(s, last);
    s->v[2] ^= 0xff;
    for (int i = 0; i < 3; i++) {
        sip_round(s);
    }
    return s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3];
}

void hash_seed_init(struct hash_sip *s, uint64_t seed)
{
    /* One 64-bit secret serves as both halves; the odd factor keeps them apart. */
    hash_sip_init(s, seed, seed * 0x9e3779b97f4a7c15ull);
}

static uint64_t load_le(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v |= (uint64_t)p[i] << (8 * i);
    }
    return v;
}

uint64_t hash_bytes(uint64_t seed, const void *p, size_t n)
{
    struct hash_sip s;
    const uint8_t *bytes = p;
    size_t i = 0;
    hash_seed_init(&s, seed);
    for (; n - i >= 8; i += 8) {
        hash_sip_word(&s, load_le(bytes + i, 8));
    }
    uint64_t tail = n == i ? 0 : load_le(bytes + i, n - i);
    return hash_sip_end(&s, tail | ((uint64_t)n << 56));
}

uint64_t hash_u64(uint64_t seed, uint64_t v)
{
    struct hash_sip s;
    hash_seed_init(&s, seed);
    hash_sip_word(&s, v);
    return hash_sip_end(&s, (uint64_t)8 << 56);
}

void hash_table_init(struct hash_table *t)
{
    *t = (struct hash_table){0};
}

void hash_table_fini(struct hash_table *t)
{
    mem_free(t->buckets);
    hash_table_init(t);
}

static struct hash_link **bucket_get(const struct hash_table *t, uint64_t hash)
{
    return &t->buckets[hash & (t->bucket_count - 1)];
}

static void bucket_push(struct hash_table *t, struct hash_link *link)
{
    struct hash_link **bucket = bucket_get(t, link->hash);
    link->next = *bucket;
    *bucket = link;
}

/* Twice the buckets, every link moved over. */
static bool table_grow(struct hash_table *t)
{
    struct hash_table bigger = {.count = t->count};
    bigger.bucket_count = t->bucket_count ? t->bucket_count * 2 : HASH_BUCKETS_MIN;
    bigger.buckets = mem_calloc(bigger.bucket_count, sizeof(*bigger.buckets));
    if (!bigger.buckets) {
        return false;
    }
    for (size_t i = 0; i < t->bucket_count; i++) {
        struct hash_link *next;
        for (struct hash_link *l = t->buckets[i]; l; l = next) {
            next = l->next;
            bucket_push(&bigger, l);
        }
    }
    mem_free(t->buckets);
    *t = bigger;
    return true;
}

bool hash_table_add(struct hash_table *t, struct hash_link *link, uint64_t hash)
{
    if (t->count >= t->bucket_count && !table_grow(t)) {
        return false;
    }
    link->hash = hash;
    bucket_push(t, link);
    t->count++;
    return true;
}

struct hash_link *hash_table_get(const struct hash_table *t, uint64_t hash, hash_eq_fn eq,
                                 const void *key)
{
    if (t->count == 0) {
        return NULL;
    }
    struct hash_link *l = *bucket_get(t, hash);
    while (l && !(l->hash == hash && eq(l, key))) {
        l = l->next;
    }
    return l;
}

struct hash_link *hash_table_get_next(const struct hash_link *link, hash_eq_fn eq, const void *key)
{
    struct hash_link *l = link->next;
    while (l && !(l->hash == link->hash && eq(l, key))) {
        l = l->next;
    }
    return l;
}

void hash_table_remove(struct hash_table *t, struct hash_link *link)
{
    ASSERT(t->count > 0);
    struct hash_link **p = bucket_get(t, link->hash);
    while (*p && *p != link) {
        p = &(*p)->next;
    }
    ASSERT(*p == link);
    *p = link->next;
    link->next = NULL;
    t->count--;
}

struct hash_link *hash_table_next(const struct hash_table *t, const struct hash_link *prev)
{
    if (prev && prev->next) {
        return prev->next;
    }
    size_t i = prev ? (size_t)(bucket_get(t, prev->hash) - t->buckets) + 1 : 0;
    while (i < t->bucket_count && !t->buckets[i]) {
        i++;
    }
    return i < t->bucket_count ? t->buckets[i] : NULL;
}
