/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving. Small frames come many at a time through the loop's scratch buffer; the rest of a
 * frame that does not end in it is received where it belongs. An idle stream waits without a
 * buffer. */
#include "net/stream_priv.h"

#include <errno.h>

#include "base/cur.h"
#include "base/mem.h"
#include "os/os.h"

static bool can_take_frames(const struct stream *s)
{
    return !s->is_ended && !s->is_closing;
}

/* Have a frame to fill. False: there is no room for it now, or the stream has ended. */
static bool make_frame(struct stream *s)
{
    int err = s->ops->frame_new(s->owner, s->frame_size, &s->frame);
    if (err == -EAGAIN) {
        s->is_held = true;
        return false;
    }
    if (err != 0) {
        stream_end(s, err);
        return false;
    }
    s->frame_len = 0;
    s->was_large = s->frame_size > STREAM_SCRATCH_BYTES;
    s->frame_size = 0;
    return true;
}

/* The header is complete. */
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
    s->frame_size = size;
    (void)make_frame(s);
}

static void give_frame(struct stream *s)
{
    struct iobuf *frame = s->frame;
    s->frame = NULL;
    if (!can_take_frames(s)) {
        iobuf_unref(frame);
        return;
    }
    s->ops->frame(s->owner, frame);
    s->is_turn_over = ++s->turn_frames >= STREAM_TURN_FRAMES || os_monotonic_ns() >= s->turn_end_ns;
}

/* Cut what was received into frames, as far as there is room and the turn lasts. The last one may
 * stay incomplete. */
static void feed(struct stream *s, struct cur *c)
{
    while (can_take_frames(s) && !s->is_held && cur_left(c) > 0 && !s->is_turn_over) {
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

static void drop_rest(struct stream *s)
{
    iobuf_unref(s->rest);
    s->rest = NULL;
    s->rest_at = 0;
}

/* The scratch buffer is the loop's: what is left in it is kept. */
static void keep_rest(struct stream *s, const struct cur *c)
{
    size_t n = cur_left(c);
    if (n == 0 || !can_take_frames(s)) {
        return;
    }
    s->rest = iobuf_new(n);
    if (!s->rest) {
        stream_end(s, -ENOMEM);
        return;
    }
    mem_copy(s->rest->base, c->pos, n);
}

static bool feed_rest(struct stream *s)
{
    struct cur c = cur_init(s->rest->base + s->rest_at, s->rest->len - s->rest_at);
    feed(s, &c);
    if (!s->rest) {
        return false; /* the stream has ended meanwhile */
    }
    s->rest_at = s->rest->len - cur_left(&c);
    if (cur_left(&c) == 0 || !can_take_frames(s)) {
        drop_rest(s);
    }
    return true;
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
    size_t want = s->was_large ? STREAM_SCRATCH_SMALL_BYTES : s->read_max;
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
    keep_rest(s, &c);
    return true;
}

static void post_read(struct stream *s)
{
    if (!s->is_ended && !s->is_read_posted) {
        s->is_read_posted = true;
        loop_post(s->loop, &s->read_job);
    }
}

/* True: there may be more to do at once. */
static bool read_step(struct stream *s)
{
    if (s->frame_size > 0 && can_take_frames(s) && !make_frame(s)) {
        return false;
    }
    if (s->rest) {
        return feed_rest(s);
    }
    return s->frame ? read_into_frame(s) : read_into_scratch(s);
}

static bool can_read(const struct stream *s)
{
    return !s->is_ended && !s->read_op.is_pending && (!s->is_held || s->is_closing);
}

static void take_turn(struct stream *s)
{
    s->is_turn_over = false;
    s->turn_frames = 0;
    s->turn_end_ns = os_monotonic_ns() + STREAM_TURN_NS;
    for (int i = 0; i < STREAM_TURN_READS && !s->is_turn_over; i++) {
        if (!can_read(s) || !read_step(s)) {
            return;
        }
    }
    if (can_read(s)) {
        post_read(s); /* the others' turn */
    }
}

void stream_read(struct stream *s)
{
    s->is_in_turn = true;
    take_turn(s);
    s->is_in_turn = false;
    stream_send_queued(s);
}

void stream_resume(struct stream *s)
{
    s->is_held = false;
    post_read(s);
}

void stream_read_ahead(struct stream *s)
{
    s->read_max = STREAM_SCRATCH_BYTES;
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
    s->read_max = STREAM_SCRATCH_SMALL_BYTES;
}

/* A frame that an operation still fills stays until that is gone. */
void stream_recv_fini(struct stream *s)
{
    drop_rest(s);
    if (!s->read_op.is_pending) {
        iobuf_unref(s->frame);
        s->frame = NULL;
    }
}
