/* SPDX-License-Identifier: Apache-2.0 */
#include "globs.h"

#include <stdlib.h>
#include <string.h>

#include "letters.h"

/* ---- one pattern ---- */

/* Where matching goes on when it fails: after a star that takes one character more. */
struct retry {
    const uint32_t *pattern;
    const char *at;
};

static bool is_end(char c)
{
    return c == '\0' || c == '/';
}

/* Takes the stars at *p: one does not pass a '/', two do. */
static void note_star(const uint32_t **p, const char *at, struct retry *star, struct retry *all)
{
    bool is_all = (*p)[1] == '*';
    while (**p == '*') {
        (*p)++;
    }
    *(is_all ? all : star) = (struct retry){*p, at};
    if (is_all) {
        star->pattern = NULL;
    }
}

/* false: no star can take more. */
static bool retry(struct retry *star, struct retry *all, const uint32_t **p, const char **at)
{
    struct retry *r = star->pattern && !is_end(*star->at) ? star : all;
    if (!r->pattern || *r->at == '\0') {
        return false;
    }
    if (r == all) {
        star->pattern = NULL;
    }
    letters_next(&r->at);
    *p = r->pattern;
    *at = r->at;
    return true;
}

/* The whole of text, or its beginning up to a '/'. */
static bool matches(const uint32_t *p, const char *text)
{
    struct retry star = {0};
    struct retry all = {0};
    const char *at = text;
    for (;;) {
        if (*p == 0 && is_end(*at)) {
            return true;
        }
        if (*p == '*') {
            note_star(&p, at, &star, &all);
            continue;
        }
        const char *after = at;
        uint32_t c = *at ? letters_next(&after) : 0;
        if (c != 0 && *p != 0 && (*p == '?' ? c != '/' : *p == smbkit_upcase(c))) {
            p++;
            at = after;
        } else if (!retry(&star, &all, &p, &at)) {
            return false;
        }
    }
}

/* ---- a list ---- */

static void glob_fini(struct glob *g)
{
    free(g->text);
    free(g->word);
}

static enum globs_result add_one(struct globs *g, const char *text, size_t len)
{
    const char *from = text + (text[0] == '/' && len > 1);
    if (g->count == GLOBS_MAX) {
        return GLOBS_TOO_MANY;
    }
    if (len > GLOBS_PATTERN_MAX) {
        return GLOBS_TOO_LONG;
    }
    struct glob *list = realloc(g->list, (g->count + 1) * sizeof(*list));
    if (!list) {
        return GLOBS_NO_MEMORY;
    }
    g->list = list;
    struct glob *one = &list[g->count];
    *one = (struct glob){.text = calloc(len + 2, sizeof(uint32_t)), .word = strndup(text, len)};
    if (!one->text || !one->word) {
        glob_fini(one);
        return GLOBS_NO_MEMORY;
    }
    g->count++;
    one->is_place = memchr(text, '/', len) != NULL;
    uint32_t *out = one->text;
    while (from < text + len && (*from != '/' || from + 1 < text + len)) { /* not one at the end */
        *out++ = smbkit_upcase(letters_next(&from));
    }
    if (out == one->text) { /* "/" is the whole share */
        out[0] = out[1] = '*';
    }
    return GLOBS_GOOD;
}

enum globs_result globs_add(struct globs *g, const char *text, char sep)
{
    enum globs_result r = GLOBS_GOOD;
    while (text && *text && r == GLOBS_GOOD) {
        const char *end = sep ? strchr(text, sep) : NULL;
        size_t len = end ? (size_t)(end - text) : strlen(text);
        r = len > 0 ? add_one(g, text, len) : GLOBS_GOOD;
        text += len + (end != NULL);
    }
    return r;
}

const char *globs_result_text(enum globs_result r)
{
    switch (r) {
    case GLOBS_TOO_MANY:
        return "more than 256 patterns";
    case GLOBS_TOO_LONG:
        return "a pattern of more than 256 bytes";
    case GLOBS_NO_MEMORY:
        return "no memory";
    case GLOBS_GOOD:
    default:
        return "";
    }
}

void globs_fini(struct globs *g)
{
    for (uint32_t i = 0; i < g->count; i++) {
        glob_fini(&g->list[i]);
    }
    free(g->list);
    *g = (struct globs){0};
}

/* Some component is called so. */
static bool matches_name(const struct glob *g, const char *path)
{
    const char *at = path;
    while (at && *at) {
        if (matches(g->text, at)) {
            return true;
        }
        at = strchr(at, '/');
        at = at ? at + 1 : NULL;
    }
    return false;
}

bool globs_match(const struct globs *g, const char *path)
{
    for (uint32_t i = 0; i < g->count; i++) {
        const struct glob *one = &g->list[i];
        if (one->is_place ? matches(one->text, path) : matches_name(one, path)) {
            return true;
        }
    }
    return false;
}

bool globs_match_name(const struct globs *g, const char *name)
{
    for (uint32_t i = 0; i < g->count; i++) {
        if (!g->list[i].is_place && matches(g->list[i].text, name)) {
            return true;
        }
    }
    return false;
}

/* The components of the pattern one by one, as long as the folder has some. */
static bool leads_below(const uint32_t *p, const char *folder)
{
    uint32_t part[GLOBS_PATTERN_MAX + 1];
    const char *at = folder;
    while (at && *at) {
        size_t n = 0;
        for (; p[n] && p[n] != '/'; n++) {
            part[n] = p[n];
            if (p[n] == '*' && p[n + 1] == '*') {
                return true; /* it may be anything */
            }
        }
        part[n] = 0;
        if (p[n] == 0 || !matches(part, at)) {
            return false; /* that is not above the pattern, or means the folder itself */
        }
        p += n + 1;
        at = strchr(at, '/');
        at = at ? at + 1 : NULL;
    }
    return true;
}

bool globs_match_below(const struct globs *g, const char *folder)
{
    for (uint32_t i = 0; i < g->count; i++) {
        if (g->list[i].is_place && leads_below(g->list[i].text, folder)) {
            return true;
        }
    }
    return false;
}

bool globs_remove(struct globs *g, const char *word)
{
    for (uint32_t i = 0; i < g->count; i++) {
        if (strcmp(g->list[i].word, word) == 0) {
            glob_fini(&g->list[i]);
            memmove(&g->list[i], &g->list[i + 1], (g->count - i - 1) * sizeof(g->list[0]));
            g->count--;
            return true;
        }
    }
    return false;
}
