/* SPDX-License-Identifier: Apache-2.0 */
/* What is done with the name of an open file. */
#pragma once

#include "dir_priv.h"

/* A name in an open directory. */
struct dirfs_spot {
    int dir;          /* O_PATH */
    const char *name; /* within path */
    char path[DIRFS_PATH_MAX];
};

/* Is that the file, as it is now? */
bool dirfs_is_same(const struct statx *stx, const struct dirfs_file *file);

typedef smbkit_status dirfs_spot_fn(struct dirfs_volume *vol, struct dirfs_file *f,
                                    const struct dirfs_spot *spot, const void *arg);
/* fn is called where the file's name is just now, with the file's lock held. FILE_DELETED: the name
 * is gone or another file's; else what fn answers. */
smbkit_status dirfs_at_spot(struct dirfs_volume *vol, const struct smbkit_op *op,
                            struct dirfs_file *f, dirfs_spot_fn *fn, const void *arg);

smbkit_status dirfs_rename(void *volume, struct smbkit_op *op, void *file,
                           const struct smbkit_rename *a);
smbkit_status dirfs_link(void *volume, struct smbkit_op *op, void *file,
                         const struct smbkit_rename *a);
smbkit_status dirfs_remove(void *volume, struct smbkit_op *op, void *file,
                           const struct smbkit_remove *a);
smbkit_status dirfs_check_remove(void *volume, struct smbkit_op *op, void *file,
                                 const struct smbkit_remove *a);
