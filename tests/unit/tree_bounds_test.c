/* SPDX-License-Identifier: Apache-2.0 */
/* How much of loads and writes a tree holds, and who shares it. */
#include "tree_store.h"

/* Asked for by each open, and kept for none. */
static void test_load_fresh(void)
{
    static const struct smbkit_tree_file each = {
        .struct_size = sizeof(each), .flags = SMBKIT_TREE_FRESH, .load = load};
    struct fixture f;
    char buf[64];
    REQUIRE(begin(&f));
    smbkit_tree_add_file(tree, ROOT, "l", &each, NULL);
    strcpy(store.content, "one");
    struct vfs_open *o = must_open(&f, "l", READ, SMBKIT_OPEN, 0);
    strcpy(store.content, "two");
    check_content(&f, "l", "two");
    CHECK_INT(read_at(&f, o, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(buf, "one");
    must_close(&f, o);
    strcpy(store.content, "three");
    check_content(&f, "l", "three");
    CHECK_INT(store.loads, 3);
    tree_fixture_close(&f);
}

/* Who opens a file that is being written sees what is written, though each open asks. */
static void test_load_fresh_shared(void)
{
    static const struct smbkit_tree_file each = {
        .struct_size = sizeof(each), .flags = SMBKIT_TREE_FRESH, .load = load};
    struct fixture f;
    REQUIRE(begin(&f));
    struct smbkit_tree_entry e = smbkit_tree_entry_new("e");
    e.file = &each;
    e.flags = SMBKIT_TREE_WRITABLE;
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_SUCCESS);
    strcpy(store.content, "start");
    struct vfs_open *o = must_open(&f, "e", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, o, 5, "ed"), SMBKIT_STATUS_SUCCESS);
    check_content(&f, "e", "started");
    CHECK_INT(store.loads, 1);
    must_close(&f, o);
    tree_fixture_close(&f);
}

/* What clients write is bounded, also what was committed; what goes makes room. */
static void test_write_max(void)
{
    static const struct smbkit_tree_file kept = {.struct_size = sizeof(kept), .commit = commit};
    static char large[600000];
    struct fixture f;
    REQUIRE(begin(&f));
    tree_fixture_close(&f);
    tree_spec.write_max = 1000000;
    tree_spec.stop = stop;
    REQUIRE(tree_fixture_open(&f));
    struct smbkit_tree_entry e = smbkit_tree_entry_new("a");
    e.file = &kept;
    e.flags = SMBKIT_TREE_WRITABLE;
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_SUCCESS);
    e.name = "b";
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_SUCCESS);
    memset(large, 'x', sizeof(large) - 1);
    struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, o, 0, large), SMBKIT_STATUS_SUCCESS);
    must_close(&f, o);
    CHECK_INT(store.commits, 1);
    o = must_open(&f, "b", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, o, 0, large), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(smbkit_tree_remove(tree, id_at("a"), 0), SMBKIT_STATUS_SUCCESS);
    rest(); /* the call of the callback had the bytes too */
    CHECK_INT(write_at(&f, o, 0, large), SMBKIT_STATUS_SUCCESS);
    must_close(&f, o);
    tree_fixture_close(&f);
}

/* What load gave is bounded, open or not; opens of the same bytes have them once. */
static void test_load_max(void)
{
    static const struct smbkit_tree_file each = {
        .struct_size = sizeof(each), .flags = SMBKIT_TREE_FRESH, .load = load};
    struct fixture f;
    REQUIRE(begin(&f));
    tree_fixture_close(&f);
    tree_spec.load_max = 10;
    tree_spec.stop = stop;
    REQUIRE(tree_fixture_open(&f));
    smbkit_tree_add_file(tree, ROOT, "e", &each, NULL);
    smbkit_tree_add_file(tree, ROOT, "kept", &loaded, NULL);
    strcpy(store.content, "idle");
    check_content(&f, "kept", "idle"); /* makes room when there is need of it */
    struct vfs_open *same[3];
    strcpy(store.content, "1234");
    for (int i = 0; i < 3; i++) {
        same[i] = must_open(&f, "e", READ, SMBKIT_OPEN, 0);
    }
    strcpy(store.content, "567890");
    struct vfs_open *other = must_open(&f, "e", READ, SMBKIT_OPEN, 0);
    strcpy(store.content, "+");
    CHECK_INT(try_path(&f, "e", READ, SMBKIT_OPEN), SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    CHECK_INT(try_path(&f, "kept", READ, SMBKIT_OPEN), SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    must_close(&f, same[0]);
    must_close(&f, same[1]);
    CHECK_INT(try_path(&f, "e", READ, SMBKIT_OPEN), SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    must_close(&f, same[2]);
    rest(); /* the call of the callback had the bytes too */
    check_content(&f, "e", "+");
    must_close(&f, other);
    strcpy(store.content, "12345678901");
    CHECK_INT(try_path(&f, "e", READ, SMBKIT_OPEN), SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
    tree_fixture_close(&f);
}

static void pending(void (*fn)(void))
{
    store.pends = true;
    fn();
    rest();
    store.pends = false;
}
#define LATER(fn)                                                                                  \
    static void fn##_later(void)                                                                   \
    {                                                                                              \
        pending(fn);                                                                               \
    }
LATER(test_load_fresh)
LATER(test_load_fresh_shared)
LATER(test_write_max)
LATER(test_load_max)

static const struct test_case cases[] = {
    {"load for each open", test_load_fresh},
    {"load for each open, later", test_load_fresh_later},
    {"load for each open, but of who writes", test_load_fresh_shared},
    {"load for each open, but of who writes, later", test_load_fresh_shared_later},
    {"a bound to writes", test_write_max},
    {"a bound to writes, later", test_write_max_later},
    {"a bound to loads", test_load_max},
    {"a bound to loads, later", test_load_max_later},
};
TEST_MAIN(cases)
