/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a file by what it is: where it was, or wherever it is by now, and never another one. */
#include "vfs_fixture.h"

#include <stdlib.h>
#include <unistd.h>

#include "test.h"

const struct smbkit_plugin *smbkit_static_dir(const struct smbkit_host_table *api);

/* path, and what the open's file is. */
static struct vfs_file_id make_known(struct fixture *f, const char *path, const char *text)
{
    struct vfs_file_id id = {0};
    struct smbkit_attr attr;
    struct vfs_open *o = must_open(f, path, RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(f, o, 0, text), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(vfs_getattr(&f->call, o, 0, &attr), SMBKIT_STATUS_SUCCESS);
    vfs_file_id_of(o, &attr, &id);
    must_close(f, o);
    return id;
}

static smbkit_status open_it(struct fixture *f, const char *path, const struct vfs_file_id *id,
                             struct vfs_open **o_r)
{
    struct vfs_create_in in = create_in(f, path);
    struct vfs_create_out out;
    in.disposition = SMBKIT_OPEN;
    in.file = id;
    smbkit_status st = vfs_create(&f->call, &in, &out);
    *o_r = out.open;
    return st;
}

/* The open has that text and goes by that path. */
static void check_is(struct fixture *f, struct vfs_open *o, const char *path, const char *text)
{
    char buf[64];
    CLEANUP_MEM char *known = vfs_open_path_known(o);
    CHECK(known && strcmp(known, path) == 0);
    CHECK_INT(read_at(f, o, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
    CHECK(strcmp(buf, text) == 0);
}

static void rename_to(struct fixture *f, const char *from, const char *to)
{
    struct vfs_open *o = must_open(f, from, SMBKIT_DELETE, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_rename(&f->call, o, to, false), SMBKIT_STATUS_SUCCESS);
    must_close(f, o);
}

static smbkit_status delete_try(struct fixture *f, const char *path)
{
    struct vfs_create_in in = create_in(f, path);
    in.desired_access = SMBKIT_DELETE;
    in.disposition = SMBKIT_OPEN;
    in.options = VFS_DELETE_ON_CLOSE;
    return try_open(f, &in);
}

static void by_id(struct fixture *f, bool finds_moved)
{
    struct vfs_open *o = NULL;
    make(f, "dir", true);
    const struct vfs_file_id id = make_known(f, "dir/file", "it");
    CHECK_INT(open_it(f, "dir/file", &id, &o), SMBKIT_STATUS_SUCCESS);
    check_is(f, o, "dir/file", "it");
    must_close(f, o);

    struct vfs_file_id wrong[] = {id, id, id, id};
    wrong[0].id += 1000;
    wrong[1].id_high++;
    wrong[2].create_time++;
    wrong[3].domain ^= 77;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CHECK_INT(open_it(f, "dir/file", &wrong[i], &o), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    }

    /* Moved away, and another has its place. */
    rename_to(f, "dir/file", "dir/other");
    smbkit_status want = finds_moved ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    (void)make_known(f, "dir/file", "not it");
    CHECK_INT(open_it(f, "dir/file", &id, &o), want);
    if (finds_moved) {
        check_is(f, o, "dir/other", "it");
        CHECK_INT(vfs_rename(&f->call, o, "dir/third", false), SMBKIT_STATUS_ACCESS_DENIED);
        must_close(f, o);
    }
    /* Gone. */
    CHECK_INT(delete_try(f, "dir/other"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(open_it(f, "dir/other", &id, &o), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    /* Nothing is made by it. */
    struct vfs_create_in in = create_in(f, "dir/new");
    struct vfs_create_out out;
    in.file = &id;
    CHECK_INT(vfs_create(&f->call, &in, &out), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_INT(delete_try(f, "dir/file"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(delete_try(f, "dir"), SMBKIT_STATUS_SUCCESS);
}

/* One of two links goes; the file is found by the one that is left. */
static void hard_links(struct fixture *f)
{
    struct vfs_open *o = NULL;
    const struct vfs_file_id id = make_known(f, "one", "it");
    o = must_open(f, "one", RW, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_link(&f->call, o, "two", false), SMBKIT_STATUS_SUCCESS);
    must_close(f, o);
    CHECK_INT(delete_try(f, "one"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(open_it(f, "one", &id, &o), SMBKIT_STATUS_SUCCESS);
    check_is(f, o, "two", "it");
    must_close(f, o);
    CHECK_INT(delete_try(f, "two"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(open_it(f, "two", &id, &o), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
}

/* A stream of it, and rights as of any other open. */
static void streams_and_rights(struct fixture *f)
{
    const struct vfs_file_id id = make_known(f, "file", "it");
    struct vfs_create_in in = create_in(f, "file");
    struct vfs_create_out out;
    in.stream = "s";
    in.disposition = SMBKIT_CREATE;
    CHECK_INT(vfs_create(&f->call, &in, &out), SMBKIT_STATUS_SUCCESS);
    must_close(f, out.open);
    rename_to(f, "file", "moved");
    in.disposition = SMBKIT_OPEN;
    in.file = &id;
    CHECK_INT(vfs_create(&f->call, &in, &out), SMBKIT_STATUS_SUCCESS);
    in.share_access = 0;
    struct vfs_create_out second;
    CHECK_INT(vfs_create(&f->call, &in, &second), SMBKIT_STATUS_SHARING_VIOLATION);
    must_close(f, out.open);
    in.access_cap = SMBKIT_READ_ATTRIBUTES;
    CHECK_INT(vfs_create(&f->call, &in, &second), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(delete_try(f, "moved"), SMBKIT_STATUS_SUCCESS);
}

static void with_mem(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_open(&f, smbkit_static_mem(&vfs_api), false));
    by_id(&f, true);
    hard_links(&f);
    streams_and_rights(&f);
    fixture_close(&f);
}

/* Enough for the table of ids to grow; each is found. */
static void many(void)
{
    enum { COUNT = 300 };
    static struct vfs_file_id ids[COUNT];
    struct fixture f = {0};
    REQUIRE(fixture_open(&f, smbkit_static_mem(&vfs_api), false));
    for (int i = 0; i < COUNT; i++) {
        char name[16];
        snprintf(name, sizeof(name), "f%d", i);
        ids[i] = make_known(&f, name, name);
    }
    for (int i = 0; i < COUNT; i++) {
        char name[16];
        struct vfs_open *o = NULL;
        snprintf(name, sizeof(name), "f%d", i);
        CHECK_INT(open_it(&f, "elsewhere", &ids[i], &o), SMBKIT_STATUS_SUCCESS);
        check_is(&f, o, name, name);
        must_close(&f, o);
        CHECK_INT(delete_try(&f, name), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(open_it(&f, name, &ids[i], &o), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    }
    fixture_close(&f);
}

/* A plugin that finds nothing by its id: it must be where it was. */
static void with_fake(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    by_id(&f, false);
    fixture_close(&f);
}

static void with_dir(void)
{
    char root[] = "/tmp/smbkit-by-id-XXXXXX";
    struct fixture f = {0};
    REQUIRE(mkdtemp(root) != NULL);
    const struct smbkit_arg arg = {.key = "path", .value = root};
    f.args = &arg;
    f.arg_count = 1;
    REQUIRE(fixture_open(&f, smbkit_static_dir(&vfs_api), false));
    by_id(&f, false);
    fixture_close(&f);
    CHECK_INT(rmdir(root), 0);
}

static const struct test_case cases[] = {
    {"mem", with_mem},
    {"many files", many},
    {"a plugin without", with_fake},
    {"dir", with_dir},
};
TEST_MAIN(cases)
