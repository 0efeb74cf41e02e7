/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas: data is counted for the owner of the file, as the volume counts it. Limits are heeded
 * only once that is asked for. What is charged beside data (descriptors, EAs) is nobody's. */
#include "mem_priv.h"

#include <stdlib.h>
#include <string.h>

#define SID_MIN 8u
#define OWNER_OFFSET_AT 4u /* in a self-relative descriptor, [MS-DTYP] 2.4.6 */

void memfs_owners_init(struct memfs_volume *vol)
{
    pthread_mutex_init(&vol->owners_lock, NULL);
    atomic_init(&vol->default_threshold, UINT64_MAX);
    atomic_init(&vol->default_limit, UINT64_MAX);
}

void memfs_owners_fini(struct memfs_volume *vol)
{
    for (uint32_t i = 0; i < vol->owner_count; i++) {
        free(vol->owners[i]);
    }
    pthread_mutex_destroy(&vol->owners_lock);
}

static uint32_t bucket_of(const uint8_t *sid, uint32_t len)
{
    uint32_t hash = 0;
    for (uint32_t i = 0; i < len; i++) {
        hash = hash * 31 + sid[i];
    }
    return hash % MEMFS_OWNER_BUCKETS;
}

/* Under owners_lock. */
static struct memfs_owner *find(struct memfs_volume *vol, const uint8_t *sid, uint32_t len)
{
    struct memfs_owner *o = vol->owner_buckets[bucket_of(sid, len)];
    while (o && (o->sid_len != len || memcmp(o->sid, sid, len) != 0)) {
        o = o->chain;
    }
    return o;
}

/* Under owners_lock. */
static struct memfs_owner *add(struct memfs_volume *vol, const uint8_t *sid, uint32_t len)
{
    struct memfs_owner **bucket = &vol->owner_buckets[bucket_of(sid, len)];
    struct memfs_owner *o = vol->owner_count < MEMFS_OWNERS_MAX ? calloc(1, sizeof(*o)) : NULL;
    if (!o) {
        return NULL;
    }
    memcpy(o->sid, sid, len);
    o->sid_len = len;
    atomic_init(&o->threshold, atomic_load(&vol->default_threshold));
    atomic_init(&o->limit, atomic_load(&vol->default_limit));
    vol->owners[vol->owner_count++] = o;
    o->number = vol->owner_count;
    o->chain = *bucket;
    *bucket = o;
    return o;
}

static struct memfs_owner *find_or_add(struct memfs_volume *vol, const uint8_t *sid, uint32_t len)
{
    pthread_mutex_lock(&vol->owners_lock);
    struct memfs_owner *o = find(vol, sid, len);
    o = o ? o : add(vol, sid, len);
    pthread_mutex_unlock(&vol->owners_lock);
    return o;
}

static bool is_sid(const uint8_t *sid, uint32_t len)
{
    return len >= SID_MIN && len <= MEMFS_SID_MAX && len == SID_MIN + 4u * sid[1];
}

struct memfs_owner *memfs_owner_of(struct memfs_volume *vol, const uint8_t *security, uint32_t len)
{
    if (len < OWNER_OFFSET_AT + 4) {
        return NULL;
    }
    const uint8_t *p = security + OWNER_OFFSET_AT;
    uint32_t at =
        (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    if (at == 0 || at > len || len - at < SID_MIN) {
        return NULL;
    }
    uint32_t sid_len = SID_MIN + 4u * security[at + 1];
    bool is_whole = sid_len <= len - at && is_sid(security + at, sid_len);
    return is_whole ? find_or_add(vol, security + at, sid_len) : NULL;
}

bool memfs_owner_charge(const struct memfs_volume *vol, struct memfs_owner *owner, uint64_t bytes)
{
    if (!owner) {
        return true;
    }
    bool enforces = atomic_load_explicit(&vol->enforces_quotas, memory_order_relaxed);
    uint_fast64_t limit = atomic_load_explicit(&owner->limit, memory_order_relaxed);
    uint_fast64_t used = atomic_load_explicit(&owner->used, memory_order_relaxed);
    do {
        if (enforces && (used > limit || bytes > limit - used)) {
            return false;
        }
        /* Relaxed: a counter on its own, no other memory hangs off it. */
    } while (!atomic_compare_exchange_weak_explicit(&owner->used, &used, used + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

void memfs_owner_uncharge(struct memfs_owner *owner, uint64_t bytes)
{
    if (owner) {
        atomic_fetch_sub_explicit(&owner->used, bytes, memory_order_relaxed);
    }
}

void memfs_data_give(struct memfs_data *data, struct memfs_owner *owner)
{
    uint64_t bytes = data->backed > data->reserve ? data->backed : data->reserve;
    memfs_owner_uncharge(data->owner, bytes);
    data->owner = owner;
    if (owner) {
        atomic_fetch_add_explicit(&owner->used, bytes, memory_order_relaxed);
    }
}

/* ---- as clients see it ---- */

static void tell(const struct memfs_owner *o, struct smbkit_quota *a)
{
    a->used = atomic_load_explicit(&o->used, memory_order_relaxed);
    a->threshold = atomic_load_explicit(&o->threshold, memory_order_relaxed);
    a->limit = atomic_load_explicit(&o->limit, memory_order_relaxed);
}

static void tell_defaults(struct memfs_volume *vol, struct smbkit_quota *a)
{
    bool enforces = atomic_load_explicit(&vol->enforces_quotas, memory_order_relaxed);
    a->flags = SMBKIT_QUOTA_TRACKED | (enforces ? SMBKIT_QUOTA_ENFORCED : 0);
    a->used = 0;
    a->threshold = atomic_load_explicit(&vol->default_threshold, memory_order_relaxed);
    a->limit = atomic_load_explicit(&vol->default_limit, memory_order_relaxed);
}

static smbkit_status tell_next(struct memfs_volume *vol, struct smbkit_quota *a)
{
    pthread_mutex_lock(&vol->owners_lock);
    struct memfs_owner *o = a->cookie < vol->owner_count ? vol->owners[a->cookie] : NULL;
    pthread_mutex_unlock(&vol->owners_lock);
    if (!o) {
        return SMBKIT_STATUS_NOT_FOUND;
    }
    a->sid_r.len = o->sid_len;
    if (a->sid_r.cap < o->sid_len) {
        return SMBKIT_STATUS_BUFFER_TOO_SMALL;
    }
    memcpy(a->sid_r.base, o->sid, o->sid_len);
    a->cookie = o->number;
    tell(o, a);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status memfs_get_quota(void *volume, struct smbkit_op *op, struct smbkit_quota *a)
{
    struct memfs_volume *vol = volume;
    (void)op;
    if (a->flags & SMBKIT_QUOTA_NEXT) {
        return tell_next(vol, a);
    }
    tell_defaults(vol, a);
    if (a->sid.len == 0) {
        return SMBKIT_STATUS_SUCCESS;
    }
    pthread_mutex_lock(&vol->owners_lock);
    struct memfs_owner *o = find(vol, a->sid.base, a->sid.len);
    pthread_mutex_unlock(&vol->owners_lock);
    if (o) {
        tell(o, a);
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status memfs_set_quota(void *volume, struct smbkit_op *op, const struct smbkit_quota *a)
{
    struct memfs_volume *vol = volume;
    (void)op;
    if (a->sid.len == 0) {
        atomic_store(&vol->default_threshold, a->threshold);
        atomic_store(&vol->default_limit, a->limit);
        atomic_store(&vol->enforces_quotas, (a->flags & SMBKIT_QUOTA_ENFORCED) != 0);
        return SMBKIT_STATUS_SUCCESS;
    }
    if (!is_sid(a->sid.base, a->sid.len)) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    struct memfs_owner *o = find_or_add(vol, a->sid.base, a->sid.len);
    if (!o) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    atomic_store(&o->threshold, a->threshold);
    atomic_store(&o->limit, a->limit);
    return SMBKIT_STATUS_SUCCESS;
}
