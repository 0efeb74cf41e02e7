/* SPDX-License-Identifier: Apache-2.0 */
/* Byte-range locks of one stream. [MS-FSA] 2.1.4.10, 2.1.5.8, 2.1.5.9. The caller holds the node's
 * lock. */
#pragma once

#include "base/base.h"

#define BRLOCK_NODE_MAX 65536 /* 40 bytes each: 2.5 MiB at most for one stream */

struct brlock {
    uint64_t offset;
    uint64_t length;
    uint64_t
        reach; /* the largest end of this and all locks before it: bounds the search backwards */
    const void *owner; /* an open; never followed */
    bool exclusive;
};

struct brlock_table {
    struct brlock *locks; /* ascending by offset, then in order of arrival; owned */
    uint32_t count;
    uint32_t cap;
};

void brlock_init(struct brlock_table *t);
void brlock_fini(struct brlock_table *t);
static inline bool brlock_is_empty(const struct brlock_table *t)
{
    return t->count == 0;
}
/* Does the range wrap past 2^64? offset + length == 2^64 does not. */
bool brlock_range_is_bad(uint64_t offset, uint64_t length);
/* Take a lock. Errors: INVALID_LOCK_RANGE, LOCK_NOT_GRANTED, INSUFFICIENT_RESOURCES
 * (BRLOCK_NODE_MAX), NO_MEMORY. */
NODISCARD smbkit_status brlock_lock(struct brlock_table *t, const void *owner, uint64_t offset,
                                    uint64_t length, bool exclusive);
/* Give up one lock of the owner with exactly this range, an exclusive one first. RANGE_NOT_LOCKED.
 */
NODISCARD smbkit_status brlock_unlock(struct brlock_table *t, const void *owner, uint64_t offset,
                                      uint64_t length);
/* May the owner not read (write) there? A transfer of 0 bytes never conflicts. O(log n) as a rule.
 */
bool brlock_io_conflicts(const struct brlock_table *t, const void *owner, uint64_t offset,
                         uint64_t length, bool is_write);
/* Give up all locks of an owner; how many there were. */
uint32_t brlock_release_owner(struct brlock_table *t, const void *owner);
/* How many locks the owner has. O(n). */
uint32_t brlock_count_owner(const struct brlock_table *t, const void *owner);
