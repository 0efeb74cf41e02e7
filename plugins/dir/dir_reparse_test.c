/* SPDX-License-Identifier: Apache-2.0 */
/* What links say, and what goes when a link is removed. */
#include <uchar.h>

#include "dir_test.h"

/* The link itself. */
static void *open_link(struct pt *t, const char *path, uint32_t access)
{
    void *file = NULL;
    struct smbkit_attr attr;
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_OPEN,
                                .path = path,
                                .access = access,
                                .flags = SMBKIT_CREATE_OPEN_REPARSE_POINT};
    CHECK_INT(pt_create(t, &how, &file, &attr), SMBKIT_STATUS_SUCCESS);
    return file;
}

static smbkit_status get_reparse(struct pt *t, void *file, uint8_t *buf, uint32_t cap,
                                 uint32_t *len_r)
{
    struct smbkit_get_reparse a = {.struct_size = sizeof(a), .buffer = {.base = buf, .cap = cap}};
    smbkit_status status = t->p->get_reparse(t->v, &t->op, file, &a);
    *len_r = a.buffer.len;
    return status;
}

static uint32_t u16_at(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static void check_path(const uint8_t *p, uint32_t len, const char16_t *want)
{
    uint32_t n = 0;
    while (want[n]) {
        n++;
    }
    CHECK_INT(len, 2 * n);
    for (uint32_t i = 0; i < n && i < len / 2; i++) {
        CHECK_INT(u16_at(p + 2 * i), want[i]);
    }
}

static const struct {
    const char *at; /* the link's own path */
    const char *target;
    const char16_t *path;
    bool is_relative;
} links[] = {
    {"a", "file", u"file", true},
    {"b", "sub/x", u"sub\\x", true},
    {"sub/c", "../other//y/", u"..\\other\\y\\", true},
    {"d", "./.", u".\\.", true},
    {"e", "/etc/passwd", u"\\etc\\passwd", false},
    {"f", "odd:name/back\\slash.", u"odd\uf022name\\back\uf026slash\uf029", true},
    {"g", "caf\xe9", u"caf\xdce9", true},
    {"h", "\xf0\x9f\x98\x80", u"\xd83d\xde00", true},
    {"sub/deep/i", "@/sub/file", u"..\\..\\sub\\file", true},
    {"j", "@", u".", true},
};

static void test_what_links_say(void)
{
    struct world w;
    uint8_t buf[16384];
    char target[160];
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    mkdirat(w.fd, "sub", 0755);
    mkdirat(w.fd, "sub/deep", 0755);
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        bool is_inside = links[i].target[0] == '@';
        test_context("%s", links[i].at);
        snprintf(target, sizeof(target), "%s%s", is_inside ? w.share : "",
                 links[i].target + is_inside);
        symlinkat(target, w.fd, links[i].at);
        void *link = open_link(&w.t, links[i].at, SMBKIT_READ_ATTRIBUTES);
        uint32_t len;
        CHECK_INT(get_reparse(&w.t, link, buf, sizeof(buf), &len), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(u16_at(buf) | u16_at(buf + 2) << 16, 0xa000000c);
        CHECK_INT(u16_at(buf + 4), len - 8);
        CHECK_INT(u16_at(buf + 16), links[i].is_relative);
        check_path(buf + 20 + u16_at(buf + 8), u16_at(buf + 10), links[i].path);
        check_path(buf + 20 + u16_at(buf + 12), u16_at(buf + 14), links[i].path);
        uint32_t need = len;
        CHECK_INT(get_reparse(&w.t, link, buf, need - 1, &len), SMBKIT_STATUS_BUFFER_TOO_SMALL);
        CHECK_INT(len, need);
        CHECK_INT(get_reparse(&w.t, link, NULL, 0, &len), SMBKIT_STATUS_BUFFER_TOO_SMALL);
        CHECK_INT(get_reparse(&w.t, link, buf, need, &len), SMBKIT_STATUS_SUCCESS);
        pt_close(&w.t, link);
    }
    world_end(&w);
}

/* The longest target that Linux lets a link have still fits. */
static void test_the_longest(void)
{
    struct world w;
    uint8_t buf[16384];
    char target[4096];
    uint32_t len;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    for (size_t i = 0; i < sizeof(target) - 1; i++) {
        target[i] = i % 200 == 199 ? '/' : 'n';
    }
    target[sizeof(target) - 1] = '\0';
    if (symlinkat(target, w.fd, "long") == 0) {
        void *link = open_link(&w.t, "long", SMBKIT_READ_ATTRIBUTES);
        CHECK_INT(get_reparse(&w.t, link, buf, sizeof(buf), &len), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(len, 20 + 2 * 4095);
        pt_close(&w.t, link);
    }
    put_file(w.fd, "plain", "x");
    void *plain = open_link(&w.t, "plain", SMBKIT_READ_ATTRIBUTES);
    CHECK_INT(get_reparse(&w.t, plain, buf, sizeof(buf), &len), SMBKIT_STATUS_NOT_A_REPARSE_POINT);
    pt_close(&w.t, plain);
    world_end(&w);
}

/* Whatever it leads to, and whether it was opened as itself or followed: the link goes, and
 * nothing else. */
static void test_removing_a_link(void)
{
    struct world w;
    struct stat st;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    mkdirat(w.fd, "sub", 0755);
    put_file(w.fd, "sub/kept", "x");
    put_file(w.fd, "file", "x");
    static const char *const targets[] = {"file", "sub", "nowhere", "../secret", "l0", "sub/kept"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        for (unsigned is_followed = 0; is_followed < 2; is_followed++) {
            test_context("%s, followed %u", targets[i], is_followed);
            symlinkat(targets[i], w.fd, "l0");
            void *link = NULL;
            if (is_followed && faccessat(w.fd, "l0", F_OK, 0) == 0 && targets[i][0] != '.') {
                link = pt_any(&w.t, "l0");
            } else {
                link = open_link(&w.t, "l0", SMBKIT_DELETE);
            }
            CHECK_INT(pt_remove_file(&w.t, link), SMBKIT_STATUS_SUCCESS);
            pt_close(&w.t, link);
            CHECK(fstatat(w.fd, "l0", &st, AT_SYMLINK_NOFOLLOW) != 0);
            CHECK(fstatat(w.fd, "sub/kept", &st, 0) == 0 && fstatat(w.fd, "file", &st, 0) == 0);
            CHECK(fstatat(w.base_fd, "secret", &st, 0) == 0);
        }
    }
    world_end(&w);
}

/* Asked of the link itself: not of what it leads to, which stays as it is. */
static void test_links_take_no_data(void)
{
    struct world w;
    struct smbkit_attr attr;
    uint8_t byte = 'y';
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    put_file(w.fd, "file", "x");
    static const char *const targets[] = {"file", ".", "nowhere", "../secret", "l0"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        test_context("%s", targets[i]);
        symlinkat(targets[i], w.fd, "l0");
        void *link = open_link(&w.t, "l0", SMBKIT_READ_DATA | SMBKIT_WRITE_DATA);
        CHECK_INT(pt_read(&w.t, link, 0, &byte, 1), 0);
        CHECK_INT(pt_write(&w.t, link, 0, &byte, 1), SMBKIT_STATUS_ACCESS_DENIED);
        CHECK_INT(pt_set_size(&w.t, link, 0), SMBKIT_STATUS_ACCESS_DENIED);
        CHECK_INT(pt_allocate(&w.t, link, 4096), SMBKIT_STATUS_ACCESS_DENIED);
        CHECK_INT(pt_zero_range(&w.t, link, 0, 1), SMBKIT_STATUS_ACCESS_DENIED);
        CHECK_INT(pt_overwrite(&w.t, link, 0, 0, &attr), SMBKIT_STATUS_ACCESS_DENIED);
        CHECK_INT(pt_flush(&w.t, link), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(pt_rename_file(&w.t, link, "l1", 0), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(pt_flush(&w.t, link), SMBKIT_STATUS_SUCCESS); /* the new name too */
        pt_close(&w.t, link);
        unlinkat(w.fd, "l1", 0);
        void *file = pt_any(&w.t, "file");
        CHECK_INT(pt_read(&w.t, file, 0, &byte, 1), 1);
        CHECK_INT(byte, 'x');
        pt_close(&w.t, file);
    }
    world_end(&w);
}

/* A look-up follows, or does not, as it is told to; a link that leads to nothing is itself. */
static void test_looking_at_links(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    put_file(w.fd, "file", "x");
    static const struct {
        const char *target;
        uint32_t followed; /* SMBKIT_ATTR_* */
    } rows[] = {{"file", SMBKIT_ATTR_ARCHIVE},          {".", SMBKIT_ATTR_DIRECTORY},
                {"nowhere", SMBKIT_ATTR_REPARSE_POINT}, {"../secret", SMBKIT_ATTR_REPARSE_POINT},
                {"link", SMBKIT_ATTR_REPARSE_POINT},    {"file/", SMBKIT_ATTR_REPARSE_POINT}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_context("%s", rows[i].target);
        symlinkat(rows[i].target, w.fd, "link");
        for (unsigned itself = 0; itself < 2; itself++) {
            struct smbkit_attr attr = {.struct_size = sizeof(attr)};
            struct smbkit_lookup a = {.struct_size = sizeof(a),
                                      .flags = itself ? SMBKIT_CREATE_OPEN_REPARSE_POINT : 0,
                                      .path = "link",
                                      .attr = &attr};
            CHECK_INT(w.t.p->lookup(w.t.v, &w.t.op, &a), SMBKIT_STATUS_SUCCESS);
            CHECK_INT(attr.attributes, itself ? SMBKIT_ATTR_REPARSE_POINT : rows[i].followed);
        }
        unlinkat(w.fd, "link", 0);
    }
    world_end(&w);
}

static const struct test_case cases[] = {
    {"what links say", test_what_links_say},     {"the longest target", test_the_longest},
    {"removing a link", test_removing_a_link},   {"links take no data", test_links_take_no_data},
    {"looking at links", test_looking_at_links},
};
TEST_MAIN(cases)
