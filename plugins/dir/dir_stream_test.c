/* SPDX-License-Identifier: Apache-2.0 */
#include "dir_test.h"

#include <pthread.h>

static bool begin(struct world *w)
{
    if (!world_start(w, "/tmp", NULL)) {
        return false;
    }
    if (fsetxattr(w->fd, "user.smbkit.try", "", 0, 0) == 0) {
        return true;
    }
    printf("# no xattrs here\n");
    world_end(w);
    return false;
}

static ssize_t raw(struct world *w, const char *name, const char *xattr, char *buf, size_t cap)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", w->share, name);
    return getxattr(path, xattr, buf, cap);
}

/* As Samba has it: the data, then one zero byte. */
static void test_form(void)
{
    struct world w;
    char buf[16];
    if (!begin(&w)) {
        return;
    }
    void *f = pt_new(&w.t, "f");
    void *s = pt_stream_new(&w.t, "f", "one");
    CHECK_INT(raw(&w, "f", "user.DosStream.one:$DATA", buf, sizeof(buf)), 1);
    CHECK_INT(pt_attr(&w.t, s).size, 0);
    CHECK_INT(pt_write(&w.t, s, 2, "xyz", 3), 0);
    CHECK_INT(raw(&w, "f", "user.DosStream.one:$DATA", buf, sizeof(buf)), 6);
    CHECK_MEM(buf, 6, "\0\0xyz\0", 6);
    /* One of Samba's without a type, and one that is empty beyond all rules. */
    char path[128];
    snprintf(path, sizeof(path), "%s/f", w.share);
    setxattr(path, "user.DosStream.bare", "data", 5, 0);
    setxattr(path, "user.DosStream.void:$DATA", "", 0, 0);
    setxattr(path, "user.DosStream.x:$OTHER", "data", 5, 0);
    static struct pt_page page;
    CHECK_INT(pt_list_streams(&w.t, f, &page), 3);
    CHECK(pt_page_has(&page, "one") && pt_page_has(&page, "bare") && pt_page_has(&page, "void"));
    void *bare = NULL;
    CHECK_INT(pt_stream_create(&w.t, "f", "Bare", SMBKIT_OPEN, &bare), 0);
    CHECK_INT(pt_read(&w.t, bare, 1, buf, 10), 3);
    CHECK_INT(pt_write(&w.t, bare, 4, "!", 1), 0);
    CHECK_INT(raw(&w, "f", "user.DosStream.bare", buf, sizeof(buf)), 6);
    pt_close(&w.t, bare);
    CHECK_INT(pt_stream_create(&w.t, "f", "void", SMBKIT_OPEN, &bare), 0);
    CHECK_INT(pt_attr(&w.t, bare).size, 0);
    pt_close(&w.t, bare);
    pt_close(&w.t, s);
    pt_close(&w.t, f);
    world_end(&w);
}

/* Data of its own, everything else the file's. */
static void test_data(void)
{
    struct world w;
    char buf[8];
    if (!begin(&w)) {
        return;
    }
    struct pt *t = &w.t;
    void *f = pt_new(t, "f");
    void *s = pt_stream_new(t, "f", "one");
    CHECK_INT(pt_write(t, f, 0, "file", 4), 0);
    CHECK_INT(pt_write(t, s, 2, "stream", 6), 0);
    CHECK_INT(pt_attr(t, f).size, 4);
    CHECK_INT(pt_attr(t, s).size, 8);
    CHECK_INT(pt_attr(t, s).file_id, pt_attr(t, f).file_id);
    struct smbkit_attr hidden = {.attributes = SMBKIT_ATTR_HIDDEN};
    CHECK_INT(pt_setattr(t, s, SMBKIT_HAS_ATTRIBUTES, &hidden), 0);
    CHECK_INT(pt_attr(t, f).attributes, SMBKIT_ATTR_HIDDEN);
    void *again = NULL;
    CHECK_INT(pt_stream_create(t, "f", "ONE", SMBKIT_OPEN, &again), 0);
    CHECK_INT(pt_read(t, again, 0, buf, 8), 8);
    CHECK_MEM(buf, 8, "\0\0stream", 8);
    CHECK_INT(pt_set_size(t, again, 3), 0);
    CHECK_INT(pt_set_size(t, again, 5), 0);
    CHECK_INT(pt_read(t, s, 0, buf, 8), 5);
    CHECK_MEM(buf, 5, "\0\0s\0\0", 5);
    CHECK_INT(pt_allocate(t, s, 100), 0);
    CHECK_INT(pt_attr(t, s).size, 5);
    CHECK_INT(pt_allocate(t, s, 2), 0);
    CHECK_INT(pt_attr(t, s).size, 2);
    CHECK_INT(pt_write(t, s, 0, "abcdef", 6), 0);
    CHECK_INT(pt_zero_range(t, s, 4, 100), 0);
    CHECK_INT(pt_read(t, s, 3, buf, 8), 3);
    CHECK_MEM(buf, 3, "d\0\0", 3);
    CHECK_INT(pt_flush(t, s), 0);
    CHECK_INT(pt_read(t, f, 0, buf, 8), 4);
    t->op.flags |= SMBKIT_OP_NOWAIT;
    CHECK_INT(pt_write(t, s, 0, "x", 1), SMBKIT_STATUS_WOULD_BLOCK);
    CHECK_INT(pt_read(t, s, 0, buf, 1), -1);
    t->op.flags &= ~SMBKIT_OP_NOWAIT;
    pt_close(t, again);
    pt_close(t, s);
    pt_close(t, f);
    world_end(&w);
}

static void test_names(void)
{
    struct world w;
    if (!begin(&w)) {
        return;
    }
    struct pt *t = &w.t;
    void *f = pt_new(t, "f");
    void *one = pt_stream_new(t, "f", "one");
    void *two = pt_stream_new(t, "f", "two");
    void *none = NULL;
    CHECK_INT(pt_stream_create(t, "f", "One", SMBKIT_CREATE, &none),
              SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(pt_stream_create(t, "f", "three", SMBKIT_OPEN, &none),
              SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(pt_stream_create(t, "g", "one", SMBKIT_CREATE, &none),
              SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(pt_write(t, one, 0, "1", 1), 0);
    CHECK_INT(pt_stream_rename(t, one, "TWO", 0), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(pt_stream_rename(t, one, "TWO", SMBKIT_RENAME_REPLACE), 0);
    static struct pt_page page;
    CHECK_INT(pt_list_streams(t, f, &page), 1);
    CHECK(pt_page_has(&page, "TWO"));
    CHECK_INT(pt_attr(t, one).size, 1);
    CHECK_INT(pt_stream_rename(t, one, "Two", 0), 0); /* in other letters */
    CHECK_INT(pt_list_streams(t, f, &page), 1);
    CHECK(pt_page_has(&page, "Two"));
    CHECK_INT(pt_remove_file(t, two), SMBKIT_STATUS_FILE_DELETED);
    CHECK_INT(pt_remove_file(t, one), 0);
    CHECK_INT(pt_list_streams(t, f, &page), 0);
    pt_close(t, one);
    pt_close(t, two);
    /* Letters of either case beyond ASCII. */
    pt_close(t, pt_stream_new(t, "f", "\xc3\xa4rger"));
    CHECK_INT(pt_stream_create(t, "f", "\xc3\x84RGER", SMBKIT_OPEN, &one), 0);
    pt_close(t, one);
    /* What no file's name may have on Windows, a stream's may; what is no UTF-8 is not shown. */
    pt_close(t, pt_stream_new(t, "f", "\x05S\n*?\"<>|"));
    char path[128];
    snprintf(path, sizeof(path), "%s/f", w.share);
    setxattr(path, "user.DosStream.\xff:$DATA", "", 1, 0);
    CHECK_INT(pt_list_streams(t, f, &page), 2);
    CHECK(pt_page_has(&page, "\x05S\n*?\"<>|"));
    char longest[300];
    memset(longest, 'n', sizeof(longest));
    longest[255] = '\0';
    CHECK_INT(pt_stream_create(t, "f", longest, SMBKIT_CREATE, &none), SMBKIT_STATUS_NAME_TOO_LONG);
    longest[255 - 21] = '\0'; /* user.DosStream. and :$DATA */
    pt_close(t, pt_stream_new(t, "f", longest));
    pt_close(t, f);
    world_end(&w);
}

/* What does not fit leaves the stream as it was. */
static void test_limits(void)
{
    struct world w;
    static char data[70000];
    if (!begin(&w)) {
        return;
    }
    struct pt *t = &w.t;
    void *f = pt_new(t, "f");
    void *s = pt_stream_new(t, "f", "one");
    CHECK_INT(pt_write(t, s, 0, "abc", 3), 0);
    CHECK_INT(pt_write(t, s, 0, data, 65536), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_write(t, s, 65535, "x", 1), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_write(t, s, UINT64_MAX - 1, "x", 1), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_set_size(t, s, 65536), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_set_size(t, s, UINT64_MAX), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_allocate(t, s, 65536), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_attr(t, s).size, 3);
    smbkit_status most = pt_set_size(t, s, 65535); /* ext4 has one block */
    CHECK(SMBKIT_OK(most) || most == SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_attr(t, s).size, SMBKIT_OK(most) ? 65535 : 3);
    char buf[4];
    CHECK_INT(pt_read(t, s, 0, buf, 3), 3);
    CHECK_MEM(buf, 3, "abc", 3);
    pt_close(t, s);
    pt_close(t, f);
    world_end(&w);
}

static void test_overwrite(void)
{
    struct world w;
    struct smbkit_attr attr;
    static struct pt_page page;
    if (!begin(&w)) {
        return;
    }
    struct pt *t = &w.t;
    void *f = pt_new(t, "f");
    void *s = pt_stream_new(t, "f", "one");
    pt_close(t, pt_stream_new(t, "f", "two"));
    CHECK_INT(pt_write(t, s, 0, "data", 4), 0);
    CHECK_INT(pt_overwrite(t, s, SMBKIT_ATTR_HIDDEN, 0, &attr), 0);
    CHECK_INT(attr.size, 0);
    CHECK_INT(attr.attributes, SMBKIT_ATTR_HIDDEN);
    CHECK_INT(pt_list_streams(t, f, &page), 2);
    CHECK_INT(pt_overwrite(t, f, 0, 0, &attr), 0);
    CHECK_INT(pt_list_streams(t, f, &page), 0);
    CHECK_INT(pt_write(t, s, 0, "x", 1), SMBKIT_STATUS_FILE_DELETED);
    pt_close(t, s);
    pt_close(t, f);
    world_end(&w);
}

static void test_of_directory(void)
{
    struct world w;
    if (!begin(&w)) {
        return;
    }
    struct pt *t = &w.t;
    pt_mkdir(t, "d");
    void *s = pt_stream_new(t, "d", "one");
    CHECK_INT(pt_write(t, s, 0, "data", 4), 0);
    CHECK_INT(pt_attr(t, s).size, 4);
    CHECK(!(pt_attr(t, s).attributes & SMBKIT_ATTR_DIRECTORY));
    CHECK_INT(pt_flush(t, s), 0);
    pt_close(t, s);
    static struct pt_page page;
    void *d = pt_any(t, "d");
    CHECK_INT(pt_list_streams(t, d, &page), 1);
    CHECK_INT(pt_remove_file(t, d), 0); /* a stream is no entry */
    pt_close(t, d);
    world_end(&w);
}

struct writer {
    struct pt *t;
    const char *letter;
    uint64_t offset;
};

static void *write_every_second(void *arg)
{
    const struct writer *writer = arg;
    struct pt t = *writer->t; /* an op of its own */
    void *s = NULL;
    pt_stream_create(&t, "f", "one", SMBKIT_OPEN, &s);
    for (uint64_t i = 0; i < 200; i++) {
        pt_write(&t, s, writer->offset + 2 * i, writer->letter, 1);
    }
    pt_close(&t, s);
    return NULL;
}

/* Changes of parts by several opens are all there in the end. */
static void test_together(void)
{
    struct world w;
    struct world other;
    if (!begin(&w)) {
        return;
    }
    pt_close(&w.t, pt_new(&w.t, "f"));
    pt_close(&w.t, pt_stream_new(&w.t, "f", "one"));
    memset(&other, 0, sizeof(other));
    strcpy(other.share, w.share);
    CHECK(world_mount(&other, NULL, NULL)); /* as another server */
    struct writer writers[] = {{&w.t, "a", 0}, {&other.t, "b", 1}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, write_every_second, &writers[i]);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    char buf[400];
    void *s = NULL;
    CHECK_INT(pt_stream_create(&w.t, "f", "one", SMBKIT_OPEN, &s), 0);
    CHECK_INT(pt_read(&w.t, s, 0, buf, 400), 400);
    int wrong = 0;
    for (int i = 0; i < 400; i++) {
        wrong += buf[i] != (i % 2 ? 'b' : 'a');
    }
    CHECK_INT(wrong, 0);
    pt_close(&w.t, s);
    pt_close_volume(&other.t);
    world_end(&w);
}

static const struct test_case cases[] = {
    {"as Samba has them", test_form},
    {"data", test_data},
    {"names", test_names},
    {"more than fits", test_limits},
    {"overwrite", test_overwrite},
    {"of a directory", test_of_directory},
    {"several at once", test_together},
};
TEST_MAIN(cases)
