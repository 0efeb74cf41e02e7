/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/base.h"
#include "base/budget.h"
#include "base/mem.h"
#include "vfs/notify.h"
#include "vfs/path.h"

#define NAME NOTIFY_CHANGE_FILE_NAME
#define DIRS NOTIFY_CHANGE_DIR_NAME

/* All events of the queue as "1:a 3:b/c", or "!" for overflow. Empties it. */
static const char *drained(struct notify_watch *w)
{
    static char text[4096];
    struct notify_queue q;
    size_t at = 0;
    uint32_t action;
    const char *name;
    notify_watch_take(w, &q);
    snprintf(text, sizeof(text), "%s", q.overflow ? "!" : "");
    while (notify_queue_next(&q, &at, &action, &name)) {
        size_t len = strlen(text);
        snprintf(text + len, sizeof(text) - len, "%s%u:%s", len ? " " : "", action, name);
    }
    notify_queue_fini(&q);
    return text;
}

static void watch(struct notify_registry *r, struct notify_watch *w, const char *dir, bool tree)
{
    notify_watch_init(w);
    w->filter = NAME | NOTIFY_CHANGE_LAST_WRITE;
    w->tree = tree;
    w->max_bytes = 1000;
    CHECK(SMBKIT_OK(notify_watch_add(r, w, dir)));
}

static unsigned report(struct notify_registry *r, const char *path, uint32_t action,
                       uint32_t filter, const char *new_path)
{
    struct list touched;
    unsigned n = 0;
    list_init(&touched);
    notify_report(r, &(struct notify_change){path, action, filter, new_path}, &touched);
    while (list_pop_front(&touched)) {
        n++;
    }
    return n;
}

static const struct {
    const char *name, *path;
    uint32_t action, filter;
    const char *new_path;
    const char *root_tree, *sub, *sub_tree; /* what "", "Sub" and "sub" with tree get */
} rows[] = {
    {"in the root", "x", NOTIFY_ADDED, NAME, NULL, "1:x", "", ""},
    {"in a watched directory", "sub/x", NOTIFY_ADDED, NAME, NULL, "1:sub/x", "1:x", "1:x"},
    {"spelled otherwise", "SUB/X", NOTIFY_REMOVED, NAME, NULL, "2:SUB/X", "2:X", "2:X"},
    {"deep below", "sub/a/b", NOTIFY_MODIFIED, NOTIFY_CHANGE_LAST_WRITE, NULL, "3:sub/a/b", "",
     "3:a/b"},
    {"filtered", "sub/x", NOTIFY_MODIFIED, NOTIFY_CHANGE_SIZE, NULL, "", "", ""},
    {"one bit of the filter", "sub/x", NOTIFY_MODIFIED, NOTIFY_CHANGE_SIZE | NAME, NULL, "3:sub/x",
     "3:x", "3:x"},
    {"elsewhere", "subx/y", NOTIFY_ADDED, NAME, NULL, "1:subx/y", "", ""},
    {"the directory itself", "sub", NOTIFY_REMOVED, NAME, NULL, "2:sub", "", ""},
    {"the root itself", "", NOTIFY_MODIFIED, NAME, NULL, "", "", ""},
    {"rename in a directory", "sub/x", NOTIFY_RENAMED_OLD, NAME, "sub/y", "4:sub/x 5:sub/y",
     "4:x 5:y", "4:x 5:y"},
    {"rename out", "sub/x", NOTIFY_RENAMED_OLD, NAME, "y", "2:sub/x 1:y", "2:x", "2:x"},
    {"rename in", "x", NOTIFY_RENAMED_OLD, NAME, "sub/a/y", "2:x 1:sub/a/y", "", "1:a/y"},
    {"rename within the tree", "sub/x", NOTIFY_RENAMED_OLD, NAME, "sub/a/y", "2:sub/x 1:sub/a/y",
     "2:x", "2:x 1:a/y"},
    {"stream", "sub/x:s", NOTIFY_ADDED_STREAM, NAME, NULL, "6:sub/x:s", "6:x:s", "6:x:s"},
};

static void test_who_is_told(void)
{
    struct notify_registry r;
    struct notify_watch root, sub, tree;
    notify_registry_init(&r, 1);
    watch(&r, &root, "", true);
    watch(&r, &sub, "Sub", false);
    watch(&r, &tree, "sub", true);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned want = (*rows[i].root_tree != 0) + (*rows[i].sub != 0) + (*rows[i].sub_tree != 0);
        test_context("%s", rows[i].name);
        CHECK_INT(report(&r, rows[i].path, rows[i].action, rows[i].filter, rows[i].new_path), want);
        CHECK_STR(drained(&root), rows[i].root_tree);
        CHECK_STR(drained(&sub), rows[i].sub);
        CHECK_STR(drained(&tree), rows[i].sub_tree);
    }
    notify_watch_remove(&r, &root);
    notify_watch_remove(&r, &sub);
    notify_watch_remove(&r, &tree);
    notify_watch_remove(&r, &tree);
    CHECK(notify_is_idle(&r));
    CHECK_INT(r.dirs.count, 0);
    CHECK_INT(report(&r, "sub/x", NOTIFY_ADDED, NAME, NULL), 0);
    notify_watch_fini(&root);
    notify_watch_fini(&sub);
    notify_watch_fini(&tree);
    notify_registry_fini(&r);
}

static void test_repeats(void)
{
    struct notify_registry r;
    struct notify_watch w;
    notify_registry_init(&r, 1);
    watch(&r, &w, "", false);
    CHECK_INT(report(&r, "a", NOTIFY_MODIFIED, NAME, NULL), 1);
    CHECK_INT(report(&r, "a", NOTIFY_MODIFIED, NAME, NULL), 0);
    CHECK_INT(report(&r, "b", NOTIFY_MODIFIED, NAME, NULL), 1);
    CHECK_INT(report(&r, "a", NOTIFY_MODIFIED, NAME, NULL), 1);
    CHECK_INT(report(&r, "a", NOTIFY_ADDED, NAME, NULL), 1);
    CHECK_INT(report(&r, "a", NOTIFY_ADDED, NAME, NULL), 1);
    CHECK_STR(drained(&w), "3:a 3:b 3:a 1:a 1:a");
    CHECK_INT(report(&r, "a", NOTIFY_MODIFIED, NAME, NULL), 1);
    CHECK_STR(drained(&w), "3:a");
    notify_watch_remove(&r, &w);
    notify_watch_fini(&w);
    notify_registry_fini(&r);
}

/* Entries of 12 bytes and two a character, all but the last rounded up to four. */
static void test_overflow(void)
{
    static const struct {
        size_t max_bytes;
        const char *want;
    } bounds[] = {{0, "!"}, {13, "!"}, {14, "!"}, {29, "!"}, {30, "1:a 1:b"}, {31, "1:a 1:b"}};
    struct notify_registry r;
    struct notify_watch w;
    notify_registry_init(&r, 1);
    watch(&r, &w, "", false);
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        test_context("%zu bytes", bounds[i].max_bytes);
        w.max_bytes = bounds[i].max_bytes;
        report(&r, "a", NOTIFY_ADDED, NAME, NULL);
        report(&r, "b", NOTIFY_ADDED, NAME, NULL);
        CHECK_STR(drained(&w), bounds[i].want);
        CHECK(notify_queue_is_empty(&w.queue));
    }
    w.max_bytes = 14;
    CHECK_INT(report(&r, "a", NOTIFY_ADDED, NAME, NULL), 1);
    CHECK_INT(report(&r, "b", NOTIFY_ADDED, NAME, NULL), 1);
    CHECK_INT(report(&r, "c", NOTIFY_ADDED, NAME, NULL), 0);
    CHECK(w.queue.overflow && !w.queue.buf);
    CHECK_STR(drained(&w), "!");
    w.max_bytes = 1000;
    mem_fail_nth(1);
    CHECK_INT(report(&r, "a", NOTIFY_ADDED, NAME, NULL), 1);
    mem_fail_nth(0);
    CHECK_STR(drained(&w), "!");
    struct budget budget;
    budget_init(&budget, NULL, 128, 0);
    w.queue.budget = &budget; /* the first 128 bytes of a queue fit, no more do */
    char name[64] = "";
    memset(name, 'n', sizeof(name) - 1);
    report(&r, name, NOTIFY_ADDED, NAME, NULL);
    CHECK_INT(budget_used(&budget), 128);
    report(&r, name, NOTIFY_REMOVED, NAME, NULL);
    CHECK_INT(budget_used(&budget), 0);
    CHECK_STR(drained(&w), "!");
    report(&r, name, NOTIFY_ADDED, NAME, NULL);
    CHECK(drained(&w)[0] == '1');
    CHECK_INT(budget_used(&budget), 0);
    w.queue.budget = NULL;
    budget_fini(&budget);
    /* a rename of which only half fits is lost as a whole */
    w.max_bytes = 16;
    report(&r, "a", NOTIFY_RENAMED_OLD, NAME, "b");
    CHECK_STR(drained(&w), "!");
    notify_watch_remove(&r, &w);
    notify_watch_fini(&w);
    notify_registry_fini(&r);
}

static void test_moved(void)
{
    struct notify_registry r;
    struct notify_watch at, below, beside, already;
    struct list touched;
    notify_registry_init(&r, 1);
    watch(&r, &at, "A/b", false);
    watch(&r, &below, "a/B/c/d", false);
    watch(&r, &beside, "a/bx", false);
    watch(&r, &already, "n/c/d", true);
    CHECK_INT(notify_watch_move(&r, &at, "n"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(notify_watch_move(&r, &below, "n/c/d"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(report(&r, "n/x", NOTIFY_ADDED, NAME, NULL), 1);
    CHECK_STR(drained(&at), "1:x");
    CHECK_INT(report(&r, "n/c/d/x", NOTIFY_ADDED, NAME, NULL), 2);
    CHECK_STR(drained(&below), "1:x");
    CHECK_STR(drained(&already), "1:x");
    CHECK_INT(report(&r, "a/bx/x", NOTIFY_ADDED, NAME, NULL), 1);
    CHECK_STR(drained(&beside), "1:x");
    CHECK_INT(report(&r, "a/b/x", NOTIFY_ADDED, NAME, NULL), 0);
    CHECK_INT(r.dirs.count, 3);
    CHECK_INT(notify_watch_move(&r, &at, "N"), SMBKIT_STATUS_SUCCESS);
    CHECK_INT(report(&r, "N/x", NOTIFY_ADDED, NAME, NULL), 1);
    CHECK_STR(drained(&at), "1:x");
    list_init(&touched);
    notify_overflow_below(&r, "n", &touched);
    CHECK_STR(drained(&at), "!");
    CHECK_STR(drained(&below), "!");
    CHECK_STR(drained(&beside), "");
    CHECK_STR(drained(&already), "!");
    notify_watch_remove(&r, &at); /* also takes it out of touched */
    notify_watch_remove(&r, &below);
    notify_watch_remove(&r, &already);
    CHECK(list_is_empty(&touched));
    notify_watch_remove(&r, &beside);
    notify_watch_fini(&at);
    notify_watch_fini(&below);
    notify_watch_fini(&beside);
    notify_watch_fini(&already);
    notify_registry_fini(&r);
}

/* Watches come and go at random directories; who is told is compared with the plain rule. */
static void test_random_walk(void)
{
    static const char *const dirs[] = {"", "a", "a/b", "a/b/c", "A/B", "b", "b/a"};
    struct notify_registry r;
    struct notify_watch w[10];
    const char *dir[10] = {0};
    uint64_t seed = 5;
    notify_registry_init(&r, 7);
    for (unsigned i = 0; i < ARRAY_LEN(w); i++) {
        notify_watch_init(&w[i]);
    }
    for (unsigned step = 0; step < 50000; step++) {
        uint64_t x = test_random(&seed);
        unsigned k = x % ARRAY_LEN(w);
        test_context("step %u", step);
        if ((x >> 8) % 4 == 0) {
            if (dir[k]) {
                notify_watch_remove(&r, &w[k]);
                notify_watch_fini(&w[k]);
                dir[k] = NULL;
            } else {
                dir[k] = dirs[(x >> 16) % ARRAY_LEN(dirs)];
                watch(&r, &w[k], dir[k], (x >> 24) % 2);
            }
            continue;
        }
        CLEANUP_MEM char *path = path_join(dirs[(x >> 16) % ARRAY_LEN(dirs)], "x");
        CLEANUP_MEM char *parent = path_parent(path);
        report(&r, path, NOTIFY_ADDED, NAME, NULL);
        for (unsigned i = 0; i < ARRAY_LEN(w); i++) {
            char want[64] = "";
            if (dir[i] && (path_eq_nocase(dir[i], strlen(dir[i]), parent, strlen(parent)) ||
                           (w[i].tree && path_is_below_nocase(dir[i], path)))) {
                snprintf(want, sizeof(want), "1:%s", path + strlen(dir[i]) + (*dir[i] != 0));
            }
            CHECK_STR(drained(&w[i]), want);
        }
    }
    for (unsigned i = 0; i < ARRAY_LEN(w); i++) {
        notify_watch_remove(&r, &w[i]);
        notify_watch_fini(&w[i]);
    }
    notify_registry_fini(&r);
}

static void test_no_memory(void)
{
    struct notify_registry r;
    struct notify_watch w;
    notify_registry_init(&r, 1);
    notify_watch_init(&w);
    for (uint64_t n = 1; n <= 2; n++) {
        mem_fail_nth(n);
        CHECK_INT(notify_watch_add(&r, &w, "a"), SMBKIT_STATUS_NO_MEMORY);
        CHECK(mem_fail_happened());
        mem_fail_nth(0);
        CHECK(notify_is_idle(&r));
    }
    notify_watch_fini(&w);
    notify_registry_fini(&r);
}

static const struct test_case cases[] = {
    {"who is told", test_who_is_told}, {"repeats", test_repeats},
    {"overflow", test_overflow},       {"moved", test_moved},
    {"random walk", test_random_walk}, {"no memory", test_no_memory},
};
TEST_MAIN(cases)
