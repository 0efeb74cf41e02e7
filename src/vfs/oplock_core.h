/* SPDX-License-Identifier: Apache-2.0 */
/* Oplocks of nodes: who is told, who waits. */
#pragma once

#include "vfs/core.h"

/* Under n->lock. Tell the holders that the operation concerns; true: it has to wait for one of
 * them. */
bool oplock_break_locked(struct vfs_node *n, const struct oplock_query *q);
/* Under n->lock: register the call for the end of a break. Answers WAIT. */
NODISCARD smbkit_status oplock_wait_locked(const struct vfs_call *call, struct vfs_node *n);
/* Under n->lock. Those who only cache their handles are asked to let go of them: WAIT (registered).
 * otherwise: nobody has to be waited for, or the call has asked for as long as one break may take
 * already: who always has another handle there does not keep it waiting for ever. */
NODISCARD smbkit_status oplock_ask_locked(const struct vfs_call *call, struct vfs_node *n,
                                          const struct oplock_query *q, smbkit_status otherwise);
/* The operation of an open on its own node: SUCCESS, or WAIT (registered). */
NODISCARD smbkit_status oplock_break_for(const struct vfs_call *call, struct vfs_open *o,
                                         enum oplock_op op);
/* The same of what cannot wait any more: the holders are told. */
void oplock_tell(struct vfs_open *o, enum oplock_op op);
/* Under n->lock: tell the breaks of a check or an answer to their clients. */
void oplock_tell_locked(struct oplock_result *result);
/* Under n->lock: who waits for the end of a break looks again. */
void oplock_wake_locked(struct vfs_node *n);
/* Under n->lock: an open that is in the node gets what it asked for, or less. */
uint8_t oplock_grant_locked(struct vfs_node *n, struct vfs_open *o, uint8_t level);
/* Under n->lock: the open goes away. */
void oplock_end_locked(struct vfs_node *n, struct vfs_open *o);
/* The plugin says that the operation was done, by that client (0: by nobody who caches). */
void oplock_break_told(struct vfs_node *n, enum oplock_op op, uint64_t client);
