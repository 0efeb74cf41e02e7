/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of a share and its threads. */
#include "py_priv.h"

#include "client.h"
#include "quiet_thread.h"

#include <stdlib.h>
#include <time.h>

/* ---- shares: of the threads a client gets as many as are left for others ---- */

/* 0: nobody's. */
static uint64_t client_of(const struct smbkit_op *op)
{
    return op ? client_number(op->who) : 0;
}

/* Lock held. */
static int may_begin(const struct py_volume *v, const struct py_call *call)
{
    uint32_t mine = 0;
    for (uint32_t i = 0; i < v->running_count; i++) {
        mine += v->running[i] == call->client;
    }
    return call->client == 0 || v->is_ending || mine < v->thread_count - v->running_count;
}

/* ---- threads ---- */

static struct py_call *take_locked(struct py_volume *v)
{
    struct py_call **at = &v->first;
    while (*at && !may_begin(v, *at)) {
        at = &(*at)->next;
    }
    struct py_call *call = *at;
    v->is_held = at != &v->first || (v->first && !call);
    if (call) {
        *at = call->next;
        v->last = *at ? v->last : at;
        v->waiting--;
        v->running[v->running_count++] = call->client;
    }
    return call;
}

static void has_run(struct py_volume *v, uint64_t client)
{
    uint32_t i = 0;
    pthread_mutex_lock(&v->lock);
    while (v->running[i] != client) {
        i++;
    }
    v->running[i] = v->running[--v->running_count];
    if (v->is_held) {
        pthread_cond_signal(&v->more); /* what others have left may be enough for another one */
    }
    pthread_mutex_unlock(&v->lock);
}

/* The next call; NULL: it is over. */
static struct py_call *wait_for_call(struct py_volume *v)
{
    pthread_mutex_lock(&v->lock);
    struct py_call *call = take_locked(v);
    while (!call && !v->is_ending) {
        pthread_cond_wait(&v->more, &v->lock);
        call = take_locked(v);
    }
    pthread_mutex_unlock(&v->lock);
    return call;
}

static void finish(struct py_call *call, smbkit_status status)
{
    struct py_volume *v = call->volume;
    if (call->is_waited_for) {
        pthread_mutex_lock(&v->lock);
        call->status = status;
        call->is_over = 1;
        pthread_cond_broadcast(&v->over);
        pthread_mutex_unlock(&v->lock);
        return;
    }
    if (call->op) {
        smbkit_complete(call->op, status); /* waits for a cancel that looks at the call */
    }
    free(call);
}

static void *thread_main(void *arg)
{
    struct py_volume *v = arg;
    PyGILState_STATE held = PyGILState_Ensure();
    for (;;) {
        PyThreadState *save = PyEval_SaveThread();
        struct py_call *call = wait_for_call(v);
        PyEval_RestoreThread(save);
        if (!call) {
            break;
        }
        uint64_t client = call->client;
        py_op = call->op;
        smbkit_status status = py_run(call);
        py_op = NULL;
        save = PyEval_SaveThread();
        has_run(v, client);
        finish(call, status);
        PyEval_RestoreThread(save);
    }
    PyGILState_Release(held);
    return NULL;
}

int py_queue_end(struct py_volume *v)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PY_END_S;
    pthread_mutex_lock(&v->lock);
    v->is_ending = 1;
    pthread_cond_broadcast(&v->more);
    pthread_mutex_unlock(&v->lock);
    for (uint32_t i = 0; i < v->thread_count; i++) {
        if (pthread_timedjoin_np(v->threads[i], NULL, &until) != 0) {
            smbkit_log(0,
                       "python a script does not come back from a call, its share ends without it");
            return -1;
        }
    }
    pthread_cond_destroy(&v->over);
    pthread_cond_destroy(&v->more);
    pthread_mutex_destroy(&v->lock);
    return 0;
}

/* Signals of the process are for others: a handler of theirs would hold the interpreter up. */
static int thread_start(struct py_volume *v, pthread_t *thread)
{
    return quiet_thread_start(thread, thread_main, v);
}

int py_queue_begin(struct py_volume *v)
{
    uint32_t wanted = v->thread_count;
    int err = 0;
    v->last = &v->first;
    pthread_mutex_init(&v->lock, NULL);
    pthread_cond_init(&v->more, NULL);
    pthread_cond_init(&v->over, NULL);
    for (v->thread_count = 0; err == 0 && v->thread_count < wanted; v->thread_count++) {
        err = thread_start(v, &v->threads[v->thread_count]);
        if (err != 0) {
            break;
        }
    }
    if (err != 0) {
        (void)py_queue_end(v); /* nothing was asked of the script yet */
    }
    return err;
}

/* ---- calls ---- */

static int put_locked(struct py_volume *v, struct py_call *call)
{
    if (v->waiting >= PY_QUEUE_MAX && call->id != PY_CLOSE) {
        return 0;
    }
    *v->last = call;
    v->last = &call->next;
    v->waiting++;
    pthread_cond_signal(&v->more);
    return 1;
}

/* The client has given the call up: if the script has not begun, it need not. */
static void cancel(void *arg)
{
    struct py_call *call = arg;
    struct py_volume *v = call->volume;
    pthread_mutex_lock(&v->lock);
    struct py_call **at = &v->first;
    while (*at && *at != call) {
        at = &(*at)->next;
    }
    int is_taken_out = *at == call;
    if (is_taken_out) {
        *at = call->next;
        v->last = *at ? v->last : at;
        v->waiting--;
    }
    pthread_mutex_unlock(&v->lock);
    if (is_taken_out) {
        struct smbkit_op *op = call->op;
        free(call);
        smbkit_complete(op, SMBKIT_STATUS_CANCELLED);
    }
}

static smbkit_status wait_for_end(struct py_volume *v, struct py_call *call)
{
    pthread_mutex_lock(&v->lock);
    int ok = put_locked(v, call);
    while (ok && !call->is_over) {
        pthread_cond_wait(&v->over, &v->lock);
    }
    pthread_mutex_unlock(&v->lock);
    smbkit_status status = ok ? call->status : SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    free(call);
    return status;
}

/* The function of the cancel is there before the call is in the queue, so that it is not told to an
 * op that is over. */
static smbkit_status begin(struct py_volume *v, struct py_call *call)
{
    if (!SMBKIT_OK(smbkit_on_cancel(call->op, cancel, call))) {
        free(call);
        return SMBKIT_STATUS_CANCELLED;
    }
    pthread_mutex_lock(&v->lock);
    int ok = put_locked(v, call);
    pthread_mutex_unlock(&v->lock);
    if (!ok) {
        smbkit_complete(call->op, SMBKIT_STATUS_INSUFFICIENT_RESOURCES);
        free(call);
    }
    return SMBKIT_STATUS_PENDING;
}

smbkit_status py_queue_call(struct py_volume *v, uint32_t id, struct smbkit_op *op, void *file,
                            void *args)
{
    struct py_call *call = calloc(1, sizeof(*call));
    if (!call) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    call->volume = v;
    call->id = id;
    call->op = op;
    call->client = client_of(op);
    call->file = file;
    call->args = args;
    if (op->flags & SMBKIT_OP_SYNC) {
        if (op->flags & SMBKIT_OP_NOWAIT) {
            free(call);
            return SMBKIT_STATUS_WOULD_BLOCK;
        }
        call->is_waited_for = 1;
        return wait_for_end(v, call);
    }
    return begin(v, call);
}

void py_queue_close(struct py_volume *v, void *file)
{
    struct py_call *call = calloc(1, sizeof(*call));
    if (!call) {
        return; /* the script is not told, and the file's memory stays */
    }
    call->volume = v;
    call->id = PY_CLOSE;
    call->file = file;
    pthread_mutex_lock(&v->lock);
    put_locked(v, call);
    pthread_mutex_unlock(&v->lock);
}
