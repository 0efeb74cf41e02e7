/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that may wait for plugins, beside the main one, which goes on hearing signals. */
#pragma once

#include <stdatomic.h>

#include "os/os.h"

struct aside {
    struct os_thread *thread; /* NULL: there is none */
    void (*fn)(void *arg);
    void *arg;
    atomic_bool is_done;
};

/* There is none. name: at most 15 bytes. 0 or a negative errno. */
NODISCARD int aside_start(struct aside *a, const char *name, void (*fn)(void *arg), void *arg);
/* It has come to its end, or there is none: aside_join does not wait. */
bool aside_is_over(const struct aside *a);
void aside_join(struct aside *a);
