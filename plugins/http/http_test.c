/* SPDX-License-Identifier: Apache-2.0 */
/* Links, and pages of them. */
#include "plugin_test.h"

#include "http_index.h"

#define BASE "http://h/d%20x/"

static void test_links(void)
{
    static const struct {
        const char *href;
        const char *name; /* NULL: it is left out */
        const char *url;
        bool is_folder;
    } rows[] = {
        {"a.txt", "a.txt", BASE "a.txt", false},
        {"./a", "a", BASE "a", false},
        {"sub/", "sub", BASE "sub/", true},
        {"a%20b", "a b", BASE "a%20b", false},
        {"a b", "a b", BASE "a%20b", false},
        {"100%", "100%", BASE "100%", false},
        {"a%2", "a%2", BASE "a%2", false},
        {"./a:b", "a:b", BASE "a:b", false},
        {"gr%C3%BC%C3%9F", "gr\xc3\xbc\xc3\x9f", BASE "gr%C3%BC%C3%9F", false},
        {"/d%20x/y", "y", BASE "y", false},
        {BASE "z/", "z", BASE "z/", true},
        {"", NULL, NULL, false},
        {".", NULL, NULL, false},
        {"..", NULL, NULL, false},
        {"../", NULL, NULL, false},
        {"%2e%2e", NULL, NULL, false},
        {"%2E%2E/", NULL, NULL, false},
        {"./", NULL, NULL, false},
        {"/", NULL, NULL, false},
        {"//h/d%20x/y", NULL, NULL, false},
        {"/d%20xy", NULL, NULL, false},
        {"/etc/passwd", NULL, NULL, false},
        {"a/b", NULL, NULL, false},
        {"a//", NULL, NULL, false},
        {"a%2fb", NULL, NULL, false},
        {"a%00b", NULL, NULL, false},
        {"a?b", NULL, NULL, false},
        {"?C=N;O=D", NULL, NULL, false},
        {"#top", NULL, NULL, false},
        {"mailto:x", NULL, NULL, false},
        {"http://other/d%20x/y", NULL, NULL, false},
        {"%ff", NULL, NULL, false},
        {"%c0%ae%c0%ae", NULL, NULL, false},
        {"%ed%a0%80", NULL, NULL, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_item item;
        test_context("%s", rows[i].href);
        CHECK_INT(http_item_of_href(BASE, rows[i].href, &item), rows[i].name != NULL);
        CHECK_STR(item.name, rows[i].name);
        CHECK_STR(item.url, rows[i].url);
        CHECK(!rows[i].name || item.is_folder == rows[i].is_folder);
        http_item_fini(&item);
    }
    test_context("%s", "");
}

/* Of a page: "name[/] size|- seconds\n" each. */
static void check_page(const char *page, const char *want, bool is_json)
{
    struct http_index x = {NULL, 0, 0, 0};
    char got[2048] = "";
    size_t n = 0;
    if (is_json) {
        CHECK(http_json_parse(BASE, page, strlen(page), &x));
    } else {
        http_html_parse(BASE, page, strlen(page), &x);
    }
    for (uint32_t i = 0; i < x.count; i++) {
        const struct http_item *item = &x.items[i];
        uint64_t s = item->time ? item->time / 10000000 - 11644473600 : 0;
        char size[32] = "-";
        if (item->has_size) {
            snprintf(size, sizeof(size), "%llu", (unsigned long long)item->size);
        }
        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s %s %llu\n", item->name,
                              item->is_folder ? "/" : "", size, (unsigned long long)s);
    }
    CHECK_STR(got, want);
    http_index_fini(&x);
}

static void test_html(void)
{
    static const struct {
        const char *name;
        const char *page;
        const char *want;
    } rows[] = {
        {"nginx",
         "<pre><a href=\"../\">../</a>\n<a href=\"s/\">s/</a>      02-Jan-1970 00:01      -\n"
         "<a href=\"a.txt\">a.txt</a>     02-Jan-1970 00:01       1234\n",
         "s/ - 86460\na.txt 1234 86460\n"},
        {"Apache, as a table",
         "<tr><td><a href=\"?C=N;O=D\">Name</a></td></tr><tr><td><img src=\"x\" alt=\"[ "
         "]\"></td><td>"
         "<a href=\"a.txt\">a</a></td><td align=\"right\">1970-01-02 00:01  </td><td>1.2K</td></tr>"
         "<tr><td><A HREF='b'>b</A></td><td>1970-01-02 00:02</td><td>7</td></tr>",
         "a.txt - 86460\nb 7 86520\n"},
        {"lighttpd",
         "<tr><td class=\"n\"><a href=\"a\">a</a></td><td class=\"m\">1970-Jan-02 00:01:05</td>"
         "<td class=\"s\">0.1K</td></tr>",
         "a - 86460\n"},
        {"Python", "<li><a href=\"a%26b\">a&amp;b</a></li>\n<li><a href=\"d/\">d/</a></li>",
         "a&b - 0\nd/ - 0\n"},
        {"references", "<a href=\"a&amp;b\">x</a><a href=&#99;&#x64;>y</a><a href=\"&#0;\">z</a>",
         "a&b - 0\ncd - 0\n"},
        {"comments and other tags",
         "<!-- <a href=no> --><abbr href=no><a name=x><a\nid=1 href = yes >", "yes - 0\n"},
        {"cut off", "<a href=\"a\">a</a><a href=\"b", "a - 0\nb - 0\n"},
        {"no date", "<a href=a>a</a> 99-Foo-1970 00:01 12 <a href=b>b</a> 1970-13-01 00:00 5",
         "a - 0\nb - 0\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_context("%s", rows[i].name);
        check_page(rows[i].page, rows[i].want, false);
    }
    test_context("%s", "");
}

static void test_json(void)
{
    check_page(
        "[{\"name\":\"s\",\"type\":\"directory\",\"mtime\":\"Fri, 02 Jan 1970 00:00:01 GMT\"},"
        "{\"name\":\"a b\",\"type\":\"file\",\"mtime\":\"Fri, 02 Jan 1970 00:00:02 GMT\","
        "\"size\":5}]",
        "s/ - 86401\na b 5 86402\n", true);
    check_page("[{\"name\":\"s/\",\"is_dir\":true,\"url\":\"./s/\",\"size\":4096,"
               "\"mod_time\":\"1970-01-02T01:00:01.5+01:00\"}]",
               "s/ - 86401\n", true);
    check_page("{\"entries\":[\"a\",\"b/\",\"..\",\"c/d\",7,null,{\"size\":1},"
               "{\"name\":\"e\",\"url\":\"x%20y\",\"mtime\":1},{\"name\":\"f\",\"url\":\"../x\"},"
               "{\"name\":\"g\",\"url\":\"x/\"},{\"name\":\"h\",\"size\":-1}]}",
               "a - 0\nb/ - 0\ne - 1\nh - 0\n", true);
    struct http_index x = {NULL, 0, 0, 0};
    CHECK(!http_json_parse(BASE, "{\"x\":1}", 7, &x) && !http_json_parse(BASE, "[1", 2, &x));
    CHECK(!http_json_parse(BASE, "", 0, &x) && x.count == 0);
}

static void test_mutations(void)
{
    static const char page[] = "<!-- x --><a href=\"a&amp;b%20c\">x</a> 02-Jan-1970 00:01 12\n"
                               "<td><a class='k' href='d/'>d</a></td> <td>1970-01-02 00:01</td>";
    char text[sizeof(page)];
    for (size_t i = 0; i < sizeof(page) - 1; i++) {
        for (int c = 0; c < 256; c++) {
            struct http_index x = {NULL, 0, 0, 0};
            memcpy(text, page, sizeof(page));
            text[i] = (char)c;
            http_html_parse(BASE, text, c == 0 ? i : sizeof(page) - 1, &x);
            CHECK(x.count <= 3);
            http_index_fini(&x);
        }
    }
}

static const struct test_case cases[] = {
    {"links", test_links}, {"html", test_html}, {"json", test_json}, {"mutations", test_mutations}};
TEST_MAIN(cases)
