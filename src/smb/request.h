/* SPDX-License-Identifier: Apache-2.0 */
/* One request of a message, and the message: one frame, a compound of one request or more.
 *
 * A request's life: NEW -> RUNNING (on the loop, or on a worker) -> DONE, or -> WAITING -> RUNNING
 * again, as often as it takes. A handler is run from the top each time; what it must not do twice
 * it keeps in the request. Interim responses, CANCEL, closed connections and slow workers are dealt
 * with here and in no handler. */
#pragma once

#include "smb/conn.h"
#include "smb/open.h"
#include "wire/hdr.h"

/* STARVED: there is no room for its reply yet. ENDING: its answer is there, but a wake is still on
 * its way. */
enum smb_request_state {
    SMB_REQ_NEW,
    SMB_REQ_RUNNING,
    SMB_REQ_WAITING,
    SMB_REQ_STARVED,
    SMB_REQ_ENDING,
    SMB_REQ_DONE
};

struct smb_command;

struct smb_request {
    struct smb_message *msg; /* owner */
    struct smb_conn *conn;   /* msg's reference */
    unsigned index;          /* in the message */
    const struct smb_command *row;
    struct smb2_hdr hdr;
    struct cur body;    /* base: the header; positioned at the body. Handlers copy it */
    const uint8_t *raw; /* header to the end of this element, padding included */
    size_t raw_len;

    struct smb_channel *channel;  /* references, NULL until looked up */
    struct smb_session *session;  /* the channel's */
    struct smb_session *previous; /* SESSION_SETUP: waits for what that one had to be closed */
    struct smb_tree *tree;
    struct smb_open *open;
    struct smb_open
        *reserved; /* CREATE: the place of what it opens, kept while a plugin stops it */
    struct smb_replay *replay; /* CREATE: marks that it is under way, see replay.h */
    union {
        uint32_t access_cap; /* CREATE: what could be granted when that was reserved */
        uint32_t lane;       /* TREE_CONNECT: smb_volume_lane of the volume that it is for */
    };

    enum smb_request_state state; /* loop thread */
    bool on_worker;               /* loop thread */
    bool in_sequence;             /* counted in open->sequence; whoever runs the handler */
    bool holds_close;             /* smb_open_work_begin; whoever runs the handler */
    bool woken;                   /* loop thread: a wake came while it was running */
    atomic_bool wake_posted;      /* wake_job is on its way */
    bool interim_sent;            /* loop thread */
    bool has_place;               /* loop thread: counted among those that wait */
    bool signed_in;               /* it came with a good signature */
    uint64_t async_id;            /* loop thread; 0: synchronous */
    uint64_t interim_at_ms;       /* loop thread: to be told STATUS_PENDING; 0: never so far */
    struct list slow_link;        /* loop thread: in conn->slow, by interim_at_ms */
    struct hash_link mid_link, async_link; /* loop thread: in conn->by_mid, conn->by_async */
    bool has_mid_link, has_async_link;
    atomic_bool cancelled; /* release/acquire not needed: a hint */
    atomic_bool unwanted;  /* as cancelled, and what the plugin is told; its answer counts though */
    smbkit_status status;
    struct job work_job;
    struct job done_job;
    struct job wake_job;
    struct smb_timer timer; /* hold_ms */
    struct vfs_wait wait;
    struct vfs_call call;
    struct vfs_journal journal; /* whoever runs the handler; vfs */
    union {
        struct vfs_io io;            /* has_io */
        struct vfs_wait_lock lock;   /* of wait: LOCK, which moves no data */
        struct vfs_notify_turn turn; /* has_turn: CHANGE_NOTIFY, likewise */
    };
    struct smbkit_segment seg; /* what io.segs points to */

    /* The reply: header room and body, then perhaps a payload of its own. */
    struct wr rsp;
    struct iobuf *payload;
    size_t payload_len;
    size_t charged;       /* room taken for what the reply holds besides its header */
    size_t waiting_bytes; /* counted in conn->waiting_bytes */
    uint16_t granted;     /* credits that the reply gives */
    bool sign_reply;
    bool nonce_used;    /* its MessageId has signed: security.c, and nobody else */
    bool nonce_taken;   /* ... and is this request's own: likewise */
    bool nonce_repeats; /* ... or the client has used it twice: likewise */
    bool no_reply;
    const char *end_reason; /* not NULL: end the connection when finished, and why */
    bool is_ready;          /* wait and journal are */
    bool has_io;            /* io is, not lock or turn */
    bool has_turn;          /* turn is */
    bool keep_body;         /* smb_reply_keep */
    bool credits_granted;   /* in an interim reply: the final one grants none */
    bool detached;          /* CLOSE, TREE_DISCONNECT, LOGOFF: it was this one that ended it */
    bool holds_setup;       /* SESSION_SETUP: channel->setup_busy is its own, to the end */
    bool was_held;          /* a handler's note that it has waited its time */
    bool is_orphan; /* loop thread: goes on without its channel, see replay.h; apart from what other
                       threads set, which compilers read together with it */
    uint32_t hold_ms; /* set by a handler that answers WAIT: run it again after so long, or when the
                         connection ends */
};

struct smb_message {
    struct list link;      /* conn->messages */
    struct smb_conn *conn; /* a reference */
    struct iobuf *frame;
    struct smb_session
        *seal; /* reference: it came sealed by this session, and so go the replies; NULL: plain */
    unsigned count;
    unsigned current;
    unsigned started;         /* requests [0, started) were started */
    unsigned reply_room;      /* of the frame's charge: for a small reply, not used yet */
    size_t charged;           /* for the requests after the first */
    struct list starved_link; /* conn->starved */
    struct job next_job;      /* posted: the chain goes on after others' turn */
    unsigned sent;            /* replies [sent, current) are finished and not sent yet */
    bool running;             /* smb_message_next is on the stack */
    /* What related requests inherit. [MS-SMB2] 3.3.5.2.7.2 */
    uint64_t session_id;
    uint32_t tree_id;
    struct smb2_file_id file_id;
    bool has_file_id;
    bool has_session;           /* the element before had a session and tree that were good */
    smbkit_status chain_status; /* a failed CREATE's: those that need its file fail alike */
    struct smb_request requests[];
};

/* Split a decrypted frame into requests and run it. Takes the frame's reference. */
void smb_message_run(struct smb_conn *c, struct iobuf *frame, const uint8_t *p, size_t len,
                     struct smb_session *seal);
/* The connection is gone or the client says CANCEL: end what waits and may be ended. Never within
 * the call but by a job, so that a list of messages can be walked meanwhile, and chains of CANCELs
 * that cancel one another do not nest. Loop thread. */
void smb_message_cancel(struct smb_message *m);
/* The connection is gone: the same, for what does not go on all the same (replay.h). */
void smb_message_lost(struct smb_message *m);
void smb_request_cancel(struct smb_request *r);
/* Opens, trees or sessions go: tell plugins that nobody waits for what they are reading from them
 * any more, and give up opens that are not there yet. Loop thread. */
void smb_requests_unwanted(struct smb_conn *c);
/* The request with this id that waits or is on a worker; NULL when there is none. O(1). */
struct smb_request *smb_request_find(const struct smb_conn *c, bool is_async, uint64_t id);
/* To be found by it, until it is dropped. Without memory it is not found: CANCEL may come too late
 * anyhow. */
void smb_request_index_mid(struct smb_request *r);
void smb_request_index_async(struct smb_request *r);
void smb_request_index_drop(struct smb_request *r);

/* Run (again). Loop thread. */
void smb_request_start(struct smb_request *r);
/* conn->slow_timer: tells STATUS_PENDING to who has been on a worker for long. */
void smb_requests_slow(struct smb_timer *t);
/* Finished: reply, go on with the chain. Loop thread. */
void smb_request_finish(struct smb_request *r, smbkit_status status);
/* The next request of the chain, or send and free the message. */
void smb_message_next(struct smb_message *m);
/* Checks before the handler; see check.c. */
NODISCARD smbkit_status smb_request_check(struct smb_request *r);

/* ---- for handlers (any thread) ---- */

/* Find the open of a FileId (or the chain's) in r->session; kinds: SMB_OPEN_FILE | SMB_OPEN_PIPE.
 * Sets r->open, at which it is at work then, and counts the request in its channel sequence. Keeps
 * an open that is there from an earlier run. FILE_CLOSED; WAIT: it is being moved;
 * INVALID_DEVICE_REQUEST: not of the kind; FILE_NOT_AVAILABLE: sent before a channel was lost
 * (SMB_CMD_SEQUENCE). */
NODISCARD smbkit_status smb_request_open(struct smb_request *r, const struct smb2_file_id *id,
                                         unsigned kinds);
/* Be at work on r->open. FILE_CLOSED: it is being closed, or is not the tree's any more. WAIT: it
 * is being moved to another volume. */
NODISCARD smbkit_status smb_request_work_begin(struct smb_request *r);
/* Another open, of which a request takes data. */
struct smb_source {
    struct smb_open *open; /* a reference, which smb_source_end takes */
    struct vfs_open *file; /* a reference; NULL: it is a pipe */
    bool holds;            /* smb_open_work_begin */
};
/* For one run the request is at work on source->open, too; smb_source_end follows in any case.
 * WAIT: as above. One that is being closed it finds closed. */
NODISCARD smbkit_status smb_source_begin(struct smb_request *r, struct smb_source *source);
void smb_source_end(struct smb_source *source);
/* SMB_WAY_* of the volume that it is about. */
unsigned smb_request_ways(const struct smb_request *r);
/* The volume of the open that it is at work on, or that a CREATE is making; borrowed from that. */
static inline struct vfs_volume *smb_request_volume(const struct smb_request *r)
{
    return r->open ? r->open->volume : r->reserved->volume;
}
/* What a CREATE came to, however it has ended, is what the elements behind it in its compound have
 * for a file. Nothing for other commands. Loop thread. */
void smb_request_created(struct smb_request *r, smbkit_status status);
/* It is answered: no more under way in its open's channel sequence. Loop thread. */
void smb_request_sequence_end(struct smb_request *r);
/* The open that a CREATE makes begins with that one's channel sequence; before it is shown. */
void smb_request_sequence_set(const struct smb_request *r, struct smb_open *o);
/* CreditCharge covers this many bytes? [MS-SMB2] 3.3.5.2.5 */
bool smb_request_charge_covers(const struct smb_request *r, uint64_t bytes);
