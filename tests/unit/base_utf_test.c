/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf.h"

#include <stdlib.h>

#include "base/mem.h"
#include "test.h"

static void decoding(void)
{
    static const struct {
        const char *name;
        const char *bytes;
        size_t left;
        size_t want_len;
        uint32_t want;
    } cases[] = {
        {"ascii", "a", 1, 1, 'a'},
        {"nul", "\0", 1, 1, 0},
        {"last of 1", "\x7f", 1, 1, 0x7f},
        {"first of 2", "\xc2\x80", 2, 2, 0x80},
        {"last of 2", "\xdf\xbf", 2, 2, 0x7ff},
        {"first of 3", "\xe0\xa0\x80", 3, 3, 0x800},
        {"last of 3", "\xef\xbf\xbf", 3, 3, 0xffff},
        {"first of 4", "\xf0\x90\x80\x80", 4, 4, 0x10000},
        {"last of 4", "\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff},
        {"high surrogate", "\xed\xa0\x80", 3, 3, 0xd800},
        {"low surrogate", "\xed\xbf\xbf", 3, 3, 0xdfff},
        {"too big", "\xf4\x90\x80\x80", 4, 0, 0},
        {"far too big", "\xf7\xbf\xbf\xbf", 4, 0, 0},
        {"overlong 2", "\xc0\x80", 2, 0, 0},
        {"overlong slash", "\xc0\xaf", 2, 0, 0},
        {"overlong 2 last", "\xc1\xbf", 2, 0, 0},
        {"overlong 3", "\xe0\x9f\xbf", 3, 0, 0},
        {"overlong 4", "\xf0\x8f\xbf\xbf", 4, 0, 0},
        {"continuation", "\x80", 1, 0, 0},
        {"continuation last", "\xbf", 1, 0, 0},
        {"five bytes", "\xf8\x88\x80\x80\x80", 5, 0, 0},
        {"fe", "\xfe", 1, 0, 0},
        {"ff", "\xff", 1, 0, 0},
        {"bad second", "\xc3\x28", 2, 0, 0},
        {"bad third", "\xe2\x82\x28", 3, 0, 0},
        {"bad fourth", "\xf0\x9f\x98\x28", 4, 0, 0},
        {"short 2", "\xc3", 1, 0, 0},
        {"short 3", "\xe2\x82", 2, 0, 0},
        {"short 4", "\xf0\x9f\x98", 3, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t cp = 0;
        char *exact = malloc(cases[i].left);
        memcpy(exact, cases[i].bytes, cases[i].left);
        test_context("%s", cases[i].name);
        CHECK_INT(utf8_decode(exact, cases[i].left, &cp), cases[i].want_len);
        CHECK(cases[i].want_len == 0 || cp == cases[i].want);
        free(exact);
    }
}

static void validity(void)
{
    CHECK(utf8_is_valid("", 0));
    CHECK(utf8_is_valid("a\xc3\xa4\xf0\x9f\x98\x80", 7));
    CHECK(!utf8_is_valid("a\0b", 3));
    CHECK(!utf8_is_valid("a\xc3", 2));
    CHECK(utf8_is_valid("\xed\xa0\x80", 3));              /* a lone high surrogate */
    CHECK(utf8_is_valid("\xed\xb0\x80\xed\xa0\x80", 6));  /* low, high: no pair */
    CHECK(!utf8_is_valid("\xed\xa0\xbd\xed\xb8\x80", 6)); /* a pair in six bytes */
    CHECK(utf8_is_valid("\xed\xa0\xbd-\xed\xb8\x80", 7));
}

/* Every code point, surrogates too, and back. */
static void round_trip_all(void)
{
    for (uint32_t cp = 1; cp <= 0x10ffff; cp++) {
        uint8_t wire[4] = {(uint8_t)cp, (uint8_t)(cp >> 8)};
        size_t len = 2;
        if (cp > 0xffff) {
            uint32_t high = 0xd800 + ((cp - 0x10000) >> 10);
            uint32_t low = 0xdc00 + ((cp - 0x10000) & 0x3ff);
            wire[0] = (uint8_t)high;
            wire[1] = (uint8_t)(high >> 8);
            wire[2] = (uint8_t)low;
            wire[3] = (uint8_t)(low >> 8);
            len = 4;
        }
        uint8_t back[4];
        uint32_t again = 0;
        struct wr w = wr_init(back, sizeof(back));
        CLEANUP_MEM char *s = utf16le_to_utf8(wire, len);
        REQUIRE(s);
        size_t s_len = strlen(s);
        bool ok = utf8_is_valid(s, s_len) && utf8_decode(s, s_len, &again) == s_len &&
                  again == cp && wr_utf16(&w, s) == len && utf16_len_bytes(s) == len &&
                  memcmp(back, wire, len) == 0;
        if (!ok) {
            test_context("U+%04X", cp);
            CHECK(ok);
            return;
        }
    }
}

/* Random sequences of units, many of them surrogates, come back as they were. */
static void round_trip_random(void)
{
    uint64_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        uint8_t wire[24];
        size_t len = test_random(&seed) % 13 * 2;
        for (size_t i = 0; i < len; i += 2) {
            uint64_t r = test_random(&seed);
            uint16_t unit = (uint16_t)(r & 1 ? 0xd800 + (r >> 8) % 0x800 : 1 + (r >> 8) % 0xffff);
            wire[i] = (uint8_t)unit;
            wire[i + 1] = (uint8_t)(unit >> 8);
        }
        uint8_t back[24];
        struct wr w = wr_init(back, sizeof(back));
        CLEANUP_MEM char *s = utf16le_to_utf8(wire, len);
        REQUIRE(s);
        test_context("round %d", round);
        CHECK(utf8_is_valid(s, strlen(s)));
        wr_utf16(&w, s);
        CHECK_MEM(back, wr_pos(&w), wire, len);
    }
}

static void from_utf16_refused(void)
{
    CHECK(utf16le_to_utf8((const uint8_t *)"a\0b", 3) == NULL);
    CHECK(utf16le_to_utf8((const uint8_t *)"a", 1) == NULL);
    CHECK(utf16le_to_utf8((const uint8_t *)"\0\0", 2) == NULL);
    CHECK(utf16le_to_utf8((const uint8_t *)"a\0\0\0b\0", 6) == NULL);
    CLEANUP_MEM char *empty = utf16le_to_utf8(NULL, 0);
    CHECK_STR(empty, "");
    mem_fail_nth(1);
    CHECK(utf16le_to_utf8((const uint8_t *)"a\0", 2) == NULL);
    CHECK(mem_fail_happened());
}

static void malformed_to_wire(void)
{
    static const struct {
        const char *text;
        const char *want_hex;
    } cases[] = {
        {"", ""},
        {"a\xff"
         "b",
         "6100 fdff 6200"},
        {"\xc3", "fdff"},
        {"\xe2\x82"
         "a",
         "fdff fdff 6100"},
        {"\xc0\xaf", "fdff fdff"},
        {"\xf0\x9f\x98\x80", "3dd8 00de"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t got[16];
        uint8_t want[16];
        size_t want_len = test_hex(want, sizeof(want), cases[i].want_hex);
        struct wr w = wr_init(got, sizeof(got));
        test_context("row %zu", i);
        CHECK_INT(wr_utf16(&w, cases[i].text), want_len);
        CHECK_INT(utf16_len_bytes(cases[i].text), want_len);
        CHECK_MEM(got, wr_pos(&w), want, want_len);
    }
}

static void upper_case(void)
{
    static const struct {
        uint32_t cp;
        uint32_t want;
    } cases[] = {
        {'a', 'A'},           {'z', 'Z'},       {'A', 'A'},       {'`', '`'},
        {'{', '{'},           {0xe4, 0xc4},     {0xf7, 0xf7},     {0xff, 0x178},
        {0xdf, 0xdf},         {0xb5, 0xb5},     {0x101, 0x100},   {0x131, 0x131},
        {0x130, 0x130},       {0x17f, 0x17f},   {0x1c4, 0x1c4},   {0x1c5, 0x1c5},
        {0x1c6, 0x1c4},       {0x1f0, 0x1f0},   {0x3b1, 0x391},   {0x3c2, 0x3a3},
        {0x3c3, 0x3a3},       {0x430, 0x410},   {0x451, 0x401},   {0x561, 0x531},
        {0x587, 0x587},       {0x1e01, 0x1e00}, {0x1f00, 0x1f08}, {0x1f80, 0x1f88},
        {0x1fb3, 0x1fbc},     {0x2170, 0x2160}, {0x24d0, 0x24b6}, {0xfb01, 0xfb01},
        {0xff41, 0xff21},     {0xd800, 0xd800}, {0xffff, 0xffff}, {0x10428, 0x10428},
        {0x10ffff, 0x10ffff},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_context("U+%04X", cases[i].cp);
        CHECK_INT(utf_upcase(cases[i].cp), cases[i].want);
    }
}

/* Of every BMP code point: upper case is stable, and never leads into ASCII from outside. */
static void upper_case_rules(void)
{
    unsigned changed = 0;
    for (uint32_t cp = 0; cp <= 0xffff; cp++) {
        uint32_t up = utf_upcase(cp);
        changed += up != cp;
        if (up > 0xffff || utf_upcase(up) != up || (cp > 0x7f && up <= 0x7f)) {
            test_context("U+%04X", cp);
            CHECK_INT(utf_upcase(up), up);
            CHECK(up <= 0xffff && (cp <= 0x7f || up > 0x7f));
        }
    }
    CHECK(changed > 900 && changed < 1500);
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static void comparing(void)
{
    static const struct {
        const char *a;
        const char *b;
        int want;
    } cases[] = {
        {"", "", 0},
        {"", "a", -1},
        {"abc", "ABC", 0},
        {"ab", "ABC", -1},
        {"a", "B", -1},
        {"_", "a", 1}, /* upper case decides: '_' is above 'A' */
        {"\xc3\xa4", "\xc3\x84", 0},
        {"\xc3\xbf", "\xc5\xb8", 0},
        {"\xe2\xb1\xa5", "\xc8\xba", 0}, /* U+2C65, U+023A: three bytes and two */
        {"\xc3\x9f", "ss", 1},
        {"\xcf\x83", "\xcf\x82", 0},
        {"\xc4\xb1", "I", 1},
        {"\xf0\x90\x90\xa8", "\xf0\x90\x90\x80", 1}, /* beyond the BMP: no case */
        {"\xff", "\xfe", 1},
        {"\xff", "\xff", 0},
        {"\xff", "\xef\xbf\xbd", 1},
        {"\xed\xa0\x80", "\xed\xa0\x80", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *a = cases[i].a;
        const char *b = cases[i].b;
        test_context("row %zu", i);
        CHECK_INT(sign(utf8_icmp(a, b)), cases[i].want);
        CHECK_INT(sign(utf8_icmp(b, a)), -cases[i].want);
        CHECK_INT(utf8_ieq(a, b), cases[i].want == 0);
        CHECK_INT(utf8_ihash(5, a, strlen(a)) == utf8_ihash(5, b, strlen(b)), cases[i].want == 0);
    }
    CHECK(utf8_ihash(5, "abc", 3) != utf8_ihash(6, "abc", 3));
    CHECK(utf8_ihash(5, "abc", 3) == utf8_ihash(5, "ABCd", 3));
}

static const struct test_case cases[] = {
    {"decoding", decoding},
    {"validity", validity},
    {"round_trip_all", round_trip_all},
    {"round_trip_random", round_trip_random},
    {"from_utf16_refused", from_utf16_refused},
    {"malformed_to_wire", malformed_to_wire},
    {"upper_case", upper_case},
    {"upper_case_rules", upper_case_rules},
    {"comparing", comparing},
};
TEST_MAIN(cases)
