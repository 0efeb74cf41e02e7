/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include <stdio.h>
#include <string.h>

#include "test.h"

static void test_words(void)
{
    static const struct {
        const char *command, *word, *rest;
    } rows[] = {
        {"pause", "pause", ""},
        {"pause a b", "pause", "a b"},
        {"pausex", "pause", NULL},
        {"pau", "pause", NULL},
        {"status json", "status", "json"},
        {"status json", "status json", ""},
        {"", "pause", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct smbkit_control a = {.command = rows[i].command};
        test_context("%s: %s", rows[i].command, rows[i].word);
        CHECK_STR(answer_is(&a, rows[i].word), rows[i].rest);
    }
}

static void test_json(void)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", "\"\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"a\nb\x7f\x1b", "\"a\\u000ab\\u007f\\u001b\""},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"a\xc2\x85\xc2\x9b\xc2\xa0", "\"a\\u0085\\u009b\xc2\xa0\""},
        {"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae", "\"\\u2028\\u2029\\u202e\""},
        {"\xff\xc3", "\"??\""},                /* no UTF-8 */
        {"\xed\xa0\x80", "\"???\""},           /* a surrogate */
        {"\xc0\x80\xe0\x80\x80", "\"?????\""}, /* longer than need be */
        {"\xf4\x90\x80\x80", "\"????\""},      /* beyond Unicode */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char buf[64];
        uint8_t room[64];
        struct smbkit_control a = {.text = {.base = room, .cap = sizeof(room)}};
        struct answer_text t = answer_begin(&a);
        test_context("row %zu", i);
        CHECK_INT(answer_json_string(rows[i].text, buf, sizeof(buf)), strlen(rows[i].want));
        CHECK_STR(buf, rows[i].want);
        answer_put_json(&t, rows[i].text);
        CHECK_INT(answer_end(&t), 0);
        CHECK_STR((const char *)room, rows[i].want);
    }
}

/* Whole characters, whatever the room. */
static void test_cut(void)
{
    static const char *const want[] = {
        [3] = "\"\"", [4] = "\"a\"", [5] = "\"a\"", [6] = "\"a\xc3\xa4\"", [7] = "\"a\xc3\xa4\""};
    for (size_t size = 3; size <= 7; size++) {
        char buf[16];
        memset(buf, 'x', sizeof(buf));
        test_context("%zu bytes", size);
        size_t len = answer_json_string("a\xc3\xa4\"", buf, size);
        CHECK_STR(buf, want[size]);
        CHECK_INT(len, strlen(want[size]));
        CHECK_INT(buf[size], 'x');
    }
}

static void test_room(void)
{
    uint8_t room[5];
    struct smbkit_control a = {.text = {.base = room, .cap = sizeof(room)}};
    CHECK_INT(answer(&a, "%s", "abcd"), 0);
    CHECK_INT(a.text.len, 5);
    CHECK_STR((const char *)room, "abcd");
    CHECK_INT(answer(&a, "%s", "abcde"), SMBKIT_STATUS_BUFFER_TOO_SMALL);
    CHECK_INT(a.text.len, 6);
    CHECK_INT(answer_wrong(&a, "no"), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_STR((const char *)room, "no");
}

static const struct test_case cases[] = {
    {"words", test_words},
    {"strings of JSON", test_json},
    {"strings that are cut", test_cut},
    {"room", test_room},
};
TEST_MAIN(cases)
