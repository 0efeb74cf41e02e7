/* SPDX-License-Identifier: Apache-2.0 */
#include "server/lend_priv.h"

#include "base/mem.h"
#include "os/os.h"

#define NEVER UINT64_MAX
#define STEP_MAX_MS (1u << 30) /* a loop's timer takes no more at a time */

struct lent_timer {
    struct smbkit_timer pub; /* first */
    struct lent l;
    void (*fn)(void *arg);   /* immutable after init */
    struct loop_timer timer; /* loop thread */
    uint64_t due_ms;         /* guarded by lv->lock; NEVER: not set */
};

static void timer_arm_locked(struct lent_timer *t)
{
    uint64_t now = os_monotonic_ms();
    if (t->due_ms == NEVER) {
        loop_timer_cancel(t->l.loop, &t->timer);
        return;
    }
    uint64_t ms = t->due_ms > now ? t->due_ms - now : 0;
    loop_timer_set(t->l.loop, &t->timer, (uint32_t)MIN(ms, (uint64_t)STEP_MAX_MS));
}

static void timer_job(struct job *job)
{
    struct lent_timer *t = CONTAINER_OF(job, struct lent_timer, l.job);
    mutex_lock(&t->l.lv->lock);
    t->l.is_posted = false;
    if (t->l.is_over) {
        loop_timer_cancel(t->l.loop, &t->timer);
        t->l.on_loop = false;
    } else {
        timer_arm_locked(t);
    }
    lent_unlock(&t->l);
}

static void timer_fired(struct loop_timer *timer)
{
    struct lent_timer *t = CONTAINER_OF(timer, struct lent_timer, timer);
    mutex_lock(&t->l.lv->lock);
    if (!t->l.is_over && t->due_ms <= os_monotonic_ms()) {
        t->due_ms = NEVER;
        lent_run_begin(&t->l);
        t->fn(t->l.arg);
        lent_run_end(&t->l);
    } else if (!t->l.is_over) {
        timer_arm_locked(t); /* put off meanwhile, or far away */
    }
    lent_unlock(&t->l);
}

struct smbkit_timer *lend_timer_new(const struct vfs_services *s, void (*fn)(void *arg), void *arg)
{
    struct lent_timer *t = mem_zalloc(sizeof(*t));
    if (!t || !lent_init(volume_of(s), &t->l, t, arg)) {
        mem_free(t);
        return NULL;
    }
    t->pub.services = s;
    t->fn = fn;
    t->due_ms = NEVER;
    t->l.job.fn = timer_job;
    loop_timer_init(&t->timer, timer_fired);
    return &t->pub;
}

void lend_timer_set(struct smbkit_timer *timer, uint64_t ms)
{
    struct lent_timer *t = CONTAINER_OF(timer, struct lent_timer, pub);
    uint64_t now = os_monotonic_ms();
    SCOPED_LOCK(&t->l.lv->lock);
    if (!t->l.is_over) {
        t->due_ms = ms < NEVER - now ? now + ms : NEVER;
        t->l.on_loop = true;
        lent_post_locked(&t->l);
    }
}

void lend_timer_free(struct smbkit_timer *timer)
{
    lent_free(&CONTAINER_OF(timer, struct lent_timer, pub)->l);
}
