/* SPDX-License-Identifier: Apache-2.0 */
/* The server object: configuration, shares, the table of sessions, the list of connections.
 * Lock order: server->lock, lease->lock, open->lock, client->lock, session->lock, conn->lock. None
 * is held in a call into vfs; vfs calls back under its own locks (wake, oplock_break, broken), and
 * then lease->lock and what follows it may be taken. */
#pragma once

#include "auth/throttle.h"
#include "base/budget.h"
#include "base/hash.h"
#include "base/log.h"
#include "os/sync.h"
#include "rpc/rpc.h"
#include "smb/appinstance.h"
#include "smb/durable.h"
#include "smb/replay.h"
#include "smb/restart.h"
#include "smb/smb.h"
#include "vfs/wait.h"

enum smb_share_type { SMB_SHARE_IS_DISK, SMB_SHARE_IS_PIPE };

/* What a reload may change of a share. */
struct smb_share_settings {
    char *comment;                  /* server->lock */
    struct smb_admission admission; /* server->lock */
    bool hidden;                    /* server->lock */
    /* relaxed: each request goes by what it finds */
    atomic_bool read_only, encrypt, guest_ok, dfs_root;
};

/* What a handler has to know of a volume before it has a file of it. */
#define SMB_WAY_NEVER_BLOCKS 1u
#define SMB_WAY_TRIES_NOWAIT 2u
#define SMB_WAY_HAS_PAST 4u /* snapshots */
#define SMB_WAY_IS_FILES 8u /* it is a volume at all */
unsigned smb_volume_ways(const struct vfs_volume *v);
/* Which lane of work its calls are in (work_key.volume). */
uint32_t smb_volume_lane(const struct vfs_volume *v);

/* What makes opens or trees of a share passes here; closed while its volume is being replaced. */
struct smb_gate {
    atomic_bool
        is_closed; /* changes under share->lock; seq_cst, as the next: see smb_share_enter */
    atomic_uint entered;
    atomic_bool grants_none; /* relaxed: nothing new to cache by, it would be broken at once */
    struct wait_domain waits;
    struct list waiters;
};

/* One share: a name, which stays, settings and a volume, which may change. Reference-counted: the
 * server's list and each tree connect hold it. */
struct smb_share {
    struct refcount refs;
    struct list link;         /* server->lock; empty: replaced or removed */
    enum smb_share_type type; /* immutable, as the next */
    char *name;
    struct mutex lock;         /* a leaf */
    struct vfs_volume *volume; /* read under lock or server->lock, changed under both; a reference;
                                  NULL for IPC$ */
    /* Of that: relaxed, each request goes by what it finds. */
    atomic_uint ways;          /* SMB_WAY_* */
    atomic_uint_fast32_t lane; /* see smb_volume_lane */
    atomic_uint_fast32_t serial;
    struct smb_gate gate;
    struct smb_share_settings set;
    atomic_uint trees; /* connected; relaxed, only told */
};

/* The table of all opens is in parts, so that threads seldom meet. */
#define SMB_OPEN_SHARDS 32
struct smb_open_shard {
    struct mutex lock; /* a leaf */
    struct hash_table opens;
};

struct smb_server {
    struct smb_config
        config; /* fields that reconfigure changes are read through smb_server_policy */
    struct rpc_env rpc_env;
    uint64_t started_at; /* FILETIME */
    uint64_t hash_seed;
    uint8_t offload_key[32]; /* immutable; a secret: what tokens are known by (ioctl_offload.c) */

    struct budget memory; /* what clients make us hold */
    struct budget locks;  /* ... by locks of byte ranges, whose number is told too */

    struct mutex replace_lock; /* outside all others: one share is replaced at a time */
    atomic_bool moves_none;    /* relaxed: who waits for handles looks again and again */
    struct mutex lock;
    struct list shares;             /* lock */
    struct hash_table sessions;     /* lock; by session id */
    struct names admins;            /* lock */
    struct smb_hosts hosts;         /* lock */
    struct list conns;              /* lock */
    struct auth_throttle *throttle; /* lock */
    struct log_rate refusals;       /* lock */
    struct vfs_token *own_token;    /* immutable: who asks when the server itself does */
    struct hash_table clients;      /* lock; by GUID: struct smb_client */
    struct hash_table accounts;     /* lock; by name: struct smb_account */
    struct smb_open_shard opens[SMB_OPEN_SHARDS]; /* by persistent id */
    atomic_uint_fast64_t open_id_next;            /* relaxed: only that they differ matters */
    atomic_uint_fast32_t leases_now;              /* for `status` */
    atomic_uint_fast32_t opens_now;               /* charged; see smb_open_reserve */
    atomic_uint_fast32_t descriptors_now;         /* likewise */
    struct smb_kept kept;
    struct smb_records records;
    struct smb_replays replays;
    struct smb_apps apps;

    atomic_uint_fast64_t conns_total, sessions_total, requests, bytes_in,
        bytes_out; /* relaxed: only told */
    atomic_uint_fast64_t logon_failures, waiting_now, trees_now;
};

/* What may change while the server runs; a consistent copy. */
struct smb_policy {
    bool signing_required;
    enum smb_encryption encryption;
    uint16_t credits_max;
    bool allow_guest;
    bool allow_anonymous;
    uint32_t durable_max_ms;
};
struct smb_policy smb_server_policy(struct smb_server *s);

/* What a log-in goes by; its texts and callbacks live as long as the server. */
struct auth_config smb_server_auth(struct smb_server *s);

/* The rids of the groups that the user is in; at most room of them. false: no memory. */
NODISCARD bool smb_server_groups_of(struct smb_server *s, const char *user, uint32_t *rids,
                                    uint32_t room, uint32_t *count_r);
/* Is this user an administrator of the server? */
bool smb_server_is_admin(struct smb_server *s, const char *user);

/* May another refused log-in or share be told? The log goes to a screen, and peers can be many.
 * *untold_r: how many were not, before this one. */
bool smb_server_may_tell(struct smb_server *s, unsigned *untold_r);

uint64_t smb_server_now(const struct smb_server *s);
uint64_t smb_server_monotonic_ms(const struct smb_server *s);
void smb_server_random(const struct smb_server *s, void *buf, size_t n);

/* Find by name without regard to case; owned reference or NULL. */
NODISCARD struct smb_share *smb_server_share_find(struct smb_server *s, const char *name);
void smb_share_unref(struct smb_share *share);
/* A share that is in no list; owned; NULL: no memory. May wait for the volume. */
NODISCARD struct smb_share *smb_share_new(struct smb_server *s, const struct smb_share_spec *spec,
                                          enum smb_share_type type);
/* The volume as it is now: a reference, or NULL. Who has an open goes by that one's. */
NODISCARD struct vfs_volume *smb_share_volume_ref(struct smb_share *share);
/* The same, with its serial number. */
NODISCARD struct vfs_volume *smb_share_volume_as(struct smb_share *share, uint32_t *serial_r);
bool smb_share_is_on(struct smb_share *share, const struct vfs_volume *v);
/* The fresh one's settings and volume are the share's from now on, and its are the fresh one's.
 * false: the share is in the list no more. */
NODISCARD bool smb_share_become(struct smb_server *s, struct smb_share *share,
                                struct smb_share *fresh);
/* A run of a handler that makes opens or trees begins; smb_share_leave follows. goes_on: it has
 * begun before. false: the volume is being replaced, and w is woken when that is over. */
NODISCARD bool smb_share_enter(struct smb_share *share, struct vfs_wait *w, bool goes_on);
void smb_share_leave(struct smb_share *share);
static inline bool smb_share_is_closed(const struct smb_share *share)
{
    return atomic_load_explicit(&share->gate.is_closed, memory_order_relaxed); /* a hint */
}
/* Its opens get nothing to cache by from now on, but who has been asking already may; until
 * smb_share_open. */
void smb_share_grant_none(struct smb_share *share);
static inline bool smb_share_grants_none(const struct smb_share *share)
{
    return atomic_load_explicit(&share->gate.grants_none, memory_order_relaxed); /* see there */
}
void smb_share_close(struct smb_share *share);
void smb_share_open(struct smb_share *share);
static inline unsigned smb_share_ways(const struct smb_share *share)
{
    return atomic_load_explicit(&share->ways, memory_order_relaxed); /* see there */
}
static inline uint32_t smb_share_lane(const struct smb_share *share)
{
    return (uint32_t)atomic_load_explicit(&share->lane, memory_order_relaxed); /* see there */
}
static inline uint32_t smb_share_serial(const struct smb_share *share)
{
    return (uint32_t)atomic_load_explicit(&share->serial, memory_order_relaxed); /* see there */
}
static inline bool smb_share_is_read_only(const struct smb_share *share)
{
    return atomic_load_explicit(&share->set.read_only, memory_order_relaxed); /* see there */
}
static inline bool smb_share_is_encrypted(const struct smb_share *share)
{
    return atomic_load_explicit(&share->set.encrypt, memory_order_relaxed); /* see there */
}
static inline bool smb_share_is_dfs_root(const struct smb_share *share)
{
    return atomic_load_explicit(&share->set.dfs_root, memory_order_relaxed); /* see there */
}
/* Is any share one? [MS-SMB2] 3.3.1.5 IsDfsCapable */
bool smb_server_is_dfs(struct smb_server *s);

/* Fill server->rpc_env with what the pipes tell. */
void smb_rpc_env_init(struct smb_server *s);
