/* SPDX-License-Identifier: Apache-2.0 */
/* Limits that were set are there again after a restart. */
#include "filter_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "quota.h"
#include "vfs/fsctl.h"

const struct smbkit_plugin *smbkit_static_quota(const struct smbkit_host_table *api);

struct world {
    char folder[64], file[80], keep[96];
};

static void world_start(struct world *w)
{
    strcpy(w->folder, "/tmp/smbkit-quota-XXXXXX");
    REQUIRE(mkdtemp(w->folder));
    snprintf(w->file, sizeof(w->file), "%s/limits", w->folder);
    snprintf(w->keep, sizeof(w->keep), "keep=%s", w->file);
}

static void world_end(const struct world *w)
{
    unlink(w->file);
    CHECK_INT(rmdir(w->folder), 0); /* nothing else was left there */
}

static bool try_start(const struct world *w, struct fixture *f, const char *more, char err[256])
{
    const struct stack_layer layers[] = {{smbkit_static_quota(&vfs_api), {w->keep, more}},
                                         {smbkit_static_mem(&vfs_api), {NULL}}};
    return stack_try(f, layers, 2, NULL, err);
}

static void start(const struct world *w, struct fixture *f, const char *more)
{
    char err[256];
    bool good = try_start(w, f, more, err);
    if (!good) {
        test_fail(__FILE__, __LINE__, "%s", err);
    }
    REQUIRE(good);
}

static void check_file(const struct world *w, const char *want)
{
    char text[1024] = "";
    FILE *f = fopen(w->file, "r");
    REQUIRE(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    CHECK_STR(text, want);
}

static void check_says(struct fixture *f, const char *what)
{
    const char *text = "";
    CHECK_INT(say(f, "status", &text), 0);
    if (!strstr(text, what)) {
        test_fail(__FILE__, __LINE__, "\"%s\" is not in \"%s\"", what, text);
    }
}

/* What anna has, as clients ask for it. */
static void query(struct fixture *f, struct smbkit_quota *q, bool sets)
{
    static const uint8_t anna[] = {1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0,    0, 1, 0,
                                   0, 0, 2, 0, 0, 0, 3, 0, 0,  0, 0xe9, 3, 0, 0};
    struct vfs_open *o = must_open(f, "f", RW, SMBKIT_OPEN_IF, 0);
    q->struct_size = sizeof(*q);
    q->sid = (struct smbkit_bytes){anna, sizeof(anna)};
    CHECK_INT(sets ? vfs_set_quota(&f->call, o, q) : vfs_get_quota(&f->call, o, q), 0);
    must_close(f, o);
}

static void test_restart(void)
{
    struct world w;
    struct fixture f;
    struct smbkit_quota q = {.limit = 7000, .threshold = 6000};
    world_start(&w);
    start(&w, &f, "user=carl:1M");
    CHECK(access(w.file, F_OK) != 0); /* of the arguments nothing is kept */
    CHECK_INT(say(&f, "set user two words 500", NULL), 0);
    CHECK_INT(say(&f, "set user bob none", NULL), 0);
    CHECK_INT(say(&f, "set folder /a/b/ 64K", NULL), 0);
    CHECK_INT(say(&f, "set default 2T", NULL), 0);
    query(&f, &q, true);
    fixture_close(&f);
    check_file(&w, "smbkit-quota 1\ndefault 2199023255552 none\nuser 500 none two words\n"
                   "user none none bob\nuser 7000 6000 S-1-5-21-1-2-3-1001\n"
                   "folder 65536 none a/b\n");
    start(&w, &f, "default=5");
    check_says(&f, "default=2199023255552");
    check_says(&f, "folder /a/b used=0 limit=65536");
    q = (struct smbkit_quota){0};
    query(&f, &q, false);
    CHECK_INT(q.limit, 7000);
    CHECK_INT(q.threshold, 6000);
    CHECK_INT(say(&f, "set user bob 5", NULL), 0);
    fixture_close(&f);
    check_file(&w, "smbkit-quota 1\ndefault 2199023255552 none\nuser 500 none two words\n"
                   "user 5 none bob\nuser 7000 6000 S-1-5-21-1-2-3-1001\n"
                   "folder 65536 none a/b\n");
    world_end(&w);
}

/* Numbers that are no sizes: a client may say any of 64 bits. */
static void test_any_number(void)
{
    static const struct {
        uint64_t said;
        const char *kept;
    } rows[] = {
        {INT64_MAX, "9223372036854775807"},
        {(uint64_t)INT64_MAX + 1, "none"},
        {UINT64_MAX - 1, "none"}, /* LIMIT_DELETE */
        {UINT64_MAX, "none"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        struct fixture f;
        char want[100];
        test_context("row %zu", i);
        world_start(&w);
        start(&w, &f, NULL);
        struct smbkit_quota q = {
            .struct_size = sizeof(q), .limit = rows[i].said, .threshold = rows[i].said};
        struct vfs_open *o = must_open(&f, "f", RW, SMBKIT_OPEN_IF, 0);
        CHECK_INT(vfs_set_quota(&f.call, o, &q), 0); /* without a SID: the default */
        must_close(&f, o);
        fixture_close(&f);
        snprintf(want, sizeof(want), "smbkit-quota 1\ndefault %s %s\n", rows[i].kept, rows[i].kept);
        check_file(&w, want);
        start(&w, &f, NULL);
        fixture_close(&f);
        world_end(&w);
    }
}

static void test_wrong_files(void)
{
    static const struct {
        const char *text;
        unsigned line;    /* 0: it is good, and */
        const char *kept; /* this is written when a limit was set */
    } rows[] = {
        {"", 1},
        {"smbkit-quota 2\n", 1},
        {"smbkit-quota 1\n", 0, "smbkit-quota 1\nuser 5 none two words\n"},
        {"smbkit-quota 1\nuser 5 none anna", 0,
         "smbkit-quota 1\nuser 5 none anna\nuser 5 none two words\n"},
        {"smbkit-quota 1\r\nuser 5 none two words\r\n", 0,
         "smbkit-quota 1\nuser 5 none two words\n"},
        {"smbkit-quota 1\nuser 5 none\n", 2},
        {"smbkit-quota 1\nuser 5 anna\n", 2},
        {"smbkit-quota 1\ndefault 5 none\ndefault 5 none x\n", 3},
        {"smbkit-quota 1\nfolder 5 none \n", 0,
         "smbkit-quota 1\nuser 5 none two words\nfolder 5 none \n"},
        {"smbkit-quota 1\nfolder 99999999999999999999 none a\n", 2},
        {"smbkit-quota 1\ngroup 5 none a\n", 2},
        {"smbkit-quota 1\n\n", 2},
        {"smbkit-quota 1\n1234567890123456789012345678901234567890 5 none a\n", 2},
    };
    struct world w;
    world_start(&w);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;
        char err[256];
        char want[40];
        FILE *file = fopen(w.file, "w");
        test_context("row %zu", i);
        REQUIRE(file && fputs(rows[i].text, file) >= 0 && fclose(file) == 0);
        bool good = try_start(&w, &f, NULL, err);
        snprintf(want, sizeof(want), "line %u is none", rows[i].line);
        CHECK_INT(good, rows[i].line == 0);
        CHECK(good || strstr(err, want));
        if (good) {
            CHECK_INT(say(&f, "set user two words 5", NULL), 0);
            check_file(&w, rows[i].kept);
            fixture_close(&f);
        }
    }
    world_end(&w);
}

static void test_folder(void)
{
    struct world w;
    struct fixture f;
    char err[256];
    world_start(&w);
    CHECK_INT(mkdir(w.file, 0700), 0);
    CHECK(!try_start(&w, &f, NULL, err));
    CHECK(strstr(err, "Is a directory") != NULL);
    CHECK_INT(rmdir(w.file), 0);
    world_end(&w);
}

/* It is said, and the limit holds all the same. */
static void test_no_room(void)
{
    struct world w;
    struct fixture f;
    const char *text = "";
    world_start(&w);
    start(&w, &f, NULL);
    CHECK_INT(rmdir(w.folder), 0);
    CHECK_INT(say(&f, "set default 100", &text), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK(strstr(text, "holds until the server ends") != NULL);
    check_says(&f, "default=100");
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"a restart", test_restart},
    {"any number", test_any_number},
    {"wrong files", test_wrong_files},
    {"a folder is in its place", test_folder},
    {"it cannot be written", test_no_room},
};
TEST_MAIN(cases)
