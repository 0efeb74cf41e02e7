/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes, security, names, listing. */
#include "dir_test.h"

#include <sys/fsuid.h>

static void check_meta(struct pt *t)
{
    void *f = pt_new(t, "f");
    struct smbkit_attr a = pt_attr(t, f);
    CHECK_INT(a.attributes, SMBKIT_ATTR_ARCHIVE);
    CHECK(a.create_time > 132000000000000000ull);
    CHECK_INT(a.link_count, 1);
    struct smbkit_attr set = {.create_time = 116444736000000001ull + 10000000,
                              .access_time = 116444736000000002ull + 20000000,
                              .write_time = 116444736000000003ull + 30000000,
                              .attributes = SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_READONLY |
                                            SMBKIT_ATTR_DIRECTORY | SMBKIT_ATTR_COMPRESSED};
    CHECK_INT(pt_setattr(t, f, 0x1f, &set), 0);
    struct smbkit_attr b = pt_attr(t, f);
    CHECK_INT(b.attributes, SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_READONLY);
    CHECK_INT(b.create_time, set.create_time);
    CHECK_INT(b.access_time, set.access_time);
    CHECK_INT(b.write_time, set.write_time);
    /* READONLY is the core's to enforce: this handle writes on. So is that what was set through it
     * stays: it moves. */
    CHECK_INT(pt_write(t, f, 0, "x", 1), 0);
    b = pt_attr(t, f);
    CHECK_INT(b.attributes, SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_READONLY | SMBKIT_ATTR_ARCHIVE);
    CHECK(b.write_time > set.write_time);
    set.attributes = SMBKIT_ATTR_NORMAL;
    CHECK_INT(pt_setattr(t, f, SMBKIT_HAS_ATTRIBUTES, &set), 0);
    CHECK_INT(pt_attr(t, f).attributes, SMBKIT_ATTR_NORMAL);
    CHECK_INT(pt_write(t, f, 0, "x", 1), 0);
    CHECK_INT(pt_attr(t, f).attributes, SMBKIT_ATTR_ARCHIVE);
    pt_close(t, f);
    /* An O_PATH handle sets them as well. */
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_OPEN,
                                .path = "f",
                                .access = SMBKIT_WRITE_ATTRIBUTES};
    CHECK_INT(pt_create(t, &how, &f, &a), 0);
    CHECK_INT(a.create_time, set.create_time);
    set.attributes = SMBKIT_ATTR_SYSTEM;
    CHECK_INT(pt_setattr(t, f, 0x1f, &set), 0);
    b = pt_attr(t, f);
    CHECK_INT(b.attributes, SMBKIT_ATTR_SYSTEM);
    CHECK_INT(b.write_time, set.write_time);
    CHECK_INT(pt_read(t, f, 0, &set, 1), -1);
    CHECK_INT(pt_flush(t, f), 0);
    pt_close(t, f);
}

static void check_security(struct pt *t)
{
    uint8_t buf[DESCRIPTOR_MAX] = {0};
    uint8_t sd[DESCRIPTOR_MAX];
    uint32_t len = make_descriptor(sd, "0123456789");
    uint32_t needed = 99;
    struct smbkit_attr attr;
    void *f = pt_any(t, "f");
    CHECK_INT(pt_get_security(t, f, buf, 16, &needed), SMBKIT_STATUS_NOT_FOUND);
    CHECK_INT(pt_set_security(t, f, sd, len), 0);
    CHECK_INT(pt_get_security(t, f, buf, len - 1, &needed), SMBKIT_STATUS_BUFFER_TOO_SMALL);
    CHECK_INT(needed, len);
    CHECK_INT(pt_get_security(t, f, buf, len, &needed), 0);
    CHECK_MEM(buf, needed, sd, len);
    CHECK_INT(pt_set_security(t, f, NULL, 0), 0);
    CHECK_INT(pt_get_security(t, f, buf, 16, &needed), SMBKIT_STATUS_NOT_FOUND);
    pt_close(t, f);
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_CREATE,
                                .path = "d",
                                .kind = SMBKIT_KIND_DIRECTORY,
                                .attributes = SMBKIT_ATTR_HIDDEN,
                                .security = {.base = sd, .len = make_descriptor(sd, "abc")}};
    CHECK_INT(pt_create(t, &how, &f, &attr), 0);
    CHECK_INT(attr.attributes, SMBKIT_ATTR_DIRECTORY | SMBKIT_ATTR_HIDDEN);
    CHECK_INT(pt_get_security(t, f, buf, sizeof(buf), &needed), 0);
    CHECK_MEM(buf, needed, sd, how.security.len);
    pt_close(t, f);
    /* What cannot be kept leaves no half-made file behind. */
    how.path = "too-much";
    how.kind = SMBKIT_KIND_FILE;
    how.alloc_size = 1ull << 60;
    CHECK_INT(pt_create(t, &how, &f, &attr), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_try(t, "too-much"), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
}

/* What is kept in xattrs takes a block of its own on ext4: it is none of the data's. */
static void check_allocation(struct pt *t, int share)
{
    char big[300] = "";
    void *f = pt_new(t, "empty");
    struct smbkit_attr set = {.attributes = SMBKIT_ATTR_HIDDEN, .change_time = 132000000000000000u};
    CHECK_INT(pt_attr(t, f).alloc_size, 0);
    CHECK_INT(pt_setattr(t, f, SMBKIT_HAS_ATTRIBUTES | SMBKIT_HAS_CHANGE_TIME, &set), 0);
    CHECK_INT(pt_attr(t, f).change_time, set.change_time);
    CHECK_INT(pt_attr(t, f).alloc_size, 0);
    memset(big, 'x', sizeof(big) - 1);
    put_file(share, "ea", "1");
    int fd = openat(share, "ea", O_RDONLY);
    CHECK_INT(fsetxattr(fd, "user.big", big, sizeof(big), 0), 0);
    CHECK_INT(fsync(fd), 0); /* else the file system has not given it a block yet */
    close(fd);
    pt_close(t, f);
    f = pt_any(t, "ea");
    CHECK_INT(pt_attr(t, f).alloc_size, 4096);
    pt_close(t, f);
    /* What is reserved is taken, though there is no data in it yet. */
    struct smbkit_attr attr;
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_CREATE,
                                .path = "reserved",
                                .kind = SMBKIT_KIND_FILE,
                                .access = SMBKIT_READ_DATA | SMBKIT_WRITE_DATA,
                                .attributes = SMBKIT_ATTR_HIDDEN,
                                .alloc_size = 4096};
    CHECK_INT(pt_create(t, &how, &f, &attr), 0);
    CHECK_INT(attr.alloc_size, 4096);
    pt_close(t, f);
}

static bool has_xattrs(struct pt *t)
{
    return (t->features & SMBKIT_FEATURE_SECURITY) != 0;
}

static void test_meta(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    if (has_xattrs(&w.t)) {
        check_meta(&w.t);
        check_security(&w.t);
        check_allocation(&w.t, w.fd);
    } else {
        printf("# /tmp has no user xattrs\n");
    }
    world_end(&w);
}

/* File access of this thread as an ordinary user's, whoever runs the tests; 0 gives it back. */
static void become(unsigned uid)
{
    if (geteuid() == 0) {
        (void)setfsuid(uid);
    }
}

/* What cannot be read may say anything: nobody is let in. It is listed all the same, else the
 * folder could not be removed. */
static void test_unreadable(void)
{
    struct world w;
    struct smbkit_attr attr;
    static struct pt_page page;
    uint8_t buf[16];
    char path[128];
    uint32_t needed;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    put_file(w.fd, "f", "f");
    snprintf(path, sizeof(path), "%s/f", w.share);
    bool has_descriptor = setxattr(path, "user.NTACL", "x", 1, 0) == 0;
    void *f = pt_any(&w.t, "f");
    void *dir = pt_any(&w.t, "");
    if (has_descriptor && fchmodat(w.fd, "f", 0200, 0) == 0) {
        become(65534);
        CHECK_INT(pt_get_security(&w.t, f, buf, 16, &needed), SMBKIT_STATUS_ACCESS_DENIED);
        CHECK_INT(pt_get_security(&w.t, f, buf, 1, &needed), SMBKIT_STATUS_ACCESS_DENIED);
        CHECK_INT(pt_setattr(&w.t, f, SMBKIT_HAS_ATTRIBUTES, &attr), SMBKIT_STATUS_ACCESS_DENIED);
        CHECK_INT(pt_lookup(&w.t, "f", &attr), 0);
        page.cookie = 0;
        CHECK_INT(pt_list(&w.t, dir, &page, 60), 1);
        become(0);
    }
    pt_close(&w.t, dir);
    pt_close(&w.t, f);
    world_end(&w);
}

/* A blob of a later version, or of somebody else's, is as if there were none. */
static void test_foreign_blob(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    static const uint8_t later[16] = {2, 0, 0, 0, 2};
    put_file(w.fd, "f", "f");
    char path[128];
    snprintf(path, sizeof(path), "%s/f", w.share);
    void *f = pt_any(&w.t, "f");
    if (setxattr(path, "user.smbkit.dos", later, sizeof(later), 0) == 0) {
        CHECK_INT(pt_attr(&w.t, f).attributes, SMBKIT_ATTR_ARCHIVE);
        setxattr(path, "user.smbkit.dos", "\1\0\0\0\2", 5, 0);
        CHECK_INT(pt_attr(&w.t, f).attributes, SMBKIT_ATTR_ARCHIVE);
        setxattr(path, "user.smbkit.dos", "a text that is longer than it should be", 39, 0);
        CHECK_INT(pt_attr(&w.t, f).attributes, SMBKIT_ATTR_ARCHIVE);
    }
    pt_close(&w.t, f);
    world_end(&w);
}

static void test_dot_files(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", "hide-dot-files=yes")) {
        return;
    }
    put_file(w.fd, ".f", "f");
    mkdirat(w.fd, ".d", 0755);
    void *f = pt_any(&w.t, ".f");
    CHECK_INT(pt_attr(&w.t, f).attributes, SMBKIT_ATTR_ARCHIVE | SMBKIT_ATTR_HIDDEN);
    pt_close(&w.t, f);
    f = pt_any(&w.t, ".d");
    CHECK_INT(pt_attr(&w.t, f).attributes, SMBKIT_ATTR_DIRECTORY | SMBKIT_ATTR_HIDDEN);
    pt_close(&w.t, f);
    world_end(&w);
}

/* Names that SMB cannot have, both ways. */
static void test_names(void)
{
    static const struct {
        const char *host, *shown;
    } rows[] = {
        {"plain", "plain"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"a:b", "a\xef\x80\xa2"
                "b"},
        {"a\\b", "a\xef\x80\xa6"
                 "b"},
        {"*?\"<>|", "\xef\x80\xa1\xef\x80\xa5\xef\x80\xa0\xef\x80\xa3\xef\x80\xa4\xef\x80\xa7"},
        {"tab\there", "tab\xef\x80\x89here"},
        {"\x01", "\xef\x80\x81"},
        {"dot.", "dot\xef\x80\xa9"},
        {"...", "..\xef\x80\xa9"},
        {"blank ", "blank\xef\x80\xa8"},
        {" .x", " .x"},
        {"del\x7f", "del\x7f"},
        {"other\xef\x80\x80", "other\xef\x80\x80"},
        {"other\xef\x80\xaf", "other\xef\x80\xaf"},
        /* no UTF-8: U+DCxx for each byte */
        {"bad\xff", "bad\xed\xb3\xbf"},
        {"cut\xc3", "cut\xed\xb3\x83"},
        {"caf\xe9.txt", "caf\xed\xb3\xa9.txt"},
        {"long\xc0\xaf", "long\xed\xb3\x80\xed\xb2\xaf"},
        {"\x80\x80.", "\xed\xb2\x80\xed\xb2\x80\xef\x80\xa9"},
        /* would come back as ':' and as '.' */
        {"own\xef\x80\xa2", "own\xed\xb3\xaf\xed\xb2\x80\xed\xb2\xa2"},
        {"own\xef\x80\xbax", "own\xed\xb3\xaf\xed\xb2\x80\xed\xb2\xbax"},
        {"own\xef\x80\xaex", "own\xed\xb3\xaf\xed\xb2\x80\xed\xb2\xaex"},
        /* lone surrogates: as they are, but for those that mean bytes or would make a pair */
        {"\xed\xa0\x80", "\xed\xa0\x80"},
        {"\xed\xb0\x80\xed\xbf\xbf", "\xed\xb0\x80\xed\xbf\xbf"},
        {"\xed\xa0\x80\xed\xa0\x81x", "\xed\xa0\x80\xed\xa0\x81x"},
        {"\xed\xb2\x80", "\xed\xb3\xad\xed\xb2\xb2\xed\xb2\x80"},
        {"\xed\xa0\xbd\xed\xb8\x80", "\xed\xb3\xad\xed\xb2\xa0\xed\xb2\xbd\xed\xb8\x80"},
        {"\xed\xa0\xbd\xff", "\xed\xb3\xad\xed\xb2\xa0\xed\xb2\xbd\xed\xb3\xbf"},
        {"\xed\xa0\x80\xed\xa0\xbd\xff",
         "\xed\xb3\xad\xed\xb2\xa0\xed\xb2\x80\xed\xb3\xad\xed\xb2\xa0\xed\xb2\xbd\xed\xb3\xbf"},
    };
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    struct pt *t = &w.t;
    static struct pt_page page;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_context("row %zu", i);
        put_file(w.fd, rows[i].host, "x");
        void *dir = pt_any(t, "");
        page.cookie = 0;
        CHECK_INT(pt_list(t, dir, &page, 5), 1);
        pt_close(t, dir);
        CHECK_STR(page.names[0], rows[i].shown);
        CHECK_INT(pt_remove(t, rows[i].shown), 0);
        pt_close(t, pt_new(t, rows[i].shown));
        CHECK_INT(unlinkat(w.fd, rows[i].host, 0), 0); /* made under the host's name */
    }
    world_end(&w);
}

/* Every name that the host can have is listed, and leads to its file. */
static void test_random_names(void)
{
    static const char bytes[] = "\xed\xed\xed\xa0\xb2\xb8\x80\xbd\xff\xc3\xa9\xef\x80\xa2\xf0:. a";
    struct world w;
    static struct pt_page page;
    uint64_t seed = 7;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    for (int i = 0; i < 3000; i++) {
        char name[16] = {0};
        size_t len = 1 + test_random(&seed) % 12;
        for (size_t at = 0; at < len; at++) {
            name[at] = bytes[test_random(&seed) % (sizeof(bytes) - 1)];
        }
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
            continue;
        }
        test_context("turn %d", i);
        put_file(w.fd, name, "x");
        void *dir = pt_any(&w.t, "");
        page.cookie = 0;
        CHECK_INT(pt_list(&w.t, dir, &page, 5), 1);
        pt_close(&w.t, dir);
        CHECK_INT(pt_remove(&w.t, page.names[0]), 0);
        if (unlinkat(w.fd, name, 0) == 0) {
            test_fail(__FILE__, __LINE__, "another file was removed");
            break;
        }
    }
    world_end(&w);
}

/* The characters of Services for UNIX, as Cygwin and the Linux client's mapchars send them. */
static void test_name_aliases(void)
{
    struct world w;
    struct stat st;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    pt_close(&w.t, pt_new(&w.t, "\xef\x80\xba\xef\x80\xaa\xef\x80\xbf\xef\x80\xbc\xef\x80\xbe"
                                "\xef\x81\xbc\xef\x81\x9c\xef\x80\xae"));
    CHECK_INT(fstatat(w.fd, ":*?<>|\\.", &st, 0), 0);
    /* beside an escape as well */
    pt_close(&w.t, pt_new(&w.t, "\xef\x80\xba\xed\xb3\xbf"));
    CHECK_INT(fstatat(w.fd, ":\xff", &st, 0), 0);
    world_end(&w);
}

/* Names that would become another kind of name, and the longest ones. */
static void test_name_limits(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    struct pt *t = &w.t;
    static struct pt_page page;
    static const char *const bad[] = {
        "\xef\x80\xae",
        ".\xef\x80\xae",
        "a/\xef\x80\xa9/b",                     /* "." and ".." */
        "\xed\xb3\x83\xed\xb2\xa9",             /* bytes C3 A9 are UTF-8 */
        "\xed\xb3\xad\xed\xb2\xa0\xed\xb2\x80", /* and ED A0 80 a lone surrogate */
        "d/\xed\xb3\x83\xed\xb2\xa9/x",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        void *f = NULL;
        test_context("bad %zu", i);
        CHECK_INT(pt_create_kind(t, bad[i], SMBKIT_OPEN, 0, &f), SMBKIT_STATUS_OBJECT_NAME_INVALID);
    }
    /* Longest name and longest path. */
    char name[5000];
    memset(name, 'n', sizeof(name));
    name[255] = '\0';
    pt_close(t, pt_new(t, name));
    name[255] = 'n';
    name[256] = '\0';
    CHECK(!SMBKIT_OK(pt_try(t, name)));
    memset(name, '?', 255);
    name[255] = '\0';
    put_file(w.fd, name, "x");
    void *dir = pt_any(t, "");
    page.cookie = 0;
    CHECK_INT(pt_list(t, dir, &page, 5), 2);
    pt_close(t, dir);
    for (size_t i = 0; i < sizeof(name); i++) {
        name[i] = i % 10 == 9 ? '/' : 'p';
    }
    name[sizeof(name) - 1] = '\0';
    CHECK_INT(pt_try(t, name), SMBKIT_STATUS_NAME_TOO_LONG);
    world_end(&w);
}

/* Entries that are there all the time show exactly once, whatever comes and goes meanwhile. */
static void test_list(void)
{
    enum { STAY = 3000 };
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    static unsigned seen[STAY];
    static struct pt_page page;
    memset(seen, 0, sizeof(seen));
    char name[32];
    for (int i = 0; i < STAY; i++) {
        snprintf(name, sizeof(name), "stay%d", i);
        put_file(w.fd, name, "");
        snprintf(name, sizeof(name), "go%d", i);
        put_file(w.fd, name, "");
    }
    uint64_t seed = 3;
    int come = 0;
    void *dir = pt_any(&w.t, "");
    page.cookie = 0;
    while (pt_list(&w.t, dir, &page, 1 + (uint32_t)(test_random(&seed) % 63)) > 0) {
        for (uint32_t i = 0; i < page.count; i++) {
            int n;
            if (sscanf(page.names[i], "stay%d", &n) == 1) {
                seen[n]++;
                CHECK(page.attrs[i].file_id != 0);
                CHECK_INT(page.attrs[i].attributes, SMBKIT_ATTR_ARCHIVE);
            }
        }
        for (int i = 0; i < 10; i++) {
            snprintf(name, sizeof(name), "go%d", (int)(test_random(&seed) % STAY));
            unlinkat(w.fd, name, 0);
        }
        if (come < 300) {
            snprintf(name, sizeof(name), "come%d", come++);
            put_file(w.fd, name, "");
        }
        if (test_random(&seed) % 8 == 0) {
            /* Another user of the handle starts from the front in between. */
            static struct pt_page other;
            other.cookie = 0;
            CHECK_INT(pt_list(&w.t, dir, &other, 5), 5);
        }
    }
    for (int i = 0; i < STAY; i++) {
        if (seen[i] != 1) {
            test_fail(__FILE__, __LINE__, "stay%d seen %u times", i, seen[i]);
        }
    }
    pt_close(&w.t, dir);
    world_end(&w);
}

static void test_contract(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    void *f = pt_new(&w.t, "f");
    pt_check_appends(&w.t, f);
    pt_check_attr_room(&w.t, f);
    pt_close(&w.t, f);
    world_end(&w);
}

static const struct test_case cases[] = {
    {"attributes and security descriptors", test_meta},
    {"descriptors and attributes that cannot be read", test_unreadable},
    {"blobs that are not ours", test_foreign_blob},
    {"hide-dot-files=yes", test_dot_files},
    {"names", test_names},
    {"names of random bytes", test_random_names},
    {"names in the other table", test_name_aliases},
    {"names at the limits", test_name_limits},
    {"enumeration is stable", test_list},
    {"appending, and a smaller room for attributes", test_contract},
};

TEST_MAIN(cases)
