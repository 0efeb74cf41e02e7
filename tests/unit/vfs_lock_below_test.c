/* SPDX-License-Identifier: Apache-2.0 */
/* Byte-range locks that the plugin hears of: wherever it stops the request, it has what the open
 * has, and nothing of what was refused. */
#include "vfs_rig.h"

#include "vfs/core.h"

#define REFUSED 700

static struct vfs_lock lock_at(uint64_t offset, bool unlock)
{
    return (struct vfs_lock){.offset = offset,
                             .length = 5,
                             .exclusive = true,
                             .fail_immediately = true,
                             .unlock = unlock};
}

static smbkit_status ask(struct rig *r, struct vfs_open *o, const struct vfs_lock *l, size_t count)
{
    return RUN(r, vfs_lock(&r->call, o, l, count));
}

static void check_held(struct vfs_open *o, uint64_t offset, bool is_held)
{
    SCOPED_LOCK(&o->node->lock);
    CHECK_INT(brlock_is_held(&o->node->locks, &o->locks, offset, 5), is_held);
}

/* stops: what is to stop at the nth call of it; NULL: nothing. */
static void script(struct rig *r, atomic_uint_fast64_t *stops, uint64_t n)
{
    struct vfs_open *a = must_open(&r->f, "file", RW, SMBKIT_OPEN_IF, 0);
    REQUIRE(a);
    r->f.fake.lock_refused = REFUSED;
    if (stops) {
        atomic_store(stops, n);
    }
    const struct vfs_lock one = lock_at(10, false);
    CHECK_INT(ask(r, a, &one, 1), 0);
    CHECK_INT(r->f.fake.locks, 1);
    const struct vfs_lock three[] = {lock_at(100, false), lock_at(200, false),
                                     lock_at(REFUSED, false)};
    CHECK_INT(ask(r, a, three, 3), S(LOCK_NOT_GRANTED));
    CHECK_INT(r->f.fake.locks, 1);
    for (unsigned i = 0; i < 3; i++) {
        check_held(a, three[i].offset, false);
    }
    CHECK_INT(ask(r, a, three, 2), 0);
    CHECK_INT(r->f.fake.locks, 3);
    /* Unlocks are done up to the one that fails. [MS-SMB2] 3.3.5.14.1 */
    const struct vfs_lock unlocks[] = {lock_at(200, true), lock_at(300, true), lock_at(10, true)};
    CHECK_INT(ask(r, a, unlocks, 3), S(RANGE_NOT_LOCKED));
    CHECK_INT(r->f.fake.locks, 2);
    check_held(a, 200, false);
    check_held(a, 10, true);
    CHECK_INT(ask(r, a, &unlocks[2], 1), 0);
    CHECK_INT(r->f.fake.locks, 1);
    check_held(a, 10, false);
    CHECK_INT(r->stops, stops != NULL);
    atomic_store(&r->f.fake.locks, 0); /* the plugin ends them with the open */
    must_close(&r->f, a);
}

#define CALLS (1 + 5 + 2 + 1 + 1)

static void unhindered(void)
{
    struct rig r;
    REQUIRE(rig_open(&r));
    script(&r, NULL, 0);
    CHECK_INT(r.f.fake.calls[FAKE_LOCK], CALLS);
    rig_close(&r);
}

static void stopped_at_each(bool pends)
{
    for (uint64_t n = 1; n <= CALLS; n++) {
        struct rig r;
        test_context("%s at call %llu", pends ? "pending" : "blocking", (unsigned long long)n);
        REQUIRE(rig_open(&r));
        script(&r, pends ? &r.f.fake.pend_at : &r.f.fake.block_at, n);
        CHECK_INT(r.f.fake.calls[FAKE_LOCK], CALLS + (pends ? 0 : 1));
        rig_close(&r);
    }
    test_context("%s", "");
}

static void pending_at_each(void)
{
    stopped_at_each(true);
}

static void blocking_at_each(void)
{
    stopped_at_each(false);
}

/* A lock that was waited for is asked for below when it is had here. */
static void waited_for(void)
{
    struct rig r;
    REQUIRE(rig_open(&r));
    struct vfs_open *a = must_open(&r.f, "file", RW, SMBKIT_OPEN_IF, 0);
    struct vfs_open *b = must_open(&r.f, "file", RW, SMBKIT_OPEN_IF, 0);
    REQUIRE(a && b);
    struct vfs_lock l = lock_at(10, false);
    CHECK_INT(ask(&r, a, &l, 1), 0);
    CHECK_INT(r.f.fake.locks, 1);
    struct vfs_lock unlock = lock_at(10, true);
    l.fail_immediately = false;
    struct waiter w;
    waiter_init(&w);
    struct vfs_call call = r.f.call;
    call.wait = &w.wait;
    CHECK_INT(vfs_lock(&call, b, &l, 1), S(WAIT));
    CHECK_INT(r.f.fake.locks, 1);
    CHECK_INT(ask(&r, a, &unlock, 1), 0);
    CHECK_INT(w.woken, 1);
    CHECK_INT(r.f.fake.locks, 0);
    CHECK_INT(vfs_lock(&call, b, &l, 1), 0);
    CHECK_INT(r.f.fake.locks, 1);
    waiter_fini(&w);
    must_close(&r.f, a);
    must_close(&r.f, b);
    rig_close(&r);
}

static const struct test_case cases[] = {{"unhindered", unhindered},
                                         {"pending at each", pending_at_each},
                                         {"blocking at each", blocking_at_each},
                                         {"waited for", waited_for}};

TEST_MAIN(cases)
