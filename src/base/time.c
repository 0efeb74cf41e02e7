/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#define NSEC_PER_TICK 100u
#define UNIX_SEC_OF_FILETIME_0 (-(int64_t)(FILETIME_UNIX_EPOCH / FILETIME_PER_SEC))
/* The last second whose ticks all fit in a signed 64-bit number. */
#define UNIX_SEC_MAX ((int64_t)(INT64_MAX / FILETIME_PER_SEC) + UNIX_SEC_OF_FILETIME_0 - 1)

uint64_t filetime_from_unix(int64_t sec, uint32_t nsec)
{
    if (sec < UNIX_SEC_OF_FILETIME_0) {
        return 0;
    }
    if (sec > UNIX_SEC_MAX) {
        return INT64_MAX;
    }
    return (uint64_t)(sec - UNIX_SEC_OF_FILETIME_0) * FILETIME_PER_SEC + nsec / NSEC_PER_TICK;
}

void filetime_to_unix(uint64_t ft, int64_t *sec_r, uint32_t *nsec_r)
{
    *sec_r = (int64_t)(ft / FILETIME_PER_SEC) + UNIX_SEC_OF_FILETIME_0;
    *nsec_r = (uint32_t)(ft % FILETIME_PER_SEC) * NSEC_PER_TICK;
}
