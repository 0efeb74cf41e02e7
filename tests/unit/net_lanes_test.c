/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/mem.h"
#include "net/lanes.h"

/* Quotas of the calls: 6 in all, 4 of a volume, 2 of a session on it. */
static const struct work_quota quota[WORK_KIND_COUNT] = {
    [WORK_LOGON] = {1, 1, 1},
    [WORK_END] = {2, 2, 1},
    [WORK_CALL] = {6, 4, 2},
}; /* nothing to spare */

struct piece {
    struct job job;
    struct work_key key;
};

static struct piece pieces[400];

static void push(struct lanes *ls, struct piece *p, enum work_kind kind, uint64_t volume,
                 uint64_t session)
{
    p->key = (struct work_key){.kind = kind, .volume = volume, .session = session};
    lanes_push(ls, &p->key, &p->job);
}

/* How many can run at once. */
static unsigned pop_all(struct lanes *ls, struct lane **lanes)
{
    unsigned n = 0;
    while (lanes_is_ready(ls)) {
        CHECK(lanes_pop(ls, &lanes[n++]) != NULL);
    }
    struct lane *none;
    CHECK(lanes_pop(ls, &none) == NULL);
    return n;
}

static void test_quotas_at_the_bound(void)
{
    static const struct {
        unsigned volumes, sessions, jobs; /* sessions of each volume, jobs of each session */
        unsigned want;
    } rows[] = {
        {1, 1, 1, 1}, {1, 1, 2, 2}, {1, 1, 3, 2},               /* a session's quota */
        {1, 2, 1, 2}, {1, 2, 2, 4}, {1, 3, 2, 4},               /* a volume's */
        {2, 3, 1, 6}, {2, 2, 2, 6}, {5, 1, 1, 5}, {7, 1, 1, 6}, /* the kind's */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lanes ls;
        struct lane *running[400];
        unsigned total = 0;
        test_context("row %zu", i);
        lanes_init(&ls, quota, 1);
        for (; total < rows[i].volumes * rows[i].sessions * rows[i].jobs; total++) {
            unsigned of = total / rows[i].jobs;
            push(&ls, &pieces[total], WORK_CALL, 1 + of / rows[i].sessions,
                 1 + of % rows[i].sessions);
        }
        unsigned n = pop_all(&ls, running);
        CHECK_INT(n, rows[i].want);
        /* what was held back comes when room is made, one for one */
        unsigned done = 0;
        while (n > 0) {
            lanes_done(&ls, running[--n]);
            done++;
            n += pop_all(&ls, running + n);
        }
        CHECK_INT(done, total);
        lanes_fini(&ls);
    }
}

static void test_turns(void)
{
    struct lanes ls;
    struct lane *lane;
    lanes_init(&ls, quota, 1);
    for (unsigned i = 0; i < 50; i++) {
        push(&ls, &pieces[i], WORK_CALL, 1, 1);
    }
    push(&ls, &pieces[50], WORK_CALL, 1, 2);
    push(&ls, &pieces[51], WORK_CALL, 2, 3);
    /* Fifty wait before them, but they come second and third at the latest. */
    bool seen[2] = {false, false};
    for (unsigned i = 0; i < 3; i++) {
        const struct piece *p = CONTAINER_OF(lanes_pop(&ls, &lane), struct piece, job);
        lanes_done(&ls, lane);
        seen[0] |= p == &pieces[50];
        seen[1] |= p == &pieces[51];
    }
    CHECK(seen[0]);
    CHECK(seen[1]);
    while (lanes_pop(&ls, &lane)) {
        lanes_done(&ls, lane);
    }
    lanes_fini(&ls);
}

static void check_quotas(struct piece **who, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct work_key *a = &who[i]->key;
        unsigned same[3] = {0};
        for (unsigned k = 0; k < count; k++) {
            const struct work_key *b = &who[k]->key;
            bool same_volume = a->kind == b->kind && a->volume == b->volume;
            same[0] += a->kind == b->kind;
            same[1] += same_volume;
            same[2] += same_volume && a->session == b->session;
        }
        CHECK(same[0] <= quota[a->kind].kind_max);
        CHECK(same[1] <= quota[a->kind].volume_max);
        CHECK(a->session == 0 || same[2] <= quota[a->kind].session_max);
    }
}

/* Any order of pushes and ends keeps the quotas and runs every job. */
static void test_random_walk(void)
{
    uint64_t seed = 11;
    struct lanes ls;
    struct lane *running[16];
    struct piece *who[16];
    unsigned count = 0;
    unsigned ran = 0;
    unsigned pushed = 0;
    lanes_init(&ls, quota, 3);
    while (pushed < ARRAY_LEN(pieces) || count > 0) {
        if (pushed < ARRAY_LEN(pieces) && test_random(&seed) % 2) {
            push(&ls, &pieces[pushed++], (enum work_kind)(test_random(&seed) % WORK_KIND_COUNT),
                 test_random(&seed) % 3, test_random(&seed) % 3);
        } else if (count > 0) {
            unsigned i = (unsigned)(test_random(&seed) % count);
            lanes_done(&ls, running[i]);
            running[i] = running[--count];
            who[i] = who[count];
        }
        struct job *job;
        while ((job = lanes_pop(&ls, &running[count]))) {
            who[count++] = CONTAINER_OF(job, struct piece, job);
            ran++;
            CHECK(count <= 9);
        }
        check_quotas(who, count);
    }
    CHECK_INT(ran, ARRAY_LEN(pieces));
    lanes_fini(&ls);
}

/* Volumes that hang take no thread from one that has nothing running. */
static void test_spare(void)
{
    static const struct work_quota spared[WORK_KIND_COUNT] = {
        [WORK_LOGON] = {1, 1, 1}, [WORK_END] = {1, 1, 1}, [WORK_CALL] = {8, 4, 4, 2}};
    struct lanes ls;
    struct lane *running[16];
    lanes_init(&ls, spared, 1);
    for (unsigned i = 0; i < 12; i++) {
        push(&ls, &pieces[i], WORK_CALL, 1 + i % 2, 1);
    }
    unsigned n = pop_all(&ls, running);
    CHECK_INT(n, 6); /* both would have four */
    for (unsigned i = 0; i < 6; i++) {
        push(&ls, &pieces[12 + i], WORK_CALL, 3 + i / 2, 1);
    }
    unsigned more = pop_all(&ls, running + n);
    CHECK_INT(more, 2); /* one of each that has none, as far as there are threads */
    CHECK(running[n] != running[n + 1]);
    n += more;
    CHECK(!lanes_has_spared(&ls, running[0])); /* there is no thread */
    /* Whoever ends there makes room for another that has none, or for its own next. */
    lanes_done(&ls, running[--n]);
    CHECK_INT(pop_all(&ls, running + n), 1);
    n++;
    while (n > 0) {
        lanes_done(&ls, running[--n]);
        n += pop_all(&ls, running + n);
    }
    /* One that ends makes room for two: one by the spare. Whoever takes the other is told. */
    for (unsigned i = 0; i < 8; i++) {
        push(&ls, &pieces[i], WORK_CALL, i < 4 ? 1 : i < 6 ? 2 : 3, 1);
    }
    n = pop_all(&ls, running);
    CHECK_INT(n, 6);
    for (unsigned i = 0; i < n; i++) {
        if (running[i]->key.volume == 3) {
            lanes_done(&ls, running[i]);
            running[i] = running[--n];
            break;
        }
    }
    ls.kinds[WORK_CALL].fresh_had_turn = true;
    CHECK(lanes_pop(&ls, &running[n]) != NULL);
    bool was_fresh = running[n]->key.volume == 3;
    CHECK(!was_fresh && lanes_has_spared(&ls, running[n]));
    n++;
    n += pop_all(&ls, running + n);
    /* With threads to spare, those that have some and those that have none take turns. */
    while (n > 0) {
        lanes_done(&ls, running[--n]);
        n += pop_all(&ls, running + n);
    }
    lanes_fini(&ls);
}

static void test_without_memory(void)
{
    struct lanes ls;
    struct lane *lane;
    lanes_init(&ls, quota, 1);
    for (uint64_t nth = 1; nth < 5; nth++) {
        mem_fail_nth(nth);
        push(&ls, &pieces[nth], WORK_CALL, nth, nth);
        mem_fail_nth(0);
        CHECK(lanes_pop(&ls, &lane) == &pieces[nth].job);
        lanes_done(&ls, lane);
    }
    lanes_fini(&ls);
}

static const struct test_case cases[] = {
    {"quotas at the bound", test_quotas_at_the_bound},
    {"volumes and sessions take turns", test_turns},
    {"a random walk", test_random_walk},
    {"a thread for each that has none", test_spare},
    {"without memory for a lane", test_without_memory},
};
TEST_MAIN(cases)
