/* SPDX-License-Identifier: Apache-2.0 */
/* What a plugin lets clients cache of an open, and takes back: cache_request, smbkit_cache_break,
 * cache_ack.
 *
 * Each open that may cache has a grant, with a key of its own that the plugin was told before it
 * answered. An oplock is one open's; a lease has what one of its opens was granted. Only on volumes
 * of which a layer has cache_ack: on others keys are 0, and there is none of this. */
#pragma once

#include "vfs/core.h"

struct cache_grant {
    struct hash_link link; /* grants.table; grants.lock, as the next */
    struct list due;       /* grants.due; empty: it is in none */
    struct vfs_open *open; /* which has it in cache_grant */
    uint64_t key;          /* immutable */
    /* guarded by the node's lock */
    bool is_asked; /* the plugin has asked for it, and hears when it is given up */
    uint8_t left;  /* then: what may be left of it; OPLOCK_*, which are SMBKIT_CACHE_* */
    uint8_t kept;  /* it has left a lease that others share: what that had then */
};

void caching_init(struct cache_grants *g);
void caching_fini(struct cache_grants *g);
/* For what the plugin is to be asked next: the same when the request is run again to go on. */
uint64_t caching_key(const struct vfs_call *call, struct vfs_volume *v);
/* Under the node's lock, before an open that is in it gets what the plugin has granted. What it
 * gets: nothing where that was taken back already, or what others have is being, or without memory.
 * It may have more by a lease that others share, which is found by its key as well. */
NODISCARD uint32_t caching_begin_locked(struct vfs_open *o, uint64_t key, uint32_t granted);
/* Under n->lock: a break has ended. The plugin is told where that is what it asked for. */
void caching_given_up_locked(struct vfs_node *n);
/* Under the node's lock: an open that has a grant has left the lease, which others share. They keep
 * all of it; what the plugin waits for from this one, and the client has not given up, one of them
 * owes from now on. */
void caching_leave_locked(struct vfs_open *o, struct lease *l);
/* Is a close of it for a thread that may wait? It may have to tell the plugin that what it cached
 * is given up. */
NODISCARD bool caching_end_may_block(const struct vfs_call *call, const struct vfs_open *o);
/* The open has left its node, and its file is about to be closed: what the plugin asked for has
 * been given up. */
void caching_end(const struct vfs_call *call, struct vfs_open *o);
/* smbkit_cache_break. Without a lock held; any thread; calls no plugin. */
NODISCARD smbkit_status caching_break(struct vfs_volume *v, uint64_t key, uint32_t state);
