/* SPDX-License-Identifier: Apache-2.0 */
/* One client connection: joins a stream of src/net with a connection of src/smb. */
#pragma once

#include "net/net.h"
#include "smb/smb.h"

/* The connections of one loop; loop thread only, except what is said to be immutable. */
struct conn_home {
    struct loop *loop;         /* immutable after init */
    struct smb_server *smb;    /* immutable after init */
    struct workers *workers;   /* immutable after init */
    struct net_limits *limits; /* immutable after init */
    struct list conns;
    atomic_uint count; /* any thread may read */
    bool is_draining;  /* no new connections */
};

void conn_home_init(struct conn_home *h, struct loop *l);
/* Begin to serve what a listener let in. Takes the descriptor and the place in the limits over.
 * Loop thread. */
void conn_start(struct conn_home *h, const struct net_accepted *a, uint64_t conn_id);
/* Ask every connection to finish; refuse new ones. Loop thread. */
void conn_home_drain(struct conn_home *h);
/* End every connection now. Loop thread. */
void conn_home_abort(struct conn_home *h);
