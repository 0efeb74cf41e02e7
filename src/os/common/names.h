/* SPDX-License-Identifier: Apache-2.0 */
/* The list of names that os_dir_list() collects, on every system. Inside os/ only. */
#pragma once

#include "base/base.h"

struct names {
    char **items; /* each owned */
    size_t count;
    size_t cap;
};

/* A copy of name, when it ends in suffix and is neither "." nor "..". 0 or -ENOMEM. */
NODISCARD int names_add(struct names *n, const char *name, const char *suffix);
/* By bytes. */
void names_sort(struct names *n);
void names_free(struct names *n);
