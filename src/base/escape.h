/* SPDX-License-Identifier: Apache-2.0 */
/* Names that others gave, on their way into a log, a terminal or JSON: they end no line and no
 * field, and steer no terminal. */
#pragma once

#include "base/base.h"
#include "base/wr.h"

/* Append s so that it can stand between double quotes, in a field of the log as in JSON: quotes and
 * backslashes get a backslash before them; control characters (C0, DEL, C1), line separators and
 * what is invisible or changes the direction of writing become \uXXXX; bytes that are no UTF-8, and
 * lone surrogates, \ufffd. */
void wr_escaped(struct wr *w, const char *s);
/* Append s with a question mark in place of each such character; quotes stay. For whole lines. */
void wr_plain(struct wr *w, const char *s);

/* "name" with the quotes and as wr_escaped writes it, in buf, cut to size bytes with its end and
 * then ending in "...". NULL is "". What to write: buf, or a constant when there is no room at all.
 */
const char *escape_quote(const char *s, char *buf, uint32_t size);

#define ESCAPE_FIELD_SIZE 400 /* a longer field is cut, and ends in "..." */
struct escape_field {
    char text[ESCAPE_FIELD_SIZE];
};
/* "name" with the quotes, for one key=%s of a line: log_info(ctx, "x user=%s", quoted(user).text).
 * NULL is "". */
struct escape_field quoted(const char *s);
