/* SPDX-License-Identifier: Apache-2.0 */
/* Life of a connection: conn_start makes stream and smb_conn; when the stream has ended,
 * smb_conn_closed is called; when smb uses the transport no more (released), both are freed. */
#include "server/conn_glue.h"

#include <errno.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define LOG_MODULE LOG_SERVER

struct conn {
    struct list link; /* in home->conns */
    struct conn_home *home;
    struct stream *stream;
    struct smb_conn *smb;
    struct list timers; /* struct conn_timer, set ones */
    bool is_stream_closed;
    bool is_over; /* freed when away_job has run */
    bool was_sent_away;
    struct net_slot *slot;
    struct job away_job;
    uint64_t id;
    struct net_addr peer;
};

/* A timer that smb has set: smb's own holds only a pointer for us. */
struct conn_timer {
    struct list link;
    struct loop_timer timer;
    struct smb_timer *owner;
};

void conn_home_init(struct conn_home *h, struct loop *l)
{
    *h = (struct conn_home){.loop = l};
    list_init(&h->conns);
    atomic_init(&h->count, 0);
}

/* ---- what smb asks of its transport ---- */

static void io_send(void *io, struct iochain *message)
{
    struct conn *c = io;
    if (c->is_stream_closed) {
        iochain_fini(message);
        return;
    }
    stream_send(c->stream, message);
}

static void io_progress(void *io, uint64_t *sent_r, uint64_t *acked_r)
{
    struct conn *c = io;
    stream_progress(c->stream, sent_r, acked_r);
}

static void io_resume(void *io)
{
    struct conn *c = io;
    if (!c->is_stream_closed) {
        stream_resume(c->stream);
    }
}

static void io_logged_on(void *io)
{
    struct conn *c = io;
    net_slot_settle(c->slot);
    if (!c->is_stream_closed) {
        stream_read_ahead(c->stream);
    }
}

static void io_close(void *io)
{
    struct conn *c = io;
    if (!c->is_stream_closed) {
        stream_close(c->stream);
    }
}

static void io_post(void *io, struct job *job)
{
    struct conn *c = io;
    loop_post(c->home->loop, job);
}

static void io_work(void *io, const struct work_key *key, struct job *job)
{
    struct conn *c = io;
    workers_post(c->home->workers, key, job);
}

static void timer_free(struct conn *c, struct conn_timer *t)
{
    loop_timer_cancel(c->home->loop, &t->timer);
    t->owner->transport = NULL;
    list_remove(&t->link);
    mem_free(t);
}

static void timer_fired(struct loop_timer *lt)
{
    struct conn_timer *t = CONTAINER_OF(lt, struct conn_timer, timer);
    struct smb_timer *owner = t->owner;
    owner->transport = NULL;
    list_remove(&t->link);
    mem_free(t);
    owner->fn(owner);
}

static void io_timer_set(void *io, struct smb_timer *owner, uint32_t ms)
{
    struct conn *c = io;
    struct conn_timer *t = owner->transport;
    if (!t) {
        t = mem_zalloc(sizeof(*t));
        if (!t) {
            /* A timer that never runs might keep a client waiting for ever: better it comes again.
             */
            if (!c->is_stream_closed) {
                stream_abort(c->stream, -ENOMEM);
            }
            return;
        }
        t->owner = owner;
        loop_timer_init(&t->timer, timer_fired);
        list_push_back(&c->timers, &t->link);
        owner->transport = t;
    }
    loop_timer_set(c->home->loop, &t->timer, ms);
}

static void io_timer_cancel(void *io, struct smb_timer *owner)
{
    if (owner->transport) {
        timer_free(io, owner->transport);
    }
}

static void conn_gone(struct conn *c)
{
    /* release: what this connection did is over for whoever sees the count */
    atomic_fetch_sub_explicit(&c->home->count, 1, memory_order_release);
    mem_free(c);
}

static void conn_free(struct conn *c)
{
    LIST_FOR_EACH_SAFE (l, &c->timers) {
        timer_free(c, LIST_ENTRY(l, struct conn_timer, link));
    }
    if (c->stream) {
        stream_free(c->stream);
    }
    list_remove(&c->link);
    c->is_over = true;
    if (!net_slot_leave(c->slot) || c->was_sent_away) {
        conn_gone(c); /* else away_job is on its way */
    }
}

/* Another connection needs the place. Any thread, under the limits' lock. */
static void send_away(void *owner)
{
    struct conn *c = owner;
    loop_post(c->home->loop, &c->away_job);
}

static void go_away(struct job *job)
{
    struct conn *c = CONTAINER_OF(job, struct conn, away_job);
    struct log_ctx ctx = {.conn_id = c->id};
    c->was_sent_away = true;
    if (c->is_over) {
        conn_gone(c);
    } else if (!c->is_stream_closed) {
        log_info(&ctx, "makes room for others before log-in address=%s", c->peer.text);
        stream_abort(c->stream, -EUSERS);
    }
}

static void io_released(void *io)
{
    struct conn *c = io;
    ASSERT(c->is_stream_closed);
    conn_free(c);
}

static const struct smb_conn_io conn_io = {
    .send = io_send,
    .progress = io_progress,
    .resume = io_resume,
    .logged_on = io_logged_on,
    .close = io_close,
    .post = io_post,
    .work = io_work,
    .timer_set = io_timer_set,
    .timer_cancel = io_timer_cancel,
    .released = io_released,
};

/* ---- what the stream brings ---- */

static int on_frame_size(void *owner, const uint8_t header[STREAM_HEADER_LEN], size_t *size_r)
{
    struct conn *c = owner;
    return smb_conn_frame_size(c->smb, header, size_r);
}

static int on_frame_new(void *owner, size_t size, struct iobuf **frame_r)
{
    struct conn *c = owner;
    return smb_conn_frame_new(c->smb, size, frame_r);
}

static void on_frame(void *owner, struct iobuf *frame)
{
    struct conn *c = owner;
    smb_conn_frame(c->smb, frame);
}

static void on_closed(void *owner, int err)
{
    struct conn *c = owner;
    struct log_ctx ctx = {.conn_id = c->id};
    log_debug(&ctx, "connection closed address=%s error=%d", c->peer.text, -err);
    c->is_stream_closed = true;
    if (c->smb) {
        smb_conn_closed(c->smb); /* may call released at once: c is gone then */
    } else {
        conn_free(c);
    }
}

static const struct stream_ops conn_stream_ops = {
    .frame_size = on_frame_size,
    .frame_new = on_frame_new,
    .frame = on_frame,
    .closed = on_closed,
};

/* ---- begin and end ---- */

/* A connection that has not come to life. */
static void turn_away(const struct net_accepted *a)
{
    net_fd_close(a->fd);
    (void)net_slot_leave(a->slot);
}

static void refuse(struct conn_home *h, const struct net_accepted *a, const char *why)
{
    log_warn(NULL, "connection refused address=%s reason=%s", a->peer.text, why);
    turn_away(a);
}

static struct conn *conn_new(struct conn_home *h, const struct net_accepted *a, uint64_t conn_id)
{
    struct conn *c = mem_zalloc(sizeof(*c));
    if (!c) {
        return NULL;
    }
    c->home = h;
    c->id = conn_id;
    c->peer = a->peer;
    c->slot = a->slot;
    c->away_job.fn = go_away;
    list_init(&c->away_job.link);
    list_init(&c->timers);
    list_push_back(&h->conns, &c->link);
    atomic_fetch_add_explicit(&h->count, 1, memory_order_relaxed); /* a mere count here */
    return c;
}

void conn_start(struct conn_home *h, const struct net_accepted *a, uint64_t conn_id)
{
    struct log_ctx ctx = {.conn_id = conn_id};
    if (h->is_draining) {
        refuse(h, a, "shutdown");
        return;
    }
    if (!smb_server_admits(h->smb, a->peer.text)) {
        turn_away(a);
        return;
    }
    struct conn *c = conn_new(h, a, conn_id);
    if (!c) {
        refuse(h, a, "memory");
        return;
    }
    int err = stream_new(h->loop, a->fd, &conn_stream_ops, c, &c->stream);
    if (err != 0) {
        log_warn(&ctx, "connection refused address=%s error=%d", a->peer.text, -err);
        conn_free(c);
        return;
    }
    c->smb = smb_conn_new(h->smb, &conn_io, c, a->peer.text, conn_id);
    if (!c->smb) {
        stream_abort(c->stream, -ENOMEM);
        return;
    }
    log_debug(&ctx, "connection opened address=%s port=%u", a->peer.text, a->peer.port);
    net_slot_attach(c->slot, send_away, c);
}

void conn_home_drain(struct conn_home *h)
{
    h->is_draining = true;
    LIST_FOR_EACH_SAFE (l, &h->conns) {
        struct conn *c = LIST_ENTRY(l, struct conn, link);
        if (c->smb && !c->is_stream_closed) {
            smb_conn_shutdown(c->smb);
        }
    }
}

void conn_home_abort(struct conn_home *h)
{
    h->is_draining = true;
    LIST_FOR_EACH_SAFE (l, &h->conns) {
        struct conn *c = LIST_ENTRY(l, struct conn, link);
        if (!c->is_stream_closed) {
            stream_abort(c->stream, -ECONNABORTED);
        }
    }
}
