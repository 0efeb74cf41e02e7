/* SPDX-License-Identifier: Apache-2.0 */
#include "server/alarm.h"

static void fired(struct loop_timer *t)
{
    struct alarm *a = CONTAINER_OF(t, struct alarm, timer);
    a->fn(a->arg);
}

static void arm(struct job *job)
{
    struct alarm *a = CONTAINER_OF(job, struct alarm, job);
    /* relaxed: posting orders it */
    loop_timer_set(a->loop, &a->timer, atomic_load_explicit(&a->ms, memory_order_relaxed));
}

void alarm_init(struct alarm *a, struct loop *loop, void (*fn)(void *arg), void *arg)
{
    *a = (struct alarm){.loop = loop, .fn = fn, .arg = arg};
    list_init(&a->job.link);
    a->job.fn = arm;
    loop_timer_init(&a->timer, fired);
}

void alarm_set(struct alarm *a, uint32_t ms)
{
    atomic_store_explicit(&a->ms, ms, memory_order_relaxed); /* as above */
    loop_post(a->loop, &a->job);
}
