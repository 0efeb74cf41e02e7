/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of vfs_create, and what its files share. */
#pragma once

#include "vfs/core.h"

/* One vfs_create under way; on its stack. */
struct create {
    const struct vfs_call *call;
    const struct vfs_create_in *in;
    struct vfs_create_out *out;

    /* create_checks.c */
    uint32_t desired; /* generic bits mapped; MAXIMUM_ALLOWED may be in it */
    uint32_t options;
    bool overwrites; /* SUPERSEDE, OVERWRITE, OVERWRITE_IF */
    bool creates;    /* may make a new file */
    bool wants_max;  /* MAXIMUM_ALLOWED */

    /* one attempt */
    uint_fast64_t removals; /* volume.removals before the plugin was asked */
    char *path;             /* owned; as the volume spells it, as far as it is there */
    struct door_file f;
    bool has_file; /* f is open and not yet an open's */
    struct smbkit_attr attr;
    uint32_t tried_access; /* what f was opened for */
    uint32_t granted;
    uint32_t max_access;
    bool breaking; /* COMPLETE_IF_OPLOCKED: a break was begun */
    bool again;    /* the answer does not count: start over */
};

/* [MS-FSA] 2.1.5.1 phases 1-5: everything that can be refused without looking at a file. Fills the
 * first part of c. */
NODISCARD smbkit_status create_check(struct create *c);
/* What an existing file refuses, before access is checked. */
NODISCARD smbkit_status create_check_existing(const struct create *c);
/* The attributes of a new or overwritten file. */
uint32_t create_attributes(const struct create *c, bool is_directory);

/* Find and open what is there: SUCCESS (c->f, attr, path), OBJECT_NAME_NOT_FOUND (c->path is where
 * it would be). */
NODISCARD smbkit_status create_resolve(struct create *c);
/* Make it: c->f, attr, granted. OBJECT_NAME_COLLISION: it is there after all. */
NODISCARD smbkit_status create_new(struct create *c);

NODISCARD struct node_name *name_new(const char *path);
void name_free(struct node_name *name); /* NULL allowed; in no node */
/* Take the open into its node: delete-pending, oplocks, share modes. On success c->f is the open's.
 * WAIT: registered. */
NODISCARD smbkit_status create_enter(struct create *c, bool is_new, struct vfs_open **open_r);
/* Out of its node again: names, share modes, locks, oplock; who waited for them is woken. */
void open_leave_node(struct vfs_open *o);
