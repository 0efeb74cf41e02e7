/* SPDX-License-Identifier: Apache-2.0 */
/* A local control channel: a socket in the file system that only its owner may open; lines of text,
 * blocking with a time limit. Results: 0 or a negative errno. */
#pragma once

#include "base/base.h"

struct os_local;

/* Longest line, either way. */
#define OS_LOCAL_LINE_MAX (4u << 20)

/* Mode 0600. A socket that nobody listens on any more is replaced; -EADDRINUSE when somebody does,
 * -EEXIST: there is something that is no socket. -ENAMETOOLONG: beyond OS_LOCAL_PATH_MAX bytes. */
#define OS_LOCAL_PATH_MAX 107
NODISCARD int os_local_listen(const char *path, struct os_local **out);
/* Could it listen there? As os_local_listen fails. Nothing is made. */
NODISCARD int os_local_check(const char *path);
/* Clients served at once; of more, the oldest gives way. */
#define OS_LOCAL_CLIENTS_MAX 16

struct os_local_service {
    size_t request_max;  /* bytes of a line asked */
    unsigned timeout_ms; /* for a client to ask, and again to take its answer */
    /* The answer to a line, owned; NULL: hang up. One at a time. */
    char *(*answer)(void *arg, const char *line);
    void *arg;
};
/* Serve clients, each of whom says a line and gets one, until os_local_wake. */
void os_local_serve(struct os_local *l, const struct os_local_service *service);
/* Any thread: end os_local_serve for good. */
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
