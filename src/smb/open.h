/* SPDX-License-Identifier: Apache-2.0 */
/* Opens: files of a volume, or named pipes. [MS-SMB2] 3.3.1.10
 *
 * All are in one table of the server, by persistent id, whoever has them; a session finds its own
 * by volatile id. An open can be taken off its session and tree and put back into others, which is
 * what a durable handle is made of. */
#pragma once

#include "smb/session.h"
#include "vfs/wait.h"

enum smb_open_kind { SMB_OPEN_FILE = 1, SMB_OPEN_PIPE = 2 };

/* Has a place that nobody finds; can be found; is being closed, or has no session. */
enum smb_open_stage { SMB_OPEN_RESERVED, SMB_OPEN_SHOWN, SMB_OPEN_OUT };

struct smb_pipe {
    struct mutex lock;
    struct rpc_pipe *rpc; /* lock; NULL once closed */
    struct list readers;  /* open->waits: READs that found it empty */
};

/* The oplock break to send; see break.c. Guarded by open->lock unless said otherwise. */
struct smb_break {
    struct job job;         /* on conn's loop; holds a reference of the open while posted */
    struct smb_timer timer; /* conn's loop; holds a reference of the open while set */
    struct list timer_link; /* conn's loop: in conn->breaks while the timer is set */
    struct smb_conn *conn;  /* a reference: whose job and timer they are; NULL: to be chosen */
    bool is_announced;      /* the client knows of the open, or is being told */
    bool posted;
    bool due;      /* the client is to be told ... */
    bool ack;      /* ... and has to answer */
    bool answered; /* it did */
    uint8_t level;
};

/* Its closing, once it is out of the tables; see smb_open_close. */
struct smb_closing {
    struct job job;
    struct vfs_wait wait;
    atomic_int state;
    struct smb_tree *tree; /* whose reaping it is part of */
};

struct smb_open {
    struct refcount refs;
    enum smb_open_kind kind;
    struct smb_server *server;
    uint64_t persistent_id;
    struct hash_link table_link;   /* shard's lock: in server->opens */
    struct hash_link session_link; /* session->lock: in session->opens */
    struct list tree_link;         /* session->lock: in tree->opens while SHOWN */
    enum smb_open_stage stage;     /* session->lock */
    uint64_t volatile_id;          /* of this session; changes when it is put into another */

    struct mutex lock;           /* guards what follows; taken under locks of vfs */
    struct smb_session *session; /* a reference; NULL: taken off */
    struct smb_tree *tree;       /* a reference; NULL: taken off */
    struct smb_break brk;
    unsigned working;    /* requests of it that a worker has or will have */
    struct list closers; /* waits: CLOSE, until there are none */
    struct wait_domain waits;

    /* Charged with it for as long as it lasts; references. */
    struct smb_client *client;
    struct smb_account *account;
    bool takes_descriptor;

    struct vfs_open *file; /* kind FILE: a reference, besides the one that vfs_close takes */
    struct smb_pipe pipe;  /* kind PIPE */
    char *pipe_name;
    struct vfs_token *pipe_token; /* its strings are the RPC caller's */
    struct smb_closing closing;
};

/* A new open of the tree with its place in every table and total, that nobody finds yet: so a
 * CREATE is refused before it acts. Owned. Errors: USER_SESSION_DELETED, NETWORK_NAME_DELETED
 * (closed meanwhile), TOO_MANY_OPENED_FILES, INSUFFICIENT_RESOURCES. */
NODISCARD smbkit_status smb_open_reserve(struct smb_tree *tree, enum smb_open_kind kind,
                                         struct smb_open **o_r);
/* Now it is found. When its tree has ended meanwhile it is closed with the rest of that, which
 * waits for whatever has a place reserved. */
void smb_open_show(struct smb_open *o);
/* One that came to nothing; takes the caller's reference. */
void smb_open_drop(struct smb_open *o);
struct smb_open *smb_open_ref(struct smb_open *o);
void smb_open_unref(struct smb_open *o);
/* A request of the open goes to a worker, and comes back: CLOSE, which may be faster on its own
 * way, keeps behind those that came before it. Loop thread of the request. */
void smb_open_work_begin(struct smb_open *o);
void smb_open_work_end(struct smb_open *o);
/* Are there none? If not, w is woken when there are. */
NODISCARD bool smb_open_is_at_rest(struct smb_open *o, struct vfs_wait *w);
/* Owned reference, or NULL. Both halves and the tree must match. [MS-SMB2] 3.3.5.10 */
NODISCARD struct smb_open *smb_open_find(struct smb_tree *tree, uint64_t persistent_id,
                                         uint64_t volatile_id);
/* Whoever has it, or nobody. Owned reference, or NULL. [MS-SMB2] 3.3.1.5 GlobalOpenTable */
NODISCARD struct smb_open *smb_open_find_any(struct smb_server *s, uint64_t persistent_id);
/* Every open that there is, by persistent id. Owned references, and the list with mem_free. false:
 * no memory. */
NODISCARD bool smb_opens_all(struct smb_server *s, struct smb_open ***list_r, size_t *count_r);

/* Out of all tables, to be closed; false: somebody else was faster. */
bool smb_open_detach(struct smb_open *o);
/* The same for who holds session->lock and has it SHOWN: the tables' reference is his, and
 * smb_open_close does the rest. */
void smb_open_leave_locked(struct smb_open *o);
/* Close an open that smb_open_leave_locked was called for; takes its reference. It is waited for by
 * no thread: smb_tree_reaped_one(tree) follows, now or later. Worker thread. */
void smb_open_close(struct smb_open *o, struct smb_tree *tree);

/* Off its session and tree, still open and in the server's table. false: it is being closed. */
bool smb_open_take_off(struct smb_open *o);
/* Into this tree's session, with a volatile id of its own there. Errors as of smb_open_reserve: it
 * stays as it was. */
NODISCARD smbkit_status smb_open_put_back(struct smb_open *o, struct smb_tree *tree);
/* Its session and tree now; owned references; false: it is taken off. Any thread. */
bool smb_open_owner_get(struct smb_open *o, struct smb_session **s_r, struct smb_tree **t_r);
bool smb_open_is_shown(struct smb_open *o);

/* ---- oplock breaks ---- */

void smb_break_init(struct smb_open *o);
/* The vfs_owner of a file open: sends the break. */
struct vfs_owner smb_open_owner(struct smb_open *o);
/* The client is being told of the open: from now on it understands breaks. Any thread. */
void smb_open_announce(struct smb_open *o);
/* The client has answered the break, or closed the file. Any thread. */
void smb_open_break_answered(struct smb_open *o);
/* Loop thread: the connection has ended and its channels with it. Breaks that were told on it and
 * not answered are told on another channel. */
void smb_breaks_end(struct smb_conn *c);

/* ---- pipes ---- */

/* address: the client's. */
NODISCARD smbkit_status smb_pipe_init(struct smb_open *o, const char *name, const char *address);
void smb_pipe_close(struct smb_open *o);
NODISCARD smbkit_status smb_pipe_write(struct smb_open *o, const uint8_t *p, size_t n);
/* WAIT registers w (NULL: PIPE_EMPTY instead). */
NODISCARD smbkit_status smb_pipe_read(struct smb_open *o, struct vfs_wait *w, uint8_t *buf,
                                      size_t max, size_t *n_r);
struct rpc_pipe_peek smb_pipe_peek(struct smb_open *o);
