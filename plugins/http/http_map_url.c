/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of URLs, and what is put into them. A value is encoded but for what every URL may have
 * anywhere [RFC 3986] 2.3, so that it ends neither a segment nor a query; and no segment that comes
 * of it is "." or "..", which name another place. [RFC 3986] 5.2.4 */
#include "http_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- templates ---- */

/* Of len bytes: is it "." or ".."? A dot may be encoded. */
static bool is_dots(const char *text, size_t len)
{
    size_t dots = 0;
    for (size_t i = 0; i < len; i++) {
        bool is_encoded = len - i > 2 && strncasecmp(text + i, "%2e", 3) == 0;
        if (text[i] != '.' && !is_encoded) {
            return false;
        }
        i += is_encoded ? 2 : 0;
        dots++;
    }
    return dots == 1 || dots == 2;
}

static bool has_dots(const char *path)
{
    for (;;) {
        size_t n = strcspn(path, "/?");
        if (is_dots(path, n)) {
            return true;
        }
        if (path[n] != '/') {
            return false;
        }
        path += n + 1;
    }
}

static int value_of(const struct http_map_part *part, const char *name, size_t len)
{
    for (; part; part = part->outer) {
        if (part->param[0] && strlen(part->param) == len && strncmp(part->param, name, len) == 0) {
            return (int)part->value_count - 1;
        }
    }
    return -1;
}

static const char *url_wrong(const char *text)
{
    size_t scheme = strcspn(text, ":/?{");
    if (text[scheme] == ':' || strncmp(text, "//", 2) == 0) {
        return "a URL is asked of the server of url=: write it without http:// and the host's name";
    }
    if (strchr(text, '#')) {
        return "a URL that is asked for has no #";
    }
    if (has_dots(text)) {
        return "a URL has no . or .. between its slashes: write where it leads to";
    }
    return strlen(text) + 2 > HTTP_URL_MAX ? "the URL is too long" : NULL;
}

/* One "{name}" or one character of it; what was taken of text, or 0. */
static size_t piece_take(const struct http_map_part *part, const char *text, char **to, char *why,
                         size_t why_size)
{
    size_t len = strcspn(text, "}");
    if (text[0] == '{' && text[len]) {
        int value = value_of(part, text + 1, len - 1);
        if (value < 0) {
            snprintf(why, why_size, "{%.*s} of the URL is not in the path",
                     (int)(len < 64 ? len - 1 : 64), text + 1);
            return 0;
        }
        *to += sprintf(*to, "{%d}", value);
        return len + 1;
    }
    bool is_code = text[0] != '%' || (http_hex(text[1]) >= 0 && http_hex(text[2]) >= 0);
    if (!is_code || !http_is_of_url(text[0])) {
        snprintf(why, why_size, "\"%.64s\": such a character stands in a URL as %% and two digits",
                 text);
        return 0;
    }
    *(*to)++ = text[0];
    return 1;
}

char *http_map_url_parse(const struct http_map_part *part, const char *text, char *why,
                         size_t why_size)
{
    const char *what = url_wrong(text);
    char *url = what ? NULL : malloc(strlen(text) * 2 + 1);
    snprintf(why, why_size, "%s", what ? what : "no memory");
    char *to = url;
    while (url && *text) {
        size_t n = piece_take(part, text, &to, why, why_size);
        if (n == 0) {
            free(url);
            return NULL;
        }
        text += n;
    }
    if (url) {
        *to = 0;
    }
    return url;
}

/* ---- places ---- */

struct http_place *http_place_new(const struct http_map_part *part, const struct http_place *outer,
                                  const char *value)
{
    struct http_place *p = calloc(1, sizeof(*p) + HTTP_MAP_VALUES_MAX * sizeof(p->values[0]));
    if (!p) {
        return NULL;
    }
    p->part = part;
    for (uint32_t i = 0; i < part->value_count; i++) {
        p->values[i] = strdup(outer && i < outer->count ? outer->values[i] : value);
        if (!p->values[i]) {
            http_place_free(p);
            return NULL;
        }
        p->count++;
    }
    return p;
}

void http_place_free(struct http_place *p)
{
    for (uint32_t i = 0; p && i < p->count; i++) {
        free(p->values[i]);
    }
    free(p);
}

/* ---- names and values ---- */

/* What a server might take for the end of a segment or of a line, once it has decoded it, is in no
 * value. */
static bool is_value(const char *text)
{
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f || strchr("/\\", *p)) {
            return false;
        }
    }
    return text[0] != 0;
}

const struct http_map_part *http_map_find(const struct http_map_part *folder, const char *name,
                                          char **value_r)
{
    const struct http_map_part *best = NULL;
    size_t best_len = 0;
    size_t len = strlen(name);
    *value_r = NULL;
    for (const struct http_map_part *p = folder->first; p; p = p->next) {
        size_t before = strlen(p->before);
        size_t after = strlen(p->after);
        bool is_like = p->param[0] && before + after < len &&
                       strncasecmp(name, p->before, before) == 0 &&
                       strcasecmp(name + len - after, p->after) == 0;
        if (is_like && (!best || before + after > best_len)) {
            best = p;
            best_len = before + after;
        }
    }
    if (best) {
        *value_r = strndup(name + strlen(best->before), len - best_len);
    }
    return *value_r && is_value(*value_r) ? best : NULL;
}

static size_t encode(const char *value, char *to)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t n = 0;
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;
        if (http_is_unreserved(*value)) {
            to[n++] = *value;
        } else {
            to[n++] = '%';
            to[n++] = digits[c >> 4];
            to[n++] = digits[c & 15];
        }
    }
    return n;
}

/* How much of base stays: all of it, or up to its host where the template begins with a slash. */
static size_t base_len(const char *base, const char *url)
{
    const char *host = strstr(base, "://");
    return url[0] == '/' && host ? (size_t)(host - base) + 3 + strcspn(host + 3, "/")
                                 : strlen(base);
}

char *http_map_url(const char *base, const char *template, const struct http_place *p)
{
    const char *url = template ? template : "";
    size_t room = strlen(base) + strlen(url) + 1;
    for (const char *at = strchr(url, '{'); at; at = strchr(at + 1, '{')) {
        uint32_t i = (uint32_t)(at[1] - '0');
        room += i < p->count ? strlen(p->values[i]) * 3 : 0;
    }
    size_t n = template ? base_len(base, url) : 0;
    size_t base_end = n;
    char *out = room <= HTTP_URL_MAX ? malloc(room) : NULL;
    if (!out) {
        return NULL;
    }
    memcpy(out, base, n);
    for (; *url; url++) {
        uint32_t i = url[0] == '{' ? (uint32_t)(url[1] - '0') : p->count;
        if (i < p->count) {
            n += encode(p->values[i], out + n);
            url += 2;
        } else {
            out[n++] = *url;
        }
    }
    out[n] = 0;
    if (has_dots(out + base_end)) {
        free(out);
        return NULL;
    }
    return out;
}

/* ---- items ---- */

bool http_map_item(const struct http_place *outer, const struct http_map_part *part,
                   const char *value, const char *base, struct http_item *out)
{
    char name[HTTP_NAME_MAX];
    int n = snprintf(name, sizeof(name), "%s%s%s", part->before, value ? value : "", part->after);
    *out = (struct http_item){.is_folder = part->is_folder};
    if (n < 0 || (size_t)n >= sizeof(name) || !http_name_is(name) || (value && !is_value(value))) {
        return false;
    }
    struct http_place *place = http_place_new(part, outer, value);
    out->place = place;
    out->name = strdup(name);
    out->url = place ? http_map_url(base, part->url, place) : NULL;
    if (!out->name || !out->url) {
        http_item_fini(out);
        return false;
    }
    if (!part->is_folder) {
        http_place_free(place);
        out->place = NULL;
    }
    return true;
}

void http_map_fixed(const struct http_place *folder, const char *base, struct http_index *x)
{
    for (const struct http_map_part *p = folder->part->first; p; p = p->next) {
        struct http_item item;
        if (!p->param[0] && http_map_item(folder, p, NULL, base, &item)) {
            http_index_add(x, &item);
        }
    }
}
