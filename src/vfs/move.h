/* SPDX-License-Identifier: Apache-2.0 */
/* An open of one volume goes on in another: a volume takes another's place. Who calls sees to it
 * that no other call on the open is under way, and lets none begin; one caller at a time. May
 * block. */
#pragma once

#include "vfs/vfs.h"

/* The volume that the open is of; borrowed from it. */
struct vfs_volume *vfs_open_volume(const struct vfs_open *o);
/* What it caches by is broken to nothing, whoever else has a part in that. */
void vfs_open_uncache(struct vfs_open *o);
/* Is that so by now: answered, given up, or there was nothing? */
bool vfs_open_is_uncached(const struct vfs_open *o);
/* Tells apart what opens are of: the same for opens of one file, or one stream. */
uintptr_t vfs_open_node_tag(const struct vfs_open *o);
/* Whoever waits for a byte-range lock by it is woken. What is locked by others that go with it is
 * given up in the old volume before it is its turn: it must not be given to it there. */
void vfs_open_waits_end(struct vfs_open *o);
/* What its close would have the plugin do with what it wrote is done now. How that went, vfs_close
 * answers. */
NODISCARD smbkit_status vfs_open_commit(struct vfs_call *call, struct vfs_open *o);

struct vfs_move {
    struct vfs_open *from;
    struct vfs_volume *volume;
    struct vfs_owner owner;
    /* Its byte-range locks may be many, and the plugin is asked for each: looked at between them.
     * true: no more time, IO_TIMEOUT. NULL: it has all the time. */
    bool (*is_late)(void *arg);
    void *late_arg;
};
/* A new open of the file, directory or stream that has the path of m->from in m->volume, with what
 * that one has: access (which is checked anew), sharing, options, position, byte-range locks, what
 * it watches (of which it is told that events were lost). It caches nothing; a listing under way
 * begins anew; times that were fixed are not. m->from is to be closed afterwards. Errors: as of
 * vfs_create (WAIT), and of vfs_lock; DELETE_PENDING also for what is deleted when it is closed;
 * NOT_SUPPORTED: it is in a snapshot, or the root that a user was given. */
NODISCARD smbkit_status vfs_open_move(struct vfs_call *call, const struct vfs_move *m,
                                      struct vfs_open **open_r);
/* What would that answer? Nothing is changed, but for what an opener has others give up.
 * asks_locks: the plugin is asked for the locks, which others of its store see for a moment. */
NODISCARD smbkit_status vfs_open_move_try(struct vfs_call *call, const struct vfs_move *m,
                                          bool asks_locks);
