/* SPDX-License-Identifier: Apache-2.0 */
#include "server/log_queue.h"

#include "base/cur.h"
#include "base/mem.h"
#include "base/wr.h"
#include "os/os.h"
#include "os/sync.h"

#define HEAD_BYTES 8 /* severity and length before each line */

struct log_queue {
    struct log_queue_ops ops; /* immutable after init */
    void *arg;                /* immutable after init */
    struct os_thread *thread; /* immutable after init */
    struct mutex lock;        /* innermost: nothing is locked, logged or written under it */
    /* guarded by lock */
    struct cond changed;
    struct wr lines; /* severity, length, bytes, and so on */
    uint64_t dropped;
    bool is_closing;
    bool is_done; /* the thread touches nothing of it any more but what join waits for */
};

static void write_lines(struct log_queue *q, const uint8_t *p, size_t len)
{
    struct cur c = cur_init(p, len);
    while (cur_left(&c) > 0) {
        uint32_t severity = cur_u32(&c);
        uint32_t n = cur_u32(&c);
        const uint8_t *line = cur_bytes(&c, n);
        ASSERT(line); /* as log_queue_put wrote it */
        q->ops.write(q->arg, (int)severity, line, n);
    }
}

/* Write what there is; with the lock, which is let go meanwhile. */
static void write_some(struct log_queue *q)
{
    size_t len = 0;
    CLEANUP_MEM uint8_t *lines = wr_take(&q->lines, &len);
    uint64_t dropped = q->dropped;
    wr_fini(&q->lines); /* a buffer may be there, but empty */
    q->lines = wr_new(LOG_QUEUE_BYTES);
    q->dropped = 0;
    mutex_unlock(&q->lock);
    if (lines) {
        write_lines(q, lines, len);
    }
    if (dropped) {
        q->ops.dropped(q->arg, dropped);
    }
    mutex_lock(&q->lock);
}

static void run(void *arg)
{
    struct log_queue *q = arg;
    SCOPED_LOCK(&q->lock);
    for (;;) {
        while (wr_pos(&q->lines) > 0 || q->dropped > 0) {
            write_some(q);
        }
        if (q->is_closing) {
            break;
        }
        cond_wait(&q->changed, &q->lock);
    }
    q->is_done = true;
    cond_broadcast(&q->changed);
}

static void queue_free(struct log_queue *q)
{
    wr_fini(&q->lines);
    cond_fini(&q->changed);
    mutex_fini(&q->lock);
    mem_free(q);
}

struct log_queue *log_queue_new(const struct log_queue_ops *ops, void *arg)
{
    struct log_queue *q = mem_zalloc(sizeof(*q));
    if (!q) {
        return NULL;
    }
    q->ops = *ops;
    q->arg = arg;
    q->lines = wr_new(LOG_QUEUE_BYTES);
    mutex_init(&q->lock);
    cond_init(&q->changed);
    if (os_thread_start(&q->thread, "log", run, q) != 0) {
        queue_free(q);
        return NULL;
    }
    return q;
}

void log_queue_put(struct log_queue *q, int severity, const void *line, size_t len)
{
    SCOPED_LOCK(&q->lock);
    size_t before = wr_pos(&q->lines);
    /* Once a line is dropped so is what follows, until that is told: lines stay in order. */
    if (q->dropped == 0) {
        wr_u32(&q->lines, (uint32_t)severity);
        wr_u32(&q->lines, (uint32_t)len);
        wr_bytes(&q->lines, line, len);
    }
    if (q->dropped > 0 || !wr_ok(&q->lines)) {
        q->lines.failed = false; /* what was there before is good */
        wr_cut(&q->lines, before);
        q->dropped++;
    }
    cond_signal(&q->changed);
}

bool log_queue_close(struct log_queue *q)
{
    mutex_lock(&q->lock);
    q->is_closing = true;
    cond_signal(&q->changed);
    uint64_t until = os_monotonic_ms() + LOG_QUEUE_CLOSE_MS;
    for (uint64_t now = until - LOG_QUEUE_CLOSE_MS; !q->is_done && now < until;
         now = os_monotonic_ms()) {
        (void)cond_wait_ms(&q->changed, &q->lock, (uint32_t)(until - now));
    }
    bool is_done = q->is_done;
    mutex_unlock(&q->lock);
    if (is_done) {
        os_thread_join(q->thread);
        queue_free(q);
    }
    return is_done;
}
