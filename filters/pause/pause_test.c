/* SPDX-License-Identifier: Apache-2.0 */
#include "filter_fixture.h"

const struct smbkit_plugin *smbkit_static_pause(const struct smbkit_host_table *api);

/* A read that is held, or was: what a request has of it. */
struct reading {
    struct fixture *f;
    struct vfs_open *open;
    struct waiter w;
    struct vfs_call call;
    struct vfs_io io;
    char buf[16];
};

static bool start(struct fixture *f, const char *a, const char *b)
{
    const struct stack_layer layers[] = {{smbkit_static_pause(&vfs_api), {a, b}},
                                         {smbkit_static_mem(&vfs_api), {NULL}}};
    return stack_open(f, layers, 2);
}

static smbkit_status reading_go(struct reading *r)
{
    return vfs_read(&r->call, r->open, &r->io);
}

static smbkit_status reading_begin(struct reading *r, struct fixture *f, struct vfs_open *o)
{
    r->f = f;
    r->open = o;
    waiter_init(&r->w);
    r->call = f->call;
    r->call.wait = &r->w.wait;
    vfs_io_init(&r->io);
    r->io.length = sizeof(r->buf);
    r->io.buffer = (uint8_t *)r->buf;
    return reading_go(r);
}

static void reading_end(struct reading *r)
{
    (void)vfs_wait_cancel(&r->w.wait);
    vfs_io_fini(&r->io);
    waiter_fini(&r->w);
}

static struct vfs_open *filled(struct fixture *f, const char *path)
{
    struct vfs_open *o = must_open(f, path, RW | SMBKIT_DELETE, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(f, o, 0, "abc"), 0);
    return o;
}

static void check_say(struct fixture *f, const char *command, const char *want)
{
    const char *text = NULL;
    smbkit_status st = say(f, command, &text);
    CHECK(SMBKIT_OK(st) || st == SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_STR(text, want);
}

static void test_whole(void)
{
    struct fixture f;
    struct reading r[3];
    REQUIRE(start(&f, NULL, NULL));
    struct vfs_open *o = filled(&f, "a");
    struct vfs_open *other = filled(&f, "b");
    check_say(&f, "pause", "paused");
    for (size_t i = 0; i < 3; i++) {
        CHECK_INT(reading_begin(&r[i], &f, o), SMBKIT_STATUS_WAIT);
    }
    check_say(&f, "status", "paused\n3 calls wait, of at most 10000; 0 were refused for that");
    must_close(&f, other); /* while all is held */
    CHECK_INT(r[0].w.woken, 0);
    check_say(&f, "resume", "3 waiting calls go on");
    for (size_t i = 0; i < 3; i++) {
        CHECK_INT(r[i].w.woken, 1);
        CHECK_INT(reading_go(&r[i]), 0);
        CHECK_INT(r[i].io.done, 3);
        reading_end(&r[i]);
    }
    check_say(&f, "status", "not paused\n0 calls wait, of at most 10000; 0 were refused for that");
    must_close(&f, o);
    fixture_close(&f);
}

static void test_paths(void)
{
    struct fixture f;
    struct reading iso, doc, other;
    REQUIRE(start(&f, NULL, NULL));
    make(&f, "docs", true);
    struct vfs_open *a = filled(&f, "x.iso");
    struct vfs_open *b = filled(&f, "docs/a");
    struct vfs_open *c = filled(&f, "free");
    check_say(&f, "pause *.ISO", "paused: *.ISO");
    check_say(&f, "pause docs/**", "paused: docs/**");
    CHECK_INT(reading_begin(&iso, &f, a), SMBKIT_STATUS_WAIT);
    CHECK_INT(reading_begin(&doc, &f, b), SMBKIT_STATUS_WAIT);
    CHECK_INT(reading_begin(&other, &f, c), 0);
    reading_end(&other);
    check_say(&f, "status",
              "paused: \"*.ISO\" \"docs/**\"\n"
              "2 calls wait, of at most 10000; 0 were refused for that");
    check_say(&f, "status json",
              "{\"paused\":false,\"patterns\":[\"*.ISO\",\"docs/**\"],"
              "\"waiting\":2,\"waiting_max\":10000,\"refused\":0}");
    check_say(&f, "resume *.iso", "resume *.iso: that is not paused; \"status\" tells what is");
    check_say(&f, "resume *.ISO", "1 waiting calls go on");
    CHECK_INT(reading_go(&iso), 0);
    CHECK_INT(doc.w.woken, 0);
    /* What is moved away is free. */
    check_say(&f, "resume docs/**", "1 waiting calls go on");
    CHECK_INT(reading_go(&doc), 0);
    reading_end(&iso);
    reading_end(&doc);
    must_close(&f, a);
    must_close(&f, b);
    must_close(&f, c);
    fixture_close(&f);
}

/* A file that is renamed comes under a pattern, or out of it. */
static void test_rename(void)
{
    struct fixture f;
    struct reading r;
    REQUIRE(start(&f, NULL, NULL));
    struct vfs_open *o = filled(&f, "a");
    CHECK_INT(vfs_rename(&f.call, o, "b", false), 0);
    check_say(&f, "pause b", "paused: b");
    CHECK_INT(reading_begin(&r, &f, o), SMBKIT_STATUS_WAIT);
    check_say(&f, "resume", "1 waiting calls go on");
    CHECK_INT(reading_go(&r), 0);
    reading_end(&r);
    must_close(&f, o);
    fixture_close(&f);
}

static void test_cancel(void)
{
    struct fixture f;
    struct reading r[2];
    REQUIRE(start(&f, NULL, NULL));
    struct vfs_open *o = filled(&f, "a");
    check_say(&f, "pause", "paused");
    CHECK_INT(reading_begin(&r[0], &f, o), SMBKIT_STATUS_WAIT);
    CHECK_INT(reading_begin(&r[1], &f, o), SMBKIT_STATUS_WAIT);
    vfs_io_cancel(&r[0].io);
    CHECK_INT(r[0].w.woken, 1);
    CHECK_INT(reading_go(&r[0]), SMBKIT_STATUS_CANCELLED);
    check_say(&f, "resume", "1 waiting calls go on");
    CHECK_INT(reading_go(&r[1]), 0);
    reading_end(&r[0]);
    reading_end(&r[1]);
    must_close(&f, o);
    fixture_close(&f);
}

static void test_bound(void)
{
    struct fixture f;
    struct reading r[3];
    REQUIRE(start(&f, "waiting=8", NULL)); /* a quarter for one client */
    struct vfs_open *o = filled(&f, "a");
    check_say(&f, "pause", "paused");
    CHECK_INT(reading_begin(&r[0], &f, o), SMBKIT_STATUS_WAIT);
    CHECK_INT(reading_begin(&r[1], &f, o), SMBKIT_STATUS_WAIT);
    CHECK_INT(reading_begin(&r[2], &f, o), SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    check_say(&f, "status", "paused\n2 calls wait, of at most 8; 1 were refused for that");
    check_say(&f, "resume", "2 waiting calls go on");
    for (size_t i = 0; i < 2; i++) {
        CHECK_INT(reading_go(&r[i]), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        reading_end(&r[i]);
    }
    must_close(&f, o);
    fixture_close(&f);
}

static void test_start(void)
{
    struct fixture f;
    REQUIRE(start(&f, "start=paused", "paths=*.iso"));
    CHECK_INT(try_access(&f, "free", RW, SMBKIT_CREATE), 0);
    check_say(&f, "status",
              "paused: \"*.iso\"\n0 calls wait, of at most 10000; 0 were refused for that");
    check_say(&f, "pause", "paused");
    check_say(&f, "resume", "0 waiting calls go on");
    CHECK_INT(say(&f, "dance", NULL), SMBKIT_STATUS_NOT_SUPPORTED);
    CHECK_INT(say(&f, "status x", NULL), SMBKIT_STATUS_NOT_SUPPORTED);
    CHECK_INT(say(&f, "pausex", NULL), SMBKIT_STATUS_NOT_SUPPORTED);
    fixture_close(&f);
}

static void test_args(void)
{
    static const struct bad_args rows[] = {
        {{"start=paused", "paths=a|b", "waiting=1"}, NULL},
        {{"start=running"}, NULL},
        {{"paths=a"}, "write start=paused too"},
        {{"start=pause"}, "did you mean \"paused\"?"},
        {{"waiting=0"}, "waiting=0"},
        {{"waiting=1000001"}, "waiting=1000001"},
    };
    check_args(smbkit_static_pause(&vfs_api), rows, ARRAY_LEN(rows));
}

static const struct test_case cases[] = {
    {"everything", test_whole}, {"by path", test_paths},       {"a renamed file", test_rename},
    {"given up", test_cancel},  {"how many wait", test_bound}, {"at the start", test_start},
    {"arguments", test_args},
};
TEST_MAIN(cases)
