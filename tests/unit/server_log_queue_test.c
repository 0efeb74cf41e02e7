/* SPDX-License-Identifier: Apache-2.0 */
#include "server/log_queue.h"

#include <unistd.h>

#include "base/mem.h"
#include "os/sync.h"
#include "test.h"

/* Where lines go; takes none while it is shut. */
struct drain {
    struct mutex lock;
    struct cond changed;
    bool is_shut;
    unsigned lines;
    uint64_t dropped;
    char last[64];
};

static void drain_write(void *arg, int severity, const void *line, size_t len)
{
    struct drain *d = arg;
    SCOPED_LOCK(&d->lock);
    while (d->is_shut) {
        cond_wait(&d->changed, &d->lock);
    }
    CHECK_INT(severity, 4);
    d->lines++;
    snprintf(d->last, sizeof(d->last), "%.*s", (int)MIN(len, sizeof(d->last)), (const char *)line);
}

static void drain_dropped(void *arg, uint64_t count)
{
    struct drain *d = arg;
    SCOPED_LOCK(&d->lock);
    d->dropped += count;
}

static const struct log_queue_ops ops = {drain_write, drain_dropped};

static void drain_init(struct drain *d, bool is_shut)
{
    *d = (struct drain){.is_shut = is_shut};
    mutex_init(&d->lock);
    cond_init(&d->changed);
}

static void drain_open(struct drain *d)
{
    SCOPED_LOCK(&d->lock);
    d->is_shut = false;
    cond_broadcast(&d->changed);
}

static void drain_fini(struct drain *d)
{
    cond_fini(&d->changed);
    mutex_fini(&d->lock);
}

static void put(struct log_queue *q, unsigned n)
{
    char line[32];
    snprintf(line, sizeof(line), "line %u", n);
    log_queue_put(q, 4, line, strlen(line));
}

static void test_in_order(void)
{
    struct drain d;
    drain_init(&d, false);
    struct log_queue *q = log_queue_new(&ops, &d);
    REQUIRE(q);
    for (unsigned i = 0; i < 1000; i++) {
        put(q, i);
    }
    CHECK(log_queue_close(q));
    CHECK_INT(d.lines, 1000);
    CHECK_INT(d.dropped, 0);
    CHECK_STR(d.last, "line 999");
    drain_fini(&d);
}

/* Nobody takes anything: who logs goes on, the queue has its bound, and what was lost is told. */
static void test_blocked(void)
{
    enum { LINES = 400000 };
    struct drain d;
    drain_init(&d, true);
    struct log_queue *q = log_queue_new(&ops, &d);
    REQUIRE(q);
    for (unsigned i = 0; i < LINES; i++) {
        put(q, i);
    }
    drain_open(&d);
    CHECK(log_queue_close(q));
    CHECK(d.lines > 1000 && d.dropped > 1000);
    CHECK_INT(d.lines + d.dropped, LINES);
    drain_fini(&d);
}

/* The end does not wait for ever. */
static void test_stuck(void)
{
    static struct drain d; /* the thread keeps it */
    drain_init(&d, true);
    struct log_queue *q = log_queue_new(&ops, &d);
    REQUIRE(q);
    put(q, 1);
    CHECK(!log_queue_close(q));
    drain_open(&d);
    CHECK(log_queue_close(q)); /* so that the test leaves nothing */
    CHECK_INT(d.lines, 1);
    drain_fini(&d);
}

static void test_too_long(void)
{
    struct drain d;
    drain_init(&d, false);
    struct log_queue *q = log_queue_new(&ops, &d);
    REQUIRE(q);
    char *line = mem_zalloc(LOG_QUEUE_BYTES);
    log_queue_put(q, 4, line, LOG_QUEUE_BYTES);
    put(q, 1);
    CHECK(log_queue_close(q));
    CHECK(d.dropped >= 1);
    CHECK_INT(d.lines + d.dropped, 2);
    mem_free(line);
    drain_fini(&d);
}

static const struct test_case cases[] = {
    {"in order", test_in_order},
    {"nobody takes the lines", test_blocked},
    {"the end with a stuck writer", test_stuck},
    {"a line that never fits", test_too_long},
};
TEST_MAIN(cases)
