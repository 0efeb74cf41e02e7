/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/base.h"
#include "base/mem.h"
#include "vfs/nameindex.h"

static struct nameindex_dir *build(struct nameindex *ix, const char *key, const char *const *names)
{
    struct nameindex_dir *d = nameindex_begin(ix, key);
    for (; *names; names++) {
        CHECK(nameindex_add(d, *names));
    }
    return nameindex_commit(ix, d, 5);
}

static const char *find(struct nameindex *ix, const char *key, const char *name)
{
    struct nameindex_dir *d = nameindex_get(ix, key);
    return d ? nameindex_find(d, name) : "(not cached)";
}

static void test_find(void)
{
    struct nameindex *ix = nameindex_new(1000, 3);
    struct nameindex_dir *d =
        build(ix, "dir", (const char *const[]){"ReadMe", "x", "\xc3\x84pfel", "b", "B", "x", NULL});
    REQUIRE(d);
    CHECK_INT(nameindex_count(d), 5);
    CHECK_INT(nameindex_total_names(ix), 5);
    CHECK_INT(nameindex_stamp(d), 5);
    nameindex_stamp_set(d, 6);
    CHECK_INT(nameindex_stamp(nameindex_get(ix, "dir")), 6);
    CHECK_STR(find(ix, "dir", "README"), "ReadMe");
    CHECK_STR(find(ix, "dir", "\xc3\xa4PFEL"), "\xc3\x84pfel");
    CHECK_STR(find(ix, "dir", "b"), "b");
    CHECK_STR(find(ix, "dir", "B"), "B");
    CHECK_STR(find(ix, "dir", "missing"), NULL);
    CHECK_STR(find(ix, "Dir", "x"), "(not cached)");
    nameindex_insert(ix, "dir", "Ab");
    nameindex_insert(ix, "dir", "aB");
    CHECK_STR(find(ix, "dir", "AB"), "Ab");
    nameindex_remove(ix, "dir", "Ab");
    CHECK_STR(find(ix, "dir", "AB"), "aB");
    nameindex_remove(ix, "dir", "x");
    nameindex_insert(ix, "dir", "Y");
    CHECK_STR(find(ix, "dir", "x"), NULL);
    CHECK_STR(find(ix, "dir", "y"), "Y");
    nameindex_remove(ix, "dir", "README"); /* not spelled so: stays */
    CHECK_STR(find(ix, "dir", "readme"), "ReadMe");
    nameindex_insert(ix, "other", "z"); /* not cached: nothing happens */
    CHECK_STR(find(ix, "other", "z"), "(not cached)");
    REQUIRE(build(ix, "empty", (const char *const[]){NULL}));
    CHECK_STR(find(ix, "empty", "z"), NULL);
    nameindex_free(ix);
}

static void test_drop(void)
{
    static const char *const names[] = {"n", NULL};
    struct nameindex *ix = nameindex_new(1000, 3);
    build(ix, "", names);
    build(ix, "a", names);
    build(ix, "a/b", names);
    build(ix, "ab", names);
    nameindex_drop(ix, "a", false);
    CHECK_STR(find(ix, "a", "n"), "(not cached)");
    CHECK_STR(find(ix, "a/b", "n"), "n");
    build(ix, "a", names);
    nameindex_drop(ix, "a", true);
    CHECK_STR(find(ix, "a", "n"), "(not cached)");
    CHECK_STR(find(ix, "a/b", "n"), "(not cached)");
    CHECK_STR(find(ix, "ab", "n"), "n");
    nameindex_drop(ix, "", true);
    CHECK_INT(nameindex_total_names(ix), 0);
    nameindex_free(ix);
}

static void test_changes_while_building(void)
{
    struct nameindex *ix = nameindex_new(100000, 3);
    struct nameindex_dir *d = nameindex_begin(ix, "d");
    CHECK(nameindex_add(d, "stays") && nameindex_add(d, "goes"));
    nameindex_insert(ix, "d", "new");
    nameindex_remove(ix, "d", "goes");
    nameindex_insert(ix, "elsewhere", "no");
    nameindex_insert(ix, "d", "flicker");
    nameindex_remove(ix, "d", "flicker");
    CHECK(nameindex_add(d, "flicker")); /* enumerated late, though it is gone */
    REQUIRE(nameindex_commit(ix, d, 1));
    CHECK_STR(find(ix, "d", "NEW"), "new");
    CHECK_STR(find(ix, "d", "stays"), "stays");
    CHECK_STR(find(ix, "d", "goes"), NULL);
    CHECK_STR(find(ix, "d", "flicker"), NULL);
    CHECK_INT(nameindex_total_names(ix), 2);
    for (unsigned extra = 0; extra < 2; extra++) {
        d = nameindex_begin(ix, "busy");
        for (unsigned i = 0; i < NAMEINDEX_PENDING_MAX + extra; i++) {
            nameindex_insert(ix, "busy", i % 2 ? "a" : "b");
        }
        CHECK_INT(nameindex_commit(ix, d, 1) != NULL, extra == 0);
    }
    d = nameindex_begin(ix, "p/dropped");
    nameindex_drop(ix, "p", true);
    CHECK(!nameindex_commit(ix, d, 1));
    nameindex_abandon(ix, nameindex_begin(ix, "abandoned"));
    nameindex_free(ix);
}

static void test_eviction(void)
{
    static const char *const names[] = {"1", "2", "3", "4", NULL};
    struct nameindex *ix = nameindex_new(60, 3); /* three directories of 4 + 16 */
    build(ix, "a", names);
    build(ix, "b", names);
    build(ix, "c", names);
    CHECK_STR(find(ix, "a", "1"), "1"); /* now b is the oldest */
    build(ix, "d", names);
    CHECK_STR(find(ix, "b", "1"), "(not cached)");
    CHECK_STR(find(ix, "c", "1"), "1");
    CHECK_STR(find(ix, "a", "1"), "1");
    nameindex_insert(ix, "a", "5");
    CHECK_STR(find(ix, "d", "1"), "(not cached)");
    CHECK_INT(nameindex_total_names(ix), 9);
    nameindex_free(ix);
    ix = nameindex_new(3, 3);
    struct nameindex_dir *d = nameindex_begin(ix, "a");
    CHECK(nameindex_add(d, "1") && nameindex_add(d, "2") && nameindex_add(d, "3"));
    CHECK(nameindex_add(d, "3"));
    CHECK(!nameindex_add(d, "4"));
    REQUIRE(nameindex_commit(ix, d, 0));
    nameindex_insert(ix, "a", "4"); /* too large now: forgotten */
    CHECK_STR(find(ix, "a", "1"), "(not cached)");
    nameindex_free(ix);
}

/* A million names, as a directory of photographs has them. */
static void test_million(void)
{
    struct nameindex *ix = nameindex_new(NAMEINDEX_NAMES_MAX, 3);
    struct nameindex_dir *d = nameindex_begin(ix, "big");
    char name[64];
    for (unsigned i = 0; i < 1000000; i++) {
        snprintf(name, sizeof(name), "Holiday picture %07u.jpeg", i);
        REQUIRE(nameindex_add(d, name));
    }
    d = nameindex_commit(ix, d, 0);
    REQUIRE(d);
    CHECK(nameindex_total_bytes(ix) < 100u << 20);
    for (unsigned i = 0; i < 1000000; i += 997) {
        snprintf(name, sizeof(name), "HOLIDAY PICTURE %07u.JPEG", i);
        CHECK(nameindex_find(d, name) != NULL);
    }
    CHECK(!nameindex_find(d, "Holiday picture 1000000.jpeg"));
    nameindex_free(ix);
}

/* Random names of few letters against a plain list; much removal, so that tidying happens. */
static void test_random_walk(void)
{
    static char names[64][4];
    bool there[64] = {0};
    struct nameindex *ix = nameindex_new(1000, 11);
    uint64_t seed = 8;
    for (unsigned i = 0; i < 64; i++) {
        snprintf(names[i], sizeof(names[i]), "%c%c%c", "aAbB"[i % 4], "aAbB"[i / 4 % 4],
                 "aAbB"[i / 16]);
    }
    build(ix, "d", (const char *const[]){NULL});
    for (unsigned step = 0; step < 100000; step++) {
        uint64_t x = test_random(&seed);
        unsigned i = x % 64;
        if ((x >> 8) % 2) {
            nameindex_insert(ix, "d", names[i]);
        } else {
            nameindex_remove(ix, "d", names[i]);
        }
        there[i] = (x >> 8) % 2;
        const char *wanted = names[(x >> 16) % 64];
        const char *best = NULL;
        for (unsigned k = 0; k < 64; k++) {
            bool is_exact = there[k] && strcmp(names[k], wanted) == 0;
            if (is_exact ||
                (there[k] && strcasecmp(names[k], wanted) == 0 &&
                 (!best || (strcmp(best, wanted) != 0 && strcmp(names[k], best) < 0)))) {
                best = names[k];
            }
        }
        const char *got = nameindex_find(nameindex_get(ix, "d"), wanted);
        if (!got != !best || (got && strcmp(got, best) != 0)) {
            test_context("step %u, %s", step, wanted);
            CHECK_STR(got, best);
            break;
        }
    }
    CHECK(nameindex_total_bytes(ix) < 32768);
    nameindex_free(ix);
}

static void test_no_memory(void)
{
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        mem_fail_nth(n);
        struct nameindex *ix = nameindex_new(1000, 1);
        struct nameindex_dir *d = ix ? nameindex_begin(ix, "d") : NULL;
        if (d) {
            nameindex_insert(ix, "d", "pending");
            bool added = nameindex_add(d, "name");
            d = added ? nameindex_commit(ix, d, 1) : (nameindex_abandon(ix, d), NULL);
        }
        if (d) {
            nameindex_insert(ix, "d", "later");
        }
        failed = mem_fail_happened();
        mem_fail_nth(0);
        test_context("allocation %" PRIu64, n);
        /* There whole, or not at all. */
        if (ix && nameindex_get(ix, "d")) {
            CHECK_STR(find(ix, "d", "NAME"), "name");
            CHECK_STR(find(ix, "d", "pending"), "pending");
            CHECK_STR(find(ix, "d", "later"), "later");
        } else {
            CHECK(failed);
        }
        nameindex_free(ix);
        REQUIRE(n < 50);
    }
}

static const struct test_case cases[] = {
    {"find", test_find},
    {"drop", test_drop},
    {"changes while building", test_changes_while_building},
    {"eviction", test_eviction},
    {"million", test_million},
    {"random walk", test_random_walk},
    {"no memory", test_no_memory},
};
TEST_MAIN(cases)
