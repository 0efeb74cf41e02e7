/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of a JSON text where they stand in it, so that a long one from a stranger is decoded piece
 * by piece: what takes a few bytes of text takes hundreds once it is decoded. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct json_span {
    const char *at;
    size_t len;
};

/* The next value at *at, before end, without blanks around it; *at is moved behind it. Brackets
 * are counted, not checked: who wants to know whether it is JSON decodes it. */
bool json_span_next(const char **at, const char *end, struct json_span *out);
/* The member of that name of an object, or false. Names with escapes are not found. */
bool json_span_member(struct json_span object, const char *name, struct json_span *out);
/* The elements of an array, one by one: *at is NULL before the first. */
bool json_span_element(struct json_span array, const char **at, struct json_span *out);
char *json_span_copy(struct json_span s); /* terminated, malloc'd; NULL: no memory */
bool json_span_is(struct json_span s, const char *text);
/* What it takes to decode it, in units of some 40 bytes: values, and brackets for eight. */
size_t json_span_weight(struct json_span s);
/* Behind the blanks at p; behind the string at p, NULL: it does not end. */
const char *json_blanks_skip(const char *p, const char *end);
const char *json_string_skip(const char *p, const char *end);
