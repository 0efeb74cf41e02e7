/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is wrong with a configuration, told at once: one line each. */
#pragma once

#include "base/log.h"
#include "base/wr.h"

#define PROBLEMS_MAX 200         /* a file with more is not a configuration */
#define PROBLEMS_TEXT_MAX 65536u /* bytes of text kept */

struct problems {
    struct wr text; /* lines */
    unsigned count;
};

void problems_init(struct problems *p);
void problems_fini(struct problems *p);
void problems_add(struct problems *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* "" when there are none; borrowed until the next add. */
const char *problems_text_get(const struct problems *p);
/* Each line of `from`. */
void problems_add_all(struct problems *p, const struct problems *from);

/* A line of the log for each, with `before` in front. */
void problems_log(const struct problems *p, enum log_level level, const char *before);
