/* SPDX-License-Identifier: Apache-2.0 */
/* What jansson decodes of a text. Documents and keys are kept as the server wrote them, because its
 * numbers may be longer than a program's. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "json_span.h"

#define SOFA_JSON_FLAGS (JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL)
#define SOFA_INDENT_MAX 8u /* folds deeper than that stand on one line */

/* Decoded, or NULL: it is no JSON, or so much that it would take more than some 80 MB: see
 * json_span_weight(). */
#define SOFA_WEIGHT_MAX (2u << 20)
json_t *sofa_decode(const char *text, size_t len, size_t flags);
json_t *sofa_span_decode(struct json_span s);

/* A text that jansson takes, with line breaks and a last one, malloc'd; *len_r its bytes without
 * the terminating 0. NULL: no memory. */
char *sofa_json_pretty(struct json_span s, size_t *len_r);
size_t sofa_json_pretty_len(struct json_span s); /* the same bytes, counted */
