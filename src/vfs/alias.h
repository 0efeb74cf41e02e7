/* SPDX-License-Identifier: Apache-2.0 */
/* Directories that are reached by several paths: through a mount of a folder within a share, or a
 * link that is followed. (Shares that lie in each other: overlap.h.)
 *
 * A directory has one name in the one directory that it is in, so its paths end alike, unless a
 * mount or a link gives it a name of its own: such a path is not found here. */
#pragma once

#include "vfs/core.h"

/* Other paths with that last component that are looked at, for one question. */
#define ALIASES_MAX 64u

/* Something that is open below the directory by another path than this one; *found_r: a reference,
 * NULL: nothing. Fails only where the question must be asked again (door_stops), or NO_MEMORY.
 * Cost: a lookup for each directory of the same name, in any volume, that something is open below.
 */
NODISCARD smbkit_status alias_open_below(const struct vfs_call *call, struct vfs_open *dir,
                                         const char *path, struct vfs_node **found_r);
