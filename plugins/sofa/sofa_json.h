/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of a JSON text where they stand in it. jansson decodes what is looked at; documents and
 * keys are kept as the server wrote them, because its numbers may be longer than a program's. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define SOFA_JSON_FLAGS (JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL)
#define SOFA_INDENT_MAX 8u /* folds deeper than that stand on one line */

struct sofa_span {
    const char *at;
    size_t len;
};

/* The next value at *at, before end, without blanks around it; *at is moved behind it. Brackets
 * are counted, not checked: who wants to know whether it is JSON asks jansson. */
bool sofa_span_next(const char **at, const char *end, struct sofa_span *out);
/* The member of that name of an object, or false. Names with escapes are not found. */
bool sofa_span_member(struct sofa_span object, const char *name, struct sofa_span *out);
/* The elements of an array, one by one: *at is NULL before the first. */
bool sofa_span_element(struct sofa_span array, const char **at, struct sofa_span *out);
/* Decoded, or NULL: it is no JSON. */
json_t *sofa_span_decode(struct sofa_span s);
char *sofa_span_copy(struct sofa_span s); /* terminated, malloc'd; NULL: no memory */
bool sofa_span_is(struct sofa_span s, const char *text);

/* A text that jansson takes, with line breaks and a last one, malloc'd; *len_r its bytes without
 * the terminating 0. NULL: no memory. */
char *sofa_json_pretty(struct sofa_span s, size_t *len_r);
size_t sofa_json_pretty_len(struct sofa_span s); /* the same bytes, counted */
