/* SPDX-License-Identifier: Apache-2.0 */
/* Symbolic links as a client makes them. */
#pragma once

#include "smb/dfs.h"
#include "wire/fsctl.h"

/* The REPARSE_DATA_BUFFER of a link with this target. */
static void link_format(struct wr *w, const char *target)
{
    struct wr data = wr_new(FSCTL_REPARSE_DATA_MAX);
    fsctl_symlink_format(&data, target, target, SMB2_SYMLINK_FLAG_RELATIVE);
    const struct fsctl_reparse reparse = {.tag = SMB2_IO_REPARSE_TAG_SYMLINK,
                                          .data = {data.base, wr_pos(&data)}};
    fsctl_reparse_format(w, &reparse);
    wr_fini(&data);
}
