/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptor of a new file, from its directory's and its creator's. [MS-DTYP] 2.5.3.4 */
#include <smbkit/types.h>

#include "vfs/secdesc.h"
#include "vfs/token.h"

#define ACE_FLAGS_INHERITANCE                                                                      \
    (ACE_FLAG_OBJECT_INHERIT | ACE_FLAG_CONTAINER_INHERIT | ACE_FLAG_NO_PROPAGATE |                \
     ACE_FLAG_INHERIT_ONLY)
#define GENERIC_BITS                                                                               \
    (SMBKIT_GENERIC_READ | SMBKIT_GENERIC_WRITE | SMBKIT_GENERIC_EXECUTE | SMBKIT_GENERIC_ALL)

/* The new file, and what its ACL is made with. */
struct child {
    const struct sid *owner;
    const struct sid *group;
    bool is_directory;
    uint8_t mark; /* ACE_FLAG_INHERITED when the parent inherits automatically, else 0 */
};

static struct sid substitute(const struct child *ch, const struct sid *sid)
{
    struct sid creator_owner = sid_creator_owner();
    struct sid creator_group = sid_creator_group();
    if (sid_eq(sid, &creator_owner)) {
        return *ch->owner;
    }
    return sid_eq(sid, &creator_group) ? *ch->group : *sid;
}

/* Add e as it works on the new file. What the new file's own children need as it was written
 * (CREATOR OWNER, generic rights) goes into a second, inherit-only entry. [MS-DTYP] 2.5.3.4.6 */
static smbkit_status add_effective(const struct child *ch, const struct ace *e, struct acl *out)
{
    struct ace eff = *e;
    if ((e->flags & ACE_FLAG_INHERIT_ONLY) || !ace_is_plain(e)) {
        return acl_add(out, e);
    }
    eff.sid = substitute(ch, &e->sid);
    eff.mask = sd_map_generic(e->mask);
    bool changed = eff.mask != e->mask || !sid_eq(&eff.sid, &e->sid);
    bool goes_on = (e->flags & (ACE_FLAG_OBJECT_INHERIT | ACE_FLAG_CONTAINER_INHERIT)) != 0;
    if (!changed || !goes_on || !ch->is_directory) {
        return acl_add(out, &eff);
    }
    eff.flags &= (uint8_t)~ACE_FLAGS_INHERITANCE;
    smbkit_status st = acl_add(out, &eff);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    struct ace rest = *e;
    rest.flags |= ACE_FLAG_INHERIT_ONLY;
    return acl_add(out, &rest);
}

/* What an entry of the directory means for the new file; false: nothing. [MS-DTYP] 2.5.3.4.4 */
static bool inherit_flags(const struct child *ch, uint8_t flags, uint8_t *flags_r)
{
    bool for_files = (flags & ACE_FLAG_OBJECT_INHERIT) != 0;
    bool for_directories = (flags & ACE_FLAG_CONTAINER_INHERIT) != 0;
    bool goes_on = !(flags & ACE_FLAG_NO_PROPAGATE);
    uint8_t rest = flags & (uint8_t) ~(ACE_FLAGS_INHERITANCE | ACE_FLAG_INHERITED);
    *flags_r = rest | ch->mark;
    if (!ch->is_directory) {
        return for_files;
    }
    if (goes_on) {
        *flags_r |= flags & (ACE_FLAG_OBJECT_INHERIT | ACE_FLAG_CONTAINER_INHERIT);
    }
    if (for_directories) {
        return true;
    }
    *flags_r |= ACE_FLAG_INHERIT_ONLY;
    return for_files && goes_on;
}

static smbkit_status add_inherited(const struct child *ch, const struct acl *parent,
                                   struct acl *out)
{
    for (uint32_t i = 0; i < parent->count; i++) {
        struct ace e = parent->aces[i];
        uint8_t flags;
        if (!ace_is_plain(&e) || !inherit_flags(ch, e.flags, &flags)) {
            continue;
        }
        e.flags = flags;
        smbkit_status st = add_effective(ch, &e, out);
        if (!SMBKIT_OK(st)) {
            return st;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* without_inherited: entries that came from some parent are left out, as this one's are added anew.
 */
static smbkit_status add_explicit(const struct child *ch, const struct acl *creator,
                                  bool without_inherited, struct acl *out)
{
    for (uint32_t i = 0; i < creator->count; i++) {
        const struct ace *e = &creator->aces[i];
        if (without_inherited && (e->flags & ACE_FLAG_INHERITED)) {
            continue;
        }
        smbkit_status st = add_effective(ch, e, out);
        if (!SMBKIT_OK(st)) {
            return st;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* One of the two ACLs: where its bits are in control, and from where it comes. */
struct side {
    uint16_t present, defaulted, is_protected, auto_inherited;
    uint16_t parent_control, creator_control;
    bool is_given;
    const struct acl *parent, *creator;
};

static struct side side_of(const struct sd_inherit_in *in, bool is_sacl)
{
    const struct secdesc *p = in->parent;
    const struct secdesc *c = in->creator;
    struct side s = {
        .present = is_sacl ? SD_SACL_PRESENT : SD_DACL_PRESENT,
        .defaulted = is_sacl ? SD_SACL_DEFAULTED : SD_DACL_DEFAULTED,
        .is_protected = is_sacl ? SD_SACL_PROTECTED : SD_DACL_PROTECTED,
        .auto_inherited = is_sacl ? SD_SACL_AUTO_INHERITED : SD_DACL_AUTO_INHERITED,
        .parent_control = p ? p->control : 0,
        .creator_control = c ? c->control : 0,
    };
    s.parent = p && (p->control & s.present) ? (is_sacl ? p->sacl : p->dacl) : NULL;
    /* A defaulted ACL is the creator's stop-gap: as good as none. */
    s.is_given = c && (c->control & s.present) && !(c->control & s.defaulted);
    s.creator = s.is_given ? (is_sacl ? c->sacl : c->dacl) : NULL;
    return s;
}

static smbkit_status fill(const struct side *s, const struct child *ch, bool inherits,
                          struct acl *out)
{
    smbkit_status st = SMBKIT_STATUS_SUCCESS;
    if (s->creator) {
        st = add_explicit(ch, s->creator, inherits, out);
    }
    if (SMBKIT_OK(st) && inherits && s->parent) {
        st = add_inherited(ch, s->parent, out);
    }
    return st;
}

/* [MS-DTYP] 2.5.3.4.2. *out stays NULL when there is no such ACL, or a NULL one was asked for;
 * control tells. */
static smbkit_status compute_acl(const struct side *s, struct child *ch, struct acl **out,
                                 uint16_t *control)
{
    bool is_auto = (s->parent_control & s->auto_inherited) != 0;
    bool is_given = s->is_given;
    bool is_protected = is_given && (s->creator_control & s->is_protected) != 0;
    bool inherits = !is_protected && (!is_given || is_auto);
    *out = NULL;
    if (is_given) {
        *control |= s->present | (is_protected ? s->is_protected : 0);
    }
    if (is_given && !s->creator) {
        return SMBKIT_STATUS_SUCCESS;
    }
    ch->mark = is_auto ? ACE_FLAG_INHERITED : 0;
    struct acl *acl = acl_new();
    smbkit_status st = acl ? fill(s, ch, inherits, acl) : SMBKIT_STATUS_NO_MEMORY;
    if (!SMBKIT_OK(st) || (!is_given && acl->count == 0)) {
        acl_free(acl);
        return st;
    }
    *control |= s->present | (inherits && is_auto ? s->auto_inherited : 0);
    *out = acl;
    return SMBKIT_STATUS_SUCCESS;
}

/* Neither inherited nor given. */
static smbkit_status default_dacl(const struct side *s, struct secdesc *out)
{
    struct sid system = sid_system();
    struct sid everyone = sid_everyone();
    out->control |= SD_DACL_PRESENT;
    out->dacl = acl_new();
    if (!out->dacl) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (!s->parent) {
        return acl_add_plain(out->dacl, ACE_ALLOWED, 0, SMBKIT_ALL_ACCESS, &everyone);
    }
    smbkit_status st = acl_add_plain(out->dacl, ACE_ALLOWED, 0, SMBKIT_ALL_ACCESS, &out->owner);
    return SMBKIT_OK(st) ? acl_add_plain(out->dacl, ACE_ALLOWED, 0, SMBKIT_ALL_ACCESS, &system)
                         : st;
}

static smbkit_status set_owner(const struct sd_inherit_in *in, struct secdesc *out)
{
    const struct secdesc *c = in->creator;
    out->has_owner = true;
    out->has_group = true;
    out->owner = c && c->has_owner ? c->owner : in->token->user;
    out->group = c && c->has_group ? c->group : in->token->primary_group;
    if (!sid_eq(&out->owner, &in->token->user) && !(in->token->privileges & TOKEN_CAN_RESTORE)) {
        return SMBKIT_STATUS_INVALID_OWNER;
    }
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status inherit_acls(const struct sd_inherit_in *in, struct secdesc *out)
{
    struct child ch = {
        .owner = &out->owner, .group = &out->group, .is_directory = in->is_directory};
    struct side dacl = side_of(in, false);
    struct side sacl = side_of(in, true);
    if ((sacl.creator_control & SD_SACL_PRESENT) && !(in->token->privileges & TOKEN_CAN_SECURITY)) {
        return SMBKIT_STATUS_PRIVILEGE_NOT_HELD;
    }
    smbkit_status st = compute_acl(&sacl, &ch, &out->sacl, &out->control);
    if (SMBKIT_OK(st)) {
        st = compute_acl(&dacl, &ch, &out->dacl, &out->control);
    }
    if (SMBKIT_OK(st) && !(out->control & SD_DACL_PRESENT)) {
        st = default_dacl(&dacl, out);
    }
    return st;
}

smbkit_status sd_inherit(const struct sd_inherit_in *in, struct secdesc *out)
{
    sd_init(out);
    smbkit_status st = set_owner(in, out);
    if (SMBKIT_OK(st)) {
        st = inherit_acls(in, out);
    }
    if (!SMBKIT_OK(st)) {
        sd_fini(out);
    }
    return st;
}
