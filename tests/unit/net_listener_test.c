/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners on the loopback: limits, errors, and running out of descriptors. */
#include "test.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/mem.h"
#include "net/net.h"
#include "os/os.h"

/* ---- listener ---- */

struct hall {
    struct loop *loop;
    struct net_limits *limits;
    struct mutex lock;
    struct cond moved;
    struct net_accepted seen[64];
    unsigned count;
};

static void on_accepted(void *arg, const struct net_accepted *a)
{
    struct hall *h = arg;
    SCOPED_LOCK(&h->lock);
    h->seen[h->count++] = *a;
    cond_broadcast(&h->moved);
}

static void run_hall(void *arg)
{
    loop_run(((struct hall *)arg)->loop);
}

static int dial(const struct net_addr *a)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(a->port)};
    inet_pton(AF_INET, a->text, &sa.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    return fd;
}

static void wait_accepted(struct hall *h, unsigned n)
{
    SCOPED_LOCK(&h->lock);
    while (h->count < n) {
        cond_wait(&h->moved, &h->lock);
    }
}

/* leaving: see net_limits_spec. */
static void hall_init(struct hall *h, unsigned total, unsigned each, unsigned leaving)
{
    memset(h, 0, sizeof(*h));
    mutex_init(&h->lock);
    cond_init(&h->moved);
    const struct net_limits_spec limits = {
        .total_max = total, .per_place_max = each, .guests_max = total, .leaving_max = leaving};
    h->limits = net_limits_new(&limits);
    CHECK_INT(loop_new(&h->loop), 0);
}

static void hall_fini(struct hall *h, struct os_thread *t)
{
    for (unsigned i = 0; i < h->count; i++) {
        net_fd_close(h->seen[i].fd);
        (void)net_slot_leave(h->seen[i].slot);
    }
    loop_stop(h->loop);
    os_thread_join(t);
    loop_free(h->loop);
    net_limits_free(h->limits);
}

static void test_listener(void)
{
    struct hall h;
    struct os_thread *t;
    struct listener *ls;
    struct listener *second;
    int fds[4];
    hall_init(&h, 10, 3, 0);
    struct listener_spec spec = {
        .addr = {.text = "127.0.0.1"}, .limits = h.limits, .accepted = on_accepted, .arg = &h};
    REQUIRE(listener_new(h.loop, &spec, &ls) == 0);
    struct net_addr addr = *listener_addr_get(ls);
    CHECK(addr.port != 0);
    spec.addr.port = addr.port;
    CHECK_INT(listener_new(h.loop, &spec, &second), -EADDRINUSE);
    spec.addr = (struct net_addr){.text = "192.0.2.77", .port = 0};
    CHECK_INT(listener_new(h.loop, &spec, &second), -EADDRNOTAVAIL);
    CHECK_INT(os_thread_start(&t, "loop", run_hall, &h), 0);
    for (int i = 0; i < 3; i++) {
        fds[i] = dial(&addr);
    }
    wait_accepted(&h, 3);
    CHECK_STR(h.seen[0].peer.text, "127.0.0.1");
    for (int i = 0; i < 3; i++) {
        net_slot_settle(h.seen[i].slot);
    }
    fds[3] = dial(&addr);
    char c;
    CHECK(read(fds[3], &c, 1) <= 0); /* over the address's limit: closed at once */
    CHECK_INT(h.count, 3);
    listener_close(ls);
    for (int i = 0; i < 4; i++) {
        close(fds[i]);
    }
    hall_fini(&h, t);
}

/* Out of descriptors: accepting pauses, the connection waits, and then it is served. */
static void test_listener_without_descriptors(void)
{
    struct hall h;
    struct os_thread *t;
    struct listener *ls;
    struct rlimit before;
    hall_init(&h, 10, 10, 0);
    struct listener_spec spec = {
        .addr = {.text = "127.0.0.1"}, .limits = h.limits, .accepted = on_accepted, .arg = &h};
    REQUIRE(listener_new(h.loop, &spec, &ls) == 0);
    CHECK_INT(os_thread_start(&t, "loop", run_hall, &h), 0);
    struct net_addr addr = *listener_addr_get(ls);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(addr.port)};
    inet_pton(AF_INET, addr.text, &sa.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct rlimit none = {.rlim_cur = (rlim_t)fd + 1, .rlim_max = before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    usleep(200000);
    CHECK_INT(h.count, 0);
    setrlimit(RLIMIT_NOFILE, &before);
    wait_accepted(&h, 1);
    listener_close(ls);
    close(fd);
    hall_fini(&h, t);
}

/* Who comes while others are still on their way out waits, and is let in when they are gone. */
static void test_listener_waits_for_room(void)
{
    struct hall h;
    struct os_thread *t;
    struct listener *ls;
    int fds[4];
    hall_init(&h, 1, 10, 1);
    struct listener_spec spec = {
        .addr = {.text = "127.0.0.1"}, .limits = h.limits, .accepted = on_accepted, .arg = &h};
    REQUIRE(listener_new(h.loop, &spec, &ls) == 0);
    struct net_addr addr = *listener_addr_get(ls);
    CHECK_INT(os_thread_start(&t, "loop", run_hall, &h), 0);
    for (int i = 0; i < 3; i++) {
        fds[i] = dial(&addr);
    }
    wait_accepted(&h, 2);
    usleep(50000);
    CHECK_INT(h.count, 2); /* the first is sent away and not gone */
    char c;
    CHECK(recv(fds[2], &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    (void)net_slot_leave(h.seen[0].slot);
    wait_accepted(&h, 3);
    fds[3] = dial(&addr);
    usleep(50000);
    listener_close(ls);
    CHECK(read(fds[3], &c, 1) <= 0); /* the one that waits goes with the listener */
    for (int i = 0; i < 4; i++) {
        close(fds[i]);
    }
    net_fd_close(h.seen[0].fd);
    h.seen[0] = h.seen[--h.count];
    hall_fini(&h, t);
}

static const struct test_case cases[] = {
    {"a listener, its limits and its errors", test_listener},
    {"a listener waits for room", test_listener_waits_for_room},
    {"a listener without descriptors", test_listener_without_descriptors},
};
TEST_MAIN(cases)
