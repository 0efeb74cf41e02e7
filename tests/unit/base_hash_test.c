/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include "base/mem.h"
#include "test.h"

/* SipHash-1-3 with key 0 of the bytes 0, 1, 2, ...: what CPython 3.11, an implementation of its
 * own, gives as hash(bytes(range(n))) under PYTHONHASHSEED=0. */
static void reference_vectors(void)
{
    static const struct {
        size_t len;
        uint64_t want;
    } cases[] = {
        {1, 0x68a914128e01e473},  {2, 0x010bac45c41e3669},  {7, 0x2f098ab0c751325a},
        {8, 0xead411e67ebe2eea},  {9, 0x75927f9d95124362},  {15, 0xf30eb725bb91c9ea},
        {16, 0x8972188433a5c5b7}, {17, 0x4883c49a2c009c1d}, {31, 0x169739443111d49b},
    };
    uint8_t bytes[32];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_context("%zu bytes", cases[i].len);
        CHECK_INT(hash_bytes(0, bytes, cases[i].len), cases[i].want);
    }
}

static void keyed(void)
{
    uint8_t le[8] = {8, 7, 6, 5, 4, 3, 2, 1};
    CHECK_INT(hash_u64(99, 0x0102030405060708), hash_bytes(99, le, 8));
    CHECK(hash_u64(1, 5) != hash_u64(2, 5));
    CHECK(hash_bytes(1, "a", 1) != hash_bytes(2, "a", 1));
    CHECK(hash_bytes(1, "a", 1) != hash_bytes(1, "a\0", 2));
    CHECK_INT(hash_bytes(1, NULL, 0), hash_bytes(1, "", 0));
}

#define KEYS 2000u

struct element {
    uint64_t key;
    struct hash_link link;
    bool present; /* the model */
    bool seen;
};

static struct element elements[KEYS];

static struct element *element_of(struct hash_link *l)
{
    return CONTAINER_OF(l, struct element, link);
}

static bool key_eq(const struct hash_link *l, const void *key)
{
    return CONTAINER_OF(l, struct element, link)->key == *(const uint64_t *)key;
}

/* A poor hash on purpose: only 64 values, so that chains and equal hashes occur. */
static uint64_t poor_hash(uint64_t key)
{
    return hash_u64(7, key % 64);
}

/* All that have one poor hash. */
static bool class_eq(const struct hash_link *l, const void *key)
{
    return CONTAINER_OF(l, struct element, link)->key % 64 == *(const uint64_t *)key;
}

static void check_classes(const struct hash_table *t)
{
    for (uint64_t c = 0; c < 64; c++) {
        size_t want = 0;
        for (uint64_t k = c; k < KEYS; k += 64) {
            want += elements[k].present;
        }
        struct hash_link *l = hash_table_get(t, poor_hash(c), class_eq, &c);
        for (; l; l = hash_table_get_next(l, class_eq, &c)) {
            CHECK(element_of(l)->present && element_of(l)->key % 64 == c);
            want--;
        }
        CHECK_INT(want, 0);
    }
}

static uint64_t good_hash(uint64_t key)
{
    return hash_u64(7, key);
}

static void check_against_model(const struct hash_table *t, uint64_t (*hash)(uint64_t))
{
    size_t want = 0;
    size_t walked = 0;
    for (uint64_t k = 0; k < KEYS; k++) {
        struct hash_link *l = hash_table_get(t, hash(k), key_eq, &k);
        elements[k].seen = false;
        want += elements[k].present;
        CHECK_INT(l != NULL, elements[k].present);
        CHECK(!l || element_of(l) == &elements[k]);
    }
    for (struct hash_link *l = hash_table_next(t, NULL); l; l = hash_table_next(t, l)) {
        CHECK(element_of(l)->present && !element_of(l)->seen);
        element_of(l)->seen = true;
        walked++;
    }
    CHECK_INT(walked, want);
    CHECK_INT(t->count, want);
    CHECK(t->count <= t->bucket_count);
    if (hash == poor_hash) {
        check_classes(t);
    }
}

static void random_walk_with(uint64_t (*hash)(uint64_t), uint64_t seed)
{
    struct hash_table t;
    hash_table_init(&t);
    for (uint64_t k = 0; k < KEYS; k++) {
        elements[k] = (struct element){.key = k};
    }
    check_against_model(&t, hash);
    for (int step = 0; step < 20000; step++) {
        struct element *e = &elements[test_random(&seed) % KEYS];
        if (e->present) {
            hash_table_remove(&t, &e->link);
        } else {
            REQUIRE(hash_table_add(&t, &e->link, hash(e->key)));
        }
        e->present = !e->present;
        if (step % 500 == 0) {
            test_context("step %d", step);
            check_against_model(&t, hash);
        }
    }
    /* Take out everything while walking: fetch the next one first. */
    struct hash_link *next;
    for (struct hash_link *l = hash_table_next(&t, NULL); l; l = next) {
        next = hash_table_next(&t, l);
        hash_table_remove(&t, l);
        element_of(l)->present = false;
    }
    check_against_model(&t, hash);
    hash_table_fini(&t);
    CHECK(t.buckets == NULL && t.count == 0);
}

static void random_walk(void)
{
    random_walk_with(good_hash, 1);
    random_walk_with(poor_hash, 2);
}

/* Growing fails at each growth in turn: the element is not in, all others are, a retry works. */
static void no_memory(void)
{
    struct hash_table t;
    hash_table_init(&t);
    for (uint64_t k = 0; k < KEYS; k++) {
        elements[k] = (struct element){.key = k};
        mem_fail_nth(1);
        bool added = hash_table_add(&t, &elements[k].link, good_hash(k));
        CHECK_INT(added, !mem_fail_happened());
        if (!added) {
            CHECK_INT(t.count, k);
            CHECK(hash_table_get(&t, good_hash(k), key_eq, &k) == NULL);
            REQUIRE(hash_table_add(&t, &elements[k].link, good_hash(k)));
        }
        elements[k].present = true;
    }
    mem_fail_nth(0);
    check_against_model(&t, good_hash);
    hash_table_fini(&t);
}

static const struct test_case cases[] = {
    {"reference_vectors", reference_vectors},
    {"keyed", keyed},
    {"random_walk", random_walk},
    {"no_memory", no_memory},
};
TEST_MAIN(cases)
