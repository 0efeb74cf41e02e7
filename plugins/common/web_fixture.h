/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of the client: a server in a thread of the test, which answers by a script, and a loop
 * that lends timers and descriptors. */
#pragma once

#include "plugin_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "quiet_thread.h"
#include "web.h"
#include "web_cache.h"

/* ---- the host ---- */

#define WATCHES_MAX 16

struct smbkit_timer {
    void (*fn)(void *arg);
    void *arg;
    uint64_t due_ms;
};
struct smbkit_fd_watch {
    int fd;
    uint32_t wanted;
    void (*fn)(void *arg, uint32_t ready);
    void *arg;
};
static struct smbkit_timer timer = {NULL, NULL, UINT64_MAX};
static struct smbkit_fd_watch *watches[WATCHES_MAX];

static inline struct smbkit_timer *lend_timer(struct smbkit_host *host, void (*fn)(void *arg),
                                              void *arg)
{
    (void)host;
    timer = (struct smbkit_timer){fn, arg, UINT64_MAX};
    return &timer;
}

static inline void lend_timer_set(struct smbkit_timer *t, uint64_t ms)
{
    t->due_ms = ms == UINT64_MAX ? ms : web_now_ms() + ms;
}

static inline void lend_timer_free(struct smbkit_timer *t)
{
    t->due_ms = UINT64_MAX;
}

static inline struct smbkit_fd_watch *lend_watch(struct smbkit_host *host, int64_t fd,
                                                 void (*fn)(void *arg, uint32_t ready), void *arg)
{
    (void)host;
    for (int i = 0; i < WATCHES_MAX; i++) {
        if (!watches[i]) {
            watches[i] = calloc(1, sizeof(*watches[i]));
            *watches[i] = (struct smbkit_fd_watch){(int)fd, 0, fn, arg};
            return watches[i];
        }
    }
    return NULL;
}

static inline void lend_watch_set(struct smbkit_fd_watch *w, uint32_t wanted)
{
    w->wanted = wanted;
}

static inline void lend_watch_free(struct smbkit_fd_watch *w)
{
    for (int i = 0; i < WATCHES_MAX; i++) {
        watches[i] = watches[i] == w ? NULL : watches[i];
    }
    free(w);
}

static struct smbkit_host_table lending;

static inline void lend(void)
{
    lending = pt_api;
    lending.timer_new = lend_timer;
    lending.timer_set = lend_timer_set;
    lending.timer_free = lend_timer_free;
    lending.fd_watch_new = lend_watch;
    lending.fd_watch_set = lend_watch_set;
    lending.fd_watch_free = lend_watch_free;
    smbkit_api = &lending;
}

static inline void turn(void)
{
    struct pollfd fds[WATCHES_MAX];
    for (int i = 0; i < WATCHES_MAX; i++) {
        uint32_t wanted = watches[i] ? watches[i]->wanted : 0;
        short events = (short)((wanted & SMBKIT_FD_READABLE ? POLLIN : 0) |
                               (wanted & SMBKIT_FD_WRITABLE ? POLLOUT : 0));
        fds[i] = (struct pollfd){wanted ? watches[i]->fd : -1, events, 0};
    }
    uint64_t now = web_now_ms();
    uint64_t left = timer.due_ms > now ? timer.due_ms - now : 0;
    poll(fds, WATCHES_MAX, left < 50 ? (int)left : 50);
    for (int i = 0; i < WATCHES_MAX; i++) {
        uint32_t ready = (fds[i].revents & POLLIN ? SMBKIT_FD_READABLE : 0) |
                         (fds[i].revents & POLLOUT ? SMBKIT_FD_WRITABLE : 0) |
                         (fds[i].revents & (POLLERR | POLLHUP) ? SMBKIT_FD_ERROR : 0);
        if (ready && watches[i] && watches[i]->fd == fds[i].fd) {
            watches[i]->fn(watches[i]->arg, ready);
            return; /* who waited for it may go on with all of them */
        }
    }
    if (timer.due_ms <= web_now_ms()) {
        timer.due_ms = UINT64_MAX;
        timer.fn(timer.arg);
    }
}

/* ---- the server ---- */

#define TURNS_MAX 4
#define SEEN_MAX 400000u

/* One connection for each request: the answer, "" none at all. */
struct served {
    int fd;
    const char *const *answers; /* the last one NULL */
    char seen[TURNS_MAX][SEEN_MAX];
    uint32_t count;
};
static struct served served; /* the thread's until it is joined */

static inline size_t length_of(const char *head)
{
    const char *at = strcasestr(head, "\r\ncontent-length:");
    return at ? strtoul(at + 17, NULL, 10) : 0;
}

static inline void request_take(int fd, char *to)
{
    size_t have = 0;
    size_t wanted = SIZE_MAX;
    bool is_continued = false;
    while (have < wanted && have + 1 < SEEN_MAX) {
        ssize_t n = recv(fd, to + have, SEEN_MAX - 1 - have, 0);
        if (n <= 0) {
            break;
        }
        have += (size_t)n;
        to[have] = 0;
        char *end = strstr(to, "\r\n\r\n");
        if (end) {
            wanted = (size_t)(end - to) + 4 + length_of(to);
        }
        if (end && !is_continued && strcasestr(to, "\r\nexpect: 100-continue")) {
            is_continued = true;
            (void)send(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL);
        }
    }
    to[have] = 0;
}

static inline void *serve(void *arg)
{
    (void)arg;
    for (; served.answers[served.count]; served.count++) {
        int fd = accept(served.fd, NULL, NULL);
        request_take(fd, served.seen[served.count]);
        const char *answer = served.answers[served.count];
        (void)send(fd, answer, strlen(answer), MSG_NOSIGNAL);
        shutdown(fd, SHUT_RDWR);
        close(fd);
    }
    return NULL;
}

/* ---- a request and its answer ---- */

struct outcome {
    bool is_over;
    smbkit_status status;
    uint32_t code;
    char body[64];
    char kept[2][64];
    char data[64];
    struct web_block *block; /* of the body, if takes_block */
    bool takes_block;
    size_t data_max; /* of which it says that it is enough */
};

static inline void over(void *arg, struct web_answer *a)
{
    struct outcome *o = arg;
    o->is_over = true;
    o->status = a->status;
    o->code = a->code;
    snprintf(o->body, sizeof(o->body), "%.*s", (int)a->body_len, a->body ? (char *)a->body : "");
    o->block = o->takes_block && SMBKIT_OK(a->status) ? web_block_take(a) : NULL;
    for (int i = 0; i < 2; i++) {
        snprintf(o->kept[i], sizeof(o->kept[i]), "%s", a->kept[i] ? a->kept[i] : "");
    }
}

static inline bool data_take(void *arg, const uint8_t *bytes, size_t len)
{
    struct outcome *o = arg;
    size_t have = strlen(o->data);
    snprintf(o->data + have, sizeof(o->data) - have, "%.*s", (int)len, (const char *)bytes);
    return strlen(o->data) < o->data_max;
}

static inline int listen_at(struct sockaddr_in *at)
{
    socklen_t size = sizeof(*at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bool ok = bind(fd, (struct sockaddr *)at, size) == 0 && listen(fd, 8) == 0 &&
              getsockname(fd, (struct sockaddr *)at, &size) == 0;
    CHECK(ok);
    return fd;
}

/* Asks, and what the server saw is in served. */
static inline struct outcome run(const struct web_spec *spec, struct web_ask ask,
                                 const char *const *answers)
{
    struct sockaddr_in at;
    struct outcome o = {.data_max = SIZE_MAX, .takes_block = ask.arg != NULL};
    char url[64];
    pthread_t thread;
    uint64_t id;
    memset(&served, 0, sizeof(served));
    served.fd = listen_at(&at);
    served.answers = answers;
    CHECK_INT(quiet_thread_start(&thread, serve, NULL), 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/b/k?x=1", ntohs(at.sin_port));
    ask.url = url;
    ask.done = over;
    ask.arg = &o;
    struct web *w = web_new(spec);
    CHECK_INT(web_ask(w, &ask, &id), SMBKIT_STATUS_SUCCESS);
    while (!o.is_over) {
        turn();
    }
    web_stop(w);
    web_free(w);
    shutdown(served.fd, SHUT_RDWR); /* whoever is not asked stops waiting */
    for (uint32_t i = 0; i < TURNS_MAX && answers[i]; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void)connect(fd, (struct sockaddr *)&at, sizeof(at));
        close(fd);
    }
    pthread_join(thread, NULL);
    close(served.fd);
    return o;
}

static inline uint32_t asked(void)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < TURNS_MAX; i++) {
        n += served.seen[i][0] != 0;
    }
    return n;
}

static inline struct web_spec spec_of(uint32_t retries)
{
    return (struct web_spec){.name = "test",
                             .in_flight_max = 2,
                             .retries = retries,
                             .connect_ms = 30000,
                             .idle_ms = 30000};
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define BUSY "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n"
#define BROKEN "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"
static const char *const one_ok[] = {OK, NULL};
