/* SPDX-License-Identifier: Apache-2.0 */
/* Samba's form of a descriptor in an xattr (vfs_acl_xattr), struct xattr_NTACL: NDR, little endian:
 *
 *     0   the version twice, 16 bits each     4   a pointer, not 0    8   from 2 on: another
 *     1   the descriptor at 8
 *     2   12: hash, 16 bytes                                          the descriptor at 28
 *     3   12: kind of hash, 16 bits; 14: hash, 64 bytes               the descriptor at 80
 *     4   as 3; 78: what was hashed, a text; aligned to 4: the time, and 64 bytes of the hash of
 *         the system's ACL; then the descriptor. This one is written.
 *
 * The offsets in the descriptor count from the beginning of the whole. Samba gives out a descriptor
 * of version 4 only as long as the hash of the system's ACL is what it was, unless its setting
 * "ignore system acls" says otherwise: who changes the mode on the machine takes it away. The hash
 * is SHA-256 of struct smb_acl_wrapper in NDR, in 64 bytes. */
#include "dir_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <gcrypt.h>

#define SD_HEADER 20u /* bytes of a self-relative descriptor before its parts, [MS-DTYP] 2.4.6 */
#define SHA256_LEN 32
#define HASH_SHA256 1u
#define TEXT_AT 78u
#define ACL_MAX 4096u     /* bytes of a POSIX ACL: 500 entries */
#define ACL_ENTRY_MAX 24u /* bytes of one in NDR */
#define UNIX_EPOCH_100NS 116444736000000000ull

/* Where the descriptor begins, or 0. */
static size_t descriptor_at(const uint8_t *blob, size_t len)
{
    static const size_t fixed[] = {[1] = 8, [2] = 28, [3] = 80};
    if (len < 16 || dirfs_get_le(blob, 2) != dirfs_get_le(blob + 2, 2) ||
        dirfs_get_le(blob + 4, 4) == 0) {
        return 0;
    }
    unsigned version = (unsigned)dirfs_get_le(blob, 2);
    if (version >= 1 && version <= 3) {
        return fixed[version];
    }
    const uint8_t *end =
        version == 4 && len > TEXT_AT ? memchr(blob + TEXT_AT, '\0', len - TEXT_AT) : NULL;
    return end ? ((size_t)(end - blob) + 1 + 3) / 4 * 4 + 8 + 64 : 0;
}

/* Have the descriptor's offsets count from another place: by bytes more, or less. */
static bool move_offsets(uint8_t *sd, size_t len, int64_t by)
{
    for (unsigned at = 4; at < SD_HEADER; at += 4) {
        uint64_t offset = dirfs_get_le(sd + at, 4);
        int64_t moved = (int64_t)offset + by;
        if (offset != 0 &&
            (moved < (int64_t)SD_HEADER || moved > (int64_t)(len + DIRFS_NTACL_HEAD))) {
            return false;
        }
        dirfs_put_le(sd + at, offset == 0 ? 0 : (uint64_t)moved, 4);
    }
    return true;
}

int64_t dirfs_ntacl_parse(uint8_t *blob, size_t len)
{
    size_t at = descriptor_at(blob, len);
    if (at == 0 || at > len || len - at < SD_HEADER) {
        return -EBADMSG;
    }
    memmove(blob, blob + at, len - at);
    return move_offsets(blob, len - at, -(int64_t)at) ? (int64_t)(len - at) : -EBADMSG;
}

/* ---- the hash of what the system itself allows ---- */

struct ndr_out {
    uint8_t *base;
    size_t at;
};

static void put(struct ndr_out *o, uint64_t v, unsigned bytes)
{
    while (o->at % bytes) {
        o->base[o->at++] = 0;
    }
    dirfs_put_le(o->base + o->at, v, bytes);
    o->at += bytes;
}

/* acl: as the xattr has it: 4 bytes of version, entries of tag, rights (16 bits each), who (32). */
static void put_acl(struct ndr_out *o, const uint8_t *acl, size_t len)
{
    static const uint8_t tags[] = {
        [0x01] = 2, [0x02] = 1, [0x04] = 4, [0x08] = 3, [0x10] = 6, [0x20] = 5};
    size_t count = len >= 4 ? (len - 4) / 8 : 0;
    put(o, count, 4);
    put(o, count, 8);
    o->at -= 4; /* an int that begins a struct of 8 bytes' alignment */
    put(o, 0, 4);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *entry = acl + 4 + 8 * i;
        unsigned tag = (unsigned)dirfs_get_le(entry, 2);
        unsigned kind = tag < sizeof(tags) ? tags[tag] : 0;
        put(o, kind | kind << 16, 8);
        o->at -= 4; /* tag and switch */
        if (kind == 1 || kind == 3) {
            put(o, dirfs_get_le(entry + 4, 4), 8);
        }
        put(o, dirfs_get_le(entry + 2, 2), 4);
    }
}

/* The ACL that the mode stands for. */
static size_t acl_of_mode(unsigned mode, uint8_t *acl)
{
    static const struct {
        uint8_t tag, shift;
    } parts[] = {{0x01, 6}, {0x04, 3}, {0x20, 0}};
    dirfs_put_le(acl, 2, 4);
    for (unsigned i = 0; i < 3; i++) {
        dirfs_put_le(acl + 4 + 8 * i, parts[i].tag, 2);
        dirfs_put_le(acl + 6 + 8 * i, mode >> parts[i].shift & 7, 2);
        dirfs_put_le(acl + 8 + 8 * i, UINT32_MAX, 4);
    }
    return 28;
}

static int hash_acl(const struct dirfs_where *where, uint8_t hash[SHA256_LEN])
{
    struct statx stx;
    uint8_t acl[ACL_MAX];
    uint8_t out[2 * (ACL_MAX / 8 * ACL_ENTRY_MAX + 64)];
    struct ndr_out o = {.base = out};
    int err = dirfs_stat_where(where, &stx);
    if (err) {
        return err;
    }
    bool is_dir = S_ISDIR(stx.stx_mode);
    int64_t n = dirfs_get_xattr(where, "system.posix_acl_access", acl, sizeof(acl));
    put(&o, 0x20000, 4);
    put(&o, is_dir ? 0x20004 : 0, 4);
    put(&o, stx.stx_uid, 8);
    put(&o, stx.stx_gid, 8);
    put(&o, stx.stx_mode, 4);
    put_acl(&o, acl, n > 0 ? (size_t)n : acl_of_mode(stx.stx_mode, acl));
    if (is_dir) {
        n = dirfs_get_xattr(where, "system.posix_acl_default", acl, sizeof(acl));
        put_acl(&o, acl, n > 0 ? (size_t)n : 0);
    }
    gcry_md_hash_buffer(GCRY_MD_SHA256, hash, out, o.at);
    return 0;
}

int dirfs_ntacl_format(const struct dirfs_where *where, const uint8_t *security, uint32_t len,
                       uint8_t **blob_r)
{
    uint8_t *blob = len >= SD_HEADER ? calloc(1, DIRFS_NTACL_HEAD + (size_t)len) : NULL;
    *blob_r = blob;
    if (!blob) {
        return len >= SD_HEADER ? -ENOMEM : -EINVAL;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t time = (uint64_t)now.tv_sec * 10000000u + (uint64_t)now.tv_nsec / 100;
    dirfs_put_le(blob, 4, 2);
    dirfs_put_le(blob + 2, 4, 2);
    dirfs_put_le(blob + 4, 0x20000, 4);
    dirfs_put_le(blob + 8, 0x20004, 4);
    dirfs_put_le(blob + 12, HASH_SHA256, 2);
    memcpy(blob + TEXT_AT, "posix_acl", 10);
    dirfs_put_le(blob + 88, time + UNIX_EPOCH_100NS, 8);
    memcpy(blob + DIRFS_NTACL_HEAD, security, len);
    bool is_good = move_offsets(blob + DIRFS_NTACL_HEAD, len, DIRFS_NTACL_HEAD);
    int err = is_good ? hash_acl(where, blob + 96) : -EINVAL;
    if (err) {
        free(blob);
        *blob_r = NULL;
    }
    return err;
}
