/* SPDX-License-Identifier: Apache-2.0 */
/* Threads and the locks of os/sync.h; clocks, random numbers, host. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "os/os.h"
#include "os/sync.h"
#include "test.h"

#define THREADS 4u
#define ROUNDS 20000u

struct shared {
    struct mutex lock;
    struct cond changed;
    unsigned count; /* guarded by lock */
    bool go;        /* guarded by lock */
    char name[16];
    size_t signal_stack_bytes;
};

static void count_up(void *arg)
{
    struct shared *s = arg;
    mutex_lock(&s->lock);
    while (!s->go) {
        cond_wait(&s->changed, &s->lock);
    }
    mutex_unlock(&s->lock);
    for (unsigned i = 0; i < ROUNDS; i++) {
        SCOPED_LOCK(&s->lock);
        s->count++;
    }
}

static void start_and_join(void)
{
    struct shared s = {0};
    struct os_thread *threads[THREADS];
    mutex_init(&s.lock);
    cond_init(&s.changed);
    for (unsigned i = 0; i < THREADS; i++) {
        REQUIRE(os_thread_start(&threads[i], "counter", count_up, &s) == 0);
    }
    mutex_lock(&s.lock);
    CHECK_INT(s.count, 0);
    s.go = true;
    cond_broadcast(&s.changed);
    mutex_unlock(&s.lock);
    for (unsigned i = 0; i < THREADS; i++) {
        os_thread_join(threads[i]);
    }
    CHECK_INT(s.count, THREADS * ROUNDS);
    cond_fini(&s.changed);
    mutex_fini(&s.lock);
}

static void look_around(void *arg)
{
    struct shared *s = arg;
    stack_t stack = {0};
    pthread_getname_np(pthread_self(), s->name, sizeof(s->name));
    sigaltstack(NULL, &stack);
    s->signal_stack_bytes = stack.ss_flags & SS_DISABLE ? 0 : stack.ss_size;
}

static void name_and_signal_stack(void)
{
    static const struct {
        const char *name;
        const char *want;
    } cases[] = {{"loop", "loop"},
                 {"fifteen-bytes-x", "fifteen-bytes-x"},
                 {"sixteen-bytes-xy", "sixteen-bytes-x"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct shared s = {0};
        struct os_thread *t;
        test_context("%s", cases[i].name);
        REQUIRE(os_thread_start(&t, cases[i].name, look_around, &s) == 0);
        os_thread_join(t);
        CHECK_STR(s.name, cases[i].want);
        CHECK(s.signal_stack_bytes >= 65536);
    }
}

static void no_memory(void)
{
    struct os_thread *t = (struct os_thread *)&t;
    mem_fail_nth(1);
    CHECK_INT(os_thread_start(&t, "x", look_around, NULL), -ENOMEM);
    CHECK(t == NULL);
    mem_fail_nth(0);
}

static void references(void)
{
    struct refcount r;
    refcount_init(&r);
    refcount_get(&r);
    CHECK(!refcount_put(&r));
    CHECK(refcount_put(&r));
}

static void clocks(void)
{
    uint64_t ms = os_monotonic_ms();
    uint64_t ns = os_monotonic_ns();
    uint64_t now = os_time_now();
    int64_t sec;
    uint32_t nsec;
    filetime_to_unix(now, &sec, &nsec);
    CHECK(sec >= (int64_t)time(NULL) - 2 && sec <= (int64_t)time(NULL) + 2);
    CHECK(ns / 1000000 >= ms && ns / 1000000 < ms + 1000);
    usleep(3000);
    CHECK(os_monotonic_ns() - ns >= 3000000);
    CHECK(os_monotonic_ms() >= ms + 2);
    CHECK(os_time_now() > now);
}

static void random_differs(void)
{
    uint8_t a[4096] = {0};
    uint8_t b[4096] = {0};
    unsigned bits = 0;
    os_random(a, sizeof(a));
    os_random(b, sizeof(b));
    os_random(NULL, 0);
    CHECK(memcmp(a, b, sizeof(a)) != 0);
    for (size_t i = 0; i < sizeof(a); i++) {
        bits += (unsigned)__builtin_popcount(a[i]);
    }
    /* 32768 coins: ten standard deviations are 905 */
    CHECK(bits > 16384 - 905 && bits < 16384 + 905);
    os_random(a, 1);
    CHECK(memcmp(a + 4080, b + 4080, 16) != 0); /* filled to the end */
}

static void host(void)
{
    char name[256] = "";
    char cut[3] = "##";
    CHECK(os_cpu_count() >= 1);
    os_hostname(name, sizeof(name));
    os_hostname(cut, 2);
    CHECK(name[0] != '\0' && strlen(name) < sizeof(name));
    CHECK_INT(cut[0], name[0]);
    CHECK_INT(cut[1], '\0');
}

static const struct test_case cases[] = {
    {"start_and_join", start_and_join},
    {"name_and_signal_stack", name_and_signal_stack},
    {"no_memory", no_memory},
    {"references", references},
    {"clocks", clocks},
    {"random_differs", random_differs},
    {"host", host},
};
TEST_MAIN(cases)
