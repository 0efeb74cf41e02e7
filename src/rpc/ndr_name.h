/* SPDX-License-Identifier: Apache-2.0 */
/* Names and SIDs in NDR, as the security services pass them. [MS-DTYP] 2.3.10, 2.4.2.3 */
#pragma once

#include "base/sid.h"
#include "rpc/ndr.h"

uint16_t ndr_pull_u16(struct cur *c);
void ndr_push_u16(struct ndr_out *o, uint16_t v);

/* The head of an RPC_UNICODE_STRING: its lengths, and whether a string follows among the referents.
 */
struct ndr_name {
    uint16_t len_bytes;
    uint16_t max_bytes;
    bool is_there;
};
struct ndr_name ndr_pull_name_head(struct cur *c);
/* Its referent; empty where there is none. Fails the cursor where the lengths disagree. */
struct ndr_str ndr_pull_name(struct cur *c, const struct ndr_name *head);
/* Head and referent. text: NULL is an absent string; longer than 32,767 units fails the writer. o
 * hands out the pointer's id. */
void ndr_push_name_head(struct wr *w, struct ndr_out *o, const char *text);
void ndr_push_name(struct wr *w, const char *text);

/* A SID behind a pointer: its count again before it, as of any conformant structure. [C706]
 * 14.3.3.2. false: malformed, and c failed. */
NODISCARD bool ndr_pull_sid(struct cur *c, struct sid *out);
void ndr_push_sid(struct wr *w, const struct sid *s);
