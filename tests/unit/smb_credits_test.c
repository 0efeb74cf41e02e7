/* SPDX-License-Identifier: Apache-2.0 */
#include "smb/credits.h"

#include "base/mem.h"
#include "test.h"

/* A reply that grants and is sent at once. */
static uint16_t grant(struct credits *c, uint16_t charge, uint16_t wanted)
{
    uint16_t n = credits_grant(c, charge, wanted);
    credits_sent(c, n);
    return n;
}

/* MessageId 0 is granted to begin with, and each id works once. */
static void test_first(void)
{
    struct credits c;
    REQUIRE(credits_init(&c, 8));
    CHECK(!credits_use(&c, 1, 1));
    CHECK(credits_use(&c, 0, 1));
    CHECK(!credits_use(&c, 0, 1));
    CHECK_INT(grant(&c, 1, 3), 3);
    CHECK(credits_use(&c, 3, 1)); /* out of order */
    CHECK(credits_use(&c, 1, 2));
    CHECK(!credits_use(&c, 2, 1));
    CHECK(!credits_use(&c, 4, 1));
    credits_fini(&c);
}

static void test_charge(void)
{
    struct credits c;
    REQUIRE(credits_init(&c, 8));
    CHECK(credits_use(&c, 0, 0)); /* 0 counts as 1 */
    CHECK_INT(grant(&c, 0, 100), 8);
    CHECK(!credits_use(&c, 2, 8)); /* past the end by one */
    CHECK(credits_use(&c, 1, 8));
    CHECK(!credits_use(&c, UINT64_MAX, 2)); /* wraps */
    CHECK_INT(grant(&c, 8, 0), 1);          /* never left with none */
    credits_fini(&c);
}

/* However ids are picked: none twice, never more than max held, always one to go on with. */
static void walk(uint32_t max)
{
    static bool seen[2000000];
    struct credits c;
    uint64_t seed = 3;
    uint32_t held = 1;
    uint64_t high = 1;
    REQUIRE(credits_init(&c, max));
    memset(seen, 0, sizeof(seen));
    for (unsigned step = 0; step < 50000; step++) {
        uint64_t id = high - MIN(high, 3 * max) + test_random(&seed) % (3 * max + 2);
        uint16_t charge = (uint16_t)(1 + test_random(&seed) % 3);
        bool want = true;
        for (uint64_t i = id; i < id + charge; i++) {
            want = want && i < high && !seen[i];
        }
        test_context("step %u id %llu charge %u", step, (unsigned long long)id, charge);
        bool got = credits_use(&c, id, charge);
        CHECK_INT(got, want);
        if (!got) {
            continue;
        }
        for (uint64_t i = id; i < id + charge; i++) {
            seen[i] = true;
        }
        held -= charge;
        uint16_t granted = grant(&c, charge, (uint16_t)(test_random(&seed) % (max / 2)));
        held += granted;
        high += granted;
        CHECK(held <= max);
        REQUIRE(high < ARRAY_LEN(seen));
    }
    credits_fini(&c);
}

static void test_walk(void)
{
    walk(16);
    walk(1000); /* the map of used ids grows on the way */
}

/* A client that asks for little costs little. */
static void test_map_is_small(void)
{
    struct credits c;
    REQUIRE(credits_init(&c, 65535));
    CHECK(c.span / 8 <= 64);
    CHECK(credits_use(&c, 0, 1));
    CHECK_INT(grant(&c, 1, 32), 32);
    CHECK(c.span / 8 <= 64);
    CHECK(credits_use(&c, 5, 1));
    mem_fail_nth(1);
    uint16_t granted = grant(&c, 1, 60000); /* without memory as many as the map holds */
    mem_fail_nth(0);
    CHECK(granted > 0 && granted < 200);
    CHECK(!credits_use(&c, 5, 1));
    CHECK(credits_use(&c, 6, 1));
    CHECK_INT(grant(&c, 1, 60000), 60000);
    CHECK(!credits_use(&c, 6, 1));
    CHECK(credits_use(&c, 40000, 3));
    credits_fini(&c);
}

/* What is granted in a reply that the client does not read is not the client's, and counts all the
 * same. */
static void test_granted_when_sent(void)
{
    struct credits c;
    REQUIRE(credits_init(&c, 8));
    CHECK(credits_use(&c, 0, 1));
    CHECK_INT(credits_grant(&c, 1, 5), 5);
    CHECK(!credits_use(&c, 1, 1));
    credits_sent(&c, 5);
    CHECK(credits_use(&c, 1, 1));
    CHECK_INT(credits_grant(&c, 1, 3), 3);
    CHECK(credits_use(&c, 2, 1));
    CHECK_INT(credits_grant(&c, 1, 3), 2); /* 3 there, 3 promised: 8 with these */
    CHECK(credits_use(&c, 3, 3));
    CHECK(!credits_use(&c, 6, 1));
    credits_sent(&c, 3);
    CHECK(credits_use(&c, 6, 3));
    CHECK(!credits_use(&c, 9, 1));
    credits_sent(&c, 2);
    CHECK(credits_use(&c, 9, 2));
    credits_fini(&c);
}

/* Few before log-in. */
static void test_maximum_rises(void)
{
    struct credits c;
    REQUIRE(credits_init(&c, 100));
    credits_max_set(&c, 16);
    CHECK(credits_use(&c, 0, 1));
    CHECK_INT(grant(&c, 1, 64), 16);
    CHECK(credits_use(&c, 1, 1));
    credits_max_set(&c, 100);
    CHECK_INT(grant(&c, 1, 200), 85);
    credits_fini(&c);
}

static const struct test_case cases[] = {
    {"first", test_first},
    {"charge", test_charge},
    {"walk", test_walk},
    {"the map is small", test_map_is_small},
    {"granted when sent", test_granted_when_sent},
    {"the maximum rises", test_maximum_rises},
};
TEST_MAIN(cases)
