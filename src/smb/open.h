/* SPDX-License-Identifier: Apache-2.0 */
/* Opens of a session: files of a volume, or named pipes. [MS-SMB2] 3.3.1.10 */
#pragma once

#include "smb/session.h"
#include "vfs/wait.h"

enum smb_open_kind { SMB_OPEN_FILE = 1, SMB_OPEN_PIPE = 2 };

struct smb_pipe {
    struct mutex lock;
    struct rpc_pipe *rpc; /* lock; NULL once closed */
    struct wait_domain waits;
    struct list readers; /* waits: READs that found it empty */
};

struct smb_open {
    struct refcount refs;
    struct hash_link link; /* session->lock */
    enum smb_open_kind kind;
    struct smb_tree *tree; /* a reference */
    uint64_t volatile_id;
    uint64_t persistent_id;
    bool inserted; /* session->lock: in the table */

    struct vfs_open *file; /* kind FILE: a reference, besides the one that vfs_close takes */
    struct smb_pipe pipe;  /* kind PIPE */
    char *pipe_name;
    struct vfs_token *pipe_token; /* its strings are the RPC caller's */

    /* The oplock break to send. */
    struct mutex break_lock;
    struct job break_job;
    enum { SMB_OPEN_NEW, SMB_OPEN_TOLD, SMB_OPEN_GIVEN_UP } standing; /* break_lock */
    bool break_posted;                                                /* break_lock */
    bool break_held;              /* break_lock: waits for the client to be told of the open */
    bool break_ack;               /* break_lock */
    uint8_t break_level;          /* break_lock */
    struct smb_timer break_timer; /* loop thread; holds a reference while set */
    struct list timer_link;       /* loop thread: in conn->break_timers while the timer is set */
};

/* An empty open with one reference (the table's, from smb_open_insert on). NULL: no memory. */
NODISCARD struct smb_open *smb_open_new(struct smb_tree *tree, enum smb_open_kind kind);
struct smb_open *smb_open_ref(struct smb_open *o);
void smb_open_unref(struct smb_open *o);
/* Make it findable. Errors: USER_SESSION_DELETED, NETWORK_NAME_DELETED (closed meanwhile),
 * INSUFFICIENT_RESOURCES: the caller then closes it. */
NODISCARD smbkit_status smb_open_insert(struct smb_open *o);
/* Owned reference, or NULL. Both halves must match. */
NODISCARD struct smb_open *smb_open_find(struct smb_session *s, uint64_t persistent_id,
                                         uint64_t volatile_id);
/* Take it out of the table, with the table's reference; false: somebody else did. */
bool smb_open_detach(struct smb_open *o);
/* Close a detached open for good, blocking (worker thread). */
void smb_open_close_now(struct smb_open *o);
/* Close every open of a session, or of one of its trees. Blocks: worker thread. */
void smb_opens_close(struct smb_session *s, const struct smb_tree *only);
/* The vfs_owner of a file open: sends the break. */
struct vfs_owner smb_open_owner(struct smb_open *o);
/* The client is being told of the open: from now on it understands breaks. Any thread. */
void smb_open_announce(struct smb_open *o);
/* It will never be told. */
void smb_open_give_up(struct smb_open *o);
/* Loop thread: the client has answered the break, or closed the file. */
void smb_open_break_answered(struct smb_open *o);
/* Loop thread: the connection has ended, drop the break timers. */
struct smb_conn;
void smb_open_timers_drop(struct smb_conn *c);

/* Pipes. NULL token fields never. */
NODISCARD smbkit_status smb_pipe_init(struct smb_open *o, const char *name);
void smb_pipe_close(struct smb_open *o);
NODISCARD smbkit_status smb_pipe_write(struct smb_open *o, const uint8_t *p, size_t n);
/* WAIT registers w (NULL: PIPE_EMPTY instead). */
NODISCARD smbkit_status smb_pipe_read(struct smb_open *o, struct vfs_wait *w, uint8_t *buf,
                                      size_t max, size_t *n_r);
struct rpc_pipe_peek smb_pipe_peek(struct smb_open *o);
