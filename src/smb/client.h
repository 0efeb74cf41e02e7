/* SPDX-License-Identifier: Apache-2.0 */
/* Whom sessions and opens belong to: the client machine, by its ClientGuid, and the account that
 * logged in. Both outlive connections and sessions, for as long as an open or a session is theirs.
 */
#pragma once

#include "base/budget.h"
#include "base/hash.h"
#include "base/list.h"
#include "os/sync.h"
#include "smb/smb.h"

/* A client machine, however many connections it has. [MS-SMB2] 3.3.1.16. It has a table of leases
 * (3.3.1.11), see lease.h. */
struct smb_client {
    struct refcount refs; /* connections, sessions, opens, leases */
    struct smb_server *server;
    uint8_t guid[16];                 /* immutable */
    uint64_t id;                      /* immutable, not 0: what plugins know it by */
    bool is_known;                    /* immutable: in server->clients; one without a GUID is not */
    struct hash_link link;            /* server->lock */
    struct mutex lock;                /* after server->lock, before session->lock; guards: */
    struct list sessions;             /* by smb_session.client_link, in the order of their making */
    struct hash_table leases;         /* by key: struct smb_lease */
    atomic_uint_fast32_t opens;       /* charged to it; see smb_open_reserve */
    atomic_uint_fast32_t descriptors; /* likewise */
    atomic_uint_fast32_t kept_opens;  /* those of them that are kept; see durable.h */
    struct budget kept;               /* bytes that stay between its requests; see room.h */
};

/* A user, however many sessions he has. */
struct smb_account {
    struct refcount refs; /* sessions, opens */
    struct smb_server *server;
    char *name;                       /* immutable */
    struct hash_link link;            /* server->lock: in server->accounts */
    atomic_uint_fast32_t opens;       /* charged to it */
    atomic_uint_fast32_t descriptors; /* likewise */
    struct budget memory;             /* what its connections make us hold; below the server's */
    struct budget locks;              /* of byte ranges, likewise */
};

/* The client of this GUID; dialect 2.0.2 has none, and then each connection is a client of its own.
 * An owned reference; NULL without memory. */
NODISCARD struct smb_client *smb_client_get(struct smb_server *s, const uint8_t guid[16]);
struct smb_client *smb_client_ref(struct smb_client *c);
void smb_client_unref(struct smb_client *c);

/* By name without regard to case; an owned reference; NULL without memory. */
NODISCARD struct smb_account *smb_account_get(struct smb_server *s, const char *name);
struct smb_account *smb_account_ref(struct smb_account *a);
void smb_account_unref(struct smb_account *a);
