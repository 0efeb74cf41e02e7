/* SPDX-License-Identifier: Apache-2.0 */
/* What waits and is woken: oplock breaks, notifications, close. */
#include "vfs_fixture.h"

#include "vfs/wait.h"

#define S(name) SMBKIT_STATUS_##name

/* An open with an oplock. */
static struct vfs_open *open_oplock(struct fixture *f, const char *path, uint8_t level,
                                    struct breaks *b, uint8_t *level_r)
{
    struct vfs_create_in in = create_in(f, path);
    in.desired_access |= SMBKIT_DELETE;
    in.oplock_level = level;
    in.owner = (struct vfs_owner){.oplock_break = breaks_cb, .arg = b};
    struct vfs_create_out out;
    smbkit_status st = vfs_create(&f->call, &in, &out);
    CHECK_INT(st, 0);
    *level_r = out.oplock_level;
    return out.open;
}

/* [MS-FSA] 2.1.5.8: what is no range breaks nothing. */
static void lock_breaks(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct breaks b = {0};
    uint8_t level;
    struct vfs_open *o = open_oplock(&f, "file", VFS_OPLOCK_II, &b, &level);
    struct vfs_open *other = must_open(&f, "file", RW, SMBKIT_OPEN, 0);
    REQUIRE(o && other);
    CHECK_INT(level, VFS_OPLOCK_II);
    struct vfs_lock l = {.offset = UINT64_MAX, .length = 2, .fail_immediately = true};
    CHECK_INT(vfs_lock(&f.call, other, &l, 1), S(INVALID_LOCK_RANGE));
    CHECK_INT(b.count, 0);
    CHECK_INT(vfs_oplock_level(o), VFS_OPLOCK_II);
    l.length = 1; /* the last byte that there is */
    CHECK_INT(vfs_lock(&f.call, other, &l, 1), 0);
    CHECK_INT(b.count, 1);
    CHECK_INT(vfs_oplock_level(o), VFS_OPLOCK_NONE);
    must_close(&f, o);
    must_close(&f, other);
    fixture_close(&f);
}

/* Who ends the break? */
enum ending { ACK, WRONG_ACK, TIMEOUT, CLOSE, ENDINGS };

static void oplock_break_ends(void)
{
    for (int how = 0; how < ENDINGS; how++) {
        struct fixture f = {0};
        REQUIRE(fixture_fake(&f));
        test_context("ending %d", how);
        struct breaks b = {0};
        uint8_t level;
        struct vfs_open *o = open_oplock(&f, "file", VFS_OPLOCK_BATCH, &b, &level);
        CHECK_INT(level, VFS_OPLOCK_BATCH);
        struct waiter w;
        waiter_init(&w);
        struct vfs_call call = f.call;
        call.wait = &w.wait;
        struct vfs_create_in in = create_in(&f, "file");
        struct vfs_create_out out;
        CHECK_INT(vfs_create(&call, &in, &out), S(WAIT));
        CHECK_INT(b.count, 1);
        CHECK_INT(b.to, VFS_OPLOCK_II);
        CHECK(b.ack);
        CHECK_INT(f.fake.files, 1);                       /* the waiting one keeps nothing */
        CHECK_INT(vfs_create(&call, &in, &out), S(WAIT)); /* asked again too early */
        CHECK_INT(b.count, 1);
        /* Attributes alone wait for nobody. */
        struct vfs_create_in stat = in;
        stat.desired_access = SMBKIT_READ_ATTRIBUTES;
        CHECK_INT(try_open(&f, &stat), 0);
        uint8_t now;
        if (how == ACK) {
            CHECK_INT(w.woken, 0);
            CHECK_INT(vfs_oplock_ack(o, VFS_OPLOCK_II, &now), 0);
            CHECK_INT(now, VFS_OPLOCK_II);
        } else if (how == WRONG_ACK) {
            CHECK_INT(vfs_oplock_ack(o, VFS_OPLOCK_BATCH, &now), S(INVALID_OPLOCK_PROTOCOL));
            CHECK_INT(now, VFS_OPLOCK_NONE);
        } else if (how == TIMEOUT) {
            vfs_oplock_timeout(o);
            CHECK_INT(vfs_oplock_level(o), VFS_OPLOCK_NONE);
        } else {
            must_close(&f, o);
            o = NULL;
        }
        CHECK_INT(w.woken, 1);
        CHECK_INT(vfs_create(&call, &in, &out), 0);
        if (how == ACK) {
            /* Level II goes when the other writes, without an acknowledgement. */
            CHECK_INT(write_at(&f, out.open, 0, "x"), 0);
            CHECK_INT(b.count, 2);
            CHECK_INT(b.to, VFS_OPLOCK_NONE);
            CHECK(!b.ack);
            CHECK_INT(vfs_oplock_ack(o, VFS_OPLOCK_NONE, &now), S(INVALID_OPLOCK_PROTOCOL));
        }
        must_close(&f, out.open);
        must_close(&f, o);
        waiter_fini(&w);
        fixture_close(&f);
    }
    test_context("%s", "");
}

static void batch_breaks_before_sharing(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct breaks b = {0};
    struct vfs_create_in in = create_in(&f, "file");
    in.share_access = 0;
    in.oplock_level = VFS_OPLOCK_BATCH;
    in.owner = (struct vfs_owner){.oplock_break = breaks_cb, .arg = &b};
    struct vfs_create_out first, second;
    REQUIRE(SMBKIT_OK(vfs_create(&f.call, &in, &first)));
    struct waiter w;
    waiter_init(&w);
    struct vfs_call call = f.call;
    call.wait = &w.wait;
    in.owner = (struct vfs_owner){0};
    CHECK_INT(vfs_create(&call, &in, &second), S(WAIT));
    CHECK_INT(b.count, 1);
    CHECK(vfs_wait_cancel(&w.wait));
    CHECK(!vfs_wait_cancel(&w.wait));
    uint8_t now;
    CHECK_INT(vfs_oplock_ack(first.open, VFS_OPLOCK_II, &now), 0);
    CHECK_INT(w.woken, 0); /* cancelled */
    CHECK_INT(vfs_create(&call, &in, &second), S(SHARING_VIOLATION));
    must_close(&f, first.open);

    /* An exclusive one does not break for who cannot come in anyway. */
    b.count = 0;
    in.owner = (struct vfs_owner){.oplock_break = breaks_cb, .arg = &b};
    in.oplock_level = VFS_OPLOCK_EXCLUSIVE;
    REQUIRE(SMBKIT_OK(vfs_create(&f.call, &in, &first)));
    CHECK_INT(first.oplock_level, VFS_OPLOCK_EXCLUSIVE);
    CHECK_INT(vfs_create(&call, &in, &second), S(SHARING_VIOLATION));
    CHECK_INT(b.count, 0);
    must_close(&f, first.open);
    waiter_fini(&w);
    fixture_close(&f);
}

static void complete_if_oplocked(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct breaks b = {0};
    uint8_t level;
    struct vfs_open *o = open_oplock(&f, "file", VFS_OPLOCK_BATCH, &b, &level);
    struct vfs_create_in in = create_in(&f, "file");
    in.options = VFS_COMPLETE_IF_OPLOCKED;
    struct vfs_create_out out;
    CHECK_INT(vfs_create(&f.call, &in, &out), S(OPLOCK_BREAK_IN_PROGRESS));
    CHECK_INT(b.count, 1);
    must_close(&f, out.open);
    must_close(&f, o);
    fixture_close(&f);
}

static void *open_blocking(void *arg)
{
    struct fixture *f = arg;
    struct vfs_create_in in = create_in(f, "file");
    smbkit_status st = try_open(f, &in);
    return (void *)(intptr_t)st;
}

/* Without a place to wait the call itself waits. */
static void blocks_without_wait(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct breaks b = {0};
    uint8_t level;
    struct vfs_open *o = open_oplock(&f, "file", VFS_OPLOCK_BATCH, &b, &level);
    pthread_t t;
    pthread_create(&t, NULL, open_blocking, &f);
    while (atomic_load(&b.count) == 0) {
        sched_yield();
    }
    vfs_oplock_timeout(o);
    void *st;
    pthread_join(t, &st);
    CHECK_INT((intptr_t)st, 0);
    must_close(&f, o);
    fixture_close(&f);
}

struct events {
    char text[256];
};

static void event(void *arg, const struct vfs_notify_event *e)
{
    struct events *ev = arg;
    size_t len = strlen(ev->text);
    snprintf(ev->text + len, sizeof(ev->text) - len, "%u:%s ", e->action, e->name);
}

/* Of two queries of one open the earlier gets what happened, whoever looks first: given up, the
 * later has its turn. */
static void notify_turns(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "d", true);
    struct vfs_open *d = must_open(&f, "d", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    REQUIRE(d);
    struct events ev = {""};
    struct waiter w[2];
    struct vfs_notify_turn turns[2];
    struct vfs_call calls[2];
    struct vfs_notify_query q[2];
    for (int i = 0; i < 2; i++) {
        waiter_init(&w[i]);
        vfs_notify_turn_init(&turns[i]);
        calls[i] = f.call;
        calls[i].wait = &w[i].wait;
        q[i] = (struct vfs_notify_query){
            .filter = 0xfff, .max_bytes = 4096, .event = event, .arg = &ev, .turn = &turns[i]};
        CHECK_INT(vfs_notify(&calls[i], d, &q[i]), S(WAIT));
    }
    make(&f, "d/one", false);
    CHECK_INT(w[1].woken, 1);
    CHECK_INT(vfs_notify(&calls[1], d, &q[1]), S(WAIT));
    CHECK_STR(ev.text, "");
    CHECK_INT(vfs_notify(&calls[0], d, &q[0]), 0);
    CHECK_STR(ev.text, "1:one ");
    vfs_notify_turn_end(&turns[0]);
    ev.text[0] = 0;
    CHECK_INT(vfs_notify(&calls[0], d, &q[0]), S(WAIT)); /* it is the later one now */
    make(&f, "d/two", false);
    CHECK_INT(vfs_notify(&calls[0], d, &q[0]), S(WAIT));
    CHECK_STR(ev.text, "");
    int before = w[0].woken;
    vfs_notify_turn_end(&turns[1]);
    CHECK_INT(w[0].woken, before + 1);
    CHECK_INT(vfs_notify(&calls[0], d, &q[0]), 0);
    CHECK_STR(ev.text, "1:two ");
    for (int i = 0; i < 2; i++) {
        vfs_notify_turn_end(&turns[i]);
        waiter_fini(&w[i]);
    }
    must_close(&f, d);
    fixture_close(&f);
}

static void notifications(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "d", true);
    make(&f, "d/sub", true);
    struct vfs_open *d = must_open(&f, "d", SMBKIT_READ_DATA | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    REQUIRE(d);
    struct waiter w;
    waiter_init(&w);
    struct vfs_call call = f.call;
    call.wait = &w.wait;
    struct events ev = {""};
    struct vfs_notify_query q = {
        .filter = 0xfff, .tree = true, .max_bytes = 4096, .event = event, .arg = &ev};
    CHECK_INT(vfs_notify(&call, d, &q), S(WAIT));
    make(&f, "elsewhere", false);
    CHECK_INT(w.woken, 0);
    struct vfs_open *o = must_open(&f, "d/sub/new", RW | SMBKIT_DELETE, SMBKIT_CREATE, 0);
    REQUIRE(o);
    CHECK_INT(w.woken, 1);
    CHECK_INT(vfs_rename(&f.call, o, "d/sub/moved", false), 0);
    CHECK_INT(write_at(&f, o, 0, "x"), 0);
    CHECK_INT(vfs_set_disposition(&f.call, o, 1), 0);
    must_close(&f, o);
    CHECK_INT(vfs_notify(&call, d, &q), 0);
    CHECK_STR(ev.text, "1:sub/new 4:sub/new 5:sub/moved 3:sub/moved 2:sub/moved ");
    CHECK_INT(vfs_notify(&call, d, &q), S(WAIT));
    ev.text[0] = 0;
    smbkit_changed(f.fake.host, "d/outside", SMBKIT_CHANGE_ADDED | SMBKIT_CHANGED_FILE_NAME);
    CHECK_INT(w.woken, 2);
    CHECK_INT(vfs_notify(&call, d, &q), 0);
    CHECK_STR(ev.text, "1:outside ");
    smbkit_changed(f.fake.host, "", SMBKIT_CHANGE_OVERFLOW);
    CHECK_INT(vfs_notify(&call, d, &q), S(NOTIFY_ENUM_DIR));
    q.max_bytes = 16;
    CHECK_INT(vfs_notify(&call, d, &q), S(WAIT));
    make(&f, "d/a-name-that-is-longer-than-that", false);
    CHECK_INT(vfs_notify(&call, d, &q), S(NOTIFY_ENUM_DIR));

    /* The directory goes away; then the open. */
    struct vfs_open *x = must_open(&f, "d/a-name-that-is-longer-than-that", SMBKIT_DELETE,
                                   SMBKIT_OPEN, VFS_DELETE_ON_CLOSE);
    must_close(&f, x);
    x = must_open(&f, "d/sub", SMBKIT_DELETE, SMBKIT_OPEN, VFS_DELETE_ON_CLOSE);
    must_close(&f, x);
    while (vfs_notify(&call, d, &q) != S(WAIT)) {
    }
    int before = w.woken;
    CHECK_INT(vfs_set_disposition(&f.call, d, 1), 0);
    CHECK_INT(w.woken, before + 1);
    CHECK_INT(vfs_notify(&call, d, &q), S(DELETE_PENDING));
    struct vfs_open *kept = vfs_open_ref(d);
    must_close(&f, d);
    CHECK_INT(vfs_notify(&call, kept, &q), S(NOTIFY_CLEANUP));
    vfs_open_unref(kept);
    waiter_fini(&w);
    fixture_close(&f);
}

static void notify_first_query_decides(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "d", true);
    make(&f, "d/sub", true);
    struct vfs_open *d = must_open(&f, "d", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    REQUIRE(d);
    struct waiter w;
    waiter_init(&w);
    struct vfs_call call = f.call;
    call.wait = &w.wait;
    struct events ev = {""};
    struct vfs_notify_query q = {.max_bytes = 16, .event = event, .arg = &ev};
    CHECK_INT(vfs_notify(&call, d, &q), S(INVALID_PARAMETER));
    q.filter = 0xfff;
    CHECK_INT(vfs_notify(&call, d, &q), S(WAIT));
    q.filter = 0;
    q.max_bytes = 4096;
    CHECK_INT(vfs_notify(&call, d, &q), S(WAIT));
    make(&f, "d/a-name-that-is-longer-than-that", false);
    CHECK_INT(vfs_notify(&call, d, &q), S(NOTIFY_ENUM_DIR));
    must_close(&f, d);
    d = must_open(&f, "d", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    REQUIRE(d);
    q.filter = 0xfff;
    CHECK_INT(vfs_notify(&call, d, &q), S(WAIT));
    q.max_bytes = 0;
    make(&f, "d/b", false);
    CHECK_INT(vfs_notify(&call, d, &q), S(NOTIFY_ENUM_DIR));
    make(&f, "d/c", false);
    q.max_bytes = 4096;
    CHECK_INT(vfs_notify(&call, d, &q), 0);
    CHECK_STR(ev.text, "1:c ");
    must_close(&f, d);
    waiter_fini(&w);
    fixture_close(&f);
}

/* A renamed file's attributes have changed, but nobody is told before it is closed. */
static void notify_renamed_file(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "d", true);
    make(&f, "d/sub", true);
    struct vfs_open *d = must_open(&f, "d", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    REQUIRE(d);
    struct waiter w;
    waiter_init(&w);
    struct vfs_call call = f.call;
    call.wait = &w.wait;
    struct events ev = {""};
    struct vfs_notify_query q = {
        .filter = 0xfff, .tree = true, .max_bytes = 4096, .event = event, .arg = &ev};
    CHECK_INT(vfs_notify(&call, d, &q), S(WAIT));
    make(&f, "elsewhere", false);
    struct vfs_open *moved = must_open(&f, "elsewhere", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    REQUIRE(moved);
    CHECK_INT(vfs_rename(&f.call, moved, "d/sub/came", false), 0);
    CHECK_INT(vfs_notify(&call, d, &q), 0);
    CHECK_STR(ev.text, "1:sub/came ");
    CHECK_INT(vfs_notify(&call, d, &q), S(WAIT));
    CHECK_INT(w.woken, 1);
    ev.text[0] = 0;
    must_close(&f, moved);
    CHECK_INT(vfs_notify(&call, d, &q), 0);
    CHECK_STR(ev.text, "3:sub/came ");
    CHECK_INT(vfs_notify(&call, d, &q), S(WAIT));
    must_close(&f, must_open(&f, "d/sub/came", SMBKIT_DELETE, SMBKIT_OPEN, VFS_DELETE_ON_CLOSE));
    ev.text[0] = 0;
    CHECK_INT(vfs_notify(&call, d, &q), 0);
    CHECK_STR(ev.text, "2:sub/came ");
    CHECK_INT(vfs_notify(&call, d, &q), S(WAIT));
    must_close(&f, d);
    waiter_fini(&w);
    fixture_close(&f);
}

static void external_change_breaks(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct breaks b = {0};
    uint8_t level;
    struct vfs_open *o = open_oplock(&f, "file", VFS_OPLOCK_II, &b, &level);
    CHECK_INT(level, VFS_OPLOCK_II);
    smbkit_changed(f.fake.host, "file", SMBKIT_CHANGE_MODIFIED);
    CHECK_INT(b.count, 1);
    CHECK_INT(vfs_oplock_level(o), VFS_OPLOCK_NONE);
    must_close(&f, o);
    fixture_close(&f);
}

/* A call waits for whichever comes first, keeps its places in the queues, and hears of nothing once
 * it has cancelled. */
static void waits_for_several(void)
{
    struct wait_domain d[2];
    struct list queues[VFS_WAIT_PLACES + 1];
    struct waiter a;
    struct waiter b;
    wait_domain_init(&d[0]);
    wait_domain_init(&d[1]);
    for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
        list_init(&queues[i]);
    }
    waiter_init(&a);
    waiter_init(&b);
    wait_register(&d[0], &queues[0], &a.wait);
    wait_register(&d[0], &queues[0], &b.wait);
    wait_register(&d[1], &queues[1], &a.wait);
    wait_register(&d[1], &queues[1], &a.wait); /* once more: the same place */
    wait_wake_all(&d[1], &queues[1]);
    CHECK_INT(a.woken, 1);
    CHECK(vfs_wait_cancel(&a.wait)); /* still in the other one */
    CHECK(!vfs_wait_cancel(&a.wait));
    wait_register(&d[0], &queues[0], &a.wait);
    CHECK(LIST_ENTRY(queues[0].next, struct vfs_wait_place, link)->wait == &a.wait);
    wait_wake_all(&d[0], &queues[0]);
    CHECK_INT(a.woken, 2);
    CHECK_INT(b.woken, 1);
    for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
        wait_register(&d[i % 2], &queues[i], &a.wait);
    }
    CHECK(vfs_wait_cancel(&a.wait));
    for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
        CHECK(list_is_empty(&queues[i]));
        wait_wake_all(&d[i % 2], &queues[i]);
    }
    CHECK_INT(a.woken, 2);
    waiter_fini(&a);
    waiter_fini(&b);
    wait_domain_fini(&d[0]);
    wait_domain_fini(&d[1]);
}

/* Who comes to cache a file while a plugin writes it may have read it before: he is told after. */
static void cached_while_written(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct vfs_create_in in = create_in(&f, "file");
    in.desired_access |= SMBKIT_WRITE_DATA;
    struct vfs_create_out out;
    CHECK_INT(vfs_create(&f.call, &in, &out), 0);
    struct waiter w;
    waiter_init(&w);
    struct vfs_call call = f.call;
    call.wait = &w.wait;
    const struct smbkit_segment seg = {.base = (const uint8_t *)"x", .len = 1};
    struct vfs_io io;
    vfs_io_init(&io);
    io.length = 1;
    io.segs = &seg;
    io.seg_count = 1;
    f.fake.pend = 1;
    CHECK_INT(vfs_write(&call, out.open, &io), S(WAIT));
    f.fake.pend = 0;
    struct breaks b = {0};
    uint8_t level;
    struct vfs_open *reader = open_oplock(&f, "file", VFS_OPLOCK_II, &b, &level);
    CHECK_INT(level, VFS_OPLOCK_II);
    CHECK_INT(b.count, 0);
    CHECK(fake_complete(&f.fake));
    CHECK_INT(b.count, 1);
    CHECK_INT(b.to, VFS_OPLOCK_NONE);
    (void)vfs_wait_cancel(&w.wait);
    CHECK_INT(vfs_write(&call, out.open, &io), 0);
    CHECK_INT(b.count, 1);
    vfs_io_fini(&io);
    waiter_fini(&w);
    CHECK_INT(vfs_close(&f.call, reader, NULL), 0);
    CHECK_INT(vfs_close(&f.call, out.open, NULL), 0);
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"lock_breaks", lock_breaks},
    {"oplock_break_ends", oplock_break_ends},
    {"batch_breaks_before_sharing", batch_breaks_before_sharing},
    {"complete_if_oplocked", complete_if_oplocked},
    {"blocks_without_wait", blocks_without_wait},
    {"notify turns", notify_turns},
    {"notifications", notifications},
    {"notify_first_query_decides", notify_first_query_decides},
    {"notify_renamed_file", notify_renamed_file},
    {"external_change_breaks", external_change_breaks},
    {"waits_for_several", waits_for_several},
    {"cached_while_written", cached_while_written},
};
TEST_MAIN(cases)
