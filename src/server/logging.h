/* SPDX-License-Identifier: Apache-2.0 */
/* Where log lines go: stderr, the system's log or a file; as text or JSON. Written by a thread of
 * its own (log_queue.h): nobody who logs waits for what takes the lines. */
#pragma once

#include "base/log.h"
#include "server/config.h"

struct logging;

/* Open what c says and make it the log's sink; starts a thread, so after os_signals_hold. NULL with
 * a line in err. */
NODISCARD struct logging *logging_new(const struct config *c, char err[256]);
/* Could the target of "log file" be opened? False: a line in err. Nothing is made. */
NODISCARD bool logging_check(const char *target, char err[256]);
/* Open the file anew (it may have been rotated away); on failure the old one stays and that is
 * logged. Any thread. */
void logging_reopen(struct logging *l);
/* The sink goes back to the default, once all is written or LOG_QUEUE_CLOSE_MS have passed. No
 * other thread may log. NULL allowed. */
void logging_free(struct logging *l);

#define LOGGING_RECENT_LINES 200
/* The last lines, oldest first, without their ends. Any thread. */
void logging_recent_each(struct logging *l, void (*fn)(void *arg, const char *line), void *arg);

/* What one line tells. Borrowed for the call. */
struct log_line {
    uint64_t now; /* FILETIME */
    enum log_level level;
    enum log_module module;
    const struct log_ctx *ctx; /* may be NULL */
    const char *text;
};
/* One line with its end. Text: "TIME LEVEL MODULE event key=value conn=1 ..."; JSON: an object with
 * the same, "text" holding the event and its keys. */
void logging_format_text(struct wr *w, const struct log_line *line);
void logging_format_json(struct wr *w, const struct log_line *line);
