/* SPDX-License-Identifier: Apache-2.0 */
/* A local control channel: a socket in the file system that only its owner may open; lines of text,
 * blocking with a time limit. Results: 0 or a negative errno. */
#pragma once

#include "base/base.h"

struct os_local;

/* Longest line, either way. */
#define OS_LOCAL_LINE_MAX (4u << 20)

/* Mode 0600. A socket that nobody listens on any more is replaced; -EADDRINUSE when somebody does.
 */
NODISCARD int os_local_listen(const char *path, struct os_local **out);
/* Wait for a client; -ECANCELED after os_local_wake. Out of descriptors or memory it takes a tenth
 * of a second to say so. */
NODISCARD int os_local_accept(struct os_local *l, struct os_local **out);
/* Any thread: end os_local_accept for good. */
void os_local_wake(struct os_local *l);
NODISCARD int os_local_connect(const char *path, struct os_local **out);
/* One line without its end; owned and terminated. -EMSGSIZE above max bytes, -ETIMEDOUT,
 * -ECONNRESET: no whole line. */
NODISCARD int os_local_read_line(struct os_local *l, size_t max, unsigned timeout_ms, char **out);
/* text and a line end. */
NODISCARD int os_local_write_line(struct os_local *l, const char *text, unsigned timeout_ms);
/* A listening one takes its path away. NULL allowed. */
void os_local_free(struct os_local *l);
CLEANUP_DEFINE(os_local_free, struct os_local *)
