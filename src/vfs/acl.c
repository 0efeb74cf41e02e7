/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/acl.h"

#include "base/mem.h"

#define ACL_HEADER_BYTES 8
#define ACE_HEADER_BYTES 4
#define ACL_REVISION 2
#define ACL_REVISION_DS 4

#define ACE_DENIED_OBJECT 0x06u
#define ACE_DENIED_CALLBACK 0x0au
#define ACE_DENIED_CALLBACK_OBJECT 0x0cu
#define ACE_OBJECT_TYPE_PRESENT 0x1u
#define ACE_INHERITED_TYPE_PRESENT 0x2u
#define GUID_BYTES 16

bool ace_is_plain(const struct ace *a)
{
    return a->type == ACE_ALLOWED || a->type == ACE_DENIED || a->type == ACE_AUDIT;
}

size_t ace_len_bytes(const struct ace *a)
{
    return ACE_HEADER_BYTES + (ace_is_plain(a) ? 4 + sid_len_bytes(&a->sid) : a->opaque_len);
}

bool ace_denial_get(const struct ace *a, uint32_t *mask_r, struct sid *sid_r)
{
    bool is_object = a->type == ACE_DENIED_OBJECT || a->type == ACE_DENIED_CALLBACK_OBJECT;
    if (a->type == ACE_DENIED) {
        *mask_r = a->mask;
        *sid_r = a->sid;
        return true;
    }
    if (!is_object && a->type != ACE_DENIED_CALLBACK) {
        return false;
    }
    struct cur c = cur_init(a->opaque, a->opaque_len);
    *mask_r = cur_u32(&c);
    if (is_object) {
        uint32_t present = cur_u32(&c);
        cur_skip(&c, present & ACE_OBJECT_TYPE_PRESENT ? GUID_BYTES : 0);
        cur_skip(&c, present & ACE_INHERITED_TYPE_PRESENT ? GUID_BYTES : 0);
    }
    return sid_parse(&c, sid_r);
}

struct acl *acl_new(void)
{
    struct acl *a = mem_zalloc(sizeof(*a));
    if (a) {
        a->revision = ACL_REVISION;
    }
    return a;
}

void acl_free(struct acl *a)
{
    if (!a) {
        return;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        mem_free(a->aces[i].opaque);
    }
    mem_free(a->aces);
    mem_free(a);
}

struct acl *acl_copy(const struct acl *a)
{
    struct acl *copy = acl_new();
    if (!copy) {
        return NULL;
    }
    copy->revision = a->revision;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!SMBKIT_OK(acl_add(copy, &a->aces[i]))) {
            acl_free(copy);
            return NULL;
        }
    }
    return copy;
}

static bool reserve_one(struct acl *a)
{
    if (a->count < a->cap) {
        return true;
    }
    uint32_t cap = a->cap ? a->cap * 2 : 4;
    struct ace *aces = mem_realloc(a->aces, cap * sizeof(*aces));
    if (!aces) {
        return false;
    }
    a->aces = aces;
    a->cap = cap;
    return true;
}

smbkit_status acl_add(struct acl *a, const struct ace *e)
{
    size_t len = ace_len_bytes(e);
    if (a->count == ACL_ACES_MAX || a->len_bytes + len > ACL_BYTES_MAX - ACL_HEADER_BYTES) {
        return SMBKIT_STATUS_INVALID_ACL;
    }
    struct ace copy = *e;
    copy.opaque = NULL;
    if (!ace_is_plain(e) && e->opaque_len > 0) {
        copy.opaque = mem_dup(e->opaque, e->opaque_len);
        if (!copy.opaque) {
            return SMBKIT_STATUS_NO_MEMORY;
        }
    }
    if (!reserve_one(a)) {
        mem_free(copy.opaque);
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (!ace_is_plain(e)) {
        a->revision = ACL_REVISION_DS;
    }
    a->aces[a->count++] = copy;
    a->len_bytes += (uint32_t)len;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status acl_add_plain(struct acl *a, uint8_t type, uint8_t flags, uint32_t mask,
                            const struct sid *sid)
{
    return acl_add(a, &(struct ace){.type = type, .flags = flags, .mask = mask, .sid = *sid});
}

size_t acl_len_bytes(const struct acl *a)
{
    return ACL_HEADER_BYTES + a->len_bytes;
}

/* [MS-DTYP] 2.4.4.1. e->opaque borrows from the input. */
static bool parse_ace(struct cur *c, struct ace *e)
{
    *e = (struct ace){0};
    e->type = cur_u8(c);
    e->flags = cur_u8(c);
    uint16_t size = cur_u16(c);
    if (size < ACE_HEADER_BYTES || size % 4 != 0) {
        return false;
    }
    struct cur body = cur_take(c, size - ACE_HEADER_BYTES);
    if (ace_is_plain(e)) {
        e->mask = cur_u32(&body);
        return sid_parse(&body, &e->sid);
    }
    e->opaque_len = (uint16_t)(size - ACE_HEADER_BYTES);
    /* Only copied from: acl_add makes its own. */
    e->opaque = (uint8_t *)(uintptr_t)cur_bytes(&body, e->opaque_len);
    return cur_ok(&body);
}

static smbkit_status parse_aces(struct cur *c, uint16_t count, struct acl *a)
{
    for (uint16_t i = 0; i < count; i++) {
        struct ace e;
        if (!parse_ace(c, &e)) {
            return SMBKIT_STATUS_INVALID_ACL;
        }
        smbkit_status st = acl_add(a, &e);
        if (!SMBKIT_OK(st)) {
            return st;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status acl_parse(struct cur *c, struct acl **out)
{
    *out = NULL;
    uint8_t revision = cur_u8(c);
    cur_skip(c, 1);
    uint16_t size = cur_u16(c);
    uint16_t count = cur_u16(c);
    cur_skip(c, 2);
    if (!cur_ok(c) || revision < ACL_REVISION || revision > ACL_REVISION_DS ||
        size < ACL_HEADER_BYTES || count > ACL_ACES_MAX) {
        return SMBKIT_STATUS_INVALID_ACL;
    }
    struct cur body = cur_take(c, size - ACL_HEADER_BYTES);
    struct acl *a = acl_new();
    if (!a) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    a->revision = revision;
    smbkit_status st = parse_aces(&body, count, a);
    if (!SMBKIT_OK(st)) {
        acl_free(a);
        return st;
    }
    *out = a;
    return SMBKIT_STATUS_SUCCESS;
}

static void format_ace(struct wr *w, const struct ace *e)
{
    wr_u8(w, e->type);
    wr_u8(w, e->flags);
    wr_u16(w, (uint16_t)ace_len_bytes(e));
    if (ace_is_plain(e)) {
        wr_u32(w, e->mask);
        sid_format(w, &e->sid);
    } else {
        wr_bytes(w, e->opaque, e->opaque_len);
    }
}

void acl_format(struct wr *w, const struct acl *a)
{
    wr_u8(w, a->revision);
    wr_u8(w, 0);
    wr_u16(w, (uint16_t)acl_len_bytes(a));
    wr_u16(w, (uint16_t)a->count);
    wr_u16(w, 0);
    for (uint32_t i = 0; i < a->count; i++) {
        format_ace(w, &a->aces[i]);
    }
}

static bool ace_eq(const struct ace *a, const struct ace *b)
{
    return a->type == b->type && a->flags == b->flags && a->mask == b->mask &&
           sid_eq(&a->sid, &b->sid) && a->opaque_len == b->opaque_len &&
           mem_eq(a->opaque, b->opaque, a->opaque_len);
}

bool acl_eq(const struct acl *a, const struct acl *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        if (!ace_eq(&a->aces[i], &b->aces[i])) {
            return false;
        }
    }
    return true;
}
