/* SPDX-License-Identifier: Apache-2.0 */
/* Security descriptors: parsed and written, checked, inherited, merged. [MS-DTYP] 2.4.6, 2.5.3. All
 * pure; any thread. */
#pragma once

#include "vfs/acl.h"

struct vfs_token;

#define SD_BYTES_MAX                                                                               \
    (20 + 2 * SID_BYTES_MAX + 2 * ACL_BYTES_MAX + 2) /* the largest that sd_format writes */

/* control */
#define SD_OWNER_DEFAULTED 0x0001u
#define SD_GROUP_DEFAULTED 0x0002u
#define SD_DACL_PRESENT 0x0004u
#define SD_DACL_DEFAULTED 0x0008u
#define SD_SACL_PRESENT 0x0010u
#define SD_SACL_DEFAULTED 0x0020u
#define SD_DACL_AUTO_INHERIT_REQ 0x0100u
#define SD_SACL_AUTO_INHERIT_REQ 0x0200u
#define SD_DACL_AUTO_INHERITED 0x0400u
#define SD_SACL_AUTO_INHERITED 0x0800u
#define SD_DACL_PROTECTED 0x1000u
#define SD_SACL_PROTECTED 0x2000u
#define SD_SELF_RELATIVE 0x8000u

/* which parts, [MS-DTYP] 2.4.7 SECURITY_INFORMATION */
#define SD_OWNER 0x1u
#define SD_GROUP 0x2u
#define SD_DACL 0x4u
#define SD_SACL 0x8u
#define SD_PROTECTED_DACL 0x80000000u
#define SD_PROTECTED_SACL 0x40000000u
#define SD_UNPROTECTED_DACL 0x20000000u
#define SD_UNPROTECTED_SACL 0x10000000u
/* Ours: that an ACL was inherited is stored as it is given, though the client does not ask. */
#define SD_KEEP_INHERITED 0x00010000u

struct secdesc {
    uint16_t control; /* without SD_SELF_RELATIVE */
    bool has_owner;
    bool has_group;
    struct sid owner;
    struct sid group;
    struct acl *dacl; /* owned. SD_DACL_PRESENT and NULL: everything is allowed; not
                         SD_DACL_PRESENT: the same */
    struct acl *sacl; /* owned */
};

void sd_init(struct secdesc *sd); /* empty */
void sd_fini(struct secdesc *sd);
NODISCARD smbkit_status sd_copy(struct secdesc *out, const struct secdesc *sd);
/* A self-relative descriptor, little endian. out needs sd_fini on success and is empty on failure.
 * Errors: INVALID_SECURITY_DESCR, INVALID_SID, INVALID_ACL, NO_MEMORY. */
NODISCARD smbkit_status sd_parse(const uint8_t *p, size_t len, struct secdesc *out);
/* Append the parts `what` (SD_OWNER|...) self-relative. A part that is absent has offset 0. The
 * writer's failure sticks. */
void sd_format(struct wr *w, const struct secdesc *sd, uint32_t what);

/* Generic bits to the file rights they stand for, [MS-SMB2] 2.2.13.1.1. MAXIMUM_ALLOWED stays. */
uint32_t sd_map_generic(uint32_t mask);
/* [MS-DTYP] 2.5.3.2. desired is mapped here; MAXIMUM_ALLOWED is heeded: then *granted_r is all that
 * is allowed, together with what else was asked. Without it *granted_r is what was asked, mapped.
 * Errors: ACCESS_DENIED, PRIVILEGE_NOT_HELD (ACCESS_SYSTEM_SECURITY without the privilege). */
NODISCARD smbkit_status sd_access_check(const struct secdesc *sd, const struct vfs_token *token,
                                        uint32_t desired, uint32_t *granted_r);
/* All that it would grant; never ACCESS_SYSTEM_SECURITY, which a privilege gives, not a descriptor.
 * Never fails. */
uint32_t sd_access_max(const struct secdesc *sd, const struct vfs_token *token);

/* The descriptor of a new file. [MS-DTYP] 2.5.3.4 */
struct sd_inherit_in {
    const struct secdesc *parent;  /* NULL: nothing to inherit from */
    const struct secdesc *creator; /* from the client; NULL: none */
    const struct vfs_token *token;
    bool is_directory;
};
/* A parent whose DACL has nothing to inherit: full control for the owner and SYSTEM. No parent, or
 * one without a DACL: for everyone (SD_OPEN). Errors: INVALID_OWNER (the creator's owner is not the
 * token's user), PRIVILEGE_NOT_HELD (a SACL without the privilege), INVALID_ACL (too large),
 * NO_MEMORY. */
NODISCARD smbkit_status sd_inherit(const struct sd_inherit_in *in, struct secdesc *out);

/* A client's SET: the parts `what` of given go into stored. [MS-FSA] 2.1.5.17. The caller has
 * checked the access that the open needs for each part (WRITE_OWNER, WRITE_DAC,
 * ACCESS_SYSTEM_SECURITY). stored is unchanged on failure. Errors: INVALID_OWNER (none, or a new
 * one that is not the token's user, without TOKEN_CAN_RESTORE), INVALID_SECURITY_DESCR (no group),
 * NO_MEMORY. */
NODISCARD smbkit_status sd_set(struct secdesc *stored, const struct secdesc *given, uint32_t what,
                               const struct vfs_token *token);

/* For a file that keeps no descriptor. */
enum sd_default_kind {
    SD_OPEN,     /* everyone: full control */
    SD_COMMON,   /* everyone: full control, but not over what others have in it; for directories */
    SD_OWNED,    /* owner: full control; everyone: read and execute */
    SD_PRIVATE,  /* owner: full control; nobody else */
    SD_READABLE, /* everyone: read and execute; for read-only volumes */
};
/* Hand every entry of the DACL down to whatever is made below. */
void sd_make_inheritable(struct secdesc *sd);
NODISCARD smbkit_status sd_default(struct secdesc *out, enum sd_default_kind kind,
                                   const struct sid *owner, const struct sid *group);
