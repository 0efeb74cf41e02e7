/* SPDX-License-Identifier: Apache-2.0 */
/* Where the data of an entry lies in an archive that is not compressed as a whole. What libarchive
 * said of its place is believed only if the header that ends there agrees. */
#include "arc_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAR_HEADER 512u
#define ZIP_HEADER 30u
#define ZIP_BACK (ZIP_HEADER + 2u * 65535u) /* a header with the longest name and extra field */
#define ZIP_BACK_FIRST 1024u
#define ZIP_ENCRYPTED 0x1u
#define ZIP_SIZES_LATER 0x8u

static uint32_t u16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

/* ---- tar: POSIX.1-2001 pax, ustar Interchange Format ---- */

/* A number in octal, or with the first bit set in base 256 (GNU). */
static uint64_t tar_number(const uint8_t *p, size_t len)
{
    uint64_t n = 0;
    if (*p & 0x80) {
        for (size_t i = 1; i < len; i++) {
            n = n << 8 | p[i];
        }
        return n;
    }
    for (size_t i = 0; i < len && p[i]; i++) {
        n = p[i] >= '0' && p[i] <= '7' ? n << 3 | (uint64_t)(p[i] - '0') : n;
    }
    return n;
}

static int is_tar_header(const uint8_t h[TAR_HEADER], uint64_t size)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < TAR_HEADER; i++) {
        sum += i >= 148 && i < 156 ? ' ' : h[i];
    }
    int is_file = h[156] == '0' || h[156] == '\0' || h[156] == '7';
    return is_file && sum == tar_number(h + 148, 8) && size == tar_number(h + 124, 12);
}

static enum arc_way tar_way(const struct arc_index *x, const struct arc_node *n, uint64_t *start_r)
{
    uint8_t header[TAR_HEADER];
    *start_r = n->header;
    if (!(n->flags & ARC_SPARSE) && n->offset >= TAR_HEADER &&
        pread(x->fd, header, TAR_HEADER, (off_t)(n->offset - TAR_HEADER)) == TAR_HEADER &&
        is_tar_header(header, n->size)) {
        return ARC_WAY_DIRECT;
    }
    return n->header < n->offset ? ARC_WAY_START : ARC_WAY_WALK;
}

/* ---- zip: APPNOTE.TXT 4.3.7 ---- */

/* Offset in the len bytes before the data at which its header begins, or -1. */
static int64_t zip_header(const uint8_t *before, size_t len)
{
    for (size_t back = ZIP_HEADER; back <= len; back++) {
        const uint8_t *h = before + len - back;
        if (memcmp(h, "PK\3\4", 4) == 0 && ZIP_HEADER + u16(h + 26) + u16(h + 28) == back) {
            return (int64_t)(len - back);
        }
    }
    return -1;
}

/* What is said at the header whose end is the data's begin: its flags and method, and where it is.
 */
struct zip_said {
    uint32_t flags;
    uint32_t method;
    uint64_t at;
};

static int zip_look(const struct arc_index *x, const struct arc_node *n, size_t back,
                    struct zip_said *said)
{
    size_t len = n->offset < back ? (size_t)n->offset : back;
    uint8_t *before = malloc(len + 1);
    ssize_t got = before ? pread(x->fd, before, len, (off_t)(n->offset - len)) : -1;
    int64_t at = got == (ssize_t)len ? zip_header(before, len) : -1;
    if (at >= 0) {
        said->flags = u16(before + at + 6);
        said->method = u16(before + at + 8);
        said->at = n->offset - len + (uint64_t)at;
    }
    free(before);
    return at >= 0;
}

static enum arc_way zip_way(const struct arc_index *x, const struct arc_node *n, uint64_t *start_r)
{
    struct zip_said said;
    if (!zip_look(x, n, ZIP_BACK_FIRST, &said) && !zip_look(x, n, ZIP_BACK, &said)) {
        return ARC_WAY_WALK;
    }
    *start_r = said.at;
    if (said.method == 0 && !(said.flags & ZIP_ENCRYPTED)) {
        return ARC_WAY_DIRECT;
    }
    /* How long it is stands behind it: only a decoder that has seen the directory knows. */
    return said.method == 0 && (said.flags & ZIP_SIZES_LATER) ? ARC_WAY_WALK : ARC_WAY_START;
}

enum arc_way arc_way_find(const struct arc_index *x, uint32_t node, uint64_t *start_r)
{
    const struct arc_node *n = &x->nodes[node];
    enum arc_way way = ARC_WAY_WALK;
    if (!x->is_plain || !(n->flags & ARC_HAS_OFFSET) || n->offset > x->stamp.size) {
        return way;
    }
    if (x->format == ARCHIVE_FORMAT_TAR) {
        way = tar_way(x, n, start_r);
    } else if (x->format == ARCHIVE_FORMAT_ZIP) {
        way = zip_way(x, n, start_r);
    }
    int is_within = n->size <= x->stamp.size - n->offset;
    return way == ARC_WAY_DIRECT && !is_within ? ARC_WAY_WALK : way;
}
