/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that push, list, open, write and look, while folders are filled and files loaded by
 * others still, on the same few names; run it under TSan. */
#include "tree_store.h"

#define THREADS 4
#define STEPS 400
#define NAMES 6

struct worker {
    struct fixture *f;
    uint64_t seed;
    unsigned done;
};

static const struct smbkit_tree_folder all = {.struct_size = sizeof(all),
                                              .fill = fill,
                                              .lookup = lookup,
                                              .create = create,
                                              .rename = rename_,
                                              .remove = remove_,
                                              .setattr = setattr};
static const struct smbkit_tree_folder all_fresh = {.struct_size = sizeof(all_fresh),
                                                    .flags = SMBKIT_TREE_FRESH,
                                                    .fill = fill,
                                                    .create = create,
                                                    .remove = remove_};

/* Any of the statuses that two who do not know of each other may get. */
static void good(smbkit_status st)
{
    static const smbkit_status may[] = {SMBKIT_STATUS_SUCCESS,
                                        SMBKIT_STATUS_NOT_FOUND,
                                        SMBKIT_STATUS_NOT_A_DIRECTORY,
                                        SMBKIT_STATUS_OBJECT_NAME_COLLISION,
                                        SMBKIT_STATUS_ACCESS_DENIED,
                                        SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND,
                                        SMBKIT_STATUS_DELETE_PENDING,
                                        SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND,
                                        SMBKIT_STATUS_CANNOT_DELETE,
                                        SMBKIT_STATUS_DIRECTORY_NOT_EMPTY,
                                        SMBKIT_STATUS_FILE_IS_A_DIRECTORY};
    for (size_t i = 0; i < ARRAY_LEN(may); i++) {
        if (st == may[i]) {
            return;
        }
    }
    test_fail(__FILE__, __LINE__, "%s", smbkit_status_name(st));
}

static const char *const folders[] = {"d", "fresh", "plain"};

static void push(uint64_t r)
{
    char name[16];
    smbkit_tree_id folder = id_at(folders[r % 3]);
    smbkit_tree_id id = SMBKIT_TREE_NONE;
    struct smbkit_tree_entry e = smbkit_tree_entry_new(name);
    snprintf(name, sizeof(name), "n%u", (unsigned)(r >> 8) % NAMES);
    e.data = name;
    e.size = 2;
    e.flags = (r >> 16) % 2 ? SMBKIT_TREE_REPLACE : SMBKIT_TREE_WRITABLE;
    e.arg = &store;
    e.release = NULL;
    if ((r >> 20) % 3 == 0) {
        e.file = &loaded;
        e.data = NULL;
        e.size = 0;
    }
    (void)smbkit_tree_find(tree, folder, name, &id);
    switch ((r >> 24) % 8) {
    case 0:
        good(smbkit_tree_update(tree, id, &e));
        break;
    case 1:
        good(smbkit_tree_remove(tree, id, (r >> 32) % 2 ? SMBKIT_TREE_QUIET : 0));
        break;
    case 2:
        good(smbkit_tree_rename(tree, id, folder, "n0"));
        break;
    case 3:
        good(smbkit_tree_drop(tree, (r >> 32) % 2 ? id : folder));
        break;
    case 4:
        good(smbkit_tree_changed(tree, (r >> 32) % 2 ? id : folder));
        break;
    case 5:
        good((r >> 32) % 8 ? SMBKIT_STATUS_SUCCESS : smbkit_tree_clear(tree, folder, 0));
        break;
    default:
        good(smbkit_tree_add(tree, folder, &e, NULL));
    }
}

static void use(struct worker *w, uint64_t r)
{
    char path[32];
    char buf[32];
    struct vfs_create_in in = create_in(w->f, path);
    struct vfs_create_out out;
    snprintf(path, sizeof(path), "%s/%s%u", folders[r % 3], (r >> 4) % 4 ? "n" : "made",
             (unsigned)(r >> 8) % NAMES);
    bool writes = (r >> 16) % 2;
    in.desired_access = writes ? RW | SMBKIT_DELETE : READ;
    in.disposition = writes ? SMBKIT_OPEN_IF : SMBKIT_OPEN;
    smbkit_status st = vfs_create(&w->f->call, &in, &out);
    good(st);
    if (!SMBKIT_OK(st)) {
        return;
    }
    st = writes ? write_at(w->f, out.open, r % 20, "text")
                : read_at(w->f, out.open, 0, buf, sizeof(buf));
    good(st == SMBKIT_STATUS_END_OF_FILE ? SMBKIT_STATUS_SUCCESS : st);
    if (writes && (r >> 20) % 4 == 0) {
        good(vfs_set_disposition(&w->f->call, out.open, 1));
    }
    good(vfs_close(&w->f->call, out.open, NULL));
    w->done++;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t r = test_random(&w->seed);
        struct names n;
        switch (r >> 60 & 3) {
        case 0:
            push(r);
            break;
        case 1:
            good(list_path(w->f, folders[r % 3], &n));
            break;
        default:
            use(w, r);
        }
    }
    return NULL;
}

static void run(bool pends)
{
    struct fixture f;
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    store.pends = pends;
    REQUIRE(begin(&f));
    strcpy(store.names, "abc");
    strcpy(store.content, "content");
    smbkit_tree_add_folder(tree, ROOT, "d", &all, NULL);
    smbkit_tree_add_folder(tree, ROOT, "fresh", &all_fresh, NULL);
    struct smbkit_tree_entry e = smbkit_tree_entry_new("plain");
    e.folder = &open_to_all;
    e.limit = 4;
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_SUCCESS);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.f = &f, .seed = i + 1};
        CHECK_INT(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    unsigned done = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        done += workers[i].done;
    }
    CHECK(done > STEPS / 10);
    tree_fixture_close(&f);
    rest();
    store.pends = false;
}

static void test_now(void)
{
    run(false);
}

static void test_later(void)
{
    run(true);
}

/* The volume is closed while a fill that nobody waits for is under way. */
static void complete_none(struct smbkit_op *op, smbkit_status status)
{
    (void)op;
    CHECK_INT(status, SMBKIT_STATUS_CANCELLED);
}
static void (*cancel_fn)(void *arg);
static void *cancel_arg;
static smbkit_status on_cancel_keep(struct smbkit_op *op, void (*fn)(void *arg), void *arg)
{
    (void)op;
    cancel_fn = fn;
    cancel_arg = arg;
    return SMBKIT_STATUS_SUCCESS;
}

static void open_again(void *arg)
{
    (void)arg;
    shut(false);
    rest();
}

static void test_close_pending(void)
{
    struct fixture f;
    store.pends = true;
    REQUIRE(begin(&f));
    tree_fixture_close(&f);
    tree_spec.stop = open_again;
    REQUIRE(tree_fixture_open(&f));
    strcpy(store.names, "abc");
    smbkit_tree_add_folder(tree, ROOT, "d", &filled, NULL);
    shut(true);
    heard.own.complete = complete_none;
    heard.own.on_cancel = on_cancel_keep;
    const struct smbkit_identity who = {
        .struct_size = sizeof(who), .user = "", .domain = "", .client_address = ""};
    struct smbkit_op op = {.struct_size = sizeof(op), .who = &who};
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    struct smbkit_lookup a = {.struct_size = sizeof(a), .path = "d/x", .attr = &attr};
    CHECK_INT(smbkit_tree_op_lookup(tree, &op, &a), SMBKIT_STATUS_PENDING);
    CHECK_INT(smbkit_tree_op_lookup(tree, &op, &a), SMBKIT_STATUS_PENDING);
    REQUIRE(cancel_fn);
    cancel_fn(cancel_arg); /* one of the two */
    heard.own.on_cancel = heard.real->on_cancel;
    store.fails = SMBKIT_STATUS_CANCELLED;
    tree_fixture_close(&f); /* stop lets the other one end */
    heard.own.complete = heard.real->complete;
    rest();
    CHECK_INT(store.fills, 1);
    store.pends = false;
}

static const struct test_case cases[] = {
    {"callbacks that answer at once", test_now},
    {"callbacks that answer later", test_later},
    {"closed while a fill pends", test_close_pending},
};
TEST_MAIN(cases)
