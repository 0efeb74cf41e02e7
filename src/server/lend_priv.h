/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of lend.h share: volumes, and what each has lent. */
#pragma once

#include "server/lend.h"

struct lend {
    /* immutable after init */
    struct workers *workers;
    struct loop **loops;
    unsigned loop_count;
    atomic_uint next_loop; /* relaxed: takes turns */

    struct mutex lock;
    struct list volumes; /* guarded by lock */
    bool is_over;        /* guarded by lock */
};

/* A call on the workers. */
struct lent_run {
    struct job job;
    struct vfs_volume *volume; /* a reference: it is not closed before */
    void (*fn)(void *arg);
    void *arg;
};

struct lend_volume {
    struct vfs_services pub; /* first */
    struct lend *lend;
    struct refcount refs; /* the volume's, and one for each of lents */

    struct list link; /* lend->volumes; guarded by lend->lock */
    bool is_ended;    /* by lend_end; guarded by lend->lock */

    struct mutex lock; /* guards what follows */
    struct cond quiet; /* a function has returned */
    struct list lents;
    struct lent_run one; /* of run_one; its job's while that is queued */
    bool is_over;
};

/* A timer or a watch. */
struct lent {
    /* immutable after init */
    struct lend_volume *lv; /* a reference */
    struct loop *loop;
    void *whole;              /* this allocation */
    struct loop_watch *watch; /* NULL: a timer */
    void *arg;

    struct job job; /* on the loop */

    /* guarded by lv->lock */
    struct list link; /* lv->lents */
    bool is_kept;     /* the plugin has not freed it */
    bool on_loop;     /* the loop may know it */
    bool is_posted;
    bool is_over;
    bool is_running;
    uintptr_t runner;
};

static inline struct lend_volume *volume_of(const struct vfs_services *s)
{
    return (struct lend_volume *)(uintptr_t)s;
}

/* ---- lives: lend_lives.c ---- */

void lend_volume_unref(struct lend_volume *lv);
/* Into the volume's list, with a loop in its turn; whole: the allocation that l is in. False: the
 * volume lends no more. */
NODISCARD bool lent_init(struct lend_volume *lv, struct lent *l, void *whole, void *arg);
/* Unlocks l->lv->lock; frees what nobody needs any more. */
void lent_unlock(struct lent *l);
/* With the lock held: the job of l will run on its loop. */
void lent_post_locked(struct lent *l);
/* With the lock held: its function is called no more. */
void lent_end_locked(struct lent *l);
/* Does its function run, in another thread than this? */
bool lent_runs_elsewhere(const struct lent *l);
/* The plugin gives it back. */
void lent_free(struct lent *l);
/* Around a call of the plugin's function, on the loop's thread: with the lock held before and
 * after. */
void lent_run_begin(struct lent *l);
void lent_run_end(struct lent *l);

/* ---- what is lent: lend_timer.c, lend_watch.c; as in struct vfs_services ---- */

struct smbkit_timer *lend_timer_new(const struct vfs_services *s, void (*fn)(void *arg), void *arg);
void lend_timer_set(struct smbkit_timer *timer, uint64_t ms);
void lend_timer_free(struct smbkit_timer *timer);
struct smbkit_fd_watch *lend_fd_watch_new(const struct vfs_services *s, int64_t fd,
                                          void (*fn)(void *arg, uint32_t ready), void *arg);
void lend_fd_watch_set(struct smbkit_fd_watch *watch, uint32_t wanted);
void lend_fd_watch_free(struct smbkit_fd_watch *watch);
