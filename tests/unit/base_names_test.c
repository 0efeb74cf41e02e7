/* SPDX-License-Identifier: Apache-2.0 */
#include "base/names.h"

#include "base/mem.h"
#include "base/str.h"
#include "test.h"

static void add_and_have(void)
{
    struct names n = {0};
    char name[16];
    for (unsigned i = 0; i < 100; i++) {
        str_format(name, sizeof(name), "Name%u", 99 - i);
        CHECK(names_add(&n, name));
    }
    CHECK_INT(n.count, 100);
    CHECK(names_have(&n, "nAME7"));
    CHECK(!names_have(&n, "name"));
    CHECK(!names_have(&n, ""));
    names_sort(&n);
    CHECK_STR(n.items[0], "Name0");
    CHECK_STR(n.items[99], "Name99");
    names_fini(&n);
    CHECK_INT(n.count, 0);
    CHECK(!names_have(&n, "Name7"));
}

static void copy_with_and_without_memory(void)
{
    struct names n = {0};
    struct names copy;
    CHECK(names_add(&n, "ann") && names_add(&n, "bob"));
    for (unsigned nth = 1;; nth++) {
        mem_fail_nth(nth);
        bool ok = names_copy(&copy, &n);
        mem_fail_nth(0);
        if (ok) {
            break;
        }
        CHECK_INT(copy.count, 0);
    }
    CHECK_INT(copy.count, 2);
    CHECK_STR(copy.items[1], "bob");
    CHECK(copy.items[1] != n.items[1]);
    names_fini(&copy);
    CHECK(names_copy(&copy, NULL));
    CHECK_INT(copy.count, 0);
    names_fini(&n);
}

static const struct test_case cases[] = {
    {"add_and_have", add_and_have},
    {"copy", copy_with_and_without_memory},
};
TEST_MAIN(cases)
