/* SPDX-License-Identifier: Apache-2.0 */
/* inotify for whoever wants to be told: the process has one instance (the kernel gives a user 128
 * of them), and each ear hears of it what it would of one of its own. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct dirfs_ear;

/* wakes: what there is for it to hear makes dirfs_ears_wait return. NULL: no memory, or no inotify
 * instance can be had. */
struct dirfs_ear *dirfs_ear_new(bool wakes);
void dirfs_ear_free(struct dirfs_ear *ear); /* NULL allowed */
/* Be told of what is done there from now on; mask: inotify's. The number of the watch, the same one
 * for the same file, or -errno. */
int dirfs_ear_add(struct dirfs_ear *ear, const char *path, uint32_t mask);
void dirfs_ear_remove(struct dirfs_ear *ear, int wd);
/* Events as read(2) of an inotify descriptor gives them, whole ones, with IN_Q_OVERFLOW where some
 * were lost: the bytes; 0: there is none now; -1: it cannot be known. */
ssize_t dirfs_ear_read(struct dirfs_ear *ear, void *buf, size_t cap);
/* Wait until dirfs_ears_end_wait is called or, for_events, until there is something for an ear that
 * wakes, and for ms at most (-1: however long). One thread may; an ear must be there meanwhile. */
void dirfs_ears_wait(int ms, bool for_events);
void dirfs_ears_end_wait(void);
