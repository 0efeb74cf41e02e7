/* SPDX-License-Identifier: Apache-2.0 */
/* Which users have a folder of a volume as their root, each asked of its plugin once. One thread.
 */
#pragma once

#include "base/hash.h"
#include "vfs/vfs.h"

struct smb_roots {
    struct hash_table known; /* struct root */
};

void smb_roots_init(struct smb_roots *r);
void smb_roots_fini(struct smb_roots *r);
/* Has the user a root of his own in v, which is none in another volume? If that is not known, too.
 * Blocks. */
bool smb_roots_has(struct smb_roots *r, struct vfs_token *token, struct vfs_volume *v);
