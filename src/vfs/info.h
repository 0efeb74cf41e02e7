/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "vfs/core.h"

/* Before the open changes the data: a write time that it does not change is what it is now, maybe
 * by others' doings. */
NODISCARD smbkit_status info_note_write_time(const struct vfs_call *call, struct vfs_open *o);
/* The open has written: a write time that it fixed is to be put back. */
void info_write_time_touched(struct vfs_open *o);
/* As vfs_get_reparse, of a file that is no open's. */
NODISCARD smbkit_status info_get_reparse(const struct vfs_call *call, const struct door_file *f,
                                         struct wr *out);
/* Put it back, if that is due. WOULD_BLOCK: it stays due. */
smbkit_status info_restore_write_time(const struct vfs_call *call, struct vfs_open *o);
