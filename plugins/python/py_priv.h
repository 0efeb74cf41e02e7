/* SPDX-License-Identifier: Apache-2.0 */
/* A share that a script in Python makes. Each share has threads of its own, which hold the
 * interpreter only while they run the script: a call is put into the share's queue and answers
 * PENDING, one of its threads runs it and completes it. So the server never waits for the
 * interpreter, and a script that hangs stops its own share alone. */
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pthread.h>

#include <smbkit/plugin.h>

#define PY_THREADS_MAX 64
#define PY_END_S 10 /* seconds that calls have to come to their end when the share is closed */
#define PY_QUEUE_MAX 65536 /* calls that wait in a share; more are refused */

struct py_volume;

/* One operation on its way. */
struct py_call {
    struct py_call *next;
    struct py_volume *volume;
    uint32_t id; /* SMBKIT_OP_*, or PY_CLOSE */
    struct smbkit_op *op;
    void *file; /* PyObject *: a reference, the file's */
    void *args;
    int is_waited_for; /* by the thread that called: it is not completed, but is_over */
    int is_over;
    uint64_t client; /* whose it is: his name and the address of his machine */
    smbkit_status status;
};
#define PY_CLOSE SMBKIT_OP_COUNT

struct py_volume {
    struct smbkit_host *host;
    PyObject *mount;        /* of smbkit.py; the interpreter's lock */
    uint64_t number;        /* what scripts know it by */
    struct py_volume *next; /* in the list of py_module.c */
    uint32_t thread_count;
    pthread_t threads[PY_THREADS_MAX];
    pthread_mutex_t lock;
    pthread_cond_t more; /* calls, or the end */
    pthread_cond_t over; /* a call that is waited for */
    /* lock */
    struct py_call *first;
    struct py_call **last;
    uint32_t waiting;
    uint32_t running_count;
    uint64_t running[PY_THREADS_MAX]; /* clients, of calls that run */
    int is_held;                      /* one that waits has had another before it */
    int is_ending;
};

/* ---- py_queue.c ---- */

/* Start the threads. Without the interpreter's lock. 0 or an errno. */
int py_queue_begin(struct py_volume *v);
/* Run what is queued, then end the threads. Without the interpreter's lock. 0; else the script does
 * not come back, and v must stay for it. */
int py_queue_end(struct py_volume *v);
/* As the operation of a plugin answers. */
smbkit_status py_queue_call(struct py_volume *v, uint32_t id, struct smbkit_op *op, void *file,
                            void *args);
/* The close of a file: nobody waits for it. */
void py_queue_close(struct py_volume *v, void *file);

/* ---- py_run.c: the interpreter's lock is held ---- */

/* Run a call to its end. */
smbkit_status py_run(struct py_call *call);
/* The status of the exception that is set, which is cleared. */
smbkit_status py_status_take(void);

/* ---- py_module.c ---- */

/* Start the interpreter, once for the process; afterwards its lock is free. 0; or a text. */
const char *py_begin(void);
/* smbkit_mount.py, whose functions the plugin calls. */
extern PyObject *py_mount;
/* From now on, or no longer, scripts reach it by its number. */
void py_volume_add(struct py_volume *v);
void py_volume_remove(struct py_volume *v);
/* The call that this thread runs; NULL: none. */
extern _Thread_local struct smbkit_op *py_op;
