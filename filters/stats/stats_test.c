/* SPDX-License-Identifier: Apache-2.0 */
#include "filter_fixture.h"

#include "stats_count.h"

const struct smbkit_plugin *smbkit_static_stats(const struct smbkit_host_table *api);
const struct smbkit_plugin *smbkit_static_error(const struct smbkit_host_table *api);

static void test_steps(void)
{
    static const struct {
        uint64_t ns;
        unsigned step;
    } rows[] = {
        {0, 0},    {255, 0},  {256, 1}, {319, 1}, {320, 2}, {447, 3},
        {448, 4},  {511, 4},  {512, 5}, {639, 5}, {640, 6}, {UINT64_MAX, STATS_STEPS - 1},
        {1023, 8}, {1024, 9},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("%llu ns", (unsigned long long)rows[i].ns);
        CHECK_INT(stats_step(rows[i].ns), rows[i].step);
    }
    for (unsigned k = 0; k + 1 < STATS_STEPS; k++) { /* each ends where the next begins */
        test_context("step %u", k);
        CHECK_INT(stats_step(stats_step_end(k)), k);
        CHECK_INT(stats_step(stats_step_end(k) + 1), k + 1);
    }
    CHECK(stats_step_end(STATS_STEPS - 1) == UINT64_MAX);
}

static void test_percentiles(void)
{
    static struct stats_counter c;
    struct stats_sum m;
    stats_sum(&c, &m);
    CHECK_INT(stats_percentile(&m, 50), 0);
    for (int i = 0; i < 98; i++) {
        stats_note(stats_shard_get(&c), STATS_GOOD, 1000, 10);
    }
    stats_note(stats_shard_get(&c), STATS_MISSED, 1000000, 0);
    stats_note(stats_shard_get(&c), STATS_FAILED, 100000000, 0);
    stats_sum(&c, &m);
    CHECK_INT(m.timed, 100);
    CHECK_INT(m.bytes, 980);
    CHECK_INT(m.ends[STATS_MISSED], 1);
    CHECK_INT(m.ends[STATS_FAILED], 1);
    CHECK_INT(stats_percentile(&m, 50), 1023);
    CHECK_INT(stats_percentile(&m, 98), 1023);
    CHECK_INT(stats_step(stats_percentile(&m, 99)), stats_step(1000000));
    CHECK_INT(stats_step(stats_percentile(&m, 100)), stats_step(100000000));
    stats_reset(&c);
    stats_sum(&c, &m);
    CHECK_INT(m.timed + m.bytes + m.ns + m.ends[STATS_GOOD], 0);
}

static void *note_often(void *arg)
{
    for (int i = 0; i < 10000; i++) {
        stats_note(stats_shard_get(arg), STATS_GOOD, 300, 1);
    }
    return NULL;
}

static void test_threads(void)
{
    static struct stats_counter c;
    struct stats_sum m;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, note_often, &c) == 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    stats_sum(&c, &m);
    CHECK_INT(m.ends[STATS_GOOD], 40000);
    CHECK_INT(m.bytes, 40000);
}

/* The number behind "key": after where the object of the operation begins. */
static long number(const char *json, const char *op, const char *key)
{
    char word[64];
    snprintf(word, sizeof(word), "\"%s\":{", op);
    const char *at = strstr(json, word);
    snprintf(word, sizeof(word), "\"%s\":", key);
    at = at ? strstr(at, word) : NULL;
    return at ? atol(at + strlen(word)) : -1;
}

static void test_filter(void)
{
    char buf[8];
    const char *json = NULL;
    struct fixture f;
    const struct stack_layer layers[] = {
        {smbkit_static_stats(&vfs_api), {NULL}},
        {smbkit_static_error(&vfs_api), {"op=write", "nth=3", "status=DISK_FULL"}},
        {smbkit_static_mem(&vfs_api), {NULL}}};
    REQUIRE(stack_open(&f, layers, 3));
    CHECK(f.v->never_blocks); /* it only looks */
    CHECK_INT(say(&f, "reset", NULL), 0);
    struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&f, o, 0, "abc"), 0);
    CHECK_INT(write_at(&f, o, 3, "defg"), 0);
    CHECK_INT(write_at(&f, o, 7, "x"), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(read_at(&f, o, 0, buf, sizeof(buf)), 0);
    must_close(&f, o);
    CHECK_INT(try_access(&f, "b", RW, SMBKIT_OPEN), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(say(&f, "stats json", &json), 0);
    CHECK_INT(number(json, "write", "calls"), 3);
    CHECK_INT(number(json, "write", "failed"), 1);
    CHECK_INT(number(json, "write", "bytes"), 7);
    CHECK_INT(number(json, "read", "calls"), 1);
    CHECK_INT(number(json, "read", "bytes"), 7);
    CHECK(number(json, "close", "calls") >= 1);
    CHECK_INT(number(json, "rename", "calls"), -1);
    const char *table = NULL;
    CHECK_INT(say(&f, "stats", &table), 0);
    CHECK(strstr(table, "\nwrite                    3        0        1 ") != NULL);
    CHECK_INT(say(&f, "reset", NULL), 0);
    CHECK_INT(say(&f, "status json", &json), 0);
    CHECK(strstr(json, ",\"operations\":{}}") != NULL);
    CHECK_INT(say(&f, "dance", NULL), SMBKIT_STATUS_NOT_SUPPORTED);
    fixture_close(&f);
}

static void test_args(void)
{
    static const struct bad_args rows[] = {{{NULL}, NULL}, {{"x=1"}, "it takes none"}};
    check_args(smbkit_static_stats(&vfs_api), rows, ARRAY_LEN(rows));
}

static const struct test_case cases[] = {
    {"steps", test_steps},    {"percentiles", test_percentiles}, {"threads", test_threads},
    {"a share", test_filter}, {"arguments", test_args},
};
TEST_MAIN(cases)
