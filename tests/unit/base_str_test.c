/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include "base/mem.h"
#include "test.h"

static void compare(void)
{
    CHECK(str_eq("", "") && str_eq("a", "a") && !str_eq("a", "A") && !str_eq("a", "ab"));
    CHECK(str_ieq("", "") && str_ieq("aZ09", "Az09") && !str_ieq("a", "ab") && !str_ieq("ab", "a"));
    /* neighbours of the letters are not folded */
    CHECK(!str_ieq("@", "`") && !str_ieq("[", "{"));
    CHECK(!str_ieq("\xc3\xa4", "\xc3\x84"));
    CHECK(str_has_suffix("abc", "") && str_has_suffix("abc", "bc") && str_has_suffix("abc", "abc"));
    CHECK(!str_has_suffix("abc", "0abc") && !str_has_suffix("abc", "b"));
    CHECK(str_has_prefix("abc", "") && str_has_prefix("abc", "abc"));
    CHECK(!str_has_prefix("abc", "abcd") && !str_has_prefix("abc", "b"));
    CHECK_INT(str_len("abc"), 3);
}

static void copies(void)
{
    CLEANUP_MEM char *a = str_dup("abc");
    CLEANUP_MEM char *b = str_ndup("abc", 2);
    CLEANUP_MEM char *c = str_ndup("abc", 9);
    CLEANUP_MEM char *d = str_printf("%s-%03d", "x", 7);
    CLEANUP_MEM char *e = str_printf("%400d", 1);
    CHECK_STR(a, "abc");
    CHECK_STR(b, "ab");
    CHECK_STR(c, "abc");
    CHECK_STR(d, "x-007");
    REQUIRE(e);
    CHECK_INT(str_len(e), 400);
    CHECK(str_dup(NULL) == NULL);
    mem_fail_nth(1);
    CHECK(str_printf("x") == NULL);
    mem_fail_nth(1);
    CHECK(str_ndup("x", 1) == NULL);
    CHECK(mem_fail_happened());
}

/* "abc" into buffers of 1 to 5 bytes: the bound is 4. */
static void fixed_buffers(void)
{
    for (size_t size = 1; size <= 5; size++) {
        char want[8] = "abc";
        char a[8] = "#######";
        char b[8] = "#######";
        want[size - 1 < 3 ? size - 1 : 3] = '\0';
        test_context("size %zu", size);
        CHECK_INT(str_copy(a, size, "abc"), size >= 4);
        CHECK_INT(str_format(b, size, "%s", "abc"), size >= 4);
        CHECK_STR(a, want);
        CHECK_STR(b, want);
        CHECK_INT(a[size], '#');
        CHECK_INT(b[size], '#');
    }
}

static void numbers(void)
{
    static const struct {
        const char *text;
        uint64_t max;
        bool ok;
        uint64_t want;
    } cases[] = {
        {"0", 0, true, 0},
        {"1", 0, false, 0},
        {"254", 255, true, 254},
        {"255", 255, true, 255},
        {"256", 255, false, 0},
        {"0xff", 255, true, 255},
        {"0XFf", 255, true, 255},
        {"0x100", 255, false, 0},
        {"007", 9, true, 7},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"99999999999999999999", UINT64_MAX, false, 0},
        {"0xffffffffffffffff", UINT64_MAX, true, UINT64_MAX},
        {"0x10000000000000000", UINT64_MAX, false, 0},
        {"", 9, false, 0},
        {"0x", 9, false, 0},
        {"x1", 9, false, 0},
        {"-1", UINT64_MAX, false, 0},
        {"+1", 9, false, 0},
        {" 1", 9, false, 0},
        {"1 ", 9, false, 0},
        {"1a", 99, false, 0},
        {"0xg", 99, false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t got = 12345;
        test_context("\"%s\"", cases[i].text);
        CHECK_INT(str_to_u64(cases[i].text, cases[i].max, &got), cases[i].ok);
        CHECK_INT(got, cases[i].ok ? cases[i].want : 12345);
    }
}

static void sizes(void)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t want;
    } cases[] = {
        {"512", true, 512},
        {"0", true, 0},
        {"512B", true, 512},
        {"64k", true, 65536},
        {"64K", true, 65536},
        {"64kB", true, 65536},
        {"64KiB", true, 65536},
        {"64kib", true, 65536},
        {"1M", true, 1ull << 20},
        {"2G", true, 2ull << 30},
        {"1T", true, 1ull << 40},
        {"16777215T", true, 16777215ull << 40},
        {"16777216T", false, 0},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"", false, 0},
        {"k", false, 0},
        {"1ki", false, 0},
        {"1iB", false, 0},
        {"1kBB", false, 0},
        {"1kk", false, 0},
        {"1 k", false, 0},
        {"1x", false, 0},
        {"-1k", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t got = 0;
        test_context("\"%s\"", cases[i].text);
        bool ok = str_to_size(cases[i].text, &got);
        CHECK_INT(ok, cases[i].ok);
        CHECK(!ok || got == cases[i].want);
    }
}

static void times(void)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t want;
    } cases[] = {
        {"0", true, 0},
        {"250", true, 250},
        {"250ms", true, 250},
        {"2s", true, 2000},
        {"5M", true, 300000},
        {"1h", true, 3600000},
        {"", false, 0},
        {"s", false, 0},
        {"1 s", false, 0},
        {"1d", false, 0},
        {"-1s", false, 0},
        {"1.5s", false, 0},
        {"18446744073709551615ms", true, UINT64_MAX},
        {"18446744073709551615s", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t got = 0;
        test_context("\"%s\"", cases[i].text);
        bool ok = str_to_ms(cases[i].text, &got);
        CHECK_INT(ok, cases[i].ok);
        CHECK(!ok || got == cases[i].want);
    }
}

static void bools(void)
{
    static const char *const yes[] = {"yes", "TRUE", "On", "1"};
    static const char *const no[] = {"no", "FALSE", "Off", "0"};
    static const char *const bad[] = {"", "y", "2", "yess", "of"};
    bool v;
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        CHECK(str_to_bool(yes[i], &v) && v);
        CHECK(str_to_bool(no[i], &v) && !v);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        test_context("\"%s\"", bad[i]);
        CHECK(!str_to_bool(bad[i], &v));
    }
}

static void distance(void)
{
    static const struct {
        const char *a;
        const char *b;
        unsigned want;
    } cases[] = {
        {"", "", 0},
        {"", "abc", 3},
        {"abc", "", 3},
        {"abc", "ABC", 0},
        {"abc", "abd", 1},
        {"kitten", "sitting", 3},
        {"ab", "ba", 1},
        {"log", "lgo", 1},
        {"wran", "WARN", 1},
        {"abcd", "badc", 2},
        {"port", "ports", 1},
        {"flaw", "lawn", 2},
        {"saturday", "sunday", 3},
    };
    char long_text[66] = "";
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_context("%s %s", cases[i].a, cases[i].b);
        CHECK_INT(str_distance(cases[i].a, cases[i].b), cases[i].want);
        CHECK_INT(str_distance(cases[i].b, cases[i].a), cases[i].want);
    }
    for (size_t len = 62; len <= 65; len++) {
        memset(long_text, 'a', len);
        test_context("%zu bytes", len);
        CHECK_INT(str_distance(long_text, "a"), len <= 63 ? len - 1 : 64);
        CHECK_INT(str_distance(long_text, long_text), len <= 63 ? 0 : 64);
    }
}

static const struct test_case cases[] = {
    {"compare", compare}, {"copies", copies},     {"fixed_buffers", fixed_buffers},
    {"numbers", numbers}, {"sizes", sizes},       {"times", times},
    {"bools", bools},     {"distance", distance},
};
TEST_MAIN(cases)
