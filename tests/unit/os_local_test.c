/* SPDX-License-Identifier: Apache-2.0 */
/* The control channel: clients that say nothing or take nothing, and descriptors that run out. */
#include "os/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "os/os.h"
#include "test.h"

#define LONG_ANSWER (3u << 20) /* more than a socket holds */
#define LONG_TIMEOUT_MS 60000  /* so long that waiting for it would show */

struct hall {
    char folder[64];
    char *path;
    struct os_local *listener;
    struct os_thread *thread;
    struct os_local_service service;
    atomic_uint asked;
};

static char *answer(void *arg, const char *line)
{
    struct hall *h = arg;
    atomic_fetch_add(&h->asked, 1);
    if (str_eq(line, "nothing")) {
        return NULL;
    }
    if (!str_eq(line, "long")) {
        return str_printf("you said %s", line);
    }
    char *text = mem_alloc(LONG_ANSWER + 1);
    for (size_t i = 0; text && i < LONG_ANSWER; i++) {
        text[i] = 'x';
    }
    if (text) {
        text[LONG_ANSWER] = '\0';
    }
    return text;
}

static void serve(void *arg)
{
    struct hall *h = arg;
    os_local_serve(h->listener, &h->service);
}

static bool open_hall(struct hall *h, unsigned timeout_ms)
{
    *h = (struct hall){.folder = "/tmp/smbkit-local-XXXXXX"};
    h->service = (struct os_local_service){
        .request_max = 100, .timeout_ms = timeout_ms, .answer = answer, .arg = h};
    h->path = mkdtemp(h->folder) ? str_printf("%s/control", h->folder) : NULL;
    return h->path && os_local_listen(h->path, &h->listener) == 0 &&
           os_thread_start(&h->thread, "serve", serve, h) == 0;
}

static void close_hall(struct hall *h)
{
    os_local_wake(h->listener);
    os_thread_join(h->thread);
    os_local_free(h->listener);
    mem_free(h->path);
    rmdir(h->folder);
}

/* 0 when the answer is the right one. */
static int ask(struct hall *h, const char *line)
{
    struct os_local *l = NULL;
    CLEANUP_MEM char *got = NULL;
    int err = os_local_connect(h->path, &l);
    err = err ? err : os_local_write_line(l, line, 20000);
    err = err ? err : os_local_read_line(l, OS_LOCAL_LINE_MAX, 20000, &got);
    os_local_free(l);
    return err ? err : str_has_prefix(got, "you said ") && str_eq(got + 9, line) ? 0 : -EBADMSG;
}

static void test_silent(void)
{
    struct hall h;
    struct os_local *silent[3 * OS_LOCAL_CLIENTS_MAX] = {NULL};
    CLEANUP_MEM char *got = NULL;
    REQUIRE(open_hall(&h, LONG_TIMEOUT_MS));
    for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
        REQUIRE(os_local_connect(h.path, &silent[i]) == 0);
    }
    CHECK_INT(ask(&h, "hello"), 0);
    CHECK_INT(ask(&h, "again"), 0);
    /* The oldest had to go, the youngest is still heard. */
    CHECK_INT(os_local_read_line(silent[0], 100, 20000, &got), -ECONNRESET);
    size_t last = ARRAY_LEN(silent) - 1;
    CHECK_INT(os_local_write_line(silent[last], "late", 20000), 0);
    CHECK_INT(os_local_read_line(silent[last], 100, 20000, &got), 0);
    CHECK(got && str_eq(got, "you said late"));
    for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
        os_local_free(silent[i]);
    }
    close_hall(&h);
}

static void test_untaken(void)
{
    struct hall h;
    struct os_local *greedy[OS_LOCAL_CLIENTS_MAX / 2] = {NULL};
    CLEANUP_MEM char *got = NULL;
    REQUIRE(open_hall(&h, LONG_TIMEOUT_MS));
    for (size_t i = 0; i < ARRAY_LEN(greedy); i++) {
        REQUIRE(os_local_connect(h.path, &greedy[i]) == 0);
        CHECK_INT(os_local_write_line(greedy[i], "long", 20000), 0);
    }
    CHECK_INT(ask(&h, "hello"), 0);
    CHECK_INT(os_local_read_line(greedy[0], OS_LOCAL_LINE_MAX, 20000, &got), 0);
    CHECK(got && str_len(got) == LONG_ANSWER);
    for (size_t i = 0; i < ARRAY_LEN(greedy); i++) {
        os_local_free(greedy[i]);
    }
    close_hall(&h);
}

static void test_ends(void)
{
    static const char long_line[] =
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
        "89012345678901234567890123456789";
    struct hall h;
    struct os_local *l = NULL;
    CLEANUP_MEM char *got = NULL;
    REQUIRE(open_hall(&h, 50));
    REQUIRE(os_local_connect(h.path, &l) == 0);
    CHECK_INT(os_local_read_line(l, 100, 20000, &got), -ECONNRESET); /* its time is over */
    os_local_free(l);
    close_hall(&h);
    REQUIRE(open_hall(&h, LONG_TIMEOUT_MS));
    CHECK_INT(ask(&h, "nothing"), -ECONNRESET);
    CHECK_INT(atomic_load(&h.asked), 1);
    CHECK(ask(&h, long_line) < 0);
    CHECK_INT(atomic_load(&h.asked), 1);
    CHECK_INT(ask(&h, "hello"), 0);
    close_hall(&h);
}

/* No descriptor for the client that waits: nothing spins, and then it is served. */
static void test_without_descriptors(void)
{
    struct hall h;
    struct os_local *client = NULL;
    CLEANUP_MEM char *got = NULL;
    struct rlimit before;
    REQUIRE(open_hall(&h, LONG_TIMEOUT_MS));
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    REQUIRE(os_local_connect(h.path, &client) == 0 && os_local_write_line(client, "hi", 1000) == 0);
    REQUIRE(os_local_read_line(client, 100, 20000, &got) == 0);
    os_local_free(client);
    mem_free(got);
    got = NULL;
    const struct rlimit none = {.rlim_cur = 3, .rlim_max = before.rlim_max};
    int fd = dup(0); /* the client's socket, made before the limit takes hold */
    close(fd);
    const struct rlimit one = {.rlim_cur = (rlim_t)fd + 1, .rlim_max = before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &one) == 0);
    REQUIRE(os_local_connect(h.path, &client) == 0 && os_local_write_line(client, "ho", 1000) == 0);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    clock_t cpu = clock();
    CHECK_INT(os_local_read_line(client, 100, 600, &got), -ETIMEDOUT);
    CHECK((double)(clock() - cpu) / CLOCKS_PER_SEC < 0.3);
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK_INT(os_local_read_line(client, 100, 20000, &got), 0);
    CHECK(got && str_eq(got, "you said ho"));
    os_local_free(client);
    close_hall(&h);
}

/* What a start would meet, told without making anything. */
static void test_check(void)
{
    char dir[] = "/tmp/smbkit-local-XXXXXX";
    char path[512];
    struct os_local *l = NULL;
    REQUIRE(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/no/control", dir);
    CHECK_INT(os_local_check(path), -ENOENT);
    snprintf(path, sizeof(path), "%s/%0150d", dir, 0);
    CHECK_INT(os_local_check(path), -ENAMETOOLONG);
    snprintf(path, sizeof(path), "%s/control", dir);
    CHECK_INT(os_local_check(path), 0);
    CHECK_INT(access(path, F_OK), -1);
    REQUIRE(os_local_listen(path, &l) == 0);
    CHECK_INT(os_local_check(path), -EADDRINUSE);
    os_local_free(l);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    CHECK_INT(os_local_check(path), -EEXIST);
    CHECK_INT(os_local_listen(path, &l), -EEXIST); /* and it is not replaced */
    CHECK_INT(unlink(path), 0);
    CHECK_INT(rmdir(dir), 0);
}

static const struct test_case cases[] = {{"silent clients", test_silent},
                                         {"answers that nobody takes", test_untaken},
                                         {"how a client ends", test_ends},
                                         {"without descriptors", test_without_descriptors},
                                         {"a look beforehand", test_check}};
TEST_MAIN(cases)
