/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of a share. Any thread. */
#pragma once

#include "dir_priv.h"

/* folder is opened once, to see that it is there. */
smbkit_status dirfs_pasts_new(struct dirfs_volume *vol, const char *folder, const char *names);
void dirfs_pasts_free(struct dirfs_volume *vol);
/* Is that what the volume has? folder NULL: none. */
bool dirfs_pasts_are(const struct dirfs_volume *vol, const char *folder, const char *names);
struct dirfs_volume *dirfs_past_volume(struct dirfs_past *past);
void dirfs_past_put(const struct dirfs_volume *today, struct dirfs_past *past); /* NULL allowed */
/* As dirfs_create and dirfs_lookup, in the snapshot of the time that is asked for. */
smbkit_status dirfs_past_create(struct dirfs_volume *vol, struct smbkit_op *op,
                                struct smbkit_create *how);
smbkit_status dirfs_past_lookup(struct dirfs_volume *vol, struct smbkit_op *op,
                                struct smbkit_lookup *a);
smbkit_status dirfs_snapshots(void *volume, struct smbkit_op *op, struct smbkit_snapshots *a);
/* The volume that the file is in. file NULL: the share's. */
static inline struct dirfs_volume *dirfs_of(void *volume, const void *file)
{
    const struct dirfs_file *f = file;
    return f && f->past ? dirfs_past_volume(f->past) : volume;
}
