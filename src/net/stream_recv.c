/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving. Small frames come many at a time through the loop's scratch buffer; the rest of a
 * frame that does not end in it is received where it belongs. An idle stream waits without a
 * buffer. */
#include "net/stream_priv.h"

#include <errno.h>

#include "base/cur.h"
#include "base/mem.h"

static bool can_take_frames(const struct stream *s)
{
    return !s->is_ended && !s->is_closing;
}

/* The header is complete: make room for the frame. */
static void begin_frame(struct stream *s)
{
    size_t size = 0;
    s->header_len = 0;
    int err = s->ops->frame_size(s->owner, s->header, &size);
    if (err != 0) {
        stream_end(s, err);
        return;
    }
    if (size == 0 || !can_take_frames(s)) {
        return;
    }
    s->frame = size < STREAM_ALIGN_FROM_BYTES
                   ? iobuf_new(size)
                   : iobuf_new_aligned_at(size, MIN(s->ops->frame_mark(s->owner, size), size));
    s->frame_len = 0;
    s->was_large = size > STREAM_SCRATCH_BYTES;
    if (!s->frame) {
        stream_end(s, -ENOMEM);
    }
}

static void give_frame(struct stream *s)
{
    struct iobuf *frame = s->frame;
    s->frame = NULL;
    if (can_take_frames(s)) {
        s->ops->frame(s->owner, frame);
    } else {
        iobuf_unref(frame);
    }
}

/* Cut what was received into frames. The last one may stay incomplete. */
static void feed(struct stream *s, struct cur *c)
{
    while (can_take_frames(s) && cur_left(c) > 0) {
        if (!s->frame) {
            size_t n = MIN(cur_left(c), (size_t)(STREAM_HEADER_LEN - s->header_len));
            cur_copy(c, s->header + s->header_len, n);
            s->header_len += (unsigned)n;
            if (s->header_len == STREAM_HEADER_LEN) {
                begin_frame(s);
            }
            continue;
        }
        size_t n = MIN(cur_left(c), s->frame->len - s->frame_len);
        cur_copy(c, s->frame->base + s->frame_len, n);
        s->frame_len += n;
        if (s->frame_len == s->frame->len) {
            give_frame(s);
        }
    }
}

/* The result of receiving: true to go on. */
static bool took(struct stream *s, int64_t result)
{
    if (result > 0) {
        return true;
    }
    stream_end(s, (int)result);
    return false;
}

static bool take_into_frame(struct stream *s, int64_t result)
{
    if (!took(s, result)) {
        return false;
    }
    s->frame_len += (size_t)result;
    if (s->frame_len == s->frame->len) {
        give_frame(s);
    }
    return true;
}

/* True: go on at once. */
static bool read_into_frame(struct stream *s)
{
    int64_t r = net_sock_recv(&s->sock, &s->read_op, s->frame->base + s->frame_len,
                              s->frame->len - s->frame_len);
    return r != NET_PENDING && take_into_frame(s, r);
}

static bool read_into_scratch(struct stream *s)
{
    uint8_t *scratch = loop_scratch_get(s->loop);
    size_t want = s->was_large ? STREAM_SCRATCH_SMALL_BYTES : STREAM_SCRATCH_BYTES;
    int64_t r = net_sock_recv_now(&s->sock, scratch, want);
    if (r == -EAGAIN) {
        return net_sock_wait_readable(&s->sock, &s->read_op) != NET_PENDING;
    }
    if (!took(s, r)) {
        return false;
    }
    s->was_large = false;
    struct cur c = cur_init(scratch, (size_t)r);
    feed(s, &c);
    return true;
}

void stream_read(struct stream *s)
{
    for (int i = 0; i < STREAM_READS_MAX; i++) {
        if (s->is_ended || s->read_op.is_pending || (s->is_paused && !s->is_closing)) {
            return;
        }
        if (!(s->frame ? read_into_frame(s) : read_into_scratch(s))) {
            return;
        }
    }
    /* The others' turn. */
    if (!s->is_ended && !s->is_read_posted) {
        s->is_read_posted = true;
        loop_post(s->loop, &s->read_job);
    }
}

static void run_read(struct job *job)
{
    struct stream *s = CONTAINER_OF(job, struct stream, read_job);
    s->is_read_posted = false;
    stream_read(s);
}

static void read_done(struct net_op *op, int64_t result)
{
    struct stream *s = CONTAINER_OF(op, struct stream, read_op);
    if (s->is_ended) {
        stream_recv_fini(s);
        stream_op_gone(s);
        return;
    }
    if (s->frame ? take_into_frame(s, result) : result == 0) {
        stream_read(s);
    } else if (!s->is_ended) {
        stream_end(s, (int)result);
    }
}

void stream_recv_init(struct stream *s)
{
    s->read_op.done = read_done;
    s->read_job.fn = run_read;
}

/* A frame that an operation still fills stays until that is gone. */
void stream_recv_fini(struct stream *s)
{
    if (!s->read_op.is_pending) {
        iobuf_unref(s->frame);
        s->frame = NULL;
    }
}
