/* SPDX-License-Identifier: Apache-2.0 */
#include "mem_test.h"

#include <unistd.h>

static void test_args(void)
{
    static const struct {
        const char *arg;
        smbkit_status want;
        const char *says; /* the error mentions it */
        uint64_t total;
    } rows[] = {
        {"size=4096", 0, "", 4096},
        {"size=8191", 0, "", 4096},
        {"size=64K", 0, "", 65536},
        {"size=1g", 0, "", 1u << 30},
        {"files=3", 0, "", 0},
        {"size=0", (smbkit_status)0xC000000D, "size=0", 0},
        {"size=4095", (smbkit_status)0xC000000D, "from 4K to 1024T", 0},
        {"size=", (smbkit_status)0xC000000D, "size=", 0},
        {"size=12x", (smbkit_status)0xC000000D, "12x", 0},
        {"size=1KK", (smbkit_status)0xC000000D, "1KK", 0},
        {"size=99999999999999999999", (smbkit_status)0xC000000D, "999", 0},
        {"size=9999999T", (smbkit_status)0xC000000D, "9999999T", 0},
        {"files=-1", (smbkit_status)0xC000000D, "files=-1", 0},
        {"sise=1G", (smbkit_status)0xC000000D, "did you mean \"size\"?", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pt t;
        const char *args[] = {rows[i].arg, NULL};
        test_context("%s", rows[i].arg);
        CHECK_INT(pt_open_volume(&t, smbkit_static_mem(&pt_api), args, NULL), rows[i].want);
        CHECK(strstr(t.error, rows[i].says) != NULL);
        if (SMBKIT_OK(rows[i].want)) {
            if (rows[i].total) {
                CHECK_INT(pt_free_bytes(&t), rows[i].total);
            }
            pt_close_volume(&t);
        }
    }
}

static void test_create_errors(void)
{
    struct pt t;
    if (!start(&t, NULL, NULL)) {
        return;
    }
    pt_mkdir(&t, "dir");
    pt_close(&t, pt_new(&t, "file"));
    static const struct {
        const char *path;
        uint32_t disposition, kind, want;
    } rows[] = {
        {"", SMBKIT_OPEN, SMBKIT_KIND_DIRECTORY, 0},
        {"", SMBKIT_OPEN, SMBKIT_KIND_FILE, 0xC00000BA},
        {"", SMBKIT_CREATE, SMBKIT_KIND_DIRECTORY, 0xC0000035},
        {"DIR", SMBKIT_OPEN, SMBKIT_KIND_ANY, 0},
        {"dir", SMBKIT_OPEN, SMBKIT_KIND_FILE, 0xC00000BA},
        {"File", SMBKIT_OPEN, SMBKIT_KIND_DIRECTORY, 0xC0000103},
        {"FILE", SMBKIT_CREATE, SMBKIT_KIND_FILE, 0xC0000035},
        {"none", SMBKIT_OPEN, SMBKIT_KIND_ANY, 0xC0000034},
        {"dir/none", SMBKIT_OPEN, SMBKIT_KIND_ANY, 0xC0000034},
        {"none/x", SMBKIT_OPEN, SMBKIT_KIND_ANY, 0xC000003A},
        {"none/x", SMBKIT_CREATE, SMBKIT_KIND_FILE, 0xC000003A},
        {"file/x", SMBKIT_OPEN, SMBKIT_KIND_ANY, 0xC000003A},
        {"file/x", SMBKIT_CREATE, SMBKIT_KIND_FILE, 0xC000003A},
        {"dir/sub", SMBKIT_CREATE, SMBKIT_KIND_DIRECTORY, 0},
        {"Dir/Sub/x", SMBKIT_CREATE, SMBKIT_KIND_FILE, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        void *file = NULL;
        test_context("row %zu \"%s\"", i, rows[i].path);
        smbkit_status want = (smbkit_status)rows[i].want;
        CHECK_INT(pt_create_kind(&t, rows[i].path, rows[i].disposition, rows[i].kind, &file), want);
        CHECK((file != NULL) == SMBKIT_OK(want));
        pt_close(&t, file);
    }
    pt_close_volume(&t);
}

static void test_case(void)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"abc", "ABC", true},
        {"\xc3\xa4", "\xc3\x84", true},                  /* a umlaut */
        {"\xc3\xbf", "\xc5\xb8", true},                  /* U+00FF, U+0178 */
        {"\xce\xb1\xcf\x89", "\xce\x91\xce\xa9", true},  /* Greek */
        {"\xd0\xb6", "\xd0\x96", true},                  /* Cyrillic */
        {"\xef\xbd\x81", "\xef\xbc\xa1", true},          /* full width */
        {"\xe1\xbc\x80", "\xe1\xbc\x88", true},          /* U+1F00 */
        {"\xc4\xb1", "I", false},                        /* dotless i */
        {"\xc5\xbf", "S", false},                        /* long s */
        {"\xcf\x82", "\xce\xa3", true},                  /* final sigma */
        {"\xc2\xb5", "\xce\x9c", false},                 /* micro sign, Mu */
        {"\xc7\x85", "\xc7\x84", false},                 /* title case Dz */
        {"\xc3\x9f", "SS", false},                       /* sharp s */
        {"\xc3\xb7", "\xc3\x97", false},                 /* division and multiplication sign */
        {"\xf0\x90\x90\xa8", "\xf0\x90\x90\x80", false}, /* Deseret: beyond the BMP */
        {"a", "ab", false},
        {"[", "{", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pt t;
        test_context("%s and %s", rows[i].a, rows[i].b);
        if (!start(&t, NULL, NULL)) {
            return;
        }
        pt_close(&t, pt_new(&t, rows[i].a));
        CHECK_INT(SMBKIT_OK(pt_try(&t, rows[i].b)), rows[i].same);
        void *file = pt_any(&t, rows[i].a);
        char path[64];
        CHECK_INT(pt_get_path(&t, file, path, sizeof(path)), 0);
        CHECK_STR(path, rows[i].a);
        CHECK_INT(pt_rename_file(&t, file, rows[i].b, 0), 0);
        CHECK_INT(pt_get_path(&t, file, path, sizeof(path)), 0);
        CHECK_STR(path, rows[i].b);
        pt_close(&t, file);
        CHECK_INT(SMBKIT_OK(pt_try(&t, rows[i].a)), rows[i].same);
        pt_close_volume(&t);
    }
}

static void test_paths(void)
{
    struct pt t;
    if (!start(&t, NULL, NULL)) {
        return;
    }
    pt_mkdir(&t, "One");
    pt_mkdir(&t, "One/Two");
    void *file = pt_new(&t, "one/two/Three");
    char path[32];
    CHECK_INT(pt_get_path(&t, file, path, sizeof(path)), 0);
    CHECK_STR(path, "One/Two/Three");
    CHECK_INT(pt_get_path(&t, file, path, 14), 0);
    CHECK_INT(pt_get_path(&t, file, path, 13), SMBKIT_STATUS_BUFFER_TOO_SMALL);
    CHECK_INT(pt_rename(&t, "ONE", "Uno", 0), 0);
    CHECK_INT(pt_get_path(&t, file, path, sizeof(path)), 0);
    CHECK_STR(path, "Uno/Two/Three");
    CHECK_INT(pt_remove_file(&t, file), 0);
    CHECK_INT(pt_get_path(&t, file, path, sizeof(path)), SMBKIT_STATUS_FILE_DELETED);
    CHECK_INT(pt_remove_file(&t, file), SMBKIT_STATUS_FILE_DELETED);
    CHECK_INT(pt_rename_file(&t, file, "x", 0), SMBKIT_STATUS_FILE_DELETED);
    pt_close(&t, file);
    void *root = pt_any(&t, "");
    CHECK_INT(pt_get_path(&t, root, path, sizeof(path)), 0);
    CHECK_STR(path, "");
    CHECK_INT(pt_remove_file(&t, root), SMBKIT_STATUS_CANNOT_DELETE);
    CHECK_INT(pt_rename_file(&t, root, "x", 0), SMBKIT_STATUS_ACCESS_DENIED);
    pt_close(&t, root);
    pt_close_volume(&t);
}

static void test_rename(void)
{
    struct pt t;
    if (!start(&t, NULL, NULL)) {
        return;
    }
    pt_mkdir(&t, "a");
    pt_mkdir(&t, "a/b");
    pt_mkdir(&t, "c");
    pt_close(&t, pt_new(&t, "f"));
    void *g = pt_new(&t, "g");
    CHECK_INT(pt_write(&t, g, 0, "gg", 2), 0);
    static const struct {
        const char *from, *to;
        uint32_t replace, want;
    } rows[] = {
        {"a", "a/b/x", 0, 0xC0000022}, /* below itself */
        {"a", "a/x", 0, 0xC0000022},
        {"f", "g", 0, 0xC0000035},
        {"f", "c", 1, 0xC0000022}, /* never a directory */
        {"f", "", 1, 0xC0000035},
        {"f", "none/x", 0, 0xC000003A},
        {"f", "f", 0, 0},
        {"f", "F", 0, 0},
        {"g", "a/b/G", 0, 0},
        {"f", "a/b/g", 1, 0}, /* replaces it */
        {"a", "c/A", 0, 0},
        {"c/a/B/g", "h", 0, 0},
        {"c", "d", 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_context("row %zu %s -> %s", i, rows[i].from, rows[i].to);
        CHECK_INT(pt_rename(&t, rows[i].from, rows[i].to, rows[i].replace),
                  (smbkit_status)rows[i].want);
    }
    char two[3] = {0};
    CHECK_INT(pt_read(&t, g, 0, two, 2), 2); /* replaced, but still open */
    CHECK_STR(two, "gg");
    CHECK_INT(pt_attr(&t, g).link_count, 0);
    pt_close(&t, g);
    CHECK_INT(pt_try(&t, "h"), 0);
    CHECK_INT(pt_try(&t, "d/A/b"), 0);
    CHECK_INT(pt_remove(&t, "d"), SMBKIT_STATUS_DIRECTORY_NOT_EMPTY);
    CHECK_INT(pt_remove(&t, "d/a/b"), 0);
    CHECK_INT(pt_remove(&t, "d/a"), 0);
    CHECK_INT(pt_remove(&t, "d"), 0);
    pt_close_volume(&t);
}

static void test_links(void)
{
    struct pt t;
    if (!start(&t, "size=1M", NULL)) {
        return;
    }
    pt_mkdir(&t, "d");
    void *f = pt_new(&t, "f");
    CHECK_INT(pt_write(&t, f, 0, "linked", 6), 0);
    CHECK_INT(pt_link_file(&t, f, "d/l", 0), 0);
    CHECK_INT(pt_link_file(&t, f, "d/L", 0), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(pt_link_file(&t, f, "d/L", 1), 0);
    CHECK_INT(pt_link_file(&t, f, "f", 1), 0);
    CHECK_INT(pt_attr(&t, f).link_count, 2);
    void *l = pt_any(&t, "d/l");
    CHECK_INT(pt_attr(&t, l).file_id, pt_attr(&t, f).file_id);
    CHECK_INT(pt_remove_file(&t, f), 0);
    pt_close(&t, f);
    CHECK_INT(pt_attr(&t, l).link_count, 1);
    char buf[8] = {0};
    CHECK_INT(pt_read(&t, l, 0, buf, 8), 6);
    CHECK_STR(buf, "linked");
    pt_close(&t, pt_new(&t, "other"));
    CHECK_INT(pt_link_file(&t, l, "other", 0), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(pt_link_file(&t, l, "other", 1), 0);
    CHECK_INT(pt_link_file(&t, l, "d", 1), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(pt_rename_file(&t, l, "other", 1), 0); /* onto a link of its own */
    CHECK_INT(pt_attr(&t, l).link_count, 1);
    CHECK_INT(pt_try(&t, "d/l"), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    void *d = pt_any(&t, "d");
    CHECK_INT(pt_link_file(&t, d, "e", 0), SMBKIT_STATUS_FILE_IS_A_DIRECTORY);
    pt_close(&t, d);
    pt_close(&t, l);
    CHECK_INT(pt_remove(&t, "other"), 0);
    CHECK_INT(pt_free_bytes(&t), 1 << 20);
    void *many = pt_new(&t, "many");
    char name[32];
    for (int i = 1; i < 1024; i++) {
        snprintf(name, sizeof(name), "m%d", i);
        CHECK_INT(pt_link_file(&t, many, name, 0), 0);
    }
    CHECK_INT(pt_link_file(&t, many, "too-many", 0), SMBKIT_STATUS_TOO_MANY_LINKS);
    pt_close(&t, many);
    pt_close_volume(&t);
}

static void test_meta(void)
{
    struct pt t;
    if (!start(&t, NULL, NULL)) {
        return;
    }
    void *f = pt_new(&t, "f");
    struct smbkit_attr a = pt_attr(&t, f);
    CHECK_INT(a.attributes, SMBKIT_ATTR_ARCHIVE);
    CHECK_INT(a.link_count, 1);
    CHECK(a.file_id != 0 && a.create_time > 132000000000000000ull);
    struct smbkit_attr set = {.create_time = 10,
                              .access_time = 20,
                              .write_time = 30,
                              .change_time = 40,
                              .attributes = SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_DIRECTORY};
    CHECK_INT(pt_setattr(&t, f, SMBKIT_HAS_ATTRIBUTES | SMBKIT_HAS_CREATE_TIME, &set), 0);
    struct smbkit_attr b = pt_attr(&t, f);
    CHECK_INT(b.attributes, SMBKIT_ATTR_HIDDEN);
    CHECK_INT(b.create_time, 10);
    CHECK_INT(b.write_time, a.write_time);
    CHECK(b.change_time >= a.change_time);
    set.attributes = 0;
    CHECK_INT(pt_setattr(&t, f, 0x1f, &set), 0);
    b = pt_attr(&t, f);
    CHECK_INT(b.attributes, SMBKIT_ATTR_NORMAL);
    CHECK_INT(b.access_time, 20);
    CHECK_INT(b.write_time, 30);
    CHECK_INT(b.change_time, 40);
    /* That a time set through a handle stays is the server's business. */
    CHECK_INT(pt_write(&t, f, 0, "x", 1), 0);
    b = pt_attr(&t, f);
    CHECK(b.access_time > 20);
    CHECK(b.write_time > 30);
    CHECK(b.change_time > 40);
    CHECK_INT(b.attributes, SMBKIT_ATTR_ARCHIVE);
    void *g = pt_any(&t, "f");
    /* Room that is reserved changes no data. */
    b = pt_attr(&t, g);
    usleep(1000);
    CHECK_INT(pt_allocate(&t, g, 100000), 0);
    CHECK_INT(pt_attr(&t, g).write_time, b.write_time);
    CHECK(pt_attr(&t, g).change_time > b.change_time);
    pt_close(&t, g);
    pt_close(&t, f);
    pt_close_volume(&t);
}

static void test_security(void)
{
    struct pt t;
    if (!start(&t, NULL, NULL)) {
        return;
    }
    uint8_t buf[16] = {0};
    uint32_t needed = 99;
    void *f = pt_new(&t, "f");
    CHECK_INT(pt_get_security(&t, f, buf, 16, &needed), SMBKIT_STATUS_NOT_FOUND);
    CHECK_INT(needed, 0);
    CHECK_INT(pt_set_security(&t, f, (const uint8_t *)"0123456789", 10), 0);
    CHECK_INT(pt_get_security(&t, f, buf, 9, &needed), SMBKIT_STATUS_BUFFER_TOO_SMALL);
    CHECK_INT(needed, 10);
    CHECK_INT(pt_get_security(&t, f, buf, 10, &needed), 0);
    CHECK_MEM(buf, needed, "0123456789", 10);
    pt_close(&t, f);
    struct smbkit_attr attr;
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_CREATE,
                                .path = "d",
                                .kind = SMBKIT_KIND_DIRECTORY,
                                .security = {.base = (const uint8_t *)"abc", .len = 3}};
    CHECK_INT(pt_create(&t, &how, &f, &attr), 0);
    CHECK_INT(attr.attributes, SMBKIT_ATTR_DIRECTORY);
    CHECK_INT(pt_get_security(&t, f, buf, 10, &needed), 0);
    CHECK_MEM(buf, needed, "abc", 3);
    CHECK_INT(pt_set_security(&t, f, buf, 65537), SMBKIT_STATUS_INVALID_SECURITY_DESCR);
    pt_close(&t, f);
    pt_close_volume(&t);
}

static void test_contract(void)
{
    struct pt t;
    if (!start(&t, NULL, NULL)) {
        return;
    }
    void *f = pt_new(&t, "f");
    pt_check_appends(&t, f);
    pt_check_attr_room(&t, f);
    pt_close(&t, f);
    pt_close_volume(&t);
}

static const struct test_case cases[] = {
    {"arguments", test_args},
    {"create: errors and kinds", test_create_errors},
    {"names without regard to case", test_case},
    {"paths of open files", test_paths},
    {"rename", test_rename},
    {"hard links", test_links},
    {"attributes and times", test_meta},
    {"security descriptors", test_security},
    {"appending, and a smaller room for attributes", test_contract},
};

TEST_MAIN(cases)
