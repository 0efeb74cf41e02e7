/* SPDX-License-Identifier: Apache-2.0 */
/* What smbkit_complete needs of io.c. */
#pragma once

#include "vfs/vfs.h"

/* A transfer that was handed up as pending has ended. Under io->core.lock. */
void io_complete_locked(struct vfs_io *io, smbkit_status status);
