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

#define DAYS_PER_ERA 146097u /* 400 years, after which the calendar repeats itself */
#define SEC_PER_DAY 86400u

/* Years begin in March here, so that a leap day is the last of its year. */
struct time_civil filetime_to_civil(uint64_t ft)
{
    uint64_t sec = ft / FILETIME_PER_SEC;
    uint64_t day = sec / SEC_PER_DAY + 306; /* since 1600-03-01 */
    uint64_t era = day / DAYS_PER_ERA;
    unsigned of_era = (unsigned)(day % DAYS_PER_ERA);
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153; /* 0: March */
    unsigned of_day = (unsigned)(sec % SEC_PER_DAY);
    return (struct time_civil){
        .year = (unsigned)(1600 + era * 400) + year + (month >= 10),
        .month = month < 10 ? month + 3 : month - 9,
        .day = of_year - (153 * month + 2) / 5 + 1,
        .hour = of_day / 3600,
        .minute = of_day / 60 % 60,
        .second = of_day % 60,
    };
}

uint64_t filetime_from_civil(const struct time_civil *t)
{
    if (t->year < 1601 || t->year > 9999 || t->month < 1 || t->month > 12 || t->day < 1 ||
        t->day > 31 || t->hour > 23 || t->minute > 59 || t->second > 59) {
        return 0;
    }
    unsigned year = t->year - 1600 - (t->month < 3);
    unsigned month = t->month < 3 ? t->month + 9 : t->month - 3;
    uint64_t day = 365ull * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 +
                   t->day - 1 - 306;
    uint64_t sec = day * SEC_PER_DAY + t->hour * 3600u + t->minute * 60u + t->second;
    return sec * FILETIME_PER_SEC;
}
