/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "base/mem.h"
#include "base/str.h"
#include "os/os.h"
#include "os/posix/crash_stack.h"

#define THREAD_NAME_SIZE 16u /* Linux keeps 15 bytes and the terminator */

struct os_thread {
    pthread_t id;
    char name[THREAD_NAME_SIZE];
    void (*fn)(void *);
    void *arg;
};

static void *thread_main(void *p)
{
    struct os_thread *t = p;
    struct os_crash_stack stack;
    /* By the thread itself: the starter may not have stored the id yet. */
    (void)pthread_setname_np(pthread_self(), t->name);
    os_crash_stack_init(&stack);
    t->fn(t->arg);
    os_crash_stack_fini(&stack);
    return NULL;
}

/* Signals to the process are for threads that others started; those of a fault are for whose fault
 * it is. */
static void block_signals(sigset_t *before)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGPROF};
    sigset_t all;
    sigfillset(&all);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        sigdelset(&all, faults[i]);
    }
    pthread_sigmask(SIG_BLOCK, &all, before);
}

int os_thread_start(struct os_thread **out, const char *name, void (*fn)(void *), void *arg)
{
    struct os_thread *t = mem_zalloc(sizeof(*t));
    *out = NULL;
    if (!t) {
        return -ENOMEM;
    }
    str_copy(t->name, sizeof(t->name), name);
    t->fn = fn;
    t->arg = arg;
    sigset_t before;
    block_signals(&before);
    int err = pthread_create(&t->id, NULL, thread_main, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err) {
        mem_free(t);
        return -err;
    }
    *out = t;
    return 0;
}

void os_thread_join(struct os_thread *t)
{
    ASSERT(pthread_join(t->id, NULL) == 0);
    mem_free(t);
}
