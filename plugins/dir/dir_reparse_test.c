/* SPDX-License-Identifier: Apache-2.0 */
/* What links say, and what goes when a link is removed. */
#include <grp.h>
#include <pwd.h>
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

/* A name that no file can have is told all the same, in whole characters. */
static void test_a_long_name(void)
{
    struct world w;
    uint8_t buf[16384];
    char target[1024];
    uint32_t len;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    for (size_t before = 0; before < 4; before++) {
        size_t n = before;
        memset(target, 'n', before);
        for (; n + 4 < sizeof(target); n += 4) {
            memcpy(target + n, "\xf0\x9f\x98\x80", 4);
        }
        target[n] = '\0';
        unlinkat(w.fd, "long", 0);
        CHECK_INT(symlinkat(target, w.fd, "long"), 0);
        void *link = open_link(&w.t, "long", SMBKIT_READ_ATTRIBUTES);
        CHECK_INT(get_reparse(&w.t, link, buf, sizeof(buf), &len), SMBKIT_STATUS_SUCCESS);
        CHECK_INT(len, 20 + 2 * before + n - before); /* two units for four bytes */
        for (uint32_t at = 20 + 2 * (uint32_t)before; at < len; at += 4) {
            CHECK_INT(u16_at(buf + at), 0xd83d);
            CHECK_INT(u16_at(buf + at + 2), 0xde00);
        }
        pt_close(&w.t, link);
        CHECK_INT(pt_try(&w.t, "long"), SMBKIT_STATUS_IO_REPARSE_TAG_NOT_HANDLED);
        CHECK_INT(pt_try(&w.t, "long/x"), SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    }
    memset(target, 'n', 300);
    target[300] = '\0';
    CHECK_INT(pt_try(&w.t, target), SMBKIT_STATUS_NAME_TOO_LONG);
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

/* ---- links that clients make ---- */

/* The buffer of a link to that path; its length. */
static uint32_t make_buffer(uint8_t *buf, const char16_t *path, uint32_t flags)
{
    uint32_t n = 0;
    for (; path[n]; n++) {
        buf[20 + 2 * n] = (uint8_t)path[n];
        buf[21 + 2 * n] = (uint8_t)(path[n] >> 8);
    }
    const uint8_t head[20] = {0x0c, 0, 0, 0xa0, (uint8_t)(12 + 2 * n), 0,
                              0,    0, 0, 0,    (uint8_t)(2 * n),      0,
                              0,    0, 0, 0,    (uint8_t)flags};
    memcpy(buf, head, sizeof(head));
    return 20 + 2 * n;
}

static smbkit_status set_reparse(struct pt *t, void *file, const uint8_t *buf, uint32_t len)
{
    const struct smbkit_set_reparse a = {
        .struct_size = sizeof(a), .tag = 0xa000000c, .data = {.base = buf, .len = len}};
    return t->p->set_reparse(t->v, &t->op, file, &a);
}

static const struct {
    const char *at;
    const char16_t *path;
    const char *target; /* on the host; NULL: refused */
    uint32_t flags;
    smbkit_status want;
} made[] = {
    {"a", u"file", "file", 1, 0},
    {"sub/a", u"..\\sub\\.\\x\\", "../sub/x", 1, 0},
    {"sub/b", u".\\..\\..", NULL, 1, SMBKIT_STATUS_ACCESS_DENIED},
    {"b", u"..", NULL, 1, SMBKIT_STATUS_ACCESS_DENIED},
    {"c", u"sub\\..\\..\\secret", NULL, 1, SMBKIT_STATUS_ACCESS_DENIED},
    {"here/z", u"..\\secret", NULL, 1, SMBKIT_STATUS_ACCESS_DENIED}, /* "here" leads up itself */
    {"d", u"\\etc\\passwd", NULL, 1, SMBKIT_STATUS_ACCESS_DENIED},
    {"e", u"\\??\\C:\\x", NULL, 0, SMBKIT_STATUS_ACCESS_DENIED},
    {"f", u"a/b", NULL, 1, SMBKIT_STATUS_IO_REPARSE_DATA_INVALID},
    {"g", u"", NULL, 1, SMBKIT_STATUS_IO_REPARSE_DATA_INVALID},
    {"h", u"odd\uf022name", "odd:name", 1, 0},
    {"i", u"\xd83d\xde00", "\xf0\x9f\x98\x80", 1, 0},
    {"j", u".", ".", 1, 0},
    {"k", u"msdfs:evil\\share", NULL, 1, SMBKIT_STATUS_ACCESS_DENIED},
    {"l", u"MsDfs\uf022evil\\share", NULL, 1, SMBKIT_STATUS_ACCESS_DENIED},
    {"m", u".\\msdfs\uf03aevil\\share", NULL, 1, SMBKIT_STATUS_ACCESS_DENIED},
    {"n", u"\\msdfs:evil\\share", NULL, 1, SMBKIT_STATUS_ACCESS_DENIED},
    {"o", u"msdfs\\x", "msdfs/x", 1, 0},
    {"p", u"x\\msdfs\uf022y", "x/msdfs:y", 1, 0},
};

static void test_making_links(void)
{
    struct world w;
    uint8_t buf[256];
    char target[128];
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    void *file = pt_new(&w.t, "not-allowed");
    CHECK_INT(set_reparse(&w.t, file, buf, make_buffer(buf, u"x", 1)), SMBKIT_STATUS_NOT_SUPPORTED);
    pt_close(&w.t, file);
    pt_close_volume(&w.t);
    CHECK(world_mount(&w, "make-symlinks=yes", NULL));
    mkdirat(w.fd, "sub", 0755);
    (void)symlinkat(".", w.fd, "here");
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        test_context("%s", made[i].at);
        file = pt_new(&w.t, made[i].at);
        uint32_t len = make_buffer(buf, made[i].path, made[i].flags);
        CHECK_INT(set_reparse(&w.t, file, buf, len), made[i].want);
        ssize_t n = readlinkat(w.fd, made[i].at, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        CHECK_STR(target, made[i].target ? made[i].target : "");
        struct smbkit_attr attr = pt_attr(&w.t, file);
        CHECK_INT((attr.attributes & SMBKIT_ATTR_REPARSE_POINT) != 0, made[i].target != NULL);
        for (uint32_t cut = 1; cut < len; cut++) {
            CHECK(!SMBKIT_OK(set_reparse(&w.t, file, buf, cut)));
        }
        pt_close(&w.t, file);
    }
    world_end(&w);
}

/* What a file with something in it, a full directory, and one that is another by now become. */
static void test_what_becomes_links(void)
{
    struct world w;
    uint8_t buf[64];
    uint8_t out[64];
    uint32_t got;
    struct stat st;
    uint32_t len = make_buffer(buf, u"there", 1);
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    pt_close_volume(&w.t);
    CHECK(world_mount(&w, "make-symlinks=yes", NULL));
    put_file(w.fd, "full", "data");
    void *file = pt_any(&w.t, "full");
    CHECK_INT(set_reparse(&w.t, file, buf, len), SMBKIT_STATUS_NOT_SUPPORTED);
    pt_close(&w.t, file);
    mkdirat(w.fd, "d", 0755);
    put_file(w.fd, "d/x", "");
    file = pt_any(&w.t, "d");
    CHECK(!SMBKIT_OK(set_reparse(&w.t, file, buf, len)));
    CHECK_INT(faccessat(w.fd, "d/x", F_OK, 0), 0);
    unlinkat(w.fd, "d/x", 0);
    CHECK_INT(set_reparse(&w.t, file, buf, len), 0);
    CHECK_INT(get_reparse(&w.t, file, out, sizeof(out), &got), 0);
    CHECK_INT(got, 20 + 10);
    /* The handle is the link's: by it the name goes, and not what another puts there. */
    CHECK_INT(pt_remove_file(&w.t, file), 0);
    CHECK(fstatat(w.fd, "d", &st, AT_SYMLINK_NOFOLLOW) != 0);
    pt_close(&w.t, file);
    file = pt_new(&w.t, "mine");
    unlinkat(w.fd, "mine", 0);
    put_file(w.fd, "mine", "another's");
    CHECK_INT(set_reparse(&w.t, file, buf, len), SMBKIT_STATUS_FILE_DELETED);
    CHECK_INT(fstatat(w.fd, "mine", &st, AT_SYMLINK_NOFOLLOW), 0);
    CHECK_INT(st.st_size, 9);
    pt_close(&w.t, file);
    /* And back. */
    file = pt_new(&w.t, "back");
    CHECK_INT(set_reparse(&w.t, file, buf, len), 0);
    CHECK_INT(set_reparse(&w.t, file, NULL, 0), 0);
    CHECK_INT(fstatat(w.fd, "back", &st, AT_SYMLINK_NOFOLLOW), 0);
    CHECK(S_ISREG(st.st_mode));
    CHECK_INT(pt_attr(&w.t, file).attributes & SMBKIT_ATTR_REPARSE_POINT, 0);
    pt_close(&w.t, file);
    world_end(&w);
}

static bool has_link(const struct world *w, const char *name)
{
    struct stat st;
    return fstatat(w->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* Nobody loses streams or extended attributes by it, nor a descriptor that another has made. */
static void test_what_links_cannot_keep(void)
{
    struct world w;
    uint8_t buf[64];
    uint8_t sd[DESCRIPTOR_MAX];
    uint8_t out[DESCRIPTOR_MAX];
    uint32_t got;
    uint32_t len = make_buffer(buf, u"there", 1);
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    if (fsetxattr(w.fd, "user.smbkit.try", "", 0, 0) != 0) {
        world_end(&w);
        return;
    }
    pt_close_volume(&w.t);
    CHECK(world_mount(&w, "make-symlinks=yes", NULL));
    static const char *const extras[] = {"user.DosStream.s:$DATA", "user.comment"};
    for (size_t i = 0; i < 2; i++) {
        test_context("%s", extras[i]);
        void *file = pt_new(&w.t, "extra");
        int fd = openat(w.fd, "extra", O_RDWR);
        CHECK_INT(fsetxattr(fd, extras[i], "x", 2, 0), 0);
        close(fd);
        CHECK_INT(set_reparse(&w.t, file, buf, len), SMBKIT_STATUS_NOT_SUPPORTED);
        CHECK(!has_link(&w, "extra"));
        pt_close(&w.t, file);
        unlinkat(w.fd, "extra", 0);
    }
    test_context("%s", "a descriptor");
    uint32_t sd_len = make_descriptor(sd, "mine");
    void *maker = pt_new(&w.t, "kept");
    CHECK_INT(pt_set_security(&w.t, maker, sd, sd_len), 0);
    void *other = pt_any(&w.t, "kept");
    CHECK_INT(set_reparse(&w.t, other, buf, len), SMBKIT_STATUS_NOT_SUPPORTED);
    pt_close(&w.t, other);
    CHECK(!has_link(&w, "kept"));
    /* By who has made it, and back, with what it had. */
    CHECK_INT(set_reparse(&w.t, maker, buf, len), 0);
    CHECK(has_link(&w, "kept"));
    other = open_link(&w.t, "kept", SMBKIT_READ_ATTRIBUTES);
    CHECK_INT(set_reparse(&w.t, other, NULL, 0), SMBKIT_STATUS_NOT_SUPPORTED);
    CHECK_INT(set_reparse(&w.t, other, buf, make_buffer(buf, u"else", 1)), 0);
    pt_close(&w.t, other);
    pt_close(&w.t, maker);
    maker = pt_new(&w.t, "back");
    CHECK_INT(pt_set_security(&w.t, maker, sd, sd_len), 0);
    CHECK_INT(set_reparse(&w.t, maker, buf, make_buffer(buf, u"there", 1)), 0);
    CHECK_INT(set_reparse(&w.t, maker, NULL, 0), 0);
    CHECK(!has_link(&w, "back"));
    CHECK_INT(pt_get_security(&w.t, maker, out, sizeof(out), &got), 0);
    CHECK_MEM(out, got, sd, sd_len);
    pt_close(&w.t, maker);
    world_end(&w);
}

/* A file that was a link has the mode that a new one has, and a link the owner of the file. */
static void test_modes_and_owners(void)
{
    struct world w;
    uint8_t buf[64];
    struct stat st;
    uint32_t len = make_buffer(buf, u"there", 1);
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    pt_close_volume(&w.t);
    CHECK(world_mount(&w, "make-symlinks=yes", "create-mask=0600"));
    void *file = pt_new(&w.t, "f");
    bool is_root = geteuid() == 0 && fchownat(w.fd, "f", 12345, 12346, 0) == 0;
    CHECK_INT(set_reparse(&w.t, file, buf, len), 0);
    CHECK_INT(fstatat(w.fd, "f", &st, AT_SYMLINK_NOFOLLOW), 0);
    CHECK(S_ISLNK(st.st_mode) && (!is_root || (st.st_uid == 12345 && st.st_gid == 12346)));
    CHECK_INT(set_reparse(&w.t, file, NULL, 0), 0);
    CHECK_INT(fstatat(w.fd, "f", &st, AT_SYMLINK_NOFOLLOW), 0);
    CHECK(S_ISREG(st.st_mode) && (!is_root || (st.st_uid == 12345 && st.st_gid == 12346)));
    CHECK_INT(st.st_mode & 0777, 0600);
    pt_close(&w.t, file);
    world_end(&w);
}

/* Who owns new files, and what of that the server cannot do. */
static void test_forced_owners(void)
{
    struct world w;
    struct stat st;
    char path[96];
    const struct passwd *user = getpwnam("nobody");
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    pt_close_volume(&w.t);
    snprintf(path, sizeof(path), "path=%s", w.share);
    if (geteuid() == 0 && user && world_mount(&w, "force-user=nobody", NULL)) {
        pt_close(&w.t, pt_new(&w.t, "f"));
        CHECK(fstatat(w.fd, "f", &st, 0) == 0 && st.st_uid == user->pw_uid);
        CHECK_INT(st.st_gid, user->pw_gid);
        mkdirat(w.fd, "d", 0755);
        CHECK(fchownat(w.fd, "d", (uid_t)-1, 12345, 0) == 0 && fchmodat(w.fd, "d", 02755, 0) == 0);
        pt_close(&w.t, pt_new(&w.t, "d/f"));
        CHECK(fstatat(w.fd, "d/f", &st, 0) == 0 && st.st_uid == user->pw_uid);
        CHECK_INT(st.st_gid, 12345);
        pt_close_volume(&w.t);
        /* One of this user, in no group but his. */
        CHECK(setgroups(0, NULL) == 0 && setegid(user->pw_gid) == 0 && seteuid(user->pw_uid) == 0);
        const char *args[] = {path, "force-group=root", NULL};
        CHECK_INT(pt_open_volume(&w.t, smbkit_static_dir(&pt_api), args, NULL),
                  SMBKIT_STATUS_INVALID_PARAMETER);
        CHECK(strstr(w.t.error, "member") != NULL);
        CHECK(seteuid(0) == 0 && setegid(0) == 0);
    }
    CHECK(world_mount(&w, NULL, NULL));
    world_end(&w);
}

static const struct test_case cases[] = {
    {"links that clients make", test_making_links},
    {"what becomes a link", test_what_becomes_links},
    {"what links cannot keep", test_what_links_cannot_keep},
    {"modes and owners", test_modes_and_owners},
    {"forced owners", test_forced_owners},
    {"what links say", test_what_links_say},
    {"the longest target", test_the_longest},
    {"a long name", test_a_long_name},
    {"removing a link", test_removing_a_link},
    {"links take no data", test_links_take_no_data},
    {"looking at links", test_looking_at_links},
};
TEST_MAIN(cases)
