/* SPDX-License-Identifier: Apache-2.0 */
/* A growing text buffer for messages, JSON and listings. Failure sticks. */
#pragma once

#include "base/base.h"
#include "base/wr.h"

/* Append formatted text to a growing writer. */
void wr_printf(struct wr *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
