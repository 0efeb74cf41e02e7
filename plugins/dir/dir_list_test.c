/* SPDX-License-Identifier: Apache-2.0 */
/* What a listing asks the kernel for: of each name once, and of none before its turn. */
#include "dir_test.h"

#include <malloc.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned looks; /* at names, without those at files that are open */

/* In the place of the C library's. */
int statx(int fd, const char *restrict path, int flags, unsigned mask, struct statx *restrict stx)
{
    looks += path[0] != '\0';
    return (int)syscall(SYS_statx, fd, path, flags, mask, stx);
}

#define FEW 500
#define MANY 2500 /* more than are kept */

static void *make_folder(struct world *w, unsigned count)
{
    char name[16];
    mkdirat(w->fd, "d", 0755);
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "d/%u", i);
        put_file(w->fd, name, "");
    }
    return pt_any(&w->t, "d");
}

/* From the beginning, so many at a time, up to most; each name once. */
static unsigned list_up_to(struct world *w, void *d, unsigned room, unsigned most)
{
    static bool seen[MANY];
    struct pt_page page = {0};
    unsigned total = 0;
    memset(seen, 0, sizeof(seen));
    while (total < most && pt_list(&w->t, d, &page, room) > 0) {
        for (unsigned i = 0; i < page.count; i++) {
            unsigned n = (unsigned)strtoul(page.names[i], NULL, 10);
            CHECK(n < MANY && !seen[n]);
            seen[n % MANY] = true;
            CHECK(page.attrs[i].attributes != 0);
        }
        total += page.count;
    }
    return total;
}

/* Who asks for the beginning pays for no more. */
static void test_begun(void)
{
    static const unsigned counts[] = {FEW, MANY};
    for (size_t i = 0; i < 2; i++) {
        struct world w;
        if (!world_start(&w, "/tmp", NULL)) {
            return;
        }
        void *d = make_folder(&w, counts[i]);
        looks = 0;
        CHECK_INT(list_up_to(&w, d, 10, 10), 10);
        CHECK(looks <= 20); /* one that had no room, and the first ones' xattrs */
        CHECK_INT(list_up_to(&w, d, 10, 30), 30);
        CHECK(looks <= 60);
        pt_close(&w.t, d);
        world_end(&w);
    }
}

static void test_whole(void)
{
    static const unsigned rooms[] = {1, 7, 64};
    for (size_t i = 0; i < 3; i++) {
        struct world w;
        if (!world_start(&w, "/tmp", NULL)) {
            return;
        }
        test_context("%u at a time", rooms[i]);
        void *d = make_folder(&w, MANY);
        looks = 0;
        CHECK_INT(list_up_to(&w, d, rooms[i], MANY + 1), MANY);
        CHECK(looks <= MANY + MANY / rooms[i] + 20);
        pt_close(&w.t, d);
        world_end(&w);
    }
    test_context("%s", "");
}

/* At the end the listing of a small one is kept, and holds until something changes; while one is
 * under way too. */
static void test_kept(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    void *d = make_folder(&w, FEW);
    void *other = pt_any(&w.t, "d");
    CHECK_INT(list_up_to(&w, d, 64, FEW + 1), FEW);
    looks = 0;
    CHECK_INT(list_up_to(&w, other, 64, FEW + 1), FEW);
    bool is_kept = looks == 0; /* where there is inotify */
    put_file(w.fd, "d/500", "");
    CHECK_INT(list_up_to(&w, other, 64, 64), 64);
    CHECK_INT(unlinkat(w.fd, "d/500", 0), 0); /* in the middle of a listing, which is not kept */
    struct pt_page page = {0};
    while (pt_list(&w.t, other, &page, 64) > 0) {
    }
    looks = 0;
    CHECK_INT(list_up_to(&w, d, 64, FEW + 1), FEW);
    CHECK(looks >= FEW);
    looks = 0;
    CHECK_INT(list_up_to(&w, other, 64, FEW + 1), FEW);
    CHECK(!is_kept || looks == 0);
    pt_close(&w.t, other);
    pt_close(&w.t, d);
    world_end(&w);
}

/* Bytes that are allocated; 0 where the allocator does not tell. */
static size_t allocated(void)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
#else
    return 0;
#endif
}

static void *touch_and_open(struct world *w)
{
    put_file(w->fd, "d/0", "x");
    return pt_any(&w->t, "d");
}

/* Who has come to the end holds nothing of it, and the end stays one. */
static void test_over(void)
{
    enum { HANDLES = 40 };
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    pt_close(&w.t, make_folder(&w, FEW));
    void *d[HANDLES];
    size_t before = allocated();
    for (unsigned i = 0; i < HANDLES; i++) {
        struct pt_page page = {0};
        unsigned total = 0;
        d[i] = touch_and_open(&w);
        while (pt_list(&w.t, d[i], &page, 64) > 0) {
            total += page.count;
        }
        CHECK_INT(total, FEW);
        CHECK_INT(pt_list(&w.t, d[i], &page, 64), 0);
    }
    CHECK(allocated() < before + HANDLES * 8192 + (1u << 20)); /* one listing is kept */
    CHECK_INT(list_up_to(&w, d[0], 64, FEW + 1), FEW);
    for (unsigned i = 0; i < HANDLES; i++) {
        pt_close(&w.t, d[i]);
    }
    world_end(&w);
}

#define LONG_NAMES 2000

static void make_long_names(struct world *w)
{
    char name[256];
    mkdirat(w->fd, "d", 0755);
    for (unsigned i = 0; i < LONG_NAMES; i++) {
        snprintf(name, sizeof(name), "d/%04u", i);
        memset(name + 6, 0xff, 240); /* shown by three bytes each */
        name[246] = '\0';
        put_file(w->fd, name, "");
    }
}

/* What those hold who have not come to the end is bounded, and they go on as before. */
static void test_many_under_way(void)
{
    enum { HANDLES = 36, SHORT = 16 };
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    make_long_names(&w);
    static struct pt_page pages[HANDLES];
    unsigned totals[HANDLES] = {0};
    void *d[HANDLES];
    size_t before = allocated();
    for (unsigned i = 0; i < HANDLES; i++) {
        d[i] = touch_and_open(&w);
        pages[i] = (struct pt_page){0};
        while (totals[i] < LONG_NAMES - SHORT - 64) {
            totals[i] += pt_list(&w.t, d[i], &pages[i], 64);
        }
    }
    CHECK(allocated() < before + (66u << 20));
    for (unsigned i = 0; i < HANDLES; i++) {
        while (pt_list(&w.t, d[i], &pages[i], 64) > 0) {
            totals[i] += pages[i].count;
        }
        CHECK(totals[i] >= LONG_NAMES && totals[i] <= LONG_NAMES + 1); /* and the one touched */
        pt_close(&w.t, d[i]);
    }
    world_end(&w);
}

static const struct test_case cases[] = {
    {"begun", test_begun},
    {"whole", test_whole},
    {"kept", test_kept},
    {"nothing is held at the end", test_over},
    {"many under way", test_many_under_way},
};

TEST_MAIN(cases)
