/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: the other kind of holder in the state machine of oplock.h. [MS-SMB2] 3.3.1.12, 3.3.5.9.8,
 * 3.3.5.9.11, 3.3.5.22.2; [MS-FSA] LEVEL_GRANULAR. Decisions only; none is granted to a client yet.
 *
 * A lease belongs to a stream and is told apart by its client and key; opens of that client that
 * name the key share it, and what one of them does breaks it for none of them. The caller holds the
 * node's lock. */
#pragma once

#include "vfs/oplock.h"

struct lease_id {
    uint8_t client[16]; /* ClientGuid */
    uint8_t key[16];
};

struct lease {
    struct oplock_holder holder;
    struct lease_id id;
    uint8_t parent_key[16]; /* of the directory's lease, which what its opens do does not break */
    bool has_parent_key;
    bool has_epoch; /* version 2 */
    uint16_t epoch; /* grows with every change of state that the client is told */
    uint32_t open_count;
};

/* holder.client is the caller's to set: the same for all that share a lease. */
void lease_init(struct lease *l, const struct lease_id *id);
/* The lease of the stream with this id that holds something; NULL: none. */
struct lease *lease_find(const struct oplock_state *s, const struct lease_id *id);

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

/* A break that oplock_check began is about to be told: what the client is told besides the rights.
 */
void lease_break_begins(struct lease *l);
/* The client's answer. SUCCESS: wake who waits; out may have another break, of what was asked for
 * meanwhile. UNSUCCESSFUL: no break under way. REQUEST_NOT_ACCEPTED: it would keep what it was not
 * offered; the break goes on. [MS-SMB2] 3.3.5.22.2 */
NODISCARD smbkit_status lease_ack(struct oplock_state *s, struct lease *l, uint8_t caching,
                                  struct oplock_result *out);
