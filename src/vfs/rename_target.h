/* SPDX-License-Identifier: Apache-2.0 */
/* The new name of a rename or a link: what is there, and the claim of the name.
 *
 * What is replaced is the link of the new name itself. Where that is a symbolic link, it goes, and
 * what it leads to stays. */
#pragma once

#include "vfs/core.h"

/* Where the file is to go. */
struct rename_target {
    char *path;     /* owned: the directory as the volume spells it, the name as it was given */
    char *existing; /* owned: what is there already, as the volume spells it; NULL: nothing */
    struct smbkit_attr attr; /* of that */
    struct vfs_node *held;   /* its node, with held_name in it, while it is being replaced */
    struct node_name *held_name;
    struct name_claim *claim;
    bool changed; /* what is there is not what was found: look again */
};

/* How the new name is looked at. */
#define RENAME_ITSELF SMBKIT_CREATE_OPEN_REPARSE_POINT

/* Find what is at the new name, and claim the name: nobody makes it, in whatever letters, until
 * rename_target_fini. t: all zero, or claimed before. Refused as Windows refuses to open the
 * directory, to add to it: access_check_destination. */
NODISCARD smbkit_status rename_target_claim(const struct vfs_call *call, struct vfs_open *o,
                                            const char *path, struct rename_target *t);
/* May what is there be replaced? It is kept from being opened until rename_target_fini.
 * OBJECT_NAME_COLLISION with t->changed: it is not what was found, claim anew. */
NODISCARD smbkit_status rename_target_replace(const struct vfs_call *call, struct vfs_volume *v,
                                              struct rename_target *t, bool replace);
void rename_target_fini(struct rename_target *t, const struct vfs_call *call);
