/* SPDX-License-Identifier: Apache-2.0 */
/* Guessing passwords takes time: who failed often waits before the next attempt is judged, and
 * attempts that come side by side wait in line, on however many connections. Counted are the place
 * that an attempt comes from and the user that it names. Who goes on failing in one user's name
 * waits in a line of his own: an old password that a telephone sends for ever keeps nobody else at
 * its address out. Only few of a place do, so that guessing for many users is no faster by it.
 *
 * A user who has logged in from a place before is judged there by his failures at that place alone:
 * nobody who guesses elsewhere, or guesses other users' passwords beside him, keeps him out.
 *
 * A pure structure of fixed size; time is passed in. Not locked: the owner locks. */
#pragma once

#include "base/base.h"

#define AUTH_THROTTLE_ENTRIES 4096 /* places, users and pairs that failed; 128 KiB */
#define AUTH_THROTTLE_KNOWN 4096   /* users with a place where they logged in; 64 KiB */
#define AUTH_THROTTLE_APART 4      /* users of a place with a line of their own */
#define AUTH_THROTTLE_FREE 3       /* failures without a delay: typing errors */
#define AUTH_THROTTLE_DELAY_FIRST_MS 250
#define AUTH_THROTTLE_DELAY_MAX_MS 16000 /* of a place, or of a user where he is known */
/* Of a user where he is not known: many places may guess for him, and he may come from a new one.
 */
#define AUTH_THROTTLE_USER_DELAY_MAX_MS 2000
/* Nobody waits longer than this, below the time-outs of clients (smbclient: 20 s). */
#define AUTH_THROTTLE_WAIT_MAX_MS 18000
#define AUTH_THROTTLE_FORGET_MS 600000 /* the count halves for each such span without a failure */

#define AUTH_THROTTLE_REFUSED UINT32_MAX

struct auth_throttle;

NODISCARD struct auth_throttle *auth_throttle_new(void);
void auth_throttle_free(struct auth_throttle *t); /* NULL allowed */
CLEANUP_DEFINE(auth_throttle_free, struct auth_throttle *)

/* Keyed hashes (base/hash.h) of the place (base/addr.h) and of the claimed name, folded. Equal
 * hashes share their count. */
struct auth_who {
    uint64_t place;
    uint64_t user;
};

/* An attempt was judged, right or wrong, and nobody has been told. Returns for how many ms to keep
 * the verdict back, be it good or bad; AUTH_THROTTLE_REFUSED: the line is too long, say that it
 * failed whatever the verdict is, and forget that. now_ms: any clock that does not go back.
 * Cost: O(1). */
NODISCARD uint32_t auth_throttle_attempt(struct auth_throttle *t, struct auth_who who,
                                         bool is_right, uint64_t now_ms);
/* The user got in: he is known at this place, and what failed there in his name is forgotten. */
void auth_throttle_succeeded(struct auth_throttle *t, struct auth_who who);
