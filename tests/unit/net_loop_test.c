/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <pthread.h>

#include "net/backend.h"
#include "os/os.h"

/* ---- the timer heap against a naive model ---- */

#define TIMERS 200

static void test_timer_heap_random(void)
{
    uint64_t seed = 42;
    struct timer_heap heap = {NULL};
    struct loop_timer t[TIMERS] = {0};
    for (int step = 0; step < 20000; step++) {
        struct loop_timer *one = &t[test_random(&seed) % TIMERS];
        if (one->is_set) {
            timer_heap_remove(&heap, one);
        } else {
            one->due_ms = test_random(&seed) % 1000;
            timer_heap_add(&heap, one);
        }
        uint64_t min = UINT64_MAX;
        for (int i = 0; i < TIMERS; i++) {
            if (t[i].is_set && t[i].due_ms < min) {
                min = t[i].due_ms;
            }
        }
        CHECK_INT(heap.root ? heap.root->due_ms : UINT64_MAX, min);
    }
    uint64_t last = 0;
    while (heap.root) {
        CHECK(heap.root->due_ms >= last);
        last = heap.root->due_ms;
        timer_heap_remove(&heap, heap.root);
    }
    for (int i = 0; i < TIMERS; i++) {
        CHECK(!t[i].is_set);
    }
}

/* ---- a loop's own ---- */

struct note {
    struct job job;
    struct loop *loop;
    int *order;
    int *count;
    int id;
};

static void note_run(struct job *job)
{
    struct note *n = CONTAINER_OF(job, struct note, job);
    n->order[(*n->count)++] = n->id;
}

static void note_stop(struct job *job)
{
    struct note *n = CONTAINER_OF(job, struct note, job);
    note_run(job);
    loop_stop(n->loop);
}

static void test_posts_run_in_order(void)
{
    struct loop *l;
    int order[4] = {0};
    int count = 0;
    REQUIRE(loop_new(&l) == 0);
    struct note notes[4];
    for (int i = 0; i < 4; i++) {
        notes[i] = (struct note){.job = {.fn = i == 3 ? note_stop : note_run},
                                 .loop = l,
                                 .order = order,
                                 .count = &count,
                                 .id = i + 1};
        loop_post(l, &notes[i].job);
    }
    CHECK_INT(count, 0); /* never from within the post */
    loop_run(l);
    CHECK_INT(count, 4);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(order[i], i + 1);
    }
    loop_free(l);
}

struct late {
    struct loop_timer timer;
    struct loop *loop;
    int *order;
    int *count;
    int id;
    bool stops;
};

static void late_run(struct loop_timer *t)
{
    struct late *x = CONTAINER_OF(t, struct late, timer);
    x->order[(*x->count)++] = x->id;
    if (x->stops) {
        loop_stop(x->loop);
    }
}

static void test_timers_run_in_order_and_not_early(void)
{
    static const uint32_t ms[] = {30, 10, 20, 15, 40};
    static const int want[] = {1, 2, 0, 4}; /* 3 is cancelled */
    struct loop *l;
    struct late t[5];
    int order[5] = {0};
    int count = 0;
    REQUIRE(loop_new(&l) == 0);
    uint64_t start = os_monotonic_ms();
    for (int i = 0; i < 5; i++) {
        t[i] = (struct late){.loop = l, .order = order, .count = &count, .id = i, .stops = i == 4};
        loop_timer_init(&t[i].timer, late_run);
        loop_timer_set(l, &t[i].timer, ms[i]);
    }
    loop_timer_cancel(l, &t[3].timer);
    loop_timer_cancel(l, &t[3].timer); /* harmless */
    loop_run(l);
    CHECK(os_monotonic_ms() - start >= 40);
    CHECK_INT(count, 4);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(order[i], want[i]);
    }
    loop_free(l);
}

static void test_set_moves_a_timer(void)
{
    struct loop *l;
    int order[2] = {0};
    int count = 0;
    REQUIRE(loop_new(&l) == 0);
    struct late t = {.loop = l, .order = order, .count = &count, .id = 7, .stops = true};
    loop_timer_init(&t.timer, late_run);
    loop_timer_set(l, &t.timer, 3600000);
    loop_timer_set(l, &t.timer, 5);
    loop_run(l);
    CHECK_INT(count, 1);
    loop_free(l);
}

struct poster_state {
    struct loop *loop;
    int seen; /* loop thread only */
    int want;
};
struct counted {
    struct job job;
    struct poster_state *state;
    int from;
    int seq;
    int *last;
};

static void counted_run(struct job *job)
{
    struct counted *c = CONTAINER_OF(job, struct counted, job);
    CHECK_INT(c->seq, *c->last + 1);
    *c->last = c->seq;
    if (++c->state->seen == c->state->want) {
        loop_stop(c->state->loop);
    }
}

#define POSTS 5000
struct post_thread {
    struct counted jobs[POSTS];
    int last;
};

static void *post_all(void *arg)
{
    struct post_thread *t = arg;
    for (int i = 0; i < POSTS; i++) {
        loop_post(t->jobs[i].state->loop, &t->jobs[i].job);
    }
    return NULL;
}

static void test_posts_of_threads_keep_their_order(void)
{
    static struct post_thread threads[4];
    pthread_t ids[4];
    struct loop *l;
    REQUIRE(loop_new(&l) == 0);
    struct poster_state state = {.loop = l, .want = 4 * POSTS};
    for (int t = 0; t < 4; t++) {
        threads[t].last = -1;
        for (int i = 0; i < POSTS; i++) {
            threads[t].jobs[i] = (struct counted){.job = {.fn = counted_run},
                                                  .state = &state,
                                                  .from = t,
                                                  .seq = i,
                                                  .last = &threads[t].last};
        }
        pthread_create(&ids[t], NULL, post_all, &threads[t]);
    }
    loop_run(l);
    CHECK_INT(state.seen, 4 * POSTS);
    for (int t = 0; t < 4; t++) {
        pthread_join(ids[t], NULL);
    }
    loop_free(l);
}

static void test_deferred_runs_after_posted(void)
{
    struct loop *l;
    int order[3] = {0};
    int count = 0;
    REQUIRE(loop_new(&l) == 0);
    struct note deferred = {.job = {.fn = note_run}, .order = order, .count = &count, .id = 2};
    struct note posted = {
        .job = {.fn = note_stop}, .loop = l, .order = order, .count = &count, .id = 1};
    loop_defer(l, &deferred.job);
    loop_post(l, &posted.job);
    loop_run(l);
    CHECK_INT(count, 2);
    CHECK_INT(order[0], 1);
    CHECK_INT(order[1], 2);
    loop_free(l);
}

static const struct test_case cases[] = {
    {"the timer heap agrees with a naive model", test_timer_heap_random},
    {"posted jobs run in order, later", test_posts_run_in_order},
    {"timers run in order and never early", test_timers_run_in_order_and_not_early},
    {"setting a set timer moves it", test_set_moves_a_timer},
    {"jobs of four threads all run, each thread's in order",
     test_posts_of_threads_keep_their_order},
    {"deferred jobs run after posted ones", test_deferred_runs_after_posted},
};
TEST_MAIN(cases)
