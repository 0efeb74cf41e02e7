/* SPDX-License-Identifier: Apache-2.0 */
/* The filter bad: the other sides of a volume. */
#include <string.h>

#include "bad.h"

smbkit_status bad_get_quota(void *volume, struct smbkit_op *op, struct smbkit_quota *a)
{
    struct bad *b = volume;
    uint64_t cookie = a->cookie;
    smbkit_status st = smbkit_next_get_quota(b->next, op, a);
    a->cookie = is(b, BREAKS_quota_loops) ? cookie : a->cookie;
    return st;
}

smbkit_status bad_set_quota(void *volume, struct smbkit_op *op, const struct smbkit_quota *a)
{
    struct bad *b = volume;
    return is(b, BREAKS_quota_forgets) ? SMBKIT_STATUS_SUCCESS
                                       : smbkit_next_set_quota(b->next, op, a);
}

smbkit_status bad_session_root(void *volume, struct smbkit_op *op, struct smbkit_session_root *a)
{
    struct bad *b = volume;
    if (!is(b, BREAKS_lost_root)) {
        return smbkit_next_session_root(b->next, op, a);
    }
    a->path.len = sizeof("no-such-folder");
    memcpy(a->path.base, "no-such-folder", a->path.len);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status bad_reconfigure(void *volume, struct smbkit_op *op, struct smbkit_reconfigure *a)
{
    struct bad *b = volume;
    return is(b, BREAKS_never_current) ? SMBKIT_STATUS_UNSUCCESSFUL
                                       : smbkit_next_reconfigure(b->next, op, a);
}

smbkit_status bad_control(void *volume, struct smbkit_op *op, struct smbkit_control *a)
{
    struct bad *b = volume;
    return is(b, BREAKS_knows_commands) ? SMBKIT_STATUS_SUCCESS
                                        : smbkit_next_control(b->next, op, a);
}

smbkit_status bad_snapshots(void *volume, struct smbkit_op *op, struct smbkit_snapshots *a)
{
    struct bad *b = volume;
    smbkit_status st = smbkit_next_snapshots(b->next, op, a);
    for (uint32_t i = 0; SMBKIT_OK(st) && is(b, BREAKS_oldest_first) && i < a->count / 2; i++) {
        uint64_t time = a->times[i];
        a->times[i] = a->times[a->count - 1 - i];
        a->times[a->count - 1 - i] = time;
    }
    return st;
}

smbkit_status bad_watch(void *volume, struct smbkit_op *op, void *file,
                        const struct smbkit_watch *a)
{
    struct bad *b = volume;
    if (is(b, BREAKS_one_watch) && a->on && atomic_fetch_add(&b->calls, 1) > 0) {
        return SMBKIT_STATUS_SHARING_VIOLATION;
    }
    return smbkit_next_watch(b->next, op, file, a);
}

smbkit_status bad_cache_request(void *volume, struct smbkit_op *op, void *file,
                                struct smbkit_cache *a)
{
    struct bad *b = volume;
    smbkit_status st = smbkit_next_cache_request(b->next, op, file, a);
    if (is(b, BREAKS_grants_all)) {
        a->state = SMBKIT_CACHE_READ | SMBKIT_CACHE_HANDLE | SMBKIT_CACHE_WRITE;
    }
    return st;
}

smbkit_status bad_cache_ack(void *volume, struct smbkit_op *op, void *file,
                            const struct smbkit_cache *a)
{
    struct bad *b = volume;
    return is(b, BREAKS_refuses_ack) ? SMBKIT_STATUS_INVALID_PARAMETER
                                     : smbkit_next_cache_ack(b->next, op, file, a);
}

smbkit_status bad_ioctl(void *volume, struct smbkit_op *op, void *file, struct smbkit_ioctl *a)
{
    struct bad *b = volume;
    return is(b, BREAKS_knows_codes) ? SMBKIT_STATUS_SUCCESS
                                     : smbkit_next_ioctl(b->next, op, file, a);
}

smbkit_status bad_lock(void *volume, struct smbkit_op *op, void *file, const struct smbkit_lock *a)
{
    struct bad *b = volume;
    return is(b, BREAKS_lock_refused) ? SMBKIT_STATUS_LOCK_NOT_GRANTED
                                      : smbkit_next_lock(b->next, op, file, a);
}

smbkit_status bad_access_check(void *volume, struct smbkit_op *op, void *file,
                               struct smbkit_access *a)
{
    struct bad *b = volume;
    if (!is(b, BREAKS_grants_more)) {
        return smbkit_next_access_check(b->next, op, file, a);
    }
    a->granted = SMBKIT_ALL_ACCESS;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status bad_get_security(void *volume, struct smbkit_op *op, void *file,
                               struct smbkit_get_security *a)
{
    struct bad *b = volume;
    if (!is(b, BREAKS_bad_owner) || !(a->flags & SMBKIT_SECURITY_STORE_OWNER)) {
        return smbkit_next_get_security(b->next, op, file, a);
    }
    a->buffer.len = 4;
    memcpy(a->buffer.base, "root", 4);
    return SMBKIT_STATUS_SUCCESS;
}
