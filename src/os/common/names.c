/* SPDX-License-Identifier: Apache-2.0 */
#include "os/common/names.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"

#define NAMES_MIN 16u

static bool name_is_wanted(const char *name, const char *suffix)
{
    size_t len = str_len(name);
    size_t suffix_len = str_len(suffix);
    if (str_eq(name, ".") || str_eq(name, "..")) {
        return false;
    }
    return len >= suffix_len && str_eq(name + len - suffix_len, suffix);
}

static bool names_grow(struct names *n)
{
    size_t cap = n->cap ? n->cap * 2 : NAMES_MIN;
    char **items = mem_realloc(n->items, cap * sizeof(*items));
    if (!items) {
        return false;
    }
    n->items = items;
    n->cap = cap;
    return true;
}

int names_add(struct names *n, const char *name, const char *suffix)
{
    if (!name_is_wanted(name, suffix)) {
        return 0;
    }
    if (n->count == n->cap && !names_grow(n)) {
        return -ENOMEM;
    }
    char *copy = str_dup(name);
    if (!copy) {
        return -ENOMEM;
    }
    n->items[n->count++] = copy;
    return 0;
}

static int name_compare(const void *a, const void *b)
{
    const char *x = *(char *const *)a;
    const char *y = *(char *const *)b;
    while (*x && *x == *y) {
        x++;
        y++;
    }
    return (unsigned char)*x - (unsigned char)*y;
}

void names_sort(struct names *n)
{
    if (n->count > 0) {
        qsort(n->items, n->count, sizeof(*n->items), name_compare);
    }
}

void names_free(struct names *n)
{
    for (size_t i = 0; i < n->count; i++) {
        mem_free(n->items[i]);
    }
    mem_free(n->items);
    *n = (struct names){0};
}
