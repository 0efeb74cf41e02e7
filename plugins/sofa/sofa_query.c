/* SPDX-License-Identifier: Apache-2.0 */
/* Names of folders: "View", "View key=4", "View startkey=200&endkey=300&limit=5", or a key alone.
 * The parameters are those of CouchDB's views, /{db}/_design/{ddoc}/_view/{view}. */
#include "sofa_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sofa_json.h"

#define WORD_DEPTH_MAX 4 /* lists within each other */

/* ---- words as JSON ---- */

static json_t *word_decode(const char *word, size_t len, int depth);

static json_t *list_decode(const char *word, size_t len, int depth)
{
    json_t *list = json_array();
    size_t from = 1;
    int open = 0;
    for (size_t i = 1; list && i < len; i++) {
        bool is_end = open == 0 && (word[i] == ',' || i + 1 == len);
        if (is_end && (i > from || word[i] == ',') &&
            json_array_append_new(list, word_decode(word + from, i - from, depth)) != 0) {
            json_decref(list);
            return NULL;
        }
        from = is_end ? i + 1 : from;
        open += word[i] == '[';
        open -= word[i] == ']' && open > 0;
    }
    return list;
}

static json_t *word_decode(const char *word, size_t len, int depth)
{
    json_t *value = sofa_decode(word, len, JSON_DECODE_ANY);
    if (value) {
        return value;
    }
    bool is_list = len >= 2 && word[0] == '[' && word[len - 1] == ']' && depth < WORD_DEPTH_MAX;
    return is_list ? list_decode(word, len, depth + 1) : json_stringn(word, len);
}

char *sofa_word_json(const char *word, size_t len)
{
    json_t *value = sofa_decode(word, len, SOFA_JSON_FLAGS);
    if (value) { /* as it stands: numbers keep their digits */
        json_decref(value);
        return strndup(word, len);
    }
    value = word_decode(word, len, 0);
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    json_decref(value);
    return text;
}

/* ---- URLs ---- */

char *sofa_escape(const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = malloc(3 * strlen(text) + 1);
    char *to = out;
    for (const char *p = text; out && *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                        (c >= 'A' && c <= 'Z') || strchr("-._~", c);
        if (is_plain) {
            *to++ = *p;
        } else {
            *to++ = '%';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
        }
    }
    if (out) {
        *to = 0;
    }
    return out;
}

/* A name may need a character that stands for something here: %26 is '&'. In place. */
static size_t percent_decode(char *text, size_t len)
{
    size_t to = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned byte;
        char digits[3] = {0};
        bool is_code =
            text[i] == '%' && i + 2 < len && strspn(text + i + 1, "0123456789abcdefABCDEF") >= 2;
        if (is_code) {
            memcpy(digits, text + i + 1, 2);
            byte = (unsigned)strtoul(digits, NULL, 16);
            is_code = byte != 0;
            text[to] = (char)byte;
        }
        if (!is_code) {
            text[to] = text[i];
        }
        to++;
        i += is_code ? 2 : 0;
    }
    text[to] = 0;
    return to;
}

/* ---- parameters ---- */

enum kind { JSON, BOOL, NUMBER, TEXT };

static const struct param {
    const char *name;
    enum kind kind;
} params[] = {
    {"key", JSON},
    {"keys", JSON},
    {"startkey", JSON},
    {"start_key", JSON},
    {"endkey", JSON},
    {"end_key", JSON},
    {"startkey_docid", TEXT},
    {"start_key_doc_id", TEXT},
    {"endkey_docid", TEXT},
    {"end_key_doc_id", TEXT},
    {"descending", BOOL},
    {"inclusive_end", BOOL},
    {"group", BOOL},
    {"reduce", BOOL},
    {"group_level", NUMBER},
    {"limit", NUMBER},
    {"skip", NUMBER},
};

static const struct param *param_find(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
        if (strlen(params[i].name) == len && memcmp(params[i].name, name, len) == 0) {
            return &params[i];
        }
    }
    return NULL;
}

static bool number_of(const char *text, uint64_t *out)
{
    size_t n = strspn(text, "0123456789");
    *out = strtoull(text, NULL, 10);
    return n > 0 && n < 19 && text[n] == 0;
}

/* Appends "&name=value". */
static bool params_add(struct sofa_query *q, const char *name, const char *value)
{
    char *escaped = sofa_escape(value);
    size_t had = strlen(q->params);
    size_t room = had + strlen(name) + (escaped ? strlen(escaped) : 0) + 3;
    char *all = escaped ? realloc(q->params, room) : NULL;
    if (all) {
        q->params = all;
        snprintf(all + had, room - had, "&%s=%s", name, escaped);
    }
    free(escaped);
    return all != NULL;
}

static enum sofa_meaning value_take(struct sofa_query *q, const struct param *p, char *value,
                                    size_t len)
{
    uint64_t number = 0;
    bool is_true = strcmp(value, "true") == 0;
    if (len == 0 || (p->kind == BOOL && !is_true && strcmp(value, "false") != 0) ||
        (p->kind == NUMBER && !number_of(value, &number))) {
        return SOFA_WRONG;
    }
    if (strcmp(p->name, "limit") == 0 || strcmp(p->name, "skip") == 0) {
        *(p->name[0] == 'l' ? &q->limit : &q->skip) = number;
        return SOFA_QUERY;
    }
    bool is_key = strcmp(p->name, "key") == 0 || strcmp(p->name, "keys") == 0;
    bool is_reduce = strcmp(p->name, "reduce") == 0;
    q->is_grouped = q->is_grouped && !is_key && !(is_reduce && !is_true);
    if (is_reduce || strcmp(p->name, "group") == 0) {
        return SOFA_QUERY; /* asked for as the folder needs it */
    }
    char *json = p->kind == JSON ? sofa_word_json(value, len) : NULL;
    if (p->kind == JSON && !json) {
        return SOFA_WRONG;
    }
    bool ok = params_add(q, p->name, json ? json : value);
    free(json);
    return ok ? SOFA_QUERY : SOFA_NO_MEMORY;
}

static enum sofa_meaning params_take(struct sofa_query *q, const char *text)
{
    enum sofa_meaning is = SOFA_QUERY;
    while (is == SOFA_QUERY && *text) {
        size_t n = strcspn(text, "&");
        size_t name_len = strcspn(text, "=&");
        const struct param *p = name_len < n ? param_find(text, name_len) : NULL;
        char *value = p ? strndup(text + name_len + 1, n - name_len - 1) : NULL;
        if (p && !value) {
            return SOFA_NO_MEMORY;
        }
        is = p ? value_take(q, p, value, percent_decode(value, n - name_len - 1)) : SOFA_WRONG;
        free(value);
        text += n + (text[n] == '&');
    }
    return is;
}

/* ---- names ---- */

static bool query_init(struct sofa_query *q, const struct sofa_view *view)
{
    *q = (struct sofa_query){
        .view = view, .params = strdup(""), .limit = UINT64_MAX, .is_grouped = view->is_reduced};
    return q->params != NULL;
}

void sofa_query_fini(struct sofa_query *q)
{
    free(q->params);
    *q = (struct sofa_query){.view = NULL};
}

bool sofa_query_of_key(const struct sofa_view *view, const char *key, struct sofa_query *out)
{
    if (!query_init(out, view) || !params_add(out, "key", key)) {
        sofa_query_fini(out);
        return false;
    }
    out->is_grouped = false;
    return true;
}

/* The longest view that the name begins with, whole or before a blank. */
static const struct sofa_view *view_of(const struct sofa_views *v, const char *name)
{
    const struct sofa_view *found = NULL;
    for (size_t n = strlen(name); n > 0 && !found; n--) {
        if (name[n] == 0 || name[n] == ' ') {
            found = sofa_views_find(v, name, n);
        }
    }
    return found;
}

static enum sofa_meaning key_alone(const struct sofa_views *v, const char *keys, const char *name,
                                   struct sofa_query *out)
{
    const struct sofa_view *view = sofa_views_keys(v, keys);
    if (!view) {
        return SOFA_NOTHING;
    }
    json_t *string = json_string(name);
    char *json = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    json_decref(string);
    if (!json) {
        return SOFA_WRONG;
    }
    bool ok = sofa_query_of_key(view, json, out);
    free(json);
    return ok ? SOFA_QUERY : SOFA_NO_MEMORY;
}

enum sofa_meaning sofa_query_parse(const struct sofa_views *v, const char *keys, const char *name,
                                   struct sofa_query *out)
{
    *out = (struct sofa_query){.view = NULL};
    const struct sofa_view *view = view_of(v, name);
    const char *rest = view ? name + strlen(view->name) : name;
    rest += strspn(rest, " ");
    if (!view || (*rest && !strchr(rest, '='))) {
        return key_alone(v, keys, name, out);
    }
    if (!query_init(out, view)) {
        return SOFA_NO_MEMORY;
    }
    enum sofa_meaning is = params_take(out, rest);
    if (is != SOFA_QUERY) {
        sofa_query_fini(out);
    }
    return is;
}
