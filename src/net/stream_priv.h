/* SPDX-License-Identifier: Apache-2.0 */
/* A stream's body, for stream.c, stream_recv.c and stream_send.c. All fields: loop thread only. */
#pragma once

#include "net/backend.h"

#define STREAM_SEGS_INLINE 16 /* queued without an allocation: a few replies */

struct stream {
    struct loop *loop;
    const struct stream_ops *ops;
    void *owner;
    struct net_sock sock;

    /* receiving: a part of a header, or a frame that has no room yet, or one that fills up, or none
     * of them */
    struct net_op read_op;
    uint8_t header[STREAM_HEADER_LEN];
    unsigned header_len;
    size_t frame_size; /* of the frame without room; 0: there is none */
    struct iobuf *frame;
    size_t frame_len;    /* received of it */
    struct iobuf *rest;  /* received, and not looked at yet: kept when a turn ends in the middle */
    size_t rest_at;      /* looked at of it */
    size_t read_max;     /* of one read */
    bool was_large;      /* the last frame did not fit the scratch buffer */
    bool is_held;        /* frame_new had no room: until stream_resume */
    bool is_read_posted; /* read_job is on its way */
    bool is_in_turn;     /* stream_read is on the stack: it sends what is queued at its end */
    bool is_turn_over;
    unsigned turn_frames;
    uint64_t turn_end_ns;
    struct job read_job;

    /* sending: segs[head .. head + count) of cap */
    struct net_op write_op;
    struct net_seg sending[NET_SEGS_MAX];
    struct iovec_ref inline_segs[STREAM_SEGS_INLINE];
    struct iovec_ref *segs; /* inline_segs, or owned */
    size_t seg_cap;
    size_t seg_head;
    size_t seg_count;
    size_t queued_bytes;
    uint64_t total_bytes; /* that were ever queued */
    struct job flush_job;
    bool is_flush_deferred;

    /* the end */
    bool is_closing; /* asked for: no more reading into frames */
    bool is_shut;    /* ... and everything was sent: waiting for the peer's end */
    bool is_ended;
    bool is_closed_posted;
    int err;
    struct loop_timer timer; /* stalled peer; while closing: its time limit */
    struct job closed_job;
};

/* End now: closes the socket, drops what is queued, posts closed. Harmless twice. */
void stream_end(struct stream *s, int err);
/* An operation has completed with -ECANCELED after the end. */
void stream_op_gone(struct stream *s);

/* Begin or go on receiving. */
void stream_read(struct stream *s);
void stream_recv_init(struct stream *s);
void stream_recv_fini(struct stream *s);

void stream_send_init(struct stream *s);
void stream_send_fini(struct stream *s);
/* The turn is over: what it has queued goes out. */
void stream_send_queued(struct stream *s);
/* Send what is queued, as far as the socket takes it. */
void stream_flush(struct stream *s);
/* While closing, once the queue is empty. */
void stream_shut(struct stream *s);
