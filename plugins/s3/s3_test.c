/* SPDX-License-Identifier: Apache-2.0 */
/* URLs, credentials, and what the store answers. */
#include "plugin_test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "s3_priv.h"

static void test_urls(void)
{
    static const struct {
        bool is_host;
        const char *path;
        const char *query;
        const char *url;
    } rows[] = {
        {false, "", NULL, "http://h:1/base/"},
        {false, "b/", "x=1", "http://h:1/base/b/?x=1"},
        {false, "b/a b+c/\xc3\xbc%?", NULL, "http://h:1/base/b/a%20b%2Bc/%C3%BC%25%3F"},
        {true, "b/k", NULL, "http://b.h:1/base/k"},
        {true, "b/", "x=1", "http://b.h:1/base/?x=1"},
        {true, "", NULL, "http://h:1/base/"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char url[S3_URL_MAX];
        const struct s3_place p = {.scheme_host = (char *)(uintptr_t) "http://h:1/base",
                                   .is_host_style = rows[i].is_host};
        test_context("%s", rows[i].url);
        CHECK(s3_url(&p, rows[i].path, rows[i].query, url));
        CHECK_STR(url, rows[i].url);
    }
    test_context("%s", "");
    char small[4];
    CHECK(s3_encode("abc", false, small, 4) && s3_encode("/", false, small, 4));
    CHECK(!s3_encode("abcd", false, small, 4) && !s3_encode("a/", false, small, 4));
}

static void test_places(void)
{
    static const struct {
        const char *endpoint;
        const char *bucket;
        const char *prefix;
        const char *root; /* NULL: it is wrong */
    } rows[] = {
        {"http://h/", NULL, NULL, ""},       {"https://h", "b", NULL, "b/"},
        {"https://h", "b", "x/y", "b/x/y/"}, {"https://h", "b", "x/", "b/x/"},
        {"ftp://h", NULL, NULL, NULL},       {"http://", NULL, NULL, NULL},
        {"http://a:b@h", NULL, NULL, NULL},  {"http://h/?x", NULL, NULL, NULL},
        {"http://h", "a/b", NULL, NULL},     {"http://h", "..", NULL, NULL},
        {"http://h", NULL, "x", NULL},       {"http://h", "b", "/x", NULL},
        {"http://h", "b", "x//y", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_place p = {.root = NULL};
        test_context("%s %zu", rows[i].endpoint, i);
        const char *wrong = s3_place_init(&p, rows[i].endpoint, rows[i].bucket, rows[i].prefix);
        CHECK(!wrong == (rows[i].root != NULL));
        CHECK(wrong || p.scheme_host[strlen(p.scheme_host) - 1] == 'h');
        CHECK_STR(wrong ? NULL : p.root, rows[i].root);
        s3_place_fini(&p);
    }
    test_context("%s", "");
}

static void test_credentials(void)
{
    static const struct {
        const char *text;
        const char *who; /* NULL: refused */
        const char *session;
        mode_t mode;
    } rows[] = {
        {"[default]\naws_access_key_id=K\naws_secret_access_key = S=1\n", "K:S=1", NULL, 0600},
        {"# x\n[ me ]\naws_access_key_id=A\n[default]\r\naws_access_key_id = K\r\n"
         "aws_secret_access_key=S\r\naws_session_token=T\r\n",
         "K:S", "T", 0400},
        {"[me]\naws_access_key_id=K\naws_secret_access_key=S\n", NULL, NULL, 0600},
        {"[default]\naws_access_key_id=K\n", NULL, NULL, 0600},
        {"[default]\naws_access_key_id=K:\naws_secret_access_key=S\n", NULL, NULL, 0600},
        {"[\n]\n=\n", NULL, NULL, 0600},
        {"", NULL, NULL, 0600},
        {"[default]\naws_access_key_id=K\naws_secret_access_key=S\n", NULL, NULL, 0644},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[] = "/tmp/smbkit-s3-XXXXXX";
        char error[512] = "";
        struct web_credentials c;
        int fd = mkstemp(path);
        REQUIRE(fd >= 0);
        test_context("row %zu", i);
        CHECK_INT(write(fd, rows[i].text, strlen(rows[i].text)), strlen(rows[i].text));
        fchmod(fd, rows[i].mode);
        close(fd);
        smbkit_status st = s3_credentials_read(path, "default", &c, error, sizeof(error));
        CHECK(SMBKIT_OK(st) == (rows[i].who != NULL));
        CHECK_STR(c.user_password, rows[i].who);
        CHECK_STR(c.session, rows[i].session);
        web_credentials_fini(&c);
        unlink(path);
    }
    test_context("%s", "");
}

static struct s3_page *parsed(const char *text)
{
    return s3_page_parse(text, strlen(text));
}

static void test_list(void)
{
    static const char text[] =
        "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\"><Name>b</Name>"
        "<IsTruncated>true</IsTruncated><Contents><Key>a%20b+%2Bc</Key>"
        "<LastModified>1970-01-01T00:00:01.500Z</LastModified><ETag>&quot;1&quot;</ETag>"
        "<Size>9223372036854775807</Size></Contents><Contents><Key>bad%2</Key></Contents>"
        "<Contents><Size>1</Size></Contents><CommonPrefixes><Prefix>p%2F</Prefix>"
        "</CommonPrefixes><EncodingType>url</EncodingType>"
        "<NextContinuationToken>t+/=</NextContinuationToken></ListBucketResult>";
    struct s3_page *p = parsed(text);
    REQUIRE(p);
    CHECK_INT(p->kind, S3_XML_LIST);
    REQUIRE(p->count == 2);
    CHECK_STR(p->items[0].key, "a b +c");
    CHECK_STR(p->items[0].etag, "\"1\"");
    CHECK_INT(p->items[0].time, 116444736015000000);
    CHECK(p->items[0].size == INT64_MAX && !p->items[0].is_prefix);
    CHECK_STR(p->items[1].key, "p/");
    CHECK(p->items[1].is_prefix && p->is_truncated && p->left_out == 1);
    CHECK_STR(p->token, "t+/=");
    s3_page_free(p);
    /* Every truncation is refused. */
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        p = s3_page_parse(text, n);
        REQUIRE(p);
        CHECK_INT(p->kind, S3_XML_NONE);
        s3_page_free(p);
    }
}

static void test_kinds(void)
{
    static const struct {
        const char *text;
        enum s3_kind kind;
    } rows[] = {
        {"<Error><Code>NoSuchKey</Code></Error>", S3_XML_ERROR},
        {"<ListAllMyBucketsResult/>", S3_XML_BUCKETS},
        {"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>", S3_XML_COPY},
        {"<InitiateMultipartUploadResult/>", S3_XML_UPLOAD},
        {" \n <CompleteMultipartUploadResult/>", S3_XML_COMPLETE},
        {"<html/>", S3_XML_NONE},
        {"", S3_XML_NONE},
        {"<!DOCTYPE Error><Error/>", S3_XML_NONE},
        {"<Error><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></"
         "a>"
         "</a></a></a></a></a></a></a></Error>",
         S3_XML_NONE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct s3_page *p = parsed(rows[i].text);
        test_context("%s", rows[i].text);
        REQUIRE(p);
        CHECK_INT(p->kind, rows[i].kind);
        s3_page_free(p);
    }
    test_context("%s", "");
    CHECK_INT(s3_time_parse("1970-13-01T00:00:01Z"), 0);
    CHECK_INT(s3_time_parse("1970-01-01T00:00:01"), 0);
    CHECK_INT(s3_time_parse("1970-01-01T00:00:01Z"), 116444736010000000);
}

static const struct test_case cases[] = {
    {"urls", test_urls}, {"places", test_places}, {"credentials", test_credentials},
    {"list", test_list}, {"kinds", test_kinds},
};
TEST_MAIN(cases)
