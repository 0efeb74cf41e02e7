/* SPDX-License-Identifier: Apache-2.0 */
/* FILETIME: 100 ns ticks since 1601-01-01 UTC, as uint64. [MS-DTYP] 2.3.3 */
#pragma once

#include "base/base.h"

#define FILETIME_PER_SEC 10000000ull
#define FILETIME_PER_MS 10000ull
#define FILETIME_UNIX_EPOCH 116444736000000000ull

/* Clamps to 0 before 1601 and to INT64_MAX after the year 30827. nsec 0..999,999,999. */
uint64_t filetime_from_unix(int64_t sec, uint32_t nsec);
void filetime_to_unix(uint64_t ft, int64_t *sec_r, uint32_t *nsec_r);

/* A moment in the calendar, UTC. */
struct time_civil {
    unsigned year, month, day, hour, minute, second;
};
struct time_civil filetime_to_civil(uint64_t ft);
/* 0: no such moment, or before 1601. */
uint64_t filetime_from_civil(const struct time_civil *t);
