/* SPDX-License-Identifier: Apache-2.0 */
#include "net/stream_priv.h"

#include <errno.h>

#include "base/mem.h"

static void post_closed_when_quiet(struct stream *s)
{
    if (!s->is_closed_posted && !s->read_op.is_pending && !s->write_op.is_pending) {
        s->is_closed_posted = true;
        loop_post(s->loop, &s->closed_job);
    }
}

static void run_closed(struct job *job)
{
    struct stream *s = CONTAINER_OF(job, struct stream, closed_job);
    s->ops->closed(s->owner, s->err);
}

void stream_op_gone(struct stream *s)
{
    ASSERT(s->is_ended);
    post_closed_when_quiet(s);
}

void stream_end(struct stream *s, int err)
{
    if (s->is_ended) {
        return;
    }
    s->is_ended = true;
    s->err = err;
    loop_timer_cancel(s->loop, &s->timer);
    net_sock_close(&s->sock);
    stream_recv_fini(s);
    stream_send_fini(s);
    post_closed_when_quiet(s);
}

void stream_abort(struct stream *s, int err)
{
    stream_end(s, err);
}

/* The peer takes nothing, or does not close its side in time. */
static void time_is_up(struct loop_timer *t)
{
    struct stream *s = CONTAINER_OF(t, struct stream, timer);
    stream_end(s, s->is_closing ? 0 : -ETIMEDOUT);
}

int stream_new(struct loop *l, int64_t fd, const struct stream_ops *ops, void *owner,
               struct stream **out)
{
    *out = NULL;
    struct stream *s = mem_zalloc(sizeof(*s));
    if (!s) {
        net_fd_close(fd);
        return -ENOMEM;
    }
    s->loop = l;
    s->ops = ops;
    s->owner = owner;
    s->closed_job.fn = run_closed;
    loop_timer_init(&s->timer, time_is_up);
    stream_recv_init(s);
    stream_send_init(s);
    int err = net_sock_attach(loop_backend_get(l), &s->sock, fd);
    if (err != 0) {
        net_fd_close(fd);
        mem_free(s);
        return err;
    }
    /* Not at once: the owner has not even got its stream yet. */
    s->is_read_posted = true;
    loop_post(l, &s->read_job);
    *out = s;
    return 0;
}

void stream_free(struct stream *s)
{
    ASSERT(s->is_closed_posted);
    mem_free(s);
}

void stream_close(struct stream *s)
{
    if (s->is_ended || s->is_closing) {
        return;
    }
    s->is_closing = true;
    loop_timer_set(s->loop, &s->timer, STREAM_CLOSE_MS);
    if (s->seg_count == 0) {
        stream_shut(s);
    } else if (!s->write_op.is_pending && !s->is_flush_deferred) {
        stream_flush(s);
    }
}

/* A close with unread bytes in the receive buffer makes a RST, which may overtake what was sent: so
 * say that no more will come, and drop what the peer still says until it closes too. */
void stream_shut(struct stream *s)
{
    if (s->is_shut) {
        return;
    }
    s->is_shut = true;
    loop_timer_set(s->loop, &s->timer, STREAM_LINGER_MS);
    net_sock_shutdown(&s->sock);
    if (!s->read_op.is_pending && !s->is_read_posted) {
        s->is_read_posted = true;
        loop_post(s->loop, &s->read_job);
    }
}
