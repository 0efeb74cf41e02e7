/* SPDX-License-Identifier: Apache-2.0 */
/* A share that a program makes, which is run once for each thing that is asked of it. */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <sys/types.h>

#include <smbkit/tree.h>

#define SH_LIST_MAX (16u << 20) /* bytes of a folder's list */
#define SH_TEXT_MAX 4096u       /* bytes of what it says on standard error that are kept */
#define SH_PATH_MAX 32768u      /* bytes of a path in the share */
#define SH_LOOK_MAX (1u << 20)  /* bytes of a program that is looked through for its arguments */
#define SH_QUEUE_MAX 1024u      /* runs that wait for one of them; more are refused */
#define SH_OUT_MAX (UINT64_C(4) << 30) /* bytes that runs have said and nobody has taken yet */
#define SH_GRACE_MS 3000u  /* a run that changes something has so long to end when it is told to */
#define SH_THREADS_MAX 64u /* programs that run at a time, of one share; more wait */

/* Exit codes, as nbdkit-sh-plugin(3) has them. */
#define SH_UNKNOWN 2 /* it does not know the word */
#define SH_NO 3      /* there is no such file */
#define SH_LOST 255  /* how it ended is not known */

struct sh_volume;

/* A callback on its way. */
struct sh_job {
    struct sh_job *next;
    struct sh_volume *volume;
    struct smbkit_tree_call *call;
    smbkit_status (*fn)(struct sh_job *job);
    void *args;        /* of the callback */
    smbkit_tree_id id; /* likewise */
    uint64_t client;   /* whose it is: one number for his name and the address of his machine */
    /* volume->lock */
    int is_cancelled;
    uint64_t out_size; /* bytes that its run has said */
};

struct sh_volume {
    struct smbkit_tree *tree;
    char *script;
    char *share;
    char **variables; /* NAME=VALUE, of the arguments; the last one NULL */
    uint64_t timeout_ms;
    int can_write;
    pthread_t threads[SH_THREADS_MAX];
    pthread_mutex_t lock;
    pthread_cond_t more; /* jobs, or the end */
    /* lock */
    struct sh_job *first;
    struct sh_job **last;
    uint32_t thread_count;
    uint32_t idle_count;
    uint32_t queued;
    uint32_t running_count;
    struct sh_job *running[SH_THREADS_MAX];
    uint64_t out_bytes; /* of all that run */
    int is_ending;      /* nothing more is begun, and what runs is ended */
};

/* One run. */
struct sh_run {
    struct sh_job *job; /* that it is for; NULL: the server itself asks */
    const char *word;   /* "list", "read", ... */
    const char *path;   /* NULL: none */
    const char *other;  /* a second path; NULL: none */
    const void *in;     /* its standard input */
    size_t in_size;
    int changes;    /* the files: it is not ended half-way if it can be helped */
    size_t out_max; /* bytes of standard output; more is an error */
    /* out */
    char *out; /* malloc; terminated */
    size_t out_size;
    char text[SH_TEXT_MAX]; /* standard error, terminated */
    int code;               /* exit code; 128 and a signal; -1: it did not come to its end */
};

/* ---- sh_jobs.c ---- */

/* Have fn called on a thread of the share, and its answer told to the tree: PENDING. Or the answer.
 */
smbkit_status sh_later(struct smbkit_tree_call *c, smbkit_status (*fn)(struct sh_job *job),
                       const void *args, smbkit_tree_id id);
/* Its client has gone, or the share ends. */
int sh_is_given_up(struct sh_volume *v, struct sh_job *job);
/* May its run say size bytes in all? They count as long as it runs. */
int sh_may_say(struct sh_volume *v, struct sh_job *job, uint64_t size);
/* Whatever runs is ended, and what waits is answered. */
void sh_stop(struct sh_volume *v);

/* ---- sh_run.c ---- */

/* Runs it to its end: what the client is answered. r->out is the caller's to free in any case. */
smbkit_status sh_run(struct sh_volume *v, struct sh_run *r);

/* ---- sh_status.c ---- */

/* What an exit code and a text on standard error say. */
smbkit_status sh_status_of(int code, const char *text);
