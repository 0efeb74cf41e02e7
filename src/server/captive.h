/* SPDX-License-Identifier: Apache-2.0 */
/* A server that lives no longer than others: than a command that it runs (smbkit serve --run), or
 * than the process that started it (--exit-with-parent). */
#pragma once

#include "server/cmd.h"
#include "server/server.h"

struct captive {
    const char *command; /* NULL: none */
    bool with_parent;
    uint32_t parent;        /* who started us */
    struct os_child *child; /* NULL: none runs */
    bool is_failed;
    int code; /* of the command, once it has ended */
};

/* Before anything else: from now on it is seen when the parent goes. */
void captive_init(struct captive *c);
/* Start the command, if there is one, with what it needs to connect in its environment; control:
 * the control socket, or NULL. If that fails it is told, and the end is there. */
void captive_start(struct captive *c, const struct connect_info *info, const char *control);
/* What ends the server; NULL: signals alone. end is filled. */
const struct server_end *captive_end(struct captive *c, struct server_end *end);
/* The server has ended: so does the command. The exit code of the program, which without a command
 * is code. */
int captive_finish(struct captive *c, int code);
