/* SPDX-License-Identifier: Apache-2.0 */
/* The CommandSequenceWindow of a connection: a set of MessageIds that the client may use, each
 * once. [MS-SMB2] 3.3.1.1, 3.3.1.2, 3.3.5.2.3. Not locked: loop thread only. */
#pragma once

#include "base/base.h"

struct credits {
    uint64_t low;       /* every id below was used */
    uint64_t high;      /* first id that was never granted */
    uint32_t available; /* ids in [low, high) not used yet */
    uint32_t pending;   /* credits that requests under way have used and not given back */
    uint32_t
        promised;  /* granted in replies that are not sent yet: their ids are not in the window */
    uint32_t max;  /* available + pending + promised never exceed it */
    uint32_t span; /* high - low never exceeds it; bits in the map, a power of two */
    uint32_t span_max; /* the map grows to this with what is granted: many clients ask for little */
    uint64_t *used;    /* ring of span bits: id is used */
};

/* One credit is granted: MessageId 0. max: 1..65535. false: no memory. */
NODISCARD bool credits_init(struct credits *c, uint32_t max);
/* Grant up to this much from now on; not above credits_init's max. */
void credits_max_set(struct credits *c, uint32_t max);
void credits_fini(struct credits *c);
/* Use the ids id .. id+charge-1 (charge 0 counts as 1). false: one of them is not in the window:
 * end the connection. */
NODISCARD bool credits_use(struct credits *c, uint64_t id, uint16_t charge);
/* A request that used `charge` is answered and asks for `wanted`: how many the reply grants (fewer
 * without memory). At least 1 while the client would otherwise be left with none. */
NODISCARD uint16_t credits_grant(struct credits *c, uint16_t charge, uint16_t wanted);
/* Replies that granted so many have left: now the client may use them. A client that does not read
 * gets none. */
void credits_sent(struct credits *c, uint32_t granted);
