/* SPDX-License-Identifier: Apache-2.0 */
#include "dir_test.h"

#include <sys/syscall.h>
#include <sys/uio.h>

static void test_args(void)
{
    static const struct {
        const char *args[3];
        bool good;
        const char *says;
    } rows[] = {
        {{"path=/tmp"}, true, ""},
        {{"path=/tmp", "symlinks=nofollow"}, true, ""},
        {{"path=/tmp", "symlinks=follow", "hide-dot-files=yes"}, true, ""},
        {{NULL}, false, "path=FOLDER"},
        {{"path="}, false, "path=FOLDER"},
        {{"path=/nonexistent"}, false, "/nonexistent"},
        {{"path=/etc/passwd"}, false, "/etc/passwd"},
        {{"path=/tmp", "symlinks=maybe"}, false, "it is follow or nofollow"},
        {{"path=/tmp", "readonly=2"}, false, "yes or no"},
        {{"path=/tmp", "pass=1"}, false, "did you mean \"path\"?"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pt t;
        const char *args[4] = {rows[i].args[0], rows[i].args[1], rows[i].args[2], NULL};
        test_context("row %zu", i);
        smbkit_status status = pt_open_volume(&t, smbkit_static_dir(&pt_api), args, NULL);
        CHECK_INT(SMBKIT_OK(status), rows[i].good);
        if (!strstr(t.error, rows[i].says)) {
            test_fail(__FILE__, __LINE__, "error is \"%s\"", t.error);
        }
        if (SMBKIT_OK(status)) {
            pt_close_volume(&t);
        }
    }
}

static void test_create_errors(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    pt_mkdir(&w.t, "dir");
    put_file(w.fd, "file", "text");
    mkfifoat(w.fd, "fifo", 0666);
    static const struct {
        const char *path;
        uint32_t disposition, kind, want;
    } rows[] = {
        {"", SMBKIT_OPEN, SMBKIT_KIND_DIRECTORY, 0},
        {"", SMBKIT_OPEN, SMBKIT_KIND_FILE, 0xC00000BA},
        {"", SMBKIT_CREATE, SMBKIT_KIND_DIRECTORY, 0xC0000035},
        {"dir", SMBKIT_OPEN, SMBKIT_KIND_ANY, 0},
        {"dir", SMBKIT_OPEN, SMBKIT_KIND_FILE, 0xC00000BA},
        {"file", SMBKIT_OPEN, SMBKIT_KIND_DIRECTORY, 0xC0000103},
        {"file", SMBKIT_CREATE, SMBKIT_KIND_FILE, 0xC0000035},
        {"dir", SMBKIT_CREATE, SMBKIT_KIND_DIRECTORY, 0xC0000035},
        {"none", SMBKIT_OPEN, SMBKIT_KIND_ANY, 0xC0000034},
        {"dir/none", SMBKIT_OPEN, SMBKIT_KIND_ANY, 0xC0000034},
        {"none/x", SMBKIT_OPEN, SMBKIT_KIND_ANY, 0xC000003A},
        {"none/x", SMBKIT_CREATE, SMBKIT_KIND_FILE, 0xC000003A},
        {"none/x", SMBKIT_CREATE, SMBKIT_KIND_DIRECTORY, 0xC000003A},
        {"file/x", SMBKIT_OPEN, SMBKIT_KIND_ANY, 0xC000003A},
        {"file/x", SMBKIT_CREATE, SMBKIT_KIND_FILE, 0xC000003A},
        {"file/x", SMBKIT_CREATE, SMBKIT_KIND_DIRECTORY, 0xC000003A},
        {"fifo", SMBKIT_OPEN, SMBKIT_KIND_ANY, 0xC0000022},
        {"fifo", SMBKIT_CREATE, SMBKIT_KIND_FILE, 0xC0000035},
        {"dir/sub", SMBKIT_CREATE, SMBKIT_KIND_DIRECTORY, 0},
        {"dir/sub/x", SMBKIT_CREATE, SMBKIT_KIND_FILE, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        void *file = NULL;
        test_context("row %zu \"%s\"", i, rows[i].path);
        smbkit_status want = (smbkit_status)rows[i].want;
        CHECK_INT(pt_create_kind(&w.t, rows[i].path, rows[i].disposition, rows[i].kind, &file),
                  want);
        CHECK((file != NULL) == SMBKIT_OK(want));
        pt_close(&w.t, file);
    }
    test_context("attributes only");
    CHECK_INT(try_access(&w.t, "fifo", SMBKIT_READ_ATTRIBUTES), 0);
    CHECK_INT(try_access(&w.t, "fifo", SMBKIT_WRITE_DATA), SMBKIT_STATUS_ACCESS_DENIED);
    struct smbkit_attr attr;
    CHECK_INT(pt_lookup(&w.t, "file", &attr), 0);
    CHECK_INT(attr.size, 4);
    CHECK_INT(pt_lookup(&w.t, "dir/y", &attr), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(pt_lookup(&w.t, "file/y", &attr), SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND);
    world_end(&w);
}

static void test_data(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    struct pt *t = &w.t;
    char buf[16] = {0};
    void *f = pt_new(t, "f");
    CHECK_INT(pt_write(t, f, 0, "hello world", 11), 0);
    CHECK_INT(pt_write(t, f, 6, "there", 5), 0);
    CHECK_INT(pt_read(t, f, 0, buf, 16), 11);
    CHECK_STR(buf, "hello there");
    CHECK_INT(pt_read(t, f, 10, buf, 16), 1);
    CHECK_INT(pt_read(t, f, 11, buf, 16), 0);
    CHECK_INT(pt_read(t, f, INT64_MAX, buf, 16), 0);
    CHECK_INT(pt_read(t, f, UINT64_MAX, buf, 16), -1);
    CHECK_INT(pt_write(t, f, INT64_MAX - 2, "hello", 5), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_INT(pt_write(t, f, 100, "", 0), 0);
    CHECK_INT(pt_flush(t, f), 0);
    CHECK_INT(pt_set_size(t, f, 5), 0);
    CHECK_INT(pt_attr(t, f).size, 5);
    CHECK_INT(pt_allocate(t, f, 100000), 0);
    CHECK_INT(pt_attr(t, f).size, 5);
    CHECK(pt_attr(t, f).alloc_size >= 100000);
    CHECK_INT(pt_allocate(t, f, 3), 0);
    CHECK_INT(pt_attr(t, f).size, 3);
    CHECK_INT(pt_allocate(t, f, 1ull << 60), SMBKIT_STATUS_DISK_FULL);
    struct smbkit_attr attr;
    CHECK_INT(pt_overwrite(t, f, SMBKIT_ATTR_HIDDEN, 1ull << 60, &attr), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_attr(t, f).size, 3); /* the old data stays */
    CHECK_INT(pt_overwrite(t, f, SMBKIT_ATTR_HIDDEN, 8192, &attr), 0);
    CHECK_INT(attr.size, 0);
    CHECK_INT(attr.attributes, SMBKIT_ATTR_HIDDEN | SMBKIT_ATTR_ARCHIVE);
    CHECK(attr.alloc_size >= 8192);
    pt_close(t, f);
    void *d = pt_any(t, "");
    CHECK_INT(pt_read(t, d, 0, buf, 8), -1);
    CHECK_INT(pt_write(t, d, 0, buf, 8), SMBKIT_STATUS_INVALID_DEVICE_REQUEST);
    CHECK_INT(pt_flush(t, d), 0);
    pt_close(t, d);
    world_end(&w);
}

static void test_sparse(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    struct pt *t = &w.t;
    static uint8_t data[65536];
    memset(data, 'x', sizeof(data));
    void *f = pt_new(t, "f");
    CHECK_INT(pt_set_size(t, f, 1u << 30), 0);
    CHECK_INT(pt_write(t, f, 0, data, 65536), 0);
    CHECK_INT(pt_write(t, f, 1 << 20, data, 65536), 0);
    CHECK_INT(pt_write(t, f, 1 << 21, data, 65536), 0);
    struct smbkit_range r[3];
    uint32_t n = 3;
    CHECK_INT(pt_ranges(t, f, (struct smbkit_range){0, UINT64_MAX}, r, &n), 0);
    CHECK_INT(n, 3);
    CHECK_INT(r[1].offset, 1 << 20);
    CHECK_INT(r[1].length, 65536);
    n = 2;
    CHECK_INT(pt_ranges(t, f, (struct smbkit_range){0, UINT64_MAX}, r, &n),
              SMBKIT_STATUS_BUFFER_OVERFLOW);
    CHECK_INT(n, 2);
    n = 3;
    CHECK_INT(pt_ranges(t, f, (struct smbkit_range){(1 << 20) + 5, 10}, r, &n), 0);
    CHECK_INT(n, 1);
    CHECK_INT(r[0].offset, (1 << 20) + 5);
    CHECK_INT(r[0].length, 10);
    CHECK_INT(pt_zero_range(t, f, 1 << 20, 65536), 0);
    CHECK_INT(pt_zero_range(t, f, 65530, UINT64_MAX), 0);
    CHECK_INT(pt_attr(t, f).size, 1 << 30);
    n = 3;
    CHECK_INT(pt_ranges(t, f, (struct smbkit_range){0, UINT64_MAX}, r, &n), 0);
    CHECK_INT(n, 1);
    CHECK_INT(pt_read(t, f, 65520, data, 20), 20);
    CHECK(data[9] == 'x' && data[10] == 0 && data[19] == 0);
    n = 3;
    CHECK_INT(pt_ranges(t, f, (struct smbkit_range){1ull << 31, 10}, r, &n), 0);
    CHECK_INT(n, 0);
    pt_close(t, f);
    world_end(&w);
}

static void test_move(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    struct pt *t = &w.t;
    pt_mkdir(t, "a");
    pt_mkdir(t, "a/b");
    pt_mkdir(t, "c");
    put_file(w.fd, "f", "f");
    put_file(w.fd, "g", "g");
    put_file(w.fd, "h", "h");
    static const struct {
        const char *from, *to;
        uint32_t replace, want;
    } rows[] = {
        {"a", "a/b/x", 0, 0xC0000022}, /* below itself */
        {"f", "g", 0, 0xC0000035},
        {"f", "c", 1, 0xC0000022}, /* never a directory */
        {"c", "h", 0, 0xC0000035},
        {"c", "h", 1, 0}, /* but one replaces a file */
        {"h", "c", 0, 0},
        {"a", "c", 0, 0xC0000035},
        {"f", "", 1, 0xC0000035},
        {"", "x", 0, 0xC0000022},
        {"f", "none/x", 0, 0xC000003A},
        {"f", "g/x", 0, 0xC000003A},
        {"f", "f", 0, 0},
        {"f", "F", 0, 0},
        {"g", "a/b/g", 0, 0},
        {"F", "a/b/g", 1, 0},
        {"a", "c/A", 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_context("row %zu %s -> %s", i, rows[i].from, rows[i].to);
        CHECK_INT(pt_rename(t, rows[i].from, rows[i].to, rows[i].replace),
                  (smbkit_status)rows[i].want);
    }
    test_context("links");
    void *f = pt_any(t, "c/A/b/g");
    char byte = 0;
    CHECK_INT(pt_read(t, f, 0, &byte, 1), 1);
    CHECK_INT(byte, 'f');
    CHECK_INT(pt_link_file(t, f, "l", 0), 0);
    CHECK_INT(pt_link_file(t, f, "l", 0), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(pt_link_file(t, f, "l", 1), 0);
    CHECK_INT(pt_link_file(t, f, "c", 1), SMBKIT_STATUS_ACCESS_DENIED);
    put_file(w.fd, "m", "m");
    CHECK_INT(pt_link_file(t, f, "m", 1), 0);
    CHECK_INT(pt_attr(t, f).link_count, 3);
    CHECK_INT(pt_rename_file(t, f, "l", 1), 0); /* onto a link of its own */
    CHECK_INT(pt_attr(t, f).link_count, 2);
    CHECK_INT(pt_rename_file(t, f, "n", 0), 0);
    CHECK_INT(pt_flush(t, f), 0);
    CHECK_INT(pt_remove_file(t, f), 0); /* by its new name */
    CHECK_INT(pt_remove_file(t, f), SMBKIT_STATUS_FILE_DELETED);
    CHECK_INT(pt_read(t, f, 0, &byte, 1), 1);
    pt_close(t, f);
    void *c = pt_any(t, "c");
    CHECK_INT(pt_link_file(t, c, "x", 0), SMBKIT_STATUS_FILE_IS_A_DIRECTORY);
    CHECK_INT(pt_remove_file(t, c), SMBKIT_STATUS_DIRECTORY_NOT_EMPTY);
    pt_close(t, c);
    CHECK_INT(pt_remove(t, "c/A/b"), 0);
    CHECK_INT(pt_remove(t, "m"), 0);
    CHECK_INT(pt_try(t, "l"), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    world_end(&w);
}

/* A handle follows its file, whoever moves it. */
static void test_moved_by_another(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    struct pt *t = &w.t;
    pt_mkdir(t, "d");
    void *f = pt_new(t, "f");
    void *other = pt_any(t, "f");
    CHECK_INT(pt_rename_file(t, other, "d/g", 0), 0);
    CHECK_INT(pt_rename_file(t, f, "h", 0), 0);
    CHECK_INT(pt_link_file(t, other, "l", 0), 0);
    renameat(w.fd, "h", w.fd, "d/i"); /* on the host */
    CHECK_INT(pt_remove_file(t, other), 0);
    CHECK_INT(pt_remove_file(t, f), SMBKIT_STATUS_FILE_DELETED);
    CHECK_INT(pt_try(t, "d/i"), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(pt_try(t, "l"), 0);
    pt_close(t, other);
    pt_close(t, f);
    world_end(&w);
}

/* Someone on the host puts another file in the place: that one is not ours to delete or move. */
static void test_replaced_outside(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    struct pt *t = &w.t;
    struct stat st;
    void *f = pt_new(t, "f");
    put_file(w.fd, "new", "new");
    renameat(w.fd, "new", w.fd, "f");
    CHECK_INT(pt_remove_file(t, f), SMBKIT_STATUS_FILE_DELETED);
    CHECK_INT(pt_rename_file(t, f, "g", 0), SMBKIT_STATUS_FILE_DELETED);
    CHECK_INT(fstatat(w.fd, "f", &st, 0), 0);
    CHECK_INT(st.st_size, 3);
    CHECK(fstatat(w.fd, "g", &st, 0) != 0);
    pt_close(t, f);
    pt_mkdir(t, "d");
    f = pt_any(t, "d");
    unlinkat(w.fd, "d", AT_REMOVEDIR);
    mkdirat(w.fd, "d", 0755);
    CHECK_INT(pt_remove_file(t, f), SMBKIT_STATUS_FILE_DELETED);
    CHECK_INT(fstatat(w.fd, "d", &st, 0), 0);
    pt_close(t, f);
    world_end(&w);
}

static void test_readonly(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", "readonly=yes")) {
        return;
    }
    struct pt *t = &w.t;
    put_file(w.fd, "f", "f");
    struct smbkit_volume_info info = {0};
    struct smbkit_attr attr = {0};
    CHECK_INT(t->p->volume_info(t->v, &t->op, &info), 0);
    CHECK(t->features & SMBKIT_FEATURE_READ_ONLY);
    CHECK(info.total_bytes >= info.free_bytes && info.free_bytes > 0);
    void *f = pt_any(t, "f");
    void *g = NULL;
    smbkit_status want = SMBKIT_STATUS_MEDIA_WRITE_PROTECTED;
    CHECK_INT(pt_write(t, f, 0, "x", 1), want);
    CHECK_INT(pt_set_size(t, f, 0), want);
    CHECK_INT(pt_overwrite(t, f, 0, 0, &attr), want);
    CHECK_INT(pt_allocate(t, f, 0), want);
    CHECK_INT(pt_zero_range(t, f, 0, 1), want);
    CHECK_INT(pt_setattr(t, f, 0x1f, &attr), want);
    CHECK_INT(pt_set_security(t, f, (const uint8_t *)"x", 1), want);
    CHECK_INT(pt_rename_file(t, f, "g", 0), want);
    CHECK_INT(pt_link_file(t, f, "g", 0), want);
    CHECK_INT(pt_remove_file(t, f), want);
    CHECK_INT(pt_create_kind(t, "g", SMBKIT_CREATE, SMBKIT_KIND_FILE, &g), want);
    CHECK_INT(pt_create_kind(t, "g", SMBKIT_CREATE, SMBKIT_KIND_DIRECTORY, &g), want);
    char byte = 0;
    CHECK_INT(pt_read(t, f, 0, &byte, 1), 1);
    CHECK_INT(byte, 'f');
    pt_close(t, f);
    world_end(&w);
}

/* With NOWAIT every call either does its work or says WOULD_BLOCK; warm opens and reads do it. */
static void test_nowait(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    struct pt *t = &w.t;
    char buf[16];
    static struct pt_page page;
    smbkit_status blocks = SMBKIT_STATUS_WOULD_BLOCK;
    void *f = pt_new(t, "f");
    CHECK_INT(pt_write(t, f, 0, "hello", 5), 0);
    CHECK_INT(pt_read(t, f, 0, buf, 5), 5);
    pt_close(t, pt_any(t, "f"));
    void *g = NULL;
    t->op.flags = SMBKIT_OP_NOWAIT;
    CHECK_INT(pt_create_kind(t, "f", SMBKIT_OPEN, SMBKIT_KIND_ANY, &g), 0);
    pt_close(t, g);
    CHECK_INT(pt_create_kind(t, "g", SMBKIT_CREATE, SMBKIT_KIND_FILE, &g), blocks);
    smbkit_status none = pt_try(t, "cold-name");
    CHECK(none == blocks || none == SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    struct smbkit_io io = {.struct_size = sizeof(io), .length = 16, .buffer = (uint8_t *)buf};
    smbkit_status status = t->p->read(t->v, &t->op, f, &io);
    CHECK(status == blocks || (status == 0 && io.done == 5));
    status = pt_write(t, f, 0, "HELLO", 5);
    CHECK(status == blocks || status == 0);
    pt_attr(t, f);
    page.sink = (struct smbkit_sink){
        .struct_size = sizeof(page.sink), .want = SMBKIT_WANT_ATTR, .entry = pt_page_entry};
    struct smbkit_attr attr = {0};
    CHECK_INT(t->p->enumerate(t->v, &t->op, f, &page.sink), blocks);
    CHECK_INT(pt_setattr(t, f, 0x1f, &attr), blocks);
    CHECK_INT(pt_remove_file(t, f), blocks);
    CHECK_INT(pt_rename_file(t, f, "x", 0), blocks);
    CHECK_INT(pt_link_file(t, f, "x", 0), blocks);
    CHECK_INT(pt_flush(t, f), blocks);
    CHECK_INT(pt_set_size(t, f, 0), blocks);
    CHECK_INT(pt_overwrite(t, f, 0, 0, &attr), blocks);
    t->op.flags = 0;
    CHECK_INT(pt_read(t, f, 0, buf, 5), 5);
    CHECK_INT(pt_try(t, "g"), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    pt_close(t, f);
    world_end(&w);
}

static bool has_nothing_yet; /* what is read says EAGAIN, as /proc/kmsg does at its end */

/* In the place of the C library's, for the plugin too: it is linked in. */
ssize_t preadv2(int fd, const struct iovec *iov, int count, off_t at, int flags)
{
    if (has_nothing_yet) {
        errno = EAGAIN;
        return -1;
    }
    return syscall(SYS_preadv2, fd, iov, count, at, 0L, flags);
}

/* EAGAIN is WOULD_BLOCK for who may not wait; nobody else is to see that. */
static void test_nothing_yet(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    struct pt *t = &w.t;
    uint8_t buf[4];
    struct smbkit_io io = {.struct_size = sizeof(io), .length = sizeof(buf), .buffer = buf};
    void *f = pt_new(t, "f");
    has_nothing_yet = true;
    CHECK_INT(t->p->read(t->v, &t->op, f, &io), SMBKIT_STATUS_IO_TIMEOUT);
    t->op.flags |= SMBKIT_OP_NOWAIT;
    CHECK_INT(t->p->read(t->v, &t->op, f, &io), SMBKIT_STATUS_WOULD_BLOCK);
    t->op.flags &= ~(uint32_t)SMBKIT_OP_NOWAIT;
    has_nothing_yet = false;
    pt_close(t, f);
    world_end(&w);
}

static smbkit_status try_list(struct pt *t, const char *path)
{
    struct pt_page page = {.room = PT_NAMES_MAX,
                           .sink = {.struct_size = sizeof(page.sink),
                                    .want = SMBKIT_WANT_ATTR,
                                    .entry = pt_page_entry}};
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_OPEN,
                                .path = path,
                                .access = SMBKIT_READ_DATA};
    struct smbkit_attr attr;
    void *dir = NULL;
    CHECK_INT(pt_create(t, &how, &dir, &attr), 0);
    smbkit_status status = t->p->enumerate(t->v, &t->op, dir, &page.sink);
    CHECK_INT(page.count, SMBKIT_OK(status));
    pt_close(t, dir);
    return status;
}

static void test_access_denied(void)
{
    struct world w;
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    if (geteuid() == 0) {
        /* root may everything: be somebody else for the length of this test */
        CHECK_INT(fchown(w.fd, 65534, 65534), 0);
        CHECK_INT(seteuid(65534), 0);
    }
    put_file(w.fd, "f", "f");
    put_file(w.fd, "r", "r");
    fchmodat(w.fd, "f", 0, 0);
    fchmodat(w.fd, "r", 0444, 0);
    CHECK_INT(try_access(&w.t, "f", SMBKIT_READ_ATTRIBUTES), 0);
    CHECK_INT(try_access(&w.t, "f", SMBKIT_READ_DATA), SMBKIT_STATUS_ACCESS_DENIED);
    CHECK_INT(try_access(&w.t, "r", SMBKIT_READ_DATA), 0);
    CHECK_INT(try_access(&w.t, "r", SMBKIT_WRITE_DATA), SMBKIT_STATUS_ACCESS_DENIED);
    mkdirat(w.fd, "unsearched", 0755);
    put_file(w.fd, "unsearched/x", "x");
    fchmodat(w.fd, "unsearched", 0444, 0);
    CHECK_INT(try_list(&w.t, "unsearched"), SMBKIT_STATUS_ACCESS_DENIED);
    fchmodat(w.fd, "unsearched", 0755, 0);
    CHECK_INT(try_list(&w.t, "unsearched"), 0);
    fchmodat(w.fd, "f", 0222, 0);
    CHECK_INT(try_access(&w.t, "f", SMBKIT_WRITE_DATA), 0);
    CHECK_INT(try_access(&w.t, "f", SMBKIT_WRITE_DATA | SMBKIT_READ_DATA),
              SMBKIT_STATUS_ACCESS_DENIED);
    /* READONLY as the host has it, taken away by the client. */
    struct smbkit_attr attr;
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_OPEN,
                                .path = "r",
                                .access = SMBKIT_WRITE_ATTRIBUTES};
    void *r = NULL;
    CHECK_INT(pt_create(&w.t, &how, &r, &attr), 0);
    CHECK_INT(attr.attributes, SMBKIT_ATTR_READONLY | SMBKIT_ATTR_ARCHIVE);
    attr.attributes = SMBKIT_ATTR_ARCHIVE;
    CHECK_INT(pt_setattr(&w.t, r, SMBKIT_HAS_ATTRIBUTES, &attr), 0);
    CHECK_INT(pt_attr(&w.t, r).attributes, SMBKIT_ATTR_ARCHIVE);
    pt_close(&w.t, r);
    CHECK_INT(try_access(&w.t, "r", SMBKIT_WRITE_DATA), 0);
    if (getuid() == 0) {
        CHECK_INT(seteuid(0), 0);
    }
    world_end(&w);
}

static const struct test_case cases[] = {
    {"arguments", test_args},
    {"create: errors and kinds", test_create_errors},
    {"data", test_data},
    {"sparse files", test_sparse},
    {"rename, link, remove", test_move},
    {"moved by another", test_moved_by_another},
    {"a name replaced on the host", test_replaced_outside},
    {"readonly=yes", test_readonly},
    {"NOWAIT", test_nowait},
    {"nothing to read yet", test_nothing_yet},
    {"access of the calling user", test_access_denied},
};

TEST_MAIN(cases)
