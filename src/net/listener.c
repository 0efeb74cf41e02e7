/* SPDX-License-Identifier: Apache-2.0 */
#include "net/backend.h"

#include <errno.h>

#include "base/log.h"
#include "base/mem.h"

#define LOG_MODULE LOG_NET

struct listener {
    struct loop *loop;
    struct listener_spec spec; /* immutable after init; addr with the real port */
    int64_t fd;                /* until the loop has it */
    /* loop thread only */
    struct net_sock sock;
    struct net_op op;
    struct net_accepted accepted;
    struct loop_timer pause;
    bool holds_one; /* accepted waits for room, those behind it in the system's queue */
    bool is_attached;
    bool is_closing;
    struct job start_job;
    struct job close_job;
    struct job free_job;
};

static void accept_some(struct listener *ls);

static void free_now(struct job *job)
{
    mem_free(CONTAINER_OF(job, struct listener, free_job));
}

/* False: accepted waits for room. To refuse it would let whoever floods keep the others out. */
static bool admit(struct listener *ls)
{
    struct net_accepted *a = &ls->accepted;
    int err = net_limits_enter(ls->spec.limits, a->peer.text, &a->slot);
    ls->holds_one = err == -EBUSY;
    if (ls->holds_one) {
        loop_timer_set(ls->loop, &ls->pause, LISTENER_ROOM_MS);
        return false;
    }
    if (err == 0) {
        net_fd_tune(a->fd);
        ls->spec.accepted(ls->spec.arg, a);
        return true;
    }
    log_warn(NULL, "connection refused address=%s reason=%s", a->peer.text,
             err == -EUSERS   ? "address-limit"
             : err == -EMFILE ? "total-limit"
                              : "memory");
    net_fd_close(a->fd);
    return true;
}

/* Out of descriptors or memory: the connection stays in the queue, and asking at once again would
 * spin. */
static void pause_accepting(struct listener *ls, int err)
{
    log_error(NULL, "accepting paused error=%d milliseconds=%d", -err, LISTENER_PAUSE_MS);
    loop_timer_set(ls->loop, &ls->pause, LISTENER_PAUSE_MS);
}

/* True: go on accepting. */
static bool handle(struct listener *ls, int64_t result)
{
    if (ls->is_closing) {
        if (result == 0) {
            net_fd_close(ls->accepted.fd);
        }
        return false;
    }
    if (result == 0) {
        return admit(ls);
    }
    if (result != -EINTR) {
        pause_accepting(ls, (int)result);
        return false;
    }
    return true;
}

static void accept_some(struct listener *ls)
{
    for (;;) {
        int64_t r = net_sock_accept(&ls->sock, &ls->op, &ls->accepted);
        if (r == NET_PENDING || !handle(ls, r)) {
            return;
        }
    }
}

static void accept_done(struct net_op *op, int64_t result)
{
    struct listener *ls = CONTAINER_OF(op, struct listener, op);
    if (result == -ECANCELED && ls->is_closing) {
        loop_post(ls->loop, &ls->free_job);
    } else if (handle(ls, result)) {
        accept_some(ls);
    }
}

static void pause_over(struct loop_timer *t)
{
    struct listener *ls = CONTAINER_OF(t, struct listener, pause);
    if (!ls->holds_one || admit(ls)) {
        accept_some(ls);
    }
}

static void start(struct job *job)
{
    struct listener *ls = CONTAINER_OF(job, struct listener, start_job);
    int err = net_sock_attach(loop_backend_get(ls->loop), &ls->sock, ls->fd);
    if (err != 0) {
        log_error(NULL, "listener lost address=%s port=%u error=%d", ls->spec.addr.text,
                  ls->spec.addr.port, -err);
        return;
    }
    ls->is_attached = true;
    accept_some(ls);
}

static void close_now(struct job *job)
{
    struct listener *ls = CONTAINER_OF(job, struct listener, close_job);
    ls->is_closing = true;
    loop_timer_cancel(ls->loop, &ls->pause);
    if (ls->holds_one) {
        net_fd_close(ls->accepted.fd);
    }
    if (!ls->is_attached) {
        net_fd_close(ls->fd);
        loop_post(ls->loop, &ls->free_job);
        return;
    }
    bool waits = ls->op.is_pending; /* then accept_done frees */
    net_sock_close(&ls->sock);
    if (!waits) {
        loop_post(ls->loop, &ls->free_job);
    }
}

int listener_new(struct loop *l, const struct listener_spec *spec, struct listener **out)
{
    *out = NULL;
    struct listener *ls = mem_zalloc(sizeof(*ls));
    if (!ls) {
        return -ENOMEM;
    }
    ls->loop = l;
    ls->spec = *spec;
    int err;
    if (spec->ready) {
        ls->fd = *spec->ready;
        err = net_adopt(ls->fd, &ls->spec.addr);
    } else {
        err = net_listen(&ls->spec.addr, LISTENER_BACKLOG, &ls->fd);
    }
    if (err != 0) {
        if (spec->ready) {
            net_fd_close(ls->fd);
        }
        mem_free(ls);
        return err;
    }
    ls->op.done = accept_done;
    loop_timer_init(&ls->pause, pause_over);
    ls->start_job.fn = start;
    ls->close_job.fn = close_now;
    ls->free_job.fn = free_now;
    loop_post(l, &ls->start_job);
    *out = ls;
    return 0;
}

const struct net_addr *listener_addr_get(const struct listener *ls)
{
    return &ls->spec.addr;
}

void listener_close(struct listener *ls)
{
    loop_post(ls->loop, &ls->close_job);
}
