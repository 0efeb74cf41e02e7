/* SPDX-License-Identifier: Apache-2.0 */
/* [MS-FSA] 2.1.5.15.11, and names without regard to case. */
#include "vfs_fixture.h"

#define S(name) SMBKIT_STATUS_##name

static smbkit_status stat_of(struct fixture *f, const char *path)
{
    struct vfs_create_in in = create_in(f, path);
    in.disposition = SMBKIT_OPEN;
    in.desired_access = SMBKIT_READ_ATTRIBUTES;
    return try_open(f, &in);
}

static void check_path(struct fixture *f, struct vfs_open *o, const char *want)
{
    char *path = vfs_open_path(&f->call, o);
    CHECK_STR(path, want);
    mem_free(path);
}

static void rules(void)
{
    static const struct {
        const char *from, *to;
        bool replace;
        smbkit_status status;
        const char *path; /* then */
    } rows[] = {
        {"a", "z", false, 0, "z"},
        {"a", "a", false, 0, "a"},
        {"a", "A", false, 0, "A"},
        {"a", "dir/z", false, 0, "dir/z"},
        {"a", "DIR/z", false, 0, "dir/z"},
        {"a", "b", false, (smbkit_status)0xC0000035, "a"},
        {"a", "B", false, (smbkit_status)0xC0000035, "a"},
        {"a", "b", true, 0, "b"},
        {"a", "B", true, 0, "B"},
        {"a", "dir", true, (smbkit_status)0xC0000022, "a"},
        {"a", "ro", true, (smbkit_status)0xC0000022, "a"},
        {"a", "open", true, (smbkit_status)0xC0000022, "a"},
        {"a", "no/z", true, (smbkit_status)0xC000003A, "a"},
        {"a", "b/z", true, (smbkit_status)0xC000003A, "a"},
        {"a", "", true, (smbkit_status)0xC0000033, "a"},
        {"", "z", false, (smbkit_status)0xC0000022, ""},
        {"dir", "moved", false, 0, "moved"},
        {"dir", "dir/sub/x", false, (smbkit_status)0xC000000D, "dir"},
        {"busy", "moved", false, (smbkit_status)0xC0000022, "busy"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f = {0};
        REQUIRE(fixture_fake(&f));
        test_context("%s -> %s", rows[i].from, rows[i].to);
        static const char *const dirs[] = {"dir", "dir/sub", "busy"};
        static const char *const files[] = {"a", "b", "open", "busy/file"};
        for (size_t k = 0; k < ARRAY_LEN(dirs); k++) {
            make(&f, dirs[k], true);
        }
        for (size_t k = 0; k < ARRAY_LEN(files); k++) {
            make(&f, files[k], false);
        }
        struct vfs_create_in in = create_in(&f, "ro");
        in.file_attributes = SMBKIT_ATTR_READONLY;
        CHECK_INT(try_open(&f, &in), 0);
        struct vfs_open *held = must_open(&f, "open", RW, SMBKIT_OPEN, 0);
        struct vfs_open *busy = must_open(&f, "busy/file", RW, SMBKIT_OPEN, 0);
        struct vfs_open *o = must_open(&f, rows[i].from, SMBKIT_DELETE, SMBKIT_OPEN, 0);
        REQUIRE(o && held && busy);
        CHECK_INT(vfs_rename(&f.call, o, rows[i].to, rows[i].replace), rows[i].status);
        check_path(&f, o, rows[i].path);
        must_close(&f, o);
        CHECK_INT(stat_of(&f, rows[i].path), 0);
        bool gone = SMBKIT_OK(rows[i].status) && strcasecmp(rows[i].from, rows[i].path) != 0;
        CHECK_INT(stat_of(&f, rows[i].from), gone ? S(OBJECT_NAME_NOT_FOUND) : S(SUCCESS));
        must_close(&f, held);
        must_close(&f, busy);
        fixture_close(&f);
    }
    test_context("%s", "");
}

static void needs_delete(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_CREATE, 0);
    CHECK_INT(vfs_rename(&f.call, o, "b", false), S(ACCESS_DENIED));
    must_close(&f, o);
    o = must_open(&f, "a", RW | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_set_disposition(&f.call, o, 1), 0);
    CHECK_INT(vfs_rename(&f.call, o, "b", false), S(ACCESS_DENIED));
    must_close(&f, o);
    fixture_close(&f);
}

/* The directory that the name goes to is opened for that: to add to it, sharing READ and WRITE. */
static void destination_sharing(void)
{
    static const struct {
        const char *to;
        uint32_t access, share;
        smbkit_status status;
    } rows[] = {
        {"dir/b", SMBKIT_READ_DATA, SHARE_ALL, 0},
        {"dir/b", SMBKIT_READ_DATA | SMBKIT_WRITE_DATA, SHARE_ALL, 0},
        {"dir/b", SMBKIT_READ_DATA, VFS_SHARE_READ | VFS_SHARE_WRITE, 0},
        {"dir/b", SMBKIT_READ_DATA | SMBKIT_DELETE, SHARE_ALL, (smbkit_status)0xC0000043},
        {"dir/b", SMBKIT_READ_DATA, VFS_SHARE_READ | VFS_SHARE_DELETE, (smbkit_status)0xC0000043},
        {"dir/b", SMBKIT_READ_DATA, 0, (smbkit_status)0xC0000043},
        {"dir/b", SMBKIT_READ_ATTRIBUTES, 0, 0},
        {"b", SMBKIT_READ_DATA | SMBKIT_DELETE, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f = {0};
        REQUIRE(fixture_fake(&f));
        test_context("row %zu", i);
        make(&f, "dir", true);
        struct vfs_create_in in = create_in(&f, "dir");
        in.desired_access = rows[i].access;
        in.share_access = rows[i].share;
        struct vfs_create_out out;
        REQUIRE(SMBKIT_OK(vfs_create(&f.call, &in, &out)));
        struct vfs_open *o = must_open(&f, "dir/a", SMBKIT_DELETE, SMBKIT_CREATE, 0);
        REQUIRE(o);
        CHECK_INT(vfs_rename(&f.call, o, rows[i].to, false), rows[i].status);
        must_close(&f, o);
        must_close(&f, out.open);
        fixture_close(&f);
    }
    test_context("%s", "");
}

static void target_with_oplock_waits(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    struct breaks b = {0};
    struct vfs_create_in in = create_in(&f, "b");
    in.oplock_level = VFS_OPLOCK_BATCH;
    in.owner = (struct vfs_owner){.oplock_break = breaks_cb, .arg = &b};
    struct vfs_create_out out;
    REQUIRE(SMBKIT_OK(vfs_create(&f.call, &in, &out)));
    struct vfs_open *o = must_open(&f, "a", SMBKIT_DELETE, SMBKIT_CREATE, 0);
    struct waiter w;
    waiter_init(&w);
    struct vfs_call call = f.call;
    call.wait = &w.wait;
    CHECK_INT(vfs_rename(&call, o, "b", true), S(WAIT));
    CHECK_INT(b.count, 1);
    must_close(&f, out.open); /* as a client does that only kept the handle */
    CHECK_INT(w.woken, 1);
    CHECK_INT(vfs_rename(&call, o, "b", true), 0);
    must_close(&f, o);
    waiter_fini(&w);
    fixture_close(&f);
}

/* Without ids from the plugin a renamed file stays one file for who opens it by its new name. */
static void ids_from_paths(void)
{
    struct fixture f = {0};
    f.fake.ids_missing = true;
    REQUIRE(fixture_fake(&f));
    struct vfs_create_in in = create_in(&f, "a");
    in.desired_access = RW | SMBKIT_DELETE;
    in.share_access = VFS_SHARE_DELETE;
    struct vfs_create_out out;
    REQUIRE(SMBKIT_OK(vfs_create(&f.call, &in, &out)));
    CHECK_INT(vfs_rename(&f.call, out.open, "b", false), 0);
    in = create_in(&f, "b");
    CHECK_INT(try_open(&f, &in), S(SHARING_VIOLATION));
    in.path = "a";
    CHECK_INT(try_open(&f, &in), 0); /* a new file, of its own */
    CHECK_INT(vfs_rename(&f.call, out.open, "a", true), 0);
    must_close(&f, out.open);
    fixture_close(&f);
}

#define MANY 200000u

/* One scan of a large directory, however many names are looked for in other letters. */
static void large_directory(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "Big", true);
    struct fake_node *dir = fake_child(&f.fake, f.fake.root, "Big");
    char name[64];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "File%u", i);
        fake_attach(&f.fake, dir, fake_new(&f.fake, SMBKIT_ATTR_ARCHIVE), name);
    }
    uint64_t before = f.fake.calls[FAKE_ENUMERATE];
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "big/fILE%u", i * 199);
        CHECK_INT(stat_of(&f, name), 0);
        snprintf(name, sizeof(name), "big/none%u", i);
        CHECK_INT(stat_of(&f, name), S(OBJECT_NAME_NOT_FOUND));
    }
    /* The root and the directory: each enumerated once, and once more to see its end. */
    CHECK(f.fake.calls[FAKE_ENUMERATE] - before <= 4);
    before = f.fake.calls[FAKE_ENUMERATE];
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "Big/new%u", i);
        make(&f, name, false);
        snprintf(name, sizeof(name), "BIG/NEW%u", i);
        struct vfs_open *o = must_open(&f, name, SMBKIT_DELETE, SMBKIT_OPEN, 0);
        REQUIRE(o);
        if (i % 2) {
            snprintf(name, sizeof(name), "Big/Renamed%u", i);
            CHECK_INT(vfs_rename(&f.call, o, name, false), 0);
        }
        CHECK_INT(vfs_set_disposition(&f.call, o, i % 3 == 0), 0);
        must_close(&f, o);
        snprintf(name, sizeof(name), i % 2 ? "big/renamed%u" : "big/new%u", i);
        CHECK_INT(stat_of(&f, name), i % 3 ? S(SUCCESS) : S(OBJECT_NAME_NOT_FOUND));
    }
    CHECK_INT(f.fake.calls[FAKE_ENUMERATE] - before, 0);

    /* A change behind the core's back is seen by the directory's times. */
    fake_attach(&f.fake, dir, fake_new(&f.fake, SMBKIT_ATTR_ARCHIVE), "Outside");
    CHECK_INT(stat_of(&f, "Big/OUTSIDE"), 0);
    CHECK(f.fake.calls[FAKE_ENUMERATE] - before > 0);
    fixture_close(&f);
}

/* An exact pattern does not read the directory. */
struct one {
    char name[64];
    unsigned count;
};
static bool one_entry(void *arg, const struct vfs_dir_entry *e)
{
    struct one *one = arg;
    snprintf(one->name, sizeof(one->name), "%s", e->name);
    one->count++;
    return true;
}

static void exact_pattern(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "dir", true);
    make(&f, "dir/Name", false);
    struct vfs_open *d = must_open(&f, "dir", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    REQUIRE(d);
    uint64_t before = f.fake.calls[FAKE_ENUMERATE];
    struct one one = {{0}};
    struct vfs_dir_query q = {
        .pattern = "Name", .want_attr = true, .entry = one_entry, .arg = &one};
    CHECK_INT(vfs_query_directory(&f.call, d, &q), 0);
    CHECK_INT(f.fake.calls[FAKE_ENUMERATE], before);
    CHECK_STR(one.name, "Name");
    CHECK_INT(vfs_query_directory(&f.call, d, &q), S(NO_MORE_FILES));
    q.pattern = "NAME";
    q.reopen = true;
    CHECK_INT(vfs_query_directory(&f.call, d, &q), 0);
    CHECK_STR(one.name, "Name");
    q.pattern = "nothing";
    CHECK_INT(vfs_query_directory(&f.call, d, &q), S(NO_SUCH_FILE));
    q.pattern = "x*";
    CHECK_INT(vfs_query_directory(&f.call, d, &q), S(NO_SUCH_FILE));
    q.pattern = "n*";
    one.count = 0;
    q.single = true;
    CHECK_INT(vfs_query_directory(&f.call, d, &q), 0);
    CHECK_INT(one.count, 1);
    must_close(&f, d);
    fixture_close(&f);
}

static bool no_room(void *arg, const struct vfs_dir_entry *e)
{
    (void)arg;
    (void)e;
    return false;
}

/* All entries once, whatever fits into one answer. */
static void listing_in_pieces(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    for (unsigned i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%02u", i);
        make(&f, name, false);
    }
    struct vfs_open *d = must_open(&f, "", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    REQUIRE(d);
    struct vfs_dir_query none = {.entry = no_room, .want_attr = true};
    CHECK_INT(vfs_query_directory(&f.call, d, &none), S(INFO_LENGTH_MISMATCH));
    struct one one = {{0}};
    struct vfs_dir_query q = {.single = true, .want_attr = true, .entry = one_entry, .arg = &one};
    for (unsigned i = 0; i < 102; i++) {
        test_context("entry %u", i);
        CHECK_INT(vfs_query_directory(&f.call, d, &q), 0);
        char name[16];
        snprintf(name, sizeof(name), "n%02u", i - 2);
        CHECK_STR(one.name, i == 0 ? "." : i == 1 ? ".." : name);
        if (i == 50) {
            CHECK_INT(vfs_query_directory(&f.call, d, &none), S(INFO_LENGTH_MISMATCH));
        }
    }
    test_context("%s", "");
    CHECK_INT(one.count, 102);
    CHECK_INT(vfs_query_directory(&f.call, d, &q), S(NO_MORE_FILES));
    q.single = false;
    q.restart = true;
    one.count = 0;
    CHECK_INT(vfs_query_directory(&f.call, d, &q), 0);
    CHECK_INT(one.count, 102);
    must_close(&f, d);
    fixture_close(&f);
}

static uint64_t calls_left; /* until the target goes */

static void lose_target(struct fake_volume *v, enum fake_call call)
{
    (void)call;
    if (calls_left > 0 && --calls_left == 0) {
        struct fake_node *n = fake_child(v, v->root, "b");
        if (n) {
            fake_detach(v, n);
            fake_attach(v, v->root, n, "away");
        }
    }
}

/* What was to be replaced goes in the middle: then there is nothing to replace. */
static void target_goes(void)
{
    uint64_t calls = 1;
    for (uint64_t n = 1; n <= calls; n++) {
        struct fixture f = {.fake.features = SMBKIT_FEATURE_SECURITY};
        REQUIRE(fixture_fake(&f));
        test_context("call %llu", (unsigned long long)n);
        make(&f, "a", false);
        make(&f, "b", false);
        struct vfs_open *o = must_open(&f, "a", SMBKIT_DELETE, SMBKIT_OPEN, 0);
        uint64_t before = atomic_load(&f.fake.total);
        calls_left = n;
        f.fake.hook = lose_target;
        CHECK_INT(vfs_rename(&f.call, o, "b", true), 0);
        f.fake.hook = NULL;
        calls = atomic_load(&f.fake.total) - before;
        check_path(&f, o, "b");
        must_close(&f, o);
        CHECK_INT(stat_of(&f, "away"), calls_left == 0 ? 0 : S(OBJECT_NAME_NOT_FOUND));
        fixture_close(&f);
    }
    test_context("%s", "");
    CHECK(calls > 3);
}

static const struct test_case cases[] = {
    {"rules", rules},
    {"needs_delete", needs_delete},
    {"destination_sharing", destination_sharing},
    {"target_with_oplock_waits", target_with_oplock_waits},
    {"ids_from_paths", ids_from_paths},
    {"large_directory", large_directory},
    {"exact_pattern", exact_pattern},
    {"listing_in_pieces", listing_in_pieces},
    {"target_goes", target_goes},
};
TEST_MAIN(cases)
