/* SPDX-License-Identifier: Apache-2.0 */
/* Changes that come between an answer of the layer below and its being kept. */
#include "cache_fixture.h"

static void (*meanwhile)(struct fixture *f); /* once */
static struct fixture *of;

static void come_between(void)
{
    void (*fn)(struct fixture * f) = meanwhile;
    meanwhile = NULL;
    if (fn) {
        fn(of);
    }
}

/* A filter that lets something happen when the layer below has answered. */
#define LATE(name, type)                                                                           \
    static smbkit_status late_##name(void *volume, struct smbkit_op *op, void *file, type *a)      \
    {                                                                                              \
        smbkit_status st = smbkit_next_##name(volume, op, file, a);                                \
        come_between();                                                                            \
        return st;                                                                                 \
    }
LATE(read, struct smbkit_io)
LATE(getattr, struct smbkit_attr)
LATE(enumerate, struct smbkit_sink)

static smbkit_status late_create(void *volume, struct smbkit_op *op, struct smbkit_create *a)
{
    smbkit_status st = smbkit_next_create(volume, op, a);
    if (a->disposition == SMBKIT_OPEN) {
        come_between();
    }
    return st;
}

static smbkit_status late_open(struct smbkit_volume_args *args, void **volume_r)
{
    *volume_r = args->next;
    return SMBKIT_STATUS_SUCCESS;
}

static void late_close(void *volume, struct smbkit_op *op, void *file)
{
    smbkit_next_close(volume, op, file);
}

static const struct smbkit_plugin late = {.struct_size = sizeof(late),
                                          .api_version = SMBKIT_FILTER_VERSION,
                                          .thread_model = SMBKIT_PARALLEL,
                                          .flags = SMBKIT_IS_FILTER,
                                          .name = "late",
                                          .description = "something happens meanwhile",
                                          .version = "1",
                                          .volume_open = late_open,
                                          .create = late_create,
                                          .close = late_close,
                                          .read = late_read,
                                          .getattr = late_getattr,
                                          .enumerate = late_enumerate};

static bool start_late(struct fixture *f)
{
    const struct stack_layer layers[] = {
        {.plugin = smbkit_static_cache(&vfs_api), .args = {"ttl=1h", "attr_ttl=1h"}},
        {.plugin = &late},
        {.plugin = smbkit_static_mem(&vfs_api)}};
    of = f;
    meanwhile = NULL;
    return stack_open(f, layers, 3);
}

static void write_more(struct fixture *f)
{
    struct vfs_open *o = must_open(f, "d/a", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(f, o, 2, "XYZXYZ"), 0);
    must_close(f, o);
    CHECK_INT(try_access(f, "d/a", RW, SMBKIT_OPEN), 0); /* looks how it is now */
}

static void make_another(struct fixture *f)
{
    make(f, "d/b", false);
}

static void rename_it(struct fixture *f)
{
    struct vfs_open *o = must_open(f, "d/a", SMBKIT_DELETE, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_rename(&f->call, o, "d/c", false), 0);
    must_close(f, o);
}

static void begin(struct fixture *f)
{
    make(f, "d", true);
    struct vfs_open *o = must_open(f, "d/a", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(f, o, 0, "abcdef"), 0);
    must_close(f, o);
}

static void test_read(void)
{
    struct fixture f;
    REQUIRE(start_late(&f));
    begin(&f);
    struct vfs_open *o = must_open(&f, "d/a", RW, SMBKIT_OPEN, 0);
    meanwhile = write_more;
    check_read(&f, o, 0, "abcdef"); /* what was there when it was asked */
    CHECK(!meanwhile);
    check_read(&f, o, 0, "abXYZXYZ");
    check_read(&f, o, 0, "abXYZXYZ");
    must_close(&f, o);
    fixture_close(&f);
}

static void test_getattr(void)
{
    struct fixture f;
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    REQUIRE(start_late(&f));
    begin(&f);
    struct vfs_open *o = must_open(&f, "d/a", RW, SMBKIT_OPEN, 0);
    CHECK_INT(say(&f, "drop", NULL), 0);
    meanwhile = write_more;
    CHECK_INT(vfs_getattr(&f.call, o, 0, &attr), 0);
    CHECK(!meanwhile);
    CHECK_INT(vfs_getattr(&f.call, o, 0, &attr), 0);
    CHECK_INT(attr.size, 8);
    must_close(&f, o);
    fixture_close(&f);
}

static void list_attr(struct fixture *f, const char *path, char names[1024])
{
    const struct vfs_dir_query q = {
        .pattern = "*", .entry = note_entry, .arg = names, .want_attr = true};
    struct vfs_open *o = must_open(f, path, SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    names[0] = 0;
    while (SMBKIT_OK(vfs_query_directory(&f->call, o, &q))) {
    }
    must_close(f, o);
}

static void test_listing(void)
{
    struct fixture f;
    char names[1024];
    REQUIRE(start_late(&f));
    begin(&f);
    meanwhile = make_another;
    list_attr(&f, "d", names);
    CHECK(!meanwhile);
    list_attr(&f, "d", names);
    CHECK_STR(names, "a b ");
    meanwhile = rename_it;
    CHECK_INT(say(&f, "drop", NULL), 0);
    list_attr(&f, "d", names);
    CHECK(!meanwhile);
    list_attr(&f, "d", names);
    CHECK(strstr(names, "b ") && strstr(names, "c ") && !strstr(names, "a "));
    fixture_close(&f);
}

static void test_missing(void)
{
    struct fixture f;
    REQUIRE(start_late(&f));
    begin(&f);
    meanwhile = make_another;
    (void)!try_access(&f, "d/b", RW, SMBKIT_OPEN);
    CHECK(!meanwhile);
    CHECK_INT(try_access(&f, "d/b", RW, SMBKIT_OPEN), 0);
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"a write while it is read", test_read},
    {"a write while attributes are asked for", test_getattr},
    {"a name that comes, or is changed, while a folder is listed", test_listing},
    {"a name that comes while it is looked for", test_missing},
};
TEST_MAIN(cases)
