/* SPDX-License-Identifier: Apache-2.0 */
/* The begin of a server, which can be stopped though plugins are still opening its volumes. */
#include <stdatomic.h>

#include "os/process.h"
#include "server/aside.h"
#include "server/cmd.h"
#include "server/server.h"

#define LOOK_MS 5 /* how often it is seen whether it has begun */

static void listen_for_stop(void *arg)
{
    const atomic_bool *has_begun = arg;
    /* relaxed: nothing else is told by it */
    while (!atomic_load_explicit(has_begun, memory_order_relaxed)) {
        if (os_signal_wait_stop(LOOK_MS)) {
            cmd_error("stopped before all shares were open");
            os_exit_now(EXIT_FAILED); /* what a plugin does meanwhile has no end to wait for */
        }
    }
}

struct server *cmd_server_new(struct config **config, struct users_store **users,
                              struct logging *logging, struct problems *problems)
{
    struct aside a = {0};
    atomic_bool has_begun = false;
    int err = aside_start(&a, "smbkit-begin", listen_for_stop, &has_begun);
    struct server *server = server_new(config, users, logging, problems);
    atomic_store_explicit(&has_begun, true, memory_order_relaxed);
    if (err == 0) { /* else signals are heard once it serves */
        aside_join(&a);
    }
    return server;
}
