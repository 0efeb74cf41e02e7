/* SPDX-License-Identifier: Apache-2.0 */
/* Names are compared code point by code point through the simple upper case of the BMP, as NTFS
 * does. */
#include "mem_priv.h"

#include "mem_upcase.h"

#include <string.h>

#define UPCASE_ROWS (sizeof(memfs_upcase_ranges) / sizeof(memfs_upcase_ranges[0]))

static uint32_t upcase(uint32_t cp)
{
    if (cp < 0x80) {
        return cp >= 'a' && cp <= 'z' ? cp - 32 : cp;
    }
    size_t low = 0;
    size_t high = UPCASE_ROWS;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (memfs_upcase_ranges[mid].last < cp) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    if (low == UPCASE_ROWS || cp < memfs_upcase_ranges[low].first) {
        return cp;
    }
    const struct memfs_upcase_range *row = &memfs_upcase_ranges[low];
    if ((cp - row->first) % (uint32_t)row->step != 0) {
        return cp;
    }
    return (uint32_t)((int32_t)cp + row->delta);
}

/* Bytes of the sequence that starts with lead; 1 for what starts none. */
static size_t sequence_len(uint8_t lead)
{
    if (lead >= 0xf0 && lead < 0xf8) {
        return 4;
    }
    if (lead >= 0xe0) {
        return lead < 0xf0 ? 3 : 1;
    }
    return lead >= 0xc0 ? 2 : 1;
}

/* The next code point in upper case. A byte that is no UTF-8 (the core passes none) stands for
 * itself, out of the way of all code points, so that comparing stays total. */
static uint32_t next_folded(const char **s, const char *end)
{
    const uint8_t *p = (const uint8_t *)*s;
    size_t len = sequence_len(p[0]);
    if (len == 1) {
        *s += 1;
        return p[0] < 0x80 ? upcase(p[0]) : 0x80000000u | p[0];
    }
    uint32_t cp = p[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (p + i >= (const uint8_t *)end || (p[i] & 0xc0) != 0x80) {
            *s += 1;
            return 0x80000000u | p[0];
        }
        cp = cp << 6 | (p[i] & 0x3fu);
    }
    *s += len;
    return upcase(cp);
}

uint64_t memfs_name_hash(uint64_t seed, const char *name, size_t len)
{
    const char *end = name + len;
    uint64_t h = seed;
    while (name < end) {
        /* The secret seed is also the factor, so that a client cannot make names that share a
         * bucket. */
        h = (h + next_folded(&name, end) + 1) * (seed | 1);
        h ^= h >> 29;
    }
    h *= 0x9e3779b97f4a7c15ull;
    return h ^ (h >> 32);
}

bool memfs_name_equal(const char *name, size_t len, const char *other)
{
    const char *end = name + len;
    const char *other_end = other + strlen(other);
    while (name < end && other < other_end) {
        if (next_folded(&name, end) != next_folded(&other, other_end)) {
            return false;
        }
    }
    return name == end && other == other_end;
}
