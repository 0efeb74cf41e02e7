/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a folder's page, in HTML or in JSON, or as one link. The first byte tells which, and
 * of which folder. Whatever is taken over must be right below the folder and have a name that a
 * file can have. */
#include <stdlib.h>
#include <string.h>

#include "../../plugins/http/http_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check(const char *base, const struct http_item *item, bool is_by_url)
{
    struct http_item again;
    size_t n = strlen(item->name);
    must(n > 0 && n < HTTP_NAME_MAX && !strchr(item->name, '/'));
    must(strcmp(item->name, ".") != 0 && strcmp(item->name, "..") != 0);
    must(strlen(item->url) < HTTP_URL_MAX && strncmp(item->url, base, strlen(base)) == 0);
    for (const char *p = item->url; *p; p++) {
        must(*p > 0x20 && *p < 0x7f);
    }
    must(!item->has_size || !item->is_folder);
    /* What it says of the file it says again. */
    must(http_item_of_href(base, item->url, &again));
    must(strcmp(again.url, item->url) == 0 && again.is_folder == item->is_folder);
    must(!is_by_url || strcmp(again.name, item->name) == 0);
    http_item_fini(&again);
}

/* As a link, and as a name. */
static void one(const char *base, const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct http_item item;
    must(text != NULL);
    memcpy(text, data, size);
    text[size] = 0;
    if (http_item_of_href(base, text, &item)) {
        check(base, &item, true);
        http_item_fini(&item);
    }
    for (int is_folder = 0; is_folder < 2; is_folder++) {
        if (http_item_of_name(base, text, is_folder, &item)) {
            must(strcmp(item.name, text) == 0);
            check(base, &item, true);
            http_item_fini(&item);
        }
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const bases[] = {"http://h/", "https://h:8443/d%20x/e/"};
    struct http_index x = {NULL, 0, 0, 0};
    if (size == 0) {
        return 0;
    }
    const char *base = bases[data[0] & 1];
    const char *text = (const char *)data + 1;
    uint8_t what = (data[0] >> 1) % 3;
    if (what == 0) {
        http_html_parse(base, text, size - 1, &x);
    } else if (what == 1) {
        must(http_json_parse(base, text, size - 1, &x) || x.count == 0);
    } else {
        one(base, data + 1, size - 1);
    }
    must(x.left_out == 0);
    for (uint32_t i = 0; i < x.count; i++) {
        check(base, &x.items[i], what == 0);
    }
    http_index_fini(&x);
    return 0;
}
