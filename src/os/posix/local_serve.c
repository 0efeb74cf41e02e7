/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of the control channel: one thread, clients side by side, so that none that
 * says nothing, or takes nothing, keeps another from its answer. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/str.h"
#include "os/posix/local_priv.h"
#include "os/os.h"

#define ACCEPT_PAUSE_MS 100

struct client {
    struct os_local *conn;
    struct wr request;
    char *answer; /* NULL: it has not asked yet; a line end in place of the zero */
    size_t len;
    size_t sent;
    uint64_t until_ms;
};

struct serving {
    struct os_local *listener;
    const struct os_local_service *service;
    struct client clients[OS_LOCAL_CLIENTS_MAX]; /* the oldest first */
    unsigned count;
    uint64_t accept_at_ms; /* no client is taken before */
};

static void drop(struct serving *s, unsigned at)
{
    struct client *c = &s->clients[at];
    os_local_free(c->conn);
    wr_fini(&c->request);
    mem_free(c->answer);
    s->count--;
    mem_move(c, c + 1, (s->count - at) * sizeof(*c));
}

/* Out of descriptors or memory: the client stays in the queue, and asking again at once would
 * spin. */
static void accept_one(struct serving *s)
{
    struct os_local *conn = NULL;
    int err = local_new(&conn);
    if (err == 0) {
        conn->fd = accept4(s->listener->fd, NULL, NULL, SOCK_CLOEXEC);
        err = conn->fd < 0 ? -errno : 0;
    }
    if (err != 0) {
        os_local_free(conn);
        bool is_short = err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM;
        s->accept_at_ms = is_short ? os_monotonic_ms() + ACCEPT_PAUSE_MS : 0;
        return;
    }
    if (s->count == OS_LOCAL_CLIENTS_MAX) {
        drop(s, 0);
    }
    s->clients[s->count++] =
        (struct client){.conn = conn,
                        .request = wr_new(s->service->request_max + 1),
                        .until_ms = os_monotonic_ms() + s->service->timeout_ms};
}

/* The whole line is here: its answer. */
static bool make_answer(struct serving *s, struct client *c)
{
    wr_u8(&c->request, 0);
    if (!wr_ok(&c->request)) {
        return false;
    }
    c->answer = s->service->answer(s->service->arg, (const char *)c->request.base);
    if (!c->answer) {
        return false;
    }
    c->len = str_len(c->answer) + 1;
    c->answer[c->len - 1] = '\n';
    c->until_ms = os_monotonic_ms() + s->service->timeout_ms;
    return true;
}

/* What can be done for a client without waiting. False: it is over. */
static bool step(struct serving *s, struct client *c)
{
    if (!c->answer) {
        bool done = false;
        if (local_read_some(c->conn, &c->request, &done) != 0 || (done && !make_answer(s, c))) {
            return false;
        }
        if (!done) {
            return true;
        }
    }
    size_t sent = 0;
    int err = local_write_some(c->conn, c->answer + c->sent, c->len - c->sent, &sent);
    c->sent += sent;
    return err == 0 && c->sent < c->len;
}

/* From now to the next thing that happens by itself; -1: nothing. */
static int pause_ms(const struct serving *s, uint64_t now)
{
    uint64_t until = s->accept_at_ms > now ? s->accept_at_ms : UINT64_MAX;
    for (unsigned i = 0; i < s->count; i++) {
        until = MIN(until, s->clients[i].until_ms);
    }
    return until == UINT64_MAX ? -1 : until > now ? (int)(until - now) : 0;
}

/* False: it is to end. */
static bool turn(struct serving *s)
{
    struct pollfd p[2 + OS_LOCAL_CLIENTS_MAX];
    uint64_t now = os_monotonic_ms();
    unsigned known = s->count;
    p[0] = (struct pollfd){.fd = s->listener->wake[0], .events = POLLIN};
    p[1] = (struct pollfd){.fd = s->accept_at_ms > now ? -1 : s->listener->fd, .events = POLLIN};
    for (unsigned i = 0; i < known; i++) {
        p[2 + i] = (struct pollfd){.fd = s->clients[i].conn->fd,
                                   .events = s->clients[i].answer ? POLLOUT : POLLIN};
    }
    if (poll(p, 2 + known, pause_ms(s, now)) < 0) {
        return true; /* interrupted */
    }
    if (p[0].revents) {
        return false;
    }
    now = os_monotonic_ms();
    for (unsigned i = known; i-- > 0;) { /* backwards: those behind one that is dropped move */
        struct client *c = &s->clients[i];
        bool goes_on = p[2 + i].revents ? step(s, c) : now < c->until_ms;
        if (!goes_on) {
            drop(s, i);
        }
    }
    if (p[1].revents) {
        accept_one(s);
    }
    return true;
}

void os_local_serve(struct os_local *l, const struct os_local_service *service)
{
    struct serving s = {.listener = l, .service = service};
    while (turn(&s)) {
    }
    while (s.count > 0) {
        drop(&s, s.count - 1);
    }
}
