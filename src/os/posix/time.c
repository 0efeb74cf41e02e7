/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "base/time.h"
#include "os/os.h"

static struct timespec clock_read(clockid_t id)
{
    struct timespec ts;
    ASSERT(clock_gettime(id, &ts) == 0);
    return ts;
}

uint64_t os_time_now(void)
{
    struct timespec ts = clock_read(CLOCK_REALTIME);
    return filetime_from_unix(ts.tv_sec, (uint32_t)ts.tv_nsec);
}

uint64_t os_monotonic_ns(void)
{
    struct timespec ts = clock_read(CLOCK_MONOTONIC);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t os_monotonic_ms(void)
{
    return os_monotonic_ns() / 1000000u;
}

void os_sleep_ms(unsigned ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0) {
    }
}
