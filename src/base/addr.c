/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr.h"

#include "base/mem.h"
#include "base/str.h"

#define GROUPS 8
#define BITS 128u
#define V4_BITS 32u
#define V4_PREFIX_BITS (BITS - V4_BITS) /* of ::ffff:0:0/96, RFC 4291 2.5.5.2 */
#define MAPPED 0xffffu
#define TEXT_MAX 64 /* of an address; a longer text is none */

/* Either kind as IPv6; IPv4 as it is mapped into that. */
struct addr {
    uint16_t groups[GROUPS];
    bool is_v4;
    const char *zone; /* "%eth0" in the text, or "" */
};

/* IPv6 text as it is read: groups before and after "::". */
struct reader {
    const char *p;
    uint16_t groups[GROUPS];
    unsigned count;
    unsigned gap; /* where "::" stands among them */
    bool has_gap;
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Up to four numbers with dots between, from *p on; how many there were, 0: not of that form.
 * *p is where they end: a last dot belongs to them. */
static unsigned read_dotted(const char **p, uint8_t bytes[4])
{
    unsigned count = 0;
    while (count < 4 && is_digit(**p)) {
        unsigned value = 0;
        for (unsigned digits = 0; is_digit(**p); digits++, (*p)++) {
            value = value * 10 + (unsigned)(**p - '0');
            if (digits == 3) {
                return 0;
            }
        }
        if (value > UINT8_MAX) {
            return 0;
        }
        bytes[count++] = (uint8_t)value;
        if (**p != '.' || count == 4) {
            break;
        }
        (*p)++;
    }
    return count;
}

static bool has_dot(const char *p)
{
    while (hex_digit(*p) >= 0) {
        p++;
    }
    return *p == '.';
}

static bool put_group(struct reader *r, uint32_t value)
{
    if (r->count == GROUPS) {
        return false;
    }
    r->groups[r->count++] = (uint16_t)value;
    return true;
}

/* 1 to 4 hexadecimal digits, or the IPv4 address at the end. */
static bool read_group(struct reader *r)
{
    uint8_t b[4];
    if (has_dot(r->p)) {
        return read_dotted(&r->p, b) == 4 && put_group(r, (uint32_t)(b[0] << 8 | b[1])) &&
               put_group(r, (uint32_t)(b[2] << 8 | b[3])) && (*r->p == '\0' || *r->p == '%');
    }
    unsigned digits = 0;
    uint32_t value = 0;
    for (; digits < 4 && hex_digit(*r->p) >= 0; digits++, r->p++) {
        value = value * 16 + (uint32_t)hex_digit(*r->p);
    }
    return digits > 0 && hex_digit(*r->p) < 0 && put_group(r, value);
}

static bool read_groups(struct reader *r)
{
    while (*r->p != '\0' && *r->p != '%') {
        if (r->p[0] == ':' && r->p[1] == ':') {
            if (r->has_gap) {
                return false;
            }
            r->has_gap = true;
            r->gap = r->count;
            r->p += 2;
        } else if (*r->p == ':' && r->count > 0 && (!r->has_gap || r->gap < r->count)) {
            r->p++;
        } else if (!read_group(r)) {
            return false;
        }
    }
    return r->has_gap ? r->count < GROUPS : r->count == GROUPS;
}

static struct addr of_v4(const uint8_t b[4])
{
    return (struct addr){
        .groups =
            {[5] = MAPPED, [6] = (uint16_t)(b[0] << 8 | b[1]), [7] = (uint16_t)(b[2] << 8 | b[3])},
        .is_v4 = true,
        .zone = ""};
}

static bool is_mapped(const uint16_t g[GROUPS])
{
    return (g[0] | g[1] | g[2] | g[3] | g[4]) == 0 && g[5] == MAPPED;
}

static bool parse(const char *text, struct addr *out)
{
    struct reader r = {.p = text};
    uint8_t b[4];
    if (read_dotted(&r.p, b) == 4 && *r.p == '\0') {
        *out = of_v4(b);
        return true;
    }
    r.p = text;
    if (!read_groups(&r)) {
        return false;
    }
    *out = (struct addr){.zone = r.p};
    unsigned tail = r.has_gap ? r.count - r.gap : 0; /* groups behind "::" */
    unsigned head = r.count - tail;
    mem_copy(out->groups, r.groups, head * sizeof(r.groups[0]));
    mem_copy(out->groups + GROUPS - tail, r.groups + head, tail * sizeof(r.groups[0]));
    out->is_v4 = is_mapped(out->groups);
    return true;
}

void addr_prefix(const char *address, char out[ADDR_PREFIX_SIZE])
{
    struct addr a;
    if (!parse(address, &a)) {
        str_copy(out, ADDR_PREFIX_SIZE, address);
        return;
    }
    const uint16_t *g = a.groups;
    if (a.is_v4) {
        str_format(out, ADDR_PREFIX_SIZE, "%d.%d.%d.%d", g[6] >> 8, g[6] & 0xff, g[7] >> 8,
                   g[7] & 0xff);
        return;
    }
    str_format(out, ADDR_PREFIX_SIZE, "%x:%x:%x:%x::/64%s", g[0], g[1], g[2], g[3], a.zone);
}

/* ---- patterns ---- */

/* Addresses whose first bits are those. */
struct net {
    struct addr base;
    unsigned bits;
};

/* "24", or for IPv4 "255.255.255.0". */
static bool read_bits(const char *text, bool is_v4, unsigned *out)
{
    uint64_t bits = 0;
    uint8_t b[4];
    const char *p = text;
    unsigned shift = is_v4 ? V4_PREFIX_BITS : 0;
    if (is_digit(*text) && str_to_u64(text, BITS - shift, &bits)) {
        *out = (unsigned)bits + shift;
        return true;
    }
    if (!is_v4 || read_dotted(&p, b) != 4 || *p != '\0') {
        return false;
    }
    uint32_t mask = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    for (*out = V4_PREFIX_BITS; mask & 0x80000000u; mask <<= 1) {
        (*out)++;
    }
    return mask == 0;
}

/* "192.0.2." */
static bool read_beginning(const char *word, struct net *out)
{
    uint8_t b[4] = {0};
    const char *p = word;
    unsigned count = read_dotted(&p, b);
    if (count == 0 || count == 4 || *p != '\0' || p[-1] != '.') {
        return false;
    }
    *out = (struct net){.base = of_v4(b), .bits = V4_PREFIX_BITS + 8 * count};
    return true;
}

static bool net_parse(const char *word, struct net *out)
{
    char text[TEXT_MAX];
    if (read_beginning(word, out)) {
        return true;
    }
    if (!str_copy(text, sizeof(text), word)) {
        return false;
    }
    char *slash = text;
    while (*slash && *slash != '/') {
        slash++;
    }
    bool has_bits = *slash == '/';
    *slash = '\0';
    if (!parse(text, &out->base)) {
        return false;
    }
    out->bits = BITS;
    return !has_bits || read_bits(slash + 1, out->base.is_v4, &out->bits);
}

static bool net_has(const struct net *n, const struct addr *a)
{
    for (unsigned i = 0; i < GROUPS; i++) {
        unsigned bits = n->bits > 16 * i ? MIN(n->bits - 16 * i, 16u) : 0;
        uint16_t mask = (uint16_t)(0xffffu << (16 - bits));
        if ((n->base.groups[i] ^ a->groups[i]) & mask) {
            return false;
        }
    }
    return true;
}

bool addr_is_pattern(const char *word)
{
    struct net n;
    return str_ieq(word, "ALL") || str_ieq(word, "EXCEPT") || net_parse(word, &n);
}

bool addr_is_in(const char *address, const struct names *patterns)
{
    struct addr a;
    bool is_addr = parse(address, &a);
    bool is_in = false;
    bool is_exception = false;
    for (size_t i = 0; i < patterns->count; i++) {
        const char *word = patterns->items[i];
        struct net n;
        if (str_ieq(word, "EXCEPT")) {
            is_exception = true;
        } else if (str_ieq(word, "ALL") || (is_addr && net_parse(word, &n) && net_has(&n, &a))) {
            is_in = !is_exception;
        }
    }
    return is_in;
}

bool addr_is_loopback(const char *address)
{
    struct addr a;
    static const uint16_t one[GROUPS] = {[7] = 1};
    return parse(address, &a) &&
           (a.is_v4 ? a.groups[6] >> 8 == 127 : mem_eq(a.groups, one, sizeof(one)));
}
