/* SPDX-License-Identifier: Apache-2.0 */
#include "base/list.h"

#include "test.h"

#define ITEMS 12u

struct item {
    unsigned id;
    struct list link;
};

/* Two lists beside two plain arrays of ids. */
static struct item items[ITEMS];
static struct list heads[2];
static unsigned model[2][ITEMS];
static size_t model_len[2];

static void model_insert(unsigned which, size_t at, unsigned id)
{
    memmove(&model[which][at + 1], &model[which][at], (model_len[which] - at) * sizeof(unsigned));
    model[which][at] = id;
    model_len[which]++;
}

static void model_remove(unsigned id)
{
    for (unsigned which = 0; which < 2; which++) {
        for (size_t i = 0; i < model_len[which]; i++) {
            if (model[which][i] == id) {
                model_len[which]--;
                memmove(&model[which][i], &model[which][i + 1],
                        (model_len[which] - i) * sizeof(unsigned));
                return;
            }
        }
    }
}

static bool is_in_model(unsigned id)
{
    for (unsigned which = 0; which < 2; which++) {
        for (size_t i = 0; i < model_len[which]; i++) {
            if (model[which][i] == id) {
                return true;
            }
        }
    }
    return false;
}

static void check_same(void)
{
    for (unsigned which = 0; which < 2; which++) {
        size_t n = 0;
        CHECK_INT(list_is_empty(&heads[which]), model_len[which] == 0);
        LIST_FOR_EACH (l, &heads[which]) {
            CHECK(n < model_len[which] && LIST_ENTRY(l, struct item, link)->id == model[which][n]);
            CHECK(l->next->prev == l && l->prev->next == l);
            n++;
        }
        CHECK_INT(n, model_len[which]);
    }
}

static void splice(unsigned dst)
{
    unsigned src = !dst;
    list_splice_back(&heads[dst], &heads[src]);
    memcpy(&model[dst][model_len[dst]], model[src], model_len[src] * sizeof(unsigned));
    model_len[dst] += model_len[src];
    model_len[src] = 0;
}

static void insert(unsigned which, unsigned id, uint64_t how)
{
    struct list *l = &items[id].link;
    size_t len = model_len[which];
    if (how % 3 == 0) {
        list_push_back(&heads[which], l);
        model_insert(which, len, id);
    } else if (how % 3 == 1 || len == 0) {
        list_push_front(&heads[which], l);
        model_insert(which, 0, id);
    } else {
        size_t at = how / 3 % len;
        list_insert_before(&items[model[which][at]].link, l);
        model_insert(which, at, id);
    }
}

static void pop(unsigned which)
{
    struct list *l = list_pop_front(&heads[which]);
    CHECK_INT(l == NULL, model_len[which] == 0);
    if (l) {
        CHECK_INT(LIST_ENTRY(l, struct item, link)->id, model[which][0]);
        CHECK(list_is_empty(l));
        model_remove(model[which][0]);
    }
}

static void step(uint64_t r)
{
    unsigned which = r & 1;
    unsigned id = (unsigned)(r >> 8) % ITEMS;
    switch ((r >> 1) % 8) {
    case 0:
        splice(which);
        break;
    case 1:
        pop(which);
        break;
    case 2:
    case 3:
        list_remove(&items[id].link); /* also when it is in no list */
        model_remove(id);
        break;
    default:
        if (!is_in_model(id)) {
            insert(which, id, r >> 20);
        }
    }
}

static void random_walk(void)
{
    uint64_t seed = 3;
    list_init(&heads[0]);
    list_init(&heads[1]);
    for (unsigned i = 0; i < ITEMS; i++) {
        items[i].id = i;
        list_init(&items[i].link);
    }
    for (int i = 0; i < 50000; i++) {
        test_context("step %d", i);
        step(test_random(&seed));
        check_same();
    }
}

static void remove_while_walking(void)
{
    struct list head;
    unsigned left = 0;
    list_init(&head);
    for (unsigned i = 0; i < ITEMS; i++) {
        items[i].id = i;
        list_push_back(&head, &items[i].link);
    }
    LIST_FOR_EACH_SAFE (l, &head) {
        if (LIST_ENTRY(l, struct item, link)->id % 3 != 1) {
            list_remove(l);
        }
    }
    LIST_FOR_EACH (l, &head) {
        CHECK_INT(LIST_ENTRY(l, struct item, link)->id, 3 * left + 1);
        left++;
    }
    CHECK_INT(left, ITEMS / 3);
}

static const struct test_case cases[] = {
    {"random_walk", random_walk},
    {"remove_while_walking", remove_while_walking},
};
TEST_MAIN(cases)
