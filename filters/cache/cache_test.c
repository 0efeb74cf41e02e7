/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_fixture.h"

#include <pthread.h>
#include <unistd.h>

const struct smbkit_plugin *smbkit_static_error(const struct smbkit_host_table *api);

static void test_reads(void)
{
    struct fixture f;
    REQUIRE(start(&f, "ttl=1h", NULL, NULL));
    struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&f, o, 0, "abcdef"), 0);
    check_read(&f, o, 0, "abcdef");
    CHECK_INT(reads_below(&f), 1);
    check_read(&f, o, 0, "abcdef");
    check_read(&f, o, 4, "ef");
    CHECK_INT(reads_below(&f), 0);
    CHECK_INT(say(&f, "drop", NULL), 0);
    check_read(&f, o, 0, "abcdef");
    CHECK_INT(reads_below(&f), 1);
    must_close(&f, o);
    fixture_close(&f);
}

static void test_changes(void)
{
    struct fixture f;
    REQUIRE(start(&f, "ttl=1h", NULL, NULL));
    struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_CREATE, 0);
    struct vfs_open *other = must_open(&f, "a", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, o, 0, "abcdef"), 0);
    check_read(&f, other, 0, "abcdef");
    CHECK_INT(write_at(&f, o, 2, "XY"), 0);
    check_read(&f, other, 0, "abXYef");
    CHECK_INT(vfs_set_end_of_file(&f.call, o, 3), 0);
    check_read(&f, other, 0, "abX");
    CHECK_INT(write_at(&f, other, 3, "more"), 0);
    check_read(&f, o, 0, "abXmore");
    must_close(&f, other);
    must_close(&f, o);
    CHECK_INT(try_access(&f, "a", RW, SMBKIT_OVERWRITE), 0);
    o = must_open(&f, "a", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, o, 0, "z"), 0);
    check_read(&f, o, 0, "z");
    must_close(&f, o);
    fixture_close(&f);
}

static void test_args(void)
{
    static const struct bad_args rows[] = {
        {{NULL}, NULL},
        {{"size=1M", "ttl=0", "ahead=1M"}, NULL},
        {{"size=1K"}, "size"},
        {{"ahead=1G"}, "ahead"},
        {{"tll=1s"}, "did you mean \"ttl\"?"},
        {{"attr_ttl=1s", "attr_size=1M"}, NULL},
        {{"attr_size=1K"}, "attr_size"},
        {{"attr_ttl=x"}, "attr_ttl"},
        {{"disk=/nowhere/at/all"}, NULL}, /* goes on without */
        {{"disk="}, "disk"},
        {{"disk=/tmp", "disk_size=1"}, "disk_size"},
    };
    check_args(smbkit_static_cache(&vfs_api), rows, ARRAY_LEN(rows));
}

/* The end of a file that is whole blocks long is known, too. */
static void test_end(void)
{
    struct fixture f;
    static char zeroes[CACHE_BLOCK];
    REQUIRE(start(&f, "ttl=1h", NULL, NULL));
    struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_bytes(&f, o, 0, zeroes, sizeof(zeroes)), 0);
    char buf[16];
    CHECK_INT(read_at(&f, o, CACHE_BLOCK - 8, buf, 16), 0);
    CHECK_INT(reads_below(&f), 1);
    CHECK_INT(read_at(&f, o, CACHE_BLOCK - 8, buf, 16), 0);
    CHECK_INT(read_at(&f, o, CACHE_BLOCK, buf, 16), (int)SMBKIT_STATUS_END_OF_FILE);
    CHECK_INT(reads_below(&f), 0);
    CHECK_INT(write_at(&f, o, CACHE_BLOCK, "more"), 0);
    check_read(&f, o, CACHE_BLOCK, "more");
    must_close(&f, o);
    fixture_close(&f);
}

/* ---- a volume that fails ---- */

static bool start_failing(struct fixture *f, const char *what, const char *how)
{
    const struct stack_layer layers[] = {
        {.plugin = smbkit_static_cache(&vfs_api), .args = {"ttl=0"}},
        {.plugin = smbkit_static_error(&vfs_api), .args = {what, how}},
        {.plugin = smbkit_static_mem(&vfs_api)}};
    return stack_open(f, layers, 3);
}

/* What a client has not asked for is no reason to fail: the blocks around it may be damaged. */
static void test_around(void)
{
    struct fixture f;
    REQUIRE(start_failing(&f, "op=read", "count=1"));
    struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&f, o, 0, "abcdef"), 0);
    check_read(&f, o, 2, "cdef");
    check_read(&f, o, 0, "abcdef");
    must_close(&f, o);
    fixture_close(&f);
}

/* Nor is that it cannot be told whether the file has changed. */
static void test_no_look(void)
{
    struct fixture f;
    REQUIRE(start_failing(&f, "op=getattr", "every=1"));
    struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_CREATE, 0);
    CHECK_INT(write_at(&f, o, 0, "abcdef"), 0);
    check_read(&f, o, 2, "cdef");
    CHECK_INT(write_at(&f, o, 0, "ABC"), 0);
    check_read(&f, o, 0, "ABCdef");
    must_close(&f, o);
    fixture_close(&f);
}

static void test_far(void)
{
    struct fixture f;
    char buf[16];
    REQUIRE(start(&f, "ttl=1h", "ahead=16M", NULL));
    struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_CREATE, 0);
    const uint64_t far = (uint64_t)INT64_MAX - 100;
    CHECK_INT(read_at(&f, o, far, buf, sizeof(buf)), (int)SMBKIT_STATUS_END_OF_FILE);
    CHECK_INT(read_at(&f, o, far - (1ull << 33), buf, sizeof(buf)), (int)SMBKIT_STATUS_END_OF_FILE);
    /* A hole, and what is behind it. */
    const uint64_t behind = (1ull << 33) + 5;
    CHECK_INT(write_at(&f, o, behind, "end"), 0);
    check_read(&f, o, behind, "end");
    check_read(&f, o, 0, "");
    CHECK_INT(vfs_set_end_of_file(&f.call, o, 2), 0);
    CHECK_INT(vfs_set_end_of_file(&f.call, o, behind + 3), 0);
    check_read(&f, o, behind, "");
    must_close(&f, o);
    fixture_close(&f);
}

/* ---- many at once ---- */

#define THREADS 4u
#define TURNS 400u
#define PARTS 48u /* blocks of a file; three times what there is memory for */

struct worker {
    pthread_t thread;
    struct fixture f; /* its own call, of the same volume */
    unsigned number;
    uint64_t state;
    uint8_t parts[PARTS]; /* what each begins with */
    unsigned wrong;
};

static unsigned draw(struct worker *w, unsigned below)
{
    w->state = w->state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(w->state >> 33) % below;
}

/* The file is its own: what it reads there is what it wrote. */
static void turn_own(struct worker *w, struct vfs_open *o, unsigned turn)
{
    static _Thread_local uint8_t data[CACHE_BLOCK];
    char buf[257];
    unsigned part = draw(w, PARTS);
    if (draw(w, 4) == 0) {
        w->parts[part] = (uint8_t)(turn + 1);
        memset(data, w->parts[part], sizeof(data));
        w->wrong += write_bytes(&w->f, o, (uint64_t)part * CACHE_BLOCK, data, sizeof(data)) != 0;
    }
    unsigned at = draw(w, CACHE_BLOCK - 256);
    w->wrong += read_at(&w->f, o, (uint64_t)part * CACHE_BLOCK + at, buf, sizeof(buf)) != 0;
    for (unsigned i = 0; i < 256; i++) {
        w->wrong += (uint8_t)buf[i] != w->parts[part];
    }
}

static void *work(void *arg)
{
    struct worker *w = arg;
    char name[16];
    snprintf(name, sizeof(name), "f%u", w->number);
    struct vfs_open *o = must_open(&w->f, name, RW, SMBKIT_OPEN_IF, 0);
    w->wrong += !o || vfs_set_end_of_file(&w->f.call, o, (uint64_t)PARTS * CACHE_BLOCK) != 0;
    for (unsigned i = 0; o && i < TURNS; i++) {
        turn_own(w, o, i);
        if (i % 16 == 0) { /* another's */
            char names[1024];
            list_names(&w->f, "", names);
            w->wrong += strstr(names, name) == NULL;
            snprintf(name, sizeof(name), "f%u", draw(w, THREADS));
            (void)!try_access(&w->f, name, SMBKIT_READ_DATA, SMBKIT_OPEN);
            snprintf(name, sizeof(name), "f%u", w->number);
        }
    }
    must_close(&w->f, o);
    return NULL;
}

static void test_threads(void)
{
    struct fixture f;
    static struct worker workers[THREADS];
    char folder[] = "/tmp/smbkit-cache-XXXXXX";
    char disk[64];
    REQUIRE(mkdtemp(folder));
    snprintf(disk, sizeof(disk), "disk=%s", folder);
    const struct stack_layer layers[] = {
        {.plugin = smbkit_static_cache(&vfs_api),
         .args = {"size=1M", disk, "disk_size=3M", "ttl=1h", "attr_ttl=1h", "ahead=128K"}},
        {.plugin = smbkit_static_mem(&vfs_api)}};
    REQUIRE(stack_open(&f, layers, 2));
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.f = f, .number = i, .state = i};
        REQUIRE(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        CHECK_INT(workers[i].wrong, 0);
    }
    CHECK(!says(&f, "\"disk_hits\":0,"));
    fixture_close(&f);
    CHECK_INT(rmdir(folder), 0);
}

static const struct test_case cases[] = {
    {"reads", test_reads},
    {"changes", test_changes},
    {"arguments", test_args},
    {"the end of the file", test_end},
    {"what is around fails", test_around},
    {"a look fails", test_no_look},
    {"far out", test_far},
    {"many at once", test_threads},
};
TEST_MAIN(cases)
