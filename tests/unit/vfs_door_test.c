/* SPDX-License-Identifier: Apache-2.0 */
/* The door into the plugins: adoption, filters, thread models, PENDING, NOWAIT, and every failure.
 */
#include "vfs_fixture.h"

#include "vfs/fsctl.h"

#include <smbkit/filter.h>

#define S(name) SMBKIT_STATUS_##name

static void adoption(void)
{
    char err[256];
    struct smbkit_plugin p = FAKE_PLUGIN;
    p.api_version = SMBKIT_API_VERSION + 1;
    CHECK(vfs_plugin_adopt(&p, err, sizeof(err)) == NULL);
    CHECK(strstr(err, "ABI") != NULL);
    p = FAKE_PLUGIN;
    p.enumerate = NULL;
    CHECK(vfs_plugin_adopt(&p, err, sizeof(err)) == NULL);
    CHECK(strstr(err, "enumerate") != NULL);
    p = FAKE_PLUGIN;
    p.name = "Bad name";
    CHECK(vfs_plugin_adopt(&p, err, sizeof(err)) == NULL);
    p = FAKE_PLUGIN;
    p.flags |= SMBKIT_IS_FILTER;
    CHECK(vfs_plugin_adopt(&p, err, sizeof(err)) == NULL); /* of another filter version */
    CHECK(strstr(err, "filter version") != NULL);
    p.api_version = SMBKIT_FILTER_VERSION;
    p.close = NULL;
    CHECK(vfs_plugin_adopt(&p, err, sizeof(err)) == NULL);
    /* An older plugin: what it lacks is absent. */
    p = FAKE_PLUGIN;
    p.struct_size = offsetof(struct smbkit_plugin, flush);
    struct smbkit_plugin *old = vfs_plugin_adopt(&p, err, sizeof(err));
    REQUIRE(old);
    CHECK(old->flush == NULL && old->set_size == NULL && old->write != NULL);
    mem_free(old);
}

/* ---- a filter that counts and passes on ---- */

struct counter {
    struct smbkit_next *next;
    int creates, reads;
};
static struct counter counter;

static smbkit_status counter_open(struct smbkit_volume_args *args, void **volume_r)
{
    counter = (struct counter){.next = args->next};
    *volume_r = &counter;
    return SMBKIT_STATUS_SUCCESS;
}
static smbkit_status counter_create(void *volume, struct smbkit_op *op, struct smbkit_create *how)
{
    struct counter *c = volume;
    c->creates++;
    return smbkit_next_create(c->next, op, how);
}
static void counter_close(void *volume, struct smbkit_op *op, void *file)
{
    struct counter *c = volume;
    smbkit_next_close(c->next, op, file);
}
static smbkit_status counter_read(void *volume, struct smbkit_op *op, void *file,
                                  struct smbkit_io *io)
{
    struct counter *c = volume;
    c->reads++;
    return smbkit_next_read(c->next, op, file, io);
}
static const struct smbkit_plugin COUNTER = {
    .struct_size = sizeof(COUNTER),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING,
    .name = "counter",
    .volume_open = counter_open,
    .create = counter_create,
    .close = counter_close,
    .read = counter_read,
};

static void filters(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f)); /* for the token */
    struct fake_volume below = {0};
    fake_next = &below;
    const struct vfs_layer_spec layers[2] = {{.plugin = &COUNTER}, {.plugin = &FAKE_PLUGIN}};
    struct vfs_volume_spec spec = {.share_name = "s", .layers = layers, .layer_count = 2};
    char err[256];
    struct vfs_volume *v;
    REQUIRE(SMBKIT_OK(vfs_volume_open(&spec, &v, err, sizeof(err))));
    CHECK(!vfs_volume_never_blocks(v));
    CHECK(vfs_volume_tries_nowait(v));
    struct vfs_create_in in = create_in(&f, "file");
    in.volume = v;
    struct vfs_create_out out;
    REQUIRE(SMBKIT_OK(vfs_create(&f.call, &in, &out)));
    char buf[8];
    CHECK_INT(write_at(&f, out.open, 0, "abc"), 0);
    below.pend = 2; /* passes through the filter */
    CHECK_INT(read_at(&f, out.open, 0, buf, sizeof(buf)), 0);
    CHECK_STR(buf, "abc");
    CHECK(counter.creates > 0);
    CHECK_INT(counter.reads, 1);
    must_close(&f, out.open);
    vfs_volume_unref(v);
    spec.layer_count = 1; /* a filter alone is no volume */
    CHECK(!SMBKIT_OK(vfs_volume_open(&spec, &v, err, sizeof(err))));
    CHECK(err[0] != 0);
    fixture_close(&f);
}

static void pending(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "file", RW, SMBKIT_CREATE, 0);
    REQUIRE(o);
    CHECK_INT(write_at(&f, o, 0, "hello"), 0);
    struct waiter w;
    waiter_init(&w);
    struct vfs_call call = f.call;
    call.wait = &w.wait;
    char buf[8] = "";
    struct vfs_io io;
    vfs_io_init(&io);
    io.length = 5;
    io.buffer = (uint8_t *)buf;
    f.fake.pend = 1;
    CHECK_INT(vfs_read(&call, o, &io), S(WAIT));
    CHECK(vfs_io_is_busy(&io));
    CHECK_INT(vfs_read(&call, o, &io), S(WAIT)); /* asked too early: still the same transfer */
    CHECK_INT(f.fake.calls[FAKE_READ], 1);
    struct waiter wc;
    waiter_init(&wc);
    struct vfs_call call2 = f.call;
    call2.wait = &wc.wait;
    CHECK_INT(vfs_close(&call2, o, NULL), S(WAIT)); /* for the transfer */
    CHECK(fake_complete(&f.fake));
    CHECK_INT(w.woken, 1);
    CHECK_INT(wc.woken, 1);
    CHECK(!vfs_io_is_busy(&io));
    CHECK_INT(vfs_read(&call, o, &io), 0);
    CHECK_INT(io.done, 5);
    CHECK_STR(buf, "hello");
    vfs_io_fini(&io);
    CHECK_INT(vfs_close(&call2, o, NULL), 0);

    /* Completed before the call returned; and a status that comes late. */
    o = must_open(&f, "file", RW, SMBKIT_OPEN, 0);
    f.fake.pend = 2;
    CHECK_INT(read_at(&f, o, 0, buf, 6), 0);
    CHECK_INT(write_at(&f, o, 0, "J"), 0);
    f.fake.pend = 1;
    vfs_io_init(&io);
    CHECK_INT(vfs_flush(&call, o, &io), S(WAIT));
    f.fake.pending_status[0] = S(IO_DEVICE_ERROR);
    CHECK(fake_complete(&f.fake));
    CHECK_INT(vfs_flush(&call, o, &io), S(IO_DEVICE_ERROR));
    /* Nobody collects it: it is ended all the same. */
    io.length = 5;
    io.buffer = (uint8_t *)buf;
    CHECK_INT(vfs_read(&call, o, &io), S(WAIT));
    CHECK(vfs_wait_cancel(&w.wait));
    CHECK(fake_complete(&f.fake));
    vfs_io_fini(&io);
    f.fake.pend = 0;
    must_close(&f, o);
    waiter_fini(&w);
    waiter_fini(&wc);
    fixture_close(&f);
}

/* A script that uses most of the core; the first status that is not what is expected. */
static smbkit_status script(struct fixture *f, struct vfs_call *call)
{
    struct vfs_create_in in = create_in(f, "dir/File");
    struct vfs_create_out out;
    in.desired_access |= SMBKIT_DELETE;
    smbkit_status st = vfs_create(call, &in, &out);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    const struct smbkit_segment seg = {.base = (const uint8_t *)"hello", .len = 5};
    struct vfs_io io;
    vfs_io_init(&io);
    io.length = 5;
    io.segs = &seg;
    io.seg_count = 1;
    st = vfs_write(call, out.open, &io);
    vfs_io_fini(&io);
    if (SMBKIT_OK(st)) {
        st = vfs_rename(call, out.open, "dir/Other", true);
    }
    if (SMBKIT_OK(st)) {
        st = vfs_set_end_of_file(call, out.open, 3);
    }
    if (SMBKIT_OK(st)) {
        st = vfs_set_disposition(call, out.open, 1);
    }
    smbkit_status closed;
    do {
        struct vfs_call may_wait = *call;
        closed = vfs_close(call, out.open, NULL);
        if (closed == S(WOULD_BLOCK)) {
            may_wait.nowait = false;
            closed = vfs_close(&may_wait, out.open, NULL);
        }
    } while (closed == S(WAIT));
    return SMBKIT_OK(st) ? closed : st;
}

/* Each call in turn fails: the status comes back, nothing leaks, and the next try goes through. */
static void every_plugin_failure(void)
{
    for (uint64_t n = 1;; n++) {
        struct fixture f = {0};
        f.fake.features = n % 2 ? SMBKIT_FEATURE_SECURITY : 0;
        REQUIRE(fixture_fake(&f));
        make(&f, "dir", true);
        test_context("call %llu", (unsigned long long)n);
        f.fake.fail_with = S(IO_DEVICE_ERROR);
        f.fake.fail_at = (n + 1) / 2;
        smbkit_status st = script(&f, &f.call);
        bool reached = f.fake.fail_at == 0;
        f.fake.fail_at = 0;
        /* Only what is done for its own sake may fail unseen: the index of names, the notice of a
         * change. */
        CHECK(SMBKIT_OK(st) || st == S(IO_DEVICE_ERROR));
        CHECK_INT(f.fake.files, 0);
        smbkit_status again = script(&f, &f.call);
        CHECK(SMBKIT_OK(again));
        fixture_close(&f);
        if (!reached) {
            break;
        }
        CHECK(n < 500);
    }
    test_context("%s", "");
}

static void every_allocation_failure(void)
{
    for (uint64_t n = 1;; n++) {
        struct fixture f = {0};
        f.fake.features = SMBKIT_FEATURE_SECURITY;
        REQUIRE(fixture_fake(&f));
        make(&f, "dir", true);
        test_context("allocation %llu", (unsigned long long)n);
        mem_fail_nth(n);
        smbkit_status st = script(&f, &f.call);
        bool reached = mem_fail_happened();
        mem_fail_nth(0);
        CHECK(SMBKIT_OK(st) || st == S(NO_MEMORY));
        CHECK_INT(f.fake.files, 0);
        CHECK_INT(script(&f, &f.call), 0);
        fixture_close(&f);
        if (!reached) {
            break;
        }
        CHECK(n < 1000);
    }
    test_context("%s", "");
}

/* NOWAIT: nothing happens, and the same call without it goes through. */
static void would_block(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "dir", true);
    struct vfs_call nowait = f.call;
    struct waiter w;
    waiter_init(&w);
    nowait.wait = &w.wait;
    nowait.nowait = true;
    f.fake.blocks = true;
    struct vfs_create_in in = create_in(&f, "dir/file");
    in.desired_access |= SMBKIT_DELETE;
    struct vfs_create_out out;
    CHECK_INT(vfs_create(&nowait, &in, &out), S(WOULD_BLOCK));
    CHECK_INT(vfs_create(&f.call, &in, &out), 0);
    struct vfs_open *o = out.open;
    struct smbkit_attr attr;
    struct vfs_io io;
    vfs_io_init(&io);
    char buf[8];
    io.length = 4;
    io.buffer = (uint8_t *)buf;
    CHECK_INT(vfs_read(&nowait, o, &io), S(WOULD_BLOCK));
    CHECK(!vfs_io_is_busy(&io));
    CHECK_INT(vfs_flush(&nowait, o, &io), S(WOULD_BLOCK));
    CHECK_INT(vfs_getattr(&nowait, o, 0, &attr), S(WOULD_BLOCK));
    CHECK_INT(vfs_set_end_of_file(&nowait, o, 7), S(WOULD_BLOCK));
    CHECK_INT(vfs_rename(&nowait, o, "dir/x", false), S(WOULD_BLOCK));
    CHECK_INT(vfs_zero_range(&nowait, o, 0, 1), S(WOULD_BLOCK));
    CHECK_INT(vfs_set_disposition(&nowait, o, 1), S(WOULD_BLOCK));
    CHECK_INT(vfs_close(&nowait, o, &attr), S(WOULD_BLOCK));
    vfs_io_fini(&io);
    CHECK_INT(vfs_close(&f.call, o, &attr), 0);
    /* All that can be done inline is. */
    f.fake.blocks = false;
    CHECK_INT(script(&f, &nowait), 0);
    waiter_fini(&w);
    fixture_close(&f);
}

/* A plugin that neither tries nor never blocks is not called at all. */
static void nowait_unsupported(void)
{
    struct fixture f = {0};
    f.fake.no_nowait = true;
    REQUIRE(fixture_fake(&f));
    CHECK(!vfs_volume_tries_nowait(f.v));
    struct vfs_call nowait = f.call;
    nowait.nowait = true;
    struct vfs_create_in in = create_in(&f, "file");
    struct vfs_create_out out;
    uint64_t before = f.fake.total;
    CHECK_INT(vfs_create(&nowait, &in, &out), S(WOULD_BLOCK));
    CHECK_INT(f.fake.total, before);
    fixture_close(&f);
}

/* Everything answers PENDING: the core awaits it. */
static void pending_everywhere(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "dir", true);
    f.fake.pend_all = true;
    f.fake.pend = 2;
    CHECK_INT(script(&f, &f.call), 0);
    f.fake.pend_all = false;
    fixture_close(&f);
}

static smbkit_status bad_getattr(void *volume, struct smbkit_op *op, void *file,
                                 struct smbkit_attr *attr)
{
    (void)volume;
    (void)op;
    (void)file;
    attr->size = UINT64_MAX;
    return SMBKIT_STATUS_SUCCESS;
}
static smbkit_status bad_read(void *volume, struct smbkit_op *op, void *file, struct smbkit_io *io)
{
    (void)volume;
    (void)op;
    (void)file;
    io->done = io->length + 1;
    return SMBKIT_STATUS_SUCCESS;
}
static smbkit_status bad_flush(void *volume, struct smbkit_op *op, void *file,
                               const struct smbkit_flush *a)
{
    (void)a;
    (void)volume;
    (void)op;
    (void)file;
    return SMBKIT_STATUS_WOULD_BLOCK; /* was not asked for */
}

/* What breaks the contract does no harm. */
static void contract(void)
{
    struct smbkit_plugin p = FAKE_PLUGIN;
    p.getattr = bad_getattr;
    p.read = bad_read;
    p.flush = bad_flush;
    struct fixture f = {0};
    REQUIRE(fixture_open(&f, &p, false));
    struct vfs_open *o = must_open(&f, "file", RW, SMBKIT_CREATE, 0);
    REQUIRE(o);
    struct smbkit_attr attr;
    char buf[8];
    struct vfs_io io;
    vfs_io_init(&io);
    CHECK_INT(vfs_getattr(&f.call, o, 0, &attr), S(INTERNAL_ERROR));
    CHECK_INT(read_at(&f, o, 0, buf, sizeof(buf)), S(INTERNAL_ERROR));
    CHECK_INT(vfs_flush(&f.call, o, &io), S(INTERNAL_ERROR));
    vfs_io_fini(&io);
    must_close(&f, o);
    fixture_close(&f);
}

/* What the plugin lacks is made up for. */
static void defaults(void)
{
    struct smbkit_plugin p = FAKE_PLUGIN;
    p.lookup = NULL;
    p.flush = NULL;
    p.rename = NULL;
    struct fixture f = {0};
    REQUIRE(fixture_open(&f, &p, false));
    struct vfs_open *o = must_open(&f, "file", RW | SMBKIT_DELETE, SMBKIT_CREATE, 0);
    REQUIRE(o);
    struct vfs_io io;
    vfs_io_init(&io);
    char buf[16];
    CHECK_INT(vfs_flush(&f.call, o, &io), 0);
    vfs_io_fini(&io);
    CHECK_INT(write_at(&f, o, 0, "0123456789"), 0);
    CHECK_INT(vfs_zero_range(&f.call, o, 8, 100), 0);
    CHECK_INT(vfs_zero_range(&f.call, o, 2, 3), 0);
    CHECK_INT(read_at(&f, o, 0, buf, sizeof(buf)), 0);
    static const char want[10] = {'0', '1', 0, 0, 0, '5', '6', '7', 0, 0};
    CHECK_MEM(buf, 10, want, 10);
    struct smbkit_range range[1];
    const struct smbkit_range within = {.offset = 4, .length = 100};
    uint32_t count = 1;
    CHECK_INT(vfs_ranges(&f.call, o, within, range, &count), 0);
    CHECK_INT(count, 1);
    CHECK_INT(range[0].offset, 4);
    CHECK_INT(range[0].length, 6);
    CHECK_INT(vfs_set_allocation(&f.call, o, 4), 0);
    f.fake.available = 1 << 20;
    CHECK_INT(vfs_set_allocation(&f.call, o, 1 << 19), 0);
    CHECK_INT(vfs_set_allocation(&f.call, o, 1ull << 50), S(DISK_FULL));
    CHECK_INT(vfs_rename(&f.call, o, "x", false), S(ACCESS_DENIED));
    CHECK_INT(vfs_link(&f.call, o, "x", false), S(NOT_SUPPORTED));
    must_close(&f, o);
    struct vfs_create_in in = create_in(&f, "file");
    in.disposition = SMBKIT_OVERWRITE;
    in.file_attributes = SMBKIT_ATTR_HIDDEN;
    struct vfs_create_out out;
    REQUIRE(SMBKIT_OK(vfs_create(&f.call, &in, &out)));
    CHECK_INT(out.attr.size, 0);
    CHECK_INT(out.attr.attributes, SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_ARCHIVE);
    must_close(&f, out.open);
    fixture_close(&f);
}

static void io_rules(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "dir", true);
    make(&f, "file", false);
    struct vfs_open *d = must_open(&f, "dir", RW, SMBKIT_OPEN, 0);
    struct vfs_open *o = must_open(&f, "file", RW, SMBKIT_OPEN, 0);
    struct vfs_open *r = must_open(&f, "file", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    struct vfs_open *x = must_open(&f, "file", SMBKIT_EXECUTE, SMBKIT_OPEN, 0);
    struct vfs_open *a = must_open(&f, "file", SMBKIT_APPEND_DATA, SMBKIT_OPEN, 0);
    REQUIRE(d && o && r && x && a);
    char buf[16];
    struct vfs_io io;
    vfs_io_init(&io);
    CHECK_INT(write_at(&f, o, 0, "abc"), 0);
    CHECK_INT(write_at(&f, o, UINT64_MAX, "d"), 0);
    CHECK_INT(write_at(&f, a, UINT64_MAX, "e"), 0);
    CHECK_INT(write_at(&f, a, 5, "f"), 0);
    CHECK_INT(write_at(&f, a, 2, "!"), S(ACCESS_DENIED));
    CHECK_INT(write_at(&f, r, 0, "!"), S(ACCESS_DENIED));
    CHECK_INT(write_at(&f, d, 0, "!"), S(INVALID_DEVICE_REQUEST));
    CHECK_INT(write_at(&f, o, INT64_MAX, "!"), S(INVALID_PARAMETER));
    CHECK_INT(write_at(&f, o, 0, ""), 0);
    CHECK_INT(read_at(&f, x, 0, buf, sizeof(buf)), 0);
    CHECK_STR(buf, "abcdef");
    CHECK_INT(vfs_open_position(x), 6);
    CHECK_INT(read_at(&f, a, 0, buf, sizeof(buf)), S(ACCESS_DENIED));
    CHECK_INT(read_at(&f, d, 0, buf, sizeof(buf)), S(INVALID_DEVICE_REQUEST));
    CHECK_INT(read_at(&f, o, INT64_MAX - 3, buf, sizeof(buf)), S(INVALID_PARAMETER));
    CHECK_INT(vfs_flush(&f.call, r, &io), S(ACCESS_DENIED));
    CHECK_INT(vfs_set_end_of_file(&f.call, r, 0), S(ACCESS_DENIED));
    CHECK_INT(vfs_set_end_of_file(&f.call, d, 0), S(INVALID_PARAMETER));
    CHECK_INT(vfs_set_end_of_file(&f.call, o, UINT64_MAX), S(INVALID_PARAMETER));
    CHECK_INT(vfs_open_mode_set(o, VFS_WRITE_THROUGH), 0);
    CHECK(vfs_open_options(o) & VFS_WRITE_THROUGH);
    CHECK_INT(vfs_open_mode_set(o, VFS_DELETE_ON_CLOSE), S(INVALID_PARAMETER));
    vfs_io_fini(&io);
    must_close(&f, d);
    must_close(&f, o);
    must_close(&f, r);
    must_close(&f, x);
    must_close(&f, a);
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"adoption", adoption},
    {"filters", filters},
    {"pending", pending},
    {"every_plugin_failure", every_plugin_failure},
    {"every_allocation_failure", every_allocation_failure},
    {"would_block", would_block},
    {"nowait_unsupported", nowait_unsupported},
    {"pending_everywhere", pending_everywhere},
    {"contract", contract},
    {"defaults", defaults},
    {"io_rules", io_rules},
};
TEST_MAIN(cases)
