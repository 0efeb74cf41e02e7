/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to commands of the administrator. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <smbkit/filter.h>

struct answer_text {
    struct smbkit_control *a;
    size_t len; /* without the end; it may be more than there is room for */
};

/* NULL: the command does not begin with that word. Else what follows it, without the blank. */
const char *answer_is(const struct smbkit_control *a, const char *word);

struct answer_text answer_begin(struct smbkit_control *a);
void answer_put(struct answer_text *t, const char *fmt, ...) SMBKIT_PRINTF(2, 3);
/* As a string of JSON, with its quotes. text: UTF-8; what is none becomes a question mark. */
void answer_put_json(struct answer_text *t, const char *text);
/* BUFFER_TOO_SMALL: the text is longer than the room. */
smbkit_status answer_end(struct answer_text *t);

/* The whole answer. */
smbkit_status answer(struct smbkit_control *a, const char *fmt, ...) SMBKIT_PRINTF(2, 3);
/* What is wrong with the command: INVALID_PARAMETER. */
smbkit_status answer_wrong(struct smbkit_control *a, const char *fmt, ...) SMBKIT_PRINTF(2, 3);

/* text as a string of JSON with its quotes, into buf, cut to whole characters where size is not
 * enough; returns bytes without the end. size >= 3. */
size_t answer_json_string(const char *text, char *buf, size_t size);
