/* SPDX-License-Identifier: Apache-2.0 */
/* Names that are being made: creation, rename and link of one name in one directory come one after
 * the other, whichever path, share and case of letters they come by. A claim is the directory's
 * identity and the name without regard to case. A request that waits for the core gives its claims
 * back; one that a plugin has stopped keeps them in its journal, since what it has done already
 * stands. */
#pragma once

#include "vfs/core.h"

struct name_claim {
    struct hash_link hash; /* shard->claims, under its lock */
    struct node_shard *shard;
    struct file_key dir;
    char *leaf;          /* owned */
    struct list waiters; /* shard->waits */
    struct list held;    /* vfs_journal.claims */
};

/* SUCCESS: the name is the caller's until claim_give. WAIT: another's; registered. NO_MEMORY. *c is
 * NULL before. */
NODISCARD smbkit_status claim_take(struct name_claim **c, const struct vfs_call *call,
                                   struct vfs_nodes *t, const struct file_key *dir,
                                   const char *leaf);
/* The run of the handler is over. Nulls *c; NULL allowed. */
void claim_give(struct name_claim **c, const struct vfs_call *call);
/* The journal is given up. */
void claims_release(struct vfs_journal *j);
