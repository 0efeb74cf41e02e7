/* SPDX-License-Identifier: Apache-2.0 */
/* The named streams of an open file, or of the one that an open stream is in. */
#pragma once

#include "vfs/vfs.h"

/* Owned: the name of the stream that it is open on. NULL: the file itself, or no memory. */
NODISCARD char *vfs_open_stream(struct vfs_open *o);
bool vfs_open_is_stream(const struct vfs_open *o);
/* One named stream, with its sizes; false: no more are wanted, this one was not taken. Called
 * without core locks. */
typedef bool (*vfs_stream_fn)(void *arg, const char *name, const struct smbkit_attr *attr);
/* Of the file that a stream is in; of any other, its own. */
NODISCARD smbkit_status vfs_stream_base_getattr(struct vfs_call *call, struct vfs_open *o,
                                                struct smbkit_attr *attr);
/* The named streams of the file. On WAIT and WOULD_BLOCK forget what was given. */
NODISCARD smbkit_status vfs_streams(struct vfs_call *call, struct vfs_open *o, vfs_stream_fn fn,
                                    void *arg);
/* [MS-FSA] 2.1.5.15.11.1: of an open stream. What has the new name is replaced only when it is
 * empty and open to nobody: INVALID_PARAMETER. */
struct vfs_stream_rename {
    const char *name; /* NULL: the file's own data, which no stream becomes: NOT_SUPPORTED */
    bool replace;
};
NODISCARD smbkit_status vfs_rename_stream(struct vfs_call *call, struct vfs_open *o,
                                          const struct vfs_stream_rename *a);
