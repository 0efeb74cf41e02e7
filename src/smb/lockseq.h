/* SPDX-License-Identifier: Apache-2.0 */
/* LOCKs that are sent again after a reconnect: each has a number in a bucket of its open. Pure.
 * [MS-SMB2] 3.3.1.10 (Open.LockSequenceArray), 3.3.5.14 */
#pragma once

#include "base/base.h"

#define SMB_LOCKSEQ_BUCKETS 64u

struct smb_lockseq {
    uint64_t valid;                       /* a bit for each bucket */
    uint8_t numbers[SMB_LOCKSEQ_BUCKETS]; /* of those, the one that was done last */
};

/* A LOCK begins. index: LockSequenceIndex, 1 to 64; any other is none. true: it was done before,
 * and is answered so. Any other number empties the bucket. */
static inline bool smb_lockseq_is_done(struct smb_lockseq *s, uint32_t index, uint8_t number)
{
    if (index == 0 || index > SMB_LOCKSEQ_BUCKETS || !(s->valid >> (index - 1) & 1)) {
        return false;
    }
    bool is_same = s->numbers[index - 1] == number;
    if (!is_same) {
        s->valid &= ~(UINT64_C(1) << (index - 1));
    }
    return is_same;
}

/* It was done, and with success. */
static inline void smb_lockseq_done(struct smb_lockseq *s, uint32_t index, uint8_t number)
{
    if (index > 0 && index <= SMB_LOCKSEQ_BUCKETS) {
        s->valid |= UINT64_C(1) << (index - 1);
        s->numbers[index - 1] = number;
    }
}
