/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a tree while a callback of a client's CREATE is pending. */
#include "tree_store.h"

/* ---- callbacks that are held until the test lets them go ---- */

static struct {
    struct smbkit_tree_call *call; /* NULL: none is held */
    void *args;
} held;
static int opens, closes;

static smbkit_status hold(struct smbkit_tree_call *c, void *args)
{
    CHECK(!held.call);
    held.call = c;
    held.args = args;
    return SMBKIT_STATUS_PENDING;
}

static struct smbkit_tree_call *held_take(void)
{
    struct smbkit_tree_call *c = held.call;
    CHECK(c);
    held.call = NULL;
    return c;
}

static smbkit_status held_open(struct smbkit_tree_call *c, uint32_t access, void **handle_r)
{
    (void)access;
    return hold(c, handle_r);
}

/* The open that is held ends well, with a handle of its own. */
static void let_open(struct smbkit_tree_call *c)
{
    *(void **)held.args = malloc(1); /* one that is not closed shows as a leak, too */
    opens++;
    smbkit_tree_done(c, SMBKIT_STATUS_SUCCESS);
}

static void held_close(void *arg, void *handle)
{
    (void)arg;
    free(handle);
    closes++;
}

/* The content is the file's arg. */
static smbkit_status load_arg(struct smbkit_tree_call *c, struct smbkit_tree_load *l)
{
    l->data = c->arg;
    l->size = strlen(c->arg);
    return SMBKIT_STATUS_SUCCESS;
}

static const struct smbkit_tree_file slow = {
    .struct_size = sizeof(slow), .load = load_arg, .open = held_open, .close = held_close};

static void add_of(const char *name, const struct smbkit_tree_file *file, const char *arg)
{
    struct smbkit_tree_entry e = smbkit_tree_entry_new(name);
    e.file = file;
    e.flags = SMBKIT_TREE_WRITABLE;
    e.arg = (void *)(uintptr_t)arg;
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_SUCCESS);
}

static void add(const char *name, const char *content)
{
    add_of(name, &slow, content);
}

/* ---- a client who opens; the operation is called as vfs does, and completed into this ---- */

struct client {
    struct smbkit_op op;
    struct smbkit_attr attr;
    struct smbkit_create how;
    bool is_over;
    smbkit_status st;
};

static void complete(struct smbkit_op *op, smbkit_status st)
{
    struct client *c = CONTAINER_OF(op, struct client, op);
    CHECK(!c->is_over);
    c->is_over = true;
    c->st = st;
}

static struct {
    void (*fn)(void *arg);
    void *arg;
} cancelled;

static smbkit_status on_cancel(struct smbkit_op *op, void (*fn)(void *arg), void *arg)
{
    (void)op;
    cancelled.fn = fn;
    cancelled.arg = arg;
    return SMBKIT_STATUS_SUCCESS;
}

/* There are no workers: what is to be run is run at once. */
static smbkit_status run(struct smbkit_host *host, void (*fn)(void *arg), void *arg)
{
    (void)host;
    (void)fn;
    (void)arg;
    return SMBKIT_STATUS_NOT_SUPPORTED;
}

static void client_init(struct client *c, const char *path, uint32_t disposition)
{
    static const struct smbkit_identity anna = {
        .struct_size = sizeof(anna), .user = "anna", .domain = "", .client_address = ""};
    *c = (struct client){.op = {.struct_size = sizeof(c->op), .who = &anna},
                         .attr = {.struct_size = sizeof(c->attr)},
                         .how = {.struct_size = sizeof(c->how),
                                 .disposition = disposition,
                                 .kind = SMBKIT_KIND_FILE,
                                 .access = RW,
                                 .path = path,
                                 .attr = &c->attr}};
}

static void client_begin(struct client *c, const char *path, uint32_t disposition)
{
    client_init(c, path, disposition);
    CHECK_INT(smbkit_tree_op_create(tree, &c->op, &c->how), SMBKIT_STATUS_PENDING);
    CHECK(!c->is_over);
}

/* size: of the content that the client was given. */
static void client_end(struct client *c, smbkit_status st, uint64_t size)
{
    CHECK(c->is_over);
    CHECK_INT(c->st, st);
    CHECK((c->how.file != NULL) == SMBKIT_OK(st));
    if (c->how.file) {
        CHECK_INT(c->attr.size, size);
        smbkit_tree_op_close(tree, &c->op, c->how.file);
    }
    CHECK_INT(opens, closes);
}

static bool held_begin(struct fixture *f)
{
    opens = 0;
    closes = 0;
    held.call = NULL;
    bool ok = begin(f);
    heard.own.complete = complete;
    heard.own.on_cancel = on_cancel;
    heard.own.run = run;
    return ok;
}

/* ---- cases ---- */

/* Another file has the name when open has ended: it is that one's content, and handle. */
static void test_another(void)
{
    struct fixture f;
    REQUIRE(held_begin(&f));
    add("a", "of a");
    add("b", "of bbb");
    struct client c;
    client_begin(&c, "a", SMBKIT_OPEN);
    struct smbkit_tree_call *call = held_take();
    smbkit_tree_id b = id_at("b");
    CHECK_INT(smbkit_tree_rename(tree, id_at("a"), ROOT, "former"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smbkit_tree_rename(tree, b, ROOT, "a"), SMBKIT_STATUS_SUCCESS);
    let_open(call);
    call = held_take();
    CHECK(call->id == b);
    let_open(call);
    client_end(&c, SMBKIT_STATUS_SUCCESS, 6);
    CHECK_INT(opens, 2);
    tree_fixture_close(&f);
}

/* The same, where open refuses the first one. */
static void test_another_refused(void)
{
    struct fixture f;
    REQUIRE(held_begin(&f));
    add("a", "of a");
    add("b", "of bbb");
    struct client c;
    client_begin(&c, "a", SMBKIT_OPEN);
    struct smbkit_tree_call *call = held_take();
    smbkit_tree_id b = id_at("b");
    CHECK_INT(smbkit_tree_rename(tree, id_at("a"), ROOT, "former"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(smbkit_tree_rename(tree, b, ROOT, "a"), SMBKIT_STATUS_SUCCESS);
    smbkit_tree_done(call, SMBKIT_STATUS_ACCESS_DENIED);
    let_open(held_take());
    client_end(&c, SMBKIT_STATUS_SUCCESS, 6);
    CHECK_INT(opens, 1);
    tree_fixture_close(&f);
}

static void test_gone(void)
{
    struct fixture f;
    REQUIRE(held_begin(&f));
    add("a", "of a");
    struct client c;
    client_begin(&c, "a", SMBKIT_OPEN);
    struct smbkit_tree_call *call = held_take();
    CHECK_INT(smbkit_tree_remove(tree, id_at("a"), 0), SMBKIT_STATUS_SUCCESS);
    let_open(call);
    client_end(&c, SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND, 0);
    CHECK_INT(opens, 1);
    tree_fixture_close(&f);
}

/* The file is another now: not to be written to; of another arg. */
static void test_changed(void)
{
    struct fixture f;
    REQUIRE(held_begin(&f));
    add("a", "of a");
    struct client c;
    client_begin(&c, "a", SMBKIT_OPEN);
    struct smbkit_tree_call *call = held_take();
    struct smbkit_tree_entry e = smbkit_tree_entry_new(NULL);
    e.file = &slow;
    e.arg = (void *)(uintptr_t) "another";
    CHECK_INT(smbkit_tree_update(tree, id_at("a"), &e), SMBKIT_STATUS_SUCCESS);
    let_open(call);
    client_end(&c, SMBKIT_STATUS_ACCESS_DENIED, 0);
    CHECK_INT(opens, 1);
    e.flags = SMBKIT_TREE_WRITABLE;
    CHECK_INT(smbkit_tree_update(tree, id_at("a"), &e), SMBKIT_STATUS_SUCCESS);
    client_begin(&c, "a", SMBKIT_OPEN);
    call = held_take();
    e.arg = (void *)(uintptr_t) "a third";
    CHECK_INT(smbkit_tree_update(tree, id_at("a"), &e), SMBKIT_STATUS_SUCCESS);
    let_open(call);
    let_open(held_take());
    client_end(&c, SMBKIT_STATUS_SUCCESS, 7); /* as it was when the client came */
    CHECK_INT(opens, 3);
    tree_fixture_close(&f);
}

/* ---- what is made, and what it points to ---- */

static smbkit_status held_create(struct smbkit_tree_call *c, struct smbkit_tree_create *how)
{
    return hold(c, how);
}
static smbkit_status held_fill(struct smbkit_tree_call *c)
{
    return atomic_fetch_add(&store.fills, 1) == 0 ? SMBKIT_STATUS_SUCCESS : hold(c, NULL);
}
static const struct smbkit_tree_folder slow_folder = {
    .struct_size = sizeof(slow_folder), .fill = held_fill, .create = held_create};

/* The folder is to be filled again before what was made comes into it: by then the plugin's buffer
 * is no more. */
static void test_made(void)
{
    struct fixture f;
    REQUIRE(held_begin(&f));
    smbkit_tree_id d = smbkit_tree_add_folder(tree, ROOT, "d", &slow_folder, NULL);
    check_list(&f, "d", "");
    struct client c;
    client_begin(&c, "d/new", SMBKIT_CREATE);
    struct smbkit_tree_call *call = held_take();
    struct smbkit_tree_create *how = held.args;
    char *text = strdup("template");
    how->entry->data = text;
    how->entry->size = strlen(text);
    how->entry->release = count_release;
    CHECK_INT(smbkit_tree_drop(tree, d), SMBKIT_STATUS_SUCCESS);
    smbkit_tree_done(call, SMBKIT_STATUS_SUCCESS);
    memset(text, 'x', strlen(text));
    free(text);
    smbkit_tree_done(held_take(), SMBKIT_STATUS_SUCCESS);
    client_end(&c, SMBKIT_STATUS_SUCCESS, 8);
    check_content(&f, "d/new", "template");
    CHECK_INT(released, 0);
    tree_fixture_close(&f);
    CHECK_INT(released, 1);
}

/* The folder has gone, and there is another of its name, which is asked, too. */
static void test_made_elsewhere(void)
{
    struct fixture f;
    REQUIRE(held_begin(&f));
    smbkit_tree_id d = smbkit_tree_add_folder(tree, ROOT, "d", &slow_folder, NULL);
    check_list(&f, "d", "");
    struct client c;
    client_begin(&c, "d/new", SMBKIT_CREATE);
    struct smbkit_tree_call *call = held_take();
    ((struct smbkit_tree_create *)held.args)->entry->release = count_release;
    CHECK_INT(smbkit_tree_remove(tree, d, 0), SMBKIT_STATUS_SUCCESS);
    atomic_store(&store.fills, 0);
    smbkit_tree_add_folder(tree, ROOT, "d", &slow_folder, NULL);
    smbkit_tree_done(call, SMBKIT_STATUS_SUCCESS);
    call = held_take();
    CHECK_INT(released, 1);
    ((struct smbkit_tree_create *)held.args)->entry->release = count_release;
    smbkit_tree_done(call, SMBKIT_STATUS_SUCCESS);
    client_end(&c, SMBKIT_STATUS_SUCCESS, 0);
    CHECK_INT(released, 1);
    tree_fixture_close(&f);
    CHECK_INT(released, 2);
}

/* ---- who waits has gone ---- */

static smbkit_status held_load(struct smbkit_tree_call *c, struct smbkit_tree_load *l)
{
    return hold(c, l);
}

/* A load that nobody waits for any more says so, and is not waited for by who comes next. */
static void test_unwanted(void)
{
    static const struct smbkit_tree_file file = {.struct_size = sizeof(file), .load = held_load};
    struct fixture f;
    struct client c;
    REQUIRE(held_begin(&f));
    add_of("a", &file, NULL);
    client_begin(&c, "a", SMBKIT_OPEN);
    struct smbkit_tree_call *former = held_take();
    CHECK(smbkit_tree_is_wanted(former));
    cancelled.fn(cancelled.arg);
    client_end(&c, SMBKIT_STATUS_CANCELLED, 0);
    CHECK(!smbkit_tree_is_wanted(former));
    client_begin(&c, "a", SMBKIT_OPEN);
    struct smbkit_tree_load *l = held.args;
    struct smbkit_tree_call *call = held_take();
    CHECK(smbkit_tree_is_wanted(call));
    smbkit_tree_done(former, SMBKIT_STATUS_IO_TIMEOUT);
    CHECK(!c.is_over);
    l->data = "content";
    l->size = 7;
    smbkit_tree_done(call, SMBKIT_STATUS_SUCCESS);
    client_end(&c, SMBKIT_STATUS_SUCCESS, 7);
    tree_fixture_close(&f);
}

/* Nor is a fill, which takes nothing away then. */
static void test_unwanted_fill(void)
{
    struct fixture f;
    struct client c;
    REQUIRE(held_begin(&f));
    atomic_store(&store.fills, 1); /* the first one is held, too */
    smbkit_tree_id d = smbkit_tree_add_folder(tree, ROOT, "d", &slow_folder, NULL);
    client_begin(&c, "d/x", SMBKIT_OPEN);
    struct smbkit_tree_call *former = held_take();
    cancelled.fn(cancelled.arg);
    client_end(&c, SMBKIT_STATUS_CANCELLED, 0);
    CHECK(!smbkit_tree_is_wanted(former));
    client_begin(&c, "d/x", SMBKIT_OPEN);
    struct smbkit_tree_call *call = held_take();
    struct smbkit_tree_entry e = smbkit_tree_entry_new("x");
    e.flags = SMBKIT_TREE_WRITABLE;
    e.data = "text";
    e.size = 4;
    CHECK_INT(smbkit_tree_add(tree, d, &e, NULL), SMBKIT_STATUS_SUCCESS);
    smbkit_tree_done(former, SMBKIT_STATUS_SUCCESS);
    CHECK(!c.is_over);
    smbkit_tree_done(call, SMBKIT_STATUS_SUCCESS);
    client_end(&c, SMBKIT_STATUS_SUCCESS, 4);
    tree_fixture_close(&f);
}

/* ---- commits that are under way at a time ---- */

static smbkit_status held_commit(struct smbkit_tree_call *c, void *handle,
                                 const struct smbkit_tree_commit *what)
{
    (void)handle;
    return hold(c, (void *)(uintptr_t)what);
}
static const struct smbkit_tree_file guarded = {.struct_size = sizeof(guarded),
                                                .commit = held_commit};

static void writer_open(struct client *c)
{
    CHECK_INT(smbkit_tree_op_create(tree, &c->op, &c->how), SMBKIT_STATUS_SUCCESS);
}

static smbkit_status writer_write(struct client *c, uint64_t at, const char *text)
{
    const struct smbkit_segment seg = {.base = (const uint8_t *)text, .len = strlen(text)};
    struct smbkit_io io = {.struct_size = sizeof(io),
                           .offset = at,
                           .length = (uint32_t)strlen(text),
                           .segs = &seg,
                           .seg_count = 1};
    return smbkit_tree_op_write(tree, &c->op, c->how.file, &io);
}

/* What commit is handed; the call is the test's to end. */
static struct smbkit_tree_call *writer_commit(struct client *c, const char *want)
{
    static const struct smbkit_flush flush = {.struct_size = sizeof(flush)};
    c->is_over = false;
    CHECK_INT(smbkit_tree_op_commit(tree, &c->op, c->how.file, &flush), SMBKIT_STATUS_PENDING);
    const struct smbkit_tree_commit *what = held.args;
    CHECK_INT(what->size, strlen(want));
    CHECK(memcmp(what->data, want, strlen(want)) == 0);
    return held_take();
}

static bool guarded_begin(struct fixture *f, struct client clients[3])
{
    bool ok = held_begin(f);
    struct smbkit_tree_entry e = smbkit_tree_entry_new("g");
    e.file = &guarded;
    e.flags = SMBKIT_TREE_WRITABLE;
    e.data = "start";
    e.size = 5;
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_SUCCESS);
    for (int i = 0; i < 3; i++) {
        client_init(&clients[i], "g", SMBKIT_OPEN);
        writer_open(&clients[i]);
    }
    return ok;
}

static void guarded_end(struct fixture *f, struct client clients[3])
{
    for (int i = 0; i < 3; i++) {
        smbkit_tree_op_close(tree, &clients[i].op, clients[i].how.file);
    }
    tree_fixture_close(f);
}

static void commit_ends(struct client *c, struct smbkit_tree_call *call, smbkit_status st)
{
    smbkit_tree_done(call, st);
    CHECK(c->is_over);
    CHECK_INT(c->st, st);
}

static smbkit_status commit_now(struct client *c)
{
    static const struct smbkit_flush flush = {.struct_size = sizeof(flush)};
    return smbkit_tree_op_commit(tree, &c->op, c->how.file, &flush);
}

/* Who wrote to what is taken back is told, too; and may write again when he has been. */
static void test_refused_with_others(void)
{
    struct fixture f;
    struct client c[3];
    REQUIRE(guarded_begin(&f, c));
    CHECK_INT(writer_write(&c[1], 0, "BBB"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(writer_write(&c[0], 4, "!"), SMBKIT_STATUS_SUCCESS);
    commit_ends(&c[0], writer_commit(&c[0], "BBBr!"), SMBKIT_STATUS_DISK_FULL);
    check_content(&f, "g", "start");
    CHECK_INT(writer_write(&c[2], 0, "C"), SMBKIT_STATUS_SUCCESS); /* has lost nothing */
    CHECK_INT(writer_write(&c[1], 1, "B"), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(commit_now(&c[1]), SMBKIT_STATUS_DISK_FULL);
    check_content(&f, "g", "Ctart");
    CHECK_INT(writer_write(&c[1], 1, "B"), SMBKIT_STATUS_SUCCESS);
    commit_ends(&c[1], writer_commit(&c[1], "CBart"), SMBKIT_STATUS_SUCCESS);
    commit_ends(&c[2], writer_commit(&c[2], "CBart"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(commit_now(&c[0]), SMBKIT_STATUS_SUCCESS); /* nothing to say any more */
    guarded_end(&f, c);
}

/* What is written while a commit is under way goes back to what that one committed. */
static void test_written_meanwhile(void)
{
    struct fixture f;
    struct client c[3];
    REQUIRE(guarded_begin(&f, c));
    CHECK_INT(writer_write(&c[0], 0, "A"), SMBKIT_STATUS_SUCCESS);
    struct smbkit_tree_call *call = writer_commit(&c[0], "Atart");
    CHECK_INT(writer_write(&c[1], 1, "B"), SMBKIT_STATUS_SUCCESS);
    commit_ends(&c[0], call, SMBKIT_STATUS_SUCCESS);
    check_content(&f, "g", "ABart");
    commit_ends(&c[1], writer_commit(&c[1], "ABart"), SMBKIT_STATUS_DISK_FULL);
    check_content(&f, "g", "Atart");
    guarded_end(&f, c);
}

/* Two at a time, each of which may end first and end either way. */
static void test_two_commits(void)
{
    static const struct {
        bool first_ends_first;
        smbkit_status first, second;
        const char *want;
    } rows[] = {
        {true, 0, 0, "ABart"},
        {false, 0, 0, "ABart"},
        {true, 0, SMBKIT_STATUS_DISK_FULL, "Atart"},
        {false, 0, SMBKIT_STATUS_DISK_FULL, "Atart"},
        {true, SMBKIT_STATUS_DISK_FULL, 0, "ABart"},
        {false, SMBKIT_STATUS_DISK_FULL, 0, "ABart"},
        {true, SMBKIT_STATUS_DISK_FULL, SMBKIT_STATUS_DISK_FULL, "start"},
        {false, SMBKIT_STATUS_DISK_FULL, SMBKIT_STATUS_DISK_FULL, "start"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;
        struct client c[3];
        REQUIRE(guarded_begin(&f, c));
        test_context("row %zu", i);
        CHECK_INT(writer_write(&c[0], 0, "A"), SMBKIT_STATUS_SUCCESS);
        struct smbkit_tree_call *first = writer_commit(&c[0], "Atart");
        CHECK_INT(writer_write(&c[1], 1, "B"), SMBKIT_STATUS_SUCCESS);
        struct smbkit_tree_call *second = writer_commit(&c[1], "ABart");
        if (rows[i].first_ends_first) {
            commit_ends(&c[0], first, rows[i].first);
        }
        commit_ends(&c[1], second, rows[i].second);
        if (!rows[i].first_ends_first) {
            commit_ends(&c[0], first, rows[i].first);
        }
        check_content(&f, "g", rows[i].want);
        guarded_end(&f, c);
    }
    test_context("%s", "");
}

static const struct test_case cases[] = {
    {"another file of that name", test_another},
    {"another file, the first refused", test_another_refused},
    {"gone", test_gone},
    {"changed", test_changed},
    {"made, and its buffer gone", test_made},
    {"made in a folder that is gone", test_made_elsewhere},
    {"a load that nobody waits for", test_unwanted},
    {"a fill that nobody waits for", test_unwanted_fill},
    {"refused, with what others wrote", test_refused_with_others},
    {"written while a commit is under way", test_written_meanwhile},
    {"two commits at a time", test_two_commits},
};
TEST_MAIN(cases)
