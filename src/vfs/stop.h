/* SPDX-License-Identifier: Apache-2.0 */
/* On which link a create stopped. */
#pragma once

#include "vfs/vfs.h"

struct vfs_stop_in {
    struct vfs_volume *volume;
    const char *path;
};
struct vfs_stop_out {
    struct wr *reparse; /* takes the REPARSE_DATA_BUFFER of the link, [MS-FSCC] 2.1.2.2 */
    const char *rest;   /* of the path, behind the link: "", or begins with '/' */
};
/* On which link did a create of that path stop that answered IO_REPARSE_TAG_NOT_HANDLED? May be
 * called again after WAIT or WOULD_BLOCK. NOT_FOUND: it does not stop any more, or too far down. */
NODISCARD smbkit_status vfs_stop_find(struct vfs_call *call, const struct vfs_stop_in *in,
                                      struct vfs_stop_out *out);
/* Does that answer of it say that there is no such link, or none for who asks? Else, if it is no
 * SUCCESS, something failed that may be otherwise the next time. */
bool vfs_stop_is_none(smbkit_status status);
