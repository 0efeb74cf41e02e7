/* SPDX-License-Identifier: Apache-2.0 */
#include "os/posix/crash_stack.h"

#include <sys/mman.h>

#define CRASH_STACK_SIZE 65536u /* the unwinder needs some 10 KiB; untouched pages cost nothing */

void os_crash_stack_init(struct os_crash_stack *s)
{
    /* Not from the heap: a crash is often the heap's, and tests count its allocations. */
    void *p =
        mmap(NULL, CRASH_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t mine = {.ss_sp = p, .ss_size = CRASH_STACK_SIZE};
    s->memory = p == MAP_FAILED ? NULL : p;
    if (s->memory && sigaltstack(&mine, &s->before) != 0) {
        munmap(s->memory, CRASH_STACK_SIZE);
        s->memory = NULL;
    }
}

void os_crash_stack_fini(struct os_crash_stack *s)
{
    if (!s->memory) {
        return;
    }
    /* Put back what a sanitizer had installed: it unmaps whatever it finds at the thread's end. */
    if (sigaltstack(&s->before, NULL) == 0) {
        munmap(s->memory, CRASH_STACK_SIZE);
    }
    s->memory = NULL;
}
