/* SPDX-License-Identifier: Apache-2.0 */
/* Command-line words: options "--name", "--name=VALUE", "--name VALUE"; "--" ends them. */
#pragma once

#include "base/base.h"

struct arg_option {
    const char *name; /* without the hyphens; NULL ends the table */
    int id;           /* >= 0 */
    bool takes_value;
};

#define ARGS_WORD (-1) /* not an option: value holds it */
#define ARGS_END (-2)
#define ARGS_ERROR (-3) /* err holds a line that says what to do */

struct args {
    char **argv; /* borrowed; argv[argc] is not looked at */
    int argc;
    int pos;         /* the next */
    bool only_words; /* "--" was seen */
    const char *value;
    char err[256];
};

/* The words from argv[first]. */
struct args args_init(int argc, char **argv, int first);
/* The option that a word is likely to mean; NULL: none. */
const char *args_meant(const struct arg_option *options, const char *word);
/* The id of the next option, or ARGS_*. */
NODISCARD int args_next(struct args *a, const struct arg_option *options);
