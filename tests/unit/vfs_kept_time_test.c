/* SPDX-License-Identifier: Apache-2.0 */
/* Times that an open keeps, by setting them or by -1, until -2. [MS-FSCC] 2.4.7 */
#include "vfs_fixture.h"

#include <unistd.h>

#include "base/str.h"
#include "vfs/core.h"
#include "vfs/info.h"

#define S(name) SMBKIT_STATUS_##name
#define FREEZE UINT64_MAX
#define THAW (UINT64_MAX - 1)
#define OLD 888888u

enum { ACCESS, WRITE, CHANGE, TIMES };

static const char *const names[TIMES] = {"access", "write", "change"};

static uint64_t time_of(struct fixture *f, struct vfs_open *o, int which)
{
    struct smbkit_attr a = {0};
    CHECK_INT(vfs_getattr(&f->call, o, 0, &a), 0);
    return which == ACCESS ? a.access_time : which == WRITE ? a.write_time : a.change_time;
}

static void set_time(struct fixture *f, struct vfs_open *o, int which, uint64_t what)
{
    const struct vfs_basic_info b = {.access_time = which == ACCESS ? what : 0,
                                     .write_time = which == WRITE ? what : 0,
                                     .change_time = which == CHANGE ? what : 0};
    CHECK_INT(vfs_set_basic(&f->call, o, &b), 0);
}

static uint8_t sd[20] = {1, 0, 0, 0x80}; /* one with nothing in it, self-relative */

/* ---- what is done ---- */

static smbkit_status do_write(struct fixture *f, struct vfs_open *o)
{
    return write_at(f, o, 0, "x");
}

static smbkit_status do_set_size(struct fixture *f, struct vfs_open *o)
{
    return vfs_set_end_of_file(&f->call, o, 100);
}

static smbkit_status do_truncate(struct fixture *f, struct vfs_open *o)
{
    return vfs_set_allocation(&f->call, o, 10);
}

static smbkit_status do_read(struct fixture *f, struct vfs_open *o)
{
    char buf[4];
    return read_at(f, o, 0, buf, sizeof(buf));
}

static smbkit_status do_security(struct fixture *f, struct vfs_open *o)
{
    return vfs_set_security(&f->call, o, SD_DACL, sd, sizeof(sd));
}

static smbkit_status do_attributes(struct fixture *f, struct vfs_open *o)
{
    const struct vfs_basic_info b = {.attributes = SMBKIT_ATTR_HIDDEN};
    return vfs_set_basic(&f->call, o, &b);
}

static smbkit_status do_rename(struct fixture *f, struct vfs_open *o)
{
    CLEANUP_MEM char *path = vfs_open_path_known(o);
    return vfs_rename(&f->call, o, str_eq(path, "f") ? "g" : "f", false);
}

#define ON(time) (1u << (time))
#define DATA (ON(ACCESS) | ON(WRITE) | ON(CHANGE))

static const struct doing {
    const char *name;
    smbkit_status (*fn)(struct fixture *f, struct vfs_open *o);
    unsigned moves; /* ON(...) of all plugins here */
} doings[] = {
    {"write", do_write, DATA},
    {"set size", do_set_size, ON(WRITE) | ON(CHANGE)},
    {"truncate", do_truncate, ON(WRITE) | ON(CHANGE)},
    {"read", do_read, 0},
    {"security", do_security, ON(CHANGE)},
    {"attributes", do_attributes, ON(CHANGE)},
    {"rename", do_rename, 0},
};

#define ACCESS_ALL (RW | SMBKIT_DELETE | SMBKIT_WRITE_DAC)

/* An open keeps one of its times, whatever it does, until it says that it goes on; the others are
 * none of that. */
static void keeps(struct fixture *f, int which, uint64_t what)
{
    struct vfs_open *o = must_open(f, "f", ACCESS_ALL, SMBKIT_CREATE, 0);
    REQUIRE(o);
    CHECK_INT(write_at(f, o, 0, "hello"), 0);
    uint64_t want = what == FREEZE ? time_of(f, o, which) : what;
    set_time(f, o, which, what);
    int other = which == WRITE ? CHANGE : WRITE;
    for (size_t i = 0; i < ARRAY_LEN(doings); i++) {
        test_context("%s of %llx, %s", names[which], (unsigned long long)what, doings[i].name);
        uint64_t before = time_of(f, o, other);
        usleep(1000);
        CHECK_INT(doings[i].fn(f, o), 0);
        CHECK_INT(time_of(f, o, which), want);
        if (doings[i].moves & ON(other)) {
            CHECK(time_of(f, o, other) > before);
        }
    }
    set_time(f, o, which, THAW);
    CHECK_INT(time_of(f, o, which), want);
    for (size_t i = 0; i < ARRAY_LEN(doings); i++) {
        test_context("%s goes on, %s", names[which], doings[i].name);
        uint64_t before = time_of(f, o, which);
        usleep(1000);
        CHECK_INT(doings[i].fn(f, o), 0);
        if (doings[i].moves & ON(which)) {
            CHECK(time_of(f, o, which) != before);
        }
    }
    CHECK_INT(vfs_set_disposition(&f->call, o, 1), 0);
    must_close(f, o);
    test_context("%s", "");
}

static void each_kept(struct fixture *f)
{
    for (int which = 0; which < TIMES; which++) {
        keeps(f, which, FREEZE);
        keeps(f, which, OLD);
    }
    fixture_close(f);
}

static void fake_keeps(void)
{
    struct fixture f = {.fake.features = SMBKIT_FEATURE_SECURITY};
    REQUIRE(fixture_fake(&f));
    each_kept(&f);
}

static void mem_keeps(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_open(&f, smbkit_static_mem(&vfs_api), false));
    each_kept(&f);
}

/* A file that is read: its access time stays, and that it was put back is no change. */
static void read_is_no_change(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "f", RW, SMBKIT_CREATE, 0);
    REQUIRE(o);
    CHECK_INT(write_at(&f, o, 0, "hello"), 0);
    set_time(&f, o, ACCESS, OLD);
    uint64_t changed = time_of(&f, o, CHANGE);
    CHECK_INT(do_read(&f, o), 0);
    CHECK_INT(time_of(&f, o, ACCESS), OLD);
    CHECK_INT(time_of(&f, o, CHANGE), changed);
    set_time(&f, o, ACCESS, THAW);
    CHECK_INT(do_read(&f, o), 0);
    CHECK(time_of(&f, o, ACCESS) != OLD);
    must_close(&f, o);
    fixture_close(&f);
}

/* What others do counts, and is what is kept from then on. */
static void others(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "f", RW, SMBKIT_CREATE, 0);
    struct vfs_open *other = must_open(&f, "f", RW, SMBKIT_OPEN, 0);
    REQUIRE(o && other);
    for (int which = 0; which < TIMES; which++) {
        test_context("%s", names[which]);
        set_time(&f, o, which, FREEZE);
        uint64_t before = time_of(&f, o, which);
        CHECK_INT(do_write(&f, o), 0);
        CHECK_INT(time_of(&f, other, which), before);
        CHECK_INT(do_write(&f, other), 0);
        uint64_t after = time_of(&f, other, which);
        CHECK(after > before);
        CHECK_INT(do_write(&f, o), 0);
        CHECK_INT(time_of(&f, other, which), after);
        set_time(&f, o, which, THAW);
    }
    test_context("%s", "");
    must_close(&f, other);
    must_close(&f, o);
    fixture_close(&f);
}

/* ---- plugins that answer later ---- */

/* A write, run again as often as it takes. */
struct writing {
    struct vfs_call call;
    struct waiter w;
    struct vfs_io io;
    struct smbkit_segment seg;
};

static void writing_init(struct writing *x, const struct fixture *f)
{
    *x = (struct writing){.call = f->call, .seg = {.base = (const uint8_t *)"x", .len = 1}};
    waiter_init(&x->w);
    x->call.wait = &x->w.wait;
    vfs_io_init(&x->io);
    x->io.length = 1;
    x->io.segs = &x->seg;
    x->io.seg_count = 1;
}

static void writing_fini(struct writing *x)
{
    vfs_io_fini(&x->io);
    waiter_fini(&x->w);
}

/* On an event loop: nothing is begun there that must be put right where one may wait; what has
 * ended is collected there. */
static void on_loop(void)
{
    struct fixture f = {0};
    struct writing x;
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "f", RW, SMBKIT_CREATE, 0);
    struct vfs_open *other = must_open(&f, "f", RW, SMBKIT_OPEN, 0);
    REQUIRE(o && other);
    set_time(&f, o, WRITE, OLD);
    writing_init(&x, &f);
    x.call.nowait = true;
    CHECK_INT(vfs_write(&x.call, o, &x.io), S(WOULD_BLOCK));
    CHECK_INT(f.fake.calls[FAKE_WRITE], 0);
    x.call.nowait = false;
    f.fake.pend = 1;
    CHECK_INT(vfs_write(&x.call, o, &x.io), S(WAIT));
    f.fake.pend = 0;
    CHECK(fake_complete(&f.fake));
    (void)vfs_wait_cancel(&x.w.wait);
    x.call.nowait = true;
    CHECK_INT(vfs_write(&x.call, o, &x.io), S(WOULD_BLOCK));
    CHECK_INT(vfs_write(&x.call, o, &x.io), S(WOULD_BLOCK));
    x.call.nowait = false;
    CHECK_INT(vfs_write(&x.call, o, &x.io), 0);
    CHECK_INT(x.io.done, 1);
    CHECK_INT(f.fake.calls[FAKE_WRITE], 1);
    CHECK_INT(time_of(&f, other, WRITE), OLD);
    /* Another open is not held up. */
    struct writing y;
    writing_init(&y, &f);
    y.call.nowait = true;
    CHECK_INT(vfs_write(&y.call, other, &y.io), 0);
    writing_fini(&y);
    writing_fini(&x);
    must_close(&f, other);
    must_close(&f, o);
    fixture_close(&f);
}

/* Two writes at once: what the first has done to the times is none to be kept. */
static void at_once(void)
{
    struct fixture f = {0};
    struct writing first;
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "f", RW, SMBKIT_CREATE, 0);
    struct vfs_open *other = must_open(&f, "f", RW, SMBKIT_OPEN, 0);
    REQUIRE(o && other);
    set_time(&f, o, WRITE, FREEZE);
    uint64_t want = time_of(&f, o, WRITE);
    writing_init(&first, &f);
    f.fake.pend = 1;
    CHECK_INT(vfs_write(&first.call, o, &first.io), S(WAIT));
    f.fake.pend = 0;
    CHECK(time_of(&f, other, WRITE) != want); /* the plugin is at it */
    CHECK_INT(time_of(&f, o, WRITE), want);
    CHECK_INT(do_write(&f, o), 0);
    CHECK(fake_complete(&f.fake));
    (void)vfs_wait_cancel(&first.w.wait);
    CHECK_INT(vfs_write(&first.call, o, &first.io), 0);
    CHECK_INT(time_of(&f, other, WRITE), want);
    CHECK_INT(do_write(&f, o), 0);
    CHECK_INT(time_of(&f, other, WRITE), want);
    writing_fini(&first);
    must_close(&f, other);
    must_close(&f, o);
    fixture_close(&f);
}

/* A write whose answer nobody collects: put back by whatever comes next. */
static void uncollected(unsigned how)
{
    struct fixture f = {0};
    struct writing x;
    const struct vfs_basic_info freeze = {.write_time = FREEZE, .change_time = FREEZE};
    const struct vfs_basic_info thaw = {.write_time = THAW, .change_time = THAW};
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "f", RW, SMBKIT_CREATE, 0);
    struct vfs_open *other = must_open(&f, "f", RW, SMBKIT_OPEN, 0);
    REQUIRE(o && other);
    uint64_t want = time_of(&f, o, WRITE);
    CHECK_INT(vfs_set_basic(&f.call, o, &freeze), 0);
    writing_init(&x, &f);
    f.fake.pend = 1;
    CHECK_INT(vfs_write(&x.call, o, &x.io), S(WAIT));
    f.fake.pend = 0;
    CHECK(fake_complete(&f.fake));
    (void)vfs_wait_cancel(&x.w.wait);
    writing_fini(&x);
    CHECK(time_of(&f, other, WRITE) > want);
    switch (how) {
    case 0:
        CHECK_INT(vfs_open_settle_times(&f.call, o), 0);
        break;
    case 1:
        CHECK_INT(time_of(&f, o, WRITE), want);
        break;
    case 2:
        CHECK_INT(vfs_set_basic(&f.call, o, &thaw), 0);
        break;
    default:
        must_close(&f, o);
        o = NULL;
        break;
    }
    CHECK_INT(time_of(&f, other, WRITE), want);
    must_close(&f, o);
    must_close(&f, other);
    fixture_close(&f);
}

static void each_uncollected(void)
{
    for (unsigned how = 0; how < 4; how++) {
        test_context("%u", how);
        uncollected(how);
    }
    test_context("%s", "");
}

static void block_setattr(struct fake_volume *v, enum fake_call call)
{
    v->blocks = call == FAKE_SETATTR;
}

/* Who may not wait is told so when times are to be put back first. */
static void looks_on_loop(void)
{
    struct fixture f = {0};
    struct smbkit_attr attr;
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "f", RW, SMBKIT_CREATE, 0);
    REQUIRE(o);
    uint64_t want = time_of(&f, o, WRITE);
    set_time(&f, o, WRITE, FREEZE);
    fake_touch(&f.fake, fake_child(&f.fake, f.fake.root, "f"));
    info_data_touched(o);
    f.fake.hook = block_setattr;
    f.call.nowait = true;
    const struct vfs_basic_info thaw = {.write_time = THAW};
    CHECK_INT(vfs_getattr(&f.call, o, 0, &attr), S(WOULD_BLOCK));
    CHECK_INT(vfs_set_basic(&f.call, o, &thaw), S(WOULD_BLOCK));
    CHECK_INT(vfs_open_settle_times(&f.call, o), S(WOULD_BLOCK));
    f.call.nowait = false;
    CHECK_INT(vfs_set_basic(&f.call, o, &thaw), 0);
    CHECK_INT(time_of(&f, o, WRITE), want);
    CHECK_INT(do_write(&f, o), 0);
    CHECK(time_of(&f, o, WRITE) > want);
    must_close(&f, o);
    fixture_close(&f);
}

static void touch_and_fail(struct fake_volume *v, enum fake_call call)
{
    if (call == FAKE_WRITE) {
        fake_touch(v, fake_child(v, v->root, "f"));
        v->fail_with = S(DISK_FULL);
        v->fail_at = 1;
    }
}

/* A write that fails may have got some way. */
static void failed(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "f", RW, SMBKIT_CREATE, 0);
    struct vfs_open *other = must_open(&f, "f", RW, SMBKIT_OPEN, 0);
    REQUIRE(o && other);
    set_time(&f, o, WRITE, OLD);
    f.fake.hook = touch_and_fail;
    CHECK_INT(do_write(&f, o), S(DISK_FULL));
    f.fake.hook = NULL;
    CHECK_INT(time_of(&f, other, WRITE), OLD);
    must_close(&f, other);
    must_close(&f, o);
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"fake_keeps", fake_keeps},
    {"mem_keeps", mem_keeps},
    {"read_is_no_change", read_is_no_change},
    {"others", others},
    {"on_loop", on_loop},
    {"at_once", at_once},
    {"failed", failed},
    {"each_uncollected", each_uncollected},
    {"looks_on_loop", looks_on_loop},
};
TEST_MAIN(cases)
