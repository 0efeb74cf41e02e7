/* SPDX-License-Identifier: Apache-2.0 */
/* Failed log-ins cost the peer: the reply to a failing address is held back, longer with each
 * failure. A pure structure of fixed size; time is passed in. Not locked: the owner locks. */
#pragma once

#include "base/base.h"

#define AUTH_THROTTLE_ENTRIES 4096 /* keys remembered; 96 KiB */
#define AUTH_THROTTLE_FREE 3       /* failures without a delay: typing errors */
#define AUTH_THROTTLE_DELAY_FIRST_MS 250
#define AUTH_THROTTLE_DELAY_MAX_MS 16000 /* below the time-outs of clients (Windows: 60 s) */
#define AUTH_THROTTLE_FORGET_MS 600000   /* the count halves for each such span without a failure */

struct auth_throttle;

NODISCARD struct auth_throttle *auth_throttle_new(void);
void auth_throttle_free(struct auth_throttle *t); /* NULL allowed */
CLEANUP_DEFINE(auth_throttle_free, struct auth_throttle *)

/* addr_hash: a keyed hash (base/hash.h) of the peer's address (IPv6: of its /64), or of address and
 * user; equal hashes share their count. now_ms: any clock that does not go back. */

/* How long to hold back the reply to this peer's log-in. Call after _failed. */
uint32_t auth_throttle_delay_ms(const struct auth_throttle *t, uint64_t addr_hash, uint64_t now_ms);
void auth_throttle_failed(struct auth_throttle *t, uint64_t addr_hash, uint64_t now_ms);
/* Forgets the peer's failures. */
void auth_throttle_succeeded(struct auth_throttle *t, uint64_t addr_hash);
