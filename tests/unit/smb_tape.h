/* SPDX-License-Identifier: Apache-2.0 */
/* Record a conversation of one or two clients with smb_fake.h and play it again, byte for byte, to
 * a new server: with jobs in another order, cut off after any step, with an allocation that fails.
 * The fake's clock and random numbers are always the same, so a recorded log-in still fits. */
#pragma once

#include <limits.h>

#include "smb_fake_client.h"
#include "smb_slow.h"

#define TAPE_MAX 256
#define TAPE_CONNS 2

struct tape_entry {
    enum fake_event what;
    unsigned conn;
    uint8_t *p;
    size_t n; /* of bytes, or milliseconds */
};

struct tape {
    struct tape_entry entries[TAPE_MAX];
    unsigned count;
    struct fake *conns[TAPE_CONNS];
};

static void tape_event(struct fake *f, enum fake_event what, const void *p, size_t n)
{
    struct tape *t = f->event_arg;
    ASSERT(t->count < TAPE_MAX);
    struct tape_entry *e = &t->entries[t->count++];
    *e = (struct tape_entry){.what = what, .conn = f == t->conns[0] ? 0 : 1, .n = n};
    if (p) {
        e->p = mem_dup(p, n);
        ASSERT(e->p);
    }
}

static UNUSED void tape_record(struct tape *t, unsigned conn, struct fake *f)
{
    t->conns[conn] = f;
    f->on_event = tape_event;
    f->event_arg = t;
}

static UNUSED void tape_free(struct tape *t)
{
    for (unsigned i = 0; i < t->count; i++) {
        mem_free(t->entries[i].p);
    }
    t->count = 0;
}

/* ---- playing ---- */

enum tape_order { TAPE_LOOP_FIRST, TAPE_WORK_FIRST, TAPE_RANDOM, TAPE_ORDERS };
enum tape_end { TAPE_CUT, TAPE_SHUTDOWN, TAPE_ENDS };

struct play {
    const struct tape *tape;
    enum tape_order order;
    enum tape_end end;
    unsigned jobs_between; /* that may run between two frames; UINT_MAX: all that can */
    unsigned steps_max;    /* frames and jobs before the end comes */
    uint64_t fail_nth;     /* allocation; 0: none */
    uint32_t filter_flags; /* of smb_slow.h */
    bool has_filter;
    bool encrypts;
    /* inside */
    struct fake f[TAPE_CONNS];
    bool is_gone[TAPE_CONNS]; /* smb_conn_closed was called */
    unsigned steps;
    uint64_t seed;
};

static void play_send(void *io, struct iochain *m)
{
    (void)io;
    iochain_fini(m);
}

/* As the real one: a timer takes memory, and without it the connection ends. */
static void play_timer_set(void *io, struct smb_timer *t, uint32_t ms)
{
    void *p = t->transport ? NULL : mem_alloc(1);
    if (!p && !t->transport) {
        ((struct fake *)io)->closed = true;
        return;
    }
    mem_free(p);
    fake_timer_set(io, t, ms);
}

static const struct smb_conn_io play_io = {
    .send = play_send,
    .resume = fake_resume,
    .logged_on = fake_logged_on,
    .close = fake_close,
    .post = fake_post,
    .work = fake_work,
    .timer_set = play_timer_set,
    .timer_cancel = fake_timer_cancel,
    .released = fake_released,
};

/* What a socket does when the server has asked for the end. */
static void play_hang_up(struct play *p, bool all)
{
    for (unsigned i = 0; i < TAPE_CONNS; i++) {
        struct fake *f = &p->f[i];
        if (f->conn && !p->is_gone[i] && (f->closed || all)) {
            p->is_gone[i] = true;
            smb_conn_closed(f->conn);
        }
    }
}

static bool play_queue(struct play *p, unsigned which)
{
    struct list *queues[] = {&p->f[0].loop_jobs, &p->f[1].loop_jobs, &p->f[0].work_jobs,
                             &p->f[1].work_jobs};
    static const unsigned orders[][4] = {{0, 1, 2, 3}, {2, 3, 0, 1}};
    unsigned q = which;
    if (p->order == TAPE_RANDOM) {
        q = (unsigned)(test_random(&p->seed) % 4);
        while (list_is_empty(queues[q]) && which < 8) {
            q = (q + 1) % 4;
            which++;
        }
    } else {
        q = orders[p->order][which];
    }
    if (q >= 2 && !list_is_empty(queues[q])) {
        /* A worker may wait for a transfer, and nobody else is here to answer it. */
        while (slow_complete()) {
        }
    }
    return fake_run_one(queues[q]);
}

/* One job; false: none is left. */
static bool play_job(struct play *p)
{
    play_hang_up(p, false);
    for (unsigned i = 0; i < 4; i++) {
        if (play_queue(p, i)) {
            p->steps++;
            return true;
        }
    }
    return slow_complete();
}

static bool play_is_over(const struct play *p)
{
    return p->steps >= p->steps_max;
}

static void play_jobs(struct play *p)
{
    for (unsigned n = 0; n < p->jobs_between && !play_is_over(p) && play_job(p);) {
        n += p->jobs_between != UINT_MAX;
    }
}

static void play_pass(struct play *p, uint64_t ms)
{
    for (unsigned c = 0; c < TAPE_CONNS; c++) {
        struct fake *f = &p->f[c];
        f->now_ms += ms;
        for (unsigned i = 0; i < FAKE_TIMERS; i++) {
            struct smb_timer *t = f->timers[i];
            if (t && f->due_ms[i] <= f->now_ms) {
                f->timers[i] = NULL;
                t->transport = NULL;
                t->fn(t);
            }
        }
    }
}

static void play_connect(struct play *p, unsigned conn)
{
    struct fake *f = &p->f[conn];
    f->conn = smb_conn_new(p->f[0].server, &play_io, f, conn ? "192.0.2.2" : "192.0.2.1", conn + 1);
}

static void play_entry(struct play *p, const struct tape_entry *e, struct iobuf *frame)
{
    struct fake *f = &p->f[e->conn];
    p->steps++;
    if (e->what == FAKE_EVENT_CONNECT) {
        play_connect(p, e->conn);
    } else if (e->what == FAKE_EVENT_PASS) {
        play_pass(p, e->n);
    } else if (f->conn && !f->closed && !p->is_gone[e->conn]) {
        uint8_t header[4] = {0, (uint8_t)(e->n >> 16), (uint8_t)(e->n >> 8), (uint8_t)e->n};
        size_t size = 0;
        if (smb_conn_frame_size(f->conn, header, &size) != 0) {
            f->closed = true;
        } else {
            smb_conn_frame(f->conn, iobuf_ref(frame));
        }
    }
}

static void play_drain(struct play *p)
{
    p->steps_max = UINT_MAX;
    for (unsigned jobs = 0; play_job(p); jobs++) {
        REQUIRE(jobs < 100000); /* it goes in circles */
    }
}

static void play_end(struct play *p)
{
    if (p->end == TAPE_SHUTDOWN) {
        for (unsigned i = 0; i < TAPE_CONNS; i++) {
            if (p->f[i].conn && !p->is_gone[i]) {
                smb_conn_shutdown(p->f[i].conn);
            }
        }
        play_drain(p);
        play_pass(p, 61000); /* the time that an oplock break may take is the longest wait */
        play_drain(p);
        for (unsigned i = 0; i < TAPE_CONNS; i++) {
            CHECK(!p->f[i].conn || p->f[i].closed);
        }
    }
    play_hang_up(p, true);
    play_drain(p);
}

/* The server is to be left with nothing, whatever happened. */
static void play_check(struct play *p)
{
    for (unsigned i = 0; i < TAPE_CONNS; i++) {
        REQUIRE(!p->f[i].conn || p->f[i].released);
        for (unsigned t = 0; t < FAKE_TIMERS; t++) {
            CHECK(!p->f[i].timers[t]);
        }
    }
    CHECK_INT(slow_now.count, 0);
    fake_stop(&p->f[0]);
}

static void play_start(struct play *p, struct smbkit_plugin *filter)
{
    fake_init(&p->f[1]);
    fake_init(&p->f[0]);
    p->seed = 11 + p->steps_max;
    if (p->has_filter) {
        *filter = slow_filter(p->filter_flags);
        p->f[0].filter = filter;
    }
    struct smb_config config = fake_config(&p->f[0]);
    if (p->encrypts) {
        config.encryption = SMB_ENCRYPT_DESIRED;
    }
    fake_start(&p->f[0], &config);
}

/* Play to the end of the tape or of steps_max, end, check. Returns the steps; *failed_r: the
 * planned allocation failure came. */
static UNUSED unsigned play_tape(struct play *p, bool *failed_r)
{
    struct smbkit_plugin filter;
    struct iobuf *frames[TAPE_MAX] = {0};
    play_start(p, &filter);
    for (unsigned i = 0; i < p->tape->count; i++) {
        const struct tape_entry *e = &p->tape->entries[i];
        if (e->p) {
            frames[i] = iobuf_new(e->n);
            memcpy(frames[i]->base, e->p, e->n);
        }
    }
    mem_fail_nth(p->fail_nth);
    for (unsigned i = 0; i < p->tape->count && !play_is_over(p); i++) {
        play_entry(p, &p->tape->entries[i], frames[i]);
        play_jobs(p);
    }
    unsigned steps = p->steps;
    play_end(p);
    bool failed = mem_fail_happened();
    mem_fail_nth(0);
    if (failed_r) {
        *failed_r = failed;
    }
    play_check(p);
    for (unsigned i = 0; i < p->tape->count; i++) {
        iobuf_unref(frames[i]);
    }
    return steps;
}
