/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting in a call that a client may give up: that signals no condition, so it is asked for now
 * and then. */
#pragma once

#include <pthread.h>
#include <time.h>

#define MOMENT_NS 50000000L /* how often who waits looks whether he still has to */

/* The lock is held: until the condition is signalled, or ns (at most a second) later. */
static inline void moment_wait(pthread_cond_t *cond, pthread_mutex_t *lock, long ns)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += ns;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(cond, lock, &until);
}
