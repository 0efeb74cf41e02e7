/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/mem.h"
#include "net/net.h"
#include "os/os.h"

struct barrier {
    struct mutex lock;
    struct cond moved;
    unsigned inside;
    unsigned most;
    unsigned want;
    unsigned done;
};

struct meeting {
    struct job job;
    struct barrier *b;
};

/* Holds its thread until `want` jobs are inside at the same time. */
static void meet(struct job *job)
{
    struct barrier *b = CONTAINER_OF(job, struct meeting, job)->b;
    SCOPED_LOCK(&b->lock);
    b->inside++;
    if (b->inside > b->most) {
        b->most = b->inside;
    }
    cond_broadcast(&b->moved);
    while (b->most < b->want) {
        cond_wait(&b->moved, &b->lock);
    }
    b->inside--;
    b->done++;
    cond_broadcast(&b->moved);
}

static void barrier_init(struct barrier *b, unsigned want)
{
    *b = (struct barrier){.want = want};
    mutex_init(&b->lock);
    cond_init(&b->moved);
}

static void wait_done(struct barrier *b, unsigned n)
{
    SCOPED_LOCK(&b->lock);
    while (b->done < n) {
        cond_wait(&b->moved, &b->lock);
    }
}

static const struct work_key any = {.kind = WORK_CALL, .volume = 1, .session = 1};

/* All threads may work for one session; none is kept for log-ins and ends but one each. */
static struct workers *pool(unsigned threads, uint32_t idle_ms)
{
    const struct work_quota quota[WORK_KIND_COUNT] = {
        [WORK_LOGON] = {1, 1, 1},
        [WORK_END] = {1, 1, 1},
        [WORK_CALL] = {threads, threads, threads},
    };
    return workers_new(quota, idle_ms);
}

static void test_grows_to_its_maximum(void)
{
    struct barrier b;
    struct meeting m[20];
    barrier_init(&b, 8);
    struct workers *w = pool(8, 10000);
    REQUIRE(w);
    CHECK_INT(workers_thread_count(w), 0);
    for (int i = 0; i < 20; i++) {
        m[i] = (struct meeting){.job = {.fn = meet}, .b = &b};
        workers_post(w, &any, &m[i].job);
    }
    wait_done(&b, 20);
    CHECK_INT(b.most, 8);                 /* never more than 8 at work, and as many as that */
    CHECK(workers_thread_count(w) <= 10); /* those of the other kinds with them */
    workers_free(w);
}

static void test_idle_threads_end(void)
{
    struct barrier b;
    struct meeting m[4];
    barrier_init(&b, 4);
    struct workers *w = pool(4, 30);
    REQUIRE(w);
    for (int i = 0; i < 4; i++) {
        m[i] = (struct meeting){.job = {.fn = meet}, .b = &b};
        workers_post(w, &any, &m[i].job);
    }
    wait_done(&b, 4);
    uint64_t until = os_monotonic_ms() + 5000;
    while (workers_thread_count(w) > 0 && os_monotonic_ms() < until) {
    }
    CHECK_INT(workers_thread_count(w), 0);
    /* ... and one comes back when there is work */
    struct barrier one;
    barrier_init(&one, 1);
    struct meeting again = {.job = {.fn = meet}, .b = &one};
    workers_post(w, &any, &again.job);
    wait_done(&one, 1);
    workers_free(w);
}

/* Jobs that come just as threads give up must not be left lying. */
static void test_race_of_post_and_idle_end(void)
{
    struct workers *w = pool(1, 1);
    REQUIRE(w);
    for (int i = 0; i < 300; i++) {
        struct barrier b;
        barrier_init(&b, 1);
        struct meeting m = {.job = {.fn = meet}, .b = &b};
        workers_post(w, &any, &m.job);
        wait_done(&b, 1);
        uint64_t until = os_monotonic_ns() + 900000 + (uint64_t)(i % 40) * 10000;
        while (os_monotonic_ns() < until) {
        }
    }
    workers_free(w);
}

struct count_job {
    struct job job;
    atomic_uint *n;
};

static void count(struct job *job)
{
    atomic_fetch_add(CONTAINER_OF(job, struct count_job, job)->n, 1);
}

static void test_free_runs_what_is_queued(void)
{
    static struct count_job jobs[1000];
    atomic_uint n;
    atomic_init(&n, 0);
    struct workers *w = pool(2, 1000);
    REQUIRE(w);
    for (int i = 0; i < 1000; i++) {
        jobs[i] = (struct count_job){.job = {.fn = count}, .n = &n};
        workers_post(w, &any, &jobs[i].job);
    }
    workers_free(w);
    CHECK_INT(atomic_load(&n), 1000);
}

/* Where no thread can be had, the job is not run by who holds locks, and not queued. */
static void test_try_post(void)
{
    atomic_uint n;
    atomic_init(&n, 0);
    struct workers *w = pool(2, 10000);
    REQUIRE(w);
    struct count_job c = {.job = {.fn = count}, .n = &n};
    mem_fail_nth(1);
    CHECK(!workers_try_post(w, &any, &c.job));
    mem_fail_nth(0);
    CHECK_INT(atomic_load(&n), 0);
    CHECK_INT(workers_thread_count(w), 0);
    struct barrier b;
    barrier_init(&b, 2);
    struct meeting m[3];
    for (int i = 0; i < 3; i++) {
        m[i] = (struct meeting){.job = {.fn = meet}, .b = &b};
        CHECK(workers_try_post(w, &any, &m[i].job));
    }
    wait_done(&b, 3);
    CHECK_INT(b.most, 2);
    workers_free(w);
    CHECK_INT(atomic_load(&n), 0);
}

/* Every thread that one volume may have is stuck, with more of its jobs waiting: others are served
 * all the same. */
static void test_no_kind_and_no_volume_waits_for_another(void)
{
    const struct work_quota quota[WORK_KIND_COUNT] = {
        [WORK_LOGON] = {1, 1, 1},
        [WORK_END] = {2, 1, 1},
        [WORK_CALL] = {4, 3, 2},
    };
    const struct work_key stuck = {.kind = WORK_CALL, .volume = 1, .session = 1};
    const struct work_key others[] = {
        {.kind = WORK_LOGON},
        {.kind = WORK_END, .volume = 1, .session = 1},
        {.kind = WORK_CALL, .volume = 1, .session = 2}, /* another session */
        {.kind = WORK_CALL, .volume = 2, .session = 1}, /* another volume */
    };
    struct barrier slow;
    struct meeting held[10];
    barrier_init(&slow, 3); /* which two at a time do not reach */
    struct workers *w = workers_new(quota, 10000);
    REQUIRE(w);
    for (int i = 0; i < 10; i++) {
        held[i] = (struct meeting){.job = {.fn = meet}, .b = &slow};
        workers_post(w, &stuck, &held[i].job);
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct barrier b;
        barrier_init(&b, 1);
        struct meeting m = {.job = {.fn = meet}, .b = &b};
        workers_post(w, &others[i], &m.job);
        wait_done(&b, 1);
    }
    {
        SCOPED_LOCK(&slow.lock);
        while (slow.inside < 2) {
            cond_wait(&slow.moved, &slow.lock); /* the second's thread may still be starting */
        }
        CHECK_INT(slow.most, 2);
        slow.want = 0;
        cond_broadcast(&slow.moved);
    }
    wait_done(&slow, 10);
    CHECK_INT(slow.most, 2);
    workers_free(w);
}

static const struct test_case cases[] = {
    {"try", test_try_post},
    {"grows to its maximum and no further", test_grows_to_its_maximum},
    {"idle threads end, and come back", test_idle_threads_end},
    {"a job that meets an ending thread runs", test_race_of_post_and_idle_end},
    {"freeing runs what is queued", test_free_runs_what_is_queued},
    {"no kind and no volume waits for another", test_no_kind_and_no_volume_waits_for_another},
};
TEST_MAIN(cases)
