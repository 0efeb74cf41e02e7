/* SPDX-License-Identifier: Apache-2.0 */
/* Files as they were: another file than today's, and nothing of it changes. */
#include "vfs_fixture.h"

#include "vfs/ea.h"
#include "vfs/fsctl.h"

#include "test.h"

static bool open_world(struct fixture *f)
{
    f->fake.features |= SMBKIT_FEATURE_SNAPSHOTS | SMBKIT_FEATURE_OBJECT_IDS;
    if (!fixture_fake(f)) {
        return false;
    }
    make(f, "snapshot", true);
    make(f, "snapshot/dir", true);
    make(f, "dir", true);
    struct vfs_open *o = must_open(f, "snapshot/dir/file", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(f, o, 0, "as it was"), SMBKIT_STATUS_SUCCESS);
    must_close(f, o);
    o = must_open(f, "dir/file", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(f, o, 0, "as it is"), SMBKIT_STATUS_SUCCESS);
    must_close(f, o);
    return true;
}

static smbkit_status open_past(struct fixture *f, const char *path, uint32_t access,
                               uint32_t disposition, struct vfs_open **o_r)
{
    struct vfs_create_in in = create_in(f, path);
    struct vfs_create_out out;
    in.desired_access = access;
    in.disposition = disposition;
    in.snapshot_time = FAKE_SNAPSHOT;
    in.oplock_level = VFS_OPLOCK_BATCH;
    smbkit_status st = vfs_create(&f->call, &in, &out);
    *o_r = out.open;
    CHECK_INT(out.oplock_level, VFS_OPLOCK_NONE);
    return st;
}

#define READS (SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES)

static void test_reads(void)
{
    struct fixture f = {0};
    struct vfs_open *past;
    char buf[32];
    if (!open_world(&f)) {
        return;
    }
    CHECK_INT(open_past(&f, "dir/file", READS, SMBKIT_OPEN_IF, &past), SMBKIT_STATUS_SUCCESS);
    struct vfs_open *now = must_open(&f, "dir/file", RW | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    CHECK_INT(read_at(&f, past, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(buf, "as it was");
    CHECK_INT(read_at(&f, now, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(buf, "as it is");
    /* It is in nobody's way. */
    CHECK_INT(vfs_rename(&f.call, now, "dir/other", false), SMBKIT_STATUS_SUCCESS);
    must_close(&f, now);
    must_close(&f, past);
    fixture_close(&f);
}

static void test_changes(void)
{
    static const struct {
        const char *name;
        const char *path;
        uint32_t access, disposition;
        smbkit_status want;
    } cases[] = {
        {"write", "dir/file", SMBKIT_WRITE_DATA, SMBKIT_OPEN, SMBKIT_STATUS_SUCCESS},
        {"delete", "dir/file", SMBKIT_DELETE, SMBKIT_OPEN, SMBKIT_STATUS_SUCCESS},
        {"attributes", "dir", SMBKIT_WRITE_ATTRIBUTES, SMBKIT_OPEN, SMBKIT_STATUS_SUCCESS},
        {"overwrite", "dir/file", READS, SMBKIT_OVERWRITE_IF, SMBKIT_STATUS_MEDIA_WRITE_PROTECTED},
        {"create", "dir/new", READS, SMBKIT_CREATE, SMBKIT_STATUS_MEDIA_WRITE_PROTECTED},
        {"open or create", "dir/new", READS, SMBKIT_OPEN_IF, SMBKIT_STATUS_MEDIA_WRITE_PROTECTED},
        {"what was not", "dir/new", READS, SMBKIT_OPEN, SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND},
    };
    struct fixture f = {0};
    struct vfs_open *o;
    if (!open_world(&f)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_context("%s", cases[i].name);
        smbkit_status st = open_past(&f, cases[i].path, cases[i].access, cases[i].disposition, &o);
        CHECK_INT(st, cases[i].want);
        must_close(&f, SMBKIT_OK(st) ? o : NULL);
    }
    /* Of a time that none is of. */
    static const uint32_t dispositions[] = {SMBKIT_OPEN, SMBKIT_CREATE, SMBKIT_OPEN_IF,
                                            SMBKIT_OVERWRITE, SMBKIT_OVERWRITE_IF};
    for (size_t i = 0; i < ARRAY_LEN(dispositions); i++) {
        struct vfs_create_in in = create_in(&f, "dir/file");
        test_context("disposition %u", dispositions[i]);
        in.disposition = dispositions[i];
        in.snapshot_time = FAKE_SNAPSHOT + 1;
        CHECK_INT(try_open(&f, &in), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    }
    /* By a handle that may all that there is. */
    smbkit_status no = SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    CHECK_INT(open_past(&f, "dir/file", SMBKIT_MAXIMUM_ALLOWED, SMBKIT_OPEN, &o),
              SMBKIT_STATUS_SUCCESS);
    CHECK(vfs_open_granted_access(o) & SMBKIT_WRITE_DATA);
    CHECK_INT(write_at(&f, o, 0, "changed"), no);
    CHECK_INT(vfs_set_end_of_file(&f.call, o, 0), no);
    CHECK_INT(vfs_set_disposition(&f.call, o, 1), no);
    CHECK_INT(vfs_rename(&f.call, o, "x", false), no);
    CHECK_INT(vfs_ea_set(&f.call, o, (struct smbkit_bytes){0}), no);
    CHECK_INT(vfs_zero_range(&f.call, o, 0, 4), no);
    CHECK(!SMBKIT_OK(vfs_set_sparse(&f.call, o, true)));
    struct smbkit_object_id id = {.struct_size = sizeof(id),
                                  .flags = SMBKIT_OBJECT_ID_CREATE_OR_GET};
    CHECK(!SMBKIT_OK(vfs_get_object_id(&f.call, o, &id)));
    must_close(&f, o);
    fixture_close(&f);
}

/* A stream that a file had not then is not made, and least of all in today's. */
static void test_stream(void)
{
    struct fixture f = {0};
    f.fake.features |= SMBKIT_FEATURE_STREAMS;
    if (!open_world(&f)) {
        return;
    }
    struct vfs_create_in in = create_in(&f, "dir/file");
    struct vfs_create_out out;
    in.stream = "s";
    in.disposition = SMBKIT_OPEN_IF;
    in.snapshot_time = FAKE_SNAPSHOT;
    CHECK_INT(vfs_create(&f.call, &in, &out), SMBKIT_STATUS_MEDIA_WRITE_PROTECTED);
    in.snapshot_time = FAKE_SNAPSHOT + 1;
    CHECK_INT(vfs_create(&f.call, &in, &out), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    in.disposition = SMBKIT_OPEN;
    in.snapshot_time = 0;
    CHECK_INT(vfs_create(&f.call, &in, &out), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    fixture_close(&f);
}

/* The directory of today that has the name of a snapshot lends nothing. */
static void test_lends_nothing(void)
{
    struct fixture f = {.fake.features = SMBKIT_FEATURE_SECURITY};
    struct vfs_open *o;
    char live[64];
    if (!open_world(&f)) {
        return;
    }
    snprintf(live, sizeof(live), "@%x", FAKE_SNAPSHOT);
    make(&f, live, true);
    strcat(live, "/dir");
    make(&f, live, true);
    struct fake_node *dir =
        fake_child(&f.fake, fake_child(&f.fake, f.fake.root, "snapshot"), "dir");
    fake_make_readable(fake_child(&f.fake, dir, "file"));
    CHECK_INT(open_past(&f, "dir/file", SMBKIT_DELETE, SMBKIT_OPEN, &o),
              SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(open_past(&f, "dir/file", READS, SMBKIT_OPEN, &o), SMBKIT_STATUS_SUCCESS);
    uint32_t max = 0;
    CHECK_INT(vfs_max_access(&f.call, o, SMBKIT_ALL_ACCESS, &max), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(max & (SMBKIT_DELETE | SMBKIT_READ_DATA), SMBKIT_READ_DATA);
    must_close(&f, o);
    fixture_close(&f);
}

struct names {
    char text[256];
};

static bool take_name(void *arg, const struct vfs_dir_entry *e)
{
    struct names *n = arg;
    strncat(n->text, e->name, sizeof(n->text) - strlen(n->text) - 2);
    strcat(n->text, " ");
    return true;
}

static void test_listing(void)
{
    struct fixture f = {0};
    struct vfs_open *o;
    struct names names = {""};
    if (!open_world(&f)) {
        return;
    }
    make(&f, "dir/new", false);
    CHECK_INT(open_past(&f, "dir", READS, SMBKIT_OPEN, &o), SMBKIT_STATUS_SUCCESS);
    const struct vfs_dir_query q = {
        .pattern = "*", .want_attr = true, .entry = take_name, .arg = &names};
    CHECK_INT(vfs_query_directory(&f.call, o, &q), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(names.text, ". .. file ");
    uint64_t times[2];
    uint32_t count = 2;
    CHECK_INT(vfs_snapshots(&f.call, o, times, &count), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(count, 1);
    CHECK_INT(times[0], FAKE_SNAPSHOT);
    must_close(&f, o);
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"reads", test_reads},
    {"changes", test_changes},
    {"streams", test_stream},
    {"listing", test_listing},
    {"lends_nothing", test_lends_nothing},
};
TEST_MAIN(cases)
