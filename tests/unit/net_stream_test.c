/* SPDX-License-Identifier: Apache-2.0 */
/* Streams over socket pairs: the test writes and reads the other end by hand. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/budget.h"
#include "base/mem.h"
#include "net/net.h"
#include "os/os.h"

#define FRAMES_MAX 20000
#define ALIGN_FROM_BYTES 32768

struct rig {
    struct loop *loop;
    struct stream *stream;
    struct os_thread *thread;
    int peer;
    struct mutex lock;
    struct cond moved;
    /* guarded by lock */
    size_t lens[FRAMES_MAX];
    unsigned frames;
    uint64_t sum; /* of all bytes of frames */
    bool is_closed;
    int err;
    bool is_misaligned;
    /* behaviour */
    bool echo;
    unsigned reply_bytes; /* each frame is answered with so many bytes */
    size_t max;           /* a larger frame is refused */
    bool close_on_frame;
    unsigned frame_delay_us; /* each takes so long */
    struct rig *watched; /* another stream of the loop; and its frames when this one had its own */
    unsigned watched_frames;
    /* what frames and replies together may take; a charge is given back when a reply is sent */
    struct budget budget;
    struct budget_wait room;
    struct job room_job;
};

#define RIG_BYTES (4u << 20)

static int on_size(void *owner, const uint8_t h[4], size_t *size_r)
{
    struct rig *r = owner;
    *size_r = ((size_t)h[1] << 16) | ((size_t)h[2] << 8) | h[3];
    return h[0] != 0 ? -EPROTO : *size_r > r->max ? -EMSGSIZE : 0;
}

static void room_made(struct budget_wait *w)
{
    struct rig *r = CONTAINER_OF(w, struct rig, room);
    loop_post(r->loop, &r->room_job);
}

static void room_run(struct job *job)
{
    struct rig *r = CONTAINER_OF(job, struct rig, room_job);
    if (r->stream) {
        stream_resume(r->stream);
    }
}

static int on_frame_new(void *owner, size_t size, struct iobuf **frame_r)
{
    struct rig *r = owner;
    size_t cost = size + r->reply_bytes;
    if (!budget_take(&r->budget, cost, &r->room)) {
        return -EAGAIN;
    }
    *frame_r = size < ALIGN_FROM_BYTES ? iobuf_new(size) : iobuf_new_aligned_at(size, 112);
    if (!*frame_r) {
        budget_give(&r->budget, cost);
        return -ENOMEM;
    }
    iobuf_charge(*frame_r, &r->budget, cost);
    return 0;
}

static void answer(struct rig *r, struct iobuf *frame)
{
    struct iochain c = {.count = 0};
    struct iobuf *b = iobuf_new(r->reply_bytes ? r->reply_bytes : frame->len + 4);
    REQUIRE(b);
    budget_force(&r->budget, b->len);
    iobuf_charge(b, &r->budget, b->len);
    if (r->reply_bytes) {
        memset(b->base, 0x5a, b->len);
    } else {
        uint8_t head[4] = {0, (uint8_t)(frame->len >> 16), (uint8_t)(frame->len >> 8),
                           (uint8_t)frame->len};
        memcpy(b->base, head, 4);
        memcpy(b->base + 4, frame->base, frame->len);
    }
    /* two segments, so that gathering is at work */
    CHECK(iochain_push(&c, iobuf_ref(b), b->base, 3));
    CHECK(iochain_push(&c, b, b->base + 3, b->len - 3));
    stream_send(r->stream, &c);
    CHECK_INT(c.count, 0);
}

static void on_frame(void *owner, struct iobuf *frame)
{
    struct rig *r = owner;
    {
        SCOPED_LOCK(&r->lock); /* before the answer, which the test waits for */
        r->lens[r->frames % FRAMES_MAX] = frame->len;
    }
    if (r->echo || r->reply_bytes) {
        answer(r, frame);
    }
    if (r->close_on_frame) {
        stream_close(r->stream);
    }
    SCOPED_LOCK(&r->lock);
    r->frames++;
    for (size_t i = 0; i < frame->len; i++) {
        r->sum += frame->base[i];
    }
    if (frame->len >= ALIGN_FROM_BYTES && ((uintptr_t)frame->base + 112) % 4096 != 0) {
        r->is_misaligned = true;
    }
    cond_broadcast(&r->moved);
    iobuf_unref(frame);
}

static void on_closed(void *owner, int err)
{
    struct rig *r = owner;
    budget_wait_cancel(&r->room);
    stream_free(r->stream);
    r->stream = NULL;
    SCOPED_LOCK(&r->lock);
    r->is_closed = true;
    r->err = err;
    cond_broadcast(&r->moved);
}

static const struct stream_ops ops = {
    .frame_size = on_size, .frame_new = on_frame_new, .frame = on_frame, .closed = on_closed};

static void run_loop(void *arg)
{
    loop_run(((struct rig *)arg)->loop);
}

/* loop: NULL: one of its own. */
static bool rig_init_on(struct rig *r, struct loop *loop, const struct stream_ops *stream_ops)
{
    int fds[2];
    memset(r, 0, sizeof(*r));
    r->max = 16 << 20;
    budget_init(&r->budget, NULL, 16u << 20, 0);
    budget_wait_init(&r->room, room_made);
    r->room_job.fn = room_run;
    list_init(&r->room_job.link);
    mutex_init(&r->lock);
    cond_init(&r->moved);
    r->loop = loop;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0 ||
        (!loop && loop_new(&r->loop) != 0)) {
        return false;
    }
    r->peer = fds[0];
    return stream_new(r->loop, fds[1], stream_ops, r, &r->stream) == 0;
}

static bool rig_init(struct rig *r)
{
    return rig_init_on(r, NULL, &ops);
}

static void rig_run(struct rig *r)
{
    CHECK_INT(os_thread_start(&r->thread, "loop", run_loop, r), 0);
}

static void wait_closed(struct rig *r)
{
    SCOPED_LOCK(&r->lock);
    while (!r->is_closed) {
        cond_wait(&r->moved, &r->lock);
    }
}

static void wait_frames(struct rig *r, unsigned n)
{
    SCOPED_LOCK(&r->lock);
    while (r->frames < n && !r->is_closed) {
        cond_wait(&r->moved, &r->lock);
    }
    CHECK_INT(r->frames, n);
}

/* Ends the other side if the test has not, waits for the end. */
static void rig_fini(struct rig *r)
{
    if (r->peer >= 0) {
        close(r->peer);
    }
    wait_closed(r);
    loop_stop(r->loop);
    os_thread_join(r->thread);
    loop_free(r->loop);
    budget_fini(&r->budget); /* all was given back */
}

static void put(int fd, const void *p, size_t n)
{
    const char *c = p;
    while (n > 0) {
        ssize_t w = send(fd, c, n, MSG_NOSIGNAL);
        if (w <= 0) {
            CHECK(w > 0);
            return;
        }
        c += w;
        n -= (size_t)w;
    }
}

static size_t get(int fd, void *p, size_t n)
{
    size_t got = 0;
    while (got < n) {
        ssize_t r = read(fd, (char *)p + got, n - got);
        if (r <= 0) {
            break;
        }
        got += (size_t)r;
    }
    return got;
}

/* A frame of n bytes, each the low byte of its index plus seed; owned. */
static uint8_t *make_frame(size_t n, unsigned seed)
{
    uint8_t *p = malloc(n + 4);
    p[0] = 0;
    p[1] = (uint8_t)(n >> 16);
    p[2] = (uint8_t)(n >> 8);
    p[3] = (uint8_t)n;
    for (size_t i = 0; i < n; i++) {
        p[4 + i] = (uint8_t)(i + seed);
    }
    return p;
}

static void echo_one(struct rig *r, size_t n, unsigned seed)
{
    uint8_t *f = make_frame(n, seed);
    uint8_t *back = malloc(n + 4);
    put(r->peer, f, n + 4);
    CHECK_INT(get(r->peer, back, n + 4), n + 4);
    CHECK_MEM(back, n + 4, f, n + 4);
    free(back);
    free(f);
}

static void test_echo_sizes(void)
{
    static const size_t sizes[] = {1,     2,      64,     65531,  65532,   65533, 65536,   32767,
                                   32768, 100000, 131072, 131073, 1048576, 5,     8388608, 7};
    struct rig r;
    REQUIRE(rig_init(&r));
    r.echo = true;
    rig_run(&r);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        test_context("%zu bytes", sizes[i]);
        /* The other side must read while it writes: frames larger than the sockets' buffers. */
        if (sizes[i] <= 131073) {
            echo_one(&r, sizes[i], (unsigned)i);
        } else {
            uint8_t *f = make_frame(sizes[i], (unsigned)i);
            r.echo = false;
            put(r.peer, f, sizes[i] + 4);
            wait_frames(&r, (unsigned)i + 1);
            r.echo = true;
            free(f);
        }
        CHECK_INT(r.lens[i], sizes[i]);
    }
    CHECK(!r.is_misaligned);
    rig_fini(&r);
}

static void test_many_small_frames_in_one_write(void)
{
    enum { N = 10000, LEN = 20 };
    struct rig r;
    REQUIRE(rig_init(&r));
    uint8_t *all = malloc((size_t)N * (LEN + 4));
    uint64_t sum = 0;
    for (int i = 0; i < N; i++) {
        uint8_t *f = make_frame(LEN, (unsigned)i);
        memcpy(all + (size_t)i * (LEN + 4), f, LEN + 4);
        for (int k = 0; k < LEN; k++) {
            sum += f[4 + k];
        }
        free(f);
    }
    rig_run(&r);
    put(r.peer, all, (size_t)N * (LEN + 4));
    wait_frames(&r, N);
    CHECK_INT(r.sum, sum);
    free(all);
    rig_fini(&r);
}

static void test_bytes_one_at_a_time(void)
{
    struct rig r;
    REQUIRE(rig_init(&r));
    rig_run(&r);
    uint8_t *f = make_frame(300, 3);
    for (int i = 0; i < 304; i++) {
        put(r.peer, f + i, 1);
    }
    wait_frames(&r, 1);
    CHECK_INT(r.lens[0], 300);
    free(f);
    rig_fini(&r);
}

static void test_keep_alives_are_skipped(void)
{
    static const uint8_t bytes[] = {0, 0, 0, 0, 0, 0, 0, 2, 'a', 'b', 0, 0, 0, 0, 0, 0, 0, 1, 'c'};
    struct rig r;
    REQUIRE(rig_init(&r));
    rig_run(&r);
    put(r.peer, bytes, sizeof(bytes));
    wait_frames(&r, 2);
    CHECK_INT(r.lens[0], 2);
    CHECK_INT(r.lens[1], 1);
    rig_fini(&r);
    CHECK_INT(r.err, 0);
}

static void test_bad_headers_end_it(void)
{
    static const struct {
        const char *name;
        uint8_t bytes[4];
        int err;
    } rows[] = {{"not a frame", {'G', 'E', 'T', ' '}, -EPROTO},
                {"too large", {0, 0, 1, 1}, -EMSGSIZE}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rig r;
        test_context("%s", rows[i].name);
        REQUIRE(rig_init(&r));
        r.max = 256;
        rig_run(&r);
        put(r.peer, rows[i].bytes, 4);
        wait_closed(&r);
        CHECK_INT(r.err, rows[i].err);
        rig_fini(&r);
    }
}

static void test_end_in_the_middle_of_a_frame(void)
{
    struct rig r;
    REQUIRE(rig_init(&r));
    rig_run(&r);
    uint8_t *f = make_frame(100000, 0);
    put(r.peer, f, 80000);
    free(f);
    rig_fini(&r); /* closes: the sanitizer tells a frame that leaks */
    CHECK_INT(r.frames, 0);
    CHECK_INT(r.err, 0);
}

/* A peer that asks and never reads: its requests are not read any more, at the bound exactly. */
static void test_reading_stops_without_room(void)
{
    struct rig r;
    REQUIRE(rig_init(&r));
    r.reply_bytes = 1 << 20;
    budget_limit_set(&r.budget, RIG_BYTES + 1000);
    rig_run(&r);
    uint8_t *f = make_frame(1000, 0);
    /* Until nobody reads any more: the socket's buffer is full and stays so. */
    size_t bytes = 0;
    while (bytes < 5000 * 1004) {
        size_t at = bytes % 1004;
        ssize_t n = send(r.peer, f + at, 1004 - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        bytes += n > 0 ? (size_t)n : 0;
        if (n < 0 && poll(&(struct pollfd){.fd = r.peer, .events = POLLOUT}, 1, 300) == 0) {
            break;
        }
    }
    {
        SCOPED_LOCK(&r.lock);
        while (r.frames < 4) {
            cond_wait(&r.moved, &r.lock);
        }
        /* Four replies fill it, and what the socket's buffer takes makes room for little more. */
        CHECK(r.frames <= 6);
        CHECK(bytes / 1004 > r.frames);
    }
    CHECK(budget_used(&r.budget) <= RIG_BYTES + 1000);
    /* It goes on when the peer reads: every whole request is answered. */
    static uint8_t sink[1 << 20];
    for (unsigned i = 0; i < bytes / 1004; i++) {
        CHECK_INT(get(r.peer, sink, sizeof(sink)), sizeof(sink));
    }
    free(f);
    rig_fini(&r);
}

static void on_frame_slow(void *owner, struct iobuf *frame)
{
    struct rig *r = owner;
    uint64_t until = os_monotonic_ns() + r->frame_delay_us * 1000ull;
    while (os_monotonic_ns() < until) {
    }
    r->watched_frames = r->watched ? r->watched->frames : 0; /* the same loop's */
    iobuf_unref(frame);
    SCOPED_LOCK(&r->lock);
    r->frames++;
    cond_broadcast(&r->moved);
}

static const struct stream_ops slow_ops = {
    .frame_size = on_size, .frame_new = on_frame_new, .frame = on_frame_slow, .closed = on_closed};

/* One peer has sent many requests at once; another of the same loop has one, and does not wait for
 * all of them. */
static void test_turns(void)
{
    static const struct {
        unsigned delay_us, before_max;
    } rows[] = {{0, STREAM_TURN_FRAMES}, {500, 20}};
    for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
        enum { N = 300 };
        struct rig a;
        struct rig b;
        test_context("%u us each", rows[row].delay_us);
        REQUIRE(rig_init_on(&a, NULL, &slow_ops));
        REQUIRE(rig_init_on(&b, a.loop, &slow_ops));
        a.frame_delay_us = rows[row].delay_us;
        b.watched = &a;
        static uint8_t all[N * 64];
        uint8_t *f = make_frame(60, 0);
        for (size_t i = 0; i < N; i++) {
            memcpy(all + i * 64, f, 64);
        }
        put(a.peer, all, sizeof(all));
        put(b.peer, f, 64);
        rig_run(&a);
        wait_frames(&b, 1);
        CHECK(b.watched_frames <= rows[row].before_max);
        wait_frames(&a, N);
        close(b.peer);
        wait_closed(&b);
        budget_fini(&b.budget);
        free(f);
        rig_fini(&a);
    }
}

static void test_close_sends_what_is_queued(void)
{
    struct rig r;
    REQUIRE(rig_init(&r));
    r.reply_bytes = 3 << 20; /* more than the socket's buffer takes */
    r.close_on_frame = true;
    rig_run(&r);
    uint8_t *f = make_frame(10, 0);
    put(r.peer, f, 14);
    put(r.peer, f, 14); /* not looked at any more */
    uint8_t *sink = malloc(4 << 20);
    CHECK_INT(get(r.peer, sink, 4 << 20), 3 << 20); /* then the end */
    free(sink);
    free(f);
    rig_fini(&r);
    CHECK_INT(r.frames, 1);
    CHECK_INT(r.err, 0);
}

static void test_close_has_a_time_limit(void)
{
    struct rig r;
    REQUIRE(rig_init(&r));
    r.reply_bytes = 8 << 20;
    r.close_on_frame = true;
    rig_run(&r);
    uint8_t *f = make_frame(10, 0);
    uint64_t start = os_monotonic_ms();
    put(r.peer, f, 14);
    wait_closed(&r); /* nobody reads */
    CHECK(os_monotonic_ms() - start >= STREAM_CLOSE_MS);
    CHECK(os_monotonic_ms() - start < STREAM_CLOSE_MS + 2000);
    free(f);
    rig_fini(&r);
}

static void test_close_of_a_sleeping_peer(void)
{
    struct rig r;
    REQUIRE(rig_init(&r));
    r.close_on_frame = true;
    rig_run(&r);
    uint8_t *f = make_frame(10, 0);
    uint64_t start = os_monotonic_ms();
    put(r.peer, f, 14);
    wait_closed(&r); /* it has all there is, and does not close */
    CHECK(os_monotonic_ms() - start >= STREAM_LINGER_MS);
    CHECK(os_monotonic_ms() - start < STREAM_LINGER_MS + 1000);
    CHECK_INT(r.err, 0);
    free(f);
    rig_fini(&r);
}

static void abort_now(struct job *job);
struct abort_job {
    struct job job;
    struct rig *rig;
};
static void abort_now(struct job *job)
{
    struct rig *r = CONTAINER_OF(job, struct abort_job, job)->rig;
    stream_abort(r->stream, -ECONNABORTED);
    stream_abort(r->stream, -EIO); /* harmless twice */
    struct iobuf *b = iobuf_new(10);
    struct iochain c = {.count = 0};
    CHECK(b && iochain_push(&c, b, b->base, 10));
    stream_send(r->stream, &c); /* dropped */
}

static void test_abort_with_a_full_queue(void)
{
    struct rig r;
    REQUIRE(rig_init(&r));
    r.reply_bytes = 8 << 20;
    rig_run(&r);
    uint8_t *f = make_frame(10, 0);
    put(r.peer, f, 14);
    wait_frames(&r, 1);
    struct abort_job a = {.job = {.fn = abort_now}, .rig = &r};
    loop_post(r.loop, &a.job);
    wait_closed(&r);
    CHECK_INT(r.err, -ECONNABORTED);
    free(f);
    rig_fini(&r);
}

/* Every allocation may fail: no leak, no crash, an end. */
static void test_no_memory(void)
{
    for (uint64_t nth = 1; nth < 40; nth++) {
        struct rig r;
        test_context("allocation %llu", (unsigned long long)nth);
        REQUIRE(rig_init(&r));
        r.echo = false;
        rig_run(&r);
        uint8_t *f = make_frame(50000, 0);
        mem_fail_nth(nth);
        put(r.peer, f, 30000);
        (void)!send(r.peer, f + 30000, 20004, MSG_NOSIGNAL);
        shutdown(r.peer, SHUT_WR);
        wait_closed(&r);
        bool happened = mem_fail_happened();
        mem_fail_nth(0);
        CHECK_INT(r.err, happened ? -ENOMEM : 0);
        CHECK_INT(r.frames, happened ? 0 : 1);
        free(f);
        rig_fini(&r);
        if (!happened) {
            return;
        }
    }
}

static const struct test_case cases[] = {
    {"frames of all sizes come back", test_echo_sizes},
    {"ten thousand small frames in one write", test_many_small_frames_in_one_write},
    {"a frame byte by byte", test_bytes_one_at_a_time},
    {"keep-alives are skipped", test_keep_alives_are_skipped},
    {"bad headers end the stream", test_bad_headers_end_it},
    {"the end in the middle of a frame", test_end_in_the_middle_of_a_frame},
    {"reading stops without room for the reply", test_reading_stops_without_room},
    {"many frames of one stream leave another its turn", test_turns},
    {"closing sends what is queued", test_close_sends_what_is_queued},
    {"closing has a time limit", test_close_has_a_time_limit},
    {"closing does not wait for a peer that sleeps", test_close_of_a_sleeping_peer},
    {"aborting with a full queue", test_abort_with_a_full_queue},
    {"no memory", test_no_memory},
};
TEST_MAIN(cases)
