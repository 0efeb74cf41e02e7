/* SPDX-License-Identifier: Apache-2.0 */
/* Commands to the layers of a share, by the control socket. */
#pragma once

#include <jansson.h>

#include "base/base.h"

struct server;

/* {"command":"control","share":"docs","layer":"pause","text":"resume"}, where "layer" may be left
 * out -> {"ok":true,"text":"..."}. A new reference; NULL without memory. */
NODISCARD json_t *control_layers_answer(struct server *s, const json_t *request);
/* What layers say of themselves for a status, without waiting for any: a list of {"share":...,
 * "layer":...,"text":...,"data":...}. A new reference; NULL without memory. */
NODISCARD json_t *control_layers_status(struct server *s);

/* For clients. The request line; layer NULL: any. Owned; NULL without memory. */
NODISCARD char *control_layers_request(const char *share, const char *layer, const char *text);
/* The text of an answer, owned. NULL: *err_r, owned, says what is wrong (NULL without memory). */
NODISCARD char *control_layers_text(const char *answer, char **err_r);
