/* SPDX-License-Identifier: Apache-2.0 */
/* Opens that outlive their connection: durable (version 1 and 2) and resilient handles.
 * [MS-SMB2] 3.3.1.10, 3.3.5.9.6, 3.3.5.9.7, 3.3.5.9.10, 3.3.5.9.12, 3.3.7.1
 *
 * When the last connection of a session is lost, or its client logs off, such an open is kept: off
 * its session and tree, in the server's table and charged as before, with its share modes, locks
 * and oplock. It ends when its client comes back (reconnect.c), when its time is up, when somebody
 * wants what it caches (nobody is there to be asked), and when the server's configuration says so.
 * Whoever takes it out of `kept`, under open->lock, is the one who goes on with it.
 *
 * Persistent handles are not granted: they need what is open to be written down at once. What is
 * kept is written down when the server stops, and had again by the next one: restart.h. */
#pragma once

#include "base/job.h"
#include "os/sync.h"
#include "smb/smb.h"
#include "wire/create.h"

struct smb_open;
struct smb_request;
struct smb_server;
struct smb_session;

enum smb_durability {
    SMB_DURABLE_NOT,
    SMB_DURABLE_V1,       /* Open.IsDurable, asked for by DHnQ */
    SMB_DURABLE_V2,       /* likewise, by DH2Q: it has a CreateGuid */
    SMB_DURABLE_RESILIENT /* Open.IsResilient */
};

/* What the open is to be known and made again by. None of it points to a connection, session or
 * tree; with what vfs tells of the file it makes its record (record.h). */
struct smb_durable {
    /* immutable once the open is shown, but for kind and timeout_ms: open->lock, which a request
     * for resiliency changes */
    enum smb_durability kind;
    uint32_t timeout_ms;     /* Open.DurableOpenTimeout, Open.ResiliencyTimeout */
    uint8_t create_guid[16]; /* V2 */
    struct vfs_token *owner; /* a reference: Open.DurableOwner */
    uint64_t user_version;   /* of the owner, as he logged in; see auth.h */
    struct smb_share *share; /* a reference */

    /* A resilient one that is kept gives up what it caches, by a job, when somebody wants that: */
    struct job give_up_job;
    bool give_up_posted; /* open->lock */
    unsigned giving_up;  /* open->lock: jobs posted or at work; a reconnect waits for them */

    bool ends;             /* open->lock: it is not kept any more; see appinstance.c */
    bool kept;             /* open->lock: it waits for its client */
    uint64_t until_ms;     /* open->lock: and so long */
    struct list kept_link; /* server->kept.lock */
};

#define SMB_KEPT_SLOTS 512u /* seconds, more than any time-out */

/* All that are kept, by the second in which their time is up. */
struct smb_kept {
    struct mutex lock; /* a leaf; guards all of it */
    struct list slots[SMB_KEPT_SLOTS];
    uint32_t count;
    uint64_t scanned_sec;        /* what was up until then has ended */
    atomic_uint_fast32_t ending; /* any thread: smb_open_end was called, and they are not closed */
    bool is_ticking;
    bool is_over; /* the server stops: nothing is kept any more */
};

void smb_kept_init(struct smb_kept *k);
void smb_kept_fini(struct smb_kept *k);

/* Ticks follow as long as something is kept. */
void smb_kept_tick(struct smb_server *s);

void smb_durable_init(struct smb_durable *d);
void smb_durable_fini(struct smb_durable *d);
/* What is wrong with the contexts of a CREATE, taken together. */
NODISCARD smbkit_status smb_durable_check(const struct smb_request *r,
                                          const struct smb2_create_req *req);
/* A CREATE has opened it and nobody has found it yet: is it durable? */
void smb_durable_grant(struct smb_request *r, const struct smb2_create_req *req,
                       struct smb_open *o);
/* r's user owns it from now on, on the share that r came through. For who sets its kind. */
void smb_durable_owned(struct smb_open *o, const struct smb_request *r);
/* The same for who holds open->lock, or has it alone, and session->lock of the tree. Harmless
 * twice.
 */
struct vfs_token;
struct smb_tree;
void smb_durable_own_locked(struct smb_open *o, struct vfs_token *owner, const struct smb_tree *t);
/* What its CREATE, which is told that oplock level, is told of that. */
void smb_durable_answer(const struct smb2_create_req *req, struct smb_open *o, uint8_t oplock_level,
                        struct smb2_create_rsp_ctxs *out);

/* Its session has ended and it is out of the session's tables, at rest. true: it is kept; the
 * caller looks at it no more. Any thread, no lock held. */
NODISCARD bool smb_durable_keep(struct smb_open *o);
/* open->lock is held. Somebody wants what it caches, and there is nobody to be asked: if it is
 * kept, it is closed, by a job, or gives that up if it is resilient, and the answer is true. */
bool smb_durable_broken_locked(struct smb_open *o);
/* open->lock is held. If it is kept, it is closed, by a job. */
void smb_kept_close_locked(struct smb_open *o);
/* open->lock is held. It gives something up: w is woken when it has. false: it does not. */
NODISCARD bool smb_durable_gives_up_locked(struct smb_open *o, struct vfs_wait *w);
/* From now on it is resilient, for r's user. Errors: NOT_SUPPORTED: nothing is kept, or nobody;
 * INVALID_PARAMETER: not for so long. [MS-SMB2] 3.3.5.15.9 */
NODISCARD smbkit_status smb_durable_resilient(struct smb_open *o, struct smb_request *r,
                                              uint32_t timeout_ms);
bool smb_open_is_kept(struct smb_open *o);
enum smb_durability smb_open_durability(struct smb_open *o);
/* May it be kept, when its session ends? */
bool smb_open_is_durable(struct smb_open *o);
/* open->lock is held. It is kept no more. */
void smb_kept_leave_locked(struct smb_open *o);

/* End those that are kept and of which is_to_end (NULL: of all) says so; it is called without
 * locks. false: no memory, nothing happened. */
NODISCARD bool smb_kept_end(struct smb_server *s, bool (*is_to_end)(struct smb_open *o));

/* revoke.c: is user or share gone, so that he would not get at it again? Asked by the above after a
 * reload, and of each that has just come to be kept. No lock held. */
bool smb_kept_is_to_end(struct smb_open *o);

/* ---- reconnect.c ---- */

/* What a reconnect is asked for: an open that is kept, or one that was written down (restart.h). */
struct smb_durable_kept {
    bool is_there; /* kept, in its time, of the request's share */
    const uint8_t *create_guid;
    const uint8_t *lease_key; /* NULL: it has no lease */
    bool is_clients;          /* that lease is of the request's client */
    bool is_named;            /* with a lease: the request names its file */
    const struct smbkit_identity *owner;
};
/* All that stands between a client and what is kept. Whatever is not there for him is not there:
 * only a wrong name (INVALID_PARAMETER), and that it is another user's (ACCESS_DENIED), is told
 * apart; else OBJECT_NAME_NOT_FOUND. */
NODISCARD smbkit_status smb_durable_decide(const struct smb_durable_kept *k,
                                           const struct smb_request *r,
                                           const struct smb2_create_req *req);
/* Does the request name the file at that path? */
bool smb_durable_names(const struct smb_request *r, const struct smb2_create_req *req,
                       const char *path);
/* r->open, which has come back, cannot be answered: its client could not close it. */
void smb_durable_abandon(struct smb_request *r);
/* A CREATE that asks for an open that is kept? */
bool smb_durable_is_reconnect(const struct smb_request *r, const struct smb2_create_req *req);
/* Take it into r->tree; *level_r: of its oplock; attributes as they are now. On success it is
 * r->open. Keeps an open that an earlier run has found. Errors: OBJECT_NAME_NOT_FOUND,
 * ACCESS_DENIED, INVALID_PARAMETER, those of smb_open_reserve; WAIT, WOULD_BLOCK. */
NODISCARD smbkit_status smb_durable_reconnect(struct smb_request *r,
                                              const struct smb2_create_req *req,
                                              struct vfs_create_out *out);
