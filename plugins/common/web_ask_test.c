/* SPDX-License-Identifier: Apache-2.0 */
/* What the client sends, and what it sends again. */
#include "web_fixture.h"

/* ---- tests ---- */

static void test_methods(void)
{
    static const struct {
        enum web_method method;
        const char *body;
        const char *line;
        const char *sends; /* in its head */
    } rows[] = {
        {WEB_GET, NULL, "GET /b/k?x=1 ", "\r\nX-Mine: 1\r\n"},
        {WEB_HEAD, NULL, "HEAD /b/k?x=1 ", "\r\nX-Mine: 1\r\n"},
        {WEB_DELETE, NULL, "DELETE /b/k?x=1 ", "\r\nX-Mine: 1\r\n"},
        {WEB_PUT, "some", "PUT /b/k?x=1 ", "\r\nContent-Length: 4\r\n"},
        {WEB_PUT, "", "PUT /b/k?x=1 ", "\r\nContent-Length: 0\r\n"},
        {WEB_PUT, NULL, "PUT /b/k?x=1 ", "\r\nContent-Length: 0\r\n"},
        {WEB_POST, "some", "POST /b/k?x=1 ", "\r\nContent-Type: application/octet-stream\r\n"},
        {WEB_POST, NULL, "POST /b/k?x=1 ", "\r\nContent-Length: 0\r\n"},
    };
    static const char *const headers[] = {"X-Mine: 1", "Cookie: a=b", NULL};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct web_spec spec = spec_of(0);
        const struct web_body body = {rows[i].body, rows[i].body ? strlen(rows[i].body) : 0, -1, 0};
        test_context("%s%s", rows[i].line, rows[i].body ? rows[i].body : "none");
        struct outcome o = run(&spec,
                               (struct web_ask){.method = rows[i].method,
                                                .headers = headers,
                                                .body = rows[i].body ? &body : NULL,
                                                .body_max = 64},
                               one_ok);
        const char *seen = served.seen[0];
        const char *end = strstr(seen, "\r\n\r\n");
        CHECK_INT(o.status, SMBKIT_STATUS_SUCCESS);
        CHECK_STR(o.body, rows[i].method == WEB_HEAD ? "" : "ok");
        CHECK(strncmp(seen, rows[i].line, strlen(rows[i].line)) == 0);
        CHECK(strstr(seen, rows[i].sends) && strstr(seen, "\r\nCookie: a=b\r\n"));
        CHECK_STR(end ? end + 4 : NULL, rows[i].body ? rows[i].body : "");
    }
    test_context("%s", "");
}

/* Of a file a piece is sent, again from its beginning when it is sent again. */
static void test_file(void)
{
    static const char *const answers[] = {"", BUSY, OK, NULL};
    const struct web_spec spec = spec_of(3);
    char path[] = "/tmp/smbkit-web-XXXXXX";
    int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    unlink(path);
    const size_t size = 300000;
    char *text = malloc(size);
    REQUIRE(text);
    for (size_t i = 0; i < size; i++) {
        text[i] = (char)('a' + i * i % 23);
    }
    CHECK_INT(write(fd, text, size), size);
    const struct web_body body = {NULL, size - 1000, fd, 500};
    struct outcome o =
        run(&spec, (struct web_ask){.method = WEB_PUT, .body = &body, .body_max = 64}, answers);
    CHECK_INT(o.status, SMBKIT_STATUS_SUCCESS);
    CHECK_INT(asked(), 3);
    for (int i = 0; i < 3; i++) {
        const char *end = strstr(served.seen[i], "\r\n\r\n");
        REQUIRE(end);
        CHECK_MEM(end + 4, strlen(end + 4), text + 500, size - 1000);
    }
    /* A file that is shorter than was said. */
    CHECK_INT(ftruncate(fd, 1000), 0);
    o = run(&spec, (struct web_ask){.method = WEB_PUT, .body = &body, .body_max = 64}, one_ok);
    CHECK_INT(o.status, SMBKIT_STATUS_IO_DEVICE_ERROR);
    CHECK_INT(asked(), 1);
    free(text);
    close(fd);
}

static void test_repeats(void)
{
    static const struct {
        const char *first;
        enum web_method method;
        enum web_repeat repeat;
        bool repeats_errors;
        uint32_t asked;
    } rows[] = {
        {"", WEB_GET, WEB_REPEAT_BY_METHOD, false, 2},
        {"", WEB_PUT, WEB_REPEAT_BY_METHOD, false, 2},
        {"", WEB_DELETE, WEB_REPEAT_BY_METHOD, false, 2},
        {"", WEB_POST, WEB_REPEAT_BY_METHOD, false, 1},
        {"", WEB_POST, WEB_REPEAT_ALWAYS, false, 2},
        {"", WEB_PUT, WEB_REPEAT_NEVER, false, 1},
        {BUSY, WEB_POST, WEB_REPEAT_NEVER, false, 2},
        {BROKEN, WEB_GET, WEB_REPEAT_BY_METHOD, false, 1},
        {BROKEN, WEB_GET, WEB_REPEAT_BY_METHOD, true, 2},
        {BROKEN, WEB_POST, WEB_REPEAT_BY_METHOD, true, 1},
        {BROKEN, WEB_POST, WEB_REPEAT_ALWAYS, true, 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *const answers[] = {rows[i].first, OK, NULL};
        struct web_spec spec = spec_of(2);
        spec.repeats_errors = rows[i].repeats_errors;
        test_context("row %zu", i);
        struct outcome o = run(
            &spec,
            (struct web_ask){.method = rows[i].method, .repeat = rows[i].repeat, .body_max = 64},
            answers);
        CHECK_INT(asked(), rows[i].asked);
        CHECK(SMBKIT_OK(o.status) == (rows[i].asked == 2));
    }
    test_context("%s", "");
}

static void test_answers(void)
{
    static const char *const keep[] = {"set-cookie", "x-other", NULL};
    static const char *const kept[] = {"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n"
                                       "Content-Length: 0\r\n\r\n",
                                       NULL};
    /* What is said of an error is cut, what is no error is not. */
    static const char *const refused[] = {
        "HTTP/1.1 409 Conflict\r\nContent-Length: 10\r\n\r\n0123456789", NULL};
    static const char *const longer[] = {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
                                         NULL};
    static const char *const moved[] = {
        "HTTP/1.1 307 There\r\nLocation: /else\r\nContent-Length: 0\r\n\r\n", NULL};
    const struct web_spec spec = spec_of(0);
    struct outcome o = run(&spec, (struct web_ask){.method = WEB_POST, .keep = keep}, kept);
    CHECK_STR(o.kept[0], "a=1");
    CHECK_STR(o.kept[1], "");
    o = run(&spec, (struct web_ask){.method = WEB_PUT, .body_max = 4}, refused);
    CHECK_INT(o.code, 409);
    CHECK_STR(o.body, "0123");
    CHECK_INT(o.status, SMBKIT_STATUS_IO_DEVICE_ERROR);
    o = run(&spec, (struct web_ask){.method = WEB_GET, .body_max = 4}, longer);
    CHECK_INT(o.status, SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    o = run(&spec, (struct web_ask){.method = WEB_GET, .data = data_take}, longer);
    CHECK_INT(o.status, SMBKIT_STATUS_SUCCESS);
    CHECK_STR(o.data, "0123456789");
    CHECK_STR(o.body, "");
    o = run(&spec, (struct web_ask){.method = WEB_GET, .data = data_take, .body_max = 64}, refused);
    CHECK_STR(o.data, "");
    CHECK_STR(o.body, "0123456789");
    o = run(&spec, (struct web_ask){.method = WEB_DELETE}, moved);
    CHECK_INT(o.code, 307);
}

static void test_passed_on(void)
{
    static const char *const cut[] = {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01", OK, NULL};
    const struct web_spec spec = spec_of(2);
    struct outcome o = run(&spec, (struct web_ask){.method = WEB_GET, .data = data_take}, cut);
    CHECK(!SMBKIT_OK(o.status));
    CHECK_STR(o.data, "01");
    CHECK_INT(asked(), 1);
    o = run(&spec, (struct web_ask){.method = WEB_GET, .body_max = 64}, cut);
    CHECK_STR(o.body, "ok");
}

/* The signature is that of libcurl; s3rver looks at it in tests/interop/scenarios/s3.py. */
static void test_signed(void)
{
    static const char text[] = "some";
    const struct web_body body = {text, 4, -1, 0};
    struct web_credentials c = {strdup("KEY:secret"), NULL, strdup("token")};
    struct web_spec spec = spec_of(0);
    spec.sigv4 = "aws:amz:eu-x-1:s3";
    spec.credentials = &c;
    struct outcome o =
        run(&spec, (struct web_ask){.method = WEB_PUT, .body = &body, .body_max = 64}, one_ok);
    const char *seen = served.seen[0];
    CHECK_INT(o.status, SMBKIT_STATUS_SUCCESS);
    CHECK(!c.user_password && !c.session);
    CHECK(strstr(seen, "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=KEY/"));
    CHECK(strstr(seen, "/eu-x-1/s3/aws4_request, SignedHeaders=content-type;host;"));
    CHECK(strstr(seen, ";x-amz-security-token, Signature="));
    CHECK(strstr(seen, "\r\nx-amz-security-token: token\r\n"));
    CHECK(strstr(seen, "\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"));
    CHECK(!strstr(seen, "secret"));
}

static void test_basic(void)
{
    struct web_credentials c = {strdup("me:secret"), NULL, NULL};
    struct web_spec spec = spec_of(0);
    spec.credentials = &c;
    (void)run(&spec, (struct web_ask){.method = WEB_POST, .body_max = 64}, one_ok);
    CHECK(strstr(served.seen[0], "\r\nAuthorization: Basic bWU6c2VjcmV0\r\n"));
}

static const struct test_case cases[] = {
    {"methods", test_methods}, {"file", test_file},           {"repeats", test_repeats},
    {"answers", test_answers}, {"passed on", test_passed_on}, {"signed", test_signed},
    {"basic", test_basic},

};

int main(int argc, char **argv)
{
    lend();
    return test_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
