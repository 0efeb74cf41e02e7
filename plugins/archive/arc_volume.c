/* SPDX-License-Identifier: Apache-2.0 */
/* A thread of the volume makes its index, and another one whenever the file has become another: it
 * looks now and then, and whoever opens something looks too. Opens wait for it; what is open goes
 * on with the index and the file that it was opened by. */
#include "arc_priv.h"

#include "moment.h"
#include "quiet_thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#define LOOK_NS 999000000L      /* how often the thread looks at the file */
#define REST_MIN_NS 100000000LL /* rest between two indexes that nobody asked for */
#define REST_MAX_NS 10000000000LL

static int is_over(void *arg)
{
    const struct arc_volume *v = arg;
    return atomic_load_explicit(&v->pool.is_ending, memory_order_relaxed); /* once set, it stays */
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- telling ---- */

/* The paths of files that are open by another index, malloc; the last one NULL. */
static char **old_paths(struct arc_volume *v, const struct arc_index *now)
{
    size_t count = 0;
    size_t n = 0;
    pthread_mutex_lock(&v->lock);
    for (struct arc_file *f = v->files; f; f = f->next) {
        count++;
    }
    char **paths = calloc(count + 1, sizeof(*paths));
    for (struct arc_file *f = v->files; f && paths; f = f->next) {
        if (f->index != now) {
            paths[n] = strdup(f->path);
            n += paths[n] != NULL;
        }
    }
    pthread_mutex_unlock(&v->lock);
    return paths;
}

/* Everybody looks again, and nobody goes on with what he has cached of the old files. */
static void tell(struct arc_volume *v, const struct arc_index *now)
{
    struct smbkit_event all = {
        .struct_size = sizeof(all), .what = SMBKIT_CHANGE_OVERFLOW, .path = ""};
    smbkit_tell(v->host, &all);
    char **paths = old_paths(v, now);
    for (char **p = paths; p && *p; p++) {
        struct smbkit_event one = {.struct_size = sizeof(one),
                                   .what = SMBKIT_CHANGE_MODIFIED | SMBKIT_CHANGED_SIZE |
                                           SMBKIT_CHANGED_LAST_WRITE,
                                   .path = *p,
                                   .flags = SMBKIT_EVENT_DATA | SMBKIT_EVENT_METADATA};
        smbkit_tell(v->host, &one);
        free(*p);
    }
    free(paths);
}

/* ---- the thread ---- */

/* Is it over with what the file is, or only with what this process has just now? */
static smbkit_status open_status(int error)
{
    int is_passing =
        error == EMFILE || error == ENFILE || error == ENOMEM || error == EIO || error == EINTR;
    return is_passing ? SMBKIT_STATUS_INSUFFICIENT_RESOURCES : SMBKIT_STATUS_DATA_ERROR;
}

static int is_for_good(smbkit_status status)
{
    return !SMBKIT_OK(status) && status != SMBKIT_STATUS_INSUFFICIENT_RESOURCES &&
           status != SMBKIT_STATUS_NO_MEMORY;
}

static void build(struct arc_volume *v)
{
    char error[256] = "";
    char name[300];
    struct arc_index *x = NULL;
    struct arc_stamp stamp = {0};
    pthread_mutex_lock(&v->lock);
    uint64_t begun = ++v->begun;
    pthread_mutex_unlock(&v->lock);
    arc_stamp_now(&v->set, &stamp);
    x = arc_index_open(v->set.path, error);
    smbkit_status status = x ? arc_scan(&v->set, is_over, v, &x, error) : open_status(errno);
    if (!SMBKIT_OK(status) && status != SMBKIT_STATUS_CANCELLED) {
        smbkit_log(0, "archive cannot be read file=%s reason=%s",
                   smbkit_quote(v->set.path, name, sizeof(name)), error);
    }
    pthread_mutex_lock(&v->lock);
    struct arc_index *old = v->index;
    if (x) {
        x->generation = ++v->generation;
        v->index = x;
        v->index_begun = begun;
    }
    v->failed = stamp;
    v->failed_status = status;
    v->failed_begun = SMBKIT_OK(status) ? 0 : begun;
    v->is_wanted = 0;
    pthread_cond_broadcast(&v->changed);
    pthread_mutex_unlock(&v->lock);
    if (x && old) {
        smbkit_log(2, "archive read again file=%s entries=%u",
                   smbkit_quote(v->set.path, name, sizeof(name)), x->count - 1);
        arc_nested_drop(v->nested);
        arc_pool_drop_old(&v->pool, x);
        arc_index_unref(old);
        tell(v, x);
    }
}

/* The lock is held. Is there an index of the file as it is, or is it known that there can be none?
 */
static smbkit_status index_state(struct arc_volume *v)
{
    struct arc_stamp stamp;
    int is_there = arc_stamp_now(&v->set, &stamp);
    if (v->index && (!is_there || arc_stamp_is(&stamp, &v->index->stamp))) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (is_for_good(v->failed_status) && (!is_there || arc_stamp_is(&stamp, &v->failed))) {
        return v->failed_status;
    }
    return SMBKIT_STATUS_WOULD_BLOCK;
}

/* The lock is held. A file that is being written is not read all the time for nobody: after an
 * index as long as it took, or until one is asked for. */
static void rest(struct arc_volume *v, int64_t took_ns)
{
    int64_t ns = took_ns < REST_MIN_NS ? REST_MIN_NS : took_ns;
    int64_t until = now_ns() + (ns < REST_MAX_NS ? ns : REST_MAX_NS);
    while (!v->is_wanted && !is_over(v) && now_ns() < until) {
        moment_wait(&v->changed, &v->lock, MOMENT_NS);
    }
}

static void *builder_main(void *arg)
{
    struct arc_volume *v = arg;
    pthread_mutex_lock(&v->lock);
    while (!is_over(v)) {
        if (index_state(v) == SMBKIT_STATUS_WOULD_BLOCK) {
            pthread_mutex_unlock(&v->lock);
            int64_t before = now_ns();
            build(v);
            pthread_mutex_lock(&v->lock);
            rest(v, now_ns() - before);
        } else if (!v->is_wanted) {
            moment_wait(&v->changed, &v->lock, LOOK_NS);
        }
        v->is_wanted = 0;
    }
    pthread_mutex_unlock(&v->lock);
    return NULL;
}

smbkit_status arc_volume_start(struct arc_volume *v)
{
    v->has_builder = quiet_thread_start(&v->builder, builder_main, v) == 0;
    return v->has_builder ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
}

void arc_volume_stop(struct arc_volume *v)
{
    pthread_mutex_lock(&v->lock);
    atomic_store(&v->pool.is_ending, 1);
    pthread_cond_broadcast(&v->changed);
    pthread_mutex_unlock(&v->lock);
    if (v->has_builder) {
        pthread_join(v->builder, NULL);
    }
}

/* ---- who opens something ---- */

/* The lock is held. The same for who came when so many had begun: one that began later is new
 * enough, though the file may be another again by now, as it is while somebody writes it. */
static smbkit_status state_for(struct arc_volume *v, uint64_t begun)
{
    if (v->index && v->index_begun > begun) {
        return SMBKIT_STATUS_SUCCESS;
    }
    return v->failed_begun > begun ? v->failed_status : index_state(v);
}

smbkit_status arc_volume_index(struct arc_volume *v, const struct smbkit_op *op,
                               struct arc_index **index_r)
{
    pthread_mutex_lock(&v->lock);
    uint64_t begun = v->begun;
    smbkit_status status = index_state(v);
    while (status == SMBKIT_STATUS_WOULD_BLOCK && !(op->flags & SMBKIT_OP_NOWAIT)) {
        if (smbkit_op_is_cancelled(op) || is_over(v)) {
            status = SMBKIT_STATUS_CANCELLED;
            break;
        }
        v->is_wanted = 1;
        pthread_cond_broadcast(&v->changed);
        moment_wait(&v->changed, &v->lock, MOMENT_NS);
        status = state_for(v, begun);
    }
    if (SMBKIT_OK(status)) {
        *index_r = v->index;
        arc_index_ref(v->index);
    }
    pthread_mutex_unlock(&v->lock);
    return status;
}

smbkit_status arc_volume_find(struct arc_volume *v, const struct smbkit_op *op, const char *path,
                              struct arc_index **index, struct arc_found *found)
{
    for (;;) {
        smbkit_status status = arc_index_find(*index, path, found);
        if (!SMBKIT_OK(status) || !((*index)->nodes[found->node].flags & ARC_NESTED) ||
            !*found->rest) {
            return status;
        }
        struct arc_index *inner = NULL;
        status = arc_nested_get(v, op, *index, found->node, &inner);
        if (!SMBKIT_OK(status)) {
            return status;
        }
        path = found->rest;
        arc_index_unref(*index);
        *index = inner;
    }
}

/* ---- reading ---- */

static smbkit_status read_direct(const struct arc_want *w, int nowait)
{
    const struct arc_node *n = &w->index->nodes[w->node];
    uint32_t done = 0;
    if (!arc_index_is_current(w->index)) {
        return SMBKIT_STATUS_DATA_ERROR; /* the file was written over */
    }
    while (done < w->len) {
        struct iovec part = {.iov_base = w->to + done, .iov_len = w->len - done};
        ssize_t got = preadv2(w->index->fd, &part, 1, (off_t)(n->offset + w->at + done),
                              nowait ? RWF_NOWAIT : 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (nowait && got <= 0) {
            return SMBKIT_STATUS_WOULD_BLOCK;
        }
        if (got <= 0) { /* it was cut short just now */
            return got < 0 ? smbkit_status_from_errno(errno) : SMBKIT_STATUS_DATA_ERROR;
        }
        done += (uint32_t)got;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* Without waiting: what the cache has. */
static smbkit_status read_cached(struct arc_volume *v, const struct arc_want *w)
{
    uint32_t done = 0;
    while (done < w->len) {
        struct arc_piece p = arc_piece_of(w->index, w->node, w->at + done, w->len - done);
        if (!arc_cache_get(v->cache, &p, w->to + done, 1)) {
            return SMBKIT_STATUS_WOULD_BLOCK;
        }
        done += p.len;
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status arc_volume_read(struct arc_volume *v, const struct arc_want *w, int nowait)
{
    if (w->way == ARC_WAY_DIRECT) {
        return read_direct(w, nowait);
    }
    return nowait ? read_cached(v, w) : arc_pool_decode(&v->pool, w);
}
