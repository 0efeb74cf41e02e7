/* SPDX-License-Identifier: Apache-2.0 */
/* demo: a step of smbkit-tree(3) in each file. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include <smbkit/tree.h>

#define DEMO_MISSED 5

/* The volume, which is the arg of the tree. */
struct demo {
    struct smbkit_tree *tree;
    /* immutable after volume_open */
    char *host;       /* a file or folder of the host; NULL: none */
    bool has_roots;   /* who connects gets the folder of his name as root */
    uint64_t tick_ms; /* of the clock; 0: it stands still */
    smbkit_tree_id clock;
    smbkit_tree_id last;   /* the folder of the last ticks */
    smbkit_tree_id users;  /* the folder of the users' folders */
    smbkit_tree_id pushed; /* the folder that orders change */
    struct smbkit_timer *timer;
    struct smbkit_timer *slow_timer;

    pthread_mutex_t lock; /* guards what follows */
    uint64_t ticks;
    char missed[DEMO_MISSED][64]; /* names that were asked for and are not there */
    uint32_t missed_count;        /* since the beginning */
    struct slow *slow;            /* fills that pend */
};

/* Each adds its part of the tree. */
smbkit_status demo_generated_add(struct demo *d);
smbkit_status demo_host_add(struct demo *d);
smbkit_status demo_ram_add(struct demo *d);
smbkit_status demo_clock_add(struct demo *d);
void demo_clock_stop(struct demo *d);
smbkit_status demo_names_add(struct demo *d);
void demo_missed(void *arg, smbkit_tree_id folder, const char *name);
smbkit_status demo_users_add(struct demo *d);
smbkit_status demo_user_root(struct smbkit_tree_call *c, smbkit_tree_id *root_r);
smbkit_status demo_orders_add(struct demo *d);
smbkit_status demo_slow_add(struct demo *d);
void demo_slow_stop(struct demo *d);
