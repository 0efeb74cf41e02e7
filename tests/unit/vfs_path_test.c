/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/mem.h"
#include "base/str.h"
#include "vfs/path.h"
#include "vfs/vfs.h"

static const struct {
    const char *name;
    smbkit_status status;
    const char *path;
    const char *stream;
    bool is_directory_stream;
} parses[] = {
    {"", 0, "", NULL, false},
    {"a", 0, "a", NULL, false},
    {"a\\b\\c.txt", 0, "a/b/c.txt", NULL, false},
    {"a\\b\\", 0, "a/b", NULL, false},
    {"..a\\b..\\...", 0, "..a/b.\xef\x80\xa9/..\xef\x80\xa9", NULL, false},
    {".hidden", 0, ".hidden", NULL, false},
    {"name with space ", 0, "name with space\xef\x80\xa8", NULL, false},
    {"\xc3\xa4\xe2\x82\xac", 0, "\xc3\xa4\xe2\x82\xac", NULL, false},
    {"lone\xed\xa0\x80", 0, "lone\xed\xa0\x80", NULL, false},
    {"\\", (smbkit_status)0xC000000D, NULL, NULL, false},
    {"\\a", (smbkit_status)0xC000000D, NULL, NULL, false},
    {".", (smbkit_status)0xC000003B, NULL, NULL, false},
    {"..", (smbkit_status)0xC000003B, NULL, NULL, false},
    {"a\\..\\b", (smbkit_status)0xC000003B, NULL, NULL, false},
    {"a\\.", (smbkit_status)0xC000003B, NULL, NULL, false},
    {"a\\..\\", (smbkit_status)0xC000003B, NULL, NULL, false},
    {"a\\\\b", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a\\b\\\\", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a/b", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"../b", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a*", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a?", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a<", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a>", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a\"", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a|", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a\x01", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a\x1f", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a\x20", 0, "a\xef\x80\xa8", NULL, false},
    {"a\x7f", 0, "a\x7f", NULL, false},
    {"bad\xff", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"bad\xc3", (smbkit_status)0xC0000033, NULL, NULL, false},
    /* one spelling of what stands for something */
    {"a.b c", 0, "a.b c", NULL, false},
    {"A\xef\x80\xa9txt\\b\xef\x80\xa8"
     "c.",
     0, "A.txt/b c\xef\x80\xa9", NULL, false},
    {"K. .", 0, "K. \xef\x80\xa9", NULL, false},
    {"\xef\x80\xa9", 0, "\xef\x80\xa9", NULL, false},
    {"q\xef\x80\xaa\xef\x80\xba\xef\x81\x9c\xef\x81\xbc", 0,
     "q\xef\x80\xa1\xef\x80\xa2\xef\x80\xa6\xef\x80\xa7", NULL, false},
    {"\xef\x80\xa0\xef\x80\x81\xef\x81\x81", 0, "\xef\x80\xa0\xef\x80\x81\xef\x81\x81", NULL,
     false},
    /* streams */
    {"a:s", 0, "a", "s", false},
    {"a\\b:s", 0, "a/b", "s", false},
    {":s", 0, "", "s", false},
    {"a:s:$DATA", 0, "a", "s", false},
    {"a:s:$data", 0, "a", "s", false},
    {"a::$DATA", 0, "a", NULL, false},
    {"a::$INDEX_ALLOCATION", 0, "a", NULL, true},
    {"a:$I30:$INDEX_ALLOCATION", 0, "a", NULL, true},
    {"a:$i30:$index_allocation", 0, "a", NULL, true},
    {"::$DATA", 0, "", NULL, false},
    {"a:*?<>|\" \x01:$DATA", 0, "a", "*?<>|\" \x01", false},
    {"a:..", 0, "a", "..", false},
    {"a:", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a::", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a:s:", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a:s:$DATA:", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a:s:$EA", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a:s:$INDEX_ALLOCATION", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a:s/t", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a:s\\t", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a:s\\b", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"a\\:s", (smbkit_status)0xC0000033, NULL, NULL, false},
    {"..:s", (smbkit_status)0xC000003B, NULL, NULL, false},
};

static void test_parse(void)
{
    for (size_t i = 0; i < ARRAY_LEN(parses); i++) {
        struct vfs_path p;
        test_context("%s", parses[i].name);
        CHECK_INT(vfs_path_parse(parses[i].name, &p), parses[i].status);
        CHECK_STR(p.path, parses[i].path);
        CHECK_STR(p.stream, parses[i].stream);
        CHECK_INT(p.is_directory_stream, parses[i].is_directory_stream);
        vfs_path_fini(&p);
    }
}

/* Whatever is in it: no more bytes than are said to be added. */
static void test_settle_room(void)
{
    static const char *const rows[] = {"||||", ":::\x01\x02", ". . .", "....",
                                       "\\\\", "\xff\xff.",   "a/b ",  "\xef\x80\xba\xef\x80\xba"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *s = path_settle_name(rows[i]);
        REQUIRE(s);
        test_context("%zu", i);
        CHECK(str_len(s) <= str_len(rows[i]) + 2);
        CHECK_INT(str_has_char(s, '/'), str_has_char(rows[i], '/'));
        mem_free(s);
    }
}

static void test_means_directory(void)
{
    static const struct {
        const char *name;
        bool means;
    } rows[] = {{"a\\b", false}, {"a\\b\\", true}, {"", false}, {"a:s", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vfs_path p;
        test_context("%s", rows[i].name);
        CHECK_INT(vfs_path_parse(rows[i].name, &p), 0);
        CHECK_INT(p.means_directory, rows[i].means);
        vfs_path_fini(&p);
    }
}

/* A name of count times unit, after prefix. */
static smbkit_status parse_long(const char *prefix, const char *unit, size_t count)
{
    struct wr w = wr_new(1u << 20);
    struct vfs_path p;
    wr_bytes(&w, prefix, strlen(prefix));
    for (size_t i = 0; i < count; i++) {
        wr_bytes(&w, unit, strlen(unit));
    }
    wr_u8(&w, 0);
    smbkit_status st = vfs_path_parse((const char *)w.base, &p);
    vfs_path_fini(&p);
    wr_fini(&w);
    return st;
}

static void test_bounds(void)
{
    CHECK_INT(parse_long("", "x", 254), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(parse_long("", "x", 255), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(parse_long("", "x", 256), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    CHECK_INT(parse_long("", "\xe2\x82\xac", 255), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(parse_long("", "\xe2\x82\xac", 256), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    /* two UTF-16 units each */
    CHECK_INT(parse_long("x", "\xf0\x9f\x98\x80", 127), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(parse_long("", "\xf0\x9f\x98\x80", 128), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    CHECK_INT(parse_long("f:", "x", 255), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(parse_long("f:", "x", 256), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    CHECK_INT(parse_long("a", "\\a", PATH_DEPTH_MAX - 2), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(parse_long("a", "\\a", PATH_DEPTH_MAX - 1), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(parse_long("a", "\\a", PATH_DEPTH_MAX), SMBKIT_STATUS_NAME_TOO_LONG);
    CHECK_INT(parse_long("", "x", PATH_UNITS_MAX), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    CHECK_INT(parse_long("", "x", PATH_UNITS_MAX + 1), SMBKIT_STATUS_NAME_TOO_LONG);
}

static void test_helpers(void)
{
    static const struct {
        const char *path, *parent, *leaf;
    } rows[] = {{"", "", ""}, {"a", "", "a"}, {"a/b", "a", "b"}, {"a/b/cc", "a/b", "cc"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP_MEM char *parent = path_parent(rows[i].path);
        CLEANUP_MEM char *joined = path_join(rows[i].parent, rows[i].leaf);
        test_context("%s", rows[i].path);
        CHECK_STR(parent, rows[i].parent);
        CHECK_STR(path_leaf(rows[i].path), rows[i].leaf);
        CHECK_STR(joined, rows[i].path);
        CHECK_INT(path_parent_len(rows[i].path), strlen(rows[i].parent));
    }
}

static void test_below(void)
{
    static const struct {
        const char *ancestor, *path;
        bool below, below_nocase;
    } rows[] = {
        {"", "", false, false},          {"", "a", true, true},
        {"a", "a", false, false},        {"a", "a/b", true, true},
        {"a", "ab", false, false},       {"a/b", "a", false, false},
        {"A", "a/b", false, true},       {"a", "A", false, false},
        {"a/B", "A/b/c/d", false, true}, {"\xc3\xa4", "\xc3\x84/x", false, true},
        {"a", "b/a", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("%s %s", rows[i].ancestor, rows[i].path);
        CHECK_INT(path_is_below(rows[i].ancestor, rows[i].path), rows[i].below);
        CHECK_INT(path_is_below_nocase(rows[i].ancestor, rows[i].path), rows[i].below_nocase);
    }
    CHECK(path_eq_nocase("Ab", 2, "aB", 2));
    CHECK(!path_eq_nocase("Ab", 2, "aBc", 3));
    CHECK(!path_eq_nocase("Abc", 3, "aB", 2));
    CHECK(path_eq_nocase("", 0, "", 0));
}

static void test_no_memory(void)
{
    for (uint64_t n = 1; n < 10; n++) {
        struct vfs_path p;
        mem_fail_nth(n);
        smbkit_status st = vfs_path_parse("dir\\file:stream", &p);
        bool happened = mem_fail_happened();
        mem_fail_nth(0);
        CHECK_INT(st, happened ? SMBKIT_STATUS_NO_MEMORY : SMBKIT_STATUS_SUCCESS);
        CHECK((p.path == NULL) == happened);
        vfs_path_fini(&p);
        if (!happened) {
            CHECK(n > 2);
            return;
        }
    }
}

static const struct test_case cases[] = {
    {"parse", test_parse},
    {"room of one spelling", test_settle_room},
    {"a name that means a directory", test_means_directory},
    {"bounds", test_bounds},
    {"helpers", test_helpers},
    {"below", test_below},
    {"no memory", test_no_memory},
};
TEST_MAIN(cases)
