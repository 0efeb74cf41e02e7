/* SPDX-License-Identifier: Apache-2.0 */
/* The backend over epoll, edge-triggered: a socket is registered once, and remembers whether it is
 * worth trying. */
#include "net/backend.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"

#define EVENTS_MAX 128 /* of one wait; more come with the next */

enum { OP_WAIT, OP_RECV, OP_SEND, OP_ACCEPT };

struct net_backend {
    struct net_source wake; /* wake_fd's */
    int epoll_fd;
    int wake_fd;
    struct list cancelled; /* operations that complete with -ECANCELED in the next poll */
};

/* That the wait has ended is all. */
static void woken(struct net_source *s, uint32_t events)
{
    (void)s;
    (void)events;
}

int net_backend_new(struct net_backend **out)
{
    struct net_backend *b = mem_zalloc(sizeof(*b));
    if (!b) {
        return -ENOMEM;
    }
    list_init(&b->cancelled);
    b->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    b->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    b->wake.ready = woken;
    /* Each write raises an edge, whatever the counter says: it need not be read. */
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.ptr = &b->wake};
    if (b->epoll_fd < 0 || b->wake_fd < 0 ||
        epoll_ctl(b->epoll_fd, EPOLL_CTL_ADD, b->wake_fd, &ev) != 0) {
        int err = -errno;
        net_backend_free(b);
        return err;
    }
    *out = b;
    return 0;
}

int64_t net_backend_descriptor(const struct net_backend *b)
{
    return b->epoll_fd;
}

void net_backend_free(struct net_backend *b)
{
    if (b->epoll_fd >= 0) {
        close(b->epoll_fd);
    }
    if (b->wake_fd >= 0) {
        close(b->wake_fd);
    }
    mem_free(b);
}

void net_backend_wake(struct net_backend *b)
{
    uint64_t one = 1;
    /* Its counter, of 64 bits, is never full. */
    ssize_t n = write(b->wake_fd, &one, sizeof(one));
    (void)n;
}

bool net_backend_is_quiet(const struct net_backend *b)
{
    return list_is_empty(&b->cancelled);
}

static void cancel(struct net_sock *s, struct net_op **slot)
{
    if (*slot) {
        list_push_back(&s->backend->cancelled, &(*slot)->link);
        *slot = NULL;
    }
}

void net_sock_close(struct net_sock *s)
{
    if (s->fd < 0) {
        return;
    }
    close((int)s->fd);
    s->fd = -1;
    cancel(s, &s->reading);
    cancel(s, &s->writing);
}

void net_sock_shutdown(struct net_sock *s)
{
    shutdown((int)s->fd, SHUT_WR);
}

/* ---- the tries: a result, or -EAGAIN ---- */

static int64_t try_recv(struct net_sock *s, void *buf, size_t len)
{
    ssize_t n;
    do {
        n = recv((int)s->fd, buf, len, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    /* A short read has emptied the socket: what comes later raises a new edge (epoll(7)). */
    if ((n < 0 && errno == EAGAIN) || (n > 0 && (size_t)n < len && !s->is_ended)) {
        s->can_read = false;
    }
    return n < 0 ? -errno : n;
}

static int64_t try_send(struct net_sock *s, const struct net_seg *segs, unsigned count)
{
    struct iovec iov[NET_SEGS_MAX];
    size_t total = 0;
    ASSERT(count <= NET_SEGS_MAX);
    for (unsigned i = 0; i < count; i++) {
        iov[i] =
            (struct iovec){.iov_base = (void *)(uintptr_t)segs[i].base, .iov_len = segs[i].len};
        total += segs[i].len;
    }
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = count};
    ssize_t n;
    do {
        n = sendmsg((int)s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if ((n < 0 && errno == EAGAIN) || (n >= 0 && (size_t)n < total)) {
        s->can_write = false;
    }
    return n < 0 ? -errno : n;
}

static int64_t try_op(struct net_sock *s, struct net_op *op)
{
    switch (op->kind) {
    case OP_WAIT:
        return s->can_read ? 0 : -EAGAIN;
    case OP_RECV:
        return try_recv(s, op->buf, op->len);
    case OP_SEND:
        return try_send(s, op->segs, op->seg_count);
    default: {
        int64_t r = net_accept(s->fd, op->accepted);
        if (r == -EAGAIN) {
            s->can_read = false;
        }
        return r;
    }
    }
}

static int64_t submit(struct net_sock *s, struct net_op *op, bool can_try, struct net_op **slot)
{
    ASSERT(!op->is_pending && !*slot && s->fd >= 0);
    if (can_try) {
        int64_t r = try_op(s, op);
        if (r != -EAGAIN) {
            return r;
        }
    }
    op->is_pending = true;
    *slot = op;
    return NET_PENDING;
}

int64_t net_sock_wait_readable(struct net_sock *s, struct net_op *op)
{
    op->kind = OP_WAIT;
    return submit(s, op, s->can_read, &s->reading);
}

int64_t net_sock_recv_now(struct net_sock *s, void *buf, size_t len)
{
    return s->can_read ? try_recv(s, buf, len) : -EAGAIN;
}

int64_t net_sock_recv(struct net_sock *s, struct net_op *op, void *buf, size_t len)
{
    op->kind = OP_RECV;
    op->buf = buf;
    op->len = len;
    return submit(s, op, s->can_read, &s->reading);
}

int64_t net_sock_send(struct net_sock *s, struct net_op *op, const struct net_seg *segs,
                      unsigned count)
{
    op->kind = OP_SEND;
    op->segs = segs;
    op->seg_count = count;
    return submit(s, op, s->can_write, &s->writing);
}

int64_t net_sock_accept(struct net_sock *s, struct net_op *op, struct net_accepted *out)
{
    op->kind = OP_ACCEPT;
    op->accepted = out;
    return submit(s, op, s->can_read, &s->reading);
}

/* ---- poll ---- */

static void retry(struct net_sock *s, struct net_op **slot)
{
    struct net_op *op = *slot;
    if (!op) {
        return;
    }
    int64_t r = try_op(s, op);
    if (r == -EAGAIN) {
        return;
    }
    *slot = NULL;
    op->is_pending = false;
    op->done(op, r);
}

static void on_event(struct net_source *source, uint32_t events)
{
    struct net_sock *s = CONTAINER_OF(source, struct net_sock, source);
    if (s->fd < 0) {
        return; /* closed by an earlier event of this batch */
    }
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        s->is_ended = true;
    }
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        s->can_read = true;
        retry(s, &s->reading);
    }
    if (s->fd >= 0 && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))) {
        s->can_write = true;
        retry(s, &s->writing);
    }
}

int net_sock_attach(struct net_backend *b, struct net_sock *s, int64_t fd)
{
    *s = (struct net_sock){
        .source.ready = on_event, .backend = b, .fd = fd, .can_read = true, .can_write = true};
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                             .data.ptr = &s->source};
    if (epoll_ctl(b->epoll_fd, EPOLL_CTL_ADD, (int)fd, &ev) != 0) {
        s->fd = -1;
        return -errno;
    }
    return 0;
}

static void on_watch(struct net_source *source, uint32_t events)
{
    struct loop_watch *w = CONTAINER_OF(source, struct loop_watch, source);
    uint32_t ready = (events & EPOLLIN ? LOOP_READABLE : 0) |
                     (events & EPOLLOUT ? LOOP_WRITABLE : 0) |
                     (events & (EPOLLHUP | EPOLLERR) ? LOOP_ERROR : 0);
    w->fn(w, ready);
}

void net_watch_init(struct loop_watch *w)
{
    w->source.ready = on_watch; /* once: the loop reads it while others change what is wanted */
}

/* By level: who does not read is told again. */
int net_watch_want(struct loop_watch *w, uint32_t wanted)
{
    struct epoll_event ev = {.data.ptr = &w->source};
    ev.events = (wanted & LOOP_READABLE ? EPOLLIN : 0) | (wanted & LOOP_WRITABLE ? EPOLLOUT : 0);
    int how = w->wanted == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    how = wanted == 0 ? EPOLL_CTL_DEL : how;
    return epoll_ctl(w->backend->epoll_fd, how, (int)w->fd, &ev) == 0 ? 0 : -errno;
}

static void complete_cancelled(struct net_backend *b)
{
    for (struct list *l = list_pop_front(&b->cancelled); l; l = list_pop_front(&b->cancelled)) {
        struct net_op *op = LIST_ENTRY(l, struct net_op, link);
        op->is_pending = false;
        op->done(op, -ECANCELED);
    }
}

void net_backend_poll(struct net_backend *b, int timeout_ms, struct loop *l)
{
    struct epoll_event events[EVENTS_MAX];
    if (!list_is_empty(&b->cancelled)) {
        complete_cancelled(b);
        timeout_ms = 0;
    }
    int n = epoll_wait(b->epoll_fd, events, EVENTS_MAX, timeout_ms);
    ASSERT(n >= 0 || errno == EINTR);
    loop_mark_awake(l);
    for (int i = 0; i < n; i++) {
        struct net_source *s = events[i].data.ptr;
        s->ready(s, events[i].events);
    }
}
