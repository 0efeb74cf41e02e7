/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing leads out of the folder. */
#include "dir_test.h"

#include <time.h>

static void make_links(struct world *w)
{
    char target[128];
    mkdirat(w->fd, "sub", 0755);
    put_file(w->fd, "sub/inside", "inside");
    snprintf(target, sizeof(target), "%s/secret", w->base);
    symlinkat(target, w->fd, "absolute");
    symlinkat("../secret", w->fd, "dotdot");
    symlinkat("..", w->fd, "parent");
    symlinkat("/", w->fd, "slash");
    symlinkat("/proc/self/root", w->fd, "magic");
    symlinkat("/proc/self/cwd", w->fd, "magic2");
    symlinkat("sub/../../secret", w->fd, "round");
    symlinkat("absolute", w->fd, "chain");
    symlinkat("self", w->fd, "self");
    symlinkat("nowhere", w->fd, "dangling");
    symlinkat("sub/inside", w->fd, "good");
    symlinkat("../sub/inside", w->fd, "sub/good2");
    symlinkat("sub", w->fd, "gooddir");
    snprintf(target, sizeof(target), "%s/sub/inside", w->share);
    symlinkat(target, w->fd, "home");
    snprintf(target, sizeof(target), "%s//sub/.", w->share);
    symlinkat(target, w->fd, "homedir");
    symlinkat("../homedir", w->fd, "sub/home2");
    snprintf(target, sizeof(target), "%s/sub/../../secret", w->share);
    symlinkat(target, w->fd, "home-round");
    snprintf(target, sizeof(target), "%s-not/secret", w->share);
    symlinkat(target, w->fd, "neighbour");
    snprintf(target, sizeof(target), "%s/home-self", w->share);
    symlinkat(target, w->fd, "home-self");
}

enum { LINKS = 17 }; /* in the root */

static const char *const leading_out[] = {
    "absolute",     "dotdot",
    "parent",       "parent/secret",
    "slash",        "slash/etc/passwd",
    "magic",        "magic2",
    "magic/etc",    "round",
    "chain",        "self",
    "parent/share", "sub/../../secret",
    "..",           "../secret",
    "sub/../..",    "home-round",
    "neighbour",    "home-self",
    "home-self/x",  "homedir/../../secret",
};

static void test_links_out(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    make_links(&w);
    for (size_t i = 0; i < sizeof(leading_out) / sizeof(leading_out[0]); i++) {
        struct smbkit_attr attr;
        void *f = NULL;
        char path[64];
        test_context("%s", leading_out[i]);
        CHECK(!SMBKIT_OK(pt_try(&w.t, leading_out[i])));
        CHECK(!SMBKIT_OK(try_access(&w.t, leading_out[i], SMBKIT_READ_ATTRIBUTES)));
        /* a look tells of the link itself at most */
        CHECK(!SMBKIT_OK(pt_lookup(&w.t, leading_out[i], &attr)) ||
              attr.attributes == SMBKIT_ATTR_REPARSE_POINT);
        CHECK(
            !SMBKIT_OK(pt_create_kind(&w.t, leading_out[i], SMBKIT_CREATE, SMBKIT_KIND_FILE, &f)));
        snprintf(path, sizeof(path), "%s/new", leading_out[i]);
        CHECK(!SMBKIT_OK(pt_create_kind(&w.t, path, SMBKIT_CREATE, SMBKIT_KIND_FILE, &f)));
        CHECK(!SMBKIT_OK(pt_create_kind(&w.t, path, SMBKIT_CREATE, SMBKIT_KIND_DIRECTORY, &f)));
        CHECK(!SMBKIT_OK(pt_rename(&w.t, "sub/inside", path, 1)));
        f = pt_any(&w.t, "sub/inside");
        CHECK(!SMBKIT_OK(pt_link_file(&w.t, f, path, 1)));
        pt_close(&w.t, f);
    }
    struct stat st;
    CHECK(fstatat(w.base_fd, "new", &st, 0) != 0);
    CHECK_INT(fstatat(w.base_fd, "secret", &st, 0), 0);
    CHECK_INT(st.st_nlink, 1);
    world_end(&w);
}

/* A link that stays inside is what it leads to; removing it leaves that alone. */
static void test_links_inside(void)
{
    struct world w;
    struct stat st;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    make_links(&w);
    struct pt *t = &w.t;
    static struct pt_page page;
    char buf[8] = {0};
    void *f = pt_any(t, "gooddir/good2");
    CHECK_INT(pt_read(t, f, 0, buf, 8), 6);
    CHECK_STR(buf, "inside");
    pt_close(t, f);
    void *dir = pt_any(t, "");
    page.cookie = 0;
    CHECK_INT(pt_list(t, dir, &page, 60), LINKS + 1);
    for (uint32_t i = 0; i < page.count; i++) {
        bool is_sub = strcmp(page.names[i], "sub") == 0;
        bool is_good = strcmp(page.names[i], "good") == 0 || strcmp(page.names[i], "home") == 0;
        test_context("%s", page.names[i]);
        CHECK_INT(page.attrs[i].attributes, is_sub    ? SMBKIT_ATTR_DIRECTORY
                                            : is_good ? SMBKIT_ATTR_ARCHIVE
                                                      : SMBKIT_ATTR_REPARSE_POINT);
    }
    test_context("after");
    pt_close(t, dir);
    dir = pt_any(t, "sub");
    page.cookie = 0;
    CHECK_INT(pt_list(t, dir, &page, 60), 3); /* inside, good2, home2 */
    pt_close(t, dir);
    CHECK_INT(pt_rename(t, "good", "better", 0), 0);
    CHECK_INT(fstatat(w.fd, "better", &st, AT_SYMLINK_NOFOLLOW), 0);
    CHECK(S_ISLNK(st.st_mode));
    CHECK_INT(pt_remove(t, "better"), 0);
    CHECK_INT(pt_remove(t, "gooddir"), 0);
    CHECK_INT(fstatat(w.fd, "sub/inside", &st, 0), 0);
    world_end(&w);
}

/* Links of DFS, and what a client may have put beside them under the names that they say. */
static void test_links_of_dfs(void)
{
    static const char *const paths[] = {"dfs", "dfs2", "to-dfs", "sub/dfs"};
    struct world w;
    struct smbkit_attr attr;
    static struct pt_page page;
    char below[64];
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    symlinkat("msdfs:srv\\data", w.fd, "dfs");
    symlinkat("MSDFS:srv/data", w.fd, "dfs2");
    symlinkat("sub/dfs", w.fd, "to-dfs");
    mkdirat(w.fd, "sub", 0755);
    symlinkat("msdfs:srv\\data", w.fd, "sub/dfs");
    mkdirat(w.fd, "msdfs:srv\\data", 0755);
    mkdirat(w.fd, "MSDFS:srv", 0755);
    mkdirat(w.fd, "MSDFS:srv/data", 0755);
    mkdirat(w.fd, "sub/msdfs:srv\\data", 0755);
    put_file(w.fd, "msdfs:srv\\data/x", "x");
    put_file(w.fd, "MSDFS:srv/data/x", "x");
    put_file(w.fd, "sub/msdfs:srv\\data/x", "x");
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        void *f = NULL;
        test_context("%s", paths[i]);
        CHECK_INT(pt_try(&w.t, paths[i]), SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED);
        CHECK_INT(pt_lookup(&w.t, paths[i], &attr), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(attr.attributes, SMBKIT_ATTR_REPARSE_POINT);
        snprintf(below, sizeof(below), "%s/x", paths[i]);
        CHECK_INT(pt_try(&w.t, below), SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
        snprintf(below, sizeof(below), "%s/new", paths[i]);
        CHECK(!SMBKIT_OK(pt_create_kind(&w.t, below, SMBKIT_CREATE, SMBKIT_KIND_FILE, &f)));
        CHECK(!SMBKIT_OK(pt_create_kind(&w.t, below, SMBKIT_CREATE, SMBKIT_KIND_DIRECTORY, &f)));
    }
    test_context("a file in the place");
    symlinkat("msdfs:a\\b", w.fd, "dfs3");
    put_file(w.fd, "msdfs:a\\b", "x");
    CHECK_INT(pt_try(&w.t, "dfs3"), SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED);
    void *dir = pt_any(&w.t, "");
    page.cookie = 0;
    pt_list(&w.t, dir, &page, 60);
    for (uint32_t i = 0; i < page.count; i++) {
        if (strcmp(page.names[i], "dfs3") == 0) {
            CHECK_INT(page.attrs[i].attributes, SMBKIT_ATTR_REPARSE_POINT);
        }
    }
    pt_close(&w.t, dir);
    world_end(&w);
}

/* Absolute links that lead back into the folder, under its present name as well. */
static void test_links_absolute(void)
{
    static const char *const paths[] = {"home", "homedir/inside", "sub/home2/inside",
                                        "homedir/home2/good2"};
    struct world w;
    char moved[100];
    char buf[8] = {0};
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    make_links(&w);
    snprintf(moved, sizeof(moved), "%s/moved", w.base);
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
            test_context("%s, round %u", paths[i], round);
            void *f = pt_any(&w.t, paths[i]);
            CHECK_INT(pt_read(&w.t, f, 0, buf, 8), 6);
            CHECK_STR(buf, "inside");
            pt_close(&w.t, f);
        }
        /* what was shared is still where the links say, for the server */
        CHECK_INT(rename(round == 0 ? w.share : moved, round == 0 ? moved : w.share), 0);
    }
    pt_close(&w.t, pt_new(&w.t, "homedir/made"));
    struct stat st;
    CHECK_INT(fstatat(w.fd, "sub/made", &st, 0), 0);
    world_end(&w);
}

static smbkit_status open_itself(struct pt *t, const char *path, void **file_r,
                                 struct smbkit_attr *attr)
{
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_OPEN,
                                .path = path,
                                .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT,
                                .access = SMBKIT_READ_DATA | SMBKIT_DELETE};
    return pt_create(t, &how, file_r, attr);
}

/* Every link can be opened as itself, renamed, removed; what it leads to stays as it is. */
static void check_itself(struct world *w)
{
    struct pt *t = &w->t;
    static struct pt_page page;
    char buf[8];
    void *dir = pt_any(t, "");
    page.cookie = 0;
    CHECK_INT(pt_list(t, dir, &page, 60), LINKS + 1);
    for (uint32_t i = 0; i < page.count; i++) {
        void *f = NULL;
        struct smbkit_attr attr;
        if (strcmp(page.names[i], "sub") == 0) {
            continue;
        }
        test_context("%s", page.names[i]);
        CHECK_INT(open_itself(t, page.names[i], &f, &attr), 0);
        CHECK_INT(attr.attributes, SMBKIT_ATTR_REPARSE_POINT);
        CHECK_INT(attr.reparse_tag, 0xa000000c);
        CHECK_INT(pt_read(t, f, 0, buf, 8), 0);
        attr.attributes = SMBKIT_ATTR_NORMAL;
        CHECK_INT(pt_setattr(t, f, SMBKIT_HAS_ATTRIBUTES, &attr), 0);
        CHECK_INT(pt_rename_file(t, f, "renamed", 0), 0);
        CHECK_INT(pt_remove_file(t, f), 0);
        pt_close(t, f);
    }
    test_context("left");
    page.cookie = 0;
    CHECK_INT(pt_list(t, dir, &page, 60), 1);
    pt_close(t, dir);
    struct stat st;
    CHECK_INT(fstatat(w->base_fd, "secret", &st, 0), 0);
    CHECK_INT(fstatat(w->fd, "sub/inside", &st, 0), 0);
}

static void test_links_themselves(void)
{
    struct world w;
    struct smbkit_attr attr;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    make_links(&w);
    CHECK_INT(pt_try(&w.t, "dangling"), SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED);
    CHECK_INT(pt_try(&w.t, "absolute"), SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED);
    CHECK_INT(pt_try(&w.t, "self"), SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED);
    CHECK_INT(pt_lookup(&w.t, "dangling", &attr), 0);
    CHECK_INT(attr.attributes, SMBKIT_ATTR_REPARSE_POINT);
    check_itself(&w);
    world_end(&w);
}

static void test_links_not_followed(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", "symlinks=nofollow")) {
        return;
    }
    make_links(&w);
    CHECK_INT(pt_try(&w.t, "good"), SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED);
    CHECK_INT(pt_try(&w.t, "home"), SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED);
    CHECK_INT(pt_try(&w.t, "gooddir/inside"), SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    CHECK_INT(pt_try(&w.t, "homedir/inside"), SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    CHECK_INT(pt_try(&w.t, "sub/inside"), 0);
    check_itself(&w);
    world_end(&w);
}

/* A thread that keeps exchanging a directory and a link to the outside, as an attacker on the host
 * would. */
struct swapper {
    int fd;
    atomic_int stop;
};

static void *swap(void *arg)
{
    struct swapper *s = arg;
    while (!atomic_load(&s->stop)) {
        (void)renameat2(s->fd, "door", s->fd, "other", RENAME_EXCHANGE);
    }
    return NULL;
}

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* All that a client could do through the door. True: it saw or changed something outside. */
static void try_door(struct pt *t, unsigned *opened)
{
    char buf[8] = {0};
    static struct pt_page page;
    void *f = NULL;
    if (SMBKIT_OK(pt_create_kind(t, "door/secret", SMBKIT_OPEN, SMBKIT_KIND_FILE, &f))) {
        ++*opened;
        CHECK_INT(pt_read(t, f, 0, buf, 8), 4);
        CHECK_STR(buf, "mine");
        pt_close(t, f);
    }
    if (SMBKIT_OK(pt_create_kind(t, "door/new", SMBKIT_CREATE, SMBKIT_KIND_FILE, &f))) {
        CHECK_INT(pt_write(t, f, 0, "x", 1), 0);
        (void)pt_rename_file(t, f, "door/newer", 1);
        (void)pt_link_file(t, f, "door/link", 1);
        pt_close(t, f);
    }
    (void)pt_remove(t, "door/new");
    (void)pt_remove(t, "door/link");
    if (SMBKIT_OK(pt_create_kind(t, "door/dir", SMBKIT_CREATE, SMBKIT_KIND_DIRECTORY, &f))) {
        pt_close(t, f);
    }
    (void)pt_remove(t, "door/dir");
    if (SMBKIT_OK(pt_create_kind(t, "door", SMBKIT_OPEN, SMBKIT_KIND_DIRECTORY, &f))) {
        page.cookie = 0;
        pt_list(t, f, &page, 60);
        CHECK(!pt_page_has(&page, "outside-only"));
        pt_close(t, f);
    }
}

static void test_swapped(void)
{
    struct world w;
    struct swapper s = {0};
    pthread_t thread;
    unsigned opened = 0;
    struct stat st;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    put_file(w.base_fd, "outside-only", "secret");
    mkdirat(w.fd, "door", 0755);
    put_file(w.fd, "door/secret", "mine");
    symlinkat(w.base, w.fd, "other");
    s.fd = w.fd;
    CHECK_INT(pthread_create(&thread, NULL, swap, &s), 0);
    for (double end = now_s() + 0.5; now_s() < end;) {
        try_door(&w.t, &opened);
    }
    atomic_store(&s.stop, 1);
    pthread_join(thread, NULL);
    CHECK(opened > 0);
    static const char *const names[] = {"new", "newer", "link", "dir"};
    for (size_t i = 0; i < 4; i++) {
        CHECK(fstatat(w.base_fd, names[i], &st, AT_SYMLINK_NOFOLLOW) != 0);
    }
    CHECK_INT(fstatat(w.base_fd, "secret", &st, 0), 0);
    CHECK_INT(st.st_size, 6);
    world_end(&w);
}

/* Four clients in one directory; run under TSan. */
static void *work(void *arg)
{
    struct pt t = *(struct pt *)arg;
    uint64_t seed = (uint64_t)(uintptr_t)&seed;
    char path[32];
    char buf[100] = {0};
    for (int i = 0; i < 500; i++) {
        void *f = NULL;
        uint64_t r = test_random(&seed);
        snprintf(path, sizeof(path), "shared/%d", (int)(r % 8));
        uint32_t how = r & 0x100 ? SMBKIT_CREATE : SMBKIT_OPEN;
        if (!SMBKIT_OK(pt_create_kind(&t, path, how, SMBKIT_KIND_FILE, &f))) {
            continue;
        }
        snprintf(path, sizeof(path), "shared/%d", (int)(r / 8 % 8));
        (void)pt_write(&t, f, r % 5000, buf, sizeof(buf));
        (void)pt_read(&t, f, r % 5000, buf, sizeof(buf));
        if ((r >> 12 & 3) == 0) {
            (void)pt_remove_file(&t, f);
        } else if ((r >> 12 & 3) == 1) {
            (void)pt_rename_file(&t, f, path, 1);
        }
        pt_close(&t, f);
    }
    return NULL;
}

/* One handle used by several threads at once. */
static void *share_handle(void *arg)
{
    void **both = arg;
    struct pt t = *(struct pt *)both[0];
    struct smbkit_attr set = {.attributes = SMBKIT_ATTR_HIDDEN, .write_time = 1ull << 57};
    char buf[16] = {0};
    for (int i = 0; i < 200; i++) {
        (void)pt_write(&t, both[1], 0, buf, 16);
        (void)pt_setattr(&t, both[1], SMBKIT_HAS_ATTRIBUTES | SMBKIT_HAS_WRITE_TIME, &set);
        (void)pt_rename_file(&t, both[1], i % 2 ? "shared/x" : "shared/y", 1);
        pt_attr(&t, both[1]);
    }
    return NULL;
}

static void test_threads(void)
{
    struct world w;
    pthread_t threads[4];
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    pt_mkdir(&w.t, "shared");
    for (int i = 0; i < 4; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, work, &w.t), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    void *both[2] = {&w.t, pt_new(&w.t, "shared/x")};
    for (int i = 0; i < 4; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, share_handle, both), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK_INT(pt_remove_file(&w.t, both[1]), 0);
    pt_close(&w.t, both[1]);
    world_end(&w);
}

static const struct test_case cases[] = {
    {"links that lead out", test_links_out},
    {"links that stay inside", test_links_inside},
    {"absolute links that stay inside", test_links_absolute},
    {"links of DFS", test_links_of_dfs},
    {"links themselves", test_links_themselves},
    {"symlinks=nofollow", test_links_not_followed},
    {"a link swapped in all the time", test_swapped},
    {"threads", test_threads},
};

TEST_MAIN(cases)
