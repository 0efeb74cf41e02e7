/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin_test.h"

#include <time.h>
#include <unistd.h>

const struct smbkit_plugin *smbkit_static_delay(const struct smbkit_host_table *api);
const struct smbkit_plugin *smbkit_static_mem(const struct smbkit_host_table *api);

struct stack {
    struct pt mem;
    struct smbkit_next next;
    struct pt t;
};

static bool start(struct stack *s, const char *arg, const char *arg2)
{
    const char *args[] = {arg, arg2, NULL};
    if (!SMBKIT_OK(pt_open_volume(&s->mem, smbkit_static_mem(&pt_api), NULL, NULL))) {
        return false;
    }
    s->next = (struct smbkit_next){s->mem.p, s->mem.v};
    return SMBKIT_OK(pt_open_volume(&s->t, smbkit_static_delay(&pt_api), args, &s->next));
}

static void stop(struct stack *s)
{
    pt_close_volume(&s->t);
    pt_close_volume(&s->mem);
}

static double now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void test_sleeps(void)
{
    struct stack s;
    REQUIRE(start(&s, "write=60", NULL));
    void *f = pt_new(&s.t, "f");
    double begin = now_ms();
    CHECK_INT(pt_write(&s.t, f, 0, "x", 1), 0);
    double wrote = now_ms() - begin;
    char byte = 0;
    begin = now_ms();
    CHECK_INT(pt_read(&s.t, f, 0, &byte, 1), 1);
    double read = now_ms() - begin;
    CHECK_INT(byte, 'x');
    CHECK(wrote >= 59);
    CHECK(read < wrote);
    pt_close(&s.t, f);
    stop(&s);
}

/* NOWAIT: what would be delayed says so and has done nothing; the rest passes. */
static void test_nowait(void)
{
    struct stack s;
    REQUIRE(start(&s, "all=1", "getattr=0"));
    void *f = pt_new(&s.t, "f");
    void *g = NULL;
    s.t.op.flags = SMBKIT_OP_NOWAIT;
    CHECK_INT(pt_write(&s.t, f, 0, "x", 1), SMBKIT_STATUS_WOULD_BLOCK);
    CHECK_INT(pt_create_kind(&s.t, "g", SMBKIT_CREATE, SMBKIT_KIND_FILE, &g),
              SMBKIT_STATUS_WOULD_BLOCK);
    CHECK_INT(pt_attr(&s.t, f).size, 0);
    s.t.op.flags = 0;
    CHECK_INT(pt_try(&s.t, "g"), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    pt_close(&s.t, f);
    stop(&s);
}

static void *cancel_soon(void *flag)
{
    usleep(30000);
    atomic_store((atomic_int *)flag, 1);
    return NULL;
}

static void test_cancel(void)
{
    struct stack s;
    atomic_int cancelled = 0;
    pthread_t thread;
    REQUIRE(start(&s, "write=60000", NULL));
    void *f = pt_new(&s.t, "f");
    s.t.op.core = &cancelled;
    CHECK_INT(pthread_create(&thread, NULL, cancel_soon, &cancelled), 0);
    double begin = now_ms();
    CHECK_INT(pt_write(&s.t, f, 0, "x", 1), SMBKIT_STATUS_CANCELLED);
    CHECK(now_ms() - begin < 10000);
    pthread_join(thread, NULL);
    CHECK_INT(pt_attr(&s.t, f).size, 0);
    pt_close(&s.t, f);
    stop(&s);
}

static void test_args(void)
{
    static const struct {
        const char *arg;
        const char *says; /* NULL: good */
    } rows[] = {
        {"read=0", NULL},
        {"zero_range=3600000", NULL},
        {"all=5", NULL},
        {"read=250ms", NULL},
        {"read=1H", NULL},
        {"read=2h", "up to 1h"},
        {"read=", "read="},
        {"read=-1", "read=-1"},
        {"read=3600001", "3600001"},
        {"read=9x", "9x"},
        {"reed=5", "did you mean \"read\"?"},
        {"read=4294967297", "4294967297"},
        {"close=5", "close"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pt t;
        const char *args[] = {rows[i].arg, NULL};
        test_context("%s", rows[i].arg);
        bool good = SMBKIT_OK(pt_open_volume(&t, smbkit_static_delay(&pt_api), args, NULL));
        CHECK_INT(good, rows[i].says == NULL);
        if (good) {
            pt_close_volume(&t);
        } else {
            CHECK(strstr(t.error, rows[i].says) != NULL);
        }
    }
}

static const struct test_case cases[] = {
    {"sleeps", test_sleeps},
    {"NOWAIT", test_nowait},
    {"cancelled", test_cancel},
    {"arguments", test_args},
};

TEST_MAIN(cases)
