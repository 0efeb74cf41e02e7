/* SPDX-License-Identifier: Apache-2.0 */
/* Mutex, condition, bell, once and atomics: no I/O, no time. The one header of os/ that every layer
 * may include. winpthreads carries it on Windows. */
#pragma once

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "base/base.h"

struct mutex {
    pthread_mutex_t m;
};

struct cond {
    pthread_cond_t c;
};

static inline void mutex_init(struct mutex *m)
{
    ASSERT(pthread_mutex_init(&m->m, NULL) == 0);
}

static inline void mutex_fini(struct mutex *m)
{
    ASSERT(pthread_mutex_destroy(&m->m) == 0);
}

static inline void mutex_lock(struct mutex *m)
{
    ASSERT(pthread_mutex_lock(&m->m) == 0);
}

/* Take it if that needs no waiting. */
NODISCARD static inline bool mutex_try(struct mutex *m)
{
    return pthread_mutex_trylock(&m->m) == 0;
}

static inline void mutex_unlock(struct mutex *m)
{
    ASSERT(pthread_mutex_unlock(&m->m) == 0);
}

static inline void cond_init(struct cond *c)
{
    ASSERT(pthread_cond_init(&c->c, NULL) == 0);
}

static inline void cond_fini(struct cond *c)
{
    ASSERT(pthread_cond_destroy(&c->c) == 0);
}

static inline void cond_wait(struct cond *c, struct mutex *m)
{
    ASSERT(pthread_cond_wait(&c->c, &m->m) == 0);
}

/* The wall clock ms from now: a jump of it makes a wait end early or late. */
static inline struct timespec sync_time_in(uint32_t ms)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* As cond_wait, for ms at most; false: the time is up. */
static inline bool cond_wait_ms(struct cond *c, struct mutex *m, uint32_t ms)
{
    struct timespec t = sync_time_in(ms);
    int err = pthread_cond_timedwait(&c->c, &m->m, &t);
    ASSERT(err == 0 || err == ETIMEDOUT);
    return err == 0;
}

static inline void cond_signal(struct cond *c)
{
    ASSERT(pthread_cond_signal(&c->c) == 0);
}

static inline void cond_broadcast(struct cond *c)
{
    ASSERT(pthread_cond_broadcast(&c->c) == 0);
}

/* What one thread waits for and another one calls, with no lock: a call that comes first is kept.
 * Cheaper than a condition, which takes its mutex again in a way that costs a system call. */
struct bell {
    sem_t s;
};

static inline void bell_init(struct bell *b)
{
    ASSERT(sem_init(&b->s, 0, 0) == 0);
}

static inline void bell_fini(struct bell *b)
{
    ASSERT(sem_destroy(&b->s) == 0);
}

static inline void bell_ring(struct bell *b)
{
    ASSERT(sem_post(&b->s) == 0);
}

static inline void bell_wait(struct bell *b)
{
    while (sem_wait(&b->s) != 0) {
        ASSERT(errno == EINTR);
    }
}

/* As bell_wait, until then by the wall clock at most; false: the time is up. */
static inline bool bell_wait_until(struct bell *b, const struct timespec *until)
{
    while (sem_timedwait(&b->s, until) != 0) {
        if (errno == ETIMEDOUT) {
            return false;
        }
        ASSERT(errno == EINTR);
    }
    return true;
}

/* SCOPED_LOCK(&x->lock); holds it to the end of the scope. */
static inline UNUSED void mutex_unlock_at(struct mutex **m)
{
    mutex_unlock(*m);
}
#define SCOPED_LOCK_NAME_(a, b) a##b
#define SCOPED_LOCK_NAME(a, b) SCOPED_LOCK_NAME_(a, b)
#define SCOPED_LOCK(m)                                                                             \
    struct mutex *SCOPED_LOCK_NAME(scoped_lock_, __LINE__)                                         \
    UNUSED __attribute__((cleanup(mutex_unlock_at))) = (mutex_lock(m), (m))

/* A reference count. refcount_put is true for the last one. */
struct refcount {
    atomic_uint n;
};

static inline void refcount_init(struct refcount *r)
{
    atomic_init(&r->n, 1);
}

static inline void refcount_get(struct refcount *r)
{
    /* relaxed: the caller already holds a reference, so the object cannot go away meanwhile */
    unsigned old = atomic_fetch_add_explicit(&r->n, 1, memory_order_relaxed);
    ASSERT(old != 0);
}

/* A reference of an object that is there, but may have none left: then false. */
NODISCARD static inline bool refcount_get_try(struct refcount *r)
{
    unsigned n = atomic_load_explicit(&r->n, memory_order_relaxed); /* the exchange orders */
    while (n > 0) {
        /* acquire: what was done under the others' references is seen */
        if (atomic_compare_exchange_weak_explicit(&r->n, &n, n + 1, memory_order_acquire,
                                                  memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

/* Give a reference back unless it is the last one: then false, and it is still the caller's. */
NODISCARD static inline bool refcount_put_unless_last(struct refcount *r)
{
    unsigned n = atomic_load_explicit(&r->n, memory_order_relaxed); /* the exchange orders */
    while (n > 1) {
        /* release: as in refcount_put; the last one acquires */
        if (atomic_compare_exchange_weak_explicit(&r->n, &n, n - 1, memory_order_release,
                                                  memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

NODISCARD static inline bool refcount_put(struct refcount *r)
{
    /* acq_rel: everything done under any reference happens before the destructor */
    unsigned old = atomic_fetch_sub_explicit(&r->n, 1, memory_order_acq_rel);
    ASSERT(old != 0);
    return old == 1;
}

/* Tells threads that live at the same time apart. */
static inline uintptr_t thread_self(void)
{
    return (uintptr_t)pthread_self();
}
