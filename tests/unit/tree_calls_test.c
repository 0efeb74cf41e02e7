/* SPDX-License-Identifier: Apache-2.0 */
/* Every callback of a tree, answered at once and later. */
#include "tree_store.h"

/* ---- the cases, each twice ---- */

static void test_fill(void)
{
    struct fixture f;
    struct names n;
    REQUIRE(begin(&f));
    smbkit_tree_id d = smbkit_tree_add_folder(tree, ROOT, "d", &filled, NULL);
    strcpy(store.names, "ab");
    check_heard("+d ");
    check_list(&f, "d", "a b ");
    check_list(&f, "d", "a b ");
    CHECK_INT(store.fills, 1);
    check_heard(""); /* nobody had seen it */
    CHECK_INT(try_path(&f, "d/c", READ, SMBKIT_OPEN), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_STR(store.missed, "c");
    strcpy(store.names, "bc");
    CHECK_INT(smbkit_tree_drop(tree, d), SMBKIT_STATUS_SUCCESS);
    check_heard("");
    check_content(&f, "d/c", "c");
    check_heard("+d/c -d/a ");
    check_list(&f, "d", "b c ");
    CHECK_INT(store.fills, 2);
    CHECK_INT(smbkit_tree_changed(tree, d), SMBKIT_STATUS_SUCCESS);
    check_heard("!d ");
    store.fails = SMBKIT_STATUS_DISK_FULL;
    CHECK_INT(list_path(&f, "d", &n), SMBKIT_STATUS_DISK_FULL);
    store.fails = 0;
    check_list(&f, "d", "b c ");
    tree_fixture_close(&f);
}

static void test_fresh(void)
{
    struct fixture f;
    REQUIRE(begin(&f));
    smbkit_tree_add_folder(tree, ROOT, "d", &fresh, NULL);
    strcpy(store.names, "a");
    check_list(&f, "d", "a ");
    strcpy(store.names, "b");
    check_list(&f, "d", "b ");
    check_heard("+d +d/b -d/a ");
    strcpy(store.names, "bc");
    check_content(&f, "d/c", "c"); /* not found: asked again */
    tree_fixture_close(&f);
}

static void test_lookup(void)
{
    struct fixture f;
    REQUIRE(begin(&f));
    smbkit_tree_add_folder(tree, ROOT, "d", &maker, NULL);
    check_content(&f, "d/made 1", "made 1");
    check_content(&f, "d/MADE 1", "made 1");
    CHECK_INT(store.lookups, 1);
    CHECK_INT(try_path(&f, "d/other", READ, SMBKIT_OPEN), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_STR(store.missed, "other");
    check_list(&f, "d", "made 1 ");
    check_heard("+d +d/made 1 ");
    tree_fixture_close(&f);
}

static void test_load(void)
{
    struct fixture f;
    char buf[64];
    REQUIRE(begin(&f));
    smbkit_tree_add_file(tree, ROOT, "l", &loaded, NULL);
    smbkit_tree_id id = id_at("l");
    strcpy(store.content, "one");
    CHECK_INT(try_path(&f, "l", SMBKIT_READ_ATTRIBUTES, SMBKIT_OPEN), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(store.loads, 0);
    struct vfs_open *o = must_open(&f, "l", READ, SMBKIT_OPEN, 0);
    strcpy(store.content, "two");
    check_content(&f, "l", "one");
    CHECK_INT(smbkit_tree_changed(tree, id), SMBKIT_STATUS_SUCCESS);
    check_content(&f, "l", "two");
    CHECK_INT(read_at(&f, o, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(buf, "one");
    must_close(&f, o);
    CHECK_INT(store.loads, 2);
    check_content(&f, "l", "two"); /* kept */
    CHECK_INT(store.loads, 2);
    CHECK_INT(smbkit_tree_drop(tree, id), SMBKIT_STATUS_SUCCESS);
    store.fails = SMBKIT_STATUS_IO_DEVICE_ERROR;
    CHECK_INT(try_path(&f, "l", READ, SMBKIT_OPEN), SMBKIT_STATUS_IO_DEVICE_ERROR);
    check_heard("+l *l ");
    tree_fixture_close(&f);
    /* Room for one of two. */
    tree_spec.memory_max = 4;
    tree_spec.stop = stop;
    store.fails = 0;
    REQUIRE(tree_fixture_open(&f));
    store.loads = 0;
    smbkit_tree_add_file(tree, ROOT, "l", &loaded, NULL);
    smbkit_tree_add_file(tree, ROOT, "m", &loaded, NULL);
    check_content(&f, "l", "two");
    check_content(&f, "m", "two");
    check_content(&f, "m", "two");
    CHECK_INT(store.loads, 2);
    check_content(&f, "l", "two");
    CHECK_INT(store.loads, 3);
    tree_fixture_close(&f);
}

static void test_write(void)
{
    struct fixture f;
    REQUIRE(begin(&f));
    struct smbkit_tree_entry e = smbkit_tree_entry_new("l");
    e.file = &loaded;
    e.flags = SMBKIT_TREE_WRITABLE;
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_SUCCESS);
    strcpy(store.content, "start");
    struct vfs_open *o = must_open(&f, "l", RW, SMBKIT_OPEN, 0);
    struct vfs_open *reader = must_open(&f, "l", READ, SMBKIT_OPEN, 0);
    char buf[64];
    CHECK_INT(write_at(&f, o, 5, "ed"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(write_at(&f, o, 500, ""), SMBKIT_STATUS_SUCCESS); /* nothing, nowhere */
    CHECK_INT(read_at(&f, reader, 0, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(buf, "started");
    must_close(&f, o);
    CHECK_STR(store.last, "commit started");
    CHECK_INT(store.commits, 1);
    /* Refused: the client is told, and what was there is there again. */
    o = must_open(&f, "l", RW, SMBKIT_OPEN, 0);
    CHECK_INT(write_at(&f, o, 0, "X"), SMBKIT_STATUS_SUCCESS);
    store.fails = SMBKIT_STATUS_DISK_FULL;
    CHECK_INT(vfs_close(&f.call, o, NULL), SMBKIT_STATUS_DISK_FULL);
    CHECK_STR(store.last, "commit Xtarted");
    store.fails = 0;
    check_content(&f, "l", "started");
    must_close(&f, reader);
    CHECK_INT(store.commits, 2);
    /* More than there is room for. */
    o = must_open(&f, "l", RW, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_set_end_of_file(&f.call, o, UINT64_C(1) << 40), SMBKIT_STATUS_DISK_FULL);
    must_close(&f, o);
    tree_fixture_close(&f);
}

/* What is listed of it before anybody asks. */
static uint64_t size_listed(const char *name)
{
    struct smbkit_tree_info info = {.size = UINT64_MAX};
    smbkit_tree_id id = SMBKIT_TREE_NONE;
    CHECK_INT(smbkit_tree_find(tree, ROOT, name, &id), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smbkit_tree_get(tree, id, &info), SMBKIT_STATUS_SUCCESS);
    return info.size;
}

static void test_called(void)
{
    struct fixture f;
    char buf[64];
    struct smbkit_attr attr;
    REQUIRE(begin(&f));
    strcpy(store.content, "content");
    smbkit_tree_add_file(tree, ROOT, "c", &called, NULL);
    struct vfs_open *o = must_open(&f, "c", RW, SMBKIT_OPEN, 0);
    REQUIRE(o);
    CHECK_INT(store.opens, 1);
    CHECK_INT(read_at(&f, o, 3, buf, sizeof(buf)), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(buf, "tent");
    CHECK_INT(write_at(&f, o, 7, "ed"), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(store.content, "contented");
    CHECK_INT(size_listed("c"), 9);
    CHECK_INT(vfs_getattr(&f.call, o, 0, &attr), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(attr.size, 9);
    CHECK_INT(vfs_set_end_of_file(&f.call, o, 2), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(store.content, "co");
    CHECK_INT(size_listed("c"), 2);
    struct vfs_io io;
    vfs_io_init(&io);
    CHECK_INT(vfs_flush(&f.call, o, &io), SMBKIT_STATUS_SUCCESS);
    vfs_io_fini(&io);
    CHECK_STR(store.last, "flush");
    store.fails = SMBKIT_STATUS_IO_DEVICE_ERROR;
    CHECK_INT(read_at(&f, o, 0, buf, sizeof(buf)), SMBKIT_STATUS_IO_DEVICE_ERROR);
    CHECK_INT(try_path(&f, "c", READ, SMBKIT_OPEN), SMBKIT_STATUS_IO_DEVICE_ERROR);
    CHECK_INT(vfs_close(&f.call, o, NULL), SMBKIT_STATUS_IO_DEVICE_ERROR); /* of commit */
    store.fails = 0;
    CHECK_INT(store.opens, store.closes);
    check_list(&f, "", "c ");
    CHECK(store.stats > 1);
    tree_fixture_close(&f);
}

static void test_clients_make(void)
{
    struct fixture f;
    REQUIRE(begin(&f));
    smbkit_tree_id d = smbkit_tree_add_folder(tree, ROOT, "d", &open_to_all, NULL);
    struct smbkit_tree_entry e = smbkit_tree_entry_new("fixed");
    e.flags = SMBKIT_TREE_FIXED;
    CHECK_INT(smbkit_tree_add(tree, d, &e, NULL), SMBKIT_STATUS_SUCCESS);
    check_heard("+d +d/fixed ");
    struct vfs_open *o = must_open(&f, "d/New", RW | SMBKIT_DELETE, SMBKIT_CREATE, 0);
    REQUIRE(o);
    CHECK_STR(store.last, "create New 1 by anna");
    CHECK_INT(write_at(&f, o, 0, "text"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(vfs_rename(&f.call, o, "d/Other", false), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(store.last, "rename New to Other");
    must_close(&f, o);
    check_content(&f, "d/other", "text");
    o = must_open(&f, "d/sub", READ, SMBKIT_CREATE, VFS_DIRECTORY_FILE);
    CHECK_STR(store.last, "create sub 2 by anna");
    must_close(&f, o);
    o = must_open(&f, "d/sub/x", RW | SMBKIT_DELETE, SMBKIT_CREATE, 0); /* as the folder above */
    CHECK_INT(vfs_rename(&f.call, o, "d/other", true), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(store.last, "rename x to other moved over");
    const struct vfs_basic_info basic = {.write_time = 12345678};
    CHECK_INT(vfs_set_basic(&f.call, o, &basic), SMBKIT_STATUS_SUCCESS);
    CHECK_STR(store.last, "setattr 4 12345678");
    CHECK_INT(vfs_set_disposition(&f.call, o, 1), SMBKIT_STATUS_SUCCESS);
    must_close(&f, o);
    CHECK_STR(store.last, "remove d/other");
    check_list(&f, "d", "fixed sub ");
    o = must_open(&f, "d/fixed", SMBKIT_DELETE | READ, SMBKIT_OPEN, 0);
    CHECK_INT(vfs_set_disposition(&f.call, o, 1), SMBKIT_STATUS_CANNOT_DELETE);
    CHECK_INT(vfs_rename(&f.call, o, "d/moved", false), SMBKIT_STATUS_ACCESS_DENIED);
    must_close(&f, o);
    store.fails = SMBKIT_STATUS_ACCESS_DENIED;
    CHECK_INT(try_path(&f, "d/refused", RW, SMBKIT_CREATE), SMBKIT_STATUS_ACCESS_DENIED);
    check_heard(""); /* the server tells of what clients do */
    tree_fixture_close(&f);
    CHECK_INT(released, 3);
}

/* Names go to the callbacks as the store has them; what is fixed is not promised to go. */
static void test_clients_name(void)
{
    struct fixture f;
    REQUIRE(begin(&f));
    smbkit_tree_id d = smbkit_tree_add_folder(tree, ROOT, "d", &open_to_all, NULL);
    struct vfs_open *o = must_open(&f, "d/what\xef\x80\xa5", RW | SMBKIT_DELETE, SMBKIT_CREATE, 0);
    CHECK_STR(store.last, "create what? 1 by anna");
    static const char *const lead_out[] = {"d/a\xef\x80\xaf"
                                           "b",
                                           "d/..\xef\x80\xaf"
                                           "x",
                                           "d/.\xef\x80\xa9", "d/\xef\x80\xa9",
                                           "d/\xef\x80\xae\xef\x80\xa9"};
    for (size_t i = 0; i < ARRAY_LEN(lead_out); i++) {
        test_context("%s", lead_out[i]);
        CHECK_INT(vfs_rename(&f.call, o, lead_out[i], false), SMBKIT_STATUS_OBJECT_NAME_INVALID);
        CHECK_INT(try_path(&f, lead_out[i], RW, SMBKIT_CREATE), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    }
    test_context("%s", "");
    CHECK_STR(store.last, "create what? 1 by anna");
    CHECK_INT(vfs_rename(&f.call, o,
                         "d/a\xef\x80\xa5"
                         "b\xef\x80\xa8",
                         false),
              SMBKIT_STATUS_SUCCESS);
    CHECK_STR(store.last, "rename what? to a?b ");
    must_close(&f, o);
    smbkit_tree_id id;
    CHECK_INT(smbkit_tree_find(tree, d, "A?B ", &id), SMBKIT_STATUS_SUCCESS);
    struct smbkit_tree_entry e = smbkit_tree_entry_new("fixed");
    e.flags = SMBKIT_TREE_FIXED;
    CHECK_INT(smbkit_tree_add(tree, d, &e, NULL), SMBKIT_STATUS_SUCCESS);
    struct vfs_create_in in = create_in(&f, "d/fixed");
    in.desired_access = SMBKIT_DELETE | READ;
    in.disposition = SMBKIT_OPEN;
    in.options = VFS_DELETE_ON_CLOSE;
    CHECK_INT(try_open(&f, &in), SMBKIT_STATUS_CANNOT_DELETE);
    tree_fixture_close(&f);
}

/* Who may not set attributes does not set them by overwriting, either. */
static void test_overwrite(void)
{
    struct fixture f;
    REQUIRE(begin(&f));
    smbkit_tree_id d = smbkit_tree_add_folder(tree, ROOT, "d", &open_to_all, NULL);
    struct smbkit_tree_entry e = smbkit_tree_entry_new("x");
    e.flags = SMBKIT_TREE_WRITABLE;
    e.data = "text";
    e.size = 4;
    CHECK_INT(smbkit_tree_add(tree, d, &e, NULL), SMBKIT_STATUS_SUCCESS);
    struct vfs_create_in in = create_in(&f, "d/x");
    in.disposition = SMBKIT_OVERWRITE;
    in.file_attributes = SMBKIT_ATTR_HIDDEN;
    store.fails = SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    CHECK_INT(try_open(&f, &in), SMBKIT_STATUS_MEDIA_WRITE_PROTECTED);
    check_content(&f, "d/x", "text");
    in.file_attributes = SMBKIT_ATTR_NORMAL;
    CHECK_INT(try_open(&f, &in), SMBKIT_STATUS_SUCCESS); /* as they are: nobody is asked */
    store.fails = 0;
    in.file_attributes = SMBKIT_ATTR_HIDDEN;
    CHECK_INT(try_open(&f, &in), SMBKIT_STATUS_SUCCESS);
    CHECK(strncmp(store.last, "setattr", 7) == 0);
    struct smbkit_tree_info info;
    CHECK_INT(smbkit_tree_get(tree, id_at("d/x"), &info), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(info.size, 0);
    CHECK_INT(info.attributes, SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_ARCHIVE);
    tree_fixture_close(&f);
}

/* A file that changes from memory to load and back, and is written to then. */
static void test_load_no_more(void)
{
    struct fixture f;
    REQUIRE(begin(&f));
    tree_fixture_close(&f);
    tree_spec.memory_max = 100;
    tree_spec.stop = stop;
    REQUIRE(tree_fixture_open(&f));
    strcpy(store.content, "memory");
    struct smbkit_tree_entry e = smbkit_tree_entry_new("a");
    e.flags = SMBKIT_TREE_REPLACE | SMBKIT_TREE_WRITABLE;
    for (unsigned turn = 0; turn < 3; turn++) {
        e.file = &loaded;
        e.data = NULL;
        e.size = 0;
        CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_SUCCESS);
        check_content(&f, "a", "memory");
        CHECK_INT(store.loads, turn + 1);
        e.file = NULL;
        e.data = "memory";
        e.size = 6;
        CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_SUCCESS);
        struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_OPEN, 0);
        CHECK_INT(write_at(&f, o, 6 + turn, " more"), SMBKIT_STATUS_SUCCESS);
        must_close(&f, o);
    }
    tree_fixture_close(&f);
}

/* Two who wait for one fill; a volume that is closed while one pends. */
struct opener {
    struct fixture *f;
    smbkit_status st;
};
static void *opener_run(void *arg)
{
    struct opener *o = arg;
    struct names n;
    o->st = list_path(o->f, "d", &n);
    return NULL;
}

static void test_shared(void)
{
    struct fixture f;
    pthread_t threads[4];
    struct opener openers[4];
    if (!store.pends) {
        return;
    }
    REQUIRE(begin(&f));
    strcpy(store.names, "abc");
    smbkit_tree_add_folder(tree, ROOT, "d", &filled, NULL);
    shut(true);
    for (int i = 0; i < 4; i++) {
        openers[i] = (struct opener){&f, 1};
        CHECK_INT(pthread_create(&threads[i], NULL, opener_run, &openers[i]), 0);
    }
    const struct timespec soon = {0, 50000000};
    nanosleep(&soon, NULL);
    shut(false);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(openers[i].st, SMBKIT_STATUS_SUCCESS);
    }
    CHECK_INT(store.fills, 1);
    tree_fixture_close(&f);
}

/* Nothing that may block is called where nobody may wait. */
static void test_nowait(void)
{
    static const struct smbkit_tree_folder quick = {
        .struct_size = sizeof(quick), .flags = SMBKIT_TREE_NEVER_BLOCKS, .fill = fill};
    struct fixture f;
    REQUIRE(begin(&f));
    smbkit_tree_add_folder(tree, ROOT, "slow", &filled, NULL);
    smbkit_tree_add_folder(tree, ROOT, "quick", &quick, NULL);
    smbkit_tree_add_text(tree, ROOT, "text", "text");
    strcpy(store.names, "a");
    const struct smbkit_identity who = {
        .struct_size = sizeof(who), .user = "", .domain = "", .client_address = ""};
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_lookup a = {.struct_size = sizeof(a), .attr = &attr};
    struct smbkit_op op = {.struct_size = sizeof(op), .who = &who, .flags = SMBKIT_OP_NOWAIT};
    a.path = "text";
    CHECK_INT(smbkit_tree_op_lookup(tree, &op, &a), SMBKIT_STATUS_SUCCESS);
    a.path = "slow/a";
    CHECK_INT(smbkit_tree_op_lookup(tree, &op, &a), SMBKIT_STATUS_WOULD_BLOCK);
    CHECK_INT(store.fills, 0);
    bool pends = store.pends;
    store.pends = false;
    a.path = "quick/a";
    CHECK_INT(smbkit_tree_op_lookup(tree, &op, &a), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(store.fills, 1);
    op.flags |= SMBKIT_OP_SYNC; /* it may answer PENDING, which nobody could wait for */
    smbkit_tree_drop(tree, id_at("quick"));
    a.path = "quick/b";
    CHECK_INT(smbkit_tree_op_lookup(tree, &op, &a), SMBKIT_STATUS_WOULD_BLOCK);
    CHECK_INT(store.fills, 1);
    store.pends = pends;
    tree_fixture_close(&f);
}

/* Whichever allocation fails, what was asked for is refused, and nothing is lost. */
static void all_of_it(struct fixture *f)
{
    struct names n;
    struct vfs_create_in in = create_in(f, "d/New");
    struct vfs_create_out out;
    in.desired_access = RW | SMBKIT_DELETE;
    if (SMBKIT_OK(vfs_create(&f->call, &in, &out))) {
        (void)!write_at(f, out.open, 0, "text");
        (void)!vfs_rename(&f->call, out.open, "d/Other", false);
        (void)!vfs_set_disposition(&f->call, out.open, 1);
        (void)!vfs_close(&f->call, out.open, NULL);
    }
    (void)!list_path(f, "f", &n);
    (void)!try_path(f, "l", RW, SMBKIT_OPEN);
    (void)!try_path(f, "c", READ, SMBKIT_OPEN);
}

static void test_no_memory(void)
{
    struct fixture f;
    REQUIRE(begin(&f));
    smbkit_tree_add_folder(tree, ROOT, "d", &open_to_all, NULL);
    smbkit_tree_id id = smbkit_tree_add_folder(tree, ROOT, "f", &fresh, NULL);
    smbkit_tree_add_file(tree, ROOT, "c", &called, NULL);
    struct smbkit_tree_entry e = smbkit_tree_entry_new("l");
    e.file = &loaded;
    e.flags = SMBKIT_TREE_WRITABLE;
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_SUCCESS);
    strcpy(store.names, "abc");
    strcpy(store.content, "content");
    bool fails = true;
    for (uint64_t n = 1; fails && n < 1000; n++) {
        mem_fail_nth(n);
        all_of_it(&f);
        rest();
        fails = mem_fail_happened();
        mem_fail_nth(0);
    }
    CHECK(!fails);
    check_list(&f, "f", "a b c ");
    check_content(&f, "l", "content");
    CHECK_INT(smbkit_tree_remove(tree, id, 0), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(store.opens, store.closes);
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
LATER(test_fill)
LATER(test_fresh)
LATER(test_lookup)
LATER(test_load)
LATER(test_write)
LATER(test_called)
LATER(test_clients_make)
LATER(test_shared)
LATER(test_clients_name)
LATER(test_overwrite)
LATER(test_load_no_more)
LATER(test_nowait)
LATER(test_no_memory)

static const struct test_case cases[] = {
    {"fill", test_fill},
    {"fill, later", test_fill_later},
    {"fresh", test_fresh},
    {"fresh, later", test_fresh_later},
    {"lookup", test_lookup},
    {"lookup, later", test_lookup_later},
    {"load", test_load},
    {"load, later", test_load_later},
    {"write and commit", test_write},
    {"write and commit, later", test_write_later},
    {"files of callbacks", test_called},
    {"files of callbacks, later", test_called_later},
    {"what clients make", test_clients_make},
    {"what clients make, later", test_clients_make_later},
    {"names that clients give", test_clients_name},
    {"names that clients give, later", test_clients_name_later},
    {"no longer loaded", test_load_no_more},
    {"no longer loaded, later", test_load_no_more_later},
    {"overwritten, with attributes", test_overwrite},
    {"overwritten, with attributes, later", test_overwrite_later},
    {"one fill for all", test_shared_later},
    {"no wait", test_nowait},
    {"no wait, later", test_nowait_later},
    {"no memory", test_no_memory},
    {"no memory, later", test_no_memory_later},
};
TEST_MAIN(cases)
