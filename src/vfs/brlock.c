/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/brlock.h"

#include "base/mem.h"

#define CAP_FIRST 8

void brlock_init(struct brlock_table *t)
{
    *t = (struct brlock_table){0};
}

void brlock_fini(struct brlock_table *t)
{
    mem_free(t->locks);
    brlock_init(t);
}

bool brlock_range_is_bad(uint64_t offset, uint64_t length)
{
    return length != 0 && offset + (length - 1) < offset;
}

/* {0, 0} touches nothing. */
static bool is_nowhere(uint64_t offset, uint64_t length)
{
    return offset == 0 && length == 0;
}

/* The last byte. An empty range at n ends at n - 1, so that it lies within those that have n - 1
 * and n. Not for {0, 0}. */
static uint64_t last_of(uint64_t offset, uint64_t length)
{
    return offset + length - 1;
}

/* The first lock whose offset is above (or, with or_equal, at or above) offset. */
static uint32_t find_after(const struct brlock_table *t, uint64_t offset, bool or_equal)
{
    uint32_t low = 0;
    uint32_t high = t->count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        uint64_t at = t->locks[mid].offset;
        if (at > offset || (or_equal && at == offset)) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return low;
}

/* may_stop: only the lock at from came or went, so that all is right from where nothing changes. */
static void update_reach(struct brlock_table *t, uint32_t from, bool may_stop)
{
    uint64_t reach = from > 0 ? t->locks[from - 1].reach : 0;
    for (uint32_t i = from; i < t->count; i++) {
        struct brlock *l = &t->locks[i];
        if (!is_nowhere(l->offset, l->length)) {
            reach = MAX(reach, last_of(l->offset, l->length));
        }
        if (may_stop && i > from && l->reach == reach) {
            return;
        }
        l->reach = reach;
    }
}

struct access {
    const void *owner;
    uint64_t offset;
    uint64_t length;
    bool exclusive; /* a write, or an exclusive lock */
    bool is_lock;
};

/* [MS-FSA] 2.1.4.10: an exclusive lock keeps the others out, and its own open from locking
 * exclusively once more; a shared one keeps everybody from writing and from locking exclusively. */
static bool is_in_the_way(const struct brlock *l, const struct access *a)
{
    if (!l->exclusive) {
        return a->exclusive;
    }
    return l->owner != a->owner || (a->is_lock && a->exclusive);
}

static bool conflicts(const struct brlock_table *t, const struct access *a)
{
    if (t->count == 0 || is_nowhere(a->offset, a->length)) {
        return false;
    }
    uint64_t last = last_of(a->offset, a->length);
    for (uint32_t i = find_after(t, last, false); i-- > 0;) {
        const struct brlock *l = &t->locks[i];
        if (l->reach < a->offset) {
            return false;
        }
        if (!is_nowhere(l->offset, l->length) && last_of(l->offset, l->length) >= a->offset &&
            is_in_the_way(l, a)) {
            return true;
        }
    }
    return false;
}

static smbkit_status reserve_one(struct brlock_table *t)
{
    if (t->count < t->cap) {
        return SMBKIT_STATUS_SUCCESS;
    }
    if (t->count == BRLOCK_NODE_MAX) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    uint32_t cap = t->cap ? MIN(t->cap * 2, BRLOCK_NODE_MAX) : CAP_FIRST;
    struct brlock *locks = mem_realloc(t->locks, cap * sizeof(*locks));
    if (!locks) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    t->locks = locks;
    t->cap = cap;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status brlock_lock(struct brlock_table *t, const void *owner, uint64_t offset,
                          uint64_t length, bool exclusive)
{
    struct access a = {owner, offset, length, exclusive, true};
    if (brlock_range_is_bad(offset, length)) {
        return SMBKIT_STATUS_INVALID_LOCK_RANGE;
    }
    if (conflicts(t, &a)) {
        return SMBKIT_STATUS_LOCK_NOT_GRANTED;
    }
    smbkit_status st = reserve_one(t);
    if (!SMBKIT_OK(st)) {
        return st;
    }
    uint32_t at = find_after(t, offset, false);
    mem_move(&t->locks[at + 1], &t->locks[at], (t->count - at) * sizeof(t->locks[0]));
    t->locks[at] =
        (struct brlock){.offset = offset, .length = length, .owner = owner, .exclusive = exclusive};
    t->count++;
    update_reach(t, at, true);
    return SMBKIT_STATUS_SUCCESS;
}

/* Nothing kept for a stream without locks, nor much more than it needs. */
static void trim(struct brlock_table *t)
{
    if (t->count == 0) {
        brlock_fini(t);
    } else if (t->cap > CAP_FIRST && t->count <= t->cap / 4) {
        struct brlock *locks = mem_realloc(t->locks, t->cap / 2 * sizeof(*locks));
        if (locks) {
            t->locks = locks;
            t->cap /= 2;
        }
    }
}

smbkit_status brlock_unlock(struct brlock_table *t, const void *owner, uint64_t offset,
                            uint64_t length)
{
    uint32_t found = UINT32_MAX;
    if (brlock_range_is_bad(offset, length)) {
        return SMBKIT_STATUS_INVALID_LOCK_RANGE;
    }
    for (uint32_t i = find_after(t, offset, true); i < t->count && t->locks[i].offset == offset;
         i++) {
        const struct brlock *l = &t->locks[i];
        if (l->length == length && l->owner == owner) {
            found = i;
            if (l->exclusive) {
                break;
            }
        }
    }
    if (found == UINT32_MAX) {
        return SMBKIT_STATUS_RANGE_NOT_LOCKED;
    }
    t->count--;
    mem_move(&t->locks[found], &t->locks[found + 1], (t->count - found) * sizeof(t->locks[0]));
    update_reach(t, found, true);
    trim(t);
    return SMBKIT_STATUS_SUCCESS;
}

bool brlock_io_conflicts(const struct brlock_table *t, const void *owner, uint64_t offset,
                         uint64_t length, bool is_write)
{
    struct access a = {owner, offset, length, is_write, false};
    if (length == 0) {
        return false;
    }
    if (brlock_range_is_bad(offset, length)) {
        a.length = UINT64_MAX - offset + 1; /* offset > 0, or it would not be bad */
    }
    return conflicts(t, &a);
}

uint32_t brlock_release_owner(struct brlock_table *t, const void *owner)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->locks[i].owner != owner) {
            t->locks[kept++] = t->locks[i];
        }
    }
    uint32_t gone = t->count - kept;
    t->count = kept;
    update_reach(t, 0, false);
    trim(t);
    return gone;
}

uint32_t brlock_count_owner(const struct brlock_table *t, const void *owner)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        n += t->locks[i].owner == owner;
    }
    return n;
}
