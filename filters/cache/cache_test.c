/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_fixture.h"

static void test_reads(void)
{
    struct fixture f;
    REQUIRE(start(&f, "ttl=1h", NULL, NULL));
    struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&f, o, 0, "abcdef"), 0);
    check_read(&f, o, 0, "abcdef");
    CHECK_INT(reads_below(&f), 1);
    check_read(&f, o, 0, "abcdef");
    check_read(&f, o, 4, "ef");
    CHECK_INT(reads_below(&f), 0);
    CHECK_INT(say(&f, "drop", NULL), 0);
    check_read(&f, o, 0, "abcdef");
    CHECK_INT(reads_below(&f), 1);
    must_close(&f, o);
    fixture_close(&f);
}

static void test_changes(void)
{
    struct fixture f;
    REQUIRE(start(&f, "ttl=1h", NULL, NULL));
    struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_CREATE, 0);
    struct vfs_open *other = must_open(&f, "a", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, o, 0, "abcdef"), 0);
    check_read(&f, other, 0, "abcdef");
    CHECK_INT(write_at(&f, o, 2, "XY"), 0);
    check_read(&f, other, 0, "abXYef");
    CHECK_INT(vfs_set_end_of_file(&f.call, o, 3), 0);
    check_read(&f, other, 0, "abX");
    CHECK_INT(write_at(&f, other, 3, "more"), 0);
    check_read(&f, o, 0, "abXmore");
    must_close(&f, other);
    must_close(&f, o);
    CHECK_INT(try_access(&f, "a", RW, SMBKIT_OVERWRITE), 0);
    o = must_open(&f, "a", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, o, 0, "z"), 0);
    check_read(&f, o, 0, "z");
    must_close(&f, o);
    fixture_close(&f);
}

static void test_args(void)
{
    static const struct bad_args rows[] = {
        {{NULL}, NULL},
        {{"size=1M", "ttl=0", "ahead=1M"}, NULL},
        {{"size=1K"}, "size"},
        {{"ahead=1G"}, "ahead"},
        {{"tll=1s"}, "did you mean \"ttl\"?"},
        {{"attr_ttl=1s", "attr_size=1M"}, NULL},
        {{"attr_size=1K"}, "attr_size"},
        {{"attr_ttl=x"}, "attr_ttl"},
        {{"disk=/nowhere/at/all"}, NULL}, /* goes on without */
        {{"disk="}, "disk"},
        {{"disk=/tmp", "disk_size=1"}, "disk_size"},
    };
    check_args(smbkit_static_cache(&vfs_api), rows, ARRAY_LEN(rows));
}

/* The end of a file that is whole blocks long is known, too. */
static void test_end(void)
{
    struct fixture f;
    static char zeroes[CACHE_BLOCK];
    REQUIRE(start(&f, "ttl=1h", NULL, NULL));
    struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_bytes(&f, o, 0, zeroes, sizeof(zeroes)), 0);
    char buf[16];
    CHECK_INT(read_at(&f, o, CACHE_BLOCK - 8, buf, 16), 0);
    CHECK_INT(reads_below(&f), 1);
    CHECK_INT(read_at(&f, o, CACHE_BLOCK - 8, buf, 16), 0);
    CHECK_INT(read_at(&f, o, CACHE_BLOCK, buf, 16), (int)SMBKIT_STATUS_END_OF_FILE);
    CHECK_INT(reads_below(&f), 0);
    CHECK_INT(write_at(&f, o, CACHE_BLOCK, "more"), 0);
    check_read(&f, o, CACHE_BLOCK, "more");
    must_close(&f, o);
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"reads", test_reads},
    {"changes", test_changes},
    {"arguments", test_args},
    {"the end of the file", test_end},
};
TEST_MAIN(cases)
