/* SPDX-License-Identifier: Apache-2.0 */
/* What was written is committed when it is closed, and the close answers how that went. */
#include "vfs_fixture.h"

static uint64_t commits(const struct fixture *f)
{
    return atomic_load(&f->fake.calls[FAKE_COMMIT]);
}

static smbkit_status close_of(struct fixture *f, struct vfs_open *o)
{
    return vfs_close(&f->call, o, NULL);
}

static void refuse_removal(struct fake_volume *v, enum fake_call call)
{
    if (call == FAKE_REMOVE) {
        atomic_store(&v->fail_with, SMBKIT_STATUS_ACCESS_DENIED);
        atomic_store(&v->fail_at, 1);
    }
}

/* Once for each open that wrote, and for no other. */
static void test_who(void)
{
    struct fixture f = {.fake = {.thread_model = SMBKIT_PARALLEL}};
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "f", RW, SMBKIT_CREATE, 0);
    struct vfs_open *other = must_open(&f, "f", RW, SMBKIT_OPEN, 0);
    must_close(&f, other);
    CHECK_INT(commits(&f), 0);
    CHECK_INT(write_at(&f, o, 0, "x"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(write_at(&f, o, 1, "y"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(commits(&f), 0);
    must_close(&f, o);
    CHECK_INT(commits(&f), 1);
    o = must_open(&f, "f", RW, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_set_end_of_file(&f.call, o, 0), SMBKIT_STATUS_SUCCESS);
    must_close(&f, o);
    CHECK_INT(commits(&f), 2);
    o = must_open(&f, "f", RW, SMBKIT_OVERWRITE, 0);
    must_close(&f, o);
    CHECK_INT(commits(&f), 3);
    o = must_open(&f, "d", RW, SMBKIT_CREATE, VFS_DIRECTORY_FILE);
    must_close(&f, o);
    o = must_open(&f, "f", RW, SMBKIT_OPEN, 0);
    must_close(&f, o);
    CHECK_INT(commits(&f), 3);
    fixture_close(&f);
}

/* What goes with the close is not worth it. */
static void test_removed(void)
{
    struct fixture f = {.fake = {.thread_model = SMBKIT_PARALLEL}};
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "f", RW | SMBKIT_DELETE, SMBKIT_CREATE, VFS_DELETE_ON_CLOSE);
    CHECK_INT(write_at(&f, o, 0, "x"), SMBKIT_STATUS_SUCCESS);
    must_close(&f, o);
    o = must_open(&f, "f", RW | SMBKIT_DELETE, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&f, o, 0, "x"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(vfs_set_disposition(&f.call, o, true), SMBKIT_STATUS_SUCCESS);
    must_close(&f, o);
    CHECK_INT(commits(&f), 0);
    fixture_close(&f);
}

/* A mark can be taken back, and a removal can be refused: then it stays. */
static void test_not_removed(void)
{
    struct fixture f = {.fake = {.thread_model = SMBKIT_PARALLEL}};
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "f", RW, SMBKIT_CREATE, 0);
    struct vfs_open *other = must_open(&f, "f", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, o, 0, "x"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(vfs_set_disposition(&f.call, other, 1), SMBKIT_STATUS_SUCCESS);
    must_close(&f, o);
    CHECK_INT(commits(&f), 1);
    CHECK_INT(vfs_set_disposition(&f.call, other, 0), SMBKIT_STATUS_SUCCESS);
    must_close(&f, other);
    o = must_open(&f, "f", RW | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, o, 0, "y"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(vfs_set_disposition(&f.call, o, 1), SMBKIT_STATUS_SUCCESS);
    f.fake.hook = refuse_removal;
    CHECK_INT(close_of(&f, o), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(commits(&f), 2);
    f.fake.hook = NULL;
    fixture_close(&f);
}

/* The client hears of it, and the file is closed all the same. */
static void test_fails(void)
{
    struct fixture f = {.fake = {.thread_model = SMBKIT_PARALLEL}};
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "f", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&f, o, 0, "x"), SMBKIT_STATUS_SUCCESS);
    atomic_store(&f.fake.fail_with, SMBKIT_STATUS_DISK_FULL);
    atomic_store(&f.fake.fail_at, 1);
    uint64_t closes = atomic_load(&f.fake.calls[FAKE_CLOSE]);
    CHECK_INT(close_of(&f, o), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(atomic_load(&f.fake.calls[FAKE_CLOSE]), closes + 1);
    o = must_open(&f, "f", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, o, 0, "y"), SMBKIT_STATUS_SUCCESS);
    must_close(&f, o);
    CHECK_INT(commits(&f), 2);
    fixture_close(&f);
}

/* Where it would wait the close is tried again, and the plugin is asked once more only if it has
 * not answered. */
static void test_waits(void)
{
    struct fixture f = {.fake = {.thread_model = SMBKIT_PARALLEL}};
    REQUIRE(fixture_fake(&f));
    struct vfs_open *o = must_open(&f, "f", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&f, o, 0, "x"), SMBKIT_STATUS_SUCCESS);
    struct vfs_call nowait = f.call;
    nowait.nowait = true;
    atomic_store(&f.fake.block_at, 1);
    CHECK_INT(vfs_close(&nowait, o, NULL), SMBKIT_STATUS_WOULD_BLOCK);
    CHECK_INT(commits(&f), 1);
    struct smbkit_attr attr;
    atomic_store(&f.fake.block_at, 2); /* now that of the attributes */
    CHECK_INT(vfs_close(&nowait, o, &attr), SMBKIT_STATUS_WOULD_BLOCK);
    CHECK_INT(commits(&f), 2);
    CHECK_INT(vfs_close(&f.call, o, &attr), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(commits(&f), 2);
    atomic_store(&f.fake.pend_all, true);
    o = must_open(&f, "f", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, o, 0, "y"), SMBKIT_STATUS_SUCCESS);
    must_close(&f, o);
    CHECK_INT(commits(&f), 3);
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"each open that wrote", test_who},
    {"a file that goes", test_removed},
    {"a file that does not go after all", test_not_removed},
    {"a failure is the answer", test_fails},
    {"once, however often it is tried", test_waits},
};
TEST_MAIN(cases)
