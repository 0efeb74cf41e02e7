/* SPDX-License-Identifier: Apache-2.0 */
#include "filter_fixture.h"

const struct smbkit_plugin *smbkit_static_route(const struct smbkit_host_table *api);

static bool start(struct fixture *f)
{
    const struct stack_layer layers[] = {
        {smbkit_static_route(&vfs_api), {"/projects=mem:", "/\xc3\x84=mem:"}},
        {smbkit_static_mem(&vfs_api), {NULL}}};
    return stack_open(f, layers, 2);
}

static void put(struct fixture *f, const char *path, const char *text)
{
    struct vfs_open *o = must_open(f, path, RW, SMBKIT_OPEN_IF, 0);
    CHECK_INT(write_at(f, o, 0, text), 0);
    must_close(f, o);
}

static void check_content(struct fixture *f, const char *path, const char *want)
{
    char buf[64] = "";
    struct vfs_open *o = must_open(f, path, SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    CHECK_INT(read_at(f, o, 0, buf, sizeof(buf)), 0);
    CHECK_STR(buf, want);
    must_close(f, o);
}

static void test_folders(void)
{
    char names[1024];
    struct fixture f;
    REQUIRE(start(&f));
    make(&f, "own", true);
    put(&f, "own/x", "of the share");
    put(&f, "projects/x", "of projects");
    put(&f, "\xc3\x84/x", "of another");
    check_content(&f, "own/x", "of the share");
    check_content(&f, "PROJECTS/X", "of projects");
    check_content(&f, "\xc3\xa4/x", "of another");
    list_names(&f, "", names);
    CHECK_STR(names, "projects \xc3\x84 own ");
    list_names(&f, "projects", names);
    CHECK_STR(names, "x ");
    make(&f, "projects/d", true);
    make(&f, "projects/d/e", true);
    list_names(&f, "projects/d", names);
    CHECK_STR(names, "e ");
    CHECK_INT(try_access(&f, "projects/none/x", RW, SMBKIT_OPEN),
              SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    fixture_close(&f);
}

/* What the layer below has by the name of a volume is not seen, and not by the way either. */
static void test_hidden(void)
{
    char names[1024];
    struct fixture f;
    REQUIRE(start(&f));
    const struct layer *mem = &f.v->layers[1];
    CHECK_INT(make_below(&f, "Projects", SMBKIT_KIND_DIRECTORY), 0);
    CHECK_INT(make_below(&f, "Projects/secret", SMBKIT_KIND_FILE), 0);
    CHECK(mem->volume != NULL);
    list_names(&f, "", names);
    CHECK_STR(names, "projects \xc3\x84 ");
    CHECK_INT(try_access(&f, "projects/secret", SMBKIT_READ_DATA, SMBKIT_OPEN),
              SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    fixture_close(&f);
}

/* Pages of one name each, by all cookies. */
static bool take_one(void *arg, const struct vfs_dir_entry *e)
{
    char *names = arg;
    size_t len = strlen(names);
    if (names[0] && names[len - 1] == '!') {
        return false;
    }
    snprintf(names + len, 1024 - len, "%s!", e->name);
    return true;
}

static void test_pages(void)
{
    char names[1024] = "";
    struct fixture f;
    REQUIRE(start(&f));
    make(&f, "a", false);
    make(&f, "b", false);
    const struct vfs_dir_query q = {.pattern = "*", .entry = take_one, .arg = names};
    struct vfs_open *o = must_open(&f, "", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    for (int i = 0; i < 20 && SMBKIT_OK(vfs_query_directory(&f.call, o, &q)); i++) {
        names[strlen(names) - 1] = ' ';
    }
    must_close(&f, o);
    CHECK_STR(names, ". .. projects \xc3\x84 a b ");
    fixture_close(&f);
}

static void test_moves(void)
{
    struct fixture f;
    REQUIRE(start(&f));
    put(&f, "x", "text");
    struct vfs_open *o = must_open(&f, "x", RW | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_rename(&f.call, o, "projects/x", false), SMBKIT_STATUS_NOT_SAME_DEVICE);
    CHECK_INT(vfs_link(&f.call, o, "projects/x", false), SMBKIT_STATUS_NOT_SAME_DEVICE);
    CHECK_INT(vfs_rename(&f.call, o, "y", false), 0);
    must_close(&f, o);
    check_content(&f, "y", "text");
    put(&f, "projects/x", "more");
    make(&f, "projects/d", true);
    o = must_open(&f, "projects/x", RW | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_rename(&f.call, o, "projects/d/y", false), 0);
    CHECK_INT(vfs_rename(&f.call, o, "z", false), SMBKIT_STATUS_NOT_SAME_DEVICE);
    must_close(&f, o);
    check_content(&f, "projects/d/y", "more");
    o = must_open(&f, "projects", SMBKIT_DELETE, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    CHECK_INT(vfs_rename(&f.call, o, "other", false), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(vfs_set_disposition(&f.call, o, true), SMBKIT_STATUS_DIRECTORY_NOT_EMPTY);
    must_close(&f, o);
    o = must_open(&f, "\xc3\x84", SMBKIT_DELETE, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    CHECK_INT(vfs_set_disposition(&f.call, o, true), SMBKIT_STATUS_CANNOT_DELETE);
    must_close(&f, o);
    CHECK_INT(try_access(&f, "\xc3\x84", SMBKIT_READ_DATA, SMBKIT_OPEN), 0);
    CHECK_INT(try_access(&f, "\xc3\x84", SMBKIT_READ_DATA, SMBKIT_CREATE),
              SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    fixture_close(&f);
}

/* The ids of mem count from 1 in each volume. */
static void test_ids(void)
{
    struct fixture f;
    struct vfs_create_out out[3];
    static const char *const paths[] = {"x", "projects/x", "\xc3\x84/x"};
    REQUIRE(start(&f));
    for (size_t i = 0; i < 3; i++) {
        struct vfs_create_in in = create_in(&f, paths[i]);
        in.disposition = SMBKIT_CREATE;
        REQUIRE(SMBKIT_OK(vfs_create(&f.call, &in, &out[i])));
    }
    CHECK(out[0].attr.file_id != out[1].attr.file_id);
    CHECK(out[1].attr.file_id != out[2].attr.file_id);
    CHECK(out[0].attr.file_id != out[2].attr.file_id);
    for (size_t i = 0; i < 3; i++) {
        must_close(&f, out[i].open);
    }
    fixture_close(&f);
}

static void test_copy(void)
{
    struct fixture f;
    REQUIRE(start(&f));
    char text[2000];
    memset(text, 't', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    put(&f, "x", text);
    const struct door_file *from, *to;
    struct vfs_open *a = must_open(&f, "x", RW, SMBKIT_OPEN, 0);
    struct vfs_open *b = must_open(&f, "projects/y", RW, SMBKIT_CREATE, 0);
    from = &a->f;
    to = &b->f;
    struct smbkit_copy c = {
        .struct_size = sizeof(c), .source = from->file, .source_offset = 5, .length = 10};
    CHECK_INT(door_copy(&f.call, to, SMBKIT_OP_copy_range, &c), 0);
    CHECK_INT(c.done, 10);
    c = (struct smbkit_copy){.struct_size = sizeof(c), .source = from->file, .length = 1u << 20};
    CHECK_INT(door_copy(&f.call, to, SMBKIT_OP_clone_range, &c), SMBKIT_STATUS_NOT_SUPPORTED);
    CHECK_INT(door_copy(&f.call, to, SMBKIT_OP_copy_range, &c), 0);
    CHECK_INT(c.done, sizeof(text) - 1);
    must_close(&f, a);
    must_close(&f, b);
    struct vfs_open *o = must_open(&f, "projects/y", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    char buf[2100] = "";
    CHECK_INT(read_at(&f, o, 0, buf, sizeof(buf)), 0);
    CHECK_STR(buf, text);
    must_close(&f, o);
    fixture_close(&f);
}

static void test_args(void)
{
    static const struct bad_args rows[] = {
        {{"/a=mem:", "/b=mem:"}, NULL},
        {{NULL}, "is missing"},
        {{"a=mem:"}, "expected /NAME=PLUGIN:ARGS"},
        {{"/=mem:"}, "expected /NAME=PLUGIN:ARGS"},
        {{"/a/b=mem:"}, "only folders of the root"},
        {{"/a*=mem:"}, "no folder can be called so"},
        {{"/..=mem:"}, "no folder can be called so"},
        {{"/a=mem:", "/A=mem:"}, "given twice"},
        {{"/a=none:"}, "there is no such plugin"},
    };
    check_args(smbkit_static_route(&vfs_api), rows, ARRAY_LEN(rows));
}

static const struct test_case cases[] = {
    {"folders", test_folders},
    {"what is hidden", test_hidden},
    {"a listing by pages", test_pages},
    {"moves", test_moves},
    {"ids", test_ids},
    {"copies", test_copy},
    {"arguments", test_args},
};
TEST_MAIN(cases)
