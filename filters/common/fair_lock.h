/* SPDX-License-Identifier: Apache-2.0 */
/* Read-write locks that are held over calls below. */
#pragma once

#include <pthread.h>

/* Who waits to write goes before who comes to read, where the C library can do that: else readers
 * that never all leave would keep him waiting for ever. A thread must not take it twice. */
static inline void fair_lock_init(pthread_rwlock_t *lock)
{
#ifdef __GLIBC__
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(lock, &attr);
    pthread_rwlockattr_destroy(&attr);
#else
    pthread_rwlock_init(lock, NULL);
#endif
}
