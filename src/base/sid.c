/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sid.h"

#include "base/mem.h"
#include "base/str.h"

#define AUTHORITY_WORLD 1
#define AUTHORITY_CREATOR 3
#define AUTHORITY_NT 5

struct sid sid_make(uint8_t authority, const uint32_t *subs, uint8_t count)
{
    struct sid s = {.revision = 1, .count = count, .authority = {0, 0, 0, 0, 0, authority}};
    ASSERT(count <= SID_SUBS_MAX);
    mem_copy(s.sub, subs, count * sizeof(s.sub[0]));
    return s;
}

struct sid sid_make1(uint8_t authority, uint32_t sub)
{
    return sid_make(authority, &sub, 1);
}

struct sid sid_everyone(void)
{
    return sid_make1(AUTHORITY_WORLD, 0);
}

struct sid sid_creator_owner(void)
{
    return sid_make1(AUTHORITY_CREATOR, 0);
}

struct sid sid_creator_group(void)
{
    return sid_make1(AUTHORITY_CREATOR, 1);
}

struct sid sid_owner_rights(void)
{
    return sid_make1(AUTHORITY_CREATOR, 4);
}

struct sid sid_network(void)
{
    return sid_make1(AUTHORITY_NT, 2);
}

struct sid sid_anonymous(void)
{
    return sid_make1(AUTHORITY_NT, 7);
}

struct sid sid_authenticated_users(void)
{
    return sid_make1(AUTHORITY_NT, 11);
}

struct sid sid_system(void)
{
    return sid_make1(AUTHORITY_NT, 18);
}

struct sid sid_builtin(uint32_t rid)
{
    return sid_make(AUTHORITY_NT, (const uint32_t[]){32, rid}, 2);
}

struct sid sid_machine(const uint32_t machine[3], uint32_t rid)
{
    return sid_make(AUTHORITY_NT, (const uint32_t[]){21, machine[0], machine[1], machine[2], rid},
                    5);
}

bool sid_eq(const struct sid *a, const struct sid *b)
{
    return a->revision == b->revision && a->count == b->count &&
           mem_eq(a->authority, b->authority, sizeof(a->authority)) &&
           mem_eq(a->sub, b->sub, a->count * sizeof(a->sub[0]));
}

size_t sid_len_bytes(const struct sid *s)
{
    return 8 + (size_t)s->count * 4;
}

bool sid_parse(struct cur *c, struct sid *out)
{
    *out = (struct sid){0};
    out->revision = cur_u8(c);
    out->count = cur_u8(c);
    if (out->revision != 1 || out->count > SID_SUBS_MAX) {
        cur_fail(c);
        *out = (struct sid){0};
        return false;
    }
    cur_copy(c, out->authority, sizeof(out->authority));
    for (size_t i = 0; i < out->count; i++) {
        out->sub[i] = cur_u32(c);
    }
    if (!cur_ok(c)) {
        *out = (struct sid){0};
        return false;
    }
    return true;
}

void sid_format(struct wr *w, const struct sid *s)
{
    wr_u8(w, s->revision);
    wr_u8(w, s->count);
    wr_bytes(w, s->authority, sizeof(s->authority));
    for (size_t i = 0; i < s->count; i++) {
        wr_u32(w, s->sub[i]);
    }
}

void sid_to_str(const struct sid *s, char out[SID_STR_MAX])
{
    uint64_t authority = 0;
    for (size_t i = 0; i < sizeof(s->authority); i++) {
        authority = authority << 8 | s->authority[i];
    }
    /* [MS-DTYP] 2.4.2.1: decimal below 2^32, hexadecimal above */
    str_format(out, SID_STR_MAX, authority < 1ull << 32 ? "S-%u-%llu" : "S-%u-0x%012llx",
               s->revision, (unsigned long long)authority);
    for (size_t i = 0; i < s->count; i++) {
        size_t len = str_len(out);
        str_format(out + len, SID_STR_MAX - len, "-%u", s->sub[i]);
    }
}
