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

static void add(const char *name, const char *content)
{
    struct smbkit_tree_entry e = smbkit_tree_entry_new(name);
    e.file = &slow;
    e.flags = SMBKIT_TREE_WRITABLE;
    e.arg = (void *)(uintptr_t)content;
    CHECK_INT(smbkit_tree_add(tree, ROOT, &e, NULL), SMBKIT_STATUS_SUCCESS);
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

static smbkit_status on_cancel(struct smbkit_op *op, void (*fn)(void *arg), void *arg)
{
    (void)op;
    (void)fn;
    (void)arg;
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

static void client_begin(struct client *c, const char *path, uint32_t disposition)
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

static const struct test_case cases[] = {
    {"another file of that name", test_another},
    {"another file, the first refused", test_another_refused},
    {"gone", test_gone},
    {"changed", test_changed},
    {"made, and its buffer gone", test_made},
    {"made in a folder that is gone", test_made_elsewhere},
};
TEST_MAIN(cases)
