/* SPDX-License-Identifier: Apache-2.0 */
/* What a file keeps in extended attributes besides its descriptor and its streams.
 *
 * DOS attributes and the creation time are Samba's user.DOSATTRIB, so that a folder may be served
 * by either: NDR, little endian, of the struct xattr_DOSATTRIB: a text (ended by a zero byte; the
 * attributes in hexadecimal once, empty now), the version twice (16 bits each), then by the version
 *
 *     1   attributes, EA size, size, allocation, creation time, change time
 *     2   flags, then as 1, with a write time and a name behind
 *     3   which of them are valid, then as 1
 *     4   which of them are valid, attributes, a time that never changes, creation time
 *     5   which of them are valid, attributes, creation time; this one is written
 *
 * all aligned to their size, but for 64 bits, which go by four bytes. What earlier versions of this
 * server wrote is read where there is none: user.smbkit.dos, 16 bytes, little endian: version (1),
 * attributes, 64 bits of creation time.
 *
 * A change time that a client has set is in user.smbkit.ctime, 24 bytes: version (1), 0, that time,
 * and when it was set by the kernel's clock (ns since 1970). It holds as long as the kernel's own
 * change time is from then. */
#include "dir_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OLD_XATTR "user.smbkit.dos"
#define OLD_LEN 16
#define OLD_VERSION 1
#define CHANGE_XATTR "user.smbkit.ctime"
#define CHANGE_LEN 24
#define CHANGE_VERSION 1
#define CHANGE_WINDOW_NS 20000000ll /* some ticks of the kernel's clock */
#define DOSATTRIB_MAX 512           /* bytes; Samba reads no more than 255 */
#define VALID_ATTRIBUTES 0x1u
#define VALID_CREATE_TIME 0x10u

uint64_t dirfs_get_le(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++) {
        v |= (uint64_t)p[i] << 8 * i;
    }
    return v;
}

void dirfs_put_le(uint8_t *p, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        p[i] = (uint8_t)(v >> 8 * i);
    }
}

/* NDR that is read: never beyond its end, which makes it bad. */
struct ndr {
    const uint8_t *base;
    size_t len;
    size_t at;
    bool is_bad;
};

static uint64_t ndr_take(struct ndr *n, unsigned bytes)
{
    unsigned align = bytes < 4 ? bytes : 4;
    n->at = (n->at + align - 1) / align * align;
    if (n->is_bad || n->at > n->len || n->len - n->at < bytes) {
        n->is_bad = true;
        return 0;
    }
    uint64_t v = dirfs_get_le(n->base + n->at, bytes);
    n->at += bytes;
    return v;
}

/* What the versions have between the attributes and the creation time, in bytes. */
static const struct {
    bool has_first; /* 32 bits before the attributes */
    bool is_mask;   /* ... that tell what is valid */
    uint8_t skipped;
} layouts[] = {
    [1] = {false, false, 20}, [2] = {true, false, 20}, [3] = {true, true, 20},
    [4] = {true, true, 8},    [5] = {true, true, 0},
};

bool dirfs_dosattrib_parse(const uint8_t *blob, size_t len, struct dirfs_dos *dos)
{
    struct ndr n = {.base = blob, .len = len};
    const uint8_t *end = memchr(blob, '\0', len);
    n.at = end ? (size_t)(end - blob) + 1 : len;
    unsigned version = (unsigned)ndr_take(&n, 2);
    if (ndr_take(&n, 2) != version || version == 0 ||
        version >= sizeof(layouts) / sizeof(layouts[0])) {
        return false;
    }
    uint32_t first = layouts[version].has_first ? (uint32_t)ndr_take(&n, 4) : 0;
    uint32_t valid = layouts[version].is_mask ? first : VALID_ATTRIBUTES | VALID_CREATE_TIME;
    uint32_t attributes = (uint32_t)ndr_take(&n, 4);
    for (unsigned i = 0; i < layouts[version].skipped; i += 4) {
        (void)ndr_take(&n, 4);
    }
    uint64_t create_time = ndr_take(&n, 8);
    if (n.is_bad) {
        return false;
    }
    dos->attributes = attributes & (SMBKIT_ATTR_SETTABLE | DIRFS_STATES);
    bool has_time = (valid & VALID_CREATE_TIME) && create_time != UINT64_MAX;
    dos->create_time = has_time ? create_time : 0;
    return true;
}

void dirfs_dosattrib_format(const struct dirfs_dos *dos, uint8_t blob[DIRFS_DOSATTRIB_LEN])
{
    memset(blob, 0, DIRFS_DOSATTRIB_LEN);
    dirfs_put_le(blob + 2, 5, 2);
    dirfs_put_le(blob + 4, 5, 2);
    dirfs_put_le(blob + 8, VALID_ATTRIBUTES | (dos->create_time ? VALID_CREATE_TIME : 0), 4);
    dirfs_put_le(blob + 12, dos->attributes, 4);
    dirfs_put_le(blob + 16, dos->create_time, 8);
}

/* 1: read; 0: none that can be understood; -errno. */
static int read_dosattrib(const struct dirfs_where *where, struct dirfs_dos *dos)
{
    uint8_t blob[DOSATTRIB_MAX];
    int64_t n = dirfs_get_xattr(where, DIRFS_DOSATTRIB_XATTR, blob, sizeof(blob));
    if (n == -ENODATA || n == -EOPNOTSUPP || n == -ERANGE) {
        return 0; /* ERANGE: longer than any */
    }
    return n < 0 ? (int)n : dirfs_dosattrib_parse(blob, (size_t)n, dos);
}

static int read_old(const struct dirfs_where *where, struct dirfs_dos *dos)
{
    uint8_t blob[OLD_LEN];
    int64_t n = dirfs_get_xattr(where, OLD_XATTR, blob, sizeof(blob));
    if (n == -ENODATA || n == -EOPNOTSUPP || n == -ERANGE) {
        return 0;
    }
    if (n < 0) {
        return (int)n;
    }
    if (n != OLD_LEN || dirfs_get_le(blob, 4) != OLD_VERSION) {
        return 0; /* not ours, or of a later version: as if there were none */
    }
    dos->attributes = (uint32_t)dirfs_get_le(blob + 4, 4) & (SMBKIT_ATTR_SETTABLE | DIRFS_STATES);
    dos->create_time = dirfs_get_le(blob + 8, 8);
    return 1;
}

static void read_change_time(const struct dirfs_where *where, struct dirfs_dos *dos)
{
    uint8_t blob[CHANGE_LEN];
    if (dirfs_get_xattr(where, CHANGE_XATTR, blob, sizeof(blob)) == CHANGE_LEN &&
        dirfs_get_le(blob, 4) == CHANGE_VERSION) {
        dos->change_time = dirfs_get_le(blob + 8, 8);
        dos->change_set_ns = (int64_t)dirfs_get_le(blob + 16, 8);
    }
}

int dirfs_dos_read(const struct dirfs_volume *vol, const struct dirfs_where *where,
                   struct dirfs_dos *dos)
{
    struct dirfs_xattrs names;
    int err = dirfs_xattrs_read(where, &names);
    if (err) {
        return err == -EOPNOTSUPP ? 0 : err;
    }
    int found = 0;
    if (dirfs_xattrs_has(&names, DIRFS_DOSATTRIB_XATTR)) {
        found = read_dosattrib(where, dos);
    }
    if (found == 0 && dirfs_xattrs_has(&names, OLD_XATTR)) {
        found = read_old(where, dos);
    }
    if (dirfs_xattrs_has(&names, CHANGE_XATTR)) {
        read_change_time(where, dos);
    }
    dos->descriptor = dirfs_sd_kind(vol, &names);
    dos->takes_block = names.len > sizeof(DIRFS_DOSATTRIB_XATTR) ||
                       (names.len > 0 && !dirfs_xattrs_has(&names, DIRFS_DOSATTRIB_XATTR));
    dos->ea_size = dirfs_ea_size(where, &names);
    dirfs_xattrs_free(&names);
    return found;
}

int dirfs_dos_write(const struct dirfs_where *where, const struct dirfs_dos *dos)
{
    uint8_t blob[DIRFS_DOSATTRIB_LEN];
    dirfs_dosattrib_format(dos, blob);
    return dirfs_set_xattr(where, DIRFS_DOSATTRIB_XATTR, blob, sizeof(blob));
}

int dirfs_change_time_write(const struct dirfs_where *where, uint64_t change_time)
{
    uint8_t blob[CHANGE_LEN] = {0};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    dirfs_put_le(blob, CHANGE_VERSION, 4);
    dirfs_put_le(blob + 8, change_time, 8);
    dirfs_put_le(blob + 16, (uint64_t)(now.tv_sec * 1000000000ll + now.tv_nsec), 8);
    return dirfs_set_xattr(where, CHANGE_XATTR, blob, sizeof(blob));
}

bool dirfs_change_time_holds(const struct dirfs_dos *dos, int64_t ctime_ns)
{
    return dos->change_time != 0 && ctime_ns >= dos->change_set_ns &&
           ctime_ns - dos->change_set_ns <= CHANGE_WINDOW_NS;
}
