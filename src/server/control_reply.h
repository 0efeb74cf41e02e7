/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the control socket, and their reading. */
#pragma once

#include <jansson.h>

#include "base/base.h"

#define CONTROL_TEXT_MAX (256u << 10) /* bytes of a text in an answer, terminated */

/* {"ok":false,"error":"..."}. A new reference; NULL without memory. */
NODISCARD json_t *control_refusal(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* One line without its end; owned, the reference is taken. NULL: o is, or no memory. In ASCII: it
 * may be read on a terminal. */
NODISCARD char *control_line(json_t *o);
/* The answer, if it is a good one: a new reference. NULL: *err_r, owned, says what is wrong (NULL
 * without memory). */
NODISCARD json_t *control_answer_read(const char *answer, char **err_r);
