/* SPDX-License-Identifier: Apache-2.0 */
#include "base/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/utf.h"

#define NAMES_CAP_MIN 16u
#define NAMES_TEXT_MAX (1u << 24) /* bytes of a joined text */

static bool grow(struct names *n)
{
    size_t cap = n->cap ? n->cap * 2 : NAMES_CAP_MIN;
    char **items = mem_realloc(n->items, cap * sizeof(*items));
    if (!items) {
        return false;
    }
    n->items = items;
    n->cap = cap;
    return true;
}

bool names_add(struct names *n, const char *name)
{
    if (n->count == n->cap && !grow(n)) {
        return false;
    }
    n->items[n->count] = str_dup(name);
    return n->items[n->count] && ++n->count;
}

bool names_copy(struct names *out, const struct names *n)
{
    *out = (struct names){0};
    for (size_t i = 0; n && i < n->count; i++) {
        if (!names_add(out, n->items[i])) {
            names_fini(out);
            return false;
        }
    }
    return true;
}

bool names_have(const struct names *n, const char *name)
{
    for (size_t i = 0; i < n->count; i++) {
        if (utf8_ieq(n->items[i], name)) {
            return true;
        }
    }
    return false;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_sort(struct names *n)
{
    if (n->count > 0) {
        qsort(n->items, n->count, sizeof(*n->items), compare);
    }
}

void names_fini(struct names *n)
{
    for (size_t i = 0; i < n->count; i++) {
        mem_free(n->items[i]);
    }
    mem_free(n->items);
    *n = (struct names){0};
}

char *names_join(const struct names *n, const char *between)
{
    struct wr w = wr_new(NAMES_TEXT_MAX);
    for (size_t i = 0; i < n->count; i++) {
        wr_printf(&w, "%s%s", i > 0 ? between : "", n->items[i]);
    }
    wr_u8(&w, 0);
    size_t len;
    char *text = (char *)wr_take(&w, &len);
    wr_fini(&w);
    return text;
}
