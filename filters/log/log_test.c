/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin_test.h"

const struct smbkit_plugin *smbkit_static_log(const struct smbkit_host_table *api);
const struct smbkit_plugin *smbkit_static_mem(const struct smbkit_host_table *api);

/* A log filter above an empty mem volume. */
struct stack {
    struct pt mem;
    struct smbkit_next next;
    struct pt t;
};

static bool start(struct stack *s, const char *arg)
{
    const char *args[] = {arg, NULL};
    if (!SMBKIT_OK(pt_open_volume(&s->mem, smbkit_static_mem(&pt_api), NULL, NULL))) {
        return false;
    }
    s->next = (struct smbkit_next){s->mem.p, s->mem.v};
    return SMBKIT_OK(pt_open_volume(&s->t, smbkit_static_log(&pt_api), args, &s->next));
}

static void stop(struct stack *s)
{
    pt_close_volume(&s->t);
    pt_close_volume(&s->mem);
}

static void expect_line(const char *begins, const char *has)
{
    if (strncmp(fake_log_line, begins, strlen(begins)) != 0 || !strstr(fake_log_line, has) ||
        !strstr(fake_log_line, " us=")) {
        test_fail(__FILE__, __LINE__, "line is: %s", fake_log_line);
    }
}

static void test_lines(void)
{
    struct stack s;
    REQUIRE(start(&s, NULL));
    struct pt *t = &s.t;
    struct smbkit_attr attr;
    struct smbkit_range range;
    uint32_t n = 1;
    uint8_t buf[8];
    char path[16];
    unsigned before = fake_log_count;
    void *f = pt_new(t, "a");
    expect_line("share=\"test\" user=\"tester\" op=create path=\"a\"", "how=create");
    CHECK_INT(pt_write(t, f, 7, "hello", 5), 0);
    expect_line("share=\"test\" user=\"tester\" op=write file=0x",
                "offset=7 length=5 done=5 status=SUCCESS");
    CHECK_INT(pt_read(t, f, 10, buf, 8), 2);
    expect_line("share=\"test\" user=\"tester\" op=read",
                "offset=10 length=8 done=2 status=SUCCESS");
    pt_attr(t, f);
    expect_line("share=\"test\" user=\"tester\" op=getattr",
                "size=12 attributes=0x20 status=SUCCESS");
    attr = (struct smbkit_attr){.write_time = 77, .attributes = 2};
    CHECK_INT(pt_setattr(t, f, 0x14, &attr), 0);
    expect_line("share=\"test\" user=\"tester\" op=setattr", "mask=0x14 attributes=0x2 ");
    CHECK_INT(pt_get_security(t, f, buf, 8, &n), SMBKIT_STATUS_NOT_FOUND);
    expect_line("share=\"test\" user=\"tester\" op=get_security",
                "room=8 needed=0 status=NOT_FOUND");
    CHECK_INT(pt_set_security(t, f, buf, 3), 0);
    expect_line("share=\"test\" user=\"tester\" op=set_security", "length=3 ");
    CHECK_INT(pt_set_size(t, f, 100), 0);
    expect_line("share=\"test\" user=\"tester\" op=set_size", "size=100 ");
    CHECK_INT(pt_allocate(t, f, 200), 0);
    expect_line("share=\"test\" user=\"tester\" op=allocate", "alloc_size=200 ");
    CHECK_INT(pt_zero_range(t, f, 1, 2), 0);
    expect_line("share=\"test\" user=\"tester\" op=zero_range", "offset=1 length=2 ");
    n = 1;
    CHECK_INT(pt_ranges(t, f, (struct smbkit_range){0, 9}, &range, &n), 0);
    expect_line("share=\"test\" user=\"tester\" op=ranges", "offset=0 length=9 room=1 count=1 ");
    CHECK_INT(pt_overwrite(t, f, 2, 0, &attr), 0);
    expect_line("share=\"test\" user=\"tester\" op=overwrite", "attributes=0x2 ");
    CHECK_INT(pt_flush(t, f), 0);
    expect_line("share=\"test\" user=\"tester\" op=flush", "status=SUCCESS");
    CHECK_INT(pt_link_file(t, f, "l", 1), 0);
    expect_line("share=\"test\" user=\"tester\" op=link", "to=\"l\" replace=1 ");
    CHECK_INT(pt_rename_file(t, f, "b", 0), 0);
    expect_line("share=\"test\" user=\"tester\" op=rename", "to=\"b\" replace=0 ");
    CHECK_INT(pt_get_path(t, f, path, 16), 0);
    expect_line("share=\"test\" user=\"tester\" op=get_path", "path=\"b\" ");
    CHECK_INT(pt_remove_file(t, f), 0);
    expect_line("share=\"test\" user=\"tester\" op=remove", "status=SUCCESS");
    pt_close(t, f);
    expect_line("share=\"test\" user=\"tester\" op=close", "status=SUCCESS");
    CHECK_INT(pt_lookup(t, "b", &attr), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    expect_line("share=\"test\" user=\"tester\" op=lookup path=\"b\"",
                "status=OBJECT_NAME_NOT_FOUND");
    static struct pt_page page;
    void *dir = pt_any(t, "");
    CHECK_INT(pt_list(t, dir, &page, 5), 1);
    expect_line("share=\"test\" user=\"tester\" op=enumerate", "cookie=0 attr=1 ");
    pt_close(t, dir);
    pt_free_bytes(t);
    expect_line("share=\"test\" user=\"tester\" op=volume_info", "free=");
    CHECK_INT(fake_log_count - before, 23); /* one line each, no more */
    stop(&s);
}

/* A client chooses the name: it cannot make a second line or another field, nor a line without end,
 * nor steer the terminal; as in the server's own lines. */
static void test_quoting(void)
{
    struct stack s;
    static char path[3000];
    REQUIRE(start(&s, "level=debug"));
    (void)pt_try(&s.t, "a\nb\"c\\d\x7f\xc2\x9b\xe2\x80\xae");
    expect_line("share=\"test\" user=\"tester\" op=create ",
                "path=\"a\\u000ab\\\"c\\\\d\\u007f\\u009b\\u202e\" ");
    memset(path, '\n', sizeof(path) - 1);
    (void)pt_try(&s.t, path);
    expect_line("share=\"test\" user=\"tester\" op=create ", "\\u000a\\u000a...\" stream=");
    CHECK(!strchr(fake_log_line, '\n'));
    memset(path, 'x', sizeof(path) - 1);
    (void)pt_try(&s.t, path);
    expect_line("share=\"test\" user=\"tester\" op=create path=\"xxx",
                "status=OBJECT_NAME_INVALID");
    CHECK(strlen(fake_log_line) < 1000);
    stop(&s);
}

static void test_args(void)
{
    static const struct {
        const char *arg;
        const char *says; /* NULL: good */
    } rows[] = {
        {"level=error", NULL},
        {"level=warning", NULL},
        {"level=info", NULL},
        {"level=debug", NULL},
        {"level=warn", NULL},
        {"level=trace", NULL},
        {"level=loud", "it is error, warn, info, debug"},
        {"level=", "it is error"},
        {"levels=info", "did you mean \"level\"?"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pt t;
        const char *args[] = {rows[i].arg, NULL};
        test_context("%s", rows[i].arg);
        bool good = SMBKIT_OK(pt_open_volume(&t, smbkit_static_log(&pt_api), args, NULL));
        CHECK_INT(good, rows[i].says == NULL);
        if (good) {
            pt_close_volume(&t);
        } else {
            CHECK(strstr(t.error, rows[i].says) != NULL);
        }
    }
}

static const struct test_case cases[] = {
    {"a line for each operation", test_lines},
    {"names are quoted", test_quoting},
    {"arguments", test_args},
};

TEST_MAIN(cases)
