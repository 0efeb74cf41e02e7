/* SPDX-License-Identifier: Apache-2.0 */
/* The filter with a disk: what clients get, whatever becomes of it. */
#include "cache_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#define BLOCKS 40u /* more than there is memory for, less than wait for the disk at once */

static char folder[64];
static char disk[80];

static void fill(struct fixture *f, struct vfs_open *o, unsigned seed)
{
    static uint8_t block[CACHE_BLOCK];
    for (unsigned i = 0; i < BLOCKS; i++) {
        memset(block, (int)(seed + i), sizeof(block));
        memcpy(block, &i, sizeof(i));
        CHECK_INT(write_bytes(f, o, (uint64_t)i * CACHE_BLOCK, block, sizeof(block)), 0);
    }
}

static bool is_good(struct fixture *f, struct vfs_open *o, unsigned seed, unsigned i)
{
    char buf[65];
    unsigned number;
    CHECK_INT(read_at(f, o, (uint64_t)i * CACHE_BLOCK, buf, sizeof(buf)), 0);
    memcpy(&number, buf, sizeof(number));
    return number == i && (uint8_t)buf[5] == (uint8_t)(seed + i) && buf[63] == buf[5];
}

/* Until all that leaves the memory is on disk. */
static void read_all(struct fixture *f, struct vfs_open *o, unsigned seed)
{
    for (unsigned i = 0; i < BLOCKS; i++) {
        CHECK(is_good(f, o, seed, i));
    }
}

static void wait_for(struct fixture *f, const char *text)
{
    for (unsigned i = 0; i < 3000 && !says(f, text); i++) {
        usleep(10000);
    }
    CHECK(says(f, text));
}

static struct vfs_open *begin(struct fixture *f)
{
    snprintf(folder, sizeof(folder), "/tmp/smbkit-cache-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    snprintf(disk, sizeof(disk), "disk=%s", folder);
    if (!start(f, "size=1M", disk, "ttl=1h")) {
        abort();
    }
    struct vfs_open *o = must_open(f, "a", RW, SMBKIT_CREATE, 0);
    fill(f, o, 1);
    return o;
}

static void end(struct fixture *f, struct vfs_open *o)
{
    must_close(f, o);
    fixture_close(f);
    CHECK_INT(rmdir(folder), 0); /* no name was left in it */
}

/* All but the 15 blocks that 1 MiB holds. */
#define ON_DISK "\"disk_bytes\":1638400"

static void test_read(void)
{
    struct fixture f;
    struct vfs_open *o = begin(&f);
    read_all(&f, o, 1);
    wait_for(&f, ON_DISK);
    reads_below(&f);
    read_all(&f, o, 1);
    read_all(&f, o, 1);
    CHECK_INT(reads_below(&f), 0);
    end(&f, o);
}

/* Across blocks in memory and on disk. */
static void test_long_read(void)
{
    struct fixture f;
    static char buf[BLOCKS * CACHE_BLOCK + 1];
    struct vfs_open *o = begin(&f);
    read_all(&f, o, 1);
    wait_for(&f, ON_DISK);
    reads_below(&f);
    CHECK_INT(read_at(&f, o, 100, buf, sizeof(buf)), 0);
    for (unsigned i = 1; i < BLOCKS; i++) {
        CHECK(memcmp(buf + (size_t)i * CACHE_BLOCK - 100, &i, sizeof(i)) == 0);
    }
    CHECK_INT(buf[(size_t)BLOCKS * CACHE_BLOCK - 101], (char)BLOCKS);
    CHECK_INT(reads_below(&f), 1); /* its end was not known */
    CHECK_INT(read_at(&f, o, 100, buf, sizeof(buf)), 0);
    CHECK(memcmp(buf + CACHE_BLOCK - 100, &(unsigned){1}, sizeof(unsigned)) == 0);
    end(&f, o);
}

static void test_changes(void)
{
    struct fixture f;
    struct vfs_open *o = begin(&f);
    read_all(&f, o, 1);
    wait_for(&f, ON_DISK);
    fill(&f, o, 2);
    read_all(&f, o, 2);
    wait_for(&f, ON_DISK);
    CHECK_INT(vfs_set_end_of_file(&f.call, o, 5 * CACHE_BLOCK), 0);
    CHECK_INT(vfs_set_end_of_file(&f.call, o, BLOCKS * CACHE_BLOCK), 0);
    char buf[17];
    CHECK_INT(read_at(&f, o, 6 * CACHE_BLOCK, buf, sizeof(buf)), 0);
    CHECK(buf[0] == 0 && buf[15] == 0);
    CHECK(is_good(&f, o, 2, 4));
    end(&f, o);
}

/* The file that has no name, by its descriptor. -1: there is none. */
static int nameless(void)
{
    DIR *d = opendir("/proc/self/fd");
    int found = -1;
    for (struct dirent *e; d && found < 0 && (e = readdir(d));) {
        char to[256] = "";
        if (readlinkat(dirfd(d), e->d_name, to, sizeof(to) - 1) > 0 &&
            strncmp(to, folder, strlen(folder)) == 0) {
            found = atoi(e->d_name);
        }
    }
    if (d) {
        closedir(d);
    }
    return found;
}

/* What is damaged is read below, and so is all from then on. */
static void test_damage(void)
{
    struct fixture f;
    static uint8_t zeroes[BLOCKS * CACHE_BLOCK];
    struct vfs_open *o = begin(&f);
    read_all(&f, o, 1);
    wait_for(&f, ON_DISK);
    int fd = nameless();
    REQUIRE(fd >= 0);
    CHECK_INT(pwrite(fd, zeroes, sizeof(zeroes), 0), sizeof(zeroes));
    read_all(&f, o, 1);
    CHECK(says(&f, "\"disk\":\"damaged\""));
    CHECK(says(&f, "\"disk_bytes\":0,"));
    read_all(&f, o, 1);
    end(&f, o);
}

/* The descriptor is one for nothing but reading: a disk that takes nothing. */
static void test_unwritable(void)
{
    struct fixture f;
    struct vfs_open *o = begin(&f);
    int fd = nameless();
    int null = open("/dev/full", O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0 && null >= 0 && dup3(null, fd, O_CLOEXEC) == fd);
    close(null);
    read_all(&f, o, 1);
    wait_for(&f, "\"disk\":\"unwritable\"");
    read_all(&f, o, 1);
    end(&f, o);
}

static void test_unreadable(void)
{
    struct fixture f;
    struct vfs_open *o = begin(&f);
    read_all(&f, o, 1);
    wait_for(&f, ON_DISK);
    int fd = nameless();
    int folder_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* EISDIR */
    REQUIRE(fd >= 0 && folder_fd >= 0 && dup3(folder_fd, fd, O_CLOEXEC) == fd);
    close(folder_fd);
    read_all(&f, o, 1);
    CHECK(says(&f, "\"disk\":\"unreadable\""));
    read_all(&f, o, 1);
    end(&f, o);
}

/* An event loop reads what needs no waiting, and hands on what does. */
static void test_nowait(void)
{
    struct fixture f;
    struct vfs_open *o = begin(&f);
    read_all(&f, o, 1);
    wait_for(&f, ON_DISK);
    reads_below(&f);
    for (unsigned i = 0; i < BLOCKS; i++) {
        char buf[17];
        f.call.nowait = true;
        smbkit_status st = read_at(&f, o, (uint64_t)i * CACHE_BLOCK, buf, sizeof(buf));
        f.call.nowait = false;
        CHECK(SMBKIT_OK(st) || st == SMBKIT_STATUS_WOULD_BLOCK);
        CHECK(is_good(&f, o, 1, i));
    }
    CHECK_INT(reads_below(&f), 0);
    end(&f, o);
}

static void test_no_folder(void)
{
    struct fixture f;
    REQUIRE(start(&f, "size=1M", "disk=/nowhere/at/all", NULL));
    CHECK(says(&f, "\"disk\":\"missing\""));
    struct vfs_open *o = must_open(&f, "a", RW, SMBKIT_CREATE, 0);
    fill(&f, o, 1);
    read_all(&f, o, 1);
    must_close(&f, o);
    fixture_close(&f);
}

static const struct test_case cases[] = {
    {"read again", test_read},
    {"read across", test_long_read},
    {"changes", test_changes},
    {"damage", test_damage},
    {"a disk that takes nothing", test_unwritable},
    {"a disk that gives nothing", test_unreadable},
    {"without waiting", test_nowait},
    {"no folder", test_no_folder},
};
TEST_MAIN(cases)
