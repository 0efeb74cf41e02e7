/* SPDX-License-Identifier: Apache-2.0 */
#include "filter_fixture.h"

const struct smbkit_plugin *smbkit_static_readonly(const struct smbkit_host_table *api);

static bool start(struct fixture *f, const char *paths)
{
    const struct stack_layer layers[] = {{smbkit_static_readonly(&vfs_api), {paths}},
                                         {smbkit_static_mem(&vfs_api), {NULL}}};
    return stack_open(f, layers, 2);
}

static void test_whole(void)
{
    struct fixture f;
    REQUIRE(start(&f, NULL));
    CHECK(vfs_volume_is_read_only(f.v));
    CHECK_INT(try_access(&f, "a", RW, SMBKIT_CREATE), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(try_access(&f, "a", SMBKIT_READ_DATA, SMBKIT_CREATE),
              SMBKIT_STATUS_MEDIA_WRITE_PROTECTED);
    fixture_close(&f);
}

static smbkit_status rename_to(struct fixture *f, const char *path, const char *to)
{
    struct vfs_open *o = must_open(f, path, SMBKIT_DELETE | SMBKIT_READ_ATTRIBUTES, SMBKIT_OPEN, 0);
    if (!o) {
        return SMBKIT_STATUS_INTERNAL_ERROR;
    }
    smbkit_status st = vfs_rename(&f->call, o, to, false);
    must_close(f, o);
    return st;
}

static void test_paths(void)
{
    struct fixture f;
    REQUIRE(start(&f, "paths=arch/old|*.iso"));
    CHECK(!vfs_volume_is_read_only(f.v));
    make(&f, "arch", true);
    make(&f, "free", false);
    CHECK_INT(try_access(&f, "arch/old", SMBKIT_READ_ATTRIBUTES, SMBKIT_CREATE),
              SMBKIT_STATUS_MEDIA_WRITE_PROTECTED);
    CHECK_INT(try_access(&f, "x.ISO", SMBKIT_READ_ATTRIBUTES, SMBKIT_CREATE),
              SMBKIT_STATUS_MEDIA_WRITE_PROTECTED);
    CHECK_INT(rename_to(&f, "free", "x.iso"), SMBKIT_STATUS_MEDIA_WRITE_PROTECTED);
    CHECK_INT(rename_to(&f, "free", "arch/free"), 0);
    CHECK_INT(rename_to(&f, "arch/free", "free"), 0);
    /* What lies above a place that is meant is not moved away from over it. */
    CHECK_INT(rename_to(&f, "arch", "elsewhere"), SMBKIT_STATUS_MEDIA_WRITE_PROTECTED);
    fixture_close(&f);
}

/* What is there already: read, and nothing else. A filter beside, without paths, made it. */
static void test_opens(void)
{
    static const struct {
        uint32_t access;
        smbkit_status want;
    } rows[] = {
        {SMBKIT_READ_DATA, 0},
        {SMBKIT_READ_DATA | SMBKIT_READ_CONTROL | SMBKIT_EXECUTE, 0},
        {SMBKIT_MAXIMUM_ALLOWED, 0},
        {SMBKIT_WRITE_DATA, SMBKIT_STATUS_ACCESS_DENIED},
        {SMBKIT_APPEND_DATA, SMBKIT_STATUS_ACCESS_DENIED},
        {SMBKIT_WRITE_ATTRIBUTES, SMBKIT_STATUS_ACCESS_DENIED},
        {SMBKIT_WRITE_EA, SMBKIT_STATUS_ACCESS_DENIED},
        {SMBKIT_DELETE, SMBKIT_STATUS_ACCESS_DENIED},
        {SMBKIT_WRITE_DAC, SMBKIT_STATUS_ACCESS_DENIED},
        {SMBKIT_READ_DATA | SMBKIT_WRITE_DATA, SMBKIT_STATUS_ACCESS_DENIED},
    };
    struct fixture f;
    REQUIRE(start(&f, "paths=late/**"));
    make(&f, "early", true);
    make(&f, "early/file", false);
    CHECK_INT(rename_to(&f, "early", "late"), 0); /* now it is there */
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("access %#x", rows[i].access);
        CHECK_INT(try_access(&f, "late/file", rows[i].access, SMBKIT_OPEN), rows[i].want);
    }
    test_context("dispositions");
    CHECK_INT(try_access(&f, "late/file", SMBKIT_READ_DATA, SMBKIT_OVERWRITE),
              SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(try_access(&f, "late/file", SMBKIT_READ_DATA, SMBKIT_OPEN_IF), 0);
    CHECK_INT(try_access(&f, "late/new", SMBKIT_READ_DATA, SMBKIT_OPEN_IF),
              SMBKIT_STATUS_MEDIA_WRITE_PROTECTED);
    CHECK_INT(try_access(&f, "late", SMBKIT_WRITE_DATA, SMBKIT_OPEN), 0); /* only what lies in it */
    fixture_close(&f);
}

/* Who had it open for writing when it came to lie there. */
static void test_open_meanwhile(void)
{
    struct fixture f;
    char buf[8];
    REQUIRE(start(&f, "paths=late/**"));
    make(&f, "early", true);
    struct vfs_open *o = must_open(&f, "file", RW | SMBKIT_DELETE, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&f, o, 0, "abc"), 0);
    CHECK_INT(vfs_rename(&f.call, o, "early/file", false), 0);
    CHECK_INT(write_at(&f, o, 0, "abd"), 0);
    make(&f, "late", true);
    CHECK_INT(vfs_rename(&f.call, o, "late/file", false), SMBKIT_STATUS_MEDIA_WRITE_PROTECTED);
    CHECK_INT(write_at(&f, o, 0, "abe"), 0); /* it stayed where it was */
    CHECK_INT(read_at(&f, o, 0, buf, sizeof(buf)), 0);
    CHECK_STR(buf, "abe");
    must_close(&f, o);
    fixture_close(&f);
}

static void test_args(void)
{
    static const struct bad_args rows[] = {
        {{NULL}, NULL},
        {{"paths=a|b", "paths=c"}, NULL},
        {{"paths="}, "paths="},
        {{"paths=||"}, "paths=: no pattern between the bars"},
        {{"path=a"}, "did you mean \"paths\"?"},
    };
    check_args(smbkit_static_readonly(&vfs_api), rows, ARRAY_LEN(rows));
}

static const struct test_case cases[] = {
    {"a whole share", test_whole}, {"new names", test_paths},
    {"rights", test_opens},        {"open when it came to lie there", test_open_meanwhile},
    {"arguments", test_args},
};
TEST_MAIN(cases)
