/* SPDX-License-Identifier: Apache-2.0 */
/* Channel sequences: a client that sends something again, because the channel that it was sent on
 * is lost, counts up; what is still under way from before must not act after it. Pure.
 * [MS-SMB2] 3.3.1.10 (Open.ChannelSequence and the two counts), 3.3.5.2.10, 3.3.4.1 */
#pragma once

#include "base/base.h"

struct smb_sequence {
    uint16_t channel;            /* the newest that was seen */
    uint32_t outstanding;        /* requests of it under way: Open.OutstandingRequestCount */
    uint32_t outstanding_before; /* of older ones: Open.OutstandingPreRequestCount */
};

enum smb_sequence_verdict {
    SMB_SEQUENCE_COUNTED, /* smb_sequence_end is due when it is answered */
    SMB_SEQUENCE_OLD      /* not counted: WRITE, SET_INFO and IOCTL fail, the others go on */
};

/* A request that says `channel` begins; is_replay: SMB2_FLAGS_REPLAY_OPERATION is set. */
NODISCARD enum smb_sequence_verdict smb_sequence_begin(struct smb_sequence *s, uint16_t channel,
                                                       bool is_replay);
/* It is answered: one that was counted when it began. */
void smb_sequence_end(struct smb_sequence *s, uint16_t channel);
