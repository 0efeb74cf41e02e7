/* SPDX-License-Identifier: Apache-2.0 */
#include "server/lend_priv.h"

#include "base/log.h"
#include "base/mem.h"

#define LOG_MODULE LOG_PLUGIN

_Static_assert(SMBKIT_FD_READABLE == LOOP_READABLE && SMBKIT_FD_WRITABLE == LOOP_WRITABLE &&
                   SMBKIT_FD_ERROR == LOOP_ERROR,
               "told as they are");

struct lent_watch {
    struct smbkit_fd_watch pub; /* first */
    struct lent l;
    void (*fn)(void *arg, uint32_t ready); /* immutable after init */
    struct loop_watch watch;               /* guarded by lv->lock */
};

/* After the watch is over: no event of it is on its way any more. */
static void watch_job(struct job *job)
{
    struct lent *l = CONTAINER_OF(job, struct lent, job);
    mutex_lock(&l->lv->lock);
    l->is_posted = false;
    l->on_loop = false;
    lent_unlock(l);
}

static void watch_ready(struct loop_watch *watch, uint32_t ready)
{
    struct lent_watch *w = CONTAINER_OF(watch, struct lent_watch, watch);
    mutex_lock(&w->l.lv->lock);
    uint32_t told = ready & (w->watch.wanted | LOOP_ERROR);
    if (!w->l.is_over && w->watch.wanted != 0 && told != 0) {
        lent_run_begin(&w->l);
        w->fn(w->l.arg, told);
        lent_run_end(&w->l);
    }
    lent_unlock(&w->l);
}

struct smbkit_fd_watch *lend_fd_watch_new(const struct vfs_services *s, int64_t fd,
                                          void (*fn)(void *arg, uint32_t ready), void *arg)
{
    struct lent_watch *w = mem_zalloc(sizeof(*w));
    if (!w || !lent_init(volume_of(s), &w->l, w, arg)) {
        mem_free(w);
        return NULL;
    }
    w->pub.services = s;
    w->fn = fn;
    w->l.job.fn = watch_job;
    w->l.watch = &w->watch;
    loop_watch_init(w->l.loop, &w->watch, fd, watch_ready);
    return &w->pub;
}

void lend_fd_watch_set(struct smbkit_fd_watch *watch, uint32_t wanted)
{
    struct lent_watch *w = CONTAINER_OF(watch, struct lent_watch, pub);
    SCOPED_LOCK(&w->l.lv->lock);
    if (w->l.is_over) {
        return;
    }
    int err = loop_watch_want(&w->watch, wanted & (SMBKIT_FD_READABLE | SMBKIT_FD_WRITABLE));
    if (err != 0) {
        log_error(NULL, "plugin_watch_refused fd=%lld error=%d", (long long)w->watch.fd, -err);
        return;
    }
    w->l.on_loop = true;
}

void lend_fd_watch_free(struct smbkit_fd_watch *watch)
{
    lent_free(&CONTAINER_OF(watch, struct lent_watch, pub)->l);
}
