/* SPDX-License-Identifier: Apache-2.0 */
#include "filter_fixture.h"

#include "cache_store.h"

const struct smbkit_plugin *smbkit_static_cache(const struct smbkit_host_table *api);
const struct smbkit_plugin *smbkit_static_stats(const struct smbkit_host_table *api);

static bool start(struct fixture *f, const char *a, const char *b)
{
    const struct stack_layer layers[] = {{smbkit_static_cache(&vfs_api), {a, b}},
                                         {smbkit_static_stats(&vfs_api), {NULL}},
                                         {smbkit_static_mem(&vfs_api), {NULL}}};
    return stack_open(f, layers, 3);
}

/* Reads that came to the layer below since the last time. */
static long reads_below(struct fixture *f)
{
    const char *json = NULL;
    CHECK_INT(say(f, "stats json", &json), 0);
    const char *at = strstr(json, "\"read\":{\"calls\":");
    long n = at ? atol(at + strlen("\"read\":{\"calls\":")) : 0;
    CHECK_INT(say(f, "reset", NULL), 0);
    return n;
}

static void check_read(struct fixture *f, struct vfs_open *o, uint64_t at, const char *want)
{
    char buf[16] = "";
    CHECK_INT(read_at(f, o, at, buf, sizeof(buf)), 0);
    CHECK_STR(buf, want);
}

static void test_reads(void)
{
    struct fixture f;
    REQUIRE(start(&f, "ttl=1h", NULL));
    struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&f, o, 0, "abcdef"), 0);
    check_read(&f, o, 0, "abcdef");
    CHECK_INT(reads_below(&f), 1);
    check_read(&f, o, 0, "abcdef");
    check_read(&f, o, 4, "ef");
    CHECK_INT(reads_below(&f), 0);
    CHECK_INT(say(&f, "drop", NULL), 0);
    check_read(&f, o, 0, "abcdef");
    CHECK_INT(reads_below(&f), 1);
    must_close(&f, o);
    fixture_close(&f);
}

static void test_changes(void)
{
    struct fixture f;
    REQUIRE(start(&f, "ttl=1h", NULL));
    struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_CREATE, 0);
    struct vfs_open *other = must_open(&f, "a", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, o, 0, "abcdef"), 0);
    check_read(&f, other, 0, "abcdef");
    CHECK_INT(write_at(&f, o, 2, "XY"), 0);
    check_read(&f, other, 0, "abXYef");
    CHECK_INT(vfs_set_end_of_file(&f.call, o, 3), 0);
    check_read(&f, other, 0, "abX");
    CHECK_INT(write_at(&f, other, 3, "more"), 0);
    check_read(&f, o, 0, "abXmore");
    must_close(&f, other);
    must_close(&f, o);
    CHECK_INT(try_access(&f, "a", RW, SMBKIT_OVERWRITE), 0);
    o = must_open(&f, "a", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, o, 0, "z"), 0);
    check_read(&f, o, 0, "z");
    must_close(&f, o);
    fixture_close(&f);
}

static void test_args(void)
{
    static const struct bad_args rows[] = {
        {{NULL}, NULL},          {{"size=1M", "ttl=0", "ahead=1M"}, NULL}, {{"size=1K"}, "size"},
        {{"ahead=1G"}, "ahead"}, {{"tll=1s"}, "did you mean \"ttl\"?"},
    };
    check_args(smbkit_static_cache(&vfs_api), rows, ARRAY_LEN(rows));
}

/* ---- the store ---- */

static uint8_t data[3 * CACHE_BLOCK];
static uint8_t out[3 * CACHE_BLOCK];

static void test_bound(void)
{
    struct cache_store s;
    uint32_t done = 0;
    const struct cache_key one = {1, 2, 3};
    const struct cache_key two = {1, 2, 4};
    REQUIRE(cache_store_init(&s, 2 * CACHE_BLOCK + 1024, true));
    struct cache_node *a = cache_open(&s, &one);
    struct cache_node *b = cache_open(&s, &two);
    REQUIRE(a && b && a != b && cache_open(&s, &one) == a);
    cache_close(&s, a);
    data[CACHE_BLOCK] = 7;
    cache_put(&s, a, 0, data, 2 * CACHE_BLOCK);
    CHECK(cache_get(&s, a, &(struct cache_want){CACHE_BLOCK, 1}, out, &done) && done == 1 &&
          out[0] == 7);
    CHECK(cache_get(&s, a, &(struct cache_want){CACHE_BLOCK - 1, 2}, out, &done) && done == 2 &&
          out[1] == 7);
    CHECK(cache_get(&s, a, &(struct cache_want){0, 1}, out, &done)); /* the other is older now */
    cache_put(&s, b, 0, data, 10);
    cache_put(&s, b, CACHE_BLOCK, data, CACHE_BLOCK);
    CHECK(s.bytes <= s.max);
    CHECK(!cache_get(&s, a, &(struct cache_want){CACHE_BLOCK, 1}, out, &done));
    CHECK(cache_get(&s, b, &(struct cache_want){4, 100}, out, &done) && done == 6);
    CHECK(cache_get(&s, b, &(struct cache_want){10, 100}, out, &done) && done == 0);
    CHECK(!cache_get(&s, b, &(struct cache_want){UINT64_MAX, 2}, out, &done));
    CHECK(!cache_get(&s, b, &(struct cache_want){0, 0}, out, &done));
    cache_close(&s, a);
    cache_close(&s, b);
    cache_store_fini(&s);
}

static void test_stamps(void)
{
    struct cache_store s;
    uint32_t done = 0;
    const struct cache_key key = {1, 2, 3};
    static const struct cache_stamp others[] = {
        {2, 1, 1, 1}, {1, 2, 1, 1}, {1, 1, 2, 1}, {1, 1, 1, 2}};
    const struct cache_stamp same = {1, 1, 1, 1};
    REQUIRE(cache_store_init(&s, 1u << 20, false));
    struct cache_node *n = cache_open(&s, &key);
    REQUIRE(n);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        cache_stamp_set(&s, n, &same, 1);
        cache_put(&s, n, 0, data, 10);
        uint64_t turn = n->turn;
        cache_stamp_set(&s, n, &same, 2);
        CHECK(cache_get(&s, n, &(struct cache_want){0, 10}, out, &done) && n->turn == turn);
        cache_stamp_set(&s, n, &others[i], 3);
        CHECK(!cache_get(&s, n, &(struct cache_want){0, 10}, out, &done) && n->turn != turn);
    }
    cache_put(&s, n, 0, data, 10);
    cache_close(&s, n);
    CHECK_INT(s.count, 0);
    cache_store_fini(&s);
}

static const struct test_case cases[] = {
    {"reads", test_reads}, {"changes", test_changes}, {"arguments", test_args},
    {"bound", test_bound}, {"stamps", test_stamps},
};
TEST_MAIN(cases)
