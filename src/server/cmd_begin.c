/* SPDX-License-Identifier: Apache-2.0 */
/* The begin of a server, which can be stopped though plugins are still opening its volumes. */
#include "os/process.h"
#include "server/aside.h"
#include "server/cmd.h"
#include "server/server.h"

#define LOOK_MS 5 /* how often it is seen whether it has begun */

enum { BEGINS, HAS_BEGUN, ENDS };

void cmd_begin_done(struct cmd_begin *b)
{
    int was = BEGINS; /* else the process ends just now */
    /* relaxed: nothing else is told by it, here and below */
    (void)atomic_compare_exchange_strong_explicit(&b->is, &was, HAS_BEGUN, memory_order_relaxed,
                                                  memory_order_relaxed);
}

bool cmd_begin_stop(struct cmd_begin *b)
{
    int was = BEGINS;
    bool is_first = atomic_compare_exchange_strong_explicit(
        &b->is, &was, ENDS, memory_order_relaxed, memory_order_relaxed);
    if (!is_first) {
        os_signal_ask_stop(); /* who serves is to hear it, and ends in order */
    }
    return is_first;
}

static void listen_for_stop(void *arg)
{
    struct cmd_begin *b = arg;
    while (atomic_load_explicit(&b->is, memory_order_relaxed) == BEGINS) {
        if (os_signal_wait_stop(LOOK_MS) && cmd_begin_stop(b)) {
            cmd_error("stopped before all shares were open");
            os_exit_now(EXIT_FAILED); /* what a plugin does meanwhile has no end to wait for */
        }
    }
}

struct server *cmd_server_new(struct config **config, struct users_store **users,
                              struct logging *logging, struct problems *problems)
{
    struct aside a = {0};
    struct cmd_begin b = {0};
    int err = aside_start(&a, "smbkit-begin", listen_for_stop, &b);
    struct server *server = server_new(config, users, logging, problems);
    cmd_begin_done(&b);
    if (err == 0) { /* else signals are heard once it serves */
        aside_join(&a);
    }
    return server;
}
