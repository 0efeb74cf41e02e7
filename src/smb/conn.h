/* SPDX-License-Identifier: Apache-2.0 */
/* A connection. [MS-SMB2] 3.3.1.7. Loop thread only unless said otherwise. */
#pragma once

#include "base/log.h"
#include "base/mem.h"
#include "smb/credits.h"
#include "smb/server.h"
#include "wire/smb2.h"

struct smb_message;
struct smb_client;
struct smb_session;

struct smb_conn {
    struct refcount refs;          /* transport, each message, each channel, what is being closed */
    struct smb_server *server;     /* immutable */
    const struct smb_conn_io *ops; /* immutable */
    void *io;                      /* immutable */
    struct log_ctx log;            /* immutable */
    char address[64];              /* immutable */
    uint64_t place_hash;           /* immutable; of what counts as one place (base/addr.h) */
    struct list link;              /* server->lock */
    struct job free_job;

    bool closed;           /* the transport is gone */
    bool closing;          /* io->close was called */
    bool draining;         /* the server stops: no new messages, and the end with the last one */
    atomic_bool logged_on; /* a session was set up once; set by the loop thread */
    bool seen_sealed;

    /* What NEGOTIATE settled; immutable afterwards, so any thread may read it then. dialect 0: not
     * yet */
    uint16_t dialect;
    atomic_uchar read_padding; /* a test FSCTL: bytes before the data of READs; relaxed */
    atomic_bool plays_dead;    /* likewise: nothing counts as acknowledged */
    atomic_bool is_silent; /* relaxed: it has not acknowledged a break; until it sends something */
    bool wildcard_sent;    /* answered an SMB1 negotiate with 0x02ff: a second NEGOTIATE is due */
    uint8_t client_guid[16];
    struct smb_client *client; /* a reference; by that GUID */
    uint32_t client_capabilities;
    uint64_t client_dialects; /* smb_dialects_hash of those it has named */
    uint16_t client_security_mode;
    uint32_t capabilities;  /* ours */
    uint16_t security_mode; /* ours */
    uint16_t cipher;        /* enum crypto_cipher; 0: none */
    uint16_t sign_alg;      /* enum crypto_sign_alg */
    uint32_t transact_max;  /* bytes; also of read and write */
    bool multi_credit;
    uint8_t preauth[64];

    struct credits credits;
    uint32_t credits_max;        /* once logged in */
    struct smb_account *account; /* a reference: who logged in first; NULL: nobody yet */
    struct budget budget;        /* any thread; see room.h for it and what follows */
    struct budget_wait room;
    atomic_bool room_posted;
    struct job room_job;
    struct list starved;        /* messages whose next request has no room for its reply */
    bool reading_held;          /* ... and the next frame none */
    struct mutex lock;          /* a leaf, but for the transport's */
    struct hash_table channels; /* lock; by session id */
    struct list messages;       /* under way */
    unsigned message_count;
    struct mem_spare spare;     /* of a message with one request */
    struct hash_table by_mid;   /* requests that wait or are on a worker: what CANCEL finds */
    struct hash_table by_async; /* those of them with an AsyncId */
    unsigned async_count;
    size_t waiting_bytes; /* of these, those that wait until something happens */
    uint64_t async_id_next;
    struct list breaks; /* of oplocks and leases, whose timer is set; smb_break.timer_link */
    struct list slow;   /* requests on a worker, oldest first */
    struct smb_timer slow_timer;
    struct smb_timer logon_timer;
};

struct smb_conn *smb_conn_ref(struct smb_conn *c);
void smb_conn_unref(struct smb_conn *c);
/* End the connection: the peer broke the rules (reason, for the log) or we are done. Any frames
 * that follow are dropped. */
void smb_conn_end(struct smb_conn *c, const char *reason);
/* A message under way is done: gives its reference back; ends the connection when that was asked
 * for. */
void smb_conn_message_done(struct smb_conn *c);
/* Is the first session there? Then the log-in timer and the small frame bound end. */
void smb_conn_logged_on(struct smb_conn *c, struct smb_session *s);
/* Was a break sent on it that its peer's TCP has not acknowledged? Any thread. */
bool smb_conn_is_silent(const struct smb_conn *c);
static inline bool smb_conn_is_3x(const struct smb_conn *c)
{
    return c->dialect >= SMB2_DIALECT_300;
}
