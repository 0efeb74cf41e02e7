/* SPDX-License-Identifier: Apache-2.0 */
/* Links, and pages of them. */
#include "plugin_test.h"

#include <jansson.h>
#include <malloc.h>

#include "http_map.h"

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

static size_t held;
static size_t held_most;

static void *counted(size_t n)
{
    void *p = malloc(n);
    held += p ? malloc_usable_size(p) : 0;
    held_most = held > held_most ? held : held_most;
    return p;
}

static void uncounted(void *p)
{
    held -= p ? malloc_usable_size(p) : 0;
    free(p);
}

/* What takes three bytes of a page takes hundreds once it is decoded: so not all of it is at once,
 * and nothing that could not be an entry. */
static void test_json_bombs(void)
{
    static const struct {
        const char *first;
        const char *again;
        const char *last;
    } rows[] = {
        {"[", "[],", "[]]"},
        {"[", "{},", "{}]"},
        {"[{\"name\":", "{\"a\":", ""},
        {"[[", "[],", "[]]]"},
        {"{\"entries\":[{\"name\":\"x\",\"y\":[", "{},", "{}]}]}"},
        {"{\"y\":[", "{},", "{}],\"entries\":[\"x\"]}"},
        {"", "[", ""},
        {"", "{\"\":", ""},
    };
    enum { TIMES = 200000 };
    char *page = malloc(TIMES * 8);
    char error[600];
    static const char text[] = "/ l {a}=name\n{a} f";
    struct http_map *map = http_map_parse(text, strlen(text), error, sizeof(error));
    struct http_place *place = http_place_new(http_map_root(map), NULL, NULL);
    json_set_alloc_funcs(counted, uncounted);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_index x = {NULL, 0, 0, 0};
        size_t n = (size_t)sprintf(page, "%s", rows[i].first);
        for (int k = 0; k < TIMES; k++) {
            n += (size_t)sprintf(page + n, "%s", rows[i].again);
        }
        n += (size_t)sprintf(page + n, "%s", rows[i].last);
        test_context("%s%s...%s", rows[i].first, rows[i].again, rows[i].last);
        (void)http_json_parse(BASE, page, n, &x);
        (void)http_map_list(place, BASE, page, n, &x);
        http_index_fini(&x);
        CHECK(held_most < n && held == 0);
        held_most = 0;
    }
    test_context("%s", "");
    json_set_alloc_funcs(malloc, free);
    http_place_free(place);
    http_map_free(map);
    free(page);
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

/* ---- path templates ---- */

static void test_map_wrong(void)
{
    static const struct {
        const char *table;
        const char *want; /* what the error has */
    } rows[] = {
        {"", "no line has a path"},
        {"# only this\n\n", "no line has a path"},
        {"a", "line 1: a path, a blank and the URL"},
        {"\n# x\na\n", "line 3: a path, a blank and the URL"},
        {"a//b x", "\"\" can be no name"},
        {"a/../b x", "\"..\" can be no name"},
        {"a/%2e/b x", "\"%2e\" can be no name"},
        {"a%2fb x", "\"a%2fb\" can be no name"},
        {"{a}%2fb x", "can be no name"},
        {"{a x", "has braces that are not {name}"},
        {"a} x", "has braces that are not {name}"},
        {"{a}{b} x", "more than one of those"},
        {"{} x", "a name in braces has 1 to 31"},
        {"{a b} x", "has braces"},
        {"{a.b} x", "a name in braces has 1 to 31"},
        {"{12345678901234567890123456789012} x", "a name in braces has 1 to 31"},
        {"{a}/{a} x", "{a} stands twice in the path"},
        {"{a}/x x\n{b}/y x", "line 2: {b} stands where line 1 has {a}"},
        {"{1}/{2}/{3}/{4}/{5}/{6}/{7}/{8}/{9} x", "more than 8 names in braces"},
        {"a x\na x", "line 2: line 1 has that path already"},
        {"a x\na/b x", "line 2: line 1 has a file of that name"},
        {"a/b x\na x", "line 2: a folder's path ends in a slash, and this is one since line 1"},
        {"a {b}", "{b} of the URL is not in the path"},
        {"{a} {b", "stands in a URL as %"},
        {"a b}", "stands in a URL as %"},
        {"a http://other/x", "a URL is asked of the server of url="},
        {"a //other/x", "a URL is asked of the server of url="},
        {"a x:y", "a URL is asked of the server of url="},
        {"a x#y", "has no #"},
        {"a ../x", "has no . or .."},
        {"a x/%2E%2e/y", "has no . or .."},
        {"a x/.?y", "has no . or .."},
        {"a x%zz", "stands in a URL as % and two digits"},
        {"a x\xc3\xbc", "stands in a URL as % and two digits"},
        {"a x\\y", "stands in a URL as % and two digits"},
        {"a x in=y", "tells of a list, and a file has none"},
        {"a/ x in=y", "{name}=field"},
        {"a/ x y", "\"y\" is not {name}=field"},
        {"a/ x in=", "\"in=\" is not"},
        {"a/ x to=y", "\"to=\" is not known"},
        {"a/ x in=y in=z {b}=c\na/{b} d", "in= stands twice"},
        {"a/ x {b}=c\na/{d} d", "line 1: no path has {b} right in this folder"},
        {"a/ x {b}=c\na/e/{b} d", "line 1: no path has {b} right in this folder"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char error[600] = "";
        test_context("%s", rows[i].table);
        CHECK(!http_map_parse(rows[i].table, strlen(rows[i].table), error, sizeof(error)));
        CHECK(strstr(error, rows[i].want) != NULL);
        if (!strstr(error, rows[i].want)) {
            CHECK_STR(error, rows[i].want);
        }
    }
    test_context("%s", "");
    char error[600] = "";
    CHECK(!http_map_parse("a x\0y", 6, error, sizeof(error)) && strstr(error, "no text"));
    CHECK(!http_map_read("/nonexistent/map", error, sizeof(error)));
    CHECK_STR(error, "/nonexistent/map: No such file or directory");
}

static const char table[] = "# of an API\n"
                            "/users/  users?n=100 {id}=login size=n time=at\r\n"
                            "users/{id}.json\tusers/{id}\n"
                            "users/me.json   me\n"
                            "users/{id}/     users/{id}\n"
                            "users/{id}/a{repo}.txt  /repos/.{repo}/{id}?x={repo}&y=1\n"
                            "search/{q}/my%20hits.json  search?q={q}\n"
                            "v/{x}           v/{x}\n"
                            "v/v{x}y         v/{x}.d\n";

/* The URL of a path, "" of a folder that nothing is asked for, or NULL: nothing has that name. */
static const char *url_of(const struct http_map *map, const char *path, char *to, size_t room)
{
    struct http_place *at = http_place_new(http_map_root(map), NULL, NULL);
    const char *found = "";
    while (*path && at && found) {
        char name[256];
        struct http_index x = {NULL, 0, 0, 0};
        struct http_item item = {NULL};
        size_t n = strcspn(path, "/");
        snprintf(name, sizeof(name), "%.*s", (int)n, path);
        http_map_fixed(at, BASE, &x);
        for (uint32_t i = 0; i < x.count && !item.name; i++) {
            if (strcmp(x.items[i].name, name) == 0) {
                item = x.items[i];
                x.items[i] = (struct http_item){NULL};
            }
        }
        char *value = NULL;
        const struct http_map_part *p = item.name ? NULL : http_map_find(at->part, name, &value);
        bool is_there = item.name || (p && http_map_item(at, p, value, BASE, &item));
        free(value);
        http_index_fini(&x);
        http_place_free(at);
        at = item.place;
        item.place = NULL;
        snprintf(to, room, "%s", item.url ? item.url : "");
        found = is_there ? to : NULL;
        http_item_fini(&item);
        path += n + (path[n] == '/');
    }
    http_place_free(at);
    return *path ? NULL : found;
}

static void test_map_paths(void)
{
    static const struct {
        const char *path;
        const char *url; /* NULL: it is not there */
    } rows[] = {
        {"users", BASE "users?n=100"},
        {"users/bob.json", BASE "users/bob"},
        {"users/bob.JSON", BASE "users/bob"},
        {"users/me.json", BASE "me"},
        {"users/bob", BASE "users/bob"},
        {"users/.json", BASE "users/.json"},
        {"users/a b&c=d+e.json", BASE "users/a%20b%26c%3Dd%2Be"},
        {"users/a?b#c%2f.json", BASE "users/a%3Fb%23c%252f"},
        {"users/gr\xc3\xbc\xc3\x9f.json", BASE "users/gr%C3%BC%C3%9F"},
        {"users/{id}.json", BASE "users/%7Bid%7D"},
        {"users/a\\b.json", NULL},
        {"users/a\nb.json", NULL},
        {"users/a\x7f.json", NULL},
        {"users/...json", NULL}, /* {id} is ".." */
        {"users/..json", NULL},  /* {id} is "." */
        {"users/....json", BASE "users/..."},
        {"users/bob/a.b.txt", "http://h/repos/..b/bob?x=.b&y=1"},
        {"users/bob/a..txt", NULL}, /* "/repos/.." */
        {"users/bob/a...txt", "http://h/repos/.../bob?x=..&y=1"},
        {"users/bob/a.txt", NULL}, /* no value */
        {"users/bob/b.txt", NULL},
        {"search", ""},
        {"search/", ""},
        {"search/x y", ""},
        {"search/../my hits.json", NULL},
        {"search/..a/my hits.json", BASE "search?q=..a"},
        {"search/x&y=z/my hits.json", BASE "search?q=x%26y%3Dz"},
        {"search/x/other", NULL},
        {"v/vzy", BASE "v/z.d"},
        {"v/vz", BASE "v/vz"},
        {"nothing", NULL},
    };
    char error[600] = "";
    struct http_map *map = http_map_parse(table, strlen(table), error, sizeof(error));
    CHECK_STR(error, "no memory");
    CHECK(map != NULL);
    for (size_t i = 0; map && i < sizeof(rows) / sizeof(rows[0]); i++) {
        char url[HTTP_URL_MAX];
        test_context("%s", rows[i].path);
        CHECK_STR(url_of(map, rows[i].path, url, sizeof(url)), rows[i].url);
    }
    test_context("%s", "");
    http_map_free(map);
}

/* What a list makes of a folder: "name[/] url size seconds\n" each. */
static void check_list(const char *map_text, const char *list, const char *want)
{
    char error[600];
    char got[2048] = "";
    size_t n = 0;
    struct http_index x = {NULL, 0, 0, 0};
    struct http_map *map = http_map_parse(map_text, strlen(map_text), error, sizeof(error));
    struct http_place *at = map ? http_place_new(http_map_root(map), NULL, NULL) : NULL;
    CHECK(at != NULL);
    if (!at) {
        http_map_free(map);
        return;
    }
    CHECK_INT(http_map_list(at, BASE, list, strlen(list), &x), want != NULL);
    for (uint32_t i = 0; i < x.count; i++) {
        const struct http_item *item = &x.items[i];
        uint64_t s = item->time ? item->time / 10000000 - 11644473600 : 0;
        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s %s %d %llu\n", item->name,
                              item->is_folder ? "/" : "", item->url,
                              item->has_size ? (int)item->size : -1, (unsigned long long)s);
    }
    CHECK_STR(got, want ? want : "");
    http_index_fini(&x);
    http_place_free(at);
    http_map_free(map);
}

static void test_map_lists(void)
{
    check_list("/ l {a}=.\n{a}.x f/{a}", "[\"p\",\"q r\",3,\"\",\"a/b\",\"..\",null,1.5,[],{}]",
               "p.x " BASE "f/p -1 0\nq r.x " BASE "f/q%20r -1 0\n3.x " BASE "f/3 -1 0\n");
    check_list("/ l {a}=n.id {b}=m in=d.all size=s.z time=t\n{a} f/{a}\n{a}.d/x f\n{b}_ g?{b}",
               "{\"d\":{\"all\":[{\"n\":{\"id\":7},\"m\":\"k\",\"s\":{\"z\":5},\"t\":86400},{}]}}",
               "k_ " BASE "g?k 5 86400\n7 " BASE "f/7 5 86400\n7.d/  -1 86400\n");
    check_list("/ l {a}=.\n{a} f", "{\"a\":[]}", NULL);
    check_list("/ l {a}=. in=a.b\n{a} f", "{\"a\":[]}", NULL);
    check_list("/ l {a}=. in=a\n{a} f", "{\"a\":[]}", "");
    check_list("/ l {a}=.\n{a} f", "[\"a\"", NULL);
}

static void test_map_mutations(void)
{
    char text[sizeof(table)];
    for (size_t i = 0; i < sizeof(table) - 1; i++) {
        for (int c = 0; c < 256; c++) {
            char error[600] = "";
            memcpy(text, table, sizeof(table));
            text[i] = (char)c;
            struct http_map *map = http_map_parse(text, sizeof(table) - 1, error, sizeof(error));
            CHECK(map || error[0]);
            http_map_free(map);
        }
        char error[600] = "";
        http_map_free(http_map_parse(table, i, error, sizeof(error)));
    }
}

static const struct test_case cases[] = {
    {"links", test_links},
    {"html", test_html},
    {"json", test_json},
    {"JSON that is more than it seems", test_json_bombs},
    {"mutations", test_mutations},
    {"wrong tables", test_map_wrong},
    {"paths and their URLs", test_map_paths},
    {"lists of a table", test_map_lists},
    {"mutations of a table", test_map_mutations},
};
TEST_MAIN(cases)
