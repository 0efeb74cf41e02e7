/* SPDX-License-Identifier: Apache-2.0 */
/* A folder that is the root for who opens it stays and is made by others; names below it. And what
 * two append at once. */
#include "vfs_fixture.h"

#include "base/str.h"
#include "vfs/fsctl.h"

#define S(name) SMBKIT_STATUS_##name

static smbkit_status root_open(struct fixture *f, const char *path, uint32_t disposition,
                               uint32_t options)
{
    struct vfs_create_in in = create_in(f, path);
    in.desired_access = SMBKIT_READ_DATA | SMBKIT_DELETE;
    in.disposition = disposition;
    in.options = options;
    in.is_root = true;
    return try_open(f, &in);
}

static void test_stays(void)
{
    struct fixture f = {0};
    REQUIRE(fixture_fake(&f));
    make(&f, "home", true);
    CHECK_INT(root_open(&f, "home", SMBKIT_OPEN, 0), 0);
    CHECK_INT(root_open(&f, "home", SMBKIT_OPEN_IF, 0), 0);
    CHECK_INT(root_open(&f, "home", SMBKIT_CREATE, 0), S(OBJECT_NAME_COLLISION));
    CHECK_INT(root_open(&f, "home", SMBKIT_OPEN, VFS_DELETE_ON_CLOSE), S(CANNOT_DELETE));
    CHECK_INT(root_open(&f, "gone", SMBKIT_CREATE, 0), S(OBJECT_NAME_NOT_FOUND));
    CHECK_INT(root_open(&f, "gone", SMBKIT_OPEN_IF, VFS_NON_DIRECTORY_FILE),
              S(OBJECT_NAME_NOT_FOUND));

    struct vfs_create_in in = create_in(&f, "home");
    in.desired_access = SMBKIT_READ_DATA | SMBKIT_DELETE;
    in.is_root = true;
    struct vfs_create_out out;
    CHECK_INT(vfs_create(&f.call, &in, &out), 0);
    CHECK_INT(vfs_set_disposition(&f.call, out.open, 1), S(CANNOT_DELETE));
    CHECK_INT(vfs_rename(&f.call, out.open, "elsewhere", false), S(ACCESS_DENIED));
    const struct smbkit_bytes link = {.base = (const uint8_t *)"", .len = 0};
    CHECK_INT(vfs_set_reparse(&f.call, out.open, &link), S(ACCESS_DENIED));
    must_close(&f, out.open);

    /* To others it is a folder. */
    struct vfs_open *o = must_open(&f, "home", SMBKIT_READ_DATA | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_rename(&f.call, o, "elsewhere", false), 0);
    must_close(&f, o);
    fixture_close(&f);
}

static void test_below(void)
{
    static const struct {
        const char *root, *name, *path;
    } rows[] = {
        {"", "a\\b", "a/b"},
        {"homes/ann", "", "homes/ann"},
        {"homes/ann", "a\\b", "homes/ann/a/b"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vfs_path p;
        CHECK_INT(vfs_path_parse(rows[i].name, &p), 0);
        CHECK_INT(vfs_path_below(rows[i].root, &p), 0);
        CHECK_STR(p.path, rows[i].path);
        vfs_path_fini(&p);
    }
    CLEANUP_MEM char *deep = str_dup("d");
    for (int i = 0; i < 510; i++) {
        char *more = str_printf("%s\\d", deep);
        mem_free(deep);
        deep = more;
    }
    struct vfs_path p;
    CHECK_INT(vfs_path_parse(deep, &p), 0); /* 511 components */
    CHECK_INT(vfs_path_below("homes/ann", &p), S(NAME_TOO_LONG));
    CHECK(str_has_prefix(p.path, "d/d/"));
    CHECK_INT(vfs_path_below("homes", &p), 0);
    CHECK(str_has_prefix(p.path, "homes/d/"));
    vfs_path_fini(&p);
}

static void test_behind(void)
{
    static const struct {
        const char *root, *path, *seen;
    } rows[] = {
        {"", "a/b", "a/b"},
        {"homes/ann", "homes/ann", ""},
        {"homes/ann", "homes/ann/a/b", "a/b"},
        {"homes/ann", "Homes/ANN/a", "a"},
        {"homes/ann", "homes/anna/a", "homes/anna/a"},
        {"homes/ann", "homes", "homes"},
        {"h\xc3\xb6mes", "H\xc3\x96mes/x", "x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("%s", rows[i].path);
        CHECK_STR(vfs_path_behind(rows[i].root, rows[i].path), rows[i].seen);
    }
}

static struct {
    struct fixture *f;
    struct vfs_open *open;
} other;

/* Somebody else appends just before the plugin gets the first one's bytes. */
static void append_first(struct fake_volume *v, enum fake_call call)
{
    if (call == FAKE_WRITE) {
        v->hook = NULL;
        CHECK_INT(write_at(other.f, other.open, UINT64_MAX, "two"), 0);
    }
}

static void test_two_append(void)
{
    struct fixture f = {.fake = {.thread_model = SMBKIT_PARALLEL}};
    REQUIRE(fixture_fake(&f));
    struct vfs_open *a = must_open(&f, "log", RW, SMBKIT_CREATE, 0);
    struct vfs_open *b = must_open(&f, "log", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, a, UINT64_MAX, "one"), 0);
    other.f = &f;
    other.open = b;
    f.fake.hook = append_first;
    CHECK_INT(write_at(&f, a, UINT64_MAX, "three"), 0);
    struct smbkit_attr attr;
    CHECK_INT(vfs_getattr(&f.call, a, 0, &attr), 0);
    CHECK_INT(attr.size, 3 + 3 + 5);
    must_close(&f, a);
    must_close(&f, b);
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"a root stays", test_stays},
    {"names below a root", test_below},
    {"names behind a root", test_behind},
    {"two append", test_two_append},
};
TEST_MAIN(cases)
