/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/sharemode.h"

#include "vfs/vfs.h"

#define READS (SMBKIT_READ_DATA | SMBKIT_EXECUTE)
#define WRITES (SMBKIT_WRITE_DATA | SMBKIT_APPEND_DATA)

bool sharemode_is_exempt(uint32_t access)
{
    return (access & (READS | WRITES | SMBKIT_DELETE)) == 0;
}

/* Does what one does run into what the other does not share? */
static bool is_refused(uint32_t access, uint32_t other_share)
{
    return ((access & READS) != 0 && !(other_share & VFS_SHARE_READ)) ||
           ((access & WRITES) != 0 && !(other_share & VFS_SHARE_WRITE)) ||
           ((access & SMBKIT_DELETE) != 0 && !(other_share & VFS_SHARE_DELETE));
}

bool sharemode_is_allowed(const struct sharemode *s, uint32_t access, uint32_t share)
{
    if (sharemode_is_exempt(access)) {
        return true;
    }
    uint32_t all_share = (s->shares_read == s->opens ? VFS_SHARE_READ : 0) |
                         (s->shares_write == s->opens ? VFS_SHARE_WRITE : 0) |
                         (s->shares_delete == s->opens ? VFS_SHARE_DELETE : 0);
    uint32_t somebody_does = (s->readers ? SMBKIT_READ_DATA : 0) |
                             (s->writers ? SMBKIT_WRITE_DATA : 0) |
                             (s->deleters ? SMBKIT_DELETE : 0);
    return !is_refused(access, all_share) && !is_refused(somebody_does, share);
}

/* by: 1 or, modulo 2^32, -1 */
static void count(struct sharemode *s, uint32_t access, uint32_t share, uint32_t by)
{
    if (sharemode_is_exempt(access)) {
        return;
    }
    s->opens += by;
    s->readers += (access & READS) ? by : 0;
    s->writers += (access & WRITES) ? by : 0;
    s->deleters += (access & SMBKIT_DELETE) ? by : 0;
    s->shares_read += (share & VFS_SHARE_READ) ? by : 0;
    s->shares_write += (share & VFS_SHARE_WRITE) ? by : 0;
    s->shares_delete += (share & VFS_SHARE_DELETE) ? by : 0;
}

void sharemode_add(struct sharemode *s, uint32_t access, uint32_t share)
{
    ASSERT(s->opens != UINT32_MAX);
    count(s, access, share, 1);
}

void sharemode_remove(struct sharemode *s, uint32_t access, uint32_t share)
{
    ASSERT(sharemode_is_exempt(access) || s->opens > 0);
    count(s, access, share, UINT32_MAX);
}
