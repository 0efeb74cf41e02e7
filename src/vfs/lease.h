/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: the other kind of holder in the state machine of oplock.h. [MS-SMB2] 3.3.1.12, 3.3.5.9.8,
 * 3.3.5.9.11, 3.3.5.22.2; [MS-FSA] LEVEL_GRANULAR.
 *
 * A lease belongs to a stream and is told apart by its client and key; opens of that client that
 * name the key share it, and what one of them does breaks it for none of them. The front end has
 * it, keyed as it likes, and hands it to vfs_create; it is bound to a node while it has opens
 * there. What is said to be decisions is called with the node's lock held. */
#pragma once

#include "os/sync.h"
#include "vfs/oplock.h"

struct vfs_node;
struct vfs_open;
struct lease;

#define LEASE_KEY_SIZE 16u

struct lease_id {
    uint8_t client[16]; /* ClientGuid */
    uint8_t key[LEASE_KEY_SIZE];
};

/* What the client is told of a break. */
struct lease_break {
    uint8_t from, to; /* OPLOCK_* */
    uint16_t epoch;   /* 0: version 1 */
    bool ack;         /* it has to answer: vfs_lease_ack, or vfs_lease_timeout when it does not */
};

/* The front end's side. Called under a core lock: may only post a job, or count. */
struct lease_ops {
    void (*broken)(struct lease *l, const struct lease_break *b);
    /* Each open in the core holds a reference. Under no core lock. */
    void (*ref)(struct lease *l);
    void (*unref)(struct lease *l);
};

struct lease {
    const struct lease_ops *ops; /* immutable, as the next; NULL in tests of decisions */
    struct lease_id id;
    struct mutex lock; /* after node.lock; guards: */
    struct vfs_node
        *node; /* which it is of; NULL: it has no opens. Changes with node's lock held */
    /* guarded by the node's lock */
    struct oplock_holder holder;
    bool has_epoch; /* version 2 */
    uint16_t epoch; /* grows with every change of state that the client is told */
    uint32_t term;  /* the one that it has opens in, from the first to the last; they are counted */
    uint32_t open_count;
    uint32_t busy_open_count; /* of them, those for more than attributes */
};

/* holder.client is the caller's to set: the same for all that share a lease. */
void lease_init(struct lease *l, const struct lease_id *id, const struct lease_ops *ops);
void lease_fini(struct lease *l);

/* ---- decisions ---- */

/* An open that succeeded asks for rights, the first one with this lease or another. */
struct lease_want {
    uint8_t caching;      /* OPLOCK_R, RH, RW or RWH; any other combination is none */
    bool has_other_opens; /* of the stream, with other keys, stat opens apart */
    bool has_byte_locks;
    bool is_directory;
};
/* Grants them, or fewer; never takes any. Returns what it has. While a break is under way nothing
 * changes. */
uint8_t lease_request(struct oplock_state *s, struct lease *l, const struct lease_want *want);

/* A break that oplock_check began is about to be told: what the client is told. */
struct lease_break lease_break_begins(struct lease *l);
/* The client's answer. SUCCESS: wake who waits; out may have another break, of what was asked for
 * meanwhile. UNSUCCESSFUL: no break under way. REQUEST_NOT_ACCEPTED: it would keep what it was not
 * offered; the break goes on. [MS-SMB2] 3.3.5.22.2 */
NODISCARD smbkit_status lease_ack(struct oplock_state *s, struct lease *l, uint8_t caching,
                                  struct oplock_result *out);

/* ---- for the front end ---- */

/* A lease that is asked for. [MS-SMB2] 3.3.5.9.8, 3.3.5.9.11 */
struct vfs_lease_want {
    struct lease
        *lease;      /* the caller's; each open that shares it takes a reference (vfs/lease.h) */
    uint8_t caching; /* SMB2_LEASE_*_CACHING, as OPLOCK_* */
    bool has_epoch;  /* version 2: */
    uint16_t epoch;  /* where the count begins, if this is its first open */
    bool on_directories; /* may be had on a directory; else there it is not asked for at all */
    bool has_parent;
    uint8_t parent_key[LEASE_KEY_SIZE]; /* the client's lease on the directory: not broken by this
                                           open */
};
struct vfs_lease_got {
    bool is_shared; /* the open shares the lease that was asked for, which has: */
    uint8_t caching;
    bool is_breaking;
    bool has_epoch;
    uint16_t epoch;
    uint32_t term; /* the same for two opens: it was never without one in between. Not 0 */
};

/* The client's answer to a break, [MS-SMB2] 3.3.5.22.2: UNSUCCESSFUL, REQUEST_NOT_ACCEPTED.
 * *kept_r: what it has from now on. */
NODISCARD smbkit_status vfs_lease_ack(struct lease *l, uint8_t caching, uint8_t *kept_r);
/* As vfs_oplock_timeout. [MS-SMB2] 3.3.6.5 */
void vfs_lease_timeout(struct lease *l);
/* What the open caches by, oplock or lease: OPLOCK_R, _W and _H (vfs/oplock.h). */
uint8_t vfs_open_caching(const struct vfs_open *o);
