/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers that are stopped by a plugin and run again: whichever call is the one that would block,
 * or pends, the answers are the same, nothing is done twice, and nothing stays open. */
#include "vfs_rig.h"

#include "vfs/core.h"
#include "vfs/journal_copy.h"
#include "vfs/plugin_door.h"

/* Closing cannot be given up half way: it waits for its plugin on the spot, so nothing pends here.
 */
static smbkit_status close_it(struct rig *r, struct vfs_open *o, struct smbkit_attr *attr)
{
    uint64_t pend_at = atomic_exchange(&r->f.fake.pend_at, 0);
    smbkit_status st = RUN(r, vfs_close(&r->call, o, attr));
    atomic_store(&r->f.fake.pend_at, pend_at);
    return st;
}

static bool take(void *arg, const struct vfs_dir_entry *e)
{
    (void)e;
    ++*(unsigned *)arg;
    return true;
}

struct room {
    unsigned taken;
};

static bool take_ten(void *arg, const struct vfs_dir_entry *e)
{
    struct room *room = arg;
    (void)e;
    return room->taken < 10 && ++room->taken;
}

static smbkit_status list(struct rig *r, unsigned *count_r)
{
    struct vfs_create_in in = create_in(&r->f, "dir");
    struct vfs_create_out out;
    in.disposition = SMBKIT_OPEN;
    in.desired_access = SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES;
    smbkit_status st = RUN(r, vfs_create(&r->call, &in, &out));
    if (!SMBKIT_OK(st)) {
        return st;
    }
    const struct vfs_dir_query q = {
        .pattern = "*", .want_attr = true, .entry = take, .arg = count_r};
    st = RUN(r, (*count_r = 0, vfs_query_directory(&r->call, out.open, &q)));
    smbkit_status closed = close_it(r, out.open, NULL);
    return SMBKIT_OK(st) ? closed : st;
}

/* Uses most of the core; the first status that is not success. */
static smbkit_status script(struct rig *r, unsigned *listed_r)
{
    struct vfs_create_in in = create_in(&r->f, "dir/File");
    struct vfs_create_out out;
    in.desired_access |= SMBKIT_DELETE;
    smbkit_status st = RUN(r, vfs_create(&r->call, &in, &out));
    if (!SMBKIT_OK(st)) {
        return st;
    }
    CHECK_INT(out.action, SMBKIT_CREATED);
    struct smbkit_attr attr;
    st = RUN(r, vfs_getattr(&r->call, out.open, SMBKIT_READ_ATTRIBUTES, &attr));
    if (SMBKIT_OK(st)) {
        st = RUN(r, vfs_set_end_of_file(&r->call, out.open, 3));
    }
    if (SMBKIT_OK(st)) {
        st = RUN(r, vfs_rename(&r->call, out.open, "dir/Other", true));
    }
    if (SMBKIT_OK(st)) {
        st = list(r, listed_r);
    }
    in.path = "DIR/OTHER"; /* found by the index of names */
    in.disposition = SMBKIT_OVERWRITE_IF;
    struct vfs_create_out second;
    if (SMBKIT_OK(st)) {
        st = RUN(r, vfs_create(&r->call, &in, &second));
    }
    if (SMBKIT_OK(st)) {
        CHECK_INT(second.action, SMBKIT_OVERWRITTEN);
        st = close_it(r, second.open, NULL);
    }
    if (SMBKIT_OK(st)) {
        st = RUN(r, vfs_set_disposition(&r->call, out.open, 1));
    }
    smbkit_status closed = close_it(r, out.open, &attr);
    return SMBKIT_OK(st) ? closed : st;
}

/* How often the plugin was called when nothing stopped. */
static uint64_t calls_unhindered(void)
{
    struct rig r;
    unsigned listed = 0;
    if (!rig_open(&r)) {
        return 0;
    }
    CHECK_INT(script(&r, &listed), 0);
    CHECK_INT(r.stops, 2); /* closing what is to be deleted is for a worker */
    CHECK_INT(listed, 3);  /* ".", "..", "Other" */
    uint64_t total = r.f.fake.total;
    rig_close(&r);
    return total;
}

static void stopped_at_each(bool pends)
{
    uint64_t calls = calls_unhindered();
    for (uint64_t n = 1; n <= calls; n++) {
        struct rig r;
        unsigned listed = 0;
        test_context("%s at call %llu", pends ? "pending" : "blocking", (unsigned long long)n);
        REQUIRE(rig_open(&r));
        atomic_store(pends ? &r.f.fake.pend_at : &r.f.fake.block_at, n);
        CHECK_INT(script(&r, &listed), 0);
        CHECK_INT(listed, 3);
        CHECK(r.stops <= 3);
        /* Once each, and perhaps once more to say that it would block. */
        CHECK(r.f.fake.calls[FAKE_RENAME] <= (pends ? 1 : 2));
        CHECK(r.f.fake.calls[FAKE_REMOVE] <= (pends ? 1 : 2));
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

/* Every call pends: a CREATE of several calls makes progress, and makes each call once. */
static void all_pend(void)
{
    struct rig r;
    REQUIRE(rig_open(&r));
    struct vfs_create_in in = create_in(&r.f, "dir/first");
    struct vfs_create_out out;
    uint64_t before = r.f.fake.total;
    CHECK_INT(RUN(&r, vfs_create(&r.call, &in, &out)), 0);
    uint64_t unhindered = r.f.fake.total - before;
    CHECK_INT(close_it(&r, out.open, NULL), 0);
    r.f.fake.pend_each = true;
    in.path = "dir/second";
    before = r.f.fake.total;
    CHECK_INT(RUN(&r, vfs_create(&r.call, &in, &out)), 0);
    CHECK(r.stops >= 3);
    CHECK(r.f.fake.total - before <= unhindered);
    r.f.fake.pend_each = false;
    CHECK_INT(close_it(&r, out.open, NULL), 0);
    rig_close(&r);
}

/* A request that is given up while it is stopped leaves no file open, wherever that is. */
static void given_up_at(uint64_t n, bool is_refused_first)
{
    struct rig r;
    test_context("given up at call %llu%s", (unsigned long long)n,
                 is_refused_first ? ", run again and refused" : "");
    REQUIRE(rig_open(&r));
    atomic_store(&r.f.fake.pend_at, n);
    struct vfs_create_in in = create_in(&r.f, "dir/file");
    struct vfs_create_out out;
    r.call.nowait = true;
    vfs_journal_begin(&r.j);
    smbkit_status st = vfs_create(&r.call, &in, &out);
    if (st == S(WAIT)) {
        CHECK(vfs_journal_is_busy(&r.j));
        vfs_journal_cancel(&r.j);
        CHECK(fake_complete(&r.f.fake));
        (void)vfs_wait_cancel(&r.w.wait);
        if (is_refused_first) {
            vfs_journal_begin(&r.j); /* its session ended: it makes no call in this run */
        }
    } else if (SMBKIT_OK(st)) {
        atomic_store(&r.f.fake.pend_at, 0);
        CHECK_INT(close_it(&r, out.open, NULL), 0);
    }
    rig_close(&r);
    test_context("%s", "");
}

static void given_up(void)
{
    for (uint64_t n = 1; n < 12; n++) {
        given_up_at(n, false);
        given_up_at(n, true);
    }
}

/* Emptied at once; the answer comes with fake_complete. */
static smbkit_status late_overwrite(void *volume, struct smbkit_op *op, void *file,
                                    struct smbkit_overwrite *a)
{
    struct fake_volume *v = volume;
    struct fake_node *n = ((struct fake_file *)file)->node;
    if (op->flags & SMBKIT_OP_NOWAIT) {
        return S(WOULD_BLOCK);
    }
    pthread_mutex_lock(&v->lock);
    fake_resize(n, 0);
    fake_attr(v, n, a->attr);
    v->pending[v->pending_count] = op;
    v->pending_status[v->pending_count++] = v->keeps;
    pthread_mutex_unlock(&v->lock);
    return S(PENDING);
}

/* With "dir/file" of five bytes in it, which in overwrites. */
static bool overwrite_rig(struct rig *r, struct vfs_create_in *in)
{
    struct smbkit_plugin p = FAKE_PLUGIN;
    p.overwrite = late_overwrite;
    *r = (struct rig){0};
    if (!fixture_open(&r->f, &p, false)) {
        return false;
    }
    rig_begin(r);
    *in = create_in(&r->f, "dir/file");
    struct vfs_create_out out;
    CHECK_INT(RUN(r, vfs_create(&r->call, in, &out)), 0);
    CHECK_INT(write_at(&r->f, out.open, 0, "hello"), 0);
    CHECK_INT(close_it(r, out.open, NULL), 0);
    in->disposition = SMBKIT_OVERWRITE_IF;
    in->want_max_access = true;
    return true;
}

/* What a create cannot take back pends: the open stays where others see it. */
static void overwrite_pends(void)
{
    struct rig r;
    struct vfs_create_in in;
    struct vfs_create_out out;
    REQUIRE(overwrite_rig(&r, &in));
    r.f.fake.pend_each = true;
    CHECK_INT(RUN(&r, vfs_create(&r.call, &in, &out)), 0);
    r.f.fake.pend_each = false;
    CHECK_INT(out.action, SMBKIT_OVERWRITTEN);
    CHECK_INT(out.attr.size, 0);
    CHECK_INT(out.max_access, SMBKIT_ALL_ACCESS);
    CHECK_INT(close_it(&r, out.open, NULL), 0);
    rig_close(&r);
}

/* The run that ends it has another owner than the one that was stopped: that is told of breaks. */
static void overwrite_owner(void)
{
    struct rig r;
    struct vfs_create_in in;
    struct vfs_create_out out;
    struct breaks stopped = {0};
    struct breaks ended = {0};
    REQUIRE(overwrite_rig(&r, &in));
    in.oplock_level = VFS_OPLOCK_BATCH;
    in.owner = (struct vfs_owner){.oplock_break = breaks_cb, .arg = &stopped};
    vfs_journal_begin(&r.j);
    r.call.nowait = false;
    CHECK_INT(vfs_create(&r.call, &in, &out), S(WAIT));
    CHECK(fake_complete(&r.f.fake));
    (void)vfs_wait_cancel(&r.w.wait);
    in.owner.arg = &ended;
    vfs_journal_begin(&r.j);
    CHECK_INT(vfs_create(&r.call, &in, &out), 0);
    vfs_journal_fini(&r.j);
    CHECK_INT(out.oplock_level, VFS_OPLOCK_BATCH);
    struct vfs_create_in other = create_in(&r.f, "dir/file");
    other.options = VFS_COMPLETE_IF_OPLOCKED;
    CHECK_INT(try_open(&r.f, &other), S(OPLOCK_BREAK_IN_PROGRESS));
    CHECK_INT(stopped.count, 0);
    CHECK_INT(ended.count, 1);
    CHECK_INT(close_it(&r, out.open, NULL), 0);
    rig_close(&r);
}

/* A file that a run has closed can be used by the next one, which goes another way. */
static void closed_and_used(void)
{
    struct rig r;
    struct smbkit_attr attr;
    const struct smbkit_create how = {.struct_size = sizeof(how),
                                      .disposition = SMBKIT_OPEN,
                                      .path = "dir",
                                      .kind = SMBKIT_KIND_DIRECTORY,
                                      .access = SMBKIT_READ_ATTRIBUTES};
    REQUIRE(rig_open(&r));
    for (unsigned run = 0; run < 2; run++) {
        struct door_file f = {.volume = r.f.v};
        vfs_journal_begin(&r.j);
        r.call.nowait = false;
        CHECK_INT(door_create(&r.call, &f, &how, &attr), 0);
        if (run == 1) {
            CHECK_INT(door_getattr(&r.call, &f, &attr), 0);
        }
        door_close(&r.call, &f);
        r.call.nowait = true;
        vfs_journal_would_block(&r.j);
    }
    CHECK_INT(r.f.fake.files, 1);
    rig_close(&r);
}

/* Given up while it pends, by CANCEL (with another run, and the plugin's answer) or for good. */
static void overwrite_given_up(void)
{
    for (unsigned how = 0; how < 3; how++) {
        struct rig r;
        struct vfs_create_in in;
        struct vfs_create_out out;
        test_context("%u", how);
        REQUIRE(overwrite_rig(&r, &in));
        r.f.fake.keeps = how == 0 ? S(CANCELLED) : 0;
        r.call.nowait = false;
        vfs_journal_begin(&r.j);
        CHECK_INT(vfs_create(&r.call, &in, &out), S(WAIT));
        CHECK(vfs_journal_is_busy(&r.j));
        struct vfs_create_in other = create_in(&r.f, "dir/FILE");
        other.share_access = 0;
        CHECK_INT(try_open(&r.f, &other), S(SHARING_VIOLATION));
        vfs_journal_cancel(&r.j);
        CHECK(fake_complete(&r.f.fake));
        (void)vfs_wait_cancel(&r.w.wait);
        if (how < 2) {
            vfs_journal_begin(&r.j);
        }
        if (how == 0) {
            CHECK_INT(vfs_create(&r.call, &in, &out), S(CANCELLED));
        } /* else, in another run, it was refused before it made a call */
        vfs_journal_fini(&r.j);
        vfs_journal_init(&r.j);
        r.f.fake.keeps = 0;
        CHECK_INT(try_open(&r.f, &other), 0);
        rig_close(&r);
    }
    test_context("%s", "");
}

/* A listing in which little matches: each page is asked for once, and only the last ones are
 * replayed, however many there are. */
static void long_listing(void)
{
    enum { FILES = 3000 };
    struct rig r;
    REQUIRE(rig_open(&r));
    for (unsigned i = 0; i < FILES; i++) {
        char path[32];
        snprintf(path, sizeof(path), "dir/%s-%04u", i % 1000 == 999 ? "odd" : "even", i);
        make(&r.f, path, false);
    }
    struct vfs_open *o = must_open(&r.f, "dir", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    REQUIRE(o);
    uint64_t before = r.f.fake.calls[FAKE_ENUMERATE];
    r.f.fake.pend_each = true;
    unsigned count = 0;
    struct vfs_dir_query q = {.pattern = "o*", .want_attr = true, .entry = take, .arg = &count};
    smbkit_status st = S(SUCCESS);
    unsigned found = 0;
    for (unsigned i = 0; SMBKIT_OK(st) && i < 8; i++) {
        st = RUN(&r, (count = 0, vfs_query_directory(&r.call, o, &q)));
        found += count;
    }
    CHECK_INT(st, S(NO_MORE_FILES));
    CHECK_INT(found, 3);
    CHECK(r.f.fake.calls[FAKE_ENUMERATE] - before < 40);
    r.f.fake.pend_each = false;
    must_close(&r.f, o);
    rig_close(&r);
}

/* Of a plugin that answers page by page no more is asked than there is room for. */
static void short_listing(void)
{
    struct rig r;
    REQUIRE(rig_open(&r));
    for (unsigned i = 0; i < 300; i++) {
        char path[32];
        snprintf(path, sizeof(path), "dir/%04u", i);
        make(&r.f, path, false);
    }
    struct vfs_open *o = must_open(&r.f, "dir", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    REQUIRE(o);
    struct room room = {0};
    struct vfs_dir_query q = {
        .pattern = "*", .want_attr = true, .most = 12, .entry = take_ten, .arg = &room};
    unsigned found = 0;
    for (;;) {
        r.f.fake.listed = 0;
        room.taken = 0;
        smbkit_status st = vfs_query_directory(&r.call, o, &q);
        if (!SMBKIT_OK(st)) {
            CHECK_INT(st, S(NO_MORE_FILES));
            break;
        }
        CHECK(r.f.fake.listed <= 2 * q.most);
        found += room.taken;
        vfs_journal_begin(&r.j);
    }
    CHECK_INT(found, 302); /* "." and ".." too */
    must_close(&r.f, o);
    rig_close(&r);
}

/* A run that waits for the core decides again: nothing is replayed. */
static void fresh(void)
{
    struct rig r;
    REQUIRE(rig_open(&r));
    struct vfs_open *o = must_open(&r.f, "dir/file", RW, SMBKIT_CREATE, 0);
    REQUIRE(o);
    struct smbkit_attr attr;
    vfs_journal_begin(&r.j);
    CHECK_INT(vfs_getattr(&r.call, o, 0, &attr), 0);
    CHECK_INT(attr.size, 0);
    CHECK_INT(write_at(&r.f, o, 0, "hello"), 0);
    vfs_journal_begin(&r.j);
    CHECK_INT(vfs_getattr(&r.call, o, 0, &attr), 0);
    CHECK_INT(attr.size, 5);
    vfs_journal_fini(&r.j);
    must_close(&r.f, o);
    rig_close(&r);
}

/* One that would block, whatever the reason, goes on where it was. */
static void would_block(void)
{
    struct rig r;
    REQUIRE(rig_open(&r));
    struct vfs_open *o = must_open(&r.f, "dir/file", RW, SMBKIT_CREATE, 0);
    REQUIRE(o);
    struct smbkit_attr attr;
    vfs_journal_begin(&r.j);
    CHECK_INT(vfs_getattr(&r.call, o, 0, &attr), 0);
    uint64_t calls = r.f.fake.total;
    vfs_journal_would_block(&r.j);
    vfs_journal_begin(&r.j);
    CHECK_INT(vfs_getattr(&r.call, o, 0, &attr), 0);
    CHECK_INT(r.f.fake.total, calls);
    vfs_journal_fini(&r.j);
    must_close(&r.f, o);
    rig_close(&r);
}

/* Copies hold everything, answers come back to where the caller wants them. */
static void copies(void)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    uint8_t room[8] = {0};
    struct smbkit_buffer sd = {.base = room, .cap = sizeof(room)};
    const struct op_row *row = &op_rows[SMBKIT_OP_create];
    struct smbkit_create a = {.struct_size = sizeof(a),
                              .path = "path",
                              .stream = "stream",
                              .security = {.base = (const uint8_t *)"sd", .len = 2},
                              .attr = &attr,
                              .security_r = &sd};
    struct smbkit_create *copy = mem_zalloc(args_copy_size(row, &a));
    REQUIRE(copy);
    args_copy(row, copy, &a);
    CHECK(copy->path != a.path && copy->attr != a.attr && copy->security_r->base != room);
    CHECK_STR(copy->path, "path");
    CHECK_STR(copy->stream, "stream");
    CHECK_MEM(copy->security.base, copy->security.len, "sd", 2);
    copy->file = room;
    copy->attr->size = 7;
    mem_copy(copy->security_r->base, "abc", 3);
    copy->security_r->len = 3;
    args_give_back(row, copy, &a);
    CHECK_STR(a.path, "path");
    CHECK(a.file == room && a.attr == &attr && a.security_r == &sd);
    CHECK_INT(attr.size, 7);
    CHECK_MEM(room, sd.len, "abc", 3);
    mem_free(copy);
}

/* Times that were fixed are put back after a change of the data, where it may wait for that: the
 * calls that this takes are no steps, and nothing is left pending behind them. */
static void fixed_time(void)
{
    for (int pends = 0; pends < 2; pends++) {
        struct rig r;
        REQUIRE(rig_open(&r));
        struct vfs_open *o =
            must_open(&r.f, "dir/file", RW | SMBKIT_WRITE_ATTRIBUTES, SMBKIT_OPEN_IF, 0);
        const struct vfs_basic_info fixed = {.write_time = 1234567, .change_time = 7654321};
        struct smbkit_attr attr;
        CHECK_INT(vfs_set_basic(&r.f.call, o, &fixed), 0);
        r.f.fake.pend_all = pends;
        CHECK_INT(RUN(&r, vfs_set_end_of_file(&r.call, o, 100)), 0);
        CHECK(r.stops > 0);
        CHECK_INT(r.f.fake.calls[FAKE_SET_SIZE], 1);
        r.f.fake.pend_all = false;
        CHECK_INT(vfs_getattr(&r.f.call, o, 0, &attr), 0);
        CHECK(attr.write_time == 1234567 && attr.change_time == 7654321);
        CHECK_INT(close_it(&r, o, &attr), 0);
        CHECK_INT(attr.size, 100);
        rig_close(&r);
    }
}

static const struct test_case cases[] = {
    {"fixed_time", fixed_time},
    {"pending_at_each", pending_at_each},
    {"blocking_at_each", blocking_at_each},
    {"all_pend", all_pend},
    {"given_up", given_up},
    {"overwrite_pends", overwrite_pends},
    {"overwrite_given_up", overwrite_given_up},
    {"overwrite_owner", overwrite_owner},
    {"closed_and_used", closed_and_used},
    {"long_listing", long_listing},
    {"short_listing", short_listing},
    {"fresh", fresh},
    {"would_block", would_block},
    {"copies", copies},
};
TEST_MAIN(cases)
