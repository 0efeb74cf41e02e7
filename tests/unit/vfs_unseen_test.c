/* SPDX-License-Identifier: Apache-2.0 */
/* Changes that no call of the core's has made, and that the plugin does not tell of. */
#include "vfs_fixture.h"

#define S(name) SMBKIT_STATUS_##name

static smbkit_status open_status(struct fixture *f, const char *path)
{
    struct vfs_create_in in = create_in(f, path);
    in.disposition = SMBKIT_OPEN;
    return try_open(f, &in);
}

/* A directory without times may have changed at any time. */
static void new_name_without_times(void)
{
    struct fixture f = {0};
    f.fake.times_missing = true;
    REQUIRE(fixture_fake(&f));
    make(&f, "d", true);
    CHECK_INT(open_status(&f, "d/NEW"), S(OBJECT_NAME_NOT_FOUND));
    struct fake_node *d = fake_child(&f.fake, f.fake.root, "d");
    fake_attach(&f.fake, d, fake_new(&f.fake, SMBKIT_ATTR_ARCHIVE), "new");
    CHECK_INT(open_status(&f, "d/NEW"), 0);
    fixture_close(&f);
    /* Unless the plugin says that it reports all. */
    f = (struct fixture){0};
    f.fake.times_missing = true;
    f.fake.features = SMBKIT_FEATURE_REPORTS;
    REQUIRE(fixture_fake(&f));
    make(&f, "d", true);
    CHECK_INT(open_status(&f, "d/NEW"), S(OBJECT_NAME_NOT_FOUND));
    uint64_t before = f.fake.calls[FAKE_ENUMERATE];
    CHECK_INT(open_status(&f, "d/NEW"), S(OBJECT_NAME_NOT_FOUND));
    CHECK(f.fake.calls[FAKE_ENUMERATE] == before);
    d = fake_child(&f.fake, f.fake.root, "d");
    fake_attach(&f.fake, d, fake_new(&f.fake, SMBKIT_ATTR_ARCHIVE), "new");
    smbkit_changed(f.fake.host, "d/new", SMBKIT_CHANGE_ADDED);
    CHECK_INT(open_status(&f, "d/NEW"), 0);
    fixture_close(&f);
}

static uint64_t test_us;

static uint64_t test_clock(void)
{
    return test_us;
}

/* A name that nobody but the host has made, without a change of its directory's times. */
static void attach_unseen(struct fixture *f, struct fake_node *dir, const char *name)
{
    uint64_t before = dir->write_time;
    fake_attach(&f->fake, dir, fake_new(&f->fake, SMBKIT_ATTR_ARCHIVE), name);
    dir->write_time = dir->change_time = before;
}

/* Two changes within a tick of the directory's times look like one: until an index has outlived a
 * tick it is read anew. */
static void new_name_within_a_tick(void)
{
    struct fixture f = {.nodes = vfs_nodes_new(1, test_clock)};
    REQUIRE(fixture_fake(&f));
    make(&f, "d", true);
    struct fake_node *d = fake_child(&f.fake, f.fake.root, "d");
    CHECK_INT(open_status(&f, "d/NEW"), S(OBJECT_NAME_NOT_FOUND));
    attach_unseen(&f, d, "new");
    test_us += 30000;
    CHECK_INT(open_status(&f, "d/NEW"), 0);
    uint64_t before = f.fake.calls[FAKE_ENUMERATE];
    test_us += 30000;
    CHECK_INT(open_status(&f, "d/NONE"), S(OBJECT_NAME_NOT_FOUND));
    CHECK(f.fake.calls[FAKE_ENUMERATE] == before);
    fake_attach(&f.fake, d, fake_new(&f.fake, SMBKIT_ATTR_ARCHIVE), "late");
    CHECK_INT(open_status(&f, "d/LATE"), 0);
    /* Times in whole seconds may be those of a file system that counts in two. */
    d->write_time = d->change_time = 40000000;
    CHECK_INT(open_status(&f, "d/FAT"), S(OBJECT_NAME_NOT_FOUND));
    attach_unseen(&f, d, "fat");
    test_us += 1000000;
    CHECK_INT(open_status(&f, "d/FAT"), S(OBJECT_NAME_NOT_FOUND));
    test_us += 1500000;
    CHECK_INT(open_status(&f, "d/FAT"), 0);
    fixture_close(&f);
    vfs_nodes_unref(f.nodes);
}

/* A rename changes one directory twice: what the host makes after it is not part of it. */
static void new_name_after_a_rename(void)
{
    struct fixture f = {.nodes = vfs_nodes_new(1, test_clock)};
    REQUIRE(fixture_fake(&f));
    make(&f, "d", true);
    make(&f, "d/old", false);
    CHECK_INT(open_status(&f, "d/NEW"), S(OBJECT_NAME_NOT_FOUND));
    struct vfs_open *o = must_open(&f, "d/old", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    REQUIRE(o);
    CHECK_INT(vfs_rename(&f.call, o, "d/moved", false), 0);
    must_close(&f, o);
    struct fake_node *d = fake_child(&f.fake, f.fake.root, "d");
    fake_attach(&f.fake, d, fake_new(&f.fake, SMBKIT_ATTR_ARCHIVE), "new");
    CHECK_INT(open_status(&f, "d/NEW"), 0);
    /* Its own changes cost no new reading. */
    uint64_t before = f.fake.calls[FAKE_ENUMERATE];
    o = must_open(&f, "d/MOVED", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    REQUIRE(o);
    CHECK_INT(vfs_rename(&f.call, o, "d/again", false), 0);
    must_close(&f, o);
    CHECK_INT(open_status(&f, "d/AGAIN"), 0);
    CHECK(f.fake.calls[FAKE_ENUMERATE] == before);
    fixture_close(&f);
    vfs_nodes_unref(f.nodes);
}

static void tell_name(struct fixture *f, uint32_t change, const char *path)
{
    const struct smbkit_event event = {.struct_size = sizeof(event),
                                       .what = change,
                                       .path = path,
                                       .flags = SMBKIT_EVENT_NAME_ONLY};
    smbkit_tell(f->fake.host, &event);
}

/* Where the plugin tells which names come and go, times are not minded, and own changes cost no
 * look; once it cannot go on, the directory is read anew. */
static void names_that_are_told(void)
{
    struct fixture f = {.nodes = vfs_nodes_new(1, test_clock)};
    REQUIRE(fixture_fake(&f));
    f.fake.names_told = 7;
    make(&f, "d", true);
    CHECK_INT(open_status(&f, "d/NEW"), S(OBJECT_NAME_NOT_FOUND));
    uint64_t enumerated = f.fake.calls[FAKE_ENUMERATE];
    struct fake_node *d = fake_child(&f.fake, f.fake.root, "d");
    attach_unseen(&f, d, "new");
    tell_name(&f, SMBKIT_CHANGE_ADDED, "d/new");
    CHECK_INT(open_status(&f, "d/NEW"), 0);
    struct vfs_create_in in = create_in(&f, "d/nEW");
    in.disposition = SMBKIT_CREATE;
    CHECK_INT(try_open(&f, &in), S(OBJECT_NAME_COLLISION));
    /* An own removal is told as well: it may be there again by now. */
    struct vfs_open *o = must_open(&f, "d/New", SMBKIT_DELETE, SMBKIT_OPEN, VFS_DELETE_ON_CLOSE);
    uint64_t lookups = f.fake.calls[FAKE_LOOKUP];
    must_close(&f, o);
    CHECK_INT(f.fake.calls[FAKE_LOOKUP], lookups);
    tell_name(&f, SMBKIT_CHANGE_REMOVED, "d/new");
    CHECK_INT(open_status(&f, "d/NEW"), S(OBJECT_NAME_NOT_FOUND));
    make(&f, "d/own", false);
    CHECK_INT(open_status(&f, "d/OWN"), 0);
    /* Nor is a report minded, which may be late. */
    smbkit_changed(f.fake.host, "d/own", SMBKIT_CHANGE_RENAMED_FROM);
    CHECK_INT(open_status(&f, "d/OWN"), 0);
    smbkit_changed(f.fake.host, "d/own", SMBKIT_CHANGE_REMOVED);
    CHECK_INT(open_status(&f, "d/OWN"), 0);
    CHECK_INT(f.fake.calls[FAKE_ENUMERATE], enumerated);
    f.fake.names_told = 8;
    attach_unseen(&f, d, "gap");
    CHECK_INT(open_status(&f, "d/GAP"), 0);
    CHECK(f.fake.calls[FAKE_ENUMERATE] > enumerated);
    fixture_close(&f);
    vfs_nodes_unref(f.nodes);
}

/* A new name's directory is looked at once for names, and again only when the core has made one
 * meanwhile. */
static void new_name_is_looked_for_once(void)
{
    struct fixture f = {.nodes = vfs_nodes_new(1, test_clock),
                        .fake.features = SMBKIT_FEATURE_SECURITY};
    REQUIRE(fixture_fake(&f));
    f.fake.names_told = 7;
    make(&f, "d", true);
    make(&f, "d/first", false);
    uint64_t lookups = f.fake.calls[FAKE_LOOKUP];
    uint64_t enumerated = f.fake.calls[FAKE_ENUMERATE];
    make(&f, "d/second", false);
    CHECK_INT(f.fake.calls[FAKE_LOOKUP] - lookups, 1);
    CHECK_INT(f.fake.calls[FAKE_ENUMERATE], enumerated);
    fixture_close(&f);
    vfs_nodes_unref(f.nodes);
}

/* Lost events may have been changes of whatever lies below. */
static void overflow_breaks_oplocks(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "d", true);
    make(&f, "e", true);
    static const char *const PATHS[] = {"d/x", "d/y", "e/x"};
    struct breaks broken[3] = {0};
    struct vfs_create_out out[3];
    for (size_t i = 0; i < ARRAY_LEN(PATHS); i++) {
        struct vfs_create_in in = create_in(&f, PATHS[i]);
        in.oplock_level = VFS_OPLOCK_II;
        in.owner = (struct vfs_owner){.oplock_break = breaks_cb, .arg = &broken[i]};
        REQUIRE(SMBKIT_OK(vfs_create(&f.call, &in, &out[i])));
        CHECK_INT(out[i].oplock_level, VFS_OPLOCK_II);
    }
    smbkit_changed(f.fake.host, "d", SMBKIT_CHANGE_OVERFLOW);
    CHECK(broken[0].count == 1 && broken[1].count == 1 && broken[2].count == 0);
    smbkit_changed(f.fake.host, "", SMBKIT_CHANGE_OVERFLOW);
    CHECK(broken[0].count == 1 && broken[1].count == 1 && broken[2].count == 1);
    for (size_t i = 0; i < ARRAY_LEN(PATHS); i++) {
        must_close(&f, out[i].open);
    }
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"new_name_without_times", new_name_without_times},
    {"new_name_within_a_tick", new_name_within_a_tick},
    {"new_name_after_a_rename", new_name_after_a_rename},
    {"names_that_are_told", names_that_are_told},
    {"new_name_is_looked_for_once", new_name_is_looked_for_once},
    {"overflow_breaks_oplocks", overflow_breaks_oplocks},
};
TEST_MAIN(cases)
