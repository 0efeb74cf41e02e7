/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of vfs_create, and what its files share. */
#pragma once

#include "vfs/claim.h"
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
    uint_fast64_t removals; /* nodes.removals before the plugin was asked */
    char *path;             /* owned; as the volume spells it, as far as it is there */
    struct door_file f;
    bool has_file; /* f is open and not yet an open's */
    struct smbkit_attr attr;
    uint32_t tried_access; /* what f was opened for */
    uint32_t granted;
    uint32_t max_access;
    struct name_claim *claim; /* of the name that is made, until the open is in its node */
    uint_fast64_t look;       /* number of this attempt, once it has looked at names of the node */
    bool asks_no_more;        /* names of the node that are unclear are taken as others */
    bool knows_parent;
    struct file_key parent; /* of path */
    bool breaking;          /* COMPLETE_IF_OPLOCKED: a break was begun */
    bool again;             /* the answer does not count: start over */
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

/* Take the open into its node: delete-pending, oplocks, share modes. On success c->f is the open's.
 * WAIT: registered. */
NODISCARD smbkit_status create_enter(struct create *c, bool is_new, struct vfs_open **open_r);
enum name_ask { ASK_NOTHING, ASK_STILL_THERE, ASK_PARENT, ASK_OWN_PARENT };
struct name_question {
    enum name_ask what;
    struct vfs_volume *volume; /* a reference, unless nothing is asked */
    char *path;                /* owned: the name in question */
};
/* create_names.c: under n->lock, for a node that is not open by name's path: is it known by another
 * path of the same link? Then name joins that. What has to be asked of the plugin first goes to *q,
 * for create_name_ask and another turn. false: no memory. */
NODISCARD bool create_name_settle(struct create *c, struct vfs_node *n, struct node_name *name,
                                  struct name_question *q);
NODISCARD smbkit_status create_name_ask(struct create *c, struct vfs_node *n,
                                        struct name_question *q);

/* No node has the file's id. Is it open by another, which it had before? Then that node gets it. */
NODISCARD smbkit_status create_identity_settle(struct create *c);

/* Out of its node again: names, share modes, locks, oplock; who waited for them is woken. */
void open_leave_node(struct vfs_open *o);
