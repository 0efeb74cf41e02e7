/* SPDX-License-Identifier: Apache-2.0 */
/* fsx OPERATIONS SEED FILE [FILE2]: a file is read, written, mapped, cut, given holes and copied
 * within itself at random, and compared with what it must hold. FILE2 is the same file as another
 * client sees it: each operation opens it by either name, and closes it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE_MAX_BYTES (256 * 1024)
#define PIECE_MAX_BYTES 20000
#define WEIGHT_OF_ALL 37
#define SEEN_WITHIN_MS 5000

struct fsx {
    const char *names[2];
    unsigned char right[SIZE_MAX_BYTES]; /* zeroes behind size */
    unsigned char buffer[SIZE_MAX_BYTES];
    long size;
    int is_shared;
    int fd;
    int number;
    const char *doing;
};

static struct fsx fsx;

static void fail(const char *what, long at, long n)
{
    printf("fsx: operation %d, %s: %s; %ld bytes at %ld of %ld: %s\n", fsx.number, fsx.doing, what,
           n, at, fsx.size, strerror(errno));
    exit(1);
}

static long dice(long n)
{
    return random() % n;
}

static void open_file(const char *name)
{
    fsx.fd = open(name, O_RDWR | O_CREAT, 0644);
    if (fsx.fd < 0) {
        fail("open", 0, 0);
    }
}

static void close_file(void)
{
    if (close(fsx.fd) != 0) {
        fail("close", 0, 0);
    }
    fsx.fd = -1;
}

static void compare(const unsigned char *got, long at, long n)
{
    for (long i = 0; i < n; i++) {
        if (got[i] != fsx.right[at + i]) {
            printf("fsx: at %ld is %#x and must be %#x\n", at + i, got[i], fsx.right[at + i]);
            errno = 0;
            fail("other data", at, n);
        }
    }
}

static void fill(long at, long n)
{
    for (long i = 0; i < n; i++) {
        fsx.right[at + i] = (unsigned char)(fsx.number + i * 7);
    }
    if (at + n > fsx.size) {
        fsx.size = at + n;
    }
}

static void do_read(long at, long n)
{
    long want = at >= fsx.size ? 0 : at + n > fsx.size ? fsx.size - at : n;
    long got = pread(fsx.fd, fsx.buffer, (size_t)n, at);
    if (got != want) {
        fail("read another number", at, got);
    }
    compare(fsx.buffer, at, got);
}

static void do_write(long at, long n)
{
    fill(at, n);
    if (pwrite(fsx.fd, fsx.right + at, (size_t)n, at) != n) {
        fail("write", at, n);
    }
}

/* at and n within the file. */
static void do_map(long at, long n, int is_write)
{
    long page = at & ~4095L;
    unsigned char *p =
        mmap(NULL, (size_t)(at - page + n), PROT_READ | PROT_WRITE, MAP_SHARED, fsx.fd, page);
    if (p == MAP_FAILED) {
        fail("mmap", at, n);
    }
    if (is_write) {
        fill(at, n);
        memcpy(p + (at - page), fsx.right + at, (size_t)n);
        if (msync(p, (size_t)(at - page + n), MS_SYNC) != 0) {
            fail("msync", at, n);
        }
    } else {
        compare(p + (at - page), at, n);
    }
    munmap(p, (size_t)(at - page + n));
}

static void map_read(long at, long n)
{
    if (at < fsx.size) {
        do_map(at, at + n > fsx.size ? fsx.size - at : n, 0);
    }
}

static void map_write(long at, long n)
{
    if (at < fsx.size) {
        do_map(at, at + n > fsx.size ? fsx.size - at : n, 1);
    }
}

static void cut(long at, long n)
{
    (void)n;
    /* A kernel that has the file open to write, as it has for a second after the close, keeps its
     * size when the server tells a smaller one (Linux 6.1, is_size_safe_to_change). */
    if (fsx.is_shared && at < fsx.size) {
        at = fsx.size;
    }
    if (ftruncate(fsx.fd, at) != 0) {
        fail("truncate", at, 0);
    }
    memset(fsx.right + at, 0, (size_t)(SIZE_MAX_BYTES - at));
    fsx.size = at;
}

static void punch(long at, long n)
{
    if (fallocate(fsx.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, n) != 0) {
        fail("punch", at, n);
    }
    memset(fsx.right + at, 0, (size_t)n);
}

/* From anywhere in the file, where the two do not overlap. */
static void copy(long at, long n)
{
    long from = fsx.size > n ? dice(fsx.size - n) : -1;
    loff_t in = from, out = at;
    if (from < 0 || labs(from - at) < n) {
        return;
    }
    for (long done = 0, k; done < n; done += k) {
        k = copy_file_range(fsx.fd, &in, fsx.fd, &out, (size_t)(n - done), 0);
        if (k <= 0) {
            fail("copy_file_range", at + done, n - done);
        }
    }
    memcpy(fsx.right + at, fsx.right + from, (size_t)n);
    if (at + n > fsx.size) {
        fsx.size = at + n;
    }
}

static void sync_file(long at, long n)
{
    if (fsync(fsx.fd) != 0) {
        fail("fsync", at, n);
    }
}

static void reopen(long at, long n)
{
    (void)at;
    (void)n;
    close_file();
    open_file(fsx.names[dice(2)]);
}

static void size(long at, long n)
{
    if (lseek(fsx.fd, 0, SEEK_END) != fsx.size) {
        fail("another size", at, n);
    }
}

/* Of two clients the other one hears by a break, beside the answer to what broke, that what it has
 * cached is no longer so. */
static void settle(void)
{
    for (int ms = 0; ms < SEEN_WITHIN_MS; ms += 10) {
        long n = pread(fsx.fd, fsx.buffer, SIZE_MAX_BYTES, 0);
        if (n == fsx.size && lseek(fsx.fd, 0, SEEK_END) == n &&
            memcmp(fsx.buffer, fsx.right, (size_t)n) == 0) {
            return;
        }
        usleep(10000);
    }
    errno = 0;
    fail("stale for seconds", lseek(fsx.fd, 0, SEEK_END), 0);
}

static const struct {
    const char *name;
    void (*fn)(long at, long n);
    int weight;
} operations[] = {
    {"read", do_read, 8},
    {"write", do_write, 8},
    {"mapped read", map_read, 5},
    {"mapped write", map_write, 5},
    {"truncate", cut, 2},
    {"punch", punch, 2},
    {"copy", copy, 2},
    {"fsync", sync_file, 1},
    {"reopen", reopen, 1},
    {"size", size, 3},
};

static void one(void)
{
    int left = (int)dice(WEIGHT_OF_ALL);
    unsigned i = 0;
    long n = 1 + dice(PIECE_MAX_BYTES);
    long at = dice(SIZE_MAX_BYTES - n);
    for (; left >= operations[i].weight; i++) {
        left -= operations[i].weight;
    }
    fsx.doing = operations[i].name;
    operations[i].fn(at, n);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        return 2;
    }
    fsx.is_shared = argc > 4;
    fsx.names[0] = argv[3];
    fsx.names[1] = argv[fsx.is_shared ? 4 : 3];
    fsx.doing = "open";
    srandom((unsigned)atoi(argv[2]));
    open_file(fsx.names[0]);
    for (fsx.number = 1; fsx.number <= atoi(argv[1]); fsx.number++) {
        one();
        if (fsx.is_shared) {
            reopen(0, 0);
            settle();
        }
    }
    fsx.doing = "the end";
    size(0, 0);
    do_read(0, SIZE_MAX_BYTES);
    close_file();
    return 0;
}
