/* SPDX-License-Identifier: Apache-2.0 */
#include "recycle_sd.h"

#include <string.h>

#define HEAD_SIZE 20
#define ACL_HEAD_SIZE 8
#define ACE_HEAD_SIZE 8 /* with the mask */
#define SID_MAX 68
#define DACL_PRESENT 0x04 /* in the first byte of Control */
#define ACE_ALLOWED 0
#define ACE_DENIED 1
#define HANDED_DOWN 3 /* to files and folders */

struct sid_bytes {
    const uint8_t *base;
    size_t len;
};

static const uint8_t administrators[16] = {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0};
static const uint8_t system_sid[12] = {1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0};
static const uint8_t everyone[12] = {1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0};

static bool is_somebody(const struct smbkit_identity *who)
{
    return who && who->sid && who->sid_len_bytes > 0 && who->sid_len_bytes <= SID_MAX &&
           !(who->flags & (SMBKIT_WHO_GUEST | SMBKIT_WHO_ANONYMOUS));
}

/* ---- what is made ---- */

static void put_u32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> (8 * i));
    }
}

/* Protected, and with an empty DACL at the end. Bytes. */
static size_t put_head(uint8_t *out, struct sid_bytes owner)
{
    size_t acl = HEAD_SIZE + owner.len;
    memset(out, 0, RECYCLE_SD_SIZE);
    out[0] = 1;
    out[2] = DACL_PRESENT;
    out[3] = 0x90; /* SELF_RELATIVE, DACL_PROTECTED */
    out[4] = HEAD_SIZE;
    memcpy(out + HEAD_SIZE, owner.base, owner.len);
    out[16] = (uint8_t)acl;
    out[acl] = 2;
    out[acl + 2] = ACL_HEAD_SIZE;
    return acl + ACL_HEAD_SIZE;
}

/* One more entry at the end, which is at len. */
static size_t put_ace(uint8_t *out, size_t len, uint8_t flags, uint32_t mask, struct sid_bytes sid)
{
    uint8_t *acl = out + out[16];
    uint8_t *p = out + len;
    p[0] = ACE_ALLOWED;
    p[1] = flags;
    p[2] = (uint8_t)(ACE_HEAD_SIZE + sid.len);
    put_u32(p + 4, mask);
    memcpy(p + ACE_HEAD_SIZE, sid.base, sid.len);
    acl[2] = (uint8_t)(acl[2] + p[2]);
    acl[4]++;
    return len + p[2];
}

static uint32_t put_trusted(uint8_t *out, size_t len)
{
    const struct sid_bytes of[] = {{administrators, sizeof(administrators)},
                                   {system_sid, sizeof(system_sid)}};
    for (size_t i = 0; i < 2; i++) {
        len = put_ace(out, len, HANDED_DOWN, SMBKIT_ALL_ACCESS, of[i]);
    }
    return (uint32_t)len;
}

uint32_t recycle_sd_own(const struct smbkit_identity *who, uint8_t out[RECYCLE_SD_SIZE])
{
    if (!is_somebody(who)) {
        return 0;
    }
    const struct sid_bytes user = {who->sid, who->sid_len_bytes};
    size_t len = put_head(out, user);
    return put_trusted(out, put_ace(out, len, HANDED_DOWN, SMBKIT_ALL_ACCESS, user));
}

uint32_t recycle_sd_common(uint8_t out[RECYCLE_SD_SIZE])
{
    const uint32_t lists = SMBKIT_READ_DATA | SMBKIT_READ_EA | SMBKIT_EXECUTE |
                           SMBKIT_READ_ATTRIBUTES | SMBKIT_READ_CONTROL | SMBKIT_SYNCHRONIZE;
    const struct sid_bytes all = {everyone, sizeof(everyone)};
    size_t len = put_head(out, (struct sid_bytes){administrators, sizeof(administrators)});
    return put_trusted(out, put_ace(out, len, 0, lists, all));
}

/* ---- what is there ---- */

static uint32_t get_u16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get_u32(const uint8_t *p)
{
    return get_u16(p) | get_u16(p + 2) << 16;
}

/* Does one of them whose it may be begin there? */
static bool is_trusted(const uint8_t *p, size_t room, const struct smbkit_identity *who)
{
    const struct sid_bytes of[] = {{administrators, sizeof(administrators)},
                                   {system_sid, sizeof(system_sid)},
                                   {who ? who->sid : NULL, who ? who->sid_len_bytes : 0}};
    for (size_t i = 0; i < (is_somebody(who) ? 3 : 2); i++) {
        if (of[i].len <= room && memcmp(p, of[i].base, of[i].len) == 0) {
            return true;
        }
    }
    return false;
}

static bool allows_no_other(const uint8_t *acl, size_t room, const struct smbkit_identity *who,
                            uint32_t refused)
{
    size_t size = room >= ACL_HEAD_SIZE ? get_u16(acl + 2) : 0;
    if (size < ACL_HEAD_SIZE || size > room) {
        return false;
    }
    size_t at = ACL_HEAD_SIZE;
    for (uint32_t left = get_u16(acl + 4); left > 0; left--) {
        const uint8_t *p = acl + at;
        size_t len = size - at >= ACE_HEAD_SIZE ? get_u16(p + 2) : 0;
        if (len < ACE_HEAD_SIZE || len > size - at) {
            return false;
        }
        bool is_harmless =
            p[0] == ACE_DENIED || (p[0] == ACE_ALLOWED && !(get_u32(p + 4) & refused)) ||
            (p[0] == ACE_ALLOWED && is_trusted(p + ACE_HEAD_SIZE, len - ACE_HEAD_SIZE, who));
        if (!is_harmless) {
            return false;
        }
        at += len;
    }
    return true;
}

bool recycle_sd_is_safe(const struct smbkit_bytes *sd, const struct smbkit_identity *who,
                        uint32_t refused)
{
    if (sd->len < HEAD_SIZE || !(sd->base[2] & DACL_PRESENT)) {
        return false; /* without a DACL everyone may do everything */
    }
    size_t owner = get_u32(sd->base + 4);
    size_t acl = get_u32(sd->base + 16);
    if (owner < HEAD_SIZE || owner > sd->len || acl < HEAD_SIZE || acl > sd->len) {
        return false;
    }
    return is_trusted(sd->base + owner, sd->len - owner, who) &&
           allows_no_other(sd->base + acl, sd->len - acl, who, refused);
}
