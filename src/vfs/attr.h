/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes that plugins answer, in the shape that the rest of the core relies on. Pure. */
#pragma once

#include <smbkit/types.h>

#include "base/base.h"

struct vfs_volume;

/* What a struct of another build has, the rest zero. */
void attr_copy(struct smbkit_attr *to, const struct smbkit_attr *from);
/* NORMAL and nothing beside it, or no NORMAL; sizes of directories, allocation, links and times
 * that the plugin does not keep. false: a size that no file has. [MS-FSCC] 2.6 */
NODISCARD bool attr_settle(const struct vfs_volume *v, struct smbkit_attr *a);
