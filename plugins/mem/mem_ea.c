/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes, kept as the list that clients are given: FILE_FULL_EA_INFORMATION, [MS-FSCC]
 * 2.4.16. The lists that come are well-formed. */
#include "mem_priv.h"

#include <stdlib.h>
#include <string.h>

#define EA_HEAD 8u    /* NextEntryOffset, Flags, EaNameLength, EaValueLength */
#define EA_MAX 65536u /* of a list, in bytes */

struct ea {
    const uint8_t *entry; /* from its head on */
    uint32_t next;        /* 0: the last one */
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

static struct ea ea_at(const uint8_t *entry)
{
    return (struct ea){.entry = entry,
                       .next = get_le(entry, 4),
                       .name_len = entry[5],
                       .value_len = get_le(entry + 6, 2)};
}

static uint32_t ea_size(const struct ea *ea)
{
    return EA_HEAD + ea->name_len + 1 + ea->value_len;
}

static uint8_t fold(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

static bool same_name(const struct ea *a, const struct ea *b)
{
    bool same = a->name_len == b->name_len;
    for (uint32_t i = 0; same && i < a->name_len; i++) {
        same = fold(a->entry[EA_HEAD + i]) == fold(b->entry[EA_HEAD + i]);
    }
    return same;
}

/* Is it named in what comes after that entry of a list, or with after NULL in all of it? */
static bool is_named(const struct ea *ea, const uint8_t *list, uint32_t len, const uint8_t *after)
{
    uint32_t next = len > 0;
    for (const uint8_t *p = list; next; p += next) {
        struct ea other = ea_at(p);
        next = other.next;
        if ((!after || p > after) && same_name(ea, &other)) {
            return true;
        }
    }
    return false;
}

struct ea_out {
    uint8_t *base; /* room for EA_MAX */
    uint32_t len, last;
};

static bool append(struct ea_out *out, const struct ea *ea)
{
    uint32_t at = (out->len + 3) & ~3u;
    uint32_t size = ea_size(ea);
    if (size > EA_MAX - at || at > EA_MAX) {
        return false;
    }
    if (out->len > 0) {
        uint32_t next = at - out->last;
        memset(out->base + out->len, 0, at - out->len);
        for (unsigned i = 0; i < 4; i++) {
            out->base[out->last + i] = (uint8_t)(next >> (8 * i));
        }
    }
    memcpy(out->base + at, ea->entry, size);
    memset(out->base + at, 0, 4);
    out->last = at;
    out->len = at + size;
    return true;
}

/* What of the list stays, besides what replaces it: entries that neither the other names, nor, of
 * the new ones, a later one does, nor are empty. */
static bool append_all(struct ea_out *out, const uint8_t *list, uint32_t len,
                       const struct smbkit_bytes *set)
{
    uint32_t next = len > 0;
    for (const uint8_t *p = list; next; p += next) {
        struct ea ea = ea_at(p);
        bool is_new = list == set->base;
        next = ea.next;
        bool goes = ea.value_len == 0 || is_named(&ea, set->base, set->len, is_new ? p : NULL);
        if (!goes && !append(out, &ea)) {
            return false;
        }
    }
    return true;
}

smbkit_status memfs_ea_merge(struct memfs_volume *vol, struct memfs_node *node,
                             const struct smbkit_bytes *set)
{
    struct ea_out out = {.base = malloc(EA_MAX)};
    if (!out.base) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    if (!append_all(&out, node->ea, node->ea_len, set) ||
        !append_all(&out, set->base, set->len, set)) {
        free(out.base);
        return SMBKIT_STATUS_EA_TOO_LARGE;
    }
    if (!memfs_charge_aside(vol, node->ea_len, out.len)) {
        free(out.base);
        return SMBKIT_STATUS_DISK_FULL;
    }
    uint8_t *small = out.len > 0 ? realloc(out.base, out.len) : NULL;
    if (out.len == 0) {
        free(out.base);
    }
    free(node->ea);
    node->ea = small || out.len == 0 ? small : out.base;
    node->ea_len = out.len;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status memfs_ea_replace(struct memfs_volume *vol, struct memfs_node *node,
                               const struct smbkit_bytes *set)
{
    uint8_t *was = node->ea;
    uint32_t was_len = node->ea_len;
    node->ea = NULL;
    node->ea_len = 0;
    smbkit_status status = set->len > 0 ? memfs_ea_merge(vol, node, set) : SMBKIT_STATUS_SUCCESS;
    if (!SMBKIT_OK(status)) {
        node->ea = was;
        node->ea_len = was_len;
        return status;
    }
    (void)memfs_charge_aside(vol, was_len, 0);
    free(was);
    return status;
}

smbkit_status memfs_get_ea(void *volume, struct smbkit_op *op, void *file, struct smbkit_get_ea *a)
{
    struct memfs_node *node = memfs_file_of(file);
    (void)volume;
    (void)op;
    pthread_rwlock_rdlock(&node->lock);
    bool fits = node->ea_len <= a->buffer.cap;
    a->buffer.len = node->ea_len;
    if (fits && node->ea_len > 0) {
        memcpy(a->buffer.base, node->ea, node->ea_len);
    }
    pthread_rwlock_unlock(&node->lock);
    return fits ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_BUFFER_TOO_SMALL;
}

smbkit_status memfs_set_ea(void *volume, struct smbkit_op *op, void *file,
                           const struct smbkit_set_ea *a)
{
    struct memfs_open *open = file;
    struct memfs_node *node = memfs_file_of(open);
    (void)op;
    pthread_rwlock_wrlock(&node->lock);
    smbkit_status status = memfs_ea_merge(volume, node, &a->ea);
    if (SMBKIT_OK(status)) {
        memfs_note_change(node);
    }
    pthread_rwlock_unlock(&node->lock);
    return status;
}
