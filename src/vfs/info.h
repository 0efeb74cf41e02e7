/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "vfs/core.h"

/* The open has written: the file's data has changed, and times that it keeps are to be put back. */
void info_data_touched(struct vfs_open *o);
/* As vfs_get_reparse, of a file that is no open's. */
NODISCARD smbkit_status info_get_reparse(const struct vfs_call *call, const struct door_file *f,
                                         struct wr *out);
/* The same of what is at the path, of now or of a snapshot, a link itself. */
NODISCARD smbkit_status info_get_reparse_at(const struct vfs_call *call, struct vfs_volume *v,
                                            const char *path, uint64_t snapshot_time,
                                            struct wr *out);
/* The data of the open's file was changed through it: its times, and who watches. Asks the
 * plugin for little, and never stops. */
void info_data_changed(const struct vfs_call *call, struct vfs_open *o);
/* What all that changes the data of a file have in common: may it, and who caches it? May answer
 * WAIT. */
NODISCARD smbkit_status info_check_data_change(const struct vfs_call *call, struct vfs_open *o,
                                               enum oplock_op op);
