/* SPDX-License-Identifier: Apache-2.0 */
/* Keyed hashing (SipHash-1-3) and an intrusive hash table. Not locked. */
#pragma once

#include "base/base.h"

/* seed is a secret, so that a peer cannot choose keys that collide. hash_u64(v) is hash_bytes of
 * v's eight little-endian bytes. */
uint64_t hash_bytes(uint64_t seed, const void *p, size_t n);
uint64_t hash_u64(uint64_t seed, uint64_t v);

/* The same, a word at a time: init, words, end. The last word's top byte should hold a length. */
struct hash_sip {
    uint64_t v[4];
};
void hash_sip_init(struct hash_sip *s, uint64_t k0, uint64_t k1);
void hash_seed_init(struct hash_sip *s, uint64_t seed); /* the key that hash_bytes makes of seed */
void hash_sip_word(struct hash_sip *s, uint64_t word);
NODISCARD uint64_t hash_sip_end(struct hash_sip *s, uint64_t last);

/* Embed a hash_link in the element; CONTAINER_OF gets back to it. */
struct hash_link {
    struct hash_link *next;
    uint64_t hash;
};

struct hash_table {
    struct hash_link **buckets;
    size_t bucket_count; /* power of two, 0 before the first add */
    size_t count;
};

typedef bool (*hash_eq_fn)(const struct hash_link *link, const void *key);

void hash_table_init(struct hash_table *t);
/* The elements are the caller's; frees only the buckets. */
void hash_table_fini(struct hash_table *t);
/* false: no memory, not added. */
NODISCARD bool hash_table_add(struct hash_table *t, struct hash_link *link, uint64_t hash);
struct hash_link *hash_table_get(const struct hash_table *t, uint64_t hash, hash_eq_fn eq,
                                 const void *key);
/* The one after link, which was got by the same key; NULL: that was the last. */
struct hash_link *hash_table_get_next(const struct hash_link *link, hash_eq_fn eq, const void *key);
/* link must be in t. */
void hash_table_remove(struct hash_table *t, struct hash_link *link);
/* Walk all: start with NULL; NULL at the end. The current element may be removed only after the
 * next one was fetched. */
struct hash_link *hash_table_next(const struct hash_table *t, const struct hash_link *prev);
