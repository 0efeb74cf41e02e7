/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what. [MS-DTYP] 2.5.3 */
#include <smbkit/types.h>

#include "vfs/secdesc.h"
#include "vfs/token.h"

struct check {
    const struct vfs_token *token;
    bool is_owner;
    uint32_t granted;
    uint32_t denied;
};

/* Is the entry about the caller? OWNER RIGHTS (S-1-3-4) stands for whoever owns the file. */
static bool is_about(const struct check *k, const struct sid *sid)
{
    struct sid owner_rights = sid_owner_rights();
    return sid_eq(sid, &owner_rights) ? k->is_owner : token_has_sid(k->token, sid);
}

/* Does the DACL itself say what the owner may? Then nothing is implied. */
static bool has_owner_rights(const struct acl *dacl)
{
    struct sid owner_rights = sid_owner_rights();
    for (uint32_t i = 0; i < dacl->count; i++) {
        const struct ace *e = &dacl->aces[i];
        if (ace_is_plain(e) && e->type != ACE_AUDIT && !(e->flags & ACE_FLAG_INHERIT_ONLY) &&
            sid_eq(&e->sid, &owner_rights)) {
            return true;
        }
    }
    return false;
}

/* The first entry that speaks of a right decides it. */
static void weigh(struct check *k, const struct ace *e)
{
    uint32_t mask;
    struct sid sid;
    if (e->flags & ACE_FLAG_INHERIT_ONLY) {
        return;
    }
    if (e->type == ACE_ALLOWED && is_about(k, &e->sid)) {
        k->granted |= sd_map_generic(e->mask) & ~k->denied;
    } else if (ace_denial_get(e, &mask, &sid) && is_about(k, &sid)) {
        k->denied |= sd_map_generic(mask) & ~k->granted;
    }
}

uint32_t sd_access_max(const struct secdesc *sd, const struct vfs_token *token)
{
    struct check k = {.token = token,
                      .is_owner = sd->has_owner && token_has_sid(token, &sd->owner)};
    if (!(sd->control & SD_DACL_PRESENT) || !sd->dacl) {
        return SMBKIT_ALL_ACCESS;
    }
    if (token->privileges & TOKEN_CAN_TAKE_OWNERSHIP) {
        k.granted |= SMBKIT_WRITE_OWNER;
    }
    if (k.is_owner && !has_owner_rights(sd->dacl)) {
        k.granted |= SMBKIT_READ_CONTROL | SMBKIT_WRITE_DAC;
    }
    for (uint32_t i = 0; i < sd->dacl->count; i++) {
        weigh(&k, &sd->dacl->aces[i]);
    }
    return k.granted & SMBKIT_ALL_ACCESS;
}

smbkit_status sd_access_check(const struct secdesc *sd, const struct vfs_token *token,
                              uint32_t desired, uint32_t *granted_r)
{
    uint32_t allowed = sd_access_max(sd, token);
    bool wants_max = (desired & SMBKIT_MAXIMUM_ALLOWED) != 0;
    uint32_t wanted = sd_map_generic(desired & ~SMBKIT_MAXIMUM_ALLOWED);
    *granted_r = 0;
    if (wanted & SMBKIT_ACCESS_SYSTEM_SECURITY) {
        if (!(token->privileges & TOKEN_CAN_SECURITY)) {
            return SMBKIT_STATUS_PRIVILEGE_NOT_HELD;
        }
        allowed |= SMBKIT_ACCESS_SYSTEM_SECURITY;
    }
    if ((wanted & ~allowed) != 0 || (wants_max && allowed == 0)) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    *granted_r = wants_max ? allowed : wanted;
    return SMBKIT_STATUS_SUCCESS;
}
