/* SPDX-License-Identifier: Apache-2.0 */
/* Sending: messages queue up as segments and go out gathered, when the turn that made them ends. */
#include "net/stream_priv.h"

#include <errno.h>

#include "base/mem.h"

/* Make room for one more segment at the end of the queue. */
static bool make_room(struct stream *s)
{
    if (s->seg_head + s->seg_count < s->seg_cap) {
        return true;
    }
    if (s->seg_head >= s->seg_cap / 2) {
        mem_move(s->segs, s->segs + s->seg_head, s->seg_count * sizeof(*s->segs));
        s->seg_head = 0;
        return true;
    }
    struct iovec_ref *segs = mem_calloc(s->seg_cap * 2, sizeof(*segs));
    if (!segs) {
        return false;
    }
    mem_copy(segs, s->segs + s->seg_head, s->seg_count * sizeof(*segs));
    if (s->segs != s->inline_segs) {
        mem_free(s->segs);
    }
    s->segs = segs;
    s->seg_cap *= 2;
    s->seg_head = 0;
    return true;
}

/* Takes the segment's reference on success. */
static bool push(struct stream *s, const struct iovec_ref *seg)
{
    if (!make_room(s)) {
        return false;
    }
    s->segs[s->seg_head + s->seg_count++] = *seg;
    s->queued_bytes += seg->len;
    s->total_bytes += seg->len;
    return true;
}

static bool push_all(struct stream *s, struct iochain *message)
{
    for (unsigned i = 0; i < message->count; i++) {
        struct iovec_ref *seg = &message->segs[i];
        if (seg->len == 0) {
            continue;
        }
        if (!push(s, seg)) {
            return false;
        }
        seg->buf = NULL; /* the queue has it now */
    }
    return true;
}

static void drop_rest(struct iochain *message)
{
    for (unsigned i = 0; i < message->count; i++) {
        iobuf_unref(message->segs[i].buf);
    }
    message->count = 0;
}

size_t stream_queued_bytes(const struct stream *s)
{
    return s->queued_bytes;
}

void stream_progress(const struct stream *s, uint64_t *queued_r, uint64_t *acked_r)
{
    size_t left = s->is_ended ? 0 : s->queued_bytes + net_fd_unacked(s->sock.fd);
    *queued_r = s->total_bytes;
    *acked_r = s->total_bytes - MIN(left, s->total_bytes);
}

void stream_send(struct stream *s, struct iochain *message)
{
    if (s->is_ended || s->is_closing) {
        iochain_fini(message);
        return;
    }
    bool pushed = push_all(s, message);
    drop_rest(message);
    if (!pushed) {
        stream_end(s, -ENOMEM); /* half a message is none */
        return;
    }
    if (s->write_op.is_pending) {
        return;
    }
    if (s->queued_bytes >= STREAM_SEND_NOW_BYTES) {
        stream_flush(s);
    } else if (!s->is_in_turn && !s->is_flush_deferred) {
        s->is_flush_deferred = true;
        loop_defer(s->loop, &s->flush_job);
    }
}

void stream_send_queued(struct stream *s)
{
    if (!s->is_ended && !s->write_op.is_pending && s->seg_count > 0) {
        stream_flush(s);
    }
}

/* The queue is empty: a large one is given back, so that an idle stream is small. */
static void reset_queue(struct stream *s)
{
    s->seg_head = 0;
    if (s->segs != s->inline_segs) {
        mem_free(s->segs);
        s->segs = s->inline_segs;
        s->seg_cap = STREAM_SEGS_INLINE;
    }
}

static void sent(struct stream *s, size_t n)
{
    ASSERT(n <= s->queued_bytes);
    s->queued_bytes -= n;
    while (n > 0) {
        struct iovec_ref *seg = &s->segs[s->seg_head];
        if (n < seg->len) {
            seg->base += n;
            seg->len -= n;
            return;
        }
        n -= seg->len;
        iobuf_unref(seg->buf);
        s->seg_head++;
        s->seg_count--;
    }
}

static unsigned gather(struct stream *s)
{
    unsigned n = (unsigned)MIN(s->seg_count, (size_t)NET_SEGS_MAX);
    for (unsigned i = 0; i < n; i++) {
        const struct iovec_ref *seg = &s->segs[s->seg_head + i];
        s->sending[i] = (struct net_seg){.base = seg->base, .len = seg->len};
    }
    return n;
}

static void all_sent(struct stream *s)
{
    reset_queue(s);
    if (s->is_closing) {
        stream_shut(s);
    } else {
        loop_timer_cancel(s->loop, &s->timer);
    }
}

void stream_flush(struct stream *s)
{
    while (s->seg_count > 0) {
        int64_t r = net_sock_send(&s->sock, &s->write_op, s->sending, gather(s));
        if (r == NET_PENDING) {
            if (!s->is_closing) {
                loop_timer_set(s->loop, &s->timer, STREAM_STALL_MS);
            }
            return;
        }
        if (r < 0) {
            stream_end(s, (int)r);
            return;
        }
        sent(s, (size_t)r);
    }
    all_sent(s);
}

static void run_flush(struct job *job)
{
    struct stream *s = CONTAINER_OF(job, struct stream, flush_job);
    s->is_flush_deferred = false;
    stream_send_queued(s);
}

static void write_done(struct net_op *op, int64_t result)
{
    struct stream *s = CONTAINER_OF(op, struct stream, write_op);
    if (s->is_ended) {
        stream_send_fini(s);
        stream_op_gone(s);
        return;
    }
    if (result < 0) {
        stream_end(s, (int)result);
        return;
    }
    sent(s, (size_t)result);
    stream_flush(s);
}

void stream_send_init(struct stream *s)
{
    s->write_op.done = write_done;
    s->flush_job.fn = run_flush;
    list_init(&s->flush_job.link);
    s->segs = s->inline_segs;
    s->seg_cap = STREAM_SEGS_INLINE;
}

/* What an operation is still sending stays until that is gone. */
void stream_send_fini(struct stream *s)
{
    if (s->is_flush_deferred) {
        list_remove(&s->flush_job.link);
        s->is_flush_deferred = false;
    }
    if (s->write_op.is_pending) {
        return;
    }
    for (; s->seg_count > 0; s->seg_count--) {
        iobuf_unref(s->segs[s->seg_head++].buf);
    }
    s->queued_bytes = 0;
    reset_queue(s);
}
