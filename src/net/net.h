/* SPDX-License-Identifier: Apache-2.0 */
/* Event loops, TCP streams, listeners and the worker pool.
 *
 * A loop is one thread's; a stream or a timer belongs to one loop for its life and is touched on
 * that loop's thread only, unless a comment says "any thread". Results: 0 or a negative errno. */
#pragma once

#include "base/iobuf.h"
#include "base/job.h"
#include "os/sync.h"

/* ---- loop ---- */

struct loop;

NODISCARD int loop_new(struct loop **out);
/* Run on the calling thread until loop_stop was called and no posted job is left. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l); /* any thread */
/* In place of loop_run, for who has a loop of another kind: do what there is to do, without
 * waiting. How many ms may pass until the next turn unless the descriptor becomes readable before;
 * -1: any number. After loop_stop, loop_run does what is left. */
int loop_turn(struct loop *l);
int64_t loop_descriptor(const struct loop *l);
/* After loop_run has returned (or was never called). NULL allowed. */
void loop_free(struct loop *l);
CLEANUP_DEFINE(loop_free, struct loop *)

/* Any thread. Run job->fn on the loop's thread, in order of posting, never from within this call.
 */
void loop_post(struct loop *l, struct job *job);
/* Loop thread. Run job->fn once before the loop waits again, or has run LOOP_DEFER_JOBS posted
 * jobs: for work that gains from being gathered, such as sending. */
#define LOOP_DEFER_JOBS 16u
void loop_defer(struct loop *l, struct job *job);

/* A one-shot timer, embedded in its owner. Loop thread only. */
struct loop_timer {
    void (*fn)(struct loop_timer *t);
    uint64_t due_ms;
    bool is_set;
    /* the loop's, while set: a pairing heap */
    struct loop_timer *child;
    struct loop_timer *next;
    struct loop_timer *prev; /* left sibling, or the parent for a first child */
};
void loop_timer_init(struct loop_timer *t, void (*fn)(struct loop_timer *t));
/* Run t->fn once, not before ms have passed. A set timer is moved. */
void loop_timer_set(struct loop *l, struct loop_timer *t, uint32_t ms);
void loop_timer_cancel(struct loop *l, struct loop_timer *t);

/* ---- descriptors that are not the net's own ---- */

#define LOOP_READABLE 0x1u
#define LOOP_WRITABLE 0x2u
#define LOOP_ERROR 0x4u /* an error or the other side's end; told whatever is wanted */

/* What the backend knows of a descriptor begins so. */
struct net_source {
    void (*ready)(struct net_source *s, uint32_t events); /* events: the backend's own */
};
/* Embedded in its owner. */
struct loop_watch {
    struct net_source source;                         /* the backend's */
    void (*fn)(struct loop_watch *w, uint32_t ready); /* loop thread, as long as it is so */
    struct net_backend *backend;
    int64_t fd;
    uint32_t wanted;
};
void loop_watch_init(struct loop *l, struct loop_watch *w, int64_t fd,
                     void (*fn)(struct loop_watch *w, uint32_t ready));
/* Any thread, one at a time for a watch. wanted: LOOP_READABLE | LOOP_WRITABLE, 0: nothing. After
 * that fn may still run once, until a job that is posted afterwards has run: so long w must live
 * on, but not the descriptor. A negative errno: -EPERM: always ready (a file), ... */
NODISCARD int loop_watch_want(struct loop_watch *w, uint32_t wanted);

/* ---- addresses ---- */

#define NET_ADDR_TEXT_SIZE 64 /* an IPv6 address with its zone, terminated */

struct net_addr {
    char text[NET_ADDR_TEXT_SIZE]; /* numeric, without brackets */
    uint16_t port;
};

/* "1.2.3.4", "1.2.3.4:445", "::1", "[::1]", "[::1]:445", "*", "*:445", "localhost", ":445". Without
 * a port it is default_port. "*" and "" give text "*": every address of both families. false: none
 * of these. */
NODISCARD bool net_addr_parse(const char *s, uint16_t default_port, struct net_addr *out);
/* "1.2.3.4:445" or "[::1]:445". */
void net_addr_format(const struct net_addr *a, char *buf, size_t size);
/* Could a listener have this address now? 0 or -errno as listener_new. Nothing listens meanwhile.
 */
NODISCARD int net_addr_try(const struct net_addr *a);

/* ---- connection limits (any thread) ---- */

/* A connection begins as a guest, of whom there are few: when there is no room, the guest that has
 * been there longest, from where most of them come, makes room for the newcomer. So nobody who
 * cannot log in keeps others out, from however many connections. Once it is a resident (somebody
 * logged in) it is not sent away. Addresses are counted by place (base/addr.h). */

struct net_limits;
struct net_slot; /* one connection's */

struct net_limits_spec {
    unsigned total_max;     /* connections, guests and residents */
    unsigned per_place_max; /* of one place */
    unsigned guests_max;
    /* Sent away and not gone yet, beside total_max: newcomers wait while there are so many. 0, or
     * more than it: NET_LIMITS_LEAVING_MAX. */
    unsigned leaving_max;
};
#define NET_LIMITS_LEAVING_MAX 1024u

NODISCARD struct net_limits *net_limits_new(const struct net_limits_spec *spec);
void net_limits_free(struct net_limits *l); /* NULL allowed; every slot has left */
/* Count a connection of this address in. *slot_r: owned, given back by net_slot_leave. -EUSERS: the
 * place has its maximum of residents; -EMFILE: all of it is full; -EBUSY: there will be room once
 * those who were sent away are gone; -ENOMEM. Cost: O(log n), or O(places with guests) when a guest
 * must go. */
NODISCARD int net_limits_enter(struct net_limits *l, const char *address, struct net_slot **slot_r);
unsigned net_limits_count(struct net_limits *l);
/* What to do when the connection must go: called once at most, perhaps within this call, on any
 * thread and under a lock: it may only post a job. */
void net_slot_attach(struct net_slot *s, void (*send_away)(void *owner), void *owner);
/* A guest no more. Harmless when repeated, or when it was sent away already. */
void net_slot_settle(struct net_slot *s);
/* The connection is gone. True: send_away was called before; it is not called from now on. */
bool net_slot_leave(struct net_slot *s);

/* ---- listener ---- */

struct listener;

/* A connection that was let in; the callee owns fd (net_fd_close) and slot (net_slot_leave). */
struct net_accepted {
    int64_t fd;
    struct net_slot *slot;
    struct net_addr peer;
};
void net_fd_close(int64_t fd);

/* How long accepting pauses when the process or the system is out of descriptors. */
#define LISTENER_PAUSE_MS 1000
/* How long before a newcomer is tried again, for whom others are making room. */
#define LISTENER_ROOM_MS 5
#define LISTENER_BACKLOG 256

struct listener_spec {
    struct net_addr addr;      /* one numeric address; port 0: the system picks */
    const int64_t *ready;      /* NULL; or a socket that listens already, in place of addr: taken,
                                  also on failure */
    struct net_limits *limits; /* borrowed; outlives the listener */
    /* Loop thread. */
    void (*accepted)(void *arg, const struct net_accepted *a);
    void *arg;
};
/* Bind at once; accepting begins when the loop runs. -EADDRINUSE, -EACCES, -EADDRNOTAVAIL,
 * -EAFNOSUPPORT, ... */
NODISCARD int listener_new(struct loop *l, const struct listener_spec *spec, struct listener **out);
/* The address with the port that it really has. Any thread. */
const struct net_addr *listener_addr_get(const struct listener *ls);
/* Any thread, once. No callback any more once the loop has run what was posted before; frees
 * itself. */
void listener_close(struct listener *ls);

/* ---- stream ---- */

struct stream;

#define STREAM_HEADER_LEN 4
/* One read takes in this much at most of small frames; shared by the streams of a loop. */
#define STREAM_SCRATCH_BYTES 65536
/* What a read may take in of the next frame when the last one was larger than the scratch buffer:
 * its header and what stands before the payload, so that the payload itself is received where it
 * belongs. Also of a peer that is not known yet, since what cannot be served at once is kept. */
#define STREAM_SCRATCH_SMALL_BYTES 4096
/* A stream's turn, after which others of its loop get theirs: so many reads ... */
#define STREAM_TURN_READS 16
/* ... so many frames ... */
#define STREAM_TURN_FRAMES 64
/* ... or so much time, whichever comes first. */
#define STREAM_TURN_NS 1000000u
/* Queued this much: send now rather than gather more. */
#define STREAM_SEND_NOW_BYTES 65536
/* A peer that takes nothing for so long is gone. */
#define STREAM_STALL_MS 120000
/* How long a graceful end waits for the rest to be sent ... */
#define STREAM_CLOSE_MS 3000
/* ... and then for the peer to close its side, which a client that sleeps does not. */
#define STREAM_LINGER_MS 500

/* What the owner of a stream gives. All on the loop thread, none from within stream_send. */
struct stream_ops {
    /* Bytes that follow this header; 0: a keep-alive. A negative errno ends the stream. */
    int (*frame_size)(void *owner, const uint8_t header[STREAM_HEADER_LEN], size_t *size_r);
    /* A buffer of size bytes for the frame that comes. -EAGAIN: there is no room for it now:
     * nothing more is read until stream_resume. Another negative errno ends the stream. */
    int (*frame_new)(void *owner, size_t size, struct iobuf **frame_r);
    /* One whole frame without its header; takes the reference. */
    void (*frame)(void *owner, struct iobuf *frame);
    /* Once, last: nothing will be read or sent. err: 0 for an end by either side, else why. The
     * owner calls stream_free then or later. */
    void (*closed)(void *owner, int err);
};

/* Takes over the socket, also on failure. */
NODISCARD int stream_new(struct loop *l, int64_t fd, const struct stream_ops *ops, void *owner,
                         struct stream **out);
/* Only after closed. */
void stream_free(struct stream *s);
/* There is room again for what frame_new refused: it will be asked again, later. */
void stream_resume(struct stream *s);
/* Read up to STREAM_SCRATCH_BYTES at a time from now on; before it is STREAM_SCRATCH_SMALL_BYTES.
 */
void stream_read_ahead(struct stream *s);
/* Queue a message; takes every reference, empties the chain. After an end it is dropped. It goes
 * out when this stream's turn is over, or at once when much is queued; what is queued elsewhere
 * than in a turn, before the loop waits or has run more than a few jobs. */
void stream_send(struct stream *s, struct iochain *message);
/* Read no more, send what is queued, then end. */
void stream_close(struct stream *s);
/* End now with this error; closed follows, later. */
void stream_abort(struct stream *s, int err);
size_t stream_queued_bytes(const struct stream *s);
/* Of the bytes that were ever queued, those that the peer's TCP has acknowledged: all, where the
 * system does not tell. A system call. */
void stream_progress(const struct stream *s, uint64_t *queued_r, uint64_t *acked_r);

/* ---- workers (any thread) ---- */

struct workers;

#define WORKERS_IDLE_MS 10000 /* an idle worker thread ends after this */

/* A pool of threads that grows when work waits, up to what the quotas of the kinds add up to: so
 * each kind can always have its own. */
NODISCARD struct workers *workers_new(const struct work_quota quota[WORK_KIND_COUNT],
                                      uint32_t idle_ms);
/* Runs what is queued, then ends every thread. NULL allowed. */
void workers_free(struct workers *w);
/* Volumes of a kind, and sessions of a volume, take turns. */
void workers_post(struct workers *w, const struct work_key *key, struct job *job);
/* The same, but no job runs in this thread, which may hold locks. False: there is no thread at all,
 * and it is not queued. */
NODISCARD bool workers_try_post(struct workers *w, const struct work_key *key, struct job *job);
unsigned workers_thread_count(struct workers *w);
