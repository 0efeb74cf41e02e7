/* SPDX-License-Identifier: Apache-2.0 */
#include "sofa_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sofa_json.h"

/* ---- items ---- */

static void item_fini(struct sofa_item *item)
{
    free(item->name);
    free(item->id);
    free(item->tag);
    free(item->detail);
    free(item->path);
    free(item->path_name);
}

void sofa_items_fini(struct sofa_items *x)
{
    for (uint32_t i = 0; i < x->count; i++) {
        item_fini(&x->all[i]);
    }
    free(x->all);
    *x = (struct sofa_items){NULL, 0, 0, 0};
}

static bool room_make(struct sofa_items *x)
{
    if (x->count < x->room) {
        return true;
    }
    uint32_t room = x->room ? x->room * 2 : 64;
    struct sofa_item *all = realloc(x->all, room * sizeof(*all));
    if (!all) {
        return false;
    }
    x->all = all;
    x->room = room;
    return true;
}

void sofa_items_add(struct sofa_items *x, struct sofa_item *item)
{
    bool is_named = item->name && item->name[0] && strcmp(item->name, ".") != 0 &&
                    strcmp(item->name, "..") != 0;
    if (!is_named || !room_make(x)) {
        x->left_out++;
        item_fini(item);
        return;
    }
    x->all[x->count++] = *item;
}

static char *joined(const char *a, const char *b, const char *c)
{
    size_t n = strlen(a) + strlen(b) + strlen(c) + 1;
    char *text = n <= SOFA_NAME_MAX ? malloc(n) : NULL;
    if (text) {
        snprintf(text, n, "%s%s%s", a, b, c);
    }
    return text;
}

/* A string, or what it is as JSON: "" and null are names too. */
static char *text_of(struct json_span raw)
{
    json_t *value = raw.at[0] == '"' ? sofa_span_decode(raw) : NULL;
    const char *string = json_string_value(value);
    char *text = string && string[0] ? strdup(string) : json_span_copy(raw);
    json_decref(value);
    return text;
}

/* ---- documents ---- */

struct row {
    const struct sofa_naming *how;
    struct sofa_items *x;
    const char *id;
    const char *rev;
    const json_t *doc;
    struct json_span raw; /* the document's text */
    char prefix[64];      /* of names: the key, if that is a number */
};

static void attachments_take(const struct row *r, const json_t *stubs)
{
    const char *name;
    json_t *stub;
    json_object_foreach((json_t *)(uintptr_t)stubs, name, stub)
    {
        const char *digest = json_string_value(json_object_get(stub, "digest"));
        double size = json_number_value(json_object_get(stub, "length"));
        bool is_size = size >= 0 && size < 9e15;
        struct sofa_item item = {.kind = SOFA_ATTACHMENT,
                                 .name = joined(r->prefix, name, ""),
                                 .id = strdup(r->id),
                                 .tag = strdup(digest ? digest : r->rev),
                                 .detail = strdup(name),
                                 .size = is_size ? (uint64_t)size : 0};
        sofa_items_add(r->x, &item);
    }
}

static void folder_take(const struct row *r)
{
    struct sofa_item item = {.kind = SOFA_ATTACHMENTS, .name = strdup(r->id), .id = strdup(r->id)};
    sofa_items_add(r->x, &item);
}

static void document_take(const struct row *r)
{
    const struct sofa_naming *how = r->how;
    const char *given = json_string_value(json_object_get(r->doc, how->name_field));
    const char *name = how->is_documents || !given || !given[0] ? r->id : given;
    struct sofa_item item = {.kind = SOFA_DOCUMENT,
                             .name = joined(r->prefix, name, ".json"),
                             .id = strdup(r->id),
                             .tag = strdup(r->rev),
                             .size = sofa_json_pretty_len(r->raw)};
    const char *path = how->path_field && !how->is_documents
                           ? json_string_value(json_object_get(r->doc, how->path_field))
                           : NULL;
    if (path && path[0]) {
        const char *base = strrchr(path, '/');
        item.path = strdup(path);
        item.path_name = joined(r->prefix, given ? given : base ? base + 1 : path, "");
    }
    sofa_items_add(r->x, &item);
}

static void row_take(struct row *r, struct json_span row)
{
    struct json_span key;
    if (!json_span_member(row, "doc", &r->raw)) {
        return;
    }
    json_t *doc = sofa_span_decode(r->raw);
    r->doc = doc;
    r->id = json_string_value(json_object_get(doc, "_id"));
    r->rev = json_string_value(json_object_get(doc, "_rev"));
    bool is_number = !r->how->is_documents && json_span_member(row, "key", &key) &&
                     (key.at[0] == '-' || (key.at[0] >= '0' && key.at[0] <= '9')) && key.len < 32;
    r->prefix[0] = 0;
    if (is_number) {
        memcpy(r->prefix, key.at, key.len);
        memcpy(r->prefix + key.len, " - ", 4);
    }
    if (r->id && r->rev) {
        const json_t *stubs = json_object_get(doc, "_attachments");
        bool has_any = json_object_size(stubs) > 0;
        const char *field = r->how->path_field;
        bool is_on_disk = field && json_string_value(json_object_get(doc, field));
        if (r->how->is_documents || !has_any || is_on_disk) {
            document_take(r);
        }
        if (has_any && r->how->is_documents) {
            folder_take(r);
        } else if (has_any && !is_on_disk) {
            attachments_take(r, stubs);
        }
    }
    json_decref(doc);
}

static bool rows_find(const char *text, size_t len, struct json_span *rows)
{
    struct json_span all;
    const char *at = text;
    return json_span_next(&at, text + len, &all) && json_span_member(all, "rows", rows) &&
           rows->at[0] == '[';
}

bool sofa_rows_parse(const char *text, size_t len, const struct sofa_naming *how,
                     struct sofa_items *x, uint64_t *rows_r)
{
    struct json_span rows;
    struct json_span row;
    struct row r = {.how = how, .x = x};
    *rows_r = 0;
    if (!rows_find(text, len, &rows)) {
        return false;
    }
    for (const char *at = NULL; json_span_element(rows, &at, &row);) {
        row_take(&r, row);
        (*rows_r)++;
    }
    return true;
}

bool sofa_keys_parse(const char *text, size_t len, struct sofa_items *x, uint64_t *rows_r)
{
    struct json_span rows;
    struct json_span row;
    struct json_span key;
    *rows_r = 0;
    if (!rows_find(text, len, &rows)) {
        return false;
    }
    for (const char *at = NULL; json_span_element(rows, &at, &row);) {
        json_t *value = json_span_member(row, "key", &key) ? sofa_span_decode(key) : NULL;
        if (value) {
            struct sofa_item item = {
                .kind = SOFA_VIEW, .name = text_of(key), .detail = json_span_copy(key)};
            sofa_items_add(x, &item);
        }
        json_decref(value);
        (*rows_r)++;
    }
    return true;
}

bool sofa_databases_parse(const char *text, size_t len, struct sofa_items *x)
{
    json_t *all = sofa_decode(text, len, 0);
    bool is_list = json_is_array(all);
    for (size_t i = 0; is_list && i < json_array_size(all); i++) {
        const char *name = json_string_value(json_array_get(all, i));
        if (name) {
            struct sofa_item item = {
                .kind = SOFA_DATABASE, .name = strdup(name), .id = strdup(name)};
            sofa_items_add(x, &item);
        }
    }
    json_decref(all);
    return is_list;
}

bool sofa_attachments_parse(const char *text, size_t len, struct sofa_items *x)
{
    json_t *doc = sofa_decode(text, len, JSON_DECODE_INT_AS_REAL);
    struct row r = {.x = x,
                    .doc = doc,
                    .id = json_string_value(json_object_get(doc, "_id")),
                    .rev = json_string_value(json_object_get(doc, "_rev"))};
    bool ok = r.id && r.rev;
    if (ok) {
        attachments_take(&r, json_object_get(doc, "_attachments"));
    }
    json_decref(doc);
    return ok;
}

/* ---- changes ---- */

void sofa_change_fini(struct sofa_change *c)
{
    free(c->seq);
    free(c->id);
    free(c->rev);
    *c = (struct sofa_change){NULL, NULL, NULL};
}

/* A sequence is a string, a number or, in old clusters, a list: what it is is the server's. */
bool sofa_change_parse(const char *line, size_t len, struct sofa_change *out)
{
    struct json_span seq;
    struct json_span all;
    const char *at = line;
    *out = (struct sofa_change){NULL, NULL, NULL};
    json_t *change = sofa_decode(line, len, JSON_DECODE_INT_AS_REAL);
    const char *id = json_string_value(json_object_get(change, "id"));
    const json_t *first = json_array_get(json_object_get(change, "changes"), 0);
    const char *rev = json_string_value(json_object_get(first, "rev"));
    bool ok = change && json_span_next(&at, line + len, &all) &&
              json_span_member(all, id ? "seq" : "last_seq", &seq);
    if (ok) {
        out->seq = text_of(seq);
        out->id = id ? strdup(id) : NULL;
        out->rev = rev ? strdup(rev) : NULL;
        ok = out->seq && (out->id || !id);
    }
    json_decref(change);
    if (!ok) {
        sofa_change_fini(out);
    }
    return ok;
}

char *sofa_member_text(const char *text, size_t len, const char *name)
{
    struct json_span all;
    struct json_span member;
    const char *at = text;
    bool is_there = text && json_span_next(&at, text + len, &all) &&
                    json_span_member(all, name, &member) && !json_span_is(member, "null");
    return is_there ? text_of(member) : NULL;
}

bool sofa_document_check(const char *text, size_t len, char **rev_r)
{
    json_t *doc = sofa_decode(text, len, JSON_DECODE_INT_AS_REAL);
    const char *rev = json_string_value(json_object_get(doc, "_rev"));
    bool is_object = json_is_object(doc);
    *rev_r = rev ? strdup(rev) : NULL;
    json_decref(doc);
    return is_object;
}
