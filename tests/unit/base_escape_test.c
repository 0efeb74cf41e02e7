/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"

#include "test.h"

static const struct {
    const char *name;
    const char *in;
    const char *escaped;
    const char *plain;
} rows[] = {
    {"nothing", "", "", ""},
    {"letters of anywhere", "a \xc3\xa4\xe4\xb8\xad\xf0\x9f\x98\x80",
     "a \xc3\xa4\xe4\xb8\xad\xf0\x9f\x98\x80", "a \xc3\xa4\xe4\xb8\xad\xf0\x9f\x98\x80"},
    {"a field of its own", "x\" status=\"OK", "x\\\" status=\\\"OK", "x\" status=\"OK"},
    {"backslash", "a\\\"", "a\\\\\\\"", "a\\\""},
    {"a line of its own", "a\r\nb\t", "a\\u000d\\u000ab\\u0009", "a??b?"},
    {"escape sequences",
     "\x1b[2J\x7f\xc2\x9b"
     "31m\xc2\x85",
     "\\u001b[2J\\u007f\\u009b31m\\u0085", "?[2J??31m?"},
    {"separators and directions", "\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6\xef\xbb\xbf",
     "\\u2028\\u202e\\u2066\\ufeff", "????"},
    {"private use", "\xef\x80\xa2", "\\uf022", "?"},
    {"tags", "\xf3\xa0\x80\x81", "\\udb40\\udc01", "?"},
    {"no UTF-8", "a\xff\xc3", "a\\ufffd\\ufffd", "a??"},
    {"a lone surrogate", "\xed\xa0\x80", "\\ufffd", "?"},
};

static void characters(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[200] = "";
        test_context("%s", rows[i].name);
        struct wr w = wr_init(out, sizeof(out) - 1);
        wr_escaped(&w, rows[i].in);
        out[wr_pos(&w)] = '\0';
        CHECK_STR(out, rows[i].escaped);
        w = wr_init(out, sizeof(out) - 1);
        wr_plain(&w, rows[i].in);
        out[wr_pos(&w)] = '\0';
        CHECK_STR(out, rows[i].plain);
        char with_quotes[220];
        snprintf(with_quotes, sizeof(with_quotes), "\"%s\"", rows[i].escaped);
        CHECK_STR(quoted(rows[i].in).text, with_quotes);
    }
    CHECK_STR(quoted(NULL).text, "\"\"");
}

/* Cut between characters, whatever stands at the bound, and still ended. */
static void cut(void)
{
    static const char *const tails[] = {"xxxxxxxxxx", "\"\"\"\"\"", "\n\n\n\n",
                                        "\xe4\xb8\xad\xe4\xb8\xad"};
    for (size_t t = 0; t < ARRAY_LEN(tails); t++) {
        for (size_t n = ESCAPE_FIELD_SIZE - 20; n < ESCAPE_FIELD_SIZE + 5; n++) {
            char in[ESCAPE_FIELD_SIZE + 40];
            memset(in, 'a', n);
            strcpy(in + n, tails[t]);
            struct escape_field f = quoted(in);
            size_t len = strlen(f.text);
            test_context("tail %zu after %zu bytes", t, n);
            REQUIRE(len < sizeof(f.text));
            CHECK(f.text[0] == '"' && f.text[len - 1] == '"');
            CHECK(strcmp(f.text + len - 4, "...\"") == 0 || n < ESCAPE_FIELD_SIZE - 8);
            CHECK(strchr(f.text, '\n') == NULL);
        }
    }
}

static const struct test_case cases[] = {
    {"characters", characters},
    {"cut", cut},
};
TEST_MAIN(cases)
