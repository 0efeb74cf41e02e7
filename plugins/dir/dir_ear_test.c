/* SPDX-License-Identifier: Apache-2.0 */
/* Ears: each hears what one of its own instance would, and all share one. */
#include "dir_ear.h"
#include "dir_test.h"

#include <dirent.h>
#include <sys/inotify.h>

#define HEARD_MAX 32768 /* of all names that a test makes */

/* What an ear has to read now: the masks' letters and the names. */
static const char *heard(struct dirfs_ear *ear)
{
    static char text[HEARD_MAX];
    _Alignas(struct inotify_event) char buf[1024];
    size_t at = 0;
    ssize_t n;
    text[0] = '\0';
    while ((n = dirfs_ear_read(ear, buf, sizeof(buf))) > 0) {
        for (const char *p = buf; p < buf + n;) {
            const struct inotify_event *e = (const struct inotify_event *)p;
            const char *what = e->mask & IN_CREATE       ? "+"
                               : e->mask & IN_DELETE     ? "-"
                               : e->mask & IN_Q_OVERFLOW ? "lost"
                               : e->mask & IN_IGNORED    ? "end"
                                                         : "?";
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s ", what,
                                   e->len > 0 ? e->name : "");
            at = at < sizeof(text) ? at : sizeof(text) - 1;
            p += sizeof(*e) + e->len;
        }
    }
    CHECK_INT(n, 0);
    return text;
}

static unsigned instances(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        char to[64] = "";
        ssize_t n = readlinkat(dirfd(dir), e->d_name, to, sizeof(to) - 1);
        count += n > 0 && strstr(to, "inotify") != NULL;
    }
    closedir(dir);
    return count;
}

struct folder {
    char path[32];
    int fd;
};

static struct folder folder_new(void)
{
    struct folder f = {.path = "/tmp/smbkit-ear-XXXXXX"};
    CHECK(mkdtemp(f.path) != NULL);
    f.fd = open(f.path, O_RDONLY | O_DIRECTORY);
    return f;
}

static void folder_end(struct folder *f)
{
    close(f->fd);
    rmdir(f->path);
}

static void test_share(void)
{
    struct folder f = folder_new();
    struct dirfs_ear *a = dirfs_ear_new(false);
    struct dirfs_ear *b = dirfs_ear_new(false);
    CHECK_INT(instances(), 1);
    int wd = dirfs_ear_add(a, f.path, IN_CREATE);
    put_file(f.fd, "one", "");
    /* Who begins later is not told of what was before, though it was not taken yet. */
    CHECK_INT(dirfs_ear_add(b, f.path, IN_CREATE | IN_DELETE), wd);
    put_file(f.fd, "two", "");
    unlinkat(f.fd, "one", 0);
    CHECK_STR(heard(b), "+two -one ");
    CHECK_STR(heard(a), "+one +two "); /* what it asked for */
    CHECK_STR(heard(a), "");
    /* One that goes is in nobody's way. */
    dirfs_ear_remove(a, wd);
    unlinkat(f.fd, "two", 0);
    CHECK_STR(heard(a), "");
    dirfs_ear_free(a);
    put_file(f.fd, "three", "");
    unlinkat(f.fd, "three", 0);
    CHECK_STR(heard(b), "-two +three -three ");
    dirfs_ear_remove(b, wd);
    dirfs_ear_remove(b, wd);
    put_file(f.fd, "four", "");
    unlinkat(f.fd, "four", 0);
    CHECK_STR(heard(b), "");
    CHECK(dirfs_ear_add(b, f.path, IN_CREATE | IN_DELETE) != wd);
    folder_end(&f);
    CHECK_STR(heard(b), "end ");
    dirfs_ear_free(b);
    CHECK_INT(instances(), 0);
    dirfs_ear_free(NULL);
}

/* An ear that does not listen has lost events in the end, and nobody else has. */
static void test_overflow(void)
{
    struct folder f = folder_new();
    struct dirfs_ear *lazy = dirfs_ear_new(false);
    struct dirfs_ear *busy = dirfs_ear_new(false);
    (void)dirfs_ear_add(lazy, f.path, IN_CREATE | IN_DELETE);
    (void)dirfs_ear_add(busy, f.path, IN_CREATE | IN_DELETE);
    for (unsigned i = 0; i < 20000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "f%u", i % 2);
        put_file(f.fd, name, "");
        unlinkat(f.fd, name, 0);
        if (i % 20 == 0) {
            CHECK(strncmp(heard(busy), "+f", 2) == 0);
        }
    }
    (void)heard(busy);
    CHECK(strncmp(heard(lazy), "lost ", 5) == 0);
    put_file(f.fd, "after", "");
    CHECK_STR(heard(lazy), "+after ");
    unlinkat(f.fd, "after", 0);
    dirfs_ear_free(busy);
    dirfs_ear_free(lazy);
    folder_end(&f);
}

static void *make_many(void *arg)
{
    const struct folder *f = arg;
    for (unsigned i = 0; i < 500; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%lx-%u", (unsigned long)pthread_self(), i);
        put_file(f->fd, name, "");
        unlinkat(f->fd, name, 0);
    }
    return NULL;
}

/* Who waits is woken, also by what another takes from the kernel. */
static void test_wait(void)
{
    struct folder f = folder_new();
    struct dirfs_ear *sleeper = dirfs_ear_new(true);
    struct dirfs_ear *other = dirfs_ear_new(false);
    (void)dirfs_ear_add(sleeper, f.path, IN_CREATE);
    (void)dirfs_ear_add(other, f.path, IN_CREATE);
    pthread_t maker;
    CHECK_INT(pthread_create(&maker, NULL, make_many, &f), 0);
    unsigned count = 0;
    while (count < 500) {
        (void)heard(other);
        dirfs_ears_wait(-1, true);
        const char *text = heard(sleeper);
        for (; *text; text++) {
            count += *text == '+';
        }
    }
    pthread_join(maker, NULL);
    CHECK_INT(count, 500);
    dirfs_ears_end_wait();
    dirfs_ears_wait(-1, false);
    dirfs_ear_free(sleeper);
    dirfs_ear_free(other);
    folder_end(&f);
}

#define ADDS 500u
#define PATIENCE_MS 10000

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Who sleeps is woken by what is taken from the kernel as another begins to listen: what the kernel
 * has of it is not looked at here, and is gone in time by chance only. */
static void test_add_wakes(void)
{
    struct folder f = folder_new();
    struct dirfs_ear *sleeper = dirfs_ear_new(true);
    (void)dirfs_ear_add(sleeper, f.path, IN_CREATE);
    uint64_t began = now_ms();
    for (unsigned i = 0; i < ADDS; i++) {
        struct dirfs_ear *other = dirfs_ear_new(false);
        put_file(f.fd, "new", "");
        (void)dirfs_ear_add(other, f.path, IN_CREATE);
        dirfs_ears_wait(now_ms() - began < PATIENCE_MS ? PATIENCE_MS : 0, false);
        CHECK_STR(heard(sleeper), "+new ");
        dirfs_ear_free(other);
        unlinkat(f.fd, "new", 0);
    }
    CHECK(now_ms() - began < PATIENCE_MS);
    dirfs_ear_free(sleeper);
    folder_end(&f);
}

static const struct test_case cases[] = {
    {"one instance, many ears", test_share},
    {"a queue that is full", test_overflow},
    {"waiting", test_wait},
    {"waiting while another begins", test_add_wakes},
};

TEST_MAIN(cases)
