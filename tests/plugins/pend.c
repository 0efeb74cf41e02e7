/* SPDX-License-Identifier: Apache-2.0 */
/* pend: a filter that answers by and by. Of each operation, by chance: passed down at once; passed
 * down by the filter's own thread, at once or after a delay, while the call has answered PENDING;
 * or, where it must not wait, WOULD_BLOCK. A cancelled one ends as such, if it has not begun. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <smbkit/filter.h>

#define MS_MAX 10000u
#define PARTS 16u /* a choice is one of so many */

/* An operation on its way. */
struct job {
    struct job *next; /* pend->queue, while it is there */
    struct pend *pend;
    struct smbkit_op *op;
    uint32_t id;
    void *file;
    void *args;
    uint64_t due_us;
    bool is_queued;
    bool is_cancelled;
};

struct pend {
    struct smbkit_next *next;
    /* immutable after volume_open */
    uint64_t ms;
    uint64_t pends; /* of PARTS choices */
    uint64_t blocks;
    uint64_t seed;
    atomic_uint_fast64_t drawn;
    pthread_t thread;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t cond;
    struct job *queue; /* soonest first */
    bool stopping;
};

static uint64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000;
}

/* Chance, the same for the same seed and number of draws. */
static uint64_t draw(struct pend *p)
{
    uint64_t n = atomic_fetch_add_explicit(&p->drawn, 1, memory_order_relaxed);
    uint64_t z = p->seed + (n + 1) * 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* ---- the queue ---- */

static void push_locked(struct pend *p, struct job *j)
{
    struct job **at = &p->queue;
    while (*at && (*at)->due_us <= j->due_us) {
        at = &(*at)->next;
    }
    j->next = *at;
    *at = j;
    j->is_queued = true;
    pthread_cond_signal(&p->cond);
}

static void take_locked(struct pend *p, struct job *j)
{
    struct job **at = &p->queue;
    while (*at != j) {
        at = &(*at)->next;
    }
    *at = j->next;
    j->is_queued = false;
}

/* The next that is due; NULL: the volume closes. */
static struct job *wait_for_job(struct pend *p)
{
    struct job *j = NULL;
    pthread_mutex_lock(&p->lock);
    while (!j && !(p->stopping && !p->queue)) {
        uint64_t now = now_us();
        if (p->queue && p->queue->due_us <= now) {
            j = p->queue;
            take_locked(p, j);
        } else if (p->queue) {
            struct timespec until = {.tv_sec = (time_t)(p->queue->due_us / 1000000),
                                     .tv_nsec = (long)(p->queue->due_us % 1000000) * 1000};
            pthread_cond_timedwait(&p->cond, &p->lock, &until);
        } else {
            pthread_cond_wait(&p->cond, &p->lock);
        }
    }
    pthread_mutex_unlock(&p->lock);
    return j;
}

/* The client has lost interest. What is under way below goes on: who is there is told too. */
static void on_cancel(void *arg)
{
    struct job *j = arg;
    struct pend *p = j->pend;
    pthread_mutex_lock(&p->lock);
    j->is_cancelled = true;
    if (j->is_queued) {
        take_locked(p, j);
        j->due_us = 0;
        push_locked(p, j);
    }
    pthread_mutex_unlock(&p->lock);
}

static bool is_cancelled(struct job *j)
{
    pthread_mutex_lock(&j->pend->lock);
    bool cancelled = j->is_cancelled;
    pthread_mutex_unlock(&j->pend->lock);
    return cancelled;
}

/* ---- the thread ---- */

static void job_end(void *arg, smbkit_status status)
{
    struct job *j = arg;
    smbkit_complete(j->op, status);
    free(j); /* after: on_cancel is not called any more */
}

static smbkit_status pass_down(struct pend *p, struct job *j, struct smbkit_op *op)
{
    switch (j->id) {
#define OP_PASS(kind, name, type)                                                                  \
    case SMBKIT_OP_##name:                                                                         \
        return smbkit_next_##name(p->next, op, SMBKIT_FILE_ARG_##kind(type *)(uintptr_t) j->args);
#define file j->file
        SMBKIT_OPERATIONS(OP_PASS)
#undef file
    default:
        return SMBKIT_STATUS_INTERNAL_ERROR;
    }
}

static void job_run(struct job *j)
{
    struct smbkit_op *child = is_cancelled(j) ? NULL : smbkit_child(j->op, job_end, j);
    if (!child) {
        job_end(j, SMBKIT_STATUS_CANCELLED);
        return;
    }
    child->flags &= ~SMBKIT_OP_NOWAIT; /* nobody waits for this thread */
    smbkit_status status = pass_down(j->pend, j, child);
    if (status != SMBKIT_STATUS_PENDING) {
        job_end(j, status);
    }
}

static void *thread_main(void *arg)
{
    struct pend *p = arg;
    for (struct job *j = wait_for_job(p); j; j = wait_for_job(p)) {
        job_run(j);
    }
    return NULL;
}

/* ---- operations ---- */

static smbkit_status pend_begin(struct pend *p, struct smbkit_op *op, const struct job *what,
                                uint64_t chance)
{
    struct job *j = malloc(sizeof(*j));
    if (!j) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *j = *what;
    j->pend = p;
    j->op = op;
    j->due_us = now_us() + (chance & 1 ? (chance >> 8) % (p->ms * 1000u + 1) : 0);
    if (smbkit_on_cancel(op, on_cancel, j) == SMBKIT_STATUS_CANCELLED) {
        free(j);
        return SMBKIT_STATUS_CANCELLED;
    }
    pthread_mutex_lock(&p->lock);
    if (j->is_cancelled) {
        j->due_us = 0;
    }
    push_locked(p, j);
    pthread_mutex_unlock(&p->lock);
    return SMBKIT_STATUS_PENDING;
}

/* SUCCESS: pass it down here. */
static smbkit_status choose(struct pend *p, struct smbkit_op *op, const struct job *what)
{
    uint64_t chance = draw(p);
    uint32_t part = (uint32_t)(chance >> 40) % PARTS;
    if ((op->flags & SMBKIT_OP_NOWAIT) && part < p->blocks) {
        return SMBKIT_STATUS_WOULD_BLOCK;
    }
    if ((op->flags & SMBKIT_OP_SYNC) || part >= p->blocks + p->pends) {
        return SMBKIT_STATUS_SUCCESS;
    }
    return pend_begin(p, op, what, chance);
}

#define OP_FILE_VOLUME NULL
#define OP_FILE_FILE file
#define OP_WRAP(kind, name, type)                                                                  \
    static smbkit_status pend_##name(void *volume, struct smbkit_op *op,                           \
                                     SMBKIT_FILE_PARAM_##kind type *a)                             \
    {                                                                                              \
        struct pend *p = volume;                                                                   \
        const struct job what = {                                                                  \
            .id = SMBKIT_OP_##name, .file = OP_FILE_##kind, .args = (void *)(uintptr_t)a};         \
        smbkit_status status = choose(p, op, &what);                                               \
        return status == SMBKIT_STATUS_SUCCESS                                                     \
                   ? smbkit_next_##name(p->next, op, SMBKIT_FILE_ARG_##kind a)                     \
                   : status;                                                                       \
    }
SMBKIT_OPERATIONS(OP_WRAP)

static void pend_close(void *volume, struct smbkit_op *op, void *file)
{
    smbkit_next_close(((struct pend *)volume)->next, op, file);
}

/* ---- the volume ---- */

#define NUMBER(name, most)                                                                         \
    {                                                                                              \
        .key = #name, .kind = SMBKIT_PARAM_NUMBER, .offset = offsetof(struct pend, name),          \
        .max = (most)                                                                              \
    }
static const struct smbkit_param params[] = {NUMBER(seed, 0),
                                             NUMBER(ms, MS_MAX),
                                             NUMBER(pends, PARTS),
                                             NUMBER(blocks, PARTS),
                                             {.key = NULL}};

static bool start(struct pend *p)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->cond, &attr);
    pthread_condattr_destroy(&attr);
    return pthread_create(&p->thread, NULL, thread_main, p) == 0;
}

static smbkit_status pend_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    struct pend *p = calloc(1, sizeof(*p));
    if (!p) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    *p = (struct pend){.next = args->next, .ms = 3, .pends = 9, .blocks = 2};
    if (!SMBKIT_OK(smbkit_args_take(args, params, p)) || !start(p)) {
        free(p);
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (args->features & SMBKIT_FEATURE_NEVER_BLOCKS) {
        args->features &= ~SMBKIT_FEATURE_NEVER_BLOCKS;
        args->features |= SMBKIT_FEATURE_TRIES_NOWAIT;
    }
    *volume_r = p;
    return SMBKIT_STATUS_SUCCESS;
}

static void pend_volume_close(void *volume)
{
    struct pend *p = volume;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->cond);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->cond);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

#define OP_MEMBER(kind, name, type) .name = pend_##name,
static const struct smbkit_plugin pend_filter = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_FILTER_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .flags = SMBKIT_IS_FILTER | SMBKIT_SEES_PENDING | SMBKIT_SEES_SEGMENTS,
    .name = "pend",
    .description = "answers by and by, for tests",
    .version = "1",
    .config_help = "seed=N    of the chance\n"
                   "ms=N      the longest delay; 3\n"
                   "pends=N   how many of 16 calls answer PENDING; 9\n"
                   "blocks=N  how many of 16 calls that must not wait answer WOULD_BLOCK; 2\n",
    .volume_open = pend_volume_open,
    .volume_close = pend_volume_close,
    .close = pend_close,
    SMBKIT_OPERATIONS(OP_MEMBER)};

SMBKIT_REGISTER(pend_filter)
