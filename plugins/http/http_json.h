/* SPDX-License-Identifier: Apache-2.0 */
/* Lists in JSON, entry by entry. */
#pragma once

#include <jansson.h>

#include "http_index.h"
#include "json_span.h"

#define HTTP_ENTRY_MAX 65536u /* bytes of an entry; a longer one is left out */

/* "a.b" is b of a; "." is the value itself. False: there is none. */
bool http_json_field(struct json_span value, const char *field, struct json_span *out);
/* For each entry of the list that the field in has. False: it is none. */
typedef void http_json_fn(const void *arg, const json_t *entry, struct http_index *x);
bool http_json_each(struct json_span page, const char *in, http_json_fn *fn, const void *arg,
                    struct http_index *x);
/* FILETIME of a time: seconds since 1970, or a date as HTTP or RFC 3339 write it; else 0 */
uint64_t http_json_time(const json_t *value);
