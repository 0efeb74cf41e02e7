/* SPDX-License-Identifier: Apache-2.0 */
/* Who has asked that a file goes, kept until it does: that may be when somebody else closes it. */
#pragma once

#include <smbkit/types.h>

struct recycle_who {
    unsigned refs;             /* guarded by its owner */
    uint64_t when;             /* counts those who have asked */
    struct smbkit_identity is; /* what the filter looks at: user, SID and flags */
};

/* A copy, with one reference; NULL: without memory, or of nobody. */
struct recycle_who *recycle_who_new(const struct smbkit_identity *who, uint64_t when);
struct recycle_who *recycle_who_ref(struct recycle_who *w); /* NULL allowed */
void recycle_who_unref(struct recycle_who *w);              /* NULL allowed */
