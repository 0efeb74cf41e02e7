/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/config.h"

static char folder[] = "/tmp/smbkit-spec-XXXXXX";

static void show(const struct config_layer *l, char *buf, size_t size)
{
    int n = snprintf(buf, size, "%s", l->name);
    for (uint32_t i = 0; i < l->args.count; i++) {
        n += snprintf(buf + n, size - (size_t)n, " %s=%s", l->args.list[i].key,
                      l->args.list[i].value);
    }
}

static void test_layers(void)
{
    static const struct {
        const char *in;
        const char *want; /* NULL: refused with err */
        const char *err;
    } rows[] = {
        {"mem", "mem", NULL},
        {"mem:", "mem", NULL},
        {"mem:size=1M", "mem size=1M", NULL},
        {"delay:read=10,write=5", "delay read=10 write=5", NULL},
        {"x-1:a=b=c", "x-1 a=b=c", NULL},
        {"mem:a=", "mem a=", NULL},
        {"mem:a=1,,2,b=3", "mem a=1,2 b=3", NULL},
        {"mem:a=1,,,b=3", "mem a=1, b=3", NULL},
        {"mem:path=C:\\x", "mem path=C:\\x", NULL},
        {"mem:a=1,", "mem a=1", NULL},
        {"", NULL, "expected NAME or NAME:KEY=VALUE,... with a name of a-z, 0-9 and '-'"},
        {":a=b", NULL, "expected NAME or NAME:KEY=VALUE,... with a name of a-z, 0-9 and '-'"},
        {"Mem", NULL, "expected NAME or NAME:KEY=VALUE,... with a name of a-z, 0-9 and '-'"},
        {"mem x", NULL, "expected NAME or NAME:KEY=VALUE,... with a name of a-z, 0-9 and '-'"},
        {"mem:size", NULL, "\"size\" is not KEY=VALUE"},
        {"mem:=1", NULL, "\"=1\" is not KEY=VALUE"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config_layer l;
        char err[256] = "";
        char text[256];
        test_context("%s", rows[i].in);
        bool ok = config_layer_parse(rows[i].in, &l, err);
        CHECK_INT(ok, rows[i].want != NULL);
        if (ok) {
            show(&l, text, sizeof(text));
            CHECK_STR(text, rows[i].want);
        } else {
            CHECK_STR(err, rows[i].err);
        }
        config_layer_fini(&l); /* on failure it has what was understood */
    }
}

/* The word for a share means the same share, whoever reads it. */
static void again(const struct config_share *share, const char *want)
{
    char err[256] = "";
    char text[512];
    struct config *c = config_new();
    char *spec = config_share_spec(share);
    REQUIRE(c && spec);
    CHECK(config_share_parse(c, spec, err));
    CHECK_STR(err, "");
    REQUIRE(c->share_count == 1);
    show(&c->shares[0].plugin, text, sizeof(text));
    CHECK_STR(text, want);
    CHECK_STR(c->shares[0].name, share->name);
    free(spec);
    config_free(c);
}

static void test_shares(void)
{
    static const struct {
        const char *in; /* % is the folder */
        const char *name;
        const char *layer;
    } rows[] = {
        {"%/docs", "docs", "dir path=%/docs"},
        {"%/docs/", "docs", "dir path=%/docs"},
        {"papers=%/docs", "papers", "dir path=%/docs"},
        {"%/a=b", "a-b", "dir path=%/a=b"},
        {"x=%/a=b", "x", "dir path=%/a=b"},
        {"/", "root", "dir path=/"},
        {"mem:", "mem", "mem"},
        {"mem:size=1M", "mem", "mem size=1M"},
        {"My Files=mem:size=1M,x=y", "My Files", "mem size=1M x=y"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char in[256];
        char want[256];
        char text[512];
        char err[256] = "";
        struct config *c = config_new();
        REQUIRE(c);
        for (int k = 0; k < 2; k++) {
            const char *from = k ? rows[i].layer : rows[i].in;
            const char *at = strchr(from, '%');
            snprintf(k ? want : in, 256, "%.*s%s%s", (int)(at ? at - from : 0), from,
                     at ? folder : "", at ? at + 1 : from);
        }
        test_context("%s", in);
        CHECK(config_share_parse(c, in, err));
        CHECK_STR(err, "");
        if (c->share_count == 1) {
            show(&c->shares[0].plugin, text, sizeof(text));
            CHECK_STR(c->shares[0].name, rows[i].name);
            CHECK_STR(text, want);
            CHECK(!c->shares[0].read_only);
            again(&c->shares[0], text);
        }
        config_free(c);
    }
}

static void refused(struct config *c, const char *in, const char *want)
{
    char err[256] = "";
    test_context("%s", in);
    CHECK(!config_share_parse(c, in, err));
    CHECK_STR(err, want);
}

static void test_refusals(void)
{
    struct config *c = config_new();
    char in[128];
    char want[256];
    char err[256];
    REQUIRE(c);
    refused(c, "/nonexistent/folder",
            "there is no folder \"/nonexistent/folder\"; make it first, or check the spelling");
    snprintf(in, sizeof(in), "%s/file", folder);
    snprintf(want, sizeof(want),
             "%s is not a folder, nor a Python script, an archive or a database by its name; share "
             "the folder that it is in",
             in);
    refused(c, in, want);
    refused(c, "a*b=mem:",
            "a*b: a share name must not contain control characters or any of "
            "\"/\\[]:|<>+=;,*?; give another one as NAME=...");
    refused(c, "IPC$=mem:", "IPC$: this share name is reserved; give another one as NAME=...");
    refused(c, "mem:size",
            "mem:size: \"size\" is not KEY=VALUE; a plugin is written NAME:KEY=VALUE,...");
    CHECK(config_share_parse(c, "mem:", err));
    refused(c, "MEM=mem:", "two shares are called MEM; give one another name as NAME=...");
    CHECK_INT(c->share_count, 1);
    config_free(c);
}

/* By how its name ends. */
static void test_kinds_of_files(void)
{
    static const struct {
        const char *file, *share, *want;
    } rows[] = {{"a b.zip", "a b", "archive file="},
                {"c.tar.gz", "c", "archive file="},
                {"d.sqlite", "d", "sqlite file="},
                {"e.sqlite3", "e", "sqlite file="},
                {"f.db", "f", "sqlite file="}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char in[128];
        char text[256];
        char err[256];
        struct config *c = config_new();
        REQUIRE(c);
        test_context("%s", rows[i].file);
        snprintf(in, sizeof(in), "%s/%s", folder, rows[i].file);
        FILE *f = fopen(in, "we");
        REQUIRE(f);
        fclose(f);
        CHECK(config_share_parse(c, in, err));
        remove(in);
        REQUIRE(c->share_count == 1);
        CHECK_STR(c->shares[0].name, rows[i].share);
        show(&c->shares[0].plugin, text, sizeof(text));
        text[strlen(rows[i].want)] = 0;
        CHECK_STR(text, rows[i].want);
        config_free(c);
    }
    test_context("%s", "");
}

/* A file that a plugin makes a share of. */
static void test_scripts(void)
{
    char in[128];
    char text[256];
    char want[256];
    char err[256];
    struct config *c = config_new();
    REQUIRE(c);
    snprintf(in, sizeof(in), "%s/my script.py", folder);
    FILE *f = fopen(in, "we");
    REQUIRE(f);
    fclose(f);
    snprintf(want, sizeof(want), "python script=%s", in);
    CHECK(config_share_parse(c, in, err));
    char named[160];
    snprintf(named, sizeof(named), "other=%s", in);
    CHECK(config_share_parse(c, named, err));
    remove(in);
    REQUIRE(c->share_count == 2);
    CHECK_STR(c->shares[0].name, "my script");
    CHECK_STR(c->shares[1].name, "other");
    show(&c->shares[1].plugin, text, sizeof(text));
    CHECK_STR(text, want);
    config_free(c);
}

static void test_name_lengths(void)
{
    char name[100];
    for (size_t n = 79; n <= 81; n++) {
        memset(name, 'a', n);
        name[n] = '\0';
        CHECK_INT(config_share_name_check(name) == NULL, n <= 80);
    }
    CHECK(config_share_name_check("\xff") != NULL);
    CHECK(config_share_name_check("caf\xc3\xa9") == NULL);
    CHECK(config_share_name_check("hidden$") == NULL);
}

static const struct test_case cases[] = {
    {"scripts", test_scripts},
    {"files that a plugin makes a share of, by their names", test_kinds_of_files},
    {"plugins with arguments", test_layers},
    {"shares", test_shares},
    {"refusals and what they say", test_refusals},
    {"names of shares", test_name_lengths},
};

int main(int argc, char **argv)
{
    char path[128];
    static const char *const names[] = {"docs", "a=b"};
    if (!mkdtemp(folder)) {
        return 1;
    }
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        mkdir(path, 0700);
    }
    snprintf(path, sizeof(path), "%s/file", folder);
    fclose(fopen(path, "w"));
    int code = test_main(argc, argv, cases, ARRAY_LEN(cases));
    unlink(path);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        rmdir(path);
    }
    rmdir(folder);
    return code;
}
