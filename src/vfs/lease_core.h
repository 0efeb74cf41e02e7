/* SPDX-License-Identifier: Apache-2.0 */
/* Leases of nodes: which node one is of, which opens share it. */
#pragma once

#include "vfs/core.h"

/* Does it have opens of another node than this (NULL: of any)? Then it cannot be had here: a key
 * names one file. [MS-SMB2] 3.3.5.9.8. Under n->lock. */
bool lease_is_elsewhere(struct lease *l, const struct vfs_node *n);
/* What it has just now. Takes the lock of its node. */
uint8_t lease_caching_of(struct lease *l);
/* Under n->lock: an open that is in the node shares the lease. false: it is elsewhere. */
NODISCARD bool lease_join_locked(struct vfs_node *n, struct vfs_open *o,
                                 const struct vfs_lease_want *want);
/* Under n->lock: the open goes away; with its last open, so does what the lease holds. Harmless
 * without a lease. */
void lease_leave_locked(struct vfs_node *n, struct vfs_open *o);
/* Under n->lock: the lease of an open that is in the node gets what is asked for, or less. */
void lease_grant_locked(struct vfs_node *n, struct vfs_open *o, const struct vfs_lease_want *want,
                        struct vfs_lease_got *out);
