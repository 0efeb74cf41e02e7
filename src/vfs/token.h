/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of struct vfs_token: functions are in vfs/vfs.h. Immutable after vfs_token_new; any
 * thread. */
#pragma once

#include "base/sid.h"
#include "vfs/vfs.h"

#define TOKEN_KNOWN_MAX 5 /* groups that everybody knows: Everyone, ... */

/* privileges; SMBKIT_WHO_ADMIN has the last two. Nobody takes ownership uninvited: who asks for
 * the most that is allowed would get WRITE_OWNER on every file, and few expect it. */
#define TOKEN_CAN_TAKE_OWNERSHIP 0x1u /* SeTakeOwnershipPrivilege */
#define TOKEN_CAN_SECURITY 0x2u       /* SeSecurityPrivilege: the SACL */
#define TOKEN_CAN_RESTORE 0x4u        /* SeRestorePrivilege: any owner */

struct vfs_token {
    struct refcount refs;
    struct smbkit_identity identity; /* its strings and sid point into this object */
    char *strings[3];                /* owned: user, domain, client address */
    uint8_t sid_bytes[SID_BYTES_MAX];
    struct sid user;
    struct sid primary_group;
    uint32_t privileges; /* TOKEN_CAN_* */
    uint32_t rid_count;
    uint32_t group_count;
    uint32_t *rids;                  /* [rid_count] owned; of the machine's groups */
    struct token_group *groups;      /* [group_count] owned; primary_group too */
    struct smbkit_bytes *group_sids; /* owned; identity.groups: they point into groups */
};

struct token_group {
    struct sid sid;
    uint8_t bytes[SID_BYTES_MAX];
};

/* The user itself or one of its groups? */
bool token_has_sid(const struct vfs_token *t, const struct sid *sid);
