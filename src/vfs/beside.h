/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes that a filter has beside the layer below it: smbkit_mount_open. One layer each, that of a
 * plugin, which lives in the filter's volume: its operations, its services and its counters are
 * those of that volume. */
#pragma once

#include "vfs/core.h"

#define BESIDES_MAX 64 /* of one volume */

/* For the host table. */
NODISCARD smbkit_status beside_open(const struct smbkit_volume_args *args, struct smbkit_mount *m);
void beside_close(struct smbkit_next *next);
void beside_event(struct beside *b, const struct smbkit_event *event);
/* Those that their filters have left. */
void besides_close(struct vfs_volume *v);
/* Once all layers are open. awaits: as of the layers. Does one want one call at a time on a file?
 */
bool besides_settle(struct vfs_volume *v, bool awaits);

/* What a plugin says when it fails begins with its name, and is never nothing. volume.c */
void volume_error_settle(const char *name, smbkit_status status,
                         const struct smbkit_volume_args *args);
