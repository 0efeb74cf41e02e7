/* SPDX-License-Identifier: Apache-2.0 */
/* Lines on their way to where the log goes: whoever logs puts a line here and goes on; a thread of
 * its own writes, and may be stopped by a terminal, a pipe or a disk that takes nothing. What does
 * not fit meanwhile is dropped, counted, and told when writing goes on. */
#pragma once

#include "base/base.h"

#define LOG_QUEUE_BYTES (1u << 20)
#define LOG_QUEUE_CLOSE_MS 2000 /* how long the end waits for what is left */

struct log_queue;

/* What the writing thread calls. */
struct log_queue_ops {
    /* One line with its end. May block. */
    void (*write)(void *arg, int severity, const void *line, size_t len);
    /* So many lines before the next one were dropped. May block. */
    void (*dropped)(void *arg, uint64_t count);
};

/* NULL: no memory or no thread. */
NODISCARD struct log_queue *log_queue_new(const struct log_queue_ops *ops, void *arg);
/* Never waits for the writer. Any thread. */
void log_queue_put(struct log_queue *q, int severity, const void *line, size_t len);
/* No further line is put. True: all is written, and q is freed. False: the writer is stuck, and
 * needs q and arg to the end of the process. */
NODISCARD bool log_queue_close(struct log_queue *q);
