/* SPDX-License-Identifier: Apache-2.0 */
#include "filter_fixture.h"

#include <pthread.h>

#include "quota.h"
#include "vfs/fsctl.h"

const struct smbkit_plugin *smbkit_static_quota(const struct smbkit_host_table *api);

static bool start(struct fixture *f, const char *a, const char *b)
{
    const struct stack_layer layers[] = {{smbkit_static_quota(&vfs_api), {a, b}},
                                         {smbkit_static_mem(&vfs_api), {NULL}}};
    return stack_open(f, layers, 2);
}

static void test_args(void)
{
    static const struct bad_args rows[] = {
        {{NULL}, NULL},
        {{"user=anna:1G", "default=none", "folder=/a/b/:20M"}, NULL},
        {{"user=a:b:1G"}, NULL},
        {{"user=anna"}, "NAME:SIZE"},
        {{"user=:1G"}, "NAME:SIZE"},
        {{"user=anna:1X"}, "NAME:SIZE"},
        {{"folder=/a:"}, "NAME:SIZE"},
        {{"default=-1"}, "a size"},
        {{"defualt=1G"}, "did you mean \"default\"?"},
    };
    check_args(smbkit_static_quota(&vfs_api), rows, ARRAY_LEN(rows));
}

static void test_sizes(void)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t size;
    } rows[] = {
        {"0", true, 0},
        {"500", true, 500},
        {"64K", true, 65536},
        {"2T", true, 2ull << 40},
        {"none", true, QUOTA_NONE},
        {"8388607T", true, 8388607ull << 40},
        {"8388608T", false, 0},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"K", false, 0},
        {"1KK", false, 0},
        {" 1", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t size;
        test_context("\"%s\"", rows[i].text);
        CHECK_INT(quota_size_parse(rows[i].text, &size), rows[i].good);
        if (rows[i].good) {
            CHECK(size == rows[i].size);
        }
    }
}

static void check_says(struct fixture *f, const char *what)
{
    const char *text = "";
    CHECK_INT(say(f, "status", &text), 0);
    if (!strstr(text, what)) {
        test_fail(__FILE__, __LINE__, "\"%s\" is not in \"%s\"", what, text);
    }
}

static void remove_path(struct fixture *f, const char *path)
{
    must_close(f, must_open(f, path, SMBKIT_DELETE | SMBKIT_READ_ATTRIBUTES, SMBKIT_OPEN,
                            VFS_DELETE_ON_CLOSE));
}

/* Up to the bound, and not a byte more. */
static void check_bound(struct fixture *f, const char *path)
{
    struct vfs_open *o = must_open(f, path, RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(f, o, 0, "0123456789"), 0);
    CHECK_INT(write_at(f, o, 10, "x"), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(vfs_set_end_of_file(&f->call, o, 11), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(write_at(f, o, 5, "abcde"), 0);
    CHECK_INT(vfs_set_end_of_file(&f->call, o, 4), 0);
    CHECK_INT(write_at(f, o, 4, "abcdef"), 0);
    CHECK_INT(write_at(f, o, 9, "xx"), SMBKIT_STATUS_DISK_FULL);
    must_close(f, o);
    CHECK_INT(try_access(f, path, RW, SMBKIT_OVERWRITE), 0);
    o = must_open(f, path, RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(f, o, 0, "0123456789"), 0);
    must_close(f, o);
}

static void test_folder(void)
{
    struct fixture f;
    REQUIRE(start(&f, "folder=/A:10", NULL));
    make(&f, "a", true);
    make(&f, "a/sub", true);
    check_bound(&f, "a/sub/one");
    check_says(&f, "folder /A used=10 limit=10");
    struct vfs_open *o = must_open(&f, "a/two", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&f, o, 0, "x"), SMBKIT_STATUS_DISK_FULL);
    remove_path(&f, "a/sub/one");
    CHECK_INT(write_at(&f, o, 0, "0123456789"), 0);
    CHECK_INT(say(&f, "set folder /a 20", NULL), 0);
    CHECK_INT(write_at(&f, o, 10, "0123456789"), 0);
    must_close(&f, o);
    o = must_open(&f, "outside", RW | SMBKIT_DELETE, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&f, o, 0, "0123456789 and more than that"), 0);
    CHECK_INT(vfs_rename(&f.call, o, "a/in", false), SMBKIT_STATUS_NOT_SAME_DEVICE);
    CHECK_INT(vfs_link(&f.call, o, "a/in", false), SMBKIT_STATUS_NOT_SAME_DEVICE);
    CHECK_INT(vfs_rename(&f.call, o, "other", false), 0);
    must_close(&f, o);
    o = must_open(&f, "a/two", RW | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_rename(&f.call, o, "a/TWO", true), 0); /* it replaces nothing */
    check_says(&f, "folder /A used=20 limit=20");
    CHECK_INT(vfs_rename(&f.call, o, "a/new", true), 0);
    must_close(&f, o);
    o = must_open(&f, "a", SMBKIT_DELETE | SMBKIT_READ_ATTRIBUTES, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    CHECK_INT(vfs_rename(&f.call, o, "b", false), SMBKIT_STATUS_NOT_SAME_DEVICE);
    must_close(&f, o);
    fixture_close(&f);
}

static void test_user(void)
{
    struct fixture f;
    REQUIRE(start(&f, "user=ANNA:10", "default=0"));
    check_says(&f, "user ANNA used=0 limit=10 (has not come yet)");
    check_bound(&f, "one");
    check_says(&f, "user anna used=10 limit=10");
    CHECK_INT(say(&f, "set folder / 1G", NULL), 0); /* what is there is counted for it */
    check_says(&f, "folder / used=10 limit=1073741824");
    CHECK_INT(say(&f, "set user anna none", NULL), 0);
    struct vfs_open *o = must_open(&f, "one", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, o, 10, "0123456789"), 0);
    must_close(&f, o);
    check_says(&f, "user anna used=20 limit=none");
    CHECK_INT(say(&f, "set user anna 1X", NULL), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_INT(say(&f, "set nobody", NULL), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_INT(say(&f, "set user two words 5", NULL), 0);
    check_says(&f, "user two words used=0 limit=5 (has not come yet)");
    CHECK_INT(say(&f, "set default x", NULL), SMBKIT_STATUS_INVALID_PARAMETER);
    remove_path(&f, "one");
    check_says(&f, "user anna used=0 limit=none");
    fixture_close(&f);
}

#define RACERS 6u
#define PIECE "a piece of seventeen"

/* As much as there is room for. */
static void *write_all(void *arg)
{
    struct fixture *f = arg;
    static atomic_uint number;
    char path[32];
    uint64_t at = 0;
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    snprintf(path, sizeof(path), "file%u", atomic_fetch_add(&number, 1));
    struct vfs_open *o = must_open(f, path, RW, SMBKIT_CREATE, 0);
    for (; o && SMBKIT_OK(st); at += strlen(PIECE)) {
        st = write_at(f, o, at, PIECE);
    }
    CHECK_INT(st, SMBKIT_STATUS_DISK_FULL);
    must_close(f, o);
    return NULL;
}

/* Who come to the bound at once fill it to the last piece, and none goes over. */
static void test_race(void)
{
    struct fixture f;
    pthread_t threads[RACERS];
    char want[64];
    uint64_t fits = 40000 / strlen(PIECE) * strlen(PIECE);
    REQUIRE(start(&f, "folder=/:40000", "default=1M"));
    for (unsigned i = 0; i < RACERS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, write_all, &f) == 0);
    }
    for (unsigned i = 0; i < RACERS; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    }
    snprintf(want, sizeof(want), "folder / used=%llu limit=40000", (unsigned long long)fits);
    check_says(&f, want);
    CHECK_INT(say(&f, "count", NULL), 0);
    check_says(&f, want);
    fixture_close(&f);
}

/* As clients ask and set: of the caller's SID, one after another, of all. */
static void test_queries(void)
{
    struct fixture f;
    uint8_t sid[QUOTA_SID_MAX];
    REQUIRE(start(&f, "default=100", NULL));
    struct vfs_open *o = must_open(&f, "f", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&f, o, 0, "0123456789"), 0);
    struct smbkit_quota q = {.struct_size = sizeof(q)};
    CHECK_INT(vfs_get_quota(&f.call, o, &q), 0);
    CHECK_INT(q.limit, 100);
    CHECK_INT(q.flags, SMBKIT_QUOTA_TRACKED | SMBKIT_QUOTA_ENFORCED);
    q = (struct smbkit_quota){.struct_size = sizeof(q),
                              .flags = SMBKIT_QUOTA_NEXT,
                              .sid_r = {.base = sid, .cap = sizeof(sid)}};
    CHECK_INT(vfs_get_quota(&f.call, o, &q), 0);
    CHECK_INT(q.used, 10);
    uint8_t kept[QUOTA_SID_MAX];
    memcpy(kept, sid, sizeof(kept));
    const struct smbkit_bytes own = {kept, q.sid_r.len};
    q.flags = SMBKIT_QUOTA_NEXT;
    CHECK_INT(vfs_get_quota(&f.call, o, &q), SMBKIT_STATUS_NOT_FOUND);
    q = (struct smbkit_quota){
        .struct_size = sizeof(q), .sid = own, .limit = 12, .threshold = QUOTA_NONE};
    CHECK_INT(vfs_set_quota(&f.call, o, &q), 0);
    CHECK_INT(write_at(&f, o, 10, "xx"), 0);
    CHECK_INT(write_at(&f, o, 12, "x"), SMBKIT_STATUS_DISK_FULL);
    q.sid.len--;
    CHECK_INT(vfs_set_quota(&f.call, o, &q), SMBKIT_STATUS_INVALID_PARAMETER);
    q = (struct smbkit_quota){.struct_size = sizeof(q), .sid = own};
    CHECK_INT(vfs_get_quota(&f.call, o, &q), 0);
    CHECK_INT(q.limit, 12);
    CHECK_INT(q.used, 12);
    must_close(&f, o);
    fixture_close(&f);
}

/* ---- what is counted step by step is what there is ---- */

static uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

static const char *const paths[] = {"a/one", "a/two", "a/b/three", "four", "five"};

static const char *any_path(uint64_t *seed)
{
    return paths[next_random(seed) % ARRAY_LEN(paths)];
}

static struct vfs_open *any_open(struct fixture *f, uint64_t *seed)
{
    struct vfs_create_in in = create_in(f, any_path(seed));
    struct vfs_create_out out;
    in.desired_access = RW | SMBKIT_DELETE;
    in.disposition = next_random(seed) % 4 == 0 ? SMBKIT_OVERWRITE_IF : SMBKIT_OPEN_IF;
    in.stream = next_random(seed) % 4 == 0 ? "stream" : NULL;
    return SMBKIT_OK(vfs_create(&f->call, &in, &out)) ? out.open : NULL;
}

static void step(struct fixture *f, uint64_t *seed)
{
    struct vfs_open *o = any_open(f, seed);
    if (!o) {
        return;
    }
    uint32_t at = next_random(seed) % 1000;
    switch (next_random(seed) % 6) {
    case 0:
        (void)!SMBKIT_OK(vfs_set_end_of_file(&f->call, o, at));
        break;
    case 1:
        (void)!SMBKIT_OK(vfs_rename(&f->call, o, any_path(seed), at % 2));
        break;
    case 2:
        (void)!SMBKIT_OK(vfs_link(&f->call, o, any_path(seed), at % 2));
        break;
    case 3:
        must_close(f, o);
        (void)!SMBKIT_OK(try_access(f, any_path(seed), SMBKIT_DELETE, SMBKIT_OPEN));
        remove_path(f, "gone");
        make(f, "gone", false);
        return;
    default:
        (void)!SMBKIT_OK(write_at(f, o, at, "some more text of a file"));
    }
    must_close(f, o);
}

/* The lines of users and folders. */
static void accounts(struct fixture *f, char out[4096])
{
    const char *text = "";
    CHECK_INT(say(f, "status", &text), 0);
    const char *lines = strchr(text, '\n');
    snprintf(out, 4096, "%s", lines ? lines : "");
}

static void test_walk(void)
{
    struct fixture f;
    char before[4096];
    char after[4096];
    uint64_t seed = 5;
    REQUIRE(start(&f, "folder=/a:2000", "user=anna:4000"));
    make(&f, "a", true);
    make(&f, "a/b", true);
    make(&f, "gone", false);
    for (unsigned i = 0; i < 600; i++) {
        test_context("step %u", i);
        step(&f, &seed);
        if (i % 5 == 0) {
            const char *path = any_path(&seed);
            if (SMBKIT_OK(try_access(&f, path, SMBKIT_DELETE, SMBKIT_OPEN))) {
                remove_path(&f, path);
            }
        }
        if (i % 20 == 0) {
            accounts(&f, before);
            CHECK_INT(say(&f, "count", NULL), 0);
            accounts(&f, after);
            CHECK_STR(after, before);
        }
    }
    const char *text = "";
    CHECK_INT(say(&f, "status", &text), 0);
    CHECK(strstr(text, "refused=") && !strstr(text, "refused=0"));
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"arguments", test_args},    {"sizes", test_sizes},     {"a folder", test_folder},
    {"a user", test_user},       {"queries", test_queries}, {"step by step", test_walk},
    {"many at once", test_race},
};
TEST_MAIN(cases)
