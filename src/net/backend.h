/* SPDX-License-Identifier: Apache-2.0 */
/* What a loop needs of the operating system: operations on sockets that complete.
 *
 * An operation is given its memory when it is submitted and keeps it until it completes. Submitting
 * answers the result when it is known at once, else NET_PENDING, and then op->done is called once,
 * from net_backend_poll. So the interface fits readiness (epoll) as well as completion (io_uring,
 * IOCP); a loop has one backend. All on the loop's thread except net_backend_wake. */
#pragma once

#include "net/net.h"

/* The operation is under way. Not an errno that a socket answers. */
#define NET_PENDING ((int64_t)INT64_MIN)
#define NET_SEGS_MAX 32 /* of one gather send */

struct net_backend;

NODISCARD int net_backend_new(struct net_backend **out);
void net_backend_free(struct net_backend *b);
/* End or forestall one wait. Any thread. */
void net_backend_wake(struct net_backend *b);
/* Complete what can be completed; wait at most timeout_ms for something (-1: as long as it takes).
 * Calls loop_mark_awake(l) when the wait is over. */
void net_backend_poll(struct net_backend *b, int timeout_ms, struct loop *l);

/* Nothing that the next poll completes by itself (closed sockets' operations). */
bool net_backend_is_quiet(const struct net_backend *b);

struct net_seg {
    const uint8_t *base;
    size_t len;
};

struct net_op {
    /* result: bytes (0: the peer has ended its side), or a negative errno; -ECANCELED after
     * net_sock_close */
    void (*done)(struct net_op *op, int64_t result);
    bool is_pending;
    /* the backend's */
    struct list link;
    uint32_t kind;
    uint8_t *buf;
    size_t len;
    const struct net_seg *segs;
    unsigned seg_count;
    struct net_accepted *accepted;
};

/* A socket; at most one operation in each direction. */
struct net_sock {
    struct net_source source; /* the backend's */
    struct net_backend *backend;
    int64_t fd; /* -1 when closed */
    struct net_op *reading;
    struct net_op *writing;
    bool can_read; /* reading may succeed without waiting */
    bool can_write;
    bool is_ended; /* the peer has ended its side: can_read stays */
};

/* Takes over fd on success only. */
NODISCARD int net_sock_attach(struct net_backend *b, struct net_sock *s, int64_t fd);
/* Closes the descriptor. Operations under way complete with -ECANCELED in the next poll; s must
 * live as long. */
void net_sock_close(struct net_sock *s);
/* Tell the peer that nothing more will be sent. */
void net_sock_shutdown(struct net_sock *s);

/* Completes with 0 when something can be received (an end and an error too). Holds no buffer. */
int64_t net_sock_wait_readable(struct net_sock *s, struct net_op *op);
/* Never pending: -EAGAIN when there is nothing. For buffers that are shared. */
int64_t net_sock_recv_now(struct net_sock *s, void *buf, size_t len);
int64_t net_sock_recv(struct net_sock *s, struct net_op *op, void *buf, size_t len);
/* segs: up to NET_SEGS_MAX. May send less than all. */
int64_t net_sock_send(struct net_sock *s, struct net_op *op, const struct net_seg *segs,
                      unsigned count);
/* Completes with 0 and *out filled. */
int64_t net_sock_accept(struct net_sock *s, struct net_op *op, struct net_accepted *out);

/* Readable when a poll would find something. */
int64_t net_backend_descriptor(const struct net_backend *b);
/* Before anything is wanted. */
void net_watch_init(struct loop_watch *w);
/* Any thread: begin (from 0), change or end (to 0) the watch's part in the polls. */
NODISCARD int net_watch_want(struct loop_watch *w, uint32_t wanted);

/* Sockets without a loop: loop_socket.c */

/* A listening socket; *addr gets its port. */
NODISCARD int net_listen(struct net_addr *addr, int backlog, int64_t *fd_r);
/* A socket that listens already, made ready for a loop; *addr is where. -EBADF: no open descriptor;
 * -ENOTSOCK, -EINVAL: nothing that listens for TCP. */
NODISCARD int net_adopt(int64_t fd, struct net_addr *addr);
/* Without waiting: 0 and *out filled, -EAGAIN, or why not. */
int64_t net_accept(int64_t fd, struct net_accepted *out);
/* No delay, keep-alive. */
void net_fd_tune(int64_t fd);
/* Bytes that were sent and that the peer's TCP has not acknowledged; 0 where that is not known. */
size_t net_fd_unacked(int64_t fd);

/* What a loop lends to its streams. */
struct net_backend *loop_backend_get(struct loop *l);
uint8_t *loop_scratch_get(struct loop *l); /* STREAM_SCRATCH_BYTES */
/* Who posts a job from now on need not wake the loop: it will look before it waits again. */
void loop_mark_awake(struct loop *l);

/* ---- timers: timer.c, a pairing heap that needs no memory of its own ---- */

struct timer_heap {
    struct loop_timer *root;
};
void timer_heap_add(struct timer_heap *h, struct loop_timer *t);
void timer_heap_remove(struct timer_heap *h, struct loop_timer *t);
