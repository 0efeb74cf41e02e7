/* SPDX-License-Identifier: Apache-2.0 */
/* Previous versions. [MS-SMB2] 3.3.5.15.1 */
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"
#include "smb/ioctl.h"

#define HEADER_BYTES 16u /* what the client must have room for */
#define LABEL_BYTES 25   /* "@GMT-YYYY.MM.DD-HH.MM.SS", terminated */

static void label_format(uint64_t time, char label[LABEL_BYTES])
{
    const struct time_civil t = filetime_to_civil(time);
    (void)str_format(label, LABEL_BYTES, "@GMT-%04u.%02u.%02u-%02u.%02u.%02u", t.year, t.month,
                     t.day, t.hour, t.minute, t.second);
}

#define LABEL "@GMT-dddd.dd.dd-dd.dd.dd" /* d: a digit */

/* The moment that a component such as a label says; 0: it is none. */
static uint64_t label_parse(const char *name)
{
    unsigned numbers[6] = {0};
    unsigned n = 0;
    for (size_t i = 0; i < LABEL_BYTES - 1; i++) {
        bool is_digit = name[i] >= '0' && name[i] <= '9';
        if (LABEL[i] != 'd' ? name[i] != LABEL[i] : !is_digit) {
            return 0;
        }
        n += i > 5 && LABEL[i] != 'd';
        numbers[n] = LABEL[i] == 'd' ? numbers[n] * 10 + (unsigned)(name[i] - '0') : numbers[n];
    }
    char end = name[LABEL_BYTES - 1];
    const struct time_civil t = {numbers[0], numbers[1], numbers[2],
                                 numbers[3], numbers[4], numbers[5]};
    return end == 0 || end == '/' ? filetime_from_civil(&t) : 0;
}

/* NULL: at is in the last one. */
static char *next_component(char *at)
{
    while (*at && *at != '/') {
        at++;
    }
    return *at ? at + 1 : NULL;
}

uint64_t smb_snapshot_take(char *path)
{
    for (char *at = path; at; at = next_component(at)) {
        uint64_t time = label_parse(at);
        if (time) {
            char *rest = next_component(at);
            size_t len = rest ? str_len(rest) : 0;
            char *to = rest || at == path ? at : at - 1; /* the last one goes with its slash */
            mem_move(to, rest ? rest : "", len);
            to[len] = 0;
            return time;
        }
    }
    return 0;
}

/* Either all of them or none, with the room that they need. 2.2.32.2 */
static void labels_tell(const uint64_t *times, uint32_t count, size_t max_bytes, struct wr *w)
{
    CLEANUP_MEM char *text = mem_alloc((size_t)MAX(count, 1u) * LABEL_BYTES);
    CLEANUP_MEM const char **labels = mem_alloc(MAX(count, 1u) * sizeof(*labels));
    for (uint32_t i = 0; text && labels && i < count; i++) {
        label_format(times[i], text + (size_t)i * LABEL_BYTES);
        labels[i] = text + (size_t)i * LABEL_BYTES;
    }
    if (text && labels) {
        fsctl_snapshots_format(w, labels, count, max_bytes);
    }
}

/* A volume without snapshots has an empty list. */
FSCTL_FN(fsctl_enumerate_snapshots)
{
    if (req->max_output_response < HEADER_BYTES) {
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    uint32_t count = SMB_SNAPSHOTS_MAX;
    CLEANUP_MEM uint64_t *times = mem_alloc(count * sizeof(*times));
    if (!times) {
        return SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    smbkit_status status = vfs_snapshots(&r->call, r->open->file, times, &count);
    if (SMBKIT_OK(status)) {
        labels_tell(times, count, req->max_output_response, w);
    }
    return status;
}
