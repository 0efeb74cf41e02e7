/* SPDX-License-Identifier: Apache-2.0 */
/* SPNEGO tokens, bytes <-> structs. RFC 4178 4.2, [MS-SPNG] 2.2.1 */
#pragma once

#include "auth/mech.h"
#include "base/cur.h"

#define SPNEGO_MECHS_MAX 32 /* Windows offers four */

enum spnego_state {
    SPNEGO_ACCEPT_COMPLETED = 0,
    SPNEGO_ACCEPT_INCOMPLETE = 1,
    SPNEGO_REJECT = 2,
    SPNEGO_REQUEST_MIC = 3,
    SPNEGO_STATE_ABSENT = -1,
};

/* All slices borrow from the bytes parsed. */
struct spnego_init {
    struct auth_slice mechs[SPNEGO_MECHS_MAX]; /* contents of the OIDs, the preferred one first */
    size_t mech_count;                         /* 1..SPNEGO_MECHS_MAX */
    struct auth_slice mech_list;               /* the DER of the list: what mechListMIC covers */
    struct auth_slice token;                   /* for mechs[0]; absent: p NULL */
};

struct spnego_resp {
    enum spnego_state state;
    struct auth_slice mech; /* supportedMech */
    struct auth_slice token;
    struct auth_slice mic;
};

/* Does the blob begin like an InitialContextToken (RFC 2743 3.1)? */
bool spnego_is_init(const uint8_t *p, size_t len);
/* false: malformed, another mechanism's token, or too many mechanisms. Any thread, pure. */
NODISCARD bool spnego_init_parse(const uint8_t *p, size_t len, struct spnego_init *out);
NODISCARD bool spnego_resp_parse(const uint8_t *p, size_t len, struct spnego_resp *out);
/* Absent fields are left out. */
void spnego_resp_format(struct wr *w, const struct spnego_resp *resp);
/* NegTokenInit2 with the hint that Windows sends. */
void spnego_init2_format(struct wr *w, const struct auth_slice *mechs, size_t count);
