/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#include "test.h"

static const struct {
    const char *name;
    int64_t sec;
    uint32_t nsec;
    uint64_t filetime;
} moments[] = {
    {"1601", -11644473600, 0, 0},
    {"first tick", -11644473600, 100, 1},
    {"before 1970", -1, 999999900, 116444735999999999},
    {"1970", 0, 0, 116444736000000000},
    {"2000-01-01", 946684800, 0, 125911584000000000},
    {"2038", 2147483647, 999999900, 137919572479999999},
};

static void both_ways(void)
{
    for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
        int64_t sec;
        uint32_t nsec;
        test_context("%s", moments[i].name);
        CHECK_INT(filetime_from_unix(moments[i].sec, moments[i].nsec), moments[i].filetime);
        filetime_to_unix(moments[i].filetime, &sec, &nsec);
        CHECK_INT(sec, moments[i].sec);
        CHECK_INT(nsec, moments[i].nsec);
    }
    CHECK_INT(filetime_from_unix(0, 199), 116444736000000001);
}

/* Every day of six centuries follows the one before it, and comes back. */
static void calendar(void)
{
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct time_civil want = {.year = 1601, .month = 1, .day = 1, .hour = 23, .minute = 59, 58};
    for (uint64_t day = 0; want.year < 2201; day++) {
        uint64_t ft = (day * 86400 + 86398) * FILETIME_PER_SEC;
        struct time_civil is = filetime_to_civil(ft);
        if (memcmp(&is, &want, sizeof(is)) != 0 || filetime_from_civil(&is) != ft) {
            test_fail(__FILE__, __LINE__, "day %u: %u-%u-%u", (unsigned)day, is.year, is.month,
                      is.day);
            return;
        }
        bool leap = want.year % 4 == 0 && (want.year % 100 != 0 || want.year % 400 == 0);
        unsigned length = lengths[want.month - 1] + (leap && want.month == 2);
        want.day = want.day < length ? want.day + 1 : 1;
        want.month += want.day == 1;
        want.year += want.month == 13;
        want.month = want.month == 13 ? 1 : want.month;
    }
    CHECK_INT(filetime_from_civil(&(struct time_civil){.year = 2026, .month = 13, .day = 1}), 0);
    CHECK_INT(filetime_from_civil(&(struct time_civil){.year = 1600, .month = 1, .day = 1}), 0);
}

static void clamping(void)
{
    int64_t sec;
    uint32_t nsec;
    CHECK_INT(filetime_from_unix(-11644473601, 999999999), 0);
    CHECK_INT(filetime_from_unix(INT64_MIN, 0), 0);
    CHECK_INT(filetime_from_unix(INT64_MAX, 999999999), INT64_MAX);
    /* the last whole second below the clamp, and the next */
    CHECK_INT(filetime_from_unix(910692730084, 999999999), 9223372036849999999);
    CHECK_INT(filetime_from_unix(910692730085, 0), INT64_MAX);
    filetime_to_unix(INT64_MAX, &sec, &nsec);
    CHECK_INT(sec, 910692730085);
    filetime_to_unix(UINT64_MAX, &sec, &nsec);
    CHECK_INT(sec, 1833029933770);
    CHECK_INT(nsec, 955161500);
}

static const struct test_case cases[] = {
    {"calendar", calendar}, {"both_ways", both_ways}, {"clamping", clamping}};
TEST_MAIN(cases)
