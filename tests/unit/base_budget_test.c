/* SPDX-License-Identifier: Apache-2.0 */
#include "base/budget.h"

#include "base/iobuf.h"
#include "test.h"

struct sleeper {
    struct budget_wait wait;
    unsigned woken;
};

static void wake(struct budget_wait *w)
{
    CONTAINER_OF(w, struct sleeper, wait)->woken++;
}

static void test_bound(void)
{
    static const struct {
        size_t held, n;
        bool fits;
    } rows[] = {{0, 99, true},        {0, 100, true},  {0, 101, false},
                {60, 39, true},       {60, 40, true},  {60, 41, false},
                {0, SIZE_MAX, false}, {100, 1, false}, {100, 0, true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct budget b;
        test_context("row %zu", i);
        budget_init(&b, NULL, 100, 0);
        CHECK(budget_take(&b, rows[i].held, NULL));
        CHECK_INT(budget_take(&b, rows[i].n, NULL), rows[i].fits);
        size_t held = rows[i].held + (rows[i].fits ? rows[i].n : 0);
        CHECK_INT(budget_used(&b), held);
        budget_give(&b, held);
        budget_fini(&b);
    }
}

/* What goes beyond the free bytes is the parent's too, and a refusal there charges nobody. */
static void test_parent(void)
{
    struct budget top;
    struct budget a;
    struct budget b;
    budget_init(&top, NULL, 100, 0);
    budget_init(&a, &top, 90, 10);
    budget_init(&b, &top, 90, 10);
    CHECK(budget_take(&a, 10, NULL));
    CHECK_INT(budget_used(&top), 0);
    CHECK(budget_take(&a, 80, NULL));
    CHECK_INT(budget_used(&top), 80);
    CHECK(budget_take(&b, 29, NULL));
    CHECK(budget_take(&b, 1, NULL)); /* the bound */
    CHECK(!budget_take(&b, 1, NULL));
    CHECK_INT(budget_used(&b), 30);
    CHECK_INT(budget_used(&top), 100);
    budget_force(&b, 5);
    CHECK_INT(budget_used(&top), 105);
    budget_give(&a, 85);
    CHECK_INT(budget_used(&top), 25);
    budget_give(&a, 5);
    budget_give(&b, 35);
    CHECK_INT(budget_used(&top), 0);
    budget_fini(&a);
    budget_fini(&b);
    budget_fini(&top);
}

/* With another parent it takes along what it asked of the old one. */
static void test_move(void)
{
    struct budget top;
    struct budget between;
    struct budget b;
    budget_init(&top, NULL, 100, 0);
    budget_init(&between, &top, 50, 0);
    budget_init(&b, &top, 90, 10);
    CHECK(budget_take(&b, 30, NULL));
    budget_move(&b, &between);
    CHECK_INT(budget_used(&between), 20);
    CHECK_INT(budget_used(&top), 20);
    CHECK(!budget_take(&b, 31, NULL));
    CHECK(budget_take(&b, 30, NULL));
    CHECK_INT(budget_used(&top), 50);
    budget_give(&b, 60);
    CHECK_INT(budget_used(&between), 0);
    CHECK_INT(budget_used(&top), 0);
    budget_fini(&b);
    budget_fini(&between);
    budget_fini(&top);
}

static void test_waiting(void)
{
    struct budget top;
    struct budget b;
    struct sleeper first = {0};
    struct sleeper second = {0};
    budget_init(&top, NULL, 100, 0);
    budget_init(&b, &top, 80, 0);
    budget_wait_init(&first.wait, wake);
    budget_wait_init(&second.wait, wake);
    CHECK(budget_take(&b, 80, NULL));
    CHECK(!budget_take(&b, 50, &first.wait));
    CHECK(!budget_take(&b, 10, &second.wait));
    budget_give(&b, 30); /* enough for the second, whose turn it is not */
    CHECK_INT(first.woken + second.woken, 0);
    budget_give(&b, 20);
    CHECK_INT(first.woken, 1);
    CHECK_INT(second.woken, 1); /* it was told; whether there is room it will see */
    CHECK(budget_take(&b, 50, &first.wait));
    CHECK(!budget_take(&b, 10, &second.wait));
    budget_wait_cancel(&second.wait);
    budget_give(&b, 80);
    CHECK_INT(second.woken, 1);
    /* Refused by the parent: woken from there. */
    CHECK(budget_take(&top, 70, NULL));
    CHECK(!budget_take(&b, 40, &first.wait));
    budget_give(&top, 10);
    CHECK_INT(first.woken, 2);
    /* A higher limit makes room as well. */
    CHECK(!budget_take(&b, 81, &first.wait));
    budget_limit_set(&b, 81);
    CHECK_INT(first.woken, 3);
    budget_give(&top, 60);
    budget_fini(&b);
    budget_fini(&top);
}

static void test_buffers_give_back(void)
{
    struct budget b;
    budget_init(&b, NULL, 1000, 0);
    CHECK(budget_take(&b, 600, NULL));
    struct iobuf *buf = iobuf_new(500);
    REQUIRE(buf);
    iobuf_charge(buf, &b, 600);
    struct iobuf *again = iobuf_ref(buf);
    iobuf_unref(buf);
    CHECK_INT(budget_used(&b), 600);
    iobuf_unref(again);
    CHECK_INT(budget_used(&b), 0);
    budget_fini(&b);
}

struct racer {
    struct budget *b;
    struct sleeper sleeper;
    struct mutex lock;
    struct cond moved;
    bool told; /* guarded by lock */
};

static void tell(struct budget_wait *w)
{
    struct racer *r = CONTAINER_OF(CONTAINER_OF(w, struct sleeper, wait), struct racer, sleeper);
    SCOPED_LOCK(&r->lock);
    r->told = true;
    cond_signal(&r->moved);
}

static void *race(void *arg)
{
    struct racer *r = arg;
    for (unsigned i = 0; i < 20000; i++) {
        size_t n = 1 + i % 60;
        while (!budget_take(r->b, n, &r->sleeper.wait)) {
            SCOPED_LOCK(&r->lock);
            while (!r->told) {
                cond_wait(&r->moved, &r->lock); /* a wake that is lost hangs the test */
            }
            r->told = false;
        }
        budget_give(r->b, n);
    }
    return NULL;
}

static void test_threads(void)
{
    struct budget top;
    struct budget b[3];
    struct racer r[3];
    pthread_t t[3];
    budget_init(&top, NULL, 100, 0);
    for (int i = 0; i < 3; i++) {
        budget_init(&b[i], &top, 80, 5);
        r[i] = (struct racer){.b = &b[i]};
        mutex_init(&r[i].lock);
        cond_init(&r[i].moved);
        budget_wait_init(&r[i].sleeper.wait, tell);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_INT(pthread_create(&t[i], NULL, race, &r[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(t[i], NULL);
    }
    CHECK_INT(budget_used(&top), 0);
    for (int i = 0; i < 3; i++) {
        budget_fini(&b[i]);
    }
    budget_fini(&top);
}

static const struct test_case cases[] = {
    {"at the bound", test_bound},
    {"a parent is charged beyond what is free", test_parent},
    {"with another parent", test_move},
    {"waiting for room", test_waiting},
    {"buffers give their charge back", test_buffers_give_back},
    {"no wake is lost between threads", test_threads},
};
TEST_MAIN(cases)
