/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered is never what was: xattrs, and whole listings. */
#include "dir_test.h"

#include <time.h>

static void wait_ms(long ms)
{
    const struct timespec ts = {.tv_nsec = ms * 1000000};
    nanosleep(&ts, NULL);
}

/* The text behind the descriptor, of make_descriptor. */
static smbkit_status get_security(struct pt *t, void *f, char *text)
{
    uint32_t len = 0;
    uint8_t sd[DESCRIPTOR_MAX];
    smbkit_status st = pt_get_security(t, f, sd, sizeof(sd), &len);
    size_t text_len = SMBKIT_OK(st) && len > 20 && len < 35 ? len - 20 : 0;
    memcpy(text, sd + 20, text_len);
    text[text_len] = '\0';
    return st;
}

/* Change the text on the host; it is as long. */
static void set_on_host(const char *path, const char *text)
{
    uint8_t blob[256];
    const char *name = "security.NTACL";
    ssize_t n = getxattr(path, name, blob, sizeof(blob));
    if (n < 0) {
        name = "user.NTACL";
        n = getxattr(path, name, blob, sizeof(blob));
    }
    CHECK(n > (ssize_t)strlen(text));
    memcpy(blob + n - strlen(text), text, strlen(text));
    CHECK_INT(setxattr(path, name, blob, (size_t)n, 0), 0);
}

static bool has_xattrs(struct world *w)
{
    return fsetxattr(w->fd, "user.smbkit.try", "", 0, 0) == 0 &&
           fremovexattr(w->fd, "user.smbkit.try") == 0;
}

/* Opened anew, so that it is asked for as a CREATE does. */
static void check_security(struct world *w, const char *want)
{
    char text[16];
    void *f = pt_any(&w->t, "f");
    CHECK_INT(get_security(&w->t, f, text), want ? 0 : SMBKIT_STATUS_NOT_FOUND);
    CHECK_STR(text, want ? want : "");
    pt_close(&w->t, f);
}

static void test_descriptors(void)
{
    struct world w;
    char path[128];
    char text[16];
    uint8_t sd[DESCRIPTOR_MAX];
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    if (has_xattrs(&w)) {
        put_file(w.fd, "f", "f");
        snprintf(path, sizeof(path), "%s/f", w.share);
        check_security(&w, NULL);
        void *f = pt_any(&w.t, "f");
        for (int i = 0; i < 3; i++) {
            /* by us: at once */
            snprintf(text, sizeof(text), "ours%d", i);
            CHECK_INT(pt_set_security(&w.t, f, sd, make_descriptor(sd, text)), 0);
            check_security(&w, text);
            /* on the host: as soon as it is looked at with other eyes */
            snprintf(text, sizeof(text), "host%d", i);
            set_on_host(path, text);
            wait_ms(150);
            check_security(&w, text);
        }
        CHECK_INT(pt_set_security(&w.t, f, NULL, 0), 0);
        check_security(&w, NULL);
        pt_close(&w.t, f);
    }
    world_end(&w);
}

/* Another file with the same inode number has none of what the first one had. */
static void test_number_used_again(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    for (int i = 0; i < 20; i++) {
        uint8_t sd[DESCRIPTOR_MAX];
        struct smbkit_create how = {.struct_size = sizeof(how),
                                    .disposition = SMBKIT_CREATE,
                                    .kind = SMBKIT_KIND_FILE,
                                    .path = "f",
                                    .attributes = SMBKIT_ATTR_HIDDEN,
                                    .security = {.base = sd, .len = make_descriptor(sd, "abc")}};
        struct smbkit_attr attr;
        void *f = NULL;
        CHECK_INT(pt_create(&w.t, &how, &f, &attr), 0);
        pt_close(&w.t, f);
        CHECK_INT(pt_remove(&w.t, "f"), 0);
        put_file(w.fd, "f", "f");
        f = pt_any(&w.t, "f");
        CHECK_INT(pt_attr(&w.t, f).attributes, SMBKIT_ATTR_ARCHIVE);
        pt_close(&w.t, f);
        check_security(&w, NULL);
        CHECK_INT(unlinkat(w.fd, "f", 0), 0);
    }
    world_end(&w);
}

/* A backup takes ARCHIVE away; a file that is open already gets it back with the next write. */
static void test_archive(void)
{
    struct world w;
    struct smbkit_attr set = {.attributes = SMBKIT_ATTR_NORMAL};
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    if (has_xattrs(&w)) {
        void *f = pt_new(&w.t, "f");
        void *backup = pt_any(&w.t, "f");
        for (int i = 0; i < 3; i++) {
            CHECK_INT(pt_attr(&w.t, f).attributes, SMBKIT_ATTR_ARCHIVE);
            CHECK_INT(pt_setattr(&w.t, backup, SMBKIT_HAS_ATTRIBUTES, &set), 0);
            CHECK_INT(pt_attr(&w.t, f).attributes, SMBKIT_ATTR_NORMAL);
            CHECK_INT(pt_write(&w.t, f, 0, "x", 1), 0);
        }
        pt_close(&w.t, backup);
        pt_close(&w.t, f);
    }
    world_end(&w);
}

/* The attributes of a name in the listing of "d", which is asked for twice: the second time may be
 * from memory. attributes 0: it is not there. */
static struct smbkit_attr listed(struct pt *t, const char *name)
{
    static struct pt_page page;
    struct smbkit_attr found = {0};
    for (int turn = 0; turn < 2; turn++) {
        struct smbkit_attr attr = {0};
        void *dir = pt_any(t, "d");
        page.cookie = 0;
        (void)pt_list(t, dir, &page, 60);
        for (uint32_t i = 0; i < page.count; i++) {
            if (strcmp(page.names[i], name) == 0) {
                attr = page.attrs[i];
            }
        }
        pt_close(t, dir);
        CHECK(turn == 0 || memcmp(&attr, &found, sizeof(attr)) == 0);
        found = attr;
    }
    return found;
}

static void check_listing(struct world *w)
{
    struct pt *t = &w->t;
    CHECK_INT(listed(t, "f").size, 1);
    put_file(w->fd, "d/f", "three");
    CHECK_INT(listed(t, "f").size, 5);
    put_file(w->fd, "d/new", "new");
    CHECK_INT(listed(t, "new").size, 3);
    CHECK_INT(renameat(w->fd, "d/new", w->fd, "d/newer"), 0);
    CHECK_INT(listed(t, "new").attributes, 0);
    CHECK_INT(listed(t, "newer").size, 3);
    CHECK_INT(unlinkat(w->fd, "d/newer", 0), 0);
    CHECK_INT(listed(t, "newer").attributes, 0);
    CHECK_INT(fchmodat(w->fd, "d/f", 0444, 0), 0);
    CHECK_INT(listed(t, "f").attributes, SMBKIT_ATTR_ARCHIVE | SMBKIT_ATTR_READONLY);
    CHECK_INT(fchmodat(w->fd, "d/f", 0644, 0), 0);
    /* by another name of the file, in another directory */
    CHECK_INT(linkat(w->fd, "d/f", w->fd, "other", 0), 0);
    CHECK_INT(listed(t, "f").link_count, 2);
    put_file(w->fd, "other", "by the other name");
    wait_ms(150);
    CHECK_INT(listed(t, "f").size, 17);
    /* what is in a directory below changes its times */
    uint64_t before = listed(t, "sub").write_time;
    wait_ms(150);
    put_file(w->fd, "d/sub/x", "x");
    CHECK(listed(t, "sub").write_time != before);
    /* what a link leads to */
    CHECK_INT(listed(t, "link").size, 6);
    put_file(w->fd, "target", "longer now");
    wait_ms(150);
    CHECK_INT(listed(t, "link").size, 10);
}

static void check_listing_of_ours(struct world *w)
{
    struct pt *t = &w->t;
    struct smbkit_attr set = {.attributes = SMBKIT_ATTR_HIDDEN, .write_time = 1ull << 57};
    void *f = pt_any(t, "d/f");
    CHECK_INT(pt_write(t, f, 100, "x", 1), 0);
    CHECK_INT(listed(t, "f").size, 101);
    CHECK_INT(pt_set_size(t, f, 50), 0);
    CHECK_INT(listed(t, "f").size, 50);
    CHECK_INT(pt_setattr(t, f, SMBKIT_HAS_WRITE_TIME, &set), 0);
    CHECK_INT(listed(t, "f").write_time, set.write_time);
    if (has_xattrs(w)) {
        CHECK_INT(pt_setattr(t, f, SMBKIT_HAS_ATTRIBUTES, &set), 0);
        CHECK_INT(listed(t, "f").attributes, SMBKIT_ATTR_HIDDEN);
    }
    CHECK_INT(pt_rename_file(t, f, "d/g", 0), 0);
    CHECK_INT(listed(t, "f").attributes, 0);
    CHECK_INT(pt_remove_file(t, f), 0);
    CHECK_INT(listed(t, "g").attributes, 0);
    pt_close(t, f);
}

static void test_listings(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    mkdirat(w.fd, "d", 0755);
    mkdirat(w.fd, "d/sub", 0755);
    put_file(w.fd, "d/f", "1");
    put_file(w.fd, "target", "target");
    symlinkat("../target", w.fd, "d/link");
    check_listing(&w);
    CHECK_INT(unlinkat(w.fd, "other", 0), 0);
    check_listing_of_ours(&w);
    world_end(&w);
}

/* More directories than listings are kept of, and one that is exchanged for another. */
static void test_many_directories(void)
{
    struct world w;
    static struct pt_page page;
    char name[32];
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < 50; i++) {
            snprintf(name, sizeof(name), "d%d", i);
            (void)mkdirat(w.fd, name, 0755);
            snprintf(name, sizeof(name), "d%d/f%d", i, turn);
            put_file(w.fd, name, "x");
            *strchr(name, '/') = '\0';
            void *dir = pt_any(&w.t, name);
            page.cookie = 0;
            CHECK_INT(pt_list(&w.t, dir, &page, 60), turn + 1);
            pt_close(&w.t, dir);
        }
    }
    CHECK_INT(renameat2(w.fd, "d48", w.fd, "d49", RENAME_EXCHANGE), 0);
    CHECK_INT(unlinkat(w.fd, "d48/f0", 0), 0);
    void *dir = pt_any(&w.t, "d48");
    page.cookie = 0;
    CHECK_INT(pt_list(&w.t, dir, &page, 60), 2);
    pt_close(&w.t, dir);
    dir = pt_any(&w.t, "d49");
    page.cookie = 0;
    CHECK_INT(pt_list(&w.t, dir, &page, 60), 3);
    pt_close(&w.t, dir);
    world_end(&w);
}

static uint64_t told(struct world *w, const char *path)
{
    struct smbkit_attr attr = {.struct_size = sizeof(attr)};
    pt_events[0] = '\0';
    CHECK_INT(pt_lookup(&w->t, path, &attr), 0);
    return attr.names_told;
}

/* Whoever makes names, by whatever path: all are told before a look at the directory answers. */
static void test_names_told(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    mkdirat(w.fd, "d", 0755);
    CHECK_INT(symlinkat("d", w.fd, "link"), 0);
    uint64_t number = told(&w, "d");
    if (number == 0) {
        printf("# no inotify here\n");
        world_end(&w);
        return;
    }
    CHECK_STR(pt_events, "");
    put_file(w.fd, "d/one", "");
    CHECK(told(&w, "d") == number);
    CHECK_STR(pt_events, "1:d/one ");
    CHECK(told(&w, "d") == number);
    CHECK_STR(pt_events, "");
    uint64_t other = told(&w, "link");
    CHECK(other != 0 && other != number);
    put_file(w.fd, "link/two", "");
    CHECK_INT(renameat(w.fd, "d/one", w.fd, "d/o:ne"), 0); /* shown otherwise */
    CHECK_INT(unlinkat(w.fd, "d/two", 0), 0);
    CHECK(told(&w, "link") == other);
    CHECK_STR(pt_events, "1:d/two 1:link/two 2:d/one 2:link/one "
                         "1:d/o\xef\x80\xa2ne 1:link/o\xef\x80\xa2ne 2:d/two 2:link/two ");
    /* Not of what is in it, nor of another that has its path by now. */
    mkdirat(w.fd, "d/sub", 0755);
    put_file(w.fd, "d/sub/x", "");
    CHECK(told(&w, "d") == number);
    CHECK_STR(pt_events, "1:d/sub 1:link/sub ");
    CHECK_INT(renameat(w.fd, "d", w.fd, "e"), 0);
    mkdirat(w.fd, "d", 0755);
    uint64_t fresh = told(&w, "d");
    CHECK(fresh != 0 && fresh != number);
    world_end(&w);
}

/* Two names that are exchanged are both there afterwards; of what went on at once that is looked
 * for: the kernel tells the same. */
static void test_exchange_told(void)
{
    struct world w;
    char name[16];
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    mkdirat(w.fd, "d", 0755);
    mkdirat(w.fd, "e", 0755);
    put_file(w.fd, "d/a", "a");
    put_file(w.fd, "d/b", "b");
    put_file(w.fd, "e/c", "c");
    uint64_t number = told(&w, "d");
    uint64_t other = told(&w, "e");
    if (number == 0) {
        printf("# no inotify here\n");
        world_end(&w);
        return;
    }
    CHECK_INT(renameat2(w.fd, "d/a", w.fd, "d/b", RENAME_EXCHANGE), 0);
    CHECK(told(&w, "d") == number);
    CHECK_STR(pt_events, "2:d/a 1:d/b 1:d/a ");
    CHECK_INT(renameat2(w.fd, "d/a", w.fd, "e/c", RENAME_EXCHANGE), 0);
    CHECK(told(&w, "d") == number);
    CHECK_STR(pt_events, "1:e/c 1:d/a ");
    CHECK(told(&w, "e") == other);
    CHECK_STR(pt_events, "");
    /* The same but for where it goes: gone. */
    CHECK_INT(renameat(w.fd, "d/a", w.fd, "d/x"), 0);
    CHECK_INT(renameat(w.fd, "d/x", w.fd, "d/y"), 0);
    CHECK(told(&w, "d") == number);
    CHECK_STR(pt_events, "1:d/x 1:d/y 2:d/x 2:d/a ");
    /* More at once than are looked for. */
    for (unsigned i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "d/n%u", i);
        put_file(w.fd, name, "");
        CHECK_INT(renameat2(w.fd, "d/y", w.fd, name, RENAME_EXCHANGE), 0);
    }
    uint64_t again = told(&w, "d");
    CHECK(again != 0 && again != number);
    world_end(&w);
}

/* More directories than are watched: whose turn came and went has another number. */
static void test_many_told(void)
{
    struct world w;
    char name[16];
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    uint64_t first = told(&w, "");
    for (unsigned i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "d%u", i);
        mkdirat(w.fd, name, 0755);
        CHECK(first == 0 || told(&w, name) != 0);
    }
    uint64_t again = told(&w, "");
    CHECK(first == 0 || (again != 0 && again != first));
    world_end(&w);
}

static const struct test_case cases[] = {
    {"descriptors", test_descriptors},
    {"an inode's number used again", test_number_used_again},
    {"ARCHIVE taken away", test_archive},
    {"listings", test_listings},
    {"many directories", test_many_directories},
    {"names told", test_names_told},
    {"names told that are exchanged", test_exchange_told},
    {"names told of many directories", test_many_told},
};

TEST_MAIN(cases)
