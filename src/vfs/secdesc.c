/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/secdesc.h"

#include <smbkit/types.h>

#define HEADER_BYTES 20
/* What of the control word is kept: the resource manager's byte (RM_CONTROL_VALID) and server trust
 * are not. */
#define CONTROL_KEPT                                                                               \
    (SD_OWNER_DEFAULTED | SD_GROUP_DEFAULTED | SD_DACL_PRESENT | SD_DACL_DEFAULTED |               \
     SD_SACL_PRESENT | SD_SACL_DEFAULTED | SD_DACL_AUTO_INHERIT_REQ | SD_SACL_AUTO_INHERIT_REQ |   \
     SD_DACL_AUTO_INHERITED | SD_SACL_AUTO_INHERITED | SD_DACL_PROTECTED | SD_SACL_PROTECTED)
#define CONTROL_OF_DACL                                                                            \
    (SD_DACL_PRESENT | SD_DACL_DEFAULTED | SD_DACL_AUTO_INHERIT_REQ | SD_DACL_AUTO_INHERITED |     \
     SD_DACL_PROTECTED)
#define CONTROL_OF_SACL                                                                            \
    (SD_SACL_PRESENT | SD_SACL_DEFAULTED | SD_SACL_AUTO_INHERIT_REQ | SD_SACL_AUTO_INHERITED |     \
     SD_SACL_PROTECTED)

#define FILE_READ_RIGHTS                                                                           \
    (SMBKIT_READ_DATA | SMBKIT_READ_ATTRIBUTES | SMBKIT_READ_EA | SMBKIT_READ_CONTROL |            \
     SMBKIT_SYNCHRONIZE)
#define FILE_WRITE_RIGHTS                                                                          \
    (SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA | SMBKIT_WRITE_ATTRIBUTES | SMBKIT_WRITE_EA |          \
     SMBKIT_READ_CONTROL | SMBKIT_SYNCHRONIZE)
#define FILE_EXECUTE_RIGHTS                                                                        \
    (SMBKIT_EXECUTE | SMBKIT_READ_ATTRIBUTES | SMBKIT_READ_CONTROL | SMBKIT_SYNCHRONIZE)

void sd_init(struct secdesc *sd)
{
    *sd = (struct secdesc){0};
}

void sd_fini(struct secdesc *sd)
{
    acl_free(sd->dacl);
    acl_free(sd->sacl);
    sd_init(sd);
}

smbkit_status sd_copy(struct secdesc *out, const struct secdesc *sd)
{
    *out = *sd;
    out->dacl = sd->dacl ? acl_copy(sd->dacl) : NULL;
    out->sacl = sd->sacl ? acl_copy(sd->sacl) : NULL;
    if ((sd->dacl && !out->dacl) || (sd->sacl && !out->sacl)) {
        sd_fini(out);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    return SMBKIT_STATUS_SUCCESS;
}

/* From offset to the end: the part itself says how long it is. */
static bool part_at(struct cur *c, size_t len, uint32_t offset, struct cur *part)
{
    if (offset < HEADER_BYTES || offset > len) {
        return false;
    }
    *part = cur_sub(c, offset, len - offset);
    return cur_ok(part);
}

static smbkit_status parse_sid_at(struct cur *c, size_t len, uint32_t offset, struct sid *out)
{
    struct cur part;
    if (!part_at(c, len, offset, &part)) {
        return SMBKIT_STATUS_INVALID_SECURITY_DESCR;
    }
    return sid_parse(&part, out) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INVALID_SID;
}

static smbkit_status parse_acl_at(struct cur *c, size_t len, uint32_t offset, struct acl **out)
{
    struct cur part;
    if (!part_at(c, len, offset, &part)) {
        return SMBKIT_STATUS_INVALID_SECURITY_DESCR;
    }
    return acl_parse(&part, out);
}

static smbkit_status parse_parts(struct cur *c, size_t len, struct secdesc *sd)
{
    uint32_t owner = cur_u32(c);
    uint32_t group = cur_u32(c);
    uint32_t sacl = cur_u32(c);
    uint32_t dacl = cur_u32(c);
    smbkit_status st = cur_ok(c) ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_INVALID_SECURITY_DESCR;
    if (SMBKIT_OK(st) && owner != 0) {
        st = parse_sid_at(c, len, owner, &sd->owner);
        sd->has_owner = SMBKIT_OK(st);
    }
    if (SMBKIT_OK(st) && group != 0) {
        st = parse_sid_at(c, len, group, &sd->group);
        sd->has_group = SMBKIT_OK(st);
    }
    if (SMBKIT_OK(st) && sacl != 0 && (sd->control & SD_SACL_PRESENT)) {
        st = parse_acl_at(c, len, sacl, &sd->sacl);
    }
    if (SMBKIT_OK(st) && dacl != 0 && (sd->control & SD_DACL_PRESENT)) {
        st = parse_acl_at(c, len, dacl, &sd->dacl);
    }
    return st;
}

smbkit_status sd_parse(const uint8_t *p, size_t len, struct secdesc *out)
{
    struct cur c = cur_init(p, len);
    sd_init(out);
    uint8_t revision = cur_u8(&c);
    cur_skip(&c, 1);
    uint16_t control = cur_u16(&c);
    if (!cur_ok(&c) || revision != 1 || !(control & SD_SELF_RELATIVE)) {
        return SMBKIT_STATUS_INVALID_SECURITY_DESCR;
    }
    out->control = control & CONTROL_KEPT;
    smbkit_status st = parse_parts(&c, len, out);
    if (!SMBKIT_OK(st)) {
        sd_fini(out);
    }
    return st;
}

/* Note at field where the part that comes next starts. */
static void point(struct wr *w, size_t base, size_t field)
{
    if (wr_ok(w)) {
        wr_put_u32(w, base + field, (uint32_t)(wr_pos(w) - base));
    }
}

void sd_format(struct wr *w, const struct secdesc *sd, uint32_t what)
{
    size_t base = wr_pos(w);
    uint16_t control = sd->control | SD_SELF_RELATIVE;
    control &= (uint16_t) ~(
        (what & SD_OWNER ? 0 : SD_OWNER_DEFAULTED) | (what & SD_GROUP ? 0 : SD_GROUP_DEFAULTED) |
        (what & SD_DACL ? 0 : CONTROL_OF_DACL) | (what & SD_SACL ? 0 : CONTROL_OF_SACL));
    wr_u8(w, 1);
    wr_u8(w, 0);
    wr_u16(w, control);
    wr_zero(w, 16);
    if ((control & SD_SACL_PRESENT) && sd->sacl) {
        point(w, base, 12);
        acl_format(w, sd->sacl);
    }
    if ((control & SD_DACL_PRESENT) && sd->dacl) {
        point(w, base, 16);
        acl_format(w, sd->dacl);
    }
    if ((what & SD_OWNER) && sd->has_owner) {
        point(w, base, 4);
        sid_format(w, &sd->owner);
    }
    if ((what & SD_GROUP) && sd->has_group) {
        point(w, base, 8);
        sid_format(w, &sd->group);
    }
}

uint32_t sd_map_generic(uint32_t mask)
{
    static const struct {
        uint32_t generic;
        uint32_t rights;
    } map[] = {
        {SMBKIT_GENERIC_READ, FILE_READ_RIGHTS},
        {SMBKIT_GENERIC_WRITE, FILE_WRITE_RIGHTS},
        {SMBKIT_GENERIC_EXECUTE, FILE_EXECUTE_RIGHTS},
        {SMBKIT_GENERIC_ALL, SMBKIT_ALL_ACCESS},
    };
    for (size_t i = 0; i < ARRAY_LEN(map); i++) {
        if (mask & map[i].generic) {
            mask = (mask & ~map[i].generic) | map[i].rights;
        }
    }
    return mask;
}

void sd_make_inheritable(struct secdesc *sd)
{
    for (uint32_t i = 0; sd->dacl && i < sd->dacl->count; i++) {
        sd->dacl->aces[i].flags |= ACE_FLAG_OBJECT_INHERIT | ACE_FLAG_CONTAINER_INHERIT;
    }
}

smbkit_status sd_default(struct secdesc *out, enum sd_default_kind kind, const struct sid *owner,
                         const struct sid *group)
{
    static const struct {
        uint32_t owner;
        uint32_t everyone;
    } rights[] = {
        [SD_OPEN] = {0, SMBKIT_ALL_ACCESS},
        [SD_COMMON] = {0, SMBKIT_ALL_ACCESS &
                              ~(SMBKIT_DELETE_CHILD | SMBKIT_WRITE_DAC | SMBKIT_WRITE_OWNER)},
        [SD_OWNED] = {SMBKIT_ALL_ACCESS, FILE_READ_RIGHTS | FILE_EXECUTE_RIGHTS},
        [SD_PRIVATE] = {SMBKIT_ALL_ACCESS, 0},
        [SD_READABLE] = {0, FILE_READ_RIGHTS | FILE_EXECUTE_RIGHTS},
    };
    struct sid everyone = sid_everyone();
    *out = (struct secdesc){.control = SD_DACL_PRESENT,
                            .has_owner = true,
                            .has_group = true,
                            .owner = *owner,
                            .group = *group,
                            .dacl = acl_new()};
    smbkit_status st = out->dacl ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    if (SMBKIT_OK(st) && rights[kind].owner) {
        st = acl_add_plain(out->dacl, ACE_ALLOWED, 0, rights[kind].owner, owner);
    }
    if (SMBKIT_OK(st) && rights[kind].everyone) {
        st = acl_add_plain(out->dacl, ACE_ALLOWED, 0, rights[kind].everyone, &everyone);
    }
    if (!SMBKIT_OK(st)) {
        sd_fini(out);
    }
    return st;
}
