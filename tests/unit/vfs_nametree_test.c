/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of names: paths found, moved and given back, against a list of plain paths. */
#include "vfs/nametree.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf.h"
#include "test.h"
#include "vfs/path.h"

static void check_path(const struct name_entry *e, const char *expect)
{
    char *path = nametree_path(e);
    CHECK_STR(path, expect);
    mem_free(path);
}

static void simple(void)
{
    struct nametree t;
    nametree_init(&t, 1, false);
    struct name_entry *file = nametree_get(&t, "a/b/file");
    struct name_entry *root = nametree_get(&t, "");
    REQUIRE(file && root == &t.root);
    check_path(file, "a/b/file");
    check_path(root, "");
    CHECK(nametree_find(&t, "a/b/file") == file);
    CHECK(!nametree_find(&t, "a/B/file") && !nametree_find(&t, "a/b/fil"));
    struct name_entry *twin = nametree_get(&t, "a/B/file");
    CHECK(twin && twin != file);
    REQUIRE(nametree_move(&t, file->parent, "c"));
    check_path(file, "c/file");
    check_path(twin, "a/B/file");
    CHECK(nametree_find(&t, "c/file") == file && !nametree_find(&t, "a/b"));
    /* What has the name already is found no more, and still knows it. */
    struct name_entry *there = nametree_get(&t, "a/B/other");
    REQUIRE(nametree_move(&t, file, "a/B/other"));
    CHECK(nametree_find(&t, "a/B/other") == file && there->is_detached);
    check_path(there, "a/B/other");
    CHECK(nametree_next(twin->parent, nametree_next(twin->parent, NULL)) == twin);
    nametree_put(&t, there);
    nametree_put(&t, twin);
    nametree_put(&t, file);
    nametree_put(&t, root);
    CHECK(!nametree_find(&t, "a") && !nametree_find(&t, "c"));
    nametree_fini(&t);
}

static void ignoring_case(void)
{
    struct nametree t;
    nametree_init(&t, 1, true);
    struct name_entry *e = nametree_get(&t, "Dir/\xc3\x84");
    CHECK(e && nametree_find(&t, "dIR/\xc3\xa4") == e);
    struct name_entry *again = nametree_get(&t, "DIR/\xc3\xa4");
    CHECK(again == e);
    check_path(e, "Dir/\xc3\x84");
    REQUIRE(nametree_move(&t, e, "DIR/\xc3\xa4"));
    check_path(e, "Dir/\xc3\xa4");
    nametree_put(&t, again);
    nametree_put(&t, e);
    nametree_fini(&t);
}

#define HELD 24
#define STEPS 20000

static unsigned named(const struct nametree *t, const char *leaf)
{
    const struct name_leaf *l = nametree_named(t, leaf);
    unsigned n = 0;
    for (struct list *i = l ? l->members.next : NULL; i && i != &l->members; i = i->next) {
        CHECK(utf8_ieq(LIST_ENTRY(i, struct name_entry, same_leaf)->text, leaf));
        n++;
    }
    return n;
}

/* Directories with something below them are found by their last component alone. */
static void by_leaf(void)
{
    struct nametree t;
    nametree_init(&t, 1, false);
    struct name_entry *one = nametree_get(&t, "a/src/f");
    struct name_entry *two = nametree_get(&t, "b/SRC/f");
    struct name_entry *bare = nametree_get(&t, "c/src");
    REQUIRE(one && two && bare);
    CHECK_INT(named(&t, "src"), 2);
    CHECK_INT(named(&t, "f"), 0);
    REQUIRE(nametree_move(&t, one->parent, "a/other"));
    CHECK_INT(named(&t, "src"), 1);
    CHECK_INT(named(&t, "Other"), 1);
    REQUIRE(nametree_move(&t, one, "c/src/f"));
    CHECK_INT(named(&t, "src"), 2);
    CHECK_INT(named(&t, "other"), 0);
    nametree_put(&t, one);
    nametree_put(&t, two);
    CHECK_INT(named(&t, "src"), 0);
    nametree_put(&t, bare);
    nametree_fini(&t);
}

struct held {
    struct name_entry *entry;
    char path[64];
    bool is_hidden; /* another has its name since */
};

static void random_path(uint64_t *seed, char *path)
{
    size_t n = 0;
    uint64_t depth = 1 + test_random(seed) % 4;
    for (uint64_t i = 0; i < depth; i++) {
        n += (size_t)sprintf(path + n, "%s%c", i ? "/" : "", (char)('a' + test_random(seed) % 3));
    }
}

/* The model: all of it moves that is at the path or below it; what was there is hidden. */
static void model_move(struct held *h, const char *from, const char *to)
{
    for (unsigned i = 0; i < HELD; i++) {
        bool at = h[i].entry && strcmp(h[i].path, to) == 0;
        bool below = h[i].entry && path_is_below(to, h[i].path);
        h[i].is_hidden |= at || below;
    }
    for (unsigned i = 0; i < HELD; i++) {
        bool moves = h[i].entry && !h[i].is_hidden &&
                     (strcmp(h[i].path, from) == 0 || path_is_below(from, h[i].path));
        if (moves) {
            char *path = path_join(to, h[i].path + strlen(from) + (h[i].path[strlen(from)] != 0));
            snprintf(h[i].path, sizeof(h[i].path), "%s", path);
            mem_free(path);
        }
    }
}

static void step(struct nametree *t, struct held *h, uint64_t *seed)
{
    struct held *x = &h[test_random(seed) % HELD];
    char path[64];
    random_path(seed, path);
    if (!x->entry) {
        x->entry = nametree_get(t, path);
        x->is_hidden = false;
        snprintf(x->path, sizeof(x->path), "%s", path);
    } else if (test_random(seed) % 3 || x->is_hidden) {
        nametree_put(t, x->entry);
        x->entry = NULL;
    } else if (strcmp(x->path, path) != 0 && !path_is_below(x->path, path) &&
               !path_is_below(path, x->path)) {
        char from[64];
        snprintf(from, sizeof(from), "%s", x->path);
        REQUIRE(nametree_move(t, x->entry, path));
        model_move(h, from, path);
    }
}

static void walk(void)
{
    uint64_t seed = 7;
    struct nametree t;
    struct held h[HELD] = {0};
    nametree_init(&t, 1, false);
    for (unsigned i = 0; i < STEPS; i++) {
        test_context("step %u", i);
        step(&t, h, &seed);
        for (unsigned k = 0; k < HELD; k++) {
            if (h[k].entry && !h[k].is_hidden) {
                CHECK(nametree_find(&t, h[k].path) == h[k].entry);
                check_path(h[k].entry, h[k].path);
            }
        }
    }
    for (unsigned k = 0; k < HELD; k++) {
        if (h[k].entry) {
            nametree_put(&t, h[k].entry);
        }
    }
    nametree_fini(&t);
    test_context("%s", "");
}

/* Without memory nothing is changed. */
static void without_memory(void)
{
    for (uint64_t n = 1;; n++) {
        struct nametree t;
        nametree_init(&t, 1, false);
        mem_fail_nth(n);
        struct name_entry *e = nametree_get(&t, "a/b/c");
        bool moved = e && nametree_move(&t, e, "x/y");
        bool reached = mem_fail_happened();
        mem_fail_nth(0);
        CHECK((e && moved) || reached);
        if (e) {
            check_path(e, moved ? "x/y" : "a/b/c");
            nametree_put(&t, e);
        }
        nametree_fini(&t);
        if (!reached) {
            break;
        }
    }
}

static const struct test_case cases[] = {
    {"simple", simple}, {"ignoring_case", ignoring_case},   {"directories of one name", by_leaf},
    {"walk", walk},     {"without_memory", without_memory},
};
TEST_MAIN(cases)
