/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/throttle.h"

#include "test.h"

static const struct auth_who alice = {.place = 1001, .user = 77};

static uint32_t fail(struct auth_throttle *t, struct auth_who who, uint64_t now_ms)
{
    return auth_throttle_attempt(t, who, false, now_ms);
}

static uint32_t wait_of(struct auth_throttle *t, struct auth_who who, uint64_t now_ms)
{
    return auth_throttle_attempt(t, who, true, now_ms);
}

/* One after the other, each told before the next: how long each is held back. */
static void test_doubling(void)
{
    static const uint32_t want[] = {0, 0, 0, 0, 250, 500, 1000, 2000, 4000, 8000, 16000, 16000};
    CLEANUP(auth_throttle_free) struct auth_throttle *t = auth_throttle_new();
    REQUIRE(t);
    uint64_t now = 5;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        test_context("attempt %zu", i + 1);
        CHECK_INT(wait_of(t, alice, now), want[i]); /* the right password waits as long */
        CHECK_INT(fail(t, alice, now), want[i]);
        now += want[i];
    }
    for (unsigned i = 0; i < 1000; i++) {
        now += fail(t, alice, now);
    }
    CHECK_INT(wait_of(t, alice, now), AUTH_THROTTLE_DELAY_MAX_MS);
    CHECK_INT(wait_of(t, alice, now + 10000), AUTH_THROTTLE_DELAY_MAX_MS - 10000);
    CHECK_INT(wait_of(t, alice, now + AUTH_THROTTLE_DELAY_MAX_MS), 0);
}

/* A thousand at once get no more verdicts than one after the other. */
static void test_side_by_side(void)
{
    CLEANUP(auth_throttle_free) struct auth_throttle *t = auth_throttle_new();
    REQUIRE(t);
    unsigned verdicts = 0;
    uint64_t hour = 3600 * 1000;
    for (uint64_t now = 0; now < hour; now += 100) {
        for (unsigned i = 0; i < 100; i++) {
            struct auth_who who = {.place = 1001, .user = 100000 + now + i};
            uint32_t wait = fail(t, who, now);
            CHECK(wait == AUTH_THROTTLE_REFUSED || wait <= AUTH_THROTTLE_WAIT_MAX_MS);
            verdicts += wait != AUTH_THROTTLE_REFUSED;
        }
    }
    CHECK(verdicts <= 12 + hour / AUTH_THROTTLE_DELAY_MAX_MS);
    CHECK_INT(wait_of(t, alice, hour), AUTH_THROTTLE_REFUSED); /* the line is full */
}

/* An old password that is sent for ever holds back its user there, and nobody else. */
static void test_apart(void)
{
    CLEANUP(auth_throttle_free) struct auth_throttle *t = auth_throttle_new();
    REQUIRE(t);
    for (uint64_t now = 0; now < 100000; now += 10) {
        (void)fail(t, alice, now);
    }
    CHECK_INT(wait_of(t, alice, 100000), AUTH_THROTTLE_REFUSED);
    struct auth_who beside = {.place = alice.place, .user = 5};
    CHECK_INT(wait_of(t, beside, 100000), 0);
    struct auth_who elsewhere = {.place = 42, .user = alice.user};
    CHECK(wait_of(t, elsewhere, 100000) <= 10 * AUTH_THROTTLE_USER_DELAY_MAX_MS);
}

/* Lines apart are given back by who gets in, and not taken by who is known. */
static void test_apart_again(void)
{
    CLEANUP(auth_throttle_free) struct auth_throttle *t = auth_throttle_new();
    REQUIRE(t);
    for (uint64_t user = 0; user < 40; user++) {
        struct auth_who who = {.place = alice.place, .user = 500 + user};
        for (unsigned i = 0; i < 2 * AUTH_THROTTLE_FREE; i++) {
            (void)fail(t, who, user * 10000);
            if (i == AUTH_THROTTLE_FREE) {
                auth_throttle_succeeded(t, who); /* and fails again, being known */
            }
        }
    }
    for (uint64_t now = 400000; now < 500000; now += 10) {
        (void)fail(t, alice, now);
    }
    struct auth_who beside = {.place = alice.place, .user = 5};
    CHECK(wait_of(t, beside, 500000) <= AUTH_THROTTLE_DELAY_MAX_MS);
    CHECK_INT(wait_of(t, beside, 520000), 0);
}

/* Who guesses for many users gains the few lines apart, and no more. */
static void test_many_users(void)
{
    CLEANUP(auth_throttle_free) struct auth_throttle *t = auth_throttle_new();
    REQUIRE(t);
    unsigned verdicts = 0;
    uint64_t hours = 6 * 3600 * 1000;
    for (uint64_t now = 0; now < hours; now += 1000) {
        for (uint64_t user = 0; user < 50; user++) {
            struct auth_who who = {.place = 1001, .user = 300 + user};
            verdicts += fail(t, who, now) != AUTH_THROTTLE_REFUSED;
        }
    }
    uint64_t lines = 1 + AUTH_THROTTLE_APART;
    CHECK(verdicts <= lines * (12 + hours / AUTH_THROTTLE_DELAY_MAX_MS));
}

/* Guessed for from everywhere: at most one in two seconds, all together. */
static void test_by_user(void)
{
    CLEANUP(auth_throttle_free) struct auth_throttle *t = auth_throttle_new();
    REQUIRE(t);
    unsigned verdicts = 0;
    uint64_t hour = 3600 * 1000;
    for (uint64_t now = 0; now < hour; now += 10) {
        struct auth_who who = {.place = 500000 + now, .user = alice.user};
        verdicts += fail(t, who, now) != AUTH_THROTTLE_REFUSED;
    }
    CHECK(verdicts <= 20 + hour / AUTH_THROTTLE_USER_DELAY_MAX_MS);
    struct auth_who other = {.place = 42, .user = 78};
    CHECK_INT(wait_of(t, other, hour), 0);
}

/* Where a user has logged in before, only his own failures there hold him back. */
static void test_known(void)
{
    CLEANUP(auth_throttle_free) struct auth_throttle *t = auth_throttle_new();
    REQUIRE(t);
    auth_throttle_succeeded(t, alice);
    for (uint64_t i = 0; i < 1000; i++) {
        struct auth_who elsewhere = {.place = 2000 + i, .user = alice.user};
        struct auth_who beside = {.place = alice.place, .user = 9000 + i};
        (void)fail(t, elsewhere, i);
        (void)fail(t, beside, i);
    }
    struct auth_who new_here = {.place = alice.place, .user = 5};
    CHECK_INT(wait_of(t, alice, 1000), 0);
    CHECK(wait_of(t, new_here, 1000) > 0);
    for (unsigned i = 0; i < 6; i++) {
        (void)fail(t, alice, 1000);
    }
    CHECK(wait_of(t, alice, 1000) > 0);
    auth_throttle_succeeded(t, alice);
    CHECK_INT(wait_of(t, alice, 1000), 0);
    CHECK(wait_of(t, new_here, 1000) > 0); /* a success pardons nobody else */
}

/* A user is known at his latest places; others' log-ins do not push him out. */
static void test_places(void)
{
    CLEANUP(auth_throttle_free) struct auth_throttle *t = auth_throttle_new();
    REQUIRE(t);
    for (uint64_t i = 0; i < 100000; i++) {
        auth_throttle_succeeded(t, (struct auth_who){.place = i, .user = 3});
    }
    for (uint64_t i = 0; i < 9; i++) {
        auth_throttle_succeeded(t, (struct auth_who){.place = 10 + i, .user = alice.user});
    }
    auth_throttle_succeeded(t, (struct auth_who){.place = 12, .user = alice.user});
    for (uint64_t i = 0; i < 1000; i++) {
        (void)fail(t, (struct auth_who){.place = 90000 + i, .user = alice.user}, 0);
    }
    for (uint64_t i = 0; i < 9; i++) {
        test_context("place %u", (unsigned)i);
        struct auth_who who = {.place = 10 + i, .user = alice.user};
        CHECK((wait_of(t, who, 0) == 0) == (i > 0));
    }
}

static void test_forgetting(void)
{
    static const struct {
        uint64_t after_ms;
        uint32_t want; /* the wait of an attempt right after one more failure then */
    } rows[] = {{0, 16000}, {AUTH_THROTTLE_FORGET_MS, 1000}, {2 * AUTH_THROTTLE_FORGET_MS, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(auth_throttle_free) struct auth_throttle *t = auth_throttle_new();
        REQUIRE(t);
        uint64_t now = 0;
        for (unsigned k = 0; k < 10; k++) {
            now += fail(t, alice, now);
        }
        now += rows[i].after_ms;
        now += fail(t, alice, now);
        test_context("after %llu ms", (unsigned long long)rows[i].after_ms);
        CHECK_INT(wait_of(t, alice, now), rows[i].want);
    }
}

/* A flood of other places, one failure each, does not wash out who failed often. */
static void test_eviction(void)
{
    CLEANUP(auth_throttle_free) struct auth_throttle *t = auth_throttle_new();
    uint64_t seed = 1;
    uint64_t now = 0;
    REQUIRE(t);
    for (unsigned i = 0; i < 9; i++) {
        now += fail(t, alice, now);
    }
    for (unsigned i = 0; i < 20 * AUTH_THROTTLE_ENTRIES; i++) {
        struct auth_who who = {.place = test_random(&seed), .user = test_random(&seed)};
        (void)fail(t, who, now);
    }
    CHECK_INT(wait_of(t, alice, now), 8000);
}

static const struct test_case cases[] = {
    {"the delay doubles up to its maximum", test_doubling},
    {"attempts side by side wait in line", test_side_by_side},
    {"an old password sent for ever", test_apart},
    {"lines apart come back", test_apart_again},
    {"many users guessed for from one place", test_many_users},
    {"one user guessed for from everywhere", test_by_user},
    {"a user where he is known", test_known},
    {"the places of a user", test_places},
    {"failures are forgotten", test_forgetting},
    {"a flood does not wash out the guilty", test_eviction},
};

TEST_MAIN(cases)
