/* SPDX-License-Identifier: Apache-2.0 */
/* What plugins share whose files lie on the network and are shown as a tree: callbacks that wait
 * for answers, and folders that are to be looked at anew after a while. */
#pragma once

#include <pthread.h>

#include <smbkit/tree.h>

#include "web.h"

/* ---- calls that wait for an answer ---- */

/* The jobs of a volume; they are used again, and freed with it: who cancels may hold one that has
 * just ended. */
struct web_jobs {
    struct web *web;      /* immutable, as size */
    size_t size;          /* bytes of a job */
    pthread_mutex_t lock; /* guards what follows */
    struct web_job *idle;
    struct web_job *idle_last;
    uint32_t idle_count;
};

/* A callback of the tree that has answered PENDING. The first member of what a plugin has for
 * it. */
struct web_job {
    struct web_job *next;
    struct web_jobs *jobs;
    pthread_mutex_t lock; /* guards the two below */
    uint64_t ask_id;
    bool is_cancelled;
    struct smbkit_tree_call *call; /* of whose turn it is */
};

void web_jobs_init(struct web_jobs *jobs, size_t size); /* web is set later, before the first job */
void web_jobs_fini(struct web_jobs *jobs);
/* All of the plugin's own is zero. NULL: no memory. */
struct web_job *web_job_new(struct web_jobs *jobs, struct smbkit_tree_call *c);
/* The callback is over. What the plugin's own members hold it has let go of before; they are zero
 * again afterwards. */
void web_job_end(struct web_job *job, smbkit_status st);
/* A request of the job's own, which is cancelled with it. Else not asked: CANCELLED, or as
 * web_ask(). */
smbkit_status web_job_ask(struct web_job *job, const struct web_ask *ask);
/* A read of its own, likewise: its done is called in any case, maybe before this returns. */
struct web_read;
void web_job_read(struct web_job *job, const struct web_read *r);
bool web_job_is_cancelled(struct web_job *job);

/* ---- folders that are no longer fresh ---- */

struct web_stale;
struct web_fresh {
    struct smbkit_tree *tree; /* set when it is there */
    uint64_t fresh_ms;        /* immutable */
    struct smbkit_timer *timer;
    pthread_mutex_t lock;    /* guards what follows */
    struct web_stale *first; /* is due first */
    struct web_stale *last;
};
void web_fresh_init(struct web_fresh *f, struct smbkit_host *host, uint64_t fresh_ms);
void web_fresh_stop(struct web_fresh *f);
void web_fresh_fini(struct web_fresh *f);
/* The folder was filled: it is to be asked for again when it is no longer fresh. */
void web_fresh_add(struct web_fresh *f, smbkit_tree_id id);
