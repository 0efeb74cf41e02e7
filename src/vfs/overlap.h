/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes that lie in each other: two shares of one folder, a share of a folder within another.
 * What the core changes in one is told to who watches the other, by its own paths. They are known
 * by their locations, which the plugins tell. */
#pragma once

#include "vfs/core.h"

/* The volume is one of nodes' from now on; its location is set. */
void overlap_join(struct vfs_volume *v);
void overlap_leave(struct vfs_volume *v); /* harmless twice */

/* What path of the volume at location `from` is in the one at `to`. Owned; NULL: it is not in there
 * (or no memory). */
NODISCARD char *overlap_map(const char *from, const char *path, const char *to);

struct dirlease_cause;
/* One thing that happened in a volume: NOTIFY_RENAMED_OLD with new_path, or another action. */
struct overlap_event {
    const char *path;
    const char *new_path;
    uint32_t action;
    uint32_t filter;
    const struct dirlease_cause *by; /* for dirlease.c */
};
/* Calls fn for each other volume that the event concerns, with what it is there: a rename that
 * leaves or enters it is REMOVED or ADDED. Under nodes->volumes_lock. */
void overlap_each(struct vfs_volume *v, const struct overlap_event *e,
                  void (*fn)(struct vfs_volume *other, const struct overlap_event *there));

/* Something that is open below that directory of the volume, through whatever volume; a reference.
 * NULL: nothing. */
struct vfs_node *overlap_open_below(struct vfs_volume *v, const char *path);
