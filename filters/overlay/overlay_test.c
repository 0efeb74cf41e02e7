/* SPDX-License-Identifier: Apache-2.0 */
#include "filter_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

const struct smbkit_plugin *smbkit_static_overlay(const struct smbkit_host_table *api);
const struct smbkit_plugin *smbkit_static_delay(const struct smbkit_host_table *api);
const struct smbkit_plugin *smbkit_static_error(const struct smbkit_host_table *api);

static bool start(struct fixture *f)
{
    const struct stack_layer layers[] = {{smbkit_static_overlay(&vfs_api), {"upper=mem:"}},
                                         {smbkit_static_mem(&vfs_api), {NULL}}};
    return stack_open(f, layers, 2) && SMBKIT_OK(make_below(f, "d", SMBKIT_KIND_DIRECTORY)) &&
           SMBKIT_OK(make_below(f, "d/e", SMBKIT_KIND_DIRECTORY)) &&
           SMBKIT_OK(make_below(f, "d/one", SMBKIT_KIND_FILE)) &&
           SMBKIT_OK(make_below(f, "d/two", SMBKIT_KIND_FILE)) &&
           SMBKIT_OK(make_below(f, "d/e/deep", SMBKIT_KIND_FILE));
}

/* All that lay below still lies there, and nothing else: each name is taken. */
static void check_lower(struct fixture *f)
{
    static const char *const paths[] = {"d", "d/e", "d/one", "d/two", "d/e/deep"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        test_context("below: %s", paths[i]);
        CHECK_INT(make_below(f, paths[i], SMBKIT_KIND_FILE), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    }
    CHECK_INT(make_below(f, "new", SMBKIT_KIND_FILE), 0);
    CHECK_INT(make_below(f, "d/new", SMBKIT_KIND_FILE), 0);
    CHECK_INT(make_below(f, ".smbkit-overlay", SMBKIT_KIND_FILE), 0);
}

static void remove_path(struct fixture *f, const char *path, uint32_t options, smbkit_status want)
{
    struct vfs_open *o =
        must_open(f, path, SMBKIT_DELETE | SMBKIT_READ_ATTRIBUTES, SMBKIT_OPEN, options);
    CHECK_INT(vfs_set_disposition(&f->call, o, true), want);
    must_close(f, o);
}

static void check_names(struct fixture *f, const char *path, const char *want)
{
    char names[1024];
    test_context("names of \"%s\"", path);
    list_names(f, path, names);
    CHECK_STR(names, want);
}

/* A handle from before the copy sees what was written after it. */
static void test_copy(void)
{
    char buf[16];
    struct fixture f;
    REQUIRE(start(&f));
    struct vfs_open *before = must_open(&f, "d/one", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    struct vfs_open *o = must_open(&f, "D/ONE", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, o, 2, "abc"), 0);
    CHECK_INT(read_at(&f, before, 2, buf, sizeof(buf)), 0);
    CHECK_STR(buf, "abc");
    must_close(&f, o);
    must_close(&f, before);
    make(&f, "d/new", false);
    make(&f, "new", true);
    check_names(&f, "d", "one new e two ");
    check_names(&f, "", "d new ");
    check_lower(&f);
    fixture_close(&f);
}

static void test_remove(void)
{
    struct fixture f;
    REQUIRE(start(&f));
    remove_path(&f, "d/one", 0, 0);
    check_names(&f, "d", "e two ");
    CHECK_INT(try_access(&f, "d/one", RW, SMBKIT_OPEN), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    make(&f, "d/ONE", false); /* anew, in other letters */
    check_names(&f, "d", "ONE e two ");
    remove_path(&f, "d/one", 0, 0);
    check_names(&f, "d", "e two ");
    remove_path(&f, "d", VFS_DIRECTORY_FILE, SMBKIT_STATUS_DIRECTORY_NOT_EMPTY);
    remove_path(&f, "d/two", 0, 0);
    remove_path(&f, "d/e/deep", 0, 0);
    remove_path(&f, "d/e", VFS_DIRECTORY_FILE, 0);
    remove_path(&f, "d", VFS_DIRECTORY_FILE, 0);
    CHECK_INT(try_access(&f, "d/e/deep", RW, SMBKIT_OPEN), SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    make(&f, "d", true); /* nothing of the lower one shows in it */
    check_names(&f, "d", "");
    check_lower(&f);
    fixture_close(&f);
}

static void test_rename(void)
{
    char buf[16];
    struct fixture f;
    REQUIRE(start(&f));
    struct vfs_open *o = must_open(&f, "d/one", RW | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_rename(&f.call, o, "d/two", false), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(vfs_rename(&f.call, o, "d/two", true), 0);
    CHECK_INT(write_at(&f, o, 0, "first"), 0);
    must_close(&f, o);
    check_names(&f, "d", "two e ");
    o = must_open(&f, "d", SMBKIT_DELETE | SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    CHECK_INT(vfs_rename(&f.call, o, "moved", false), 0);
    must_close(&f, o);
    check_names(&f, "", "moved ");
    check_names(&f, "moved/e", "deep ");
    o = must_open(&f, "moved/two", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    CHECK_INT(read_at(&f, o, 0, buf, sizeof(buf)), 0);
    CHECK_STR(buf, "first");
    must_close(&f, o);
    check_lower(&f);
    fixture_close(&f);
}

static void test_stream(void)
{
    char buf[16];
    struct fixture f;
    REQUIRE(start(&f));
    struct vfs_create_in in = create_in(&f, "d/one");
    struct vfs_create_out out;
    in.stream = "s";
    in.disposition = SMBKIT_OPEN_IF;
    REQUIRE(SMBKIT_OK(vfs_create(&f.call, &in, &out)));
    CHECK_INT(write_at(&f, out.open, 0, "stream"), 0);
    CHECK_INT(read_at(&f, out.open, 0, buf, sizeof(buf)), 0);
    CHECK_STR(buf, "stream");
    must_close(&f, out.open);
    check_lower(&f);
    fixture_close(&f);
}

/* The folder of the filter's own is nobody's. */
static void test_meta(void)
{
    struct fixture f;
    REQUIRE(start(&f));
    remove_path(&f, "d/one", 0, 0);
    check_names(&f, "", "d ");
    CHECK_INT(try_access(&f, ".smbkit-overlay/hidden", RW, SMBKIT_OPEN),
              SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    CHECK_INT(try_access(&f, ".SMBKIT-overlay", RW, SMBKIT_CREATE), SMBKIT_STATUS_ACCESS_DENIED);
    struct vfs_open *o = must_open(&f, "d/two", RW | SMBKIT_DELETE, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_rename(&f.call, o, ".smbkit-overlay", true), SMBKIT_STATUS_ACCESS_DENIED);
    must_close(&f, o);
    const char *text;
    CHECK_INT(say(&f, "status", &text), 0);
    CHECK_STR(text, "1 paths of the lower volume are hidden");
    fixture_close(&f);
}

/* ---- commands ---- */

static void rename_path(struct fixture *f, const char *path, const char *to, uint32_t options)
{
    struct vfs_open *o = must_open(f, path, SMBKIT_DELETE | SMBKIT_READ_DATA, SMBKIT_OPEN, options);
    CHECK_INT(vfs_rename(&f->call, o, to, false), 0);
    must_close(f, o);
}

static void change_all(struct fixture *f)
{
    struct vfs_open *o = must_open(f, "d/one", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(f, o, 0, "abc"), 0);
    must_close(f, o);
    remove_path(f, "d/two", 0, 0);
    rename_path(f, "d/e", "moved", VFS_DIRECTORY_FILE);
    make(f, "d/two", true); /* a folder where a file was */
    make(f, "d/two/x", false);
    make(f, "new", false);
}

static void check_changed(struct fixture *f)
{
    char buf[16];
    check_names(f, "", "d moved new ");
    check_names(f, "d", "one two ");
    check_names(f, "d/two", "x ");
    check_names(f, "moved", "deep ");
    struct vfs_open *o = must_open(f, "d/one", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
    CHECK_INT(read_at(f, o, 0, buf, sizeof(buf)), 0);
    CHECK_STR(buf, "abc");
    must_close(f, o);
}

static void test_commit(void)
{
    char buf[16];
    const char *text;
    struct fixture f;
    REQUIRE(start(&f));
    change_all(&f);
    struct vfs_open *o = must_open(&f, "d/one", RW, SMBKIT_OPEN, 0);
    struct vfs_open *folder = must_open(&f, "d", SMBKIT_READ_DATA, SMBKIT_OPEN, VFS_DIRECTORY_FILE);
    CHECK_INT(say(&f, "commit", &text), 0);
    CHECK_STR(text, "done");
    check_changed(&f);
    CHECK_INT(say(&f, "status", &text), 0);
    CHECK_STR(text, "0 paths of the lower volume are hidden");
    /* All of it is below. */
    CHECK_INT(make_below(&f, "moved/deep", SMBKIT_KIND_FILE), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(make_below(&f, "d/two/x", SMBKIT_KIND_FILE), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(make_below(&f, "new", SMBKIT_KIND_FILE), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(make_below(&f, "d/e", SMBKIT_KIND_FILE), 0);
    CHECK_INT(make_below(&f, ".smbkit-overlay", SMBKIT_KIND_FILE), 0);
    /* Who had it open goes on, and changes it apart again. */
    CHECK_INT(write_at(&f, o, 3, "more"), 0);
    CHECK_INT(read_at(&f, o, 0, buf, sizeof(buf)), 0);
    CHECK_STR(buf, "abcmore");
    must_close(&f, o);
    must_close(&f, folder);
    fixture_close(&f);
}

static void test_discard(void)
{
    const char *text;
    struct fixture f;
    REQUIRE(start(&f));
    change_all(&f);
    struct vfs_open *o = must_open(&f, "d/one", RW, SMBKIT_OPEN, 0);
    struct vfs_open *gone = must_open(&f, "new", RW, SMBKIT_OPEN, 0);
    struct vfs_open *deep = must_open(&f, "moved/deep", RW, SMBKIT_OPEN, 0);
    CHECK_INT(say(&f, "discard", &text), 0);
    CHECK_STR(text, "done");
    check_names(&f, "", "d ");
    check_names(&f, "d", "e one two ");
    check_names(&f, "d/e", "deep ");
    char buf[16];
    CHECK_INT(read_at(&f, o, 0, buf, sizeof(buf)), SMBKIT_STATUS_END_OF_FILE); /* as it was */
    CHECK_INT(write_at(&f, gone, 0, "x"), SMBKIT_STATUS_FILE_DELETED);
    CHECK_INT(write_at(&f, deep, 0, "x"), SMBKIT_STATUS_FILE_DELETED);
    must_close(&f, gone);
    must_close(&f, deep);
    CHECK_INT(write_at(&f, o, 0, "again"), 0);
    must_close(&f, o);
    check_lower(&f);
    fixture_close(&f);
}

/* Whichever call below fails, clients see the same, and it can be tried again. */
static void test_commit_fails(void)
{
    static const char *const ops[] = {"op=create", "op=rename", "op=remove", "op=setattr"};
    uint32_t failed = 0;
    for (uint32_t i = 0; i < ARRAY_LEN(ops) * 12; i++) {
        const char *text;
        char nth[32];
        struct fixture f;
        /* The first two that are made fail before the commit. */
        uint32_t first = i % ARRAY_LEN(ops) == 0 ? 3 : 1;
        snprintf(nth, sizeof(nth), "nth=%u", i / (uint32_t)ARRAY_LEN(ops) + first);
        const struct stack_layer layers[] = {
            {smbkit_static_overlay(&vfs_api), {"upper=mem:"}},
            {smbkit_static_error(&vfs_api),
             {ops[i % ARRAY_LEN(ops)], nth, "count=1", "status=DISK_FULL"}},
            {smbkit_static_mem(&vfs_api), {NULL}}};
        REQUIRE(stack_open(&f, layers, 3));
        test_context("%s %s", ops[i % ARRAY_LEN(ops)], nth);
        make(&f, "d", true);
        make(&f, "d/a", false);
        make(&f, "b", true);
        make(&f, "b/in", false);
        if (!SMBKIT_OK(say(&f, "commit", &text))) {
            CHECK(strstr(text, "DISK_FULL") != NULL);
            failed++;
            check_names(&f, "d", "a ");
            check_names(&f, "b", "in ");
            CHECK_INT(say(&f, "commit", &text), 0);
            CHECK_STR(text, "done");
            check_names(&f, "d", "a ");
            check_names(&f, "b", "in ");
        }
        fixture_close(&f);
    }
    CHECK(failed > 8);
}

#define READERS 8u

struct reader {
    struct fixture *f;
    struct vfs_open *o;
    atomic_bool *ends;
    atomic_uint *reads;
};

static void *read_often(void *arg)
{
    const struct reader *r = arg;
    char buf[16];
    while (!atomic_load(r->ends)) {
        CHECK_INT(read_at(r->f, r->o, 0, buf, sizeof(buf)), SMBKIT_STATUS_END_OF_FILE);
        atomic_fetch_add(r->reads, 1);
    }
    return NULL;
}

/* Reads that never all end keep nobody from opening and closing. */
static void test_open_among_reads(void)
{
    struct fixture f;
    struct reader readers[READERS];
    pthread_t threads[READERS];
    atomic_bool ends = false;
    atomic_uint reads = 0;
    const struct stack_layer layers[] = {{smbkit_static_overlay(&vfs_api), {"upper=mem:"}},
                                         {smbkit_static_delay(&vfs_api), {"read=20ms"}},
                                         {smbkit_static_mem(&vfs_api), {NULL}}};
    REQUIRE(stack_open(&f, layers, 3));
    CHECK_INT(make_below(&f, "one", SMBKIT_KIND_FILE), 0);
    CHECK_INT(make_below(&f, "two", SMBKIT_KIND_FILE), 0);
    for (unsigned i = 0; i < READERS; i++) {
        struct vfs_open *o = must_open(&f, "one", SMBKIT_READ_DATA, SMBKIT_OPEN, 0);
        readers[i] = (struct reader){&f, o, &ends, &reads};
        REQUIRE(pthread_create(&threads[i], NULL, read_often, &readers[i]) == 0);
    }
    for (unsigned i = 1; i <= 20; i++) {
        CHECK_INT(try_access(&f, "two", SMBKIT_READ_DATA, SMBKIT_OPEN), 0);
        while (atomic_load(&reads) < i * READERS) { /* they go on, too */
            sched_yield();
        }
    }
    atomic_store(&ends, true);
    for (unsigned i = 0; i < READERS; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
        must_close(&f, readers[i].o);
    }
    fixture_close(&f);
}

static void test_args(void)
{
    static const struct bad_args rows[] = {
        {{"upper=mem:"}, NULL},
        {{NULL}, "upper= is missing"},
        {{"upper=none:"}, "there is no such plugin"},
    };
    check_args(smbkit_static_overlay(&vfs_api), rows, ARRAY_LEN(rows));
}

static const struct test_case cases[] = {
    {"copies", test_copy},
    {"removals", test_remove},
    {"renames", test_rename},
    {"streams", test_stream},
    {"its own folder", test_meta},
    {"arguments", test_args},
    {"commit", test_commit},
    {"discard", test_discard},
    {"a commit fails", test_commit_fails},
    {"opens among reads", test_open_among_reads},
};
TEST_MAIN(cases)
