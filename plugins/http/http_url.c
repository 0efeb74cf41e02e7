/* SPDX-License-Identifier: Apache-2.0 */
/* From links to names, [RFC 3986], and the list of them. */
#include "http_map.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void http_item_fini(struct http_item *item)
{
    free(item->name);
    free(item->url);
    http_place_free(item->place);
    *item = (struct http_item){NULL};
}

void http_index_fini(struct http_index *x)
{
    for (uint32_t i = 0; i < x->count; i++) {
        http_item_fini(&x->items[i]);
    }
    free(x->items);
    *x = (struct http_index){NULL, 0, 0, 0};
}

void http_index_add(struct http_index *x, struct http_item *item)
{
    if (x->count == x->room && x->room < HTTP_ITEMS_MAX) {
        uint32_t room = x->room ? x->room * 2 : 64;
        room = room < HTTP_ITEMS_MAX ? room : HTTP_ITEMS_MAX;
        struct http_item *items = realloc(x->items, room * sizeof(*items));
        if (items) {
            x->items = items;
            x->room = room;
        }
    }
    if (x->count == x->room) {
        x->left_out++;
        http_item_fini(item);
        return;
    }
    x->items[x->count++] = *item;
}

/* ---- names ---- */

int http_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool http_decode(const char *text, size_t len, char *to, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%' && len - i > 2 && http_hex(text[i + 1]) >= 0 && http_hex(text[i + 2]) >= 0) {
            c = (char)(http_hex(text[i + 1]) * 16 + http_hex(text[i + 2]));
            i += 2;
        }
        if (c == 0 || n + 1 >= room) {
            return false;
        }
        to[n++] = c;
    }
    to[n] = 0;
    return true;
}

/* How many bytes a sequence has that begins so; 0: none does. [RFC 3629] 3 */
static size_t utf8_size(unsigned char c)
{
    return c < 0x80                ? 1
           : c >= 0xc2 && c < 0xe0 ? 2
           : c >= 0xe0 && c < 0xf0 ? 3
           : c >= 0xf0 && c < 0xf5 ? 4
                                   : 0;
}

static bool is_utf8(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        size_t n = utf8_size(*p);
        if (n == 0 || (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
            (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f)) {
            return false;
        }
        for (size_t i = 1; i < n; i++) {
            if ((p[i] & 0xc0) != 0x80) {
                return false;
            }
        }
        p += n;
    }
    return true;
}

bool http_name_is(const char *name)
{
    return name[0] && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '/') &&
           is_utf8(name);
}

/* ---- URLs ---- */

bool http_is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~", c));
}

bool http_is_of_url(char c)
{
    return c > 0x20 && c < 0x7f && !strchr("\"<>\\^`{|}", c);
}

/* base and text behind it: what a URL cannot have is encoded; of a name (all) whatever it need not
 * have. NULL: too long, or no memory. */
static char *join(const char *base, const char *text, bool all, bool is_folder)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t n = strlen(base);
    size_t len = strlen(text);
    if (n + len * 3 + 2 > HTTP_URL_MAX) {
        return NULL;
    }
    char *url = malloc(n + len * 3 + 2);
    if (!url) {
        return NULL;
    }
    memcpy(url, base, n);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool stays = all ? http_is_unreserved(text[i]) : http_is_of_url(text[i]);
        url[n++] = stays ? text[i] : '%';
        if (!stays) {
            url[n++] = digits[c >> 4];
            url[n++] = digits[c & 15];
        }
    }
    if (is_folder) {
        url[n++] = '/';
    }
    url[n] = 0;
    return url;
}

/* The path of an absolute URL: where its host has ended. */
static const char *path_of(const char *url)
{
    const char *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    return path ? path : url + strlen(url);
}

/* What of href lies below base, or NULL. */
static const char *below(const char *base, const char *href)
{
    size_t base_len = strlen(base);
    const char *path = path_of(base);
    if (strncmp(href, base, base_len) == 0) {
        return href + base_len;
    }
    if (href[0] == '/') {
        size_t n = strlen(path);
        return href[1] != '/' && strncmp(href, path, n) == 0 ? href + n : NULL;
    }
    /* "mailto:x" has a scheme, "./a:b" has none. [RFC 3986] 4.2 */
    if (href[strcspn(href, ":/?#")] == ':') {
        return NULL;
    }
    while (href[0] == '.' && href[1] == '/') {
        href += 2;
    }
    return href;
}

bool http_item_of_href(const char *base, const char *href, struct http_item *out)
{
    char name[HTTP_NAME_MAX];
    *out = (struct http_item){NULL};
    const char *rest = below(base, href);
    if (!rest || strpbrk(rest, "?#")) {
        return false;
    }
    size_t len = strcspn(rest, "/");
    bool is_folder = rest[len] == '/';
    if ((is_folder && rest[len + 1]) || !http_decode(rest, len, name, sizeof(name)) ||
        !http_name_is(name)) {
        return false;
    }
    out->is_folder = is_folder;
    out->url = join(base, rest, false, false);
    out->name = strdup(name);
    if (!out->url || !out->name) {
        http_item_fini(out);
        return false;
    }
    return true;
}

bool http_item_of_name(const char *base, const char *name, bool is_folder, struct http_item *out)
{
    *out = (struct http_item){.is_folder = is_folder};
    if (strlen(name) >= HTTP_NAME_MAX || !http_name_is(name)) {
        return false;
    }
    out->url = join(base, name, true, is_folder);
    out->name = strdup(name);
    if (!out->url || !out->name) {
        http_item_fini(out);
        return false;
    }
    return true;
}
