/* SPDX-License-Identifier: Apache-2.0 */
/* Values of smbkit.conf(5) by their kind. Each answers false with what was expected in err. */
#pragma once

#include "base/base.h"

/* False always. */
bool value_refuse(char err[256], const char *text);
/* A copy in place of the string before. */
bool value_text(char **slot, const char *value, char err[256]);
bool value_bool(bool *slot, const char *value, char err[256]);
bool value_number(unsigned *slot, const char *value, unsigned min, unsigned max, char err[256]);

struct value_word {
    const char *text;
    int value;
};
/* The value of a word of the list, which ends with NULL; case is ignored. */
bool value_choose(const struct value_word *words, const char *value, int *out, char err[256]);
/* Call fn for each word between blanks and commas, until one answers false; without an error. */
bool value_each_word(const char *value, bool (*fn)(void *arg, const char *word), void *arg);
