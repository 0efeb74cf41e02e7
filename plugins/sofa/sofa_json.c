/* SPDX-License-Identifier: Apache-2.0 */
#include "sofa_json.h"

#include <stdlib.h>
#include <string.h>

json_t *sofa_decode(const char *text, size_t len, size_t flags)
{
    const struct json_span all = {text, len};
    return json_span_weight(all) <= SOFA_WEIGHT_MAX ? json_loadb(text, len, flags, NULL) : NULL;
}

json_t *sofa_span_decode(struct json_span s)
{
    return sofa_decode(s.at, s.len, SOFA_JSON_FLAGS);
}

/* ---- with line breaks ---- */

struct printer {
    char *to; /* NULL: bytes are counted only */
    size_t len;
    size_t depth;
};

static void put(struct printer *o, const char *bytes, size_t n)
{
    if (o->to) {
        memcpy(o->to + o->len, bytes, n);
    }
    o->len += n;
}

static void line_break(struct printer *o)
{
    static const char blanks[] = "                ";
    if (o->depth <= SOFA_INDENT_MAX) {
        put(o, "\n", 1);
        put(o, blanks, 2 * o->depth);
    }
}

/* The bracket at p that opens; an empty pair stays together. */
static const char *open_print(struct printer *o, const char *p, const char *end)
{
    const char *next = json_blanks_skip(p + 1, end);
    put(o, p, 1);
    if (next < end && (*next == '}' || *next == ']')) {
        put(o, next, 1);
        return next + 1;
    }
    o->depth++;
    line_break(o);
    return p + 1;
}

static const char *close_print(struct printer *o, const char *p)
{
    bool is_deep = o->depth > SOFA_INDENT_MAX;
    o->depth -= o->depth > 0;
    if (!is_deep) {
        line_break(o);
    }
    put(o, p, 1);
    return p + 1;
}

static const char *piece_print(struct printer *o, const char *p, const char *end)
{
    const char *from = p;
    switch (*p) {
    case '{':
    case '[':
        return open_print(o, p, end);
    case '}':
    case ']':
        return close_print(o, p);
    case ',':
        put(o, ",", 1);
        line_break(o);
        return p + 1;
    case ':':
        put(o, ": ", 2);
        return p + 1;
    case '"':
        p = json_string_skip(p, end);
        p = p ? p : end;
        put(o, from, (size_t)(p - from));
        return p;
    default:
        put(o, p, 1);
        return p + 1;
    }
}

static void print(struct printer *o, struct json_span s)
{
    const char *end = s.at + s.len;
    for (const char *p = json_blanks_skip(s.at, end); p < end; p = json_blanks_skip(p, end)) {
        p = piece_print(o, p, end);
    }
    put(o, "\n", 1);
}

size_t sofa_json_pretty_len(struct json_span s)
{
    struct printer o = {NULL, 0, 0};
    print(&o, s);
    return o.len;
}

char *sofa_json_pretty(struct json_span s, size_t *len_r)
{
    *len_r = sofa_json_pretty_len(s);
    struct printer o = {malloc(*len_r + 1), 0, 0};
    if (o.to) {
        print(&o, s);
        o.to[o.len] = 0;
    }
    return o.to;
}
