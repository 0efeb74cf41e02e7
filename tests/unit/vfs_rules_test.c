/* SPDX-License-Identifier: Apache-2.0 */
/* Names that a share's settings keep from its clients or show as hidden. */
#include "vfs_fixture.h"

#include "base/str.h"
#include "vfs/rules.h"

#include "test.h"

static void test_patterns(void)
{
    static const struct {
        const char *veto, *path;
        smbkit_status right;
    } cases[] = {
        {"/*.exe/", "a.exe", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND},
        {"*.exe/x", "A.EXE", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND},
        {"//x//", "x", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND},
        {"/x/", "d/x", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND},
        {"/x/", "x/d", SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND},
        {"/x/", "d/x/e/f", SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND},
        {"/x/", "x:stream", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND},
        {"/a b?/", "a bc", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND},
        {"/\xc3\xa4*/", "\xc3\x84rger", SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND},
        {"/x/", "xy", SMBKIT_STATUS_SUCCESS},
        {"/x/", "", SMBKIT_STATUS_SUCCESS},
        {"", "x", SMBKIT_STATUS_SUCCESS},
        {NULL, "x", SMBKIT_STATUS_SUCCESS},
        {"/", "x", SMBKIT_STATUS_SUCCESS},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct vfs_volume v = {0};
        CHECK_INT(rules_init(&v.rules, cases[i].veto, NULL), SMBKIT_STATUS_SUCCESS);
        smbkit_status st = rules_check_path(&v, cases[i].path);
        if (st != cases[i].right) {
            test_fail(__FILE__, __LINE__, "%s, %s: %s", cases[i].veto ? cases[i].veto : "none",
                      cases[i].path, smbkit_status_name(st));
        }
        rules_fini(&v.rules);
    }
}

static void test_bound(void)
{
    char text[2 * (RULES_PATTERNS_MAX + 1) + 2];
    for (unsigned n = RULES_PATTERNS_MAX - 1; n <= RULES_PATTERNS_MAX + 1; n++) {
        struct rules r = {0};
        for (unsigned i = 0; i < 2 * n; i++) {
            text[i] = i % 2 ? 'x' : '/';
        }
        text[2 * n] = '/';
        text[2 * n + 1] = 0;
        CHECK_INT(rules_init(&r, text, NULL),
                  n > RULES_PATTERNS_MAX ? SMBKIT_STATUS_INVALID_PARAMETER : SMBKIT_STATUS_SUCCESS);
        rules_fini(&r);
    }
}

static bool is_hidden(struct fixture *f, const char *path)
{
    struct vfs_open *o = must_open(f, path, SMBKIT_READ_ATTRIBUTES, SMBKIT_OPEN, 0);
    struct smbkit_attr attr;
    CHECK_INT(vfs_getattr(&f->call, o, SMBKIT_READ_ATTRIBUTES, &attr), SMBKIT_STATUS_SUCCESS);
    must_close(f, o);
    return attr.attributes & SMBKIT_ATTR_HIDDEN;
}

static void put(struct fixture *f, const char *path)
{
    must_close(f, must_open(f, path, RW, SMBKIT_CREATE, 0));
}

static void test_hidden(void)
{
    struct fixture f = {.hide_files = "/~*/"};
    if (!fixture_fake(&f)) {
        return;
    }
    vfs_volume_habits_set(f.v, VFS_HIDE_DOT_FILES);
    put(&f, "~lock");
    put(&f, ".dot");
    put(&f, "plain");
    CHECK(is_hidden(&f, "~lock"));
    CHECK(is_hidden(&f, ".dot"));
    CHECK(!is_hidden(&f, "plain"));
    CHECK(!is_hidden(&f, ""));
    vfs_volume_habits_set(f.v, 0);
    CHECK(!is_hidden(&f, ".dot"));
    CHECK(is_hidden(&f, "~lock"));
    /* The file itself is none: who does not ask for a hidden file may overwrite it. */
    must_close(&f, must_open(&f, "~lock", RW, SMBKIT_OVERWRITE_IF, 0));
    fixture_close(&f);
}

static void test_renamed(void)
{
    struct fixture f = {.veto_files = "/no*/", .hide_files = "/~*/"};
    if (!fixture_fake(&f)) {
        return;
    }
    put(&f, "file");
    struct vfs_open *o =
        must_open(&f, "file", SMBKIT_DELETE | SMBKIT_READ_ATTRIBUTES, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_rename(&f.call, o, "nothing", false), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(vfs_rename(&f.call, o, "~file", false), SMBKIT_STATUS_SUCCESS);
    struct smbkit_attr attr = {0};
    CHECK_INT(vfs_close(&f.call, o, &attr), SMBKIT_STATUS_SUCCESS);
    CHECK(attr.attributes & SMBKIT_ATTR_HIDDEN);
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"patterns", test_patterns},
    {"bound", test_bound},
    {"hidden", test_hidden},
    {"renamed", test_renamed},
};
TEST_MAIN(cases)
