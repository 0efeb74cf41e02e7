/* SPDX-License-Identifier: Apache-2.0 */
/* The server inside a program: what it refuses, its plugins, its threads, a loop of the program.
 * Clients: docs/examples/check. */
#include "test.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <smbkit/server.h>
#include <sys/socket.h>

#include "vfs_fake.h"

static const struct smbkit_plugin *init_fake(const struct smbkit_host_table *api)
{
    static struct smbkit_plugin p;
    (void)api;
    p = FAKE_PLUGIN;
    p.name = "mine";
    p.thread_model = SMBKIT_PARALLEL;
    return &p;
}

static const struct smbkit_plugin *init_bad(const struct smbkit_host_table *api)
{
    static struct smbkit_plugin p;
    (void)api;
    p = FAKE_PLUGIN;
    p.name = "bad";
    p.api_version = 99;
    return &p;
}

static const struct smbkit_plugin *init_none(const struct smbkit_host_table *api)
{
    (void)api;
    return NULL;
}

static void ignore(void *arg, uint32_t level, const char *line)
{
    if (strstr(line, "connected from")) {
        atomic_fetch_add((atomic_uint *)arg, 1);
    }
    (void)level;
}

static struct smbkit_server *made(void)
{
    static atomic_uint count;
    struct smbkit_server *s = smbkit_server_new();
    if (!s) {
        test_fail(__FILE__, __LINE__, "no server");
        abort();
    }
    CHECK_INT(smbkit_server_log(s, ignore, &count), 0);
    CHECK_INT(smbkit_server_user(s, "ann", "secret"), 0);
    return s;
}

#define CHECK_SAYS(s, text)                                                                        \
    do {                                                                                           \
        CHECK(strstr(smbkit_server_error(s), text) != NULL);                                       \
    } while (0)

static void test_refusals(void)
{
    struct smbkit_server *s = made();
    CHECK(smbkit_server_new() == NULL);
    CHECK(smbkit_server_set(s, "no such key", "x") < 0);
    CHECK_SAYS(s, "no key \"no such key\" in [global]");
    CHECK(smbkit_server_set(s, "listen", "nowhere at all") < 0);
    CHECK_SAYS(s, "listen = nowhere at all: ");
    CHECK(smbkit_server_share_set(s, "read only", "yes") < 0);
    CHECK_SAYS(s, "no share");
    CHECK(smbkit_server_share(s, "a/b=mem:") < 0);
    CHECK(smbkit_server_user(s, "", "x") < 0);
    CHECK(smbkit_server_user(s, "bob", "") < 0);
    CHECK_SAYS(s, "password is empty");
    CHECK(smbkit_server_user(s, "ANN", "x") < 0);
    CHECK_SAYS(s, "there is one already");
    CHECK_INT(smbkit_server_share(s, "a=mem:"), 0);
    CHECK(smbkit_server_share_set(s, "colour", "blue") < 0);
    CHECK_INT(smbkit_server_share_set(s, "read only", "yes"), 0);
    CHECK_INT(smbkit_server_port(s), 0);
    CHECK_INT(smbkit_server_descriptor(s), -1);
    CHECK_INT(smbkit_server_turn(s), -1);
    CHECK_INT(smbkit_server_stop(s), 0);
    CHECK_INT(smbkit_server_start(s), 0);
    CHECK(smbkit_server_port(s) != 0);
    CHECK(smbkit_server_start(s) < 0);
    CHECK_SAYS(s, "has been started");
    CHECK(smbkit_server_share(s, "b=mem:") < 0);
    CHECK_INT(smbkit_server_stop(s), 0);
    CHECK(smbkit_server_start(s) < 0);
    smbkit_server_free(s);
}

static void test_shares(void)
{
    const char *const read_only[] = {"read only = yes", NULL};
    const char *const nonsense[] = {"colour=red", NULL};
    struct smbkit_server *s = made();
    CHECK_INT(smbkit_server_share(s, "a=mem:"), 0);
    CHECK(smbkit_server_share_add(s, "b=mem:", NULL) < 0);
    CHECK_SAYS(s, "does not run");
    CHECK(smbkit_server_share_remove(s, "a", SMBKIT_HANDLES_CLOSE) < 0);
    CHECK_INT(smbkit_server_start(s), 0);
    CHECK(smbkit_server_share_add(s, "b=mem:", nonsense) < 0);
    CHECK_SAYS(s, "no key \"colour\"");
    CHECK_INT(smbkit_server_share_add(s, "b=mem:", read_only), 0);
    CHECK(smbkit_server_share_add(s, "B=mem:", NULL) < 0);
    CHECK_SAYS(s, "there is one already");
    CHECK_INT(smbkit_server_share_replace(s, "a=mem:size=1M", NULL, SMBKIT_HANDLES_REFUSE), 0);
    CHECK(smbkit_server_share_replace(s, "a=mem:", NULL, 77) < 0);
    CHECK(smbkit_server_share_replace(s, "c=mem:", NULL, SMBKIT_HANDLES_CLOSE) < 0);
    CHECK_SAYS(s, "there is none");
    CHECK_INT(smbkit_server_share_remove(s, "a", SMBKIT_HANDLES_CLOSE), 0);
    CHECK(smbkit_server_share_remove(s, "a", SMBKIT_HANDLES_CLOSE) < 0);
    CHECK_INT(smbkit_server_stop(s), 0);
    smbkit_server_free(s);
}

static void cannot_start(struct smbkit_server *s, const char *why)
{
    CHECK(smbkit_server_start(s) < 0);
    CHECK_SAYS(s, why);
    CHECK_INT(smbkit_server_port(s), 0);
    smbkit_server_free(s);
}

static void test_cannot_start(void)
{
    struct smbkit_server *s = made();
    CHECK_INT(smbkit_server_share(s, "x=nosuchplugin:"), 0);
    cannot_start(s, "nosuchplugin");
    s = made();
    CHECK_INT(smbkit_server_set(s, "listen", "192.0.2.77:4450"), 0);
    cannot_start(s, "192.0.2.77 is no address of this host");
    s = made();
    CHECK_INT(smbkit_server_plugin(s, init_bad), 0);
    cannot_start(s, "ABI");
    s = made();
    CHECK_INT(smbkit_server_plugin(s, init_none), 0);
    cannot_start(s, "returned nothing");
    s = made();
    CHECK_INT(smbkit_server_set(s, "users file", "/nowhere/users"), 0);
    cannot_start(s, "/nowhere/users");
    s = made();
    CHECK_INT(smbkit_server_set(s, "control socket", "/nowhere/control"), 0);
    cannot_start(s, "/nowhere/control");
}

/* Signals of the program are for its own threads. */
static void test_threads(void)
{
    struct fake_volume fake = {0};
    fake_next = &fake;
    struct smbkit_server *s = made();
    CHECK_INT(smbkit_server_plugin(s, init_fake), 0);
    CHECK_INT(smbkit_server_share(s, "m=mine:"), 0);
    CHECK_INT(smbkit_server_start(s), 0);
    DIR *tasks = opendir("/proc/self/task");
    unsigned blocked = 0;
    unsigned open = 0;
    for (struct dirent *e = readdir(tasks); e; e = readdir(tasks)) {
        char path[300];
        char line[256];
        snprintf(path, sizeof(path), "/proc/self/task/%s/status", e->d_name);
        FILE *f = e->d_name[0] == '.' ? NULL : fopen(path, "re");
        while (f && fgets(line, sizeof(line), f)) {
            unsigned long long set;
            if (sscanf(line, "SigBlk: %llx", &set) == 1) {
                *(set & (1ull << (SIGTERM - 1)) ? &blocked : &open) += 1;
            }
        }
        if (f) {
            fclose(f);
        }
    }
    closedir(tasks);
    CHECK(blocked > 1);
    CHECK_INT(open, 1); /* this one */
    smbkit_server_free(s);
}

static int dial(uint16_t port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, "127.0.0.1", &sa.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    return fd;
}

/* Nothing happens but in its turns. */
static void test_own_loop(void)
{
    static atomic_uint connected;
    struct smbkit_server *s = smbkit_server_new();
    REQUIRE(s);
    CHECK_INT(smbkit_server_log(s, ignore, &connected), 0);
    CHECK_INT(smbkit_server_own_loop(s), 0);
    CHECK_INT(smbkit_server_share(s, "m=mem:"), 0);
    CHECK_INT(smbkit_server_set(s, "guest ok", "yes") < 0, 1); /* a share's key */
    CHECK_INT(smbkit_server_start(s), 0);
    while (smbkit_server_turn(s) == 0) {
    }
    int fd = dial(smbkit_server_port(s));
    struct pollfd ready = {(int)smbkit_server_descriptor(s), POLLIN, 0};
    CHECK_INT(poll(&ready, 1, 20000), 1);
    usleep(50000);
    CHECK_INT(atomic_load(&connected), 0);
    for (unsigned i = 0; i < 2000 && atomic_load(&connected) == 0; i++) {
        int32_t ms = smbkit_server_turn(s);
        (void)poll(&ready, 1, ms < 0 || ms > 10 ? 10 : ms);
    }
    CHECK_INT(atomic_load(&connected), 1);
    CHECK_INT(smbkit_server_stop(s), 0); /* sends the client away */
    char c;
    CHECK(read(fd, &c, 1) <= 0);
    close(fd);
    smbkit_server_free(s);
}

static const struct test_case cases[] = {
    {"what it refuses", test_refusals},         {"shares come and go", test_shares},
    {"why it cannot start", test_cannot_start}, {"its threads take no signals", test_threads},
    {"a loop of the program", test_own_loop},
};
TEST_MAIN(cases)
