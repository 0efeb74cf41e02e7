/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf.h"

#include "base/casetable.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"

#define CP_MAX 0x10ffffu
#define CP_REPLACEMENT 0xfffdu
/* Stands for a malformed byte in comparisons: bytes that differ stay different names. */
#define CP_MALFORMED (CP_MAX + 1)

static bool is_high_surrogate(uint32_t cp)
{
    return cp >= 0xd800 && cp <= 0xdbff;
}

static bool is_low_surrogate(uint32_t cp)
{
    return cp >= 0xdc00 && cp <= 0xdfff;
}

size_t utf8_decode(const char *s, size_t left, uint32_t *cp)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *p = (const uint8_t *)s;
    if (p[0] < 0x80) {
        *cp = p[0];
        return 1;
    }
    size_t n = p[0] >= 0xf8 ? 0 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 0;
    if (n == 0 || n > left) {
        return 0;
    }
    uint32_t v = p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        v = (v << 6) | (p[i] & 0x3f);
    }
    if (v < smallest[n] || v > CP_MAX) {
        return 0;
    }
    *cp = v;
    return n;
}

/* As utf8_decode, but a malformed byte is a code point of its own. */
static size_t decode_any(const char *s, size_t left, uint32_t *cp)
{
    size_t n = utf8_decode(s, left, cp);
    if (n == 0) {
        *cp = CP_MALFORMED + (uint8_t)s[0];
        n = 1;
    }
    return n;
}

bool utf8_is_valid(const char *s, size_t len)
{
    bool after_high = false;
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t n = utf8_decode(s + i, len - i, &cp);
        /* A pair has to be the four-byte form, else one name would have two spellings. */
        if (n == 0 || cp == 0 || (after_high && is_low_surrogate(cp))) {
            return false;
        }
        after_high = is_high_surrogate(cp);
        i += n;
    }
    return true;
}

size_t utf8_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (cp & 0x3f));
        cp >>= 6;
    }
    out[0] = (char)((0xf00u >> n & 0xf0) | cp);
    return n;
}

static uint32_t unit_at(const uint8_t *p, size_t i)
{
    return (uint32_t)p[2 * i] | (uint32_t)p[2 * i + 1] << 8;
}

/* The code point at unit i of n; a lone surrogate stands for itself. Returns the units used. */
static size_t decode_utf16(const uint8_t *p, size_t i, size_t n, uint32_t *cp)
{
    *cp = unit_at(p, i);
    if (!is_high_surrogate(*cp) || i + 1 == n) {
        return 1;
    }
    uint32_t low = unit_at(p, i + 1);
    if (!is_low_surrogate(low)) {
        return 1;
    }
    *cp = 0x10000 + ((*cp - 0xd800) << 10) + (low - 0xdc00);
    return 2;
}

char *utf16le_to_utf8(const uint8_t *p, size_t len_bytes)
{
    size_t units = len_bytes / 2;
    size_t total = 1;
    uint32_t cp;
    char buf[4];
    if (len_bytes % 2 != 0) {
        return NULL;
    }
    for (size_t i = 0; i < units;) {
        i += decode_utf16(p, i, units, &cp);
        if (cp == 0) {
            return NULL;
        }
        total += utf8_encode(cp, buf);
    }
    char *s = mem_alloc(total);
    if (!s) {
        return NULL;
    }
    size_t len = 0;
    for (size_t i = 0; i < units;) {
        i += decode_utf16(p, i, units, &cp);
        size_t n = utf8_encode(cp, buf);
        mem_copy(s + len, buf, n);
        len += n;
    }
    s[len] = '\0';
    return s;
}

/* A code point as wr_utf16 writes it: malformed is U+FFFD. */
static size_t decode_for_wire(const char *s, size_t left, uint32_t *cp)
{
    size_t n = decode_any(s, left, cp);
    if (*cp > CP_MAX) {
        *cp = CP_REPLACEMENT;
    }
    return n;
}

size_t wr_utf16(struct wr *w, const char *s)
{
    size_t start = wr_pos(w);
    size_t left = str_len(s);
    while (left > 0) {
        uint32_t cp;
        size_t n = decode_for_wire(s, left, &cp);
        if (cp < 0x10000) {
            wr_u16(w, (uint16_t)cp);
        } else {
            wr_u16(w, (uint16_t)(0xd800 + ((cp - 0x10000) >> 10)));
            wr_u16(w, (uint16_t)(0xdc00 + ((cp - 0x10000) & 0x3ff)));
        }
        s += n;
        left -= n;
    }
    return wr_pos(w) - start;
}

size_t utf16_len_bytes(const char *s)
{
    size_t left = str_len(s);
    size_t total = 0;
    while (left > 0) {
        uint32_t cp;
        size_t n = decode_for_wire(s, left, &cp);
        total += cp < 0x10000 ? 2 : 4;
        s += n;
        left -= n;
    }
    return total;
}

uint32_t utf_upcase(uint32_t cp)
{
    if (cp > 0xffff) {
        return cp;
    }
    uint8_t block = casetable_index[cp / CASETABLE_BLOCK];
    return (uint16_t)(cp + casetable_delta[block][cp % CASETABLE_BLOCK]);
}

bool utf8_ieq(const char *a, const char *b)
{
    return utf8_icmp(a, b) == 0;
}

int utf8_icmp(const char *a, const char *b)
{
    size_t a_left = str_len(a);
    size_t b_left = str_len(b);
    while (a_left > 0 && b_left > 0) {
        uint32_t x;
        uint32_t y;
        size_t a_n = decode_any(a, a_left, &x);
        size_t b_n = decode_any(b, b_left, &y);
        x = utf_upcase(x);
        y = utf_upcase(y);
        if (x != y) {
            return x < y ? -1 : 1;
        }
        a += a_n;
        a_left -= a_n;
        b += b_n;
        b_left -= b_n;
    }
    return (a_left > 0) - (b_left > 0);
}

uint64_t utf8_ihash(uint64_t seed, const char *s, size_t len)
{
    struct hash_sip sip;
    uint64_t count = 0;
    uint64_t pending = 0;
    hash_seed_init(&sip, seed);
    /* Two folded code points make a word. */
    while (len > 0) {
        uint32_t cp;
        size_t n = decode_any(s, len, &cp);
        pending |= (uint64_t)utf_upcase(cp) << (32 * (count % 2));
        if (count % 2 == 1) {
            hash_sip_word(&sip, pending);
            pending = 0;
        }
        count++;
        s += n;
        len -= n;
    }
    return hash_sip_end(&sip, pending | count << 56);
}
