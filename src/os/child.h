/* SPDX-License-Identifier: Apache-2.0 */
/* Processes around this one: a command that it runs, who started it, and what sockets it was
 * handed. For programs. Results: 0 or a negative errno. */
#pragma once

#include "base/base.h"

/* ---- a command ---- */

struct os_child;

struct os_variable {
    const char *name;
    const char *value;
};
/* Run a command line by the system's shell, with our standard streams, what is in our environment
 * and these variables. After os_signals_hold its end is an OS_SIGNAL_CHILD. */
NODISCARD int os_child_start(const char *command, const struct os_variable *env, size_t env_count,
                             struct os_child **out);
/* Has it ended? *code_r: its exit code; 128 and the number of the signal that ended it. */
bool os_child_is_over(struct os_child *c, int *code_r);
/* Ask it to end (SIGTERM), with all that it runs: unless its standard input is a terminal, which is
 * that of who called us, it is a process group of its own. */
void os_child_ask(struct os_child *c);
/* If it goes on for timeout_ms more it is ended by force; so is what it runs, if it was asked to
 * end. Frees; its code as above. */
int os_child_end(struct os_child *c, unsigned timeout_ms);

/* ---- who started this one ---- */

/* Another number than before: that process is gone. */
uint32_t os_parent_id(void);

/* ---- sockets ---- */

/* Descriptors of sockets that who started the process listens on for it (sd_listen_fds(3)); from
 * now on they are not handed on, and a second call finds none. 0: none; -E2BIG: more than max. */
NODISCARD int os_sockets_taken(int64_t *fds, size_t max);
