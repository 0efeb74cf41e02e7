/* SPDX-License-Identifier: Apache-2.0 */
/* Access control lists. [MS-DTYP] 2.4.4, 2.4.5 */
#pragma once

#include "base/sid.h"

#define ACL_ACES_MAX 2048 /* 64 KiB hold 3,276 of the smallest; Windows itself stops near 1,820 */
#define ACL_BYTES_MAX 65535

#define ACE_ALLOWED 0x00u
#define ACE_DENIED 0x01u
#define ACE_AUDIT 0x02u

#define ACE_FLAG_OBJECT_INHERIT 0x01u
#define ACE_FLAG_CONTAINER_INHERIT 0x02u
#define ACE_FLAG_NO_PROPAGATE 0x04u
#define ACE_FLAG_INHERIT_ONLY 0x08u
#define ACE_FLAG_INHERITED 0x10u

struct ace {
    uint8_t type;
    uint8_t flags;
    uint16_t opaque_len; /* bytes at opaque */
    uint32_t mask;       /* allowed, denied, audit only */
    struct sid sid;      /* allowed, denied, audit only */
    uint8_t *opaque;     /* owned; any other type: what follows its 4-byte header, kept but never
                            evaluated or inherited */
};

struct acl {
    uint8_t revision; /* 2, or 4 with object ACEs */
    uint32_t count;
    uint32_t cap;
    uint32_t len_bytes; /* of all ACEs */
    struct ace *aces;   /* owned */
};

/* Is it one of the types whose mask and sid are filled? */
bool ace_is_plain(const struct ace *a);
size_t ace_len_bytes(const struct ace *a);
/* What it denies and to whom, also when it is an object or callback ACE: their conditions are not
 * evaluated, so that a denial always counts and a grant never. false: it denies nothing. */
bool ace_denial_get(const struct ace *a, uint32_t *mask_r, struct sid *sid_r);

struct acl *acl_new(void);
void acl_free(struct acl *a); /* NULL allowed */
CLEANUP_DEFINE(acl_free, struct acl *)
NODISCARD struct acl *acl_copy(const struct acl *a);
/* Append a copy of e. NO_MEMORY, INVALID_ACL: it would exceed ACL_ACES_MAX or ACL_BYTES_MAX. */
NODISCARD smbkit_status acl_add(struct acl *a, const struct ace *e);
/* acl_add of a plain one. */
NODISCARD smbkit_status acl_add_plain(struct acl *a, uint8_t type, uint8_t flags, uint32_t mask,
                                      const struct sid *sid);
/* As it is written by acl_format. */
size_t acl_len_bytes(const struct acl *a);
/* c: from AclRevision to the end of the descriptor; AclSize bounds it. *out is owned, NULL on
 * failure. Errors: INVALID_ACL, NO_MEMORY. */
NODISCARD smbkit_status acl_parse(struct cur *c, struct acl **out);
void acl_format(struct wr *w, const struct acl *a);
/* Same ACEs in the same order? */
bool acl_eq(const struct acl *a, const struct acl *b);
