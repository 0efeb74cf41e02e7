/* SPDX-License-Identifier: Apache-2.0 */
#include "shown.h"

#include "test.h"

struct row {
    const char *name;
    const char *wanted;
};

static void test_names(void)
{
    static const struct row rows[] = {
        {"plain.txt", "plain.txt"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"a:b", "a\xef\x80\xa2"
                "b"},
        {"a\\b", "a\xef\x80\xa6"
                 "b"},
        {"a/b", "a\xef\x80\xaf"
                "b"},
        {"tab\t", "tab\xef\x80\x89"},
        {"dot.", "dot\xef\x80\xa9"},
        {"blank ", "blank\xef\x80\xa8"},
        {". a", ". a"},
        {"caf\xe9", "caf\xed\xb3\xa9"},
        {"\xc3", "\xed\xb3\x83"},
        {"\xed\xa0\x80", "\xed\xb3\xad\xed\xb2\xa0\xed\xb2\x80"}, /* a lone surrogate */
        {"\xc0\xaf", "\xed\xb3\x80\xed\xb2\xaf"},                 /* a slash in two bytes */
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[SHOWN_ROOM];
        test_context("%s", rows[i].name);
        CHECK_INT(shown_name(rows[i].name, strlen(rows[i].name), out), strlen(rows[i].wanted));
        CHECK_STR(out, rows[i].wanted);
        char back[SHOWN_ROOM];
        CHECK_INT(shown_original(out, strlen(out), back), strlen(rows[i].name));
        CHECK_STR(back, rows[i].name);
    }
}

static void test_bounds(void)
{
    char out[SHOWN_ROOM];
    char name[1100];
    memset(name, ':', sizeof(name));
    CHECK_INT(shown_name(name, 254, out), 3 * 254);
    CHECK_INT(shown_name(name, 255, out), 3 * 255);
    CHECK_INT(shown_name(name, 256, out), 0);
    for (size_t i = 0; i < sizeof(name); i += 4) {
        memcpy(name + i, "\xf0\x9f\x98\x80", 4);
    }
    CHECK_INT(shown_name(name, 4 * 127, out), 4 * 127);
    CHECK_INT(shown_name(name, 4 * 128, out), 0);
}

static void test_utf8(void)
{
    CHECK(shown_is_utf8("", 0));
    CHECK(shown_is_utf8("gr\xc3\xbcn", 5));
    CHECK(!shown_is_utf8("gr\xfcn", 4));
    CHECK(!shown_is_utf8("gr\xc3", 3));
}

static const struct test_case cases[] = {
    {"names", test_names},
    {"the longest", test_bounds},
    {"what is UTF-8", test_utf8},
};
TEST_MAIN(cases)
