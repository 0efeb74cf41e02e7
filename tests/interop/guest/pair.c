/* SPDX-License-Identifier: Apache-2.0 */
/* pair CASE A B: what is done in folder A is seen in B, the same folder by another client. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A break travels beside the answer to what broke; names are cached for a second by default. */
#define SEEN_WITHIN_MS 5000
#define TURNS 150

static char paths[4][4096]; /* A/name, A/other, B/name, B/other */

static void fail(const char *what)
{
    printf("pair: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int must(int result, const char *what)
{
    if (result < 0) {
        fail(what);
    }
    return result;
}

static int opened(const char *path, int flags)
{
    return must(open(path, flags, 0644), path);
}

static void put(int fd, const char *text, long at)
{
    long n = (long)strlen(text);
    if (pwrite(fd, text, (size_t)n, at) != n) {
        fail("write");
    }
}

/* Until the file holds the text there. */
static void sees(int fd, const char *text, long at)
{
    char got[100] = "";
    for (int ms = 0; ms < SEEN_WITHIN_MS; ms += 20) {
        long n = pread(fd, got, strlen(text), at);
        if (n == (long)strlen(text) && memcmp(got, text, (size_t)n) == 0) {
            return;
        }
        usleep(20000);
    }
    errno = 0;
    printf("pair: wanted \"%s\", there is \"%s\"\n", text, got);
    fail("stale data");
}

static void comes(const char *path, int there)
{
    struct stat st;
    for (int ms = 0; ms < SEEN_WITHIN_MS; ms += 20) {
        if ((stat(path, &st) == 0) == there) {
            return;
        }
        usleep(20000);
    }
    printf("pair: %s is %s\n", path, there ? "not there" : "still there");
    fail("names");
}

/* Both have it open and cached, and write in turn. */
static void writes(void)
{
    int a = opened(paths[0], O_RDWR | O_CREAT | O_TRUNC), b = -1;
    char text[32];
    put(a, "turn 0000", 0);
    b = opened(paths[2], O_RDWR);
    sees(b, "turn 0000", 0);
    for (int i = 1; i < 20; i++) {
        snprintf(text, sizeof text, "turn %04d", i);
        put(i % 2 ? a : b, text, 0);
        sees(i % 2 ? b : a, text, 0);
        put(i % 2 ? a : b, text, i * 5000);
        sees(i % 2 ? b : a, text, i * 5000);
    }
    close(a);
    close(b);
}

/* What one has written and closed, the other reads at its next open, at once. */
static void closed(void)
{
    char text[32], got[32] = "";
    for (int i = 0; i < 20; i++) {
        int fd = opened(paths[i % 2 * 2], O_RDWR | O_CREAT);
        snprintf(text, sizeof text, "round %04d", i);
        put(fd, text, 0);
        close(fd);
        fd = opened(paths[2 - i % 2 * 2], O_RDONLY);
        if (read(fd, got, strlen(text)) != (long)strlen(text) || strcmp(got, text) != 0) {
            printf("pair: wanted \"%s\", there is \"%s\"\n", text, got);
            fail("stale data behind a close");
        }
        close(fd);
    }
}

static void names(void)
{
    close(opened(paths[0], O_RDWR | O_CREAT));
    comes(paths[2], 1);
    for (int i = 0; i < 5; i++) {
        must(rename(paths[0], paths[1]), "rename");
        comes(paths[3], 1);
        comes(paths[2], 0);
        must(rename(paths[3], paths[2]), "rename back");
        comes(paths[0], 1);
        comes(paths[1], 0);
    }
    must(unlink(paths[2]), "unlink");
    comes(paths[0], 0);
    must(mkdir(paths[0], 0755), "mkdir");
    comes(paths[2], 1);
    must(rmdir(paths[2]), "rmdir");
    comes(paths[0], 0);
}

/* One of two makes it. */
static void exclusive(void)
{
    for (int i = 0; i < 20; i++) {
        int won = 0;
        for (int k = 0; k < 2; k++) {
            int fd = open(paths[(i + k) % 2 * 2], O_RDWR | O_CREAT | O_EXCL, 0644);
            won += fd >= 0;
            if (fd < 0 && errno != EEXIST) {
                fail("O_EXCL");
            }
            close(fd);
        }
        if (won != 1) {
            fail("O_EXCL: not one winner");
        }
        must(unlink(paths[i % 2 * 2]), "unlink");
    }
}

static int lock(int fd, short type, long at, int command)
{
    struct flock fl = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 10};
    return fcntl(fd, command, &fl);
}

static void locks(void)
{
    int a = opened(paths[0], O_RDWR | O_CREAT), b = opened(paths[2], O_RDWR);
    must(lock(a, F_WRLCK, 0, F_SETLK), "lock");
    if (lock(b, F_WRLCK, 5, F_SETLK) == 0 || lock(b, F_RDLCK, 5, F_SETLK) == 0) {
        fail("both have the lock");
    }
    must(lock(b, F_WRLCK, 10, F_SETLK), "lock beside");
    if (lock(a, F_WRLCK, 10, F_SETLK) == 0) {
        fail("both have the lock beside");
    }
    must(lock(a, F_UNLCK, 0, F_SETLK), "unlock");
    must(lock(b, F_RDLCK, 0, F_SETLK), "lock what was freed");
    must(lock(a, F_RDLCK, 0, F_SETLK), "share it");
    must(lock(a, F_UNLCK, 0, F_SETLK), "give the share back");
    if (lock(a, F_WRLCK, 0, F_SETLK) == 0) {
        fail("an exclusive lock beside a shared one");
    }
    close(b);
    must(lock(a, F_WRLCK, 0, F_SETLKW), "lock what was closed");
    close(a);
}

/* A number in the file, counted up by two processes under a lock that they wait for. */
static void count_up(const char *path)
{
    for (int i = 0; i < TURNS; i++) {
        char text[16] = "";
        int fd = opened(path, O_RDWR);
        must(lock(fd, F_WRLCK, 0, F_SETLKW), "wait for the lock");
        must((int)pread(fd, text, 8, 0), "read");
        snprintf(text, sizeof text, "%08d", atoi(text) + 1);
        put(fd, text, 0);
        /* Linux 6.1 answers a break before what close() is flushing has left: the next one has the
         * lock by then, and the write is refused. */
        must(fsync(fd), "flush");
        must(lock(fd, F_UNLCK, 0, F_SETLK), "unlock");
        must(close(fd), "close");
    }
}

static void counter(void)
{
    int status = 0, fd = opened(paths[0], O_RDWR | O_CREAT);
    char text[16], got[16] = "";
    put(fd, "00000000", 0);
    close(fd);
    pid_t child = fork();
    count_up(paths[child == 0 ? 0 : 2]);
    if (child == 0) {
        exit(0);
    }
    waitpid(child, &status, 0);
    fd = opened(paths[0], O_RDONLY);
    snprintf(text, sizeof text, "%08d", 2 * TURNS);
    if (status != 0 || read(fd, got, 8) != 8 || strcmp(text, got) != 0) {
        printf("pair: %s, must be %s\n", got, text);
        fail("counting up together");
    }
    close(fd);
}

static const struct {
    const char *name;
    void (*fn)(void);
} cases[] = {
    {"writes", writes},       {"closed", closed}, {"names", names},
    {"exclusive", exclusive}, {"locks", locks},   {"counter", counter},
};

int main(int argc, char **argv)
{
    for (int i = 0; argc == 4 && i < 4; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%s%s", argv[2 + i / 2], i % 2 ? "other-" : "",
                 argv[1]);
    }
    for (unsigned i = 0; argc == 4 && i < sizeof cases / sizeof cases[0]; i++) {
        if (strcmp(cases[i].name, argv[1]) == 0) {
            alarm(120);
            cases[i].fn();
            return 0;
        }
    }
    return 2;
}
