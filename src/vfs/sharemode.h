/* SPDX-License-Identifier: Apache-2.0 */
/* Share modes of one stream or directory. [MS-FSA] 2.1.5.1.2.2. The caller holds the node's lock.
 */
#pragma once

#include "base/base.h"

/* The opens that count, by what they do and what they let others do. All zero: none. */
struct sharemode {
    uint32_t opens; /* that are not attribute-only */
    uint32_t readers, writers, deleters;
    uint32_t shares_read, shares_write, shares_delete;
};

/* Has access none of READ_DATA, EXECUTE, WRITE_DATA, APPEND_DATA, DELETE? Such an open neither
 * conflicts nor counts. */
bool sharemode_is_exempt(uint32_t access);
/* May one more open with access (granted, mapped: no generic bits) and share come? O(1). */
NODISCARD bool sharemode_is_allowed(const struct sharemode *s, uint32_t access, uint32_t share);
/* Count it in and out with the same values; exempt access is heeded inside. */
void sharemode_add(struct sharemode *s, uint32_t access, uint32_t share);
void sharemode_remove(struct sharemode *s, uint32_t access, uint32_t share);
