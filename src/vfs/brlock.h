/* SPDX-License-Identifier: Apache-2.0 */
/* Byte-range locks of one stream. [MS-FSA] 2.1.4.10, 2.1.5.8, 2.1.5.9. LockKey is not there: SMB 2
 * has none, so the open alone is the owner. The caller holds the node's lock. */
#pragma once

#include "base/budget.h"
#include "base/list.h"
#include "base/ranges.h"

#define BRLOCK_NODE_MAX 262144 /* of one stream: 32 MiB at most, whoever has them */

#define BRLOCK_BYTES 128u /* VFS_LOCK_BYTES: with what the allocator takes besides */

/* Exclusive ones never overlap each other; those of {0, 0} touch nothing. */
enum brlock_kind { BRLOCK_SHARED, BRLOCK_EXCLUSIVE, BRLOCK_NOWHERE, BRLOCK_KINDS };

struct brlock_table {
    struct ranges kinds[BRLOCK_KINDS];
    uint32_t count; /* of locks; a shared one may be there several times */
};

/* What an open has locked. */
struct brlock_owner {
    struct list locks; /* of struct brlock */
    uint32_t count;
    struct budget *budget; /* BRLOCK_BYTES for each of them; NULL: none. Set before the first */
};

/* Where locks were given up that others may have waited for: grows from {0}. */
struct brlock_freed {
    bool any;
    uint64_t first, last; /* whatever waits for it overlaps these; last is included */
};

void brlock_init(struct brlock_table *t);
/* No locks are left. */
void brlock_fini(struct brlock_table *t);
void brlock_owner_init(struct brlock_owner *o);
static inline bool brlock_is_empty(const struct brlock_table *t)
{
    return t->count == 0;
}
/* Does the range wrap past 2^64? offset + length == 2^64 does not. */
bool brlock_range_is_bad(uint64_t offset, uint64_t length);
/* The last byte. An empty range at n ends at n - 1. Not for {0, 0}, and not for what wraps. */
static inline uint64_t brlock_last(uint64_t offset, uint64_t length)
{
    return offset + length - 1;
}
/* Take a lock. Errors: INVALID_LOCK_RANGE, LOCK_NOT_GRANTED, INSUFFICIENT_RESOURCES
 * (BRLOCK_NODE_MAX, the owner's budget), NO_MEMORY. O(log n) */
NODISCARD smbkit_status brlock_lock(struct brlock_table *t, struct brlock_owner *owner,
                                    uint64_t offset, uint64_t length, bool exclusive);
/* Give up one lock of the owner with exactly this range, an exclusive one first. RANGE_NOT_LOCKED,
 * INVALID_LOCK_RANGE. freed: may be NULL. O(log n) */
NODISCARD smbkit_status brlock_unlock(struct brlock_table *t, struct brlock_owner *owner,
                                      uint64_t offset, uint64_t length, struct brlock_freed *freed);
/* Has the owner a lock with exactly this range? O(log n) */
bool brlock_is_held(struct brlock_table *t, struct brlock_owner *owner, uint64_t offset,
                    uint64_t length);
/* May the owner not read (write) there? A transfer of 0 bytes never conflicts. O(log n) */
bool brlock_io_conflicts(const struct brlock_table *t, const struct brlock_owner *owner,
                         uint64_t offset, uint64_t length, bool is_write);
/* Calls fn for each lock of an owner, as often as it was taken. */
void brlock_each(const struct brlock_owner *o,
                 void (*fn)(void *arg, const struct range_link *r, bool exclusive), void *arg);
/* The same of those that have been taken. */
void brlock_each_taken(const struct brlock_owner *o,
                       void (*fn)(void *arg, const struct range_link *r, bool exclusive),
                       void *arg);
/* One of the owner's locks with this range was given to who waits for it, who has not taken it yet;
 * off: has taken it, or gives it back. Harmless when it is not there. O(log n) */
struct brlock_offer {
    uint64_t offset, length;
    bool exclusive;
};
void brlock_offer_set(struct brlock_table *t, struct brlock_owner *owner,
                      const struct brlock_offer *offer, bool on);
/* to has all locks of from, in its table: what is not taken there is not taken here. */
void brlock_offers_copy(const struct brlock_owner *from, struct brlock_table *t,
                        struct brlock_owner *to);
/* All locks of an owner are another's, who has none, and whose budget is the same. O(k log n) */
void brlock_hand_over(struct brlock_table *t, struct brlock_owner *from, struct brlock_owner *to);
/* Give up all locks of an owner. O(k log n) for k of them. */
void brlock_release_owner(struct brlock_table *t, struct brlock_owner *owner,
                          struct brlock_freed *freed);
