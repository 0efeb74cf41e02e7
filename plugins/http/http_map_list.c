/* SPDX-License-Identifier: Apache-2.0 */
/* Lists in JSON: what a folder's parameters can be. */
#include "http_map.h"

#include <stdio.h>
#include <string.h>

#include "http_json.h"

/* "a.b" is b of a; "." or nothing is the value itself. NULL: there is none. */
static const json_t *field_of(const json_t *value, const char *field)
{
    char key[256];
    while (value && field && *field && strcmp(field, ".") != 0) {
        size_t n = strcspn(field, ".");
        if (n >= sizeof(key)) {
            return NULL;
        }
        memcpy(key, field, n);
        key[n] = 0;
        value = json_object_get(value, key);
        field += n + (field[n] == '.');
    }
    return value;
}

/* A text or a whole number. */
static const char *text_of(const json_t *value, char *buf, size_t room)
{
    if (json_is_integer(value)) {
        snprintf(buf, room, "%lld", (long long)json_integer_value(value));
        return buf;
    }
    const char *text = json_string_value(value);
    return text && strlen(text) == json_string_length(value) ? text : NULL;
}

struct list {
    const struct http_place *folder;
    const char *base;
};

static void item_add(const struct list *l, const json_t *entry, const struct http_map_part *part,
                     const char *value, struct http_index *x)
{
    struct http_item item;
    const struct http_map_part *folder = l->folder->part;
    if (!http_map_item(l->folder, part, value, l->base, &item)) {
        return;
    }
    const json_t *size = folder->size ? field_of(entry, folder->size) : NULL;
    if (json_is_integer(size) && json_integer_value(size) >= 0 && !item.is_folder) {
        item.has_size = true;
        item.size = (uint64_t)json_integer_value(size);
    }
    item.time = folder->time ? http_json_time(field_of(entry, folder->time)) : 0;
    http_index_add(x, &item);
}

/* An entry is whatever of the folder has its parameter: of bob, "bob.json" and the folder "bob". */
static void entry_take(const void *arg, const json_t *entry, struct http_index *x)
{
    const struct list *l = arg;
    for (const struct http_map_field *f = l->folder->part->fields; f; f = f->next) {
        char number[32];
        const char *value = text_of(field_of(entry, f->field), number, sizeof(number));
        for (const struct http_map_part *p = l->folder->part->first; p && value; p = p->next) {
            if (strcmp(p->param, f->param) == 0) {
                item_add(l, entry, p, value, x);
            }
        }
    }
}

bool http_map_list(const struct http_place *folder, const char *base, const char *text,
                   size_t text_len, struct http_index *x)
{
    const struct list l = {folder, base};
    const char *in = folder->part->in;
    const struct json_span page = {text, text_len};
    return http_json_each(page, in ? in : ".", entry_take, &l, x);
}
