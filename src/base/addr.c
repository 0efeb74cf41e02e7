/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr.h"

#include "base/str.h"

#define GROUPS 8
#define MAPPED 0xffffu /* ::ffff:a.b.c.d, RFC 4291 2.5.5.2 */

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

/* 1 to 4 hexadecimal digits. */
static bool read_group(struct reader *r)
{
    unsigned digits = 0;
    uint32_t value = 0;
    for (; digits < 4 && hex_digit(*r->p) >= 0; digits++, r->p++) {
        value = value * 16 + (uint32_t)hex_digit(*r->p);
    }
    if (digits == 0 || hex_digit(*r->p) >= 0 || r->count == GROUPS) {
        return false;
    }
    r->groups[r->count++] = (uint16_t)value;
    return true;
}

/* The end of the address proper: of the text, or a zone or the dots of IPv4. */
static bool is_end(char c)
{
    return c == '\0' || c == '%' || c == '.';
}

static bool read_groups(struct reader *r)
{
    while (!is_end(*r->p)) {
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
    return r->has_gap ? r->count < GROUPS : r->count > 3;
}

/* The first four groups, with what "::" stands for. */
static void spread(const struct reader *r, uint16_t out[4])
{
    for (unsigned i = 0; i < 4; i++) {
        bool is_before = !r->has_gap || i < r->gap;
        unsigned zeros = GROUPS - r->count;
        out[i] = 0;
        if (is_before) {
            out[i] = r->groups[i];
        } else if (i >= r->gap + zeros) {
            out[i] = r->groups[i - zeros];
        }
    }
}

/* What is behind the last ':' of a mapped IPv4 address; NULL: it is none. */
static const char *mapped(const char *address, const struct reader *r)
{
    /* the dots end reading within the first number of the four */
    bool is_mapped =
        *r->p == '.' && r->has_gap && r->gap == 0 && r->count == 2 && r->groups[0] == MAPPED;
    const char *last = address;
    for (const char *p = address; *p; p++) {
        last = *p == ':' ? p + 1 : last;
    }
    return is_mapped ? last : NULL;
}

void addr_prefix(const char *address, char out[ADDR_PREFIX_SIZE])
{
    struct reader r = {.p = address};
    uint16_t g[4];
    if (!read_groups(&r)) {
        str_copy(out, ADDR_PREFIX_SIZE, address);
        return;
    }
    const char *v4 = mapped(address, &r);
    if (v4) {
        str_copy(out, ADDR_PREFIX_SIZE, v4);
        return;
    }
    spread(&r, g);
    str_format(out, ADDR_PREFIX_SIZE, "%x:%x:%x:%x::/64%s", g[0], g[1], g[2], g[3],
               *r.p == '%' ? r.p : "");
}
