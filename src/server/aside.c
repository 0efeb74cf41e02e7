/* SPDX-License-Identifier: Apache-2.0 */
#include "server/aside.h"

static void aside_main(void *arg)
{
    struct aside *a = arg;
    a->fn(a->arg);
    atomic_store_explicit(&a->is_done, true, memory_order_release); /* only that it ends is left */
}

int aside_start(struct aside *a, const char *name, void (*fn)(void *arg), void *arg)
{
    ASSERT(!a->thread);
    a->fn = fn;
    a->arg = arg;
    atomic_init(&a->is_done, false);
    return os_thread_start(&a->thread, name, aside_main, a);
}

bool aside_is_over(const struct aside *a)
{
    /* acquire: pairs with aside_main */
    return !a->thread || atomic_load_explicit(&a->is_done, memory_order_acquire);
}

void aside_join(struct aside *a)
{
    if (a->thread) {
        os_thread_join(a->thread);
        a->thread = NULL;
    }
}
