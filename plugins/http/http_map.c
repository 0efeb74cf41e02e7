/* SPDX-License-Identifier: Apache-2.0 */
/* The table. A line is a path, the URL that is asked for it, and what a list tells:
 *
 *     users/                users?per_page=100  {id}=login size=bytes
 *     users/{id}.json       users/{id}
 *     search/{q}/hits.json  search?q={q}
 *
 * Paths make a tree of parts; a part without a line of its own is a folder that nothing is asked
 * for. */
#include "http_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <smbkit/host.h>

struct http_map {
    struct http_map_part root;
    uint32_t count;
};

struct reader {
    struct http_map *map;
    uint32_t line;
    char *error;
    size_t error_size;
};

__attribute__((format(printf, 2, 3))) static bool wrong(struct reader *r, const char *format, ...)
{
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    snprintf(r->error, r->error_size, "line %u: %s", r->line, what);
    return false;
}

static bool no_memory(struct reader *r)
{
    return wrong(r, "no memory");
}

/* ---- parts ---- */

static void part_fini(struct http_map_part *p)
{
    for (struct http_map_field *f = p->fields; f; f = p->fields) {
        p->fields = f->next;
        free(f->field);
        free(f);
    }
    free(p->before);
    free(p->after);
    free(p->url);
    free(p->in);
    free(p->size);
    free(p->time);
}

/* All below p, deepest first, without a call for each depth. */
static void below_free(struct http_map_part *root)
{
    struct http_map_part *at = root;
    while (at->first || at != root) {
        if (at->first) {
            at = at->first;
            continue;
        }
        struct http_map_part *outer = at->outer;
        outer->first = at->next;
        part_fini(at);
        free(at);
        at = outer;
    }
}

void http_map_free(struct http_map *map)
{
    if (map) {
        below_free(&map->root);
        part_fini(&map->root);
        free(map);
    }
}

const struct http_map_part *http_map_root(const struct http_map *map)
{
    return &map->root;
}

static bool is_param_char(char c)
{
    return http_is_unreserved(c) && c != '.' && c != '~';
}

/* What stands in braces at text. */
static bool param_take(struct reader *r, const char *text, size_t len, char *param)
{
    size_t n = 0;
    while (n < len && is_param_char(text[n])) {
        n++;
    }
    if (n == 0 || n != len || n >= HTTP_MAP_PARAM_MAX) {
        return wrong(r, "a name in braces has 1 to %u letters, digits, - and _",
                     HTTP_MAP_PARAM_MAX - 1);
    }
    memcpy(param, text, n);
    param[n] = 0;
    return true;
}

static char *literal(const char *text, size_t len)
{
    char name[HTTP_NAME_MAX];
    return http_decode(text, len, name, sizeof(name)) ? strdup(name) : NULL;
}

/* One name of a path: "users", "{id}.json". */
static bool part_parse(struct reader *r, const char *text, size_t len, struct http_map_part *p)
{
    const char *open = memchr(text, '{', len);
    const char *close = open ? memchr(open, '}', len - (size_t)(open - text)) : NULL;
    size_t before = open ? (size_t)(open - text) : len;
    const char *rest = close ? close + 1 : text + len;
    size_t after = (size_t)(text + len - rest);
    if ((open && !close) || memchr(text, '}', before) || memchr(rest, '{', after) ||
        memchr(rest, '}', after)) {
        return wrong(r, "\"%.*s\" has braces that are not {name}, or more than one of those",
                     (int)(len < 200 ? len : 200), text);
    }
    if (open && !param_take(r, open + 1, (size_t)(close - open) - 1, p->param)) {
        return false;
    }
    p->before = literal(text, before);
    p->after = literal(rest, after);
    bool is_name =
        p->before && p->after &&
        (p->param[0] ? !strchr(p->before, '/') && !strchr(p->after, '/') : http_name_is(p->before));
    return is_name ||
           wrong(r, "\"%.*s\" can be no name of a file", (int)(len < 200 ? len : 200), text);
}

static bool is_same(const struct http_map_part *a, const struct http_map_part *b)
{
    return strcmp(a->before, b->before) == 0 && strcmp(a->after, b->after) == 0 &&
           !a->param[0] == !b->param[0];
}

/* A parameter has its name once in a path, and one name wherever it stands. */
static bool param_check(struct reader *r, const struct http_map_part *outer,
                        const struct http_map_part *p, const struct http_map_part *twin)
{
    if (twin && strcmp(twin->param, p->param) != 0) {
        return wrong(r, "{%s} stands where line %u has {%s}: give both the same name", p->param,
                     twin->line, twin->param);
    }
    for (const struct http_map_part *o = outer; o && p->param[0]; o = o->outer) {
        if (strcmp(o->param, p->param) == 0) {
            return wrong(r, "{%s} stands twice in the path: give one of them another name",
                         p->param);
        }
    }
    if (p->param[0] && outer->value_count >= HTTP_MAP_VALUES_MAX) {
        return wrong(r, "the path has more than %u names in braces", HTTP_MAP_VALUES_MAX);
    }
    return true;
}

/* The part of outer that is like p, or p itself; p is taken over. */
static struct http_map_part *part_add(struct reader *r, struct http_map_part *outer,
                                      struct http_map_part *p)
{
    struct http_map_part *twin = outer->first;
    while (twin && !is_same(twin, p)) {
        twin = twin->next;
    }
    bool ok = param_check(r, outer, p, twin);
    if (ok && !twin && ++r->map->count > HTTP_MAP_PARTS_MAX) {
        ok = wrong(r, "the table has more than %u names", HTTP_MAP_PARTS_MAX);
    }
    if (!ok || twin) {
        part_fini(p);
        free(p);
        return ok ? twin : NULL;
    }
    p->outer = outer;
    p->line = r->line;
    p->value_count = outer->value_count + (p->param[0] ? 1 : 0);
    *(outer->last ? &outer->last->next : &outer->first) = p;
    outer->last = p;
    return p;
}

static struct http_map_part *part_take(struct reader *r, struct http_map_part *outer,
                                       const char *text, size_t len)
{
    struct http_map_part *p = calloc(1, sizeof(*p));
    if (!p) {
        no_memory(r);
        return NULL;
    }
    if (!part_parse(r, text, len, p)) {
        part_fini(p);
        free(p);
        return NULL;
    }
    return part_add(r, outer, p);
}

/* The last part of a path. */
static struct http_map_part *path_take(struct reader *r, const char *path)
{
    struct http_map_part *at = &r->map->root;
    uint32_t depth = 0;
    path += *path == '/';
    while (at && *path) {
        size_t len = strcspn(path, "/");
        if (++depth > HTTP_MAP_DEPTH_MAX) {
            wrong(r, "the path has more than %u names", HTTP_MAP_DEPTH_MAX);
            return NULL;
        }
        at = part_take(r, at, path, len);
        path += len;
        if (at && *path == '/') {
            path++;
            if (!at->is_folder && at->url) {
                wrong(r, "line %u has a file of that name", at->url_line);
                return NULL;
            }
            at->is_folder = true;
        } else if (at && at->is_folder) {
            wrong(r, "a folder's path ends in a slash, and this is one since line %u", at->line);
            return NULL;
        }
    }
    return at;
}

/* ---- what a list tells ---- */

static bool text_set(struct reader *r, char **to, const char *key, const char *value)
{
    if (*to) {
        return wrong(r, "%s= stands twice", key);
    }
    *to = strdup(value);
    return *to || no_memory(r);
}

static bool field_add(struct reader *r, struct http_map_part *p, const char *word,
                      const char *value)
{
    struct http_map_field *f = calloc(1, sizeof(*f));
    if (!f) {
        return no_memory(r);
    }
    f->next = p->fields;
    p->fields = f;
    return param_take(r, word + 1, (size_t)(value - word) - 3, f->param) &&
           text_set(r, &f->field, f->param, value);
}

/* key=field */
static bool option_take(struct reader *r, struct http_map_part *p, char *word)
{
    char *value = strchr(word, '=');
    if (!value || !value[1]) {
        return wrong(r, "\"%.200s\" is not {name}=field, in=field, size=field or time=field", word);
    }
    if (!p->is_folder) {
        return wrong(r,
                     "\"%.200s\" tells of a list, and a file has none: a folder's path ends in a "
                     "slash",
                     word);
    }
    value++;
    if (word[0] == '{' && value - word > 3 && value[-2] == '}') {
        return field_add(r, p, word, value);
    }
    value[-1] = 0;
    char **to = strcmp(word, "in") == 0     ? &p->in
                : strcmp(word, "size") == 0 ? &p->size
                : strcmp(word, "time") == 0 ? &p->time
                                            : NULL;
    return to ? text_set(r, to, word, value)
              : wrong(r, "\"%.200s=\" is not known: there are {name}=, in=, size= and time=", word);
}

/* ---- lines ---- */

static bool url_set(struct reader *r, struct http_map_part *p, const char *text)
{
    char why[256];
    if (p->url) {
        return wrong(r, "line %u has that path already", p->url_line);
    }
    p->url = http_map_url_parse(p, text, why, sizeof(why));
    p->url_line = r->line;
    return p->url || wrong(r, "%s", why);
}

static bool line_take(struct reader *r, char *line)
{
    static const char blanks[] = " \t\r";
    char *rest = NULL;
    char *path = strtok_r(line, blanks, &rest);
    if (!path || path[0] == '#') {
        return true;
    }
    char *url = strtok_r(NULL, blanks, &rest);
    if (!url) {
        return wrong(r, "a path, a blank and the URL that is asked for it: the URL is missing");
    }
    struct http_map_part *p = path_take(r, path);
    if (!p || !url_set(r, p, url)) {
        return false;
    }
    for (char *word = strtok_r(NULL, blanks, &rest); word; word = strtok_r(NULL, blanks, &rest)) {
        if (!option_take(r, p, word)) {
            return false;
        }
    }
    return p->fields || (!p->in && !p->size && !p->time) ||
           wrong(r, "which field has the names is missing: {name}=field");
}

/* Who is named by a list must be in its folder. */
static bool part_check(struct reader *r, const struct http_map_part *p)
{
    for (const struct http_map_field *f = p->fields; f; f = f->next) {
        const struct http_map_part *in = p->first;
        while (in && strcmp(in->param, f->param) != 0) {
            in = in->next;
        }
        if (!in) {
            r->line = p->url_line;
            return wrong(r, "no path has {%s} right in this folder", f->param);
        }
    }
    return true;
}

static bool check(struct reader *r)
{
    struct http_map_part *at = &r->map->root;
    while (at) {
        if (!part_check(r, at)) {
            return false;
        }
        if (at->first) {
            at = at->first;
            continue;
        }
        while (at && !at->next) {
            at = at->outer;
        }
        at = at ? at->next : NULL;
    }
    if (!r->map->root.first) {
        snprintf(r->error, r->error_size, "no line has a path and the URL that is asked for it");
    }
    return r->map->root.first != NULL;
}

static bool lines_take(struct reader *r, char *text, size_t text_len)
{
    if (text_len > HTTP_MAP_BYTES_MAX || memchr(text, 0, text_len)) {
        snprintf(r->error, r->error_size, "it is longer than %u bytes, or no text",
                 HTTP_MAP_BYTES_MAX);
        return false;
    }
    for (char *line = text; line;) {
        char *end = strchr(line, '\n');
        if (end) {
            *end++ = 0;
        }
        r->line++;
        if (!line_take(r, line)) {
            return false;
        }
        line = end;
    }
    return check(r);
}

struct http_map *http_map_parse(const char *text, size_t text_len, char *error, size_t error_size)
{
    struct http_map *map = calloc(1, sizeof(*map));
    char *copy = malloc(text_len + 1);
    struct reader r = {map, 0, error, error_size};
    snprintf(error, error_size, "no memory");
    if (map && copy) {
        memcpy(copy, text, text_len);
        copy[text_len] = 0;
        map->root.is_folder = true;
        map->root.before = strdup("");
        map->root.after = strdup("");
    }
    bool ok = map && copy && map->root.before && map->root.after && lines_take(&r, copy, text_len);
    free(copy);
    if (!ok) {
        http_map_free(map);
        return NULL;
    }
    return map;
}

/* ---- the file ---- */

static char *text_read(int fd, size_t *len_r)
{
    size_t len = 0;
    ssize_t n = 1;
    char *text = malloc(HTTP_MAP_BYTES_MAX + 2);
    while (text && n > 0 && len <= HTTP_MAP_BYTES_MAX) {
        n = read(fd, text + len, HTTP_MAP_BYTES_MAX + 1 - len);
        if (n < 0 && errno != EINTR) {
            free(text);
            return NULL;
        }
        len += n > 0 ? (size_t)n : 0;
        n = n < 0 ? 1 : n;
    }
    if (text) {
        text[len] = 0;
        *len_r = len;
    }
    return text;
}

struct http_map *http_map_read(const char *path, char *error, size_t error_size)
{
    char why[600];
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = fd >= 0 ? text_read(fd, &len) : NULL;
    int err = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (!text) {
        snprintf(error, error_size, "%s: %s", path, strerror(err));
        return NULL;
    }
    struct http_map *map = http_map_parse(text, len, why, sizeof(why));
    free(text);
    if (!map) {
        snprintf(error, error_size, "%s: %s", path, why);
    }
    return map;
}
