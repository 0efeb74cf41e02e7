/* SPDX-License-Identifier: Apache-2.0 */
/* What is done for operations that no layer has, by way of those that there are. Several calls
 * each: they are made one after the other on the spot (never PENDING), and with NOWAIT only where
 * nothing can block, since a later one that would block could not take the earlier ones back. */
#pragma once

#include <smbkit/plugin.h>

struct layer;

smbkit_status emulate_lookup(struct layer *from, struct smbkit_op *op, void *file, void *args);
smbkit_status emulate_overwrite(struct layer *from, struct smbkit_op *op, void *file, void *args);
smbkit_status emulate_allocate(struct layer *from, struct smbkit_op *op, void *file, void *args);
smbkit_status emulate_zero_range(struct layer *from, struct smbkit_op *op, void *file, void *args);
smbkit_status emulate_ranges(struct layer *from, struct smbkit_op *op, void *file, void *args);
smbkit_status emulate_copy_range(struct layer *from, struct smbkit_op *op, void *file, void *args);
