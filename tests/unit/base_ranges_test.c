/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <time.h>

#include "base/base.h"
#include "base/mem.h"
#include "base/ranges.h"

#define COUNT 48u

static const char owners[3];

struct model {
    struct range_link links[COUNT];
    bool in[COUNT];
    struct ranges tree;
};

static bool overlaps(const struct range_link *l, const struct range_link *q)
{
    return l->first <= q->last && l->last >= q->first;
}

static bool model_finds(const struct model *m, const struct range_link *q, const void *but)
{
    bool found = false;
    for (unsigned i = 0; i < COUNT; i++) {
        found |= m->in[i] && overlaps(&m->links[i], q) && m->links[i].owner != but;
    }
    return found;
}

static const struct range_link *model_earliest(const struct model *m, const struct range_link *q)
{
    const struct range_link *best = NULL;
    for (unsigned i = 0; i < COUNT; i++) {
        const struct range_link *l = &m->links[i];
        if (m->in[i] && overlaps(l, q) && (!best || l->order < best->order)) {
            best = l;
        }
    }
    return best;
}

static bool model_covers(const struct model *m, const struct range_link *q)
{
    bool found = false;
    for (unsigned i = 0; i < COUNT; i++) {
        found |= m->in[i] && m->links[i].first <= q->first && m->links[i].last >= q->last;
    }
    return found;
}

/* One in six is empty: first above last. */
static struct range_link random_range(uint64_t x, uint64_t base)
{
    uint64_t first = base + 1 + (x >> 8) % 20;
    return (struct range_link){
        .first = first, .last = first - 1 + (x >> 16) % 6, .owner = &owners[(x >> 24) % 3]};
}

static void compare(const struct model *m, uint64_t x, uint64_t base)
{
    const struct range_link q = random_range(x, base);
    const struct range_link *got = ranges_find(&m->tree, q.first, q.last, NULL);
    CHECK_INT(got != NULL, model_finds(m, &q, NULL));
    CHECK(!got || overlaps(got, &q));
    got = ranges_find(&m->tree, q.first, q.last, q.owner);
    CHECK_INT(got != NULL, model_finds(m, &q, q.owner));
    CHECK(!got || (overlaps(got, &q) && got->owner != q.owner));
    CHECK(ranges_find_earliest(&m->tree, q.first, q.last) == model_earliest(m, &q));
    CHECK_INT(ranges_cover(&m->tree, q.first, q.last), model_covers(m, &q));
}

static void random_walk(uint64_t seed, uint64_t base)
{
    struct model m = {.tree = {NULL}};
    uint64_t order = 0;
    for (int step = 0; step < 5000; step++) {
        uint64_t x = test_random(&seed);
        unsigned i = x % COUNT;
        struct range_link *l = &m.links[i];
        if (m.in[i]) {
            CHECK(ranges_get(&m.tree, l) == l);
            ranges_remove(&m.tree, l);
        } else {
            *l = random_range(test_random(&seed), base);
            l->order = ++order;
            CHECK(!ranges_get(&m.tree, l));
            ranges_add(&m.tree, l);
        }
        m.in[i] = !m.in[i];
        compare(&m, test_random(&seed), base);
    }
}

static void test_random_walk(void)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        test_context("seed %" PRIu64, seed);
        random_walk(seed, 0);
        random_walk(seed, UINT64_MAX - 25);
    }
    test_context("%s", "");
}

/* What a list would walk: ranges that all overlap and are the asker's own, ranges in a row that are
 * his, ranges inside each other. */
enum shape { ROW, SAME, NESTED, SHAPES };

static clock_t work(enum shape shape, uint64_t n)
{
    struct range_link *links = mem_calloc(n, sizeof(*links));
    struct ranges t = {NULL};
    clock_t began = clock();
    for (uint64_t i = 0; links && i < n; i++) {
        uint64_t first = shape == SAME ? 1 : i;
        uint64_t last = shape == ROW ? i : shape == SAME ? 1 : 2 * n - i;
        links[i] = (struct range_link){.first = first, .last = last, .owner = owners, .order = i};
        ranges_add(&t, &links[i]);
        CHECK(!ranges_find(&t, 0, UINT64_MAX, owners));
        CHECK(ranges_find(&t, first, last, NULL));
        CHECK(ranges_find_earliest(&t, 0, UINT64_MAX) == &links[0]);
    }
    for (uint64_t i = 0; links && i < n; i++) {
        ranges_remove(&t, &links[i]);
        CHECK(!ranges_cover(&t, 2 * n + 1, 2 * n + 2));
    }
    CHECK(links && ranges_is_empty(&t));
    mem_free(links);
    return clock() - began;
}

/* Sixteen times as many: 16 to 25 times the work, not 256 times. */
static void test_is_not_quadratic(void)
{
    for (int shape = 0; shape < SHAPES; shape++) {
        test_context("shape %d", shape);
        clock_t few = work((enum shape)shape, 4000);
        clock_t many = work((enum shape)shape, 64000);
        CHECK(many < 100 * few + CLOCKS_PER_SEC / 10);
    }
    test_context("%s", "");
}

static const struct test_case cases[] = {{"random walk", test_random_walk},
                                         {"is not quadratic", test_is_not_quadratic}};
TEST_MAIN(cases)
