/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an answer, the cache, and credentials. The client itself is tested against servers:
 * tests/interop/scenarios/web_servers.py. */
#include "plugin_test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "web.h"
#include "web_cache.h"
#include "web_words.h"

static struct web_answer heads(const char *const *lines)
{
    struct web_answer a = {.range_total = UINT64_MAX};
    for (; *lines; lines++) {
        web_header_take(&a, *lines, strlen(*lines));
    }
    return a;
}

static void test_headers(void)
{
    const char *const lines[] = {"HTTP/1.1 206 Partial Content\r\n",
                                 "ETag: W/\"x\"\r\n",
                                 "last-modified:Sun, 06 Nov 1994 08:49:37 GMT\r\n",
                                 "Content-Type: Application/JSON; charset=x\r\n",
                                 "Content-Length: 10\r\n",
                                 "CONTENT-RANGE: bytes 5-14/100\r\n",
                                 "Accept-Ranges: bytes\r\n",
                                 "Retry-After: 7\r\n",
                                 NULL};
    struct web_answer a = heads(lines);
    CHECK_STR(a.etag, "W/\"x\"");
    CHECK_STR(a.modified, "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK_STR(a.type, "application/json; charset=x");
    CHECK(a.has_length && a.length == 10 && a.takes_ranges);
    CHECK(a.has_range && a.range.first == 5 && a.range.last == 14 && a.range_total == 100);
    CHECK(a.is_retry_set && a.retry_after_ms == 7000);
    web_header_take(&a, "HTTP/1.1 200 OK", 15);
    CHECK(!a.has_range && !a.has_length && !a.etag[0] && !a.is_retry_set);
}

static void test_bad_headers(void)
{
    static const char *const ranges[] = {
        "bytes 5-4/100", "bytes 5-100/100",
        "bytes -4/100",  "bytes 5-/100",
        "items 1-2/3",   "bytes 1-2/",
        "bytes 1-2/3x",  "bytes 1-2",
        "bytes */100",   "bytes 18446744073709551616-18446744073709551617/*"};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        char line[128];
        test_context("%s", ranges[i]);
        snprintf(line, sizeof(line), "Content-Range: %s", ranges[i]);
        const char *const lines[] = {line, NULL};
        CHECK(!heads(lines).has_range);
    }
    test_context("%s", "");
    const char *const lines[] = {"Content-Length: 12x",
                                 "Content-Length",
                                 ": x",
                                 "",
                                 "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT",
                                 NULL};
    struct web_answer a = heads(lines);
    CHECK(!a.has_length && !a.is_retry_set);
    /* A tag of 255 bytes is kept, a longer one is none. */
    char tag[300] = "ETag: ";
    memset(tag + 6, 'x', 256);
    web_header_take(&a, tag, 6 + 255);
    CHECK_INT(strlen(a.etag), 255);
    web_header_take(&a, tag, 6 + 256);
    CHECK_INT(strlen(a.etag), 0);
    web_header_take(&a, "ETag: a\0b", 9);
    CHECK_STR(a.etag, "");
}

static void test_times(void)
{
    CHECK_INT(web_time_parse("Thu, 01 Jan 1970 00:00:01 GMT"), 116444736010000000);
    CHECK_INT(web_time_parse("yesterday"), 0);
    CHECK_INT(web_time_from_unix(-1), 0);
    CHECK_INT(web_time_from_unix(INT64_MAX), 0);
}

static void put(struct web_cache *c, const char *key, uint64_t index, size_t size)
{
    struct web_block *b = web_block_new(calloc(1, size), size);
    web_cache_put(c, key, index, b);
    web_block_unref(b);
}

static bool has(struct web_cache *c, const char *key, uint64_t index)
{
    struct web_block *b = web_cache_get(c, key, index);
    web_block_unref(b);
    return b;
}

static void test_cache(void)
{
    struct web_cache *c = web_cache_new(10000);
    put(c, "a", 0, 3000);
    put(c, "a", 1, 3000);
    put(c, "b", 0, 3000);
    CHECK(has(c, "a", 0) && has(c, "b", 0) && !has(c, "b", 1) && !has(c, "c", 0));
    put(c, "b", 2, 3000); /* what was looked at least lately goes */
    CHECK(!has(c, "a", 1) && has(c, "a", 0) && has(c, "b", 2));
    struct web_block *held = web_cache_get(c, "a", 0);
    put(c, "big", 0, 10000);
    CHECK(!has(c, "big", 0) && has(c, "a", 0));
    put(c, "big", 0, 9500);
    CHECK(has(c, "big", 0) && !has(c, "a", 0) && !has(c, "b", 2));
    CHECK_INT(held->size, 3000); /* who holds one keeps it */
    put(c, "big", 0, 10);
    web_block_unref(held);
    held = web_cache_get(c, "big", 0);
    CHECK_INT(held->size, 10);
    web_block_unref(held);
    web_cache_free(c);
}

static void test_credentials(void)
{
    static const struct {
        const char *text;
        const char *user;
        const char *bearer;
        mode_t mode;
    } rows[] = {{"me:secret\n", "me:secret", NULL, 0600},
                {"Bearer abc\r\n", NULL, "abc", 0400},
                {"nothing\n", NULL, NULL, 0600},
                {"", NULL, NULL, 0600},
                {"me:secret\n", NULL, NULL, 0640}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[] = "/tmp/smbkit-web-XXXXXX";
        char error[512] = "";
        int fd = mkstemp(path);
        REQUIRE(fd >= 0);
        test_context("%s %o", rows[i].text, rows[i].mode);
        CHECK_INT(write(fd, rows[i].text, strlen(rows[i].text)), strlen(rows[i].text));
        fchmod(fd, rows[i].mode);
        close(fd);
        struct web_credentials c;
        smbkit_status st = web_credentials_read(path, &c, error, sizeof(error));
        CHECK(SMBKIT_OK(st) == (rows[i].user || rows[i].bearer));
        CHECK(SMBKIT_OK(st) || strstr(error, path));
        CHECK_STR(c.user_password, rows[i].user);
        CHECK_STR(c.bearer, rows[i].bearer);
        web_credentials_fini(&c);
        unlink(path);
    }
    test_context("%s", "");
}

static void test_urls(void)
{
    static const struct {
        const char *url;
        const char *why; /* what the line has; NULL: it is right */
    } rows[] = {
        {"http://h", NULL},
        {"HTTPS://h:1/a/%20", NULL},
        {"http://h/a@b", NULL},
        {"ftp://h/", "does not begin with"},
        {"h", "does not begin with"},
        {"", "does not begin with"},
        {"http://", "no host"},
        {"http:///x", "no host"},
        {"http://?x", "no host"},
        {"http://u@h", "a user"},
        {"http://u:p@h/x", "a user"},
        {"http://h/?x", "a query"},
        {"http://h#x", "a query"},
        {"http://h/a b", "a query"},
        {"http://h/a\nb", "a query"},
        {"http://h\\x/", "a query"},
        {"http://h/12345678901234567890", "too long"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *why = web_url_wrong(rows[i].url, 20);
        test_context("%s", rows[i].url);
        CHECK_INT(why == NULL, rows[i].why == NULL);
        CHECK(!why || !rows[i].why || strstr(why, rows[i].why));
    }
    test_context("%s", "");
}

static const struct test_case cases[] = {
    {"headers", test_headers}, {"bad headers", test_bad_headers}, {"times", test_times},
    {"cache", test_cache},     {"credentials", test_credentials}, {"URLs", test_urls},
};
TEST_MAIN(cases)
