/* SPDX-License-Identifier: Apache-2.0 */
#include "filter_fixture.h"

#include "limit_bucket.h"

const struct smbkit_plugin *smbkit_static_limit(const struct smbkit_host_table *api);

static bool start(struct fixture *f, const char *a, const char *b)
{
    const struct stack_layer layers[] = {{smbkit_static_limit(&vfs_api), {a, b}},
                                         {smbkit_static_mem(&vfs_api), {NULL}}};
    return stack_open(f, layers, 2);
}

static void check_say(struct fixture *f, const char *command, const char *want)
{
    const char *text = NULL;
    smbkit_status st = say(f, command, &text);
    CHECK(SMBKIT_OK(st) || st == SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_STR(text, want);
}

static void test_commands(void)
{
    struct fixture f;
    REQUIRE(start(&f, "bytes=1M", "by=client"));
    check_say(&f, "status",
              "bytes=1048576 burst=1000ms by=client\n0 calls wait now, 0 have had to");
    check_say(&f, "set ops=10 burst=2s bytes=0",
              "ops=10 burst=2000ms by=client\n0 calls wait now, 0 have had to");
    check_say(&f, "status json",
              "{\"bytes\":0,\"read\":0,\"write\":0,\"ops\":10,\"burst_ms\":2000,"
              "\"by\":\"client\",\"waiting\":0,\"waited_total\":0}");
    check_say(&f, "set", "set: expected KEY=VALUE, such as bytes=20M");
    check_say(&f, "set bytes", "set: expected KEY=VALUE, such as bytes=20M");
    const char *text = NULL;
    CHECK_INT(say(&f, "set by=user", &text), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK(strstr(text, "there is no argument \"by\"") != NULL);
    CHECK_INT(say(&f, "set bytes=x", &text), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_INT(say(&f, "dance", &text), SMBKIT_STATUS_NOT_SUPPORTED);
    fixture_close(&f);
}

static void test_args(void)
{
    static const struct bad_args rows[] = {
        {{NULL}, NULL},
        {{"bytes=20M", "by=user", "burst=250ms"}, NULL},
        {{"by=users"}, "did you mean \"user\"?"},
        {{"burst=2h"}, "burst=2h"},
        {{"byte=1"}, "did you mean \"bytes\"?"},
    };
    check_args(smbkit_static_limit(&vfs_api), rows, ARRAY_LEN(rows));
}

/* ---- the arithmetic ---- */

static struct limit_table table;

static void test_rate(void)
{
    static const struct limit_rates r = {.per_second = {[LIMIT_BYTES] = 1000}, .burst_us = 500000};
    static const struct limit_cost hundred = {.of = {[LIMIT_BYTES] = 100, [LIMIT_OPS] = 1}};
    uint64_t now = 1000000;
    uint64_t went = 0;
    memset(&table, 0, sizeof(table));
    struct limit_bucket *b = limit_bucket_get(&table, 7, now);
    for (; now < 11000000; now += 1000) {
        while (limit_wait_us(&r, b, &hundred, now) == 0) {
            limit_charge(&r, b, &hundred, now, LIMIT_DEBT_US);
            went += 100;
        }
    }
    /* Ten seconds, half a second at once, and the call that goes when the burst is not used up. */
    CHECK(went >= 10000 + 500 && went <= 10000 + 500 + 100);
    now = 100000000; /* a rest saves up no more than the burst */
    for (went = 0; limit_wait_us(&r, b, &hundred, now) == 0; went++) {
        limit_charge(&r, b, &hundred, now, LIMIT_DEBT_US);
    }
    CHECK_INT(went, 6);
    CHECK_INT(limit_wait_us(&r, b, &hundred, now), 100000);
    limit_refund(&r, b, &hundred);
    CHECK_INT(limit_wait_us(&r, b, &hundred, now), 0);
}

static void test_kinds(void)
{
    static const struct limit_rates r = {.per_second = {[LIMIT_READ] = 1000, [LIMIT_OPS] = 10}};
    static const struct limit_cost read = {.of = {[LIMIT_READ] = 1000, [LIMIT_OPS] = 1}};
    static const struct limit_cost write = {.of = {[LIMIT_WRITE] = 1000, [LIMIT_OPS] = 1}};
    static const struct limit_cost nothing = {.of = {[LIMIT_WRITE] = 1000}};
    memset(&table, 0, sizeof(table));
    struct limit_bucket *b = limit_bucket_get(&table, 7, 0);
    CHECK(limit_applies(&r, &read));
    CHECK(!limit_applies(&r, &nothing));
    limit_charge(&r, b, &read, 0, LIMIT_DEBT_US);
    CHECK_INT(limit_wait_us(&r, b, &read, 0), 1000000);
    CHECK_INT(limit_wait_us(&r, b, &write, 0), 100000);
    /* What cannot wait puts off others by a bound. */
    const struct limit_cost huge = {.of = {[LIMIT_READ] = UINT32_MAX}};
    limit_charge(&r, b, &huge, 0, LIMIT_DEBT_FORCED_US);
    CHECK_INT(limit_wait_us(&r, b, &read, 0), LIMIT_DEBT_FORCED_US);
    limit_charge(&r, b, &huge, 0, LIMIT_DEBT_US);
    CHECK_INT(limit_wait_us(&r, b, &read, 0), LIMIT_DEBT_US);
    const struct limit_rates most = {.per_second = {[LIMIT_READ] = UINT64_MAX}};
    limit_charge(&most, b, &huge, 0, LIMIT_DEBT_US); /* nothing overflows */
}

/* Whose calls go, of a client with many that wait and one that comes with a few. */
static void test_fair(void)
{
    static const struct limit_rates r = {.per_second = {[LIMIT_OPS] = 10}};
    static const struct limit_cost one = {.of = {[LIMIT_OPS] = 1}};
    memset(&table, 0, sizeof(table));
    struct limit_bucket *b = limit_bucket_get(&table, 7, 0);
    uint64_t many[6];
    for (size_t i = 0; i < 6; i++) {
        many[i] = limit_order(&table, &r, b, 1, &one);
        CHECK(i == 0 || many[i] > many[i - 1]);
    }
    b->served = many[0];
    uint64_t first = limit_order(&table, &r, b, 2, &one);
    uint64_t second = limit_order(&table, &r, b, 2, &one);
    CHECK(first < many[1] && second < many[2] && second >= many[1]);
    CHECK_INT(b->waiting, 8);
    /* When nobody has waited for a while, what was does not count. */
    b->waiting = 0;
    CHECK_INT(limit_order(&table, &r, b, 1, &one), b->served);
}

static void test_slots(void)
{
    memset(&table, 0, sizeof(table));
    struct limit_bucket *first = limit_bucket_get(&table, 5, 1);
    CHECK(limit_bucket_get(&table, 5, 1) == first);
    for (unsigned i = 0; i < LIMIT_PROBES; i++) { /* all that it may have are at work */
        limit_bucket_get(&table, 5 + (uint64_t)i * LIMIT_SLOTS, 1)->waiting = 1;
    }
    uint64_t more = 5 + (uint64_t)LIMIT_PROBES * LIMIT_SLOTS;
    CHECK(limit_bucket_get(&table, more, 1) == first); /* one is shared */
    table.buckets[9].waiting = 0;
    CHECK(limit_bucket_get(&table, more, 1) == &table.buckets[9]); /* an idle one is taken */
    CHECK(limit_bucket_get(&table, 0, 1) != NULL);
}

static const struct test_case cases[] = {
    {"rate and burst", test_rate}, {"kinds", test_kinds},       {"each in turn", test_fair},
    {"slots", test_slots},         {"commands", test_commands}, {"arguments", test_args},
};
TEST_MAIN(cases)
