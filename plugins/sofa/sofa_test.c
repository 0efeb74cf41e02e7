/* SPDX-License-Identifier: Apache-2.0 */
/* Names as queries, and the database's answers. */
#include "plugin_test.h"

#include "sofa_json.h"
#include "sofa_parse.h"
#include "sofa_query.h"

/* ---- JSON ---- */

static void check_pretty(const char *text, const char *want)
{
    size_t len;
    char *pretty = sofa_json_pretty((struct json_span){text, strlen(text)}, &len);
    CHECK_STR(pretty, want);
    CHECK_INT(len, strlen(want));
    free(pretty);
}

static void test_pretty(void)
{
    check_pretty("1", "1\n");
    check_pretty("{}", "{}\n");
    check_pretty(" { } ", "{}\n");
    check_pretty("{\"a\":[1,2.50,{}],\"b{\":\"x\\\"]\"}",
                 "{\n  \"a\": [\n    1,\n    2.50,\n    {}\n  ],\n  \"b{\": \"x\\\"]\"\n}\n");
    check_pretty("123456789012345678901234567890", "123456789012345678901234567890\n");
    /* What is deep stands on one line, so that a text grows by no more than a bound. */
    check_pretty("[[[[[[[[[[1,2]]]]]]]]]]",
                 "[\n  [\n    [\n      [\n        [\n          [\n            [\n              [\n"
                 "                [[1,2]]\n              ]\n            ]\n          ]\n        ]\n"
                 "      ]\n    ]\n  ]\n]\n");
}

static void test_spans(void)
{
    static const char text[] = " {\"a\" : [1, \"]\", {\"b\":2}] , \"c\\\"\": 3,\"d\":null}";
    struct json_span all;
    struct json_span s;
    const char *at = text;
    CHECK(json_span_next(&at, text + strlen(text), &all) && *at == 0);
    CHECK(json_span_member(all, "d", &s) && json_span_is(s, "null"));
    CHECK(!json_span_member(all, "c", &s) && !json_span_member(all, "b", &s));
    CHECK(json_span_member(all, "a", &all));
    at = NULL;
    CHECK(json_span_element(all, &at, &s) && json_span_is(s, "1"));
    CHECK(json_span_element(all, &at, &s) && json_span_is(s, "\"]\""));
    CHECK(json_span_element(all, &at, &s) && json_span_is(s, "{\"b\":2}"));
    CHECK(!json_span_element(all, &at, &s));
}

/* ---- queries ---- */

static const char designs[] =
    "{\"rows\":[{\"doc\":{\"_id\":\"_design/m\",\"views\":{\"Tracknum\":{\"map\":\"x\"},"
    "\"Artist\":{\"map\":\"x\",\"reduce\":\"_count\"},\"lib\":{\"a\":\"b\"}}}},{\"doc\":null},"
    "{\"doc\":{\"_id\":\"_design/n\",\"views\":{\"artist\":{\"map\":\"x\"},\"a b\":{\"map\":\"x\"}"
    "}}}]}";

/* "view params limit skip grouped", or what else it means. */
static void check_query(const struct sofa_views *v, const char *name, const char *want)
{
    struct sofa_query q;
    char got[512];
    test_context("%s", name);
    switch (sofa_query_parse(v, NULL, name, &q)) {
    case SOFA_QUERY:
        snprintf(got, sizeof(got), "%s%s%s%s", q.view->name, q.params,
                 q.limit != UINT64_MAX || q.skip ? " bounded" : "", q.is_grouped ? " grouped" : "");
        sofa_query_fini(&q);
        break;
    case SOFA_NOTHING:
        snprintf(got, sizeof(got), "nothing");
        break;
    default:
        snprintf(got, sizeof(got), "wrong");
    }
    CHECK_STR(got, want);
    test_context("%s", "");
}

static void test_queries(void)
{
    static const struct {
        const char *name;
        const char *want;
    } rows[] = {
        {"Tracknum", "Tracknum"},
        {"tracknum key=4", "Tracknum&key=4"},
        {"Tracknum  key=4", "Tracknum&key=4"},
        {"Tracknum startkey=200&endkey=300&limit=5", "Tracknum&startkey=200&endkey=300 bounded"},
        {"Tracknum key=Miles Davis", "Tracknum&key=%22Miles%20Davis%22"},
        {"Tracknum key=\"4\"", "Tracknum&key=%224%22"},
        {"Tracknum key=[a,1,[b]]", "Tracknum&key=%5B%22a%22%2C1%2C%5B%22b%22%5D%5D"},
        {"Tracknum key=[]", "Tracknum&key=%5B%5D"},
        {"Tracknum key=a%26b%3Dc", "Tracknum&key=%22a%26b%3Dc%22"},
        {"Tracknum key=100%", "Tracknum&key=%22100%25%22"},
        {"Tracknum descending=true&inclusive_end=false",
         "Tracknum&descending=true&inclusive_end=false"},
        {"Tracknum key=12345678901234567890123", "Tracknum&key=12345678901234567890123"},
        {"Artist", "Artist grouped"},
        {"Artist startkey=B", "Artist&startkey=%22B%22 grouped"},
        {"Artist key=B", "Artist&key=%22B%22"},
        {"Artist reduce=false", "Artist"},
        {"Artist group_level=1", "Artist&group_level=1 grouped"},
        {"artist (n) key=1", "artist (n)&key=1"},
        {"a b key=1", "a b&key=1"},
        {"Documents startkey=x", "Documents&startkey=%22x%22"},
        {"Miles Davis", "Artist&key=%22Miles%20Davis%22"},
        {"311", "Artist&key=%22311%22"},
        {"Tracknumber", "Artist&key=%22Tracknumber%22"},
        {"Tracknum 4", "Artist&key=%22Tracknum%204%22"},
        {"Tracknum key", "Artist&key=%22Tracknum%20key%22"},
        {"a=b", "Artist&key=%22a%3Db%22"},
        {"Tracknum key=", "wrong"},
        {"Tracknum kez=4", "wrong"},
        {"Tracknum =4", "wrong"},
        {"Tracknum limit=-1", "wrong"},
        {"Tracknum limit=99999999999999999999", "wrong"},
        {"Tracknum descending=1", "wrong"},
        {"Tracknum key=4&&", "wrong"},
        {"Tracknum include_docs=true&key=4", "wrong"},
    };
    struct sofa_views *v = sofa_views_parse(designs, strlen(designs));
    CHECK(v && v->count == 5);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_query(v, rows[i].name, rows[i].want);
    }
    sofa_views_unref(v);
    v = sofa_views_parse("{\"rows\":[]}", 11);
    CHECK(v && v->count == 1);
    check_query(v, "New folder", "nothing");
    sofa_views_unref(v);
    CHECK(!sofa_views_parse("[]", 2) && !sofa_views_parse("", 0));
}

/* ---- answers ---- */

/* "kind name id tag size\n" each. */
static void check_items(struct sofa_items *x, const char *want)
{
    char got[1024] = "";
    size_t n = 0;
    for (uint32_t i = 0; i < x->count; i++) {
        const struct sofa_item *item = &x->all[i];
        n += (size_t)snprintf(got + n, sizeof(got) - n, "%u %s %s %s %s\n", item->kind, item->name,
                              item->id ? item->id : "-", item->tag ? item->tag : "-",
                              item->path     ? item->path
                              : item->detail ? item->detail
                                             : "-");
    }
    CHECK_STR(got, want);
    sofa_items_fini(x);
}

static void test_rows(void)
{
    static const char text[] =
        "{\"total_rows\":5,\"rows\":[\n"
        "{\"id\":\"a\",\"key\":4.50,\"doc\":{\"_id\":\"a\",\"_rev\":\"1-a\",\"Name\":\"N\"}},\n"
        "{\"id\":\"b\",\"key\":\"k\",\"doc\":{\"_id\":\"b\",\"_rev\":\"1-b\",\"Name\":\"M\","
        "\"Path\":\"d/m\",\"_attachments\":{\"x\":{\"length\":1}}}},\n"
        "{\"id\":\"c\",\"key\":-1,\"doc\":{\"_id\":\"c\",\"_rev\":\"1-c\",\"_attachments\":{\"x "
        "y\":"
        "{\"length\":7,\"digest\":\"md5-q\"}}}},\n"
        "{\"id\":\"d\",\"key\":null,\"doc\":null},7,{\"key\":1,\"doc\":{\"_id\":5}}]}";
    struct sofa_naming how = {.name_field = "Name"};
    struct sofa_items x = {NULL, 0, 0, 0};
    uint64_t rows;
    CHECK(sofa_rows_parse(text, strlen(text), &how, &x, &rows) && rows == 6);
    check_items(&x, "5 4.50 - N.json a 1-a -\n6 x b 1-b x\n6 -1 - x y c md5-q x y\n");
    how.path_field = "Path";
    CHECK(sofa_rows_parse(text, strlen(text), &how, &x, &rows));
    check_items(&x, "5 4.50 - N.json a 1-a -\n5 M.json b 1-b d/m\n6 -1 - x y c md5-q x y\n");
    how.is_documents = true;
    CHECK(sofa_rows_parse(text, strlen(text), &how, &x, &rows));
    check_items(&x, "5 a.json a 1-a -\n5 b.json b 1-b -\n4 b b - -\n5 c.json c 1-c -\n4 c c - -\n");
    CHECK(!sofa_rows_parse("{}", 2, &how, &x, &rows) && !sofa_rows_parse("", 0, &how, &x, &rows));
    CHECK(!sofa_rows_parse("{\"rows\":{}}", 11, &how, &x, &rows) && x.count == 0);
}

static void test_keys(void)
{
    static const char text[] = "{\"rows\":[{\"key\":\"Miles Davis\",\"value\":2},{\"key\":4.0},"
                               "{\"key\":[\"a\",1]},{\"key\":\"\"},{\"key\":null},{\"key\":\"..\"},"
                               "{\"value\":1}]}";
    struct sofa_items x = {NULL, 0, 0, 0};
    uint64_t rows;
    CHECK(sofa_keys_parse(text, strlen(text), &x, &rows) && rows == 7 && x.left_out == 1);
    check_items(&x, "3 Miles Davis - - \"Miles Davis\"\n3 4.0 - - 4.0\n"
                    "3 [\"a\",1] - - [\"a\",1]\n3 \"\" - - \"\"\n3 null - - null\n");
    CHECK(sofa_databases_parse("[\"a\",5,\"b/c\",\"\"]", 16, &x) && x.left_out == 1);
    check_items(&x, "1 a a - -\n1 b/c b/c - -\n");
    CHECK(!sofa_databases_parse("{}", 2, &x));
}

static void test_changes(void)
{
    static const struct {
        const char *line;
        const char *want; /* "seq id rev", or NULL */
    } rows[] = {
        {"{\"seq\":\"3-g1AA/+\",\"id\":\"a\",\"changes\":[{\"rev\":\"1-x\"}]}", "3-g1AA/+ a 1-x"},
        {"{\"seq\":3,\"id\":\"a\",\"changes\":[{\"rev\":\"1-x\"}],\"deleted\":true}", "3 a 1-x"},
        {"{\"seq\":[3,\"x\"],\"id\":\"a\",\"changes\":[]}", "[3,\"x\"] a -"},
        {"{\"last_seq\":\"9-x\",\"pending\":0}", "9-x - -"},
        {"{\"id\":\"a\"}", NULL},
        {"{\"seq\":1}", NULL},
        {"[]", NULL},
        {"{\"seq\":1,\"id\":\"a\"", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sofa_change c;
        char got[256];
        test_context("%s", rows[i].line);
        bool ok = sofa_change_parse(rows[i].line, strlen(rows[i].line), &c);
        CHECK_INT(ok, rows[i].want != NULL);
        snprintf(got, sizeof(got), "%s %s %s", c.seq ? c.seq : "-", c.id ? c.id : "-",
                 c.rev ? c.rev : "-");
        CHECK(!ok || strcmp(got, rows[i].want) == 0);
        sofa_change_fini(&c);
    }
    test_context("%s", "");
}

static void test_documents(void)
{
    char *rev;
    CHECK(sofa_document_check("{\"_rev\":\"1-a\"}", 14, &rev) && rev && strcmp(rev, "1-a") == 0);
    free(rev);
    CHECK(sofa_document_check("{}", 2, &rev) && !rev);
    CHECK(!sofa_document_check("[1]", 3, &rev) && !rev);
    CHECK(!sofa_document_check("{\"a\":", 5, &rev) && !sofa_document_check("", 0, &rev));
    char *seq = sofa_member_text("{\"update_seq\":\"5-x\"}", 20, "update_seq");
    CHECK_STR(seq, "5-x");
    free(seq);
    CHECK(!sofa_member_text("{\"update_seq\":null}", 19, "update_seq"));
    CHECK(!sofa_member_text(NULL, 0, "update_seq"));
    char *url = sofa_escape("a/b c\xc3\xa4");
    CHECK_STR(url, "a%2Fb%20c%C3%A4");
    free(url);
}

/* A document of a few megabytes that takes a gigabyte once it is decoded, from the server or from a
 * client. */
static void test_bombs(void)
{
    enum { TIMES = 400000 };
    static const char *const pieces[] = {"[],", "{},", "{\"\":0},"};
    char *text = malloc(TIMES * 8 + 100);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        char *rev = NULL;
        size_t n = (size_t)sprintf(text, "{\"_id\":\"a\",\"x\":[");
        for (int k = 0; k < TIMES; k++) {
            n += (size_t)sprintf(text + n, "%s", pieces[i]);
        }
        n += (size_t)sprintf(text + n, "0]}");
        CHECK(!sofa_document_check(text, n, &rev));
        free(rev);
    }
    /* Long is not heavy: a million numbers, and a text full of brackets. */
    char *rev = NULL;
    size_t n = (size_t)sprintf(text, "{\"x\":[");
    for (int k = 0; k < 1000000; k++) {
        n += (size_t)sprintf(text + n, "1,");
    }
    n += (size_t)sprintf(text + n, "0],\"y\":\"");
    memset(text + n, '[', 500000);
    n += 500000;
    n += (size_t)sprintf(text + n, "\"}");
    CHECK(sofa_document_check(text, n, &rev));
    free(rev);
    free(text);
}

static const struct test_case cases[] = {{"JSON that is more than it seems", test_bombs},
                                         {"pretty", test_pretty},
                                         {"spans", test_spans},
                                         {"queries", test_queries},
                                         {"rows", test_rows},
                                         {"keys", test_keys},
                                         {"changes", test_changes},
                                         {"documents", test_documents}};
TEST_MAIN(cases)
