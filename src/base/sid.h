/* SPDX-License-Identifier: Apache-2.0 */
/* Security identifiers. [MS-DTYP] 2.4.2 */
#pragma once

#include "base/base.h"
#include "base/cur.h"
#include "base/wr.h"

#define SID_SUBS_MAX 15
#define SID_BYTES_MAX (8 + 4 * SID_SUBS_MAX)
#define SID_STR_MAX 200 /* "S-1-" + 15 decimal digits + 15 * "-4294967295" + NUL is 185 */

struct sid {
    uint8_t revision; /* 1 */
    uint8_t count;    /* of sub, 0..SID_SUBS_MAX */
    uint8_t authority[6];
    uint32_t sub[SID_SUBS_MAX];
};

/* S-1-authority-sub0-sub1..., count sub-authorities from subs. */
struct sid sid_make(uint8_t authority, const uint32_t *subs, uint8_t count);
/* S-1-authority-sub */
struct sid sid_make1(uint8_t authority, uint32_t sub);
struct sid sid_everyone(void);            /* S-1-1-0 */
struct sid sid_creator_owner(void);       /* S-1-3-0 */
struct sid sid_creator_group(void);       /* S-1-3-1 */
struct sid sid_owner_rights(void);        /* S-1-3-4 */
struct sid sid_network(void);             /* S-1-5-2 */
struct sid sid_anonymous(void);           /* S-1-5-7 */
struct sid sid_authenticated_users(void); /* S-1-5-11 */
struct sid sid_system(void);              /* S-1-5-18 */
struct sid sid_builtin(uint32_t rid); /* S-1-5-32-rid: 544 Administrators, 545 Users, 546 Guests */
/* S-1-5-21-m0-m1-m2-rid: 513 Domain Users, 514 Domain Guests, or a user */
struct sid sid_machine(const uint32_t machine[3], uint32_t rid);

bool sid_eq(const struct sid *a, const struct sid *b);
size_t sid_len_bytes(const struct sid *s);
/* Binary form at the position, stepping over it. false (and c failed): short, revision not 1, more
 * than 15 sub-authorities. */
NODISCARD bool sid_parse(struct cur *c, struct sid *out);
void sid_format(struct wr *w, const struct sid *s);
/* "S-1-5-32-545" */
void sid_to_str(const struct sid *s, char out[SID_STR_MAX]);
