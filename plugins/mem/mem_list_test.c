/* SPDX-License-Identifier: Apache-2.0 */
#include "mem_test.h"

/* Entries that are there all the time show exactly once, whatever comes and goes meanwhile. */
static void test_list_stable(void)
{
    enum { STAY = 500 };
    struct pt t;
    if (!start(&t, NULL, NULL)) {
        return;
    }
    static unsigned seen[STAY];
    memset(seen, 0, sizeof(seen));
    char name[32];
    for (int i = 0; i < STAY; i++) {
        snprintf(name, sizeof(name), "stay%d", i);
        pt_close(&t, pt_new(&t, name));
        snprintf(name, sizeof(name), "go%d", i);
        pt_close(&t, pt_new(&t, name));
    }
    uint64_t seed = 7;
    int come = 0;
    static struct pt_page page;
    page.cookie = 0;
    void *dir = pt_any(&t, "");
    while (pt_list(&t, dir, &page, 1 + (uint32_t)(test_random(&seed) % 13)) > 0) {
        for (uint32_t i = 0; i < page.count; i++) {
            int n;
            if (sscanf(page.names[i], "stay%d", &n) == 1) {
                seen[n]++;
            }
        }
        for (int i = 0; i < 20; i++) {
            snprintf(name, sizeof(name), "go%d", (int)(test_random(&seed) % STAY));
            (void)pt_remove(&t, name);
        }
        if (come < 300) {
            snprintf(name, sizeof(name), "come%d", come++);
            pt_close(&t, pt_new(&t, name));
        }
        /* A new spelling keeps the place in the order. */
        int n = (int)(test_random(&seed) % STAY);
        char upper[32];
        snprintf(name, sizeof(name), "stay%d", n);
        snprintf(upper, sizeof(upper), "STAY%d", n);
        CHECK_INT(pt_rename(&t, name, upper, 0), 0);
        CHECK_INT(pt_rename(&t, upper, name, 0), 0);
    }
    for (int i = 0; i < STAY; i++) {
        if (seen[i] != 1) {
            test_fail(__FILE__, __LINE__, "stay%d seen %u times", i, seen[i]);
        }
    }
    pt_close(&t, dir);
    pt_close_volume(&t);
}

static void fill_dir(struct pt *t, uint32_t count)
{
    char name[32];
    for (uint32_t i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%u.txt", i);
        pt_close(t, pt_new(t, name));
    }
}

static void list_all(struct pt *t, uint32_t count)
{
    static struct pt_page page;
    void *dir = pt_any(t, "");
    uint32_t total = 0;
    page.cookie = 0;
    while (pt_list(t, dir, &page, 50) > 0) {
        total += page.count;
    }
    CHECK_INT(total, count);
    pt_close(t, dir);
}

/* Pages of 50 give every name once, also where most of what was there is gone. What it costs:
 * bench/growth. */
static void test_list_large(void)
{
    struct pt t;
    if (!start(&t, NULL, NULL)) {
        return;
    }
    fill_dir(&t, 100000);
    list_all(&t, 100000);
    for (uint32_t i = 0; i < 100000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%u.TXT", i);
        if (i % 10 != 0) {
            CHECK_INT(pt_remove(&t, name), 0);
        }
    }
    list_all(&t, 10000);
    pt_close_volume(&t);
}

/* Very deep trees are freed without recursion. */
static void test_deep(void)
{
    struct pt t;
    if (!start(&t, NULL, NULL)) {
        return;
    }
    static char path[8000];
    size_t len = 0;
    for (int i = 0; i < 3000; i++) {
        path[len++] = 'd';
        path[len] = '\0';
        void *f = NULL;
        if (!SMBKIT_OK(pt_create_kind(&t, path, SMBKIT_CREATE, SMBKIT_KIND_DIRECTORY, &f))) {
            test_fail(__FILE__, __LINE__, "level %d", i);
            break;
        }
        pt_close(&t, f);
        path[len++] = '/';
    }
    pt_close_volume(&t);
}

static const struct test_case cases[] = {
    {"enumeration is stable", test_list_stable},
    {"a large directory", test_list_large},
    {"deep trees", test_deep},
};

TEST_MAIN(cases)
