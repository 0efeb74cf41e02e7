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
    bool has_parent; /* it names a lease of the directory: */
    uint8_t parent_lease[LEASE_KEY_SIZE];

    /* one attempt */
    uint_fast64_t removals; /* nodes.removals before the plugin was asked */
    char *path;             /* owned; as the volume spells it, as far as it is there */
    struct door_file f;
    bool has_file;       /* f is open and not yet an open's */
    bool is_refused;     /* by a descriptor */
    bool is_vetoed;      /* nothing is made at path */
    uint64_t free_as_of; /* for names_check_free, of path */
    /* of a stream (create_stream.c): */
    bool makes_stream;           /* its file is there, it is not */
    struct vfs_node *base;       /* its file's node, a reference; NULL: not held */
    struct node_name *base_name; /* by which that is held; base->lock */
    struct smbkit_attr attr;
    uint32_t tried_access; /* what f was opened for */
    uint32_t granted;
    uint32_t share; /* what it lets others do */
    uint32_t max_access;
    struct name_claim *claim; /* of the name that is made, until the open is in its node */
    uint_fast64_t look;       /* number of this attempt, once it has looked at names of the node */
    bool asks_no_more;        /* names of the node that are unclear are taken as others */
    bool knows_parent;
    struct file_key parent; /* of path */
    uint32_t may_cache;     /* SMBKIT_CACHE_*, of what is asked for: the plugin's word */
    uint64_t cache_key;     /* by which it takes that back; 0: it does not */
    bool breaking;          /* COMPLETE_IF_OPLOCKED: a break was begun */
    bool again;             /* the answer does not count: start over */
};

/* [MS-FSA] 2.1.5.1 phases 1-5: everything that can be refused without looking at a file. Fills the
 * first part of c. */
NODISCARD smbkit_status create_check(struct create *c);
/* What an existing file refuses, before access is checked. */
NODISCARD smbkit_status create_check_existing(const struct create *c);
/* [MS-FSA] 2.1.5.1.2: who knows no EAs does not open a file whose EAs must be known. */
NODISCARD smbkit_status create_check_ea_knowledge(const struct create *c);
/* The EAs of a new or overwritten file; none of a stream. */
struct smbkit_bytes create_eas(const struct create *c);
/* The attributes of a new or overwritten file. */
uint32_t create_attributes(const struct create *c, bool is_directory);

/* Find and open what is there: SUCCESS (c->f, attr, path), OBJECT_NAME_NOT_FOUND (c->path is where
 * it would be). */
NODISCARD smbkit_status create_resolve(struct create *c);
/* snapshot.c. As it can be had of a snapshot: nothing that changes it, and nobody caches what does
 * not change. */
struct vfs_create_in snapshot_create_in(const struct vfs_create_in *in);
/* May that be done in a snapshot? Nothing is made there, and nothing changed. */
NODISCARD smbkit_status create_check_snapshot(const struct create *c);
/* The answer to what is not done there: MEDIA_WRITE_PROTECTED, but of a time that there is no
 * snapshot of OBJECT_NAME_NOT_FOUND, whatever was asked for. */
NODISCARD smbkit_status create_refuse_past(const struct create *c);
/* What was found in a snapshot is another file than the one of today, and its name is in the way of
 * nobody: its path begins with the time. */
NODISCARD smbkit_status create_apart(struct create *c);
/* Make it: c->f, attr, granted. OBJECT_NAME_COLLISION: it is there after all. A stream's name is
 * not heeded. */
NODISCARD smbkit_status create_new(struct create *c);
/* The right to it, by what the file's descriptor says. */
NODISCARD smbkit_status create_access_existing(struct create *c);
NODISCARD smbkit_status create_check_delete_pending(struct create *c);
/* What was made cannot be opened: it must not stay. */
void create_undo(struct create *c);

enum name_ask { ASK_NOTHING, ASK_STILL_THERE, ASK_PARENT, ASK_OWN_PARENT };
struct name_question {
    enum name_ask what;
    struct vfs_volume *volume; /* a reference, unless nothing is asked */
    char *path;                /* owned: the name in question */
};

/* ---- create_stream.c ---- */

/* The stream is not there: make it, in its file, which is made as well if it is not there. As
 * create_new. *file_is_new_r: it was. */
NODISCARD smbkit_status create_stream(struct create *c, bool *file_is_new_r);
/* If it is still held. */
void create_base_let_go(struct create *c);
/* The hold is the open's. */
void create_base_give(struct create *c, struct vfs_open *o);
/* Under n->lock, of a file: it is opened for DELETE, or is emptied, which takes its streams. Those
 * who have them open must share that. SHARING_VIOLATION; WAIT. */
NODISCARD smbkit_status streams_check_delete(const struct vfs_call *call, struct vfs_node *n,
                                             bool goes_on);
/* Under n->lock: a file is renamed, or replaced: no stream of it may be open. ACCESS_DENIED; WAIT.
 */
NODISCARD smbkit_status streams_check_closed(const struct vfs_call *call, struct vfs_node *n);
/* A stream gets no file's name; but the directory is opened first. [MS-FSA] 2.1.5.15.11 */
NODISCARD smbkit_status stream_refuse_path(const struct vfs_call *call, struct vfs_open *o,
                                           const char *new_path);
/* The open of a stream lets go of its file. */
void stream_leave_base(struct vfs_open *o);

/* Under the lock of n, a stream's file: may it be held by that name? DELETE_PENDING; WAIT. */
NODISCARD smbkit_status stream_base_check(const struct create *c, struct vfs_node *n,
                                          const struct node_name *name, bool is_new);
void stream_base_join(struct create *c, struct vfs_node *n, struct node_name *name);

/* ---- create_enter.c ---- */

/* The lease that is asked for, if the file may have one at all. */
const struct vfs_lease_want *create_lease(const struct create *c);

/* Nobody renames or removes the file of c->attr from here on: the stream's open, which gets the
 * hold, is one of those that keep it. DELETE_PENDING; WAIT. is_new: it was made just now. */
NODISCARD smbkit_status create_base_hold(struct create *c, bool is_new);
/* Take the open into its node: delete-pending, oplocks, share modes. On success c->f is the open's.
 * WAIT: registered. */
NODISCARD smbkit_status create_enter(struct create *c, bool is_new, struct vfs_open **open_r);
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
