/* SPDX-License-Identifier: Apache-2.0 */
/* A log in a file of a volume: lines with a checksum before each, "CHECKSUM TEXT". A write that was
 * cut off ends it: what is not such a line, and all behind it, is not there. */
#pragma once

#include "side.h"

struct lines {
    const struct side *side;
    uint64_t size; /* bytes of what is good: where the next line goes */
};

/* line(arg, text) for each, which may change text; false ends it with NO_MEMORY. No such file: no
 * lines. INSUFFICIENT_RESOURCES: 256 MiB or more. */
smbkit_status lines_read(struct lines *l, struct smbkit_op *op, const char *path,
                         bool (*line)(void *arg, char *text), void *arg);
/* Text without the ends of lines in it; the file is made when there is none. flags: SMBKIT_IO_*. On
 * failure nothing was added. */
smbkit_status lines_append(struct lines *l, struct smbkit_op *op, const char *path,
                           const char *text, uint32_t flags);
