/* SPDX-License-Identifier: Apache-2.0 */
/* Opens: files of a volume, or named pipes. [MS-SMB2] 3.3.1.10
 *
 * All are in one table of the server, by persistent id, whoever has them; a session finds its own
 * by volatile id. An open can be taken off its session and tree and put back into others, which is
 * what a durable handle is made of. */
#pragma once

#include "smb/break.h"
#include "smb/durable.h"
#include "smb/lockseq.h"
#include "smb/replay.h"
#include "smb/sequence.h"
#include "smb/session.h"
#include "vfs/wait.h"

enum smb_open_kind { SMB_OPEN_FILE = 1, SMB_OPEN_PIPE = 2 };

/* Has a place that nobody finds; can be found; is being closed, or has no session. */
enum smb_open_stage { SMB_OPEN_RESERVED, SMB_OPEN_SHOWN, SMB_OPEN_OUT };

/* Whether a request is at work on an open: no, it is closed or another tree's; yes; it is being
 * moved to another volume, and the request is woken when that is over. */
enum smb_work { SMB_WORK_NOT, SMB_WORK_BEGUN, SMB_WORK_LATER };

struct smb_lease;

struct smb_pipe {
    struct mutex lock;
    struct rpc_pipe *rpc; /* lock; NULL once closed */
    struct list readers;  /* open->waits: READs that found it empty */
};

/* Its closing, once nobody finds it in its session; see closing.c. */
struct smb_closing {
    struct job job;
    struct vfs_wait wait;
    atomic_int state;
    struct smb_tree *tree; /* whose reaping it is part of; NULL: none's, it was kept */
    bool may_keep;         /* it may turn out that it is kept */
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
    struct smb_break brk;        /* of its oplock */
    uint8_t break_level;         /* what that goes down to */
    bool is_announced;           /* the client knows of the open, or is being told */
    unsigned working;            /* requests that are at it, or are stopped by its plugin */
    bool is_leaving;             /* they were none when its closing asked: none begins any more */
    bool is_moving;              /* to another volume, see move.h: nothing begins until it is */
    struct smb_sequence sequence;
    struct smb_lockseq lockseq;
    struct list closers; /* waits: CLOSE until there are none, and who may not begin yet */
    struct wait_domain waits;

    /* Charged with it for as long as it lasts; references. */
    struct smb_client *client;
    struct smb_account *account;
    bool takes_descriptor;

    struct smb_lease *lease; /* that it shares; a reference to its end; NULL: none. Set before it is
                                shown */
    struct list lease_link;  /* lease->lock: in lease->opens */
    bool lease_creating;     /* lease->lock: counted in lease->creating */

    /* Kind FILE: a reference, besides the one that vfs_close takes; and to the volume that it is
     * of, or will be. Changed under lock, while nobody is at work: who is, or closes it, reads them
     * as they are; others by smb_open_file_ref. */
    struct vfs_open *file;
    struct vfs_volume *volume;
    uint32_t volume_serial; /* of that; changed with it */
    bool is_stale; /* session->lock: RESERVED, and its volume was replaced: it ends when it is shown
                    */
    struct smb_pipe pipe; /* kind PIPE */
    bool is_quota;        /* it was opened as the volume's quotas; immutable once shown */
    atomic_uint_fast64_t quota_position; /* of the scan of quotas; relaxed would do */
    char *pipe_name;
    struct vfs_token *pipe_token; /* its strings are the RPC caller's */
    struct smb_closing closing;
    struct smb_durable durable;
    struct smb_replay *replay; /* server->replays.lock; owned; see is_marked */
    bool is_marked;            /* immutable once shown: it had one */
    struct smb_app *app;       /* owned, immutable once shown; NULL: no application's */
};

/* A new open of the tree with its place in every table and total, that nobody finds yet: so a
 * CREATE is refused before it acts. Owned. Errors: USER_SESSION_DELETED, NETWORK_NAME_DELETED
 * (closed meanwhile), TOO_MANY_OPENED_FILES, INSUFFICIENT_RESOURCES. */
NODISCARD smbkit_status smb_open_reserve(struct smb_tree *tree, enum smb_open_kind kind,
                                         struct smb_open **o_r);
/* The same with that persistent id, which a server before this one gave out; OBJECT_NAME_NOT_FOUND:
 * another request is opening it. */
NODISCARD smbkit_status smb_open_reserve_as(struct smb_tree *tree, enum smb_open_kind kind,
                                            uint64_t persistent_id, struct smb_open **o_r);
/* Now it is found. When its tree has ended meanwhile it is closed with the rest of that, which
 * waits for whatever has a place reserved. */
void smb_open_show(struct smb_open *o);
/* One that came to nothing; takes the caller's reference. */
void smb_open_drop(struct smb_open *o);
struct smb_open *smb_open_ref(struct smb_open *o);
void smb_open_unref(struct smb_open *o);
/* A request that came by the tree is at work on its open, and is no more: a CLOSE, on whatever
 * channel or worker, keeps behind those that came before it. NOT: it is being closed already, or it
 * is the tree's no more (kept, or another session's by now). Any thread. */
NODISCARD enum smb_work smb_open_work_begin(struct smb_open *o, const struct smb_tree *t,
                                            struct vfs_wait *w);
void smb_open_work_end(struct smb_open *o);
/* Is it the tree's, closing or not? */
bool smb_open_is_of(struct smb_open *o, const struct smb_tree *t);
/* For who closes it, and has it out of the tables. Are there none? Then none begins any more. If
 * not, w is woken when there are. */
NODISCARD bool smb_open_is_at_rest(struct smb_open *o, struct vfs_wait *w);
/* The file that was opened for it: the reference is its own now. Who moves the share may look. */
void smb_open_file_set(struct smb_open *o, struct vfs_open *file);
/* Its file now, for who is not at work on it: a reference; NULL: none yet, or a pipe. */
NODISCARD struct vfs_open *smb_open_file_ref(struct smb_open *o);
/* What it caches by, as vfs_open_caching; and SMB_WAY_* of its volume. Likewise. */
uint8_t smb_open_caching(struct smb_open *o);
unsigned smb_open_ways(struct smb_open *o);
uint32_t smb_open_access(struct smb_open *o); /* vfs_open_granted_access */
/* Owned reference, or NULL. Both halves and the tree must match. [MS-SMB2] 3.3.5.10 */
NODISCARD struct smb_open *smb_open_find(struct smb_tree *tree, uint64_t persistent_id,
                                         uint64_t volatile_id);
/* The same through whichever tree of the session. */
NODISCARD struct smb_open *smb_open_find_in(struct smb_session *s, uint64_t persistent_id,
                                            uint64_t volatile_id);
/* Whoever has it, or nobody. Owned reference, or NULL. [MS-SMB2] 3.3.1.5 GlobalOpenTable */
NODISCARD struct smb_open *smb_open_find_any(struct smb_server *s, uint64_t persistent_id);
/* Every open that there is, by persistent id. Owned references, and the list with mem_free. false:
 * no memory. */
NODISCARD bool smb_opens_all(struct smb_server *s, struct smb_open ***list_r, size_t *count_r);

/* Of this tree: out of all tables, to be closed; false: somebody else was faster. */
bool smb_open_detach(struct smb_open *o, const struct smb_tree *t);
/* The same for who holds session->lock and has it SHOWN: the tables' reference is his, and
 * smb_open_close does the rest. */
void smb_open_leave_locked(struct smb_open *o);
/* open->lock is held, or nobody else has it: no session and tree has it any more. */
void smb_open_disown_locked(struct smb_open *o);
/* What it is charged with from now on, beyond bounds if need be; under the locks by which it gets
 * out of its tables. */
void smb_open_recharge(struct smb_open *o, bool takes_descriptor);
/* Out of the server's table and totals. */
void smb_open_forget(struct smb_open *o);

/* ---- closing.c: what smb_open_leave_locked was called for; it is waited for by no thread ---- */

void smb_closing_init(struct smb_open *o);
void smb_closing_fini(struct smb_open *o);
/* Close it, or have it kept if that may be and it is durable. Takes its reference;
 * smb_tree_reaped_one(tree) follows, now or later. Worker thread. */
void smb_open_close(struct smb_open *o, struct smb_tree *tree, bool may_keep);
/* The same, only closing, by a job. Any thread. */
void smb_open_close_later(struct smb_open *o, struct smb_tree *tree);
/* The same for one that has no session and tree, and is kept no more. Any thread; may be called
 * under locks. */
void smb_open_end(struct smb_open *o);

/* Close it, or what is kept, as when its share goes: requests on it are told FILE_CLOSED. false: it
 * ends already. Not before its create is done; needs smb_env.work. Any thread. */
bool smb_open_evict(struct smb_open *o);
/* Off its session and tree, still open and in the server's table. false: it is being closed. */
bool smb_open_take_off(struct smb_open *o);
/* Into this tree's session, with a volatile id of its own there. Errors as of smb_open_reserve: it
 * stays as it was. */
NODISCARD smbkit_status smb_open_put_back(struct smb_open *o, struct smb_tree *tree);
/* The same for who holds open->lock. */
NODISCARD smbkit_status smb_open_put_back_locked(struct smb_open *o, struct smb_tree *tree);
/* Its session and tree now; owned references; false: it is taken off. Any thread. */
bool smb_open_owner_get(struct smb_open *o, struct smb_session **s_r, struct smb_tree **t_r);
bool smb_open_is_shown(struct smb_open *o);

/* ---- oplocks ---- */

void smb_open_oplock_init(struct smb_open *o);
/* The vfs_owner of a file open: sends the break. */
struct vfs_owner smb_open_owner(struct smb_open *o);
/* The client is being told of the open: from now on it understands breaks. Any thread. */
void smb_open_announce(struct smb_open *o);
/* The client has answered the break of its oplock. Any thread. */
void smb_open_break_answered(struct smb_open *o);
/* The file is closed: its oplock and its lease have ended, and who waited for that goes on. Any
 * thread; harmless twice. */
void smb_open_closed(struct smb_open *o);

/* ---- pipes ---- */

/* address: the client's. */
NODISCARD smbkit_status smb_pipe_init(struct smb_open *o, const char *name, const char *address);
void smb_pipe_close(struct smb_open *o);
NODISCARD smbkit_status smb_pipe_write(struct smb_open *o, const uint8_t *p, size_t n);
/* WAIT registers w (NULL: PIPE_EMPTY instead). */
NODISCARD smbkit_status smb_pipe_read(struct smb_open *o, struct vfs_wait *w, uint8_t *buf,
                                      size_t max, size_t *n_r);
struct rpc_pipe_peek smb_pipe_peek(struct smb_open *o);
