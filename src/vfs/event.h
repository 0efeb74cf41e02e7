/* SPDX-License-Identifier: Apache-2.0 */
/* What plugins report: smbkit_tell. */
#pragma once

#include "vfs/core.h"

/* Breaks caching, tells watchers, and lets the index of names follow. Without a lock held; any
 * thread. Cost: the depth of the path and what is open by it; SMBKIT_CHANGE_OVERFLOW: what is open
 * below it. */
void event_take(struct vfs_volume *v, const struct smbkit_event *event);
