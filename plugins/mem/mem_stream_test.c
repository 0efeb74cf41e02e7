/* SPDX-License-Identifier: Apache-2.0 */
#include "mem_test.h"

/* Data of its own, everything else the file's. */
static void test_stream_data(void)
{
    struct pt t;
    if (!start(&t, NULL, NULL)) {
        return;
    }
    void *f = pt_new(&t, "f");
    void *s = pt_stream_new(&t, "f", "one");
    CHECK_INT(pt_write(&t, f, 0, "file", 4), 0);
    CHECK_INT(pt_write(&t, s, 2, "stream", 6), 0);
    struct smbkit_attr of_file = pt_attr(&t, f);
    struct smbkit_attr of_stream = pt_attr(&t, s);
    CHECK_INT(of_file.size, 4);
    CHECK_INT(of_stream.size, 8);
    CHECK_INT(of_stream.file_id, of_file.file_id);
    CHECK_INT(of_stream.write_time, of_file.write_time);
    struct smbkit_attr hidden = {.attributes = SMBKIT_ATTR_HIDDEN};
    CHECK_INT(pt_setattr(&t, s, SMBKIT_HAS_ATTRIBUTES, &hidden), 0);
    CHECK_INT(pt_attr(&t, f).attributes, SMBKIT_ATTR_HIDDEN);
    void *again = NULL;
    CHECK_INT(pt_stream_create(&t, "f", "ONE", SMBKIT_OPEN, &again), 0);
    char buf[8];
    CHECK_INT(pt_read(&t, again, 0, buf, 8), 8);
    CHECK(memcmp(buf, "\0\0stream", 8) == 0);
    pt_close(&t, again);
    pt_close(&t, s);
    pt_close(&t, f);
    pt_close_volume(&t);
}

static void test_stream_names(void)
{
    struct pt t;
    if (!start(&t, NULL, NULL)) {
        return;
    }
    void *f = pt_new(&t, "f");
    void *one = pt_stream_new(&t, "f", "one");
    void *two = pt_stream_new(&t, "f", "two");
    void *none = NULL;
    CHECK_INT(pt_stream_create(&t, "f", "One", SMBKIT_CREATE, &none),
              SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(pt_stream_create(&t, "f", "three", SMBKIT_OPEN, &none),
              SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(pt_stream_create(&t, "g", "one", SMBKIT_CREATE, &none),
              SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_INT(pt_stream_rename(&t, one, "TWO", 0), SMBKIT_STATUS_OBJECT_NAME_COLLISION);
    CHECK_INT(pt_stream_rename(&t, one, "TWO", SMBKIT_RENAME_REPLACE), 0);
    static struct pt_page page;
    CHECK_INT(pt_list_streams(&t, f, &page), 1);
    CHECK(pt_page_has(&page, "TWO"));
    CHECK_INT(pt_write(&t, two, 0, "x", 1), 0); /* replaced, and still open */
    CHECK_INT(pt_remove_file(&t, two), SMBKIT_STATUS_FILE_DELETED);
    CHECK_INT(pt_remove_file(&t, one), 0);
    CHECK_INT(pt_list_streams(&t, f, &page), 0);
    pt_close(&t, one);
    pt_close(&t, two);
    pt_close(&t, f);
    pt_close_volume(&t);
}

/* An overwrite of the file takes them all; of a stream, none. What they held comes free. */
static void test_stream_overwrite(void)
{
    struct pt t;
    if (!start(&t, NULL, NULL)) {
        return;
    }
    uint64_t before = pt_free_bytes(&t);
    void *f = pt_new(&t, "f");
    void *s = pt_stream_new(&t, "f", "one");
    pt_close(&t, pt_stream_new(&t, "f", "two"));
    CHECK_INT(pt_write(&t, s, 0, "data", 4), 0);
    CHECK(pt_free_bytes(&t) < before);
    struct smbkit_attr attr;
    static struct pt_page page;
    CHECK_INT(pt_overwrite(&t, s, SMBKIT_ATTR_HIDDEN, 0, &attr), 0);
    CHECK_INT(attr.size, 0);
    CHECK_INT(pt_list_streams(&t, f, &page), 2);
    CHECK_INT(pt_write(&t, s, 0, "data", 4), 0);
    CHECK_INT(pt_overwrite(&t, f, 0, 0, &attr), 0);
    CHECK_INT(pt_list_streams(&t, f, &page), 0);
    pt_close(&t, s);
    CHECK_INT(pt_free_bytes(&t), before);
    pt_close(&t, pt_stream_new(&t, "f", "one"));
    CHECK_INT(pt_remove_file(&t, f), 0);
    pt_close(&t, f);
    CHECK_INT(pt_free_bytes(&t), before);
    pt_close_volume(&t);
}

static void test_stream_of_directory(void)
{
    struct pt t;
    if (!start(&t, NULL, NULL)) {
        return;
    }
    pt_mkdir(&t, "d");
    void *s = pt_stream_new(&t, "d", "one");
    CHECK_INT(pt_write(&t, s, 0, "data", 4), 0);
    CHECK_INT(pt_attr(&t, s).size, 4);
    CHECK(!(pt_attr(&t, s).attributes & SMBKIT_ATTR_DIRECTORY));
    pt_close(&t, s);
    static struct pt_page page;
    void *d = pt_any(&t, "d");
    CHECK_INT(pt_list_streams(&t, d, &page), 1);
    CHECK_INT(pt_remove_file(&t, d), 0); /* a stream is no entry */
    pt_close(&t, d);
    pt_close_volume(&t);
}

static const struct test_case cases[] = {
    {"data", test_stream_data},
    {"names", test_stream_names},
    {"overwrite", test_stream_overwrite},
    {"of a directory", test_stream_of_directory},
};

TEST_MAIN(cases)
