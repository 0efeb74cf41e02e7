/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes in JSON: a list of entries, alone or as "entries" of an object. An entry is a name, or an
 * object with
 *   name              a folder's may end in a slash
 *   type              "directory": a folder (nginx); is_dir: true says the same (Caddy)
 *   size              bytes
 *   mtime, mod_time   seconds since 1970, or a date as HTTP or RFC 3339 write it
 *   url               where it is, if its name does not say: relative to the folder */
#include "http_json.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "web.h"

uint64_t http_json_time(const json_t *value)
{
    if (json_is_integer(value)) {
        return web_time_from_unix(json_integer_value(value));
    }
    const char *text = json_string_value(value);
    struct tm tm = {0};
    int len = 0;
    if (text && sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                       &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &len) == 6) {
        const char *zone = strpbrk(text + len, "Zz+-");
        int hours = 0;
        int minutes = 0;
        if (!zone || (strchr("+-", *zone) && sscanf(zone + 1, "%2d:%2d", &hours, &minutes) != 2)) {
            return 0;
        }
        int64_t offset = (hours * 60 + minutes) * 60 * (*zone == '-' ? -1 : 1);
        tm.tm_year -= 1900;
        tm.tm_mon--;
        return web_time_from_unix(timegm(&tm) - offset);
    }
    return text ? web_time_parse(text) : 0;
}

static bool is_folder(const json_t *entry, const char *name)
{
    const char *type = json_string_value(json_object_get(entry, "type"));
    size_t n = strlen(name);
    return (type && strcmp(type, "directory") == 0) ||
           json_is_true(json_object_get(entry, "is_dir")) || (n > 0 && name[n - 1] == '/');
}

static bool of_name(const char *base, const char *given, bool folder, struct http_item *item)
{
    char name[HTTP_NAME_MAX];
    size_t n = strlen(given);
    n -= n > 0 && given[n - 1] == '/';
    if (n >= sizeof(name)) {
        return false;
    }
    memcpy(name, given, n);
    name[n] = 0;
    return http_item_of_name(base, name, folder, item);
}

/* The URL of one, the name of the other. */
static bool of_url(const char *base, const char *url, struct http_item *item)
{
    struct http_item other;
    if (!http_item_of_href(base, url, &other)) {
        http_item_fini(item);
        return false;
    }
    if (other.is_folder != item->is_folder) {
        http_item_fini(&other);
        http_item_fini(item);
        return false;
    }
    char *mine = item->url;
    item->url = other.url;
    other.url = mine;
    http_item_fini(&other);
    return true;
}

static void take(const char *base, const json_t *entry, struct http_index *x)
{
    struct http_item item;
    const char *name =
        json_string_value(json_is_object(entry) ? json_object_get(entry, "name") : entry);
    if (!name || !of_name(base, name, is_folder(entry, name), &item)) {
        return;
    }
    const char *url = json_string_value(json_object_get(entry, "url"));
    if (url && !of_url(base, url, &item)) {
        return;
    }
    const json_t *size = json_object_get(entry, "size");
    if (json_is_integer(size) && json_integer_value(size) >= 0 && !item.is_folder) {
        item.has_size = true;
        item.size = (uint64_t)json_integer_value(size);
    }
    const json_t *time = json_object_get(entry, "mtime");
    item.time = http_json_time(time ? time : json_object_get(entry, "mod_time"));
    http_index_add(x, &item);
}

bool http_json_field(struct json_span value, const char *field, struct json_span *out)
{
    char key[256];
    while (*field && strcmp(field, ".") != 0) {
        size_t n = strcspn(field, ".");
        if (n >= sizeof(key)) {
            return false;
        }
        memcpy(key, field, n);
        key[n] = 0;
        if (!json_span_member(value, key, &value)) {
            return false;
        }
        field += n + (field[n] == '.');
    }
    *out = value;
    return true;
}

bool http_json_each(struct json_span page, const char *in, http_json_fn *fn, const void *arg,
                    struct http_index *x)
{
    struct json_span all;
    struct json_span list;
    struct json_span entry;
    const char *at = page.at;
    const char *end = at + page.len;
    if (!json_span_next(&at, end, &all) || json_blanks_skip(at, end) != end ||
        !http_json_field(all, in, &list) || list.at[0] != '[') {
        return false;
    }
    for (at = NULL; json_span_element(list, &at, &entry);) {
        if (entry.len > HTTP_ENTRY_MAX) {
            x->left_out++;
            continue;
        }
        /* A list, true or null is no entry. */
        bool may_be = strchr("[tfn", entry.at[0]) == NULL;
        json_t *value = may_be ? json_loadb(entry.at, entry.len, JSON_DECODE_ANY, NULL) : NULL;
        if (value) {
            fn(arg, value, x);
        }
        json_decref(value);
    }
    return true;
}

static void entry_take(const void *arg, const json_t *entry, struct http_index *x)
{
    take(arg, entry, x);
}

bool http_json_parse(const char *base, const char *text, size_t text_len, struct http_index *x)
{
    size_t blanks = (size_t)(json_blanks_skip(text, text + text_len) - text);
    bool is_list = blanks < text_len && text[blanks] == '[';
    const struct json_span page = {text, text_len};
    return http_json_each(page, is_list ? "." : "entries", entry_take, base, x);
}
