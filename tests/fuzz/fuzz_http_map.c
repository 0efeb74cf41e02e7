/* SPDX-License-Identifier: Apache-2.0 */
/* A table of paths, and a name and a list that strangers send: whatever they are, no value leaves
 * its place in a URL. The input: a table, a 0, a name, a 0, a list. */
#include <stdlib.h>
#include <string.h>

#include "../../plugins/http/http_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE "http://h/b/"

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static uint32_t count_of(const char *text, size_t len, char c)
{
    uint32_t n = 0;
    for (size_t i = 0; i < len; i++) {
        n += text[i] == c;
    }
    return n;
}

/* As many slashes, question marks and so on as the template has, and no dots for a segment. */
static void check(const struct http_map_part *part, const struct http_item *item)
{
    static const char ends[] = "/?#&=+;";
    must(http_name_is(item->name) && item->is_folder == part->is_folder);
    must(!item->place == !part->is_folder);
    if (!part->url) {
        must(item->url[0] == 0);
        return;
    }
    size_t skip = part->url[0] == '/' ? strlen("http://h") : strlen(BASE);
    must(strncmp(item->url, BASE, skip) == 0);
    const char *rest = item->url + skip;
    for (const char *c = ends; *c; c++) {
        must(count_of(rest, strlen(rest), *c) == count_of(part->url, strlen(part->url), *c));
    }
    for (const char *p = rest; *p; p++) {
        must(*p > 0x20 && *p < 0x7f && *p != '\\' && *p != '{');
    }
    size_t path = strcspn(rest, "?");
    for (size_t at = 0; at <= path;) {
        size_t n = strcspn(rest + at, "/?");
        must(!(n == 1 && rest[at] == '.') && !(n == 2 && strncmp(rest + at, "..", 2) == 0));
        at += n + 1;
    }
}

static void look(const struct http_place *at, const char *name, const char *list, size_t list_len)
{
    struct http_index x = {NULL, 0, 0, 0};
    char *value;
    http_map_fixed(at, BASE, &x);
    uint32_t fixed = x.count;
    must(http_map_list(at, BASE, list, list_len, &x) || x.count == fixed);
    http_index_fini(&x);
    const struct http_map_part *part = http_map_find(at->part, name, &value);
    struct http_item item;
    if (part && http_map_item(at, part, value, BASE, &item)) {
        check(part, &item);
        if (item.place) {
            look(item.place, name, list, list_len);
        }
        http_item_fini(&item);
    }
    free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[300] = "";
    char *text = malloc(size + 1);
    must(text != NULL);
    memcpy(text, data, size);
    text[size] = 0;
    size_t table_len = strlen(text);
    const char *name = table_len < size ? text + table_len + 1 : text + size;
    size_t name_len = strlen(name);
    const char *list = name + name_len < text + size ? name + name_len + 1 : text + size;
    struct http_map *map = http_map_parse(text, table_len, error, sizeof(error));
    must(map || error[0]);
    struct http_place *root = map ? http_place_new(http_map_root(map), NULL, NULL) : NULL;
    if (root) {
        look(root, name, list, (size_t)(text + size - list));
    }
    http_place_free(root);
    http_map_free(map);
    free(text);
    return 0;
}
