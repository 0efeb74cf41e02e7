/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are asked for by their short name, where the volume makes some. */
#pragma once

#include "vfs/core.h"

/* Names that went and how long they are remembered, [MS-FSA] 2.1.1.2. */
#define TUNNEL_NAMES_MAX 32u
#define TUNNEL_LIFE_US 15000000u

/* Does the volume make short names? */
bool names_has_short(const struct vfs_volume *v);
/* Could a path that is not there as it is spelled be there otherwise: in other letters, or by a
 * short name? Then names_resolve is to be asked. */
bool names_may_resolve(const struct vfs_volume *v, const char *path);
/* The name in the directory whose short name this is, the first in the directory's own order. Owned
 * *real_r; NULL: none. The directory is read for it, by its names only, and as the caller may see
 * it: what a filter hides is not found. */
NODISCARD smbkit_status names_short_find(const struct vfs_call *call, struct vfs_volume *v,
                                         const char *dir, const char *leaf, char **real_r);

/* Was the path found by the short name of its last component? */
bool names_is_by_short(const char *asked, const char *real);
/* The file has lost this path. If the open came by its short name, then who makes a file of that
 * short name within 15 seconds gets the long one back. Programs that know short names only save a
 * file so: they remove it, or rename it, and make it anew. [MS-FSA] 2.1.1.2; of the entries there,
 * those with KeyByShortName, and without a creation time. */
void names_tunnel_note(const struct vfs_open *o, const char *path);
/* Owned: the path with the long name for the short one that it ends in. NULL: none is remembered,
 * or no memory. */
NODISCARD char *names_tunnel_find(struct vfs_volume *v, const char *path);
/* The same in place. Without memory it stays. */
void names_tunnel_through(struct vfs_volume *v, char **path);
void names_tunnel_free(struct vfs_volume *v);
