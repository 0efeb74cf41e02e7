/* SPDX-License-Identifier: Apache-2.0 */
/* Watches of what clients cache: without one nothing is, and many are given up quickly. */
#include "dir_priv.h"
#include "dir_test.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static atomic_uint told_data; /* how often that a file's data is another */

static void event(struct smbkit_host *host, const struct smbkit_event *told)
{
    (void)host;
    if (told->flags & SMBKIT_EVENT_DATA) {
        atomic_fetch_add_explicit(&told_data, 1, memory_order_relaxed);
    }
}

static void wait_ms(long ms)
{
    const struct timespec ts = {.tv_nsec = ms * 1000000};
    nanosleep(&ts, NULL);
}

static bool watch_start(struct world *w)
{
    static struct smbkit_host_table api;
    char path[96];
    if (!world_start(w, "/tmp", NULL)) {
        return false;
    }
    pt_close_volume(&w->t);
    api = pt_api;
    api.event = event;
    snprintf(path, sizeof(path), "path=%s", w->share);
    const char *args[] = {path, NULL};
    return SMBKIT_OK(pt_open_volume(&w->t, smbkit_static_dir(&api), args, NULL));
}

static uint32_t cacheable(struct world *w, void *file)
{
    struct smbkit_cache a = {.struct_size = sizeof(a), .state = 7};
    CHECK_INT(w->t.p->cache_request(w->t.v, &w->t.op, file, &a), 0);
    return a.state;
}

/* May no more watches be had from now on? For this process alone. */
static bool forbid(const char *what)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/sys/user/%s", what);
    int fd = unshare(CLONE_NEWUSER) == 0 ? open(path, O_WRONLY) : -1;
    return fd >= 0 && write(fd, "0", 1) == 1;
}

/* 0: nothing may be cached; 1: something; 2: it cannot be tried here. */
static int try_without(struct world *w, const char *what)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (!forbid(what)) {
            _exit(2);
        }
        void *dir = pt_any(&w->t, "d");
        void *file = pt_any(&w->t, "f");
        _exit(cacheable(w, dir) | cacheable(w, file) ? 1 : 0);
    }
    int status = 0;
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_no_watch(void)
{
    struct world w;
    if (!watch_start(&w)) {
        return;
    }
    put_file(w.fd, "f", "f");
    mkdirat(w.fd, "d", 0755);
    CHECK(try_without(&w, "max_inotify_watches") != 1);
    CHECK(try_without(&w, "max_inotify_instances") != 1);
    void *dir = pt_any(&w.t, "d");
    CHECK_INT(cacheable(&w, dir), 7);
    pt_close(&w.t, dir);
    world_end(&w);
}

/* However many shares have something watched: the kernel gives a user 128 instances. */
static void test_instances(void)
{
    struct world worlds[20];
    void *dirs[20];
    unsigned count = 0;
    char to[64];
    char path[32];
    for (unsigned i = 0; i < 20; i++) {
        CHECK(watch_start(&worlds[i]));
        mkdirat(worlds[i].fd, "d", 0755);
        dirs[i] = pt_any(&worlds[i].t, "d");
        CHECK_INT(cacheable(&worlds[i], dirs[i]), 7);
    }
    for (unsigned fd = 0; fd < 1024; fd++) {
        snprintf(path, sizeof(path), "/proc/self/fd/%u", fd);
        ssize_t n = readlink(path, to, sizeof(to) - 1);
        to[n > 0 ? n : 0] = '\0';
        count += strstr(to, "inotify") != NULL;
    }
    CHECK_INT(count, 1);
    for (unsigned i = 0; i < 20; i++) {
        pt_close(&worlds[i].t, dirs[i]);
        world_end(&worlds[i]);
    }
}

#define MANY 2000u

/* Each of many directories that are let go of is no look at all the others' watchers. */
static void test_many(void)
{
    static void *dirs[MANY];
    struct world w;
    struct rlimit limit;
    char name[16];
    if (!watch_start(&w)) {
        return;
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    unsigned count = limit.rlim_max < MANY + 100 ? 500 : MANY;
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "d%u", i);
        mkdirat(w.fd, name, 0755);
        dirs[i] = pt_any(&w.t, name);
        (void)cacheable(&w, dirs[i]);
    }
    time_t before = time(NULL);
    for (unsigned i = 0; i < count; i++) {
        pt_close(&w.t, dirs[i]);
    }
    CHECK(time(NULL) - before < 5);
    world_end(&w);
}

/* A stream of a directory that is watched too, one after the other and the other way round. */
static void test_directory_stream(void)
{
    struct world w;
    if (!watch_start(&w)) {
        return;
    }
    mkdirat(w.fd, "d", 0755);
    put_file(w.fd, "f", "f");
    for (unsigned round = 0; round < 4; round++) {
        void *stream = NULL;
        uint32_t disposition = round == 0 ? SMBKIT_CREATE : SMBKIT_OPEN;
        if (pt_stream_create(&w.t, "d", "s", disposition, &stream) != 0) {
            break; /* no streams here */
        }
        void *dir = pt_any(&w.t, "d");
        if (round % 2) {
            CHECK_INT(cacheable(&w, dir), 7);
        }
        CHECK_INT(cacheable(&w, stream), 0);
        CHECK_INT(cacheable(&w, dir), 7);
        pt_close(&w.t, dir);
        pt_close(&w.t, stream);
        void *file = pt_any(&w.t, "f"); /* meets what was kept of the others */
        CHECK_INT(cacheable(&w, file), 7);
        pt_close(&w.t, file);
    }
    world_end(&w);
}

/* What the server does itself ends nobody's caching, however long it takes and whatever time a
 * client sets. */
static void test_own_changes(void)
{
    struct world w;
    const struct smbkit_attr later = {.struct_size = sizeof(later),
                                      .valid = SMBKIT_HAS_WRITE_TIME,
                                      .write_time = 0x01f0000000000000}; /* in this century */
    if (!watch_start(&w)) {
        return;
    }
    void *file = pt_new(&w.t, "f");
    CHECK_INT(cacheable(&w, file), 7);
    atomic_store(&told_data, 0);
    struct dirfs_own_turn turn;
    dirfs_own_begin(w.t.v, file, &turn);
    wait_ms(50); /* the clock of files has gone on */
    put_file(w.fd, "f", "under way");
    wait_ms(250);
    dirfs_own_end(w.t.v, file, &turn);
    wait_ms(250);
    CHECK_INT(atomic_load(&told_data), 0);
    CHECK_INT(pt_write(&w.t, file, 0, "w", 1), 0);
    CHECK_INT(w.t.p->setattr(w.t.v, &w.t.op, file, &later), 0);
    wait_ms(250);
    CHECK_INT(atomic_load(&told_data), 0);
    put_file(w.fd, "f", "another's"); /* now again, and later than that */
    for (int i = 0; i < 3000 && atomic_load(&told_data) == 0; i++) {
        wait_ms(10);
    }
    CHECK(atomic_load(&told_data) > 0);
    pt_close(&w.t, file);
    world_end(&w);
}

/* A write of the server's own that lasts keeps nothing of other files from being told. */
static void test_others_meanwhile(void)
{
    struct world w;
    struct dirfs_own_turn turn;
    if (!watch_start(&w)) {
        return;
    }
    void *file = pt_new(&w.t, "f");
    void *other = pt_new(&w.t, "g");
    struct dirfs_file *same_slot = other;
    CHECK_INT(cacheable(&w, file), 7);
    same_slot->seen.dev ^= 1; /* another one of that number */
    same_slot->seen.ino = ((struct dirfs_file *)file)->seen.ino;
    dirfs_own_begin(w.t.v, other, &turn);
    atomic_store(&told_data, 0);
    wait_ms(50);
    put_file(w.fd, "f", "another's");
    for (int i = 0; i < 3000 && atomic_load(&told_data) == 0; i++) {
        wait_ms(10);
    }
    CHECK(atomic_load(&told_data) > 0);
    dirfs_own_end(w.t.v, other, &turn);
    pt_close(&w.t, other);
    pt_close(&w.t, file);
    world_end(&w);
}

/* The first that watches may have to wait until the thread of others has ended. */
static void test_nowait(void)
{
    struct world w;
    struct smbkit_cache a = {.struct_size = sizeof(a), .state = SMBKIT_CACHE_READ};
    if (!world_start(&w, "/tmp", NULL)) {
        return;
    }
    void *file = pt_new(&w.t, "f");
    w.t.op.flags |= SMBKIT_OP_NOWAIT;
    CHECK_INT(w.t.p->cache_request(w.t.v, &w.t.op, file, &a), SMBKIT_STATUS_WOULD_BLOCK);
    w.t.op.flags &= ~SMBKIT_OP_NOWAIT;
    CHECK_INT(w.t.p->cache_request(w.t.v, &w.t.op, file, &a), 0);
    w.t.op.flags |= SMBKIT_OP_NOWAIT;
    CHECK_INT(w.t.p->cache_request(w.t.v, &w.t.op, file, &a), 0);
    CHECK_INT(a.state, SMBKIT_CACHE_READ);
    w.t.op.flags &= ~SMBKIT_OP_NOWAIT;
    pt_close(&w.t, file);
    world_end(&w);
}

static const struct test_case cases[] = {
    {"the first does not wait", test_nowait},
    {"own changes", test_own_changes},
    {"others while one is under way", test_others_meanwhile},
    {"one inotify instance", test_instances},
    {"a directory and its stream", test_directory_stream},
    {"no watch, nothing cached", test_no_watch},
    {"many", test_many},
};

TEST_MAIN(cases)
