/* SPDX-License-Identifier: Apache-2.0 */
#include "sofa_json.h"

#include <stdlib.h>
#include <string.h>

/* ---- pieces ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *blanks_skip(const char *p, const char *end)
{
    while (p < end && is_blank(*p)) {
        p++;
    }
    return p;
}

/* p is at a quote: behind the closing one, or NULL. */
static const char *string_skip(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '"') {
            return p + 1;
        }
        p += *p == '\\';
    }
    return NULL;
}

/* p is at a bracket: behind the one that closes it, or NULL. */
static const char *brackets_skip(const char *p, const char *end)
{
    size_t depth = 0;
    while (p && p < end) {
        if (*p == '"') {
            p = string_skip(p, end);
            continue;
        }
        depth += *p == '{' || *p == '[';
        depth -= *p == '}' || *p == ']';
        p++;
        if (depth == 0) {
            return p;
        }
    }
    return NULL;
}

bool sofa_span_next(const char **at, const char *end, struct sofa_span *out)
{
    const char *p = blanks_skip(*at, end);
    if (p == end) {
        return false;
    }
    const char *from = p;
    if (*p == '"') {
        p = string_skip(p, end);
    } else if (*p == '{' || *p == '[') {
        p = brackets_skip(p, end);
    } else {
        while (p < end && !is_blank(*p) && !memchr(",:]}", *p, 4)) {
            p++;
        }
    }
    if (!p || p == from) {
        return false;
    }
    *out = (struct sofa_span){from, (size_t)(p - from)};
    *at = p;
    return true;
}

bool sofa_span_is(struct sofa_span s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

static bool name_is(struct sofa_span quoted, const char *name)
{
    size_t n = strlen(name);
    return quoted.len == n + 2 && quoted.at[0] == '"' && memcmp(quoted.at + 1, name, n) == 0;
}

bool sofa_span_member(struct sofa_span object, const char *name, struct sofa_span *out)
{
    if (object.len < 2 || object.at[0] != '{') {
        return false;
    }
    const char *end = object.at + object.len - 1;
    const char *p = object.at + 1;
    struct sofa_span key;
    while (sofa_span_next(&p, end, &key)) {
        p = blanks_skip(p, end);
        if (p == end || *p != ':') {
            return false;
        }
        p++;
        if (!sofa_span_next(&p, end, out)) {
            return false;
        }
        if (name_is(key, name)) {
            return true;
        }
        p = blanks_skip(p, end);
        p += p < end && *p == ',';
    }
    return false;
}

bool sofa_span_element(struct sofa_span array, const char **at, struct sofa_span *out)
{
    if (array.len < 2 || array.at[0] != '[') {
        return false;
    }
    const char *end = array.at + array.len - 1;
    const char *p = *at ? blanks_skip(*at, end) : array.at + 1;
    p += *at && p < end && *p == ',';
    bool is_there = sofa_span_next(&p, end, out);
    *at = p;
    return is_there;
}

json_t *sofa_span_decode(struct sofa_span s)
{
    return json_loadb(s.at, s.len, SOFA_JSON_FLAGS, NULL);
}

char *sofa_span_copy(struct sofa_span s)
{
    char *text = malloc(s.len + 1);
    if (text) {
        memcpy(text, s.at, s.len);
        text[s.len] = 0;
    }
    return text;
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
    const char *next = blanks_skip(p + 1, end);
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
        p = string_skip(p, end);
        p = p ? p : end;
        put(o, from, (size_t)(p - from));
        return p;
    default:
        put(o, p, 1);
        return p + 1;
    }
}

static void print(struct printer *o, struct sofa_span s)
{
    const char *end = s.at + s.len;
    for (const char *p = blanks_skip(s.at, end); p < end; p = blanks_skip(p, end)) {
        p = piece_print(o, p, end);
    }
    put(o, "\n", 1);
}

size_t sofa_json_pretty_len(struct sofa_span s)
{
    struct printer o = {NULL, 0, 0};
    print(&o, s);
    return o.len;
}

char *sofa_json_pretty(struct sofa_span s, size_t *len_r)
{
    *len_r = sofa_json_pretty_len(s);
    struct printer o = {malloc(*len_r + 1), 0, 0};
    if (o.to) {
        print(&o, s);
        o.to[o.len] = 0;
    }
    return o.to;
}
