/* SPDX-License-Identifier: Apache-2.0 */
/* A client's SET of a descriptor. [MS-FSA] 2.1.5.17 */
#include "vfs/secdesc.h"
#include "vfs/token.h"

/* Generic rights become the file's; what children inherit stays as it was written. */
static void map_acl(struct acl *a)
{
    for (uint32_t i = 0; i < a->count; i++) {
        struct ace *e = &a->aces[i];
        if (ace_is_plain(e) && !(e->flags & ACE_FLAG_INHERIT_ONLY)) {
            e->mask = sd_map_generic(e->mask);
        }
    }
}

/* One of the two ACLs: its bits in control and in what. */
struct acl_bits {
    uint16_t present, defaulted, request, auto_inherited, is_protected;
    uint32_t protect, unprotect;
};

static const struct acl_bits dacl_bits = {
    SD_DACL_PRESENT,   SD_DACL_DEFAULTED, SD_DACL_AUTO_INHERIT_REQ, SD_DACL_AUTO_INHERITED,
    SD_DACL_PROTECTED, SD_PROTECTED_DACL, SD_UNPROTECTED_DACL,
};
static const struct acl_bits sacl_bits = {
    SD_SACL_PRESENT,   SD_SACL_DEFAULTED, SD_SACL_AUTO_INHERIT_REQ, SD_SACL_AUTO_INHERITED,
    SD_SACL_PROTECTED, SD_PROTECTED_SACL, SD_UNPROTECTED_SACL,
};

/* The control word after the ACL is set. AUTO_INHERITED sticks only for a client that says by the
 * REQ bit that it knows automatic inheritance, [MS-DTYP] 2.4.6. */
static uint16_t set_control(uint16_t old, uint16_t given, uint32_t what, const struct acl_bits *b)
{
    uint16_t all = b->present | b->defaulted | b->request | b->auto_inherited | b->is_protected;
    uint16_t control = (uint16_t)((old & ~all) | b->present);
    bool is_protected = (given & b->is_protected) != 0;
    bool is_asked = (given & b->request) || (what & SD_KEEP_INHERITED);
    if (is_asked && (given & b->auto_inherited)) {
        control |= b->auto_inherited;
    }
    if ((is_protected || (what & b->protect)) && !(what & b->unprotect)) {
        control |= b->is_protected;
    }
    return control;
}

/* The new ACL goes into *slot of fresh. An absent one is set as a NULL one is. */
static smbkit_status set_acl(const struct acl *given, struct acl **slot)
{
    struct acl *copy = given ? acl_copy(given) : NULL;
    if (given && !copy) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (copy) {
        map_acl(copy);
    }
    acl_free(*slot);
    *slot = copy;
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status set_owner(struct secdesc *sd, const struct secdesc *given,
                               const struct vfs_token *token)
{
    if (!given->has_owner) {
        return SMBKIT_STATUS_INVALID_OWNER;
    }
    bool is_same = sd->has_owner && sid_eq(&sd->owner, &given->owner);
    if (!is_same && !sid_eq(&given->owner, &token->user) &&
        !(token->privileges & TOKEN_CAN_RESTORE)) {
        return SMBKIT_STATUS_INVALID_OWNER;
    }
    sd->has_owner = true;
    sd->owner = given->owner;
    sd->control &= (uint16_t)~SD_OWNER_DEFAULTED;
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status set_group(struct secdesc *sd, const struct secdesc *given)
{
    if (!given->has_group) {
        return SMBKIT_STATUS_INVALID_SECURITY_DESCR;
    }
    sd->has_group = true;
    sd->group = given->group;
    sd->control &= (uint16_t)~SD_GROUP_DEFAULTED;
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status set_parts(struct secdesc *sd, const struct secdesc *given, uint32_t what,
                               const struct vfs_token *token)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (what & SD_OWNER) {
        st = set_owner(sd, given, token);
    }
    if (SMBKIT_OK(st) && (what & SD_GROUP)) {
        st = set_group(sd, given);
    }
    if (SMBKIT_OK(st) && (what & SD_DACL)) {
        sd->control = set_control(sd->control, given->control, what, &dacl_bits);
        st = set_acl(given->dacl, &sd->dacl);
    }
    if (SMBKIT_OK(st) && (what & SD_SACL)) {
        sd->control = set_control(sd->control, given->control, what, &sacl_bits);
        st = set_acl(given->sacl, &sd->sacl);
    }
    return st;
}

smbkit_status sd_set(struct secdesc *stored, const struct secdesc *given, uint32_t what,
                     const struct vfs_token *token)
{
    struct secdesc fresh;
    smbkit_status st = sd_copy(&fresh, stored);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    st = set_parts(&fresh, given, what, token);
    if (!SMBKIT_OK(st)) {
        sd_fini(&fresh);
        return st;
    }
    sd_fini(stored);
    *stored = fresh;
    return SMBKIT_STATUS_SUCCESS;
}
