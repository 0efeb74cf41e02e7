/* SPDX-License-Identifier: Apache-2.0 */
/* The stack that a thread's signal handlers run on, so that an overflow of its own stack can still
 * be reported. Inside os/ only. */
#pragma once

#include <signal.h>

#include "base/base.h"

struct os_crash_stack {
    void *memory; /* NULL: none installed */
    stack_t before;
};

/* For the calling thread. Without memory the thread goes on without. */
void os_crash_stack_init(struct os_crash_stack *s);
/* By the same thread, before it ends. */
void os_crash_stack_fini(struct os_crash_stack *s);
