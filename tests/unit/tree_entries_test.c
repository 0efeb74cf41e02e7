/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of memory: what a plugin adds, changes and takes away, and what clients see of it. */
#include "tree_fixture.h"

#include "tree/tree.h"

static void test_add(void)
{
    struct fixture f;
    REQUIRE(tree_fixture_open(&f));
    CHECK_INT(smbkit_tree_add_text(tree, ROOT, "Hello.txt", "Hello!\n"), SMBKIT_STATUS_SUCCESS);
    smbkit_tree_id d = smbkit_tree_add_folder(tree, ROOT, "folder", NULL, NULL);
    CHECK(d != SMBKIT_TREE_NONE);
    CHECK_INT(smbkit_tree_add_bytes(tree, d, "b", "xyz", 2), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smbkit_tree_add_text(tree, ROOT, "HELLO.TXT", ""),
              SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(smbkit_tree_add_text(tree, 999, "x", ""), SMBKIT_STATUS_NOT_FOUND);
    CHECK_INT(smbkit_tree_add_text(tree, id_at("hello.TXT"), "x", ""),
              SMBKIT_STATUS_NOT_A_DIRECTORY);
    check_content(&f, "hello.txt", "Hello!\n");
    check_content(&f, "FOLDER/B", "xy");
    check_list(&f, "", "Hello.txt folder ");
    check_list(&f, "folder", "b ");
    CHECK_INT(try_path(&f, "nothing", READ, SMBKIT_OPEN), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(try_path(&f, "nothing/x", READ, SMBKIT_OPEN), SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    CHECK_INT(try_path(&f, "hello.txt/x", READ, SMBKIT_OPEN), SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    CHECK_INT(try_path(&f, "new", RW, SMBKIT_CREATE), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(try_path(&f, "hello.txt", RW, SMBKIT_OPEN), SMBKIT_STATUS_ACCESS_DENIED);
    check_heard("+Hello.txt +folder +folder/b ");
    tree_fixture_close(&f);
}

/* Opens keep what was there; who opens anew sees what is there now. */
static void test_update(void)
{
    struct fixture f;
    char buf[64];
    REQUIRE(tree_fixture_open(&f));
    struct smbkit_tree_entry e = smbkit_tree_entry_new("a");
    smbkit_tree_id id = 0;
    smbkit_tree_id live = 0;
    e.data = "one";
    e.size = 3;
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, &id), SMBKIT_STATUS_SUCCESS);
    e.name = "live";
    e.flags = SMBKIT_TREE_LIVE;
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, &live), SMBKIT_STATUS_SUCCESS);
    struct vfs_open *a = must_open(&f, "a", READ, SMBKIT_OPEN, 0);
    struct vfs_open *l = must_open(&f, "live", READ, SMBKIT_OPEN, 0);
    check_heard("+a +live ");
    e.data = "second";
    e.size = 6;
    CHECK_INT(smbkit_tree_update(tree, live, &e), SMBKIT_STATUS_SUCCESS);
    e.flags = 0;
    CHECK_INT(smbkit_tree_update(tree, id, &e), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smbkit_tree_update(tree, id, &e), SMBKIT_STATUS_SUCCESS); /* the same: not told */
    check_heard("*live *a ");
    CHECK_INT(read_at(&f, a, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(buf, "one");
    CHECK_INT(read_at(&f, l, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(buf, "second");
    check_content(&f, "a", "second");
    struct smbkit_attr attr;
    CHECK_INT(vfs_getattr(&f.call, a, 0, &attr), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(attr.size, 3);
    must_close(&f, a);
    must_close(&f, l);
    CHECK_INT(smbkit_tree_update(tree, 4711, &e), SMBKIT_STATUS_NOT_FOUND);
    tree_fixture_close(&f);
}

/* REPLACE always, NEWER by the write time. */
static void test_replace(void)
{
    struct fixture f;
    REQUIRE(tree_fixture_open(&f));
    static char args[3];
    struct smbkit_tree_entry e = smbkit_tree_entry_new("a");
    e.data = "1";
    e.size = 1;
    e.write_time = 1000;
    e.release = count_release;
    e.arg = &args[0];
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_SUCCESS);
    e.flags = SMBKIT_TREE_NEWER;
    e.data = "2";
    e.arg = &args[1];
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(released, 1); /* the one that was not taken */
    check_content(&f, "a", "1");
    e.write_time = 1001;
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(released, 2); /* the one before */
    check_content(&f, "a", "2");
    e.flags = SMBKIT_TREE_REPLACE | SMBKIT_TREE_QUIET;
    e.data = "3";
    e.arg = &args[2];
    e.write_time = 5;
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(released, 3);
    check_content(&f, "a", "3");
    check_heard("+a *a ~*a ");
    tree_fixture_close(&f);
    CHECK_INT(released, 4);
}

/* An arg is released when nobody uses it any more. */
static void test_release(void)
{
    struct fixture f;
    REQUIRE(tree_fixture_open(&f));
    static char args[3];
    smbkit_tree_id id;
    struct smbkit_tree_entry e = smbkit_tree_entry_new("a");
    e.release = count_release;
    e.arg = &args[0];
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, &id), SMBKIT_STATUS_SUCCESS);
    e.arg = &args[1];
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(released, 1);
    e.name = "";
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    CHECK_INT(released, 2);
    struct vfs_open *o = must_open(&f, "a", READ, SMBKIT_OPEN, 0);
    e.arg = &args[2];
    CHECK_INT(smbkit_tree_update(tree, id, &e), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(released, 2); /* the open has it */
    must_close(&f, o);
    CHECK_INT(released, 3);
    o = must_open(&f, "a", READ, SMBKIT_OPEN, 0);
    CHECK_INT(smbkit_tree_remove(tree, id, 0), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smbkit_tree_remove(tree, id, 0), SMBKIT_STATUS_NOT_FOUND);
    CHECK_INT(released, 3);
    must_close(&f, o);
    CHECK_INT(released, 4);
    tree_fixture_close(&f);
}

static void test_remove(void)
{
    struct fixture f;
    char name[32];
    REQUIRE(tree_fixture_open(&f));
    smbkit_tree_id d = smbkit_tree_add_folder(tree, ROOT, "d", NULL, NULL);
    smbkit_tree_id e = smbkit_tree_add_folder(tree, d, "e", NULL, NULL);
    smbkit_tree_add_text(tree, e, "x", "text");
    smbkit_tree_add_text(tree, e, "y", "text");
    check_heard("+d +d/e +d/e/x +d/e/y ");
    struct vfs_open *o = must_open(&f, "d/e/x", READ, SMBKIT_OPEN, 0);
    CHECK_INT(smbkit_tree_remove(tree, d, 0), SMBKIT_STATUS_SUCCESS);
    check_heard("-d ~-d/e/x ");
    CHECK_INT(read_at(&f, o, 0, name, sizeof(name)), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(name, "text");
    must_close(&f, o);
    check_list(&f, "", "");
    CHECK_INT(smbkit_tree_find(tree, d, "e", &e), SMBKIT_STATUS_NOT_FOUND);
    d = smbkit_tree_add_folder(tree, ROOT, "d", NULL, NULL);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        smbkit_tree_add_text(tree, d, name, "");
    }
    check_heard("+d +d/n0 +d/n1 +d/n2 ");
    CHECK_INT(smbkit_tree_clear(tree, d, SMBKIT_TREE_QUIET), SMBKIT_STATUS_SUCCESS);
    check_heard("~-d/n2 ~-d/n1 ~-d/n0 ");
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        smbkit_tree_add_text(tree, d, name, "");
    }
    heard.text[0] = 0;
    CHECK_INT(smbkit_tree_clear(tree, d, 0), SMBKIT_STATUS_SUCCESS);
    check_heard("!d ");
    CHECK_INT(smbkit_tree_clear(tree, d, 0), SMBKIT_STATUS_SUCCESS);
    check_heard("");
    CHECK_INT(smbkit_tree_remove(tree, ROOT, 0), SMBKIT_STATUS_INVALID_PARAMETER);
    tree_fixture_close(&f);
}

static void test_rename(void)
{
    struct fixture f;
    char path[64];
    REQUIRE(tree_fixture_open(&f));
    smbkit_tree_id d = smbkit_tree_add_folder(tree, ROOT, "d", NULL, NULL);
    smbkit_tree_id e = smbkit_tree_add_folder(tree, d, "e", NULL, NULL);
    smbkit_tree_add_text(tree, e, "x", "text");
    smbkit_tree_id x = id_at("d/e/x");
    heard.text[0] = 0;
    CHECK_INT(smbkit_tree_rename(tree, x, ROOT, "Y"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smbkit_tree_rename(tree, x, ROOT, "y"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smbkit_tree_rename(tree, x, ROOT, "D"), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(smbkit_tree_rename(tree, d, e, "inner"), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_INT(smbkit_tree_rename(tree, ROOT, e, "inner"), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_INT(smbkit_tree_rename(tree, e, ROOT, "e"), SMBKIT_STATUS_SUCCESS);
    check_heard(">d/e/x>Y >Y>y >d/e>e ");
    check_content(&f, "Y", "text");
    check_list(&f, "", "d y e ");
    CHECK_INT(smbkit_tree_path(tree, x, path, sizeof(path)), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(path, "y");
    CHECK_INT(smbkit_tree_path(tree, x, path, 1), SMBKIT_STATUS_BUFFER_TOO_SMALL);
    tree_fixture_close(&f);
}

/* A folder with a limit: the oldest goes. */
static void test_limit(void)
{
    struct fixture f;
    char name[8];
    REQUIRE(tree_fixture_open(&f));
    struct smbkit_tree_entry e = smbkit_tree_entry_new("d");
    smbkit_tree_id d;
    e.flags = SMBKIT_TREE_IS_FOLDER;
    e.limit = 3;
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, &d), SMBKIT_STATUS_SUCCESS);
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        smbkit_tree_add_text(tree, d, name, "");
    }
    check_list(&f, "d", "n3 n4 n5 ");
    check_heard("+d +d/n0 +d/n1 +d/n2 -d/n0 +d/n3 -d/n1 +d/n4 -d/n2 +d/n5 ");
    tree_fixture_close(&f);
}

static void test_limits_named(void)
{
    struct fixture f;
    tree_spec.entry_max = 5;
    REQUIRE(tree_fixture_open(&f));
    smbkit_tree_id d = ROOT;
    char name[300];
    memset(name, 'n', sizeof(name));
    name[SMBKIT_TREE_NAME_MAX] = 0;
    CHECK_INT(smbkit_tree_add_text(tree, d, name, ""), SMBKIT_STATUS_SUCCESS);
    name[SMBKIT_TREE_NAME_MAX] = 'n';
    name[SMBKIT_TREE_NAME_MAX + 1] = 0;
    CHECK_INT(smbkit_tree_add_text(tree, d, name, ""), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    for (int i = 0; i < 3; i++) {
        d = smbkit_tree_add_folder(tree, d, "d", NULL, NULL);
        CHECK(d != SMBKIT_TREE_NONE);
    }
    CHECK_INT(smbkit_tree_add_text(tree, d, "x", ""), SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    tree_fixture_close(&f);
    REQUIRE(tree_fixture_open(&f));
    d = ROOT;
    for (unsigned i = 0; i < SMBKIT_TREE_DEPTH_MAX; i++) {
        d = smbkit_tree_add_folder(tree, d, "d", NULL, NULL);
        CHECK(d != SMBKIT_TREE_NONE);
    }
    CHECK_INT(smbkit_tree_add_text(tree, d, "x", ""), SMBKIT_STATUS_NAME_TOO_LONG);
    struct smbkit_tree_entry e = smbkit_tree_entry_new("large");
    e.data = "x";
    e.flags = SMBKIT_TREE_LENT;
    e.size = SMBKIT_TREE_FILE_MAX + UINT64_C(1);
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_INVALID_PARAMETER);
    tree_fixture_close(&f);
}

/* A chain of folders, n of them. *last_r: the deepest. */
static smbkit_tree_id chain(const char *name, unsigned n, smbkit_tree_id *last_r)
{
    smbkit_tree_id first = smbkit_tree_add_folder(tree, ROOT, name, NULL, NULL);
    *last_r = first;
    for (unsigned i = 1; i < n; i++) {
        CHECK_INT(smbkit_tree_add_text(tree, *last_r, "a", ""), SMBKIT_STATUS_SUCCESS);
        *last_r = smbkit_tree_add_folder(tree, *last_r, "d", NULL, NULL);
    }
    CHECK(*last_r != SMBKIT_TREE_NONE);
    return first;
}

/* What is moved counts with all below it. */
static void test_depth_of_moves(void)
{
    struct fixture f;
    smbkit_tree_id last, other;
    REQUIRE(tree_fixture_open(&f));
    smbkit_tree_id short_ = chain("short", 28, &other);
    CHECK_INT(smbkit_tree_add_text(tree, short_, "z", ""), SMBKIT_STATUS_SUCCESS);
    chain("long", SMBKIT_TREE_DEPTH_MAX - 28, &last);
    CHECK_INT(smbkit_tree_add_text(tree, other, "x", ""), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smbkit_tree_rename(tree, short_, last, "moved"), SMBKIT_STATUS_NAME_TOO_LONG);
    smbkit_tree_id x;
    CHECK_INT(smbkit_tree_find(tree, other, "x", &x), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smbkit_tree_remove(tree, x, 0), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smbkit_tree_rename(tree, short_, last, "moved"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smbkit_tree_add_text(tree, other, "x", ""), SMBKIT_STATUS_NAME_TOO_LONG);
    CHECK_INT(smbkit_tree_rename(tree, other, ROOT, "up"), SMBKIT_STATUS_SUCCESS);
    tree_fixture_close(&f);
}

/* Names that SMB cannot have. */
static void test_names(void)
{
    static const struct {
        const char *stored, *shown;
    } rows[] = {
        {"a:b", "a\xef\x80\xa2"
                "b"},
        {"what?", "what\xef\x80\xa5"},
        {"a/b", "a\xef\x80\xaf"
                "b"},
        {"dot.", "dot\xef\x80\xa9"},
        {"blank ", "blank\xef\x80\xa8"},
        {"..", ".\xef\x80\xa9"},
        {"\x01", "\xef\x80\x81"},
        {"plain", "plain"},
    };
    struct fixture f;
    smbkit_tree_id id;
    REQUIRE(tree_fixture_open(&f));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("%s", rows[i].stored);
        CHECK_INT(smbkit_tree_add_text(tree, ROOT, rows[i].stored, rows[i].stored),
                  SMBKIT_STATUS_SUCCESS);
        check_content(&f, rows[i].shown, rows[i].stored);
        CHECK_INT(smbkit_tree_find(tree, ROOT, rows[i].stored, &id), SMBKIT_STATUS_SUCCESS);
    }
    CHECK_INT(smbkit_tree_add_text(tree, ROOT, "\xff", ""), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    tree_fixture_close(&f);
    tree_spec.flags = SMBKIT_TREE_RAW_NAMES;
    REQUIRE(tree_fixture_open(&f));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_context("raw %s", rows[i].stored);
        CHECK_INT(smbkit_tree_add_text(tree, ROOT, rows[i].stored, ""),
                  i + 1 == ARRAY_LEN(rows) ? SMBKIT_STATUS_SUCCESS
                                           : SMBKIT_STATUS_OBJECT_NAME_INVALID);
    }
    test_context("%s", "");
    tree_fixture_close(&f);
}

/* Against a naive model: names come and go while a listing is under way, and what stays is shown
 * once. */
#define MODEL 40
struct walk {
    bool is_there[MODEL], was_there[MODEL], left[MODEL];
    unsigned shown[MODEL];
    unsigned seen;
    uint64_t seed;
};

static void walk_change(struct walk *w)
{
    char name[8];
    smbkit_tree_id id;
    unsigned i = (unsigned)(test_random(&w->seed) % MODEL);
    snprintf(name, sizeof(name), "n%u", i);
    if (w->is_there[i]) {
        CHECK_INT(smbkit_tree_find(tree, ROOT, name, &id), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(smbkit_tree_remove(tree, id, 0), SMBKIT_STATUS_SUCCESS);
        w->left[i] = true;
    } else {
        CHECK_INT(smbkit_tree_add_text(tree, ROOT, name, name), SMBKIT_STATUS_SUCCESS);
    }
    w->is_there[i] = !w->is_there[i];
}

static int32_t walk_entry(struct smbkit_sink *sink, const struct smbkit_entry *e)
{
    struct walk *w = sink->core;
    w->shown[atoi(e->name + 1)]++;
    sink->cookie = e->cookie;
    return ++w->seen % 3 != 0; /* the buffer is full now and then */
}

static void test_list_model(void)
{
    struct fixture f;
    REQUIRE(tree_fixture_open(&f));
    struct walk *w = calloc(1, sizeof(*w));
    const struct smbkit_identity who = {
        .struct_size = sizeof(who), .user = "", .domain = "", .client_address = ""};
    struct smbkit_op op = {.struct_size = sizeof(op), .who = &who};
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_OPEN,
                                .path = "",
                                .access = SMBKIT_READ_DATA,
                                .attr = &attr};
    CHECK_INT(smbkit_tree_op_create(tree, &op, &how), SMBKIT_STATUS_SUCCESS);
    for (unsigned round = 0; round < 300; round++) {
        test_context("round %u", round);
        memcpy(w->was_there, w->is_there, sizeof(w->is_there));
        memset(w->left, 0, sizeof(w->left));
        memset(w->shown, 0, sizeof(w->shown));
        struct smbkit_sink sink = {.struct_size = sizeof(sink), .entry = walk_entry, .core = w};
        unsigned before;
        do {
            before = w->seen;
            CHECK_INT(smbkit_tree_op_enumerate(tree, &op, how.file, &sink), SMBKIT_STATUS_SUCCESS);
            walk_change(w);
        } while (w->seen != before);
        for (unsigned i = 0; i < MODEL; i++) {
            bool stayed = w->was_there[i] && !w->left[i];
            CHECK(!stayed || w->shown[i] == 1);
        }
    }
    test_context("%s", "");
    smbkit_tree_op_close(tree, &op, how.file);
    free(w);
    tree_fixture_close(&f);
}

static int32_t list_count(void *arg, const struct smbkit_tree_info *info)
{
    unsigned *count = arg;
    CHECK(info->name != NULL);
    return ++*count < 50;
}

static void test_questions(void)
{
    struct fixture f;
    char name[8];
    unsigned count = 0;
    struct smbkit_tree_info info;
    REQUIRE(tree_fixture_open(&f));
    for (int i = 0; i < 70; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        smbkit_tree_add_text(tree, ROOT, name, name);
    }
    CHECK_INT(smbkit_tree_list(tree, ROOT, list_count, &count), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(count, 50);
    CHECK_INT(smbkit_tree_list(tree, 12345, list_count, &count), SMBKIT_STATUS_NOT_FOUND);
    CHECK_INT(smbkit_tree_get(tree, ROOT, &info), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(info.count, 70);
    CHECK_INT(info.folder, SMBKIT_TREE_NONE);
    CHECK(info.flags & SMBKIT_TREE_IS_FOLDER);
    struct vfs_open *o = must_open(&f, "n69", READ, SMBKIT_OPEN, 0);
    CHECK_INT(smbkit_tree_get(tree, id_at("n69"), &info), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(info.size, 3);
    CHECK_INT(info.opens, 1);
    CHECK_INT(info.folder, ROOT);
    must_close(&f, o);
    CHECK_INT(smbkit_tree_get(tree, 4711, &info), SMBKIT_STATUS_NOT_FOUND);
    tree_fixture_close(&f);
}

/* A file of the host. */
static void test_host(void)
{
    struct fixture f;
    char path[] = "/tmp/smbkit-tree-XXXXXX";
    int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    CHECK_INT(write(fd, "host file", 9), 9);
    REQUIRE(tree_fixture_open(&f));
    CHECK_INT(smbkit_tree_add_host(tree, ROOT, "h", path), SMBKIT_STATUS_INVALID_PARAMETER);
    tree_fixture_close(&f);
    tree_spec.flags = SMBKIT_TREE_HOST_FILES;
    REQUIRE(tree_fixture_open(&f));
    CHECK_INT(smbkit_tree_add_host(tree, ROOT, "h", path), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smbkit_tree_add_host(tree, ROOT, "gone", "/nonexistent/x"), SMBKIT_STATUS_SUCCESS);
    check_content(&f, "h", "host file");
    struct vfs_open *o = must_open(&f, "h", READ, SMBKIT_OPEN, 0);
    struct smbkit_attr attr;
    CHECK_INT(write(fd, " grown", 6), 6);
    CHECK_INT(vfs_getattr(&f.call, o, 0, &attr), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(attr.size, 15);
    must_close(&f, o);
    CHECK_INT(try_path(&f, "gone", READ, SMBKIT_OPEN), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(try_path(&f, "h", RW, SMBKIT_OPEN), SMBKIT_STATUS_ACCESS_DENIED);
    close(fd);
    unlink(path);
    tree_fixture_close(&f);
}

static void info(void *arg, struct smbkit_volume_info *i)
{
    (void)arg;
    snprintf(i->label, sizeof(i->label), "a label");
    i->total_bytes = 12345 * 4096;
}

static void test_volume(void)
{
    struct fixture f;
    tree_spec.flags = SMBKIT_TREE_READ_ONLY;
    tree_spec.info = info;
    REQUIRE(tree_fixture_open(&f));
    struct smbkit_tree_entry e = smbkit_tree_entry_new("a");
    e.flags = SMBKIT_TREE_WRITABLE;
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(try_path(&f, "a", RW, SMBKIT_OPEN), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(try_path(&f, "a", READ, SMBKIT_OPEN), SMBKIT_STATUS_SUCCESS);
    CHECK(vfs_volume_features(f.v) & SMBKIT_FEATURE_READ_ONLY);
    const struct smbkit_identity who = {
        .struct_size = sizeof(who), .user = "", .domain = "", .client_address = ""};
    struct smbkit_op op = {.struct_size = sizeof(op), .who = &who};
    struct smbkit_volume_info i = {.struct_size = sizeof(i)};
    CHECK_INT(smbkit_tree_op_volume_info(tree, &op, &i), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(i.label, "a label");
    CHECK_INT(i.total_bytes, 12345 * 4096);
    /* What a tree has not. */
    CHECK_INT(smbkit_api->tree->op(tree, SMBKIT_OP_link, &op, NULL, NULL),
              SMBKIT_STATUS_NOT_SUPPORTED);
    CHECK_INT(smbkit_api->tree->op(tree, SMBKIT_OP_COUNT, &op, NULL, NULL),
              SMBKIT_STATUS_NOT_SUPPORTED);
    tree_fixture_close(&f);
}

/* Without memory nothing is lost and nothing leaks. */
static void test_no_memory(void)
{
    struct fixture f;
    REQUIRE(tree_fixture_open(&f));
    int fails = 0;
    for (uint64_t n = 1; n < 40; n++) {
        char name[16];
        static char arg;
        struct smbkit_tree_entry e = smbkit_tree_entry_new(name);
        snprintf(name, sizeof(name), "n%d", (int)n);
        e.data = "text";
        e.size = 4;
        e.arg = &arg;
        e.release = count_release;
        mem_fail_nth(n % 12 + 1);
        smbkit_status st = smbkit_tree_add(tree, ROOT, &e, NULL);
        mem_fail_nth(0);
        fails += !SMBKIT_OK(st);
        CHECK_INT(released, fails);
        smbkit_tree_id id = SMBKIT_TREE_NONE;
        (void)smbkit_tree_find(tree, ROOT, name, &id);
        CHECK_INT(id != SMBKIT_TREE_NONE, SMBKIT_OK(st));
    }
    CHECK(fails > 5);
    tree_fixture_close(&f);
    CHECK_INT(released, 39);
}

static const struct test_case cases[] = {
    {"add, open, list", test_add},
    {"update: a snapshot for each open", test_update},
    {"replace", test_replace},
    {"release", test_release},
    {"remove and clear", test_remove},
    {"rename", test_rename},
    {"the oldest goes", test_limit},
    {"limits", test_limits_named},
    {"depth of what is moved", test_depth_of_moves},
    {"names", test_names},
    {"listings against a model", test_list_model},
    {"questions", test_questions},
    {"a file of the host", test_host},
    {"the volume", test_volume},
    {"no memory", test_no_memory},
};
TEST_MAIN(cases)
