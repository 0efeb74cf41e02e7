/* SPDX-License-Identifier: Apache-2.0 */
#include "json_span.h"

#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

const char *json_blanks_skip(const char *p, const char *end)
{
    while (p < end && is_blank(*p)) {
        p++;
    }
    return p;
}

/* p is at a quote: behind the closing one, or NULL. */
const char *json_string_skip(const char *p, const char *end)
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
            p = json_string_skip(p, end);
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

bool json_span_next(const char **at, const char *end, struct json_span *out)
{
    const char *p = json_blanks_skip(*at, end);
    if (p == end) {
        return false;
    }
    const char *from = p;
    if (*p == '"') {
        p = json_string_skip(p, end);
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
    *out = (struct json_span){from, (size_t)(p - from)};
    *at = p;
    return true;
}

bool json_span_is(struct json_span s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

static bool name_is(struct json_span quoted, const char *name)
{
    size_t n = strlen(name);
    return quoted.len == n + 2 && quoted.at[0] == '"' && memcmp(quoted.at + 1, name, n) == 0;
}

bool json_span_member(struct json_span object, const char *name, struct json_span *out)
{
    if (object.len < 2 || object.at[0] != '{') {
        return false;
    }
    const char *end = object.at + object.len - 1;
    const char *p = object.at + 1;
    struct json_span key;
    while (json_span_next(&p, end, &key)) {
        p = json_blanks_skip(p, end);
        if (p == end || *p != ':') {
            return false;
        }
        p++;
        if (!json_span_next(&p, end, out)) {
            return false;
        }
        if (name_is(key, name)) {
            return true;
        }
        p = json_blanks_skip(p, end);
        p += p < end && *p == ',';
    }
    return false;
}

bool json_span_element(struct json_span array, const char **at, struct json_span *out)
{
    if (array.len < 2 || array.at[0] != '[') {
        return false;
    }
    const char *end = array.at + array.len - 1;
    const char *p = *at ? json_blanks_skip(*at, end) : array.at + 1;
    p += *at && p < end && *p == ',';
    bool is_there = json_span_next(&p, end, out);
    *at = p;
    return is_there;
}

char *json_span_copy(struct json_span s)
{
    char *text = malloc(s.len + 1);
    if (text) {
        memcpy(text, s.at, s.len);
        text[s.len] = 0;
    }
    return text;
}

size_t json_span_weight(struct json_span s)
{
    size_t weight = 1;
    const char *end = s.at + s.len;
    for (const char *p = s.at; p && p < end;) {
        weight += *p == '{' || *p == '[' ? 8 : *p == ',' || *p == ':';
        p = *p == '"' ? json_string_skip(p, end) : p + 1;
    }
    return weight;
}
