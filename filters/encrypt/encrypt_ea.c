/* SPDX-License-Identifier: Apache-2.0 */
/* EAs: the whole list of a file, sealed, is the value of one EA below. Lists are
 * FILE_FULL_EA_INFORMATION, [MS-FSCC] 2.4.16. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "encrypt.h"

#define EA_HEAD 8u    /* NextEntryOffset, Flags, EaNameLength, EaValueLength */
#define EA_MAX 65535u /* of a list, in bytes */
#define NAME_LEN (sizeof(ENCRYPT_EA_NAME) - 1)
#define BEFORE (EA_HEAD + NAME_LEN + 1) /* bytes of our entry before its value */
#define PLAIN_MAX (EA_MAX - BEFORE - ENCRYPT_EXTRA)
#define AAD "attributes"

struct ea {
    const uint8_t *entry;
    uint32_t next, size; /* bytes; next 0: the last one */
    uint32_t name_len, value_len;
};

static uint32_t get_le(const uint8_t *p, unsigned n)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < n; i++) {
        v |= (uint32_t)p[i] << (8 * i);
    }
    return v;
}

/* The entry at *at, which goes to the next one, or to list.len. false: there is none, or it is not
 * well-formed. */
static bool ea_next(struct smbkit_bytes list, uint32_t *at, struct ea *ea)
{
    uint32_t left = list.len - *at;
    const uint8_t *p = list.base + *at;
    if (left < EA_HEAD) {
        return false;
    }
    *ea = (struct ea){
        .entry = p, .next = get_le(p, 4), .name_len = p[5], .value_len = get_le(p + 6, 2)};
    ea->size = EA_HEAD + ea->name_len + 1 + ea->value_len;
    if (ea->size > left || (ea->next != 0 && ea->next < ea->size) || ea->next > left) {
        return false;
    }
    *at = ea->next ? *at + ea->next : list.len;
    return true;
}

static bool is_named(const struct ea *ea, const uint8_t *name, uint32_t len)
{
    return ea->name_len == len &&
           strncasecmp((const char *)ea->entry + EA_HEAD, (const char *)name, len) == 0;
}

uint32_t encrypt_ea_size(uint32_t below)
{
    return below > BEFORE + ENCRYPT_EXTRA ? below - (uint32_t)(BEFORE + ENCRYPT_EXTRA) : 0;
}

/* ---- our entry ---- */

bool encrypt_ea_seal(const struct encrypt *e, struct smbkit_bytes list, struct smbkit_bytes *out)
{
    uint32_t value = list.len > 0 ? list.len + ENCRYPT_EXTRA : 0; /* none: the EA goes */
    uint8_t *p = list.len <= PLAIN_MAX ? calloc(1, BEFORE + value) : NULL;
    gcry_cipher_hd_t h = p ? encrypt_gcm(e->keys.ea) : NULL;
    bool is_good = h != NULL;
    if (is_good) {
        p[5] = NAME_LEN;
        p[6] = (uint8_t)value;
        p[7] = (uint8_t)(value >> 8);
        memcpy(p + EA_HEAD, ENCRYPT_EA_NAME, NAME_LEN);
    }
    if (is_good && value > 0) {
        memcpy(p + BEFORE + ENCRYPT_NONCE, list.base, list.len);
        is_good = encrypt_seal(h, AAD, sizeof(AAD) - 1, p + BEFORE, list.len);
    }
    gcry_cipher_close(h);
    if (!is_good) {
        free(p);
        p = NULL;
    }
    *out = (struct smbkit_bytes){p, p ? (uint32_t)(BEFORE + value) : 0};
    return is_good;
}

/* What the layer below has; buf has room for EA_MAX + 1, the list is left in it. */
static smbkit_status read_list(const struct encrypt_call *c, uint8_t *buf,
                               struct smbkit_bytes *list)
{
    struct smbkit_get_ea a = {.struct_size = sizeof(a), .buffer = {.base = buf, .cap = EA_MAX + 1}};
    struct ea ea = {0};
    bool is_there = false;
    uint32_t at = 0;
    *list = (struct smbkit_bytes){0};
    smbkit_status st = smbkit_next_get_ea(c->e->next, c->op, c->f->below, &a);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    const struct smbkit_bytes all = {buf, a.buffer.len};
    while (!is_there && ea_next(all, &at, &ea)) {
        is_there = is_named(&ea, (const uint8_t *)ENCRYPT_EA_NAME, NAME_LEN);
    }
    if (!is_there) {
        return st;
    }
    uint8_t *value = buf + (ea.entry - buf) + BEFORE;
    gcry_cipher_hd_t h = encrypt_gcm(c->e->keys.ea);
    bool is_good = ea.value_len > ENCRYPT_EXTRA && h &&
                   encrypt_unseal(h, AAD, sizeof(AAD) - 1, value, ea.value_len - ENCRYPT_EXTRA);
    gcry_cipher_close(h);
    if (!is_good) {
        return encrypt_damage(c, "attributes", 0);
    }
    *list = (struct smbkit_bytes){value + ENCRYPT_NONCE, ea.value_len - ENCRYPT_EXTRA};
    return st;
}

smbkit_status encrypt_get_ea(const struct encrypt_call *c, struct smbkit_get_ea *a)
{
    struct smbkit_bytes list;
    uint8_t *buf = malloc(EA_MAX + 1);
    smbkit_status st = buf ? read_list(c, buf, &list) : SMBKIT_STATUS_NO_MEMORY;
    if (SMBKIT_OK(st)) {
        a->buffer.len = list.len;
        if (list.len > a->buffer.cap) {
            st = SMBKIT_STATUS_BUFFER_TOO_SMALL;
        } else if (list.len > 0) {
            memcpy(a->buffer.base, list.base, list.len);
        }
    }
    free(buf);
    return st;
}

/* ---- changes ---- */

struct merged {
    uint8_t *base; /* room for EA_MAX + 4 */
    uint32_t len, last;
};

static bool append(struct merged *m, const struct ea *ea)
{
    uint32_t at = (m->len + 3) & ~3u;
    if (at + ea->size > PLAIN_MAX) {
        return false;
    }
    memset(m->base + m->len, 0, at - m->len);
    for (unsigned i = 0; i < 4 && m->len > 0; i++) {
        m->base[m->last + i] = (uint8_t)((at - m->last) >> (8 * i));
    }
    memcpy(m->base + at, ea->entry, ea->size);
    memset(m->base + at, 0, 4);
    m->last = at;
    m->len = at + ea->size;
    return true;
}

/* Is it named in the list from `at` on? */
static bool is_in(const struct ea *ea, struct smbkit_bytes list, uint32_t at)
{
    struct ea other;
    while (ea_next(list, &at, &other)) {
        if (is_named(&other, ea->entry + EA_HEAD, ea->name_len)) {
            return true;
        }
    }
    return false;
}

/* What stays of old, then what is new; of a name that comes twice the last. false: too much. */
static bool merge(struct merged *m, struct smbkit_bytes old, struct smbkit_bytes set)
{
    struct ea ea;
    uint32_t at = 0;
    bool fits = true;
    while (fits && ea_next(old, &at, &ea)) {
        fits = is_in(&ea, set, 0) || append(m, &ea);
    }
    at = 0;
    while (fits && ea_next(set, &at, &ea)) {
        fits = ea.value_len == 0 || is_in(&ea, set, at) || append(m, &ea);
    }
    return fits;
}

smbkit_status encrypt_set_ea(const struct encrypt_call *c, const struct smbkit_set_ea *a)
{
    struct smbkit_bytes old;
    struct smbkit_bytes sealed;
    uint8_t *buf = malloc(2 * (size_t)EA_MAX + 8);
    if (!buf) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    struct merged m = {.base = buf + EA_MAX + 1};
    pthread_rwlock_wrlock(&c->e->common); /* they are the file's, whichever stream was opened */
    smbkit_status st = read_list(c, buf, &old);
    if (SMBKIT_OK(st) && !merge(&m, old, a->ea)) {
        st = SMBKIT_STATUS_EA_TOO_LARGE;
    }
    if (SMBKIT_OK(st) && (m.len > 0 || old.len > 0)) {
        st = encrypt_ea_seal(c->e, (struct smbkit_bytes){m.base, m.len}, &sealed)
                 ? SMBKIT_STATUS_SUCCESS
                 : SMBKIT_STATUS_NO_MEMORY;
        if (SMBKIT_OK(st)) {
            const struct smbkit_set_ea below = {.struct_size = sizeof(below), .ea = sealed};
            st = smbkit_next_set_ea(c->e->next, c->op, c->f->below, &below);
            free((void *)(uintptr_t)sealed.base);
        }
    }
    pthread_rwlock_unlock(&c->e->common);
    free(buf);
    return st;
}
