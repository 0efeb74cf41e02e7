/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/throttle.h"

#include "test.h"

static void test_doubling(void)
{
    static const uint32_t want[] = {0, 0, 0, 250, 500, 1000, 2000, 4000, 8000, 16000, 16000, 16000};
    CLEANUP(auth_throttle_free) struct auth_throttle *t = auth_throttle_new();
    REQUIRE(t);
    CHECK_INT(auth_throttle_delay_ms(t, 7, 0), 0);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        auth_throttle_failed(t, 7, i);
        test_context("failure %zu", i + 1);
        CHECK_INT(auth_throttle_delay_ms(t, 7, i), want[i]);
        CHECK_INT(auth_throttle_delay_ms(t, 8, i), 0);
    }
    for (unsigned i = 0; i < 1000; i++) {
        auth_throttle_failed(t, 7, 100);
    }
    CHECK_INT(auth_throttle_delay_ms(t, 7, 100), AUTH_THROTTLE_DELAY_MAX_MS);
    auth_throttle_succeeded(t, 7);
    CHECK_INT(auth_throttle_delay_ms(t, 7, 100), 0);
    auth_throttle_succeeded(t, 7); /* harmless */
}

static void test_forgetting(void)
{
    CLEANUP(auth_throttle_free) struct auth_throttle *t = auth_throttle_new();
    REQUIRE(t);
    for (unsigned i = 0; i < 10; i++) {
        auth_throttle_failed(t, 7, 5000);
    }
    CHECK_INT(auth_throttle_delay_ms(t, 7, 5000 + AUTH_THROTTLE_FORGET_MS - 1), 16000);
    CHECK_INT(auth_throttle_delay_ms(t, 7, 5000 + AUTH_THROTTLE_FORGET_MS), 500);
    CHECK_INT(auth_throttle_delay_ms(t, 7, 5000 + 2 * AUTH_THROTTLE_FORGET_MS), 0);
    CHECK_INT(auth_throttle_delay_ms(t, 7, UINT64_MAX), 0);
    CHECK_INT(auth_throttle_delay_ms(t, 7, 0), 16000); /* a clock that went back */
    auth_throttle_failed(t, 7, 5000 + AUTH_THROTTLE_FORGET_MS);
    CHECK_INT(auth_throttle_delay_ms(t, 7, 5000 + AUTH_THROTTLE_FORGET_MS), 1000);
}

/* A flood of other addresses, one failure each, does not wash out who failed often. */
static void test_eviction(void)
{
    CLEANUP(auth_throttle_free) struct auth_throttle *t = auth_throttle_new();
    uint64_t seed = 1;
    REQUIRE(t);
    for (unsigned i = 0; i < 8; i++) {
        auth_throttle_failed(t, 12345, 0);
    }
    for (unsigned i = 0; i < 20 * AUTH_THROTTLE_ENTRIES; i++) {
        auth_throttle_failed(t, test_random(&seed), 1);
    }
    CHECK_INT(auth_throttle_delay_ms(t, 12345, 1), 4000);
}

/* Four guilty keys of one set make room for a fifth: the least guilty goes. */
static void test_full_set(void)
{
    CLEANUP(auth_throttle_free) struct auth_throttle *t = auth_throttle_new();
    REQUIRE(t);
    for (uint64_t key = 1; key <= 5; key++) {
        for (uint64_t i = 0; i < key + 4; i++) {
            auth_throttle_failed(t, key << 32, key);
        }
    }
    CHECK_INT(auth_throttle_delay_ms(t, 1ull << 32, 5), 0);
    for (uint64_t key = 2; key <= 5; key++) {
        CHECK(auth_throttle_delay_ms(t, key << 32, 5) > 0);
    }
}

static const struct test_case cases[] = {
    {"the delay doubles up to its maximum", test_doubling},
    {"failures are forgotten", test_forgetting},
    {"a flood does not wash out the guilty", test_eviction},
    {"a full set", test_full_set},
};

TEST_MAIN(cases)
