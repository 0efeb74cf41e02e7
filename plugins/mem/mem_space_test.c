/* SPDX-License-Identifier: Apache-2.0 */
#include "mem_test.h"

#if defined(__linux__)
#include <sys/stat.h>
#include <unistd.h>
#endif

static void test_read_edges(void)
{
    struct pt t;
    if (!start(&t, NULL, NULL)) {
        return;
    }
    char buf[8];
    void *f = pt_new(&t, "f");
    CHECK_INT(pt_read(&t, f, 0, buf, 8), 0);
    CHECK_INT(pt_write(&t, f, 0, "hello", 5), 0);
    CHECK_INT(pt_read(&t, f, 0, buf, 8), 5);
    CHECK_INT(pt_read(&t, f, 4, buf, 8), 1);
    CHECK_INT(pt_read(&t, f, 5, buf, 8), 0);
    CHECK_INT(pt_read(&t, f, UINT64_MAX, buf, 8), 0);
    CHECK_INT(pt_write(&t, f, 100, "", 0), 0);
    CHECK_INT(pt_attr(&t, f).size, 5);
    CHECK_INT(pt_write(&t, f, UINT64_MAX - 2, "hello", 5), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_INT(pt_write(&t, f, INT64_MAX - 2, "hello", 5), SMBKIT_STATUS_INVALID_PARAMETER);
    /* The last byte there can be. */
    uint64_t last = 0xfffffff0000ull - 1; /* as on NTFS */
    CHECK_INT(pt_write(&t, f, last, "!", 1), 0);
    CHECK_INT(pt_write(&t, f, last + 1, "!", 1), SMBKIT_STATUS_INVALID_PARAMETER);
    CHECK_INT(pt_read(&t, f, last - 3, buf, 8), 4);
    CHECK_MEM(buf, 4, "\0\0\0!", 4);
    CHECK_INT(pt_attr(&t, f).alloc_size, CLUSTER + CHUNK);
    void *d = pt_any(&t, "");
    CHECK_INT(pt_read(&t, d, 0, buf, 8), -1);
    CHECK_INT(pt_write(&t, d, 0, buf, 8), SMBKIT_STATUS_INVALID_DEVICE_REQUEST);
    pt_close(&t, d);
    pt_close(&t, f);
    pt_close_volume(&t);
}

static void test_sparse(void)
{
    struct pt t;
    if (!start(&t, "size=1M", NULL)) {
        return;
    }
    static uint8_t data[CHUNK];
    memset(data, 'x', sizeof(data));
    void *f = pt_new(&t, "f");
    CHECK_INT(pt_set_size(&t, f, 1ull << 40), 0);
    CHECK_INT(pt_free_bytes(&t), 1 << 20);
    CHECK_INT(pt_write(&t, f, 0, data, 100), 0);
    CHECK_INT(pt_write(&t, f, 3ull << 30, data, CHUNK), 0);
    CHECK_INT(pt_write(&t, f, (3ull << 30) + CHUNK, data, CLUSTER + 1), 0);
    CHECK_INT(pt_free_bytes(&t), (1 << 20) - CHUNK - 3 * CLUSTER);
    struct smbkit_range r[4];
    uint32_t n = 4;
    CHECK_INT(pt_ranges(&t, f, (struct smbkit_range){0, UINT64_MAX}, r, &n), 0);
    CHECK_INT(n, 2);
    CHECK_INT(r[0].offset, 0);
    CHECK_INT(r[0].length, CHUNK); /* the unit of a hole */
    CHECK_INT(r[1].offset, 3ull << 30);
    CHECK_INT(r[1].length, 2 * CHUNK);
    n = 1;
    CHECK_INT(pt_ranges(&t, f, (struct smbkit_range){0, UINT64_MAX}, r, &n),
              SMBKIT_STATUS_BUFFER_OVERFLOW);
    CHECK_INT(n, 1);
    n = 4;
    CHECK_INT(pt_ranges(&t, f, (struct smbkit_range){(3ull << 30) + 10, 20}, r, &n), 0);
    CHECK_INT(n, 1);
    CHECK_INT(r[0].offset, (3ull << 30) + 10);
    CHECK_INT(r[0].length, 20);
    n = 4;
    CHECK_INT(pt_ranges(&t, f, (struct smbkit_range){1ull << 41, 20}, r, &n), 0);
    CHECK_INT(n, 0);
    CHECK_INT(pt_zero_range(&t, f, 10, (3ull << 30) + 20), 0);
    uint8_t buf[40];
    CHECK_INT(pt_read(&t, f, (3ull << 30) + 20, buf, 40), 40);
    CHECK(buf[9] == 0 && buf[10] == 'x');
    CHECK_INT(pt_zero_range(&t, f, 3ull << 30, UINT64_MAX), 0);
    CHECK_INT(pt_free_bytes(&t), (1 << 20) - CLUSTER);
    CHECK_INT(pt_set_size(&t, f, 5), 0);
    CHECK_INT(pt_set_size(&t, f, 40), 0);
    CHECK_INT(pt_read(&t, f, 0, buf, 40), 40);
    CHECK(buf[4] == 'x' && buf[5] == 0 && buf[39] == 0);
    CHECK_INT(pt_set_size(&t, f, 0), 0);
    CHECK_INT(pt_free_bytes(&t), 1 << 20);
    pt_close(&t, f);
    pt_close_volume(&t);
}

static void test_quota(void)
{
    struct pt t;
    if (!start(&t, "size=1M", NULL)) {
        return;
    }
    static uint8_t data[3 * CHUNK];
    memset(data, 'q', sizeof(data));
    char name[16];
    uint64_t written = 0;
    uint32_t files = 0;
    /* Odd sizes, until it is full. */
    for (;; files++) {
        snprintf(name, sizeof(name), "f%u", files);
        void *f = pt_new(&t, name);
        smbkit_status status = pt_write(&t, f, 0, data, 12345 + files * 1777);
        pt_close(&t, f);
        if (!SMBKIT_OK(status)) {
            CHECK_INT(status, SMBKIT_STATUS_DISK_FULL);
            break;
        }
        written += (12345 + files * 1777 + CLUSTER - 1) / CLUSTER * CLUSTER;
        CHECK_INT(pt_free_bytes(&t), (1 << 20) - written);
    }
    /* To the last cluster, and not a byte more; what is there stays readable. */
    void *f = pt_any(&t, name);
    uint64_t left = pt_free_bytes(&t);
    CHECK(left > CLUSTER);
    CHECK_INT(pt_attr(&t, f).size, 0);
    CHECK_INT(pt_write(&t, f, 0, data, (uint32_t)left), 0);
    CHECK_INT(pt_free_bytes(&t), 0);
    CHECK_INT(pt_write(&t, f, left, data, 1), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_attr(&t, f).size, left);
    CHECK_INT(pt_write(&t, f, left - 1, "z", 1), 0);
    uint8_t last = 0;
    CHECK_INT(pt_read(&t, f, left - 1, &last, 1), 1);
    CHECK_INT(last, 'z');
    struct smbkit_attr attr;
    CHECK_INT(pt_overwrite(&t, f, 0, left + 1, &attr), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_attr(&t, f).size, left);
    CHECK_INT(pt_overwrite(&t, f, 0, left, &attr), 0);
    CHECK_INT(attr.size, 0);
    CHECK_INT(attr.alloc_size, left);
    CHECK_INT(pt_free_bytes(&t), 0); /* reserved */
    CHECK_INT(pt_write(&t, f, 0, data, (uint32_t)left), 0);
    CHECK_INT(pt_set_size(&t, f, 1), 0);
    CHECK_INT(pt_free_bytes(&t), left - CLUSTER);
    CHECK_INT(pt_remove_file(&t, f), 0);
    CHECK_INT(pt_free_bytes(&t), left - CLUSTER); /* open: keeps its data */
    pt_close(&t, f);
    CHECK_INT(pt_free_bytes(&t), left);
    while (files-- > 0) {
        snprintf(name, sizeof(name), "f%u", files);
        CHECK_INT(pt_remove(&t, name), 0);
    }
    CHECK_INT(pt_free_bytes(&t), 1 << 20);
    pt_close_volume(&t);
}

static void test_reserve(void)
{
    struct pt t;
    if (!start(&t, "size=1M", NULL)) {
        return;
    }
    struct smbkit_attr attr;
    void *f;
    struct smbkit_create how = {.struct_size = sizeof(how),
                                .disposition = SMBKIT_CREATE,
                                .path = "f",
                                .kind = SMBKIT_KIND_FILE,
                                .alloc_size = (1 << 20) + 1};
    CHECK_INT(pt_create(&t, &how, &f, &attr), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_try(&t, "f"), SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
    how.alloc_size = 1 << 20;
    CHECK_INT(pt_create(&t, &how, &f, &attr), 0);
    CHECK_INT(attr.alloc_size, 1 << 20);
    CHECK_INT(pt_free_bytes(&t), 0);
    void *g = pt_new(&t, "g");
    CHECK_INT(pt_write(&t, g, 0, "g", 1), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_write(&t, f, 0, "f", 1), 0);
    CHECK_INT(pt_attr(&t, f).size, 1);
    CHECK_INT(pt_allocate(&t, f, 100000), 0);
    CHECK_INT(pt_free_bytes(&t), (1 << 20) - 102400);
    CHECK_INT(pt_attr(&t, f).size, 1);
    CHECK_INT(pt_allocate(&t, f, 2 << 20), SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_allocate(&t, f, 0), 0);
    CHECK_INT(pt_attr(&t, f).size, 0);
    CHECK_INT(pt_free_bytes(&t), 1 << 20);
    CHECK_INT(pt_allocate(&t, f, 50000), 0);
    pt_close(&t, f); /* what was reserved and not used goes with the last handle */
    CHECK_INT(pt_free_bytes(&t), 1 << 20);
    pt_close(&t, g);
    pt_close_volume(&t);
}

static void test_files_max(void)
{
    struct pt t;
    if (!start(&t, "size=1M", "files=3")) {
        return;
    }
    void *f = NULL;
    pt_mkdir(&t, "a");
    pt_close(&t, pt_new(&t, "a/b"));
    void *c = pt_new(&t, "c");
    CHECK_INT(pt_create_kind(&t, "d", SMBKIT_CREATE, SMBKIT_KIND_FILE, &f),
              SMBKIT_STATUS_DISK_FULL);
    CHECK_INT(pt_link_file(&t, c, "l", 0), 0); /* a name, not a file */
    CHECK_INT(pt_remove_file(&t, c), 0);
    CHECK_INT(pt_remove(&t, "l"), 0);
    CHECK_INT(pt_create_kind(&t, "d", SMBKIT_CREATE, SMBKIT_KIND_FILE, &f),
              SMBKIT_STATUS_DISK_FULL);
    pt_close(&t, c);
    pt_close(&t, pt_new(&t, "d"));
    CHECK_INT(pt_create_kind(&t, "e", SMBKIT_CREATE, SMBKIT_KIND_FILE, &f),
              SMBKIT_STATUS_DISK_FULL);
    pt_close_volume(&t);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KEEPS_FREED_MEMORY
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KEEPS_FREED_MEMORY
#endif
#endif

/* Data that is moved seldom goes by a file, what is moved often by its mapping: one sees what the
 * other wrote, and the memory of a file that is gone is zero for the next one. */
static void test_moved_often(void)
{
    static uint8_t model[3 * CHUNK], got[3 * CHUNK];
    struct pt t;
    if (!start(&t, "size=1M", NULL)) {
        return;
    }
    for (uint32_t life = 0; life < 3; life++) {
        void *f = pt_new(&t, "f");
        memset(model, 0, sizeof(model));
        CHECK_INT(pt_write(&t, f, sizeof(model) - 1, "", 1), 0);
        for (uint32_t i = 0; i < 40; i++) {
            uint32_t len = i % 5 == 0 ? CHUNK + 100 : 1 + i * 37;
            uint32_t at = i * 4099 % (uint32_t)(sizeof(model) - len);
            memset(model + at, (int)(life + i + 1), len);
            CHECK_INT(pt_write(&t, f, at, model + at, len), 0);
            CHECK_INT(pt_read(&t, f, 0, got, sizeof(got)), (int)sizeof(got));
            CHECK_MEM(got, sizeof(got), model, sizeof(model));
        }
        CHECK_INT(pt_remove_file(&t, f), 0);
        pt_close(&t, f);
    }
    pt_close_volume(&t);
}

#if defined(KEEPS_FREED_MEMORY)
static void test_memory_back(void)
{
    printf("# the sanitizer keeps freed memory: not measured\n");
}
#else
static long anonymous_kib(void)
{
    long kib = -1;
    char line[128];
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "RssAnon: %ld", &kib) == 1) {
            break;
        }
    }
    if (f) {
        fclose(f);
    }
    return kib;
}

/* What files in memory hold, mapped or not. */
static long file_kib(void)
{
    long kib = 0;
#if defined(__linux__)
    for (int fd = 3; fd < 256; fd++) {
        char link[32];
        char to[64] = "";
        struct stat st;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (readlink(link, to, sizeof(to) - 1) > 0 && strncmp(to, "/memfd:", 7) == 0 &&
            fstat(fd, &st) == 0) {
            kib += (long)st.st_blocks / 2;
        }
    }
#endif
    return kib;
}

static long held_kib(void)
{
    long kib = anonymous_kib();
    return kib < 0 ? kib : kib + file_kib();
}

/* What files held is the system's again at once, large files and many small ones alike. */
static void test_memory_back(void)
{
    struct pt t;
    static uint8_t data[1 << 20];
    memset(data, 'm', sizeof(data));
    long before = held_kib();
    if (before < 0 || !start(&t, "size=1G", NULL)) {
        return;
    }
    void *f = pt_new(&t, "large");
    for (uint32_t i = 0; i < 200; i++) {
        CHECK_INT(pt_write(&t, f, (uint64_t)i << 20, data, sizeof(data)), 0);
    }
    char name[32];
    for (uint32_t i = 0; i < 20000; i++) {
        snprintf(name, sizeof(name), "small%u", i);
        void *s = pt_new(&t, name);
        CHECK_INT(pt_write(&t, s, 0, data, 5000), 0);
        pt_close(&t, s);
    }
    CHECK(held_kib() - before > 300 * 1024);
    CHECK_INT(pt_remove_file(&t, f), 0);
    pt_close(&t, f);
    for (uint32_t i = 0; i < 20000; i++) {
        snprintf(name, sizeof(name), "small%u", i);
        CHECK_INT(pt_remove(&t, name), 0);
    }
    long kept = held_kib() - before;
    if (kept > 48 * 1024) {
        test_fail(__FILE__, __LINE__, "%ld KiB kept", kept);
    }
    pt_close_volume(&t);
}
#endif

static const struct test_case cases[] = {
    {"read and write at the edges", test_read_edges},
    {"sparse files", test_sparse},
    {"quota is exact", test_quota},
    {"reservations", test_reserve},
    {"files=COUNT", test_files_max},
    {"data is the same by either way", test_moved_often},
    {"memory is given back", test_memory_back},
};

TEST_MAIN(cases)
