/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of previous versions, [MS-SMB2] 3.3.5.15.1: the time of the snapshot, UTC. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "snapshot.h"

#define UNIX_EPOCH_S 11644473600u        /* seconds from 1601 to 1970 */
#define LABEL "@GMT-dddd.dd.dd-dd.dd.dd" /* d: a digit */

uint64_t snap_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return ((uint64_t)now.tv_sec + UNIX_EPOCH_S) * SNAP_SECOND;
}

void snap_label(uint64_t time, char label[SNAP_LABEL_SIZE])
{
    time_t s = (time_t)(time / SNAP_SECOND) - (time_t)UNIX_EPOCH_S;
    struct tm tm;
    label[0] = '\0';
    if (gmtime_r(&s, &tm)) {
        (void)strftime(label, SNAP_LABEL_SIZE, "@GMT-%Y.%m.%d-%H.%M.%S", &tm);
    }
}

uint64_t snap_label_time(const char *label)
{
    struct tm tm = {0};
    char again[SNAP_LABEL_SIZE];
    if (strlen(label) != SNAP_LABEL_SIZE - 1) {
        return 0;
    }
    for (size_t i = 0; i < SNAP_LABEL_SIZE - 1; i++) {
        bool is_digit = label[i] >= '0' && label[i] <= '9';
        if (LABEL[i] == 'd' ? !is_digit : label[i] != LABEL[i]) {
            return 0;
        }
    }
    if (sscanf(label, "@GMT-%4d.%2d.%2d-%2d.%2d.%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6) {
        return 0;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    time_t s = timegm(&tm);
    uint64_t time = s > 0 ? ((uint64_t)s + UNIX_EPOCH_S) * SNAP_SECOND : 0;
    snap_label(time, again);
    return time && strcmp(label, again) == 0 ? time : 0;
}
