/* SPDX-License-Identifier: Apache-2.0 */
/* Byte-range locks as the plugin hears of them, for others than the server's clients: the core has
 * granted them among its own before, and gives them back after. */
#pragma once

#include "vfs/core.h"
#include "vfs/move.h"

/* Take them below, in order. SUCCESS: all. WAIT, WOULD_BLOCK: run it again with the same locks.
 * Else: none, and what the plugin has answered. */
NODISCARD smbkit_status lock_below_take(const struct vfs_call *call, struct vfs_open *o,
                                        const struct vfs_lock *locks, size_t count);
/* to takes the place of m->from, and nobody acts on that: what it has locked is taken below to, in
 * the order in which it was. Any error: to is to be closed, which ends those that were taken. */
NODISCARD smbkit_status lock_below_move(const struct vfs_call *call, const struct vfs_move *m,
                                        struct vfs_open *to);
/* Give up those that the open has, up to the first that it has not. WAIT, WOULD_BLOCK: as above.
 * Else the plugin's first error, after which the others are given up all the same. */
NODISCARD smbkit_status lock_below_give(const struct vfs_call *call, struct vfs_open *o,
                                        const struct vfs_lock *locks, size_t count);
