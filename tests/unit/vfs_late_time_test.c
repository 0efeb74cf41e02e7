/* SPDX-License-Identifier: Apache-2.0 */
/* When the time of a write is told: at once, or late. The clock is the test's; the plugin's times
 * are those of the machine, so only their order counts. */
#include "vfs_fixture.h"

#include "base/time.h"
#include "vfs/late_time.h"

static uint64_t time_us;

static uint64_t clock_us(void)
{
    return time_us;
}

static uint64_t told(struct fixture *f, struct vfs_open *o)
{
    struct smbkit_attr attr = {0};
    CHECK_INT(vfs_getattr(&f->call, o, 0, &attr), SMBKIT_STATUS_SUCCESS);
    return attr.write_time;
}

/* Long ago, so that whatever the plugin notes is later. */
#define BEFORE (1000 * FILETIME_PER_SEC)

static struct vfs_open *old_file(struct fixture *f)
{
    const struct vfs_basic_info b = {.write_time = BEFORE};
    struct vfs_open *o = must_open(f, "f", RW, SMBKIT_OPEN_IF, 0);
    CHECK_INT(vfs_set_basic(&f->call, o, &b), SMBKIT_STATUS_SUCCESS);
    must_close(f, o);
    o = must_open(f, "f", RW, SMBKIT_OPEN, 0);
    CHECK_INT(told(f, o), BEFORE);
    return o;
}

static void at_once(struct fixture *f)
{
    struct vfs_open *o = old_file(f);
    CHECK_INT(write_at(f, o, 0, "x"), SMBKIT_STATUS_SUCCESS);
    CHECK(told(f, o) > BEFORE);
    must_close(f, o);
}

static smbkit_status flush(struct fixture *f, struct vfs_open *o)
{
    struct vfs_io io;
    vfs_io_init(&io);
    smbkit_status st = vfs_flush(&f->call, o, &io);
    vfs_io_fini(&io);
    return st;
}

/* After two seconds, told by any handle; what is written then waits for the close, as of then. */
static void late(struct fixture *f)
{
    struct smbkit_attr attr;
    vfs_volume_habits_set(f->v, VFS_LATE_TIMES);
    struct vfs_open *o = old_file(f);
    struct vfs_open *other = must_open(f, "f", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(f, o, 0, "x"), SMBKIT_STATUS_SUCCESS);
    time_us += LATE_TIME_US - 1;
    CHECK_INT(told(f, o), BEFORE);
    CHECK_INT(told(f, other), BEFORE);
    must_close(f, other); /* has written nothing */
    CHECK_INT(told(f, o), BEFORE);
    time_us++;
    uint64_t first = told(f, o);
    CHECK(first > BEFORE);
    CHECK_INT(write_at(f, o, 0, "y"), SMBKIT_STATUS_SUCCESS);
    time_us += 10 * LATE_TIME_US;
    CHECK_INT(told(f, o), first);
    CHECK_INT(vfs_close(&f->call, o, &attr), SMBKIT_STATUS_SUCCESS);
    CHECK(attr.write_time >= first + 100 * LATE_TIME_US);
    o = must_open(f, "f", RW, SMBKIT_OPEN, 0);
    CHECK_INT(told(f, o), attr.write_time);
    must_close(f, o);
}

/* What brings it up. */
static void brought_up(struct fixture *f)
{
    vfs_volume_habits_set(f->v, VFS_LATE_TIMES);
    const struct vfs_basic_info nothing = {0};
    for (unsigned i = 0; i < 3; i++) {
        struct vfs_open *o = old_file(f);
        CHECK_INT(write_at(f, o, 0, "x"), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(told(f, o), BEFORE);
        smbkit_status st = i == 0   ? flush(f, o)
                           : i == 1 ? vfs_set_end_of_file(&f->call, o, 1)
                                    : vfs_set_basic(&f->call, o, &nothing);
        CHECK_INT(st, SMBKIT_STATUS_SUCCESS);
        uint64_t now = told(f, o);
        CHECK(now > BEFORE);
        struct smbkit_attr attr;
        time_us += LATE_TIME_US;
        CHECK_INT(vfs_close(&f->call, o, &attr), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(attr.write_time, now); /* nothing is left to tell */
    }
}

/* A time that was set, or frozen by -1, stays; -2 lets writes count again. */
static void frozen(struct fixture *f)
{
    vfs_volume_habits_set(f->v, VFS_LATE_TIMES);
    const struct vfs_basic_info freeze = {.write_time = UINT64_MAX};
    const struct vfs_basic_info thaw = {.write_time = UINT64_MAX - 1};
    struct smbkit_attr attr;
    struct vfs_open *o = old_file(f);
    CHECK_INT(vfs_set_basic(&f->call, o, &freeze), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(write_at(f, o, 0, "x"), SMBKIT_STATUS_SUCCESS);
    time_us += LATE_TIME_US;
    CHECK_INT(told(f, o), BEFORE);
    CHECK_INT(vfs_set_basic(&f->call, o, &thaw), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(write_at(f, o, 0, "x"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(told(f, o), BEFORE);
    time_us += LATE_TIME_US;
    CHECK(told(f, o) > BEFORE);
    must_close(f, o);
    o = old_file(f);
    CHECK_INT(vfs_set_basic(&f->call, o, &freeze), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(write_at(f, o, 0, "x"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(vfs_close(&f->call, o, &attr), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(attr.write_time, BEFORE);
}

/* What is written by a handle whose time is fixed is none of the late ones, nor told by its close.
 */
static void frozen_beside(struct fixture *f)
{
    vfs_volume_habits_set(f->v, VFS_LATE_TIMES);
    const struct vfs_basic_info freeze = {.write_time = UINT64_MAX};
    struct vfs_open *o = old_file(f);
    struct vfs_open *other = must_open(f, "f", RW, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_set_basic(&f->call, o, &freeze), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(write_at(f, other, 0, "x"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(write_at(f, o, 0, "y"), SMBKIT_STATUS_SUCCESS);
    must_close(f, o);
    CHECK_INT(told(f, other), BEFORE);
    must_close(f, other);
}

/* As its close would tell it, which has nothing left to tell. */
static void settled(struct fixture *f)
{
    vfs_volume_habits_set(f->v, VFS_LATE_TIMES);
    struct smbkit_attr now, attr;
    struct vfs_open *o = old_file(f);
    CHECK_INT(write_at(f, o, 0, "x"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(vfs_open_settle_times(&f->call, o), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(vfs_getattr(&f->call, o, 0, &now), SMBKIT_STATUS_SUCCESS);
    CHECK(now.write_time > BEFORE);
    CHECK_INT(vfs_close(&f->call, o, &attr), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(attr.write_time, now.write_time);
    CHECK_INT(attr.change_time, now.change_time);
}

static void fail_write(struct fake_volume *v, enum fake_call call)
{
    if (call == FAKE_WRITE) {
        v->fail_with = SMBKIT_STATUS_DISK_FULL;
        v->fail_at = 1;
    }
}

/* A write that fails does not hold the time for longer than its handle is open. */
static void test_failed(void)
{
    struct fixture f = {.nodes = vfs_nodes_new(1, clock_us)};
    REQUIRE(f.nodes && fixture_fake(&f));
    vfs_volume_habits_set(f.v, VFS_LATE_TIMES);
    struct vfs_open *o = must_open(&f, "f", RW, SMBKIT_CREATE, 0);
    struct vfs_open *other = must_open(&f, "f", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, o, 0, "x"), SMBKIT_STATUS_SUCCESS);
    time_us += LATE_TIME_US;
    uint64_t first = told(&f, o);
    f.fake.hook = fail_write;
    CHECK_INT(write_at(&f, o, 0, "y"), SMBKIT_STATUS_DISK_FULL);
    f.fake.hook = NULL;
    fake_touch(&f.fake, fake_child(&f.fake, f.fake.root, "f")); /* by somebody on the host */
    CHECK_INT(told(&f, other), first);
    must_close(&f, o);
    CHECK(told(&f, other) > first);
    must_close(&f, other);
    fixture_close(&f);
    vfs_nodes_unref(f.nodes);
}

static void with_mem(void (*fn)(struct fixture *f))
{
    struct fixture f = {.nodes = vfs_nodes_new(1, clock_us)};
    REQUIRE(f.nodes && fixture_open(&f, smbkit_static_mem(&vfs_api), false));
    fn(&f);
    fixture_close(&f);
    vfs_nodes_unref(f.nodes);
}

static void test_at_once(void)
{
    with_mem(at_once);
}

static void test_late(void)
{
    with_mem(late);
}

static void test_frozen_beside(void)
{
    with_mem(frozen_beside);
}

static void test_brought_up(void)
{
    with_mem(brought_up);
}

static void test_frozen(void)
{
    with_mem(frozen);
}

static void test_settled(void)
{
    with_mem(settled);
}

static const struct test_case cases[] = {
    {"at_once", test_at_once},
    {"late", test_late},
    {"brought_up", test_brought_up},
    {"frozen", test_frozen},
    {"frozen_beside", test_frozen_beside},
    {"failed", test_failed},
    {"settled", test_settled},
};
TEST_MAIN(cases)
