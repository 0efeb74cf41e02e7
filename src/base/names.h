/* SPDX-License-Identifier: Apache-2.0 */
/* A list of owned names. Not locked. */
#pragma once

#include "base/base.h"

struct names {
    char **items; /* each owned */
    size_t count;
    size_t cap;
};

/* Append a copy. False without memory: nothing has changed. */
NODISCARD bool names_add(struct names *n, const char *name);
/* *out becomes a copy of n (NULL: an empty list). False without memory: *out is empty. */
NODISCARD bool names_copy(struct names *out, const struct names *n);
/* Is the name there, in any case of letters? */
bool names_have(const struct names *n, const char *name);
/* Owned; the names with `between` between them. NULL without memory. */
NODISCARD char *names_join(const struct names *n, const char *between);
void names_sort(struct names *n); /* by bytes */
void names_fini(struct names *n); /* frees the names; the list is empty then */
