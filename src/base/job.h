/* SPDX-License-Identifier: Apache-2.0 */
/* A piece of work to be run once on some thread. Embedded in the object that it works on. */
#pragma once

#include "base/list.h"

struct job {
    struct list link; /* the queue's, while queued */
    void (*fn)(struct job *job);
};

/* Which threads a job for a worker may have. Each kind has threads of its own, so that a kind that
 * is stuck keeps no other waiting. */
enum work_kind {
    WORK_LOGON, /* log-ins */
    WORK_END,   /* what gives something back: close, tree disconnect, logoff, a lost session */
    WORK_CALL,  /* any other call of a volume that may block */
    WORK_KIND_COUNT
};

/* Whose work a job is: within its kind a volume, and there a session, has its quota of threads. */
struct work_key {
    enum work_kind kind;
    uint64_t volume; /* 0: of none */
    uint64_t session;
};

/* Threads that work may have at a time; each at least 1. */
struct work_quota {
    unsigned kind_max;
    unsigned volume_max;
    unsigned session_max; /* on one volume */
    /* Of kind_max: for volumes that have nothing running, so that others' slowness, however many
     * they are, leaves each of them one. */
    unsigned kind_spare;
};
