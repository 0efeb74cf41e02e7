/* SPDX-License-Identifier: Apache-2.0 */
/* Which waiting job a worker takes next: a tree of lanes, kind -> volume -> session. A lane runs at
 * most `max` jobs at a time, its own and those of the lanes below it; lanes of one parent take
 * turns. The last `spare` of them are for lanes below it that have nothing running. No threads here
 * and no lock: workers.c has them. Every step costs the depth of the tree.
 */
#pragma once

#include "base/hash.h"
#include "base/job.h"

struct lane {
    struct lane *parent;
    struct list ready_link; /* in *in while it has something to run and may run it */
    struct list *in;        /* parent->ready or parent->fresh; NULL: in neither */
    struct list ready;      /* lanes below that are ready, whose turn is next in front */
    struct list fresh;      /* those of them that have nothing running, where there is a spare */
    bool fresh_had_turn;    /* the last time that both had some */
    struct list jobs;       /* of its own */
    unsigned running;
    unsigned max;
    unsigned spare; /* below max */
    /* lanes of volumes and sessions, which live while they have jobs */
    unsigned children;
    struct hash_link link;
    struct work_key key; /* session 0: the volume's */
};

struct lanes {
    struct lane root;
    struct lane kinds[WORK_KIND_COUNT];
    struct work_quota quota[WORK_KIND_COUNT];
    struct hash_table table; /* lanes of volumes and sessions */
    uint64_t seed;
};

void lanes_init(struct lanes *ls, const struct work_quota quota[WORK_KIND_COUNT], uint64_t seed);
/* Nothing may be queued or running. */
void lanes_fini(struct lanes *ls);
void lanes_push(struct lanes *ls, const struct work_key *key, struct job *job);
/* The next job that may run now, and its lane, to be given to lanes_done when the job has run.
 * NULL: there is none. */
struct job *lanes_pop(struct lanes *ls, struct lane **lane_r);
/* Is there a job that only the spare has room for, beside what was given out in lane? Whoever took
 * that one has made room for two. */
bool lanes_has_spared(const struct lanes *ls, const struct lane *lane);
void lanes_done(struct lanes *ls, struct lane *lane);
/* Would lanes_pop give one? */
bool lanes_is_ready(const struct lanes *ls);
