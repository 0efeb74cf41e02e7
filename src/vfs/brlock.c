/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/brlock.h"

#include "base/mem.h"

struct brlock {
    struct range_link range; /* in kinds[kind]; its owner is a struct brlock_owner */
    struct list link;        /* in that one's locks */
    uint32_t times;
    uint32_t offered; /* of them: not taken yet by who waited for it */
    uint8_t kind;     /* enum brlock_kind */
};
_Static_assert(sizeof(struct brlock) <= BRLOCK_BYTES - 16, "it is charged what it takes");

void brlock_init(struct brlock_table *t)
{
    *t = (struct brlock_table){0};
}

void brlock_fini(struct brlock_table *t)
{
    ASSERT(brlock_is_empty(t));
}

void brlock_owner_init(struct brlock_owner *o)
{
    list_init(&o->locks);
    o->count = 0;
    o->budget = NULL;
}

static smbkit_status brlock_new(struct brlock_owner *o, struct brlock **l_r)
{
    if (o->budget && !budget_take(o->budget, BRLOCK_BYTES, NULL)) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    *l_r = mem_zalloc(sizeof(**l_r));
    if (*l_r) {
        list_push_back(&o->locks, &(*l_r)->link);
        return SMBKIT_STATUS_SUCCESS;
    }
    if (o->budget) {
        budget_give(o->budget, BRLOCK_BYTES);
    }
    return SMBKIT_STATUS_NO_MEMORY;
}

/* Out of its tree and its owner's list. */
static void brlock_free(struct brlock_owner *o, struct brlock *l)
{
    mem_free(l);
    if (o->budget) {
        budget_give(o->budget, BRLOCK_BYTES);
    }
}

bool brlock_range_is_bad(uint64_t offset, uint64_t length)
{
    return length != 0 && offset + (length - 1) < offset;
}

static bool is_nowhere(uint64_t offset, uint64_t length)
{
    return offset == 0 && length == 0;
}

struct access {
    const void *owner;
    uint64_t first, last;
    bool exclusive; /* a write, or an exclusive lock */
    bool is_lock;
};

/* [MS-FSA] 2.1.4.10: an exclusive lock keeps the others out, and its own open from locking
 * exclusively once more; a shared one keeps everybody from writing and from locking exclusively. */
static bool conflicts(const struct brlock_table *t, const struct access *a)
{
    const void *but = a->is_lock && a->exclusive ? NULL : a->owner;
    if (ranges_find(&t->kinds[BRLOCK_EXCLUSIVE], a->first, a->last, but)) {
        return true;
    }
    return a->exclusive && ranges_find(&t->kinds[BRLOCK_SHARED], a->first, a->last, NULL);
}

static struct range_link range_of(struct brlock_owner *owner, uint64_t offset, uint64_t length)
{
    return (struct range_link){
        .first = offset, .last = brlock_last(offset, length), .owner = owner};
}

static struct brlock *lock_get(const struct brlock_table *t, unsigned kind,
                               const struct range_link *key)
{
    struct range_link *l = ranges_get(&t->kinds[kind], key);
    return l ? CONTAINER_OF(l, struct brlock, range) : NULL;
}

/* kind is that of a lock which conflicts with no other. */
static smbkit_status lock_add(struct brlock_table *t, struct brlock_owner *owner,
                              const struct range_link *key, unsigned kind)
{
    if (t->count == BRLOCK_NODE_MAX) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    struct brlock *l = lock_get(t, kind, key);
    if (!l) {
        smbkit_status st = brlock_new(owner, &l);
        if (!SMBKIT_OK(st)) {
            return st;
        }
        l->range = *key;
        l->kind = (uint8_t)kind;
        ranges_add(&t->kinds[kind], &l->range);
    }
    l->times++;
    t->count++;
    owner->count++;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status brlock_lock(struct brlock_table *t, struct brlock_owner *owner, uint64_t offset,
                          uint64_t length, bool exclusive)
{
    if (brlock_range_is_bad(offset, length)) {
        return SMBKIT_STATUS_INVALID_LOCK_RANGE;
    }
    const struct range_link key = range_of(owner, offset, length);
    if (is_nowhere(offset, length)) {
        return lock_add(t, owner, &key, BRLOCK_NOWHERE);
    }
    const struct access a = {owner, key.first, key.last, exclusive, true};
    if (conflicts(t, &a)) {
        return SMBKIT_STATUS_LOCK_NOT_GRANTED;
    }
    return lock_add(t, owner, &key, exclusive ? BRLOCK_EXCLUSIVE : BRLOCK_SHARED);
}

/* l is out of its tree. What waited for a shared lock was to be exclusive: another lock that has
 * all of the range still keeps it out. */
static void freed_add(const struct brlock_table *t, const struct brlock *l, struct brlock_freed *f)
{
    const struct range_link *r = &l->range;
    if (l->kind == BRLOCK_NOWHERE ||
        (l->kind == BRLOCK_SHARED &&
         (ranges_cover(&t->kinds[BRLOCK_SHARED], r->first, r->last) ||
          ranges_cover(&t->kinds[BRLOCK_EXCLUSIVE], r->first, r->last)))) {
        return;
    }
    f->first = f->any ? MIN(f->first, r->first) : r->first;
    f->last = f->any ? MAX(f->last, r->last) : r->last;
    f->any = true;
}

/* The owner's lock with exactly this range, an exclusive one first; NULL. */
static struct brlock *lock_find(struct brlock_table *t, struct brlock_owner *owner, uint64_t offset,
                                uint64_t length)
{
    const struct range_link key = range_of(owner, offset, length);
    if (is_nowhere(offset, length)) {
        return lock_get(t, BRLOCK_NOWHERE, &key);
    }
    struct brlock *l = lock_get(t, BRLOCK_EXCLUSIVE, &key);
    return l ? l : lock_get(t, BRLOCK_SHARED, &key);
}

bool brlock_is_held(struct brlock_table *t, struct brlock_owner *owner, uint64_t offset,
                    uint64_t length)
{
    return !brlock_range_is_bad(offset, length) && lock_find(t, owner, offset, length);
}

smbkit_status brlock_unlock(struct brlock_table *t, struct brlock_owner *owner, uint64_t offset,
                            uint64_t length, struct brlock_freed *freed)
{
    if (brlock_range_is_bad(offset, length)) {
        return SMBKIT_STATUS_INVALID_LOCK_RANGE;
    }
    struct brlock *l = lock_find(t, owner, offset, length);
    if (!l) {
        return SMBKIT_STATUS_RANGE_NOT_LOCKED;
    }
    t->count--;
    owner->count--;
    if (--l->times > 0) {
        l->offered = MIN(l->offered, l->times);
        return SMBKIT_STATUS_SUCCESS;
    }
    ranges_remove(&t->kinds[l->kind], &l->range);
    list_remove(&l->link);
    if (freed) {
        freed_add(t, l, freed);
    }
    brlock_free(owner, l);
    return SMBKIT_STATUS_SUCCESS;
}

bool brlock_io_conflicts(const struct brlock_table *t, const struct brlock_owner *owner,
                         uint64_t offset, uint64_t length, bool is_write)
{
    if (length == 0 || brlock_is_empty(t)) {
        return false;
    }
    uint64_t last = brlock_range_is_bad(offset, length) ? UINT64_MAX : brlock_last(offset, length);
    const struct access a = {owner, offset, last, is_write, false};
    return conflicts(t, &a);
}

void brlock_each(const struct brlock_owner *o,
                 void (*fn)(void *arg, const struct range_link *r, bool exclusive), void *arg)
{
    LIST_FOR_EACH (i, &o->locks) {
        const struct brlock *l = LIST_ENTRY(i, struct brlock, link);
        for (uint32_t n = 0; n < l->times; n++) {
            fn(arg, &l->range, l->kind == BRLOCK_EXCLUSIVE);
        }
    }
}

void brlock_each_taken(const struct brlock_owner *o,
                       void (*fn)(void *arg, const struct range_link *r, bool exclusive), void *arg)
{
    LIST_FOR_EACH (i, &o->locks) {
        const struct brlock *l = LIST_ENTRY(i, struct brlock, link);
        for (uint32_t n = l->offered; n < l->times; n++) {
            fn(arg, &l->range, l->kind == BRLOCK_EXCLUSIVE);
        }
    }
}

void brlock_offer_set(struct brlock_table *t, struct brlock_owner *owner,
                      const struct brlock_offer *offer, bool on)
{
    const struct range_link key = range_of(owner, offer->offset, offer->length);
    unsigned kind = is_nowhere(offer->offset, offer->length) ? BRLOCK_NOWHERE
                    : offer->exclusive                       ? BRLOCK_EXCLUSIVE
                                                             : BRLOCK_SHARED;
    struct brlock *l = lock_get(t, kind, &key);
    if (l && on) {
        l->offered++;
    } else if (l && l->offered > 0) {
        l->offered--;
    }
}

void brlock_offers_copy(const struct brlock_owner *from, struct brlock_table *t,
                        struct brlock_owner *to)
{
    LIST_FOR_EACH (i, &from->locks) {
        const struct brlock *l = LIST_ENTRY(i, struct brlock, link);
        struct range_link key = l->range;
        key.owner = to;
        struct brlock *same = l->offered > 0 ? lock_get(t, l->kind, &key) : NULL;
        if (same) {
            same->offered = l->offered;
        }
    }
}

void brlock_hand_over(struct brlock_table *t, struct brlock_owner *from, struct brlock_owner *to)
{
    ASSERT(list_is_empty(&to->locks) && to->budget == from->budget);
    for (struct list *i; (i = list_pop_front(&from->locks));) {
        struct brlock *l = LIST_ENTRY(i, struct brlock, link);
        ranges_remove(&t->kinds[l->kind], &l->range);
        l->range.owner = to;
        ranges_add(&t->kinds[l->kind], &l->range);
        list_push_back(&to->locks, &l->link);
    }
    to->count = from->count;
    from->count = 0;
}

void brlock_release_owner(struct brlock_table *t, struct brlock_owner *owner,
                          struct brlock_freed *freed)
{
    LIST_FOR_EACH (i, &owner->locks) {
        struct brlock *l = LIST_ENTRY(i, struct brlock, link);
        ranges_remove(&t->kinds[l->kind], &l->range);
    }
    t->count -= owner->count;
    owner->count = 0;
    for (struct list *i; (i = list_pop_front(&owner->locks));) {
        struct brlock *l = LIST_ENTRY(i, struct brlock, link);
        freed_add(t, l, freed);
        brlock_free(owner, l);
    }
}
